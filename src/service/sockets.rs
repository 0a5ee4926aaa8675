//! Sockets on which the service listens: its own, or those that systemd opened and named.

use std::{
    collections::BTreeMap,
    env, fs, io,
    net::{SocketAddr, TcpListener, UdpSocket},
    os::{
        fd::{AsFd as _, BorrowedFd},
        unix::{
            fs::{FileTypeExt as _, PermissionsExt as _},
            net::{UnixDatagram, UnixListener, UnixStream},
        },
    },
    path::Path,
};

use listenfd::ListenFd;
use rustix::io::{FdFlags, fcntl_setfd};

use super::{
    config::{Kind, Place},
    error::ServiceError,
};

/// What a socket of ours may be used for: by its group.
const MODE: u32 = 0o660;

/// A socket that bytes come from.
pub(super) enum Socket {
    UnixDatagram(UnixDatagram),
    UnixStream(UnixListener),
    Udp(UdpSocket),
    Tcp(TcpListener),
}

impl Socket {
    fn descriptor(&self) -> BorrowedFd<'_> {
        match self {
            Self::UnixDatagram(socket) => socket.as_fd(),
            Self::UnixStream(socket) => socket.as_fd(),
            Self::Udp(socket) => socket.as_fd(),
            Self::Tcp(socket) => socket.as_fd(),
        }
    }
}

/// What systemd gave.
pub(super) struct Given {
    sockets: ListenFd,
    names: BTreeMap<String, Vec<usize>>,
}

impl Given {
    /// Takes what there is. To be called once.
    pub(super) fn take() -> Self {
        let text = env::var("LISTEN_FDNAMES").unwrap_or_default();
        let sockets = ListenFd::from_env();
        let mut names = BTreeMap::<String, Vec<usize>>::new();
        for (index, name) in text.split(':').take(sockets.len()).enumerate() {
            names.entry(name.to_owned()).or_default().push(index);
        }
        Self { sockets, names }
    }

    fn sockets(&mut self, name: &str, kind: Kind) -> Result<Vec<Socket>, ServiceError> {
        let mut found = Vec::new();
        for index in self.names.get(name).cloned().unwrap_or_default() {
            let taken = match kind {
                Kind::UnixDatagram => {
                    self.sockets.take_unix_datagram(index).map(|it| it.map(Socket::UnixDatagram))
                }
                Kind::UnixStream => {
                    self.sockets.take_unix_listener(index).map(|it| it.map(Socket::UnixStream))
                }
                Kind::Udp => self.sockets.take_udp_socket(index).map(|it| it.map(Socket::Udp)),
                Kind::Tcp => self.sockets.take_tcp_listener(index).map(|it| it.map(Socket::Tcp)),
                Kind::File | Kind::Fifo | Kind::Stdin | Kind::Journald => Ok(None),
            };
            // Programs that are started from here have nothing to do with it.
            if let Ok(Some(socket)) = &taken {
                let _ = fcntl_setfd(socket.descriptor(), FdFlags::CLOEXEC);
            }
            // One of another kind under the same name is for another source.
            found.extend(taken.ok().flatten());
        }
        if found.is_empty() { Err(ServiceError::NoSocket(name.to_owned())) } else { Ok(found) }
    }
}

/// Opens what a source names.
pub(super) fn open(
    place: &Place,
    kind: Kind,
    given: &mut Given,
) -> Result<Vec<Socket>, ServiceError> {
    let opened = match (place, kind) {
        (Place::Systemd(name), _) => return given.sockets(name, kind),
        (Place::Path(path), Kind::UnixDatagram) => {
            unix(path, |path| UnixDatagram::bind(path).map(Socket::UnixDatagram))
        }
        (Place::Path(path), _) => {
            unix(path, |path| UnixListener::bind(path).map(Socket::UnixStream))
        }
        (Place::Address(address), Kind::Udp) => UdpSocket::bind(address).map(Socket::Udp),
        (Place::Address(address), _) => TcpListener::bind(address).map(Socket::Tcp),
    };
    let opened = opened.map_err(|error| ServiceError::Listen(name(place), error))?;
    Ok(vec![opened])
}

fn name(place: &Place) -> String {
    match place {
        Place::Path(path) => path.display().to_string(),
        Place::Address(address) => SocketAddr::to_string(address),
        Place::Systemd(name) => format!("systemd:{name}"),
    }
}

/// Binds a path, where a socket that nobody listens to any more may lie.
fn unix<T>(path: &Path, bind: impl Fn(&Path) -> io::Result<T>) -> io::Result<T> {
    let is_socket = path.symlink_metadata().is_ok_and(|found| found.file_type().is_socket());
    if is_socket && !somebody_listens(path) {
        fs::remove_file(path)?;
    }
    let bound = bind(path)?;
    fs::set_permissions(path, fs::Permissions::from_mode(MODE))?;
    Ok(bound)
}

fn somebody_listens(path: &Path) -> bool {
    let refused = |error: io::Error| error.kind() == io::ErrorKind::ConnectionRefused;
    let datagram = || UnixDatagram::unbound().and_then(|socket| socket.connect(path));
    // A socket of the other kind says something else than that nobody is there.
    !(UnixStream::connect(path).is_err_and(refused) || datagram().is_err_and(refused))
}
