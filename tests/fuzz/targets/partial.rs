//! Partial counts that somebody else wrote are read or refused, and read again as they were.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tamis::counts::Partial;

fuzz_target!(|data: &[u8]| {
    if let Ok(partial) = Partial::parse(data) {
        assert!(Partial::parse(partial.to_text().as_bytes()).is_ok());
    }
});
