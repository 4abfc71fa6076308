//! Who is on this machine, or can make a program on it fetch an address, reaches the port. A token tells the owner.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use em_scheduler::http::Token;

use super::{Siege, is_refused};
use crate::routing::{CHANGES, READS, state};

const TOKEN: &str = "correct-horse-battery-staple";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_is_behind_it() {
    let siege = Siege::with(|guard| guard.with_token(Some(Token::new(TOKEN)))).await;
    let (bare, _) = siege.both(("GET", "/api/add/1"), "").await;
    assert_eq!(bare.message(), "Scheduler: task job added!", "the attack");

    let before = state(&siege.world).await;
    let basic = |pair: &str| format!("Authorization: Basic {}\r\n", STANDARD.encode(pair));
    let mut wrong = vec![
        String::new(),
        "Authorization: Bearer wrong-horse-battery-stapl\r\n".to_owned(),
        format!("Authorization: Bearer {TOKEN}x\r\n"),
        format!("Authorization: {TOKEN}\r\n"),
        format!("X-Token: {TOKEN}\r\nCookie: token={TOKEN}\r\n"),
        basic("em:wrong"),
        basic(&format!("{TOKEN}:em")),
    ];
    wrong.push(format!("Authorization: Bearer {TOKEN}\r\n").repeat(2));
    for path in READS.iter().chain(&CHANGES).chain(&["/nope", "/api//jobs"]) {
        for header in &wrong {
            let url = format!("{path}?token={TOKEN}");
            let answer = siege.guarded(("GET", &url), header).await;
            is_refused(&answer, 401, path);
            assert!(
                answer.header("www-authenticate").contains("Basic realm="),
                "{answer:?}"
            );
            assert!(!answer.body.contains(TOKEN), "{answer:?}");
        }
    }
    for header in [
        format!("Authorization: Bearer {TOKEN}\r\n"),
        basic(&format!("em:{TOKEN}")),
    ] {
        for path in READS {
            let answer = siege.guarded(("GET", path), &header).await;
            assert_eq!(answer.status, 200, "{path}: {answer:?}");
        }
        // A browser that knows the token by heart is no better a messenger.
        let foreign = format!("{header}Sec-Fetch-Site: cross-site\r\n");
        for path in CHANGES {
            let (bare, answer) = siege.both(("OPTIONS", path), &foreign).await;
            assert_eq!(bare.status, 200);
            is_refused(&answer, 403, path);
        }
    }
    assert_eq!(state(&siege.world).await, before);
    let (_, answer) = siege
        .both(("GET", "/api/add/1"), &basic(&format!("em:{TOKEN}")))
        .await;
    assert_eq!(answer.message(), "Scheduler: task job added!");
}
