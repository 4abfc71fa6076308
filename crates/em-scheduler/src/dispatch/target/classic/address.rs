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

/// Why a text is no address of a runner.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidAddress {
    #[error("it is no URL")]
    NoUrl,
    #[error("the scheme must be http or https")]
    Scheme,
    #[error("it names no host")]
    NoHost,
    #[error("a user or password in it is not supported")]
    Credentials,
    #[error("it must not have a query")]
    Query,
    #[error("its port is no number from 1 to 65535")]
    Port,
    #[error("its host is not a name")]
    Host,
}

impl std::str::FromStr for RunnerAddress {
    type Err = InvalidAddress;

    fn from_str(text: &str) -> Result<Self, InvalidAddress> {
        let uri: Uri = text.parse().map_err(|_| InvalidAddress::NoUrl)?;
        let https = match uri.scheme_str() {
            Some("http") => false,
            Some("https") => true,
            _ => return Err(InvalidAddress::Scheme),
        };
        let authority = uri.authority().ok_or(InvalidAddress::NoHost)?;
        if authority.as_str().contains('@') {
            return Err(InvalidAddress::Credentials);
        }
        if uri.query().is_some() {
            return Err(InvalidAddress::Query);
        }
        let host = authority
            .host()
            .trim_start_matches('[')
            .trim_end_matches(']')
            .to_owned();
        if host.is_empty() {
            return Err(InvalidAddress::NoHost);
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
            port: port.ok_or(InvalidAddress::Port)?,
            authority: HeaderValue::from_str(authority.as_str()).map_err(|_| InvalidAddress::Host)?,
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
