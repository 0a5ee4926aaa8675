//! Why a quarantine cannot be used. The messages name files and never what is in them.

use std::{fmt, io, path::PathBuf};

/// Why a quarantine cannot be used.
#[derive(Debug)]
#[non_exhaustive]
pub enum QuarantineError {
    /// The system refused something.
    Io {
        /// What was tried, such as `cannot write`.
        what: &'static str,
        /// Where.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// There is a quarantine already, or something else.
    Exists(PathBuf),
    /// There is none.
    Missing(PathBuf),
    /// Another run writes to it.
    Busy(PathBuf),
    /// A file is none that tamis wrote, or it was changed.
    Strange {
        /// Which.
        path: PathBuf,
        /// What is wrong, such as `line 3 does not follow from the line before it`.
        why: String,
    },
    /// What should name who may open it does not.
    Recipient(RecipientFault),
    /// The kernel gave no random numbers.
    Random,
    /// None of the identities that were brought is for this file.
    Key(PathBuf),
    /// Something is kept by a hold.
    Held {
        /// What was tried, such as `cannot erase lines`.
        what: &'static str,
        /// The hold.
        hold: String,
    },
    /// It is for others than the service's credential names.
    OtherRecipients(PathBuf),
    /// The clock cannot be right.
    Clock(String),
    /// The run was stopped while it waited for room.
    Stopped(PathBuf),
}

/// What is wrong with a recipient. None of these says what it was: it may be a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RecipientFault {
    /// The secret half of a key was given.
    Secret {
        /// For which role.
        role: &'static str,
    },
    /// It is no recipient that is known here.
    Unknown {
        /// For which role.
        role: &'static str,
        /// Which of those of the role, from 1.
        at: usize,
    },
    /// A file with recipients cannot be read, or has none.
    File {
        /// Which.
        path: PathBuf,
    },
    /// One recipient has both roles that must come together.
    BothRoles,
    /// A role that must have somebody has nobody.
    Nobody {
        /// Which.
        role: &'static str,
    },
}

impl QuarantineError {
    /// Whether the disk is full, so that there may be room later.
    #[must_use]
    pub fn is_full(&self) -> bool {
        match self {
            Self::Io { error, .. } => is_full(error),
            _ => false,
        }
    }

    pub(super) fn io(
        what: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |error| Self::Io { what, path, error }
    }

    pub(super) fn strange(path: impl Into<PathBuf>, why: impl Into<String>) -> Self {
        Self::Strange { path: path.into(), why: why.into() }
    }
}

/// Whether an error says that there is no room.
pub(super) fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

impl fmt::Display for QuarantineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io { what, path, error } => {
                write!(f, "{what} {}: {error}", path.display())?;
                f.write_str(if is_full(error) {
                    "; make room, or let tamis quarantine expire do so, and run it again"
                } else {
                    "; look at the disk and at who may write there, and run it again"
                })
            }
            Self::Exists(path) => write!(
                f,
                "cannot begin a quarantine in {}: there is something already; name a directory that is not there \
                 or is empty",
                path.display()
            ),
            Self::Missing(path) => write!(
                f,
                "cannot use the quarantine {}: there is none; make it with tamis quarantine init",
                path.display()
            ),
            Self::Busy(path) => write!(
                f,
                "cannot write to the quarantine {}: another run does; wait for its end, or name another one",
                path.display()
            ),
            Self::Strange { path, why } => write!(
                f,
                "cannot use the quarantine: in {} {why}; run tamis quarantine verify, and keep what is there as it \
                 is until it is known who changed it",
                path.display()
            ),
            Self::Recipient(fault) => fault.fmt(f),
            Self::Key(path) => write!(
                f,
                "cannot open {}: none of the identities that were given is for it; where two roles are needed, give \
                 one of each with -i, or what tamis quarantine approve wrote with --approved",
                path.display()
            ),
            Self::Held { what, hold } => {
                write!(
                    f,
                    "{what}: the hold {hold} keeps them; let go of it with tamis quarantine release"
                )
            }
            Self::OtherRecipients(path) => write!(
                f,
                "cannot seal into the quarantine {}: its recipients are not those of the credential that the service \
                 was given; find out who changed them, or copy recipients.toml to where LoadCredential takes it from",
                path.display()
            ),
            Self::Clock(why) => write!(f, "cannot trust the clock: {why}"),
            Self::Random => f.write_str("cannot draw a key: the kernel gave no random numbers"),
            Self::Stopped(path) => write!(
                f,
                "gave up waiting for room for the quarantine {}: lines since its last finished segment are not in \
                 it; make room and run it again over the same input",
                path.display()
            ),
        }
    }
}

impl std::error::Error for QuarantineError {}

impl fmt::Display for RecipientFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Secret { role } => write!(
                f,
                "refused a secret key for --{role}: it stays with whoever may open, and this one was shown to this \
                 machine, so make a new one with age-keygen and give its public half, age1..."
            ),
            Self::Unknown { role, at } => write!(
                f,
                "cannot tell who number {at} of --{role} is: a recipient age1... as age-keygen -y prints it is \
                 expected, or a file with such lines"
            ),
            Self::File { path } => write!(
                f,
                "cannot find recipients in {}: name a file with a recipient age1... on each line",
                path.display()
            ),
            Self::BothRoles => f.write_str(
                "refused one recipient for both --security and --dpo: two persons are to be needed, so give each \
                 role keys of its own",
            ),
            Self::Nobody { role } => {
                write!(f, "cannot seal for nobody: name who may open with --{role} age1...")
            }
        }
    }
}
