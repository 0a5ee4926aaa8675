//! Partial counts that somebody else wrote are read or refused, and read again as they were. The hash before them is
//! made right here, as whoever means harm would.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sha2::{Digest as _, Sha256};
use tamis::counts::Partial;

fn assert_again(text: &[u8]) {
    if let Ok(partial) = Partial::parse(text) {
        let written = partial.to_text();
        let again = Partial::parse(written.as_bytes()).expect("what was written is read");
        assert!(again.to_text() == written, "the same is written again");
        let _ = partial.report().to_json();
    }
}

fuzz_target!(|data: &[u8]| {
    assert_again(data);
    let body = data.split(|byte| *byte == b'\n').nth(1).unwrap_or(data);
    let hash: String = Sha256::digest(body).iter().map(|byte| format!("{byte:02x}")).collect();
    assert_again(&[b"tamis partial counts 1 ", hash.as_bytes(), b"\n", body, b"\n"].concat());
});
