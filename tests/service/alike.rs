//! Files whose lines are all alike, so that beginnings tell nothing: each line comes out once all the same.

use std::{
    fs::{self, File, OpenOptions},
    io::Write as _,
    process::Command,
    thread,
    time::Duration,
};

use crate::{
    desk::{Desk, Running, line},
    sealed::say_loudly,
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
"#;

/// A server whose lines are all the same, and somebody who rotates its log.
struct Server {
    desk: Desk,
    log: File,
    count: usize,
}

impl Server {
    fn new(configuration: &str) -> Self {
        let desk = Desk::new(configuration);
        fs::create_dir(desk.file("clean")).expect("ours");
        let log = open(&desk);
        Self { desk, log, count: 0 }
    }

    fn write(&mut self, lines: usize) {
        self.count += lines;
        self.log.write_all(line(1).repeat(lines).as_bytes()).expect("ours");
    }

    /// Each of the earlier logs gets the next number, as far as `kept` of them.
    fn shift(&self, kept: usize) {
        let _ = fs::remove_file(self.desk.file(&format!("access.log.{kept}")));
        for number in (1..kept).rev() {
            for ending in ["", ".gz"] {
                let from = self.desk.file(&format!("access.log.{number}{ending}"));
                if from.exists() {
                    let to = self.desk.file(&format!("access.log.{}{ending}", number + 1));
                    fs::rename(from, to).expect("ours");
                }
            }
        }
    }

    fn rename(&mut self, kept: usize) {
        self.shift(kept);
        fs::rename(self.desk.file("access.log"), self.desk.file("access.log.1")).expect("ours");
        self.log = open(&self.desk);
    }

    fn copy_and_truncate(&mut self) {
        self.shift(20);
        fs::copy(self.desk.file("access.log"), self.desk.file("access.log.1")).expect("ours");
        self.log.set_len(0).expect("ours");
    }

    /// Whether there was somebody to do it.
    fn compress(&self, number: usize) -> bool {
        let log = self.desk.file(&format!("access.log.{number}"));
        let done = Command::new("gzip").arg(log).status().is_ok_and(|done| done.success());
        if !done {
            say_loudly("skipped: there is no gzip");
        }
        done
    }

    fn records(&self) -> usize {
        self.desk.numbers().values().sum()
    }

    fn wait(&self) {
        self.desk.wait("all lines", || self.records() >= self.count);
    }

    /// Stops the service and fails unless there is a record for each line.
    #[track_caller]
    fn end(&self, running: Running) {
        self.wait();
        // What is taken for a copy, or for none, is looked at once more.
        thread::sleep(Duration::from_millis(600));
        assert_eq!(running.stop(), Some(0));
        let log = fs::read_to_string(self.desk.file("service.err")).unwrap_or_default();
        assert_eq!(self.records(), self.count, "{log}");
    }
}

fn open(desk: &Desk) -> File {
    OpenOptions::new().create(true).append(true).open(desk.file("access.log")).expect("ours")
}

fn pattern() -> String {
    CONFIGURATION.replace("access.log\"", "access.log*\"")
}

fn rotated_three_times(configuration: &str, is_down: bool, kept: usize) {
    let mut server = Server::new(configuration);
    let mut running = server.desk.start();
    server.write(40);
    server.wait();
    if is_down {
        running.0.kill().and_then(|()| running.0.wait()).expect("it runs");
    }
    server.write(40);
    for _ in 0..3 {
        server.rename(kept);
        server.write(80);
        if !is_down {
            thread::sleep(Duration::from_millis(300));
        }
    }
    if is_down {
        running = server.desk.start();
    }
    server.end(running);
}

#[test]
fn three_rotated_files_with_all_lines_equal() {
    rotated_three_times(CONFIGURATION, false, 20);
}

#[test]
fn three_rotated_files_with_all_lines_equal_while_the_service_is_down() {
    rotated_three_times(CONFIGURATION, true, 20);
}

#[test]
fn three_rotated_files_with_all_lines_equal_and_the_oldest_removed() {
    rotated_three_times(CONFIGURATION, false, 2);
}

#[test]
fn three_rotated_files_with_all_lines_equal_of_a_pattern() {
    rotated_three_times(&pattern(), false, 20);
    rotated_three_times(&pattern(), true, 20);
}

#[test]
fn faster_rotation_than_anybody_looks_with_all_lines_equal() {
    for configuration in [CONFIGURATION.to_owned(), pattern()] {
        let mut server = Server::new(&configuration);
        let running = server.desk.start();
        server.write(40);
        server.wait();
        for _ in 0..12 {
            server.rename(20);
            server.write(80);
        }
        server.end(running);
    }
}

#[test]
fn copytruncate_with_all_lines_equal() {
    for configuration in [CONFIGURATION.to_owned(), pattern()] {
        let mut server = Server::new(&configuration);
        let running = server.desk.start();
        server.write(200);
        server.wait();
        for _ in 0..3 {
            server.write(50);
            server.copy_and_truncate();
            server.write(60);
            server.wait();
            server.write(120);
            server.wait();
        }
        server.end(running);
    }
}

#[test]
fn copytruncate_with_all_lines_equal_while_the_service_is_down() {
    for lines in [0, 60, 220] {
        let mut server = Server::new(CONFIGURATION);
        let running = server.desk.start();
        server.write(200);
        server.wait();
        running.kill();
        server.write(50);
        server.copy_and_truncate();
        // Also more than was read before, but not as much as the copy has.
        server.write(lines);
        let running = server.desk.start();
        server.wait();
        server.write(5);
        server.end(running);
    }
}

#[test]
fn gzip_of_one_of_several_files_alike_while_the_service_is_down() {
    let mut server = Server::new(CONFIGURATION);
    let running = server.desk.start();
    server.write(80);
    server.wait();
    server.rename(20);
    server.write(80);
    server.wait();
    running.kill();
    if !server.compress(1) {
        return;
    }
    // The second is rotated and compressed too, with more than was read of it.
    server.write(20);
    server.rename(20);
    if !server.compress(1) {
        return;
    }
    server.write(90);
    let running = server.desk.start();
    server.wait();
    server.write(5);
    server.end(running);
}

#[test]
fn gzip_of_one_of_several_files_alike_while_the_service_runs() {
    for configuration in [CONFIGURATION.to_owned(), pattern()] {
        let mut server = Server::new(&configuration);
        let running = server.desk.start();
        server.write(80);
        server.wait();
        for _ in 0..3 {
            server.rename(20);
            server.write(80);
            server.wait();
            if !server.compress(1) {
                return;
            }
            server.write(20);
        }
        server.wait();
        running.kill();
        let running = server.desk.start();
        server.write(10);
        server.end(running);
    }
}

#[test]
fn a_kill_while_a_compressed_log_is_read_on_loses_nothing() {
    let mut server = Server::new(CONFIGURATION);
    let running = server.desk.start();
    server.write(100);
    server.wait();
    running.kill();
    server.write(60_000);
    server.rename(20);
    if !server.compress(1) {
        return;
    }
    server.write(5);
    for _ in 0..3 {
        let running = server.desk.start();
        let before = server.records();
        server
            .desk
            .wait("a part", || server.records() > before || server.records() >= server.count);
        running.kill();
        // It gets another name in between.
        server.shift(20);
    }
    let running = server.desk.start();
    server.end(running);
}

#[test]
fn a_log_that_is_replaced_by_a_longer_one_is_read_on() {
    for is_down in [false, true] {
        let mut server = Server::new(CONFIGURATION);
        let mut running = server.desk.start();
        server.write(100);
        server.wait();
        if is_down {
            running.0.kill().and_then(|()| running.0.wait()).expect("it runs");
        }
        // As rsync does: a whole file takes the place of the old one.
        let more =
            [fs::read(server.desk.file("access.log")).expect("ours"), line(1).repeat(30).into()];
        fs::write(server.desk.file("new"), more.concat()).expect("ours");
        fs::rename(server.desk.file("new"), server.desk.file("access.log")).expect("ours");
        server.log = open(&server.desk);
        server.count += 30;
        if is_down {
            running = server.desk.start();
        }
        server.wait();
        server.write(10);
        server.end(running);
    }
}

#[test]
fn a_log_that_was_unpacked_again_is_not_read_again() {
    let mut server = Server::new(CONFIGURATION);
    let running = server.desk.start();
    server.write(100);
    server.wait();
    server.rename(20);
    server.write(50);
    server.wait();
    if !server.compress(1) {
        return;
    }
    let log = server.desk.file("access.log.1");
    let done = Command::new("gzip").arg("-d").arg(log).status().expect("it was there");
    assert!(done.success());
    thread::sleep(Duration::from_millis(600));
    fs::copy(server.desk.file("access.log.1"), server.desk.file("access.log.1.bak")).expect("ours");
    fs::copy(server.desk.file("access.log"), server.desk.file("access.log.bak")).expect("ours");
    thread::sleep(Duration::from_millis(600));
    server.write(10);
    server.end(running);
}

#[test]
fn two_logs_of_a_pattern_that_are_alike_are_both_read() {
    let configuration = CONFIGURATION.replace("access.log\"", "*.log\"");
    let mut server = Server::new(&configuration);
    let running = server.desk.start();
    server.write(100);
    server.wait();
    // A site of its own, with a name of its own.
    fs::copy(server.desk.file("access.log"), server.desk.file("shop.log")).expect("ours");
    server.count += 100;
    server.end(running);
}

#[test]
fn a_log_that_is_removed_and_begun_anew_under_the_same_inode_is_read() {
    let mut server = Server::new(CONFIGURATION);
    let mut running = server.desk.start();
    for is_down in [false, true, false, true] {
        server.write(100);
        server.wait();
        if is_down {
            assert_eq!(running.stop(), Some(0));
            fs::remove_file(server.desk.file("access.log")).expect("ours");
            server.log = open(&server.desk);
            server.write(60);
            running = server.desk.start();
        } else {
            fs::remove_file(server.desk.file("access.log")).expect("ours");
            server.log = open(&server.desk);
            server.write(60);
        }
        server.wait();
    }
    server.end(running);
}

#[test]
fn a_log_under_the_inode_of_a_copy_is_read() {
    let mut server = Server::new(CONFIGURATION);
    let running = server.desk.start();
    server.write(100);
    server.wait();
    for _ in 0..3 {
        let (log, copy) = (server.desk.file("access.log"), server.desk.file("access.log.bak"));
        fs::copy(&log, &copy).expect("ours");
        thread::sleep(Duration::from_millis(400));
        // Often the new log gets the inode of what was removed last.
        server.shift(20);
        fs::rename(&log, server.desk.file("access.log.1")).expect("ours");
        fs::remove_file(&copy).expect("ours");
        server.log = open(&server.desk);
        server.write(100);
        server.wait();
    }
    server.end(running);
}
