//! Lines from sockets: datagrams and streams, moved into blocks as they come.
//!
//! This is the rim, and the one place where something is waited for in many places at once. It moves bytes and waits
//! for room in the queue; while it waits, senders do: streams stand still, and datagrams fill the kernel's buffer.
//! What that cannot hold is dropped by the kernel, which tells how many they were for UDP; a sender to a unix socket
//! is told itself.

use std::{
    io::{self, IoSliceMut, Read, Write as _},
    os::fd::{AsFd, AsRawFd},
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use nix::sys::socket::{
    ControlMessageOwned, MsgFlags, SockaddrStorage, recvmsg, setsockopt, sockopt,
};
use tokio::{
    io::Interest,
    net::{TcpListener, TcpStream, UdpSocket, UnixDatagram, UnixListener, UnixStream},
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
/// How long a connection over TCP is silent until the other side is asked whether it is there. Without that, those
/// that are gone would take up the room of those that come.
const SILENCE_SECONDS: u32 = 300;
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
    pub(super) fn portions(
        &self,
        gatherer: &mut Gatherer,
        is_end: bool,
    ) -> impl Iterator<Item = Item> {
        let (site, confirms) = (self.site, self.confirms);
        gatherer.take(is_end).into_iter().map(move |piece| {
            let confirm = confirms.then_some(Confirm { lines: 0 });
            let portion = Portion {
                piece,
                site,
                standing: None,
                entry: None,
                only_seals: false,
                goes_on: false,
                confirm,
            };
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
pub(super) async fn listen(
    socket: Socket,
    way: Way,
    stop: watch::Receiver<bool>,
) -> io::Result<()> {
    match socket {
        Socket::UnixDatagram(socket) => {
            socket.set_nonblocking(true)?;
            enlarge(&socket);
            let _ = datagrams(UnixDatagram::from_std(socket)?, way, stop).await;
        }
        Socket::Udp(socket) => {
            socket.set_nonblocking(true)?;
            enlarge(&socket);
            // Without it the kernel does not tell what it dropped, and nothing else changes.
            let _ = setsockopt(&socket, sockopt::RxqOvfl, &1);
            let socket = Udp { socket: UdpSocket::from_std(socket)?, dropped: AtomicU32::new(0) };
            let _ = datagrams(socket, way, stop).await;
        }
        Socket::UnixStream(listener) => {
            listener.set_nonblocking(true)?;
            accept_all(UnixListener::from_std(listener)?, way, stop).await;
        }
        Socket::Tcp(listener) => {
            listener.set_nonblocking(true)?;
            accept_all(TcpListener::from_std(listener)?, way, stop).await;
        }
    }
    Ok(())
}

/// Asks for a larger buffer; the system may give less.
fn enlarge(socket: &impl AsFd) {
    let _ = setsockopt(socket, sockopt::RcvBuf, &BUFFER_BYTES);
}

/// What gives bytes when it has some, and says that it would wait when it has none.
trait Bytes: Send + Sync + 'static {
    fn take(&self, buffer: &mut [u8], facts: &SourceFacts) -> io::Result<usize>;

    /// Waits until there may be some.
    fn ready(&self) -> impl Future<Output = io::Result<()>> + Send;
}

impl Bytes for UnixDatagram {
    fn take(&self, buffer: &mut [u8], _: &SourceFacts) -> io::Result<usize> {
        self.try_recv(buffer)
    }

    fn ready(&self) -> impl Future<Output = io::Result<()>> + Send {
        self.readable()
    }
}

/// A socket and what the kernel told last of the datagrams that it dropped there, ever.
struct Udp {
    socket: UdpSocket,
    dropped: AtomicU32,
}

impl Udp {
    /// Adds what was dropped since the last time; several sockets may be of one source.
    fn note(&self, dropped: u32, facts: &SourceFacts) {
        let before = self.dropped.swap(dropped, Ordering::Relaxed);
        facts.dropped.fetch_add(dropped.wrapping_sub(before).into(), Ordering::Relaxed);
    }
}

impl Bytes for Udp {
    fn take(&self, buffer: &mut [u8], facts: &SourceFacts) -> io::Result<usize> {
        self.socket.try_io(Interest::READABLE, || {
            let mut control = nix::cmsg_space!(u32);
            let mut parts = [IoSliceMut::new(buffer)];
            let flags = MsgFlags::empty();
            let taken = recvmsg::<SockaddrStorage>(
                self.socket.as_raw_fd(),
                &mut parts,
                Some(&mut control),
                flags,
            )?;
            for message in taken.cmsgs()? {
                if let ControlMessageOwned::RxqOvfl(dropped) = message {
                    self.note(dropped, facts);
                }
            }
            Ok(taken.bytes)
        })
    }

    fn ready(&self) -> impl Future<Output = io::Result<()>> + Send {
        self.socket.readable()
    }
}

impl Bytes for UnixStream {
    fn take(&self, buffer: &mut [u8], _: &SourceFacts) -> io::Result<usize> {
        self.try_read(buffer)
    }

    fn ready(&self) -> impl Future<Output = io::Result<()>> + Send {
        self.readable()
    }
}

impl Bytes for TcpStream {
    fn take(&self, buffer: &mut [u8], _: &SourceFacts) -> io::Result<usize> {
        self.try_read(buffer)
    }

    fn ready(&self) -> impl Future<Output = io::Result<()>> + Send {
        self.readable()
    }
}

/// Taking once, as a reader.
struct Next<'a, T>(&'a T, &'a SourceFacts);

impl<T: Bytes> Read for Next<'_, T> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.take(buffer, self.1)
    }
}

async fn datagrams<T: Bytes>(
    socket: T,
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
        match gatherer.fill(&mut Next(&socket, &way.facts)) {
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

/// Waits until there may be something to read, somebody stops, or what has gathered is due.
async fn wait(socket: &impl Bytes, stop: &mut watch::Receiver<bool>, due: Option<Instant>) {
    let ready = async {
        tokio::select! {
            _ = socket.ready() => {}
            _ = stop.changed() => {}
        }
    };
    match due {
        Some(due) => drop(timeout_at(due, ready).await),
        None => ready.await,
    }
}

/// What takes connections.
trait Accept {
    type Stream: Bytes;

    fn next(&self) -> impl Future<Output = io::Result<Self::Stream>> + Send;
}

impl Accept for UnixListener {
    type Stream = UnixStream;

    async fn next(&self) -> io::Result<UnixStream> {
        self.accept().await.map(|(stream, _)| stream)
    }
}

impl Accept for TcpListener {
    type Stream = TcpStream;

    /// A sender that has lost its network never says that it ends: the system asks it, and ends the connection for it.
    async fn next(&self) -> io::Result<TcpStream> {
        let (stream, _) = self.accept().await?;
        // Where it cannot be asked, its lines are taken all the same.
        let _ = setsockopt(&stream, sockopt::KeepAlive, &true);
        let _ = setsockopt(&stream, sockopt::TcpKeepIdle, &SILENCE_SECONDS);
        Ok(stream)
    }
}

async fn accept_all(listener: impl Accept, way: Way, mut stop: watch::Receiver<bool>) {
    let mut connections = JoinSet::new();
    while !*stop.borrow() {
        let next = tokio::select! {
            next = listener.next() => next,
            _ = stop.changed() => break,
        };
        while connections.try_join_next().is_some() {}
        match next {
            Ok(_) if connections.len() >= CONNECTIONS_MAX => {
                way.facts.turned_away.fetch_add(1, Ordering::Relaxed);
            }
            Ok(stream) => {
                let (way, stop) = (way.clone(), stop.clone());
                connections.spawn(async move {
                    let _ = self::stream(stream, way, stop).await;
                });
            }
            // No file descriptor is left, or a connection went away before it was taken.
            Err(_) => sleep(GATHER).await,
        }
    }
    while connections.join_next().await.is_some() {}
}

/// The lines of one connection.
async fn stream(
    stream: impl Bytes,
    way: Way,
    mut stop: watch::Receiver<bool>,
) -> Result<(), Closed> {
    let mut gatherer = way.gatherer().with_frames();
    let mut due = None;
    loop {
        let is_stopping = *stop.borrow();
        match gatherer.fill(&mut Next(&stream, &way.facts)) {
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

#[cfg(test)]
mod tests {
    use nix::sys::socket::getsockopt;

    use super::*;

    #[test]
    fn whoever_is_silent_over_tcp_is_asked_whether_they_are_there() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.expect("a runtime").block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
            let address = listener.local_addr().expect("it has one");
            let _sender = TcpStream::connect(address).await.expect("it listens");
            let stream = listener.next().await.expect("a connection");
            assert_eq!(getsockopt(&stream, sockopt::KeepAlive), Ok(true));
            assert_eq!(getsockopt(&stream, sockopt::TcpKeepIdle), Ok(SILENCE_SECONDS));
        });
    }
}
