//! Where the runner is. Read by the configuration.

use http::Uri;
use http::header::HeaderValue;

/// Where the runner is: `http://host[:port][/path]` or https.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunnerAddress {
    pub(super) https: bool,
    pub(super) host: String,
    pub(super) port: u16,
    /// Host and port as requests name them.
    pub(super) authority: HeaderValue,
    /// Without a slash at its end.
    pub(super) path: String,
}

impl std::str::FromStr for RunnerAddress {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let expected = "expected http://host[:port][/path] or https://…";
        let refuse = |why: &str| format!("{text:?} is not a runner's address: {why}; {expected}");
        let uri: Uri = text.parse().map_err(|_| refuse("it is no URL"))?;
        let https = match uri.scheme_str() {
            Some("http") => false,
            Some("https") => true,
            _ => return Err(refuse("the scheme must be http or https")),
        };
        let authority = uri.authority().ok_or_else(|| refuse("it names no host"))?;
        if authority.as_str().contains('@') {
            return Err(refuse("a user or password in it is not supported"));
        }
        if uri.query().is_some() {
            return Err(refuse("it must not have a query"));
        }
        let host = authority
            .host()
            .trim_start_matches('[')
            .trim_end_matches(']')
            .to_owned();
        if host.is_empty() {
            return Err(refuse("it names no host"));
        }
        // A port that is none must not become the usual one: that would be another runner.
        let port = match authority.as_str().strip_prefix(authority.host()) {
            Some("") => Some(if https { 443 } else { 80 }),
            Some(_) => authority.port_u16().filter(|port| *port != 0),
            None => None,
        };
        Ok(Self {
            https,
            host,
            port: port.ok_or_else(|| refuse("its port is no number from 1 to 65535"))?,
            authority: HeaderValue::from_str(authority.as_str())
                .map_err(|_| refuse("its host is not a name"))?,
            path: uri.path().trim_end_matches('/').to_owned(),
        })
    }
}

impl std::fmt::Display for RunnerAddress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let scheme = if self.https { "https" } else { "http" };
        write!(
            f,
            "{scheme}://{}{}",
            self.authority.to_str().unwrap_or(&self.host),
            self.path
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_and_refused() {
        for (text, shown) in [
            ("http://127.0.0.1:5002/api", "http://127.0.0.1:5002/api"),
            ("http://127.0.0.1:5002/api/", "http://127.0.0.1:5002/api"),
            ("https://runner.example", "https://runner.example"),
            ("http://[::1]:5002", "http://[::1]:5002"),
        ] {
            assert_eq!(
                text.parse::<RunnerAddress>().map(|address| address.to_string()),
                Ok(shown.to_owned())
            );
        }
        for text in [
            "",
            "127.0.0.1:5002",
            "ftp://x/api",
            "http://user:word@x/",
            "http://x/?a=1",
            "http:///api",
            // Found by fuzzing: these went to port 80.
            "http://h:-hos",
            "http://h:99999",
            "http://h:",
            "https://[::1]:0/api",
        ] {
            assert!(text.parse::<RunnerAddress>().is_err(), "{text}");
        }
    }
}
