//! A policy with everything that can be told, tokens, networks and files included, and cookies that are planted.
//!
//! Keys live for their own day, so lines are dated when the test runs. Names of organisations come from a file of the
//! operator's and are nobody's secret. A token has 80 random bits: that one of them looks like a planted number is
//! less likely than one in ten thousand runs.

use std::{
    collections::BTreeSet,
    fs,
    time::{SystemTime, UNIX_EPOCH},
};

use tamis::transform::time::Timestamp;

use super::{
    ENCODINGS, Folder, OWN, SEARCH, Search, identifiers::Identifier, mmdb, planted_in,
    program::Done, run_in,
};

/// A policy that tells all that there are words for.
const EVERYTHING: &str = r#"
name = "everything"
version = 1
[record]
time = { grain = "minute" }
site = "declared"
client = "token"
network = { ipv4 = 24, ipv6 = 32 }
allow_linking = true
country = true
organisation = true
method = true
path = { shape = "cleaned" }
protocol = true
status = true
bytes = { exact = "plain-path" }
duration = { bucket = "1-2-5" }
referrer = "origin"
browser = { version = "major" }
os = true
device = true
bot = true
language = "primary"
errors = true
cookie = { name = "a", as = "token" }
[counts]
tables = ["hour", "path", "referrer", "country"]
[sites]
declared = ["www.example.com"]
[network]
country_db = "countries.mmdb"
organisation_db = "organisations.mmdb"
[opt_out]
cookie = "optout"
"#;

/// Cookie headers: `@` stands for an identifier. One without a cookie named `a` has no token.
const COOKIES: [&str; 9] = [
    "a=@",
    "a=b@; c=d",
    "@=1; a=@; @",
    "c=@; a=x; d=@",
    "a=, a=@",
    "a= @ ; c=@",
    "A=@; aa=@; b=a=@",
    "@",
    "session=@; user=@",
];

/// This moment as logs have it, without its zone.
fn now() -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970");
    let time = Timestamp::from_unix(now.as_secs().cast_signed()).expect("before 2101");
    let mut text = Vec::new();
    time.write_rfc3339(&mut text);
    str::from_utf8(&text).expect("ASCII").trim_end_matches('Z').to_owned()
}

/// A folder with the policy and its files.
fn folder() -> Folder {
    let folder = Folder::new();
    let networks = |known: [&'static str; 2]| {
        [mmdb::v4([198, 51, 100, 0], 24, known[0]), mmdb::v4([192, 0, 0, 0], 16, known[1])]
    };
    let countries = mmdb::countries(&networks(["DE", "SE"]));
    let organisations = mmdb::organisations(&networks(["Example Networks, Inc.", "Exemple"]));
    fs::write(folder.file("everything.toml"), EVERYTHING).expect("the folder is ours");
    fs::write(folder.file("countries.mmdb"), countries).expect("the folder is ours");
    fs::write(folder.file("organisations.mmdb"), organisations).expect("the folder is ours");
    folder
}

/// Runs the policy on a log in every form, searches what comes out, and returns the JSON.
fn run_and_search(search: &Search, folder: &Folder, format: &[&str], log: &[u8]) -> String {
    fs::write(folder.file("a.log"), log).expect("the folder is ours");
    let mut json = String::new();
    for form in ["csv", "combined", "jsonl"] {
        let args = ["--policy", "everything.toml", "--key-dir", "keys", "--emit", form];
        let more = ["--counts", "-", "--summary", "json", "a.log"];
        let done: Done = run_in(folder.path(), &[&args[..], format, &more].concat(), b"");
        assert_eq!(done.status, 0, "{}", done.err());
        search.none_in_run(&format!("a run with everything as {form}"), &done);
        json = done.out().to_owned();
    }
    json
}

/// The different tokens at a key.
fn tokens(json: &str, key: &str) -> BTreeSet<String> {
    let start = format!("\"{key}\":\"t1.");
    let tokens = json.lines().filter_map(|line| line.split_once(&start));
    tokens.map(|(_, rest)| rest[..rest.find('"').expect("it ends")].to_owned()).collect()
}

#[test]
fn cookies_come_out_as_tokens_or_not_at_all() {
    let (search, folder) = (&*SEARCH, folder());
    let (log, named) = cookies(&search.identifiers);
    for line in log.iter().filter(|(_, is_bare)| *is_bare).map(|(line, _)| line) {
        assert!(search.found(line).next().is_some(), "{}", line.escape_ascii());
    }
    let lines: Vec<_> = log.iter().map(|(line, _)| &line[..]).collect();
    let string = "$remote_addr [$time_iso8601] \"$request\" $status \"$http_cookie\"";
    let log = lines.join(&b'\n');
    let json = run_and_search(search, &folder, &["--nginx-format", string], &log);
    assert!(json.lines().count() > lines.len() / 2, "hardly anything came out");
    // Each value has a token of its own: those that stand in several places are the same there.
    let found = tokens(&json, "cookie");
    assert!(found.len() > named / 2, "{} tokens for {named} cookies", found.len());
    assert_eq!(tokens(&json, "client").len(), 1);
    for words in [
        "\"network\":\"198.51.100.0/24\"",
        "\"country\":\"DE\"",
        "\"organisation\":\"Example Networks, Inc.\"",
    ] {
        assert!(json.contains(words), "{words} is missing");
    }
    // The survey speaks of cookies in shares.
    let args = ["policy", "explain", "everything.toml", "--log", "-", "--format", "nginx-json"];
    let log = format!("{{\"time_iso8601\":\"{}Z\",\"remote_addr\":\"192.0.2.7\",", now());
    let log = format!(
        "{log}\"request\":\"GET / HTTP/1.1\",\"status\":200,\"http_cookie\":\"a=zorvikan\"}}\n"
    );
    let done = run_in(folder.path(), &args, log.repeat(20).as_bytes());
    assert!(
        done.out().contains("becomes cookie") && !done.out().contains("zorvikan"),
        "{}",
        done.out()
    );
}

/// Lines with each identifier in each cookie, whether it stands there as it is, and how many different values the
/// cookie named `a` has.
fn cookies(identifiers: &[Identifier]) -> (Vec<(Vec<u8>, bool)>, usize) {
    let (mut lines, mut named) = (Vec::new(), BTreeSet::new());
    let start = format!("198.51.100.9 [{}+00:00] \"GET /index.html HTTP/1.1\" 200 \"", now());
    for (index, identifier) in identifiers.iter().enumerate() {
        for (turn, template) in COOKIES.iter().enumerate() {
            let is_bare = !(index + turn).is_multiple_of(3);
            let name = match (is_bare, index % 2) {
                (true, _) => "raw",
                (false, 0) => "percent",
                (false, _) => "log escapes",
            };
            let encoding = ENCODINGS.iter().find(|it| it.name == name).expect("it is there");
            let text = (encoding.write)(identifier.writings[0].as_bytes());
            let mut line = start.clone().into_bytes();
            for (number, piece) in template.split('@').enumerate() {
                if number > 0 {
                    line.extend_from_slice(&text);
                }
                line.extend_from_slice(piece.as_bytes());
            }
            line.push(b'"');
            if turn < 3 && !identifier.writings[0].contains([',', ';', '"']) {
                named.insert(identifier.writings[0].clone());
            }
            lines.push((line, is_bare));
        }
    }
    (lines, named.len())
}

/// Strings of servers' own with cookies among their variables, and all that can stand in any of these.
#[test]
fn nothing_comes_out_where_everything_is_told() {
    let (search, folder, now) = (&*SEARCH, folder(), now());
    for (option, string, usual) in OWN {
        let usual = usual.replace("2026-11-22T14:05:37", &now);
        let mut log = usual.clone().into_bytes();
        for planted in planted_in(option, &usual, &search.identifiers) {
            log.push(b'\n');
            log.extend_from_slice(&planted.line);
        }
        let json = run_and_search(search, &folder, &[option, string], &log);
        assert!(json.lines().count() > 100, "{string}: hardly anything came out");
        for key in ["client", "cookie"] {
            assert!(!tokens(&json, key).is_empty(), "{string}: no {key}");
        }
    }
}
