//! A report: counts at rest, sorted, as JSON for programs and as tables for people.
//!
//! A report is internal. It says so, and making it fit for the public is not done here: small counts
//! stand in it as they are. The JSON is the contract; the text may change.

use std::{
    cmp::Reverse,
    collections::BTreeMap,
    io::{self, Write},
};

use serde::{Serialize, Serializer};

/// How many rows of a table people are shown.
const ROWS_SHOWN: usize = 10;

/// How many characters of a key people are shown, so that a row fits a terminal of 80 columns
/// unless its numbers are very large.
const KEY_SHOWN: usize = 48;

/// Usage counts, sorted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Report {
    internal: bool,
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
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Period {
    /// Its first moment.
    pub from: String,
    /// The first moment after it.
    pub to: String,
}

/// The sums over all records.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Totals {
    /// How many requests there were.
    pub requests: u64,
    /// How many bytes were sent.
    pub bytes: u64,
    /// How many visitors there were, if they were counted.
    pub visitors: Option<u64>,
}

/// The sums over the records of one key.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
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

impl Report {
    /// An internal report without a table.
    #[must_use]
    pub fn new(policy: &str, policy_hash: &str, period: Option<Period>, totals: Totals) -> Self {
        Self {
            internal: true,
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

    /// The name of the policy.
    #[must_use]
    pub fn policy(&self) -> &str {
        &self.policy
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

    /// By how many requests any row of the table may be too low, if it ran over its exact size.
    #[must_use]
    pub fn missed(&self, name: &str) -> Option<u64> {
        self.missed.get(name).copied()
    }

    /// The report as one line of JSON.
    #[must_use]
    pub fn to_json(&self) -> String {
        let mut json = serde_json::to_string(self).expect("strings and numbers always become JSON");
        json.push('\n');
        json
    }

    /// Writes the report as tables for a terminal, the first ten rows of each, without colours.
    ///
    /// # Errors
    ///
    /// Those of `out`.
    pub fn write_text(&self, out: &mut impl Write) -> io::Result<()> {
        let Totals { requests, bytes, .. } = self.totals;
        writeln!(out, "Usage counts for internal use, policy {}", self.policy)?;
        match &self.period {
            Some(Period { from, to }) => writeln!(out, "{from} to {to}")?,
            None => writeln!(out, "no records")?,
        }
        writeln!(out, "{requests} requests, {bytes} bytes")?;
        for (table, rows) in &self.tables {
            writeln!(out)?;
            write_table(out, table, rows)?;
        }
        Ok(())
    }
}

fn as_map<S: Serializer>(tables: &[(String, Vec<Row>)], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(tables.iter().map(|(name, rows)| (name, rows)))
}

fn write_table(out: &mut impl Write, name: &str, rows: &[Row]) -> io::Result<()> {
    let shown: Vec<[String; 3]> = rows
        .iter()
        .take(ROWS_SHOWN)
        .map(|row| [shortened(&row.key), row.requests.to_string(), row.bytes.to_string()])
        .collect();
    let head = [name, "requests", "bytes"];
    let width = |column: usize| {
        let cells = shown.iter().map(|row| row[column].len());
        cells.chain([head[column].len()]).max().unwrap_or(0)
    };
    let (key_width, requests_width, bytes_width) = (width(0), width(1), width(2));
    let mut line = |[key, requests, bytes]: [&str; 3]| {
        writeln!(out, "{key:key_width$}  {requests:>requests_width$}  {bytes:>bytes_width$}")
    };
    line(head)?;
    for row in &shown {
        line(row.each_ref().map(String::as_str))?;
    }
    match rows.len() - shown.len() {
        0 => Ok(()),
        more => writeln!(out, "({more} more)"),
    }
}

/// A key, cut where it is too long to be shown.
fn shortened(key: &str) -> String {
    match key.char_indices().nth(KEY_SHOWN) {
        None => key.to_owned(),
        Some(_) => key.chars().take(KEY_SHOWN - 3).chain("...".chars()).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(key: &str, requests: u64, bytes: u64) -> Row {
        Row { key: key.to_owned(), requests, bytes, visitors: None }
    }

    fn sample() -> Report {
        let day = |day: u8| format!("2026-11-{day}T00:00:00Z");
        let totals = Totals { requests: 10, bytes: 12_345, visitors: None };
        let mut report = Report::new("baseline", "00ff", Some(Period { from: day(22), to: day(23) }), totals);
        report.push("site", Vec::new());
        report.push("status", vec![row("404", 1, 345), row("200", 9, 12_000)]);
        report
    }

    fn text(report: &Report) -> String {
        let mut text = Vec::new();
        report.write_text(&mut text).expect("a vector takes all");
        std::str::from_utf8(&text).expect("text").to_owned()
    }

    #[test]
    fn json_has_the_documented_form() {
        let expect = concat!(
            r#"{"internal":true,"policy":"baseline","policy_hash":"00ff","#,
            r#""period":{"from":"2026-11-22T00:00:00Z","to":"2026-11-23T00:00:00Z"},"#,
            r#""totals":{"requests":10,"bytes":12345,"visitors":null},"#,
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
    fn text_is_aligned() {
        let expect = "\
Usage counts for internal use, policy baseline
2026-11-22T00:00:00Z to 2026-11-23T00:00:00Z
10 requests, 12345 bytes

status  requests  bytes
200            9  12000
404            1    345
";
        assert_eq!(text(&sample()), expect);
        let expect = "\
Usage counts for internal use, policy p
no records
0 requests, 0 bytes
";
        assert_eq!(text(&Report::new("p", "h", None, Totals::default())), expect);
    }

    #[test]
    fn text_shows_the_first_rows_and_the_beginning_of_long_keys() {
        let mut report = Report::new("p", "h", None, Totals::default());
        let long = format!("/{}", "a".repeat(48));
        let mut rows: Vec<_> = (1..=11).map(|n| row(&format!("/{n}"), n, 0)).collect();
        rows.push(row(&long, 12, u64::MAX));
        report.push("path", rows);
        let text = text(&report);
        let lines: Vec<_> = text.lines().skip(4).collect();
        assert_eq!(lines.len(), 12);
        assert_eq!(lines[1], format!("{}...        12  18446744073709551615", &long[..45]));
        assert!(lines[2].starts_with("/11  ") && lines[10].starts_with("/3  "));
        assert_eq!(lines[11], "(2 more)");
    }

    #[test]
    fn rows_of_equal_requests_are_sorted_by_key() {
        let mut report = Report::new("p", "h", None, Totals::default());
        let rows = vec![row("b", 1, 9), row("a", 1, 0), row("c", 2, 0), row("B", 1, 0)];
        report.push("path", rows);
        let keys: Vec<_> = report.tables[0].1.iter().map(|row| row.key.as_str()).collect();
        assert_eq!(keys, ["c", "B", "a", "b"]);
    }
}
