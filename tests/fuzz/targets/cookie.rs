//! Any `Cookie` header: a value that is found is short, not empty, and stands in the header as it is.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tamis::transform::cookie;

fuzz_target!(|header: &[u8]| {
    if let Some(value) = cookie::value(header, "a") {
        assert!(cookie::has(header, "a"));
        assert!((1..=cookie::VALUE_BYTES_MAX).contains(&value.len()));
        assert!(header.windows(value.len()).any(|part| part == value));
    }
});
