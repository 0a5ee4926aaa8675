//! Masking of secrets in lines that are sealed: the evidence stays, what opens an account goes.
//!
//! What becomes `(masked)`, wherever in a line it stands:
//!
//! - the value of a parameter or cookie whose name speaks of a password, token, session or key, also where the pair
//!   is encoded into another address (`next=%2Flogin%3Fpassword%3D...`);
//! - what follows `Basic`, `Bearer` or an `Authorization` header;
//! - tokens that begin like a JSON Web Token;
//! - what stands before the `@` of an address.
//!
//! Almost no line has any of these, so first the few bytes are looked for without which there is none. A mask has
//! one length, so that it does not tell that of the secret. Rather a value too many than one too few: a site that
//! calls a page `session` loses its name in the quarantine.

use aho_corasick::{AhoCorasick, MatchKind};
use memchr::memchr2_iter;

/// What stands in place of a secret.
pub(super) const MASK: &[u8] = b"(masked)";

/// How far before `=` a name may begin.
const NAME_BYTES_MAX: usize = 64;
/// How far before `@` an address may begin.
const USER_BYTES_MAX: usize = 256;
/// Shorter words after `Basic` and `Bearer` are none of theirs.
const CREDENTIAL_BYTES_MIN: usize = 6;

/// Words that name a secret when a name has them in it.
const SECRET_PARTS: [&[u8]; 22] = [
    b"passw",
    b"passphrase",
    b"passcode",
    b"pwd",
    b"token",
    b"secret",
    b"session",
    b"sessid",
    b"credential",
    b"authoriz",
    b"authoris",
    b"oauth",
    b"apikey",
    b"api_key",
    b"api-key",
    b"access_key",
    b"accesskey",
    b"private_key",
    b"jwt",
    b"csrf",
    b"xsrf",
    b"signature",
];

/// Words that name a secret when they are the whole name.
const SECRET_NAMES: [&[u8]; 12] = [
    b"pass",
    b"sid",
    b"auth",
    b"key",
    b"otp",
    b"pin",
    b"sig",
    b"ticket",
    b"pw",
    b"samlresponse",
    b"login_hint",
    b"cookie",
];

/// What credentials stand behind, without the letter whose case differs, and what `=` and `@` look like encoded.
const NEEDLES: [&[u8]; 13] = [
    b"asic ",
    b"earer ",
    b"asic%20",
    b"earer%20",
    b"uthorization",
    b"eyJ",
    b"ASIC ",
    b"EARER ",
    b"%3D",
    b"%3d",
    b"%253D",
    b"%253d",
    b"%40",
];

/// Finds secrets.
pub(super) struct Masker {
    needles: AhoCorasick,
}

impl Default for Masker {
    fn default() -> Self {
        let needles = AhoCorasick::builder().match_kind(MatchKind::LeftmostFirst).build(NEEDLES);
        Self { needles: needles.expect("a few short words make an automaton") }
    }
}

impl Masker {
    /// Appends `text` to `out` with its secrets masked, and says whether there were any.
    pub(super) fn push(&self, text: &[u8], out: &mut Vec<u8>) -> bool {
        let mut signs = memchr2_iter(b'=', b'@', text);
        let mut words = self.needles.find_iter(text).map(|found| found.start());
        let (mut sign, mut word) = (signs.next(), words.next());
        // Up to here `text` is in `out`.
        let mut done = 0;
        while let Some(at) = sign.into_iter().chain(word).min() {
            let found = if word == Some(at) {
                word = words.next();
                if text[at] == b'%' { value(text, at, done) } else { credential(text, at, done) }
            } else {
                sign = signs.next();
                if text[at] == b'@' { user(text, at) } else { value(text, at, done) }
            };
            if let Some((from, to)) = found
                && from >= done
                && from < to
            {
                out.extend_from_slice(&text[done..from]);
                out.extend_from_slice(MASK);
                done = to;
            }
        }
        out.extend_from_slice(&text[done..]);
        done > 0
    }
}

/// Where the value lies whose name ends at `at`, with `=` or its encoded form, if that names a secret and the value
/// does not begin before `done`: such a one is masked already, and looking for its end as often as there are names in
/// it would take the square of its length.
fn value(text: &[u8], at: usize, done: usize) -> Option<(usize, usize)> {
    let rest = &text[at..];
    let (from, is_encoded) = match rest {
        [b'=', ..] => (at + 1, false),
        [b'%', b'3', b'D' | b'd', ..] => (at + 3, true),
        [b'%', b'2', b'5', b'3', b'D' | b'd', ..] => (at + 5, true),
        [b'%', b'4', b'0', ..] => return user(text, at),
        _ => return None,
    };
    if from < done || !names_secret(&text[..at]) {
        return None;
    }
    let ends = |at: &usize| ends_value(text[*at]) || is_encoded && ends_encoded(&text[*at..]);
    Some((from, (from..text.len()).find(ends).unwrap_or(text.len())))
}

const fn ends_value(byte: u8) -> bool {
    matches!(byte, b'&' | b';' | b'"' | b'#' | b'<' | b'>' | b'\\' | 0..=b' ')
}

/// Whether that begins here which ends a value, and is encoded.
fn ends_encoded(text: &[u8]) -> bool {
    let rest = text.strip_prefix(b"%25").or_else(|| text.strip_prefix(b"%")).unwrap_or(b"");
    matches!(rest, [b'2', b'6' | b'2' | b'3' | b'0', ..] | [b'3', b'B' | b'b', ..])
}

/// Whether the name that `text` ends with speaks of a secret.
fn names_secret(text: &[u8]) -> bool {
    let is_of_name = |byte: &u8| {
        byte.is_ascii_alphanumeric() || matches!(*byte, b'_' | b'-' | b'.' | b'[' | b']' | b'%')
    };
    let length = text.iter().rev().take(NAME_BYTES_MAX).take_while(|byte| is_of_name(byte)).count();
    let mut decoded = [0_u8; NAME_BYTES_MAX];
    let mut end = 0;
    let mut rest = &text[text.len() - length..];
    while let [first, after @ ..] = rest {
        let (byte, after) = match rest {
            [b'%', high, low, after @ ..] => match (hex(*high), hex(*low)) {
                (Some(high), Some(low)) => (high << 4 | low, after),
                _ => (*first, &rest[1..]),
            },
            _ => (*first, after),
        };
        decoded[end] = byte.to_ascii_lowercase();
        end += 1;
        rest = after;
    }
    let name = &decoded[..end];
    // What stands before the name where the whole is encoded once more.
    let start = name.iter().rposition(|byte| matches!(byte, b'&' | b'?' | b';' | b'/' | b'%'));
    let whole = &name[start.map_or(0, |at| at + 1)..];
    let pair = last_pair(name);
    SECRET_NAMES.contains(&whole)
        || SECRET_PARTS.iter().any(|part| pair.windows(part.len()).any(|found| found == *part))
}

/// What follows the last sign that ends a pair, also where that is encoded once more.
fn last_pair(name: &[u8]) -> &[u8] {
    let plain = name.iter().rposition(|byte| matches!(byte, b'&' | b'?' | b';' | b'='));
    let ends = |at: &[u8]| matches!(at, b"%26" | b"%3f" | b"%3b" | b"%3d");
    let encoded = name.windows(3).rposition(ends).map(|at| at + 2);
    &name[plain.max(encoded).map_or(0, |at| at + 1)..]
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).map(|digit| digit as u8)
}

/// Where the credential lies that is announced at `at`, if it does not begin before `done`.
fn credential(text: &[u8], at: usize, done: usize) -> Option<(usize, usize)> {
    let rest = &text[at..];
    if rest.starts_with(b"eyJ") {
        return if at < done { None } else { json_web_token(text, at) };
    }
    let is_token = |byte: &u8| {
        byte.is_ascii_alphanumeric()
            || matches!(*byte, b'+' | b'/' | b'=' | b'-' | b'_' | b'.' | b'~' | b'%')
    };
    if rest.starts_with(b"uthorization") {
        let begins = rest.iter().skip(12).take_while(|byte| b"\":= []".contains(byte)).count();
        if begins == 0 {
            return None;
        }
        let from = at + 12 + begins;
        // A scheme is a word, and what follows it is the credential.
        let scheme = text[from..].iter().take_while(|byte| byte.is_ascii_alphabetic()).count();
        let from = if text.get(from + scheme) == Some(&b' ') { from + scheme + 1 } else { from };
        if from < done {
            return None;
        }
        let length =
            text[from..].iter().position(|byte| matches!(byte, b'"' | b'\n' | b'&' | b';'));
        let to = length.map_or(text.len(), |length| from + length);
        return Some((from, to));
    }
    let is_scheme = at > 0
        && matches!(text[at - 1], b'B' | b'b')
        && (at < 2 || !text[at - 2].is_ascii_alphanumeric());
    let begins = rest.iter().position(|byte| matches!(byte, b' ' | b'%'))?;
    let begins = if rest[begins] == b'%' { begins + 3 } else { begins + 1 };
    let from = at + begins;
    if !is_scheme || from < done {
        return None;
    }
    let length = text[from..].iter().take_while(|byte| is_token(byte)).count();
    (length >= CREDENTIAL_BYTES_MIN).then_some((from, from + length))
}

/// A token of three parts with dots between them.
fn json_web_token(text: &[u8], from: usize) -> Option<(usize, usize)> {
    let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(*byte, b'-' | b'_');
    let is_token = |byte: &u8| is_part(byte) || *byte == b'.';
    if from > 0 && is_part(&text[from - 1]) {
        return None;
    }
    let length = text[from..].iter().take_while(|byte| is_token(byte)).count();
    let dots = text[from..from + length].iter().filter(|byte| **byte == b'.').count();
    (dots >= 1 && length > 16).then_some((from, from + length))
}

/// Where user and password lie before the `@` of an address.
fn user(text: &[u8], at: usize) -> Option<(usize, usize)> {
    let begin = at.saturating_sub(USER_BYTES_MAX);
    let before = &text[begin..at];
    let stop = before.iter().rposition(|byte| matches!(byte, b'/' | b'"' | b'?' | b'#' | 0..=b' '));
    let mut from = stop.map_or(0, |stop| stop + 1);
    let mut is_address = stop.is_some_and(|stop| before[..=stop].ends_with(b"://"));
    let encoded =
        memchr::memmem::rfind(before, b"%2F%2F").max(memchr::memmem::rfind(before, b"%2f%2f"));
    if let Some(encoded) = encoded.filter(|encoded| *encoded >= from) {
        from = encoded + 6;
        is_address = true;
    }
    is_address.then_some((begin + from, at))
}

#[cfg(test)]
mod tests;
