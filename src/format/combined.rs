//! The Common Log Format, the combined one, and Debian's with the virtual host before it.
//!
//! ```text
//! line    = *SP [ host ":" port SP ] client SP ident SP user SP "[" time "] "
//!           quoted SP status SP bytes [ SP quoted SP quoted ]
//! ```
//!
//! This is the fast lane: nearly every access log in the world is one of the three.
//! The hard part is the user, which is the visitor's own text and may hold spaces and brackets.
//! Servers escape quotes in it, so the first bare quote of a line begins the request, and the time is
//! what stands in the 28 bytes before; whatever lies between client and time is ident and user,
//! neither of which is ever kept. After the request nothing is searched for: every byte up to the end of the
//! line must be where the grammar has it, so that a quote that a server forgot to escape
//! refuses the line and cannot move one field into the place of another.
//!
//! Sources: the Apache `mod_log_config` and nginx `ngx_http_log_module` documentation.

use std::{net::IpAddr, str};

use nom::{
    Parser,
    branch::alt,
    bytes::complete::{tag, take},
    sequence::{delimited, preceded},
};

use super::{
    Grammar, Named,
    primitive::{Parsed, Quoted, closing_quote, quoted, skip_spaces, span_before, word},
};
use crate::field::{Field, LineMap, Reason, Span};

pub(super) static FORMATS: [Named; 3] = [
    Named {
        name: "common",
        example: r#"192.0.2.7 - - [22/Nov/2026:14:05:37 +0000] "GET /index.html HTTP/1.1" 200 5120"#,
        same_as: None,
        grammar: || Grammar::Common,
    },
    Named {
        name: "combined",
        example: concat!(
            r#"192.0.2.7 - - [22/Nov/2026:14:05:37 +0000] "GET /index.html HTTP/1.1" 200 5120"#,
            r#" "https://example.com/" "curl/8.5.0""#
        ),
        same_as: None,
        grammar: || Grammar::Combined,
    },
    Named {
        name: "vhost-combined",
        example: concat!(
            r#"www.example.com:443 192.0.2.7 - - [22/Nov/2026:14:05:37 +0000] "#,
            r#""GET /index.html HTTP/1.1" 200 5120 "https://example.com/" "curl/8.5.0""#
        ),
        same_as: None,
        grammar: || Grammar::VhostCombined,
    },
];

/// The bytes of `[22/Nov/2026:14:05:37 +0000] `, which stand before the request.
const BRACKETED_TIME_BYTES: usize = 29;

/// What Apache writes for a user without a name, and what follows. It is the only bare quote that can
/// stand before the request.
const EMPTY_USER: &[u8] = b"\"\" [";

/// The longest byte count that is read: 13 digits, ten terabytes.
/// No server sends more in one response, and longer digit strings are somebody's text.
const BYTES_DIGITS_MAX: usize = 13;

/// Maps a line of the Common Log Format.
pub(super) fn map_common(line: &[u8], map: &mut LineMap) -> Result<(), Reason> {
    let rest = head(line, skip_spaces(line), map)?;
    let rest = tail(line, rest, map)?;
    if rest.is_empty() { Ok(()) } else { Err(Reason::NotThisFormat) }
}

/// Maps a line of the combined format.
#[inline(always)]
pub(super) fn map_combined(line: &[u8], map: &mut LineMap) -> Result<(), Reason> {
    let rest = head(line, skip_spaces(line), map)?;
    let rest = tail(line, rest, map)?;
    referrer_and_agent(line, rest, map)
}

/// Maps a line of the combined format with `host:port` before it.
pub(super) fn map_vhost_combined(line: &[u8], map: &mut LineMap) -> Result<(), Reason> {
    let start = skip_spaces(line);
    let (after, host) = word(&line[start..]).map_err(|_| Reason::NotThisFormat)?;
    let name = host_without_port(host).ok_or(Reason::NotThisFormat)?;
    map.set(Field::Site, Span { start: start as u32, end: (start + name.len()) as u32 }, false);
    let rest = head(line, line.len() - after.len(), map)?;
    let rest = tail(line, rest, map)?;
    referrer_and_agent(line, rest, map)
}

/// The name before `:port`, where there is one.
fn host_without_port(host: &[u8]) -> Option<&[u8]> {
    let colon = memchr::memrchr(b':', host)?;
    let (name, port) = (&host[..colon], &host[colon + 1..]);
    let is_port = (1..=5).contains(&port.len()) && port.iter().all(u8::is_ascii_digit);
    (is_port && !name.is_empty()).then_some(name)
}

/// Client, ident, user and time: everything before the request's first quote, from `start` on.
#[inline(always)]
fn head<'a>(line: &'a [u8], start: usize, map: &mut LineMap) -> Result<&'a [u8], Reason> {
    let text = &line[start..];
    let (mut quote, _) = closing_quote(text).ok_or(Reason::NotThisFormat)?;
    if text[quote..].starts_with(EMPTY_USER) {
        quote = quote_after_empty_user(text, quote)?;
    }
    // `client ident user ` is at least five bytes before the bracket.
    if quote < BRACKETED_TIME_BYTES + 5 {
        return Err(Reason::NotThisFormat);
    }
    let bracket = quote - BRACKETED_TIME_BYTES;
    let time = &text[bracket..quote];
    if time[0] != b'[' || &time[27..] != b"] " || text[bracket - 1] != b' ' {
        return Err(Reason::NotThisFormat);
    }
    let (after, client) = word(&text[..bracket]).map_err(|_| Reason::NotThisFormat)?;
    if !after.starts_with(b"- ") {
        let (_user, ident) = word(after).map_err(|_| Reason::NotThisFormat)?;
        if another_column_before(client, ident) {
            return Err(Reason::NotThisFormat);
        }
    }
    let at =
        |from: usize, to: usize| Span { start: (start + from) as u32, end: (start + to) as u32 };
    map.set(Field::Client, at(0, client.len()), false);
    map.set(Field::Time, at(bracket + 1, bracket + 27), false);
    Ok(&text[quote..])
}

/// The quote that begins the request, given the first one of [`EMPTY_USER`].
#[cold]
fn quote_after_empty_user(text: &[u8], user: usize) -> Result<usize, Reason> {
    let after = user + 2;
    let (request, _) = closing_quote(&text[after..]).ok_or(Reason::NotThisFormat)?;
    // Nothing but the time stands between the two.
    if request == BRACKETED_TIME_BYTES + 1 {
        Ok(after + request)
    } else {
        Err(Reason::NotThisFormat)
    }
}

/// Whether the line may have a column before the client: an ident that is an address while the
/// client is none, or has a port. Which of the two is the client is then in doubt.
#[cold]
fn another_column_before(client: &[u8], ident: &[u8]) -> bool {
    let is_address =
        |text: &[u8]| str::from_utf8(text).is_ok_and(|text| text.parse::<IpAddr>().is_ok());
    is_address(ident) && !is_address(client)
}

/// Request, status and bytes.
#[inline(always)]
fn tail<'a>(line: &[u8], rest: &'a [u8], map: &mut LineMap) -> Result<&'a [u8], Reason> {
    let (rest, request) = quoted(rest).map_err(|_| Reason::NotThisFormat)?;
    set_quoted(line, map, Field::Request, request, rest.len() + 1);
    let (rest, status) = delimited(tag::<_, _, ()>(&b" "[..]), status, tag(&b" "[..]))
        .parse(rest)
        .map_err(|_| Reason::NotThisFormat)?;
    map.set(Field::Status, span_before(line, status, rest.len() + 1), false);
    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let length = if digits == 0 && rest.first() == Some(&b'-') { 1 } else { digits };
    if length == 0 || length > BYTES_DIGITS_MAX {
        return Err(Reason::NotThisFormat);
    }
    map.set(Field::Bytes, span_before(line, &rest[..length], rest.len() - length), false);
    Ok(&rest[length..])
}

/// Three bytes, whatever they are, or the dash of a request that was never answered.
#[inline]
fn status(input: &[u8]) -> Parsed<'_, &[u8]> {
    alt((tag(&b"-"[..]), take(3usize))).parse(input)
}

/// The two quoted strings that end a line of the combined format, and nothing after them.
#[inline(always)]
fn referrer_and_agent(line: &[u8], rest: &[u8], map: &mut LineMap) -> Result<(), Reason> {
    let mut column = preceded(tag::<_, _, ()>(&b" "[..]), quoted);
    let (rest, referrer) = column.parse(rest).map_err(|_| Reason::NotThisFormat)?;
    set_quoted(line, map, Field::Referrer, referrer, rest.len() + 1);
    let (rest, agent) = column.parse(rest).map_err(|_| Reason::NotThisFormat)?;
    set_quoted(line, map, Field::Agent, agent, rest.len() + 1);
    if rest.is_empty() { Ok(()) } else { Err(Reason::NotThisFormat) }
}

#[inline(always)]
fn set_quoted(line: &[u8], map: &mut LineMap, field: Field, quoted: Quoted<'_>, after: usize) {
    map.set(field, span_before(line, quoted.text, after), quoted.escaped);
}

#[cfg(test)]
mod tests {
    use super::*;

    type Map = fn(&[u8], &mut LineMap) -> Result<(), Reason>;

    /// Fields joined with `|` in the order of their numbers, or the reason's word.
    fn show(map: Map, line: &str) -> String {
        let mut found = LineMap::default();
        match map(line.as_bytes(), &mut found) {
            Err(reason) => reason.word().to_owned(),
            Ok(()) => Field::ALL
                .iter()
                .filter_map(|field| found.get(*field))
                .map(|span| span.of(line.as_bytes()).escape_ascii().to_string())
                .collect::<Vec<_>>()
                .join("|"),
        }
    }

    fn check(map: Map, line: &str, expect: &str) {
        assert_eq!(show(map, line), expect, "{line}");
    }

    const TIME: &str = "22/Nov/2026:14:05:37 +0000";

    #[test]
    fn common_lines() {
        let line = |prefix: &str, rest: &str| format!("{prefix} [{TIME}] {rest}");
        let expect = |client: &str, rest: &str| format!("{client}|{TIME}|{rest}");
        for (prefix, client) in [
            ("192.0.2.1 - -", "192.0.2.1"),
            ("192.0.2.1 - bob smith", "192.0.2.1"),
            ("192.0.2.1 - frank] [x", "192.0.2.1"),
            ("192.0.2.1 - ", "192.0.2.1"),
            (r#"192.0.2.1 - """#, "192.0.2.1"),
            (r#"192.0.2.1 - eve\"quote"#, "192.0.2.1"),
            ("192.0.2.1 www.example.com -", "192.0.2.1"),
            ("192.0.2.1 198.51.100.1 -", "192.0.2.1"),
            ("  192.0.2.1 - -", "192.0.2.1"),
            ("2001:db8::1 - -", "2001:db8::1"),
            ("host.example.com - -", "host.example.com"),
        ] {
            check(
                map_common,
                &line(prefix, r#""GET / HTTP/1.1" 200 5"#),
                &expect(client, "GET / HTTP/1.1|200|5"),
            );
        }
        check(map_common, &line("h - -", r#""" 400 -"#), &expect("h", "|400|-"));
        check(map_common, &line("h - -", r#""a\"b" 400 0"#), &expect("h", r#"a\\\"b|400|0"#));
        for refused in [
            r#""GET / HTTP/1.1" 200 5 "-" "-""#,
            r#""GET / HTTP/1.1" 200 5 "#,
            r#""GET / HTTP/1.1" 200"#,
            r#""GET / HTTP/1.1" 200 "#,
            r#""GET / HTTP/1.1" 2000 5"#,
            r#""GET / HTTP/1.1" 20 5"#,
            r#""GET / HTTP/1.1" 200 12345678901234567890"#,
            r#""GET / HTTP/1.1" 200 -5"#,
            r#""GET / HTTP/1.1"  200 5"#,
            r#""GET /"x HTTP/1.1" 200 5"#,
            r#""GET / HTTP/1.1 200 5"#,
            r#"GET / HTTP/1.1" 200 5"#,
        ] {
            check(map_common, &line("192.0.2.1 - -", refused), "not-this-format");
        }
        check(
            map_common,
            &line("example.org 192.0.2.1 - -", r#""GET /" 200 5"#),
            "not-this-format",
        );
        check(
            map_common,
            &line("192.0.2.9:80 192.0.2.1 - -", r#""GET /" 200 5"#),
            "not-this-format",
        );
        for prefix in [r#"192.0.2.1 - "" []"#, r#"192.0.2.1 - "a""#, r#""""#] {
            check(map_common, &line(prefix, r#""GET /" 200 5"#), "not-this-format");
        }
        check(map_common, &format!(r#"192.0.2.1 - "" [{TIME}]"#), "not-this-format");
        check(map_common, "", "not-this-format");
        check(map_common, r#"" " " ""#, "not-this-format");
    }

    #[test]
    fn combined_lines() {
        let line = |rest: &str| format!(r#"192.0.2.1 - - [{TIME}] "GET / HTTP/1.1" 200 5{rest}"#);
        let expect = |rest: &str| format!("192.0.2.1|{TIME}|GET / HTTP/1.1|200|5|{rest}");
        check(map_combined, &line(r#" "-" "curl/8""#), &expect("-|curl/8"));
        check(map_combined, &line(r#" "" """#), &expect("|"));
        check(map_combined, &line(r#" "a\"b" "\\""#), &expect(r#"a\\\"b|\\\\"#));
        let inner = r#"192.0.2.9 - - [x] \"GET / HTTP/1.1\" 200 5 \"-\" \"a\""#;
        let nested = line(&format!(r#" "-" "{inner}""#));
        assert!(map_combined(nested.as_bytes(), &mut LineMap::default()).is_ok());
        for refused in [
            "",
            r#" "-""#,
            r#" "-" "-" "-""#,
            r#" "-" "-" "#,
            r#" "-" "-"x"#,
            r#" "-"  "-""#,
            r#" "-" "no end"#,
            r#" "-" "x" 200 5 "-" "Fake/1.0""#,
            r#" "http://e/\" "agent""#,
        ] {
            check(map_combined, &line(refused), "not-this-format");
        }
    }

    #[test]
    fn vhost_lines() {
        let rest = format!(r#"192.0.2.1 - - [{TIME}] "GET / HTTP/1.1" 200 5 "-" "-""#);
        let expect = |host: &str| format!("{host}|192.0.2.1|{TIME}|GET / HTTP/1.1|200|5|-|-");
        for host in ["www.example.com", "_", "-", "[::1]", "192.0.2.7"] {
            check(map_vhost_combined, &format!("{host}:443 {rest}"), &expect(host));
        }
        for host in ["www.example.com", ":80", "a:", "a:x", "a:123456"] {
            check(map_vhost_combined, &format!("{host} {rest}"), "not-this-format");
        }
        check(map_vhost_combined, &rest, "not-this-format");
        check(map_combined, &format!("192.0.2.7:443 {rest}"), "not-this-format");
    }
}
