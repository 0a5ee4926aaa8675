//! A file that is looked at, opened once.
//!
//! Logs are renamed at any moment, also between two questions about one of them. What is asked under a name may then be
//! answered by another file; so a name is opened once, and all else is asked of what was opened. Whether names moved
//! while a folder was looked at is told by the folder.

use std::{
    borrow::Borrow,
    fs::{self, File, Metadata},
    io::{self, Read},
    os::unix::fs::{FileExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use rustix::fs::OFlags;

use super::{
    find::inode,
    likeness::{HEAD_BYTES, read_fully},
};
use crate::{
    privacy::RawBlock,
    source::{Kind, kind_of_file, unpacked_file},
};

/// The clock that stamps folders is behind by no more than this.
const STAMP_LAG: Duration = Duration::from_millis(20);

/// See above.
pub(super) struct Opened {
    /// Under which name.
    pub(super) path: PathBuf,
    pub(super) file: File,
    pub(super) metadata: Metadata,
}

impl Opened {
    pub(super) fn at(path: &Path) -> io::Result<Self> {
        // A pipe beside a log, to which nobody writes, keeps nobody waiting.
        let flags = OFlags::NONBLOCK.bits() as i32;
        let file = File::options().read(true).custom_flags(flags).open(path)?;
        let metadata = file.metadata()?;
        if metadata.is_file() {
            Ok(Self { path: path.to_owned(), file, metadata })
        } else {
            Err(io::ErrorKind::NotFound.into())
        }
    }

    /// Whether its name is still its own.
    pub(super) fn has_its_name(&self) -> bool {
        self.path.metadata().is_ok_and(|now| inode(&now) == inode(&self.metadata))
    }

    pub(super) fn is_plain(&self) -> io::Result<bool> {
        kind_of_file(&self.file).map(|kind| kind == Kind::Plain)
    }

    /// What it has from a place on, with all compression taken off; nothing where it has not so many bytes. One
    /// content of a compressed file is read at a time.
    pub(super) fn content_at(&self, start: u64) -> io::Result<Option<Box<dyn Read + Send>>> {
        let file = self.file.try_clone()?;
        if self.is_plain()? {
            let is_long_enough = file.metadata()?.len() >= start;
            let content = At { file, offset: start };
            return Ok(is_long_enough.then(|| Box::new(content) as Box<dyn Read + Send>));
        }
        let Ok(mut content) = unpacked_file(file) else { return Ok(None) };
        Ok(skip(&mut content, start).map(|()| content as Box<dyn Read + Send>))
    }

    /// What stands before a place.
    pub(super) fn trail_before(&self, place: u64) -> RawBlock {
        let mut trail = RawBlock::with_capacity(HEAD_BYTES as usize);
        let bytes = place.min(HEAD_BYTES);
        let content = self.content_at(place - bytes).ok().flatten();
        let is_whole = content
            .is_some_and(|mut it| read_fully(&mut it, &mut trail, bytes).is_ok_and(|whole| whole));
        if !is_whole {
            // What is not known whole has no name.
            trail.wipe();
        }
        trail
    }
}

/// What is left of a file, read to its end once. It is begun when it is read first, and again if that failed.
pub(super) struct Rest {
    opened: Opened,
    start: u64,
    content: Option<Box<dyn Read + Send>>,
}

impl Rest {
    pub(super) fn new(opened: Opened, start: u64) -> Self {
        Self { opened, start, content: None }
    }
}

impl Read for Rest {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let content = match &mut self.content {
            Some(content) => content,
            None => {
                let content = self.opened.content_at(self.start)?;
                self.content.insert(content.ok_or(io::ErrorKind::UnexpectedEof)?)
            }
        };
        content.read(buffer)
    }
}

/// Reads of a file at a place, without moving it for others.
pub(super) struct At<F> {
    pub(super) file: F,
    pub(super) offset: u64,
}

impl<F: Borrow<File>> Read for At<F> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.file.borrow().read_at(buffer, self.offset)?;
        self.offset += count as u64;
        Ok(count)
    }
}

/// When the names of a folder changed last. What is looked for while they do may be met twice or not at all.
pub(super) struct Names {
    folder: PathBuf,
    changed: Option<SystemTime>,
    were_at_rest: bool,
}

impl Names {
    /// Of the folder in which `path` is.
    pub(super) fn around(path: &Path) -> Self {
        Self::looked_at(path, SystemTime::now())
    }

    fn looked_at(path: &Path, now: SystemTime) -> Self {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let folder = folder.unwrap_or(Path::new(".")).to_owned();
        let changed = changed(&folder);
        // Within the clock's step a later change has the same time.
        let were_at_rest =
            changed.is_none_or(|at| now.duration_since(at).map_or(true, |since| since > STAMP_LAG));
        Self { folder, changed, were_at_rest }
    }

    /// Whether none has changed since, nor shortly before.
    pub(super) fn rest(&self) -> bool {
        self.were_at_rest && changed(&self.folder) == self.changed
    }
}

fn changed(folder: &Path) -> Option<SystemTime> {
    fs::metadata(folder).and_then(|metadata| metadata.modified()).ok()
}

/// Reads past so many bytes.
fn skip(reader: &mut impl Read, bytes: u64) -> Option<()> {
    let mut block = RawBlock::with_capacity(1 << 16);
    let mut left = bytes;
    while left > 0 {
        block.clear();
        match block.read_from(&mut reader.by_ref().take(left)) {
            Ok(0) => return None,
            Ok(count) => left -= count as u64,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => return None,
        }
    }
    block.wipe();
    Some(())
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    #[test]
    fn what_was_opened_is_asked_whatever_has_its_name_by_then() {
        let folder = std::env::temp_dir().join(format!("tamis-opened-{}", std::process::id()));
        fs::create_dir_all(&folder).expect("writable");
        let log = folder.join("access.log");
        fs::write(&log, "the first log").expect("writable");
        let opened = Opened::at(&log).expect("ours");
        assert!(opened.has_its_name());
        fs::rename(&log, folder.join("access.log.1")).expect("ours");
        assert!(!opened.has_its_name());
        fs::write(&log, "another one").expect("writable");
        assert!(!opened.has_its_name());
        let content_at = |place| {
            let mut text = String::new();
            let content = opened.content_at(place).expect("readable");
            content.map(|mut content| content.read_to_string(&mut text).map(|_| text))
        };
        assert_eq!(content_at(0).and_then(Result::ok).as_deref(), Some("the first log"));
        assert_eq!(content_at(10).and_then(Result::ok).as_deref(), Some("log"));
        assert!(content_at(14).is_none());
        assert_eq!(opened.trail_before(5).len(), 5);
        // What is no file is not waited for.
        let pipe = folder.join("pipe");
        rustix::fs::mkfifoat(rustix::fs::CWD, &pipe, 0o600.into()).expect("a pipe");
        assert!(Opened::at(&pipe).is_err() && Opened::at(&folder).is_err());
        fs::remove_dir_all(folder).expect("removable");
    }

    #[test]
    fn names_rest_until_one_changes() {
        let folder = std::env::temp_dir().join(format!("tamis-names-{}", std::process::id()));
        fs::create_dir_all(&folder).expect("writable");
        let log = folder.join("access.log");
        fs::write(&log, "").expect("writable");
        let changed = changed(&folder).expect("known");
        assert!(!Names::looked_at(&log, changed + STAMP_LAG).rest(), "one has changed just now");
        let names = Names::looked_at(&log, changed + STAMP_LAG * 2);
        fs::write(&log, "more of it").expect("writable");
        assert!(names.rest());
        thread::sleep(STAMP_LAG);
        fs::rename(&log, folder.join("access.log.1")).expect("ours");
        assert!(!names.rest());
        fs::remove_dir_all(folder).expect("removable");
    }
}
