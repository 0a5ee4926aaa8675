//! Lines from standard input and named pipes, each on a thread of its own.
//!
//! Apache starts its logger again on the same pipe, and what a dead one had read is lost: so little is read ahead of
//! what is handed on. Asked to stop, the logger of a graceful restart reads on until its pipe ends.

use std::{
    fs::{File, OpenOptions},
    io::{self, Read as _},
    os::{fd::AsFd, unix::fs::FileTypeExt as _},
    path::Path,
    sync::{Arc, atomic::Ordering},
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    fs::{CWD, FileType, Mode, mknodat},
};

use super::{error::ServiceError, listen::Way, room::Stop};

/// How long is waited before it is looked whether somebody stops.
const WAIT: Timespec = Timespec { tv_sec: 0, tv_nsec: 100_000_000 };
/// How much of a pipe is read at once.
const READ_BYTES: u64 = 64 * 1024;

/// Opens a named pipe, which is made where there is none. The service holds it open for writing too, so that it does
/// not end when a writer goes.
pub(super) fn open(path: &Path) -> Result<File, ServiceError> {
    if !path.exists() {
        mknodat(CWD, path, FileType::Fifo, Mode::from_raw_mode(0o660), 0)
            .map_err(|error| ServiceError::io("make the named pipe", path)(error.into()))?;
    }
    let opened = OpenOptions::new().read(true).write(true).open(path).and_then(|file| {
        match file.metadata()?.file_type().is_fifo() {
            true => Ok(file),
            false => Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no named pipe")),
        }
    });
    opened.map_err(ServiceError::io("open the named pipe", path))
}

/// Standard input.
pub(super) fn stdin() -> Result<File, ServiceError> {
    let opened = io::stdin().as_fd().try_clone_to_owned();
    opened.map(File::from).map_err(ServiceError::io("read", "standard input"))
}

/// Reads until the end, or until the service ends: standard input to its end all the same, unless nothing is waited
/// for any more.
pub(super) fn read(mut file: File, way: &Way, stop: &Arc<Stop>, to_the_end: bool) {
    let mut gatherer = way.gatherer();
    loop {
        let is_ready = {
            let mut ends = [PollFd::new(&file, PollFlags::IN)];
            poll(&mut ends, Some(&WAIT)).is_ok_and(|count| count > 0)
        };
        let is_over = if to_the_end { stop.gives_up() } else { stop.is_ending() && !is_ready };
        let is_end = match is_ready {
            _ if is_over || stop.gives_up() => true,
            false => continue,
            true => match gatherer.fill(&mut file.by_ref().take(READ_BYTES)) {
                Ok(0) => true,
                Ok(count) => {
                    way.facts.bytes.fetch_add(count as u64, Ordering::Relaxed);
                    false
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(_) => true,
            },
        };
        for item in way.portions(&mut gatherer, is_end) {
            if way.items.blocking_send(item).is_err() {
                return;
            }
        }
        if is_end {
            return;
        }
    }
}
