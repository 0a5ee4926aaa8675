//! The quarantine beside the work: a thread that takes parcels in the order of the input and writes them.
//!
//! Sealing and waiting for a disk would hold up the turn. So parcels go through a short queue; when that is full, the
//! turn waits, and with it the reading.

use std::{
    sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel},
    thread::{self, JoinHandle},
    time::Duration,
};

use super::EngineError;
use crate::{
    privacy::seal::Parcel,
    quarantine::{
        QuarantineError,
        store::{Now, Totals, Writer},
    },
};

/// How many parcels may wait to be written.
const PARCELS_MAX: usize = 8;
/// How often it is looked whether a segment's time is over.
const TICK: Duration = Duration::from_secs(1);

/// What writes parcels to a quarantine.
pub struct Sealing {
    parcels: Option<SyncSender<Parcel>>,
    thread: Option<JoinHandle<Result<Totals, QuarantineError>>>,
}

impl Sealing {
    /// Starts the thread that writes; `clock` tells it the time.
    ///
    /// # Errors
    ///
    /// The thread could not be started.
    pub fn start(writer: Writer, clock: fn() -> Now) -> Result<Self, EngineError> {
        let (parcels, receiver) = sync_channel(PARCELS_MAX);
        let thread = thread::Builder::new()
            .name("quarantine".to_owned())
            .spawn(move || write(writer, &receiver, clock))
            .map_err(|_| EngineError::Threads)?;
        Ok(Self { parcels: Some(parcels), thread: Some(thread) })
    }

    /// Hands over a parcel.
    pub(super) fn put(&mut self, parcel: Parcel) -> Result<(), EngineError> {
        let sent = self.parcels.as_ref().is_some_and(|parcels| parcels.send(parcel).is_ok());
        if sent { Ok(()) } else { self.finish().and(Err(EngineError::Worker)) }
    }

    /// Lets everything be finished and waits for it.
    pub(super) fn finish(&mut self) -> Result<Totals, EngineError> {
        self.parcels = None;
        match self.thread.take().map(JoinHandle::join) {
            Some(Ok(done)) => done.map_err(EngineError::Quarantine),
            Some(Err(_)) => Err(EngineError::Worker),
            None => Ok(Totals::default()),
        }
    }
}

fn write(
    mut writer: Writer,
    parcels: &Receiver<Parcel>,
    clock: fn() -> Now,
) -> Result<Totals, QuarantineError> {
    loop {
        match parcels.recv_timeout(TICK) {
            Ok(parcel) => writer.put(parcel, clock())?,
            Err(RecvTimeoutError::Timeout) => writer.tick(clock())?,
            Err(RecvTimeoutError::Disconnected) => return writer.finish(clock()),
        }
    }
}
