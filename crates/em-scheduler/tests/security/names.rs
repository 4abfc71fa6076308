//! Text that other people wrote, in em_web's tables, on its way into the task's log.

use crate::tasks;
use crate::world::World;
use test_world::Backend;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_column_says_cannot_forge_a_line_of_the_task_log() {
    let world = World::new(Backend::Sqlite).await;
    tasks::create(&world);
    let evil = "y'||char(10)||'2026-01-01 Job executed.'||char(27)||'[31m'||char(13)||char(8)||'";
    world.sql(&format!(
        "UPDATE project SET intv_type = '{evil}', name = '{evil}' WHERE id = 1; UPDATE task SET name = '{evil}' WHERE id = 1"
    ));
    let reason = world.refused("/api/add/1", "Scheduler (add job):\n").await;
    assert!(reason.contains("intv_type"), "{reason}");
    for text in world.rows("SELECT message FROM task_log").iter().chain([&reason]) {
        assert!(!text.chars().any(char::is_control), "{text:?}");
    }
    // A name that the schedule does not depend on comes back as JSON, whatever is in it.
    world.sql("UPDATE project SET intv_type = 'h' WHERE id = 1");
    world.expect("/api/add/1", "Scheduler: task job added!").await;
    let details = world.get("/api/details").await;
    assert!(!details.body.chars().any(char::is_control), "{details:?}");
    let name = details.json()[0]["name"].as_str().expect("a name").to_owned();
    assert!(name.contains("\n2026-01-01 Job executed.\u{1b}[31m"), "{name:?}");
    for text in world.rows("SELECT message FROM task_log") {
        assert!(!text.chars().any(char::is_control), "{text:?}");
    }
}
