//! Who is one visitor and who another: an address in, a number out that tells nothing but equality.
//!
//! The number is a keyed hash under a key that is drawn for the run, kept nowhere and gone with it. So numbers can
//! be counted as different, for ever and for logs of any age, without knowing whose they are, and those of
//! two runs have nothing in common. They never leave this directory.
//!
//! An IPv6 address counts by its first 64 bits, inside of which privacy addresses change, and a carried IPv4 address
//! as what it carries, as with tokens. Teredo addresses, which say little, count as one visitor, and so do lines
//! without a client: whoever asks for many visitors must err towards fewer.

use std::{fmt, net::IpAddr, sync::Arc};

use zeroize::Zeroize;

use super::memo::Seed;
use crate::transform::{
    address::{self, Parsed},
    pseudonym::{Canonical, SketchKey},
};

/// How many visitors each worker remembers, for they come in bursts.
const VISITORS_REMEMBERED: usize = 1_024;

/// A visitor, or the one that stands for all that cannot be told apart. It has no `Debug` of its number.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(in crate::privacy) struct Visitor(pub(in crate::privacy) u64);

impl Visitor {
    /// Whoever has no address that could be told from others.
    pub(in crate::privacy) const NOBODY: Self = Self(0);
}

impl fmt::Debug for Visitor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Visitor")
    }
}

impl Zeroize for Visitor {
    fn zeroize(&mut self) {
        self.0.zeroize();
    }
}

/// One worker's way to tell visitors apart.
pub(super) struct Visitors {
    key: Arc<SketchKey>,
    seed: Seed,
    /// Visitors by a hash of what they were made of.
    remembered: Box<[(u64, Visitor); VISITORS_REMEMBERED]>,
}

impl Visitors {
    pub(super) fn new(key: Arc<SketchKey>) -> Self {
        let remembered = Box::new([(0, Visitor::NOBODY); VISITORS_REMEMBERED]);
        Self { key, seed: Seed::default(), remembered }
    }

    /// The visitor behind the text of a client.
    pub(super) fn of(&mut self, host: Option<&[u8]>) -> Visitor {
        let Some(host) = host else { return Visitor::NOBODY };
        match address::parse(host) {
            Some(Parsed::Ip(IpAddr::V4(address))) => {
                self.address(&Canonical::v4(address.to_bits()))
            }
            Some(Parsed::Ip(IpAddr::V6(address))) => {
                self.address(&Canonical::v6(address.to_bits()))
            }
            Some(Parsed::Hostname) => Visitor(self.key.name(&host.to_ascii_lowercase()).max(1)),
            Some(Parsed::Teredo) | None => Visitor::NOBODY,
        }
    }

    fn address(&mut self, address: &Canonical) -> Visitor {
        let (bits, is_v6) = address.parts();
        let hash = self.seed.hash_address(bits, u64::from(is_v6));
        let place = &mut self.remembered[(hash >> 32) as usize % VISITORS_REMEMBERED];
        if place.0 != hash {
            *place = (hash, Visitor(self.key.address(address).max(1)));
        }
        place.1
    }
}

impl Drop for Visitors {
    fn drop(&mut self) {
        for (hash, visitor) in &mut *self.remembered {
            hash.zeroize();
            visitor.zeroize();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transform::pseudonym::Secret;

    fn visitors(key: u8) -> Visitors {
        Visitors::new(Arc::new(SketchKey::new(Secret::copy_of(&[key; 32]))))
    }

    #[test]
    fn a_visitor_is_one_whatever_the_notation() {
        let mut of = visitors(1);
        let mut all = Vec::new();
        for same in [
            &["192.0.2.7", "::ffff:192.0.2.7", "2002:c000:207::1", "192.0.2.7:443"][..],
            &["192.0.2.8"],
            &["2001:db8:1:2::1", "2001:db8:1:2:ffff::9"],
            &["2001:db8:1:3::1"],
            &["dsl-7.example.net", "DSL-7.example.net"],
            &["dsl-8.example.net"],
        ] {
            let found: Vec<_> = same.iter().map(|client| of.of(Some(client.as_bytes()))).collect();
            assert!(found.iter().all(|visitor| *visitor == found[0]), "{same:?}");
            all.push(found[0]);
        }
        for nobody in [None, Some("2001:0:c000:201::1"), Some("2001:0:c000:202::1")] {
            assert_eq!(of.of(nobody.map(str::as_bytes)), Visitor::NOBODY);
        }
        all.push(Visitor::NOBODY);
        all.sort();
        all.dedup();
        assert_eq!(all.len(), 7);
    }

    #[test]
    fn another_run_has_other_numbers() {
        let number = |key| visitors(key).of(Some(b"192.0.2.7"));
        assert_eq!(number(1), number(1));
        assert_ne!(number(1), number(2));
        assert_eq!(format!("{:?}", number(1)), "Visitor");
    }

    #[test]
    fn more_visitors_than_are_remembered_stay_themselves() {
        let mut of = visitors(1);
        let mut round = || {
            let all = (0..3 * VISITORS_REMEMBERED as u32).map(|number| {
                let address = std::net::Ipv4Addr::from_bits(number.wrapping_mul(77_777));
                of.of(Some(address.to_string().as_bytes()))
            });
            all.collect::<Vec<_>>()
        };
        assert_eq!(round(), round());
    }
}
