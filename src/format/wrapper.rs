//! What log shippers write around a line: syslog (RFC 3164, RFC 5424), journald, Docker, CRI.

use crate::field::Span;

/// Where the line is inside of what was written around it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Peeled {
    /// From this byte to the end.
    From(usize),
    /// In a JSON string, without its quotes, whose escapes are to be undone.
    JsonString(Span),
    /// In a JSON array of the numbers of its bytes, with its brackets.
    JsonBytes(Span),
}

/// Where the line is, if something was written around it. What is of no shape that a shipper writes, or
/// is only a part of a line, is left as it is.
#[must_use]
pub fn peel(_line: &[u8]) -> Option<Peeled> {
    None
}
