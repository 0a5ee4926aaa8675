//! What `--emit combined` writes is a combined log to GoAccess: it takes every line, counts the same
//! statuses, and knows the same browsers and systems as in the original.
//!
//! GoAccess must be on the `PATH`, and the log of a real site lies beside the repository and is no part of it:
//! what is not there is skipped with a line that says so.

mod program;

use std::{
    collections::BTreeMap,
    fs,
    io::{self, Write as _},
    path::Path,
    process::Command,
    sync::Arc,
};

use program::{Folder, finish, run};
use serde_json::Value;
use tamis::{
    format::Format,
    policy::{Plan, Policy, preset},
    privacy::{Anonymiser, Outcome, RawBlock},
    transform::agent::Classifier,
};

/// Families with less than this share of the lines are not compared, in percent.
const SHARE_MIN: f64 = 1.0;

/// How far a family's share may be from that in the original, in points of percent.
const SHARE_OFF_MAX: f64 = 2.0;

#[test]
fn goaccess_takes_every_line_of_the_sample_log_and_counts_its_statuses() {
    let log = fs::read("samples/logs/access.log").expect("the samples are part of the package");
    let _ = compare(&log);
}

#[test]
fn goaccess_sees_the_same_browsers_and_systems_as_in_a_real_log() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../shared/data/real/elastic_apache_combined.log");
    let Ok(log) = fs::read(&path) else {
        skipped(&format!("the log of a real site is not there; put it at {}", path.display()));
        return;
    };
    let Some((original, clean)) = compare(&log) else { return };
    for panel in ["browsers", "os"] {
        let (original, clean) = (shares(&original, panel), shares(&clean, panel));
        assert!(original.len() > 3, "{panel}: {original:?}");
        for family in original.keys().chain(clean.keys()) {
            let share = |of: &BTreeMap<String, f64>| of.get(family).copied().unwrap_or_default();
            let (before, after) = (share(&original), share(&clean));
            if before.max(after) > SHARE_MIN {
                assert!(
                    (before - after).abs() <= SHARE_OFF_MAX,
                    "{panel}: {family} is {before:.2}% of the original and {after:.2}% of what came out"
                );
            }
        }
    }
}

/// Says that something was not tested, and why.
fn skipped(why: &str) {
    let _ = writeln!(io::stderr(), "SKIPPED: {why}");
}

/// Has GoAccess read what comes out for `log`, checks lines and statuses, and returns its reports of
/// the original's lines that came through and of what they became; none without GoAccess.
fn compare(log: &[u8]) -> Option<(Value, Value)> {
    if Command::new("goaccess").arg("--version").output().is_err() {
        skipped("goaccess is not on the PATH");
        return None;
    }
    let lines = lines_that_come_through(log);
    let mut expected = BTreeMap::new();
    for line in &lines {
        *expected.entry(status(line)).or_default() += 1;
    }

    let done = run(&["--format", "combined", "--emit", "combined"], log);
    assert_eq!(done.status, 0, "{}", done.err());
    assert_eq!(done.out().lines().count(), lines.len(), "one line for each that comes through");

    let clean = report(&done.stdout);
    let general = |name: &str| clean["general"][name].as_u64();
    assert_eq!(general("failed_requests"), Some(0), "GoAccess takes every line");
    assert_eq!(general("valid_requests"), Some(lines.len() as u64), "GoAccess takes every line");
    assert_eq!(statuses(&clean), expected, "the statuses are those of the original");

    Some((report(&lines.join(&b'\n')), clean))
}

/// The lines of a log that become records.
fn lines_that_come_through(log: &[u8]) -> Vec<&[u8]> {
    let policy = Policy::parse(preset("baseline").expect("a preset")).expect("it reads");
    let plan = Arc::new(Plan::compile(&policy).expect("it compiles"));
    let mut door = Anonymiser::new(plan, Arc::new(Classifier::new()), None, 65_536, 1);
    let mut block = RawBlock::with_capacity(log.len());
    block.read_from(&mut &log[..]).expect("a slice reads");
    let came = block
        .lines()
        .map(|line| matches!(door.anonymise(&Format::combined(), line, |_| ()), Outcome::Clean));
    let lines = log.strip_suffix(b"\n").unwrap_or(log).split(|byte| *byte == b'\n');
    lines.zip(came).filter_map(|(line, came)| came.then_some(line)).collect()
}

/// The status of a line: the word after the first quoted string, whose own quotes have a backslash.
fn status(line: &[u8]) -> String {
    let mut bytes = line.iter().copied().skip_while(|byte| *byte != b'"').skip(1);
    while let Some(byte) = bytes.next() {
        match byte {
            b'\\' => drop(bytes.next()),
            b'"' => break,
            _ => {}
        }
    }
    bytes.skip(1).take_while(|byte| *byte != b' ').map(char::from).collect()
}

/// GoAccess's report of a log.
fn report(log: &[u8]) -> Value {
    let folder = Folder::new();
    let mut command = Command::new("goaccess");
    command.args(["-", "--log-format=COMBINED", "--no-global-config", "--no-progress"]);
    command.args(["-o", "report.json"]).current_dir(folder.path()).env("HOME", folder.path());
    let done = finish(&mut command, log);
    assert_eq!(done.status, 0, "goaccess: {}", done.err());
    let report = fs::read(folder.file("report.json")).expect("goaccess wrote its report");
    serde_json::from_slice(&report).expect("the report is JSON")
}

/// The entries of a list in a report: what each is called, and how many lines it has.
fn hits(list: &Value) -> impl Iterator<Item = (&str, u64)> {
    list.as_array().into_iter().flatten().map(|entry| {
        let name = entry["data"].as_str().expect("an entry has a name");
        (name, entry["hits"]["count"].as_u64().expect("an entry has a number of lines"))
    })
}

/// How many lines have which status, from `404 - Not Found: ...` in a report.
fn statuses(report: &Value) -> BTreeMap<String, u64> {
    let classes = report["status_codes"]["data"].as_array().into_iter().flatten();
    let codes = classes.flat_map(|class| hits(&class["items"]));
    codes.map(|(name, count)| (name.chars().take(3).collect(), count)).collect()
}

/// What part of the lines each family of a panel has, in percent.
fn shares(report: &Value, panel: &str) -> BTreeMap<String, f64> {
    let families: BTreeMap<_, _> = hits(&report[panel]["data"]).collect();
    let total: u64 = families.values().sum();
    let share = |count: u64| 100.0 * count as f64 / total as f64;
    families.into_iter().map(|(name, count)| (name.to_owned(), share(count))).collect()
}
