//! The notations of a time that can be told apart by their shape.
//!
//! ```text
//! any     = "[" time "]" / time
//! time    = clf / iso / slashed / ctime / http / unix
//! clf     = day "/" Mon "/" year ":" clock [frac] [SP ("+" / "-") hhmm]
//! iso     = year "-" mm "-" dd ("T" / SP) clock [frac] ["Z" / [SP] ("+" / "-") hh [[":"] mm]]
//! slashed = year "/" mm "/" dd SP clock [frac]
//! ctime   = Day SP Mon SP (dd / SP d) SP clock [frac] SP year
//! http    = Day "," SP dd SP Mon SP year SP clock SP ("GMT" / ("+" / "-") hhmm)
//! unix    = 9*10 digit ["." 1*9 digit] / 13 digit / 16 digit / 19 digit
//! frac    = ("." / ",") 1*9 digit
//! ```
//!
//! Where there is no offset the time is taken for UTC. Fractions are checked and cut off. Unix numbers are
//! seconds, milliseconds, microseconds or nanoseconds by their length, for all of them that lie in the
//! range of times have ten digits of seconds, or nine before September 2001, when nobody logged milliseconds.

use super::{Civil, HOUR, MINUTE, MONTHS, Timestamp};
use crate::field::Reason;

/// How many bytes a time of the Common Log Format has, without its brackets.
pub(super) const CLF_BYTES: usize = 26;

/// The widest offset, in hours: the widest that a place ever had are 15:56 (Manila before 1845) and
/// 15:13 (Alaska before 1867), so that more is never an honest clock.
const OFFSET_HOURS_MAX: i64 = 15;

/// The most digits of a fraction that servers write: nanoseconds.
const FRACTION_DIGITS_MAX: usize = 9;

/// Reads a time of the Common Log Format, given without its brackets: `22/Nov/2026:14:05:37 +0000`.
///
/// A second of 60 is the leap second of RFC 3339, section 5.7, and counts as 59, so that it stays
/// in its minute.
///
/// # Errors
///
/// [`Reason::BadTime`] for what is not such a time, [`Reason::TimeOutOfRange`] for one that is
/// not, in UTC, in the years 1990 to 2100.
pub fn parse_clf(text: &[u8]) -> Result<Timestamp, Reason> {
    read_clf(text).ok_or(Reason::BadTime).and_then(Timestamp::from_unix)
}

/// Reads a time in any notation that servers use, with or without brackets around it.
///
/// # Errors
///
/// Those of [`parse_clf`].
pub fn parse_any(text: &[u8]) -> Result<Timestamp, Reason> {
    read_any(text).ok_or(Reason::BadTime).and_then(Timestamp::from_unix)
}

/// Reads a date, `2026-11-22` or `2026/11/22`, and a time of day, `14:05:37` with or without a fraction,
/// that a format keeps apart. They are in UTC.
///
/// # Errors
///
/// Those of [`parse_clf`].
pub fn parse_date_and_time(date: &[u8], time: &[u8]) -> Result<Timestamp, Reason> {
    let start = read_date(date).ok_or(Reason::BadTime)?;
    let second = read_time_of_day(time).ok_or(Reason::BadTime)?;
    Timestamp::from_unix(start + second)
}

/// The Unix seconds of a well-formed time of any year.
pub(super) fn read_clf(text: &[u8]) -> Option<i64> {
    let text: &[u8; CLF_BYTES] = text.try_into().ok()?;
    let [d1, d2, b'/', m1, m2, m3, b'/', y1, y2, y3, y4, b':', rest @ ..] = *text else {
        return None;
    };
    let [h1, h2, b':', n1, n2, b':', s1, s2, b' ', sign, z1, z2, z3, z4] = rest else {
        return None;
    };
    let civil = Civil {
        year: 100 * two(y1, y2)? + two(y3, y4)?,
        month: month_number([m1, m2, m3])?,
        day: two(d1, d2)?,
        hour: two(h1, h2)?,
        minute: two(n1, n2)?,
        second: two(s1, s2)?,
        offset: offset(sign, two(z1, z2)?, two(z3, z4)?)?,
    };
    civil.unix()
}

fn read_any(text: &[u8]) -> Option<i64> {
    match *without_brackets(text)? {
        ref text @ ([_, b'/', ..] | [_, _, b'/', ..]) => read_loose_clf(Reader(text)),
        ref text @ [_, _, _, _, b'-', ..] => read_iso(Reader(text)),
        ref text @ [_, _, _, _, b'/', ..] => read_slashed(Reader(text)),
        ref text @ [_, _, _, b' ', ..] => read_ctime(Reader(text)),
        ref text @ [_, _, _, b',', ..] => read_http(Reader(text)),
        ref text => read_unix(text),
    }
}

/// The text without a pair of brackets around it; nothing where one of them is missing.
pub(super) fn without_brackets(text: &[u8]) -> Option<&[u8]> {
    match text {
        [b'[', inner @ .., b']'] => Some(inner),
        [b'[', ..] | [.., b']'] => None,
        _ => Some(text),
    }
}

fn read_loose_clf(mut text: Reader<'_>) -> Option<i64> {
    let mut civil = Civil { day: text.one_or_two_digits()?, ..Civil::default() };
    text.byte(b'/')?;
    civil.month = text.month()?;
    text.byte(b'/')?;
    civil.year = text.four_digits()?;
    text.byte(b':')?;
    text.clock(&mut civil)?;
    text.fraction()?;
    if text.eat(b' ') {
        civil.offset = text.plain_offset()?;
    }
    text.end()?;
    civil.unix()
}

fn read_iso(mut text: Reader<'_>) -> Option<i64> {
    let mut civil = Civil::default();
    text.date(b'-', &mut civil)?;
    if !text.eat(b'T') {
        text.byte(b' ')?;
    }
    text.clock(&mut civil)?;
    text.fraction()?;
    if !text.0.is_empty() && !text.eat(b'Z') {
        text.eat(b' ');
        civil.offset = text.offset()?;
    }
    text.end()?;
    civil.unix()
}

fn read_slashed(mut text: Reader<'_>) -> Option<i64> {
    let mut civil = Civil::default();
    text.date(b'/', &mut civil)?;
    text.byte(b' ')?;
    text.clock(&mut civil)?;
    text.fraction()?;
    text.end()?;
    civil.unix()
}

fn read_ctime(mut text: Reader<'_>) -> Option<i64> {
    let mut civil = Civil::default();
    text.weekday()?;
    text.byte(b' ')?;
    civil.month = text.month()?;
    text.byte(b' ')?;
    civil.day = if text.eat(b' ') { text.digit()? } else { text.two_digits()? };
    text.byte(b' ')?;
    text.clock(&mut civil)?;
    text.fraction()?;
    text.byte(b' ')?;
    civil.year = text.four_digits()?;
    text.end()?;
    civil.unix()
}

fn read_http(mut text: Reader<'_>) -> Option<i64> {
    let mut civil = Civil::default();
    text.weekday()?;
    text.byte(b',')?;
    text.byte(b' ')?;
    civil.day = text.two_digits()?;
    text.byte(b' ')?;
    civil.month = text.month()?;
    text.byte(b' ')?;
    civil.year = text.four_digits()?;
    text.byte(b' ')?;
    text.clock(&mut civil)?;
    text.byte(b' ')?;
    if text.0 != b"GMT" {
        civil.offset = text.plain_offset()?;
        text.end()?;
    }
    civil.unix()
}

/// Unix seconds from a number of seconds or of parts of one. The digits are read as they are: a
/// floating-point number would round the end of a second into the next.
fn read_unix(text: &[u8]) -> Option<i64> {
    let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let mut rest = Reader(&text[digits..]);
    match digits {
        9 | 10 => rest.fraction_after(|byte| byte == b'.')?,
        13 | 16 | 19 => {}
        _ => return None,
    }
    rest.end()?;
    Some(number(&text[..digits.min(10)]))
}

/// The Unix seconds at which a date begins.
pub(super) fn read_date(date: &[u8]) -> Option<i64> {
    let mut text = Reader(date);
    let mut civil = Civil::default();
    let separator = *date.get(4)?;
    if !matches!(separator, b'-' | b'/') {
        return None;
    }
    text.date(separator, &mut civil)?;
    text.end()?;
    civil.unix()
}

/// The seconds since midnight.
pub(super) fn read_time_of_day(time: &[u8]) -> Option<i64> {
    let mut text = Reader(time);
    let mut civil = Civil { year: 1970, month: 1, day: 1, ..Civil::default() };
    text.clock(&mut civil)?;
    text.fraction()?;
    text.end()?;
    if civil.hour > 23 || civil.minute > 59 || civil.second > 60 {
        return None;
    }
    Some(civil.hour * HOUR + civil.minute * MINUTE + civil.second.min(59))
}

/// The number of two decimal digits.
#[inline]
pub(super) fn two(tens: u8, ones: u8) -> Option<i64> {
    let (tens, ones) = (tens.wrapping_sub(b'0'), ones.wrapping_sub(b'0'));
    (tens <= 9 && ones <= 9).then(|| i64::from(tens) * 10 + i64::from(ones))
}

/// The number of at most 18 decimal digits.
pub(super) fn number(digits: &[u8]) -> i64 {
    debug_assert!(digits.len() <= 18, "{} digits may not fit", digits.len());
    digits.iter().fold(0, |number, digit| number * 10 + i64::from(digit - b'0'))
}

fn month_number(name: [u8; 3]) -> Option<i64> {
    MONTHS.iter().zip(1..).find_map(|(month, number)| (*month == name).then_some(number))
}

fn offset(sign: u8, hours: i64, minutes: i64) -> Option<i64> {
    let seconds = hours * HOUR + minutes * MINUTE;
    match sign {
        _ if hours > OFFSET_HOURS_MAX || minutes > 59 => None,
        b'+' => Some(seconds),
        b'-' => Some(-seconds),
        _ => None,
    }
}

const WEEKDAYS: [[u8; 3]; 7] = [*b"Mon", *b"Tue", *b"Wed", *b"Thu", *b"Fri", *b"Sat", *b"Sun"];

/// The rest of a time that is being read. What a method does not find it refuses, and may have read
/// a part of.
pub(super) struct Reader<'a>(pub(super) &'a [u8]);

impl Reader<'_> {
    pub(super) fn eat(&mut self, byte: u8) -> bool {
        let found = self.0.first() == Some(&byte);
        self.0 = &self.0[usize::from(found)..];
        found
    }

    pub(super) fn byte(&mut self, byte: u8) -> Option<()> {
        self.eat(byte).then_some(())
    }

    pub(super) fn end(&self) -> Option<()> {
        self.0.is_empty().then_some(())
    }

    fn digit(&mut self) -> Option<i64> {
        let digit = self.0.first()?.wrapping_sub(b'0');
        self.0 = &self.0[1..];
        (digit <= 9).then_some(i64::from(digit))
    }

    pub(super) fn two_digits(&mut self) -> Option<i64> {
        let ([tens, ones], rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        two(*tens, *ones)
    }

    pub(super) fn four_digits(&mut self) -> Option<i64> {
        Some(100 * self.two_digits()? + self.two_digits()?)
    }

    pub(super) fn one_or_two_digits(&mut self) -> Option<i64> {
        match self.0 {
            [_, b'0'..=b'9', ..] => self.two_digits(),
            _ => self.digit(),
        }
    }

    /// As many digits as there are.
    pub(super) fn digits(&mut self) -> &[u8] {
        let count = self.0.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let (digits, rest) = self.0.split_at(count);
        self.0 = rest;
        digits
    }

    fn month(&mut self) -> Option<i64> {
        let (name, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        month_number(*name)
    }

    fn weekday(&mut self) -> Option<()> {
        let (name, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        WEEKDAYS.contains(name).then_some(())
    }

    fn date(&mut self, separator: u8, civil: &mut Civil) -> Option<()> {
        civil.year = self.four_digits()?;
        self.byte(separator)?;
        civil.month = self.two_digits()?;
        self.byte(separator)?;
        civil.day = self.two_digits()?;
        Some(())
    }

    fn clock(&mut self, civil: &mut Civil) -> Option<()> {
        civil.hour = self.two_digits()?;
        self.byte(b':')?;
        civil.minute = self.two_digits()?;
        self.byte(b':')?;
        civil.second = self.two_digits()?;
        Some(())
    }

    /// A fraction of a second, or nothing.
    pub(super) fn fraction(&mut self) -> Option<()> {
        self.fraction_after(|byte| matches!(byte, b'.' | b','))
    }

    pub(super) fn fraction_after(&mut self, is_mark: impl Fn(u8) -> bool) -> Option<()> {
        match self.0 {
            [mark, rest @ ..] if is_mark(*mark) => self.0 = rest,
            _ => return Some(()),
        }
        (1..=FRACTION_DIGITS_MAX).contains(&self.digits().len()).then_some(())
    }

    /// `+hhmm`, in seconds.
    fn plain_offset(&mut self) -> Option<i64> {
        let ([sign], rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        offset(*sign, self.two_digits()?, self.two_digits()?)
    }

    /// `+hh`, `+hhmm` or `+hh:mm`, in seconds.
    pub(super) fn offset(&mut self) -> Option<i64> {
        let ([sign], rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        let hours = self.two_digits()?;
        let has_minutes = self.eat(b':') || self.0.first().is_some_and(u8::is_ascii_digit);
        offset(*sign, hours, if has_minutes { self.two_digits()? } else { 0 })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{
        super::{ClfMemo, FIRST, LAST, tests::show},
        *,
    };

    /// The time as RFC 3339, or the word of the reason; the memo says the same, asked once and again.
    #[track_caller]
    fn check(input: &str, expect: &str) {
        let time = parse_any(input.as_bytes());
        let mut memo = ClfMemo::default();
        assert_eq!(memo.parse_any(input.as_bytes()), time, "{input}");
        assert_eq!(memo.parse_any(input.as_bytes()), time, "{input} again");
        assert_eq!(show(time), expect, "{input}");
        if !input.contains(['[', ']']) {
            assert_eq!(parse_any(format!("[{input}]").as_bytes()), time, "[{input}]");
        }
        assert_eq!(show(parse_any(format!("[{input}").as_bytes())), "bad-time", "[{input}");
        assert_eq!(show(parse_any(format!("{input} ").as_bytes())), "bad-time", "{input} ");
    }

    #[test]
    fn common_log_format_and_what_is_near_it() {
        check("22/Nov/2026:14:05:37 +0000", "2026-11-22T14:05:37Z");
        check("22/Nov/2026:14:05:37 -0330", "2026-11-22T17:35:37Z");
        check("22/Nov/2026:14:05:37.867 +0100", "2026-11-22T13:05:37Z");
        check("25/Feb/2019:16:19:48.143", "2019-02-25T16:19:48Z");
        check("25/Feb/2019:16:19:48", "2019-02-25T16:19:48Z");
        check("1/Apr/2014:00:00:01 -0500", "2014-04-01T05:00:01Z");
        check("01/Jan/1990:00:00:00.5 +0001", "time-out-of-range");
        for bad in [
            "22/Nov/2026:14:05:37 +000",
            "22/Nov/2026:14:05:37 +00:00",
            "22/Nov/2026:14:05:37 Z",
            "22/Nov/2026:14:05:37. +0000",
            "22/Nov/2026:14:05:37.1234567890 +0000",
            "22/Nov/2026:14:05:37.867  +0000",
            "22/Nov/2026:24:05:37.867",
            "22/nov/2026:14:05:37.867",
            "31/Nov/2026:14:05:37.867",
            "0/Nov/2026:14:05:37",
            "/Nov/2026:14:05:37",
            "a/Nov/2026:14:05:37",
            "22/Nov/26:14:05:37",
        ] {
            check(bad, "bad-time");
        }
    }

    #[test]
    fn iso_8601() {
        check("2026-11-22T14:05:37Z", "2026-11-22T14:05:37Z");
        check("2026-11-22 14:05:37", "2026-11-22T14:05:37Z");
        check("2026-11-22T14:05:37", "2026-11-22T14:05:37Z");
        check("2026-11-22T14:05:37.867Z", "2026-11-22T14:05:37Z");
        check("2026-11-22T14:05:37,867", "2026-11-22T14:05:37Z");
        check("2026-11-22T14:05:37.123456789+02:00", "2026-11-22T12:05:37Z");
        check("2026-11-22T14:05:37+0200", "2026-11-22T12:05:37Z");
        check("2026-11-22T14:05:37-02", "2026-11-22T16:05:37Z");
        check("2026-11-22 14:05:37 +0200", "2026-11-22T12:05:37Z");
        check("2026-11-22 14:05:37.5 -02:30", "2026-11-22T16:35:37Z");
        check("2016-12-31T23:59:60Z", "2016-12-31T23:59:59Z");
        check("1989-12-31T23:59:59Z", "time-out-of-range");
        check("9999-12-31T23:59:59Z", "time-out-of-range");
        for bad in [
            "2026-11-22",
            "2026-11-22T14:05",
            "2026-11-22T14:05Z",
            "2026-11-22t14:05:37Z",
            "2026-11-22T14:05:37z",
            "2026-11-22  14:05:37",
            "2026-11-22T14:05:37 Z",
            "2026-11-22T14:05:37ZZ",
            "2026-11-22T14:05:37Z+00:00",
            "2026-11-22T14:05:37+1600",
            "2026-11-22T14:05:37+0060",
            "2026-11-22T14:05:37+00:0",
            "2026-11-22T14:05:37+0",
            "2026-11-22T14:05:37+",
            "2026-11-22T14:05:37.Z",
            "2026-11-22T14:05:37.1234567890Z",
            "2026-11-22T14:05:37;5Z",
            "2026-11-22T14:05:61Z",
            "2026-11-22T14:60:37Z",
            "2026-11-22T24:00:00Z",
            "2026-02-29T14:05:37Z",
            "2026-13-01T14:05:37Z",
            "2026-00-01T14:05:37Z",
            "2026-11-00T14:05:37Z",
            "2026/11-22T14:05:37Z",
            "2026-11/22T14:05:37Z",
            "26-11-22T14:05:37Z",
            "+2026-11-22T14:05:37Z",
            "-026-11-22T14:05:37Z",
        ] {
            check(bad, "bad-time");
        }
    }

    #[test]
    fn the_notations_of_error_logs() {
        check("2021/04/01 13:02:31", "2021-04-01T13:02:31Z");
        check("2021/04/01 13:02:31.123456", "2021-04-01T13:02:31Z");
        check("Mon Aug 31 09:30:48.958285 2015", "2015-08-31T09:30:48Z");
        check("Sun Mar 13 22:49:12 2016", "2016-03-13T22:49:12Z");
        check("Tue Jan  3 05:01:31 2012", "2012-01-03T05:01:31Z");
        check("Sun, 22 Nov 2026 00:09:44 GMT", "2026-11-22T00:09:44Z");
        check("Sun, 22 Nov 2026 00:09:44 +0200", "2026-11-21T22:09:44Z");
        for bad in [
            "2021/04/01T13:02:31",
            "2021/04/01 13:02:31Z",
            "2021/04/01 13:02",
            "2021/4/1 13:02:31",
            "Tue Jan 3 05:01:31 2012",
            "Tue Jan   3 05:01:31 2012",
            "Tue Jan 32 05:01:31 2012",
            "tue Jan 31 05:01:31 2012",
            "Die Jan 31 05:01:31 2012",
            "Tue Jan 31 05:01:31",
            "Tue Jan 31 05:01:31 UTC 2012",
            "Sun, 22 Nov 2026 00:09:44",
            "Sun, 22 Nov 2026 00:09:44 UTC",
            "Sun, 22 Nov 2026 00:09:44 GMT+1",
            "Sun,22 Nov 2026 00:09:44 GMT",
            "Sunday, 22-Nov-26 00:09:44 GMT",
        ] {
            check(bad, "bad-time");
        }
    }

    #[test]
    fn unix_numbers() {
        check("1795356337", "2026-11-22T14:05:37Z");
        check("1795356337.867", "2026-11-22T14:05:37Z");
        check("1795356337.999999999", "2026-11-22T14:05:37Z");
        check("1795356337867", "2026-11-22T14:05:37Z");
        check("1795356337999999", "2026-11-22T14:05:37Z");
        check("1795356337999999999", "2026-11-22T14:05:37Z");
        check("631152000", "1990-01-01T00:00:00Z");
        check("631151999.9", "time-out-of-range");
        check("9999999999999999999", "time-out-of-range");
        check("0000000000", "time-out-of-range");
        for bad in [
            "",
            "-",
            "0",
            "17953563",
            "17953563370",
            "179535633786",
            "17953563378671",
            "1795356337.",
            "1795356337,8",
            "1795356337.8671234567",
            "1795356337867.5",
            "-1795356337",
            "+1795356337",
            "1.795356337e9",
            "0x6b02b0f1",
            "99999999999999999999999999999999999999999",
        ] {
            check(bad, "bad-time");
        }
    }

    #[test]
    fn brackets_come_in_pairs() {
        check("[22/Nov/2026:14:05:37 +0000]", "2026-11-22T14:05:37Z");
        for bad in ["[]", "[", "]", "22/Nov/2026:14:05:37 +0000]", "[[1795356337]]"] {
            assert_eq!(show(parse_any(bad.as_bytes())), "bad-time", "{bad}");
        }
    }

    #[test]
    fn dates_and_times_of_day() {
        let mut memo = ClfMemo::default();
        for (date, time, expect) in [
            ("2026-11-22", "14:05:37", "2026-11-22T14:05:37Z"),
            ("2026/11/22", "14:05:37.867", "2026-11-22T14:05:37Z"),
            ("2026-11-22", "23:59:60", "2026-11-22T23:59:59Z"),
            ("1990-01-01", "00:00:00", "1990-01-01T00:00:00Z"),
            ("1989-12-31", "23:59:59", "time-out-of-range"),
            ("2101-01-01", "00:00:00", "time-out-of-range"),
            ("2101-01-01", "00:00", "bad-time"),
            ("2026-11/22", "14:05:37", "bad-time"),
            ("2026.11.22", "14:05:37", "bad-time"),
            ("2026-11-31", "14:05:37", "bad-time"),
            ("2026-11-22 ", "14:05:37", "bad-time"),
            ("2026-11-2", "14:05:37", "bad-time"),
            ("26-11-22", "14:05:37", "bad-time"),
            ("", "", "bad-time"),
            ("2026-11-22", "", "bad-time"),
            ("2026-11-22", "14:05", "bad-time"),
            ("2026-11-22", "24:00:00", "bad-time"),
            ("2026-11-22", "14:60:00", "bad-time"),
            ("2026-11-22", "14:05:61", "bad-time"),
            ("2026-11-22", "14:05:37Z", "bad-time"),
            ("2026-11-22", "4:05:37", "bad-time"),
        ] {
            let found = parse_date_and_time(date.as_bytes(), time.as_bytes());
            assert_eq!(show(found), expect, "{date} {time}");
            assert_eq!(memo.parse_date_and_time(date.as_bytes(), time.as_bytes()), found);
        }
    }

    proptest! {
        #[test]
        fn a_time_is_the_same_in_every_notation(seconds in FIRST..=LAST, fraction in 0..1_000_000u32) {
            let time = Timestamp::from_unix(seconds).unwrap();
            let written = |write: fn(&Timestamp, &mut Vec<u8>)| {
                let mut out = Vec::new();
                write(&time, &mut out);
                std::str::from_utf8(&out).unwrap().to_owned()
            };
            let (clf, iso) = (written(Timestamp::write_clf), written(Timestamp::write_rfc3339));
            let (date, clock) = (&iso[..10], &iso[11..19]);
            for text in [
                clf.clone(),
                format!("[{clf}]"),
                clf.replacen(" +", &format!(".{fraction:06} +"), 1),
                iso.clone(),
                format!("{date} {clock}"),
                format!("{date}T{clock}.{fraction:06}-00:00"),
                format!("{date}T{clock},{:03}+00", fraction / 1000),
                format!("{} {clock}.{fraction:06}", date.replace('-', "/")),
                format!("{seconds}"),
                format!("{seconds}.{fraction:06}"),
            ] {
                prop_assert_eq!(parse_any(text.as_bytes()), Ok(time), "{}", text);
            }
            if seconds > 999_999_999 {
                let text = format!("{seconds}{fraction:06}");
                prop_assert_eq!(parse_any(text.as_bytes()), Ok(time));
                prop_assert_eq!(parse_any(&text.as_bytes()[..13]), Ok(time));
            }
            let apart = parse_date_and_time(date.as_bytes(), clock.as_bytes());
            prop_assert_eq!(apart, Ok(time));
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
            let _ = parse_any(&bytes);
            let _ = parse_date_and_time(&bytes, &bytes);
        }

        #[test]
        fn what_is_nearly_a_time_is_read_or_refused(text in "[0-9JanMoTZ/:., +\\[\\]-]{0,30}") {
            let time = parse_any(text.as_bytes());
            prop_assert_eq!(ClfMemo::default().parse_any(text.as_bytes()), time);
        }
    }
}
