//! A table of a run whose keys are not known before they come, in bounded memory: first exact, then the heavy hitters.
//!
//! While there is room every key has its row. Once a further key does not fit, the lighter half of the rows is folded
//! into the row `(other)`, and the new one has room. This is the purging form of Misra and Gries's algorithm
//! (Anderson et al., "A high-performance algorithm for identifying frequent items in data streams", 2017), with one
//! difference: what a row shows is what was counted since it came in, and is not diminished by those that went.
//!
//! Each row knows how many requests of its key may have been folded before it came in. The weight of a row is what it
//! counted and those together, and a purge folds all rows up to the median weight. So no row is too low by more than
//! the largest weight that was ever folded, which is at most twice the number of requests divided by the number of
//! rows: with 65,536 rows, one request in 32,768. Reports say it as `missed`. Nothing is lost: rows and `(other)` sum
//! up to all.
//!
//! What a table keeps depends on the lines and their order alone. Where all keys of a block fit, sums are added row by
//! row, which is the same as line by line; else it goes through the lines.
//!
//! The sets of visitors of all rows together have a bound too. Beyond it they all become coarser, and coarser again:
//! see `sketch.rs`.

use foldhash::fast::RandomState;
use hashbrown::HashTable;

use super::{
    crowd::{Crowd, NOWHERE, Queue},
    keyed::{self, Keyed, RowNumber, Stamp},
    sketch::{PRECISION, PRECISION_MIN},
    tally::{Group, People, Sum, Tally, Wants},
};

/// How many distinct keys a table holds. A guess at what is more than a site's pages
/// and less than a scanner's inventions; as hours it is seven years.
const KEYS_MAX: usize = 65_536;

/// How many bytes the keys of a table have together: 128 for each. With rows and
/// index a table takes about 15 MiB when both limits are reached.
const KEY_BYTES_MAX: usize = 8 << 20;

/// How many bytes the sets of visitors of a table have together before they become coarser. With the coarsest, which
/// have an error of 6.5%, a full table needs 16 MiB.
const PEOPLE_BYTES_MAX: usize = 32 << 20;

/// How much a table holds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// The most distinct keys.
    pub(super) keys: usize,
    /// The most bytes of all keys together.
    pub(super) key_bytes: usize,
    /// The most bytes of all sets of visitors together, as long as they can become coarser.
    pub(super) people_bytes: usize,
}

impl Limits {
    /// Those of a run.
    pub(super) const RUN: Self =
        Self { keys: KEYS_MAX, key_bytes: KEY_BYTES_MAX, people_bytes: PEOPLE_BYTES_MAX };
}

/// A key, what was counted under it, and how many of its requests may have been folded before.
#[derive(Clone, Copy, Default)]
struct Row {
    start: u32,
    length: u32,
    hash: u64,
    tally: Tally,
    missed: u64,
}

impl Row {
    #[inline]
    fn key(self, keys: &[u8]) -> &[u8] {
        &keys[self.start as usize..][..self.length as usize]
    }

    const fn weight(&self) -> u64 {
        self.tally.requests.saturating_add(self.missed)
    }
}

/// Where something is counted.
#[derive(Clone, Copy, PartialEq, Eq)]
enum At {
    Row(u32),
    Folded,
}

impl At {
    /// The same in a queue.
    const fn place(self) -> u32 {
        match self {
            Self::Folded => 0,
            Self::Row(number) => number + 1,
        }
    }

    const fn of_place(place: u32) -> Self {
        match place.checked_sub(1) {
            None => Self::Folded,
            Some(number) => Self::Row(number),
        }
    }
}

/// The table.
pub(super) struct Open {
    limits: Limits,
    seed: RandomState,
    keys: Vec<u8>,
    rows: Vec<Row>,
    /// The people of each row; none where nobody is counted.
    people: Vec<People>,
    index: HashTable<u32>,
    folded: Sum,
    /// The largest weight that was folded.
    missed: u64,
    precision: u8,
    people_bytes: usize,
    /// Stands for the numbers that rows have now.
    stamp: Stamp,
    /// Where the lines belong whose people wait.
    queue: Queue,
}

impl Open {
    /// An empty table.
    pub(super) fn new(limits: Limits) -> Self {
        Self {
            limits,
            seed: keyed::seed(),
            keys: Vec::new(),
            rows: Vec::new(),
            people: Vec::new(),
            index: HashTable::new(),
            folded: Sum::default(),
            missed: 0,
            precision: PRECISION,
            people_bytes: 0,
            stamp: Stamp::new(),
            queue: Queue::default(),
        }
    }

    /// Adds what a block counted, whose lines came to the crowd last; `key_of` makes the key here of one there.
    pub(super) fn absorb_as<K: AsRef<[u8]>>(
        &mut self,
        block: &mut Keyed,
        crowd: &mut Crowd,
        bytes: &[u64],
        wants: Wants,
        key_of: impl Fn(&[u8]) -> K,
    ) {
        let hash_of = |table: &Self, key: &[u8], _| keyed::hash(&table.seed, key);
        self.absorb_with(block, crowd, bytes, wants, key_of, hash_of);
    }

    /// Adds what a block counted, whose lines came to the crowd last and had so many bytes.
    pub(super) fn absorb(
        &mut self,
        block: &mut Keyed,
        crowd: &mut Crowd,
        bytes: &[u64],
        wants: Wants,
    ) {
        self.absorb_with(block, crowd, bytes, wants, <[u8]>::to_vec, |_, _, hash| hash);
    }

    fn absorb_with<K: AsRef<[u8]>>(
        &mut self,
        block: &mut Keyed,
        crowd: &mut Crowd,
        bytes: &[u64],
        wants: Wants,
        key_of: impl Fn(&[u8]) -> K,
        hash_of: impl Fn(&Self, &[u8], u64) -> u64,
    ) {
        if block.column.is_empty() {
            return;
        }
        let new = block.active().filter(|row| row.place.0 != self.stamp);
        let (keys, key_bytes) =
            new.fold((0, 0), |(keys, key_bytes), row| (keys + 1, key_bytes + block.key(row).len()));
        let fits = self.rows.len() + keys <= self.limits.keys
            && self.keys.len() + key_bytes <= self.limits.key_bytes;
        if !fits {
            return self.absorb_lines(block, crowd, bytes, wants, key_of, hash_of);
        }
        block.each_active(|row, key| {
            if row.place.0 != self.stamp {
                let key = key_of(key);
                let hash = hash_of(self, key.as_ref(), row.hash);
                let at = self.find_or_insert(hash, key.as_ref(), wants);
                row.place = (self.stamp, at.place());
            }
            self.tally_at(At::of_place(row.place.1)).add(row.tally);
        });
        if wants.anybody() {
            let place = |number: &RowNumber| match *number {
                RowNumber::NONE => NOWHERE,
                number => block.row(number).place.1,
            };
            self.queue.push_all(crowd, block.column.iter().map(place));
        }
    }

    /// Adds the people of the lines that wait.
    pub(super) fn settle(&mut self, crowd: &mut Crowd, wants: Wants) {
        if self.queue.is_empty() {
            return;
        }
        crowd.each(&self.queue, self.rows.len() + 1, |place, group| {
            match place.checked_sub(1).and_then(|row| self.people.get_mut(row)) {
                Some(people) => {
                    let grown = people.add_all(group, wants, self.precision);
                    self.people_bytes = self.people_bytes.saturating_add_signed(grown);
                }
                None => {
                    self.folded.people.add_all(group, wants, self.precision);
                }
            }
        });
        self.queue.clear();
        self.fit_people();
    }

    /// The same line by line, for a table in which not all of the block's keys may have room.
    #[cold]
    fn absorb_lines<K: AsRef<[u8]>>(
        &mut self,
        block: &Keyed,
        crowd: &mut Crowd,
        bytes: &[u64],
        wants: Wants,
        key_of: impl Fn(&[u8]) -> K,
        hash_of: impl Fn(&Self, &[u8], u64) -> u64,
    ) {
        // Rows are about to be folded, whose people must be complete.
        self.settle(crowd, wants);
        let first = crowd.len().saturating_sub(block.column.len());
        for (line, number) in block.column.iter().enumerate() {
            if *number == RowNumber::NONE {
                continue;
            }
            let row = block.row(*number);
            let key = key_of(block.key(row));
            let hash = hash_of(self, key.as_ref(), row.hash);
            let at = self.find_or_insert(hash, key.as_ref(), wants);
            self.tally_at(at).add(Tally::of_line(bytes[line]));
            if wants.anybody() {
                self.add_people(at, crowd.line(first + line), wants);
                self.fit_people();
            }
        }
    }

    #[inline]
    fn tally_at(&mut self, at: At) -> &mut Tally {
        match at {
            At::Row(number) => &mut self.rows[number as usize].tally,
            At::Folded => &mut self.folded.tally,
        }
    }

    #[inline]
    fn add_people(&mut self, at: At, line: Group<'_>, wants: Wants) {
        match at {
            At::Row(number) => {
                let grown = self.people[number as usize].add_all(line, wants, self.precision);
                self.people_bytes = self.people_bytes.saturating_add_signed(grown);
            }
            At::Folded => {
                self.folded.people.add_all(line, wants, self.precision);
            }
        }
    }

    /// Makes the sets of visitors coarser until they have room.
    #[inline]
    fn fit_people(&mut self) {
        while self.people_bytes > self.limits.people_bytes && self.precision > PRECISION_MIN {
            self.coarsen();
        }
    }

    #[cold]
    fn coarsen(&mut self) {
        self.precision -= 1;
        let all = self.people.iter_mut().chain([&mut self.folded.people]);
        all.for_each(|people| people.visitors.fit(self.precision));
        self.people_bytes = self.people.iter().map(People::bytes).sum();
    }

    /// Where `key` is counted: in its row, which is made where there is room, if need be by folding others.
    #[inline]
    fn find_or_insert(&mut self, hash: u64, key: &[u8], wants: Wants) -> At {
        let same = |number: &u32| {
            let row = self.rows[*number as usize];
            row.hash == hash && row.key(&self.keys) == key
        };
        if let Some(number) = self.index.find(hash, same) {
            return At::Row(*number);
        }
        let Limits { keys, key_bytes, .. } = self.limits;
        if keys == 0 || key.len() > key_bytes {
            self.missed = self.missed.max(self.folded.tally.requests + 1);
            return At::Folded;
        }
        while self.rows.len() >= keys || self.keys.len() + key.len() > key_bytes {
            self.purge(wants);
        }
        // The limits keep all three numbers in range.
        let (start, length) = (self.keys.len() as u32, key.len() as u32);
        let number = self.rows.len() as u32;
        self.keys.extend_from_slice(key);
        let tally = Tally::default();
        self.rows.push(Row { start, length, hash, tally, missed: self.missed });
        if wants.anybody() {
            self.people.push(People::default());
        }
        let rows = &self.rows;
        self.index.insert_unique(hash, number, |number| rows[*number as usize].hash);
        At::Row(number)
    }

    /// Folds every row up to the median weight, which is at least half of them.
    #[cold]
    fn purge(&mut self, wants: Wants) {
        let mut weights: Vec<_> = self.rows.iter().map(Row::weight).collect();
        let middle = (weights.len() - 1) / 2;
        let median = *weights.select_nth_unstable(middle).1;
        self.missed = self.missed.max(median);
        let keys = std::mem::take(&mut self.keys);
        let rows = std::mem::take(&mut self.rows);
        let mut people = std::mem::take(&mut self.people).into_iter();
        self.index.clear();
        self.stamp = Stamp::new();
        for row in rows {
            let of_row = people.next();
            if row.weight() <= median {
                self.folded.tally.add(row.tally);
                if let Some(of_row) = of_row {
                    self.folded.people.merge(&of_row, wants, self.precision);
                }
                continue;
            }
            let (start, number) = (self.keys.len() as u32, self.rows.len() as u32);
            self.keys.extend_from_slice(row.key(&keys));
            self.rows.push(Row { start, ..row });
            self.people.extend(of_row);
            let rows = &self.rows;
            self.index.insert_unique(row.hash, number, |number| rows[*number as usize].hash);
        }
        self.people_bytes = self.people.iter().map(People::bytes).sum();
    }

    /// The keys and what was counted under them, in order of first appearance; what was folded comes last, without a
    /// key, and only if something was.
    pub(super) fn iter(&self) -> impl Iterator<Item = (Option<&[u8]>, Tally, &People)> {
        static NOBODY: People = People::NOBODY;
        let people = |number: usize| self.people.get(number).unwrap_or(&NOBODY);
        let rows = self.rows.iter().enumerate();
        let rows =
            rows.map(move |(number, row)| (Some(row.key(&self.keys)), row.tally, people(number)));
        let folded = self.folded.tally.is_counted();
        rows.chain(folded.then_some((None, self.folded.tally, &self.folded.people)))
    }

    /// By how many requests any row may be too low.
    pub(super) const fn missed(&self) -> u64 {
        self.missed
    }
}
