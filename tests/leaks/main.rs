//! Plants thousands of identifiers in every field of a log and looks for them in all that comes out.
//!
//! Every kind of identifier goes into every field in every encoding, in every format; the program is run
//! in every output form and in every way that fails; and one automaton searches standard output,
//! standard error, counts and summaries for each identifier in each encoding. None may be there. The
//! positive control is that the same search finds the identifier in every single line of the input.
//!
//! Three things are known to be out of reach for a cleaner and are not planted (see `lines.rs`): a name
//! as a bare segment of a confirmed path at an undeclared place, a name that somebody registered as a
//! domain, and a number in the place of a number.

#![expect(clippy::print_stdout, reason = "the numbers are for whoever runs it")]

#[path = "../program/mod.rs"]
mod program;

#[path = "../presets/mmdb.rs"]
mod mmdb;

mod encodings;
mod every;
mod everything;
mod identifiers;
mod lines;
mod search;
mod service;
mod tokens;

use std::{fs, fs::OpenOptions, process::Command, sync::LazyLock};

use encodings::{ENCODINGS, Encoding};
use every::{OWN, example, planted_in};
use identifiers::identifiers;
use lines::{Planted, planted};
use program::{Folder, TAMIS, done, finish, run, run_in};
use search::Search;

/// The formats, by the name that `--format` takes.
const FORMATS: [&str; 3] = ["common", "combined", "vhost-combined"];

/// The limit of line lengths in all runs; some planted lines are longer.
const LINE_MAX: &str = "4096";

/// The search, which takes a few seconds to make.
static SEARCH: LazyLock<Search> = LazyLock::new(|| Search::new(identifiers()));

fn log(lines: &[Planted]) -> Vec<u8> {
    let mut log = Vec::new();
    for Planted { line, .. } in lines {
        log.extend_from_slice(line);
        log.push(b'\n');
    }
    log
}

/// Every identifier of every kind, searched for in the output of every way to run.
#[test]
fn nothing_planted_comes_out() {
    let search = &*SEARCH;
    let kinds: std::collections::BTreeSet<_> = search.identifiers.iter().map(|i| i.kind).collect();
    assert!(search.identifiers.len() >= 2_000 && kinds.len() >= 15);
    assert!(ENCODINGS.len() >= 10);
    for format in FORMATS {
        let lines = planted(format, &search.identifiers);
        control(search, &lines);
        println!(
            "B1: {} identifiers of {} kinds in {} encodings, in {} lines of {format}; the search finds its own in all \
             of them, and none in what comes out",
            search.identifiers.len(),
            kinds.len(),
            ENCODINGS.len(),
            lines.len()
        );
        let log = log(&lines);
        let folder = Folder::new();
        fs::write(folder.file("a.log"), &log).expect("the folder is ours");
        for threads in ["1", "2", "3", "8"] {
            for form in ["jsonl", "combined", "csv"] {
                run_and_search(search, &folder, format, threads, form, lines.len());
            }
        }
        wider(search, &folder, format);
        published(search, &folder, format);
        surveys(search, &folder, format, lines.len());
        failures(search, &folder, format, &log);
    }
}

/// The positive control: the search finds its identifier in each line of the input, and all of them.
fn control(search: &Search, lines: &[Planted]) {
    let mut seen = vec![false; search.identifiers.len()];
    for Planted { identifier, line, what } in lines {
        let found = search.found(line).any(|(owner, _)| owner == *identifier);
        let kind = search.identifiers[*identifier].kind;
        assert!(found, "{kind} as {what} is not found in {}", line.escape_ascii());
        seen[*identifier] = true;
    }
    assert!(seen.iter().all(|seen| *seen), "an identifier was planted nowhere");
}

fn run_and_search(
    search: &Search,
    folder: &Folder,
    format: &str,
    threads: &str,
    form: &str,
    lines: usize,
) {
    let name = format!("--format {format} --threads {threads} --emit {form}");
    let summary = if threads == "3" { "text" } else { "json" };
    let counts = if threads == "2" { "-" } else { "counts.json" };
    let mut args: Vec<_> = name.split(' ').collect();
    args.extend(["--max-line", LINE_MAX, "--counts", counts, "--summary", summary]);
    let kept = if threads == "3" { "--partial" } else { "--store" };
    args.extend([kept, "counts.kept", "--progress", "always", "a.log"]);
    let done = run_in(folder.path(), &args, b"");
    assert_eq!(done.status, 0, "{name}: {}", done.err());
    search.none_in_run(&name, &done);
    let path = folder.file("counts.kept");
    let found = fs::read(&path).expect("counts were kept");
    assert!(found.len() > 1_000);
    search.none_in(&format!("what {kept} of {name} kept"), &found);
    fs::remove_file(&path).expect("it is ours");
    let out = done.out();
    assert!(out.lines().count() > lines / 4, "{name}: hardly anything came out");
    if summary == "json" {
        let summary = done.summary();
        assert_eq!(summary["read"], lines);
        let refused = summary["refused"].as_object().expect("an object");
        assert!(refused.len() >= 5, "{name}: lines are refused in many ways: {refused:?}");
    }
    if counts != "-" {
        let counts = fs::read(folder.file(counts)).expect("counts were written");
        assert!(counts.len() > 1_000);
        search.none_in(&format!("the counts of {name}"), &counts);
    }
}

/// A policy that keeps more than the default one: sites, routes, a parameter, networks.
const WIDER: &str = r#"
name = "wider"
version = 1
[record]
time = { grain = "minute" }
site = "declared"
client = { truncate = { ipv4 = 24, ipv6 = 32, domain = true } }
method = true
path = { shape = "cleaned", status = ["2xx", "304"] }
protocol = true
status = true
bytes = { exact = "plain-path" }
referrer = "domain"
browser = { version = "major" }
os = true
device = true
bot = true
[opt_out]
query = "optout"
[sites]
declared = ["www.example.com"]
[[route]]
pattern = "/reset/{token}/confirm"
[[route]]
pattern = "/files/report-{name}.pdf"
[[route]]
pattern = "/users/{who}"
[[query]]
name = "tab"
values = ["1"]
[[query]]
name = "id"
pattern = "{alnum:1-32}"
[[drop]]
path = "/by/{author}"
"#;

/// Runs with the published policies other than Mozilla's, whose client `everything.rs` tries. Sitecore's keeps more of
/// an IPv6 address than the search can tell from the whole of it.
fn published(search: &Search, folder: &Folder, format: &str) {
    for policy in ["strict", "wordpress-2011", "canonical-2012", "sitecore-2012"] {
        for form in ["jsonl", "csv"] {
            let args = ["--policy", policy, "--emit", form, "--format", format];
            let more = ["--max-line", LINE_MAX, "--counts", "-", "--summary", "json", "a.log"];
            let prefix: &[&str] = if policy == "sitecore-2012" { &SITECORE } else { &[] };
            let done = run_in(folder.path(), &[&args[..], &more, prefix].concat(), b"");
            assert_eq!(done.status, 0, "{}", done.err());
            search.none_in_run(&format!("a run with {policy} as {form}"), &done);
        }
    }
}

/// What Sitecore's policy needs here: keys for its cookie, which these lines have none of, and a shorter prefix.
const SITECORE: [&str; 4] = ["--ipv6-prefix", "32", "--key-dir", "keys"];

/// A run with a policy of one's own and a site, where other code tells what comes out.
fn wider(search: &Search, folder: &Folder, format: &str) {
    fs::write(folder.file("wider.toml"), WIDER).expect("the folder is ours");
    for form in ["jsonl", "csv", "combined"] {
        let args = ["--policy", "wider.toml", "--site", "www.example.com", "--emit", form];
        let args = [&args[..], &["--format", format, "--max-line", LINE_MAX]].concat();
        let more = ["--counts", "-", "--summary", "json", "a.log"];
        let done = run_in(folder.path(), &[&args[..], &more].concat(), b"");
        assert_eq!(done.status, 0, "{}", done.err());
        search.none_in_run("a run with a wider policy", &done);
        assert!(done.summary()["filtered"].as_u64() > Some(100));
    }
    let done = run_in(folder.path(), &["--client", "drop", "--format", format, "a.log"], b"");
    search.none_in_run("a run without clients", &done);
}

/// What the log carries, in names and shares.
fn surveys(search: &Search, folder: &Folder, format: &str, lines: usize) {
    for (policy, form) in [("baseline", None), ("baseline", Some("--json")), ("wider.toml", None)] {
        let mut args = vec!["policy", "explain", policy, "--log", "a.log", "--format", format];
        args.extend(form);
        let done = run_in(folder.path(), &args, b"");
        assert_eq!(done.status, 0, "{}", done.err());
        search.none_in_run("a survey", &done);
        assert!(done.out().contains(&lines.to_string()), "it speaks of all lines: {}", done.out());
    }
}

/// Runs that end badly, each with the log as its input.
fn failures(search: &Search, folder: &Folder, format: &str, log: &[u8]) {
    let check = |args: &[&str], stdin: &[u8], status: i32| {
        let done = run_in(folder.path(), args, stdin);
        let name = args.join(" ");
        assert_eq!(done.status, status, "{name}: {}", done.err());
        assert!(!done.stderr.is_empty(), "{name} says why it failed");
        search.none_in_run(&name, &done);
    };
    let piece = &log[..log.len().min(300_000)];
    fs::write(folder.file("bad.toml"), "name = \"x\"\nversion = 1\n[record]\nuser = true\n")
        .expect("the folder is ours");
    check(&["--policy", "bad.toml", "a.log"], b"", 2);
    // The log in the place of a policy: the message must not show what it could not read.
    let lines: Vec<_> = log.split(|b| *b == b'\n').collect();
    for line in lines.iter().step_by(lines.len() / 40) {
        fs::write(folder.file("log.toml"), line).expect("the folder is ours");
        check(&["--policy", "log.toml", "a.log"], b"", 2);
        check(&["policy", "check", "log.toml"], b"", 2);
    }
    check(&["--policy", "./a.log", "a.log"], b"", 2);
    check(&["policy", "check", "./a.log"], b"", 2);
    check(&["--format", "nosuch", "a.log"], b"", 2);
    check(&["nosuch.log", "a.log", "--format", format, "--max-line", LINE_MAX], b"", 1);
    check(&["/proc/self/mem", "--format", format], b"", 1);
    check(&["-o", "nosuch/out", "--format", format], piece, 1);
    check(&["-o", "/dev/full", "--format", format], piece, 1);
    check(&["--counts", "/dev/full/x", "--format", format], piece, 1);
    check(&["-o", "a.log", "a.log"], b"", 2);
    let garbage: Vec<u8> = piece.iter().map(|b| if *b == b'[' { b'(' } else { *b }).collect();
    check(&[], &garbage, 2);
    check(&["formats", "detect", "-"], &garbage, 2);
    full_disk(search, format, piece);
    unreadable(search, folder);
}

/// Standard output on a disk without room.
fn full_disk(search: &Search, format: &str, log: &[u8]) {
    let folder = Folder::new();
    fs::write(folder.file("a.log"), log).expect("the folder is ours");
    let full = OpenOptions::new().write(true).open("/dev/full").expect("Linux has it");
    let mut command = Command::new(TAMIS);
    command.args(["--format", format, "--summary", "text", "--counts", "-", "a.log"]);
    let output = command.current_dir(folder.path()).stdout(full).output().expect("it starts");
    let done = done(output);
    assert_eq!(done.status, 1);
    search.none_in_run("a run with a full disk", &done);
}

/// A file that may not be read; whoever may read everything reads it as a missing one.
fn unreadable(search: &Search, folder: &Folder) {
    use std::os::unix::fs::PermissionsExt as _;
    let path = folder.file("secret.log");
    fs::write(&path, b"").expect("the folder is ours");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o000)).expect("the file is ours");
    let done = finish(Command::new(TAMIS).arg(&path), b"");
    assert!(done.status <= 1);
    search.none_in_run("a run on an unreadable file", &done);
}

/// Identifiers in as many different lines and from as many networks as are asked for of a name that is told.
/// A bare word as a name is out of reach: it is like any other name.
#[test]
fn a_survey_tells_no_name_that_identifies() {
    let search = &*SEARCH;
    let identifying: Vec<_> = search.identifiers.iter().filter(|it| !it.is_word).collect();
    // So few at a time that each of them is followed.
    for some in identifying.chunks(300) {
        let mut log = String::new();
        for (number, identifier) in some.iter().enumerate() {
            for turn in 0..12 {
                let client = ["192.0.2.8", "198.51.100.8", "203.0.113.8"][turn % 3];
                let name = &identifier.writings[0];
                log += &format!(
                    "{client} - - [22/Nov/2026:14:05:37 +0000] \"GET /{name}?{name}=1&page={name}&n={number}-{turn} \
                     HTTP/1.1\" 200 5\n"
                );
            }
        }
        for form in [&[][..], &["--json"]] {
            let args = [&["policy", "explain", "--format", "common", "--log", "-"], form].concat();
            let done = run(&args, log.as_bytes());
            assert_eq!(done.status, 0, "{}", done.err());
            assert!(done.out().contains("page"), "a name that is common is told: {}", done.out());
            search.none_in_run("a survey of common names", &done);
        }
    }
}

/// Every format with a name, and all that can stand in it.
#[test]
fn no_format_lets_anything_out() {
    let search = &*SEARCH;
    let proxy = "198.51.100.0/24";
    for format in tamis::format::Format::all() {
        let (header, usual) = example(format);
        let lines = planted_in(format.name(), usual, &search.identifiers);
        assert!(lines.len() > 300, "{} has places", format.name());
        for Planted { identifier, line, what } in &lines {
            let found = search.found(line).any(|(owner, _)| owner == *identifier);
            assert!(found, "{what} is not found in {}", line.escape_ascii());
        }
        // A line as it should be is among them, so that a log is told from garbage.
        let log = [&header, usual.as_bytes(), b"\n", &log(&lines)].concat();
        let folder = Folder::new();
        fs::write(folder.file("a.log"), &log).expect("the folder is ours");
        for (form, name, more) in [
            ("jsonl", format.name(), "--trusted-proxy"),
            ("csv", "auto", "--site"),
            ("combined", format.name(), "--site"),
        ] {
            let value = if more == "--site" { "www.example.com" } else { proxy };
            let args = ["--format", name, "--emit", form, more, value, "--counts", "-"];
            let args = [&args[..], &["--summary", "json", "a.log"]].concat();
            let done = run_in(folder.path(), &args, b"");
            let run = args.join(" ");
            assert_eq!(done.status, 0, "{run}: {}", done.err());
            search.none_in_run(&format!("{} with {run}", format.name()), &done);
            let summary = done.summary();
            assert_eq!(summary["read"], lines.len() + 1, "{run}");
            assert!(summary["clean"].as_u64() > Some(0), "{run}");
        }
        // The lines are of one day, on which alone they would have a key.
        let args = ["--format", format.name(), "--client", "token", "--key-dir", "keys", "a.log"];
        let done = run_in(folder.path(), &args, b"");
        assert_eq!(done.status, 0, "{}", done.err());
        search.none_in_run(&format!("{} without keys", format.name()), &done);
    }
}

/// Strings of servers' own, and all that can stand in their variables.
#[test]
fn no_string_lets_anything_out() {
    let search = &*SEARCH;
    for (option, string, usual) in OWN {
        let lines = planted_in(option, usual, &search.identifiers);
        assert!(lines.len() > 300);
        let log = [usual.as_bytes(), b"\n", &log(&lines)].concat();
        for (form, more) in
            [("jsonl", ["--trusted-proxy", "198.51.100.0/24"]), ("combined", ["--counts", "-"])]
        {
            let args = [option, string, "--emit", form, more[0], more[1], "--summary", "json"];
            let done = run(&args, &log);
            assert_eq!(done.status, 0, "{string}: {}", done.err());
            search.none_in_run(string, &done);
            assert!(done.summary()["clean"].as_u64() > Some(lines.len() as u64 / 10), "{string}");
        }
    }
}

/// Lines that were recognised by their shape are judged as they come, whatever the first ones are.
#[test]
fn detection_says_nothing_of_lines() {
    let search = &*SEARCH;
    for format in FORMATS {
        for Planted { line, .. } in planted(format, &search.identifiers).iter().step_by(397) {
            let done = run(&["--summary", "json"], &[line, &b"\n"[..]].concat());
            assert!(matches!(done.status, 0 | 2));
            search.none_in_run("a run on one line", &done);
        }
    }
}

/// Each encoding is written as the search expects it.
#[test]
fn encodings_are_found_by_what_searches_for_them() {
    for Encoding { name, write, search, .. } in ENCODINGS {
        let written = write(b"zorvikan@example.com").to_ascii_lowercase();
        let found = search(b"zorvikan@example.com")
            .iter()
            .any(|form| written.windows(form.len()).any(|part| part == form.to_ascii_lowercase()));
        assert!(found, "{name}");
    }
}
