//! Bounded memories of what raw text became: the same path or agent is cleaned once and then copied.
//!
//! An entry is found by a 64-bit hash of the raw text under a random seed of the process and holds
//! the clean result only: no raw byte is kept. Two texts of one hash would give one of them the clean
//! value of the other, which is wrong but clean, and happens once in 2^64.
//!
//! Each memory is four-way associative and of a fixed size: what does not fit is not remembered, and
//! a new entry takes the place of an older one of its set. Direct mapping or a smaller size cost 20
//! to 60% of a prototype's speed on real logs.

use std::hash::{BuildHasher, Hasher};

use foldhash::quality::RandomState;

use super::record::{Note, Text};
use crate::field::Escaping;

const WAYS: usize = 4;

/// Hashes raw text under one seed for the life of the process.
#[derive(Clone, Default)]
pub(super) struct Seed(RandomState);

impl Seed {
    /// The hash of `text`, never zero: zero marks a free place. The same text is another one where it is
    /// escaped in another way.
    #[inline]
    pub(super) fn hash(&self, text: &[u8], escaping: Option<Escaping>) -> u64 {
        let mut hasher = self.0.build_hasher();
        hasher.write(text);
        if let Some(escaping) = escaping {
            hasher.write_u8(escaping as u8);
        }
        hasher.finish().max(1)
    }

    /// The hash of an address as a visitor of one site, never zero.
    #[inline]
    pub(super) fn hash_address(&self, address: u64, site: u64) -> u64 {
        let mut hasher = self.0.build_hasher();
        hasher.write_u64(address);
        hasher.write_u64(site);
        hasher.finish().max(1)
    }

    /// The hash of a text that means something else in each epoch, never zero.
    #[inline]
    pub(super) fn hash_with(&self, text: &[u8], epoch: u32) -> u64 {
        let mut hasher = self.0.build_hasher();
        hasher.write(text);
        hasher.write_u32(epoch);
        hasher.finish().max(1)
    }

    /// The hash of several texts.
    pub(super) fn hash_all(&self, texts: &[&[u8]], escaping: Option<Escaping>) -> u64 {
        let mut hasher = self.0.build_hasher();
        for text in texts {
            hasher.write(text);
            hasher.write_usize(text.len());
        }
        hasher.write_u8(escaping.map_or(u8::MAX, |escaping| escaping as u8));
        hasher.finish().max(1)
    }
}

/// The hash under which something is asked for, and where that was some time ago. What is remembered since then may
/// have taken its place.
#[derive(Clone, Copy, Default)]
pub(super) struct Asked {
    pub(super) hash: u64,
    place: u32,
}

impl Asked {
    /// What has this hash.
    #[inline(always)]
    pub(super) const fn new(hash: u64) -> Self {
        Self { hash, place: u32::MAX }
    }
}

/// A clean text of at most `BYTES` bytes with a small value before it: value, length and the beginning of
/// the text lie side by side, because the first of them to be read is the one that is waited for.
#[derive(Clone)]
#[repr(C, align(64))]
pub(super) struct Slot<V, const BYTES: usize> {
    note: Note,
    pub(super) value: V,
    length: u16,
    text: [u8; BYTES],
}

impl<V, const BYTES: usize> Slot<V, BYTES> {
    /// The clean text.
    #[inline]
    pub(super) fn text(&self) -> Text<'_> {
        Text::within(&self.text, usize::from(self.length)).noted(&self.note)
    }
}

/// The hashes of what one set remembers, on one line of the cache.
#[derive(Clone, Default)]
#[repr(align(32))]
struct Tags([u64; WAYS]);

/// A memory of clean texts.
pub(super) struct Memo<V, const BYTES: usize> {
    tags: Box<[Tags]>,
    slots: Box<[Slot<V, BYTES>]>,
    next_victim: usize,
}

impl<V: Copy + Default, const BYTES: usize> Memo<V, BYTES> {
    /// A memory of `entries` places, which must be a power of two.
    pub(super) fn new(entries: usize) -> Self {
        assert!(entries.is_power_of_two() && entries >= WAYS, "whole sets");
        let (note, value) = Default::default();
        let empty = Slot { note, value, length: 0, text: [0; BYTES] };
        Self {
            tags: vec![Tags::default(); entries / WAYS].into_boxed_slice(),
            slots: vec![empty; entries].into_boxed_slice(),
            next_victim: 0,
        }
    }

    /// The place of what has this hash.
    #[inline]
    pub(super) fn find(&self, hash: u64) -> Option<usize> {
        let set = self.set(hash);
        let Tags(tags) = &self.tags[set];
        // All ways are compared: which of them it is cannot be predicted.
        let fits = |way: usize| u32::from(tags[way] == hash) << way;
        let ways = fits(0) | fits(1) | fits(2) | fits(3);
        (ways != 0).then(|| set * WAYS + ways.trailing_zeros() as usize)
    }

    /// Has the tags among which [`Self::find`] looks for this hash brought near.
    #[inline(always)]
    pub(super) fn call_tags(&self, asked: Asked) {
        call(&self.tags[self.set(asked.hash)]);
    }

    /// Has what is asked for brought near, whose tags should be by now, and notes where it is.
    #[inline(always)]
    pub(super) fn call(&self, asked: &mut Asked) {
        if let Some(place) = self.find(asked.hash) {
            asked.place = place as u32;
            let slot = &self.slots[place];
            call(slot);
            call(&slot.text);
        }
    }

    /// The place of what is asked for: where it was, or else wherever it is now.
    #[inline(always)]
    pub(super) fn find_asked(&self, asked: Asked) -> Option<usize> {
        let place = asked.place as usize;
        match self.tags.get(place / WAYS) {
            Some(Tags(tags)) if tags[place % WAYS] == asked.hash => Some(place),
            _ => self.find(asked.hash),
        }
    }

    /// What is at a place that [`Self::find`] or [`Self::insert`] gave.
    #[inline]
    pub(super) fn at(&self, place: usize) -> &Slot<V, BYTES> {
        &self.slots[place]
    }

    /// Remembers `value` and `text` and says where, or nothing when the text is too long.
    pub(super) fn insert(&mut self, hash: u64, value: V, text: &[u8]) -> Option<usize> {
        if text.len() > BYTES {
            return None;
        }
        let set = self.set(hash);
        let way = self.tags[set].0.iter().position(|tag| *tag == 0).unwrap_or_else(|| {
            self.next_victim = self.next_victim.wrapping_add(1);
            self.next_victim % WAYS
        });
        self.tags[set].0[way] = hash;
        let slot = &mut self.slots[set * WAYS + way];
        slot.note = Note::default();
        slot.value = value;
        slot.length = text.len() as u16;
        slot.text[..text.len()].copy_from_slice(text);
        Some(set * WAYS + way)
    }

    #[inline]
    fn set(&self, hash: u64) -> usize {
        (hash >> 32) as usize & (self.tags.len() - 1)
    }
}

/// Has memory brought near without waiting for it, where the processor can be asked to.
#[inline(always)]
fn call<T>(what: &T) {
    #[cfg(target_feature = "sse")]
    safe_arch::prefetch_t0(what);
    #[cfg(not(target_feature = "sse"))]
    let _ = what;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_put_in_is_found_until_its_set_is_full() {
        let mut memo = Memo::<u32, 8>::new(4);
        for hash in [1u64, 2, 3, 4] {
            let place = memo.insert(hash, hash as u32, b"x").expect("fits");
            assert_eq!(memo.find(hash), Some(place));
        }
        for hash in [1u64, 2, 3, 4] {
            let slot = memo.at(memo.find(hash).expect("was put in"));
            assert_eq!((slot.value, slot.text().as_bytes()), (hash as u32, &b"x"[..]));
        }
        memo.insert(9, 9, b"").expect("fits");
        assert!(memo.find(9).is_some());
        assert_eq!([1u64, 2, 3, 4].iter().filter(|hash| memo.find(**hash).is_some()).count(), 3);
    }

    #[test]
    fn longer_texts_are_not_remembered() {
        let mut memo = Memo::<u32, 8>::new(4);
        assert!(memo.insert(1, 0, b"12345678").is_some());
        assert!(memo.insert(3, 0, b"123456789").is_none());
        assert!(memo.find(3).is_none());
    }

    #[test]
    fn a_seed_hashes_the_same_text_alike_and_never_to_zero() {
        let seed = Seed::default();
        assert_eq!(seed.hash(b"x", None), seed.clone().hash(b"x", None));
        assert_ne!(seed.hash(b"x", None), seed.hash(b"y", None));
        assert_ne!(seed.hash(b"", None), 0);
    }
}
