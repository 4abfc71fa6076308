//! Whether two configurations are one, secrets included. Hints are not compared: they tell of what was ignored, and so
//! of where a value came from.

use em_scheduler::config::{Config, DatabaseUrl};

pub fn assert_same(one: &Config, other: &Config) {
    let printed = |config: &Config| {
        let mut config = config.clone();
        config.hints.clear();
        config.database_is_default = false;
        format!("{config:?}")
    };
    assert_eq!(printed(one), printed(other));
    let url = |config: &Config| match &config.database {
        DatabaseUrl::Sqlite(path) => path.display().to_string(),
        DatabaseUrl::Postgres(url) => url.secret().to_owned(),
    };
    assert_eq!(url(one), url(other));
    assert_eq!(one.exposure, other.exposure);
    assert_eq!(one.database, other.database);
    // A port that is written is the port that is called.
    let runner = one.runner.to_string();
    let authority = runner
        .split("://")
        .nth(1)
        .and_then(|rest| rest.split('/').next())
        .unwrap_or("");
    let written = authority
        .rsplit_once(':')
        .filter(|(host, port)| !port.contains(']') && !host.is_empty());
    if let Some((_, port)) = written {
        let port: u16 = port.parse().expect("a port");
        assert!(
            format!("{:?}", one.runner).contains(&format!(" port: {port},")),
            "{:?}",
            one.runner
        );
    }
}
