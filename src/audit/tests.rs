//! Hand-computed examples, and what must hold of any records.

use proptest::prelude::*;

use super::{Facet, Records, Row, View, advise, measure, measure::under};

fn records(text: &str) -> Vec<Row> {
    let mut records = Records::default();
    records.add(&mut text.as_bytes()).expect("these are records");
    assert_eq!(records.count, records.read.len() as u64);
    records.read
}

/// Eight records: two alike, three alike, and three that stand alone.
const EIGHT: &str = r#"{"time":"2026-11-22T14:05:00Z","client":"203.0.0.0/16","path":"/a","browser":"Chrome"}
{"time":"2026-11-22T14:05:00Z","client":"203.0.0.0/16","path":"/a","browser":"Chrome"}
{"time":"2026-11-22T14:06:00Z","client":"203.0.0.0/16","path":"/b","browser":"Firefox"}
{"time":"2026-11-22T14:06:00Z","client":"203.0.0.0/16","path":"/b","browser":"Firefox"}
{"time":"2026-11-22T14:06:00Z","client":"203.0.0.0/16","path":"/b","browser":"Firefox"}
{"time":"2026-11-22T14:07:00Z","client":"203.0.0.0/16","path":"/a","browser":"Chrome"}
{"time":"2026-11-22T15:08:00Z","client":"198.51.0.0/16","path":"/c","browser":"Chrome"}
{"time":"2026-11-22T15:09:00Z","client":"192.0.0.0/16","path":"/d","browser":"Chrome"}
"#;

#[test]
fn eight_records_by_hand() {
    let risk = measure(&records(EIGHT));
    assert_eq!((risk.records, risk.classes), (8, 5));
    // Three alone; all eight have fewer than five like them.
    assert_eq!(risk.under, [3, 8, 8]);
    // 3 - (2*1 + 3*log2(3)) / 8.
    assert!((risk.entropy - (3.0 - (2.0 + 3.0 * 3.0_f64.log2()) / 8.0)).abs() < 1e-9);
    let client = risk.fields.iter().find(|field| field.facet == Facet::Client).expect("there");
    assert_eq!((client.values, client.unique), (3, 2));
    // 3 - (6 * log2(6)) / 8.
    assert!((client.entropy - (3.0 - 6.0 * 6.0_f64.log2() / 8.0)).abs() < 1e-9);
    // The last three each have a minute of their own.
    assert_eq!((risk.singled.by_two, risk.singled.by_three), (3, 3));
    // Three of Chrome within two minutes, three of Firefox.
    let chains = risk.chains;
    assert_eq!((chains.joined, chains.chains, chains.longest), (6, 2, 3));
}

#[test]
fn the_way_to_a_k_ends_where_nobody_stands_out() {
    let rows = records(EIGHT);
    let advice = advise(&rows, 2);
    assert_eq!(advice.before, 3);
    assert_eq!(advice.steps.last().map(|step| step.under), Some(0));
    let shares: Vec<_> = advice.steps.iter().map(|step| step.under).collect();
    assert!(shares.is_sorted_by(|one, other| one >= other), "{shares:?}");
    // Of eight records no nine are alike, whatever is left out.
    assert_eq!(advise(&rows, 9).steps, []);
    assert_eq!(advise(&rows[..2], 2).steps, []);
}

#[test]
fn csv_and_groups_say_the_same() {
    let csv = "time,client,path,query,browser\n\
        2026-11-22T14:05:00Z,203.0.0.0/16,/a,\"{\"\"x\"\":\"\"1,2\"\"}\",Chrome\n";
    let groups = r#"{"client_information":{"client":"203.0.0.0/16","browser":"Chrome"},"essential":{"time":"2026-11-22T14:05:00Z","path":"/a"}}"#;
    let mut all = Records::default();
    for text in [csv, groups, EIGHT.lines().next().expect("a line")] {
        all.add(&mut text.as_bytes()).expect("records");
    }
    assert_eq!(all.read[0], all.read[1]);
    assert_eq!(all.read[0], all.read[2]);
}

#[test]
fn what_is_no_record_is_told_by_its_line() {
    for (text, line) in [
        ("203.0.113.77 - - x\n", 1),
        ("{\"remote_addr\":\"203.0.113.77\"}\n", 1),
        ("{\"path\":\"/a\"}\n{\n", 2),
        ("time,client\na\n", 2),
        ("time,client\n\"a,b\n", 2),
        ("time,user\n", 1),
    ] {
        let error =
            Records::default().add(&mut text.as_bytes()).expect_err("no record").to_string();
        assert!(error.starts_with(&format!("line {line} is no record")), "{text}: {error}");
        assert!(!error.contains("203"), "{error}");
    }
}

proptest! {
    /// Who knows more of a record finds no more others like it.
    #[test]
    fn a_further_field_never_hides_anybody(
        values in proptest::collection::vec((0_u8..4, 0_u8..4, 0_u8..4, 0_u8..4), 1..60),
        k in 2_u64..12,
    ) {
        let line = |(path, browser, minute, client): &(u8, u8, u8, u8)| {
            format!(
                "{{\"time\":\"2026-11-22T14:0{minute}:00Z\",\"client\":\"203.{client}.0.0/16\",\
                 \"path\":\"/{path}/x\",\"browser\":\"{browser}\"}}\n"
            )
        };
        let rows = records(&values.iter().map(line).collect::<String>());
        let mut view = View::NONE;
        let mut before = 0;
        for facet in [Facet::Path, Facet::Browser, Facet::Time, Facet::Client] {
            for level in [1, 2, u8::MAX] {
                view = view.with(facet, level);
                let now = under(&rows, view, k);
                let whole = if rows.len() as u64 >= k { 0 } else { rows.len() as u64 };
                prop_assert!(now >= before.max(whole), "{facet:?} {level}");
                before = now;
            }
        }
        let advice = advise(&rows, k);
        prop_assert_eq!(advice.before, under(&rows, View::ALL, k));
        if rows.len() as u64 >= k {
            prop_assert_eq!(advice.steps.last().map_or(advice.before, |step| step.under), 0);
        }
    }
}
