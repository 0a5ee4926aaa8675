//! The shapes of identifiers: which texts are an e-mail address, a number, a token, an IP address.
//!
//! A shape is a guess from the text alone, and it is made in favour of the person: when in doubt, a
//! text has a shape. It is not a validator (`999.0.2.1` has the shape of an address), it does not know
//! where the text stands, and it reads folded text only (see `percent::fold`).

use super::gibberish::Evidence;
use super::percent::OTHER_LETTER;

/// What a text looks like, if it looks like something that could identify somebody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// Text on both sides of an `@`.
    Email,
    /// Groups of 8, 4, 4, 4 and 12 hexadecimal digits.
    Uuid,
    /// Digits alone, or six or more of them whatever stands between.
    Id,
    /// Eight or more hexadecimal digits, or groups of them.
    Hex,
    /// Text without the rhythm of a language, a pair of a name and a value, a web token.
    Token,
    /// A calendar day.
    Date,
    /// An IP address in any notation, or one inside a host name.
    Address,
    /// A name marked as a user's.
    User,
    /// Bytes that are not text.
    Bytes,
}

impl Shape {
    /// All shapes.
    pub const ALL: [Self; 9] = [
        Self::Email,
        Self::Uuid,
        Self::Id,
        Self::Hex,
        Self::Token,
        Self::Date,
        Self::Address,
        Self::User,
        Self::Bytes,
    ];

    /// What is printed in place of the text.
    #[must_use]
    pub const fn placeholder(self) -> &'static str {
        match self {
            Self::Email => "{email}",
            Self::Uuid => "{uuid}",
            Self::Id => "{id}",
            Self::Hex => "{hex}",
            Self::Token => "{token}",
            Self::Date => "{date}",
            Self::Address => "{address}",
            Self::User => "{user}",
            Self::Bytes => "{bytes}",
        }
    }
}

const LOWER: u8 = 1;
const UPPER: u8 = 2;
const DIGIT: u8 = 4;
const HEX: u8 = 8;
const JOINT: u8 = 16;
const DOT: u8 = 32;
const SIGN: u8 = 64;
const OTHER: u8 = 128;
const LETTER: u8 = LOWER | UPPER;
const WORD: u8 = LETTER | DIGIT | OTHER;

/// The shortest text whose short words are looked at together, as parts of a token with joints in it.
const JOINED_BYTES_MIN: usize = 9;

/// The classes of each folded byte.
const CLASS: [u8; 256] = classes();

const fn classes() -> [u8; 256] {
    let mut table = [SIGN; 256];
    let mut b = 0;
    while b < 128 {
        table[b] = match b as u8 {
            b'a'..=b'f' => LOWER | HEX,
            b'g'..=b'z' => LOWER,
            b'A'..=b'F' => UPPER | HEX,
            b'G'..=b'Z' => UPPER,
            b'0'..=b'9' => DIGIT | HEX,
            b'-' | b'_' => JOINT,
            b'.' => DOT,
            _ => SIGN,
        };
        b += 1;
    }
    table[OTHER_LETTER as usize] = OTHER;
    table
}

#[inline]
fn class(b: u8) -> u8 {
    CLASS[usize::from(b)]
}

/// The shape of `text`, or `None` for text that may be shown.
///
/// The first loop is all that ordinary names cost: words of fewer than eight letters, joined by dots
/// and dashes, cannot have a shape.
#[inline]
#[must_use]
pub fn shape(text: &[u8]) -> Option<Shape> {
    let seen = text.iter().fold(0, |seen, &b| seen | class(b));
    // A hardware address may be all letters; few other names are of hexadecimal letters only.
    let pairs = text.len() == 17 && text.iter().all(|&b| class(b) & (HEX | JOINT) != 0);
    let mixed = seen & LETTER == LETTER && text.len() >= JOINED_BYTES_MIN;
    if seen & (DIGIT | SIGN) == 0 && !mixed && !pairs {
        if text.len() < 8 {
            return None;
        }
        if seen & OTHER == 0 {
            return long_words(text);
        }
        if text.split(|&b| class(b) & WORD == 0).all(|word| word.len() < 8) {
            return None;
        }
    }
    let digits = if seen & DIGIT == 0 { 0 } else { count_digits(text) };
    slowly(text, seen, digits)
}

fn count_digits(text: &[u8]) -> usize {
    text.iter().filter(|b| b.is_ascii_digit()).count()
}

/// The rules for words of letters alone: the short ones need no look, and none stands in a row.
fn long_words(text: &[u8]) -> Option<Shape> {
    text.split(|&b| class(b) & WORD == 0).filter(|word| word.len() >= 8).find_map(|word| {
        let word = Word::new(word);
        word.form().or_else(|| Words::default().gibberish(&word))
    })
}

/// Whether a segment beside a token may be a part of it: no dot, and a digit or a capital where words
/// have none.
pub(super) fn is_restless(text: &[u8]) -> bool {
    let odd = |pair: &[u8]| {
        let (a, b) = (class(pair[0]), class(pair[1]));
        a & (LOWER | DIGIT) != 0 && b & UPPER != 0
            || a & DIGIT != 0 && b & LETTER != 0
            || a & LETTER != 0 && b & DIGIT != 0
            || pair.contains(&b'+')
    };
    text.windows(2).any(odd) && memchr::memchr(b'.', text).is_none()
}

/// The rules, strongest first; each replaces the whole text.
fn slowly(text: &[u8], seen: u8, digits: usize) -> Option<Shape> {
    if seen & SIGN != 0
        && let Some(found) = marked(text)
    {
        return Some(found);
    }
    if seen & !(DIGIT | HEX) == 0 && digits == text.len() && !text.is_empty() {
        return Some(if is_date(text, digits) { Shape::Date } else { Shape::Id });
    }
    let found = Words::read(text, seen);
    if matches!(found, Some(Shape::Uuid | Shape::Address)) {
        return found;
    }
    if digits >= 6 {
        if is_date(text, digits) {
            return Some(Shape::Date);
        }
        return Some(found.unwrap_or(Shape::Id));
    }
    if found.is_none() && digits > 0 && seen & (LETTER | OTHER) == 0 {
        return Some(Shape::Id);
    }
    if found.is_none() && seen & SIGN != 0 && has_password(text) {
        return Some(Shape::Token);
    }
    found
}

/// Shapes that a sign gives away.
fn marked(text: &[u8]) -> Option<Shape> {
    if let [b'~' | b'@', _, ..] = text {
        return Some(Shape::User);
    }
    if let Some(at) = memchr::memrchr(b'@', text)
        && text.len() > 1
    {
        return Some(if at + 1 < text.len() { Shape::Email } else { Shape::User });
    }
    if memchr::memchr(b'=', text).is_some() {
        return Some(Shape::Token);
    }
    let spelt = |w: &[u8]| {
        matches!(w, [open, a, t, close]
            if class(*open) & SIGN != 0 && class(*close) & SIGN != 0
                && a.eq_ignore_ascii_case(&b'a') && t.eq_ignore_ascii_case(&b't'))
    };
    if text.windows(4).any(spelt) { Some(Shape::Email) } else { None }
}

/// Words before a colon that are followed by the name of a page, as wikis have them.
const NAMESPACES: [&[u8]; 14] = [
    b"book",
    b"category",
    b"draft",
    b"file",
    b"help",
    b"image",
    b"media",
    b"mediawiki",
    b"module",
    b"portal",
    b"project",
    b"special",
    b"talk",
    b"template",
];

/// Whether a colon stands between two texts, as between a name and a password.
fn has_password(text: &[u8]) -> bool {
    let Some(colon) = memchr::memchr(b':', text) else { return false };
    let (name, rest) = (&text[..colon], &text[colon + 1..]);
    if name.is_empty() || rest.is_empty() {
        return false;
    }
    let known = NAMESPACES.iter().any(|n| n.eq_ignore_ascii_case(name));
    !known || memchr::memchr(b':', rest).is_some()
}

/// Names of software that have no rhythm and that stand in the paths of everybody's log.
const TERMS: [&[u8]; 6] = [
    b"html5shiv",
    b"phpliteadmin",
    b"phpmyadmin",
    b"phppgadmin",
    b"sslvpnlogin",
    b"xmlhttprequest",
];

/// Whether a word is such a name, perhaps with a number of one or two digits behind it. It is only
/// asked about words that look like tokens.
fn is_term(word: &[u8]) -> bool {
    let digits = word.iter().rev().take_while(|b| b.is_ascii_digit()).count();
    let name = &word[..word.len() - digits];
    digits <= 2 && TERMS.iter().any(|term| term.eq_ignore_ascii_case(name))
}

/// The words of a text as they go by, and the groups that they form with their neighbours.
#[derive(Default)]
struct Words {
    /// Numbers in a row, as in an IPv4 address.
    numbers: u32,
    /// Pairs of hexadecimal digits in a row, as in a hardware address.
    pairs: u32,
    /// Groups of one to four hexadecimal digits in a row, as in an IPv6 address.
    groups: u32,
    /// Whether such a row has a digit, and a doubled separator.
    group_digit: bool,
    group_gap: bool,
    /// How many groups of a UUID stand in a row.
    uuid: usize,
    /// Groups of four or more hexadecimal digits in a row, and the classes in them.
    long: u32,
    long_seen: u8,
    evidence: Evidence,
    /// The classes of the words that joints connect.
    chunk_seen: u8,
    found: Option<Shape>,
}

impl Words {
    fn read(text: &[u8], seen: u8) -> Option<Shape> {
        // Tokens with joints in them have both cases (base64url): a slug in small letters need not pay.
        let joined =
            seen & UPPER != 0 && seen & (LOWER | DIGIT) != 0 && text.len() >= JOINED_BYTES_MIN;
        let mut words = Self::default();
        let mut end = 0;
        while let Some(skip) = text[end..].iter().position(|&b| class(b) & WORD != 0) {
            let start = end + skip;
            words.gap(&text[end..start], joined);
            let length = text[start..].iter().position(|&b| class(b) & WORD == 0);
            end = length.map_or(text.len(), |n| start + n);
            if let Some(found) = words.word(&text[start..end], joined) {
                return Some(found);
            }
        }
        let address = words.groups >= 2 && words.group_gap && words.group_digit;
        let open = text.starts_with(b"::") || text.ends_with(b"::");
        if address || (open && words.groups >= 1) {
            return Some(Shape::Address);
        }
        if words.found.is_none() && words.is_strange_chunk() {
            return Some(Shape::Token);
        }
        words.found
    }

    /// Takes the bytes between two words.
    fn gap(&mut self, gap: &[u8], joined: bool) {
        let token =
            matches!(gap, [b'-' | b'_' | b'+']) || matches!(gap, [b'-' | b'_', b'-' | b'_']);
        if joined && token {
            self.evidence.joint();
        } else {
            if self.is_strange_chunk() {
                self.found = self.found.or(Some(Shape::Token));
            }
            self.evidence.boundary();
            self.chunk_seen = 0;
        }
        if gap != b"-" {
            self.uuid = 0;
        }
        if gap.len() > 3 {
            (self.numbers, self.pairs, self.groups, self.long, self.long_seen) = (0, 0, 0, 0, 0);
            (self.group_digit, self.group_gap) = (false, false);
        }
        if matches!(gap, [a, b, ..] if a == b && matches!(a, b':' | b'-' | b'_' | b'.')) {
            self.group_gap = true;
        }
    }

    /// Takes a word; returns a shape that no later word can overrule.
    fn word(&mut self, word: &[u8], joined: bool) -> Option<Shape> {
        let word = Word::new(word);
        if let Some(found) = self.group(&word) {
            return Some(found);
        }
        let in_row = self.long >= 2 && self.long_seen & LETTER != 0 && self.long_seen & DIGIT != 0;
        if self.found.is_none() {
            self.found = if in_row { Some(Shape::Hex) } else { word.form() };
        }
        if self.found.is_none() && (joined || word.text.len() >= 8) {
            self.found = self.gibberish(&word);
        }
        None
    }

    /// Whether a word, alone or with those before it, has no rhythm.
    fn gibberish(&mut self, word: &Word<'_>) -> Option<Shape> {
        let before = self.evidence;
        let found = self.has_no_rhythm(word);
        if found && is_term(word.text) {
            self.evidence = before;
            return None;
        }
        if found { Some(Shape::Token) } else { None }
    }

    fn has_no_rhythm(&mut self, word: &Word<'_>) -> bool {
        self.evidence.word(word.text);
        self.chunk_seen |= word.seen;
        let length = word.text.len();
        let mixed = word.is_mixed() && !word.is_numbered();
        let long = length >= 10 || length >= 8 && word.seen & LETTER == LETTER && mixed;
        let judged = long && (word.letters >= 10 || mixed) && word.seen & OTHER == 0;
        if judged && self.evidence.unearned(word.letters, mixed) {
            return true;
        }
        let short = word.letters == length && length < 12;
        let whole = length >= 8 || self.evidence.is_joined() && self.chunk_seen & LETTER == LETTER;
        whole && self.evidence.alarmed(short)
    }

    fn is_strange_chunk(&self) -> bool {
        self.chunk_seen & LETTER == LETTER && self.evidence.strange_chunk()
    }

    /// Counts the rows that `word` continues or ends.
    fn group(&mut self, word: &Word<'_>) -> Option<Shape> {
        let edge = word.edge();
        let Word { text: word, seen, all, .. } = *word;
        let hex = all & HEX != 0;
        let digits = seen & !(DIGIT | HEX) == 0;
        let prefixed = is_prefixed(word);
        let number = prefixed || digits && (word.len() <= 3 || word[0] == b'0');
        self.numbers = match edge {
            _ if number => self.numbers + 1,
            Some(Edge::First) => 1,
            // A row of three that this word ends is found here; no row goes on behind it.
            Some(Edge::Last) if self.numbers >= 3 => return Some(Shape::Address),
            _ => 0,
        };
        self.pairs = if hex && word.len() == 2 { self.pairs + 1 } else { 0 };
        if hex && word.len() <= 4 {
            self.groups += 1;
            self.group_digit |= seen & DIGIT != 0;
        } else {
            if self.groups >= 2 && self.group_gap && self.group_digit {
                return Some(Shape::Address);
            }
            (self.groups, self.group_digit, self.group_gap) = (0, false, false);
        }
        if hex && word.len() >= 4 {
            self.long += 1;
            self.long_seen |= seen;
        } else {
            (self.long, self.long_seen) = (0, 0);
        }
        if self.numbers >= 4 || self.pairs >= 4 || (self.groups >= 6 && self.group_digit) {
            return Some(Shape::Address);
        }
        if prefixed && word.len() >= 8 {
            return Some(Shape::Address);
        }
        self.uuid(word, hex)
    }

    fn uuid(&mut self, word: &[u8], hex: bool) -> Option<Shape> {
        const LENGTHS: [usize; 5] = [8, 4, 4, 4, 12];
        if !hex {
            self.uuid = 0;
            return None;
        }
        if word.len() != LENGTHS[self.uuid] {
            self.uuid = usize::from(word.len() == LENGTHS[0]);
            return None;
        }
        self.uuid += 1;
        if self.uuid == LENGTHS.len() { Some(Shape::Uuid) } else { None }
    }
}

/// The ends of a row of numbers.
#[derive(Clone, Copy)]
enum Edge {
    First,
    Last,
}

/// A run of letters and digits with what there is to know about it.
struct Word<'a> {
    text: &'a [u8],
    /// The classes that any, and that all of its characters have.
    seen: u8,
    all: u8,
    letters: usize,
    /// How often a digit stands next to something else.
    changes: u32,
}

impl<'a> Word<'a> {
    fn new(text: &'a [u8]) -> Self {
        let first = class(text[0]);
        let mut word = Self { text, seen: 0, all: 0xFF, letters: 0, changes: 0 };
        let mut before = first;
        for &b in text {
            let c = class(b);
            word.seen |= c;
            word.all &= c;
            word.letters += usize::from(c & LETTER != 0);
            word.changes += u32::from((c ^ before) & DIGIT != 0);
            before = c;
        }
        word
    }

    fn is_mixed(&self) -> bool {
        self.seen & LETTER != 0 && self.seen & DIGIT != 0
    }

    /// Whether it is a word with a number of one or two digits behind it, as `dashboard3`.
    fn is_numbered(&self) -> bool {
        self.seen & UPPER == 0
            && self.changes == 1
            && self.letters + 2 >= self.text.len()
            && self.text[0] > b'9'
    }

    /// The end of a row of numbers at which the word may stand: letters touch its one to three digits
    /// on the other side only, as in `ip9-9-9-9` and `9.9.9.9x`.
    fn edge(&self) -> Option<Edge> {
        if self.changes != 1 {
            return None;
        }
        match self.text[0] {
            _ if count_digits(self.text) > 3 => None,
            b'0'..=b'9' => Some(Edge::Last),
            _ => Some(Edge::First),
        }
    }

    /// The shape that the word has by its form, whatever its letters.
    fn form(&self) -> Option<Shape> {
        let length = self.text.len();
        if self.all & HEX != 0 && self.seen & LETTER != 0 && length >= 8 {
            return Some(Shape::Hex);
        }
        let restless = self.changes >= 4 && length >= 6 || self.changes >= 3 && length >= 10;
        let long = self.is_mixed() && length >= 24 || length >= 40 && self.letters == length;
        // Capitals with digits among them are what codes are written in, not words.
        let code = self.seen & LOWER == 0
            && self.is_mixed()
            && length >= 10
            && (self.changes >= 2 || self.text[0] <= b'9');
        let web_token = length >= 8 && self.text.starts_with(b"eyJ");
        if restless || long || code || web_token { Some(Shape::Token) } else { None }
    }
}

/// Whether a word is a number in the notation `0x1f`.
fn is_prefixed(word: &[u8]) -> bool {
    matches!(word, [b'0', b'x' | b'X', rest @ ..]
        if !rest.is_empty() && rest.iter().all(|&b| class(b) & HEX != 0))
}

/// Whether the digits of `text` are a calendar day and nothing else.
fn is_date(text: &[u8], digits: usize) -> bool {
    if !(6..=8).contains(&digits) {
        return false;
    }
    let mut groups = [(0_usize, 0_u32); 3];
    let mut used = 0;
    let mut inside = false;
    for &b in text {
        if !b.is_ascii_digit() {
            inside = false;
            continue;
        }
        if !inside {
            if used == groups.len() {
                return false;
            }
            used += 1;
            inside = true;
        }
        let (length, value) = &mut groups[used - 1];
        *length += 1;
        *value = *value * 10 + u32::from(b - b'0');
    }
    let year = |y: u32| (1900..2100).contains(&y);
    let month = |m: u32| (1..=12).contains(&m);
    let day = |d: u32| (1..=31).contains(&d);
    match groups[..used] {
        [(8, all)] => year(all / 10_000) && month(all / 100 % 100) && day(all % 100),
        [(4, y), (1 | 2, m), (1 | 2, d)] => year(y) && month(m) && day(d),
        [(1 | 2, a), (1 | 2, b), (4, y)] => year(y) && (day(a) && month(b) || month(a) && day(b)),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_restless_text_has_digits_or_capitals_where_words_have_none() {
        for text in ["aB", "1B", "1b", "1a", "b1", "B1", "a+b", "+", "++", "wordB", "a-b-cD"] {
            let text = if text == "+" { "+a" } else { text };
            assert!(is_restless(text.as_bytes()), "{text}");
        }
        for text in
            ["", "a", "1", "ab", "AB", "Ab", "12", "a-B", "a-1", "1-b", "aB.c", "a+b.c", "1.b"]
        {
            assert!(!is_restless(text.as_bytes()), "{text}");
        }
    }

    #[test]
    fn a_hardware_address_of_letters_alone_is_one() {
        for text in
            ["ab-cd-ef-ab-cd-ef", "ab_cd_ef_ab_cd_ef", "AB-CD-EF-AB-CD-EF", "ab:cd:ef:ab:cd:ef"]
        {
            assert_eq!(shape(text.as_bytes()), Some(Shape::Address), "{text}");
        }
        assert_eq!(shape(b"ab-cd-ef-gh-ij-kl"), None);
    }

    /// The first loop once passed such a text over, which the rules find.
    #[test]
    fn nine_letters_with_a_joint_in_them_are_a_token() {
        assert_eq!(shape(b"aaa-AAAaA"), Some(Shape::Token));
        assert_eq!(shape(b"aaa-AAAaAa"), Some(Shape::Token));
        assert_eq!(shape(b"Fair-Play"), None);
    }

    #[test]
    fn a_date_is_a_day_of_the_calendar_in_one_of_three_orders() {
        let found = |text: &str| is_date(text.as_bytes(), count_digits(text.as_bytes()));
        for text in [
            "20261122",
            "2026-11-22",
            "2026.1.2",
            "22.11.2026",
            "11/22/2026",
            "1900-01-01",
            "2099-12-31",
        ] {
            assert!(found(text), "{text}");
        }
        for text in [
            "18991122",
            "21001122",
            "20261322",
            "20260022",
            "20261132",
            "20261100",
            "1899-11-22",
            "2026-13-22",
            "2026-11-32",
            "2026-0-22",
            "22-11-1899",
            "13-13-2026",
            "32-11-2026",
            "11-32-2026",
            "0-11-2026",
            "2026-11-22-1",
            "202-11-223",
            "2026-1",
        ] {
            assert!(!found(text), "{text}");
        }
    }

    /// Letters with and without joints between them, of one case and of both.
    const LETTERS: &str = "[a-zA-Z.-]{0,20}|[a-f:_.-]{0,20}|[a-z]{1,12}[._-][A-Z][a-z]{0,9}";

    proptest! {
        /// The first loop is for speed alone: what it does not look at has no shape.
        #[test]
        fn the_short_way_says_what_the_rules_say(text in LETTERS) {
            let text = text.as_bytes();
            let seen = text.iter().fold(0, |seen, &b| seen | class(b));
            prop_assert_eq!(shape(text), slowly(text, seen, count_digits(text)));
        }
    }
}
