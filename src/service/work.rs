//! The line from the sources to the outlet: a bounded queue, workers that take from it in turn, and the outlet that
//! they wait for in the same order. It is the filter's way of working, with a queue in the place of the reader.
//!
//! What changes how lines are treated (another policy, files that begin and end) stands in the queue like lines do. So
//! it happens between two blocks, and everybody sees it at the same place.

use std::{
    panic::{self, AssertUnwindSafe},
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError, TryLockError,
        atomic::{AtomicU64, Ordering},
    },
    thread::{Builder, JoinHandle},
    time::Duration,
};

use tokio::sync::mpsc::Receiver;

use super::{
    error::ServiceError,
    gather::Pool,
    outlet::{Moves, Outlet, Portion, Rules},
};
use crate::engine::{Batch, Worker};

/// What stands in the queue.
pub(super) enum Item {
    Lines(Box<Portion>),
    Moves(Moves),
    /// Another policy, with a worker for each thread and site.
    Change(Box<Rules>, Crew),
    /// The output is to be opened anew.
    Reopen,
}

/// The workers of a policy: for each thread one for each site.
pub type Crew = Vec<Vec<Worker>>;

struct Queue {
    turn: u64,
    items: Receiver<Item>,
    /// The number of the policy that holds for what is taken next, and the workers that nobody took yet.
    policy: u64,
    crew: Crew,
}

/// See above.
pub(super) struct Line {
    queue: Mutex<Queue>,
    outlet: Mutex<Outlet>,
    turn_passed: Condvar,
    pool: Arc<Pool>,
    commit: Duration,
    running: AtomicU64,
    /// How many items were taken from the queue, and how many are through.
    taken: AtomicU64,
    through: AtomicU64,
}

impl Line {
    pub(super) fn new(
        items: Receiver<Item>,
        crew: Crew,
        outlet: Outlet,
        pool: Arc<Pool>,
        commit: Duration,
    ) -> Arc<Self> {
        Arc::new(Self {
            queue: Mutex::new(Queue { turn: 0, items, policy: 0, crew }),
            outlet: Mutex::new(outlet),
            turn_passed: Condvar::new(),
            pool,
            commit,
            running: AtomicU64::new(0),
            taken: AtomicU64::new(0),
            through: AtomicU64::new(0),
        })
    }

    /// Starts so many threads; each ends when the queue does.
    pub(super) fn start(
        self: &Arc<Self>,
        threads: usize,
    ) -> Result<Vec<JoinHandle<()>>, ServiceError> {
        (0..threads)
            .map(|number| {
                let line = Arc::clone(self);
                self.running.fetch_add(1, Ordering::SeqCst);
                let run = move || {
                    let ended = panic::catch_unwind(AssertUnwindSafe(|| line.work()));
                    if ended.is_err() {
                        line.fail(ServiceError::Worker);
                    }
                    line.running.fetch_sub(1, Ordering::SeqCst);
                };
                Builder::new()
                    .name(format!("tamis-{number}"))
                    .spawn(run)
                    .map_err(|_| ServiceError::Threads)
            })
            .collect()
    }

    /// Whether all workers have ended.
    pub(super) fn has_ended(&self) -> bool {
        self.running.load(Ordering::SeqCst) == 0
    }

    /// Has the outlet, between two turns.
    pub(super) fn outlet(&self) -> MutexGuard<'_, Outlet> {
        self.outlet.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn fail(&self, error: ServiceError) {
        self.outlet().fail(error);
        self.turn_passed.notify_all();
    }

    fn work(&self) {
        let mut policy = u64::MAX;
        let mut own: Vec<(Worker, Batch)> = Vec::new();
        loop {
            let (turn, item) = {
                let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
                let Some(mut item) = queue.items.blocking_recv() else { return };
                if let Item::Change(_, crew) = &mut item {
                    queue.crew = std::mem::take(crew);
                    queue.policy += 1;
                }
                if policy != queue.policy {
                    policy = queue.policy;
                    let workers = queue.crew.pop().unwrap_or_default();
                    own = workers.into_iter().map(with_batch).collect();
                }
                queue.turn += 1;
                self.taken.store(queue.turn, Ordering::SeqCst);
                (queue.turn - 1, item)
            };
            let goes_on = match item {
                Item::Lines(portion) => self.process(turn, *portion, &mut own),
                Item::Moves(moves) => self.control(turn, |outlet| outlet.take_moves(moves)),
                Item::Change(rules, _) => self.control(turn, |outlet| outlet.change(*rules)),
                Item::Reopen => self.control(turn, Outlet::reopen),
            };
            if !goes_on {
                self.queue.lock().unwrap_or_else(PoisonError::into_inner).items.close();
                return;
            }
        }
    }

    fn process(&self, turn: u64, mut portion: Portion, own: &mut [(Worker, Batch)]) -> bool {
        let Some((worker, batch)) = own.get_mut(portion.site) else {
            self.fail(ServiceError::Worker);
            return false;
        };
        let given = &portion.piece.given;
        worker.process(given, &portion.piece.block, batch);
        {
            let mut outlet = self.wait(|outlet| outlet.judged == turn);
            outlet.judge(&portion.piece.block, batch, &given.source, portion.standing.is_some());
            outlet.judged += 1;
            self.turn_passed.notify_all();
        }
        worker.pack(given, &portion.piece.block, batch);
        let goes_on = {
            let mut outlet = self.wait(|outlet| outlet.turn == turn);
            outlet.deliver(&mut portion, batch);
            outlet.tend(self.commit);
            self.pass(&mut outlet);
            outlet.failure.is_none()
        };
        self.pool.give(portion.piece.block);
        goes_on
    }

    fn control(&self, turn: u64, act: impl FnOnce(&mut Outlet)) -> bool {
        let mut outlet = self.wait(|outlet| outlet.turn == turn && outlet.judged == turn);
        if outlet.failure.is_none() {
            // After a failure nothing is committed any more: a part of it may be written already.
            act(&mut outlet);
        }
        outlet.judged += 1;
        self.pass(&mut outlet);
        outlet.failure.is_none()
    }

    fn pass(&self, outlet: &mut Outlet) {
        outlet.turn += 1;
        self.through.store(outlet.turn, Ordering::SeqCst);
        self.turn_passed.notify_all();
    }

    /// How many items were taken from the queue, and how many of them are through.
    pub(super) fn progress(&self) -> (u64, u64) {
        (self.taken.load(Ordering::SeqCst), self.through.load(Ordering::SeqCst))
    }

    fn wait(&self, is_it: impl Fn(&Outlet) -> bool) -> MutexGuard<'_, Outlet> {
        self.turn_passed
            .wait_while(self.outlet(), |outlet| outlet.failure.is_none() && !is_it(outlet))
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Has the outlet, unless somebody else has it.
    pub(super) fn try_outlet(&self) -> Option<MutexGuard<'_, Outlet>> {
        match self.outlet.try_lock() {
            Ok(outlet) => Some(outlet),
            Err(TryLockError::Poisoned(outlet)) => Some(outlet.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }

    /// Commits what waits while no lines come. False when somebody else was at it.
    pub(super) fn tend(&self) -> bool {
        self.try_outlet().map(|mut outlet| outlet.tend(self.commit)).is_some()
    }
}

fn with_batch(mut worker: Worker) -> (Worker, Batch) {
    let batch = worker.new_batch();
    (worker, batch)
}
