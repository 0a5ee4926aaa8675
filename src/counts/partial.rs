//! Partial counts: what one run counted, in a file, to be joined with what others did.
//!
//! The file has two lines: a form and a hash, and what was counted as JSON. It says of which policy, time zone and
//! windows the counts are, which runs made them, and for each window its site and the public name of the key by which
//! visitors were told apart. What differs in these cannot be joined, and nothing that the form does not know is read.
//! No threshold has been applied: that would lose what only the sum of all machines shows.
//!
//! The sets of visitors make it a thing to be kept as well as a key: it is for its owner only, and should be deleted
//! once it is joined.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt, fs, io,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::{
    report::{Period, Report},
    sketch::{PRECISION, Sketch},
    tables::{Cell, NETWORKS_KNOWN},
    tally::{Networks, People, Sum, Tally},
    window::{Identity, TableCounts, WindowCounts, WindowName, join},
    write_private,
};

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
        let text = str::from_utf8(text).map_err(|_| None)?;
        let (head, body) = text.split_once('\n').ok_or(None)?;
        let body = body.strip_suffix('\n').ok_or(None)?;
        if head.strip_prefix(FORM).and_then(|hash| hash.strip_prefix(' ')) != Some(&*hash(body)) {
            return Err(None);
        }
        let written: Written = serde_json::from_str(body).map_err(|error| Some(error.column()))?;
        written.read().ok_or(None)
    }

    /// The text of the file.
    #[must_use]
    pub fn to_text(&self) -> String {
        let written = Written::of(self);
        let body = serde_json::to_string(&written).expect("strings and numbers become JSON");
        format!("{FORM} {}\n{body}\n", hash(&body))
    }

    /// Writes the file, for its owner only.
    ///
    /// # Errors
    ///
    /// It cannot be written.
    pub fn write(&self, path: &Path) -> Result<(), PartialError> {
        let text = self.to_text();
        write_private(path, text.as_bytes())
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
                tables[at].2 += table.missed;
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
                    (Some(a), Some(b)) => Some(a + b),
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
        here.missed += table.missed;
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

fn hash(text: &str) -> String {
    Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The form of the second line.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Written {
    policy: String,
    policy_hash: String,
    timezone: String,
    window: String,
    visitors: bool,
    publish_k: Option<u32>,
    runs: Vec<(String, u64)>,
    windows: Vec<WrittenWindow>,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct WrittenWindow {
    begins: i64,
    ends: i64,
    from: String,
    to: String,
    site: String,
    key: String,
    totals: WrittenCell,
    tables: Vec<WrittenTable>,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct WrittenTable {
    name: String,
    missed: u64,
    cells: Vec<WrittenCell>,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct WrittenCell {
    key: String,
    requests: u64,
    bytes: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    visitors: Option<String>,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    networks: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    once: Option<String>,
}

impl WrittenCell {
    fn of(cell: &Cell) -> Self {
        let Sum { tally, people } = &cell.sum;
        Self {
            key: cell.key.clone(),
            requests: tally.requests,
            bytes: tally.bytes,
            visitors: cell.has_visitors.then(|| hex(&people.visitors.to_bytes())),
            networks: hex(&people.networks.to_bytes()),
            once: cell.units.as_ref().map(|units| hex(&units.to_bytes())),
        }
    }

    fn read(self, known: usize) -> Option<Cell> {
        let sketch = |text: &String| unhex(text).and_then(|bytes| Sketch::from_bytes(&bytes));
        let has_visitors = self.visitors.is_some();
        let visitors = match &self.visitors {
            Some(text) => sketch(text)?,
            None => Sketch::default(),
        };
        let units = match &self.once {
            Some(text) => Some(sketch(text)?),
            None => None,
        };
        let networks = Networks::from_bytes(&unhex(&self.networks)?, known)?;
        // What clean text has, and the tab between two.
        let is_clean = self.key.bytes().all(|byte| matches!(byte, b' '..=b'~' | b'\t'));
        let tally = Tally { requests: self.requests, bytes: self.bytes };
        let sum = Sum { tally, people: People { visitors, networks } };
        is_clean.then_some(Cell { key: self.key, sum, units, has_visitors })
    }
}

impl Written {
    fn of(partial: &Partial) -> Self {
        let Identity { policy, policy_hash, zone, window, visitors, publish_k } =
            partial.identity.clone();
        let windows = partial.windows.iter().map(|window| WrittenWindow {
            begins: window.name.unix.0,
            ends: window.name.unix.1,
            from: window.name.from.clone(),
            to: window.name.to.clone(),
            site: window.name.site.clone(),
            key: window.name.key.clone(),
            totals: WrittenCell::of(&total(window)),
            tables: window
                .tables
                .iter()
                .map(|table| WrittenTable {
                    name: table.name.clone(),
                    missed: table.missed,
                    cells: table.cells.iter().map(WrittenCell::of).collect(),
                })
                .collect(),
        });
        Self {
            policy,
            policy_hash,
            timezone: zone,
            window,
            visitors,
            publish_k,
            runs: partial.runs.clone(),
            windows: windows.collect(),
        }
    }

    fn read(self) -> Option<Partial> {
        let known = NETWORKS_KNOWN.max(self.publish_k.unwrap_or_default() as usize);
        let identity = Identity {
            policy: self.policy,
            policy_hash: self.policy_hash,
            zone: self.timezone,
            window: self.window,
            visitors: self.visitors,
            publish_k: self.publish_k,
        };
        let mut windows = Vec::new();
        for window in self.windows {
            let name = WindowName {
                unix: (window.begins, window.ends),
                from: window.from,
                to: window.to,
                site: window.site,
                key: window.key,
            };
            let mut tables = Vec::new();
            for table in window.tables {
                let cells = table.cells.into_iter().map(|cell| cell.read(known));
                let cells = cells.collect::<Option<_>>()?;
                tables.push(TableCounts { name: table.name, cells, missed: table.missed });
            }
            let totals = window.totals.read(known)?.sum;
            windows.push(WindowCounts { name, totals, tables });
        }
        Some(Partial { identity, runs: self.runs, windows })
    }
}

fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |half: u8| char::from(DIGITS[usize::from(half)]);
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    let digit = |digit: u8| char::from(digit).to_digit(16);
    let byte = |pair: &[u8; 2]| Some((digit(pair[0])? << 4 | digit(pair[1])?) as u8);
    if rest.is_empty() { pairs.iter().map(byte).collect() } else { None }
}
