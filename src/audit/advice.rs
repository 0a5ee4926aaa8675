//! What to say less of, so that more records are alike.
//!
//! Every change that a policy can make is tried, and the one is taken that puts most records among others for the
//! bits that it costs; then the next. That is no proof of the best way, which nobody finds in reasonable time, but a
//! way that is short and can be followed by hand: at its end, what turned out not to be needed is given back.

use super::{
    measure::{alike, present, under},
    row::{Facet, Row, View},
};

/// A change to a policy.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// What to do, in words.
    pub what: &'static str,
    /// What that is in a policy.
    pub policy: &'static str,
    /// How many records have fewer than k like them after it.
    pub under: u64,
    /// How much a record says after it, in bits.
    pub entropy: f64,
}

/// A way to a wished k.
#[derive(Clone, Debug, PartialEq)]
pub struct Advice {
    /// How many records are to be alike.
    pub k: u64,
    /// How many records have fewer like them as it is.
    pub before: u64,
    /// The changes, one after the other.
    pub steps: Vec<Step>,
}

/// A facet, how much of it is left, and the change in words and in a policy.
type Change = (Facet, u8, &'static str, &'static str);

const CHANGES: [Change; 16] = [
    (Facet::Time, 2, "time to the hour", "time = { grain = \"hour\" }"),
    (Facet::Time, 1, "time to the day", "time = { grain = \"day\" }"),
    (
        Facet::Client,
        1,
        "wider networks of clients",
        "client = { truncate = { ipv4 = 8, ipv6 = 16 } }",
    ),
    (Facet::Client, 0, "no client", "leave out client"),
    (Facet::Network, 0, "no network", "leave out network"),
    (Facet::Country, 0, "no country", "leave out country"),
    (Facet::Organisation, 0, "no organisation", "leave out organisation"),
    (Facet::Path, 1, "the first segment of paths", "path by declared routes, such as /blog/*"),
    (Facet::Path, 0, "no path", "leave out path"),
    (Facet::Referrer, 0, "no referrer", "leave out referrer"),
    (Facet::BrowserVersion, 0, "no browser version", "browser = { version = \"none\" }"),
    (Facet::Browser, 0, "no browser", "leave out browser"),
    (Facet::Os, 0, "no operating system", "leave out os"),
    (Facet::Device, 0, "no device", "leave out device"),
    (Facet::Language, 0, "no language", "leave out language"),
    (Facet::Time, 0, "no time", "leave out time"),
];

/// A way to have at least `k` records alike.
#[must_use]
pub fn advise(rows: &[Row], k: u64) -> Advice {
    let has_network = rows.iter().any(Row::has_network);
    let present = present(rows);
    let mut changes: Vec<Change> = CHANGES
        .into_iter()
        .filter(|(facet, level, ..)| {
            present.contains(facet) && ((*facet, *level) != (Facet::Client, 1) || has_network)
        })
        .collect();
    let mut view = View::ALL;
    let before = under(rows, view, k);
    let (mut left, mut entropy) = (before, alike(rows, view).2);
    let mut taken = Vec::new();
    while left > 0 && !changes.is_empty() {
        // Of each field the mildest change comes first.
        let mildest = |change: &&Change| {
            !changes.iter().any(|other| other.0 == change.0 && other.1 > change.1)
        };
        let tried = changes.iter().filter(mildest).map(|change| {
            let view = view.with(change.0, change.1);
            let (_, _, bits) = alike(rows, view);
            (*change, view, under(rows, view, k), bits)
        });
        let gain =
            |after: u64, bits: f64| (left - after.min(left)) as f64 / (entropy - bits + 0.01);
        // Where none helps by itself, the one that takes most away prepares the next.
        let best = tried.max_by(|one, other| {
            gain(one.2, one.3).total_cmp(&gain(other.2, other.3)).then(other.3.total_cmp(&one.3))
        });
        let Some((change, next, after, bits)) = best else { break };
        view = next;
        changes.retain(|other| other.0 != change.0 || other.1 < change.1);
        taken.push(change);
        (left, entropy) = (after, bits);
    }
    for (facet, ..) in &taken {
        view = restored(rows, view, *facet, k, left);
    }
    Advice { k, before, steps: steps(rows, &taken, view, k) }
}

/// The view with so much of a facet again as leaves no more records than `left` with fewer than `k` like them: some
/// of what was taken away on the way turns out not to have been needed.
fn restored(rows: &[Row], view: View, facet: Facet, k: u64, left: u64) -> View {
    let fuller = [u8::MAX, 2, 1].into_iter().filter(|level| *level > view.level(facet));
    let mut fuller = fuller.map(|level| view.with(facet, level));
    fuller.find(|fuller| under(rows, *fuller, k) <= left).unwrap_or(view)
}

/// What is left of the changes, one after the other.
fn steps(rows: &[Row], taken: &[Change], view: View, k: u64) -> Vec<Step> {
    let mut so_far = View::ALL;
    let needed = taken.iter().filter(|(facet, level, ..)| view.level(*facet) == *level);
    let steps = needed.map(|(facet, level, what, policy)| {
        so_far = so_far.with(*facet, *level);
        let entropy = alike(rows, so_far).2;
        Step { what, policy, under: under(rows, so_far, k), entropy }
    });
    steps.collect()
}
