//! What a worker remembers of the last time it has read: a log has thousands of lines in each minute.

use super::{
    DAY, FIRST, Grain, MINUTE, Timestamp,
    notation::{
        CLF_BYTES, Reader, parse_any, parse_clf, parse_date_and_time, read_time_of_day, two,
    },
};
use crate::field::Reason;

/// Remembers the last minute that was read in the Common Log Format, the last in the notation of ISO 8601,
/// and the last date that a format kept apart.
///
/// It holds the text of a time down to its minute, which is no more than the baseline writes; it
/// has no `Debug` all the same, for a coarser policy may be in force. Equal in every case to
/// [`parse_clf`], [`parse_any`] and [`parse_date_and_time`], including refusals: only a time that was
/// read is remembered.
pub struct ClfMemo {
    clf: Minute,
    /// The first second of that minute.
    clf_start: i64,
    iso: IsoMinute,
    iso_start: i64,
    date: [u8; DATE_BYTES],
    date_start: i64,
}

const DATE_BYTES: usize = 10;

/// All bytes of a time in the Common Log Format but those of its second, as two numbers that compare at once.
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

/// All bytes of a time of ISO 8601 but those of its second and fraction, likewise.
#[derive(Clone, Copy, PartialEq, Eq)]
struct IsoMinute(u128, u64);

impl IsoMinute {
    /// The minute, and the second in it; nothing for what is no time of this notation, and also for some
    /// that are none only on a closer look.
    #[inline]
    fn of(text: &[u8]) -> Option<(Self, i64)> {
        let (head, rest) = text.split_first_chunk()?;
        let ([b':', tens, ones], rest) = rest.split_first_chunk()? else { return None };
        let second = two(*tens, *ones).filter(|second| *second <= 60)?;
        let mut zone = Reader(rest);
        zone.fraction()?;
        // The longest zone is ` +hh:mm`; its length stands in the byte that it leaves free.
        if zone.0.len() > 7 {
            return None;
        }
        let packed = zone.0.iter().fold(0, |packed, byte| packed << 8 | u64::from(*byte));
        let length = zone.0.len() as u64;
        Some((Self(u128::from_le_bytes(*head), length << 56 | packed), second.min(59)))
    }
}

impl Default for ClfMemo {
    /// Remembers the first minute of 1990: a true answer, so that no empty state needs a check.
    fn default() -> Self {
        let clf = Minute::of(b"01/Jan/1990:00:00:00 +0000").expect("it has 26 bytes");
        let (iso, _) = IsoMinute::of(b"1990-01-01T00:00:00Z").expect("it has this notation");
        let date = *b"1990-01-01";
        Self { clf, clf_start: FIRST, iso, iso_start: FIRST, date, date_start: FIRST }
    }
}

impl ClfMemo {
    /// Reads a time as [`parse_clf`] does, and remembers its minute.
    ///
    /// # Errors
    ///
    /// Those of [`parse_clf`].
    #[inline(always)]
    pub fn parse(&mut self, text: &[u8]) -> Result<Timestamp, Reason> {
        let Ok(text) = <&[u8; CLF_BYTES]>::try_from(text) else { return Err(Reason::BadTime) };
        match (Minute::of(text), two(text[18], text[19])) {
            (Some(minute), Some(second)) if minute == self.clf && second <= 60 => {
                Ok(Timestamp(self.clf_start + second.min(59)))
            }
            (Some(minute), _) => self.parse_new_clf(minute, text),
            (None, _) => Err(Reason::BadTime),
        }
    }

    /// Reads a time as [`parse_any`] does, and remembers its minute if it has one of two notations.
    ///
    /// # Errors
    ///
    /// Those of [`parse_any`].
    #[inline(always)]
    pub fn parse_any(&mut self, text: &[u8]) -> Result<Timestamp, Reason> {
        // With a space at this place there is neither a fraction nor a day of one digit.
        if text.len() == CLF_BYTES && text[2] == b'/' && text[20] == b' ' {
            return self.parse(text);
        }
        if text.get(4) == Some(&b'-') {
            return self.parse_iso(text);
        }
        parse_any(text)
    }

    /// Reads a date and a time of day as [`parse_date_and_time`] does, and remembers the date.
    ///
    /// # Errors
    ///
    /// Those of [`parse_date_and_time`].
    #[inline]
    pub fn parse_date_and_time(&mut self, date: &[u8], time: &[u8]) -> Result<Timestamp, Reason> {
        if *date == self.date {
            // All of a day is in range if any of it is.
            let second = read_time_of_day(time).ok_or(Reason::BadTime)?;
            return Ok(Timestamp(self.date_start + second));
        }
        let found = parse_date_and_time(date, time)?;
        if let Ok(date) = <[u8; DATE_BYTES]>::try_from(date) {
            (self.date, self.date_start) = (date, found.0 - found.0 % DAY);
        }
        Ok(found)
    }

    #[inline(never)]
    fn parse_iso(&mut self, text: &[u8]) -> Result<Timestamp, Reason> {
        match IsoMinute::of(text) {
            Some((minute, second)) if minute == self.iso => Ok(Timestamp(self.iso_start + second)),
            minute => self.parse_new_iso(minute.map(|(minute, _)| minute), text),
        }
    }

    #[cold]
    fn parse_new_iso(
        &mut self,
        minute: Option<IsoMinute>,
        text: &[u8],
    ) -> Result<Timestamp, Reason> {
        let time = parse_any(text)?;
        if let Some(minute) = minute {
            (self.iso, self.iso_start) = (minute, time.floor(Grain::Minute).0);
        }
        Ok(time)
    }

    #[cold]
    fn parse_new_clf(&mut self, minute: Minute, text: &[u8]) -> Result<Timestamp, Reason> {
        let time = parse_clf(text)?;
        // Offsets are whole minutes, so that the minute here and in UTC begin together, and all
        // seconds of a minute are in range if one of them is.
        const { assert!(FIRST % MINUTE == 0) };
        (self.clf, self.clf_start) = (minute, time.floor(Grain::Minute).0);
        Ok(time)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{super::LAST, *};

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

    #[test]
    fn so_it_is_with_iso_8601() {
        let mut memo = ClfMemo::default();
        for input in [
            "2026-11-22T14:05:37Z",
            "2026-11-22T14:05:38Z",
            "2026-11-22T14:05:38.5Z",
            "2026-11-22T14:05:60,123456789Z",
            "2026-11-22T14:05:60,1234567890Z",
            "2026-11-22T14:05:61Z",
            "2026-11-22T14:05:38.Z",
            "2026-11-22T14:05:38",
            "2026-11-22T14:05:39",
            "2026-11-22T14:05:39.867",
            "2026-11-22T14:05 39.867",
            "2026-11-22T14:05:3x",
            "2026-11-22T14:05",
            "2026-11-22 14:05:39",
            "2026-11-22T14:05:39+01:00",
            "2026-11-22T14:05:40+01:00",
            "2026-11-22T14:05:40+01:00Z",
            "2026-11-22T14:05:40 +01:00",
            "2026-11-22T14:05:40 +0100",
            "2026-11-22T14:05:40+01",
            "2026-11-22T14:05:40-01",
            "2026-11-22T14:05:40\0-01",
            "1989-12-31T23:59:59Z",
            "1989-12-31T23:59:58Z",
            "2026-99-22T14:05:40-01",
            "22/Nov/2026:14:05:37 +0000",
            "22/Nov/2026:14:05:37.12345",
            "1/Apr/2014:00:00:01 -0500",
            "1795356337",
            "2026-11-22T14:05:40-01",
        ] {
            assert_eq!(memo.parse_any(input.as_bytes()), parse_any(input.as_bytes()), "{input}");
        }
    }

    /// Text of a time in one of the notations that are remembered, perhaps with a byte changed.
    fn written() -> impl Strategy<Value = Vec<u8>> {
        let moments =
            prop_oneof![FIRST..=LAST, FIRST..FIRST + 120, 1_795_356_300..1_795_356_420i64];
        let tails =
            proptest::sample::select(vec!["Z", "", ".5", ".867Z", "+01:00", ",123456-0030"]);
        let change = proptest::option::of((0..30usize, any::<u8>()));
        (moments, tails, any::<bool>(), change).prop_map(|(seconds, tail, is_clf, change)| {
            let time = Timestamp::from_unix(seconds).unwrap();
            let mut out = Vec::new();
            if is_clf {
                time.write_clf(&mut out);
            } else {
                time.write_rfc3339(&mut out);
                out.pop();
                out.extend_from_slice(tail.as_bytes());
            }
            if let Some((at, byte)) = change {
                let at = at % out.len();
                out[at] = byte;
            }
            out
        })
    }

    proptest! {
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
        fn the_memo_equals_the_reader_of_any_notation(
            times in proptest::collection::vec(written(), 1..30),
        ) {
            let mut memo = ClfMemo::default();
            for time in times {
                prop_assert_eq!(memo.parse_any(&time), parse_any(&time));
                if let (Some(date), Some(clock)) = (time.get(..10), time.get(11..)) {
                    let found = parse_date_and_time(date, clock);
                    prop_assert_eq!(memo.parse_date_and_time(date, clock), found);
                    let found = parse_date_and_time(date, b"14:05:37");
                    prop_assert_eq!(memo.parse_date_and_time(date, b"14:05:37"), found);
                }
            }
        }
    }
}
