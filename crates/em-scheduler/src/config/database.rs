//! The database's address. A password in it never leaves by `Display` or `Debug`.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// Which database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DatabaseUrl {
    /// An SQLite file, by its absolute path.
    Sqlite(PathBuf),
    /// A PostgreSQL database.
    Postgres(PostgresUrl),
}

/// The URL of a PostgreSQL database in the spelling `postgresql://…`. It prints without its password.
#[derive(Clone, PartialEq, Eq)]
pub struct PostgresUrl(String);

/// Options whose values are no secret.
const HARMLESS: [&str; 6] = [
    "sslmode",
    "application_name",
    "connect_timeout",
    "host",
    "port",
    "target_session_attrs",
];

impl PostgresUrl {
    /// The whole URL, password included: for the connection only.
    pub fn secret(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for PostgresUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (scheme, rest) = self.0.split_once("://").unwrap_or(("postgresql", ""));
        write!(f, "{scheme}://")?;
        // A password that should have been percent-encoded may hold any character, so the last @ counts, wherever
        // it stands: rather hide a host than show half a password.
        let place = match rest.rsplit_once('@') {
            Some((person, place)) => {
                let user = person.split([':', '/', '?', '@']).next().unwrap_or("");
                write!(
                    f,
                    "{user}{}@",
                    if user.len() < person.len() { ":***" } else { "" }
                )?;
                place
            }
            None => rest,
        };
        let (place, query) = place.split_once('?').unwrap_or((place, ""));
        f.write_str(if is_harmless(place) { place } else { "***" })?;
        for (index, pair) in query.split('&').filter(|pair| !pair.is_empty()).enumerate() {
            f.write_str(if index == 0 { "?" } else { "&" })?;
            match pair.split_once('=') {
                Some((name, _)) if HARMLESS.contains(&name) => f.write_str(pair)?,
                Some(_) | None => f.write_str("***")?,
            }
        }
        Ok(())
    }
}

/// Whether hosts, ports and name can be shown: what stands in the place of a port may be a password whose host was
/// forgotten.
fn is_harmless(place: &str) -> bool {
    let hosts = place.split('/').next().unwrap_or("");
    hosts.split(',').all(|host| match host.rsplit_once(':') {
        Some((_, port)) => port.bytes().all(|byte| byte.is_ascii_digit()) || host.ends_with(']'),
        None => true,
    })
}

impl fmt::Debug for PostgresUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(path) => write!(f, "sqlite://{}", path.display()),
            Self::Postgres(url) => fmt::Display::fmt(url, f),
        }
    }
}

impl FromStr for DatabaseUrl {
    type Err = String;

    /// Reads any of the spellings; the error does not repeat the text, for it may hold a password.
    fn from_str(text: &str) -> Result<Self, String> {
        let Some((scheme, rest)) = text.split_once("://") else {
            return Err(match text.split_once(':') {
                Some(("sqlite", rest)) if is_in_memory(rest) => IN_MEMORY.into(),
                _ => "it is no URL".into(),
            });
        };
        match scheme {
            "sqlite" => sqlite_path(rest).map(Self::Sqlite),
            // SQLAlchemy names its driver after a plus; which one em_web uses is its own business.
            _ if matches!(scheme.split('+').next(), Some("postgres" | "postgresql")) => {
                Ok(Self::Postgres(PostgresUrl(format!("postgresql://{rest}"))))
            }
            _ => {
                let harmless = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.');
                let scheme = if scheme.chars().all(harmless) {
                    scheme
                } else {
                    "…"
                };
                Err(format!("{scheme}:// is no database that is served here"))
            }
        }
    }
}

/// Why there is no database in memory.
const IN_MEMORY: &str = "a database in memory is gone when the scheduler ends, and the jobs with it; name a file, such \
                         as sqlite:////var/lib/em-scheduler/em.db (to try it out: em-scheduler demo)";

/// The spellings that SQLite and SQLAlchemy have for one, after the scheme: none may become a file of that name.
fn is_in_memory(rest: &str) -> bool {
    let name = rest.trim_start_matches('/');
    let (name, options) = name.split_once('?').unwrap_or((name, ""));
    name.is_empty()
        || name.eq_ignore_ascii_case(":memory:")
        || name.eq_ignore_ascii_case("file::memory:")
        || options.split('&').any(|option| option == "mode=memory")
}

fn sqlite_path(rest: &str) -> Result<PathBuf, String> {
    if is_in_memory(rest) {
        return Err(IN_MEMORY.into());
    }
    if !rest.starts_with('/') {
        return Err("the path after sqlite:// must be absolute, so that three slashes begin it".into());
    }
    if rest.contains(['?', '#']) {
        return Err("the path of an SQLite file takes no options".into());
    }
    if rest.ends_with('/') {
        return Err("the path of an SQLite file must name a file".into());
    }
    // SQLAlchemy writes absolute paths with four slashes.
    let path = Path::new("/").join(rest.trim_start_matches('/'));
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_is_read() {
        for (text, shown) in [
            ("postgres://me@h/em", "postgresql://me@h/em"),
            (
                "postgresql://h:6543/em?sslmode=require",
                "postgresql://h:6543/em?sslmode=require",
            ),
            ("postgresql+psycopg2://me@h/em", "postgresql://me@h/em"),
            ("sqlite:///var/lib/em.db", "sqlite:///var/lib/em.db"),
            ("sqlite:////var/lib/em.db", "sqlite:///var/lib/em.db"),
        ] {
            assert_eq!(
                text.parse::<DatabaseUrl>().map(|url| url.to_string()),
                Ok(shown.to_owned())
            );
        }
    }

    #[test]
    fn other_texts_are_refused_without_repeating_them() {
        for text in [
            "",
            "s3cret",
            "mysql://me:s3cret@h/em",
            "user:s3cret://x",
            "sqlite://s3cret.db",
            "sqlite:///s3cret/",
            "sqlite:///s3cret.db?mode=ro",
            "sqlite:s3cret",
            "host=h password=s3cret",
        ] {
            let error = text.parse::<DatabaseUrl>().unwrap_err();
            assert!(!error.contains("s3cret"), "{text}: {error}");
        }
    }

    #[test]
    fn a_database_in_memory_is_refused_by_name_in_every_spelling() {
        for text in [
            "sqlite:///:memory:",
            "sqlite:////:memory:",
            "sqlite://:memory:",
            "sqlite::memory:",
            "sqlite:///:MEMORY:",
            "sqlite:///:memory:?cache=shared",
            "sqlite:///file::memory:",
            "sqlite:///file::memory:?cache=shared",
            "sqlite:///file:em?mode=memory&cache=shared",
            "sqlite://",
            "sqlite:///",
            "sqlite:////",
        ] {
            let error = text.parse::<DatabaseUrl>().unwrap_err();
            assert!(
                error.contains("in memory") && error.contains("sqlite:////var/lib"),
                "{text}: {error}"
            );
        }
        // A file may have such a name in its path.
        assert!("sqlite:///data/:memory:/em.db".parse::<DatabaseUrl>().is_ok());
    }

    #[test]
    fn no_password_is_shown() {
        for (text, shown) in [
            ("postgresql://me:s3cret@h/em", "postgresql://me:***@h/em"),
            ("postgres://me:s3c@ret@h/em", "postgresql://me:***@h/em"),
            ("postgres://me:s3/c?ret@h/em", "postgresql://me:***@h/em"),
            (
                "postgres://h/em?password=s3cret&sslmode=require",
                "postgresql://h/em?***&sslmode=require",
            ),
            ("postgres://h/em?x=1@s3cret:y@h", "postgresql://h:***@h"),
            ("postgres://me:s3cret", "postgresql://***"),
            (
                "postgres://a:5432,[::1]:6543,[::2]/em",
                "postgresql://a:5432,[::1]:6543,[::2]/em",
            ),
        ] {
            let url: DatabaseUrl = text.parse().unwrap();
            assert!(!url.to_string().contains("s3c"), "{url}");
            assert!(!format!("{url:?}").contains("s3c"), "{url:?}");
            assert_eq!(url.to_string(), shown);
        }
    }
}
