//! Counts in the text form of Prometheus: those of a report, and those that are still running.
//!
//! They are internal and leave more away than any other form. There are no visitors; and a label is a word of a closed
//! set or does not exist, for a path as a label would be a series of its own for each page, kept for good, by a system
//! with other readers. What a file names that is no such word is summed up as `(other)`.
//!
//! A service keeps its counts in a store and lets go of them once they are recorded, while a counter of Prometheus
//! begins with the process and only grows. So these are counted once more, in one array: [`Running`].

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
};

use super::{
    OTHER,
    closed::RunClosed,
    crowd::Crowd,
    part::Block,
    report::{Report, Row},
    tally::{Tally, Wants},
};
use crate::{
    field::{Reason, Table, TableSet},
    transform::{
        agent::{Browser, Device, Os},
        country::Country,
        language::Language,
        request::{Method, Protocol},
    },
};

/// The tables whose keys are words of closed sets.
const CLOSED: [Table; 10] = [
    Table::Method,
    Table::Status,
    Table::StatusClass,
    Table::Protocol,
    Table::Browser,
    Table::Os,
    Table::Device,
    Table::Bot,
    Table::Language,
    Table::Country,
];

/// What becomes of lines that are not refused.
const OUTCOMES: [&str; 3] = ["clean", "filtered", "opted_out"];

/// How many requests and bytes were counted since the process began, for all closed tables of a policy.
///
/// ```
/// use std::sync::Arc;
/// use tamis::counts::{Block, Running, Setup};
/// use tamis::policy::{Plan, Policy, preset};
///
/// let policy = Policy::parse(preset("baseline").expect("a preset"))?;
/// let plan = Arc::new(Plan::compile(&policy)?);
/// let mut running = Running::new(plan.tables);
/// // For each block, before it is recorded and cleared:
/// running.absorb(&mut Block::new(&plan, &Setup::default()));
/// assert!(running.prometheus().contains("\ntamis_requests_total 0\n"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Running {
    tables: TableSet,
    total: Tally,
    closed: RunClosed,
}

impl Running {
    /// Nothing yet, of these tables. A service that goes on with another policy begins anew: what Prometheus reads
    /// is then a counter that was reset, which it knows.
    #[must_use]
    pub fn new(tables: TableSet) -> Self {
        let closed = RunClosed::new(Wants::default());
        Self { tables, total: Tally::default(), closed }
    }

    /// Adds what a block counted.
    pub fn absorb(&mut self, block: &mut Block) {
        for part in block.parts() {
            self.total.add(part.totals);
            let nobody = Wants::default();
            self.closed.absorb(&mut part.closed, &Crowd::default(), self.tables, nobody);
        }
    }

    /// The counts so far.
    #[must_use]
    pub fn prometheus(&self) -> String {
        let mut out = totals(self.total.requests, self.total.bytes);
        for table in CLOSED.into_iter().filter(|table| self.tables.has(*table)) {
            let rows = self.closed.rows(table, Wants::default()).into_iter();
            family(&mut out, table, rows.map(|(word, sum)| (word, sum.tally.requests)));
        }
        out
    }
}

/// A report in the text form of Prometheus, with how many lines became what, if that is known.
#[must_use]
pub fn prometheus<'a>(report: &Report, lines: impl IntoIterator<Item = (&'a str, u64)>) -> String {
    let mut out = totals(report.totals().requests, report.totals().bytes);
    for table in CLOSED {
        if let Some((_, rows)) = report.tables().find(|(name, _)| *name == table.name()) {
            let known = words(table);
            family(&mut out, table, rows.iter().map(|row| (word_of(row, &known), row.requests)));
        }
    }
    let known: Vec<_> =
        OUTCOMES.into_iter().chain(Reason::ALL.iter().map(|reason| reason.word())).collect();
    let mut lines = lines.into_iter().filter(|(outcome, _)| known.contains(outcome)).peekable();
    if lines.peek().is_some() {
        head(&mut out, "tamis_lines_total", "Lines by what became of them.");
        for (outcome, count) in lines {
            let _ = writeln!(out, "tamis_lines_total{{outcome=\"{outcome}\"}} {count}");
        }
    }
    out
}

fn head(out: &mut String, name: &str, help: &str) {
    let _ = writeln!(out, "# HELP {name} {help}\n# TYPE {name} counter");
}

fn totals(requests: u64, bytes: u64) -> String {
    let mut out = String::new();
    for (name, help, value) in [
        ("tamis_requests_total", "Requests that were counted.", requests),
        ("tamis_bytes_total", "Bytes that were sent.", bytes),
    ] {
        head(&mut out, name, help);
        let _ = writeln!(out, "{name} {value}");
    }
    out
}

/// One table, its rows in the order of their words, each once, as a series may stand there only once.
fn family(out: &mut String, table: Table, rows: impl Iterator<Item = (String, u64)>) {
    let mut sums = BTreeMap::<String, u64>::new();
    for (word, requests) in rows {
        let sum = sums.entry(word).or_default();
        *sum = sum.saturating_add(requests);
    }
    if sums.is_empty() {
        return;
    }
    let (name, label) = (format!("tamis_requests_by_{}_total", table.name()), table.name());
    head(out, &name, &format!("Requests by {label}."));
    for (word, requests) in sums {
        let _ = writeln!(out, "{name}{{{label}=\"{word}\"}} {requests}");
    }
}

fn word_of(row: &Row, known: &BTreeSet<String>) -> String {
    if known.contains(&row.key) { row.key.clone() } else { OTHER.to_owned() }
}

/// All words of a table.
fn words(table: Table) -> BTreeSet<String> {
    let owned = |names: &mut dyn Iterator<Item = &'static str>| names.map(str::to_owned).collect();
    match table {
        Table::Method => owned(&mut Method::ALL.into_iter().map(Method::name)),
        Table::Status => (100..600).map(|status| status.to_string()).collect(),
        Table::StatusClass => (1..6).map(|class| format!("{class}xx")).collect(),
        Table::Protocol => owned(&mut Protocol::ALL.into_iter().map(Protocol::name)),
        Table::Browser => owned(&mut Browser::ALL.iter().map(|browser| browser.name())),
        Table::Os => owned(&mut Os::ALL.iter().map(|os| os.name())),
        Table::Device => owned(&mut Device::ALL.iter().map(|device| device.name())),
        Table::Bot => owned(&mut ["false", "true"].into_iter()),
        Table::Language => owned(&mut Language::ALL.into_iter().map(Language::name)),
        Table::Country => (0..Country::COUNT).map(|at| Country::at(at).to_string()).collect(),
        _ => BTreeSet::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::counts::Totals;

    fn row(key: &str, requests: u64) -> Row {
        Row { key: key.to_owned(), requests, bytes: 30, visitors: Some(2) }
    }

    fn report(tables: &[(&str, &[(&str, u64)])]) -> Report {
        let totals = Totals { requests: 3, bytes: 30, visitors: Some(2) };
        let mut report = Report::new("p", "h", None, totals);
        for (name, rows) in tables {
            report.push(name, rows.iter().map(|(key, requests)| row(key, *requests)).collect());
        }
        report
    }

    /// What `promtool check metrics` asks for, and what the form does: each family has one help and one type before
    /// its samples, which follow each other; counters end with `_total`; no series stands there twice.
    pub(super) fn check(text: &str) -> Vec<String> {
        assert!(text.ends_with('\n'), "the last line has an end");
        let name = |text: &str| {
            let mut letters = text.bytes();
            let is_first = |byte: u8| byte.is_ascii_lowercase() || byte == b'_';
            letters.next().is_some_and(is_first)
                && letters.all(|byte| is_first(byte) || byte.is_ascii_digit())
        };
        let (mut families, mut series) = (Vec::new(), Vec::new());
        let mut lines = text.lines().peekable();
        while let Some(help) = lines.next() {
            let help = help.strip_prefix("# HELP ").expect("a family begins with its help");
            let (family, help) = help.split_once(' ').expect("a help");
            assert!(name(family) && family.ends_with("_total") && !help.is_empty(), "{family}");
            assert!(!families.contains(&family), "{family} stands there twice");
            families.push(family);
            assert_eq!(lines.next(), Some(&*format!("# TYPE {family} counter")));
            let before = series.len();
            while let Some(line) = lines.next_if(|line| !line.starts_with('#')) {
                let (what, number) = line.rsplit_once(' ').expect("a number");
                number.parse::<u64>().expect("a number");
                let labels = what.strip_prefix(family).expect("a sample of the family");
                if !labels.is_empty() {
                    let inner = labels.strip_prefix('{').and_then(|rest| rest.strip_suffix('}'));
                    let (label, value) = inner.and_then(|it| it.split_once('=')).expect("a label");
                    let value = value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
                    assert!(name(label) && !value.expect("quotes").contains(['"', '\\', '\n']));
                }
                assert!(!series.contains(&what.to_owned()), "{what} stands there twice");
                series.push(what.to_owned());
            }
            assert!(series.len() > before, "{family} has no sample");
        }
        series
    }

    #[test]
    fn a_report_gives_closed_words_and_no_visitors() {
        let report = report(&[("path", &[("/a", 3)]), ("status", &[("200", 2), ("404", 1)])]);
        let text = prometheus(&report, [("clean", 3), ("opted_out", 1), ("too-long", 1)]);
        let expect = [
            "tamis_requests_total",
            "tamis_bytes_total",
            "tamis_requests_by_status_total{status=\"200\"}",
            "tamis_requests_by_status_total{status=\"404\"}",
            "tamis_lines_total{outcome=\"clean\"}",
            "tamis_lines_total{outcome=\"opted_out\"}",
            "tamis_lines_total{outcome=\"too-long\"}",
        ];
        assert_eq!(check(&text), expect);
        assert!(!text.contains("/a") && !text.contains("visitors"), "{text}");
    }

    #[test]
    fn what_is_no_word_of_a_table_is_no_label() {
        let hostile = ["192.0.2.7", "x\"} 1\nevil 2", "Chrome "];
        let browsers: Vec<_> = hostile.into_iter().map(|key| (key, 1)).collect();
        let report = report(&[
            ("browser", &[&browsers[..], &[("Chrome", 4), ("Chrome", 5)]].concat()),
            ("country", &[("DE", 1), ("de", 2)]),
            ("visitor", &[("Chrome", 1)]),
            ("status", &[("99", 1), ("600", u64::MAX), ("200", u64::MAX)]),
        ]);
        let text = prometheus(&report, [("192.0.2.7", 1), ("evil\" 1", 1)]);
        check(&text);
        assert!(!text.contains("192.0") && !text.contains("evil") && !text.contains("visitor"));
        assert!(
            text.contains("\ntamis_requests_by_browser_total{browser=\"(other)\"} 3\n"),
            "{text}"
        );
        assert!(
            text.contains("\ntamis_requests_by_browser_total{browser=\"Chrome\"} 9\n"),
            "{text}"
        );
        assert!(text.contains("{country=\"(other)\"} 2\n"), "{text}");
    }

    #[test]
    fn nothing_counted_is_valid_too() {
        assert_eq!(check(&prometheus(&report(&[]), [])).len(), 2);
        assert_eq!(check(&Running::new(TableSet::default()).prometheus()).len(), 2);
    }
}
