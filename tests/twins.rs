//! What servers wrote of the same requests in two formats comes out as the same records.
//!
//! nginx wrote each of its requests to many logs at once, so line by line the records must agree in every key
//! that both have: a field taken from the wrong place shows. Squid wrote two logs. What HAProxy and Caddy
//! were sent is known, and their lines are compared with that. The logs lie beside the repository and
//! are no part of it: without them this prints why and tests nothing.

mod truth;

use std::{
    collections::BTreeMap,
    fs,
    io::{self, Write as _},
    path::Path,
};

use serde_json::Value;
use tamis::format::{Declared, Format, nginx};
use truth::{Written, align, anonymised, data, expected, requests, same_request};

/// A log of nginx that has the same requests as `combined.log`, line by line.
struct Twin {
    /// The file under `servers/nginx`, without `.log`.
    name: &'static str,
    /// The format by its name; without one, by the string of the same name in the configuration.
    format: Option<&'static str>,
    /// Keys that mean something else there.
    skipped: &'static [&'static str],
    /// Lines that differ: their numbers, the key or the reason to refuse them, and why that is right.
    odd: &'static [(&'static [usize], &'static str, &'static str)],
}

const TWINS: &[Twin] = &[
    Twin { name: "common", format: Some("common"), skipped: &[], odd: &[] },
    Twin { name: "common", format: None, skipped: &[], odd: &[] },
    Twin { name: "vhost_combined", format: Some("vhost-combined"), skipped: &[], odd: &[] },
    Twin { name: "vhost_combined", format: None, skipped: &[], odd: &[] },
    Twin { name: "main_xff", format: Some("nginx-main"), skipped: &[], odd: &[] },
    Twin { name: "main_xff", format: None, skipped: &[], odd: &[] },
    Twin { name: "timed", format: None, skipped: &[], odd: &[] },
    Twin { name: "syslog_combined", format: Some("combined"), skipped: &[], odd: &[] },
    Twin { name: "json", format: Some("nginx-json"), skipped: &[], odd: &[] },
    Twin { name: "json", format: None, skipped: &[], odd: &[] },
    Twin { name: "ltsv", format: Some("ltsv"), skipped: &[], odd: &[] },
    Twin { name: "ltsv", format: None, skipped: &[], odd: &[] },
    // It has the bytes with those of the headers, and the target apart from the request line.
    Twin {
        name: "kv",
        format: None,
        skipped: &["bytes"],
        odd: &[
            (
                UNREAD,
                "path",
                "nginx writes a dash for the target of a request that it refuses to read",
            ),
            (UNREAD_METHODS, "method", "of what is no request, nothing is told"),
        ],
    },
];

/// Lines of requests that nginx answered with 400 before it had read their target, in this case the same of
/// both ports; and those among them whose method is one of the usual ones.
const UNREAD: &[usize] = &[
    260, 264, 265, 266, 267, 268, 269, 270, 271, 277, 281, 291, 292, 293, 294, 295, 321, 323, 332,
    334, 336, 337, 338, 339, 340, 342, 343, 344, 345, 413, 419, 423, 429, 691, 695, 696, 697, 698,
    699, 700, 701, 702, 708, 712, 722, 723, 724, 725, 726, 752, 754, 763, 765, 767, 768, 769, 770,
    771, 773, 774, 775, 776, 844, 850, 854, 860,
];
const UNREAD_METHODS: &[usize] = &[
    260, 264, 265, 266, 267, 268, 269, 270, 271, 277, 281, 291, 292, 293, 294, 295, 321, 332, 334,
    336, 337, 338, 339, 340, 342, 343, 344, 345, 413, 423, 429, 691, 695, 696, 697, 698, 699, 700,
    701, 702, 708, 712, 722, 723, 724, 725, 726, 752, 763, 765, 767, 768, 769, 770, 771, 773, 774,
    775, 776, 844, 854, 860,
];

/// The directive that defines a format in the configuration.
fn directive(conf: &str, name: &str) -> String {
    let prefix = format!("log_format {name} ");
    let line = conf.lines().map(str::trim).find(|line| line.starts_with(&prefix));
    line.expect("the configuration defines it").to_owned()
}

/// Where two records disagree. A referrer of the site that a line belongs to is internal only where the
/// log names the site.
fn disagreements(one: &Value, other: &Value, skipped: &[&str]) -> Vec<String> {
    let (Value::Object(one), Value::Object(other)) = (one, other) else { return Vec::new() };
    let mut found = Vec::new();
    for (key, value) in one {
        let Some(twin) = other.get(key) else { continue };
        let is_internal = key == "referrer" && value == "example.com" && twin == "(internal)";
        if value != twin && !is_internal && !skipped.contains(&key.as_str()) {
            found.push(key.clone());
        }
    }
    found
}

/// Compares records pairwise; gives how many values were compared.
fn compare(
    name: &str,
    ones: &[Result<Value, &'static str>],
    others: &[Result<Value, &'static str>],
    twin: &Twin,
    complaints: &mut Vec<String>,
) -> usize {
    assert_eq!(ones.len(), others.len(), "{name}");
    let mut expect: BTreeMap<(usize, &str), &str> = BTreeMap::new();
    for (numbers, what, why) in twin.odd {
        expect.extend(numbers.iter().map(|number| ((*number, *what), *why)));
    }
    let mut compared = 0;
    let mut odd = |number: usize, what: &str, show: String| {
        let known = expect.keys().find(|(at, known)| *at == number && *known == what).copied();
        match known {
            Some(known) => drop(expect.remove(&known)),
            None => complaints.push(format!("{name}:{number}: {what}: {show}")),
        }
    };
    for (at, (one, other)) in ones.iter().zip(others).enumerate() {
        match (one, other) {
            (Ok(one), Ok(other)) => {
                compared += one.as_object().map_or(0, |record| record.len());
                for key in disagreements(one, other, twin.skipped) {
                    let show = format!("{} and {}", one[&key], other[&key]);
                    odd(at + 1, &key, show);
                }
            }
            (Err(one), Err(other)) if one == other => {}
            (Ok(_), Err(reason)) => odd(at + 1, reason, "refused in this log".to_owned()),
            (Err(reason), _) => odd(at + 1, reason, "refused in the other log".to_owned()),
        }
    }
    for ((number, what), why) in expect {
        complaints.push(format!("{name}:{number}: {what} agrees, although: {why}"));
    }
    compared
}

#[test]
fn nginx_wrote_the_same_requests_to_every_log() {
    let Some(data) = data() else { return };
    let folder = data.join("servers/nginx");
    let conf = fs::read_to_string(folder.join("nginx.conf")).expect("the configuration is there");
    let read = |name: &str| fs::read(folder.join(format!("{name}.log"))).expect("the log is there");
    let combined = anonymised(&read("combined"), &Format::combined());
    assert_eq!(combined.len(), 871);
    let (mut complaints, mut compared) = (Vec::new(), 0);
    for twin in TWINS {
        let format = match twin.format {
            Some(name) => Format::named(name).expect("a format"),
            None => {
                let string = directive(&conf, twin.name);
                nginx::compile(&string, &Declared::default()).expect("it compiles")
            }
        };
        let records = anonymised(&read(twin.name), &format);
        let name = format!("{} as {}", twin.name, format.name());
        let fields = compare(&name, &combined, &records, twin, &mut complaints);
        compared += fields;
        let _ = writeln!(io::stderr(), "{name}: {fields} values");
    }
    let _ = writeln!(io::stderr(), "{compared} values were compared");
    assert!(complaints.is_empty(), "{}\n{}", complaints.len(), complaints.join("\n"));
}

#[test]
fn squid_wrote_the_same_requests_to_both_logs() {
    let Some(data) = data() else { return };
    let folder = data.join("servers/squid");
    let read = |name: &str, format: &str| {
        let log = fs::read(folder.join(name)).expect("the log is there");
        anonymised(&log, &Format::named(format).expect("a format"))
    };
    let native = read("native.log", "squid");
    let common = read("common.log", "squid-common");
    let twin = Twin { name: "squid", format: None, skipped: &[], odd: SQUID_ODD };
    let mut complaints = Vec::new();
    let compared = compare("squid", &common, &native, &twin, &mut complaints);
    let _ = writeln!(io::stderr(), "squid: {compared} values were compared");
    assert!(complaints.is_empty(), "{}\n{}", complaints.len(), complaints.join("\n"));
}

/// Lines of Squid's two logs that differ.
const SQUID_ODD: &[(&[usize], &str, &str)] =
    &[(&[734, 735, 797], "not-this-format", "a quote in a request, which Squid does not escape")];

/// Compares lines with the requests that were sent; gives how many lines were aligned with one.
fn check(
    name: &str,
    records: &[Result<Value, &'static str>],
    written: &[Written],
    requests: &[truth::Request],
    with_headers: bool,
    complaints: &mut Vec<String>,
) -> (usize, usize) {
    assert_eq!(records.len(), written.len(), "{name}");
    let aligned = align(requests, written);
    let (mut lines, mut values) = (0, 0);
    for (at, (record, request)) in records.iter().zip(aligned).enumerate() {
        let Ok(record) = record else { continue };
        // What took long was logged after later requests.
        let late = || {
            let line = &written[at];
            let is_same = |request: &truth::Request| {
                request.source == line.client && same_request(&request.line, &line.request)
            };
            requests.iter().position(is_same)
        };
        let Some(request) = request.or_else(late) else {
            complaints.push(format!("{name}:{}: no request", at + 1));
            continue;
        };
        lines += 1;
        let request = &requests[request];
        for (key, value) in expected(request, &written[at], with_headers) {
            values += 1;
            if record[key] != value {
                complaints.push(format!(
                    "{name}:{} ({}): {key} is {} and should be {value}",
                    at + 1,
                    request.note,
                    record[key]
                ));
            }
        }
    }
    (lines, values)
}

#[test]
fn lines_of_haproxy_come_out_as_the_requests_were() {
    let Some(data) = data() else { return };
    let folder = data.join("servers/haproxy");
    let log = fs::read(folder.join("httplog_tcplog_rfc3164.log")).expect("the log is there");
    // The other lines are of connections and have no request.
    let lines: Vec<&[u8]> =
        log.split(|byte| *byte == b'\n').filter(|line| find(line, b"] fe_httplog")).collect();
    let http = lines.join(&b'\n');
    let written: Vec<_> = lines.iter().map(|line| of_haproxy(line)).collect();
    let records = anonymised(&http, &Format::named("haproxy-http").expect("a format"));
    let requests = requests(&folder, &["requests_httplog"]);
    let mut complaints = Vec::new();
    let (lines, values) = check("haproxy", &records, &written, &requests, false, &mut complaints);
    let _ = writeln!(io::stderr(), "haproxy: {lines} lines and {values} of their values");
    assert!(complaints.is_empty(), "{}\n{}", complaints.len(), complaints.join("\n"));
    // A captured cookie with quotes and a space is not escaped: that line is refused.
    assert_eq!((records.len(), lines), (431, 430));
}

fn find(line: &[u8], part: &[u8]) -> bool {
    line.windows(part.len()).any(|window| window == part)
}

/// A line of HAProxy taken apart, its escapes undone.
fn of_haproxy(line: &[u8]) -> Written {
    let text = line.escape_ascii().to_string();
    let (_, text) = text.split_once("]: ").expect("a tag of syslog");
    let words: Vec<_> = text.split(' ').collect();
    let end = line.iter().rposition(|byte| *byte == b'"').expect("a quote");
    let start = line[..end].iter().rposition(|byte| *byte == b'"').expect("a quote") + 1;
    let (mut request, mut rest) = (Vec::new(), &line[start..end]);
    while let [first, after @ ..] = rest {
        let escape = (*first == b'#').then(|| after.get(..2)).flatten();
        let byte = escape
            .and_then(|digits| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok());
        request.push(byte.unwrap_or(*first));
        rest = if byte.is_some() { &after[2..] } else { after };
    }
    let (client, _) = words[0].rsplit_once(':').expect("a port");
    let (status, bytes) = (words[5].to_owned(), words[6].to_owned());
    Written { client: client.to_owned(), request, status, bytes, site: None }
}

#[test]
fn lines_of_caddy_come_out_as_the_requests_were() {
    let Some(data) = data() else { return };
    let folder = data.join("servers/caddy");
    let log = fs::read(folder.join("access_json.log")).expect("the log is there");
    let written: Vec<_> = std::str::from_utf8(&log)
        .expect("Caddy writes UTF-8")
        .lines()
        .map(|line| of_caddy(&serde_json::from_str(line).expect("JSON")))
        .collect();
    let records = anonymised(&log, &Format::named("caddy").expect("a format"));
    let requests = requests(&folder, &["requests_json"]);
    let mut complaints = Vec::new();
    let (lines, values) = check("caddy", &records, &written, &requests, true, &mut complaints);
    let _ = writeln!(io::stderr(), "caddy: {lines} lines and {values} of their values");
    assert!(complaints.is_empty(), "{}\n{}", complaints.len(), complaints.join("\n"));
    assert_eq!((records.len(), lines), (370, 370));
}

/// A line of Caddy put together as a request line.
fn of_caddy(line: &Value) -> Written {
    let request = &line["request"];
    let text = |key: &str| request[key].as_str().expect("text");
    let host = text("host");
    let bare = host.rsplit_once(':').map_or(host, |(bare, _)| bare);
    Written {
        client: text("remote_ip").to_owned(),
        request: format!("{} {} {}", text("method"), text("uri"), text("proto")).into_bytes(),
        status: line["status"].to_string(),
        bytes: line["size"].to_string(),
        site: Some(bare.to_owned()),
    }
}

/// The lines of the first port, of which the requests were recorded, agree with these.
#[test]
fn lines_of_squid_come_out_as_the_requests_were() {
    let Some(data) = data() else { return };
    let folder = data.join("servers/squid");
    let (records, written) = of_squid(&folder);
    let requests = requests(&folder, &["requests_fwd"]);
    let mut complaints = Vec::new();
    let (lines, values) = check("squid", &records, &written, &requests, false, &mut complaints);
    let _ = writeln!(io::stderr(), "squid: {lines} lines and {values} of their values");
    assert!(complaints.is_empty(), "{}\n{}", complaints.len(), complaints.join("\n"));
    // The others are of connections that ended before a request, and two lines that are run together.
    assert_eq!((records.len(), lines), (SQUID_LINES, 420));
}

/// What Squid wrote of the first port, in the common format.
fn of_squid(folder: &Path) -> (Vec<Result<Value, &'static str>>, Vec<Written>) {
    let log = fs::read(folder.join("common.log")).expect("the log is there");
    let lines: Vec<&[u8]> = log.split(|byte| *byte == b'\n').take(SQUID_LINES).collect();
    let written: Vec<_> = lines.iter().map(|line| of_squid_line(line)).collect();
    let records =
        anonymised(&lines.join(&b'\n'), &Format::named("squid-common").expect("a format"));
    (records, written)
}

/// A line of Squid's common format taken apart; it has no escapes.
fn of_squid_line(line: &[u8]) -> Written {
    let start = line.windows(3).position(|part| part == b"] \"").expect("a request") + 3;
    let end = line.iter().rposition(|byte| *byte == b'"').expect("a quote");
    let rest = line[end + 1..].escape_ascii().to_string();
    let words: Vec<_> = rest.split(' ').collect();
    let client = line.split(|byte| *byte == b' ').next().expect("a client");
    Written {
        client: client.escape_ascii().to_string(),
        request: line[start..end].to_vec(),
        status: words[1].to_owned(),
        bytes: words[2].to_owned(),
        site: None,
    }
}

/// How many lines are of the first port.
const SQUID_LINES: usize = 445;
