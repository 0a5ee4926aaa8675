//! What is held is released once, in order, within bounds, and whoever comes too late is refused.

use std::{convert::Infallible, sync::Arc};

use proptest::prelude::*;

use super::{period::Limits, *};
use crate::{
    format::Format,
    policy::{Policy, preset},
    privacy::{Anonymiser, Outcome, RawBlock, VisitorKeys},
    transform::{
        agent::Classifier,
        pseudonym::{Secret, SketchKey},
    },
};

/// A policy at work: blocks of lines in, released records out.
struct Run {
    anonymiser: Anonymiser,
    release: Release,
    out: String,
    total: Released,
}

impl Run {
    fn new(limits: Limits) -> Self {
        Self::with(limits, |text| text)
    }

    fn with(limits: Limits, change: impl FnOnce(String) -> String) -> Self {
        let text = change(preset("strict").expect("a preset").to_owned());
        let policy = Policy::parse(&text).expect("reads");
        let plan = Arc::new(Plan::compile(&policy).expect("compiles"));
        let key = Arc::new(SketchKey::new(Secret::copy_of(&[7; 32])));
        Self {
            anonymiser: Anonymiser::new(
                Arc::clone(&plan),
                Arc::new(Classifier::new()),
                None,
                4_096,
                1,
            )
            .with_visitors(Some(VisitorKeys::Run(key)), false),
            release: Release::with_limits(plan, limits).expect("the policy holds"),
            out: String::new(),
            total: Released::default(),
        }
    }

    /// Takes the lines of a block and gives what is released by them.
    fn send(&mut self, lines: &[String]) -> String {
        let Self { anonymiser, release, out, total } = self;
        let text = lines.concat();
        let mut block = RawBlock::with_capacity(text.len() + 2);
        while block.read_from(&mut &text.as_bytes()[block.len()..]).expect("a slice reads") > 0 {}
        let mut held = Held::default();
        for line in block.lines() {
            assert_eq!(
                anonymiser.anonymise(&Format::combined(), line, |_| panic!()),
                Outcome::Held
            );
            assert_eq!(anonymiser.hold(&Format::combined(), line, &mut held), Outcome::Held);
        }
        let mut receive = |record: &Record<'_>| {
            write(record, out);
            Ok::<_, Infallible>(())
        };
        add(total, release.absorb(&mut held, &mut receive).expect("infallible"));
        std::mem::take(out)
    }

    fn finish(&mut self) -> (String, Released) {
        let Self { release, out, total, .. } = self;
        let mut receive = |record: &Record<'_>| {
            write(record, out);
            Ok::<_, Infallible>(())
        };
        add(total, release.finish(&mut receive).expect("infallible"));
        (std::mem::take(out), *total)
    }
}

fn add(total: &mut Released, more: Released) {
    total.clean += more.clean;
    total.late += more.late;
    total.suppressed += more.suppressed;
}

/// What a record says, in a line.
fn write(record: &Record<'_>, out: &mut String) {
    let text = |text: Option<Text<'_>>| {
        str::from_utf8(text.expect("it is kept").as_bytes()).expect("ASCII").to_owned()
    };
    let mut time = Vec::new();
    record.time().expect("it is kept").write_rfc3339(&mut time);
    let (path, referrer) = (text(record.path()), text(record.referrer()));
    let method = record.method().expect("it is kept").name();
    let browser = record.browser().expect("it is kept").browser.name();
    let (status, bytes) = (record.status().unwrap_or(0), record.bytes().unwrap_or(0));
    let time = str::from_utf8(&time).expect("ASCII");
    *out += &format!("{time} {method} {path} {status} {bytes} {referrer} {browser}\n");
}

fn line(client: usize, time: &str, path: &str) -> String {
    format!(
        "198.51.{}.{} - - [{time} +0000] \"GET {path} HTTP/1.1\" 200 512 \"-\" \"curl/8.5.0\"\n",
        100 + client / 250,
        client % 250
    )
}

/// A line of each of `clients`.
fn crowd(clients: std::ops::Range<usize>, time: &str, path: &str) -> Vec<String> {
    clients.map(|client| line(client, time, path)).collect()
}

#[test]
fn an_hour_is_released_ten_minutes_after_its_end_and_once() {
    let mut run = Run::new(Limits::USUAL);
    assert_eq!(run.send(&crowd(0..10, "22/Nov/2026:14:05:00", "/a")), "");
    // The next hour begins, and the last one waits.
    assert_eq!(run.send(&crowd(0..10, "22/Nov/2026:15:09:59", "/b")), "");
    assert_eq!(run.send(&crowd(10..11, "22/Nov/2026:14:59:59", "/a")), "");
    let out = run.send(&[line(0, "22/Nov/2026:15:10:00", "/b")]);
    let expect = "2026-11-22T14:00:00Z GET /a 200 512 (none) curl\n";
    assert_eq!(out, expect.repeat(11));
    // What comes now for it is late.
    assert_eq!(run.send(&crowd(0..20, "22/Nov/2026:14:59:59", "/a")), "");
    let (out, total) = run.finish();
    assert_eq!(out, expect.replace("T14", "T15").replace("/a", "/b").repeat(11));
    assert_eq!(total, Released { clean: 22, late: 20, suppressed: 0 });
}

#[test]
fn a_day_is_held_where_times_are_told_by_the_day() {
    let mut run = Run::with(Limits::USUAL, |text| text.replace("\"hour\" }", "\"day\" }"));
    assert_eq!(run.send(&crowd(0..10, "22/Nov/2026:00:05:00", "/a")), "");
    assert_eq!(run.send(&crowd(10..20, "22/Nov/2026:23:05:00", "/a")), "");
    let out = run.send(&[line(0, "23/Nov/2026:00:10:00", "/a")]);
    assert_eq!(out.lines().count(), 20);
    assert!(out.starts_with("2026-11-22T00:00:00Z "));
}

#[test]
fn nine_visitors_are_too_few_however_often_they_come() {
    let mut run = Run::new(Limits::USUAL);
    for _ in 0..5 {
        run.send(&crowd(0..9, "22/Nov/2026:14:05:00", "/a"));
    }
    assert_eq!(run.finish(), (String::new(), Released { clean: 0, late: 0, suppressed: 45 }));
}

#[test]
fn lines_without_a_client_to_tell_apart_are_of_one_visitor() {
    let mut run = Run::new(Limits::USUAL);
    let teredo = |number| {
        line(0, "22/Nov/2026:14:05:00", "/a")
            .replace("198.51.100.0", &format!("2001:0:c000:201::{number:x}"))
    };
    run.send(&(0..50).map(teredo).collect::<Vec<_>>());
    assert_eq!(run.finish().1, Released { clean: 0, late: 0, suppressed: 50 });
}

#[test]
fn one_line_from_the_future_closes_nothing() {
    let mut run = Run::new(Limits::USUAL);
    run.send(&crowd(0..10, "22/Nov/2026:14:05:00", "/a"));
    assert_eq!(run.send(&[line(0, "22/Nov/2036:14:05:00", "/a")]), "");
    run.send(&crowd(0..10, "22/Nov/2026:14:06:00", "/a"));
    assert_eq!(run.send(&[line(0, "22/Nov/2037:14:05:00", "/a")]), "");
    let (out, total) = run.finish();
    assert_eq!(out.lines().count(), 20);
    assert_eq!(total, Released { clean: 20, late: 0, suppressed: 2 });
    // Two of them are believed: a log may have a gap.
    let mut run = Run::new(Limits::USUAL);
    run.send(&crowd(0..10, "22/Nov/2026:14:05:00", "/a"));
    let out = run.send(&crowd(0..2, "22/Nov/2027:14:05:00", "/a"));
    assert_eq!(out.lines().count(), 10);
    // One at the very beginning closes nothing either.
    let mut run = Run::new(Limits::USUAL);
    run.send(&[line(0, "22/Nov/2036:14:05:00", "/a")]);
    run.send(&crowd(0..10, "22/Nov/2026:14:05:00", "/a"));
    assert_eq!(run.finish().1, Released { clean: 10, late: 0, suppressed: 1 });
}

#[test]
fn what_is_late_is_so_from_the_second_line_on() {
    let mut run = Run::new(Limits::USUAL);
    run.send(&[line(0, "22/Nov/2026:15:10:00", "/a")]);
    run.send(&crowd(0..10, "22/Nov/2026:14:59:00", "/a"));
    assert_eq!(run.finish().1, Released { clean: 0, late: 10, suppressed: 1 });
}

/// Few of everything, so that tests reach the bounds.
const FEW: Limits = Limits { texts: 8, text_bytes: 64, likenesses: 6, visits: 64 };

#[test]
fn past_the_bound_on_texts_paths_are_others() {
    let mut run = Run::new(Limits { likenesses: 100, visits: 1_000, ..FEW });
    for path in 0..20 {
        run.send(&crowd(0..10, "22/Nov/2026:14:05:00", &format!("/page{path}x")));
    }
    let (out, total) = run.finish();
    assert_eq!(total.clean, 200);
    let of = |word: &str| out.lines().filter(|line| line.contains(word)).count();
    assert!(of(" /page0x ") == 10 && of(" (other) 200 ") >= 130, "{out}");
}

#[test]
fn past_the_bounds_on_likenesses_and_visits_only_the_least_is_told() {
    for limits in
        [Limits { likenesses: 6, ..Limits::USUAL }, Limits { visits: 64, ..Limits::USUAL }, FEW]
    {
        let mut run = Run::new(limits);
        for path in 0..20 {
            run.send(&crowd(0..40, "22/Nov/2026:14:05:00", &format!("/page{path}x")));
        }
        let (out, total) = run.finish();
        assert_eq!(total, Released { clean: 800, late: 0, suppressed: 0 });
        let least = " OTHER (other) 0 0 (other) Other";
        assert!(out.lines().filter(|line| line.ends_with(least)).count() >= 500, "{out}");
        assert!(run.release.open.is_empty());
    }
    // Visitors who come again need no more room.
    let mut run = Run::new(Limits { visits: 64, ..Limits::USUAL });
    for _ in 0..50 {
        run.send(&crowd(0..40, "22/Nov/2026:14:05:00", "/a"));
    }
    let (out, _) = run.finish();
    assert_eq!(out.lines().filter(|line| line.contains(" /a ")).count(), 2_000);
}

proptest! {
    /// The order of the lines of a period, and how they are cut into blocks, leave no trace.
    #[test]
    fn order_and_blocks_leave_no_trace(
        lines in proptest::collection::vec((0..30_usize, 0..4_usize, 0..10_u32), 20..200),
        cuts in proptest::collection::vec(1..50_usize, 1..8),
        turn in 0..200_usize,
    ) {
        let lines: Vec<_> = lines
            .iter()
            .map(|(client, path, minute)| {
                line(*client, &format!("22/Nov/2026:14:{minute:02}:00"), ["/", "/a", "/a/b", "/c"][*path])
            })
            .collect();
        let mut whole = Run::new(Limits::USUAL);
        whole.send(&lines);
        let mut turned = lines.clone();
        turned.rotate_left(turn % lines.len());
        turned.reverse();
        let mut cut = Run::new(Limits::USUAL);
        let (mut rest, mut cuts) = (&turned[..], cuts.iter().cycle());
        while !rest.is_empty() {
            let (block, left) = rest.split_at(rest.len().min(*cuts.next().expect("it goes round")));
            cut.send(block);
            rest = left;
        }
        prop_assert_eq!(whole.finish(), cut.finish());
    }
}
