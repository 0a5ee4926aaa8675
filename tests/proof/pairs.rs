//! A million pairs of lines for each preset that differ in nothing but what must not come out: their records and
//! reports are the same, byte for byte.
//!
//! What must not come out depends on the policy. The bits of an address that it cuts off, or the whole
//! address; users, queries, cookies; builds of agents and all of a referrer behind its domain; languages under
//! one; and for reports and records that are held, in which order the lines of an hour came.

use std::{collections::BTreeMap, fs};

use super::{
    corpus::{self, Visit},
    grouped,
    program::{Dice, Folder, run_in},
    size,
};

/// How many visitors there are: their numbers are exact, and so the same with other keys.
const VISITORS: usize = 1_400;

/// What a preset lets go of a client.
#[derive(Clone, Copy, PartialEq)]
enum Client {
    /// The last so many bits of an IPv4 address, and of an IPv6 one all but 64 of which 32 are told.
    Bits(u32),
    /// All of it.
    Whole,
}

/// A preset as it is run.
struct Case {
    policy: &'static str,
    args: &'static [&'static str],
    client: Client,
    /// Whether it lets go of languages.
    language: bool,
    /// Whether it lets go of the origin's scheme and host before the domain.
    host: bool,
    /// Whether its records are held, and so have no order.
    is_held: bool,
}

const CASES: [Case; 6] = [
    Case {
        policy: "baseline",
        args: &[],
        client: Client::Bits(16),
        language: false,
        host: true,
        is_held: false,
    },
    Case {
        policy: "strict",
        args: &[],
        client: Client::Whole,
        language: true,
        host: true,
        is_held: true,
    },
    Case {
        policy: "mozilla-2008",
        args: &["--client", "drop"],
        client: Client::Whole,
        language: false,
        host: true,
        is_held: false,
    },
    Case {
        policy: "wordpress-2011",
        args: &[],
        client: Client::Whole,
        language: false,
        host: true,
        is_held: false,
    },
    Case {
        policy: "canonical-2012",
        args: &[],
        client: Client::Whole,
        language: true,
        host: true,
        is_held: false,
    },
    Case {
        policy: "sitecore-2012",
        args: &["--ipv6-prefix", "32", "--key-dir", "keys"],
        client: Client::Bits(8),
        language: true,
        host: false,
        is_held: false,
    },
];

/// Who else somebody is, under a policy: another one for each, of the same kind, in the network that is told.
struct Others {
    names: BTreeMap<String, String>,
}

impl Others {
    fn new(clients: &[String], client: Client, dice: &mut Dice) -> Self {
        let (add, group) = (1 + dice.below(254), 1 + dice.below(65_535));
        let names = clients.iter().map(|one| {
            let other = if let Some(rest) = one.strip_prefix("2001:db8:") {
                let mut groups = rest.split(':');
                let [third, fourth] = [(); 2].map(|()| groups.next().expect("it has them"));
                let fourth = usize::from_str_radix(fourth, 16).expect("digits") ^ group;
                format!("2001:db8:{third}:{fourth:x}::{:x}", 1 + dice.below(65_535))
            } else if let Some(host) = one.strip_prefix("host-") {
                format!("guest-{host}")
            } else {
                let mut octets: Vec<usize> =
                    one.split('.').map(|octet| octet.parse().expect("a number")).collect();
                octets[3] = (octets[3] + add) % 256;
                if client != Client::Bits(8) {
                    octets[2] = (octets[2] + add) % 256;
                }
                octets.iter().map(ToString::to_string).collect::<Vec<_>>().join(".")
            };
            (one.clone(), other)
        });
        Self { names: names.collect() }
    }

    /// The same visit as somebody else might have made it.
    fn change(&self, visit: &Visit, case: &Case, dice: &mut Dice) -> Visit {
        let mut other = visit.clone();
        other.client = self.names[&visit.client].clone();
        other.user = dice.text("abcdefgh", 6);
        other.cookie = format!("session={}", dice.text("abcdefghijklmnop", 16));
        if !visit.query.is_empty() {
            other.query = format!("?sid={}", dice.text("0123456789abcdef", 12));
        }
        let (build, last) = (dice.below(9_999), dice.below(99));
        other.agent = visit
            .agent
            .replace("Chrome/126.0.0.0", &format!("Chrome/126.0.{build}.{last}"))
            .replace("127.0", &format!("127.{last}"))
            .replace("605.1.15", &format!("{build}.1.{last}"))
            .replace("10_15_7", &format!("10_15_{last}"))
            .replace("curl/8.5.0", &format!("curl/8.{last}.{build}"))
            .replace(
                "Googlebot/2.1; +http://www.google.com",
                &format!("Googlebot/2.{last}; +http://{build}.example.com"),
            )
            .replace(
                "WordPress/6.4; https://alice",
                &format!("WordPress/6.{last}; https://bob{build}"),
            );
        let text = dice.text("abcdefghij", 8);
        other.referrer = visit
            .referrer
            .replace("search?q=teapots", &format!("search?q={text}"))
            .replace("thread?id=77", &format!("{text}?id={build}"))
            .replace("/links", &format!("/{text}"))
            .replace("192.0.2.9", &format!("198.51.100.{last}"))
            .replace("/cart", &format!("/{text}#{build}"));
        if case.host {
            other.referrer = other
                .referrer
                .replace("://forum", &format!("://{text}"))
                .replace("192-0-2-77.dsl", &format!("203-0-113-{last}.{text}"))
                .replace("://shop", "://www");
        }
        if case.language {
            other.language = (*dice.pick(&["fr", "en-GB,en;q=0.8", "-", "pl"])).to_owned();
        }
        other
    }
}

/// How often to tell of a piece of lines: as they are, changed, and changed in another order.
fn logs(case: &Case, count: usize, seed: u64) -> [String; 3] {
    let mut dice = Dice(seed);
    let clients: Vec<String> = (0..VISITORS).map(|_| corpus::client(&mut dice)).collect();
    let others = Others::new(&clients, case.client, &mut dice);
    let mut visits = corpus::visits(seed, count);
    for visit in &mut visits {
        visit.client = dice.pick(&clients).clone();
    }
    // In the order of their hours, so that none is late.
    visits.sort_by_key(|visit| visit.minute / 60);
    let mut changed: Vec<Visit> =
        visits.iter().map(|visit| others.change(visit, case, &mut dice)).collect();
    let write = |visits: &[Visit]| -> String {
        // The formats that the corpus is written in, of which only one says languages, signals and cookies.
        visits.iter().map(|visit| visit.json() + "\n").collect()
    };
    let (as_they_are, as_others) = (write(&visits), write(&changed));
    let mut from = 0;
    for hour in changed.clone().chunk_by(|one, other| one.minute / 60 == other.minute / 60) {
        let piece = &mut changed[from..from + hour.len()];
        for at in (1..piece.len()).rev() {
            piece.swap(at, dice.below(at + 1));
        }
        from += hour.len();
    }
    [as_they_are, as_others, write(&changed)]
}

/// What comes out of a log: records, the report, and how many records there are.
fn told(case: &Case, log: &str) -> (Vec<u8>, Vec<u8>, u64) {
    let folder = Folder::new();
    let args = ["--policy", case.policy, "--format", "nginx-json", "--site", "www.example.com"];
    let more = ["--counts", "counts.json", "--summary", "json"];
    let done = run_in(folder.path(), &[&args[..], &more, case.args].concat(), log.as_bytes());
    assert_eq!(done.status, 0, "{}", done.err());
    let report = fs::read(folder.file("counts.json")).expect("counts were written");
    let clean = done.summary()["clean"].as_u64().expect("a number");
    (done.stdout, report, clean)
}

/// Compares what a preset tells of pairs; gives how many lines of both became records.
fn check(case: &Case, pairs: usize, seed: u64) -> u64 {
    let [log, other, shuffled] = logs(case, pairs, seed);
    assert!(log.lines().zip(other.lines()).all(|(one, other)| one != other));
    let (records, report, clean) = told(case, &log);
    let (records_of_other, report_of_other, _) = told(case, &other);
    let name = case.policy;
    assert!(
        records == records_of_other,
        "{name}, seed {seed}: {}",
        differ(&records, &records_of_other)
    );
    assert!(
        report == report_of_other,
        "{name}, seed {seed}: {}",
        differ(&report, &report_of_other)
    );
    let (records_of_shuffled, report_of_shuffled, _) = told(case, &shuffled);
    assert!(
        report == report_of_shuffled,
        "{name}, seed {seed}: {}",
        differ(&report, &report_of_shuffled)
    );
    assert_eq!(
        records == records_of_shuffled,
        case.is_held,
        "{name}: only what is held has no order"
    );
    assert!(clean > pairs as u64 / 2, "{name}: {clean} records");
    clean
}

/// The first place at which two texts differ.
fn differ(one: &[u8], other: &[u8]) -> String {
    let [one, other] = [one, other].map(|text| str::from_utf8(text).expect("clean output is text"));
    let found = one.lines().zip(other.lines()).find(|(one, other)| one != other);
    format!("{found:?}")
}

#[test]
fn what_must_not_come_out_leaves_no_trace_in_pairs_of_lines() {
    let (pairs, pieces) = (size(4_000, 250_000), size(1, 4));
    let all = CASES.map(|case| {
        let clean: u64 = (0..pieces).map(|piece| check(&case, pairs, 2_026 + piece as u64)).sum();
        (case.policy, clean)
    });
    let told = all.map(|(policy, clean)| format!("{policy} {}", grouped(clean)));
    println!(
        "B3: {} pairs of lines that differ in secrets only, for each of {} presets: records and reports the same, \
         byte for byte; reports (and records that are held) also with each hour in another order; records: {}",
        grouped((pairs * pieces) as u64),
        CASES.len(),
        told.join(", ")
    );
}
