//! Numbers in paths. A wrong one names itself and what is allowed.

use crate::model::TaskId;

/// Ten years: a delay beyond it is a slip of the keyboard.
const MOST_MINUTES: i64 = 5_256_000;
/// So much of a wrong value is repeated to whoever sent it.
const SHOWN: usize = 40;

/// A task id: 1 to 10 digits, at most 2³¹−1. Leading zeros are allowed, signs and blanks are not.
pub(super) fn task_id(text: &str) -> Result<TaskId, String> {
    digits(text, 10)
        .and_then(|number| TaskId::try_from(number).ok())
        .ok_or_else(|| refuse(text, "a task id", "1 to 10 digits, at most 2147483647"))
}

/// Minutes: 1 to 7 digits, at most ten years.
pub(super) fn minutes(text: &str) -> Result<i64, String> {
    digits(text, 7)
        .filter(|number| *number <= MOST_MINUTES)
        .ok_or_else(|| {
            refuse(
                text,
                "a number of minutes",
                "1 to 7 digits, at most 5256000 (ten years)",
            )
        })
}

fn digits(text: &str, most: usize) -> Option<i64> {
    let well_formed = (1..=most).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    well_formed.then(|| text.parse().ok()).flatten()
}

fn refuse(text: &str, what: &str, allowed: &str) -> String {
    let shown: String = text.chars().take(SHOWN).collect();
    let cut = if shown.len() < text.len() { "…" } else { "" };
    format!("{shown:?}{cut} is not {what}: allowed are {allowed}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn task_ids() {
        for (text, id) in [
            ("0", Some(0)),
            ("1", Some(1)),
            ("01", Some(1)),
            ("0000000007", Some(7)),
            ("2147483647", Some(2_147_483_647)),
            ("2147483648", None),
            ("9999999999", None),
            ("00000000007", None),
            ("", None),
            (" 1", None),
            ("1 ", None),
            ("+1", None),
            ("-1", None),
            ("1.5", None),
            ("1_0", None),
            ("0x1", None),
            ("abc", None),
            ("1'", None),
            ("１", None),
            ("٣", None),
            ("1\0", None),
        ] {
            assert_eq!(task_id(text).ok(), id, "{text:?}");
        }
    }

    #[test]
    fn minutes_of_a_delay() {
        for (text, number) in [
            ("0", Some(0)),
            ("5", Some(5)),
            ("0000005", Some(5)),
            ("5256000", Some(5_256_000)),
            ("5256001", None),
            ("9999999", None),
            ("00000005", None),
            ("-1", None),
            ("1.5", None),
            ("1_0", None),
            ("x", None),
            ("", None),
        ] {
            assert_eq!(minutes(text).ok(), number, "{text:?}");
        }
    }

    #[test]
    fn a_wrong_value_is_shown_escaped_and_short() {
        let long = format!("a\n\"{}", "x".repeat(1000));
        let said = task_id(&long).expect_err("refused");
        assert!(said.starts_with(r#""a\n\"xxx"#), "{said}");
        assert!(said.contains("… is not a task id"), "{said}");
        assert!(said.len() < 150, "{said}");
        let said = minutes("-1").expect_err("refused");
        assert_eq!(
            said,
            "\"-1\" is not a number of minutes: allowed are 1 to 7 digits, at most 5256000 (ten years)"
        );
    }
}
