//! What `--emit combined` writes is a combined log to GoAccess: it takes every line, counts the same
//! statuses, and knows the same browsers and systems as in the original. And what `--counts` counts of a log is what
//! GoAccess counts of it.
//!
//! Three things differ by design, and are not compared. GoAccess counts lines that tamis refuses, so that only the
//! others are given to it. A visitor is an address on a day with an agent to GoAccess, if any answer was none of 4xx, and
//! an address to tamis, where somebody with two browsers is one. And pages are counted with their queries by GoAccess,
//! and whatever the status.
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

use program::{Folder, finish, run, run_in};
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

#[test]
fn counts_of_the_sample_log_are_those_of_goaccess() {
    let log = fs::read("samples/logs/access.log").expect("the samples are part of the package");
    compare_counts(&log, "combined", "UTC");
}

#[test]
fn counts_of_real_logs_are_those_of_goaccess() {
    for (name, format, zone) in [
        ("elastic_apache_combined.log", "combined", "UTC"),
        // GoAccess's days are those of the log, which is written four hours behind UTC.
        ("nasa_http_common.log", "common", "Etc/GMT+4"),
        ("logisland_quickstart.log", "common", "Etc/GMT+4"),
    ] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/real").join(name);
        match fs::read(&path) {
            Ok(log) => compare_counts(&log, format, zone),
            Err(_) => skipped(&format!(
                "the log of a real site is not there; put it at {}",
                path.display()
            )),
        }
    }
}

/// Requests and bytes by key.
type Sums = BTreeMap<String, [u64; 2]>;

/// Compares what tamis and GoAccess count of the lines of a log that come through.
fn compare_counts(log: &[u8], format: &str, zone: &str) {
    if Command::new("goaccess").arg("--version").output().is_err() {
        skipped("goaccess is not on the PATH");
        return;
    }
    let lines = lines_that_come_through(log, &known(format)).join(&b'\n');
    let folder = Folder::new();
    let args = ["--format", format, "--timezone", zone, "--counts", "c.json", "-o", "/dev/null"];
    let done = run_in(folder.path(), &args, log);
    assert_eq!(done.status, 0, "{}", done.err());
    let ours = fs::read(folder.file("c.json")).expect("tamis wrote its counts");
    let ours: Value = serde_json::from_slice(&ours).expect("counts are JSON");
    let theirs = report(&lines, format);

    assert_eq!(theirs["general"]["valid_requests"], ours["totals"]["requests"], "requests");
    assert_eq!(theirs["general"]["bandwidth"], ours["totals"]["bytes"], "bytes");
    let panel = |name: &str, key: &dyn Fn(&str) -> String| -> Sums {
        let entries = theirs[name]["data"].as_array().into_iter().flatten();
        entries.map(|entry| (key(entry["data"].as_str().expect("a name")), sums(entry))).collect()
    };
    let dashed = |date: &str| format!("{}-{}-{}", &date[..4], &date[4..6], &date[6..]);
    assert_eq!(table(&ours, "day", &str::to_owned), panel("visitors", &dashed), "days");
    // GoAccess has hours of all days together.
    let hour = |time: &str| time[11..13].to_owned();
    assert_eq!(table(&ours, "hour", &hour), panel("visit_time", &str::to_owned), "hours");
    let class = |name: &str| name[..3].to_owned();
    assert_eq!(table(&ours, "status_class", &str::to_owned), panel("status_codes", &class));
    let classes = theirs["status_codes"]["data"].as_array().into_iter().flatten();
    let codes = classes.flat_map(|class| class["items"].as_array().into_iter().flatten());
    let codes: Sums =
        codes.map(|code| (class(code["data"].as_str().expect("a name")), sums(code))).collect();
    assert_eq!(table(&ours, "status", &str::to_owned), codes, "statuses");
}

/// Requests and bytes of an entry of GoAccess's.
fn sums(entry: &Value) -> [u64; 2] {
    ["hits", "bytes"].map(|name| entry[name]["count"].as_u64().expect("a number"))
}

/// A table of tamis's, the rows of one key summed up.
fn table(report: &Value, name: &str, key: &dyn Fn(&str) -> String) -> Sums {
    let mut found = Sums::new();
    for row in report["tables"][name].as_array().into_iter().flatten() {
        let numbers = ["requests", "bytes"].map(|name| row[name].as_u64().expect("a number"));
        let sum = found.entry(key(row["key"].as_str().expect("a key"))).or_default();
        *sum = [sum[0] + numbers[0], sum[1] + numbers[1]];
    }
    found
}

fn known(format: &str) -> Format {
    if format == "common" { Format::common() } else { Format::combined() }
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
    let lines = lines_that_come_through(log, &Format::combined());
    let mut expected = BTreeMap::new();
    for line in &lines {
        *expected.entry(status(line)).or_default() += 1;
    }

    let done = run(&["--format", "combined", "--emit", "combined"], log);
    assert_eq!(done.status, 0, "{}", done.err());
    assert_eq!(done.out().lines().count(), lines.len(), "one line for each that comes through");

    let clean = report(&done.stdout, "combined");
    let general = |name: &str| clean["general"][name].as_u64();
    assert_eq!(general("failed_requests"), Some(0), "GoAccess takes every line");
    assert_eq!(general("valid_requests"), Some(lines.len() as u64), "GoAccess takes every line");
    assert_eq!(statuses(&clean), expected, "the statuses are those of the original");

    Some((report(&lines.join(&b'\n'), "combined"), clean))
}

/// The lines of a log that become records.
fn lines_that_come_through<'a>(log: &'a [u8], format: &Format) -> Vec<&'a [u8]> {
    let policy = Policy::parse(preset("baseline").expect("a preset")).expect("it reads");
    let plan = Arc::new(Plan::compile(&policy).expect("it compiles"));
    let mut door = Anonymiser::new(plan, Arc::new(Classifier::new()), None, 65_536, 1);
    let mut block = RawBlock::with_capacity(log.len());
    block.read_from(&mut &log[..]).expect("a slice reads");
    let came =
        block.lines().map(|line| matches!(door.anonymise(format, line, |_| ()), Outcome::Clean));
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
fn report(log: &[u8], format: &str) -> Value {
    let folder = Folder::new();
    let mut command = Command::new("goaccess");
    let format = format!("--log-format={}", format.to_uppercase());
    // Else it takes no host name for a client.
    let format = [&*format, "--no-ip-validation"];
    command.args(["-", "--no-global-config", "--no-progress"]).args(format);
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
