//! Other ways of writing the same bytes, undone: what an output may hide an identifier in.
//!
//! All escapes are undone at once, without asking whose they are, for nobody knows who wrote an output. What is no
//! escape stays as it is.

use crate::transform::escape::hex_digit;

/// The shortest stretch of base64 that can hold a text that is looked for.
const BASE64_MIN: usize = 8;
/// The shortest stretch of hexadecimal digits that can.
const HEX_MIN: usize = 12;
/// The longest stretch that is decoded; the rest is taken for no text.
const STRETCH_MAX: usize = 1 << 16;

/// Makes bytes comparable: small letters, and a space for a plus.
pub(super) fn normalise(text: &[u8], out: &mut Vec<u8>) {
    out.clear();
    out.extend(text.iter().map(|byte| match byte {
        b'+' => b' ',
        byte => byte.to_ascii_lowercase(),
    }));
}

/// Undoes one layer of escapes: of URLs, of logs, of JSON and of HTML. Says whether there was any.
pub(super) fn unescape(text: &[u8], out: &mut Vec<u8>) -> bool {
    unescape_to(text, usize::MAX, out).1
}

/// Where in a text the byte is written that stands at `at` once a layer of escapes is undone.
pub(super) fn place_before(text: &[u8], at: usize, out: &mut Vec<u8>) -> usize {
    unescape_to(text, at, out).0
}

/// Undoes a layer of escapes until there are more than `end` bytes. Says where the last of them is written, and
/// whether there was any escape.
fn unescape_to(text: &[u8], end: usize, out: &mut Vec<u8>) -> (usize, bool) {
    out.clear();
    let (mut at, mut last, mut is_changed) = (0, 0, false);
    while at < text.len() && out.len() <= end {
        let rest = &text[at..];
        last = at;
        match escape(rest) {
            Some((symbol, length)) => {
                let mut room = [0; 4];
                match u8::try_from(symbol) {
                    Ok(byte) => push(byte, out),
                    Err(_) => {
                        let symbol = char::from_u32(symbol).unwrap_or(char::REPLACEMENT_CHARACTER);
                        out.extend_from_slice(symbol.encode_utf8(&mut room).as_bytes());
                    }
                }
                at += length;
                is_changed = true;
            }
            None => {
                out.push(rest[0]);
                at += 1;
            }
        }
    }
    (last, is_changed)
}

/// Appends a byte that was written with an escape. A byte of zero is left out, and what stands for a sign of ASCII
/// in two or three bytes becomes that sign: nobody writes so without something to hide.
fn push(byte: u8, out: &mut Vec<u8>) {
    let low = byte & 0x3f;
    let sign = match (&out[..], byte) {
        (_, 0) => return,
        ([.., 0xc0 | 0xc1], 0x80..=0xbf) => Some((1, out[out.len() - 1] << 6 | low)),
        ([.., 0xef, high @ (0xbc | 0xbd)], 0x80..=0xbf) => {
            let wide = 0xf000 | u32::from(high & 0x3f) << 6 | u32::from(low);
            u8::try_from(wide - 0xfee0).ok().filter(u8::is_ascii).map(|sign| (2, sign))
        }
        ([.., 0xe3, 0x80], 0x80) => Some((2, b' ')),
        _ => None,
    };
    let (before, byte) = sign.unwrap_or((0, byte));
    out.truncate(out.len() - before);
    out.push(byte);
}

/// The symbol that an escape at the beginning of a text stands for, with the length of it.
fn escape(text: &[u8]) -> Option<(u32, usize)> {
    let hex =
        |digits: &[u8]| digits.iter().try_fold(0, |n, d| Some(n << 4 | u32::from(hex_digit(*d)?)));
    match text {
        [b'%', b'u' | b'U', d @ ..] | [b'\\', b'u' | b'U', d @ ..] if d.len() >= 4 => {
            Some((hex(&d[..4])?, 6))
        }
        [b'%', d @ ..] if d.len() >= 2 => Some((hex(&d[..2])?, 3)),
        [b'\\', b'x', d @ ..] if d.len() >= 2 => Some((hex(&d[..2])?, 4)),
        [b'\\', sign @ (b'/' | b'\\' | b'"')] | [b'\\', sign @ (b'/' | b'\\' | b'"'), ..] => {
            Some((u32::from(*sign), 2))
        }
        [b'&', b'#', b'x' | b'X', d @ ..] => {
            let length = d.iter().take(6).position(|byte| *byte == b';').filter(|n| *n > 0)?;
            Some((hex(&d[..length])?, length + 4))
        }
        [b'&', b'#', d @ ..] => {
            let length = d.iter().take(7).position(|byte| *byte == b';').filter(|n| *n > 0)?;
            let number = std::str::from_utf8(&d[..length]).ok()?.parse().ok()?;
            Some((number, length + 3))
        }
        [b'&', b'a', b'm', b'p', b';', ..] => Some((u32::from(b'&'), 5)),
        _ => None,
    }
}

/// Whether anything in a text may be an escape.
pub(super) fn may_have_escapes(text: &[u8]) -> bool {
    memchr::memchr3(b'%', b'\\', b'&', text).is_some()
}

/// Decodes every stretch of base64 or of hexadecimal digits, beginning at each place where the encoding may
/// have begun, and hands on what comes out if it is text for the most part.
pub(super) fn decode_stretches(
    text: &[u8],
    out: &mut Vec<u8>,
    mut receive: impl FnMut(&[u8], How),
) {
    for stretch in stretches(text, |byte| base64_digit(byte).is_some(), BASE64_MIN) {
        for shift in 0..4 {
            let Some(stretch) = stretch.get(shift..) else { break };
            base64(stretch, out);
            printable(out, |text| receive(text, How::Base64));
        }
    }
    for stretch in stretches(text, |byte| byte.is_ascii_hexdigit(), HEX_MIN) {
        for shift in 0..2 {
            let (pairs, _) = stretch[shift..].as_chunks::<2>();
            let digit = |byte| hex_digit(byte).unwrap_or_default();
            out.clear();
            out.extend(pairs.iter().map(|[high, low]| digit(*high) << 4 | digit(*low)));
            printable(out, |text| receive(text, How::Hex));
        }
    }
}

/// The way in which something was written where it was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// As it is, but for the case of letters.
    Plain,
    /// With escapes, of URLs, logs, JSON or HTML.
    Escaped,
    /// In base64 or base64url.
    Base64,
    /// In hexadecimal digits.
    Hex,
    /// In characters of two bytes.
    Utf16,
    /// An address in another notation than the usual one.
    Notation,
}

impl How {
    /// What is said of it, after what was found.
    #[must_use]
    pub const fn phrase(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Escaped => "with escapes",
            Self::Base64 => "in base64",
            Self::Hex => "in hexadecimal digits",
            Self::Utf16 => "in UTF-16",
            Self::Notation => "in another notation",
        }
    }
}

fn stretches(
    text: &[u8],
    is_in: impl Fn(u8) -> bool,
    length_min: usize,
) -> impl Iterator<Item = &[u8]> {
    text.split(move |byte| !is_in(*byte))
        .filter(move |stretch| stretch.len() >= length_min)
        .map(|stretch| &stretch[..stretch.len().min(STRETCH_MAX)])
}

const fn base64_digit(byte: u8) -> Option<u8> {
    match byte {
        b'A'..=b'Z' => Some(byte - b'A'),
        b'a'..=b'z' => Some(byte - b'a' + 26),
        b'0'..=b'9' => Some(byte - b'0' + 52),
        b'+' | b'-' => Some(62),
        b'/' | b'_' => Some(63),
        _ => None,
    }
}

fn base64(text: &[u8], out: &mut Vec<u8>) {
    out.clear();
    let (mut bits, mut count) = (0_u32, 0);
    for byte in text {
        bits = bits << 6 | u32::from(base64_digit(*byte).unwrap_or_default());
        count += 6;
        if count >= 8 {
            count -= 8;
            out.push((bits >> count) as u8);
        }
    }
}

/// Hands on the stretches of a decoded text that can be read: all of it, or so much that it is there on purpose.
fn printable(decoded: &[u8], mut receive: impl FnMut(&[u8])) {
    // The first and the last byte may have come from a neighbour.
    let readable = |byte: &u8| (b' '..0x7f).contains(byte);
    for stretch in decoded.split(|byte| !readable(byte)) {
        let is_whole = stretch.len() + 2 >= decoded.len();
        if stretch.len() >= 8 || (is_whole && stretch.len() >= 6) {
            receive(stretch);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_are_undone_whoever_wrote_them() {
        for text in [
            "alice%40example",
            "alice\\x40example",
            "alice\\u0040example",
            "alice&#x40;example",
            "alice&#64;example",
            "%61lice%u0040example",
        ] {
            let mut out = Vec::new();
            assert!(may_have_escapes(text.as_bytes()), "{text}");
            assert!(unescape(text.as_bytes(), &mut out), "{text}");
            assert_eq!(out, b"alice@example", "{text}");
        }
        for text in ["100%", "%zz", "\\", "&#;", "&#x;", "a=b", "\\u12", "%u12"] {
            let mut out = Vec::new();
            unescape(text.as_bytes(), &mut out);
            assert_eq!(out, text.as_bytes(), "{text}");
        }
    }

    #[test]
    fn stretches_are_decoded_from_any_place() {
        for text in [
            "YWxpY2UubWlsbGVy",
            "x/YWxpY2UubWlsbGVy",
            "dTphbGljZS5taWxsZXI=",
            "616c6963652e6d696c6c6572",
        ] {
            let mut found = false;
            decode_stretches(text.as_bytes(), &mut Vec::new(), |text, _| {
                found |= text.windows(12).any(|part| part == b"alice.miller");
            });
            assert!(found, "{text}");
        }
    }
}
