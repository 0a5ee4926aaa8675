//! Partial counts joined in any way, and files of them that somebody else wrote.

use std::{env, process, sync::atomic::AtomicUsize, sync::atomic::Ordering};

use proptest::prelude::*;

use super::*;
use crate::{
    counts::{
        Recorder, Run, Setup, Span, Store, Window,
        tests::{any_line, key, plan, records},
    },
    format::Format,
};

/// A place for a file of its own.
fn place() -> PathBuf {
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    env::temp_dir().join(format!("tamis-partial-{}-{number}", process::id()))
}

/// What a run of that name counts of lines.
fn counted(name: &str, lines: &[String]) -> Partial {
    let (plan, path) = (plan(""), place());
    let run = Run { name: name.to_owned(), site: "example.com".to_owned(), keys: Some(key()) };
    let setup = Setup { window: Some(Window::Day), ..Setup::default() };
    let mut recorder = Recorder::to_partial(&plan, &setup, run, path.clone());
    records(&plan, Format::vhost_combined(), lines, |_, record| recorder.add(record));
    recorder.finish(&[]).expect("the folder takes files");
    let partial = Partial::read(&path).expect("what was written is read");
    fs::remove_file(&path).expect("it is ours");
    partial
}

fn joined(mut parts: impl Iterator<Item = Partial>) -> Partial {
    let mut all = parts.next().expect("there is one");
    for part in parts {
        all.join(part, Path::new("part")).expect("they are of one kind");
    }
    all
}

/// What is in a store that these were added to.
fn stored(parts: &[Partial]) -> (Report, String) {
    let path = place();
    let mut store = Store::open(&path, parts[0].identity().clone()).expect("the folder is ours");
    for part in parts {
        store.add(part).expect("it is added");
    }
    let report = store.report(Span::default(), None).expect("it is read");
    let cells = format!("{:?}", store.cells(Span::default(), None).expect("it is read"));
    drop(store);
    for end in ["", "-wal", "-shm"] {
        let _ = fs::remove_file(format!("{}{end}", path.display()));
    }
    (report, cells)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn any_split_in_any_order_is_the_whole(
        lines in prop::collection::vec((any_line(), 0..8usize), 1..60),
        order in Just((0..8usize).collect::<Vec<_>>()).prop_shuffle(),
        shards in prop::sample::select(vec![1usize, 2, 8]),
    ) {
        let all: Vec<_> = lines.iter().map(|(line, _)| line.clone()).collect();
        let whole = counted("whole", &all);
        let parts: Vec<_> = order.iter().filter(|shard| **shard < shards).map(|shard| {
            let of_shard = lines.iter().filter(|(_, of)| of % shards == *shard);
            let of_shard: Vec<_> = of_shard.map(|(line, _)| line.clone()).collect();
            counted(&shard.to_string(), &of_shard)
        }).collect();
        let joined = joined(parts.clone().into_iter());
        prop_assert_eq!(joined.report().to_json(), whole.report().to_json());
        // What was joined is read as what was written.
        let read = Partial::parse(joined.to_text().as_bytes()).expect("it was written here");
        prop_assert_eq!(read.report().to_json(), whole.report().to_json());
        let (report, cells) = stored(&parts);
        let (of_whole, cells_of_whole) = stored(&[whole]);
        prop_assert_eq!(report.to_json(), of_whole.to_json());
        prop_assert_eq!(cells, cells_of_whole);
    }

    #[test]
    fn any_change_of_a_byte_is_noticed(at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut text = counted("a", &sample()).to_text().into_bytes();
        let at = at.index(text.len());
        prop_assume!(text[at] != byte);
        text[at] = byte;
        prop_assert!(Partial::parse(&text).is_err());
    }
}

fn sample() -> Vec<String> {
    let line = |client: u8, path: &str| {
        format!(
            "a.example.com:443 192.0.2.{client} - - [22/Nov/2026:14:05:37 +0000] \"GET /{path} HTTP/1.1\" 200 9 \
             \"-\" \"-\""
        )
    };
    vec![line(1, "a.html"), line(2, "b.html"), line(2, "a.html")]
}

/// The text with a hash that is right again.
fn resealed(body: &str) -> String {
    use sha2::{Digest as _, Sha256};
    let hash: String = Sha256::digest(body).iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{FORM} {hash}\n{body}\n")
}

fn body() -> String {
    let text = counted("a", &sample()).to_text();
    text.lines().nth(1).expect("two lines").to_owned()
}

#[test]
fn a_text_that_was_cut_off_anywhere_is_none() {
    let text = counted("a", &sample()).to_text();
    for end in (0..text.len()).step_by(7).chain([text.len() - 1]) {
        assert!(Partial::parse(&text.as_bytes()[..end]).is_err(), "{end} bytes");
    }
    assert!(Partial::parse((text.clone() + "\n").as_bytes()).is_err());
    assert!(Partial::parse(text.replacen("counts 1 ", "counts 2 ", 1).as_bytes()).is_err());
    assert!(Partial::parse(text.as_bytes()).is_ok());
}

/// Replaces a part of a right text and seals it again.
fn check_refused(from: &str, to: &str) {
    let body = body();
    assert!(body.contains(from), "{from} in {body}");
    let changed = body.replacen(from, to, 1);
    assert!(Partial::parse(resealed(&changed).as_bytes()).is_err(), "{from} became {to}");
}

#[test]
fn what_tamis_would_not_have_written_is_refused_also_with_a_right_hash() {
    assert!(Partial::parse(resealed(&body()).as_bytes()).is_ok());
    let a = "{\"key\":\"/a.html\",";
    for (from, to) in [
        // Numbers that are none, or too large.
        ("\"requests\":3", "\"requests\":-3"),
        ("\"requests\":3", "\"requests\":3.5"),
        ("\"requests\":3", "\"requests\":18446744073709551616"),
        ("\"requests\":3", "\"requests\":1e300"),
        ("\"missed\":0", "\"missed\":18446744073709551615"),
        // Texts that no clean text is: the end of a line, a terminal's escape, another script.
        (a, "{\"key\":\"/a\\u001b[2J.html\","),
        (a, "{\"key\":\"/a\\n.html\","),
        (a, "{\"key\":\"/ä.html\","),
        ("\"policy\":\"baseline\"", "\"policy\":\"base\\u001b[2J\""),
        ("\"site\":\"example.com\"", "\"site\":\"\\u0007\""),
        ("\"runs\":[[\"a\",1]]", "\"runs\":[[\"\\u001b\",1]]"),
        ("\"timezone\":\"UTC\"", "\"timezone\":\"\\u0000\""),
        ("\"name\":\"path\"", "\"name\":\"\""),
        ("\"name\":\"path\"", "\"name\":\"a path\""),
        // What comes twice.
        (a, "{\"key\":\"/b.html\","),
        ("\"name\":\"path\"", "\"name\":\"status\""),
        ("\"runs\":[[\"a\",1]]", "\"runs\":[[\"a\",1],[\"a\",1]]"),
        ("\"policy\":\"baseline\"", "\"policy\":\"baseline\",\"policy\":\"baseline\""),
        // What is not known, or missing.
        (a, "{\"ip\":\"192.0.2.7\",\"key\":\"/a.html\","),
        ("\"runs\":[[\"a\",1]],", ""),
        ("\"publish_k\":10", "\"publish_k\":4294967295"),
        // Windows that end before they begin.
        ("\"begins\":1795305600", "\"begins\":1995305600"),
        ("\"from\":\"2026-11-22T00:00:00Z\"", "\"from\":\"2026-12-22T00:00:00Z\""),
        ("\"from\":\"2026-11-22T00:00:00Z\"", "\"from\":\"yesterday\""),
        // Sets that are none.
        ("\"visitors\":\"", "\"visitors\":\"0"),
        ("\"visitors\":\"", "\"visitors\":\"zz"),
        ("\"visitors\":\"", "\"visitors\":\"ff"),
        ("\"networks\":\"6e", "\"networks\":\"6e00"),
        ("\"networks\":\"6e", "\"networks\":\"6e0000000000000000"),
        ("\"networks\":\"6e", "\"networks\":\"00"),
    ] {
        check_refused(from, to);
    }
}

#[test]
fn windows_that_come_twice_are_refused() {
    let body = body();
    let (start, windows) = body.split_once("\"windows\":[").expect("windows");
    let windows = windows.strip_suffix("]}").expect("the end");
    let twice = format!("{start}\"windows\":[{windows},{windows}]}}");
    assert!(Partial::parse(resealed(&twice).as_bytes()).is_err());
}

#[test]
fn the_largest_numbers_are_summed_without_an_overflow() {
    let huge = |name: &str| {
        let body = body().replace("\"requests\":", "\"requests\":1844674407370955161");
        let body = body.replace("[\"a\",1]", &format!("[\"{name}\",1]"));
        Partial::parse(resealed(&body).as_bytes()).expect("large numbers are numbers")
    };
    let parts = [huge("a"), huge("b")];
    assert_eq!(joined(parts.clone().into_iter()).report().totals().requests, u64::MAX);
    let (report, _) = stored(&parts);
    assert_eq!(report.totals().requests, i64::MAX as u64, "SQLite's numbers end here");
}
