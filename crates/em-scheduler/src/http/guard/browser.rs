//! Whether a foreign page sent the request. A page can make any browser send a GET to us without asking (an image, a
//! link, a form), but not without the marks that the browser puts on it. Who sends none of them is no browser.

use http::HeaderMap;
use http::header::{HeaderName, ORIGIN, REFERER};

use crate::http::refusal::Refusal;

const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
const FETCH_MODE: HeaderName = HeaderName::from_static("sec-fetch-mode");
/// Sent with what nobody has asked for yet; what changes something must not be done on suspicion.
const PREFETCH: [HeaderName; 4] = [
    HeaderName::from_static("sec-purpose"),
    HeaderName::from_static("purpose"),
    HeaderName::from_static("x-purpose"),
    HeaderName::from_static("x-moz"),
];

/// Refuses what a browser sent on behalf of anybody but our own pages and the person at it. `host` is the name by
/// which we were called, one that is allowed.
pub(super) fn check(headers: &HeaderMap, host: &str) -> Result<(), Refusal> {
    let all = |name: &HeaderName, good: &dyn Fn(&str) -> bool| {
        let mut values = headers.get_all(name).iter();
        values.all(|value| value.to_str().is_ok_and(good))
    };
    if !all(&ORIGIN, &|origin| {
        authority(origin) == Some((host.to_ascii_lowercase(), ""))
    }) {
        return Err(Refusal::Foreign("Origin"));
    }
    if !all(&REFERER, &|referer| {
        authority(referer).is_some_and(|(name, _)| name == host.to_ascii_lowercase())
    }) {
        return Err(Refusal::Foreign("Referer"));
    }
    // `none` is the person: an address typed in, a bookmark. Another site in the same domain is another site.
    let person = headers.get(FETCH_MODE).is_none_or(|mode| mode == "navigate");
    if !all(&FETCH_SITE, &|site| {
        site == "same-origin" || (site == "none" && person)
    }) {
        return Err(Refusal::Foreign("Sec-Fetch-Site"));
    }
    if PREFETCH.iter().any(|name| headers.contains_key(name)) {
        return Err(Refusal::Prefetch);
    }
    Ok(())
}

/// The name and port in an address, in lower case, and what comes after. A proxy that ends TLS makes it https.
fn authority(address: &str) -> Option<(String, &str)> {
    let (scheme, rest) = address.split_once("://")?;
    if scheme != "http" && scheme != "https" {
        return None;
    }
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    Some((authority.to_ascii_lowercase(), path))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(name: &'static str, value: &str) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert(name, value.parse().unwrap());
        check(&headers, "localhost:5001").is_ok()
    }

    #[test]
    fn own_pages_and_people_pass() {
        for (name, value) in [
            ("origin", "http://localhost:5001"),
            ("origin", "https://LOCALHOST:5001"),
            ("referer", "http://localhost:5001/"),
            ("referer", "http://localhost:5001"),
            ("referer", "http://localhost:5001?x=http://evil.example/"),
            ("sec-fetch-site", "same-origin"),
            ("sec-fetch-site", "none"),
            ("sec-fetch-mode", "cors"),
            ("user-agent", "Mozilla/5.0"),
        ] {
            assert!(outcome(name, value), "{name}: {value}");
        }
    }

    #[test]
    fn everybody_else_does_not() {
        for (name, value) in [
            ("origin", "null"),
            ("origin", ""),
            ("origin", "http://evil.example"),
            ("origin", "http://localhost"),
            ("origin", "http://localhost:5002"),
            ("origin", "http://127.0.0.1:5001"),
            ("origin", "http://localhost:5001/"),
            ("origin", "http://localhost:5001.evil.example"),
            ("origin", "http://localhost:5001, http://localhost:5001"),
            ("origin", "file://localhost:5001"),
            ("referer", ""),
            ("referer", "about:blank"),
            ("referer", "/relative"),
            ("referer", "http://evil.example/http://localhost:5001/"),
            ("referer", "http://localhost:5001@evil.example/"),
            ("referer", "http://evil.example@localhost:5001/"),
            ("referer", "http://localhost:5001\\@evil.example/"),
            ("sec-fetch-site", "cross-site"),
            ("sec-fetch-site", "same-site"),
            ("sec-fetch-site", "none, same-origin"),
            ("sec-fetch-site", "to-be-invented"),
            ("sec-fetch-site", ""),
            ("sec-purpose", "prefetch;prerender"),
            ("purpose", "prefetch"),
            ("x-purpose", "preview"),
            ("x-moz", "prefetch"),
        ] {
            assert!(!outcome(name, value), "{name}: {value}");
        }
        let mut headers = HeaderMap::new();
        headers.append("origin", "http://localhost:5001".parse().unwrap());
        headers.append("origin", "http://evil.example".parse().unwrap());
        assert!(check(&headers, "localhost:5001").is_err());
        let mut headers = HeaderMap::new();
        headers.append("sec-fetch-site", "none".parse().unwrap());
        headers.append("sec-fetch-mode", "no-cors".parse().unwrap());
        assert!(
            check(&headers, "localhost:5001").is_err(),
            "nobody types an image"
        );
    }
}
