//! What our rules find, and what they find where there is nothing: measured on attacks and on logs that lie beside
//! the repository and are no part of it. Without them this says so and tests nothing.
//!
//! The rules were written by people who had seen these attacks. The lines whose attack was in a body, which were moved
//! into a query to be lines at all, were looked at less, and say more of what to expect of others.

#[path = "../quarantine/opening.rs"]
mod opening;
#[path = "../program/mod.rs"]
mod program;
#[path = "../truth/mod.rs"]
mod truth;

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    fs,
    io::{self, Write as _},
    path::Path,
    sync::Arc,
};

use opening::{Opened, Sealed, lenient};
use serde_json::Value;
use tamis::{
    format::Format,
    privacy::{Detector, RawBlock, Rules, Verdict},
};
use truth::data;

/// A line of `attacks.jsonl`.
struct Case {
    class: String,
    label: String,
    line: String,
    sequence: Option<String>,
    /// The attack was in a body, of which no access log tells.
    was_body: bool,
}

fn cases(data: &Path) -> Vec<Case> {
    let text = fs::read_to_string(data.join("attacks.jsonl")).expect("the attacks are there");
    let of = |line: &str| {
        let value: Value = serde_json::from_str(line).expect("JSON");
        let text = |key: &str| value[key].as_str().unwrap_or_default().to_owned();
        Case {
            class: text("class"),
            label: text("label"),
            line: text("line"),
            sequence: value["seq"].as_str().map(str::to_owned),
            was_body: value["body_moved_to_query"].as_bool().unwrap_or_default(),
        }
    };
    text.lines().map(of).collect()
}

/// Lines are tried one by one in the two usual formats.
struct Judge {
    detector: Detector,
    formats: [Format; 2],
}

impl Judge {
    fn new(rules: &Arc<Rules>) -> Self {
        let detector = Detector::new(Arc::clone(rules));
        Self { detector, formats: [Format::combined(), Format::common()] }
    }

    fn plain(rules: &Arc<Rules>) -> Self {
        let Self { detector, formats } = Self::new(rules);
        Self { detector: detector.plain(), formats }
    }

    fn of(&mut self, line: &str) -> Option<Verdict> {
        let mut block = RawBlock::with_capacity(line.len() + 1);
        block.read_from(&mut line.as_bytes()).expect("it is in memory");
        let line = block.lines().next()?;
        self.formats.iter().find_map(|format| self.detector.look_at(format, line))
    }
}

/// Prints a table, which is what this is run for.
fn tell(text: &str) {
    let _ = io::stderr().write_all(text.as_bytes());
}

fn share(part: usize, whole: usize) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

#[test]
fn attacks_are_found_and_what_looks_like_them_is_mostly_not() {
    let Some(data) = data() else { return };
    let rules = Arc::new(Rules::shipped());
    let mut judge = Judge::new(&rules);
    let mut table: BTreeMap<(bool, &str, &str), (usize, usize)> = BTreeMap::new();
    let mut sums: BTreeMap<(bool, &str), (usize, usize)> = BTreeMap::new();
    let cases = cases(&data);
    let single = |case: &&Case| case.sequence.is_none() && !case.label.starts_with("sequence");
    for case in cases.iter().filter(single) {
        let is_hit = judge.of(&case.line).unwrap_or_default().is_hit();
        let (body, label) = (case.was_body, case.label.as_str());
        for cell in [
            table.entry((body, label, &case.class)).or_default(),
            sums.entry((body, label)).or_default(),
        ] {
            cell.0 += usize::from(is_hit);
            cell.1 += 1;
        }
    }
    let mut text = format!("{} rules\n", rules.len());
    for ((body, label, class), (hits, all)) in &table {
        let where_from = if *body { "body" } else { "line" };
        let _ = writeln!(
            text,
            "{label:<17} {where_from} {class:<38} {hits:>5} of {all:>5} {:>6.1}%",
            100.0 * share(*hits, *all)
        );
    }
    for ((body, label), (hits, all)) in &sums {
        let where_from = if *body { "body" } else { "line" };
        let _ =
            writeln!(text, "all {label} {where_from}: {:.1}% of {all}", 100.0 * share(*hits, *all));
    }
    tell(&text);
    let of = |body, label| sums[&(body, label)];
    let (hits, all) = of(false, "attack");
    assert!(share(hits, all) >= 0.80, "{hits} of {all} attacks");
    let (hits, all) = of(false, "benign-lookalike");
    assert!(share(hits, all) <= 0.20, "{hits} of {all} that only look like attacks");
}

#[test]
fn verdicts_are_those_of_trying_every_rule() {
    let Some(data) = data() else { return };
    let rules = Arc::new(Rules::shipped());
    let (mut judge, mut plain) = (Judge::new(&rules), Judge::plain(&rules));
    let log = fs::read(data.join("real/elastic_apache_combined.log")).expect("the log is there");
    let log = lenient(&log);
    let cases = cases(&data);
    // Every line twice: the second time it is remembered.
    let lines = cases.iter().map(|case| case.line.as_str()).chain(log.lines().take(2_000));
    for (number, line) in lines.enumerate() {
        let expect = plain.of(line);
        assert_eq!(judge.of(line), expect, "line {number}");
        assert_eq!(judge.of(line), expect, "line {number}, remembered");
    }
}

/// What is sealed of a log, by the program.
fn sealed_of(log: &[u8]) -> (Vec<Sealed>, Value) {
    try_sealed_of(log).expect("a log of a format that is known")
}

/// The same, or nothing where nobody can say which format the log has.
fn try_sealed_of(log: &[u8]) -> Option<(Vec<Sealed>, Value)> {
    let desk = Opened::new(&["rules", "behaviour"], "");
    let done = desk.filter(log, &["-o", "clean.jsonl"]);
    assert!(
        done.status == 0 || done.err().contains("cannot tell the log format"),
        "{}",
        done.err()
    );
    (done.status == 0).then(|| (desk.sealed(), done.summary()))
}

fn has(line: &Sealed, kind: &str) -> bool {
    line.why.iter().any(|why| why.starts_with(kind))
}

#[test]
fn ordinary_logs_have_few_hits_and_few_clients_are_marked() {
    let Some(data) = data() else { return };
    let (mut clients, mut marked) = (BTreeSet::new(), BTreeSet::new());
    for name in [
        "elastic_apache_combined.log",
        "nasa_http_common.log",
        "logisland_quickstart.log",
        "lnav_shop_access.log",
    ] {
        let log = fs::read(data.join("real").join(name)).expect("the log is there");
        let (sealed, summary) = sealed_of(&log);
        let lines = log.iter().filter(|byte| **byte == b'\n').count();
        let by_rules = sealed.iter().filter(|line| has(line, "rule:")).count();
        let client = |text: &str| text.split(' ').next().unwrap_or_default().to_owned();
        clients.extend(lenient(&log).lines().map(client));
        let of = sealed.iter().filter(|line| has(line, "behaviour:"));
        let here: BTreeSet<_> = of.map(|line| (client(&line.text), line.why.clone())).collect();
        let whys: BTreeSet<_> = here.iter().flat_map(|(_, why)| why.clone()).collect();
        marked.extend(here.into_iter().map(|(client, _)| client));
        tell(&format!(
            "{name}: {by_rules} of {lines} lines hit ({:.3}%), rules {}, marked so far {} of {} clients {whys:?}\n",
            100.0 * share(by_rules, lines),
            summary["rules"],
            marked.len(),
            clients.len(),
        ));
        assert!(lines < 5_000 || share(by_rules, lines) <= 0.001, "{name}: {by_rules} of {lines}");
    }
    assert!(share(marked.len(), clients.len()) <= 1.0 / 2_000.0, "{} marked", marked.len());
}

#[test]
fn brute_force_is_marked_soon_and_three_tries_are_left_alone() {
    let Some(data) = data() else { return };
    let mut sequences: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for case in cases(&data) {
        if let Some(name) = case.sequence {
            sequences.entry(name).or_default().push(case.line);
        }
    }
    for (name, lines) in sequences {
        let (sealed, _) = sealed_of((lines.join("\n") + "\n").as_bytes());
        let first = sealed.first().map(|first| {
            1 + lines.iter().position(|line| *line == first.text).expect("a line of the sequence")
        });
        tell(&format!("{name}: first of {} lines to be sealed is {first:?}\n", lines.len()));
        let within = match () {
            () if name.starts_with("bf") => first.is_some_and(|first| first <= 8),
            () if name.starts_with("spray") => first.is_some_and(|first| first <= 20),
            () => first.is_none(),
        };
        assert!(within, "{name}: {first:?}");
    }
}

#[test]
fn scans_are_sealed_from_the_mark_on() {
    let Some(data) = data() else { return };
    let mut sequences: BTreeMap<(String, String), String> = BTreeMap::new();
    for case in cases(&data) {
        if case.label.starts_with("sequence: alerts") {
            *sequences.entry((case.class, case.label)).or_default() += &(case.line + "\n");
        }
    }
    let (mut expected, mut fired, mut after, mut kept) = (0, 0, 0, 0);
    for ((class, label), log) in &sequences {
        let alerts = !label.ends_with(" none");
        // Some are logs of something else than a web server.
        let Some((sealed, _)) = try_sealed_of(log.as_bytes()) else { continue };
        expected += usize::from(alerts);
        fired += usize::from(alerts && !sealed.is_empty());
        tell(&format!(
            "{class}: {} of {} lines sealed, alerts {alerts}\n",
            sealed.len(),
            log.lines().count()
        ));
        let mut marks: BTreeMap<&str, usize> = BTreeMap::new();
        for (number, line) in log.lines().enumerate() {
            let client = line.split(' ').next().unwrap_or_default();
            let of = |kind| sealed.iter().any(|it| it.text == line && has(it, kind));
            if !marks.contains_key(client) && of("behaviour:") {
                marks.insert(client, number);
            }
            if marks.contains_key(client) {
                after += 1;
                kept += usize::from(sealed.iter().any(|it| it.text == line));
            }
        }
    }
    tell(&format!("{fired} of {expected} scenarios; {kept} of {after} lines of marked clients\n"));
    assert!(share(kept, after) >= 0.95 && after > 100, "{kept} of {after}");
    assert!(share(fired, expected) >= 0.75, "{fired} of {expected} scenarios");
}
