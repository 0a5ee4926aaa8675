//! The site that linked here: its registrable domain or its origin, and nothing else of the address.
//!
//! A referrer is another site's text and may carry that site's secrets, so all that can come out is a
//! name that somebody registered under a public suffix, where an [`origin`] is asked for with the scheme and
//! the names below it, or a closed word. Whether the link came from
//! the site itself is for the caller to decide, by comparing [`registrable`] names. Nothing is looked
//! up; the list of suffixes is the one that the `psl` crate was built with.

use super::path::{Shape, shape, strip_scheme};

/// What stands for no referrer.
pub const NONE: &str = "(none)";

/// What stands for a page of the site itself.
pub const INTERNAL: &str = "(internal)";

/// What stands for a page of any other site, where only that is told.
pub const EXTERNAL: &str = "(external)";

/// What stands for a host that is an IP address.
pub const IP: &str = "(ip)";

/// What stands for everything that is not shown.
pub const OTHER: &str = "(other)";

/// The longest name that the domain name system has, RFC 1035 section 2.3.4.
const NAME_MAX: usize = 253;

/// The longest label, from the same section.
const LABEL_MAX: usize = 63;

/// From how many letters on a registered label that looks like a token is one: an address in base64 has no fewer where
/// none of its characters is a digit.
const TOKEN_LETTERS: usize = 16;

/// What a referrer turned out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// There is none.
    None,
    /// The closed word for the site itself, read again from cleaned text.
    Internal,
    /// A host that is an IP address in some notation.
    Ip,
    /// A URL without a name that may be shown.
    Other,
    /// A registrable domain, or `*.` and a private suffix.
    Domain,
}

impl Kind {
    /// The closed word for this kind; a domain has none.
    #[must_use]
    pub const fn word(self) -> Option<&'static str> {
        match self {
            Self::None => Some(NONE),
            Self::Internal => Some(INTERNAL),
            Self::Ip => Some(IP),
            Self::Other => Some(OTHER),
            Self::Domain => None,
        }
    }
}

/// Appends what may be shown of the referrer `raw`, which has no log escapes, and says what it is.
///
/// ```
/// use tamis::transform::referrer::{Kind, clean};
///
/// let mut out = Vec::new();
/// assert_eq!(clean(b"https://www.google.co.uk/search?q=alice", &mut out), Kind::Domain);
/// assert_eq!(out, b"google.co.uk");
/// ```
pub fn clean(raw: &[u8], out: &mut Vec<u8>) -> Kind {
    let kind = match raw {
        b"" | b"-" | b"(none)" => Kind::None,
        b"(internal)" => Kind::Internal,
        b"(ip)" => Kind::Ip,
        _ => match strip_scheme(raw) {
            Some(rest) => domain(host(rest), out),
            None => Kind::Other,
        },
    };
    if let Some(word) = kind.word() {
        out.extend_from_slice(word.as_bytes());
    }
    kind
}

/// Appends the scheme and the host of the referrer `raw`, which has no log escapes, and says what it is and
/// where in `out` the registrable domain begins, with which an origin ends.
///
/// The names below the domain become one star unless each of them is of a list of common ones, such as `www`,
/// and where they are the owner's under a private suffix. The port is not told.
///
/// ```
/// use tamis::transform::referrer::origin;
///
/// let mut out = Vec::new();
/// origin(b"https://www.google.co.uk:443/search?q=alice", &mut out);
/// assert_eq!(out, b"https://www.google.co.uk");
/// ```
pub fn origin(raw: &[u8], out: &mut Vec<u8>) -> (Kind, usize) {
    let start = out.len();
    let scheme: &[u8] = match strip_scheme(raw) {
        Some(_) if raw.get(4) == Some(&b':') => b"http://",
        Some(_) => b"https://",
        None => return (clean(raw, out), start),
    };
    let host = host(strip_scheme(raw).expect("it has one, as seen above"));
    out.extend_from_slice(scheme);
    let bare = out.len();
    let starred = host.strip_prefix(b"*.");
    // The star of cleaned text stands for names that were not told; a private suffix keeps its own.
    let mut kind = domain(host, out);
    if let (Kind::Other, Some(rest)) = (kind, starred) {
        kind = domain(rest, out);
    }
    if let Some(word) = kind.word() {
        out.truncate(start);
        out.extend_from_slice(word.as_bytes());
        return (kind, start);
    }
    let length = out.len() - bare;
    let is_private = out[bare..].starts_with(b"*.");
    let host = host.strip_suffix(b".").unwrap_or(host);
    if is_private || host.len() == length {
        return (kind, bare);
    }
    let below = host[..host.len() - length].to_ascii_lowercase();
    let names = &below[..below.len() - 1];
    let is_shown = names
        .split(|&b| b == b'.')
        .all(|label| COMMON.iter().any(|common| common.as_bytes() == label));
    let below = if is_shown { &below[..] } else { b"*." };
    out.splice(bare..bare, below.iter().copied());
    (kind, bare + below.len())
}

/// The names below a domain that may be shown: what many sites call their parts. Any other may be a person's
/// or a device's, which no shape tells from a word.
const COMMON: [&str; 48] = [
    "amp",
    "answers",
    "api",
    "app",
    "apps",
    "blog",
    "blogs",
    "books",
    "cdn",
    "cloud",
    "code",
    "community",
    "de",
    "dev",
    "developer",
    "docs",
    "download",
    "en",
    "es",
    "forum",
    "forums",
    "fr",
    "help",
    "images",
    "it",
    "ja",
    "l",
    "lists",
    "m",
    "mail",
    "maps",
    "mobile",
    "news",
    "nl",
    "old",
    "pl",
    "play",
    "portal",
    "pt",
    "ru",
    "search",
    "shop",
    "static",
    "store",
    "support",
    "wiki",
    "www",
    "zh",
];

/// Appends the registrable domain of a client that logged its host name; false, and nothing appended, when
/// it has none that may be shown. A name under `arpa` is an address.
pub fn registrable_of_client(name: &[u8], out: &mut Vec<u8>) -> bool {
    let dotless = name.strip_suffix(b".").unwrap_or(name);
    let top = dotless.rsplit(|&b| b == b'.').next().unwrap_or_default();
    let start = out.len();
    if top.eq_ignore_ascii_case(b"arpa") || domain(name, out) != Kind::Domain {
        return false;
    }
    // A brand of digits is no provider of access, but a part of an address is digits.
    let label = out[start..].split(|&b| b == b'.').next().unwrap_or_default();
    let is_shown = label == b"*" || label.iter().any(u8::is_ascii_alphabetic);
    if !is_shown {
        out.truncate(start);
    }
    is_shown
}

/// Appends the registrable domain of a host such as `www.example.com:443`; false, and nothing
/// appended, when it has none that may be shown.
pub fn registrable(host_and_port: &[u8], out: &mut Vec<u8>) -> bool {
    domain(host(host_and_port), out) == Kind::Domain
}

/// The host of what follows a scheme: after the user and password, before the port and the path.
///
/// A backslash ends the authority as it does in browsers: reading further would show a name that the
/// visitor never came from.
fn host(rest: &[u8]) -> &[u8] {
    let end = rest.iter().position(|b| matches!(b, b'/' | b'?' | b'#' | b'\\'));
    let authority = &rest[..end.unwrap_or(rest.len())];
    let host = memchr::memrchr(b'@', authority).map_or(authority, |at| &authority[at + 1..]);
    if host.first() == Some(&b'[') {
        return host;
    }
    match memchr::memchr(b':', host) {
        Some(colon) if host[colon + 1..].iter().all(u8::is_ascii_digit) => &host[..colon],
        _ => host,
    }
}

/// Appends the name that `host` was registered under, in small letters.
fn domain(host: &[u8], out: &mut Vec<u8>) -> Kind {
    // An address comes first: the list of suffixes would turn 10.0.0.1 into 0.1.
    if is_address(host) {
        return Kind::Ip;
    }
    // A name that comes from cleaned text has lost its sub-domains to a star.
    let (host, starred) = match host.strip_prefix(b"*.") {
        Some(rest) => (rest, true),
        None => (host, false),
    };
    let host = host.strip_suffix(b".").unwrap_or(host);
    let mut name = [0; NAME_MAX];
    let Some(name) = name.get_mut(..host.len()) else { return Kind::Other };
    name.copy_from_slice(host);
    name.make_ascii_lowercase();
    if !name.split(|&b| b == b'.').all(is_label) {
        return Kind::Other;
    }
    match shown_part(name, starred) {
        Some((star, part)) => {
            if star {
                out.extend_from_slice(b"*.");
            }
            out.extend_from_slice(part);
            Kind::Domain
        }
        None => Kind::Other,
    }
}

/// The part of a name that may be shown, and whether a star stands for what is left out.
fn shown_part(name: &[u8], starred: bool) -> Option<(bool, &[u8])> {
    let suffix = psl::suffix(name)?;
    match suffix.typ()? {
        psl::Type::Private => {
            // The suffix itself is a site too, but only a sub-domain or a star says that people
            // have their pages there.
            (name.len() > suffix.as_bytes().len() || starred).then_some((true, suffix.as_bytes()))
        }
        psl::Type::Icann if starred => None,
        psl::Type::Icann => {
            let domain = psl::domain(name)?;
            let label = domain.as_bytes().split(|&b| b == b'.').next()?;
            (!is_identifying(label)).then_some((false, domain.as_bytes()))
        }
    }
}

/// Whether a label has letters, digits and inner hyphens only.
fn is_label(label: &[u8]) -> bool {
    !label.is_empty()
        && label.len() <= LABEL_MAX
        && label.iter().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || *b == b'-')
        && label[0] != b'-'
        && label[label.len() - 1] != b'-'
}

/// Whether the label that was registered looks like an address or a token. Punycode looks like a
/// token and is not one, but its ASCII part, before the last hyphen, may be; and a short number is a
/// brand.
fn is_identifying(label: &[u8]) -> bool {
    let digits = label.iter().filter(|b| b.is_ascii_digit()).count();
    if let Some(coded) = label.strip_prefix(b"xn--") {
        let ascii = memchr::memrchr(b'-', coded).map(|end| &coded[..end]);
        return digits >= 6 || ascii.is_some_and(is_identifying);
    }
    if digits == label.len() {
        return digits >= 6;
    }
    match shape(label) {
        // Names of sites are made of abbreviations more often than pages are, and somebody paid for
        // them: only a long one counts as a token for its letters alone.
        Some(Shape::Token) => digits > 0 || label.len() >= TOKEN_LETTERS,
        found => found.is_some(),
    }
}

/// Whether a host is an IP address in any notation that a browser or a resolver reads as one.
///
/// A name whose last label is a number is an address to the URL standard, valid or not, and no
/// top-level domain is a number.
fn is_address(host: &[u8]) -> bool {
    if matches!(host.first(), Some(b'[')) || host.iter().filter(|&&b| b == b':').count() >= 2 {
        return true;
    }
    let host = host.strip_suffix(b".").unwrap_or(host);
    let last = host.rsplit(|&b| b == b'.').next().unwrap_or_default();
    match last {
        [b'0', b'x' | b'X', rest @ ..] => rest.iter().all(u8::is_ascii_hexdigit),
        [] => false,
        _ => last.iter().all(u8::is_ascii_digit),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn cleaned(raw: &[u8]) -> (String, Kind) {
        let mut out = Vec::new();
        let kind = clean(raw, &mut out);
        (std::str::from_utf8(&out).unwrap().to_owned(), kind)
    }

    #[track_caller]
    fn check(raw: &str, expect: &str) {
        let (found, kind) = cleaned(raw.as_bytes());
        assert_eq!(found, expect, "for {raw}");
        assert_eq!(kind.word().unwrap_or(expect), expect, "for {raw}");
    }

    #[test]
    fn registrable_domains_are_shown() {
        check("https://www.google.co.uk/search?q=alice", "google.co.uk");
        check("HTTP://WWW.EXAMPLE.COM", "example.com");
        check("http://example.com.:8080/x", "example.com");
        check("http://alice:secret@www.example.com:443/", "example.com");
        check("http://alice@example.net@www.example.com/", "example.com");
        check("http://example.com?alice@example.net", "example.com");
        check("http://example.com#alice@example.net", "example.com");
        check("http://example.com\\@example.net", "example.com");
        check("https://alice.example.org/", "example.org");
        check("https://192-0-2-77.dsl.example.net/", "example.net");
        check("https://xn--mgbh0fb.example.com/", "example.com");
        check("https://www.xn--bcher-kva.de/", "xn--bcher-kva.de");
        check("https://xn--strassenbahn-mnchen-z6b.de/", "xn--strassenbahn-mnchen-z6b.de");
        check("https://m.facebook.com/", "facebook.com");
        check("https://163.com/", "163.com");
        check("https://t.co/abc", "t.co");
        check("http://semicomplete.com/", "semicomplete.com");
        check("https://duckduckgo.com/", "duckduckgo.com");
        check("http://www.linuxquestions.org/", "linuxquestions.org");
        // 203.0.113.102 in base64.
        check("https://MjAzLjAuMTEzLjEwMg.com/", "(other)");
    }

    #[track_caller]
    fn check_origin(raw: &str, expect: &str, domain: &str) {
        let mut out = b"before ".to_vec();
        let (kind, start) = origin(raw.as_bytes(), &mut out);
        assert_eq!(&out[7..], expect.as_bytes(), "for {raw}");
        assert_eq!(&out[start..], domain.as_bytes(), "for {raw}");
        assert_eq!(kind.word().unwrap_or(expect), expect, "for {raw}");
        let mut again = Vec::new();
        origin(expect.as_bytes(), &mut again);
        let lasting = if kind == Kind::Domain || expect != OTHER { expect } else { OTHER };
        assert_eq!(again, lasting.as_bytes(), "for {raw} again");
    }

    #[test]
    fn origins_are_scheme_and_host() {
        check_origin(
            "https://www.google.co.uk/search?q=alice",
            "https://www.google.co.uk",
            "google.co.uk",
        );
        check_origin("HTTP://WWW.Example.COM.:8080", "http://www.example.com", "example.com");
        check_origin("http://example.com#x", "http://example.com", "example.com");
        check_origin(
            "https://a:b@de.forum.example.org/",
            "https://de.forum.example.org",
            "example.org",
        );
        check_origin("https://alice.github.io/", "https://*.github.io", "*.github.io");
        for host in [
            "192-0-2-77.dsl.example.net",
            "host77.2.0.192.example.net",
            "d41d8cd98f00b204e9800998ecf8427e.example.net",
            "q7xvk2wpg9.cdn.example.net",
            "7.example.net",
            "alice-laptop.example.net",
            "www.alice.example.net",
            "*.example.net",
        ] {
            check_origin(&format!("https://{host}/x"), "https://*.example.net", "example.net");
        }
        for (raw, word) in [
            ("-", NONE),
            ("", NONE),
            ("(internal)", INTERNAL),
            ("http://192.0.2.77/", IP),
            ("https://[2001:db8::7]/", IP),
            ("ftp://example.com/", OTHER),
            ("https://localhost/", OTHER),
            ("https://192-0-2-77.com/", OTHER),
            ("alice", OTHER),
        ] {
            check_origin(raw, word, word);
        }
    }

    #[test]
    fn clients_have_the_domain_of_their_provider() {
        for (name, expect) in [
            ("dsl-192-0-2-77.example.net", Some("example.net")),
            ("ALICE-PC.Office.Example.org.", Some("example.org")),
            ("host.example.co.uk", Some("example.co.uk")),
            ("alice.github.io", Some("*.github.io")),
            ("77.2.0.192.in-addr.arpa", None),
            ("7.7.0.0.8.b.d.0.1.0.0.2.ip6.arpa", None),
            ("dsl-192-0-2-77.net", None),
            ("ip192x0x2x77.net", None),
            ("163.com", None),
            ("d41d8cd98f00b204.net", None),
            ("localhost", None),
            ("alice.local", None),
        ] {
            let mut out = Vec::new();
            assert_eq!(
                registrable_of_client(name.as_bytes(), &mut out),
                expect.is_some(),
                "{name}"
            );
            assert_eq!(out, expect.unwrap_or_default().as_bytes(), "{name}");
        }
    }

    #[test]
    fn private_suffixes_lose_their_owner() {
        check("https://alice.github.io/blog", "*.github.io");
        check("https://www.alice.github.io/blog", "*.github.io");
        check("http://*.github.io/", "*.github.io");
        check("https://alice.blogspot.com/", "*.blogspot.com");
    }

    #[test]
    fn closed_words_stay() {
        for (raw, word) in [("", NONE), ("-", NONE), (NONE, NONE), (INTERNAL, INTERNAL)] {
            check(raw, word);
        }
        check(IP, IP);
        check(OTHER, OTHER);
    }

    #[test]
    fn addresses_come_first() {
        for host in [
            "10.0.0.1",
            "192.0.2.77:8080",
            "192.0.2.77.",
            "3221226061",
            "0300.0.0002.0115",
            "0xC000024D",
            "0xc0.0x0.0x2.0x4d",
            "192.0.589",
            "[2001:db8::77]",
            "[2001:db8::77]:443",
            "2001:db8::77",
            "[::ffff:192.0.2.77]",
            "999.999.999.999",
        ] {
            check(&format!("http://{host}/x"), IP);
            check(&format!("http://alice@{host}"), IP);
        }
    }

    #[test]
    fn anything_else_is_other() {
        for raw in [
            "alice",
            "example.com",
            "ftp://example.com/",
            "android-app://com.example/",
            "http://",
            "http:///x",
            "http://localhost/",
            "http://intranet:8080/",
            "http://com/",
            "http://co.uk/",
            "http://alice.invalid/",
            "http://alice.local/",
            "http://ex%61mple.com/",
            "http://exämple.com/",
            "http://-example.com/",
            "http://ex_ample.com/",
            "http://example..com/",
            "http://.example.com/",
            "http://*.example.com/",
            "http://example.com:80x/",
            "http://192-0-2-77.com/",
            "http://1234567.com/",
            "http://d41d8cd98f00b204.com/",
            "http://qzxvkjwpgrthbdlkqzxv.com/",
            "http://q7xvk2wpg9.com/",
            "http://xn--rv4ofemhjlp3jevvez1z3rqspj-kva.com/",
            "http://xn--xn--q7xvk2wpg9-kva-kva.com/",
            "http://a b.com/",
            "http://example.com%2F@alice/",
        ] {
            check(raw, OTHER);
        }
        check(&format!("http://{}.com/", "a".repeat(64)), OTHER);
        check(&format!("http://{}com/", "a.".repeat(200)), OTHER);
    }

    #[test]
    fn a_host_of_ones_own() {
        for (host, expect) in [
            ("www.example.com:443", Some("example.com")),
            ("EXAMPLE.com", Some("example.com")),
            ("192.0.2.1", None),
            ("localhost", None),
        ] {
            let mut out = Vec::new();
            assert_eq!(registrable(host.as_bytes(), &mut out), expect.is_some(), "for {host}");
            assert_eq!(out, expect.unwrap_or_default().as_bytes(), "for {host}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_give_a_name_or_a_word(raw in prop::collection::vec(any::<u8>(), 0..80), url: bool) {
            let raw = if url { [b"http://", &raw[..]].concat() } else { raw };
            let (found, _) = cleaned(&raw);
            prop_assert!(found.bytes().all(|b| b.is_ascii_graphic() && !matches!(b, b'"' | b'\\' | b',')));
        }

        #[test]
        fn any_bytes_give_an_origin_or_a_word(raw in prop::collection::vec(any::<u8>(), 0..80), url: bool) {
            let raw = if url { [b"http://", &raw[..]].concat() } else { raw };
            let (mut out, mut name) = (Vec::new(), Vec::new());
            let (kind, start) = origin(&raw, &mut out);
            prop_assert!(out.is_ascii() && start < out.len());
            if kind == Kind::Domain {
                clean(&raw, &mut name);
                prop_assert!(raw.starts_with(b"http://*.") || name == out[start..]);
            }
        }

        #[test]
        fn cleaned_names_stay(
            host in "[a-z0-9-]{1,12}(\\.[a-z0-9]{1,5}){0,2}\\.(com|github\\.io|co\\.uk|de|kawasaki\\.jp|0x1|7)",
        ) {
            let (found, kind) = cleaned(format!("http://{host}/").as_bytes());
            if kind == Kind::Domain {
                prop_assert_eq!(&cleaned(format!("http://{found}/").as_bytes()).0, &found);
            }
        }
    }
}
