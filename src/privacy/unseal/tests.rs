//! Bodies that are written by hand, opened, and written anew.

use std::io::Write as _;

use age::{Encryptor, secrecy::ExposeSecret as _};

use super::*;
use crate::privacy::selector::{Facts, Selector};

/// A key, and its public half.
pub(crate) fn key() -> (SegmentKey, age::x25519::Recipient) {
    let identity = Identity::generate();
    let recipient = identity.to_public();
    let key = SegmentKey::parse(identity.to_string().expose_secret()).expect("it is one");
    (key, recipient)
}

/// `plain` sealed, without compression.
fn sealed(plain: &[u8], recipient: &age::x25519::Recipient) -> Vec<u8> {
    let recipients = std::iter::once(recipient as &dyn age::Recipient);
    let encryptor = Encryptor::with_recipients(recipients).expect("there is one");
    let mut out = Vec::new();
    let mut writer = encryptor.wrap_output(&mut out).expect("memory takes it");
    writer.write_all(plain).expect("memory takes it");
    writer.finish().expect("memory takes it");
    out
}

/// A body of these texts, a frame each.
fn body(frames: &[&str], recipient: &age::x25519::Recipient) -> Vec<u8> {
    let compressed =
        frames.iter().map(|text| zstd::encode_all(text.as_bytes(), 1).expect("memory"));
    sealed(&compressed.flatten().collect::<Vec<_>>(), recipient)
}

/// All lines with their ids, and how it ended.
fn lines(sealed: &[u8], key: &SegmentKey) -> (Vec<String>, Option<UnsealError>) {
    let mut found = Vec::new();
    let mut unsealer = match Unsealer::new(sealed, key) {
        Ok(unsealer) => unsealer,
        Err(error) => return (found, Some(error)),
    };
    loop {
        match unsealer.next() {
            Ok(Some(line)) => found.push(format!(
                "{} {:?} {} {}",
                line.source(),
                line.place(),
                line.why().join(","),
                line.show_bytes().escape_ascii()
            )),
            Ok(None) => return (found, None),
            Err(error) => return (found, Some(error)),
        }
    }
}

const FIRST: &str =
    "#@ {\"source\":\"access.log\",\"at\":0,\"why\":[\"all\"]}\n192.0.2.7 a\n192.0.2.8 b\r\n";
const SECOND: &str = "#@ {\"source\":\"stdin\",\"at\":null,\"why\":[\"refused:bad-time\"],\"masked\":true}\n\
                      #@@ no mark\n#@@@\n#@\n\n";

#[test]
fn lines_come_out_as_they_were_with_where_they_are_from() {
    let (key, recipient) = key();
    let third = "#@ {\"source\":\"b\",\"at\":5,\"why\":[\"all\"],\"masked\":true}\nc\nd\n";
    let (found, end) = lines(&body(&[FIRST, SECOND, third], &recipient), &key);
    assert!(end.is_none());
    assert_eq!(
        found,
        [
            "access.log Some((0, 0)) all 192.0.2.7 a",
            "access.log Some((12, 0)) all 192.0.2.8 b\\r",
            "stdin None refused:bad-time #@ no mark",
            "stdin None refused:bad-time #@@",
            "stdin None refused:bad-time #@",
            "stdin None refused:bad-time ",
            "b Some((5, 0)) all c",
            "b Some((5, 1)) all d",
        ]
    );
}

#[test]
fn what_is_cut_off_gives_what_is_whole_and_says_so() {
    let (key, recipient) = key();
    // What does not compress well, so that it takes several chunks of age.
    let noise = |n: u32| blake3::hash(&n.to_le_bytes()).to_hex();
    let text: String = (0..10_000).map(|n| format!("192.0.2.7 {}\n", noise(n))).collect();
    let text = format!("#@ {{\"source\":\"a\",\"at\":0,\"why\":[\"all\"]}}\n{text}");
    let whole = body(&[&text[..300_000], &text[300_000..]], &recipient);
    let cut = &whole[..whole.len() * 2 / 3];
    let (found, end) = lines(cut, &key);
    // A chunk that is cut in the middle cannot be told from one that was changed.
    assert!(matches!(end, Some(UnsealError::Torn | UnsealError::Damaged)), "{end:?}");
    assert!(found.len() > 1_000 && found.len() < 10_000, "{}", found.len());
    let (all, _) = lines(&whole, &key);
    assert!(all.starts_with(&found) && all.len() == 10_000);
}

#[test]
fn no_byte_can_be_changed() {
    let (key, recipient) = key();
    let whole = body(&[FIRST], &recipient);
    let (expect, _) = lines(&whole, &key);
    for at in 0..whole.len() {
        let mut other = whole.clone();
        other[at] ^= 1;
        let (found, end) = lines(&other, &key);
        assert!(end.is_some(), "at {at}");
        assert!(expect.starts_with(&found), "at {at}");
    }
    assert!(matches!(lines(&whole, &self::key().0).1, Some(UnsealError::Key)));
    assert!(matches!(lines(b"no age file", &key).1, Some(UnsealError::Damaged)));
    // Sealed for the key, but by nobody we know: no run, no object, no frame.
    for strange in ["192.0.2.7 a\n", "#@ {\"at\":1}\n", "#@ 1\na\n"] {
        let (found, end) = lines(&body(&[strange], &recipient), &key);
        assert!(found.is_empty() && matches!(end, Some(UnsealError::Damaged)), "{strange}");
    }
    assert!(lines(&sealed(b"no frame", &recipient), &key).1.is_some());
}

fn line(client: &str, path: &str) -> String {
    format!("{client} - - [22/Nov/2026:14:05:37 +0000] \"GET {path} HTTP/1.1\" 200 5\n")
}

fn index(addresses: &[&str], why: &str, lines: u64) -> String {
    serde_json::json!({
        "from": 1_795_356_337_i64, "to": 1_795_356_337_i64, "lines": lines, "addresses": addresses,
        "paths": ["/a", "/b"], "paths_whole": true, "rules": {}, "why": {why: lines}, "new": 1,
        "unnamed": if why == "refused" { 1 } else { 0 },
    })
    .to_string()
}

#[test]
fn a_segment_is_written_anew_without_somebodys_lines() {
    let (old, recipient) = key();
    let (new, to) = key();
    let text = format!(
        "#@ {{\"source\":\"a\",\"at\":9,\"why\":[\"all\"]}}\n{}{}{}{}",
        line("192.0.2.7", "/a"),
        line("192.0.2.8", "/b"),
        line("192.0.2.7", "/b"),
        line("192.0.2.9", "/b")
    );
    let sealed_body = body(&[&text], &recipient);
    let sealed_index =
        sealed(index(&["192.0.2.7", "192.0.2.8", "192.0.2.9"], "all", 4).as_bytes(), &recipient);
    let mut selector = Selector::default();
    selector.add_network("192.0.2.7").expect("an address");
    assert_eq!(
        Index::open(&sealed_index, &old).expect("opens").find(&selector),
        IndexMatch::Yes(1)
    );
    let (mut out, mut out_index) = (Vec::new(), Vec::new());
    let done = rewrite_segment(
        (&sealed_body[..], Some(&sealed_index)),
        &old,
        (&selector, &mut Facts::new(None, Vec::new())),
        &to.to_string(),
        (&mut out, &mut out_index),
    );
    let why = [("all".to_owned(), 2)].into();
    assert_eq!(done.expect("it is rewritten"), Rewritten { kept: 2, removed: 2, why });
    let (found, end) = lines(&out, &new);
    assert!(end.is_none() && lines(&out, &old).1.is_some());
    let (before, _) = lines(&sealed_body, &old);
    // The ids of those that are left did not change.
    assert_eq!(found, [before[1].clone(), before[3].clone()]);
    let index = Index::open(&out_index, &new).expect("opens");
    assert_eq!(index.find(&selector), IndexMatch::No);
    assert_eq!((index.lines, index.why["all"], index.more.len()), (2, 2, 1));
    assert_eq!(
        (&index.addresses[..], &index.paths[..]),
        (&["192.0.2.8".to_owned(), "192.0.2.9".to_owned()][..], &["/b".to_owned()][..])
    );
}

#[test]
fn an_index_says_what_may_be_in_a_segment() {
    let (key, recipient) = key();
    let open =
        |text: String| Index::open(&sealed(text.as_bytes(), &recipient), &key).expect("opens");
    let dated = open(index(&["192.0.2.7"], "all", 1));
    let refused = open(index(&["192.0.2.7"], "refused", 1));
    let find = |index: &Index, network: Option<&str>, path: Option<&str>, from: Option<&str>| {
        let mut selector = Selector::default();
        network.into_iter().for_each(|text| selector.add_network(text).expect("a network"));
        path.into_iter().for_each(|text| selector.set_path(text).expect("a path"));
        selector.set_period(from, None).expect("a period");
        index.find(&selector)
    };
    assert_eq!(find(&dated, Some("192.0.2.0/24"), None, None), IndexMatch::Yes(1));
    assert_eq!(find(&dated, Some("192.0.2.8"), None, None), IndexMatch::No);
    assert_eq!(find(&refused, Some("192.0.2.8"), None, None), IndexMatch::Maybe);
    assert_eq!(find(&dated, None, Some("/a/b"), None), IndexMatch::Yes(0));
    assert_eq!(find(&dated, None, Some("/c"), None), IndexMatch::No);
    assert_eq!(find(&refused, None, Some("/c"), None), IndexMatch::Maybe);
    assert_eq!(find(&dated, None, None, Some("2026-11-23")), IndexMatch::No);
    assert_eq!(find(&refused, None, None, Some("2026-11-23")), IndexMatch::No);
    assert!(Index::open(&sealed(b"[]", &recipient), &key).is_err());
}

/// Rewrites a body and its index for a new key.
fn rewritten(
    sealed_body: &[u8],
    sealed_index: Option<&[u8]>,
    old: &SegmentKey,
    client: &str,
) -> (Result<Rewritten, UnsealError>, SegmentKey, Vec<u8>, Vec<u8>) {
    let (new, to) = key();
    let mut selector = Selector::default();
    selector.add_network(client).expect("an address");
    let (mut out, mut out_index) = (Vec::new(), Vec::new());
    let done = rewrite_segment(
        (sealed_body, sealed_index),
        old,
        (&selector, &mut Facts::new(None, Vec::new())),
        &to.to_string(),
        (&mut out, &mut out_index),
    );
    (done, new, out, out_index)
}

/// The text of a body.
fn plain(sealed: &[u8], key: &SegmentKey) -> String {
    let body = zstd::decode_all(BufReader::new(key.decrypt(sealed).expect("it opens")));
    str::from_utf8(&body.expect("it is a stream")).expect("text").to_owned()
}

/// Each run differs from the one before in one thing only, and none may be taken for the rest of the one before.
const RUNS: &str = concat!(
    "#@ {\"at\":7,\"source\":\"a\",\"why\":[\"all\"]}\n#@@ mark\n192.0.2.1\n\n",
    "#@ {\"at\":null,\"source\":\"a\",\"why\":[\"all\"]}\nk\nl\n",
    "#@ {\"at\":null,\"first\":2,\"masked\":true,\"source\":\"a\",\"why\":[\"all\"]}\nm\n",
    "#@ {\"at\":null,\"first\":3,\"masked\":true,\"source\":\"b\",\"why\":[\"all\"]}\nn\n",
    "#@ {\"at\":null,\"first\":4,\"masked\":true,\"source\":\"b\",\"why\":[\"one\",\"two\"]}\no\n",
    "#@ {\"at\":9,\"first\":5,\"masked\":true,\"source\":\"b\",\"why\":[\"one\",\"two\"]}\np\nq\n",
    "#@ {\"at\":9,\"first\":9,\"masked\":true,\"source\":\"b\",\"why\":[\"one\",\"two\"]}\nr\n",
);

#[test]
fn what_nobody_is_erased_from_stays_as_it_is() {
    let (old, recipient) = key();
    let sealed_index = sealed(index(&[], "all", 11).as_bytes(), &recipient);
    let sealed_body = body(&[RUNS], &recipient);
    let (done, new, out, _) = rewritten(&sealed_body, Some(&sealed_index), &old, "198.51.100.1");
    assert_eq!(done.map(|done| (done.kept, done.removed)).expect("it is rewritten"), (11, 0));
    assert_eq!(plain(&out, &new), RUNS);
}

/// The second run's first line is gone, so that its second one has the number that would continue the first run.
#[test]
fn lines_behind_one_that_was_erased_are_still_said_to_be_masked() {
    let (old, recipient) = key();
    let head = "#@ {\"at\":null,\"source\":\"stdin\",\"why\":[\"all\"]}\n";
    let masked = "#@ {\"at\":null,\"masked\":true,\"source\":\"stdin\",\"why\":[\"all\"]}\n";
    let (gone, kept) = (line("192.0.2.7", "/a"), line("192.0.2.8", "/?password=(masked)"));
    let text = format!("{head}{kept}{masked}{gone}{kept}");
    let sealed_index = sealed(index(&["192.0.2.7"], "all", 3).as_bytes(), &recipient);
    let sealed_body = body(&[&text], &recipient);
    let (_, first, out, out_index) =
        rewritten(&sealed_body, Some(&sealed_index), &old, "192.0.2.7");
    let (_, second, out, _) = rewritten(&out, Some(&out_index), &first, "192.0.2.9");
    let mut unsealer = Unsealer::new(&out[..], &second).expect("it opens");
    for is_masked in [false, true] {
        let line = unsealer.next().expect("it is whole").expect("a line");
        assert_eq!(line.is_masked(), is_masked);
    }
    assert!(matches!(unsealer.next(), Ok(None)));
}

/// A log that begins anew under its name has two lines at each place.
#[test]
fn a_line_keeps_its_place_where_two_runs_began_at_the_same() {
    let (old, recipient) = key();
    let head = "#@ {\"at\":0,\"source\":\"a\",\"why\":[\"all\"]}\n";
    let (gone, kept) = (line("192.0.2.7", "/a-longer-one"), line("192.0.2.8", "/a"));
    let sealed_body = body(&[&format!("{head}{kept}{head}{gone}{kept}")], &recipient);
    let sealed_index = sealed(index(&["192.0.2.7"], "all", 3).as_bytes(), &recipient);
    let (_, new, out, _) = rewritten(&sealed_body, Some(&sealed_index), &old, "192.0.2.7");
    let (before, _) = lines(&sealed_body, &old);
    assert_eq!(lines(&out, &new).0, [before[0].clone(), before[2].clone()]);
}

#[test]
fn only_what_a_crash_cut_short_is_written_anew_without_its_end() {
    let (old, recipient) = key();
    let noise = |n: u32| blake3::hash(&n.to_le_bytes()).to_hex();
    let all: String = (0..4_000)
        .map(|n| line(&format!("192.0.2.{}", n % 3), &format!("/{}", noise(n))))
        .collect();
    let text = format!("#@ {{\"source\":\"a\",\"at\":0,\"why\":[\"all\"]}}\n{all}");
    let whole = body(&[&text[..200_000], &text[200_000..]], &recipient);
    let cut = &whole[..whole.len() * 3 / 4];
    let there = lines(cut, &old).0.len() as u64;
    assert!(there > 1_000 && there < 4_000, "{there}");
    // It has an index, so that it was whole once: what is missing was taken away.
    let sealed_index = sealed(index(&["192.0.2.1"], "all", 4_000).as_bytes(), &recipient);
    let (done, ..) = rewritten(cut, Some(&sealed_index), &old, "192.0.2.1");
    assert!(matches!(done, Err(UnsealError::Torn | UnsealError::Damaged)));
    let (done, new, out, out_index) = rewritten(cut, None, &old, "192.0.2.1");
    let done = done.expect("it is rewritten");
    assert!(done.kept + done.removed == there && done.removed > 300, "{done:?}");
    assert_eq!(done.why, [("all".to_owned(), done.kept)].into());
    let (found, end) = lines(&out, &new);
    assert!(end.is_none() && found.len() as u64 == done.kept);
    assert!(found.iter().all(|line| !line.contains(" 192.0.2.1 ")));
    let index = Index::open(&out_index, &new).expect("opens");
    assert_eq!((index.lines, index.why["all"]), (done.kept, done.kept));
    assert_eq!(index.addresses, ["192.0.2.0", "192.0.2.2"]);
}

#[test]
fn a_reason_of_which_no_line_is_left_is_not_told() {
    let (old, recipient) = key();
    let text = format!(
        "#@ {{\"source\":\"a\",\"at\":9,\"why\":[\"class:sql\"]}}\n{}{}",
        line("192.0.2.7", "/a"),
        line("192.0.2.8", "/a")
    );
    let mut told: serde_json::Value =
        serde_json::from_str(&index(&["192.0.2.7", "192.0.2.8"], "classs", 2)).expect("JSON");
    told["rules"] = serde_json::json!({"sql": 1, "php": 1});
    let sealed_index = sealed(told.to_string().as_bytes(), &recipient);
    let sealed_body = body(&[&text], &recipient);
    let (done, new, _, out_index) = rewritten(&sealed_body, Some(&sealed_index), &old, "192.0.2.7");
    assert_eq!(done.expect("it is rewritten").why, [("classs".to_owned(), 1)].into());
    let index = Index::open(&out_index, &new).expect("opens");
    assert_eq!(index.rules, [("php".to_owned(), 1)].into());
}

#[test]
fn a_line_meets_a_selector_or_does_not() {
    let (key, recipient) = key();
    let text = format!(
        "#@ {{\"source\":\"a\",\"at\":9,\"why\":[\"all\"]}}\n{}{}",
        line("192.0.2.7", "/a"),
        line("192.0.2.8", "/a")
    );
    let sealed_body = body(&[&text], &recipient);
    let met = |network: Option<&str>| {
        let mut selector = Selector::default();
        network.into_iter().for_each(|text| selector.add_network(text).expect("a network"));
        let mut facts = Facts::new(None, Vec::new());
        let mut unsealer = Unsealer::new(&sealed_body[..], &key).expect("it opens");
        [0, 1].map(|_| {
            let line = unsealer.next().expect("it is whole").expect("a line");
            line.meets(&selector, &mut facts)
        })
    };
    assert_eq!(met(None), [true, true]);
    assert_eq!(met(Some("192.0.2.8")), [false, true]);
}

/// Reads a byte or some, and says now and then that it was interrupted.
struct Interrupted<'a>(&'a [u8], bool);

impl Read for Interrupted<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.1 = !self.1;
        if self.1 { Err(io::ErrorKind::Interrupted.into()) } else { self.0.read(buffer) }
    }
}

#[test]
fn a_read_that_is_interrupted_is_done_again() {
    let (key, recipient) = key();
    let whole = body(&[FIRST, SECOND], &recipient);
    let mut unsealer = Unsealer::new(Interrupted(&whole, false), &key).expect("it opens");
    for _ in 0..6 {
        assert!(unsealer.next().expect("it goes on").is_some());
    }
    assert!(matches!(unsealer.next(), Ok(None)));
}

#[test]
fn a_line_is_as_long_as_it_may_be_and_no_longer() {
    let (key, recipient) = key();
    let head = "#@ {\"source\":\"a\",\"at\":9,\"why\":[\"all\"]}";
    let whole = body(&[&format!("{head}\n{0}\n{0}x\n", "x".repeat(200_000))], &recipient);
    let mut unsealer = Unsealer::new(&whole[..], &key).expect("it opens");
    unsealer.line_bytes_max = 200_000;
    assert!(matches!(unsealer.next(), Ok(Some(line)) if line.show_bytes().len() == 200_000));
    assert!(matches!(unsealer.next(), Err(UnsealError::Damaged)));
}

/// A buffer that grows by itself leaves what it had behind, and nobody overwrites that.
#[test]
fn a_line_has_room_before_it_is_written() {
    for (parts, room) in [(&[10, 4_086][..], 4_096), (&[9_000], 16_384), (&[10, 4_087], 8_192)] {
        let mut line = Zeroizing::default();
        parts.iter().for_each(|bytes| grow(&mut line, &vec![b'x'; *bytes]));
        assert_eq!((line.capacity(), line.len()), (room, parts.iter().sum()));
    }
}

#[test]
fn why_something_does_not_open_is_said_without_what_it_is() {
    let (key, recipient) = key();
    assert_eq!(key.recipient(), recipient.to_string());
    let whole = body(&[FIRST], &recipient);
    // Within the header of age, which is text.
    assert!(matches!(lines(&whole[..60], &key).1, Some(UnsealError::Torn)));
    let damaged = UnsealError::Damaged.to_string();
    assert_eq!(damaged, "it was changed, or was never sealed by tamis");
    assert_eq!(UnsealError::Key.to_string(), "the key does not open it");
    assert_eq!(UnsealError::Torn.to_string(), "it ends early");
    assert_eq!(UnsealError::Io(io::ErrorKind::NotFound).to_string(), "entity not found");
}

#[test]
fn an_index_says_whether_it_has_one_of_many() {
    let (key, recipient) = key();
    let text = index(&["192.0.2.7", "one.example.com", "2001:db8::1"], "all", 3);
    let index = Index::open(&sealed(text.as_bytes(), &recipient), &key).expect("opens");
    let has = |networks: &[&str]| {
        let networks: Vec<_> =
            networks.iter().map(|text| text.parse().expect("a network")).collect();
        index.has_any_in(&networks)
    };
    assert!(has(&["192.0.2.0/24"]) && has(&["198.51.100.0/24", "2001:db8::/32"]));
    assert!(!has(&["198.51.100.0/24"]) && !has(&[]));
}

#[test]
fn a_body_that_is_sealed_to_try_it_opens() {
    let (key, recipient) = key();
    let sealed = test_body(&recipient.to_string(), "a line").expect("it is a recipient");
    assert_eq!(lines(&sealed, &key).0, ["drill None drill a line"]);
    assert!(matches!(test_body("age1", "a line"), Err(UnsealError::Key)));
}
