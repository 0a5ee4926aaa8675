//! Any line in the formats of the fast lane.
#![no_main]

#[path = "shared.rs"]
mod shared;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|line: &[u8]| {
    for format in shared::formats(|name| matches!(name, "common" | "combined" | "vhost-combined")) {
        shared::map(&format, line);
    }
});
