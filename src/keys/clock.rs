//! The one place that reads clocks: what time people say it is, and how long the machine has run.
//!
//! Everything else takes a [`Moment`] as a value, so that tests bring their own. A day in the life of the whole program
//! needs a clock that goes faster: a program that is built for tests, with debug assertions, reads it from the file
//! that `TAMIS_TEST_CLOCK` names. What is built for use does not have that code, so nobody can make it believe that a
//! key is still, or not yet, to be kept.

use std::{
    fs,
    time::{SystemTime, UNIX_EPOCH},
};

use rustix::time::{ClockId, clock_gettime};

/// A moment by two clocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// Seconds since 1970 by the clock that people can set.
    pub unix: i64,
    /// Seconds since the machine was started, sleep included: nobody can set these.
    pub boot: i64,
    /// Another number after each start of the machine.
    pub session: u64,
}

impl Moment {
    /// When the machine was started, by the clock that people can set. It moves only when that is set.
    pub(super) const fn started(self) -> i64 {
        self.unix - self.boot
    }
}

/// What the clocks say.
#[must_use]
pub fn now() -> Moment {
    if let Some(told) = told() {
        return told;
    }
    let (unix, boot) = seconds();
    Moment { unix, boot, session: session() }
}

/// The seconds of a moment alone, by the clock that people can set and by the other one: for whoever asks often.
#[must_use]
pub fn seconds() -> (i64, i64) {
    if let Some(told) = told() {
        return (told.unix, told.boot);
    }
    let unix = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let boot = clock_gettime(ClockId::Boottime).tv_sec;
    (i64::try_from(unix).unwrap_or(i64::MAX), boot)
}

/// What a test says that the clocks say: both, and the name of the machine's run, as numbers.
#[cfg(debug_assertions)]
fn told() -> Option<Moment> {
    let path = std::env::var_os("TAMIS_TEST_CLOCK")?;
    let text = fs::read_to_string(path).expect("the test that named its clock keeps it");
    let mut numbers = text.split_whitespace().map(|word| word.parse::<i64>().expect("a number"));
    let mut next = || numbers.next().expect("three numbers");
    let (unix, boot, session) = (next(), next(), next());
    Some(Moment { unix, boot, session: session.unsigned_abs() })
}

/// Nobody tells a program that is built for use what time it is.
#[cfg(not(debug_assertions))]
const fn told() -> Option<Moment> {
    None
}

/// The beginning of the kernel's name for this run of the machine.
fn session() -> u64 {
    let name = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    let digits: String = name.chars().filter(char::is_ascii_hexdigit).take(16).collect();
    u64::from_str_radix(&digits, 16).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_machine_was_started_before_now() {
        let moment = now();
        assert!(moment.boot >= 0 && moment.started() <= moment.unix);
        assert_eq!(moment.session, now().session);
    }
}
