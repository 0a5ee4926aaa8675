//! Counts by window, on their way to a store or to a file that another machine joins with its own.
//!
//! A window is a day or an hour of the lines' own times. Lines that come late are added to theirs, whenever that is:
//! what was recorded before is added to, and nothing waits for a window to be over. So memory has a bound: a few
//! windows at a time, and what does not fit goes to the store first.
//!
//! A run has a name. With what it counted, the store keeps how many records that were, in the same transaction. A run
//! that was killed and is begun again under its name over the same input goes through those records without counting
//! them, and so counts nothing twice and nothing not at all.

use std::{
    collections::BTreeMap,
    fmt,
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use super::{
    open::Limits,
    part::{Block, Setup},
    partial::{Partial, PartialError},
    store::{Store, StoreError},
    tables::Tables,
    window::{Identity, WindowCounts, WindowName},
    zone::Window,
};
use crate::{
    policy::Plan,
    privacy::{Record, VisitorKeys},
};

/// How many windows are in memory at most before they are recorded: the lines of a log come nearly in order.
const WINDOWS_MAX: usize = 8;
/// How long something counted waits to be recorded. A killed run loses so much of its work, and none of its counts.
const RECORD_INTERVAL: Duration = Duration::from_secs(10);

/// Why counts could not be recorded.
#[derive(Debug)]
#[non_exhaustive]
pub enum RecordError {
    /// The store failed.
    Store(StoreError),
    /// The file could not be written.
    Partial(PartialError),
    /// There are too many windows for a file.
    TooManyWindows,
}

impl fmt::Display for RecordError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Store(error) => error.fmt(f),
            Self::Partial(error) => error.fmt(f),
            Self::TooManyWindows => write!(
                f,
                "cannot keep counts of more than {} windows for one file of partial counts; keep them in a store \
                 with --store",
                Partial::WINDOWS_MAX
            ),
        }
    }
}

impl std::error::Error for RecordError {}

impl RecordError {
    /// Whether there was no room, or somebody else was at it, so that it is worth another try.
    #[must_use]
    pub fn may_pass(&self) -> bool {
        matches!(self, Self::Store(error) if error.may_pass())
    }
}

/// Where counts are recorded.
enum Place {
    Store(Box<Store>),
    Partial(PathBuf),
}

/// What a run is called, and whose counts it makes.
pub struct Run {
    /// The run's name, unique among all runs that are joined.
    pub name: String,
    /// The site that counts are of.
    pub site: String,
    /// With which key visitors are told apart, if they are.
    pub keys: Option<VisitorKeys>,
}

/// Keeps counts by window.
pub struct Recorder {
    plan: Arc<Plan>,
    setup: Setup,
    window: Window,
    run: Run,
    place: Place,
    windows: BTreeMap<(i64, u32), (String, Tables)>,
    /// The window that was added to last.
    latest: Option<(i64, u32)>,
    sequence: u64,
    /// How many records were counted, with those that a run of this name counted before.
    records: u64,
    /// How many records are still to come that were counted before.
    known: u64,
    lines: Vec<(&'static str, u64)>,
    recorded: Instant,
    single: Block,
}

impl Recorder {
    /// One that records in a store.
    ///
    /// # Errors
    ///
    /// The store fails.
    pub fn to_store(
        plan: &Arc<Plan>,
        setup: &Setup,
        run: Run,
        store: Store,
    ) -> Result<Self, RecordError> {
        let (sequence, records) = store.progress(&run.name).map_err(RecordError::Store)?;
        let place = Place::Store(Box::new(store));
        Ok(Self { sequence, records, known: records, ..Self::new(plan, setup, run, place) })
    }

    /// One that records in a store, and goes on after what a run of this name recorded there: for a service, which
    /// knows from the number of that step where it is to go on reading.
    ///
    /// # Errors
    ///
    /// The store fails.
    pub fn going_on(
        plan: &Arc<Plan>,
        setup: &Setup,
        run: Run,
        store: Store,
    ) -> Result<Self, RecordError> {
        Ok(Self { known: 0, ..Self::to_store(plan, setup, run, store)? })
    }

    /// Goes on after what this run has recorded meanwhile by another recorder, whose place this one takes.
    ///
    /// # Errors
    ///
    /// The store fails.
    pub fn catch_up(&mut self) -> Result<(), RecordError> {
        if let Place::Store(store) = &self.place {
            let progress = store.progress(&self.run.name).map_err(RecordError::Store)?;
            (self.sequence, self.records) = progress;
        }
        Ok(())
    }

    /// The number of the last step that was recorded.
    #[must_use]
    pub const fn sequence(&self) -> u64 {
        self.sequence
    }

    /// Whether there is so much in memory that it should be recorded.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.windows.len() > WINDOWS_MAX
    }

    /// Adds what a block counted, and leaves it to the caller when that is recorded.
    pub fn take(&mut self, block: &mut Block) {
        self.count(block);
    }

    /// Records what was counted since the last time; `lines` are the numbers of lines so far.
    ///
    /// # Errors
    ///
    /// The store fails. Then nothing of it is recorded, and it can be tried again.
    pub fn step(&mut self, lines: &[(&'static str, u64)]) -> Result<(), RecordError> {
        self.lines = lines.to_vec();
        self.record()
    }

    /// One that writes a file at the end.
    #[must_use]
    pub fn to_partial(plan: &Arc<Plan>, setup: &Setup, run: Run, path: PathBuf) -> Self {
        Self::new(plan, setup, run, Place::Partial(path))
    }

    fn new(plan: &Arc<Plan>, setup: &Setup, run: Run, place: Place) -> Self {
        Self {
            plan: Arc::clone(plan),
            setup: setup.clone(),
            window: setup.window.unwrap_or_default(),
            run,
            place,
            windows: BTreeMap::new(),
            latest: None,
            sequence: 0,
            records: 0,
            known: 0,
            lines: Vec::new(),
            recorded: Instant::now(),
            single: Block::new(plan, setup),
        }
    }

    /// How many records of this run the store had already when it began.
    #[must_use]
    pub const fn known(&self) -> u64 {
        self.known
    }

    /// Adds what a block counted, and records what waited long enough; `lines` are the numbers of lines so far.
    ///
    /// # Errors
    ///
    /// What is due cannot be recorded.
    pub fn absorb(
        &mut self,
        block: &mut Block,
        lines: &[(&'static str, u64)],
    ) -> Result<(), RecordError> {
        self.count(block);
        self.tend(lines)
    }

    /// Records what waited long enough; `lines` are the numbers of lines so far.
    ///
    /// # Errors
    ///
    /// What is due cannot be recorded.
    pub fn tend(&mut self, lines: &[(&'static str, u64)]) -> Result<(), RecordError> {
        self.lines = lines.to_vec();
        let is_due = match self.place {
            Place::Store(_) => {
                self.windows.len() > WINDOWS_MAX || self.recorded.elapsed() >= RECORD_INTERVAL
            }
            Place::Partial(_) if self.windows.len() > Partial::WINDOWS_MAX => {
                return Err(RecordError::TooManyWindows);
            }
            Place::Partial(_) => false,
        };
        if is_due { self.record() } else { Ok(()) }
    }

    /// Adds one record.
    pub fn add(&mut self, record: &Record<'_>) {
        self.single.add(record);
        let mut single = std::mem::replace(&mut self.single, Block::new(&self.plan, &self.setup));
        self.count(&mut single);
        single.clear();
        self.single = single;
    }

    fn count(&mut self, block: &mut Block) {
        let known = u64::from(block.records()).min(self.known);
        if known > 0 {
            self.known -= known;
            block.drop_first(known as u32);
        }
        self.records += u64::from(block.records()) - known;
        for part in block.parts() {
            let (_, tables) = self.windows.entry((part.window, part.epoch)).or_insert_with(|| {
                let id = self.run.keys.as_ref().and_then(|keys| keys.id(part.epoch));
                let id = id.map_or_else(|| "-".to_owned(), |id| id.to_string());
                (id, Tables::new(&self.plan, Limits::RUN, true))
            });
            tables.absorb(part, self.plan.tables);
            // The lines that wait are of one window at a time, lest they take memory for each.
            let place = (part.window, part.epoch);
            if let Some(last) = self.latest.replace(place).filter(|last| *last != place)
                && let Some((_, tables)) = self.windows.get_mut(&last)
            {
                tables.rest();
            }
        }
    }

    /// Records what was counted since the last time.
    ///
    /// # Errors
    ///
    /// The store or the file fails. Then nothing of it is recorded.
    pub fn record(&mut self) -> Result<(), RecordError> {
        self.recorded = Instant::now();
        let Place::Store(store) = &mut self.place else { return Ok(()) };
        self.windows.values_mut().for_each(|(_, tables)| tables.settle());
        let windows = windows(&self.windows, &self.plan, &self.setup, self.window, &self.run.site);
        let step = Step {
            run: &self.run.name,
            sequence: self.sequence + 1,
            records: self.records,
            lines: &self.lines,
        };
        store.commit(step, &windows).map_err(RecordError::Store)?;
        self.sequence += 1;
        self.windows.clear();
        Ok(())
    }

    /// What was counted, for a file, under a name that may be known at the end only.
    #[must_use]
    pub fn into_partial(mut self, name: String) -> Partial {
        Partial { runs: vec![(name, 1)], ..self.partial() }
    }

    fn partial(&mut self) -> Partial {
        self.windows.values_mut().for_each(|(_, tables)| tables.settle());
        let windows = windows(&self.windows, &self.plan, &self.setup, self.window, &self.run.site);
        Partial {
            identity: Identity::of(&self.plan, &self.setup.zone, self.window),
            runs: vec![(self.run.name.clone(), 1)],
            windows,
        }
    }

    /// Records the rest, at the end.
    ///
    /// # Errors
    ///
    /// The store or the file fails.
    pub fn finish(mut self, lines: &[(&'static str, u64)]) -> Result<(), RecordError> {
        self.lines = lines.to_vec();
        if let Place::Partial(path) = &self.place {
            let path = path.clone();
            return self.partial().write(&path).map_err(RecordError::Partial);
        }
        self.record()
    }
}

/// One step of a run, as a store keeps it.
#[derive(Clone, Copy)]
pub(super) struct Step<'a> {
    pub(super) run: &'a str,
    pub(super) sequence: u64,
    pub(super) records: u64,
    pub(super) lines: &'a [(&'static str, u64)],
}

fn windows(
    windows: &BTreeMap<(i64, u32), (String, Tables)>,
    plan: &Plan,
    setup: &Setup,
    window: Window,
    site: &str,
) -> Vec<WindowCounts> {
    let of = |((number, _), (key, tables)): (&(i64, u32), &(String, Tables))| {
        let (from, to) = setup.zone.bounds(window, *number);
        let unix = setup.zone.bounds_unix(window, *number);
        let name = WindowName { unix, from, to, site: site.to_owned(), key: key.clone() };
        WindowCounts::of(name, tables, plan)
    };
    windows.iter().map(of).collect()
}
