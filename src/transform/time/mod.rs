//! The time of a request: read in the notations that servers use, kept as a moment in UTC.
//!
//! Text goes in, a [`Timestamp`] comes out, and only what [`Timestamp::floor`] leaves of it
//! should be written. `notation.rs` reads what is told apart by its shape, `pattern.rs` what a server's
//! configuration describes, and `memo.rs` remembers the minute that the last line was of. All of them take the
//! forms that servers write, byte for byte; whatever differs is refused, since a time that was
//! guessed at would land in the wrong period.
//!
//! There is no clock here, no time zone but the offset in the text, and no leap second: the civil
//! calendar and Unix time are all that a log needs.

mod memo;
mod notation;
mod pattern;

use crate::field::Reason;

pub use self::{
    memo::ClfMemo,
    notation::{parse_any, parse_clf, parse_date_and_time},
    pattern::parse_pattern,
};

/// The months by their names.
pub const MONTH_NAMES: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

/// The days of the week by their names, from Monday on.
pub const WEEKDAY_NAMES: [&str; 7] =
    ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];

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

/// A date and a time of day as they were read, and how far they are from UTC.
#[derive(Clone, Copy, Debug, Default)]
struct Civil {
    year: i64,
    month: i64,
    day: i64,
    hour: i64,
    minute: i64,
    second: i64,
    /// In seconds, positive east of Greenwich.
    offset: i64,
}

impl Civil {
    /// The Unix seconds, unless no calendar or clock shows this.
    ///
    /// A second of 60 is the leap second of RFC 3339, section 5.7, and counts as 59, so that it
    /// stays in its minute.
    fn unix(self) -> Option<i64> {
        let Self { year, month, day, hour, minute, second, offset } = self;
        let date_is_fine =
            (1..=12).contains(&month) && (1..=days_in_month(year, month)).contains(&day);
        if !date_is_fine || hour > 23 || minute > 59 || second > 60 {
            return None;
        }
        let days = days_from_civil(year, month, day);
        Some(days * DAY + hour * HOUR + minute * MINUTE + second.min(59) - offset)
    }
}

/// The names of the months: servers write them in English whatever their locale.
const MONTHS: [[u8; 3]; 12] = [
    *b"Jan", *b"Feb", *b"Mar", *b"Apr", *b"May", *b"Jun", *b"Jul", *b"Aug", *b"Sep", *b"Oct",
    *b"Nov", *b"Dec",
];

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
    pub(super) fn show(time: Result<Timestamp, Reason>) -> String {
        time.map_or_else(|r| r.word().into(), |t| text(|out| t.write_rfc3339(out)))
    }

    #[track_caller]
    fn check(input: &str, expect: &str) {
        let time = parse_clf(input.as_bytes());
        let mut memo = ClfMemo::default();
        assert_eq!(memo.parse(input.as_bytes()), time, "{input}");
        assert_eq!(memo.parse(input.as_bytes()), time, "{input} again");
        assert_eq!(show(time), expect, "{input}");
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

    proptest! {
        #[test]
        fn what_is_written_is_read(seconds in FIRST..=LAST) {
            let time = Timestamp::from_unix(seconds).unwrap();
            let clf = text(|out| time.write_clf(out));
            prop_assert_eq!(parse_clf(clf.as_bytes()), Ok(time));
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 24..28)) {
            prop_assert_eq!(ClfMemo::default().parse(&bytes), parse_clf(&bytes));
        }
    }
}
