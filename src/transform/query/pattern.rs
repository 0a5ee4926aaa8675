//! The form that a parameter's value must have to be told: literals and small classes in braces.
//!
//! `{digits:1-4}` is one to four digits, `v{digits:1-2}.{digits:1-2}` a version. A pattern is for the whole
//! value, each class says how many characters it takes, and the longest value that fits has
//! [`VALUE_BYTES_MAX`] of them. There is no choice, no repetition without an end and no class of everything,
//! so that a pattern is read at a glance and matched in a bounded number of steps: it is no regular expression.

use std::fmt;

/// The longest value that a pattern may have.
pub const VALUE_BYTES_MAX: usize = 32;

/// Classes in a pattern; more than this is no short form.
const CLASSES_MAX: usize = 8;

/// A pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    pieces: Vec<Piece>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Literal(u8),
    Class { class: Class, least: usize, most: usize },
}

/// What a character may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Class {
    Digits,
    Lower,
    Upper,
    Letters,
    Alnum,
}

impl Class {
    const ALL: [(&'static str, Self); 5] = [
        ("digits", Self::Digits),
        ("lower", Self::Lower),
        ("upper", Self::Upper),
        ("letters", Self::Letters),
        ("alnum", Self::Alnum),
    ];

    const fn has(self, byte: u8) -> bool {
        match self {
            Self::Digits => byte.is_ascii_digit(),
            Self::Lower => byte.is_ascii_lowercase(),
            Self::Upper => byte.is_ascii_uppercase(),
            Self::Letters => byte.is_ascii_alphabetic(),
            Self::Alnum => byte.is_ascii_alphanumeric(),
        }
    }
}

/// Why a pattern is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PatternError {
    /// A class is not `{word:n}` or `{word:n-m}` with one of the words.
    BadClass,
    /// A literal is no letter, digit, `_`, `.` or `-`.
    BadLiteral,
    /// A value could have more than 32 characters, or there are more than 8 classes.
    TooLong,
    /// It has no class, so that a list of values says it better.
    NoClass,
}

impl fmt::Display for PatternError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BadClass => write!(
                f,
                "a class is written as {{digits:1-4}}; there are digits, lower, upper, letters and alnum"
            ),
            Self::BadLiteral => write!(f, "a literal has letters, digits, `_`, `.` and `-` only"),
            Self::TooLong => write!(
                f,
                "it has more than {CLASSES_MAX} classes, or fits values of more than {VALUE_BYTES_MAX} characters"
            ),
            Self::NoClass => write!(f, "it has no class; list the value instead"),
        }
    }
}

impl std::error::Error for PatternError {}

impl Pattern {
    /// Reads a pattern such as `{digits:1-4}`.
    ///
    /// # Errors
    ///
    /// A sentence about what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, PatternError> {
        let (mut pieces, mut rest, mut longest, mut classes) = (Vec::new(), text, 0, 0);
        while let Some(first) = rest.bytes().next() {
            if first == b'{' {
                let (inside, after) = rest[1..].split_once('}').ok_or(PatternError::BadClass)?;
                let piece = class(inside).ok_or(PatternError::BadClass)?;
                if let Piece::Class { most, .. } = piece {
                    longest += most;
                }
                classes += 1;
                pieces.push(piece);
                rest = after;
            } else {
                if !first.is_ascii_alphanumeric() && !b"_.-".contains(&first) {
                    return Err(PatternError::BadLiteral);
                }
                longest += 1;
                pieces.push(Piece::Literal(first));
                rest = &rest[1..];
            }
            if longest > VALUE_BYTES_MAX || classes > CLASSES_MAX {
                return Err(PatternError::TooLong);
            }
        }
        if classes == 0 { Err(PatternError::NoClass) } else { Ok(Self { pieces }) }
    }

    /// Whether the whole of `value` has the pattern.
    #[must_use]
    pub fn fits(&self, value: &[u8]) -> bool {
        if value.len() > VALUE_BYTES_MAX {
            return false;
        }
        // The places that the pieces so far may have come to, a bit each.
        let mut places = 1u64;
        for piece in &self.pieces {
            let (mut next, mut run) = (0, places);
            let (least, most) = match piece {
                Piece::Literal(_) => (1, 1),
                Piece::Class { least, most, .. } => (*least, *most),
            };
            for taken in 0..=most {
                if taken >= least {
                    next |= run;
                }
                run = step(run, piece, value);
            }
            places = next;
        }
        places & (1 << value.len()) != 0
    }
}

/// The places after one more character of `piece`.
fn step(places: u64, piece: &Piece, value: &[u8]) -> u64 {
    let fits = |byte: u8| match piece {
        Piece::Literal(literal) => *literal == byte,
        Piece::Class { class, .. } => class.has(byte),
    };
    value.iter().enumerate().fold(0, |next, (at, byte)| {
        let is_next = places & (1 << at) != 0 && fits(*byte);
        next | u64::from(is_next) << (at + 1)
    })
}

/// What stands between the braces: `digits:4` or `digits:1-4`.
fn class(inside: &str) -> Option<Piece> {
    let (word, count) = inside.split_once(':')?;
    let (_, class) = Class::ALL.into_iter().find(|(name, _)| *name == word)?;
    let number = |text: &str| {
        let is_plain = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        text.parse().ok().filter(|n| is_plain && *n <= VALUE_BYTES_MAX)
    };
    let (least, most) = match count.split_once('-') {
        Some((least, most)) => (number(least)?, number(most)?),
        None => (number(count)?, number(count)?),
    };
    (least <= most && most > 0).then_some(Piece::Class { class, least, most })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(pattern: &str, good: &[&str], bad: &[&str]) {
        let read = Pattern::parse(pattern).expect("a pattern");
        for value in good {
            assert!(read.fits(value.as_bytes()), "{pattern} {value}");
        }
        for value in bad {
            assert!(!read.fits(value.as_bytes()), "{pattern} {value}");
        }
    }

    #[test]
    fn patterns_fit_whole_values() {
        check("{digits:1-3}", &["1", "12", "123"], &["", "1234", "12a", "a12", " 1", "1\n"]);
        check("{lower:2}", &["de"], &["d", "deu", "DE"]);
        check("v{digits:1-2}.{digits:0-2}", &["v1.", "v12.34"], &["1.2", "v1", "v1.234", "V1.2"]);
        // Where one class could take what the next one needs.
        check("{alnum:1-4}{digits:2}", &["a12", "1234", "abcd12"], &["12", "abcde12", "abc1"]);
        check("{letters:0-3}-{upper:1}", &["-A", "abC-Z"], &["abcd-Z", "-a", "abc"]);
        check("{alnum:32}", &[&"a".repeat(32)], &[&"a".repeat(31), &"a".repeat(33)]);
    }

    #[test]
    fn what_is_no_short_form_is_refused() {
        for (pattern, error) in [
            ("", PatternError::NoClass),
            ("abc", PatternError::NoClass),
            ("{digits}", PatternError::BadClass),
            ("{digits:}", PatternError::BadClass),
            ("{digits:0}", PatternError::BadClass),
            ("{digits:3-1}", PatternError::BadClass),
            ("{digits:1-}", PatternError::BadClass),
            ("{digits:+1}", PatternError::BadClass),
            ("{any:1}", PatternError::BadClass),
            ("{digits:1", PatternError::BadClass),
            ("{digits:1}*", PatternError::BadLiteral),
            (".*", PatternError::BadLiteral),
            ("{digits:1} ", PatternError::BadLiteral),
            ("\u{e9}{digits:1}", PatternError::BadLiteral),
            ("{digits:33}", PatternError::BadClass),
            ("{digits:1-30}abc", PatternError::TooLong),
            (&"{digits:1}".repeat(9), PatternError::TooLong),
        ] {
            assert_eq!(Pattern::parse(pattern), Err(error), "{pattern}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read(value in prop::collection::vec(any::<u8>(), 0..40), text in "[a-z{}:0-9.-]{0,20}") {
            let read = Pattern::parse("{alnum:0-8}-{digits:1-4}").expect("a pattern");
            let fits = read.fits(&value);
            prop_assert!(!fits || value.iter().all(|b| b.is_ascii_alphanumeric() || *b == b'-'));
            let _ = Pattern::parse(&text);
        }
    }
}
