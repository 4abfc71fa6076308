//! The program as people start it: its configuration, what it says when something is wrong, its exit codes, and each of
//! its commands. Every test runs the real binary with an environment of its own.

#[path = "cli/process.rs"]
mod process;

#[path = "cli/backing_up.rs"]
mod backing_up;
#[path = "cli/checking.rs"]
mod checking;
#[path = "cli/configuring.rs"]
mod configuring;
#[path = "cli/demonstrating.rs"]
mod demonstrating;
#[path = "cli/helping.rs"]
mod helping;
#[path = "cli/outage.rs"]
mod outage;
#[path = "cli/packaging.rs"]
mod packaging;
#[path = "cli/predicting.rs"]
mod predicting;
#[path = "cli/refusing.rs"]
mod refusing;
#[path = "cli/securing.rs"]
mod securing;
#[path = "cli/sharing.rs"]
mod sharing;
#[path = "cli/stopping.rs"]
mod stopping;
#[path = "cli/switching_over.rs"]
mod switching_over;
#[path = "cli/typing.rs"]
mod typing;
