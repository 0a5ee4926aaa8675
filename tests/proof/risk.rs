//! Of records that may be published, `audit risk` finds none that fewer than ten share; of those for internal use it
//! says how many there are.

use std::{collections::HashMap, fs, path::Path};

use serde_json::Value;

use super::{
    grouped,
    program::{Folder, run_in},
    size, town,
};

/// What `audit risk` says of what a policy made of a log, and how many lines of records the rarest of them has.
fn risk(policy: &str, log: &str) -> (Value, usize) {
    let folder = Folder::new();
    let done = run_in(folder.path(), &["--policy", policy, "--format", "combined"], log.as_bytes());
    assert_eq!(done.status, 0, "{}", done.err());
    fs::write(folder.file("clean.jsonl"), &done.stdout).expect("the folder is ours");
    // Counted once more, by nothing but the bytes of the lines.
    let mut lines: HashMap<&str, usize> = HashMap::new();
    done.out().lines().for_each(|line| *lines.entry(line).or_default() += 1);
    let rarest = lines.values().min().copied().unwrap_or_default();
    let said = run_in(folder.path(), &["audit", "risk", "clean.jsonl", "--json"], b"");
    assert_eq!(said.status, 0, "{}", said.err());
    (serde_json::from_slice(&said.stdout).expect("JSON"), rarest)
}

fn under(risk: &Value, k: u64) -> u64 {
    let rows = risk["under"].as_array().expect("a list");
    let row = rows.iter().find(|row| row["k"] == k).expect("it is asked for");
    row["records"].as_u64().expect("a number")
}

fn check(name: &str, log: &str) {
    let (published, rarest) = risk("strict", log);
    let (internal, _) = risk("baseline", log);
    let records = |risk: &Value| risk["records"].as_u64().expect("a number");
    println!(
        "B7: {name}, {} lines: strict writes {} records, of which {} have fewer than 10 like them (the rarest has {}) \
         and say {:.1} bits; baseline {}, of which {} ({:.0}%) have fewer than 10 and say {:.1} bits",
        grouped(log.lines().count() as u64),
        grouped(records(&published)),
        under(&published, 10),
        rarest,
        published["entropy_bits"].as_f64().expect("a number"),
        grouped(records(&internal)),
        grouped(under(&internal, 10)),
        under(&internal, 10) as f64 / records(&internal) as f64 * 100.0,
        internal["entropy_bits"].as_f64().expect("a number"),
    );
    assert!(records(&published) * 4 > records(&internal), "hardly anything came out");
    assert_eq!([2, 5, 10].map(|k| under(&published, k)), [0, 0, 0], "{published}");
    assert!(rarest >= 10);
    assert!(under(&internal, 10) > records(&internal) / 2, "the measure sees who stands alone");
}

#[test]
fn no_published_record_has_fewer_than_ten_like_it() {
    let visitors = size(3_000, 200_000);
    check("a simulated day", &town::log(&town::day(7, visitors, 24.min(visitors / 400))));
    let path = "../shared/data/real/elastic_apache_combined.log";
    match fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)) {
        Ok(log) => check("a real log", &log),
        Err(_) => println!("SKIPPED: {path} is not there"),
    }
}
