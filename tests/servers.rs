//! Every line that real servers wrote for a known set of requests comes out as the request was.
//!
//! The logs and the requests, with the bytes that were sent, lie beside the repository and are no part of it:
//! without them this prints why and tests nothing. What a line must become is derived here from
//! the request, by plain and slow code of its own, and never through the transforms of the program.

mod program;

use std::{
    collections::BTreeMap,
    fs,
    io::{self, Write as _},
    net::IpAddr,
    path::{Path, PathBuf},
    sync::Arc,
};

use program::run;
use serde_json::{Value, json};
use tamis::{
    emit::{Emitter, Form, Rendered},
    format::Format,
    policy::{Plan, Policy, preset},
    privacy::{Anonymiser, Outcome, RawBlock},
    transform::agent::Classifier,
};

/// The folder of test data, if it is there.
fn data() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data");
    if folder.is_dir() {
        return Some(folder);
    }
    let _ = writeln!(
        io::stderr(),
        "SKIPPED: the logs of real servers are not there; put them into {}",
        folder.display()
    );
    None
}

/// A log and what is known of it.
struct Log {
    /// The file under `servers`, without `.log`.
    name: &'static str,
    format: &'static str,
    /// The files of requests, in the order in which they were sent.
    requests: &'static [&'static str],
    lines: usize,
    /// Lines for which no request is recorded, or none can be told apart: a client named by a header that
    /// is read in another way here, a URL rebuilt from an odd host.
    strangers: usize,
    /// How many lines are refused, by reason.
    refused: &'static [(&'static str, usize)],
}

const NGINX: &[&str] = &["requests", "requests_tls"];

const LOGS: &[Log] = &[
    // The last nine lines are of HTTP/2 requests that were not recorded.
    Log {
        name: "nginx/combined",
        format: "combined",
        requests: NGINX,
        lines: 871,
        strangers: 9,
        refused: &[],
    },
    Log {
        name: "nginx/common",
        format: "common",
        requests: NGINX,
        lines: 871,
        strangers: 9,
        refused: &[],
    },
    Log {
        name: "nginx/vhost_combined",
        format: "vhost-combined",
        requests: NGINX,
        lines: 871,
        strangers: 9,
        refused: &[],
    },
    Log {
        name: "apache/combined",
        format: "combined",
        requests: &["requests"],
        lines: 420,
        strangers: 1,
        refused: &[],
    },
    Log {
        name: "apache/common",
        format: "common",
        requests: &["requests"],
        lines: 420,
        strangers: 1,
        refused: &[],
    },
    // A forwarded address of `0` is taken at its word.
    Log {
        name: "lighttpd/default",
        format: "combined",
        requests: &["requests_default"],
        lines: 422,
        strangers: 1,
        refused: &[("bad-address", 1)],
    },
    // Requests that Varnish could not read have no client, those that it passed on no status.
    Log {
        name: "varnish/ncsa_default",
        format: "combined",
        requests: &["requests"],
        lines: 414,
        strangers: 1,
        refused: &[("bad-address", 38), ("bad-status", 11)],
    },
];

/// A request as it was sent.
#[derive(Default)]
struct Request {
    note: String,
    source: String,
    /// The first line, without its end.
    line: Vec<u8>,
    headers: Vec<(String, Vec<u8>)>,
    status: Option<u16>,
}

impl Request {
    fn of(value: &Value) -> Self {
        let text = |key: &str| value[key].as_str().unwrap_or_default();
        let raw = unbase64(text("raw_b64"));
        let mut lines = raw.split(|byte| *byte == b'\n');
        let line = lines.next().unwrap_or_default();
        let headers = lines.map(trimmed).take_while(|line| !line.is_empty()).filter_map(|line| {
            let colon = line.iter().position(|byte| *byte == b':')?;
            let name = line[..colon].escape_ascii().to_string().to_ascii_lowercase();
            Some((name, trimmed(&line[colon + 1..]).to_vec()))
        });
        let status = text("status_line").strip_prefix("HTTP/1.").and_then(|rest| rest.get(2..5));
        Self {
            note: format!("{} {}", text("id"), text("note")),
            source: text("src").to_owned(),
            line: line.strip_suffix(b"\r").unwrap_or(line).to_vec(),
            headers: headers.collect(),
            status: status.and_then(|status| status.parse().ok()),
        }
    }

    fn is_pipelined(&self) -> bool {
        self.note.ends_with("pipelined")
    }

    fn header(&self, name: &str) -> &[u8] {
        let found = self.headers.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| value.as_slice()).unwrap_or_default()
    }

    /// The clients that a server may have written: the address that the request came from, and for those
    /// of a trusted proxy the last forwarded one.
    fn clients(&self) -> Vec<IpAddr> {
        let source: IpAddr = self.source.parse().expect("requests came from addresses");
        let trusted =
            matches!(source, IpAddr::V4(v4) if v4.octets()[0] == 127 && v4.octets()[1] < 128);
        let mut clients = vec![source];
        if trusted {
            for (_, list) in self.headers.iter().filter(|(name, _)| name == "x-forwarded-for") {
                let list = list.escape_ascii().to_string();
                clients.extend(list.split(',').filter_map(|word| address(word.trim())));
            }
        }
        clients
    }
}

fn trimmed(text: &[u8]) -> &[u8] {
    text.trim_ascii()
}

/// An address with or without brackets and a port, one in IPv6 clothes without these.
fn address(text: &str) -> Option<IpAddr> {
    let bare = text.strip_prefix('[').and_then(|rest| rest.split(']').next()).unwrap_or(text);
    let plain = bare.split('%').next().unwrap_or(bare);
    let found = plain.parse().or_else(|_| plain.rsplit_once(':').unwrap_or_default().0.parse());
    found.ok().map(|address: IpAddr| address.to_canonical())
}

/// The network that the default policy tells of an address.
fn network(address: IpAddr) -> String {
    match address {
        IpAddr::V4(v4) => format!("{}.{}.0.0/16", v4.octets()[0], v4.octets()[1]),
        IpAddr::V6(v6) => match v6.segments() {
            [0, 0, ..] => "::/32".to_owned(),
            [a, 0, ..] => format!("{a:x}::/32"),
            [a, b, ..] => format!("{a:x}:{b:x}::/32"),
        },
    }
}

/// A log line taken apart, its escapes undone.
#[derive(Default)]
struct Written {
    client: String,
    request: Vec<u8>,
    status: String,
    bytes: String,
    site: Option<String>,
}

impl Written {
    fn of(line: &[u8], format: &'static str) -> Self {
        let text = line.escape_ascii().to_string();
        let words: Vec<_> = text.split(' ').collect();
        let vhost = format == "vhost-combined";
        let site = vhost.then(|| words[0].rsplit_once(':').expect("a port").0.to_owned());
        // `] "` begins the request; the first quote after it without a backslash ends it.
        let start = line.windows(3).position(|part| part == b"] \"").expect("a request") + 3;
        let (mut end, mut request) = (start, Vec::new());
        while line[end] != b'"' {
            let (byte, length) = match &line[end..] {
                [b'\\', b'x', a, b, ..] => {
                    let digit =
                        |digit: u8| char::from(digit).to_digit(16).expect("hexadecimal") as u8;
                    (digit(*a) << 4 | digit(*b), 4)
                }
                [b'\\', letter, ..] => (
                    b"\x08\t\n\x0b\r"
                        .iter()
                        .zip(b"btnvr")
                        .find(|(_, name)| *name == letter)
                        .map_or(*letter, |(byte, _)| *byte),
                    2,
                ),
                [byte, ..] => (*byte, 1),
                [] => unreachable!("a quote ends the request"),
            };
            request.push(byte);
            end += length;
        }
        let rest = line[end + 2..].escape_ascii().to_string();
        let mut rest = rest.split(' ').map(str::to_owned);
        let client = words[usize::from(vhost)].to_owned();
        let mut word = || rest.next().expect("status and bytes");
        Self { client, request, status: word(), bytes: word(), site }
    }
}

fn unbase64(text: &str) -> Vec<u8> {
    let value = |byte: u8| match byte {
        b'A'..=b'Z' => byte - b'A',
        b'a'..=b'z' => byte - b'a' + 26,
        b'0'..=b'9' => byte - b'0' + 52,
        b'+' => 62,
        _ => 63,
    };
    let (mut out, mut bits, mut count) = (Vec::new(), 0u32, 0);
    for byte in text.bytes().filter(|byte| *byte != b'=') {
        (bits, count) = (bits << 6 | u32::from(value(byte)), count + 6);
        if count >= 8 {
            count -= 8;
            out.push((bits >> count) as u8);
        }
    }
    out
}

/// Finds the request of each line: both are in the order of time, some requests left no line and
/// some lines have no request.
fn align(requests: &[Request], lines: &[Written]) -> Vec<Option<usize>> {
    let mut next = 0;
    let mut found = Vec::new();
    for line in lines {
        let at = find(&requests[next..], line).map(|at| at + next);
        // Two requests in one connection have one record.
        let pipelined = || {
            let before = next.checked_sub(1).filter(|at| requests[*at].is_pipelined());
            before.filter(|_| line.request.ends_with(b"/p2 HTTP/1.1"))
        };
        found.push(at.or_else(pipelined));
        next = at.map_or(next, |at| at + 1);
    }
    found
}

/// The request of `line` among those still to come.
fn find(requests: &[Request], line: &Written) -> Option<usize> {
    let client = address(&line.client);
    let from = |request: &Request| match client {
        Some(client) => request.clients().contains(&client),
        None => line.client == "0",
    };
    let near = || requests.iter().take(40);
    let same = |request: &Request| same_request(&request.line, &line.request);
    near().position(|request| from(request) && same(request)).or_else(|| {
        // A server that could not read a request writes something else. No two requests have the same
        // source but those from ::1, of which there is one in seven.
        let source = |request: &Request| request.source == line.client;
        near().take(if line.client == "::1" { 6 } else { 40 }).position(source)
    })
}

/// Whether a server may have written the request so: cut short, without trailing spaces, or with the
/// host before the path.
fn same_request(sent: &[u8], written: &[u8]) -> bool {
    let word = |text: &[u8], number| text.split(|b| *b == b' ').nth(number).map(<[u8]>::to_vec);
    let prefix = sent.len().min(written.len());
    if sent[..prefix] == written[..prefix] && (prefix > 0 || sent.is_empty() == written.is_empty())
    {
        return true;
    }
    let (Some(target), Some(url)) = (word(sent, 1), word(written, 1)) else { return false };
    word(sent, 0) == word(written, 0) && url.starts_with(b"http://") && url.ends_with(&target)
}

/// A record of each line, or the reason to refuse it.
fn anonymised(log: &[u8], format: &'static str) -> Vec<Result<Value, &'static str>> {
    let policy = Policy::parse(preset("baseline").expect("a preset")).expect("it reads");
    let plan = Arc::new(Plan::compile(&policy).expect("it compiles"));
    let mut emitter = Emitter::new(Form::Jsonl, &plan);
    let mut door = Anonymiser::new(plan, Arc::new(Classifier::new()), None, 65_536, 1);
    let mut block = RawBlock::with_capacity(log.len());
    block.read_from(&mut &log[..]).expect("a slice reads");
    let lines = block.lines().map(|line| {
        let mut out = Rendered::default();
        match door.anonymise(&Format::named(format).expect("a format"), line, |record| {
            emitter.render(record, &mut out)
        }) {
            Outcome::Clean => Ok(serde_json::from_slice(out.as_bytes()).expect("a record is JSON")),
            Outcome::Refused(reason) => Err(reason.word()),
            Outcome::Filtered | Outcome::OptedOut => Err("filtered"),
        }
    });
    lines.collect()
}

/// Paths that come out as they are.
const SAME: &[&str] = &[
    "/",
    "/about",
    "/index.html",
    "/private/",
    "/static/app.3f2a1.js",
    "/static/style.css",
    "/robots.txt",
    "/favicon.ico",
    "/img/logo.png",
    "/login",
    "/phpmyadmin/",
    "/upload",
    "/missing",
    "/error",
    "/search",
    "/slow",
    "/abs",
    "/p1",
    "/p2",
    "/fold",
    "/caf%C3%A9",
    "/%D0%BF%D1%80%D0%B8%D0%B2%D0%B5%D1%82",
    "/.env",
    "/.git/config",
    "/wp-login.php",
    "/shell",
    "/item",
    "/q",
    "/page",
    "/x",
    "/actuator/env",
    "/manager/html",
    "//double//slash",
    "/boaform/admin/formLogin",
    "/solr/admin/info/system",
    "*",
    "/vendor/phpunit/phpunit/src/Util/PHP/eval-stdin.php",
    "/a",
];

/// Paths that do not.
const CHANGED: &[(&str, &str)] = &[
    ("/blog/2024/05/a-post/", "/blog/{id}/{id}/a-post/"),
    ("/api/v1/items", "/api/v1/items"),
    ("/users/jane.doe@example.org/profile", "/users/{user}/profile"),
    ("/reset/9f8e7d6c5b4a39281706f5e4d3c2b1a0", "/reset/{hex}"),
    ("/u/%40bob/photos", "/u/{user}/photos"),
    ("/unsubscribe/amFuZS5kb2VAZXhhbXBsZS5vcmc=", "/unsubscribe/{token}"),
    ("/track/203.0.113.77/ping", "/track/{address}/ping"),
    ("/~alice/", "/{user}/"),
    ("/order/0049-170-1234567", "/order/{id}"),
    // Nobody's secret, but a name that has no more rhythm than one.
];

/// Agents that everybody knows: what they begin with or hold, and browser, system, device, bot.
const AGENTS: &[(&str, [&str; 4])] = &[
    ("curl/", ["curl", "Other", "bot", "true"]),
    ("Wget/", ["Wget", "Other", "bot", "true"]),
    ("python-requests/", ["python-requests", "Other", "bot", "true"]),
    ("Go-http-client/", ["Go-http-client", "Other", "bot", "true"]),
    ("okhttp/", ["okhttp", "Other", "bot", "true"]),
    ("Googlebot/", ["Googlebot", "Other", "bot", "true"]),
    ("bingbot/", ["bingbot", "Other", "bot", "true"]),
    ("facebookexternalhit/", ["facebookexternalhit", "Other", "bot", "true"]),
    ("Firefox/127.0", ["Firefox", "Linux", "desktop", "false"]),
    ("Chrome/126.0.0.0", ["Chrome", "Windows", "desktop", "false"]),
    ("Version/17.5 Mobile", ["Safari", "iOS", "mobile", "false"]),
];

/// What must stand in the record of a line, as far as the request says.
fn expected(
    request: &Request,
    line: &Written,
    format: &'static str,
) -> BTreeMap<&'static str, Value> {
    let mut expect = BTreeMap::new();
    let status: u16 = line.status.parse().expect("a number, or the line is refused");
    if let Some(sent) = request.status.filter(|_| !request.is_pipelined()) {
        expect.insert("status", json!(sent));
    }
    let client = address(&line.client).expect("an address, or the line is refused");
    assert!(request.clients().contains(&client), "the line is aligned with its request");
    expect.insert("client", json!(network(client)));
    let shown = expect_request(&line.request, status, &mut expect);
    if let Ok(bytes) = line.bytes.parse::<u64>() {
        let bucket = if bytes == 0 { 0 } else { bytes.next_power_of_two() };
        expect.insert("bytes", json!(if shown { bytes } else { bucket }));
    }
    // A server that gave up on the headers writes none, and a second request has its own.
    let gave_up = matches!(status, 400 | 408 | 414 | 431 | 501 | 505);
    if format != "common" && !gave_up && !request.is_pipelined() {
        let own = line.site.as_deref().is_some_and(|site| site.ends_with("example.com"));
        let referrer = referrer(request.header("referer"));
        let referrer =
            if own && referrer == "example.com" { "(internal)".to_owned() } else { referrer };
        expect.insert("referrer", json!(referrer));
        let agent = request.header("user-agent").escape_ascii().to_string();
        if let Some((_, words)) = AGENTS.iter().find(|(part, _)| agent.contains(part)) {
            let [browser, os, device, bot] = words;
            expect.insert("browser", json!(browser));
            expect.insert("os", json!(os));
            expect.insert("device", json!(device));
            expect.insert("bot", json!(*bot == "true"));
        }
    }
    expect
}

/// Method, path and protocol, as far as they are certain; true when the target is shown as it is.
fn expect_request(line: &[u8], status: u16, expect: &mut BTreeMap<&str, Value>) -> bool {
    let text = trimmed(line).escape_ascii().to_string();
    let words: Vec<_> = text.split(' ').collect();
    let confirmed = status / 100 == 2 || status == 304;
    let (method, target, protocol) = match words[..] {
        // Without a protocol it is HTTP/0.9.
        [method, target] => (method, target, None),
        [method, target, protocol] if protocol.contains('/') || protocol == "HTTP" => {
            (method, target, Some(protocol))
        }
        // There is a space in the target, or there is none.
        _ => return false,
    };
    let path = match target.strip_prefix("http://") {
        Some(rest) => rest.find('/').map_or("", |slash| &rest[slash..]),
        None => target,
    };
    let token = |b: u8| b.is_ascii_alphanumeric() || b == b'-';
    if !method.bytes().all(token) || !(path.starts_with('/') || path == "*") {
        return false;
    }
    let known = ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "TRACE", "PATCH", "PROPFIND"];
    expect.insert("method", json!(if known.contains(&method) { method } else { "OTHER" }));
    let protocol = protocol.map(|protocol| match protocol {
        "HTTP/1.0" => "1.0",
        "HTTP/1.1" => "1.1",
        "HTTP/2.0" => "2",
        "HTTP/3.0" => "3",
        _ => "other",
    });
    expect.insert("protocol", json!(protocol));
    let cut = path.split(['?', ';', '#']).next().unwrap_or(path);
    if !confirmed {
        expect.insert("path", json!("(unknown)"));
    } else if SAME.contains(&cut) {
        expect.insert("path", json!(cut));
        return cut == target;
    } else if let Some((_, shown)) = CHANGED.iter().find(|(from, _)| *from == cut) {
        expect.insert("path", json!(shown));
        return target == *shown;
    }
    false
}

/// The class of a referrer.
fn referrer(text: &[u8]) -> String {
    let text = text.escape_ascii().to_string();
    let lower = text.to_ascii_lowercase();
    let rest = lower.strip_prefix("http://").or_else(|| lower.strip_prefix("https://"));
    let Some(rest) = rest else {
        return if matches!(&*text, "" | "-") { "(none)" } else { "(other)" }.to_owned();
    };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = authority.rsplit('@').next().unwrap_or_default();
    if host.starts_with('[') || host.parse::<IpAddr>().is_ok() {
        return "(ip)".to_owned();
    }
    let labels: Vec<_> = host.split('.').collect();
    match labels[..] {
        [.., name, end @ ("com" | "net" | "org" | "co")] => format!("{name}.{end}"),
        _ => "(other)".to_owned(),
    }
}

#[test]
fn lines_of_real_servers_come_out_as_the_requests_were() {
    let Some(data) = data() else { return };
    let mut complaints = Vec::new();
    let (mut compared, mut fields) = (0, 0);
    for log in LOGS {
        let (lines, values) = check(&data.join("servers"), log, &mut complaints);
        compared += lines;
        fields += values;
    }
    let _ = writeln!(io::stderr(), "{compared} lines and {fields} of their fields were compared");
    assert!(complaints.is_empty(), "{}\n{}", complaints.len(), complaints.join("\n"));
}

/// Compares every line of a log; gives how many lines and fields.
fn check(folder: &Path, log: &Log, complaints: &mut Vec<String>) -> (usize, usize) {
    let path = folder.join(format!("{}.log", log.name));
    let text = fs::read(&path).expect("the log is there");
    let found = anonymised(&text, log.format);
    assert_eq!(found.len(), log.lines, "{}", log.name);
    let lines: Vec<_> = text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).collect();
    let written: Vec<_> = lines.iter().map(|line| Written::of(line, log.format)).collect();
    let requests = requests(folder, log);
    let aligned = align(&requests, &written);
    check_totals(&path, log, &text, &found, complaints);
    let (mut compared, mut fields, mut strangers) = (0, 0, 0);
    for (number, (record, request)) in found.iter().zip(&aligned).enumerate() {
        let Ok(record) = record else { continue };
        let Some(request) = request else {
            strangers += 1;
            continue;
        };
        let request = &requests[*request];
        compared += 1;
        for (key, value) in expected(request, &written[number], log.format) {
            fields += 1;
            if record[key] != value {
                complaints.push(format!(
                    "{}:{} ({}): {key} is {} and should be {value}",
                    log.name,
                    number + 1,
                    request.note,
                    record[key]
                ));
            }
        }
    }
    if strangers != log.strangers {
        complaints.push(format!("{}: {strangers} lines have no request", log.name));
    }
    (compared, fields)
}

fn requests(folder: &Path, log: &Log) -> Vec<Request> {
    let server = log.name.split('/').next().expect("server and file");
    let read = |name: &&str| {
        let path = folder.join(server).join(format!("{name}.jsonl"));
        fs::read_to_string(path).expect("the requests are there")
    };
    let texts: String = log.requests.iter().map(read).collect();
    texts.lines().map(|line| Request::of(&serde_json::from_str(line).expect("JSON"))).collect()
}

/// The refused lines, and that the program itself says and writes the same.
fn check_totals(
    path: &Path,
    log: &Log,
    text: &[u8],
    found: &[Result<Value, &'static str>],
    complaints: &mut Vec<String>,
) {
    let mut refused = BTreeMap::new();
    for reason in found.iter().filter_map(|record| record.as_ref().err()) {
        *refused.entry(*reason).or_insert(0) += 1;
    }
    let expect: BTreeMap<_, _> = log.refused.iter().copied().collect();
    if refused != expect {
        complaints.push(format!("{}: refused are {refused:?} and should be {expect:?}", log.name));
    }
    for input in [path.to_str().expect("a plain name"), "-"] {
        let done = run(&["--format", log.format, "--summary", "json", input], text);
        let records = done.out().lines().map(|line| serde_json::from_str(line).expect("JSON"));
        let records: Vec<Value> = records.collect();
        let clean: Vec<_> = found.iter().filter_map(|record| record.clone().ok()).collect();
        assert!(records == clean, "{}: the program writes the same", log.name);
        assert_eq!(done.summary()["refused"], json!(expect), "{}", log.name);
    }
}

/// nginx numbered its requests: the lines that carry a number are aligned with that request.
#[test]
fn the_alignment_agrees_with_the_numbers_that_nginx_wrote() {
    let Some(data) = data() else { return };
    let folder = data.join("servers");
    let log = &LOGS[0];
    let text = fs::read(folder.join("nginx/combined.log")).expect("the log is there");
    let lines: Vec<_> = text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).collect();
    let written: Vec<_> = lines.iter().map(|line| Written::of(line, log.format)).collect();
    let requests = requests(&folder, log);
    let aligned = align(&requests, &written);
    let ids = fs::read_to_string(folder.join("nginx/idmap.log")).expect("the log is there");
    let mut numbered = 0;
    for (number, (id, at)) in ids.lines().zip(&aligned).enumerate() {
        let id: Value = serde_json::from_str(id).expect("JSON");
        let id = id["x_request_id"].as_str().expect("text");
        if !id.is_empty() {
            numbered += 1;
            let note = at.map(|at| requests[at].note.as_str()).unwrap_or_default();
            assert!(note.starts_with(id), "line {}: {note} instead of {id}", number + 1);
        }
    }
    assert_eq!(numbered, 726);
}

#[test]
fn a_real_log_comes_out_in_order_but_for_one_line() {
    let Some(data) = data() else { return };
    let log = fs::read(data.join("real/elastic_apache_combined.log")).expect("the log is there");
    let done = run(&["--summary", "json", "--emit", "jsonl"], &log);
    let records: Vec<_> = done.out().lines().collect();
    assert_eq!((done.status, records.len()), (0, 9_999));
    assert_eq!(done.summary()["refused"], json!({"not-this-format": 1}));
    let found = anonymised(&log, "combined");
    let refused: Vec<_> = found
        .iter()
        .enumerate()
        .filter(|(_, record)| record.is_err())
        .map(|(at, _)| at + 1)
        .collect();
    assert_eq!(refused, [8_899]);
    // Line by line: the status is that of the line, and the minute too.
    let lines = log.split(|byte| *byte == b'\n').enumerate().filter(|(at, _)| *at != 8_898);
    for ((_, line), record) in lines.zip(&records) {
        let line = Written::of(line, "combined");
        let record: Value = serde_json::from_str(record).expect("JSON");
        assert_eq!(record["status"].to_string(), line.status);
        let client = address(&line.client).map(network);
        assert_eq!(record["client"].as_str().map(str::to_owned), client);
    }
}
