//! The flags of the settings, made from the catalogue: one flag per setting, with its variable and default in the help.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::PathBuf;

use clap::builder::{PossibleValue, StringValueParser, TypedValueParser};
use clap::{Arg, ArgAction, ArgMatches, Command, ValueHint, value_parser};

use crate::config::catalogue::{self, Setting};
use crate::config::{Config, ConfigError, Environment, Sources};

const HEADING: &str =
    "Settings (a flag goes before the environment, that before the file, that before the default)";

/// The settings given as flags. Not printable: the database's URL may hold a password.
#[derive(Clone, Default)]
pub(super) struct Flags {
    values: BTreeMap<&'static str, String>,
    file: Option<PathBuf>,
}

impl Flags {
    /// Reads the configuration from these flags, the environment and the file.
    pub(super) fn read(&self) -> Result<Config, ConfigError> {
        Config::read(&self.sources()?)
    }

    /// These flags, the environment and the file.
    pub(super) fn sources(&self) -> Result<Sources, ConfigError> {
        Sources::new(self.values.clone(), Environment::of_process(), self.file.clone())
    }
}

impl clap::FromArgMatches for Flags {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let given = |setting: &&Setting| {
            let texts = matches.get_many::<String>(setting.name)?;
            let texts: Vec<&str> = texts.map(String::as_str).collect();
            Some((setting.name, texts.join(",")))
        };
        Ok(Self {
            values: catalogue::ALL
                .iter()
                .copied()
                .filter_map(|setting| given(&setting))
                .collect(),
            file: matches.get_one::<PathBuf>("config").cloned(),
        })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        let newer = Self::from_arg_matches(matches)?;
        self.values.extend(newer.values);
        self.file = newer.file.or(self.file.take());
        Ok(())
    }
}

impl clap::Args for Flags {
    fn augment_args(command: Command) -> Command {
        let file = Arg::new("config")
            .long("config")
            .value_name("PATH")
            .value_parser(value_parser!(PathBuf))
            .value_hint(ValueHint::FilePath)
            .help_heading(HEADING)
            .help(format!(
                "A TOML file of settings; its keys are the flags without dashes [env: {}] [default: none]",
                catalogue::CONFIG_ENV
            ));
        catalogue::ALL.iter().fold(command.arg(file), |command, setting| {
            let help = format!(
                "{} [env: {}] [default: {}]",
                setting.help, setting.env, setting.default
            );
            command.arg(
                Arg::new(setting.name)
                    .long(setting.name)
                    .value_name(setting.placeholder)
                    .value_parser(SettingText(setting.choices))
                    .action(if setting.list {
                        ArgAction::Append
                    } else {
                        ArgAction::Set
                    })
                    // So that a negative number is told to be out of range, not to be a flag.
                    .allow_negative_numbers(true)
                    .help_heading(HEADING)
                    .help(help),
            )
        })
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

/// Takes any text, so that a wrong value is told the same way wherever it comes from; knows the choices only for help
/// and completion.
#[derive(Clone, Copy)]
struct SettingText(&'static [&'static str]);

impl TypedValueParser for SettingText {
    type Value = String;

    fn parse_ref(
        &self,
        command: &Command,
        argument: Option<&Arg>,
        value: &OsStr,
    ) -> Result<String, clap::Error> {
        StringValueParser::new().parse_ref(command, argument, value)
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        let choices = self.0.iter().map(PossibleValue::new);
        (!self.0.is_empty()).then(|| Box::new(choices) as Box<dyn Iterator<Item = PossibleValue>>)
    }
}
