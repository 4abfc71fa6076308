//! What the runner's answer says of a run (rules D3, D5, D11). Pure.

use serde_json::Value;

use crate::model::{Delivered, TargetRefusal};

/// So much of a reported error is kept, in characters.
const KEPT: usize = 300;

/// Whether this status says that the runner took the run.
pub(super) fn is_success(status: u16) -> bool {
    (200..300).contains(&status)
}

/// By the status, which came after so many microseconds. One of `retry` says that the runner did not take the run for now.
pub(super) fn by_status(status: u16, took: i64, retry: &[u16]) -> Delivered {
    if is_success(status) {
        return Delivered::Accepted { took };
    }
    Delivered::Refused(TargetRefusal {
        reason: format!("the runner answered {status}"),
        message: format!("The runner answered with status {status}."),
        temporary: retry.contains(&status),
    })
}

/// By the body of a success, if it reports an error (rule D11).
pub(super) fn by_body(body: &[u8]) -> Option<Delivered> {
    let error = error_in(body)?;
    Some(Delivered::Refused(TargetRefusal {
        reason: format!("the runner reported an error: {error}"),
        message: format!("The runner reported an error: {error}"),
        temporary: false,
    }))
}

/// The error that a body reports: it is a JSON object with a member `error` that is not null. Without control characters, which
/// PostgreSQL would not all store, and cut where it is long.
fn error_in(body: &[u8]) -> Option<String> {
    let body: Value = serde_json::from_slice(body).ok()?;
    let text = match body.get("error")? {
        Value::Null => return None,
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let plain = |letter: char| if letter.is_control() { ' ' } else { letter };
    let mut kept: String = text.trim().chars().map(plain).take(KEPT).collect();
    if text.trim().chars().nth(KEPT).is_some() {
        kept.push('…');
    }
    if kept.is_empty() {
        kept.push_str("an empty one");
    }
    Some(kept)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_status_says() {
        for (status, accepted, temporary) in [
            (199, false, false),
            (200, true, false),
            (204, true, false),
            (299, true, false),
            (302, false, false),
            (429, false, true),
            (500, false, false),
        ] {
            match by_status(status, 5, &[200, 429]) {
                Delivered::Accepted { took: 5 } => assert!(accepted, "{status}"),
                Delivered::Refused(refusal) => {
                    assert_eq!((false, temporary), (accepted, refusal.temporary), "{status}");
                    assert_eq!(refusal.reason, format!("the runner answered {status}"));
                }
                other => panic!("{status}: {other:?}"),
            }
        }
    }

    #[test]
    fn what_reports_an_error() {
        for (body, error) in [
            (r#"{"error":"no such task"}"#, Some("no such task")),
            (r#" {"message":"x","error":"y"} "#, Some("y")),
            (r#"{"error":"a\nb\u0000c\u001b[31m"}"#, Some("a b c [31m")),
            (r#"{"error":""}"#, Some("an empty one")),
            (r#"{"error":" \n"}"#, Some("an empty one")),
            (r#"{"error":7}"#, Some("7")),
            (r#"{"error":false}"#, Some("false")),
            (r#"{"error":{"code":7}}"#, Some(r#"{"code":7}"#)),
            (r#"{"error":null}"#, None),
            (r#"{"message":"started"}"#, None),
            (r#"{"data":{"error":"inside"}}"#, None),
            (r#"[{"error":"in a list"}]"#, None),
            (r#""error""#, None),
            (r#"{"error":"cut"#, None),
            (r#"{"error":"two"} {}"#, None),
            ("error", None),
            ("", None),
        ] {
            assert_eq!(error_in(body.as_bytes()).as_deref(), error, "{body}");
        }
        assert_eq!(error_in(b"{\"error\":\"\xff\"}"), None, "no UTF-8");
        assert_eq!(error_in("[".repeat(60_000).as_bytes()), None, "deep");
    }

    #[test]
    fn a_long_error_is_cut() {
        let body = format!(r#"{{"error":"{}"}}"#, "ä".repeat(40_000));
        assert_eq!(error_in(body.as_bytes()), Some("ä".repeat(KEPT) + "…"));
        let body = format!(r#"{{"error":"{}"}}"#, "ä".repeat(KEPT));
        assert_eq!(error_in(body.as_bytes()), Some("ä".repeat(KEPT)));
    }
}
