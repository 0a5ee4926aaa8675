//! A slow disk: each call on it takes its time. The service answers its watchdog, memory stays what it is, nothing is
//! lost.

use std::{
    fs,
    os::unix::net::UnixDatagram,
    path::Path,
    time::{Duration, Instant},
};

use crate::{
    service::{Running, Stage},
    stage::{Fault, is_whole, layer, put_under, say},
    table::Found,
};

/// How long something may take that has to come.
const PATIENCE: Duration = Duration::from_secs(240);
/// What a service that has nothing to wait for takes is some twenty; this is far from what it reads meanwhile.
const MEMORY_KIB_MAX: u64 = 96 * 1024;

/// The most memory that a process had, in KiB.
fn memory(process: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let row = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    row.and_then(|row| row.trim().strip_suffix(" kB")?.parse().ok()).expect("the system says so")
}

fn hears(socket: &UnixDatagram) -> bool {
    let mut buffer = [0; 4096];
    socket.recv(&mut buffer).is_ok_and(|count| buffer[..count].starts_with(b"WATCHDOG=1"))
}

fn check(layer: &Path, milliseconds: u64, lines: u64) {
    let stage = Stage::plain("1MiB");
    let root = stage.desk.folder.path();
    let place = root.with_extension("notify");
    let _ = fs::remove_file(&place);
    let socket = UnixDatagram::bind(&place).expect("a socket");
    let mut command = stage.command();
    put_under(&mut command, layer, root, Fault::NoRoom, 0);
    command.env("FAULTS_SLOW", milliseconds.to_string());
    command.env("NOTIFY_SOCKET", &place).env("WATCHDOG_USEC", "300000");
    stage.append(1, lines);
    let running = Running(command.spawn().expect("the program starts"));
    socket.set_read_timeout(Some(PATIENCE)).expect("settable");
    let (since, mut answered) = (Instant::now(), 0);
    // While it works, and if it is done early, a little longer.
    while (stage.numbers().len() as u64) < lines || answered < 5 {
        assert!(since.elapsed() < PATIENCE, "{} records: {}", stage.numbers().len(), stage.said());
        answered += u64::from(hears(&socket));
    }
    let kib = memory(running.0.id());
    let (all, before) = (stage.numbers(), Instant::now());
    assert_eq!(running.stop().code(), Some(0), "{}", stage.said());
    let _ = fs::remove_file(&place);
    let twice = all.values().filter(|count| **count > 1).count();
    let mut found = Found::default();
    stage.judge_sealed(&[1], &mut found);
    stage.judge_counted(lines, &mut found);
    say(&format!(
        "each call {milliseconds} ms: {lines} lines, {answered} answers to the watchdog in {:.0?}, {kib} KiB at most, \
         {twice} twice, ended after {:.0?}",
        since.elapsed(),
        before.elapsed()
    ));
    assert_eq!((all.len() as u64, twice), (lines, 0));
    assert!(found.notes.is_empty(), "{:?}", found.notes);
    assert!(kib < MEMORY_KIB_MAX, "{kib} KiB");
}

#[test]
fn a_slow_disk_costs_time_and_nothing_else() {
    let Some(layer) = layer() else { return };
    check(layer, 20, 20_000);
    if is_whole() {
        check(layer, 50, 100_000);
        check(layer, 200, 20_000);
    }
}
