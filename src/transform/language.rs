//! The language that a visitor prefers, from `Accept-Language` (RFC 9110, 12.5.4).
//!
//! Told is the primary subtag, and only of languages that many people ask for: a header with all its regions
//! and weights tells one browser from the next, and a rare language may tell one person.

/// A language of the closed list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Language(u8);

/// ISO 639-1 codes, most used on the web or official somewhere with many speakers, and the word for all others.
/// `nb` and `nn` are kept beside `no`, for browsers send them; `he` and `id` have old codes of their own.
const NAMES: [&str; 78] = [
    "af", "am", "ar", "as", "az", "be", "bg", "bn", "bs", "ca", "cs", "cy", "da", "de", "el", "en",
    "es", "et", "eu", "fa", "fi", "fr", "ga", "gl", "gu", "he", "hi", "hr", "hu", "hy", "id", "is",
    "it", "ja", "ka", "kk", "km", "kn", "ko", "ky", "lo", "lt", "lv", "mk", "ml", "mn", "mr", "ms",
    "my", "nb", "ne", "nl", "nn", "no", "pa", "pl", "pt", "ro", "ru", "si", "sk", "sl", "sq", "sr",
    "sv", "sw", "ta", "te", "th", "tl", "tr", "uk", "ur", "uz", "vi", "zh", "zu", "other",
];

/// Codes that were renamed: some browsers and Java still send these.
const OLD: [(&[u8; 2], &str); 2] = [(b"iw", "he"), (b"in", "id")];

impl Language {
    /// How many there are, with the word for all others.
    pub const COUNT: usize = NAMES.len();

    /// Any language that is not of the list.
    pub const OTHER: Self = Self(Self::COUNT as u8 - 1);

    /// All, in the order of their indices.
    pub const ALL: [Self; Self::COUNT] = {
        let mut all = [Self(0); Self::COUNT];
        let mut index = 0;
        while index < Self::COUNT {
            all[index] = Self(index as u8);
            index += 1;
        }
        all
    };

    /// The language of an `Accept-Language` header with its log escapes undone; nothing where there is none.
    ///
    /// It is the one of the highest weight, and of those the first. What has no weight that can be read, or
    /// that of zero, is not asked for.
    #[must_use]
    pub fn of(header: &[u8]) -> Option<Self> {
        let header = header.trim_ascii();
        if matches!(header, b"" | b"-") {
            return None;
        }
        let (mut best, mut weight_of_best) = (Self::OTHER, 0);
        for range in header.split(|byte| *byte == b',') {
            let mut parts = range.split(|byte| *byte == b';');
            let tag = parts.next().unwrap_or_default();
            let Some(weight) = weight(parts.next()) else { continue };
            if weight > weight_of_best {
                (best, weight_of_best) = (Self::of_tag(bare(tag)), weight);
            }
        }
        Some(best)
    }

    /// The language of `en`, `en-GB` or `*`.
    fn of_tag(tag: &[u8]) -> Self {
        let primary = tag.split(|byte| matches!(byte, b'-' | b'_')).next().unwrap_or_default();
        let Ok(code) = <[u8; 2]>::try_from(primary) else { return Self::OTHER };
        let code = code.map(|byte| byte.to_ascii_lowercase());
        let old = OLD.iter().find(|(old, _)| **old == code);
        let name = old.map_or(&code[..], |(_, name)| name.as_bytes());
        let index = NAMES.iter().position(|known| known.as_bytes() == name);
        index.map_or(Self::OTHER, |index| Self(index as u8))
    }

    /// The word for output.
    #[must_use]
    pub const fn name(self) -> &'static str {
        NAMES[self.0 as usize]
    }

    /// Its place in [`Language::ALL`].
    #[inline]
    #[must_use]
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

/// The text without spaces, and without quotes, which a list in JSON has at its elements.
fn bare(text: &[u8]) -> &[u8] {
    let is_around = |byte: &u8| matches!(byte, b' ' | b'\t' | b'"');
    let start = text.iter().position(|byte| !is_around(byte)).unwrap_or(text.len());
    let end = text.iter().rposition(|byte| !is_around(byte)).map_or(start, |last| last + 1);
    &text[start..end]
}

/// The weight in thousandths: one where nothing is said, nothing where what is said is no weight.
fn weight(parameter: Option<&[u8]>) -> Option<u16> {
    let Some(parameter) = parameter else { return Some(1000) };
    let (name, value) = bare(parameter).split_first_chunk::<2>()?;
    if !name.eq_ignore_ascii_case(b"q=") {
        return None;
    }
    let (whole, fraction) = match value {
        [whole @ (b'0' | b'1')] | [whole @ (b'0' | b'1'), b'.'] => (whole, &[][..]),
        [whole @ (b'0' | b'1'), b'.', fraction @ ..] if fraction.len() <= 3 => (whole, fraction),
        _ => return None,
    };
    let mut weight = u16::from(whole - b'0');
    for place in 0..3 {
        let digit = fraction.get(place).copied().unwrap_or(b'0');
        weight = weight * 10 + u16::from(digit.is_ascii_digit().then(|| digit - b'0')?);
    }
    (weight <= 1000).then_some(weight)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(header: &str, expect: &str) {
        assert_eq!(Language::of(header.as_bytes()).map(Language::name), Some(expect), "{header}");
    }

    #[test]
    fn the_highest_weight_wins_and_then_the_first() {
        check("en", "en");
        check("en-GB", "en");
        check("EN_us", "en");
        check("de-CH,de;q=0.9,en;q=0.8", "de");
        check("en;q=0.8, de", "de");
        check("en;q=0.8, fr;q=0.9, de;q=0.9", "fr");
        check("en; q=0.5 , da ;Q=1.000", "da");
        check("fr;q=0.001, en;q=0", "fr");
        check("zh-Hant-TW", "zh");
        check("iw,in;q=0.5", "he");
        check("in-ID", "id");
        check("\"sv-SE\",\"en\"", "sv");
        check("en;q=1.5, pl;q=0.1", "pl");
        check("en;q=0.1234, pl;q=0.1", "pl");
        check("en;level=1, pl;q=0.1", "pl");
    }

    #[test]
    fn what_is_not_of_the_list_is_other() {
        for header in [
            "*",
            "tlh",
            "xx",
            "e",
            "eng",
            "x-private",
            "en;q=0",
            "alice@example.com",
            ",",
            ";",
            "é",
        ] {
            check(header, "other");
        }
        check("*;q=0.1, fy, en;q=0.5", "other");
    }

    #[test]
    fn a_missing_header_has_none() {
        for header in ["", "-", " ", " - "] {
            assert_eq!(Language::of(header.as_bytes()), None);
        }
    }

    #[test]
    fn names_are_sorted_and_find_themselves() {
        assert!(NAMES[..Language::COUNT - 1].is_sorted_by(|a, b| a < b));
        for (index, language) in Language::ALL.into_iter().enumerate() {
            assert_eq!(language.index(), index);
            check(language.name(), language.name());
        }
        assert_eq!(Language::OTHER.name(), "other");
    }

    proptest! {
        #[test]
        fn any_bytes_become_a_word_of_the_list(header in proptest::collection::vec(any::<u8>(), 0..80)) {
            let name = Language::of(&header).map(Language::name);
            prop_assert!(name.is_none_or(|name| NAMES.contains(&name)));
        }
    }
}
