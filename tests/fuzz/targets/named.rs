//! Any line in every format with a name.
#![no_main]

#[path = "shared.rs"]
mod shared;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|line: &[u8]| {
    for format in tamis::format::Format::all() {
        shared::map(format, line);
    }
});
