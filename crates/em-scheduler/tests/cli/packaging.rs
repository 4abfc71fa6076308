//! The systemd unit: its hardening is all there, and what it says to the program the program understands. How well the
//! whole of it protects is measured by `systemd-analyze security --offline=true packaging/em-scheduler.service`
//! (docs/security.md).

use crate::process::Home;

const UNIT: &str = include_str!("../../../../packaging/em-scheduler.service");

fn values(key: &str) -> Vec<&'static str> {
    let lines = UNIT.lines().filter_map(|line| line.split_once('='));
    lines
        .filter(|(name, _)| *name == key)
        .map(|(_, value)| value)
        .collect()
}

#[test]
fn the_hardening_is_all_there() {
    for (key, value) in [
        ("Type", "notify"),
        ("TimeoutStopSec", "90s"),
        ("DynamicUser", "yes"),
        ("StateDirectory", "em-scheduler"),
        ("StateDirectoryMode", "0700"),
        ("UMask", "0077"),
        ("CapabilityBoundingSet", ""),
        ("AmbientCapabilities", ""),
        ("NoNewPrivileges", "yes"),
        ("RestrictSUIDSGID", "yes"),
        ("RestrictNamespaces", "yes"),
        ("RestrictRealtime", "yes"),
        ("LockPersonality", "yes"),
        ("MemoryDenyWriteExecute", "yes"),
        ("SystemCallArchitectures", "native"),
        ("ProtectSystem", "strict"),
        ("ProtectHome", "yes"),
        ("PrivateTmp", "yes"),
        ("PrivateDevices", "yes"),
        ("PrivateMounts", "yes"),
        ("PrivateUsers", "yes"),
        ("DevicePolicy", "closed"),
        ("ProtectClock", "yes"),
        ("ProtectHostname", "yes"),
        ("ProtectKernelLogs", "yes"),
        ("ProtectKernelModules", "yes"),
        ("ProtectKernelTunables", "yes"),
        ("ProtectControlGroups", "yes"),
        ("ProtectProc", "invisible"),
        ("RemoveIPC", "yes"),
        ("IPAddressDeny", "any"),
        ("IPAddressAllow", "localhost"),
        ("SocketBindDeny", "any"),
        ("SocketBindAllow", "tcp:5001"),
        ("RestrictAddressFamilies", "AF_INET AF_INET6 AF_UNIX"),
        ("LimitCORE", "0"),
    ] {
        assert_eq!(values(key), [value], "{key}");
    }
    assert_eq!(
        values("SystemCallFilter"),
        ["@system-service", "~@privileged @resources"]
    );
    assert!(!UNIT.contains("User=root"));
}

#[test]
fn the_program_understands_what_the_unit_says() {
    let home = Home::new();
    let command = values("ExecStart").pop().expect("a command");
    let arguments: Vec<&str> = command.split(' ').skip(1).collect();
    // An address of our own and a file at home; all else as in the unit.
    let mut program = home.program(&arguments).args(&["--bind", "127.0.0.1:0"]);
    for pair in values("Environment") {
        let (name, value) = pair.split_once('=').expect("a pair");
        let folder = home.path("").display().to_string();
        program = program.env(name, &value.replace("/var/lib/em-scheduler/", &folder));
    }
    let service = program.start();
    service.ready();
    let known = |name: &str| {
        em_scheduler::config::catalogue::ALL
            .iter()
            .any(|setting| setting.env == name)
    };
    for line in UNIT
        .lines()
        .filter_map(|line| line.trim_start_matches('#').strip_prefix("Environment="))
    {
        let (name, _) = line.split_once('=').expect("a pair");
        assert!(known(name), "{name} is no setting");
    }
}
