//! Messages of error logs: their level, the module that wrote them, and what kind of fault they tell.
//!
//! All three are words of closed sets. The message itself is free text, in which anything may be quoted, and
//! is never told.

/// The level of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Level {
    /// Any other word.
    Other,
}

/// The module of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Module {
    /// Any other word.
    Other,
}

/// A kind of fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fault {
    /// Any other.
    Other,
}

impl Level {
    /// The level of that word.
    #[must_use]
    pub fn of(_word: &[u8]) -> Self {
        Self::Other
    }

    /// The word for output.
    #[must_use]
    pub const fn name(self) -> &'static str {
        "other"
    }
}

impl Module {
    /// The module of that word.
    #[must_use]
    pub fn of(_word: &[u8]) -> Self {
        Self::Other
    }

    /// The word for output.
    #[must_use]
    pub const fn name(self) -> &'static str {
        "other"
    }
}

impl Fault {
    /// The kind of fault that a message tells.
    #[must_use]
    pub fn of(_message: &[u8]) -> Self {
        Self::Other
    }

    /// The word for output.
    #[must_use]
    pub const fn name(self) -> &'static str {
        "other"
    }

    /// Whether the server had found what was asked for when the fault happened, so that the path is not just
    /// the visitor's own text.
    #[must_use]
    pub const fn path_is_confirmed(self) -> bool {
        false
    }
}
