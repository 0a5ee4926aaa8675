//! Any text as a journal: a line that continues the chain says what the program's own lines say, or nothing.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tamis::quarantine::{
    chain::Walk,
    manifest::{Said, whole_lines},
};

fuzz_target!(|text: &[u8]| {
    let mut walk = Walk::new(None);
    for line in whole_lines(text) {
        let before = walk.head().lines;
        if let Ok(entry) = walk.take(line) {
            assert_eq!((entry.seq, walk.head().lines), (before, before + 1));
            let _ = Said::of(&entry);
        }
    }
});
