//! Any file in place of one of countries or holders of networks: it is refused, or says printable ASCII of any address.
#![no_main]

use std::net::IpAddr;

use libfuzzer_sys::fuzz_target;
use tamis::transform::{country::Countries, organisation::Organisations};

fuzz_target!(|file: &[u8]| {
    let addresses = ["192.0.2.7", "203.0.113.9", "2001:db8::1", "::", "255.255.255.255"];
    let addresses = addresses.map(|address| address.parse::<IpAddr>().expect("an address"));
    if let Ok(countries) = Countries::new(file.to_vec()) {
        addresses.map(|address| countries.of(address));
    }
    if let Ok(organisations) = Organisations::new(file.to_vec()) {
        let mut out = Vec::new();
        addresses.map(|address| organisations.of(address, 32, &mut out));
        assert!(out.iter().all(|byte| matches!(byte, b' '..=b'~')));
    }
});
