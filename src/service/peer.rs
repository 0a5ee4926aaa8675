//! Somebody at a socket who takes records: connected to when there is something to say, and again when they went away.
//!
//! Whether what was written was also read, a stream does not tell. What may have been on its way when the other side
//! went is sent once more to whoever takes its place: for a unix socket that is all, since no more fits into it than is
//! remembered here. So records come out at least once there, and some of them twice. Over TCP the other machine's
//! system may have taken more than its program ever read, which nobody here can know.
//!
//! A slow reader is waited for, and the sources with it.

use std::{
    io::{self, Read as _, Write as _},
    net::TcpStream,
    os::{
        fd::{AsFd, AsRawFd as _, BorrowedFd},
        unix::net::UnixStream,
    },
    path::Path,
    time::{Duration, Instant},
};

use nix::sys::socket::{
    AddressFamily, SockFlag, SockType, UnixAddr, connect, setsockopt, socket, sockopt,
};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::config::Place;

/// What the system is asked to hold of what is not read yet. It gives twice as much, and one piece more.
const SOCKET_BYTES: usize = 64 * 1024;
/// How much of what was written is remembered: more than the system holds.
const RECENT_BYTES: usize = 4 * SOCKET_BYTES;
/// How long a write waits at once.
const WAIT: Duration = Duration::from_millis(200);
/// How long it is waited for an answer to the wish to connect.
const CONNECT: Duration = Duration::from_secs(1);
/// How long nothing may be taken before that is said.
const SLOW: Duration = Duration::from_secs(10);

/// Both kinds of streams.
#[derive(Debug)]
enum Stream {
    Unix(UnixStream),
    Tcp(TcpStream),
}

impl Stream {
    fn connect(place: &Place) -> io::Result<Self> {
        let stream = match place {
            Place::Path(path) => connect_unix(path).map(Self::Unix)?,
            Place::Address(address) => {
                TcpStream::connect_timeout(address, CONNECT).map(Self::Tcp)?
            }
            Place::Systemd(_) => return Err(io::ErrorKind::Unsupported.into()),
        };
        match &stream {
            Self::Unix(unix) => {
                unix.set_write_timeout(Some(WAIT))?;
                setsockopt(unix, sockopt::SndBuf, &SOCKET_BYTES)?;
            }
            Self::Tcp(tcp) => {
                tcp.set_write_timeout(Some(WAIT))?;
                setsockopt(tcp, sockopt::SndBuf, &SOCKET_BYTES)?;
            }
        }
        Ok(stream)
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Unix(stream) => stream.write(bytes),
            Self::Tcp(stream) => stream.write(bytes),
        }
    }

    /// Whether the other side has gone. What it says is nothing to us.
    fn is_over(&mut self) -> bool {
        loop {
            let at_once = Timespec { tv_sec: 0, tv_nsec: 0 };
            let mut ends = [PollFd::new(&*self, PollFlags::IN)];
            if !poll(&mut ends, Some(&at_once)).is_ok_and(|count| count > 0) {
                return false;
            }
            let mut said = [0; 512];
            let count = match self {
                Self::Unix(stream) => stream.read(&mut said),
                Self::Tcp(stream) => stream.read(&mut said),
            };
            if !count.is_ok_and(|count| count > 0) {
                return true;
            }
        }
    }
}

impl AsFd for Stream {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Unix(stream) => stream.as_fd(),
            Self::Tcp(stream) => stream.as_fd(),
        }
    }
}

/// Connects, or says at once that this would have to wait, as where nobody takes those who came before.
fn connect_unix(path: &Path) -> io::Result<UnixStream> {
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    let socket = socket(AddressFamily::Unix, SockType::Stream, flags, None)?;
    connect(socket.as_raw_fd(), &UnixAddr::new(path)?)?;
    let stream = UnixStream::from(socket);
    stream.set_nonblocking(false)?;
    Ok(stream)
}

/// See above.
#[derive(Debug)]
pub(super) struct Peer {
    place: Place,
    stream: Option<Stream>,
    /// What was written last, in whole records, and behind it what is to be written.
    records: Vec<u8>,
    /// Up to where it is written.
    at: usize,
    /// Whether what is asked to be written stands there already, from an earlier try.
    is_taken: bool,
    /// Since when nothing was taken.
    slow: Option<Instant>,
}

impl Peer {
    pub(super) const fn new(place: Place) -> Self {
        Self { place, stream: None, records: Vec::new(), at: 0, is_taken: false, slow: None }
    }

    /// Where it is, for messages.
    pub(super) fn name(&self) -> String {
        match &self.place {
            Place::Path(path) => path.display().to_string(),
            Place::Address(address) => address.to_string(),
            Place::Systemd(name) => format!("systemd:{name}"),
        }
    }

    /// Writes whole records. Where that fails it is to be asked for the same again, and nothing is asked for else:
    /// `TimedOut` says that the other side is slow, `StorageFull` that it has been so for long, `NotConnected` that it
    /// is away.
    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        if !self.is_taken {
            self.records.extend_from_slice(bytes);
            self.is_taken = true;
        }
        self.push().map_err(|error| match error.kind() {
            io::ErrorKind::TimedOut | io::ErrorKind::StorageFull => error,
            _ => {
                self.stream = None;
                self.at = self.remembered();
                io::Error::new(io::ErrorKind::NotConnected, error.to_string())
            }
        })?;
        self.is_taken = false;
        if self.records.len() > 2 * RECENT_BYTES {
            let forgotten = self.remembered();
            self.records.drain(..forgotten);
            self.at -= forgotten;
        }
        Ok(())
    }

    fn push(&mut self) -> io::Result<()> {
        if self.stream.as_mut().is_some_and(Stream::is_over) {
            self.stream = None;
            self.at = self.remembered();
        }
        let stream = match &mut self.stream {
            Some(stream) => stream,
            none => none.insert(Stream::connect(&self.place)?),
        };
        while self.at < self.records.len() {
            match stream.write(&self.records[self.at..]) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(count) => {
                    self.at += count;
                    self.slow = None;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error)
                    if matches!(
                        error.kind(),
                        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut
                    ) =>
                {
                    return Err(self.slowness());
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Nothing was taken for a moment. When that lasts, it is said; the connection stays.
    fn slowness(&mut self) -> io::Error {
        let since = *self.slow.get_or_insert_with(Instant::now);
        if since.elapsed() > SLOW {
            io::Error::new(io::ErrorKind::StorageFull, "nothing is taken there")
        } else {
            io::ErrorKind::TimedOut.into()
        }
    }

    /// Where the records begin that may not have been read.
    fn remembered(&self) -> usize {
        let from = self.at.saturating_sub(RECENT_BYTES);
        self.records[..from].iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1)
    }
}

#[cfg(test)]
mod tests {
    use std::{io::Read as _, os::unix::net::UnixListener, path::PathBuf, thread};

    use super::*;

    fn folder(name: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("tamis-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("writable");
        folder
    }

    #[test]
    fn what_may_not_have_been_read_is_sent_again_in_whole_records() {
        let folder = folder("peer");
        let path = folder.join("socket");
        let mut peer = Peer::new(Place::Path(path.clone()));
        let away = peer.write(b"one\n").expect_err("nobody is there");
        assert_eq!(away.kind(), io::ErrorKind::NotConnected);
        let listener = UnixListener::bind(&path).expect("bound");
        peer.write(b"one\n").expect("somebody is there");
        peer.write(b"two\n").expect("somebody is there");
        let (mut first, _) = listener.accept().expect("connected");
        let mut read = [0; 6];
        first.read_exact(&mut read).expect("it is there");
        assert_eq!(&read, b"one\ntw");
        drop(first);
        peer.write(b"three\n").expect("somebody is there");
        let (mut second, _) = listener.accept().expect("connected");
        drop(peer);
        let mut text = String::new();
        second.read_to_string(&mut text).expect("text");
        assert_eq!(text, "one\ntwo\nthree\n");
        std::fs::remove_dir_all(folder).expect("removable");
    }

    #[test]
    fn little_is_remembered_and_slowness_is_waited_for() {
        let folder = folder("slow-peer");
        let path = folder.join("socket");
        let listener = UnixListener::bind(&path).expect("bound");
        let mut peer = Peer::new(Place::Path(path));
        let record = "x".repeat(999) + "\n";
        let many = record.repeat(400);
        let slow = peer.write(many.as_bytes()).expect_err("nobody reads");
        assert_eq!(slow.kind(), io::ErrorKind::TimedOut);
        let (mut stream, _) = listener.accept().expect("connected");
        let reader = thread::spawn(move || {
            let mut text = String::new();
            stream.read_to_string(&mut text).map(|_| text)
        });
        let mut written = 0;
        while written < 10 {
            match peer.write(many.as_bytes()) {
                Ok(()) => written += 1,
                Err(error) => assert_eq!(error.kind(), io::ErrorKind::TimedOut),
            }
            assert!(peer.records.len() <= 2 * RECENT_BYTES + many.len());
        }
        drop(peer);
        let text = reader.join().expect("it ends").expect("text");
        assert_eq!(text.len(), 10 * many.len());
        assert!(text.lines().all(|line| line.len() == 999));
        std::fs::remove_dir_all(folder).expect("removable");
    }
}
