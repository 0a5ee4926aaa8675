//! The work: several files at once, each through an engine of its own, and large ones by several workers.
//!
//! Workers are made once and go from file to file, so that what they remember stays useful and memory does not grow
//! with the number of files: there are at most twice as many as threads.

use std::{
    fs,
    path::PathBuf,
    sync::{
        Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use anyhow::Result;
use indicatif::{ProgressBar, ProgressStyle};

use super::{
    Context, RunSecrets,
    manifest::{Counted, Entry, INTERVAL, Manifest, State},
    scout::{Job, aside, counts_name, identity, joined_name},
    totals,
};
use crate::{
    cli::{FilterArgs, When},
    command::{
        attacks, filter,
        keys::{self, RunKeys},
        own, sealing,
    },
    counts::{Counts, Partial, Recorder, Run},
    engine::{Engine, Finished, Sealing, Tally, Worker},
    field::Reason,
    format::Format,
    privacy::{ContentDigest, Lookout, VisitorKeys},
    sink::{Place, Sink, make_folders, settle, write_durably},
    source::{FormatChoice, Origin, Progress, Reader},
};

/// How often the bar moves.
const BAR_INTERVAL: Duration = Duration::from_millis(100);
/// How often what is done is written down where lines are sealed: each time, a segment ends.
const SEALING_INTERVAL: Duration = Duration::from_secs(5);

/// A run over many files.
pub(super) struct Work<'a> {
    context: &'a Context<'a>,
    choice: FormatChoice,
    threads: usize,
    /// One for each thread, and as many that help with large files.
    drivers: Vec<Worker>,
    state: Mutex<Shared>,
    progress: Progress,
    /// What the workers' keys come from.
    _keys: Option<RunKeys>,
    /// Whose counts they are, and by which key visitors are told apart.
    site: String,
    visitors: Option<VisitorKeys>,
    is_over: AtomicBool,
}

struct Shared {
    manifest: Manifest,
    tally: Tally,
    helpers: Vec<Worker>,
    /// The quarantine. What is done is written down when the lines that were sealed of it are durable.
    sealing: Option<Sealing>,
    failure: Option<anyhow::Error>,
}

/// What is left of the work.
pub(super) struct Done {
    pub(super) manifest: Manifest,
    pub(super) tally: Tally,
    /// Lines that were not sealed, for there was no room.
    pub(super) shed: u64,
}

impl<'a> Work<'a> {
    pub(super) fn new(
        context: &'a Context<'a>,
        RunSecrets { keys, visitors }: RunSecrets,
        manifest: Manifest,
        progress: Progress,
    ) -> Result<Self> {
        let filter = &context.args.filter;
        let threads = filter.threads.map(usize::from);
        let threads =
            threads.unwrap_or_else(|| thread::available_parallelism().map_or(1, usize::from));
        let all = if threads > 1 { 2 * threads } else { 1 };
        let args = FilterArgs { threads: u16::try_from(all).ok(), ..filter.clone() };
        let visitors = visitors.map(VisitorKeys::Run);
        let (sealing, lookout) = quarantine(context, &progress)?;
        let mut drivers = filter::workers(
            &args,
            &context.plan,
            keys.as_ref(),
            lookout.as_ref(),
            visitors.clone(),
        )?;
        let helpers = drivers.split_off(threads);
        let state = Shared { manifest, tally: Tally::default(), helpers, sealing, failure: None };
        Ok(Self {
            context,
            choice: own::choice(filter)?,
            threads,
            drivers,
            state: Mutex::new(state),
            progress,
            _keys: keys,
            site: filter::site_of(filter),
            visitors,
            is_over: AtomicBool::new(false),
        })
    }

    /// Works on all of `jobs`, which begin with the largest.
    pub(super) fn run(mut self, jobs: Vec<Job>) -> Result<Done> {
        let drivers = std::mem::take(&mut self.drivers);
        let (next, done) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let left: Vec<u64> = bytes_left(&jobs);
        let bar = self.bar(left.first().copied().unwrap_or(0));
        let ended = (Mutex::new(false), Condvar::new());
        thread::scope(|scope| {
            let running: Vec<_> = drivers
                .into_iter()
                .map(|driver| {
                    scope.spawn(|| {
                        let mut workers = vec![driver];
                        loop {
                            let number = next.fetch_add(1, Ordering::SeqCst);
                            let job = jobs.get(number);
                            let Some(job) = job.filter(|_| !self.is_over.load(Ordering::Relaxed))
                            else {
                                return;
                            };
                            self.call_helpers(&mut workers, job, left[number]);
                            let (entry, tally) = self.process(job, &mut workers);
                            self.take_down(job, entry, &tally, &mut workers);
                            done.fetch_add(1, Ordering::Relaxed);
                        }
                    })
                })
                .collect();
            if let Some(bar) = &bar {
                scope.spawn(|| self.show(bar, &done, jobs.len(), &ended));
            }
            // A panic has printed its place, and its file has no entry.
            let panicked = running.into_iter().filter_map(|thread| thread.join().err()).count();
            *lock(&ended.0) = true;
            ended.1.notify_all();
            if panicked > 0 {
                let what = anyhow::anyhow!("a worker stopped because of a mistake in tamis");
                lock(&self.state).failure.get_or_insert(what);
            }
        });
        if let Some(bar) = bar {
            bar.finish_and_clear();
        }
        let Shared { mut manifest, tally, failure, sealing, .. } =
            self.state.into_inner().unwrap_or_else(PoisonError::into_inner);
        let sealed = sealing.map(|mut sealing| sealing.finish()).transpose();
        match (failure, sealed) {
            (None, Ok(sealed)) => {
                Ok(Done { manifest, tally, shed: sealed.unwrap_or_default().shed })
            }
            // What is not sealed is not done.
            (_, Err(error)) => Err(error.into()),
            (Some(failure), Ok(_)) => {
                let _ = manifest.save();
                Err(failure)
            }
        }
    }

    /// Takes as many helpers as the file's part of what is left asks for.
    fn call_helpers(&self, workers: &mut Vec<Worker>, job: &Job, left: u64) {
        let share = (self.threads as u64).saturating_mul(job.bytes).div_ceil(left.max(1));
        let mut state = lock(&self.state);
        while (workers.len() as u64) < share.min(self.threads as u64) {
            let Some(helper) = state.helpers.pop() else { return };
            workers.push(helper);
        }
    }

    /// Writes down what became of a file, and sends the helpers back.
    fn take_down(&self, job: &Job, mut entry: Entry, tally: &Tally, workers: &mut Vec<Worker>) {
        let mut state = lock(&self.state);
        state.helpers.extend(workers.drain(1..));
        state.tally.absorb(tally);
        self.give_up_if_known(job, &mut entry, &state.manifest);
        let has_failed = entry.state == State::Failed;
        state.manifest.outputs.insert(job.key.clone(), entry);
        if let Err(error) = state.write_down(has_failed) {
            state.failure.get_or_insert(error);
            self.is_over.store(true, Ordering::Relaxed);
        }
    }

    /// A content that another output has, which was not seen before the work: a file could not be read then. One of the
    /// two goes.
    fn give_up_if_known(&self, job: &Job, entry: &mut Entry, manifest: &Manifest) {
        let is_other = |name: &String, other: &Entry| {
            name != &job.key
                && other.state == State::Whole
                && other.content.is_some()
                && (&other.head, &other.content) == (&entry.head, &entry.content)
                && (&other.policy_hash, &other.options) == (&entry.policy_hash, &entry.options)
                && other.sealed_in == entry.sealed_in
        };
        if entry.state != State::Whole {
            return;
        }
        let same = manifest.outputs.iter().find(|(name, other)| is_other(name, other));
        let Some((name, _)) = same else { return };
        let Context { folder, .. } = self.context;
        let counts = folder.join(counts_name(self.context, &job.output));
        let joined = folder.join(joined_name(self.context, &job.output));
        for path in [folder.join(&job.output), counts, joined] {
            let _ = fs::remove_file(path);
        }
        let (head, content) = (entry.head.take(), entry.content.take());
        let same_as = Some(name.clone());
        *entry = Entry { state: State::Same, same_as, head, content, ..job.entry(self.context) };
    }

    /// Works on one file.
    fn process(&self, job: &Job, workers: &mut [Worker]) -> (Entry, Tally) {
        let mut entry = job.entry(self.context);
        match self.try_process(job, workers, &mut entry) {
            Ok(tally) => (entry, tally),
            Err(error) => {
                entry.state = State::Failed;
                entry.problems.push(format!("cannot clean {}: {error:#}", job.path.display()));
                (entry, Tally::default())
            }
        }
    }

    fn try_process(&self, job: &Job, workers: &mut [Worker], entry: &mut Entry) -> Result<Tally> {
        let Context { args, plan, folder, .. } = self.context;
        let place = folder.join(&job.output);
        if let Some(parent) = place.parent() {
            make_folders(parent, 0o777)?;
        }
        let aside = aside(&place);
        let engine = self.engine(job, workers, aside.clone())?;
        engine.run_with(workers);
        let Finished { reader, sink, mut counts, recorder, tally, failure, .. } = engine.finish();
        entry.problems.extend(reader.failures().iter().map(ToString::to_string));
        entry.problems.extend(failure.iter().map(ToString::to_string));
        let (is_whole, has_some) = (entry.problems.is_empty(), tally.clean > 0);
        describe(entry, &reader, &tally);
        if lock(&self.state).manifest.content_key.is_some() {
            let digest = reader.digest().filter(|digest| digest.bytes() > 0);
            entry.head = digest.map(ContentDigest::head);
            entry.content = digest.map(ContentDigest::whole);
        }
        entry.state = match (is_whole, has_some && failure.is_none()) {
            (true, _) => State::Whole,
            (false, true) => State::Partial,
            (false, false) => State::Failed,
        };
        let partial = folder.join(self.context.output_name(&job.stem, State::Partial));
        let counts_place = folder.join(counts_name(self.context, &job.output));
        let joined_place = folder.join(joined_name(self.context, &job.output));
        if entry.state == State::Failed {
            let stale = [&aside, &place, &partial, &counts_place, &joined_place];
            stale.into_iter().for_each(|path| drop(fs::remove_file(path)));
            return Ok(tally);
        }
        sink.end()?;
        let modified = fs::metadata(&job.path).and_then(|metadata| metadata.modified()).ok();
        entry.output_bytes = fs::metadata(&aside)?.len();
        if let (Some(counts), Some(_)) = (&mut counts, &args.filter.counts) {
            write_durably(&counts_place, counts.report().to_json().as_bytes())?;
        }
        if let Some(counted) = self.counted(entry, counts, recorder)? {
            write_durably(&joined_place, counted.to_text().as_bytes())?;
        }
        let (to, stale) = match entry.state {
            State::Partial => (&partial, &place),
            _ => (&place, &partial),
        };
        settle(&aside, to, modified)?;
        let _ = fs::remove_file(stale);
        debug_assert_eq!(plan.hash, entry.policy_hash, "one policy for all files");
        Ok(tally)
    }

    /// What was counted of a file, to be joined with what was of others.
    fn counted(
        &self,
        entry: &mut Entry,
        counts: Option<Counts>,
        recorder: Option<Recorder>,
    ) -> Result<Option<Partial>> {
        let name = match (&entry.head, &entry.content) {
            (Some(head), Some(content)) => totals::run_name(head, content),
            // All files without a line are one.
            _ if entry.read == 0 => "batch-empty".to_owned(),
            _ => keys::run_name()?,
        };
        let (counted, partial) = match (counts, recorder) {
            (_, Some(recorder)) => (Counted::Windows, recorder.into_partial(name)),
            (Some(mut counts), None) => (Counted::File, counts.partial(&self.counting(name))),
            (None, None) => return Ok(None),
        };
        entry.counted = Some(counted);
        Ok(Some(partial))
    }

    /// Whose counts they are.
    fn counting(&self, name: String) -> Run {
        Run { name, site: self.site.clone(), keys: self.visitors.clone() }
    }

    fn engine(&self, job: &Job, workers: &[Worker], aside: PathBuf) -> Result<Engine> {
        let Context { args, plan, content_key, .. } = self.context;
        let filter = &args.filter;
        let origins = vec![Origin::File(job.path.clone())];
        let reader = Reader::new(origins, self.choice.clone(), filter.max_line)?
            .with_unpacked_max(filter.max_decompressed)
            .with_digest(content_key.digest())
            .with_label(job.input.as_ref(), job.number)
            .with_beginnings(filter.quarantine.is_some())
            .with_progress(&self.progress);
        let sink = Sink::compressing(Place::New(aside), self.context.compression())?;
        let setup = filter::setup(filter, plan);
        let counts = filter.counts.as_ref().map(|_| Counts::with(plan, &setup));
        let recorder = setup.window.map(|_| {
            // What it recorded is written from here, beside the output.
            Recorder::to_partial(plan, &setup, self.counting(String::new()), PathBuf::new())
        });
        let sealing = lock(&self.state).sealing.as_ref().map(Sealing::lend);
        let sentry = sealing.as_ref().and_then(|_| attacks::sentry(plan));
        Ok(Engine::new(reader, workers[0].header(), sink, counts)
            .with_releasing(filter::releasing(filter, plan))
            .with_sealing(sealing)
            .with_sentry(sentry)
            .with_recorder(recorder))
    }

    fn bar(&self, total: u64) -> Option<ProgressBar> {
        let is_wanted = match self.context.args.filter.progress {
            When::Never => false,
            When::Always => true,
            When::Auto => std::io::IsTerminal::is_terminal(&std::io::stderr()),
        };
        is_wanted.then(|| {
            let style = "{bar:30.cyan/blue} {percent:>3}% {binary_bytes} of {binary_total_bytes} \
                         {binary_bytes_per_sec} {eta} left, {msg}";
            let bar = ProgressBar::new(total);
            bar.set_style(ProgressStyle::with_template(style).expect("a test reads the template"));
            bar
        })
    }

    /// Moves the bar until the work has ended.
    fn show(
        &self,
        bar: &ProgressBar,
        done: &AtomicUsize,
        all: usize,
        (has_ended, ended): &(Mutex<bool>, Condvar),
    ) {
        let mut guard = lock(has_ended);
        while !*guard {
            bar.set_position(self.progress.taken());
            bar.set_message(format!("{} of {all} files", done.load(Ordering::Relaxed)));
            let waited = ended.wait_timeout(guard, BAR_INTERVAL);
            guard = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

impl Shared {
    /// Writes down what is done, if that is due. Where lines are sealed, those of what is done must be durable before.
    fn write_down(&mut self, has_failed: bool) -> Result<()> {
        match &self.sealing {
            None if self.manifest.is_due(INTERVAL) => self.manifest.save(),
            Some(sealing) if has_failed || self.manifest.is_due(SEALING_INTERVAL) => {
                sealing.settle()?;
                self.manifest.save()
            }
            _ => Ok(()),
        }
    }
}

/// The quarantine of a run and what looks out for attacks, where they are asked for.
fn quarantine(
    context: &Context<'_>,
    progress: &Progress,
) -> Result<(Option<Sealing>, Option<Lookout>)> {
    let Context { args, plan, .. } = context;
    let Some(path) = &args.filter.quarantine else { return Ok((None, None)) };
    let sealing = sealing::start(path, plan, progress)?;
    let lookout = attacks::lookout(plan, args.filter.rules.as_deref())?;
    Ok((Some(sealing), lookout.map(|(lookout, _)| lookout)))
}

/// How many bytes are left when each job begins.
fn bytes_left(jobs: &[Job]) -> Vec<u64> {
    let mut left: Vec<u64> = jobs
        .iter()
        .rev()
        .scan(0_u64, |sum, job| {
            *sum += job.bytes;
            Some(*sum)
        })
        .collect();
    left.reverse();
    left
}

/// What is known of a file once it was read.
fn describe(entry: &mut Entry, reader: &Reader, tally: &Tally) {
    entry.format = reader.first_format().map(Format::name).map(str::to_owned);
    entry.read = tally.read();
    entry.clean = tally.clean;
    entry.opted_out = tally.opted_out;
    entry.filtered = tally.filtered;
    entry.sealed = tally.sealed;
    entry.rendered_bytes = tally.bytes_out;
    let refused = Reason::ALL.into_iter().zip(tally.refused).filter(|(_, lines)| *lines > 0);
    entry.refused = refused.map(|(reason, lines)| (reason.word().to_owned(), lines)).collect();
}

/// Whether a file is still what it was when it was looked at.
pub(super) fn is_unchanged(path: &std::path::Path, entry: &Entry) -> bool {
    let found = fs::metadata(path).map(|metadata| identity(&metadata));
    found.is_ok_and(|found| found == (entry.bytes, entry.modified.clone()))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
