//! Days and hours that stand in reports, read back and said as people say them.
//!
//! Counts write days and hours as text, of the zone whose days they are. Here that text becomes a number to reckon
//! with, as it stands: 14:00 is 14:00, whatever the offset after it. What is no day or hour (`(other)`) stays text.

use super::report::Period;
pub(super) use crate::transform::time::WEEKDAY_NAMES;
use crate::transform::time::{MONTH_NAMES, Timestamp, parse_any};

const DAY_SECONDS: i64 = 86_400;

/// A day of the calendar, counted from 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Day(i64);

impl Day {
    /// The day that `2026-11-22` names.
    pub(super) fn parse(text: &str) -> Option<Self> {
        if text.len() != 10 || !text.is_ascii() {
            return None;
        }
        moment(&format!("{text}T00:00:00Z")).map(|time| Self(time.seconds() / DAY_SECONDS))
    }

    /// The day so many days later.
    pub(super) const fn plus(self, days: i64) -> Self {
        Self(self.0 + days)
    }

    /// How many days `self` is after `other`.
    pub(super) const fn since(self, other: Self) -> i64 {
        self.0 - other.0
    }

    /// Its place in [`WEEKDAY_NAMES`]. 1970 began on a Thursday.
    pub(super) const fn weekday(self) -> usize {
        (self.0 + 3).rem_euclid(7) as usize
    }

    /// Its year, month and day, within the years that the program knows.
    fn known(self) -> Option<(u16, usize, u8)> {
        let parts = Timestamp::from_unix(self.0 * DAY_SECONDS).ok()?.parts();
        Some((parts.year, usize::from(parts.month), parts.day))
    }

    fn parts(self) -> (u16, usize, u8) {
        // Days come from text that was read or lie between two that were, so that they are known.
        self.known().unwrap_or((0, 1, 1))
    }

    /// `22 Nov`.
    pub(super) fn short(self) -> String {
        let (_, month, day) = self.parts();
        format!("{day} {}", &MONTH_NAMES[month - 1][..3])
    }

    /// `Sunday, 22 November 2026`.
    pub(super) fn long(self) -> String {
        format!("{}, {}", WEEKDAY_NAMES[self.weekday()], self.date())
    }

    /// `22 November 2026`.
    pub(super) fn date(self) -> String {
        let (year, month, day) = self.parts();
        format!("{day} {} {year}", MONTH_NAMES[month - 1])
    }

    /// `2026-11-22`.
    pub(super) fn iso(self) -> String {
        let (year, month, day) = self.parts();
        format!("{year:04}-{month:02}-{day:02}")
    }
}

/// The day and the hour of `2026-11-22T14:00:00Z` or `2026-11-22T14:00:00+01:00`, as they stand there.
pub(super) fn day_and_hour(text: &str) -> Option<(Day, u8)> {
    moment(text)?;
    let day = Day::parse(text.get(..10)?)?;
    let hour = text.get(11..13)?.parse().ok().filter(|hour| *hour < 24)?;
    Some((day, hour))
}

/// `November 2026`, of `2026-11`.
pub(super) fn month(text: &str) -> Option<String> {
    let first = Day::parse(&format!("{text}-01"))?;
    let (year, month, _) = first.parts();
    Some(format!("{} {year}", MONTH_NAMES[month - 1]))
}

/// The moment of RFC 3339's form alone: other notations are not what reports have.
pub(super) fn moment(text: &str) -> Option<Timestamp> {
    let bytes = text.as_bytes();
    let has_form = bytes.len() >= 20
        && bytes.is_ascii()
        && [(4, b'-'), (7, b'-'), (10, b'T'), (13, b':'), (16, b':')]
            .into_iter()
            .all(|(place, byte)| bytes[place] == byte);
    if has_form { parse_any(bytes).ok() } else { None }
}

/// The first moment after the last one that the program knows, where a period may end.
const END_OF_TIME: &str = "2101-01-01T00:00:00Z";

/// Whether the period begins before it ends.
pub(super) fn is_period(Period { from, to }: &Period) -> bool {
    match (moment(from), moment(to)) {
        (Some(from), Some(to)) => from < to,
        (Some(_), None) => to == END_OF_TIME,
        (None, _) => false,
    }
}

/// The first and the last day of a period of whole days.
pub(super) fn days_of(Period { from, to }: &Period) -> Option<(Day, Day)> {
    let is_midnight = |text: &str| text.get(11..19) == Some("00:00:00");
    let first = Day::parse(from.get(..10)?)?;
    let last = match Day::parse(to.get(..10)?) {
        Some(end) => end.plus(-1),
        None if to == END_OF_TIME => Day::parse("2100-12-31")?,
        None => return None,
    };
    (is_midnight(from) && is_midnight(to) && first <= last).then_some((first, last))
}

/// `22 November 2026`, `1 to 28 November 2026`, `November 2026`, `28 November to 3 December 2026`.
pub(super) fn period(period: &Period) -> String {
    let Some((first, last)) = days_of(period) else {
        return format!("{} to {}", period.from, period.to);
    };
    let ((from_year, from_month, from_day), (year, month, _)) = (first.parts(), last.parts());
    let ends_month = last.plus(1).known().is_none_or(|(_, next, _)| next != month);
    if first == last {
        first.date()
    } else if (from_year, from_month) == (year, month) {
        match from_day == 1 && ends_month {
            true => format!("{} {year}", MONTH_NAMES[month - 1]),
            false => format!("{from_day} to {}", last.date()),
        }
    } else if from_year != year {
        format!("{} to {}", first.date(), last.date())
    } else if (from_day, from_month, month) == (1, 1, 12) && ends_month {
        format!("the year {year}")
    } else {
        format!("{from_day} {} to {}", MONTH_NAMES[from_month - 1], last.date())
    }
}

/// The same with the word before it: `on 22 November 2026`, `in November 2026`, `from 1 to 28 November 2026`.
pub(super) fn during(of: &Period) -> String {
    let said = period(of);
    match days_of(of) {
        Some((first, last)) if first == last => format!("on {said}"),
        Some(_) if !said.contains(" to ") => format!("in {said}"),
        _ => format!("from {said}"),
    }
}

/// The zone whose days they are: `UTC`, or `UTC+01:00`.
pub(super) fn zone(period: &Period) -> String {
    match period.from.get(19..) {
        Some("Z" | "+00:00") | None => "UTC".to_owned(),
        Some(offset) => format!("UTC{offset}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(from: &str, to: &str, expect: &str) {
        let whole = |date: &str| format!("{date}T00:00:00Z");
        assert_eq!(period(&Period { from: whole(from), to: whole(to) }), expect);
    }

    #[test]
    fn periods_are_said_as_people_say_them() {
        check("2026-11-22", "2026-11-23", "22 November 2026");
        check("2026-11-01", "2026-12-01", "November 2026");
        check("2026-11-02", "2026-12-01", "2 to 30 November 2026");
        check("2026-11-01", "2026-11-30", "1 to 29 November 2026");
        check("2026-11-28", "2026-12-04", "28 November to 3 December 2026");
        check("2026-12-28", "2027-01-04", "28 December 2026 to 3 January 2027");
        check("2026-01-01", "2027-01-01", "the year 2026");
        check("2100-12-31", "2101-01-01", "31 December 2100");
        check("2100-12-01", "2101-01-01", "December 2100");
        let odd = Period {
            from: "2026-11-22T14:00:00Z".to_owned(),
            to: "2026-11-22T15:00:00Z".to_owned(),
        };
        assert_eq!(period(&odd), "2026-11-22T14:00:00Z to 2026-11-22T15:00:00Z");
    }

    #[test]
    fn periods_stand_in_sentences() {
        for (from, to, expect) in [
            ("2026-11-22", "2026-11-23", "on 22 November 2026"),
            ("2026-11-01", "2026-12-01", "in November 2026"),
            ("2026-01-01", "2027-01-01", "in the year 2026"),
            ("2026-11-02", "2026-12-01", "from 2 to 30 November 2026"),
        ] {
            let [from, to] = [from, to].map(|date| format!("{date}T00:00:00Z"));
            assert_eq!(during(&Period { from, to }), expect);
        }
    }

    #[test]
    fn days_have_names() {
        let day = Day::parse("2026-11-22").expect("a day");
        assert_eq!(day.long(), "Sunday, 22 November 2026");
        assert_eq!((day.short(), day.iso()), ("22 Nov".to_owned(), "2026-11-22".to_owned()));
        assert_eq!(day.plus(10).since(day), 10);
        assert_eq!(month("2026-11").as_deref(), Some("November 2026"));
        for text in ["", "2026-11-31", "2026-13-01", "22.11.2026", "(other)", "2026-11-2x"] {
            assert_eq!(Day::parse(text), None, "{text}");
        }
    }

    #[test]
    fn hours_stand_as_they_are_in_their_zone() {
        let day = Day::parse("2026-11-22");
        for (text, expect) in [
            ("2026-11-22T14:00:00Z", Some(14)),
            ("2026-11-22T00:00:00+01:00", Some(0)),
            ("2026-11-22T23:00:00-08:00", Some(23)),
            ("2026-11-22T24:00:00Z", None),
            ("2026-11-22 14:00", None),
            ("1795356000", None),
            ("(other)", None),
        ] {
            assert_eq!(
                day_and_hour(text),
                expect.map(|hour| (day.expect("a day"), hour)),
                "{text}"
            );
        }
        let at = |from: &str| zone(&Period { from: from.to_owned(), to: String::new() });
        assert_eq!(at("2026-11-22T00:00:00+01:00"), "UTC+01:00");
        assert_eq!(at("2026-11-22T00:00:00Z"), "UTC");
    }
}
