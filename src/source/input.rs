//! One open input, and how to wait for it without missing a signal.
//!
//! Plain files are read straight away. Everything else may have nothing to give for hours, so it is
//! waited for together with a pipe through which another thread can wake the reader.

use std::{
    fs::{File, OpenOptions},
    io,
    os::{fd::AsFd, unix::fs::OpenOptionsExt},
    sync::Arc,
    time::{Duration, Instant},
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    fs::OFlags,
    io::Errno,
};

use super::Origin;
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
#[derive(Debug)]
pub(super) struct Input {
    origin: Origin,
    file: File,
    is_plain: bool,
    offset: u64,
}

impl Input {
    pub(super) fn open(origin: &Origin) -> io::Result<Self> {
        let file = match origin {
            Origin::Stdin => File::from(io::stdin().as_fd().try_clone_to_owned()?),
            // A named pipe without a writer would hold up the opening, past the reach of signals;
            // opened like this, it is waited for like everything else.
            Origin::File(path) => {
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
        if !metadata.is_file() {
            // Refused for what is no pipe, and then nothing is lost.
            let _ = rustix::pipe::fcntl_setpipe_size(&file, PIPE_BYTES);
        }
        Ok(Self { origin: origin.clone(), file, is_plain: metadata.is_file(), offset: 0 })
    }

    pub(super) const fn origin(&self) -> &Origin {
        &self.origin
    }

    /// How many bytes were read.
    pub(super) const fn offset(&self) -> u64 {
        self.offset
    }

    pub(super) fn read_into(&mut self, block: &mut RawBlock) -> io::Result<usize> {
        let count = block.read_from(&mut self.file)?;
        self.offset += count as u64;
        Ok(count)
    }

    /// Waits until there is something to read, the waker is used, or `deadline` passes.
    pub(super) fn wait(&self, waker: &Waker, deadline: Option<Instant>) -> io::Result<Readiness> {
        if self.is_plain {
            return Ok(Readiness::Ready);
        }
        loop {
            let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
            let mut ends =
                [PollFd::new(&self.file, PollFlags::IN), PollFd::new(&waker.0.0, PollFlags::IN)];
            match poll(&mut ends, left.map(timespec).as_ref()) {
                Ok(0) => return Ok(Readiness::Late),
                Ok(_) if !ends[1].revents().is_empty() => return Ok(Readiness::Woken),
                Ok(_) => return Ok(Readiness::Ready),
                Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}

fn timespec(duration: Duration) -> Timespec {
    Timespec { tv_sec: duration.as_secs() as i64, tv_nsec: i64::from(duration.subsec_nanos()) }
}
