//! `/api/schedule` against a walk over all fires, in zones whose hours begin at odd minutes.

use serde_json::{Value, json};
use triggers::{Context, Definition, UtcMicros};

use crate::on_both_databases;
use crate::tasks;
use crate::world::{SECOND, World};
use test_world::Backend;

const HOUR: i64 = 3600 * SECOND;

/// Walks the fires of the stored jobs one by one.
async fn walked(world: &World, now: UtcMicros) -> Value {
    let wall = world.zone.to_wall(now).get();
    let mut rows = vec![(now, "now".to_owned(), 0)];
    let mut start = now.saturating_add(HOUR - wall.rem_euclid(HOUR));
    while rows.len() < 25 {
        let hour = world.zone.to_wall(start).get().div_euclid(HOUR).rem_euclid(24);
        rows.push((start, format!("{hour}:00"), 0));
        start = start.saturating_add(HOUR);
    }
    let end = now.saturating_add(24 * HOUR);
    for job in world.store.list_jobs(true).await.expect("jobs") {
        let definition: Definition = serde_json::from_str(&job.definition).expect("a definition");
        let context = Context::new(world.zone.clone(), job.created_at);
        let trigger = definition.compile(&context).expect("a trigger");
        let mut fire = job.next_run_at;
        while let Some(at) = fire.filter(|at| *at < end) {
            if let Some(row) = rows.iter_mut().rev().find(|(start, _, _)| *start <= at) {
                row.2 += 1;
            }
            fire = trigger.next_fire(Some(at), at);
        }
    }
    rows.iter()
        .map(|(_, case, count)| json!({"case": case, "count": count}))
        .collect()
}

/// Time goes on between the question and the walk: the answer is that of before or that of after.
async fn matches_the_walk(world: &World) {
    let before = world.store.now();
    let answer = world.get("/api/schedule").await.json();
    let after = world.store.now();
    let expected = [walked(world, before).await, walked(world, after).await];
    assert!(expected.contains(&answer), "{answer}\nis none of\n{expected:?}");
}

async fn rows_count_what_a_walk_counts(world: World) {
    tasks::create(&world);
    matches_the_walk(&world).await;
    for id in [1, 5, 11, 12, 13, 14, 18, 17] {
        world
            .expect(&format!("/api/add/{id}"), "Scheduler: task job added!")
            .await;
    }
    world
        .expect("/api/run/1/delay/100", "Scheduler: task scheduled!")
        .await;
    world
        .expect("/api/run/1/delay/1441", "Scheduler: task scheduled!")
        .await;
    matches_the_walk(&world).await;
    // Some are overdue then: their next run does not count, what follows it does.
    world.pass(5000);
    matches_the_walk(&world).await;
    world
        .expect("/api/shutdown", "Scheduler: scheduler shutdown!")
        .await;
    matches_the_walk(&world).await;
}

async fn a_definition_that_cannot_be_read_is_left_out(world: World) {
    tasks::create(&world);
    world.expect("/api/add/1", "Scheduler: task job added!").await;
    world.expect("/api/add/13", "Scheduler: task job added!").await;
    world.sql("UPDATE scheduler_job SET definition = 'odd' WHERE task_id = 13");
    let rows = world.get("/api/schedule").await.json();
    let total: u64 = rows
        .as_array()
        .expect("a list")
        .iter()
        .map(|row| row["count"].as_u64().expect("a count"))
        .sum();
    assert!((23..=24).contains(&total), "only the hourly one: {rows}");
}

on_both_databases!(
    rows_count_what_a_walk_counts,
    a_definition_that_cannot_be_read_is_left_out
);

mod zones {
    use super::*;

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn sqlite() {
        for zone in [
            "Asia/Kathmandu",
            "Europe/Berlin",
            "America/St_Johns",
            "Pacific/Chatham",
        ] {
            rows_count_what_a_walk_counts(World::in_zone(Backend::Sqlite, zone).await).await;
        }
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn postgres() {
        for zone in ["Asia/Kolkata", "Europe/Berlin"] {
            rows_count_what_a_walk_counts(World::in_zone(Backend::Postgres, zone).await).await;
        }
    }
}
