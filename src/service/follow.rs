//! Files that are written to: followed through whatever rotates them.
//!
//! A file is known by its inode, by when it was made, and by keyed names of its beginning and of what was read last
//! (`likeness.rs`), and never by its path alone. So:
//!
//! * renamed, it is read on to its end under its new name, and the new file of the old name from its beginning
//!   (`meet.rs`);
//! * copied and truncated, or written anew, its beginning or its length tells, and what the copy has more than was
//!   read is read from the copy;
//! * compressed while the service was down, it is found among its neighbours by its content and read on from there
//!   (`find.rs`);
//! * one that is not there yet is waited for, and one that was rotated away before anybody saw it is found among the
//!   neighbours of its path.
//!
//! Once a moment all of it is looked at; nothing depends on what the kernel might tell in between.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::{File, Metadata},
    io::{self, Read, Seek as _, SeekFrom},
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    sync::{Arc, atomic::Ordering},
    thread,
    time::{Duration, Instant},
};

use tokio::sync::mpsc::Sender;

use super::{
    board::{Level, Say, SourceFacts},
    find::{Inode, inode},
    gather::{Gatherer, Pool, format_at},
    likeness::{Eye, HEAD_BYTES, HEAD_BYTES_MIN, born, is_same_file, nanoseconds},
    meet::stamp,
    names::{home, neighbours, paths, slot},
    opened::{Names, Opened, Rest},
    outlet::{Moves, Portion},
    room::Stop,
    state::{End, FileId, Place, Point, Standing},
    work::Item,
};
use crate::{
    privacy::ContentKey,
    source::{FormatChoice, told_name},
};

/// How often files are looked at. Half of what a line may take comes after this.
const POLL: Duration = Duration::from_millis(50);
/// How often it is looked which files there are.
const SCAN: Duration = Duration::from_millis(250);
/// How long a file is followed that is under none of its paths any more and does not grow: a server that was asked to
/// begin a new log goes on with the old one until its last request is done.
const LINGER: Duration = Duration::from_secs(600);
/// How many blocks are read of one file before others have their turn.
const BLOCKS_IN_TURN: usize = 8;

/// What is followed, and how its lines are.
pub(super) struct Watched {
    /// The path or pattern.
    pub(super) pattern: PathBuf,
    pub(super) choice: FormatChoice,
    pub(super) site: usize,
    pub(super) facts: Arc<SourceFacts>,
}

impl Watched {
    /// Whether a file is of what is followed now.
    pub(super) fn is_of(&self, standing: &Standing) -> bool {
        self.pattern.display().to_string() == standing.source
    }
}

/// A file that is followed.
pub(super) struct Followed {
    pub(super) standing: Standing,
    watched: usize,
    gatherer: Gatherer,
    pub(super) from: From,
    /// Up to here lines are only sealed.
    clean_until: Place,
    /// Whether the end of it was met when it was read last.
    at_end: bool,
    /// Since when it is under none of its paths.
    away: Option<Instant>,
    grew: Instant,
    /// What was last seen of it: length and change.
    seen: (u64, i64, i64),
}

impl Followed {
    /// How far it was read; where lines are only sealed, up to where that is.
    pub(super) fn standing(&self) -> Standing {
        Standing { sealed: Some(self.gatherer.place()), ..self.standing.clone() }
    }
}

/// Whence bytes come.
pub(super) enum From {
    /// A file that may grow.
    Growing(File),
    /// What is read to its end once.
    Once(Box<Rest>),
}

/// How a file is read: see [`From`].
#[derive(Clone, Copy)]
pub(super) enum How {
    Growing,
    Once,
}

/// See above.
pub(super) struct Follower {
    pub(super) watched: Vec<Watched>,
    pub(super) eye: Eye,
    pool: Arc<Pool>,
    line_bytes_max: usize,
    items: Sender<Item>,
    pub(super) stop: Arc<Stop>,
    pub(super) say: Say,
    next_id: u64,
    pub(super) files: Vec<Followed>,
    pub(super) ended: Vec<Standing>,
    /// When the latest file of a source was made of those that are forgotten.
    forgotten: BTreeMap<String, u64>,
    /// Files that are not followed, compressed ones and copies, with what tells them from later ones of their inode.
    pub(super) ignored: BTreeMap<Inode, u64>,
    /// Files of which it cannot be told yet what they are: how long they are, and since when.
    pub(super) waiting: BTreeMap<Inode, (u64, Instant)>,
    scanned: Option<Instant>,
    /// Whether it is to be looked again sooner which files there are.
    pub(super) hurries: bool,
    /// How often in turn what a new file is could not be told, for something could not be read.
    pub(super) unread: usize,
    /// How often in turn it could not be told for names moved while it was looked at.
    pub(super) unsettled: usize,
}

/// Nobody takes lines any more.
pub(super) struct Closed;

/// What a follower is made of.
pub(super) struct Making {
    pub(super) watched: Vec<Watched>,
    pub(super) key: ContentKey,
    pub(super) pool: Arc<Pool>,
    pub(super) line_bytes_max: usize,
    pub(super) items: Sender<Item>,
    pub(super) stop: Arc<Stop>,
    pub(super) say: Say,
    pub(super) next_id: u64,
}

impl Follower {
    pub(super) fn new(making: Making) -> Self {
        let Making { watched, key, pool, line_bytes_max, items, stop, say, next_id } = making;
        Self {
            watched,
            eye: Eye::new(key),
            pool,
            line_bytes_max,
            items,
            stop,
            say,
            next_id,
            files: Vec::new(),
            ended: Vec::new(),
            forgotten: BTreeMap::new(),
            ignored: BTreeMap::new(),
            waiting: BTreeMap::new(),
            scanned: None,
            hurries: false,
            unread: 0,
            unsettled: 0,
        }
    }

    /// Follows until the service ends.
    pub(super) fn run(mut self, point: &Point) {
        self.ended.clone_from(&point.ended);
        self.forgotten.clone_from(&point.forgotten);
        let _ = self.follow(point);
    }

    fn follow(&mut self, point: &Point) -> Result<(), Closed> {
        self.take_up(point)?;
        while !self.stop.is_ending() {
            if self.hurries || self.scanned.is_none_or(|at| at.elapsed() >= SCAN) {
                self.hurries = false;
                self.scan()?;
                self.scanned = Some(Instant::now());
            }
            if !self.read_all()? {
                thread::sleep(POLL);
            }
        }
        Ok(())
    }

    /// Begins to follow, from where lines are to be read on.
    pub(super) fn begin(
        &mut self,
        watched: usize,
        standing: Standing,
        mut opened: Opened,
        how: How,
    ) {
        let start = standing.start();
        let Watched { choice, .. } = &self.watched[watched];
        // The same whatever the file is called now: lines that are sealed twice are told by it.
        let home = home(&self.watched[watched].pattern, &standing.path);
        let file = home.file_name().map_or(Path::new(""), Path::new);
        let name = format!("{}@{}", told_name(file, standing.id.0 as usize), standing.id.0);
        let mut gatherer = Gatherer::new(&self.pool, choice, self.line_bytes_max, name.into());
        let head = if start.offset > 0 { opened.content_at(0).ok().flatten() } else { None };
        let format = head.and_then(|mut content| {
            format_at(&mut content, start.offset, choice, &self.pool, self.line_bytes_max)
                .ok()
                .flatten()
        });
        gatherer.go_on_at(start, format, opened.trail_before(start.offset));
        let from = match how {
            How::Growing => match opened.file.seek(SeekFrom::Start(start.offset)) {
                Ok(_) => From::Growing(opened.file),
                Err(error) => return self.say_unread(&opened.path, &error),
            },
            How::Once => From::Once(Box::new(Rest::new(opened, start.offset))),
        };
        self.next_id = self.next_id.max(standing.id.0 + 1);
        self.files.push(Followed {
            clean_until: standing.place,
            standing,
            watched,
            gatherer,
            from,
            at_end: false,
            away: None,
            grew: Instant::now(),
            seen: (0, 0, 0),
        });
    }

    /// Looks which files there are.
    fn scan(&mut self) -> Result<(), Closed> {
        let mut present = BTreeSet::new();
        let mut moves = Moves::default();
        let names: Vec<_> =
            self.watched.iter().map(|watched| Names::around(&watched.pattern)).collect();
        // Before anything is told by where logs are: one that was truncated may have been renamed since, and its copy
        // is not beside it any more. And it is older than what is met now, as its number has to be.
        self.renew()?;
        for (watched, names) in names.iter().enumerate() {
            for path in self.paths(watched, &mut present) {
                let Ok(metadata) = path.metadata() else { continue };
                if !metadata.is_file() || !present.insert(inode(&metadata)) {
                    continue;
                }
                let is_it = |file: &&mut Followed| is_same_file(&file.standing, &metadata);
                if let Some(known) = self.files.iter_mut().find(is_it) {
                    if let From::Growing(_) = known.from {
                        known.standing.path = path;
                        // The same, where a device has another number after a restart of the machine.
                        (known.standing.dev, known.standing.ino) = inode(&metadata);
                    }
                } else if !self.is_ignored(&metadata) {
                    self.meet(watched, &path, &metadata, names, &mut moves);
                }
            }
        }
        for file in &mut self.files {
            let is_there = present.contains(&(file.standing.dev, file.standing.ino));
            file.away = if is_there { None } else { file.away.or_else(|| Some(Instant::now())) };
        }
        self.ignored.retain(|inode, _| present.contains(inode));
        self.waiting.retain(|inode, _| present.contains(inode));
        // One commit for all of them, and before a line of them is read.
        let is_as_before = moves.begun.is_empty() && moves.ended.is_empty();
        if is_as_before { Ok(()) } else { self.send(Item::Moves(moves)) }
    }

    fn is_ignored(&self, metadata: &Metadata) -> bool {
        self.ignored.get(&inode(metadata)) == Some(&stamp(metadata))
    }

    /// The files of a source that are there: those that were moved away before anybody saw them, the oldest first, then
    /// what the path or pattern names. What lies beside a path was moved away from it if it is called so and was both
    /// made and written to since the first file of the source that is known.
    fn paths(&self, watched: usize, present: &mut BTreeSet<Inode>) -> Vec<PathBuf> {
        let pattern = &self.watched[watched].pattern;
        let mut named = paths(pattern);
        if named.first() != Some(pattern) {
            // What was rotated away before what is in its place: then nothing is taken for a copy of a later one.
            named.sort_by_cached_key(|path| {
                let made = path.metadata().ok().and_then(|metadata| born(&metadata));
                (made, *path == home(pattern, path))
            });
            return named;
        }
        let source = pattern.display().to_string();
        let live = self.files.iter().map(|file| &file.standing);
        let known = live.chain(&self.ended).filter(|standing| standing.source == source);
        let first = known.filter_map(|standing| standing.first_born.or(standing.born)).min();
        let Some(first) = first else { return named };
        // What was made before something that is forgotten was read too.
        let first = first.max(self.forgotten.get(&source).map_or(0, |latest| latest + 1));
        let mut missed = Vec::new();
        for path in neighbours(pattern) {
            let Ok(metadata) = path.metadata() else { continue };
            if !is_rotated(&path, pattern) {
                continue;
            }
            if self.is_ignored(&metadata) {
                present.insert(inode(&metadata));
                continue;
            }
            let is_new = born(&metadata).is_some_and(|born| born >= first)
                && metadata.modified().is_ok_and(|written| nanoseconds(written) >= Some(first));
            if is_new && !self.is_known(&path, &metadata) {
                missed.push((born(&metadata), path));
            }
        }
        missed.sort();
        missed.into_iter().map(|(_, path)| path).chain(named).collect()
    }

    pub(super) fn standing(&mut self, watched: usize, opened: &Opened, place: Place) -> Standing {
        let Opened { path, file, metadata } = opened;
        let id = FileId(self.next_id);
        self.next_id += 1;
        let head_bytes = metadata.len().min(HEAD_BYTES);
        // Of what cannot be read now the beginning is known later.
        let (head_bytes, head) = match self.eye.head(file, head_bytes) {
            Some(head) => (head_bytes, head),
            None => (0, self.eye.head(file, 0).unwrap_or_default()),
        };
        Standing {
            id,
            source: self.watched[watched].pattern.display().to_string(),
            path: path.clone(),
            dev: metadata.dev(),
            ino: metadata.ino(),
            born: born(metadata),
            first_born: None,
            head_bytes,
            head,
            place,
            tail: self.eye.tail(&opened.trail_before(place.offset), place.offset),
            sealed: None,
        }
    }

    /// Begins those anew that were truncated or written anew.
    fn renew(&mut self) -> Result<(), Closed> {
        let (mut index, mut end) = (0, self.files.len());
        while index < end {
            match self.look(index)? {
                // What comes instead is behind the others.
                Look::Rewritten => {
                    self.begin_anew(index)?;
                    end -= 1;
                }
                Look::Fine | Look::Quiet => index += 1,
            }
        }
        Ok(())
    }

    /// Reads what there is of each file. False when there was nothing.
    fn read_all(&mut self) -> Result<bool, Closed> {
        let mut was_any = false;
        let mut index = 0;
        while index < self.files.len() {
            if self.stop.is_ending() {
                return Ok(true);
            }
            match self.look(index)? {
                Look::Fine => {
                    was_any |= self.read(index)?;
                    index += usize::from(!self.end_if_through(index)?);
                }
                Look::Quiet => index += usize::from(!self.end_if_through(index)?),
                Look::Rewritten => {
                    self.begin_anew(index)?;
                    was_any = true;
                }
            }
        }
        Ok(was_any)
    }

    /// Looks whether a file is still the one that it was.
    fn look(&mut self, index: usize) -> Result<Look, Closed> {
        let Followed { from: From::Growing(file), standing, gatherer, seen, .. } =
            &self.files[index]
        else {
            return Ok(Look::Fine);
        };
        let Ok(metadata) = file.metadata() else { return Ok(Look::Quiet) };
        let now = (metadata.len(), metadata.mtime(), metadata.mtime_nsec());
        if now == *seen && metadata.len() == gatherer.read() {
            return Ok(Look::Quiet);
        }
        if metadata.len() < gatherer.read() || metadata.len() < standing.head_bytes {
            return Ok(Look::Rewritten);
        }
        self.eye.take_failure();
        if !self.eye.is_still(file, standing) {
            return Ok(match self.eye.take_failure() {
                None => Look::Rewritten,
                Some(error) => {
                    self.say_unread(&standing.path, &error);
                    Look::Quiet
                }
            });
        }
        let longer = metadata.len().min(HEAD_BYTES);
        if longer > standing.head_bytes
            && let Some(head) = self.eye.head(file, longer)
        {
            let standing = &mut self.files[index].standing;
            let was_unknown = standing.head_bytes < HEAD_BYTES_MIN;
            (standing.head_bytes, standing.head) = (longer, head);
            if was_unknown && longer >= HEAD_BYTES_MIN {
                // By now it can be told from others, also when it is compressed.
                let begun = vec![standing.clone()];
                self.send(Item::Moves(Moves { begun, ended: Vec::new() }))?;
            }
        }
        let followed = &mut self.files[index];
        followed.grew = Instant::now();
        followed.seen = now;
        Ok(Look::Fine)
    }

    /// Reads a few blocks. False when there was nothing.
    fn read(&mut self, index: usize) -> Result<bool, Closed> {
        for _ in 0..BLOCKS_IN_TURN {
            let Followed { gatherer, from, clean_until, watched, at_end, .. } =
                &mut self.files[index];
            let read = gatherer.read();
            let limit =
                if read < clean_until.offset { clean_until.offset - read } else { u64::MAX };
            let count = match from {
                From::Growing(file) => gatherer.fill(&mut file.take(limit)),
                From::Once(content) => gatherer.fill(&mut content.take(limit)),
            };
            let count = match count {
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => {
                    self.say_unread(&self.files[index].standing.path, &error);
                    return Ok(false);
                }
            };
            *at_end = count == 0 && limit == u64::MAX;
            if count == 0 {
                return Ok(false);
            }
            self.watched[*watched].facts.bytes.fetch_add(count as u64, Ordering::Relaxed);
            self.hand_over(index, false)?;
            if self.stop.is_ending() {
                break;
            }
        }
        Ok(true)
    }

    /// Hands over the whole lines of a file; with `is_end` also what has no line end.
    fn hand_over(&mut self, index: usize, is_end: bool) -> Result<(), Closed> {
        let followed = &mut self.files[index];
        let pieces = followed.gatherer.take(is_end);
        let place = followed.gatherer.place();
        let only_seals =
            place.offset <= followed.clean_until.offset && followed.clean_until.offset > 0;
        if !only_seals {
            followed.standing.place = place;
            let trail = followed.gatherer.trail();
            let tail = trail.and_then(|trail| self.eye.tail(trail, followed.gatherer.read()));
            followed.standing.tail = tail;
        }
        let site = self.watched[followed.watched].site;
        let standing = Standing { place, ..followed.standing.clone() };
        let last = pieces.len().saturating_sub(1);
        for (number, piece) in pieces.into_iter().enumerate() {
            let portion = Portion {
                piece,
                site,
                standing: Some(standing.clone()),
                entry: None,
                only_seals,
                goes_on: number < last,
                confirm: None,
            };
            self.send(Item::Lines(Box::new(portion)))?;
        }
        Ok(())
    }

    /// Ends a file that was read to its end and will not grow.
    fn end_if_through(&mut self, index: usize) -> Result<bool, Closed> {
        let followed = &self.files[index];
        let is_through = match &followed.from {
            From::Once(_) => followed.at_end,
            From::Growing(file) => {
                let size = file.metadata().map_or(0, |metadata| metadata.len());
                size <= followed.gatherer.read()
                    && followed.away.is_some_and(|away| away.elapsed() >= LINGER)
                    && followed.grew.elapsed() >= LINGER
            }
        };
        if !is_through {
            return Ok(false);
        }
        self.hand_over(index, true)?;
        let followed = self.files.remove(index);
        let ended = vec![End { id: followed.standing.id, is_emptied: false }];
        self.ended.push(followed.standing());
        self.send(Item::Moves(Moves { begun: Vec::new(), ended }))?;
        Ok(true)
    }

    /// A file was truncated or written anew: what a copy has more of the old one is read from there, and the file
    /// from its beginning.
    fn begin_anew(&mut self, index: usize) -> Result<(), Closed> {
        let (old, watched) = (self.files[index].standing(), self.files[index].watched);
        let copy = self.look_patiently(&old, || {
            self.find_copy(&old, watched, old.start().offset, &BTreeSet::new())
        })?;
        let followed = self.files.remove(index);
        let path = old.path.clone();
        let mut moves = Moves::default();
        match copy {
            // It goes on under the same number, with what is still to be sealed of it.
            Some(found) => {
                let copy = found.standing(&old);
                let (opened, how) = found.into_parts();
                self.begin(watched, copy.clone(), opened, how);
                moves.begun.push(copy);
            }
            None => {
                moves.ended.push(End { id: old.id, is_emptied: true });
                self.ended.push(old.emptied());
            }
        }
        if let From::Growing(file) = followed.from
            && let Ok(metadata) = file.metadata()
        {
            let opened = Opened { path, file, metadata };
            let standing = self.standing(watched, &opened, Place::default());
            self.begin(watched, standing.clone(), opened, How::Growing);
            moves.begun.push(standing);
        }
        self.send(Item::Moves(moves))
    }

    pub(super) fn say_unread(&self, path: &Path, error: &io::Error) {
        let what = format!("cannot read {}: {error}; it is tried again", path.display());
        (self.say)(Level::Warning, &what);
    }

    pub(super) fn send(&self, item: Item) -> Result<(), Closed> {
        self.items.blocking_send(item).map_err(|_| Closed)
    }
}

/// What came of looking at a file.
enum Look {
    /// It may have more.
    Fine,
    /// It has nothing more.
    Quiet,
    /// It is not the file any more that it was.
    Rewritten,
}

/// Whether a file beside a log was rotated away from it, by its name.
fn is_rotated(path: &Path, log: &Path) -> bool {
    let is_behind = || {
        let name = path.file_name()?.as_encoded_bytes();
        name.strip_prefix(log.file_name()?.as_encoded_bytes())?.first().copied()
    };
    matches!(is_behind(), Some(b'.' | b'-')) || slot(path, log).is_some()
}
