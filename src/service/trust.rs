//! Whether the clock may be believed when it says that something has been kept for long enough.
//!
//! What is destroyed does not come back, and a clock may be wrong: its battery is empty, or somebody wants it all gone.
//! So the clock that people set is held against the one that nobody sets, and across a start of the machine against
//! what it said last. Once it was set by more than an hour, nothing is destroyed for a day, in which somebody can see
//! the warning and set it right. A clock that goes wrong and comes back does no harm then, and one that was wrong and
//! is set right costs a day.
//!
//! Keys have a rule of their own, which errs on the other side (`keys/`): they are destroyed all the same.

use serde::{Deserialize, Serialize};

use crate::keys::Moment;

/// By how much the clock may be set. A network's time is right within seconds; an hour is what summer time is off.
const SET_SECONDS: u64 = 3_600;
/// How long nothing is destroyed after that.
const DOUBT_SECONDS: i64 = 86_400;
/// How far a machine that was off may go back: clocks of batteries are off by some seconds.
const BEHIND_SECONDS: i64 = 60;
/// How long a machine may be off before its clock needs to prove itself.
const OFF_SECONDS: i64 = 30 * 86_400;

/// What the clocks said, as it is kept with the state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Trust {
    unix: i64,
    boot: i64,
    session: u64,
    /// When doubt began, by the clock that nobody sets.
    doubted: Option<i64>,
}

impl Trust {
    /// What is to be thought of the clock at a start, given what an earlier run thought. Where there was none, nothing
    /// speaks for the clock yet.
    pub(super) fn begin(earlier: Option<Self>, now: Moment) -> Self {
        let Moment { unix, boot, session } = now;
        let fresh = Self { unix, boot, session, doubted: Some(boot) };
        match earlier {
            None => fresh,
            Some(mut earlier) if earlier.session == session => {
                earlier.look(unix, boot);
                earlier
            }
            Some(earlier) => {
                let is_near =
                    (earlier.unix - BEHIND_SECONDS..=earlier.unix + OFF_SECONDS).contains(&unix);
                let is_good = is_near && earlier.doubted.is_none();
                Self { doubted: (!is_good).then_some(boot), ..fresh }
            }
        }
    }

    /// Looks at the clocks. Says by how much the one was set, where that raises doubt.
    pub(super) fn look(&mut self, unix: i64, boot: i64) -> Option<i64> {
        let set_by = (unix - boot) - (self.unix - self.boot);
        if self.doubted.is_some_and(|since| boot - since >= DOUBT_SECONDS) {
            self.doubted = None;
        }
        if set_by.unsigned_abs() > SET_SECONDS {
            (self.unix, self.boot, self.doubted) = (unix, boot, Some(boot));
            return Some(set_by);
        }
        // The distance stays as it was, lest many small steps make a large one.
        (self.unix, self.boot) = (unix - set_by, boot);
        None
    }

    /// Whether something may be destroyed because of what the clock says.
    pub(super) const fn is_given(self) -> bool {
        self.doubted.is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = 86_400;
    const START: Moment = Moment { unix: 1_795_356_000, boot: 1_000, session: 1 };

    fn trusted() -> Trust {
        let mut trust = Trust::begin(None, START);
        assert!(!trust.is_given(), "nothing speaks for a clock that was never seen before");
        assert_eq!(trust.look(START.unix + DAY, START.boot + DAY), None);
        assert!(trust.is_given());
        trust
    }

    #[test]
    fn a_clock_that_was_set_destroys_nothing_for_a_day() {
        let (unix, boot) = (START.unix + DAY, START.boot + DAY);
        for (set_by, expect) in [(3_600, true), (-3_600, true), (3_601, false), (-3_601, false)] {
            let mut trust = trusted();
            trust.look(unix + 60 + set_by, boot + 60);
            assert_eq!(trust.is_given(), expect, "{set_by}");
            trust.look(unix + DAY + set_by, boot + DAY);
            assert_eq!(trust.is_given(), expect, "{set_by} after a day less a minute");
            trust.look(unix + DAY + 60 + set_by, boot + DAY + 60);
            assert!(trust.is_given(), "{set_by} after a day");
        }
    }

    #[test]
    fn many_small_steps_are_one_large_one() {
        let (mut trust, unix, boot) = (trusted(), START.unix + DAY, START.boot + DAY);
        assert_eq!(trust.look(unix + 60 + 2_000, boot + 60), None);
        assert_eq!(trust.look(unix + 120 + 4_000, boot + 120), Some(4_000));
        assert!(!trust.is_given());
    }

    #[test]
    fn sleep_is_no_step() {
        let mut trust = trusted();
        assert_eq!(trust.look(START.unix + 9 * DAY, START.boot + 9 * DAY), None);
        assert!(trust.is_given());
    }

    #[test]
    fn a_start_is_held_against_what_was_said_last() {
        let trust = trusted();
        let said = START.unix + DAY;
        let restart =
            |unix, boot, session| Trust::begin(Some(trust), Moment { unix, boot, session });
        assert!(
            restart(said + 10, START.boot + DAY + 10, 1).is_given(),
            "the same run of the machine"
        );
        assert!(
            !restart(said + 2 * DAY, START.boot + DAY + 10, 1).is_given(),
            "set while it was away"
        );
        assert!(restart(said + 20 * DAY, 5, 2).is_given(), "off for twenty days");
        assert!(!restart(said + 31 * DAY, 5, 2).is_given());
        assert!(!restart(said - 61, 5, 2).is_given());
        assert!(!restart(0, 5, 2).is_given(), "an empty battery");
        let mut doubting = trust;
        doubting.look(said + 5 * DAY, START.boot + DAY);
        assert!(
            !Trust::begin(Some(doubting), Moment { unix: said + 5 * DAY, boot: 9, session: 2 })
                .is_given()
        );
    }
}
