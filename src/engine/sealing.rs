//! The quarantine beside the work: a thread that takes parcels in the order of the input and writes them.
//!
//! Sealing and waiting for a disk would hold up the turn. So parcels go through a queue that holds as much as a
//! segment has: while one is made durable, which takes a disk a tenth of a second, work goes on. When the queue is
//! full, the turn waits, and with it the reading.
//!
//! A run over many files has one quarantine and an engine for each file: then each engine is lent a way in, and who
//! lends it asks from time to time for all that went in to be durable.

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

/// What goes to the thread.
enum Message {
    Parcel(Box<Parcel>),
    /// Everything before is to be made durable; then it is told what was done so far.
    Settle(Sender<Totals>),
}

/// What writes parcels to a quarantine, or a way to it that was lent.
pub struct Sealing {
    messages: Option<Sender<Message>>,
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
        let (messages, receiver) = channel();
        let room = Arc::new(Room::default());
        let ending = Ending(Arc::clone(&room));
        let thread = thread::Builder::new()
            .name("quarantine".to_owned())
            .spawn(move || write(writer, receiver, &ending, clock))
            .map_err(|_| EngineError::Threads)?;
        Ok(Self { messages: Some(messages), room, thread: Some(thread) })
    }

    /// A further way in. Who uses it does not wait for the end.
    #[must_use]
    pub fn lend(&self) -> Self {
        Self { messages: self.messages.clone(), room: Arc::clone(&self.room), thread: None }
    }

    /// Waits until everything that went in is durable, and says what was done so far.
    ///
    /// # Errors
    ///
    /// The thread has ended, because the quarantine refused; why is said when it is finished.
    pub fn settle(&self) -> Result<Totals, EngineError> {
        let (sender, receiver) = channel();
        let sent = self.messages.as_ref().map(|messages| messages.send(Message::Settle(sender)));
        match sent {
            Some(Ok(())) => receiver.recv().map_err(|_| EngineError::Closed),
            _ => Err(EngineError::Closed),
        }
    }

    /// Hands over a parcel.
    pub(super) fn put(&mut self, parcel: Parcel) -> Result<(), EngineError> {
        self.room.take(parcel.bytes());
        let messages = self.messages.as_ref();
        let sent = messages
            .is_some_and(|messages| messages.send(Message::Parcel(Box::new(parcel))).is_ok());
        if sent { Ok(()) } else { self.finish().and(Err(EngineError::Closed)) }
    }

    /// Lets everything be finished and waits for it. What was lent is given back, and nothing waited for.
    ///
    /// # Errors
    ///
    /// The quarantine refuses.
    pub fn finish(&mut self) -> Result<Totals, EngineError> {
        self.messages = None;
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
    messages: Receiver<Message>,
    ending: &Ending,
    clock: fn() -> Now,
) -> Result<Totals, QuarantineError> {
    let done = loop {
        let taken = match messages.recv_timeout(TICK) {
            Ok(Message::Settle(sender)) => {
                let settled = writer.settle(clock());
                if settled.is_ok() {
                    // Whoever asked may have gone.
                    let _ = sender.send(writer.totals());
                }
                settled
            }
            Ok(Message::Parcel(parcel)) => {
                let bytes = parcel.bytes();
                let put = writer.put(*parcel, clock());
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
    drop(messages);
    done
}
