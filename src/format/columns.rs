//! Columns that a header names: W3C extended log files, Zeek's `http.log`, Google Cloud Storage usage logs.
//!
//! A header is a line of the log itself, and another may follow in mid-file. What is kept of one is which
//! column is which field: no name, no byte. Lines under a header that lacks a time, a target or a status
//! are refused, as are lines with another number of columns: nothing is guessed, for a value read as its
//! neighbour would be transformed as the wrong field.
//!
//! The dialects differ in little. IIS writes `+` for the spaces of a value, or quotes it (Advanced Logging);
//! Incapsula quotes every value; CloudFront joins with tabs and encodes agents and cookies by percent signs.
//! Which byte separates a line's values is seen in the line, since CloudFront's header has spaces and its lines
//! have tabs. A time that only `#Date:` completes, as IIS 4 left it, is not read.

use memchr::{memchr, memchr_iter, memmem};

use super::Named;
use crate::field::{DurationUnit, Escaping, Field, LineMap, Reason, Span, TimeItem, TimePattern};

pub(super) static FORMATS: [Named; 5] = [
    Named {
        name: "w3c",
        example: "#Fields: date time c-ip cs-method cs-uri-stem cs-uri-query sc-status sc-bytes cs(User-Agent)\n\
                  2026-11-22 14:05:37 192.0.2.7 GET /index.html - 200 5120 curl/8.5.0",
        same_as: None,
        grammar: || Columns::unseen(Dialect::W3c),
    },
    Named {
        name: "iis",
        example: "#Fields: date time s-ip cs-method cs-uri-stem cs-uri-query s-port cs-username c-ip \
                  cs(User-Agent) cs(Referer) sc-status sc-substatus sc-win32-status time-taken\n\
                  2026-11-22 14:05:37 198.51.100.1 GET /index.html - 443 - 192.0.2.7 curl/8.5.0 - 200 0 0 15",
        same_as: None,
        grammar: || Columns::unseen(Dialect::Iis),
    },
    Named {
        name: "cloudfront",
        example: "#Fields: date time x-edge-location sc-bytes c-ip cs-method cs(Host) cs-uri-stem sc-status \
                  cs(Referer) cs(User-Agent) cs-uri-query\n\
                  2026-11-22\t14:05:37\tFRA2\t5120\t192.0.2.7\tGET\twww.example.com\t/index.html\t200\t-\t\
                  curl/8.5.0\t-",
        same_as: None,
        grammar: || Columns::unseen(Dialect::CloudFront),
    },
    Named {
        name: "zeek",
        example: "#fields\tts\tid.orig_h\tmethod\thost\turi\treferrer\tuser_agent\tresponse_body_len\tstatus_code\n\
                  1795356337.000000\t192.0.2.7\tGET\twww.example.com\t/index.html\t-\tcurl/8.5.0\t5120\t200",
        same_as: None,
        grammar: || Columns::unseen(Dialect::Zeek),
    },
    Named {
        name: "gcs",
        example: "\"time_micros\",\"c_ip\",\"cs_method\",\"cs_uri\",\"sc_status\",\"sc_bytes\",\"cs_user_agent\"\n\
                  \"1795356337000000\",\"192.0.2.7\",\"GET\",\"/bucket/index.html\",\"200\",\"5120\",\"curl/8.5.0\"",
        same_as: None,
        grammar: || Columns::unseen(Dialect::Gcs),
    },
];

/// What every header line of Google Cloud Storage begins with.
pub(super) const CSV_HEADER: &[u8] = b"\"time_micros\"";

/// The most columns that a header may have: IIS can log 40, Zeek 32. More of them are no header of ours.
const COLUMNS_MAX: usize = 256;

/// The columns of W3C extended files, each with a rank: of several columns that are one field, that of the
/// lowest rank is read.
const W3C: &[(&str, Field, u8)] = &[
    ("date", Field::Date, 0),
    ("time", Field::Time, 0),
    ("date-utc", Field::Date, 1),
    ("time-utc", Field::Time, 1),
    ("date-local", Field::Date, 2),
    ("time-local", Field::Time, 2),
    ("c-ip", Field::Client, 0),
    ("cs-method", Field::Method, 0),
    ("cs-uri-stem", Field::Target, 0),
    ("cs-uri", Field::Target, 1),
    ("cs-uri-query", Field::Query, 0),
    ("sc-status", Field::Status, 0),
    ("sc-status-code", Field::Status, 1),
    ("sc-bytes", Field::Bytes, 0),
    ("bytes", Field::Bytes, 1),
    ("time-taken", Field::Duration, 0),
    ("timetakenms", Field::Duration, 1),
    ("cs(user-agent)", Field::Agent, 0),
    ("cs(referer)", Field::Referrer, 0),
    ("cs(referrer)", Field::Referrer, 1),
    ("cs-protocol-version", Field::Protocol, 0),
    ("cs-version", Field::Protocol, 1),
    // In CloudFront's files, cs(Host) is the distribution's own name.
    ("x-host-header", Field::Site, 0),
    ("cs-host", Field::Site, 1),
    ("cs(host)", Field::Site, 2),
    ("x-forwarded-for", Field::Forwarded, 0),
    ("cs(x-forwarded-for)", Field::Forwarded, 1),
    ("cs(accept-language)", Field::Language, 0),
    ("cs(cookie)", Field::Cookie, 0),
    ("cs(dnt)", Field::Dnt, 0),
    ("cs(sec-gpc)", Field::Gpc, 0),
];

/// The columns of Zeek's `http.log`.
const ZEEK: &[(&str, Field, u8)] = &[
    ("ts", Field::Time, 0),
    ("id.orig_h", Field::Client, 0),
    ("method", Field::Method, 0),
    ("host", Field::Site, 0),
    ("uri", Field::Target, 0),
    ("referrer", Field::Referrer, 0),
    ("version", Field::Protocol, 0),
    ("user_agent", Field::Agent, 0),
    ("response_body_len", Field::Bytes, 0),
    ("status_code", Field::Status, 0),
];

/// The columns of Google Cloud Storage usage logs.
const GCS: &[(&str, Field, u8)] = &[
    ("time_micros", Field::Time, 0),
    ("c_ip", Field::Client, 0),
    ("cs_method", Field::Method, 0),
    ("cs_uri", Field::Target, 0),
    ("sc_status", Field::Status, 0),
    ("sc_bytes", Field::Bytes, 0),
    ("time_taken_micros", Field::Duration, 0),
    ("cs_host", Field::Site, 0),
    ("cs_referer", Field::Referrer, 0),
    ("cs_user_agent", Field::Agent, 0),
];

/// Who wrote the file, as far as it matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
enum Dialect {
    W3c,
    Iis,
    CloudFront,
    Zeek,
    Gcs,
}

impl Dialect {
    const fn names(self) -> &'static [(&'static str, Field, u8)] {
        match self {
            Self::W3c | Self::Iis | Self::CloudFront => W3C,
            Self::Zeek => ZEEK,
            Self::Gcs => GCS,
        }
    }

    /// How agents and cookies are escaped, and what else visitors write.
    const fn escaping(self) -> Escaping {
        match self {
            Self::W3c | Self::Iis | Self::Gcs => Escaping::Plus,
            Self::CloudFront => Escaping::Percent,
            Self::Zeek => Escaping::Log,
        }
    }

    /// Whether `value` has escapes to undo before it is read.
    fn is_escaped(self, field: Field, value: &[u8]) -> bool {
        match (self, field) {
            // With spaces in it, it was quoted, and a plus is a plus.
            (Self::W3c | Self::Iis, Field::Agent | Field::Cookie) => {
                memchr(b'+', value).is_some() && memchr(b' ', value).is_none()
            }
            (Self::CloudFront, Field::Agent | Field::Cookie) => memchr(b'%', value).is_some(),
            (Self::Zeek, Field::Agent | Field::Referrer | Field::Target) => {
                memchr(b'\\', value).is_some()
            }
            _ => false,
        }
    }

    /// Whether a value may stand in quotes.
    const fn has_quotes(self) -> bool {
        matches!(self, Self::W3c | Self::Iis | Self::Gcs)
    }

    /// The byte between the values of `line`.
    fn separator(self, line: &[u8]) -> u8 {
        match self {
            Self::Zeek => b'\t',
            Self::Gcs => b',',
            Self::W3c | Self::Iis | Self::CloudFront => {
                let first = line.iter().find(|byte| matches!(**byte, b' ' | b'\t'));
                first.copied().unwrap_or(b' ')
            }
        }
    }
}

/// Which columns of a line are which fields.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Columns {
    dialect: Dialect,
    /// The field of each column. There are none if no header has come, or one that cannot be used.
    fields: Box<[Option<Field>]>,
    unit: DurationUnit,
}

/// The directives of Zeek.
const ZEEK_DIRECTIVES: [&[u8]; 9] = [
    b"close",
    b"empty_field",
    b"fields",
    b"open",
    b"path",
    b"separator",
    b"set_separator",
    b"types",
    b"unset_field",
];

/// Whether the line is a directive: `#`, a name, and a colon, or one of the names of Zeek.
pub(super) fn is_directive(line: &[u8]) -> bool {
    let Some(text) = line.strip_prefix(b"#") else { return false };
    let is_part = |byte: &u8| byte.is_ascii_alphabetic() || matches!(byte, b'-' | b' ');
    let name = text.iter().take_while(|byte| is_part(byte)).count();
    let word = text.split(|byte| matches!(byte, b' ' | b'\t')).next();
    (name > 0 && text.get(name) == Some(&b':'))
        || word.is_some_and(|word| ZEEK_DIRECTIVES.contains(&word))
}

/// What a header line says of the lines after it; nothing if it is no header.
pub(super) fn header(line: &[u8]) -> Option<Columns> {
    if let Some(names) = line.strip_prefix(b"#fields\t") {
        let names: Vec<_> = names.split(|byte| *byte == b'\t').collect();
        return Some(Columns::of(Dialect::Zeek, &names, DurationUnit::Seconds));
    }
    if line.starts_with(CSV_HEADER) {
        let names: Vec<_> = line.split(|byte| *byte == b',').map(without_quotes).collect();
        return Some(Columns::of(Dialect::Gcs, &names, DurationUnit::Microseconds));
    }
    let (keyword, names) = line.split_at_checked(b"#Fields:".len())?;
    if !keyword.eq_ignore_ascii_case(b"#Fields:") {
        return None;
    }
    let names = names.split(|byte| matches!(byte, b' ' | b'\t'));
    let names: Vec<_> = names.filter(|name| !name.is_empty()).collect();
    let has = |wanted: &[u8]| names.iter().any(|name| name.eq_ignore_ascii_case(wanted));
    let is_edge = |name: &&[u8]| name.to_ascii_lowercase().starts_with(b"x-edge-");
    let dialect = if names.iter().any(is_edge) {
        Dialect::CloudFront
    } else if has(b"s-sitename") || has(b"sc-substatus") || has(b"sc-win32-status") {
        Dialect::Iis
    } else {
        Dialect::W3c
    };
    // The draft of W3C has seconds, and so has NetScaler, which alone names a service. IIS, and most who
    // write files like its own, log milliseconds.
    let unit = match dialect {
        Dialect::CloudFront => DurationUnit::Seconds,
        _ if has(b"sc-servicename") => DurationUnit::Seconds,
        _ => DurationUnit::Milliseconds,
    };
    Some(Columns::of(dialect, &names, unit))
}

fn without_quotes(name: &[u8]) -> &[u8] {
    name.strip_prefix(b"\"").and_then(|name| name.strip_suffix(b"\"")).unwrap_or(name)
}

impl Columns {
    /// A format whose header is still to come.
    fn unseen(dialect: Dialect) -> super::Grammar {
        super::Grammar::Columns(Self::unusable(dialect).into())
    }

    fn unusable(dialect: Dialect) -> Self {
        Self { dialect, fields: Box::default(), unit: DurationUnit::Seconds }
    }

    /// The columns of those names.
    fn of(dialect: Dialect, names: &[&[u8]], unit: DurationUnit) -> Self {
        let known = |name: &[u8]| {
            let mut table = dialect.names().iter();
            let found = table.find(|(known, ..)| known.as_bytes().eq_ignore_ascii_case(name));
            found.map(|(_, field, rank)| (*field, *rank))
        };
        let known: Vec<_> = names.iter().map(|name| known(name)).collect();
        let ranks = |field: Field| {
            let of_field = known.iter().flatten().filter(move |(found, _)| *found == field);
            of_field.map(|(_, rank)| *rank)
        };
        // A date in UTC and a time of a place are not one moment.
        let has_dates = dialect.names() == W3C;
        let clock = if has_dates {
            ranks(Field::Date).filter(|rank| ranks(Field::Time).any(|time| time == *rank)).min()
        } else {
            ranks(Field::Time).min()
        };
        let best = |field: Field| match field {
            Field::Date | Field::Time => clock,
            _ => ranks(field).min(),
        };
        let is_whole = [Field::Time, Field::Target, Field::Status]
            .into_iter()
            .all(|field| best(field).is_some());
        if !is_whole || names.len() > COLUMNS_MAX {
            return Self::unusable(dialect);
        }
        let mut taken = LineMap::default();
        let fields = known.iter().map(|column| {
            let (field, rank) = (*column)?;
            if best(field) != Some(rank) || taken.has(field) {
                return None;
            }
            taken.set(field, Span::default(), false);
            Some(field)
        });
        Self { dialect, fields: fields.collect(), unit }
    }

    /// The format's name and example.
    pub(super) const fn named(&self) -> &'static Named {
        &FORMATS[self.dialect as usize]
    }

    /// Whether a header was seen that names all that is needed.
    pub(super) const fn is_usable(&self) -> bool {
        !self.fields.is_empty()
    }

    /// How times are written where no date stands beside them.
    pub(super) const fn time_pattern(&self) -> Option<&'static TimePattern> {
        match self.dialect {
            Dialect::W3c | Dialect::Iis | Dialect::CloudFront => None,
            Dialect::Zeek => Some(&[TimeItem::UnixSeconds]),
            Dialect::Gcs => Some(&[TimeItem::UnixMicroseconds]),
        }
    }

    /// Notes in `map` where the fields of `line` sit.
    pub(super) fn map(&self, line: &[u8], map: &mut LineMap) -> Result<(), Reason> {
        if !self.is_usable() {
            return Err(Reason::NotThisFormat);
        }
        map.escaping = self.dialect.escaping();
        map.duration_unit = self.unit;
        let separator = self.dialect.separator(line);
        let mut line = line;
        while let Some(rest) = line.strip_suffix(b" ").filter(|_| separator == b' ') {
            line = rest;
        }
        // Each column is a piece at least. Where there are no more pieces than columns, no value has the
        // separator in it, whatever quotes a visitor sent; else quotes say where values end.
        let pieces = memchr_iter(separator, line).count() + 1;
        let is_quoted = self.dialect.has_quotes() && pieces > self.fields.len();
        let mut at = 0;
        for (index, field) in self.fields.iter().enumerate() {
            if index > 0 {
                if line.get(at) != Some(&separator) {
                    return Err(Reason::NotThisFormat);
                }
                at += 1;
            }
            let (span, end) =
                self.value(line, at, separator, is_quoted).ok_or(Reason::NotThisFormat)?;
            if let Some(field) = *field {
                self.set(field, span, line, map);
            }
            at = end;
        }
        if at == line.len() { Ok(()) } else { Err(Reason::NotThisFormat) }
    }

    /// The value at `at` without its quotes, and where it ends with them. A doubled quote stays doubled: no
    /// field is read otherwise for it.
    fn value(
        &self,
        line: &[u8],
        at: usize,
        separator: u8,
        is_quoted: bool,
    ) -> Option<(Span, usize)> {
        let text = &line[at..];
        if is_quoted && let Some(quoted) = text.strip_prefix(b"\"") {
            let end = at + 1 + closing_quote(quoted)?;
            return Some((span(at + 1, end), end + 1));
        }
        let end = memchr(separator, text).map_or(line.len(), |length| at + length);
        let is_in_quotes = end - at > 1 && line[at] == b'"' && line[end - 1] == b'"';
        if is_in_quotes && self.dialect.has_quotes() {
            return Some((span(at + 1, end - 1), end));
        }
        Some((span(at, end), end))
    }

    fn set(&self, field: Field, value: Span, line: &[u8], map: &mut LineMap) {
        let text = value.of(line);
        let mut value = value;
        match field {
            // Incapsula has no number for an answer that never came.
            Field::Bytes if text.is_empty() => return,
            // IIS and CloudFront write an integer and a fraction; Tomcat, with IIS's names, a fraction.
            Field::Duration if memchr(b'.', text).is_some() => {
                map.duration_unit = DurationUnit::Seconds;
            }
            // Incapsula writes the host before the path.
            Field::Target if !text.starts_with(b"/") && memmem::find(text, b"://").is_none() => {
                if let Some(length) = memchr(b'/', text) {
                    let slash = value.start + length as u32;
                    if !self.fields.contains(&Some(Field::Site)) {
                        map.set(Field::Site, Span { end: slash, ..value }, false);
                    }
                    value.start = slash;
                }
            }
            _ => {}
        }
        map.set(field, value, self.dialect.is_escaped(field, value.of(line)));
    }
}

fn span(start: usize, end: usize) -> Span {
    Span { start: start as u32, end: end as u32 }
}

/// Where the first quote is that does not stand for itself by being doubled.
fn closing_quote(text: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        let quote = at + memchr(b'"', &text[at..])?;
        if text.get(quote + 1) != Some(&b'"') {
            return Some(quote);
        }
        at = quote + 2;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Reads `line` under `header` and compares the fields, in the order of [`Field::ALL`], with a star after
    /// what has escapes.
    fn check(header: &str, line: &str, expect: &str) {
        let columns = super::header(header.as_bytes()).expect("a header");
        assert_eq!(shown(&columns, line), expect, "{header}\n{line}");
    }

    fn shown(columns: &Columns, line: &str) -> String {
        let mut map = LineMap::default();
        if let Err(reason) = columns.map(line.as_bytes(), &mut map) {
            return reason.word().to_owned();
        }
        let fields = Field::ALL.into_iter().filter_map(|field| {
            let value = std::str::from_utf8(map.find(field, line.as_bytes())?).unwrap();
            let mut star = map.escaping_of(field).map_or(String::new(), |how| format!(" *{how:?}"));
            if field == Field::Duration {
                star = format!(" {:?}", map.duration_unit);
            }
            Some(format!("{}={value}{star}", field.name()))
        });
        fields.collect::<Vec<_>>().join("|")
    }

    #[test]
    fn iis() {
        let header = "#Fields: date time s-sitename s-ip cs-method cs-uri-stem cs-uri-query cs-username c-ip \
                      cs-version cs(User-Agent) cs(Cookie) cs(Referer) cs-host sc-status sc-win32-status \
                      sc-bytes cs-bytes time-taken ";
        check(
            header,
            "2026-11-22 14:05:37 W3SVC1 198.51.100.1 GET /a b=1 alice 192.0.2.7 HTTP/1.1 Mozilla/5.0+(X11) \
             id=alice https://example.com/ www.example.com 200 0 5120 214 1687",
            "site=www.example.com|client=192.0.2.7|time=14:05:37|date=2026-11-22|method=GET|target=/a|query=b=1|\
             protocol=HTTP/1.1|status=200|bytes=5120|duration=1687 Milliseconds|referrer=https://example.com/|\
             agent=Mozilla/5.0+(X11) *Plus|cookie=id=alice",
        );
        check(header, "2026-11-22 14:05:37 W3SVC1 198.51.100.1 GET /a", "not-this-format");
        check(header, "", "not-this-format");
        let header = "#fields:\tDATE\ttime cs-uri-stem  sc-status cs(User-Agent)";
        for (agent, expect) in [
            ("curl/8.5.0", "curl/8.5.0"),
            ("-", "-"),
            ("\"a\"", "a"),
            ("\"", "\""),
            ("\"a+b\"", "a+b *Plus"),
            ("\"a+b\"c", "\"a+b\"c *Plus"),
            ("a\"b", "a\"b"),
            ("\"a b+c\"", "a b+c"),
            ("\"a\"\" b\"  ", "a\"\" b"),
            ("\"\"", ""),
        ] {
            let line = format!("2026-11-22 14:05:37 /a 200 {agent}");
            let common = "time=14:05:37|date=2026-11-22|target=/a|status=200|agent=";
            check(header, &line, &format!("{common}{expect}"));
        }
        for agent in ["\"a\" b\"", "a b", "\"a b", " a", "a  b", ""] {
            let line = format!("2026-11-22 14:05:37 /a 200 {agent}x y");
            check(header, &line, "not-this-format");
        }
        // Quotes that visitors sent to a server that does not quote do not join columns.
        check(
            "#Fields: date time cs(User-Agent) cs(Referer) cs-uri-stem sc-status",
            "2026-11-22 14:05:37 \"a b\" /a 200",
            "time=14:05:37|date=2026-11-22|target=/a|status=200|referrer=b\"|agent=\"a",
        );
    }

    #[test]
    fn advanced_logging_and_incapsula() {
        check(
            "#Fields:   date-local time-local   s-ip   cs-method cs-uri-stem cs-uri-query c-ip cs(User-Agent) \
             cs(Referer) cs(Host) sc-status sc-substatus sc-win32-status TimeTakenMS",
            "2026-11-22 15:05:37.363 198.51.100.1 GET /a - \"192.0.2.7\" \"Mozilla/5.0 (X11) a+b\" - \
             \"www.example.com\" 404 \" of \"\"words\"\" \" 0 109",
            "site=www.example.com|client=192.0.2.7|time=15:05:37.363|date=2026-11-22|method=GET|target=/a|query=-|\
             status=404|duration=109 Milliseconds|referrer=-|agent=Mozilla/5.0 (X11) a+b",
        );
        check(
            "#Fields: date time c-ip cs(User-Agent) cs-uri cs-version cs(Referrer) cs-method cs-uri-query \
             sc-status sc-bytes",
            "\"2026-11-22\" \"14:05:37\" \"192.0.2.7\" \"curl/8.5.0\" \"www.example.com/a.php\" \"HTTP\" \"\" \
             \"GET\" \"b=1\" \"200\" \"\"",
            "site=www.example.com|client=192.0.2.7|time=14:05:37|date=2026-11-22|method=GET|target=/a.php|\
             query=b=1|protocol=HTTP|status=200|referrer=|agent=curl/8.5.0",
        );
    }

    #[test]
    fn times_are_of_one_clock() {
        let rest = "cs-uri-stem sc-status";
        let line = "2026-11-22 14:05:37 2026-11-23 01:05:37 /a 200";
        let utc = "time=14:05:37|date=2026-11-22|target=/a|status=200";
        let local = "time=01:05:37|date=2026-11-23|target=/a|status=200";
        check(&format!("#Fields: date-UTC time-UTC date-local time-local {rest}"), line, utc);
        check(&format!("#Fields: date-local time-local date time {rest}"), line, local);
        check(&format!("#Fields: date x date-local time-local {rest}"), line, local);
        check(&format!("#Fields: date time date time {rest}"), line, utc);
        check(&format!("#Fields: date time-utc date-local x {rest}"), line, "not-this-format");
        check(&format!("#Fields: date time-local x x {rest}"), line, "not-this-format");
    }

    #[test]
    fn cloudfront() {
        check(
            "#Fields: date time x-edge-location sc-bytes c-ip cs-method cs(Host) cs-uri-stem sc-status cs(Referer) \
             cs(User-Agent) cs-uri-query cs(Cookie) x-host-header cs-protocol time-taken x-forwarded-for \
             cs-protocol-version",
            "2026-11-22\t14:05:37\tFRA2\t182\t192.0.2.7\tGET\td1.cloudfront.net\t/a\t200\t-\t\
             Mozilla/5.0%2520(X11)\t-\t-\twww.example.com\thttps\t0.001\t203.0.113.9\tHTTP/2.0",
            "site=www.example.com|client=192.0.2.7|forwarded=203.0.113.9|time=14:05:37|date=2026-11-22|method=GET|\
             target=/a|query=-|protocol=HTTP/2.0|status=200|bytes=182|duration=0.001 Seconds|referrer=-|\
             agent=Mozilla/5.0%2520(X11) *Percent|cookie=-",
        );
        let header = "#Fields: date time x-edge-location cs-uri-stem sc-status cs(User-Agent)";
        let line = "2026-11-22\t14:05:37\tFRA2\t/a b\t200\t\"\t";
        check(header, line, "not-this-format");
        let expect = "time=14:05:37|date=2026-11-22|target=/a b|status=200|agent=\"";
        check(header, line.trim_end(), expect);
    }

    #[test]
    fn other_writers() {
        let rest = "date time cs-uri sc-status time-taken";
        let line = |taken| format!("2026-11-22 14:05:37 /a?b 200 {taken}");
        let expect = "time=14:05:37|date=2026-11-22|target=/a?b|status=200|duration=";
        check(&format!("#Fields: {rest}"), &line("12"), &format!("{expect}12 Milliseconds"));
        check(&format!("#Fields: {rest}"), &line("0.012"), &format!("{expect}0.012 Seconds"));
        let header = format!("#Fields: sc-servicename {rest}");
        check(&header, &format!("HTTP {}", line("1")), &format!("{expect}1 Seconds"));
        check(
            "#fields\tts\tuid\tid.orig_h\tmethod\thost\turi\tversion\tuser_agent\tstatus_code\ttags",
            "1795356337.462017\tC1\t192.0.2.7\tGET\texample.com\t/a \\x22\t1.1\t\"curl 8\t200\t(empty)",
            "site=example.com|client=192.0.2.7|time=1795356337.462017|method=GET|target=/a \\x22 *Log|\
             protocol=1.1|status=200|agent=\"curl 8",
        );
    }

    #[test]
    fn cloud_storage() {
        let header = "\"time_micros\",\"c_ip\",\"c_ip_type\",\"c_ip_region\",\"cs_method\",\"cs_uri\",\
                      \"sc_status\",\"cs_bytes\",\"sc_bytes\",\"time_taken_micros\",\"cs_host\",\"cs_referer\",\
                      \"cs_user_agent\",\"s_request_id\",\"cs_operation\",\"cs_bucket\",\"cs_object\"";
        let line = |agent: &str| {
            format!(
                "\"1795356337000000\",\"192.0.2.7\",\"1\",\"\",\"GET\",\"/bucket/a,b?c\",\"200\",\"0\",\"5120\",\
                 \"91000\",\"storage.example.com\",\"\",{agent},\"x\",\"GET_Object\",\"bucket\",\"a,b\""
            )
        };
        let expect = "site=storage.example.com|client=192.0.2.7|time=1795356337000000|method=GET|\
                      target=/bucket/a,b?c|status=200|bytes=5120|duration=91000 Microseconds|referrer=|agent=";
        check(header, &line("\"curl/8.5.0\""), &format!("{expect}curl/8.5.0"));
        check(header, &line("\"\"\"a\"\",+b\""), &format!("{expect}\"\"a\"\",+b"));
        check(header, &line("\"a\"b\""), "not-this-format");
        check(header, &line("\"a\",\"b\""), "not-this-format");
        check(header, &line("\"a"), "not-this-format");
        let pattern = Some(&[TimeItem::UnixMicroseconds][..]);
        assert_eq!(super::header(header.as_bytes()).unwrap().time_pattern(), pattern);
    }

    #[test]
    fn headers_that_cannot_be_used_refuse() {
        for header in [
            "#Fields:",
            "#Fields: date c-ip cs-uri-stem cs-bytes",
            "#Fields: date time sc-status",
            "#Fields: time cs-uri-stem sc-status",
            "#fields\tts\tid.orig_h",
            "\"time_micros\"",
        ] {
            let columns = super::header(header.as_bytes()).unwrap();
            assert!(!columns.is_usable(), "{header}");
            assert_eq!(shown(&columns, "2026-11-22 14:05:37 /a 200"), "not-this-format");
            assert_eq!(shown(&columns, ""), "not-this-format");
        }
        let many =
            "#Fields: date time cs-uri-stem sc-status".to_owned() + &" x".repeat(COLUMNS_MAX);
        assert!(!super::header(many.as_bytes()).unwrap().is_usable());
        for line in
            ["", "#", "#Date: 2026-11-22", "#Fields", "Fields: date", "#fields ts", "\"time\""]
        {
            assert!(super::header(line.as_bytes()).is_none(), "{line}");
        }
    }

    #[test]
    fn headers_tell_who_wrote_them() {
        for format in &FORMATS {
            let line = format.example.lines().next().unwrap();
            assert_eq!(super::header(line.as_bytes()).unwrap().named().name, format.name);
        }
    }

    proptest! {
        #[test]
        fn no_line_under_any_header_panics(
            names in proptest::collection::vec((0..W3C.len() + ZEEK.len() + GCS.len() + 3, "[ \t,]"), 0..12),
            rows in proptest::collection::vec("[ \t,\"/.+%a0-]{0,40}|\\PC{0,20}", 1..8),
            start in 0..4_usize,
        ) {
            let all: Vec<_> = [W3C, ZEEK, GCS].concat().into_iter().map(|(name, ..)| name).collect();
            let start = ["#Fields: date time cs-uri-stem sc-status ", "#Fields: ", "\"time_micros\",", "#fields\t"]
                [start];
            let names = names.iter().map(|(name, gap)| format!("{}{gap}", all.get(*name).unwrap_or(&"x")));
            let columns = super::header((start.to_owned() + &names.collect::<String>()).as_bytes()).unwrap();
            for row in rows {
                let mut map = LineMap::default();
                if columns.map(row.as_bytes(), &mut map).is_err() {
                    continue;
                }
                let found = Field::ALL.into_iter().filter_map(|field| map.get(field));
                for span in found {
                    prop_assert!(span.start <= span.end && span.end as usize <= row.len());
                }
            }
        }
    }
}
