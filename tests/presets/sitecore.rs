//! What Sitecore's policy tells beyond the others: the registered company and the token of a cookie.

use std::sync::Arc;

use serde_json::Value;
use tamis::{
    privacy::{Keyring, Keys},
    transform::{
        organisation::Organisations,
        pseudonym::{Epoch, EpochKey, EpochLength, Secret},
    },
};

use super::{
    BASELINE, Door, Folder, Form, SITECORE, Visit, check_no_trace, flat, mmdb, now, run_in,
    text_of, visit, visits,
};

/// The cookie that the preset names.
pub(crate) const COOKIE: &str = "SC_ANALYTICS_GLOBAL_COOKIE";

/// A door of Sitecore's policy with more behind it, and with the key of the day of the visits.
pub(crate) fn with_keys(more: &str) -> Door {
    let mut door = Door::of(&(text_of(SITECORE) + more), Form::Jsonl);
    let (keyring, epoch) = (Arc::new(Keyring::default()), Epoch(20_779));
    let keys = vec![(epoch, EpochKey::new(Secret::copy_of(&[7; 32])))];
    keyring.publish(Keys { length: EpochLength::default(), keys });
    keyring.set_now(EpochLength::default().end(epoch));
    door.anonymiser = door.anonymiser.with_keyring(&keyring);
    door
}

/// A /24 of one holder in which others have nothing, a /16, a /32 of IPv6, and a /29 of one customer.
fn organisations() -> Vec<u8> {
    mmdb::organisations(&[
        mmdb::v4([203, 0, 113, 0], 24, "Example Networks, Inc."),
        mmdb::v4([192, 0, 0, 0], 16, "Soci\u{e9}t\u{e9} \"Exemple\""),
        mmdb::v4([198, 51, 100, 0], 29, "Alice's Bakery"),
        (0x2001_0db8 << 96, 32, "Example Carrier"),
    ])
}

const WITH_FILE: &str = "\n[network]\norganisation_db = \"organisations.mmdb\"\n";

fn with_organisations(text: &str, form: Form) -> Door {
    let mut door = Door::of(&(text.to_owned() + WITH_FILE), form);
    let file = Organisations::new(organisations()).expect("the form that it is written in");
    door.anonymiser = door.anonymiser.with_organisations(Some(Arc::new(file)));
    door
}

/// What a record of this client says of the organisation.
fn organisation(door: &mut Door, client: &str) -> Option<String> {
    door.json(&Visit { client: client.to_owned(), ..visit() });
    let record = flat(&door.take());
    record.get("organisation").map(|name| name.as_str().expect("text").to_owned())
}

#[test]
fn sit_02_the_registered_company_is_told_of_the_network_that_is_told() {
    let mut door = with_organisations(&text_of(SITECORE), Form::Jsonl);
    for (client, expect) in [
        ("203.0.113.77", Some("Example Networks, Inc.")),
        ("::ffff:203.0.113.77", Some("Example Networks, Inc.")),
        ("192.0.2.77", Some("Soci?t? ?Exemple?")),
        ("2001:db8:1:2::77", Some("Example Carrier")),
        // In a range of one customer, and in the network around it.
        ("198.51.100.3", None),
        ("198.51.100.77", None),
        ("host.example.net", None),
        ("2001:0:1:2:3:4:5:6", None),
    ] {
        for _ in 0..2 {
            assert_eq!(organisation(&mut door, client).as_deref(), expect, "{client}");
        }
    }
    door.json(&visit());
    let record: Value = serde_json::from_str(&door.take()).expect("JSON");
    assert_eq!(record["client_information"]["organisation"], "Example Networks, Inc.");
    let mut without = Door::new(SITECORE);
    assert_eq!(organisation(&mut without, "203.0.113.77"), None);
}

#[test]
fn an_organisation_says_no_more_than_the_network_beside_it_and_no_more_than_one_might() {
    let baseline = text_of(BASELINE).replace("errors = true", "organisation = true");
    let mut door = with_organisations(&baseline, Form::Jsonl);
    // Of a /16 of which only a /24 is somebody's, nothing is known.
    assert_eq!(organisation(&mut door, "203.0.113.77"), None);
    assert_eq!(organisation(&mut door, "192.0.2.77").as_deref(), Some("Soci?t? ?Exemple?"));
    let client = "client = { truncate = { ipv4 = 16, ipv6 = 32 } }\n";
    for (instead, text) in [("none", ""), ("country", "client = \"country\"\n")] {
        let mut door = with_organisations(&baseline.replace(client, text), Form::Jsonl);
        for (client, expect) in [
            ("203.0.113.77", Some("Example Networks, Inc.")),
            ("198.51.100.3", None),
            ("2001:db8:1:2::77", Some("Example Carrier")),
        ] {
            assert_eq!(organisation(&mut door, client).as_deref(), expect, "{instead} {client}");
        }
    }
    let linking = "client = \"token\"\nallow_linking = true\nnetwork = { ipv4 = 8, ipv6 = 32 }\n";
    let mut door = with_organisations(&baseline.replace(client, linking), Form::Jsonl);
    assert_eq!(organisation(&mut door, "192.0.2.77"), None);
    // A comma needs quotes where commas separate.
    let mut door = with_organisations(&text_of(SITECORE), Form::Csv);
    door.take();
    door.json(&visit());
    assert!(door.text().contains(",\"Example Networks, Inc.\","), "{}", door.text());
}

#[test]
fn organisations_are_read_from_the_file_that_is_named() {
    let folder = Folder::new();
    std::fs::write(folder.file("organisations.mmdb"), organisations()).expect("the folder is ours");
    std::fs::write(folder.file("not.mmdb"), "name").expect("the folder is ours");
    let line = visit().combined() + "\n";
    let clean = |file: &str, policy: &str| {
        let args = ["--organisation-db", file, "--policy", policy];
        let more: &[&str] = if policy == SITECORE { &["--key-dir", "keys"] } else { &[] };
        run_in(folder.path(), &[&args[..], more].concat(), line.as_bytes())
    };
    let done = clean("organisations.mmdb", SITECORE);
    assert_eq!(flat(done.out())["organisation"], "Example Networks, Inc.");
    // Where nothing is told of organisations, the file is not looked at.
    assert!(!flat(clean("missing.mmdb", BASELINE).out()).contains_key("organisation"));
    for file in ["not.mmdb", "missing.mmdb"] {
        let done = clean(file, SITECORE);
        assert_eq!((done.status, done.out()), (2, ""));
        assert!(
            done.err().contains("organisations") && done.err().contains(file),
            "{}",
            done.err()
        );
    }
}

#[test]
fn sit_04_the_cookie_is_a_token_in_the_nonessential_group() {
    let mut door = with_keys("");
    let mut token = |cookie: &str| {
        door.json(&Visit { cookie: cookie.to_owned(), ..visit() });
        let record: Value = serde_json::from_str(&door.take()).expect("JSON");
        record["nonessential"].get("cookie").map(|token| token.as_str().expect("text").to_owned())
    };
    let named = |value: &str| format!("a=b; {COOKIE}={value}; c=d");
    let first = token(&named("f80224a049a94a23a6a66c5c81639e13")).expect("a token");
    assert!(first.starts_with("t1.20779.") && first.len() == 25, "{first}");
    assert_eq!(token(&format!("{COOKIE}=f80224a049a94a23a6a66c5c81639e13")), Some(first.clone()));
    assert_ne!(token(&named("f80224a049a94a23a6a66c5c81639e14")), Some(first));
    for cookie in ["-", "a=b", &named(""), &named(&"x".repeat(257)), "sc_analytics_global_cookie=a"]
    {
        assert_eq!(token(cookie), None, "{cookie}");
    }
}

#[test]
fn sit_04_nothing_else_of_a_cookie_leaves_a_trace() {
    check_no_trace(SITECORE, &visits(4, 3_000), |visit, dice| {
        visit.cookie = format!("{}; {COOKIE}={}", dice.text("abcdef=; ", 20), dice.text("0123", 9));
    });
    let (mut door, mut other) = (with_keys(""), with_keys(""));
    for (index, visit) in visits(5, 1_000).into_iter().enumerate() {
        let of = |around: &str| Visit {
            cookie: format!("session={around}; {COOKIE}=v{index}; {around}=1"),
            ..visit.clone()
        };
        door.json(&of("alice"));
        other.json(&of("bob"));
        assert_eq!(door.take(), other.take());
    }
}

#[test]
fn sit_04_the_program_makes_the_token_with_its_own_keys_and_needs_some() {
    let folder = Folder::new();
    let visit = |value: &str| Visit { cookie: format!("{COOKIE}={value}"), ..visit() };
    let log: String = ["abc", "abc", "abd"]
        .map(|value| visit(value).json().replace("2026-11-22T14:05:37+00:00", &now()) + "\n")
        .concat();
    let args = ["--policy", SITECORE, "--format", "nginx-json"];
    let run = |more: &[&str], log: &str| {
        run_in(folder.path(), &[&args[..], more].concat(), log.as_bytes())
    };
    let done = run(&["--key-dir", "keys"], &log);
    assert_eq!(done.status, 0, "{}", done.err());
    let tokens: Vec<_> = done.out().lines().map(|line| flat(line)["cookie"].clone()).collect();
    assert!(tokens[0] == tokens[1] && tokens[0] != tokens[2], "{tokens:?}");
    // Of an old log there is no key: the cookie is absent, and nothing is called late.
    let done = run(&["--key-dir", "keys"], &(visit("abc").json().replace("2026-", "2020-") + "\n"));
    let record = flat(done.out());
    assert!(!record.contains_key("cookie") && !record.contains_key("late"), "{record:?}");
    assert!(
        done.err().contains("1 of 1 clean lines have no token of their cookie"),
        "{}",
        done.err()
    );
    let mut nowhere = std::process::Command::new(super::program::TAMIS);
    nowhere.args(args).env_remove("RUNTIME_DIRECTORY").env_remove("XDG_RUNTIME_DIR");
    let done = super::program::finish(&mut nowhere, log.as_bytes());
    assert_eq!((done.status, done.out()), (2, ""));
    assert!(done.err().contains("--key-dir"), "{}", done.err());
}
