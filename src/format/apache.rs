//! The `LogFormat` strings of Apache, and the formats that have a name there.
//!
//! ```text
//! directive = "%" *modifier name
//! modifier  = "<" / ">" / "!" / "," / status / "{" argument "}"
//! name      = one byte, or three of which the first is "^"
//! ```
//!
//! Modifiers may stand in any order and any number of times, as in Apache. With a status in them the value
//! is a dash whenever the response had another one. [`DIRECTIVES`] lists every directive that the manuals of
//! `mod_log_config`, `mod_logio` and `mod_ssl` have, with what it can tell about a person. What is in no
//! table is no field, and what can be a field of one's own is said by name.
//!
//! Apache escapes quotes, backslashes and control characters in whatever a visitor sent, but no spaces and
//! brackets: a value without quotes around it ends where the next thing in the string can stand.

use std::sync::Arc;

pub use super::tells::Tells;
use super::{
    Declared, Format, Grammar, Named, OWN_APACHE, StringError, pattern,
    template::{Builder, Capture, Class, Template},
};
use crate::field::{DurationUnit, Escaping, Field, TimeItem};

/// The combined format.
const COMBINED: &str = r#"%h %l %u %t "%r" %>s %b "%{Referer}i" "%{User-Agent}i""#;

pub(super) static FORMATS: [Named; 8] = [
    Named {
        name: "vhost-common",
        example: concat!(
            r#"www.example.com 192.0.2.7 - - [22/Nov/2026:14:05:37 +0000] "#,
            r#""GET /index.html HTTP/1.1" 200 5120"#
        ),
        same_as: None,
        grammar: || grammar(r#"%v %h %l %u %t "%r" %>s %b"#),
    },
    Named {
        name: "vhost-combined-bare",
        example: concat!(
            r#"www.example.com 192.0.2.7 - alice [22/Nov/2026:14:05:37 +0000] "#,
            r#""GET /index.html HTTP/1.1" 301 368 "-" "curl/8.5.0""#
        ),
        same_as: None,
        grammar: || grammar(&format!("%v {COMBINED}")),
    },
    Named {
        name: "combinedio",
        example: concat!(
            r#"192.0.2.7 - - [22/Nov/2026:14:05:37 +0000] "GET /index.html HTTP/1.1" 200 5120"#,
            r#" "https://example.com/" "curl/8.5.0" 523 5423"#
        ),
        same_as: None,
        grammar: || grammar(&format!("{COMBINED} %I %O")),
    },
    // The number is how long the listener stayed, in seconds.
    Named {
        name: "icecast",
        example: concat!(
            r#"192.0.2.7 - - [22/Nov/2026:14:05:37 +0000] "GET /radio.ogg HTTP/1.1" 200 1048576"#,
            r#" "-" "VLC/3.0.20 LibVLC/3.0.20" 312"#
        ),
        same_as: None,
        grammar: || grammar(&format!("{COMBINED} %T")),
    },
    Named {
        name: "lighttpd",
        example: concat!(
            r#"192.0.2.7 www.example.com - [22/Nov/2026:14:05:37 +0000] "#,
            r#""GET /index.html HTTP/1.1" 200 5120 "https://example.com/" "curl/8.5.0""#
        ),
        same_as: Some("combined"),
        grammar: || Grammar::Combined,
    },
    Named {
        name: "varnish",
        example: concat!(
            r#"192.0.2.7 - - [22/Nov/2026:14:05:37 +0000] "#,
            r#""GET http://www.example.com/index.html HTTP/1.1" 200 5120 "-" "curl/8.5.0""#
        ),
        same_as: Some("combined"),
        grammar: || Grammar::Combined,
    },
    Named {
        name: "h2o",
        example: concat!(
            r#"192.0.2.7 - - [22/Nov/2026:14:05:37 +0000] "GET /index.html HTTP/2" 200 5120"#,
            r#" "https://example.com/" "curl/8.5.0""#
        ),
        same_as: Some("combined"),
        grammar: || Grammar::Combined,
    },
    Named {
        name: "traefik-clf",
        example: concat!(
            r#"192.0.2.7 - - [22/Nov/2026:14:05:37 +0000] "GET /index.html HTTP/1.1" 200 5120"#,
            r#" "https://example.com/" "curl/8.5.0" 240 "web@docker" "http://198.51.100.3:80" 12ms"#
        ),
        same_as: None,
        grammar: traefik,
    },
];

fn grammar(string: &str) -> Grammar {
    let template = template(string, &Declared::default());
    Grammar::Template(Arc::new(template.expect("a test compiles every format")))
}

/// The combined format, and then the number of the request, the router, the server, and how long it took.
fn traefik() -> Grammar {
    let template = || {
        let mut builder = builder(&format!("{COMBINED} %k "), &Declared::default())?;
        builder.capture("router", Capture::dropped(Class::Quoted))?;
        builder.literal(b" ");
        builder.capture("server", Capture::dropped(Class::Quoted))?;
        builder.literal(b" ");
        let took = Capture::duration(DurationUnit::Milliseconds, Class::Number);
        builder.capture("duration", took)?;
        builder.literal(b"ms");
        Ok::<_, StringError>(builder.finish(false))
    };
    Grammar::Template(Arc::new(template().expect("a test compiles every format")))
}

/// A directive of Apache.
#[derive(Debug)]
pub struct Directive {
    /// How it is written, without the percent sign; `{}` stands for an argument that it takes.
    pub spelling: &'static str,
    /// What its value can tell about somebody.
    pub identifies: Tells,
    value: Value,
}

/// What becomes of a directive's value.
#[derive(Clone, Copy, Debug)]
enum Value {
    /// A field; of several directives for one, that of the lowest number is used.
    Field(Field, Class, u8),
    Took(DurationUnit, u8),
    Time,
    Dropped(Class),
}

const fn row(spelling: &'static str, identifies: Tells, value: Value) -> Directive {
    Directive { spelling, identifies, value }
}

/// All directives, those of a certain argument before those of any. The names of headers and arguments
/// compare without regard to case.
///
/// Sources: the manuals of Apache 2.4 for `mod_log_config`, `mod_logio` and `mod_ssl`.
pub static DIRECTIVES: &[Directive] = {
    use self::{
        DurationUnit::{Microseconds, Milliseconds, Seconds},
        Tells::{Address, Content, Link, Nothing, Person, Server},
        Value::{Dropped, Field as Is, Took},
    };
    use Class::{Number, Protocol, Text, Word};
    &[
        row("{c}a", Address, Is(Field::Client, Word, 2)),
        row("a", Address, Is(Field::Client, Word, 0)),
        row("A", Server, Dropped(Word)),
        row("B", Nothing, Is(Field::Bytes, Number, 0)),
        row("b", Nothing, Is(Field::Bytes, Number, 0)),
        row("{}C", Person, Dropped(Text)),
        row("{}c", Person, Dropped(Text)),
        row("D", Nothing, Took(Microseconds, 0)),
        row("{}e", Person, Dropped(Text)),
        row("f", Content, Dropped(Text)),
        row("{c}h", Address, Is(Field::Client, Word, 3)),
        row("h", Address, Is(Field::Client, Word, 1)),
        row("H", Nothing, Is(Field::Protocol, Protocol, 0)),
        row("{Referer}i", Link, Is(Field::Referrer, Text, 0)),
        row("{User-Agent}i", Person, Is(Field::Agent, Text, 0)),
        row("{X-Forwarded-For}i", Address, Is(Field::Forwarded, Text, 0)),
        row("{Forwarded}i", Address, Is(Field::Forwarded, Text, 1)),
        row("{Host}i", Server, Is(Field::Site, Text, 2)),
        row("{Accept-Language}i", Person, Is(Field::Language, Text, 0)),
        row("{DNT}i", Nothing, Is(Field::Dnt, Text, 0)),
        row("{Sec-GPC}i", Nothing, Is(Field::Gpc, Text, 0)),
        row("{Cookie}i", Person, Is(Field::Cookie, Text, 0)),
        row("{}i", Person, Dropped(Text)),
        row("I", Nothing, Dropped(Number)),
        row("k", Nothing, Dropped(Number)),
        row("l", Person, Dropped(Text)),
        row("L", Person, Dropped(Word)),
        row("m", Nothing, Is(Field::Method, Word, 0)),
        row("{}n", Person, Dropped(Text)),
        row("{}o", Content, Dropped(Text)),
        row("O", Nothing, Is(Field::Bytes, Number, 1)),
        row("{canonical}p", Server, Dropped(Number)),
        row("{local}p", Server, Dropped(Number)),
        row("{remote}p", Person, Dropped(Number)),
        row("p", Server, Dropped(Number)),
        row("{pid}P", Server, Dropped(Number)),
        row("{tid}P", Server, Dropped(Number)),
        row("{hextid}P", Server, Dropped(Word)),
        row("P", Server, Dropped(Number)),
        row("q", Content, Is(Field::Query, Text, 0)),
        row("r", Content, Is(Field::Request, Text, 0)),
        row("R", Server, Dropped(Text)),
        row("s", Nothing, Is(Field::Status, Number, 0)),
        row("S", Nothing, Dropped(Number)),
        row("{}t", Tells::Time, Value::Time),
        row("{us}T", Nothing, Took(Microseconds, 1)),
        row("{ms}T", Nothing, Took(Milliseconds, 2)),
        row("{s}T", Nothing, Took(Seconds, 3)),
        row("T", Nothing, Took(Seconds, 3)),
        row("u", Person, Dropped(Text)),
        row("U", Content, Is(Field::Target, Text, 1)),
        row("v", Server, Is(Field::Site, Word, 0)),
        row("V", Server, Is(Field::Site, Word, 1)),
        row("{SSL_PROTOCOL}x", Nothing, Dropped(Word)),
        row("{SSL_CIPHER}x", Nothing, Dropped(Word)),
        row("{}x", Person, Dropped(Text)),
        row("X", Nothing, Dropped(Word)),
        row("^FB", Nothing, Dropped(Number)),
        row("^FU", Nothing, Dropped(Number)),
        row("{}^ti", Person, Dropped(Text)),
        row("{}^to", Content, Dropped(Text)),
    ]
};

/// The directives that a wrong argument makes meaningless; the others take no notice of one.
const STRICT: [&str; 3] = ["p", "P", "T"];

impl Directive {
    /// The directive of that name, `t`, and argument, `sec`.
    fn find(name: &str, argument: &str) -> Option<&'static Self> {
        let of = |row: &&Self, wanted: &str| {
            let (braced, letters) = match row.spelling.rsplit_once('}') {
                Some((braced, letters)) => (&braced[1..], letters),
                None => ("*", row.spelling),
            };
            letters == name && braced.eq_ignore_ascii_case(wanted)
        };
        let any = if !argument.is_empty() && STRICT.contains(&name) { "" } else { "*" };
        [argument, "", any].iter().find_map(|wanted| DIRECTIVES.iter().find(|row| of(row, wanted)))
    }
}

/// The format that a `LogFormat` string describes, as it is after the configuration's quotes are taken off.
///
/// # Errors
///
/// A directive that neither Apache nor `declared` knows, values with nothing between them, no time, no request.
pub fn compile(string: &str, declared: &Declared) -> Result<Format, StringError> {
    let template = template(string, declared)?;
    if !template.has(Field::Time) || !template.time_pattern().is_none_or(pattern::has_date) {
        return Err(StringError::NoTime);
    }
    if !template.has(Field::Request) && !template.has(Field::Target) {
        return Err(StringError::NoRequest);
    }
    Ok(Format { named: &OWN_APACHE, grammar: Grammar::Template(Arc::new(template)) })
}

/// The template of a string, which may lack a time and a request.
fn template(string: &str, declared: &Declared) -> Result<Template, StringError> {
    Ok(builder(string, declared)?.finish(false))
}

fn builder(string: &str, declared: &Declared) -> Result<Builder, StringError> {
    let mut parts = Vec::new();
    let mut at = 0;
    while at < string.len() {
        at = if string[at..].starts_with('%') {
            Written::read(string, at)?.parts(declared, &mut parts)?
        } else {
            literal(string, at, &mut parts)
        };
    }
    // Lines have no line ends in them; one that the string ends with leaves an empty line behind.
    if let Some(Part::Literal(last)) = parts.last_mut() {
        let kept = last.trim_ascii_end().len();
        let ends = last[kept..].iter().position(|byte| matches!(byte, b'\r' | b'\n'));
        last.truncate(kept + ends.unwrap_or(last.len() - kept));
    }
    demote_times_without_a_date(&mut parts);
    let mut builder = Builder::new(Some(Escaping::Log));
    for part in parts {
        match part {
            Part::Literal(text) => builder.literal(&text),
            Part::Value(name, capture) => builder.capture(name, capture)?,
        }
    }
    Ok(builder)
}

/// A part of a string: what stands there as it is, or a value and how it is written.
enum Part<'a> {
    Literal(Vec<u8>),
    Value(&'a str, Capture),
}

impl Part<'_> {
    /// The pattern, if it is a time that has one.
    fn pattern(&self) -> Option<(&[TimeItem], u8)> {
        match self {
            Self::Value(_, capture) if !capture.pattern.is_empty() => {
                Some((&capture.pattern, capture.rank))
            }
            _ => None,
        }
    }
}

/// What is added to the rank of a time that tells no date: it is used only when there is no other.
const WITHOUT_A_DATE: u8 = 64;

/// Ranks times that go together, with nothing but literals between them, behind all others if they
/// tell no date.
fn demote_times_without_a_date(parts: &mut [Part<'_>]) {
    let mut start = 0;
    while start < parts.len() {
        let Some((_, rank)) = parts[start].pattern() else {
            start += 1;
            continue;
        };
        let goes_on = |part: &&Part<'_>| match part {
            Part::Literal(_) => true,
            Part::Value(..) => part.pattern().is_some_and(|(_, other)| other == rank),
        };
        let end = start + parts[start..].iter().take_while(goes_on).count();
        let times = &mut parts[start..end];
        let patterns = times.iter().filter_map(Part::pattern);
        let items: Vec<TimeItem> = patterns.flat_map(|(items, _)| items.iter().copied()).collect();
        if !pattern::has_date(&items) {
            for part in times {
                if let Part::Value(_, capture) = part {
                    capture.rank += WITHOUT_A_DATE;
                }
            }
        }
        start = end;
    }
}

/// Adds the literal that begins at `at`; returns where it ends.
fn literal(string: &str, at: usize, parts: &mut Vec<Part<'_>>) -> usize {
    let rest = &string[at..];
    let raw = &rest.as_bytes()[..rest.find('%').unwrap_or(rest.len())];
    let mut text = Vec::with_capacity(raw.len());
    let mut bytes = raw.iter();
    while let Some(byte) = bytes.next() {
        let escaped = match bytes.as_slice().first() {
            Some(letter @ (b'\\' | b'"' | b'\'')) if *byte == b'\\' => Some(*letter),
            Some(b'n') if *byte == b'\\' => Some(b'\n'),
            Some(b'r') if *byte == b'\\' => Some(b'\r'),
            Some(b't') if *byte == b'\\' => Some(b'\t'),
            _ => None,
        };
        if escaped.is_some() {
            bytes.next();
        }
        text.push(escaped.unwrap_or(*byte));
    }
    parts.push(Part::Literal(text));
    at + raw.len()
}

/// A directive as it stands in a string.
struct Written<'a> {
    /// All of it, from the percent sign on.
    spelling: &'a str,
    /// Where it begins and ends.
    start: usize,
    end: usize,
    name: &'a str,
    argument: &'a str,
    /// Whether it is of the request as it came (`<`) or as it was answered (`>`), if that is said.
    wants_original: Option<bool>,
    /// Whether only some statuses have a value.
    has_statuses: bool,
}

impl<'a> Written<'a> {
    /// Reads the directive that begins at `start`.
    fn read(string: &'a str, start: usize) -> Result<Self, StringError> {
        let (mut argument, mut wants_original, mut has_statuses) = ("", None, false);
        let mut at = start + 1;
        loop {
            let rest = &string[at..];
            let next = rest.chars().next().ok_or(StringError::Syntax(start))?;
            at += 1;
            match next {
                '<' => wants_original = Some(true),
                '>' => wants_original = Some(false),
                '!' | ',' => {}
                '0'..='9' => has_statuses = true,
                '{' => {
                    let length = rest.find('}').ok_or(StringError::Syntax(start))?;
                    argument = &rest[1..length];
                    at += length;
                }
                _ => {
                    let length = if next == '^' { 3 } else { next.len_utf8() };
                    let name = rest.get(..length).ok_or(StringError::Syntax(start))?;
                    let end = at - 1 + length;
                    let spelling = &string[start..end];
                    return Ok(Self {
                        spelling,
                        start,
                        end,
                        name,
                        argument,
                        wants_original,
                        has_statuses,
                    });
                }
            }
        }
    }

    /// Adds what it stands for; returns where it ends.
    fn parts(&self, declared: &Declared, parts: &mut Vec<Part<'a>>) -> Result<usize, StringError> {
        if self.name == "%" {
            parts.push(Part::Literal(b"%".to_vec()));
            return Ok(self.end);
        }
        if let Some(field) = self.declared(declared) {
            let capture = field.map_or(Capture::dropped(Class::Text), of_ones_own);
            parts.push(Part::Value(self.spelling, capture));
            return Ok(self.end);
        }
        let unknown = || StringError::Unknown(self.spelling.to_owned());
        let directive = Directive::find(self.name, self.argument).ok_or_else(unknown)?;
        let capture = match directive.value {
            Value::Time => {
                self.time_parts(parts)?;
                return Ok(self.end);
            }
            Value::Field(field, class, rank) => Capture::of(field, class).ranked(self.rank(rank)),
            Value::Took(unit, rank) => {
                Capture::duration(unit, Class::Number).ranked(self.rank(rank))
            }
            Value::Dropped(class) => Capture::dropped(class),
        };
        parts.push(Part::Value(self.spelling, capture));
        Ok(self.end)
    }

    /// What the user says that it holds: by its argument, or by all of it where Apache knows no such thing.
    fn declared(&self, declared: &Declared) -> Option<Option<Field>> {
        let holds_names = ["C", "e", "i", "n", "o", "x", "^ti", "^to"].contains(&self.name);
        let is_it = |name: &str| {
            name == self.spelling || holds_names && name.eq_ignore_ascii_case(self.argument)
        };
        declared.0.iter().find(|(name, _)| is_it(name)).map(|(_, field)| *field)
    }

    /// The rank among the directives of a field, given that of the directive without modifiers. The request is
    /// wanted as it came, the status as it was sent: `%s` is of the request as it came.
    fn rank(&self, rank: u8) -> u8 {
        let modified = match (self.name, self.wants_original) {
            ("s", Some(false)) => 0,
            ("s", None) => 1,
            ("s", Some(true)) => 2,
            (_, None) => 0,
            (_, Some(true)) => 1,
            (_, Some(false)) => 2,
        };
        3 * rank + modified
    }

    fn time_parts(&self, parts: &mut Vec<Part<'a>>) -> Result<(), StringError> {
        let (rank, format) = match self.argument.split_once(':') {
            Some(("begin", format)) => (0, format),
            Some(("end", format)) => (1, format),
            _ => match self.argument {
                "begin" => (0, ""),
                "end" => (1, ""),
                format => (0, format),
            },
        };
        let items = match format {
            "" if !self.has_statuses => {
                parts.push(Part::Literal(b"[".to_vec()));
                let time = Capture::of(Field::Time, Class::Clf).ranked(rank);
                parts.push(Part::Value(self.spelling, time));
                parts.push(Part::Literal(b"]".to_vec()));
                return Ok(());
            }
            "" => vec![TimeItem::Clf],
            "sec" => vec![TimeItem::UnixSeconds],
            "msec" => vec![TimeItem::UnixMilliseconds],
            "usec" => vec![TimeItem::UnixMicroseconds],
            "msec_frac" | "usec_frac" => vec![TimeItem::Fraction],
            format => strftime(format).ok_or(StringError::Syntax(self.start))?,
        };
        let mut time = Capture::time(items).ranked(rank);
        time.may_be_dash = self.has_statuses;
        parts.push(Part::Value(self.spelling, time));
        Ok(())
    }
}

/// A value that the user says is this field.
fn of_ones_own(field: Field) -> Capture {
    let class = match field {
        Field::Site | Field::Client | Field::Date | Field::Method => Class::Word,
        Field::Status | Field::Bytes | Field::Duration => Class::Number,
        Field::Protocol => Class::Protocol,
        _ => Class::Text,
    };
    Capture::of(field, class)
}

/// What the letters of strftime(3) stand for, as the C library writes them in its own locale.
fn strftime(format: &str) -> Option<Vec<TimeItem>> {
    let mut items = Vec::new();
    let mut bytes = format.bytes();
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            items.push(TimeItem::Literal(byte));
            continue;
        }
        // E and O ask for a locale's own digits and eras; the others change how a number is filled up.
        let is_flag = |byte: &u8| matches!(byte, b'E' | b'O' | b'-' | b'_' | b'0' | b'^' | b'#');
        items.extend_from_slice(conversion(bytes.by_ref().find(|byte| !is_flag(byte))?)?);
    }
    (!items.is_empty()).then_some(items)
}

fn conversion(letter: u8) -> Option<&'static [TimeItem]> {
    use TimeItem::{
        Century, Day, DayOfYear, Hour, Hour12, Ignored, Literal, Meridiem, Minute, Month,
        MonthName, Offset, Second, Space, UnixSeconds, WeekdayName, Year, YearOfCentury, ZoneName,
    };
    const COLON: TimeItem = Literal(b':');
    const SLASH: TimeItem = Literal(b'/');
    const DASH: TimeItem = Literal(b'-');
    const BLANK: TimeItem = Literal(b' ');
    Some(match letter {
        b'a' | b'A' => &[WeekdayName],
        b'b' | b'B' | b'h' => &[MonthName],
        b'c' => &[
            WeekdayName,
            BLANK,
            MonthName,
            BLANK,
            Day,
            BLANK,
            Hour,
            COLON,
            Minute,
            COLON,
            Second,
            BLANK,
            Year,
        ],
        b'C' => &[Century],
        b'd' | b'e' => &[Day],
        b'D' | b'x' => &[Month, SLASH, Day, SLASH, YearOfCentury],
        b'F' => &[Year, DASH, Month, DASH, Day],
        b'g' | b'G' | b'u' | b'U' | b'V' | b'w' | b'W' => &[Ignored],
        b'H' | b'k' => &[Hour],
        b'I' | b'l' => &[Hour12],
        b'j' => &[DayOfYear],
        b'm' => &[Month],
        b'M' => &[Minute],
        b'n' | b't' => &[Space],
        b'p' | b'P' => &[Meridiem],
        b'r' => &[Hour12, COLON, Minute, COLON, Second, BLANK, Meridiem],
        b'R' => &[Hour, COLON, Minute],
        b's' => &[UnixSeconds],
        b'S' => &[Second],
        b'T' | b'X' => &[Hour, COLON, Minute, COLON, Second],
        b'y' => &[YearOfCentury],
        b'Y' => &[Year],
        b'z' => &[Offset],
        b'Z' => &[ZoneName],
        b'%' => &[Literal(b'%')],
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::field::LineMap;

    /// The fields of a line, by name, or why there are none.
    fn show(string: &str, line: &str) -> String {
        let template = match template(string, &Declared::default()) {
            Ok(template) => template,
            Err(error) => return format!("{error:?}"),
        };
        let mut map = LineMap::default();
        if let Err(reason) = template.map(line.as_bytes(), &mut map) {
            return reason.word().to_owned();
        }
        let shown = |field: Field| {
            let value = map.find(field, line.as_bytes())?;
            Some(format!("{}={}", field.name(), std::str::from_utf8(value).unwrap()))
        };
        Field::ALL.into_iter().filter_map(shown).collect::<Vec<_>>().join("|")
    }

    #[track_caller]
    fn check(string: &str, line: &str, expect: &str) {
        assert_eq!(show(string, line), expect, "{string}\n{line}");
    }

    const TIME: &str = "22/Nov/2026:14:05:37 +0000";

    #[test]
    fn users_may_be_called_what_they_like() {
        for user in [
            "-",
            "bob smith",
            r#"eve\"quote"#,
            "] [x",
            "[",
            r#""""#,
            "",
            r"back\\slash",
            &format!("[{TIME}]"),
            &format!(r#"x [{TIME}] \"GET / HTTP/1.1\" 200 5"#),
        ] {
            let line = format!(r#"192.0.2.7 - {user} [{TIME}] "GET /a HTTP/1.1" 200 5"#);
            let expect =
                format!("client=192.0.2.7|time={TIME}|request=GET /a HTTP/1.1|status=200|bytes=5");
            check(r#"%h %l %u %t "%r" %>s %b"#, &line, &expect);
            let line = line.replace(TIME, "22/Nov/2026 14:05:37.867 +0000");
            let expect = expect.replace(TIME, "22/Nov/2026 14:05:37.867 +0000");
            let time = "[%{%d/%b/%Y %T}t.%{msec_frac}t %{%z}t]";
            check(&format!(r#"%h %l %u {time} "%r" %>s %b"#), &line, &expect);
        }
        for user in [r#"a"b"#, r#"" [x"#, r#"""x"#] {
            let line = format!(r#"192.0.2.7 - {user} [{TIME}] "GET /a HTTP/1.1" 200 5"#);
            check(r#"%h %l %u %t "%r" %>s %b"#, &line, "not-this-format");
        }
    }

    #[test]
    fn the_best_of_several_is_used() {
        check("%<s %s %>s", "201 202 203", "status=203");
        check("%<s %s", "201 202", "status=202");
        check("%>r|%r", "GET /b|GET /a", "request=GET /a");
        check("%{c}a %h %a", "192.0.2.1 192.0.2.2 192.0.2.3", "client=192.0.2.3");
        check("%{c}a %h", "192.0.2.1 192.0.2.2", "client=192.0.2.2");
        check("%{c}a", "192.0.2.1", "client=192.0.2.1");
        check("%O %b", "1 2", "bytes=2");
        check("%O %I", "1 2", "bytes=1");
        check("%V %v", "a.example.com b.example.com", "site=b.example.com");
        check("%{end:sec}t %{sec}t", "1795356338 1795356337", "time=1795356337");
        check(
            "%{%H:%M}t %h %{sec}t",
            "14:05 192.0.2.7 1795356337",
            "client=192.0.2.7|time=1795356337",
        );
        check("%T %{ms}T %D", "1 1042 1042317", "duration=1042317");
        check("%T %{MS}T", "1 1042", "duration=1042");
    }

    #[test]
    fn headers_have_no_case_and_most_are_dropped() {
        check("%{user-AGENT}i", "curl/8.5.0", "agent=curl/8.5.0");
        check(r#""%{referer}i""#, r#""-""#, "referrer=-");
        check(r#""%{X-Real-IP}i" %m"#, r#""192.0.2.7" GET"#, "method=GET");
        check(
            r#""%{X-Forwarded-For}i" "%{Forwarded}i" "%{Host}i""#,
            r#""192.0.2.7, 192.0.2.8" "for=192.0.2.9" "example.com""#,
            "site=example.com|forwarded=192.0.2.7, 192.0.2.8",
        );
        check(
            r#""%{Accept-Language}i" "%{DNT}i" "%{Sec-GPC}i" "%{Cookie}i""#,
            r#""en-GB, en" "1" "-" "a=b; c=d""#,
            "language=en-GB, en|dnt=1|gpc=-|cookie=a=b; c=d",
        );
    }

    #[test]
    fn paths_and_queries() {
        let line = r#""GET /a b?q=foo HTTP/1.1" 200"#;
        check(
            r#""%m %U%q %H" %>s"#,
            line,
            "method=GET|target=/a b?q=foo|protocol=HTTP/1.1|status=200",
        );
        check(r#""%U" "%q""#, r#""/a" "?q=foo""#, "target=/a|query=?q=foo");
        check(
            "%{Referer}i -> %U",
            "http://example.com/ -> /a",
            "target=/a|referrer=http://example.com/",
        );
    }

    #[test]
    fn addresses_with_ports() {
        check("%a:%{remote}p %m", "192.0.2.7:44782 GET", "client=192.0.2.7|method=GET");
        check("%a:%{remote}p %m", "2001:db8::1:44782 GET", "client=2001:db8::1|method=GET");
        check("%a:%{remote}p", "2001:db8::1:44782", "client=2001:db8::1");
        check("%v:%p:%P %m", "example.com:443:17 GET", "site=example.com|method=GET");
        check("%a:%p <-> %A:%p", "192.0.2.7:80 <-> 192.0.2.8:81", "client=192.0.2.7");
        check("%a:%p %m", "192.0.2.7 GET", "not-this-format");
    }

    #[test]
    fn a_value_for_some_statuses_may_be_a_dash() {
        check("%400,501{User-agent}i %m", "- GET", "method=GET|agent=-");
        check(r#""%!200,304{Referer}i" %m"#, r#""-" GET"#, "method=GET|referrer=-");
        check("%200t %h", "- 192.0.2.7", "client=192.0.2.7|time=-");
        check(
            "%200t %h",
            &format!("[{TIME}] 192.0.2.7"),
            &format!("client=192.0.2.7|time=[{TIME}]"),
        );
        check("%u %200{%F %T}t %h", "a b - 192.0.2.7", "client=192.0.2.7|time=-");
        check("%t", "-", "not-this-format");
        check("%{%F}t", "-", "not-this-format");
        for same in ["%>{s}!200T", "%{s}!200>T", "%<200<!>T", "%><{s}!200>T"] {
            check(same, "-", "duration=-");
        }
    }

    #[test]
    fn times() {
        for string in ["%t", "%{}t", "%{begin}t", "%{end:}t", "%<t", "[%{%d/%b/%Y:%T %z}t]"] {
            check(string, &format!("[{TIME}]"), &format!("time={TIME}"));
        }
        for (string, line) in [
            ("%{%Y-%m-%dT%H:%M:%S}t.%{usec_frac}t%{%z}t", "2026-11-22T14:05:37.123456-0400"),
            ("%{%F}t %{%T}t", "2026-11-22 14:05:37"),
            ("%{%D %r}t", "11/22/26 02:05:37 PM"),
            ("%{%c}t", "Sun Nov  1 14:05:37 2026"),
            ("%{%A, %d-%b-%y %k:%M}t", "Wednesday, 25-November-26  9:05"),
            ("%{%-d.%_m.%EY %Oy%%}t", "2.11.2026 26%"),
            ("%{%s@%Z}t", "1795356337@CEST"),
            ("%{sec}t.%{msec_frac}t", "1795356337.867"),
            ("%{msec}t", "1795356337867"),
            ("%{begin:usec}t", "1795356337867123"),
            ("%{end:%G-%V-%u %C%y-%j %I%p}t", "2026-47-7 2026-326 02PM"),
            ("%{%Y%n%m%t%d}t", "20261122"),
            ("%{%x %X %w}t", "11/22/26 14:05:37 0"),
        ] {
            let line = format!("{line} GET / HTTP/1.1");
            let expect = format!("time={}|request=GET / HTTP/1.1", &line[..line.len() - 15]);
            check(&format!("{string} %r"), &line, &expect);
        }
    }

    #[test]
    fn strings_that_servers_run_with() {
        check(
            r#"%{X-Forwarded-For}i %l %u %t "%r" %>s %b"#,
            &format!(r#"192.0.2.7, 192.0.2.8 - a b [{TIME}] "GET / HTTP/1.1" 200 -"#),
            &format!(
                "forwarded=192.0.2.7, 192.0.2.8|time={TIME}|request=GET / HTTP/1.1|status=200|bytes=-"
            ),
        );
        check(
            r#"%a %{c}a %t "%r" "%{Cookie}i" %D %{SSL_PROTOCOL}x %{UNIQUE_ID}e"#,
            &format!(r#"192.0.2.7 192.0.2.1 [{TIME}] "GET / HTTP/2.0" "-" 317 TLSv1.3 Zx@-"#),
            &format!("client=192.0.2.7|time={TIME}|request=GET / HTTP/2.0|duration=317|cookie=-"),
        );
        check(
            concat!(
                r#"{"time":"%{%Y-%m-%dT%H:%M:%S}t.%{usec_frac}t%{%z}t","ip":"%a","user":"%u","uri":"%U","#,
                r#""query":"%q","proto":"%H","status":%>s,"bytes":%B,"us":%D,"ua":"%{User-Agent}i"}"#
            ),
            concat!(
                r#"{"time":"2026-11-22T14:05:37.867123+0000","ip":"2001:db8::1","user":"a\"b","#,
                r#""uri":"/a","query":"?b=c","proto":"HTTP/1.1","status":200,"bytes":5,"us":317,"#,
                r#""ua":"x\"y"}"#
            ),
            concat!(
                r"client=2001:db8::1|time=2026-11-22T14:05:37.867123+0000|target=/a|query=?b=c|",
                r#"protocol=HTTP/1.1|status=200|bytes=5|duration=317|agent=x\"y"#
            ),
        );
        check(
            r#"%{sec}t %a %u "%m %U%q %H" %s %>s %B %T %k %X %P"#,
            r#"1795356337 192.0.2.7 "" "GET /a?b HTTP/1.1" 401 200 5 0 1 + 4711"#,
            "client=192.0.2.7|time=1795356337|method=GET|target=/a?b|protocol=HTTP/1.1|\
             status=200|bytes=5|duration=0",
        );
        check(
            r#"%t %h %{SSL_PROTOCOL}x %{SSL_CIPHER}x "%r" %b"#,
            &format!(r#"[{TIME}] 192.0.2.7 - - "GET / HTTP/1.1" 5"#),
            &format!("client=192.0.2.7|time={TIME}|request=GET / HTTP/1.1|bytes=5"),
        );
    }

    #[test]
    fn literals_and_what_escapes_in_them() {
        check(r#"\"%m\"\t%>s%%\\\n"#, "\"GET\"\t200%\\", "method=GET|status=200");
        check(r"a\b%m", r"a\bGET", "method=GET");
        check("%m \\r\\n", "GET ", "method=GET");
    }

    #[test]
    fn every_directive_of_the_manuals_is_known() {
        let line = "Wa x";
        for directive in DIRECTIVES {
            let spelling = directive.spelling.replace("{}", "{sec}");
            let template = template(&format!("%{spelling} x"), &Declared::default());
            assert!(template.is_ok(), "%{spelling}");
            let _ = template.unwrap().map(line.as_bytes(), &mut LineMap::default());
            let may_be_kept = !matches!(directive.value, Value::Dropped(_));
            assert!(may_be_kept || directive.identifies != Tells::Time, "%{spelling}");
        }
    }

    #[test]
    fn what_is_wrong_with_a_string() {
        let error = |string: &str| compile(string, &Declared::default()).map(|_| ()).unwrap_err();
        let unknown = |text: &str| StringError::Unknown(text.to_owned());
        assert_eq!(error("%t %r %Z"), unknown("%Z"));
        assert_eq!(error("%t %r %>{a}é x"), unknown("%>{a}é"));
        assert_eq!(error("%t %r %^xy"), unknown("%^xy"));
        assert_eq!(error("%t %r %{x}p"), unknown("%{x}p"));
        assert_eq!(error("%t %r %{min}T"), unknown("%{min}T"));
        assert_eq!(error("%t %r %"), StringError::Syntax(6));
        assert_eq!(error("%t %r %200"), StringError::Syntax(6));
        assert_eq!(error("%t %{Referer"), StringError::Syntax(3));
        assert_eq!(error("%^F"), StringError::Syntax(0));
        assert_eq!(error("%r %{%Q}t"), StringError::Syntax(3));
        assert_eq!(error("%r %{%}t"), StringError::Syntax(3));
        assert_eq!(error("%h%a"), StringError::NothingBetween("%h".into(), "%a".into()));
        assert_eq!(error(r#""%r" %>s"#), StringError::NoTime);
        assert_eq!(error(r#"%{%H:%M}t "%r""#), StringError::NoTime);
        assert_eq!(error("%t %h %m"), StringError::NoRequest);
        assert_eq!(error(""), StringError::NoTime);
        assert!(compile(r#"%{%H:%M}t %h %{sec}t "%r""#, &Declared::default()).is_ok());
        assert!(compile("%t %U", &Declared::default()).is_ok());
    }

    #[test]
    fn variables_of_ones_own_are_what_is_declared() {
        let declared =
            [("ORIGIN", Some(Field::Client)), ("x-real-ip", Some(Field::Client)), ("%Z", None)];
        let declared = declared.map(|(name, field)| (name.to_owned(), field));
        let declared = Declared(declared.into_iter().collect());
        let line = b"192.0.2.7 x";
        for string in ["%{ORIGIN}e x", "%{origin}n x", "%{X-Real-IP}i x", "%{ORIGIN}o %Z"] {
            let template = template(string, &declared).unwrap();
            let mut map = LineMap::default();
            assert_eq!(template.map(line, &mut map), Ok(()), "{string}");
            assert_eq!(map.find(Field::Client, line), Some(&line[..9]), "{string}");
        }
    }

    #[test]
    fn formats_with_a_name() {
        let map = |name: &str, line: &str| {
            let mut map = LineMap::default();
            Format::named(name).unwrap().map(line.as_bytes(), &mut map)?;
            Ok::<_, crate::field::Reason>(map)
        };
        let combined = Format::combined().example();
        for (tail, expect) in [
            (r#"240 "a@docker -> b@docker" "http://198.51.100.3:80" 12ms"#, true),
            (r#"240 "-" "-" 0ms"#, true),
            ("240 - - 0ms", true),
            (r#"240 - "x" 0ms"#, true),
            (r#"240 "a" "b" "c" 0ms"#, false),
            (r#"240 "a" "b" 0"#, false),
            (r#"240 "a" 0ms"#, false),
            ("240 a b 0ms", false),
        ] {
            let line = format!("{combined} {tail}");
            assert_eq!(map("traefik-clf", &line).is_ok(), expect, "{tail}");
        }
        let unanswered = combined.replace("200 5120", "- -") + r#" 7 "-" "-" 3ms"#;
        let found = map("traefik-clf", &unanswered).unwrap();
        assert_eq!(found.part(Field::Status, unanswered.as_bytes()), b"-");
        assert_eq!(found.part(Field::Duration, unanswered.as_bytes()), b"3");
        assert_eq!(found.duration_unit, DurationUnit::Milliseconds);
        for name in ["icecast", "combinedio", "vhost-common", "vhost-combined-bare"] {
            assert!(map(name, combined).is_err(), "{name}");
        }
        assert!(map("icecast", &format!(r#"{combined} "-""#)).is_err());
    }

    proptest! {
        #[test]
        fn any_string_and_any_line(
            string in r#"([%{}<>!,0-9a-zA-Z^"\\ \[\]:é-]|%[a-zA-Z]|%\{(Referer|sec|%F %T|c|us)\}[aipPtTx]){0,30}"#,
            any in any::<String>(),
            line in proptest::collection::vec(any::<u8>(), 0..80),
            text in r#"[ "\\\[\]a-z0-9:./-]{0,80}"#,
        ) {
            for string in [string, any] {
                let _ = compile(&string, &Declared::default());
                let Ok(template) = template(&string, &Declared::default()) else { continue };
                for line in [&line[..], text.as_bytes(), string.as_bytes()] {
                    let mut map = LineMap::default();
                    let _ = template.map(line, &mut map);
                    for span in Field::ALL.into_iter().filter_map(|field| map.get(field)) {
                        prop_assert!(span.start <= span.end && span.end as usize <= line.len());
                    }
                }
            }
        }

        #[test]
        fn a_line_that_is_nearly_right(at in 0..120usize, byte in any::<u8>(), cut in any::<bool>()) {
            for named in &FORMATS {
                let mut line = named.example.as_bytes().to_vec();
                let at = at % line.len();
                if cut { line.truncate(at) } else { line[at] = byte }
                let mut map = LineMap::default();
                let _ = Format::named(named.name).unwrap().map(&line, &mut map);
                for span in Field::ALL.into_iter().filter_map(|field| map.get(field)) {
                    prop_assert!(span.start <= span.end && span.end as usize <= line.len());
                }
            }
        }
    }
}
