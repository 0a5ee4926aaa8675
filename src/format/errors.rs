//! The error logs of nginx and Apache.
//!
//! ```text
//! nginx   = time " [" level "] " pid "#" tid ": " [ "*" connection SP ] message [ trailer ]
//! trailer = ", client: " address [ ", server: " name *( ", " key ": " DQUOTE text DQUOTE ) ]
//! apache  = "[" time "] [" [ [ module ] ":" ] level "] " [ "[pid " ids "] " ] [ file "(" line "): " ]
//!           [ "(" number ")" text ": " ] [ "[client " address [ ":" port ] "] " ] message
//!           [ ", referer: " url ]
//! ```
//!
//! nginx escapes nothing here. Request, host and referrer are the visitor's own text, and so is much of a
//! message, which comes before the client: either can look like a trailer. A line with more than
//! one place where a client may stand is refused, and so is one whose quoted fields can be told apart in more
//! than one way. A line as long as nginx makes them may be cut off anywhere, also behind a trailer
//! that a visitor made up: of that only what stands before the message is taken, and of debug messages too,
//! which have no trailer. What cannot be seen is a line feed in a path, which nginx writes as it is: what
//! follows it is a line of its own, and may be all of a visitor's making.
//!
//! Apache writes the client before the message and escapes line feeds, so that neither can happen.
//!
//! Sources: `ngx_log.c`, `ngx_http_core_module.c`, `ngx_http_request.c`, `ngx_mail_handler.c` and
//! `ngx_stream_handler.c` of nginx, `server/log.c` of Apache httpd.

use std::{
    net::{IpAddr, Ipv6Addr, SocketAddr},
    str,
};

use memchr::{
    memchr,
    memmem::{find, find_iter, rfind},
    memrchr,
};
use nom::{
    Parser,
    bytes::complete::{tag, take, take_while, take_while_m_n, take_while1},
    character::complete::digit1,
    combinator::{opt, recognize, verify},
    sequence::{delimited, preceded, terminated},
};

use super::{
    Grammar, Named,
    primitive::{Parsed, skip_spaces},
};
use crate::field::{Field, LineMap, Reason, Span};

pub(super) static FORMATS: [Named; 2] = [
    Named {
        name: "nginx-error",
        example: concat!(
            "2026/11/22 14:05:37 [error] 31#31: *1 connect() failed (111: Connection refused) ",
            "while connecting to upstream, client: 192.0.2.7, server: www.example.com, ",
            r#"request: "GET /index.html HTTP/1.1", upstream: "http://198.51.100.4:8080/index.html", "#,
            r#"host: "www.example.com", referrer: "https://example.com/""#
        ),
        same_as: None,
        grammar: || Grammar::NginxError,
    },
    Named {
        name: "apache-error",
        example: concat!(
            "[Sun Nov 22 14:05:37.958285 2026] [authz_core:error] [pid 28787:tid 140169587934976] ",
            "[client 192.0.2.7:59307] AH01630: client denied by server configuration: ",
            "/var/www/html/private, referer: https://example.com/"
        ),
        same_as: None,
        grammar: || Grammar::ApacheError,
    },
];

/// The length from which on a line of nginx may have been cut off: `NGX_MAX_ERROR_STR` without the line feed.
/// OpenResty and Tengine have twice as much; their longer lines count as cut off too.
const NGINX_BYTES_MAX: usize = 2_047;

/// What stands before the client in a line of nginx.
const NGINX_CLIENT: &[u8] = b", client: ";

/// The quoted fields that end a line of nginx, in the order in which it writes them.
const NGINX_QUOTED: [(&[u8], Option<Field>); 6] = [
    (b"login: \"", None),
    (b"request: \"", Some(Field::Request)),
    (b"subrequest: \"", None),
    (b"upstream: \"", None),
    (b"host: \"", Some(Field::Site)),
    (b"referrer: \"", Some(Field::Referrer)),
];

/// Notes in `map` where the fields of a line of nginx's error log sit.
pub(super) fn map_nginx(line: &[u8], map: &mut LineMap) -> Result<(), Reason> {
    let text = &line[skip_spaces(line)..];
    let (rest, time) = nginx_time(text).map_err(|_| Reason::NotThisFormat)?;
    let (rest, level) = nginx_level(rest).map_err(|_| Reason::NotThisFormat)?;
    set(line, map, Field::Time, time);
    set(line, map, Field::Level, level);
    let trailer = match level {
        _ if line.len() >= NGINX_BYTES_MAX => None,
        b"debug" => None,
        _ => {
            let mut places = find_iter(rest, NGINX_CLIENT);
            let first = places.next();
            if places.next().is_some() {
                return Err(Reason::NotThisFormat);
            }
            first
        }
    };
    let (message, trailer) = rest.split_at(trailer.unwrap_or(rest.len()));
    set(line, map, Field::Message, message);
    if trailer.is_empty() {
        if let Some(client) = client_of_connection(message) {
            set(line, map, Field::Client, client);
        }
        return Ok(());
    }
    nginx_trailer(line, &trailer[NGINX_CLIENT.len()..], map).ok_or(Reason::NotThisFormat)
}

/// The client of the messages without a trailer that begin with it, which is text of nginx alone.
fn client_of_connection(message: &[u8]) -> Option<&[u8]> {
    let rest = message.strip_prefix(b"client ")?;
    let (client, rest) = rest.split_at(memchr(b' ', rest)?);
    let does =
        rest.starts_with(b" connected to ") || rest.starts_with(b" closed keepalive connection");
    let text = str::from_utf8(client).ok()?;
    let is_address = text.parse::<IpAddr>().is_ok() || text.parse::<SocketAddr>().is_ok();
    (does && is_address).then_some(client)
}

/// `2026/11/22 14:05:37`.
fn nginx_time(input: &[u8]) -> Parsed<'_, &[u8]> {
    let fits = |time: &[u8]| {
        time.iter().zip(b"0000/00/00 00:00:00").all(|(byte, shape)| match shape {
            b'0' => byte.is_ascii_digit(),
            mark => byte == mark,
        })
    };
    verify(take(19usize), fits).parse(input)
}

/// The level, and what stands between it and the message.
fn nginx_level(input: &[u8]) -> Parsed<'_, &[u8]> {
    let connection = opt(delimited(tag(&b"*"[..]), digit1, tag(&b" "[..])));
    let process = (digit1, tag(&b"#"[..]), digit1, tag(&b": "[..]), connection);
    terminated(delimited(tag(&b" ["[..]), level, tag(&b"] "[..])), process).parse(input)
}

/// A word of the length that levels have. Which one it is, is not asked here.
fn level(input: &[u8]) -> Parsed<'_, &[u8]> {
    let letters = take_while_m_n(2, 8, |byte: u8| byte.is_ascii_lowercase());
    recognize((letters, take_while_m_n(0, 1, |byte: u8| byte.is_ascii_digit()))).parse(input)
}

/// What nginx tells of the connection and its request. Everything up to the end must be as it writes it.
fn nginx_trailer(line: &[u8], trailer: &[u8], map: &mut LineMap) -> Option<()> {
    let (client, mut rest) = trailer.split_at(value_end(trailer));
    if client.is_empty() || client.iter().any(|byte| matches!(byte, b' ' | b',' | b'"')) {
        return None;
    }
    // Who comes over a Unix socket has no address.
    if client != b"unix:" {
        set(line, map, Field::Client, client);
    }
    let mut site: &[u8] = b"";
    if let Some(server) = rest.strip_prefix(b", server: ") {
        (site, rest) = server.split_at(value_end(server));
    }
    rest = without_stream_bytes(rest);
    if !rest.is_empty() {
        nginx_quoted(line, rest, map)?;
    }
    let is_said = map.get(Field::Site).is_some_and(|host| !host.is_empty());
    if !is_said && is_name(site) {
        set(line, map, Field::Site, site);
    } else if !is_said {
        map.unset(Field::Site);
    }
    Some(())
}

/// Where a value without quotes ends.
fn value_end(text: &[u8]) -> usize {
    find(text, b", ").unwrap_or(text.len())
}

/// Whether a server's name tells the site: connections that no request came of name the socket.
fn is_name(server: &[u8]) -> bool {
    let is_socket = str::from_utf8(server).is_ok_and(|text| text.parse::<SocketAddr>().is_ok());
    !is_socket && !server.starts_with(b"unix:") && !matches!(server, b"" | b"_")
}

/// The trailer without the numbers that end it where nginx passes on TCP or UDP.
fn without_stream_bytes(trailer: &[u8]) -> &[u8] {
    match rfind(trailer, b", bytes from/to client:") {
        Some(at) if !trailer[at..].contains(&b'"') => &trailer[..at],
        _ => trailer,
    }
}

/// The quoted fields. Quotes in them are written as they are, so that where one ends is told from the
/// beginning of the next; each may begin only once, and only after those before it.
fn nginx_quoted(line: &[u8], trailer: &[u8], map: &mut LineMap) -> Option<()> {
    let trailer = trailer.strip_prefix(b", ")?.strip_suffix(b"\"")?;
    let mut index = NGINX_QUOTED.iter().position(|(key, _)| trailer.starts_with(key))?;
    let (key, mut field) = NGINX_QUOTED[index];
    let mut rest = &trailer[key.len()..];
    // The beginnings are looked for in all that is left, so that none of them is passed over.
    let mut from = 0;
    while let Some(at) = find(&rest[from..], b"\", ").map(|at| from + at) {
        let after = &rest[at + 3..];
        let next = NGINX_QUOTED.iter().position(|(key, _)| after.starts_with(key));
        match next {
            None => from = at + 1,
            Some(next) if next > index => {
                set_if(line, map, field, &rest[..at]);
                field = NGINX_QUOTED[next].1;
                rest = &after[NGINX_QUOTED[next].0.len()..];
                (index, from) = (next, 0);
            }
            Some(_) => return None,
        }
    }
    set_if(line, map, field, rest);
    Some(())
}

fn set_if(line: &[u8], map: &mut LineMap, field: Option<Field>, part: &[u8]) {
    if let Some(field) = field {
        set(line, map, field, part);
    }
}

/// Notes that `field` is `part`, which is a part of `line`.
fn set(line: &[u8], map: &mut LineMap, field: Field, part: &[u8]) {
    let start = part.as_ptr().addr() - line.as_ptr().addr();
    debug_assert!(start + part.len() <= line.len(), "the part lies in the line");
    map.set(field, Span { start: start as u32, end: (start + part.len()) as u32 }, false);
}

/// Notes in `map` where the fields of a line of Apache's error log sit.
pub(super) fn map_apache(line: &[u8], map: &mut LineMap) -> Result<(), Reason> {
    let text = &line[skip_spaces(line)..];
    let (rest, time) = apache_time(text).map_err(|_| Reason::NotThisFormat)?;
    let (rest, (module, level)) = apache_level(rest).map_err(|_| Reason::NotThisFormat)?;
    set(line, map, Field::Time, time);
    set(line, map, Field::Level, level);
    if let Some(module) = module.filter(|module| !matches!(*module, b"" | b"-")) {
        set(line, map, Field::Module, module);
    }
    let (start, is_process) = skip_ids(rest);
    let start = opt(source_place).parse(start).map_or(start, |(rest, _)| rest);
    let after_error = opt(error_text).parse(start).map_or(start, |(rest, _)| rest);
    // The system's error tells of what kind the message is, so that it is a part of it.
    let has_error = after_error.len() < start.len();
    let mut message = start;
    if let Some((kind, address, mut rest)) = peer(after_error) {
        let behind = start.len() - rest.len();
        if kind == Peer::Client {
            let has_port = module.is_some() || is_process;
            set(line, map, Field::Client, if has_port { without_port(address) } else { address });
            // Only messages about a request have one.
            rest = split_referrer(line, rest, map);
        }
        message = if has_error { &start[..behind + rest.len()] } else { rest };
    }
    set(line, map, Field::Message, message);
    Ok(())
}

/// The time with its brackets, whatever notation it has.
fn apache_time(input: &[u8]) -> Parsed<'_, &[u8]> {
    let is_of_times = |byte: u8| {
        byte.is_ascii_alphanumeric() || matches!(byte, b' ' | b':' | b'/' | b'.' | b'+' | b'-')
    };
    let fits = |time: &[u8]| time.iter().filter(|byte| **byte == b':').count() >= 2;
    let time = verify(take_while_m_n(19, 40, is_of_times), fits);
    delimited(tag(&b"["[..]), time, tag(&b"] "[..])).parse(input)
}

/// The module, which only 2.4 tells, and the level.
fn apache_level(input: &[u8]) -> Parsed<'_, (Option<&[u8]>, &[u8])> {
    let is_of_names = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
    let module = opt(terminated(take_while(is_of_names), tag(&b":"[..])));
    delimited(tag(&b"["[..]), (module, level), tag(&b"] "[..])).parse(input)
}

/// Skips the process, the thread, and the ids of connection and request; the first is nearly always there.
fn skip_ids(mut text: &[u8]) -> (&[u8], bool) {
    let mut is_process = false;
    for start in [&b"[pid "[..], b"[tid ", b"[R:", b"[C:"] {
        if text.starts_with(start) {
            let Some(end) = find(text, b"] ") else { break };
            is_process |= start == b"[pid ";
            text = &text[end + 2..];
        }
    }
    (text, is_process)
}

/// `mod_authz_core.c(820): `, which messages of low levels begin with.
fn source_place(input: &[u8]) -> Parsed<'_, &[u8]> {
    let is_of_paths =
        |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b'/');
    let place = (take_while1(is_of_paths), tag(&b"("[..]), digit1, tag(&b"): "[..]));
    recognize(place).parse(input)
}

/// `(13)Permission denied: `, the words of the operating system or of Apache's library for it.
fn error_text(input: &[u8]) -> Parsed<'_, &[u8]> {
    let number = delimited(tag(&b"("[..]), digit1, tag(&b")"[..]));
    let words = terminated(take_while(|byte| !matches!(byte, b':' | b'[' | b']')), tag(&b": "[..]));
    recognize(preceded(number, words)).parse(input)
}

/// Who is at the other end of a connection.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Peer {
    Client,
    /// A server behind this one.
    Backend,
}

/// The other end, its address, and the message.
fn peer(text: &[u8]) -> Option<(Peer, &[u8], &[u8])> {
    let (kind, text) = match text.strip_prefix(b"[client ") {
        Some(rest) => (Peer::Client, rest),
        None => (Peer::Backend, text.strip_prefix(b"[remote ")?),
    };
    let end = memchr(b' ', text).unwrap_or(text.len());
    let address = text[..end].strip_suffix(b"]")?;
    Some((kind, address, text.get(end + 1..).unwrap_or(&text[end..])))
}

/// The address without the port that 2.4 writes behind it, also of IPv6 and without brackets. IPv4 addresses
/// keep theirs: nobody takes it for a part of them.
fn without_port(address: &[u8]) -> &[u8] {
    let Some(colon) = memrchr(b':', address) else { return address };
    let (host, port) = (&address[..colon], &address[colon + 1..]);
    let is_port = (1..=5).contains(&port.len()) && port.iter().all(u8::is_ascii_digit);
    let without_zone = &host[..memchr(b'%', host).unwrap_or(host.len())];
    let is_whole = str::from_utf8(without_zone).is_ok_and(|text| text.parse::<Ipv6Addr>().is_ok());
    if is_port && is_whole { host } else { address }
}

/// Notes the referrer that ends the message, where it is one, and returns what is before it.
fn split_referrer<'a>(line: &[u8], message: &'a [u8], map: &mut LineMap) -> &'a [u8] {
    const BEFORE: &[u8] = b", referer: ";
    let Some(at) = rfind(message, BEFORE) else { return message };
    let referrer = &message[at + BEFORE.len()..];
    let has_scheme = |scheme: &[u8]| {
        referrer.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme))
    };
    let is_url = has_scheme(b"http://") || has_scheme(b"https://");
    if referrer != b"-" && (!is_url || referrer.contains(&b' ')) {
        return message;
    }
    set(line, map, Field::Referrer, referrer);
    if let (Some(span), true) = (map.get(Field::Referrer), referrer.contains(&b'\\')) {
        map.set(Field::Referrer, span, true);
    }
    &message[..at]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    type Map = fn(&[u8], &mut LineMap) -> Result<(), Reason>;

    /// `name=value` of the fields, in the order of their numbers and without time, or the reason's word.
    fn show(map: Map, line: &[u8]) -> String {
        let mut found = LineMap::default();
        if let Err(reason) = map(line, &mut found) {
            return reason.word().to_owned();
        }
        let fields = Field::ALL.into_iter().filter(|field| *field != Field::Time);
        fields
            .filter_map(|field| {
                let value = found.find(field, line)?.escape_ascii();
                Some(format!("{}={}", field.name(), value.to_string().replace("\\\"", "\"")))
            })
            .collect::<Vec<_>>()
            .join("|")
    }

    fn client_of(map: Map, line: &[u8]) -> Result<Option<Vec<u8>>, Reason> {
        let mut found = LineMap::default();
        map(line, &mut found).map(|()| found.find(Field::Client, line).map(<[u8]>::to_vec))
    }

    const REFUSED: &str = "not-this-format";

    #[track_caller]
    fn nginx(rest: &str, expect: &str) {
        let line = format!("2026/11/22 14:05:37 [error] 31#32: {rest}");
        assert_eq!(show(map_nginx, line.as_bytes()), expect, "{line}");
    }

    #[track_caller]
    fn apache(line: &str, expect: &str) {
        assert_eq!(show(map_apache, line.as_bytes()), expect, "{line}");
    }

    #[test]
    fn nginx_tells_of_a_request() {
        nginx(
            concat!(
                r#"*1 open() "/srv/x" failed (2: No such file or directory), client: 192.0.2.7, "#,
                r#"server: localhost, request: "POST /x HTTP/1.1", host: "www.example.com:81""#
            ),
            concat!(
                r#"site=www.example.com:81|client=192.0.2.7|request=POST /x HTTP/1.1|level=error|"#,
                r#"message=open() "/srv/x" failed (2: No such file or directory)"#
            ),
        );
        let all = |text: &str| format!("*1 m, client: 2001:db8::7, server: a.example.com{text}");
        let site = "site=a.example.com|client=2001:db8::7";
        nginx(&all(""), &format!("{site}|level=error|message=m"));
        nginx(
            &all(
                r#", request: "GET / HTTP/1.1", subrequest: "/auth", upstream: "http://[::1]:8/""#,
            ),
            &format!("{site}|request=GET / HTTP/1.1|level=error|message=m"),
        );
        nginx(
            &all(r#", request: "GET / HTTP/1.1", host: "", referrer: """#),
            &format!("{site}|request=GET / HTTP/1.1|referrer=|level=error|message=m"),
        );
        nginx(
            &all(
                r#", upstream: "198.51.100.4:81", bytes from/to client:0/7, bytes from/to upstream:0/0"#,
            ),
            &format!("{site}|level=error|message=m"),
        );
        nginx(&all(r#", login: "bob@example.com""#), &format!("{site}|level=error|message=m"));
    }

    #[test]
    fn nginx_quotes_as_it_likes() {
        let line = |request: &str, rest: &str| {
            format!(r#"m, client: 192.0.2.7, server: _, request: "{request}"{rest}"#)
        };
        let expect = |request: &str, more: &str| {
            format!("client=192.0.2.7|request={request}|{more}level=error|message=m")
        };
        for request in [r#"GET /"a" HTTP/1.1"#, r#"GET /", x: ""#, r#"""#, r#"GET /", hosts: "a"#] {
            nginx(&line(request, ""), &expect(request, ""));
            let more = r#", referrer: "https://example.com/""#;
            nginx(&line(request, more), &expect(request, "referrer=https://example.com/|"));
        }
        let host = r#", host: "b.example.com""#;
        nginx(&line(r#"GET /", host: "a"#, host), REFUSED);
        nginx(&line(r#"GET /", request: "a"#, host), REFUSED);
        nginx(&line(r#"GET /", referrer: "a"#, host), REFUSED);
        nginx(&line("GET /", r#", host: "a", upstream: "b""#), REFUSED);
        nginx(&line("GET /", r#", host: "a", more: b"#), REFUSED);
        nginx(&line("GET /", r#", host: "a"#), REFUSED);
        nginx(&line("GET /", " "), REFUSED);
    }

    #[test]
    fn nginx_clients_stand_in_one_place() {
        let real = r#", client: 192.0.2.7, server: x, request: "GET / HTTP/1.1""#;
        let fake = r#", client: 203.0.113.9, server: x, request: "GET /"#;
        nginx(&format!("open() \"/srv{fake}\" failed{real}"), REFUSED);
        nginx(&format!("m{}{fake}\"", &real[..real.len() - 1]), REFUSED);
        nginx(&format!("m{real}, referrer: \"{fake}\"\""), REFUSED);
        nginx("m, client: 192.0.2.7 192.0.2.8, server: x", REFUSED);
        nginx("m, client: , server: x", REFUSED);
        nginx("m, client: 192.0.2.7, servers: x", REFUSED);
        nginx("m, client: unix:, server: x", "site=x|level=error|message=m");
        nginx(
            "m, client: 192.0.2.7, server: 0.0.0.0:443",
            "client=192.0.2.7|level=error|message=m",
        );
        nginx("m, client: 192.0.2.7", "client=192.0.2.7|level=error|message=m");
        let debug = "2026/11/22 14:05:37 [debug] 1#1: *1 http header: \"a, client: 203.0.113.9, server: x\"";
        assert_eq!(client_of(map_nginx, debug.as_bytes()), Ok(None));
        for length in [2_046, 2_047, 4_095] {
            let start = "2026/11/22 14:05:37 [error] 1#1: *1 ";
            let fake = ", client: 203.0.113.9, server: x";
            let line = format!("{start}{}{fake}", "a".repeat(length - start.len() - fake.len()));
            let client = (length < 2_047).then(|| b"203.0.113.9".to_vec());
            assert_eq!(client_of(map_nginx, line.as_bytes()), Ok(client));
        }
    }

    #[test]
    fn nginx_tells_of_itself() {
        nginx("signal process started", "level=error|message=signal process started");
        nginx("*7 m", "level=error|message=m");
        for (message, client) in [
            ("client 192.0.2.7 closed keepalive connection", "192.0.2.7"),
            (
                "client 192.0.2.7 closed keepalive connection (104: Connection reset by peer)",
                "192.0.2.7",
            ),
            ("client 192.0.2.7:53044 connected to 0.0.0.0:25", "192.0.2.7:53044"),
            ("client [2001:db8::7]:53044 connected to [::]:25", "[2001:db8::7]:53044"),
        ] {
            nginx(message, &format!("client={client}|level=error|message={message}"));
        }
        for message in
            ["client 192.0.2.7 sent", "client timed out", "client prematurely connected to x"]
        {
            nginx(message, &format!("level=error|message={message}"));
        }
        nginx("", "level=error|message=");
        for line in [
            "",
            "2026/11/22 14:05:37 [error] 31#32 m",
            "2026/11/22 14:05:37 [error] 31: m",
            "2026/11/22 14:05:37 [error] m",
            "2026/11/22 14:05:37 [an error] 1#1: m",
            "2026/11/22 14:05:37 error 1#1: m",
            "2026-11-22 14:05:37 [error] 1#1: m",
            "[error] 1#1: m",
        ] {
            assert_eq!(show(map_nginx, line.as_bytes()), REFUSED, "{line}");
        }
    }

    #[test]
    fn apache_tells_of_a_request() {
        let time = "[Sun Nov 22 14:05:37.958285 2026]";
        apache(
            &format!("{time} [core:info] [pid 7:tid 8] [client 192.0.2.7:5] AH00128: x: /a, b"),
            "client=192.0.2.7:5|level=info|module=core|message=AH00128: x: /a, b",
        );
        apache(
            &format!(
                "{time} [proxy_fcgi:error] [pid 7:tid 8] (70008)Partial results are valid: \
                 [client 192.0.2.7:5] AH01075: Error, referer: http://example.com/?a=1"
            ),
            concat!(
                "client=192.0.2.7:5|referrer=http://example.com/?a=1|level=error|module=proxy_fcgi|",
                "message=(70008)Partial results are valid: [client 192.0.2.7:5] AH01075: Error"
            ),
        );
        apache(
            &format!("{time} [ssl:debug] [pid 7] ssl_engine.c(20): [client 192.0.2.7:5] AH01: x"),
            "client=192.0.2.7:5|level=debug|module=ssl|message=AH01: x",
        );
        for (written, client) in [
            ("2001:db8::7:59307", "2001:db8::7"),
            ("2001:db8::7:443", "2001:db8::7"),
            ("::1:50058", "::1"),
            ("fe80::1%eth0:80", "fe80::1%eth0"),
            ("2001:db8::7", "2001:db8::7"),
            ("2001:db8:1:2:3:4:5:6:7", "2001:db8:1:2:3:4:5:6"),
            ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2:3:4:5:6"),
            ("192.0.2.7", "192.0.2.7"),
        ] {
            apache(
                &format!("{time} [:error] [pid 7] [client {written}] m"),
                &format!("client={client}|level=error|message=m"),
            );
        }
        apache(
            "[Sun Nov 22 14:05:37 2026] [error] [client 2001:db8::7:443] m",
            "client=2001:db8::7:443|level=error|message=m",
        );
        apache(
            "[Sun Nov 22 14:05:37 2026] [error] [client 192.0.2.7] ",
            "client=192.0.2.7|level=error|message=",
        );
    }

    #[test]
    fn apache_referrers_end_the_line() {
        let check = |rest: &str, expect: &str| {
            let line = format!("[22/Nov/2026:14:05:37 +0000] [error] [client 192.0.2.7] m{rest}");
            apache(&line, &format!("client=192.0.2.7|{expect}"));
        };
        check(", referer: -", "referrer=-|level=error|message=m");
        check(
            ", referer: HTTPS://example.com/",
            "referrer=HTTPS://example.com/|level=error|message=m",
        );
        check(", referer: http://a/, referer: http://b/", {
            "referrer=http://b/|level=error|message=m, referer: http://a/"
        });
        check(", referer: me", "level=error|message=m, referer: me");
        check(", referer: http://a/ b", "level=error|message=m, referer: http://a/ b");
        check(", referer: ", "level=error|message=m, referer: ");
    }

    #[test]
    fn apache_tells_of_itself() {
        for time in [
            "Sun Nov 22 14:05:37.958285 2026",
            "Sun Nov 22 14:05:37 2026",
            "22/Nov/2026:14:05:37 +0000",
            "2026-11-22 14:05:37.138633",
            "2026/11/22 14:05:37",
        ] {
            let line = format!("[{time}] [mpm_event:notice] [pid 1:tid 2] AH00489: m");
            let mut map = LineMap::default();
            assert_eq!(map_apache(line.as_bytes(), &mut map), Ok(()), "{line}");
            assert_eq!(map.part(Field::Time, line.as_bytes()), time.as_bytes());
            assert!(!map.has(Field::Client));
        }
        let time = "[Sun Nov 22 14:05:37 2026]";
        apache(
            &format!("{time} [proxy:error] [pid 7] (113)No route to host: AH00957: HTTP: x"),
            "level=error|module=proxy|message=(113)No route to host: AH00957: HTTP: x",
        );
        apache(
            &format!("{time} [proxy:error] [pid 7] [remote 198.51.100.4:80] AH01: x"),
            "level=error|module=proxy|message=AH01: x",
        );
        apache(
            &format!("{time} [php:notice] [pid 7] Said: [client 203.0.113.9] x"),
            "level=notice|module=php|message=Said: [client 203.0.113.9] x",
        );
        for line in [
            "",
            "[error] [client 192.0.2.7] m",
            "[core:error] [pid 7] m",
            "[Sun Nov 22 14:05:37 2026] m",
            "[Sun Nov 22 14:05:37 2026] [client 192.0.2.7] m",
            "[Sun Nov 22 14:05:37 2026] [an error] m",
            "[Sunday afternoon, in 2026] [error] m",
            "Sun Nov 22 14:05:37 2026 [error] m",
        ] {
            apache(line, REFUSED);
        }
    }

    /// Text of a visitor: any bytes but line ends, and pieces of trailers.
    fn visitor() -> impl Strategy<Value = Vec<u8>> {
        let pieces = prop::sample::select(vec![
            &b", client: 203.0.113.9"[..],
            b", server: x",
            b", request: \"GET / HTTP/1.1",
            b"\", upstream: \"",
            b"\", host: \"y",
            b"\", referrer: \"z",
            b"\"",
            b", ",
            b"[client 203.0.113.9] ",
            b"(13)no: ",
            b", referer: http://x/",
            b"] ",
        ]);
        let any = prop::collection::vec(any::<u8>(), 0..4);
        let piece = prop_oneof![4 => pieces.prop_map(<[u8]>::to_vec), 1 => any];
        prop::collection::vec(piece, 0..6).prop_map(|pieces| {
            let mut text = pieces.concat();
            text.retain(|byte| *byte != b'\n');
            text
        })
    }

    fn is_real(found: Result<Option<Vec<u8>>, Reason>, real: &[u8]) -> bool {
        found.map_or(true, |client| client.is_none_or(|client| client == real))
    }

    proptest! {
        #[test]
        fn any_bytes_are_mapped_or_refused(
            head in prop::sample::select(vec![
                &b""[..],
                b"2026/11/22 14:05:37 [error] 1#1: *1 m, client: 192.0.2.7, server: x",
                b"[Sun Nov 22 14:05:37 2026] [core:error] [pid 1] ",
            ]),
            tail in prop_oneof![visitor(), prop::collection::vec(any::<u8>(), 0..64)],
        ) {
            let line = [head, &tail].concat();
            for map in [map_nginx as Map, map_apache] {
                let mut found = LineMap::default();
                let _ = map(&line, &mut found);
                for span in Field::ALL.into_iter().filter_map(|field| found.get(field)) {
                    prop_assert!(span.start <= span.end && span.end as usize <= line.len());
                }
            }
        }

        #[test]
        fn no_visitor_names_the_client_of_nginx(
            path in visitor(), request in visitor(), host in visitor(), referrer in visitor(),
            cut in prop::option::of(0..200usize),
        ) {
            let mut line = [
                b"2026/11/22 14:05:37 [error] 1#1: *1 open() \"/srv", &path[..],
                b"\" failed (2: No such file or directory), client: 192.0.2.7, server: _, request: \"",
                &request, b"\", host: \"", &host, b"\", referrer: \"", &referrer, b"\"",
            ].concat();
            if let Some(cut) = cut {
                // As nginx cuts off: a path so long that the end is somewhere behind it.
                let start = b"2026/11/22 14:05:37 [error] 1#1: *1 open() \"/srv".len();
                let more = (NGINX_BYTES_MAX + cut).saturating_sub(line.len());
                line.splice(start..start, std::iter::repeat_n(b'a', more));
                line.truncate(NGINX_BYTES_MAX);
            }
            prop_assert!(is_real(client_of(map_nginx, &line), b"192.0.2.7"));
        }

        #[test]
        fn no_visitor_names_the_client_of_apache(path in visitor(), referrer in visitor()) {
            let line = [
                b"[Sun Nov 22 14:05:37 2026] [core:error] [pid 7] (2)No such file: [client 192.0.2.7:5] ",
                &path[..], b": AH00128: File does not exist: ", &path, b", referer: ", &referrer,
            ].concat();
            prop_assert_eq!(client_of(map_apache, &line), Ok(Some(b"192.0.2.7:5".to_vec())));
        }
    }
}
