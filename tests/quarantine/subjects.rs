//! One person's lines: all of them, and no others, whatever is around them.

use std::{collections::BTreeMap, fs};

use crate::{
    made::{Made, SAID, line},
    program::Dice,
};

/// The lines of everybody, in segments, and of each address.
fn fill(
    made: &mut Made,
    dice: &mut Dice,
    segments: u32,
    lines: usize,
    people: usize,
) -> BTreeMap<String, Vec<String>> {
    let mut of: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for segment in 0..segments {
        let day = 1 + segment % 28;
        let mut all = Vec::with_capacity(lines);
        for number in 0..lines {
            let who = dice.below(people) as u32 + segment * people as u32 / 2;
            let (client, text) = match who % 5 {
                0 => (format!("2001:db8::{who:x}"), format!("2001:db8::{who:x}")),
                // The same as a mapped address and as itself.
                1 if number % 2 == 0 => (address(who), format!("::ffff:{}", address(who))),
                _ => (address(who), address(who)),
            };
            // Everybody names others: as a query, a referrer and an agent.
            let other = address(dice.below(people) as u32);
            let said = line(&text, day, &format!("/p/{number}?from={other}"));
            let said = said.replace("\"-\"", &format!("\"https://{other}/\""));
            of.entry(client).or_default().push(said.clone());
            all.push(said);
        }
        made.seal(day, &all);
    }
    of
}

/// An address for documentation, or of a private network where there are more people than such addresses.
fn address(who: u32) -> String {
    format!("10.{}.{}.{}", who >> 16 & 255, who >> 8 & 255, who & 255)
}

/// Exports so many people's lines, and compares them with what there is.
fn check(segments: u32, lines: usize, people: usize, subjects: usize) {
    let mut made = Made::new(&["security"]);
    let mut dice = Dice(7);
    let of = fill(&mut made, &mut dice, segments, lines, people);
    let everybody: Vec<_> = of.keys().cloned().collect();
    let mut exported = 0;
    for _ in 0..subjects {
        let subject = dice.pick(&everybody);
        exported += of[subject].len();
        fs::write(made.path("who"), format!("{subject}\n")).expect("the folder is ours");
        let done = made.run(&format!("subject export q {SAID} --ip-file who"));
        assert_eq!(done.status, 0, "{}", done.err());
        let mut found: Vec<_> = done.out().lines().map(str::to_owned).collect();
        let mut expect = of[subject].clone();
        found.sort();
        expect.sort();
        assert!(found == expect, "{subject}: {} lines, and not {}", found.len(), expect.len());
    }
    println!(
        "B13: {subjects} subjects exported from {} lines in {segments} segments: {exported} lines, all of theirs and \
         no other",
        segments as usize * lines
    );
}

#[test]
fn all_and_only_for_everybody() {
    check(12, 500, 60, 25);
}

#[test]
#[ignore = "takes minutes: make slow"]
fn all_and_only_for_a_thousand_of_a_million_lines() {
    check(100, 10_000, 200, 1_000);
}

#[test]
fn erasing_takes_all_of_one_and_nothing_of_another() {
    erase(6, 200, 30, 5);
}

#[test]
#[ignore = "takes minutes: make slow"]
fn erasing_takes_all_of_twenty_of_a_million_lines_and_nothing_of_another() {
    erase(100, 10_000, 200, 20);
}

/// Erases so many people's lines one after the other, and compares what is left with what there was.
fn erase(segments: u32, lines: usize, people: usize, subjects: usize) {
    let mut made = Made::new(&["security", "auditor"]);
    let mut dice = Dice(11);
    let of = fill(&mut made, &mut dice, segments, lines, people);
    let all = |made: &Made| {
        let done = made.run(&format!("open q {SAID}"));
        assert_eq!(done.status, 0, "{}", done.err());
        let mut lines: Vec<_> = done.out().lines().map(str::to_owned).collect();
        lines.sort();
        lines
    };
    let mut expect = all(&made);
    assert_eq!(expect.len(), segments as usize * lines);
    let everybody: Vec<_> = of.keys().cloned().collect();
    let mut erased_lines = 0;
    for _ in 0..subjects {
        let subject = dice.pick(&everybody);
        fs::write(made.path("who"), subject).expect("the folder is ours");
        let mut left = 0;
        for gone in &of[subject] {
            if let Ok(at) = expect.binary_search(gone) {
                expect.remove(at);
                left += 1;
            }
        }
        let done = made.run(&format!("subject erase q {SAID} --ip-file who --yes"));
        assert_eq!(done.status, 0, "{}", done.err());
        assert!(done.out().starts_with(&format!("erased {left} lines")), "{} {left}", done.out());
        assert!(all(&made) == expect, "{} lines were to be left", expect.len());
        erased_lines += left;
        let done = made.run(&format!("subject export q {SAID} --ip-file who"));
        assert_eq!((done.status, done.out()), (0, ""));
        let done = made.run("verify q --seed auditor.key");
        assert_eq!(done.status, 0, "{}", done.err());
    }
    println!(
        "B13: {subjects} subjects erased from {} lines in {segments} segments: {erased_lines} lines, all of theirs and \
         no other",
        segments as usize * lines
    );
    // What was there before opens for nobody: its keys are gone, and so is it.
    let manifest = made.manifest();
    let erased: Vec<_> = manifest.iter().filter(|line| line["kind"] == "erased").collect();
    assert!(!erased.is_empty());
    for line in erased {
        let old = line["old"].as_str().expect("a name");
        for (tree, ending) in [("keys", ".key.age"), ("segments", ".age"), ("index", ".idx.age")] {
            assert!(!made.path("q").join(format!("{tree}/{old}{ending}")).exists(), "{tree}/{old}");
        }
        assert!(line["removed"].as_u64() > Some(0));
    }
}

#[test]
fn a_period_bounds_what_is_taken() {
    let mut made = Made::new(&["security"]);
    for day in 20..25 {
        made.seal(day, &[line("192.0.2.7", day, "/a"), line("192.0.2.8", day, "/b")]);
    }
    let done = made.run(&format!(
        "subject erase q {SAID} --ip 192.0.2.7 --from 2026-11-21 --to 2026-11-22 --yes"
    ));
    assert_eq!(
        (done.status, done.out()),
        (0, "erased 2 lines from 2 segments\n"),
        "{}",
        done.err()
    );
    let done = made.run(&format!("subject export q {SAID} --ip 192.0.2.7"));
    let expect: Vec<_> = [20, 23, 24].map(|day| line("192.0.2.7", day, "/a")).into();
    assert_eq!(done.out().lines().collect::<Vec<_>>(), expect);
    assert_eq!(made.run(&format!("open q {SAID}")).out().lines().count(), 8);
}

#[test]
fn lines_that_nobody_can_read_are_somebodys_all_the_same() {
    let mut made = Made::new(&["security"]);
    let mine = "192.0.2.7 - - [no time] \"GET /\" for 192.0.2.8".to_owned();
    let other = "192.0.2.8 - - [no time] \"GET /\" for 192.0.2.7".to_owned();
    made.seal_as(22, &[mine.clone(), other.clone()], "refused");
    let done = made.run(&format!("subject export q {SAID} --ip 192.0.2.7"));
    assert_eq!(done.out(), format!("{mine}\n"));
    let done = made.run(&format!("subject erase q {SAID} --ip 192.0.2.7 --yes"));
    assert_eq!(done.out(), "erased 1 lines from 1 segment\n");
    assert_eq!(made.run(&format!("open q {SAID}")).out(), format!("{other}\n"));
}

#[test]
fn a_hold_keeps_lines_from_being_erased() {
    let mut made = Made::new(&["security"]);
    made.seal(22, &[line("192.0.2.7", 22, "/a")]);
    let done = made.run("hold q --case T-9 --until 2090-01-01 --reason-file why");
    assert_eq!(done.out(), "hold-2 keeps 1 segment and what follows of its kind\n");
    let done = made.run(&format!("subject erase q {SAID} --ip 192.0.2.7 --yes"));
    assert_eq!((done.status, done.out()), (3, ""));
    assert!(done.err().contains("the hold hold-2 keeps them"), "{}", done.err());
    assert_eq!(made.audit().last().map(|line| line["held"].clone()), Some("hold-2".into()));
    assert_eq!(made.run(&format!("open q {SAID}")).out().lines().count(), 1);
    assert_eq!(made.run("release q hold-2 --reason-file why").status, 0);
    let done = made.run(&format!("subject erase q {SAID} --ip 192.0.2.7 --yes"));
    assert_eq!(done.out(), "erased 1 lines from 1 segment\n", "{}", done.err());
    assert_eq!(made.run(&format!("open q {SAID}")).out(), "");
}

#[test]
fn a_subject_is_one_address() {
    let mut made = Made::new(&["security"]);
    made.seal(22, &[line("192.0.2.7", 22, "/a")]);
    for select in [
        "--ip 192.0.2.0/24",
        "--ip 192.0.2.7 --ip 192.0.2.8",
        "--ip 192.0.2.7 --path /a",
        "--from 2026-11-01",
    ] {
        for what in ["export", "erase --yes"] {
            let done = made.run(&format!("subject {what} q {SAID} {select}"));
            assert_eq!((done.status, done.out()), (2, ""), "{what} {select}");
            assert!(!done.err().contains("192.0.2.7"), "{}", done.err());
        }
    }
}

#[test]
fn what_is_exported_may_be_sealed_for_whoever_asked() {
    use age::{secrecy::ExposeSecret as _, x25519::Identity};
    let mut made = Made::new(&["security"]);
    made.seal(22, &[line("192.0.2.7", 22, "/a")]);
    let asked = Identity::generate();
    let to = asked.to_public();
    let done =
        made.run(&format!("subject export q {SAID} --ip 192.0.2.7 -o out.age --recipient {to}"));
    assert_eq!((done.status, done.out()), (0, ""), "{}", done.err());
    let sealed = fs::read(made.path("out.age")).expect("it was written");
    let plain = age::decrypt(&asked, &sealed).expect("it opens");
    assert_eq!(plain, format!("{}\n", line("192.0.2.7", 22, "/a")).into_bytes());
    assert!(!asked.to_string().expose_secret().is_empty());
    // What is there already is not written over.
    let done = made.run(&format!("subject export q {SAID} --ip 192.0.2.7 -o out.age"));
    assert_eq!(done.status, 1);
    assert_eq!(fs::read(made.path("out.age")).expect("it is there"), sealed);
}
