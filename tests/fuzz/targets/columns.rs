//! Any header, and any row under it.
#![no_main]

#[path = "shared.rs"]
mod shared;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &[u8]| {
    let mut lines = text.split(|byte| *byte == b'\n');
    let Some(format) = lines.next().and_then(tamis::format::Format::from_header) else { return };
    for line in lines {
        shared::map(&format, line);
    }
});
