//! Where in its input each byte of a block came from, although lines were taken out of the block.
//!
//! A line that is sealed is named by its place in the input, so that one that is read and sealed twice is known
//! for one. Almost always nothing was taken out, and one number says all.

use std::ops::Range;

/// For places of a block the offsets in the input.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Offsets {
    /// From each of these places on, in order, bytes follow each other from this offset on. The first place is 0.
    pieces: Vec<(usize, u64)>,
}

impl Offsets {
    /// For a block that begins with this offset.
    pub(super) fn begin(&mut self, offset: u64) {
        self.pieces.clear();
        self.pieces.push((0, offset));
    }

    pub(super) fn clear(&mut self) {
        self.pieces.clear();
    }

    /// The offset of a place; nothing where the beginning is not known.
    pub(super) fn at(&self, place: usize) -> Option<u64> {
        let (from, offset) = self.pieces.iter().rev().find(|(from, _)| *from <= place)?;
        Some(offset + (place - from) as u64)
    }

    /// What is known of a part of the block, as of a block of its own.
    pub(super) fn part(&self, places: Range<usize>) -> Self {
        let mut part = Self::default();
        part.push(0, self, places);
        part
    }

    /// Appends a part of another block that comes to lie at `to`.
    pub(super) fn push(&mut self, to: usize, other: &Self, places: Range<usize>) {
        let Some(offset) = other.at(places.start) else { return };
        if self.at(to) != Some(offset) {
            self.pieces.push((to, offset));
        }
        let inside =
            other.pieces.iter().filter(|(from, _)| places.start < *from && *from < places.end);
        self.pieces.extend(inside.map(|(from, offset)| (to + from - places.start, *offset)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_know_their_offsets_after_cuts() {
        let mut whole = Offsets::default();
        assert_eq!(whole.at(5), None);
        whole.begin(100);
        assert_eq!((whole.at(0), whole.at(7)), (Some(100), Some(107)));
        // Five bytes from place 10 on are taken out.
        let mut cut = whole.part(0..10);
        cut.push(10, &whole, 15..40);
        assert_eq!((cut.at(9), cut.at(10), cut.at(20)), (Some(109), Some(115), Some(125)));
        let tail = cut.part(8..35);
        assert_eq!((tail.at(0), tail.at(1), tail.at(2)), (Some(108), Some(109), Some(115)));
        // Put back where it was taken from, nothing shows that it was away.
        let mut again = cut.part(0..8);
        again.push(8, &tail, 0..27);
        assert_eq!(again, cut);
    }
}
