//! Cross-site requests: an image, a link or a form on any page makes a browser send a GET to us.

use axum::Router;
use axum::routing::get;
use em_scheduler::api::table;
use em_scheduler::http::{Guard, Hosts, Limits, serve};
use tokio::net::TcpListener;

use super::{Siege, is_refused};
use crate::routing::{CHANGES, READS, state};
use test_world::client;

/// What browsers put on requests that our own pages and the person at the browser did not make.
const FOREIGN: [&str; 15] = [
    "Origin: http://evil.example\r\n",
    "Origin: null\r\n",
    "Origin: http://127.0.0.1\r\n",
    "Origin: http://{own}.evil.example\r\n",
    "Origin: http://{own}\r\nOrigin: http://evil.example\r\n",
    "Referer: http://evil.example/page\r\n",
    "Referer: http://{own}@evil.example/\r\n",
    "Referer: https://evil.example/?http://{own}/\r\n",
    "Sec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: no-cors\r\nSec-Fetch-Dest: image\r\n",
    "Sec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: navigate\r\nSec-Fetch-User: ?1\r\n",
    "Sec-Fetch-Site: same-site\r\n",
    "Sec-Fetch-Site: same-origin\r\nReferer: http://evil.example/\r\n",
    "Sec-Fetch-Site: none\r\nSec-Purpose: prefetch;prerender\r\n",
    "Purpose: prefetch\r\n",
    "X-Moz: prefetch\r\n",
];

/// What scripts send, and our own pages, and the person.
const OWN: [&str; 6] = [
    "",
    "User-Agent: python-requests/2.32.3\r\nAccept-Encoding: gzip, deflate\r\nAccept: */*\r\nConnection: keep-alive\r\n",
    "Origin: http://{own}\r\nSec-Fetch-Site: same-origin\r\nSec-Fetch-Mode: cors\r\n",
    "Referer: http://{own}/dashboard\r\n",
    "Sec-Fetch-Site: none\r\nSec-Fetch-Mode: navigate\r\nSec-Fetch-User: ?1\r\n",
    "Accept: text/html\r\nUpgrade-Insecure-Requests: 1\r\n",
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_foreign_page_changes_anything() {
    for header in FOREIGN {
        let siege = Siege::new().await;
        for (place, path) in CHANGES.iter().enumerate() {
            let case = format!("{path} {header:?}");
            let (bare, guarded) = siege.both(("GET", path), header).await;
            // The last comes after the stop.
            if place < CHANGES.len() - 1 {
                assert!(bare.message().starts_with("Scheduler: "), "the attack: {case}");
            }
            is_refused(&guarded, 403, &case);
            assert!(!siege.world.server.control.is_stopped(), "{case}");
        }
        // Only the bare table did anything: asked again, alone, the guarded one leaves all as it is.
        let before = state(&siege.world).await;
        for path in CHANGES {
            for slash in ["", "/", "//", "/?x=1"] {
                let own = siege.world.server.address.to_string();
                let header = format!("Host: {own}\r\n{}", header.replace("{own}", &own));
                let path = format!("{path}{slash}");
                let answer = client::with_header(siege.world.server.address, ("GET", &path), &header).await;
                is_refused(&answer.expect("an answer"), 403, &path);
            }
        }
        assert_eq!(state(&siege.world).await, before, "{header:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn scripts_own_pages_and_people_may() {
    for header in OWN {
        let siege = Siege::new().await;
        for path in READS.iter().chain(&CHANGES[..9]) {
            let guarded = siege
                .guarded(("GET", path), &format!("Connection: close\r\n{header}"))
                .await;
            assert_eq!(guarded.status, 200, "{path} {header:?}: {guarded:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_may_be_read_can_be_read_by_no_foreign_page() {
    let siege = Siege::new().await;
    for path in READS {
        for header in FOREIGN {
            let answer = siege.guarded(("GET", path), header).await;
            // The browser gets it and keeps it from the page, unless we said that the page may have it.
            assert_eq!(answer.status, 200, "{path} {header:?}");
            assert_eq!(answer.header("access-control-allow-origin"), "", "{path}");
            assert_eq!(
                answer.header("cross-origin-resource-policy"),
                "same-origin",
                "{path}"
            );
            assert_eq!(answer.header("x-content-type-options"), "nosniff", "{path}");
            assert!(
                answer
                    .header("content-security-policy")
                    .contains("frame-ancestors 'none'")
            );
        }
        let preflight = "Origin: http://evil.example\r\nAccess-Control-Request-Method: GET\r\n";
        let answer = siege.guarded(("OPTIONS", path), preflight).await;
        for allowed in ["origin", "methods", "headers", "credentials", "private-network"] {
            assert_eq!(
                answer.header(&format!("access-control-allow-{allowed}")),
                "",
                "{path}"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_route_that_is_in_no_table_is_denied() {
    let router = || Router::new().route("/api/forgotten", get(async || "done"));
    let start = async |guard: bool| {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("bind");
        let address = listener.local_addr().expect("an address");
        let guard = guard.then(|| Guard::new(Hosts::of_address(address, &[])));
        let router = guard.map_or_else(router, |guard| guard.protect(router(), table()));
        tokio::spawn(serve(listener, router, Limits::default(), std::future::pending()));
        address
    };
    let (bare, guarded) = (start(false).await, start(true).await);
    assert_eq!(
        client::send(bare, "GET", "/api/forgotten").await.body,
        "done",
        "the attack"
    );
    let answer = client::send(guarded, "GET", "/api/forgotten").await;
    is_refused(&answer, 404, "in no table");
    let foreign = format!("Host: {guarded}\r\nOrigin: http://evil.example\r\n");
    let answer = client::with_header(guarded, ("GET", "/api/forgotten"), &foreign).await;
    is_refused(
        &answer.expect("an answer"),
        403,
        "and treated as what changes something",
    );
}
