//! Any text as a time, in every notation: the memo changes nothing, and what is written of it reads as the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tamis::transform::time::{ClfMemo, Timestamp, parse_any};

fuzz_target!(|text: &[u8]| {
    let mut memo = ClfMemo::default();
    let found = parse_any(text);
    assert_eq!(memo.parse_any(text), found);
    assert_eq!(memo.parse_any(text), found);
    let Ok(time) = found else { return };
    for write in [Timestamp::write_rfc3339, Timestamp::write_clf] {
        let mut written = Vec::new();
        write(&time, &mut written);
        assert_eq!(parse_any(&written), Ok(time));
        assert_eq!(memo.parse_any(&written), Ok(time));
    }
});
