//! What is read with strings of nginx, what is refused, and that nothing makes the reader stumble.

use proptest::prelude::*;

use super::*;
use crate::field::LineMap;

/// The string of a JSON log as many keep it.
const JSON: &str = concat!(
    r#"escape=json {"time":"$time_iso8601","msec":$msec,"ip":"$remote_addr","user":"$remote_user","#,
    r#""request":"$request","status":$status,"bytes":$body_bytes_sent,"took":$request_time,"#,
    r#""ua":"$http_user_agent","up":$upstream_response_time,"urt":"$upstream_response_time"}"#
);
const KV: &str = concat!(
    r#"ts=$msec client=$remote_addr xff="$http_x_forwarded_for" method=$request_method"#,
    r#" uri="$request_uri" proto=$server_protocol status=$status bytes=$bytes_sent"#,
    r#" ua="$http_user_agent" cookie_session="$cookie_session" user=$remote_user"#
);
const LTSV: &str = concat!(
    r"time:$time_iso8601\thost:$remote_addr\tforwardedfor:$http_x_forwarded_for\tuser:$remote_user\t",
    r"req:$request\tmethod:$request_method\turi:$request_uri\tstatus:$status\tsize:$body_bytes_sent\t",
    r"referer:$http_referer\tua:$http_user_agent\treqtime:$request_time\tcookie:$http_cookie"
);
const TIMED: &str = concat!(
    r#"$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer""#,
    r#" "$http_user_agent" rt=$request_time uct="$upstream_connect_time" urt="$upstream_response_time""#,
    r#" ua=$upstream_addr gz=$gzip_ratio"#
);
const VHOST: &str =
    r#"$host:$server_port $remote_addr - $remote_user [$time_local] "$request" $status"#;
const URL: &str =
    r#"[$time_local] $remote_addr $request_method $scheme://$host$request_uri $status"#;
const NO_ESCAPE: &str = concat!(
    r#"escape=none $remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent"#,
    r#" "$http_referer" "$http_user_agent""#
);
const SAMPLES: [&str; 9] = [JSON, KV, LTSV, TIMED, VHOST, URL, NO_ESCAPE, MAIN, INGRESS];

/// The fields of a line as `name=text`, or nothing when the line is refused.
fn fields(string: &str, line: &str) -> Option<String> {
    let format = compile(string, &Declared::default()).expect("a good string");
    let mut map = LineMap::default();
    format.map(line.as_bytes(), &mut map).ok()?;
    let of = |field: Field| {
        let text = map.find(field, line.as_bytes())?;
        Some(format!("{}={}", field.name(), str::from_utf8(text).expect("whole characters")))
    };
    Some(Field::ALL.into_iter().filter_map(of).collect::<Vec<_>>().join("|"))
}

#[track_caller]
fn check(string: &str, line: &str, expect: &str) {
    assert_eq!(fields(string, line).as_deref(), Some(expect), "{line}");
}

#[track_caller]
fn refuse(string: &str, line: &str) {
    assert_eq!(fields(string, line), None, "{line}");
}

#[test]
fn json() {
    let line = |user, up| {
        format!(
            concat!(
                r#"{{"time":"2026-11-22T14:05:37+00:00","msec":1795356337.258,"ip":"192.0.2.7","user":"{}","#,
                r#""request":"GET /\"a HTTP/1.1","status":404,"bytes":153,"took":0.000,"#,
                r#""ua":"curl \\","up":{},"urt":"{}"}}"#
            ),
            user, up, up
        )
    };
    let expect = concat!(
        "client=192.0.2.7|time=2026-11-22T14:05:37+00:00|request=GET /\\\"a HTTP/1.1|status=404",
        "|bytes=153|duration=0.000|agent=curl \\\\"
    );
    for up in ["", "-", "0.001", "0.001, 0.2 : -"] {
        for user in ["", "alice", r#"a\",\"request\":\"GET /b"#, r"\\", "[é"] {
            check(JSON, &line(user, up), expect);
        }
    }
    refuse(JSON, &line(r#"a","request":"#, "-"));
    refuse(JSON, &line("a", "-").replace("}", ",\"x\":1}"));
    refuse(JSON, "");
    refuse(JSON, "{}");
}

#[test]
fn pairs_and_labels() {
    check(
        KV,
        concat!(
            r#"ts=1795306537.258 client=2001:db8::1 xff="-" method=GET uri="/a b?c=\x22" proto=HTTP/1.1"#,
            r#" status=404 bytes=303 ua="x status=200 \x22" cookie_session="-" user=a b" c"#
        )
        .trim_end_matches("\" c"),
        concat!(
            r"client=2001:db8::1|forwarded=-|time=1795306537.258|method=GET|target=/a b?c=\x22",
            r"|protocol=HTTP/1.1|status=404|bytes=303|agent=x status=200 \x22"
        ),
    );
    check(
        LTSV,
        concat!(
            "time:2026-11-22T00:15:37+00:00\thost:::ffff:192.0.2.7\tforwardedfor:-\tuser:-\t",
            "req:GET /b HTTP/1.1\tmethod:GET\turi:/b\tstatus:404\tsize:153\treferer:-\t",
            "ua:\treqtime:0.000\tcookie:a=b; c=d"
        ),
        concat!(
            "client=::ffff:192.0.2.7|forwarded=-|time=2026-11-22T00:15:37+00:00",
            "|request=GET /b HTTP/1.1|method=GET|target=/b|status=404|bytes=153|duration=0.000",
            "|referrer=-|agent=|cookie=a=b; c=d"
        ),
    );
}

#[test]
fn protocols_may_be_missing_and_have_spaces_after_them() {
    for (protocol, expect) in
        [("HTTP/1.1", "HTTP/1.1"), ("HTTP/1.1  ", "HTTP/1.1"), ("-", "-"), ("", "")]
    {
        check(
            "$time_local $request_method $request_uri $server_protocol $status \"$server_protocol\"",
            &format!("22/Nov/2026:14:05:37 +0000 GET /a {protocol} 400 \"{protocol}\""),
            &format!(
                "time=22/Nov/2026:14:05:37 +0000|method=GET|target=/a|protocol={expect}|status=400"
            ),
        );
    }
}

/// Each place where a value might end is looked at for a few bytes only: to its end, these lines took hours.
#[test]
fn a_line_of_nothing_but_ends_of_values_is_read_once() {
    let many = |text: &str| text.repeat(2_000_000);
    let path = many("|a");
    check(
        "$time_local|$request_uri|$server_protocol|$status",
        &format!("22/Nov/2026:14:05:37 +0000|/{path}|HTTP/1.1|200"),
        &format!("time=22/Nov/2026:14:05:37 +0000|target=/{path}|protocol=HTTP/1.1|status=200"),
    );
    let path = many(".");
    check(
        "$time_local $request_uri.$status ok",
        &format!("22/Nov/2026:14:05:37 +0000 /{path}a.200 ok"),
        &format!("time=22/Nov/2026:14:05:37 +0000|target=/{path}a|status=200"),
    );
}

#[test]
fn lists_of_upstream_servers() {
    for (times, addresses) in [
        ("-", "-"),
        ("0.001", "203.0.113.80:8080"),
        ("0.001, 0.002 : 0.003", "203.0.113.80:8080, unix:/run/x.sock : [2001:db8::1]:80"),
        ("", "-"),
    ] {
        check(
            TIMED,
            &format!(
                concat!(
                    r#"192.0.2.7 - a [b] [22/Nov/2026:14:05:37 +0000] "GET / HTTP/1.1" 200 5 "-" "" rt=0.010"#,
                    r#" uct="{}" urt="{}" ua={} gz=-"#
                ),
                times, times, addresses
            ),
            concat!(
                "client=192.0.2.7|time=22/Nov/2026:14:05:37 +0000|request=GET / HTTP/1.1|status=200",
                "|bytes=5|duration=0.010|referrer=-|agent="
            ),
        );
    }
}

#[test]
fn hosts_with_ports_and_paths() {
    for host in ["www.example.com", "[::1]", "[2001:db8::1]", "192.0.2.80"] {
        check(
            VHOST,
            &format!(
                r#"{host}:443 192.0.2.7 - - [22/Nov/2026:14:05:37 +0000] "GET / HTTP/2.0" 200"#
            ),
            &format!(
                "site={host}|client=192.0.2.7|time=22/Nov/2026:14:05:37 +0000|request=GET / HTTP/2.0|status=200"
            ),
        );
        check(
            URL,
            &format!("[22/Nov/2026:14:05:37 +0000] 192.0.2.7 GET https://{host}/a?b 200"),
            &format!(
                "site={host}|client=192.0.2.7|time=22/Nov/2026:14:05:37 +0000|method=GET|target=/a?b|status=200"
            ),
        );
    }
    check(
        r#"$time_local $remote_addr:$remote_port "$uri$is_args$args" $http_host:$server_port$request_uri"#,
        r#"22/Nov/2026:14:05:37 +0000 2001:db8::1:443 "/a?b" example.com:80/a?b"#,
        "site=example.com|client=2001:db8::1|time=22/Nov/2026:14:05:37 +0000|target=/a?b",
    );
}

#[test]
fn ingress() {
    let head = "192.0.2.7 - bob [18/Mar/2023:15:00:00 +0000] \"GET /some/path HTTP/2.0\" 200 12312 \"\" \"curl/8\" 462 0.050";
    let expect = concat!(
        "client=192.0.2.7|time=18/Mar/2023:15:00:00 +0000|request=GET /some/path HTTP/2.0|status=200",
        "|bytes=12312|duration=0.050|referrer=|agent=curl/8"
    );
    for tail in [
        "[some-service-9000] [] 203.0.113.80:9000 19437 0.049 200 752178adb17130b291aefd8c386279e7",
        "[some-service-9000] [] - - - - 752178adb17130b291aefd8c386279e7",
        "[] [] - - - - -",
        "[a] [b-5000] 203.0.113.80:9000, 203.0.113.81:9000 0, 19437 0.001, 0.049 502, 200 7521",
    ] {
        check(INGRESS, &format!("{head} {tail}"), expect);
    }
    refuse(INGRESS, head);
    refuse(INGRESS, &format!("{head} [a] [] - - - - x y"));
}

#[test]
fn quotes_without_escapes_are_refused_where_they_could_end_a_value() {
    let line = |agent: &str| {
        format!(
            r#"192.0.2.7 - - [22/Nov/2026:14:05:37 +0000] "GET / HTTP/1.1" 200 5 "-" "{agent}""#
        )
    };
    assert!(fields(NO_ESCAPE, &line("a \\ b")).is_some());
    assert!(fields(NO_ESCAPE, &line("a\"b")).is_some());
    refuse(NO_ESCAPE, &line(r#"a" "b"#));
}

#[test]
fn directives_and_prefixes() {
    let line = r#"{"t":"22/Nov/2026:14:05:37 +0000","r":"GET /\"/ HTTP/1.1"}"#;
    let expect = "time=22/Nov/2026:14:05:37 +0000|request=GET /\\\"/ HTTP/1.1";
    for string in [
        r#"escape=json {"t":"$time_local","r":"$request"}"#,
        r#" escape=json {"t":"${time_local}","r":"$request"}"#,
        r#"log_format x escape=json '{"t":"$time_local",' '"r":"$request"}';"#,
        "  log_format  x\n  escape=json # json\n  '{\"t\":\"$time_local\",'\n  '\"r\":\"$request\"}' ;\n",
        r#"log_format x escape=json "{\"t\":\"$time_local\"," '"r":"$request"}'"#,
    ] {
        check(string, line, expect);
    }
    check(
        "$time_local\\t$request\n",
        "22/Nov/2026:14:05:37 +0000\tGET /",
        "time=22/Nov/2026:14:05:37 +0000|request=GET /",
    );
}

#[test]
fn strings_that_are_none() {
    let check = |string: &str, expect: StringError| {
        let found = compile(string, &Declared::default()).expect_err("a bad string");
        assert_eq!(found, expect, "{string}");
    };
    check("$time_local $nosuch $request", StringError::Unknown("nosuch".to_owned()));
    check("$time_local ${nosuch}x $request", StringError::Unknown("nosuch".to_owned()));
    check("$remote_addr $request", StringError::NoTime);
    check("$time_local $status $args", StringError::NoRequest);
    check("", StringError::NoTime);
    check("$", StringError::Syntax(0));
    check("a $ b", StringError::Syntax(2));
    check("ab${x", StringError::Syntax(2));
    check("escape=xml $time_local $request", StringError::Syntax(0));
    check("escape=json", StringError::Syntax(0));
    check("log_format x", StringError::Syntax(0));
    check("log_format x '$time_local", StringError::Syntax(0));
    check("log_format x '$a'; log_format y '$b';", StringError::Syntax(0));
    let between = |a: &str, b: &str| StringError::NothingBetween(a.to_owned(), b.to_owned());
    check("$remote_addr$time_local $request", between("remote_addr", "time_local"));
    check("$time_local $status$body_bytes_sent $request", between("status", "body_bytes_sent"));
}

#[test]
fn variables_of_ones_own() {
    let mut declared = Declared::default();
    declared.0.insert("mine".to_owned(), None);
    declared.0.insert("real".to_owned(), Some(Field::Client));
    let format = compile("$remote_addr ($mine) $real [$time_local] \"$request\"", &declared);
    let line = br#"203.0.113.1 (a b) 192.0.2.7 [22/Nov/2026:14:05:37 +0000] "GET /""#;
    let mut map = LineMap::default();
    assert_eq!(format.expect("declared").map(line, &mut map), Ok(()));
    assert_eq!(map.find(Field::Client, line), Some(&b"192.0.2.7"[..]));
}

#[test]
fn of_several_values_of_a_field_one_is_taken() {
    check(
        "$msec $server_name $http_host $host $uri $request_uri $bytes_sent $body_bytes_sent $time_local",
        "1.5 a b c /d /e 6 7 22/Nov/2026:14:05:37 +0000",
        "site=c|time=22/Nov/2026:14:05:37 +0000|target=/e|bytes=7",
    );
}

#[test]
fn the_table_is_whole() {
    for (index, variable) in VARIABLES.iter().enumerate() {
        let other = VARIABLES.iter().position(|other| other.name == variable.name);
        assert_eq!(other, Some(index), "{}", variable.name);
        assert_eq!(tells(variable.name), Some(variable.tells));
        // What names a person and is no field that a transform cleans is dropped.
        if matches!(variable.tells, Tells::Person | Tells::Link) {
            let is_signal =
                matches!(variable.field, None | Some((Field::Dnt | Field::Gpc | Field::Cookie, _)));
            assert!(is_signal, "{}", variable.name);
        }
    }
    assert_eq!(tells("http_authorization"), Some(Tells::Content));
    assert_eq!(tells("cookie_session"), Some(Tells::Link));
    assert_eq!((tells("http_"), tells("nosuch")), (None, None));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn no_string_makes_it_stumble(
        pieces in proptest::collection::vec(
            prop_oneof![
                proptest::sample::select(vec![
                    "$", "${", "}", "'", "\"", "\\", ";", "#", " ", "log_format x ", "escape=json ",
                    "escape=none ", "$time_local", "$request", "$remote_addr", "$status", "$host",
                    "$uri", "$is_args", "$msec", "${args}", "$upstream_addr", "é",
                ]).prop_map(str::to_owned),
                ".{0,3}",
            ],
            0..12,
        ),
        line in proptest::collection::vec(any::<u8>(), 0..64),
    ) {
        if let Ok(format) = compile(&pieces.concat(), &Declared::default()) {
            let mut map = LineMap::default();
            if format.map(&line, &mut map).is_ok() {
                in_range(&map, &line);
            }
        }
        let _ = conf::nginx(&pieces.concat());
        let _ = conf::apache(&pieces.concat());
    }

    #[test]
    fn no_line_makes_it_stumble(
        sample in 0..SAMPLES.len(),
        pieces in proptest::collection::vec(
            prop_oneof![
                proptest::sample::select(vec![
                    "\"", "\\", " ", "\t", ",", " : ", "[", "] ", "22/Nov/2026:14:05:37 +0000", "-",
                    "192.0.2.7", "GET / HTTP/1.1", "200", " - ", "\" ", " \"", "[] ", "ts=",
                ]).prop_map(|text| text.as_bytes().to_vec()),
                proptest::collection::vec(any::<u8>(), 0..4),
            ],
            0..30,
        ),
    ) {
        let line = pieces.concat();
        let format = compile(SAMPLES[sample], &Declared::default()).expect("a good string");
        let mut map = LineMap::default();
        if format.map(&line, &mut map).is_ok() {
            in_range(&map, &line);
        }
    }
}

/// All spans lie in the line.
fn in_range(map: &LineMap, line: &[u8]) {
    for field in Field::ALL {
        if let Some(span) = map.get(field) {
            assert!(span.start <= span.end && span.end as usize <= line.len(), "{}", field.name());
        }
    }
}
