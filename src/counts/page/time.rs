//! Requests along a time: what hours, days, weeks and months of a report become on the page.
//!
//! A day without a row had no request, in an internal report. In a public one it may be that too few asked for
//! anything, so nothing is said of it. For the same reason sums over hours (a day's profile, a week) are internal:
//! the printed hours need not be all of them.

use std::collections::BTreeMap;

use crate::counts::{
    calendar::{self, Day, WEEKDAY_NAMES},
    numbers::sum,
    report::{Report, Row},
};

/// The longest stretch that is shown hour by hour: three days internally, where a profile says more of longer ones,
/// a month where there is none.
const HOURLY_DAYS: (i64, i64) = (3, 31);

/// The longest stretch that is shown day by day; beyond it are months.
const DAILY_DAYS: i64 = 400;

/// How many days a week by hours is made of at least.
const WEEK_DAYS_MIN: i64 = 7;

/// One stretch of time and what was counted in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Point {
    pub(super) short: String,
    pub(super) long: String,
    /// Nothing is known of a stretch that a public report leaves out.
    pub(super) counted: Option<Counted>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counted {
    pub(super) requests: u64,
    pub(super) bytes: u64,
    pub(super) visitors: Option<u64>,
}

/// Points in their order.
#[derive(Debug)]
pub(super) struct Series {
    /// The table that it is made of.
    pub(super) table: &'static str,
    pub(super) id: &'static str,
    pub(super) title: &'static str,
    /// The head of the column of times.
    pub(super) column: &'static str,
    pub(super) points: Vec<Point>,
    /// Requests in rows that name no time.
    pub(super) others: u64,
}

/// A week by hours, with the requests of each.
pub(super) struct Week {
    pub(super) rows: Vec<(String, [u64; 24])>,
    /// Whether each weekday stands for as many days as the others.
    pub(super) of_whole_weeks: bool,
}

/// All that can be shown along a time.
pub(super) fn series(report: &Report) -> Vec<Series> {
    let mut found = Vec::new();
    found.extend(
        report.table("month").map(|rows| named(rows, "month", "Requests by month", "Month")),
    );
    found.extend(report.table("week").map(|rows| named(rows, "week", "Requests by week", "Week")));
    found.extend(report.table("day").and_then(|rows| by_day(report, rows)));
    found.extend(report.table("hour").and_then(|rows| by_hour(report, rows)));
    found
}

/// The requests of each hour of a week, if an internal report has hours of a week.
pub(super) fn week(report: &Report) -> Option<Week> {
    let Hours { counted, first, last } = hours_of(report, report.table("hour")?)?;
    if report.publication().is_some() || last.since(first) + 1 < WEEK_DAYS_MIN {
        return None;
    }
    let mut week: Vec<(String, [u64; 24])> =
        WEEKDAY_NAMES.iter().map(|name| ((*name).to_owned(), [0; 24])).collect();
    for ((day, hour), counted) in counted {
        let sum = &mut week[day.weekday()].1[usize::from(hour)];
        *sum = sum.saturating_add(counted.requests);
    }
    // Of whole weeks each weekday has its share; of others some count once more, and the page says so.
    let of_whole_weeks = (last.since(first) + 1) % WEEK_DAYS_MIN == 0;
    Some(Week { rows: week, of_whole_weeks })
}

/// Rows whose keys are names of times, in the order of the names.
fn named(rows: &[Row], table: &'static str, title: &'static str, column: &'static str) -> Series {
    let (mut rows, others): (Vec<_>, Vec<_>) = rows.iter().partition(|row| row.key != "(other)");
    rows.sort_by(|a, b| a.key.cmp(&b.key));
    let point = |row: &&Row| {
        let long = super::words::label(table, &row.key);
        Point { short: row.key.clone(), long, counted: Some(counted(row)) }
    };
    let points = rows.iter().map(point).collect();
    Series { table, id: table, title, column, points, others: requests(&others) }
}

fn by_day(report: &Report, rows: &[Row]) -> Option<Series> {
    let mut days: BTreeMap<Day, Counted> = BTreeMap::new();
    let mut others = Vec::new();
    for row in rows {
        match Day::parse(&row.key) {
            Some(day) => _ = days.insert(day, counted(row)),
            None => others.push(row),
        }
    }
    let (first, last) = stretch(report, days.keys().copied())?;
    let others = requests(&others);
    if last.since(first) + 1 > DAILY_DAYS {
        let points = by_month(&days);
        let (id, title) = ("day", "Requests by month");
        return Some(Series { table: "day", id, title, column: "Month", points, others });
    }
    let points = (0..=last.since(first)).map(|days_on| {
        let day = first.plus(days_on);
        Point { short: day.short(), long: day.long(), counted: known(report, days.get(&day)) }
    });
    let (id, title) = ("day", "Requests by day");
    Some(Series { table: "day", id, title, column: "Day", points: points.collect(), others })
}

/// The sums of the days of each month. Visitors of days do not add up to those of a month.
fn by_month(days: &BTreeMap<Day, Counted>) -> Vec<Point> {
    let mut months: BTreeMap<String, Counted> = BTreeMap::new();
    for (day, counted) in days {
        let month = months.entry(day.iso()[..7].to_owned()).or_default();
        month.requests = month.requests.saturating_add(counted.requests);
        month.bytes = month.bytes.saturating_add(counted.bytes);
    }
    let point = |(month, counted): (String, Counted)| Point {
        long: calendar::month(&month).unwrap_or_else(|| month.clone()),
        short: month,
        counted: Some(counted),
    };
    months.into_iter().map(point).collect()
}

fn by_hour(report: &Report, rows: &[Row]) -> Option<Series> {
    let Hours { counted: hours, first, last } = hours_of(report, rows)?;
    let is_public = report.publication().is_some();
    let others: Vec<_> =
        rows.iter().filter(|row| calendar::day_and_hour(&row.key).is_none()).collect();
    let others = requests(&others);
    let days = last.since(first) + 1;
    let all_hours = |days: i64| (0..days * 24).map(|hour| (hour / 24, (hour % 24) as u8));
    if days <= if is_public { HOURLY_DAYS.1 } else { HOURLY_DAYS.0 } {
        let points = all_hours(days).map(|(days_on, hour)| {
            let day = first.plus(days_on);
            let short = if hour == 0 { day.short() } else { format!("{hour}:00") };
            let long = format!("{}, {hour}:00", day.long());
            Point { short, long, counted: known(report, hours.get(&(day, hour))) }
        });
        let (id, title) = ("hour", "Requests by hour");
        return Some(Series {
            table: "hour",
            id,
            title,
            column: "Hour",
            points: points.collect(),
            others,
        });
    }
    if is_public {
        return None;
    }
    let points = all_hours(1).map(|(_, hour)| {
        let of_hour =
            || hours.iter().filter(|((_, at), _)| *at == hour).map(|(_, counted)| counted);
        let requests = sum(of_hour().map(|counted| counted.requests));
        let bytes = sum(of_hour().map(|counted| counted.bytes));
        let long = format!("{hour}:00 to {}:00", hour + 1);
        Point {
            short: format!("{hour}:00"),
            long,
            counted: Some(Counted { requests, bytes, visitors: None }),
        }
    });
    let (id, title) = ("hour", "Requests by hour of the day");
    Some(Series { table: "hour", id, title, column: "Hour", points: points.collect(), others })
}

/// The hours of rows, and the days that they stretch over.
struct Hours {
    counted: BTreeMap<(Day, u8), Counted>,
    first: Day,
    last: Day,
}

fn hours_of(report: &Report, rows: &[Row]) -> Option<Hours> {
    let mut hours: BTreeMap<(Day, u8), Counted> = BTreeMap::new();
    for row in rows {
        let Some(hour) = calendar::day_and_hour(&row.key) else { continue };
        // An hour comes twice when clocks are set back.
        let counted = hours.entry(hour).or_default();
        counted.requests = counted.requests.saturating_add(row.requests);
        counted.bytes = counted.bytes.saturating_add(row.bytes);
        counted.visitors = counted.visitors.max(row.visitors);
    }
    let (first, last) = stretch(report, hours.keys().map(|(day, _)| *day))?;
    Some(Hours { counted: hours, first, last })
}

/// From the first to the last day, of the period and of the rows.
fn stretch(report: &Report, days: impl Iterator<Item = Day>) -> Option<(Day, Day)> {
    let period = report.period().and_then(calendar::days_of);
    let all = || days.into_iter().chain(period.into_iter().flat_map(|(first, last)| [first, last]));
    let days: Vec<_> = all().collect();
    Some((days.iter().min().copied()?, days.iter().max().copied()?))
}

/// What is known of a stretch: without a row, that there was nothing, or nothing at all.
fn known(report: &Report, counted: Option<&Counted>) -> Option<Counted> {
    let nothing = report.publication().is_none().then(Counted::default);
    counted.copied().or(nothing)
}

const fn counted(row: &Row) -> Counted {
    Counted { requests: row.requests, bytes: row.bytes, visitors: row.visitors }
}

fn requests(rows: &[&Row]) -> u64 {
    sum(rows.iter().map(|row| row.requests))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::counts::{Period, Publication, Totals};

    fn report(days: (&str, &str), table: &str, rows: &[(&str, u64)]) -> Report {
        let [from, to] = [days.0, days.1].map(|day| format!("{day}T00:00:00Z"));
        let mut report = Report::new("p", "h", Some(Period { from, to }), Totals::default());
        let row = |(key, requests): &(&str, u64)| Row {
            key: (*key).to_owned(),
            requests: *requests,
            ..Row::default()
        };
        report.push(table, rows.iter().map(row).collect());
        report
    }

    fn values(series: &Series) -> Vec<Option<u64>> {
        series.points.iter().map(|point| Some(point.counted?.requests)).collect()
    }

    #[test]
    fn a_day_without_a_row_had_nothing_or_is_not_told() {
        let days = [("2026-11-24", 5), ("2026-11-22", 7), ("(other)", 2)];
        let internal = report(("2026-11-22", "2026-11-26"), "day", &days);
        let found = &series(&internal)[0];
        assert_eq!(values(found), [Some(7), Some(0), Some(5), Some(0)]);
        assert_eq!((found.others, found.points[0].short.as_str()), (2, "22 Nov"));
        let public = internal.into_published(Publication::default());
        assert_eq!(values(&series(&public)[0]), [Some(7), None, Some(5), None]);
    }

    #[test]
    fn few_hours_are_shown_one_by_one_and_many_as_a_day() {
        let hours = [("2026-11-22T14:00:00Z", 8), ("2026-11-23T14:00:00Z", 4)];
        let short = report(("2026-11-22", "2026-11-24"), "hour", &hours);
        let found = &series(&short)[0];
        assert_eq!((found.points.len(), found.title), (48, "Requests by hour"));
        assert_eq!(
            (values(found)[14], values(found)[38], values(found)[0]),
            (Some(8), Some(4), Some(0))
        );
        assert!(week(&short).is_none());
        let long = report(("2026-11-22", "2026-12-06"), "hour", &hours);
        let found = &series(&long)[0];
        assert_eq!((found.points.len(), values(found)[14]), (24, Some(12)));
        let found = week(&long).expect("two weeks");
        assert_eq!((found.rows[6].1[14], found.rows[0].1[14], found.rows[0].1[13]), (8, 4, 0));
        assert!(found.of_whole_weeks);
        let public = long.into_published(Publication::default());
        assert!(week(&public).is_none());
        assert_eq!(values(&series(&public)[0]).iter().flatten().count(), 2);
    }

    #[test]
    fn an_hour_that_comes_twice_is_added_up() {
        let hours = [("2026-10-25T02:00:00+02:00", 8), ("2026-10-25T02:00:00+01:00", 4)];
        let found = &series(&report(("2026-10-25", "2026-10-26"), "hour", &hours))[0];
        assert_eq!((found.points.len(), values(found)[2]), (24, Some(12)));
    }

    #[test]
    fn years_are_shown_by_month() {
        let days = [("2025-01-01", 1), ("2025-01-31", 2), ("2026-12-31", 4)];
        let found = &series(&report(("2025-01-01", "2027-01-01"), "day", &days))[0];
        assert_eq!((values(found), found.column), (vec![Some(3), Some(4)], "Month"));
        assert_eq!(found.points[1].long, "December 2026");
        let months = [("2026-12", 1), ("2026-11", 2), ("(other)", 1)];
        let found = &series(&report(("2026-11-01", "2027-01-01"), "month", &months))[0];
        assert_eq!((values(found), found.others), (vec![Some(2), Some(1)], 1));
        assert!(series(&report(("2026-11-01", "2027-01-01"), "path", &[("/", 1)])).is_empty());
    }
}
