//! Lines from the journal of systemd, through `journalctl` and its JSON.
//!
//! Which entry was committed last is a part of the state, so that the journal is gone on with right behind it: from
//! there to a file each entry comes out once. `journalctl` is started anew when it ends, such as in an upgrade.
//!
//! Two of its habits are worked around. While it follows, it shows the present boot only, unless it merges the journals
//! of several machines: so it does, and is asked for those of this one. And what it takes for the entry behind a cursor
//! is the second one from there on, also where the first is another one because that of the cursor is gone: so it is
//! asked to begin with the cursor's own, which is known and dropped here.

use std::{
    collections::BTreeMap,
    env,
    ffi::OsString,
    fs::{self, File},
    io,
    os::fd::OwnedFd,
    process::{Child, Command, Stdio},
    sync::{Arc, atomic::Ordering},
    thread::sleep,
    time::{Duration, Instant},
};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::{
    board::{Level, Say},
    config::SourceSection,
    error::ServiceError,
    gather::{Gatherer, Piece},
    listen::{Closed, Way},
    outlet::Portion,
    room::Stop,
    work::Item,
};
use crate::privacy::Cursor;

/// What reads the journal.
const PROGRAM: &str = "journalctl";
/// How long is waited before it is looked whether somebody stops.
const WAIT: Timespec = Timespec { tv_sec: 0, tv_nsec: 100_000_000 };
/// Which machine this is.
const MACHINE: &str = "/etc/machine-id";
/// How long is waited before `journalctl` is started anew: at first, at most, and how often it is looked meanwhile
/// whether somebody stops.
const PAUSE: Duration = Duration::from_secs(1);
const PAUSE_MAX: Duration = Duration::from_secs(60);
const STEP: Duration = Duration::from_millis(100);
/// So often in a row may it end, or not be started, before the source counts as one that cannot be read.
const FAILURES_MAX: u32 = 3;
/// One that works for so long, or has given an entry, has not failed.
const STEADY: Duration = Duration::from_secs(10);

/// Places in the journal, each by the name of a source's choice.
pub(super) type Cursors = BTreeMap<String, Cursor>;
/// Places that may be the beginning of the journal.
pub(super) type Beginnings = BTreeMap<String, Option<Cursor>>;

/// The last entry in a portion, and the one before its first.
pub(super) struct Entry {
    pub(super) name: Arc<str>,
    pub(super) before: Option<Cursor>,
    pub(super) last: Cursor,
}

/// A source's part of the journal.
pub(super) struct Journal {
    matches: Vec<String>,
    /// What the source's place has as its name in the state.
    name: Arc<str>,
    /// The last entry that was handed on.
    cursor: Option<Cursor>,
    /// An entry that was handed on and may come first once more.
    known: Option<Cursor>,
    /// The last entry that is clean, where those behind `cursor` are to be sealed once more.
    clean: Option<Cursor>,
    child: Reading,
    /// How often in a row `journalctl` ended or was not started.
    failures: u32,
}

/// A `journalctl` at work, which ends with this.
struct Reading {
    child: Child,
    pipe: File,
}

impl Drop for Reading {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Journal {
    /// Begins to read what `source` chooses, behind the last entry that was committed. Where its choice is another one
    /// than before, that is where the others are, so that no entry comes out twice.
    pub(super) fn open(
        source: &SourceSection,
        clean: &Cursors,
        sealed: &Beginnings,
    ) -> Result<Self, ServiceError> {
        let units = source.unit.iter().map(|unit| format!("_SYSTEMD_UNIT={}", whole(unit)));
        let names = source.identifier.iter().map(|name| format!("SYSLOG_IDENTIFIER={name}"));
        let matches: Vec<_> = units.chain(names).collect();
        let name = matches.join(" ");
        let later = |one: Cursor, other: Cursor| if one.is_behind(other) { one } else { other };
        let latest = || clean.values().copied().reduce(later);
        let clean = clean.get(&name).copied().or_else(latest);
        let cursor = sealed.get(&name).copied().unwrap_or(clean);
        let child = start(&matches, cursor).map_err(ServiceError::io("start", PROGRAM))?;
        let clean = clean.filter(|clean| Some(*clean) != cursor);
        let (name, failures) = (name.into(), 0);
        Ok(Self { matches, name, cursor, known: cursor, clean, child, failures })
    }

    /// Hands lines on until the service ends.
    pub(super) fn follow(mut self, way: &Way, stop: &Arc<Stop>, say: &Say) {
        loop {
            if self.read(way, stop).is_err() || stop.is_ending() {
                return;
            }
            self.tell_failure(way, say);
            while !stop.is_ending() {
                pause(self.failures, stop);
                match start(&self.matches, self.cursor) {
                    Ok(child) => {
                        (self.child, self.known) = (child, self.cursor);
                        break;
                    }
                    Err(_) => self.tell_failure(way, say),
                }
            }
        }
    }

    /// Counts that `journalctl` ended or was not started, and says so.
    fn tell_failure(&mut self, way: &Way, say: &Say) {
        self.failures += 1;
        let (level, what) = match self.failures {
            1 => (Level::Warning, "has ended and is started anew; if nothing comes of it"),
            FAILURES_MAX => {
                way.facts.is_failing.store(true, Ordering::Relaxed);
                (Level::Error, "ends whenever it is started, and is tried again; to see why")
            }
            _ => return,
        };
        let matches = self.matches.join(" ");
        let what =
            format!("{PROGRAM} {what}, run it as the user of the service: {PROGRAM} {matches}");
        say(level, &what);
    }

    /// Takes note that `journalctl` works.
    fn tell_works(&mut self, way: &Way) {
        self.failures = 0;
        way.facts.is_failing.store(false, Ordering::Relaxed);
    }

    /// Reads until `journalctl` ends. Half of a line is read again by the next one.
    fn read(&mut self, way: &Way, stop: &Arc<Stop>) -> Result<(), Closed> {
        let mut gatherer = way.gatherer();
        let (began, before) = (Instant::now(), self.cursor);
        while !stop.is_ending() {
            if self.failures > 0 && (self.cursor != before || began.elapsed() >= STEADY) {
                self.tell_works(way);
            }
            let mut ends = [PollFd::new(&self.child.pipe, PollFlags::IN)];
            if !poll(&mut ends, Some(&WAIT)).is_ok_and(|count| count > 0) {
                continue;
            }
            match gatherer.fill(&mut self.child.pipe) {
                Ok(0) => return Ok(()),
                Ok(count) => {
                    way.facts.bytes.fetch_add(count as u64, Ordering::Relaxed);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(_) => return Ok(()),
            }
            self.hand_on(&mut gatherer, way)?;
        }
        Ok(())
    }

    fn hand_on(&mut self, gatherer: &mut Gatherer, way: &Way) -> Result<(), Closed> {
        if self.known.is_some() {
            let Some((first, end)) = gatherer.first_entry() else { return Ok(()) };
            if first == self.known.take() {
                gatherer.drop_to(end);
            }
        }
        if let Some(clean) = self.clean {
            // These were clean before and are sealed once more, up to the entry that was the last clean one.
            let end = gatherer.end_of(clean);
            let pieces = match end {
                Some(end) => gatherer.take_to(end),
                None => gatherer.take(false),
            };
            self.send(pieces, way, true)?;
            if end.is_none() {
                return Ok(());
            }
            self.clean = None;
        }
        let pieces = gatherer.take(false);
        self.send(pieces, way, false)
    }

    fn send(&mut self, pieces: Vec<Piece>, way: &Way, only_seals: bool) -> Result<(), Closed> {
        for piece in pieces {
            let (name, before) = (Arc::clone(&self.name), self.cursor);
            self.cursor = Cursor::last_of(&piece.block).or(before);
            let entry = self.cursor.map(|last| Entry { name, before, last });
            let portion = Portion {
                piece,
                site: way.site,
                standing: None,
                entry,
                only_seals,
                goes_on: false,
                confirm: None,
            };
            way.items.blocking_send(Item::Lines(Box::new(portion))).map_err(|_| Closed)?;
        }
        Ok(())
    }
}

/// Waits before `journalctl` is started anew, the longer the more often it failed.
fn pause(failures: u32, stop: &Stop) {
    let pause = PAUSE.saturating_mul(1 << failures.saturating_sub(1).min(16)).min(PAUSE_MAX);
    let since = Instant::now();
    while since.elapsed() < pause && !stop.is_ending() {
        sleep(STEP);
    }
}

/// The unit as systemd knows it: one without a kind is a service.
fn whole(unit: &str) -> String {
    if unit.contains('.') { unit.to_owned() } else { format!("{unit}.service") }
}

/// Starts `journalctl` with nothing of our surroundings but where programs are.
fn start(matches: &[String], cursor: Option<Cursor>) -> io::Result<Reading> {
    let mut command = Command::new(PROGRAM);
    // All: a long message would be left out otherwise. The fields that name an entry are always there.
    command.args(["--follow", "--no-tail", "--merge", "--all", "--quiet", "--output=json"]);
    command.arg("--output-fields=MESSAGE");
    if let Some(cursor) = cursor {
        command.arg(format!("--cursor={cursor}"));
    }
    if let Ok(machine) = fs::read_to_string(MACHINE) {
        command.arg(format!("_MACHINE_ID={}", machine.trim()));
    }
    let path = env::var_os("PATH").unwrap_or_else(|| OsString::from("/usr/bin:/bin"));
    command.args(matches).env_clear().env("PATH", path).env("LC_ALL", "C");
    // What it complains of may name entries.
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn()?;
    let pipe = child.stdout.take().expect("it was asked for a pipe");
    Ok(Reading { child, pipe: File::from(OwnedFd::from(pipe)) })
}
