//! Reads the database's address: what tokio-postgres understands goes to its own parser, what it does not
//! (`sslmode=verify-full`, `sslrootcert`) is taken out first. No error and no debug output shows a password.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio_postgres::Config;
use tokio_postgres::config::Host;

use crate::store::{Result, StoreError};

/// The name by which the sessions of all processes are known to the server (see `stuck`).
pub(super) const APPLICATION: &str = "em-scheduler";

/// How long anything on the network may take to show a sign of life.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const SILENCE: Duration = Duration::from_secs(15);
const PROBE_EVERY: Duration = Duration::from_secs(5);
const PROBES: u32 = 3;

/// Options of libpq that mean nothing here and do no harm.
const IGNORED: [&str; 4] = [
    "gssencmode",
    "client_encoding",
    "fallback_application_name",
    "sslcompression",
];

/// `sslmode`, as libpq means it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TlsMode {
    Disable,
    Allow,
    Prefer,
    Require,
    VerifyCa,
    VerifyFull,
}

/// Where the database is and how to talk to it.
pub(super) struct Target {
    pub(super) config: Config,
    pub(super) tls: TlsMode,
    /// The file with the roots to trust; none: the system's.
    pub(super) roots: Option<PathBuf>,
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Target({self}, {:?})", self.tls)
    }
}

/// Host, port, database and user: all that an error may tell.
impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hosts: Vec<String> = self
            .config
            .get_hosts()
            .iter()
            .map(|host| match host {
                Host::Tcp(name) => name.clone(),
                #[cfg(unix)]
                Host::Unix(path) => path.display().to_string(),
            })
            .collect();
        let ports: Vec<String> = self.config.get_ports().iter().map(ToString::to_string).collect();
        let ports = if ports.is_empty() {
            "5432".to_owned()
        } else {
            ports.join(",")
        };
        let user = self.config.get_user().unwrap_or("(the user of this process)");
        let database = self
            .config
            .get_dbname()
            .or(self.config.get_user())
            .unwrap_or("(named like the user)");
        write!(
            f,
            "host {}, port {ports}, database {database}, user {user}",
            hosts.join(",")
        )
    }
}

impl Target {
    /// Reads `postgres://user:password@host:port/database?sslmode=…`.
    ///
    /// # Errors
    /// What is wrong, without the values.
    pub(super) fn parse(url: &str) -> Result<Self> {
        let (place, query) = url.split_once('?').unwrap_or((url, ""));
        let scheme = place
            .strip_prefix("postgres://")
            .or_else(|| place.strip_prefix("postgresql://"));
        let Some(authority) = scheme else {
            return Err(wrong("it does not begin with postgres:// or postgresql://"));
        };
        // The parser would take everything after the first @ for the host, and errors name the host.
        let ends = authority.find('/').unwrap_or(authority.len());
        if authority[..ends].matches('@').count() > 1 {
            return Err(wrong("an @ inside user or password is written %40"));
        }
        let mut tls = TlsMode::Prefer;
        let mut roots = None;
        let mut rest = Vec::new();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            match name {
                "sslmode" => tls = tls_mode(value)?,
                "sslrootcert" => roots = Some(decoded(value)),
                name if IGNORED.contains(&name) => {}
                _ => rest.push(pair),
            }
        }
        let plain = if rest.is_empty() {
            place.to_owned()
        } else {
            format!("{place}?{}", rest.join("&"))
        };
        let config: Config = plain.parse().map_err(|error| unreadable(&error))?;
        let roots = roots.filter(|path| path != "system").map(PathBuf::from);
        Ok(Self {
            config: complete(config),
            tls: stricter(tls, roots.as_deref()),
            roots,
        })
    }

    /// Whether the connection stays inside this machine by a socket file, where there is no TLS.
    pub(super) fn is_local_socket(&self) -> bool {
        self.config
            .get_hosts()
            .iter()
            .all(|host| !matches!(host, Host::Tcp(_)))
    }
}

/// A host where none is given, names for bare addresses (TLS wants one), and limits on silence.
fn complete(mut config: Config) -> Config {
    if config.get_hosts().is_empty() {
        let addresses = config.get_hostaddrs().to_vec();
        if addresses.is_empty() {
            let sockets = Path::new("/var/run/postgresql");
            if sockets.is_dir() {
                config.host_path(sockets)
            } else {
                config.host("localhost")
            };
        }
        for address in addresses {
            config.host(address.to_string());
        }
    }
    if config.get_connect_timeout().is_none() {
        config.connect_timeout(CONNECT_TIMEOUT);
    }
    if config.get_tcp_user_timeout().is_none() {
        config.tcp_user_timeout(SILENCE);
    }
    config
        // Whatever the URL says: by this name the processes know each other's sessions.
        .application_name(APPLICATION)
        .keepalives_idle(PROBE_EVERY)
        .keepalives_interval(PROBE_EVERY)
        .keepalives_retries(PROBES);
    config
}

/// Whoever names a root to trust wants it checked, as libpq has it.
fn stricter(mode: TlsMode, roots: Option<&Path>) -> TlsMode {
    match mode {
        TlsMode::Require if roots.is_some() => TlsMode::VerifyCa,
        mode => mode,
    }
}

fn tls_mode(text: &str) -> Result<TlsMode> {
    Ok(match text {
        "disable" => TlsMode::Disable,
        "allow" => TlsMode::Allow,
        "prefer" => TlsMode::Prefer,
        "require" => TlsMode::Require,
        "verify-ca" => TlsMode::VerifyCa,
        "verify-full" => TlsMode::VerifyFull,
        _ => {
            return Err(wrong(
                "sslmode is none of disable, allow, prefer, require, verify-ca and verify-full",
            ));
        }
    })
}

fn unreadable(error: &tokio_postgres::Error) -> StoreError {
    // The parser's own words name options, never their values; but what it takes for an option may be part of a
    // password that should have been encoded.
    let detail = std::error::Error::source(error)
        .map(ToString::to_string)
        .unwrap_or_default();
    let harmless = |c: char| c.is_ascii_lowercase() || matches!(c, ' ' | '_' | '`');
    let known = detail.starts_with("unknown option") || detail.starts_with("invalid value for option");
    if known && detail.chars().all(harmless) {
        wrong(&detail)
    } else {
        wrong("special characters in user, password or database are written %XX")
    }
}

fn wrong(reason: &str) -> StoreError {
    StoreError::Unusable(format!("the database URL cannot be read: {reason}"))
}

/// Percent-decoding of a path; what is no valid escape stays as it is.
fn decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut place = 0;
    while let Some(&byte) = bytes.get(place) {
        let escape = text
            .get(place + 1..place + 3)
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        match escape {
            Some(value) if byte == b'%' => {
                out.push(value);
                place += 3;
            }
            _ => {
                out.push(byte);
                place += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tls_options_are_taken_out_and_the_rest_is_read() {
        let target = Target::parse(
            "postgresql://me:secret@db.example:6543/em?sslmode=verify-full&sslrootcert=%2Fetc%2Fca.pem&gssencmode=disable",
        )
        .unwrap();
        assert_eq!(target.tls, TlsMode::VerifyFull);
        assert_eq!(target.roots.as_deref(), Some(Path::new("/etc/ca.pem")));
        assert_eq!(
            target.to_string(),
            "host db.example, port 6543, database em, user me"
        );
        assert!(!format!("{target:?}").contains("secret"));
    }

    #[test]
    fn every_mode_of_libpq_is_known() {
        for (query, mode) in [
            ("", TlsMode::Prefer),
            ("?sslmode=disable", TlsMode::Disable),
            ("?sslmode=allow", TlsMode::Allow),
            ("?sslmode=require", TlsMode::Require),
            ("?sslmode=require&sslrootcert=/ca", TlsMode::VerifyCa),
            ("?sslmode=verify-ca&sslrootcert=system", TlsMode::VerifyCa),
        ] {
            assert_eq!(
                Target::parse(&format!("postgres://h/d{query}")).unwrap().tls,
                mode,
                "{query}"
            );
        }
    }

    #[test]
    fn an_error_never_shows_the_password() {
        for url in [
            "mysql://me:s3cret@h/d",
            "postgres://me:s3c@ret@h/d",
            "postgres://me:s3cret@h:port/d",
            "postgres://me:s3cret@h/d?sslmode=s3cret",
            "postgres://me@h/d?password=s3cret&S3cret=1",
        ] {
            let error = Target::parse(url).unwrap_err().to_string();
            assert!(
                !error.to_lowercase().contains("s3c") && !error.contains("ret@"),
                "{url}: {error}"
            );
        }
    }
}
