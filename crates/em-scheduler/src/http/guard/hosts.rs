//! By which names we may be called. A page can give its own name our address (DNS rebinding); the browser then takes us
//! for that page's own server, but it still says the page's name in `Host`.

use std::net::SocketAddr;

use http::header::HOST;
use http::{HeaderMap, Uri};

use crate::http::refusal::Refusal;

const LOOPBACK: [&str; 3] = ["127.0.0.1", "localhost", "[::1]"];
/// The port that nobody writes.
const HTTP: u16 = 80;

/// The values that `Host` may have, whole and in lower case: what is compared is the text, so that no two readers of
/// it can disagree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hosts {
    names: Vec<String>,
    /// Whether loopback names count with any port.
    loopback_with_any_port: bool,
}

impl Hosts {
    /// Of a listener at an address: loopback names and the address itself, with its port, and `more`. Of those, a name
    /// without a port may also be called with ours.
    pub fn of_address(address: SocketAddr, more: &[String]) -> Self {
        let mut hosts = Self {
            names: Vec::new(),
            loopback_with_any_port: false,
        };
        let own = SocketAddr::new(address.ip(), 0).to_string();
        let own = own.strip_suffix(":0").filter(|_| !address.ip().is_unspecified());
        for name in LOOPBACK.into_iter().chain(own) {
            hosts.names.push(format!("{name}:{}", address.port()));
            if address.port() == HTTP {
                hosts.names.push(name.to_owned());
            }
        }
        hosts.add(more, Some(address.port()));
        hosts
    }

    /// Of a unix socket: loopback names, without a port or with any, and `more`, which may also be called with the port of
    /// the address beside it. A proxy on this machine passes on the port on which it listens itself; and no page can
    /// have a browser connect to a unix socket.
    pub fn of_socket(port: Option<u16>, more: &[String]) -> Self {
        let mut hosts = Self {
            names: LOOPBACK.map(str::to_owned).to_vec(),
            loopback_with_any_port: true,
        };
        hosts.add(more, port);
        hosts
    }

    fn add(&mut self, names: &[String], port: Option<u16>) {
        for name in names {
            let name = name.to_ascii_lowercase();
            let has_port =
                name.rsplit(':').next().is_some_and(|port| !port.contains(']')) && name.contains(':');
            if let (false, Some(port)) = (has_port, port) {
                self.names.push(format!("{name}:{port}"));
            }
            self.names.push(name);
        }
    }

    fn allow(&self, host: &str) -> bool {
        let at_loopback = match host.rsplit_once(':') {
            Some((name, port)) if self.loopback_with_any_port && is_port(port) => LOOPBACK
                .iter()
                .any(|loopback| loopback.eq_ignore_ascii_case(name)),
            _ => false,
        };
        at_loopback
            || self
                .names
                .iter()
                .any(|allowed| allowed.eq_ignore_ascii_case(host))
    }

    /// The one name by which a request calls us. A target with a name in it must have the same.
    pub(super) fn check<'a>(&self, uri: &Uri, headers: &'a HeaderMap) -> Result<&'a str, Refusal> {
        let mut values = headers.get_all(HOST).iter();
        let (Some(host), None) = (values.next(), values.next()) else {
            return Err(Refusal::Host);
        };
        let host = host.to_str().map_err(|_| Refusal::Host)?;
        let ours = self.allow(host);
        let same = match (uri.authority(), uri.scheme_str()) {
            (None, _) => true,
            // What we serve is http; a proxy that ends TLS does not send such targets.
            (Some(authority), None | Some("http")) => authority.as_str().eq_ignore_ascii_case(host),
            (Some(_), Some(_)) => false,
        };
        if ours && same {
            Ok(host)
        } else {
            Err(Refusal::Host)
        }
    }
}

/// Digits alone: `u16` would take a sign, too.
fn is_port(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit()) && text.parse::<u16>().is_ok_and(|port| port > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allows(hosts: &Hosts, host: &str) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert(HOST, host.parse().unwrap());
        hosts.check(&Uri::from_static("/api"), &headers).is_ok()
    }

    #[test]
    fn each_listener_has_its_names() {
        let more = [
            "em.example".to_owned(),
            "proxy:8443".to_owned(),
            "[2001:db8::1]".to_owned(),
        ];
        let tcp = |address: &str| Hosts::of_address(address.parse().unwrap(), &more);
        let always = ["em.example", "EM.example", "proxy:8443", "[2001:db8::1]"];
        let never = [
            "",
            "proxy",
            "proxy:5001",
            "em.example:1",
            "0.0.0.0:5001",
            "[::]:5001",
            "localhost:0",
            "localhost:65536",
            "localhost:x",
            "localhost:+1",
            "evil.localhost:5001",
            "::1:5001",
        ];
        for (hosts, allowed, refused) in [
            (
                tcp("127.0.0.1:5001"),
                &[
                    "127.0.0.1:5001",
                    "LOCALHOST:5001",
                    "[::1]:5001",
                    "em.example:5001",
                    "[2001:db8::1]:5001",
                ][..],
                &[
                    "127.0.0.1",
                    "localhost",
                    "127.0.0.2:5001",
                    "192.0.2.7:5001",
                    "localhost:1",
                ][..],
            ),
            (tcp("127.0.0.2:5001"), &["127.0.0.2:5001"], &["127.0.0.3:5001"]),
            (
                tcp("127.0.0.1:80"),
                &["127.0.0.1", "localhost", "localhost:80"],
                &["127.0.0.2"],
            ),
            (tcp("192.0.2.7:5001"), &["192.0.2.7:5001"], &["192.0.2.7"]),
            (
                tcp("[2001:db8::7]:5001"),
                &["[2001:db8::7]:5001"],
                &["2001:db8::7:5001"],
            ),
            (tcp("0.0.0.0:5001"), &["localhost:5001"], &["192.0.2.7:5001"]),
            (
                Hosts::of_socket(None, &more),
                &[
                    "localhost",
                    "127.0.0.1",
                    "[::1]",
                    "localhost:80",
                    "127.0.0.1:5001",
                    "[::1]:8080",
                    "LocalHost:1",
                ],
                &["em.example:5001", "127.0.0.2:5001"],
            ),
            (
                Hosts::of_socket(Some(5001), &more),
                &["localhost", "localhost:5001", "localhost:80", "em.example:5001"],
                &["em.example:80"],
            ),
        ] {
            for host in always.iter().chain(allowed) {
                assert!(allows(&hosts, host), "{host} {hosts:?}");
            }
            for host in never.iter().chain(refused) {
                assert!(!allows(&hosts, host), "{host} {hosts:?}");
            }
        }
    }
}
