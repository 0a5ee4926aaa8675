//! How long a response took: read in the unit of its format, told in a series of preferred numbers.
//!
//! A time to the millisecond beside other fields can find a request again in somebody else's log. So what is
//! told is the next of 1, 2, 5, 10, 20, 50 and so on milliseconds, rounded up.

use crate::field::DurationUnit;

/// The longest duration that is told, in milliseconds: 50,000,000 of them are more than half a day.
const MILLISECONDS_MAX: u64 = 50_000_000;

/// How many digits are calculated with; those after them only say that there is more.
const DIGITS_MAX: usize = 18;

/// The units that a number may have written after it, and which power of ten milliseconds each is. Those of
/// two letters come first, for `s` ends them too. A microsecond has two spellings in Unicode.
const SUFFIXES: [(&[u8], i32); 6] = [
    (b"ms", 0),
    (b"us", -3),
    ("\u{b5}s".as_bytes(), -3),
    ("\u{3bc}s".as_bytes(), -3),
    (b"ns", -6),
    (b"s", 3),
];

/// The duration in whole milliseconds, rounded up; nothing for what is no duration, such as `-`, a negative
/// number, or the list that a server writes that asked several others.
///
/// A unit that is written after the number wins over `unit`. What is longer than can be told is cut.
#[must_use]
pub fn milliseconds(text: &[u8], unit: DurationUnit) -> Option<u64> {
    if let Some(found) = plain(text, power_of(unit)) {
        return Some(found);
    }
    let text = text.trim_ascii();
    let suffix = SUFFIXES.iter().find_map(|(suffix, power)| {
        text.strip_suffix(*suffix).map(|number| (number.trim_ascii_end(), *power))
    });
    let (number, power) = suffix.unwrap_or((text, power_of(unit)));
    decimal(number, power)
}

/// Digits with or without a point among them, as nearly all servers write a duration. Nothing for all else,
/// which says nothing about it.
#[inline]
fn plain(text: &[u8], power: i32) -> Option<u64> {
    let is_usual = (1..=16).contains(&text.len())
        && text[0].is_ascii_digit()
        && text[text.len() - 1].is_ascii_digit();
    if !is_usual {
        return None;
    }
    let (mut value, mut fraction, mut has_point) = (0u64, 0, false);
    for byte in text {
        match byte {
            b'0'..=b'9' => {
                value = value * 10 + u64::from(byte - b'0');
                fraction += i32::from(has_point);
            }
            b'.' if !has_point => has_point = true,
            _ => return None,
        }
    }
    Some(scale(value, false, power - fraction).min(MILLISECONDS_MAX))
}

const fn power_of(unit: DurationUnit) -> i32 {
    match unit {
        DurationUnit::Seconds => 3,
        DurationUnit::Milliseconds => 0,
        DurationUnit::Microseconds => -3,
        DurationUnit::Nanoseconds => -6,
    }
}

/// A decimal number times a power of ten, rounded up. It may have a fraction, and an exponent as JSON has.
fn decimal(text: &[u8], power: i32) -> Option<u64> {
    let mut power = power;
    let mut mantissa = text;
    if let Some(at) = text.iter().position(|byte| matches!(byte, b'e' | b'E')) {
        mantissa = &text[..at];
        power += exponent(&text[at + 1..])?;
    }
    let (whole, fraction) = match mantissa.iter().position(|byte| *byte == b'.') {
        Some(dot) => (&mantissa[..dot], Some(&mantissa[dot + 1..])),
        None => (mantissa, None),
    };
    let is_number = |digits: &[u8]| !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
    if !is_number(whole) || !fraction.is_none_or(is_number) {
        return None;
    }
    let (mut value, mut count, mut is_more) = (0u64, 0, false);
    let fraction = fraction.unwrap_or_default();
    for (index, byte) in whole.iter().chain(fraction).enumerate() {
        let digit = u64::from(byte - b'0');
        // A digit that is calculated with and stands in the fraction moves the point; so does one that is
        // not, and stands before it.
        let is_used = count < DIGITS_MAX;
        power = power.saturating_add(i32::from(!is_used) - i32::from(index >= whole.len()));
        if is_used {
            value = value * 10 + digit;
            count += usize::from(value > 0);
        } else {
            is_more |= digit > 0;
        }
    }
    Some(scale(value, is_more, power).min(MILLISECONDS_MAX))
}

/// The digits and sign of an exponent; one of more digits than any duration has is none.
fn exponent(text: &[u8]) -> Option<i32> {
    let digits = text.strip_prefix(b"+").or_else(|| text.strip_prefix(b"-")).unwrap_or(text);
    if !(1..=3).contains(&digits.len()) {
        return None;
    }
    std::str::from_utf8(text).ok()?.parse().ok()
}

/// `value` times ten to the `power`, rounded up.
fn scale(value: u64, is_more: bool, power: i32) -> u64 {
    let factor = 10u64.checked_pow(power.unsigned_abs());
    match factor {
        _ if value == 0 => u64::from(is_more),
        Some(factor) if power < 0 && is_more => value / factor + 1,
        Some(factor) if power < 0 => value.div_ceil(factor),
        None if power < 0 => 1,
        Some(factor) => value.saturating_mul(factor).saturating_add(u64::from(is_more)),
        None => u64::MAX,
    }
}

/// The next number of the series 1, 2, 5, 10, 20, 50, in milliseconds. Zero stays zero.
#[must_use]
pub fn bucket(milliseconds: u64) -> u64 {
    if milliseconds == 0 || milliseconds >= MILLISECONDS_MAX {
        return milliseconds.min(MILLISECONDS_MAX);
    }
    let power = 10u64.pow(milliseconds.ilog10());
    match milliseconds.div_ceil(power) {
        step @ (1 | 2) => step * power,
        3..=5 => 5 * power,
        _ => 10 * power,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use DurationUnit::{Microseconds, Milliseconds, Nanoseconds, Seconds};

    #[track_caller]
    fn check(text: &str, unit: DurationUnit, expect: u64) {
        assert_eq!(milliseconds(text.as_bytes(), unit), Some(expect), "{text} {unit:?}");
    }

    #[test]
    fn numbers_in_the_unit_of_the_format() {
        for (text, seconds) in [
            ("0.005", 5),
            ("0.000", 0),
            ("0.0001", 1),
            ("12", 12_000),
            ("1.2341", 1235),
            ("007", 7000),
        ] {
            check(text, Seconds, seconds);
        }
        check("12", Milliseconds, 12);
        check("12.3", Milliseconds, 13);
        check("1", Microseconds, 1);
        check("1000", Microseconds, 1);
        check("1001", Microseconds, 2);
        check("1000000", Nanoseconds, 1);
        check("1000001", Nanoseconds, 2);
        check("0", Nanoseconds, 0);
        check("0.00006819", Seconds, 1);
        check("1.5e-05", Seconds, 1);
        check("1.5E+1", Seconds, 15_000);
        check("0e999", Seconds, 0);
    }

    #[test]
    fn a_written_unit_wins() {
        for (text, expect) in [
            ("12ms", 12),
            ("0.123s", 123),
            ("3.5s", 3500),
            ("1500us", 2),
            ("1500\u{b5}s", 2),
            ("1500\u{3bc}s", 2),
            ("1500000ns", 2),
            (" 12 ms ", 12),
        ] {
            check(text, Microseconds, expect);
            check(text, Seconds, expect);
        }
    }

    #[test]
    fn what_is_no_duration() {
        for text in [
            "",
            "-",
            "-1",
            "-0.1",
            "0.1, 0.2",
            "0.1 : 0.2",
            "1.2.3",
            ".",
            ".5",
            "1.",
            "+1",
            "ms",
            "1m30s",
            "1h",
            "0x1",
            "1e",
            "1e+",
            "1e1000",
            "e1",
            "1e1.5",
            "nan",
            "inf",
            "1 2",
            "\u{661}",
        ] {
            assert_eq!(milliseconds(text.as_bytes(), Seconds), None, "{text}");
        }
    }

    #[test]
    fn the_longest_is_cut() {
        check("50000", Seconds, MILLISECONDS_MAX);
        check("50000.001", Seconds, MILLISECONDS_MAX);
        check(&"9".repeat(400), Nanoseconds, MILLISECONDS_MAX);
        check("1e999", Nanoseconds, MILLISECONDS_MAX);
        check("1e-999", Seconds, 1);
        check(&format!("0.{}1", "0".repeat(400)), Seconds, 1);
        check(&format!("1.{}1", "0".repeat(400)), Seconds, 1001);
        check(&format!("{}.5", "0".repeat(400)), Seconds, 500);
    }

    #[test]
    fn the_series() {
        for (milliseconds, expect) in [
            (0, 0),
            (1, 1),
            (2, 2),
            (3, 5),
            (5, 5),
            (6, 10),
            (10, 10),
            (11, 20),
            (21, 50),
            (51, 100),
            (100, 100),
            (101, 200),
            (999, 1000),
            (20_000_001, 50_000_000),
            (50_000_001, 50_000_000),
            (u64::MAX, 50_000_000),
        ] {
            assert_eq!(bucket(milliseconds), expect, "{milliseconds}");
        }
    }

    proptest! {
        #[test]
        fn buckets_are_at_least_what_they_stand_for_and_stay(milliseconds in 0..=MILLISECONDS_MAX) {
            let told = bucket(milliseconds);
            prop_assert!(told >= milliseconds && told <= milliseconds * 5 / 2 + 1);
            prop_assert_eq!(bucket(told), told);
        }

        #[test]
        fn decimals_equal_whole_nanoseconds(nanoseconds in 0..50_000_000_000_000u64) {
            let expect = Some(nanoseconds.div_ceil(1_000_000));
            let text = format!("{}.{:09}", nanoseconds / 1_000_000_000, nanoseconds % 1_000_000_000);
            prop_assert_eq!(milliseconds(text.as_bytes(), Seconds), expect);
            prop_assert_eq!(milliseconds(nanoseconds.to_string().as_bytes(), Nanoseconds), expect);
            prop_assert_eq!(milliseconds(format!("{nanoseconds}ns").as_bytes(), Seconds), expect);
        }

        #[test]
        fn any_bytes_are_read_or_not(text in proptest::collection::vec(any::<u8>(), 0..60)) {
            let _ = milliseconds(&text, Seconds);
        }
    }
}
