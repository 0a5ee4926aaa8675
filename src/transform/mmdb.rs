//! A file in the MMDB form, which the operator gives: what it says of a network.
//!
//! People have such files of countries and of the holders of networks, of MaxMind, DB-IP and others. What of them
//! may come out, the files beside this one say. No file is part of the program, and nothing is fetched.

use std::{fmt, net::IpAddr};

use maxminddb::{PathElement, Reader};

/// What a file says of networks.
pub(super) struct Database {
    reader: Reader<Vec<u8>>,
}

/// The bytes are no file in the MMDB form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotMmdb;

impl fmt::Display for NotMmdb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("it is no database in the MMDB form")
    }
}

impl std::error::Error for NotMmdb {}

impl Database {
    /// Takes the bytes of a file.
    pub(super) fn new(file: Vec<u8>) -> Result<Self, NotMmdb> {
        Reader::from_source(file).map(|reader| Self { reader }).map_err(|_| NotMmdb)
    }

    /// The first text that is found at one of `paths`, which are keys inside of each other, and how many bits the
    /// network has that it is said of.
    pub(super) fn text(&self, address: IpAddr, paths: &[&[&str]]) -> Option<(&str, u8)> {
        let found = self.reader.lookup(address).ok()?;
        let text = paths.iter().find_map(|path| {
            let path: Vec<_> = path.iter().map(|key| PathElement::Key(key)).collect();
            found.decode_path::<&str>(&path).ok()?
        })?;
        let network = found.network().ok()?;
        // What is said of all IPv4 addresses, and of more, stands above them in a tree of IPv6 addresses.
        let bits = match (address, network.is_ipv6()) {
            (IpAddr::V4(_), true) => network.prefix().saturating_sub(96),
            _ => network.prefix(),
        };
        Some((text, bits))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_database_is_refused() {
        for file in [&b""[..], b"name = \"p\"", &[0xab; 4_096]] {
            assert_eq!(Database::new(file.to_vec()).err(), Some(NotMmdb));
        }
        assert_eq!(format!("{NotMmdb}"), "it is no database in the MMDB form");
    }
}
