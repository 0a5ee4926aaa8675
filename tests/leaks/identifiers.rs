//! Identifiers of many kinds, all made up: documentation addresses, words that no language has, numbers
//! from ranges for drama and tests.

use std::collections::BTreeSet;

use super::{encodings::base64_of, program::Dice};

/// How many identifiers of each kind there are: a hundred and ten, or as many as TAMIS_IDENTIFIERS says.
fn each() -> usize {
    std::env::var("TAMIS_IDENTIFIERS").ok().and_then(|each| each.parse().ok()).unwrap_or(110)
}

/// Something that identifies somebody.
pub(crate) struct Identifier {
    pub(crate) kind: &'static str,
    /// A name that only its place gives away: a word like any other.
    pub(crate) is_word: bool,
    /// The ways of writing it; the first is the usual one.
    pub(crate) writings: Vec<String>,
    /// Parts of it that must not come out either.
    pub(crate) cores: Vec<String>,
}

/// A kind: its name, whether it is a word, and how one is made.
type Kind = (&'static str, bool, fn(&mut Dice) -> (Vec<String>, Vec<String>));

const KINDS: [Kind; 23] = [
    ("IPv4 address", false, ipv4),
    ("IPv6 address", false, ipv6),
    ("e-mail address", false, |dice| {
        let (first, last) = (word(dice), word(dice));
        (vec![format!("{first}.{last}@example.com")], vec![format!("{first}.{last}"), first, last])
    }),
    ("user name", true, |dice| one(word(dice))),
    ("search terms", true, |dice| {
        let (first, second) = (word(dice), word(dice));
        (vec![format!("{first} {second}")], vec![first, second])
    }),
    ("host with a name", true, |dice| {
        let name = word(dice);
        (vec![format!("{name}-laptop.example.com")], vec![name])
    }),
    ("host with an address", false, |dice| {
        let quad = quad(dice);
        let text = quad.map(|octet| octet.to_string()).join("-");
        (vec![format!("dsl-{text}.isp.example")], vec![text])
    }),
    ("device name", true, |dice| {
        let name = word(dice);
        (vec![format!("{name}s-iPhone")], vec![name])
    }),
    ("web token", false, |dice| {
        let claims = base64_of(&format!("{{\"sub\":\"{}\",\"iat\":1}}", word(dice)));
        let claims = claims.trim_end_matches('=').to_owned();
        let signature = dice.text(ALPHANUMERIC, 43);
        (vec![format!("eyJhbGciOiJIUzI1NiJ9.{claims}.{signature}")], vec![claims, signature])
    }),
    ("session id", false, |dice| one(dice.text("0123456789abcdef", 32))),
    ("cookie value", false, |dice| one(dice.text(ALPHANUMERIC, 26))),
    ("reset token", false, |dice| one(dice.text(ALPHANUMERIC, 43))),
    ("API key", false, |dice| {
        let secret = dice.text(ALPHANUMERIC, 24);
        (vec![format!("sk_test_{secret}")], vec![secret])
    }),
    ("card number", false, |dice| {
        let groups: Vec<_> = (0..3).map(|_| dice.text("0123456789", 4)).collect();
        let groups = format!("4929 {}", groups.join(" "));
        let forms = [groups.replace(' ', ""), groups.clone(), groups.replace(' ', "-")];
        (forms.to_vec(), vec![])
    }),
    ("telephone number", false, |dice| {
        // 07700 900000 to 900999 are set aside for drama by the British regulator.
        let number = format!("{:03}", dice.below(1_000));
        let forms = ["+447700900", "07700900", "+44 7700 900", "07700-900-", "+44(0)7700 900 "];
        (forms.iter().map(|form| format!("{form}{number}")).collect(), vec![])
    }),
    ("coordinates", false, |dice| {
        let (north, east) = (10_000 + dice.below(79_999), 10_000 + dice.below(79_999));
        let north = format!("{}.{north:05}", 50 + dice.below(9));
        let east = format!("-{}.{east:05}", dice.below(9));
        (vec![format!("{north},{east}"), format!("{north}/{east}")], vec![north, east])
    }),
    ("IMEI", false, |dice| {
        let number = format!("0049990{}", dice.text("0123456789", 8));
        let dashed = format!("{}-{}-{}", &number[..6], &number[6..12], &number[12..]);
        (vec![number, dashed], vec![])
    }),
    ("account number", false, |dice| {
        let number = dice.text("0123456789", 14);
        let code = format!("GB{}", dice.text("0123456789", 2));
        let (bank, rest) = number.split_at(6);
        let grouped = format!("{code} EXAM {} {} {bank}", &rest[..4], &rest[4..]);
        (vec![format!("{code}EXAM{bank}{rest}"), grouped], vec![])
    }),
    ("password in Basic form", false, |dice| {
        let name = word(dice);
        let password = dice.text(ALPHANUMERIC, 9);
        (vec![base64_of(&format!("{name}:{password}")), format!("{name}:{password}")], vec![name])
    }),
    ("trace id", false, |dice| {
        let (trace, span) = (dice.text("0123456789abcdef", 32), dice.text("0123456789abcdef", 16));
        (vec![format!("00-{trace}-{span}-01"), trace.clone()], vec![trace, span])
    }),
    ("hardware address", false, |dice| {
        // RFC 9542 sets 00-00-5E-00-53-00 to -FF aside for documentation.
        let last = format!("{:02x}", dice.below(256));
        let join = |with: &str| ["00", "00", "5e", "00", "53", &last].join(with);
        (vec![join(":"), join("-"), join(""), format!("0000.5e00.53{last}")], vec![])
    }),
    ("UUID", false, |dice| {
        let digits = dice.text("0123456789abcdef", 32);
        let cut = [0..8, 8..12, 12..16, 16..20, 20..32].map(|range| &digits[range]);
        (vec![cut.join("-"), digits.clone()], vec![])
    }),
    ("fingerprint", false, |dice| one(dice.text("0123456789abcdef", 40))),
];

const ALPHANUMERIC: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/// All identifiers, the same in every run and no two alike.
pub(crate) fn identifiers() -> Vec<Identifier> {
    let mut seen = BTreeSet::new();
    let mut identifiers = Vec::new();
    for (number, (kind, is_word, make)) in KINDS.into_iter().enumerate() {
        let mut dice = Dice(number as u64);
        let (each, mut count) = (each(), 0);
        // Of some kinds there are no more than a few hundred that are nobody's.
        for _ in 0..each * 20 {
            let (writings, cores) = make(&mut dice);
            if count < each && seen.insert(writings[0].clone()) {
                identifiers.push(Identifier { kind, is_word, writings, cores });
                count += 1;
            }
        }
    }
    identifiers
}

fn one(text: String) -> (Vec<String>, Vec<String>) {
    (vec![text], vec![])
}

/// A word that can be said and that no language has.
fn word(dice: &mut Dice) -> String {
    const SYLLABLES: [&str; 20] = [
        "zor", "vik", "bre", "lum", "qua", "dax", "fem", "pul", "nix", "wob", "tre", "gos", "hyl",
        "jum", "kip", "sarn", "oth", "mev", "rul", "cand",
    ];
    (0..4).map(|_| *dice.pick(&SYLLABLES)).collect()
}

/// A documentation address whose lower half is not zero.
fn quad(dice: &mut Dice) -> [u8; 4] {
    let [a, b, c] = *dice.pick(&[[192, 0, 2], [198, 51, 100], [203, 0, 113]]);
    [a, b, c, 1 + dice.below(254) as u8]
}

fn ipv4(dice: &mut Dice) -> (Vec<String>, Vec<String>) {
    let [a, b, c, d] = quad(dice);
    let number = u32::from_be_bytes([a, b, c, d]);
    let (high, low) = (number >> 16, number & 0xffff);
    let writings = vec![
        format!("{a}.{b}.{c}.{d}"),
        format!("{number}"),
        format!("0x{number:x}"),
        format!("0{number:o}"),
        format!("0{a:o}.0{b:o}.0{c:o}.0{d:o}"),
        format!("0x{a:x}.0x{b:x}.0x{c:x}.0x{d:x}"),
        format!("{a:03}.{b:03}.{c:03}.{d:03}"),
        format!("{a}.{b}.{}", low),
        format!("{a}-{b}-{c}-{d}"),
        format!("{a}_{b}_{c}_{d}"),
        format!("{d}.{c}.{b}.{a}.in-addr.arpa"),
        format!("::ffff:{a}.{b}.{c}.{d}"),
        format!("::ffff:{high:x}:{low:x}"),
        format!("0:0:0:0:0:ffff:{high:x}:{low:x}"),
        format!("2002:{high:x}:{low:x}::1"),
        format!("64:ff9b::{a}.{b}.{c}.{d}"),
        format!("64:ff9b::{high:x}:{low:x}"),
        format!("[{a}.{b}.{c}.{d}]:443"),
        format!("{a}.{b}.{c}.{d}:51234"),
    ];
    let cores = vec![
        format!("{a}.{b}.{c}.{d}"),
        format!("{high:04x}:{low:04x}"),
        format!("{high:04x}:{low:x}"),
        format!("{number:08x}"),
    ];
    (writings, cores)
}

fn ipv6(dice: &mut Dice) -> (Vec<String>, Vec<String>) {
    let mut group = || 0x1000 + dice.below(0xf000);
    let groups = [0x2001, 0xdb8, group(), group(), group(), group(), group(), group()];
    let join =
        |groups: &[usize]| groups.iter().map(|g| format!("{g:x}")).collect::<Vec<_>>().join(":");
    let full: Vec<_> = groups.iter().map(|group| format!("{group:04x}")).collect();
    let nibbles: Vec<_> = full.concat().chars().rev().map(String::from).collect();
    let writings = vec![
        join(&groups),
        full.join(":"),
        format!("{}::{:x}", join(&groups[..4]), groups[7]),
        format!("[{}]:443", join(&groups)),
        format!("{}%25eth0", join(&groups)),
        full.join("-"),
        full.concat(),
        format!("{}.ip6.arpa", nibbles.join(".")),
    ];
    (writings, vec![join(&groups[..3]), join(&groups[2..4])])
}
