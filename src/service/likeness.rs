//! Whether one file has what another one had: keyed names of a beginning and of what stood before a place.
//!
//! A beginning alone tells nothing where many lines are alike, as when one client asks for one thing hundreds of times
//! within a second. So what a file was read up to counts as well. Content is read into blocks, named and overwritten;
//! nothing of it stays.

use std::{
    fs::{File, Metadata},
    io::{self, Read},
    os::unix::fs::MetadataExt as _,
    path::Path,
    sync::{Mutex, PoisonError},
    time::{SystemTime, UNIX_EPOCH},
};

use super::{
    opened::{At, Opened},
    state::{Standing, Tail},
};
use crate::privacy::{ContentKey, RawBlock};

/// How much of a beginning, and of what stands before a place, has a name.
pub(super) const HEAD_BYTES: u64 = 1_024;
/// With less than this beginnings of different files may be alike.
pub(super) const HEAD_BYTES_MIN: u64 = 32;

/// See above.
pub(super) struct Eye {
    pub(super) key: ContentKey,
    /// Why a file could not be read, which does not say that it is another one.
    pub(super) failure: Mutex<Option<io::Error>>,
}

impl Eye {
    pub(super) const fn new(key: ContentKey) -> Self {
        Self { key, failure: Mutex::new(None) }
    }

    /// What failed since this was asked last.
    pub(super) fn take_failure(&self) -> Option<io::Error> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Notes what the system said; what a decoder says of a damaged file is none of this.
    pub(super) fn note(&self, error: io::Error) {
        if error.raw_os_error().is_some() && error.kind() != io::ErrorKind::NotFound {
            *self.failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
        }
    }

    /// Opens a file, and notes why it cannot be.
    pub(super) fn open(&self, path: &Path) -> Option<Opened> {
        Opened::at(path).map_err(|error| self.note(error)).ok()
    }

    /// The keyed name of the first bytes of a file; nothing where it has not so many.
    pub(super) fn head(&self, file: &File, bytes: u64) -> Option<String> {
        self.name(&mut At { file, offset: 0 }, bytes)
    }

    /// The keyed name of what was read last.
    pub(super) fn tail(&self, trail: &RawBlock, end: u64) -> Option<Tail> {
        // Where it is not known whole there is none.
        (trail.len() as u64 == end.min(HEAD_BYTES)).then(|| {
            let mut digest = self.key.digest();
            trail.add_to(&mut digest, 0);
            Tail { end, name: digest.whole() }
        })
    }

    /// Whether an open file is still what it was, up to where it was read.
    pub(super) fn is_still(&self, file: &File, standing: &Standing) -> bool {
        let has_tail = standing.tail.as_ref().is_none_or(|tail| {
            let bytes = tail.end.min(HEAD_BYTES);
            let name = self.name(&mut At { file, offset: tail.end - bytes }, bytes);
            name.as_ref() == Some(&tail.name)
        });
        has_tail && self.head(file, standing.head_bytes).as_ref() == Some(&standing.head)
    }

    /// Whether a file, compressed or not, has all that was read of another one.
    pub(super) fn holds(&self, opened: &Opened, standing: &Standing) -> bool {
        let Standing { head_bytes, head, tail, place, .. } = standing;
        let content_at =
            |start| opened.content_at(start).map_err(|error| self.note(error)).ok().flatten();
        let name_at = |start, bytes| content_at(start).and_then(|mut it| self.name(&mut it, bytes));
        *head_bytes >= HEAD_BYTES_MIN
            && name_at(0, *head_bytes).as_ref() == Some(head)
            && match tail {
                Some(tail) => {
                    let bytes = tail.end.min(HEAD_BYTES);
                    name_at(tail.end - bytes, bytes).as_ref() == Some(&tail.name)
                }
                None => content_at(place.offset).is_some(),
            }
    }

    fn name(&self, reader: &mut impl Read, bytes: u64) -> Option<String> {
        let mut block = RawBlock::with_capacity(HEAD_BYTES as usize);
        match read_fully(reader, &mut block, bytes) {
            Ok(true) => {}
            Ok(false) => return None,
            Err(error) => {
                self.note(error);
                return None;
            }
        }
        let mut digest = self.key.digest();
        block.add_to(&mut digest, 0);
        block.wipe();
        Some(digest.whole())
    }
}

/// Whether a file is the one that stood under an inode. Inodes are used again, and devices change their numbers with
/// a restart of the machine: when a file was made tells both, where the file system knows it.
pub(super) fn is_same_file(standing: &Standing, metadata: &Metadata) -> bool {
    standing.ino == metadata.ino()
        && match (standing.born, born(metadata)) {
            (Some(one), Some(other)) => one == other,
            _ => standing.dev == metadata.dev(),
        }
}

/// When a file was made.
pub(super) fn born(metadata: &Metadata) -> Option<u64> {
    metadata.created().ok().and_then(nanoseconds)
}

pub(super) fn nanoseconds(time: SystemTime) -> Option<u64> {
    u64::try_from(time.duration_since(UNIX_EPOCH).ok()?.as_nanos()).ok()
}

/// Reads exactly so many bytes into a block; says whether there are so many.
pub(super) fn read_fully(
    reader: &mut impl Read,
    block: &mut RawBlock,
    bytes: u64,
) -> io::Result<bool> {
    while (block.len() as u64) < bytes {
        let left = bytes - block.len() as u64;
        match block.read_from(&mut reader.by_ref().take(left)) {
            Ok(0) => return Ok(false),
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::{
        keys,
        service::state::{FileId, Place},
    };

    /// What is known of a file of which so many bytes were read.
    fn standing(eye: &Eye, path: &Path, read: u64) -> Standing {
        let opened = Opened::at(path).expect("ours");
        let Opened { file, metadata, .. } = &opened;
        let head_bytes = metadata.len().min(HEAD_BYTES);
        Standing {
            id: FileId(1),
            source: String::new(),
            path: path.to_owned(),
            dev: metadata.dev(),
            ino: metadata.ino(),
            born: born(metadata),
            first_born: None,
            head_bytes,
            head: eye.head(file, head_bytes).expect("it has so many"),
            place: Place { offset: read, skipping: false },
            tail: eye.tail(&opened.trail_before(read), read),
            sealed: None,
        }
    }

    #[test]
    fn a_copy_has_what_was_read_and_not_only_the_same_beginning() {
        let folder = std::env::temp_dir().join(format!("tamis-likeness-{}", std::process::id()));
        fs::create_dir_all(&folder).expect("writable");
        let eye = Eye::new(keys::content_key(&folder.join("names")).expect("a key"));
        let write = |name: &str, bytes: &[&[u8]]| {
            let path = folder.join(name);
            fs::write(&path, bytes.concat()).expect("writable");
            path
        };
        let (alike, other) = (vec![b'a'; 3_000], vec![b'b'; 2_000]);
        let path = write("access.log", &[&alike, &other]);
        let known = standing(&eye, &path, 4_000);
        assert!(known.tail.is_some());
        for (bytes, expect) in [
            (vec![&alike[..], &other], true),
            (vec![&alike, &other[..1_000]], true),
            (vec![&alike, &other[..999]], false),
            (vec![&alike, &other, b"and more"], true),
            (vec![&alike, &alike], false),
            (vec![b"x", &alike[1..], &other], false),
            (vec![], false),
        ] {
            let copy = Opened::at(&write("copy", &bytes)).expect("ours");
            assert_eq!(eye.holds(&copy, &known), expect, "{} bytes", bytes.concat().len());
        }
        let opened = Opened::at(&path).expect("ours");
        assert!(eye.is_still(&opened.file, &known));
        // Written anew in place with the same beginning.
        write("access.log", &[&alike, &alike]);
        assert!(!eye.is_still(&opened.file, &known));
        // A state of before says less, and is enough.
        let mut old = serde_json::to_value(&known).expect("JSON");
        for key in ["tail", "first_born"] {
            old.as_object_mut().and_then(|old| old.remove(key)).expect("it was there");
        }
        let old: Standing = serde_json::from_value(old).expect("it is read");
        assert!(eye.holds(&opened, &old) && old.tail.is_none());
        fs::remove_dir_all(folder).expect("removable");
    }
}
