//! Cases: what is sealed from now on because somebody opened one. And what holds keep from its end.

use std::{fs, os::unix::fs::PermissionsExt as _};

use crate::made::{Made, SAID, line};

#[test]
fn a_case_is_open_until_it_is_closed_and_says_nothing_of_whom_it_is_about() {
    let made = Made::new(&["security"]);
    fs::write(made.path("whom"), "# two of them\n192.0.2.7\n2001:db8::/48\n")
        .expect("the folder is ours");
    let open = "case open --case-dir cases --cidr-file whom --basis law --reason-file why";
    assert_eq!(made.run("case list --case-dir cases").out(), "no open cases\n");
    let done = made.run(&format!("{open} --case T-1 --from 2026-11-22"));
    assert_eq!((done.status, done.out()), (0, "the case T-1 is open\n"), "{}", done.err());
    let again = made.run(&format!("{open} --case T-1"));
    assert_eq!(again.status, 2, "{}", again.err());
    let mode = made.path("cases/T-1.case").metadata().expect("it is there").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let list = made.run("case list --case-dir cases");
    assert!(list.out().starts_with("T-1  opened "), "{}", list.out());
    assert!(
        list.out().contains("basis law  lines from 2026-11-22T00:00:00Z to any time"),
        "{}",
        list.out()
    );
    assert!(!list.out().contains("192.0.2") && !list.out().contains("Alice"));
    assert_eq!(made.run("case close --case-dir cases T-1").out(), "the case T-1 is closed\n");
    assert_eq!(made.run("case close --case-dir cases T-1").status, 2);
    assert_eq!(made.run("case close --case-dir cases ../q/lock").status, 2);
    assert_eq!(made.run("case list --case-dir cases").out(), "no open cases\n");
}

#[test]
fn a_case_needs_a_ground_a_reason_and_something_to_look_for() {
    let made = Made::new(&["security"]);
    for (said, status) in [
        ("--cidr 192.0.2.7 --reason-file why", 3),
        ("--cidr 192.0.2.7 --basis curiosity --reason-file why", 3),
        ("--cidr 192.0.2.7 --basis law", 3),
        ("--cidr 192.0.2.7 --basis law --reason-file why --case alice@example.com", 3),
        ("--basis law --reason-file why", 2),
        ("--cidr nobody --basis law --reason-file why", 2),
        ("--cidr 192.0.2.7 --path admin --basis law --reason-file why", 2),
    ] {
        let done = made.run(&format!("case open --case-dir cases {said}"));
        assert_eq!((done.status, done.out()), (status, ""), "{said}: {}", done.err());
        assert!(
            !done.err().contains("192.0.2.7") && !done.err().contains("alice"),
            "{}",
            done.err()
        );
    }
    assert!(!made.path("cases").exists());
}

#[test]
fn segments_go_when_their_time_is_over_their_keys_first_and_holds_keep_them() {
    let mut made = Made::new(&["security", "auditor"]);
    let (old, kept, young) = (
        made.seal(1, &[line("192.0.2.7", 1, "/a")]),
        made.seal(2, &[line("192.0.2.7", 2, "/a")]),
        made.seal(28, &[line("192.0.2.7", 28, "/a")]),
    );
    let done = made
        .run(&format!("hold q --segment {kept} --case T-1 --until 2090-01-01 --reason-file why"));
    assert_eq!(done.status, 0, "{}", done.err());
    // The clock of this machine may be any: the time is given.
    let expire = |now: &str| made.run(&format!("expire q --yes --now {now}"));
    assert_eq!(expire("2026-11-20").status, 3, "a clock that went backwards");
    // The day until which it holds is over.
    let done = expire("2090-01-02T00:00:00Z");
    assert_eq!(done.status, 0, "{}", done.err());
    assert!(done.out().contains(&format!("{old} is destroyed")), "{}", done.out());
    assert!(done.out().contains(&format!("{young} is destroyed")), "{}", done.out());
    assert!(done.out().contains("0 kept by holds"), "the hold is over then: {}", done.out());
    for (tree, ending) in [("keys", ".key.age"), ("segments", ".age"), ("index", ".idx.age")] {
        assert!(!made.path("q").join(format!("{tree}/{old}{ending}")).exists());
    }
    assert_eq!(made.run("verify q --seed auditor.key").status, 0);
    assert!(made.run("list q").out().contains("destroyed: its time was over"));
    let done = made.run(&format!("open q {SAID} --segment {old}"));
    assert_eq!(done.status, 2, "{}", done.err());
}

#[test]
fn a_hold_ends_when_its_time_is_over_or_somebody_lets_go() {
    let mut made = Made::new(&["security"]);
    let (one, other) =
        (made.seal(1, &[line("192.0.2.7", 1, "/a")]), made.seal(2, &[line("192.0.2.7", 2, "/a")]));
    let hold = |said: &str| made.run(&format!("hold q --case T-1 --until 2089-01-01 {said}"));
    assert_eq!(hold("").status, 3, "without a reason");
    assert_eq!(
        made.run("hold q --case T-1 --until 2020-01-01 --reason-file why").status,
        2,
        "it is over"
    );
    assert_eq!(
        hold("--reason-file why --from 2026-11-02").out(),
        "hold-3 keeps 1 segment and what follows of its kind\n"
    );
    let list = made.run("list q");
    assert!(
        list.out().lines().all(|line| line.contains("kept by") == line.starts_with(&other)),
        "{}",
        list.out()
    );
    let done = made.run("expire q --yes --now 2088-01-01");
    assert!(done.out().contains(&format!("{one} is destroyed\n")), "{}", done.out());
    assert!(done.out().contains(&format!("{other} is kept by hold-3\n")), "{}", done.out());
    assert_eq!(made.run("release q hold-4 --reason-file why").status, 2);
    assert_eq!(made.run("release q hold-3").status, 3, "without a reason");
    assert_eq!(
        made.run("release q hold-3 --reason-file why").out(),
        "hold-3 keeps nothing any more\n"
    );
    assert_eq!(made.run("release q hold-3 --reason-file why").status, 2);
    let done = made.run("expire q --yes --now 2088-01-01");
    assert!(done.out().contains(&format!("{other} is destroyed\n")), "{}", done.out());
}

#[test]
fn a_clock_far_ahead_destroys_nothing_unless_somebody_says_that_it_is_right() {
    let mut made = Made::new(&["security"]);
    made.seal(1, &[line("192.0.2.7", 1, "/a")]);
    let done = made.run("expire q --now 2088-01-01");
    assert_eq!((done.status, done.out()), (3, ""), "{}", done.err());
    assert!(
        done.err().contains("nothing was destroyed, add --yes if the clock is right"),
        "{}",
        done.err()
    );
    assert_eq!(made.run(&format!("open q {SAID}")).out().lines().count(), 1);
}

/// A crash between the destruction of a key and the line that tells of it.
#[test]
fn what_a_crash_left_half_destroyed_goes_at_the_next_run() {
    let mut made = Made::new(&["security"]);
    let old = made.seal(1, &[line("192.0.2.7", 1, "/a")]);
    fs::remove_file(made.path("q").join(format!("keys/{old}.key.age"))).expect("it is there");
    assert_eq!(made.run("verify q").status, 3);
    let done = made.run("expire q --yes --now 2088-01-01");
    assert_eq!(done.status, 0, "{}", done.err());
    assert_eq!(made.run("verify q").status, 0);
    assert!(!made.path("q").join(format!("segments/{old}.age")).exists());
}

/// A filter that runs takes up a case that is opened, and lets go of it when it is closed.
#[test]
fn a_running_filter_seals_the_lines_of_a_case_while_it_is_open() {
    use std::{
        io::{BufRead as _, BufReader, Write as _},
        process::{Command, Stdio},
    };
    let made = Made::new(&["security"]);
    let args = ["--quarantine", "q", "--case-dir", "cases", "--format", "combined"];
    let mut child = Command::new(crate::program::TAMIS)
        .args(args)
        .current_dir(made.folder.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let mut input = child.stdin.take().expect("piped above");
    let mut output = BufReader::new(child.stdout.take().expect("piped above"));
    let mut pass = |client: &str, path: &str| {
        writeln!(input, "{}", line(client, 22, path)).expect("it reads");
        // It is through before anything else is done.
        let mut record = String::new();
        output.read_line(&mut record).expect("it writes");
        assert!(record.starts_with('{'), "{record}");
    };
    pass("192.0.2.7", "/before.html");
    let open = "case open --case-dir cases --case T-1 --cidr 192.0.2.0/24 --path /d --basis law --reason-file why";
    assert_eq!(made.run(open).status, 0);
    pass("192.0.2.7", "/during.html");
    pass("192.0.2.7", "/other.html");
    pass("203.0.113.7", "/during.html");
    assert_eq!(made.run("case close --case-dir cases T-1").status, 0);
    pass("192.0.2.7", "/during-and-after.html");
    drop(input);
    assert!(child.wait().expect("it ends").success());
    let done = made.run(&format!("open q {SAID} --json"));
    assert_eq!(done.out().lines().count(), 1, "{}", done.out());
    let says: serde_json::Value = serde_json::from_str(done.out()).expect("it is JSON");
    assert_eq!(says["text"], line("192.0.2.7", 22, "/during.html"));
    assert_eq!(says["why"], serde_json::json!(["case:T-1"]));
}
