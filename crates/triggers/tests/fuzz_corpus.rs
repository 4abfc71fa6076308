//! The committed inputs of the fuzzer, each judged as the fuzzer judges it, so that they guard everywhere and not only where
//! somebody fuzzes.

#![expect(
    clippy::expect_used,
    reason = "an input or an answer that is not there fails the test"
)]

#[path = "../fuzz/judge.rs"]
mod judge;

use std::panic::catch_unwind;
use std::path::Path;

#[test]
fn the_fuzzer_s_inputs_are_judged() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus/definition");
    let mut judged = 0;
    let mut failures = Vec::new();
    for entry in std::fs::read_dir(&folder).expect("the fuzzer's corpus") {
        let path = entry.expect("a file").path();
        let input = std::fs::read(&path).expect("an input");
        judged += 1;
        if catch_unwind(|| judge::judge(&input)).is_err() {
            failures.push(path.display().to_string());
        }
    }
    assert!(judged >= 100, "only {judged} inputs in {}", folder.display());
    assert!(
        failures.is_empty(),
        "of {judged} inputs these fail:\n{}",
        failures.join("\n")
    );
}
