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
    notify::{Notify, watchdog},
    work::Line,
};

/// How often it is looked whether something is due.
const STEP: Duration = Duration::from_millis(50);
/// How often keys are looked after, and things are told.
const SECOND: Duration = Duration::from_secs(1);
/// How often it is looked what has been kept for long enough.
const HOUR: Duration = Duration::from_secs(3_600);
/// How long somebody may be at work in the outlet before the service counts as stuck. A disk may be slow; one that is
/// full is waited for, and told.
const STUCK: Duration = Duration::from_secs(30);

/// See above.
pub(super) struct Ticker {
    pub(super) line: Arc<Line>,
    pub(super) board: Arc<Board>,
    pub(super) is_done: Arc<AtomicBool>,
    pub(super) tend: Box<dyn Fn() -> bool + Send>,
}

impl Ticker {
    pub(super) fn run(self) {
        let (mut second, mut hour) = (Instant::now(), None::<Instant>);
        while !self.is_done.load(Ordering::SeqCst) {
            self.line.tend();
            if second.elapsed() >= SECOND {
                second = Instant::now();
                let is_good = (self.tend)();
                self.board.tell(|facts| facts.keys_in_trouble = !is_good);
                if let Some(outlet) = self.line.try_outlet() {
                    outlet.tell();
                }
            }
            if hour.is_none_or(|hour| hour.elapsed() >= HOUR)
                && let Some(mut outlet) = self.line.try_outlet()
            {
                hour = Some(Instant::now());
                outlet.expire();
            }
            sleep(STEP);
        }
    }
}

/// What tells systemd how the service is. It takes no part in the work, for that may wait for room.
pub(super) struct Watchdog {
    pub(super) line: Arc<Line>,
    pub(super) board: Arc<Board>,
    pub(super) notify: Arc<Notify>,
    pub(super) is_done: Arc<AtomicBool>,
}

impl Watchdog {
    pub(super) fn run(self) {
        let watchdog = watchdog();
        let (mut second, mut barked, mut moved) = (Instant::now(), Instant::now(), Instant::now());
        while !self.is_done.load(Ordering::SeqCst) {
            if self.board.is_waiting() || self.line.try_outlet().is_some() {
                moved = Instant::now();
            }
            if watchdog.is_some_and(|every| barked.elapsed() >= every) && moved.elapsed() < STUCK {
                barked = Instant::now();
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
