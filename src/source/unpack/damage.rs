//! What is wrong with an archive, in words of ours.
//!
//! The libraries' own errors may quote what they found, so that only their kind is kept.

use std::{error, fmt, io};

/// What is wrong with an archive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Damage {
    /// It ends in the middle.
    Truncated,
    /// A checksum in it is not that of its content.
    Checksum,
    /// It has something in it that its kind does not have.
    Corrupt,
    /// Something else stands behind its end.
    Trailing,
    /// Its content is larger than is allowed.
    TooLarge(u64),
    /// It is an archive in an archive, or was compressed too often.
    Nested,
    /// It is a zip archive and comes through a pipe or out of something compressed.
    NotSeekable,
    /// It needs a password.
    Encrypted,
    /// It is a kind that is not read.
    Foreign(&'static str),
    /// It is a file with holes in a tar archive.
    Sparse,
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Truncated => "it ends too early",
            Self::Checksum => "a checksum does not fit its content",
            Self::Corrupt => "its compressed data is damaged",
            Self::Trailing => "something that does not belong to it stands behind its end",
            Self::TooLarge(limit) => {
                return write!(
                    f,
                    "its content is larger than {limit} bytes, which looks like a trap; if it is not, allow more \
                     with --max-decompressed"
                );
            }
            Self::Nested => "it is an archive in another one; unpack the outer one first",
            Self::NotSeekable => {
                "a zip archive is read from its end, which cannot be done here; give it as a file of its own"
            }
            Self::Encrypted => "it is encrypted; decrypt it first",
            Self::Foreign(name) => {
                return write!(f, "it is compressed with {name}, which is not read; unpack it first");
            }
            Self::Sparse => "it is a file with holes; unpack the archive first",
        })
    }
}

impl error::Error for Damage {}

impl From<Damage> for io::Error {
    fn from(damage: Damage) -> Self {
        Self::other(damage)
    }
}

impl Damage {
    /// The damage that an error tells of, if it does not come from the system.
    pub(in crate::source) fn of(error: &io::Error) -> Option<Self> {
        if let Some(damage) = error.get_ref().and_then(|inner| inner.downcast_ref::<Self>()) {
            return Some(*damage);
        }
        if error.raw_os_error().is_some() || error.kind() == io::ErrorKind::WouldBlock {
            return None;
        }
        match error.kind() {
            io::ErrorKind::Interrupted => None,
            io::ErrorKind::UnexpectedEof => Some(Self::Truncated),
            // The texts of the libraries are constants; of those that are not, nothing is kept.
            _ if error.to_string().to_ascii_lowercase().contains("checksum") => {
                Some(Self::Checksum)
            }
            _ => Some(Self::Corrupt),
        }
    }

    /// The error, with the words of a library taken out.
    pub(super) fn in_own_words(error: io::Error) -> io::Error {
        Self::of(&error).map_or(error, io::Error::from)
    }
}
