//! What is done by the clock: commits while no line comes, keys, what is over, and the watchdog, which has a thread of
//! its own.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::sleep,
    time::{Duration, Instant},
};

use super::{
    board::Board,
    clock,
    notify::{Notify, watchdog},
    work::Line,
};

/// How often it is looked whether something is due.
const STEP: Duration = Duration::from_millis(50);
/// How often things are told.
const SECOND: Duration = Duration::from_secs(1);
/// How often it is looked what has been kept for long enough, in seconds of the clock that nobody sets. It goes on
/// while the machine sleeps.
const HOUR: i64 = 3_600;
/// How long nothing may move although there is something to do before the service counts as stuck, where the watchdog
/// is more patient. A disk may be slow; one that is full is waited for, and told.
const STUCK: Duration = Duration::from_secs(30);

/// See above.
pub(super) struct Ticker {
    pub(super) line: Arc<Line>,
    pub(super) board: Arc<Board>,
    pub(super) is_done: Arc<AtomicBool>,
    /// Whether nobody was at work in the outlet when it was looked last, for the watchdog.
    pub(super) is_free: Arc<AtomicBool>,
    pub(super) tend: Box<dyn Fn() -> bool + Send>,
}

impl Ticker {
    pub(super) fn run(self) {
        let (mut second, mut hour) = (None, None::<i64>);
        while !self.is_done.load(Ordering::SeqCst) {
            self.is_free.store(false, Ordering::SeqCst);
            let is_free = self.line.tend();
            self.is_free.store(is_free, Ordering::SeqCst);
            let steady = clock().steady;
            if hour.is_none_or(|hour| steady - hour >= HOUR)
                && let Some(mut outlet) = self.line.try_outlet()
            {
                hour = Some(steady);
                outlet.expire();
            }
            if second != Some(steady) {
                second = Some(steady);
                self.look_after();
            }
            sleep(STEP);
        }
    }

    /// Once a second.
    fn look_after(&self) {
        let is_good = (self.tend)();
        self.board.tell(|facts| facts.keys_in_trouble = !is_good);
        if let Some(mut outlet) = self.line.try_outlet() {
            outlet.look_at_clock();
            outlet.tell();
        }
    }
}

/// What tells systemd how the service is. It takes no part in the work, for that may wait for room.
pub(super) struct Watchdog {
    pub(super) line: Arc<Line>,
    pub(super) board: Arc<Board>,
    pub(super) notify: Arc<Notify>,
    pub(super) is_done: Arc<AtomicBool>,
    pub(super) is_free: Arc<AtomicBool>,
}

impl Watchdog {
    pub(super) fn run(self) {
        let watchdog = watchdog();
        let (mut second, mut barked) = (Instant::now(), Instant::now());
        let mut pulse = Pulse::new(Instant::now());
        while !self.is_done.load(Ordering::SeqCst) {
            let now = Instant::now();
            let is_free = self.is_free.load(Ordering::SeqCst);
            pulse.feel(now, self.line.progress(), is_free, self.board.is_waiting());
            if let Some((every, patience)) = watchdog
                && now.duration_since(barked) >= every
                && pulse.is_alive(now, patience.min(STUCK))
            {
                barked = now;
                self.notify.say("WATCHDOG=1");
            }
            if second.elapsed() >= SECOND {
                second = Instant::now();
                self.notify.say(&format!("STATUS={}", self.board.status()));
            }
            sleep(STEP);
        }
    }
}

/// Whether the service makes progress: something came through, or there is nothing to do, or room is waited for.
struct Pulse {
    through: u64,
    moved: Instant,
}

impl Pulse {
    const fn new(now: Instant) -> Self {
        Self { through: 0, moved: now }
    }

    /// Takes notice of how many items were taken and came through, whether nobody is at work in the outlet, and whether
    /// room is waited for.
    fn feel(&mut self, now: Instant, (taken, through): (u64, u64), is_free: bool, waits: bool) {
        if waits || through != self.through || (is_free && taken == through) {
            self.moved = now;
        }
        self.through = through;
    }

    fn is_alive(&self, now: Instant, patience: Duration) -> bool {
        now.duration_since(self.moved) < patience
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_has_something_to_do_and_does_not_move_is_stuck() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut pulse = Pulse::new(start);
        let mut check = |seconds, progress, is_free, waits, expect: bool| {
            pulse.feel(at(seconds), progress, is_free, waits);
            let found = pulse.is_alive(at(seconds), Duration::from_secs(30));
            assert_eq!(found, expect, "after {seconds} s");
        };
        check(100, (0, 0), true, false, true);
        // A worker has something and does not come back; the outlet is free.
        check(101, (1, 0), true, false, true);
        check(129, (1, 0), true, false, true);
        check(130, (1, 0), true, false, false);
        check(131, (1, 1), true, false, true);
        // Somebody stays in the outlet.
        check(140, (1, 1), false, false, true);
        check(161, (1, 1), false, false, false);
        check(162, (1, 1), true, false, true);
        // Under load there is always something on its way.
        check(190, (8, 6), false, false, true);
        check(219, (20, 18), false, false, true);
        // A full disk.
        check(400, (20, 18), false, true, true);
    }
}
