//! A made-up application, served as the service serves its own: every method, bodies of a size, a guard, connections.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::response::Response;
use http::{Method, StatusCode};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::*;

/// How long a body may be on most routes that read one.
const SHORT: usize = 64;
const TOKEN: &str = "correct-horse-battery-staple";

const fn row(method: Method, pattern: &'static str, access: Access, body: Option<usize>) -> Route<()> {
    let class = Class {
        body,
        ..Class::new(access, Urgency::Ordinary)
    };
    Route {
        method,
        pattern,
        class,
        handler: (),
    }
}

static TABLE: Table<()> = Table(&[
    row(Method::GET, "/things", Access::Reads, None),
    row(Method::POST, "/things", Access::Changes, Some(SHORT)),
    row(Method::PUT, "/things/{id}", Access::Changes, Some(SHORT)),
    row(Method::PATCH, "/things/{id}", Access::Changes, Some(SHORT)),
    row(Method::DELETE, "/things/{id}", Access::Changes, None),
    row(Method::POST, "/imports", Access::Changes, Some(200_000)),
    row(Method::POST, "/panics", Access::Changes, None),
]);

/// Says what it was asked.
#[derive(Clone, Default)]
struct Echo {
    carried_out: Arc<AtomicUsize>,
}

impl Application for Echo {
    type Handler = ();
    type Handled = String;

    fn table(&self) -> &'static Table<()> {
        &TABLE
    }

    fn handle(&self, route: &'static Route<()>, call: Call) -> impl Future<Output = String> + Send + 'static {
        self.carried_out.fetch_add(1, Ordering::SeqCst);
        async move {
            assert_ne!(route.pattern, "/panics", "as it should");
            let body = to_bytes(call.request.into_body(), 1_000_000).await.unwrap();
            let body = String::from_utf8(body.into()).unwrap();
            format!("{} {} {body}", route.method, call.values.value("id"))
        }
    }

    fn respond(&self, _: &'static Route<()>, ended: Result<String, Unserved>) -> Response {
        match ended {
            Ok(said) => Response::new(Body::from(said)),
            Err(unserved) => error(StatusCode::INTERNAL_SERVER_ERROR, &format!("{unserved:?}")),
        }
    }
}

/// A server behind a guard that a test may change.
async fn served(change: impl FnOnce(Guard) -> Guard) -> (SocketAddr, Echo) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, echo) = (listener.local_addr().unwrap(), Echo::default());
    let guard = change(Guard::new(Hosts::of_address(address, &[])));
    let router = guard.protect(router(echo.clone()), &TABLE);
    tokio::spawn(serve(listener, router, Limits::default(), std::future::pending()));
    (address, echo)
}

/// The whole answer to a request with these header lines and this body, whose length is in a header where `header` says
/// nothing of it.
async fn send(address: SocketAddr, (request, header, body): (&str, &str, &str)) -> String {
    let length = if header.contains("Content-Length") || header.contains("Transfer-Encoding") {
        String::new()
    } else {
        format!("Content-Length: {}\r\n", body.len())
    };
    let head = format!("{request} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n{length}{header}\r\n");
    let mut stream = TcpStream::connect(address).await.unwrap();
    // It may have been answered before all of it was written.
    let _ = stream.write_all((head + body).as_bytes()).await;
    let mut text = Vec::new();
    let _ = stream.read_to_end(&mut text).await;
    String::from_utf8(text).unwrap()
}

/// The status and the body of an answer.
fn parts(answer: &str) -> (&str, &str) {
    let status = answer.split(' ').nth(1).unwrap_or_default();
    let (_, body) = answer.split_once("\r\n\r\n").unwrap_or_default();
    (status, body)
}

const JSON: &str = "Content-Type: application/json\r\n";

#[tokio::test]
async fn each_route_has_its_methods_and_its_body() {
    let (address, echo) = served(|guard| guard).await;
    let (fits, too_long) = ("x".repeat(SHORT), "x".repeat(SHORT + 1));
    let long = "y".repeat(200_000);
    let thing = r#"{"name":"a"}"#;
    for (request, body, answer) in [
        ("GET /things", "", "GET  ".to_owned()),
        ("POST /things", thing, format!("POST  {thing}")),
        ("POST /things/", thing, format!("POST  {thing}")),
        ("PUT /things/7", thing, format!("PUT 7 {thing}")),
        ("PATCH /things/7", &fits, format!("PATCH 7 {fits}")),
        ("POST /imports", &long, format!("POST  {long}")),
        // A body that nobody needs is thrown away.
        ("DELETE /things/7", &too_long, "DELETE 7 ".to_owned()),
        ("GET /things", &too_long, "GET  ".to_owned()),
    ] {
        let said = send(address, (request, JSON, body)).await;
        assert_eq!(parts(&said), ("200", answer.as_str()), "{request}");
    }
    let before = echo.carried_out.load(Ordering::SeqCst);
    for (request, header, body, refusal) in [
        (
            "POST /things",
            "",
            too_long.as_str(),
            "413 Payload Too Large: the body is longer than 64 bytes",
        ),
        (
            "PUT /things/7",
            "Content-Length: 10000000000\r\nExpect: 100-continue\r\n",
            "",
            "413 Payload Too Large: the body is longer than 64 bytes",
        ),
        (
            "PATCH /things/7",
            "Transfer-Encoding: chunked\r\n",
            &format!("41\r\n{too_long}\r\n0\r\n\r\n"),
            "413 Payload Too Large: the body is longer than 64 bytes",
        ),
        (
            "DELETE /things/7",
            "Content-Length: 65537\r\n",
            "",
            "413 Payload Too Large: the body is longer than 64 KiB, and none is needed",
        ),
        (
            "PUT /things",
            "",
            "",
            "405 Method Not Allowed: use GET, HEAD or POST here.",
        ),
        (
            "POST /things/7",
            "",
            thing,
            "405 Method Not Allowed: use PUT, PATCH or DELETE here.",
        ),
        (
            "POST /things",
            "Transfer-Encoding: chunked\r\n",
            "zz\r\n",
            "400 Bad Request: the body broke off",
        ),
    ] {
        let said = send(address, (request, header, body)).await;
        let error = format!(r#"{{"error":"{refusal}"}}"#);
        assert_eq!(parts(&said), (&refusal[..3], error.as_str()), "{request}");
    }
    let said = send(address, ("OPTIONS /things", "", "")).await;
    assert!(said.contains("\r\nallow: GET, HEAD, POST, OPTIONS\r\n"), "{said}");
    let said = send(address, ("HEAD /things", "", "")).await;
    assert_eq!(parts(&said), ("200", ""));
    let moved = send(address, ("POST //things", JSON, thing)).await;
    assert!(moved.contains("\r\nlocation: /things\r\n"), "{moved}");
    let carried_out = echo.carried_out.load(Ordering::SeqCst);
    assert_eq!(carried_out, before + 1, "only the HEAD");
}

/// Whatever the method: a form sends a POST without asking, as an image sends a GET.
#[tokio::test]
async fn no_foreign_page_reaches_a_route_that_changes_something() {
    let (address, echo) = served(|guard| guard.with_token(Some(Token::new(TOKEN)))).await;
    let token = format!("Authorization: Bearer {TOKEN}\r\n");
    let changing = [
        "POST /things",
        "PUT /things/7",
        "PATCH /things/7",
        "DELETE /things/7",
        "POST /imports",
    ];
    for request in changing {
        for foreign in [
            "Origin: http://evil.example\r\nContent-Type: text/plain\r\n",
            "Origin: null\r\nContent-Type: application/x-www-form-urlencoded\r\n",
            "Referer: http://evil.example/\r\n",
            "Sec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: navigate\r\n",
        ] {
            let said = send(address, (request, &format!("{token}{foreign}"), "{}")).await;
            assert_eq!(parts(&said).0, "403", "{request} {foreign}");
        }
        assert_eq!(
            parts(&send(address, (request, JSON, "{}")).await).0,
            "401",
            "{request}"
        );
    }
    // Where one method changes something, no foreign page may ask what there is (a preflight).
    let foreign = format!("{token}Origin: http://evil.example\r\n");
    assert_eq!(
        parts(&send(address, ("OPTIONS /things", &foreign, "")).await).0,
        "403"
    );
    assert_eq!(echo.carried_out.load(Ordering::SeqCst), 0);
    assert_eq!(
        parts(&send(address, ("GET /things", &foreign, "")).await).0,
        "200"
    );
    let own = format!("{token}{JSON}Origin: http://{address}\r\n");
    for request in changing {
        assert_eq!(
            parts(&send(address, (request, &own, "{}")).await).0,
            "200",
            "{request}"
        );
    }
}

#[tokio::test]
async fn a_route_without_a_class_is_denied() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    // Whatever it is that answers: it is behind the guard, and in no table.
    let forgotten = axum::Router::new().fallback(async || "done");
    let router = Guard::new(Hosts::of_address(address, &[])).protect(forgotten, &TABLE);
    tokio::spawn(serve(listener, router, Limits::default(), std::future::pending()));
    for (request, status) in [
        ("GET /forgotten", "404"),
        ("POST /forgotten", "404"),
        ("GET /things", "200"),
        ("POST /thing", "404"),
    ] {
        assert_eq!(
            parts(&send(address, (request, "", "")).await).0,
            status,
            "{request}"
        );
    }
    let foreign = "Origin: http://evil.example\r\n";
    let said = send(address, ("POST /forgotten", foreign, "")).await;
    assert_eq!(parts(&said).0, "403", "it is treated as what changes something");
}

#[tokio::test]
async fn a_body_has_its_time() {
    let (address, echo) = served(|guard| guard.with_patience(Duration::from_millis(50))).await;
    for (request, refusal) in [
        (
            "POST /things",
            "408 Request Timeout: the body did not come in time",
        ),
        (
            "DELETE /things/7",
            "408 Request Timeout: the body did not come in time, and none is needed",
        ),
    ] {
        let said = send(address, (request, "Content-Length: 5\r\n", "")).await;
        let error = format!(r#"{{"error":"{refusal}"}}"#);
        assert_eq!(parts(&said), ("408", error.as_str()));
    }
    assert_eq!(echo.carried_out.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_panic_ends_neither_the_connection_nor_the_process() {
    let (address, _) = served(|guard| guard).await;
    let mut stream = TcpStream::connect(address).await.unwrap();
    let panics = format!("POST /panics HTTP/1.1\r\nHost: {address}\r\n\r\n");
    let next = format!("GET /things HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all((panics + &next).as_bytes()).await.unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).await.unwrap();
    assert_eq!(parts(&text).0, "500", "{text}");
    assert!(text.ends_with("GET  "), "{text}");
}
