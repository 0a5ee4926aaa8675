//! A report for other programs: CSV, and the text form of Prometheus.
//!
//! What Prometheus gets is internal and has no visitors and no label that is not a word of a closed set, or the name of
//! a site that the policy declares: a path as a label would be a series of its own for each page, kept for good.

use std::fmt::Write as _;

use super::report::{Report, Row};

/// The tables whose keys are words of closed sets.
const CLOSED: [&str; 10] = [
    "method",
    "status",
    "status_class",
    "protocol",
    "browser",
    "os",
    "device",
    "bot",
    "language",
    "country",
];

/// A report as CSV with a header, one row for each row of a table; the totals come first.
#[must_use]
pub fn csv(report: &Report) -> String {
    let mut out = "table,key,requests,bytes,visitors\n".to_owned();
    let mut line = |table: &str, key: &str, requests: u64, bytes: u64, visitors: Option<u64>| {
        let visitors = visitors.map_or_else(String::new, |visitors| visitors.to_string());
        let _ = writeln!(out, "{},{},{requests},{bytes},{visitors}", field(table), field(key));
    };
    let totals = report.totals();
    line("totals", "", totals.requests, totals.bytes, totals.visitors);
    for (table, rows) in report.tables() {
        for Row { key, requests, bytes, visitors } in rows {
            line(table, key, *requests, *bytes, *visitors);
        }
    }
    out
}

/// A field of RFC 4180. What a spreadsheet would take for a formula gets a quote before it, as OWASP advises.
fn field(text: &str) -> String {
    let text = if text.starts_with(['=', '+', '-', '@', '\t']) {
        format!("'{text}")
    } else {
        text.to_owned()
    };
    if text.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text
    }
}

/// A report in the text form of Prometheus, with how many lines became what, if that is known.
#[must_use]
pub fn prometheus<'a>(report: &Report, lines: impl IntoIterator<Item = (&'a str, u64)>) -> String {
    let mut out = String::new();
    let totals = report.totals();
    for (name, help, value) in [
        ("tamis_requests_total", "Requests that were counted.", totals.requests),
        ("tamis_bytes_total", "Bytes that were sent.", totals.bytes),
    ] {
        let _ = writeln!(out, "# HELP {name} {help}\n# TYPE {name} counter\n{name} {value}");
    }
    for (table, rows) in report.tables().filter(|(table, _)| CLOSED.contains(table)) {
        let name = format!("tamis_requests_by_{table}_total");
        let _ = writeln!(out, "# HELP {name} Requests by {table}.\n# TYPE {name} counter");
        for row in rows {
            let _ = writeln!(out, "{name}{{{table}=\"{}\"}} {}", label(&row.key), row.requests);
        }
    }
    let mut lines = lines.into_iter().peekable();
    if lines.peek().is_some() {
        let name = "tamis_lines_total";
        let _ = writeln!(out, "# HELP {name} Lines by what became of them.\n# TYPE {name} counter");
        for (outcome, count) in lines {
            let _ = writeln!(out, "{name}{{outcome=\"{}\"}} {count}", label(outcome));
        }
    }
    out
}

fn label(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::counts::Totals;

    fn report() -> Report {
        let totals = Totals { requests: 3, bytes: 30, visitors: Some(2) };
        let mut report = Report::new("p", "h", None, totals);
        let row =
            |key: &str, visitors| Row { key: key.to_owned(), requests: 3, bytes: 30, visitors };
        report.push("path", vec![row("/a,b", Some(2)), row("=1", Some(1))]);
        report.push("status", vec![row("200", None)]);
        report
    }

    #[test]
    fn csv_has_every_row() {
        let expect = "table,key,requests,bytes,visitors\ntotals,,3,30,2\npath,\"/a,b\",3,30,2\npath,'=1,3,30,1\n\
                      status,200,3,30,\n";
        assert_eq!(csv(&report()), expect);
    }

    #[test]
    fn prometheus_gets_closed_words_and_no_visitors() {
        let text = prometheus(&report(), [("clean", 3), ("opted_out", 1)]);
        assert!(text.contains("\ntamis_requests_by_status_total{status=\"200\"} 3\n"), "{text}");
        assert!(text.contains("\ntamis_lines_total{outcome=\"opted_out\"} 1\n"), "{text}");
        assert!(!text.contains("/a") && !text.contains("visitors"), "{text}");
    }
}
