//! What is held is released once, in order, within bounds, and whoever comes too late is refused.

use std::{convert::Infallible, sync::Arc};

use proptest::prelude::*;

use super::{
    likeness::{Step, TextId},
    period::Limits,
    *,
};
use crate::{
    format::Format,
    policy::{Policy, preset},
    privacy::{Anonymiser, Outcome, RawBlock, VisitorKeys},
    transform::{
        agent::{Browser, Classifier, Os},
        pseudonym::{Secret, SketchKey},
    },
};

/// A policy at work: blocks of lines in, released records out.
struct Run {
    anonymiser: Anonymiser,
    release: Release,
    /// What each block leaves its rows in, the same for all of them as in an engine.
    held: Held,
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
            held: Held::default(),
            out: String::new(),
            total: Released::default(),
        }
    }

    /// Takes the lines of a block and gives what is released by them.
    fn send(&mut self, lines: &[String]) -> String {
        let Self { anonymiser, release, held, out, total } = self;
        let text = lines.concat();
        let mut block = RawBlock::with_capacity(text.len() + 2);
        while block.read_from(&mut &text.as_bytes()[block.len()..]).expect("a slice reads") > 0 {}
        for line in block.lines() {
            assert_eq!(
                anonymiser.anonymise(&Format::combined(), line, |_| panic!()),
                Outcome::Held
            );
            assert_eq!(anonymiser.hold(&Format::combined(), line, held), Outcome::Held);
        }
        let mut receive = |record: &Record<'_>| {
            write(record, out);
            Ok::<_, Infallible>(())
        };
        add(total, release.absorb(held, &mut receive).expect("infallible"));
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

#[test]
fn a_day_ahead_is_believed_and_a_minute_more_is_not() {
    for (ahead, released) in [("23/Nov/2026:14:05:00", 10), ("23/Nov/2026:14:06:00", 0)] {
        let mut run = Run::new(Limits::USUAL);
        run.send(&crowd(0..10, "22/Nov/2026:14:05:00", "/a"));
        let out = run.send(&[line(0, ahead, "/a")]);
        assert_eq!(out.lines().count(), released, "{ahead}");
    }
    // The same holds for how near a second one must be.
    for (second, released) in [("22/Nov/2036:14:05:00", 10), ("22/Nov/2036:14:06:00", 0)] {
        let mut run = Run::new(Limits::USUAL);
        run.send(&crowd(0..10, "22/Nov/2026:14:05:00", "/a"));
        run.send(&[line(0, "21/Nov/2036:14:05:00", "/a")]);
        let out = run.send(&[line(1, second, "/a")]);
        assert_eq!(out.lines().count(), released, "{second}");
    }
}

#[test]
fn a_path_is_told_where_no_method_is_and_a_method_where_no_path_is() {
    let path = "path = { shape = \"learned\", status = [\"2xx\", \"3xx\"] }\n";
    for (removed, table, expect) in
        [("method = true\n", "\"method\", ", (false, true)), (path, "\"path\", ", (true, false))]
    {
        let mut run = Run::with(Limits::USUAL, |text| {
            assert!(text.contains(removed) && text.contains(table));
            text.replace(removed, "").replace(table, "")
        });
        run.send(&crowd(0..10, "22/Nov/2026:14:05:00", "/a"));
        let mut found = Vec::new();
        let mut receive = |record: &Record<'_>| {
            found.push((record.method().is_some(), record.path().is_some()));
            Ok::<_, Infallible>(())
        };
        run.release.finish(&mut receive).expect("infallible");
        assert_eq!(found, [expect; 10]);
    }
}

/// The same lines, answered with `404`.
fn missed(lines: &[String]) -> Vec<String> {
    lines.iter().map(|line| line.replace(" 200 512 ", " 404 512 ")).collect()
}

#[test]
fn what_the_site_did_not_confirm_is_told_only_where_it_is_known_word_by_word() {
    let mut run = Run::new(Limits::USUAL);
    let time = "22/Nov/2026:14:05:00";
    run.send(&crowd(0..10, time, "/a"));
    for client in 0..10 {
        run.send(&[line(client, time, &format!("/blog/post{client}x"))]);
    }
    // Known, never confirmed by anybody, and one of those that are told together.
    for path in ["/a", "/secret", "/blog/post1x"] {
        run.send(&missed(&crowd(20..30, time, path)));
    }
    let (out, total) = run.finish();
    assert_eq!(total, Released { clean: 50, late: 0, suppressed: 0 });
    let of = |text: &str| out.lines().filter(|line| line.contains(text)).count();
    assert_eq!((of(" /a 200 "), of(" /a 404 ")), (10, 10), "{out}");
    assert_eq!((of(" /blog/{other} 200 "), of(" (other) 404 ")), (10, 20), "{out}");
}

#[test]
fn a_path_of_few_is_not_told_though_its_line_would_be() {
    let mut run = Run::new(Limits::USUAL);
    let time = "22/Nov/2026:14:05:00";
    run.send(&crowd(0..10, time, "/a"));
    run.send(&crowd(0..9, time, "/b"));
    run.send(&crowd(20..21, time, "/c"));
    let (out, total) = run.finish();
    assert_eq!(total, Released { clean: 20, late: 0, suppressed: 0 });
    let of = |text: &str| out.lines().filter(|line| line.contains(text)).count();
    assert_eq!((of(" /a "), of(" /{other} "), of(" /b "), of(" /c ")), (10, 10, 0, 0), "{out}");
}

#[test]
fn past_the_bound_on_bytes_of_texts_paths_are_others_and_queries_are_left_out() {
    let time = "22/Nov/2026:14:05:00";
    // The word for others and `(none)` have seven and six bytes, the path two: there is room for it, and not for one
    // byte more.
    for (text_bytes, told) in [(15, 10), (14, 0)] {
        let mut run = Run::new(Limits { text_bytes, ..Limits::USUAL });
        // A first one, so that the referrer has its place.
        run.send(&crowd(0..10, time, "-"));
        run.send(&crowd(0..10, time, "/a"));
        let (out, total) = run.finish();
        assert_eq!(total.clean, 20);
        assert_eq!(out.lines().filter(|line| line.contains(" /a ")).count(), told, "{out}");
    }
}

#[test]
fn how_long_it_took_and_the_language_are_told_where_the_policy_tells_them() {
    for (keys, expect) in [
        ("duration = { bucket = \"1-2-5\" }\nlanguage = \"primary\"\n", (true, true)),
        ("duration = { bucket = \"1-2-5\" }\n", (true, false)),
        ("language = \"primary\"\n", (false, true)),
        ("", (false, false)),
    ] {
        let mut run = Run::with(Limits::USUAL, |text| {
            text.replace("[record]\n", &format!("[record]\n{keys}"))
        });
        let format = Format::of_notation(
            r#"$client [$clf] "$request" $status $bytes "$referrer" "$agent" $seconds "$language""#,
        );
        let text: String = (0..10)
            .map(|client| {
                line(client, "22/Nov/2026:14:05:00", "/a")
                    .replace(" - - [", " [")
                    .replace("\n", " 0.003 \"fr,en;q=0.5\"\n")
            })
            .collect();
        let mut block = RawBlock::with_capacity(text.len());
        while block.read_from(&mut &text.as_bytes()[block.len()..]).expect("a slice reads") > 0 {}
        for line in block.lines() {
            assert_eq!(run.anonymiser.hold(&format, line, &mut run.held), Outcome::Held);
        }
        let mut found = Vec::new();
        let mut receive = |record: &Record<'_>| {
            found.push((record.duration_ms().is_some(), record.language().is_some()));
            Ok::<_, Infallible>(())
        };
        run.release.absorb(&mut run.held, &mut receive).expect("infallible");
        run.release.finish(&mut receive).expect("infallible");
        assert_eq!(found, [expect; 10]);
    }
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

/// The line that was kept aside knows its texts by numbers of its own: its block is gone by then.
#[test]
fn a_line_that_was_kept_aside_keeps_its_texts() {
    let mut run = Run::new(Limits::USUAL);
    let mut lines = crowd(0..10, "22/Nov/2026:14:05:00", "/a");
    lines.push(line(10, "24/Nov/2026:14:05:00", "/z"));
    run.send(&lines);
    run.send(&crowd(11..20, "24/Nov/2026:14:05:00", "/z"));
    let (out, total) = run.finish();
    assert_eq!(total, Released { clean: 20, late: 0, suppressed: 0 });
    assert_eq!(out.lines().filter(|line| line.contains(" /z 200 ")).count(), 10, "{out}");
}

#[test]
fn visits_are_held_apart_up_to_their_bound_and_no_further() {
    let limits = Limits { visits: 64, ..Limits::USUAL };
    // Visitors, how often each comes, and how many lines tell their path: all of them while there is room, and while
    // a quarter of it is free again after visitors were joined.
    for (visitors, times, told) in [(64, 1, 64), (48, 3, 144), (49, 2, 64), (80, 1, 64)] {
        let mut run = Run::new(limits);
        for _ in 0..times {
            run.send(&crowd(0..visitors, "22/Nov/2026:14:05:00", "/a"));
        }
        let held = run.release.open[0].visits();
        assert!(held <= 64, "{held} visits of {visitors}");
        let (out, total) = run.finish();
        assert_eq!(total.clean as usize, visitors * times);
        let found = out.lines().filter(|line| line.contains(" /a 200 ")).count();
        assert_eq!(found, told, "{visitors} visitors, {times} times: {out}");
    }
}

#[test]
fn templates_need_no_room_of_their_own() {
    let page = |client: usize| format!("/blog/post{client}x");
    // What stands for others, the word for no referrer, and ten paths of twelve bytes.
    for limits in [
        Limits { texts: 12, ..Limits::USUAL },
        Limits { text_bytes: 7 + 6 + 10 * 12, ..Limits::USUAL },
    ] {
        let mut run = Run::new(limits);
        for client in 0..10 {
            run.send(&[line(client, "22/Nov/2026:14:05:00", &page(client))]);
        }
        let (out, _) = run.finish();
        assert_eq!(
            out.lines().filter(|line| line.contains(" /blog/{other} ")).count(),
            10,
            "{out}"
        );
    }
}

#[test]
fn each_step_tells_less_of_what_it_is_for() {
    let mut run = Run::new(Limits::USUAL);
    let agent = "Mozilla/5.0 (X11; Linux x86_64; rv:133.0) Gecko/20100101 Firefox/133.0";
    let text = line(1, "22/Nov/2026:14:05:00", "/a").replace("curl/8.5.0", agent);
    let mut block = RawBlock::with_capacity(text.len());
    block.read_from(&mut text.as_bytes()).expect("a slice reads");
    let raw = block.lines().next().expect("a line");
    assert_eq!(run.anonymiser.hold(&Format::combined(), raw, &mut run.held), Outcome::Held);
    let whole = run.held.rows[0].likeness;
    let other = TextId::at(7);
    let told = |step: Step| {
        let agent = whole.widened(step, other).agent.expect("it is kept");
        (agent.browser, agent.version, agent.os)
    };
    let (browser, version, os) = told(Step::Query);
    assert!(browser == Browser::Firefox && version == 133 && os == Os::Linux);
    assert_eq!(told(Step::Os), (browser, version, Os::Other));
    assert_eq!(told(Step::BrowserVersion), (browser, 0, os));
    assert_eq!(told(Step::Browser), (Browser::Other, version, os));
    // The block is over, and nothing of it stays.
    run.held.clear();
    assert!(run.held.rows.is_empty() && run.held.texts.len() == 0 && run.held.texts.bytes() == 0);
}

#[test]
fn a_query_is_told_where_there_is_room_for_its_values_and_left_out_where_not() {
    // What stands for others, the word for no referrer, the path, and the values.
    for (texts, expect) in [(4, "/a page=7"), (3, "/a ")] {
        let limits = Limits { texts, ..Limits::USUAL };
        let mut run = Run::with(limits, |text| {
            format!("{text}\n[[query]]\nname = \"page\"\npattern = \"{{digits:1-3}}\"\n")
        });
        run.send(&crowd(0..10, "22/Nov/2026:14:05:00", "/a?page=7"));
        let mut found = Vec::new();
        let mut receive = |record: &Record<'_>| {
            let pair = |(name, value): (&str, &[u8])| format!("{name}={}", value.escape_ascii());
            let pairs: Option<Vec<_>> =
                record.query().map(|query| query.iter().map(pair).collect());
            let path = record.path().expect("it is kept").as_bytes().escape_ascii();
            found.push(format!("{path} {}", pairs.unwrap_or_default().join("&")));
            Ok::<_, Infallible>(())
        };
        run.release.finish(&mut receive).expect("infallible");
        assert_eq!(found, [expect; 10], "{texts}");
    }
}
