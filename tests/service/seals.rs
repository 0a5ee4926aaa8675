//! Lines that are sealed survive kills too: none is missing from what can be opened, and none is in the clear.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::{self, File, OpenOptions},
    io::Write as _,
    os::unix::net::UnixStream,
    process::{Command, Stdio},
    thread,
    time::Duration,
};

use crate::{
    desk::{Running, line},
    program::{Dice, TAMIS},
    sealed::{ALL, Desk, say_loudly},
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

/// A quarantine, with a service beside it that seals all lines.
fn desk() -> Desk {
    let desk = Desk::new();
    let root = desk.folder.path().display().to_string();
    let configuration = CONFIGURATION.replace("QUARANTINE", &desk.root().display().to_string());
    desk.write("tamis.toml", configuration.replace("{}", &root));
    desk.write("all.toml", ALL);
    desk
}

/// Starts the service; what it says goes to a file.
fn serve(desk: &Desk, said: File) -> Running {
    let mut command = Command::new(TAMIS);
    command.args(["serve", "--config"]).arg(desk.folder.file("tamis.toml"));
    command.env_remove("NOTIFY_SOCKET").stdin(Stdio::null()).stdout(Stdio::null());
    Running(command.stderr(said).spawn().expect("the program starts"))
}

#[test]
fn sealed_lines_are_all_there_after_kills() {
    let desk = desk();
    let log = desk.folder.file("access.log");
    let start = || {
        let log = OpenOptions::new().create(true).append(true).open(desk.folder.file("err"));
        serve(&desk, log.expect("ours"))
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

const LOOK_BACK: &str = r#"
policy = "{}/behaviour.toml"
state_dir = "{}/state"
commit = "20ms"
[[source]]
kind = "unix-stream"
listen = "{}/log.sock"
format = "combined"
[sink]
kind = "file"
path = "{}/clean/access.jsonl"
rotate = { bytes = "1KiB" }
[quarantine]
dir = "QUARANTINE"
look_back = { minutes = 5, bytes = "1MiB" }
[metrics]
listen = "{}/metrics.sock"
"#;

/// A line of a visitor, at a second of a minute.
fn visit(address: &str, second: u64, path: &str, status: u16) -> String {
    let agent = "Mozilla/5.0 (X11; Linux x86_64; rv:127.0) Gecko/20100101 Firefox/127.0";
    let time = format!("22/Nov/2026:14:05:{second:02} +0000");
    format!("{address} - - [{time}] \"GET {path} HTTP/1.1\" {status} 5 \"-\" \"{agent}\"\n")
}

#[test]
fn what_a_visitor_did_before_it_was_marked_is_sealed_too() {
    let sealed = Desk::new();
    let desk = crate::desk::Desk::new("");
    let policy = ALL.replace("seal = [\"all\"]", "seal = [\"behaviour\"]");
    fs::write(desk.file("behaviour.toml"), policy).expect("ours");
    desk.configure(&LOOK_BACK.replace("QUARANTINE", &sealed.root().display().to_string()));
    fs::create_dir(desk.file("clean")).expect("ours");
    let running = desk.start();
    desk.wait("the start", || desk.ask("/health").is_some_and(|text| text.contains("200 OK")));
    if fs::read_to_string(desk.file("service.err")).expect("ours").contains("look_back is off") {
        return say_loudly("SKIPPED: no memory can be locked here, so nothing is remembered");
    }
    let records = || -> usize {
        let files = fs::read_dir(desk.file("clean")).expect("ours").flatten();
        files.map(|file| fs::read_to_string(file.path()).unwrap_or_default().lines().count()).sum()
    };
    let (mut sent, mut of_marked) = (0, Vec::new());
    let mut stream = UnixStream::connect(desk.file("log.sock")).expect("it listens");
    for second in 0..40 {
        // Somebody who looks at three pages, and then for what is not there; and somebody who does not.
        let (path, status) =
            if second < 3 { ("/", 200) } else { (&*format!("/missing/{second}.php"), 404) };
        let marked = visit("203.0.113.9", second, path, status);
        stream.write_all(marked.as_bytes()).expect("it reads");
        stream.write_all(visit("198.51.100.7", second, "/", 200).as_bytes()).expect("it reads");
        of_marked.push(marked.trim_end().as_bytes().to_vec());
        sent += 2;
        // One block for each, so that what came before is only remembered.
        desk.wait("the records", || records() == sent);
    }
    let code = running.stop();
    assert_eq!(code, Some(0), "{}", fs::read_to_string(desk.file("service.err")).expect("ours"));
    assert_eq!(records(), sent);
    let mut opened: Vec<_> = sealed.opened().into_iter().map(|line| line.text).collect();
    opened.sort();
    of_marked.sort();
    assert!(
        opened == of_marked,
        "{} of {} lines are sealed, each once",
        opened.len(),
        of_marked.len()
    );
    sealed.assert_without(&[b"203.0.113.9", b"198.51.100.7", b"missing"]);
}

/// What was clean before a kill and not yet sealed was not sealed from the copy.
#[test]
fn a_log_that_is_truncated_while_its_lines_are_sealed_after_a_kill_is_sealed_from_its_copy() {
    const LINES: u64 = 60_000;
    let desk = desk();
    let log = desk.folder.file("access.log");
    fs::write(&log, (1..=LINES).map(line).collect::<String>()).expect("ours");
    let start = || serve(&desk, File::create(desk.folder.file("err")).expect("ours"));
    let wait = |what: &str, is_it: &dyn Fn() -> bool| {
        for _ in 0..60_000 {
            if is_it() {
                return;
            }
            thread::sleep(Duration::from_millis(2));
        }
        panic!("{what} did not come");
    };
    let read = |name| fs::read_to_string(desk.folder.file(name)).unwrap_or_default();
    let records = || read("clean.jsonl").bytes().filter(|byte| *byte == b'\n').count() as u64;
    let running = start();
    wait("the records", &|| records() == LINES);
    running.kill();
    let running = start();
    wait("the start", &|| read("err").contains("started"));
    fs::copy(&log, desk.folder.file("access.log.1")).expect("ours");
    let mut log = OpenOptions::new().append(true).open(&log).expect("ours");
    log.set_len(0).expect("ours");
    for number in LINES + 1..=LINES + 10 {
        log.write_all(line(number).as_bytes()).expect("ours");
    }
    wait("the records", &|| records() == LINES + 10);
    assert_eq!(running.stop(), Some(0));
    // What is sealed once more has no sign but the state.
    let is_sealed = || {
        let state: serde_json::Value =
            serde_json::from_str(&read("state/state.json")).expect("JSON");
        let files = state["committed"]["files"].as_object().expect("files");
        files.values().all(|file| file["sealed"]["offset"] == file["place"]["offset"])
    };
    for _ in 0..60 {
        if is_sealed() {
            break;
        }
        let running = start();
        wait("the start", &|| read("err").contains("started"));
        thread::sleep(Duration::from_secs(1));
        assert_eq!(running.stop(), Some(0));
    }
    assert_eq!(records(), LINES + 10);
    assert_sealed(&desk, LINES + 10);
}
