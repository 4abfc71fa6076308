//! The service's binary, built from this source.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, ensure};

/// How the service is compiled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Profile {
    /// As it is shipped.
    Release,
    /// With debug assertions and crash points.
    Debug,
}

/// The service's binary beside our own, built if need be.
/// Fails where cargo cannot be run, or the service does not compile.
pub fn build(profile: Profile) -> anyhow::Result<PathBuf> {
    let own = std::env::current_exe()?;
    let folder = own.parent().context("the program is in no folder")?;
    let target = folder.parent().context("the program is in no target folder")?;
    eprintln!("building the service …");
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args([
        "build",
        "-p",
        "em-scheduler",
        "--bin",
        "em-scheduler",
        "--target-dir",
    ]);
    command.arg(target).current_dir(env!("CARGO_MANIFEST_DIR"));
    let folder = match profile {
        Profile::Release => {
            command.arg("--release");
            "release"
        }
        Profile::Debug => "debug",
    };
    let status = command
        .status()
        .context("cargo cannot be run; --binary names a service that is built already")?;
    ensure!(status.success(), "the service cannot be built");
    Ok(target.join(folder).join("em-scheduler"))
}
