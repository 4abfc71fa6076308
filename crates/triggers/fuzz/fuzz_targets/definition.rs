//! What the fuzzer makes, judged by `judge.rs`.

#![no_main]

#[path = "../judge.rs"]
mod judge;

libfuzzer_sys::fuzz_target!(|data: &[u8]| judge::judge(data));
