//! Real logs, counted once more by something that shares no code with the counts: each line is taken apart here, and
//! only what cleaning decides (paths, referrers, agents) is read from the record that the program printed for it.
//!
//! The logs lie beside the repository and are no part of it; what is not there is skipped with a line that says so.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    io::{self, Write as _},
    net::IpAddr,
    path::Path,
    sync::Arc,
};

use serde_json::Value;
use tamis::{
    counts::Counts,
    emit::{Emitter, Form, Rendered},
    format::Format,
    policy::{Plan, Policy, preset},
    privacy::{Anonymiser, Outcome, RawBlock, VisitorKeys},
    transform::{
        agent::Classifier,
        country::Countries,
        pseudonym::{Secret, SketchKey},
    },
};

use crate::{
    mmdb,
    program::{Folder, run_in},
};

/// By how much a number of visitors may be off where it is an estimate.
const OFF_MAX: f64 = 0.02;

/// Up to how many visitors a row says exactly, after README.md.
const EXACT_MAX: u64 = 1_536;

/// For each key of a table: requests, bytes, and who.
type Slow<'a> = BTreeMap<String, (u64, u64, BTreeSet<&'a str>)>;

/// A line as it was logged.
struct Seen {
    site: Option<String>,
    /// What makes its client a visitor: an address, the first 64 bits of an IPv6 one, or a name.
    client: String,
    country: Option<&'static str>,
    /// Seconds since 1970.
    unix: i64,
    method: String,
    protocol: String,
    status: String,
    bytes: u64,
}

/// Days since 1970, after the usual way of counting years from March on.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let (year, month) = if month < 3 { (year - 1, month + 9) } else { (year, month - 3) };
    365 * year + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day - 1 - 719_468
}

/// The date of a day since 1970, found by trying.
fn date(day: i64) -> (i64, i64, i64) {
    let year = (1970..2101).rev().find(|year| days(*year, 1, 1) <= day).expect("since 1970");
    let month = (1..=12).rev().find(|month| days(year, *month, 1) <= day).expect("in that year");
    (year, month, day - days(year, month, 1) + 1)
}

/// `22/Nov/2026:14:05:37 +0100` as seconds since 1970.
fn unix(text: &str) -> i64 {
    const MONTHS: &str = "JanFebMarAprMayJunJulAugSepOctNovDec";
    let number = |at: usize, end: usize| text[at..end].parse::<i64>().expect("digits");
    let month = MONTHS.find(&text[3..6]).expect("a month") as i64 / 3 + 1;
    let of_day = number(12, 14) * 3_600 + number(15, 17) * 60 + number(18, 20);
    let zone = number(22, 24) * 3_600 + number(24, 26) * 60;
    let zone = if &text[21..22] == "-" { -zone } else { zone };
    days(number(7, 11), month, number(0, 2)) * 86_400 + of_day - zone
}

impl Seen {
    /// A line of the combined or common format, with a site before it or not.
    fn of(line: &str, has_site: bool) -> Self {
        let (site, line) =
            if has_site { line.split_once(' ').expect("a site") } else { ("", line) };
        let site = site.rsplit_once(':').map(|(name, _)| name.to_owned());
        let (client, rest) = line.trim_start().split_once(' ').expect("a client");
        let (before, rest) = rest.split_once("] \"").expect("a request");
        // The user may have brackets too.
        let (_, time) = before.rsplit_once('[').expect("a time");
        let mut end = rest.char_indices().scan(false, |escaped, (at, letter)| {
            let is_end = letter == '"' && !*escaped;
            *escaped = letter == '\\' && !*escaped;
            Some((at, is_end))
        });
        let (end, _) = end.find(|(_, is_end)| *is_end).expect("a quote ends the request");
        let (request, mut rest) = (&rest[..end], rest[end + 1..].split(' ').skip(1));
        let status = rest.next().expect("a status").to_owned();
        let bytes = rest.next().expect("bytes").parse().unwrap_or(0);
        let words: Vec<_> = request.split(' ').collect();
        let method = words[0].to_owned();
        let protocol = words.last().expect("a word").to_string();
        let (client, country) = client_of(client);
        Self { site, client, country, unix: unix(time), method, protocol, status, bytes }
    }

    /// Its key in a table, with the record for what cleaning decides; nothing where it has none there.
    fn key(&self, table: &str, record: &Value) -> Option<String> {
        let day = self.unix.div_euclid(86_400);
        let (year, month, of_month) = date(day);
        let hour = self.unix.rem_euclid(86_400) / 3_600;
        let is_http = record["path"] != "(invalid)";
        let of_record = |name: &str| match &record[name] {
            Value::String(text) => Some(text.clone()),
            Value::Bool(is) => Some(is.to_string()),
            _ => None,
        };
        match table {
            "hour" => Some(format!("{year}-{month:02}-{of_month:02}T{hour:02}:00:00Z")),
            "day" => Some(format!("{year}-{month:02}-{of_month:02}")),
            "week" => Some(week(day)),
            "month" => Some(format!("{year}-{month:02}")),
            "site" => self.site.as_ref().map(|site| {
                if site == "www.example.com" { site.clone() } else { "(other)".to_owned() }
            }),
            "method" if !is_http || !METHODS.contains(&&*self.method) => Some("OTHER".to_owned()),
            "method" => Some(self.method.clone()),
            "status" => Some(self.status.clone()),
            "status_class" => Some(format!("{}xx", &self.status[..1])),
            "protocol" if !is_http => of_record("protocol"),
            "protocol" => match &*self.protocol {
                "HTTP/1.0" => Some("1.0".to_owned()),
                "HTTP/1.1" => Some("1.1".to_owned()),
                _ => of_record("protocol"),
            },
            "country" => self.country.map(str::to_owned),
            "path" | "referrer" | "browser" | "os" | "device" | "bot" => of_record(table),
            _ => None,
        }
    }
}

const METHODS: [&str; 16] = [
    "CONNECT",
    "COPY",
    "DELETE",
    "GET",
    "HEAD",
    "LOCK",
    "MKCOL",
    "MOVE",
    "OPTIONS",
    "PATCH",
    "POST",
    "PROPFIND",
    "PROPPATCH",
    "PUT",
    "TRACE",
    "UNLOCK",
];

/// The week of ISO 8601: it is in the year that its Thursday is in.
fn week(day: i64) -> String {
    // 1 January 1970 was a Thursday.
    let thursday = day - (day + 3).rem_euclid(7) + 3;
    let (year, ..) = date(thursday);
    format!("{year}-W{:02}", (thursday - days(year, 1, 1)) / 7 + 1)
}

/// Who a client is, and in which country it is after [`country_file`].
fn client_of(text: &str) -> (String, Option<&'static str>) {
    match text.parse().map(|address: IpAddr| address.to_canonical()) {
        Ok(IpAddr::V4(v4)) => {
            let country = match v4.octets()[0] {
                32..64 => "DE",
                64..128 => "US",
                128..192 => "JP",
                _ => "ZZ",
            };
            (v4.to_string(), Some(country))
        }
        Ok(IpAddr::V6(v6)) => {
            let network = &v6.segments()[..4];
            (format!("{network:x?}"), Some("ZZ"))
        }
        Err(_) => (text.to_ascii_lowercase(), Some("ZZ")),
    }
}

/// A file that says the country of many IPv4 addresses.
fn country_file() -> Vec<u8> {
    mmdb::countries(&[
        mmdb::v4([32, 0, 0, 0], 3, "DE"),
        mmdb::v4([64, 0, 0, 0], 2, "US"),
        mmdb::v4([128, 0, 0, 0], 2, "JP"),
    ])
}

const TABLES: [&str; 16] = [
    "hour",
    "day",
    "week",
    "month",
    "site",
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
    "country",
];

/// The default policy with all of these tables.
fn policy() -> String {
    let baseline = preset("baseline").expect("a preset");
    let tables = baseline.lines().find(|line| line.starts_with("tables = [")).expect("its tables");
    let policy = baseline.replacen(tables, &format!("tables = {TABLES:?}"), 1);
    format!("{policy}\n[sites]\ndeclared = [\"www.example.com\"]\n")
}

/// What became of a log: a record for each line that was not refused, and the counts of these, in which visitors are
/// told apart by a key that is always the same.
fn counted(log: &[u8], format: &Format) -> (Vec<Option<Value>>, Value) {
    let plan = Plan::compile(&Policy::parse(&policy()).expect("a policy")).expect("it compiles");
    let plan = Arc::new(plan);
    let mut emitter = Emitter::new(Form::Jsonl, &plan);
    let mut counts = Counts::new(&plan);
    let key = Arc::new(SketchKey::new(Secret::copy_of(&[7; 32])));
    let countries = Countries::new(country_file()).ok().expect("an MMDB file");
    let mut door = Anonymiser::new(plan, Arc::new(Classifier::new()), None, 65_536, 1)
        .with_countries(Some(Arc::new(countries)))
        .with_visitors(Some(VisitorKeys::Run(key)), false);
    let mut block = RawBlock::with_capacity(log.len());
    block.read_from(&mut &log[..]).expect("a slice reads");
    let records = block.lines().map(|line| {
        let mut out = Rendered::default();
        let outcome = door.anonymise(format, line, |record| {
            emitter.render(record, &mut out);
            counts.add(record);
        });
        let is_clean = outcome == Outcome::Clean;
        is_clean.then(|| serde_json::from_slice(out.as_bytes()).expect("a record is JSON"))
    });
    let records = records.collect();
    (records, serde_json::from_str(&counts.report().to_json()).expect("JSON"))
}

/// A table of a report.
fn table<'a>(report: &'a Value, name: &str) -> BTreeMap<&'a str, [u64; 3]> {
    let rows = report["tables"][name].as_array().into_iter().flatten();
    let number = |row: &Value, name: &str| row[name].as_u64().expect("a number");
    rows.map(|row| {
        let numbers = ["requests", "bytes", "visitors"].map(|name| number(row, name));
        (row["key"].as_str().expect("a key"), numbers)
    })
    .collect()
}

fn check_visitors(what: &str, found: u64, expect: u64) {
    if expect <= EXACT_MAX {
        assert_eq!(found, expect, "{what}");
    } else {
        let off = found.abs_diff(expect) as f64 / expect as f64;
        assert!(off <= OFF_MAX, "{what}: {found} of {expect} visitors");
    }
}

/// Compares every table of a log with the slow count; the number of its visitors.
fn compare(log: &str, format: &Format, name: &str) -> u64 {
    let has_site = name == "vhost-combined";
    let (records, report) = counted(log.as_bytes(), format);
    let lines = log.strip_suffix('\n').unwrap_or(log).split('\n');
    let seen: Vec<_> = lines
        .zip(&records)
        .filter_map(|(line, record)| {
            record.as_ref().map(|record| (Seen::of(line, has_site), record))
        })
        .collect();
    assert!(seen.len() * 10 >= records.len() * 9, "{} of {} lines", seen.len(), records.len());
    let who: BTreeSet<_> = seen.iter().map(|(line, _)| &*line.client).collect();
    assert_eq!(report["totals"]["requests"], seen.len() as u64);
    assert_eq!(report["totals"]["bytes"], seen.iter().map(|(line, _)| line.bytes).sum::<u64>());
    let visitors = report["totals"]["visitors"].as_u64().expect("a number");
    check_visitors("in all", visitors, who.len() as u64);

    let from_program = from_program(log, name);
    for name in TABLES {
        let mut slow = Slow::new();
        for (line, record) in &seen {
            let Some(key) = line.key(name, record) else { continue };
            let row = slow.entry(key).or_default();
            row.0 += 1;
            row.1 += line.bytes;
            row.2.insert(&line.client);
        }
        for report in [&report, &from_program] {
            let found = table(report, name);
            assert_eq!(
                found.keys().copied().collect::<Vec<_>>(),
                slow.keys().map(|key| &**key).collect::<Vec<_>>(),
                "{name}"
            );
            for (key, (requests, bytes, _)) in &slow {
                assert_eq!(found[&**key][..2], [*requests, *bytes], "{name}: {key}");
            }
        }
        for (key, (.., who)) in &slow {
            let found = table(&report, name)[&**key][2];
            check_visitors(&format!("{name}: {key}"), found, who.len() as u64);
        }
        // In the program the key is another one in each run, so that only what is exact can be compared.
        let found = table(&from_program, name);
        for (key, (.., who)) in slow.iter().filter(|(_, row)| row.2.len() as u64 <= EXACT_MAX) {
            assert_eq!(found[&**key][2], who.len() as u64, "{name}: {key}, in the program");
        }
    }
    who.len() as u64
}

/// The counts that a run of the program writes.
fn from_program(log: &str, format: &str) -> Value {
    let folder = Folder::new();
    fs::write(folder.file("policy.toml"), policy()).expect("the folder is ours");
    fs::write(folder.file("countries.mmdb"), country_file()).expect("the folder is ours");
    let args = ["--format", format, "--policy", "./policy.toml", "--country-db", "countries.mmdb"];
    let args = [&args[..], &["--counts", "c.json", "-o", "/dev/null"]].concat();
    let done = run_in(folder.path(), &args, log.as_bytes());
    assert_eq!(done.status, 0, "{}", done.err());
    serde_json::from_slice(&fs::read(folder.file("c.json")).expect("written")).expect("JSON")
}

/// A log beside the repository, as text.
fn real(name: &str) -> Option<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data").join(name);
    let Ok(log) = fs::read(&path) else {
        let _ = writeln!(
            io::stderr(),
            "SKIPPED: a real log is not there to be counted; put it at {}",
            path.display()
        );
        return None;
    };
    // What is not UTF-8 is in no line of these logs whose numbers would change by it.
    Some(String::from_utf8_lossy(&log).into_owned())
}

#[test]
fn a_combined_log_of_a_real_site_is_counted_like_a_slow_count() {
    let Some(log) = real("real/elastic_apache_combined.log") else { return };
    assert!(compare(&log, &Format::combined(), "combined") > EXACT_MAX);
}

#[test]
fn a_common_log_of_a_real_site_with_host_names_is_counted_like_a_slow_count() {
    let Some(log) = real("real/nasa_http_common.log") else { return };
    assert!(compare(&log, &Format::common(), "common") > EXACT_MAX);
}

#[test]
fn a_log_of_a_real_nginx_with_sites_is_counted_like_a_slow_count() {
    let Some(log) = real("servers/nginx/vhost_combined.log") else { return };
    compare(&log, &Format::vhost_combined(), "vhost-combined");
}

/// The lines of a real site, ten times over, with clients of its own in each.
#[test]
fn a_large_log_of_many_visitors_is_counted_like_a_slow_count() {
    let Some(log) = real("real/elastic_apache_combined.log") else { return };
    let mut large = String::with_capacity(10 * log.len());
    for number in 0..10_u32 {
        for (at, line) in log.lines().enumerate() {
            let (_, rest) = line.split_once(' ').expect("a client");
            let client = (at as u32 * 7 + number * 1_000_003) % 150_000;
            let client = std::net::Ipv4Addr::from_bits(client.wrapping_mul(2_654_435_761) | 1);
            large += &format!("{client} {rest}\n");
        }
    }
    assert!(compare(&large, &Format::combined(), "combined") > 50_000);
}
