//! What writes segments: one writer at a time, in an order that a crash at any point leaves whole.
//!
//! ```text
//! key file, durable -> lines to .part -> durable, its name -> index the same -> manifest, durable
//! ```
//!
//! Only what the manifest lists is acknowledged. What a crash leaves otherwise is found at the next start and listed
//! as torn: age seals in pieces of 64 KiB, so all but the last of them can still be opened. The identity that opens
//! a segment is drawn for it, wrapped for the recipients, and overwritten before the first line is sealed: what this
//! machine keeps opens nothing.
//!
//! When the disk is full, a patient writer waits for room and tries again what can be tried again; another one gives
//! lines up, counts them and says so in the manifest. What could not be made durable is never tried again: the kernel
//! may have dropped it and would say that all is well. No line is written in the clear, whatever fails.

use std::{
    fs::{self, File},
    hint::black_box,
    io::{self, Write},
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use age::{
    secrecy::ExposeSecret as _,
    x25519::{Identity, Recipient},
};
use serde_json::json;
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use super::{
    chain::{Journal, hex},
    disk::{Disk, DiskFile},
    error::{QuarantineError, is_full},
    layout::{Day, Layout, SegmentId, Tree},
    manifest::{self, Hashes, SegmentEntry},
    recipients::Recipients,
    recovery,
};
use crate::{
    privacy::seal::{Parcel, Sealed, Segment},
    transform::pseudonym::overwrite_stack,
};

/// How many sealed bytes a segment has when it is finished.
pub const SEGMENT_BYTES: u64 = 8 << 20;
/// How long after its first line it is.
pub const SEGMENT_SECONDS: i64 = 300;
/// The same where lines come from senders that nobody can ask again: what is in an unfinished segment is lost in a
/// crash.
pub const SEGMENT_SECONDS_ONCE: i64 = 10;
/// How often lines that were given up are told in the manifest.
const GAP_SECONDS: i64 = 60;
/// How much room is kept for the last words when the disk is full.
const RESERVE_BYTES: u64 = 1 << 20;
/// How much of the stack an identity may have touched, in words.
const IDENTITY_WORDS: usize = 8_192;

/// What time it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Now {
    /// By the clock that people can set, in Unix seconds.
    pub unix: i64,
    /// By one that nobody can set, in seconds.
    pub steady: i64,
}

/// What is done when the disk is full.
#[derive(Clone)]
pub enum WhenFull {
    /// Wait for room: called before each further try, it says false to give up.
    Block(Arc<dyn Fn() -> bool + Send + Sync>),
    /// Give lines up.
    Shed,
}

/// What a writer did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Lines in finished segments.
    pub sealed: u64,
    /// Lines that were given up because the disk was full.
    pub shed: u64,
    /// Finished segments.
    pub segments: u64,
}

/// The one writer of a quarantine.
pub struct Writer {
    disk: Disk,
    layout: Layout,
    recipients: Recipients,
    journal: Journal,
    when_full: WhenFull,
    segment_seconds: i64,
    current: Option<Current>,
    next: u32,
    totals: Totals,
    /// Lines given up that the manifest does not tell yet, and since when.
    gap: u64,
    gap_told: Option<i64>,
    /// Held until the end.
    _lock: File,
}

/// The segment that is being written.
struct Current {
    id: SegmentId,
    segment: Segment<Body>,
    file: Arc<DiskFile>,
    written: Arc<AtomicU64>,
    key_hash: String,
    begun: Now,
    /// Up to where room is reserved.
    reserved: u64,
}

/// What a segment is written to: a file, and a hash of what is in it.
struct Body {
    file: Arc<DiskFile>,
    hash: Sha256,
    written: Arc<AtomicU64>,
    when_full: WhenFull,
}

impl Write for Body {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        loop {
            match self.file.write_some(bytes) {
                Ok(count) => {
                    self.hash.update(&bytes[..count]);
                    self.written.fetch_add(count as u64, Ordering::Relaxed);
                    return Ok(count);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => match &self.when_full {
                    WhenFull::Block(wait) if is_full(&error) => {
                        // Half a piece may have been written: the next try goes over it.
                        self.file.cut(self.written.load(Ordering::Relaxed))?;
                        if !wait() {
                            return Err(error);
                        }
                    }
                    _ => return Err(error),
                },
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Writer {
    /// Opens a quarantine for writing and puts in order what a crash left.
    ///
    /// # Errors
    ///
    /// There is none, another run writes to it, or it is not as the program leaves it.
    pub fn open(
        disk: &Disk,
        root: &Path,
        when_full: WhenFull,
        now: Now,
    ) -> Result<Self, QuarantineError> {
        let layout = Layout::new(root);
        let recipients = Recipients::load(&layout)?;
        let lock = lock(&layout)?;
        let mut known = recovery::Known::default();
        let mut journal = manifest::open(disk, &layout, |entry| known.note(&entry))?;
        let next = recovery::recover(disk, &layout, &mut journal, &known, now.unix)?;
        Ok(Self {
            disk: disk.clone(),
            layout,
            recipients,
            journal,
            when_full,
            segment_seconds: SEGMENT_SECONDS,
            current: None,
            next,
            totals: Totals::default(),
            gap: 0,
            gap_told: None,
            _lock: lock,
        })
    }

    /// Finishes segments so many seconds after their first line.
    #[must_use]
    pub fn with_segment_seconds(self, segment_seconds: i64) -> Self {
        Self { segment_seconds, ..self }
    }

    /// Who may open what is sealed.
    #[must_use]
    pub const fn recipients(&self) -> &Recipients {
        &self.recipients
    }

    /// Seals the lines of a parcel. They are acknowledged when their segment is finished.
    ///
    /// # Errors
    ///
    /// The disk refuses.
    pub fn put(&mut self, parcel: Parcel, now: Now) -> Result<(), QuarantineError> {
        self.tick(now)?;
        let lines = parcel.lines();
        match self.try_put(parcel, now) {
            Err((lost, error)) if error.is_full() && matches!(self.when_full, WhenFull::Shed) => {
                self.shed(lost + lines, now)
            }
            done => done.map_err(|(_, error)| error),
        }
    }

    /// Seals the lines of a parcel, or says how many others were lost with it.
    fn try_put(&mut self, parcel: Parcel, now: Now) -> Result<(), (u64, QuarantineError)> {
        let none_lost = |error| (0, error);
        if self.current.is_none() {
            self.current = Some(self.begin(now).map_err(none_lost)?);
        }
        let current = self.current.as_mut().expect("begun above");
        let path = current.file.path();
        if matches!(self.when_full, WhenFull::Shed) {
            // Room for all of it before any of it is taken: then what was taken can be finished.
            let written = current.written.load(Ordering::Relaxed);
            let needed = parcel.bytes() as u64 * 2 + current.segment.rest_bytes();
            if written + needed > current.reserved {
                let more = written + needed + (1 << 20) - current.reserved;
                current
                    .file
                    .reserve(current.reserved, more)
                    .map_err(QuarantineError::io("cannot reserve room in", path))
                    .map_err(none_lost)?;
                current.reserved += more;
            }
        }
        let lines = current.segment.lines();
        if let Err(error) = current.segment.put(parcel) {
            // It cannot be finished any more. What was written lies there, and the next start lists it as torn.
            let failed = QuarantineError::io("cannot write to", path)(error);
            self.current = None;
            return Err((lines, failed));
        }
        if current.segment.bytes() >= SEGMENT_BYTES || current.segment.is_full() {
            self.finish_segment(now).map_err(none_lost)?;
        }
        Ok(())
    }

    /// Finishes a segment whose time is over. To be called every second or so, and before lines are taken.
    ///
    /// # Errors
    ///
    /// The disk refuses.
    pub fn tick(&mut self, now: Now) -> Result<(), QuarantineError> {
        let is_over = self.current.as_ref().is_some_and(|current| {
            // The steady clock decides on the age, and people's clock on the day.
            now.steady - current.begun.steady >= self.segment_seconds
                || self.time(now) >= current.id.day().end()
        });
        if is_over {
            self.finish_segment(now)?;
        }
        if self.gap > 0 && self.gap_told.is_none_or(|told| now.steady - told >= GAP_SECONDS) {
            self.tell_gap(now)?;
        }
        Ok(())
    }

    /// Finishes the segment that is being written. What was taken before is durable after this.
    ///
    /// # Errors
    ///
    /// The disk refuses.
    pub fn settle(&mut self, now: Now) -> Result<(), QuarantineError> {
        self.finish_segment(now)
    }

    /// Whether all that was taken is durable, or was given up.
    #[must_use]
    pub const fn is_idle(&self) -> bool {
        self.current.is_none()
    }

    /// Finishes everything. What is acknowledged after this is durable.
    ///
    /// # Errors
    ///
    /// The disk refuses.
    pub fn finish(mut self, now: Now) -> Result<Totals, QuarantineError> {
        self.finish_segment(now)?;
        if self.gap > 0 {
            self.tell_gap(now)?;
        }
        if self.gap_told.is_some() {
            // There may be no room for it. Then the next run tries.
            let _ = keep_reserve(&self.disk, &self.layout);
        }
        Ok(self.totals)
    }

    /// What was done so far.
    #[must_use]
    pub const fn totals(&self) -> Totals {
        self.totals
    }

    /// The time by the clock that people set, which never goes back in a quarantine.
    fn time(&self, now: Now) -> i64 {
        now.unix.max(self.journal.time())
    }

    /// Does something that can be done again, until there is room for it.
    fn patiently<T>(
        &self,
        mut act: impl FnMut() -> Result<T, QuarantineError>,
    ) -> Result<T, QuarantineError> {
        patiently(&self.when_full, &self.layout, &mut act)
    }

    fn begin(&mut self, now: Now) -> Result<Current, QuarantineError> {
        let day = Day::of(self.time(now));
        let full = || {
            QuarantineError::strange(
                self.layout.manifest(),
                "there is no number for a further segment",
            )
        };
        let id = SegmentId::new(day, self.next).ok_or_else(full)?;
        self.next += 1;
        let (recipient, key) = draw_key(&self.recipients);
        self.patiently(|| {
            for tree in Tree::ALL {
                let path = self.layout.tree(tree).join(day.to_string());
                self.disk
                    .make_directory(&path, 0o750)
                    .map_err(QuarantineError::io("cannot make", &path))?;
            }
            let path = self.layout.file(Tree::Keys, id);
            self.write_file(&path, &key, 0o640)
        })?;
        let path = self.layout.part(Tree::Segments, id);
        let file = self.patiently(|| {
            self.disk
                .create_over(path.clone(), 0o440)
                .map_err(QuarantineError::io("cannot make", &path))
        })?;
        let (file, written) = (Arc::new(file), Arc::new(AtomicU64::new(0)));
        let body = Body {
            file: Arc::clone(&file),
            hash: Sha256::new(),
            written: Arc::clone(&written),
            when_full: self.when_full.clone(),
        };
        let segment = Segment::begin(recipient, body)
            .map_err(QuarantineError::io("cannot write to", &path))?;
        let key_hash = hex(&Sha256::digest(&key));
        Ok(Current { id, segment, file, written, key_hash, begun: now, reserved: 0 })
    }

    /// Writes a small file whole and makes it durable with its name.
    fn write_file(&self, path: &Path, bytes: &[u8], mode: u32) -> Result<(), QuarantineError> {
        let write = || -> io::Result<()> {
            let mut file = self.disk.create_over(path.to_owned(), mode)?;
            file.write_all(bytes)?;
            file.sync()?;
            self.disk.sync_parent(path)
        };
        write().map_err(QuarantineError::io("cannot write", path))
    }

    fn finish_segment(&mut self, now: Now) -> Result<(), QuarantineError> {
        let Some(current) = self.current.take() else { return Ok(()) };
        let lines = current.segment.lines();
        match self.finish_current(current, now) {
            Ok(()) => Ok(()),
            Err(error) if error.is_full() && matches!(self.when_full, WhenFull::Shed) => {
                // What was written lies there unlisted, and the next start lists it as torn.
                self.shed(lines, now)
            }
            Err(error) => Err(error),
        }
    }

    fn finish_current(&mut self, current: Current, now: Now) -> Result<(), QuarantineError> {
        let Current { id, segment, file, key_hash, .. } = current;
        let part = self.layout.part(Tree::Segments, id);
        let (body, sealed) =
            segment.finish().map_err(QuarantineError::io("cannot write to", &part))?;
        let bytes = body.written.load(Ordering::Relaxed);
        let body_hash = hex(&body.hash.finalize());
        // What was reserved and not needed makes room for the index.
        file.cut(bytes)
            .and_then(|()| file.sync())
            .map_err(QuarantineError::io("cannot make durable", &part))?;
        let Sealed { lines, period, why, index } = sealed;
        self.name(Tree::Segments, id)?;
        let part = self.layout.part(Tree::Index, id);
        self.patiently(|| self.write_file(&part, &index, 0o440))?;
        self.name(Tree::Index, id)?;
        let index = hex(&Sha256::digest(&index));
        let hashes = Hashes { body: body_hash, key: key_hash, index };
        let entry = SegmentEntry { id, lines, period, bytes, hashes, why };
        self.append(now, "segment", &entry.members())?;
        self.totals.sealed += lines;
        self.totals.segments += 1;
        Ok(())
    }

    /// Gives a file that is whole its name.
    fn name(&self, tree: Tree, id: SegmentId) -> Result<(), QuarantineError> {
        let (from, to) = (self.layout.part(tree, id), self.layout.file(tree, id));
        let rename =
            || self.disk.rename(&from, &to).map_err(QuarantineError::io("cannot rename", &from));
        self.patiently(rename)
    }

    fn append(
        &mut self,
        now: Now,
        kind: &str,
        members: &[(&str, serde_json::Value)],
    ) -> Result<(), QuarantineError> {
        let Self { journal, when_full, layout, .. } = self;
        patiently(when_full, layout, &mut || journal.append(now.unix, kind, members)).map(drop)
    }

    fn shed(&mut self, lines: u64, now: Now) -> Result<(), QuarantineError> {
        self.totals.shed += lines;
        self.gap += lines;
        if self.gap_told.is_none() {
            self.tell_gap(now)?;
        }
        Ok(())
    }

    /// Tells in the manifest how many lines were given up, with the room that is kept for that.
    fn tell_gap(&mut self, now: Now) -> Result<(), QuarantineError> {
        let members = [("lines", json!(self.gap))];
        let path = self.layout.reserve();
        self.disk.remove(&path).map_err(QuarantineError::io("cannot give up", &path))?;
        self.gap_told = Some(now.steady);
        match self.journal.append(now.unix, "gap", &members) {
            Ok(_) => self.gap = 0,
            Err(error) if error.is_full() => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }
}

/// Does something again and again until there is room for it, if that is what is to be done.
fn patiently<T>(
    when_full: &WhenFull,
    layout: &Layout,
    act: &mut dyn FnMut() -> Result<T, QuarantineError>,
) -> Result<T, QuarantineError> {
    loop {
        match (act(), when_full) {
            (Err(error), WhenFull::Block(wait)) if error.is_full() => {
                if !wait() {
                    return Err(QuarantineError::Stopped(layout.root().to_owned()));
                }
            }
            (done, _) => return done,
        }
    }
}

/// An identity for one segment: its public half, and its secret half wrapped for those who may open. Nothing of the
/// secret stays.
fn draw_key(recipients: &Recipients) -> (Recipient, Vec<u8>) {
    let drawn = draw_key_on_the_stack(recipients);
    overwrite_stack::<IDENTITY_WORDS>();
    drawn
}

#[inline(never)]
fn draw_key_on_the_stack(recipients: &Recipients) -> (Recipient, Vec<u8>) {
    let identity = Identity::generate();
    let secret = identity.to_string();
    // Room for all of it, so that no part is left behind where the text was moved.
    let mut text = Zeroizing::new(String::with_capacity(128));
    text.push_str(secret.expose_secret());
    text.push('\n');
    let wrapped = recipients.wrap(&text);
    black_box((identity.to_public(), wrapped))
}

pub(super) fn lock(layout: &Layout) -> Result<File, QuarantineError> {
    let path = layout.lock();
    let file = fs::OpenOptions::new()
        .write(true)
        .open(&path)
        .map_err(QuarantineError::io("cannot open", &path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(fs::TryLockError::WouldBlock) => Err(QuarantineError::Busy(layout.root().to_owned())),
        Err(fs::TryLockError::Error(error)) => {
            Err(QuarantineError::io("cannot lock", &path)(error))
        }
    }
}

/// Keeps room that can be given up when the disk is full, so that the manifest can say so.
pub(super) fn keep_reserve(disk: &Disk, layout: &Layout) -> Result<(), QuarantineError> {
    let path = layout.reserve();
    let failed = QuarantineError::io("cannot keep room in", &path);
    disk.create_over(path.clone(), 0o600)
        .and_then(|file| file.reserve(0, RESERVE_BYTES).and_then(|()| file.sync()))
        .map_err(failed)
}
