//! What the fuzzer has found worth keeping (`fuzz/corpus`), played again by the code that judges it there.

#[path = "../fuzz/fuzz_targets/configuration/mod.rs"]
mod configuration;
#[path = "../fuzz/fuzz_targets/request/mod.rs"]
mod request;

use std::fs;

/// Plays each input of a corpus, told before: a panic alone would not say which it was.
fn each(corpus: &str, mut play: impl FnMut(&[u8])) {
    let folder = format!("{}/fuzz/corpus/{corpus}", env!("CARGO_MANIFEST_DIR"));
    let files = fs::read_dir(&folder).expect(&folder);
    let mut files: Vec<_> = files.map(|file| file.expect("a file").path()).collect();
    files.sort();
    assert!(files.len() > 20, "{folder} has {} inputs", files.len());
    for file in files {
        println!("{}", file.display());
        play(&fs::read(&file).expect("a readable file"));
    }
}

#[test]
fn requests_are_judged_as_by_the_fuzzer() {
    each("request", request::play);
}

#[test]
fn configurations_are_judged_as_by_the_fuzzer() {
    let mut read = 0;
    each("configuration", |input| {
        read += usize::from(std::str::from_utf8(input).is_ok_and(configuration::play));
    });
    assert!(read > 20, "only {read} of them could be configurations");
}
