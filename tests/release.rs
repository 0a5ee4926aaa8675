//! The strict policy, held to its promise by a checker that shares no code with it.
//!
//! The checker knows whose line each one is and what a record of it says before anything is suppressed (the same
//! policy without holding tells it). From that it works out, slowly and plainly, which templates are learned and
//! what is widened; it counts the visitors behind every line that may be written, and compares with what the
//! program writes. The logs are generated; a real one that lies beside the repository is checked too.

#![expect(clippy::print_stdout, reason = "what is skipped is said")]

#[path = "release/checker.rs"]
mod checker;
#[path = "program/mod.rs"]
mod program;

use std::{collections::BTreeMap, fs, path::Path};

use checker::{K, Line, Told, open_policy, suppressed, visitor};
use program::{Dice, Folder, run_in};
use serde_json::{Map, Value};

/// Holds what the program writes of a log against the checker, and gives how many lines it wrote and left out.
fn check(log: &str) -> (usize, usize) {
    let folder = Folder::new();
    fs::write(folder.file("open.toml"), open_policy()).expect("writable");
    let run = |args: &[&str]| {
        run_in(folder.path(), &[args, &["--format", "combined"]].concat(), log.as_bytes())
    };
    let open = run(&["--policy", "./open.toml", "--summary", "json"]);
    let strict = run(&["--policy", "strict", "--summary", "json"]);
    assert_eq!((open.status, strict.status), (0, 0), "{}", strict.err());
    // Which lines are clean: each is asked alone only where some are not.
    let clients: Vec<_> = log
        .lines()
        .filter(|line| {
            open.summary()["refused"].as_object().is_some_and(Map::is_empty) || is_clean(line)
        })
        .map(|line| visitor(line.split(' ').next().unwrap_or_default()))
        .collect();
    let records: Vec<Told> =
        open.out().lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!(records.len(), clients.len(), "a record for each clean line");
    let mut periods: BTreeMap<String, Vec<Line>> = BTreeMap::new();
    for (told, visitor) in records.into_iter().zip(clients) {
        let period = told["time"].as_str().expect("a time").to_owned();
        periods.entry(period).or_default().push(Line { visitor, told });
    }
    let (mut expect, mut left_out) = (Vec::new(), 0);
    for lines in periods.into_values() {
        let (told, few) = suppressed(lines, K);
        expect.extend(told.into_iter().map(|line| Value::from(line.told).to_string()));
        left_out += few;
    }
    let canonical = |line: &str| serde_json::from_str::<Value>(line).expect("JSON").to_string();
    let mut found: Vec<_> = strict.out().lines().map(canonical).collect();
    let summary = strict.summary();
    assert_eq!(summary["refused"].get("late"), None, "{summary}");
    assert_eq!(
        summary["refused"]["suppressed"].as_u64().unwrap_or(0),
        left_out as u64,
        "{summary}"
    );
    assert_eq!(summary["clean"].as_u64(), Some(found.len() as u64));
    assert_eq!(summary["read"], open.summary()["read"]);
    found.sort();
    expect.sort();
    let differ = found.iter().zip(&expect).find(|(found, expect)| found != expect);
    assert!(
        found.len() == expect.len() && differ.is_none(),
        "{} {} {differ:?}",
        found.len(),
        expect.len()
    );
    (found.len(), left_out)
}

/// Whether a line of the combined format becomes a record, asked of the program.
fn is_clean(line: &str) -> bool {
    let done = program::run(&["--policy", "baseline", "--format", "combined"], line.as_bytes());
    !done.stdout.is_empty()
}

/// A log of four hours: pages that everybody sees, posts that few see, paths of one visitor, errors, and visitors
/// with several addresses.
fn log(seed: u64, count: usize, people: usize) -> String {
    let mut dice = Dice(seed);
    let agents = [
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 \
         Safari/537.36",
        "Mozilla/5.0 (X11; Linux x86_64; rv:127.0) Gecko/20100101 Firefox/127.0",
        "Mozilla/5.0 (iPhone; CPU iPhone OS 17_4 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.4 \
         Mobile/15E148 Safari/604.1",
        "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
        "curl/8.5.0",
        "-",
    ];
    let referrers = [
        "-",
        "-",
        "https://www.example.com/a",
        "https://www.google.com/",
        "https://alice.example.org/",
    ];
    let mut lines = Vec::new();
    for _ in 0..count {
        // Some come much more often than others.
        let person = dice.below(people).min(dice.below(people));
        let client = match person % 5 {
            0 => format!("2001:db8:{person:x}:1::{:x}", dice.below(3) + 1),
            1 if dice.below(2) == 0 => {
                format!("::ffff:198.51.{}.{}", 100 + person / 250, person % 250)
            }
            4 if person.is_multiple_of(3) => format!("dsl-{person}.example.net"),
            _ => format!("198.51.{}.{}", 100 + person / 250, person % 250),
        };
        let path = match dice.below(10) {
            0..=3 => ["/", "/index.html", "/about", "/blog/"][dice.below(4)].to_owned(),
            4 | 5 => format!(
                "/blog/post-{}",
                ["one", "two", "three", "four", "five"][dice.below(5).min(dice.below(5))]
            ),
            6 => format!("/wiki/{}/history", dice.text("abcdefgh", 2)),
            7 => format!("/users/{}/settings", dice.text("abcdefgh", 5)),
            8 => format!("/{}?q={}", dice.text("klmnopq", 3), dice.text("rstuv", 3)),
            _ => format!("/a/{}", ["b/", "b/c", "b/d", "e"][dice.below(4)]),
        };
        let status = *dice.pick(&[200, 200, 200, 200, 304, 301, 404, 500]);
        let second = dice.below(4 * 3_600);
        let size = 1 << dice.below(14);
        let (referrer, agent) = (dice.pick(&referrers), dice.pick(&agents));
        let request = if dice.below(50) == 0 {
            "\\x16\\x03".to_owned()
        } else {
            format!("GET {path} HTTP/1.1")
        };
        let text = format!(
            "{client} - - [22/Nov/2026:{:02}:{:02}:{:02} +0000] \"{request}\" {status} {size} \"{referrer}\" \
             \"{agent}\"",
            8 + second / 3_600,
            second / 60 % 60,
            second % 60
        );
        // Written up to five minutes late.
        lines.push((second + dice.below(300), text));
    }
    lines.sort();
    lines.into_iter().map(|(_, line)| line + "\n").collect()
}

#[test]
fn ten_generated_logs_have_no_line_that_fewer_than_ten_visitors_share() {
    let (mut written, mut left_out) = (0, 0);
    for (seed, (count, people)) in [
        (40, 9),
        (300, 12),
        (1_000, 40),
        (1_000, 400),
        (2_000, 25),
        (3_000, 100),
        (4_000, 1_000),
        (6_000, 60),
        (8_000, 2_000),
        (12_000, 300),
    ]
    .into_iter()
    .enumerate()
    {
        let (told, few) = check(&log(seed as u64, count, people));
        assert_eq!(told + few, count);
        written += told;
        left_out += few;
    }
    // Neither is the test empty, nor does the policy keep everything.
    assert!(written > 10_000 && left_out > 100, "{written} {left_out}");
}

#[test]
fn a_real_log_has_none_either() {
    let path = "../shared/data/real/elastic_apache_combined.log";
    let Ok(log) = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)) else {
        println!("SKIPPED: {path} is not there");
        return;
    };
    // One line of it is no line of the format.
    let log: String =
        log.lines().filter(|line| line.ends_with('"')).map(|line| format!("{line}\n")).collect();
    let (told, few) = check(&log);
    assert!(told > 8_000 && few > 1_000, "{told} {few}");
}
