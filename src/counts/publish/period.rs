//! The periods that are released: a day, a week, a month or a year, in UTC, and how they lie to each other.
//!
//! There are no other ones. A span that somebody chooses freely, less another one that differs by an hour, is that
//! hour.

use std::{collections::BTreeSet, fmt, str::FromStr};

/// A period: `2026-11-22`, `2026-W47`, `2026-11` or `2026`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Period {
    /// The first day, in days since 1970.
    from: i32,
    /// The day after the last one.
    to: i32,
    kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Day,
    Week,
    Month,
    Year,
}

/// A text that is no period.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PeriodError;

impl fmt::Display for PeriodError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a period is a day as 2026-11-22, a week as 2026-W47, a month as 2026-11 or a year as 2026")
    }
}

impl std::error::Error for PeriodError {}

/// How a period lies to those that were released each by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Overlap {
    /// Beside all of them.
    Beside,
    /// It is made of these, without a gap.
    MadeOf(Vec<Period>),
    /// It lies in this one, which was released as a whole.
    Within(Period),
    /// It has some of these in it, and these days were not released.
    Gaps(Vec<Period>),
    /// It has a part of this one in it.
    Across(Period),
}

impl Period {
    /// The days of a period, as days since 1970.
    #[must_use]
    pub const fn days(self) -> std::ops::Range<i32> {
        self.from..self.to
    }

    /// The first second and the one after the last, in seconds since 1970.
    #[must_use]
    pub fn seconds(self) -> std::ops::Range<i64> {
        i64::from(self.from) * 86_400..i64::from(self.to) * 86_400
    }

    /// The day of that number since 1970.
    #[must_use]
    pub const fn day(number: i32) -> Self {
        Self { from: number, to: number + 1, kind: Kind::Day }
    }

    /// The bounds as they stand in reports.
    #[must_use]
    pub fn bounds(self) -> (String, String) {
        let text = |day| format!("{}T00:00:00Z", Self::day(day));
        (text(self.from), text(self.to))
    }

    /// How the period lies to `others`, which do not overlap.
    #[must_use]
    pub fn among(self, others: impl IntoIterator<Item = Self>) -> Overlap {
        let mut inside = BTreeSet::new();
        for other in others {
            let is_apart = other.to <= self.from || self.to <= other.from;
            if is_apart {
                continue;
            }
            if other.from <= self.from && self.to <= other.to {
                return Overlap::Within(other);
            }
            if other.from < self.from || self.to < other.to {
                return Overlap::Across(other);
            }
            inside.insert(other);
        }
        let missing = |day: &i32| !inside.iter().any(|other| other.days().contains(day));
        let gaps: Vec<Self> = self.days().filter(missing).map(Self::day).collect();
        match (inside.is_empty(), gaps.is_empty()) {
            (true, _) => Overlap::Beside,
            (false, true) => Overlap::MadeOf(inside.into_iter().collect()),
            (false, false) => Overlap::Gaps(gaps),
        }
    }
}

impl FromStr for Period {
    type Err = PeriodError;

    fn from_str(text: &str) -> Result<Self, PeriodError> {
        let number = |part: &str| -> Option<i32> {
            let is_number = part.bytes().all(|byte| byte.is_ascii_digit());
            is_number.then(|| part.parse().ok()).flatten()
        };
        let year = text.get(..4).and_then(number).filter(|year| (1990..=2100).contains(year));
        let year = year.ok_or(PeriodError)?;
        let rest: Vec<&str> = text[4..].split('-').collect();
        let found = match rest.as_slice() {
            [""] => {
                Some((days_from_civil(year, 1, 1), days_from_civil(year + 1, 1, 1), Kind::Year))
            }
            ["", week] if week.len() == 3 && week.starts_with('W') => {
                number(&week[1..]).and_then(|week| of_week(year, week))
            }
            ["", month] if month.len() == 2 => {
                number(month).and_then(|month| of_month(year, month))
            }
            ["", month, day] if month.len() == 2 && day.len() == 2 => {
                let month =
                    number(month).and_then(|number| Some((number, of_month(year, number)?)));
                month.zip(number(day)).and_then(|((_, (from, to, _)), day)| {
                    let day = from + day - 1;
                    (from..to).contains(&day).then_some((day, day + 1, Kind::Day))
                })
            }
            _ => None,
        };
        found.map(|(from, to, kind)| Self { from, to, kind }).ok_or(PeriodError)
    }
}

fn of_month(year: i32, month: i32) -> Option<(i32, i32, Kind)> {
    let next = if month == 12 { (year + 1, 1) } else { (year, month + 1) };
    (1..=12)
        .contains(&month)
        .then(|| (days_from_civil(year, month, 1), days_from_civil(next.0, next.1, 1), Kind::Month))
}

/// A week of ISO 8601: the first one of a year has its 4 January in it.
fn of_week(year: i32, week: i32) -> Option<(i32, i32, Kind)> {
    let first = |year| {
        let fourth = days_from_civil(year, 1, 4);
        fourth - weekday(fourth)
    };
    let from = first(year) + (week - 1) * 7;
    (week >= 1 && from < first(year + 1)).then_some((from, from + 7, Kind::Week))
}

/// The day of the week, from 0 for Monday. 1 January 1970 was a Thursday.
const fn weekday(day: i32) -> i32 {
    (day + 3).rem_euclid(7)
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = civil_from_days(self.from);
        match self.kind {
            Kind::Day => write!(f, "{year:04}-{month:02}-{day:02}"),
            Kind::Month => write!(f, "{year:04}-{month:02}"),
            Kind::Year => write!(f, "{year:04}"),
            Kind::Week => {
                // The year of a week is that of its Thursday.
                let thursday = self.from + 3;
                let year = civil_from_days(thursday).0;
                let week = (thursday - days_from_civil(year, 1, 1)) / 7 + 1;
                write!(f, "{year:04}-W{week:02}")
            }
        }
    }
}

impl serde::Serialize for Period {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for Period {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str> as serde::Deserialize>::deserialize(deserializer)?;
        text.parse().map_err(|_| serde::de::Error::custom("no period"))
    }
}

/// Days since 1970 of a date, after Howard Hinnant's "chrono-Compatible Low-Level Date Algorithms".
const fn days_from_civil(year: i32, month: i32, day: i32) -> i32 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

const fn civil_from_days(days: i32) -> (i32, i32, i32) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let of_era = days.rem_euclid(146_097);
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let shifted = (5 * of_year + 2) / 153;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = year + era * 400 + if month <= 2 { 1 } else { 0 };
    (year, month, of_year - (153 * shifted + 2) / 5 + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn period(text: &str) -> Period {
        text.parse().unwrap_or_else(|_| panic!("{text}"))
    }

    #[test]
    fn periods_are_read_and_written() {
        for (text, from, days) in [
            ("2026-11-22", "2026-11-22", 1),
            ("2026-11", "2026-11-01", 30),
            ("2024-02", "2024-02-01", 29),
            ("2100-02", "2100-02-01", 28),
            ("2026-12", "2026-12-01", 31),
            ("2026", "2026-01-01", 365),
            ("2026-W47", "2026-11-16", 7),
            ("2026-W53", "2026-12-28", 7),
            ("2025-W01", "2024-12-30", 7),
            ("2020-W53", "2020-12-28", 7),
        ] {
            let period = period(text);
            assert_eq!(period.to_string(), text);
            assert_eq!(Period::day(period.from).to_string(), from, "{text}");
            assert_eq!(period.days().len(), days, "{text}");
        }
        assert_eq!(
            period("2026-11").bounds(),
            ("2026-11-01T00:00:00Z".to_owned(), "2026-12-01T00:00:00Z".to_owned())
        );
        assert_eq!(period("1990-01-01").seconds(), 631_152_000..631_238_400);
    }

    #[test]
    fn what_is_no_period_is_refused() {
        for text in [
            "",
            "26",
            "2026-",
            "2026-0",
            "2026-13",
            "2026-00",
            "2026-1",
            "2026-02-29",
            "2026-11-00",
            "2026-11-31",
            "2026-W00",
            "2026-W54",
            "2025-W53",
            "2026-w47",
            "2026-11-22T14",
            "1989",
            "2101",
            "+026",
            "2026-+1",
            "2026-11-22..",
            "20261122",
            "\u{e9}026",
            "202\u{e9}",
        ] {
            assert_eq!(text.parse::<Period>(), Err(PeriodError), "{text}");
        }
    }

    #[test]
    fn days_and_dates_agree() {
        for day in 7_305..47_847 {
            let text = Period::day(day).to_string();
            assert_eq!(period(&text), Period::day(day), "{text}");
        }
    }

    #[test]
    fn periods_lie_beside_within_or_across() {
        let among = |text: &str, others: &[&str]| {
            period(text).among(others.iter().map(|text| period(text)))
        };
        let october: Vec<String> = (1..=31).map(|day| format!("2026-10-{day:02}")).collect();
        let october: Vec<&str> = october.iter().map(String::as_str).collect();
        assert_eq!(among("2026-11", &october), Overlap::Beside);
        assert!(matches!(among("2026-10", &october), Overlap::MadeOf(days) if days.len() == 31));
        assert_eq!(among("2026-10", &october[1..]), Overlap::Gaps(vec![period("2026-10-01")]));
        assert_eq!(among("2026-10-07", &["2026-10"]), Overlap::Within(period("2026-10")));
        assert_eq!(among("2026-10", &["2026-10"]), Overlap::Within(period("2026-10")));
        assert_eq!(among("2026-10", &["2026-W40"]), Overlap::Across(period("2026-W40")));
        assert_eq!(among("2026-W40", &["2026-10"]), Overlap::Across(period("2026-10")));
    }
}
