//! How a proposal is worded, and which texts are looked at.

/// Longer texts are not looked at.
pub(super) const LONGEST: usize = 1000;

/// Whether a text is digits and nothing else.
pub(super) fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// What to write instead.
pub(super) fn say(better: &str) -> String {
    format!("write {better}")
}
