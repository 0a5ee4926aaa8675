//! The life of keys: drawn when their epoch comes, destroyed when its grace is over.
//!
//! A [`Keeper`] looks after a key directory and the [`Keyring`] of a run. Somebody calls [`Keeper::tick`] again and
//! again, also when no line comes; the moment comes in as a value. Only the clock drives keys, never the
//! times of lines: whoever can write lines must not be able to draw or destroy a key.
//!
//! A key is there from an hour before its epoch, because lines may be dated ahead by so much, until two hours
//! after it, for lines that come late. Several processes may share a directory: whatever one of them
//! draws or destroys under the lock, the others see by its generation, and none ever writes back a
//! key from memory, so that nothing destroyed comes back.
//!
//! Not here: how tokens are made ([`crate::transform::pseudonym`]), and who gets one ([`crate::privacy`]).

mod clock;
mod directory;
mod error;
mod exchange;
mod run;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests_exchange;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

pub use clock::{Moment, now, seconds};
use directory::{Directory, Locked, State};
pub use directory::{Mode, random};
pub use error::KeysError;
pub use exchange::{Answer, Request, export, import, request};
pub use run::{content_key, destroy_run_key, run_key};

use crate::{
    privacy::{AHEAD_SECONDS, Keyring, Keys},
    transform::pseudonym::{ChainKey, Epoch, EpochKey, EpochLength, KeyId},
};

/// How long the key of an epoch is kept after its end, for lines that come late.
pub const LATE_SECONDS: i64 = 7_200;

/// How keys are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Health {
    /// As they should be.
    Good,
    /// The clock was set by more than an epoch. No token is made until somebody confirms the clock.
    ClockJumped,
}

/// Looks after the keys of a directory.
pub struct Keeper {
    directory: Directory,
    keyring: Arc<Keyring>,
    state: State,
    /// The latest moment that was seen: time does not go back here.
    latest: i64,
    /// What was published last: the generation, the first and the last epoch, and the health.
    published: Option<(u64, Epoch, Epoch, Health)>,
}

impl Keeper {
    /// Opens a key directory, which is made, and begun in solo mode, where there is none.
    ///
    /// # Errors
    ///
    /// The directory cannot be used; see [`KeysError`].
    pub fn open(path: &Path, now: Moment) -> Result<Self, KeysError> {
        let directory = Directory::open(path, true)?.expect("it is made when it is not there");
        let state = {
            let locked = directory.lock()?;
            match begun(&locked)? {
                Some(state) => trust_new_session(&locked, state, now)?,
                None => begin(&locked, Mode::Solo, EpochLength::default(), now)?,
            }
        };
        let keyring = Arc::default();
        let mut keeper = Self { directory, keyring, state, latest: i64::MIN, published: None };
        keeper.tick(now)?;
        Ok(keeper)
    }

    /// The keys that are alive.
    #[must_use]
    pub const fn keyring(&self) -> &Arc<Keyring> {
        &self.keyring
    }

    /// Whether the keys lie in memory and not on a disk, which may keep what was overwritten.
    #[must_use]
    pub fn is_in_memory(&self) -> bool {
        self.directory.is_in_memory()
    }

    /// Draws the keys that are due and destroys those whose time is over.
    ///
    /// # Errors
    ///
    /// The directory cannot be used; then no key is left in the ring.
    pub fn tick(&mut self, now: Moment) -> Result<Health, KeysError> {
        let done = self.try_tick(now);
        if done.is_err() {
            self.published = None;
            self.keyring.publish(Keys::default());
        }
        done
    }

    fn try_tick(&mut self, now: Moment) -> Result<Health, KeysError> {
        let generation = self.directory.generation()?;
        if self.published.is_none_or(|(published, ..)| published != generation) {
            self.reread(now)?;
        }
        let (health, trusted) = judge(self.state, now);
        self.latest = self.latest.max(trusted);
        self.keyring.set_now(self.latest);
        let (first, last) = window(self.state.length, self.latest);
        if self.published == Some((generation, first, last, health)) {
            return Ok(health);
        }
        let locked = self.directory.lock()?;
        let mut keys = renew(&locked, self.state, first, last, health)?;
        if health == Health::ClockJumped {
            keys.clear();
        }
        self.keyring.publish(Keys { length: self.state.length, keys });
        self.published = Some((self.directory.generation()?, first, last, health));
        Ok(health)
    }

    /// Looks at a directory that somebody else changed. A chain that is gone is not replaced.
    fn reread(&mut self, now: Moment) -> Result<(), KeysError> {
        let locked = self.directory.lock()?;
        let found = begun(&locked)?;
        self.state = match (self.state.mode, found) {
            (mode, Some(found)) if found.mode == mode && found.length == self.state.length => found,
            (Mode::Solo, None) => begin(&locked, Mode::Solo, self.state.length, now)?,
            _ => return Err(KeysError::Gone(self.directory.path().to_owned())),
        };
        Ok(())
    }
}

/// Begins keys in a directory that has none.
///
/// # Errors
///
/// There are some already, or the directory cannot be used.
pub fn init(path: &Path, mode: Mode, length: EpochLength, now: Moment) -> Result<(), KeysError> {
    let directory = Directory::open(path, true)?.expect("it is made when it is not there");
    let locked = directory.lock()?;
    if begun(&locked)?.is_some() {
        return Err(KeysError::Exists(path.to_owned()));
    }
    let state = begin(&locked, mode, length, now)?;
    let (first, last) = window(length, now.unix);
    renew(&locked, state, first, last, Health::Good).map(drop)
}

/// Says that the clock is right although it was set. False when there are no keys.
///
/// # Errors
///
/// The directory cannot be used.
pub fn confirm_clock(path: &Path, now: Moment) -> Result<bool, KeysError> {
    let Some(directory) = Directory::open(path, false)? else { return Ok(false) };
    let locked = directory.lock()?;
    let Some(state) = begun(&locked)? else { return Ok(false) };
    locked.set_state(State { started: now.started(), session: now.session, ..state })?;
    Ok(true)
}

/// Destroys all keys of a directory, and gives up a request that is open. False when there was nothing.
///
/// # Errors
///
/// The directory cannot be used; then keys may be left.
pub fn destroy(path: &Path) -> Result<bool, KeysError> {
    let Some(directory) = Directory::open(path, false)? else { return Ok(false) };
    let locked = directory.lock()?;
    let secrets = locked.secrets()?;
    let was_there = locked.state()?.is_some()
        || !locked.keys()?.is_empty()
        || locked.has_request()?
        || !secrets.is_empty();
    secrets.iter().try_for_each(|name| locked.destroy_secret(name))?;
    locked.destroy_all()?;
    Ok(was_there)
}

/// What may be told of a key directory.
#[derive(Debug)]
pub struct Status {
    /// Where it is.
    pub path: PathBuf,
    /// Whether it lies in memory.
    pub in_memory: bool,
    /// Who draws the keys.
    pub mode: Mode,
    /// How long a key lives.
    pub length: EpochLength,
    /// Whether the clock is trusted.
    pub health: Health,
    /// The epochs that have a key, and its public name.
    pub epochs: Vec<(Epoch, KeyId)>,
    /// The epoch whose key the chain gives next, and the public name of that key.
    pub next: Option<(Epoch, KeyId)>,
}

/// What may be told of a key directory, after the keys whose time is over were destroyed; nothing when
/// there are no keys.
///
/// # Errors
///
/// The directory cannot be used.
pub fn status(path: &Path, now: Moment) -> Result<Option<Status>, KeysError> {
    let Some(directory) = Directory::open(path, false)? else { return Ok(None) };
    let locked = directory.lock()?;
    let Some(state) = begun(&locked)? else { return Ok(None) };
    let state = trust_new_session(&locked, state, now)?;
    let (health, trusted) = judge(state, now);
    let (first, _) = window(state.length, trusted);
    destroy_before(&locked, first)?;
    let mut epochs = Vec::new();
    for epoch in locked.keys()? {
        epochs.extend(locked.key(epoch)?.map(|key| (epoch, key.id())));
    }
    let in_memory = directory.is_in_memory();
    let State { mode, length, .. } = state;
    // A chain that nobody looked after for a while names an epoch that is over.
    let next = chain(&locked)?.filter(|(epoch, _)| length.end(*epoch) > trusted);
    let next = next.map(|(epoch, chain)| (epoch, chain.epoch_key().id()));
    Ok(Some(Status { path: path.to_owned(), in_memory, mode, length, health, epochs, next }))
}

/// Whether a request for a chain waits for its answer.
///
/// # Errors
///
/// The directory cannot be used.
pub fn has_open_request(path: &Path) -> Result<bool, KeysError> {
    let Some(directory) = Directory::open(path, false)? else { return Ok(false) };
    let locked = directory.lock()?;
    Ok(begun(&locked)?.is_none() && locked.has_request()?)
}

/// The first and the last epoch that have a key at a moment.
fn window(length: EpochLength, now: i64) -> (Epoch, Epoch) {
    (length.epoch(now - LATE_SECONDS), length.epoch(now + AHEAD_SECONDS))
}

/// Whether the clock is to be trusted, and what time it is: where it was set by more than an epoch, the
/// time goes on as if it had not been.
fn judge(state: State, now: Moment) -> (Health, i64) {
    let set_by = now.started().abs_diff(state.started);
    if state.session == now.session && set_by > u64::from(state.length.seconds()) {
        (Health::ClockJumped, state.started + now.boot)
    } else {
        (Health::Good, now.unix)
    }
}

/// After a start of the machine there is nothing to compare its clock with.
fn trust_new_session(locked: &Locked<'_>, state: State, now: Moment) -> Result<State, KeysError> {
    if state.session == now.session {
        return Ok(state);
    }
    let state = State { started: now.started(), session: now.session, ..state };
    locked.set_state(state)?;
    Ok(state)
}

/// What the directory says of itself. A request is over once there are keys, also where whoever imported them was
/// killed before it could say so.
fn begun(locked: &Locked<'_>) -> Result<Option<State>, KeysError> {
    let state = locked.state()?;
    if state.is_some() {
        locked.destroy_identity()?;
    }
    Ok(state)
}

/// Begins keys where there are none; whoever asked for those of a chain does not want others.
fn begin(
    locked: &Locked<'_>,
    mode: Mode,
    length: EpochLength,
    now: Moment,
) -> Result<State, KeysError> {
    if locked.has_request()? {
        return Err(KeysError::RequestOpen(locked.path().to_owned()));
    }
    // What an interrupted destruction left behind must not be taken up again.
    locked.destroy_all()?;
    let state = State { mode, length, started: now.started(), session: now.session };
    if mode == Mode::Shared {
        let first = length.epoch(now.unix);
        locked.put_chain(first, &ChainKey::genesis(random()?, length, first))?;
    }
    locked.set_state(state)?;
    Ok(state)
}

/// Brings the directory up to date and gives the keys from `first` to `last`.
fn renew(
    locked: &Locked<'_>,
    state: State,
    first: Epoch,
    last: Epoch,
    health: Health,
) -> Result<Vec<(Epoch, EpochKey)>, KeysError> {
    let mut has_changed = destroy_before(locked, first)?;
    // A clock that is not trusted draws nothing.
    if health == Health::Good {
        has_changed |= match state.mode {
            Mode::Solo => draw(locked, first, last)?,
            Mode::Shared => step(locked, first, last)?,
        };
    }
    if has_changed {
        locked.change()?;
    }
    let mut keys = Vec::new();
    for number in first.0..=last.0 {
        keys.extend(locked.key(Epoch(number))?.map(|key| (Epoch(number), key)));
    }
    Ok(keys)
}

/// Destroys the keys of epochs before `first`.
fn destroy_before(locked: &Locked<'_>, first: Epoch) -> Result<bool, KeysError> {
    let mut has_changed = false;
    for epoch in locked.keys()?.into_iter().filter(|epoch| *epoch < first) {
        locked.destroy_key(epoch)?;
        has_changed = true;
    }
    Ok(has_changed)
}

/// Draws the keys that are not there.
fn draw(locked: &Locked<'_>, first: Epoch, last: Epoch) -> Result<bool, KeysError> {
    let mut has_changed = false;
    for epoch in (first.0..=last.0).map(Epoch) {
        if locked.key(epoch)?.is_none() {
            locked.put_key(epoch, &EpochKey::new(random()?))?;
            has_changed = true;
        }
    }
    Ok(has_changed)
}

/// Derives the keys up to `last` from the chain, which moves on to the epoch after it.
fn step(locked: &Locked<'_>, first: Epoch, last: Epoch) -> Result<bool, KeysError> {
    let Some((mut at, mut chain)) = chain(locked)? else { return Ok(false) };
    let begun_at = at;
    while at <= last {
        if at >= first {
            locked.put_key(at, &chain.epoch_key())?;
        }
        chain = chain.step();
        at = Epoch(at.0 + 1);
    }
    if at != begun_at {
        locked.put_chain(at, &chain)?;
    }
    for old in locked.chains()?.into_iter().filter(|old| *old < at) {
        locked.destroy_chain(old)?;
    }
    Ok(at != begun_at)
}

/// The latest value of the chain, and the epoch whose key it gives.
fn chain(locked: &Locked<'_>) -> Result<Option<(Epoch, ChainKey)>, KeysError> {
    let mut chain = None;
    for epoch in locked.chains()? {
        if let Some(found) = locked.chain(epoch)? {
            chain = Some((epoch, found));
        }
    }
    Ok(chain)
}
