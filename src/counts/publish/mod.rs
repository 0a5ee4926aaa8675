//! What of the counts may be told to everybody: the release rules, the ledger of what was told, and the file itself.
//!
//! A release is of one period and has one total, which every table of it carries. A cell is printed if, within one
//! epoch of a key, at least k different networks stand behind it; hits do not count as people, for one enthusiastic
//! reader has many. All others are summed up in `(other)`, together with as many more as it takes for nobody to find
//! one of them by subtraction (`fold.rs`, `tables.rs`). A coarser period is a sum of what was printed for the finer
//! ones (`sums.rs`), what was released is never released otherwise (`ledger.rs`), and what is written is searched for
//! what should not be there (`scan.rs`).
//!
//! Bytes are not published: one large download makes most of what a cell of a small site has, and no threshold on
//! people says anything about it. Nothing here adds noise yet; [`Blur`] is the place for it. Without noise, somebody
//! with ten networks can bring out a text of their own.

mod crowd;
mod fold;
mod ledger;
mod page;
mod period;
mod relations;
mod round;
mod scan;
mod sums;
mod tables;

use std::{collections::BTreeMap, fmt};

use serde::{Deserialize, Serialize};

use self::fold::Rule;
pub use self::{
    crowd::{Crowd, NETWORKS_MAX},
    ledger::{Entry, Found, Ledger, LedgerError},
    page::{page, public_json},
    period::{Overlap, Period, PeriodError},
    relations::{ONE_OF, RelationError},
    scan::{Leak, LeakKind, scan},
    sums::sum_up,
};

/// The key under which hidden cells are summed up.
const OTHER: &str = super::OTHER;

/// A cell as it was counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cell {
    /// One value, or two of a table of two dimensions.
    pub key: Vec<String>,
    /// How many requests.
    pub requests: u64,
    /// How many different visitors, where they are counted.
    pub visitors: Option<u64>,
    /// Whose they are.
    pub crowd: Crowd,
    /// The most requests of one network, where that is known.
    pub greatest: Option<u64>,
}

impl Cell {
    /// A cell without visitors.
    #[must_use]
    pub fn new(key: &[&str], requests: u64, crowd: Crowd) -> Self {
        let key = key.iter().map(|key| (*key).to_owned()).collect();
        Self { key, requests, visitors: None, crowd, greatest: None }
    }
}

/// A table as it was counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sheet {
    /// Its name in reports.
    pub name: String,
    /// What its keys are values of: one name of a table, or two.
    pub dimensions: Vec<String>,
    /// Its cells, in any order; each key stands once.
    pub cells: Vec<Cell>,
}

impl Sheet {
    /// A table of one dimension.
    #[must_use]
    pub fn new(name: &str, cells: Vec<Cell>) -> Self {
        Self { name: name.to_owned(), dimensions: vec![name.to_owned()], cells }
    }
}

/// What was counted in a period.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counted {
    /// All of it; it has no key.
    pub total: Cell,
    /// The tables that may be released.
    pub tables: Vec<Sheet>,
}

/// What is done to the numbers of printed cells.
///
/// Differential privacy would be another variant: noise is drawn before thresholds, which then apply to the noisy
/// values, and the ledger, which keeps what was printed, keeps those.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Blur {
    /// Nothing.
    #[default]
    None,
    /// They are rounded to multiples, in such a way that they still add up.
    Round(u64),
}

/// How many networks a policy may ask for. Below five, two friends and a guess tell who the others were; sets of
/// networks end at the other end.
pub const K: std::ops::RangeInclusive<u32> = 5..=NETWORKS_MAX as u32;

/// The rules of a release.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    rule: Rule,
    blur: Blur,
}

impl Rules {
    /// Rules by which a cell needs `k` networks.
    ///
    /// # Panics
    ///
    /// Where `k` is outside of [`K`], or numbers would be rounded to multiples of more than `k`: policies say neither.
    #[must_use]
    pub fn new(k: u32, blur: Blur) -> Self {
        assert!(K.contains(&k), "k is {k}");
        assert!(!matches!(blur, Blur::Round(base) if !(2..=u64::from(k)).contains(&base)));
        let rule = Rule {
            k,
            #[cfg(test)]
            off: None,
        };
        Self { rule, blur }
    }

    /// How many networks a cell needs.
    #[must_use]
    pub const fn k(self) -> u32 {
        self.rule.k
    }

    /// What of `counted` may be told.
    ///
    /// # Errors
    ///
    /// Where tables belong together in a way that would let one tell what another hides; then the policy must ask for
    /// fewer of them.
    pub fn release(self, counted: &Counted) -> Result<Content, RelationError> {
        relations::check(&counted.tables)?;
        Ok(tables::release(counted, self.rule, self.blur))
    }
}

/// What may be told of a period.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Content {
    /// From how many networks on a cell was printed.
    pub k: u32,
    /// What was done to the numbers.
    pub blur: Blur,
    /// From how many finer periods it was summed up, if it was, and how many of these had a total.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub summed: Option<Summed>,
    /// The one total, or none where even that would be of too few.
    pub total: Option<Number>,
    /// The tables, each with rows from the most requests to the fewest and `(other)` last.
    pub tables: BTreeMap<String, Vec<Row>>,
    /// The tables whose rows are sums of the printed cells of another table, so that each may be less than all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub partial: Vec<String>,
    /// The tables that were counted and are not told, since their printed cells could not carry the total.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub withheld: Vec<String>,
}

/// A sum of finer periods.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Summed {
    /// How many there are.
    pub periods: u32,
    /// How many of them had a total; the others count nothing here.
    pub told: u32,
}

/// What is told of one cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Number {
    /// How many requests.
    pub requests: u64,
    /// How many visitors, where they were counted and the cell is no sum of others.
    pub visitors: Option<u64>,
}

/// A row of a released table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Row {
    /// One value, or two.
    pub key: Vec<String>,
    /// How many requests.
    pub requests: u64,
    /// How many visitors.
    pub visitors: Option<u64>,
}

impl Row {
    /// Whether the row is what was summed up.
    #[must_use]
    pub fn is_other(&self) -> bool {
        self.key.iter().any(|key| key == OTHER)
    }
}

/// Puts rows in the order in which they are printed.
fn sort(rows: &mut [Row]) {
    rows.sort_by(|a, b| {
        let rank = |row: &Row| (row.is_other(), std::cmp::Reverse(row.requests));
        rank(a).cmp(&rank(b)).then_with(|| a.key.cmp(&b.key))
    });
}

impl fmt::Display for Blur {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("exact"),
            Self::Round(base) => write!(f, "rounded to multiples of {base}"),
        }
    }
}

#[cfg(test)]
#[path = "../../../tests/publish/lp.rs"]
mod lp;
#[cfg(test)]
mod tests_attack;
