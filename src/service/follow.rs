//! Files that are written to: followed through whatever rotates them.
//!
//! A file is known by its inode and by a keyed name of its beginning, and never by its path alone. So:
//!
//! * renamed, it is read on to its end under its new name, and the new file of the old name from its beginning;
//! * copied and truncated, or written anew, its beginning or its length tells, and what the copy has more than was
//!   read is read from the copy;
//! * compressed while the service was down, it is found among its neighbours by its beginning and read on from there;
//! * one that is not there yet is waited for, and one that was rotated away before anybody saw it is found among the
//!   neighbours of its path.
//!
//! Once a moment all of it is looked at; nothing depends on what the kernel might tell in between.

use std::{
    collections::BTreeSet,
    ffi::OsStr,
    fs::{self, File, Metadata},
    io::{self, Read, Seek as _, SeekFrom},
    os::unix::fs::{FileExt as _, MetadataExt as _},
    path::{Path, PathBuf},
    sync::{Arc, atomic::Ordering},
    thread,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use tokio::sync::mpsc::Sender;

use super::{
    board::{Level, Say, SourceFacts},
    gather::{Gatherer, Pool, format_at},
    outlet::{Moves, Portion, Stop},
    state::{FileId, Place, Point, Standing},
    work::Item,
};
use crate::{
    privacy::{ContentKey, RawBlock},
    source::{FormatChoice, kind_of, told_name, unpacked},
};

/// How often files are looked at. Half of what a line may take comes after this.
const POLL: Duration = Duration::from_millis(50);
/// How often it is looked which files there are.
const SCAN: Duration = Duration::from_millis(250);
/// How much of a beginning has a name.
const HEAD_BYTES: u64 = 1_024;
/// With less than this beginnings of different files may be alike.
const HEAD_BYTES_MIN: u64 = 32;
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

/// A file that is followed.
struct Followed {
    standing: Standing,
    watched: usize,
    gatherer: Gatherer,
    from: From,
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

/// Whence bytes come.
enum From {
    /// A file that may grow.
    Growing(File),
    /// What is read to its end once.
    Once(Box<dyn Read + Send>),
}

/// See above.
pub(super) struct Follower {
    pub(super) watched: Vec<Watched>,
    pub(super) key: ContentKey,
    pub(super) pool: Arc<Pool>,
    pub(super) line_bytes_max: usize,
    pub(super) items: Sender<Item>,
    pub(super) stop: Arc<Stop>,
    pub(super) say: Say,
    pub(super) next_id: u64,
    files: Vec<Followed>,
    ended: Vec<Standing>,
    /// Files that are not followed: compressed ones and copies.
    ignored: BTreeSet<(u64, u64)>,
    scanned: Option<Instant>,
}

/// Nobody takes lines any more.
struct Closed;

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
            key,
            pool,
            line_bytes_max,
            items,
            stop,
            say,
            next_id,
            files: Vec::new(),
            ended: Vec::new(),
            ignored: BTreeSet::new(),
            scanned: None,
        }
    }

    /// Follows until the service ends.
    pub(super) fn run(mut self, point: &Point) {
        self.ended.clone_from(&point.ended);
        let _ = self.follow(point);
    }

    fn follow(&mut self, point: &Point) -> Result<(), Closed> {
        self.take_up(point)?;
        while !self.stop.is_ending() {
            if self.scanned.is_none_or(|at| at.elapsed() >= SCAN) {
                self.scan()?;
                self.scanned = Some(Instant::now());
            }
            if !self.read_all()? {
                thread::sleep(POLL);
            }
        }
        Ok(())
    }

    /// Goes on with the files of an earlier run.
    fn take_up(&mut self, point: &Point) -> Result<(), Closed> {
        let mut moves = Moves::default();
        for standing in point.files.values() {
            let watched = self.watched.iter().position(|watched| is_of(watched, standing));
            let Some(watched) = watched else {
                // The configuration does not name it any more.
                moves.ended.push(standing.id);
                continue;
            };
            match self.find(standing) {
                Some((path, from)) => {
                    let standing = Standing { path, ..standing.clone() };
                    self.begin(watched, standing, from);
                }
                None => {
                    self.say_lost(standing, watched);
                    moves.ended.push(standing.id);
                }
            }
        }
        if moves.ended.is_empty() { Ok(()) } else { self.send(Item::Moves(moves)) }
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

    /// Where a file of an earlier run is now: under its path, another name, or compressed.
    fn find(&self, standing: &Standing) -> Option<(PathBuf, From)> {
        let start = standing.sealed.unwrap_or(standing.place).offset.min(standing.place.offset);
        let is_it = |path: &Path| {
            let mut file = File::open(path).ok()?;
            let metadata = file.metadata().ok()?;
            let same = (metadata.dev(), metadata.ino()) == (standing.dev, standing.ino)
                && metadata.len() >= standing.place.offset
                && self.head(&file, standing.head_bytes).as_ref() == Some(&standing.head);
            same.then(|| file.seek(SeekFrom::Start(start)).ok())??;
            Some((path.to_owned(), From::Growing(file)))
        };
        is_it(&standing.path)
            .or_else(|| neighbours(&standing.path).iter().find_map(|path| is_it(path)))
            .or_else(|| self.find_copy(standing, start))
    }

    /// A copy of a file, compressed or not, among its neighbours, to be read from `start` on.
    fn find_copy(&self, standing: &Standing, start: u64) -> Option<(PathBuf, From)> {
        if standing.head_bytes < HEAD_BYTES_MIN {
            return None;
        }
        neighbours(&standing.path).into_iter().find_map(|path| {
            let mut head = RawBlock::with_capacity(HEAD_BYTES as usize);
            let mut content = unpacked(&path).ok()?;
            read_fully(&mut content, &mut head, standing.head_bytes)?;
            let mut digest = self.key.digest();
            head.add_to(&mut digest, 0);
            head.wipe();
            if digest.whole() != standing.head {
                return None;
            }
            let mut content = unpacked(&path).ok()?;
            skip(&mut content, start)?;
            Some((path, From::Once(content)))
        })
    }

    /// The keyed name of the first bytes of a file; nothing where it has not so many.
    fn head(&self, file: &File, bytes: u64) -> Option<String> {
        let mut block = RawBlock::with_capacity(HEAD_BYTES as usize);
        let mut at = At { file, offset: 0 };
        read_fully(&mut at, &mut block, bytes)?;
        let mut digest = self.key.digest();
        block.add_to(&mut digest, 0);
        block.wipe();
        Some(digest.whole())
    }

    /// Begins to follow; the file stands where its lines are to be read on.
    fn begin(&mut self, watched: usize, standing: Standing, from: From) {
        let start = match standing.sealed {
            Some(sealed) if sealed.offset < standing.place.offset => sealed,
            _ => standing.place,
        };
        let Watched { choice, .. } = &self.watched[watched];
        let file = standing.path.file_name().map_or(Path::new(""), Path::new);
        let name = format!("{}@{}", told_name(file, standing.id.0 as usize), standing.id.0);
        let mut gatherer = Gatherer::new(&self.pool, choice, self.line_bytes_max, name.into());
        let format = match (&from, start.offset) {
            (_, 0) => None,
            (From::Growing(file), offset) => {
                let at = &mut At { file, offset: 0 };
                format_at(at, offset, choice, &self.pool, self.line_bytes_max).ok().flatten()
            }
            (From::Once(_), offset) => unpacked(&standing.path).ok().and_then(|mut content| {
                format_at(&mut content, offset, choice, &self.pool, self.line_bytes_max)
                    .ok()
                    .flatten()
            }),
        };
        gatherer.go_on_at(start, format);
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
        let mut begun = Vec::new();
        for watched in 0..self.watched.len() {
            for path in self.paths(watched, &mut present) {
                let Ok(metadata) = path.metadata() else { continue };
                let inode = (metadata.dev(), metadata.ino());
                if !metadata.is_file() || !present.insert(inode) {
                    continue;
                }
                let known = self.files.iter_mut().find(|file| {
                    (file.standing.dev, file.standing.ino) == inode
                        && matches!(file.from, From::Growing(_))
                });
                match known {
                    Some(file) => file.standing.path = path,
                    None if self.ignored.contains(&inode) => {}
                    None => begun.extend(self.meet(watched, &path, &metadata)),
                }
            }
        }
        for file in &mut self.files {
            let is_there = present.contains(&(file.standing.dev, file.standing.ino));
            file.away = if is_there { None } else { file.away.or_else(|| Some(Instant::now())) };
        }
        self.ignored.retain(|inode| present.contains(inode));
        // One commit for all of them, and before a line of them is read.
        match begun.is_empty() {
            true => Ok(()),
            false => self.send(Item::Moves(Moves { begun, ended: Vec::new() })),
        }
    }

    /// The files of a source that are there: those that were moved away before anybody saw them, the oldest first, then
    /// what the path or pattern names. What lies beside a path was moved away from it if it is called so and was both
    /// made and written to since the first file of the source that is known.
    fn paths(&self, watched: usize, present: &mut BTreeSet<(u64, u64)>) -> Vec<PathBuf> {
        let pattern = &self.watched[watched].pattern;
        let named = paths(pattern);
        if named.first() != Some(pattern) {
            return named;
        }
        let name = pattern.file_name().unwrap_or_default().as_encoded_bytes();
        let source = pattern.display().to_string();
        let live = self.files.iter().map(|file| &file.standing);
        let known = live.chain(&self.ended).filter(|standing| standing.source == source);
        let Some(first) = known.filter_map(|standing| standing.born).min() else { return named };
        let mut missed = Vec::new();
        for path in neighbours(pattern) {
            let rest = path.file_name().unwrap_or_default().as_encoded_bytes().strip_prefix(name);
            let (Some([b'.' | b'-', ..]), Ok(metadata)) = (rest, path.metadata()) else { continue };
            let inode = (metadata.dev(), metadata.ino());
            if self.ignored.contains(&inode) {
                present.insert(inode);
                continue;
            }
            let is_new = born(&metadata).is_some_and(|born| born >= first)
                && metadata.modified().is_ok_and(|written| nanoseconds(written) >= Some(first));
            if is_new && !self.knows(&path, &metadata) {
                missed.push((born(&metadata), path));
            }
        }
        missed.sort();
        missed.into_iter().map(|(_, path)| path).chain(named).collect()
    }

    /// Whether a file is followed, or was read to its end.
    fn knows(&self, path: &Path, metadata: &Metadata) -> bool {
        let is_it =
            |standing: &Standing| (standing.dev, standing.ino) == (metadata.dev(), metadata.ino());
        self.files.iter().any(|file| is_it(&file.standing))
            || self.ended.iter().filter(|standing| is_it(standing)).any(|standing| {
                let head =
                    File::open(path).ok().and_then(|file| self.head(&file, standing.head_bytes));
                metadata.len() == standing.place.offset && head.as_ref() == Some(&standing.head)
            })
    }

    /// Looks at a file that was not seen before.
    fn meet(&mut self, watched: usize, path: &Path, metadata: &Metadata) -> Option<Standing> {
        let mut file = File::open(path).ok()?;
        let inode = (metadata.dev(), metadata.ino());
        let is_plain = kind_of(path).is_ok_and(|kind| kind == crate::source::Kind::Plain);
        let of_live = self.files.iter().map(|file| &file.standing);
        let is_copy = of_live.chain(&self.ended).any(|known| {
            known.head_bytes >= HEAD_BYTES_MIN
                && (known.dev, known.ino) != inode
                && self.head(&file, known.head_bytes).as_ref() == Some(&known.head)
        });
        let again = self.ended.iter().rposition(|known| {
            (known.dev, known.ino) == inode
                && known.head_bytes >= HEAD_BYTES_MIN
                && metadata.len() >= known.place.offset
                && self.head(&file, known.head_bytes).as_ref() == Some(&known.head)
        });
        if !is_plain || (is_copy && again.is_none()) {
            self.ignored.insert(inode);
            return None;
        }
        // One that was given up and came back is read on from where it was left.
        let place = again.map_or(Place::default(), |index| self.ended.remove(index).place);
        file.seek(SeekFrom::Start(place.offset)).ok()?;
        let standing = self.standing(watched, path, metadata, place, &file);
        self.begin(watched, standing.clone(), From::Growing(file));
        Some(standing)
    }

    fn standing(
        &mut self,
        watched: usize,
        path: &Path,
        metadata: &Metadata,
        place: Place,
        file: &File,
    ) -> Standing {
        let id = FileId(self.next_id);
        self.next_id += 1;
        let head_bytes = metadata.len().min(HEAD_BYTES);
        let head = self.head(file, head_bytes).unwrap_or_default();
        Standing {
            id,
            source: self.watched[watched].pattern.display().to_string(),
            path: path.to_owned(),
            dev: metadata.dev(),
            ino: metadata.ino(),
            born: born(metadata),
            head_bytes,
            head,
            place,
            sealed: None,
        }
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
        let is_same = self.head(file, standing.head_bytes).as_ref() == Some(&standing.head);
        if !is_same {
            return Ok(Look::Rewritten);
        }
        let longer = metadata.len().min(HEAD_BYTES);
        if longer > standing.head_bytes
            && let Some(head) = self.head(file, longer)
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
                    let path = &self.files[index].standing.path;
                    let what =
                        format!("cannot read {}: {error}; it is tried again", path.display());
                    (self.say)(Level::Warning, &what);
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
        let id = followed.standing.id;
        self.ended.push(followed.standing);
        self.send(Item::Moves(Moves { begun: Vec::new(), ended: vec![id] }))?;
        Ok(true)
    }

    /// A file was truncated or written anew: what a copy has more of the old one is read from there, and the file
    /// from its beginning.
    fn begin_anew(&mut self, index: usize) -> Result<(), Closed> {
        let followed = self.files.remove(index);
        let old = followed.standing;
        let mut moves = Moves { begun: Vec::new(), ended: vec![old.id] };
        if let Some((path, from)) = self.find_copy(&old, old.place.offset) {
            let id = FileId(self.next_id);
            self.next_id += 1;
            let (dev, ino) =
                path.metadata().map_or((0, 0), |metadata| (metadata.dev(), metadata.ino()));
            let copy = Standing { id, path, dev, ino, sealed: None, ..old.clone() };
            self.begin(followed.watched, copy.clone(), from);
            moves.begun.push(copy);
        }
        let path = old.path.clone();
        self.ended.push(old);
        if let From::Growing(mut file) = followed.from
            && let Ok(metadata) = file.metadata()
            && file.seek(SeekFrom::Start(0)).is_ok()
        {
            let standing =
                self.standing(followed.watched, &path, &metadata, Place::default(), &file);
            self.begin(followed.watched, standing.clone(), From::Growing(file));
            moves.begun.push(standing);
        }
        self.send(Item::Moves(moves))
    }

    fn send(&self, item: Item) -> Result<(), Closed> {
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

/// Reads of a file at a place, without moving it for others.
struct At<'a> {
    file: &'a File,
    offset: u64,
}

impl Read for At<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read_at(buffer, self.offset)?;
        self.offset += count as u64;
        Ok(count)
    }
}

/// Reads exactly so many bytes into a block.
fn read_fully(reader: &mut impl Read, block: &mut RawBlock, bytes: u64) -> Option<()> {
    while (block.len() as u64) < bytes {
        let left = bytes - block.len() as u64;
        match block.read_from(&mut reader.by_ref().take(left)) {
            Ok(0) => return None,
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => return None,
        }
    }
    Some(())
}

/// Reads past so many bytes.
fn skip(reader: &mut impl Read, bytes: u64) -> Option<()> {
    let mut block = RawBlock::with_capacity(1 << 16);
    let mut left = bytes;
    while left > 0 {
        block.clear();
        match block.read_from(&mut reader.by_ref().take(left)) {
            Ok(0) | Err(_) => return None,
            Ok(count) => left -= count as u64,
        }
    }
    block.wipe();
    Some(())
}

/// When a file was made.
fn born(metadata: &Metadata) -> Option<u64> {
    metadata.created().ok().and_then(nanoseconds)
}

fn nanoseconds(time: SystemTime) -> Option<u64> {
    u64::try_from(time.duration_since(UNIX_EPOCH).ok()?.as_nanos()).ok()
}

/// Whether a file is of what is followed now.
fn is_of(watched: &Watched, standing: &Standing) -> bool {
    watched.pattern.display().to_string() == standing.source
}

/// The files that a path or pattern names.
fn paths(pattern: &Path) -> Vec<PathBuf> {
    let text = pattern.display().to_string();
    if !text.contains(['*', '?', '[']) || pattern.exists() {
        return vec![pattern.to_owned()];
    }
    glob::glob(&text).map(|found| found.flatten().collect()).unwrap_or_default()
}

/// Files beside a file whose names begin as its own: that is how rotated logs are called.
fn neighbours(path: &Path) -> Vec<PathBuf> {
    let folder =
        path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let name = path.file_name().unwrap_or(OsStr::new("")).as_encoded_bytes();
    // `access.log.1` becomes `access.log.2.gz`, `access.log` also `access-20261122.log`: up to the first dot or dash.
    let stem = name.split(|byte| matches!(byte, b'.' | b'-')).next().unwrap_or(name);
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut found: Vec<_> = entries
        .flatten()
        .filter(|entry| entry.file_name().as_encoded_bytes().starts_with(stem))
        .map(|entry| entry.path())
        .filter(|found| found != path && found.is_file())
        .collect();
    found.sort();
    found
}
