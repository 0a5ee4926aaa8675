//! Undoes the escapes that servers write inside log fields.
//!
//! nginx writes `\xNN` for quotes, backslashes, control bytes and all bytes over 126. Apache and
//! lighttpd write `\"`, `\\`, the letters of C (`\b \n \r \t \v`) and `\xnn`. The union is unambiguous,
//! so one function serves all three. Anything else after a backslash is none of theirs: the text is then
//! refused, because nobody can say what it meant. JSON strings, HAProxy, W3C and CloudFront have ways of
//! their own; where these leave text that is no escape, such as a bare `%`, it stands for itself.

use crate::field::Escaping;

/// Appends `text` to `out` with its escapes undone.
///
/// Returns nothing when an escape is unknown or cut short; `out` then has the part before it.
pub fn undo(text: &[u8], escaping: Escaping, out: &mut Vec<u8>) -> Option<()> {
    match escaping {
        Escaping::Log => undo_with(text, one, out),
        Escaping::Json => undo_json(text, out),
        Escaping::Hash => {
            undo_hexadecimal(text, b'#', out);
            Some(())
        }
        Escaping::Percent => {
            let mut once = Vec::new();
            undo_hexadecimal(text, b'%', &mut once);
            undo_hexadecimal(&once, b'%', out);
            Some(())
        }
        Escaping::Plus => {
            out.extend(text.iter().map(|byte| if *byte == b'+' { b' ' } else { *byte }));
            Some(())
        }
    }
}

fn undo_with(
    text: &[u8],
    one: impl Fn(&[u8]) -> Option<(u8, usize)>,
    out: &mut Vec<u8>,
) -> Option<()> {
    let mut rest = text;
    while let Some(at) = memchr::memchr(b'\\', rest) {
        out.extend_from_slice(&rest[..at]);
        let (byte, length) = one(&rest[at + 1..])?;
        out.push(byte);
        rest = &rest[at + 1 + length..];
    }
    out.extend_from_slice(rest);
    Some(())
}

/// A JSON string without its quotes. A surrogate without its other half is refused.
fn undo_json(text: &[u8], out: &mut Vec<u8>) -> Option<()> {
    let mut rest = text;
    while let Some(at) = memchr::memchr(b'\\', rest) {
        out.extend_from_slice(&rest[..at]);
        rest = &rest[at + 1..];
        let byte = match rest.first()? {
            b'u' => {
                let (character, length) = unicode(&rest[1..])?;
                out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
                rest = &rest[1 + length..];
                continue;
            }
            byte @ (b'"' | b'\\' | b'/') => *byte,
            b'b' => 8,
            b'f' => 12,
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            _ => return None,
        };
        out.push(byte);
        rest = &rest[1..];
    }
    out.extend_from_slice(rest);
    Some(())
}

/// The character of the digits after `\u`, with those of a second half, and how long they are.
fn unicode(text: &[u8]) -> Option<(char, usize)> {
    let first = four_digits(text)?;
    if !(0xd800..0xdc00).contains(&first) {
        return Some((char::from_u32(first)?, 4));
    }
    let second = four_digits(text.get(4..)?.strip_prefix(b"\\u")?)?;
    if !(0xdc00..0xe000).contains(&second) {
        return None;
    }
    let code = 0x1_0000 + ((first - 0xd800) << 10 | (second - 0xdc00));
    Some((char::from_u32(code)?, 10))
}

fn four_digits(text: &[u8]) -> Option<u32> {
    let digits = text.first_chunk::<4>()?;
    digits.iter().try_fold(0, |sum, byte| Some(sum << 4 | u32::from(hex_digit(*byte)?)))
}

fn undo_hexadecimal(text: &[u8], sign: u8, out: &mut Vec<u8>) {
    let mut rest = text;
    while let Some(at) = memchr::memchr(sign, rest) {
        out.extend_from_slice(&rest[..at]);
        let digit = |index: usize| rest.get(at + index).and_then(|byte| hex_digit(*byte));
        let length = match (digit(1), digit(2)) {
            (Some(high), Some(low)) => {
                out.push(high << 4 | low);
                3
            }
            _ => {
                out.push(sign);
                1
            }
        };
        rest = &rest[at + length..];
    }
    out.extend_from_slice(rest);
}

/// The byte that the escape means, and how long it is after its backslash.
fn one(escape: &[u8]) -> Option<(u8, usize)> {
    let byte = match escape.first()? {
        b'x' => {
            let high = hex_digit(*escape.get(1)?)?;
            let low = hex_digit(*escape.get(2)?)?;
            return Some((high << 4 | low, 3));
        }
        b'"' => b'"',
        b'\\' => b'\\',
        b'b' => 8,
        b't' => b'\t',
        b'n' => b'\n',
        b'v' => 11,
        b'r' => b'\r',
        _ => return None,
    };
    Some((byte, 1))
}

/// The value of a hexadecimal digit of either case.
#[inline]
#[must_use]
pub const fn hex_digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expect: Option<&[u8]>) {
        let mut out = Vec::new();
        let done = undo(text.as_bytes(), Escaping::Log, &mut out);
        assert_eq!(done.map(|()| out.as_slice()), expect, "{text}");
    }

    #[test]
    fn escapes_of_servers_are_undone() {
        check("plain", Some(b"plain"));
        check("", Some(b""));
        check(r#"a\"b"#, Some(b"a\"b"));
        check(r"a\\", Some(b"a\\"));
        check(r"\\x22", Some(b"\\x22"));
        check(r"\x22\x5C\x5c\xFF", Some(b"\"\\\\\xff"));
        check(r"\b\t\n\v\r", Some(b"\x08\t\n\x0b\r"));
    }

    #[test]
    fn other_escapes_are_none() {
        for text in [r"\", r"\x", r"\x2", r"\xg0", r"\x2g", r"\q", r"\u0040", r"\101", r"a\\\"] {
            check(text, None);
        }
    }
}
