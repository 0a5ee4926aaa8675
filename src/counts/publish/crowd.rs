//! Who stands behind a number: the different networks that were seen in each epoch of a key.
//!
//! A network here is a keyed hash under the epoch's key, good for nothing but telling whether two are the same, and
//! only within the epoch: the networks of two days cannot be put together, so that one reader who comes every day
//! stays one. A crowd is as large as its largest epoch. Sets have a bound, above which nothing depends on them.
//! Where no set was kept there is a number instead, which is less: of two crowds of which numbers are known, we know
//! only that together they are no smaller than either.

use std::collections::{BTreeMap, BTreeSet};

/// How many networks of an epoch are told apart. From there on a crowd is "at least as many", which is enough: no
/// policy may ask for more ([`super::K`]).
pub const NETWORKS_MAX: usize = 64;

/// The networks behind a cell.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Crowd {
    epochs: BTreeMap<u32, BTreeSet<u64>>,
    /// What is known where no sets are.
    least: u32,
}

impl Crowd {
    /// A crowd of which only a number is known: so many in some epoch.
    #[must_use]
    pub const fn at_least(networks: u32) -> Self {
        Self { epochs: BTreeMap::new(), least: networks }
    }

    /// Adds a network that was seen in an epoch.
    pub fn add(&mut self, epoch: u32, network: u64) {
        let seen = self.epochs.entry(epoch).or_default();
        if seen.len() < NETWORKS_MAX {
            seen.insert(network);
        }
    }

    /// Adds everybody of another crowd.
    pub fn join(&mut self, other: &Self) {
        self.least = self.least.max(other.least);
        for (epoch, networks) in &other.epochs {
            networks.iter().for_each(|network| self.add(*epoch, *network));
        }
    }

    /// The greatest number of different networks within one epoch, as far as it is known.
    #[must_use]
    pub fn networks(&self) -> u32 {
        let largest = self.epochs.values().map(BTreeSet::len).max().unwrap_or(0);
        self.least.max(u32::try_from(largest).unwrap_or(u32::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn crowd(seen: &[(u32, u64)]) -> Crowd {
        let mut crowd = Crowd::default();
        seen.iter().for_each(|(epoch, network)| crowd.add(*epoch, *network));
        crowd
    }

    #[test]
    fn a_reader_of_every_day_is_one() {
        let days: Vec<_> = (0..30).map(|day| (day, 7)).collect();
        assert_eq!(crowd(&days).networks(), 1);
        assert_eq!(crowd(&[(1, 1), (1, 2), (1, 2), (2, 3)]).networks(), 2);
        assert_eq!(Crowd::default().networks(), 0);
    }

    #[test]
    fn networks_in_common_count_once() {
        let mut both = crowd(&[(1, 1), (1, 2)]);
        both.join(&crowd(&[(1, 2), (1, 3), (2, 4)]));
        assert_eq!(both.networks(), 3);
    }

    #[test]
    fn of_numbers_the_larger_is_known() {
        let mut both = Crowd::at_least(7);
        both.join(&Crowd::at_least(9));
        both.join(&crowd(&[(1, 1)]));
        assert_eq!(both.networks(), 9);
    }

    #[test]
    fn sets_are_bounded() {
        let all: Vec<_> = (0..1_000).map(|network| (1, network)).collect();
        assert_eq!(crowd(&all).networks(), NETWORKS_MAX as u32);
    }
}
