//! What identifiers look like, wherever they stand: e-mail addresses, texts drawn by lot, and addresses in every
//! notation that people and programs write them in.
//!
//! These rules are written here once more and not taken from the transforms: who verifies must not make the same
//! mistake.

use std::{fmt, net::Ipv6Addr};

use super::decode::How;

/// From how many characters on a text may have been drawn by lot.
const TOKEN_MIN: usize = 16;
/// From how many digits on a number is a name of something.
pub(super) const NUMBER_DIGITS_MIN: usize = 9;

/// Hands on each e-mail address of a text, which is normalised and has no escapes.
pub(super) fn emails<'a>(text: &'a [u8], mut receive: impl FnMut(&'a [u8])) {
    for at in memchr::memchr_iter(b'@', text) {
        let in_name = |byte: &u8| byte.is_ascii_alphanumeric() || b"._%-".contains(byte);
        let in_domain = |byte: &u8| byte.is_ascii_alphanumeric() || b".-".contains(byte);
        let name = text[..at].iter().rev().take_while(|byte| in_name(byte)).count();
        let domain = text[at + 1..].iter().take_while(|byte| in_domain(byte)).count();
        let domain = text[at + 1..][..domain].trim_ascii_end();
        let end = domain.iter().rposition(u8::is_ascii_alphanumeric).map_or(0, |last| last + 1);
        let has_dot = domain[..end].iter().skip(1).any(|byte| *byte == b'.');
        if name > 0 && has_dot {
            receive(&text[at - name..at + 1 + end]);
        }
    }
}

/// Hands on each stretch of a text that looks drawn by lot.
pub(super) fn tokens<'a>(text: &'a [u8], mut receive: impl FnMut(&'a [u8])) {
    let in_token = |byte: &u8| byte.is_ascii_alphanumeric() || b"_-".contains(byte);
    for word in text.split(|byte| !in_token(byte)).filter(|word| word.len() >= TOKEN_MIN) {
        let end = word.iter().rposition(u8::is_ascii_alphanumeric).map_or(0, |last| last + 1);
        let word = &word[..end];
        let start = word.iter().position(u8::is_ascii_alphanumeric).unwrap_or(end);
        if is_token(&word[start..]) {
            receive(&word[start..]);
        }
    }
}

/// Hexadecimal digits, or letters and digits mixed as no word mixes them.
pub(super) fn is_token(word: &[u8]) -> bool {
    let is_long = word.len() >= TOKEN_MIN;
    let has_digit = word.iter().any(u8::is_ascii_digit);
    let has_letter = word.iter().any(u8::is_ascii_alphabetic);
    if !is_long || !has_digit || !has_letter {
        return false;
    }
    if word.iter().all(|byte| byte.is_ascii_hexdigit() || *byte == b'-') {
        return true;
    }
    let longest = word.split(|byte| b"_-".contains(byte)).map(<[u8]>::len).max();
    let kind = |byte: u8| match byte {
        b'0'..=b'9' => 1,
        b'A'..=b'Z' => 2,
        b'a'..=b'z' => 3,
        _ => 0,
    };
    let is_change = |pair: &[u8]| {
        let (one, other) = (kind(pair[0]), kind(pair[1]));
        one != other && one * other > 0 && (one, other) != (2, 3)
    };
    let changes = word.windows(2).filter(|pair| is_change(pair)).count();
    longest >= Some(8) && changes * 5 >= word.len()
}

/// Whether a value is a date or a time, which many things have.
pub(super) fn is_date(text: &[u8]) -> bool {
    let is_century = text.starts_with(b"19") || text.starts_with(b"20");
    let is_dated = text.iter().all(|byte| byte.is_ascii_digit() || b"-/:. tz".contains(byte));
    let digits = text.iter().filter(|byte| byte.is_ascii_digit()).count();
    is_century && is_dated && matches!(digits, 8 | 12 | 14 | 17)
}

/// An address, as the bytes that it has.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Address {
    V4([u8; 4]),
    V6([u8; 16]),
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Address({} bytes)", self.bytes().len())
    }
}

impl Address {
    pub(super) fn bytes(&self) -> &[u8] {
        match self {
            Self::V4(bytes) => bytes,
            Self::V6(bytes) => bytes,
        }
    }

    /// Whether it may be a network's: those are told.
    pub(super) fn is_network(&self) -> bool {
        match self {
            Self::V4([.., last]) => *last == 0,
            Self::V6(bytes) => bytes[6..].iter().all(|byte| *byte == 0),
        }
    }

    /// Whether it is nobody's.
    pub(super) fn is_nobodys(&self) -> bool {
        match self {
            Self::V4([first, ..]) => *first == 0 || *first == 127 || *first == 255,
            Self::V6(bytes) => bytes[..15].iter().all(|byte| *byte == 0),
        }
    }
}

/// Hands on the addresses of a text in small letters, in the notations that logs are written in.
pub(super) fn usual_addresses(text: &[u8], mut receive: impl FnMut(Address)) {
    let mut is_there = false;
    dotted(text, &mut |address, how, _| {
        is_there |= how == How::Plain;
        if how == How::Plain {
            receive(address);
        }
    });
    colons(text, &mut |address, how, _| {
        if how == How::Plain {
            receive(address);
        }
    });
}

/// Hands on whatever in a text in small letters may be an address, in any notation, with what it is written as.
/// There are many that are none: the caller looks them up.
pub(super) fn any_addresses(text: &[u8], mut receive: impl FnMut(Address, How, &[u8])) {
    if !text.iter().any(u8::is_ascii_digit) && memchr::memchr(b':', text).is_none() {
        return;
    }
    dotted(text, &mut receive);
    colons(text, &mut receive);
    nibbles(text, &mut receive);
    numbers(text, &mut receive);
}

type Receive<'a> = &'a mut dyn FnMut(Address, How, &[u8]);

/// Four numbers with dots, dashes or underscores between, forwards and backwards, in any base; and three, of
/// which the last has sixteen bits.
fn dotted(text: &[u8], receive: Receive) {
    for separator in *b".-_" {
        if memchr::memchr(separator, text).is_none() {
            continue;
        }
        let mut window = [Part::default(); 4];
        for part in Parts::new(text, separator) {
            window = [window[1], window[2], window[3], part];
            let [first, second, third, last] = window;
            let four_of = (first.end, second.whole, third.whole, last.start);
            if let (Some(a), Some(b), Some(c), Some(d)) = four_of {
                four([a, b, c, d], separator, receive);
            }
            if let (Some(a), Some(b), Some(c)) = (second.end, third.whole, last.start)
                && separator == b'.'
                && a.decimal <= 255
                && b.decimal <= 255
                && (256..=65_535).contains(&c.decimal)
            {
                let [high, low] = (c.decimal as u16).to_be_bytes();
                let address = [a.decimal as u8, b.decimal as u8, high, low];
                receive(Address::V4(address), How::Notation, b"");
            }
        }
    }
}

fn four(numbers: [Number; 4], separator: u8, receive: Receive) {
    let octets = |read: fn(Number) -> Option<u32>| {
        let mut octets = [0; 4];
        for (octet, number) in octets.iter_mut().zip(numbers) {
            *octet = u8::try_from(read(number)?).ok()?;
        }
        Some(octets)
    };
    let is_usual = separator == b'.' && numbers.iter().all(|number| number.is_usual);
    let how = if is_usual { How::Plain } else { How::Notation };
    if let Some([a, b, c, d]) = octets(|number| Some(number.decimal)) {
        receive(Address::V4([a, b, c, d]), how, b"");
        receive(Address::V4([d, c, b, a]), How::Notation, b"");
    }
    if let Some(address) = octets(|number| number.octal.or(Some(number.decimal)))
        && numbers.iter().any(|number| number.octal.is_some())
    {
        receive(Address::V4(address), How::Notation, b"");
    }
}

/// A number as it may be meant.
#[derive(Clone, Copy, Default)]
struct Number {
    decimal: u32,
    /// With a zero before it, in base eight.
    octal: Option<u32>,
    is_usual: bool,
}

/// The number that stands between two separators, for what may be an address: what stands before its first number and
/// behind its last one may be something else, another address too.
#[derive(Clone, Copy, Default)]
struct Part {
    whole: Option<Number>,
    /// At the beginning, where an address may end.
    start: Option<Number>,
    /// At the end, where an address may begin.
    end: Option<Number>,
}

/// The parts of a text between separators.
struct Parts<'a> {
    rest: Option<&'a [u8]>,
    separator: u8,
}

impl<'a> Parts<'a> {
    const fn new(text: &'a [u8], separator: u8) -> Self {
        Self { rest: Some(text), separator }
    }
}

impl Iterator for Parts<'_> {
    type Item = Part;

    fn next(&mut self) -> Option<Self::Item> {
        let rest = self.rest?;
        let (part, rest) = match memchr::memchr(self.separator, rest) {
            Some(at) => (&rest[..at], Some(&rest[at + 1..])),
            None => (rest, None),
        };
        self.rest = rest;
        let whole = whole_number(part);
        let start = whole.or_else(|| number_at_start(part));
        let end = whole.or_else(|| number_at_end(part));
        Some(Part { whole, start, end })
    }
}

fn whole_number(text: &[u8]) -> Option<Number> {
    let digits = |base: u32, digits: &[u8]| {
        let text = std::str::from_utf8(digits).ok().filter(|_| (1..=7).contains(&digits.len()))?;
        text.bytes().all(|byte| byte.is_ascii_hexdigit()).then_some(())?;
        u32::from_str_radix(text, base).ok()
    };
    if let Some(hex) = text.strip_prefix(b"0x") {
        return Some(Number { decimal: digits(16, hex)?, octal: None, is_usual: false });
    }
    let decimal = digits(10, text)?;
    let octal = if text.len() > 1 && text[0] == b'0' { digits(8, text) } else { None };
    Some(Number {
        decimal,
        octal,
        is_usual: text.len() <= 3 && (text[0] != b'0' || text.len() == 1),
    })
}

fn number_at_end(text: &[u8]) -> Option<Number> {
    let count = |is_in: fn(&u8) -> bool| text.iter().rev().take_while(|byte| is_in(byte)).count();
    let at_end = |count: usize| whole_number(&text[text.len() - count..]);
    at_end(count(u8::is_ascii_alphanumeric)).or_else(|| at_end(count(u8::is_ascii_digit)))
}

fn number_at_start(text: &[u8]) -> Option<Number> {
    let count = |is_in: fn(&u8) -> bool| text.iter().take_while(|byte| is_in(byte)).count();
    let at_start = |count: usize| whole_number(&text[..count]);
    at_start(count(u8::is_ascii_alphanumeric)).or_else(|| at_start(count(u8::is_ascii_digit)))
}

/// Groups of hexadecimal digits with colons, or with dashes in host names.
fn colons(text: &[u8], receive: Receive) {
    let in_address = |byte: &u8| byte.is_ascii_hexdigit() || b":.".contains(byte);
    if memchr::memchr(b':', text).is_some() {
        for run in text.split(|byte| !in_address(byte)) {
            if run.iter().filter(|byte| **byte == b':').count() >= 2 {
                colon_run(run, How::Plain, receive);
            }
        }
    }
    let in_name = |byte: &u8| byte.is_ascii_hexdigit() || *byte == b'-';
    if memchr::memchr(b'-', text).is_some() {
        for run in text.split(|byte| !in_name(byte)) {
            if run.iter().filter(|byte| **byte == b'-').count() == 7 {
                let run: Vec<u8> =
                    run.iter().map(|byte| if *byte == b'-' { b':' } else { *byte }).collect();
                colon_run(&run, How::Notation, receive);
            }
        }
    }
}

fn colon_run(run: &[u8], how: How, receive: Receive) {
    let Ok(run) = std::str::from_utf8(run) else { return };
    let trimmed = run.trim_end_matches(['.', ':']);
    let bare = trimmed.trim_start_matches([':', '.']);
    // An address may end in colons, or have a word or a port beside it.
    let without_port = trimmed.rsplit_once(':').map_or("", |(address, _)| address);
    let without_word = trimmed.split_once(':').map_or("", |(_, address)| address);
    for (number, text) in [run, trimmed, bare, without_word, without_port].into_iter().enumerate() {
        let Ok(address) = text.parse::<Ipv6Addr>() else { continue };
        let form = if text.contains('.') { How::Notation } else { how };
        inside(address, form, receive);
        if number < 3 {
            // All of it is one, and so may be all but a port behind it.
            if let Ok(address) = without_port.parse::<Ipv6Addr>() {
                inside(address, How::Notation, receive);
            }
            return;
        }
    }
}

/// The address and the one that is carried in it.
fn inside(address: Ipv6Addr, how: How, receive: Receive) {
    let bytes = address.octets();
    receive(Address::V6(bytes), how, b"");
    let is_zero = |part: &[u8]| part.iter().all(|byte| *byte == 0);
    let is_mapped =
        is_zero(&bytes[..10]) && (bytes[10..12] == [0xff; 2] || is_zero(&bytes[10..12]));
    let is_nat64 = bytes[..4] == [0, 0x64, 0xff, 0x9b] && is_zero(&bytes[4..12]);
    let four = |at: usize| Address::V4([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
    if (is_mapped && !is_zero(&bytes[12..14])) || is_nat64 {
        receive(four(12), How::Notation, b"");
    }
    if bytes[..2] == [0x20, 0x02] {
        receive(four(2), How::Notation, b"");
    }
}

/// Thirty-two hexadecimal digits with dots between, backwards, as the name system has them.
fn nibbles(text: &[u8], receive: Receive) {
    let in_name = |byte: &u8| byte.is_ascii_hexdigit() || *byte == b'.';
    for run in text.split(|byte| !in_name(byte)).filter(|run| run.len() >= 63) {
        let is_single =
            run[..63].iter().enumerate().all(|(at, byte)| (*byte == b'.') == (at % 2 == 1));
        if is_single {
            let digit =
                |at: usize| (run[62 - 2 * at] as char).to_digit(16).unwrap_or_default() as u8;
            let mut bytes = [0; 16];
            for (at, byte) in bytes.iter_mut().enumerate() {
                *byte = digit(2 * at) << 4 | digit(2 * at + 1);
            }
            receive(Address::V6(bytes), How::Notation, b"");
        }
    }
}

/// Addresses as one number, in base ten, sixteen or eight.
fn numbers(text: &[u8], receive: Receive) {
    let in_word = |byte: &u8| byte.is_ascii_alphanumeric();
    for word in text.split(|byte| !in_word(byte)).filter(|word| (8..=34).contains(&word.len())) {
        let Ok(number) = std::str::from_utf8(word) else { continue };
        let mut tell = |radix: u32, digits: &str| {
            if let Ok(value) = u32::from_str_radix(digits, radix) {
                receive(Address::V4(value.to_be_bytes()), How::Notation, word);
            }
        };
        match number.strip_prefix("0x") {
            Some(digits) => tell(16, digits),
            None if word.iter().all(u8::is_ascii_digit) => {
                tell(10, number);
                if word[0] == b'0' {
                    tell(8, number);
                }
            }
            None => {}
        }
        if word.len() == 8 {
            tell(16, number);
        }
        if word.len() == 32
            && let Ok(value) = u128::from_str_radix(number, 16)
        {
            receive(Address::V6(value.to_be_bytes()), How::Notation, word);
        }
    }
}
