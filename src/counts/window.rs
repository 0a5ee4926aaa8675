//! What was counted in one window, at rest: between a run and the store or the file where it is kept.

use super::{
    sketch::{PRECISION, Sketch},
    tables::{Cell, Tables},
    tally::Sum,
    zone::{Window, Zone},
};
use crate::policy::Plan;

/// Whose counts are kept together: those of another policy, of other days or of other windows have no place there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The policy's name.
    pub policy: String,
    /// The policy's hash.
    pub policy_hash: String,
    /// The time zone.
    pub zone: String,
    /// The windows.
    pub window: String,
    /// Whether visitors are counted.
    pub visitors: bool,
    /// From how many networks on a figure may be published, if it may.
    pub publish_k: Option<u32>,
}

impl Identity {
    /// That of a plan's counts.
    #[must_use]
    pub fn of(plan: &Plan, zone: &Zone, window: Window) -> Self {
        Self {
            policy: plan.name.clone(),
            policy_hash: plan.hash.clone(),
            zone: zone.name().to_owned(),
            window: window.name().to_owned(),
            visitors: plan.visitors,
            publish_k: plan.publish_k,
        }
    }

    /// In what another one differs, if it does.
    #[must_use]
    pub fn differs(&self, other: &Self) -> Option<&'static str> {
        [
            ("policy", self.policy_hash != other.policy_hash),
            ("time zone", self.zone != other.zone),
            ("window", self.window != other.window),
        ]
        .into_iter()
        .find_map(|(what, differs)| differs.then_some(what))
    }
}

/// Names a window: its time, its site, and the key of its visitors.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct WindowName {
    /// The first moment, in seconds since 1970, and the first one after it.
    pub(super) unix: (i64, i64),
    /// The same as RFC 3339 writes it.
    pub(super) from: String,
    pub(super) to: String,
    pub(super) site: String,
    /// The public name of the key by which visitors were told apart, `-` where none were.
    pub(super) key: String,
}

/// A table of a window.
#[derive(Clone, Debug)]
pub(super) struct TableCounts {
    pub(super) name: String,
    pub(super) cells: Vec<Cell>,
    /// By how many requests any row may be too low.
    pub(super) missed: u64,
}

/// What was counted in a window.
#[derive(Clone, Debug)]
pub(super) struct WindowCounts {
    pub(super) name: WindowName,
    pub(super) totals: Sum,
    pub(super) tables: Vec<TableCounts>,
}

impl WindowCounts {
    /// What a run counted in a window.
    pub(super) fn of(name: WindowName, tables: &Tables, plan: &Plan) -> Self {
        let mut found = Vec::new();
        tables.each(plan, |table, cells, missed| {
            if !cells.is_empty() {
                found.push(TableCounts { name: table.to_owned(), cells, missed });
            }
        });
        Self { name, totals: tables.totals.clone(), tables: found }
    }
}

/// Adds a cell to one of the same key, whose visitors have the same key too.
pub(super) fn join(mine: &mut Cell, other: &Cell, networks: usize) {
    mine.sum.tally.add(other.sum.tally);
    mine.sum.people.visitors.merge(&other.sum.people.visitors, PRECISION);
    mine.sum.people.networks.merge(&other.sum.people.networks, networks);
    match (&mut mine.units, &other.units) {
        (Some(mine), Some(other)) => mine.merge(other, PRECISION),
        (mine @ None, Some(other)) => *mine = Some(Sketch::clone(other)),
        (_, None) => {}
    }
    mine.has_visitors |= other.has_visitors;
}
