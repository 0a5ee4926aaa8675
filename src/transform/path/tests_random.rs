//! Random identifiers of every kind, from a seeded generator, so that a change to a rule shows at once
//! what it lets through. Kinds with a structure must not survive at all; random text may look like
//! language once in a thousand times.

use super::tests::cleaned;

/// A small generator (xorshift64*): the same numbers everywhere, and none of them secret.
struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) as usize % n
    }

    fn text(&mut self, alphabet: &str, shortest: usize, longest: usize) -> String {
        let length = shortest + self.below(longest - shortest + 1);
        let alphabet = alphabet.as_bytes();
        (0..length).map(|_| char::from(alphabet[self.below(alphabet.len())])).collect()
    }

    fn bytes4(&mut self) -> [usize; 4] {
        [self.below(256), self.below(256), self.below(256), self.below(256)]
    }
}

const DIGITS: &str = "0123456789";
const HEX: &str = "0123456789abcdef";
const LOWER: &str = "abcdefghijklmnopqrstuvwxyz";
const BASE32: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
const BASE36: &str = "abcdefghijklmnopqrstuvwxyz0123456789";
const MIXED: &str = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
const BASE62: &str = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
const BASE64: &str = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+/";
const BASE64URL: &str = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_";

/// How many of `count` texts survive as a segment.
fn survivors(count: usize, mut make: impl FnMut(&mut Random) -> String) -> Vec<String> {
    let mut random = Random(0x9E37_79B9_7F4A_7C15);
    let mut found = Vec::new();
    for _ in 0..count {
        let text = make(&mut random);
        if !cleaned(&[], format!("/a/{text}/b").as_bytes()).0.contains('{') {
            found.push(text);
        }
    }
    found
}

#[track_caller]
fn check_none(make: impl FnMut(&mut Random) -> String) {
    let found = survivors(3_000, make);
    assert!(found.is_empty(), "{found:?}");
}

#[track_caller]
fn check_random(make: impl FnMut(&mut Random) -> String) {
    let found = survivors(20_000, make);
    assert!(found.len() < 20, "{} of 20,000: {found:?}", found.len());
}

#[test]
fn random_tokens() {
    check_none(|r| r.text(HEX, 8, 64));
    check_none(|r| r.text(HEX, 8, 64).to_uppercase());
    check_random(|r| r.text(BASE32, 10, 64));
    check_random(|r| r.text(BASE36, 10, 64));
    check_random(|r| r.text(BASE62, 10, 64));
    check_random(|r| r.text(BASE64URL, 10, 64));
    check_random(|r| r.text(BASE64, 12, 64).replace('/', "%2F"));
    check_random(|r| r.text(LOWER, 12, 64));
    check_random(|r| r.text(MIXED, 12, 64));
    check_random(|r| format!("reset-password-{}", r.text(BASE62, 12, 40)));
    check_none(|r| format!("sk_live_{}", r.text(BASE62, 24, 24)));
}

#[test]
fn web_tokens() {
    check_none(|r| {
        let [head, body, tail] = [20, 60, 43].map(|n| r.text(BASE64URL, n, n));
        format!("eyJ{head}.eyJ{body}.{tail}")
    });
}

#[test]
fn unique_ids() {
    for (open, close) in [("", ""), ("%7B", "%7D"), ("file-", ".pdf")] {
        check_none(|r| {
            let [a, b, c, d, e] = [8, 4, 4, 4, 12].map(|n| r.text(HEX, n, n));
            format!("{open}{a}-{b}-{c}-{d}-{e}{close}")
        });
    }
}

#[test]
fn mail_addresses() {
    for at in ["@", "%40", "%2540", "%EF%BC%A0"] {
        check_none(|r| format!("{}{at}{}.example", r.text(LOWER, 1, 8), r.text(LOWER, 1, 8)));
    }
}

#[test]
fn numbers_in_groups() {
    for gap in ["", "-", ".", "%20", "+", ")("] {
        check_none(|r| {
            let digits = r.text(DIGITS, 7, 16);
            let groups = digits.as_bytes().chunks(3).map(|c| std::str::from_utf8(c).unwrap());
            format!("+{}", groups.collect::<Vec<_>>().join(gap))
        });
    }
}

#[test]
fn version_4_addresses() {
    let forms: [fn([usize; 4]) -> String; 11] = [
        |[a, b, c, d]| format!("{a}.{b}.{c}.{d}"),
        |[a, b, c, d]| format!("{a}-{b}-{c}-{d}"),
        |[a, b, c, d]| format!("{a}_{b}_{c}_{d}"),
        |[a, b, c, d]| format!("{a:03}.{b:03}.{c:03}.{d:03}"),
        |[a, b, c, d]| format!("0{a:o}.0{b:o}.0{c:o}.0{d:o}"),
        |[a, b, c, d]| format!("0x{a:x}.0x{b:x}.0x{c:x}.0x{d:x}"),
        |[a, b, c, d]| format!("0x{a:02x}{b:02x}{c:02x}{d:02x}"),
        |[a, b, c, d]| format!("{a:02x}.{b:02x}.{c:02x}.{d:02x}"),
        |[a, b, c, d]| format!("dsl-{a}-{b}-{c}-{d}.isp.example"),
        |[a, b, c, d]| format!("{d}.{c}.{b}.{a}.in-addr.arpa"),
        |[a, b, c, d]| format!("::ffff:{a}%2E{b}%2e{c}.{d}"),
    ];
    for form in forms {
        check_none(|r| form(r.bytes4()));
    }
    check_none(|r| (16_777_216 + r.below(1 << 31)).to_string());
}

#[test]
fn version_6_addresses() {
    for gap in [":", "-", "_"] {
        check_none(|r| {
            let groups: Vec<_> = (0..8).map(|_| format!("{:x}", r.below(65_536))).collect();
            groups.join(gap)
        });
        check_none(|r| format!("2001{gap}db8{gap}{gap}{:x}", r.below(65_536)));
        check_none(|r| {
            let pairs: Vec<_> = (0..6).map(|_| format!("{:02x}", r.below(256))).collect();
            pairs.join(if gap == "_" { "-" } else { gap })
        });
    }
    check_none(|r| {
        let nibbles: Vec<_> = r.text(HEX, 32, 32).chars().map(String::from).collect();
        nibbles.join(".") + ".ip6.arpa"
    });
}
