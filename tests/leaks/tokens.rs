//! Runs that make tokens, and what is said of keys: neither a planted identifier comes out, nor a part of a key.
//!
//! A key comes out when 12 of its bytes do, in any of the encodings. What is searched for are the files of the key
//! directory as they are while the program runs; the positive control is that the search finds them there and in
//! each encoding. The keys of the runs are fixed ones, so that tokens, which could look like an identifier by
//! chance, are the same in every run of this test.

use std::{
    fs,
    path::Path,
    time::{SystemTime, UNIX_EPOCH},
};

use aho_corasick::AhoCorasick;
use tamis::transform::time::Timestamp;

use super::{
    FORMATS, LINE_MAX, SEARCH, Search,
    encodings::ENCODINGS,
    lines::planted,
    log,
    program::{Dice, Done, Folder, finish, run_in},
};

/// How many bytes of a key must not come out in one piece.
const PIECE_BYTES: usize = 12;

/// Finds parts of keys.
struct Keys {
    /// The content of each file with a secret.
    secrets: Vec<Vec<u8>>,
    automaton: AhoCorasick,
}

impl Keys {
    /// The keys, chain values and identities in a key directory.
    fn of(directory: &Path) -> Self {
        let entries = fs::read_dir(directory).expect("made");
        let paths = entries.map(|entry| entry.expect("readable").path());
        let is_secret = |path: &Path| {
            path.extension().is_some_and(|extension| extension == "key" || extension == "identity")
        };
        let files = paths.filter(|path| is_secret(path));
        let secrets: Vec<_> = files.map(|path| fs::read(path).expect("ours")).collect();
        let mut patterns = Vec::new();
        for secret in &secrets {
            // All identities begin and end alike.
            let telling = secret.strip_prefix(b"AGE-SECRET-KEY-1").unwrap_or(secret);
            for piece in telling.trim_ascii_end().windows(PIECE_BYTES) {
                patterns.extend(ENCODINGS.iter().flat_map(|encoding| (encoding.search)(piece)));
            }
        }
        let automaton = AhoCorasick::builder().ascii_case_insensitive(true).build(patterns);
        let keys = Self { secrets, automaton: automaton.expect("a few thousand patterns") };
        keys.control();
        keys
    }

    fn control(&self) {
        assert!(!self.secrets.is_empty(), "a key directory has keys");
        for secret in &self.secrets {
            assert!(self.automaton.is_match(secret));
            for encoding in ENCODINGS {
                let written = [b"so: ", &(encoding.write)(secret)[..], b"."].concat();
                assert!(self.automaton.is_match(&written), "{}", encoding.name);
            }
        }
    }

    fn none_in(&self, place: &str, text: &[u8]) {
        // Not what was found, which would be in the test's own output then.
        assert!(!self.automaton.is_match(text), "a key leaks to {place}");
    }

    fn none_in_run(&self, name: &str, done: &Done) {
        self.none_in(&format!("standard output of {name}"), &done.stdout);
        self.none_in(&format!("standard error of {name}"), &done.stderr);
    }
}

fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("later than 1970");
    i64::try_from(since.as_secs()).expect("not so late")
}

/// The log with the time of now in the place of the usual one, because keys are of now.
fn dated(log: &[u8]) -> Vec<u8> {
    let usual = AhoCorasick::new(["22/Nov/2026:14:05:37 +0000"]).expect("one pattern");
    let mut time = Vec::new();
    Timestamp::from_unix(now()).expect("the clock is fine").write_clf(&mut time);
    usual.replace_all_bytes(log, &[time])
}

/// Begins keys that are the same in every run of this test.
fn begin_fixed(folder: &Folder) {
    assert_eq!(run_in(folder.path(), &["keys", "init", "--key-dir", "keys"], b"").status, 0);
    let mut dice = Dice(7);
    for entry in fs::read_dir(folder.file("keys")).expect("made") {
        let path = entry.expect("readable").path();
        if path.extension().is_some_and(|extension| extension == "key") {
            let key: Vec<_> = (0..4).flat_map(|_| dice.next().to_le_bytes()).collect();
            fs::write(path, key).expect("ours");
        }
    }
}

#[test]
fn nothing_planted_and_no_key_comes_out_beside_tokens() {
    let search = &*SEARCH;
    for format in FORMATS {
        let lines = planted(format, &search.identifiers);
        let folder = Folder::new();
        begin_fixed(&folder);
        let keys = Keys::of(&folder.file("keys"));
        fs::write(folder.file("a.log"), dated(&log(&lines))).expect("the folder is ours");
        for (form, threads, site) in
            [("jsonl", "1", None), ("csv", "3", Some("www.example.com")), ("combined", "2", None)]
        {
            let mut args = vec!["--client", "token", "--key-dir", "keys", "--format", format];
            args.extend(["--emit", form, "--threads", threads, "--max-line", LINE_MAX]);
            args.extend(site.iter().flat_map(|site| ["--site", site]));
            args.extend(["--counts", "counts.json", "--summary", "json", "a.log"]);
            let done = run_in(folder.path(), &args, b"");
            check_run(search, &keys, &args.join(" "), &done);
            let counts = fs::read(folder.file("counts.json")).expect("counts were written");
            search.none_in("counts beside tokens", &counts);
            keys.none_in("counts", &counts);
        }
    }
}

fn check_run(search: &Search, keys: &Keys, name: &str, done: &Done) {
    assert_eq!(done.status, 0, "{name}: {}", done.err());
    let clean = done.summary()["clean"].as_u64().expect("a number");
    let tokens = done.out().lines().filter(|record| record.contains("t1."));
    assert!(tokens.count() as u64 > clean / 2, "{name}: hardly anything has a token");
    search.none_in_run(name, done);
    keys.none_in_run(name, done);
}

/// Every `tamis keys` command, with what it says when it cannot do its work.
#[test]
fn nothing_that_is_said_of_keys_tells_one() {
    let folder = Folder::new();
    let run = |args: &[&str], directory: &str, status: i32| {
        let args = [&["keys"], args, &["--key-dir", directory]].concat();
        let done = run_in(folder.path(), &args, b"");
        assert_eq!(done.status, status, "{args:?}: {}", done.err());
        done
    };
    let mut said = vec![
        run(&["init", "--shared"], "leader", 0),
        run(&["init", "--shared"], "forger", 0),
        run(&["init"], "solo", 0),
        run(&["import", "--request", "request"], "node", 0),
    ];
    let node = Keys::of(&folder.file("node"));
    said.push(run(&["export", "--to", "request"], "leader", 0));
    for (leader, file) in [("leader", "answer"), ("forger", "forged")] {
        said.push(run(&["export", "--to", "request", "-o", file], leader, 0));
    }
    let status = run(&["status"], "leader", 0);
    let next = status.out().lines().find(|line| line.starts_with("next ")).expect("a chain");
    let id = next.split(' ').nth(1).expect("a name").to_owned();
    said.push(status);
    let directories = ["leader", "forger", "solo"].map(|name| Keys::of(&folder.file(name)));
    fs::write(folder.file("damaged"), "-----BEGIN AGE ENCRYPTED FILE-----\n").expect("ours");
    // Keys in the place of other things: none of what cannot be read is shown.
    let chain = format!("leader/{}", chain_file(&folder.file("leader")));
    said.extend([
        run(&["status"], "node", 0),
        run(&["export", "--to", &chain], "leader", 2),
        run(&["export", "--to", "node/request.identity"], "leader", 2),
        run(&["export", "--to", "request"], "solo", 2),
        run(&["import", "forged", "--expect", &id], "node", 3),
        run(&["import", "damaged", "--expect", &id], "node", 2),
        run(&["import", &chain, "--expect", &id], "node", 2),
        run(&["import", "node/request.identity", "--expect", &id], "node", 2),
        run(&["import", "answer", "--expect", &id], "leader", 2),
        run(&["import", "answer", "--expect", &id], "node", 0),
        run(&["import", "answer", "--expect", &id], "node", 2),
        run(&["status"], "node", 0),
        run(&["init", "--confirm-clock"], "node", 0),
        run(&["destroy"], "leader", 2),
    ]);
    // A key file as a log, and as a policy.
    for args in [[&chain, "--format", "combined"], ["--policy", &chain, "request"]] {
        said.push(run_in(folder.path(), &args, b""));
    }
    said.push(run(&["destroy", "--yes"], "leader", 0));
    let answer = fs::read(folder.file("answer")).expect("ours");
    for keys in directories.iter().chain([&node]) {
        for done in &said {
            keys.none_in_run("a command", done);
        }
        keys.none_in("an answer", &answer);
        keys.none_in("a request", &fs::read(folder.file("request")).expect("ours"));
    }
}

/// The name of the file with the value of a chain.
fn chain_file(directory: &Path) -> String {
    let entries = fs::read_dir(directory).expect("made");
    let mut names = entries.map(|entry| entry.expect("readable").file_name().display().to_string());
    names.find(|name| name.starts_with("chain-")).expect("one")
}

/// Keys that cannot be used are spoken of by their place.
#[test]
fn trouble_with_keys_tells_none() {
    let folder = Folder::new();
    begin_fixed(&folder);
    let keys = Keys::of(&folder.file("keys"));
    fs::write(folder.file("keys/state"), &keys.secrets[0]).expect("ours");
    for args in [
        &["keys", "status", "--key-dir", "keys"][..],
        &["--client", "token", "--key-dir", "keys"],
        &["keys", "export", "--to", "age1", "--key-dir", "keys"],
    ] {
        let mut command = std::process::Command::new(super::TAMIS);
        let done = finish(command.args(args).current_dir(folder.path()), b"");
        assert_eq!(done.status, 2, "{}", done.err());
        keys.none_in_run("a command", &done);
    }
}
