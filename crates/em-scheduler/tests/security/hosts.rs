//! DNS rebinding: a page at `evil.example` lets that name become 127.0.0.1 and asks what looks like its own server.

use std::collections::BTreeSet;

use em_scheduler::api::{router, table};
use em_scheduler::dispatch::{RunnerClient, RunnerTimeouts};
use em_scheduler::http::{Guard, Hosts, Limits, Socket, serve};
use tokio::io::AsyncWriteExt;
use tokio::net::UnixStream;

use super::{Siege, is_refused};
use crate::routing::{CHANGES, READS, state};
use crate::world::api_of;
use test_world::client;

/// Lines of `Host` that must not do, for a server on `port`. Some of them no HTTP parser takes; most it does.
fn foreign(port: u16) -> Vec<String> {
    let (below, above) = (port - 1, u32::from(port) + 1);
    let own = ["127.0.0.1", "localhost", "[::1]"];
    let mut values: Vec<String> = Vec::new();
    for name in own {
        values.extend([
            // No port is port 80, and another port is another server.
            name.to_owned(),
            format!("{name}:"),
            format!("{name}:80"),
            format!("{name}:{below}"),
            format!("{name}:{above}"),
            format!("{name}:0{port}"),
            format!("{name}:+{port}"),
            format!("{name}:-{port}"),
            format!("{name}:{port}0"),
            format!("{name}:{port:x}"),
            format!("{name}:{}", u32::from(port) + 65_536),
            format!("{name}: {port}"),
            format!("{name} :{port}"),
            format!("{name}:{port}:{port}"),
            format!("{name}:{port}/"),
            format!("{name}:{port}?"),
            format!("{name}:{port}#"),
            format!("{name}:{port}."),
            format!("{name}.:{port}"),
            format!(".{name}:{port}"),
            format!("me@{name}:{port}"),
            format!("me:word@{name}:{port}"),
            format!("@{name}:{port}"),
            format!("{name}:{port}@evil.example"),
            format!("{name}:{port}, {name}:{port}"),
            format!("{name}:{port},evil.example"),
            format!("evil.example,{name}:{port}"),
            format!("{name}:{port} evil.example"),
            format!("{name}:{port};evil.example"),
            format!("http://{name}:{port}"),
            format!("//{name}:{port}"),
            format!("\"{name}:{port}\""),
            format!("{name}.evil.example:{port}"),
            format!("evil.{name}:{port}"),
            format!("{name}%00:{port}"),
            format!("{name}\u{e9}:{port}"),
        ]);
    }
    let names = [
        "evil.example",
        "EVIL.EXAMPLE",
        "evil.example.",
        "xn--e1awd7f.example",
        "localhost.localdomain",
        "localhost6",
        "ip6-localhost",
        "local",
        "localho\u{17f}t",
        "127.1",
        "127.0.1",
        "127.0.0.01",
        "0127.0.0.1",
        "0x7f.0.0.1",
        "0x7f000001",
        "2130706433",
        "017700000001",
        "127.0.0.2",
        "127.0.0.1.nip.io",
        "127-0-0-1.example",
        "0.0.0.0",
        "0",
        "::1",
        "::",
        "[::]",
        "[0:0:0:0:0:0:0:1]",
        "[::0001]",
        "[::1%25lo]",
        "[::1%lo]",
        "[::ffff:127.0.0.1]",
        "[::127.0.0.1]",
        "192.168.1.7",
        "169.254.169.254",
        "*",
        "_",
        "-",
        ".",
        "..",
        "null",
        "undefined",
    ];
    values.extend(names.iter().map(|name| format!("{name}:{port}")));
    values.extend(names.iter().map(|name| (*name).to_owned()));
    let mut lines: Vec<String> = values.iter().map(|value| format!("Host: {value}\r\n")).collect();
    let good = format!("127.0.0.1:{port}");
    lines.extend([
        String::new(),
        "Host:\r\n".to_owned(),
        "Host: \r\n".to_owned(),
        format!("Host: {good}\r\nHost: {good}\r\n"),
        format!("Host: {good}\r\nHost: evil.example\r\n"),
        format!("Host: evil.example\r\nHost: {good}\r\n"),
        format!("Host: {good}\r\nhOST: evil.example\r\n"),
        format!("Host: {good}\r\n evil.example\r\n"),
        format!("Host : {good}\r\n"),
        format!("X-Forwarded-Host: {good}\r\n"),
        format!("Host: evil.example\r\nX-Forwarded-Host: {good}\r\n"),
        format!("Host: evil.example\r\nForwarded: host=\"{good}\"\r\n"),
        format!("Host: evil.example\r\nX-Host: {good}\r\n"),
    ]);
    lines
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_other_name_does_anything() {
    let Siege { world, bare } = Siege::new().await;
    let rebound = client::with_header(bare.address, ("GET", "/api/add/1"), "Host: evil.example\r\n").await;
    assert_eq!(
        rebound.unwrap().message(),
        "Scheduler: task job added!",
        "the attack"
    );

    let before = state(&world).await;
    let (mut attacks, mut judged) = (BTreeSet::new(), 0);
    let mut lines = foreign(bare.address.port());
    lines.sort();
    lines.dedup();
    for line in &lines {
        let done = client::with_header(bare.address, ("GET", "/api/resume"), line).await;
        if done.is_some_and(|answer| answer.status == 200) {
            attacks.insert(line.clone());
        }
    }
    let address = world.server.address;
    for line in &foreign(address.port()) {
        // Another answer is the HTTP parser's own, for what is no header at all.
        let answer = client::with_header(address, ("GET", "/api/pause"), line)
            .await
            .expect(line);
        match answer.status {
            400 => {}
            _ => {
                is_refused(&answer, 421, line);
                judged += 1;
            }
        }
    }
    assert!(
        attacks.len() >= 150 && judged >= 150,
        "{} {judged} of {}",
        attacks.len(),
        lines.len()
    );
    assert_eq!(state(&world).await, before);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_rule_holds_on_every_path_and_for_every_method() {
    let Siege { world, .. } = Siege::new().await;
    let before = state(&world).await;
    for path in READS
        .iter()
        .chain(&CHANGES)
        .chain(&["/", "/nope", "*", "/api//jobs", "//evil.example/api"])
    {
        for method in ["GET", "HEAD", "OPTIONS", "POST"] {
            let answer =
                client::with_header(world.server.address, (method, path), "Host: evil.example\r\n").await;
            assert_eq!(answer.expect("an answer").status, 421, "{method} {path}");
        }
    }
    // HTTP/1.0 needs no Host, we do.
    let old = client::raw(world.server.address, b"GET /api/pause HTTP/1.0\r\n\r\n").await;
    is_refused(&old.expect("an answer"), 421, "HTTP/1.0");
    assert_eq!(state(&world).await, before);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn own_names_do() {
    let Siege { world, .. } = Siege::new().await;
    let port = world.server.address.port();
    for name in ["127.0.0.1", "localhost", "LocalHost", "[::1]"] {
        let header = format!("Host:   {name}:{port}\t\r\n");
        let answer = client::with_header(world.server.address, ("GET", "/api/jobs"), &header).await;
        assert_eq!(answer.expect("an answer").status, 200, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_name_in_the_target_must_be_that_of_the_header() {
    let Siege { world, bare } = Siege::new().await;
    let target = |authority: &str| format!("http://{authority}/api/add/1");
    let host = format!("Host: {}\r\n", bare.address);
    let attack = client::with_header(bare.address, ("GET", &target("evil.example")), &host).await;
    assert_eq!(
        attack.unwrap().message(),
        "Scheduler: task job added!",
        "the attack"
    );

    let before = state(&world).await;
    let own = world.server.address.to_string();
    let port = world.server.address.port();
    for (target, host) in [
        (target("evil.example"), own.clone()),
        (target(&own), "evil.example".to_owned()),
        (target("evil.example"), "evil.example".to_owned()),
        (target(&format!("localhost:{port}")), own.clone()),
        (target(&format!("me@{own}")), own.clone()),
        (target("127.0.0.1"), own.clone()),
        (format!("https://{own}/api/add/1"), own.clone()),
        (format!("ftp://{own}/api/add/1"), own.clone()),
    ] {
        let answer = client::with_header(
            world.server.address,
            ("GET", &target),
            &format!("Host: {host}\r\n"),
        )
        .await;
        is_refused(&answer.expect("an answer"), 421, &format!("{target} at {host}"));
    }
    assert_eq!(state(&world).await, before);
    let answer = client::with_header(
        world.server.address,
        ("GET", &target(&own)),
        &format!("Host: {own}\r\n"),
    )
    .await;
    assert_eq!(answer.unwrap().message(), "Scheduler: task job added!");
}

/// A proxy on this machine (docs/switch.md has nginx) listens on a port of its own and passes that on, with the name it was called by.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_the_unix_socket_a_proxy_may_pass_on_its_own_port() {
    let Siege { world, .. } = Siege::new().await;
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("api.sock");
    let url = world.runner.url().parse().expect("an address");
    let client = RunnerClient::new(url, RunnerTimeouts::default()).expect("a client");
    let guard = Guard::new(Hosts::of_socket(None, &[]));
    let routes = guard.protect(router(api_of(&world.store, &world.zone, client)), table());
    let socket = Socket::bind(&path).expect("bind");
    tokio::spawn(serve(socket, routes, Limits::default(), std::future::pending()));
    let get = async |target: &str, host: &str| {
        let mut stream = UnixStream::connect(&path).await.expect("connect");
        // As nginx asks of what is behind it.
        let request = format!("GET {target} HTTP/1.0\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.expect("write");
        client::finish(stream).await
    };
    for target in READS.iter().chain(&CHANGES[..9]) {
        let answer = get(target, "127.0.0.1:5001").await;
        assert_eq!(answer.status, 200, "{target}: {answer:?}");
        assert!(!answer.body.contains(r#""error""#), "{target}: {answer:?}");
    }
    for host in ["localhost:5001", "[::1]:5001", "localhost", "127.0.0.1:80"] {
        assert_eq!(get("/api", host).await.status, 200, "{host}");
    }
    for host in [
        "evil.example:5001",
        "127.0.0.2:5001",
        "127.0.0.1:",
        "127.0.0.1:x",
        "0.0.0.0:5001",
    ] {
        is_refused(&get("/api/resume", host).await, 421, host);
    }
}
