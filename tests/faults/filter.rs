//! The filter: output, counts, store, partial counts, quarantine and keys.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;

use crate::{
    program::{Done, TAMIS, finish},
    sealed::Desk,
    stage::{self, Fault, calls, hit, layer, numbers_of, points, put_under, restore, say},
    table::{Found, Table},
};

/// Lines that can be read, and every so often one that cannot.
const LINES: u64 = 5_000;
const REFUSED_EVERY: u64 = 50;

/// What must not stand anywhere but in the log.
pub(crate) const RAW: [&str; 3] = ["203.0.113.77", "canary", "alice"];

pub(crate) const POLICY: &str = "name = \"faults\"\nversion = 1\n[record]\ntime = { grain = \"minute\" }\n\
     status = true\nbytes = { exact = \"always\" }\n[counts]\ntables = [\"day\", \"status\"]\nvisitors = true\n\
     [quarantine]\nseal = [\"refused\"]\nretention_days = 7\n";

/// A line with a number in it.
pub(crate) fn line(number: u64) -> String {
    format!(
        "203.0.113.77 - alice [22/Nov/2026:14:05:37 +0000] \"GET /canary HTTP/1.1\" 200 {number} \
         \"https://example.com/canary?mail=alice%40example.com\" \"Mozilla/5.0\"\n"
    )
}

/// One that is refused, with a number in it.
pub(crate) fn refused(number: u64) -> String {
    format!("203.0.113.77 - alice [canary {number}\n")
}

/// A log of numbered lines, and how many are refused.
pub(crate) fn log(lines: u64) -> (String, u64) {
    let (mut text, mut count) = (String::new(), 0);
    for number in 1..=lines {
        text += &line(number);
        if number % REFUSED_EVERY == 0 {
            text += &refused(number);
            count += 1;
        }
    }
    (text, count)
}

/// The numbers of records, with how often each is there.
pub(crate) fn numbers(text: &[u8]) -> BTreeMap<u64, u64> {
    let mut numbers = BTreeMap::new();
    let records = text.split_inclusive(|byte| *byte == b'\n');
    for record in records.filter(|record| record.ends_with(b"\n")) {
        let record: Value = serde_json::from_slice(record).unwrap_or_default();
        if let Some(number) = record["bytes"].as_u64() {
            *numbers.entry(number).or_default() += 1;
        }
    }
    numbers
}

/// A way to run it, and what is there afterwards.
struct Scene {
    name: &'static str,
    args: &'static [&'static str],
    /// Whether the output is extended, and its log the only thing that is read.
    appends: bool,
    /// A file of which the counts of the run can be shown, and how.
    counts: &'static [(&'static str, &'static str)],
    seals: bool,
    mints: bool,
}

const SCENES: [Scene; 4] = [
    Scene {
        name: "filter, replaced output, counts, store, quarantine",
        args: &[
            "--policy",
            "policy.toml",
            "-o",
            "clean.jsonl",
            "--counts",
            "counts.json",
            "--store",
            "counts.db",
            "--run",
            "one",
            "--key-dir",
            "keys",
            "--quarantine",
            "quarantine",
            "--threads",
            "1",
            "access.log",
        ],
        appends: false,
        counts: &[("--counts", "counts.json"), ("--store", "counts.db")],
        seals: true,
        mints: false,
    },
    Scene {
        name: "filter, extended output",
        args: &[
            "--policy",
            "policy.toml",
            "-o",
            "clean.jsonl",
            "--append",
            "--threads",
            "1",
            "access.log",
        ],
        appends: true,
        counts: &[],
        seals: false,
        mints: false,
    },
    Scene {
        name: "filter, partial counts",
        args: &[
            "--policy",
            "policy.toml",
            "-o",
            "clean.jsonl",
            "--partial",
            "counts.part",
            "--key-dir",
            "keys",
            "--threads",
            "1",
            "access.log",
        ],
        appends: false,
        counts: &[("--counts", "counts.part")],
        seals: false,
        mints: false,
    },
    Scene {
        name: "filter, tokens",
        args: &[
            "--policy",
            "policy.toml",
            "-o",
            "clean.jsonl",
            "--client",
            "token",
            "--key-dir",
            "keys",
            "--threads",
            "1",
            "access.log",
        ],
        appends: false,
        counts: &[],
        seals: false,
        mints: true,
    },
];

/// What a file is for, by its name.
pub(crate) fn class(file: &str) -> &'static str {
    let name = file.rsplit('/').next().unwrap_or_default();
    match file.split('/').next().unwrap_or_default() {
        "quarantine" if name.starts_with("MANIFEST") => "manifest of the quarantine",
        "quarantine" => "quarantine",
        "keys" | "run" => "keys",
        "state" => "state",
        first if first.starts_with("counts.db") => "store",
        first if first.starts_with("counts.part") => "partial counts",
        first if first.starts_with("counts") => "counts",
        _ if name.starts_with(".tamis-manifest") => "manifest",
        _ if name.ends_with(".tamis-counts") || name.ends_with(".counts.json") => {
            "counts of a file"
        }
        "logs" => "originals",
        "clean" | "clean.jsonl" => "output",
        "access.log" => "input",
        _ => "other files",
    }
}

/// What a message has to name when such a file fails.
fn names(file: &str) -> &'static str {
    match class(file) {
        "quarantine" | "manifest of the quarantine" => "quarantine",
        "keys" => "keys",
        "store" => "counts.db",
        "partial counts" => "counts.part",
        "counts" => "counts.json",
        "input" => "access.log",
        _ => "clean",
    }
}

/// The clients of records.
pub(crate) fn tokens(text: &[u8]) -> BTreeSet<Option<String>> {
    let records = text.split(|byte| *byte == b'\n').filter(|record| !record.is_empty());
    let client = |record| -> Option<String> {
        let record: Value = serde_json::from_slice(record).ok()?;
        record["client"].as_str().filter(|client| client.starts_with("t1.")).map(str::to_owned)
    };
    records.map(client).collect()
}

struct Stage {
    desk: Desk,
    scene: &'static Scene,
    before: PathBuf,
    refused: u64,
    /// What an undisturbed run writes.
    whole: Vec<u8>,
    reports: Vec<Value>,
}

/// What stood in an output that is extended.
const EARLIER: &str = "{\"status\":200}\n";

impl Stage {
    fn new(scene: &'static Scene, layer: &Path) -> Self {
        let desk = Desk::new();
        desk.write("policy.toml", POLICY);
        let (text, refused) = log(LINES);
        desk.write("access.log", text);
        if scene.appends {
            desk.write("clean.jsonl", EARLIER);
        }
        let before = desk.folder.path().with_extension("before");
        restore(desk.folder.path(), &before);
        let mut stage =
            Self { desk, scene, before, refused, whole: Vec::new(), reports: Vec::new() };
        fs::write(stage.clock(), "1795356400 1000 1\n").expect("ours");
        let done = stage.run(layer, Fault::NoRoom, 0);
        assert_eq!(done.status, 0, "{}", done.err());
        stage.whole = stage.read("clean.jsonl")[stage.earlier().len()..].to_vec();
        stage.reports = stage.reports().expect("an undisturbed run leaves counts");
        assert_eq!(numbers(&stage.whole).len() as u64, LINES);
        stage
    }

    /// Beside the folder, where nothing fails.
    fn clock(&self) -> PathBuf {
        self.desk.folder.path().with_extension("clock")
    }

    const fn earlier(&self) -> &'static str {
        if self.scene.appends { EARLIER } else { "" }
    }

    fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.desk.folder.file(name)).unwrap_or_default()
    }

    /// Everything as it was before any run.
    fn reset(&self) {
        restore(&self.before, self.desk.folder.path());
    }

    fn run(&self, layer: &Path, fault: Fault, at: u64) -> Done {
        let mut command = Command::new(TAMIS);
        command.args(self.scene.args).current_dir(self.desk.folder.path());
        // A program that is built for tests takes the lines for those of today, and makes tokens.
        command.env("TAMIS_TEST_CLOCK", self.clock());
        put_under(&mut command, layer, self.desk.folder.path(), fault, at);
        finish(&mut command, b"")
    }

    /// The counts, as they are shown; nothing where they cannot be.
    fn reports(&self) -> Result<Vec<Value>, String> {
        let show = |(option, file): &(&str, &str)| {
            let args = ["report", "show", "--json", option, file];
            let done = self.desk.run(&args, b"");
            if done.status != 0 {
                return Err(format!("{file} cannot be shown: {}", done.err()));
            }
            let mut report: Value = serde_json::from_slice(&done.stdout).expect("JSON");
            // Which keys they were counted with.
            report.as_object_mut().expect("an object").remove("key_id");
            Ok(report)
        };
        self.scene.counts.iter().map(show).collect()
    }

    /// One call fails, and then everything is run again.
    fn check(&self, layer: &Path, fault: Fault, at: u64, table: &Table) {
        self.reset();
        let done = self.run(layer, fault, at);
        let Some(call) = hit(self.desk.folder.path()) else { return };
        stage::after(self.desk.folder.path(), fault);
        let mut found = Found::default();
        self.judge_exit(&done, fault, &call.file, &mut found);
        self.judge_left(done.status == 0, &mut found);
        let again = self.run(layer, Fault::NoRoom, 0);
        if again.status != 0 {
            found.exit(format!("the next run ends with {}: {}", again.status, again.err()));
        }
        // A key that cannot be read in the middle costs tokens and the telling apart of visitors, and the run says so.
        let is_told = done.status == 1 && class(&call.file) == "keys";
        self.judge_whole(is_told, &mut found);
        let what = format!("call {at} ({} {})", call.what, call.file);
        table.add(class(&call.file), fault, &what, found);
    }

    fn judge_exit(&self, done: &Done, fault: Fault, file: &str, found: &mut Found) {
        let said = done.err();
        match (done.status, fault) {
            (0, _) if fault.kills() => found.exit("it was not killed"),
            (0, _) => {}
            (137, _) if fault.kills() => {}
            // What a policy says cannot be known then.
            (2, Fault::Unread) if file.ends_with(".toml") && said.contains(file) => {}
            // Where everything fails from then on, what is told is what was met first.
            (1, Fault::Full | Fault::Gone) if said.contains("cannot") => {}
            (1, _) if !said.contains(names(file)) => {
                found.exit(format!("{} is not named: {said}", names(file)));
            }
            (1, _) => {}
            (other, _) => found.exit(format!("it ends with {other}: {said}")),
        }
        if RAW.iter().any(|raw| said.contains(raw)) {
            found.plain("a message says what a line says");
        }
    }

    /// What a failed run leaves: nothing in the clear, and no half of a file that is written as a whole.
    fn judge_left(&self, is_done: bool, found: &mut Found) {
        let out = self.read("clean.jsonl");
        let rest = out.strip_prefix(self.earlier().as_bytes());
        match rest {
            None if out.is_empty() => {}
            // Of other tokens the bytes are others.
            Some(_) if self.scene.mints => {}
            Some(rest) if self.whole.starts_with(rest) => {
                let missing = (self.whole.len() - rest.len()) as u64;
                if is_done && missing > 0 {
                    found.lost(1, format!("it ended with 0 and {missing} bytes are missing"));
                }
            }
            _ => found.half("the output is no beginning of what it is to be"),
        }
        for (path, bytes) in stage::tree(self.desk.folder.path()) {
            let name = path.display().to_string();
            let text = [name.as_bytes(), &bytes].concat();
            if !name.ends_with("access.log") && RAW.iter().any(|raw| is_in(raw.as_bytes(), &text)) {
                found.plain(format!("{name} has a raw line"));
            }
        }
        for (option, file) in self.scene.counts {
            let path = self.desk.folder.file(file);
            if !path.exists() && !is_done {
                continue;
            }
            let done = self.desk.run(&["report", "show", "--json", option, file], b"");
            let is_empty = *option == "--store" && !is_done;
            if done.status != 0 && !is_empty {
                found.half(format!("{file} cannot be shown: {}", done.err()));
            }
        }
        if is_done {
            self.judge_whole(false, found);
        }
    }

    /// After a run that was not disturbed, everything is there once.
    fn judge_whole(&self, without_visitors: bool, found: &mut Found) {
        let out = self.read("clean.jsonl");
        if self.scene.appends {
            self.judge_extended(&out, found);
        } else {
            let numbers = numbers(&out);
            found.lost(LINES - numbers.len() as u64, "records");
            found.twice(numbers.values().filter(|count| **count > 1).count() as u64, "records");
            if self.scene.mints {
                let tokens = tokens(&out);
                let are_there = cfg!(not(debug_assertions)) || tokens.iter().all(Option::is_some);
                found.lost(u64::from(!are_there), "a token");
                found.twice(
                    (tokens.len() as u64).saturating_sub(1),
                    "one visitor has several tokens",
                );
            } else if out != self.whole {
                found.half("the output is not that of an undisturbed run");
            }
        }
        let is_same = |reports: &[Value]| match without_visitors {
            true => reports.iter().map(visitorless).eq(self.reports.iter().map(visitorless)),
            false => reports == self.reports,
        };
        match self.reports() {
            Ok(reports) if is_same(&reports) => {}
            Ok(reports) => {
                for (report, expect) in reports.iter().zip(&self.reports) {
                    let of = |report: &Value| report["totals"]["requests"].as_u64().unwrap_or(0);
                    found.lost(of(expect).saturating_sub(of(report)), "counted");
                    found.twice(of(report).saturating_sub(of(expect)), "counted");
                    if of(report) == of(expect) && report != expect {
                        found.half(format!("counts are others: {report} and {expect}"));
                    }
                }
            }
            Err(error) => found.half(error),
        }
        if self.scene.seals {
            self.judge_sealed(found);
        }
    }

    /// What was there, a beginning of the whole that the failed run wrote, and the whole.
    fn judge_extended(&self, out: &[u8], found: &mut Found) {
        let Some(rest) = out.strip_prefix(self.earlier().as_bytes()) else {
            return found.lost(1, "what stood in the output is gone");
        };
        let Some(first) = rest.strip_suffix(&self.whole[..]) else {
            return found.lost(1, "the second run is not whole");
        };
        let first = match first.strip_suffix(b"\n") {
            Some(first) if !self.whole.starts_with(&[first, b"\n"].concat()) => first,
            _ => first,
        };
        if !self.whole.starts_with(first) {
            found.half("what the failed run left is no beginning of the whole");
        }
    }

    fn judge_sealed(&self, found: &mut Found) {
        let mut places: BTreeMap<Vec<u8>, Vec<(Option<u64>, usize)>> = BTreeMap::new();
        for line in self.desk.opened() {
            places.entry(line.text).or_default().push((line.at, line.ordinal));
        }
        found.lost(self.refused.saturating_sub(places.len() as u64), "sealed lines");
        // In two runs, which the places of lines tell.
        let apart = places.values().filter(|places| places.iter().any(|place| *place != places[0]));
        found.twice(apart.count() as u64, "sealed lines at two places");
        let done = self.desk.run(&["quarantine", "verify", "quarantine"], b"");
        if done.status != 0 {
            found.half(format!("the quarantine: {} {}", done.out(), done.err()));
        }
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.before);
        let _ = fs::remove_file(self.clock());
        stage::forget(self.desk.folder.path());
    }
}

/// A report without what it says of visitors.
fn visitorless(report: &Value) -> Value {
    match report {
        Value::Object(members) => {
            let kept = members.iter().filter(|(name, _)| *name != "visitors");
            Value::Object(kept.map(|(name, value)| (name.clone(), visitorless(value))).collect())
        }
        Value::Array(values) => values.iter().map(visitorless).collect(),
        other => other.clone(),
    }
}

pub(crate) fn is_in(what: &[u8], text: &[u8]) -> bool {
    text.windows(what.len()).any(|found| found == what)
}

const FAULTS: [Fault; 8] = [
    Fault::NoRoom,
    Fault::Full,
    Fault::Broken,
    Fault::Gone,
    Fault::Short,
    Fault::Torn,
    Fault::Stop,
    Fault::StopNames,
];

fn check(scene: &'static Scene, few: u64) {
    let Some(layer) = layer() else { return };
    let table = Table::new(scene.name);
    let stage = Stage::new(scene, layer);
    let count = calls(stage.desk.folder.path()).len() as u64;
    say(&format!("{}: {count} calls", scene.name));
    assert!(count > 2, "the layer sees {count} calls");
    for (seed, fault) in (0..).zip(FAULTS) {
        // Where there is no room for what is to be sealed, the filter waits until there is.
        if fault == Fault::Full && scene.seals {
            continue;
        }
        for at in points(count, few, seed) {
            stage.check(layer, fault, at, &table);
        }
    }
    stage.reset();
    stage.run(layer, Fault::Unread, 0);
    let count = calls(stage.desk.folder.path()).len() as u64;
    for at in points(count, few, 7) {
        stage.check(layer, Fault::Unread, at, &table);
    }
    table.close();
}

#[test]
fn a_filter_with_everything_is_whole_after_the_next_run() {
    check(&SCENES[0], 6);
}

#[test]
fn a_filter_that_extends_its_output_is_whole_after_the_next_run() {
    check(&SCENES[1], 4);
}

#[test]
fn a_filter_with_partial_counts_is_whole_after_the_next_run() {
    check(&SCENES[2], 4);
}

#[test]
fn a_filter_with_tokens_is_whole_after_the_next_run() {
    check(&SCENES[3], 4);
}

/// What a key directory on a disk says of itself was not durable, and an empty file is none that tamis wrote.
#[test]
fn keys_on_a_disk_can_be_used_after_the_machine_stopped() {
    let Some(layer) = layer() else { return };
    let table = Table::new(SCENES[3].name);
    let stage = Stage::new(&SCENES[3], layer);
    stage.reset();
    stage.run(layer, Fault::NoRoom, 0);
    for at in numbers_of(stage.desk.folder.path(), "open", "clean.jsonl") {
        stage.check(layer, Fault::Stop, at, &table);
    }
    table.assert_clean();
}
