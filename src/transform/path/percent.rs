//! Percent-decoding, and the one canonical way of writing a path again.
//!
//! Decoding here never fails and never drops a byte: what is not an escape stays as it is. It does not
//! decide what may be shown; it only makes sure that every way of writing a text looks the same to the
//! code that decides, and that what is shown is plain ASCII that needs no further quoting.

use wide::u8x16;

/// How many rounds of decoding are tried before a text counts as built to mislead.
const ROUNDS: usize = 4;

/// The bytes that are printed as they are: unreserved characters, and those sub-delimiters and `:@`
/// that need no quoting in a log field. `'` and `;` are left out because other readers give them a
/// meaning, `%` because it only ever starts an escape.
const BARE: [bool; 256] = bare();

const fn bare() -> [bool; 256] {
    let mut table = [false; 256];
    let kept = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~!$&()*+,=:@";
    let mut i = 0;
    while i < kept.len() {
        table[kept[i] as usize] = true;
        i += 1;
    }
    table
}

/// How many bytes at the start of `path` are printed as they are, slashes included.
#[inline]
pub(super) fn bare_length(path: &[u8]) -> usize {
    let (chunks, rest) = path.as_chunks::<16>();
    for (number, chunk) in chunks.iter().enumerate() {
        let stops = !bare_bytes(u8x16::new(*chunk)) & 0xFFFF;
        if stops != 0 {
            return 16 * number + stops.trailing_zeros() as usize;
        }
    }
    let stops = |&b: &u8| !BARE[usize::from(b)] && b != b'/';
    16 * chunks.len() + rest.iter().position(stops).unwrap_or(rest.len())
}

/// Which of sixteen bytes are slashes or [`BARE`], a bit each.
#[inline]
fn bare_bytes(bytes: u8x16) -> u32 {
    let is = |b: u8| bytes.simd_eq(u8x16::splat(b));
    // Below the first byte of a range the difference wraps to a large number.
    let letter = ((bytes | u8x16::splat(0x20)) - u8x16::splat(b'a')).simd_lt(u8x16::splat(26));
    let from_bracket_to_colon = (bytes - u8x16::splat(b'(')).simd_lt(u8x16::splat(19));
    let sign = is(b'!') | is(b'$') | is(b'&') | is(b'=') | is(b'@') | is(b'_') | is(b'~');
    (letter | from_bracket_to_colon | sign).to_bitmask()
}

/// Appends `text` with every byte that is not bare as an upper-case escape.
pub(super) fn encode(text: &[u8], out: &mut Vec<u8>) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    let start = out.len();
    out.resize(start + 3 * text.len(), 0);
    let room = &mut out[start..];
    let mut at = 0;
    for &b in text {
        if BARE[usize::from(b)] {
            room[at] = b;
            at += 1;
        } else {
            let escape = [b'%', HEX[usize::from(b >> 4)], HEX[usize::from(b & 15)]];
            room[at..at + 3].copy_from_slice(&escape);
            at += 3;
        }
    }
    out.truncate(start + at);
}

/// Decodes each `%XX` of `text` once.
pub(super) fn decode(text: &[u8], out: &mut Vec<u8>) {
    let start = out.len();
    out.resize(start + text.len(), 0);
    let room = &mut out[start..];
    let (mut from, mut to) = (0, 0);
    while from < text.len() {
        let (byte, length) = match escape(&text[from..]) {
            Some(byte) => (byte, 3),
            None => (text[from], 1),
        };
        room[to] = byte;
        (from, to) = (from + length, to + 1);
    }
    out.truncate(start + to);
}

/// Decodes `text` until it stays the same, into `out`; `spare` is scratch. False when it still
/// changes after [`ROUNDS`] rounds.
///
/// Beyond [`decode`] this reads `%uXXXX` and two- or three-byte forms of ASCII characters (overlong
/// UTF-8), which some servers accept and which would otherwise hide a separator; and the `\uXXXX` of
/// JSON and JavaScript, whose backslash would otherwise tear each character into a segment of its own.
pub(super) fn decode_deep(text: &[u8], out: &mut Vec<u8>, spare: &mut Vec<u8>) -> bool {
    out.clear();
    out.extend_from_slice(text);
    // Every notation begins with one of these; text without them is all but a few.
    if !text.iter().any(|b| matches!(b, b'%' | b'\\' | 0xC0 | 0xC1 | 0xE0)) {
        return true;
    }
    for _ in 0..=ROUNDS {
        spare.clear();
        decode_all_notations(out, spare);
        if out == spare {
            return true;
        }
        std::mem::swap(out, spare);
    }
    false
}

fn decode_all_notations(text: &[u8], out: &mut Vec<u8>) {
    let mut rest = text;
    while let Some((&first, tail)) = rest.split_first() {
        if let Some(byte) = escape(rest) {
            out.push(byte);
            rest = &rest[3..];
        } else if let Some(symbol) = unicode_escape(rest) {
            out.extend_from_slice(symbol.encode_utf8(&mut [0; 4]).as_bytes());
            rest = &rest[6..];
        } else if let Some((byte, used)) = overlong(rest) {
            out.push(byte);
            rest = &rest[used..];
        } else {
            out.push(first);
            rest = tail;
        }
    }
}

/// The byte of a leading `%XX`.
fn escape(text: &[u8]) -> Option<u8> {
    match text {
        [b'%', high, low, ..] => Some(digit(*high)? << 4 | digit(*low)?),
        _ => None,
    }
}

/// The character of a leading `%uXXXX` or `\uXXXX`; a lone surrogate stays as it is.
fn unicode_escape(text: &[u8]) -> Option<char> {
    let ([b'%', b'u' | b'U', digits @ ..] | [b'\\', b'u', digits @ ..]) = text else {
        return None;
    };
    let mut code = 0;
    for &b in digits.get(..4)? {
        code = code << 4 | u32::from(digit(b)?);
    }
    char::from_u32(code)
}

/// The ASCII character of a leading overlong form, and how many bytes that form has.
fn overlong(text: &[u8]) -> Option<(u8, usize)> {
    match text {
        [lead @ (0xC0 | 0xC1), next @ 0x80..=0xBF, ..] => Some(((lead & 1) << 6 | next & 0x3F, 2)),
        [0xE0, mid @ (0x80 | 0x81), next @ 0x80..=0xBF, ..] => {
            Some(((mid & 1) << 6 | next & 0x3F, 3))
        }
        _ => None,
    }
}

const fn digit(b: u8) -> Option<u8> {
    match b {
        b'0'..=b'9' => Some(b - b'0'),
        b'a'..=b'f' => Some(b - b'a' + 10),
        b'A'..=b'F' => Some(b - b'A' + 10),
        _ => None,
    }
}

/// Stands for a letter outside ASCII in folded text.
pub(super) const OTHER_LETTER: u8 = 0x80;

/// Stands for any other character outside ASCII in folded text.
const OTHER_SYMBOL: u8 = 0x81;

/// Appends `text` in the form in which shapes are looked for: one byte a character, with full-width
/// forms as their ASCII counterpart, digits of any script as digits, invisible characters left out.
/// False when `text` is not UTF-8.
pub(super) fn fold(text: &[u8], out: &mut Vec<u8>) -> bool {
    if text.iter().all(|b| matches!(b, b' '..=b'~')) {
        out.extend_from_slice(text);
        return true;
    }
    let Ok(text) = std::str::from_utf8(text) else { return false };
    for symbol in text.chars() {
        let folded = match symbol {
            ' '..='~' => symbol as u8,
            // The letters of Latin, Greek, Cyrillic and Arabic and the common ones of East Asia need no
            // look into the tables of Unicode.
            '\u{C0}'..='\u{D6}' | '\u{D8}'..='\u{F6}' | '\u{F8}'..='\u{2AF}' => OTHER_LETTER,
            '\u{3A3}'..='\u{3F5}' | '\u{400}'..='\u{481}' | '\u{620}'..='\u{64A}' => OTHER_LETTER,
            '\u{671}'..='\u{6D3}' | '\u{4E00}'..='\u{9FFF}' | '\u{AC00}'..='\u{D7A3}' => {
                OTHER_LETTER
            }
            '\0'..='\u{1F}' | '\u{7F}'..='\u{9F}' | '\u{AD}' | '\u{180E}' | '\u{FEFF}' => continue,
            '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{2069}' => continue,
            '\u{FE00}'..='\u{FE0F}' | '\u{300}'..='\u{36F}' => continue,
            '\u{FF01}'..='\u{FF5E}' => (symbol as u32 - 0xFEE0) as u8,
            '\u{3002}' | '\u{FF61}' | '\u{FE52}' | '\u{2024}' => b'.',
            '\u{FE6B}' => b'@',
            '\u{FE55}' => b':',
            '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{FE63}' => b'-',
            '\u{A0}' | '\u{2000}'..='\u{200A}' | '\u{202F}' | '\u{3000}' => b' ',
            _ if symbol.is_numeric() => b'1',
            _ if symbol.is_alphabetic() => OTHER_LETTER,
            _ => OTHER_SYMBOL,
        };
        out.push(folded);
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sixteen_bytes_are_bare_when_each_is() {
        for byte in 0..=255 {
            let expect = if BARE[usize::from(byte)] || byte == b'/' { 17 } else { 3 };
            let mut path = [b'a'; 17];
            path[3] = byte;
            assert_eq!(bare_length(&path), expect, "{byte}");
        }
    }

    #[test]
    fn every_ascii_character_is_read_out_of_its_longer_forms() {
        for byte in 0..128_u8 {
            let (high, low) = (byte >> 6, 0x80 | byte & 0x3f);
            for (form, length) in [(vec![0xc0 | high, low], 2), (vec![0xe0, 0x80 | high, low], 3)] {
                assert_eq!(overlong(&form), Some((byte, length)), "{byte}");
                assert_eq!(overlong(&[&form[..], b"/"].concat()), Some((byte, length)), "{byte}");
                assert_eq!(overlong(&form[..length - 1]), None);
                let mut out = Vec::new();
                assert!(decode_deep(&[b"a", &form[..], b"b"].concat(), &mut out, &mut Vec::new()));
                if byte != b'%' && byte != b'\\' {
                    assert_eq!(out, [b'a', byte, b'b']);
                }
            }
        }
        for form in
            [&[0xc2, 0x80][..], &[0xc0, 0x40], &[0xe0, 0x82, 0x80], &[0xe0, 0x80, 0x40], b"ab", b""]
        {
            assert_eq!(overlong(form), None);
        }
    }

    #[test]
    fn letters_known_without_a_look_are_those_that_unicode_knows() {
        for symbol in '\u{A0}'..='\u{FFFF}' {
            let mut folded = Vec::new();
            assert!(fold(symbol.encode_utf8(&mut [0; 4]).as_bytes(), &mut folded));
            if folded == [OTHER_LETTER] {
                assert!(symbol.is_alphabetic() && !symbol.is_numeric(), "{symbol:?}");
            }
        }
    }
}
