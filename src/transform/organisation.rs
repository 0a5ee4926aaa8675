//! The organisation that a network is registered for, from a file in the MMDB form that the operator gives.
//!
//! Files of autonomous systems (GeoLite2 ASN, DB-IP ASN) have it as `autonomous_system_organization`. It is the
//! file's text and none of a visitor's, but a network that is smaller than the one that a record tells may be that
//! of a single customer: then the organisation would say more than the record does, and there is none.

use std::{fmt, net::IpAddr};

use super::mmdb::{Database, NotMmdb};

/// The longest name that is told, in bytes; a longer one is cut. Registries have names of up to some ninety.
pub const ORGANISATION_BYTES_MAX: usize = 96;

/// What a file says of networks.
pub struct Organisations {
    database: Database,
}

impl Organisations {
    /// Takes the bytes of a file.
    ///
    /// # Errors
    ///
    /// When they are not in the MMDB form.
    pub fn new(file: Vec<u8>) -> Result<Self, NotMmdb> {
        Database::new(file).map(|database| Self { database })
    }

    /// Appends the name of the organisation of an address, unless the network that it is known of is smaller than
    /// one of `prefix` bits. Nothing is appended where there is none to be told.
    pub fn of(&self, address: IpAddr, prefix: u8, out: &mut Vec<u8>) {
        match self.database.text(address, &[&["autonomous_system_organization"]]) {
            Some((name, bits)) if bits <= prefix => clean(name, out),
            _ => {}
        }
    }
}

impl fmt::Debug for Organisations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Organisations").finish_non_exhaustive()
    }
}

/// Appends a name as printable ASCII; a question mark stands for each character that is none, and for quotes and
/// backslashes.
fn clean(name: &str, out: &mut Vec<u8>) {
    let told = |c: char| match c {
        '"' | '\\' => b'?',
        ' '..='~' => c as u8,
        _ => b'?',
    };
    let start = out.len();
    out.extend(name.trim().chars().map(told).take(ORGANISATION_BYTES_MAX));
    while out.len() > start && out.last() == Some(&b' ') {
        out.pop();
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn cleaned(name: &str) -> String {
        let mut out = Vec::new();
        clean(name, &mut out);
        str::from_utf8(&out).expect("it is ASCII").to_owned()
    }

    #[test]
    fn names_are_printable_and_short() {
        for (name, expect) in [
            ("Example Networks, Inc.", "Example Networks, Inc."),
            ("  Example  ", "Example"),
            ("Soci\u{e9}t\u{e9} \"Exemple\"", "Soci?t? ?Exemple?"),
            ("a\\b\nc\0d", "a?b?c?d"),
            ("\u{7f}", "?"),
            ("", ""),
            ("   ", ""),
        ] {
            assert_eq!(cleaned(name), expect, "{name:?}");
        }
        let cut = format!("{} {}", "x".repeat(ORGANISATION_BYTES_MAX - 1), "y".repeat(20));
        assert_eq!(cleaned(&cut), "x".repeat(ORGANISATION_BYTES_MAX - 1));
    }

    proptest! {
        #[test]
        fn any_name_becomes_clean_text_that_stays(name in any::<String>()) {
            let once = cleaned(&name);
            prop_assert!(once.len() <= ORGANISATION_BYTES_MAX);
            prop_assert!(once.bytes().all(|byte| matches!(byte, b' '..=b'~') && !matches!(byte, b'"' | b'\\')));
            prop_assert_eq!(cleaned(&once), once);
        }
    }
}
