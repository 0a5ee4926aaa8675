//! Folders of archives: what comes out is what the filter makes of each plain file, whatever was compressed, twice
//! there, or damaged; and a run that is killed and goes on leaves the same bytes as one that is not.

#[path = "../program/mod.rs"]
mod program;

#[expect(dead_code, reason = "other tests need more of it")]
#[path = "../sealing/desk.rs"]
mod desk;
mod kept;
mod kills;
mod names;
mod real;

use std::{
    collections::BTreeMap,
    fs,
    io::{Read as _, Write as _},
    os::unix::fs::{DirBuilderExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
};

use flate2::{Compression, write::GzEncoder};
use program::{Dice, Folder, run, run_in};
use serde_json::Value;

/// How many files there are.
const FILES: usize = 500;

/// Lines of the combined format, of which one in a hundred is broken.
fn log(lines: usize, dice: &mut Dice) -> Vec<u8> {
    let mut text = String::new();
    for number in 0..lines {
        // A log of nothing else would have no format.
        if number > 0 && dice.below(100) == 0 {
            text += "192.0.2.7 - alice [broken\n";
            continue;
        }
        let (host, minute, number) = (dice.below(256), dice.below(60), dice.below(1_000_000));
        let status = dice.pick(&[200, 200, 304, 404]);
        text += &format!(
            "198.51.100.{host} - - [22/Nov/2026:14:{minute:02}:37 +0000] \"GET /page/{number} HTTP/1.1\" {status} \
             {number} \"https://example.com/\" \"curl/8.5.0\"\n"
        );
    }
    text.into_bytes()
}

fn gzip(content: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(content).expect("a vector takes all");
    encoder.finish().expect("a vector takes all")
}

/// Several members one after the other.
fn gzip_members(content: &[u8]) -> Vec<u8> {
    content.chunks(content.len() / 3 + 1).flat_map(gzip).collect()
}

fn xz(content: &[u8]) -> Vec<u8> {
    let mut packed = Vec::new();
    let mut encoder = liblzma::read::XzEncoder::new(content, 1);
    encoder.read_to_end(&mut packed).expect("a vector takes all");
    packed
}

fn bzip2(content: &[u8]) -> Vec<u8> {
    let mut packed = Vec::new();
    let mut encoder = bzip2::read::BzEncoder::new(content, bzip2::Compression::fast());
    encoder.read_to_end(&mut packed).expect("a vector takes all");
    packed
}

fn lz4(content: &[u8]) -> Vec<u8> {
    let mut encoder = lz4_flex::frame::FrameEncoder::new(Vec::new());
    encoder.write_all(content).expect("a vector takes all");
    encoder.finish().expect("a vector takes all")
}

fn zstd(content: &[u8]) -> Vec<u8> {
    zstd::encode_all(content, 1).expect("a vector takes all")
}

fn tar(members: &[&[u8]]) -> Vec<u8> {
    let mut archive = tar::Builder::new(Vec::new());
    for (number, content) in members.iter().enumerate() {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        // Every other name has no place in a header.
        let name = format!("{}access{number}.log", "folder/".repeat(number % 2 * 30));
        archive.append_data(&mut header, name, *content).expect("a vector takes all");
    }
    archive.into_inner().expect("a vector takes all")
}

fn zip(members: &[&[u8]]) -> Vec<u8> {
    let mut archive = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let options =
        zip::write::SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
    for (number, content) in members.iter().enumerate() {
        archive.start_file(format!("a{number}.log"), options).expect("a vector takes all");
        archive.write_all(content).expect("a vector takes all");
    }
    archive.finish().expect("a vector takes all").into_inner()
}

type Pack = fn(&[u8]) -> Vec<u8>;

const PACKS: [(&str, Pack); 8] = [
    ("", <[u8]>::to_vec),
    (".gz", gzip),
    (".multi.gz", gzip_members),
    (".zst", zstd),
    (".xz", xz),
    (".bz2", bzip2),
    (".lz4", lz4),
    (".gz.gz", |content| gzip(&gzip(content))),
];

/// What the filter has to make of a file.
enum Truth {
    /// The same as of this.
    Plain(Vec<u8>),
    /// A part of it, or nothing.
    Damaged,
}

/// Writes files of all kinds into `logs` below `folder`; says what each is.
fn make(folder: &Path, count: usize) -> BTreeMap<String, Truth> {
    let dice = &mut Dice(7);
    let mut truths = BTreeMap::new();
    let mut write = |name: String, bytes: &[u8], truth: Truth| {
        let path = folder.join("logs").join(&name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("the folder is ours");
        fs::write(path, bytes).expect("the folder is ours");
        truths.insert(name, truth);
    };
    for number in 0..count {
        let content = log(*dice.pick(&[1, 5, 80, 400]), dice);
        let (ending, pack) = *dice.pick(&PACKS);
        let packed = pack(&content);
        let name = format!("site{}/{}log{number}", number % 5, ["", "deep/"][number % 2]);
        match dice.below(20) {
            0 => write(format!("{name}.tar"), &tar(&[&content, &packed]), {
                Truth::Plain([&content[..], &content].concat())
            }),
            1 => {
                let packed = gzip(&tar(&[&packed, &content]));
                write(name + ".tgz", &packed, Truth::Plain([&content[..], &content].concat()));
            }
            2 => write(name + ".zip", &zip(&[&packed]), Truth::Plain(content)),
            3 => write(name + ending, b"", Truth::Plain(Vec::new())),
            4 if !ending.is_empty() => {
                write(name + ending, &packed[..packed.len() * 2 / 3], Truth::Damaged);
            }
            5 if !ending.is_empty() => {
                let (mut packed, at) = (packed, content.len() % 7 + 20);
                let at = at.min(packed.len() - 8);
                packed[at..at + 8].iter_mut().for_each(|byte| *byte ^= 0x55);
                write(name + ending, &packed, Truth::Damaged);
            }
            6 => {
                write(format!("{name}.1"), &content, Truth::Plain(content.clone()));
                write(format!("{name}.1.gz"), &gzip(&content), Truth::Plain(content));
            }
            _ => write(name + ending, &packed, Truth::Plain(content)),
        }
    }
    truths
}

fn manifest(folder: &Path) -> Value {
    let path = folder.join(".tamis-manifest.json");
    let mode = fs::metadata(&path).expect("it was written").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    serde_json::from_slice(&fs::read(path).expect("readable")).expect("it is JSON")
}

/// Runs a batch of `logs` below `folder`.
fn batch(folder: &Path, args: &[&str]) -> program::Done {
    run_in(folder, &[&["batch", "logs", "--summary", "json"], args].concat(), b"")
}

fn key_dir(folder: &Folder) -> String {
    let path = folder.file("keys");
    fs::DirBuilder::new().mode(0o700).create(&path).expect("the folder is ours");
    path.display().to_string()
}

#[test]
fn a_tree_becomes_what_the_filter_makes_of_each_plain_file() {
    let folder = Folder::new();
    let truths = make(folder.path(), FILES);
    let keys = key_dir(&folder);
    let args = ["-o", "clean", "--key-dir", &keys, "--counts", "counts.json"];
    let done = batch(folder.path(), &args);
    let damaged = truths.values().filter(|truth| matches!(truth, Truth::Damaged)).count();
    assert_eq!(done.status, i32::from(damaged > 0), "{}", done.err());
    let clean = folder.file("clean");
    let manifest = manifest(&clean);
    let entries = manifest["outputs"].as_object().expect("an object");
    assert_eq!(entries.len(), truths.len());
    let (mut same, mut requests) = (0, 0);
    for (name, truth) in &truths {
        let (key, entry) = entries
            .iter()
            .find(|(_, entry)| entry["input"] == name.as_str())
            .unwrap_or_else(|| panic!("{name} is not in the manifest"));
        match truth {
            Truth::Damaged => {
                let state = entry["state"].as_str().expect("text");
                // A bit that nobody looks at may be the one that was turned.
                assert!(["partial", "failed", "whole"].contains(&state), "{name}: {state}");
                let part = clean.join(format!("{name}.partial.jsonl"));
                assert_eq!(part.exists(), state == "partial", "{name}: {state}");
                assert_eq!(clean.join(key).exists(), state == "whole", "{name}: {state}");
            }
            Truth::Plain(content) => {
                same += usize::from(entry["state"] == "same");
                let key = entry["same_as"].as_str().unwrap_or(key);
                assert!(["same", "whole"].contains(&entry["state"].as_str().expect("text")));
                let found = fs::read(clean.join(key)).expect("there is an output");
                let expect = run(&[], content).stdout;
                assert!(found == expect, "{name} differs");
            }
        }
        if matches!(entry["state"].as_str(), Some("whole" | "partial")) {
            requests += entry["clean"].as_u64().expect("a number");
        }
    }
    assert!(damaged > 10 && same > 10, "{damaged} damaged, {same} the same");
    assert_eq!(done.summary()["clean"], requests, "failed ones have nothing clean");
    let counts = fs::read(folder.file("counts.json")).expect("there are counts");
    let counts: Value = serde_json::from_slice(&counts).expect("they are JSON");
    assert_eq!(counts["totals"]["requests"], requests);
    // A second run has nothing to do but to try the damaged ones again.
    let outputs = || {
        let mut found = tree(&clean);
        // What is tried again is counted under another key.
        found.retain(|path, _| !path.display().to_string().ends_with(".tamis-counts"));
        found
    };
    let before = outputs();
    let again = batch(folder.path(), &args);
    assert_eq!(again.summary()["files"], truths.len());
    assert_eq!(again.summary()["files_done"], done.summary()["files_done"]);
    assert!(again.summary()["read"].as_u64() < done.summary()["read"].as_u64());
    assert!(outputs() == before, "doing it again changed something");
}

/// All files below a folder, with their content and the time of their last change, but for the lists of counts.
fn tree(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("readable").path();
        if path.is_dir() {
            found.extend(tree(&path));
        } else {
            found.insert(path.clone(), fs::read(&path).expect("readable"));
        }
    }
    found
}

/// How many outputs there are below a folder that a run is writing to, so that any file may vanish.
fn outputs(folder: &Path) -> usize {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let count = |path: PathBuf| match path.is_dir() {
        true => outputs(&path),
        false => usize::from(path.extension().is_some_and(|ending| ending == "zst")),
    };
    entries.map(|entry| count(entry.path())).sum()
}

#[test]
fn originals_go_only_when_nothing_is_lost() {
    let folder = Folder::new();
    let logs = folder.file("logs");
    fs::create_dir(&logs).expect("the folder is ours");
    let good = |seed| {
        let text = log(300, &mut Dice(seed));
        let text = str::from_utf8(&text).expect("text");
        let lines = text.lines().filter(|line| !line.ends_with("broken"));
        lines.flat_map(|line| [line, "\n"]).collect::<String>().into_bytes()
    };
    let bad = [&good(2)[..], &b"192.0.2.7 - alice [broken\n".repeat(30)].concat();
    let packed = gzip(&good(3));
    fs::write(logs.join("access.log.1"), good(1)).expect("writable");
    fs::write(logs.join("access.log.1.gz"), gzip(&good(1))).expect("writable");
    fs::write(logs.join("refused"), bad).expect("writable");
    fs::write(logs.join("damaged.gz"), &packed[..packed.len() / 2]).expect("writable");
    let keys = key_dir(&folder);
    let args = ["-o", "clean", "--key-dir", &keys, "--originals", "delete"];
    let unasked = batch(folder.path(), &args);
    assert_eq!(unasked.status, 2, "{}", unasked.err());
    assert!(!folder.file("clean").exists());
    let args = [&args[..], &["--yes"]].concat();
    let done = batch(folder.path(), &args);
    assert_eq!(done.status, 1);
    let left = || {
        let mut names: Vec<_> = tree(&logs).into_keys().collect();
        names.iter_mut().for_each(|path| *path = path.strip_prefix(&logs).expect("below").into());
        names
    };
    assert_eq!(left(), [PathBuf::from("damaged.gz"), PathBuf::from("refused")]);
    // A later log of the same name does not replace what is left of the earlier one.
    let first = fs::read(folder.file("clean/access.log.1.jsonl")).expect("an output");
    fs::write(logs.join("access.log.1"), good(9)).expect("writable");
    batch(folder.path(), &args);
    assert_eq!(fs::read(folder.file("clean/access.log.1.jsonl")).expect("an output"), first);
    let second = fs::read(folder.file("clean/access.log.1~2.jsonl")).expect("an output");
    assert!(second == run(&[], &good(9)).stdout);
    assert_eq!(left(), [PathBuf::from("damaged.gz"), PathBuf::from("refused")]);
}

#[test]
fn one_stream_has_each_content_once_in_the_order_of_names() {
    let folder = Folder::new();
    let logs = folder.file("logs");
    fs::create_dir(&logs).expect("the folder is ours");
    let (first, second) = (log(50, &mut Dice(1)), log(50, &mut Dice(2)));
    fs::write(logs.join("a.zst"), zstd(&first)).expect("writable");
    fs::write(logs.join("b"), &first).expect("writable");
    fs::write(logs.join("c.bz2"), bzip2(&second)).expect("writable");
    let expect = run(&[], &[first, second].concat()).stdout;
    let done = batch(folder.path(), &["-o", "-"]);
    assert_eq!((done.status, done.stdout == expect), (0, true), "{}", done.err());
    let done = batch(folder.path(), &["--single", "all.jsonl"]);
    assert_eq!(done.status, 0, "{}", done.err());
    assert!(fs::read(folder.file("all.jsonl")).expect("an output") == expect);
    // A list with names that end with NUL, in which a name may have a line end.
    fs::rename(logs.join("b"), logs.join("b\nb")).expect("the folder is ours");
    fs::remove_file(logs.join("a.zst")).expect("the folder is ours");
    let list = b"logs/b\nb\0logs/c.bz2\0";
    let done = run_in(folder.path(), &["batch", "-", "-o", "-"], list);
    assert_eq!((done.status, done.stdout == expect), (0, true), "{}", done.err());
}

#[test]
fn a_bomb_stops_at_the_limit_and_the_rest_goes_on() {
    let folder = Folder::new();
    let logs = folder.file("logs");
    fs::create_dir(&logs).expect("the folder is ours");
    let line = log(1, &mut Dice(3));
    fs::write(logs.join("bomb.gz"), gzip(&line.repeat(100_000))).expect("writable");
    fs::write(logs.join("good.log"), &line).expect("writable");
    let done = batch(folder.path(), &["-o", "clean", "--max-decompressed", "1MiB"]);
    assert_eq!(done.status, 1);
    assert!(done.err().contains("larger than 1048576 bytes"), "{}", done.err());
    assert!(done.err().contains("--max-decompressed"), "{}", done.err());
    assert!(folder.file("clean/bomb.gz.partial.jsonl").exists());
    assert!(folder.file("clean/good.log.jsonl").exists());
    assert_eq!(done.summary()["files_failed"], 1);
}

#[test]
fn the_filter_reads_archives_from_pipes_too() {
    let content = log(400, &mut Dice(4));
    let expect = run(&[], &content).stdout;
    for (ending, pack) in PACKS {
        let done = run(&[], &pack(&content));
        assert!(done.stdout == expect, "{ending}: {}", done.err());
    }
    let twice = run(&[], &[&content[..], &content].concat()).stdout;
    for packed in [tar(&[&content, &gzip(&content)]), xz(&tar(&[&zstd(&content), &content]))] {
        let done = run(&[], &packed);
        assert!(done.stdout == twice, "{}", done.err());
    }
    let done = run(&[], &zip(&[&content]));
    assert_eq!(done.status, 1);
    assert!(done.err().contains("give it as a file of its own"), "{}", done.err());
}

#[test]
fn nothing_of_a_line_is_in_what_a_run_leaves() {
    let folder = Folder::new();
    let logs = folder.file("logs");
    fs::create_dir(&logs).expect("the folder is ours");
    let line = "203.0.113.77 - canary [22/Nov/2026:14:05:37 +0000] \"GET /a.html?q=canary HTTP/1.1\" 200 512 \
                \"https://canary.example.com/canary\" \"canary\"\n";
    let lines = line.repeat(2_000);
    let refused = "203.0.113.77 canary [broken\n".repeat(9);
    let mixed = format!("{lines}{refused}");
    fs::write(logs.join("whole.zst"), zstd(mixed.as_bytes())).expect("writable");
    fs::write(logs.join("junk"), "203.0.113.77 canary\n".repeat(200)).expect("writable");
    for (ending, pack) in PACKS {
        let mut packed = pack(mixed.as_bytes());
        let at = packed.len() / 2;
        packed.splice(at..at, *b"203.0.113.77 canary\n");
        fs::write(logs.join(format!("damaged{ending}")), &packed).expect("writable");
        fs::write(logs.join(format!("cut{ending}")), &pack(lines.as_bytes())[..at])
            .expect("writable");
    }
    let archive = tar(&[lines.as_bytes(), b"203.0.113.77 canary\n", &zip(&[lines.as_bytes()])]);
    fs::write(logs.join("archive.tar"), archive).expect("writable");
    let keys = key_dir(&folder);
    let args = ["-o", "clean", "--key-dir", &keys, "--counts", "counts.json", "--summary", "text"];
    let done = run_in(folder.path(), &[&["batch", "logs"], &args[..]].concat(), b"");
    assert_eq!(done.status, 1);
    let mut left = tree(&folder.file("clean"));
    left.insert("standard error".into(), done.stderr.clone());
    left.insert("standard output".into(), done.stdout.clone());
    left.insert("counts".into(), fs::read(folder.file("counts.json")).expect("written"));
    let hash = blake3::hash(mixed.as_bytes()).to_hex().to_string();
    assert!(left.len() > 10);
    for (name, bytes) in &left {
        for planted in ["203.0.113.77", "canary", &hash[..16]] {
            let mut windows = bytes.windows(planted.len());
            let is_there = windows.any(|window| window == planted.as_bytes());
            assert!(!is_there, "{planted} is in {}", name.display());
        }
    }
}
