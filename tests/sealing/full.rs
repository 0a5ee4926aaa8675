//! A disk that is really full: a small file system in memory, where this may be mounted.

use std::{
    io::{BufRead as _, BufReader},
    process::{Command, Stdio},
};

use crate::{
    desk::{ALL, Desk},
    program::{Dice, TAMIS, done},
};

/// A small file system for a quarantine, unmounted in the end.
struct Small {
    desk: Desk,
    place: String,
}

impl Small {
    /// Nothing where this may not mount, and then it says so.
    fn new() -> Option<Self> {
        let mut is_mounted = false;
        let mut place = String::new();
        let desk = Desk::at(|folder| {
            let path = folder.file("small");
            std::fs::create_dir(&path).expect("ours");
            place = path.display().to_string();
            is_mounted = mount(&["-t", "tmpfs", "-o", "size=4m,mode=700", "tmpfs", &place]);
            path.join("quarantine")
        });
        if !is_mounted {
            crate::desk::say_loudly(
                "SKIPPED: no file system can be mounted here, so no disk is full; try it as root",
            );
            return None;
        }
        Some(Self { desk, place })
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        let _ = Command::new("umount").args(["-l", &self.place]).status();
    }
}

fn mount(args: &[&str]) -> bool {
    let mut command = Command::new("mount");
    command.args(args).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

const LINES: usize = 40_000;

/// A log of more than fits, however it is compressed.
fn log() -> String {
    let mut dice = Dice(11);
    let letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    (0..LINES)
        .map(|_| {
            let path = dice.text(letters, 220);
            format!(
                "203.0.113.9 - - [22/Nov/2026:14:05:37 +0000] \"GET /{path} HTTP/1.1\" 200 512\n"
            )
        })
        .collect()
}

#[test]
fn a_full_disk_is_waited_for_and_said_once() {
    let Some(small) = Small::new() else { return };
    let desk = &small.desk;
    desk.write("all.toml", ALL);
    desk.write("access.log", log());
    let mut command = Command::new(TAMIS);
    command
        .args(["--policy", "all.toml", "--quarantine", "small/quarantine", "access.log"])
        .current_dir(desk.folder.path())
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    let mut child = command.spawn().expect("the program starts");
    let mut messages = BufReader::new(child.stderr.take().expect("piped above"));
    let mut message = String::new();
    messages.read_line(&mut message).expect("it says something");
    assert!(message.contains("no room for the quarantine"), "{message}");
    assert!(mount(&["-o", "remount,size=64m", &small.place]));
    let ended = done(child.wait_with_output().expect("the program ends"));
    let mut rest = String::new();
    messages.read_line(&mut rest).expect("it is text");
    assert_eq!((ended.status, rest.as_str()), (0, ""));
    assert_eq!(desk.opened().len(), LINES);
    assert!(desk.told("gap").is_empty() && desk.told("torn").is_empty());
}

#[test]
fn a_full_disk_sheds_lines_where_the_policy_says_so() {
    let Some(small) = Small::new() else { return };
    let desk = &small.desk;
    desk.write("all.toml", format!("{ALL}on_full = \"shed\"\n"));
    desk.write("access.log", log());
    let args = ["--policy", "all.toml", "--quarantine", "small/quarantine", "access.log"];
    let done = desk.run(&[&args[..], &["--summary", "json"]].concat(), b"");
    assert_eq!(done.status, 0, "{}", done.err());
    let (sealed, opened) = (done.summary()["sealed"].as_u64(), desk.opened());
    assert_eq!(sealed, Some(opened.len() as u64));
    assert!((1_000..LINES).contains(&opened.len()), "{} lines", opened.len());
    let told: u64 = desk.told("gap").iter().filter_map(|gap| gap["lines"].as_u64()).sum();
    assert_eq!(told as usize, LINES - opened.len());
    assert!(desk.told("torn").is_empty());
}
