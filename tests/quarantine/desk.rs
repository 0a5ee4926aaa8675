//! Who may open, what they must say for it, and that nothing is shown before it is written down.

use std::fs;

use crate::made::{Made, SAID, line};

fn lines() -> Vec<String> {
    vec![line("192.0.2.7", 22, "/a"), line("198.51.100.9", 22, "/b"), line("192.0.2.7", 22, "/c")]
}

#[test]
fn what_was_sealed_comes_out_for_whoever_may_open_it() {
    let mut made = Made::new(&["security", "auditor"]);
    made.seal(22, &lines());
    made.seal(23, &[line("203.0.113.5", 23, "/d")]);
    let done = made.run(&format!("open q {SAID}"));
    assert_eq!((done.status, done.err()), (0, ""));
    let all = format!("{}\n{}\n", lines().join("\n"), line("203.0.113.5", 23, "/d"));
    assert_eq!(done.out(), all);
    let done = made.run(&format!("open q {SAID} --ip 192.0.2.7 --to 2026-11-22"));
    assert_eq!(done.out(), format!("{}\n{}\n", lines()[0], lines()[2]));
    let done = made.run(&format!("open q {SAID} --segment 2026-11-23/000002 --json"));
    let says: serde_json::Value = serde_json::from_str(done.out()).expect("it is JSON");
    assert_eq!((&says["source"], &says["at"]), (&"access.log".into(), &2_000_000.into()));
    assert_eq!(says["text"], line("203.0.113.5", 23, "/d"));
    let audit = made.audit();
    assert_eq!(audit.len(), 6);
    assert_eq!((&audit[0]["kind"], &audit[0]["case"]), (&"open".into(), &"T-1".into()));
    assert_eq!(audit[0]["roles"], serde_json::json!(["security"]));
    assert_eq!(audit[0]["segments"].as_array().map(Vec::len), Some(2));
    assert_eq!((&audit[1]["kind"], &audit[1]["lines"]), (&"end".into(), &4.into()));
    assert_eq!((&audit[3]["lines"], &audit[3]["complete"]), (&2.into(), &true.into()));
    assert_ne!(audit[1]["digest"], audit[3]["digest"]);
}

#[test]
fn nobody_else_gets_anything() {
    let mut made = Made::new(&["security"]);
    made.seal(22, &lines());
    let done = made.run("open q -i other.key --basis law --case T-1 --reason-file why");
    assert_eq!((done.status, done.out()), (3, ""));
    assert!(done.err().contains("none of the identities"), "{}", done.err());
    let audit = made.audit();
    assert_eq!((&audit[0]["kind"], &audit[0]["roles"]), (&"open".into(), &serde_json::json!([])));
    assert_eq!((&audit[1]["lines"], &audit[1]["complete"]), (&0.into(), &false.into()));
    // A secret key on the command line is no file.
    let done = made.run("open q -i AGE-SECRET-KEY-1XXXX --basis law --case T-1 --reason-file why");
    assert!(done.status == 2 || done.status == 1, "{}", done.status);
    assert_eq!(done.out(), "");
}

#[test]
fn what_is_not_said_is_refused_and_written_down() {
    let mut made = Made::new(&["security"]);
    made.seal(22, &lines());
    for (said, word) in [
        ("-i security.key --case T-1 --reason-file why", "no-basis"),
        ("-i security.key --basis curiosity --case T-1 --reason-file why", "basis-not-allowed"),
        ("-i security.key --basis law --reason-file why", "no-case"),
        ("-i security.key --basis law --case 192.0.2.7 --reason-file why", "no-case-reference"),
        ("-i security.key --basis law --case T-1", "no-reason"),
    ] {
        for what in ["open q", "search q --from 2026-11-01", "subject export q --ip 192.0.2.7"] {
            let done = made.run(&format!("{what} {said}"));
            assert_eq!((done.status, done.out()), (3, ""), "{what} {said}: {}", done.err());
            let audit = made.audit();
            let last = audit.last().expect("it was written down");
            assert_eq!((&last["kind"], &last["why"]), (&"refused".into(), &word.into()));
            assert!(
                !last.to_string().contains("curiosity") && !last.to_string().contains("192.0.2")
            );
        }
    }
    let done = made.run(&format!("open q {SAID}"));
    assert_eq!(done.out().lines().count(), 3);
}

#[test]
fn nothing_is_shown_where_it_cannot_be_written_down() {
    let mut made = Made::new(&["security"]);
    made.seal(22, &lines());
    assert_eq!(made.run(&format!("open q {SAID}")).out().lines().count(), 3);
    let uid = rustix::process::getuid().as_raw();
    let journal = made.path("q").join(format!("audit/{uid}.jsonl"));
    let text = fs::read_to_string(&journal).expect("it is there");
    // A journal that somebody changed takes no further line.
    fs::write(&journal, text.replacen("T-1", "T-2", 1)).expect("the folder is ours");
    let done = made.run(&format!("open q {SAID}"));
    assert_eq!((done.status, done.out()), (1, ""), "{}", done.err());
    assert!(done.err().contains("nothing is shown"), "{}", done.err());
    // And where there can be none.
    fs::remove_dir_all(made.path("q/audit")).expect("the folder is ours");
    fs::write(made.path("q/audit"), "in the way").expect("the folder is ours");
    let done = made.run(&format!("open q {SAID}"));
    assert_eq!((done.status, done.out()), (1, ""), "{}", done.err());
}

#[test]
fn two_persons_open_together_on_one_machine_or_on_two() {
    let mut made = Made::new(&["security", "dpo", "auditor"]);
    let id = made.seal(22, &lines());
    let said = "--policy canonical-2012 --basis subpoena --reason-file why";
    for alone in ["security", "dpo", "other"] {
        let done = made.run(&format!("open q -i {alone}.key {said}"));
        assert_eq!((done.status, done.out()), (3, ""), "{alone}: {}", done.err());
    }
    let done = made.run(&format!("open q -i security.key -i dpo.key {said}"));
    assert_eq!((done.status, done.out().lines().count()), (0, 3), "{}", done.err());
    // The other machine has who may open, what there is, and the keys.
    fs::create_dir(made.path("copy")).expect("the folder is ours");
    for name in ["recipients.toml", "MANIFEST.jsonl"] {
        fs::copy(made.path("q").join(name), made.path("copy").join(name)).expect("it is there");
    }
    let key = format!("keys/{id}.key.age");
    fs::create_dir_all(made.path("copy/keys/2026-11-22")).expect("the folder is ours");
    fs::copy(made.path("q").join(&key), made.path("copy").join(&key)).expect("it is there");
    let done = made.run(&format!("approve copy -i security.key {said} -o approved"));
    assert_eq!(done.status, 3, "{}", done.err());
    let done = made.run(&format!("approve copy -i dpo.key {said} -o approved"));
    assert_eq!(done.status, 0, "{}", done.err());
    let done = made.run(&format!("open q -i security.key --approved approved {said}"));
    assert_eq!((done.status, done.out().lines().count()), (0, 3), "{}", done.err());
    let done = made.run(&format!("open q -i other.key --approved approved {said}"));
    assert_eq!((done.status, done.out()), (3, ""));
}

#[test]
fn a_drill_says_whether_the_keys_open_what_is_sealed() {
    let mut made = Made::new(&["security", "dpo"]);
    assert!(made.run("status q").out().contains("opened      never"));
    let done = made.run("drill q -i security.key");
    assert_eq!(done.status, 3);
    assert!(done.err().contains("missing is a key of dpo"), "{}", done.err());
    assert!(made.run("status q").out().contains("opened      never"));
    made.seal(22, &lines());
    let done = made.run("drill q -i security.key -i dpo.key");
    assert_eq!((done.status, done.err()), (0, ""));
    assert_eq!(done.out(), "a test segment opens, and so does the key of 2026-11-22/000001\n");
    let status = made.run("status q");
    assert!(status.out().contains("opened      never; drill: 20"), "{}", status.out());
}

#[test]
fn what_needs_no_key_says_what_there_is() {
    let mut made = Made::new(&["security"]);
    assert_eq!(made.run("list q").out(), "no segments\n");
    made.seal(22, &lines());
    let list = made.run("list q");
    assert_eq!(
        list.out(),
        "2026-11-22/000001         3 lines  2026-11-22T00:00:00Z to 2026-11-22T23:59:59Z  all 3\n"
    );
    let status = made.run("status q");
    assert!(status.out().contains("segments    1, 3 lines, "), "{}", status.out());
    let none = made.run("status nowhere");
    assert_eq!(none.status, 2, "{}", none.err());
}

#[test]
fn a_search_opens_indexes_only() {
    let mut made = Made::new(&["security"]);
    made.seal(22, &lines());
    made.seal(23, &[line("203.0.113.5", 23, "/d")]);
    let odd = made.seal_as(24, &["no line of anybody".to_owned()], "refused");
    let done = made.run(&format!("search q {SAID} --ip 192.0.2.0/24"));
    assert_eq!(done.status, 0, "{}", done.err());
    let found: Vec<_> = done.out().lines().map(|line| line.rsplit("  ").next()).collect();
    assert_eq!(found, [Some("yes, 1 address"), Some("maybe")], "{}", done.out());
    assert!(done.out().lines().last().is_some_and(|line| line.starts_with(&odd)));
    // Without bodies it says the same.
    fs::remove_dir_all(made.path("q/segments")).expect("the folder is ours");
    assert_eq!(made.run(&format!("search q {SAID} --ip 192.0.2.0/24")).out(), done.out());
    let none = made.run(&format!("search q {SAID} --ip 192.0.2.0/24 --from 2026-12-01"));
    assert_eq!(none.out(), "no segment has any\n");
    assert_eq!(made.run(&format!("search q {SAID}")).status, 2);
}
