//! Where the API listens, by which names it may be called, and the secret that opens it. What is dangerous in
//! combination is refused here: an address that others can reach needs a token and a name.

use std::fmt;
use std::fs::File;
use std::io::Read;
use std::net::{IpAddr, SocketAddr};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use http::uri::Authority;

use super::catalogue::{self, ALLOW_HOST, BIND, SOCKET, TOKEN_ENV, TOKEN_FILE};
use super::error::ConfigError;
use super::source::{Environment, Given, Source};
use super::sources::Sources;
use super::value::{value, wrong};

/// Who can reach the API, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exposure {
    /// The address; none: only the socket. Never without a socket or an address.
    pub bind: Option<SocketAddr>,
    /// The unix socket.
    pub socket: Option<PathBuf>,
    /// Names beside those of loopback by which the API may be called, in lower case, some with a port.
    pub allow_hosts: Vec<String>,
    /// What every request must carry.
    pub token: Option<Secret>,
}

/// A secret. It prints as stars.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

/// So short a token could be guessed.
const SHORTEST: usize = 16;
const LONGEST: usize = 512;
/// No more of its file is read: a wrong path may lead to something without end.
const READ: u64 = 64 * 1024;

impl Secret {
    /// The secret itself.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// A token, with the line break that ends a file taken off. The error does not repeat it.
    fn token(text: &str) -> Result<Self, String> {
        let token = text.trim_ascii_end();
        if token.is_empty() {
            // Not "no token": whoever set this believes that there is one.
            return Err("the token is empty".into());
        }
        if !token.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err("the token has other characters than printable ASCII without blanks".into());
        }
        if !(SHORTEST..=LONGEST).contains(&token.len()) {
            return Err(format!("the token has {} characters", token.len()));
        }
        Ok(Self(token.to_owned()))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

pub(super) fn read(sources: &Sources, hints: &mut Vec<String>) -> Result<Exposure, ConfigError> {
    let token = token(sources, hints)?;
    let allow_hosts = value(sources, &ALLOW_HOST, hosts)?;
    let socket = value(sources, &SOCKET, socket)?;
    let bind = value(sources, &BIND, |text| {
        let address = address(text)?;
        match address {
            None if socket.is_none() => Err("there is no socket either".to_owned()),
            Some(address) => {
                reachable(address, token.is_some(), !allow_hosts.is_empty()).map(|()| Some(address))
            }
            None => Ok(None),
        }
    })?;
    Ok(Exposure {
        bind,
        socket,
        allow_hosts,
        token,
    })
}

/// Whether the API may listen there, with or without a token and names.
fn reachable(address: SocketAddr, token: bool, names: bool) -> Result<(), String> {
    let ip = address.ip().to_canonical();
    if ip.is_loopback() {
        Ok(())
    } else if !token {
        Err("the API has no token (token-file), so that it must not be reached from other machines".into())
    } else if ip.is_unspecified() && !names {
        Err(
            "it is every address of this machine, so allow-host must say by which names the API is called"
                .into(),
        )
    } else {
        Ok(())
    }
}

fn address(text: &str) -> Result<Option<SocketAddr>, String> {
    match text.strip_prefix("localhost:") {
        _ if text == "none" => return Ok(None),
        Some(port) => format!("127.0.0.1:{port}").parse(),
        None => text.parse(),
    }
    .map(Some)
    .map_err(|_| "it is no address with a port".to_owned())
}

fn hosts(text: &str) -> Result<Vec<String>, String> {
    if text == ALLOW_HOST.default || text.is_empty() {
        return Ok(Vec::new());
    }
    text.split(',').map(str::trim).map(host).collect()
}

/// One name, as the `Host` header will have it.
fn host(text: &str) -> Result<String, String> {
    let refuse = || format!("{text:?} is no name of a host");
    let authority: Authority = text.parse().map_err(|_| refuse())?;
    let name = authority.host();
    let letters = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    let bracketed = name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    let known = match bracketed {
        Some(address) => address.parse::<IpAddr>().is_ok_and(|address| address.is_ipv6()),
        // No stars: a name that stands for many would let in whoever can register one of them.
        None => !name.is_empty() && name.chars().all(letters),
    };
    let port = match text.get(name.len()..) {
        Some("") => true,
        Some(rest) => rest
            .strip_prefix(':')
            .is_some_and(|port| port.parse::<u16>().is_ok_and(|number| number.to_string() == port)),
        None => false,
    };
    (known && port)
        .then(|| text.to_ascii_lowercase())
        .ok_or_else(refuse)
}

fn socket(text: &str) -> Result<Option<PathBuf>, String> {
    if text == SOCKET.default {
        return Ok(None);
    }
    let path = Path::new(text);
    match path.parent() {
        Some(folder) if path.is_absolute() && path.file_name().is_some() => {
            if folder.is_dir() {
                Ok(Some(path.to_owned()))
            } else {
                Err(format!("the folder {} does not exist", folder.display()))
            }
        }
        _ => Err("it is no absolute path of a file".into()),
    }
}

/// The token: from the file, or from the variable. Two are one too many: nobody could say which one counts.
fn token(sources: &Sources, hints: &mut Vec<String>) -> Result<Option<Secret>, ConfigError> {
    let file = sources
        .get(&TOKEN_FILE)?
        .filter(|given| given.text != TOKEN_FILE.default);
    let variable = in_environment(sources.environment());
    match (file, variable) {
        (Some(given), None) => from_file(&given, hints).map(Some),
        (Some(given), Some(_)) => Err(wrong(
            &TOKEN_FILE,
            &given,
            &format!("{TOKEN_ENV} holds a token as well"),
        )),
        (None, Some(text)) => {
            let token = text.and_then(|text| Secret::token(&text));
            token.map(Some).map_err(|problem| ConfigError::Value {
                setting: "token",
                source_of: Source::Environment(TOKEN_ENV),
                shown: "not shown".into(),
                problem,
                allowed: "16 to 512 printable ASCII characters without blanks",
            })
        }
        (None, None) => Ok(None),
    }
}

/// An empty variable counts, unlike that of any other setting: `EM_SCHEDULER_TOKEN=$SECRET` with `SECRET` unset must
/// not open the API to all.
fn in_environment(environment: &Environment) -> Option<Result<String, String>> {
    let text = environment.get_as_is(TOKEN_ENV)?.clone();
    Some(text.into_string().map_err(|_| "it is no UTF-8 text".to_owned()))
}

fn from_file(given: &Given, hints: &mut Vec<String>) -> Result<Secret, ConfigError> {
    let path = Path::new(given.text.trim());
    let mut text = Vec::new();
    let opened = File::open(path).and_then(|mut file| {
        let mode = file.metadata()?.permissions().mode() & 0o777;
        (&mut file).take(READ).read_to_end(&mut text)?;
        Ok(mode)
    });
    let mode = opened.map_err(|error| wrong(&TOKEN_FILE, given, &error))?;
    let text = String::from_utf8(text).map_err(|_| {
        wrong(
            &TOKEN_FILE,
            given,
            &"the token has other characters than printable ASCII",
        )
    })?;
    let token = Secret::token(&text).map_err(|problem| wrong(&catalogue::TOKEN_FILE, given, &problem))?;
    // Its group may: that is how systemd hands it over.
    if mode & 0o007 != 0 {
        hints.push(format!(
            "the token in {file} is open to every user of this machine (mode {mode:04o}); to close it: chmod o= {file}",
            file = path.display()
        ));
    }
    Ok(token)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_and_refused() {
        for (text, names) in [
            ("none", &[][..]),
            ("em.example", &["em.example"]),
            ("EM.example, 10.0.0.7:5001", &["em.example", "10.0.0.7:5001"]),
            ("[2001:db8::1]:80,localhost.", &["[2001:db8::1]:80", "localhost."]),
        ] {
            assert_eq!(hosts(text).unwrap(), names, "{text}");
        }
        for text in [
            "*",
            "*.example",
            "http://em",
            "em/x",
            "me@em",
            "em:",
            "em:0x1",
            "em:99999",
            "em:080",
            "a,,b",
            "[::1",
            "[em]",
            "em example",
            "é.example",
            ":80",
        ] {
            assert!(hosts(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_token_is_long_and_printable_and_its_error_does_not_repeat_it() {
        let good = "0123456789abcdef";
        assert_eq!(Secret::token(&format!("{good}\r\n")).unwrap().expose(), good);
        assert_eq!(format!("{:?}", Secret::token(good).unwrap()), "***");
        for text in [
            "",
            "\n",
            "hunter2",
            " 0123456789abcdef",
            "0123456789 abcdef",
            "pässwörtchen1234",
            "x\0x0123456789abcd",
        ] {
            let error = Secret::token(text).unwrap_err();
            assert!(text.trim().is_empty() || !error.contains(text.trim()), "{error}");
        }
        assert!(Secret::token(&"x".repeat(513)).is_err());
    }

    #[test]
    fn what_others_can_reach_needs_a_token_and_a_name() {
        for (address, token, names, good) in [
            ("127.0.0.1:1", false, false, true),
            ("[::1]:1", false, false, true),
            ("127.9.9.9:1", false, false, true),
            ("[::ffff:127.0.0.1]:1", false, false, true),
            ("192.0.2.7:1", false, true, false),
            ("192.0.2.7:1", true, false, true),
            ("0.0.0.0:1", false, false, false),
            ("0.0.0.0:1", true, false, false),
            ("0.0.0.0:1", true, true, true),
            ("[::]:1", true, false, false),
            ("[::ffff:0.0.0.0]:1", true, false, false),
        ] {
            let outcome = reachable(address.parse().unwrap(), token, names);
            assert_eq!(outcome.is_ok(), good, "{address} {token} {names}: {outcome:?}");
        }
    }
}
