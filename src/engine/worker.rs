//! The one loop: every line of a block goes through door 1 and is rendered, counted or refused.
//!
//! Choices were made before: which format, which plan, which form. What is allocated here grows to the
//! size of the largest batch and stays.

use crate::{
    counts::Block,
    emit::{Emitter, Rendered},
    field::Reason,
    privacy::{Ahead, Anonymiser, Held, Outcome, RawBlock, Record, Sightings, seal::Parcel},
    source::Given,
};

use super::Tally;

/// What a block became.
pub struct Batch {
    rendered: Rendered,
    /// The records that wait for others like them, under a policy that asks for it.
    held: Option<Held>,
    counts: Option<Block>,
    tally: Tally,
    /// What was noticed of lines, to be answered in the order of the input.
    sightings: Sightings,
    /// The lines that are to be sealed.
    parcel: Option<Parcel>,
}

impl Batch {
    /// The rendered records.
    #[must_use]
    pub const fn rendered(&self) -> &Rendered {
        &self.rendered
    }

    pub(super) const fn held_mut(&mut self) -> Option<&mut Held> {
        self.held.as_mut()
    }

    /// What was counted, if anything counts.
    pub const fn counts_mut(&mut self) -> Option<&mut Block> {
        self.counts.as_mut()
    }

    /// What was noticed of lines, to be answered in the order of the input.
    pub const fn sightings_mut(&mut self) -> &mut Sightings {
        &mut self.sightings
    }

    /// The lines that are to be sealed.
    pub const fn take_parcel(&mut self) -> Option<Parcel> {
        self.parcel.take()
    }

    /// How many lines came and went.
    #[must_use]
    pub const fn tally(&self) -> &Tally {
        &self.tally
    }
}

/// What one thread needs to turn blocks into batches.
pub struct Worker {
    anonymiser: Anonymiser,
    emitter: Emitter,
    counts: Option<Block>,
}

impl Worker {
    /// A worker; with `counts`, which must be empty, it also counts.
    #[must_use]
    pub const fn new(anonymiser: Anonymiser, emitter: Emitter, counts: Option<Block>) -> Self {
        Self { anonymiser, emitter, counts }
    }

    /// An empty batch for this worker.
    pub fn new_batch(&mut self) -> Batch {
        Batch {
            rendered: Rendered::default(),
            held: self.anonymiser.holds().then(Held::default),
            counts: self.counts.take(),
            tally: Tally::default(),
            sightings: Sightings::default(),
            parcel: None,
        }
    }

    /// Takes back what a batch was lent, so that there can be another one.
    pub fn take_back(&mut self, batch: Batch) {
        self.counts = batch.counts;
    }

    /// What stands before all batches: a header, in forms that have one.
    #[must_use]
    pub fn header(&self) -> Rendered {
        let mut header = Rendered::default();
        self.emitter.header(&mut header);
        header
    }

    /// Makes `batch` of `block`, but for what is sealed of it: see [`Self::pack`].
    pub fn process(&mut self, given: &Given, block: &RawBlock, batch: &mut Batch) {
        batch.rendered.clear();
        batch.tally = Tally::default();
        batch.tally.refuse(Reason::TooLong, given.too_long);
        if let Some(held) = &mut batch.held {
            hold(&mut self.anonymiser, given, block, held, &mut batch.tally);
            self.note_hits(batch);
            return;
        }
        let Batch { rendered, counts, tally, .. } = batch;
        let seals = self.anonymiser.seals();
        self.anonymiser.open_block();
        let mut ahead = Ahead::new(&given.format, block.lines());
        while self.anonymiser.look_ahead(&mut ahead) {
            for looked in ahead.looked() {
                let line = looked.line();
                // What is done with the record is written out here and again below for the rare line: one closure
                // for both was called and not inlined, which took a tenth more instructions.
                let mut outcome = self.anonymiser.anonymise_looked(looked, |record| {
                    self.emitter.render(record, rendered);
                    if let Some(counts) = counts {
                        counts.add(record);
                    }
                });
                if outcome == Outcome::Refused(Reason::NotThisFormat) && given.is_detected {
                    let other = &mut |record: &Record<'_>| {
                        self.emitter.render(record, rendered);
                        if let Some(counts) = counts {
                            counts.add(record);
                        }
                    };
                    outcome = self.anonymiser.anonymise_other(&given.format, line, other);
                }
                if seals {
                    self.anonymiser.settle(block, &given.format, line, outcome);
                }
                note(outcome, tally);
            }
        }
        self.anonymiser.close_block();
        batch.tally.bytes_out = batch.rendered.as_bytes().len() as u64;
        if seals {
            self.note_hits(batch);
        }
    }

    fn note_hits(&mut self, batch: &mut Batch) {
        batch.sightings = self.anonymiser.take_sightings();
        let hits = self.anonymiser.take_hits().map(|(id, lines)| (id.to_owned(), lines));
        batch.tally.rules = hits.collect();
    }

    /// Packs the lines of `block` that are to be sealed, when what was noticed of them is answered.
    pub fn pack(&mut self, given: &Given, block: &RawBlock, batch: &mut Batch) {
        if self.anonymiser.seals() {
            let sightings = std::mem::take(&mut batch.sightings);
            batch.parcel = self.anonymiser.pack(block, &given.format, &given.source, sightings);
        }
    }
}

/// The same loop for records that are held.
fn hold(
    anonymiser: &mut Anonymiser,
    given: &Given,
    block: &RawBlock,
    held: &mut Held,
    tally: &mut Tally,
) {
    held.clear();
    anonymiser.open_block();
    for line in block.lines() {
        let mut outcome = anonymiser.hold(&given.format, line, held);
        if outcome == Outcome::Refused(Reason::NotThisFormat) && given.is_detected {
            outcome = anonymiser.hold_other(&given.format, line, held);
        }
        anonymiser.settle(block, &given.format, line, outcome);
        note(outcome, tally);
    }
    anonymiser.close_block();
}

/// Notes what became of a line. What is held is noted when it is released.
#[inline(always)]
const fn note(outcome: Outcome, tally: &mut Tally) {
    match outcome {
        Outcome::Clean => tally.clean += 1,
        Outcome::Held => {}
        Outcome::Refused(reason) => tally.refuse(reason, 1),
        Outcome::Filtered => tally.filtered += 1,
        Outcome::OptedOut => tally.opted_out += 1,
    }
}
