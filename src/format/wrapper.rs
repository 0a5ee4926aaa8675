//! What log shippers write around a line: syslog (RFC 3164, RFC 5424), journald, Docker, CRI.
//!
//! Every line is judged for itself and by its shape alone, for one socket may have several senders. A shape is
//! asked for in full, up to the tag's colon or the object's end, so that no line of an access log passes for a
//! wrapped one; what falls short of it stays as it is, and is then refused as not of the format.
//!
//! ```text
//! <190>Nov 22 14:05:37 web1 nginx: LINE                 RFC 3164; without <190> in files of rsyslog
//! <190>Nov 22 14:05:37 nginx[7]: LINE                   the host is missing
//! <190>1 2026-11-22T14:05:37Z web1 nginx - - - LINE     RFC 5424
//! 97 <190>Nov 22 14:05:37 web1 nginx: LINE              octets counted (RFC 6587)
//! {"log":"LINE\n","stream":"stdout","time":"..."}       Docker's json-file
//! {"__CURSOR":"...","MESSAGE":"LINE"}                   journalctl -o json
//! 2026-11-22T14:05:37.123456789Z stdout F LINE          CRI: containerd, CRI-O
//! web-1  | LINE                                         docker compose logs
//! ```
//!
//! Where the line is escaped inside, only its place is told here: undoing escapes is a transform.

use jiter::{Jiter, Peek};
use memchr::{memchr, memchr_iter, memmem};

use crate::field::Span;

/// The largest priority: facility 23, severity 7 (RFC 5424, section 6.2.1).
const PRIORITY_MAX: u32 = 191;
/// The most digits of an octet count.
const COUNT_DIGITS_MAX: usize = 6;
/// The longest tag, in bytes. RFC 3164 says 32; systemd's units have longer names.
const TAG_BYTES_MAX: usize = 64;
/// How near to the start Docker's key stands: it writes it first, others after a stream and a time.
const DOCKER_KEY_BYTES: usize = 96;
/// Docker cuts lines in pieces of so many bytes (`daemon/logger/copier.go`).
const DOCKER_PIECE_BYTES: usize = 16 * 1024;
/// How far the bar of docker compose is looked for: names are padded to the longest.
const COMPOSE_BYTES: usize = 64;

const MONTHS: [&[u8; 3]; 12] = [
    b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec",
];

/// Where the line is inside of what was written around it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Peeled {
    /// From this byte to the end.
    From(usize),
    /// In a JSON string, without its quotes, whose escapes are to be undone.
    JsonString(Span),
    /// In a JSON array of the numbers of its bytes, with its brackets.
    JsonBytes(Span),
}

/// Where the line is, if something was written around it. What is of no shape that a shipper writes, or
/// is only a part of a line, is left as it is.
///
/// Nearly all lines begin with an address, and of these only eight bytes are looked at.
#[inline(always)]
#[must_use]
pub fn peel(line: &[u8]) -> Option<Peeled> {
    let head = line.first_chunk::<8>()?;
    if may_be_wrapped(*head) { peel_wrapped(line) } else { None }
}

/// Whether the line begins with a letter or a brace, has the dash of a date after four bytes, or a `<` among
/// its first eight: the longest octet count has six digits and a space.
#[inline(always)]
const fn may_be_wrapped(head: [u8; 8]) -> bool {
    const ONES: u64 = 0x0101_0101_0101_0101;
    let others = u64::from_le_bytes(head) ^ (ONES * b'<' as u64);
    // The brace follows the letters; `[` differs from it by the same bit as a capital letter.
    (head[0] | 0x20).wrapping_sub(b'a') <= 26
        || head[4] == b'-'
        || others.wrapping_sub(ONES) & !others & (ONES << 7) != 0
}

#[cold]
#[inline(never)]
fn peel_wrapped(line: &[u8]) -> Option<Peeled> {
    let inner = match line.first()? {
        b'{' => return json(line),
        b'<' => after_priority(line)?,
        b'0'..=b'9' if line[4] == b'-' => after_iso_time(line)?,
        b'0'..=b'9' => {
            let (_, rest) = number(line, COUNT_DIGITS_MAX)?;
            after_priority(rest.strip_prefix(b" ")?)?
        }
        b'A'..=b'Z' | b'a'..=b'z' => match bsd_time(line) {
            Some(rest) => after_header(rest)?,
            None => after_bar(line)?,
        },
        _ => return None,
    };
    Some(Peeled::From(line.len() - inner.len()))
}

/// The message after `<PRI>` and a header of either RFC.
fn after_priority(text: &[u8]) -> Option<&[u8]> {
    let (priority, rest) = number(text.strip_prefix(b"<")?, 3)?;
    let rest = rest.strip_prefix(b">").filter(|_| priority <= PRIORITY_MAX)?;
    match rest.strip_prefix(b"1 ") {
        Some(rest) => after_rfc5424_header(rest),
        None => after_header(bsd_time(rest).or_else(|| iso_time(rest))?),
    }
}

/// The message after a line's own ISO time: that of CRI, or of syslog.
fn after_iso_time(text: &[u8]) -> Option<&[u8]> {
    let rest = iso_time(text)?;
    let Some(tags) = rest.strip_prefix(b"stdout ").or_else(|| rest.strip_prefix(b"stderr ")) else {
        return after_header(rest);
    };
    // `P` stands before a part of a line: its end comes in a line of its own, or never.
    match tags.split_first()? {
        (b'F', []) => Some(&[]),
        (b'F', rest) => rest.strip_prefix(b" "),
        _ => None,
    }
}

/// The message after `TAG: ` or `HOST TAG: `, without the spaces that senders leave before it.
fn after_header(text: &[u8]) -> Option<&[u8]> {
    after_tag(text).or_else(|| after_tag(after_word(text)?))
}

/// The message after `nginx: ` or `haproxy[7]: `.
fn after_tag(text: &[u8]) -> Option<&[u8]> {
    let in_name = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_./".contains(byte);
    let in_process = |byte: &u8| byte.is_ascii_alphanumeric() || b"-.".contains(byte);
    let (name, mut rest) = text.split_at(length(text, in_name));
    if !(1..=TAG_BYTES_MAX).contains(&name.len()) {
        return None;
    }
    if let Some(process) = rest.strip_prefix(b"[") {
        rest = process[length(process, in_process)..].strip_prefix(b"]")?;
    }
    match rest.strip_prefix(b":")? {
        [] => Some(&[]),
        [b' ', message @ ..] => Some(without_spaces(message)),
        _ => None,
    }
}

/// The message after `TIMESTAMP HOST APP PROCID MSGID SD` (RFC 5424, section 6). Where the sender had it
/// from RFC 3164 the message keeps the space that stood before it.
fn after_rfc5424_header(text: &[u8]) -> Option<&[u8]> {
    let mut rest = match text.strip_prefix(b"- ") {
        Some(rest) => rest,
        None => iso_time(text)?,
    };
    for _ in 0..4 {
        rest = after_word(rest)?;
    }
    rest = match rest.strip_prefix(b"-") {
        Some(rest) => rest,
        None => after_elements(rest)?,
    };
    match rest {
        [] => Some(&[]),
        [b' ', message @ ..] => {
            Some(without_spaces(message.strip_prefix(b"\xef\xbb\xbf").unwrap_or(message)))
        }
        _ => None,
    }
}

/// What follows the elements of structured data, at least one (RFC 5424, section 6.3).
fn after_elements(text: &[u8]) -> Option<&[u8]> {
    let mut rest = after_element(text)?;
    while rest.first() == Some(&b'[') {
        rest = after_element(rest)?;
    }
    Some(rest)
}

/// What follows `[id name="value" ...]`.
fn after_element(text: &[u8]) -> Option<&[u8]> {
    let is_name = |byte: &u8| byte.is_ascii_graphic() && !b"=]\"".contains(byte);
    let after_name = |text| Some(length(text, is_name)).filter(|length| *length > 0);
    let text = text.strip_prefix(b"[")?;
    let mut rest = &text[after_name(text)?..];
    while let Some(name) = rest.strip_prefix(b" ") {
        let mut value = name[after_name(name)?..].strip_prefix(b"=\"")?;
        while *value.first()? != b'"' {
            // A quote or bracket with a backslash before it belongs to the value.
            value = value.get(if value[0] == b'\\' { 2 } else { 1 }..)?;
        }
        rest = &value[1..];
    }
    rest.strip_prefix(b"]")
}

/// What follows `Nov 22 14:05:37 `.
fn bsd_time(text: &[u8]) -> Option<&[u8]> {
    let (time, rest) = text.split_first_chunk::<16>()?;
    let month = time.first_chunk::<3>()?;
    (MONTHS.contains(&month)
        && (time[4] == b' ' || time[4].is_ascii_digit())
        && has_shape(&time[5..], b"0 00:00:00 ")
        && time[3] == b' ')
        .then_some(rest)
}

/// What follows `2026-11-22T14:05:37Z `, with or without a fraction, `Z` or an offset.
fn iso_time(text: &[u8]) -> Option<&[u8]> {
    const SHAPE: &[u8; 19] = b"0000-00-00T00:00:00";
    let (time, mut rest) = text.split_first_chunk::<19>()?;
    if !has_shape(time, SHAPE) {
        return None;
    }
    if let Some(fraction) = rest.strip_prefix(b".") {
        let digits = length(fraction, u8::is_ascii_digit);
        rest = &fraction[Some(digits).filter(|digits| *digits > 0)?..];
    }
    let zone = match rest.first()? {
        b'Z' => 1,
        b'+' | b'-' if rest.get(1..6).is_some_and(|zone| has_shape(zone, b"00:00")) => 6,
        b'+' | b'-' if rest.get(1..5).is_some_and(|zone| has_shape(zone, b"0000")) => 5,
        _ => return None,
    };
    rest[zone..].strip_prefix(b" ")
}

/// Whether `text` is as `shape`, where `0` stands for any digit.
fn has_shape(text: &[u8], shape: &[u8]) -> bool {
    text.len() == shape.len()
        && text.iter().zip(shape).all(|(byte, shape)| match shape {
            b'0' => byte.is_ascii_digit(),
            shape => byte == shape,
        })
}

/// The line after docker compose's `web-1  | `.
///
/// An access log may have bars between its columns, and a host without a dot before the first. So there must be
/// no other bar where the next column would end.
fn after_bar(line: &[u8]) -> Option<&[u8]> {
    let bar = memchr(b'|', &line[..line.len().min(COMPOSE_BYTES)])?;
    let in_name = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_".contains(byte);
    let name = length(line, in_name);
    let rest = line[bar + 1..].strip_prefix(b" ")?;
    let is_padded = name < bar && line[name..bar].iter().all(|byte| *byte == b' ');
    let is_column = memmem::find(&rest[..rest.len().min(COMPOSE_BYTES)], b" | ").is_some();
    (is_padded && !is_column).then_some(rest)
}

/// What a key of a shipper's object says.
#[derive(Clone, Copy)]
enum Key {
    DockerLine,
    DockerStream,
    JournalLine,
    /// What the journal itself adds, and no access log has.
    Journal,
    Other,
}

impl Key {
    fn of(name: &str) -> Self {
        match name {
            "log" => Self::DockerLine,
            "stream" => Self::DockerStream,
            "MESSAGE" => Self::JournalLine,
            "PRIORITY" | "SYSLOG_IDENTIFIER" => Self::Journal,
            name if name.starts_with('_') => Self::Journal,
            _ => Self::Other,
        }
    }
}

/// The place of the line in an object of Docker or the journal. An object that says it twice says nothing.
fn json(line: &[u8]) -> Option<Peeled> {
    if !may_be_shipped(line) {
        return None;
    }
    let mut json = Jiter::new(line);
    let (mut docker, mut journal) = (None, None);
    let (mut has_stream, mut is_journal) = (false, false);
    let mut key = json.next_object().ok()?.map(Key::of);
    while let Some(found) = key {
        match found {
            Key::DockerLine if docker.is_none() => docker = Some(value(&mut json)?),
            Key::JournalLine if journal.is_none() => journal = Some(value(&mut json)?),
            Key::DockerLine | Key::JournalLine => return None,
            Key::DockerStream => {
                has_stream = matches!(json.next_bytes().ok()?, b"stdout" | b"stderr");
            }
            Key::Journal | Key::Other => {
                is_journal |= matches!(found, Key::Journal);
                json.next_skip().ok()?;
            }
        }
        key = json.next_key().ok()?.map(Key::of);
    }
    json.finish().ok()?;
    match (docker, journal) {
        (Some(string @ Peeled::JsonString(span)), None) => {
            (has_stream && !is_docker_piece(span.of(line))).then_some(string)
        }
        (None, Some(message)) => is_journal.then_some(message),
        _ => None,
    }
}

/// Whether one of the keys that matter is there, so that an access log in JSON is not read twice. They are
/// looked for by a letter of each that is rarer than a quote.
fn may_be_shipped(line: &[u8]) -> bool {
    let head = &line[..line.len().min(DOCKER_KEY_BYTES)];
    memchr_iter(b'g', head).any(|at| line[at.saturating_sub(2)..].starts_with(b"log\""))
        || memchr_iter(b'M', line).any(|at| line[at..].starts_with(b"MESSAGE\""))
}

/// Where the next value is, a string or an array.
fn value(json: &mut Jiter<'_>) -> Option<Peeled> {
    let peek = json.peek().ok()?;
    let start = json.current_index();
    json.known_skip(peek).ok()?;
    let (start, end) = (start as u32, json.current_index() as u32);
    match peek {
        Peek::String => Some(Peeled::JsonString(Span { start: start + 1, end: end - 1 })),
        Peek::Array => Some(Peeled::JsonBytes(Span { start, end })),
        _ => None,
    }
}

/// Whether a line of Docker's goes on in the next: whole ones end with a line feed.
fn is_docker_piece(text: &[u8]) -> bool {
    text.len() >= DOCKER_PIECE_BYTES && !text.ends_with(b"\\n")
}

/// The number that `text` begins with, of at most `digits_max` digits, and what follows.
fn number(text: &[u8], digits_max: usize) -> Option<(u32, &[u8])> {
    let digits = length(text, u8::is_ascii_digit);
    let value = |digits: &[u8]| digits.iter().fold(0, |sum, b| sum * 10 + u32::from(b - b'0'));
    let (digits, rest) = text.split_at(digits);
    (1..=digits_max).contains(&digits.len()).then(|| (value(digits), rest))
}

/// What follows a word and its space.
fn after_word(text: &[u8]) -> Option<&[u8]> {
    let end = memchr(b' ', text).filter(|end| *end > 0)?;
    Some(&text[end + 1..])
}

/// How many of the first bytes are of a kind.
fn length(text: &[u8], is_inside: impl Fn(&u8) -> bool) -> usize {
    text.iter().position(|byte| !is_inside(byte)).unwrap_or(text.len())
}

fn without_spaces(text: &[u8]) -> &[u8] {
    &text[length(text, |byte| *byte == b' ')..]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::format::Format;

    /// The part of `line` that was found inside it, still escaped.
    fn found(line: &[u8]) -> Option<&[u8]> {
        peel(line).map(|peeled| match peeled {
            Peeled::From(at) => &line[at..],
            Peeled::JsonString(span) | Peeled::JsonBytes(span) => span.of(line),
        })
    }

    #[track_caller]
    fn check(line: &str, expect: &str) {
        let inner = found(line.as_bytes());
        assert_eq!(inner.map(std::str::from_utf8), Some(Ok(expect)), "{line}");
    }

    #[track_caller]
    fn check_none(lines: &str) {
        for line in lines.lines() {
            assert_eq!(peel(line.trim_start().as_bytes()), None, "{line}");
        }
    }

    #[test]
    fn rfc_3164() {
        for header in [
            "<190>Nov 22 00:15:37 vm nginx: ",
            "<190>Nov  2 00:15:37 vm nginx: ",
            "<0>Nov 22 00:15:37 nginx: ",
            "<134>Nov 22 00:18:07 haproxy[15216]: ",
            "<134>Nov 22 00:18:07 2001:db8::1 haproxy[15216]: ",
            "<190>2026-11-22T00:19:16+00:00 vm nginx: ",
            "<190>Nov 22 00:15:37 vm nginx:  ",
            "Feb 25 16:19:38 192.168.4.2 haproxy[7]: ",
            "Sep 25 06:05:27 hostname haproxy[6801]: ",
            "2026-11-22T00:19:16.123456+00:00 host nginx: ",
            "2026-11-22T00:19:16Z host docker/web-1[771]: ",
            "97 <190>Nov 22 00:15:37 vm nginx: ",
            "123456 <190>Nov 22 00:15:37 vm nginx: ",
        ] {
            check(&format!("{header}192.0.2.1 - - x: y"), "192.0.2.1 - - x: y");
            check(header, "");
        }
        check("<190>Nov 22 00:15:37 vm nginx:", "");
        check_none(
            "<192>Nov 22 00:15:37 vm nginx: a
            <>Nov 22 00:15:37 vm nginx: a
            <1900>Nov 22 00:15:37 vm nginx: a
            <190>Nov 22 00:15:37 vm nginx:a
            <190>Nov 22 00:15:37 a b nginx: c
            <190>Nov 22 00:15:37 vm nginx[: a
            <190>Nov 22 00:15:7 vm nginx: a
            <190>Nov 22 00:15:37
            <190>Nox 22 00:15:37 vm nginx: a
            <190>nginx: a
            1234567 <190>Nov 22 00:15:37 vm nginx: a
            12 Nov 22 00:15:37 vm nginx: a
            Nov 22 00:15:37 vm a
            November 22 00:15:37 vm nginx: a",
        );
    }

    #[test]
    fn rfc_5424() {
        for header in [
            "<190>1 2026-11-22T00:19:16+00:00 vm nginx - - - ",
            "<190>1 2026-11-22T00:19:16.123Z vm nginx 7 ID47 -  ",
            "<190>1 - - - - - - ",
            "<190>1 - - - - - - \u{feff}",
            "<190>1 - - - - - [a@1] ",
            r#"<190>1 - - - - - [a@1 k="v" l="\]\"\\]["][b] "#,
            "127 <190>1 2026-11-22T00:19:16+00:00 vm nginx - - -  ",
        ] {
            check(&format!("{header}192.0.2.1 - - [x] y"), "192.0.2.1 - - [x] y");
        }
        check("<190>1 - - - - - -", "");
        check("<190>1 - - - - - [a]", "");
        check_none(
            r#"<190>2 - - - - - - a
            <190>1 - - - - - a
            <190>1 Nov 22 00:15:37 vm nginx - - - a
            <190>1 - - - - - [] a
            <190>1 - - - - - [a k="v] a
            <190>1 - - - - - [a k="v\"] a
            <190>1 - - - - - [a k="v" a
            <190>1 - - - - - [a k=v] a
            <190>1 - - - - - [a]a"#,
        );
    }

    #[test]
    fn containers() {
        check("2025-12-31T17:37:40.493035218+01:00 stdout F 192.0.2.1 - -", "192.0.2.1 - -");
        check("2025-12-31T17:37:40.493035218Z stderr F  a", " a");
        check("2025-12-31T17:37:40.4Z stdout F", "");
        check("web-1  | 192.0.2.1 - -", "192.0.2.1 - -");
        check("caddy  | {\"level\":\"info\"}", "{\"level\":\"info\"}");
        check_none(
            "2025-12-31T17:37:40.493035218Z stdout P 192.0.2.1 - -
            2025-12-31T17:37:40.493035218Z stdout FP 192.0.2.1 - -
            2025-12-31T17:37:40.493035218Z stdin F 192.0.2.1 - -
            2025-12-31T17:37:40.Z stdout F a
            2025-12-31T17:37:40 stdout F a
            localhost | 192.0.2.1 | - | [22/Nov/2026:14:05:37 +0000]
            www.example.com | 192.0.2.1 - - [22/Nov/2026:14:05:37 +0000]
            localhost | 2001:db8:1111:2222:3333:4444:5555:6666 | a
            web-1 |a
            web-1| a
            web 1 | a",
        );
    }

    #[test]
    fn objects() {
        check(r#"{"log":"a \"b\"\n","stream":"stdout","time":"x"}"#, r#"a \"b\"\n"#);
        check(r#"{"stream":"stderr", "time":"x", "log" : "a"} "#, "a");
        check(r#"{"log":"","stream":"stdout"}"#, "");
        check(r#"{"MESSAGE":"a","__REALTIME_TIMESTAMP":"1"}"#, "a");
        check(r#"{ "__CURSOR" : "s=1", "PRIORITY":"6", "MESSAGE" : "a\\" }"#, r"a\\");
        check(r#"{"_PID":"1","MESSAGE":[49, 57,50 ]}"#, "[49, 57,50 ]");
        check_none(
            r#"{"log":"a","log":"b","stream":"stdout"}
            {"log":"a","\u006cog":"b","stream":"stdout"}
            {"log":"a","MESSAGE":"b","stream":"stdout","__CURSOR":"1"}
            {"MESSAGE":"a","MESSAGE":"a","__CURSOR":"1"}
            {"MESSAGE":"a"}
            {"MESSAGE":null,"__CURSOR":"1"}
            {"log":"a","stream":"stdin"}
            {"log":"a"}
            {"log":["a"],"stream":"stdout"}
            {"log":{"log":"a"},"stream":"stdout"}
            {"http":{"log":"a","stream":"stdout"}}
            {"log":"a","stream":"stdout"
            {"log":"a","stream":"stdout"} x
            {"log":"a\q","stream":"stdout"}
            {"remote_addr":"192.0.2.1","uri":"\"MESSAGE\" \"log\""}
            {"logger":"http.log.access","msg":"handled request"}
            {}
            {"log"
            {{{{{{{{{{"#,
        );
    }

    #[test]
    fn pieces_of_docker_lines_are_not_peeled() {
        let wrapped = |length: usize, end: &str| {
            let log = "a".repeat(length);
            format!(r#"{{"log":"{log}{end}","stream":"stdout"}}"#)
        };
        assert_eq!(peel(wrapped(DOCKER_PIECE_BYTES, "").as_bytes()), None);
        for (length, end) in [(DOCKER_PIECE_BYTES - 1, ""), (DOCKER_PIECE_BYTES, "\\n")] {
            assert!(peel(wrapped(length, end).as_bytes()).is_some());
        }
    }

    #[test]
    fn ordinary_lines_are_left_alone() {
        for format in Format::all() {
            for line in format.example().lines() {
                assert_eq!(peel(line.as_bytes()), None, "{}", format.name());
            }
        }
        check_none(
            r#"Nov.example.com - - [22/Nov/2026:14:05:37 +0000] "GET / HTTP/1.1" 200 5
            May - - [22/Nov/2026:14:05:37 +0000] "GET / HTTP/1.1" 200 5
            ::1 - - [22/Nov/2026:14:05:37 +0000] "GET / HTTP/1.1" 200 5
            fe80::1%eth0 - - [22/Nov/2026:14:05:37 +0000] "GET / HTTP/1.1" 200 5
            2015-05-13T23:39:43.945958Z my-loadbalancer 192.0.2.1:2817 10.0.0.1:80 0.000086 0.001048
            2026-11-22T14:05:37+00:00 2001:db8:: 192.0.2.1 "GET / HTTP/1.1"
            2026-11-22T14:05:37Z fe80:: x y "GET / HTTP/1.1"
            http 2018-07-02T22:23:00.186641Z app/my-loadbalancer/50dc6c495c0c9188 192.0.2.1:2817
            2021/04/01 13:02:31 [error] 31#31: *1 open() "/usr/share" failed, client: 192.0.2.1
            [Mon Mar 01 00:15:37.123456 2021] [core:error] [pid 1:tid 2] [client 192.0.2.1:80] AH1: a
            [2016-04-15T20:17:00.310Z] "POST /api/v1/locations HTTP/2" 204 - 154 0
            2010-08-15 00:39:30 W3SVC1 192.0.2.1 GET / - 80 - 192.0.2.2 Mozilla/5.0 200 0 0
            #Fields: date time s-ip cs-method cs-uri-stem
            1795306687.848    101 192.0.2.1 TCP_MISS/200 5120 GET http://example.com/ - HIER_DIRECT/1 -
            {"ClientIP":"192.0.2.1","ClientRequestHost":"www.example.com","EdgeStartTimestamp":"x"}
            {"level":"info","logger":"http.log.access.log0","msg":"handled request","request":{}}
            time:22/Nov/2026:14:05:37 +0000 host:192.0.2.1
            [pid: 88185|app: 0|req: 1/1] 127.0.0.1 () {38 vars in 696 bytes} [Sun Mar 13 22:49:12 2016]
            79a59df900b949e55d96a1e698fbaced mybucket [06/Feb/2019:00:00:38 +0000] 192.0.2.3 -
            a"#,
        );
    }

    /// What is written before a line and after it; what escapes it and what undoes that again is JSON.
    fn wrappers() -> impl Strategy<Value = (&'static str, &'static str)> {
        prop::sample::select(vec![
            ("<190>Nov 22 00:15:37 vm nginx: ", ""),
            ("<190>Nov 22 00:15:37 nginx[7]:  ", ""),
            ("Nov 22 00:15:37 vm nginx: ", ""),
            ("<190>2026-11-22T00:19:16+00:00 vm nginx: ", ""),
            ("2026-11-22T00:19:16+00:00 vm nginx: ", ""),
            ("<190>1 2026-11-22T00:19:16Z vm nginx - - - ", ""),
            ("<190>1 - - - - - [a b=\"\\]\"] \u{feff} ", ""),
            ("127 <190>1 2026-11-22T00:19:16Z vm nginx - - -  ", ""),
            ("2026-11-22T00:19:16.1Z stdout F ", ""),
            ("{\"log\":", ",\"stream\":\"stdout\",\"time\":\"2026-11-22T00:19:16Z\"}"),
            ("{\"__CURSOR\":\"s=1\",\"MESSAGE\":", "}"),
        ])
    }

    proptest! {
        #[test]
        fn any_bytes_are_peeled_within_themselves(
            head in prop::sample::select(vec!["", "<1>", "{\"log\":", "Nov 22 00:15:37 ", "9 <1>1 - ",
                "2026-11-22T00:19:16Z ", "{\"MESSAGE\":", "<1>1 - - - - - [", "web | "]),
            bytes in proptest::collection::vec(any::<u8>(), 0..200),
        ) {
            let line = [head.as_bytes(), &bytes].concat();
            let _ = found(&line);
            let _ = found(&bytes);
        }

        #[test]
        fn what_was_wrapped_is_peeled((head, tail) in wrappers(), line in "[!-~][ -~]{0,80}") {
            let is_json = head.starts_with('{');
            let text = if is_json { serde_json::to_string(&line).expect("JSON") } else { line };
            let wrapped = format!("{head}{text}{tail}");
            let expect = if is_json { &text[1..text.len() - 1] } else { &text };
            prop_assert_eq!(found(wrapped.as_bytes()), Some(expect.as_bytes()));
        }
    }
}
