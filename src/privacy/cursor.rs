//! Which entry of the journal was read last, so that it can be gone on behind it.
//!
//! A cursor of systemd is a list of numbers. One of them, `x`, is a hash of what the entry says, which must not be kept
//! anywhere; systemd finds the entry by the others. What has any other form is no cursor: no text comes out by it.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::raw::RawBlock;
use crate::format::journal;

/// The place of an entry in the journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Cursor {
    /// Which numbering, and the number in it.
    numbering: u128,
    number: u64,
    /// Which start of the machine, and the microseconds since then.
    boot: u128,
    monotonic: u64,
    /// Microseconds since 1970.
    realtime: u64,
}

impl Cursor {
    /// That of the last entry in `block`. Lines without one are passed over.
    #[must_use]
    pub fn last_of(block: &RawBlock) -> Option<Self> {
        let lines = block.expose_bytes().rsplit(|byte| *byte == b'\n');
        lines.filter_map(|line| Self::parse(journal::cursor(line)?.of(line))).next()
    }

    /// Where the first line of `block` ends, and which entry it is; nothing while the line is not whole.
    #[must_use]
    pub fn first_of(block: &RawBlock) -> Option<(Option<Self>, usize)> {
        let bytes = block.expose_bytes();
        let end = memchr::memchr(b'\n', bytes)? + 1;
        let line = &bytes[..end];
        Some((journal::cursor(line).and_then(|span| Self::parse(span.of(line))), end))
    }

    /// Up to where the whole lines of `block` go no further than this entry, if one does go further or is this one.
    #[must_use]
    pub fn end_in(self, block: &RawBlock) -> Option<usize> {
        let mut start = 0;
        let mut lines = block.expose_bytes().split_inclusive(|byte| *byte == b'\n');
        lines.find_map(|line| {
            start += line.len();
            let found = Some(line).filter(|line| line.ends_with(b"\n")).and_then(journal::cursor);
            match Self::parse(found?.of(line))? {
                found if found == self => Some(start),
                // The entry itself is gone.
                found if found.is_behind(self) => Some(start - line.len()),
                _ => None,
            }
        })
    }

    /// Whether this entry comes after another one: by its number, or by the clock where the numbering is another.
    #[must_use]
    pub const fn is_behind(self, other: Self) -> bool {
        if self.numbering == other.numbering {
            self.number > other.number
        } else {
            self.realtime > other.realtime
        }
    }

    fn parse(text: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(text).ok()?;
        let value = |name: &str| text.split(';').find_map(|part| part.strip_prefix(name));
        let long = |name| u128::from_str_radix(value(name)?, 16).ok();
        let short = |name| u64::from_str_radix(value(name)?, 16).ok();
        Some(Self {
            numbering: long("s=")?,
            number: short("i=")?,
            boot: long("b=")?,
            monotonic: short("m=")?,
            realtime: short("t=")?,
        })
    }
}

/// As `journalctl --cursor=` takes it.
impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { numbering, number, boot, monotonic, realtime } = self;
        write!(f, "s={numbering:032x};i={number:x};b={boot:032x};m={monotonic:x};t={realtime:x}")
    }
}

impl From<Cursor> for String {
    fn from(cursor: Cursor) -> Self {
        cursor.to_string()
    }
}

impl TryFrom<String> for Cursor {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(text.as_bytes()).ok_or("this is no place in the journal")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TEXT: &str = "s=0639;i=4fa;b=1f;m=4fc5;t=64a;x=dead";

    fn block(lines: &[&str]) -> RawBlock {
        let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
        let mut block = RawBlock::with_capacity(1 << 12);
        block.read_from(&mut text.as_bytes()).expect("a slice reads");
        block
    }

    fn entry(number: u64) -> String {
        format!(r#"{{"__CURSOR":"s=1;i={number:x};b=2;m=3;t=4;x=5","MESSAGE":"a"}}"#)
    }

    #[test]
    fn the_hash_of_the_content_is_not_kept() {
        let cursor = Cursor::parse(TEXT.as_bytes()).expect("a cursor");
        let text = cursor.to_string();
        assert!(text.ends_with(";t=64a") && !text.contains("dead"), "{text}");
        assert_eq!(Cursor::try_from(text), Ok(cursor));
        for text in ["", "s=1", "s=1;i=2;b=3;m=4", "s=1;i=x;b=3;m=4;t=5", "alice"] {
            assert_eq!(Cursor::parse(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn entries_are_found_in_blocks() {
        let (one, two) = (entry(1), entry(2));
        let lines = block(&[&one, &two, "no entry"]);
        let last = Cursor::last_of(&lines).expect("there is one");
        assert_eq!(last.number, 2);
        assert_eq!(last.end_in(&lines), Some(one.len() + two.len() + 2));
        assert_eq!(Cursor { number: 3, ..last }.end_in(&lines), None);
        let (three, whole) = (Cursor { number: 3, ..last }, block(&[&one, &entry(4)]));
        assert_eq!(three.end_in(&whole), Some(one.len() + 1), "entry 3 is gone");
        assert_eq!(Cursor::last_of(&block(&["no entry"])), None);
        assert_eq!(
            Cursor::first_of(&lines),
            Some((Some(Cursor { number: 1, ..last }), one.len() + 1))
        );
        assert_eq!(Cursor::first_of(&block(&["no entry"])), Some((None, 9)));
        assert_eq!(Cursor::first_of(&block(&[])), None);
    }

    proptest! {
        #[test]
        fn only_numbers_come_out(text in "\\PC*") {
            if let Some(cursor) = Cursor::parse(text.as_bytes()) {
                let text = cursor.to_string();
                let is_number = |c: char| c.is_ascii_hexdigit() || "sibmt=;".contains(c);
                prop_assert!(text.chars().all(is_number));
            }
        }
    }
}
