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
    /// The shared chain that this run followed is gone, or another one is there.
    Gone(PathBuf),
    /// The kernel gave no random numbers.
    Random,
}

impl fmt::Display for KeysError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io { what, path, error } => write!(f, "{what} {}: {error}", path.display()),
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
                "the shared chain in {} is gone or another one; clients stay empty until tamis is started anew",
                path.display()
            ),
            Self::Random => f.write_str("cannot draw a key: the kernel gave no random numbers"),
        }
    }
}

impl std::error::Error for KeysError {}
