//! The service: lines from files, sockets and pipes, for years, through rotations, reloads, full disks and crashes.
//!
//! ```text
//! follow.rs   files      ┐
//! listen.rs   sockets    ├─> a bounded queue -> work.rs: the filter's workers, in turn -> outlet.rs
//! pipes.rs    pipes      │                                                 output.rs, peer.rs, counts, quarantine
//! journal.rs  journal    ┘
//!                                                                         state.rs: one moment for all
//! ```
//!
//! tokio moves bytes at the rim, where many sockets are waited for at once, and nowhere else: lines become records on
//! plain threads, as in the filter. What is promised is in the README, in one table; what makes it true is a commit
//! (`outlet.rs`) and what is read of it at the next start (`state.rs`, `follow.rs`).
//!
//! Not here: what a policy or the command line means. Whoever starts the service brings workers that are ready.

mod board;
pub mod config;
mod error;
mod expiry;
mod exposition;
mod find;
mod follow;
mod gather;
mod journal;
mod likeness;
mod listen;
mod meet;
mod metrics;
mod names;
mod notify;
mod opened;
mod outlet;
mod output;
mod peer;
mod pipes;
mod room;
mod sealing;
mod sockets;
mod sources;
mod state;
mod tick;
mod trust;
mod work;

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    os::unix::fs::OpenOptionsExt as _,
    panic::{self, AssertUnwindSafe},
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread::{Builder, JoinHandle},
};

use tokio::sync::{
    mpsc::{Sender, channel},
    watch,
};

use self::{
    board::Board,
    config::Config,
    follow::Follower,
    gather::Pool,
    listen::Way,
    notify::Notify,
    outlet::{Moves, Outlet},
    output::Output,
    room::Stop,
    sockets::Socket,
    sources::{Onward, Pipe, Sources},
    state::{End, Point, Standing, State},
    trust::Trust,
    work::{Item, Line},
};
pub use self::{
    board::{Level, Say},
    error::ServiceError,
    outlet::Rules,
    work::Crew,
};
use crate::{
    counts::{RecordError, Recorder, Store},
    keys,
    privacy::ContentKey,
    quarantine::store::Now,
    sink::make_folders,
    source::{BLOCK_BYTES, FormatChoice},
};

/// How many blocks may wait for workers. With those that are being filled that is the memory of the service.
const WAITING_MAX: usize = 8;
/// The longest line.
const LINE_BYTES_MAX: usize = 64 * 1024;

/// A service before it starts: its state is its own, and nothing is read yet.
pub struct Opening {
    config: Config,
    state: State,
    state_path: PathBuf,
    lock: File,
    key: ContentKey,
    say: Say,
    stop: Arc<Stop>,
}

/// Ends a service that is about to start and waits for room.
pub struct Starting(Arc<Stop>);

impl Starting {
    /// Waits for nothing any more.
    pub fn give_up(&self) {
        self.0.give_up();
    }
}

/// A source, and how its lines are.
pub struct SourceWay {
    /// Which format lines have.
    pub choice: FormatChoice,
    /// Which of the sites they are of, by number.
    pub site: usize,
}

impl Opening {
    /// Takes the state of `config` for this service.
    ///
    /// # Errors
    ///
    /// Another service has it, or it cannot be read.
    pub fn new(
        config: Config,
        run: impl FnOnce() -> String,
        say: Say,
    ) -> Result<Self, ServiceError> {
        let folder = &config.state_dir;
        let failed = ServiceError::io("use the folder", folder);
        make_folders(folder, 0o750).map_err(failed)?;
        let lock = lock(folder)?;
        let key = keys::content_key(&folder.join("names"))
            .map_err(|error| ServiceError::Keys(error.to_string()))?;
        let state_path = folder.join("state.json");
        let state = State::load(&state_path)?.unwrap_or_else(|| State::new(run()));
        Ok(Self { config, state, state_path, lock, key, say, stop: Arc::default() })
    }

    /// What ends it until it has started.
    #[must_use]
    pub fn starting(&self) -> Starting {
        Starting(Arc::clone(&self.stop))
    }

    /// The name under which the store of counts knows this service.
    #[must_use]
    pub fn run(&self) -> &str {
        &self.state.run
    }

    /// The text of the policy that was in use, if one was.
    #[must_use]
    pub fn earlier_policy(&self) -> Option<&str> {
        Some(&*self.state.policy).filter(|text| !text.is_empty())
    }

    /// Begins to work; `tend` looks after keys and says whether all is well with them.
    ///
    /// # Errors
    ///
    /// Something cannot be opened or started.
    pub fn start(
        self,
        rules: Rules,
        crew: Crew,
        ways: Vec<SourceWay>,
        sheds: Option<bool>,
        tend: Box<dyn Fn() -> bool + Send>,
    ) -> Result<Service, ServiceError> {
        let Self { config, mut state, state_path, lock, key, say, stop } = self;
        let recorded = recorded(&state, &rules)?;
        let point = state.settle(recorded).clone();
        let output = Output::open(&config.sink, point.output.as_ref(), clock().unix)?;
        let kinds: Vec<_> = config.sources.iter().map(|source| source.kind.word()).collect();
        let board = Board::new(&kinds);
        let policy = config.policy.clone();
        board.tell(|facts| {
            facts.started_unix = clock().unix;
            facts.policy = policy;
        });
        let open_writer = sealing::open_writer(&config, sheds, &stop, &board, &say);
        let writer = open_writer.as_ref().map(|(_, open)| open()).transpose();
        let writer = writer.map_err(ServiceError::Quarantine)?;
        let ring = sealing::ring(&config, &say);
        let next_id = state.next_id;
        let trust = Trust::begin(state.trust, keys::now());
        let threads = crew.len();
        let outlet = Outlet::new(outlet::Parts {
            rules,
            output,
            writer,
            open_writer,
            ring,
            state,
            state_path,
            point: point.clone(),
            stop: Arc::clone(&stop),
            board: Arc::clone(&board),
            say: Arc::clone(&say),
            clock,
            trust,
        });
        let (items, receiver) = channel(WAITING_MAX);
        let pool = Pool::new(BLOCK_BYTES);
        let line = Line::new(receiver, crew, outlet, Arc::clone(&pool), config.commit);
        // What was settled is written down before anything is read, so that it need not be settled again.
        line.outlet().commit()?;
        let (over, is_over) = watch::channel(false);
        let (ending, is_ending) = watch::channel(false);
        let service = Service {
            line,
            stop,
            items: Mutex::new(Some(items.clone())),
            sources: Arc::new(AtomicUsize::new(0)),
            ending,
            over,
            workers: Vec::new(),
            helpers: Vec::new(),
            board,
            notify: Arc::new(Notify::new()),
            is_done: Arc::new(AtomicBool::new(false)),
            _lock: lock,
        };
        let parts = Parts { config: &config, ways, items, pool, key, say, next_id, point };
        service.begin(parts, threads, (is_ending, is_over), tend)
    }
}

/// What sources are started with.
struct Parts<'a> {
    config: &'a Config,
    ways: Vec<SourceWay>,
    items: Sender<Item>,
    pool: Arc<Pool>,
    key: ContentKey,
    say: Say,
    next_id: u64,
    point: Point,
}

/// A service at work.
pub struct Service {
    line: Arc<Line>,
    stop: Arc<Stop>,
    /// The way into the queue for what is no line; gone when the service ends.
    items: Mutex<Option<Sender<Item>>>,
    /// How many sources have not ended.
    sources: Arc<AtomicUsize>,
    ending: watch::Sender<bool>,
    over: watch::Sender<bool>,
    workers: Vec<JoinHandle<()>>,
    helpers: Vec<JoinHandle<()>>,
    board: Arc<Board>,
    notify: Arc<Notify>,
    is_done: Arc<AtomicBool>,
    _lock: File,
}

impl Service {
    fn begin(
        mut self,
        parts: Parts<'_>,
        threads: usize,
        (is_ending, is_over): (watch::Receiver<bool>, watch::Receiver<bool>),
        tend: Box<dyn Fn() -> bool + Send>,
    ) -> Result<Self, ServiceError> {
        let Parts { config, ways, items, pool, key, say, next_id, point } = parts;
        let onward = Onward { items: &items, pool: &pool, board: &self.board, point: &point };
        let Sources { watched, sockets, pipes, journals, metrics } =
            Sources::open(config, ways, &onward)?;
        self.workers = self.line.start(threads)?;
        let stop = Arc::clone(&self.stop);
        if !watched.is_empty() {
            let making = follow::Making {
                watched,
                key,
                pool,
                line_bytes_max: LINE_BYTES_MAX,
                items: items.clone(),
                stop: Arc::clone(&stop),
                say: Arc::clone(&say),
                next_id,
            };
            self.source("files", move || Follower::new(making).run(&point))?;
        } else {
            // Nobody follows these any more.
            let ended = |standing: &Standing| End { id: standing.id, is_emptied: false };
            let ended = point.files.values().map(ended).collect();
            let _ = items.blocking_send(Item::Moves(Moves { begun: Vec::new(), ended }));
        }
        for Pipe { file, way, to_the_end } in pipes {
            let stop = Arc::clone(&stop);
            if way.confirms {
                // What omprog waits for before it sends anything.
                listen::Confirm { lines: 1 }.answer();
            }
            self.source("pipe", move || pipes::read(file, &way, &stop, to_the_end))?;
        }
        for (journal, way) in journals {
            let (stop, say) = (Arc::clone(&stop), Arc::clone(&say));
            self.source("journal", move || journal.follow(&way, &stop, &say))?;
        }
        drop(items);
        self.rim(sockets, metrics, (is_ending, is_over), &say)?;
        self.tick(tend)?;
        let status = format!("READY=1\nSTATUS={}", self.board.status());
        self.notify.say(&status);
        Ok(self)
    }

    /// Starts a source on a thread of its own.
    fn source(
        &mut self,
        name: &str,
        run: impl FnOnce() + Send + 'static,
    ) -> Result<(), ServiceError> {
        let sources = Arc::clone(&self.sources);
        sources.fetch_add(1, Ordering::SeqCst);
        let line = Arc::clone(&self.line);
        let run = move || {
            let _ended = Ended(sources);
            if panic::catch_unwind(AssertUnwindSafe(run)).is_err() {
                // A service that goes on without one of its sources looks well, and is not.
                line.fail(ServiceError::Worker);
            }
        };
        let thread = Builder::new().name(name.to_owned()).spawn(run);
        self.helpers.push(thread.map_err(|_| ServiceError::Threads)?);
        Ok(())
    }

    /// Starts the thread on which sockets are waited for.
    fn rim(
        &mut self,
        sockets: Vec<(Socket, Way)>,
        metrics: Vec<Socket>,
        (is_ending, mut is_over): (watch::Receiver<bool>, watch::Receiver<bool>),
        say: &Say,
    ) -> Result<(), ServiceError> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|_| ServiceError::Threads)?;
        let sources = Arc::clone(&self.sources);
        sources.fetch_add(1, Ordering::SeqCst);
        let (board, say, line) = (Arc::clone(&self.board), Arc::clone(say), Arc::clone(&self.line));
        let run = move || {
            let ended = Ended(sources);
            runtime.block_on(async {
                for socket in metrics {
                    match listener(socket) {
                        Ok(listener) => {
                            let served =
                                metrics::serve(listener, Arc::clone(&board), metrics::PATIENCE);
                            drop(tokio::spawn(served));
                        }
                        Err(error) => {
                            say(Level::Warning, &format!("cannot serve metrics: {error}"))
                        }
                    }
                }
                let mut listening = tokio::task::JoinSet::new();
                for (socket, way) in sockets {
                    let (is_ending, say, name) =
                        (is_ending.clone(), Arc::clone(&say), Arc::clone(&way.name));
                    listening.spawn(async move {
                        if let Err(error) = listen::listen(socket, way, is_ending).await {
                            say(Level::Error, &format!("cannot listen to {name}: {error}"));
                        }
                    });
                }
                while let Some(done) = listening.join_next().await {
                    if done.is_err() {
                        line.fail(ServiceError::Worker);
                    }
                }
                drop(ended);
                let _ = is_over.wait_for(|over| *over).await;
            });
        };
        let thread = Builder::new().name("rim".to_owned()).spawn(run);
        self.helpers.push(thread.map_err(|_| ServiceError::Threads)?);
        Ok(())
    }

    fn tick(&mut self, tend: Box<dyn Fn() -> bool + Send>) -> Result<(), ServiceError> {
        let is_free = Arc::new(AtomicBool::new(false));
        let ticker = tick::Ticker {
            line: Arc::clone(&self.line),
            board: Arc::clone(&self.board),
            is_done: Arc::clone(&self.is_done),
            is_free: Arc::clone(&is_free),
            tend,
        };
        let watchdog = tick::Watchdog {
            line: Arc::clone(&self.line),
            board: Arc::clone(&self.board),
            notify: Arc::clone(&self.notify),
            is_done: Arc::clone(&self.is_done),
            is_free,
        };
        let thread = Builder::new().name("tick".to_owned()).spawn(move || ticker.run());
        self.helpers.push(thread.map_err(|_| ServiceError::Threads)?);
        let thread = Builder::new().name("watchdog".to_owned()).spawn(move || watchdog.run());
        self.helpers.push(thread.map_err(|_| ServiceError::Threads)?);
        Ok(())
    }

    /// Takes another policy into use. What is in the queue already is treated under the earlier one.
    pub fn change(&self, policy: String, rules: Rules, crew: Crew) {
        self.board.tell(|facts| facts.policy = policy);
        self.send(Item::Change(Box::new(rules), crew));
    }

    /// Opens the output anew.
    pub fn reopen(&self) {
        self.send(Item::Reopen);
    }

    fn send(&self, item: Item) {
        let items = self.items.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(items) = items {
            let _ = items.blocking_send(item);
        }
    }

    /// Tells systemd that a reload begins, and how it ended.
    pub fn reload<T>(&self, reload: impl FnOnce() -> Result<T, String>) -> Option<T> {
        self.notify.reloading();
        let done = reload();
        match &done {
            Ok(_) => self.notify.say(&format!("READY=1\nSTATUS={}", self.board.status())),
            Err(why) => {
                self.board.tell(|facts| facts.reloads_refused += 1);
                self.notify.say(&format!("READY=1\nSTATUS=reload refused: {why}"));
            }
        }
        done.ok()
    }

    /// Ends the sources where they are; standard input is read to its end.
    pub fn end(&self) {
        self.notify.say("STOPPING=1\nSTATUS=finishing");
        self.stop.end();
        let _ = self.ending.send(true);
        self.items.lock().unwrap_or_else(PoisonError::into_inner).take();
    }

    /// The same, and waits for nothing any more.
    pub fn give_up(&self) {
        self.stop.give_up();
        self.end();
    }

    /// Whether all work is done, because it was asked to end, because all sources ended, or because something failed.
    #[must_use]
    pub fn is_over(&self) -> bool {
        let has_ended = self.sources.load(Ordering::SeqCst) == 0;
        let has_failed = self.line.try_outlet().is_some_and(|outlet| outlet.failure.is_some());
        if has_ended || has_failed {
            self.items.lock().unwrap_or_else(PoisonError::into_inner).take();
        }
        if has_failed {
            let _ = self.ending.send(true);
        }
        (has_ended || has_failed) && self.line.has_ended()
    }

    /// Makes the rest durable.
    ///
    /// # Errors
    ///
    /// What failed, if anything did.
    pub fn finish(self) -> Result<(), ServiceError> {
        self.notify.say("STOPPING=1\nSTATUS=finishing");
        self.is_done.store(true, Ordering::SeqCst);
        let _ = self.over.send(true);
        for worker in self.workers {
            let _ = worker.join();
        }
        self.line.outlet().finish()
    }
}

/// Notes that a source has ended, however it did.
struct Ended(Arc<AtomicUsize>);

impl Drop for Ended {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// The number of the last step in the store that was in use when the service ended: another policy has another store.
fn recorded(state: &State, rules: &Rules) -> Result<Option<u64>, ServiceError> {
    match state.store_of_trying() {
        Some(store) if Some(store) != rules.store.as_deref() && store.exists() => {
            let found = Store::open_existing(store).and_then(|store| store.progress(&state.run));
            let (sequence, _) =
                found.map_err(|error| ServiceError::Record(RecordError::Store(error)))?;
            Ok(Some(sequence))
        }
        _ => Ok(rules.recorder.as_ref().map(Recorder::sequence)),
    }
}

fn listener(socket: Socket) -> std::io::Result<metrics::Listener> {
    match socket {
        Socket::UnixStream(listener) => {
            listener.set_nonblocking(true)?;
            tokio::net::UnixListener::from_std(listener).map(metrics::Listener::Unix)
        }
        Socket::Tcp(listener) => {
            listener.set_nonblocking(true)?;
            tokio::net::TcpListener::from_std(listener).map(metrics::Listener::Tcp)
        }
        Socket::UnixDatagram(_) | Socket::Udp(_) => Err(std::io::ErrorKind::Unsupported.into()),
    }
}

/// What time it is.
fn clock() -> Now {
    let (unix, steady) = keys::seconds();
    Now { unix, steady }
}

fn lock(folder: &Path) -> Result<File, ServiceError> {
    let path = folder.join("lock");
    let file = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(&path);
    let file = file.map_err(ServiceError::io("open", &path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(ServiceError::Busy(folder.to_owned())),
        Err(TryLockError::Error(error)) => Err(ServiceError::io("lock", &path)(error)),
    }
}

/// Whether a path is there already as something else than a folder, for a check before the start.
///
/// # Errors
///
/// It is.
pub fn check_folder(path: &Path) -> Result<(), ServiceError> {
    match fs::metadata(path) {
        Ok(found) if !found.is_dir() => {
            Err(ServiceError::io("use the folder", path)(std::io::ErrorKind::NotADirectory.into()))
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotADirectory => {
            Err(ServiceError::io("make the folder", path)(error))
        }
        _ => Ok(()),
    }
}
