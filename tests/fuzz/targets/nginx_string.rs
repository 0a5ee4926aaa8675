//! Any format string of nginx, and any line in that format.
#![no_main]

#[path = "shared.rs"]
mod shared;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: (&str, &[u8])| {
    if let Ok(format) = tamis::format::nginx::compile(text.0, &Default::default()) {
        shared::map(&format, text.1);
    }
});
