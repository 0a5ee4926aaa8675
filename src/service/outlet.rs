//! Where all that came through the door goes on, one turn after the other, and what is committed together.
//!
//! Who holds the outlet has the turn: records are written, counts added, lines sealed, places noted. A commit makes all
//! of it durable in this order: the output, sealed segments that are finished, then one moment at which the places
//! move on (see [`super::state`]). What is not committed when the machine stops is read again, or was never there.
//!
//! Sealed segments are finished in their own time, which is longer. So a file has two places: up to one of them its
//! lines are clean and counted, up to the other, which may be earlier, they are also sealed. What lies between is read
//! once more after a crash, for sealing only.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use super::{
    board::{Board, Say},
    error::ServiceError,
    gather::Piece,
    journal::{Beginnings, Entry},
    listen::Confirm,
    output::Output,
    room::{Room, Stop},
    state::{End, Lines, Place, Point, Standing, State},
    trust::Trust,
};
use crate::{
    counts::{Recorder, Running},
    emit::Rendered,
    engine::{Batch, Tally},
    privacy::{RawBlock, Sentry, ring::Ring},
    quarantine::{
        QuarantineError,
        store::{Now, Writer},
    },
};

/// Where the quarantine is, and how its writer is opened.
pub(super) type OpenWriter = (PathBuf, Box<dyn Fn() -> Result<Writer, QuarantineError> + Send>);

/// Lines on their way.
pub(super) struct Portion {
    pub(super) piece: Piece,
    /// Which of the sites of the configuration they are of, by its number.
    pub(super) site: usize,
    /// How far the file was read with this piece, if it is of one.
    pub(super) standing: Option<Standing>,
    /// Up to which entry of the journal it goes, if it is of that.
    pub(super) entry: Option<Entry>,
    /// Whether these lines were clean and counted before, and are only to be sealed.
    pub(super) only_seals: bool,
    /// Whether further pieces follow that belong to the same place.
    pub(super) goes_on: bool,
    /// Who waits for an answer.
    pub(super) confirm: Option<Confirm>,
}

/// Files that begin and end at one moment.
#[derive(Default)]
pub(super) struct Moves {
    pub(super) begun: Vec<Standing>,
    pub(super) ended: Vec<End>,
}

/// What a policy makes of lines, as far as it stands here.
pub struct Rules {
    /// What stands before all records, in forms that have it.
    pub header: Rendered,
    /// What answers what workers notice of lines.
    pub sentry: Option<Sentry>,
    /// What keeps counts, and in which store.
    pub recorder: Option<Recorder>,
    /// See above.
    pub store: Option<PathBuf>,
    /// The same counts since the start, or since this policy, as Prometheus wants them.
    pub running: Option<Running>,
    /// Whether secrets are taken out of what is sealed.
    pub masks: bool,
    /// The policy's hash.
    pub policy_hash: String,
    /// Its text.
    pub policy: String,
    /// How many days records may stay.
    pub records_days: Option<u32>,
    /// How many days sealed lines may stay.
    pub sealed_days: Option<u32>,
}

/// See above.
pub(super) struct Outlet {
    pub(super) turn: u64,
    pub(super) judged: u64,
    pub(super) rules: Rules,
    pub(super) output: Output,
    pub(super) writer: Option<Writer>,
    pub(super) open_writer: Option<OpenWriter>,
    pub(super) ring: Option<Ring>,
    pub(super) state: State,
    pub(super) state_path: PathBuf,
    pub(super) point: Point,
    /// Up to where lines of files came here, also those that are only sealed.
    seen: BTreeMap<u64, Place>,
    /// Up to where they are sealed durably.
    sealed: BTreeMap<u64, Place>,
    /// The same for entries of the journal.
    seen_entries: Beginnings,
    sealed_entries: Beginnings,
    pub(super) tally: Tally,
    /// The lines of earlier runs.
    before: Lines,
    pub(super) is_dirty: bool,
    /// Files of which pieces are here whose rest is still to come.
    partial: BTreeSet<u64>,
    must_flush: bool,
    confirms: Vec<Confirm>,
    committed: Instant,
    pub(super) commits: u64,
    pub(super) stop: Arc<Stop>,
    pub(super) board: Arc<Board>,
    pub(super) say: Say,
    pub(super) clock: fn() -> Now,
    /// Whether it may be believed when something is destroyed.
    pub(super) trust: Trust,
    pub(super) failure: Option<ServiceError>,
    /// Whether nothing is done any more, however it ended.
    is_closed: bool,
}

/// What an outlet is made of.
pub(super) struct Parts {
    pub(super) rules: Rules,
    pub(super) output: Output,
    pub(super) writer: Option<Writer>,
    pub(super) open_writer: Option<OpenWriter>,
    pub(super) ring: Option<Ring>,
    pub(super) state: State,
    pub(super) state_path: PathBuf,
    pub(super) point: Point,
    pub(super) stop: Arc<Stop>,
    pub(super) board: Arc<Board>,
    pub(super) say: Say,
    pub(super) clock: fn() -> Now,
    pub(super) trust: Trust,
}

impl Outlet {
    pub(super) fn new(parts: Parts) -> Self {
        let Parts {
            rules,
            output,
            writer,
            open_writer,
            ring,
            state,
            state_path,
            point,
            stop,
            board,
            say,
            clock,
            trust,
        } = parts;
        let places = |of: fn(&Standing) -> Place| -> BTreeMap<u64, Place> {
            point.files.iter().map(|(id, standing)| (*id, of(standing))).collect()
        };
        let sealed = places(|standing| standing.sealed.unwrap_or(standing.place));
        let entries = point.entries.iter().map(|(name, entry)| (name.clone(), Some(*entry)));
        let mut sealed_entries: Beginnings = entries.collect();
        sealed_entries.extend(point.sealed_entries.clone());
        Self {
            turn: 0,
            judged: 0,
            seen: sealed.clone(),
            sealed,
            seen_entries: sealed_entries.clone(),
            sealed_entries,
            before: point.lines.clone(),
            rules,
            output,
            writer,
            open_writer,
            ring,
            state,
            state_path,
            point,
            tally: Tally::default(),
            is_dirty: true,
            partial: BTreeSet::new(),
            must_flush: false,
            confirms: Vec::new(),
            committed: Instant::now(),
            commits: 0,
            stop,
            board,
            say,
            clock,
            trust,
            failure: None,
            is_closed: false,
        }
    }

    /// Answers what was noticed in a batch, and seals what the ring remembers of whoever is marked now.
    pub(super) fn judge(
        &mut self,
        block: &RawBlock,
        batch: &mut Batch,
        source: &str,
        is_file: bool,
    ) {
        let Some(sentry) = &mut self.rules.sentry else { return };
        let before = sentry.over_budget();
        sentry.judge(batch.sightings_mut());
        self.tally.over_budget += sentry.over_budget() - before;
        if let (Some(ring), Some(writer), false) = (&mut self.ring, &mut self.writer, is_file)
            && let Some(parcel) = ring.pass(block, batch.sightings_mut(), source, self.rules.masks)
        {
            self.tally.sealed += parcel.lines();
            self.is_dirty = true;
            if let Err(error) = writer.put(parcel, (self.clock)()) {
                self.fail(ServiceError::Quarantine(error));
            }
        }
    }

    /// Takes what a portion became.
    pub(super) fn deliver(&mut self, portion: &mut Portion, batch: &mut Batch) {
        if self.failure.is_some() {
            return;
        }
        if let Err(error) = self.try_deliver(portion, batch) {
            self.fail(error);
        }
    }

    fn try_deliver(
        &mut self,
        portion: &mut Portion,
        batch: &mut Batch,
    ) -> Result<(), ServiceError> {
        self.is_dirty = true;
        if !portion.only_seals {
            self.write(batch.rendered())?;
            self.tally.absorb(batch.tally());
        }
        let lines = batch.tally().read();
        if let Some(block) = batch.counts_mut() {
            if let Some(recorder) = self.rules.recorder.as_mut().filter(|_| !portion.only_seals) {
                if let Some(running) = &mut self.rules.running {
                    running.absorb(block);
                }
                recorder.take(block);
            }
            block.clear();
        }
        if let (Some(writer), Some(parcel)) = (&mut self.writer, batch.take_parcel()) {
            self.tally.sealed += parcel.lines();
            writer.put(parcel, (self.clock)()).map_err(ServiceError::Quarantine)?;
        }
        if let Some(standing) = portion.standing.take() {
            if portion.goes_on {
                self.partial.insert(standing.id.0);
                return Ok(());
            }
            self.partial.remove(&standing.id.0);
            self.seen.insert(standing.id.0, standing.place);
            if !portion.only_seals {
                self.point.files.insert(standing.id.0, standing);
            }
        }
        if let Some(Entry { name, before, last }) = portion.entry.take() {
            self.sealed_entries.entry(name.to_string()).or_insert(before);
            self.seen_entries.insert(name.to_string(), Some(last));
            if !portion.only_seals {
                self.point.entries.insert(name.to_string(), last);
            }
        }
        if let Some(mut confirm) = portion.confirm.take() {
            confirm.lines += lines;
            self.confirms.push(confirm);
        }
        Ok(())
    }

    /// Notes files that begin and end. A file that begins is committed before a line of it comes out: it may be renamed
    /// or compressed before the service is started again, and only what is known is found then.
    pub(super) fn take_moves(&mut self, moves: Moves) {
        let begins = !moves.begun.is_empty();
        self.note_moves(moves);
        if begins
            && self.partial.is_empty()
            && self.failure.is_none()
            && let Err(error) = self.commit()
        {
            self.fail(error);
        }
    }

    fn note_moves(&mut self, moves: Moves) {
        self.is_dirty = true;
        for standing in moves.begun {
            self.point.ended.retain(|ended| ended.id != standing.id);
            // One that is known may have lines before its place that are still to be sealed.
            self.seen.entry(standing.id.0).or_insert(standing.start());
            self.sealed.entry(standing.id.0).or_insert(standing.start());
            self.state.next_id = self.state.next_id.max(standing.id.0 + 1);
            self.point.files.insert(standing.id.0, standing);
        }
        for ended in moves.ended {
            // It may be gone soon: what is to be sealed of it must be durable first.
            self.must_flush = true;
            self.point.end(ended);
            self.seen.remove(&ended.id.0);
        }
    }

    /// Whether something waits to be committed for so long, or for somebody.
    pub(super) fn is_due(&self, interval: Duration) -> bool {
        let is_full = self.rules.recorder.as_ref().is_some_and(Recorder::is_full);
        self.is_dirty
            && self.partial.is_empty()
            && (is_full || !self.confirms.is_empty() || self.committed.elapsed() >= interval)
    }

    /// Commits what is due, with rotation where that is due; what fails ends the service.
    pub(super) fn tend(&mut self, interval: Duration) {
        if self.is_over() {
            return;
        }
        let now = (self.clock)();
        let sealed = self.writer.as_mut().map_or(Ok(()), |writer| writer.tick(now));
        let mut done = sealed.map_err(ServiceError::Quarantine);
        if done.is_ok() && self.is_due(interval) {
            done = self.commit();
        }
        if done.is_ok() && self.partial.is_empty() && self.output.is_due(now.unix) {
            done = self.rotate(now.unix);
        }
        if let Err(error) = done {
            self.fail(error);
        }
    }

    fn rotate(&mut self, now: i64) -> Result<(), ServiceError> {
        self.commit()?;
        self.patiently(Room::Output("rotate"), |outlet| outlet.output.rotate(now))?;
        self.commit()?;
        // How many files stay does not depend on what time it is.
        self.expire_output(now, None);
        Ok(())
    }

    /// Opens the output anew.
    pub(super) fn reopen(&mut self) {
        let now = (self.clock)().unix;
        let open = Room::Output("open");
        let done = self
            .commit()
            .and_then(|()| self.patiently(open, |outlet| outlet.output.reopen(now)))
            .and_then(|()| self.commit());
        if let Err(error) = done {
            self.fail(error);
        }
    }

    /// Makes all that came so far durable.
    pub(super) fn commit(&mut self) -> Result<(), ServiceError> {
        // What could not be made durable is not tried again: the system may have dropped it.
        let place = self.output.place();
        self.output.sync().map_err(ServiceError::io("make durable", place))?;
        self.flush_seal()?;
        let mut point = self.point.clone();
        point.output = self.output.point();
        let lines = self.lines();
        point.lines =
            Lines(lines.iter().map(|(name, lines)| ((*name).to_owned(), *lines)).collect());
        for (id, standing) in &mut point.files {
            standing.sealed = self.writer.as_ref().and_then(|_| self.sealed.get(id).copied());
        }
        point.sealed_entries =
            self.writer.as_ref().map(|_| self.sealed_entries.clone()).unwrap_or_default();
        self.state.policy_hash.clone_from(&self.rules.policy_hash);
        self.state.policy.clone_from(&self.rules.policy);
        self.state.trust = Some(self.trust);
        match &self.rules.recorder {
            None => self
                .patiently(Room::State, |outlet| outlet.state.commit(&outlet.state_path, &point))?,
            Some(recorder) => {
                point.sequence = recorder.sequence() + 1;
                point.store.clone_from(&self.rules.store);
                self.patiently(Room::State, |outlet| {
                    outlet.state.try_point(&outlet.state_path, &point)
                })?;
                self.record(&lines)?;
                self.state.tried();
            }
        }
        self.point = point;
        self.is_dirty = false;
        self.committed = Instant::now();
        self.commits += 1;
        for confirm in self.confirms.drain(..) {
            confirm.answer();
        }
        self.tell();
        Ok(())
    }

    /// Finishes the segment where a file went that it has lines of; notes how far lines are sealed.
    fn flush_seal(&mut self) -> Result<(), ServiceError> {
        let Some(writer) = &mut self.writer else { return Ok(()) };
        if std::mem::take(&mut self.must_flush) {
            writer.settle((self.clock)()).map_err(ServiceError::Quarantine)?;
        }
        if writer.is_idle() {
            self.note_sealed();
        }
        Ok(())
    }

    /// Notes that all that came so far is sealed durably.
    pub(super) fn note_sealed(&mut self) {
        self.sealed.clone_from(&self.seen);
        self.sealed_entries.clone_from(&self.seen_entries);
    }

    /// Whether nothing is done any more.
    pub(super) const fn is_over(&self) -> bool {
        self.failure.is_some() || self.is_closed
    }

    /// Finishes everything at the end, unless something failed. The state then needs no store to be understood.
    pub(super) fn finish(&mut self) -> Result<(), ServiceError> {
        self.is_closed = true;
        if let Some(error) = self.failure.take() {
            return Err(error);
        }
        self.must_flush = true;
        self.commit()?;
        let point = self.point.clone();
        self.patiently(Room::State, |outlet| outlet.state.commit(&outlet.state_path, &point))?;
        if let Some(writer) = self.writer.take() {
            writer.finish((self.clock)()).map_err(ServiceError::Quarantine)?;
        }
        // The store that is closed is one file, with nothing beside it.
        self.rules.recorder = None;
        Ok(())
    }

    /// Takes another policy into use, between two blocks. What the earlier one counted is recorded first.
    pub(super) fn change(&mut self, rules: Rules) {
        if self.failure.is_some() {
            return;
        }
        let done = self.commit().and_then(|()| {
            let earlier = std::mem::replace(&mut self.rules, rules);
            if earlier.policy_hash == self.rules.policy_hash && self.rules.running.is_some() {
                self.rules.running = earlier.running;
            }
            if let Some(recorder) = &mut self.rules.recorder {
                // The earlier one went on while this one was made.
                recorder.catch_up().map_err(ServiceError::Record)?;
            }
            // With a step of the new store, so that the state names one of that.
            self.commit()
        });
        if let Err(error) = done {
            self.fail(error);
        }
    }

    fn write(&mut self, rendered: &Rendered) -> Result<(), ServiceError> {
        if self.output.is_fresh() && !self.rules.header.as_bytes().is_empty() {
            let header = std::mem::take(&mut self.rules.header);
            let done = self.write_bytes(header.as_bytes());
            self.rules.header = header;
            done?;
        }
        self.write_bytes(rendered.as_bytes())
    }

    fn write_bytes(&mut self, bytes: &[u8]) -> Result<(), ServiceError> {
        if bytes.is_empty() {
            return Ok(());
        }
        self.patiently(Room::Output("write to"), |outlet| outlet.output.write(bytes))
    }

    /// How many lines came over all runs, by what became of them.
    fn lines(&self) -> Vec<(&'static str, u64)> {
        let mut lines: BTreeMap<&'static str, u64> = self.tally.lines().into_iter().collect();
        let words = crate::field::Reason::ALL.map(crate::field::Reason::word);
        for name in ["clean", "opted_out", "filtered"].into_iter().chain(words) {
            if let Some(before) = self.before.0.get(name) {
                *lines.entry(name).or_default() += before;
            }
        }
        lines.into_iter().collect()
    }

    /// Tells how things are, for whoever asks.
    pub(super) fn tell(&self) {
        let mut behind = 0;
        for standing in self.point.files.values() {
            let size = standing.path.metadata().map_or(0, |metadata| metadata.len());
            behind += size.saturating_sub(standing.place.offset);
        }
        let totals = self.writer.as_ref().map(Writer::totals).unwrap_or_default();
        let counts = self.rules.running.as_ref().map(Running::prometheus).unwrap_or_default();
        self.board.tell(|facts| {
            facts.counts = counts;
            facts.lines = self.lines();
            facts.tally = self.tally.clone();
            facts.shed = totals.shed;
            facts.segments = totals.segments;
            facts.output_bytes = self.output.bytes();
            facts.files = self.point.files.len();
            facts.behind_bytes = behind;
            facts.commits = self.commits;
            facts.committed_unix = (self.clock)().unix;
            facts.policy_hash.clone_from(&self.rules.policy_hash);
            facts.store.clone_from(&self.rules.store);
        });
    }

    pub(super) fn fail(&mut self, error: ServiceError) {
        self.failure.get_or_insert(error);
        self.stop.give_up();
    }
}
