//! How long a response took: read in the unit of its format, told in a series of preferred numbers.
//!
//! A time to the millisecond beside other fields can find a request again in somebody else's log. So what is
//! told is the next of 1, 2, 5, 10, 20, 50 and so on milliseconds, rounded up.

use crate::field::DurationUnit;

/// The longest duration that is told, in milliseconds: 50,000,000 of them are more than half a day.
const MILLISECONDS_MAX: u64 = 50_000_000;

/// The duration in whole milliseconds, rounded up; nothing for what is no duration, such as `-`.
#[must_use]
pub fn milliseconds(_text: &[u8], _unit: DurationUnit) -> Option<u64> {
    None
}

/// The next number of the series 1, 2, 5, 10, 20, 50, in milliseconds. Zero stays zero.
#[must_use]
pub fn bucket(milliseconds: u64) -> u64 {
    milliseconds.min(MILLISECONDS_MAX)
}
