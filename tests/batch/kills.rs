//! Runs that are killed at any point go on to the same bytes as one that is not, tokens and counts included, and what
//! is to be sealed is sealed.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;

use crate::{
    Truth,
    desk::Desk,
    key_dir, make, outputs,
    program::{Dice, Folder, TAMIS, run_in},
    tree,
};

/// How long a run may take until it has begun.
const PATIENCE: Duration = Duration::from_secs(60);

const MANIFEST: &str = ".tamis-manifest.json";

const TOKENS: &[&str] = &[
    "batch",
    "logs",
    "-o",
    "clean",
    "--client",
    "token",
    "--compress",
    "zstd",
    "--counts",
    "counts.json",
];

fn start(folder: &Path, args: &[&str]) -> Child {
    let mut command = Command::new(TAMIS);
    command.args(args).current_dir(folder).stdin(Stdio::null());
    command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("the program starts")
}

/// Starts a run and kills it once there are so many outputs, or lets it end before.
fn kill_at(folder: &Path, args: &[&str], count: usize) {
    let mut child = start(folder, args);
    let begun = Instant::now();
    while outputs(&folder.join("clean")) < count
        && begun.elapsed() < PATIENCE
        && child.try_wait().expect("a child").is_none()
    {
        thread::sleep(Duration::from_millis(1));
    }
    let _ = child.kill();
    child.wait().expect("a child ends");
}

/// Starts a run and kills it after some time, unless it ends before, with the code that is expected.
fn kill_after(folder: &Path, args: &[&str], time: Duration, code: i32) -> bool {
    let mut child = start(folder, args);
    thread::sleep(time);
    let ended = child.try_wait().expect("a child");
    let _ = child.kill();
    child.wait().expect("a child ends");
    if let Some(status) = ended {
        assert_eq!(status.code(), Some(code), "a run that nobody killed");
    }
    ended.is_some()
}

fn copy(folder: &Folder, from: &str, to: &str) {
    let (from, to) = (folder.file(from), folder.file(to));
    let _ = fs::remove_dir_all(&to);
    let done = Command::new("cp").arg("-a").args([&from, &to]).status().expect("cp is there");
    assert!(done.success());
}

/// All files below a folder, by their names below it.
fn relative(root: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let strip = |path: PathBuf| path.strip_prefix(root).expect("below").to_owned();
    tree(root).into_iter().map(|(path, bytes)| (strip(path), bytes)).collect()
}

fn has_run_key(folder: &Folder) -> bool {
    tree(&folder.file("keys")).keys().any(|path| path.display().to_string().contains("/batch-"))
}

/// Whether a file is one that is not whole yet.
fn is_part(name: &Path) -> bool {
    name.extension().is_some_and(|it| it == "part" || it == "tamis-part")
}

/// Whether a run has ended, though it may have been killed: all is written, and its key goes or is gone. The next run
/// is a new one with another key, and reads what is damaged again.
fn has_ended(folder: &Folder) -> bool {
    let text = fs::read(folder.file("clean").join(MANIFEST)).expect("there is a manifest");
    let manifest: Value = serde_json::from_slice(&text).expect("a manifest");
    manifest.get("run").is_none() || manifest["is_complete"] == true
}

/// A manifest without what a run that was killed at its very end had yet to take out of it.
fn without_end(manifest: &[u8]) -> Value {
    let mut manifest: Value = serde_json::from_slice(manifest).expect("a manifest");
    for key in ["run", "is_complete"] {
        manifest.as_object_mut().expect("an object").remove(key);
    }
    manifest
}

/// Where two manifests differ: what stands beside the entries, and values of entries.
fn differences(one: &[u8], other: &[u8]) -> String {
    let read = |bytes| serde_json::from_slice::<Value>(bytes).ok();
    let (Some(one), Some(other)) = (read(one), read(other)) else { return String::new() };
    let mut told = String::new();
    for key in ["version", "content_key", "run", "is_complete"] {
        if one[key] != other[key] {
            told += &format!("\n{key}: {} and {}", one[key], other[key]);
        }
    }
    for (name, entry) in one["outputs"].as_object().into_iter().flatten() {
        let found = &other["outputs"][name];
        for (key, value) in entry.as_object().into_iter().flatten() {
            if *value != found[key] {
                told += &format!("\n{name}, {key}: {value} and {}", found[key]);
            }
        }
    }
    told
}

/// Kills runs so many times and compares what the last of them leave with what one leaves that nobody kills.
fn kill(kills: usize) {
    let folder = Folder::new();
    make(folder.path(), 150);
    let keys = key_dir(&folder);
    let args = [TOKENS, &["--key-dir", &keys]].concat();
    kill_at(folder.path(), &args, 10);
    assert!(has_run_key(&folder), "a killed run leaves its key");
    // From here on, one run goes to its end, and others are killed again and again.
    copy(&folder, "clean", "clean.once");
    copy(&folder, "keys", "keys.once");
    let begun = Instant::now();
    // Some inputs are damaged.
    let code = run_in(folder.path(), &args, b"").status;
    let whole_time = begun.elapsed();
    let whole = relative(&folder.file("clean"));
    let counts = fs::read(folder.file("counts.json")).expect("there are counts");
    let (dice, mut killed, mut ended) = (&mut Dice(11), 0, 0);
    while killed < kills {
        for name in ["clean", "keys"] {
            copy(&folder, &format!("{name}.once"), name);
        }
        fs::remove_file(folder.file("counts.json")).expect("it is there");
        while killed < kills && !has_ended(&folder) {
            let time = whole_time.mul_f64(dice.below(1_000) as f64 / 2_000.0);
            killed += usize::from(!kill_after(folder.path(), &args, time, code));
        }
        if !has_ended(&folder) {
            assert_eq!(run_in(folder.path(), &args, b"").status, code);
        }
        ended += 1;
        let mut found = relative(&folder.file("clean"));
        found.retain(|name, _| !is_part(name));
        assert_eq!(whole.keys().collect::<Vec<_>>(), found.keys().collect::<Vec<_>>());
        for (name, bytes) in &whole {
            let is_equal = match name.to_str() {
                Some(MANIFEST) => without_end(bytes) == without_end(&found[name]),
                _ => bytes == &found[name],
            };
            let name_told = name.display();
            assert!(
                is_equal,
                "{name_told} differs after {killed} kills{}",
                differences(bytes, &found[name])
            );
        }
        assert_eq!(fs::read(folder.file("counts.json")).ok(), Some(counts.clone()));
        if has_run_key(&folder) {
            // Killed before it was destroyed, which the next run makes up for.
            assert_eq!(run_in(folder.path(), &args, b"").status, code);
        }
        assert!(!has_run_key(&folder), "the key of the run is gone with its end");
    }
    assert!(ended > 0 && !whole.keys().any(|name| is_part(name)));
}

#[test]
fn twenty_killed_runs_go_on_to_the_same_bytes_tokens_included() {
    kill(20);
}

#[test]
#[ignore = "takes minutes: make slow"]
fn two_hundred_killed_runs_go_on_to_the_same_bytes_tokens_included() {
    kill(200);
}

#[test]
fn a_run_that_is_killed_before_its_key_is_destroyed_has_ended() {
    let folder = Folder::new();
    make(folder.path(), 60);
    let keys = key_dir(&folder);
    let args = [TOKENS, &["--key-dir", &keys]].concat();
    kill_at(folder.path(), &args, 10);
    let place = folder.file("clean").join(MANIFEST);
    let read = || -> Value {
        serde_json::from_slice(&fs::read(&place).expect("there is a manifest")).expect("it is JSON")
    };
    let run = read()["run"].clone();
    assert!(run.is_string() && has_run_key(&folder), "a killed run leaves its key");
    copy(&folder, "keys", "keys.once");
    let code = run_in(folder.path(), &args, b"").status;
    // As it is left when it is killed after that was written down, and before the key is destroyed.
    let mut manifest = read();
    (manifest["run"], manifest["is_complete"]) = (run, true.into());
    fs::write(&place, manifest.to_string()).expect("ours");
    copy(&folder, "keys.once", "keys");
    assert!(has_run_key(&folder) && has_ended(&folder));
    let before = relative(&folder.file("clean"));
    assert_eq!(run_in(folder.path(), &args, b"").status, code);
    assert!(!has_run_key(&folder), "its key is destroyed, and so is that of the next run");
    assert!(read().get("run").is_none());
    // What was damaged is read again, under another key; what is whole stays.
    let after = relative(&folder.file("clean"));
    let (damaged, whole): (Vec<_>, Vec<_>) = before
        .iter()
        .filter(|(name, _)| name.extension().is_some_and(|it| it == "zst"))
        .partition(|(name, _)| name.display().to_string().contains(".partial."));
    assert!(!damaged.is_empty() && damaged.iter().all(|(name, bytes)| after[*name] != **bytes));
    assert!(!whole.is_empty() && whole.iter().all(|(name, bytes)| after[*name] == **bytes));
}

const REFUSED: &str = "name = \"some\"\nversion = 1\n[record]\ntime = { grain = \"minute\" }\nstatus = true\n\
                       [quarantine]\nseal = [\"refused\"]\nretention_days = 7\n";

#[test]
fn what_a_file_that_is_done_had_refused_is_sealed_whenever_the_run_is_killed() {
    let desk = Desk::new();
    desk.write("policy.toml", REFUSED);
    let truths = make(desk.folder.path(), 60);
    let args =
        ["batch", "logs", "-o", "clean", "--policy", "policy.toml", "--quarantine", "quarantine"];
    let begun = Instant::now();
    let code = desk.run(&[&args[..2], &["-o", "other"], &args[4..6]].concat(), b"").status;
    let whole_time = begun.elapsed();
    let dice = &mut Dice(5);
    for _ in 0..6 {
        kill_after(
            desk.folder.path(),
            &args,
            whole_time.mul_f64(dice.below(1_000) as f64 / 1_000.0),
            code,
        );
    }
    desk.run(&args, b"");
    let plain = truths.values().filter_map(|truth| match truth {
        Truth::Plain(content) => Some(content),
        Truth::Damaged => None,
    });
    let contents: BTreeSet<_> = plain.collect();
    let broken = |text: &[u8]| {
        text.split(|byte| *byte == b'\n').filter(|it| it.ends_with(b"broken")).count()
    };
    let expect: usize = contents.into_iter().map(|content| broken(content)).sum();
    // A line may be there twice, and its place tells.
    let lines = desk.opened().into_iter().chain(desk.opened_torn());
    let places: BTreeSet<_> =
        lines.map(|line| (line.source, line.at, line.ordinal, line.text)).collect();
    assert!(expect > 20 && places.len() >= expect, "{} of {expect}", places.len());
    assert_eq!(desk.run(&["quarantine", "verify", "quarantine"], b"").status, 0);
}
