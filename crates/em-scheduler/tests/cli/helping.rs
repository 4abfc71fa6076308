//! Help, version, completions.

use crate::process::Home;

const COMMANDS: [&str; 7] = [
    "serve",
    "demo",
    "migrate",
    "backup",
    "check",
    "next",
    "completions",
];

#[test]
fn every_command_has_help_with_examples() {
    let home = Home::new();
    let whole = home.program(&["--help"]).run();
    assert_eq!(whole.code, 0);
    for command in COMMANDS {
        assert!(whole.out.contains(command), "{command}: {}", whole.out);
        let help = home.program(&[command, "--help"]).run();
        assert_eq!(help.code, 0);
        assert!(
            help.out.contains("Usage: em-scheduler") && help.out.contains("Example"),
            "{}",
            help.out
        );
    }
}

#[test]
fn the_help_of_serve_names_variable_and_default_of_every_setting_and_no_value() {
    let home = Home::new();
    let help = home
        .program(&["serve", "--help"])
        .env("DATABASE_URL", "postgres://me:s3cret@h/em")
        .run();
    for setting in em_scheduler::config::catalogue::ALL {
        let start = help
            .out
            .find(&format!("--{} ", setting.name))
            .expect(setting.name);
        let rest = help.out[start..].split_whitespace().collect::<Vec<_>>().join(" ");
        let variable = rest.find(&format!("[env: {}]", setting.env)).expect(setting.env);
        let default = rest
            .find(&format!("[default: {}]", setting.default))
            .expect(setting.name);
        assert!(variable < default, "{}", setting.name);
    }
    assert!(!help.out.contains("s3cret"));
}

#[test]
fn the_version_is_told() {
    let ended = Home::new().program(&["--version"]).run();
    assert_eq!(ended.out, format!("em-scheduler {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn completions_know_commands_flags_and_choices() {
    for shell in ["bash", "zsh", "fish"] {
        let ended = Home::new().program(&["completions", shell]).run();
        assert_eq!(ended.code, 0);
        for part in ["migrate", "misfire-grace", "at-least-once"] {
            assert!(ended.out.contains(part), "{shell}: {part}");
        }
    }
}

#[test]
fn a_wrong_command_line_is_a_matter_of_usage() {
    for arguments in [
        &["serv"][..],
        &["serve", "--misfire-grce", "1"],
        &[],
        &["completions", "cmd"],
        &["next"],
    ] {
        let ended = Home::new().program(arguments).run();
        assert_eq!(ended.code, 2, "{arguments:?}: {ended:?}");
    }
}
