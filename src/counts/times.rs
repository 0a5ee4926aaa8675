//! Hours and days, and the period that a run covers.
//!
//! Lines come nearly in order, so the rows of the last hour are remembered and a line of the same
//! hour only adds to them. Hours and days are those of UTC. Nothing finer than an hour is kept.

use super::{
    keyed::{Keyed, Limits, RowNumber},
    tally::Tally,
};
use crate::{
    field::{Table, TableSet},
    transform::time::{Grain, Timestamp},
};

const HOUR_SECONDS: i64 = 3_600;
const HOURS_A_DAY: i64 = 24;

/// The day after the last one that a [`Timestamp`] can say, where a period may end all the same.
const DAY_AFTER_LAST: &str = "2101-01-01T00:00:00Z";

/// The hour of the last line and its rows.
#[derive(Clone, Copy)]
struct Current {
    hour: i64,
    hour_row: RowNumber,
    day_row: RowNumber,
}

impl Current {
    /// No line yet. Times begin in 1990, so that no line is of this hour.
    const NONE: Self = Self { hour: -1, hour_row: RowNumber::FOLDED, day_row: RowNumber::FOLDED };
}

/// What was counted by time.
pub(super) struct Times {
    hours: Keyed,
    days: Keyed,
    current: Current,
    /// The first and the last hour of a line.
    range: Option<(i64, i64)>,
}

impl Times {
    pub(super) fn new(limits: Limits) -> Self {
        Self {
            hours: Keyed::new(limits),
            days: Keyed::new(limits),
            current: Current::NONE,
            range: None,
        }
    }

    /// Counts one line in those of the two tables that are wanted.
    #[inline]
    pub(super) fn add(&mut self, tables: TableSet, time: Timestamp, tally: Tally) {
        let hour = time.seconds() / HOUR_SECONDS;
        if hour != self.current.hour {
            self.turn_to(tables, hour);
        }
        if tables.has(Table::Hour) {
            self.hours.add_at(self.current.hour_row, tally);
        }
        if tables.has(Table::Day) {
            self.days.add_at(self.current.day_row, tally);
        }
    }

    /// Adds what `batch` counted, and empties it.
    pub(super) fn absorb(&mut self, batch: &mut Self) {
        self.hours.absorb(&mut batch.hours);
        self.days.absorb(&mut batch.days);
        if let Some((first, last)) = batch.range.take() {
            self.widen(first, last);
        }
        batch.current = Current::NONE;
    }

    /// From the start of the first day to the end of the last one, or nothing without a line.
    pub(super) fn period(&self) -> Option<(String, String)> {
        let (first, last) = self.range?;
        Some((start_of_day(first / HOURS_A_DAY), start_of_day(last / HOURS_A_DAY + 1)))
    }

    /// The table of hours and how its keys are written.
    pub(super) fn hours(&self) -> (&Keyed, fn(&[u8]) -> String) {
        (&self.hours, |key| written(number(key) * HOUR_SECONDS, Timestamp::write_rfc3339))
    }

    /// The table of days and how its keys are written.
    pub(super) fn days(&self) -> (&Keyed, fn(&[u8]) -> String) {
        (&self.days, |key| written(number(key) * HOURS_A_DAY * HOUR_SECONDS, Timestamp::write_date))
    }

    #[cold]
    fn turn_to(&mut self, tables: TableSet, hour: i64) {
        let row_in = |table: &mut Keyed, number: i64, wanted| {
            if wanted { table.number(&key(number)) } else { RowNumber::FOLDED }
        };
        let hour_row = row_in(&mut self.hours, hour, tables.has(Table::Hour));
        let day_row = row_in(&mut self.days, hour / HOURS_A_DAY, tables.has(Table::Day));
        self.current = Current { hour, hour_row, day_row };
        self.widen(hour, hour);
    }

    fn widen(&mut self, first: i64, last: i64) {
        let (known_first, known_last) = self.range.unwrap_or((first, last));
        self.range = Some((known_first.min(first), known_last.max(last)));
    }
}

/// The number of an hour or a day since 1970 as a key: those of all times have fewer than 32 bits.
const fn key(number: i64) -> [u8; 4] {
    (number as u32).to_be_bytes()
}

fn number(key: &[u8]) -> i64 {
    key.iter().fold(0, |number, byte| number << 8 | i64::from(*byte))
}

fn start_of_day(day: i64) -> String {
    written(day * HOURS_A_DAY * HOUR_SECONDS, Timestamp::write_rfc3339)
}

/// A moment as `write` writes it. Only the end of the last period is out of range.
fn written(seconds: i64, write: fn(&Timestamp, &mut Vec<u8>)) -> String {
    let Ok(time) = Timestamp::from_unix(seconds) else { return DAY_AFTER_LAST.to_owned() };
    debug_assert_eq!(time, time.floor(Grain::Hour), "hours and days begin with a whole hour");
    let mut text = Vec::with_capacity(DAY_AFTER_LAST.len());
    write(&time, &mut text);
    text.escape_ascii().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transform::time::parse_clf;

    fn period(times: &[&str]) -> Option<(String, String)> {
        let mut all = Times::new(Limits::RUN);
        for text in times {
            let time = parse_clf(text.as_bytes()).expect("a time");
            all.add(TableSet::default(), time, Tally::of_line(0));
        }
        all.period()
    }

    fn check(times: &[&str], from: &str, to: &str) {
        let expect = (format!("{from}T00:00:00Z"), format!("{to}T00:00:00Z"));
        assert_eq!(period(times), Some(expect), "{times:?}");
    }

    #[test]
    fn a_period_is_whole_days() {
        assert_eq!(period(&[]), None);
        check(&["22/Nov/2026:00:00:00 +0000"], "2026-11-22", "2026-11-23");
        check(&["22/Nov/2026:23:59:59 +0000"], "2026-11-22", "2026-11-23");
        check(&["28/Feb/2028:12:00:00 +0000"], "2028-02-28", "2028-02-29");
        check(&["31/Dec/2026:23:59:59 +0000"], "2026-12-31", "2027-01-01");
        check(&["31/Dec/2026:23:59:59 -0100"], "2027-01-01", "2027-01-02");
        check(
            &["01/Jan/2027:00:00:00 +0000", "31/Dec/2026:23:59:59 +0000"],
            "2026-12-31",
            "2027-01-02",
        );
        check(
            &["01/Jan/1990:00:00:00 +0000", "31/Dec/2100:23:59:59 +0000"],
            "1990-01-01",
            "2101-01-01",
        );
    }
}
