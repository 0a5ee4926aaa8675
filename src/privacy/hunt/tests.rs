//! What is found, and what is not although it stands there.

use std::sync::Arc;

use super::{Hunt, Trove};
use crate::{
    format::Format,
    policy::{Plan, Policy, preset},
    privacy::RawBlock,
};

fn hunt(raw: &str) -> (Hunt, RawBlock) {
    let policy = Policy::parse(preset("baseline").expect("a preset")).expect("reads");
    let plan = Arc::new(Plan::compile(&policy).expect("compiles"));
    let mut block = RawBlock::with_capacity(raw.len() + 1);
    block.begin_at(0);
    block.read_from(&mut raw.as_bytes()).expect("a slice reads");
    (Hunt::new(plan, &[]), block)
}

/// The kinds of what is found.
fn found(raw: &str, clean: &str) -> Vec<&'static str> {
    let (mut hunt, block) = hunt(raw);
    hunt.take(&block, 0, &Format::combined(), true);
    let mut trove = Trove::default();
    hunt.search(&mut clean.as_bytes(), 0, &mut trove).expect("a slice reads");
    trove.found().iter().map(|found| found.kind.word()).collect()
}

fn line(client: &str, user: &str, target: &str, referrer: &str) -> String {
    format!(
        "{client} - {user} [22/Nov/2026:14:05:37 +0000] \"GET {target} HTTP/1.1\" 200 512 \"{referrer}\" \
         \"Mozilla/5.0 (X11; Zorbix; rv:109.0) Gecko/20100101 Firefox/115.0\"\n"
    )
}

#[test]
fn places_and_forms_give_identifiers_away() {
    let raw = line(
        "203.0.113.77",
        "alicemiller",
        "/reset?mail=bob%40example.com&k=9f86d081884c7d659a2feaa0c55ad015&q=zorvik+lumquadax",
        "https://intra.example.com/wiki/bremevrul",
    );
    for (clean, kind) in [
        ("x 203.0.113.77 y", "address"),
        ("by AliceMiller.", "user"),
        ("bob@example.com", "email"),
        ("bob%2540example.com", "email"),
        ("k9f86d081884c7d659a2feaa0c55ad015", "token"),
        ("zorvik%20lumquadax", "query"),
        ("/bremevrul/", "referrer"),
        ("Mozilla/5.0 (X11; Zorbix; rv:109.0) Gecko/20100101 F", "agent"),
    ] {
        assert_eq!(found(&raw, clean), [kind], "{clean}");
    }
    for clean in
        ["203.0.113.7", "203.0.113.0/24", "203.0.0.0/16", "alicemillers", "example.com", "Firefox"]
    {
        assert!(found(&raw, clean).is_empty(), "{clean}");
    }
}

/// A search of a log for what it has itself, as a fuzz target does it, missed values with both.
#[test]
fn values_with_escapes_and_what_ends_words_are_found_where_they_stand() {
    for value in [
        "zorvik,lumquad%61x",
        "zorvik\u{1}lum%71uadax",
        "zorvik%20{lumquadax}",
        "zorvik <lum%71uadax",
    ] {
        let raw = line("203.0.113.77", "-", &format!("/?q={value}"), "-");
        assert_eq!(found(&raw, &format!("a\n%41 q={value}&b")), ["query"], "{value}");
    }
    let (mut hunt, block) = hunt(&line("203.0.113.77", "-", "/?q=zorvik,lumquad%61x", "-"));
    hunt.take(&block, 0, &Format::combined(), true);
    let mut trove = Trove::default();
    hunt.search(&mut &b"%41\n%41 zorvik,lumquad%61x, %7aorvik,lumquadax"[..], 0, &mut trove)
        .expect("reads");
    let found = trove.found();
    assert_eq!((found[0].place.line, found[0].place.offset, found[0].times), (2, 8, 2));
}

/// The same found addresses in a log that were none: the end of one and the beginning of the next.
#[test]
fn addresses_side_by_side_are_found_each() {
    let raw = line("203.0.113.77", "-", "/", "-") + &line("198.51.100.4", "-", "/", "-");
    for between in ["|", "}", ";", "=", "/", ":", "to", "_"] {
        let clean = format!("203.0.113.77{between}198.51.100.4");
        assert_eq!(found(&raw, &clean), ["address", "address"], "{clean}");
        let (mut hunt, block) = hunt(&format!("{clean}\n"));
        hunt.take(&block, 0, &Format::combined(), true);
        assert_eq!(hunt.counts()[0], 2, "{clean}");
    }
    assert_eq!(found(&raw, "203.0.113x.77 198.51.100.4.x"), ["address"]);
}

/// The name of an e-mail address was thought to go on there.
#[test]
fn an_email_address_is_found_beside_what_cannot_be_in_one() {
    let raw = line("203.0.113.77", "-", "/?m=bob%40example.com", "-");
    for beside in ["\u{e9}", "\u{42f}", "\u{4f60}", ":"] {
        let clean = format!("/{beside}bob@example.com{beside}");
        assert_eq!(found(&raw, &clean), ["email"], "{clean}");
    }
    for longer in ["xbob@example.com", "bob@example.community"] {
        assert!(found(&raw, longer).is_empty(), "{longer}");
    }
}

#[test]
fn what_others_asked_for_is_nobodys() {
    let mut raw = line("203.0.113.77", "alicemiller", "/?q=lumquadax", "-");
    assert_eq!(found(&raw, "/alicemiller /lumquadax"), ["user", "query"]);
    raw += &line("203.0.113.78", "-", "/lumquadax/alicemiller", "-");
    assert_eq!(found(&raw, "/alicemiller /lumquadax"), ["user"]);
    raw += &line("203.0.113.79", "-", "/alicemiller", "-");
    assert!(found(&raw, "/alicemiller /lumquadax").is_empty());
}

#[test]
fn names_of_pages_that_are_long_are_nobodys_either() {
    let page = "session-balancing-across-tomcats-with-apache.html";
    let escaped = "%D9%85%D8%A7%D8%B4%DB%8C%D9%86-%D8%A7%D8%B5%D9%84%D8%A7%D8%AD";
    let mut raw = String::new();
    for name in [page, escaped] {
        raw += &line("203.0.113.77", "-", "/a.css", &format!("https://example.com/blog/{name}"));
        raw += &line("203.0.113.77", "-", &format!("/blog/{name}"), "-");
    }
    assert!(found(&raw, &format!("/blog/{page} /blog/{escaped}")).is_empty());
}

#[test]
fn several_passes_find_what_one_would() {
    let raw: String = (1..=200)
        .map(|number| line(&format!("203.0.113.{number}"), &format!("somebody{number}x"), "/", "-"))
        .collect();
    let (mut hunt, block) = hunt(&raw);
    hunt.needles = super::Needles::new().with_limit(100);
    let mut trove = Trove::default();
    let mut looked_for = 0;
    loop {
        hunt.take(&block, 0, &Format::combined(), true);
        looked_for += hunt.counts().iter().sum::<u64>();
        hunt.search(&mut raw.as_bytes(), 0, &mut trove).expect("a slice reads");
        if !hunt.next_pass() {
            break;
        }
    }
    let (pass, passes) = hunt.passes();
    assert!(pass == passes && passes >= 4, "{passes}");
    // Two hundred addresses and users, and an agent.
    assert_eq!(looked_for, 401);
    let found = trove.found();
    assert_eq!(found.len(), 401);
    assert!(found.iter().all(|found| found.place.line >= 1 && found.raw.offset < raw.len() as u64));
}

#[test]
fn a_hunt_shows_numbers_only() {
    let (mut hunt, block) = hunt(&line("203.0.113.77", "alicemiller", "/", "-"));
    hunt.take(&block, 0, &Format::combined(), true);
    assert_eq!(format!("{hunt:?}"), "Hunt(1 lines)");
}
