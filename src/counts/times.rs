//! Hours, days, weeks and months.
//!
//! A block counts hours only; days, weeks and months are sums of hours. They are those of a time zone (`zone.rs`), but
//! here a time is a number already: an hour carries how far its clocks are ahead of UTC. Nothing finer than an hour
//! is kept.

use super::{
    crowd::Crowd,
    keyed::{Keyed, RowNumber},
    open::{Limits, Open},
    tally::{Tally, Wants},
};
use crate::{
    field::{Table, TableSet},
    transform::time::Timestamp,
};

const DAY_SECONDS: i64 = 86_400;

/// An hour: its first moment in UTC, and how far clocks are ahead of that, in seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Hour {
    pub(super) start: i64,
    pub(super) offset: i32,
}

impl Hour {
    /// The day that it lies in, since 1970.
    pub(super) const fn day(self) -> i64 {
        (self.start + self.offset as i64).div_euclid(DAY_SECONDS)
    }

    /// The hour as RFC 3339 writes it.
    pub(super) fn written(self) -> String {
        let local = self.start + i64::from(self.offset);
        let (day, second) = (local.div_euclid(DAY_SECONDS), local.rem_euclid(DAY_SECONDS));
        let clock = format!("T{:02}:{:02}:{:02}", second / 3_600, second / 60 % 60, second % 60);
        let zone = match (self.offset, self.offset.unsigned_abs() / 60) {
            (0, _) => "Z".to_owned(),
            (offset, minutes) => {
                let sign = if offset < 0 { '-' } else { '+' };
                format!("{sign}{:02}:{:02}", minutes / 60, minutes % 60)
            }
        };
        date(day) + &clock + &zone
    }

    fn key(self) -> [u8; 8] {
        let mut key = [0; 8];
        // The hours of all times have fewer than 33 bits of seconds.
        key[..4].copy_from_slice(&(self.start as u32).to_be_bytes());
        key[4..].copy_from_slice(&self.offset.to_be_bytes());
        key
    }

    fn of_key(key: &[u8]) -> Self {
        let (words, _) = key.as_chunks::<4>();
        match words {
            [start, offset] => Self {
                start: i64::from(u32::from_be_bytes(*start)),
                offset: i32::from_be_bytes(*offset),
            },
            _ => Self::default(),
        }
    }
}

/// A day since 1970 as a date. One day after the last time that a line may have is the end of a period.
pub(super) fn date(day: i64) -> String {
    let Ok(time) = Timestamp::from_unix(day * DAY_SECONDS) else {
        return if day < 10_000 { "1989-12-31" } else { "2101-01-01" }.to_owned();
    };
    let mut text = Vec::new();
    time.write_date(&mut text);
    text.escape_ascii().to_string()
}

/// The week of ISO 8601 that a day lies in, `2026-W47`: its Thursday is of the year.
pub(super) fn week(day: i64) -> String {
    // 1970 began on a Thursday.
    let thursday = day - (day + 3).rem_euclid(7) + 3;
    let year = date(thursday)[..4].to_owned();
    let first = (0..366).find(|back| date(thursday - back)[..4] != year).unwrap_or(366);
    format!("{year}-W{:02}", (first - 1) / 7 + 1)
}

pub(super) fn month(day: i64) -> String {
    date(day)[..7].to_owned()
}

/// How the keys of a table are written.
pub(super) type Write = fn(&[u8]) -> String;

/// The hours of the lines of a block.
pub(super) struct Times {
    hours: Keyed,
    current: (Hour, RowNumber),
}

impl Times {
    pub(super) fn new() -> Self {
        Self { hours: Keyed::new(), current: (Hour::default(), RowNumber::NONE) }
    }

    /// Counts one line.
    #[inline]
    pub(super) fn add(&mut self, hour: Hour, tally: Tally) {
        if self.current.0 != hour || self.current.1 == RowNumber::NONE {
            self.current = (hour, self.hours.number(&hour.key()));
        }
        self.hours.add_at(self.current.1, tally);
    }

    pub(super) fn drop_first(&mut self, lines: usize, bytes: &[u64]) {
        self.hours.drop_first(lines, bytes);
    }

    pub(super) fn clear(&mut self) {
        if !self.hours.clear() {
            self.current.1 = RowNumber::NONE;
        }
    }
}

/// What a run counted by time.
pub(super) struct RunTimes {
    tables: Vec<(Table, Open)>,
    /// The first and the last day of a line.
    range: Option<(i64, i64)>,
}

impl RunTimes {
    pub(super) fn new(wanted: TableSet, limits: Limits) -> Self {
        let all = [Table::Hour, Table::Day, Table::Week, Table::Month];
        let wanted = all.into_iter().filter(|table| wanted.has(*table));
        Self { tables: wanted.map(|table| (table, Open::new(limits))).collect(), range: None }
    }

    /// Adds what a block counted.
    pub(super) fn absorb(
        &mut self,
        block: &mut Times,
        crowd: &mut Crowd,
        bytes: &[u64],
        wants: Wants,
    ) {
        let hours = &mut block.hours;
        for (table, open) in &mut self.tables {
            let day = |key: &[u8]| Hour::of_key(key).day();
            match table {
                Table::Week => open.absorb_as(hours, crowd, bytes, wants, |key| week(day(key))),
                Table::Month => open.absorb_as(hours, crowd, bytes, wants, |key| month(day(key))),
                Table::Day => open.absorb_as(hours, crowd, bytes, wants, |key| date(day(key))),
                _ => open.absorb_as(hours, crowd, bytes, wants, <[u8]>::to_vec),
            }
        }
        for row in hours.active() {
            let day = Hour::of_key(hours.key(row)).day();
            self.widen(day, day);
        }
    }

    /// Adds the people of the lines that wait.
    pub(super) fn settle(&mut self, crowd: &mut Crowd, wants: Wants) {
        self.tables.iter_mut().for_each(|(_, open)| open.settle(crowd, wants));
    }

    fn widen(&mut self, first: i64, last: i64) {
        let (known_first, known_last) = self.range.unwrap_or((first, last));
        self.range = Some((known_first.min(first), known_last.max(last)));
    }

    /// The first and the last day that has a line.
    pub(super) const fn range(&self) -> Option<(i64, i64)> {
        self.range
    }

    /// A table of times, and how its keys are written.
    pub(super) fn table(&self, wanted: Table) -> Option<(&Open, Write)> {
        let (_, open) = self.tables.iter().find(|(table, _)| *table == wanted)?;
        let write: Write = match wanted {
            Table::Hour => |key| Hour::of_key(key).written(),
            _ => |key| key.escape_ascii().to_string(),
        };
        Some((open, write))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day_of(text: &str) -> i64 {
        (6_000..50_000).find(|day| date(*day) == text).expect("a day")
    }

    #[test]
    fn weeks_are_those_of_the_calendar() {
        for (day, expect) in [
            ("2026-11-22", "2026-W47"),
            ("2026-11-23", "2026-W48"),
            ("2026-01-01", "2026-W01"),
            ("2027-01-01", "2026-W53"),
            ("2027-01-04", "2027-W01"),
            ("2024-12-30", "2025-W01"),
            ("2023-01-01", "2022-W52"),
        ] {
            assert_eq!(week(day_of(day)), expect, "{day}");
        }
        assert_eq!(month(day_of("2026-11-22")), "2026-11");
    }

    #[test]
    fn an_hour_is_its_key() {
        for hour in
            [Hour { start: 1_795_356_000, offset: 0 }, Hour { start: 631_152_000, offset: -34_200 }]
        {
            assert_eq!(Hour::of_key(&hour.key()), hour);
        }
        assert_eq!(
            Hour { start: 1_795_356_000, offset: -34_200 }.written(),
            "2026-11-22T04:30:00-09:30"
        );
    }
}
