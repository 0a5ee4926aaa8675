//! A file that was not seen before: a new log, a copy of one that is known, or one that goes on in another's place.
//!
//! Its content tells, but for logs that are alike. So what rotation does is looked at first:
//!
//! * what is written under the very name of a log whose old file was moved away is new;
//! * what lies beside a log that is still in its place is a copy of it, if it begins as it does;
//! * what has the name of a later rotation than a log that is known has come after it;
//! * nothing is a copy of what was made after it.
//!
//! What is left is compared: a copy has all that was read of its original.

use std::{
    collections::BTreeMap,
    fs::{self, Metadata},
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use super::{
    find::{LOOKS, READS, inode},
    follow::{Follower, From, How},
    likeness::{HEAD_BYTES_MIN, born, is_same_file},
    names::{by_age, home, is_made_of, neighbours, slot},
    opened::{Names, Opened},
    outlet::Moves,
    state::{End, Place, Standing},
};

/// How long a file must not have grown until it is no copy that is still being made.
const SETTLED: Duration = Duration::from_secs(2);

/// What a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    /// A log of its own.
    New,
    /// Of which nothing is to be read.
    Copy,
    /// It has all of a log that is known by its number, and is read on from there.
    GoesOn(u64),
    /// It is the log of this number, which was given up and came back.
    Again(u64),
    /// That cannot be told yet.
    Wait,
}

/// Where a file that is known is now.
enum Where {
    /// Under its own name.
    Home,
    /// Moved away.
    At(PathBuf),
    Nowhere,
}

/// A file that is looked at.
struct Met<'a> {
    opened: &'a Opened,
    home: PathBuf,
    around: Vec<(PathBuf, Metadata)>,
}

impl Follower {
    /// Looks at a file that was not seen before.
    pub(super) fn meet(
        &mut self,
        watched: usize,
        path: &Path,
        metadata: &Metadata,
        names: &Names,
        moves: &mut Moves,
    ) {
        if self.hurries {
            // Numbers are in the order of age: what comes later waits for what came before.
            return;
        }
        let own_names = Names::around(path);
        let Ok(opened) = Opened::at(path) else { return };
        if inode(&opened.metadata) != inode(metadata) {
            self.hurries = true;
            return;
        }
        self.eye.take_failure();
        let verdict = match opened.is_plain() {
            Ok(true) => self.judge(watched, &opened),
            Ok(false) => Verdict::Copy,
            Err(_) => return,
        };
        match self.eye.take_failure() {
            // It is looked at again. A disk that is broken for good does not keep a new log waiting.
            Some(error) if self.unread < READS => {
                self.unread += 1;
                return self.say_unread(path, &error);
            }
            _ => self.unread = 0,
        }
        // What lies where tells what a file is. A folder that never rests does not keep a new log waiting.
        let is_settled = opened.has_its_name() && own_names.rest() && names.rest();
        if self.unsettled < LOOKS && !is_settled {
            self.unsettled += 1;
            self.hurries = true;
            return;
        }
        self.unsettled = 0;
        let before = match verdict {
            Verdict::Wait => return,
            Verdict::Copy => {
                self.ignored.insert(inode(metadata), stamp(metadata));
                return;
            }
            Verdict::New => None,
            Verdict::GoesOn(id) | Verdict::Again(id) => self.leave(id, moves),
        };
        self.waiting.remove(&inode(metadata));
        let place = before.as_ref().map_or_else(Place::default, |before| before.place);
        let standing = self.standing(watched, &opened, place);
        // The same file has the same number, for numbers are in the order of age.
        let again = before.as_ref().filter(|_| matches!(verdict, Verdict::Again(_)));
        let id = again.map_or(standing.id, |again| again.id);
        let standing = Standing { id, sealed: before.and_then(|it| it.sealed), ..standing };
        self.begin(watched, standing.clone(), opened, How::Growing);
        moves.begun.push(standing);
    }

    /// Ends what another file goes on with, and says how far it was read.
    fn leave(&mut self, id: u64, moves: &mut Moves) -> Option<Standing> {
        if let Some(index) = self.files.iter().position(|file| file.standing.id.0 == id) {
            let standing = self.files.remove(index).standing();
            moves.ended.push(End { id: standing.id, is_emptied: true });
            return Some(standing);
        }
        let index = self.ended.iter().position(|standing| standing.id.0 == id);
        index.map(|index| self.ended.remove(index))
    }

    fn judge(&mut self, watched: usize, opened: &Opened) -> Verdict {
        let Opened { path, metadata, .. } = opened;
        let again = self.ended.iter().rev().find(|known| {
            is_same_file(known, metadata)
                && metadata.len() >= known.place.offset
                && self.eye.holds(opened, known)
        });
        if let Some(known) = again {
            return Verdict::Again(known.id.0);
        }
        let pattern = &self.watched[watched].pattern;
        let home_of = |path: &Path| home(pattern, path);
        let known = self.files.iter().map(|file| &file.standing).chain(&self.ended);
        // What has the name of a copy lies beside a log, whatever that is called now.
        let original = known.map(|known| home_of(&known.path)).find(|home| is_made_of(path, home));
        let home = original.unwrap_or_else(|| home_of(path));
        let around = neighbours(path).into_iter();
        let around = around.filter_map(|path| path.metadata().ok().map(|it| (path, it))).collect();
        let met = Met { opened, home, around };
        let verdict =
            if *path == met.home { self.judge_at_home(&met) } else { self.judge_beside(&met) };
        match verdict {
            Verdict::Wait if metadata.len() > 0 && self.has_settled(metadata) => Verdict::New,
            verdict => verdict,
        }
    }

    /// Whether a file has not grown for a while.
    fn has_settled(&mut self, metadata: &Metadata) -> bool {
        let now = (metadata.len(), Instant::now());
        let seen = self.waiting.entry(inode(metadata)).or_insert(now);
        if seen.0 != now.0 {
            *seen = now;
        }
        seen.1.elapsed() >= SETTLED
    }

    /// A file under the name that logs are written to. It goes on with the log before it only where that is gone.
    fn judge_at_home(&self, met: &Met<'_>) -> Verdict {
        let is_earlier = |known: &&Standing| home(&met.home, &known.path) == met.home;
        let live = self.files.iter().map(|file| &file.standing).filter(is_earlier);
        let Some(known) = live.max_by_key(|known| known.id) else { return Verdict::New };
        let mut ended = self.ended.iter().filter(is_earlier);
        if ended.any(|ended| ended.id > known.id) || !self.eye.holds(met.opened, known) {
            return Verdict::New;
        }
        let is_there = matches!(self.place_of(known, met), Where::At(_) | Where::Home)
            || met.around.iter().any(|(path, found)| {
                !self.is_known(path, found)
                    && slot(path, &met.home).is_some()
                    && self.eye.open(path).is_some_and(|other| self.eye.holds(&other, known))
            });
        if is_there { Verdict::New } else { Verdict::GoesOn(known.id.0) }
    }

    /// A file that lies beside a log, as its copies and the earlier ones do.
    fn judge_beside(&self, met: &Met<'_>) -> Verdict {
        let size = met.opened.metadata.len();
        if size == 0 {
            return Verdict::Wait;
        }
        let after = self.rotated_before(met);
        let (mut waits, mut goes_on) = (false, None::<&Standing>);
        let live = self.files.iter().map(|file| (&file.standing, Some(&file.from)));
        for (known, from) in live.chain(self.ended.iter().map(|known| (known, None))) {
            if !self.may_be_of(met, known, from) {
                continue;
            }
            let at = self.place_of(known, met);
            if known.id.0 <= after && !matches!(at, Where::Home) {
                continue;
            }
            let offset = known.tail.as_ref().map_or(known.place.offset, |tail| tail.end);
            let has_all = self.eye.holds(met.opened, known);
            let is_apart =
                |at: &Path| match (slot(&met.opened.path, &met.home), slot(at, &met.home)) {
                    (Some(one), Some(other)) => one != other,
                    _ => false,
                };
            match at {
                Where::Home => return Verdict::Copy,
                Where::At(at) if is_apart(&at) => {}
                Where::At(_) if has_all => return Verdict::Copy,
                Where::Nowhere if has_all && from.is_some() => return Verdict::Copy,
                Where::Nowhere if has_all && size == offset => return Verdict::Copy,
                Where::Nowhere if has_all => {
                    let before = goes_on.map_or(0, |known| known.place.offset);
                    goes_on = goes_on.filter(|_| before >= known.place.offset).or(Some(known));
                }
                _ => waits |= size < offset,
            }
        }
        match goes_on {
            Some(known) => Verdict::GoesOn(known.id.0),
            None if waits => Verdict::Wait,
            None => Verdict::New,
        }
    }

    /// The number of the latest log that was rotated away before the file was.
    fn rotated_before(&self, met: &Met<'_>) -> u64 {
        let Some(own) = slot(&met.opened.path, &met.home) else { return 0 };
        let mut older = BTreeMap::<_, Vec<_>>::new();
        for (path, metadata) in &met.around {
            if slot(path, &met.home).is_some_and(|other| by_age(&other, &own).is_lt()) {
                older.entry(metadata.ino()).or_default().push(metadata);
            }
        }
        let live = self.files.iter().map(|file| &file.standing);
        let known = live.chain(&self.ended).filter(|known| {
            let same = older.get(&known.ino);
            same.is_some_and(|same| same.iter().any(|metadata| is_same_file(known, metadata)))
        });
        known.map(|known| known.id.0).max().unwrap_or_default()
    }

    /// Whether a file may be a copy of one that is known: by its name, by when it was made, and by its beginning.
    fn may_be_of(&self, met: &Met<'_>, known: &Standing, from: Option<&From>) -> bool {
        let Opened { path, file, metadata } = met.opened;
        let is_kin = home(&met.home, &known.path) == met.home || is_made_of(path, &known.path);
        let is_older = match (born(metadata), known.born) {
            (Some(own), Some(other)) => own < other,
            _ => false,
        };
        if !is_kin || is_older || known.head_bytes < HEAD_BYTES_MIN {
            return false;
        }
        let bytes = known.head_bytes.min(metadata.len());
        let head = match from {
            Some(From::Growing(original)) if bytes < known.head_bytes => {
                self.eye.head(original, bytes)
            }
            _ => Some(known.head.clone()),
        };
        head.is_some() && self.eye.head(file, bytes) == head
    }

    /// Where a file that is known is.
    fn place_of(&self, known: &Standing, met: &Met<'_>) -> Where {
        let is_it =
            |path: &Path| fs::metadata(path).is_ok_and(|metadata| is_same_file(known, &metadata));
        if is_it(&met.home) {
            return Where::Home;
        }
        let moved = met.around.iter().find(|(_, metadata)| is_same_file(known, metadata));
        match moved {
            Some((path, _)) => Where::At(path.clone()),
            None if is_it(&known.path) => Where::At(known.path.clone()),
            None => Where::Nowhere,
        }
    }
}

/// What tells a file from a later one of the same inode.
pub(super) fn stamp(metadata: &Metadata) -> u64 {
    use std::os::unix::fs::MetadataExt as _;
    born(metadata).unwrap_or_else(|| metadata.ctime().cast_unsigned())
}
