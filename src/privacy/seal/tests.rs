//! Tests of [`super`].

use std::io::Read as _;

use age::{Decryptor, x25519::Identity};
use serde_json::Value;

use super::*;

/// A packer's parcel of these runs.
fn parcel(masks: bool, runs: &[(&[&str], &[u8])]) -> Parcel {
    let mut packer = Packer::new(masks);
    let mut index = Index::default();
    for (why, lines) in runs {
        packer.push("access.log", Some(7), why, lines);
        index.add_lines(lines.split(|byte| *byte == b'\n').count() as u64, 0, 0);
        index.add_why("refused", 1);
    }
    index.add_time(1_795_356_337);
    assert!(index.add_client(b"192.0.2.77") && index.add_client(b"Host.example.com"));
    index.add_path(b"/a/b?c=d");
    packer.pack(index).expect("something was pushed")
}

fn open(identity: &Identity, sealed: &[u8]) -> Vec<u8> {
    let decryptor = Decryptor::new_buffered(sealed).expect("an age file");
    let mut opened = Vec::new();
    decryptor
        .decrypt(std::iter::once(identity as _))
        .expect("it is the recipient")
        .read_to_end(&mut opened)
        .expect("it is whole");
    opened
}

/// The text of a segment of these parcels, and its index.
fn sealed(parcels: Vec<Parcel>) -> (String, Value, Sealed) {
    let identity = Identity::generate();
    let mut segment = Segment::begin(identity.to_public(), Vec::new()).expect("a vector");
    for parcel in parcels {
        segment.put(parcel).expect("a vector takes all");
    }
    let (body, told) = segment.finish().expect("a vector takes all");
    let text = zstd::stream::decode_all(&open(&identity, &body)[..]).expect("a zstd stream");
    let index = serde_json::from_slice(&open(&identity, &told.index)).expect("JSON");
    (str::from_utf8(&text).expect("text").to_owned(), index, told)
}

#[test]
fn a_segment_is_a_zstd_stream_of_runs_in_an_age_file() {
    let why: &[&str] = &["refused:bad-time"];
    let (text, index, told) = sealed(vec![
        parcel(true, &[(why, b"a\nb"), (&["all"], b"c\r\n")]),
        parcel(true, &[(why, b"/?password=x\n")]),
    ]);
    let head = |rest: &str| format!("#@ {{\"at\":7,{rest}\"source\":\"access.log\",\"why\":");
    let (plain, masked) = (head(""), head("\"masked\":true,"));
    assert_eq!(
        text,
        format!(
            "{plain}[\"refused:bad-time\"]}}\na\nb\n{plain}[\"all\"]}}\nc\r\n\
             {masked}[\"refused:bad-time\"]}}\n/?password=(masked)\n"
        )
    );
    assert_eq!(told.period, Some((1_795_356_337, 1_795_356_337)));
    assert_eq!(told.why, [("refused".to_owned(), 3)].into());
    assert_eq!(index["addresses"], serde_json::json!(["192.0.2.77", "host.example.com"]));
    assert_eq!(index["paths"], serde_json::json!(["/a/b"]));
    assert_eq!(index["lines"], told.lines);
}

#[test]
fn lines_that_look_like_announcements_are_told_from_them() {
    let (text, ..) = sealed(vec![parcel(false, &[(&["all"], b"#@ a\nb#@\n#@@ c\n# d\n")])]);
    let lines: Vec<_> = text.lines().skip(1).collect();
    assert_eq!(lines, ["#@@ a", "b#@", "#@@@ c", "# d"]);
}

#[test]
fn large_and_small_parcels_keep_their_order() {
    let line = |number: usize| format!("{number:0>60}\n");
    let run = |from: usize, to: usize| (from..to).map(line).collect::<String>();
    let mut parcels = Vec::new();
    let (mut from, mut expect) = (0, String::new());
    for size in [1, 3_000, 2, 1, 5_000, 900, 900, 900, 1] {
        let lines = run(from, from + size);
        parcels.push(parcel(false, &[(&["all"], lines.as_bytes())]));
        expect += &lines;
        from += size;
    }
    assert!(parcels.iter().any(|parcel| matches!(parcel.content, Content::Frame(_))));
    let (text, ..) = sealed(parcels);
    let lines: String =
        text.split_inclusive('\n').filter(|line| !line.starts_with("#@ ")).collect();
    assert!(lines == expect);
}

/// The lines of a run that begins with an announcement of its own could be taken for another run's.
#[test]
fn one_line_alone_cannot_announce_either() {
    for (line, expect) in [("#@ {}\n", "#@@ {}"), ("a\n#@ {}\n", "#@@ {}"), ("#@", "#@@")] {
        let (text, ..) = sealed(vec![parcel(false, &[(&["all"], line.as_bytes())])]);
        assert_eq!(text.lines().last(), Some(expect), "{line}");
        assert_eq!(text.lines().filter(|line| line.starts_with("#@ ")).count(), 1, "{line}");
    }
}

/// A parcel of one run that takes so many bytes before it is compressed, and no address.
fn parcel_of(bytes: usize, index: Index) -> Parcel {
    let pack = |bytes: usize, index| {
        let mut packer = Packer::new(false);
        packer.push("a", None, &["all"], &vec![b'x'; bytes]);
        packer.pack(index).expect("something was pushed")
    };
    let head = pack(1, Index::default()).bytes() - 1;
    pack(bytes - head, index)
}

#[test]
fn a_parcel_is_worth_a_frame_from_half_a_frame_on() {
    let half = FRAME_BYTES / 2;
    let below = parcel_of(half - 1, Index::default());
    assert!(matches!(below.content, Content::Plain(_)) && below.bytes() == half - 1);
    let whole = parcel_of(half, Index::default());
    assert!(matches!(whole.content, Content::Frame(_)) && (2..half).contains(&whole.bytes()));
    assert!(Packer::new(false).pack(Index::default()).is_none());
}

#[test]
fn a_segment_says_how_large_it_is_and_may_become() {
    let identity = Identity::generate();
    let mut segment = Segment::begin(identity.to_public(), Vec::new()).expect("a vector");
    // A frame, its end, and an index of nothing.
    let empty = segment.rest_bytes();
    assert_eq!(empty, 2 * FRAME_BYTES as u64 + 4_096);
    let mut index = Index::default();
    index.add_lines(1, 0, 0);
    index.add_client(b"192.0.2.7");
    index.add_client(b"one.example.com");
    index.add_path(b"/a");
    segment.put(parcel_of(50_000, index)).expect("a vector takes all");
    assert_eq!((segment.lines(), segment.bytes()), (1, 0), "it waits for a frame");
    assert_eq!(segment.rest_bytes(), empty + 50_000 + 42 + 2 * 72);
    // Enough for a frame, of which the compressed bytes count.
    segment.put(parcel_of(60_000, Index::default())).expect("a vector takes all");
    assert_eq!(segment.bytes(), 0);
    segment.put(parcel_of(60_000, Index::default())).expect("a vector takes all");
    let first = segment.bytes();
    assert!(first > 10 && first < 60_000, "{first}");
    // Frames that come as such count one by one.
    let (mut frames, mut large) = (0, 0);
    for bytes in [70_000, 90_000] {
        let parcel = parcel_of(bytes, Index::default());
        large += parcel.bytes() as u64;
        frames += 1;
        segment.put(parcel).expect("a vector takes all");
        assert_eq!(segment.bytes(), first + large, "after {frames}");
    }
    let most = segment.bytes() + segment.rest_bytes();
    let (out, told) = segment.finish().expect("a vector takes all");
    assert_eq!(told.lines, 1);
    assert!((out.len() + told.index.len()) as u64 <= most);
}

#[test]
fn a_segment_is_full_of_addresses_and_not_of_lines() {
    let mut segment =
        Segment::begin(Identity::generate().to_public(), Vec::new()).expect("a vector");
    let mut put = |addresses: std::ops::Range<u32>| {
        let mut index = Index::default();
        for bits in addresses {
            let address = std::net::Ipv4Addr::from_bits(bits).to_string();
            assert!(index.add_client(address.as_bytes()));
        }
        segment.put(parcel_of(100, index)).expect("a vector takes all");
        segment.is_full()
    };
    let most = u32::try_from(ADDRESSES_MAX).expect("it is not so many");
    assert!(!put(1..most), "one is missing");
    assert!(!put(1..1_000), "these are known");
    assert!(put(most..most + 1));
}

#[test]
fn nothing_of_it_is_shown() {
    let parcel = parcel(false, &[(&["all"], b"192.0.2.77")]);
    assert_eq!(format!("{parcel:?}"), "Parcel(1 lines)");
    let three = self::parcel(false, &[(&["all"], b"a\nb\nc")]);
    assert_eq!((three.lines(), format!("{three:?}").as_str()), (3, "Parcel(3 lines)"));
    let segment = Segment::begin(Identity::generate().to_public(), Vec::new()).expect("a vector");
    assert_eq!(format!("{segment:?}"), "Segment(0 lines)");
}
