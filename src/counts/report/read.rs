//! A report read back from its JSON.
//!
//! The file may be anything: the wrong one, an old one, one that somebody wrote by hand. So keys that are not known,
//! tables and keys that come twice, and periods that are none are refused. An error says at which place, and never
//! what stands there. serde's own errors quote what they met and end here.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor},
};
use serde_json::error::Category;

use super::{Period, Publication, Report, Row, Totals};
use crate::counts::calendar::is_period;

/// The longest name of a table.
const NAME_BYTES_MAX: usize = 64;

/// Why a text is no report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReportError {
    /// It is not JSON from that place on.
    NotJson {
        /// The line, from 1.
        line: usize,
        /// The column, from 1.
        column: usize,
    },
    /// It is JSON, and what stands at that place is not what a report has there.
    NotAReport {
        /// The line, from 1.
        line: usize,
        /// The column, from 1.
        column: usize,
    },
    /// It must be either internal or published.
    InternalAndPublished,
    /// Its period has no beginning before its end.
    BadPeriod,
    /// The name of that table, counted from 1, is empty, too long or has other characters than names have.
    BadName(usize),
    /// That table, counted from 1, has the name of an earlier one.
    TableTwice(usize),
    /// In that table, a row has the key of an earlier one; both are counted from 1.
    KeyTwice(usize, usize),
}

impl fmt::Display for ReportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotJson { line, column } => write!(f, "line {line}, column {column} is no JSON"),
            Self::NotAReport { line, column } => {
                write!(f, "line {line}, column {column} is nothing that a report has there")
            }
            Self::InternalAndPublished => f.write_str(
                "it must have either \"internal\":true or the \"publication\" of a published one",
            ),
            Self::BadPeriod => f.write_str("its period has no beginning before its end"),
            Self::BadName(table) => {
                write!(f, "the name of its table {table} is no word of letters, digits and _-.")
            }
            Self::TableTwice(table) => {
                write!(f, "its table {table} has the name of an earlier one")
            }
            Self::KeyTwice(table, row) => {
                write!(f, "in its table {table}, row {row} has the key of an earlier one")
            }
        }
    }
}

impl std::error::Error for ReportError {}

/// A report as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    #[serde(default)]
    internal: bool,
    publication: Option<Publication>,
    policy: String,
    policy_hash: String,
    period: Option<Period>,
    totals: Totals,
    #[serde(deserialize_with = "tables")]
    tables: Vec<(String, Vec<Row>)>,
    #[serde(default)]
    missed: BTreeMap<String, u64>,
}

impl Report {
    /// Reads a report that [`Report::to_json`] wrote.
    ///
    /// # Errors
    ///
    /// Where and why `json` is none. Nothing of its content is said.
    pub fn from_json(json: &[u8]) -> Result<Self, ReportError> {
        let written: Written = serde_json::from_slice(json).map_err(|error| {
            let (line, column) = (error.line(), error.column());
            match error.classify() {
                Category::Data => ReportError::NotAReport { line, column },
                Category::Io | Category::Syntax | Category::Eof => {
                    ReportError::NotJson { line, column }
                }
            }
        })?;
        if written.internal == written.publication.is_some() {
            return Err(ReportError::InternalAndPublished);
        }
        if written.period.as_ref().is_some_and(|period| !is_period(period)) {
            return Err(ReportError::BadPeriod);
        }
        check_tables(&written.tables)?;
        let Written { period, totals, tables, missed, .. } = written;
        let mut report = Self::new(&written.policy, &written.policy_hash, period, totals);
        for (name, rows) in tables {
            report.push(&name, rows);
        }
        report.missed = missed;
        Ok(match written.publication {
            None => report,
            Some(publication) => report.into_published(publication),
        })
    }
}

fn check_tables(tables: &[(String, Vec<Row>)]) -> Result<(), ReportError> {
    let mut names = BTreeSet::new();
    for ((name, rows), table) in tables.iter().zip(1..) {
        let in_name = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte);
        if name.is_empty() || name.len() > NAME_BYTES_MAX || !name.bytes().all(in_name) {
            return Err(ReportError::BadName(table));
        }
        if !names.insert(name) {
            return Err(ReportError::TableTwice(table));
        }
        let mut keys = BTreeSet::new();
        if let Some(row) = rows.iter().position(|row| !keys.insert(&row.key)) {
            return Err(ReportError::KeyTwice(table, row + 1));
        }
    }
    Ok(())
}

/// An object of tables, in its order. A map would lose that, and names that come twice.
fn tables<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<(String, Vec<Row>)>, D::Error> {
    struct Tables;

    impl<'de> Visitor<'de> for Tables {
        type Value = Vec<(String, Vec<Row>)>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object of tables")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut tables = Vec::new();
            while let Some(table) = map.next_entry()? {
                tables.push(table);
            }
            Ok(tables)
        }
    }

    from.deserialize_map(Tables)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const WHOLE: &str = concat!(
        r#"{"internal":true,"policy":"p","policy_hash":"h","period":null,"#,
        r#""totals":{"requests":0,"bytes":0,"visitors":null},"tables":{}}"#,
    );

    /// The error of the whole report with `from` in place of `to`.
    fn check(from: &str, to: &str, expect: ReportError) {
        assert!(WHOLE.contains(from), "{from}");
        assert_eq!(Report::from_json(WHOLE.replace(from, to).as_bytes()), Err(expect), "{to}");
    }

    /// The same, where the place is somewhere in what was put there.
    fn check_place(from: &str, to: &str, is_of_json: bool) {
        let start = WHOLE.find(from).expect("it is there");
        let error = Report::from_json(WHOLE.replace(from, to).as_bytes()).expect_err("it is none");
        let column = match error {
            ReportError::NotJson { line: 1, column } if is_of_json => column,
            ReportError::NotAReport { line: 1, column } if !is_of_json => column,
            _ => panic!("{to}: {error}"),
        };
        assert!((start..=start + to.len() + 1).contains(&column), "{to}: {column}");
    }

    #[test]
    fn what_was_written_is_read() {
        let report = Report::from_json(WHOLE.as_bytes()).expect("a report");
        assert_eq!(report.to_json().trim_end(), WHOLE);
        let published =
            WHOLE.replace("\"internal\":true", r#""publication":{"publisher":"Example","k":10}"#);
        let report = Report::from_json(published.as_bytes()).expect("a report");
        assert_eq!(report.to_json().trim_end(), published);
        assert_eq!(report.publication().map(|found| found.k), Some(10));
    }

    #[test]
    fn what_is_no_report_is_refused_by_its_place() {
        use ReportError::{
            BadName, BadPeriod, InternalAndPublished, KeyTwice, NotAReport, NotJson, TableTwice,
        };
        assert_eq!(Report::from_json(b""), Err(NotJson { line: 1, column: 0 }));
        assert_eq!(Report::from_json(b"\nalice"), Err(NotJson { line: 2, column: 1 }));
        assert_eq!(Report::from_json(b"[]"), Err(NotAReport { line: 1, column: 2 }));
        check_place("\"p\"", "7", false);
        check_place("\"p\"", "\"p\",\"secret\":1", false);
        check_place("\"bytes\":0", "\"bytes\":-1", false);
        check_place("{}}", "{}} x", true);
        check("\"internal\":true,", "", InternalAndPublished);
        check("true,", r#"true,"publication":{"publisher":"","k":10},"#, InternalAndPublished);
        let period = |from, to| format!(r#"{{"from":"{from}T00:00:00Z","to":"{to}T00:00:00Z"}}"#);
        check(
            "null,\"totals",
            &format!("{},\"totals", period("2026-11-22", "2026-11-22")),
            BadPeriod,
        );
        check("null,\"totals", &format!("{},\"totals", period("Alice", "2026-11-22")), BadPeriod);
        check("{}}", r#"{"a":[],"":[]}}"#, BadName(2));
        check("{}}", r#"{"a b":[]}}"#, BadName(1));
        check("{}}", &format!(r#"{{"{}":[]}}}}"#, "a".repeat(65)), BadName(1));
        check("{}}", r#"{"a":[],"b":[],"a":[]}}"#, TableTwice(3));
        let row = r#"{"key":"k","requests":1,"bytes":1,"visitors":null}"#;
        check("{}}", &format!(r#"{{"a":[{row},{row}]}}}}"#), KeyTwice(1, 2));
    }

    #[test]
    fn a_period_may_be_of_another_zone_and_end_with_time_itself() {
        for (from, to, expect) in [
            ("2026-11-22T00:00:00+01:00", "2026-11-23T00:00:00+01:00", true),
            ("2100-12-31T00:00:00Z", "2101-01-01T00:00:00Z", true),
            ("2101-01-01T00:00:00Z", "2101-01-01T00:00:00Z", false),
            ("2026-11-22T00:00:00Z", "tomorrow", false),
        ] {
            let period = Period { from: from.to_owned(), to: to.to_owned() };
            assert_eq!(is_period(&period), expect, "{from} {to}");
        }
    }

    #[test]
    fn errors_do_not_say_what_they_met() {
        for text in
            ["alice", r#"{"alice":1}"#, r#"{"policy":{"alice":1}}"#, r#"{"tables":["alice"]}"#]
        {
            let error = Report::from_json(text.as_bytes()).expect_err("none of these is a report");
            assert!(!format!("{error} {error:?}").contains("alice"), "{error}");
        }
    }

    prop_compose! {
        fn any_row()(key in any::<String>(), numbers in any::<(u64, u64, Option<u64>)>()) -> Row {
            let (requests, bytes, visitors) = numbers;
            Row { key, requests, bytes, visitors }
        }
    }

    proptest! {
        #[test]
        fn any_report_comes_back(
            policy in any::<String>(),
            rows in prop::collection::vec(any_row(), 0..20),
            missed in prop::collection::btree_map("[a-z]{1,5}", any::<u64>(), 0..3),
        ) {
            let mut rows = rows;
            rows.sort_by(|a, b| a.key.cmp(&b.key));
            rows.dedup_by(|a, b| a.key == b.key);
            let mut report = Report::new(&policy, "h", None, Totals::default());
            report.push("path", rows);
            report.missed = missed;
            prop_assert_eq!(Report::from_json(report.to_json().as_bytes()), Ok(report));
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = Report::from_json(&bytes);
        }
    }
}
