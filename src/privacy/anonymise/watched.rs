//! Which lines are to be sealed: asked of each line beside its way through the door, and answered with a parcel.

use std::sync::Arc;

use zeroize::Zeroizing;

use super::{Anonymiser, Outcome, inner_of};
use crate::{
    field::{LineMap, Reason},
    format::Format,
    privacy::{
        cases::LiveCases,
        raw::{RawBlock, RawLine},
        scout::Lookout,
        seal::Parcel,
        sentry::Sightings,
        watch::{Known, Watch, target},
    },
    transform::time::Timestamp,
};

impl Anonymiser {
    /// The worker with what picks lines to be sealed, as the plan says. Without it, none are.
    #[must_use]
    pub fn with_watch(mut self) -> Self {
        self.watch = self.plan.seal.map(Watch::new);
        self
    }

    /// The worker with what notices attacks among the lines, if any are picked to be sealed.
    #[must_use]
    pub fn with_lookout(mut self, lookout: &Lookout) -> Self {
        let plan = &self.plan;
        self.watch = self.watch.map(|watch| watch.with_lookout(lookout, Arc::clone(plan)));
        self
    }

    /// The worker that also picks the lines of open cases.
    #[must_use]
    pub fn with_cases(mut self, cases: &Arc<LiveCases>) -> Self {
        self.watch = self.watch.map(|watch| watch.with_cases(cases.view()));
        self
    }

    /// Whether lines are picked to be sealed.
    #[inline]
    #[must_use]
    pub const fn seals(&self) -> bool {
        self.watch.is_some()
    }

    /// Picks the line to be sealed if that is to be, now that it is known what became of it.
    #[inline]
    pub fn settle(
        &mut self,
        block: &RawBlock,
        format: &Format,
        line: RawLine<'_>,
        outcome: Outcome,
    ) {
        let refused = match outcome {
            Outcome::Refused(reason) => Some(reason),
            _ => None,
        };
        if let Some(watch) = &mut self.watch
            && watch.settle(refused, || block.place_of(line))
        {
            self.pick(block, format, line, refused);
        }
    }

    #[cold]
    #[inline(never)]
    fn pick(
        &mut self,
        block: &RawBlock,
        format: &Format,
        line: RawLine<'_>,
        refused: Option<Reason>,
    ) {
        let place = block.place_of(line);
        let text = line.expose_bytes();
        let mut decoded = Zeroizing::new(Vec::new());
        let inner = inner_of(text, &mut decoded);
        let known = self.known(format, inner);
        if let Some(watch) = &mut self.watch {
            watch.take(refused, place, &known, text);
        }
    }

    /// What can be read of a line that is to be sealed.
    fn known<'a>(&mut self, format: &Format, line: &'a [u8]) -> Known<'a> {
        let mut map = LineMap::default();
        let mut found = format.map(line, &mut map).is_ok().then_some(format);
        if found.is_none() {
            found = format.others().find(|other| {
                map = LineMap::default();
                other.map(line, &mut map).is_ok()
            });
        }
        let Some(format) = found else { return Known::default() };
        Known {
            time: self.time(format, line, &map).ok().map(Timestamp::seconds),
            client: self.host(line, &map),
            target: target(line, &map),
        }
    }

    /// What was noticed of the lines of the block, for a [`crate::privacy::Sentry`] to answer.
    pub fn take_sightings(&mut self) -> Sightings {
        self.watch.as_mut().map(Watch::take_sightings).unwrap_or_default()
    }

    /// How many lines each rule hit since this was asked last, by the ids of the rules.
    pub fn take_hits(&mut self) -> impl Iterator<Item = (&str, u64)> {
        self.watch.iter_mut().flat_map(Watch::take_hits)
    }

    /// The parcel of the lines of `block` that are to be sealed; `source` is what the input is called, and
    /// `sightings` are those of this block with their answers.
    pub fn pack(
        &mut self,
        block: &RawBlock,
        format: &Format,
        source: &str,
        sightings: Sightings,
    ) -> Option<Parcel> {
        let kept = self.watch.as_mut()?.kept(block, sightings);
        for pick in kept {
            let text = &block.expose_bytes()[pick.place.clone()];
            let text = text.strip_suffix(b"\n").unwrap_or(text);
            let text = text.strip_suffix(b"\r").unwrap_or(text);
            let mut decoded = Zeroizing::new(Vec::new());
            let inner = inner_of(text, &mut decoded);
            let known = self.known(format, inner);
            if let Some(watch) = &mut self.watch {
                watch.keep(pick, &known, text);
            }
        }
        self.watch.as_mut()?.pack(block, source)
    }
}
