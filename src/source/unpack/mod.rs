//! What is inside of compressed files and archives, one member after the other.
//!
//! The decoders are other people's crates; here they are put upon each other by what is found, metered, and made
//! to speak in our words. Their buffers hold raw bytes, lie outside of our reach and are not overwritten.

mod damage;
mod kind;
mod layers;
mod meter;
mod tar_members;
mod zip_members;

use std::{
    fs::File,
    io::{self, Read},
    sync::{Arc, Mutex},
};

pub use damage::Damage;
pub(super) use kind::HEAD_BYTES;
pub use kind::Kind;
pub(super) use layers::{Bytes, Headed};
use layers::{Found, peel};
pub(super) use meter::Meter;

use self::{tar_members::Member, zip_members::Archive as Zip};

/// An archive that has more than one file in it.
enum Archive {
    Tar(Arc<Mutex<tar_members::Archive>>),
    Zip(Zip),
}

/// An input that was compressed, or an archive.
pub(super) struct Packed {
    meter: Arc<Meter>,
    content: Bytes,
    archive: Option<Archive>,
    /// The number of the current file, from 1.
    member: u32,
}

impl Packed {
    /// What is inside of a stream. What is wrong with it comes when it is read.
    pub(super) fn open(source: Bytes, meter: Arc<Meter>) -> Self {
        let (content, archive): (Bytes, _) = match peel(source, &meter) {
            Ok(Found::Content(content)) => (content, None),
            Ok(Found::Tar(archive)) => {
                let archive = Arc::new(Mutex::new(tar_members::Archive::new(archive)));
                (Box::new(io::empty()), Some(Archive::Tar(archive)))
            }
            Err(error) => (Box::new(Failing(Some(error))), None),
        };
        let mut packed = Self { meter, content, archive, member: 0 };
        packed.next_member();
        packed
    }

    /// What is inside of a zip archive.
    pub(super) fn open_zip(file: File, meter: Arc<Meter>) -> Self {
        let (content, archive): (Bytes, _) = match Zip::open(file) {
            Ok(archive) => (Box::new(io::empty()), Some(Archive::Zip(archive))),
            Err(error) => (Box::new(Failing(Some(error))), None),
        };
        let mut packed = Self { meter, content, archive, member: 0 };
        packed.next_member();
        packed
    }

    /// Goes on to the next file of an archive, if there is one.
    pub(super) fn next_member(&mut self) -> bool {
        let next = match &mut self.archive {
            None => None,
            Some(Archive::Tar(archive)) => {
                Member::next(archive).map(|found| found.map(|member| Box::new(member) as Bytes))
            }
            Some(Archive::Zip(archive)) => archive.next(&self.meter),
        };
        let Some(next) = next else { return false };
        self.member += 1;
        self.content = match next.and_then(|content| peel(content, &self.meter)) {
            Ok(Found::Content(content)) => content,
            Ok(Found::Tar(_)) => Box::new(Failing(Some(Damage::Nested.into()))),
            Err(error) => Box::new(Failing(Some(error))),
        };
        // Neither headers of an archive nor its files can be taken up in the middle of a read.
        self.meter.set_patient(true);
        true
    }

    /// The number of the current file of an archive, from 1.
    pub(super) fn member(&self) -> Option<u32> {
        self.archive.as_ref().map(|_| self.member)
    }

    pub(super) fn meter(&self) -> &Meter {
        &self.meter
    }
}

impl Read for Packed {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.content.read(buffer).map_err(Damage::in_own_words)
    }
}

/// What could not be opened: it is said when it is read, once.
struct Failing(Option<io::Error>);

impl Read for Failing {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        self.0.take().map_or(Ok(0), Err)
    }
}
