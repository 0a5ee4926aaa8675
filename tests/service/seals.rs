//! Lines that are sealed survive kills too: none is missing from what can be opened, and none is in the clear.

use std::{
    collections::{BTreeMap, BTreeSet},
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

/// Fails unless each number up to `count` is in a finished segment, with one place in one file however often. Says how
/// many lines are there more than once.
pub(crate) fn assert_sealed(desk: &Desk, count: u64) -> usize {
    let mut places: BTreeMap<u64, BTreeSet<(String, u64)>> = BTreeMap::new();
    let (mut offset, mut lines) = (0, 0);
    for line in desk.opened() {
        if line.ordinal == 0 {
            offset = line.at.expect("a file has places");
        }
        let text = str::from_utf8(&line.text).expect("ours");
        let number = text.split("\" 200 ").nth(1).and_then(|rest| rest.split(' ').next());
        let number = number.and_then(|number| number.parse().ok()).expect("it is numbered");
        places.entry(number).or_default().insert((line.source, offset));
        offset += line.text.len() as u64 + 1;
        lines += 1;
    }
    let lost: Vec<_> = (1..=count).filter(|number| !places.contains_key(number)).take(9).collect();
    assert!(lost.is_empty() && places.len() as u64 == count, "not sealed: {lost:?}");
    let apart: Vec<_> = places.iter().filter(|(_, places)| places.len() > 1).take(9).collect();
    assert!(apart.is_empty(), "nothing tells that these are the same: {apart:?}");
    lines - places.len()
}

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
    let _ = fs::remove_file(desk.folder.file("err"));
    let running = start();
    for _ in 0..3_000 {
        let said = fs::read_to_string(desk.folder.file("err")).unwrap_or_default();
        if clean() >= number && said.contains("started") {
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
    assert_sealed(&desk, number);
    desk.assert_without(&[b"canary", b"203.0.113.77"]);
}
