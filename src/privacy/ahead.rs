//! Lines that are looked at some time before they are worked on, a few at once.
//!
//! Most requests, referrers and agents of a line are remembered ([`super::memo`]), but what is remembered lies where
//! the processor waits for it: line by line, that took a twentieth of all time. So where the fields of the next
//! lines sit is found out first, and what is remembered of them is asked for, all of it at once; by the time that the
//! first of these lines is worked on it has come.
//!
//! A line and where its fields sit stay together here, and no one else can put them together.

use super::{
    memo::Asked,
    raw::{RawLine, RawLines},
};
use crate::{
    field::{LineMap, Reason},
    format::{Format, wrapper::Peeled},
};

/// How many lines are looked at ahead: what is asked for has come by then, and their maps lie in the nearest cache.
const LINES_AHEAD: usize = 16;

/// Where the fields of a line sit, and what became of which of them may be remembered.
#[derive(Default)]
pub(super) struct Look {
    pub(super) map: LineMap,
    pub(super) request: Asked,
    pub(super) referrer: Asked,
    pub(super) agent: Asked,
}

/// What a first look at a line found.
#[derive(Clone, Copy)]
pub(super) enum Sight {
    /// It is of the format.
    Mapped,
    /// It cannot be used, and why.
    Refused(Reason),
    /// A shipper wrote something around it.
    Wrapped(Peeled),
}

/// A line that was looked at, and the format that it was taken to be of.
pub struct Looked<'a> {
    pub(super) format: &'a Format,
    pub(super) line: RawLine<'a>,
    pub(super) sight: Sight,
    pub(super) look: Look,
}

impl<'a> Looked<'a> {
    pub(super) fn new(format: &'a Format, line: RawLine<'a>) -> Self {
        Self { format, line, sight: Sight::Refused(Reason::Empty), look: Look::default() }
    }

    /// Takes up another line, of which nothing is known yet.
    #[inline(always)]
    fn renew(&mut self, line: RawLine<'a>) {
        self.line = line;
        self.sight = Sight::Refused(Reason::Empty);
        // One by one: as a whole they are copied from somewhere else, which takes longer.
        self.look.map = LineMap::default();
        self.look.request = Asked::default();
        self.look.referrer = Asked::default();
        self.look.agent = Asked::default();
    }

    /// The line.
    #[inline]
    #[must_use]
    pub const fn line(&self) -> RawLine<'a> {
        self.line
    }
}

/// The next lines of a block, which are all taken for lines of one format.
pub struct Ahead<'a> {
    lines: RawLines<'a>,
    looked: [Looked<'a>; LINES_AHEAD],
    count: usize,
}

impl<'a> Ahead<'a> {
    /// No line yet of `lines`.
    #[must_use]
    pub fn new(format: &'a Format, lines: RawLines<'a>) -> Self {
        let looked = std::array::from_fn(|_| Looked::new(format, RawLine::EMPTY));
        Self { lines, looked, count: 0 }
    }

    /// Takes up the next lines, which nobody has looked at.
    #[inline(always)]
    pub(super) fn turn(&mut self) -> &mut [Looked<'a>] {
        self.count = 0;
        for looked in &mut self.looked {
            let Some(line) = self.lines.next() else { break };
            looked.renew(line);
            self.count += 1;
        }
        &mut self.looked[..self.count]
    }

    /// The lines that were taken up last.
    #[inline]
    #[must_use]
    pub fn looked(&self) -> &[Looked<'a>] {
        &self.looked[..self.count]
    }
}

impl std::fmt::Debug for Looked<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Looked")
    }
}

impl std::fmt::Debug for Ahead<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Ahead({} lines)", self.count)
    }
}
