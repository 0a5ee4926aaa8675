//! `audit leaks` finds what is there, in every way of writing, and says of a clean output that nothing is.
//!
//! The positive control comes first: over the raw log itself, every identifier that is looked for is found. The
//! encodings are those of the leak test, which are written there and not taken from the program.

#[path = "../leaks/encodings.rs"]
#[expect(dead_code, reason = "the leak test has further uses for it")]
mod encodings;
#[path = "../program/mod.rs"]
mod program;

use std::{fmt::Write as _, fs, process::Command};

use encodings::ENCODINGS;
use program::{Dice, Done, Folder, run_in};
use serde_json::Value;

/// A raw log in which each of `count` visitors has a name, an address and secrets of their own.
fn raw_log(count: usize) -> String {
    let mut dice = Dice(7);
    let mut raw = String::new();
    for number in 0..count {
        let client = match number % 3 {
            0 => format!("2001:db8:{:x}::{:x}", dice.below(0xffff), 1 + dice.below(0xfffe)),
            1 => format!("203.0.113.{}", 1 + number % 254),
            _ => format!("198.51.100.{}", 1 + number % 254),
        };
        let mut word = || -> String {
            let syllables = ["zor", "vik", "bre", "lum", "qua", "dax", "fem", "pul", "wob", "tre"];
            (0..4).map(|_| *dice.pick(&syllables)).collect()
        };
        let (user, query, page, mail) = (word(), word(), word(), word());
        let token = dice.text("0123456789abcdef", 32);
        let device = dice.text("ABCDEFGHJK", 8);
        writeln!(
            raw,
            "{client} - {user} [22/Nov/2026:14:05:37 +0000] \"GET /shop?q={query}&t={token}&m={mail}%40example.org \
             HTTP/1.1\" 200 512 \"https://example.net/{page}\" \"Agent{device}/1.0 (made for tests)\""
        )
        .expect("a string takes all");
    }
    raw
}

fn audit(folder: &Folder, clean: &[&str]) -> (Done, Value) {
    let args =
        [&["audit", "leaks"], clean, &["--against", "raw.log", "--json", "--list", "100000"]]
            .concat();
    let done = run_in(folder.path(), &args, b"");
    let found = serde_json::from_slice(&done.stdout).unwrap_or(Value::Null);
    (done, found)
}

fn write(folder: &Folder, name: &str, content: impl AsRef<[u8]>) {
    fs::write(folder.file(name), content).expect("the folder is ours");
}

#[test]
fn over_the_raw_log_itself_everything_is_found() {
    let folder = Folder::new();
    write(&folder, "raw.log", raw_log(300));
    let (done, found) = audit(&folder, &["raw.log"]);
    assert_eq!(done.status, 3, "{}", done.err());
    let kinds = found["kinds"].as_object().expect("kinds");
    for kind in ["address", "user", "email", "token", "query", "referrer", "agent"] {
        let numbers = &kinds[kind];
        assert!(numbers["looked_for"].as_u64() >= Some(90), "{kind}: {numbers}");
        assert_eq!(numbers["looked_for"], numbers["found"], "{kind}");
    }
    // Each is found where it comes from.
    for finding in found["findings"].as_array().expect("findings") {
        assert!(finding["raw_line"].as_u64() >= finding["line"].as_u64(), "{finding}");
    }
}

#[test]
fn every_way_of_writing_is_seen_through() {
    let folder = Folder::new();
    let raw = "203.0.113.77 - zorvik.lum [22/Nov/2026:14:05:37 +0000] \
        \"GET /?t=9f86d081884c7d659a2feaa0c55ad015&q=zorvik%20lumquadax&m=alice@example.com HTTP/1.1\" 200 512\n";
    write(&folder, "raw.log", raw);
    let mut missed = Vec::new();
    for text in [
        "203.0.113.77",
        "zorvik.lum",
        "9f86d081884c7d659a2feaa0c55ad015",
        "zorvik lumquadax",
        "alice@example.com",
    ] {
        for encoding in ENCODINGS {
            let written = (encoding.write)(text.as_bytes());
            let mut clean = b"{\"path\":\"/a/".to_vec();
            clean.extend_from_slice(&written);
            clean.extend_from_slice(b"/b\"}\n");
            write(&folder, "clean", clean);
            let (done, _) = audit(&folder, &["clean"]);
            if done.status != 3 {
                missed.push(format!("{text} {}", encoding.name));
            }
            assert!(!done.out().contains(text) && !done.err().contains(text));
        }
    }
    assert!(missed.is_empty(), "{missed:#?}");
    let wide: Vec<u8> = "x zorvik.lum y".encode_utf16().flat_map(u16::to_le_bytes).collect();
    write(&folder, "clean", wide);
    assert_eq!(audit(&folder, &["clean"]).0.status, 3);
}

#[test]
fn addresses_are_found_in_every_notation() {
    let folder = Folder::new();
    write(
        &folder,
        "raw.log",
        "203.0.113.77 - - [22/Nov/2026:14:05:37 +0000] \"GET / HTTP/1.1\" 200 512\n\
         2001:db8:1:2::abcd - - [22/Nov/2026:14:05:37 +0000] \"GET / HTTP/1.1\" 200 512\n",
    );
    for text in [
        "203.0.113.77",
        "203.0.113.77:443",
        "[203.0.113.77]:443",
        "203.000.113.077",
        "0313.0.0161.0115",
        "0xcb.0x0.0x71.0x4d",
        "3405803853",
        "0xcb00714d",
        "031300070515",
        "203.0.29005",
        "203-0-113-77",
        "dsl-203-0-113-77.isp.example",
        "77.113.0.203.in-addr.arpa",
        "::ffff:203.0.113.77",
        "::ffff:cb00:714d",
        "0:0:0:0:0:ffff:cb00:714d",
        "2002:cb00:714d::1",
        "64:ff9b::cb00:714d",
        "2001:db8:1:2::abcd",
        "2001:0DB8:0001:0002:0000:0000:0000:ABCD",
        "[2001:db8:1:2::abcd]:443",
        "2001:db8:1:2::abcd%eth0",
        "20010db800010002000000000000abcd",
        "d.c.b.a.0.0.0.0.0.0.0.0.0.0.0.0.2.0.0.0.1.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa",
        "2001-db8-1-2-0-0-0-abcd.isp.example",
    ] {
        write(&folder, "clean", format!("{{\"path\":\"/x/{text}\"}}\n"));
        let (done, found) = audit(&folder, &["clean"]);
        assert_eq!(done.status, 3, "{text}");
        assert_eq!(found["kinds"]["address"]["found"], 1, "{text}: {found}");
    }
    let network =
        "{\"client\":\"203.0.113.0/24\"}\n{\"client\":\"2001:db8:1::/48\",\"bytes\":3405803853}\n";
    write(&folder, "clean", network);
    assert_eq!(audit(&folder, &["clean"]).0.status, 0);
}

#[test]
fn what_tamis_makes_has_nobody_in_it() {
    let logs = concat!(env!("CARGO_MANIFEST_DIR"), "/samples/logs");
    for policy in
        ["baseline", "strict", "sitecore-2012", "mozilla-2008", "wordpress-2011", "canonical-2012"]
    {
        let folder = Folder::new();
        for log in ["access", "common", "vhost"] {
            for form in ["jsonl", "csv", "combined"] {
                let raw = format!("{logs}/{log}.log");
                let (output, counts) = (format!("{log}.{form}"), format!("{log}-{form}.json"));
                let page = format!("{log}-{form}.html");
                let args =
                    ["--policy", policy, "--emit", form, "-o", &output, "--counts", &counts, &raw];
                // Some policies have no such form.
                if run_in(folder.path(), &args, b"").status == 0 {
                    run_in(
                        folder.path(),
                        &["report", "html", "--counts", &counts, "-o", &page],
                        b"",
                    );
                }
            }
        }
        let raw = format!("{logs}/access.log");
        run_in(
            folder.path(),
            &["--policy", policy, "--store", "counts.db", "-o", "stored", &raw],
            b"",
        );
        let args = ["audit", "leaks", ".", "--against", logs, "--policy", policy];
        let done = run_in(folder.path(), &args, b"");
        assert_eq!(done.status, 0, "{policy}: {}{}", done.out(), done.err());
        assert!(done.out().contains("None of them is in there."), "{}", done.out());
    }
}

#[test]
fn one_leak_in_the_middle_of_a_large_file_is_found_at_its_line() {
    let folder = Folder::new();
    write(&folder, "raw.log", raw_log(20));
    let raw = raw_log(20);
    let user = raw.lines().nth(13).and_then(|line| line.split(' ').nth(2)).expect("a user");
    let row = "{\"time\":\"2026-11-22T14:05:00Z\",\"client\":\"203.0.0.0/16\",\"path\":\"/shop\",\"bytes\":512}\n";
    let mut clean = row.repeat(100_000);
    let at = clean.len();
    writeln!(clean, "{{\"path\":\"/{user}/\"}}").expect("a string takes all");
    clean += &row.repeat(100_000);
    write(&folder, "clean.jsonl", &clean);
    fs::create_dir_all(folder.file("deep/.hidden")).expect("the folder is ours");
    write(&folder, "deep/.hidden/copy", &clean);
    let packed = Command::new("gzip").arg("-1").arg(folder.file("deep/.hidden/copy")).status();
    let is_packed = packed.is_ok_and(|status| status.success());
    for clean in ["clean.jsonl", "deep"] {
        let (done, found) = audit(&folder, &[clean]);
        assert_eq!(done.status, 3);
        let finding = &found["findings"][0];
        assert_eq!(finding["kind"], "user");
        assert_eq!(
            (&finding["line"], &finding["raw_line"]),
            (&Value::from(100_001), &Value::from(14)),
            "{is_packed}"
        );
        assert!(finding["byte"].as_u64().expect("a number").abs_diff(at as u64) < 20, "{finding}");
    }
}

#[test]
fn names_of_files_and_stores_are_looked_at() {
    let folder = Folder::new();
    let raw = raw_log(3);
    write(&folder, "raw.log", &raw);
    let user = raw.split(' ').nth(2).expect("a user");
    fs::create_dir_all(folder.file("out")).expect("the folder is ours");
    write(&folder, &format!("out/{user}.json"), "{}\n");
    let (done, found) = audit(&folder, &["out"]);
    assert_eq!((done.status, &found["findings"][0]["line"]), (3, &Value::from(0)));
    assert!(!done.out().contains(user));
    let args = ["audit", "leaks", "out", "--against", "raw.log"];
    assert!(!run_in(folder.path(), &args, b"").out().contains(user));
}
