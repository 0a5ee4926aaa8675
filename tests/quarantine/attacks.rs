//! Lines that look like attacks, and those of visitors who behave like attackers, end up in the quarantine, and
//! nothing else changes.

mod opening;
#[path = "../program/mod.rs"]
mod program;

use std::fs;

use opening::{Opened, Sealed};
use program::run;

const AGENT: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:127.0) Gecko/20100101 Firefox/127.0";

/// A line of the client 192.0.2.N, so many seconds after two o'clock.
fn line(client: u32, second: u32, request: &str, status: u32) -> String {
    let (minute, second) = (second / 60, second % 60);
    format!(
        "192.0.2.{client} - - [22/Nov/2026:14:{minute:02}:{second:02} +0000] \"{request} HTTP/1.1\" {status} 512 \
         \"-\" \"{AGENT}\"\n"
    )
}

const INJECTION: &str = "GET /item?id=1%27%20union%20select%201,2--%20";

/// Ordinary lines with one injection among them, and a client who tries passwords.
fn mixed() -> String {
    let mut log = String::new();
    for n in 0..40 {
        log += &line(7, n * 20, &format!("GET /a/{n}.html?page={n}"), 200);
        if n == 11 {
            log += &line(9, n * 20, INJECTION, 200);
        }
        if n >= 20 {
            log += &line(8, n * 20, "POST /login", 401);
            log += &line(8, n * 20, "POST /login", 401);
        }
    }
    log
}

fn whys(lines: &[Sealed]) -> Vec<(&str, usize)> {
    let mut found: Vec<(&str, usize)> = Vec::new();
    for why in lines.iter().flat_map(|line| &line.why) {
        match found.iter_mut().find(|(word, _)| word == why) {
            Some((_, count)) => *count += 1,
            None => found.push((why, 1)),
        }
    }
    found
}

#[test]
fn what_rules_and_behaviour_point_out_is_sealed_and_clean_all_the_same() {
    let desk = Opened::new(&["rules", "behaviour"], "");
    let log = mixed();
    let done = desk.filter(log.as_bytes(), &[]);
    assert_eq!(done.status, 0, "{}", done.err());
    let policy = desk.folder.file("policy.toml").display().to_string();
    let without = run(&["--policy", &policy], log.as_bytes());
    assert_eq!(done.stdout, without.stdout, "sealing copies");
    let sealed = desk.sealed();
    let summary = done.summary();
    assert_eq!(summary["sealed"], sealed.len());
    assert_eq!(summary["rules"]["sqli-union"], 1, "{summary}");
    let injected: Vec<_> = sealed.iter().filter(|line| line.text.contains("union")).collect();
    assert_eq!(injected.len(), 1);
    assert!(injected[0].why.contains(&"rule:sqli-union".to_owned()), "{:?}", injected[0].why);
    // Forty attempts, of which one leaks in twenty seconds while two come: from the eleventh or so on.
    let tries = sealed.iter().filter(|line| line.text.starts_with("192.0.2.8 "));
    assert!((28..36).contains(&tries.clone().count()), "{:?}", whys(&sealed));
    assert!(tries.clone().all(|line| line.why == ["behaviour:logins"]));
    assert!(!sealed.iter().any(|line| line.text.starts_with("192.0.2.7 ")), "{:?}", whys(&sealed));
}

#[test]
fn what_is_sealed_does_not_depend_on_the_number_of_workers() {
    let mut log = String::new();
    for round in 0..60 {
        for client in 1..60 {
            let status = if client % 7 == 0 { 404 } else { 200 };
            log += &line(client, round * 5, &format!("GET /x/{round}/{client}?n={round}"), status);
            if client % 11 == 0 {
                log += &line(client, round * 5, INJECTION, 403);
            }
        }
    }
    let mut first: Option<Vec<Sealed>> = None;
    for threads in ["1", "2", "4"] {
        let desk = Opened::new(&["rules", "behaviour"], "");
        let done = desk.filter(log.as_bytes(), &["--threads", threads]);
        assert_eq!(done.status, 0, "{}", done.err());
        let sealed = desk.sealed();
        assert!(sealed.len() > 300, "{:?}", whys(&sealed));
        let first = first.get_or_insert_with(|| sealed.clone());
        assert!(*first == sealed, "{threads} workers seal the same lines in the same order");
    }
}

#[test]
fn rules_alone_know_no_behaviour_and_behaviour_alone_seals_for_no_rule() {
    for (seal, expect) in [("rules", "rule:sqli-union"), ("behaviour", "behaviour:logins")] {
        let desk = Opened::new(&[seal], "");
        desk.filter(mixed().as_bytes(), &[]);
        let sealed = desk.sealed();
        assert!(!sealed.is_empty());
        let kind = expect.split(':').next().expect("a word");
        assert!(sealed.iter().flat_map(|line| &line.why).all(|why| why.starts_with(kind)));
        assert!(sealed.iter().any(|line| line.why.contains(&expect.to_owned())));
    }
    let desk = Opened::new(&["refused"], "");
    let done = desk.filter(mixed().as_bytes(), &[]);
    assert_eq!((desk.sealed(), done.summary()["rules"].to_string().as_str()), (vec![], "{}"));
}

#[test]
fn whoever_is_exempt_may_behave_as_he_likes_but_not_attack() {
    let desk = Opened::new(&["rules", "behaviour"], "exempt = [\"192.0.2.8/31\"]\n");
    desk.filter(mixed().as_bytes(), &[]);
    let sealed = desk.sealed();
    assert_eq!(sealed.len(), 1, "{:?}", whys(&sealed));
    assert!(sealed[0].text.contains("union"));
    let desk = Opened::new(&["behaviour"], "exempt = [\"0.0.0.0/0\"]\n");
    let done = desk.filter(b"", &[]);
    assert_eq!(done.status, 2);
    assert!(done.err().contains("quarantine.exempt: 0.0.0.0/0 is everybody"), "{}", done.err());
}

#[test]
fn an_attacker_does_not_fill_the_quarantine() {
    let log: String = (0..1_500).map(|n| line(9, n % 3_600, INJECTION, 200)).collect();
    let desk = Opened::new(&["rules"], "");
    let done = desk.filter(log.as_bytes(), &[]);
    assert_eq!(desk.sealed().len(), 1_000);
    let summary = done.summary();
    assert_eq!((&summary["sealed"], &summary["over_budget"]), (&1_000.into(), &500.into()));
    assert_eq!(summary["rules"]["sqli-union"], 1_500);
}

const OWN: &str = r#"
[[rule]]
id = "own-shop-probe"
family = "own"
score = 5
in = ["path"]
contains = ["/page-of-the-shop"]
"#;

#[test]
fn rules_of_one_s_own_stand_beside_ours() {
    let log = line(7, 0, "GET /page-of-the-shop/1", 200) + &line(9, 1, INJECTION, 200);
    for (more, options) in [("", &["--rules", "own"][..]), ("rules = \"own\"\n", &[])] {
        let desk = Opened::new(&["rules"], more);
        fs::create_dir(desk.folder.file("own")).expect("the folder is ours");
        fs::write(desk.folder.file("own/shop.toml"), OWN).expect("the folder is ours");
        fs::write(desk.folder.file("own/notes.txt"), "no rule").expect("the folder is ours");
        let done = desk.filter(log.as_bytes(), options);
        assert_eq!(done.status, 0, "{}", done.err());
        let sealed = desk.sealed();
        assert_eq!(sealed.len(), 2, "{:?}", whys(&sealed));
        assert_eq!(sealed[0].why, ["rule:own-shop-probe"]);
        assert_eq!(done.summary()["rules"]["own-shop-probe"], 1);
    }
}

#[test]
fn what_is_wrong_with_own_rules_is_said_before_anything_is_read() {
    for (text, expect) in [
        ("[[rule]]\nid = 7", "own.toml: line 2: invalid type"),
        (&OWN.replace("own-shop-probe", "sqli-union"), "already a rule of this id"),
        (&OWN.replace("contains = [\"/page-of-the-shop\"]", "matches = '('"), "unclosed group"),
        (&OWN.replace("score = 5", "score = 11"), "a score is a number from 1 to 10"),
        (&OWN.replace("\"path\"", "\"body\""), "unknown variant `body`"),
        (&OWN.replace("contains", "contain"), "unknown field `contain`"),
    ] {
        let desk = Opened::new(&["rules"], "");
        fs::create_dir(desk.folder.file("own")).expect("the folder is ours");
        fs::write(desk.folder.file("own/own.toml"), text).expect("the folder is ours");
        let done = desk.filter(b"", &["--rules", "own"]);
        assert_eq!(done.status, 2, "{}", done.err());
        assert!(done.err().starts_with("tamis: cannot use the rules in own: "), "{}", done.err());
        assert!(done.err().contains(expect), "{expect}: {}", done.err());
    }
    let desk = Opened::new(&["refused"], "");
    let done = desk.filter(b"", &["--rules", "own"]);
    assert!(done.status == 2 && done.err().contains("seals no lines for rules"), "{}", done.err());
    let desk = Opened::new(&["rules"], "");
    let done = desk.filter(b"", &["--rules", "nowhere"]);
    assert!(done.status == 2 && done.err().contains("cannot read rules from nowhere"));
}
