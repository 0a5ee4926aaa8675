//! Lines that are sealed survive kills too: none is missing from what can be opened, and none is in the clear.

use std::{
    collections::BTreeSet,
    fs::{self, OpenOptions},
    io::Write as _,
    process::{Command, Stdio},
    thread,
    time::Duration,
};

use crate::{
    desk::{Running, line},
    program::{Dice, TAMIS},
    sealed::{ALL, Desk},
};

const CONFIGURATION: &str = r#"
policy = "{}/all.toml"
state_dir = "{}/state"
commit = "20ms"
[[source]]
kind = "file"
path = "{}/access.log"
[sink]
kind = "file"
path = "{}/clean.jsonl"
[quarantine]
dir = "QUARANTINE"
"#;

#[test]
fn sealed_lines_are_all_there_after_kills() {
    let desk = Desk::new();
    let root = desk.folder.path().display().to_string();
    let configuration = CONFIGURATION.replace("QUARANTINE", &desk.root().display().to_string());
    desk.write("tamis.toml", configuration.replace("{}", &root));
    desk.write("all.toml", ALL);
    let log = desk.folder.file("access.log");
    let start = || {
        let mut command = Command::new(TAMIS);
        command.args(["serve", "--config"]).arg(desk.folder.file("tamis.toml"));
        command.env_remove("NOTIFY_SOCKET").stdin(Stdio::null()).stdout(Stdio::null());
        let log = OpenOptions::new().create(true).append(true).open(desk.folder.file("err"));
        Running(command.stderr(log.expect("ours")).spawn().expect("the program starts"))
    };
    let clean = || {
        let text = fs::read_to_string(desk.folder.file("clean.jsonl")).unwrap_or_default();
        text.lines().count() as u64
    };
    let mut file = OpenOptions::new().create(true).append(true).open(&log).expect("ours");
    let (mut dice, mut number) = (Dice(3), 0);
    for _ in 0..30 {
        let running = start();
        for _ in 0..4 {
            for _ in 0..dice.below(40) {
                number += 1;
                file.write_all(line(number).as_bytes()).expect("ours");
            }
            thread::sleep(Duration::from_millis(dice.below(40) as u64));
        }
        running.kill();
    }
    let running = start();
    for _ in 0..3_000 {
        if clean() >= number {
            break;
        }
        thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(
        running.stop(),
        Some(0),
        "{}",
        fs::read_to_string(desk.folder.file("err")).expect("ours")
    );
    assert_eq!(clean(), number, "a line that is sealed once more is clean only once");
    let lines = desk.opened().into_iter().chain(desk.opened_torn());
    let texts: BTreeSet<_> = lines.map(|line| line.text).collect();
    let expect: BTreeSet<_> =
        (1..=number).map(|number| line(number).trim_end().as_bytes().to_vec()).collect();
    assert!(texts == expect, "{} of {number} lines can be opened", texts.len());
    let finished: BTreeSet<_> = desk.opened().into_iter().map(|line| line.text).collect();
    assert!(finished == expect, "{} of {number} lines are in finished segments", finished.len());
    desk.assert_without(&[b"canary", b"203.0.113.77"]);
}
