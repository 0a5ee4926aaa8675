//! The files in a zip archive, in the order of its directory.
//!
//! The `zip` crate reads the directory, which stands at the end; what is in the files is read here, with the same
//! decoders as everything else.

use std::{
    collections::VecDeque,
    fs::File,
    io::{self, BufReader, Read},
    os::unix::fs::FileExt as _,
    sync::Arc,
};

use flate2::Crc;
use zip::{CompressionMethod, ZipArchive};

use super::{
    damage::Damage,
    layers::{Bytes, inflate},
    meter::Meter,
};

/// A zip archive, as far as it was not read yet.
pub(super) struct Archive {
    file: Arc<File>,
    entries: VecDeque<Result<Entry, Damage>>,
}

/// Where a file is in the archive, and how.
struct Entry {
    start: u64,
    packed: u64,
    size: u64,
    crc: u32,
    method: u16,
}

impl Archive {
    pub(super) fn open(file: File) -> io::Result<Self> {
        let corrupt = |_| io::Error::from(Damage::Corrupt);
        let mut archive = ZipArchive::new(BufReader::new(file.try_clone()?)).map_err(corrupt)?;
        let mut entries = VecDeque::new();
        for index in 0..archive.len() {
            let entry = match archive.by_index_raw(index) {
                Ok(found) if found.is_dir() || found.is_symlink() => continue,
                Ok(found) if found.encrypted() => Err(Damage::Encrypted),
                Ok(found) => found.data_start().ok_or(Damage::Corrupt).map(|start| Entry {
                    start,
                    packed: found.compressed_size(),
                    size: found.size(),
                    crc: found.crc32(),
                    method: number(found.compression()),
                }),
                Err(_) => Err(Damage::Corrupt),
            };
            entries.push_back(entry);
        }
        Ok(Self { file: Arc::new(file), entries })
    }

    /// The next file. Nothing is the end.
    pub(super) fn next(&mut self, meter: &Arc<Meter>) -> Option<io::Result<Bytes>> {
        let entry = match self.entries.pop_front()? {
            Ok(entry) => entry,
            Err(damage) => return Some(Err(damage.into())),
        };
        let part = Part {
            file: Arc::clone(&self.file),
            at: entry.start,
            left: entry.packed,
            meter: Arc::clone(meter),
        };
        let checked = |bytes| -> Bytes {
            Box::new(Checked { bytes, crc: Crc::new(), left: entry.size, expect: entry.crc })
        };
        Some(inflate(entry.method, Box::new(part), meter).map(checked))
    }
}

/// The number of a method that is read. The crate does not tell the numbers of those that it was built without.
fn number(method: CompressionMethod) -> u16 {
    match method {
        CompressionMethod::STORE => 0,
        CompressionMethod::DEFLATE => 8,
        CompressionMethod::BZIP2 => 12,
        CompressionMethod::ZSTD => 93,
        CompressionMethod::XZ => 95,
        _ => u16::MAX,
    }
}

/// A part of the archive's file.
struct Part {
    file: Arc<File>,
    at: u64,
    left: u64,
    meter: Arc<Meter>,
}

impl Read for Part {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let wanted = buffer.len().min(usize::try_from(self.left).unwrap_or(usize::MAX));
        let count = self.file.read_at(&mut buffer[..wanted], self.at)?;
        self.at += count as u64;
        self.left -= count as u64;
        self.meter.take(count);
        Ok(count)
    }
}

/// What comes out of a decoder, held against what the directory says of it.
struct Checked {
    bytes: Bytes,
    crc: Crc,
    left: u64,
    expect: u32,
}

impl Read for Checked {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.bytes.read(buffer)?;
        if count == 0 && !buffer.is_empty() {
            return match (self.left, self.crc.sum() == self.expect) {
                (0, true) => Ok(0),
                (0, false) => Err(Damage::Checksum.into()),
                (1.., _) => Err(Damage::Truncated.into()),
            };
        }
        self.crc.update(&buffer[..count]);
        self.left = self.left.checked_sub(count as u64).ok_or(Damage::Corrupt)?;
        Ok(count)
    }
}
