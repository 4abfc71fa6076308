//! What the runner's answer says of a run (rules D3, D5, D11). Pure.

use super::report;
use crate::model::{Delivered, TargetRefusal};

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
    let error = report::error_in(body)?;
    Some(Delivered::Refused(TargetRefusal {
        reason: format!("the runner reported an error: {error}"),
        message: format!("The runner reported an error: {error}"),
        temporary: false,
    }))
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
}
