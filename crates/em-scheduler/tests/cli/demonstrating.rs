//! `demo`: all three kinds fire, and nothing is left behind.

use rustix::process::Signal;

use crate::process::{Home, get};

#[test]
fn cron_interval_and_one_off_fire_and_nothing_is_left() {
    let home = Home::new();
    std::fs::create_dir(home.path("tmp")).unwrap();
    let mut demo = home
        .program(&["demo", "--bind", "127.0.0.1:0", "--timezone", "Asia/Kathmandu"])
        .env("TMPDIR", home.path("tmp").to_str().unwrap())
        .env("DATABASE_URL", "postgres://a-real-service/is-not-touched")
        .start();
    let line = demo.line_with("curl http://");
    let address = line.split('/').nth(2).unwrap().parse().unwrap();
    let mut missing = vec!["1-1-cron", "2-2-intv", "job 3-3-"];
    while !missing.is_empty() {
        let line = demo.line_with("task ");
        missing.retain(|job| !line.contains(job));
        if line.contains("attempt") {
            assert!(line.contains("ms late") && line.contains("attempt 1"), "{line}");
        }
    }
    assert!(get(address, "/api/run/1").contains("started"));
    demo.line_with("1-1-run-");
    demo.signal(Signal::INT);
    demo.line_with("The demo has ended");
    assert_eq!(demo.ended(), 0);
    assert_eq!(std::fs::read_dir(home.path("tmp")).unwrap().count(), 0);
}

#[test]
fn it_ends_by_itself_when_asked_to_and_finds_a_free_port() {
    // The usual port may be taken or not: either way it starts.
    let usual = std::net::TcpListener::bind("127.0.0.1:5001");
    let ended = Home::new().program(&["demo", "--seconds", "0"]).run();
    assert_eq!(ended.code, 0, "{ended:?}");
    assert!(!ended.out.contains("http://127.0.0.1:5001/"), "{ended:?}");
    drop(usual);
}
