//! Reading: a report of a span of time, and cells for whoever decides on their publication.

use std::collections::BTreeMap;

use rusqlite::params;

use super::{
    Store, StoreError,
    write::{cell_of, unsigned},
};
use crate::{
    counts::{
        cross::BETWEEN,
        report::{Period, Report, Row, Totals},
        tables::Cell,
        window::join,
    },
    field::Table,
};

/// A span of time: whole windows from its first moment on and up to the first one after it, in seconds since 1970.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Span {
    /// The first moment, if there is one.
    pub from: Option<i64>,
    /// The first moment after it, if there is one.
    pub to: Option<i64>,
}

/// The networks behind a cell within one day, under one key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Networks {
    /// The number of the day and key, which means nothing but that another one is another.
    pub epoch: u32,
    /// Keyed numbers of networks; equal for equal ones within the epoch.
    pub numbers: Vec<u64>,
    /// That there are at least so many, where they were too many to keep their numbers.
    pub at_least: u32,
}

/// A cell as it was counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredCell {
    /// One value, or two of a two-way table.
    pub key: Vec<String>,
    /// How many requests.
    pub requests: u64,
    /// How many bytes.
    pub bytes: u64,
    /// How many visitors, where they are counted.
    pub visitors: Option<u64>,
    /// The networks behind it; bots have none.
    pub networks: Vec<Networks>,
}

/// A table as it was counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredTable {
    /// Its name in reports.
    pub name: String,
    /// Its cells.
    pub cells: Vec<StoredCell>,
}

/// What one key counted, by the key of its visitors, and by day.
#[derive(Default)]
struct Gathered {
    /// By the key of visitors.
    by_key: BTreeMap<String, Cell>,
    /// By day and key of visitors.
    by_day: BTreeMap<(String, String), Cell>,
}

impl Gathered {
    fn add(&mut self, day: &str, key_id: &str, cell: &Cell, known: usize, with_days: bool) {
        let joined = |all: &mut Cell| join(all, cell, known);
        self.by_key.entry(key_id.to_owned()).and_modify(joined).or_insert_with(|| cell.clone());
        if with_days {
            self.by_day
                .entry((day.to_owned(), key_id.to_owned()))
                .and_modify(joined)
                .or_insert_with(|| cell.clone());
        }
    }

    /// The sums: visitors of different keys cannot be told to be the same.
    fn row(&self, key: String) -> Row {
        let mut row = Row { key, requests: 0, bytes: 0, visitors: None };
        for cell in self.by_key.values() {
            let part = cell.row();
            row.requests = row.requests.saturating_add(part.requests);
            row.bytes = row.bytes.saturating_add(part.bytes);
            if let Some(visitors) = part.visitors {
                row.visitors = Some(row.visitors.unwrap_or(0).saturating_add(visitors));
            }
        }
        row
    }

    fn networks(&self, epochs: &mut Epochs, known: usize) -> Vec<Networks> {
        let by_day =
            self.by_day.iter().filter(|(_, cell)| cell.sum.people.networks.count(known) > 0);
        by_day
            .map(|(name, cell)| {
                let networks = &cell.sum.people.networks;
                let numbers = networks.numbers();
                let at_least = if numbers.is_empty() { networks.count(known) as u32 } else { 0 };
                Networks { epoch: epochs.number(name), numbers, at_least }
            })
            .collect()
    }
}

/// Numbers for days and keys.
#[derive(Default)]
struct Epochs(BTreeMap<(String, String), u32>);

impl Epochs {
    fn number(&mut self, name: &(String, String)) -> u32 {
        let next = self.0.len() as u32;
        *self.0.entry(name.clone()).or_insert(next)
    }
}

/// The windows of a span and of one site, or of all: part of every query.
const CHOSEN: &str =
    "(?1 IS NULL OR begins >= ?1) AND (?2 IS NULL OR ends <= ?2) AND (?3 IS NULL OR site = ?3)";

impl Store {
    /// What was counted in a span, on one site or on all.
    ///
    /// # Errors
    ///
    /// The database fails, or what stands in it cannot be.
    pub fn report(&self, span: Span, site: Option<&str>) -> Result<Report, StoreError> {
        let (totals, _) = self.totals(span, site, false)?;
        let row = totals.row(String::new());
        let totals = Totals {
            requests: row.requests,
            bytes: row.bytes,
            visitors: row.visitors.or(self.identity.visitors.then_some(0)),
        };
        let period = self.period(span, site)?;
        let identity = &self.identity;
        let mut report = Report::new(&identity.policy, &identity.policy_hash, period, totals);
        let missed = self.missed(span, site)?;
        for name in self.tables(span, site)? {
            let rows = self.gather(&name, span, site, false)?.into_iter();
            let rows =
                rows.map(|(key, gathered)| gathered.row(key.replace(char::from(BETWEEN), " | ")));
            report.push(&name, rows.collect());
            if let Some(missed) = missed.get(&name) {
                report.note_missed(&name, *missed);
            }
        }
        Ok(report)
    }

    /// What was counted in a span as cells: all of it, and the tables.
    ///
    /// # Errors
    ///
    /// The database fails, or what stands in it cannot be.
    pub fn cells(
        &self,
        span: Span,
        site: Option<&str>,
    ) -> Result<(StoredCell, Vec<StoredTable>), StoreError> {
        let known = self.networks_known();
        let mut epochs = Epochs::default();
        let mut cell = |key: &str, gathered: &Gathered| {
            let row = gathered.row(String::new());
            let parts = key.split(char::from(BETWEEN)).filter(|part| !part.is_empty());
            StoredCell {
                key: parts.map(str::to_owned).collect(),
                requests: row.requests,
                bytes: row.bytes,
                visitors: row.visitors,
                networks: gathered.networks(&mut epochs, known),
            }
        };
        let (totals, _) = self.totals(span, site, true)?;
        let total = cell("", &totals);
        let mut tables = Vec::new();
        for name in self.tables(span, site)? {
            let gathered = self.gather(&name, span, site, true)?;
            let cells = gathered.iter().map(|(key, gathered)| cell(key, gathered)).collect();
            tables.push(StoredTable { name, cells });
        }
        Ok((total, tables))
    }

    /// How many lines became what, over all runs.
    ///
    /// # Errors
    ///
    /// The database fails.
    pub fn lines(&self) -> Result<BTreeMap<String, u64>, StoreError> {
        let read = || {
            let query = "SELECT outcome, sum(lines) FROM lines GROUP BY outcome";
            let mut statement = self.database.prepare(query)?;
            let rows = statement.query_map([], |row| Ok((row.get(0)?, unsigned(row.get(1)?))))?;
            rows.collect::<rusqlite::Result<BTreeMap<String, u64>>>()
        };
        read().map_err(|error| self.failed(error))
    }

    fn period(&self, span: Span, site: Option<&str>) -> Result<Option<Period>, StoreError> {
        // In SQLite the bare columns beside one min or max are those of its row.
        let at = |what: &str| {
            let query = format!("SELECT {what} FROM windows WHERE {CHOSEN}");
            self.database
                .query_row(&query, params![span.from, span.to, site], |row| {
                    row.get::<_, Option<String>>(1)
                })
                .map_err(|error| self.failed(error))
        };
        let (from, to) = (at("min(begins), begins_at")?, at("max(ends), ends_at")?);
        Ok(from.zip(to).map(|(from, to)| Period { from, to }))
    }

    fn totals(
        &self,
        span: Span,
        site: Option<&str>,
        with_days: bool,
    ) -> Result<(Gathered, usize), StoreError> {
        let query = format!(
            "SELECT begins_at, key_id, requests, bytes, visitors, visitor_set, network_set FROM windows WHERE {CHOSEN}"
        );
        let known = self.networks_known();
        let read = || {
            let mut statement = self.database.prepare(&query)?;
            let mut rows = statement.query(params![span.from, span.to, site])?;
            let (mut all, mut windows) = (Gathered::default(), 0);
            while let Some(row) = rows.next()? {
                let (begins, key_id): (String, String) = (row.get(0)?, row.get(1)?);
                let Some(cell) = cell_of(row, 2, String::new(), known, false)? else {
                    return Ok(None);
                };
                all.add(day_of(&begins), &key_id, &cell, known, with_days);
                windows += 1;
            }
            Ok(Some((all, windows)))
        };
        read().map_err(|error| self.failed(error))?.ok_or_else(|| self.damaged())
    }

    /// The names of the tables that have a row: the usual ones in their order, then the others.
    fn tables(&self, span: Span, site: Option<&str>) -> Result<Vec<String>, StoreError> {
        let query = format!(
            "SELECT DISTINCT tab FROM cells JOIN windows ON cells.window = windows.id WHERE {CHOSEN}"
        );
        let read = || {
            let mut statement = self.database.prepare(&query)?;
            let rows = statement.query_map(params![span.from, span.to, site], |row| row.get(0))?;
            rows.collect::<rusqlite::Result<Vec<String>>>()
        };
        let mut names = read().map_err(|error| self.failed(error))?;
        let place = |name: &String| Table::ALL.iter().position(|table| table.name() == name);
        names.sort_by_key(|name| (place(name).unwrap_or(Table::ALL.len()), name.clone()));
        Ok(names)
    }

    fn gather(
        &self,
        table: &str,
        span: Span,
        site: Option<&str>,
        with_days: bool,
    ) -> Result<BTreeMap<String, Gathered>, StoreError> {
        let query = format!(
            "SELECT begins_at, key_id, key, cells.requests, cells.bytes, cells.visitors, cells.visitor_set,
             cells.network_set, once, once_set FROM cells JOIN windows ON cells.window = windows.id
             WHERE {CHOSEN} AND tab = ?4"
        );
        let known = self.networks_known();
        let read = || {
            let mut statement = self.database.prepare(&query)?;
            let mut rows = statement.query(params![span.from, span.to, site, table])?;
            let mut all: BTreeMap<String, Gathered> = BTreeMap::new();
            while let Some(row) = rows.next()? {
                let (begins, key_id): (String, String) = (row.get(0)?, row.get(1)?);
                let key: String = row.get(2)?;
                let Some(cell) = cell_of(row, 3, key.clone(), known, true)? else {
                    return Ok(None);
                };
                let gathered = all.entry(key).or_default();
                gathered.add(day_of(&begins), &key_id, &cell, known, with_days);
            }
            Ok(Some(all))
        };
        read().map_err(|error| self.failed(error))?.ok_or_else(|| self.damaged())
    }

    fn missed(&self, span: Span, site: Option<&str>) -> Result<BTreeMap<String, u64>, StoreError> {
        let query = format!(
            "SELECT tab, sum(missed.requests) FROM missed JOIN windows ON missed.window = windows.id
             WHERE {CHOSEN} GROUP BY tab"
        );
        let read = || {
            let mut statement = self.database.prepare(&query)?;
            let parameters = params![span.from, span.to, site];
            let rows =
                statement.query_map(parameters, |row| Ok((row.get(0)?, unsigned(row.get(1)?))))?;
            rows.collect::<rusqlite::Result<BTreeMap<String, u64>>>()
        };
        read().map_err(|error| self.failed(error))
    }
}

/// The day of a window that is written as RFC 3339 has it.
fn day_of(begins: &str) -> &str {
    begins.get(..10).unwrap_or(begins)
}
