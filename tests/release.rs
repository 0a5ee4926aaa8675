//! The strict policy, held to its promise by a checker that shares no code with it.
//!
//! The checker knows whose line each one is and what a record of it says before anything is suppressed (the same
//! policy without holding tells it). From that it works out, slowly and plainly, which templates are learned and
//! what is widened; it counts the visitors behind every line that may be written, and compares with what the
//! program writes. The logs are generated; a real one that lies beside the repository is checked too.

#![expect(clippy::print_stdout, reason = "what is skipped is said")]

#[path = "program/mod.rs"]
mod program;

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    fs,
    path::Path,
};

use program::{Dice, Folder, run_in};
use serde_json::{Map, Value};
use tamis::policy::preset;

const K: usize = 10;

/// A record's keys and values.
type Told = Map<String, Value>;

/// A line of a log: whose it is, as far as visitors are told apart, and what a record says that is not held.
struct Line {
    visitor: String,
    told: Told,
}

/// The strict policy without holding: what its records say before anything is suppressed.
fn open_policy() -> String {
    let strict = preset("strict").expect("a preset");
    let open = strict.replace(
        "shape = \"learned\", status = [\"2xx\", \"3xx\"]",
        "shape = \"cleaned\", status = [\"1xx\", \"2xx\", \"3xx\", \"4xx\", \"5xx\"]",
    );
    open.replace("[release]\nk = 10\n", "")
}

/// What the records of a period may be, written as JSON, by the slow and plain way; and how many are left out.
fn suppressed(lines: Vec<Line>) -> (Vec<String>, usize) {
    let lines = with_templates(lines);
    let mut groups: BTreeMap<String, Vec<Line>> = BTreeMap::new();
    for line in lines {
        groups.entry(Value::from(line.told.clone()).to_string()).or_default().push(line);
    }
    for key in [
        "bytes",
        "referrer",
        "country",
        "os",
        "browser_version",
        "browser",
        "method",
        "status",
        "path",
    ] {
        let few: Vec<_> = groups
            .iter()
            .filter(|(_, group)| visitors(group) < K)
            .map(|(key, _)| key.clone())
            .collect();
        for name in few {
            for mut line in groups.remove(&name).expect("found above") {
                widen(&mut line.told, key);
                groups.entry(Value::from(line.told.clone()).to_string()).or_default().push(line);
            }
        }
    }
    let (told, left_out): (Vec<_>, Vec<_>) =
        groups.into_values().partition(|group| visitors(group) >= K);
    let told = told.into_iter().flatten().map(|line| Value::from(line.told).to_string());
    (told.collect(), left_out.iter().map(Vec::len).sum())
}

fn visitors(group: &[Line]) -> usize {
    group.iter().map(|line| &line.visitor).collect::<BTreeSet<_>>().len()
}

fn widen(told: &mut Told, key: &str) {
    let word = match key {
        "referrer" | "path" => "(other)",
        "os" | "browser" => "Other",
        "method" => "OTHER",
        "country" => "ZZ",
        _ => {
            told.remove(key);
            return;
        }
    };
    if told.contains_key(key) {
        told.insert(key.to_owned(), word.into());
    }
}

/// Replaces paths by the templates that are learned from the lines of a period.
fn with_templates(mut lines: Vec<Line>) -> Vec<Line> {
    let path_of = |line: &Line| line.told["path"].as_str().expect("a path").to_owned();
    let is_confirmed = |line: &Line| {
        (200..400).contains(&line.told.get("status").and_then(Value::as_u64).unwrap_or(0))
    };
    let confirmed: Vec<(Vec<String>, String)> = lines
        .iter()
        .filter(|line| is_confirmed(line) && path_of(line).starts_with('/'))
        .map(|line| {
            (path_of(line).split('/').skip(1).map(str::to_owned).collect(), line.visitor.clone())
        })
        .collect();
    let paths: BTreeSet<Vec<String>> = confirmed.iter().map(|(path, _)| path.clone()).collect();
    let mut learned: BTreeMap<String, Option<String>> = BTreeMap::new();
    for path in &paths {
        learned.insert(format!("/{}", path.join("/")), learn(path, &confirmed));
    }
    for line in &mut lines {
        let path = path_of(line);
        if !path.starts_with('/') {
            continue;
        }
        let found = learned.get(&path).cloned().flatten();
        let told = match found {
            Some(template) if is_confirmed(line) || template == path => template,
            _ => "(other)".to_owned(),
        };
        line.told.insert("path".to_owned(), told.into());
    }
    lines
}

/// What one path is told as: each segment by itself if ten visitors were seen with it, else with all others that
/// have the same beginning and fewer.
fn learn(path: &[String], confirmed: &[(Vec<String>, String)]) -> Option<String> {
    let mut template = String::new();
    // Those paths that are told with the same beginning.
    let mut same: Vec<&(Vec<String>, String)> = confirmed.iter().collect();
    for (at, segment) in path.iter().enumerate() {
        let count = |wanted: &dyn Fn(&str) -> bool| {
            let with = same.iter().filter(|(path, _)| path.get(at).is_some_and(|it| wanted(it)));
            with.map(|(_, visitor)| visitor).collect::<BTreeSet<_>>().len()
        };
        if count(&|it| it == segment) >= K {
            write!(template, "/{segment}").expect("a string takes all");
            same.retain(|(path, _)| path.get(at) == Some(segment));
            continue;
        }
        let segments: BTreeSet<String> =
            same.iter().filter_map(|(path, _)| path.get(at).cloned()).collect();
        let rare: BTreeSet<String> =
            segments.into_iter().filter(|segment| count(&|it| it == segment) < K).collect();
        if count(&|it| rare.contains(it)) < K {
            return None;
        }
        template += "/{other}";
        same.retain(|(path, _)| path.get(at).is_some_and(|it| rare.contains(it)));
    }
    Some(template)
}

/// The visitor behind an address: an IPv6 address counts by its first 64 bits, and one that carries an IPv4 address
/// as that.
fn visitor(client: &str) -> String {
    let client = client.strip_prefix("::ffff:").unwrap_or(client);
    match client.parse::<std::net::Ipv6Addr>() {
        Ok(address) => format!("{:x}", address.to_bits() >> 64),
        Err(_) => client.to_ascii_lowercase(),
    }
}

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
        let (told, few) = suppressed(lines);
        expect.extend(told);
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
