//! All tables of a run, or of one window of it.

use super::{
    OTHER,
    closed::RunClosed,
    cross::BETWEEN,
    crowd::Crowd,
    open::{Limits, Open},
    part::Part,
    report::{Period, Report, Row, Totals},
    sketch::{PRECISION, Sketch},
    special::RunSpecial,
    tally::{People, Sum, Wants},
    times::RunTimes,
    zone::Zone,
};
use crate::{
    field::{Table, TableSet},
    policy::Plan,
};

/// How many networks behind a row are told apart: as many as any release asks for, and at least so many.
pub(super) const NETWORKS_KNOWN: usize = 64;

/// What of the people behind requests a plan counts.
pub(super) fn wants(plan: &Plan, with_networks: bool) -> Wants {
    let networks = plan.publish_k.filter(|_| with_networks && plan.visitors);
    Wants { visitors: plan.visitors, networks: networks.map(|k| NETWORKS_KNOWN.max(k as usize)) }
}

/// A row of a table: what one key counted.
#[derive(Clone, Debug)]
pub(super) struct Cell {
    pub(super) key: String,
    pub(super) sum: Sum,
    /// The things that count once, in tables that have such.
    pub(super) units: Option<Sketch>,
    /// Whether visitors are counted in this table at all.
    pub(super) has_visitors: bool,
}

impl Cell {
    /// The row of a report.
    pub(super) fn row(&self) -> Row {
        let Sum { tally, people } = &self.sum;
        let units = self.units.as_ref().filter(|units| !units.is_empty());
        Row {
            key: self.key.replace(char::from(BETWEEN), " | "),
            requests: units.map_or(tally.requests, Sketch::count),
            bytes: tally.bytes,
            visitors: self.has_visitors.then(|| people.visitors.count()),
        }
    }
}

/// The totals and the tables.
pub(super) struct Tables {
    pub(super) wants: Wants,
    pub(super) totals: Sum,
    times: RunTimes,
    closed: RunClosed,
    sites: Open,
    paths: Open,
    referrers: Open,
    crosses: Vec<Open>,
    specials: Vec<RunSpecial>,
    crowd: Crowd,
}

impl Tables {
    pub(super) fn new(plan: &Plan, limits: Limits, with_networks: bool) -> Self {
        let wants = wants(plan, with_networks);
        Self {
            wants,
            totals: Sum::default(),
            times: RunTimes::new(plan.tables, limits),
            closed: RunClosed::new(wants),
            sites: Open::new(limits),
            paths: Open::new(limits),
            referrers: Open::new(limits),
            crosses: plan.crosses.iter().map(|_| Open::new(limits)).collect(),
            specials: plan.specials.iter().map(|it| RunSpecial::new(it.kind, limits)).collect(),
            crowd: Crowd::default(),
        }
    }

    /// Adds what a block counted.
    pub(super) fn absorb(&mut self, part: &mut Part, wanted: TableSet) {
        let Self { wants, .. } = *self;
        self.totals.tally.add(part.totals);
        let bytes = &part.visits.bytes;
        if wants.anybody() {
            if self.crowd.is_full(bytes.len()) {
                self.settle_lines();
            }
            self.crowd.push_all(&part.visits, wants);
        }
        let crowd = &mut self.crowd;
        self.times.absorb(&mut part.times, crowd, bytes, wants);
        self.closed.absorb(&mut part.closed, crowd, wanted, wants);
        self.sites.absorb(&mut part.sites, crowd, bytes, wants);
        self.paths.absorb(&mut part.paths, crowd, bytes, wants);
        self.referrers.absorb(&mut part.referrers, crowd, bytes, wants);
        for (open, keyed) in self.crosses.iter_mut().zip(&mut part.crosses) {
            open.absorb(keyed, crowd, bytes, wants);
        }
        for (special, gathered) in self.specials.iter_mut().zip(&mut part.specials) {
            special.absorb(gathered, wants);
        }
    }

    /// Adds the people of the lines that wait. Whoever looks at people does this first.
    pub(super) fn settle(&mut self) {
        self.settle_lines();
        self.closed.spread(self.wants);
    }

    fn settle_lines(&mut self) {
        let Self { wants, crowd, .. } = self;
        self.totals.people.add_all(crowd.all(), *wants, PRECISION);
        self.times.settle(crowd, *wants);
        self.closed.settle(crowd, *wants);
        let opens = [&mut self.sites, &mut self.paths, &mut self.referrers];
        for open in opens.into_iter().chain(&mut self.crosses) {
            open.settle(crowd, *wants);
        }
        crowd.clear();
    }

    /// The same, after which other tables come first: memory is freed until there are further lines.
    pub(super) fn rest(&mut self) {
        self.crowd.leave();
        self.settle();
    }

    /// The first and the last day that has a line.
    pub(super) const fn days(&self) -> Option<(i64, i64)> {
        self.times.range()
    }

    /// The counts so far, sorted.
    pub(super) fn report(&mut self, plan: &Plan, zone: &Zone) -> Report {
        self.settle();
        let period = self.days().map(|(first, last)| Period {
            from: zone.written(zone.midnight(first)),
            to: zone.written(zone.midnight(last + 1)),
        });
        let Sum { tally, people } = &self.totals;
        let totals = Totals {
            requests: tally.requests,
            bytes: tally.bytes,
            visitors: self.wants.visitors.then(|| people.visitors.count()),
        };
        let mut report = Report::new(&plan.name, &plan.hash, period, totals);
        self.each(plan, |name, cells, missed| {
            report.push(name, cells.iter().map(Cell::row).collect());
            if missed > 0 {
                report.note_missed(name, missed);
            }
        });
        report
    }

    /// Each table with its rows, and by how many requests any of these may be too low.
    pub(super) fn each(&self, plan: &Plan, mut take: impl FnMut(&str, Vec<Cell>, u64)) {
        debug_assert_eq!(self.crowd.len(), 0, "people wait");
        // Clean text is ASCII without anything to escape but the tab between two words; this way a fault elsewhere
        // could not make a report fail.
        let text: fn(&[u8]) -> String = |key| {
            let parts = key.split(|byte| *byte == BETWEEN);
            parts.map(|part| part.escape_ascii().to_string()).collect::<Vec<_>>().join("\t")
        };
        for table in Table::ALL.into_iter().filter(|table| plan.tables.has(*table)) {
            let (open, write) = match table {
                Table::Site => (&self.sites, text),
                Table::Path => (&self.paths, text),
                Table::Referrer => (&self.referrers, text),
                _ => match self.times.table(table) {
                    Some(found) => found,
                    None => {
                        let rows = self.closed.rows(table, self.wants).into_iter();
                        let cells = rows.map(|(key, sum)| self.cell(key, sum)).collect();
                        take(table.name(), cells, 0);
                        continue;
                    }
                },
            };
            take(table.name(), self.cells(open, write), open.missed());
        }
        for (cross, open) in plan.crosses.iter().zip(&self.crosses) {
            take(&cross.name, self.cells(open, text), open.missed());
        }
        for (rule, special) in plan.specials.iter().zip(&self.specials) {
            let mut cells: Vec<Cell> = Vec::new();
            for row in special.rows() {
                let has_visitors = self.wants.visitors && rule.kind.knows_visitors();
                let units = rule.kind.counts_once().then(|| row.units.visitors.clone());
                let key = row.key.map_or_else(|| OTHER.to_owned(), text);
                cells.push(Cell { key, sum: row.sum, units, has_visitors });
            }
            if !cells.is_empty() {
                take(&rule.name, cells, special.missed());
            }
        }
    }

    fn cell(&self, key: String, sum: Sum) -> Cell {
        Cell { key, sum, units: None, has_visitors: self.wants.visitors }
    }

    /// The rows of an open table. What was folded joins the row of that name, if there is one.
    fn cells(&self, table: &Open, write: fn(&[u8]) -> String) -> Vec<Cell> {
        let mut cells: Vec<Cell> = Vec::new();
        for (key, tally, people) in table.iter() {
            let sum = Sum { tally, people: People::clone(people) };
            match key {
                Some(key) => cells.push(self.cell(write(key), sum)),
                None => match cells.iter_mut().find(|cell| cell.key == OTHER) {
                    Some(other) => other.sum.merge(&sum, self.wants),
                    None => cells.push(self.cell(OTHER.to_owned(), sum)),
                },
            }
        }
        cells
    }
}
