//! Paths as text: percent signs away, variables out, and back into a header. Not in here: which paths there are (`routes`).

use std::fmt::Write;

/// The variables of a route's pattern with their values.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PathValues(Vec<(&'static str, String)>);

impl PathValues {
    /// Reads `path` by `pattern`; none where it does not fit.
    pub(super) fn read(pattern: &'static str, path: &str) -> Option<Self> {
        let mut values = Vec::new();
        let (mut expected, mut found) = (pattern.split('/'), path.split('/'));
        loop {
            match (expected.next(), found.next()) {
                (None, None) => return Some(Self(values)),
                (Some(expected), Some(found)) => {
                    let variable = expected.strip_prefix('{').and_then(|rest| rest.strip_suffix('}'));
                    match variable {
                        Some(name) if !found.is_empty() => values.push((name, found.to_owned())),
                        None if expected == found => {}
                        _ => return None,
                    }
                }
                _ => return None,
            }
        }
    }

    /// The value of a variable; empty where the pattern has none of the name.
    pub fn value(&self, name: &str) -> &str {
        let found = self.0.iter().find(|(variable, _)| *variable == name);
        found.map_or("", |(_, value)| value)
    }
}

/// The path with its percent escapes read. An escape that is none stays as it is; bytes that are no text become
/// replacement characters, which fit no route but as a value, and no value allows them.
pub(super) fn decode(path: &str) -> String {
    let mut bytes = Vec::with_capacity(path.len());
    let mut rest = path.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        let escaped = match tail {
            [high, low, ..] if first == b'%' => digit(*high).zip(digit(*low)),
            _ => None,
        };
        match escaped {
            Some((high, low)) => {
                bytes.push(high << 4 | low);
                rest = &tail[2..];
            }
            None => {
                bytes.push(first);
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The reverse, careful: all but the plainest characters and the slash become escapes.
pub(super) fn encode(path: &str) -> String {
    let mut encoded = String::with_capacity(path.len());
    for byte in path.bytes() {
        if byte.is_ascii_alphanumeric() || b"/-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            // Writing into a text cannot fail.
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

fn digit(byte: u8) -> Option<u8> {
    let value = char::from(byte).to_digit(16)?;
    u8::try_from(value).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_are_read_and_written() {
        for (escaped, plain) in [
            ("/api/add/1", "/api/add/1"),
            ("/api/add/%201", "/api/add/ 1"),
            ("/api/run/a%2Fb", "/api/run/a/b"),
            ("/api/run/a%2fb", "/api/run/a/b"),
            ("/%e2%82%ac", "/€"),
            ("/%", "/%"),
            ("/%4", "/%4"),
            ("/%zz%41", "/%zzA"),
            ("/%+1", "/%+1"),
            ("/%ff", "/\u{fffd}"),
            ("/%0d%0a", "/\r\n"),
        ] {
            assert_eq!(decode(escaped), plain, "{escaped}");
        }
        assert_eq!(encode("/api/a b\r\n%€~"), "/api/a%20b%0D%0A%25%E2%82%AC~");
    }
}
