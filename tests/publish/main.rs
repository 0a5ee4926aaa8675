//! Publishing from outside: a log goes in, and what lies in the public folder is compared with the raw log.
//!
//! How hidden cells are attacked stands in `src/counts/publish/tests_attack.rs`, with the rules that are switched off
//! there; the linear programs are in `lp.rs`, here.

mod lp;
#[path = "../program/mod.rs"]
mod program;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
};

use program::{Dice, Folder, run_in};
use serde_json::Value;

const POLICY: &str = "name = \"own\"\nversion = 1\n[record]\ntime = { grain = \"minute\" }\n[counts]\n\
    tables = [\"day\", \"hour\", \"path\", \"status\", \"status_class\", \"browser\"]\nvisitors = true\n\
    path = { shape = \"cleaned\", status = [\"2xx\", \"304\"] }\n[publish]\nallowed = true\n";

/// A request: the day of November 2020, the network, and the page.
type Visit = (u32, u8, usize);

/// A log of a few days, and what it is made of.
fn log(days: std::ops::RangeInclusive<u32>) -> (String, Vec<Visit>) {
    let (mut dice, mut text, mut visits) = (Dice(7), String::new(), Vec::new());
    for day in days {
        for _ in 0..150 + dice.below(150) {
            let network = dice.below(60).min(dice.below(60)) as u8;
            let page = dice.below(9).min(dice.below(9));
            let (host, hour, minute) = (dice.below(200), dice.below(24), dice.below(60));
            text += &format!(
                "198.51.{network}.{host} - - [{day:02}/Nov/2020:{hour:02}:{minute:02}:00 +0000] \
                 \"GET /page-{} HTTP/1.1\" 200 512 \"-\" \"Mozilla/5.0 (X11; Linux x86_64; rv:127.0) \
                 Gecko/20100101 Firefox/127.0\"\n",
                PAGES[page]
            );
            visits.push((day, network, page));
        }
    }
    (text, visits)
}

const PAGES: [&str; 9] =
    ["home", "news", "about", "shop", "help", "jobs", "press", "legal", "contact"];

/// A folder with a store in it.
fn counted(days: std::ops::RangeInclusive<u32>, policy: &str) -> (Folder, Vec<Visit>) {
    let folder = Folder::new();
    let (text, visits) = log(days);
    fs::write(folder.file("policy.toml"), policy).expect("the folder is ours");
    let args = ["--policy", "./policy.toml", "--store", "counts.db", "-o", "clean.jsonl"];
    let done = run_in(folder.path(), &args, text.as_bytes());
    assert_eq!(done.status, 0, "{}", done.err());
    (folder, visits)
}

/// Publishes and gives the status and what was said.
fn publish(folder: &Folder, period: &str, more: &[&str]) -> (i32, String) {
    let mut args = vec!["report", "publish", "public", "--period", period];
    args.extend(["--policy", "./policy.toml", "--store", "counts.db"]);
    if !more.contains(&"--reviewer") {
        args.extend(["--reviewer", "Alice"]);
    }
    args.extend(more);
    let done = run_in(folder.path(), &args, b"");
    (done.status, format!("{}{}", done.out(), done.err()))
}

fn json(folder: &Folder, period: &str) -> Value {
    let text = fs::read_to_string(folder.file(&format!("public/{period}.json")));
    serde_json::from_str(&text.expect("it was published")).expect("JSON")
}

fn rows(report: &Value, table: &str) -> BTreeMap<String, u64> {
    let rows = report["tables"][table].as_array().cloned().unwrap_or_default();
    let row = |row: &Value| {
        let key = row["key"].as_str().expect("a key").to_owned();
        (key, row["requests"].as_u64().expect("a number"))
    };
    rows.iter().map(row).collect()
}

/// All files of the public folder.
fn public(folder: &Folder) -> BTreeMap<String, Vec<u8>> {
    let entries = fs::read_dir(folder.file("public")).into_iter().flatten();
    let file = |entry: std::io::Result<fs::DirEntry>| {
        let path = entry.expect("the folder is ours").path();
        let name = path.file_name().expect("a name").display().to_string();
        (name, fs::read(path).expect("the file is ours"))
    };
    entries.map(file).collect()
}

#[test]
fn each_published_number_is_of_ten_networks_of_the_raw_log_on_one_day() {
    let (folder, visits) = counted(2..=8, POLICY);
    let (status, said) = publish(&folder, "2020-W45", &[]);
    assert_eq!(status, 0, "{said}");
    let report = json(&folder, "2020-W45");
    assert_eq!(report["internal"], false);
    let total = report["totals"]["requests"].as_u64().expect("a total");
    assert_eq!(total, visits.len() as u64);
    let mut hidden = 0;
    for (page, name) in PAGES.iter().enumerate() {
        let mut days: BTreeMap<u32, BTreeSet<u8>> = BTreeMap::new();
        let of: Vec<&Visit> = visits.iter().filter(|visit| visit.2 == page).collect();
        of.iter().for_each(|visit| {
            days.entry(visit.0).or_default().insert(visit.1);
        });
        let networks = days.values().map(BTreeSet::len).max().unwrap_or_default();
        match rows(&report, "path").get(&format!("/page-{name}")) {
            Some(requests) => {
                assert!(networks >= 10, "{name}: {networks}");
                assert_eq!(*requests, of.len() as u64, "{name}");
            }
            None => hidden += 1,
        }
    }
    assert!((2..PAGES.len()).contains(&hidden), "{hidden}");
    for (table, _) in report["tables"].as_object().expect("tables") {
        assert_eq!(rows(&report, table).values().sum::<u64>(), total, "{table}");
    }
}

#[test]
fn what_was_published_comes_out_the_same_and_never_otherwise() {
    let (folder, _) = counted(2..=3, POLICY);
    assert_eq!(publish(&folder, "2020-11-02", &[]).0, 0);
    let first = public(&folder);
    assert_eq!(first.len(), 3, "{:?}", first.keys());
    // As after a crash between the ledger and the files.
    for name in ["2020-11-02.json", "2020-11-02.html"] {
        fs::remove_file(folder.file(&format!("public/{name}"))).expect("it is there");
    }
    let (status, said) = publish(&folder, "2020-11-02", &["--reviewer", "Bob"]);
    assert!(status == 0 && said.contains("published before"), "{status} {said}");
    assert_eq!(public(&folder), first);
    // Later lines of the day change what is counted, and nothing of what was told.
    let (text, _) = log(2..=2);
    let late = text.lines().take(40).collect::<Vec<_>>().join("\n");
    let args = ["--policy", "./policy.toml", "--store", "counts.db", "-o", "clean.jsonl"];
    assert_eq!(run_in(folder.path(), &args, late.as_bytes()).status, 0);
    let (status, said) = publish(&folder, "2020-11-02", &[]);
    assert!(status == 3 && said.contains("other numbers"), "{status} {said}");
    assert_eq!(public(&folder), first);
    // A part, and a whole with a gap.
    let (status, said) = publish(&folder, "2020-W45", &[]);
    assert!(status == 3 && said.contains("release these first"), "{status} {said}");
    assert_eq!(publish(&folder, "2020-12", &[]).0, 0);
    let (status, said) = publish(&folder, "2020-12-24", &[]);
    assert!(status == 3 && said.contains("2020-12 was released as a whole"), "{status} {said}");
}

#[test]
fn a_week_is_the_sum_of_its_published_days() {
    let (folder, _) = counted(2..=8, POLICY);
    let mut sums: BTreeMap<String, u64> = BTreeMap::new();
    for day in 2..=8 {
        let day = format!("2020-11-{day:02}");
        assert_eq!(publish(&folder, &day, &[]).0, 0);
        for (key, requests) in rows(&json(&folder, &day), "path") {
            *sums.entry(key).or_default() += requests;
        }
    }
    let (status, said) = publish(&folder, "2020-W45", &[]);
    assert!(status == 0 && said.contains("the sum of 7 periods"), "{status} {said}");
    assert_eq!(rows(&json(&folder, "2020-W45"), "path"), sums);
}

#[test]
fn what_could_be_somebody_stops_the_publication_before_anything_is_written() {
    let (folder, _) = counted(2..=2, POLICY);
    for name in ["alice@example.com", "192.0.2.7", "2001:db8::7", "t1.20414.Zm9vYmFyYmF6cXV4"] {
        let (status, said) = publish(&folder, "2020-11-02", &["--reviewer", name]);
        assert!(status == 3 && said.contains("looks like") && !said.contains(name), "{said}");
        let ledger: Vec<Vec<u8>> = public(&folder).into_values().collect();
        assert_eq!(ledger, [Vec::<u8>::new()], "{name}");
    }
}

#[test]
fn a_policy_that_does_not_provide_for_it_is_a_gate() {
    let without = POLICY.replace("allowed = true", "allowed = false");
    let nobody = POLICY.replace("visitors = true", "visitors = false");
    for policy in [&without, &nobody] {
        let (folder, _) = counted(2..=2, policy);
        let (status, said) = publish(&folder, "2020-11-02", &[]);
        assert!(status == 3 && said.contains("the policy own"), "{status} {said}");
        assert!(public(&folder).is_empty());
    }
    let (folder, _) = counted(2..=2, POLICY);
    fs::write(folder.file("policy.toml"), format!("{POLICY}k = 5\n")).expect("the folder is ours");
    let (status, said) = publish(&folder, "2020-11-02", &[]);
    assert!(status == 2 && said.contains("another policy"), "{status} {said}");
    for preset in ["canonical-2012", "sitecore-2012", "strict"] {
        let args = [
            "report",
            "publish",
            "public",
            "--period",
            "2020-11",
            "--reviewer",
            "Alice",
            "--policy",
            preset,
        ];
        assert_eq!(run_in(folder.path(), &args, b"").status, 3, "{preset}");
    }
}
