//! How the applications behind a server read what was sent: percent signs, entities, escapes of JavaScript, and the
//! ways of writing a dot or a slash that only a careless decoder takes for one.
//!
//! Nothing fails: what is no encoding stands for itself.

/// How often percent signs are undone: by a proxy, by a server, by an application.
const ROUNDS: usize = 3;

/// Whether decoding changes anything, or may.
pub(super) fn is_needed(text: &[u8], is_query: bool) -> bool {
    text.iter().any(|byte| match byte {
        b'%' | b'\\' | 0xc0.. => true,
        b'+' => is_query,
        b'&' => true,
        _ => false,
    })
}

/// Appends the decoded text to `out`, which must be empty; `spare` is a buffer for the rounds between.
pub(super) fn all(text: &[u8], is_query: bool, out: &mut Vec<u8>, spare: &mut Vec<u8>) {
    out.extend(text.iter().map(|byte| if is_query && *byte == b'+' { b' ' } else { *byte }));
    for _ in 0..ROUNDS {
        if memchr::memchr(b'%', out).is_none() || !undo(out, spare, percent) {
            break;
        }
    }
    if out.contains(&b'&') {
        undo(out, spare, entity);
    }
    if out.contains(&b'\\') {
        undo(out, spare, escape);
    }
    if out.iter().any(|byte| *byte >= 0xc0) {
        undo(out, spare, folded);
    }
}

/// One pass with `one`, which says what the front of a text stands for and how long that is. Whether
/// anything changed.
fn undo(
    text: &mut Vec<u8>,
    spare: &mut Vec<u8>,
    one: impl Fn(&[u8]) -> Option<(u32, usize)>,
) -> bool {
    spare.clear();
    let mut changed = false;
    let mut rest = text.as_slice();
    while let Some(first) = rest.first() {
        match one(rest) {
            Some((code, length)) => {
                push(code, spare);
                rest = &rest[length..];
                changed = true;
            }
            None => {
                spare.push(*first);
                rest = &rest[1..];
            }
        }
    }
    std::mem::swap(text, spare);
    changed
}

/// A byte as it is, a character as UTF-8.
fn push(code: u32, out: &mut Vec<u8>) {
    match u8::try_from(code) {
        Ok(byte) => out.push(byte),
        Err(_) => {
            let character = char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER);
            out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
        }
    }
}

/// `%41`, and `%u0041` as IIS reads it.
fn percent(text: &[u8]) -> Option<(u32, usize)> {
    if text[0] != b'%' {
        return None;
    }
    match text.get(1)? {
        b'u' | b'U' => Some((hexadecimal(text.get(2..6)?)?, 6)),
        _ => Some((hexadecimal(text.get(1..3)?)?, 3)),
    }
}

/// `&#65;`, `&#x41;` and the names that attacks use.
fn entity(text: &[u8]) -> Option<(u32, usize)> {
    const NAMES: [(&[u8], u8); 14] = [
        (b"lt;", b'<'),
        (b"gt;", b'>'),
        (b"quot;", b'"'),
        (b"apos;", b'\''),
        (b"amp;", b'&'),
        (b"colon;", b':'),
        (b"lpar;", b'('),
        (b"rpar;", b')'),
        (b"tab;", b'\t'),
        (b"newline;", b'\n'),
        (b"sol;", b'/'),
        (b"grave;", b'`'),
        (b"lbrace;", b'{'),
        (b"dollar;", b'$'),
    ];
    let inside = text.strip_prefix(b"&")?;
    if let Some(number) = inside.strip_prefix(b"#") {
        let (digits, radix, skipped) = match number.first()? {
            b'x' | b'X' => (&number[1..], 16, 3),
            _ => (number, 10, 2),
        };
        let is_digit = |byte: &u8| (*byte as char).is_digit(radix);
        let length = digits.iter().take_while(|byte| is_digit(byte)).count();
        let text = std::str::from_utf8(&digits[..length]).ok()?.trim_start_matches('0');
        let code = u32::from_str_radix(text, radix).ok()?;
        let semicolon = usize::from(digits.get(length) == Some(&b';'));
        return Some((code, skipped + length + semicolon));
    }
    NAMES.iter().find_map(|(name, byte)| {
        let found = inside.get(..name.len())?.eq_ignore_ascii_case(name);
        found.then_some((u32::from(*byte), 1 + name.len()))
    })
}

/// `\u0041`, `\u{41}` and `\x41`.
fn escape(text: &[u8]) -> Option<(u32, usize)> {
    let inside = text.strip_prefix(b"\\")?;
    match inside.first()? {
        b'u' if inside.get(1) == Some(&b'{') => {
            let length = memchr::memchr(b'}', inside.get(2..8.min(inside.len()))?)?;
            Some((hexadecimal(&inside[2..2 + length])?, length + 4))
        }
        b'u' => Some((hexadecimal(inside.get(1..5)?)?, 6)),
        b'x' => Some((hexadecimal(inside.get(1..3)?)?, 4)),
        _ => None,
    }
}

/// What a careless decoder takes for ASCII: overlong UTF-8, and characters of full width.
fn folded(text: &[u8]) -> Option<(u32, usize)> {
    let at = |index: usize| text.get(index).copied();
    match (text[0], at(1), at(2)) {
        (0xc0 | 0xc1, Some(second @ 0x80..=0xbf), _) => {
            Some((u32::from(text[0] & 1) << 6 | u32::from(second & 0x3f), 2))
        }
        // Decoders that do not look at the upper bits.
        (0xc0 | 0xc1, Some(second @ (b'.' | b'/' | b'\\')), _) => Some((u32::from(second), 2)),
        (0xe0, Some(second @ 0x80..=0x81), Some(third @ 0x80..=0xbf)) => {
            Some((u32::from(second & 1) << 6 | u32::from(third & 0x3f), 3))
        }
        // Fullwidth forms: U+FF01 to U+FF5E.
        (0xef, Some(0xbc), Some(third @ 0x81..=0xbf)) => Some((u32::from(third) - 0x80 + 0x20, 3)),
        (0xef, Some(0xbd), Some(third @ 0x80..=0x9e)) => Some((u32::from(third) - 0x80 + 0x60, 3)),
        // Division slash, set minus, ideographic full stop.
        // Typographic quotes, as word processors make them of an attack that somebody copied.
        (0xe2, Some(0x80), Some(0x98 | 0x99)) => Some((u32::from(b'\''), 3)),
        (0xe2, Some(0x80), Some(0x9c | 0x9d)) => Some((u32::from(b'"'), 3)),
        (0xe2, Some(0x88), Some(0x95)) => Some((u32::from(b'/'), 3)),
        (0xe2, Some(0x88), Some(0x96)) => Some((u32::from(b'\\'), 3)),
        (0xe3, Some(0x80), Some(0x82)) => Some((u32::from(b'.'), 3)),
        _ => None,
    }
}

/// Appends the text with its SQL comments replaced. What is in `/*! */` is executed, and stays.
pub(super) fn uncomment(text: &[u8], by: &[u8], out: &mut Vec<u8>) {
    let mut rest = text;
    while let Some(at) = memchr::memmem::find(rest, b"/*") {
        out.extend_from_slice(&rest[..at]);
        let inside = &rest[at + 2..];
        let end = memchr::memmem::find(inside, b"*/");
        let comment = &inside[..end.unwrap_or(inside.len())];
        match comment.strip_prefix(b"!") {
            Some(code) => {
                out.push(b' ');
                let digits = code.iter().take_while(|byte| byte.is_ascii_digit()).count();
                out.extend_from_slice(&code[digits..]);
                out.push(b' ');
            }
            None => out.extend_from_slice(by),
        }
        rest = end.map_or(&[], |end| &inside[end + 2..]);
    }
    out.extend_from_slice(rest);
}

/// Appends the text as a shell reads it: without quotes, backslashes, carets and empty variables.
pub(super) fn unquote(text: &[u8], out: &mut Vec<u8>) {
    const SPACES: [&[u8]; 4] = [b"${IFS%??}", b"${IFS}", b"$IFS$9", b"$IFS"];
    let mut rest = text;
    while let Some(first) = rest.first() {
        let space = SPACES.iter().find(|space| rest.starts_with(space));
        let length = match first {
            b'\'' | b'"' | b'\\' | b'^' => 1,
            b'`' if rest.starts_with(b"``") => 2,
            b'$' => match (space, rest.get(1)) {
                (Some(space), _) => {
                    out.push(b' ');
                    space.len()
                }
                (None, Some(b'@' | b'*' | b'1'..=b'9' | b'!' | b'-' | b'?' | b'_')) => 2,
                (None, Some(b'{')) => empty_variable(rest),
                _ => 0,
            },
            _ => 0,
        };
        if length == 0 {
            out.push(*first);
        }
        rest = &rest[length.max(1)..];
    }
}

/// The length of `${name}`, which is nothing where there is no such variable, or 0.
fn empty_variable(text: &[u8]) -> usize {
    let inside = &text[2..];
    let length = inside.iter().take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b'_');
    let length = length.count();
    if length > 0 && inside.get(length) == Some(&b'}') { length + 3 } else { 0 }
}

fn hexadecimal(digits: &[u8]) -> Option<u32> {
    let text = std::str::from_utf8(digits).ok()?;
    let is_all = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    if is_all { u32::from_str_radix(text, 16).ok() } else { None }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(text: &str, expect: &str) {
        let (mut out, mut spare) = (Vec::new(), Vec::new());
        all(text.as_bytes(), true, &mut out, &mut spare);
        assert_eq!(out.escape_ascii().to_string(), expect, "{text}");
        assert!(is_needed(text.as_bytes(), true) || text == expect, "{text}");
    }

    fn with(make: impl Fn(&[u8], &mut Vec<u8>), text: &str) -> String {
        let mut out = Vec::new();
        make(text.as_bytes(), &mut out);
        str::from_utf8(&out).expect("text").to_owned()
    }

    #[test]
    fn encodings_are_undone_as_often_as_applications_do() {
        check("plain", "plain");
        check("a+b%20c", "a b c");
        check("%2527", "\\\'");
        check("%%32%65%%32%66", "./");
        check("%252525253c", "%253c");
        check("%u0041%u2215", "A/");
        check("%c0%ae%c0%2f%c1%9c%e0%80%af", "./\\\\/");
        check("&#60;&#x3C&lt;&LT;&nothing;", "<<<<&nothing;");
        check(r"\u003cscript\x3e\u{3c}", "<script><");
        check("%ef%bc%9cscript", "<script");
        check("100%", "100%");
        check("%zz%4", "%zz%4");
    }

    #[test]
    fn comments_of_sql_are_spaces_or_nothing() {
        assert_eq!(
            with(|text, out| uncomment(text, b" ", out), "un/**/ion/*!50000all*/"),
            "un ion all "
        );
        assert_eq!(with(|text, out| uncomment(text, b"", out), "un/*x*/ion/*"), "union");
    }

    #[test]
    fn quoting_of_shells_is_taken_off() {
        assert_eq!(with(unquote, r#"c''a"t"${IFS}/e\tc$@/pa^sswd"#), "cat /etc/passwd");
        assert_eq!(with(unquote, "c${x}at$u ``"), "cat$u ");
    }

    proptest! {
        #[test]
        fn any_text_decodes_and_none_grows_much(text in prop::collection::vec(any::<u8>(), 0..60)) {
            let (mut out, mut spare) = (Vec::new(), Vec::new());
            all(&text, true, &mut out, &mut spare);
            prop_assert!(out.len() <= text.len());
            unquote(&text, &mut spare);
            uncomment(&text, b" ", &mut spare);
        }
    }
}
