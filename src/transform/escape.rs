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
            let start = out.len();
            undo_hexadecimal(text, b'%', out);
            undo_hexadecimal_within(out, start, b'%');
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
        let (byte, length) = one_hexadecimal(&rest[at..]);
        out.push(byte);
        rest = &rest[at + length..];
    }
    out.extend_from_slice(rest);
}

/// The same for what `out` has from `start` on. It needs no second buffer, which nobody would wipe.
fn undo_hexadecimal_within(out: &mut Vec<u8>, start: usize, sign: u8) {
    let (mut read, mut write) = (start, start);
    while read < out.len() {
        let (byte, length) =
            if out[read] == sign { one_hexadecimal(&out[read..]) } else { (out[read], 1) };
        out[write] = byte;
        read += length;
        write += 1;
    }
    out.truncate(write);
}

/// The byte that `text`, which begins with the sign, means, and how long it is: the sign itself where no
/// two digits follow.
fn one_hexadecimal(text: &[u8]) -> (u8, usize) {
    let digit = |index: usize| text.get(index).and_then(|byte| hex_digit(*byte));
    match (digit(1), digit(2)) {
        (Some(high), Some(low)) => (high << 4 | low, 3),
        _ => (text[0], 1),
    }
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
    use proptest::prelude::*;

    use super::*;

    fn undone(text: &[u8], escaping: Escaping) -> Option<Vec<u8>> {
        let mut out = b"before".to_vec();
        undo(text, escaping, &mut out)?;
        assert!(out.starts_with(b"before"), "what was there stays");
        Some(out.split_off(6))
    }

    #[track_caller]
    fn check_in(escaping: Escaping, text: &str, expect: Option<&[u8]>) {
        assert_eq!(undone(text.as_bytes(), escaping).as_deref(), expect, "{text}");
    }

    #[track_caller]
    fn check(text: &str, expect: Option<&[u8]>) {
        check_in(Escaping::Log, text, expect);
    }

    #[track_caller]
    fn check_json(text: &str, expect: Option<&str>) {
        check_in(Escaping::Json, text, expect.map(str::as_bytes));
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

    #[test]
    fn escapes_of_json_are_undone() {
        check_json("plain é €", Some("plain é €"));
        check_json("", Some(""));
        check_json(r#"\"\\\/\b\f\n\r\t"#, Some("\"\\/\x08\x0c\n\r\t"));
        check_json(r"alice\u0040example.com", Some("alice@example.com"));
        check_json(r"\u00e9\u00E9\u20ac\u0000", Some("éé€\0"));
        check_json(r"\u0040\u0040a\\u0040", Some(r"@@a\u0040"));
        check_json(r"a\ud83d\ude00b\uD83D\uDE00", Some("a😀b😀"));
        check_json(
            r"\ud800\udc00\udbff\udfff\ud7ff\ue000",
            Some("\u{10000}\u{10ffff}\u{d7ff}\u{e000}"),
        );
    }

    #[test]
    fn other_escapes_of_json_are_none() {
        for text in [r"\", r"\x22", r"\v", r"\'", r"\u", r"\u004", r"\u00g0", r"\U0040", r"\u+040"]
        {
            check_json(text, None);
        }
        // Halves of surrogate pairs: alone, at the end, doubled, turned round, cut short.
        for text in [
            r"\ud83d",
            r"\ude00",
            r"\ud83da",
            r"\ud83d\n",
            r"\ud83d\u0040",
            r"\ud83d\ud83d\ude00",
            r"\ude00\ud83d",
            r"\ud83d\ude0",
            r"\ud83d\",
            r"\ud83d\\ude00",
        ] {
            check_json(text, None);
        }
    }

    #[test]
    fn bytes_that_are_not_utf8_pass() {
        assert_eq!(undone(b"\xff\\u0040\x80", Escaping::Json), Some(b"\xff@\x80".to_vec()));
    }

    #[test]
    fn signs_without_digits_stand_for_themselves() {
        check_in(Escaping::Hash, "a#22b#7C#7c##22#", Some(b"a\"b||#\"#"));
        check_in(Escaping::Hash, "#2#g0#%20", Some(b"#2#g0#%20"));
        check_in(Escaping::Plus, "a+b%20++#22", Some(b"a b%20  #22"));
        check_in(Escaping::Percent, "Mozilla/5.0%20(X11)", Some(b"Mozilla/5.0 (X11)"));
        check_in(Escaping::Percent, "a%2520b%20c%", Some(b"a b c%"));
        check_in(Escaping::Percent, "%252520%2%2540%25", Some(b"%20%2@%"));
        check_in(Escaping::Percent, "%2%35%340", Some(b"%40"));
    }

    /// Text of the bytes that mean something to one way of escaping or another.
    fn any_escaped() -> impl Strategy<Value = Vec<u8>> {
        let byte = prop_oneof![
            4 => prop::sample::select(&b"\\\\\\%%##++xu\"/bfnrtv0123456789abcdefABCDEF"[..]),
            1 => any::<u8>(),
        ];
        prop::collection::vec(byte, 0..40)
    }

    proptest! {
        #[test]
        fn json_is_what_another_reader_takes_it_for(text in any_escaped()) {
            let quoted = [b"\"", &*text, b"\""].concat();
            if let Ok(expect) = serde_json::from_slice::<String>(&quoted) {
                prop_assert_eq!(undone(&text, Escaping::Json), Some(expect.into_bytes()));
            }
        }

        #[test]
        fn json_that_was_written_is_read_again(text in any::<String>()) {
            let quoted = serde_json::to_string(&text).expect("a string");
            let inside = &quoted.as_bytes()[1..quoted.len() - 1];
            prop_assert_eq!(undone(inside, Escaping::Json), Some(text.into_bytes()));
        }

        #[test]
        fn json_with_all_characters_as_digits_is_read_again(text in any::<String>()) {
            let digits = |unit: u16| format!("\\u{unit:04x}");
            let escaped: String = text.encode_utf16().map(digits).collect();
            prop_assert_eq!(undone(escaped.as_bytes(), Escaping::Json), Some(text.into_bytes()));
        }

        #[test]
        fn percent_signs_are_undone_twice(text in any_escaped()) {
            let (mut once, mut twice) = (Vec::new(), Vec::new());
            undo_hexadecimal(&text, b'%', &mut once);
            undo_hexadecimal(&once, b'%', &mut twice);
            prop_assert_eq!(undone(&text, Escaping::Percent), Some(twice));
        }

        #[test]
        fn nothing_grows_and_nothing_panics(text in any_escaped()) {
            let all =
                [Escaping::Log, Escaping::Json, Escaping::Hash, Escaping::Plus, Escaping::Percent];
            for escaping in all {
                if let Some(out) = undone(&text, escaping) {
                    prop_assert!(out.len() <= text.len());
                }
            }
        }
    }
}
