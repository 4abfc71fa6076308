//! The database goes away and comes back: what the log says of it.

use std::collections::BTreeMap;

use test_postgres::Server;

use crate::process::{Home, get};

#[test]
fn what_fails_as_long_as_the_database_is_away_is_said_once_and_counted() {
    let mut server = Server::start().expect("a server");
    server.create_database("em", None).expect("a database");
    let home = Home::new();
    let url = server.url("em");
    let migrated = home.program(&["migrate", "--database-url", &url]).run();
    assert_eq!(migrated.code, 0, "{migrated:?}");
    let each_second = "INSERT INTO project (id, name, intv, intv_type, intv_value) VALUES (1, 'P', 1, 's', 1);
         INSERT INTO task (id, name, project_id, enabled) SELECT id, 'T', 1, 1 FROM generate_series(1, 20) id;";
    server.run_sql("em", each_second).expect("tasks");
    let mut service = home
        .service(&url)
        .args(&["--runner-host", "http://127.0.0.1:1"])
        .start();
    let address = service.ready();
    assert_eq!(
        get(address, "/api/add/1"),
        r#"{"message":"Scheduler: task job added!"}"#
    );

    server.stop();
    let paths = ["/api/add/1", "/api/jobs", "/api/pause"];
    for path in paths.iter().cycle().take(300) {
        let answer = get(address, path);
        assert!(answer.contains("The database is unavailable"), "{path}: {answer}");
    }
    server.restart().expect("the server again");

    let said = service.said_until("requests are no longer refused");
    let mut lines: BTreeMap<String, usize> = BTreeMap::new();
    let mut refused = Vec::new();
    for line in said.lines() {
        let line: serde_json::Value = serde_json::from_str(line).expect(line);
        let message = line["message"].as_str().expect("a message");
        // The pool says one line for each connection that it had.
        if line["level"] != "INFO" && line["target"] != "deadpool.postgres" {
            *lines.entry(message.to_owned()).or_default() += 1;
        }
        if message.contains("requests are") {
            refused.push((line["verb"].clone(), line["requests"].clone()));
        }
    }
    let repeated: Vec<_> = lines.iter().filter(|(_, times)| **times > 1).collect();
    assert!(repeated.is_empty(), "{repeated:?} in {said}");
    let expected = [
        (serde_json::json!("add job"), serde_json::json!(1)),
        (serde_json::Value::Null, serde_json::json!(300)),
    ];
    assert_eq!(refused, expected, "{said}");
    service.stop();
}
