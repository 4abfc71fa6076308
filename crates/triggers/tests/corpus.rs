//! The corpus: cases with answers, one JSON line each, one test per file.
//!
//! The rules are T1 to T10 of docs/semantics.md, whose last table says which cases answer otherwise than APScheduler, and why.
//!
//! `EM_CORPUS` names another folder with files of the same names. A file that is missing there, or holds no case, fails its
//! tests by its path. The firing rules (`rules.jsonl`) concern a scheduler and are tested there;
//! here their triggers must compile.

#![expect(clippy::unwrap_used, reason = "a malformed corpus fails the test")]

use serde_json::Value;
use std::path::{Path, PathBuf};
use triggers::{Case, DstPolicy, TriggerError, UtcMicros};

/// One line: the case, and everything else that is said about it.
struct Line {
    id: String,
    case: Case,
    said: Value,
}

/// The folder that is asked for, else our own.
fn folder() -> PathBuf {
    let own = || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/corpus");
    std::env::var_os("EM_CORPUS").map_or_else(own, PathBuf::from)
}

/// The lines of a file of a corpus, at least one, or what is wrong with it.
fn read(path: &Path) -> Result<Vec<Value>, String> {
    let wrong = |problem: String| format!("{}: {problem}", path.display());
    let text = std::fs::read_to_string(path).map_err(|error| wrong(error.to_string()))?;
    let numbered = text.lines().zip(1..).filter(|(line, _)| !line.trim().is_empty());
    let lines: Vec<Value> = numbered
        .map(|(line, number)| {
            serde_json::from_str(line).map_err(|error| wrong(format!("line {number}: {error}")))
        })
        .collect::<Result<_, _>>()?;
    if lines.is_empty() {
        return Err(wrong("it has no case".to_owned()));
    }
    Ok(lines)
}

fn lines(file: &str) -> Vec<Value> {
    read(&folder().join(file)).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn a_file_without_a_case_is_no_corpus() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("no-corpus");
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.join("cron.jsonl");
    let refused = || read(&path).unwrap_err();
    let _ = std::fs::remove_file(&path);
    assert!(
        refused().starts_with(&format!("{}: ", path.display())),
        "{}",
        refused()
    );
    for (text, problem) in [
        ("", "it has no case"),
        ("\n \n", "it has no case"),
        ("{}\n\n{", "line 3: "),
    ] {
        std::fs::write(&path, text).unwrap();
        assert!(
            refused().starts_with(&format!("{}: {problem}", path.display())),
            "{}",
            refused()
        );
    }
    std::fs::write(&path, "{}\n\n{}").unwrap();
    assert_eq!(read(&path).map(|lines| lines.len()), Ok(2));
}

fn cases(file: &str) -> Vec<Line> {
    let read = |said: Value| Line {
        id: said["id"].as_str().unwrap().to_owned(),
        case: Case::parse(&said.to_string()).unwrap(),
        said,
    };
    lines(file).into_iter().map(read).collect()
}

fn instants(value: &Value) -> Vec<UtcMicros> {
    serde_json::from_value(value.clone()).unwrap()
}

/// Judges all cases of a file and compares; the failures are told together.
fn check(file: &str, policy: DstPolicy, expected: &str) {
    let mut failures = Vec::new();
    let lines = cases(file);
    for Line { id, case, said } in &lines {
        let expected = instants(&said[expected]);
        match case.answer(policy) {
            Ok(fires) if fires == expected => {}
            other => failures.push(format!("{id}: expected {expected:?}, got {other:?}\n    {said}")),
        }
    }
    report(file, lines.len(), &failures);
}

fn report(file: &str, cases: usize, failures: &[String]) {
    let first = failures.iter().take(5).cloned().collect::<Vec<_>>().join("\n");
    assert!(
        failures.is_empty(),
        "{file}: {} of {cases} cases fail:\n{first}",
        failures.len()
    );
}

#[test]
fn corpus_cron() {
    check("cron.jsonl", DstPolicy::Literal, "expect");
}

#[test]
fn corpus_interval() {
    check("interval.jsonl", DstPolicy::Literal, "expect");
}

#[test]
fn corpus_date() {
    check("date.jsonl", DstPolicy::Literal, "expect");
}

#[test]
fn corpus_dst() {
    check("dst.jsonl", DstPolicy::Literal, "expect");
}

#[test]
fn corpus_once() {
    check("once.jsonl", DstPolicy::Once, "expect");
}

#[test]
fn corpus_once_beside_literal() {
    let mut failures = Vec::new();
    let lines = cases("once.jsonl");
    for Line { id, case, said } in &lines {
        // The list covers the span of the answer under the other policy, not a number of fires.
        let expected = instants(&said["literal"]);
        let trigger = case.trigger(DstPolicy::Literal).unwrap();
        let got: Vec<_> = trigger
            .fires(case.prev, case.from.unwrap())
            .take(expected.len())
            .collect();
        if got != expected {
            failures.push(format!("{id}: expected {expected:?}, got {got:?}\n    {said}"));
        }
    }
    report("once.jsonl", lines.len(), &failures);
}

#[test]
fn corpus_oddities() {
    check("oddities.jsonl", DstPolicy::Literal, "truth");
}

#[test]
fn corpus_invalid() {
    let mut failures = Vec::new();
    let lines = cases("invalid.jsonl");
    for Line { id, case, said } in &lines {
        for policy in [DstPolicy::Literal, DstPolicy::Once] {
            let answer = case.answer(policy);
            let right = match said["verdict"].as_str() {
                Some("never") => answer == Ok(Vec::new()),
                _ => answer.is_err(),
            };
            if !right {
                failures.push(format!("{id}: {answer:?}\n    {said}"));
            }
        }
    }
    report("invalid.jsonl", lines.len(), &failures);
}

#[test]
fn corpus_jitter() {
    let mut failures = Vec::new();
    let lines = cases("jitter.jsonl");
    for Line { id, case, said } in &lines {
        let window = case
            .trigger(DstPolicy::Literal)
            .unwrap()
            .jitter_window(said["base"].as_str().unwrap().parse().unwrap());
        let base = case.answer(DstPolicy::Literal).unwrap();
        let max = (!window.beyond_end).then_some(window.max);
        let got = serde_json::json!({ "base": base.first(), "min": window.min, "max": max });
        if ["base", "min", "max"].iter().any(|key| got[key] != said[key]) {
            failures.push(format!("{id}: {got}\n    {said}"));
        }
    }
    report("jitter.jsonl", lines.len(), &failures);
}

#[test]
fn corpus_rules_have_triggers_that_compile() {
    let mut failures = Vec::new();
    let lines = lines("rules.jsonl");
    for line in &lines {
        for step in line["steps"].as_array().unwrap() {
            let Some(trigger) = step.get("trigger").filter(|trigger| !trigger.is_null()) else {
                continue;
            };
            let read = |trigger: &Value| -> Result<_, TriggerError> {
                Case::parse(&trigger.to_string())?.trigger(DstPolicy::Literal)
            };
            if let Err(error) = read(trigger) {
                failures.push(format!("{}: {error}\n    {trigger}", line["id"]));
            }
        }
    }
    report("rules.jsonl", lines.len(), &failures);
}
