//! The language that a visitor prefers, from `Accept-Language` (RFC 9110, 12.5.4).

/// A language of the closed list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Language {
    /// Any other.
    Other,
}

impl Language {
    /// The language of an `Accept-Language` header with its log escapes undone; nothing where there is none.
    #[must_use]
    pub fn of(header: &[u8]) -> Option<Self> {
        (!matches!(header, b"" | b"-")).then_some(Self::Other)
    }

    /// The word for output.
    #[must_use]
    pub const fn name(self) -> &'static str {
        "other"
    }
}
