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
pub use tally::Tally;
pub use worker::{Batch, Worker};

use self::releasing::Outlet;
use crate::{
    counts::Counts,
    emit::Rendered,
    privacy::RawBlock,
    sink::{Sink, SinkError},
    source::{Progress, Reader, Waker},
};

/// Why a run ended before its input did.
#[derive(Debug)]
#[non_exhaustive]
pub enum EngineError {
    /// The output cannot take more.
    Sink(SinkError),
    /// The threads could not be started.
    Threads,
    /// A worker ended in a panic, whose place was printed.
    Worker,
}

impl std::fmt::Display for EngineError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Sink(error) => error.fmt(f),
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
    /// What stands before all batches of a file, and whether it is still to be written.
    header: Rendered,
    header_is_due: bool,
    sink: Sink,
    /// What holds records, where the policy asks for it.
    releasing: Option<Releasing>,
    counts: Option<Counts>,
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
                let Self { sink, counts, tally, .. } = self;
                let outlet = Outlet { sink, counts: counts.as_mut(), tally };
                releasing.pass(batch.and_then(Batch::held_mut), outlet)
            }
            (None, Some(batch)) => self.sink.write(batch.rendered()),
            (None, None) => Ok(()),
        }
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
    /// How many lines came and went.
    pub tally: Tally,
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
                header,
                header_is_due: true,
                sink,
                releasing: None,
                counts,
                tally,
                failure: None,
                not_reopened: None,
            }),
            turn_passed: Condvar::new(),
            reopen_is_due: AtomicBool::new(false),
        }
    }

    /// The engine with what holds records, for a policy that asks for it.
    #[must_use]
    pub fn with_releasing(mut self, releasing: Option<Releasing>) -> Self {
        let output = self.output.get_mut().unwrap_or_else(PoisonError::into_inner);
        output.releasing = releasing;
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
    pub fn with_counts<T>(&self, look: impl FnOnce(&Counts) -> T) -> Option<T> {
        try_lock(&self.output)?.counts.as_ref().map(look)
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
            tally: output.tally,
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
            block.wipe();
            if !self.deliver(turn, batch) {
                promise.keep();
                return;
            }
            promise.keep();
        }
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
        match output.write(Some(batch)) {
            Ok(()) => {
                if let (Some(whole), Some(part)) = (&mut output.counts, batch.counts_mut()) {
                    whole.absorb(part);
                }
                output.tally.absorb(batch.tally());
            }
            Err(error) => {
                output.failure = Some(EngineError::Sink(error));
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
