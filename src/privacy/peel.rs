//! The line inside of what log shippers wrote around it, as bytes that a format can read.
//!
//! Where it lies is the format's knowledge ([`crate::format::wrapper`]); undoing escapes is a transform. At
//! most two layers come off, as when Docker keeps what syslog sent: nobody ships a line three times,
//! and a line must not be able to make us go on for ever.

use zeroize::Zeroizing;

use crate::{
    field::{Escaping, Reason, Span},
    format::wrapper::{self, Peeled},
    transform::escape,
};

/// The line inside `line`, of which the first layer is already found. It is a part of `line`, or lies in
/// `decoded`, whose content is replaced.
pub(super) fn inner<'a>(
    line: &'a [u8],
    first: Peeled,
    decoded: &'a mut Vec<u8>,
) -> Result<&'a [u8], Reason> {
    if let Peeled::From(at) = first {
        let once = &line[at..];
        return match wrapper::peel(once) {
            None => whole(once),
            Some(Peeled::From(at)) => whole(&once[at..]),
            Some(second) => {
                decode(once, second, decoded)?;
                whole(decoded)
            }
        };
    }
    decode(line, first, decoded)?;
    match wrapper::peel(decoded) {
        None => whole(decoded),
        Some(Peeled::From(at)) => whole(&decoded[at..]),
        Some(second) => {
            let once = Zeroizing::new(std::mem::take(decoded));
            decode(&once, second, decoded)?;
            whole(decoded)
        }
    }
}

/// The line without its end. What still has one inside is more than a line.
fn whole(line: &[u8]) -> Result<&[u8], Reason> {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    match memchr::memchr(b'\n', line) {
        _ if line.is_empty() => Err(Reason::Empty),
        Some(_) => Err(Reason::NotThisFormat),
        None => Ok(line),
    }
}

/// Replaces `decoded` with what a JSON value of `line` stands for.
fn decode(line: &[u8], peeled: Peeled, decoded: &mut Vec<u8>) -> Result<(), Reason> {
    decoded.clear();
    let done = match peeled {
        Peeled::From(at) => {
            decoded.extend_from_slice(&line[at..]);
            Some(())
        }
        Peeled::JsonString(span) => escape::undo(span.of(line), Escaping::Json, decoded),
        Peeled::JsonBytes(span) => numbers(line, span, decoded),
    };
    done.ok_or(Reason::BadEscape)
}

/// Appends the bytes whose numbers stand in a JSON array, as the journal writes what is not UTF-8.
fn numbers(line: &[u8], span: Span, decoded: &mut Vec<u8>) -> Option<()> {
    let inside = span.of(line).strip_prefix(b"[")?.strip_suffix(b"]")?;
    if inside.trim_ascii().is_empty() {
        return Some(());
    }
    for number in inside.split(|byte| *byte == b',') {
        let number = std::str::from_utf8(number.trim_ascii()).ok()?;
        decoded.push(number.parse().ok()?);
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is inside of a wrapped line.
    fn peeled(line: &str) -> Result<String, Reason> {
        let mut decoded = b"something old".to_vec();
        let first = wrapper::peel(line.as_bytes()).expect("something is written around it");
        inner(line.as_bytes(), first, &mut decoded).map(|inner| inner.escape_ascii().to_string())
    }

    #[track_caller]
    fn check(line: &str, expect: Result<&str, Reason>) {
        assert_eq!(peeled(line), expect.map(str::to_owned), "{line}");
    }

    #[test]
    fn one_layer() {
        check("<190>Nov 22 00:15:37 vm nginx: a b", Ok("a b"));
        check(
            r#"{"log":"a \"b\" \\x22\u00e9\n","stream":"stdout"}"#,
            Ok(r#"a \"b\" \\x22\xc3\xa9"#),
        );
        check(r#"{"log":"a\r\n","stream":"stdout"}"#, Ok("a"));
        check(r#"{"_PID":"1","MESSAGE":[49, 57,255]}"#, Ok(r"19\xff"));
        check(r#"{"_PID":"1","MESSAGE":"a"}"#, Ok("a"));
    }

    #[test]
    fn two_layers_and_no_more() {
        let syslog = "<190>Nov 22 00:15:37 vm nginx: ";
        let docker = |log: &str| {
            format!(r#"{{"log":{},"stream":"stdout"}}"#, serde_json::to_string(log).expect("JSON"))
        };
        check(&docker(&format!("{syslog}a\n")), Ok("a"));
        check(&format!("{syslog}{}", docker("a\n")), Ok("a"));
        check(&docker(&docker("a \"b\"\n")), Ok(r#"a \"b\""#));
        check(&format!("{syslog}{syslog}a"), Ok("a"));
        check(&format!("{syslog}{syslog}{syslog}a"), Ok(&format!("{syslog}a")));
    }

    #[test]
    fn what_cannot_be_a_line_is_refused() {
        check("<190>Nov 22 00:15:37 vm nginx: ", Err(Reason::Empty));
        check(r#"{"log":"\n","stream":"stdout"}"#, Err(Reason::Empty));
        check(r#"{"log":"a\nb\n","stream":"stdout"}"#, Err(Reason::NotThisFormat));
        check(r#"{"_PID":"1","MESSAGE":[]}"#, Err(Reason::Empty));
        for message in ["[256]", "[-1]", "[1.0]", "[\"a\"]", "[[1]]", "[null]"] {
            check(&format!(r#"{{"_PID":"1","MESSAGE":{message}}}"#), Err(Reason::BadEscape));
        }
    }
}
