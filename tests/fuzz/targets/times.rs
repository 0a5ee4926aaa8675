//! Any text as a time, in every notation.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tamis::transform::time::{ClfMemo, parse_any};

fuzz_target!(|text: &[u8]| {
    let mut memo = ClfMemo::default();
    let found = parse_any(text);
    assert_eq!(memo.parse_any(text), found);
    assert_eq!(memo.parse_any(text), found);
});
