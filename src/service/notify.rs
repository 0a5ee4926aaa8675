//! Words to systemd: ready, reloading, stopping, still alive, and a line for people.
//!
//! The protocol is a datagram to the socket that NOTIFY_SOCKET names (sd_notify(3)); without it nothing is said.

use std::{
    env,
    os::{
        linux::net::SocketAddrExt as _,
        unix::net::{SocketAddr, UnixDatagram},
    },
    process,
    time::Duration,
};

use rustix::time::{ClockId, clock_gettime};

/// How long is waited for somebody who does not listen: keys are looked after on the same thread.
const PATIENCE: Duration = Duration::from_secs(1);

/// Who is told.
#[derive(Debug)]
pub(super) struct Notify(Option<(UnixDatagram, SocketAddr)>);

impl Notify {
    pub(super) fn new() -> Self {
        Self(env::var("NOTIFY_SOCKET").ok().and_then(|name| {
            let address = match name.strip_prefix('@') {
                Some(name) => SocketAddr::from_abstract_name(name),
                None => SocketAddr::from_pathname(&name),
            };
            let socket = UnixDatagram::unbound().ok()?;
            socket.set_write_timeout(Some(PATIENCE)).ok()?;
            Some((socket, address.ok()?))
        }))
    }

    /// Says something; nobody listening is no reason to stop.
    pub(super) fn say(&self, what: &str) {
        if let Some((socket, address)) = &self.0 {
            let _ = socket.send_to_addr(what.as_bytes(), address);
        }
    }

    /// Says that a reload has begun; systemd wants to know when.
    pub(super) fn reloading(&self) {
        let now = clock_gettime(ClockId::Monotonic);
        let microseconds = now.tv_sec * 1_000_000 + now.tv_nsec / 1_000;
        self.say(&format!("RELOADING=1\nMONOTONIC_USEC={microseconds}"));
    }
}

/// How often the watchdog wants to hear something, and how long it waits for that, if it does.
pub(super) fn watchdog() -> Option<(Duration, Duration)> {
    let is_ours = env::var("WATCHDOG_PID").ok().is_none_or(|pid| pid == process::id().to_string());
    let microseconds: u64 = env::var("WATCHDOG_USEC").ok()?.parse().ok()?;
    let patience = Duration::from_micros(microseconds);
    is_ours.then_some((patience / 3, patience))
}
