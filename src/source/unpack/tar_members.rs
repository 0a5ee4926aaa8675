//! The files in a tar archive, in its order.
//!
//! Headers are read by the `tar` crate; what it does beyond that is done here, because its members borrow from the
//! archive, and because it keeps names of any length, of which none is wanted. What describes the next file is
//! passed over but for a size that has no place in a header.

use std::{
    io::{self, Read},
    sync::{Arc, Mutex, PoisonError},
};

use tar::{Header, PaxExtensions};

use super::{damage::Damage, layers::Bytes};

/// Headers and contents fill blocks of so many bytes.
const BLOCK_BYTES: u64 = 512;
/// The longest description of a file that is looked at.
const DESCRIPTION_BYTES_MAX: u64 = 64 * 1024;

/// A tar archive.
pub(super) struct Archive {
    source: Bytes,
    /// What is left of the current file, and what fills up its last block.
    left: u64,
    padding: u64,
    /// Nothing more comes after an error or the end.
    is_over: bool,
}

/// The current file of an archive.
pub(super) struct Member(Arc<Mutex<Archive>>);

impl Archive {
    pub(super) const fn new(source: Bytes) -> Self {
        Self { source, left: 0, padding: 0, is_over: false }
    }

    /// Goes on to the next file. Nothing is the end.
    fn next(&mut self) -> Option<io::Result<()>> {
        if self.is_over {
            return None;
        }
        match self.find_next() {
            Ok(true) => Some(Ok(())),
            Ok(false) => {
                self.is_over = true;
                None
            }
            Err(error) => {
                self.is_over |= Damage::of(&error) != Some(Damage::Sparse);
                Some(Err(error))
            }
        }
    }

    fn find_next(&mut self) -> io::Result<bool> {
        let mut size_of_next = None;
        loop {
            self.skip(self.left + self.padding)?;
            (self.left, self.padding) = (0, 0);
            let mut block = [0; BLOCK_BYTES as usize];
            self.source.read_exact(&mut block).map_err(Damage::in_own_words)?;
            if block == [0; BLOCK_BYTES as usize] {
                // To the end, so that what is around the archive is checked too.
                io::copy(&mut self.source, &mut io::sink())?;
                return Ok(false);
            }
            let header = Header::from_byte_slice(&block);
            let corrupt = |_| io::Error::from(Damage::Corrupt);
            if header.cksum().map_err(corrupt)? != checksum(&block) {
                return Err(Damage::Corrupt.into());
            }
            let kind = header.entry_type();
            let size = header.entry_size().map_err(corrupt)?;
            let describes = kind.is_pax_local_extensions()
                || kind.is_pax_global_extensions()
                || kind.is_gnu_longname()
                || kind.is_gnu_longlink();
            self.left = if describes { size } else { size_of_next.take().unwrap_or(size) };
            self.padding = self.left.next_multiple_of(BLOCK_BYTES) - self.left;
            if kind.is_gnu_sparse() {
                return Err(Damage::Sparse.into());
            }
            if kind.is_file() || kind.is_contiguous() {
                return Ok(true);
            }
            if kind.is_pax_local_extensions() {
                size_of_next = self.size_in_description()?;
            }
        }
    }

    /// The size of the next file, if the current one is a description that has it.
    fn size_in_description(&mut self) -> io::Result<Option<u64>> {
        if self.left > DESCRIPTION_BYTES_MAX {
            return Err(Damage::Corrupt.into());
        }
        let mut text = vec![0; self.left as usize];
        self.source.read_exact(&mut text).map_err(Damage::in_own_words)?;
        self.left = 0;
        let size = PaxExtensions::new(&text)
            .filter_map(Result::ok)
            .find(|found| found.key_bytes() == b"size")
            .and_then(|found| found.value().ok()?.parse().ok());
        Ok(size)
    }

    fn skip(&mut self, count: u64) -> io::Result<()> {
        let skipped = io::copy(&mut (&mut self.source).take(count), &mut io::sink())?;
        if skipped < count { Err(Damage::Truncated.into()) } else { Ok(()) }
    }

    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let wanted = buffer.len().min(usize::try_from(self.left).unwrap_or(usize::MAX));
        let found = match self.source.read(&mut buffer[..wanted]) {
            Ok(0) if wanted > 0 => Err(Damage::Truncated.into()),
            found => found,
        };
        match found {
            Ok(count) => self.left -= count as u64,
            // What interrupts a read does not end it.
            Err(ref error) => self.is_over |= Damage::of(error).is_some(),
        }
        found
    }
}

impl Member {
    /// The next file of an archive. Nothing is the end.
    pub(super) fn next(archive: &Arc<Mutex<Archive>>) -> Option<io::Result<Self>> {
        let found = archive.lock().unwrap_or_else(PoisonError::into_inner).next();
        found.map(|found| found.map(|()| Self(Arc::clone(archive))))
    }
}

impl Read for Member {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).read(buffer)
    }
}

/// The sum of a header's bytes, with spaces where the sum itself stands.
fn checksum(block: &[u8; BLOCK_BYTES as usize]) -> u32 {
    let bytes = block[..148].iter().chain(&[b' '; 8]).chain(&block[156..]);
    bytes.map(|byte| u32::from(*byte)).sum()
}
