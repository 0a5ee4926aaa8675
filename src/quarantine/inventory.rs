//! What a quarantine has, read out of its manifest: segments, holds, gaps.
//!
//! Nothing here opens what is sealed. The kinds of lines that openers and the clock add are told here: `erased`,
//! `expired`, `hold` and `release`; `segment`, `torn` and `gap` are the writer's.

use std::{collections::BTreeMap, fs, path::PathBuf};

use serde_json::{Value, json};

use super::{
    QuarantineError,
    chain::{Entry, Head, hex},
    layout::{Layout, SegmentId, Tree, rfc3339, unix},
    manifest::{self, Hashes, Said, SegmentEntry},
};

/// A segment, and what became of it.
#[derive(Clone, Debug)]
pub struct Held {
    /// What the manifest said of it when it was finished. Of a torn one that is little.
    pub entry: SegmentEntry,
    /// When the manifest said that: no line of it is younger.
    pub told: i64,
    /// Whether a crash cut it short.
    pub is_torn: bool,
    /// Whether it is still there.
    pub state: State,
}

/// Whether a segment is still there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It is.
    Live,
    /// It was destroyed because its time was over.
    Expired,
    /// It was written anew without some lines, into this one if any were left.
    Erased(Option<SegmentId>),
}

/// What keeps segments from being destroyed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hold {
    /// What it is called.
    pub id: String,
    /// The case that it is for.
    pub case: Option<String>,
    /// Up to when it holds.
    pub until: Option<i64>,
    /// The period whose segments it keeps, without an end where it has none.
    pub period: (Option<i64>, Option<i64>),
    /// The segments that it keeps; none for all of the period.
    pub segments: Vec<SegmentId>,
    /// Whether somebody let go of it.
    pub is_released: bool,
}

impl Hold {
    fn of(entry: &Entry) -> Option<Self> {
        let time = |name: &str| entry.text(name).and_then(unix);
        let segments = match entry.members.get("segments") {
            Some(Value::Array(all)) => {
                all.iter().map(|id| id.as_str()?.parse().ok()).collect::<Option<_>>()?
            }
            _ => Vec::new(),
        };
        Some(Self {
            id: entry.text("hold")?.to_owned(),
            case: entry.text("case").map(str::to_owned),
            until: time("until"),
            period: (time("from"), time("to")),
            segments,
            is_released: false,
        })
    }

    /// The members of the line that says it.
    #[must_use]
    pub fn members(&self) -> Vec<(&'static str, Value)> {
        let time = |unix: Option<i64>| unix.map_or(Value::Null, |unix| json!(rfc3339(unix)));
        let segments: Vec<_> = self.segments.iter().map(ToString::to_string).collect();
        vec![
            ("hold", json!(self.id)),
            ("case", json!(self.case)),
            ("until", time(self.until)),
            ("from", time(self.period.0)),
            ("to", time(self.period.1)),
            ("segments", json!(segments)),
        ]
    }

    /// Whether it still holds.
    #[must_use]
    pub fn is_active(&self, now: i64) -> bool {
        !self.is_released && self.until.is_none_or(|until| now < until)
    }

    /// Whether it keeps a segment.
    #[must_use]
    pub fn keeps(&self, segment: &SegmentEntry) -> bool {
        if !self.segments.is_empty() {
            return self.segments.contains(&segment.id);
        }
        // Lines without a time that can be read are of the day of their segment.
        let (first, last) = span(segment);
        self.period.0.is_none_or(|from| from <= last) && self.period.1.is_none_or(|to| first < to)
    }
}

/// The first and the last moment that lines of a segment may be of.
#[must_use]
pub fn span(segment: &SegmentEntry) -> (i64, i64) {
    segment.period.unwrap_or((segment.id.day().start(), segment.id.day().end() - 1))
}

/// What a quarantine has.
#[derive(Clone, Debug, Default)]
pub struct Inventory {
    /// Its name.
    pub id: String,
    /// The SHA-256 of the recipients that it has, as the manifest says.
    pub recipients: String,
    /// When it was begun.
    pub begun: i64,
    /// Every segment that there ever was.
    pub segments: BTreeMap<SegmentId, Held>,
    /// Every hold.
    pub holds: Vec<Hold>,
    /// How many lines were shed because there was no room.
    pub shed: u64,
    /// Where the manifest ends.
    pub head: Head,
    /// The time of its last line.
    pub time: i64,
}

impl Inventory {
    /// What the manifest says.
    ///
    /// # Errors
    ///
    /// There is no quarantine, or its manifest is not whole.
    pub fn load(layout: &Layout) -> Result<Self, QuarantineError> {
        if !layout.manifest().exists() {
            return Err(QuarantineError::Missing(layout.root().to_owned()));
        }
        let (entries, head) = manifest::read(layout)?;
        let mut inventory = Self { head, ..Self::default() };
        for entry in &entries {
            if inventory.take(entry).is_none() {
                let why = format!("line {} does not say what its kind says", entry.seq + 1);
                return Err(QuarantineError::strange(layout.manifest(), why));
            }
        }
        Ok(inventory)
    }

    /// Takes up what a line says; nothing if it is not in the words of its kind.
    pub fn take(&mut self, entry: &Entry) -> Option<()> {
        self.time = entry.time;
        match Said::of(entry)? {
            Said::Init { id, recipients } => {
                (self.id, self.recipients, self.begun) = (id, recipients, entry.time);
            }
            Said::Segment(segment) => self.add(segment, false),
            Said::Torn(torn) => {
                let hashes = torn.hashes;
                let (lines, period, why) = (0, None, BTreeMap::new());
                let segment =
                    SegmentEntry { id: torn.id, lines, period, bytes: torn.bytes, hashes, why };
                self.add(segment, true);
            }
            Said::Gap { lines } => self.shed += lines,
            _ => return self.take_other(entry),
        }
        Some(())
    }

    fn take_other(&mut self, entry: &Entry) -> Option<()> {
        match entry.kind.as_str() {
            "erased" => {
                let old = entry.text("old")?.parse().ok()?;
                let new = match entry.members.get("new")? {
                    Value::Null => None,
                    _ => {
                        let segment = erased_entry(entry)?;
                        let id = segment.id;
                        self.add(segment, false);
                        Some(id)
                    }
                };
                self.segments.get_mut(&old)?.state = State::Erased(new);
            }
            "expired" => {
                let id = entry.text("segment")?.parse().ok()?;
                self.segments.get_mut(&id)?.state = State::Expired;
            }
            "hold" => self.holds.push(Hold::of(entry)?),
            "release" => {
                let id = entry.text("hold")?;
                let hold = self.holds.iter_mut().find(|hold| hold.id == id)?;
                hold.is_released = true;
            }
            "recipients" => entry.text("recipients")?.clone_into(&mut self.recipients),
            _ => {}
        }
        Some(())
    }

    fn add(&mut self, entry: SegmentEntry, is_torn: bool) {
        let told = self.time;
        self.segments.insert(entry.id, Held { entry, told, is_torn, state: State::Live });
    }

    /// The segments that are still there.
    pub fn live(&self) -> impl Iterator<Item = &Held> {
        self.segments.values().filter(|held| held.state == State::Live)
    }

    /// The hold that keeps a segment, if one does.
    #[must_use]
    pub fn hold_of(&self, segment: &SegmentEntry, now: i64) -> Option<&Hold> {
        self.holds.iter().find(|hold| hold.is_active(now) && hold.keeps(segment))
    }

    /// The number that the next segment has, whatever of it is in files already.
    #[must_use]
    pub fn next_number(&self, layout: &Layout) -> u32 {
        let listed = self.segments.keys().map(|id| id.number());
        let there = files(layout).into_iter().map(|(_, id, _)| id.number());
        listed.chain(there).max().map_or(1, |last| last + 1)
    }
}

/// What is in `erased` of the new segment.
fn erased_entry(entry: &Entry) -> Option<SegmentEntry> {
    let mut members = entry.members.clone();
    members.insert("segment".to_owned(), entry.members.get("new")?.clone());
    let entry = Entry { kind: "segment".to_owned(), members, ..entry.clone() };
    match Said::of(&entry)? {
        Said::Segment(segment) => Some(segment),
        _ => None,
    }
}

/// The files of segments that there are, whatever the manifest says, with what follows their names.
#[must_use]
pub fn files(layout: &Layout) -> Vec<(Tree, SegmentId, &'static str)> {
    let mut found = Vec::new();
    for tree in Tree::ALL {
        for day in names(layout.tree(tree)) {
            let Ok(parsed) = day.parse() else { continue };
            for name in names(layout.tree(tree).join(&day)) {
                if let Some((id, state)) = tree.read_name(parsed, &name) {
                    found.push((tree, id, state));
                }
            }
        }
    }
    found
}

/// The names in a directory, in order; none where there is none.
pub(super) fn names(path: PathBuf) -> Vec<String> {
    let Ok(entries) = fs::read_dir(path) else { return Vec::new() };
    let entries = entries.filter_map(Result::ok);
    let mut names: Vec<_> =
        entries.map(|it| it.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

/// The SHA-256 of a file, as digits.
///
/// # Errors
///
/// The file's.
pub fn hash_file(path: &std::path::Path) -> std::io::Result<String> {
    use sha2::{Digest as _, Sha256};
    let mut digest = Sha256::new();
    std::io::copy(&mut fs::File::open(path)?, &mut digest)?;
    Ok(hex(&digest.finalize()))
}

/// The hashes that the manifest has of a tree's file.
#[must_use]
pub fn hash_of(hashes: &Hashes, tree: Tree) -> &str {
    match tree {
        Tree::Segments => &hashes.body,
        Tree::Keys => &hashes.key,
        Tree::Index => &hashes.index,
    }
}
