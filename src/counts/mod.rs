//! Usage counts: how often what was asked for, and by how many visitors, summed over clean records.
//!
//! Each worker counts its block in a [`Block`] of its own, and the run's [`Counts`] absorb these in the order of the
//! input. The result is the same for any size of blocks and any number of workers: sums do not depend on their
//! grouping, sets of visitors not on their order (`sketch.rs`), and which keys a bounded table keeps depends on the
//! lines and their order only (`open.rs`).
//!
//! What is counted comes through [`Record::measured`], so that it is clean, and nothing but the
//! plan's tables is counted. A table that never got a value, such as the sites of a format
//! without hosts, is left out of the report.
//! Visitors are counted by keyed numbers that door 1 makes; this module never sees an address.
//! A [`Report`] is what counts are at rest; `text.rs` and [`page`] show it to people.
//!
//! A [`Recorder`] keeps the same by window, for a store (`store/`) or to be joined with what other machines counted
//! ([`Partial`]).
//!
//! Counts are internal. Nothing here decides what may be published.

mod calendar;
mod closed;
mod cross;
mod crowd;
mod export;
mod joined;
mod keyed;
pub(crate) mod numbers;
mod open;
pub mod page;
mod part;
mod partial;
pub mod publish;
mod recorder;
mod report;
mod sketch;
mod special;
mod store;
mod tables;
mod tally;
#[cfg(test)]
mod tests;
mod text;
mod times;
mod window;
mod zone;

use std::{
    fs, io, io::Write as _, os::unix::fs::OpenOptionsExt as _, path::Path, process, sync::Arc,
};

pub use self::{
    export::{csv, prometheus},
    joined::Joined,
    part::{Block, Setup},
    partial::{Partial, PartialError},
    recorder::{RecordError, Recorder, Run},
    report::{Period, Publication, Report, ReportError, Row, Totals},
    store::{Networks, Span, Store, StoreError, StoredCell, StoredTable},
    text::Look,
    window::Identity,
    zone::{NoZone, Window, Zone},
};

use self::{
    open::Limits,
    tables::Tables,
    window::{WindowCounts, WindowName},
};
use crate::{policy::Plan, privacy::Record};

/// The key under which a full table counts what it has no row for. Sites and referrers have this
/// word for their own strangers; in such a table the two share one row.
const OTHER: &str = "(other)";

/// The totals and the tables of a run.
pub struct Counts {
    plan: Arc<Plan>,
    setup: Setup,
    tables: Tables,
    /// For records that come one by one.
    single: Block,
}

impl Counts {
    /// Those of a whole run in UTC. Each table has at most 65,536 keys or 8 MiB of them; from then on it keeps the
    /// most frequent ones, and what is folded counts as `(other)`.
    #[must_use]
    pub fn new(plan: &Arc<Plan>) -> Self {
        Self::with(plan, &Setup::default())
    }

    /// Those of a whole run. Windows are a recorder's business: here all lines are in one.
    #[must_use]
    pub fn with(plan: &Arc<Plan>, setup: &Setup) -> Self {
        Self::with_limits(plan, setup, Limits::RUN)
    }

    fn with_limits(plan: &Arc<Plan>, setup: &Setup, limits: Limits) -> Self {
        // Networks are for publication, which is made of what is stored.
        let tables = Tables::new(plan, limits, false);
        let single = Block::new(plan, setup);
        Self { plan: Arc::clone(plan), setup: setup.clone(), tables, single }
    }

    /// Counts one record, if it is of a request: the messages of an error log are not.
    pub fn add(&mut self, record: &Record<'_>) {
        self.single.add(record);
        let mut single = std::mem::replace(&mut self.single, Block::new(&self.plan, &self.setup));
        self.absorb(&mut single);
        single.clear();
        self.single = single;
    }

    /// Adds what a block counted. Blocks must be of the same plan and come in the order of the input.
    pub fn absorb(&mut self, block: &mut Block) {
        for part in block.parts() {
            self.tables.absorb(part, self.plan.tables);
        }
    }

    /// The counts so far, sorted.
    #[must_use]
    pub fn report(&mut self) -> Report {
        self.tables.report(&self.plan, &self.setup.zone)
    }

    /// The counts so far as a file has them that is to be joined with others, as one window from their first day to
    /// their last.
    #[must_use]
    pub fn partial(&mut self, run: &Run) -> Partial {
        self.tables.settle();
        let Setup { zone, .. } = &self.setup;
        let window = self.tables.days().map(|(first, last)| {
            let unix = (zone.midnight(first), zone.midnight(last + 1));
            let key = run.keys.as_ref().and_then(|keys| keys.id(0));
            let name = WindowName {
                unix,
                from: zone.written(unix.0),
                to: zone.written(unix.1),
                site: run.site.clone(),
                key: key.map_or_else(|| "-".to_owned(), |key| key.to_string()),
            };
            WindowCounts::of(name, &self.tables, &self.plan)
        });
        let mut identity = Identity::of(&self.plan, zone, Window::Day);
        "file".clone_into(&mut identity.window);
        Partial {
            identity,
            runs: vec![(run.name.clone(), 1)],
            windows: window.into_iter().collect(),
        }
    }
}

/// Writes a file that only its owner may read, beside its place first, and then moves it there.
fn write_private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut name = path.file_name().ok_or(io::ErrorKind::InvalidFilename)?.to_owned();
    name.push(format!(".{}.part", process::id()));
    let aside = path.with_file_name(name);
    let _ = fs::remove_file(&aside);
    let mut options = fs::OpenOptions::new();
    let written = options
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&aside)
        .and_then(|mut file| file.write_all(bytes).and_then(|()| file.sync_all()))
        .and_then(|()| fs::rename(&aside, path));
    if written.is_err() {
        let _ = fs::remove_file(&aside);
    }
    written
}
