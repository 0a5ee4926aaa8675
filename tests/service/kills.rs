//! From file to file each line comes out once, whenever the service is killed and however logs rotate.

use std::{
    fs::{self, File, OpenOptions},
    io::Write as _,
    thread,
    time::Duration,
};

use crate::{
    desk::{Desk, line},
    program::Dice,
};

const CONFIGURATION: &str = r#"
policy = "baseline"
state_dir = "{}/state"
commit = "20ms"
threads = 2
[[source]]
kind = "file"
path = "{}/access.log"
[sink]
kind = "file"
path = "{}/clean/access.jsonl"
rotate = { bytes = "20KiB" }
"#;

const COUNTS: &str = "\n[counts]\nstore = \"{}/counts.sqlite\"\n";

/// How often the service is killed: thirty times, or as often as TAMIS_KILLS says.
fn kills() -> usize {
    std::env::var("TAMIS_KILLS").ok().and_then(|kills| kills.parse().ok()).unwrap_or(30)
}

/// A server that writes numbered lines, and somebody who rotates its log.
struct Server {
    desk: Desk,
    log: File,
    number: u64,
}

impl Server {
    fn new(configuration: &str) -> Self {
        let desk = Desk::new(configuration);
        fs::create_dir(desk.file("clean")).expect("ours");
        let log = open(&desk);
        Self { desk, log, number: 0 }
    }

    fn write(&mut self, lines: u64) {
        for _ in 0..lines {
            self.number += 1;
            let text = line(self.number);
            // Now and then a line comes in two pieces.
            let (first, rest) = text.split_at(if self.number.is_multiple_of(7) { 30 } else { 0 });
            self.log.write_all(first.as_bytes()).expect("ours");
            self.log.write_all(rest.as_bytes()).expect("ours");
        }
    }

    fn rename(&mut self) {
        for number in (1..200).rev() {
            let from = self.desk.file(&format!("access.log.{number}"));
            if from.exists() {
                fs::rename(from, self.desk.file(&format!("access.log.{}", number + 1)))
                    .expect("ours");
            }
        }
        fs::rename(self.desk.file("access.log"), self.desk.file("access.log.1")).expect("ours");
        // A server goes on with the old file until it is told.
        self.write(3);
        self.log = open(&self.desk);
    }
}

fn open(desk: &Desk) -> File {
    OpenOptions::new().create(true).append(true).open(desk.file("access.log")).expect("ours")
}

fn check(configuration: &str, kills: usize, seed: u64) -> Server {
    let mut server = Server::new(configuration);
    let mut dice = Dice(seed);
    // A service that begins knows nothing of what was rotated away before.
    let running = server.desk.start();
    server.write(1);
    server.desk.wait_for(1);
    running.kill();
    for kill in 0..kills {
        let running = server.desk.start();
        if kill % 10 == 9 {
            // Most lives are too short for much. Now and then it must come along, or logs are gone before
            // it reads them.
            server.desk.wait_for(server.number as usize);
        }
        for _ in 0..1 + dice.below(6) {
            server.write(dice.below(60) as u64);
            if dice.below(5) == 0 {
                server.rename();
            }
            thread::sleep(Duration::from_millis(dice.below(25) as u64));
        }
        running.kill();
        if dice.below(4) == 0 {
            server.write(5);
            // Rotated while nobody looked; further files back were read long ago or are there still.
            server.rename();
        }
    }
    let running = server.desk.start();
    server.write(1);
    server.desk.wait_for_each(server.number);
    assert_eq!(running.stop(), Some(0));
    server.desk.assert_each_once(server.number);
    server
}

#[test]
fn each_line_comes_out_once_after_kills_and_renames() {
    check(CONFIGURATION, kills(), 1);
}

#[test]
fn counts_agree_with_records_after_kills() {
    let server = check(&[CONFIGURATION, COUNTS].concat(), kills(), 2);
    assert_counted(&server);
}

/// What takes the place of another that counted goes on after its last step, and not after the one that was the last
/// when it was made.
#[test]
fn counts_go_on_through_reloads() {
    let metrics = "\n[metrics]\nlisten = \"{}/metrics.sock\"\n";
    let configuration = [&CONFIGURATION.replace("20ms", "1ms"), COUNTS, metrics].concat();
    let mut server = Server::new(&configuration);
    let running = server.desk.start();
    server.write(1);
    server.desk.wait_for(1);
    for _ in 0..60 {
        running.signal("-HUP");
        for _ in 0..5 {
            server.write(20);
            thread::sleep(Duration::from_millis(4));
        }
    }
    server.desk.wait_for_each(server.number);
    let total = format!("\ntamis_requests_total {}\n", server.number);
    server.desk.wait("all counts", || {
        server.desk.ask("/metrics").is_some_and(|text| text.contains(&total))
    });
    assert_eq!(running.stop(), Some(0));
    server.desk.assert_each_once(server.number);
    assert!(!server.desk.file("counts.sqlite-wal").exists(), "the store is closed");
    assert_counted(&server);
}

/// As many requests and bytes stand in the store as there are lines.
fn assert_counted(server: &Server) {
    let store = server.desk.file("counts.sqlite").display().to_string();
    let done = crate::program::run_in(
        server.desk.folder.path(),
        &["report", "export", "--store", &store, "--to", "json"],
        b"",
    );
    assert_eq!(done.status, 0, "{}", done.err());
    let report: serde_json::Value = serde_json::from_slice(&done.stdout).expect("JSON");
    assert_eq!(report["totals"]["requests"], server.number);
    assert_eq!(report["totals"]["bytes"], server.number * (server.number + 1) / 2);
}

#[test]
fn what_a_copy_has_more_is_read_when_a_log_is_truncated() {
    let mut server = Server::new(CONFIGURATION);
    let running = server.desk.start();
    server.write(200);
    server.desk.wait_for(200);
    running.kill();
    // While nobody looks, and again while somebody does.
    for _ in 0..2 {
        server.write(50);
        fs::copy(server.desk.file("access.log"), server.desk.file("access.log.1")).expect("ours");
        server.log.set_len(0).expect("ours");
        server.write(400);
        let running = server.desk.start();
        server.desk.wait_for(server.number as usize);
        server.write(10);
        server.desk.wait_for(server.number as usize);
        assert_eq!(running.stop(), Some(0));
    }
    server.desk.assert_each_once(server.number);
}

#[test]
fn a_log_that_was_compressed_meanwhile_is_read_on() {
    let mut server = Server::new(CONFIGURATION);
    let running = server.desk.start();
    server.write(100);
    server.desk.wait_for(100);
    running.kill();
    server.write(100);
    server.rename();
    let log = server.desk.file("access.log.1");
    let done = std::process::Command::new("gzip").arg(&log).status();
    if !done.is_ok_and(|done| done.success()) {
        let _ = writeln!(std::io::stderr(), "skipped: there is no gzip");
        return;
    }
    server.write(5);
    let running = server.desk.start();
    server.desk.wait_for(server.number as usize);
    assert_eq!(running.stop(), Some(0));
    server.desk.assert_each_once(server.number);
}

#[test]
fn files_of_a_pattern_appear_late_and_copies_are_not_read_again() {
    let configuration = CONFIGURATION.replace("access.log\"", "*.log*\"");
    let mut server = Server::new(&configuration);
    let running = server.desk.start();
    server.write(50);
    server.desk.wait_for(50);
    let mut other = String::new();
    for _ in 0..50 {
        server.number += 1;
        other += &line(server.number);
    }
    fs::write(server.desk.file("other.log"), other).expect("ours");
    server.desk.wait_for(100);
    fs::copy(server.desk.file("other.log"), server.desk.file("other.log.bak")).expect("ours");
    server.rename();
    server.write(10);
    server.desk.wait_for(server.number as usize);
    thread::sleep(Duration::from_millis(600));
    assert_eq!(running.stop(), Some(0));
    server.desk.assert_each_once(server.number);
}
