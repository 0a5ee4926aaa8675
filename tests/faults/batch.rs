//! Runs over archives: copies, manifest, counts, store, quarantine, keys, and originals that are deleted.

use std::{
    collections::BTreeMap,
    fs,
    io::{Read as _, Write as _},
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;

use crate::{
    filter::{POLICY, RAW, class, is_in, line, numbers, refused},
    program::{Done, TAMIS, finish},
    sealed::Desk,
    stage::{self, Fault, calls, hit, layer, numbers_of, points, put_under, restore, say, tree},
    table::{Found, Table},
};

/// The logs, with the numbers of their lines; each has one line that is refused, which is less than one in a hundred.
const LOGS: [(&str, u64, u64); 4] = [
    ("a.log", 1, 300),
    ("b.log.gz", 301, 500),
    ("deep/c.log.zst", 501, 700),
    ("deep/d.log", 701, 900),
];
/// Another file with the content of the first.
const AGAIN: &str = "a.log.1.gz";
const LINES: u64 = 900;

struct Scene {
    name: &'static str,
    args: &'static [&'static str],
    deletes: bool,
}

const SCENES: [Scene; 2] = [
    Scene {
        name: "batch, zstd, counts, store, quarantine",
        args: &[
            "batch",
            "logs",
            "-o",
            "clean",
            "--compress",
            "zstd",
            "--policy",
            "policy.toml",
            "--counts",
            "counts.json",
            "--store",
            "counts.db",
            "--key-dir",
            "keys",
            "--quarantine",
            "quarantine",
            "--threads",
            "1",
        ],
        deletes: false,
    },
    Scene {
        name: "batch, gzip, counts, originals deleted",
        args: &[
            "batch",
            "logs",
            "-o",
            "clean",
            "--compress",
            "gzip",
            "--policy",
            "policy.toml",
            "--counts",
            "counts.json",
            "--key-dir",
            "keys",
            "--originals",
            "delete",
            "--yes",
            "--threads",
            "1",
        ],
        deletes: true,
    },
];

struct Stage {
    desk: Desk,
    scene: &'static Scene,
    before: PathBuf,
    counts: Value,
}

fn gzip(content: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(content).expect("a vector takes all");
    encoder.finish().expect("a vector takes all")
}

fn content(from: u64, to: u64) -> String {
    (from..=to).map(line).collect::<String>() + &refused(from)
}

/// What an output has, if it is whole.
fn unpacked(bytes: &[u8]) -> Option<Vec<u8>> {
    if bytes.starts_with(&[0x1f, 0x8b]) {
        let mut text = Vec::new();
        flate2::read::GzDecoder::new(bytes).read_to_end(&mut text).ok().map(|_| text)
    } else {
        zstd::stream::decode_all(bytes).ok()
    }
}

impl Stage {
    fn new(scene: &'static Scene, layer: &Path) -> Self {
        let desk = Desk::new();
        desk.write("policy.toml", POLICY);
        fs::create_dir_all(desk.folder.file("logs/deep")).expect("ours");
        for (name, from, to) in LOGS {
            let text = content(from, to);
            let bytes = match name.rsplit('.').next() {
                Some("gz") => gzip(text.as_bytes()),
                Some("zst") => zstd::stream::encode_all(text.as_bytes(), 1).expect("memory"),
                _ => text.into_bytes(),
            };
            desk.write(&format!("logs/{name}"), bytes);
        }
        let (_, from, to) = LOGS[0];
        desk.write(&format!("logs/{AGAIN}"), gzip(content(from, to).as_bytes()));
        let before = desk.folder.path().with_extension("before");
        restore(desk.folder.path(), &before);
        let mut stage = Self { desk, scene, before, counts: Value::Null };
        let done = stage.run(layer, Fault::NoRoom, 0);
        assert_eq!(done.status, 0, "{}", done.err());
        stage.counts = stage.totals("--counts", "counts.json").expect("there are counts");
        let mut found = Found::default();
        stage.judge_whole(&mut found);
        assert!(found.notes.is_empty(), "{:?}", found.notes);
        stage
    }

    fn run(&self, layer: &Path, fault: Fault, at: u64) -> Done {
        let mut command = Command::new(TAMIS);
        command.args(self.scene.args).current_dir(self.desk.folder.path());
        put_under(&mut command, layer, self.desk.folder.path(), fault, at);
        finish(&mut command, b"")
    }

    fn totals(&self, option: &str, file: &str) -> Result<Value, String> {
        let done = self.desk.run(&["report", "show", "--json", option, file], b"");
        if done.status != 0 {
            return Err(format!("{file} cannot be shown: {}", done.err()));
        }
        let report: Value = serde_json::from_slice(&done.stdout).expect("JSON");
        Ok(report["totals"].clone())
    }

    fn outputs(&self) -> Vec<(PathBuf, Vec<u8>)> {
        let mut found = tree(&self.desk.folder.file("clean"));
        found.retain(|(path, _)| {
            let name = path.file_name().expect("a file has a name").display().to_string();
            !name.starts_with('.') && name.contains(".jsonl")
        });
        found
    }

    /// One call fails, and then everything is run again.
    fn check(&self, layer: &Path, fault: Fault, at: u64, table: &Table) {
        restore(&self.before, self.desk.folder.path());
        let done = self.run(layer, fault, at);
        let Some(call) = hit(self.desk.folder.path()) else { return };
        stage::after(self.desk.folder.path(), fault);
        let mut found = Found::default();
        self.judge_exit(&done, fault, &call.file, &mut found);
        self.judge_left(&mut found);
        // An original whose copy could not be read again stays for the next run.
        if done.status == 0 && fault != Fault::Unread {
            self.judge_whole(&mut found);
        }
        let again = self.run(layer, Fault::NoRoom, 0);
        let is_nothing_left = self.scene.deletes && tree(&self.desk.folder.file("logs")).is_empty();
        if again.status != 0 && !is_nothing_left {
            found.exit(format!("the next run ends with {}: {}", again.status, again.err()));
        }
        self.judge_left(&mut found);
        self.judge_whole(&mut found);
        let what = format!("call {at} ({} {})", call.what, call.file);
        table.add(class(&call.file), fault, &what, found);
    }

    fn judge_exit(&self, done: &Done, fault: Fault, file: &str, found: &mut Found) {
        let said = done.err();
        let name = match class(file) {
            "quarantine" | "manifest of the quarantine" => "quarantine",
            "store" => "counts.db",
            "counts" => "counts.json",
            "keys" => "keys",
            "originals" => "logs",
            _ => "clean",
        };
        match (done.status, fault) {
            (0, _) if fault.kills() => found.exit("it was not killed"),
            (0, _) => {}
            (137, _) if fault.kills() => {}
            // What a policy says cannot be known then.
            (2, Fault::Unread) if file.ends_with(".toml") && said.contains(file) => {}
            (1, Fault::Full | Fault::Gone) if said.contains("cannot") => {}
            // An output is named by its input, too.
            (1, _) if said.contains(name) || said.contains("logs/") => {}
            (1, _) => found.exit(format!("{name} is not named: {said}")),
            (other, _) => found.exit(format!("it ends with {other}: {said}")),
        }
        if RAW.iter().any(|raw| said.contains(raw)) {
            found.plain("a message says what a line says");
        }
    }

    /// At any time: an output under its name is whole, an original that is gone has a whole output, and nothing is in
    /// the clear.
    fn judge_left(&self, found: &mut Found) {
        let mut whole = BTreeMap::new();
        for (path, bytes) in self.outputs() {
            let name = path.display().to_string();
            let Some(text) = unpacked(&bytes) else {
                if !name.contains(".partial.") {
                    found.half(format!("{name} is not whole"));
                }
                continue;
            };
            let numbers = numbers(&text);
            let of = LOGS.iter().find(|(_, from, _)| numbers.contains_key(from));
            let is_all = of.is_some_and(|(_, from, to)| {
                numbers.len() as u64 == to - from + 1 && numbers.values().all(|count| *count == 1)
            });
            if !is_all && !name.contains(".partial.") {
                found.half(format!("{name} has not all records"));
            } else if let Some((log, ..)) = of {
                *whole.entry(*log).or_insert(0) += 1;
            }
        }
        found.twice(whole.values().filter(|count| **count > 1).count() as u64, "outputs");
        for (log, ..) in LOGS {
            if !self.desk.folder.file(&format!("logs/{log}")).exists() && !whole.contains_key(log) {
                found.lost(1, format!("{log} was deleted and has no output"));
            }
        }
        for (path, bytes) in tree(self.desk.folder.path()) {
            if path.starts_with(self.desk.folder.file("logs")) {
                continue;
            }
            let name = path.display().to_string();
            let text = [name.as_bytes(), &bytes].concat();
            if RAW.iter().any(|raw| is_in(raw.as_bytes(), &text)) {
                found.plain(format!("{name} has a raw line"));
            }
        }
        if self.desk.folder.file("counts.json").exists()
            && let Err(error) = self.totals("--counts", "counts.json")
        {
            found.half(error);
        }
    }

    /// After a run that was not disturbed, everything is there once.
    fn judge_whole(&self, found: &mut Found) {
        let mut all: BTreeMap<u64, u64> = BTreeMap::new();
        for (_, bytes) in self.outputs() {
            for (number, count) in numbers(&unpacked(&bytes).unwrap_or_default()) {
                *all.entry(number).or_default() += count;
            }
        }
        found.lost(LINES.saturating_sub(all.len() as u64), "records");
        found.twice(all.values().filter(|count| **count > 1).count() as u64, "records");
        let mut places = vec![("--counts", "counts.json")];
        if !self.scene.deletes {
            places.push(("--store", "counts.db"));
            self.judge_sealed(found);
        } else {
            let left = tree(&self.desk.folder.file("logs")).len();
            if left > 0 {
                found.exit(format!("{left} originals stay"));
            }
        }
        for (option, file) in places {
            match self.totals(option, file) {
                Ok(totals) => {
                    let of = |key: &str| totals[key].as_u64().unwrap_or(0);
                    found.lost(LINES.saturating_sub(of("requests")), format!("counted in {file}"));
                    found.twice(of("requests").saturating_sub(LINES), format!("counted in {file}"));
                    if !self.counts.is_null()
                        && of("requests") == LINES
                        && totals["bytes"] != self.counts["bytes"]
                    {
                        found.half(format!("other counts in {file}: {totals}"));
                    }
                }
                Err(error) => found.half(error),
            }
        }
        let parts = tree(&self.desk.folder.file("clean")).into_iter();
        let parts = parts.filter(|(path, _)| path.display().to_string().contains("part"));
        for (path, _) in parts {
            found.half(format!("{} stays", path.display()));
        }
    }

    fn judge_sealed(&self, found: &mut Found) {
        let mut places: BTreeMap<Vec<u8>, Vec<(Option<u64>, usize)>> = BTreeMap::new();
        for line in self.desk.opened() {
            places.entry(line.text).or_default().push((line.at, line.ordinal));
        }
        found.lost((LOGS.len() - places.len()) as u64, "sealed lines");
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
        stage::forget(self.desk.folder.path());
    }
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
    restore(&stage.before, stage.desk.folder.path());
    assert_eq!(stage.run(layer, Fault::NoRoom, 0).status, 0);
    let count = calls(stage.desk.folder.path()).len() as u64;
    say(&format!("{}: {count} calls", scene.name));
    assert!(count > 30, "the layer sees {count} calls");
    for (seed, fault) in (0..).zip(FAULTS) {
        // Where there is no room for what is to be sealed, a run waits until there is.
        if fault == Fault::Full && !scene.deletes {
            continue;
        }
        for at in points(count, few, seed) {
            stage.check(layer, fault, at, &table);
        }
    }
    restore(&stage.before, stage.desk.folder.path());
    stage.run(layer, Fault::Unread, 0);
    let count = calls(stage.desk.folder.path()).len() as u64;
    for at in points(count, few, 7) {
        stage.check(layer, Fault::Unread, at, &table);
    }
    table.close();
}

#[test]
fn archives_are_whole_after_the_next_run() {
    check(&SCENES[0], 6);
}

#[test]
fn originals_that_are_deleted_have_whole_copies() {
    check(&SCENES[1], 6);
}

/// Runs a scene once as it is, and then with each of the calls on a file that fail in this way.
fn check_calls(scene: &'static Scene, what: &str, file: &str, fault: Fault) {
    let Some(layer) = layer() else { return };
    let table = Table::new(scene.name);
    let stage = Stage::new(scene, layer);
    restore(&stage.before, stage.desk.folder.path());
    // Which calls there are depends on whether reads are counted.
    assert_eq!(stage.run(layer, fault, 0).status, 0);
    for at in numbers_of(stage.desk.folder.path(), what, file) {
        stage.check(layer, fault, at, &table);
    }
    table.assert_clean();
}

/// Workers go from file to file, and took what they had counted along.
#[test]
fn what_was_counted_of_a_file_that_failed_is_not_counted_with_the_next() {
    check_calls(&SCENES[0], "open", "clean/.a.log.jsonl.zst.tamis-part", Fault::Broken);
}

/// It was then not known for the same as another one.
#[test]
fn a_log_that_could_not_be_read_at_first_is_done_once() {
    check_calls(&SCENES[0], "read", "logs/a.log", Fault::Unread);
}

/// A run that went on had only the counts of the others.
#[test]
fn counts_of_all_have_those_of_originals_that_are_gone() {
    check_calls(&SCENES[1], "sync", "logs/deep", Fault::Torn);
}

/// It was told in passing, with exit code 0.
#[test]
fn an_original_that_cannot_be_deleted_goes_with_the_next_run() {
    check_calls(&SCENES[1], "remove", "logs/a.log", Fault::Broken);
}
