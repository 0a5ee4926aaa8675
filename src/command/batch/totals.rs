//! The counts of all files of a run, summed up from those that lie beside the clean copies.
//!
//! So they are the same whether a run was killed in between or not. Visitors are not summed: one who is in two files
//! is one.

use std::{
    collections::{BTreeMap, HashMap},
    fmt::Write as _,
};

use serde::Deserialize;
use serde_json::json;

/// How many keys a table has; what comes later counts as `(other)`, as in a run over one file.
const KEYS_MAX: usize = 65_536;
const OTHER: &str = "(other)";

#[derive(Deserialize)]
struct Report {
    period: Option<Period>,
    totals: Sums,
    tables: BTreeMap<String, Vec<Row>>,
}

#[derive(Deserialize)]
struct Period {
    from: String,
    to: String,
}

#[derive(Clone, Copy, Default, Deserialize)]
struct Sums {
    requests: u64,
    bytes: u64,
}

#[derive(Deserialize)]
struct Row {
    key: String,
    requests: u64,
    bytes: u64,
}

/// The sums so far.
#[derive(Default)]
pub(super) struct Totals {
    period: Option<(String, String)>,
    totals: Sums,
    tables: HashMap<String, HashMap<String, Sums>>,
}

impl Totals {
    /// Adds the report of a file; false where it is none.
    pub(super) fn add(&mut self, text: &[u8]) -> bool {
        let Ok(report) = serde_json::from_slice::<Report>(text) else { return false };
        if let Some(Period { from, to }) = report.period {
            self.period = Some(match self.period.take() {
                None => (from, to),
                Some((first, last)) => (first.min(from), last.max(to)),
            });
        }
        self.totals.add(report.totals);
        for (name, rows) in report.tables {
            let table = self.tables.entry(name).or_default();
            for Row { key, requests, bytes } in rows {
                let is_full = table.len() >= KEYS_MAX && !table.contains_key(&key);
                let key = if is_full { OTHER.to_owned() } else { key };
                table.entry(key).or_default().add(Sums { requests, bytes });
            }
        }
        true
    }

    /// The sums in the form of a report; `names` are its tables in their order.
    pub(super) fn to_json(&self, policy: &str, policy_hash: &str, names: &[&str]) -> String {
        let period = self.period.as_ref();
        let period = period.map_or("null".to_owned(), |(from, to)| {
            format!("{{\"from\":{},\"to\":{}}}", json!(from), json!(to))
        });
        let mut tables = Vec::new();
        for name in names {
            let Some(table) = self.tables.get(*name) else { continue };
            let mut rows: Vec<_> = table.iter().collect();
            rows.sort_unstable_by(|a, b| b.1.requests.cmp(&a.1.requests).then(a.0.cmp(b.0)));
            let rows: Vec<_> = rows
                .into_iter()
                .map(|(key, sums)| format!("{{\"key\":{},{}}}", json!(key), sums.to_json()))
                .collect();
            tables.push(format!("{}:[{}]", json!(name), rows.join(",")));
        }
        let mut text = format!(
            "{{\"internal\":true,\"policy\":{},\"policy_hash\":{},\"period\":{period},",
            json!(policy),
            json!(policy_hash)
        );
        let totals = self.totals.to_json();
        writeln!(text, "\"totals\":{{{totals}}},\"tables\":{{{}}}}}", tables.join(","))
            .expect("a string takes all");
        text
    }
}

impl Sums {
    fn add(&mut self, other: Self) {
        self.requests += other.requests;
        self.bytes += other.bytes;
    }

    fn to_json(self) -> String {
        format!("\"requests\":{},\"bytes\":{},\"visitors\":null", self.requests, self.bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REPORT: &str = concat!(
        r#"{"internal":true,"policy":"baseline","policy_hash":"00ff","#,
        r#""period":{"from":"2026-11-22T00:00:00Z","to":"2026-11-23T00:00:00Z"},"#,
        r#""totals":{"requests":10,"bytes":12345,"visitors":null},"#,
        r#""tables":{"status":[{"key":"200","requests":9,"bytes":12000,"visitors":null},"#,
        r#"{"key":"404","requests":1,"bytes":345,"visitors":null}]}}"#,
        "\n"
    );

    #[test]
    fn one_report_is_its_own_sum() {
        let mut totals = Totals::default();
        assert!(totals.add(REPORT.as_bytes()));
        assert_eq!(totals.to_json("baseline", "00ff", &["day", "status"]), REPORT);
        assert!(!totals.add(b"{"));
    }

    #[test]
    fn sums_add_up() {
        let mut totals = Totals::default();
        let later =
            REPORT.replace("2026-11-22", "2026-11-23").replace("11-23T00:00:00Z\"}", "24\"}");
        assert!(totals.add(later.as_bytes()) && totals.add(REPORT.as_bytes()));
        let text = totals.to_json("p", "h", &["status"]);
        assert!(text.contains(r#""key":"200","requests":18,"bytes":24000"#), "{text}");
        assert!(text.contains(r#"{"from":"2026-11-22T00:00:00Z","#), "{text}");
    }
}
