//! Which paths and methods mean what, for every route.

use crate::on_both_databases;
use crate::tasks;
use crate::world::World;

pub const READS: [&str; 5] = [
    "/api",
    "/api/jobs",
    "/api/details",
    "/api/scheduled",
    "/api/schedule",
];

/// In an order in which each can succeed but the last, which comes after the stop.
pub const CHANGES: [&str; 10] = [
    "/api/add/1",
    "/api/delete/1",
    "/api/run/1",
    "/api/run/1/delay/5",
    "/api/delete",
    "/api/delete-orphans",
    "/api/pause",
    "/api/resume",
    "/api/shutdown",
    "/api/kill",
];

/// What changes when something is done: jobs, events, the switches, the requests to the runner.
pub async fn state(world: &World) -> String {
    let counts = world.row("SELECT (SELECT count(*) FROM scheduler_job), (SELECT count(*) FROM task_log)");
    let paused = world.store.paused().await.expect("paused");
    let (stopped, asked) = (world.server.control.is_stopped(), world.runner.receipts().len());
    format!("{counts} {paused} {stopped} {asked}")
}

async fn every_route_takes_its_methods_and_no_other(world: World) {
    tasks::create(&world);
    world.expect("/api/add/1", "Scheduler: task job added!").await;
    let before = state(&world).await;
    for (paths, allowed) in [(&READS[..], "GET, HEAD, OPTIONS"), (&CHANGES[..], "GET, OPTIONS")] {
        for path in paths {
            for method in ["HEAD", "OPTIONS", "POST", "PUT", "DELETE", "PATCH", "BREW"] {
                let answer = world.send(method, path).await;
                let case = format!("{method} {path}: {answer:?}");
                if method == "OPTIONS" {
                    assert_eq!((answer.status, answer.body.as_str()), (200, ""), "{case}");
                    assert_eq!(answer.header("allow"), allowed, "{case}");
                    continue;
                }
                assert_eq!(answer.header("content-type"), "application/json", "{case}");
                if method == "HEAD" && allowed.contains("HEAD") {
                    assert_eq!((answer.status, answer.body.as_str()), (200, ""), "{case}");
                    continue;
                }
                assert_eq!(answer.status, 405, "{case}");
                assert_eq!(answer.header("allow"), allowed, "{case}");
                if method == "HEAD" {
                    assert_eq!(answer.body, "", "{case}");
                } else {
                    assert!(answer.error().starts_with("405 Method Not Allowed"), "{case}");
                }
            }
        }
    }
    assert_eq!(
        state(&world).await,
        before,
        "a method that is not GET did something"
    );
}

async fn every_route_answers_with_a_slash_more(world: World) {
    tasks::create(&world);
    for path in READS {
        let (plain, slash) = (world.get(path).await, world.get(&format!("{path}/?x=1")).await);
        assert_eq!((slash.status, slash.json()), (200, plain.json()), "{path}");
    }
    for path in &CHANGES[..9] {
        let answer = world.get(&format!("{path}/")).await;
        assert_eq!(answer.status, 200, "{path}");
        assert!(answer.message().starts_with("Scheduler: "), "{path}: {answer:?}");
    }
    let answer = world.get("/api/kill/").await;
    assert_eq!(answer.error(), "Scheduler (kill):\nScheduler is not running");
}

async fn what_is_in_no_table_is_not_found(world: World) {
    let before = state(&world).await;
    for target in [
        "/",
        "/API/jobs",
        "/api/Jobs",
        "/apijobs",
        "/api/blah",
        "/api/jobs/1",
        "/api/add",
        "/api/add/",
        "/api/add//",
        "/api/add/1/2",
        "/api/run",
        "/api/run/1/delay",
        "/api/run/1/delay/",
        "/api/run/1/delay/1/2",
        "/api/run/1/later/1",
        "/api/run/a%2Fb",
        "/api/./jobs",
        "/api/../api/jobs",
        "/api/jobs%00",
        "/api/jobs%20",
        "/api/pause;x",
        "/static/x",
        "/nope?x=1",
        "//example.org/api/jobs",
    ] {
        for method in ["GET", "HEAD", "OPTIONS", "POST"] {
            let answer = world.send(method, target).await;
            assert_eq!(answer.status, 404, "{method} {target}: {answer:?}");
            assert_eq!(
                answer.header("content-type"),
                "application/json",
                "{method} {target}"
            );
            if method != "HEAD" {
                assert!(
                    answer.error().starts_with("404 Not Found"),
                    "{method} {target}: {answer:?}"
                );
            }
        }
    }
    assert_eq!(state(&world).await, before);
}

async fn doubled_slashes_lead_to_the_address_and_do_nothing(world: World) {
    tasks::create(&world);
    let before = state(&world).await;
    for (target, location) in [
        ("/api//jobs", "/api/jobs"),
        ("//api/jobs", "/api/jobs"),
        ("/api///jobs//?a=b&c", "/api/jobs/?a=b&c"),
        ("/api//add//1", "/api/add/1"),
        ("/api/%2Fadd/a%20b%22", "/api/add/a%20b%22"),
        ("/api//shutdown", "/api/shutdown"),
    ] {
        let answer = world.get(target).await;
        assert_eq!(
            (answer.status, answer.header("location")),
            (308, location),
            "{target}: {answer:?}"
        );
        assert!(answer.error().contains("308"), "{answer:?}");
        assert_eq!(world.send("POST", target).await.status, 405, "{target}");
    }
    assert_eq!(state(&world).await, before);
}

async fn a_wrong_number_names_itself_and_what_is_allowed(world: World) {
    tasks::create(&world);
    let before = state(&world).await;
    let ids = [
        "abc",
        "1.5",
        "-1",
        "%2B1",
        "%201",
        "1%20",
        "1%27",
        "1_0",
        "2147483648",
        "99999999999999999999",
    ];
    for id in ids {
        for (path, verb) in [
            (format!("/api/add/{id}"), "add job"),
            (format!("/api/delete/{id}"), "delete task jobs"),
            (format!("/api/run/{id}"), "run task"),
            (format!("/api/run/{id}/delay/1"), "run task with delay"),
        ] {
            let reason = world.refused(&path, &format!("Scheduler ({verb}):\n")).await;
            assert!(reason.contains("2147483647"), "{path}: {reason}");
            let shown = id.replace("%20", " ").replace("%27", "'").replace("%2B", "+");
            assert!(reason.contains(&shown), "{path}: {reason}");
        }
    }
    for minutes in [
        "x",
        "1.5",
        "-1",
        "%201",
        "1_0",
        "5256001",
        "600000000",
        "99999999999",
    ] {
        let path = format!("/api/run/1/delay/{minutes}");
        let reason = world.refused(&path, "Scheduler (run task with delay):\n").await;
        assert!(reason.contains("5256000"), "{path}: {reason}");
    }
    // Control characters come back as text, and not much of what was sent.
    let reason = world
        .refused(
            &format!("/api/add/%0A{}", "x".repeat(5000)),
            "Scheduler (add job):\n",
        )
        .await;
    assert!(reason.starts_with(r#""\nxxx"#) && reason.len() < 200, "{reason}");
    assert_eq!(state(&world).await, before);
}

async fn leading_zeros_and_the_greatest_numbers_are_numbers(world: World) {
    tasks::create(&world);
    world
        .expect("/api/add/0000000001", "Scheduler: task job added!")
        .await;
    world
        .expect("/api/run/01/delay/0000005", "Scheduler: task scheduled!")
        .await;
    world
        .expect("/api/run/1/delay/5256000", "Scheduler: task scheduled!")
        .await;
    world
        .expect("/api/add/2147483647", "Scheduler: failed to create job!")
        .await;
    world
        .expect("/api/delete/2147483647", "Scheduler: task job deleted!")
        .await;
    world
        .expect("/api/add/0", "Scheduler: failed to create job!")
        .await;
    assert_eq!(
        world.row("SELECT count(*) FROM scheduler_job WHERE task_id = 1"),
        "3"
    );
}

on_both_databases!(
    every_route_takes_its_methods_and_no_other,
    every_route_answers_with_a_slash_more,
    what_is_in_no_table_is_not_found,
    doubled_slashes_lead_to_the_address_and_do_nothing,
    a_wrong_number_names_itself_and_what_is_allowed,
    leading_zeros_and_the_greatest_numbers_are_numbers,
);
