//! The one loop: every line of a block goes through door 1 and is rendered, counted or refused.
//!
//! Choices were made before: which format, which plan, which form. What is allocated here grows to the
//! size of the largest batch and stays.

use crate::{
    counts::Counts,
    emit::{Emitter, Rendered},
    field::Reason,
    privacy::{Anonymiser, Held, Outcome, RawBlock, Record},
    source::Given,
};

use super::Tally;

/// What a block became.
pub struct Batch {
    rendered: Rendered,
    /// The records that wait for others like them, under a policy that asks for it.
    held: Option<Held>,
    counts: Option<Counts>,
    tally: Tally,
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

    pub(super) const fn counts_mut(&mut self) -> Option<&mut Counts> {
        self.counts.as_mut()
    }

    pub(super) const fn tally(&self) -> &Tally {
        &self.tally
    }
}

/// What one thread needs to turn blocks into batches.
pub struct Worker {
    anonymiser: Anonymiser,
    emitter: Emitter,
    counts: Option<Counts>,
}

impl Worker {
    /// A worker; with `counts`, which must be empty, it also counts.
    #[must_use]
    pub const fn new(anonymiser: Anonymiser, emitter: Emitter, counts: Option<Counts>) -> Self {
        Self { anonymiser, emitter, counts }
    }

    /// An empty batch for this worker.
    pub fn new_batch(&mut self) -> Batch {
        Batch {
            rendered: Rendered::default(),
            held: self.anonymiser.holds().then(Held::default),
            counts: self.counts.take(),
            tally: Tally::default(),
        }
    }

    /// Takes back what a batch was lent, so that there can be another one.
    pub(super) fn take_back(&mut self, batch: Batch) {
        self.counts = batch.counts;
    }

    /// What stands before all batches: a header, in forms that have one.
    #[must_use]
    pub fn header(&self) -> Rendered {
        let mut header = Rendered::default();
        self.emitter.header(&mut header);
        header
    }

    /// Makes `batch` of `block`.
    pub fn process(&mut self, given: &Given, block: &RawBlock, batch: &mut Batch) {
        batch.rendered.clear();
        batch.tally = Tally::default();
        batch.tally.refuse(Reason::TooLong, given.too_long);
        if let Some(held) = &mut batch.held {
            return hold(&mut self.anonymiser, given, block, held, &mut batch.tally);
        }
        let Batch { rendered, counts, tally, held: _ } = batch;
        self.anonymiser.open_block();
        for line in block.lines() {
            // What is done with the record is written out here and again below for the rare line: one closure
            // for both was called and not inlined, which took a tenth more instructions.
            let mut outcome = self.anonymiser.anonymise(&given.format, line, |record| {
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
            note(outcome, tally);
        }
        self.anonymiser.close_block();
        batch.tally.bytes_out = batch.rendered.as_bytes().len() as u64;
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
    for line in block.lines() {
        let mut outcome = anonymiser.hold(&given.format, line, held);
        if outcome == Outcome::Refused(Reason::NotThisFormat) && given.is_detected {
            outcome = anonymiser.hold_other(&given.format, line, held);
        }
        note(outcome, tally);
    }
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
