//! A service whose log is renamed, copied and truncated, and compressed in turn, while it is killed again and again or
//! faster than it looks: each line is clean once, counted once, and sealed, in one place of one file.

use std::{
    fs::{self, File, OpenOptions},
    io::Write as _,
    process::Command,
    thread,
    time::{Duration, Instant},
};

use crate::{
    desk::{Desk, line},
    program::{Dice, run_in},
    sealed::{ALL, Desk as Sealed, say_loudly},
    seals::assert_sealed,
};

const CONFIGURATION: &str = r#"
policy = "{}/all.toml"
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
[counts]
store = "{}/counts.sqlite"
[quarantine]
dir = "QUARANTINE"
"#;

/// How many earlier logs are kept: more than come between two stops, for what is to be sealed is sealed by then.
const KEPT: usize = 80;
/// How long something may take that is asserted: a loaded machine is slow, and nothing is measured here.
const PATIENCE: Duration = Duration::from_secs(60);

/// How often the service is killed: a hundred times, or as often as TAMIS_KILLS says.
fn kills() -> usize {
    std::env::var("TAMIS_KILLS").ok().and_then(|kills| kills.parse().ok()).unwrap_or(100)
}

/// A server that writes numbered lines, and somebody who rotates its log in all ways.
struct Server {
    desk: Desk,
    sealed: Sealed,
    log: File,
    number: u64,
    /// Of the earlier logs, the latest first: whether the service has seen it, and whether it is compressed.
    earlier: Vec<(bool, bool)>,
    is_seen: bool,
    /// How often each way was gone, and all that was done.
    ways: [usize; 3],
    history: Vec<String>,
}

impl Server {
    fn new() -> Self {
        let sealed = Sealed::in_memory();
        let root = sealed.root().display().to_string();
        let desk = Desk::new(&CONFIGURATION.replace("QUARANTINE", &root));
        let policy = ALL.replace("status = true", "status = true\nbytes = { exact = \"always\" }");
        let policy = policy + "[counts]\ntables = [\"day\", \"status\"]\n";
        fs::write(desk.file("all.toml"), policy).expect("ours");
        fs::create_dir(desk.file("clean")).expect("ours");
        let log = open(&desk);
        Self {
            desk,
            sealed,
            log,
            number: 0,
            earlier: Vec::new(),
            is_seen: false,
            ways: [0; 3],
            history: Vec::new(),
        }
    }

    fn write(&mut self, lines: usize) {
        for _ in 0..lines {
            self.number += 1;
            let text = line(self.number);
            // Now and then a line comes in two pieces.
            let (first, rest) = text.split_at(if self.number.is_multiple_of(7) { 30 } else { 0 });
            self.log.write_all(first.as_bytes()).expect("ours");
            self.log.write_all(rest.as_bytes()).expect("ours");
        }
    }

    fn name(&self, number: usize, is_packed: bool) -> std::path::PathBuf {
        self.desk.file(&format!("access.log.{number}{}", if is_packed { ".gz" } else { "" }))
    }

    /// Each earlier log gets the next number; the oldest goes.
    fn shift(&mut self) {
        for (index, (_, is_packed)) in self.earlier.iter().enumerate().rev() {
            let from = self.name(index + 1, *is_packed);
            if index + 1 == KEPT {
                fs::remove_file(from).expect("ours");
            } else {
                fs::rename(from, self.name(index + 2, *is_packed)).expect("ours");
            }
        }
        self.earlier.insert(0, (self.is_seen, false));
        self.earlier.truncate(KEPT);
        self.is_seen = false;
    }

    fn rotate(&mut self, dice: &mut Dice) {
        let way = dice.below(3);
        self.ways[way] += 1;
        self.history.push(format!("{} lines, then rotated, way {way}", self.number));
        match way {
            0 => {
                self.shift();
                fs::rename(self.desk.file("access.log"), self.name(1, false)).expect("ours");
                // A server goes on with the old file until it is told.
                self.write(3);
                self.log = open(&self.desk);
            }
            1 => {
                self.shift();
                fs::copy(self.desk.file("access.log"), self.name(1, false)).expect("ours");
                self.log.set_len(0).expect("ours");
            }
            // What nobody has seen cannot be found again once it is compressed.
            _ => {
                let seen = self.earlier.iter().position(|log| *log == (true, false));
                let Some(index) = seen else { return };
                let done = Command::new("gzip").arg(self.name(index + 1, false)).status();
                assert!(done.is_ok_and(|done| done.success()));
                self.earlier[index].1 = true;
            }
        }
    }

    /// How many records there are, without looking at them.
    fn records(&self) -> u64 {
        let mut count = 0;
        for entry in fs::read_dir(self.desk.file("clean")).expect("ours").flatten() {
            let text = fs::read(entry.path()).unwrap_or_default();
            count += text.iter().filter(|byte| **byte == b'\n').count() as u64;
        }
        count
    }

    /// Waits until all is clean and nothing is twice, or says what is not and what was done.
    #[track_caller]
    fn wait(&self) {
        let since = Instant::now();
        // While an output is rotated it may be missed, or read under both of its names.
        while self.records() < self.number || !self.is_each_once() {
            if since.elapsed() > PATIENCE {
                say_loudly(&self.history.join("\n"));
                say_loudly(&fs::read_to_string(self.desk.file("state/state.json")).expect("ours"));
                self.desk.assert_each_once(self.number);
            }
            thread::sleep(Duration::from_millis(20));
        }
    }

    fn is_each_once(&self) -> bool {
        let numbers = self.desk.numbers();
        numbers.len() as u64 == self.number && numbers.values().all(|times| *times == 1)
    }

    fn assert_counted(&self) {
        let store = self.desk.file("counts.sqlite").display().to_string();
        let args = ["report", "export", "--store", &store, "--to", "json"];
        let done = run_in(self.desk.folder.path(), &args, b"");
        assert_eq!(done.status, 0, "{}", done.err());
        let report: serde_json::Value = serde_json::from_slice(&done.stdout).expect("JSON");
        assert_eq!(report["totals"]["requests"], self.number);
        assert_eq!(report["totals"]["bytes"], self.number * (self.number + 1) / 2);
    }
}

/// How often logs are rotated in a row faster than they are looked at: sixty times, or as often as TAMIS_STORMS says.
fn storms() -> usize {
    std::env::var("TAMIS_STORMS").ok().and_then(|storms| storms.parse().ok()).unwrap_or(60)
}

fn open(desk: &Desk) -> File {
    OpenOptions::new().create(true).append(true).open(desk.file("access.log")).expect("ours")
}

#[test]
fn each_line_is_clean_once_counted_once_and_sealed_after_kills_and_all_rotations() {
    if Command::new("gzip").arg("--version").output().is_err() {
        return say_loudly("SKIPPED: there is no gzip");
    }
    let since = Instant::now();
    let mut server = Server::new();
    let mut dice = Dice(5);
    // A service that begins knows nothing of what was rotated away before.
    let running = server.desk.start();
    server.write(1);
    server.wait();
    running.kill();
    let kills = kills();
    for kill in 0..kills {
        server.desk.forget_what_was_said();
        let mut running = server.desk.start();
        if kill % 10 == 9 {
            // Most lives are too short for much. Now and then all is read, and what is to be sealed is sealed.
            // With a line in each log: nobody can have seen the beginning of an empty one.
            server.write(1);
            server.wait();
            assert_eq!(running.stop(), Some(0));
            server.is_seen = true;
            server.earlier.iter_mut().for_each(|log| log.0 = true);
            server.desk.forget_what_was_said();
            running = server.desk.start();
        }
        if dice.below(2) == 0 {
            // Half of the lives are killed while they begin.
            server.desk.wait_for_start();
        }
        for _ in 0..1 + dice.below(6) {
            server.write(dice.below(60));
            if dice.below(4) == 0 {
                server.rotate(&mut dice);
            }
            thread::sleep(Duration::from_millis(dice.below(25) as u64));
        }
        running.kill();
        server.history.push(format!("{} lines, then killed", server.number));
        if dice.below(3) == 0 {
            server.write(5);
            server.rotate(&mut dice);
        }
    }
    let running = server.desk.start();
    server.write(1);
    server.wait();
    assert_eq!(running.stop(), Some(0));
    server.desk.assert_each_once(server.number);
    server.assert_counted();
    let twice = assert_sealed(&server.sealed, server.number);
    server.sealed.assert_without(&[b"canary", b"203.0.113.77"]);
    let [renamed, truncated, packed] = server.ways;
    say_loudly(&format!(
        "{kills} kills, {} lines, {renamed} renamed, {truncated} copied and truncated, {packed} compressed: 0 lost, 0 \
         twice, {twice} sealed twice, {} s",
        server.number,
        since.elapsed().as_secs()
    ));
}

/// A log that had another name when it was opened than when it was looked at was read twice, another one not at all.
#[test]
fn each_line_is_clean_once_where_logs_are_renamed_while_they_are_looked_at() {
    survive_storms(false);
}

/// The copy of a log that was truncated, and renamed before anybody looked, was taken for a log of its own.
#[test]
fn each_line_is_clean_once_where_logs_are_rotated_while_the_service_stands_still() {
    survive_storms(true);
}

/// Rotates logs several times in a row, while the service runs or while it stands still.
fn survive_storms(stands_still: bool) {
    if Command::new("gzip").arg("--version").output().is_err() {
        return say_loudly("SKIPPED: there is no gzip");
    }
    let since = Instant::now();
    let mut server = Server::new();
    let mut dice = Dice(7);
    let running = server.desk.start();
    server.write(1);
    server.wait();
    let storms = storms();
    for _ in 0..storms {
        if stands_still {
            running.signal("-STOP");
        }
        for _ in 0..2 + dice.below(9) {
            server.write(1 + dice.below(40));
            server.rotate(&mut dice);
            if !stands_still {
                thread::sleep(Duration::from_millis(dice.below(60) as u64));
            }
        }
        server.write(1);
        if stands_still {
            // So long that it looks which files there are before it reads what it has.
            thread::sleep(Duration::from_millis(300));
            running.signal("-CONT");
        }
        server.wait();
    }
    assert_eq!(running.stop(), Some(0));
    server.desk.assert_each_once(server.number);
    server.assert_counted();
    assert_sealed(&server.sealed, server.number);
    say_loudly(&format!(
        "{storms} storms, {} lines: 0 lost, 0 twice, {} s",
        server.number,
        since.elapsed().as_secs()
    ));
}
