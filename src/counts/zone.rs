//! Whose hours and days counts are of: a time zone, and the windows that time is cut into.
//!
//! Moments are in UTC everywhere else. Here an hour begins when clocks of the zone show a whole one, a day at their
//! midnight, and where clocks go back the two hours of one name are two. The database of zones is compiled in, so that
//! counts do not depend on the machine.

use std::{fmt, str::FromStr};

use jiff::{Timestamp, civil::Date, tz::TimeZone};

use super::times::Hour;

/// A time zone.
#[derive(Clone, Debug, Default)]
pub struct Zone(Option<TimeZone>);

/// Why a text names no zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoZone;

impl fmt::Display for NoZone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a time zone such as UTC, Europe/Berlin or America/New_York is expected")
    }
}

impl std::error::Error for NoZone {}

impl FromStr for Zone {
    type Err = NoZone;

    fn from_str(text: &str) -> Result<Self, NoZone> {
        if text.eq_ignore_ascii_case("utc") || text == "Z" {
            return Ok(Self(None));
        }
        TimeZone::get(text).map(|zone| Self(Some(zone))).map_err(|_| NoZone)
    }
}

/// What counts are kept by in a store.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Window {
    /// Hours.
    Hour,
    /// Days.
    #[default]
    Day,
}

impl Window {
    /// The word for it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Hour => "hour",
            Self::Day => "day",
        }
    }
}

impl Zone {
    /// The zone's name.
    #[must_use]
    pub fn name(&self) -> &str {
        self.0.as_ref().and_then(TimeZone::iana_name).unwrap_or("UTC")
    }

    /// The hour that a moment lies in.
    pub(super) fn hour(&self, unix: i64) -> Hour {
        let offset = self.offset(unix);
        let local = unix + i64::from(offset);
        Hour { start: local.div_euclid(3_600) * 3_600 - i64::from(offset), offset }
    }

    /// The number of the window that an hour lies in: the first moment of an hour, or a day since 1970.
    pub(super) fn window(&self, window: Window, hour: Hour) -> i64 {
        match window {
            Window::Hour => hour.start,
            Window::Day => hour.day(),
        }
    }

    /// The first moment of a window, and the first one after it, as RFC 3339 writes them.
    pub(super) fn bounds(&self, window: Window, number: i64) -> (String, String) {
        let (from, to) = self.bounds_unix(window, number);
        (self.written(from), self.written(to))
    }

    /// The same in seconds since 1970.
    pub(super) fn bounds_unix(&self, window: Window, number: i64) -> (i64, i64) {
        match window {
            Window::Hour => (number, number + 3_600),
            Window::Day => (self.midnight(number), self.midnight(number + 1)),
        }
    }

    /// A moment of a setting: a date, at whose midnight it is, or a time as RFC 3339 writes it.
    ///
    /// # Errors
    ///
    /// It is neither.
    pub fn moment(&self, text: &str) -> Result<i64, NoZone> {
        if let Ok(date) = text.parse::<Date>() {
            let zone = self.0.clone().unwrap_or(TimeZone::UTC);
            let start = zone.to_zoned(date.at(0, 0, 0, 0)).map_err(|_| NoZone)?;
            return Ok(start.timestamp().as_second());
        }
        text.parse::<Timestamp>().map(Timestamp::as_second).map_err(|_| NoZone)
    }

    /// The first moment of a day, in seconds since 1970.
    pub(super) fn midnight(&self, day: i64) -> i64 {
        let Some(zone) = &self.0 else { return day * 86_400 };
        let date = Date::new(1970, 1, 1).ok().and_then(|first| {
            let days = jiff::Span::new().try_days(day).ok()?;
            first.checked_add(days).ok()
        });
        let start = date.and_then(|date| zone.to_zoned(date.at(0, 0, 0, 0)).ok());
        start.map_or(day * 86_400, |start| start.timestamp().as_second())
    }

    /// A moment as the zone's clocks show it, with their distance from UTC.
    pub(super) fn written(&self, unix: i64) -> String {
        Hour { start: unix, offset: self.offset(unix) }.written()
    }

    /// How far clocks are ahead of UTC, in seconds.
    fn offset(&self, unix: i64) -> i32 {
        match (&self.0, Timestamp::from_second(unix)) {
            (Some(zone), Ok(moment)) => zone.to_offset(moment).seconds(),
            _ => 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn zone(name: &str) -> Zone {
        name.parse().expect("a zone")
    }

    fn unix(text: &str) -> i64 {
        text.parse::<Timestamp>().expect("a moment").as_second()
    }

    fn check(name: &str, moment: &str, hour: &str, from: &str, to: &str) {
        let zone = zone(name);
        let found = zone.hour(unix(moment));
        assert_eq!(found.written(), hour, "{name} {moment}");
        let day = zone.window(Window::Day, found);
        assert_eq!(
            zone.bounds(Window::Day, day),
            (from.to_owned(), to.to_owned()),
            "{name} {moment}"
        );
    }

    #[test]
    fn hours_and_days_are_those_of_the_zone() {
        check(
            "UTC",
            "2026-11-22T14:05:00Z",
            "2026-11-22T14:00:00Z",
            "2026-11-22T00:00:00Z",
            "2026-11-23T00:00:00Z",
        );
        check(
            "Europe/Berlin",
            "2026-11-22T23:30:00Z",
            "2026-11-23T00:00:00+01:00",
            "2026-11-23T00:00:00+01:00",
            "2026-11-24T00:00:00+01:00",
        );
        // The night in which clocks go back has two hours of one name, and 25 in all.
        let (from, to) = ("2026-10-25T00:00:00+02:00", "2026-10-26T00:00:00+01:00");
        check("Europe/Berlin", "2026-10-25T00:59:59Z", "2026-10-25T02:00:00+02:00", from, to);
        check("Europe/Berlin", "2026-10-25T01:00:00Z", "2026-10-25T02:00:00+01:00", from, to);
        let (from, to) = ("2026-11-22T00:00:00+05:45", "2026-11-23T00:00:00+05:45");
        check("Asia/Kathmandu", "2026-11-22T00:05:00Z", "2026-11-22T05:00:00+05:45", from, to);
    }

    #[test]
    fn names_are_read_strictly() {
        for name in ["UTC", "utc", "Z", "Europe/Berlin", "America/New_York"] {
            assert!(name.parse::<Zone>().is_ok(), "{name}");
        }
        for name in ["", "Berlin", "Europe/Nowhere", "+01:00", "../etc/passwd"] {
            assert_eq!(name.parse::<Zone>().err(), Some(NoZone), "{name}");
        }
        assert_eq!(Zone::default().name(), "UTC");
        assert_eq!(zone("Europe/Berlin").name(), "Europe/Berlin");
    }
}
