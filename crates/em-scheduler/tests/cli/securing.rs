//! Who may call the service, as its settings say: tokens, names, the unix socket; and that it tells no secrets.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;

use rustix::process::Signal;

use test_world::client::{Answer, ask};
use test_world::runner::Runner;

use crate::process::{Ended, Home, PATIENCE, Program, Running, database_with, get};

const TOKEN: &str = "canary-0123456789abcdef";
const TASK: &str = "INSERT INTO project (id, name, intv, intv_type, intv_value) VALUES (1, 'P', 1, 'w', 1);
                    INSERT INTO task (id, name, project_id, enabled) VALUES (7, 'T', 1, 0);";

/// The answer to one request with these header fields.
fn ask_at(address: SocketAddr, path: &str, header: &str) -> Answer {
    let stream = TcpStream::connect(address).expect("the API listens");
    stream.set_read_timeout(Some(PATIENCE)).expect("a time-out");
    ask(stream, path, header).expect("it reads").expect("it answers")
}

fn told(ended: &Ended, parts: &[&str]) {
    assert_eq!(ended.code, 2, "{ended:?}");
    for part in parts {
        assert!(ended.err.contains(part), "{part:?} is not in {:?}", ended.err);
    }
    assert!(!ended.err.contains("canary"), "{ended:?}");
}

#[test]
fn with_a_token_nothing_goes_without_it() {
    let home = Home::new();
    let file = home.write("token", &format!("{TOKEN}\n"));
    let file = file.to_str().expect("text");
    let database = home.sqlite("em.db");
    for program in [
        home.service(&database).args(&["--token-file", file]),
        home.service(&database).env("EM_SCHEDULER_TOKEN_FILE", file),
        home.service(&database).env("EM_SCHEDULER_TOKEN", TOKEN),
    ] {
        let mut service = program.start();
        let address = service.ready();
        let host = format!("Host: {address}\r\n");
        let without = ask_at(address, "/api", &host);
        assert_eq!(without.status, 401, "{without:?}");
        let with = ask_at(
            address,
            "/api",
            &format!("{host}Authorization: Bearer {TOKEN}\r\n"),
        );
        assert_eq!(with.body, r#"{"status":"alive"}"#);
        service.stop();
    }
}

#[test]
fn a_token_that_is_none_is_a_mistake_and_not_told() {
    let home = Home::new();
    let short = home.write("short", "canary-short");
    let empty = home.write("empty", "\n");
    let good = home.write("good", TOKEN);
    for (name, value, parts) in [
        (
            "EM_SCHEDULER_TOKEN",
            "",
            &["EM_SCHEDULER_TOKEN", "empty", "16 to 512"][..],
        ),
        (
            "EM_SCHEDULER_TOKEN",
            "canary-short",
            &["EM_SCHEDULER_TOKEN", "12 characters"],
        ),
        (
            "EM_SCHEDULER_TOKEN",
            "canary with blanks in it",
            &["without blanks"],
        ),
        (
            "EM_SCHEDULER_TOKEN_FILE",
            short.to_str().expect("text"),
            &["short", "12 characters"],
        ),
        (
            "EM_SCHEDULER_TOKEN_FILE",
            empty.to_str().expect("text"),
            &["empty"],
        ),
        (
            "EM_SCHEDULER_TOKEN_FILE",
            "/missing/token",
            &["/missing/token", "No such file"],
        ),
    ] {
        for command in ["serve", "check", "migrate"] {
            let ended = home.program(&[command]).env(name, value).run();
            if command == "check" {
                assert_eq!(ended.code, 2, "{ended:?}");
                assert!(!(ended.out + &ended.err).contains("canary"));
            } else {
                told(&ended, parts);
            }
        }
    }
    let both = home.program(&["serve"]).env("EM_SCHEDULER_TOKEN", TOKEN);
    let both = both.args(&["--token-file", good.to_str().expect("text")]).run();
    told(&both, &["token-file", "as well"]);
    // There is no flag for the secret itself: every process on the machine could read it.
    let flag = home.program(&["serve", "--token", TOKEN]).run();
    assert_eq!(flag.code, 2);
}

#[test]
fn a_token_file_that_other_users_can_read_is_warned_of_with_what_closes_it() {
    let home = Home::new();
    let file = home.write("token", TOKEN);
    let path = file.to_str().expect("text");
    // 0440 and 0640 are how systemd hands over a credential.
    for (mode, told) in [
        (0o644, true),
        (0o604, true),
        (0o600, false),
        (0o640, false),
        (0o440, false),
    ] {
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).expect("ours");
        let ended = home
            .program(&["migrate", "--database-url", &home.sqlite("em.db")])
            .args(&["--token-file", path])
            .run();
        assert_eq!(ended.code, 0, "{ended:?}");
        let parts = [path, &format!("mode {mode:04o}"), &format!("chmod o= {path}")];
        let line = ended
            .err
            .lines()
            .find(|line| line.contains("every user of this machine"));
        assert_eq!(line.is_some(), told, "{mode:o}: {ended:?}");
        if let Some(line) = line {
            assert!(
                line.contains("WARN") && parts.iter().all(|part| line.contains(part)),
                "{line}"
            );
        }
        assert!(!ended.err.contains("canary"));
    }
}

#[test]
fn an_address_for_all_needs_a_token_and_names() {
    let home = Home::new();
    let file = home.write("token", TOKEN);
    let token = ["--token-file", file.to_str().expect("text")];
    let all = || home.program(&["serve", "--bind", "0.0.0.0:0"]);
    told(&all().run(), &["0.0.0.0:0", "no token"]);
    told(
        &all().args(&["--allow-host", "em.example"]).run(),
        &["0.0.0.0:0", "no token"],
    );
    told(&all().args(&token).run(), &["0.0.0.0:0", "allow-host"]);
    told(
        &all().args(&token).args(&["--allow-host", "*"]).run(),
        &["\"*\"", "allow-host"],
    );
    told(
        &home.program(&["serve", "--bind", "none"]).run(),
        &["none", "socket"],
    );

    let database = home.sqlite("em.db");
    let names = [
        "--allow-host",
        "em.example",
        "--allow-host",
        "other.example:8080,third.example",
    ];
    let service = all()
        .args(&["--log-format", "json", "--database-url", &database])
        .args(&token)
        .args(&names)
        .start();
    let port = service.ready().port();
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    let authorised = format!("Authorization: Bearer {TOKEN}\r\n");
    for (host, status) in [
        (format!("em.example:{port}"), 200),
        ("em.example".to_owned(), 200),
        ("other.example:8080".to_owned(), 200),
        ("third.example".to_owned(), 200),
        (format!("localhost:{port}"), 200),
        ("other.example".to_owned(), 421),
        (format!("0.0.0.0:{port}"), 421),
        (format!("evil.example:{port}"), 421),
    ] {
        let answer = ask_at(address, "/api", &format!("Host: {host}\r\n{authorised}"));
        assert_eq!(answer.status, status, "{host}: {answer:?}");
    }
}

#[test]
fn the_classic_call_works_and_that_of_a_foreign_page_does_not() {
    let home = Home::new();
    let database = database_with(&home, "em.db", TASK);
    let service = home.service(&database).start();
    let address = service.ready();
    let jobs = || get(address, "/api/jobs");
    let host = format!("Host: {address}\r\n");
    for foreign in [
        "Host: evil.example\r\n".to_owned(),
        format!("{host}Sec-Fetch-Site: cross-site\r\n"),
    ] {
        let answer = ask_at(address, "/api/add/7", &foreign);
        assert_eq!(answer.status / 100, 4, "{answer:?}");
        assert_eq!(jobs(), "[]");
    }
    // What python's requests.get("http://127.0.0.1:5001/api/add/7") sends.
    let classic = format!(
        "{host}User-Agent: python-requests/2.32.3\r\nAccept-Encoding: gzip, deflate\r\nAccept: */*\r\n"
    );
    let answer = ask_at(address, "/api/add/7", &classic);
    assert_eq!(answer.message(), "Scheduler: task job added!");
    assert_eq!(jobs(), "[7]");
}

#[test]
fn a_socket_alone_or_beside_the_address_is_for_owner_and_group() {
    let home = Home::new();
    let database = home.sqlite("em.db");
    let path = home.path("api.sock");
    let shown = path.to_str().expect("text");
    let knock = |host: &str| {
        let stream = UnixStream::connect(&path).expect("the API listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("a time-out");
        let answer = ask(stream, "/api", &format!("Host: {host}\r\n")).expect("it reads");
        answer.expect("it answers").status
    };
    let beside = home.service(&database).args(&["--socket", shown]).start();
    let port = beside.ready().port();
    let mode = std::fs::metadata(&path).expect("a socket").permissions().mode();
    assert_eq!(mode & 0o777, 0o660);
    for (host, status) in [
        ("localhost".to_owned(), 200),
        (format!("127.0.0.1:{port}"), 200),
        // As a proxy passes its own port on.
        ("127.0.0.1:1".to_owned(), 200),
        ("127.0.0.2:1".to_owned(), 421),
        ("evil.example".to_owned(), 421),
    ] {
        assert_eq!(knock(&host), status, "{host}");
    }
    // Killed: the file stays, and the next start is not impressed.
    drop(beside);
    assert!(path.exists() && UnixStream::connect(&path).is_err());
    let alone = format!("serve --bind none --socket {shown} --database-url {database}");
    let mut service: Running = home.line(&alone).start();
    service.logged("em-scheduler is ready");
    assert_eq!(knock("localhost"), 200);
    assert_eq!(knock(&format!("localhost:{port}")), 200);
    let elsewhere = home.sqlite("other.db");
    let taken = home.service(&elsewhere).args(&["--socket", shown]).run();
    assert_eq!(taken.code, 1, "{taken:?}");
    assert!(
        taken.err.contains(shown) && taken.err.contains("another process"),
        "{taken:?}"
    );
    service.stop();
    assert!(!path.exists(), "it goes with the service");
    let file = home.write("file", "precious");
    let ended = home
        .service(&elsewhere)
        .args(&["--socket", file.to_str().expect("text")])
        .run();
    assert!(ended.code == 1 && ended.err.contains("no socket"), "{ended:?}");
}

#[test]
fn no_proxy_stands_between_us_and_the_runner() {
    let home = Home::new();
    let database = database_with(&home, "em.db", TASK);
    let runner = Runner::recording();
    let proxy = TcpListener::bind("127.0.0.1:0").expect("bind");
    let shown = format!("http://{}", proxy.local_addr().expect("an address"));
    let mut program = home.service(&database).args(&["--runner-host", &runner.url()]);
    for name in [
        "HTTP_PROXY",
        "http_proxy",
        "HTTPS_PROXY",
        "ALL_PROXY",
        "all_proxy",
    ] {
        program = program.env(name, &shown);
    }
    let service = program.start();
    let address = service.ready();
    assert!(get(address, "/api/run/7").contains("task job started!"));
    // To a proxy one would have said the whole address.
    assert_eq!(runner.receipts()[0].path, "/api/7");
    proxy.set_nonblocking(true).expect("ours");
    assert!(proxy.accept().is_err(), "the proxy was asked");
}

/// Everything that is said at the most talkative level, with a secret in every place that can hold one.
#[test]
fn no_secret_is_ever_logged() {
    let home = Home::new();
    let postgres = test_postgres::Database::create().expect("a database");
    // The server trusts everybody here; the password is sent along nowhere but kept by all that hold the URL.
    let url = postgres.url().replacen('@', ":canary-password@", 1);
    assert!(url.contains("canary-password"), "the URL names a user: {url}");
    for format in ["json", "text"] {
        let mut service = talkative(&home, &url, format)
            .args(&["--log-level", "trace"])
            .env("EM_SCHEDULER_TOKEN", TOKEN)
            .env("REDIS_URL", "redis://:canary-redis@h")
            .start();
        let mut said = service.said_until("em-scheduler is ready");
        let address = bound(&said);
        let host = format!("Host: {address}\r\n");
        let basic = "Authorization: Basic OmNhbmFyeS13cm9uZy0wMTIzNDU2\r\n";
        for (path, header) in [
            ("/api/jobs", format!("{host}Authorization: Bearer {TOKEN}\r\n")),
            (
                "/api/add/canary-id",
                format!("{host}Authorization: Bearer {TOKEN}\r\n"),
            ),
            (
                "/api/jobs",
                format!("{host}Authorization: Bearer canary-wrong-0123456\r\n"),
            ),
            ("/api/jobs", format!("{host}{basic}")),
            ("/api/jobs?token=canary-query", host.clone()),
            (
                "/api/jobs",
                format!("Host: canary-host\r\nAuthorization: Bearer {TOKEN}\r\n"),
            ),
            (
                "/api/jobs",
                format!("{host}Cookie: canary-cookie\r\nX: {}\r\n", "x".repeat(17_000)),
            ),
        ] {
            said += &format!("{:?}", ask_at(address, path, &header)).replace("canary-id", "");
        }
        service.signal(Signal::TERM);
        said += &service.said_to_the_end();
        assert!(
            said.contains("a request with a wrong token was refused"),
            "{said}"
        );
        for secret in ["canary", "OmNhbmFyeS13cm9uZy0"] {
            let line = said.lines().find(|line| line.contains(secret));
            assert_eq!(line, None, "in the log as {format}");
        }
    }
}

/// As [`Home::service`], with the log in either form.
fn talkative(home: &Home, database: &str, format: &str) -> Program {
    home.line(&format!(
        "serve --bind 127.0.0.1:0 --database-url {database} --log-format {format}"
    ))
}

/// The address in the line that says that the service is ready, in either form.
fn bound(line: &str) -> SocketAddr {
    let line = line.split("bind").last().expect("a setting");
    let start = line.find("127.0.0.1:").expect("an address");
    let end = line[start..].find(|c: char| !(c.is_ascii_digit() || c == '.' || c == ':'));
    line[start..start + end.expect("an end")]
        .parse()
        .expect("an address")
}

#[test]
fn names_forge_no_line_of_the_log() {
    let home = Home::new();
    let evil = "'x'||char(10)||'2026-11-23T16:00:00Z ERROR forged'||char(27)||'[31m'";
    let sql = format!(
        "INSERT INTO project (id, name, intv, intv_type, intv_value) VALUES (1, {evil}, 1, {evil}, 1), (2, {evil}, 1, 's', 1);
         INSERT INTO task (id, name, project_id, enabled) VALUES (7, {evil}, 1, 1), (8, {evil}, 2, 1);"
    );
    let database = database_with(&home, "em.db", &sql);
    for format in ["text", "json"] {
        let mut service = talkative(&home, &database, format)
            .args(&["--log-level", "debug", "--runner-host", "http://127.0.0.1:1"])
            .start();
        let ready = service.said_until("em-scheduler is ready");
        let address = bound(&ready);
        let answer =
            get(address, "/api/add/7") + &get(address, "/api/run/8") + &get(address, "/api/add/%0a%1b[31m");
        assert!(!answer.chars().any(char::is_control), "{answer:?}");
        service.signal(Signal::TERM);
        let said = ready + &service.said_to_the_end();
        for line in said.lines() {
            assert!(
                !line.starts_with("2026-11-23T16:00:00Z") && !line.contains('\u{1b}'),
                "{line:?}"
            );
            if format == "json" {
                serde_json::from_str::<serde_json::Value>(line).expect(line);
            }
        }
    }
}
