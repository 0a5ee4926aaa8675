//! What happens beside the work: signals, counts while running, the progress bar.
//!
//! One thread waits for whichever comes first. SIGTERM lets the input end for up to five seconds,
//! because Apache sends it before it closes the pipe; SIGINT, or a second SIGTERM, stops the
//! reading at once; in both cases all that was read is finished. SIGHUP opens the output anew.

use std::{
    sync::mpsc,
    thread::{self, Scope},
    time::Duration,
};

use anyhow::{Context, Result};
use crossbeam_channel::{Receiver, Sender, after, never, select, tick, unbounded};
use indicatif::ProgressBar;
use signal_hook::{
    consts::{SIGHUP, SIGINT, SIGTERM},
    iterator::{Handle, Signals},
    low_level::emulate_default_handler,
};

use crate::{engine::Engine, source::Progress};

/// How long the input may still go on after SIGTERM.
const GRACE: Duration = Duration::from_secs(5);
/// How often the progress bar moves.
const BAR_INTERVAL: Duration = Duration::from_millis(100);
/// How often keys are looked after: no key outlives its time by more.
const KEYS_INTERVAL: Duration = Duration::from_secs(1);

/// Writes the counts of a running engine.
pub(super) type WriteCounts<'a> = &'a (dyn Fn(&Engine) + Sync);

/// Looks after the keys of a run.
pub(super) type TendKeys<'a> = &'a (dyn Fn() + Sync);

/// What the control thread does beside signals.
pub(super) struct Duties<'a> {
    /// How often to write the counts, and how.
    pub(super) counts: Option<(Duration, WriteCounts<'a>)>,
    /// How to look after the keys.
    pub(super) keys: Option<TendKeys<'a>>,
    /// The bar, and what it shows.
    pub(super) bar: Option<(ProgressBar, Progress)>,
}

/// Ends the control thread when the work is done.
pub(super) struct Control {
    done: Sender<()>,
    signals: Handle,
    ended: mpsc::Receiver<()>,
}

impl Control {
    /// Starts the control thread beside `engine`.
    pub(super) fn start<'scope>(
        scope: &'scope Scope<'scope, '_>,
        engine: &'scope Engine,
        duties: Duties<'scope>,
    ) -> Result<Self> {
        let mut signals =
            Signals::new([SIGTERM, SIGINT, SIGHUP]).context("cannot listen to signals")?;
        let handle = signals.handle();
        let (signal_sender, signal_receiver) = unbounded();
        let (done, done_receiver) = unbounded();
        let (ended_sender, ended) = mpsc::channel();
        thread::Builder::new().name("signals".to_owned()).spawn(move || {
            for signal in signals.forever() {
                if signal_sender.send(signal).is_err() {
                    return;
                }
            }
        })?;
        thread::Builder::new().name("control".to_owned()).spawn_scoped(scope, move || {
            attend(engine, &duties, &signal_receiver, &done_receiver);
            if let Some((bar, _)) = &duties.bar {
                bar.finish_and_clear();
            }
            let _ = ended_sender.send(());
        })?;
        Ok(Self { done, signals: handle, ended })
    }

    /// Ends the control thread.
    pub(super) fn stop(self) {
        let _ = self.done.send(());
        let _ = self.ended.recv();
        self.signals.close();
    }
}

fn attend(engine: &Engine, duties: &Duties<'_>, signals: &Receiver<i32>, done: &Receiver<()>) {
    let counts_due = duties.counts.as_ref().map_or_else(never, |(every, _)| tick(*every));
    let keys_due = duties.keys.as_ref().map_or_else(never, |_| tick(KEYS_INTERVAL));
    let bar_due = duties.bar.as_ref().map_or_else(never, |_| tick(BAR_INTERVAL));
    let mut grace_over = never();
    let mut asked_to_stop = 0;
    loop {
        select! {
            recv(done) -> _ => return,
            recv(grace_over) -> _ => engine.stop_reading(),
            recv(counts_due) -> _ => {
                if let Some((_, write)) = &duties.counts {
                    write(engine);
                }
            }
            recv(keys_due) -> _ => {
                if let Some(tend) = duties.keys {
                    tend();
                }
            }
            recv(bar_due) -> _ => {
                if let Some((bar, progress)) = &duties.bar {
                    bar.set_position(progress.taken());
                }
            }
            recv(signals) -> signal => match signal {
                Ok(SIGHUP) => engine.reopen_sink(),
                Ok(SIGTERM) if asked_to_stop == 0 => {
                    asked_to_stop = 1;
                    grace_over = after(GRACE);
                }
                Ok(signal) if asked_to_stop >= 2 => {
                    // Asked again after the reading was stopped: whatever holds up the output is not
                    // worth more patience.
                    let _ = emulate_default_handler(signal);
                }
                Ok(_) => {
                    asked_to_stop = 2;
                    engine.stop_reading();
                }
                Err(_) => return,
            },
        }
    }
}
