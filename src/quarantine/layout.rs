//! Where things lie in a quarantine, and what segments are called.
//!
//! ```text
//! recipients.toml                 who may open
//! segments/2026-11-22/000123.age  sealed lines
//! keys/2026-11-22/000123.key.age  what opens them, wrapped for those who may
//! index/2026-11-22/000123.idx.age what is in them, sealed with the same key
//! MANIFEST.jsonl                  what there is, each line chained to the one before it
//! mac.key                         the key of the manifest's next line
//! seed.age                        the key of its first line, sealed for the auditor
//! audit/UID.jsonl                 what each person opened
//! reserve                         room for the last words when the disk is full
//! lock                            held by whoever writes
//! ```
//!
//! A file that is being written ends in `.part`; what a crash left of one ends in `.torn`.

use std::{
    fmt,
    path::{Path, PathBuf},
    str::FromStr,
};

use crate::transform::time::Timestamp;

/// What a file is called while it is written.
pub const PART: &str = ".part";
/// What is left of it after a crash.
pub const TORN: &str = ".torn";

/// The seconds of a day.
const DAY: i64 = 86_400;

/// The highest number of a segment: six digits are in its name.
const NUMBER_MAX: u32 = 999_999;

/// A day of UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Day(i32);

impl Day {
    /// The day in which a moment lies.
    #[must_use]
    pub fn of(unix: i64) -> Self {
        Self(i32::try_from(unix.div_euclid(DAY)).unwrap_or(0))
    }

    /// When it begins, in Unix seconds.
    #[must_use]
    pub const fn start(self) -> i64 {
        self.0 as i64 * DAY
    }

    /// When it is over.
    #[must_use]
    pub const fn end(self) -> i64 {
        self.start() + DAY
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&rfc3339(self.start())[..10])
    }
}

impl FromStr for Day {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let day = (text.len() == 10).then(|| unix(&format!("{text}T00:00:00Z"))).flatten();
        day.map(Self::of).ok_or(())
    }
}

/// What a segment is called: `2026-11-22/000123`. The number counts on over the whole quarantine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SegmentId {
    number: u32,
    day: Day,
}

impl SegmentId {
    /// The segment of this number, begun on this day; nothing beyond the last number.
    #[must_use]
    pub fn new(day: Day, number: u32) -> Option<Self> {
        (1..=NUMBER_MAX).contains(&number).then_some(Self { number, day })
    }

    /// The day on which it was begun.
    #[must_use]
    pub const fn day(self) -> Day {
        self.day
    }

    /// Its number.
    #[must_use]
    pub const fn number(self) -> u32 {
        self.number
    }
}

impl fmt::Display for SegmentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{:06}", self.day, self.number)
    }
}

impl FromStr for SegmentId {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (day, number) = text.split_once('/').ok_or(())?;
        if number.len() != 6 || !number.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(());
        }
        Self::new(day.parse()?, number.parse().map_err(drop)?).ok_or(())
    }
}

/// The paths of a quarantine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    root: PathBuf,
}

impl Layout {
    /// Those of the quarantine in `root`.
    #[must_use]
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// The quarantine itself.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Who may open.
    #[must_use]
    pub fn recipients(&self) -> PathBuf {
        self.root.join("recipients.toml")
    }

    /// What there is.
    #[must_use]
    pub fn manifest(&self) -> PathBuf {
        self.root.join("MANIFEST.jsonl")
    }

    /// The key of the manifest's next line.
    #[must_use]
    pub fn mac_key(&self) -> PathBuf {
        self.root.join("mac.key")
    }

    /// The key of its first line, sealed.
    #[must_use]
    pub fn seed(&self) -> PathBuf {
        self.root.join("seed.age")
    }

    /// Where it is written who opened what.
    #[must_use]
    pub fn audit(&self) -> PathBuf {
        self.root.join("audit")
    }

    /// Room that is given up when the disk is full.
    #[must_use]
    pub fn reserve(&self) -> PathBuf {
        self.root.join("reserve")
    }

    /// What a writer holds.
    #[must_use]
    pub fn lock(&self) -> PathBuf {
        self.root.join("lock")
    }

    /// Where the files of `tree` lie, a directory for each day.
    #[must_use]
    pub fn tree(&self, tree: Tree) -> PathBuf {
        self.root.join(tree.name())
    }

    /// A file of a segment.
    #[must_use]
    pub fn file(&self, tree: Tree, id: SegmentId) -> PathBuf {
        let name = format!("{:06}{}", id.number, tree.ending());
        self.tree(tree).join(id.day.to_string()).join(name)
    }

    /// The file as it is called while it is written.
    #[must_use]
    pub fn part(&self, tree: Tree, id: SegmentId) -> PathBuf {
        with(self.file(tree, id), PART)
    }

    /// The file as it is called when a crash cut it short.
    #[must_use]
    pub fn torn(&self, tree: Tree, id: SegmentId) -> PathBuf {
        with(self.file(tree, id), TORN)
    }
}

fn with(path: PathBuf, ending: &str) -> PathBuf {
    let mut name = path.into_os_string();
    name.push(ending);
    name.into()
}

/// The three files that a segment has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Tree {
    /// The sealed lines.
    Segments,
    /// What opens them.
    Keys,
    /// What is in them.
    Index,
}

impl Tree {
    /// All of them, in the order in which they are written.
    pub const ALL: [Self; 3] = [Self::Keys, Self::Segments, Self::Index];

    /// The directory that has these files.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Segments => "segments",
            Self::Keys => "keys",
            Self::Index => "index",
        }
    }

    /// How the names of these files end.
    #[must_use]
    pub const fn ending(self) -> &'static str {
        match self {
            Self::Segments => ".age",
            Self::Keys => ".key.age",
            Self::Index => ".idx.age",
        }
    }

    /// The segment whose file is called `name` in the directory of `day`, and what follows the ending:
    /// nothing, [`PART`] or [`TORN`].
    #[must_use]
    pub fn read_name(self, day: Day, name: &str) -> Option<(SegmentId, &'static str)> {
        let state = [PART, TORN].into_iter().find(|ending| name.ends_with(ending)).unwrap_or("");
        let number = name.strip_suffix(state)?.strip_suffix(self.ending())?;
        let id: SegmentId = format!("{day}/{number}").parse().ok()?;
        Some((id, state))
    }
}

/// A moment as `2026-11-22T14:05:00Z`; moments outside the years 1990 to 2100 become the nearest one inside.
#[must_use]
pub fn rfc3339(unix: i64) -> String {
    let (first, last) = (631_152_000, 4_133_980_799);
    let time = Timestamp::from_unix(unix.clamp(first, last)).expect("clamped to what there is");
    let mut text = Vec::with_capacity(20);
    time.write_rfc3339(&mut text);
    text.iter().copied().map(char::from).collect()
}

/// The Unix seconds of exactly what [`rfc3339`] writes.
#[must_use]
pub fn unix(text: &str) -> Option<i64> {
    let found = crate::transform::time::parse_any(text.as_bytes()).ok()?.seconds();
    (rfc3339(found) == text).then_some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_segments_are_read_as_they_are_written() {
        let id = SegmentId::new(Day::of(1_795_356_337), 123).expect("a number");
        assert_eq!(id.to_string(), "2026-11-22/000123");
        assert_eq!("2026-11-22/000123".parse(), Ok(id));
        for strange in [
            "2026-11-22/123",
            "2026-11-22/0000123",
            "2026-11-22/000000",
            "2026-11-22/+00123",
            "2026-11-31/000123",
            "2026-11-22000123",
            "../../etc/000123",
            "",
        ] {
            assert_eq!(strange.parse::<SegmentId>(), Err(()), "{strange}");
        }
        assert!(SegmentId::new(id.day(), 1_000_000).is_none());
    }

    #[test]
    fn files_are_called_by_tree_and_state() {
        let layout = Layout::new("/q");
        let id: SegmentId = "2026-11-22/000123".parse().expect("a name");
        let name = |path: PathBuf| path.display().to_string();
        assert_eq!(name(layout.file(Tree::Segments, id)), "/q/segments/2026-11-22/000123.age");
        assert_eq!(name(layout.file(Tree::Keys, id)), "/q/keys/2026-11-22/000123.key.age");
        assert_eq!(name(layout.part(Tree::Index, id)), "/q/index/2026-11-22/000123.idx.age.part");
        for (file, expect) in
            [("000123.age", Some("")), ("000123.age.torn", Some(TORN)), ("000123.key.age", None)]
        {
            let found = Tree::Segments.read_name(id.day(), file);
            assert_eq!(found, expect.map(|state| (id, state)), "{file}");
        }
        assert_eq!(Tree::Keys.read_name(id.day(), "000123.key.age"), Some((id, "")));
    }

    #[test]
    fn days_begin_and_end_at_midnight() {
        let day: Day = "2026-11-22".parse().expect("a day");
        assert_eq!(
            (rfc3339(day.start()).as_str(), day.end() - day.start()),
            ("2026-11-22T00:00:00Z", DAY)
        );
        assert_eq!(Day::of(day.end() - 1), day);
        assert_ne!(Day::of(day.end()), day);
    }

    #[test]
    fn moments_are_read_as_they_are_written_and_in_no_other_way() {
        assert_eq!(unix(&rfc3339(1_795_356_337)), Some(1_795_356_337));
        for other in ["2026-11-22T14:05:37+00:00", "2026-11-22 14:05:37Z", "2026-11-22", ""] {
            assert_eq!(unix(other), None, "{other}");
        }
        assert_eq!(rfc3339(-1), "1990-01-01T00:00:00Z");
    }
}
