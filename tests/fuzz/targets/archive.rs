//! Any bytes as a file: told by their beginning, unpacked, and read to their end within the limit.
#![no_main]

use std::{fs, path::PathBuf, process, sync::LazyLock};

use libfuzzer_sys::fuzz_target;
use tamis::format::Format;
use tamis::source::{FormatChoice, Origin, Reader};

static PATH: LazyLock<PathBuf> =
    LazyLock::new(|| std::env::temp_dir().join(format!("tamis-fuzz-{}", process::id())));

const LIMIT: u64 = 1 << 20;

fuzz_target!(|bytes: &[u8]| {
    fs::write(&*PATH, bytes).expect("the temporary folder takes files");
    let choice = FormatChoice::Fixed(Format::combined());
    let reader = Reader::new(vec![Origin::File(PATH.clone())], choice, 4_096).expect("a pipe");
    let mut reader = reader.with_unpacked_max(Some(LIMIT));
    let mut block = reader.new_block();
    while reader.next(&mut block).is_some() {}
    assert!(reader.progress().bytes() <= LIMIT + bytes.len() as u64);
});
