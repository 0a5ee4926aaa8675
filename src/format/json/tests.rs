//! The rules of the reader one by one, and that nothing breaks it: any bytes, any JSON, lines with a change.

use proptest::prelude::*;

use super::{super::Format, *};
use crate::field::DurationUnit;

fn mapped(format: &str, line: &[u8]) -> Option<LineMap> {
    let format = Format::named(format).expect("a format's name");
    let mut map = LineMap::default();
    format.map(line, &mut map).ok().map(|()| map)
}

/// A line of nginx with what every line needs.
fn whole(members: &str) -> String {
    format!(r#"{{"time":"2026-11-22T14:05:37Z","request":"GET / HTTP/1.1","status":200{members}}}"#)
}

#[track_caller]
fn check_in(format: &str, line: &str, field: Field, expect: Option<&str>) {
    let map = mapped(format, line.as_bytes()).expect("the line is of the format");
    assert_eq!(map.find(field, line.as_bytes()), expect.map(str::as_bytes), "{line}");
}

#[track_caller]
fn check(members: &str, field: Field, expect: Option<&str>) {
    check_in("nginx-json", &whole(members), field, expect);
}

#[track_caller]
fn refused(line: &str) {
    assert!(mapped("nginx-json", line.as_bytes()).is_none(), "{line}");
}

#[test]
fn values_are_found_as_they_are_written() {
    check("", Field::Status, Some("200"));
    check("", Field::Request, Some("GET / HTTP/1.1"));
    check("", Field::Agent, None);
    check(r#","agent":"""#, Field::Agent, Some(""));
    check(r#","agent":"a\"b\\""#, Field::Agent, Some(r#"a\"b\\"#));
    check(r#", "bytes" : 17 "#, Field::Bytes, Some("17"));
    check(r#","bytes":"17""#, Field::Bytes, Some("17"));
    check(r#","request_time":1.5e-3"#, Field::Duration, Some("1.5e-3"));
    check(r#","agent":null"#, Field::Agent, None);
    check(r#","unknown":{"agent":"x","agent":"y","\u0061":[{},[],true]}"#, Field::Agent, None);
    check(r#","Agent":"x","agent ":"y""#, Field::Agent, None);
    check(r#","agent":"é€""#, Field::Agent, Some("é€"));
    refused("");
    refused("{}");
}

#[test]
fn space_may_stand_around_the_object() {
    let line = format!(" \t{} ", whole(""));
    check_in("nginx-json", &line, Field::Status, Some("200"));
    refused(&format!("{}x", whole("")));
    refused(&format!("{}{}", whole(""), whole("")));
    refused(&format!("[{}]", whole("")));
}

#[test]
fn bytes_that_are_not_utf8_do_not_matter() {
    let line = whole(r#","agent":"a?b","unknown":"?""#).replace('?', "\u{80}");
    let line: Vec<u8> = line.chars().map(|c| c as u8).collect();
    let map = mapped("nginx-json", &line).expect("the structure is fine");
    assert_eq!(map.find(Field::Agent, &line), Some(&b"a\x80b"[..]));
}

#[test]
fn escapes_are_seen_in_the_fields_that_have_them() {
    let map = mapped("nginx-json", whole(r#","agent":"a\u0022","referer":"/""#).as_bytes());
    let map = map.expect("the line is of the format");
    assert_eq!(map.escaping_of(Field::Agent), Some(Escaping::Json));
    assert_eq!(map.escaping_of(Field::Referrer), None);
}

#[test]
fn the_lower_rank_is_taken_in_any_order() {
    check(r#","ip":"192.0.2.8","remote_addr":"192.0.2.7""#, Field::Client, Some("192.0.2.7"));
    check(r#","remote_addr":"192.0.2.7","ip":"192.0.2.8""#, Field::Client, Some("192.0.2.7"));
    check(r#","remote_addr":null,"ip":"192.0.2.8""#, Field::Client, Some("192.0.2.8"));
}

#[test]
fn what_could_be_read_in_two_ways_is_refused() {
    refused(&whole(r#","status":200"#));
    refused(&whole(r#","agent":"a","agent":"a""#));
    refused(&whole(r#","agent":null,"agent":"a""#));
    refused(&whole(r#","ua\u0000":"a""#));
    refused(&whole(r#","\u0061gent":"a""#));
    refused(&whole(r#","agent":true"#));
    refused(&whole(r#","remote_addr":["192.0.2.7"]"#));
    refused(&whole(r#","remote_addr":{"ip":"192.0.2.7"}"#));
    // Shippers name themselves and their hosts with objects.
    check(r#","agent":{"type":"filebeat"},"ua":"curl/8.5.0""#, Field::Agent, Some("curl/8.5.0"));
}

#[test]
fn what_is_not_json_is_refused() {
    refused(&whole(r#","agent":"\x22""#));
    refused(&whole(r#","unknown":"\x22""#));
    refused(&whole(r#","unknown":"\ud800""#));
    refused(&whole(r#","unknown":"\ud800\u0041""#));
    refused(&whole(",\"unknown\":\"\u{1}\""));
    refused(&whole(r#","agent":'a'"#));
    refused(&whole(r#","bytes":017"#));
    refused(&whole(r#","bytes":NaN"#));
    refused(&whole(r#","bytes":-"#));
    refused(&whole(r#","bytes":Infinity"#));
    refused(&whole(","));
    refused(&whole(r#","a""#));
    refused(&whole(r#","a":"#));
    refused(&whole(r#","a":"b"#));
    refused("\u{feff}{}");
}

#[test]
fn depth_has_a_limit_and_length_has_none() {
    let nested =
        |depth: usize| whole(&format!(r#","unknown":{}{}"#, "[".repeat(depth), "]".repeat(depth)));
    check_in("nginx-json", &nested(100), Field::Status, Some("200"));
    refused(&nested(210));
    refused(&nested(100_000));
    refused(&whole(&format!(r#","unknown":{}"#, r#"{"a":"#.repeat(100_000))));
    let long = "a".repeat(1 << 20);
    check(&format!(r#","unknown":"{long}","agent":"{long}""#), Field::Agent, Some(&long));
}

#[test]
fn a_line_has_a_time_a_request_and_a_status() {
    refused(r#"{"request":"GET / HTTP/1.1","status":200}"#);
    refused(r#"{"time":1795356337,"status":200}"#);
    refused(r#"{"time":1795356337,"request":"GET / HTTP/1.1"}"#);
    refused(r#"{"time":null,"request":"GET / HTTP/1.1","status":200}"#);
    let line = r#"{"time":1795356337,"uri":"/","status":200}"#;
    check_in("nginx-json", line, Field::Time, Some("1795356337"));
}

#[test]
fn the_request_of_apache_may_be_a_path_and_its_time_in_brackets() {
    let line =
        r#"{"time":"[22/Nov/2026:14:05:37 +0000]","request":"/a","method":"GET","status":"200"}"#;
    check_in("apache-json", line, Field::Target, Some("/a"));
    check_in("apache-json", line, Field::Request, None);
    check_in("apache-json", line, Field::Time, Some("22/Nov/2026:14:05:37 +0000"));
}

/// A line of Caddy with these members of the request and these headers.
fn caddy(members: &str, headers: &str) -> String {
    format!(
        r#"{{"ts":1795356337.1,"status":200,"request":{{"uri":"/"{members},"headers":{{{headers}}}}}}}"#
    )
}

#[test]
fn headers_of_caddy_are_arrays_and_have_no_case() {
    let check = |headers: &str, field, expect| {
        check_in("caddy", &caddy("", headers), field, expect);
    };
    check(r#""User-Agent":["a","b"]"#, Field::Agent, Some("a"));
    check(r#""user-agent":["a"]"#, Field::Agent, Some("a"));
    check(r#""USER-AGENT":"a""#, Field::Agent, Some("a"));
    // Caddy logs all headers that came: one that is not there was not sent.
    check(r#""User-Agent":[]"#, Field::Agent, Some(""));
    check(r#""User-Agent":null,"Cookie":[]"#, Field::Agent, Some(""));
    check("", Field::Referrer, Some(""));
    check(r#""X-Forwarded-For":["192.0.2.7"]"#, Field::Forwarded, Some("192.0.2.7"));
    let list = r#"192.0.2.7, 192.0.2.8" ,  "192.0.2.9"#;
    check(&format!(r#""X-Forwarded-For":["{list}"]"#), Field::Forwarded, Some(list));
    for headers in [
        r#""User-Agent":["a"],"user-agent":["a"]"#,
        r#""User-Agent":["a",1]"#,
        r#""User-Agent":[["a"]]"#,
        r#""User-Agent":{}"#,
        r#""User-\u0041gent":["a"]"#,
        r#""Sec-Gpc":["1",]"#,
    ] {
        assert!(mapped("caddy", caddy("", headers).as_bytes()).is_none(), "{headers}");
    }
}

#[test]
fn the_client_of_caddy_is_the_one_it_believes_in() {
    let old = r#","remote_addr":"192.0.2.9:54321""#;
    let middle = r#","remote_ip":"192.0.2.8","remote_port":"54321""#;
    let new = r#","client_ip":"192.0.2.7""#;
    check_in("caddy", &caddy(old, ""), Field::Client, Some("192.0.2.9:54321"));
    check_in("caddy", &caddy(&[old, middle].concat(), ""), Field::Client, Some("192.0.2.8"));
    check_in("caddy", &caddy(&[new, old, middle].concat(), ""), Field::Client, Some("192.0.2.7"));
    check_in("caddy", &caddy(&[middle, new].concat(), ""), Field::Client, Some("192.0.2.7"));
}

#[test]
fn durations_have_units() {
    for (format, unit) in [
        ("nginx-json", DurationUnit::Seconds),
        ("caddy", DurationUnit::Seconds),
        ("traefik-json", DurationUnit::Nanoseconds),
        ("envoy-json", DurationUnit::Milliseconds),
        ("cloudfront-json", DurationUnit::Seconds),
    ] {
        let example = Format::named(format).expect("a format's name").example();
        let map = mapped(format, example.as_bytes()).expect("it fits its own");
        assert_eq!(map.duration_unit, unit, "{format}");
    }
}

#[test]
fn cloudfront_encodes_with_percent_signs() {
    let example = Format::named("cloudfront-json").expect("a format's name").example();
    let map = mapped("cloudfront-json", example.as_bytes()).expect("it fits its own");
    assert_eq!(map.escaping_of(Field::Agent), Some(Escaping::Percent));
    assert_eq!(map.escaping_of(Field::Target), None);
    assert!(map.has(Field::Date));
    let line = r#"{"date":"2026-11-22","timestamp":1795356337,"cs-uri-stem":"/","sc-status":200}"#;
    assert!(!mapped("cloudfront-json", line.as_bytes()).expect("it fits").has(Field::Date));
    let line = r#"{"timestamp":1795356337,"cs-uri-stem":"/\u0040","sc-status":200}"#;
    assert!(mapped("cloudfront-json", line.as_bytes()).is_none());
}

#[test]
fn no_example_fits_another_format() {
    for named in &FORMATS {
        for other in &FORMATS {
            let is_same =
                named.same_as.unwrap_or(named.name) == other.same_as.unwrap_or(other.name);
            let fits = mapped(other.name, named.example.as_bytes()).is_some();
            assert_eq!(fits, is_same, "{} in {}", named.name, other.name);
        }
    }
}

/// Keys that formats know.
const KNOWN: &[&str] = &[
    "time",
    "msec",
    "remote_addr",
    "request",
    "method",
    "uri",
    "status",
    "bytes",
    "agent",
    "ua",
    "host",
    "args",
    "ts",
    "headers",
    "User-Agent",
    "X-Forwarded-For",
    "size",
    "duration",
    "client_ip",
    "response",
    "http_cookie",
];

fn any_key() -> impl Strategy<Value = String> {
    prop_oneof![12 => prop::sample::select(KNOWN).prop_map(str::to_owned), 1 => ".{0,9}"]
}

fn any_value() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        4 => ".{0,12}".prop_map(serde_json::Value::from),
        2 => any::<i64>().prop_map(serde_json::Value::from),
        1 => (-1e9..1e9).prop_map(|number: f64| serde_json::Value::from(number)),
        1 => Just(serde_json::Value::Null),
        1 => any::<bool>().prop_map(serde_json::Value::from),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(serde_json::Value::from),
            prop::collection::vec((any_key(), inner), 0..4)
                .prop_map(|members| members.into_iter().collect()),
        ]
    })
}

/// An object of a few members that formats know, and of others.
fn any_line() -> impl Strategy<Value = String> {
    let member = (any_key(), any_value());
    (prop::collection::vec(member, 0..8), any::<bool>()).prop_map(|(members, is_whole)| {
        let members = members.into_iter();
        let object: serde_json::Map<String, serde_json::Value> = members.collect();
        let mut line = serde_json::Value::from(object).to_string();
        if is_whole {
            let comma = if line == "{}" { "" } else { "," };
            line.truncate(line.len() - 1);
            line.push_str(comma);
            line.push_str(r#""time":1795356337,"request":"GET / HTTP/1.1","status":200}"#);
        }
        line
    })
}

/// The text of the value that begins here, read by another reader.
fn value_at(text: &[u8]) -> Option<usize> {
    let mut values = serde_json::Deserializer::from_slice(text).into_iter::<serde_json::Value>();
    values.next()?.ok()?;
    Some(values.byte_offset())
}

proptest! {
    #[test]
    fn a_span_is_the_text_of_a_value(line in any_line()) {
        for named in &FORMATS {
            let Some(map) = mapped(named.name, line.as_bytes()) else { continue };
            for field in Field::ALL {
                let Some(span) = map.get(field) else { continue };
                let (start, end) = (span.start as usize, span.end as usize);
                prop_assert!(start <= end && end <= line.len());
                let is_string = line.as_bytes()[start - 1] == b'"';
                let first = if is_string { start - 1 } else { start };
                let length = value_at(&line.as_bytes()[first..]);
                let is_list = matches!(field, Field::Forwarded | Field::Cookie);
                let is_time = field == Field::Time && line.as_bytes()[start - 1] == b'[';
                if !is_list && !is_time {
                    prop_assert_eq!(length, Some(end - first + usize::from(is_string)));
                }
            }
        }
    }

    #[test]
    fn a_string_is_found_whatever_is_in_it(text in ".{0,40}", before in any_value()) {
        let value = serde_json::Value::from(text.as_str());
        let line = whole(&format!(r#","first":{before},"agent":{value}"#));
        let map = mapped("nginx-json", line.as_bytes()).expect("the line is of the format");
        let found = map.find(Field::Agent, line.as_bytes()).expect("the field is there");
        let quoted = [b"\"", found, b"\""].concat();
        let read: String = serde_json::from_slice(&quoted).expect("a span without its quotes");
        prop_assert_eq!(read, text);
        prop_assert_eq!(map.escaping_of(Field::Agent).is_some(), found.contains(&b'\\'));
    }

    #[test]
    fn changed_lines_are_mapped_or_refused(
        at in any::<prop::sample::Index>(),
        bytes in prop::collection::vec(any::<u8>(), 0..3),
        removed in 0..4_usize,
    ) {
        for named in &FORMATS {
            let mut line = named.example.as_bytes().to_vec();
            let start = at.index(line.len());
            let end = (start + removed).min(line.len());
            line.splice(start..end, bytes.iter().copied());
            let Some(map) = mapped(named.name, &line) else { continue };
            for field in Field::ALL {
                if let Some(span) = map.get(field) {
                    prop_assert!(span.start <= span.end && span.end as usize <= line.len());
                }
            }
        }
    }

    #[test]
    fn any_bytes_are_refused(line in prop::collection::vec(any::<u8>(), 0..60)) {
        for named in &FORMATS {
            prop_assert!(mapped(named.name, &line).is_none());
        }
    }
}
