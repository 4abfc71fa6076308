//! Characters that look like those of the grammar and are others: full-width digits, typographic dashes and quotes,
//! blanks that are none, characters that nobody sees.

/// The text in ASCII, and what was wrong with the first character that had to change. `None` if nothing had to, or one
/// of them looks like nothing in ASCII.
pub(super) fn plain(text: &str) -> Option<(String, String)> {
    let mut found = None;
    let mut plain = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_ascii() {
            plain.push(c);
            continue;
        }
        let (replacement, problem) = match ascii(c)? {
            // A blank that is read as one is no problem.
            " " => (" ", None),
            "" => (
                "",
                Some(format!(
                    "an invisible character (U+{:04X}) stands there",
                    c as u32
                )),
            ),
            "\"" | "'" => ("\"", Some(format!("typographic quotes ({c}) are not read"))),
            like => (like, Some(format!("\"{c}\" only looks like \"{like}\""))),
        };
        found = found.or(problem);
        plain.push_str(replacement);
    }
    Some((plain, found?))
}

/// What a character looks like; empty for one that is not seen.
fn ascii(c: char) -> Option<&'static str> {
    /// The printable characters of ASCII, from U+0021 on.
    const PRINTABLE: &str =
        "!\"#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`abcdefghijklmnopqrstuvwxyz{|}~";
    const DIGITS: &str = "0123456789";
    let from = |all: &'static str, place: u32| all.get(place as usize..place as usize + 1);
    let code = c as u32;
    match code {
        // Their full-width forms stand in the same order.
        0xFF01..=0xFF5E => from(PRINTABLE, code - 0xFF01),
        0x0660..=0x0669 => from(DIGITS, code - 0x0660),
        0x06F0..=0x06F9 => from(DIGITS, code - 0x06F0),
        0x0966..=0x096F => from(DIGITS, code - 0x0966),
        0x2010..=0x2015 | 0x2212 | 0xFE58 | 0xFE63 => Some("-"),
        0x2217 | 0x204E | 0x00D7 | 0x2731 | 0x2022 => Some("*"),
        0x2044 | 0x2215 => Some("/"),
        0x3001 | 0x060C => Some(","),
        0x2018 | 0x2019 | 0x201A | 0x2032 | 0x00B4 => Some("'"),
        0x201C | 0x201D | 0x201E | 0x00AB | 0x00BB | 0x2033 => Some("\""),
        0x200B..=0x200F | 0x2060 | 0xFEFF | 0x00AD => Some(""),
        _ if c.is_whitespace() => Some(" "),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_full_width_forms_are_those_of_ascii() {
        for byte in b'!'..=b'~' {
            let wide = char::from_u32(0xFF01 + u32::from(byte - b'!')).unwrap();
            let text = char::from(byte).to_string();
            assert_eq!(ascii(wide), Some(text.as_str()));
        }
    }

    #[test]
    fn what_looks_like_nothing_is_left_alone() {
        for text in ["30 2 * * *", "mön", "30\u{a0}2", "日"] {
            assert_eq!(plain(text), None, "{text}");
        }
    }
}
