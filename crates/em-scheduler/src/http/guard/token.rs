//! The token that a request must carry, where there is one.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::HeaderMap;
use http::header::AUTHORIZATION;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::http::refusal::Refusal;

/// A token, kept as its digest: what is not there cannot leak, and digests are all of one length, so that the time of
/// a comparison tells not even the length of the token.
#[derive(Clone)]
pub struct Token([u8; 32]);

impl Token {
    /// Of the secret itself.
    pub fn new(secret: &str) -> Self {
        Self(Sha256::digest(secret).into())
    }

    /// `Authorization: Bearer <token>`, or `Basic` with the token as its password: so that a URL with credentials works.
    pub(super) fn check(&self, headers: &HeaderMap) -> Result<(), Refusal> {
        let mut values = headers.get_all(AUTHORIZATION).iter();
        let given = match (values.next(), values.next()) {
            (None, _) => return Err(Refusal::NoToken),
            (Some(value), None) => secret(value.as_bytes()),
            // Two of them: whoever stands between us may have looked at the other one.
            (Some(_), Some(_)) => None,
        };
        let given = Sha256::digest(given.ok_or(Refusal::WrongToken)?);
        if bool::from(self.0.ct_eq(given.as_slice())) {
            Ok(())
        } else {
            Err(Refusal::WrongToken)
        }
    }
}

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Token(***)")
    }
}

/// The secret in the header, however it is wrapped.
fn secret(value: &[u8]) -> Option<Vec<u8>> {
    let space = value.iter().position(|byte| *byte == b' ')?;
    let (scheme, rest) = value.split_at(space);
    let rest = rest.trim_ascii();
    if scheme.eq_ignore_ascii_case(b"bearer") {
        return Some(rest.to_owned());
    }
    if scheme.eq_ignore_ascii_case(b"basic") {
        let pair = STANDARD.decode(rest).ok()?;
        // The user may be anybody; a password may hold colons, a user not.
        let colon = pair.iter().position(|byte| *byte == b':')?;
        return pair.get(colon + 1..).map(<[u8]>::to_owned);
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "0123456789abcdef:g";

    fn basic(pair: &str) -> String {
        format!("Basic {}", STANDARD.encode(pair))
    }

    #[test]
    fn the_token_opens_in_either_wrapping_and_nothing_else_does() {
        let token = Token::new(SECRET);
        let check = |values: &[String]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(AUTHORIZATION, value.parse().unwrap());
            }
            token.check(&headers)
        };
        for good in [
            format!("Bearer {SECRET}"),
            format!("bearer  {SECRET}"),
            basic(&format!("em:{SECRET}")),
            basic(&format!(":{SECRET}")),
        ] {
            assert!(check(std::slice::from_ref(&good)).is_ok(), "{good}");
            assert!(check(&[good.clone(), good.clone()]).is_err(), "{good} twice");
        }
        for wrong in [
            String::new(),
            "Bearer".to_owned(),
            "Bearer ".to_owned(),
            SECRET.to_owned(),
            format!("Bearer {SECRET}x"),
            format!("Bearer {}", &SECRET[1..]),
            format!("Bearer {}", SECRET.to_uppercase()),
            format!("Token {SECRET}"),
            format!("Basic {SECRET}"),
            "Basic ???".to_owned(),
            basic(SECRET.split(':').next().unwrap()),
            basic(&format!("{SECRET}:em")),
            basic("em:"),
        ] {
            assert!(
                matches!(check(std::slice::from_ref(&wrong)), Err(Refusal::WrongToken)),
                "{wrong}"
            );
        }
        assert!(matches!(check(&[]), Err(Refusal::NoToken)));
        assert_eq!(format!("{token:?}"), "Token(***)");
    }
}
