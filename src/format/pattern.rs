//! How long a time is that a pattern describes, by the look of its items.
//!
//! Whether the time exists is for whoever reads it; here is only told where it ends, so that what stands
//! behind it is found also where the time itself has spaces in it.

use crate::field::{TimeItem, TimePattern};

/// How many bytes of `text` look like a time of this pattern.
pub(super) fn length(pattern: &TimePattern, text: &[u8]) -> Option<usize> {
    let mut rest = text;
    for (index, item) in pattern.iter().enumerate() {
        rest = rest.get(item_length(*item, pattern.get(index + 1), rest)?..)?;
    }
    Some(text.len() - rest.len())
}

/// Whether a time of this pattern says on which day it is.
pub(super) fn has_date(pattern: &TimePattern) -> bool {
    use TimeItem::{
        Clf, Day, DayOfYear, Month, MonthName, UnixMicroseconds, UnixMilliseconds, UnixSeconds,
        Year, YearOfCentury,
    };
    let has = |items: &[TimeItem]| pattern.iter().any(|item| items.contains(item));
    let has_day = has(&[DayOfYear]) || has(&[Month, MonthName]) && has(&[Day]);
    has(&[Clf, UnixSeconds, UnixMilliseconds, UnixMicroseconds])
        || has(&[Year, YearOfCentury]) && has_day
}

fn item_length(item: TimeItem, next: Option<&TimeItem>, text: &[u8]) -> Option<usize> {
    match item {
        TimeItem::Literal(byte) => (text.first() == Some(&byte)).then_some(1),
        TimeItem::Space => Some(count(text, |byte| matches!(byte, b' ' | b'\t'))),
        TimeItem::Clf => Some(if text.first() == Some(&b'[') { 28 } else { 26 }),
        TimeItem::Year => digits(text, 4),
        TimeItem::YearOfCentury | TimeItem::Century => digits(text, 2),
        TimeItem::Month
        | TimeItem::Day
        | TimeItem::Hour
        | TimeItem::Hour12
        | TimeItem::Minute
        | TimeItem::Second => match text {
            [b' ', rest @ ..] => digits(rest, 1).map(|length| length + 1),
            _ => digits(text, 2),
        },
        // Names may be of any language, whose letters are of several bytes.
        TimeItem::MonthName | TimeItem::WeekdayName => {
            some(count(text, |byte| byte.is_ascii_alphabetic() || !byte.is_ascii()))
        }
        TimeItem::DayOfYear => digits(text, 3),
        TimeItem::Meridiem => Some(match text {
            [b'a' | b'p' | b'A' | b'P', b'm' | b'M', ..] => 2,
            _ => 0,
        }),
        TimeItem::Ignored | TimeItem::Fraction => digits(text, usize::MAX),
        TimeItem::Offset | TimeItem::ZoneName => match text {
            [b'+' | b'-', rest @ ..] => {
                some(count(rest, |byte| byte.is_ascii_digit() || byte == b':')).map(|n| n + 1)
            }
            _ => some(count(text, |byte| byte.is_ascii_alphabetic())),
        },
        TimeItem::UnixSeconds => {
            let is_split = next == Some(&TimeItem::Fraction);
            let seconds = digits(text, if is_split { 10 } else { usize::MAX })?;
            match &text[seconds..] {
                [b'.', rest @ ..] if next != Some(&TimeItem::Literal(b'.')) => {
                    Some(seconds + 1 + digits(rest, usize::MAX)?)
                }
                _ => Some(seconds),
            }
        }
        TimeItem::UnixMilliseconds | TimeItem::UnixMicroseconds => digits(text, usize::MAX),
    }
}

/// How many digits there are up to so many; at least one.
fn digits(text: &[u8], most: usize) -> Option<usize> {
    some(count(&text[..most.min(text.len())], |byte| byte.is_ascii_digit()))
}

fn count(text: &[u8], is_part: impl Fn(u8) -> bool) -> usize {
    text.iter().take_while(|byte| is_part(**byte)).count()
}

fn some(length: usize) -> Option<usize> {
    (length > 0).then_some(length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_ends_where_its_items_end() {
        use TimeItem::{
            Clf, Day, Fraction, Hour12, Literal, Meridiem, Month, MonthName, Offset, Space,
            UnixSeconds, WeekdayName, Year, ZoneName,
        };
        let check = |pattern: &[TimeItem], text: &str, expect: Option<usize>| {
            assert_eq!(length(pattern, text.as_bytes()), expect, "{pattern:?} {text}");
        };
        let space = Literal(b' ');
        let long = [WeekdayName, space, MonthName, space, Day];
        check(&long, "Wednesday September 25 GET", Some(22));
        check(&long, "Mittwoch M\u{e4}rz  5 GET", Some(17));
        check(&long, "Wed Sep GET", None);
        check(&[Year, Space, Month, Space, Day], "20261122 x", Some(8));
        check(&[Hour12, space, Meridiem], "11 PM", Some(5));
        check(&[Hour12, space, Meridiem], "11 ", Some(3));
        check(&[Clf], "[22/Nov/2026:14:05:37 +0000] x", Some(28));
        check(&[Clf], "22/Nov/2026:14:05:37 +0000] x", Some(26));
        check(&[Clf], "22/Nov/2026:14:05:37", None);
        check(&[UnixSeconds], "1795356337.867 x", Some(14));
        check(&[UnixSeconds, Literal(b'.'), Fraction], "1795356337.867 x", Some(14));
        check(&[UnixSeconds, Fraction], "1795356337867 x", Some(13));
        check(&[Year, Offset], "2026+01:00 x", Some(10));
        check(&[Year, Offset], "2026Z x", Some(5));
        check(&[Year, ZoneName], "2026CEST x", Some(8));
        check(&[Year], "- x", None);
        check(&[], "", Some(0));
    }

    #[test]
    fn a_day_is_a_date_only_in_a_month_of_a_year() {
        use TimeItem::{Clf, Day, DayOfYear, Hour, Month, MonthName, UnixSeconds, Year};
        assert!(has_date(&[Year, MonthName, Day]));
        assert!(has_date(&[Year, DayOfYear]));
        assert!(has_date(&[Clf]));
        assert!(has_date(&[UnixSeconds]));
        for pattern in [&[Year, Month][..], &[Month, Day], &[Year, Day, Hour], &[DayOfYear], &[]] {
            assert!(!has_date(pattern), "{pattern:?}");
        }
    }
}
