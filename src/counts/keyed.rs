//! What one block counted in a table whose keys are not known before they come: sites, paths, referrers, hours.
//!
//! Keys lie end to end in one buffer, rows stand in the order in which their keys first appeared, and
//! an index of row numbers finds them by a hash that is computed once. So a new key costs no
//! allocation of its own. Beside the sums of each row there is, for each line of the block, the number of its row:
//! a run that has no room left for all keys goes through the lines one by one, so that what it keeps does not
//! depend on how the input was cut into blocks.
//!
//! What was counted is forgotten after each block, and keys are not: most lines of the next one have them again. The
//! place of a row in the table of a run is noted here too, so that it is looked for once. Once there are many keys they
//! are all forgotten.
//!
//! It does not know what its keys mean. Nor does it remember the key of the last line: asking whether the next one is
//! the same was a branch that often missed, and made a line up to five times as dear as plain hashing does.

use std::{
    hash::{BuildHasher, Hasher},
    sync::{
        LazyLock,
        atomic::{AtomicU32, Ordering},
    },
};

use foldhash::fast::RandomState;
use hashbrown::{HashTable, hash_table::Entry};

use super::tally::Tally;
use crate::privacy::Text;

/// One seed for the life of the process, so that a hash made for a block serves the run as well.
/// It is random lest visitors choose paths that collide.
static SEED: LazyLock<RandomState> = LazyLock::new(RandomState::default);

/// How many keys are kept from block to block, and how many bytes of them.
const KEYS_KEPT: usize = 8_192;
const KEY_BYTES_KEPT: usize = 1 << 19;

/// Names one state of one table, of a block or of a run, in which a key has one place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(super) struct Stamp(u32);

impl Stamp {
    /// One that no table had before, nor one of the last four billion states.
    pub(super) fn new() -> Self {
        static LAST: AtomicU32 = AtomicU32::new(0);
        Self(LAST.fetch_add(1, Ordering::Relaxed).wrapping_add(1).max(1))
    }
}

/// The hash of a key.
#[inline]
pub(super) fn hash(seed: &RandomState, key: &[u8]) -> u64 {
    let mut hasher = seed.build_hasher();
    hasher.write(key);
    hasher.finish()
}

/// The hash of a number.
#[inline]
pub(super) fn hash_number(seed: &RandomState, number: u64) -> u64 {
    let mut hasher = seed.build_hasher();
    hasher.write_u64(number);
    hasher.finish()
}

/// The seed of all tables.
pub(super) fn seed() -> RandomState {
    SEED.clone()
}

/// The number of a row in a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct RowNumber(pub(super) u32);

impl RowNumber {
    /// That of a line without a key.
    pub(super) const NONE: Self = Self(u32::MAX);
}

/// A key and what was counted under it.
#[derive(Clone, Copy)]
pub(super) struct Row {
    start: u32,
    length: u32,
    pub(super) hash: u64,
    pub(super) tally: Tally,
    /// Its place in the table of the run, as long as that has this stamp.
    pub(super) place: (Stamp, u32),
}

impl Default for Keyed {
    fn default() -> Self {
        Self::new()
    }
}

/// The table.
pub(super) struct Keyed {
    seed: RandomState,
    keys: Vec<u8>,
    rows: Vec<Row>,
    index: HashTable<u32>,
    /// The rows that have a line in this block, in order of first appearance.
    active: Vec<u32>,
    /// Stands for the numbers that rows have now.
    stamp: Stamp,
    /// For each line its row. A table that no line has a key for has no column.
    pub(super) column: Vec<RowNumber>,
}

impl Keyed {
    /// An empty table.
    pub(super) fn new() -> Self {
        Self {
            seed: seed(),
            keys: Vec::new(),
            rows: Vec::new(),
            index: HashTable::new(),
            active: Vec::new(),
            stamp: Stamp::new(),
            column: Vec::new(),
        }
    }

    /// Counts one line under `key`.
    #[inline]
    pub(super) fn add(&mut self, key: &[u8], tally: Tally) {
        let number = self.number(key);
        self.add_at(number, tally);
    }

    /// Counts one line under a text, whose number may be noted beside it.
    #[inline]
    pub(super) fn add_text(&mut self, text: Text<'_>, tally: Tally) {
        let number = match text.note() {
            Some(note) if (note.get() >> 32) as u32 == self.stamp.0 => RowNumber(note.get() as u32),
            note => {
                let number = self.number(text.as_bytes());
                if let Some(note) = note {
                    note.set(u64::from(self.stamp.0) << 32 | u64::from(number.0));
                }
                number
            }
        };
        self.add_at(number, tally);
    }

    /// Counts one line under a key whose row number is known.
    #[inline]
    pub(super) fn add_at(&mut self, number: RowNumber, tally: Tally) {
        let row = &mut self.rows[number.0 as usize];
        if !row.tally.is_counted() {
            self.active.push(number.0);
        }
        row.tally.add(tally);
        self.column.push(number);
    }

    /// Notes that a line has no key.
    #[inline]
    pub(super) fn skip(&mut self) {
        self.column.push(RowNumber::NONE);
    }

    /// The row number of `key`, new or not.
    #[inline]
    pub(super) fn number(&mut self, key: &[u8]) -> RowNumber {
        let hash = hash(&self.seed, key);
        let Self { keys, rows, index, .. } = self;
        let same = |number: &u32| {
            let row = &rows[*number as usize];
            row.hash == hash && &keys[row.start as usize..][..row.length as usize] == key
        };
        match index.entry(hash, same, |number| rows[*number as usize].hash) {
            Entry::Occupied(entry) => RowNumber(*entry.get()),
            Entry::Vacant(entry) => {
                let number = rows.len() as u32;
                entry.insert(number);
                let (start, length) = (keys.len() as u32, key.len() as u32);
                keys.extend_from_slice(key);
                let (tally, place) = Default::default();
                rows.push(Row { start, length, hash, tally, place });
                RowNumber(number)
            }
        }
    }

    /// The row of a line.
    pub(super) fn row(&self, number: RowNumber) -> &Row {
        &self.rows[number.0 as usize]
    }

    /// The rows that have a line in this block, in order of first appearance.
    pub(super) fn active(&self) -> impl Iterator<Item = &Row> {
        let rows = self.active.iter().map(|number| &self.rows[*number as usize]);
        rows.filter(|row| row.tally.is_counted())
    }

    /// Goes through these rows with their keys.
    pub(super) fn each_active(&mut self, mut look: impl FnMut(&mut Row, &[u8])) {
        for number in &self.active {
            let row = &mut self.rows[*number as usize];
            if row.tally.is_counted() {
                let key = &self.keys[row.start as usize..][..row.length as usize];
                look(row, key);
            }
        }
    }

    /// The key of a row.
    #[inline]
    pub(super) fn key(&self, row: &Row) -> &[u8] {
        &self.keys[row.start as usize..][..row.length as usize]
    }

    /// Takes the first `lines` lines out again, which had so many bytes each.
    pub(super) fn drop_first(&mut self, lines: usize, bytes: &[u64]) {
        let lines = lines.min(self.column.len());
        for (number, bytes) in self.column.drain(..lines).zip(bytes) {
            if number != RowNumber::NONE {
                self.rows[number.0 as usize].tally.take(Tally::of_line(*bytes));
            }
        }
    }

    /// Forgets what was counted, and the keys once they are many. Says whether these are still known.
    pub(super) fn clear(&mut self) -> bool {
        self.column.clear();
        let keeps = self.rows.len() <= KEYS_KEPT && self.keys.len() <= KEY_BYTES_KEPT;
        if keeps {
            for number in self.active.drain(..) {
                self.rows[number as usize].tally = Tally::default();
            }
        } else {
            self.keys.clear();
            self.rows.clear();
            self.index.clear();
            self.active.clear();
            self.stamp = Stamp::new();
        }
        keeps
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(table: &Keyed) -> Vec<String> {
        let row = |row: &Row| {
            let key = table.key(row).escape_ascii();
            format!("{key} {} {}", row.tally.requests, row.tally.bytes)
        };
        table.active().map(row).collect()
    }

    #[test]
    fn rows_stand_in_order_of_first_appearance() {
        let mut table = Keyed::new();
        for key in ["b", "", "a", "b"] {
            table.add(key.as_bytes(), Tally::of_line(10));
        }
        table.skip();
        assert_eq!(shown(&table), ["b 2 20", " 1 10", "a 1 10"]);
        assert_eq!(
            table.column.iter().map(|row| row.0).collect::<Vec<_>>(),
            [0, 1, 2, 0, u32::MAX]
        );
        table.drop_first(3, &[10, 10, 10, 10, 10]);
        assert_eq!(shown(&table), ["b 1 10"]);
        assert_eq!(table.column.len(), 2);
        assert!(table.clear(), "few keys are kept");
        assert!(shown(&table).is_empty() && table.column.is_empty());
        table.add(b"a", Tally::of_line(7));
        assert_eq!((shown(&table), table.column[0].0), (vec!["a 1 7".to_owned()], 2));
    }

    #[test]
    fn keys_are_told_apart_where_they_begin_alike() {
        let mut table = Keyed::new();
        for number in 0..5_000 {
            table.add(format!("/page/{}", number % 500).as_bytes(), Tally::of_line(1));
        }
        assert_eq!(table.active().count(), 500);
        assert!(table.active().all(|row| row.tally.requests == 10));
    }

    #[test]
    fn many_keys_are_not_kept() {
        let mut table = Keyed::new();
        for number in 0..=KEYS_KEPT {
            table.add(number.to_string().as_bytes(), Tally::of_line(1));
        }
        assert!(!table.clear());
        assert_eq!((table.rows.len(), table.keys.len(), table.active().count()), (0, 0, 0));
        table.add(&vec![b'a'; KEY_BYTES_KEPT + 1], Tally::of_line(1));
        assert!(!table.clear());
    }
}
