//! A table whose keys are not known before they come: sites, paths, referrers, hours and days.
//!
//! Keys lie end to end in one buffer, rows stand in the order in which their keys first appeared, and
//! an index of row numbers finds them by a hash that is computed once. So a new key costs no
//! allocation of its own, and a batch is absorbed in the very order in which its lines were read.
//!
//! A table has limits. Once a key does not fit, the table is full: rows that are there go on
//! counting, and every further new key counts in one folded row. What is kept is thus the longest
//! run of first appearances that fits, a property of the input alone and not of how it was cut into
//! batches. Folding says nothing about which keys are frequent: a key that comes late is folded even if
//! it then comes often. Choosing the most frequent ones would need sketches, whose answers depend on
//! the cut.
//!
//! It does not know what its keys mean, and it does not sort. Nor does it remember the key of the
//! last line: asking whether the next one is the same was a branch that often missed, and made a
//! line up to five times as dear as plain hashing does.

use std::{
    hash::{BuildHasher, Hasher},
    sync::LazyLock,
};

use foldhash::fast::RandomState;
use hashbrown::{HashTable, hash_table::Entry};

use super::tally::Tally;

/// How many distinct keys a table of a whole run holds. A guess at what is more than a site's pages
/// and less than a scanner's inventions; as hours it is seven years.
const KEYS_MAX: usize = 65_536;

/// How many bytes the keys of a table of a whole run have together: 128 for each. With rows and
/// index a table takes about 11 MiB when both limits are reached.
const KEY_BYTES_MAX: usize = 8 << 20;

/// How much a table holds. What does not fit counts in the folded row.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// The most distinct keys.
    pub(super) keys: usize,
    /// The most bytes of all keys together.
    pub(super) key_bytes: usize,
}

impl Limits {
    /// Those of a whole run.
    pub(super) const RUN: Self = Self { keys: KEYS_MAX, key_bytes: KEY_BYTES_MAX };

    /// Those of one block, which is small itself. They only keep row numbers and offsets in 32 bits.
    pub(super) const BATCH: Self =
        Self { keys: u32::MAX as usize - 1, key_bytes: u32::MAX as usize };
}

/// One seed for the life of the process, so that a hash made for a batch serves the run as well.
/// It is random lest visitors choose paths that collide.
static SEED: LazyLock<RandomState> = LazyLock::new(RandomState::default);

/// The number of a row. It stays true until the table is emptied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct RowNumber(u32);

impl RowNumber {
    /// The row of all keys that did not fit, which is always there.
    pub(super) const FOLDED: Self = Self(0);
}

/// A key and what was counted under it.
#[derive(Clone, Copy, Default)]
struct Row {
    start: u32,
    length: u32,
    hash: u64,
    tally: Tally,
}

impl Row {
    #[inline]
    fn key(self, keys: &[u8]) -> &[u8] {
        &keys[self.start as usize..][..self.length as usize]
    }
}

/// The table.
pub(super) struct Keyed {
    limits: Limits,
    seed: RandomState,
    keys: Vec<u8>,
    /// Invariant: the first row is the folded one; it has no key and the index does not know it.
    rows: Vec<Row>,
    index: HashTable<u32>,
    is_full: bool,
}

impl Keyed {
    /// An empty table.
    pub(super) fn new(limits: Limits) -> Self {
        Self {
            limits,
            seed: SEED.clone(),
            keys: Vec::new(),
            rows: vec![Row::default()],
            index: HashTable::new(),
            is_full: false,
        }
    }

    /// Counts one line under `key`.
    #[inline]
    pub(super) fn add(&mut self, key: &[u8], tally: Tally) {
        let number = self.number(key);
        self.add_at(number, tally);
    }

    /// Counts under a key whose row number is known.
    #[inline]
    pub(super) fn add_at(&mut self, number: RowNumber, tally: Tally) {
        self.rows[number.0 as usize].tally.add(tally);
    }

    /// The row number of `key`, new or not.
    #[inline]
    pub(super) fn number(&mut self, key: &[u8]) -> RowNumber {
        self.find_or_insert(self.hash(key), key)
    }

    /// Adds what `batch` counted, in the order in which its keys first appeared, and empties it.
    pub(super) fn absorb(&mut self, batch: &mut Self) {
        for (number, row) in batch.rows.iter().enumerate() {
            let number = match number {
                0 => RowNumber::FOLDED,
                _ => self.find_or_insert(row.hash, row.key(&batch.keys)),
            };
            self.add_at(number, row.tally);
        }
        batch.clear();
    }

    /// The keys and what was counted under them, in order of first appearance; the folded row comes
    /// first, without a key, and only if something was folded.
    pub(super) fn iter(&self) -> impl Iterator<Item = (Option<&[u8]>, Tally)> {
        self.rows.iter().enumerate().filter_map(|(number, row)| match number {
            0 => row.tally.is_counted().then_some((None, row.tally)),
            _ => Some((Some(row.key(&self.keys)), row.tally)),
        })
    }

    /// Forgets everything but keeps the memory.
    fn clear(&mut self) {
        self.keys.clear();
        self.rows.truncate(1);
        self.rows[0] = Row::default();
        self.index.clear();
        self.is_full = false;
    }

    #[inline]
    fn hash(&self, key: &[u8]) -> u64 {
        let mut hasher = self.seed.build_hasher();
        hasher.write(key);
        hasher.finish()
    }

    #[inline]
    fn find_or_insert(&mut self, hash: u64, key: &[u8]) -> RowNumber {
        let same = |number: &u32| {
            let row = self.rows[*number as usize];
            row.hash == hash && row.key(&self.keys) == key
        };
        match self.index.entry(hash, same, |number| self.rows[*number as usize].hash) {
            Entry::Occupied(entry) => RowNumber(*entry.get()),
            Entry::Vacant(entry) => {
                self.is_full |= self.rows.len() > self.limits.keys
                    || self.keys.len() + key.len() > self.limits.key_bytes;
                if self.is_full {
                    return RowNumber::FOLDED;
                }
                // The limits of a batch keep all three numbers in range, and those of a run are lower.
                let (start, length) = (self.keys.len() as u32, key.len() as u32);
                let number = self.rows.len() as u32;
                entry.insert(number);
                self.keys.extend_from_slice(key);
                self.rows.push(Row { start, length, hash, tally: Tally::default() });
                RowNumber(number)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ONE: Tally = Tally::of_line(10);

    fn filled(limits: Limits, keys: &[&str]) -> Keyed {
        let mut table = Keyed::new(limits);
        for key in keys {
            table.add(key.as_bytes(), ONE);
        }
        table
    }

    /// The rows as text, `*` for the folded one.
    fn shown(table: &Keyed) -> Vec<String> {
        table
            .iter()
            .map(|(key, tally)| {
                let key = key.map_or("*".to_owned(), |key| key.escape_ascii().to_string());
                format!("{key} {} {}", tally.requests, tally.bytes)
            })
            .collect()
    }

    fn check(keys_max: usize, key_bytes_max: usize, keys: &[&str], expect: &[&str]) {
        let table = filled(Limits { keys: keys_max, key_bytes: key_bytes_max }, keys);
        assert_eq!(shown(&table), expect, "{keys:?}");
    }

    #[test]
    fn rows_stand_in_order_of_first_appearance() {
        check(9, 99, &[], &[]);
        check(9, 99, &["b", "a", "b"], &["b 2 20", "a 1 10"]);
        check(9, 99, &["", "a", ""], &[" 2 20", "a 1 10"]);
        check(9, 99, &["", ""], &[" 2 20"]);
    }

    #[test]
    fn what_does_not_fit_is_folded() {
        check(2, 99, &["a", "b"], &["a 1 10", "b 1 10"]);
        check(2, 99, &["a", "b", "c", "d", "a"], &["* 2 20", "a 2 20", "b 1 10"]);
        check(0, 99, &["a", "a"], &["* 2 20"]);
        check(9, 4, &["abc", "d", "d"], &["abc 1 10", "d 2 20"]);
        // A key that is short enough does not slip past one that was too long.
        check(9, 4, &["abc", "de", "f"], &["* 2 20", "abc 1 10"]);
    }

    #[test]
    fn an_emptied_batch_starts_anew() {
        let mut run = Keyed::new(Limits { keys: 9, key_bytes: 99 });
        let mut batch = filled(Limits::BATCH, &["a", "b"]);
        run.absorb(&mut batch);
        assert!(shown(&batch).is_empty());
        batch.add(b"b", ONE);
        batch.add(b"c", ONE);
        run.absorb(&mut batch);
        assert_eq!(shown(&run), ["a 1 10", "b 2 20", "c 1 10"]);
    }

    proptest! {
        #[test]
        fn any_cut_into_batches_gives_the_same_table(
            keys in prop::collection::vec("[a-d]{0,3}", 0..60),
            cuts in prop::collection::vec(0..60usize, 0..6),
            keys_max in 0..40usize,
            key_bytes in 0..60usize,
        ) {
            let limits = Limits { keys: keys_max, key_bytes };
            let mut whole = Keyed::new(limits);
            let mut run = Keyed::new(limits);
            let mut batch = Keyed::new(Limits::BATCH);
            for (at, key) in keys.iter().enumerate() {
                if cuts.contains(&at) {
                    run.absorb(&mut batch);
                }
                whole.add(key.as_bytes(), ONE);
                batch.add(key.as_bytes(), ONE);
            }
            run.absorb(&mut batch);
            prop_assert_eq!(shown(&whole), shown(&run));
        }

        #[test]
        fn it_counts_as_a_plain_list_does(
            keys in prop::collection::vec("[a-c]{0,2}", 0..60),
            keys_max in 0..10usize,
        ) {
            let mut kept: Vec<(&str, u64)> = Vec::new();
            let mut folded = 0;
            for key in &keys {
                let has_room = kept.len() < keys_max;
                match kept.iter_mut().find(|(known, _)| known == key) {
                    Some((_, requests)) => *requests += 1,
                    None if has_room => kept.push((key, 1)),
                    None => folded += 1,
                }
            }
            let plain: Vec<_> = (folded > 0)
                .then_some(("*", folded))
                .into_iter()
                .chain(kept)
                .map(|(key, requests)| format!("{key} {requests} {}", requests * 10))
                .collect();
            let keys: Vec<_> = keys.iter().map(String::as_str).collect();
            let table = filled(Limits { keys: keys_max, key_bytes: 999 }, &keys);
            prop_assert_eq!(shown(&table), plain);
        }
    }
}
