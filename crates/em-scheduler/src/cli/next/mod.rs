//! `next`: when a trigger fires next, for a person (one trigger from the command line: a sentence, the fires, and what may
//! surprise) or for a program (cases as JSON lines, answers and nothing else). It needs no database and changes nothing.

mod arguments;
mod fields;
mod jsonl;
mod notes;
mod trigger;

use std::io::{self, Write};

use triggers::{Context, Local, UtcMicros, WallMicros, Zone};

use super::usage::Usage;
use crate::clock::{Clock, SystemClock};
use crate::config::{ConfigError, Environment, Sources, catalogue, read};

pub(super) use self::arguments::NextArguments;

pub(super) const EXAMPLES: &str = "\
Examples:
  em-scheduler next --cron 'hour=2 minute=30' --tz America/New_York -n 5
  em-scheduler next --cron 'day=last fri hour=18' --from 2026-01-01T00:00:00Z
  em-scheduler next --crontab '0 9 * * 1-5'
  em-scheduler next --crontab '@daily'
  em-scheduler next --crontab '0 9 * * 0-4' --dialect aps-crontab
  em-scheduler next --interval 'hours=6' --start '2026-12-01 09:00:00'
  em-scheduler next --date '2026-12-01 09:00:00' --tz Europe/Berlin
  echo '{\"kind\":\"cron\",\"fields\":{\"hour\":2},\"tz\":\"UTC\",\"from\":\"2026-01-01T00:00:00Z\",\"n\":2}' | em-scheduler next --jsonl";

/// In microseconds, leap day included: both changes of the clock lie in it.
const YEAR: i64 = 366 * 86_400_000_000;

pub(super) fn run(arguments: &NextArguments) -> anyhow::Result<()> {
    let usage = |error: triggers::TriggerError| Usage(error.to_string());
    // Not a matter for clap: it drops a `requires` whose target conflicts with what is given, as --crontab does here.
    if arguments.dialect.is_some() && arguments.asked.crontab.is_none() {
        return Err(Usage("--dialect says how a line is read: it needs --crontab".to_owned()).into());
    }
    if !arguments.stray.is_empty() {
        return Err(trigger::unquoted(arguments).into());
    }
    let sources = sources(arguments)?;
    read::tz_data(&sources)?;
    let dst = read::dst(&sources)?;
    if arguments.asked.jsonl {
        return jsonl::answer(io::stdin().lock(), io::stdout().lock(), dst).map_err(Into::into);
    }
    let mut hints = Vec::new();
    let zone = read::zone(&sources, &mut hints)?;
    let now = SystemClock.now();
    let from = arguments
        .from
        .as_deref()
        .map_or(Ok(now), |text| instant(text, &zone, &mut hints))?;
    for hint in hints {
        writeln!(io::stderr(), "em-scheduler: {hint}")?;
    }
    let context = Context {
        zone: zone.clone(),
        dst,
        created: from,
    };
    let definition = trigger::definition(arguments)?;
    let trigger = definition.compile(&context).map_err(usage)?;
    let mut out = io::BufWriter::new(io::stdout().lock());
    writeln!(out, "Fires {}.\n", trigger.describe())?;
    let mut printed = 0;
    for fire in trigger.fires(None, from).take(arguments.count as usize) {
        writeln!(out, "{}", line(&zone, fire))?;
        printed += 1;
    }
    if printed == 0 {
        writeln!(out, "None.")?;
    }
    let notes = definition.notes(&context).map_err(usage)?;
    let hazards = definition
        .hazards(&context, from..from.saturating_add(YEAR))
        .map_err(usage)?;
    notes::write(&mut out, &notes, &hazards)?;
    out.flush()?;
    if printed < arguments.count {
        // Not an answer but a remark: programs read standard output.
        let times = if printed == 0 {
            "no times at all"
        } else {
            "no further times"
        };
        writeln!(
            io::stderr(),
            "em-scheduler: the trigger has {times} from {}",
            line(&zone, from)
        )?;
    }
    Ok(())
}

/// The settings that matter here, so that the answer is the one the service would act on.
fn sources(arguments: &NextArguments) -> Result<Sources, ConfigError> {
    let flags = [
        (catalogue::TIMEZONE.name, &arguments.tz),
        (catalogue::DST.name, &arguments.dst),
        (catalogue::TZ_DATA.name, &arguments.tz_data),
    ];
    let given = flags
        .into_iter()
        .filter_map(|(name, value)| Some((name, value.clone()?)));
    Sources::new(given.collect(), Environment::of_process(), None)
}

/// An instant, or a local time of the zone; a hint says where the clock has none or two of it.
fn instant(text: &str, zone: &Zone, hints: &mut Vec<String>) -> Result<UtcMicros, Usage> {
    if let Ok(instant) = text.parse() {
        return Ok(instant);
    }
    let wall = text.parse::<WallMicros>();
    let wall = wall.map_err(|error| Usage(format!("--from {text:?}: {error}")))?;
    Ok(match zone.local(wall) {
        Local::Once(instant) => instant,
        Local::Skipped { taken, other } => {
            hints.push(format!(
                "the clock skips --from {wall}: {taken} is taken, not {other}"
            ));
            taken
        }
        Local::Twice { taken, other } => {
            hints.push(format!(
                "the clock shows --from {wall} twice: {taken} is taken, not {other}"
            ));
            taken
        }
    })
}

/// `Sun 2024-03-10 03:30:00 -04:00  2024-03-10T07:30:00Z`
fn line(zone: &Zone, at: UtcMicros) -> String {
    let wall = zone.to_wall(at);
    let days = wall.get().div_euclid(86_400_000_000);
    // The epoch was a Thursday.
    let weekday =
        ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"][days.rem_euclid(7).unsigned_abs() as usize];
    let offset = (wall.get() - at.get()) / 1_000_000;
    let (sign, offset) = (if offset < 0 { '-' } else { '+' }, offset.abs());
    let seconds = match offset % 60 {
        0 => String::new(),
        seconds => format!(":{seconds:02}"),
    };
    format!(
        "{weekday} {wall} {sign}{:02}:{:02}{seconds}  {at}",
        offset / 3600,
        offset / 60 % 60
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_shows_the_wall_its_offset_and_the_instant() {
        for (zone, at, expected) in [
            (
                "America/New_York",
                "2024-03-10T07:30:00Z",
                "Sun 2024-03-10 03:30:00 -04:00  2024-03-10T07:30:00Z",
            ),
            (
                "Asia/Kathmandu",
                "1970-01-01T00:00:00Z",
                "Thu 1970-01-01 05:30:00 +05:30  1970-01-01T00:00:00Z",
            ),
            (
                "UTC",
                "2026-02-28T00:00:00Z",
                "Sat 2026-02-28 00:00:00 +00:00  2026-02-28T00:00:00Z",
            ),
        ] {
            assert_eq!(line(&Zone::named(zone).unwrap(), at.parse().unwrap()), expected);
        }
    }
}
