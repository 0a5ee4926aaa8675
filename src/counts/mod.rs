//! Usage counts: how often what was asked for, summed over clean records.
//!
//! Each worker counts its block in a [`Counts`] of its own ([`Counts::for_batch`]), and the run's
//! ([`Counts::new`]) absorbs these in the order of the input. The result is the same for any size of
//! blocks and any number of workers: sums do not depend on their grouping, and which keys a bounded
//! table keeps depends on first appearances only (`keyed.rs`).
//!
//! What is counted comes through [`Record::measured`], so that it is clean, and nothing but the
//! plan's tables is counted. A table that never got a value, such as the sites of a format
//! without hosts, is left out of the report.
//! Visitors are not counted yet either: each `visitors` is null.
//!
//! Counts are internal. Nothing here decides what may be published, and nothing writes to a file.

mod closed;
mod keyed;
pub mod publish;
mod report;
mod tally;
mod times;

pub use report::Report;

use self::{
    closed::Closed,
    keyed::{Keyed, Limits},
    tally::Tally,
    times::Times,
};
use crate::{
    field::{Table, TableSet},
    policy::Plan,
    privacy::Record,
};

/// The key under which a full table counts what it has no row for. Sites and referrers have this
/// word for their own strangers; in such a table the two share one row.
const OTHER: &str = "(other)";

/// The totals and the tables.
pub struct Counts {
    policy: String,
    policy_hash: String,
    tables: TableSet,
    totals: Tally,
    times: Times,
    closed: Closed,
    sites: Keyed,
    paths: Keyed,
    referrers: Keyed,
}

impl Counts {
    /// Those of a whole run. Each table has at most 65,536 keys or 8 MiB of them; what comes later
    /// counts as `(other)`.
    #[must_use]
    pub fn new(plan: &Plan) -> Self {
        Self::with_limits(plan, Limits::RUN)
    }

    /// Those of one block, which has a few thousand lines at most and needs no other bound.
    #[must_use]
    pub fn for_batch(plan: &Plan) -> Self {
        Self::with_limits(plan, Limits::BATCH)
    }

    fn with_limits(plan: &Plan, limits: Limits) -> Self {
        Self {
            policy: plan.name.clone(),
            policy_hash: plan.hash.clone(),
            tables: plan.tables,
            totals: Tally::default(),
            times: Times::new(limits),
            closed: Closed::new(),
            sites: Keyed::new(limits),
            paths: Keyed::new(limits),
            referrers: Keyed::new(limits),
        }
    }

    /// Counts one record, if it is of a request: the messages of an error log are not.
    #[inline]
    pub fn add(&mut self, record: &Record<'_>) {
        let line = record.measured();
        if !line.is_request() {
            return;
        }
        let tally = Tally::of_line(line.bytes());
        self.totals.add(tally);
        self.times.add(self.tables, line.minute(), tally);
        self.closed.add(self.tables, &line, tally);
        // A record lends these three only if the plan counts them.
        if let Some(site) = line.site() {
            self.sites.add(site.as_bytes(), tally);
        }
        if let Some(path) = line.path() {
            self.paths.add(path.as_bytes(), tally);
        }
        if let Some(referrer) = line.referrer() {
            self.referrers.add(referrer.as_bytes(), tally);
        }
    }

    /// Adds what `batch` counted and empties it; its memory is kept for the next block.
    ///
    /// Batches must be of the same plan and come in the order of the input, for the first keys are
    /// the ones that are kept.
    pub fn absorb(&mut self, batch: &mut Self) {
        debug_assert_eq!(self.policy_hash, batch.policy_hash, "batches of one plan");
        self.totals.add(std::mem::take(&mut batch.totals));
        self.times.absorb(&mut batch.times);
        self.closed.absorb(&mut batch.closed);
        self.sites.absorb(&mut batch.sites);
        self.paths.absorb(&mut batch.paths);
        self.referrers.absorb(&mut batch.referrers);
    }

    /// The counts so far, sorted.
    #[must_use]
    pub fn report(&self) -> Report {
        let period = self.times.period();
        let mut report = Report::new(&self.policy, &self.policy_hash, period, self.totals);
        for table in Table::ALL.into_iter().filter(|table| self.tables.has(*table)) {
            report.push(table, self.rows(table));
        }
        report
    }

    fn rows(&self, table: Table) -> Vec<(String, Tally)> {
        // Clean text is ASCII without anything to escape; this way a fault elsewhere could not
        // make a report fail.
        let text: fn(&[u8]) -> String = |key| key.escape_ascii().to_string();
        match table {
            Table::Hour => open_rows(self.times.hours()),
            Table::Day => open_rows(self.times.days()),
            Table::Site => open_rows((&self.sites, text)),
            Table::Path => open_rows((&self.paths, text)),
            Table::Referrer => open_rows((&self.referrers, text)),
            _ => self.closed.rows(table),
        }
    }
}

/// The rows of an open table. What was folded joins the row of that name, if there is one.
fn open_rows((table, write): (&Keyed, fn(&[u8]) -> String)) -> Vec<(String, Tally)> {
    let mut folded = None;
    let mut rows: Vec<(String, Tally)> = Vec::new();
    for (key, tally) in table.iter() {
        match key {
            None => folded = Some(tally),
            Some(key) => rows.push((write(key), tally)),
        }
    }
    if let Some(folded) = folded {
        match rows.iter_mut().find(|(key, _)| key == OTHER) {
            Some((_, tally)) => tally.add(folded),
            None => rows.push((OTHER.to_owned(), folded)),
        }
    }
    rows
}

#[cfg(test)]
mod tests;
