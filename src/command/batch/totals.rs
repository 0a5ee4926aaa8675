//! The counts of all files of a run, summed up from those that lie beside the clean copies.
//!
//! So they are the same whether a run was killed in between or not. What counts once is not summed: a visitor who is
//! in two files is one, and so is a download. Of visitors nothing is said then, and tables of the other kind are
//! left out.

use std::{collections::HashMap, mem};

use crate::{
    counts::{Period, Report, Row, Totals as Sums},
    field::Table,
    policy::Plan,
};

/// How many keys a table has; what comes later counts as `(other)`.
const KEYS_MAX: usize = 65_536;
const OTHER: &str = "(other)";

/// The sums so far.
#[derive(Default)]
pub(super) struct Totals {
    period: Option<Period>,
    totals: Sums,
    tables: HashMap<String, Rows>,
}

/// A table.
#[derive(Default)]
struct Rows {
    rows: HashMap<String, Row>,
    missed: u64,
}

impl Totals {
    /// Adds the report of a file; false where it is none.
    pub(super) fn add(&mut self, text: &[u8]) -> bool {
        let Ok(report) = Report::from_json(text) else { return false };
        if let Some(Period { from, to }) = report.period().cloned() {
            self.period = Some(match self.period.take() {
                None => Period { from, to },
                Some(known) => Period { from: known.from.min(from), to: known.to.max(to) },
            });
        }
        let Sums { requests, bytes, .. } = report.totals();
        self.totals.requests = self.totals.requests.saturating_add(requests);
        self.totals.bytes = self.totals.bytes.saturating_add(bytes);
        for (name, rows) in report.tables() {
            let table = self.tables.entry(name.to_owned()).or_default();
            table.missed = table.missed.saturating_add(report.missed(name).unwrap_or(0));
            rows.iter().for_each(|row| table.add(row));
        }
        true
    }

    /// The sums as a report under that plan.
    pub(super) fn report(mut self, plan: &Plan) -> Report {
        let mut report =
            Report::new(&plan.name, &plan.hash, self.period.take(), mem::take(&mut self.totals));
        let mut names: Vec<&str> = Table::ALL.into_iter().map(Table::name).collect();
        names.extend(plan.crosses.iter().map(|cross| &*cross.name));
        let specials = plan.specials.iter().filter(|rule| !rule.kind.counts_once());
        names.extend(specials.map(|rule| &*rule.name));
        for name in names {
            let Some(Rows { rows, missed }) = self.tables.remove(name) else { continue };
            report.push(name, rows.into_values().collect());
            if missed > 0 {
                report.note_missed(name, missed);
            }
        }
        report
    }
}

impl Rows {
    fn add(&mut self, row: &Row) {
        let is_full = self.rows.len() >= KEYS_MAX && !self.rows.contains_key(&row.key);
        let key = if is_full { OTHER } else { &row.key };
        let sum = self.rows.entry(key.to_owned()).or_default();
        key.clone_into(&mut sum.key);
        sum.requests = sum.requests.saturating_add(row.requests);
        sum.bytes = sum.bytes.saturating_add(row.bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::{Policy, preset};

    const REPORT: &str = concat!(
        r#"{"internal":true,"policy":"baseline","policy_hash":"00ff","#,
        r#""period":{"from":"2026-11-22T00:00:00Z","to":"2026-11-23T00:00:00Z"},"#,
        r#""totals":{"requests":10,"bytes":12345,"visitors":null},"#,
        r#""tables":{"status":[{"key":"200","requests":9,"bytes":12000,"visitors":null},"#,
        r#"{"key":"404","requests":1,"bytes":345,"visitors":null}]},"missed":{"status":2}}"#,
        "\n"
    );

    fn plan() -> Plan {
        let policy = Policy::parse(preset("baseline").expect("a preset")).expect("a policy");
        Plan::compile(&policy).expect("it compiles")
    }

    #[test]
    fn one_report_is_its_own_sum_but_for_visitors() {
        let mut totals = Totals::default();
        let counted = REPORT.replacen("\"visitors\":null", "\"visitors\":4", 1);
        assert!(totals.add(counted.as_bytes()));
        assert!(!totals.add(b"{"));
        let plan = plan();
        assert_eq!(totals.report(&plan).to_json(), REPORT.replace("00ff", &plan.hash));
    }

    #[test]
    fn sums_add_up() {
        let mut totals = Totals::default();
        let later = REPORT.replace("11-23T", "11-24T").replace("11-22T", "11-23T");
        assert!(totals.add(later.as_bytes()) && totals.add(REPORT.as_bytes()));
        let report = totals.report(&plan());
        let rows = report.table("status").expect("there is one");
        assert_eq!((&*rows[0].key, rows[0].requests, rows[0].bytes), ("200", 18, 24_000));
        assert_eq!((report.totals().requests, report.missed("status")), (20, Some(4)));
        let period = report.period().expect("there is one");
        assert_eq!((&*period.from, &*period.to), ("2026-11-22T00:00:00Z", "2026-11-24T00:00:00Z"));
    }
}
