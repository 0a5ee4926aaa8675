//! Any text as a client: what the standard library reads as an address is that address here, and of one that is told
//! no more bits come out than the policy says.
#![no_main]

use std::net::IpAddr;

use libfuzzer_sys::fuzz_target;
use tamis::transform::address::{CLIENT_BYTES_MAX, Truncation, parse};

fuzz_target!(|text: &[u8]| {
    let truncation = Truncation::new(16, 32, Vec::new());
    let Some(client) = truncation.client(text) else {
        let is_address = str::from_utf8(text).is_ok_and(|text| text.parse::<IpAddr>().is_ok());
        assert!(!is_address, "an address is read as one");
        return;
    };
    let mut out = [0; CLIENT_BYTES_MAX];
    let length = client.write(&mut out);
    let told = &out[..length];
    assert!(told.is_ascii() && !told.is_empty());
    if let Some(network) = str::from_utf8(told).ok().and_then(|told| told.strip_suffix("/16")) {
        assert!(network.ends_with(".0.0"));
    }
    let length = client.write_bare(&mut out);
    assert!(parse(&out[..length]).is_some(), "what is told alone reads as a client");
});
