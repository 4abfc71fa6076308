//! I4: between two looks at the rows, a run that had ended is as it was, and no fence goes back.

use std::collections::HashMap;

use super::history::Run;
use super::{Found, Invariant, Violation};

/// What a stale owner has changed between an earlier look and a later one.
pub fn compare(earlier: &[Run], later: &[Run]) -> Vec<Violation> {
    let later: HashMap<(&str, i64), &Run> = later
        .iter()
        .map(|run| ((run.job_id.as_str(), run.scheduled_for), run))
        .collect();
    let mut found = Found::default();
    for before in earlier {
        match later.get(&(before.job_id.as_str(), before.scheduled_for)) {
            None => found.add(Invariant::I4, format!("{} is gone", before.name())),
            Some(after) if before.is_final() && *after != before => {
                let what = format!(
                    "{} had ended and was changed: {before:?}, then {after:?}",
                    before.name()
                );
                found.add(Invariant::I4, what);
            }
            Some(after) if after.fence < before.fence => {
                let what = format!(
                    "{}: its fence went from {} to {}",
                    before.name(),
                    before.fence,
                    after.fence
                );
                found.add(Invariant::I4, what);
            }
            Some(after) if after.fence == before.fence && after.owner != before.owner => {
                let what = format!(
                    "{}: its owner changed under the fence {}",
                    before.name(),
                    before.fence
                );
                found.add(Invariant::I4, what);
            }
            Some(_) => {}
        }
    }
    found.0
}
