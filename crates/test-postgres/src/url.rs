//! The little of URLs that is needed here: the same server, another database.

use crate::Error;

/// `base` with its database replaced; user, password, host and parameters stay. `None` if it is no PostgreSQL address.
fn replace_database(base: &str, database: &str) -> Option<String> {
    let rest = base
        .strip_prefix("postgres://")
        .or_else(|| base.strip_prefix("postgresql://"))?;
    let (place, parameters) = rest
        .split_once('?')
        .map_or((rest, None), |(place, all)| (place, Some(all)));
    let authority = place.split_once('/').map_or(place, |(authority, _)| authority);
    let parameters = parameters.map(|all| format!("?{all}")).unwrap_or_default();
    (!authority.is_empty()).then(|| format!("postgres://{authority}/{database}{parameters}"))
}

/// Like [`replace_database`], with the error for a variable that somebody set wrongly.
pub(crate) fn with_database(base: &str, database: &str) -> Result<String, Error> {
    replace_database(base, database).ok_or_else(|| Error::Url { url: base.into() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_database_changes() {
        for (base, expected) in [
            ("postgres://u@h:1", Some("postgres://u@h:1/x")),
            ("postgres://u@h:1/", Some("postgres://u@h:1/x")),
            ("postgresql://u:p@h/old", Some("postgres://u:p@h/x")),
            (
                "postgres://u@h/old?sslmode=disable",
                Some("postgres://u@h/x?sslmode=disable"),
            ),
            (
                "postgres://u@h?sslmode=disable",
                Some("postgres://u@h/x?sslmode=disable"),
            ),
            ("postgres:///old", None),
            ("mysql://u@h/old", None),
            ("", None),
        ] {
            assert_eq!(replace_database(base, "x").as_deref(), expected, "{base}");
        }
    }
}
