//! Any line in the formats of error logs.
#![no_main]

#[path = "shared.rs"]
mod shared;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|line: &[u8]| {
    for format in shared::formats(|name| name.ends_with("-error")) {
        shared::map(&format, line);
    }
});
