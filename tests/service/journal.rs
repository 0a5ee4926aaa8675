//! The journal as a source: through kills each entry comes out once, and what is no text comes out too.

use std::{
    collections::BTreeSet,
    fs::{self, OpenOptions},
    io::Write as _,
    os::unix::fs::PermissionsExt as _,
    process::{Command, Stdio},
    thread,
    time::Duration,
};

use crate::{
    desk::{Desk, Running, line},
    program::Dice,
    sealed::{self, ALL},
};

const CONFIGURATION: &str = r#"
policy = "baseline"
state_dir = "{}/state"
commit = "20ms"
[[source]]
kind = "journald"
unit = "nginx"
[sink]
kind = "file"
path = "{}/clean/access.jsonl"
"#;

/// In place of `journalctl`: entries stand in a file, each in a line, whose number is that of the entry.
const JOURNALCTL: &str = r#"#!/bin/sh
echo "$@" >>FOLDER/asked
[ ! -e FOLDER/broken ] || exit 1
from=0
for word in "$@"; do
    case $word in
    --cursor=*) from=${word#*;i=}; from=$((0x${from%%;*} - 1)) ;;
    esac
done
exec tail -n "+$((from + 1))" -s 0.01 -f FOLDER/journal
"#;

struct Journal {
    desk: Desk,
    number: u64,
}

impl Journal {
    fn new(configuration: &str) -> Self {
        let desk = Desk::new(configuration);
        let (program, root) = (desk.file("journalctl"), desk.folder.path().display().to_string());
        fs::write(&program, JOURNALCTL.replace("FOLDER", &root)).expect("ours");
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("ours");
        fs::write(desk.file("journal"), "").expect("ours");
        Self { desk, number: 0 }
    }

    fn write(&mut self, entries: u64) {
        let journal = OpenOptions::new().append(true).open(self.desk.file("journal"));
        let mut journal = journal.expect("ours");
        for _ in 0..entries {
            self.number += 1;
            journal.write_all(entry(self.number).as_bytes()).expect("ours");
        }
    }

    fn start(&self) -> Running {
        let log = OpenOptions::new().create(true).append(true).open(self.desk.file("service.err"));
        let path = std::env::var("PATH").unwrap_or_default();
        let mut command = self.desk.command();
        command.env("PATH", format!("{}:{path}", self.desk.folder.path().display()));
        let child = command.stdout(Stdio::null()).stderr(log.expect("ours")).spawn();
        Running(child.expect("the program starts"))
    }
}

/// As `journalctl -o json` writes it; every third message is an array, as those that are no text are.
fn entry(number: u64) -> String {
    let message = line(number);
    let message = message.trim_end();
    let message = if number.is_multiple_of(3) {
        serde_json::to_string(message.as_bytes())
    } else {
        serde_json::to_string(message)
    };
    format!(
        "{{\"__CURSOR\":\"s=0639;i={number:x};b=1f;m=4fc5;t=64a;x=feed\",\"__REALTIME_TIMESTAMP\":\"1\",\
         \"MESSAGE\":{},\"_BOOT_ID\":\"1f\"}}\n",
        message.expect("JSON")
    )
}

#[test]
fn entries_come_out_once_whenever_the_service_is_killed() {
    let mut journal = Journal::new(CONFIGURATION);
    let mut dice = Dice(5);
    for life in 0..20 {
        let running = journal.start();
        if life % 5 == 0 {
            // Others may be too short for anything.
            journal.write(10);
            journal.desk.wait_for(journal.number as usize);
        }
        for _ in 0..4 {
            journal.write(dice.below(60) as u64);
            thread::sleep(Duration::from_millis(dice.below(40) as u64));
        }
        running.kill();
        journal.write(3);
    }
    let running = journal.start();
    journal.desk.wait_for_each(journal.number);
    let asked = fs::read_to_string(journal.desk.file("asked")).expect("it was asked");
    let first = asked.lines().next().expect("it was asked");
    assert!(first.ends_with("_SYSTEMD_UNIT=nginx.service") && first.contains("--all"), "{first}");
    assert!(!first.contains("cursor") && asked.contains("--cursor=s=0000"), "{asked}");
    let state = fs::read_to_string(journal.desk.file("state/state.json")).expect("it is there");
    assert!(state.contains("_SYSTEMD_UNIT=nginx.service") && !state.contains("feed"), "{state}");
    assert_eq!(running.stop(), Some(0));
    journal.desk.assert_each_once(journal.number);
    // Another choice begins where this one is.
    journal.desk.configure(&CONFIGURATION.replace("\"nginx\"", "[\"nginx\", \"apache2.service\"]"));
    let running = journal.start();
    journal.write(5);
    journal.desk.wait_for_each(journal.number);
    assert_eq!(running.stop(), Some(0));
    journal.desk.assert_each_once(journal.number);
}

#[test]
fn a_journal_that_cannot_be_read_is_told_until_it_can() {
    let mut journal =
        Journal::new(&[CONFIGURATION, "[metrics]\nlisten = \"{}/metrics.sock\"\n"].concat());
    fs::write(journal.desk.file("broken"), "").expect("ours");
    let running = journal.start();
    let health = |journal: &Journal, expect: &str| {
        journal.desk.wait("the health", || {
            journal.desk.ask("/health").is_some_and(|text| text.contains(expect))
        });
    };
    health(&journal, "200 OK");
    health(&journal, "source 1 (journald) CANNOT be read");
    let metrics = journal.desk.ask("/metrics").expect("it answers");
    assert!(
        metrics.contains("tamis_source_failing{source=\"1\",kind=\"journald\"} 1\n"),
        "{metrics}"
    );
    fs::remove_file(journal.desk.file("broken")).expect("it is there");
    journal.write(2);
    journal.desk.wait_for_each(2);
    health(&journal, "200 OK");
    assert_eq!(running.stop(), Some(0));
    let said = fs::read_to_string(journal.desk.file("service.err")).expect("ours");
    assert!(said.contains("journalctl ends whenever it is started"), "{said}");
}

#[test]
fn counts_agree_with_records_after_kills() {
    let counts = "[counts]\nstore = \"{}/counts.sqlite\"\n";
    let mut journal = Journal::new(&[CONFIGURATION, counts].concat());
    let mut dice = Dice(6);
    for _ in 0..15 {
        let running = journal.start();
        journal.write(dice.below(90) as u64);
        thread::sleep(Duration::from_millis(dice.below(150) as u64));
        running.kill();
    }
    let running = journal.start();
    journal.write(1);
    journal.desk.wait_for_each(journal.number);
    assert_eq!(running.stop(), Some(0));
    journal.desk.assert_each_once(journal.number);
    assert_eq!(journal.desk.requests("counts.sqlite"), journal.number);
}

const SEALING: &str = "policy = \"{}/all.toml\"\nstate_dir = \"{}/state\"\ncommit = \"20ms\"\n[[source]]\n\
                       kind = \"journald\"\nidentifier = \"nginx\"\n[sink]\nkind = \"file\"\n\
                       path = \"{}/clean/access.jsonl\"\n[quarantine]\ndir = \"QUARANTINE\"\n";

#[test]
fn sealed_entries_are_all_there_after_kills() {
    let quarantine = sealed::Desk::new();
    let place = quarantine.root().display().to_string();
    let mut journal = Journal::new(&SEALING.replace("QUARANTINE", &place));
    fs::write(journal.desk.file("all.toml"), ALL).expect("ours");
    let mut dice = Dice(8);
    for _ in 0..15 {
        let running = journal.start();
        for _ in 0..3 {
            journal.write(dice.below(40) as u64);
            thread::sleep(Duration::from_millis(dice.below(60) as u64));
        }
        running.kill();
    }
    let running = journal.start();
    journal.write(1);
    let clean = || {
        let text = fs::read_to_string(journal.desk.file("clean/access.jsonl")).unwrap_or_default();
        text.lines().count() as u64
    };
    journal.desk.wait("the records", || clean() >= journal.number);
    assert_eq!(running.stop(), Some(0));
    assert_eq!(clean(), journal.number, "an entry that is sealed once more is clean only once");
    let finished: BTreeSet<_> = quarantine.opened().into_iter().map(|line| line.text).collect();
    // Sealed is what the service read: the entry, in which the line stands.
    let expect: BTreeSet<_> = (1..=journal.number).map(|it| entry(it).trim_end().into()).collect();
    let has_all = finished == expect;
    assert!(has_all, "{} of {} entries are sealed", finished.len(), journal.number);
}

#[test]
fn a_journalctl_that_ends_is_started_anew() {
    let mut journal = Journal::new(CONFIGURATION);
    let running = journal.start();
    journal.write(10);
    journal.desk.wait_for(10);
    let pid = running.0.id().to_string();
    let done = Command::new("pkill").args(["-TERM", "-P", &pid, "tail"]).status();
    if !done.is_ok_and(|done| done.success()) {
        let _ = writeln!(std::io::stderr(), "skipped: there is no pkill");
        return;
    }
    journal.write(10);
    journal.desk.wait_for_each(20);
    assert_eq!(running.stop(), Some(0));
    journal.desk.assert_each_once(20);
    let log = fs::read_to_string(journal.desk.file("service.err")).expect("it is there");
    assert!(log.contains("journalctl has ended and is started anew"), "{log}");
    assert!(!log.contains("203.0.113.77") && !log.contains("canary"), "{log}");
}

#[test]
fn without_a_journalctl_it_does_not_start() {
    let journal = Journal::new(CONFIGURATION);
    let mut command = journal.desk.command();
    let done = crate::program::finish(command.env("PATH", journal.desk.file("nowhere")), b"");
    assert_eq!(done.status, 1);
    assert!(done.err().contains("cannot start journalctl"), "{}", done.err());
}
