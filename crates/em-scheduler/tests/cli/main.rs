//! The program as people start it: its configuration, what it says when something is wrong, its exit codes, and each of
//! its commands. Every test runs the real binary with an environment of its own.

mod process;

mod backing_up;
mod checking;
mod configuring;
mod demonstrating;
mod helping;
mod outage;
mod packaging;
mod predicting;
mod refusing;
mod securing;
mod sharing;
mod stopping;
mod switching_over;
mod typing;
