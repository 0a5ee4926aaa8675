//! What a run over archives keeps beside clean copies: sealed lines, counts in a store, counts to be joined.

use std::{collections::BTreeSet, fs, path::Path};

use serde_json::Value;

use crate::{
    desk::{ALL, Desk},
    gzip, key_dir, log,
    program::{Dice, Folder, run_in},
    tree, zstd,
};

/// A policy that seals what is refused.
const REFUSED: &str = "name = \"some\"\nversion = 1\n[record]\ntime = { grain = \"minute\" }\nstatus = true\n\
                       [quarantine]\nseal = [\"refused\"]\nretention_days = 7\n";

/// Lines, of which none is refused.
fn good(lines: usize, seed: u64) -> Vec<u8> {
    let text = log(lines, &mut Dice(seed));
    let lines = text.split_inclusive(|byte| *byte == b'\n');
    lines.filter(|line| !line.ends_with(b"broken\n")).flatten().copied().collect()
}

fn write(folder: &Path, name: &str, bytes: &[u8]) {
    let path = folder.join("logs").join(name);
    fs::create_dir_all(path.parent().expect("a folder")).expect("ours");
    fs::write(path, bytes).expect("ours");
}

fn json(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).expect("it is there")).expect("it is JSON")
}

#[test]
fn refused_lines_of_all_files_are_sealed_once_with_their_places() {
    let desk = Desk::new();
    desk.write("policy.toml", REFUSED);
    let (one, two) = (log(3_000, &mut Dice(1)), log(3_000, &mut Dice(2)));
    write(desk.folder.path(), "www/access.log", &one);
    write(desk.folder.path(), "shop/access.log", &gzip(&two));
    write(desk.folder.path(), "shop/access.log.2", &two);
    let args =
        ["batch", "logs", "-o", "clean", "--policy", "policy.toml", "--quarantine", "quarantine"];
    let args = [&args[..], &["--summary", "json"]].concat();
    let done = desk.run(&args, b"");
    assert_eq!(done.status, 0, "{}", done.err());
    let refused = |text: &[u8]| {
        text.split_inclusive(|byte| *byte == b'\n').filter(|it| it.ends_with(b"broken\n")).count()
    };
    let lines = desk.opened();
    assert_eq!(lines.len(), refused(&one) + refused(&two));
    assert!(lines.len() > 30 && done.summary()["sealed"] == lines.len());
    let sources: BTreeSet<_> = lines.iter().map(|line| line.source.as_str()).collect();
    assert_eq!(sources, BTreeSet::from(["shop/access.log", "www/access.log"]));
    let of = |source: &str| if source.starts_with("www") { &one } else { &two };
    for line in &lines {
        let at = line.at.expect("its place is known") as usize;
        assert!(line.ordinal > 0 || of(&line.source)[at..].starts_with(&line.text));
    }
    // Nothing is left to do, and nothing is sealed again.
    assert_eq!(desk.run(&args, b"").summary()["sealed"], 0);
    assert_eq!(desk.opened().len(), lines.len());
}

#[test]
fn originals_are_sealed_when_every_line_of_them_is_in_the_quarantine() {
    let desk = Desk::new();
    desk.write("policy.toml", ALL);
    let folder = desk.folder.path();
    let whole = good(500, 3);
    let mut long = good(300, 4);
    long.extend_from_slice(&[b'a'; 70_000]);
    long.push(b'\n');
    write(folder, "whole.gz", &gzip(&whole));
    write(folder, "whole.1", &whole);
    write(folder, "long", &long);
    write(
        folder,
        "refused",
        &[&good(100, 5)[..], &b"192.0.2.7 - alice [broken\n".repeat(9)].concat(),
    );
    let args = ["batch", "logs", "-o", "clean", "--originals", "seal", "--yes", "--quarantine"];
    let said = |more: &[&str]| desk.run(&[&args[..], more].concat(), b"");
    let unfit = said(&["quarantine"]);
    assert_eq!(unfit.status, 2, "{}", unfit.err());
    assert!(unfit.err().contains("does not seal everything"), "{}", unfit.err());
    assert!(!folder.join("clean").exists());
    let done = said(&["quarantine", "--policy", "policy.toml"]);
    assert_eq!(done.status, 0, "{}", done.err());
    assert!(done.err().contains("2 originals were deleted, 2 stay"), "{}", done.err());
    let left: Vec<_> = tree(&folder.join("logs")).into_keys().collect();
    assert_eq!(left, [folder.join("logs/long"), folder.join("logs/refused")]);
    let lines = desk.opened();
    let sealed = lines.iter().filter(|line| line.source == "whole.1");
    assert!(sealed.flat_map(|line| [&line.text[..], b"\n"].concat()).collect::<Vec<_>>() == whole);
    let verified = desk.run(&["quarantine", "verify", "quarantine"], b"");
    assert_eq!(verified.status, 0, "{}", verified.err());
}

#[test]
fn originals_stay_when_the_quarantine_is_not_as_it_was_written() {
    let desk = Desk::new();
    desk.write("policy.toml", ALL);
    let folder = desk.folder.path();
    write(folder, "one", &good(50, 6));
    let args =
        ["batch", "logs", "-o", "clean", "--policy", "policy.toml", "--quarantine", "quarantine"];
    assert_eq!(desk.run(&args, b"").status, 0);
    let id = desk.told("segment")[0]["segment"].as_str().expect("a name").to_owned();
    let path = desk.root().join(format!("segments/{id}.age"));
    let mut bytes = fs::read(&path).expect("it is there");
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    fs::remove_file(&path).expect("ours");
    fs::write(&path, bytes).expect("ours");
    let done = desk.run(&[&args[..], &["--originals", "seal", "--yes"]].concat(), b"");
    assert!(done.err().contains("not as it was written"), "{}", done.err());
    assert!(folder.join("logs/one").exists());
}

#[test]
fn a_policy_that_seals_nothing_and_a_quarantine_that_is_not_named_are_told() {
    let desk = Desk::new();
    desk.write("policy.toml", REFUSED.split("[quarantine]").next().expect("a part"));
    write(desk.folder.path(), "one", &good(50, 6));
    let args =
        ["batch", "logs", "-o", "clean", "--quarantine", "quarantine", "--policy", "policy.toml"];
    let done = desk.run(&args, b"");
    assert_eq!(done.status, 2, "{}", done.err());
    assert!(done.err().contains("has no quarantine"), "{}", done.err());
    let done = desk.run(&["batch", "logs", "-o", "clean", "--originals", "seal", "--yes"], b"");
    assert_eq!(done.status, 2);
    assert!(done.err().contains("--quarantine"), "{}", done.err());
}

#[test]
fn counts_of_all_files_are_those_of_the_filter_over_all_of_them() {
    let folder = Folder::new();
    let contents: Vec<_> = (0..7).map(|seed| log(400, &mut Dice(seed))).collect();
    for (number, content) in contents.iter().enumerate() {
        write(folder.path(), &format!("{number}.zst"), &zstd(content));
    }
    write(folder.path(), "again", &contents[3]);
    let keys = key_dir(&folder);
    let args = ["batch", "logs", "-o", "clean", "--key-dir", &keys, "--counts", "batch.json"];
    assert_eq!(run_in(folder.path(), &args, b"").status, 0);
    run_in(folder.path(), &["--counts", "filter.json"], &contents.concat());
    let (mut batch, filter) = (json(&folder.file("batch.json")), json(&folder.file("filter.json")));
    assert!(batch["totals"]["visitors"].as_u64().expect("visitors are counted") > 200);
    assert_eq!(batch, filter);
    // What comes later is counted under another key, for the first one is gone.
    let later = log(50, &mut Dice(99));
    write(folder.path(), "later", &later);
    assert_eq!(run_in(folder.path(), &args, b"").status, 0);
    batch = json(&folder.file("batch.json"));
    let of = |counts: &Value, name: &str| counts["totals"][name].as_u64().expect("a number");
    run_in(folder.path(), &["--counts", "later.json"], &later);
    let later = json(&folder.file("later.json"));
    for name in ["requests", "bytes", "visitors"] {
        assert_eq!(of(&batch, name), of(&filter, name) + of(&later, name), "{name}");
    }
}

#[test]
fn a_store_has_each_content_once_whatever_it_is_called() {
    let folder = Folder::new();
    let contents: Vec<_> = (0..5).map(|seed| log(900, &mut Dice(seed))).collect();
    for (number, content) in contents.iter().enumerate() {
        write(folder.path(), &format!("access.log.{number}.gz"), &gzip(content));
    }
    let keys = key_dir(&folder);
    let args = ["batch", "logs", "-o", "clean", "--key-dir", &keys, "--store", "store.db"];
    let shown = |store: &str| {
        let done = run_in(folder.path(), &["report", "show", "--json", "--store", store], b"");
        assert_eq!(done.status, 0, "{}", done.err());
        serde_json::from_slice::<Value>(&done.stdout).expect("it is JSON")
    };
    let done = run_in(folder.path(), &args, b"");
    assert_eq!(done.status, 0, "{}", done.err());
    run_in(folder.path(), &["--store", "filter.db"], &contents.concat());
    let (batch, filter) = (shown("store.db"), shown("filter.db"));
    assert_eq!(batch["tables"], filter["tables"]);
    assert_eq!(batch["totals"], filter["totals"]);
    // A rotation gives all of them other names, and a run into another folder knows them again.
    for number in (0..5).rev() {
        let path = |number| folder.file(&format!("logs/access.log.{number}.gz"));
        fs::rename(path(number), path(number + 1)).expect("ours");
    }
    assert_eq!(run_in(folder.path(), &args, b"").status, 0);
    let other = [&args[..2], &["-o", "other"], &args[4..]].concat();
    assert_eq!(run_in(folder.path(), &other, b"").status, 0);
    assert_eq!(shown("store.db"), batch);
    // What has grown would be there twice.
    let grown = [&contents[0][..], &log(10, &mut Dice(9))].concat();
    write(folder.path(), "access.log.1.gz", &gzip(&grown));
    let done = run_in(folder.path(), &args, b"");
    assert_eq!(done.status, 1);
    assert!(done.err().contains("has grown since"), "{}", done.err());
    assert_eq!(shown("store.db"), batch);
    // Without a place for keys, contents cannot be known again.
    let done =
        program_without_keys(&folder, &["batch", "logs", "-o", "third", "--store", "store.db"]);
    assert_eq!(done.status, 2, "{}", done.err());
}

fn program_without_keys(folder: &Folder, args: &[&str]) -> crate::program::Done {
    let mut command = std::process::Command::new(crate::program::TAMIS);
    command.args(args).current_dir(folder.path());
    command.env_remove("XDG_RUNTIME_DIR").env_remove("RUNTIME_DIRECTORY");
    crate::program::finish(&mut command, b"")
}

#[test]
fn partial_counts_of_all_files_can_be_joined_with_those_of_others() {
    let folder = Folder::new();
    let contents: Vec<_> = (0..3).map(|seed| log(300, &mut Dice(seed))).collect();
    for (number, content) in contents.iter().enumerate() {
        write(folder.path(), &format!("{number}"), content);
    }
    let keys = key_dir(&folder);
    let args = ["batch", "logs", "-o", "clean", "--key-dir", &keys, "--partial", "batch.part"];
    let args = [&args[..], &["--counts", "counts.json"]].concat();
    let done = run_in(folder.path(), &args, b"");
    assert_eq!(done.status, 0, "{}", done.err());
    let show = ["report", "show", "--json", "--counts", "batch.part"];
    let shown = run_in(folder.path(), &show, b"");
    let shown: Value = serde_json::from_slice(&shown.stdout).expect("it is JSON");
    assert_eq!(shown["tables"], json(&folder.file("counts.json"))["tables"]);
    let merged = run_in(folder.path(), &["report", "merge", "batch.part", "-o", "all.part"], b"");
    assert_eq!(merged.status, 0, "{}", merged.err());
    // Counted anew, the same contents are known for the same.
    let again = [&args[..2], &["-o", "again"], &args[4..6], &["--partial", "again.part"]].concat();
    assert_eq!(run_in(folder.path(), &again, b"").status, 0);
    let merged = run_in(
        folder.path(),
        &["report", "merge", "batch.part", "again.part", "-o", "two.part"],
        b"",
    );
    assert_eq!(merged.status, 3, "{}", merged.err());
}
