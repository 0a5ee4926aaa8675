//! A report: counts at rest, sorted. Its JSON is the contract with programs; `text.rs` and `page/` are for people.
//!
//! A report is internal until it is published, and its JSON says so. Making it fit for the public is not done here:
//! small counts stand in it as they are. Reading one back ([`Report::from_json`]) is strict, and what it complains
//! of it names by its place.

mod read;

use std::{cmp::Reverse, collections::BTreeMap};

use serde::{Deserialize, Serialize, Serializer};

pub use self::read::ReportError;

use super::OTHER;

/// Usage counts, sorted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Whether it is for internal use. There is no publication then.
    #[serde(skip_serializing_if = "is_false")]
    internal: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    publication: Option<Publication>,
    policy: String,
    policy_hash: String,
    period: Option<Period>,
    totals: Totals,
    #[serde(serialize_with = "as_map")]
    tables: Vec<(String, Vec<Row>)>,
    /// For each table that ran over its exact size, by how many requests any of its rows may be too low.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    missed: BTreeMap<String, u64>,
}

/// The whole days that hold all records, as RFC 3339 writes times; the end is not part of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Period {
    /// Its first moment.
    pub from: String,
    /// The first moment after it.
    pub to: String,
}

/// The sums over all records.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Totals {
    /// How many requests there were.
    pub requests: u64,
    /// How many bytes were sent.
    pub bytes: u64,
    /// How many visitors there were, if they were counted.
    pub visitors: Option<u64>,
}

/// The sums over the records of one key.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Row {
    /// What they have in common.
    pub key: String,
    /// How many requests there were.
    pub requests: u64,
    /// How many bytes were sent.
    pub bytes: u64,
    /// How many visitors there were, if they were counted.
    pub visitors: Option<u64>,
}

impl Row {
    /// The same without a key.
    pub(super) fn into_totals(self) -> Totals {
        Totals { requests: self.requests, bytes: self.bytes, visitors: self.visitors }
    }
}

/// Under whose name a report was made public, and by which rule. What is empty or `None` is not said.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Publication {
    /// Whose usage it is.
    pub publisher: String,
    /// From how many distinct networks on a figure is told.
    pub k: u32,
    /// Who looked at it before it was published.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reviewer: String,
    /// The day of the release, as `2026-12-01`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub released: String,
    /// The step that figures are rounded to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rounded_to: Option<u32>,
    /// The names of tables that are withheld as a whole.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub withheld: Vec<String>,
    /// The name of the file beside the page that has the figures as JSON.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub data: String,
}

impl Report {
    /// An internal report without a table.
    #[must_use]
    pub fn new(policy: &str, policy_hash: &str, period: Option<Period>, totals: Totals) -> Self {
        Self {
            internal: true,
            publication: None,
            policy: policy.to_owned(),
            policy_hash: policy_hash.to_owned(),
            period,
            totals,
            tables: Vec::new(),
            missed: BTreeMap::new(),
        }
    }

    /// Adds a table, sorted by requests, most first, and then by key. One without a row is left out:
    /// the log never had the field.
    pub fn push(&mut self, name: &str, mut rows: Vec<Row>) {
        if rows.is_empty() {
            return;
        }
        debug_assert!(self.table(name).is_none(), "each table is pushed once");
        rows.sort_unstable_by(|a, b| {
            Reverse(a.requests).cmp(&Reverse(b.requests)).then_with(|| a.key.cmp(&b.key))
        });
        self.tables.push((name.to_owned(), rows));
    }

    /// Notes that the table of that name ran over its exact size, so that any row of it may be too low by at most
    /// `requests`.
    pub fn note_missed(&mut self, name: &str, requests: u64) {
        self.missed.insert(name.to_owned(), requests);
    }

    /// The same figures as a public report. Whether they may be published was decided before.
    #[must_use]
    pub fn into_published(mut self, publication: Publication) -> Self {
        self.internal = false;
        self.publication = Some(publication);
        self
    }

    /// The name of the policy.
    #[must_use]
    pub fn policy(&self) -> &str {
        &self.policy
    }

    /// The hash that names exactly the policy.
    #[must_use]
    pub fn policy_hash(&self) -> &str {
        &self.policy_hash
    }

    /// The period, if there is any record.
    #[must_use]
    pub const fn period(&self) -> Option<&Period> {
        self.period.as_ref()
    }

    /// The sums over all records.
    #[must_use]
    pub const fn totals(&self) -> Totals {
        self.totals
    }

    /// The tables with their names, in the order in which they were pushed.
    pub fn tables(&self) -> impl Iterator<Item = (&str, &[Row])> {
        self.tables.iter().map(|(name, rows)| (name.as_str(), rows.as_slice()))
    }

    /// The rows of the table of that name.
    #[must_use]
    pub fn table(&self, name: &str) -> Option<&[Row]> {
        self.tables().find(|(known, _)| *known == name).map(|(_, rows)| rows)
    }

    /// By how many requests any row of the table may be too low, if it ran over its exact size.
    #[must_use]
    pub fn missed(&self, name: &str) -> Option<u64> {
        self.missed.get(name).copied()
    }

    /// Under whose name it was published; `None` for an internal report.
    #[must_use]
    pub const fn publication(&self) -> Option<&Publication> {
        self.publication.as_ref()
    }

    /// The report as one line of JSON.
    #[must_use]
    pub fn to_json(&self) -> String {
        let mut json = serde_json::to_string(self).expect("strings and numbers always become JSON");
        json.push('\n');
        json
    }
}

/// The rows with what was folded last: it is no answer to the question of what was most frequent.
pub(super) fn others_last(rows: &[Row]) -> Vec<&Row> {
    let (others, named): (Vec<_>, Vec<_>) = rows.iter().partition(|row| row.key == OTHER);
    named.into_iter().chain(others).collect()
}

const fn is_false(flag: &bool) -> bool {
    !*flag
}

fn as_map<S: Serializer>(tables: &[(String, Vec<Row>)], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(tables.iter().map(|(name, rows)| (name, rows)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(key: &str, requests: u64, bytes: u64) -> Row {
        Row { key: key.to_owned(), requests, bytes, visitors: None }
    }

    fn sample() -> Report {
        let day = |day: u8| format!("2026-11-{day}T00:00:00Z");
        let period = Period { from: day(22), to: day(23) };
        let totals = Totals { requests: 10, bytes: 12_345, visitors: Some(4) };
        let mut report = Report::new("baseline", "00ff", Some(period), totals);
        report.push("site", Vec::new());
        report.push("status", vec![row("404", 1, 345), row("200", 9, 12_000)]);
        report
    }

    #[test]
    fn json_has_the_documented_form() {
        let expect = concat!(
            r#"{"internal":true,"policy":"baseline","policy_hash":"00ff","#,
            r#""period":{"from":"2026-11-22T00:00:00Z","to":"2026-11-23T00:00:00Z"},"#,
            r#""totals":{"requests":10,"bytes":12345,"visitors":4},"#,
            r#""tables":{"status":[{"key":"200","requests":9,"bytes":12000,"visitors":null},"#,
            r#"{"key":"404","requests":1,"bytes":345,"visitors":null}]}}"#,
            "\n"
        );
        assert_eq!(sample().to_json(), expect);
    }

    #[test]
    fn json_of_nothing_is_whole() {
        let expect = concat!(
            r#"{"internal":true,"policy":"p","policy_hash":"h","period":null,"#,
            r#""totals":{"requests":0,"bytes":0,"visitors":null},"tables":{}}"#,
            "\n"
        );
        assert_eq!(Report::new("p", "h", None, Totals::default()).to_json(), expect);
    }

    #[test]
    fn what_was_missed_stands_last() {
        let mut report = sample();
        report.note_missed("status", 3);
        assert!(report.to_json().ends_with("]},\"missed\":{\"status\":3}}\n"));
        assert_eq!((report.missed("status"), report.missed("path")), (Some(3), None));
    }

    #[test]
    fn a_published_report_says_by_whom_and_no_more_that_it_is_internal() {
        let publication =
            Publication { publisher: "Example".to_owned(), k: 10, ..Publication::default() };
        let json = sample().into_published(publication).to_json();
        let start =
            r#"{"publication":{"publisher":"Example","k":10},"policy":"baseline","policy_hash":"#;
        assert!(json.starts_with(start) && !json.contains("internal"), "{json}");
    }

    #[test]
    fn rows_of_equal_requests_are_sorted_by_key() {
        let mut report = Report::new("p", "h", None, Totals::default());
        report.push("path", vec![row("b", 1, 9), row("a", 1, 0), row("c", 2, 0), row("B", 1, 0)]);
        let rows = report.table("path").expect("pushed above");
        let keys: Vec<_> = rows.iter().map(|row| row.key.as_str()).collect();
        assert_eq!(keys, ["c", "B", "a", "b"]);
    }
}
