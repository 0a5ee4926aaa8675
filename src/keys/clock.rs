//! The one place that reads clocks: what time people say it is, and how long the machine has run.
//!
//! Everything else takes a [`Moment`] as a value, so that tests bring their own.

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
    let (unix, boot) = seconds();
    Moment { unix, boot, session: session() }
}

/// The seconds of a moment alone, by the clock that people can set and by the other one: for whoever asks often.
#[must_use]
pub fn seconds() -> (i64, i64) {
    let unix = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let boot = clock_gettime(ClockId::Boottime).tv_sec;
    (i64::try_from(unix).unwrap_or(i64::MAX), boot)
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
