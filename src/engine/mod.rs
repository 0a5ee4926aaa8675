//! The machine: blocks in, batches out, in order, in bounded memory.
//!
//! Each worker takes the next block from the reader under a lock, makes a batch of it with nobody else's
//! help, waits for its turn and writes the batch. So the output has the order of the input and its bytes do
//! not depend on how many workers there are or how large a block is. There are as many
//! blocks and batches as workers and one more block in the reader: that is the memory bound. Compared with
//! a reader and a writer thread joined by channels, a prototype took a fifth less time on one file.
//!
//! Counts and the tally are merged in the same turn: no lock is taken within a block.

mod releasing;
mod sealing;
mod tally;
mod worker;

use std::{
    panic::{self, AssertUnwindSafe},
    sync::{
        Condvar, Mutex, MutexGuard, PoisonError, TryLockError,
        atomic::{AtomicBool, Ordering},
    },
};

use rayon::ThreadPoolBuilder;

pub use releasing::Releasing;
pub use sealing::Sealing;
pub use tally::Tally;
pub use worker::{Batch, Worker};

use self::releasing::Outlet;
use crate::{
    counts::{Counts, RecordError, Recorder},
    emit::Rendered,
    privacy::{RawBlock, Sentry},
    quarantine::{QuarantineError, store::Totals},
    sink::{Sink, SinkError},
    source::{Progress, Reader, Waker},
};

/// Why a run ended before its input did.
#[derive(Debug)]
#[non_exhaustive]
pub enum EngineError {
    /// The output cannot take more.
    Sink(SinkError),
    /// The quarantine cannot take more.
    Quarantine(QuarantineError),
    /// The counts cannot be recorded.
    Record(RecordError),
    /// The quarantine that several engines share has ended, for a reason that is said once for all.
    Closed,
    /// The threads could not be started.
    Threads,
    /// A worker ended in a panic, whose place was printed.
    Worker,
}

impl std::fmt::Display for EngineError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Sink(error) => error.fmt(f),
            Self::Quarantine(error) => error.fmt(f),
            Self::Record(error) => error.fmt(f),
            Self::Closed => f.write_str(
                "the quarantine takes no more lines; what is wrong with it is said below, and once that is \
                 mended, run again",
            ),
            Self::Threads => f.write_str("cannot start the worker threads; try fewer with --threads"),
            Self::Worker => f.write_str(
                "a worker stopped because of a mistake in tamis; what was written is clean and in order",
            ),
        }
    }
}

impl std::error::Error for EngineError {}

/// What the workers write to in turn.
struct Output {
    turn: u64,
    /// The turn of which the sentry has not yet answered what was noticed, and the sentry.
    judged: u64,
    sentry: Option<Sentry>,
    /// What stands before all batches of a file, and whether it is still to be written.
    header: Rendered,
    header_is_due: bool,
    sink: Sink,
    /// What holds records, where the policy asks for it.
    releasing: Option<Releasing>,
    /// What writes the lines that are sealed.
    sealing: Option<Sealing>,
    /// What it did, when it is done.
    sealed: Totals,
    counts: Option<Counts>,
    /// What keeps counts by window.
    recorder: Option<Recorder>,
    tally: Tally,
    failure: Option<EngineError>,
    /// Why the file could not be opened anew; the old one stayed in use.
    not_reopened: Option<SinkError>,
}

impl Output {
    /// Writes the header before anything else, unless it stands there from an earlier run.
    fn begin(&mut self) -> Result<(), SinkError> {
        if !std::mem::take(&mut self.header_is_due) || self.sink.continues() {
            return Ok(());
        }
        self.tally.bytes_out += self.header.as_bytes().len() as u64;
        self.sink.write(&self.header)
    }

    /// Writes what a batch has, or what was held to the end where there is no batch any more.
    fn write(&mut self, batch: Option<&mut Batch>) -> Result<(), SinkError> {
        self.begin()?;
        match (&mut self.releasing, batch) {
            (Some(releasing), batch) => {
                let Self { sink, counts, recorder, tally, .. } = self;
                let outlet =
                    Outlet { sink, counts: counts.as_mut(), recorder: recorder.as_mut(), tally };
                releasing.pass(batch.and_then(Batch::held_mut), outlet)
            }
            (None, Some(batch)) => self.sink.write(batch.rendered()),
            (None, None) => Ok(()),
        }
    }

    /// Hands over the lines of a batch that are to be sealed.
    fn seal(&mut self, batch: &mut Batch) -> Result<(), EngineError> {
        match (&mut self.sealing, batch.take_parcel()) {
            (Some(sealing), Some(parcel)) => {
                self.tally.sealed += parcel.lines();
                sealing.put(parcel)
            }
            _ => Ok(()),
        }
    }
}

impl Output {
    /// Adds what a batch counted.
    fn count(&mut self, batch: &mut Batch) -> Result<(), EngineError> {
        let Some(block) = batch.counts_mut() else {
            // Records that are held were counted when they were released.
            return match &mut self.recorder {
                Some(recorder) => recorder.tend(&self.tally.lines()).map_err(EngineError::Record),
                None => Ok(()),
            };
        };
        if let Some(counts) = &mut self.counts {
            counts.absorb(block);
        }
        let recorded = match &mut self.recorder {
            Some(recorder) => recorder.absorb(block, &self.tally.lines()),
            None => Ok(()),
        };
        block.clear();
        recorded.map_err(EngineError::Record)
    }
}

/// The blocks still to come, each with the number of its turn.
struct Input {
    turn: u64,
    reader: Reader,
}

/// A run over one reader and one sink.
pub struct Engine {
    input: Mutex<Input>,
    output: Mutex<Output>,
    turn_passed: Condvar,
    reopen_is_due: AtomicBool,
    has_sentry: bool,
    progress: Progress,
    waker: Waker,
}

/// What a run leaves.
pub struct Finished {
    /// The reader, with what went wrong in it.
    pub reader: Reader,
    /// The sink, of which not all may be written yet.
    pub sink: Sink,
    /// The counts, if any were asked for.
    pub counts: Option<Counts>,
    /// What keeps counts by window, if anything does; what it has not recorded yet is still to be.
    pub recorder: Option<Recorder>,
    /// How many lines came and went.
    pub tally: Tally,
    /// What the quarantine took.
    pub sealed: Totals,
    /// Why the run ended early, if it did.
    pub failure: Option<EngineError>,
    /// Why the output's file could not be opened anew when that was last asked for and failed.
    pub not_reopened: Option<SinkError>,
}

impl Engine {
    /// An engine between `reader` and `sink`.
    #[must_use]
    pub fn new(reader: Reader, header: Rendered, sink: Sink, counts: Option<Counts>) -> Self {
        let tally = Tally::default();
        Self {
            progress: reader.progress(),
            waker: reader.waker(),
            input: Mutex::new(Input { turn: 0, reader }),
            output: Mutex::new(Output {
                turn: 0,
                judged: 0,
                sentry: None,
                header,
                header_is_due: true,
                sink,
                releasing: None,
                sealing: None,
                sealed: Totals::default(),
                counts,
                recorder: None,
                tally,
                failure: None,
                not_reopened: None,
            }),
            turn_passed: Condvar::new(),
            reopen_is_due: AtomicBool::new(false),
            has_sentry: false,
        }
    }

    /// The engine with what holds records, for a policy that asks for it.
    #[must_use]
    pub fn with_releasing(mut self, releasing: Option<Releasing>) -> Self {
        let output = self.output.get_mut().unwrap_or_else(PoisonError::into_inner);
        output.releasing = releasing;
        self
    }

    /// The engine with what writes the lines that its workers pick to be sealed.
    #[must_use]
    pub fn with_sealing(mut self, sealing: Option<Sealing>) -> Self {
        let output = self.output.get_mut().unwrap_or_else(PoisonError::into_inner);
        output.sealing = sealing;
        self
    }

    /// The engine with what answers what its workers notice of lines.
    #[must_use]
    pub fn with_sentry(mut self, sentry: Option<Sentry>) -> Self {
        let output = self.output.get_mut().unwrap_or_else(PoisonError::into_inner);
        output.sentry = sentry;
        self.has_sentry = output.sentry.is_some();
        self
    }

    /// The engine with what keeps counts by window.
    #[must_use]
    pub fn with_recorder(mut self, recorder: Option<Recorder>) -> Self {
        let output = self.output.get_mut().unwrap_or_else(PoisonError::into_inner);
        output.recorder = recorder;
        self
    }

    /// Runs `workers` to the end of the input, each on a thread of its own.
    pub fn run(&self, mut workers: Vec<Worker>) {
        self.run_with(&mut workers);
    }

    /// The same with workers that are lent, and can be used again for another input.
    pub fn run_with(&self, workers: &mut [Worker]) {
        let Ok(pool) = ThreadPoolBuilder::new()
            .num_threads(workers.len())
            .thread_name(|index| format!("tamis-{index}"))
            .build()
        else {
            self.fail(EngineError::Threads);
            return;
        };
        let ended = panic::catch_unwind(AssertUnwindSafe(|| {
            pool.in_place_scope(|scope| {
                for worker in workers {
                    scope.spawn(|_| self.work(worker));
                }
            });
        }));
        // The panic has printed its place.
        if ended.is_err() {
            self.fail(EngineError::Worker);
        }
        let mut output = lock(&self.output);
        if output.failure.is_none() && output.releasing.is_some() {
            output.failure = output.write(None).err().map(EngineError::Sink);
        }
        // What was sealed so far is finished whatever else failed.
        if let Some(mut sealing) = output.sealing.take() {
            match sealing.finish() {
                Ok(totals) => output.sealed = totals,
                Err(error) => {
                    output.failure.get_or_insert(error);
                }
            }
        }
    }

    /// Opens the output's file anew, between two batches: now if nothing is being written, else after
    /// that. Never waits, so that whoever calls this can go on listening to signals.
    pub fn reopen_sink(&self) {
        self.reopen_is_due.store(true, Ordering::SeqCst);
        if let Some(mut output) = try_lock(&self.output) {
            self.reopen_if_due(&mut output);
        }
    }

    /// Looks at the running counts, between two batches; nothing while a batch is being written.
    pub fn with_counts<T>(&self, look: impl FnOnce(&mut Counts) -> T) -> Option<T> {
        try_lock(&self.output)?.counts.as_mut().map(look)
    }

    fn reopen_if_due(&self, output: &mut Output) {
        if self.reopen_is_due.swap(false, Ordering::SeqCst) {
            match output.sink.reopen() {
                Ok(()) => output.header_is_due = true,
                Err(error) => output.not_reopened = Some(error),
            }
        }
    }

    /// Takes the engine apart after [`Self::run`]. An input without a line has a header all the same,
    /// but not one that could not be read.
    #[must_use]
    pub fn finish(self) -> Finished {
        let input = self.input.into_inner().unwrap_or_else(PoisonError::into_inner);
        let mut output = self.output.into_inner().unwrap_or_else(PoisonError::into_inner);
        if input.reader.failures().is_empty() && output.failure.is_none() {
            output.failure = output.begin().err().map(EngineError::Sink);
        }
        Finished {
            reader: input.reader,
            sink: output.sink,
            counts: output.counts,
            recorder: output.recorder,
            tally: output.tally,
            sealed: output.sealed,
            failure: output.failure,
            not_reopened: output.not_reopened,
        }
    }

    /// One worker's life: take a block, make a batch, write it when its turn comes.
    fn work(&self, worker: &mut Worker) {
        let mut block = lock(&self.input).reader.new_block();
        let mut batch = worker.new_batch();
        self.work_through(worker, &mut block, &mut batch);
        worker.take_back(batch);
    }

    fn work_through(&self, worker: &mut Worker, block: &mut RawBlock, batch: &mut Batch) {
        loop {
            // Whoever waits for this turn must hear of it even if this worker panics.
            let promise = Promise { engine: self, kept: false };
            let (turn, given) = {
                let mut input = lock(&self.input);
                let Some(given) = input.reader.next(block) else {
                    promise.keep();
                    return;
                };
                input.turn += 1;
                (input.turn - 1, given)
            };
            worker.process(&given, block, batch);
            let goes_on = !self.has_sentry || self.judge(turn, batch);
            // Also when nobody takes it any more: the worker may go on with another file.
            worker.pack(&given, block, batch);
            block.wipe();
            if !goes_on || !self.deliver(turn, batch) {
                promise.keep();
                return;
            }
            promise.keep();
        }
    }

    /// Lets the sentry answer what was noticed in `batch`, when it has answered all turns before. It has a turn of
    /// its own, for what is sealed is compressed after it and before the turn to write.
    fn judge(&self, turn: u64, batch: &mut Batch) -> bool {
        let output = lock(&self.output);
        let mut output = self
            .turn_passed
            .wait_while(output, |output| output.judged != turn && output.failure.is_none())
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(sentry) = &mut output.sentry {
            let before = sentry.over_budget();
            sentry.judge(batch.sightings_mut());
            let over_budget = sentry.over_budget() - before;
            output.tally.over_budget += over_budget;
        }
        output.judged += 1;
        self.turn_passed.notify_all();
        output.failure.is_none()
    }

    /// Writes `batch` when all turns before it are through. False when nobody may write any more.
    fn deliver(&self, turn: u64, batch: &mut Batch) -> bool {
        let output = lock(&self.output);
        let mut output = self
            .turn_passed
            .wait_while(output, |output| output.turn != turn && output.failure.is_none())
            .unwrap_or_else(PoisonError::into_inner);
        let output = &mut *output;
        if output.failure.is_some() {
            return false;
        }
        self.reopen_if_due(output);
        let written = output.write(Some(batch)).map_err(EngineError::Sink);
        match written.and_then(|()| output.seal(batch)) {
            Ok(()) => {
                output.tally.absorb(batch.tally());
                if let Err(error) = output.count(batch) {
                    output.failure = Some(error);
                    self.stop_reading();
                }
            }
            Err(error) => {
                output.failure = Some(error);
                self.stop_reading();
            }
        }
        self.reopen_if_due(output);
        output.turn += 1;
        self.turn_passed.notify_all();
        output.failure.is_none()
    }

    fn fail(&self, error: EngineError) {
        lock(&self.output).failure.get_or_insert(error);
        self.stop_reading();
        self.turn_passed.notify_all();
    }

    /// Ends the reading at once. Another worker may hold the reader's lock while it waits for input,
    /// so this goes past the lock.
    pub fn stop_reading(&self) {
        self.progress.stop();
        self.waker.wake();
    }
}

/// A turn that was taken. Dropped without being kept, which happens in a panic, it ends the run.
struct Promise<'a> {
    engine: &'a Engine,
    kept: bool,
}

impl Promise<'_> {
    fn keep(mut self) {
        self.kept = true;
    }
}

impl Drop for Promise<'_> {
    fn drop(&mut self) {
        if !self.kept {
            self.engine.fail(EngineError::Worker);
        }
    }
}

fn try_lock<T>(mutex: &Mutex<T>) -> Option<MutexGuard<'_, T>> {
    match mutex.try_lock() {
        Ok(guard) => Some(guard),
        Err(TryLockError::Poisoned(guard)) => Some(guard.into_inner()),
        Err(TryLockError::WouldBlock) => None,
    }
}

/// A panic elsewhere ends the run through its [`Promise`]; the data behind a lock is whole.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
