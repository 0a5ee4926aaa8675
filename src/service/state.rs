//! How far the service is: one small file, replaced as a whole, and never half of it.
//!
//! What belongs together is written together: up to where each file was read, how long the output was then, and which
//! step of the counts went with it. Where counts are kept, their store is a second place with a transaction of its
//! own, and the file has two points: the one that is reached, and the one that is being tried. Which of them holds is
//! decided by the number of the last step in the store, so that there is one moment at which all of it becomes true.
//!
//! Nothing in it is content: names of files as the operator gave them, numbers, and keyed names of beginnings.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use super::{
    error::ServiceError,
    journal::{Beginnings, Cursors},
    trust::Trust,
};
use crate::sink::write_durably;

/// The number of the form.
const VERSION: u32 = 1;
/// How many files are remembered that were read to their end, so that a copy of one is not read again, and how many
/// that were truncated or written anew, whose copies are found soon. All of them are written with every commit.
const ENDED_MAX: usize = 500;
const EMPTIED_MAX: usize = 100;

/// A followed file, by a number that no other one had.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct FileId(pub(super) u64);

/// Up to where a file was read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Place {
    /// In bytes, at a line's beginning.
    pub(super) offset: u64,
    /// Or within a line that is too long and was counted.
    #[serde(default)]
    pub(super) skipping: bool,
}

/// The keyed name of the bytes before a place: as many as a head has, or all where there are fewer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Tail {
    /// Up to where.
    pub(super) end: u64,
    pub(super) name: String,
}

/// What tells a file from others, and how far it was read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Standing {
    pub(super) id: FileId,
    /// Of which source it is.
    pub(super) source: String,
    pub(super) path: PathBuf,
    pub(super) dev: u64,
    pub(super) ino: u64,
    /// When it was made, in nanoseconds since 1970, where the file system knows that.
    #[serde(default)]
    pub(super) born: Option<u64>,
    /// The same of the file that it was found as first, before it was a copy.
    #[serde(default)]
    pub(super) first_born: Option<u64>,
    /// The keyed name of its first so many bytes.
    pub(super) head_bytes: u64,
    pub(super) head: String,
    pub(super) place: Place,
    /// What stood before the place, for files may begin alike.
    #[serde(default)]
    pub(super) tail: Option<Tail>,
    /// Up to where its lines are sealed durably, where some are sealed.
    #[serde(default)]
    pub(super) sealed: Option<Place>,
}

impl Standing {
    /// What was read of a file whose place another content has now: it is under no inode any more.
    pub(super) fn emptied(self) -> Self {
        Self { dev: 0, ino: 0, ..self }
    }

    /// From where on lines are to be read: those that are clean and not sealed durably are read once more.
    pub(super) fn start(&self) -> Place {
        self.sealed.filter(|sealed| sealed.offset < self.place.offset).unwrap_or(self.place)
    }

    const fn is_emptied(&self) -> bool {
        self.ino == 0
    }
}

/// A file that ends.
#[derive(Clone, Copy, Debug)]
pub(super) struct End {
    pub(super) id: FileId,
    /// Whether it was truncated or written anew.
    pub(super) is_emptied: bool,
}

/// What is true together.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Point {
    /// The step of the counts that goes with it, and in which store that is.
    pub(super) sequence: u64,
    #[serde(default)]
    pub(super) store: Option<PathBuf>,
    pub(super) files: BTreeMap<u64, Standing>,
    /// The last entries of the journal, by what a source chooses of it, and up to where they are sealed durably.
    #[serde(default)]
    pub(super) entries: Cursors,
    #[serde(default)]
    pub(super) sealed_entries: Beginnings,
    /// Files that were read to their end, the latest last.
    pub(super) ended: Vec<Standing>,
    /// When the latest file of a source was made of those that were read to their end and are forgotten.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) forgotten: BTreeMap<String, u64>,
    pub(super) output: Option<OutputPoint>,
    pub(super) lines: Lines,
}

/// The output, and how much of it is whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct OutputPoint {
    pub(super) dev: u64,
    pub(super) ino: u64,
    pub(super) bytes: u64,
    /// When it was begun, in Unix seconds.
    pub(super) begun: i64,
}

/// How many lines came over all runs, and what became of them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Lines(pub(super) BTreeMap<String, u64>);

impl Point {
    /// Notes a file that was read to its end.
    pub(super) fn end(&mut self, ended: End) {
        if let Some(standing) = self.files.remove(&ended.id.0) {
            let standing = if ended.is_emptied { standing.emptied() } else { standing };
            self.ended.push(standing);
            self.forget(true, EMPTIED_MAX);
            self.forget(false, ENDED_MAX);
        }
    }

    /// Forgets the first that ended, of one kind, beyond so many.
    fn forget(&mut self, is_emptied: bool, max: usize) {
        let count = self.ended.iter().filter(|ended| ended.is_emptied() == is_emptied).count();
        if count <= max {
            return;
        }
        if let Some(first) = self.ended.iter().position(|ended| ended.is_emptied() == is_emptied) {
            let Standing { source, born, .. } = self.ended.remove(first);
            if let Some(born) = born.filter(|_| !is_emptied) {
                let latest = self.forgotten.entry(source).or_default();
                *latest = born.max(*latest);
            }
        }
    }
}

/// The file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct State {
    version: u32,
    /// The name under which the store knows this service.
    pub(super) run: String,
    /// The number of the next file.
    pub(super) next_id: u64,
    /// The hash of the policy that is in use, and its text.
    pub(super) policy_hash: String,
    pub(super) policy: String,
    /// What was thought of the clock.
    #[serde(default)]
    pub(super) trust: Option<Trust>,
    committed: Point,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    trying: Option<Point>,
}

impl State {
    /// The state of a service that begins.
    pub(super) fn new(run: String) -> Self {
        Self {
            version: VERSION,
            run,
            next_id: 1,
            policy_hash: String::new(),
            policy: String::new(),
            trust: None,
            committed: Point::default(),
            trying: None,
        }
    }

    /// What an earlier run left; nothing where there was none.
    pub(super) fn load(path: &Path) -> Result<Option<Self>, ServiceError> {
        let text = match fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(ServiceError::io("read the state in", path)(error)),
        };
        let state: Self =
            serde_json::from_str(&text).map_err(|_| ServiceError::State(path.to_owned()))?;
        if state.version == VERSION {
            Ok(Some(state))
        } else {
            Err(ServiceError::State(path.to_owned()))
        }
    }

    /// In which store it is to be looked whether what was being tried became true.
    pub(super) fn store_of_trying(&self) -> Option<&Path> {
        self.trying.as_ref().and_then(|trying| trying.store.as_deref())
    }

    /// The point that holds, given the number of the last step in the store, if counts are kept.
    pub(super) fn settle(&mut self, recorded: Option<u64>) -> &Point {
        if let Some(trying) = self.trying.take()
            && recorded.is_none_or(|recorded| recorded >= trying.sequence)
        {
            self.committed = trying;
        }
        &self.committed
    }

    /// Makes `point` the one that holds.
    pub(super) fn commit(&mut self, path: &Path, point: &Point) -> io::Result<()> {
        let before = self.trying.take();
        let committed = std::mem::replace(&mut self.committed, point.clone());
        self.write(path).inspect_err(|_| {
            self.trying = before;
            self.committed = committed;
        })
    }

    /// Says what is about to become true.
    pub(super) fn try_point(&mut self, path: &Path, point: &Point) -> io::Result<()> {
        self.trying = Some(point.clone());
        self.write(path).inspect_err(|_| self.trying = None)
    }

    /// What was tried has become true.
    pub(super) fn tried(&mut self) {
        if let Some(trying) = self.trying.take() {
            self.committed = trying;
        }
    }

    fn write(&self, path: &Path) -> io::Result<()> {
        let text = serde_json::to_vec(self).map_err(io::Error::other)?;
        write_durably(path, &text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(sequence: u64, bytes: u64) -> Point {
        let output = Some(OutputPoint { dev: 1, ino: 2, bytes, begun: 0 });
        Point { sequence, output, ..Point::default() }
    }

    #[test]
    fn the_store_decides_which_point_holds() {
        let mut state = State::new("run".to_owned());
        state.committed = point(7, 70);
        state.trying = Some(point(8, 80));
        for (recorded, expect) in
            [(Some(7), 70), (Some(8), 80), (Some(9), 80), (None, 80), (Some(0), 70)]
        {
            let bytes = state.clone().settle(recorded).output.map(|output| output.bytes);
            assert_eq!(bytes, Some(expect), "{recorded:?}");
        }
    }

    #[test]
    fn of_what_is_forgotten_it_is_known_when_it_was_made() {
        let mut point = Point::default();
        let standing = |id: u64| Standing {
            id: FileId(id),
            source: "access.log".to_owned(),
            path: PathBuf::from("access.log.1"),
            dev: 1,
            ino: id,
            born: Some(1_000 + id),
            first_born: None,
            head_bytes: 0,
            head: String::new(),
            place: Place::default(),
            tail: None,
            sealed: None,
        };
        // Each second one is a log that was truncated, the one after it the copy.
        let last = 2 * ENDED_MAX as u64 + 10;
        for id in 1..=last {
            point.files.insert(id, standing(id));
            point.end(End { id: FileId(id), is_emptied: id % 2 == 1 });
        }
        let (emptied, ended): (Vec<_>, Vec<_>) =
            point.ended.iter().partition(|ended| ended.is_emptied());
        assert_eq!((emptied.len(), ended.len()), (EMPTIED_MAX, ENDED_MAX));
        assert_eq!(ended.first().map(|first| first.id), Some(FileId(12)));
        assert_eq!(point.forgotten["access.log"], 1_010);
    }

    #[test]
    fn what_is_written_is_read_and_what_is_damaged_is_refused() {
        let folder = std::env::temp_dir().join(format!("tamis-state-{}", std::process::id()));
        fs::create_dir_all(&folder).expect("writable");
        let path = folder.join("state.json");
        assert_eq!(State::load(&path).expect("nothing there"), None);
        let mut state = State::new("run".to_owned());
        state.commit(&path, &point(0, 5)).expect("written");
        state.try_point(&path, &point(1, 6)).expect("written");
        assert_eq!(State::load(&path).expect("readable"), Some(state));
        fs::write(&path, "{").expect("writable");
        assert!(matches!(State::load(&path), Err(ServiceError::State(_))));
        fs::remove_dir_all(folder).expect("removable");
    }
}
