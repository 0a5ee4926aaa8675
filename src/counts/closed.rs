//! The tables whose keys are known before the first line: methods, statuses, protocols, agents, languages, countries.
//!
//! What a line says in all of them together is its [`Profile`], one number. A block counts profiles, of which there
//! are few, and a run takes each of them apart once a block: so a line is counted in ten tables for little more
//! than the price of one. In a run each table is a stretch of one array, indexed by the number of its word.
//! Classes of statuses are not counted at all: they
//! are sums of statuses, made when a report asks. Rows without a line are left out of reports.

use foldhash::fast::RandomState;
use hashbrown::{HashMap, HashTable, hash_table::Entry};

use super::{
    crowd::{Crowd, Queue},
    keyed::{self, RowNumber, Stamp},
    sketch::PRECISION,
    tally::{People, Sum, Tally, Wants},
};
use crate::{
    field::{Table, TableSet},
    privacy::Measured,
    transform::{
        agent::{Browser, Device, Os},
        country::Country,
        language::Language,
        request::{Method, Protocol},
    },
};

/// Statuses run from 100 to 599; door 1 refuses all others.
const STATUS_FIRST: usize = 100;
const STATUS_COUNT: usize = 500;

// Where each table starts in the array.
const METHOD: usize = 0;
const STATUS: usize = METHOD + Method::ALL.len();
const PROTOCOL: usize = STATUS + STATUS_COUNT;
const BROWSER: usize = PROTOCOL + Protocol::ALL.len();
const OS: usize = BROWSER + Browser::COUNT;
const DEVICE: usize = OS + Os::COUNT;
const BOT: usize = DEVICE + Device::COUNT;
const LANGUAGE: usize = BOT + 2;
const COUNTRY: usize = LANGUAGE + Language::COUNT;
const COUNT: usize = COUNTRY + Country::COUNT;

/// What a line says in the closed tables: for each a number of a few bits, zero for nothing, else the word's plus one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Profile(u64);

/// The tables of a profile: where the number of each begins, how many bits it has, and where the table starts.
const PLACES: [(Table, u32, u32, usize); 9] = [
    (Table::Method, 0, 6, METHOD),
    (Table::Status, 6, 10, STATUS),
    (Table::Protocol, 16, 4, PROTOCOL),
    (Table::Browser, 20, 10, BROWSER),
    (Table::Os, 30, 7, OS),
    (Table::Device, 37, 4, DEVICE),
    (Table::Bot, 41, 2, BOT),
    (Table::Language, 43, 9, LANGUAGE),
    (Table::Country, 52, 11, COUNTRY),
];

// Every number has room.
const _: () = assert!(Method::ALL.len() < 1 << 6 && STATUS_COUNT < 1 << 10);
const _: () =
    assert!(Protocol::ALL.len() < 1 << 4 && Browser::COUNT < 1 << 10 && Os::COUNT < 1 << 7);
const _: () =
    assert!(Device::COUNT < 1 << 4 && Language::COUNT < 1 << 9 && Country::COUNT < 1 << 11);

impl Profile {
    /// That of a line.
    #[inline]
    pub(super) fn of(line: &Measured<'_, '_>) -> Self {
        let mut bits = line.method() as u64 + 1;
        if let Some(status) = line.status() {
            let number = usize::from(status).wrapping_sub(STATUS_FIRST);
            debug_assert!(number < STATUS_COUNT, "door 1 refuses status {status}");
            if number < STATUS_COUNT {
                bits |= (number as u64 + 1) << 6;
            }
        }
        bits |= line.protocol().map_or(0, |protocol| protocol as u64 + 1) << 16;
        if let Some(agent) = line.agent() {
            bits |= (agent.browser as u64 + 1) << 20
                | (agent.os as u64 + 1) << 30
                | (agent.device as u64 + 1) << 37
                | (u64::from(agent.bot) + 1) << 41;
        }
        bits |= line.language().map_or(0, |language| language.index() as u64 + 1) << 43;
        bits |= line.country().map_or(0, |country| country.index() as u64 + 1) << 52;
        Self(bits)
    }

    /// Its rows in those tables that are wanted, of which the first numbers are right.
    fn rows(self, wanted: TableSet) -> ([u16; PLACES.len()], usize) {
        let (mut rows, mut count) = ([0; PLACES.len()], 0);
        for (table, shift, bits, start) in PLACES {
            let number = (self.0 >> shift & ((1 << bits) - 1)) as usize;
            let is_wanted =
                wanted.has(table) || (table == Table::Status && wanted.has(Table::StatusClass));
            if number > 0 && is_wanted {
                rows[count] = (start + number - 1) as u16;
                count += 1;
            }
        }
        (rows, count)
    }
}

/// How many bytes the people of profiles take at most before they are added to rows: a profile has some ten rows, and
/// one set for it is ten times less to do than one for each row.
const GATHERED_BYTES_MAX: usize = 4 << 20;

/// How many profiles are kept from block to block.
const PROFILES_KEPT: usize = 8_192;

/// The profiles of the lines of a block.
pub(super) struct Closed {
    seed: RandomState,
    profiles: Vec<Counted>,
    index: HashTable<u32>,
    /// The profiles that have a line in this block.
    active: Vec<u32>,
    column: Vec<RowNumber>,
}

/// A profile and what was counted of it.
struct Counted {
    profile: Profile,
    tally: Tally,
    /// Its place with the run, as long as that has this stamp.
    place: (Stamp, u32),
}

impl Closed {
    pub(super) fn new() -> Self {
        Self {
            seed: keyed::seed(),
            profiles: Vec::new(),
            index: HashTable::new(),
            active: Vec::new(),
            column: Vec::new(),
        }
    }

    /// Counts one line.
    #[inline]
    pub(super) fn add(&mut self, profile: Profile, tally: Tally) {
        let Self { seed, profiles, index, active, column } = self;
        let hash = |bits: u64| keyed::hash_number(seed, bits);
        let same = |number: &u32| profiles[*number as usize].profile == profile;
        let rehash = |number: &u32| hash(profiles[*number as usize].profile.0);
        let number = match index.entry(hash(profile.0), same, rehash) {
            Entry::Occupied(entry) => *entry.get(),
            Entry::Vacant(entry) => {
                let number = profiles.len() as u32;
                entry.insert(number);
                let (tally, place) = Default::default();
                profiles.push(Counted { profile, tally, place });
                number
            }
        };
        let counted = &mut profiles[number as usize];
        if !counted.tally.is_counted() {
            active.push(number);
        }
        counted.tally.add(tally);
        column.push(RowNumber(number));
    }

    pub(super) fn drop_first(&mut self, lines: usize, bytes: &[u64]) {
        for (number, bytes) in self.column.drain(..lines).zip(bytes) {
            self.profiles[number.0 as usize].tally.take(Tally::of_line(*bytes));
        }
    }

    /// Forgets what was counted, and the profiles once they are many.
    pub(super) fn clear(&mut self) {
        self.column.clear();
        if self.profiles.len() <= PROFILES_KEPT {
            for number in self.active.drain(..) {
                self.profiles[number as usize].tally = Tally::default();
            }
        } else {
            self.profiles.clear();
            self.index.clear();
            self.active.clear();
        }
    }
}

/// The sums of all closed tables of a run.
pub(super) struct RunClosed {
    tallies: Box<[Tally; COUNT]>,
    /// Without anything where nobody is counted.
    people: Vec<People>,
    /// The places of profiles, and for each place its rows.
    known: HashMap<u64, u32, RandomState>,
    expanded: Vec<([u16; PLACES.len()], usize)>,
    /// The people of each place that are not in its rows yet, and how many bytes they take.
    gathered: Vec<People>,
    gathered_bytes: usize,
    /// Stands for the places that profiles have now.
    stamp: Stamp,
    queue: Queue,
}

impl RunClosed {
    pub(super) fn new(wants: Wants) -> Self {
        let people = if wants.anybody() { vec![People::NOBODY; COUNT] } else { Vec::new() };
        Self {
            tallies: Box::new([Tally::default(); COUNT]),
            people,
            known: HashMap::with_hasher(keyed::seed()),
            expanded: Vec::new(),
            gathered: Vec::new(),
            gathered_bytes: 0,
            stamp: Stamp::new(),
            queue: Queue::default(),
        }
    }

    /// Adds what a block counted.
    pub(super) fn absorb(
        &mut self,
        block: &mut Closed,
        crowd: &Crowd,
        wanted: TableSet,
        wants: Wants,
    ) {
        if self.expanded.len() > PROFILES_KEPT && self.queue.is_empty() {
            self.spread(wants);
            self.known.clear();
            self.expanded.clear();
            self.stamp = Stamp::new();
        }
        for number in &block.active {
            let Counted { profile, tally, place } = &mut block.profiles[*number as usize];
            if place.0 != self.stamp {
                let next = self.expanded.len() as u32;
                *place = (self.stamp, *self.known.entry(profile.0).or_insert(next));
                if place.1 == next {
                    self.expanded.push(profile.rows(wanted));
                }
            }
            let (rows, count) = &self.expanded[place.1 as usize];
            for row in &rows[..*count] {
                self.tallies[usize::from(*row)].add(*tally);
            }
        }
        if wants.anybody() {
            let place = |number: &RowNumber| block.profiles[number.0 as usize].place.1;
            self.queue.push_all(crowd, block.column.iter().map(place));
        }
    }

    /// Adds the people of the lines that wait. They are gathered by profile: [`Self::spread`] brings them to the rows.
    pub(super) fn settle(&mut self, crowd: &mut Crowd, wants: Wants) {
        if self.queue.is_empty() {
            return;
        }
        self.gathered.resize_with(self.expanded.len(), People::default);
        crowd.each(&self.queue, self.expanded.len(), |place, group| {
            let grown = self.gathered[place].add_all(group, wants, PRECISION);
            self.gathered_bytes = self.gathered_bytes.saturating_add_signed(grown);
        });
        self.queue.clear(crowd);
        if self.gathered_bytes > GATHERED_BYTES_MAX {
            self.spread(wants);
        }
    }

    /// Adds the people of each profile to its rows. Whoever looks at people does this first.
    pub(super) fn spread(&mut self, wants: Wants) {
        for (people, (rows, count)) in self.gathered.drain(..).zip(&self.expanded) {
            for row in &rows[..*count] {
                self.people[usize::from(*row)].merge(&people, wants, PRECISION);
            }
        }
        self.gathered_bytes = 0;
    }

    /// The rows of `table` that have a line, or none if it is not a closed table.
    pub(super) fn rows(&self, table: Table, wants: Wants) -> Vec<(String, Sum)> {
        let sum = |place: usize| Sum {
            tally: self.tallies[place],
            people: self.people.get(place).cloned().unwrap_or_default(),
        };
        if table == Table::StatusClass {
            let mut classes: Vec<(String, Sum)> = Vec::new();
            for (status, sum) in self.rows(Table::Status, wants) {
                let class = class_of(&status);
                match classes.last_mut().filter(|(last, _)| *last == class) {
                    Some((_, all)) => all.merge(&sum, wants),
                    None => classes.push((class, sum)),
                }
            }
            return classes;
        }
        let Some((.., start)) = PLACES.into_iter().find(|place| place.0 == table) else {
            return Vec::new();
        };
        let rows = words(table).into_iter().zip(start..);
        let counted = rows.filter(|(_, place)| self.tallies[*place].is_counted());
        counted.map(|(word, place)| (word, sum(place))).collect()
    }
}

/// All words of a closed table, in the order of their places.
pub(super) fn words(table: Table) -> Vec<String> {
    let statuses = || (STATUS_FIRST..STATUS_FIRST + STATUS_COUNT).map(|status| status.to_string());
    match table {
        Table::Method => owned(Method::ALL.map(Method::name)),
        Table::Status => statuses().collect(),
        Table::StatusClass => {
            let mut classes: Vec<_> = statuses().map(|status| class_of(&status)).collect();
            classes.dedup();
            classes
        }
        Table::Protocol => owned(Protocol::ALL.map(Protocol::name)),
        Table::Browser => owned(Browser::ALL.iter().map(|it| it.name())),
        Table::Os => owned(Os::ALL.iter().map(|it| it.name())),
        Table::Device => owned(Device::ALL.iter().map(|it| it.name())),
        Table::Bot => owned(["false", "true"]),
        Table::Language => owned(Language::ALL.map(Language::name)),
        Table::Country => (0..Country::COUNT).map(|at| Country::at(at).to_string()).collect(),
        Table::Hour | Table::Day | Table::Week | Table::Month => Vec::new(),
        Table::Site | Table::Path | Table::Referrer => Vec::new(),
    }
}

fn class_of(status: &str) -> String {
    format!("{}xx", &status[..1])
}

fn owned<'a>(names: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    names.into_iter().map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_has_a_place_of_its_own() {
        let mut closed = RunClosed::new(Wants::default());
        for (number, tally) in closed.tallies.iter_mut().enumerate() {
            *tally = Tally { requests: 1, bytes: number as u64 };
        }
        let ends = PLACES.iter().skip(1).map(|place| place.3).chain([COUNT]);
        for ((table, _, _, start), end) in PLACES.into_iter().zip(ends) {
            let rows = closed.rows(table, Wants::default());
            let places: Vec<_> = rows.iter().map(|(_, sum)| sum.tally.bytes as usize).collect();
            assert_eq!(places, (start..end).collect::<Vec<_>>(), "{}", table.name());
            let mut names: Vec<_> = rows.into_iter().map(|(name, _)| name).collect();
            names.sort();
            names.dedup();
            assert_eq!(names.len(), end - start, "{}: two rows of one name", table.name());
        }
    }

    #[test]
    fn the_numbers_of_a_profile_do_not_touch() {
        for (index, (_, shift, bits, _)) in PLACES.into_iter().enumerate() {
            let next = PLACES.get(index + 1).map_or(64, |next| next.1);
            assert!(shift + bits <= next);
        }
    }

    #[test]
    fn classes_are_sums_of_statuses() {
        let mut closed = RunClosed::new(Wants::default());
        for (status, bytes) in [(200, 1), (299, 2), (300, 4), (599, 8), (100, 16)] {
            closed.tallies[STATUS + status - STATUS_FIRST].add(Tally::of_line(bytes));
        }
        let shown: Vec<_> = closed
            .rows(Table::StatusClass, Wants::default())
            .into_iter()
            .map(|(class, sum)| format!("{class} {} {}", sum.tally.requests, sum.tally.bytes))
            .collect();
        assert_eq!(shown, ["1xx 1 16", "2xx 2 3", "3xx 1 4", "5xx 1 8"]);
    }
}
