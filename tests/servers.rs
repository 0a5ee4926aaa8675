//! Every line that real servers wrote for a known set of requests comes out as the request was.
//!
//! The logs and the requests, with the bytes that were sent, lie beside the repository and are no part of it:
//! without them this prints why and tests nothing. What a line must become is derived here from
//! the request, by plain and slow code of its own, and never through the transforms of the program.

mod program;
mod truth;

use std::{
    collections::BTreeMap,
    fs,
    io::{self, Write as _},
    path::Path,
};

use program::run;
use serde_json::{Value, json};
use tamis::format::Format;
use truth::{Written, address, align, anonymised, data, expected, network, requests};

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
    let format = Format::named(log.format).expect("a format");
    let found = anonymised(&text, &format);
    assert_eq!(found.len(), log.lines, "{}", log.name);
    let lines: Vec<_> = text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).collect();
    let written: Vec<_> = lines.iter().map(|line| Written::of(line, log.format)).collect();
    let requests = requests(path.parent().expect("a folder"), log.requests);
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
        for (key, value) in expected(request, &written[number], log.format != "common") {
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
    let requests = requests(&folder.join("nginx"), log.requests);
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
    let found = anonymised(&log, &Format::combined());
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
