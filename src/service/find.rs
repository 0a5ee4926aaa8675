//! The files of an earlier run, found again: under their inodes, whatever they are called now, else by their content.
//!
//! Several may be alike. Then each is taken once, and the latest log has the latest name: rotation keeps the order.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::{File, Metadata},
    io::{Seek as _, SeekFrom},
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    sync::atomic::Ordering,
    thread,
    time::Duration,
};

use super::{
    board::Level,
    follow::{Closed, Follower, From},
    likeness::{born, content_at, is_same_file},
    names::{by_age, home, neighbours, slot},
    outlet::Moves,
    state::{End, Point, Standing},
    work::Item,
};
use crate::source::{Kind, kind_of};

/// How often a file is looked for that cannot be read, and how long is waited in between: a disk that is broken for
/// good keeps nobody waiting for long.
pub(super) const READS: usize = 10;
const PAUSE: Duration = Duration::from_millis(300);

/// A file on the disk, whatever it is called.
pub(super) type Inode = (u64, u64);

pub(super) fn inode(metadata: &Metadata) -> Inode {
    (metadata.dev(), metadata.ino())
}

/// A file that was found again.
pub(super) struct Found {
    path: PathBuf,
    metadata: Metadata,
    from: From,
}

impl Found {
    /// What is known of the file that was looked for, at its new place.
    pub(super) fn standing(&self, of: &Standing) -> Standing {
        let (dev, ino) = inode(&self.metadata);
        let path = self.path.clone();
        let first_born = of.first_born.or(of.born);
        Standing { path, dev, ino, born: born(&self.metadata), first_born, ..of.clone() }
    }

    pub(super) fn from(self) -> From {
        self.from
    }
}

impl Follower {
    /// Goes on with the files of an earlier run.
    pub(super) fn take_up(&mut self, point: &Point) -> Result<(), Closed> {
        let mut moves = Moves::default();
        let mut waiting = Vec::new();
        for standing in point.files.values() {
            match self.watched.iter().position(|watched| watched.is_of(standing)) {
                Some(watched) => waiting.push((watched, standing)),
                // The configuration does not name it any more.
                None => moves.ended.push(End { id: standing.id, is_emptied: false }),
            }
        }
        let mut found = BTreeMap::new();
        let mut taken = BTreeSet::new();
        let mut missing = Vec::new();
        for (watched, standing) in waiting {
            let file = self.look_patiently(standing, || self.find(standing, point))?;
            match file.filter(|file| taken.insert(inode(&file.metadata))) {
                Some(file) => drop(found.insert(standing.id, (watched, standing, file))),
                None => missing.push((watched, standing)),
            }
        }
        // The latest has the latest of the names.
        for (watched, standing) in missing.into_iter().rev() {
            let start = standing.sealed.unwrap_or(standing.place).offset.min(standing.place.offset);
            let file = self.look_patiently(standing, || {
                self.find_copy(standing, watched, start, &taken)
                    .or_else(|| self.find_in_place(standing, start, &taken))
            })?;
            match file {
                Some(file) => {
                    taken.insert(inode(&file.metadata));
                    moves.begun.push(file.standing(standing));
                    found.insert(standing.id, (watched, standing, file));
                }
                None => {
                    self.say_lost(standing, watched);
                    self.ended.push(standing.clone());
                    moves.ended.push(End { id: standing.id, is_emptied: false });
                }
            }
        }
        for (watched, standing, file) in found.into_values() {
            let standing = file.standing(standing);
            self.begin(watched, standing, file.from);
        }
        let is_as_before = moves.begun.is_empty() && moves.ended.is_empty();
        if is_as_before { Ok(()) } else { self.send(Item::Moves(moves)) }
    }

    fn say_lost(&self, standing: &Standing, watched: usize) {
        self.watched[watched].facts.lost.fetch_add(1, Ordering::Relaxed);
        let what = format!(
            "cannot find {} again, which was read up to byte {}: if more was written to it, that is lost; keep \
             rotated logs beside their place until the service has read them",
            standing.path.display(),
            standing.place.offset
        );
        (self.say)(Level::Warning, &what);
    }

    /// Looks again where a file could not be read. Taken for another one, all of it would be read once more.
    fn look_patiently(
        &self,
        standing: &Standing,
        look: impl Fn() -> Option<Found>,
    ) -> Result<Option<Found>, Closed> {
        self.eye.take_failure();
        for _ in 0..READS {
            let found = look();
            let failure = self.eye.take_failure();
            let Some(error) = failure.filter(|_| found.is_none()) else { return Ok(found) };
            self.say_unread(&standing.path, &error);
            if self.stop.is_ending() {
                return Err(Closed);
            }
            thread::sleep(PAUSE);
        }
        Ok(None)
    }

    /// Where a file is now, under its path or another name.
    fn find(&self, standing: &Standing, point: &Point) -> Option<Found> {
        let start = standing.sealed.unwrap_or(standing.place).offset.min(standing.place.offset);
        let around = neighbours(&standing.path);
        let is_it = |path: &Path| {
            let mut file = File::open(path).map_err(|error| self.eye.note(error)).ok()?;
            let metadata = file.metadata().ok()?;
            let same = is_same_file(standing, &metadata)
                && metadata.len() >= standing.place.offset
                && self.eye.is_still(&file, standing);
            same.then(|| file.seek(SeekFrom::Start(start)).ok())??;
            Some(Found { path: path.to_owned(), metadata, from: From::Growing(file) })
        };
        let found = std::iter::once(&standing.path).chain(&around).find_map(|path| is_it(path))?;
        // It is at its place and is as it was, but there is a copy that has more than it and is no other log: then it
        // was truncated, and all lines are alike.
        let was_longer = around.iter().any(|path| {
            path.metadata().is_ok_and(|metadata| {
                metadata.len() > found.metadata.len()
                    && born(&metadata) > standing.born
                    && !self.is_known(path, &metadata)
                    && !point.files.values().any(|known| is_same_file(known, &metadata))
                    && kind_of(path).is_ok_and(|kind| kind == Kind::Plain)
                    && slot(path, &found.path).is_some()
                    && self.eye.holds(path, standing)
            })
        });
        (!was_longer).then_some(found)
    }

    /// A copy of a file, compressed or not, among its neighbours, to be read from `start` on.
    pub(super) fn find_copy(
        &self,
        standing: &Standing,
        watched: usize,
        start: u64,
        taken: &BTreeSet<Inode>,
    ) -> Option<Found> {
        let home = home(&self.watched[watched].pattern, &standing.path);
        let mut around = neighbours(&home);
        around.sort_by(|one, other| match (slot(one, &home), slot(other, &home)) {
            (Some(one), Some(other)) => by_age(&other, &one),
            (one, other) => other.is_some().cmp(&one.is_some()),
        });
        around.into_iter().find_map(|path| {
            let metadata = path.metadata().ok()?;
            let is_free = !taken.contains(&inode(&metadata))
                && (is_same_file(standing, &metadata) || !self.is_known(&path, &metadata))
                && !self.watched.iter().any(|watched| watched.pattern == path);
            if !is_free || !self.eye.holds(&path, standing) {
                return None;
            }
            let content = content_at(&path, start)?;
            Some(Found { path, metadata, from: From::Once(content) })
        })
    }

    /// Another file in the place of one that is gone, which has all of it, as programs leave it that write files anew.
    fn find_in_place(
        &self,
        standing: &Standing,
        start: u64,
        taken: &BTreeSet<Inode>,
    ) -> Option<Found> {
        let path = standing.path.clone();
        let mut file = File::open(&path).ok()?;
        let metadata = file.metadata().ok()?;
        let has_all = !taken.contains(&inode(&metadata))
            && !is_same_file(standing, &metadata)
            && self.eye.holds(&path, standing);
        has_all.then(|| file.seek(SeekFrom::Start(start)).ok())??;
        Some(Found { path, metadata, from: From::Growing(file) })
    }

    /// Whether a file is followed, or was read to its end and has no more.
    pub(super) fn is_known(&self, path: &Path, metadata: &Metadata) -> bool {
        let is_through = |known: &Standing| {
            let end = known.tail.as_ref().map_or(known.place.offset, |tail| tail.end);
            let has_no_more =
                metadata.len() == end || kind_of(path).is_ok_and(|it| it != Kind::Plain);
            is_same_file(known, metadata) && has_no_more && self.eye.holds(path, known)
        };
        self.files.iter().any(|file| is_same_file(&file.standing, metadata))
            || self.ended.iter().any(is_through)
    }
}
