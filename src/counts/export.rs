//! A report as CSV, for spreadsheets and other programs.
//!
//! Its keys may come from a file that anybody wrote, so that no cell may be a formula or more than one cell.

use std::fmt::Write as _;

use super::report::{Report, Row};

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
    let text = if text.starts_with(['=', '+', '-', '@', '\t', '\r']) {
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

    /// The rows of CSV as RFC 4180 reads them.
    fn rows(text: &str) -> Vec<Vec<String>> {
        let (mut rows, mut row, mut cell, mut quoted) = (vec![], vec![], String::new(), false);
        let mut letters = text.chars().peekable();
        while let Some(letter) = letters.next() {
            match letter {
                '"' if quoted && letters.next_if_eq(&'"').is_some() => cell.push('"'),
                '"' => quoted = !quoted,
                ',' if !quoted => row.push(std::mem::take(&mut cell)),
                '\n' if !quoted => {
                    row.push(std::mem::take(&mut cell));
                    rows.push(std::mem::take(&mut row));
                }
                letter => cell.push(letter),
            }
        }
        assert!(row.is_empty() && cell.is_empty() && !quoted, "the last row has an end");
        rows
    }

    #[test]
    fn whatever_a_key_is_it_stays_one_cell_and_no_formula() {
        let keys = [
            "a,b",
            "\"",
            "a\"\",\"b",
            "x\ny",
            "x\r\ny",
            "=1+1",
            "+1",
            "-1",
            "@x",
            "\tx",
            "\r=1",
            "",
            " ",
            "=\"a\",\nb",
        ];
        let mut report = Report::new("p", "h", None, Totals::default());
        let number = u64::MAX;
        let row = |key: &&str| Row {
            key: (*key).to_owned(),
            requests: number,
            bytes: number,
            visitors: Some(number),
        };
        report.push("path", keys.iter().map(row).collect());
        let rows = rows(&csv(&report));
        assert_eq!(rows.len(), keys.len() + 2);
        assert!(rows.iter().all(|row| row.len() == 5), "{rows:?}");
        let mut found: Vec<_> = rows[2..].iter().map(|row| row[1].clone()).collect();
        assert!(found.iter().all(|key| !key.starts_with(['=', '+', '-', '@', '\t', '\r'])));
        let mut keys = keys.map(|key| {
            let is_formula = key.starts_with(['=', '+', '-', '@', '\t', '\r']);
            if is_formula { format!("'{key}") } else { key.to_owned() }
        });
        found.sort();
        keys.sort();
        assert_eq!(found, keys);
    }
}
