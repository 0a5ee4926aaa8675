//! Where lines come from: standard input and files, read into blocks that end at line ends.
//!
//! A [`Reader`] gives out one [`RawBlock`] after the other. It never looks into them: it asks the
//! boundary where the last line ends and carries the rest over to the next block. A line longer than the
//! limit is dropped here, byte for byte and without being held, so that memory does not grow with it.
//!
//! The lines of a block have one format. Where a header in mid-file names another, the block ends, and what
//! stands after the header is the next one; directives such as `#Date:` are no lines and are taken out.
//!
//! What is compressed, or an archive, is known by its first bytes and unpacked (`unpack/`); each file of an
//! archive is an input of its own.
//!
//! A block is given out when it is full, when the input ends, or [`FLUSH_INTERVAL`] after its first
//! line came in: that keeps a quiet stream live and a busy one in large blocks.

pub mod found;
mod input;
mod unpack;

use std::{
    collections::VecDeque,
    fmt, io,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use input::{Input, Readiness};
pub use input::{Waker, kind_of, kind_of_file};
use unpack::Meter;
pub use unpack::{Damage, Kind};

use crate::{
    format::Format,
    privacy::{ContentDigest, RawBlock, Recognition},
    transform::path::Cleaner,
};

/// How much is read before it is handed on, at least. 64 KiB to 4 MiB were equally fast.
pub const BLOCK_BYTES: usize = 256 * 1024;
/// How long a line waits for more lines to go out with: half of the 200 ms that are promised.
pub const FLUSH_INTERVAL: Duration = Duration::from_millis(100);
/// How long the input must be silent before a single line decides on the format.
const DETECTION_SILENCE: Duration = Duration::from_millis(200);
/// The longest name of an input that is told where its lines are sealed.
const NAME_BYTES_MAX: usize = 100;
/// The largest line limit that may be set: blocks must hold a whole line.
pub const LINE_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Where to read from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Standard input.
    Stdin,
    /// A file.
    File(PathBuf),
    /// A file in an archive, by its number in it: inputs that were opened are told like this.
    Member(PathBuf, u32),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stdin => f.write_str("standard input"),
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Member(path, number) => write!(f, "file {number} in {}", path.display()),
        }
    }
}

/// Why an input gave no more lines. None of these holds a byte of it.
#[derive(Debug)]
#[non_exhaustive]
pub enum SourceError {
    /// It could not be opened.
    Open(Origin, io::Error),
    /// It could not be read, after so many bytes.
    Read(Origin, u64, io::Error),
    /// It could not be unpacked, after so many bytes of its content.
    Unpack(Origin, u64, Damage),
    /// Its first lines fit no format; the nearest ones.
    UnknownFormat(Origin, Vec<&'static str>),
}

impl fmt::Display for SourceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Open(origin, error) => write!(f, "cannot open {origin}: {error}"),
            Self::Read(origin, offset, error) => {
                write!(
                    f,
                    "cannot read {origin} after byte {offset}: {error}; what came before was processed"
                )
            }
            Self::Unpack(origin, offset, damage) => {
                write!(f, "cannot unpack {origin} after {offset} bytes of its content: {damage}")?;
                f.write_str(if *offset > 0 { "; what came before was processed" } else { "" })
            }
            Self::UnknownFormat(origin, nearest) => {
                let nearest = nearest.join(", ");
                write!(
                    f,
                    "cannot tell the log format of {origin}: none of its first lines fits any (nearest: {nearest})"
                )?;
                f.write_str(
                    "; name it with --format (`tamis formats list` has the names), or give the server's own \
                     string with --nginx-format or --apache-format",
                )
            }
        }
    }
}

impl std::error::Error for SourceError {}

/// Which format lines have.
#[derive(Clone, Debug)]
pub enum FormatChoice {
    /// The one that the first lines of each input fit.
    Auto,
    /// This one.
    Fixed(Format),
}

/// A block given out.
#[derive(Clone, Debug)]
pub struct Given {
    /// The format of its lines.
    pub format: Format,
    /// Whether a line that is not of it may be of another one: nobody said which format it is.
    pub is_detected: bool,
    /// How many lines before it were dropped because of their length.
    pub too_long: u64,
    /// What the input is called where its lines are sealed: the file's name, `stdin`, or `input-N` where a name
    /// looks as if it named somebody.
    pub source: Arc<str>,
}

/// Something that ends the reading from outside, and what is known of it from outside.
#[derive(Clone, Debug, Default)]
pub struct Progress {
    bytes: Arc<AtomicU64>,
    taken: Arc<AtomicU64>,
    stopped: Arc<AtomicBool>,
}

impl Progress {
    /// How many bytes of logs were read.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// How many bytes of inputs were read: less, where they are compressed.
    #[must_use]
    pub fn taken(&self) -> u64 {
        self.taken.load(Ordering::Relaxed)
    }

    /// Asks the reader to stop at once. A reader that waits for input must also be woken.
    pub fn stop(&self) {
        self.stopped.store(true, Ordering::SeqCst);
    }

    /// Whether the reader was asked to stop.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::SeqCst)
    }
}

/// Reads inputs one after the other into blocks.
#[derive(Debug)]
pub struct Reader {
    waiting: VecDeque<Origin>,
    current: Option<Input>,
    /// What was read after the last line end, or after a header.
    carried: RawBlock,
    format: Option<Format>,
    first_format: Option<Format>,
    /// What a header at the end of the last block names, and what came of filling that block, of which the
    /// rest is carried.
    header: Option<(Format, Filled)>,
    choice: FormatChoice,
    line_bytes_max: usize,
    /// The name of the content of all inputs, if it is wanted.
    digest: Option<ContentDigest>,
    /// The current input is an archive, and its next file is to begin.
    is_between: bool,
    /// How large the content of an input may be, if that was said.
    unpacked_bytes_max: Option<u64>,
    /// The current line was too long; its rest is being dropped.
    skipping: bool,
    too_long: u64,
    /// What went wrong with inputs; the others are read all the same.
    failures: Vec<SourceError>,
    progress: Progress,
    waker: Waker,
    /// What the current input is called where its lines are sealed, and how many inputs there were.
    source: Arc<str>,
    opened: usize,
    /// Whether the beginning of a line that is too long is given out instead of being dropped.
    keeps_beginnings: bool,
    /// What the inputs are called where their lines are sealed, if that is not their own name.
    label: Option<String>,
}

impl Reader {
    /// A reader of `origins`, in order.
    ///
    /// # Errors
    ///
    /// The system has no pipe for the waker.
    pub fn new(
        origins: Vec<Origin>,
        choice: FormatChoice,
        line_bytes_max: usize,
    ) -> io::Result<Self> {
        let line_bytes_max = line_bytes_max.min(LINE_BYTES_MAX);
        Ok(Self {
            waiting: origins.into(),
            current: None,
            carried: RawBlock::with_capacity(block_bytes(line_bytes_max)),
            format: None,
            first_format: None,
            header: None,
            choice,
            line_bytes_max,
            digest: None,
            is_between: false,
            unpacked_bytes_max: None,
            skipping: false,
            too_long: 0,
            failures: Vec::new(),
            progress: Progress::default(),
            waker: Waker::new()?,
            source: Arc::from("stdin"),
            opened: 0,
            keeps_beginnings: false,
            label: None,
        })
    }

    /// The reader that also gives out the beginning of each line that is too long, as a line that is too long:
    /// for somebody who keeps what is refused. What is over the limit is dropped all the same.
    #[must_use]
    pub const fn with_beginnings(mut self, wanted: bool) -> Self {
        self.keeps_beginnings = wanted;
        self
    }

    /// The reader of one of many inputs, which is called by its name below what all of them have in common where its
    /// lines are sealed, or by its number.
    #[must_use]
    pub fn with_label(mut self, below: &Path, number: usize) -> Self {
        self.label = Some(told_name(below, number));
        self
    }

    /// The reader with a limit for what comes out of a compressed input, instead of one that goes by its size.
    #[must_use]
    pub const fn with_unpacked_max(mut self, bytes: Option<u64>) -> Self {
        self.unpacked_bytes_max = bytes;
        self
    }

    /// The reader with a name for the content of its inputs.
    #[must_use]
    pub fn with_digest(mut self, digest: ContentDigest) -> Self {
        self.digest = Some(digest);
        self
    }

    /// The reader under a progress that others have a part in; the reader can be stopped alone.
    #[must_use]
    pub fn with_progress(mut self, progress: &Progress) -> Self {
        let Progress { bytes, taken, stopped: _ } = progress.clone();
        self.progress = Progress { bytes, taken, stopped: Arc::default() };
        self
    }

    /// The name of the content so far.
    #[must_use]
    pub const fn digest(&self) -> Option<&ContentDigest> {
        self.digest.as_ref()
    }

    /// A block of the size that this reader works with.
    #[must_use]
    pub fn new_block(&self) -> RawBlock {
        RawBlock::with_capacity(block_bytes(self.line_bytes_max))
    }

    /// What is known of the reading from outside.
    #[must_use]
    pub fn progress(&self) -> Progress {
        self.progress.clone()
    }

    /// What wakes the reader when it waits for input.
    #[must_use]
    pub fn waker(&self) -> Waker {
        self.waker.clone()
    }

    /// What went wrong so far; the inputs after a failed one are read all the same.
    #[must_use]
    pub fn failures(&self) -> &[SourceError] {
        &self.failures
    }

    /// Fills `block` with the next whole lines. Nothing means that all inputs have ended.
    pub fn next(&mut self, block: &mut RawBlock) -> Option<Given> {
        loop {
            let filled = match self.header.take() {
                Some((format, filled)) => {
                    self.format = Some(format);
                    self.take_carried(block);
                    filled
                }
                None if self.current.is_none() && !self.open_next() => {
                    block.clear();
                    return (self.too_long > 0).then(|| self.give());
                }
                None => {
                    if self.is_between {
                        self.begin();
                    }
                    self.take_carried(block);
                    match self.format {
                        Some(_) => self.fill(block),
                        None => self.fill_and_recognise(block),
                    }
                }
            };
            self.header = self.take_directives(block, filled);
            if self.header.is_none() {
                if !matches!(filled, Filled::ToTheEnd | Filled::Beginning) {
                    block.move_tail_to(&mut self.carried);
                }
                if matches!(filled, Filled::ToTheEnd | Filled::CutShort) {
                    self.end_current();
                }
            }
            if !block.is_empty() || self.too_long > 0 {
                return Some(self.give());
            }
        }
    }

    fn take_carried(&mut self, block: &mut RawBlock) {
        block.clear();
        std::mem::swap(block, &mut self.carried);
    }

    /// Takes out what is no line of a log, if the format may have such. At a header that names another format,
    /// the rest of `block` is carried.
    fn take_directives(
        &mut self,
        block: &mut RawBlock,
        filled: Filled,
    ) -> Option<(Format, Filled)> {
        if let FormatChoice::Fixed(format) = &self.choice
            && !format.has_header()
        {
            return None;
        }
        let is_whole = filled == Filled::ToTheEnd;
        let format = self.format.as_ref();
        let found = block.take_directives(format, is_whole, self.line_bytes_max, &mut self.carried);
        found.map(|format| (format, filled))
    }

    /// What is given out with a block. Without a known format it has nothing but empty lines in it,
    /// for which any format will do.
    fn give(&mut self) -> Given {
        let format = self.format.clone().unwrap_or_else(Format::combined);
        let is_detected = matches!(self.choice, FormatChoice::Auto);
        if self.first_format.is_none() {
            self.first_format.clone_from(&self.format);
        }
        let too_long = std::mem::take(&mut self.too_long);
        Given { format, is_detected, too_long, source: Arc::clone(&self.source) }
    }

    /// The format of the current input, once it is known.
    #[must_use]
    pub const fn format(&self) -> Option<&Format> {
        self.format.as_ref()
    }

    /// The format that the first lines of all had.
    #[must_use]
    pub const fn first_format(&self) -> Option<&Format> {
        self.first_format.as_ref()
    }

    fn open_next(&mut self) -> bool {
        while let Some(origin) = self.waiting.pop_front() {
            if self.progress.is_stopped() {
                return false;
            }
            self.opened += 1;
            let meter = Meter::new(Arc::clone(&self.progress.taken), self.unpacked_bytes_max);
            match Input::open(&origin, &self.waker, meter) {
                Ok(input) => {
                    self.current = Some(input);
                    self.begin();
                    return true;
                }
                Err(error) => self.failures.push(SourceError::Open(origin, error)),
            }
        }
        false
    }

    /// Goes on with the next file of an archive; any other input has ended.
    fn end_current(&mut self) {
        let goes_on =
            !self.progress.is_stopped() && self.current.as_mut().is_some_and(Input::next_member);
        if !goes_on {
            self.current = None;
        }
        self.is_between = goes_on;
    }

    /// Says what the current input is called where its lines are sealed.
    fn name_source(&mut self) {
        if let Some(input) = &self.current {
            let origin = input.origin();
            let name = self.label.clone().unwrap_or_else(|| name(&origin, self.opened));
            let member = input.member();
            self.source =
                member.map_or_else(|| name.clone(), |member| format!("{name}#{member}")).into();
        }
    }

    /// Nothing of an earlier input holds for the one that begins.
    fn begin(&mut self) {
        self.is_between = false;
        self.name_source();
        self.skipping = false;
        self.carried.clear();
        self.format = match &self.choice {
            FormatChoice::Fixed(format) => Some(format.clone()),
            FormatChoice::Auto => None,
        };
    }

    /// Reads until the block is full, the flush interval has passed, or the input ends.
    fn fill(&mut self, block: &mut RawBlock) -> Filled {
        let mut deadline = None;
        loop {
            let before = block.len();
            if self.gives_beginning(block) {
                return Filled::Beginning;
            }
            self.drop_long_line(block, self.keeps_beginnings);
            if block.is_full() {
                return Filled::More;
            }
            match self.read(block, deadline) {
                Step::Ended => return Filled::ToTheEnd,
                Step::CutShort => return Filled::CutShort,
                Step::Waited => return Filled::More,
                Step::Read => {
                    if self.gives_beginning(block) {
                        return Filled::Beginning;
                    }
                    self.drop_long_line(block, self.keeps_beginnings);
                    if deadline.is_none() && block.has_line_end(before) {
                        deadline = Some(Instant::now() + FLUSH_INTERVAL);
                    }
                }
            }
        }
    }

    /// Whether the block is nothing but the beginning of a line that is too long, to be given out as it is. The rest
    /// of that line will be dropped.
    fn gives_beginning(&mut self, block: &RawBlock) -> bool {
        let gives = self.keeps_beginnings && !self.skipping && self.is_too_long(block);
        self.skipping |= gives;
        gives
    }

    /// Whether the line in the block has no end yet and is already over the limit. One byte more may be the
    /// carriage return of the line's end.
    fn is_too_long(&self, block: &RawBlock) -> bool {
        block.len() > self.line_bytes_max + 1 && !block.has_line_end(0)
    }

    /// Drops the line in the block if it has no end yet and is already over the limit.
    fn drop_long_line(&mut self, block: &mut RawBlock, keeps_beginnings: bool) {
        if self.skipping {
            self.skipping = !block.skip_line();
        }
        if !self.skipping && !keeps_beginnings && self.is_too_long(block) {
            block.clear();
            self.skipping = true;
            self.too_long += 1;
        }
    }

    fn read(&mut self, block: &mut RawBlock, deadline: Option<Instant>) -> Step {
        loop {
            if self.progress.is_stopped() {
                return Step::CutShort;
            }
            let input = self.current.as_mut().expect("opened by the caller");
            match input.wait(&self.waker, deadline) {
                Ok(Readiness::Ready) => {}
                Ok(Readiness::Woken) => continue,
                Ok(Readiness::Late) => return Step::Waited,
                Err(error) => return self.fail(error),
            }
            if block.is_empty() {
                block.begin_at(input.offset());
            }
            let is_packed = input.is_packed();
            let before = block.len();
            match input.read_into(block, deadline) {
                Ok(0) => return Step::Ended,
                Ok(count) => {
                    self.progress.bytes.fetch_add(count as u64, Ordering::Relaxed);
                    if let Some(digest) = &mut self.digest {
                        block.add_to(digest, before);
                    }
                    if !is_packed {
                        self.progress.taken.fetch_add(count as u64, Ordering::Relaxed);
                    }
                    return Step::Read;
                }
                // Such a read waits by itself, up to the deadline.
                Err(error)
                    if is_packed
                        && error.kind() == io::ErrorKind::WouldBlock
                        && deadline.is_some_and(|deadline| deadline <= Instant::now()) =>
                {
                    return Step::Waited;
                }
                // A pipe may just have turned out to be an archive.
                Err(error) if is_retried(&error) && !is_packed && input.is_packed() => {
                    self.name_source();
                }
                Err(error) if is_retried(&error) => {}
                Err(error) => return self.fail(error),
            }
        }
    }

    fn fail(&mut self, error: io::Error) -> Step {
        let input = self.current.as_ref().expect("opened by the caller");
        let (origin, offset) = (input.origin(), input.offset());
        self.failures.push(match Damage::of(&error) {
            Some(damage) if input.is_packed() => SourceError::Unpack(origin, offset, damage),
            _ => SourceError::Read(origin, offset, error),
        });
        Step::CutShort
    }

    /// Reads until the format is known or cannot be known, which ends the input.
    fn fill_and_recognise(&mut self, block: &mut RawBlock) -> Filled {
        let mut tail = self.new_block();
        let mut found = self.recognise(block, &mut tail);
        loop {
            if block.is_full() && found.lines == 0 {
                // Nothing but empty lines so far: they can go on, and the next block is looked at.
                return Filled::More;
            }
            if block.is_full() {
                return self.decide(block, found, Filled::More);
            }
            let before = block.len();
            let silence = Instant::now() + DETECTION_SILENCE;
            let step = self.read(block, Some(silence));
            let has_new_line = block.has_line_end(before);
            self.drop_long_line(block, false);
            if step == Step::Ended {
                self.too_long += block.remove_long_lines(self.line_bytes_max);
                return self.decide(block, Recognition::of(block), Filled::ToTheEnd);
            }
            if step == Step::CutShort || has_new_line {
                found = self.recognise(block, &mut tail);
            }
            if step == Step::CutShort {
                return self.decide(block, found, Filled::CutShort);
            }
            if found.is_enough() || (step == Step::Waited && found.sole().is_some()) {
                return self.decide(block, found, Filled::More);
            }
        }
    }

    /// Looks at the whole lines of `block`. Lines over the limit are taken out, for they are in a block
    /// only if much was read at once, and what is found must not depend on that.
    fn recognise(&mut self, block: &mut RawBlock, tail: &mut RawBlock) -> Recognition {
        block.move_tail_to(tail);
        self.too_long += block.remove_long_lines(self.line_bytes_max);
        let found = Recognition::of(block);
        block.append(tail);
        found
    }

    /// Settles on a format, or gives the input up when none fits.
    fn decide(&mut self, block: &mut RawBlock, found: Recognition, filled: Filled) -> Filled {
        self.format = found.best();
        let is_blank = found.lines == 0 && (self.too_long == 0 || filled == Filled::CutShort);
        if self.format.is_some() || is_blank {
            return filled;
        }
        let origin = self.current.as_ref().expect("opened by the caller").origin();
        self.failures.push(SourceError::UnknownFormat(origin, found.nearest_names()));
        block.clear();
        self.too_long = 0;
        Filled::ToTheEnd
    }
}

/// What came of filling a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Filled {
    /// The input goes on; its last line may be a part of one.
    More,
    /// The input has ended, and with it its last line.
    ToTheEnd,
    /// The reading was stopped or failed; a part of a line at the end is no line.
    CutShort,
    /// The block is the beginning of a line that is too long.
    Beginning,
}

/// What came of reading once.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Step {
    Read,
    Waited,
    Ended,
    CutShort,
}

/// What an input is called where its lines are sealed. Of an archive each file is told by its number, for places in it
/// begin anew.
fn name(origin: &Origin, number: usize) -> String {
    match origin {
        Origin::Stdin => "stdin".to_owned(),
        Origin::File(path) | Origin::Member(path, _) => {
            told_name(path.file_name().map_or(Path::new(""), Path::new), number)
        }
    }
}

/// A name as it is told where lines are sealed, unless it looks as if it named somebody.
#[must_use]
pub fn told_name(name: &Path, number: usize) -> String {
    let name = name.to_str().filter(|name| {
        let mut cleaned = Vec::new();
        let path = format!("/{name}");
        Cleaner::new(Vec::new()).clean(path.as_bytes(), &mut cleaned);
        cleaned == path.as_bytes() && name.len() <= NAME_BYTES_MAX
    });
    name.map_or_else(|| format!("input-{number}"), str::to_owned)
}

/// The content of a file, of which all compression is taken off; of an archive, the first file.
///
/// # Errors
///
/// It cannot be opened or read.
pub fn unpacked(path: &Path) -> io::Result<Box<dyn io::Read + Send>> {
    unpacked_file(std::fs::File::open(path)?)
}

/// The same of a file that is open, from its beginning, wherever it stands.
///
/// # Errors
///
/// It cannot be read.
pub fn unpacked_file(mut file: std::fs::File) -> io::Result<Box<dyn io::Read + Send>> {
    io::Seek::rewind(&mut file)?;
    if kind_of_file(&file)? == Kind::Plain {
        return Ok(Box::new(file));
    }
    let meter = Meter::new(Arc::default(), None);
    input::whole(file, meter)
}

/// Hands on the content of a file, of which all compression is taken off; of an archive, that of each file in it.
///
/// # Errors
///
/// It cannot be opened or read, or what `receive` says.
pub fn contents(
    path: &Path,
    mut receive: impl FnMut(&mut dyn io::Read) -> io::Result<()>,
) -> io::Result<()> {
    let mut file = std::fs::File::open(path)?;
    if kind_of(path)? == Kind::Plain {
        return receive(&mut file);
    }
    input::each(file, Meter::new(Arc::default(), None), receive)
}

/// The room of a block: a line of the limit's length with its end must fit.
fn block_bytes(line_bytes_max: usize) -> usize {
    BLOCK_BYTES.max(line_bytes_max + 2)
}

fn is_retried(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::Interrupted | io::ErrorKind::WouldBlock)
}

/// The size of what is to be read, when all of it are plain files.
#[must_use]
pub fn total_bytes(origins: &[Origin]) -> Option<u64> {
    origins
        .iter()
        .map(|origin| match origin {
            Origin::File(path) | Origin::Member(path, _) => plain_size(path),
            Origin::Stdin => plain_size(Path::new("/dev/stdin")),
        })
        .sum()
}

fn plain_size(path: &Path) -> Option<u64> {
    path.metadata().ok().filter(std::fs::Metadata::is_file).map(|metadata| metadata.len())
}
