//! The operations on a disk that the quarantine uses, each of which a test can make fail.
//!
//! As thin as can be: a [`Disk`] asks its [`Faults`], if it has any, before it does what the standard library
//! does. A write that is made to fail writes half of its bytes first, as a disk that fills up does. What is read is
//! read without it.

use std::{
    fmt,
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Seek as _, SeekFrom, Write},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
    sync::Arc,
};

use rustix::fs::{FallocateFlags, OFlags, fallocate};

/// What is done with a disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// A file is made or opened for writing.
    Open,
    /// Bytes are written.
    Write,
    /// Room is reserved.
    Reserve,
    /// A file is cut to a length.
    Cut,
    /// What was written is made durable.
    Sync,
    /// A file takes the place of another name.
    Rename,
    /// A file is removed.
    Remove,
}

/// What a test lets fail.
pub trait Faults: Send + Sync {
    /// The error that `operation` on `path` has, if it is to have one.
    fn before(&self, operation: Operation, path: &Path) -> Option<io::Error>;
}

/// A disk, with or without faults.
#[derive(Clone, Default)]
pub struct Disk {
    faults: Option<Arc<dyn Faults>>,
}

impl Disk {
    /// A disk on which `faults` decides what fails.
    #[must_use]
    pub fn with_faults(faults: Arc<dyn Faults>) -> Self {
        Self { faults: Some(faults) }
    }

    fn ask(&self, operation: Operation, path: &Path) -> io::Result<()> {
        let fault = self.faults.as_ref().and_then(|faults| faults.before(operation, path));
        fault.map_or(Ok(()), Err)
    }

    /// Makes a directory of this mode where there is none.
    pub(super) fn make_directory(&self, path: &Path, mode: u32) -> io::Result<()> {
        if path.is_dir() {
            return Ok(());
        }
        self.ask(Operation::Open, path)?;
        match DirBuilder::new().mode(mode).create(path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            made => made?,
        }
        // The mode as it was asked for, whatever the umask.
        fs::set_permissions(path, fs::Permissions::from_mode(mode))?;
        self.sync_parent(path)
    }

    /// Makes a file that must not be there.
    pub(super) fn create(&self, path: PathBuf, mode: u32) -> io::Result<DiskFile> {
        self.open(path, OpenOptions::new().write(true).create_new(true), mode)
    }

    /// Makes a file, or empties the one that is there.
    pub(super) fn create_over(&self, path: PathBuf, mode: u32) -> io::Result<DiskFile> {
        self.open(path, OpenOptions::new().write(true).create(true).truncate(true), mode)
    }

    /// Opens a file that is there for writing at its end.
    pub(super) fn append(&self, path: PathBuf) -> io::Result<DiskFile> {
        self.open(path, OpenOptions::new().append(true), 0)
    }

    /// Opens a file that is there for writing over it.
    pub(super) fn overwrite(&self, path: PathBuf) -> io::Result<DiskFile> {
        self.open(path, OpenOptions::new().write(true), 0)
    }

    fn open(&self, path: PathBuf, options: &mut OpenOptions, mode: u32) -> io::Result<DiskFile> {
        self.ask(Operation::Open, &path)?;
        // Not through a link: in the directory there are none of ours.
        let flags = (OFlags::NOFOLLOW | OFlags::CLOEXEC).bits();
        let file = options.mode(mode).custom_flags(flags as i32).open(&path)?;
        Ok(DiskFile { disk: self.clone(), file, path })
    }

    /// Makes a file durable with all of its bytes, in place of what was there, or leaves what was there.
    pub(super) fn replace(&self, path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
        let mut aside = path.as_os_str().to_owned();
        aside.push(".new");
        let aside = PathBuf::from(aside);
        let mut file = self.create_over(aside.clone(), mode)?;
        file.write_all(bytes)?;
        file.sync()?;
        self.rename(&aside, path)
    }

    /// Gives a file its name for good.
    pub(super) fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.ask(Operation::Rename, to)?;
        fs::rename(from, to)?;
        self.sync_parent(to)
    }

    /// Removes a file; nothing where there is none.
    pub(super) fn remove(&self, path: &Path) -> io::Result<()> {
        self.ask(Operation::Remove, path)?;
        match fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => self.sync_parent(path),
        }
    }

    /// Makes the name of a file durable.
    pub(super) fn sync_parent(&self, path: &Path) -> io::Result<()> {
        path.parent().map_or(Ok(()), |parent| self.sync_directory(parent))
    }

    /// Makes the names in a directory durable.
    pub(super) fn sync_directory(&self, path: &Path) -> io::Result<()> {
        // The parent of a name alone is called nothing.
        let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
        let sync = || {
            self.ask(Operation::Sync, path)?;
            File::open(path)?.sync_all()
        };
        sync().map_err(not_durable)
    }
}

/// An error of making something durable, whatever its kind: no room then is not no room before, and is not waited for.
fn not_durable(error: io::Error) -> io::Error {
    io::Error::other(format!("it could not be made durable: {error}"))
}

impl fmt::Debug for Disk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Disk({})", if self.faults.is_some() { "with faults" } else { "sound" })
    }
}

/// A file on a [`Disk`], open for writing.
#[derive(Debug)]
pub(super) struct DiskFile {
    disk: Disk,
    file: File,
    path: PathBuf,
}

impl DiskFile {
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn length(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.len())
    }

    /// Makes what was written durable. What fails here must not be tried again: the kernel may have given the
    /// bytes up, and would say at a second try that all is well.
    pub(super) fn sync(&self) -> io::Result<()> {
        let synced = self.disk.ask(Operation::Sync, &self.path).and_then(|()| self.file.sync_all());
        synced.map_err(not_durable)
    }

    /// Cuts the file; what is written next follows there.
    pub(super) fn cut(&self, length: u64) -> io::Result<()> {
        self.disk.ask(Operation::Cut, &self.path)?;
        self.file.set_len(length)?;
        (&self.file).seek(SeekFrom::Start(length)).map(drop)
    }

    /// Takes room for `bytes` from `from` on without making the file longer. A file system that cannot do that
    /// says nothing, and may be full later.
    pub(super) fn reserve(&self, from: u64, bytes: u64) -> io::Result<()> {
        self.disk.ask(Operation::Reserve, &self.path)?;
        match fallocate(&self.file, FallocateFlags::KEEP_SIZE, from, bytes) {
            Err(rustix::io::Errno::OPNOTSUPP | rustix::io::Errno::NOSYS) => Ok(()),
            done => Ok(done?),
        }
    }
}

impl DiskFile {
    /// Writes at least one of these bytes, at the end of what was written.
    pub(super) fn write_some(&self, bytes: &[u8]) -> io::Result<usize> {
        if let Err(error) = self.disk.ask(Operation::Write, &self.path) {
            (&self.file).write_all(&bytes[..bytes.len() / 2])?;
            return Err(error);
        }
        (&self.file).write(bytes)
    }
}

impl Write for DiskFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write_some(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
