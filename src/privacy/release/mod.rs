//! Records that are held until enough visitors share them: what a policy with a `[release]` section asks for.
//!
//! Such records are not lent to anybody when their line is read. A worker leaves them in a [`Held`], a [`Release`]
//! takes these in the order of the input, keeps them by their period (an hour or a day), and lends them out once,
//! when the period is over:
//!
//! 1. Paths are told as far as at least *k* different visitors were seen with every part of them (`template.rs`).
//! 2. Records that fewer than *k* visitors share are made to tell less, in a fixed order, and left out and
//!    counted if that does not help (`suppress.rs`). So every line that is written is written in exactly the same
//!    words for *k* visitors or more.
//! 3. What is left is sorted. The order in which lines came leaves no trace.
//!
//! A period is over ten minutes after its end, by the times of the lines, or when the input ends. Nothing depends on a
//! clock, on threads or on blocks. What comes later for it is refused as late: a period is released once.
//!
//! Somebody who sends requests from *k* addresses on purpose can bring out what they share. Only noise would
//! resist that, and there is none here.

mod held;
mod likeness;
mod period;
mod suppress;
mod template;
#[cfg(test)]
mod tests;

use std::sync::Arc;

pub use held::Held;
pub(in crate::privacy) use likeness::PathKind;

use self::{
    held::{Row, Texts},
    likeness::Likeness,
    period::{Closed, Limits, Period},
};
use super::{
    lookup::Lookup,
    record::{Record, Text},
    visitors::Visit,
};
use crate::{
    policy::{Plan, ReleaseRule},
    transform::{request::Method, time::Timestamp},
};

/// How long after its end a period waits for lines that were written late.
pub const CLOSE_AFTER_SECONDS: i64 = 600;

/// A line so far ahead of all others must have a second one near it to be believed: else one wrong clock would
/// close every period before its time.
const LEAP_SECONDS: i64 = 86_400;

/// How many lines went which way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Released {
    /// Lines that became records.
    pub clean: u64,
    /// Lines that came after their period was closed.
    pub late: u64,
    /// Lines that too few visitors shared.
    pub suppressed: u64,
}

/// Holds the records of a run.
pub struct Release {
    plan: Arc<Plan>,
    rule: ReleaseRule,
    limits: Limits,
    /// What records need that ask for an organisation, which none of these does.
    lookup: Lookup,
    /// The latest time of a line that was believed.
    latest: Option<i64>,
    /// A line far ahead of all others, with its texts.
    ahead: Option<(Row, Texts)>,
    /// The periods that are open, the earliest first: two of them while a period is young, else one.
    open: Vec<Period>,
    released: Released,
}

impl Release {
    /// One for a plan that holds records; nothing for others.
    #[must_use]
    pub fn new(plan: Arc<Plan>) -> Option<Self> {
        Self::with_limits(plan, Limits::USUAL)
    }

    fn with_limits(plan: Arc<Plan>, limits: Limits) -> Option<Self> {
        let rule = plan.release?;
        let (released, open) = (Released::default(), Vec::new());
        let lookup = Lookup::default();
        Some(Self { plan, rule, limits, lookup, latest: None, ahead: None, open, released })
    }

    /// Takes what a block left, in the order of the input, and lends the records of the periods that are over by it.
    ///
    /// # Errors
    ///
    /// What `receive` says; then this is of no more use.
    pub fn absorb<E>(
        &mut self,
        held: &mut Held,
        receive: &mut impl FnMut(&Record<'_>) -> Result<(), E>,
    ) -> Result<Released, E> {
        for row in &held.rows {
            if self.is_believed(row, &held.texts) {
                self.advance(row.unix, receive)?;
                self.hold(row, &held.texts);
            }
        }
        held.clear();
        Ok(std::mem::take(&mut self.released))
    }

    /// Lends what is left, at the end of the input.
    ///
    /// # Errors
    ///
    /// What `receive` says; then this is of no more use.
    pub fn finish<E>(
        &mut self,
        receive: &mut impl FnMut(&Record<'_>) -> Result<(), E>,
    ) -> Result<Released, E> {
        if let Some((row, texts)) = self.ahead.take() {
            self.hold(&row, &texts);
        }
        for period in std::mem::take(&mut self.open) {
            self.close(period, receive)?;
        }
        Ok(std::mem::take(&mut self.released))
    }

    /// Whether a line's time may be one. A line far ahead of all others is kept aside until the next one.
    fn is_believed(&mut self, row: &Row, texts: &Texts) -> bool {
        let is_leap = self.latest.is_none_or(|latest| row.unix - latest > LEAP_SECONDS);
        if !is_leap {
            return true;
        }
        match self.ahead.take() {
            Some((before, of_before)) if before.unix.abs_diff(row.unix) <= LEAP_SECONDS as u64 => {
                self.latest = self.latest.max(Some(before.unix));
                self.hold(&before, &of_before);
                return true;
            }
            // Nobody else was seen in its period, or it would have been believed.
            Some(_) => self.released.suppressed += 1,
            None => {}
        }
        let mut own = Texts::default();
        let likeness = row.likeness.renumbered(|id| own.push(texts.get(id)));
        self.ahead = Some((Row { likeness, ..*row }, own));
        false
    }

    /// Lets the time of the lines go on, which closes the periods that are over by then.
    fn advance<E>(
        &mut self,
        unix: i64,
        receive: &mut impl FnMut(&Record<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        self.latest = self.latest.max(Some(unix));
        while self.open.first().is_some_and(|period| self.is_over(period.start)) {
            let period = self.open.remove(0);
            self.close(period, receive)?;
        }
        Ok(())
    }

    fn is_over(&self, start: i64) -> bool {
        let end = start + self.rule.period_seconds + CLOSE_AFTER_SECONDS;
        self.latest.is_some_and(|latest| latest >= end)
    }

    fn hold(&mut self, row: &Row, texts: &Texts) {
        let start = row.unix - row.unix.rem_euclid(self.rule.period_seconds);
        if self.is_over(start) {
            self.released.late += 1;
            return;
        }
        let at = self.open.partition_point(|period| period.start < start);
        if self.open.get(at).is_none_or(|period| period.start != start) {
            self.open.insert(at, Period::new(start, self.rule.k, self.limits));
        }
        self.open[at].add(row, texts);
    }

    fn close<E>(
        &mut self,
        period: Period,
        receive: &mut impl FnMut(&Record<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        // Only what lines said is held, and these were of the years that times may have.
        let Ok(time) = Timestamp::from_unix(period.start) else { return Ok(()) };
        let closed = period.close();
        self.released.suppressed += closed.suppressed;
        for (likeness, lines) in &closed.lines {
            self.released.clean += lines;
            let rare = likeness.rare();
            let mut record = record(&self.plan, &self.lookup, &closed, likeness, time);
            record.rare = rare.as_ref();
            for _ in 0..*lines {
                receive(&record)?;
            }
        }
        Ok(())
    }
}

/// The record that all lines of a likeness become.
fn record<'a>(
    plan: &'a Plan,
    lookup: &'a Lookup,
    closed: &'a Closed,
    likeness: &'a Likeness,
    time: Timestamp,
) -> Record<'a> {
    let text = |id: likeness::TextId| id.index().map(|_| Text::new(closed.texts.get(id)));
    Record {
        plan,
        lookup,
        time,
        minute: time,
        site: text(likeness.site),
        client: None,
        client_name: None,
        country: likeness.country,
        late: false,
        has_request: likeness.method.is_some() || likeness.path.index().is_some(),
        method: likeness.method.unwrap_or(Method::Other),
        path: text(likeness.path).unwrap_or_else(|| Text::new(b"")),
        path_kind: PathKind::Told,
        query: &likeness.query[..usize::from(likeness.query_length)],
        query_text: text(likeness.query_text).unwrap_or_else(|| Text::new(b"")),
        protocol: likeness.protocol,
        status: likeness.status,
        bytes: likeness.bytes,
        bytes_exact: likeness.bytes.unwrap_or(0),
        referrer: text(likeness.referrer),
        agent: likeness.agent,
        rare: None,
        visit: Visit::NONE,
        special: None,
    }
}
