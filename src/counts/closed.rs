//! The tables whose keys are known before the first line: methods, statuses, protocols, agents, languages, countries.
//!
//! Each is a stretch of one array, indexed by the number of its word, so that a line is counted
//! without a search and a batch is absorbed in one pass. Classes of statuses are not counted at all: they
//! are sums of statuses, made when a report asks. Rows without a line are left out of reports.

use std::array;

use super::tally::Tally;
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

/// The tallies of all closed tables.
pub(super) struct Closed {
    tallies: Box<[Tally; COUNT]>,
}

impl Closed {
    pub(super) fn new() -> Self {
        Self { tallies: Box::new([Tally::default(); COUNT]) }
    }

    /// Counts one line in those of its tables that are wanted.
    #[inline]
    pub(super) fn add(&mut self, tables: TableSet, line: &Measured<'_, '_>, tally: Tally) {
        if tables.has(Table::Method) {
            self.tallies[METHOD + line.method() as usize].add(tally);
        }
        if tables.has(Table::Status) || tables.has(Table::StatusClass) {
            let statuses = &mut self.tallies[STATUS..STATUS + STATUS_COUNT];
            if let Some(status) = line.status() {
                let number = usize::from(status).wrapping_sub(STATUS_FIRST);
                debug_assert!(number < STATUS_COUNT, "door 1 refuses status {status}");
                if let Some(status) = statuses.get_mut(number) {
                    status.add(tally);
                }
            }
        }
        if let Some(protocol) = line.protocol().filter(|_| tables.has(Table::Protocol)) {
            self.tallies[PROTOCOL + protocol as usize].add(tally);
        }
        if let Some(language) = line.language() {
            self.tallies[LANGUAGE + language.index()].add(tally);
        }
        if let Some(country) = line.country() {
            self.tallies[COUNTRY + country.index()].add(tally);
        }
        let Some(agent) = line.agent() else { return };
        if tables.has(Table::Browser) {
            self.tallies[BROWSER + agent.browser as usize].add(tally);
        }
        if tables.has(Table::Os) {
            self.tallies[OS + agent.os as usize].add(tally);
        }
        if tables.has(Table::Device) {
            self.tallies[DEVICE + agent.device as usize].add(tally);
        }
        if tables.has(Table::Bot) {
            self.tallies[BOT + usize::from(agent.bot)].add(tally);
        }
    }

    /// Adds what `batch` counted, and empties it.
    pub(super) fn absorb(&mut self, batch: &mut Self) {
        for (tally, other) in self.tallies.iter_mut().zip(batch.tallies.iter_mut()) {
            tally.add(*other);
            *other = Tally::default();
        }
    }

    /// The rows of `table` that have a line, or none if it is not a closed table.
    pub(super) fn rows(&self, table: Table) -> Vec<(String, Tally)> {
        let named = |start: usize, names: &mut dyn Iterator<Item = String>| {
            names.zip(self.tallies[start..].iter().copied()).collect::<Vec<_>>()
        };
        let statuses = || STATUS_FIRST..STATUS_FIRST + STATUS_COUNT;
        let mut rows = match table {
            Table::Method => named(METHOD, &mut owned(Method::ALL.map(Method::name))),
            Table::Status => named(STATUS, &mut statuses().map(|status| status.to_string())),
            Table::StatusClass => self.status_classes(),
            Table::Protocol => named(PROTOCOL, &mut owned(Protocol::ALL.map(Protocol::name))),
            Table::Browser => named(BROWSER, &mut owned(Browser::ALL.iter().map(|it| it.name()))),
            Table::Os => named(OS, &mut owned(Os::ALL.iter().map(|it| it.name()))),
            Table::Device => named(DEVICE, &mut owned(Device::ALL.iter().map(|it| it.name()))),
            Table::Bot => named(BOT, &mut owned(["false", "true"])),
            Table::Language => named(LANGUAGE, &mut owned(Language::ALL.map(Language::name))),
            Table::Country => {
                let countries = (0..Country::COUNT).map(Country::at);
                named(COUNTRY, &mut countries.map(|country| country.to_string()))
            }
            Table::Hour | Table::Day | Table::Site | Table::Path | Table::Referrer => Vec::new(),
        };
        rows.retain(|(_, tally)| tally.is_counted());
        rows
    }

    fn status_classes(&self) -> Vec<(String, Tally)> {
        let classes: [Tally; STATUS_COUNT / 100] = array::from_fn(|class| {
            let mut sum = Tally::default();
            for tally in &self.tallies[STATUS + class * 100..][..100] {
                sum.add(*tally);
            }
            sum
        });
        (1..).zip(classes).map(|(class, tally)| (format!("{class}xx"), tally)).collect()
    }
}

fn owned<'a>(names: impl IntoIterator<Item = &'a str>) -> impl Iterator<Item = String> {
    names.into_iter().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_has_a_place_of_its_own() {
        let mut closed = Closed::new();
        for (number, tally) in closed.tallies.iter_mut().enumerate() {
            *tally = Tally { requests: 1, bytes: number as u64 };
        }
        let tables = [
            (Table::Method, METHOD, STATUS),
            (Table::Status, STATUS, PROTOCOL),
            (Table::Protocol, PROTOCOL, BROWSER),
            (Table::Browser, BROWSER, OS),
            (Table::Os, OS, DEVICE),
            (Table::Device, DEVICE, BOT),
            (Table::Bot, BOT, LANGUAGE),
            (Table::Language, LANGUAGE, COUNTRY),
            (Table::Country, COUNTRY, COUNT),
        ];
        for (table, start, end) in tables {
            let rows = closed.rows(table);
            let places: Vec<_> = rows.iter().map(|(_, tally)| tally.bytes as usize).collect();
            assert_eq!(places, (start..end).collect::<Vec<_>>(), "{}", table.name());
            let mut names: Vec<_> = rows.into_iter().map(|(name, _)| name).collect();
            names.sort();
            names.dedup();
            assert_eq!(names.len(), end - start, "{}: two rows of one name", table.name());
        }
    }

    #[test]
    fn classes_are_sums_of_statuses() {
        let mut closed = Closed::new();
        for (status, bytes) in [(200, 1), (299, 2), (300, 4), (599, 8), (100, 16)] {
            closed.tallies[STATUS + status - STATUS_FIRST].add(Tally::of_line(bytes));
        }
        let shown: Vec<_> = closed
            .rows(Table::StatusClass)
            .into_iter()
            .map(|(class, tally)| format!("{class} {} {}", tally.requests, tally.bytes))
            .collect();
        assert_eq!(shown, ["1xx 1 16", "2xx 2 3", "3xx 1 4", "5xx 1 8"]);
    }
}
