//! Labelled tab-separated values: `label:value` joined with tabs (ltsv.org).
//!
//! The labels are those that ltsv.org recommends, and the names of nginx's variables, which people use as they
//! are. A known label that comes twice and a column without a colon are refused: a visitor's tab
//! that the server did not escape looks like that. Servers escape as in any other of their formats.

use std::sync::LazyLock;

use memchr::memchr;

use super::{
    Grammar, Named,
    json::{Chosen, Kind, Name, Node, Shape, Table},
};
use crate::field::{DurationUnit, Escaping, Field, LineMap, Reason, Span};

pub(super) static FORMATS: [Named; 1] = [Named {
    name: "ltsv",
    example: concat!(
        "time:[22/Nov/2026:14:05:37 +0000]\thost:192.0.2.7\tforwardedfor:-\t",
        "req:GET /index.html HTTP/1.1\tstatus:200\tsize:5120\treferer:https://example.com/\t",
        "ua:curl/8.5.0\tvhost:example.com\treqtime:0.001"
    ),
    same_as: None,
    grammar: || Grammar::Ltsv,
}];

/// Of the labels for the client, `host` has the last rank: with another one beside it, it is the virtual host.
const LABELS: &[Name] = &[
    ("time", Shape::of(Field::Time, 0)),
    ("time_iso8601", Shape::of(Field::Time, 1)),
    ("time_local", Shape::of(Field::Time, 2)),
    ("@timestamp", Shape::of(Field::Time, 3)),
    ("timestamp", Shape::of(Field::Time, 4)),
    ("msec", Shape::of(Field::Time, 5)),
    ("epoch", Shape::of(Field::Time, 6)),
    ("remote_addr", Shape::of(Field::Client, 0)),
    ("client", Shape::of(Field::Client, 1)),
    ("clientip", Shape::of(Field::Client, 2)),
    ("ip", Shape::of(Field::Client, 3)),
    ("remote_host", Shape::of(Field::Client, 4)),
    ("host", Shape::of(Field::Client, 5)),
    ("forwardedfor", Shape::of(Field::Forwarded, 0)),
    ("x_forwarded_for", Shape::of(Field::Forwarded, 1)),
    ("http_x_forwarded_for", Shape::of(Field::Forwarded, 2)),
    ("xff", Shape::of(Field::Forwarded, 3)),
    ("req", Shape::kind(Field::Request, 2, Kind::Request)),
    ("request", Shape::kind(Field::Request, 3, Kind::Request)),
    ("method", Shape::of(Field::Method, 0)),
    ("request_method", Shape::of(Field::Method, 1)),
    ("request_uri", Shape::of(Field::Target, 0)),
    ("uri", Shape::of(Field::Target, 1)),
    ("path", Shape::of(Field::Target, 4)),
    ("query", Shape::of(Field::Query, 0)),
    ("args", Shape::of(Field::Query, 1)),
    ("query_string", Shape::of(Field::Query, 2)),
    ("protocol", Shape::of(Field::Protocol, 0)),
    ("server_protocol", Shape::of(Field::Protocol, 1)),
    ("status", Shape::of(Field::Status, 0)),
    ("size", Shape::of(Field::Bytes, 0)),
    ("body_bytes_sent", Shape::of(Field::Bytes, 1)),
    ("bytes_sent", Shape::of(Field::Bytes, 2)),
    ("bytes", Shape::of(Field::Bytes, 3)),
    ("referer", Shape::of(Field::Referrer, 0)),
    ("http_referer", Shape::of(Field::Referrer, 1)),
    ("referrer", Shape::of(Field::Referrer, 2)),
    ("ua", Shape::of(Field::Agent, 0)),
    ("http_user_agent", Shape::of(Field::Agent, 1)),
    ("user_agent", Shape::of(Field::Agent, 2)),
    ("agent", Shape::of(Field::Agent, 3)),
    ("useragent", Shape::of(Field::Agent, 4)),
    ("vhost", Shape::of(Field::Site, 0)),
    ("http_host", Shape::of(Field::Site, 1)),
    ("server_name", Shape::of(Field::Site, 2)),
    ("domain", Shape::of(Field::Site, 3)),
    ("reqtime_microsec", Shape::duration(DurationUnit::Microseconds, 0)),
    ("reqtime", Shape::duration(DurationUnit::Seconds, 1)),
    ("request_time", Shape::duration(DurationUnit::Seconds, 2)),
    ("taken_sec", Shape::duration(DurationUnit::Seconds, 3)),
    ("taken", Shape::duration(DurationUnit::Seconds, 4)),
    ("accept_language", Shape::of(Field::Language, 0)),
    ("http_accept_language", Shape::of(Field::Language, 1)),
    ("dnt", Shape::of(Field::Dnt, 0)),
    ("http_dnt", Shape::of(Field::Dnt, 1)),
    ("sec_gpc", Shape::of(Field::Gpc, 0)),
    ("http_sec_gpc", Shape::of(Field::Gpc, 1)),
    ("cookie", Shape::of(Field::Cookie, 0)),
    ("http_cookie", Shape::of(Field::Cookie, 1)),
];

static TABLE: LazyLock<Table> = LazyLock::new(|| Table::new(LABELS));

/// Notes in `map` where the fields of `line` sit.
pub(super) fn map(line: &[u8], map: &mut LineMap) -> Result<(), Reason> {
    map.escaping = Escaping::Log;
    let mut chosen = Chosen::new(map);
    columns(line, &mut chosen).ok_or(Reason::NotThisFormat)?;
    if chosen.is_a_request() { Ok(()) } else { Err(Reason::NotThisFormat) }
}

/// Nothing where the line cannot be read.
fn columns(line: &[u8], chosen: &mut Chosen<'_>) -> Option<()> {
    let table = &*TABLE;
    let has_escapes = memchr(b'\\', line).is_some();
    let mut start = 0;
    loop {
        let rest = &line[start..];
        let end = start + memchr(b'\t', rest).unwrap_or(rest.len());
        let column = &line[start..end];
        // Labels are short, and their colon is nearer than memchr takes to begin.
        let colon = column.iter().position(|byte| *byte == b':').filter(|colon| *colon > 0)?;
        if let Some(entry) = table.find(&column[..colon]) {
            chosen.first_of(entry)?;
            if let Node::Value(value) = entry.node {
                let escaped = has_escapes && memchr(b'\\', &column[colon + 1..]).is_some();
                let span = Span { start: (start + colon + 1) as u32, end: end as u32 };
                chosen.take(line, value, span, escaped);
            }
        }
        if end == line.len() {
            return Some(());
        }
        start = end + 1;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A line with what every line needs.
    fn whole(columns: &str) -> String {
        format!("time:2026-11-22T14:05:37Z\treq:GET / HTTP/1.1\tstatus:200\t{columns}")
    }

    fn mapped(line: &str) -> Option<LineMap> {
        let mut found = LineMap::default();
        map(line.as_bytes(), &mut found).ok().map(|()| found)
    }

    #[track_caller]
    fn check(columns: &str, field: Field, expect: Option<&str>) {
        let line = whole(columns);
        let found = mapped(&line).expect("the line is of the format");
        assert_eq!(found.find(field, line.as_bytes()), expect.map(str::as_bytes), "{columns}");
    }

    #[test]
    fn labels_are_fields() {
        check("host:192.0.2.7", Field::Client, Some("192.0.2.7"));
        check("host:2001:db8::7", Field::Client, Some("2001:db8::7"));
        check("host:example.com\tremote_addr:192.0.2.7", Field::Client, Some("192.0.2.7"));
        check("remote_addr:192.0.2.7\thost:example.com", Field::Client, Some("192.0.2.7"));
        check("forwardedfor:192.0.2.7, 192.0.2.8", Field::Forwarded, Some("192.0.2.7, 192.0.2.8"));
        check("uri:/a?b=c:d\tuser:alice", Field::Target, Some("/a?b=c:d"));
        check("ua:", Field::Agent, Some(""));
        check("vhost:example.com", Field::Site, Some("example.com"));
        check("user:alice\tident:alice\tcache:HIT\truntime:1", Field::Agent, None);
        check("UA:curl/8.5.0", Field::Agent, None);
    }

    #[test]
    fn durations_have_units() {
        for (columns, unit) in [
            ("reqtime:0.001", DurationUnit::Seconds),
            ("reqtime_microsec:1000", DurationUnit::Microseconds),
            ("reqtime:0.001\treqtime_microsec:1000", DurationUnit::Microseconds),
            ("reqtime_microsec:1000\treqtime:0.001", DurationUnit::Microseconds),
        ] {
            let found = mapped(&whole(columns)).unwrap();
            assert_eq!(found.duration_unit, unit, "{columns}");
        }
    }

    #[test]
    fn a_time_may_have_brackets() {
        let line = "time:[22/Nov/2026:14:05:37 +0000]\treq:GET / HTTP/1.1\tstatus:200";
        let time = mapped(line).unwrap().find(Field::Time, line.as_bytes());
        assert_eq!(time, Some(&b"22/Nov/2026:14:05:37 +0000"[..]));
    }

    #[test]
    fn escapes_are_seen_in_the_fields_that_have_them() {
        let found = mapped(&whole(r"ua:a\x22b")).unwrap();
        assert_eq!(found.escaping_of(Field::Agent), Some(Escaping::Log));
        assert_eq!(found.escaping_of(Field::Request), None);
    }

    #[test]
    fn other_lines_are_refused() {
        for columns in ["", "ua", "ua:a\t", "ua:a\t\tsize:1", ":a", "ua:a\tua:a", "status:200"] {
            assert!(mapped(&whole(columns)).is_none(), "{columns}");
        }
        for line in [
            "",
            "\t",
            "time:1795356337\treq:GET / HTTP/1.1",
            "time:1795356337\tstatus:200",
            "req:GET / HTTP/1.1\tstatus:200",
            r#"192.0.2.7 - - [22/Nov/2026:14:05:37 +0000] "GET / HTTP/1.1" 200 5120"#,
        ] {
            assert!(mapped(line).is_none(), "{line}");
        }
    }

    /// Known and unknown labels with any value, joined in any order.
    fn any_line() -> impl Strategy<Value = String> {
        let label = prop::sample::select(LABELS).prop_map(|(label, _)| label.to_owned());
        let label = prop_oneof![8 => label, 1 => "[a-z:\\t]{0,4}"];
        let column = (label, "[^\t]{0,12}").prop_map(|(label, value)| format!("{label}:{value}"));
        let rest = prop::collection::vec(column, 0..8);
        (rest, any::<bool>()).prop_map(|(columns, is_whole)| {
            let columns = columns.join("\t");
            if is_whole { whole(&columns) } else { columns }
        })
    }

    proptest! {
        #[test]
        fn spans_are_whole_values_of_known_labels(line in any_line()) {
            let Some(found) = mapped(&line) else { return Ok(()) };
            for field in Field::ALL {
                let Some(span) = found.get(field) else { continue };
                let (start, end) = (span.start as usize, span.end as usize);
                let (before, after) = (&line.as_bytes()[..start], &line.as_bytes()[end..]);
                prop_assert!(after.is_empty() || matches!(after[0], b'\t' | b']'));
                prop_assert!(matches!(before.last(), Some(b':' | b'[')));
                prop_assert!(!span.of(line.as_bytes()).contains(&b'\t'));
            }
        }

        #[test]
        fn any_bytes_are_mapped_or_refused(line in prop::collection::vec(any::<u8>(), 0..80)) {
            let mut found = LineMap::default();
            prop_assert_eq!(map(&line, &mut found), Err(Reason::NotThisFormat));
        }
    }
}
