//! Undoes the escapes that servers write inside quoted log fields.
//!
//! nginx writes `\xNN` for quotes, backslashes, control bytes and all bytes over 126. Apache and
//! lighttpd write `\"`, `\\`, the letters of C (`\b \n \r \t \v`) and `\xnn`. The union is unambiguous,
//! so one function serves all three. Anything else after a backslash is none of theirs: the text is then
//! refused, because nobody can say what it meant.

/// Appends `text` to `out` with its escapes undone.
///
/// Returns nothing when an escape is unknown or cut short; `out` then has the part before it.
pub fn undo(text: &[u8], out: &mut Vec<u8>) -> Option<()> {
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
        let done = undo(text.as_bytes(), &mut out);
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
