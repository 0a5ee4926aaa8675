//! The counts of many files together, in bounded memory: sums are added, and sets of visitors are joined.
//!
//! Sets are joined where the same key made them, so that who is in two files counts once. Where files were counted
//! under different keys, which is so when they were counted by different runs, there is nothing to tell that two are
//! the same visitor: then numbers are summed, and who came under both counts twice.
//!
//! A table that has too many rows is purged as that of a run is (`open.rs`): the lighter half goes into `(other)`, and
//! `missed` says how much any row may be too low by that. Sets that take too much room become coarser.

use std::collections::BTreeMap;

use super::{
    OTHER,
    partial::{Partial, summed, total},
    report::{Period, Report},
    sketch::{PRECISION, PRECISION_MIN},
    tables::{Cell, NETWORKS_KNOWN},
    window::{TableCounts, WindowName, join},
};
use crate::{field::Table, policy::Plan};

/// How many rows a table has, and how many bytes its sets of visitors take.
const ROWS_MAX: usize = 65_536;
const PEOPLE_BYTES_MAX: usize = 32 << 20;

/// What was counted of many files.
#[derive(Default)]
pub struct Joined {
    first: Option<WindowName>,
    last: Option<WindowName>,
    /// The public names of keys; cells know them by number.
    keys: Vec<String>,
    totals: BTreeMap<usize, Cell>,
    tables: BTreeMap<String, JoinedTable>,
}

/// A table: its rows by their key and the key of their visitors.
struct JoinedTable {
    cells: BTreeMap<(String, usize), Cell>,
    /// What the files themselves missed, and the largest weight that was folded here.
    missed: u64,
    folded: u64,
    precision: u8,
    people_bytes: usize,
}

impl Joined {
    /// Adds what was counted of a file.
    pub fn add(&mut self, partial: Partial) {
        for window in partial.windows {
            let name = &window.name;
            if self.first.as_ref().is_none_or(|first| name.unix.0 < first.unix.0) {
                self.first = Some(name.clone());
            }
            if self.last.as_ref().is_none_or(|last| name.unix.1 > last.unix.1) {
                self.last = Some(name.clone());
            }
            let key = self.number_of(&name.key);
            let cell = total(&window);
            let all = self.totals.entry(key);
            all.and_modify(|all| join(all, &cell, NETWORKS_KNOWN)).or_insert(cell);
            for TableCounts { name, cells, missed } in window.tables {
                let table = self.tables.entry(name).or_default();
                table.missed = table.missed.saturating_add(missed);
                cells.into_iter().for_each(|cell| table.add(key, cell, ROWS_MAX));
                table.fit_people(PEOPLE_BYTES_MAX);
            }
        }
    }

    fn number_of(&mut self, key: &str) -> usize {
        self.keys.iter().position(|known| known == key).unwrap_or_else(|| {
            self.keys.push(key.to_owned());
            self.keys.len() - 1
        })
    }

    /// All of it as a report under that plan.
    #[must_use]
    pub fn report(self, plan: &Plan) -> Report {
        let Self { first, last, totals, mut tables, .. } = self;
        let period = first.zip(last).map(|(first, last)| Period { from: first.from, to: last.to });
        let all = summed(totals.into_values().map(|cell| (String::new(), cell)));
        let mut totals = all.into_iter().next().unwrap_or_default().into_totals();
        totals.visitors = totals.visitors.or(plan.visitors.then_some(0));
        let mut report = Report::new(&plan.name, &plan.hash, period, totals);
        let mut names: Vec<&str> = Table::ALL.into_iter().map(Table::name).collect();
        names.extend(plan.crosses.iter().map(|cross| &*cross.name));
        names.extend(plan.specials.iter().map(|rule| &*rule.name));
        for name in names {
            let Some(JoinedTable { cells, missed, folded, .. }) = tables.remove(name) else {
                continue;
            };
            report.push(name, summed(cells.into_iter().map(|((key, _), cell)| (key, cell))));
            if missed + folded > 0 {
                report.note_missed(name, missed.saturating_add(folded));
            }
        }
        report
    }
}

impl Default for JoinedTable {
    fn default() -> Self {
        Self { cells: BTreeMap::new(), missed: 0, folded: 0, precision: PRECISION, people_bytes: 0 }
    }
}

impl JoinedTable {
    fn add(&mut self, visitors: usize, cell: Cell, rows_max: usize) {
        let key = (cell.key.clone(), visitors);
        if self.cells.len() >= rows_max && !self.cells.contains_key(&key) {
            self.purge();
        }
        self.insert(key, cell);
    }

    fn insert(&mut self, key: (String, usize), mut cell: Cell) {
        match self.cells.get_mut(&key) {
            Some(known) => {
                self.people_bytes -= bytes_of(known);
                join(known, &cell, NETWORKS_KNOWN);
                fit(known, self.precision);
                self.people_bytes += bytes_of(known);
            }
            None => {
                fit(&mut cell, self.precision);
                self.people_bytes += bytes_of(&cell);
                self.cells.insert(key, cell);
            }
        }
    }

    /// Makes the sets of visitors coarser until they have room.
    fn fit_people(&mut self, bytes_max: usize) {
        while self.people_bytes > bytes_max && self.precision > PRECISION_MIN {
            self.precision -= 1;
            self.cells.values_mut().for_each(|cell| fit(cell, self.precision));
            self.people_bytes = self.cells.values().map(bytes_of).sum();
        }
    }

    /// Folds every row up to the median weight.
    #[cold]
    fn purge(&mut self) {
        let folded = self.folded;
        let weight = |cell: &Cell| cell.sum.tally.requests.saturating_add(folded);
        let mut weights: Vec<_> = self.cells.values().map(weight).collect();
        let middle = weights.len().saturating_sub(1) / 2;
        let median = *weights.select_nth_unstable(middle).1;
        self.folded = self.folded.max(median);
        for ((key, visitors), mut cell) in std::mem::take(&mut self.cells) {
            let key = if key != OTHER && weight(&cell) <= median { OTHER.to_owned() } else { key };
            cell.key.clone_from(&key);
            // What is taken out is added again.
            self.people_bytes -= bytes_of(&cell);
            self.insert((key, visitors), cell);
        }
    }
}

fn fit(cell: &mut Cell, precision: u8) {
    cell.sum.people.visitors.fit(precision);
}

fn bytes_of(cell: &Cell) -> usize {
    cell.sum.people.bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        counts::{
            tally::{People, Sum, Tally},
            window::{Identity, WindowCounts},
            zone::{Window, Zone},
        },
        policy::{Policy, preset},
    };

    fn cell(key: &str, requests: u64, visitors: std::ops::Range<u64>) -> Cell {
        let mut people = People::default();
        visitors.for_each(|number| {
            people.visitors.add(number.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1, PRECISION);
        });
        let tally = Tally { requests, bytes: requests * 10 };
        Cell { key: key.to_owned(), sum: Sum { tally, people }, units: None, has_visitors: true }
    }

    fn plan() -> Plan {
        let policy = Policy::parse(preset("baseline").expect("a preset")).expect("a policy");
        Plan::compile(&policy).expect("it compiles")
    }

    fn partial(plan: &Plan, key: &str, day: i64, visitors: std::ops::Range<u64>) -> Partial {
        let unix = (day * 86_400, (day + 1) * 86_400);
        let zone = Zone::default();
        let (from, to) = (zone.written(unix.0), zone.written(unix.1));
        let name = WindowName { unix, from, to, site: "-".to_owned(), key: key.to_owned() };
        let cell = cell("200", 100, visitors);
        let totals = cell.sum.clone();
        let table = TableCounts { name: "status".to_owned(), cells: vec![cell], missed: 0 };
        Partial {
            identity: Identity::of(plan, &zone, Window::Day),
            runs: vec![(key.to_owned(), 1)],
            windows: vec![WindowCounts { name, totals, tables: vec![table] }],
        }
    }

    #[test]
    fn visitors_under_one_key_count_once_and_under_two_keys_twice() {
        let plan = plan();
        let mut joined = Joined::default();
        joined.add(partial(&plan, "aa", 20_001, 0..40));
        joined.add(partial(&plan, "aa", 20_000, 20..60));
        let report = joined.report(&plan);
        assert_eq!((report.totals().requests, report.totals().visitors), (200, Some(60)));
        let rows = report.table("status").expect("there is one");
        assert_eq!((&*rows[0].key, rows[0].bytes, rows[0].visitors), ("200", 2_000, Some(60)));
        let period = report.period().expect("there is one");
        assert_eq!((&*period.from, &*period.to), ("2024-10-04T00:00:00Z", "2024-10-06T00:00:00Z"));
        let mut joined = Joined::default();
        joined.add(partial(&plan, "aa", 20_000, 0..40));
        joined.add(partial(&plan, "bb", 20_000, 0..40));
        assert_eq!(joined.report(&plan).totals().visitors, Some(80));
    }

    #[test]
    fn a_full_table_keeps_the_frequent_rows_and_loses_no_request() {
        let mut table = JoinedTable::default();
        for number in 0..1_000_u64 {
            table.add(0, cell(&format!("/{number}"), 1 + number % 3, number..number + 1), 64);
            table.add(0, cell("/often", 5, 0..9), 64);
        }
        assert!(table.cells.len() <= 64 && table.folded > 0);
        let sum = |of: &dyn Fn(&Cell) -> bool| -> u64 {
            let cells = table.cells.values().filter(|cell| of(cell));
            cells.map(|cell| cell.sum.tally.requests).sum()
        };
        assert_eq!(sum(&|_| true), (0..1_000).map(|number| 1 + number % 3 + 5).sum::<u64>());
        assert!(sum(&|cell| cell.key == "/often") >= 5_000 - table.folded);
        assert_eq!(table.people_bytes, table.cells.values().map(bytes_of).sum::<usize>());
        table.fit_people(0);
        assert_eq!(table.precision, PRECISION_MIN);
    }
}
