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
