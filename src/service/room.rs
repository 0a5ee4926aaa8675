//! Full disks: whatever has no room is tried again until there is some, and it is told what is waited for.
//!
//! Meanwhile whoever waits has the turn, so that all sources stand still: files keep what they have. A service that was
//! asked to end waits a little while only; what is not committed then was never there, and is read again.

use std::{
    io,
    sync::{
        OnceLock,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use super::{board::Level, error::ServiceError, outlet::Outlet};

/// How long to wait for room before it is looked again.
const PATIENCE: Duration = Duration::from_millis(200);
/// How long a service that was asked to end waits for room. Nothing of files is lost then: what was not committed is
/// read again.
const GRACE: Duration = Duration::from_secs(5);

/// What asks the service to end.
#[derive(Debug, Default)]
pub(super) struct Stop {
    /// Since when sources are to end where they are.
    ending: OnceLock<Instant>,
    /// Nothing is waited for any more.
    giving_up: AtomicBool,
}

impl Stop {
    pub(super) fn end(&self) {
        self.ending.get_or_init(Instant::now);
    }

    pub(super) fn give_up(&self) {
        self.end();
        self.giving_up.store(true, Ordering::SeqCst);
    }

    pub(super) fn is_ending(&self) -> bool {
        self.ending.get().is_some()
    }

    /// Whether nothing is waited for any more, because somebody asked twice or something failed.
    pub(super) fn is_given_up(&self) -> bool {
        self.giving_up.load(Ordering::SeqCst)
    }

    /// Whether room is not waited for any more.
    pub(super) fn gives_up(&self) -> bool {
        self.giving_up.load(Ordering::SeqCst)
            || self.ending.get().is_some_and(|since| since.elapsed() >= GRACE)
    }
}

/// For what there must be room.
#[derive(Clone, Copy)]
pub(super) enum Room {
    /// With what is done to the output.
    Output(&'static str),
    State,
}

impl Outlet {
    /// Does something again and again until there is room for it; meanwhile sources wait, and files keep what they
    /// have.
    pub(super) fn patiently(
        &mut self,
        room: Room,
        mut act: impl FnMut(&mut Self) -> io::Result<()>,
    ) -> Result<(), ServiceError> {
        let (word, what) = match room {
            Room::Output(what) => ("output", what),
            Room::State => ("state", "keep how far the service is in"),
        };
        let place = |outlet: &Self| match room {
            Room::Output(_) => outlet.output.place(),
            Room::State => outlet.state_path.clone(),
        };
        let (mut was_said, mut ending) = (None, None::<Instant>);
        loop {
            let error = match act(self) {
                Ok(()) => break,
                Err(error) if may_pass(&error) => error,
                Err(error) => return Err(ServiceError::io(what, place(self))(error)),
            };
            self.board.wait(word);
            let gives_up = if is_full(&error) {
                self.stop.gives_up()
            } else {
                // Whoever takes records may be ending as well.
                let is_over = |since: Instant| since.elapsed() > GRACE;
                let ends = self.stop.is_ending();
                self.stop.is_given_up() || ends && is_over(*ending.get_or_insert_with(Instant::now))
            };
            if gives_up {
                return Err(ServiceError::io(what, place(self))(error));
            }
            if error.kind() == io::ErrorKind::TimedOut {
                continue;
            }
            if was_said.is_none() {
                let until = if is_full(&error) { "there is room" } else { "somebody takes them" };
                let place = place(self);
                let place = place.display();
                let what = format!("cannot {what} {place}: {error}; sources wait until {until}");
                (self.say)(Level::Warning, &what);
                was_said = Some(until);
            }
            thread::sleep(PATIENCE);
        }
        if let Some(what) = was_said {
            (self.say)(Level::Notice, &format!("{what} again, and sources go on"));
        }
        self.board.go_on();
        Ok(())
    }

    /// Counts are the second half of a commit: the moment at which they are in the store is the moment of all.
    pub(super) fn record(&mut self, lines: &[(&'static str, u64)]) -> Result<(), ServiceError> {
        let mut was_said = false;
        loop {
            let Some(recorder) = &mut self.rules.recorder else { return Ok(()) };
            match recorder.step(lines) {
                Ok(()) => break,
                Err(error) if error.may_pass() && !self.stop.gives_up() => {
                    if !was_said {
                        (self.say)(Level::Warning, &format!("waiting: {error}"));
                        was_said = true;
                    }
                    self.board.wait("counts");
                    thread::sleep(PATIENCE);
                }
                Err(error) => return Err(ServiceError::Record(error)),
            }
        }
        self.board.go_on();
        Ok(())
    }
}

/// Whether it may be otherwise after a while: there is no room, or nobody takes records.
fn may_pass(error: &io::Error) -> bool {
    is_full(error) || matches!(error.kind(), io::ErrorKind::NotConnected | io::ErrorKind::TimedOut)
}

/// Whether there is no room.
fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}
