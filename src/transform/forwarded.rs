//! Which address of a chain of proxies is the client's: `X-Forwarded-For` and `Forwarded` (RFC 7239).
//!
//! Anybody can write anything into these headers. Only what a proxy appended that is trusted can be believed:
//! seen from the right, the first address that is not of a trusted proxy is the client's, and what stands left
//! of it is the visitor's own text.
//!
//! The two headers are told apart element by element, for a visitor can begin a list in either way. What is
//! not taken is not read: a list of any length costs no more than the proxies that stand at its end.

use std::net::IpAddr;

use ipnet::IpNet;

use super::address::{self, Parsed};

/// The text of the client's address: an element of `list`, or `connecting` where the list is not to be
/// believed.
///
/// Without a connecting address, as in formats that log the list in its place, the server is taken to be
/// behind a trusted proxy. Where an element is no address (`unknown`, `_hidden`, a host name, nothing), nobody
/// knows who wrote what stands left of it; the address before it is then the best that is known.
#[must_use]
pub fn client<'a>(
    connecting: Option<&'a [u8]>,
    list: &'a [u8],
    trusted: &[IpNet],
) -> Option<&'a [u8]> {
    if connecting.is_some_and(|text| who(text, trusted) != Some(Who::Proxy)) {
        return connecting;
    }
    let mut nearest = connecting;
    for element in list.rsplit(|byte| *byte == b',') {
        let text = node(element);
        match who(text, trusted) {
            Some(Who::Proxy) => nearest = Some(text),
            Some(Who::Client) => return Some(text),
            None => break,
        }
    }
    nearest
}

/// Whose an address is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Who {
    Proxy,
    Client,
}

/// Whose address `text` is, if it is one. An address inside of another is compared as itself.
fn who(text: &[u8], trusted: &[IpNet]) -> Option<Who> {
    let is_trusted = match address::parse(text)? {
        Parsed::Ip(ip) => trusted.iter().any(|network| holds(network, ip)),
        Parsed::Teredo => false,
        Parsed::Hostname => return None,
    };
    Some(if is_trusted { Who::Proxy } else { Who::Client })
}

/// Whether `ip` is in `network`, which may be written as an IPv6 network of mapped IPv4 addresses.
fn holds(network: &IpNet, ip: IpAddr) -> bool {
    match (network, ip) {
        (IpNet::V6(mapped), IpAddr::V4(v4)) if mapped.prefix_len() >= 96 => {
            mapped.contains(&v4.to_ipv6_mapped())
        }
        _ => network.contains(&ip),
    }
}

/// The address in an element: that of its `for=` if it has one, else all of it.
fn node(element: &[u8]) -> &[u8] {
    let mut pairs = element.split(|byte| *byte == b';').map(bare);
    let value = |pair: &'_ [u8]| {
        pair.first_chunk::<4>().is_some_and(|name| name.eq_ignore_ascii_case(b"for="))
    };
    match pairs.find(|pair| value(pair)) {
        Some(pair) => bare(&pair[4..]),
        None => bare(element),
    }
}

/// The text without the spaces and quotes around it. A list in JSON has quotes at its elements, and servers
/// write those that RFC 7239 puts around an IPv6 address as `\"` or `\x22`.
fn bare(text: &[u8]) -> &[u8] {
    const AROUND: [&[u8]; 5] = [b" ", b"\t", b"\\\"", b"\\x22", b"\""];
    let mut text = text;
    while let Some(rest) = AROUND.iter().find_map(|around| text.strip_prefix(*around)) {
        text = rest;
    }
    while let Some(rest) = AROUND.iter().find_map(|around| text.strip_suffix(*around)) {
        text = rest;
    }
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PROXIES: [&str; 4] = ["10.0.0.0/8", "192.0.2.0/24", "fd00::/8", "::ffff:172.16.0.0/108"];

    fn found<'a>(connecting: Option<&'a str>, list: &'a str) -> Option<&'a str> {
        let trusted = PROXIES.map(|network| network.parse().expect("a network"));
        let text = client(connecting.map(str::as_bytes), list.as_bytes(), &trusted);
        text.map(|text| std::str::from_utf8(text).expect("the lists are text"))
    }

    /// What is found behind a trusted proxy, and without a connecting address.
    #[track_caller]
    fn check(list: &str, expect: &str) {
        assert_eq!(found(Some("10.0.0.1"), list), Some(expect), "{list}");
        assert_eq!(found(None, list), Some(expect), "{list}");
    }

    /// A list with nothing in it that is believed.
    #[track_caller]
    fn check_none(list: &str) {
        assert_eq!(found(Some("10.0.0.1:80"), list), Some("10.0.0.1:80"), "{list}");
        assert_eq!(found(None, list), None, "{list}");
    }

    #[test]
    fn the_first_stranger_from_the_right() {
        check("203.0.113.7", "203.0.113.7");
        check("198.51.100.9, 203.0.113.7", "203.0.113.7");
        check("198.51.100.9,203.0.113.7,10.0.0.2,  192.0.2.1", "203.0.113.7");
        check("203.0.113.7, 172.16.1.2, fd00::1, ::ffff:10.0.0.2, ::ffff:a00:2", "203.0.113.7");
        check("203.0.113.7, 64:ff9b::10.0.0.2, 2002:a00:2::1", "203.0.113.7");
        check("10.0.0.3, 10.0.0.2", "10.0.0.3");
        check("junk, 203.0.113.7", "203.0.113.7");
    }

    #[test]
    fn every_notation_of_an_address() {
        for text in [
            "203.0.113.7:51234",
            "2001:db8::1",
            "2001:DB8::ABCD",
            "[2001:db8::1]",
            "[2001:db8::1]:4711",
            "fe80::1%eth0",
            "::ffff:203.0.113.7",
            "::ffff:cb00:7107",
            "2002:cb00:7107::1",
            "64:ff9b::203.0.113.7",
            "2001:0:4136:e378:8000:63bf:3fff:fdd2",
            "::1",
        ] {
            check(text, text);
            check(&format!("evil, {text}, 10.0.0.2"), text);
            check(&format!("for=evil, for=\"{text}\";proto=http, for=10.0.0.2"), text);
        }
        for text in [
            "",
            "-",
            " ",
            "unknown",
            "_obf",
            "unix:",
            "203.000.113.007",
            "0xcb.0.113.7",
            "3405803783",
            "203.0.113",
            "203.0.113.7.",
            "client.example.com",
            "dsl-203-0-113-7.isp.example",
            "203.0.113.7 198.51.100.9",
            "203.0.113.7\\x0a",
            "203.0.113.7:99999",
            "[203.0.113.7]",
        ] {
            check_none(text);
            check(&format!("203.0.113.7, {text}, 10.0.0.2"), "10.0.0.2");
        }
    }

    #[test]
    fn forwarded_of_rfc_7239() {
        check(
            "for=192.0.2.60;proto=http;by=203.0.113.43, for=\"[2001:db8::1]:4711\"",
            "[2001:db8::1]:4711",
        );
        check("for=203.0.113.7;proto=http;by=198.51.100.1", "203.0.113.7");
        check("by=198.51.100.1; For=\"203.0.113.7:80\" ;proto=https", "203.0.113.7:80");
        check("FOR=203.0.113.7", "203.0.113.7");
        check(r#"for=\"[2001:db8::1]\", for=10.0.0.2"#, "[2001:db8::1]");
        check(r"for=\x22[2001:db8::1]:4711\x22", "[2001:db8::1]:4711");
        check("for=203.0.113.7, for=_hidden, for=192.0.2.1", "192.0.2.1");
        check_none("for=203.0.113.7, for=unknown");
        check_none("for=_hidden");
        check_none("for=\"_gazonk\"");
        check_none("by=203.0.113.7;proto=http");
        check_none("for=");
        // A visitor can begin a list of the one kind before a proxy that writes the other.
        check("for=198.51.100.9, 203.0.113.7", "203.0.113.7");
        check("198.51.100.9, for=\"x, for=203.0.113.7", "203.0.113.7");
    }

    #[test]
    fn lists_out_of_json() {
        check("\"198.51.100.9\",\"203.0.113.7\"", "203.0.113.7");
        check("198.51.100.9, 10.0.0.2\",\"203.0.113.7", "203.0.113.7");
        check("203.0.113.7\", \"10.0.0.2", "203.0.113.7");
    }

    #[test]
    fn only_a_trusted_proxy_is_believed() {
        for stranger in ["203.0.113.7", "2001:db8::1", "-", "unix:", "proxy.example.com", ""] {
            assert_eq!(found(Some(stranger), "198.51.100.9"), Some(stranger));
        }
        assert_eq!(found(Some("[fd00::1]:443"), "198.51.100.9"), Some("198.51.100.9"));
        assert_eq!(found(Some("::ffff:10.0.0.1"), "198.51.100.9"), Some("198.51.100.9"));
        assert_eq!(found(None, "-"), None);
        assert_eq!(client(Some(b"10.0.0.1"), b"198.51.100.9", &[]), Some(&b"10.0.0.1"[..]));
        assert_eq!(client(None, b"198.51.100.9", &[]), Some(&b"198.51.100.9"[..]));
    }

    #[test]
    fn long_and_forged_lists() {
        let hops: String = (0..120).map(|hop| format!(", 10.0.0.{hop}")).collect();
        check(&format!("203.0.113.7{hops}"), "203.0.113.7");
        for junk in [",", "x", "\"", "\\x22", "for=", ";", " ", "1.2.3.4, "] {
            let junk = junk.repeat(8192);
            check(&format!("{junk}, 203.0.113.7"), "203.0.113.7");
            let _ = found(None, &junk);
        }
    }

    proptest! {
        #[test]
        fn what_is_found_is_an_address_of_the_list(list in "[0-9a-f.:,\\[\\]\"= for;]{0,60}") {
            if let Some(text) = found(None, &list) {
                prop_assert!(list.contains(text));
                prop_assert!(who(text.as_bytes(), &[]).is_some());
            }
        }

        #[test]
        fn what_stands_left_of_a_stranger_changes_nothing(list in "[ -~]{0,80}") {
            let list = format!("{list},203.0.113.7, 10.0.0.2");
            prop_assert_eq!(found(Some("10.0.0.1"), &list), Some("203.0.113.7"));
        }
    }
}
