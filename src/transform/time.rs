//! The time of a request, as Common Log Format writes it: `22/Nov/2026:14:05:37 +0000`.
//!
//! Text goes in, a [`Timestamp`] in UTC comes out, and only what [`Timestamp::floor`] leaves of it
//! should be written. The form is the one that servers write, byte for byte; whatever differs is
//! refused, since a time that was guessed at would land in the wrong period.
//!
//! There is no clock here, no time zone but the offset in the text, and no leap second: the civil
//! calendar and Unix time are all that a log needs.

use crate::field::{Reason, TimePattern};

/// How many bytes a time has, without its brackets.
const CLF_BYTES: usize = 26;

const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// The range of times: no web server logged before 1990, and a time after 2100 is a broken clock.
/// Inside it every year has four digits.
const FIRST: i64 = days_from_civil(1990, 1, 1) * DAY;
const LAST: i64 = days_from_civil(2101, 1, 1) * DAY - 1;

/// A moment in UTC, in Unix seconds.
///
/// Invariant: it lies in the years 1990 to 2100.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

/// How much of a time is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Grain {
    /// The seconds go.
    Minute,
    /// The minutes go too.
    Hour,
    /// The hours go too.
    Day,
}

/// The parts of a [`Timestamp`] in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Parts {
    /// The year, 1990 to 2100.
    pub year: u16,
    /// The month, 1 to 12.
    pub month: u8,
    /// The day of the month, from 1.
    pub day: u8,
    /// The hour, 0 to 23.
    pub hour: u8,
    /// The minute, 0 to 59.
    pub minute: u8,
    /// The second, 0 to 59.
    pub second: u8,
}

/// Reads a time given without its brackets.
///
/// A second of 60 is the leap second of RFC 3339, section 5.7, and counts as 59, so that it stays
/// in its minute. Offsets go up to 15 hours: the widest that a place ever had are 15:56 (Manila
/// before 1845) and 15:13 (Alaska before 1867), so that more is never an honest clock.
///
/// # Errors
///
/// [`Reason::BadTime`] for what is not such a time, [`Reason::TimeOutOfRange`] for one that is
/// not, in UTC, in the years 1990 to 2100.
pub fn parse_clf(text: &[u8]) -> Result<Timestamp, Reason> {
    read_clf(text).ok_or(Reason::BadTime).and_then(Timestamp::from_unix)
}

/// Reads a time in any notation that servers use.
///
/// # Errors
///
/// Those of [`parse_clf`].
pub fn parse_any(text: &[u8]) -> Result<Timestamp, Reason> {
    parse_clf(text)
}

/// Reads a date and a time of day that a format keeps apart.
///
/// # Errors
///
/// Those of [`parse_clf`].
pub fn parse_date_and_time(_date: &[u8], text: &[u8]) -> Result<Timestamp, Reason> {
    parse_clf(text)
}

/// Reads a time that `pattern` describes.
///
/// # Errors
///
/// Those of [`parse_clf`].
pub fn parse_pattern(_pattern: &TimePattern, text: &[u8]) -> Result<Timestamp, Reason> {
    parse_clf(text)
}

/// The Unix seconds of a well-formed time of any year.
fn read_clf(text: &[u8]) -> Option<i64> {
    let text: &[u8; CLF_BYTES] = text.try_into().ok()?;
    let [d1, d2, b'/', m1, m2, m3, b'/', y1, y2, y3, y4, b':', rest @ ..] = *text else {
        return None;
    };
    let [h1, h2, b':', n1, n2, b':', s1, s2, b' ', sign, z1, z2, z3, z4] = rest else {
        return None;
    };
    let year = 100 * two(y1, y2)? + two(y3, y4)?;
    let month = month_number([m1, m2, m3])?;
    let day = two(d1, d2)?;
    let (hour, minute, second) = (two(h1, h2)?, two(n1, n2)?, two(s1, s2)?);
    let (zone_hour, zone_minute) = (two(z1, z2)?, two(z3, z4)?);
    let day_is_fine = (1..=days_in_month(year, month)).contains(&day);
    let zone_is_fine = zone_hour <= 15 && zone_minute <= 59;
    if !day_is_fine || !zone_is_fine || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let offset = match sign {
        b'+' => zone_hour * HOUR + zone_minute * MINUTE,
        b'-' => -(zone_hour * HOUR + zone_minute * MINUTE),
        _ => return None,
    };
    let days = days_from_civil(year, month, day);
    Some(days * DAY + hour * HOUR + minute * MINUTE + second.min(59) - offset)
}

/// The number of two decimal digits.
#[inline]
fn two(tens: u8, ones: u8) -> Option<i64> {
    let (tens, ones) = (tens.wrapping_sub(b'0'), ones.wrapping_sub(b'0'));
    (tens <= 9 && ones <= 9).then(|| i64::from(tens) * 10 + i64::from(ones))
}

/// The names of the months: servers write them in English whatever their locale.
const MONTHS: [[u8; 3]; 12] = [
    *b"Jan", *b"Feb", *b"Mar", *b"Apr", *b"May", *b"Jun", *b"Jul", *b"Aug", *b"Sep", *b"Oct",
    *b"Nov", *b"Dec",
];

fn month_number(name: [u8; 3]) -> Option<i64> {
    MONTHS.iter().zip(1..).find_map(|(month, number)| (*month == name).then_some(number))
}

fn days_in_month(year: i64, month: i64) -> i64 {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    match month {
        2 => 28 + i64::from(leap),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days from 1970-01-01 to a date of the Gregorian calendar, from the year 0 on.
///
/// The year is taken to begin in March, so that the leap day is its last: then the days before a
/// month follow from one division (153 days in each five months) and the years from another.
const fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    // Whole periods of 400 years ahead keep every number positive.
    let year = year + 400 - (month <= 2) as i64;
    let month_from_march = (month + 9) % 12;
    let day_of_year = (153 * month_from_march + 2) / 5 + day - 1;
    let leap_days = year / 4 - year / 100 + year / 400;
    year * 365 + leap_days + day_of_year - (DAYS_TO_EPOCH + DAYS_IN_400_YEARS)
}

/// Days from 0000-03-01 to 1970-01-01.
const DAYS_TO_EPOCH: i64 = 719_468;

/// Days in the period after which the calendar repeats.
const DAYS_IN_400_YEARS: i64 = 146_097;

/// The year, month and day that lie `days` after 1970-01-01: [`days_from_civil`] backwards.
const fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let days = days + DAYS_TO_EPOCH;
    let (period, day) = (days.div_euclid(DAYS_IN_400_YEARS), days.rem_euclid(DAYS_IN_400_YEARS));
    // Take the leap days out of the days of the period; then all of its years have 365.
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day_of_year = day - (365 * year + year / 4 - year / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = (month_from_march + 2) % 12 + 1;
    (period * 400 + year + (month <= 2) as i64, month, day)
}

impl Timestamp {
    /// The moment so many seconds after 1970.
    ///
    /// # Errors
    ///
    /// [`Reason::TimeOutOfRange`] outside the years 1990 to 2100.
    #[inline]
    pub const fn from_unix(seconds: i64) -> Result<Self, Reason> {
        if FIRST <= seconds && seconds <= LAST {
            Ok(Self(seconds))
        } else {
            Err(Reason::TimeOutOfRange)
        }
    }

    /// The seconds since 1970.
    #[inline]
    #[must_use]
    pub const fn seconds(self) -> i64 {
        self.0
    }

    /// The beginning of the minute, hour or day, in UTC.
    #[inline]
    #[must_use]
    pub const fn floor(self, grain: Grain) -> Self {
        // Each division is by a constant: one by a variable takes longer than all else here.
        let surplus = match grain {
            Grain::Minute => self.0 % MINUTE,
            Grain::Hour => self.0 % HOUR,
            Grain::Day => self.0 % DAY,
        };
        // The range begins at the beginning of a day, so that the result cannot fall out of it.
        Self(self.0 - surplus)
    }

    /// The date and the time of day.
    #[must_use]
    pub const fn parts(self) -> Parts {
        let (year, month, day) = civil_from_days(self.0 / DAY);
        Parts {
            year: year as u16,
            month: month as u8,
            day: day as u8,
            hour: (self.0 % DAY / HOUR) as u8,
            minute: (self.0 % HOUR / MINUTE) as u8,
            second: (self.0 % MINUTE) as u8,
        }
    }

    /// Appends the date, `2026-11-22`.
    pub fn write_date(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.parts().date());
    }

    /// Appends date and time as RFC 3339 writes them, `2026-11-22T14:05:00Z`.
    pub fn write_rfc3339(&self, out: &mut Vec<u8>) {
        let parts = self.parts();
        let mut text = *b"0000-00-00T00:00:00Z";
        text[..10].copy_from_slice(&parts.date());
        text[11..19].copy_from_slice(&parts.clock());
        out.extend_from_slice(&text);
    }

    /// Appends date and time as Common Log Format writes them, `22/Nov/2026:14:05:00 +0000`.
    pub fn write_clf(&self, out: &mut Vec<u8>) {
        let parts = self.parts();
        let mut text = *b"00/Jan/0000:00:00:00 +0000";
        text[..2].copy_from_slice(&digits(parts.day));
        text[3..6].copy_from_slice(&MONTHS[usize::from(parts.month) - 1]);
        text[7..11].copy_from_slice(&parts.date()[..4]);
        text[12..20].copy_from_slice(&parts.clock());
        out.extend_from_slice(&text);
    }
}

impl Parts {
    /// The date as `2026-11-22`.
    #[must_use]
    pub const fn date(self) -> [u8; 10] {
        let ([y1, y2], [y3, y4]) =
            (digits((self.year / 100) as u8), digits((self.year % 100) as u8));
        let ([m1, m2], [d1, d2]) = (digits(self.month), digits(self.day));
        [y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2]
    }

    /// The time of day as `14:05:00`.
    #[must_use]
    pub const fn clock(self) -> [u8; 8] {
        let [h1, h2] = digits(self.hour);
        let ([m1, m2], [s1, s2]) = (digits(self.minute), digits(self.second));
        [h1, h2, b':', m1, m2, b':', s1, s2]
    }
}

/// A number below 100 as two digits.
const fn digits(number: u8) -> [u8; 2] {
    [b'0' + number / 10, b'0' + number % 10]
}

/// Remembers the last minute that a worker has read, for a log has thousands of lines in each.
///
/// It holds the text of a time down to its minute, which is no more than the baseline writes; it
/// has no `Debug` all the same, for a coarser policy may be in force. Equal in every case to
/// [`parse_clf`], including refusals: only a time that was read is remembered.
pub struct ClfMemo {
    minute: Minute,
    /// The first second of that minute.
    start: i64,
}

/// All bytes of a time but those of its second, as two numbers that compare at once.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Minute(u128, u64);

impl Minute {
    #[inline]
    fn of(text: &[u8; CLF_BYTES]) -> Option<Self> {
        let head = u128::from_le_bytes(*text.first_chunk()?);
        // The last eight bytes begin with the second; the last digit of the minute and the colon
        // behind it, which the head leaves out, take its place.
        let tail = u64::from_le_bytes(*text.last_chunk()?) & !0xffff;
        let between = u64::from(u16::from_le_bytes([text[16], text[17]]));
        Some(Self(head, tail | between))
    }
}

impl Default for ClfMemo {
    /// Remembers the first minute of 1990: a true answer, so that no empty state needs a check.
    fn default() -> Self {
        let minute = Minute::of(b"01/Jan/1990:00:00:00 +0000").expect("it has 26 bytes");
        Self { minute, start: FIRST }
    }
}

impl ClfMemo {
    /// Reads a time as [`parse_clf`] does, and remembers its minute.
    ///
    /// # Errors
    ///
    /// Those of [`parse_clf`].
    #[inline]
    pub fn parse(&mut self, text: &[u8]) -> Result<Timestamp, Reason> {
        let Ok(text) = <&[u8; CLF_BYTES]>::try_from(text) else { return Err(Reason::BadTime) };
        match (Minute::of(text), two(text[18], text[19])) {
            (Some(minute), Some(second)) if minute == self.minute && second <= 60 => {
                Ok(Timestamp(self.start + second.min(59)))
            }
            (Some(minute), _) => self.parse_new(minute, text),
            (None, _) => Err(Reason::BadTime),
        }
    }

    /// Reads a time as [`parse_any`] does, and remembers its minute if it has this notation.
    ///
    /// # Errors
    ///
    /// Those of [`parse_any`].
    #[inline]
    pub fn parse_any(&mut self, text: &[u8]) -> Result<Timestamp, Reason> {
        if text.len() == CLF_BYTES && text[2] == b'/' { self.parse(text) } else { parse_any(text) }
    }

    #[cold]
    fn parse_new(&mut self, minute: Minute, text: &[u8]) -> Result<Timestamp, Reason> {
        let time = parse_clf(text)?;
        // Offsets are whole minutes, so that the minute here and in UTC begin together, and all
        // seconds of a minute are in range if one of them is.
        *self = Self { minute, start: time.floor(Grain::Minute).0 };
        Ok(time)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn text(write: impl Fn(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        std::str::from_utf8(&out).unwrap().to_owned()
    }

    /// The time as RFC 3339, or the word of the reason.
    #[track_caller]
    fn check(input: &str, expect: &str) {
        let time = parse_clf(input.as_bytes());
        let mut memo = ClfMemo::default();
        assert_eq!(memo.parse(input.as_bytes()), time, "{input}");
        assert_eq!(memo.parse(input.as_bytes()), time, "{input} again");
        let found = time.map_or_else(|r| r.word().into(), |t| text(|out| t.write_rfc3339(out)));
        assert_eq!(found, expect, "{input}");
    }

    #[test]
    fn times() {
        check("22/Nov/2026:14:05:37 +0000", "2026-11-22T14:05:37Z");
        check("22/Nov/2026:14:05:37 -0000", "2026-11-22T14:05:37Z");
        check("22/Nov/2026:14:05:37 +0100", "2026-11-22T13:05:37Z");
        check("22/Nov/2026:14:05:37 -0330", "2026-11-22T17:35:37Z");
        check("22/Nov/2026:14:05:37 +0545", "2026-11-22T08:20:37Z");
        check("01/Jan/2027:00:30:00 +0100", "2026-12-31T23:30:00Z");
        check("31/Dec/2026:23:30:00 -0100", "2027-01-01T00:30:00Z");
        check("29/Feb/2024:12:00:00 +0000", "2024-02-29T12:00:00Z");
        check("29/Feb/2000:12:00:00 +0000", "2000-02-29T12:00:00Z");
        check("28/Feb/2026:23:59:59 -1559", "2026-03-01T15:58:59Z");
        check("31/Dec/2016:23:59:60 +0000", "2016-12-31T23:59:59Z");
    }

    #[test]
    fn the_ends_of_the_range() {
        check("01/Jan/1990:00:00:00 +0000", "1990-01-01T00:00:00Z");
        check("31/Dec/1989:23:59:60 +0000", "time-out-of-range");
        check("01/Jan/1990:00:59:59 +0100", "time-out-of-range");
        check("31/Dec/1989:23:00:00 -0100", "1990-01-01T00:00:00Z");
        check("31/Dec/2100:23:59:60 +0000", "2100-12-31T23:59:59Z");
        check("01/Jan/2101:00:00:00 +0000", "time-out-of-range");
        check("01/Jan/2101:00:59:59 +0100", "2100-12-31T23:59:59Z");
        check("01/Jan/0000:00:00:00 +0000", "time-out-of-range");
        check("29/Feb/0000:00:00:00 +0000", "time-out-of-range");
        check("31/Dec/9999:23:59:59 +0000", "time-out-of-range");
    }

    #[test]
    fn what_is_not_a_time() {
        for input in [
            "",
            "-",
            "22/Nov/2026:14:05:37",
            "22/Nov/2026:14:05:37 +000",
            "22/Nov/2026:14:05:37 +00000",
            "22/Nov/99999:14:05:37 +0000",
            "[22/Nov/2026:14:05:37 +000]",
            "22/nov/2026:14:05:37 +0000",
            "22/NOV/2026:14:05:37 +0000",
            "22/Okt/2026:14:05:37 +0000",
            "22/11//2026:14:05:37 +0000",
            "00/Nov/2026:14:05:37 +0000",
            "31/Nov/2026:14:05:37 +0000",
            "32/Dec/2026:14:05:37 +0000",
            "30/Feb/2024:14:05:37 +0000",
            "29/Feb/2026:14:05:37 +0000",
            "29/Feb/2100:14:05:37 +0000",
            " 2/Nov/2026:14:05:37 +0000",
            "22/Nov/ 026:14:05:37 +0000",
            "22/Nov/-026:14:05:37 +0000",
            "22-Nov-2026:14:05:37 +0000",
            "22/Nov/2026 14:05:37 +0000",
            "22/Nov/2026:24:00:00 +0000",
            "22/Nov/2026:14:60:37 +0000",
            "22/Nov/2026:14:05:61 +0000",
            "22/Nov/2026:14:05:3a +0000",
            "22/Nov/2026:14:05.37 +0000",
            "22/Nov/2026:14:05:37  0000",
            "22/Nov/2026:14:05:37 00000",
            "22/Nov/2026:14:05:37 +1600",
            "22/Nov/2026:14:05:37 +0060",
            "22/Nov/2026:14:05:37 +00:0",
            "22/Nov/2026:14:05:37\t+0000",
            "22/Nov/2026:14:05:37Z+0000",
            "2026-11-22T14:05:37+00:00Z",
        ] {
            check(input, "bad-time");
        }
    }

    #[test]
    fn every_day_against_a_calendar_that_counts() {
        let mut days = days_from_civil(1990, 1, 1);
        assert_eq!(days, 7305, "20 years and 5 leap days after 1970");
        for year in 1990..=2100 {
            for month in 1..=12 {
                for day in 1..=days_in_month(year, month) {
                    assert_eq!(days_from_civil(year, month, day), days);
                    assert_eq!(civil_from_days(days), (year, month, day));
                    let noon = Timestamp::from_unix(days * DAY + 12 * HOUR).unwrap();
                    let clf = text(|out| noon.write_clf(out));
                    assert_eq!(parse_clf(clf.as_bytes()), Ok(noon), "{clf}");
                    let date = text(|out| noon.write_date(out));
                    assert_eq!(date, format!("{year:04}-{month:02}-{day:02}"));
                    days += 1;
                }
            }
        }
        assert!(Timestamp::from_unix(days * DAY - 1).is_ok());
        assert_eq!(Timestamp::from_unix(days * DAY), Err(Reason::TimeOutOfRange));
        assert_eq!(days_in_month(2100, 2) + days_in_month(2000, 2), 28 + 29);
    }

    #[test]
    fn days_of_every_year_of_four_digits_run_on() {
        let mut days = days_from_civil(0, 1, 1);
        for year in 0..=9999 {
            assert_eq!(days_from_civil(year, 1, 1), days, "{year}");
            assert_eq!(civil_from_days(days), (year, 1, 1));
            days += (1..=12).map(|month| days_in_month(year, month)).sum::<i64>();
        }
    }

    #[test]
    fn grains() {
        let time = parse_clf(b"22/Nov/2026:14:05:37 +0000").unwrap();
        let floor = |grain| text(|out| time.floor(grain).write_rfc3339(out));
        assert_eq!(floor(Grain::Minute), "2026-11-22T14:05:00Z");
        assert_eq!(floor(Grain::Hour), "2026-11-22T14:00:00Z");
        assert_eq!(floor(Grain::Day), "2026-11-22T00:00:00Z");
        let minute = text(|out| time.floor(Grain::Minute).write_clf(out));
        assert_eq!(minute, "22/Nov/2026:14:05:00 +0000");
        assert_eq!(text(|out| time.write_date(out)), "2026-11-22");
    }

    #[test]
    fn the_memo_forgets_nothing_and_makes_nothing_up() {
        let mut memo = ClfMemo::default();
        for input in [
            "22/Nov/2026:14:05:37 +0000",
            "22/Nov/2026:14:05:38 +0000",
            "22/Nov/2026:14:05:60 +0000",
            "22/Nov/2026:14:05:61 +0000",
            "22/Nov/2026:14:05:99 +0000",
            "22/Nov/2026:14:05:3x +0000",
            "22/Nov/2026:14:05x37 +0000",
            "22/Nov/2026:14:05:37 -0000",
            "22/Nov/2026:14:06:37 +0000",
            "22/Nov/2026:14:06:37 +0001",
            "99/Nov/2026:14:06:37 +0001",
            "22/Nov/2026:14:06:38 +0001",
            "31/Dec/1989:23:59:59 +0000",
            "22/Nov/2026:14:06:39 +000",
        ] {
            assert_eq!(memo.parse(input.as_bytes()), parse_clf(input.as_bytes()), "{input}");
        }
        let mut nothing = [0; CLF_BYTES];
        nothing[18..20].copy_from_slice(b"00");
        assert_eq!(ClfMemo::default().parse(&nothing), Err(Reason::BadTime));
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(seconds in FIRST..=LAST) {
            let time = Timestamp::from_unix(seconds).unwrap();
            let clf = text(|out| time.write_clf(out));
            prop_assert_eq!(parse_clf(clf.as_bytes()), Ok(time));
        }

        #[test]
        fn the_memo_equals_the_parser(
            starts in proptest::collection::vec((FIRST..=LAST, 0..CLF_BYTES, any::<u8>()), 1..20),
        ) {
            let mut memo = ClfMemo::default();
            for (seconds, at, byte) in starts {
                let mut line = Vec::new();
                Timestamp::from_unix(seconds).unwrap().write_clf(&mut line);
                prop_assert_eq!(memo.parse(&line), parse_clf(&line));
                line[at] = byte;
                prop_assert_eq!(memo.parse(&line), parse_clf(&line));
            }
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 24..28)) {
            prop_assert_eq!(ClfMemo::default().parse(&bytes), parse_clf(&bytes));
        }
    }
}
