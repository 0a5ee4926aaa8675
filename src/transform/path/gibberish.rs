//! Whether a word looks like language or like the output of a random generator.
//!
//! Tokens made of letters alone have no shape that a rule could name. What they lack is the rhythm of
//! a language, so this file adds up how much likelier each pair of neighbouring letters is in words
//! than at random. It knows no dictionary and no secret format, and it cannot see a token that is made
//! of real words.

/// How much likelier a pair of letters is in words than at random, in quarters of a bit: the row is
/// the first letter, the column the second.
///
/// The counts come from word lists of 28 languages in Latin letters (accents removed, English
/// weighted most) and from the names of published software packages, with a floor for pairs that
/// never occur so that one odd pair proves nothing.
#[rustfmt::skip]
const PAIRS: [[i8; 26]; 26] = [
    [-7, -2, 1, 1, -8, -7, -1, -6, 0, -8, -2, 5, 2, 8, -11, -1, -15, 7, 4, 6, -2, -3, -9, -13, -5, -7],
    [9, -4, -9, -10, 9, -14, -13, -12, 6, -10, -14, 5, -11, -10, 6, -12, -17, 5, -2, -9, 5, -14, -15, -16, -5, -16],
    [8, -15, -4, -13, 6, -15, -15, 8, 6, -14, 2, 0, -12, -9, 9, -11, -15, 1, -6, 2, 1, -15, -17, -17, -7, -10],
    [8, -7, -10, -4, 11, -10, -7, -10, 9, -11, -10, -4, -8, -5, 7, -10, -17, 1, 0, -8, 2, -9, -10, -15, -5, -7],
    [-1, -6, 0, 3, -3, -6, -3, -9, -2, -8, -5, 4, 1, 8, -8, -4, -13, 9, 6, 2, -7, -4, -9, -5, -8, -8],
    [7, -13, -11, -11, 7, 3, -12, -14, 9, -12, -13, 4, -11, -9, 8, -13, -18, 5, -5, 1, 3, -16, -14, -15, -4, -16],
    [8, -10, -13, -9, 10, -13, -2, 0, 6, -12, -8, 1, -8, -1, 4, -10, -17, 5, 0, -4, 4, -14, -13, -17, -5, -15],
    [10, -11, -12, -10, 10, -13, -15, -12, 7, -12, -10, -3, -6, -5, 8, -13, -14, 0, -7, 1, 2, -11, -9, -17, -3, -16],
    [2, -5, 4, 0, 3, -5, -1, -10, -10, -7, -3, 3, 0, 9, 3, -4, -12, 0, 5, 4, -8, -2, -15, -11, -13, -4],
    [11,-13,-11,-8,10,-14,-15,-14,4,-15,-7,-11,-10,-5,7,-12,-16,-12,2,-9,7,-12,-14,-17,-14,-14],
    [10, -10, -11, -11, 9, -12, -12, -7, 7, -10, -4, 0, -10, -4, 7, -12, -18, 0, 2, 0, 3, -9, -11, -17, -2, -17],
    [9, -9, -9, -2, 9, -9, -9, -12, 9, -9, -7, 5, -6, -8, 5, -9, -17, -14, -2, -1, 1, -8, -14, -17, 0, -14],
    [10, 0, -8, -11, 10, -12, -13, -14, 7, -15, -13, -7, -1, -8, 6, 3, -16, -11, -3, -9, 2, -15, -15, -17, -6, -16],
    [6, -11, 1, 5, 6, -6, 6, -10, 5, -8, -4, -9, -12, -1, 2, -13, -15, -12, 3, 7, -3, -7, -14, -16, -3, -10],
    [-6, -3, -1, 0, -8, -6, -2, -9, -5, -8, -3, 4, 3, 9, -2, 0, -16, 7, 4, 1, 1, -1, -3, -10, -9, -7],
    [8, -14, -10, -11, 8, -11, -13, -1, 5, -15, -12, 3, -11, -11, 7, 0, -18, 8, -2, -1, 1, -15, -15, -17, -2, -17],
    [-4,-11,-8,-11,-11,-14,-16,-15,-4,-18,-17,1,-10,-13,-9,-9,-13,-8,-8,-6,17,-13,-10,-15,-16,-18],
    [8, -6, -4, -1, 9, -9, -4, -11, 7, -13, -4, -5, -2, -2, 6, -8, -15, -3, 2, 2, 0, -7, -13, -17, -4, -10],
    [5, -10, 2, -10, 7, -10, -12, 0, 6, -12, 0, -3, -4, -7, 2, 1, -12, -11, 3, 9, 1, -8, -9, -17, -6, -7],
    [8, -11, -8, -14, 10, -12, -13, 1, 9, -13, -11, -6, -10, -8, 5, -12, -18, 4, 0, 1, 2, -10, -10, -16, -3, -10],
    [0, -1, 0, 0, 1, -7, -2, -8, 1, -7, -3, 4, 3, 7, -7, -1, -17, 7, 6, 4, -11, -8, -13, -10, -11, -6],
    [10,-15,-11,-12,12,-15,-13,-15,10,-14,-13,-7,-13,-5,5,-13,-18,-5,-7,-11,-5,-13,-17,-17,-3,-13],
    [11, -9, -9, -8, 9, -11, -13, 2, 8, -16, -9, -4, -10, 1, 6, -10, -18, -3, 0, -8, -7, -17, -12, -15, -3, -15],
    [5, -7, 3, -7, 6, -7, -10, -5, 8, -13, -13, -4, -4, -10, 1, 8, -15, -8, -6, 8, -2, -9, -11, -4, -1, -16],
    [8, -3, 2, -1, 4, -7, -4, -8, 0, -8, -3, 2, 2, 2, 4, 2, -15, 0, 5, 2, -2, -6, -6, -13, -10, -7],
    [10, -6, -9, -3, 9, -15, -8, -8, 8, -12, -6, -4, -5, 0, 4, -8, -17, -7, -6, -4, 1, -5, -8, -17, -1, -1],
];

/// What a stretch of randomness must reach, in quarters of a bit, before a word counts as a token.
///
/// Measured with all rules over the 20,000 most frequent words of a language: 2 in 10,000 English words
/// count as tokens, none in Spanish and Italian, 1 in 700 in German and Czech, 1 in 200 in Dutch, 1 in
/// 75 in Polish. Of random words of small letters 1 in 75 passes at a length of 12, 1 in 600 at 16, 1 in
/// 6,000 at 20.
const ALARM: i32 = 28;

/// Evidence for a capital after a small letter: common in names of programs, twice as common at random.
const CAPITAL: i32 = 8;

/// Evidence for a digit after a letter, which words often end in.
const DIGIT: i8 = 4;

/// Evidence for a letter after a digit, which is rarer.
const AFTER_DIGIT: i8 = 8;

/// The evidence collected while the letters of a segment go by.
///
/// `stretch` forgets whatever spoke for language before the stretch began, which finds a token behind
/// a long natural name; `total` remembers all of a word, and `chunk` all words that joints connect.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Evidence {
    stretch: i32,
    worst: i32,
    total: i32,
    chunk: i32,
    chunk_bytes: usize,
    joints: u32,
}

impl Evidence {
    /// Adds one word of letters and digits; other letters than ASCII count as neither.
    #[inline]
    pub(super) fn word(&mut self, word: &[u8]) {
        self.total = 0;
        let Some((&first, rest)) = word.split_first() else { return };
        let mut before = first;
        for &b in rest {
            let natural = score(before, b);
            before = b;
            self.total += natural;
            self.stretch = (self.stretch - natural).max(0);
            self.worst = self.worst.max(self.stretch);
        }
        self.chunk += self.total;
        self.chunk_bytes += word.len();
    }

    /// Notes a joint inside a possible token; it is weak evidence for language.
    pub(super) fn joint(&mut self) {
        self.stretch = (self.stretch - 4).max(0);
        self.joints += 1;
        self.chunk_bytes += 1;
    }

    /// Forgets the stretch at a boundary that no token spans.
    pub(super) fn boundary(&mut self) {
        *self = Self::default();
    }

    /// Whether a stretch so far is too unlike language. A short word of letters alone may be an
    /// abbreviation, so it has to be stranger.
    pub(super) const fn alarmed(&self, short: bool) -> bool {
        self.worst >= if short { ALARM + 8 } else { ALARM }
    }

    /// Whether the last word as a whole is too unlike language for its number of letters.
    ///
    /// Language gains about five quarter bits a letter and randomness loses as many, so a long word
    /// has to earn its place.
    pub(super) const fn unearned(&self, letters: usize, mixed: bool) -> bool {
        if mixed && letters < 14 {
            return self.total < 4;
        }
        if letters < 12 {
            return self.total < -10;
        }
        self.total < 6 + 3 * (letters as i32 - 12)
    }

    /// Whether a joint has been noted since the last boundary.
    pub(super) const fn is_joined(&self) -> bool {
        self.joints > 0
    }

    /// Whether words with joints between them, each too short to judge, are strange together.
    pub(super) const fn strange_chunk(&self) -> bool {
        self.joints > 0 && self.chunk_bytes >= 9 && self.chunk < -6
    }
}

/// Which row or column of [`SCORES`] a byte has: letters, then digits, then all else.
const INDEX: [u8; 256] = indices();

const fn indices() -> [u8; 256] {
    let mut table = [27; 256];
    let mut b = 0;
    while b < 128 {
        let byte = b as u8;
        if byte.is_ascii_alphabetic() {
            table[b] = (byte | 32) - b'a';
        } else if byte.is_ascii_digit() {
            table[b] = 26;
        }
        b += 1;
    }
    table
}

/// [`PAIRS`] with digits and a row length that needs no multiplication.
static SCORES: [i8; 28 * 32] = scores();

const fn scores() -> [i8; 28 * 32] {
    let mut table = [0; 28 * 32];
    let mut a = 0;
    while a < 26 {
        let mut b = 0;
        while b < 26 {
            table[a * 32 + b] = PAIRS[a][b];
            b += 1;
        }
        table[a * 32 + 26] = -DIGIT;
        table[26 * 32 + a] = -AFTER_DIGIT;
        a += 1;
    }
    table
}

/// How natural it is that `b` follows `a`, in quarters of a bit.
#[inline]
fn score(a: u8, b: u8) -> i32 {
    if a.is_ascii_lowercase() && b.is_ascii_uppercase() {
        return -CAPITAL;
    }
    let row = usize::from(INDEX[usize::from(a)]) * 32;
    i32::from(SCORES[row + usize::from(INDEX[usize::from(b)])])
}
