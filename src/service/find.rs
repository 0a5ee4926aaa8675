//! The files of an earlier run, found again: under their inodes, whatever they are called now, else by their content.
//!
//! Several may be alike. Then each is taken once, and the latest log has the latest name: rotation keeps the order.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::Metadata,
    os::unix::fs::MetadataExt as _,
    path::Path,
    sync::atomic::Ordering,
    thread,
    time::Duration,
};

use super::{
    board::Level,
    follow::{Closed, Follower, How},
    likeness::{born, is_same_file},
    names::{by_age, home, neighbours, slot},
    opened::{Names, Opened},
    outlet::Moves,
    state::{End, Point, Standing},
    work::Item,
};

/// How often a file is looked for that cannot be read, and how long is waited in between: a disk that is broken for
/// good keeps nobody waiting for long.
pub(super) const READS: usize = 10;
const PAUSE: Duration = Duration::from_millis(300);
/// How often, and how soon, it is looked for again where names moved meanwhile.
pub(super) const LOOKS: usize = 10;
const NAMES_PAUSE: Duration = Duration::from_millis(25);

/// A file on the disk, whatever it is called.
pub(super) type Inode = (u64, u64);

pub(super) fn inode(metadata: &Metadata) -> Inode {
    (metadata.dev(), metadata.ino())
}

/// A file that was found again.
pub(super) struct Found {
    opened: Opened,
    how: How,
}

impl Found {
    /// What is known of the file that was looked for, at its new place.
    pub(super) fn standing(&self, of: &Standing) -> Standing {
        let Opened { path, metadata, .. } = &self.opened;
        let ((dev, ino), path) = (inode(metadata), path.clone());
        let first_born = of.first_born.or(of.born);
        Standing { path, dev, ino, born: born(metadata), first_born, ..of.clone() }
    }

    pub(super) fn into_parts(self) -> (Opened, How) {
        (self.opened, self.how)
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
            match file.filter(|file| taken.insert(inode(&file.opened.metadata))) {
                Some(file) => drop(found.insert(standing.id, (watched, standing, file))),
                None => missing.push((watched, standing)),
            }
        }
        // The latest has the latest of the names.
        for (watched, standing) in missing.into_iter().rev() {
            let start = standing.start().offset;
            let file = self.look_patiently(standing, || {
                self.find_copy(standing, watched, start, &taken)
                    .or_else(|| self.find_in_place(standing, &taken))
            })?;
            match file {
                Some(file) => {
                    taken.insert(inode(&file.opened.metadata));
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
            self.begin(watched, standing, file.opened, file.how);
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

    /// Looks again where a file could not be read, or names moved while it was looked for. Taken for another one, all
    /// of it would be read once more.
    pub(super) fn look_patiently(
        &self,
        standing: &Standing,
        look: impl Fn() -> Option<Found>,
    ) -> Result<Option<Found>, Closed> {
        self.eye.take_failure();
        let (mut reads, mut looks) = (READS, LOOKS);
        loop {
            let names = Names::around(&standing.path);
            let found = look();
            let failure = self.eye.take_failure();
            if found.is_some() {
                return Ok(found);
            }
            match failure {
                Some(error) if reads > 0 => {
                    reads -= 1;
                    self.say_unread(&standing.path, &error);
                    thread::sleep(PAUSE);
                }
                None if looks > 0 && !names.rest() => {
                    looks -= 1;
                    thread::sleep(NAMES_PAUSE);
                }
                _ => return Ok(None),
            }
            if self.stop.is_ending() {
                return Err(Closed);
            }
        }
    }

    /// Where a file is now, under its path or another name.
    fn find(&self, standing: &Standing, point: &Point) -> Option<Found> {
        let around = neighbours(&standing.path);
        let is_it = |path: &Path| {
            let opened = self.eye.open(path)?;
            let same = is_same_file(standing, &opened.metadata)
                && opened.metadata.len() >= standing.place.offset
                && self.eye.is_still(&opened.file, standing);
            same.then_some(Found { opened, how: How::Growing })
        };
        let found = std::iter::once(&standing.path).chain(&around).find_map(|path| is_it(path))?;
        // It is at its place and is as it was, but there is a copy that has more than it and is no other log: then it
        // was truncated, and all lines are alike.
        let was_longer = around.iter().any(|path| {
            slot(path, &found.opened.path).is_some()
                && self.eye.open(path).is_some_and(|copy| {
                    copy.metadata.len() > found.opened.metadata.len()
                        && born(&copy.metadata) > standing.born
                        && !self.is_known(path, &copy.metadata)
                        && !point.files.values().any(|known| is_same_file(known, &copy.metadata))
                        && copy.is_plain().is_ok_and(|is_plain| is_plain)
                        && self.eye.holds(&copy, standing)
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
            let opened = self.eye.open(&path)?;
            let metadata = &opened.metadata;
            let is_free = !taken.contains(&inode(metadata))
                && (is_same_file(standing, metadata) || !self.is_known(&path, metadata))
                && !self.watched.iter().any(|watched| watched.pattern == path);
            let has_all = is_free
                && self.eye.holds(&opened, standing)
                && opened.content_at(start).is_ok_and(|content| content.is_some());
            has_all.then_some(Found { opened, how: How::Once })
        })
    }

    /// Another file in the place of one that is gone, which has all of it, as programs leave it that write files anew.
    fn find_in_place(&self, standing: &Standing, taken: &BTreeSet<Inode>) -> Option<Found> {
        let opened = self.eye.open(&standing.path)?;
        let has_all = !taken.contains(&inode(&opened.metadata))
            && !is_same_file(standing, &opened.metadata)
            && self.eye.holds(&opened, standing);
        has_all.then_some(Found { opened, how: How::Growing })
    }

    /// Whether a file is followed, or was read to its end and has no more.
    pub(super) fn is_known(&self, path: &Path, metadata: &Metadata) -> bool {
        let is_through = |known: &Standing| {
            let end = known.tail.as_ref().map_or(known.place.offset, |tail| tail.end);
            is_same_file(known, metadata)
                && self.eye.open(path).is_some_and(|opened| {
                    (metadata.len() == end || opened.is_plain().is_ok_and(|is_plain| !is_plain))
                        && is_same_file(known, &opened.metadata)
                        && self.eye.holds(&opened, known)
                })
        };
        self.files.iter().any(|file| is_same_file(&file.standing, metadata))
            || self.ended.iter().any(is_through)
    }
}
