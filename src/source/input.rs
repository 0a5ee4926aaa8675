//! One open input, and how to wait for it without missing a signal.
//!
//! Plain files are read straight away. Everything else may have nothing to give for hours, so it is
//! waited for together with a pipe through which another thread can wake the reader.
//!
//! What is compressed, or an archive, is told by its first bytes. A file's are looked at before anything
//! is read, so that nothing changes for plain ones; a pipe's are kept until they are enough to tell.

use std::{
    fmt,
    fs::{File, OpenOptions},
    io::{self, Read, Seek as _},
    os::{
        fd::AsFd,
        unix::fs::{FileExt as _, OpenOptionsExt},
    },
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    fs::OFlags,
    io::Errno,
};

use super::{
    Origin,
    unpack::{HEAD_BYTES, Headed, Kind, Meter, Packed},
};
use crate::privacy::RawBlock;

/// The size that a pipe is asked to have: larger reads, fewer switches. The system may refuse.
const PIPE_BYTES: usize = 1024 * 1024;

/// Wakes a reader that waits.
#[derive(Clone, Debug)]
pub struct Waker(Arc<(io::PipeReader, io::PipeWriter)>);

impl Waker {
    pub(super) fn new() -> io::Result<Self> {
        io::pipe().map(|ends| Self(Arc::new(ends)))
    }

    /// Ends the waiting, now and from now on: the pipe stays readable.
    pub fn wake(&self) {
        // One byte in an empty pipe of ours cannot block, and a failure to wake only delays the end.
        let _ = rustix::io::write(&self.0.1, &[0]);
    }
}

/// What came of waiting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Readiness {
    /// There is something to read, or the end.
    Ready,
    /// The waker was used.
    Woken,
    /// The deadline has passed.
    Late,
}

/// An open input.
pub(super) struct Input {
    origin: Origin,
    stream: Stream,
    offset: u64,
}

enum Stream {
    /// A file that is not compressed.
    Plain(File),
    /// What is no file, and not compressed.
    Waited(File),
    /// What is no file, and as much of it as was read to tell what it is.
    Unknown { file: File, head: Vec<u8>, waker: Waker, meter: Arc<Meter> },
    /// What is compressed, or an archive.
    Packed(Packed),
}

impl Input {
    pub(super) fn open(origin: &Origin, waker: &Waker, meter: Meter) -> io::Result<Self> {
        let mut file = match origin {
            Origin::Stdin => File::from(io::stdin().as_fd().try_clone_to_owned()?),
            // A named pipe without a writer would hold up the opening, past the reach of signals;
            // opened like this, it is waited for like everything else.
            Origin::File(path) | Origin::Member(path, _) => {
                let flags = OFlags::NONBLOCK.bits() as i32;
                OpenOptions::new().read(true).custom_flags(flags).open(path)?
            }
        };
        let metadata = file.metadata()?;
        if metadata.is_dir() {
            return Err(io::Error::new(
                io::ErrorKind::IsADirectory,
                "it is a folder; name the files in it",
            ));
        }
        let meter = Arc::new(meter);
        let stream = if metadata.is_file() {
            let at = file.stream_position()?;
            match kind_at(&file, at)? {
                Kind::Plain => Stream::Plain(file),
                Kind::Zip if at == 0 => Stream::Packed(Packed::open_zip(file, meter)),
                _ => {
                    let bottom = Bottom { file, waker: None, meter: Arc::clone(&meter) };
                    Stream::Packed(Packed::open(Box::new(bottom), meter))
                }
            }
        } else {
            // Refused for what is no pipe, and then nothing is lost.
            let _ = rustix::pipe::fcntl_setpipe_size(&file, PIPE_BYTES);
            Stream::Unknown { file, head: Vec::new(), waker: waker.clone(), meter }
        };
        Ok(Self { origin: origin.clone(), stream, offset: 0 })
    }

    /// What is being read, with the number of the file in an archive.
    pub(super) fn origin(&self) -> Origin {
        match (self.member(), &self.origin) {
            (Some(number), Origin::File(path)) => Origin::Member(path.clone(), number),
            _ => self.origin.clone(),
        }
    }

    /// The number of the file that is being read in an archive.
    pub(super) fn member(&self) -> Option<u32> {
        match &self.stream {
            Stream::Packed(packed) => packed.member(),
            _ => None,
        }
    }

    /// How many bytes of its content were read; of an archive, of the current file in it.
    pub(super) const fn offset(&self) -> u64 {
        self.offset
    }

    /// Goes on to the next file of an archive, if there is one.
    pub(super) fn next_member(&mut self) -> bool {
        self.offset = 0;
        match &mut self.stream {
            Stream::Packed(packed) => packed.next_member(),
            _ => false,
        }
    }

    /// Whether reads wait by themselves, up to the deadline that they are given.
    pub(super) const fn is_packed(&self) -> bool {
        matches!(self.stream, Stream::Packed(_))
    }

    /// Reads once. An input that is no file needs some reads until it is known, which give nothing but
    /// [`io::ErrorKind::WouldBlock`].
    pub(super) fn read_into(
        &mut self,
        block: &mut RawBlock,
        deadline: Option<Instant>,
    ) -> io::Result<usize> {
        let count = match &mut self.stream {
            Stream::Plain(file) | Stream::Waited(file) => block.read_from(file)?,
            Stream::Packed(packed) => {
                packed.meter().set_deadline(deadline);
                block.read_from(packed)?
            }
            Stream::Unknown { .. } => return self.look(block),
        };
        self.offset += count as u64;
        Ok(count)
    }

    /// Reads into the head, and goes on as what it turns out to be.
    fn look(&mut self, block: &mut RawBlock) -> io::Result<usize> {
        let Stream::Unknown { file, head, waker, meter } = &mut self.stream else { return Ok(0) };
        let mut buffer = [0; HEAD_BYTES];
        let count = file.read(&mut buffer[..HEAD_BYTES - head.len()])?;
        head.extend_from_slice(&buffer[..count]);
        buffer.fill(0);
        let Some(kind) = Kind::of(head, count == 0) else {
            return Err(io::ErrorKind::WouldBlock.into());
        };
        let file = file.try_clone()?;
        let mut head = std::mem::take(head);
        if kind == Kind::Plain {
            let count = block.read_from(&mut &head[..])?;
            debug_assert_eq!(count, head.len(), "a block is larger than a head, and was empty");
            head.fill(0);
            self.stream = Stream::Waited(file);
            self.offset += count as u64;
            return Ok(count);
        }
        let (waker, meter) = (Some(waker.clone()), Arc::clone(meter));
        meter.take(head.len());
        let bottom = Bottom { file, waker, meter: Arc::clone(&meter) };
        let bottom = Box::new(Headed { head, at: 0, rest: bottom });
        self.stream = Stream::Packed(Packed::open(bottom, meter));
        Err(io::ErrorKind::WouldBlock.into())
    }

    /// Waits until there is something to read, the waker is used, or `deadline` passes.
    pub(super) fn wait(&self, waker: &Waker, deadline: Option<Instant>) -> io::Result<Readiness> {
        match &self.stream {
            Stream::Plain(_) | Stream::Packed(_) => Ok(Readiness::Ready),
            Stream::Waited(file) | Stream::Unknown { file, .. } => wait(file, waker, deadline),
        }
    }
}

/// Hands on the content of a file that is compressed, and of an archive that of each file in it.
pub(super) fn each(
    file: File,
    meter: Meter,
    mut receive: impl FnMut(&mut dyn Read) -> io::Result<()>,
) -> io::Result<()> {
    let meter = Arc::new(meter);
    let mut packed = match kind_at(&file, 0)? {
        Kind::Zip => Packed::open_zip(file, meter),
        _ => {
            let bottom = Bottom { file, waker: None, meter: Arc::clone(&meter) };
            Packed::open(Box::new(bottom), meter)
        }
    };
    loop {
        receive(&mut packed)?;
        if !packed.next_member() {
            return Ok(());
        }
    }
}

/// All of a file that is compressed.
pub(super) fn whole(file: File, meter: Meter) -> io::Result<Box<dyn Read + Send>> {
    let meter = Arc::new(meter);
    let packed = match kind_at(&file, 0)? {
        Kind::Zip => Packed::open_zip(file, meter),
        _ => {
            let bottom = Bottom { file, waker: None, meter: Arc::clone(&meter) };
            Packed::open(Box::new(bottom), meter)
        }
    };
    Ok(Box::new(packed))
}

/// What a file is, by its first bytes.
///
/// # Errors
///
/// It cannot be opened or read.
pub fn kind_of(path: &Path) -> io::Result<Kind> {
    kind_of_file(&File::open(path)?)
}

/// The same of a file that is open, and stays where it stands.
///
/// # Errors
///
/// It cannot be read.
pub fn kind_of_file(file: &File) -> io::Result<Kind> {
    kind_at(file, 0)
}

impl fmt::Debug for Input {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Input({} bytes)", self.offset)
    }
}

/// What stands at a place of a file, which stays where it is.
fn kind_at(file: &File, at: u64) -> io::Result<Kind> {
    let mut head = [0; HEAD_BYTES];
    let mut length = 0;
    while length < HEAD_BYTES {
        match file.read_at(&mut head[length..], at + length as u64) {
            Ok(0) => break,
            Ok(count) => length += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    let kind = Kind::of(&head[..length], true).unwrap_or(Kind::Plain);
    head.fill(0);
    Ok(kind)
}

/// What all decoders stand on.
struct Bottom {
    file: File,
    /// Of what is no file and must be waited for.
    waker: Option<Waker>,
    meter: Arc<Meter>,
}

impl Read for Bottom {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if let Some(waker) = &self.waker
            && wait(&self.file, waker, self.meter.deadline())? != Readiness::Ready
        {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let count = self.file.read(buffer)?;
        self.meter.take(count);
        Ok(count)
    }
}

fn wait(file: &File, waker: &Waker, deadline: Option<Instant>) -> io::Result<Readiness> {
    loop {
        let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        let mut ends = [PollFd::new(file, PollFlags::IN), PollFd::new(&waker.0.0, PollFlags::IN)];
        match poll(&mut ends, left.map(timespec).as_ref()) {
            Ok(0) => return Ok(Readiness::Late),
            Ok(_) if !ends[1].revents().is_empty() => return Ok(Readiness::Woken),
            Ok(_) => return Ok(Readiness::Ready),
            Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

fn timespec(duration: Duration) -> Timespec {
    Timespec { tv_sec: duration.as_secs() as i64, tv_nsec: i64::from(duration.subsec_nanos()) }
}
