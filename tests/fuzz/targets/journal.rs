//! Any lines of the journal: its places are numbers and nothing else, and none lies beyond what is there.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tamis::privacy::{Cursor, RawBlock};

fuzz_target!(|bytes: &[u8]| {
    let mut block = RawBlock::with_capacity(8192);
    let _ = block.read_from(&mut &bytes[..bytes.len().min(8192)]);
    let Some(last) = Cursor::last_of(&block) else { return };
    assert!(last.to_string().chars().all(|c| c.is_ascii_hexdigit() || "sibmt=;".contains(c)));
    assert_eq!(Cursor::try_from(last.to_string()), Ok(last));
    assert!(last.end_in(&block).is_none_or(|end| end <= block.len()));
});
