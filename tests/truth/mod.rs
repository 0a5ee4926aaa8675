//! What is known of the logs of real servers: the requests that they were sent, in order, and what a record
//! of each must say.
//!
//! The logs and the requests, with the bytes that were sent, lie beside the repository and are no part of it.
//! What a line must become is derived here from the request, by plain and slow code of its own, and never
//! through the transforms of the program.

#![allow(dead_code, reason = "each test is a crate of its own and uses its part of this")]

use std::{
    collections::BTreeMap,
    fs,
    io::{self, Write as _},
    net::IpAddr,
    path::{Path, PathBuf},
    sync::Arc,
};

use serde_json::{Value, json};
use tamis::{
    emit::{Emitter, Form, Rendered},
    format::Format,
    policy::{Plan, Policy, preset},
    privacy::{Anonymiser, Outcome, RawBlock},
    transform::agent::Classifier,
};

/// The folder of test data, if it is there.
pub(crate) fn data() -> Option<PathBuf> {
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

/// The requests of the named files in `folder`, in the order in which they were sent.
pub(crate) fn requests(folder: &Path, names: &[&str]) -> Vec<Request> {
    let read = |name: &&str| {
        let path = folder.join(format!("{name}.jsonl"));
        fs::read_to_string(path).expect("the requests are there")
    };
    let texts: String = names.iter().map(read).collect();
    texts.lines().map(|line| Request::of(&serde_json::from_str(line).expect("JSON"))).collect()
}

/// A request as it was sent.
#[derive(Default)]
pub(crate) struct Request {
    pub(crate) note: String,
    pub(crate) source: String,
    /// The first line, without its end.
    pub(crate) line: Vec<u8>,
    pub(crate) headers: Vec<(String, Vec<u8>)>,
    pub(crate) status: Option<u16>,
}

impl Request {
    pub(crate) fn of(value: &Value) -> Self {
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

    pub(crate) fn is_pipelined(&self) -> bool {
        self.note.ends_with("pipelined")
    }

    pub(crate) fn header(&self, name: &str) -> &[u8] {
        let found = self.headers.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| value.as_slice()).unwrap_or_default()
    }

    /// The clients that a server may have written: the address that the request came from, and for those
    /// of a trusted proxy the last forwarded one.
    pub(crate) fn clients(&self) -> Vec<IpAddr> {
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

pub(crate) fn trimmed(text: &[u8]) -> &[u8] {
    text.trim_ascii()
}

/// An address with or without brackets and a port, one in IPv6 clothes without these.
pub(crate) fn address(text: &str) -> Option<IpAddr> {
    let bare = text.strip_prefix('[').and_then(|rest| rest.split(']').next()).unwrap_or(text);
    let plain = bare.split('%').next().unwrap_or(bare);
    let found = plain.parse().or_else(|_| plain.rsplit_once(':').unwrap_or_default().0.parse());
    found.ok().map(|address: IpAddr| address.to_canonical())
}

/// The network that the default policy tells of an address.
pub(crate) fn network(address: IpAddr) -> String {
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
pub(crate) struct Written {
    pub(crate) client: String,
    pub(crate) request: Vec<u8>,
    pub(crate) status: String,
    pub(crate) bytes: String,
    pub(crate) site: Option<String>,
}

impl Written {
    pub(crate) fn of(line: &[u8], format: &'static str) -> Self {
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

pub(crate) fn unbase64(text: &str) -> Vec<u8> {
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
pub(crate) fn align(requests: &[Request], lines: &[Written]) -> Vec<Option<usize>> {
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
pub(crate) fn same_request(sent: &[u8], written: &[u8]) -> bool {
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
pub(crate) fn anonymised(log: &[u8], format: &Format) -> Vec<Result<Value, &'static str>> {
    let policy = Policy::parse(preset("baseline").expect("a preset")).expect("it reads");
    let plan = Arc::new(Plan::compile(&policy).expect("it compiles"));
    let mut emitter = Emitter::new(Form::Jsonl, &plan);
    let mut door = Anonymiser::new(plan, Arc::new(Classifier::new()), None, 65_536, 1);
    let mut block = RawBlock::with_capacity(log.len());
    block.read_from(&mut &log[..]).expect("a slice reads");
    let lines = block.lines().map(|line| {
        let mut out = Rendered::default();
        match door.anonymise(format, line, |record| emitter.render(record, &mut out)) {
            Outcome::Clean => Ok(serde_json::from_slice(out.as_bytes()).expect("a record is JSON")),
            Outcome::Refused(reason) => Err(reason.word()),
            Outcome::Filtered | Outcome::OptedOut | Outcome::Held => Err("filtered"),
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

/// What must stand in the record of a line, as far as the request says; of the referrer and the agent only if
/// `with_headers` says that the log has them.
pub(crate) fn expected(
    request: &Request,
    line: &Written,
    with_headers: bool,
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
    if let (Ok(bytes), Some(shown)) = (line.bytes.parse::<u64>(), shown) {
        let bucket = if bytes == 0 { 0 } else { bytes.next_power_of_two() };
        expect.insert("bytes", json!(if shown { bytes } else { bucket }));
    }
    // A server that gave up on the headers writes none, and a second request has its own.
    let gave_up = matches!(status, 400 | 408 | 414 | 431 | 501 | 505);
    if with_headers && !gave_up && !request.is_pipelined() {
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

/// Method, path and protocol, as far as they are certain; true when the target is shown as it is, nothing where
/// that is not known.
fn expect_request(line: &[u8], status: u16, expect: &mut BTreeMap<&str, Value>) -> Option<bool> {
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
        _ => return Some(false),
    };
    let path = match target.strip_prefix("http://") {
        Some(rest) => rest.find('/').map_or("", |slash| &rest[slash..]),
        None => target,
    };
    let token = |b: u8| b.is_ascii_alphanumeric() || b == b'-';
    if !method.bytes().all(token) || !(path.starts_with('/') || path == "*") {
        return Some(false);
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
        return Some(cut == target);
    } else if let Some((_, shown)) = CHANGED.iter().find(|(from, _)| *from == cut) {
        expect.insert("path", json!(shown));
        return Some(target == *shown);
    } else {
        return None;
    }
    Some(false)
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
