//! Counts of records that came through door 1, from lines with documentation addresses.
//!
//! Paths and referrers appear here only where their transforms leave them alone; how keys are
//! counted is tested beside the tables.

use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::{
    field::Table,
    format::Format,
    policy::{Policy, preset},
    privacy::{Anonymiser, Outcome, RawBlock, VisitorKeys},
    transform::{
        agent::Classifier,
        pseudonym::{Secret, SketchKey},
    },
};

const SITES: &str = r#"["a.example.com", "b.example.com", "c.example.com"]"#;
const BROWSER: &str = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36";

pub(super) fn plan(change: &str) -> Arc<Plan> {
    let baseline = preset("baseline").expect("a preset");
    let policy = format!("{baseline}\n[sites]\ndeclared = {SITES}\n{change}");
    plan_of(&policy)
}

fn plan_of(policy: &str) -> Arc<Plan> {
    Arc::new(Plan::compile(&Policy::parse(policy).expect("a policy")).expect("compiles"))
}

pub(super) fn key() -> VisitorKeys {
    VisitorKeys::Run(Arc::new(SketchKey::new(Secret::copy_of(&[7; 32]))))
}

/// Sends each line through door 1 and hands its record over.
pub(super) fn records(
    plan: &Arc<Plan>,
    format: Format,
    lines: &[String],
    mut take: impl FnMut(usize, &Record<'_>),
) {
    let text = lines.join("\n");
    let mut block = RawBlock::with_capacity(text.len());
    block.read_from(&mut text.as_bytes()).expect("a slice reads");
    let classifier = Arc::new(Classifier::new());
    let mut anonymiser = Anonymiser::new(Arc::clone(plan), classifier, None, 1 << 16, 16)
        .with_visitors(Some(key()), true);
    for (number, line) in block.lines().enumerate() {
        let outcome = anonymiser.anonymise(&format, line, |record| take(number, record));
        assert_eq!(outcome, Outcome::Clean, "line {number}");
    }
}

fn counted(plan: &Arc<Plan>, limits: Limits, format: Format, lines: &[String]) -> Counts {
    let mut counts = Counts::with_limits(plan, &Setup::default(), limits);
    records(plan, format, lines, |_, record| counts.add(record));
    counts
}

fn line(host: &str, time: &str, request: &str, status: u16, bytes: &str) -> String {
    format!(
        r#"{host}:443 192.0.2.7 - alice [{time} +0000] "{request}" {status} {bytes} "-" "{BROWSER}""#
    )
}

/// The rows of one table, `key requests bytes`.
fn rows(report: &Report, table: Table) -> Vec<String> {
    let json: serde_json::Value = serde_json::from_str(&report.to_json()).expect("JSON");
    let Some(rows) = json["tables"][table.name()].as_array() else { return Vec::new() };
    rows.iter()
        .map(|row| {
            let key = row["key"].as_str().expect("keys are strings");
            let visitors = match row["visitors"].as_u64() {
                Some(visitors) => format!(" {visitors}"),
                None => String::new(),
            };
            format!("{key} {} {}{visitors}", row["requests"], row["bytes"])
        })
        .collect()
}

fn sample() -> Vec<String> {
    vec![
        line("a.example.com", "22/Nov/2026:14:05:37", "GET / HTTP/1.1", 200, "100"),
        line("a.example.com", "22/Nov/2026:14:59:59", "POST / HTTP/2.0", 404, "20"),
        line("b.example.com", "22/Nov/2026:15:00:00", "GET / HTTP/1.1", 200, "3"),
        line("nobody.example.com", "21/Nov/2026:23:59:59", "GET /", 304, "-"),
        r#"a.example.com:80 2001:db8::7 - - [22/Nov/2026:14:05:38 +0000] "GET /robots.txt HTTP/1.0" 500 4000 "-" "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)""#.to_owned(),
    ]
}

#[test]
fn every_table_counts_what_it_should() {
    let report = counted(&plan(""), Limits::RUN, Format::vhost_combined(), &sample()).report();
    let check = |table, expect: &[&str]| assert_eq!(rows(&report, table), expect);
    check(
        Table::Hour,
        &[
            "2026-11-22T14:00:00Z 3 4120 2",
            "2026-11-21T23:00:00Z 1 0 1",
            "2026-11-22T15:00:00Z 1 3 1",
        ],
    );
    check(Table::Day, &["2026-11-22 4 4123 2", "2026-11-21 1 0 1"]);
    check(Table::Site, &["a.example.com 3 4120 2", "(other) 1 0 1", "b.example.com 1 3 1"]);
    check(Table::Method, &["GET 4 4103 2", "POST 1 20 1"]);
    check(Table::Status, &["200 2 103 1", "304 1 0 1", "404 1 20 1", "500 1 4000 1"]);
    check(Table::StatusClass, &["2xx 2 103 1", "3xx 1 0 1", "4xx 1 20 1", "5xx 1 4000 1"]);
    check(Table::Protocol, &["1.1 2 103 1", "1.0 1 4000 1", "2 1 20 1"]);
    check(Table::Referrer, &["(none) 5 4123 2"]);
    check(Table::Browser, &["Chrome 4 123 1", "Googlebot 1 4000 1"]);
    check(Table::Device, &["desktop 4 123 1", "bot 1 4000 1"]);
    check(Table::Bot, &["false 4 123 1", "true 1 4000 1"]);
    assert!(rows(&report, Table::Path).contains(&"(unknown) 2 4020 2".to_owned()));
    assert_eq!(rows(&report, Table::Os).len(), 2);
    assert_eq!(report.totals().visitors, Some(2));
}

#[test]
fn weeks_and_months_are_there_where_they_are_asked_for() {
    let policy = "name = \"few\"\nversion = 1\n[record]\n[counts]\ntables = [\"week\", \"month\"]";
    let mut report = counted(&plan_of(policy), Limits::RUN, Format::vhost_combined(), &sample());
    let report = report.report();
    assert_eq!(rows(&report, Table::Week), ["2026-W47 5 4123"]);
    assert_eq!(rows(&report, Table::Month), ["2026-11 5 4123"]);
    assert_eq!(report.totals().visitors, None);
}

#[test]
fn days_are_those_of_the_zone() {
    let plan = plan("");
    let setup = Setup { zone: "America/New_York".parse().expect("a zone"), window: None };
    let mut counts = Counts::with(&plan, &setup);
    records(&plan, Format::vhost_combined(), &sample(), |_, record| counts.add(record));
    let report = counts.report();
    assert_eq!(rows(&report, Table::Day), ["2026-11-22 4 4123 2", "2026-11-21 1 0 1"]);
    assert_eq!(rows(&report, Table::Hour)[0], "2026-11-22T09:00:00-05:00 3 4120 2");
    let period = report.period().expect("there are lines");
    assert_eq!(period.from, "2026-11-21T00:00:00-05:00");
    assert_eq!(period.to, "2026-11-23T00:00:00-05:00");
}

#[test]
fn pairs_are_counted_where_the_policy_declares_them() {
    let policy = "name = \"few\"\nversion = 1\n[record]\n[counts]\ntables = [\"day\", \"browser\", \"status\"]\n\
                  visitors = true\ncross = [[\"browser\", \"status\"], [\"day\", \"browser\"]]";
    let mut report = counted(&plan_of(policy), Limits::RUN, Format::vhost_combined(), &sample());
    let report = report.report();
    let rows_of = |name: &str| {
        let (_, rows) = report.tables().find(|(found, _)| *found == name).expect("a table");
        rows.iter().map(|row| format!("{} {}", row.key, row.requests)).collect::<Vec<_>>()
    };
    assert_eq!(
        rows_of("browser_status"),
        ["Chrome | 200 2", "Chrome | 304 1", "Chrome | 404 1", "Googlebot | 500 1"]
    );
    assert_eq!(rows_of("day_browser")[0], "2026-11-22 | Chrome 3");
}

#[test]
fn running_counts_are_those_of_the_report_without_pages_and_people() {
    let plan = plan("");
    let mut running = Running::new(plan.tables);
    let mut block = Block::new(&plan, &Setup { window: Some(Window::Day), ..Setup::default() });
    records(&plan, Format::vhost_combined(), &sample(), |_, record| {
        block.add(record);
        running.absorb(&mut block);
        block.clear();
    });
    let report = counted(&plan, Limits::RUN, Format::vhost_combined(), &sample()).report();
    let text = running.prometheus();
    assert_eq!(text, prometheus(&report, []));
    for part in [
        "\ntamis_requests_total 5\n",
        "\ntamis_bytes_total 4123\n",
        "\ntamis_requests_by_status_total{status=\"200\"} 2\n",
        "\ntamis_requests_by_browser_total{browser=\"Googlebot\"} 1\n",
        "\ntamis_requests_by_bot_total{bot=\"true\"} 1\n",
    ] {
        assert!(text.contains(part), "{part} in {text}");
    }
    for word in ["visitor", "robots", "example.com", "2026", "path", "site", "referrer"] {
        assert!(!text.contains(word), "{word} in {text}");
    }
}

#[test]
fn json_names_the_tables_in_order_and_leaves_empty_ones_out() {
    let plan = plan("");
    let json = counted(&plan, Limits::RUN, Format::vhost_combined(), &sample()).report().to_json();
    let start = format!(
        r#"{{"internal":true,"policy":"baseline","policy_hash":"{}","period":{{"from":"2026-11-21T00:00:00Z","to":"2026-11-23T00:00:00Z"}},"totals":{{"requests":5,"bytes":4123,"visitors":2}},"tables":{{"hour":[{{"key":"2026-11-22T14:00:00Z","requests":3,"bytes":4120,"visitors":2}},"#,
        plan.hash
    );
    assert!(json.starts_with(&start), "{json}");
    assert!(json.ends_with("}]}}\n") && json.lines().count() == 1);
    let places: Vec<_> = Table::ALL
        .iter()
        .filter(|table| plan.tables.has(**table))
        .filter(|table| !matches!(table, Table::Language | Table::Country))
        .map(|table| json.find(&format!("\"{}\":[", table.name())).expect("counted"))
        .collect();
    assert!(places.is_sorted(), "{places:?}");
    assert!(!json.contains("\"language\"") && !json.contains("\"country\""));
}

#[test]
fn a_format_without_hosts_and_agents_has_no_such_tables() {
    let lines = vec![Format::common().example().to_owned()];
    let report = counted(&plan(""), Limits::RUN, Format::common(), &lines).report();
    for table in [Table::Site, Table::Referrer, Table::Browser, Table::Os, Table::Bot] {
        assert!(rows(&report, table).is_empty(), "{}", table.name());
    }
    assert_eq!(rows(&report, Table::Method), ["GET 1 5120 1"]);
}

#[test]
fn languages_are_counted_where_the_log_has_them() {
    let format = || Format::of_notation(r#"$client [$clf] "$request" $status $bytes "$language""#);
    let lines: Vec<_> = ["de-CH,de;q=0.9", "de", "en;q=0.5, pt-BR", "tlh", "-", "*"]
        .iter()
        .map(|header| {
            format!(r#"192.0.2.7 [22/Nov/2026:14:05:37 +0000] "GET / HTTP/1.1" 200 5 "{header}""#)
        })
        .collect();
    let report = counted(&plan(""), Limits::RUN, format(), &lines).report();
    assert_eq!(rows(&report, Table::Language), ["de 2 10 1", "other 2 10 1", "pt 1 5 1"]);
    let policy = "name = \"few\"\nversion = 1\n[record]\nlanguage = \"primary\"\n\
                  [counts]\ntables = [\"method\"]";
    let report = counted(&plan_of(policy), Limits::RUN, format(), &lines).report();
    assert!(rows(&report, Table::Language).is_empty());
}

#[test]
fn what_the_plan_does_not_count_is_not_counted() {
    let policy = "name = \"few\"\nversion = 1\n[record]\n[counts]\ntables = [\"status_class\"]";
    let lines = vec![Format::combined().example().to_owned()];
    let json =
        counted(&plan_of(policy), Limits::RUN, Format::combined(), &lines).report().to_json();
    let tables =
        r#""tables":{"status_class":[{"key":"2xx","requests":1,"bytes":5120,"visitors":null}]}}"#;
    assert!(json.trim_end().ends_with(tables), "{json}");
}

#[test]
fn nothing_counted_is_a_whole_report() {
    let json = Counts::new(&plan("")).report().to_json();
    assert!(json.contains(r#""period":null,"totals":{"requests":0,"bytes":0,"visitors":0},"#));
    assert!(json.ends_with("\"tables\":{}}\n"));
}

#[test]
fn a_full_table_folds_the_lighter_rows_into_that_of_strangers() {
    let hosts = ["a", "nobody", "b", "c", "a", "a", "c"];
    let lines: Vec<_> = hosts
        .iter()
        .zip(10..)
        .map(|(host, hour)| {
            let time = format!("22/Nov/2026:{hour}:00:00");
            line(&format!("{host}.example.com"), &time, "GET / HTTP/1.1", 200, "1")
        })
        .collect();
    let limits = Limits { keys: 2, ..Limits::RUN };
    let report = counted(&plan(""), limits, Format::vhost_combined(), &lines).report();
    // Each time there is no room, rows up to the median weight go, and who comes back begins again.
    assert_eq!(
        rows(&report, Table::Site),
        ["(other) 4 4 1", "a.example.com 2 2 1", "c.example.com 1 1 1"]
    );
    assert_eq!(report.missed("site"), Some(2));
    assert_eq!(rows(&report, Table::Day), ["2026-11-22 7 7 1"]);
    assert_eq!(rows(&report, Table::Status), ["200 7 7 1"]);
    assert_eq!(report.missed("day"), None);
}

/// Any line of a small world, in which all tables repeat themselves and overflow.
pub(super) fn any_line() -> impl Strategy<Value = String> {
    let host = prop::sample::select(vec!["a", "b", "c", "nobody"]);
    let request =
        prop::sample::select(vec!["GET /{} HTTP/1.1", "HEAD /{}/x HTTP/1.0", "GET /", ""]);
    let status = prop::sample::select(vec![200u16, 304, 404, 599]);
    (host, 1..4u8, 0..24u8, request, 0..9u8, status, 0..5000u16, 0..40u8).prop_map(
        |(host, day, hour, request, page, status, bytes, client)| {
            let time = format!("{day:02}/Jan/2027:{hour:02}:05:37");
            let request = request.replace("{}", &page.to_string());
            let line =
                line(&format!("{host}.example.com"), &time, &request, status, &bytes.to_string());
            line.replace("192.0.2.7", &format!("192.0.2.{client}"))
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_cut_into_batches_gives_the_same_report(
        lines in prop::collection::vec(any_line(), 0..80),
        cuts in prop::collection::vec(0..80usize, 0..8),
        keys in 1..12usize,
        key_bytes in 40..120usize,
        people_bytes in 0..2_000usize,
    ) {
        let plan = plan("");
        let limits = Limits { keys, key_bytes, people_bytes };
        let whole = counted(&plan, limits, Format::vhost_combined(), &lines).report();
        let mut run = Counts::with_limits(&plan, &Setup::default(), limits);
        // Two blocks take turns, as those of two workers do.
        let mut blocks = [0, 1].map(|_| Block::new(&plan, &Setup::default()));
        let mut turn = 0;
        records(&plan, Format::vhost_combined(), &lines, |number, record| {
            if cuts.contains(&number) {
                run.absorb(&mut blocks[turn % 2]);
                blocks[turn % 2].clear();
                turn += 1;
            }
            blocks[turn % 2].add(record);
        });
        run.absorb(&mut blocks[turn % 2]);
        prop_assert_eq!(run.report(), whole);
    }

    #[test]
    fn a_block_without_its_first_records_is_that_of_the_others(
        lines in prop::collection::vec(any_line(), 0..40),
        dropped in 0..50usize,
    ) {
        let plan = plan("");
        for window in [None, Some(Window::Day), Some(Window::Hour)] {
            let setup = Setup { zone: Zone::default(), window };
            let of = |lines: &[String], dropped: u32| {
                let (mut counts, mut block) = (Counts::new(&plan), Block::new(&plan, &setup));
                records(&plan, Format::vhost_combined(), lines, |_, record| block.add(record));
                block.drop_first(dropped);
                counts.absorb(&mut block);
                counts.report()
            };
            let rest = lines.get(dropped..).unwrap_or_default();
            prop_assert_eq!(of(&lines, dropped as u32), of(rest, 0));
        }
    }
}
