//! Output that is compressed, or written beside its place and moved there once it is whole.

use std::{
    fs::{self, DirBuilder, File, FileTimes, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::Path,
    time::SystemTime,
};

use flate2::{Compression as Level, write::GzEncoder};

/// How output is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    /// With Zstandard.
    Zstd,
    /// With gzip.
    Gzip,
}

impl Compression {
    /// What names of such files end with.
    #[must_use]
    pub const fn extension(self) -> &'static str {
        match self {
            Self::Zstd => "zst",
            Self::Gzip => "gz",
        }
    }
}

/// Compresses into a buffer, which is then written like everything else.
pub(super) enum Packer {
    Zstd(zstd::stream::write::Encoder<'static, Vec<u8>>),
    Gzip(GzEncoder<Vec<u8>>),
}

impl std::fmt::Debug for Packer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Packer")
    }
}

impl Packer {
    /// At the levels that are the usual ones.
    pub(super) fn new(compression: Compression) -> io::Result<Self> {
        Ok(match compression {
            Compression::Zstd => {
                let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), 3)?;
                encoder.include_checksum(true)?;
                Self::Zstd(encoder)
            }
            Compression::Gzip => Self::Gzip(GzEncoder::new(Vec::new(), Level::default())),
        })
    }

    /// Takes `bytes` and gives what is to be written now.
    pub(super) fn pack(&mut self, bytes: &[u8]) -> io::Result<Vec<u8>> {
        match self {
            Self::Zstd(encoder) => {
                encoder.write_all(bytes)?;
                Ok(std::mem::take(encoder.get_mut()))
            }
            Self::Gzip(encoder) => {
                encoder.write_all(bytes)?;
                Ok(std::mem::take(encoder.get_mut()))
            }
        }
    }

    /// What is to be written at the end.
    pub(super) fn finish(self) -> io::Result<Vec<u8>> {
        match self {
            Self::Zstd(encoder) => encoder.finish(),
            Self::Gzip(encoder) => encoder.finish(),
        }
    }
}

/// Moves a file that is whole to its place, so that it is there after a crash.
///
/// # Errors
///
/// What the system says.
pub fn settle(aside: &Path, place: &Path, time: Option<SystemTime>) -> io::Result<()> {
    let file = File::options().append(true).open(aside)?;
    if let Some(time) = time {
        file.set_times(FileTimes::new().set_modified(time))?;
    }
    file.sync_all()?;
    fs::rename(aside, place)?;
    sync_folder(place)
}

/// Writes a file that only its owner may read, so that it is there after a crash and never half of it.
///
/// # Errors
///
/// What the system says.
pub fn write_durably(place: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut name = place.file_name().unwrap_or_default().to_owned();
    name.push(".part");
    let aside = place.with_file_name(name);
    let _ = fs::remove_file(&aside);
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&aside)?;
    file.write_all(bytes)?;
    settle(&aside, place, None)
}

/// Makes a folder and those that it lies in, as far as they are not there, with this mode, so that they are there after
/// a crash.
///
/// # Errors
///
/// What the system says.
pub fn make_folders(folder: &Path, mode: u32) -> io::Result<()> {
    if folder.as_os_str().is_empty() || folder.is_dir() {
        return Ok(());
    }
    folder.parent().map_or(Ok(()), |parent| make_folders(parent, mode))?;
    match DirBuilder::new().mode(mode).create(folder) {
        // Another thread made it just now.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && folder.is_dir() => {}
        made => made?,
    }
    sync_folder(folder)
}

/// Makes the names in a file's folder durable.
///
/// # Errors
///
/// What the system says.
pub fn sync_folder(place: &Path) -> io::Result<()> {
    let folder = place.parent().filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}
