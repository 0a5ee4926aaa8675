//! The quarantine beside the work: a thread that takes parcels in the order of the input and writes them.
//!
//! Sealing and waiting for a disk would hold up the turn. So parcels go through a queue that holds as much as a
//! segment has: while one is made durable, which takes a disk a tenth of a second, work goes on. When the queue is
//! full, the turn waits, and with it the reading.

use std::{
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        mpsc::{Receiver, RecvTimeoutError, Sender, channel},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use super::EngineError;
use crate::{
    privacy::seal::Parcel,
    quarantine::{
        QuarantineError,
        store::{Now, SEGMENT_BYTES, Totals, Writer},
    },
};

/// How many bytes of parcels may wait to be written, and one parcel more.
const WAITING_BYTES_MAX: usize = SEGMENT_BYTES as usize;
/// How often it is looked whether a segment's time is over.
const TICK: Duration = Duration::from_secs(1);

/// What writes parcels to a quarantine.
pub struct Sealing {
    parcels: Option<Sender<Parcel>>,
    room: Arc<Room>,
    thread: Option<JoinHandle<Result<Totals, QuarantineError>>>,
}

/// How much waits to be written.
#[derive(Default)]
struct Room {
    bytes: Mutex<usize>,
    freed: Condvar,
}

impl Room {
    fn bytes(&self) -> MutexGuard<'_, usize> {
        self.bytes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until there is room for a parcel of so many bytes.
    fn take(&self, bytes: usize) {
        let is_full = |waiting: &mut usize| *waiting >= WAITING_BYTES_MAX;
        let waiting = self.freed.wait_while(self.bytes(), is_full);
        *waiting.unwrap_or_else(PoisonError::into_inner) += bytes;
    }

    fn give(&self, bytes: usize) {
        let mut waiting = self.bytes();
        *waiting = waiting.saturating_sub(bytes);
        self.freed.notify_all();
    }
}

/// Lets nobody wait for a thread that has ended.
struct Ending(Arc<Room>);

impl Drop for Ending {
    fn drop(&mut self) {
        self.0.give(usize::MAX);
    }
}

impl Sealing {
    /// Starts the thread that writes; `clock` tells it the time.
    ///
    /// # Errors
    ///
    /// The thread could not be started.
    pub fn start(writer: Writer, clock: fn() -> Now) -> Result<Self, EngineError> {
        let (parcels, receiver) = channel();
        let room = Arc::new(Room::default());
        let ending = Ending(Arc::clone(&room));
        let thread = thread::Builder::new()
            .name("quarantine".to_owned())
            .spawn(move || write(writer, receiver, &ending, clock))
            .map_err(|_| EngineError::Threads)?;
        Ok(Self { parcels: Some(parcels), room, thread: Some(thread) })
    }

    /// Hands over a parcel.
    pub(super) fn put(&mut self, parcel: Parcel) -> Result<(), EngineError> {
        self.room.take(parcel.bytes());
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

/// Writes parcels until no more can come. The receiver goes before the others are let on, so that they see it gone.
fn write(
    mut writer: Writer,
    parcels: Receiver<Parcel>,
    ending: &Ending,
    clock: fn() -> Now,
) -> Result<Totals, QuarantineError> {
    let done = loop {
        let taken = match parcels.recv_timeout(TICK) {
            Ok(parcel) => {
                let bytes = parcel.bytes();
                let put = writer.put(parcel, clock());
                ending.0.give(bytes);
                put
            }
            Err(RecvTimeoutError::Timeout) => writer.tick(clock()),
            Err(RecvTimeoutError::Disconnected) => break writer.finish(clock()),
        };
        if let Err(error) = taken {
            break Err(error);
        }
    };
    drop(parcels);
    done
}
