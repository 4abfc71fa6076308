//! The projects and tasks that the recording was made with, as its notes tell of them.

use crate::world::World;

/// Fills an empty database with tasks 1 to 21, none enabled. Task 16 has no project, so from 17 on a project's
/// number is one less than its task's. The project of task 21 is made by [`one_off_soon`].
pub fn create(world: &World) {
    let at = |seconds: i64| format!("'{}'", world.wall_in(seconds));
    let projects = [
        (
            1,
            "'intv_1h'",
            "intv, intv_type, intv_value",
            "1, 'h', 1".to_owned(),
        ),
        (2, "'none'", "description", "''".to_owned()),
        (
            3,
            "'all3'",
            "cron, cron_sec, intv, intv_type, intv_value, ooff, ooff_date",
            format!("1, 59, 1, 'w', 1, 1, {}", at(-8)),
        ),
        (4, "'ooff_past'", "ooff, ooff_date", format!("1, {}", at(-3600))),
        (5, "'ooff_future'", "ooff, ooff_date", format!("1, {}", at(3600))),
        (6, "'cron_2020'", "cron, cron_year", "1, 2020".to_owned()),
        (7, "'cron_allnull'", "cron", "1".to_owned()),
        (8, "'intv_nullvalue_h'", "intv, intv_type", "1, 'h'".to_owned()),
        (9, "'intv_typenull'", "intv, intv_value", "1, 5".to_owned()),
        (10, "'cron_min_99'", "cron, cron_min", "1, 99".to_owned()),
        (
            11,
            "'cron_wd_1_h3'",
            "cron, cron_week_day, cron_hour",
            "1, 1, 3".to_owned(),
        ),
        (
            12,
            "'cron_ended'",
            "cron, cron_sec, cron_end_date",
            format!("1, 0, {}", at(-86_400)),
        ),
        (
            13,
            "'intv_start_past'",
            "intv, intv_type, intv_value, intv_start_date",
            format!("1, 'm', 7, {}", at(-86_413)),
        ),
        (
            14,
            "'intv_ended'",
            "intv, intv_type, intv_value, intv_end_date",
            format!("1, 'm', 5, {}", at(-86_400)),
        ),
        (15, "'ooff_null'", "ooff", "1".to_owned()),
        (16, "NULL", "intv, intv_type, intv_value", "1, 'd', 1".to_owned()),
        (17, "'cron_sec0'", "cron, cron_sec", "1, 0".to_owned()),
        (
            18,
            "'intv_1s'",
            "intv, intv_type, intv_value",
            "1, 's', 1".to_owned(),
        ),
        (
            19,
            "'misfire5s'",
            "intv, intv_type, intv_value",
            "1, 's', 40".to_owned(),
        ),
        (
            21,
            "'intv_2h'",
            "intv, intv_type, intv_value",
            "1, 'h', 2".to_owned(),
        ),
    ];
    let mut script = String::new();
    for (id, name, columns, values) in projects {
        script += &format!("INSERT INTO project (id, name, {columns}) VALUES ({id}, {name}, {values});\n");
        let task = if id < 16 { id } else { id + 1 };
        if task <= 20 {
            script += &task_row(task, &id.to_string(), &format!("'t_' || {name}"));
        }
    }
    script += &task_row(16, "NULL", "'t_none'");
    world.sql(&script);
}

/// Task 21: a one-off that is due so many seconds from now.
pub fn one_off_soon(world: &World, seconds: i64) {
    let date = world.wall_in(seconds);
    world.sql(&format!(
        "INSERT INTO project (id, name, ooff, ooff_date) VALUES (20, 'ooff_soon', 1, '{date}'); {}",
        task_row(21, "20", "'t_ooff_soon'")
    ));
}

/// One more task of project 21, every two hours.
pub fn one_more(world: &World, task: i32) {
    world.sql(&task_row(task, "21", &format!("'t_{task}'")));
}

/// Deletes a task as em_web does: its log first, then the row.
pub fn delete(world: &World, task: i32) {
    world.sql(&format!(
        "DELETE FROM task_log WHERE task_id = {task}; DELETE FROM task WHERE id = {task};"
    ));
}

fn task_row(id: i32, project: &str, name: &str) -> String {
    format!("INSERT INTO task (id, name, project_id, enabled) VALUES ({id}, {name}, {project}, 0);\n")
}
