//! Lines as they gather: bytes come in pieces, whole lines go out in blocks, and the rest stays.
//!
//! A gatherer never looks into a line. It knows where it is in its input, tells which format lines have as the filter
//! does, and drops lines that are longer than a block, byte for byte.

use std::{
    io::{self, Read},
    sync::{Arc, Mutex, PoisonError},
};

use super::state::Place;
use crate::{
    format::Format,
    privacy::{Cursor, RawBlock, Recognition},
    source::{FormatChoice, Given},
};

/// How many blocks are kept to be used again.
const SPARE_MAX: usize = 8;

/// Blocks that are used again.
#[derive(Debug)]
pub(super) struct Pool {
    bytes: usize,
    spare: Mutex<Vec<RawBlock>>,
}

impl Pool {
    pub(super) fn new(bytes: usize) -> Arc<Self> {
        Arc::new(Self { bytes, spare: Mutex::default() })
    }

    pub(super) fn take(&self) -> RawBlock {
        let spare = self.spare.lock().unwrap_or_else(PoisonError::into_inner).pop();
        spare.unwrap_or_else(|| RawBlock::with_capacity(self.bytes))
    }

    /// Takes a block back; what was in it is overwritten.
    pub(super) fn give(&self, mut block: RawBlock) {
        block.wipe();
        let mut spare = self.spare.lock().unwrap_or_else(PoisonError::into_inner);
        if spare.len() < SPARE_MAX {
            spare.push(block);
        }
    }
}

/// Whole lines of one format.
pub(super) struct Piece {
    pub(super) block: RawBlock,
    pub(super) given: Given,
}

/// What gathers the lines of one input.
pub(super) struct Gatherer {
    pool: Arc<Pool>,
    block: RawBlock,
    choice: FormatChoice,
    format: Option<Format>,
    line_bytes_max: usize,
    /// What the input is called where its lines are sealed.
    name: Arc<str>,
    /// Whether places in the input mean something, as they do in a file.
    has_places: bool,
    /// Up to where frames were cut, where the input has frames.
    framed: Option<usize>,
    /// How far the input was read, and whether within a line that is too long.
    read: u64,
    skipping: bool,
    too_long: u64,
    /// The latest bytes of a file as they were read, by which it is known again.
    trail: Option<RawBlock>,
}

impl Gatherer {
    pub(super) fn new(
        pool: &Arc<Pool>,
        choice: &FormatChoice,
        line_bytes_max: usize,
        name: Arc<str>,
    ) -> Self {
        let format = match choice {
            FormatChoice::Fixed(format) => Some(format.clone()),
            FormatChoice::Auto => None,
        };
        Self {
            pool: Arc::clone(pool),
            block: pool.take(),
            choice: choice.clone(),
            format,
            line_bytes_max,
            name,
            has_places: false,
            framed: None,
            read: 0,
            skipping: false,
            too_long: 0,
            trail: None,
        }
    }

    /// Goes on at a place of the input, before which stands what is in `trail`; nothing has gathered yet.
    pub(super) fn go_on_at(&mut self, place: Place, format: Option<Format>, trail: RawBlock) {
        self.has_places = true;
        self.trail = Some(trail);
        self.read = place.offset;
        self.skipping = place.skipping;
        if format.is_some() {
            self.format = format;
        }
    }

    /// Up to where the input was read.
    pub(super) const fn read(&self) -> u64 {
        self.read
    }

    /// What stands before the place up to which the input was read.
    pub(super) const fn trail(&self) -> Option<&RawBlock> {
        self.trail.as_ref()
    }

    /// The place at which the input would be read on if what has gathered were lost.
    pub(super) const fn place(&self) -> Place {
        Place { offset: self.read - self.block.len() as u64, skipping: self.skipping }
    }

    /// How many more bytes fit.
    pub(super) const fn room(&self) -> usize {
        self.block.room()
    }

    /// Reads once.
    pub(super) fn fill(&mut self, reader: &mut impl Read) -> io::Result<usize> {
        if self.block.is_empty() && self.has_places {
            self.block.begin_at(self.read);
        }
        let count = self.block.read_from(reader)?;
        self.read += count as u64;
        if let Some(trail) = &mut self.trail {
            self.block.trail_to(count, trail);
        }
        if let Some(framed) = self.framed {
            self.framed = Some(self.block.cut_frames(framed));
        } else if self.skipping {
            self.skipping = !self.block.skip_line();
        }
        Ok(count)
    }

    /// Makes a line of a message that came without an end.
    pub(super) fn end_message(&mut self) {
        self.block.end_line();
    }

    /// The input is a stream of syslog, in which octets may be counted; see [`RawBlock::cut_frames`].
    pub(super) const fn with_frames(mut self) -> Self {
        self.framed = Some(0);
        self
    }

    /// Whether nothing fits any more although there is no whole line: the input cannot be understood any further.
    pub(super) const fn is_stuck(&self) -> bool {
        self.block.is_full()
    }

    /// Takes the whole lines out; with `is_end` also what has no line end. Nearly always that is one piece or none.
    pub(super) fn take(&mut self, is_end: bool) -> Vec<Piece> {
        let mut pieces = Vec::new();
        loop {
            let mut rest = self.pool.take();
            let header = self.take_directives(is_end, &mut rest);
            match self.framed {
                _ if header.is_some() || is_end => {}
                Some(framed) => self.block.move_from(framed, &mut rest),
                None => self.block.move_tail_to(&mut rest),
            }
            self.framed = self.framed.map(|_| 0);
            let block = std::mem::replace(&mut self.block, rest);
            if block.is_empty() && self.too_long == 0 {
                self.pool.give(block);
            } else {
                let given = self.give(&block);
                pieces.push(Piece { block, given });
            }
            match header {
                Some(header) => self.format = Some(header),
                None => break,
            }
        }
        if !is_end && self.block.is_full() && self.framed.is_none() {
            // A line that does not fit into a block.
            self.block.clear();
            self.skipping = true;
            self.too_long += 1;
            let block = self.pool.take();
            let given = self.give(&block);
            pieces.push(Piece { block, given });
        }
        pieces
    }

    /// Up to where whole lines go no further than an entry of the journal.
    pub(super) fn end_of(&self, entry: Cursor) -> Option<usize> {
        entry.end_in(&self.block)
    }

    /// The entry that has gathered first, and where it ends; nothing while it is not whole.
    pub(super) fn first_entry(&self) -> Option<(Option<Cursor>, usize)> {
        Cursor::first_of(&self.block)
    }

    /// Drops what lies before `end`, which is the end of a line.
    pub(super) fn drop_to(&mut self, end: usize) {
        for piece in self.take_to(end) {
            self.pool.give(piece.block);
        }
    }

    /// Takes what lies before `end`, which is the end of a line.
    pub(super) fn take_to(&mut self, end: usize) -> Vec<Piece> {
        let mut rest = self.pool.take();
        self.block.move_from(end, &mut rest);
        let block = std::mem::replace(&mut self.block, rest);
        if block.is_empty() {
            self.pool.give(block);
            return Vec::new();
        }
        let given = self.give(&block);
        vec![Piece { block, given }]
    }

    fn take_directives(&mut self, is_end: bool, rest: &mut RawBlock) -> Option<Format> {
        if let FormatChoice::Fixed(format) = &self.choice
            && !format.has_header()
        {
            return None;
        }
        self.block.take_directives(self.format.as_ref(), is_end, self.line_bytes_max, rest)
    }

    /// What is told of a block. Where nobody said its format and no line told it yet, any will do: a line that is not
    /// of it is tried as others are.
    fn give(&mut self, block: &RawBlock) -> Given {
        if self.format.is_none() && !block.is_empty() {
            self.format = Recognition::of(block).best();
        }
        Given {
            format: self.format.clone().unwrap_or_else(Format::combined),
            is_detected: matches!(self.choice, FormatChoice::Auto),
            too_long: std::mem::take(&mut self.too_long),
            source: Arc::clone(&self.name),
        }
    }
}

/// The format that lines have at a place of an input, which is read from its beginning: up to the place only where
/// headers may name another one in between.
pub(super) fn format_at(
    reader: &mut impl Read,
    place: u64,
    choice: &FormatChoice,
    pool: &Arc<Pool>,
    line_bytes_max: usize,
) -> io::Result<Option<Format>> {
    let mut gatherer = Gatherer::new(pool, choice, line_bytes_max, Arc::from("-"));
    loop {
        let left = place.saturating_sub(gatherer.read());
        let count = gatherer.fill(&mut reader.by_ref().take(left))?;
        for piece in gatherer.take(count == 0) {
            pool.give(piece.block);
        }
        let may_change = match &gatherer.format {
            Some(format) => format.has_header(),
            None => true,
        };
        if count == 0 || (gatherer.format.is_some() && !may_change) {
            return Ok(gatherer.format.clone());
        }
    }
}

impl Drop for Gatherer {
    fn drop(&mut self) {
        self.block.wipe();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str = "192.0.2.1 - - [22/Nov/2026:00:19:16 +0000] \"GET / HTTP/1.1\" 200 1\n";

    fn gatherer(bytes: usize) -> Gatherer {
        let pool = Pool::new(bytes);
        Gatherer::new(&pool, &FormatChoice::Auto, bytes - 2, Arc::from("x"))
    }

    #[test]
    fn whole_lines_go_out_and_the_rest_stays() {
        let mut gatherer = gatherer(1 << 12);
        let text = [LINE, LINE, &LINE[..10]].concat();
        gatherer.fill(&mut text.as_bytes()).expect("a slice reads");
        let pieces = gatherer.take(false);
        assert_eq!((pieces.len(), pieces[0].block.lines().count()), (1, 2));
        assert_eq!(pieces[0].given.format.name(), "common");
        assert_eq!(gatherer.place(), Place { offset: 2 * LINE.len() as u64, skipping: false });
        gatherer.fill(&mut &LINE.as_bytes()[10..]).expect("a slice reads");
        assert_eq!(gatherer.take(false)[0].block.lines().count(), 1);
        gatherer.fill(&mut &b"no end"[..]).expect("a slice reads");
        assert!(gatherer.take(false).is_empty());
        assert_eq!(gatherer.take(true)[0].block.len(), 6);
    }

    #[test]
    fn a_line_that_fits_no_block_is_counted_once_and_skipped() {
        let mut gatherer = gatherer(64);
        let text = format!("{}\nnext\n", "x".repeat(200));
        let (mut reader, mut too_long, mut lines) = (text.as_bytes(), 0, 0);
        while gatherer.fill(&mut reader).expect("a slice reads") > 0 {
            for piece in gatherer.take(false) {
                too_long += piece.given.too_long;
                lines += piece.block.lines().count();
            }
        }
        assert_eq!((too_long, lines, gatherer.place().offset), (1, 1, text.len() as u64));
    }
}
