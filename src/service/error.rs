//! Why the service cannot start, or ends before it was asked to. None of these holds a byte of a log.

use std::{fmt, io, path::PathBuf};

use crate::{counts::RecordError, quarantine::QuarantineError};

/// Why the service cannot go on.
#[derive(Debug)]
#[non_exhaustive]
pub enum ServiceError {
    /// Something on the way to a file failed: what was tried, and where.
    Io(&'static str, PathBuf, io::Error),
    /// A socket could not be opened: which source, and why.
    Listen(String, io::Error),
    /// The state of an earlier run cannot be read.
    State(PathBuf),
    /// Another service works with the same state.
    Busy(PathBuf),
    /// systemd gave no socket of this name.
    NoSocket(String),
    /// The quarantine cannot take more.
    Quarantine(QuarantineError),
    /// The counts cannot be recorded.
    Record(RecordError),
    /// Keys cannot be drawn or kept.
    Keys(String),
    /// Threads could not be started.
    Threads,
    /// A worker ended in a panic, whose place was printed.
    Worker,
}

impl ServiceError {
    /// A failure at a place.
    pub(super) fn io(
        what: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |error| Self::Io(what, path, error)
    }
}

impl fmt::Display for ServiceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(what, path, error) => {
                write!(f, "cannot {what} {}: {error}; mend that and start again", path.display())
            }
            Self::Listen(what, error) => {
                write!(f, "cannot listen at {what}: {error}; see who else is there, or name another place")
            }
            Self::State(path) => write!(
                f,
                "cannot read how far an earlier run was in {}: it is not as the service leaves it; take it from a \
                 copy, or remove it to begin with all files anew",
                path.display()
            ),
            Self::Busy(path) => write!(
                f,
                "cannot use {}: another service works with it; stop that, or name another state_dir",
                path.display()
            ),
            Self::NoSocket(name) => write!(
                f,
                "systemd gave no socket named {name:?}; set FileDescriptorName={name} in the socket unit, and \
                 start the service through it"
            ),
            Self::Quarantine(error) => error.fmt(f),
            Self::Record(error) => error.fmt(f),
            Self::Keys(what) => f.write_str(what),
            Self::Threads => f.write_str("cannot start the threads of the service; see the limits of the system"),
            Self::Worker => f.write_str(
                "a worker stopped because of a mistake in tamis; what was committed is whole, and files are read on \
                 from there",
            ),
        }
    }
}

impl std::error::Error for ServiceError {}
