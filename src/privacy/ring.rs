//! The lines of the last minutes, in memory that is never written to a disk: for whom is marked only now, what
//! came before can still be kept.
//!
//! A ring of raw lines in locked pages: so many bytes, and so many seconds of the log. The oldest lines make room and
//! are overwritten. What is taken out is taken once. Where the pages cannot be locked there is no ring, and whoever
//! asked for one is told.
//!
//! This is a part for a service, which goes on for long; a run over files has its lines at the source.

use std::{collections::VecDeque, fmt};

use region::LockGuard;
use zeroize::Zeroize;

use super::{
    behaviour::Behaviour,
    raw::RawBlock,
    seal::{Index, Packer, Parcel},
    sentry::{Answer, Sightings},
    visitors::Visitor,
};

/// How old a line may be, in seconds of the log.
pub const RING_SECONDS: i64 = 5 * 60;
/// How many bytes of lines there may be.
pub const RING_BYTES: usize = 64 << 20;

/// Where a line lies.
struct Entry {
    visitor: Visitor,
    second: i64,
    start: usize,
    length: usize,
    is_taken: bool,
}

/// Lines of the last minutes, in order.
pub struct Ring {
    /// Before the bytes, so that they are unlocked while they are still there.
    _locked: LockGuard,
    bytes: Box<[u8]>,
    entries: VecDeque<Entry>,
    /// Where the next line goes.
    end: usize,
    seconds: i64,
    latest: i64,
}

/// The pages could not be locked: the limit on locked memory is too low.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotLocked;

impl fmt::Display for NotLocked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "the memory for the latest lines cannot be locked; raise the limit (LimitMEMLOCK=96M)",
        )
    }
}

impl std::error::Error for NotLocked {}

impl fmt::Debug for Ring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Ring({} lines)", self.entries.len())
    }
}

impl Ring {
    /// A ring of so many bytes for lines of so many seconds.
    ///
    /// # Errors
    ///
    /// [`NotLocked`].
    pub fn new(bytes: usize, seconds: i64) -> Result<Self, NotLocked> {
        let bytes = vec![0; bytes.max(1)].into_boxed_slice();
        let locked = region::lock(bytes.as_ptr(), bytes.len()).map_err(|_| NotLocked)?;
        Ok(Self {
            _locked: locked,
            bytes,
            entries: VecDeque::new(),
            end: 0,
            seconds,
            latest: i64::MIN,
        })
    }

    /// How many lines there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.iter().filter(|entry| !entry.is_taken).count()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Remembers those lines of a block that were noticed and are not sealed with it, and takes out the earlier
    /// ones of whoever is marked now, as a parcel. It is for a source that is no file and has no offsets.
    pub fn pass(
        &mut self,
        block: &RawBlock,
        sightings: &Sightings,
        source: &str,
        masks: bool,
    ) -> Option<Parcel> {
        let mut packer = Packer::new(masks);
        let mut index = Index::default();
        for sighting in &sightings.seen {
            match sighting.answer {
                Answer::Pass => {
                    let place = sighting.place.0 as usize..sighting.place.1 as usize;
                    self.push(sighting.visitor, sighting.second, &block.expose_bytes()[place]);
                }
                Answer::Behaviour(why) => {
                    self.pack(sighting.visitor, why, source, &mut packer, &mut index);
                }
                Answer::Keep => {}
            }
        }
        packer.pack(index)
    }

    /// Packs what there is of a visitor.
    fn pack(
        &mut self,
        visitor: Visitor,
        why: Behaviour,
        source: &str,
        packer: &mut Packer,
        index: &mut Index,
    ) {
        let why = format!("behaviour:{}", why.word());
        self.take(visitor, |second, line| {
            packer.push(source, None, &[&why], line);
            index.add_lines(1, 0, 1);
            index.add_time(second);
            index.add_why("behaviour", 1);
            index.lack_paths();
        });
    }

    /// Remembers a line, in place of older ones. One that is larger than the whole ring is not remembered.
    fn push(&mut self, visitor: Visitor, second: i64, line: &[u8]) {
        self.latest = self.latest.max(second);
        while self.entries.front().is_some_and(|oldest| oldest.second < self.latest - self.seconds)
        {
            self.forget_oldest();
        }
        if line.len() > self.bytes.len() || second < self.latest - self.seconds {
            return;
        }
        // A line lies in one piece: what is left at the end is not used.
        if self.end + line.len() > self.bytes.len() {
            self.make_room(self.end, self.bytes.len());
            self.end = 0;
        }
        let place = self.end..self.end + line.len();
        self.make_room(place.start, place.end);
        self.bytes[place.clone()].copy_from_slice(line);
        self.entries.push_back(Entry {
            visitor,
            second,
            start: place.start,
            length: line.len(),
            is_taken: false,
        });
        self.end = place.end;
    }

    /// Gives up the oldest lines while they lie between these places.
    fn make_room(&mut self, start: usize, end: usize) {
        while let Some(oldest) = self.entries.front() {
            let overlaps = oldest.start < end && oldest.start + oldest.length > start;
            if !overlaps {
                return;
            }
            self.forget_oldest();
        }
    }

    fn forget_oldest(&mut self) {
        if let Some(oldest) = self.entries.pop_front() {
            self.bytes[oldest.start..oldest.start + oldest.length].zeroize();
        }
    }

    /// Hands the lines of a visitor over, oldest first; afterwards they are not here any more.
    fn take(&mut self, visitor: Visitor, mut receive: impl FnMut(i64, &[u8])) {
        for entry in self.entries.iter_mut().filter(|entry| !entry.is_taken) {
            if entry.visitor == visitor {
                let line = &mut self.bytes[entry.start..entry.start + entry.length];
                receive(entry.second, line);
                line.zeroize();
                entry.is_taken = true;
            }
        }
    }
}

impl Drop for Ring {
    fn drop(&mut self) {
        self.bytes.zeroize();
        self.entries.iter_mut().for_each(|entry| entry.visitor.zeroize());
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn ring(bytes: usize) -> Ring {
        Ring::new(bytes, RING_SECONDS).expect("a page may be locked")
    }

    fn taken(ring: &mut Ring, visitor: u64) -> Vec<String> {
        let mut lines = Vec::new();
        ring.take(Visitor(visitor), |_, line| {
            lines.push(str::from_utf8(line).expect("text").to_owned());
        });
        lines
    }

    #[test]
    fn lines_of_one_visitor_are_taken_once_and_in_order() {
        let mut ring = ring(100);
        for (visitor, line) in [(1, "one"), (2, "two"), (1, "three"), (2, "four")] {
            ring.push(Visitor(visitor), 10, line.as_bytes());
        }
        assert_eq!(taken(&mut ring, 1), ["one", "three"]);
        assert_eq!(taken(&mut ring, 1), [""; 0]);
        assert_eq!(taken(&mut ring, 3), [""; 0]);
        assert_eq!(ring.len(), 2);
        assert_eq!(taken(&mut ring, 2), ["two", "four"]);
        assert!(ring.bytes.iter().all(|byte| *byte == 0), "what was taken is overwritten");
    }

    #[test]
    fn old_lines_are_forgotten_and_late_ones_are_not_remembered() {
        let mut ring = ring(100);
        ring.push(Visitor(1), 0, b"old");
        ring.push(Visitor(1), RING_SECONDS, b"kept");
        ring.push(Visitor(1), RING_SECONDS + 1, b"new");
        ring.push(Visitor(1), 0, b"late");
        assert_eq!(taken(&mut ring, 1), ["kept", "new"]);
    }

    #[test]
    fn the_oldest_make_room() {
        let mut ring = ring(10);
        for line in ["aaaa", "bbbb", "cccc"] {
            ring.push(Visitor(1), 0, line.as_bytes());
        }
        ring.push(Visitor(1), 0, b"larger than the ring");
        assert_eq!(taken(&mut ring, 1), ["bbbb", "cccc"]);
        assert_eq!(
            format!("{ring:?}"),
            "Ring(3 lines)".replace('3', &ring.entries.len().to_string())
        );
    }

    proptest! {
        /// Whatever comes, what is taken are the latest lines that fit, each as it was.
        #[test]
        fn what_is_taken_is_what_was_pushed(lines in prop::collection::vec((0..3_u64, 0..9_usize), 0..60)) {
            let mut ring = ring(32);
            let mut pushed = Vec::new();
            for (number, (visitor, length)) in lines.into_iter().enumerate() {
                let line = format!("{number:02}{}", "x".repeat(length));
                ring.push(Visitor(visitor), 5, line.as_bytes());
                pushed.push((visitor, line));
            }
            for visitor in 0..3 {
                let all: Vec<_> = pushed.iter().filter(|it| it.0 == visitor).map(|it| it.1.clone()).collect();
                let found = taken(&mut ring, visitor);
                prop_assert!(all.ends_with(&found), "{all:?} {found:?}");
                if let Some((latest, line)) = pushed.last() {
                    prop_assert!(*latest != visitor || found.last() == Some(line));
                }
            }
        }
    }
}
