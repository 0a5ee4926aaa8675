//! The last look at what is about to be published: whether there is anything in it that could be somebody.
//!
//! What comes here has passed the door, the counts and the release rules, so there should be nothing to find. The scan
//! knows nothing of these: it looks at the finished bytes, finds what has the form of an e-mail address, an IP
//! address, a token or a key, and says where and never what. It errs towards finding too much. It cannot be told to
//! look away; [`scan`] takes what is known to be harmless, the policy's own hash, as a text that is cut out first.

use std::{fmt, net::Ipv6Addr};

/// Hexadecimal digits in a row from which on they are taken for a key or a hash. A day and an hour have ten.
const HEX_MIN: usize = 16;

/// Letters and digits in a row from which on they are looked at as base64.
const BASE64_MIN: usize = 20;

/// What has the form of something that identifies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LeakKind {
    /// A name, an at sign and a domain.
    Email,
    /// Four numbers with dots.
    Ipv4,
    /// Groups of hexadecimal digits with colons.
    Ipv6,
    /// One of tamis, or one with two dots in it, as of JSON web tokens.
    Token,
    /// Many hexadecimal digits.
    Hex,
    /// Many letters and digits that make no words.
    Base64,
}

/// Something that was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Leak {
    /// What it looks like.
    pub kind: LeakKind,
    /// At which byte it begins.
    pub at: usize,
}

impl fmt::Display for Leak {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.kind {
            LeakKind::Email => "an e-mail address",
            LeakKind::Ipv4 => "an IPv4 address",
            LeakKind::Ipv6 => "an IPv6 address",
            LeakKind::Token => "a token",
            LeakKind::Hex => "a long hexadecimal number",
            LeakKind::Base64 => "a key or a token in base64",
        };
        write!(f, "what looks like {what} at byte {}", self.at)
    }
}

/// The first thing in `text` that could be somebody, but for places that are `known` word by word.
#[must_use]
pub fn scan(text: &str, known: &[&str]) -> Option<Leak> {
    let text = without(text, known);
    let whole = words(&text, |c| c.is_ascii_alphanumeric() || "._%+-@:/=~".contains(c));
    let emails =
        whole.clone().filter(|(_, word)| is_email(word)).map(|(at, _)| (LeakKind::Email, at));
    let tokens = words(&text, |c| c.is_ascii_alphanumeric() || "._-".contains(c))
        .filter(|(_, word)| is_token(word))
        .map(|(at, _)| (LeakKind::Token, at));
    let v4 = words(&text, |c| c.is_ascii_alphanumeric() || c == '.')
        .filter(|(_, word)| has_ipv4(word))
        .map(|(at, _)| (LeakKind::Ipv4, at));
    // Alone, or with many groups within something else, where a style sheet has two.
    let alone = words(&text, |c| c.is_ascii_alphanumeric() || ":.".contains(c))
        .filter(|(_, word)| has_ipv6(word, 2));
    let within = words(&text, |c| c.is_ascii_hexdigit() || ":.".contains(c))
        .filter(|(_, word)| has_ipv6(word, 3));
    let v6 = alone.chain(within).map(|(at, _)| (LeakKind::Ipv6, at));
    let runs = words(&text, |c| c.is_ascii_alphanumeric() || "+_-".contains(c)).filter_map(
        |(at, word)| {
            let bare: String = word.chars().filter(|c| *c != '-').collect();
            let is_hex = bare.len() >= HEX_MIN
                && bare.bytes().all(|byte| byte.is_ascii_hexdigit())
                && bare.bytes().any(|byte| byte.is_ascii_digit());
            if is_hex {
                return Some((LeakKind::Hex, at));
            }
            is_base64(word).then_some((LeakKind::Base64, at))
        },
    );
    let found = emails.chain(tokens).chain(v4).chain(v6).chain(runs);
    found.min_by_key(|(_, at)| *at).map(|(kind, at)| Leak { kind, at })
}

/// The text with spaces in the places of `known`, so that what follows stays where it is.
fn without(text: &str, known: &[&str]) -> String {
    let mut text = text.to_owned();
    for known in known.iter().filter(|known| !known.is_empty()) {
        text = text.replace(known, &" ".repeat(known.len()));
    }
    text
}

/// The longest stretches of characters that are `in_word`, and where they begin.
fn words(
    text: &str,
    in_word: impl Fn(char) -> bool + Clone,
) -> impl Iterator<Item = (usize, &str)> + Clone {
    text.split(move |c| !in_word(c))
        .filter(|word| !word.is_empty())
        .map(move |word| (word.as_ptr().addr() - text.as_ptr().addr(), word))
}

/// Also with the at sign as a URL or a careful person writes it.
fn is_email(word: &str) -> bool {
    let lower = word.to_ascii_lowercase();
    ["@", "%40", "%2540"].iter().any(|at| {
        lower.match_indices(at).any(|(place, _)| {
            let name = lower[..place].chars().next_back();
            let domain = lower[place + at.len()..]
                .split(|c: char| !c.is_ascii_alphanumeric() && !".-".contains(c))
                .next()
                .unwrap_or_default();
            name.is_some_and(|c| c.is_ascii_alphanumeric())
                && domain.split('.').count() > 1
                && domain.split('.').all(|label| !label.is_empty())
        })
    })
}

/// `t1.EPOCH.TEXT` of tamis, and three parts of base64 of which the first begins as JSON does.
fn is_token(word: &str) -> bool {
    let parts: Vec<&str> = word.split('.').collect();
    parts.windows(3).any(|parts| {
        let [first, second, third] = parts else { return false };
        let own = first.ends_with("t1")
            && second.bytes().all(|byte| byte.is_ascii_digit())
            && !second.is_empty()
            && third.len() >= 8;
        own || (first.contains("eyJ") && second.len() > 3)
    })
}

/// Four numbers up to 255 with dots between, alone or in the middle of more of them.
fn has_ipv4(word: &str) -> bool {
    let parts: Vec<&str> = word.split('.').collect();
    parts.windows(4).any(|parts| {
        parts.iter().all(|part| {
            (1..=3).contains(&part.len())
                && part.bytes().all(|byte| byte.is_ascii_digit())
                && part.parse::<u16>().is_ok_and(|number| number <= 255)
        })
    })
}

fn has_ipv6(word: &str, groups_min: usize) -> bool {
    // A colon or a dot may stand before or behind an address and be none of it.
    let trimmed = [
        word,
        word.trim_start_matches(':'),
        word.trim_end_matches([':', '.']),
        word.trim_matches([':', '.']),
    ];
    let groups = |word: &str| word.split(':').filter(|group| !group.is_empty()).count();
    trimmed.iter().any(|word| groups(word) >= groups_min && word.parse::<Ipv6Addr>().is_ok())
}

/// Letters of both cases and digits, mixed as no word mixes them.
fn is_base64(word: &str) -> bool {
    let longest = word.split(['-', '_', '+']).map(str::len).max().unwrap_or_default();
    if word.len() < BASE64_MIN || longest < 8 {
        return false;
    }
    let kind = |byte: u8| match byte {
        b'0'..=b'9' => 1,
        b'A'..=b'Z' => 2,
        b'a'..=b'z' => 3,
        _ => 0,
    };
    let kinds: Vec<u8> = word.bytes().map(kind).collect();
    let has = |kind| kinds.contains(&kind);
    // A capital at the beginning of a word is no change, and neither is what stands between words.
    let is_change = |pair: &[u8]| pair[0] != pair[1] && pair[0] * pair[1] > 0 && *pair != [2, 3];
    let changes = kinds.windows(2).filter(|pair| is_change(pair)).count();
    let is_shouted = has(1) && has(2) && !has(3);
    has(1) && (changes * 4 >= word.len() || is_shouted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn finds(text: &str, kind: LeakKind) {
        for text in
            [text.to_owned(), format!("{{\"key\":\"{text}\",\"n\":1}}"), format!("<td>{text}</td>")]
        {
            assert_eq!(scan(&text, &[]).map(|leak| leak.kind), Some(kind), "{text}");
        }
    }

    #[test]
    fn what_could_be_somebody_is_found() {
        for text in [
            "alice@example.com",
            "/u/alice@example.com/",
            "alice%40example.com",
            "a.b+c@mail.example.org",
        ] {
            finds(text, LeakKind::Email);
        }
        for text in [
            "192.0.2.1",
            "/from/192.0.2.1",
            "192.0.2.1:80",
            "x192.0.2.1.198.51.100.7",
            "192.0.2.1.",
        ] {
            finds(text, LeakKind::Ipv4);
        }
        for text in [
            "2001:db8::1",
            "[2001:db8::1]:80",
            "2001:db8:1:2:3:4:5:6",
            "fe80::1",
            "x2001:db8::1",
            "2001:db8::1.",
        ] {
            finds(text, LeakKind::Ipv6);
        }
        finds("::ffff:192.0.2.1", LeakKind::Ipv6);
        finds("t1.20414.Zm9vYmFyYmF6cXV4", LeakKind::Token);
        finds("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.abc", LeakKind::Token);
        finds("9f86d081884c7d659a2feaa0c55ad015", LeakKind::Hex);
        finds("123e4567-e89b-12d3-a456-426614174000", LeakKind::Hex);
        finds("4111111111111111", LeakKind::Hex);
        finds("dGhpcyBpcyBhIHNlY3JldCBrZXk5", LeakKind::Base64);
        finds("q7x2k9v4m1z8p3w6t5r0", LeakKind::Base64);
        finds("AKIAIOSFODNN7EXAMPLE", LeakKind::Base64);
    }

    #[test]
    fn what_is_usual_is_not() {
        for text in [
            "/blog/how-to-make-a-tamis-from-horsehair.html",
            "/documentation/administrators/installation/2026/index",
            "2026-11-22T14:00:00Z",
            "2026-11-22",
            "google.co.uk",
            "Chrome 126.0",
            "version 1.2.3",
            "a::before{content:''}",
            "margin:0 auto;color:#0a0b0c;font:16px/1.5 system-ui",
            "@media (prefers-color-scheme: dark)",
            "/@fs/app.js",
            "InternetExplorerMobileVersion11",
            "M10.5 20.25L30 40.125",
            "M1.5,2.5,3.5,4.5",
            "AndroidWebViewAndOthersIn2026",
        ] {
            assert_eq!(scan(text, &[]), None, "{text}");
        }
    }

    #[test]
    fn what_is_known_is_cut_out_and_the_place_stays() {
        let hash = "9f86d081884c7d659a2feaa0c55ad015";
        let text = format!("{hash} 192.0.2.1");
        assert_eq!(scan(&text, &[hash, ""]), Some(Leak { kind: LeakKind::Ipv4, at: 33 }));
        assert_eq!(scan(hash, &[hash]), None);
        let leak = Leak { kind: LeakKind::Ipv4, at: 33 };
        assert_eq!(leak.to_string(), "what looks like an IPv4 address at byte 33");
    }
}
