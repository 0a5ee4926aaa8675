//! The pages of `tamis report html` and of publications, looked at from outside: by what must hold of any page, and
//! by a browser with nobody's network and with the rules of accessibility.
//!
//! The browser needs Chromium, Node.js and the packages `playwright-core` and `axe-core` where `NODE_PATH` says;
//! what is not there is skipped with a line that says so. `make page` runs this and says where the pictures are.

#[path = "../program/mod.rs"]
mod program;
mod samples;

use std::{
    collections::BTreeSet,
    env, fs,
    io::{self, Write as _},
    path::{Path, PathBuf},
    process::Command,
};

use program::run_in;
use tamis::counts::{Report, page};

/// Where the pages and their pictures are left to be looked at.
fn place() -> PathBuf {
    let place = Path::new(env!("CARGO_TARGET_TMPDIR")).join("page");
    fs::create_dir_all(&place).expect("the folder for tests can be written to");
    place
}

/// The pages by name.
fn pages() -> Vec<(&'static str, String)> {
    let log = concat!(env!("CARGO_MANIFEST_DIR"), "/samples/logs/access.log");
    let folder = program::Folder::new();
    let counted = run_in(folder.path(), &["--counts", "counts.json", "-o", "out.jsonl", log], b"");
    assert_eq!(counted.status, 0, "{}", counted.err());
    let made = run_in(folder.path(), &["report", "html", "--counts", "counts.json"], b"");
    assert_eq!(made.status, 0, "{}", made.err());
    let of_a_log = str::from_utf8(&made.stdout).expect("a page is text").to_owned();
    vec![
        ("log", of_a_log),
        ("internal", page::render(&samples::internal())),
        ("public", page::render(&samples::public())),
        ("hostile", page::render(&samples::hostile())),
        ("empty", page::render(&samples::empty())),
    ]
}

/// The values of an attribute.
fn values<'a>(html: &'a str, attribute: &str) -> Vec<&'a str> {
    let start = format!(" {attribute}=\"");
    html.split(&start).skip(1).map(|rest| rest.split('"').next().unwrap_or_default()).collect()
}

#[test]
fn every_page_is_whole_and_loads_nothing() {
    for (name, html) in pages() {
        assert!(html.starts_with("<!doctype html>\n<html lang=\"en\">"), "{name}");
        assert!(html.ends_with("</html>\n") && html.contains("default-src 'none'"), "{name}");
        let lower = html.to_lowercase();
        for word in
            ["<script", "<iframe", "<img", "@import", "url(", " style=\"", " onload", "javascript:"]
        {
            // Hostile keys say some of these, as text.
            assert!(name == "hostile" || !lower.contains(word), "{name}: {word}");
        }
        for link in values(&html, "href").into_iter().chain(values(&html, "src")) {
            let is_inside =
                ["#", "data:image/svg+xml,", "./"].iter().any(|start| link.starts_with(start));
            assert!(is_inside, "{name}: {link}");
        }
    }
}

#[test]
fn what_is_named_is_there_once() {
    for (name, html) in pages() {
        let ids = values(&html, "id");
        let known: BTreeSet<_> = ids.iter().copied().collect();
        assert_eq!(ids.len(), known.len(), "{name}: an id stands twice");
        let named = ["aria-labelledby", "aria-describedby"]
            .map(|attribute| values(&html, attribute))
            .concat();
        for id in named.iter().flat_map(|ids| ids.split(' ')) {
            assert!(known.contains(id), "{name}: nothing has the id {id}");
        }
        for link in values(&html, "href").iter().filter_map(|link| link.strip_prefix('#')) {
            assert!(known.contains(link), "{name}: nothing has the id {link}");
        }
    }
}

#[test]
fn tags_are_closed_in_their_order() {
    const VOID: [&str; 4] = ["!doctype", "meta", "link", "br"];
    for (name, html) in pages() {
        let mut open = Vec::new();
        let mut rest = html.as_str();
        while let Some(at) = rest.find('<') {
            let end = rest[at..].find('>').map(|end| at + end).expect("a tag has an end");
            let tag = &rest[at + 1..end];
            let word = tag.trim_start_matches('/').split([' ', '/']).next().unwrap_or_default();
            if tag.starts_with('/') {
                assert_eq!(open.pop(), Some(word), "{name}: …{}", &rest[at.saturating_sub(9)..end]);
            } else if !tag.ends_with('/') && !VOID.contains(&word) {
                open.push(word);
            }
            rest = &rest[end + 1..];
            if word == "style" && !tag.starts_with('/') {
                rest = &rest[rest.find("</style>").expect("a style has an end")..];
            }
        }
        assert!(open.is_empty(), "{name}: {open:?}");
    }
}

#[test]
fn an_internal_page_says_so_and_a_public_one_says_by_which_rule() {
    for (name, html) in pages() {
        let is_public = name == "public";
        assert_eq!(
            html.contains("<strong>Internal</strong> Not for publication"),
            !is_public,
            "{name}"
        );
        assert_eq!(html.contains("<title>Internal: "), !is_public, "{name}");
        assert_eq!(html.contains("noindex"), !is_public, "{name}");
    }
    let html = page::render(&samples::public());
    assert!(!html.to_lowercase().contains("this page is internal"));
    for part in [
        "Example Foundation",
        "10 networks or more",
        "Withheld as a whole, because too little of them could be told: Countries.",
        "Looked at before the release by Alice; released on 1 December 2026.",
        "multiples of 5",
        "href=\"./november.json\"",
        "(other) adds up what fewer than 10 networks had in common",
    ] {
        assert!(html.contains(part), "{part}");
    }
}

#[test]
fn what_was_folded_and_missed_is_said() {
    let html = page::render(&samples::internal());
    for part in [
        "any row may be too low, by 37 requests at most",
        "for whose keys the table had no room",
        "stand in the JSON of these counts only",
        "<dt>(none)</dt><dd>among referrers: no referring page was named</dd>",
    ] {
        assert!(html.contains(part), "{part}");
    }
}

#[test]
fn every_table_of_a_report_is_drawn_and_listed() {
    let report = samples::internal();
    let html = page::render(&report);
    // A picture for each table, one of visitors for the days, and one of the week.
    let pictures = report.tables().count() + 2;
    assert_eq!(html.matches("<svg class=").count(), pictures);
    assert_eq!(html.matches("<caption>").count(), pictures - 1);
}

#[test]
fn the_same_report_is_the_same_page_also_from_its_json() {
    for report in [samples::internal(), samples::public(), samples::hostile(), samples::empty()] {
        let read = Report::from_json(report.to_json().as_bytes()).expect("a report");
        assert_eq!(page::render(&read), page::render(&report));
    }
}

#[test]
fn text_in_a_report_stays_text() {
    let html = page::render(&samples::hostile());
    assert!(!html.contains("<script") && !html.contains("<img") && !html.contains("\u{202e}"));
    assert!(html.contains("&lt;script&gt;alert(1)&lt;/script&gt;"));
}

#[test]
fn a_browser_finds_nothing_to_complain_of() {
    let place = place();
    let mut files = Vec::new();
    for (name, html) in pages() {
        let file = place.join(format!("{name}.html"));
        fs::write(&file, html).expect("the folder is ours");
        files.push(file);
    }
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/page/look.cjs");
    let ran = Command::new("node").arg(script).arg(&place).args(&files).output();
    let Ok(output) = ran else {
        say("pages are NOT LOOKED AT by a browser: node is not installed");
        return;
    };
    let said = [&output.stdout[..], &output.stderr[..]].concat();
    let said = str::from_utf8(&said).expect("the script prints text").trim();
    match output.status.code() {
        Some(0) => say(&format!("{said}; pictures are in {}", place.display())),
        Some(77) => say(&format!("pages are NOT LOOKED AT by a browser: {said}")),
        _ => panic!("\n{said}"),
    }
}

/// Past the test harness, which keeps what a passing test prints to itself.
fn say(what: &str) {
    let _ = writeln!(io::stderr(), "\n*** {what} ***");
}
