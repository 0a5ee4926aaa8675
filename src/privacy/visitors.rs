//! Who is one visitor and who another: an address in, a number out that tells nothing but equality.
//!
//! The number is a keyed hash. Its key is drawn for the run, kept nowhere and gone with it, so that numbers can be
//! counted as different for logs of any age without knowing whose they are; or it is derived from the key of the
//! line's epoch, where counts of several runs or machines are to be joined, and then a line without a key has no
//! visitor. What holds records keeps numbers here; usage counts get them as a [`Visit`], out of which they cannot be
//! printed.
//!
//! An IPv6 address counts by its first 64 bits, inside of which privacy addresses change, and a carried IPv4 address
//! as what it carries, as with tokens. Teredo addresses, which say little, count as one visitor, and so do lines
//! without a client: whoever asks for many visitors must err towards fewer.
//!
//! Beside the visitor there is the number of its network (/24, or /48 in IPv6): how many networks stand behind a
//! count decides whether it may be published.

use std::{fmt, net::IpAddr, sync::Arc};

use zeroize::Zeroize;

use super::{
    memo::Seed,
    tokens::{BLOCK_WORDS, Keyring, Keys},
};
use crate::transform::{
    address::{self, Parsed},
    pseudonym::{Canonical, Epoch, KeyId, SketchKey, overwrite_stack},
};

/// How many host names each worker remembers, for visitors come in bursts. An address takes less time to hash than to
/// be remembered.
const NAMES_REMEMBERED: usize = 1_024;

/// The text of a client and what it is, for [`Visitors::of`].
pub(super) fn read(client: Option<&[u8]>) -> Option<(&[u8], Parsed)> {
    client.and_then(|text| Some((text, address::parse(text)?)))
}

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

/// A visitor as usage counts know it: numbers that are equal for equal visitors and networks as long as there is
/// their key, and zero for none. It has no `Debug` of them.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Visit {
    pub(in crate::privacy) visitor: Visitor,
    pub(in crate::privacy) network: u64,
    pub(in crate::privacy) epoch: u32,
}

impl Visit {
    /// A line of nobody.
    pub(in crate::privacy) const NONE: Self =
        Self { visitor: Visitor::NOBODY, network: 0, epoch: 0 };

    /// The visitor's number; zero where there is none.
    #[inline]
    #[must_use]
    pub const fn visitor(self) -> u64 {
        self.visitor.0
    }

    /// The number of the visitor's network; zero where there is none.
    #[inline]
    #[must_use]
    pub const fn network(self) -> u64 {
        self.network
    }

    /// The epoch whose key made the numbers; zero where one key is for all.
    #[inline]
    #[must_use]
    pub const fn epoch(self) -> u32 {
        self.epoch
    }
}

impl fmt::Debug for Visit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Visit")
    }
}

/// With which key visitors are told apart.
#[derive(Clone)]
pub enum VisitorKeys {
    /// One that is drawn for the run and kept nowhere.
    Run(Arc<SketchKey>),
    /// Those of epochs, and the site that they are derived for.
    Epochs(Arc<Keyring>, Arc<[u8]>),
}

impl VisitorKeys {
    /// The public name of the key of an epoch, if that key is there.
    #[must_use]
    pub fn id(&self, epoch: u32) -> Option<KeyId> {
        match self {
            Self::Run(key) => Some(key.id()),
            Self::Epochs(keyring, _) => {
                let alive = keyring.alive();
                alive.into_iter().find(|(alive, _)| alive.0 == epoch).map(|(_, id)| id)
            }
        }
    }
}

/// What was derived from the keys of epochs.
type Derived = Vec<(Epoch, SketchKey)>;

/// One worker's way to tell visitors apart.
pub(super) struct Visitors {
    keys: VisitorKeys,
    /// The keys of epochs while a block is worked on, and what was derived from them.
    current: Option<(Arc<Keys>, Derived)>,
    /// Whether somebody asks for networks.
    with_networks: bool,
    seed: Seed,
    /// Visitors by a hash of their host name and of the epoch.
    remembered: Box<[(u64, Visitor); NAMES_REMEMBERED]>,
}

impl Visitors {
    pub(super) fn new(keys: VisitorKeys, with_networks: bool) -> Self {
        let remembered = Box::new([(0, Visitor::NOBODY); NAMES_REMEMBERED]);
        Self { keys, current: None, with_networks, seed: Seed::default(), remembered }
    }

    /// Before a block: the keys that are alive are taken up.
    pub(super) fn open(&mut self) {
        let VisitorKeys::Epochs(keyring, site) = &self.keys else { return };
        let keys = keyring.current();
        let derived = keys.keys.iter();
        let derived =
            derived.map(|(epoch, key)| (*epoch, SketchKey::of_epoch(key, site))).collect();
        self.current = Some((keys, derived));
    }

    /// After a block: they are let go of, with all that was made with them.
    pub(super) fn close(&mut self) {
        if matches!(self.keys, VisitorKeys::Epochs(..)) {
            self.current = None;
            self.forget();
            overwrite_stack::<BLOCK_WORDS>();
        }
    }

    /// The visitor behind the text of a client and what it was read as, at a time in seconds since 1970.
    #[inline]
    pub(super) fn of(&mut self, client: Option<(&[u8], Parsed)>, unix: i64) -> Visit {
        let Some((text, parsed)) = client else { return Visit::NONE };
        let epoch = match (&self.keys, &self.current) {
            (VisitorKeys::Run(_), _) => 0,
            (_, Some((keys, _))) => keys.length.epoch(unix).0,
            (_, None) => return Visit::NONE,
        };
        let address = match parsed {
            Parsed::Ip(IpAddr::V4(address)) => Canonical::v4(address.to_bits()),
            Parsed::Ip(IpAddr::V6(address)) => Canonical::v6(address.to_bits()),
            Parsed::Hostname => return self.of_name(text, epoch),
            Parsed::Teredo => return Visit { epoch, ..Visit::NONE },
        };
        let Some(key) = self.key(epoch) else { return Visit { epoch, ..Visit::NONE } };
        let network = if self.with_networks { key.network(&address).max(1) } else { 0 };
        Visit { visitor: Visitor(key.address(&address).max(1)), network, epoch }
    }

    /// The visitor behind a host name, which stands for one network of its own.
    #[inline(never)]
    fn of_name(&mut self, name: &[u8], epoch: u32) -> Visit {
        let hash = self.seed.hash_with(name, epoch);
        let place = (hash >> 32) as usize % NAMES_REMEMBERED;
        let (found, visitor) = self.remembered[place];
        let visitor = if found == hash {
            visitor
        } else {
            let Some(key) = self.key(epoch) else { return Visit { epoch, ..Visit::NONE } };
            let visitor = Visitor(key.name(&name.to_ascii_lowercase()).max(1));
            self.remembered[place] = (hash, visitor);
            visitor
        };
        Visit { visitor, network: if self.with_networks { visitor.0 } else { 0 }, epoch }
    }

    /// The key of an epoch.
    pub(super) fn key(&self, epoch: u32) -> Option<&SketchKey> {
        match (&self.keys, &self.current) {
            (VisitorKeys::Run(key), _) => Some(key),
            (_, Some((_, derived))) => {
                derived.iter().find(|(known, _)| known.0 == epoch).map(|(_, key)| key)
            }
            (_, None) => None,
        }
    }

    fn forget(&mut self) {
        for (hash, visitor) in &mut *self.remembered {
            hash.zeroize();
            visitor.zeroize();
        }
    }
}

impl Drop for Visitors {
    fn drop(&mut self) {
        self.forget();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transform::pseudonym::{EpochKey, Secret};

    fn visitors(key: u8) -> Visitors {
        let key = Arc::new(SketchKey::new(Secret::copy_of(&[key; 32])));
        Visitors::new(VisitorKeys::Run(key), true)
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
            let found: Vec<_> =
                same.iter().map(|client| of.of(read(Some(client.as_bytes())), 0).visitor).collect();
            assert!(found.iter().all(|visitor| *visitor == found[0]), "{same:?}");
            all.push(found[0]);
        }
        for nobody in [None, Some("2001:0:c000:201::1"), Some("2001:0:c000:202::1")] {
            assert_eq!(of.of(read(nobody.map(str::as_bytes)), 0).visitor, Visitor::NOBODY);
        }
        all.push(Visitor::NOBODY);
        all.sort();
        all.dedup();
        assert_eq!(all.len(), 7);
    }

    #[test]
    fn another_run_has_other_numbers() {
        let number = |key| visitors(key).of(read(Some(b"192.0.2.7")), 0).visitor;
        assert_eq!(number(1), number(1));
        assert_ne!(number(1), number(2));
        assert_eq!(format!("{:?}", number(1)), "Visitor");
    }

    #[test]
    fn more_visitors_than_are_remembered_stay_themselves() {
        let mut of = visitors(1);
        let mut round = || {
            let all = (0..3 * NAMES_REMEMBERED).map(|number| {
                let name = format!("dsl-{number}.example.net");
                of.of(read(Some(name.as_bytes())), 0)
            });
            all.collect::<Vec<_>>()
        };
        assert_eq!(round(), round());
    }

    #[test]
    fn addresses_of_one_network_share_its_number() {
        let mut of = visitors(1);
        let mut network = |client: &str| of.of(read(Some(client.as_bytes())), 0).network();
        assert_eq!(network("192.0.2.7"), network("192.0.2.200"));
        assert_eq!(network("2001:db8:1:2::1"), network("2001:db8:1:ff::1"));
        assert_ne!(network("192.0.2.7"), network("192.0.3.7"));
        assert_ne!(network("2001:db8:1::1"), network("2001:db8:2::1"));
        assert_ne!(network("192.0.2.7"), of.of(read(Some(b"192.0.2.0")), 0).visitor());
    }

    #[test]
    fn keys_of_epochs_are_there_within_a_block_only_and_agree_across_workers() {
        let keyring = Arc::new(Keyring::default());
        let keys = |seed: u8| Keys {
            keys: vec![(Epoch(1), EpochKey::new(Secret::copy_of(&[seed; 32])))],
            ..Keys::default()
        };
        keyring.publish(keys(7));
        let visitors = || {
            let site: Arc<[u8]> = Arc::from(&b"www.example.org"[..]);
            Visitors::new(VisitorKeys::Epochs(Arc::clone(&keyring), site), false)
        };
        let number = |of: &mut Visitors, unix| of.of(read(Some(b"192.0.2.7")), unix).visitor();
        let (mut one, mut two) = (visitors(), visitors());
        assert_eq!(number(&mut one, 86_400), 0);
        one.open();
        two.open();
        let first = number(&mut one, 86_400);
        assert!(first != 0 && first == number(&mut two, 90_000));
        assert_eq!(number(&mut one, 0), 0, "there is no key for that epoch");
        // What was made of a host name is remembered, and gone with the block.
        let name = one.of(read(Some(b"dsl-7.example.net")), 86_400).visitor();
        assert!(name != 0 && one.remembered.iter().any(|(_, visitor)| visitor.0 == name));
        one.close();
        assert!(one.remembered.iter().all(|(_, visitor)| *visitor == Visitor::NOBODY));
        assert!(one.remembered.iter().all(|(hash, ..)| *hash == 0) && one.current.is_none());
        keyring.publish(keys(8));
        one.open();
        assert_ne!(number(&mut one, 86_400), first);
    }
    #[test]
    fn a_visit_says_by_which_key_its_numbers_are() {
        let keyring = Arc::new(Keyring::default());
        let key = EpochKey::new(Secret::copy_of(&[7; 32]));
        let id = key.id();
        keyring.publish(Keys { keys: vec![(Epoch(5), key)], ..Keys::default() });
        let keys = VisitorKeys::Epochs(keyring, Arc::from(&b"www.example.org"[..]));
        assert!(keys.id(5) == Some(id) && keys.id(4).is_none());
        let mut of = Visitors::new(keys, true);
        of.open();
        let clients = ["192.0.2.7", "2001:db8::7", "dsl-7.example.net", "2001:0:c000:201::1"];
        for client in clients {
            for (day, has_key) in [(5, client != clients[3]), (6, false)] {
                let visit = of.of(read(Some(client.as_bytes())), day * 86_400 + 1);
                assert_eq!(i64::from(visit.epoch()), day, "{client}");
                assert_eq!(
                    (visit.visitor() != 0, visit.network() != 0),
                    (has_key, has_key),
                    "{client}"
                );
            }
        }
        let run = visitors(1);
        let VisitorKeys::Run(key) = &run.keys else { panic!("it is for the run") };
        assert_eq!(run.keys.id(9), Some(key.id()));
    }

    #[test]
    fn names_are_remembered_beside_each_other() {
        let mut of = visitors(1);
        for number in 0..100 {
            of.of(read(Some(format!("dsl-{number}.example.net").as_bytes())), 0);
        }
        // A hundred in a thousand places: some five of them meet.
        assert!(of.remembered.iter().filter(|(hash, _)| *hash != 0).count() > 50);
    }
}
