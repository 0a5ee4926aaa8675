//! What a block of lines counted, before it is added to a run: sums by key, and of each line what it was.
//!
//! A worker fills it with nobody else's help. Where counts are kept by window there is a part for each window that the
//! block has lines of; else there is one. The lines are kept in order, a few numbers for each, because sets of
//! visitors, and tables that have no room left, are updated line by line when the block's turn comes.

use std::sync::Arc;

use super::{
    closed::{Closed, Profile},
    cross,
    keyed::Keyed,
    special::Gathered,
    tally::Tally,
    times::{Hour, Times},
    zone::{Window, Zone},
};
use crate::{
    field::{Table, TableSet},
    policy::Plan,
    privacy::{Measured, Record},
};

/// How counts are made, beside what the plan says.
#[derive(Clone, Debug, Default)]
pub struct Setup {
    /// Whose days and hours they are of.
    pub zone: Zone,
    /// The windows that they are kept by, if they are.
    pub window: Option<Window>,
}

/// Who was behind each line, and how large the answer was.
#[derive(Default)]
pub(super) struct Visits {
    visitors: Vec<u64>,
    networks: Vec<u64>,
    pub(super) bytes: Vec<u64>,
    /// Which of the records of the block each line is.
    ordinals: Vec<u32>,
}

impl Visits {
    /// The visitors of all lines.
    pub(super) fn visitors(&self) -> &[u64] {
        &self.visitors
    }

    /// The networks of all lines.
    pub(super) fn networks(&self) -> &[u64] {
        &self.networks
    }

    /// Notes a line.
    #[inline]
    pub(super) fn push(&mut self, line: &Measured<'_, '_>, ordinal: u32) {
        let visit = line.visit();
        // Bots count as visitors, but no figure is published because there were enough bots.
        let is_bot = line.agent().is_some_and(|agent| agent.bot);
        self.visitors.push(visit.visitor());
        self.networks.push(if is_bot { 0 } else { visit.network() });
        self.bytes.push(line.bytes());
        self.ordinals.push(ordinal);
    }

    /// Notes a line that counts under a number, with others that have the same.
    pub(super) fn push_number(&mut self, number: u64, bytes: u64, ordinal: u32) {
        self.visitors.push(number);
        self.networks.push(0);
        self.bytes.push(bytes);
        self.ordinals.push(ordinal);
    }

    /// How many lines are of the first records of their block.
    pub(super) fn before(&self, records: u32) -> usize {
        self.ordinals.partition_point(|ordinal| *ordinal < records)
    }

    pub(super) fn drop_first(&mut self, lines: usize) {
        self.visitors.drain(..lines);
        self.networks.drain(..lines);
        self.bytes.drain(..lines);
        self.ordinals.drain(..lines);
    }

    pub(super) fn clear(&mut self) {
        self.visitors.clear();
        self.networks.clear();
        self.bytes.clear();
        self.ordinals.clear();
    }
}

/// The lines of a block that lie in one window and whose visitors have one key.
pub(super) struct Part {
    /// The window, by the number that [`Zone::window`] gives it; zero where there are none.
    pub(super) window: i64,
    /// The epoch of the visitors' key; zero where one key is for all.
    pub(super) epoch: u32,
    pub(super) totals: Tally,
    pub(super) visits: Visits,
    pub(super) times: Times,
    pub(super) closed: Closed,
    pub(super) sites: Keyed,
    pub(super) paths: Keyed,
    pub(super) referrers: Keyed,
    pub(super) crosses: Vec<Keyed>,
    pub(super) specials: Vec<Gathered>,
}

impl Part {
    fn new(plan: &Plan) -> Self {
        Self {
            window: 0,
            epoch: 0,
            totals: Tally::default(),
            visits: Visits::default(),
            times: Times::new(),
            closed: Closed::new(),
            sites: Keyed::new(),
            paths: Keyed::new(),
            referrers: Keyed::new(),
            crosses: plan.crosses.iter().map(|_| Keyed::new()).collect(),
            specials: plan.specials.iter().map(|_| Gathered::default()).collect(),
        }
    }

    fn is_empty(&self) -> bool {
        !self.totals.is_counted() && self.specials.iter().all(Gathered::is_empty)
    }

    #[inline]
    fn add(
        &mut self,
        tables: TableSet,
        plan: &Plan,
        line: &Measured<'_, '_>,
        hour: Hour,
        ordinal: u32,
    ) {
        let tally = Tally::of_line(line.bytes());
        self.totals.add(tally);
        self.visits.push(line, ordinal);
        self.times.add(hour, tally);
        self.closed.add(Profile::of(line), tally);
        // A record lends these three only if the plan counts them.
        if tables.has(Table::Site) {
            match line.site() {
                Some(site) => self.sites.add_text(site, tally),
                None => self.sites.skip(),
            }
        }
        if let Some(path) = line.path() {
            self.paths.add_text(path, tally);
        }
        if tables.has(Table::Referrer) {
            match line.referrer() {
                Some(referrer) => self.referrers.add_text(referrer, tally),
                None => self.referrers.skip(),
            }
        }
        if !self.crosses.is_empty() {
            cross::add(&mut self.crosses, &plan.crosses, line, hour, tally);
        }
    }

    /// Takes out again the lines of the first `records` records of the block.
    fn drop_first(&mut self, records: u32) {
        let lines = self.visits.before(records);
        let bytes = &self.visits.bytes[..lines];
        for bytes in bytes {
            self.totals.take(Tally::of_line(*bytes));
        }
        self.times.drop_first(lines, bytes);
        self.closed.drop_first(lines, bytes);
        for table in [&mut self.sites, &mut self.paths, &mut self.referrers] {
            table.drop_first(lines, bytes);
        }
        self.crosses.iter_mut().for_each(|table| table.drop_first(lines, bytes));
        self.specials.iter_mut().for_each(|table| table.drop_first(records));
        self.visits.drop_first(lines);
    }

    fn clear(&mut self) {
        self.totals = Tally::default();
        self.visits.clear();
        self.times.clear();
        self.closed.clear();
        for table in [&mut self.sites, &mut self.paths, &mut self.referrers] {
            table.clear();
        }
        for table in &mut self.crosses {
            table.clear();
        }
        self.specials.iter_mut().for_each(Gathered::clear);
    }
}

/// What one block counted.
pub struct Block {
    plan: Arc<Plan>,
    setup: Setup,
    /// The parts in use come first.
    parts: Vec<Part>,
    used: usize,
    /// The part of the last line.
    current: usize,
    quarter: i64,
    hour: Hour,
    records: u32,
}

impl Block {
    /// An empty one.
    #[must_use]
    pub fn new(plan: &Arc<Plan>, setup: &Setup) -> Self {
        Self {
            plan: Arc::clone(plan),
            setup: setup.clone(),
            parts: Vec::new(),
            used: 0,
            current: 0,
            quarter: i64::MIN,
            hour: Hour::default(),
            records: 0,
        }
    }

    /// Counts one record, if it is of a request: the messages of an error log are not.
    #[inline]
    pub fn add(&mut self, record: &Record<'_>) {
        let line = record.measured();
        if !line.is_request() {
            return;
        }
        // Whatever clocks do, they do it at a quarter of an hour.
        let quarter = line.minute().seconds() / 900;
        if quarter != self.quarter {
            self.turn_to(quarter, &line);
        }
        let is_current = self.current < self.used
            && (self.setup.window.is_none()
                || self.parts[self.current].epoch == line.visit().epoch()
                || line.visit().visitor() == 0);
        if !is_current {
            self.find_part(&line);
        }
        let ordinal = self.records;
        self.records += 1;
        let part = &mut self.parts[self.current];
        if let Some(special) = line.special() {
            let gathered = &mut part.specials[usize::from(special.rule())];
            gathered.add(&line, special, ordinal);
            if !self.plan.specials[usize::from(special.rule())].kind.is_a_page() {
                return;
            }
        }
        part.add(self.plan.tables, &self.plan, &line, self.hour, ordinal);
    }

    /// How many records were counted.
    #[must_use]
    pub const fn records(&self) -> u32 {
        self.records
    }

    /// Takes the first `records` out again: they were counted before.
    pub fn drop_first(&mut self, records: u32) {
        self.parts[..self.used].iter_mut().for_each(|part| part.drop_first(records));
    }

    /// What was counted, by window.
    pub(super) fn parts(&mut self) -> impl Iterator<Item = &mut Part> {
        self.parts[..self.used].iter_mut().filter(|part| !part.is_empty())
    }

    /// Forgets what was counted, and keeps the memory and the keys of a few parts.
    pub fn clear(&mut self) {
        const KEPT: usize = 4;
        self.parts.truncate(KEPT);
        self.parts.iter_mut().for_each(Part::clear);
        self.used = 0;
        self.quarter = i64::MIN;
        self.records = 0;
    }

    #[cold]
    fn turn_to(&mut self, quarter: i64, line: &Measured<'_, '_>) {
        self.quarter = quarter;
        self.hour = self.setup.zone.hour(quarter * 900);
        self.find_part(line);
    }

    #[cold]
    fn find_part(&mut self, line: &Measured<'_, '_>) {
        let window =
            self.setup.window.map_or(0, |window| self.setup.zone.window(window, self.hour));
        let visit = line.visit();
        // Without windows all keys share one part; a line of nobody joins whatever part its window has.
        let epoch = if self.setup.window.is_some() { visit.epoch() } else { 0 };
        let found = self.parts[..self.used].iter().position(|part| {
            part.window == window && (part.epoch == epoch || visit.visitor() == 0)
        });
        self.current = found.unwrap_or_else(|| {
            if self.used == self.parts.len() {
                self.parts.push(Part::new(&self.plan));
            }
            let part = &mut self.parts[self.used];
            (part.window, part.epoch) = (window, epoch);
            self.used += 1;
            self.used - 1
        });
    }
}
