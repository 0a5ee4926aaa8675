//! The manifest: what there is in a quarantine, as lines of a [`Journal`].
//!
//! Only what is sealed is hashed here: a plain hash of a short line would give the line away to whoever tries all
//! of them.

use std::{collections::BTreeMap, path::Path};

use serde_json::{Map, Value, json};

use super::{
    chain::{Entry, Head, Journal, MacKey, Walk},
    disk::Disk,
    error::QuarantineError,
    layout::{Layout, SegmentId, rfc3339, unix},
};

/// A finished segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SegmentEntry {
    /// What it is called.
    pub id: SegmentId,
    /// How many lines are in it.
    pub lines: u64,
    /// The earliest and the latest time of its lines, where one of them has a time that could be read.
    pub period: Option<(i64, i64)>,
    /// How many bytes its sealed lines take.
    pub bytes: u64,
    /// The SHA-256 of its sealed files, as digits.
    pub hashes: Hashes,
    /// For which reasons how many of its lines were sealed.
    pub why: BTreeMap<String, u64>,
}

/// The SHA-256 of the sealed files of a segment, as digits.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hashes {
    /// Of its lines.
    pub body: String,
    /// Of its wrapped key.
    pub key: String,
    /// Of its index.
    pub index: String,
}

/// A segment that a crash cut short.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TornEntry {
    /// What it is called.
    pub id: SegmentId,
    /// How many bytes there are.
    pub bytes: u64,
    /// The SHA-256 of what there is; empty for what there is not.
    pub hashes: Hashes,
}

/// What a line of the manifest says. What is not known here is kept as it is.
#[derive(Clone, Debug, PartialEq)]
pub enum Said {
    /// The quarantine was begun.
    Init {
        /// Its name, 16 digits.
        id: String,
        /// The SHA-256 of who may open.
        recipients: String,
    },
    /// A segment is finished.
    Segment(SegmentEntry),
    /// A segment was cut short.
    Torn(TornEntry),
    /// Lines could not be sealed because the disk was full.
    Gap {
        /// How many.
        lines: u64,
    },
    /// Something else: expired, erased, hold, release, recipients.
    Other,
}

impl Said {
    /// What a line says, if it says it in the words of its kind.
    #[must_use]
    pub fn of(entry: &Entry) -> Option<Self> {
        let Entry { kind, members, .. } = entry;
        match kind.as_str() {
            "init" => Some(Self::Init {
                id: entry.text("quarantine")?.to_owned(),
                recipients: entry.text("recipients")?.to_owned(),
            }),
            "segment" => SegmentEntry::of(entry).map(Self::Segment),
            "torn" => Some(Self::Torn(TornEntry {
                id: entry.text("segment")?.parse().ok()?,
                bytes: entry.number("bytes")?,
                hashes: Hashes::of(members)?,
            })),
            "gap" => Some(Self::Gap { lines: entry.number("lines")? }),
            _ => Some(Self::Other),
        }
    }
}

impl Hashes {
    fn of(members: &Map<String, Value>) -> Option<Self> {
        let found = members.get("sha256")?;
        let text =
            |name: &str| found.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        Some(Self { body: text("body"), key: text("key"), index: text("index") })
    }

    fn to_json(&self) -> Value {
        let all = [("body", &self.body), ("key", &self.key), ("index", &self.index)];
        let there = all.into_iter().filter(|(_, hash)| !hash.is_empty());
        Value::Object(there.map(|(name, hash)| (name.to_owned(), json!(hash))).collect())
    }
}

impl SegmentEntry {
    /// What a line of the kind `segment` says.
    fn of(entry: &Entry) -> Option<Self> {
        let time = |name: &str| entry.text(name).and_then(unix);
        let why = entry.members.get("why")?.as_object()?;
        Some(Self {
            id: entry.text("segment")?.parse().ok()?,
            lines: entry.number("lines")?,
            period: time("from").zip(time("to")),
            bytes: entry.number("bytes")?,
            hashes: Hashes::of(&entry.members)?,
            why: why
                .iter()
                .map(|(word, lines)| Some((word.clone(), lines.as_u64()?)))
                .collect::<Option<_>>()?,
        })
    }

    /// The members of the line that says it.
    #[must_use]
    pub fn members(&self) -> Vec<(&'static str, Value)> {
        let time = |unix: Option<i64>| unix.map_or(Value::Null, |unix| json!(rfc3339(unix)));
        vec![
            ("segment", json!(self.id.to_string())),
            ("lines", json!(self.lines)),
            ("from", time(self.period.map(|(from, _)| from))),
            ("to", time(self.period.map(|(_, to)| to))),
            ("bytes", json!(self.bytes)),
            ("sha256", self.hashes.to_json()),
            ("why", json!(self.why)),
        ]
    }
}

impl TornEntry {
    /// The members of the line that says it.
    #[must_use]
    pub fn members(&self) -> Vec<(&'static str, Value)> {
        vec![
            ("segment", json!(self.id.to_string())),
            ("bytes", json!(self.bytes)),
            ("sha256", self.hashes.to_json()),
        ]
    }
}

/// Begins the manifest of a quarantine that has this name and these recipients.
///
/// # Errors
///
/// There is one already, or the disk refuses.
pub fn begin(
    disk: &Disk,
    layout: &Layout,
    seed: MacKey,
    now: i64,
    id: &str,
    recipients: &str,
) -> Result<Head, QuarantineError> {
    let mut journal = Journal::create(disk, &layout.manifest(), &layout.mac_key(), seed, 0o640)?;
    journal.append(now, "init", &[("quarantine", json!(id)), ("recipients", json!(recipients))])
}

/// Opens the manifest for more lines; each that there is goes to `each`.
///
/// # Errors
///
/// It is not as the program leaves it, or the disk refuses.
pub fn open(
    disk: &Disk,
    layout: &Layout,
    each: impl FnMut(Entry),
) -> Result<Journal, QuarantineError> {
    Journal::open(disk, &layout.manifest(), &layout.mac_key(), each)
}

/// Reads the manifest, without its keys and without a change.
///
/// # Errors
///
/// It is no chain, or it cannot be read.
pub fn read(layout: &Layout) -> Result<(Vec<Entry>, Head), QuarantineError> {
    let path = layout.manifest();
    let text = std::fs::read(&path).map_err(QuarantineError::io("cannot read", &path))?;
    let mut walk = Walk::new(None);
    let mut entries = Vec::new();
    for line in whole_lines(&text) {
        let number = walk.head().lines + 1;
        let broken = |fault: super::chain::Break| {
            QuarantineError::strange(Path::new(&path), format!("line {number} {}", fault.words()))
        };
        entries.push(walk.take(line).map_err(broken)?);
    }
    Ok((entries, walk.head()))
}

/// The lines of a journal without their newlines; the beginning of a line at the end is none.
pub fn whole_lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split_inclusive(|byte| *byte == b'\n').filter_map(|line| line.strip_suffix(b"\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_line_says_is_what_was_said() {
        let segment = SegmentEntry {
            id: "2026-11-22/000007".parse().expect("a name"),
            lines: 12,
            period: Some((1_795_356_337, 1_795_356_338)),
            bytes: 900,
            hashes: Hashes { body: "ab".into(), key: "cd".into(), index: "ef".into() },
            why: [("refused".to_owned(), 12)].into(),
        };
        let entry = |kind: &str, members: Vec<(&str, Value)>| Entry {
            seq: 1,
            time: 0,
            kind: kind.to_owned(),
            members: members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
        };
        let said = Said::of(&entry("segment", segment.members()));
        assert_eq!(said, Some(Said::Segment(segment.clone())));
        let timeless = SegmentEntry { period: None, ..segment.clone() };
        let said = Said::of(&entry("segment", timeless.members()));
        assert_eq!(said, Some(Said::Segment(timeless)));
        let torn = TornEntry {
            id: segment.id,
            bytes: 5,
            hashes: Hashes { body: "ab".into(), ..Hashes::default() },
        };
        assert_eq!(Said::of(&entry("torn", torn.members())), Some(Said::Torn(torn)));
        assert_eq!(Said::of(&entry("segment", vec![])), None);
        assert_eq!(Said::of(&entry("hold", vec![])), Some(Said::Other));
    }
}
