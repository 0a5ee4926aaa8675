//! Raw lines: the only types of the crate that hold bytes of a visitor.
//!
//! A [`RawBlock`] owns them and a [`RawLine`] lends one line. Neither can be printed, compared,
//! serialised or read outside of `privacy/`:
//!
//! ```compile_fail,E0624
//! fn read(line: tamis::privacy::RawLine<'_>) -> usize {
//!     line.expose_bytes().len() // private to the boundary
//! }
//! ```
//! ```compile_fail,E0277
//! fn print(line: tamis::privacy::RawLine<'_>) {
//!     println!("{line}"); // no Display
//! }
//! ```
//! ```compile_fail,E0616
//! fn take(line: tamis::privacy::RawLine<'_>) -> &[u8] {
//!     line.bytes // a private field
//! }
//! ```
//! ```compile_fail,E0277
//! fn keep(block: tamis::privacy::RawBlock) -> Vec<u8> {
//!     block.into() // no conversion
//! }
//! ```
//!
//! Blocks are recycled, so the part of a block after its end may hold bytes of earlier lines; no method
//! reaches them. A block is overwritten with zeros once its lines are through ([`RawBlock::wipe`]), for a line that
//! stays in memory says whose token its record has, and when it is dropped, as far as the compiler and the operating
//! system let a program do that.

use std::{
    fmt,
    io::{self, Read},
    ops::Range,
};

use memchr::{Memchr, memchr_iter, memmem, memrchr};
use zeroize::Zeroize;

use super::digest::ContentDigest;
use super::frames;
use super::offsets::Offsets;
use crate::format::Format;

/// A run of whole lines, as they were read.
pub struct RawBlock {
    bytes: Vec<u8>,
    end: usize,
    /// Nothing but zeros comes after this.
    used: usize,
    /// Where in the input the bytes came from.
    offsets: Offsets,
}

impl RawBlock {
    /// A block with room for `capacity` bytes.
    #[must_use]
    pub fn with_capacity(capacity: usize) -> Self {
        Self { bytes: vec![0; capacity], end: 0, used: 0, offsets: Offsets::default() }
    }

    /// Fills the free part from `reader` with one call and says how many bytes came, 0 at the end.
    ///
    /// # Errors
    ///
    /// The reader's.
    pub fn read_from(&mut self, reader: &mut impl Read) -> io::Result<usize> {
        let count = reader.read(&mut self.bytes[self.end..])?;
        self.end += count;
        self.used = self.used.max(self.end);
        debug_assert!(self.end <= self.bytes.len(), "a reader fills at most the buffer");
        Ok(count)
    }

    /// Adds what came in at or after `from` to the name of a content.
    pub fn add_to(&self, digest: &mut ContentDigest, from: usize) {
        digest.update(&self.bytes[from.min(self.end)..self.end]);
    }

    /// Adds the last `count` bytes to a block that keeps as many of the latest as fit into it.
    pub fn trail_to(&self, count: usize, trail: &mut Self) {
        let room = trail.bytes.len();
        let latest = &self.bytes[self.end - count.min(self.end).min(room)..self.end];
        let stays = trail.end.min(room - latest.len());
        trail.bytes.copy_within(trail.end - stays..trail.end, 0);
        trail.end = stays + latest.len();
        trail.bytes[stays..trail.end].copy_from_slice(latest);
        trail.used = trail.used.max(trail.end);
    }

    /// How many bytes the block holds.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.end
    }

    /// Whether the block holds nothing.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.end == 0
    }

    /// Whether no further byte fits.
    #[must_use]
    pub const fn is_full(&self) -> bool {
        self.end == self.bytes.len()
    }

    /// Says where in the input the next byte comes from that is read into the block, which is empty.
    pub fn begin_at(&mut self, offset: u64) {
        debug_assert!(self.is_empty(), "what is in the block came from somewhere else");
        self.offsets.begin(offset);
    }

    /// Where in the input the byte at `place` came from, if that was said.
    pub(super) fn offset(&self, place: usize) -> Option<u64> {
        self.offsets.at(place)
    }

    /// All of its bytes, for the lines to be sealed as they are.
    pub(in crate::privacy) fn expose_bytes(&self) -> &[u8] {
        &self.bytes[..self.end]
    }

    /// Where a line of this block lies in it, with its end.
    pub(super) fn place_of(&self, line: RawLine<'_>) -> Range<usize> {
        let start = line.bytes.as_ptr().addr() - self.bytes.as_ptr().addr();
        let end = start + line.bytes.len();
        assert!(
            end <= self.end,
            "a line of {} bytes at {start} is of this block",
            line.bytes.len()
        );
        let rest = &self.bytes[end..self.end];
        let ending =
            [&b"\r\n"[..], b"\n", b"\r"].into_iter().find(|ending| rest.starts_with(ending));
        start..end + ending.map_or(0, <[u8]>::len)
    }

    /// How many bytes still fit.
    #[must_use]
    pub const fn room(&self) -> usize {
        self.bytes.len() - self.end
    }

    /// Ends the line at the end of the block, where somebody sent one without its end, as datagrams come.
    pub fn end_line(&mut self) {
        if self.end > 0 && self.bytes[self.end - 1] != b'\n' && self.end < self.bytes.len() {
            self.bytes[self.end] = b'\n';
            self.end += 1;
            self.used = self.used.max(self.end);
        }
    }

    /// Makes lines of the frames that begin at or after `from`, as syslog over TCP has them: `97 <190>...` with the
    /// octets counted (RFC 6587, section 3.4.1), or up to a line end. Says from where on it is to be looked again,
    /// which is where a frame begins whose end has not come yet.
    pub fn cut_frames(&mut self, from: usize) -> usize {
        let (end, whole) = frames::cut(&mut self.bytes[..self.end], from);
        self.end = end;
        whole
    }

    /// Forgets the content; the block keeps its room.
    pub fn clear(&mut self) {
        self.end = 0;
        self.offsets.clear();
    }

    /// Forgets the content, and overwrites it and what earlier reads left behind it.
    pub fn wipe(&mut self) {
        // No call that the compiler must keep, which would take longer: somebody may look at these bytes later.
        self.bytes[..self.used].fill(0);
        self.end = 0;
        self.used = 0;
        self.offsets.clear();
    }

    /// Whether a line end came in at or after `from`.
    #[must_use]
    pub fn has_line_end(&self, from: usize) -> bool {
        memchr::memchr(b'\n', &self.bytes[from.min(self.end)..self.end]).is_some()
    }

    /// Moves what follows the last line end over to `next`, which must be empty and as large.
    /// Without a line end the whole content moves.
    pub fn move_tail_to(&mut self, next: &mut Self) {
        self.move_from(self.whole_lines_end(), next);
    }

    /// Moves what lies at or after `cut` over to `next`, which must be empty and as large.
    pub fn move_from(&mut self, cut: usize, next: &mut Self) {
        debug_assert!(next.is_empty() && next.bytes.len() == self.bytes.len(), "recycled blocks");
        let cut = cut.min(self.end);
        let tail = &self.bytes[cut..self.end];
        next.bytes[..tail.len()].copy_from_slice(tail);
        next.end = tail.len();
        next.used = next.used.max(next.end);
        next.offsets = self.offsets.part(cut..self.end);
        self.offsets = self.offsets.part(0..cut);
        self.end = cut;
    }

    /// Takes back what [`Self::move_tail_to`] put into `tail`, which is empty afterwards.
    ///
    /// # Panics
    ///
    /// When there is no room for it; the message has numbers only.
    pub fn append(&mut self, tail: &mut Self) {
        let end = self.end + tail.end;
        self.bytes[self.end..end].copy_from_slice(&tail.bytes[..tail.end]);
        self.offsets.push(self.end, &tail.offsets, 0..tail.end);
        self.end = end;
        self.used = self.used.max(end);
        tail.end = 0;
        tail.offsets.clear();
    }

    /// Drops everything up to and with the first line end. Without one, drops all and says false.
    pub fn skip_line(&mut self) -> bool {
        let Some(at) = memchr::memchr(b'\n', &self.bytes[..self.end]) else {
            self.clear();
            return false;
        };
        self.bytes.copy_within(at + 1..self.end, 0);
        self.offsets = self.offsets.part(at + 1..self.end);
        self.end -= at + 1;
        true
    }

    /// Takes out whole lines of more than `line_bytes_max` bytes and says how many they were.
    pub fn remove_long_lines(&mut self, line_bytes_max: usize) -> u64 {
        let (mut from, mut to, mut removed) = (0, 0, 0);
        let mut offsets = Offsets::default();
        while let Some(length) = memchr::memchr(b'\n', &self.bytes[from..self.end]) {
            let line = &self.bytes[from..from + length];
            let next = from + length + 1;
            if line.strip_suffix(b"\r").unwrap_or(line).len() > line_bytes_max {
                removed += 1;
            } else {
                self.bytes.copy_within(from..next, to);
                offsets.push(to, &self.offsets, from..next);
                to += next - from;
            }
            from = next;
        }
        self.bytes.copy_within(from..self.end, to);
        offsets.push(to, &self.offsets, from..self.end);
        self.offsets = offsets;
        self.end = to + self.end - from;
        removed
    }

    /// Takes out the lines that tell of the log and are none of it: directives, which begin with `#`, and
    /// headers of a CSV. At a header that `format` gives way to, it stops: what follows the header moves to `rest`,
    /// which must be empty and as large, and the format of that is returned.
    ///
    /// A part of a line at the end stays, unless `is_whole` says that it is a line. So does what is longer than
    /// `line_bytes_max`: it is no header but a line to be refused.
    pub fn take_directives(
        &mut self,
        format: Option<&Format>,
        is_whole: bool,
        line_bytes_max: usize,
        rest: &mut Self,
    ) -> Option<Format> {
        debug_assert!(rest.is_empty() && rest.bytes.len() == self.bytes.len(), "recycled blocks");
        let end = if is_whole { self.end } else { self.whole_lines_end() };
        let may_be_csv = format.is_none_or(Format::has_header);
        // Up to `to` is what stays, from `from` on what was not yet looked at.
        let (mut from, mut to) = (0, 0);
        let next = |bytes: &[u8], from, of_csv: bool| match of_csv {
            false => line_beginning_with(&bytes[..end], from, b"#"),
            true if may_be_csv => line_beginning_with(&bytes[..end], from, Format::csv_header()),
            true => None,
        };
        let (mut sharp, mut csv) = (next(&self.bytes, 0, false), next(&self.bytes, 0, true));
        let mut found = None;
        let mut offsets = Offsets::default();
        while let Some(start) = sharp.into_iter().chain(csv).min() {
            if sharp == Some(start) {
                sharp = next(&self.bytes, start + 1, false);
            } else {
                csv = next(&self.bytes, start + 1, true);
            }
            let after = memchr::memchr(b'\n', &self.bytes[start..end]);
            let after = after.map_or(end, |length| start + length + 1);
            let line = &self.bytes[start..after];
            let line = line.strip_suffix(b"\n").unwrap_or(line);
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            if line.len() > line_bytes_max {
                continue;
            }
            // What is neither a directive nor a header is a line like any other, and counted.
            if line.starts_with(b"#") && !Format::is_directive(line) {
                continue;
            }
            let header = Format::from_header(line);
            self.bytes.copy_within(from..start, to);
            offsets.push(to, &self.offsets, from..start);
            to += start - from;
            from = after;
            found = header.filter(|header| format.is_none_or(|format| format.gives_way_to(header)));
            if found.is_some() {
                break;
            }
        }
        let left = from..self.end;
        if found.is_some() {
            rest.bytes[..left.len()].copy_from_slice(&self.bytes[left.clone()]);
            rest.end = left.len();
            rest.used = rest.used.max(rest.end);
            rest.offsets = self.offsets.part(left);
            self.offsets = offsets;
            self.end = to;
        } else if from > 0 {
            self.bytes.copy_within(left.clone(), to);
            offsets.push(to, &self.offsets, left.clone());
            self.offsets = offsets;
            self.end = to + left.len();
        }
        found
    }

    /// Where the last line end is past.
    fn whole_lines_end(&self) -> usize {
        memrchr(b'\n', &self.bytes[..self.end]).map_or(0, |at| at + 1)
    }

    /// The lines of the block, without their ends. The last one needs no end.
    #[must_use]
    pub fn lines(&self) -> RawLines<'_> {
        let bytes = &self.bytes[..self.end];
        RawLines { bytes, ends: memchr_iter(b'\n', bytes), start: 0 }
    }
}

/// Where the first line at or after `from` is that begins with `beginning`. For a single byte, which most
/// blocks are searched for in vain, this is one pass of `memchr`.
fn line_beginning_with(bytes: &[u8], from: usize, beginning: &[u8]) -> Option<usize> {
    memmem::find_iter(bytes.get(from..)?, beginning)
        .map(|at| from + at)
        .find(|at| *at == 0 || bytes[at - 1] == b'\n')
}

impl Drop for RawBlock {
    fn drop(&mut self) {
        self.bytes.zeroize();
    }
}

impl fmt::Debug for RawBlock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RawBlock({} bytes)", self.end)
    }
}

/// One line as it was read, without its line end.
#[derive(Clone, Copy)]
pub struct RawLine<'a> {
    bytes: &'a [u8],
}

impl<'a> RawLine<'a> {
    /// A line without a byte.
    pub(in crate::privacy) const EMPTY: Self = Self { bytes: &[] };

    /// The identifying bytes. Everything that may call this lies in this directory.
    #[inline]
    pub(in crate::privacy) const fn expose_bytes(self) -> &'a [u8] {
        self.bytes
    }
}

impl fmt::Debug for RawLine<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RawLine({} bytes)", self.bytes.len())
    }
}

/// The lines of a [`RawBlock`], in order.
pub struct RawLines<'a> {
    bytes: &'a [u8],
    ends: Memchr<'a>,
    start: usize,
}

impl fmt::Debug for RawLines<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RawLines")
    }
}

impl<'a> Iterator for RawLines<'a> {
    type Item = RawLine<'a>;

    #[inline]
    fn next(&mut self) -> Option<RawLine<'a>> {
        let line = match self.ends.next() {
            Some(end) => {
                let line = &self.bytes[self.start..end];
                self.start = end + 1;
                line
            }
            None if self.start < self.bytes.len() => {
                let line = &self.bytes[self.start..];
                self.start = self.bytes.len();
                line
            }
            None => return None,
        };
        Some(RawLine { bytes: line.strip_suffix(b"\r").unwrap_or(line) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(content: &[u8]) -> RawBlock {
        let mut block = RawBlock::with_capacity(32);
        block.read_from(&mut &content[..]).expect("a slice reads");
        block
    }

    fn lines(block: &RawBlock) -> Vec<&[u8]> {
        block.lines().map(RawLine::expose_bytes).collect()
    }

    #[test]
    fn a_trail_has_the_latest_bytes_in_whatever_pieces_they_came() {
        let text: Vec<u8> = (0..90).collect();
        for piece in [1, 3, 7, 16, 31, 32] {
            let mut trail = RawBlock::with_capacity(16);
            for (number, bytes) in text.chunks(piece).enumerate() {
                block(bytes).trail_to(bytes.len(), &mut trail);
                let read = &text[..(number * piece + bytes.len())];
                assert_eq!(trail.expose_bytes(), &read[read.len().saturating_sub(16)..]);
            }
        }
    }

    #[test]
    fn lines_end_at_line_feeds_with_or_without_carriage_returns() {
        assert_eq!(lines(&block(b"a\nb\r\nc")), [&b"a"[..], b"b", b"c"]);
        assert_eq!(lines(&block(b"\n\na\n")), [&b""[..], b"", b"a"]);
        assert_eq!(lines(&block(b"a\rb\r\r\n")), [&b"a\rb\r"[..]]);
        assert!(lines(&block(b"")).is_empty());
    }

    #[test]
    fn the_tail_moves_and_nothing_is_lost() {
        for (content, kept, moved) in
            [("a\nb", "a\n", "b"), ("a\n", "a\n", ""), ("ab", "", "ab"), ("", "", "")]
        {
            let mut first = block(content.as_bytes());
            let mut second = RawBlock::with_capacity(32);
            first.move_tail_to(&mut second);
            assert_eq!(&first.bytes[..first.end], kept.as_bytes());
            assert_eq!(&second.bytes[..second.end], moved.as_bytes());
        }
    }

    /// Whatever was moved about before.
    #[test]
    fn a_block_that_is_wiped_holds_nothing_behind_its_end_either() {
        for work in [
            (|_, _| {}) as fn(&mut RawBlock, &mut RawBlock),
            |first, _| first.clear(),
            |first, second| first.move_tail_to(second),
            |first, second| {
                first.move_tail_to(second);
                first.append(second);
            },
            |first, _| assert!(first.skip_line()),
            |first, _| assert_eq!(first.remove_long_lines(3), 2),
            |first, second| assert!(first.take_directives(None, true, 32, second).is_some()),
        ] {
            let (mut first, mut second) = (block(b"longer\n#Fields: c-ip\nab\n0"), block(b""));
            work(&mut first, &mut second);
            for block in [&mut first, &mut second] {
                block.wipe();
                assert!(block.is_empty() && block.bytes == [0; 32]);
            }
        }
    }

    #[test]
    fn skipping_drops_one_line() {
        let mut skipped = block(b"long\nnext");
        assert!(skipped.skip_line());
        assert_eq!(lines(&skipped), [&b"next"[..]]);
        assert!(!skipped.skip_line());
        assert!(skipped.is_empty());
    }

    #[test]
    fn long_lines_are_taken_out() {
        let mut mixed = block(b"abc\nabcd\nabc\r\nabcd\r\nabcdef");
        assert_eq!(mixed.remove_long_lines(3), 2);
        assert_eq!(lines(&mixed), [&b"abc"[..], b"abc", b"abcdef"]);
        assert_eq!(mixed.remove_long_lines(3), 0);
    }

    /// Takes the directives out of `text` and compares what stays and what follows a header.
    fn check(text: &str, is_whole: bool, kept: &str, name: Option<&str>, moved: &str) {
        let filled = |text: &str| {
            let mut block = RawBlock::with_capacity(512);
            block.read_from(&mut text.as_bytes()).expect("a slice reads");
            block
        };
        for format in [None, Some(Format::combined()), Format::named("w3c")] {
            let (mut block, mut rest) = (filled(text), filled(""));
            let found = block.take_directives(format.as_ref(), is_whole, 99, &mut rest);
            assert_eq!(found.map(|format| format.name()), name, "{text}");
            assert_eq!(lines(&block), lines(&filled(kept)), "{text}");
            assert_eq!(lines(&rest), lines(&filled(moved)), "{text}");
        }
    }

    #[test]
    fn directives_are_taken_out_and_headers_end_a_block() {
        let header = "#Fields: date time cs-uri-stem sc-status";
        check("", true, "", None, "");
        check("a\nb#\nc", false, "a\nb#\nc", None, "");
        check("#a:\nb\n#c: x\r\n#d:\ne\n#f:\n#g", false, "b\ne\n#g", None, "");
        check("#a:\nb\n#c:\n#open\t1", true, "b\n", None, "");
        check("# a comment\n#opened\n#", true, "# a comment\n#opened\n#", None, "");

        check(header, false, header, None, "");
        check(header, true, "", Some("w3c"), "");
        check(&format!("a\n#b:\n{header}\nc\n#d\ne"), false, "a\n", Some("w3c"), "c\n#d\ne");
        check(&format!("{header} sc-substatus\r\n{header}\n"), false, "", Some("iis"), header);
        // What is too long for a line is none.
        let long = format!("{header}{}", " x".repeat(99));
        check(&format!("{long}\na\n#b:\n"), false, &format!("{long}\na\n"), None, "");
    }

    #[test]
    fn a_header_that_changes_nothing_ends_no_block() {
        let text = "#Fields: date time cs-uri-stem sc-status\na\n";
        let text = text.repeat(3) + "\"time_micros\"\nb\n";
        let mut rest = RawBlock::with_capacity(512);
        let mut block = RawBlock::with_capacity(512);
        block.read_from(&mut text.as_bytes()).expect("a slice reads");
        let format = Format::from_header(text.lines().next().expect("a line").as_bytes());
        let found = block.take_directives(format.as_ref(), false, 99, &mut rest);
        assert_eq!(found.map(|format| format.name()), Some("gcs"));
        assert_eq!((lines(&block), lines(&rest)), (vec![&b"a"[..]; 3], vec![&b"b"[..]]));
        // A header that cannot be used takes nothing away from a format that needs none.
        let mut block = self::block(b"a\n#Fields: date\nb\n");
        let format = Format::combined();
        let mut rest = RawBlock::with_capacity(32);
        assert!(block.take_directives(Some(&format), false, 99, &mut rest).is_none());
        assert_eq!(lines(&block), [b"a", b"b"]);
    }

    #[test]
    fn debug_tells_lengths_only() {
        let block = block(b"192.0.2.77 secret");
        assert_eq!(format!("{block:?}"), "RawBlock(17 bytes)");
        let line = block.lines().next().expect("one line");
        assert_eq!(format!("{line:?}"), "RawLine(17 bytes)");
    }
}
