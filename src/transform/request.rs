//! The request line and the numbers beside it: method, target, protocol, status, bytes.
//!
//! Method and protocol are words of closed sets. What is not HTTP at all, a TLS handshake or a
//! scanner's greeting, is an ordinary event on the internet and not an error: it has no target.
//! Cleaning the target is the business of `path.rs`.

use std::{fmt, str};

/// The methods that are named: those of RFC 9110, PATCH (RFC 5789) and WebDAV's (RFC 4918).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
#[expect(missing_docs, reason = "each variant is the method of its name")]
pub enum Method {
    Connect,
    Copy,
    Delete,
    Get,
    Head,
    Lock,
    Mkcol,
    Move,
    Options,
    Patch,
    Post,
    Propfind,
    Proppatch,
    Put,
    Trace,
    Unlock,
    /// Any other word, and requests that are not HTTP.
    #[default]
    Other,
}

impl Method {
    /// All methods, in the order of their numbers.
    pub const ALL: [Self; 17] = [
        Self::Connect,
        Self::Copy,
        Self::Delete,
        Self::Get,
        Self::Head,
        Self::Lock,
        Self::Mkcol,
        Self::Move,
        Self::Options,
        Self::Patch,
        Self::Post,
        Self::Propfind,
        Self::Proppatch,
        Self::Put,
        Self::Trace,
        Self::Unlock,
        Self::Other,
    ];

    /// The word for output.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Connect => "CONNECT",
            Self::Copy => "COPY",
            Self::Delete => "DELETE",
            Self::Get => "GET",
            Self::Head => "HEAD",
            Self::Lock => "LOCK",
            Self::Mkcol => "MKCOL",
            Self::Move => "MOVE",
            Self::Options => "OPTIONS",
            Self::Patch => "PATCH",
            Self::Post => "POST",
            Self::Propfind => "PROPFIND",
            Self::Proppatch => "PROPPATCH",
            Self::Put => "PUT",
            Self::Trace => "TRACE",
            Self::Unlock => "UNLOCK",
            Self::Other => "OTHER",
        }
    }

    /// The word for output in a buffer of fixed size, and its length.
    #[inline]
    #[must_use]
    pub const fn padded(self) -> ([u8; 16], usize) {
        PADDED_METHODS[self as usize]
    }

    /// The method of that word. Methods are case-sensitive (RFC 9110, 9.1).
    #[must_use]
    pub fn of(word: &[u8]) -> Self {
        match word {
            b"CONNECT" => Self::Connect,
            b"COPY" => Self::Copy,
            b"DELETE" => Self::Delete,
            b"GET" => Self::Get,
            b"HEAD" => Self::Head,
            b"LOCK" => Self::Lock,
            b"MKCOL" => Self::Mkcol,
            b"MOVE" => Self::Move,
            b"OPTIONS" => Self::Options,
            b"PATCH" => Self::Patch,
            b"POST" => Self::Post,
            b"PROPFIND" => Self::Propfind,
            b"PROPPATCH" => Self::Proppatch,
            b"PUT" => Self::Put,
            b"TRACE" => Self::Trace,
            b"UNLOCK" => Self::Unlock,
            _ => Self::Other,
        }
    }
}

/// The protocol versions that are named.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Protocol {
    /// HTTP/1.0.
    V1_0,
    /// HTTP/1.1.
    V1_1,
    /// HTTP/2, also written `HTTP/2.0`.
    V2,
    /// HTTP/3, also written `HTTP/3.0`.
    V3,
    /// Any other word after the target.
    Other,
}

impl Protocol {
    /// All protocols, in the order of their numbers.
    pub const ALL: [Self; 5] = [Self::V1_0, Self::V1_1, Self::V2, Self::V3, Self::Other];

    /// The word for output.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::V1_0 => "1.0",
            Self::V1_1 => "1.1",
            Self::V2 => "2",
            Self::V3 => "3",
            Self::Other => "other",
        }
    }

    /// The word for output in a buffer of fixed size, and its length.
    #[inline]
    #[must_use]
    pub const fn padded(self) -> ([u8; 8], usize) {
        PADDED_PROTOCOLS[self as usize]
    }

    fn of(word: &[u8]) -> Self {
        match word {
            b"HTTP/1.1" => Self::V1_1,
            b"HTTP/1.0" => Self::V1_0,
            b"HTTP/2.0" | b"HTTP/2" => Self::V2,
            b"HTTP/3.0" | b"HTTP/3" => Self::V3,
            _ => Self::Other,
        }
    }

    /// The protocol in a field of its own, which some formats log without `HTTP/` or in the letters of ALPN.
    fn of_field(word: &[u8]) -> Self {
        match word {
            b"1.1" | b"http/1.1" => Self::V1_1,
            b"1.0" | b"http/1.0" => Self::V1_0,
            b"2.0" | b"2" | b"h2" | b"h2c" | b"http/2" => Self::V2,
            b"3.0" | b"3" | b"h3" | b"http/3" => Self::V3,
            _ => Self::of(word),
        }
    }
}

const PADDED_METHODS: [([u8; 16], usize); Method::ALL.len()] = {
    let mut table = [([0; 16], 0); Method::ALL.len()];
    let mut index = 0;
    while index < table.len() {
        table[index] = pad(Method::ALL[index].name());
        index += 1;
    }
    table
};

const PADDED_PROTOCOLS: [([u8; 8], usize); Protocol::ALL.len()] = {
    let mut table = [([0; 8], 0); Protocol::ALL.len()];
    let mut index = 0;
    while index < table.len() {
        table[index] = pad(Protocol::ALL[index].name());
        index += 1;
    }
    table
};

/// `word` in a buffer of fixed size, and its length.
const fn pad<const N: usize>(word: &str) -> ([u8; N], usize) {
    let (word, mut padded) = (word.as_bytes(), [0; N]);
    let mut at = 0;
    while at < word.len() {
        padded[at] = word[at];
        at += 1;
    }
    (padded, word.len())
}

/// A request line taken apart.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Request<'a> {
    /// The method, [`Method::Other`] when it is not a named one.
    pub method: Method,
    /// The target as written, or nothing when the request is not HTTP.
    pub target: Option<&'a [u8]>,
    /// The protocol, or nothing when the request has none (HTTP/0.9, or not HTTP).
    pub protocol: Option<Protocol>,
}

impl fmt::Debug for Request<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { method, target, protocol } = self;
        let bytes = target.map(<[u8]>::len);
        write!(f, "Request({method:?}, {bytes:?} bytes, {protocol:?})")
    }
}

impl Request<'_> {
    /// What is not HTTP.
    const INVALID: Self = Self { method: Method::Other, target: None, protocol: None };
}

/// Takes a request line apart, whose log escapes are undone.
///
/// The target may have spaces: servers accept and log them. A request without a protocol is
/// HTTP/0.9. Not HTTP are: nothing, `-`, a single word, a method that is no token (RFC 9110, 5.6.2),
/// and a target that is neither a path, a URL, `*`, nor the authority of a CONNECT.
#[must_use]
pub fn parse(text: &[u8]) -> Request<'_> {
    let Some(space) = memchr::memchr(b' ', text) else { return Request::INVALID };
    let (word, rest) = (&text[..space], text[space + 1..].trim_ascii_end());
    if word.is_empty() || !word.iter().copied().all(is_token_byte) {
        return Request::INVALID;
    }
    let (target, protocol) = match memchr::memrchr(b' ', rest) {
        Some(last) if is_protocol(&rest[last + 1..]) => {
            (rest[..last].trim_ascii(), Some(Protocol::of(&rest[last + 1..])))
        }
        _ => (rest.trim_ascii_start(), None),
    };
    let method = Method::of(word);
    if is_target(target, method) {
        Request { method, target: Some(target), protocol }
    } else {
        Request::INVALID
    }
}

/// Puts a request together whose parts a format logs apart, with their escapes undone.
#[must_use]
pub fn assemble<'a>(method: &[u8], target: &'a [u8], protocol: Option<&[u8]>) -> Request<'a> {
    let word = Method::of(method);
    let target = target.trim_ascii();
    if method.is_empty() || !method.iter().copied().all(is_token_byte) || !is_target(target, word) {
        return Request::INVALID;
    }
    let protocol = protocol.filter(|word| !matches!(*word, b"" | b"-")).map(Protocol::of_field);
    Request { method: word, target: Some(target), protocol }
}

/// Whether the last word of a request is a protocol: `NAME/...`, or the bare `HTTP` of a scanner.
fn is_protocol(word: &[u8]) -> bool {
    let letters = word.iter().take_while(|byte| byte.is_ascii_alphabetic()).count();
    letters > 0 && (word.get(letters) == Some(&b'/') || word.eq_ignore_ascii_case(b"HTTP"))
}

fn is_target(target: &[u8], method: Method) -> bool {
    match target.first() {
        None => false,
        Some(b'/') => true,
        Some(b'*') => target == b"*",
        // Our own output read again.
        Some(b'(') => target == b"(unknown)",
        Some(_) => {
            method == Method::Connect
                || starts_with_ignore_case(target, b"http://")
                || starts_with_ignore_case(target, b"https://")
        }
    }
}

fn starts_with_ignore_case(text: &[u8], prefix: &[u8]) -> bool {
    text.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix))
}

const fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(byte, b'!'..=b'\'' | b'*' | b'+' | b'-' | b'.' | b'^'..=b'`' | b'|' | b'~')
            && byte != b'"'
}

/// A status from 100 to 599.
#[inline]
#[must_use]
pub fn parse_status(text: &[u8]) -> Option<u16> {
    let &[a, b, c] = text else { return None };
    if !(b'1'..=b'5').contains(&a) || !b.is_ascii_digit() || !c.is_ascii_digit() {
        return None;
    }
    Some(u16::from(a - b'0') * 100 + u16::from(b - b'0') * 10 + u16::from(c - b'0'))
}

/// A byte count: up to 13 digits, `Some(None)` for `-`.
#[inline]
#[must_use]
pub fn parse_bytes(text: &[u8]) -> Option<Option<u64>> {
    if text == b"-" {
        return Some(None);
    }
    if text.is_empty() || text.len() > 13 {
        return None;
    }
    let mut value = 0u64;
    for byte in text {
        if !byte.is_ascii_digit() {
            return None;
        }
        value = value * 10 + u64::from(byte - b'0');
    }
    Some(Some(value))
}

/// The first size that is never told exactly. Nothing of ten gigabytes is served every day, and what has eleven digits
/// or more in the place of a size may as well be a card, a telephone or a device that got there by a line that
/// was broken or forged.
pub const EXACT_BYTES_END: u64 = 10_000_000_000;

/// The next power of two, so that a size names no single response. Nothing stays nothing.
#[inline]
#[must_use]
pub const fn bucket_bytes(bytes: u64) -> u64 {
    if bytes == 0 { 0 } else { bytes.next_power_of_two() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(line: &str, expect: &str) {
        let request = parse(line.as_bytes());
        let target =
            request.target.map_or("(none)", |target| str::from_utf8(target).expect("ASCII"));
        let protocol = request.protocol.map_or("(none)", Protocol::name);
        assert_eq!(format!("{} {target} {protocol}", request.method.name()), expect, "{line}");
    }

    #[test]
    fn requests() {
        check("GET / HTTP/1.1", "GET / 1.1");
        check("GET /a?b=c HTTP/1.0", "GET /a?b=c 1.0");
        check("GET / HTTP/2.0", "GET / 2");
        check("GET / HTTP/2", "GET / 2");
        check("GET / HTTP/3.0", "GET / 3");
        check("GET / HTTP/1.1 ", "GET / 1.1");
        check("GET /a b HTTP/1.1", "GET /a b 1.1");
        check("GET  /  HTTP/1.1", "GET / 1.1");
        check("GET /x HTTP/1.1 HTTP/1.1", "GET /x HTTP/1.1 1.1");
        check("GET /", "GET / (none)");
        check("GET /a b", "GET /a b (none)");
        check("GET / HTTP", "GET / other");
        check("GET / http/1.1", "GET / other");
        check("GET / RTSP/1.0", "GET / other");
        check("GET / HTTP/1.1\"", "GET / other");
        check("OPTIONS * HTTP/1.1", "OPTIONS * 1.1");
        check("CONNECT www.example.com:443 HTTP/1.1", "CONNECT www.example.com:443 1.1");
        check("GET HTTP://example.com/ HTTP/1.1", "GET HTTP://example.com/ 1.1");
        check("get / HTTP/1.1", "OTHER / 1.1");
        check("M-SEARCH / HTTP/1.1", "OTHER / 1.1");
        check("PROPFIND / HTTP/1.1", "PROPFIND / 1.1");
        check("OTHER (unknown) HTTP/1.1", "OTHER (unknown) 1.1");
        for invalid in [
            "",
            "-",
            " ",
            "GET",
            "GET ",
            "GET  HTTP/1.1",
            "G@T / HTTP/1.1",
            "\"GET\" / HTTP/1.1",
            "\u{1}GET / HTTP/1.1",
            "\u{16}\u{3}\u{1}",
            "t3 12.1.2",
            "PRI (invalid)",
            "GET ?noslash HTTP/1.1",
            "SSH-2.0-Go",
            "GET example.com:443 HTTP/1.1",
        ] {
            check(invalid, "OTHER (none) (none)");
        }
        check("- http://localhost HTTP/1.0", "OTHER http://localhost 1.0");
    }

    #[test]
    fn methods_are_found_by_their_names() {
        for (number, method) in Method::ALL.into_iter().enumerate() {
            assert_eq!(method as usize, number);
            assert_eq!(Method::of(method.name().as_bytes()), method);
        }
    }

    #[test]
    fn statuses() {
        for (text, expect) in [
            ("100", Some(100)),
            ("200", Some(200)),
            ("599", Some(599)),
            ("600", None),
            ("099", None),
            ("000", None),
            ("20", None),
            ("2000", None),
            ("-", None),
            ("2x0", None),
            ("", None),
        ] {
            assert_eq!(parse_status(text.as_bytes()), expect, "{text}");
        }
    }

    #[test]
    fn byte_counts() {
        for (text, expect) in [
            ("0", Some(Some(0))),
            ("-", Some(None)),
            ("5120", Some(Some(5120))),
            ("9999999999999", Some(Some(9_999_999_999_999))),
            ("12345678901234", None),
            ("12345678901234567890", None),
            ("", None),
            ("-1", None),
            ("1a", None),
        ] {
            assert_eq!(parse_bytes(text.as_bytes()), expect, "{text}");
        }
    }

    #[test]
    fn buckets() {
        for (bytes, expect) in [(0, 0), (1, 1), (2, 2), (3, 4), (5120, 8192), (8192, 8192)] {
            assert_eq!(bucket_bytes(bytes), expect);
        }
    }
}
