//! What an answer may be and what may have been done, told a second time and by other means than the guard's.

use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, StatusCode};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

pub const TOKEN: &str = "0123456789abcdef";
/// The names of both listeners.
const NAMES: [&str; 5] = [
    "127.0.0.1:5001",
    "localhost:5001",
    "[::1]:5001",
    "em.example",
    "em.example:5001",
];
const PREFETCH: [&str; 4] = ["sec-purpose", "purpose", "x-purpose", "x-moz"];

/// An answer with what it brought about.
pub struct Answer<'a> {
    pub status: StatusCode,
    pub headers: &'a HeaderMap,
    pub body: &'a [u8],
    /// Whether the database or the switch has changed, or a request has left for the runner.
    pub changed: bool,
}

/// Panics where something is not as it must be.
pub fn judge(asked: &Parts, with_token: bool, answer: &Answer<'_>) {
    let Answer {
        status,
        headers,
        body,
        changed,
    } = answer;
    let told = || {
        format!(
            "{asked:?} -> {status} {} changed: {changed}",
            String::from_utf8_lossy(body)
        )
    };
    assert!(!status.is_server_error(), "{}", told());
    assert_eq!(headers["x-content-type-options"], "nosniff", "{}", told());
    assert!(!headers.contains_key("access-control-allow-origin"), "{}", told());
    let said: Option<Value> = (!body.is_empty()).then(|| serde_json::from_slice(body).expect("JSON"));
    let foreign = foreign(&asked.headers);
    if *status == StatusCode::OK {
        assert!(by_our_name(asked), "{}", told());
        assert!(!with_token || has_token(&asked.headers), "{}", told());
        // What routes that change something say: a message, or an error that begins with what was tried.
        let error = said.as_ref().and_then(|said| said["error"].as_str());
        let tried = error.is_some_and(|error| error.starts_with("Scheduler ("));
        let done = said.as_ref().is_some_and(|said| said.get("message").is_some());
        assert!(!foreign || !(tried || done), "{}", told());
    }
    if *changed {
        assert!(
            *status == StatusCode::OK && asked.method == Method::GET && !foreign,
            "{}",
            told()
        );
    }
}

/// One `Host` that is ours, and no other name in the target.
fn by_our_name(asked: &Parts) -> bool {
    let hosts: Vec<_> = asked.headers.get_all("host").iter().collect();
    let [host] = hosts[..] else { return false };
    let host = String::from_utf8_lossy(host.as_bytes()).to_lowercase();
    let same = |name: &str| name.to_lowercase() == host;
    NAMES.contains(&host.as_str()) && asked.uri.authority().is_none_or(|name| same(name.as_str()))
}

/// Whether some mark says for certain that a page of another site, or nobody, has asked.
fn foreign(headers: &HeaderMap) -> bool {
    let values = |name: &str| -> Vec<String> {
        let values = headers.get_all(name).iter();
        values
            .map(|value| String::from_utf8_lossy(value.as_bytes()).to_lowercase())
            .collect()
    };
    let own = |address: &str| {
        let rest = address
            .strip_prefix("http://")
            .or_else(|| address.strip_prefix("https://"));
        rest.and_then(|rest| {
            NAMES
                .iter()
                .filter_map(|name| rest.strip_prefix(name))
                .min_by_key(|rest| rest.len())
        })
        .map(str::to_owned)
    };
    let origin = values("origin")
        .iter()
        .any(|origin| own(origin).is_none_or(|rest| !rest.is_empty()));
    let referer = values("referer").iter().any(|referer| {
        own(referer).is_none_or(|rest| !(rest.is_empty() || rest.starts_with(['/', '?', '#'])))
    });
    let site = values("sec-fetch-site")
        .iter()
        .any(|site| site != "same-origin" && site != "none");
    origin || referer || site || PREFETCH.iter().any(|name| headers.contains_key(*name))
}

/// The token in its one header, plain or as the end of a decoded pair.
fn has_token(headers: &HeaderMap) -> bool {
    let values: Vec<_> = headers.get_all("authorization").iter().collect();
    let [value] = values[..] else { return false };
    let Ok(value) = value.to_str() else { return false };
    let Some((scheme, secret)) = value.split_once(' ') else {
        return false;
    };
    match scheme.to_lowercase().as_str() {
        "bearer" => secret.trim() == TOKEN,
        "basic" => {
            let pair = STANDARD.decode(secret.trim()).unwrap_or_default();
            String::from_utf8_lossy(&pair).ends_with(&format!(":{TOKEN}"))
        }
        _ => false,
    }
}
