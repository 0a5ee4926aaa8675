//! The records of one period, held until it is over.
//!
//! Held are likenesses, and for each line a number for its likeness and one for its visitor: 16 bytes, fewer where a
//! visitor comes again. What a period may take is bounded. Past the bound on texts, paths and referrers that
//! are new become `(other)`; past the bound on likenesses or visits, whatever is new is held as the
//! widest likeness only, of which no more than a few visitors need to be known.

use std::{collections::HashMap, hash::BuildHasher as _};

use foldhash::quality::RandomState;
use hashbrown::HashTable;
use zeroize::Zeroize;

use super::{
    held::{Row, Texts},
    likeness::{Likeness, PathKind, Step, TextId},
    suppress::{Group, Groups, suppress},
    template::{Crowd, learn},
};
use crate::privacy::visitors::Visitor;

/// What a period may take.
#[derive(Clone, Copy)]
pub(super) struct Limits {
    /// Different paths, referrers and other texts, and how many bytes they may have.
    pub(super) texts: usize,
    pub(super) text_bytes: usize,
    /// Different likenesses.
    pub(super) likenesses: usize,
    /// Pairs of a likeness and a visitor.
    pub(super) visits: usize,
}

impl Limits {
    /// About 100 MiB: 11 of texts, 33 of likenesses, 64 of visits.
    pub(super) const USUAL: Self =
        Self { texts: 65_536, text_bytes: 8 << 20, likenesses: 262_144, visits: 4 << 20 };
}

/// A visitor's lines of one likeness.
#[derive(Clone, Copy)]
struct Visit {
    visitor: Visitor,
    likeness: u32,
    lines: u32,
}

impl Zeroize for Visit {
    fn zeroize(&mut self) {
        self.visitor.zeroize();
    }
}

/// A period that is open.
pub(super) struct Period {
    /// Its first second.
    pub(super) start: i64,
    k: usize,
    limits: Limits,
    hasher: RandomState,
    texts: Texts,
    text_index: HashTable<u32>,
    other: TextId,
    likenesses: Vec<Likeness>,
    likeness_index: HashTable<u32>,
    visits: Vec<Visit>,
    /// Whether visits are held as the rest from now on.
    is_full: bool,
    /// What was too much to be held apart.
    rest: Groups,
}

/// A period that is over: what may be written, in order, and how many lines may not.
pub(super) struct Closed {
    pub(super) texts: Texts,
    pub(super) lines: Vec<(Likeness, u64)>,
    pub(super) suppressed: u64,
}

impl Period {
    pub(super) fn new(start: i64, k: usize, limits: Limits) -> Self {
        let mut period = Self {
            start,
            k,
            limits,
            hasher: RandomState::default(),
            texts: Texts::default(),
            text_index: HashTable::new(),
            other: TextId::NONE,
            likenesses: Vec::new(),
            likeness_index: HashTable::new(),
            visits: Vec::new(),
            is_full: false,
            rest: Groups::new(),
        };
        period.other = period.text(b"(other)").expect("there is room for one text");
        period
    }

    /// How many visits are held apart.
    #[cfg(test)]
    pub(super) const fn visits(&self) -> usize {
        self.visits.len()
    }

    /// Holds a row, whose texts are those of its block.
    pub(super) fn add(&mut self, row: &Row, texts: &Texts) {
        let likeness = self.with_own_texts(row.likeness, texts);
        if self.visits.len() >= self.limits.visits && !self.is_full {
            self.compact();
            self.is_full = self.visits.len() > self.limits.visits / 4 * 3;
        }
        let number = if self.is_full { None } else { self.likeness(likeness) };
        match number {
            Some(likeness) => {
                self.visits.push(Visit { visitor: row.visitor, likeness, lines: 1 });
            }
            None => {
                let group = self.rest.entry(likeness.widest(self.other)).or_default();
                group.lines += 1;
                group.crowd.add(row.visitor, self.k);
            }
        }
    }

    /// The likeness with texts of this period. Those that there is no room for are others, and a query is left out.
    fn with_own_texts(&mut self, likeness: Likeness, texts: &Texts) -> Likeness {
        let (mut has_room, other) = (true, self.other);
        let mut own = likeness.renumbered(|id| {
            let found = self.text(texts.get(id));
            has_room &= found.is_some();
            found.unwrap_or(other)
        });
        if !has_room {
            own = own.widened(Step::Query, other);
        }
        if own.path == other {
            own.path_kind = PathKind::Told;
        }
        own
    }

    /// The number of a text, or nothing where there is no room for it.
    fn text(&mut self, text: &[u8]) -> Option<TextId> {
        let hash = self.hasher.hash_one(text);
        let Self { texts, text_index, limits, hasher, .. } = self;
        let is = |index: &u32| texts.get(TextId::at(*index as usize)) == text;
        if let Some(index) = text_index.find(hash, is) {
            return Some(TextId::at(*index as usize));
        }
        if texts.len() >= limits.texts || texts.bytes() + text.len() > limits.text_bytes {
            return None;
        }
        let id = texts.push(text);
        let rehash = |index: &u32| hasher.hash_one(texts.get(TextId::at(*index as usize)));
        text_index.insert_unique(hash, (texts.len() - 1) as u32, rehash);
        Some(id)
    }

    /// The number of a likeness, or nothing where there is no room for it.
    fn likeness(&mut self, likeness: Likeness) -> Option<u32> {
        let hash = self.hasher.hash_one(likeness);
        let Self { likenesses, likeness_index, limits, hasher, .. } = self;
        let is = |index: &u32| likenesses[*index as usize] == likeness;
        if let Some(index) = likeness_index.find(hash, is) {
            return Some(*index);
        }
        if likenesses.len() >= limits.likenesses {
            return None;
        }
        let index = likenesses.len() as u32;
        likenesses.push(likeness);
        let rehash = |index: &u32| hasher.hash_one(likenesses[*index as usize]);
        likeness_index.insert_unique(hash, index, rehash);
        Some(index)
    }

    /// Joins the visits of each visitor that have one likeness.
    fn compact(&mut self) {
        self.visits.sort_unstable_by_key(|visit| (visit.likeness, visit.visitor));
        self.visits.dedup_by(|visit, kept| {
            let is_same = (visit.likeness, visit.visitor) == (kept.likeness, kept.visitor);
            if is_same {
                kept.lines = kept.lines.saturating_add(visit.lines);
            }
            is_same
        });
    }

    /// Learns templates, suppresses what too few share, and sorts what is left: the order in which lines came
    /// leaves no trace.
    pub(super) fn close(mut self) -> Closed {
        let mut groups = self.groups();
        let suppressed = suppress(&mut groups, self.k, self.other);
        let mut ranks = vec![TextId::NONE; self.texts.len()];
        let mut order: Vec<_> = (0..self.texts.len()).map(TextId::at).collect();
        order.sort_by_key(|id| self.texts.get(*id));
        let mut texts = Texts::default();
        for id in order {
            ranks[id.index().expect("a text")] = texts.push(self.texts.get(id));
        }
        let rank = |id: TextId| ranks[id.index().expect("a text")];
        let sorted =
            |(likeness, group): (Likeness, Group)| (likeness.renumbered(rank), group.lines);
        let mut lines: Vec<_> = groups.into_iter().map(sorted).collect();
        lines.sort_unstable();
        Closed { texts, lines, suppressed }
    }

    /// The lines by likeness, with the paths that may be told.
    fn groups(&mut self) -> Groups {
        let mut found: Vec<Group> = Vec::new();
        found.resize_with(self.likenesses.len(), Group::default);
        for visit in &self.visits {
            let group = &mut found[visit.likeness as usize];
            group.lines += u64::from(visit.lines);
            group.crowd.add(visit.visitor, self.k);
        }
        let templates = self.templates(&found);
        let mut groups = std::mem::take(&mut self.rest);
        for (likeness, group) in self.likenesses.iter().zip(&found) {
            let mut likeness = *likeness;
            if likeness.path_kind != PathKind::Told {
                let learned = templates.get(&likeness.path).copied().unwrap_or(self.other);
                // What the site did not confirm is told only where it is known word by word.
                let is_told = likeness.path_kind == PathKind::Confirmed || learned == likeness.path;
                likeness.path = if is_told { learned } else { self.other };
                likeness.path_kind = PathKind::Told;
            }
            groups.entry(likeness).or_default().join(group, self.k);
        }
        groups
    }

    /// What each path is told as, for those that are told.
    fn templates(&mut self, found: &[Group]) -> HashMap<TextId, TextId> {
        let mut crowds: HashMap<TextId, Crowd> = HashMap::new();
        for (likeness, group) in self.likenesses.iter().zip(found) {
            if likeness.path_kind == PathKind::Confirmed {
                crowds.entry(likeness.path).or_default().join(&group.crowd, self.k);
            }
        }
        let crowds: Vec<_> = crowds.into_iter().collect();
        let paths: Vec<_> =
            crowds.iter().map(|(path, crowd)| (self.texts.get(*path), crowd)).collect();
        let learned = learn(&paths, self.k);
        // There are no more templates than paths, so that they need no bound of their own.
        self.limits = Limits { texts: usize::MAX, text_bytes: usize::MAX, ..self.limits };
        let number =
            |(path, learned): (TextId, Option<Vec<u8>>)| Some((path, self.text(&learned?)?));
        crowds.iter().map(|(path, _)| *path).zip(learned).filter_map(number).collect()
    }
}

impl Drop for Period {
    fn drop(&mut self) {
        self.visits.zeroize();
    }
}
