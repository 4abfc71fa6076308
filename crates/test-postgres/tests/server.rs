//! The server as its users meet it.

use std::net::{Ipv4Addr, TcpStream};

use test_postgres::{Error, Server};

fn answers(port: u16) -> bool {
    TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok()
}

#[test]
fn settings_are_those_promised() {
    let server = Server::start().expect("server");
    let show = |name: &str| server.run_sql("postgres", &format!("SHOW {name}")).expect("show");
    assert_eq!(show("timezone"), "Asia/Kathmandu");
    assert_eq!(show("max_connections"), "400");
    assert_eq!(show("listen_addresses"), "127.0.0.1");
    for durability in ["fsync", "synchronous_commit", "full_page_writes"] {
        assert_eq!(show(durability), "off", "{durability}");
    }
}

#[test]
fn a_durable_server_keeps_commits_over_a_crash() {
    let mut server = Server::start_durable().expect("server");
    assert_eq!(
        server
            .run_sql("postgres", "SHOW fsync; SHOW synchronous_commit")
            .expect("show"),
        "on\non"
    );
    server
        .run_sql("postgres", "CREATE TABLE kept AS SELECT 7 AS n")
        .expect("create");
    server.stop_immediate();
    server.restart().expect("restart");
    assert_eq!(
        server.run_sql("postgres", "SELECT n FROM kept").expect("select"),
        "7"
    );
}

#[test]
fn a_database_is_a_copy_of_its_template() {
    let server = Server::start().expect("server");
    server.create_database("pattern", None).expect("pattern");
    server
        .run_sql(
            "pattern",
            "CREATE TABLE t (n int, s text); INSERT INTO t VALUES (1, 'a'), (2, 'b')",
        )
        .expect("fill");
    server
        .create_database("Odd \"name\"", Some("pattern"))
        .expect("copy");
    server.create_database("copy", Some("pattern")).expect("copy");
    assert_eq!(
        server
            .run_sql("copy", "SELECT * FROM t ORDER BY n")
            .expect("select"),
        "1|a\n2|b"
    );
    server.run_sql("copy", "DELETE FROM t").expect("delete");
    assert_eq!(
        server
            .run_sql("pattern", "SELECT count(*) FROM t")
            .expect("select"),
        "2"
    );
}

#[test]
fn a_script_stops_at_its_first_error() {
    let server = Server::start().expect("server");
    let script = "CREATE TABLE before (); SELECT 1/0; CREATE TABLE after ();";
    let error = server.run_sql("postgres", script).expect_err("divided by zero");
    assert!(matches!(error, Error::Command { program: "psql", .. }));
    assert!(error.to_string().contains("division by zero"), "{error}");
    assert_eq!(
        server
            .run_sql(
                "postgres",
                "SELECT tablename FROM pg_tables WHERE tableowner = 'postgres' AND schemaname = 'public'"
            )
            .expect("list"),
        "before"
    );
}

#[test]
fn a_script_and_an_answer_larger_than_a_pipe_do_not_block() {
    let server = Server::start().expect("server");
    let script = format!("SELECT '{}';\n", "x".repeat(1000)).repeat(1000);
    assert_eq!(
        server.run_sql("postgres", &script).expect("select").len(),
        1001 * 1000 - 1
    );
}

#[test]
fn restart_keeps_port_and_data() {
    let mut server = Server::start().expect("server");
    server
        .run_sql("postgres", "CREATE TABLE kept AS SELECT 7 AS n")
        .expect("create");
    let (port, pid) = (server.port(), server.pid());
    server.stop();
    assert_eq!(server.pid(), None);
    assert!(!answers(port));
    server.stop();
    server.restart().expect("start again");
    assert_eq!(server.port(), port);
    assert_ne!(server.pid(), pid);
    assert_eq!(
        server.run_sql("postgres", "SELECT n FROM kept").expect("select"),
        "7"
    );
    server.restart().expect("restart while running");
    assert_eq!(
        server.run_sql("postgres", "SELECT n FROM kept").expect("select"),
        "7"
    );
}

#[test]
fn drop_removes_process_and_folder() {
    let server = Server::start().expect("server");
    let (port, pid) = (server.port(), server.pid().expect("running").cast_signed());
    let folder = server.run_sql("postgres", "SHOW data_directory").expect("show");
    assert!(std::path::Path::new(&folder).exists());
    drop(server);
    assert!(!answers(port));
    assert!(!std::path::Path::new(&folder).parent().expect("parent").exists());
    let pid = rustix::process::Pid::from_raw(pid).expect("positive");
    assert!(
        rustix::process::test_kill_process(pid).is_err(),
        "the server still runs"
    );
}
