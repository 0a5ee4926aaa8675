//! What the strict policy may write, worked out slowly and plainly, by code that shares nothing with the program's.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
};

use serde_json::{Map, Value};
use tamis::policy::preset;

/// How many visitors share a record of the strict policy.
pub(crate) const K: usize = 10;

/// A record's keys and values.
pub(crate) type Told = Map<String, Value>;

/// A line of a log: whose it is, as far as visitors are told apart, and what a record says that is not held.
pub(crate) struct Line {
    pub(crate) visitor: String,
    pub(crate) told: Told,
}

/// The strict policy without holding: what its records say before anything is suppressed.
pub(crate) fn open_policy() -> String {
    let strict = preset("strict").expect("a preset");
    let open = strict.replace(
        "shape = \"learned\", status = [\"2xx\", \"3xx\"]",
        "shape = \"cleaned\", status = [\"1xx\", \"2xx\", \"3xx\", \"4xx\", \"5xx\"]",
    );
    open.replace("[release]\nk = 10\n", "")
}

/// The lines of a period whose records may be written, as these say it, by the slow and plain way; and how many are
/// left out.
pub(crate) fn suppressed(lines: Vec<Line>, k: usize) -> (Vec<Line>, usize) {
    let lines = with_templates(lines, k);
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
            .filter(|(_, group)| visitors(group) < k)
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
        groups.into_values().partition(|group| visitors(group) >= k);
    (told.into_iter().flatten().collect(), left_out.iter().map(Vec::len).sum())
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
fn with_templates(mut lines: Vec<Line>, k: usize) -> Vec<Line> {
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
        learned.insert(format!("/{}", path.join("/")), learn(path, &confirmed, k));
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
fn learn(path: &[String], confirmed: &[(Vec<String>, String)], k: usize) -> Option<String> {
    let mut template = String::new();
    // Those paths that are told with the same beginning.
    let mut same: Vec<&(Vec<String>, String)> = confirmed.iter().collect();
    for (at, segment) in path.iter().enumerate() {
        let count = |wanted: &dyn Fn(&str) -> bool| {
            let with = same.iter().filter(|(path, _)| path.get(at).is_some_and(|it| wanted(it)));
            with.map(|(_, visitor)| visitor).collect::<BTreeSet<_>>().len()
        };
        if count(&|it| it == segment) >= k {
            write!(template, "/{segment}").expect("a string takes all");
            same.retain(|(path, _)| path.get(at) == Some(segment));
            continue;
        }
        let segments: BTreeSet<String> =
            same.iter().filter_map(|(path, _)| path.get(at).cloned()).collect();
        let rare: BTreeSet<String> =
            segments.into_iter().filter(|segment| count(&|it| it == segment) < k).collect();
        if count(&|it| rare.contains(it)) < k {
            return None;
        }
        template += "/{other}";
        same.retain(|(path, _)| path.get(at).is_some_and(|it| rare.contains(it)));
    }
    Some(template)
}

/// The visitor behind an address: an IPv6 address counts by its first 64 bits, and one that carries an IPv4 address
/// as that.
pub(crate) fn visitor(client: &str) -> String {
    let client = client.strip_prefix("::ffff:").unwrap_or(client);
    match client.parse::<std::net::Ipv6Addr>() {
        Ok(address) => format!("{:x}", address.to_bits() >> 64),
        Err(_) => client.to_ascii_lowercase(),
    }
}
