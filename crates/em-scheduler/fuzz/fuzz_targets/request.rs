//! Any bytes as a connection to the API, see `request`.

#![no_main]

#[path = "request/mod.rs"]
mod request;

libfuzzer_sys::fuzz_target!(|data: &[u8]| request::play(data));
