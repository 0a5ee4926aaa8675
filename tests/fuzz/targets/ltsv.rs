//! Any line of labelled values.
#![no_main]

#[path = "shared.rs"]
mod shared;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|line: &[u8]| {
    for format in shared::formats(|name| name == "ltsv") {
        shared::map(&format, line);
    }
});
