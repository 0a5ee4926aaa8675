//! How much goes into an input's decoders and comes out of them, and how much may.
//!
//! A file of a few megabytes can be made that unpacks to more than any disk holds. So what comes out is counted,
//! also what is passed over in an archive, and the reading ends at a limit: the one that was given, else
//! 256 MiB or 500 times what was read, whichever is more, and never more than a TiB. Logs that
//! repeat themselves all the time shrink to a hundredth; gzip cannot do better than 1,032.

use std::{
    io::{self, Read},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Instant,
};

use super::damage::Damage;

/// Up to here nothing is suspected.
const FREE_BYTES: u64 = 256 << 20;
/// How many times larger than the file its content may be, beyond that.
const RATIO_MAX: u64 = 500;
/// How large it may be in any case.
const BYTES_MAX: u64 = 1 << 40;

/// How much is asked of a decoder at once: what it has decoded by then is lost when it meets damage.
const PIECE_BYTES: usize = 16 * 1024;

/// What is known of one input.
#[derive(Debug)]
pub(in crate::source) struct Meter {
    /// What a run has read, shared with whoever shows it.
    taken_by_run: Arc<AtomicU64>,
    taken: AtomicU64,
    unpacked: AtomicU64,
    limit: Option<u64>,
    /// When a read that waits gives up for now.
    deadline: Mutex<Option<Instant>>,
    /// Whether it does not, because a decoder could not go on after that.
    is_patient: AtomicBool,
}

impl Meter {
    pub(in crate::source) fn new(taken_by_run: Arc<AtomicU64>, limit: Option<u64>) -> Self {
        Self {
            taken_by_run,
            taken: AtomicU64::new(0),
            unpacked: AtomicU64::new(0),
            limit,
            deadline: Mutex::new(None),
            is_patient: AtomicBool::new(true),
        }
    }

    /// Notes that so many bytes were read.
    pub(in crate::source) fn take(&self, count: usize) {
        self.taken.fetch_add(count as u64, Ordering::Relaxed);
        self.taken_by_run.fetch_add(count as u64, Ordering::Relaxed);
    }

    /// Notes that so many bytes came out.
    fn unpack(&self, count: usize) -> Result<(), Damage> {
        let count = count as u64;
        let unpacked = self.unpacked.fetch_add(count, Ordering::Relaxed) + count;
        let limit = self.limit.unwrap_or_else(|| {
            let taken = self.taken.load(Ordering::Relaxed);
            taken.saturating_mul(RATIO_MAX).clamp(FREE_BYTES, BYTES_MAX)
        });
        if unpacked > limit { Err(Damage::TooLarge(limit)) } else { Ok(()) }
    }

    pub(in crate::source) fn set_deadline(&self, deadline: Option<Instant>) {
        *self.deadline.lock().unwrap_or_else(PoisonError::into_inner) = deadline;
    }

    pub(super) fn set_patient(&self, is_patient: bool) {
        self.is_patient.store(is_patient, Ordering::Relaxed);
    }

    /// When a read gives up.
    pub(in crate::source) fn deadline(&self) -> Option<Instant> {
        let deadline = *self.deadline.lock().unwrap_or_else(PoisonError::into_inner);
        deadline.filter(|_| !self.is_patient.load(Ordering::Relaxed))
    }
}

/// A decoder under a meter, whose errors are in our words.
pub(super) struct Metered<R> {
    decoder: R,
    meter: Arc<Meter>,
}

impl<R> Metered<R> {
    pub(super) const fn new(decoder: R, meter: Arc<Meter>) -> Self {
        Self { decoder, meter }
    }
}

impl<R: Read> Read for Metered<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let wanted = buffer.len().min(PIECE_BYTES);
        let count = self.decoder.read(&mut buffer[..wanted]).map_err(Damage::in_own_words)?;
        self.meter.unpack(count)?;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits() {
        let meter = |limit| Meter::new(Arc::default(), limit);
        assert_eq!(meter(Some(10)).unpack(10), Ok(()));
        assert_eq!(meter(Some(10)).unpack(11), Err(Damage::TooLarge(10)));
        assert_eq!(meter(None).unpack(FREE_BYTES as usize), Ok(()));
        assert_eq!(meter(None).unpack(FREE_BYTES as usize + 1), Err(Damage::TooLarge(FREE_BYTES)));
        let large = meter(None);
        large.take(10_000_000);
        assert_eq!(large.unpack(5_000_000_000), Ok(()));
        assert_eq!(large.unpack(1), Err(Damage::TooLarge(5_000_000_000)));
    }
}
