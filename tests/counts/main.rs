//! Counts, set beside what a slow count finds that shares no code with them: in one file, by window in a store, joined
//! from several runs, and after a run was killed.
//!
//! The lines are made here, so that what is in them is known without reading them.

#![expect(clippy::print_stdout, reason = "the numbers are for whoever runs it")]

mod killed;
#[path = "../presets/mmdb.rs"]
#[allow(dead_code, reason = "a part of it is needed here")]
mod mmdb;
#[path = "../program/mod.rs"]
mod program;
mod real;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    io::Write as _,
    os::unix::fs::PermissionsExt as _,
    process::{Command, Stdio},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use program::{Dice, Done, Folder, TAMIS, done, run_in};
use serde_json::Value;
use tamis::transform::time::Timestamp;

/// 1 January 2026.
const START: i64 = 1_767_225_600;

/// A request as it was made.
struct Visit {
    client: String,
    unix: i64,
    path: String,
    status: u16,
    bytes: u64,
}

impl Visit {
    fn line(&self) -> String {
        let Self { client, path, status, bytes, .. } = self;
        let mut time = Vec::new();
        Timestamp::from_unix(self.unix).expect("in range").write_clf(&mut time);
        let time = str::from_utf8(&time).expect("ASCII");
        let agent = "Mozilla/5.0 (X11; Linux x86_64; rv:126.0) Gecko/20100101 Firefox/126.0";
        format!(
            "{client} - - [{time}] \"GET {path} HTTP/1.1\" {status} {bytes} \"-\" \"{agent}\"\n"
        )
    }

    /// Its key in a table.
    fn key(&self, table: &str) -> String {
        let mut time = Vec::new();
        Timestamp::from_unix(self.unix).expect("in range").write_rfc3339(&mut time);
        let time = str::from_utf8(&time).expect("ASCII");
        match table {
            "status" => self.status.to_string(),
            "status_class" => format!("{}xx", self.status / 100),
            "path" if matches!(self.status, 200..300 | 304) => self.path.clone(),
            "path" => "(unknown)".to_owned(),
            "hour" => format!("{}:00:00Z", &time[..13]),
            "day" => time[..10].to_owned(),
            _ => panic!("no key for {table}"),
        }
    }
}

const TABLES: [&str; 5] = ["status", "status_class", "path", "hour", "day"];

fn visits(seed: u64, count: usize, clients: usize, days: i64) -> Vec<Visit> {
    let mut dice = Dice(seed);
    let mut visits: Vec<_> = (0..count)
        .map(|_| {
            let client = dice.below(clients);
            Visit {
                client: format!("2001:db8:{client:x}::1"),
                unix: START + (dice.next() % (days as u64 * 86_400)) as i64,
                path: format!("/page/{}.html", ["a", "b", "c", "d", "e"][dice.below(5)]),
                status: *dice.pick(&[200, 200, 200, 301, 304, 404, 500]),
                bytes: dice.next() % 100_000,
            }
        })
        .collect();
    visits.sort_by_key(|visit| visit.unix);
    visits
}

fn log(visits: &[Visit]) -> String {
    visits.iter().map(Visit::line).collect()
}

/// For each key of a table: requests, bytes, visitors.
type Counted = BTreeMap<String, (u64, u64, u64)>;

fn oracle(visits: &[Visit], table: &str) -> Counted {
    let mut found: BTreeMap<String, (u64, u64, BTreeSet<&str>)> = BTreeMap::new();
    for visit in visits {
        let row = found.entry(visit.key(table)).or_default();
        row.0 += 1;
        row.1 += visit.bytes;
        row.2.insert(&visit.client);
    }
    found.into_iter().map(|(key, (a, b, who))| (key, (a, b, who.len() as u64))).collect()
}

fn table_of(report: &Value, table: &str) -> Counted {
    let rows = report["tables"][table].as_array().into_iter().flatten();
    let number = |row: &Value, name: &str| row[name].as_u64().expect("a number");
    rows.map(|row| {
        let key = row["key"].as_str().expect("a key").to_owned();
        (key, (number(row, "requests"), number(row, "bytes"), number(row, "visitors")))
    })
    .collect()
}

fn check(report: &Value, visits: &[Visit]) {
    let who: BTreeSet<_> = visits.iter().map(|visit| &visit.client).collect();
    assert_eq!(report["totals"]["requests"], visits.len() as u64);
    assert_eq!(report["totals"]["visitors"], who.len() as u64);
    for table in TABLES {
        assert_eq!(table_of(report, table), oracle(visits, table), "{table}");
    }
}

fn ok(folder: &Folder, args: &[&str], stdin: &str) -> Done {
    let done = run_in(folder.path(), args, stdin.as_bytes());
    assert_eq!(done.status, 0, "{args:?}: {}", done.err());
    done
}

fn json(folder: &Folder, args: &[&str]) -> Value {
    let done = ok(folder, &[&["report", "show", "--json"], args].concat(), "");
    serde_json::from_slice(&done.stdout).expect("JSON")
}

fn mode(folder: &Folder, name: &str) -> u32 {
    let metadata = fs::metadata(folder.file(name)).expect("it is there");
    metadata.permissions().mode() & 0o777
}

#[test]
fn counts_are_those_of_a_slow_count_for_any_number_of_threads() {
    let is_proof = std::env::var_os("TAMIS_PROOF").is_some_and(|value| value == "1");
    let (folder, mut visits) =
        (Folder::new(), visits(1, if is_proof { 1_000_000 } else { 20_000 }, 1_200, 3));
    let mut first = None;
    for is_shuffled in [false, true] {
        if is_shuffled {
            let mut dice = Dice(2);
            (1..visits.len()).rev().for_each(|at| visits.swap(at, dice.below(at + 1)));
        }
        let log = log(&visits);
        for threads in ["1", "2", "8"] {
            ok(&folder, &["--threads", threads, "--counts", "c.json", "-o", "out"], &log);
            let text = fs::read_to_string(folder.file("c.json")).expect("it was written");
            check(&serde_json::from_str(&text).expect("JSON"), &visits);
            let same = *first.get_or_insert_with(|| text.clone()) == text;
            assert!(same, "{threads} threads, shuffled: {is_shuffled}");
        }
    }
    println!(
        "B9: {} lines in order and in none, 1, 2 and 8 workers: reports the same, byte for byte, and equal to a slow \
         count in {} tables",
        visits.len(),
        TABLES.len()
    );
}

#[test]
fn a_store_has_the_same_whole_and_by_day_and_late_lines_are_added() {
    let (folder, visits) = (Folder::new(), visits(2, 20_000, 1_200, 20));
    // A tenth comes in a second run, weeks late, and is of the same days.
    let is_late = |number: usize| number % 10 == 3;
    let part = |late: bool| -> String {
        let chosen = visits.iter().enumerate().filter(|(number, _)| is_late(*number) == late);
        chosen.map(|(_, visit)| visit.line()).collect()
    };
    ok(&folder, &["--store", "counts.db", "-o", "out"], &part(false));
    assert_eq!(mode(&folder, "counts.db"), 0o600);
    ok(&folder, &["--store", "counts.db", "-o", "out"], &part(true));
    let report = json(&folder, &["--store", "counts.db"]);
    assert_eq!(report["totals"]["requests"], visits.len() as u64);
    for table in TABLES {
        let (found, expect) = (table_of(&report, table), oracle(&visits, table));
        // The two runs had keys of their own, so that who came in both counts twice; all else is exact.
        let without = |counted: &Counted| -> BTreeMap<String, (u64, u64)> {
            counted.iter().map(|(key, (a, b, _))| (key.clone(), (*a, *b))).collect()
        };
        assert_eq!(without(&found), without(&expect), "{table}");
        assert!(expect.iter().all(|(key, row)| found[key].2 >= row.2), "{table}");
    }
    let span = ["--store", "counts.db", "--from", "2026-01-03", "--to", "2026-01-05"];
    let days: Counted = table_of(&json(&folder, &span), "day");
    assert_eq!(days.keys().collect::<Vec<_>>(), ["2026-01-03", "2026-01-04"]);
    let csv = ok(&folder, &["report", "export", "--store", "counts.db", "--to", "csv"], "");
    assert!(
        csv.out()
            .starts_with(&format!("table,key,requests,bytes,visitors\ntotals,,{}", visits.len()))
    );
    let text = ok(&folder, &["report", "export", "--store", "counts.db", "--to", "prometheus"], "");
    assert!(text.out().contains(&format!("\ntamis_requests_total {}\n", visits.len())));
    assert!(
        text.out().contains("\ntamis_lines_total{outcome=\"clean\"} 20000\n"),
        "{}",
        text.out()
    );
    assert!(!text.out().contains("/page"), "pages are no labels");
}

#[test]
fn a_killed_run_loses_nothing_that_was_recorded_and_counts_nothing_twice() {
    let (folder, visits) = (Folder::new(), visits(3, 60_000, 500, 60));
    let log = log(&visits);
    let args = ["--threads", "2", "--store", "counts.db", "--run", "night", "-o", "/dev/null"];
    let mut whole = None;
    for round in 1..4 {
        // The input stays open, so that the run cannot end before it is killed.
        let mut command = Command::new(TAMIS);
        command.args(args).current_dir(folder.path()).env("NO_COLOR", "1");
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the program starts");
        let mut pipe = child.stdin.take().expect("piped");
        let given: String = log.split_inclusive('\n').take(18_000 * round).collect();
        pipe.write_all(given.as_bytes()).expect("it reads");
        let least = whole.unwrap_or(0);
        let mut found = least;
        // Sixteen days are more windows than stay in memory, so that something is recorded soon.
        for _ in 0..600 {
            found = requests(&folder);
            if found > least {
                break;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        assert!(found > least, "nothing was recorded in round {round}");
        child.kill().expect("it can be killed");
        assert_eq!(done(child.wait_with_output().expect("it ended")).status, 128 + 9);
        drop(pipe);
        // Whatever was recorded is whole: every table sums up to the same, and to whole records from the first one on.
        let report = json(&folder, &["--store", "counts.db"]);
        let total = report["totals"]["requests"].as_u64().expect("a number");
        assert!(total >= found, "what was recorded is there");
        for table in TABLES {
            let sum: u64 = table_of(&report, table).values().map(|row| row.0).sum();
            assert_eq!(sum, total, "{table} after round {round}");
        }
        let first = &visits[..total as usize];
        let without = |counted: Counted| -> Vec<_> {
            counted.into_iter().map(|(key, row)| (key, row.0, row.1)).collect()
        };
        assert_eq!(without(table_of(&report, "day")), without(oracle(first, "day")));
        whole = Some(total);
    }
    let last = ok(&folder, &args, &log);
    assert!(last.err().contains("not counted again"), "{}", last.err());
    let report = json(&folder, &["--store", "counts.db"]);
    assert_eq!(report["totals"]["requests"], visits.len() as u64);
    for table in TABLES {
        let found = table_of(&report, table).into_iter().map(|(key, row)| (key, row.0, row.1));
        let expect = oracle(&visits, table).into_iter().map(|(key, row)| (key, row.0, row.1));
        assert!(found.eq(expect), "{table}");
    }
    // Once more over the same: nothing is new.
    ok(&folder, &args, &log);
    assert_eq!(requests(&folder), visits.len() as u64);
}

/// How many requests a store has by now; none while there is no store.
fn requests(folder: &Folder) -> u64 {
    let args = ["report", "show", "--json", "--store", "counts.db"];
    let done = run_in(folder.path(), &args, b"");
    let report: Value = serde_json::from_slice(&done.stdout).unwrap_or_default();
    report["totals"]["requests"].as_u64().unwrap_or(0)
}

#[test]
fn partial_counts_of_different_days_are_joined() {
    let (folder, visits) = (Folder::new(), visits(4, 9_000, 700, 3));
    let third = |number: i64| -> Vec<&Visit> {
        let of_day = |visit: &&Visit| (visit.unix - START) / 86_400 == number;
        visits.iter().filter(of_day).collect()
    };
    for number in 0..3 {
        let log: String = third(number).into_iter().map(Visit::line).collect();
        let name = format!("{number}.part");
        ok(&folder, &["--partial", &name, "--site", "example.com", "-o", "out"], &log);
        assert_eq!(mode(&folder, &name), 0o600);
    }
    ok(
        &folder,
        &["report", "merge", "0.part", "1.part", "2.part", "-o", "all", "--store", "counts.db"],
        "",
    );
    assert_eq!(mode(&folder, "all"), 0o600);
    for source in [["--counts", "all"], ["--store", "counts.db"]] {
        let report = json(&folder, &source);
        for table in ["hour", "day"] {
            assert_eq!(table_of(&report, table), oracle(&visits, table), "{table} of {source:?}");
        }
        assert_eq!(report["totals"]["requests"], visits.len() as u64);
    }
    // A run that is there already is not added once more, alone or with others.
    ok(&folder, &["report", "merge", "0.part", "--store", "counts.db"], "");
    assert_eq!(requests(&folder), visits.len() as u64);
}

#[test]
fn what_cannot_be_joined_is_refused() {
    let (folder, visits) = (Folder::new(), visits(5, 500, 50, 1));
    let log = log(&visits);
    let write = |name: &str, more: &[&str]| {
        ok(&folder, &[&["--partial", name, "-o", "out"], more].concat(), &log);
    };
    write("a", &["--site", "example.com"]);
    write("key", &["--site", "example.com"]);
    write("site", &["--site", "www.example.com"]);
    write("policy", &["--site", "example.com", "--policy", "wordpress-2011"]);
    write("zone", &["--site", "example.com", "--timezone", "Europe/Berlin"]);
    let text = fs::read_to_string(folder.file("a")).expect("written");
    let foreign = text.replacen("\"requests\":", "\"ip\":\"192.0.2.7\",\"requests\":", 1);
    fs::write(folder.file("foreign"), resealed(&foreign)).expect("ours");
    fs::write(folder.file("changed"), text.replacen("\"requests\":", "\"requests\":1", 1))
        .expect("ours");
    for (name, words) in [
        ("a", "a run of it is in a file before it"),
        ("key", "its key differs"),
        ("site", "its site differs"),
        ("policy", "its policy differs"),
        ("zone", "its time zone differs"),
        ("foreign", "no partial counts"),
        ("changed", "no partial counts"),
    ] {
        let done = run_in(folder.path(), &["report", "merge", "a", name, "-o", "all"], b"");
        assert_eq!(done.status, 3, "{name}: {}", done.err());
        assert!(done.err().contains(words), "{name}: {}", done.err());
        assert!(!done.err().contains("192.0.2"), "{}", done.err());
        assert!(!folder.file("all").exists());
    }
    ok(&folder, &["--store", "counts.db", "--site", "example.com", "-o", "out"], &log);
    for (more, words) in [
        (["--policy", "wordpress-2011"], "another policy"),
        (["--timezone", "Asia/Tokyo"], "another time zone"),
    ] {
        let args = [&["--store", "counts.db", "-o", "out"], &more[..]].concat();
        let done = run_in(folder.path(), &args, log.as_bytes());
        assert_eq!(done.status, 2, "{}", done.err());
        assert!(done.err().contains(words), "{}", done.err());
    }
}

/// A file of partial counts with the hash that its second line has now, as somebody else might write one.
fn resealed(text: &str) -> String {
    use sha2::{Digest as _, Sha256};
    let (head, body) = text.split_once('\n').expect("two lines");
    let body = body.trim_end_matches('\n');
    let hash: String = Sha256::digest(body).iter().map(|byte| format!("{byte:02x}")).collect();
    let (form, _) = head.rsplit_once(' ').expect("a form and a hash");
    format!("{form} {hash}\n{body}\n")
}

#[test]
fn machines_that_share_a_key_join_their_visitors() {
    let folder = Folder::new();
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("later than 1970");
    let now = since.as_secs() as i64;
    let visit = |client: u32| Visit {
        client: format!("203.0.113.{client}"),
        unix: now,
        path: "/a.html".to_owned(),
        status: 200,
        bytes: 1,
    };
    let log = |clients: std::ops::Range<u32>| log(&clients.map(visit).collect::<Vec<_>>());
    for (name, clients) in [("a", 0..60), ("b", 40..100)] {
        let args = ["--partial", name, "--site", "example.com", "--key-dir", "keys", "-o", "out"];
        ok(&folder, &args, &log(clients));
    }
    ok(&folder, &["report", "merge", "a", "b", "-o", "all"], "");
    let report = json(&folder, &["--counts", "all"]);
    assert_eq!(report["totals"]["requests"], 120);
    assert_eq!(report["totals"]["visitors"], 100);
    // What a run recorded before it was begun again is joined too.
    for clients in [0..60, 40..100] {
        let args =
            ["--store", "counts.db", "--site", "example.com", "--key-dir", "keys", "-o", "out"];
        ok(&folder, &args, &log(clients));
    }
    assert_eq!(json(&folder, &["--store", "counts.db"])["totals"]["visitors"], 100);
    // A line of another day has no key, and so no visitor.
    let old = Visit { unix: START, ..visit(1) };
    let args = ["--partial", "old", "--site", "example.com", "--key-dir", "keys", "-o", "out"];
    ok(&folder, &args, &old.line());
    let report = json(&folder, &["--counts", "old"]);
    assert_eq!(
        (&report["totals"]["requests"], &report["totals"]["visitors"]),
        (&1.into(), &0.into())
    );
}

#[test]
fn more_pages_than_there_is_room_for_keep_the_frequent_ones_and_say_what_was_missed() {
    let folder = Folder::new();
    let mut dice = Dice(9);
    let mut log = String::new();
    let mut frequent = 0;
    for number in 0..150_000_u32 {
        let is_frequent = dice.below(10) == 0;
        frequent += u64::from(is_frequent);
        // Words and not numbers, which would all become one placeholder.
        let word: String = number
            .to_string()
            .bytes()
            .map(|digit| {
                ["ba", "de", "fi", "go", "hu", "ka", "le", "mi", "no", "pu"]
                    [usize::from(digit - b'0')]
            })
            .collect();
        let visit = Visit {
            client: "192.0.2.7".to_owned(),
            unix: START,
            path: if is_frequent {
                "/often".to_owned()
            } else {
                format!("/{}-{}", &word[..2], &word[2..])
            },
            status: 200,
            bytes: 1,
        };
        log += &visit.line();
    }
    ok(&folder, &["--counts", "c.json", "-o", "/dev/null"], &log);
    let text = fs::read_to_string(folder.file("c.json")).expect("written");
    let report: Value = serde_json::from_str(&text).expect("JSON");
    let rows = table_of(&report, "path");
    assert!(rows.len() <= 65_537, "{} rows", rows.len());
    assert_eq!(rows.values().map(|row| row.0).sum::<u64>(), 150_000, "nothing is lost");
    let missed = report["missed"]["path"].as_u64().unwrap_or(0);
    if rows.len() > 60_000 || rows.contains_key("(other)") {
        assert!(missed >= 1, "what was folded is said");
    }
    let found = rows["/often"].0;
    assert!(
        found <= frequent && found + missed >= frequent,
        "{found} of {frequent}, {missed} missed"
    );
}
