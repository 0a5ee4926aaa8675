//! Reports of a policy's own: downloads, installations, product reports and beacons.
//!
//! Door 1 has already found out which rule a line fits, what it counts under and as what: a download once for each
//! visitor, file and day, an installation once. Here this becomes tables like any other, with one set more: that of
//! the things that count once.

use super::{
    crowd::Crowd,
    keyed::Keyed,
    open::{Limits, Open},
    part::Visits,
    tally::{People, Sum, Tally, Wants},
};
use crate::{
    policy::SpecialKind,
    privacy::{Measured, Special},
};

/// What the lines of a block are in one table.
#[derive(Default)]
pub(super) struct Gathered {
    keys: Keyed,
    visits: Visits,
    units: Visits,
}

impl Gathered {
    pub(super) fn add(&mut self, line: &Measured<'_, '_>, special: &Special<'_>, ordinal: u32) {
        self.keys.add(special.key().as_bytes(), Tally::of_line(line.bytes()));
        self.visits.push(line, ordinal);
        self.units.push_number(special.unit(), line.bytes(), ordinal);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.keys.column.is_empty()
    }

    pub(super) fn drop_first(&mut self, records: u32) {
        let lines = self.visits.before(records);
        self.keys.drop_first(lines, &self.visits.bytes[..lines]);
        self.visits.drop_first(lines);
        self.units.drop_first(lines);
    }

    pub(super) fn clear(&mut self) {
        self.keys.clear();
        self.visits.clear();
        self.units.clear();
    }
}

/// One table of a run.
pub(super) struct RunSpecial {
    kind: SpecialKind,
    requests: Open,
    units: Open,
}

/// Adds what a block counted, at once: such lines are few.
fn absorb(open: &mut Open, keys: &mut Keyed, visits: &Visits, wants: Wants) {
    let mut crowd = Crowd::default();
    crowd.push_all(visits, wants);
    open.absorb(keys, &mut crowd, &visits.bytes, wants);
    open.settle(&mut crowd, wants);
}

/// A row of such a table.
pub(super) struct SpecialRow<'a> {
    pub(super) key: Option<&'a [u8]>,
    pub(super) sum: Sum,
    pub(super) units: People,
}

impl RunSpecial {
    pub(super) fn new(kind: SpecialKind, limits: Limits) -> Self {
        Self { kind, requests: Open::new(limits), units: Open::new(limits) }
    }

    /// Adds what a block counted.
    pub(super) fn absorb(&mut self, block: &mut Gathered, wants: Wants) {
        let of_people = if self.kind.knows_visitors() { wants } else { Wants::default() };
        absorb(&mut self.requests, &mut block.keys, &block.visits, of_people);
        let once = Wants { visitors: self.kind.counts_once() && wants.visitors, networks: None };
        absorb(&mut self.units, &mut block.keys, &block.units, once);
    }

    /// Its rows. Both tables went the same way, for only keys and their order decide.
    pub(super) fn rows(&self) -> impl Iterator<Item = SpecialRow<'_>> {
        let both = self.requests.iter().zip(self.units.iter());
        both.map(|((key, tally, people), (_, _, units))| SpecialRow {
            key,
            sum: Sum { tally, people: people.clone() },
            units: units.clone(),
        })
    }

    /// By how many requests any row may be too low.
    pub(super) const fn missed(&self) -> u64 {
        self.requests.missed()
    }
}
