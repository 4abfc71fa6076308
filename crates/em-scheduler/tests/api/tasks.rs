//! The projects and tasks that the recording was made with, as its notes tell of them.

use crate::world::World;

/// Fills an empty database with tasks 1 to 21, none enabled. Task 16 has no project, so from 17 on a project's
/// number is one less than its task's. The project of task 21 is made by [`one_off_soon`].
pub fn create(world: &World) {
    let at = |seconds: i64| world.wall_in(seconds);
    let every = |unit: &str, value: i64| format!("intv = 1, intv_type = '{unit}', intv_value = {value}");
    let projects = [
        (1, "intv_1h", every("h", 1)),
        (2, "none", "description = ''".into()),
        (
            3,
            "all3",
            format!(
                "cron = 1, cron_sec = 59, {}, ooff = 1, ooff_date = '{}'",
                every("w", 1),
                at(-8)
            ),
        ),
        (4, "ooff_past", format!("ooff = 1, ooff_date = '{}'", at(-3600))),
        (5, "ooff_future", format!("ooff = 1, ooff_date = '{}'", at(3600))),
        (6, "cron_2020", "cron = 1, cron_year = 2020".into()),
        (7, "cron_allnull", "cron = 1".into()),
        (8, "intv_nullvalue_h", "intv = 1, intv_type = 'h'".into()),
        (9, "intv_typenull", "intv = 1, intv_value = 5".into()),
        (10, "cron_min_99", "cron = 1, cron_min = 99".into()),
        (
            11,
            "cron_wd_1_h3",
            "cron = 1, cron_week_day = 1, cron_hour = 3".into(),
        ),
        (
            12,
            "cron_ended",
            format!("cron = 1, cron_sec = 0, cron_end_date = '{}'", at(-86_400)),
        ),
        (
            13,
            "intv_start_past",
            format!("{}, intv_start_date = '{}'", every("m", 7), at(-86_413)),
        ),
        (
            14,
            "intv_ended",
            format!("{}, intv_end_date = '{}'", every("m", 5), at(-86_400)),
        ),
        (15, "ooff_null", "ooff = 1".into()),
        (16, "", every("d", 1)),
        (17, "cron_sec0", "cron = 1, cron_sec = 0".into()),
        (18, "intv_1s", every("s", 1)),
        (19, "misfire5s", every("s", 40)),
        (21, "intv_2h", every("h", 2)),
    ];
    let mut script = String::new();
    for (id, name, columns) in projects {
        script += &format!(
            "INSERT INTO project (id, name) VALUES ({id}, nullif('{name}', ''));
             UPDATE project SET {columns} WHERE id = {id};\n"
        );
        let task = if id < 16 { id } else { id + 1 };
        if task <= 20 {
            script += &task_row(task, &id.to_string(), &format!("nullif('t_{name}', 't_')"));
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
