//! Partial counts: what one run counted, in a file, to be joined with what others did.
//!
//! The file has two lines: a form and a hash, and what was counted as JSON. It says of which policy, time zone and
//! windows the counts are, which runs made them, and for each window its site and the public name of the key by which
//! visitors were told apart. What differs in these cannot be joined, and nothing that the form does not know is read.
//! No threshold has been applied: that would lose what only the sum of all machines shows.
//!
//! The sets of visitors make it a thing to be kept as well as a key: it is for its owner only, and should be deleted
//! once it is joined.

mod form;

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt, fs, io,
    path::{Path, PathBuf},
};

use super::{
    report::{Period, Report},
    sketch::PRECISION,
    tables::{Cell, NETWORKS_KNOWN},
    window::{Identity, WindowCounts, join},
    write_private_with,
};
use crate::field::Table;

/// What the first line begins with.
const FORM: &str = "tamis partial counts 1";

/// The longest file that is read.
const BYTES_MAX: u64 = 1 << 30;

/// Why partial counts could not be read, written or joined.
#[derive(Debug)]
#[non_exhaustive]
pub enum PartialError {
    /// The file cannot be read.
    Read(PathBuf, io::Error),
    /// The file cannot be written.
    Write(PathBuf, io::Error),
    /// It is no file of this form, or was changed; the byte of its second line where that shows, if it does.
    NotOne(PathBuf, Option<usize>),
    /// It has another policy, site, time zone, window or key than those before it.
    Differs(PathBuf, &'static str),
    /// It has a run that one before it has too.
    Twice(PathBuf),
}

/// A table that is being joined: its name, its cells by row and key of visitors, and what it missed.
type Joined<'a> = (String, BTreeMap<(String, &'a str), Cell>, u64);

impl PartialError {
    /// Whether this is a refusal, as opposed to a failure.
    #[must_use]
    pub const fn is_refusal(&self) -> bool {
        !matches!(self, Self::Read(..) | Self::Write(..))
    }
}

impl fmt::Display for PartialError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Read(path, error) => write!(f, "cannot read {}: {error}", path.display()),
            Self::Write(path, error) => {
                write!(f, "cannot write the partial counts to {}: {error}", path.display())
            }
            Self::NotOne(path, at) => {
                write!(
                    f,
                    "cannot join {}: it holds no partial counts as tamis writes them",
                    path.display()
                )?;
                match at {
                    Some(at) => {
                        write!(f, ", which shows at byte {at} of its second line; leave it out")
                    }
                    None => f.write_str("; leave it out"),
                }
            }
            Self::Differs(path, what) => write!(
                f,
                "cannot join {}: its {what} differs from that of the files before it; join what is of one {what} only",
                path.display()
            ),
            Self::Twice(path) => write!(
                f,
                "cannot join {}: a run of it is in a file before it; join each run once",
                path.display()
            ),
        }
    }
}

impl std::error::Error for PartialError {}

/// Partial counts.
#[derive(Clone, Debug)]
pub struct Partial {
    pub(super) identity: Identity,
    /// The names and steps of the runs that made them.
    pub(super) runs: Vec<(String, u64)>,
    pub(super) windows: Vec<WindowCounts>,
}

impl Partial {
    /// Whether a text begins as such a file does.
    #[must_use]
    pub fn is_one(text: &[u8]) -> bool {
        text.starts_with(FORM.as_bytes())
    }

    /// Reads a file.
    ///
    /// # Errors
    ///
    /// It cannot be read, or is none.
    pub fn read(path: &Path) -> Result<Self, PartialError> {
        let failed = |error| PartialError::Read(path.to_owned(), error);
        if path.metadata().map_err(failed)?.len() > BYTES_MAX {
            return Err(PartialError::NotOne(path.to_owned(), None));
        }
        let text = fs::read(path).map_err(failed)?;
        Self::parse(&text).map_err(|at| PartialError::NotOne(path.to_owned(), at))
    }

    /// Reads a text; else where its second line is not what it should be, if that is known.
    ///
    /// # Errors
    ///
    /// It is none.
    pub fn parse(text: &[u8]) -> Result<Self, Option<usize>> {
        form::read(text)
    }

    /// The text of the file.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut text = Vec::new();
        form::write(self, &mut text).expect("a vector takes all");
        str::from_utf8(&text).expect("JSON is text").to_owned()
    }

    /// Writes the file, for its owner only.
    ///
    /// # Errors
    ///
    /// It cannot be written.
    pub fn write(&self, path: &Path) -> Result<(), PartialError> {
        // It may be long, and is not made in memory first.
        write_private_with(path, |file| form::write(self, file))
            .map_err(|error| PartialError::Write(path.to_owned(), error))
    }

    /// Whose counts they are.
    #[must_use]
    pub const fn identity(&self) -> &Identity {
        &self.identity
    }

    /// How many windows they have.
    #[must_use]
    pub const fn windows(&self) -> usize {
        self.windows.len()
    }

    /// Joins those of a further file.
    ///
    /// # Errors
    ///
    /// They cannot be joined.
    pub fn join(&mut self, other: Self, path: &Path) -> Result<(), PartialError> {
        let differs = |what| Err(PartialError::Differs(path.to_owned(), what));
        if let Some(what) = self.identity.differs(&other.identity) {
            return differs(what);
        }
        let sites = |all: &Self| -> BTreeSet<String> {
            all.windows.iter().map(|window| window.name.site.clone()).collect()
        };
        if sites(self) != sites(&other) && !self.windows.is_empty() && !other.windows.is_empty() {
            return differs("site");
        }
        if other.runs.iter().any(|run| self.runs.contains(run)) {
            return Err(PartialError::Twice(path.to_owned()));
        }
        let same_time = |a: &WindowCounts, b: &WindowCounts| {
            a.name.unix == b.name.unix && a.name.site == b.name.site
        };
        // Lines without a visitor have no key, and go with any.
        let has_key = |window: &&WindowCounts| window.name.key != "-";
        for window in other.windows.iter().filter(has_key) {
            let here = self.windows.iter().filter(has_key);
            let mut here = here.filter(|known| same_time(known, window)).peekable();
            if here.peek().is_some() && here.all(|known| known.name.key != window.name.key) {
                return differs("key");
            }
        }
        let known = self.networks_known();
        for window in other.windows {
            match self.windows.iter_mut().find(|known| known.name == window.name) {
                Some(mine) => join_window(mine, window, known),
                None => self.windows.push(window),
            }
        }
        self.windows.sort_by(|a, b| a.name.cmp(&b.name));
        self.runs.extend(other.runs);
        self.runs.sort();
        Ok(())
    }

    fn networks_known(&self) -> usize {
        NETWORKS_KNOWN.max(self.identity.publish_k.unwrap_or_default() as usize)
    }

    /// What was counted, as a report.
    #[must_use]
    pub fn report(&self) -> Report {
        let known = self.networks_known();
        // By the key of visitors: only what one key told apart can be joined.
        let mut totals: BTreeMap<&str, Cell> = BTreeMap::new();
        let mut tables: Vec<Joined<'_>> = Vec::new();
        for window in &self.windows {
            let key = &*window.name.key;
            let cell = total(window);
            let all = totals.entry(key);
            all.and_modify(|all| join(all, &cell, known)).or_insert(cell);
            for table in &window.tables {
                let at = tables.iter().position(|(name, ..)| *name == table.name);
                let at = at.unwrap_or_else(|| {
                    tables.push((table.name.clone(), BTreeMap::new(), 0));
                    tables.len() - 1
                });
                tables[at].2 = tables[at].2.saturating_add(table.missed);
                for cell in &table.cells {
                    let row = tables[at].1.entry((cell.key.clone(), key));
                    row.and_modify(|row| join(row, cell, known)).or_insert_with(|| cell.clone());
                }
            }
        }
        let identity = &self.identity;
        let all = summed(totals.into_values().map(|cell| (String::new(), cell)));
        let mut totals = all.into_iter().next().unwrap_or_default().into_totals();
        totals.visitors = totals.visitors.or(identity.visitors.then_some(0));
        let mut report =
            Report::new(&identity.policy, &identity.policy_hash, self.period(), totals);
        // In one order, whichever window or machine had a table first: the usual ones, then the others.
        let place = |name: &str| Table::ALL.iter().position(|table| table.name() == name);
        tables.sort_by_cached_key(|(name, ..)| {
            (place(name).unwrap_or(Table::ALL.len()), name.clone())
        });
        for (name, cells, missed) in tables {
            report.push(&name, summed(cells.into_iter().map(|((key, _), cell)| (key, cell))));
            if missed > 0 {
                report.note_missed(&name, missed);
            }
        }
        report
    }

    fn period(&self) -> Option<Period> {
        let first = self.windows.iter().min_by_key(|window| window.name.unix.0)?;
        let last = self.windows.iter().max_by_key(|window| window.name.unix.1)?;
        Some(Period { from: first.name.from.clone(), to: last.name.to.clone() })
    }
}

/// The totals of a window as a cell.
pub(super) fn total(window: &WindowCounts) -> Cell {
    let has_visitors = window.name.key != "-";
    Cell { key: String::new(), sum: window.totals.clone(), units: None, has_visitors }
}

/// The rows of cells, of which those of one key, which follow each other, are summed.
pub(super) fn summed(cells: impl Iterator<Item = (String, Cell)>) -> Vec<super::report::Row> {
    let mut rows: Vec<super::report::Row> = Vec::new();
    for (_, cell) in cells {
        let row = cell.row();
        match rows.last_mut().filter(|last| last.key == row.key) {
            None => rows.push(row),
            Some(last) => {
                last.requests = last.requests.saturating_add(row.requests);
                last.bytes = last.bytes.saturating_add(row.bytes);
                last.visitors = match (last.visitors, row.visitors) {
                    (Some(a), Some(b)) => Some(a.saturating_add(b)),
                    (a, b) => a.or(b),
                };
            }
        }
    }
    rows
}

fn join_window(mine: &mut WindowCounts, other: WindowCounts, known: usize) {
    mine.totals.tally.add(other.totals.tally);
    let people = &mut mine.totals.people;
    people.visitors.merge(&other.totals.people.visitors, PRECISION);
    people.networks.merge(&other.totals.people.networks, known);
    for table in other.tables {
        let Some(here) = mine.tables.iter_mut().find(|here| here.name == table.name) else {
            mine.tables.push(table);
            continue;
        };
        here.missed = here.missed.saturating_add(table.missed);
        let mut places: BTreeMap<String, usize> =
            here.cells.iter().enumerate().map(|(at, cell)| (cell.key.clone(), at)).collect();
        for cell in table.cells {
            match places.get(&cell.key) {
                Some(at) => join(&mut here.cells[*at], &cell, known),
                None => {
                    places.insert(cell.key.clone(), here.cells.len());
                    here.cells.push(cell);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
