//! Any list of forwarded addresses: what is chosen must read as an address or be the connecting one.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tamis::transform::{address, forwarded};

fuzz_target!(|list: &[u8]| {
    let trusted = ["192.0.2.0/24".parse().expect("a network")];
    let connecting = Some(&b"192.0.2.1"[..]);
    let chosen = forwarded::client(connecting, list, &trusted).expect("there is one at least");
    assert!(address::parse(chosen).is_some());
    if let Some(chosen) = forwarded::client(None, list, &trusted) {
        assert!(address::parse(chosen).is_some());
    }
});
