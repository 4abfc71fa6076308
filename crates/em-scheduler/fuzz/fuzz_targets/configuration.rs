//! Any text as a configuration, see `configuration`.

#![no_main]

#[path = "configuration/mod.rs"]
mod configuration;

use libfuzzer_sys::{Corpus, fuzz_target};

fuzz_target!(|text: &str| -> Corpus {
    if configuration::play(text) {
        Corpus::Keep
    } else {
        Corpus::Reject
    }
});
