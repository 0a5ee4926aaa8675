//! Why keys cannot be used, in words that hold no secret and say what to do next.

use std::{fmt, io, path::PathBuf};

/// Why keys cannot be used.
#[derive(Debug)]
#[non_exhaustive]
pub enum KeysError {
    /// The system refused something.
    Io {
        /// What was tried, such as `cannot read`.
        what: &'static str,
        /// Where.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// Others may read it.
    Loose {
        /// The directory or file.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// It belongs to somebody else.
    Foreign(PathBuf),
    /// There is something of the name of one of our files that is none.
    Strange(PathBuf),
    /// There are keys already.
    Exists(PathBuf),
    /// What this run followed is gone, or something else is there.
    Gone(PathBuf),
    /// A request for a chain waits for its answer.
    RequestOpen(PathBuf),
    /// No request for a chain waits for an answer.
    NoRequest(PathBuf),
    /// There are no keys.
    NoKeys(PathBuf),
    /// There is no chain to hand on, because each key is drawn.
    Solo(PathBuf),
    /// The clock was set by more than an epoch.
    ClockJumped(PathBuf),
    /// What should name who may open an answer does not.
    Recipient,
    /// An answer is damaged, or to another request.
    Answer,
    /// An answer has other keys than those that were expected.
    OtherKey,
    /// The kernel gave no random numbers.
    Random,
}

impl KeysError {
    /// Whether the disk failed, and not what was asked for: where there is nothing, or somebody may not, another
    /// directory would do.
    #[must_use]
    pub fn is_of_the_disk(&self) -> bool {
        let Self::Io { error, .. } = self else { return false };
        !matches!(
            error.kind(),
            io::ErrorKind::NotFound
                | io::ErrorKind::PermissionDenied
                | io::ErrorKind::AlreadyExists
                | io::ErrorKind::NotADirectory
                | io::ErrorKind::IsADirectory
                | io::ErrorKind::ReadOnlyFilesystem
                | io::ErrorKind::InvalidInput
                | io::ErrorKind::InvalidFilename
        )
    }
}

impl fmt::Display for KeysError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io { what, path, error } => {
                write!(f, "{what} {}: {error}", path.display())?;
                f.write_str(match error.kind() {
                    io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                        "; make room, and run it again"
                    }
                    _ if self.is_of_the_disk() => "; look at the disk, and run it again",
                    _ => "; see who may use this place, or name another one",
                })
            }
            Self::Loose { path, mode } => write!(
                f,
                "cannot use the keys in {}: its permissions are {mode:o}, so others may read them; \
                 run chmod go= on it (in a systemd service: RuntimeDirectoryMode=0700)",
                path.display()
            ),
            Self::Foreign(path) => write!(
                f,
                "cannot use the keys in {}: it belongs to another user; name a directory of one's own with \
                 --key-dir",
                path.display()
            ),
            Self::Strange(path) => write!(
                f,
                "cannot use the keys: {} is no file that tamis wrote; name another directory with --key-dir",
                path.display()
            ),
            Self::Exists(path) => write!(
                f,
                "cannot begin anew in {}: there are keys already; see tamis keys status, or end them with \
                 tamis keys destroy",
                path.display()
            ),
            Self::Gone(path) => write!(
                f,
                "the keys in {} are gone, or others than this run began with; clients stay empty until tamis is \
                 started anew",
                path.display()
            ),
            Self::RequestOpen(path) => write!(
                f,
                "cannot begin keys in {}: a request for a chain is open; import its answer with tamis keys import, \
                 or give it up with tamis keys destroy",
                path.display()
            ),
            Self::NoRequest(path) => write!(
                f,
                "cannot import an answer: no request is open in {}; open one with \
                 tamis keys import --request FILE",
                path.display()
            ),
            Self::NoKeys(path) => write!(
                f,
                "cannot export a chain: there are no keys in {}; begin a chain with tamis keys init --shared",
                path.display()
            ),
            Self::Solo(path) => write!(
                f,
                "cannot export a chain: the keys in {} are drawn for this machine alone (solo); destroy them and \
                 begin a chain with tamis keys init --shared",
                path.display()
            ),
            Self::ClockJumped(path) => write!(
                f,
                "cannot export the chain in {}: the clock was set by more than an epoch; if it is right, run \
                 tamis keys init --confirm-clock",
                path.display()
            ),
            Self::Recipient => f.write_str(
                "cannot tell for whom to export: the text age1... that tamis keys import --request wrote is \
                 expected, or the file with it",
            ),
            Self::Answer => f.write_str(
                "cannot read the answer: it is damaged, or to another request than the open one; let it be \
                 exported again, to the latest request",
            ),
            Self::OtherKey => f.write_str(
                "refused the answer: its key is not the one that --expect names, so it may be forged; compare the \
                 key id with what tamis keys export said, and let it be exported again",
            ),
            Self::Random => f.write_str("cannot draw a key: the kernel gave no random numbers"),
        }
    }
}

impl std::error::Error for KeysError {}
