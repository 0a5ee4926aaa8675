//! Every log that lies beside the repository is read, or it is said here why not, line for line.
//!
//! The logs are no part of the repository: without them this prints why and tests nothing. Each file stands in
//! the list, with how it is read and how many of its lines come out clean; a line that is refused
//! is one that is no line of the format, or it is lost, and of those there may be one in two hundred.

mod program;
mod truth;

use std::{
    collections::BTreeMap,
    fs,
    io::{self, Write as _},
    path::Path,
};

use program::run;
use serde_json::json;
use truth::data;

/// How a log is read.
enum How {
    /// As the format that detection names.
    Detected(&'static str),
    /// With these options; what begins with `./` is beside the log.
    Own(&'static [&'static str]),
    /// Not at all, and why; what little comes out is counted all the same.
    OutOfScope(&'static str),
}

use How::{Detected, OutOfScope, Own};

/// What is not clean.
enum Refused {
    /// So many lines, for this reason, that are no line of the format or that tell of no finished request.
    Not(usize, &'static str, &'static str),
    /// So many lines that another program would read.
    Lost(usize, &'static str, &'static str),
}

use Refused::{Lost, Not};

/// A log: its file, how it is read, how many lines come out clean, and what does not.
struct Log(&'static str, How, usize, &'static [Refused]);

/// All of them.
const LOGS: &[Log] = &[
    Log("real/brianary_ex010320.log", Detected("iis-commas"), 2, &[]),
    Log(
        "real/brianary_ex031118.log",
        OutOfScope("columns without a time and a status"),
        0,
        &[Not(4, "not-this-format", "no such columns")],
    ),
    Log("real/brianary_ex960101.log", Detected("w3c"), 5, &[]),
    Log(
        "real/brianary_pf040903.log",
        OutOfScope("the log of a firewall"),
        0,
        &[Not(1, "empty", "an empty line"), Not(4, "not-this-format", "packets")],
    ),
    Log("real/brianary_u_ex100815.log", Detected("iis"), 16, &[]),
    Log("real/brianary_u_ex160110.log", Detected("iis"), 28, &[]),
    Log(
        "real/elastic_apache_combined.log",
        Detected("combined"),
        9_999,
        &[Not(1, "not-this-format", "the quote of its agent is not closed")],
    ),
    Log(
        "real/gonx_example.log",
        Own(&[
            "--nginx-format",
            concat!(
                r#"$remote_addr [$time_local] "$request" $status $request_length "#,
                r#"$body_bytes_sent $request_time "$image_size" $a $b"#,
            ),
            "--variable",
            "image_size=drop",
            "--variable",
            "a=drop",
            "--variable",
            "b=drop",
        ]),
        1_000,
        &[],
    ),
    Log(
        "real/lnav_caddy_log.0.log",
        Detected("caddy"),
        4,
        &[Not(35, "not-this-format", "what Caddy says of itself")],
    ),
    Log("real/lnav_caddy_log.1.log", Detected("caddy"), 4, &[]),
    Log("real/lnav_cloudflare.1.log", Detected("cloudflare"), 15, &[]),
    Log(
        "real/lnav_haproxy.0.log",
        Detected("haproxy-http"),
        13,
        &[Not(4, "not-this-format", "what HAProxy says of itself, and a failed handshake")],
    ),
    Log("real/lnav_shop_access.log", Detected("nginx-main"), 1_000, &[]),
    Log("real/lnav_uwsgi.0.log", Detected("uwsgi"), 19, &[]),
    Log("real/lnav_w3c_big.0.log", Detected("iis"), 210, &[]),
    Log("real/logisland_quickstart.log", Detected("common"), 4_000, &[]),
    Log(
        "real/matomo_amazon_cloudfront_rtmp.log",
        OutOfScope("streams over RTMP, without a method and a status"),
        0,
        &[Not(2, "not-this-format", "no such columns")],
    ),
    Log("real/matomo_amazon_cloudfront_web.log", Detected("cloudfront"), 1, &[]),
    Log(
        "real/matomo_caddy_json.log",
        Detected("caddy"),
        0,
        &[Not(3, "opted_out", "the visitor opted out")],
    ),
    Log("real/matomo_common_complete.log", Detected("vhost-combined-bare"), 1, &[]),
    Log("real/matomo_common_vhost.log", Detected("vhost-common"), 1, &[]),
    Log(
        "real/matomo_elb.log",
        Detected("aws-elb"),
        1,
        &[
            Not(1, "bad-status", "a connection without a request"),
            Not(1, "not-this-format", "a comment of the test"),
        ],
    ),
    Log("real/matomo_haproxy.log", Detected("haproxy-http"), 1, &[]),
    Log("real/matomo_icecast2.log", Detected("icecast"), 1, &[]),
    Log("real/matomo_iis.log", Detected("iis"), 1, &[]),
    Log("real/matomo_ncsa_extended.log", Detected("combined"), 1, &[]),
    Log("real/matomo_netscaler.log", Detected("w3c"), 1, &[]),
    Log("real/matomo_nginx_json.log", Detected("nginx-json"), 2, &[]),
    Log("real/matomo_ovh.log", Detected("combined"), 1, &[]),
    Log(
        "real/nasa_http_common.log",
        Detected("common"),
        59_996,
        &[Not(4, "not-this-format", "two lines run together where the file was put together")],
    ),
    Log("real/velk_demo.log", Detected("common"), 13, &[]),
    Log(
        "real/webreadr_http.log",
        Detected("zeek"),
        89,
        &[Not(2, "bad-status", "requests without an answer")],
    ),
    Log("servers/apache/agent.log", OutOfScope("agents alone"), 0, &[]),
    Log("servers/apache/combined.log", Detected("combined"), 420, &[]),
    Log("servers/apache/combined.log", Own(&["--apache-conf", "./apache.conf:combined"]), 420, &[]),
    Log("servers/apache/common.log", Detected("common"), 420, &[]),
    Log("servers/apache/common.log", Own(&["--apache-conf", "./apache.conf:common"]), 420, &[]),
    Log("servers/apache/referer.log", OutOfScope("referrers and paths alone"), 0, &[]),
    Log("servers/caddy/access_json.log", Detected("caddy"), 370, &[]),
    Log(
        "servers/haproxy/httplog_tcplog_rfc3164.log",
        Detected("haproxy-http"),
        430,
        &[
            Not(431, "not-this-format", "connections of the TCP log"),
            Lost(
                1,
                "not-this-format",
                "a cookie with quotes and a space, which HAProxy does not escape: where it ends, nobody can tell",
            ),
        ],
    ),
    Log(
        "servers/lighttpd/default.log",
        Detected("combined"),
        421,
        &[Not(1, "bad-address", "a forwarded address of `0`, taken at its word")],
    ),
    Log("servers/nginx/combined.log", Detected("combined"), 871, &[]),
    Log("servers/nginx/combined.log", Own(&["--nginx-conf", "./nginx.conf:combined"]), 871, &[]),
    Log("servers/nginx/common.log", Detected("common"), 871, &[]),
    Log("servers/nginx/common.log", Own(&["--nginx-conf", "./nginx.conf:common"]), 871, &[]),
    Log("servers/nginx/vhost_combined.log", Detected("vhost-combined"), 871, &[]),
    Log(
        "servers/nginx/vhost_combined.log",
        Own(&["--nginx-conf", "./nginx.conf:vhost_combined"]),
        871,
        &[],
    ),
    Log("servers/nginx/main_xff.log", Detected("nginx-main"), 871, &[]),
    Log("servers/nginx/main_xff.log", Own(&["--nginx-conf", "./nginx.conf:main_xff"]), 871, &[]),
    Log("servers/nginx/timed.log", Own(&["--nginx-conf", "./nginx.conf:timed"]), 871, &[]),
    Log("servers/nginx/json.log", Detected("nginx-json"), 871, &[]),
    Log("servers/nginx/json.log", Own(&["--nginx-conf", "./nginx.conf:json"]), 871, &[]),
    Log("servers/nginx/ltsv.log", Detected("ltsv"), 871, &[]),
    Log("servers/nginx/ltsv.log", Own(&["--nginx-conf", "./nginx.conf:ltsv"]), 871, &[]),
    Log("servers/nginx/kv.log", Own(&["--nginx-conf", "./nginx.conf:kv"]), 871, &[]),
    Log("servers/nginx/idmap.log", OutOfScope("numbers of requests, without a time"), 0, &[]),
    Log("servers/nginx/syslog_combined.log", Detected("combined"), 871, &[]),
    Log(
        "servers/squid/common.log",
        Detected("squid-common"),
        838,
        &[
            Not(45, "bad-status", "connections that ended before a request"),
            Not(2, "not-this-format", "two lines run together where the buffer was full"),
            Lost(3, "not-this-format", "a quote in the request, which Squid does not escape"),
        ],
    ),
    Log(
        "servers/squid/native.log",
        Detected("squid"),
        841,
        &[
            Not(45, "bad-status", "connections that ended before a request"),
            Not(2, "not-this-format", "two lines run together where the buffer was full"),
        ],
    ),
    Log(
        "servers/varnish/ncsa_default.log",
        Detected("combined"),
        365,
        &[
            Not(38, "bad-address", "requests that Varnish could not read, without a client"),
            Not(11, "bad-status", "requests that were passed on, without a status"),
        ],
    ),
];

#[test]
fn every_log_is_in_the_list() {
    let Some(data) = data() else { return };
    let mut found = Vec::new();
    for folder in ["real", "servers"] {
        logs_in(&data.join(folder), folder, &mut found);
    }
    found.sort();
    let mut listed: Vec<_> = LOGS.iter().map(|log| log.0.to_owned()).collect();
    // Some are read in two ways.
    listed.sort();
    listed.dedup();
    assert_eq!(found, listed);
}

fn logs_in(folder: &Path, name: &str, found: &mut Vec<String>) {
    for entry in fs::read_dir(folder).expect("the folder is there") {
        let path = entry.expect("readable").path();
        let name = format!("{name}/{}", path.file_name().expect("a name").display());
        if path.is_dir() {
            logs_in(&path, &name, found);
        } else if name.ends_with(".log") {
            found.push(name);
        }
    }
}

#[test]
fn every_log_is_read_as_the_list_says() {
    let Some(data) = data() else { return };
    let mut complaints = Vec::new();
    let mut table = String::from("\n   clean refused  how, file\n");
    for log in LOGS {
        check(&data, log, &mut table, &mut complaints);
    }
    let _ = io::stderr().write_all(table.as_bytes());
    assert!(complaints.is_empty(), "{}\n{}", complaints.len(), complaints.join("\n"));
}

fn check(data: &Path, log: &Log, table: &mut String, complaints: &mut Vec<String>) {
    let Log(name, how, clean, refused) = log;
    let path = data.join(name);
    let path = path.to_str().expect("a plain name");
    let mut args = vec!["--summary".to_owned(), "json".to_owned()];
    if let Own(options) = how {
        let beside = |name: &str| Path::new(path).with_file_name(name).display().to_string();
        let option = |option: &&str| option.strip_prefix("./").map_or((*option).to_owned(), beside);
        args.extend(options.iter().map(option));
    }
    args.push(path.to_owned());
    let args: Vec<_> = args.iter().map(String::as_str).collect();
    let done = run(&args, b"");
    // A log of which nothing is known is given up.
    let summary = done.summary();
    let mut expect: BTreeMap<&str, usize> = BTreeMap::new();
    let mut lost = 0;
    for entry in *refused {
        let (Not(count, reason, _) | Lost(count, reason, _)) = entry;
        *expect.entry(reason).or_default() += count;
        if let Lost(count, ..) = entry {
            lost += count;
        }
    }
    let sum: usize = expect.values().sum();
    let opted_out = expect.remove("opted_out").unwrap_or_default();
    let (kind, status) = match how {
        Detected(format) => {
            let found = run(&["formats", "detect", path], b"");
            if found.out().lines().next() != Some(format) {
                complaints.push(format!("{name}: detected as {:?}", found.out()));
            }
            (format!("detected {format}"), 0)
        }
        Own(options) => (options.join(" "), 0),
        OutOfScope(why) => (format!("out of scope: {why}"), if *clean + sum == 0 { 2 } else { 0 }),
    };
    *table += &format!("{clean:>8} {sum:>7}  {name}: {kind}\n");
    for entry in *refused {
        let (word, Not(count, reason, why) | Lost(count, reason, why)) = match entry {
            Not(..) => ("none of it", entry),
            Lost(..) => ("lost", entry),
        };
        *table += &format!("{count:>16}   {reason}, {word}: {why}\n");
    }
    if done.status != status {
        complaints.push(format!("{name}: status {}", done.status));
    }
    let is_same = summary["clean"] == json!(clean) && summary["opted_out"] == json!(opted_out);
    if !is_same || summary["refused"] != json!(expect) {
        complaints.push(format!("{name}: {summary}"));
    }
    if lost * 200 > *clean + lost && !matches!(how, OutOfScope(_)) {
        complaints.push(format!("{name}: {lost} of {} lines are lost", clean + lost));
    }
}
