//! Lines from sockets: datagrams and streams, moved into blocks as they come.
//!
//! This is the rim, and the one place where something is waited for in many places at once. It moves bytes and waits
//! for room in the queue; while it waits, senders do: streams stand still, and datagrams fill the kernel's buffer.
//! What that cannot hold is dropped by the kernel, which tells how many they were for UDP; a sender to a unix socket
//! is told itself.

use std::{
    io::{self, IoSliceMut, Read, Write as _},
    net::{TcpListener, UdpSocket},
    os::{
        fd::{AsFd, AsRawFd},
        unix::net::{UnixDatagram, UnixListener},
    },
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use nix::sys::socket::{ControlMessageOwned, MsgFlags, SockaddrStorage, recvmsg, setsockopt, sockopt};
use tokio::{
    io::{Interest, unix::AsyncFd},
    sync::{mpsc::Sender, watch},
    task::JoinSet,
    time::{Instant, sleep, timeout_at},
};

use super::{
    board::SourceFacts,
    gather::{Gatherer, Pool},
    outlet::Portion,
    sockets::Socket,
    work::Item,
};
use crate::source::FormatChoice;

/// How long a line waits for others to go out with.
const GATHER: Duration = Duration::from_millis(50);
/// How many connections one source may have at once: each of them has a block.
const CONNECTIONS_MAX: usize = 256;
/// How much the kernel is asked to hold for a socket while nobody takes it.
const BUFFER_BYTES: usize = 8 << 20;

/// Somebody who waits for an answer to each line: omprog of rsyslog.
pub(super) struct Confirm {
    pub(super) lines: u64,
}

impl Confirm {
    /// Says that the lines are durable. Nobody listening is no reason to stop.
    pub(super) fn answer(&self) {
        let mut out = io::stdout().lock();
        for _ in 0..self.lines {
            let _ = out.write_all(b"OK\n");
        }
        let _ = out.flush();
    }
}

/// How the lines of a source are, and where they go.
#[derive(Clone)]
pub(super) struct Way {
    pub(super) items: Sender<Item>,
    pub(super) pool: Arc<Pool>,
    pub(super) choice: FormatChoice,
    pub(super) line_bytes_max: usize,
    pub(super) site: usize,
    pub(super) name: Arc<str>,
    pub(super) facts: Arc<SourceFacts>,
    pub(super) confirms: bool,
}

/// Nobody takes lines any more.
pub(super) struct Closed;

impl Way {
    pub(super) fn gatherer(&self) -> Gatherer {
        Gatherer::new(&self.pool, &self.choice, self.line_bytes_max, Arc::clone(&self.name))
    }

    /// What has gathered, as it stands in the queue.
    pub(super) fn portions(&self, gatherer: &mut Gatherer, is_end: bool) -> impl Iterator<Item = Item> {
        let (site, confirms) = (self.site, self.confirms);
        gatherer.take(is_end).into_iter().map(move |piece| {
            let confirm = confirms.then_some(Confirm { lines: 0 });
            let portion =
                Portion { piece, site, standing: None, only_seals: false, goes_on: false, confirm };
            Item::Lines(Box::new(portion))
        })
    }

    async fn send(&self, gatherer: &mut Gatherer, is_end: bool) -> Result<(), Closed> {
        for item in self.portions(gatherer, is_end) {
            self.items.send(item).await.map_err(|_| Closed)?;
        }
        Ok(())
    }

    fn note(&self, bytes: usize) {
        self.facts.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
    }
}

/// Takes lines from a socket until `stop` says so.
pub(super) async fn listen(socket: Socket, way: Way, stop: watch::Receiver<bool>) -> io::Result<()> {
    match socket {
        Socket::UnixDatagram(socket) => {
            socket.set_nonblocking(true)?;
            enlarge(&socket);
            let _ = datagrams(AsyncFd::with_interest(socket, Interest::READABLE)?, way, stop).await;
        }
        Socket::Udp(socket) => {
            socket.set_nonblocking(true)?;
            enlarge(&socket);
            // Without it the kernel does not tell what it dropped, and nothing else changes.
            let _ = setsockopt(&socket, sockopt::RxqOvfl, &1);
            let _ = datagrams(AsyncFd::with_interest(socket, Interest::READABLE)?, way, stop).await;
        }
        Socket::UnixStream(listener) => {
            listener.set_nonblocking(true)?;
            let accept = |listener: &UnixListener| listener.accept().map(|(stream, _)| stream);
            accept_all(AsyncFd::with_interest(listener, Interest::READABLE)?, accept, way, stop).await;
        }
        Socket::Tcp(listener) => {
            listener.set_nonblocking(true)?;
            let accept = |listener: &TcpListener| listener.accept().map(|(stream, _)| stream);
            accept_all(AsyncFd::with_interest(listener, Interest::READABLE)?, accept, way, stop).await;
        }
    }
    Ok(())
}

/// Asks for a larger buffer; the system may give less.
fn enlarge(socket: &impl AsFd) {
    let _ = setsockopt(socket, sockopt::RcvBuf, &BUFFER_BYTES);
}

/// One datagram at a time.
trait Datagrams: AsRawFd {
    fn take(&self, buffer: &mut [u8], facts: &SourceFacts) -> io::Result<usize>;
}

impl Datagrams for UnixDatagram {
    fn take(&self, buffer: &mut [u8], _: &SourceFacts) -> io::Result<usize> {
        self.recv(buffer)
    }
}

impl Datagrams for UdpSocket {
    fn take(&self, buffer: &mut [u8], facts: &SourceFacts) -> io::Result<usize> {
        let mut control = nix::cmsg_space!(u32);
        let mut parts = [IoSliceMut::new(buffer)];
        let flags = MsgFlags::empty();
        let taken =
            recvmsg::<SockaddrStorage>(self.as_raw_fd(), &mut parts, Some(&mut control), flags)?;
        for message in taken.cmsgs()? {
            if let ControlMessageOwned::RxqOvfl(dropped) = message {
                facts.dropped.fetch_max(dropped.into(), Ordering::Relaxed);
            }
        }
        Ok(taken.bytes)
    }
}

/// A datagram as something to be read once. One of no bytes is no end.
struct Next<'a, T>(&'a T, &'a SourceFacts);

impl<T: Datagrams> Read for Next<'_, T> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.take(buffer, self.1)
    }
}

async fn datagrams<T: Datagrams>(
    socket: AsyncFd<T>,
    way: Way,
    mut stop: watch::Receiver<bool>,
) -> Result<(), Closed> {
    let mut gatherer = way.gatherer();
    let mut due = None;
    loop {
        let is_stopping = *stop.borrow();
        if gatherer.room() < way.line_bytes_max + 2 {
            way.send(&mut gatherer, false).await?;
            due = None;
        }
        let taken = socket.get_ref().try_take(&mut gatherer, &way);
        match taken {
            Ok(count) => {
                way.note(count);
                gatherer.end_message();
                due = due.or_else(|| Some(Instant::now() + GATHER));
                if due.is_some_and(|due| due <= Instant::now()) {
                    way.send(&mut gatherer, false).await?;
                    due = None;
                }
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                if is_stopping {
                    return way.send(&mut gatherer, true).await;
                }
                wait(&socket, &mut stop, due).await;
                if due.is_some_and(|due| due <= Instant::now()) {
                    way.send(&mut gatherer, false).await?;
                    due = None;
                }
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            // What is left of an error of somebody else's, such as a port that nobody listens to.
            Err(_) => sleep(GATHER).await,
        }
    }
}

/// Taking into a gatherer.
trait TryTake {
    fn try_take(&self, gatherer: &mut Gatherer, way: &Way) -> io::Result<usize>;
}

impl<T: Datagrams> TryTake for T {
    fn try_take(&self, gatherer: &mut Gatherer, way: &Way) -> io::Result<usize> {
        gatherer.fill(&mut Next(self, &way.facts))
    }
}

/// Waits until there may be something to read, somebody stops, or what has gathered is due.
async fn wait<T: AsRawFd>(socket: &AsyncFd<T>, stop: &mut watch::Receiver<bool>, due: Option<Instant>) {
    let ready = async {
        tokio::select! {
            ready = socket.readable() => {
                if let Ok(mut ready) = ready {
                    ready.clear_ready();
                }
            }
            _ = stop.changed() => {}
        }
    };
    match due {
        Some(due) => drop(timeout_at(due, ready).await),
        None => ready.await,
    }
}

async fn accept_all<L, T>(
    listener: AsyncFd<L>,
    accept: fn(&L) -> io::Result<T>,
    way: Way,
    mut stop: watch::Receiver<bool>,
) where
    L: AsRawFd,
    T: AsRawFd + Send + Sync + NonBlocking + 'static,
    for<'a> &'a T: Read,
{
    let mut connections = JoinSet::new();
    let open = Arc::new(AtomicUsize::new(0));
    while !*stop.borrow() {
        match accept(listener.get_ref()) {
            Ok(stream) if open.load(Ordering::SeqCst) >= CONNECTIONS_MAX => {
                way.facts.turned_away.fetch_add(1, Ordering::Relaxed);
                drop(stream);
            }
            Ok(stream) => {
                let (way, stop, open) = (way.clone(), stop.clone(), Arc::clone(&open));
                open.fetch_add(1, Ordering::SeqCst);
                connections.spawn(async move {
                    if stream.nonblocking().is_ok()
                        && let Ok(stream) = AsyncFd::with_interest(stream, Interest::READABLE)
                    {
                        let _ = self::stream(stream, way, stop).await;
                    }
                    open.fetch_sub(1, Ordering::SeqCst);
                });
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => wait(&listener, &mut stop, None).await,
            // No file descriptor is left, or a connection went away before it was taken.
            Err(_) => sleep(GATHER).await,
        }
        while connections.try_join_next().is_some() {}
    }
    while connections.join_next().await.is_some() {}
}

/// What can be told not to wait.
trait NonBlocking {
    fn nonblocking(&self) -> io::Result<()>;
}

impl NonBlocking for std::net::TcpStream {
    fn nonblocking(&self) -> io::Result<()> {
        self.set_nonblocking(true)
    }
}

impl NonBlocking for std::os::unix::net::UnixStream {
    fn nonblocking(&self) -> io::Result<()> {
        self.set_nonblocking(true)
    }
}

/// The lines of one connection.
async fn stream<T>(stream: AsyncFd<T>, way: Way, mut stop: watch::Receiver<bool>) -> Result<(), Closed>
where
    T: AsRawFd,
    for<'a> &'a T: Read,
{
    let mut gatherer = way.gatherer().with_frames();
    let mut due = None;
    loop {
        let is_stopping = *stop.borrow();
        let taken = gatherer.fill(&mut stream.get_ref());
        match taken {
            Ok(0) => return way.send(&mut gatherer, true).await,
            Ok(count) => {
                way.note(count);
                due = due.or_else(|| Some(Instant::now() + GATHER));
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                if is_stopping {
                    return way.send(&mut gatherer, false).await;
                }
                wait(&stream, &mut stop, due).await;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => return way.send(&mut gatherer, false).await,
        }
        if gatherer.is_stuck() || due.is_some_and(|due| due <= Instant::now()) {
            way.send(&mut gatherer, false).await?;
            due = None;
            if gatherer.is_stuck() {
                // A frame that fits no block. Whoever sends so may connect again.
                return Ok(());
            }
        }
    }
}
