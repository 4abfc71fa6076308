//! Any text as a configuration: flags, environment, a token file and the TOML file, through the real reading. Nothing
//! may panic; an error names what is wrong and tells no secret; what is accepted, written out as flags, is read back
//! as the same; and reading again gives the same.
//!
//! The input has three parts, divided by lines of `+++`: settings, one a line, `--name value` for a flag and `NAME=value`
//! for a variable; the token file, `{folder}/token`; and the configuration file.
//!
//! Played by the fuzzer, and with the committed corpus by the tests (`tests/corpora.rs`).

mod given;
mod same;

use em_scheduler::config::catalogue::ALL;
use em_scheduler::config::{Config, ConfigError};

use self::given::{Given, SECRET};
use self::same::assert_same;

/// Plays one input and panics where something is not as it must be. Answers whether it could be a configuration at all.
pub fn play(text: &str) -> bool {
    let Some(given) = Given::read(text) else {
        return false;
    };
    let read = given.config();
    match (&read, given.config()) {
        (Ok(config), Ok(again)) => assert_same(config, &again),
        (Err(error), Err(again)) => assert_eq!(error, &again),
        (read, again) => panic!("{read:?} and then {again:?}"),
    }
    match &read {
        Ok(config) => accepted(&given, config),
        Err(error) => refused(&given, error),
    }
    true
}

/// As flags alone it means the same, and it prints without its secrets.
fn accepted(given: &Given, config: &Config) {
    let again = given
        .written_out(config)
        .config()
        .expect("what is written out is read back");
    assert_same(config, &again);
    if given.hides_a_secret() {
        let printed = format!("{config:?} {} {}", config.database, config.hints.join(" "));
        assert!(!printed.contains(SECRET), "{printed}");
    }
}

/// The error names the setting, or the file, and what is allowed; it is one line but for texts that it quotes.
fn refused(given: &Given, error: &ConfigError) {
    let told = error.to_string();
    match error {
        ConfigError::Value {
            setting,
            problem,
            allowed,
            ..
        } => {
            assert!(
                ALL.iter().any(|known| known.name == *setting) || *setting == "token",
                "{told}"
            );
            assert!(
                told.starts_with(setting) && !problem.is_empty() && told.ends_with(allowed),
                "{told}"
            );
        }
        ConfigError::NoDefault { setting, env, .. } => {
            assert!(told.contains(setting) && told.contains(env), "{told}");
        }
        // Reading meets no database.
        ConfigError::Differs { .. } => panic!("{told}"),
        ConfigError::File { path, problem } => {
            assert!(
                told.contains(&path.display().to_string()) && !problem.is_empty(),
                "{told}"
            );
        }
    }
    if given.hides_a_secret() {
        assert!(!told.contains(SECRET), "{told}");
    }
}
