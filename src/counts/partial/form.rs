//! The form of a file of partial counts: a line with its name and a hash, and a line of JSON.
//!
//! It is written straight from what was counted, once to be hashed and once to be kept, so that it takes no memory of
//! its own. It is read strictly: the file may be anybody's, and what tamis would not have written is refused as a
//! whole, also where the hash is right.

use std::{
    borrow::Cow,
    collections::BTreeSet,
    fmt,
    io::{self, Write},
};

use serde::{Deserialize, Serialize, Serializer};
use sha2::{Digest as _, Sha256};

use super::{FORM, Partial, total};
use crate::counts::{
    calendar::is_period,
    report::Period,
    sketch::Sketch,
    tables::{Cell, NETWORKS_KNOWN},
    tally::{Networks, People, Sum, Tally},
    window::{Identity, TableCounts, WindowCounts, WindowName},
};

/// The largest number of requests that a table may have missed, far beyond any log, so that sums of them have room.
const MISSED_MAX: u64 = 1 << 48;

/// The longest name of a table.
const NAME_BYTES_MAX: usize = 64;

/// The largest number of networks that a policy may ask for.
const PUBLISH_K_MAX: u32 = 1_000;

/// Writes partial counts.
pub(super) fn write(partial: &Partial, out: &mut dyn Write) -> io::Result<()> {
    let body = OfAll(partial);
    let mut hash = io::BufWriter::new(Hashing(Sha256::new()));
    serde_json::to_writer(&mut hash, &body)?;
    let hash = hash.into_inner().map_err(io::IntoInnerError::into_error)?;
    writeln!(out, "{FORM} {}", Hex(&hash.0.finalize()))?;
    let mut buffered = io::BufWriter::new(out);
    serde_json::to_writer(&mut buffered, &body)?;
    buffered.write_all(b"\n")?;
    buffered.flush()
}

/// Reads a text; else where its second line is not what it should be, if that is known.
pub(super) fn read(text: &[u8]) -> Result<Partial, Option<usize>> {
    let text = str::from_utf8(text).map_err(|_| None)?;
    let (head, body) = text.split_once('\n').ok_or(None)?;
    let body = body.strip_suffix('\n').ok_or(None)?;
    let hash = Hex(&Sha256::digest(body)).to_string();
    if head.strip_prefix(FORM).and_then(|hash| hash.strip_prefix(' ')) != Some(&*hash) {
        return Err(None);
    }
    let read: Reading = serde_json::from_str(body).map_err(|error| Some(error.column()))?;
    read.into_partial().ok_or(None)
}

struct Hashing(Sha256);

impl Write for Hashing {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Bytes as hexadecimal digits.
struct Hex<'a>(&'a [u8]);

impl fmt::Display for Hex<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let mut digits = [0; 128];
        for bytes in self.0.chunks(digits.len() / 2) {
            for (pair, byte) in digits.as_chunks_mut::<2>().0.iter_mut().zip(bytes) {
                *pair = [DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]];
            }
            f.write_str(str::from_utf8(&digits[..2 * bytes.len()]).expect("digits are ASCII"))?;
        }
        Ok(())
    }
}

impl Serialize for Hex<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    let digit = |digit: u8| match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    };
    let byte = |pair: &[u8; 2]| Some(digit(pair[0])? << 4 | digit(pair[1])?);
    if rest.is_empty() { pairs.iter().map(byte).collect() } else { None }
}

/// All of it, on its way out.
struct OfAll<'a>(&'a Partial);

/// A window, a table and a cell on their way out, and lists of these.
struct OfWindow<'a>(&'a WindowCounts);
struct OfTable<'a>(&'a TableCounts);
struct OfCell<'a>(&'a Cell);
struct Windows<'a>(&'a [WindowCounts]);
struct Tables<'a>(&'a [TableCounts]);
struct Cells<'a>(&'a [Cell]);

impl Serialize for Windows<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_seq(self.0.iter().map(OfWindow))
    }
}

impl Serialize for Tables<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_seq(self.0.iter().map(OfTable))
    }
}

impl Serialize for Cells<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_seq(self.0.iter().map(OfCell))
    }
}

impl Serialize for OfAll<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Writing<'a> {
            policy: &'a str,
            policy_hash: &'a str,
            timezone: &'a str,
            window: &'a str,
            visitors: bool,
            publish_k: Option<u32>,
            runs: &'a [(String, u64)],
            windows: Windows<'a>,
        }
        let Partial { identity, runs, windows } = self.0;
        let Identity { policy, policy_hash, zone, window, visitors, publish_k } = identity;
        let (visitors, publish_k, windows) = (*visitors, *publish_k, Windows(windows));
        Writing { policy, policy_hash, timezone: zone, window, visitors, publish_k, runs, windows }
            .serialize(to)
    }
}

impl Serialize for OfWindow<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Writing<'a> {
            begins: i64,
            ends: i64,
            from: &'a str,
            to: &'a str,
            site: &'a str,
            key: &'a str,
            totals: OfCell<'a>,
            tables: Tables<'a>,
        }
        let WindowName { unix: (begins, ends), from, to: until, site, key } = &self.0.name;
        let (begins, ends, totals) = (*begins, *ends, total(self.0));
        let (totals, tables) = (OfCell(&totals), Tables(&self.0.tables));
        Writing { begins, ends, from, to: until, site, key, totals, tables }.serialize(to)
    }
}

impl Serialize for OfTable<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Writing<'a> {
            name: &'a str,
            missed: u64,
            cells: Cells<'a>,
        }
        let TableCounts { name, cells, missed } = self.0;
        Writing { name, missed: (*missed).min(MISSED_MAX), cells: Cells(cells) }.serialize(to)
    }
}

impl Serialize for OfCell<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Writing<'a> {
            key: &'a str,
            requests: u64,
            bytes: u64,
            #[serde(skip_serializing_if = "Option::is_none")]
            visitors: Option<Hex<'a>>,
            #[serde(skip_serializing_if = "Option::is_none")]
            networks: Option<Hex<'a>>,
            #[serde(skip_serializing_if = "Option::is_none")]
            once: Option<Hex<'a>>,
        }
        let Cell { key, sum: Sum { tally, people }, units, has_visitors } = self.0;
        let visitors = has_visitors.then(|| people.visitors.to_bytes());
        let networks = Some(people.networks.to_bytes()).filter(|bytes| !bytes.is_empty());
        let once = units.as_ref().map(Sketch::to_bytes);
        Writing {
            key,
            requests: tally.requests,
            bytes: tally.bytes,
            visitors: visitors.as_deref().map(Hex),
            networks: networks.as_deref().map(Hex),
            once: once.as_deref().map(Hex),
        }
        .serialize(to)
    }
}

/// All of it, as it is read.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Reading {
    policy: String,
    policy_hash: String,
    timezone: String,
    window: String,
    visitors: bool,
    publish_k: Option<u32>,
    runs: Vec<(String, u64)>,
    windows: Vec<ReadWindow>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ReadWindow {
    begins: i64,
    ends: i64,
    from: String,
    to: String,
    site: String,
    key: String,
    totals: ReadCell,
    tables: Vec<ReadTable>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ReadTable {
    name: String,
    missed: u64,
    cells: Vec<ReadCell>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ReadCell {
    key: String,
    requests: u64,
    bytes: u64,
    visitors: Option<Unhexed>,
    #[serde(default)]
    networks: Unhexed,
    once: Option<Unhexed>,
}

/// Bytes that were written as digits.
#[derive(Default, Deserialize)]
#[serde(try_from = "Cow<'_, str>")]
struct Unhexed(Vec<u8>);

impl TryFrom<Cow<'_, str>> for Unhexed {
    type Error = &'static str;

    fn try_from(text: Cow<'_, str>) -> Result<Self, Self::Error> {
        unhex(&text).map(Self).ok_or("pairs of digits are expected")
    }
}

/// Whether a text has nothing that clean texts do not have; keys of pairs have a tab.
fn is_clean(text: &str) -> bool {
    text.bytes().all(|byte| matches!(byte, b' '..=b'~' | b'\t'))
}

impl ReadCell {
    fn into_cell(self, known: usize) -> Option<Cell> {
        let sketch = |bytes: &Option<Unhexed>| match bytes {
            Some(bytes) => Sketch::from_bytes(&bytes.0).map(Some),
            None => Some(None),
        };
        let (visitors, units) = (sketch(&self.visitors)?, sketch(&self.once)?);
        let networks = Networks::from_bytes(&self.networks.0, known)?;
        let has_visitors = visitors.is_some();
        let people = People { visitors: visitors.unwrap_or_default(), networks };
        let tally = Tally { requests: self.requests, bytes: self.bytes };
        let cell = Cell { key: self.key, sum: Sum { tally, people }, units, has_visitors };
        is_clean(&cell.key).then_some(cell)
    }
}

impl ReadTable {
    fn into_counts(self, known: usize) -> Option<TableCounts> {
        let Self { name, missed, cells } = self;
        let in_name = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte);
        let is_name = (1..=NAME_BYTES_MAX).contains(&name.len()) && name.bytes().all(in_name);
        if !is_name || missed > MISSED_MAX || !differ(cells.iter().map(|cell| &cell.key)) {
            return None;
        }
        let cells = cells.into_iter().map(|cell| cell.into_cell(known));
        Some(TableCounts { name, cells: cells.collect::<Option<_>>()?, missed })
    }
}

impl ReadWindow {
    fn into_counts(self, known: usize) -> Option<WindowCounts> {
        let Self { begins, ends, from, to, site, key, totals, tables } = self;
        let period = Period { from, to };
        let is_right = begins < ends
            && is_period(&period)
            && is_clean(&site)
            && is_clean(&key)
            && differ(tables.iter().map(|table| &table.name));
        if !is_right {
            return None;
        }
        let Period { from, to } = period;
        let name = WindowName { unix: (begins, ends), from, to, site, key };
        let tables = tables.into_iter().map(|table| table.into_counts(known));
        let tables = tables.collect::<Option<_>>()?;
        Some(WindowCounts { name, totals: totals.into_cell(known)?.sum, tables })
    }
}

impl Reading {
    fn into_partial(self) -> Option<Partial> {
        let Self { policy, policy_hash, timezone, window, visitors, publish_k, runs, windows } =
            self;
        let texts = [&policy, &policy_hash, &timezone, &window];
        let is_k = publish_k.is_none_or(|k| (1..=PUBLISH_K_MAX).contains(&k));
        if !is_k || !texts.into_iter().chain(runs.iter().map(|(run, _)| run)).all(|it| is_clean(it))
        {
            return None;
        }
        let known = NETWORKS_KNOWN.max(publish_k.unwrap_or_default() as usize);
        let windows = windows.into_iter().map(|window| window.into_counts(known));
        let windows: Vec<_> = windows.collect::<Option<_>>()?;
        if !differ(windows.iter().map(|window| &window.name)) || !differ(runs.iter()) {
            return None;
        }
        let zone = timezone;
        let identity = Identity { policy, policy_hash, zone, window, visitors, publish_k };
        Some(Partial { identity, runs, windows })
    }
}

/// Whether none comes twice.
fn differ<T: Ord>(all: impl Iterator<Item = T>) -> bool {
    let mut seen = BTreeSet::new();
    let mut all = all;
    all.all(|one| seen.insert(one))
}
