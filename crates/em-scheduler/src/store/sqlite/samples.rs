//! Sample projects for a demonstration, written into em_web's tables as em_web itself would: the scheduler then finds
//! enabled tasks and schedules them by itself.

use std::path::Path;

use rusqlite::Connection;
use triggers::{UtcMicros, WallMicros, Zone};

use crate::clock::{Clock, SystemClock};
use crate::store::Result;

const SECOND: i64 = 1_000_000;
/// How far ahead the one-off is.
const ONE_OFF_AFTER: i64 = 3;
/// How far ahead the first run of the cron is.
const CRON_AFTER: i64 = 5;
/// The seconds between runs of the interval.
const INTERVAL: i64 = 7;

/// Writes three projects with a task each into a file that has none, and returns a line about each.
///
/// # Errors
/// The file cannot be written.
pub fn insert_samples(database: &Path, zone: &Zone) -> Result<Vec<String>> {
    let now = SystemClock.now();
    let wall_in = |seconds: i64| {
        let at = now.saturating_add(seconds * SECOND).get();
        zone.to_wall(UtcMicros::new(at - at.rem_euclid(SECOND)))
    };
    // The columns of a cron are single numbers, so the shortest period with a fixed second is a minute.
    let cron_second = wall_in(CRON_AFTER).get().div_euclid(SECOND).rem_euclid(60);
    let one_off = wall_in(ONE_OFF_AFTER);
    let mut connection = Connection::open(database)?;
    let transaction = connection.transaction()?;
    transaction.execute(
        "INSERT INTO project (id, name, cron, cron_sec) VALUES (1, 'Cron', 1, ?1)",
        [cron_second],
    )?;
    transaction.execute(
        "INSERT INTO project (id, name, intv, intv_type, intv_value) VALUES (2, 'Interval', 1, 's', ?1)",
        [INTERVAL],
    )?;
    transaction.execute(
        "INSERT INTO project (id, name, ooff, ooff_date) VALUES (3, 'One-off', 1, ?1)",
        [format!("{one_off}.000000")],
    )?;
    for (id, name) in [
        (1, "Refresh the stock list"),
        (2, "Collect sensor data"),
        (3, "Move the archive"),
    ] {
        transaction.execute(
            "INSERT INTO task (id, name, project_id, enabled) VALUES (?1, ?2, ?1, 1)",
            (id, name),
        )?;
    }
    transaction.commit()?;
    Ok(vec![
        format!("task 1  cron      each minute at second {cron_second}"),
        format!("task 2  interval  every {INTERVAL} s"),
        format!("task 3  one-off   once, at {}", time_of_day(one_off)),
    ])
}

/// `HH:MM:SS`
fn time_of_day(wall: WallMicros) -> String {
    let seconds = wall.get().div_euclid(SECOND).rem_euclid(86_400);
    format!(
        "{:02}:{:02}:{:02}",
        seconds / 3600,
        seconds / 60 % 60,
        seconds % 60
    )
}
