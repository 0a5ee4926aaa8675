//! The smallest parsers that formats are made of: a quoted string, a word, a bracketed time.
//!
//! They are nom parsers over the bytes of one line with `()` as the error, because nom's own error
//! holds the rest of its input and prints it. The leaves search sixteen bytes at once: combinators
//! that look at one byte at a time cost one and a half to four times as much in a prototype, and memchr is
//! made for longer texts than these.

use memchr::memchr;
use nom::{IResult, Parser, bytes::complete::tag};

use wide::u8x16;

use crate::field::Span;

/// A parser's result here: no input in the error.
pub(super) type Parsed<'a, T> = IResult<&'a [u8], T, ()>;

/// A quoted string: what stands between the quotes, and whether a backslash is in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Quoted<'a> {
    pub(super) text: &'a [u8],
    pub(super) escaped: bool,
}

/// A string in double quotes. A backslash takes the next byte with it, whatever that is: `\"` does
/// not end the string, and neither does the quote of a server that forgets to escape backslashes,
/// whose line is then refused for what follows.
#[inline(always)]
pub(super) fn quoted(input: &[u8]) -> Parsed<'_, Quoted<'_>> {
    let (rest, _) = tag(&b"\""[..]).parse(input)?;
    let (end, escaped) = closing_quote(rest).ok_or(nom::Err::Error(()))?;
    Ok((&rest[end + 1..], Quoted { text: &rest[..end], escaped }))
}

/// Where the first quote without a backslash before it is, and whether there was a backslash.
#[inline(always)]
pub(super) fn closing_quote(text: &[u8]) -> Option<(usize, bool)> {
    let at = quote_or_backslash(text)?;
    if text[at] == b'"' {
        return Some((at, false));
    }
    closing_quote_after_escape(text, at).map(|end| (end, true))
}

/// The rarer half of [`closing_quote`]: `at` is the first backslash.
#[cold]
fn closing_quote_after_escape(text: &[u8], mut at: usize) -> Option<usize> {
    loop {
        let after = text.get(at + 2..)?;
        let next = at + 2 + quote_or_backslash(after)?;
        if text[next] == b'"' {
            return Some(next);
        }
        at = next;
    }
}

/// Where the first quote or backslash is.
#[inline(always)]
fn quote_or_backslash(text: &[u8]) -> Option<usize> {
    let found = |bytes: &[u8; 16]| {
        let bytes = u8x16::new(*bytes);
        (bytes.simd_eq(u8x16::splat(b'"')) | bytes.simd_eq(u8x16::splat(b'\\'))).to_bitmask()
    };
    let mut at = 0;
    while let Some(piece) = text[at..].first_chunk() {
        let mask = found(piece);
        if mask != 0 {
            return Some(at + mask.trailing_zeros() as usize);
        }
        at += 16;
    }
    match text.last_chunk() {
        // What this piece shares with the one before has no match in it.
        Some(piece) => {
            let mask = found(piece);
            (mask != 0).then(|| text.len() - 16 + mask.trailing_zeros() as usize)
        }
        None => text.iter().position(|byte| matches!(byte, b'"' | b'\\')),
    }
}

/// How many spaces the line begins with: rsyslog templates leave one before the message.
#[inline]
pub(super) fn skip_spaces(line: &[u8]) -> usize {
    line.iter().take_while(|byte| **byte == b' ').count()
}

/// A word that ends before a space, and the space; the word has at least one byte.
#[inline]
pub(super) fn word(input: &[u8]) -> Parsed<'_, &[u8]> {
    match memchr(b' ', input) {
        Some(end) if end > 0 => Ok((&input[end + 1..], &input[..end])),
        _ => Err(nom::Err::Error(())),
    }
}

/// A span for `part`, which lies in `line` and ends `after` bytes before its end.
#[inline(always)]
pub(super) fn span_before(line: &[u8], part: &[u8], after: usize) -> Span {
    let end = line.len() - after;
    debug_assert!(end >= part.len(), "the part lies in the line");
    Span { start: (end - part.len()) as u32, end: end as u32 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(input: &str, expect: Option<(&str, &str, bool)>) {
        let found = quoted(input.as_bytes()).ok();
        let expect = expect.map(|(text, rest, escaped)| {
            (rest.as_bytes(), Quoted { text: text.as_bytes(), escaped })
        });
        assert_eq!(found, expect, "{input}");
    }

    #[test]
    fn quoted_strings_end_at_the_first_bare_quote() {
        check(r#""abc" rest"#, Some(("abc", " rest", false)));
        check(r#""" rest"#, Some(("", " rest", false)));
        check(r#""a\"b" rest"#, Some((r#"a\"b"#, " rest", true)));
        check(r#""a\\" rest"#, Some((r"a\\", " rest", true)));
        check(r#""\\\"\\" rest"#, Some((r#"\\\"\\"#, " rest", true)));
        check(r#""a\x22" rest"#, Some((r"a\x22", " rest", true)));
        check(r#""never closed"#, None);
        check(r#""ends in a backslash\"#, None);
        check(r#""ends in an escape\""#, None);
        check("no quote", None);
        check("", None);
    }

    #[test]
    fn quotes_and_backslashes_are_found_at_every_place_of_every_length() {
        for length in 0..70 {
            let mut text = vec![b'.'; length];
            assert_eq!(quote_or_backslash(&text), None);
            for place in (0..length).rev() {
                text[place] = if place % 2 == 0 { b'"' } else { b'\\' };
                assert_eq!(quote_or_backslash(&text), Some(place), "{place} of {length}");
            }
        }
    }

    #[test]
    fn words_have_a_byte_and_a_space_after() {
        assert_eq!(word(b"a b"), Ok((&b"b"[..], &b"a"[..])));
        assert!(word(b" b").is_err());
        assert!(word(b"a").is_err());
        assert!(word(b"").is_err());
    }
}
