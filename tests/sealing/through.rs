//! Through the program: which lines are sealed, what is said of them, and what they still become.

use std::fs;

use crate::desk::{ALL, Desk};

const GOOD: &str = "192.0.2.77 - alice [22/Nov/2026:14:05:37 +0000] \"GET /users/alice HTTP/1.1\" 200 512 \
                    \"-\" \"curl/8.5.0\"\n";
const BAD: &str = "198.51.100.7 - - [99/Nov/2026:14:05:37 +0000] \"GET /?password=hunter2 HTTP/1.1\" 200 1 \
                   \"-\" \"x\"\n";

#[test]
fn refused_lines_are_sealed_with_their_reason_and_without_their_secrets() {
    let desk = Desk::new();
    desk.write("access.log", [GOOD, BAD, BAD, GOOD, "no line at all\n", "\n", GOOD].concat());
    let done = desk.run(&["--summary", "json", "--quarantine", "quarantine", "access.log"], b"");
    assert_eq!(done.status, 0, "{}", done.err());
    let summary = done.summary();
    assert_eq!((&summary["sealed"], &summary["clean"]), (&3.into(), &3.into()));
    assert_eq!(summary["refused"]["bad-time"], 2);
    let lines = desk.opened();
    let bad = BAD.trim_end().replace("hunter2", "(masked)");
    let texts: Vec<_> = lines.iter().map(|line| text(&line.text)).collect();
    assert_eq!(texts, [bad.as_str(), &bad, "no line at all"]);
    let good = GOOD.len() as u64;
    let places: Vec<_> = lines.iter().map(|line| (line.at, line.ordinal)).collect();
    let later = good * 2 + 2 * BAD.len() as u64;
    assert_eq!(places, [(Some(good), 0), (Some(good), 1), (Some(later), 0)]);
    let why: Vec<_> = lines.iter().map(|line| line.why.as_str()).collect();
    assert_eq!(why, ["refused:bad-time", "refused:bad-time", "refused:not-this-format"]);
    assert!(lines.iter().all(|line| line.source == "access.log"));
    desk.assert_without(&[b"198.51.100.7", b"hunter2", b"no line at all"]);
}

#[test]
fn everything_is_sealed_and_comes_out_clean_too() {
    let desk = Desk::new();
    desk.write("all.toml", ALL);
    let log: String = (0..20_000)
        .map(|number| GOOD.replace("alice HTTP", &format!("alice/{number} HTTP")))
        .collect();
    desk.write("access.log", &log);
    let args = ["--policy", "all.toml", "--summary", "json", "access.log"];
    let plain = desk.run(&args, b"");
    for threads in ["1", "3"] {
        let sealing = [&args[..], &["--quarantine", "quarantine", "--threads", threads]].concat();
        let done = desk.run(&sealing, b"");
        assert_eq!(done.status, 0, "{}", done.err());
        assert_eq!(done.summary()["sealed"], 20_000);
        assert!(done.stdout == plain.stdout, "what comes out clean does not depend on sealing");
        let lines = desk.opened();
        let last: Vec<_> = lines[lines.len() - 20_000..].iter().collect();
        let whole: String = last.iter().map(|line| format!("{}\n", text(&line.text))).collect();
        assert!(whole == log, "the lines are there as they were, in order");
    }
    desk.assert_without(&[b"192.0.2.77", b"alice"]);
}

#[test]
fn of_a_line_that_is_too_long_the_beginning_is_sealed() {
    let desk = Desk::new();
    let long = format!("198.51.100.7 {}\n", "x".repeat(700_000));
    desk.write("access.log", [GOOD, &long, GOOD, &long[..90_000], "\n", GOOD].concat());
    let done = desk.run(&["--summary", "json", "--quarantine", "quarantine", "access.log"], b"");
    let summary = done.summary();
    assert_eq!((&summary["refused"]["too-long"], &summary["clean"]), (&2.into(), &3.into()));
    let lines = desk.opened();
    // What was read together with the first lines, while the format was looked for, is counted and not kept.
    assert!(!lines.is_empty(), "{summary}");
    for line in &lines {
        assert_eq!(line.why, "refused:too-long");
        assert!(line.text.starts_with(b"198.51.100.7 xxx") && line.text.len() > 65_536);
    }
}

#[test]
fn a_name_that_looks_as_if_it_named_somebody_is_not_told() {
    let desk = Desk::new();
    for name in ["access.log", "alice@example.com.log", "0f8fad5b-d9cb-469f-a165-70867728950e.log"]
    {
        desk.write(name, [GOOD, BAD].concat());
        let done = desk.run(&["--quarantine", "quarantine", name], b"");
        assert_eq!(done.status, 0, "{}", done.err());
    }
    desk.run(&["--quarantine", "quarantine"], [GOOD, BAD].concat().as_bytes());
    let sources: Vec<_> = desk.opened().into_iter().map(|line| line.source).collect();
    assert_eq!(sources, ["access.log", "input-1", "input-1", "stdin"]);
}

#[test]
fn each_file_of_an_archive_has_a_name_and_places_of_its_own() {
    let desk = Desk::new();
    let mut archive = tar::Builder::new(Vec::new());
    for name in ["a.log", "b.log"] {
        let content = [GOOD, BAD].concat();
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o600);
        archive.append_data(&mut header, name, content.as_bytes()).expect("memory");
    }
    let archive = archive.into_inner().expect("memory");
    desk.write("logs.tar", archive.clone());
    let done = desk.run(&["--quarantine", "quarantine", "logs.tar"], b"");
    assert_eq!(done.status, 0, "{}", done.err());
    assert_eq!(desk.run(&["--quarantine", "quarantine"], &archive).status, 0);
    let places: Vec<_> = desk.opened().into_iter().map(|line| (line.source, line.at)).collect();
    let at = Some(GOOD.len() as u64);
    let expect = ["logs.tar#1", "logs.tar#2", "stdin#1", "stdin#2"];
    assert_eq!(places, expect.map(|name| (name.to_owned(), at)));
}

#[test]
fn two_runs_do_not_write_at_once() {
    let desk = Desk::new();
    let lock = fs::OpenOptions::new().write(true).open(desk.root().join("lock")).expect("ours");
    lock.lock().expect("nobody else has it");
    let done = desk.run(&["--quarantine", "quarantine"], GOOD.as_bytes());
    assert_eq!((done.status, done.out()), (1, ""));
    assert!(done.err().contains("another run does"), "{}", done.err());
}

#[test]
fn a_quarantine_that_was_changed_is_refused() {
    let desk = Desk::new();
    let args = ["--format", "combined", "--quarantine", "quarantine"];
    assert_eq!(desk.run(&args, BAD.as_bytes()).status, 0);
    let path = desk.root().join("MANIFEST.jsonl");
    let text = fs::read_to_string(&path).expect("ours");
    let first = text.find('\n').expect("two lines") + 1;
    fs::write(&path, &text[..first]).expect("ours");
    let done = desk.run(&args, BAD.as_bytes());
    assert_eq!(done.status, 1);
    assert!(done.err().contains("tamis quarantine verify"), "{}", done.err());
}

/// Samples are text.
fn text(line: &[u8]) -> &str {
    str::from_utf8(line).expect("text")
}
