//! Times as a server was told to write them, after the letters of strftime(3).
//!
//! Each item takes what it finds, as much as it may, and nothing is taken back: `%d%H` needs two digits for
//! the day. A number may have fewer digits than it usually has where a space or another byte ends it.

use super::{
    Civil, DAY, MONTH_NAMES, Timestamp, WEEKDAY_NAMES, days_from_civil, days_in_month,
    notation::{CLF_BYTES, Reader, number, read_clf},
};
use crate::field::{Reason, TimeItem, TimePattern};

/// The digits of Unix seconds where nothing but their number tells them from the fraction behind them.
const UNIX_DIGITS: usize = 10;

/// Two-digit years from here on are of the 20th century (POSIX).
const FIRST_YEAR_OF_20TH_CENTURY: i64 = 69;

/// Reads a time that `pattern` describes.
///
/// What the pattern leaves out of the time of day is zero, and without an offset the time is in UTC.
///
/// # Errors
///
/// Those of [`parse_clf`](super::parse_clf); [`Reason::BadTime`] also where the pattern has no date.
pub fn parse_pattern(pattern: &TimePattern, text: &[u8]) -> Result<Timestamp, Reason> {
    let seconds = read(pattern, text).ok_or(Reason::BadTime)?;
    Timestamp::from_unix(seconds)
}

fn read(pattern: &TimePattern, text: &[u8]) -> Option<i64> {
    let mut rest = Reader(text);
    let mut found = Found::default();
    for (index, item) in pattern.iter().enumerate() {
        found.take(*item, pattern.get(index + 1), &mut rest)?;
    }
    rest.end()?;
    found.unix()
}

/// What the items of a pattern have found so far.
#[derive(Default)]
struct Found {
    /// A whole moment, in Unix seconds.
    moment: Option<i64>,
    century: Option<i64>,
    year_of_century: Option<i64>,
    year: Option<i64>,
    month: Option<i64>,
    day: Option<i64>,
    day_of_year: Option<i64>,
    hour: i64,
    hour_of_12: Option<i64>,
    is_afternoon: bool,
    minute: i64,
    second: i64,
    offset: i64,
}

impl Found {
    fn take(
        &mut self,
        item: TimeItem,
        next: Option<&TimeItem>,
        text: &mut Reader<'_>,
    ) -> Option<()> {
        match item {
            TimeItem::Literal(byte) => text.byte(byte)?,
            TimeItem::Space => while text.eat(b' ') || text.eat(b'\t') {},
            TimeItem::Clf => self.moment = Some(clf(text)?),
            TimeItem::Year => self.year = Some(text.four_digits()?),
            TimeItem::YearOfCentury => self.year_of_century = Some(text.two_digits()?),
            TimeItem::Century => self.century = Some(text.two_digits()?),
            TimeItem::Month => self.month = Some(padded(text)?),
            TimeItem::MonthName => self.month = Some(name(text, &MONTH_NAMES)?),
            TimeItem::Day => self.day = Some(padded(text)?),
            TimeItem::DayOfYear => self.day_of_year = Some(up_to(text, 3)?),
            TimeItem::WeekdayName => _ = name(text, &WEEKDAY_NAMES)?,
            TimeItem::Ignored | TimeItem::Fraction => some_digits(text)?,
            TimeItem::Hour => self.hour = padded(text)?,
            TimeItem::Hour12 => self.hour_of_12 = Some(padded(text)?),
            TimeItem::Meridiem => self.is_afternoon = is_afternoon(text),
            TimeItem::Minute => self.minute = padded(text)?,
            TimeItem::Second => self.second = padded(text)?,
            TimeItem::Offset => self.offset = offset(text)?,
            TimeItem::ZoneName => self.offset = zone(text)?,
            TimeItem::UnixSeconds => self.moment = Some(unix_seconds(text, next)?),
            TimeItem::UnixMilliseconds => self.moment = Some(unix(text, 1_000)?),
            TimeItem::UnixMicroseconds => self.moment = Some(unix(text, 1_000_000)?),
        }
        Some(())
    }

    fn unix(self) -> Option<i64> {
        if self.moment.is_some() {
            return self.moment;
        }
        let year = self.year()?;
        let (month, day, days_on) = match (self.month, self.day, self.day_of_year) {
            (Some(month), Some(day), _) => (month, day, 0),
            (_, _, Some(day)) => (1, 1, day_in(year, day)?),
            _ => return None,
        };
        let hour = match self.hour_of_12 {
            Some(hour @ 1..=12) => hour % 12 + if self.is_afternoon { 12 } else { 0 },
            Some(_) => return None,
            None => self.hour,
        };
        let Self { minute, second, offset, .. } = self;
        let start = Civil { year, month, day, hour, minute, second, offset }.unix()?;
        Some(start + days_on * DAY)
    }

    fn year(&self) -> Option<i64> {
        match (self.year, self.century, self.year_of_century) {
            (Some(year), _, _) => Some(year),
            (None, Some(century), Some(year)) => Some(100 * century + year),
            (None, None, Some(year)) if year >= FIRST_YEAR_OF_20TH_CENTURY => Some(1900 + year),
            (None, None, Some(year)) => Some(2000 + year),
            (None, _, None) => None,
        }
    }
}

/// How many days the day of that number in its year is after the first.
fn day_in(year: i64, day: i64) -> Option<i64> {
    let days = days_from_civil(year + 1, 1, 1) - days_from_civil(year, 1, 1);
    debug_assert_eq!(days, 337 + days_in_month(year, 2), "both count the leap day");
    (1..=days).contains(&day).then_some(day - 1)
}

fn clf(text: &mut Reader<'_>) -> Option<i64> {
    let is_bracketed = text.eat(b'[');
    let (time, rest) = text.0.split_at_checked(CLF_BYTES)?;
    text.0 = rest;
    if is_bracketed {
        text.byte(b']')?;
    }
    read_clf(time)
}

/// A number of one or two digits, with or without a space before a single one.
fn padded(text: &mut Reader<'_>) -> Option<i64> {
    if text.eat(b' ') { up_to(text, 1) } else { up_to(text, 2) }
}

/// A number of at least one digit and at most so many.
fn up_to(text: &mut Reader<'_>, digits_max: usize) -> Option<i64> {
    let digits = text.0.iter().take(digits_max).take_while(|byte| byte.is_ascii_digit()).count();
    take_number(text, digits, 1..=digits_max)
}

/// The number that the next digits make, if there are as many as there may be.
fn take_number(
    text: &mut Reader<'_>,
    digits: usize,
    allowed: std::ops::RangeInclusive<usize>,
) -> Option<i64> {
    let (taken, rest) = text.0.split_at_checked(digits)?;
    text.0 = rest;
    allowed.contains(&digits).then(|| number(taken))
}

fn some_digits(text: &mut Reader<'_>) -> Option<()> {
    (!text.digits().is_empty()).then_some(())
}

/// The number of the name that comes next, whole or cut to three letters.
fn name(text: &mut Reader<'_>, names: &[&str]) -> Option<i64> {
    let comes = |name: &str| {
        text.0.get(..name.len()).is_some_and(|text| text.eq_ignore_ascii_case(name.as_bytes()))
    };
    let (name, number) = names.iter().zip(1..).find(|(name, _)| comes(&name[..3]))?;
    text.0 = &text.0[if comes(name) { name.len() } else { 3 }..];
    Some(number)
}

/// Whether `PM` comes next; `AM` is taken too, and neither is fine.
fn is_afternoon(text: &mut Reader<'_>) -> bool {
    let [letter, b'm' | b'M', rest @ ..] = text.0 else { return false };
    match letter.to_ascii_lowercase() {
        letter @ (b'a' | b'p') => {
            text.0 = rest;
            letter == b'p'
        }
        _ => false,
    }
}

fn offset(text: &mut Reader<'_>) -> Option<i64> {
    if text.eat(b'Z') { Some(0) } else { text.offset() }
}

/// The offset of a zone. All names are taken for UTC; `+03` is what systems write for a zone without one.
fn zone(text: &mut Reader<'_>) -> Option<i64> {
    if matches!(text.0, [b'+' | b'-', ..]) {
        return text.offset();
    }
    let letters = text.0.iter().take_while(|byte| byte.is_ascii_alphabetic()).count();
    text.0 = &text.0[letters..];
    (letters > 0).then_some(0)
}

fn unix_seconds(text: &mut Reader<'_>, next: Option<&TimeItem>) -> Option<i64> {
    let mut digits = text.0.iter().take_while(|byte| byte.is_ascii_digit()).count();
    if next == Some(&TimeItem::Fraction) {
        digits = digits.min(UNIX_DIGITS);
    }
    let seconds = take_number(text, digits, 1..=UNIX_DIGITS)?;
    if next != Some(&TimeItem::Literal(b'.')) {
        text.fraction_after(|byte| byte == b'.')?;
    }
    Some(seconds)
}

/// The Unix seconds of a number of parts of one.
fn unix(text: &mut Reader<'_>, parts: i64) -> Option<i64> {
    let digits = text.0.iter().take_while(|byte| byte.is_ascii_digit()).count();
    Some(take_number(text, digits, 1..=16)? / parts)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{
        super::{FIRST, Grain, HOUR, LAST, tests::show},
        *,
    };

    /// Letters as in strftime(3) where they are in use there, for tests only.
    fn pattern(letters: &str) -> Vec<TimeItem> {
        let mut chars = letters.chars();
        let mut items = Vec::new();
        while let Some(char) = chars.next() {
            items.push(match (char == '%').then(|| chars.next()).flatten() {
                None => TimeItem::Literal(char as u8),
                Some('n') => TimeItem::Space,
                Some('1') => TimeItem::Clf,
                Some('Y') => TimeItem::Year,
                Some('y') => TimeItem::YearOfCentury,
                Some('C') => TimeItem::Century,
                Some('m') => TimeItem::Month,
                Some('b') => TimeItem::MonthName,
                Some('d') => TimeItem::Day,
                Some('j') => TimeItem::DayOfYear,
                Some('a') => TimeItem::WeekdayName,
                Some('U') => TimeItem::Ignored,
                Some('H') => TimeItem::Hour,
                Some('I') => TimeItem::Hour12,
                Some('p') => TimeItem::Meridiem,
                Some('M') => TimeItem::Minute,
                Some('S') => TimeItem::Second,
                Some('f') => TimeItem::Fraction,
                Some('z') => TimeItem::Offset,
                Some('Z') => TimeItem::ZoneName,
                Some('s') => TimeItem::UnixSeconds,
                Some('3') => TimeItem::UnixMilliseconds,
                Some('6') => TimeItem::UnixMicroseconds,
                Some(other) => panic!("{other}"),
            });
        }
        items
    }

    #[track_caller]
    fn check(letters: &str, text: &str, expect: &str) {
        let items = pattern(letters);
        assert_eq!(show(parse_pattern(&items, text.as_bytes())), expect, "{letters}: {text}");
        for longer in [format!("{text}#"), format!("#{text}")] {
            assert_eq!(show(parse_pattern(&items, longer.as_bytes())), "bad-time", "{longer}");
        }
    }

    const TIME: &str = "2026-11-22T14:05:37Z";
    const MIDNIGHT: &str = "2026-11-22T00:00:00Z";

    #[test]
    fn dates() {
        check("%Y-%m-%d", "2026-11-22", MIDNIGHT);
        check("%Y-%m-%d", "2026-2-3", "2026-02-03T00:00:00Z");
        check("%Y%n%m%n%d", "20261122", MIDNIGHT);
        check("%Y%n%m%n%d", "2026 11 \t22", MIDNIGHT);
        check("%d/%b/%Y", "22/Nov/2026", MIDNIGHT);
        check("%d %b %Y", " 3 March 2026", "2026-03-03T00:00:00Z");
        check("%d%b%Y", "3MAY2026", "2026-05-03T00:00:00Z");
        check("%a, %d-%b-%y", "Sunday, 22-Nov-26", MIDNIGHT);
        check("%a%d%b%y", "Sun22November26", MIDNIGHT);
        check("%m/%d/%y", "12/31/99", "1999-12-31T00:00:00Z");
        check("%m/%d/%y", "12/31/68", "2068-12-31T00:00:00Z");
        check("%m/%d/%y", "12/31/69", "time-out-of-range");
        check("%C%y%m%d", "20261122", MIDNIGHT);
        check("%Y-%j", "2026-326", MIDNIGHT);
        check("%Y-%j", "2024-366", "2024-12-31T00:00:00Z");
        check("%Y-%j", "2026-1", "2026-01-01T00:00:00Z");
        check("%U %Y-%m-%d", "47 2026-11-22", MIDNIGHT);
        for (letters, bad) in [
            ("%Y-%m-%d", "2026-11-31"),
            ("%Y-%m-%d", "2026-13-01"),
            ("%Y-%m-%d", "2026-00-01"),
            ("%Y-%m-%d", "2026-11-"),
            ("%Y-%m-%d", "2026-11"),
            ("%Y-%m-%d", ""),
            ("%Y-%m-%d", "-"),
            ("%Y-%j", "2026-366"),
            ("%Y-%j", "2026-0"),
            ("%d %b %Y", "22 Nox 2026"),
            ("%d %b %Y", "22 M\u{e4}rz 2026"),
            ("%Y-%m", "2026-11"),
            ("%m-%d", "11-22"),
            ("%C-%m-%d", "20-11-22"),
            ("%Y %d", "2026 22"),
            ("%H:%M:%S", "14:05:37"),
            ("", ""),
        ] {
            check(letters, bad, "bad-time");
        }
    }

    #[test]
    fn times_of_day() {
        check("%Y-%m-%dT%H:%M:%S", "2026-11-22T14:05:37", TIME);
        check("%Y-%m-%dT%H:%M:%S%z", "2026-11-22T14:05:37+0000", TIME);
        check("%Y-%m-%dT%H:%M:%S%z", "2026-11-22T15:05:37+01:00", TIME);
        check("%Y-%m-%dT%H:%M:%S%z", "2026-11-22T14:05:37Z", TIME);
        check("%Y-%m-%dT%H:%M:%S.%f%z", "2026-11-22T14:05:37.123456+00", TIME);
        check("%Y-%m-%d %H:%M:%S %Z", "2026-11-22 14:05:37 EDT", TIME);
        check("%Y-%m-%d %H:%M:%S %Z", "2026-11-22 11:05:37 -03", TIME);
        check("%Y-%m-%d %H%M%S", "2026-11-22 140537", TIME);
        check("%Y-%m-%d %n%H:%M:%S", "2026-11-22  9:05:37", "2026-11-22T09:05:37Z");
        check("%Y-%m-%d %H:%M", "2026-11-22 23:59", "2026-11-22T23:59:00Z");
        check("%Y-%m-%d %H:%M:%S", "2026-11-22 23:59:60", "2026-11-22T23:59:59Z");
        check("%Y-%m-%d %I:%M:%S %p", "2026-11-22 02:05:37 PM", TIME);
        check("%Y-%m-%d %I:%M:%S %p", "2026-11-22 12:00:00 am", MIDNIGHT);
        check("%Y-%m-%d %I:%M:%S %p", "2026-11-22 12:05:37 pm", "2026-11-22T12:05:37Z");
        check("%Y-%m-%d %I:%M:%S %p", "2026-11-22 02:05:37 ", "2026-11-22T02:05:37Z");
        for bad in ["24:00:00", "14:60:37", "14:05:61", "14:05:", "14:05", "1 4:05:37"] {
            check("%Y-%m-%d %H:%M:%S", &format!("2026-11-22 {bad}"), "bad-time");
        }
        for bad in ["00:00:00 AM", "13:00:00 PM", "11:00:00 XM", "11:00:00 A"] {
            check("%Y-%m-%d %I:%M:%S %p", &format!("2026-11-22 {bad}"), "bad-time");
        }
        check("%Y-%m-%d %z", "2026-11-22 +1600", "bad-time");
        check("%Y-%m-%d %Z", "2026-11-22 ", "bad-time");
        check("%Y-%m-%d.%f", "2026-11-22.", "bad-time");
    }

    #[test]
    fn whole_moments() {
        check("%1", "22/Nov/2026:14:05:37 +0000", TIME);
        check("%1", "[22/Nov/2026:15:05:37 +0100]", TIME);
        check("%1", "[22/Nov/2026:14:05:37 +0000", "bad-time");
        check("%1", "22/Nov/2026:14:05:37 +0000]", "bad-time");
        check("%1", "22/Nov/2026:14:05:37", "bad-time");
        check("%1.%f", "22/Nov/2026:14:05:37 +0000.123", TIME);
        check("%s", "1795356337", TIME);
        check("%s", "1795356337.867", TIME);
        check("%s.%f", "1795356337.867", TIME);
        check("%s%f", "1795356337867", TIME);
        check("%s@%z", "1795356337@-0500", TIME);
        check("%3", "1795356337867", TIME);
        check("%6", "1795356337867123", TIME);
        check("%s", "0", "time-out-of-range");
        for (letters, bad) in [
            ("%s", ""),
            ("%s", "17953563378"),
            ("%s", "1795356337."),
            ("%3", ""),
            ("%3", "1795356337.867"),
            ("%6", "99999999999999999999"),
        ] {
            check(letters, bad, "bad-time");
        }
    }

    fn item() -> impl Strategy<Value = TimeItem> {
        let letters = "n1YyCmbdjaUHIpMSfzZs36";
        let items: Vec<_> = letters.chars().flat_map(|c| pattern(&format!("%{c}"))).collect();
        prop_oneof![
            3 => proptest::sample::select(items),
            1 => "[ /:.TZ-]".prop_map(|text| TimeItem::Literal(text.as_bytes()[0])),
        ]
    }

    proptest! {
        #[test]
        fn nothing_panics(
            items in proptest::collection::vec(item(), 0..8),
            bytes in proptest::collection::vec(any::<u8>(), 0..30),
            text in "[0-9 :/.+Z-]{0,30}",
        ) {
            for text in [&bytes[..], text.as_bytes()] {
                let _ = parse_pattern(&items, text);
            }
        }

        #[test]
        fn what_is_written_is_read(seconds in FIRST..=LAST) {
            let time = Timestamp::from_unix(seconds).unwrap();
            let mut clf = Vec::new();
            time.write_clf(&mut clf);
            for letters in ["%1", "%d/%b/%Y:%H:%M:%S %z"] {
                prop_assert_eq!(parse_pattern(&pattern(letters), &clf), Ok(time));
            }
            let first = Timestamp::from_unix(days_from_civil(time.parts().year.into(), 1, 1) * DAY);
            let day = (time.floor(Grain::Day).seconds() - first.unwrap().seconds()) / DAY;
            let text = format!("{} {} {:02}", time.parts().year, day + 1, time.parts().hour);
            let hour = Timestamp::from_unix(seconds - seconds % HOUR);
            prop_assert_eq!(parse_pattern(&pattern("%Y %j %H"), text.as_bytes()), hour);
        }
    }
}
