//! What `check` finds around the database: the zone, the API's address, the runner.

use std::io::ErrorKind;
use std::time::Duration;

use http::Uri;
use tokio::net::TcpStream;

use super::finding::{Finding, Level};
use crate::config::Config;
use crate::http::Socket;

const PATIENCE: Duration = Duration::from_secs(5);

pub(super) fn zone(config: &Config) -> Finding {
    Finding::new(
        "time zone",
        Level::Ok,
        format!(
            "{}, clock changes: {}, zone data {}",
            config.zone.name(),
            config.dst,
            triggers::tzdb_release()
        ),
    )
}

/// Whether the API could listen. `served` says that a scheduler is at work on the database: then its address is taken,
/// as it should be.
pub(super) fn address(config: &Config, served: bool) -> Finding {
    if let Some(path) = &config.exposure.socket
        && let Err(error) = Socket::is_free(path)
    {
        let path = path.display();
        return if served && error.kind() == ErrorKind::AddrInUse {
            Finding::new(
                "API",
                Level::Ok,
                format!("{path} is in use while a scheduler runs"),
            )
        } else {
            Finding::new(
                "API",
                Level::Warning,
                format!("the API could not listen on {path}: {error}"),
            )
        };
    }
    let Some(bind) = config.exposure.bind else {
        return Finding::new("API", Level::Ok, "on its unix socket alone");
    };
    match std::net::TcpListener::bind(bind) {
        Ok(_) => Finding::new("API", Level::Ok, format!("{bind} is free")),
        Err(_) if served => Finding::new(
            "API",
            Level::Ok,
            format!("{bind} is in use while a scheduler runs"),
        ),
        Err(error) => Finding::new(
            "API",
            Level::Warning,
            format!("the API could not listen on {bind}: {error}"),
        ),
    }
}

/// Whether somebody listens where runs are sent. Only the connection is tried: a request might start a task.
pub(super) async fn runner(config: &Config) -> Finding {
    let shown = config.runner.to_string();
    let unreachable = |reason: String| {
        Finding::new(
            "runner",
            Level::Warning,
            format!("{shown} cannot be reached: {reason}"),
        )
    };
    let Some((host, port)) = host_and_port(&shown) else {
        return unreachable("its address names no host".into());
    };
    match tokio::time::timeout(PATIENCE, TcpStream::connect((host.as_str(), port))).await {
        Ok(Ok(_)) => Finding::new("runner", Level::Ok, format!("{shown} takes connections")),
        Ok(Err(error)) => unreachable(error.to_string()),
        Err(_) => unreachable(format!("no answer within {} s", PATIENCE.as_secs())),
    }
}

fn host_and_port(url: &str) -> Option<(String, u16)> {
    let uri: Uri = url.parse().ok()?;
    let host = uri
        .host()?
        .trim_start_matches('[')
        .trim_end_matches(']')
        .to_owned();
    let usual = if uri.scheme_str() == Some("https") {
        443
    } else {
        80
    };
    Some((host, uri.port_u16().unwrap_or(usual)))
}
