//! The key directory: one small file for each key, readable by its owner only, and a lock.
//!
//! ```text
//! lock               held while anything changes; says the generation, which each change replaces
//! state              solo or shared, the length of an epoch, the clocks; no secret
//! epoch-20779.key    the key of an epoch, 32 bytes
//! chain-20780.key    shared only: the value of the chain from which later keys come
//! request.identity   while a request for a chain is open: what opens the answer, an age identity as text
//! ```
//!
//! A key is destroyed by overwriting its file and removing it. That ends it where files lie in memory (tmpfs);
//! a disk may keep old bytes beside the new ones. What is not ours is not touched: only files of these names
//! are read or removed, links are not followed, and a directory or file that others may read is refused.

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Read as _, Write as _},
    os::unix::fs::{DirBuilderExt as _, FileExt as _, MetadataExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use rustix::{
    fs::{OFlags, fstatfs},
    process::geteuid,
    rand::{GetRandomFlags, getrandom},
};
use zeroize::Zeroizing;

use super::error::KeysError;
use crate::transform::pseudonym::{ChainKey, Epoch, EpochKey, EpochLength, KEY_BYTES, Secret};

/// How many bytes the files of text have at most; they have about a hundred.
const TEXT_BYTES_MAX: u64 = 1_024;

const IDENTITY: &str = "request.identity";

/// Whether each machine draws its keys, or several derive the same ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// A random key for each epoch: what is stolen opens no later one.
    Solo,
    /// A chain that several machines follow.
    Shared,
}

impl Mode {
    /// The word for it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Solo => "solo",
            Self::Shared => "shared",
        }
    }
}

/// What a directory says of itself. Nothing of it is secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct State {
    pub(super) mode: Mode,
    pub(super) length: EpochLength,
    /// When the machine was started by the settable clock, as it was when somebody trusted that clock.
    pub(super) started: i64,
    pub(super) session: u64,
}

impl State {
    fn to_text(self) -> String {
        let Self { mode, length, started, session } = self;
        let (mode, seconds) = (mode.name(), length.seconds());
        format!("tamis keys 1\nmode {mode}\nepoch {seconds}\nclock {started} {session:016x}\n")
    }

    fn parse(text: &str) -> Option<Self> {
        let mut lines = text.strip_prefix("tamis keys 1\n")?.lines();
        let mode = match lines.next()? {
            "mode solo" => Mode::Solo,
            "mode shared" => Mode::Shared,
            _ => return None,
        };
        let seconds = lines.next()?.strip_prefix("epoch ")?.parse().ok()?;
        let (started, session) = lines.next()?.strip_prefix("clock ")?.split_once(' ')?;
        Some(Self {
            mode,
            length: EpochLength::new(seconds)?,
            started: started.parse().ok()?,
            session: u64::from_str_radix(session, 16).ok()?,
        })
    }
}

/// A directory that is ours alone.
#[derive(Debug)]
pub(super) struct Directory {
    path: PathBuf,
    lock: File,
}

/// The directory while nobody else changes it.
pub(super) struct Locked<'a> {
    directory: &'a Directory,
}

impl Directory {
    /// Opens the directory and makes it when it is not there and `create` is wanted. `None`: it is not there.
    pub(super) fn open(path: &Path, create: bool) -> Result<Option<Self>, KeysError> {
        if create {
            match DirBuilder::new().mode(0o700).create(path) {
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                    return Err(failed("cannot make the key directory", path, error));
                }
                _ => {}
            }
        }
        let metadata = match fs::metadata(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound && !create => return Ok(None),
            found => found.map_err(|error| failed("cannot use the key directory", path, error))?,
        };
        if !metadata.is_dir() {
            return Err(KeysError::Strange(path.to_owned()));
        }
        refuse_others(path, &metadata)?;
        let name = path.join("lock");
        let lock = open(OpenOptions::new().read(true).write(true).create(true), &name)?;
        Ok(Some(Self { path: path.to_owned(), lock }))
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Waits until nobody else changes the directory.
    pub(super) fn lock(&self) -> Result<Locked<'_>, KeysError> {
        let error = |error| failed("cannot lock", &self.path.join("lock"), error);
        self.lock.lock().map_err(error)?;
        Ok(Locked { directory: self })
    }

    /// A number that every change of the keys replaces.
    pub(super) fn generation(&self) -> Result<u64, KeysError> {
        let mut text = [0; 16];
        let name = || self.path.join("lock");
        let length = self
            .lock
            .read_at(&mut text, 0)
            .map_err(|error| failed("cannot read", &name(), error))?;
        match (
            length,
            str::from_utf8(&text).ok().and_then(|text| u64::from_str_radix(text, 16).ok()),
        ) {
            (16, Some(generation)) => Ok(generation),
            // Not written, or not to its end: that of nobody.
            (0..16, _) => Ok(0),
            _ => Err(KeysError::Strange(name())),
        }
    }

    /// Whether the file system lies in memory only, as far as it does not swap.
    pub(super) fn is_in_memory(&self) -> bool {
        // Of tmpfs and ramfs, from linux/magic.h.
        const MAGIC: [u64; 2] = [0x0102_1994, 0x8584_58f6];
        fstatfs(&self.lock).is_ok_and(|found| MAGIC.contains(&(found.f_type as u64)))
    }
}

impl Drop for Locked<'_> {
    fn drop(&mut self) {
        let _ = self.directory.lock.unlock();
    }
}

impl Locked<'_> {
    /// Where the directory is.
    pub(super) fn path(&self) -> &Path {
        self.directory.path()
    }

    fn file(&self, name: &str) -> PathBuf {
        self.directory.path.join(name)
    }

    /// What the directory says of itself, if keys were begun in it.
    pub(super) fn state(&self) -> Result<Option<State>, KeysError> {
        let path = self.file("state");
        let mut text = Vec::new();
        match open(OpenOptions::new().read(true), &path) {
            Err(KeysError::Io { error, .. }) if error.kind() == io::ErrorKind::NotFound => {
                return Ok(None);
            }
            Err(error) => return Err(error),
            Ok(file) => file.take(TEXT_BYTES_MAX).read_to_end(&mut text),
        }
        .map_err(|error| failed("cannot read", &path, error))?;
        let state = str::from_utf8(&text).ok().and_then(State::parse);
        state.map(Some).ok_or(KeysError::Strange(path))
    }

    pub(super) fn set_state(&self, state: State) -> Result<(), KeysError> {
        self.replace("state", state.to_text().as_bytes())?;
        self.change()
    }

    /// Whether a request for a chain is open.
    pub(super) fn has_request(&self) -> Result<bool, KeysError> {
        let path = self.file(IDENTITY);
        path.try_exists().map_err(|error| failed("cannot open", &path, error))
    }

    /// What opens the answer to the request that is open.
    pub(super) fn identity(&self) -> Result<Option<Zeroizing<String>>, KeysError> {
        if !self.has_request()? {
            return Ok(None);
        }
        let path = self.file(IDENTITY);
        let file = open(OpenOptions::new().read(true), &path)?;
        // Room for all of it, so that no part is left behind where the text was moved.
        let mut text = Zeroizing::new(String::with_capacity(2 * TEXT_BYTES_MAX as usize));
        match file.take(TEXT_BYTES_MAX).read_to_string(&mut text) {
            Ok(_) => Ok(Some(text)),
            Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                Err(KeysError::Strange(path))
            }
            Err(error) => Err(failed("cannot read", &path, error)),
        }
    }

    /// Opens a request in place of an earlier one.
    pub(super) fn put_identity(&self, text: &str) -> Result<(), KeysError> {
        self.destroy_identity()?;
        self.replace(IDENTITY, text.as_bytes())
    }

    pub(super) fn destroy_identity(&self) -> Result<(), KeysError> {
        self.destroy(&aside(IDENTITY))?;
        self.destroy(IDENTITY)
    }

    /// Replaces a file so that it is there as a whole or as it was.
    fn replace(&self, name: &str, bytes: &[u8]) -> Result<(), KeysError> {
        let (aside, path) = (self.file(&aside(name)), self.file(name));
        let mut options = OpenOptions::new();
        let mut file = open(options.write(true).create(true).truncate(true), &aside)?;
        // A machine that stops would else leave the name, and nothing in the file.
        file.write_all(bytes)
            .and_then(|()| file.sync_all())
            .and_then(|()| fs::rename(&aside, &path))
            .map_err(|error| failed("cannot write", &path, error))
    }

    /// Says that the keys are others now.
    pub(super) fn change(&self) -> Result<(), KeysError> {
        let mut bytes = [0; 8];
        fill_randomly(&mut bytes)?;
        let generation = u64::from_ne_bytes(bytes).max(1);
        let text = format!("{generation:016x}");
        let file = &self.directory.lock;
        file.write_all_at(text.as_bytes(), 0)
            .map_err(|error| failed("cannot write", &self.file("lock"), error))
    }

    /// The epochs for which there is a file of this kind, in order.
    fn epochs(&self, kind: &str) -> Result<Vec<Epoch>, KeysError> {
        let path = &self.directory.path;
        let entries = fs::read_dir(path).map_err(|error| failed("cannot list", path, error))?;
        let mut found = Vec::new();
        for entry in entries {
            let entry = entry.map_err(|error| failed("cannot list", path, error))?;
            let name = entry.file_name();
            let number =
                name.to_str().and_then(|name| name.strip_prefix(kind)?.strip_suffix(".key"));
            // Only the number as it was written: nothing else with these digits is ours.
            let number = number
                .and_then(|text| text.parse::<u32>().ok().filter(|it| it.to_string() == text));
            found.extend(number.map(Epoch));
        }
        found.sort();
        Ok(found)
    }

    /// The epochs that have a key.
    pub(super) fn keys(&self) -> Result<Vec<Epoch>, KeysError> {
        self.epochs("epoch-")
    }

    /// The epochs that have a value of the chain: one, or two after a step that was cut short.
    pub(super) fn chains(&self) -> Result<Vec<Epoch>, KeysError> {
        self.epochs("chain-")
    }

    pub(super) fn key(&self, epoch: Epoch) -> Result<Option<EpochKey>, KeysError> {
        Ok(self.read(&key_name(epoch))?.map(EpochKey::new))
    }

    pub(super) fn chain(&self, epoch: Epoch) -> Result<Option<ChainKey>, KeysError> {
        Ok(self.read(&chain_name(epoch))?.map(ChainKey::new))
    }

    pub(super) fn put_key(&self, epoch: Epoch, key: &EpochKey) -> Result<(), KeysError> {
        self.write(&key_name(epoch), key.expose_key())
    }

    pub(super) fn put_chain(&self, epoch: Epoch, chain: &ChainKey) -> Result<(), KeysError> {
        self.write(&chain_name(epoch), chain.expose_key())
    }

    pub(super) fn destroy_key(&self, epoch: Epoch) -> Result<(), KeysError> {
        self.destroy(&key_name(epoch))
    }

    pub(super) fn destroy_chain(&self, epoch: Epoch) -> Result<(), KeysError> {
        self.destroy(&chain_name(epoch))
    }

    /// Destroys every key.
    pub(super) fn destroy_keys(&self) -> Result<(), KeysError> {
        for epoch in self.keys()? {
            self.destroy_key(epoch)?;
        }
        for epoch in self.chains()? {
            self.destroy_chain(epoch)?;
        }
        Ok(())
    }

    /// A key that the clock does not draw, by its name.
    pub(super) fn secret(&self, name: &str) -> Result<Option<Secret>, KeysError> {
        self.read(name)
    }

    /// Keeps a key that the clock does not draw, so that it is there after a crash.
    pub(super) fn put_secret(&self, name: &str, key: &EpochKey) -> Result<(), KeysError> {
        self.write(name, key.expose_key())?;
        let path = self.file(name);
        let sync = |path: &Path| File::open(path).and_then(|file| file.sync_all());
        sync(&path)
            .and_then(|()| sync(self.path()))
            .map_err(|error| failed("cannot make durable", &path, error))
    }

    /// Destroys a key that the clock does not draw.
    pub(super) fn destroy_secret(&self, name: &str) -> Result<(), KeysError> {
        self.destroy(name)
    }

    /// The names of the keys of runs over old logs, and of contents.
    pub(super) fn secrets(&self) -> Result<Vec<String>, KeysError> {
        let path = &self.directory.path;
        let entries = fs::read_dir(path).map_err(|error| failed("cannot list", path, error))?;
        let mut found = Vec::new();
        for entry in entries {
            let entry = entry.map_err(|error| failed("cannot list", path, error))?;
            let name = entry.file_name().into_string().unwrap_or_default();
            let is_ours =
                name == "content.key" || (name.starts_with("batch-") && name.ends_with(".key"));
            found.extend(is_ours.then_some(name));
        }
        Ok(found)
    }

    /// Destroys every key, what opens the answer to a request, and what the directory says of itself.
    pub(super) fn destroy_all(&self) -> Result<(), KeysError> {
        self.destroy_keys()?;
        self.destroy_identity()?;
        for name in ["state", &aside("state")] {
            remove(&self.file(name))?;
        }
        self.change()
    }

    /// 32 bytes, or nothing: a file that was not written to its end was never used.
    fn read(&self, name: &str) -> Result<Option<Secret>, KeysError> {
        let path = self.file(name);
        let mut file = match open(OpenOptions::new().read(true), &path) {
            Err(KeysError::Io { error, .. }) if error.kind() == io::ErrorKind::NotFound => {
                return Ok(None);
            }
            found => found?,
        };
        match Secret::try_write(|place| file.read_exact(place)) {
            Ok(secret) => Ok(Some(secret)),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(None),
            Err(error) => Err(failed("cannot read", &path, error)),
        }
    }

    fn write(&self, name: &str, bytes: &[u8; KEY_BYTES]) -> Result<(), KeysError> {
        let path = self.file(name);
        let mut file = open(OpenOptions::new().write(true).create(true).truncate(true), &path)?;
        file.write_all(bytes).map_err(|error| failed("cannot write", &path, error))
    }

    fn destroy(&self, name: &str) -> Result<(), KeysError> {
        let path = self.file(name);
        let mut file = match open(OpenOptions::new().write(true), &path) {
            Err(KeysError::Io { error, .. }) if error.kind() == io::ErrorKind::NotFound => {
                return Ok(());
            }
            found => found?,
        };
        file.metadata()
            .and_then(|metadata| file.write_all(&vec![0; metadata.len() as usize]))
            .and_then(|()| file.sync_all())
            .map_err(|error| failed("cannot overwrite", &path, error))?;
        remove(&path)
    }
}

/// 32 bytes of the kernel's random numbers.
///
/// # Errors
///
/// The kernel gave none.
pub fn random() -> Result<Secret, KeysError> {
    Secret::try_write(|place| fill_randomly(place))
}

fn fill_randomly(bytes: &mut [u8]) -> Result<(), KeysError> {
    let length = bytes.len();
    // Up to 256 bytes come whole or not at all (getrandom(2)).
    match getrandom(bytes, GetRandomFlags::empty()) {
        Ok(count) if count == length => Ok(()),
        _ => Err(KeysError::Random),
    }
}

/// Where a file is written before it takes its place.
fn aside(name: &str) -> String {
    format!("{name}.new")
}

fn key_name(epoch: Epoch) -> String {
    format!("epoch-{}.key", epoch.0)
}

fn chain_name(epoch: Epoch) -> String {
    format!("chain-{}.key", epoch.0)
}

/// Opens a file of ours, which nobody else may read.
fn open(options: &mut OpenOptions, path: &Path) -> Result<File, KeysError> {
    // Neither through a link, nor waiting for whoever is at the other end of a pipe.
    let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC).bits();
    let file = options
        .mode(0o600)
        .custom_flags(flags as i32)
        .open(path)
        .map_err(|error| failed("cannot open", path, error))?;
    let metadata = file.metadata().map_err(|error| failed("cannot open", path, error))?;
    if !metadata.is_file() {
        return Err(KeysError::Strange(path.to_owned()));
    }
    refuse_others(path, &metadata)?;
    Ok(file)
}

fn refuse_others(path: &Path, metadata: &fs::Metadata) -> Result<(), KeysError> {
    let mode = metadata.mode() & 0o7777;
    if mode & 0o077 != 0 {
        return Err(KeysError::Loose { path: path.to_owned(), mode });
    }
    if metadata.uid() != geteuid().as_raw() {
        return Err(KeysError::Foreign(path.to_owned()));
    }
    Ok(())
}

fn remove(path: &Path) -> Result<(), KeysError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(failed("cannot remove", path, error))
        }
        _ => Ok(()),
    }
}

fn failed(what: &'static str, path: &Path, error: io::Error) -> KeysError {
    KeysError::Io { what, path: path.to_owned(), error }
}
