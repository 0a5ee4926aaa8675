//! Makes lines of a log malformed, in the ways in which broken and malicious ones are.

use super::program::Dice;

/// What stands between values in one format or another.
const SEPARATORS: &[u8] = b" \t\"[]{}(),|:=&?";

/// How long a field is that is too long.
const HUGE_BYTES: usize = 1 << 20;

/// A way to spoil a line. It is given another text, in which somebody is named, and may put that in.
type Way = fn(&mut Vec<u8>, &[u8], &mut Dice);

/// Each way by its name.
pub(crate) const WAYS: [(&str, Way); 19] = [
    ("as it is", |_, _, _| {}),
    ("another text", |line, text, dice| insert(line, text, dice)),
    ("another target", |line, text, dice| target(line, text, dice)),
    ("cut off", |line, _, dice| line.truncate(dice.below(line.len() + 1))),
    ("without its beginning", |line, _, dice| {
        let from = dice.below(line.len() + 1);
        line.drain(..from);
    }),
    ("a hole", |line, _, dice| {
        let from = dice.below(line.len() + 1);
        let to = from + dice.below(line.len() - from + 1);
        line.drain(from..to);
    }),
    ("no UTF-8", |line, _, dice| {
        let bytes =
            [&b"\xff"[..], b"\xc0\xaf", b"\xed\xa0\x80", b"\x80", b"\xf4\x90\x80\x80", b"\xe2\x82"];
        any(line, &bytes, dice);
    }),
    ("controls", |line, _, dice| {
        let bytes = [
            &b"\0"[..],
            b"\0\0\0",
            b"\x1b[2J",
            b"\x07",
            b"\x7f",
            b"\x0b",
            b"\xef\xbb\xbf",
            b"\x08",
        ];
        any(line, &bytes, dice);
    }),
    ("quotes", |line, _, dice| {
        let bytes = [&b"\""[..], b"\\\"", b"'", b"\"\"", b"\\", b"\" \"", b"\\\\\"", b"\"-\""];
        any(line, &bytes, dice);
    }),
    ("line ends", |line, text, dice| {
        let bytes = [&b"\r"[..], b"\n", b"\r\n", b"\r\r\n", b"%0d%0a", b"\\r\\n", b"\\n"];
        let end = [bytes[dice.below(bytes.len())], text].concat();
        insert(line, &end, dice);
    }),
    ("separators", |line, _, dice| {
        let bytes = [
            &b" "[..],
            b"  ",
            b"\t",
            b",",
            b"|",
            b"[",
            b"]",
            b"{",
            b"}",
            b"(",
            b")",
            b"=",
            b":",
            b"-",
        ];
        any(line, &bytes, dice);
    }),
    ("escapes that do not end", |line, _, dice| {
        let bytes =
            [&b"%"[..], b"%2", b"%zz", b"\\x", b"\\x4", b"\\u00", b"\\ud800", b"\\", b"&#x"];
        any(line, &bytes, dice);
    }),
    ("a key twice", |line, text, dice| twice(line, text, dice)),
    ("deep", |line, text, dice| deep(line, text, dice)),
    ("another byte", |line, _, dice| {
        if let Some(last) = line.len().checked_sub(1) {
            line[dice.below(last + 1)] = dice.next() as u8;
        }
    }),
    ("pieces exchanged", |line, _, dice| exchange(line, dice)),
    ("two lines in one", |line, text, dice| {
        let from = dice.below(line.len() + 1);
        let rest = [text, &line[from..]].concat();
        line.extend_from_slice(&rest);
    }),
    ("a text in place of a piece", |line, text, dice| {
        if let Some((from, to)) = piece(line, dice) {
            line.splice(from..to, text.iter().copied());
        }
    }),
    ("huge", |line, text, dice| {
        // Most are at the edge of what is read.
        let length = match dice.below(400) {
            0 => HUGE_BYTES,
            1..8 => 65_500 + dice.below(100),
            _ => dice.below(3_000),
        };
        let mut huge = text.repeat(length / text.len().max(1) + 1);
        huge.truncate(length);
        insert(line, &huge, dice);
    }),
];

fn insert(line: &mut Vec<u8>, bytes: &[u8], dice: &mut Dice) {
    let at = dice.below(line.len() + 1);
    line.splice(at..at, bytes.iter().copied());
}

/// Puts one of these in.
fn any(line: &mut Vec<u8>, bytes: &[&[u8]], dice: &mut Dice) {
    let chosen = bytes[dice.below(bytes.len())];
    insert(line, chosen, dice);
}

/// Where a piece between separators begins and ends.
fn piece(line: &[u8], dice: &mut Dice) -> Option<(usize, usize)> {
    let at = dice.below(line.len().max(1));
    let is_separator = |byte: &u8| SEPARATORS.contains(byte);
    let from = at + line.get(at..)?.iter().position(|byte| !is_separator(byte))?;
    let to = line[from..].iter().position(is_separator).map_or(line.len(), |end| from + end);
    Some((from, to))
}

/// A target whose visitor opts out under the policy of `malformed.rs`, or one that it leaves out.
fn target(line: &mut Vec<u8>, text: &[u8], dice: &mut Dice) {
    let usual = b"/index.html";
    let query = *dice.pick(&["/index.html?optout=1&x=", "/left/out.html?x=", "/a/b.css?id="]);
    let target = [query.as_bytes(), text].concat();
    match line.windows(usual.len()).position(|part| part == usual) {
        Some(at) => drop(line.splice(at..at + usual.len(), target)),
        None => insert(line, &target, dice),
    }
}

/// A key of an object, or of a line of words, once more with another value.
fn twice(line: &mut Vec<u8>, text: &[u8], dice: &mut Dice) {
    let colons: Vec<_> = (0..line.len()).filter(|at| matches!(line[*at], b':' | b'=')).collect();
    if colons.is_empty() {
        return insert(line, text, dice);
    }
    let colon = *dice.pick(&colons);
    let is_json = line[..colon].ends_with(b"\"");
    let begins = |byte: &u8| {
        if is_json { matches!(byte, b'{' | b',') } else { matches!(byte, b'\t' | b' ') }
    };
    let from = line[..colon].iter().rposition(begins).map_or(0, |at| at + 1);
    let key = line[from..=colon].to_vec();
    let value = [&key, text].concat();
    let quoted = [&key, &b"\""[..], text, b"\""].concat();
    // Before the first, or at the end.
    let (at, again) = match (is_json, dice.below(2) == 0) {
        (true, true) => (from, [&quoted[..], b","].concat()),
        (true, false) => (line.len().saturating_sub(1), [b",", &quoted[..]].concat()),
        (false, true) => (from, [&value[..], b"\t"].concat()),
        (false, false) => (line.len(), [b"\t", &value[..]].concat()),
    };
    line.splice(at..at, again);
}

/// Brackets within brackets, around a text.
fn deep(line: &mut Vec<u8>, text: &[u8], dice: &mut Dice) {
    let depth = if dice.below(100) == 0 { 20_000 } else { 1 + dice.below(300) };
    let (open, close) = *dice.pick(&[
        (&b"["[..], &b"]"[..]),
        (b"{\"a\":", b"}"),
        (b"{\"remote_addr\":", b"}"),
        (b"(", b")"),
        (b"\"", b"\""),
    ]);
    let ends = dice.below(3) > 0;
    let close = close.repeat(if ends { depth } else { 0 });
    let nested = [&open.repeat(depth), &b"\""[..], text, b"\"", &close].concat();
    match piece(line, dice) {
        Some((from, to)) => drop(line.splice(from..to, nested)),
        None => insert(line, &nested, dice),
    }
}

fn exchange(line: &mut Vec<u8>, dice: &mut Dice) {
    let (Some(one), Some(other)) = (piece(line, dice), piece(line, dice)) else { return };
    let (one, other) = if one.0 <= other.0 { (one, other) } else { (other, one) };
    if one.1 <= other.0 {
        let parts = [
            &line[..one.0],
            &line[other.0..other.1],
            &line[one.1..other.0],
            &line[one.0..one.1],
            &line[other.1..],
        ];
        *line = parts.concat();
    }
}
