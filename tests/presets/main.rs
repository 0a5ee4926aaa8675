//! What the presets promise, clause by clause: a test for each clause that records and counts can carry out,
//! golden records, what differs between presets, and what does not depend on what must not come out.
//!
//! The clauses are numbered as in the policies' own files. Those that wait for the quarantine, for publishing or
//! for the service have no test here. Tokens need keys, which are the program's business: most tests of Mozilla's
//! client and Sitecore's cookie do without, some have a key of their own, and some run the program.

#![expect(clippy::print_stdout, reason = "how long the long ones took is for whoever runs them")]

mod clauses;
mod corpus;
mod mmdb;
#[path = "../program/mod.rs"]
mod program;
mod publishing;
mod reports;
mod sharing;
mod sitecore;
mod strict;

use std::{collections::BTreeSet, sync::Arc, thread, time::Instant};

use corpus::{Visit, visits};
use program::{Dice, Folder, run, run_in};
use serde_json::{Map, Value};
use tamis::{
    counts::Counts,
    emit::{Emitter, Form, Rendered},
    field::Key,
    format::Format,
    policy::{PRESETS, Plan, Policy, preset},
    privacy::{Anonymiser, Outcome, RawBlock},
    transform::{agent::Classifier, country::Countries},
};

const BASELINE: &str = "baseline";
const MOZILLA: &str = "mozilla-2008";
const WORDPRESS: &str = "wordpress-2011";
const CANONICAL: &str = "canonical-2012";
const SITECORE: &str = "sitecore-2012";
const ALL: [&str; 5] = [BASELINE, MOZILLA, WORDPRESS, CANONICAL, SITECORE];

/// The text of a preset; Mozilla's without its client.
fn text_of(name: &str) -> String {
    preset(name).expect("a preset").replace("client = \"token\"\n", "")
}

fn plan_of(text: &str) -> Plan {
    Plan::compile(&Policy::parse(text).expect("it reads")).expect("it compiles")
}

/// A plan at work: lines in, records and counts out.
struct Door {
    anonymiser: Anonymiser,
    emitter: Emitter,
    counts: Counts,
    out: Rendered,
    block: RawBlock,
}

impl Door {
    fn new(name: &str) -> Self {
        Self::of(&text_of(name), Form::Jsonl)
    }

    fn of(text: &str, form: Form) -> Self {
        let plan = Arc::new(plan_of(text));
        let (emitter, counts) = (Emitter::new(form, &plan), Counts::new(&plan));
        let classifier = Arc::new(Classifier::new());
        let anonymiser = Anonymiser::new(plan, classifier, None, 1 << 16, 16);
        let mut out = Rendered::default();
        emitter.header(&mut out);
        Self { anonymiser, emitter, counts, out, block: RawBlock::with_capacity(1 << 16) }
    }

    fn with_countries(mut self, file: Vec<u8>) -> Self {
        let countries = Countries::new(file).expect("the form that it is written in");
        self.anonymiser = self.anonymiser.with_countries(Some(Arc::new(countries)));
        self
    }

    fn send(&mut self, format: &Format, line: &str) -> Outcome {
        let Self { anonymiser, emitter, counts, out, block } = self;
        block.clear();
        block.read_from(&mut line.as_bytes()).expect("a slice reads");
        let raw = block.lines().next().expect("a line");
        anonymiser.open_block();
        let outcome = anonymiser.anonymise(format, raw, |record| {
            emitter.render(record, out);
            counts.add(record);
        });
        anonymiser.close_block();
        outcome
    }

    fn json(&mut self, visit: &Visit) -> Outcome {
        self.send(json(), &visit.json())
    }

    fn text(&self) -> &str {
        str::from_utf8(self.out.as_bytes()).expect("clean output is ASCII")
    }

    fn take(&mut self) -> String {
        let text = self.text().to_owned();
        self.out.clear();
        text
    }

    /// The report without the name and the hash of the policy.
    fn report(&mut self) -> Value {
        let mut report: Value =
            serde_json::from_str(&self.counts.report().to_json()).expect("JSON");
        let object = report.as_object_mut().expect("an object");
        object.remove("policy");
        object.remove("policy_hash");
        report
    }

    fn tables(&mut self) -> BTreeSet<String> {
        self.report()["tables"].as_object().expect("an object").keys().cloned().collect()
    }
}

fn json() -> &'static Format {
    static FORMAT: std::sync::LazyLock<Format> =
        std::sync::LazyLock::new(|| Format::named("nginx-json").expect("a format"));
    &FORMAT
}

/// The whole corpus: each visit in one of three formats.
fn lines(count: usize) -> Vec<(Format, Visit, String)> {
    let formats = ["nginx-json", "combined", "vhost-combined"]
        .map(|name| Format::named(name).expect("a format"));
    let visits = visits(2026, count);
    let with_format = |(index, visit): (usize, Visit)| {
        let line = [Visit::json, Visit::combined, Visit::vhost][index % 3](&visit);
        (formats[index % 3].clone(), visit, line)
    };
    visits.into_iter().enumerate().map(with_format).collect()
}

/// A record's keys with those in groups beside the others, and the values.
fn flat(record: &str) -> Map<String, Value> {
    let record: Map<String, Value> = serde_json::from_str(record).expect("a record is JSON");
    let mut found = Map::new();
    for (key, value) in record {
        match value {
            Value::Object(inner) if key != "query" => found.extend(inner),
            value => {
                found.insert(key, value);
            }
        }
    }
    found
}

/// All keys that records of the corpus have.
fn keys(name: &str) -> BTreeSet<String> {
    let mut door = Door::new(name);
    for (format, _, line) in lines(3_000) {
        door.send(&format, &line);
    }
    door.text().lines().flat_map(|line| flat(line).into_iter().map(|(key, _)| key)).collect()
}

fn set(words: &[&str]) -> BTreeSet<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

fn visit() -> Visit {
    Visit {
        client: "203.0.113.77".to_owned(),
        user: "alice".to_owned(),
        minute: 845,
        path: "/users/alice/orders".to_owned(),
        query: "?token=abc".to_owned(),
        status: 200,
        bytes: 5_120,
        referrer: "https://www.google.co.uk/search?q=alice".to_owned(),
        agent: "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 \
                Safari/537.36"
            .to_owned(),
        language: "en-GB,en;q=0.8".to_owned(),
        dnt: "-".to_owned(),
        gpc: "-".to_owned(),
        cookie: "session=abcdef".to_owned(),
    }
}

// Golden records.

/// A dozen visits, and what becomes of each under the presets: nothing means that it leaves no record.
fn golden() -> Vec<(Visit, [&'static str; 5])> {
    let with = |change: &dyn Fn(&mut Visit)| {
        let mut visit = visit();
        change(&mut visit);
        visit
    };
    let mobile = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_4 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) \
                  Version/17.4 Mobile/15E148 Safari/604.1";
    vec![
        (
            with(&|_| ()),
            [
                concat!(
                    r#"{"time":"2026-11-22T14:05:00Z","client":"203.0.0.0/16","method":"GET","#,
                    r#""path":"/users/{user}/orders","protocol":"1.1","status":200,"bytes":8192,"#,
                    r#""referrer":"google.co.uk","browser":"Chrome","browser_version":126,"os":"Windows","#,
                    r#""device":"desktop","bot":false,"language":"en"}"#,
                ),
                concat!(
                    r#"{"time":"2026-11-22T14:05:00Z","referrer":"google.co.uk","browser":"Chrome","#,
                    r#""browser_version":126,"language":"en"}"#,
                ),
                concat!(
                    r#"{"time":"2026-11-22T14:05:00Z","referrer":"google.co.uk","browser":"Chrome","#,
                    r#""browser_version":126,"language":"en"}"#,
                ),
                concat!(
                    r#"{"time":"2026-11-22T14:05:00Z","referrer":"google.co.uk","browser":"Chrome","#,
                    r#""browser_version":126}"#,
                ),
                concat!(
                    r#"{"client_information":{"client":"203.0.113.0/24"},"#,
                    r#""essential":{"time":"2026-11-22T14:05:00Z","path":"/users/{user}/orders","#,
                    r#""browser":"Chrome","browser_version":126,"os":"Windows"},"#,
                    r#""nonessential":{"referrer":"https://www.google.co.uk"}}"#,
                ),
            ],
        ),
        (
            with(&|visit| visit.path = "/blog/old-teapots".to_owned()),
            [
                concat!(
                    r#"{"time":"2026-11-22T14:05:00Z","client":"203.0.0.0/16","method":"GET","#,
                    r#""path":"/blog/old-teapots","protocol":"1.1","status":200,"bytes":8192,"#,
                    r#""referrer":"google.co.uk","browser":"Chrome","browser_version":126,"os":"Windows","#,
                    r#""device":"desktop","bot":false,"language":"en"}"#,
                ),
                concat!(
                    r#"{"time":"2026-11-22T14:05:00Z","referrer":"google.co.uk","browser":"Chrome","#,
                    r#""browser_version":126,"language":"en"}"#,
                ),
                concat!(
                    r#"{"time":"2026-11-22T14:05:00Z","referrer":"google.co.uk","browser":"Chrome","#,
                    r#""browser_version":126,"language":"en"}"#,
                ),
                concat!(
                    r#"{"time":"2026-11-22T14:05:00Z","referrer":"google.co.uk","browser":"Chrome","#,
                    r#""browser_version":126}"#,
                ),
                concat!(
                    r#"{"client_information":{"client":"203.0.113.0/24"},"#,
                    r#""essential":{"time":"2026-11-22T14:05:00Z","path":"/blog/old-teapots","#,
                    r#""browser":"Chrome","browser_version":126,"os":"Windows"},"#,
                    r#""nonessential":{"referrer":"https://www.google.co.uk"}}"#,
                ),
            ],
        ),
        (
            with(&|visit| (visit.path, visit.status) = ("/wordpress-3.3.1.zip".to_owned(), 206)),
            [
                concat!(
                    r#"{"time":"2026-11-22T14:05:00Z","client":"203.0.0.0/16","method":"GET","#,
                    r#""path":"/wordpress-3.3.1.zip","protocol":"1.1","status":206,"bytes":8192,"#,
                    r#""referrer":"google.co.uk","browser":"Chrome","browser_version":126,"os":"Windows","#,
                    r#""device":"desktop","bot":false,"language":"en"}"#,
                ),
                concat!(
                    r#"{"time":"2026-11-22T14:05:00Z","referrer":"google.co.uk","browser":"Chrome","#,
                    r#""browser_version":126,"language":"en"}"#,
                ),
                concat!(
                    r#"{"time":"2026-11-22T14:05:00Z","referrer":"google.co.uk","browser":"Chrome","#,
                    r#""browser_version":126,"language":"en"}"#,
                ),
                concat!(
                    r#"{"time":"2026-11-22T14:05:00Z","referrer":"google.co.uk","browser":"Chrome","#,
                    r#""browser_version":126}"#,
                ),
                concat!(
                    r#"{"client_information":{"client":"203.0.113.0/24"},"#,
                    r#""essential":{"time":"2026-11-22T14:05:00Z","path":"/wordpress-3.3.1.zip","#,
                    r#""browser":"Chrome","browser_version":126,"os":"Windows"},"#,
                    r#""nonessential":{"referrer":"https://www.google.co.uk"}}"#,
                ),
            ],
        ),
        (
            with(&|visit| (visit.path, visit.status) = ("/alice".to_owned(), 404)),
            [
                concat!(
                    r#"{"time":"2026-11-22T14:05:00Z","client":"203.0.0.0/16","method":"GET","#,
                    r#""path":"(unknown)","protocol":"1.1","status":404,"bytes":8192,"referrer":"google.co.uk","#,
                    r#""browser":"Chrome","browser_version":126,"os":"Windows","device":"desktop","bot":false,"#,
                    r#""language":"en"}"#,
                ),
                concat!(
                    r#"{"time":"2026-11-22T14:05:00Z","referrer":"google.co.uk","browser":"Chrome","#,
                    r#""browser_version":126,"language":"en"}"#,
                ),
                concat!(
                    r#"{"time":"2026-11-22T14:05:00Z","referrer":"google.co.uk","browser":"Chrome","#,
                    r#""browser_version":126,"language":"en"}"#,
                ),
                concat!(
                    r#"{"time":"2026-11-22T14:05:00Z","referrer":"google.co.uk","browser":"Chrome","#,
                    r#""browser_version":126}"#,
                ),
                concat!(
                    r#"{"client_information":{"client":"203.0.113.0/24"},"#,
                    r#""essential":{"time":"2026-11-22T14:05:00Z","path":"(unknown)","browser":"Chrome","#,
                    r#""browser_version":126,"os":"Windows"},"#,
                    r#""nonessential":{"referrer":"https://www.google.co.uk"}}"#,
                ),
            ],
        ),
        (
            with(&|visit| visit.client = "2001:db8:1:2::9".to_owned()),
            [
                concat!(
                    r#"{"time":"2026-11-22T14:05:00Z","client":"2001:db8::/32","method":"GET","#,
                    r#""path":"/users/{user}/orders","protocol":"1.1","status":200,"bytes":8192,"#,
                    r#""referrer":"google.co.uk","browser":"Chrome","browser_version":126,"os":"Windows","#,
                    r#""device":"desktop","bot":false,"language":"en"}"#,
                ),
                concat!(
                    r#"{"time":"2026-11-22T14:05:00Z","referrer":"google.co.uk","browser":"Chrome","#,
                    r#""browser_version":126,"language":"en"}"#,
                ),
                concat!(
                    r#"{"time":"2026-11-22T14:05:00Z","referrer":"google.co.uk","browser":"Chrome","#,
                    r#""browser_version":126,"language":"en"}"#,
                ),
                concat!(
                    r#"{"time":"2026-11-22T14:05:00Z","referrer":"google.co.uk","browser":"Chrome","#,
                    r#""browser_version":126}"#,
                ),
                concat!(
                    r#"{"client_information":{"client":"2001:db8:1::/48"},"#,
                    r#""essential":{"time":"2026-11-22T14:05:00Z","path":"/users/{user}/orders","#,
                    r#""browser":"Chrome","browser_version":126,"os":"Windows"},"#,
                    r#""nonessential":{"referrer":"https://www.google.co.uk"}}"#,
                ),
            ],
        ),
        (
            with(&|visit| visit.client = "dsl-192-0-2-77.example-isp.net".to_owned()),
            [
                concat!(
                    r#"{"time":"2026-11-22T14:05:00Z","client":"hostname","method":"GET","#,
                    r#""path":"/users/{user}/orders","protocol":"1.1","status":200,"bytes":8192,"#,
                    r#""referrer":"google.co.uk","browser":"Chrome","browser_version":126,"os":"Windows","#,
                    r#""device":"desktop","bot":false,"language":"en"}"#,
                ),
                concat!(
                    r#"{"time":"2026-11-22T14:05:00Z","referrer":"google.co.uk","browser":"Chrome","#,
                    r#""browser_version":126,"language":"en"}"#,
                ),
                concat!(
                    r#"{"time":"2026-11-22T14:05:00Z","referrer":"google.co.uk","browser":"Chrome","#,
                    r#""browser_version":126,"language":"en"}"#,
                ),
                concat!(
                    r#"{"time":"2026-11-22T14:05:00Z","referrer":"google.co.uk","browser":"Chrome","#,
                    r#""browser_version":126}"#,
                ),
                concat!(
                    r#"{"client_information":{"client":"example-isp.net"},"#,
                    r#""essential":{"time":"2026-11-22T14:05:00Z","path":"/users/{user}/orders","#,
                    r#""browser":"Chrome","browser_version":126,"os":"Windows"},"#,
                    r#""nonessential":{"referrer":"https://www.google.co.uk"}}"#,
                ),
            ],
        ),
        (
            with(&|visit| (visit.referrer, visit.agent) = ("-".to_owned(), "-".to_owned())),
            [
                concat!(
                    r#"{"time":"2026-11-22T14:05:00Z","client":"203.0.0.0/16","method":"GET","#,
                    r#""path":"/users/{user}/orders","protocol":"1.1","status":200,"bytes":8192,"#,
                    r#""referrer":"(none)","browser":"Other","os":"Other","device":"other","bot":false,"#,
                    r#""language":"en"}"#,
                ),
                r#"{"time":"2026-11-22T14:05:00Z","referrer":"(none)","browser":"Other","language":"en"}"#,
                r#"{"time":"2026-11-22T14:05:00Z","referrer":"(none)","browser":"Other","language":"en"}"#,
                r#"{"time":"2026-11-22T14:05:00Z","referrer":"(none)","browser":"Other"}"#,
                concat!(
                    r#"{"client_information":{"client":"203.0.113.0/24"},"#,
                    r#""essential":{"time":"2026-11-22T14:05:00Z","path":"/users/{user}/orders","#,
                    r#""browser":"Other","os":"Other"},"nonessential":{"referrer":"(none)"}}"#,
                ),
            ],
        ),
        (
            with(&|visit| visit.referrer = "https://alice.github.io/".to_owned()),
            [
                concat!(
                    r#"{"time":"2026-11-22T14:05:00Z","client":"203.0.0.0/16","method":"GET","#,
                    r#""path":"/users/{user}/orders","protocol":"1.1","status":200,"bytes":8192,"#,
                    r#""referrer":"*.github.io","browser":"Chrome","browser_version":126,"os":"Windows","#,
                    r#""device":"desktop","bot":false,"language":"en"}"#,
                ),
                concat!(
                    r#"{"time":"2026-11-22T14:05:00Z","referrer":"*.github.io","browser":"Chrome","#,
                    r#""browser_version":126,"language":"en"}"#,
                ),
                concat!(
                    r#"{"time":"2026-11-22T14:05:00Z","referrer":"*.github.io","browser":"Chrome","#,
                    r#""browser_version":126,"language":"en"}"#,
                ),
                concat!(
                    r#"{"time":"2026-11-22T14:05:00Z","referrer":"*.github.io","browser":"Chrome","#,
                    r#""browser_version":126}"#,
                ),
                concat!(
                    r#"{"client_information":{"client":"203.0.113.0/24"},"#,
                    r#""essential":{"time":"2026-11-22T14:05:00Z","path":"/users/{user}/orders","#,
                    r#""browser":"Chrome","browser_version":126,"os":"Windows"},"#,
                    r#""nonessential":{"referrer":"https://*.github.io"}}"#,
                ),
            ],
        ),
        (
            with(&|visit| visit.agent = mobile.to_owned()),
            [
                concat!(
                    r#"{"time":"2026-11-22T14:05:00Z","client":"203.0.0.0/16","method":"GET","#,
                    r#""path":"/users/{user}/orders","protocol":"1.1","status":200,"bytes":8192,"#,
                    r#""referrer":"google.co.uk","browser":"Safari","browser_version":17,"os":"iOS","#,
                    r#""device":"mobile","bot":false,"language":"en"}"#,
                ),
                concat!(
                    r#"{"time":"2026-11-22T14:05:00Z","referrer":"google.co.uk","browser":"Safari","#,
                    r#""browser_version":17,"language":"en"}"#,
                ),
                concat!(
                    r#"{"time":"2026-11-22T14:05:00Z","referrer":"google.co.uk","browser":"Safari","#,
                    r#""browser_version":17,"language":"en"}"#,
                ),
                concat!(
                    r#"{"time":"2026-11-22T14:05:00Z","referrer":"google.co.uk","browser":"Safari","#,
                    r#""browser_version":17}"#,
                ),
                concat!(
                    r#"{"client_information":{"client":"203.0.113.0/24"},"#,
                    r#""essential":{"time":"2026-11-22T14:05:00Z","path":"/users/{user}/orders","#,
                    r#""browser":"Safari","browser_version":17,"os":"iOS"},"#,
                    r#""nonessential":{"referrer":"https://www.google.co.uk"}}"#,
                ),
            ],
        ),
        (
            with(&|visit| visit.agent = "WordPress/6.4; https://alice.example.org".to_owned()),
            [
                concat!(
                    r#"{"time":"2026-11-22T14:05:00Z","client":"203.0.0.0/16","method":"GET","#,
                    r#""path":"/users/{user}/orders","protocol":"1.1","status":200,"bytes":8192,"#,
                    r#""referrer":"google.co.uk","browser":"WordPress","browser_version":6,"os":"Other","#,
                    r#""device":"bot","bot":true,"language":"en"}"#,
                ),
                concat!(
                    r#"{"time":"2026-11-22T14:05:00Z","referrer":"google.co.uk","browser":"WordPress","#,
                    r#""browser_version":6,"language":"en"}"#,
                ),
                concat!(
                    r#"{"time":"2026-11-22T14:05:00Z","referrer":"google.co.uk","browser":"WordPress","#,
                    r#""browser_version":6,"language":"en"}"#,
                ),
                concat!(
                    r#"{"time":"2026-11-22T14:05:00Z","referrer":"google.co.uk","browser":"WordPress","#,
                    r#""browser_version":6}"#,
                ),
                concat!(
                    r#"{"client_information":{"client":"203.0.113.0/24"},"#,
                    r#""essential":{"time":"2026-11-22T14:05:00Z","path":"/users/{user}/orders","#,
                    r#""browser":"WordPress","browser_version":6,"os":"Other"},"#,
                    r#""nonessential":{"referrer":"https://www.google.co.uk"}}"#,
                ),
            ],
        ),
        (
            with(&|visit| visit.dnt = "1".to_owned()),
            [
                "",
                "",
                concat!(
                    r#"{"time":"2026-11-22T14:05:00Z","referrer":"google.co.uk","browser":"Chrome","#,
                    r#""browser_version":126,"language":"en"}"#,
                ),
                concat!(
                    r#"{"time":"2026-11-22T14:05:00Z","referrer":"google.co.uk","browser":"Chrome","#,
                    r#""browser_version":126}"#,
                ),
                concat!(
                    r#"{"client_information":{"client":"203.0.113.0/24"},"#,
                    r#""essential":{"time":"2026-11-22T14:05:00Z","path":"/users/{user}/orders","#,
                    r#""browser":"Chrome","browser_version":126,"os":"Windows"},"#,
                    r#""nonessential":{"referrer":"https://www.google.co.uk"}}"#,
                ),
            ],
        ),
        (
            with(&|visit| visit.query = "?optout".to_owned()),
            [
                concat!(
                    r#"{"time":"2026-11-22T14:05:00Z","client":"203.0.0.0/16","method":"GET","#,
                    r#""path":"/users/{user}/orders","protocol":"1.1","status":200,"bytes":8192,"#,
                    r#""referrer":"google.co.uk","browser":"Chrome","browser_version":126,"os":"Windows","#,
                    r#""device":"desktop","bot":false,"language":"en"}"#,
                ),
                "",
                concat!(
                    r#"{"time":"2026-11-22T14:05:00Z","referrer":"google.co.uk","browser":"Chrome","#,
                    r#""browser_version":126,"language":"en"}"#,
                ),
                concat!(
                    r#"{"time":"2026-11-22T14:05:00Z","referrer":"google.co.uk","browser":"Chrome","#,
                    r#""browser_version":126}"#,
                ),
                concat!(
                    r#"{"client_information":{"client":"203.0.113.0/24"},"#,
                    r#""essential":{"time":"2026-11-22T14:05:00Z","path":"/users/{user}/orders","#,
                    r#""browser":"Chrome","browser_version":126,"os":"Windows"},"#,
                    r#""nonessential":{"referrer":"https://www.google.co.uk"}}"#,
                ),
            ],
        ),
        (
            with(&|visit| {
                (visit.language, visit.client) = ("tlh".to_owned(), "010.1.1.1".to_owned())
            }),
            ["", "", "", "", ""],
        ),
    ]
}

#[test]
fn records_of_a_dozen_lines_are_these() {
    let mut doors = ALL.map(Door::new);
    for (visit, expect) in golden() {
        for ((name, door), expect) in ALL.iter().zip(&mut doors).zip(expect) {
            door.json(&visit);
            assert_eq!(door.take().trim_end(), expect, "{name}: {visit:?}");
        }
    }
}

/// The keys in which records of one line differ: `-` and `+` are those that only the first or only the second
/// has, `~` those that both have with other values on some line.
#[test]
fn presets_differ_in_exactly_these_keys() {
    let expect = [
        (
            BASELINE,
            MOZILLA,
            "-bot -bytes -client -device -method -os -path -protocol -site -status",
        ),
        (
            BASELINE,
            WORDPRESS,
            "-bot -bytes -client -device -method -os -path -protocol -site -status",
        ),
        (
            BASELINE,
            CANONICAL,
            "-bot -bytes -client -device -language -method -os -path -protocol -site -status",
        ),
        (
            BASELINE,
            SITECORE,
            "-bot -bytes -device -language -method -protocol -site -status ~client ~referrer",
        ),
        (MOZILLA, WORDPRESS, ""),
        (MOZILLA, CANONICAL, "-language"),
        (MOZILLA, SITECORE, "+client +os +path -language ~referrer"),
        (WORDPRESS, CANONICAL, "-language"),
        (WORDPRESS, SITECORE, "+client +os +path -language ~referrer"),
        (CANONICAL, SITECORE, "+client +os +path ~referrer"),
    ];
    let mut doors = ALL.map(Door::new);
    let mut records = Vec::new();
    for (format, _, line) in lines(9_999) {
        let of_line = doors.each_mut().map(|door| {
            door.send(&format, &line);
            let text = door.take();
            (!text.is_empty()).then(|| flat(&text))
        });
        records.push(of_line);
    }
    for (first, second, expect) in expect {
        let place = |name: &str| ALL.iter().position(|it| *it == name).expect("a preset");
        let (first_at, second_at) = (place(first), place(second));
        let mut differing = BTreeSet::new();
        for record in &records {
            let (Some(one), Some(other)) = (&record[first_at], &record[second_at]) else {
                continue;
            };
            for (key, value) in one {
                match other.get(key) {
                    None => differing.insert(format!("-{key}")),
                    Some(found) if found != value => differing.insert(format!("~{key}")),
                    Some(_) => false,
                };
            }
            differing.extend(
                other.keys().filter(|key| !one.contains_key(*key)).map(|key| format!("+{key}")),
            );
        }
        let differing = differing.into_iter().collect::<Vec<_>>().join(" ");
        assert_eq!(differing, expect, "{first} and {second}");
    }
    // Who opts out leaves two of them.
    let opted_out = lines(9_999)
        .iter()
        .filter(|(format, visit, _)| format.detected_name() == "nginx-json" && visit.opts_out())
        .count();
    let kept = ALL.map(|name| {
        let at = ALL.iter().position(|it| *it == name).expect("a preset");
        records.iter().filter(|record| record[at].is_some()).count()
    });
    assert!(opted_out > 500, "{opted_out}");
    assert_eq!(kept, [9_999 - opted_out, 9_999 - opted_out, 9_999, 9_999, 9_999]);
}

#[test]
fn mozilla_has_a_client_besides_and_it_is_a_token() {
    let policy = Policy::parse(preset(MOZILLA).expect("a preset")).expect("it reads");
    assert!(matches!(policy.record.client, Some(tamis::policy::ClientWord::Token)));
}

// Mozilla, 2008.

#[test]
fn moz_01_records_have_what_is_named_and_no_other_header_changes_them() {
    assert_eq!(keys(MOZILLA), set(&["time", "referrer", "browser", "browser_version", "language"]));
    let (mut door, mut other) = (Door::new(MOZILLA), Door::new(MOZILLA));
    for visit in visits(1, 500) {
        let line = visit.json();
        let more = line.replacen(
            '{',
            r#"{"http_x_request_id":"alice","ssl_session_id":"77","http_x_mail":"a@example.com","#,
            1,
        );
        door.send(json(), &line);
        other.send(json(), &more);
    }
    assert_eq!(door.text(), other.text());
    assert_eq!(door.report(), other.report());
}

/// The moment of the test as logs have it: a key lives for its own day.
fn now() -> String {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let seconds = now.expect("after 1970").as_secs();
    let time = tamis::transform::time::Timestamp::from_unix(seconds.cast_signed());
    let mut text = Vec::new();
    time.expect("before 2101").write_rfc3339(&mut text);
    text.escape_ascii().to_string()
}

#[test]
fn moz_02_the_client_is_a_token_of_its_epoch() {
    let folder = Folder::new();
    let clean = |key_dir: &str, addresses: &[&str]| {
        let lines: Vec<_> = addresses
            .iter()
            .map(|it| Visit { client: (*it).to_owned(), ..visit() }.json() + "\n")
            .map(|line| line.replace("2026-11-22T14:05:37+00:00", &now()))
            .collect();
        let args = ["--policy", MOZILLA, "--key-dir", key_dir, "--format", "nginx-json"];
        let done = run_in(folder.path(), &args, lines.concat().as_bytes());
        assert_eq!(done.status, 0, "{}", done.err());
        done.out()
            .lines()
            .map(|line| flat(line)["client"].as_str().expect("text").to_owned())
            .collect::<Vec<_>>()
    };
    let found = clean("keys", &["203.0.113.77", "203.0.113.77", "203.0.113.78"]);
    assert!(found.iter().all(|token| token.starts_with("t1.")), "{found:?}");
    assert!(found[0] == found[1] && found[0] != found[2], "{found:?}");
    assert_ne!(clean("other-keys", &["203.0.113.77"])[0], found[0]);
}

#[test]
fn moz_03_what_the_purpose_needs_is_counted() {
    let mut door = Door::new(MOZILLA);
    visits(3, 2_000).iter().for_each(|visit| {
        door.json(visit);
    });
    let expect = set(&[
        "hour",
        "day",
        "method",
        "path",
        "status",
        "status_class",
        "protocol",
        "referrer",
        "browser",
        "os",
        "device",
        "bot",
        "language",
        // The corpus has one.
        "beacons",
    ]);
    assert_eq!(door.tables(), expect);
    let paths = door.report()["tables"]["path"].to_string();
    assert!(
        paths.contains("/wordpress-3.3.1.zip") && paths.contains("/users/{user}/orders"),
        "{paths}"
    );
}

/// What must not come out of records and counts, wherever it is planted.
fn check_canary(name: &str, canary: &str, plant: &[&dyn Fn(&mut Visit)]) {
    let mut door = Door::new(name);
    for plant in plant {
        let mut planted = visit();
        (planted.user, planted.path, planted.query) =
            ("-".to_owned(), "/a".to_owned(), String::new());
        (planted.referrer, planted.cookie) = ("-".to_owned(), "-".to_owned());
        plant(&mut planted);
        assert_eq!(door.json(&planted), Outcome::Clean, "{planted:?}");
    }
    let report = door.report();
    let all = format!("{}{report}", door.text());
    assert!(!all.contains(canary), "{name}: {canary} in {all}");
}

#[test]
fn moz_07_names_of_users_and_passwords_do_not_come_out() {
    for name in ALL {
        check_canary(
            name,
            "canary",
            &[
                &|visit| visit.user = "canary".to_owned(),
                &|visit| visit.query = "?user=canary&password=canary".to_owned(),
                &|visit| visit.query = "?token=canary".to_owned(),
                &|visit| visit.path = "/~canary/".to_owned(),
                &|visit| visit.path = "/users/canary".to_owned(),
                &|visit| {
                    visit.referrer =
                        "https://canary:canary@www.example.org/?password=canary".to_owned()
                },
            ],
        );
    }
}

#[test]
fn moz_09_addresses_of_mail_do_not_come_out() {
    for name in ALL {
        for mail in [
            "canary@example.com",
            "canary%40example.com",
            "canary%2540example.com",
            "canary+x@example.com",
            "canary@xn--bcher-kva.example",
        ] {
            check_canary(
                name,
                "canary",
                &[
                    &|visit| visit.user = mail.to_owned(),
                    &|visit| visit.path = format!("/unsubscribe/{mail}"),
                    &|visit| visit.query = format!("?mail={mail}"),
                    &|visit| visit.referrer = format!("https://www.example.org/?mail={mail}"),
                    &|visit| visit.referrer = format!("https://{mail}/"),
                    &|visit| visit.agent = format!("mailto:{mail}"),
                    &|visit| visit.cookie = format!("mail={mail}"),
                    &|visit| visit.language = mail.to_owned(),
                ],
            );
        }
    }
}

/// Records and counts of these visits and of the same with a change to each are the same.
fn check_no_trace(name: &str, visits: &[Visit], change: impl Fn(&mut Visit, &mut Dice)) {
    let (mut door, mut other, mut dice) = (Door::new(name), Door::new(name), Dice(77));
    for visit in visits {
        let mut changed = visit.clone();
        change(&mut changed, &mut dice);
        door.json(visit);
        other.json(&changed);
        assert_eq!(door.take(), other.take(), "{name}: {visit:?} and {changed:?}");
    }
    assert_eq!(door.report(), other.report(), "{name}");
}

#[test]
fn moz_11_cookies_leave_no_trace() {
    check_no_trace(MOZILLA, &visits(11, 3_000), |visit, dice| {
        visit.cookie = dice.text("abcdef=; ", 20)
    });
}

#[test]
fn moz_14_counts_are_those_of_the_visitors_who_did_not_opt_out() {
    let mut dice = Dice(14);
    let mut all = visits(14, 10_000);
    for (index, visit) in all.iter_mut().enumerate() {
        (visit.dnt, visit.gpc) = ("-".to_owned(), "0".to_owned());
        // Three of ten, each by one of four signals.
        match (index % 10 < 3).then(|| dice.below(4)) {
            Some(0) => visit.dnt = "1".to_owned(),
            Some(1) => visit.gpc = "1".to_owned(),
            Some(2) => visit.cookie = "a=b; optout=yes".to_owned(),
            Some(_) => visit.query = "?a=b&optout=1".to_owned(),
            None => {}
        }
    }
    let (mut whole, mut part) = (Door::new(MOZILLA), Door::new(MOZILLA));
    let mut opted_out = 0;
    for visit in &all {
        match whole.json(visit) {
            Outcome::OptedOut => opted_out += 1,
            outcome => assert_eq!(outcome, Outcome::Clean),
        }
        if !visit.opts_out() {
            part.json(visit);
        }
    }
    assert_eq!((opted_out, all.iter().filter(|visit| visit.opts_out()).count()), (3_000, 3_000));
    assert_eq!(whole.text(), part.text());
    assert_eq!(whole.report(), part.report());
}

// WordPress.org, 2011.

#[test]
fn wp_01_records_have_what_is_named() {
    assert_eq!(
        keys(WORDPRESS),
        set(&["time", "referrer", "browser", "browser_version", "language"])
    );
}

#[test]
fn wp_03_addresses_leave_no_trace() {
    check_no_trace(WORDPRESS, &visits(3, 5_000), |visit, dice| visit.client = corpus::client(dice));
}

#[test]
fn wp_06_the_site_in_the_agent_of_wordpress_does_not_come_out() {
    for name in ALL {
        check_canary(
            name,
            "canary",
            &[
                &|visit| visit.agent = "WordPress/6.4; https://canary.example.org".to_owned(),
                &|visit| visit.agent = "WordPress/3.3.1; http://www.example.org/canary".to_owned(),
            ],
        );
    }
    let mut door = Door::new(WORDPRESS);
    door.json(&Visit { agent: "WordPress/6.4; https://alice.example.org".to_owned(), ..visit() });
    assert_eq!(flat(door.text())["browser"], "WordPress");
}

#[test]
fn wp_11_nobody_opts_out_and_cookies_leave_no_trace() {
    let (mut wordpress, mut mozilla) = (Door::new(WORDPRESS), Door::new(MOZILLA));
    let asking = Visit { dnt: "1".to_owned(), ..visit() };
    assert_eq!(wordpress.json(&asking), Outcome::Clean);
    assert_eq!(mozilla.json(&asking), Outcome::OptedOut);
    let requests = |door: &mut Door| door.report()["totals"]["requests"].clone();
    assert_eq!((requests(&mut wordpress), requests(&mut mozilla)), (1.into(), 0.into()));
    check_no_trace(WORDPRESS, &visits(11, 3_000), |visit, dice| {
        visit.cookie = dice.text("abcdef=; ", 20)
    });
}

// Canonical, 2012.

#[test]
fn can_01_records_have_what_is_named_and_languages_leave_no_trace() {
    assert_eq!(keys(CANONICAL), set(&["time", "referrer", "browser", "browser_version"]));
    check_no_trace(CANONICAL, &visits(1, 3_000), |visit, dice| {
        visit.language = dice.text("defr,-;q=0.1", 8)
    });
}

#[test]
fn can_02_neither_addresses_nor_languages_leave_a_trace_in_100_000_lines() {
    let started = Instant::now();
    check_no_trace(CANONICAL, &visits(2, 100_000), |visit, dice| {
        visit.client = corpus::client(dice);
        visit.language = dice.text("defr,-;q=0.1", 8);
    });
    println!("200,000 lines in {:.1} s", started.elapsed().as_secs_f64());
}

#[test]
fn can_04_only_what_names_nobody_is_counted() {
    let mut door = Door::new(CANONICAL);
    visits(4, 2_000).iter().for_each(|visit| {
        door.json(visit);
    });
    let expect = set(&[
        "hour",
        "day",
        "method",
        "path",
        "status",
        "status_class",
        "protocol",
        "referrer",
        "browser",
        "os",
        "device",
        "bot",
    ]);
    assert_eq!(door.tables(), expect);
    let plan = plan_of(&text_of(CANONICAL));
    assert!(!plan.visitors && !plan.record.has(Key::Country));
}

#[test]
fn can_11_cookies_leave_no_trace() {
    check_no_trace(CANONICAL, &visits(11, 3_000), |visit, dice| {
        visit.cookie = dice.text("abcdef=; ", 20)
    });
}

// Sitecore, 2012.

/// Germany has the /24 of one documentation network and France all of another /32.
fn countries() -> Vec<u8> {
    mmdb::countries(&[
        mmdb::v4([203, 0, 113, 0], 24, "DE"),
        mmdb::v4([192, 0, 0, 0], 16, "SE"),
        (0x2001_0db8 << 96, 32, "FR"),
    ])
}

fn sitecore_with_countries(form: Form) -> Door {
    let text = text_of(SITECORE) + "\n[network]\ncountry_db = \"countries.mmdb\"\n";
    Door::of(&text, form).with_countries(countries())
}

#[test]
fn sit_01_records_have_three_groups_and_each_can_be_left_out() {
    let client = r#""client_information":{"client":"203.0.113.0/24","country":"DE"}"#;
    let essential = concat!(
        r#""essential":{"time":"2026-11-22T14:05:00Z","path":"/users/{user}/orders","browser":"Chrome","#,
        r#""browser_version":126,"os":"Windows"}"#
    );
    let nonessential = r#""nonessential":{"referrer":"https://www.google.co.uk"}"#;
    let mut door = sitecore_with_countries(Form::Jsonl);
    door.json(&visit());
    assert_eq!(door.text().trim_end(), format!("{{{client},{essential},{nonessential}}}"));
    for (name, rest) in [
        ("client_information", format!("{{{essential},{nonessential}}}")),
        ("essential", format!("{{{client},{nonessential}}}")),
        ("nonessential", format!("{{{client},{essential}}}")),
    ] {
        let name = format!("name = \"{name}\"\n");
        let text = text_of(SITECORE).replace(&name, &format!("{name}kept = false\n"));
        let text = text + "\n[network]\ncountry_db = \"countries.mmdb\"\n";
        let mut door = Door::of(&text, Form::Jsonl).with_countries(countries());
        door.json(&visit());
        assert_eq!(door.text().trim_end(), rest);
    }
}

#[test]
fn sit_01_columns_have_their_group_before_them() {
    let mut door = sitecore_with_countries(Form::Csv);
    door.json(&visit());
    let expect = "\
client_information.client,client_information.country,essential.time,essential.path,essential.browser,\
essential.browser_version,essential.os,nonessential.referrer,nonessential.cookie
203.0.113.0/24,DE,2026-11-22T14:05:00Z,/users/{user}/orders,Chrome,126,Windows,https://www.google.co.uk,
";
    assert_eq!(door.text(), expect);
}

#[test]
fn sit_01_the_combined_format_has_no_place_for_groups() {
    let done =
        run(&["--policy", SITECORE, "--emit", "combined"], (visit().combined() + "\n").as_bytes());
    assert_eq!((done.status, done.out()), (2, ""));
    assert!(done.err().contains("groups"), "{}", done.err());
}

#[test]
fn sit_02_the_client_is_a_domain_or_a_network_and_a_country() {
    let mut door = sitecore_with_countries(Form::Jsonl);
    for (client, expect, country) in [
        ("203.0.113.77", "203.0.113.0/24", "DE"),
        ("192.0.2.77", "192.0.2.0/24", "SE"),
        ("2001:db8:1:2::77", "2001:db8:1::/48", "FR"),
        ("198.51.100.77", "198.51.100.0/24", "ZZ"),
        ("dsl-192-0-2-77.example-isp.net", "example-isp.net", "ZZ"),
        ("77.2.0.192.in-addr.arpa", "hostname", "ZZ"),
        ("alice-laptop", "hostname", "ZZ"),
        ("2001:0:1:2:3:4:5:6", "teredo", "ZZ"),
    ] {
        door.json(&Visit { client: client.to_owned(), ..visit() });
        let record = flat(&door.take());
        assert_eq!(
            (&record["client"], &record["country"]),
            (&expect.into(), &country.into()),
            "{client}"
        );
    }
    let countries = door.report()["tables"]["country"].clone();
    assert_eq!(countries[0]["key"], "ZZ");
    assert_eq!(countries.as_array().map(Vec::len), Some(4));
}

#[test]
fn a_country_is_that_of_the_network_that_is_told() {
    // Only a /24 of 203.0.0.0/16 is known to be in a country: of the /16 nothing is.
    let text = text_of(BASELINE) + "\n[network]\ncountry_db = \"countries.mmdb\"\n";
    let country = |text: &str, client: &str| {
        let mut door = Door::of(text, Form::Jsonl).with_countries(countries());
        door.json(&Visit { client: client.to_owned(), ..visit() });
        flat(door.text())["country"].as_str().expect("text").to_owned()
    };
    assert_eq!(
        (country(&text, "203.0.113.77"), country(&text, "192.0.2.1")),
        ("ZZ".into(), "SE".into())
    );
    let alone =
        text.replace("client = { truncate = { ipv4 = 16, ipv6 = 32 } }", "client = \"country\"");
    assert_eq!(country(&alone, "203.0.113.77"), "DE");
}

#[test]
fn countries_are_read_from_the_file_that_is_named() {
    let folder = Folder::new();
    std::fs::write(folder.file("countries.mmdb"), countries()).expect("the folder is ours");
    std::fs::write(folder.file("not.mmdb"), "name").expect("the folder is ours");
    let line = visit().combined() + "\n";
    let clean = |args: &[&str]| run_in(folder.path(), args, line.as_bytes());
    let done = clean(&["--country-db", "countries.mmdb", "--client", "country"]);
    let record = flat(done.out());
    assert_eq!((record.get("client"), &record["country"]), (None, &"DE".into()));
    assert!(!flat(clean(&["--client", "country"]).out()).contains_key("country"));
    let csv = ["--policy", SITECORE, "--emit", "csv", "--key-dir", "keys"];
    let done = clean(&[&["--country-db", "countries.mmdb"], &csv[..]].concat());
    assert!(
        done.out().contains("client_information.country") && done.out().contains(",DE,"),
        "{}",
        done.out()
    );
    for file in ["not.mmdb", "missing.mmdb"] {
        let done = clean(&["--country-db", file]);
        assert_eq!((done.status, done.out()), (2, ""));
        assert!(done.err().contains(file), "{}", done.err());
    }
}

#[test]
fn sit_03_essential_is_page_browser_system_and_time() {
    let record: Value = {
        let mut door = Door::new(SITECORE);
        door.json(&visit());
        serde_json::from_str(door.text()).expect("JSON")
    };
    let keys: Vec<_> =
        record["essential"].as_object().expect("an object").keys().cloned().collect();
    assert_eq!(
        keys.into_iter().collect::<BTreeSet<_>>(),
        set(&["time", "path", "browser", "browser_version", "os"])
    );
    // Neither page nor system stands in the records of the other published policies.
    for name in [MOZILLA, WORDPRESS, CANONICAL] {
        assert!(keys_of_plan(name).is_disjoint(&set(&["path", "os"])), "{name}");
    }
}

fn keys_of_plan(name: &str) -> BTreeSet<String> {
    plan_of(&text_of(name)).record.iter().map(|key| key.name().to_owned()).collect()
}

#[test]
fn sit_04_nonessential_is_the_origin_of_the_referrer() {
    let mut door = Door::new(SITECORE);
    for (referrer, expect) in [
        ("https://www.google.co.uk/search?q=alice", "https://www.google.co.uk"),
        ("http://forum.example.org:8080/thread", "http://forum.example.org"),
        ("https://alice.github.io/links", "https://*.github.io"),
        ("https://192-0-2-77.dsl.example.net/x", "https://*.example.net"),
        ("http://192.0.2.9/", "(ip)"),
        ("android-app://com.example/", "(other)"),
        ("-", "(none)"),
    ] {
        door.json(&Visit { referrer: referrer.to_owned(), ..visit() });
        let record: Value = serde_json::from_str(&door.take()).expect("JSON");
        assert_eq!(record["nonessential"]["referrer"], expect, "{referrer}");
    }
}

#[test]
fn sit_05_nothing_else_depends_on_referrer_and_cookie() {
    let (mut door, mut other) = (sitecore::with_keys(""), sitecore::with_keys(""));
    let groups = |text: &str| {
        let end = text.find(",\"nonessential\"").unwrap_or(text.trim_end().len() - 1);
        text[..end].to_owned()
    };
    for mut visit in visits(5, 50_000) {
        visit.cookie = format!("{}; {}={}", visit.cookie, sitecore::COOKIE, visit.client);
        let without = Visit { referrer: "-".to_owned(), cookie: "-".to_owned(), ..visit.clone() };
        door.json(&visit);
        // A browser that sends neither, and a server that logs neither.
        if without.bytes.is_multiple_of(2) {
            other.json(&without);
        } else {
            let line = without
                .json()
                .replace(r#","http_cookie":"-""#, "")
                .replace(r#""http_referer":"-","#, "");
            other.send(json(), &line);
        }
        let (told, untold) = (door.take(), other.take());
        assert_eq!(groups(&told), groups(&untold), "{visit:?}");
        assert!(told.contains(r#""cookie":"t1."#) && !untold.contains("cookie"), "{told}{untold}");
    }
    assert_eq!(door.report(), other.report());
}

#[test]
fn sit_06_a_line_without_the_essential_is_refused() {
    use tamis::field::Reason;
    let mut door = Door::new(SITECORE);
    let line = visit().json();
    let without = |part: &str| {
        assert!(line.contains(part), "{part}");
        line.replace(part, "")
    };
    let request = r#""request":"GET /users/alice/orders?token=abc HTTP/1.1","#;
    for (line, reason) in [
        (without(request), Reason::NotThisFormat),
        (line.replace("GET /users/alice/orders?token=abc HTTP/1.1", "-"), Reason::BadRequest),
        (
            line.replace("GET /users/alice/orders?token=abc HTTP/1.1", "\\u0016\\u0003"),
            Reason::BadRequest,
        ),
        (without(r#""remote_addr":"203.0.113.77","#), Reason::BadAddress),
        (line.replace("203.0.113.77", "-"), Reason::BadAddress),
        (line.replace("2026-11-22T", "yesterday"), Reason::BadTime),
    ] {
        let outcome = door.send(json(), &line);
        assert!(matches!(outcome, Outcome::Refused(_)), "{outcome:?} {line}");
        let is_detail = matches!(reason, Reason::NotThisFormat);
        assert!(is_detail || outcome == Outcome::Refused(reason), "{outcome:?} {line}");
    }
    assert_eq!(door.text(), "");
}

#[test]
fn sit_07_what_was_entered_leaves_no_trace() {
    check_no_trace(SITECORE, &visits(7, 3_000), |visit, dice| {
        visit.query = format!("?name={}", dice.text("abcdef&=", 9))
    });
}

#[test]
fn sit_08_only_this_policy_may_keep_the_client_without_an_end() {
    let compile = |text: String| {
        let policy = Policy::parse(&text).map_err(|error| error.to_string())?;
        Plan::compile(&policy).map(|_| ()).map_err(|error| error.to_string())
    };
    assert_eq!(compile(text_of(SITECORE).replace("client = 760", "client = \"none\"")), Ok(()));
    for name in ALL.into_iter().filter(|name| *name != SITECORE) {
        let refused =
            compile(text_of(name) + "\n[retention]\nclient = \"none\"\n").expect_err("refused");
        assert!(refused.contains("retention.client"), "{refused}");
        assert_eq!(
            compile(text_of(name) + "\n[retention]\nclient = 30\nrecords = 760\ncounts = 760\n"),
            Ok(())
        );
    }
    assert!(compile(text_of(SITECORE).replace("client = 760", "records = \"none\"")).is_err());
    assert!(compile(text_of(SITECORE).replace("client = 760", "client = 0")).is_err());
    assert!(compile(text_of(SITECORE).replace("client = 760", "client = \"forever\"")).is_err());
}

#[test]
fn sit_12_traffic_is_counted_without_languages_and_referrers() {
    let mut door = sitecore_with_countries(Form::Jsonl);
    visits(12, 2_000).iter().for_each(|visit| {
        door.json(visit);
    });
    let expect = set(&[
        "hour",
        "day",
        "method",
        "path",
        "status",
        "status_class",
        "protocol",
        "browser",
        "os",
        "device",
        "bot",
        "country",
    ]);
    assert_eq!(door.tables(), expect);
}

// The baseline.

/// Pairs of lines that differ in secrets only: host bits, query values, builds of agents, users, cookies.
fn check_secrets(pairs: usize, seed: u64) {
    let (mut door, mut other, mut dice) = (Door::new(BASELINE), Door::new(BASELINE), Dice(seed));
    let combined = Format::named("combined").expect("a format");
    for index in 0..pairs {
        let mut visit = Visit::new(&mut dice);
        let network = *dice.pick(&["192.0", "198.51", "203.0", "2001:db8"]);
        let family = *dice.pick(&["Chrome/126.0", "Firefox/127.0"]);
        let has_query = dice.below(2) == 0;
        let mut secrets = |visit: &mut Visit| {
            visit.client = if network.contains(':') {
                let group = |dice: &mut Dice| dice.below(65_535) + 1;
                format!(
                    "{network}:{:x}:{:x}::{:x}",
                    group(&mut dice),
                    group(&mut dice),
                    group(&mut dice)
                )
            } else {
                format!("{network}.{}.{}", dice.below(256), dice.below(256))
            };
            visit.user = dice.text("abcdefgh", 6);
            visit.cookie = format!("session={}", dice.text("abcdef0123456789", 16));
            let (build, system) = (dice.below(9_999), dice.below(3) + 8);
            visit.agent = format!(
                "Mozilla/5.0 (Windows NT 10.0; Win64; x64; build {system}) Gecko {family}.{build}.7"
            );
            visit.query = if has_query {
                format!("?q={}&mail={}", dice.text("abcdef%", 8), dice.text("ab@.", 9))
            } else {
                String::new()
            };
        };
        let mut pair = visit.clone();
        secrets(&mut visit);
        secrets(&mut pair);
        if index % 2 == 0 {
            door.json(&visit);
            other.json(&pair);
        } else {
            door.send(&combined, &visit.combined());
            other.send(&combined, &pair.combined());
        }
        assert!(door.out.as_bytes() == other.out.as_bytes(), "{visit:?} and {pair:?}");
        door.out.clear();
        other.out.clear();
    }
    assert_eq!(door.report(), other.report());
}

#[test]
fn secrets_leave_no_trace_in_1_000_000_pairs() {
    const PIECES: u64 = 8;
    thread::scope(|scope| {
        for seed in 0..PIECES {
            scope.spawn(move || check_secrets(1_000_000 / PIECES as usize, 2_026 + seed));
        }
    });
}

// All of them.

#[test]
fn every_preset_has_its_name_and_says_which_clauses_it_carries_out() {
    let names = PRESETS.map(|(name, _)| name);
    assert_eq!(names, [BASELINE, "strict", MOZILLA, WORDPRESS, CANONICAL, SITECORE]);
    for (name, text) in PRESETS {
        let policy = Policy::parse(text).expect("it reads");
        assert_eq!(policy.name, name);
        if let tamis::policy::Basis::Clauses(clauses) = policy.basis {
            for clause in clauses {
                let stands =
                    text.lines().any(|line| line.starts_with('#') && line.contains(&clause));
                assert!(stands, "{name}: {clause} stands beside nothing that carries it out");
            }
        }
    }
}
