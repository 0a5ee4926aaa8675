//! Full disks: a small file system in memory for each of the places that the service writes to, in turn. Lines wait in
//! their file, it is told where there is no room, and once there is, each line comes out once.

use std::{
    fs::{self, OpenOptions},
    io::{ErrorKind, Write as _},
    os::unix::net::UnixDatagram,
    path::PathBuf,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use crate::{
    desk::Running,
    program::{Dice, run_in},
    sealed::{ALL, Desk as Sealed, say_loudly},
};

const CONFIGURATION: &str = r#"
policy = "{}/all.toml"
state_dir = "STATE/state"
commit = "20ms"
threads = 2
[[source]]
kind = "file"
path = "{}/access.log"
[sink]
kind = "file"
path = "OUTPUT/clean/access.jsonl"
rotate = { bytes = "200KiB" }
[counts]
store = "COUNTS/counts.sqlite"
[quarantine]
dir = "QUARANTINE"
[metrics]
listen = "{}/metrics.sock"
"#;

/// How long a service may take to end that was asked to and waits for room: it waits five seconds for that.
const END: Duration = Duration::from_secs(50);

/// A service of which one place lies on a small disk.
struct Stage {
    sealed: Sealed,
    desk: crate::desk::Desk,
    small: PathBuf,
    number: u64,
    dice: Dice,
    what: &'static str,
}

impl Stage {
    /// Nothing where this may not mount, and then it says so.
    fn new(what: &'static str, policy: &str) -> Option<Self> {
        let desk = crate::desk::Desk::new("");
        let small = desk.file("small");
        fs::create_dir(&small).expect("ours");
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", "size=6m,mode=700", "tmpfs"]).arg(&small);
        mount.stdout(Stdio::null()).stderr(Stdio::null());
        if !mount.status().is_ok_and(|status| status.success()) {
            say_loudly(
                "SKIPPED: no file system can be mounted here, so no disk is full; try it as root",
            );
            return None;
        }
        let at = |place: &str| if what == place { small.clone() } else { desk.file("") };
        let root = at("quarantine").join("quarantine");
        let sealed = Sealed::at(|_| root);
        let text = |path: PathBuf| path.display().to_string();
        let configuration = CONFIGURATION
            .replace("STATE", &text(at("state")))
            .replace("OUTPUT", &text(at("output")))
            .replace("COUNTS", &text(at("counts")))
            .replace("QUARANTINE", &text(sealed.root().to_owned()));
        desk.configure(&configuration);
        fs::write(desk.file("all.toml"), policy).expect("ours");
        let clean = at("output").join("clean");
        fs::create_dir(&clean).expect("ours");
        if what == "output" {
            std::os::unix::fs::symlink(&clean, desk.file("clean")).expect("ours");
        }
        Some(Self { sealed, desk, small, number: 0, dice: Dice(17), what })
    }

    fn write(&mut self, lines: u64) {
        let file = OpenOptions::new().create(true).append(true).open(self.desk.file("access.log"));
        let mut file = file.expect("ours");
        for _ in 0..lines {
            self.number += 1;
            let text = line(&mut self.dice, self.number);
            file.write_all(text.as_bytes()).expect("ours");
        }
    }

    /// Leaves no room.
    fn fill(&self) {
        let mut file = fs::File::create(self.small.join("filler")).expect("ours");
        let mut size = 1 << 16;
        while size > 0 {
            match file.write(&vec![1; size]) {
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::StorageFull => size /= 2,
                Err(error) => panic!("{error}"),
            }
        }
    }

    fn free(&self) {
        fs::remove_file(self.small.join("filler")).expect("ours");
    }

    /// Writes lines until the service says that it waits for this room, in all the ways in which it can say so.
    fn write_until_it_waits(&mut self) {
        let word = format!("\"waiting\":\"{}\"", self.what);
        for _ in 0..200 {
            self.write(200);
            let since = Instant::now();
            while since.elapsed() < Duration::from_millis(400) {
                if self.desk.ask("/status").is_some_and(|status| status.contains(&word)) {
                    return self.assert_told();
                }
            }
        }
        let log = fs::read_to_string(self.desk.file("service.err")).unwrap_or_default();
        panic!("it does not wait for {}: {:?}\n{log}", self.what, self.desk.ask("/status"));
    }

    fn assert_told(&self) {
        let row = format!("tamis_waiting{{room=\"{}\"}} 1\n", self.what);
        self.desk
            .wait("metrics", || self.desk.ask("/metrics").is_some_and(|text| text.contains(&row)));
        self.desk
            .wait("health", || self.desk.ask("/health").is_some_and(|text| text.contains(" 503 ")));
        self.desk.wait("a message", || {
            let log = fs::read_to_string(self.desk.file("service.err")).expect("ours");
            log.contains("sources wait until there is") || log.contains("waiting: ")
        });
    }

    /// Fails unless each line is clean, counted and sealed, and all but what is sealed only once.
    fn assert_whole(&self) {
        self.desk.assert_each_once(self.number);
        let store = self.small.join("counts.sqlite");
        let store = if store.exists() { store } else { self.desk.file("counts.sqlite") };
        let store = store.display().to_string();
        let args = ["report", "export", "--store", &store, "--to", "json"];
        let done = run_in(self.desk.folder.path(), &args, b"");
        let report: serde_json::Value = serde_json::from_slice(&done.stdout).expect("JSON");
        assert_eq!(report["totals"]["requests"], self.number);
        assert_eq!(report["totals"]["bytes"], self.number * (self.number + 1) / 2);
        crate::seals::assert_sealed(&self.sealed, self.number);
        self.sealed.assert_without(&[b"203.0.113.77"]);
    }

    fn end(&self, running: Running) {
        self.desk.wait_for_each(self.number);
        let log = || fs::read_to_string(self.desk.file("service.err")).unwrap_or_default();
        assert_eq!(running.stop(), Some(0), "{}", log());
        self.assert_whole();
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.small).status();
    }
}

/// A line with a number, of which compression leaves much.
fn line(dice: &mut Dice, number: u64) -> String {
    let path = dice.text("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_", 200);
    format!(
        "203.0.113.77 - - [22/Nov/2026:14:05:37 +0000] \"GET /{path} HTTP/1.1\" 200 {number} \"-\" \"-\"\n"
    )
}

fn policy() -> String {
    let policy = ALL.replace("status = true", "status = true\nbytes = { exact = \"always\" }");
    format!("{policy}[counts]\ntables = [\"day\", \"status\"]\n")
}

/// Waits for room, and goes on; meanwhile the watchdog is answered.
fn stands_and_goes_on(what: &'static str) {
    let Some(mut stage) = Stage::new(what, &policy()) else { return };
    let socket = UnixDatagram::bind(stage.desk.file("notify.sock")).expect("a socket");
    socket.set_read_timeout(Some(Duration::from_secs(30))).expect("settable");
    let mut command = stage.desk.command();
    command.env("NOTIFY_SOCKET", stage.desk.file("notify.sock")).env("WATCHDOG_USEC", "300000");
    let log = OpenOptions::new().create(true).append(true).open(stage.desk.file("service.err"));
    let running = Running(command.stderr(log.expect("ours")).spawn().expect("it starts"));
    stage.write(50);
    stage.desk.wait_for(50);
    stage.fill();
    stage.write_until_it_waits();
    // What was said before is not meant.
    let mut buffer = [0; 4096];
    socket.set_nonblocking(true).expect("settable");
    while socket.recv(&mut buffer).is_ok() {}
    socket.set_nonblocking(false).expect("settable");
    let mut heard = (0, false);
    while heard.0 < 5 || !heard.1 {
        let count = socket.recv(&mut buffer).expect("the watchdog is answered");
        let said = str::from_utf8(&buffer[..count]).expect("text");
        heard.0 += usize::from(said.contains("WATCHDOG=1"));
        heard.1 |= said.contains("WAITING for room");
    }
    stage.write(300);
    stage.free();
    stage.end(running);
}

/// Is killed while there is no room, is started again without any, and goes on when there is.
fn survives_a_kill(what: &'static str) {
    let Some(mut stage) = Stage::new(what, &policy()) else { return };
    let running = stage.desk.start();
    stage.write(50);
    stage.desk.wait_for(50);
    stage.fill();
    stage.write_until_it_waits();
    running.kill();
    stage.write(100);
    fs::rename(stage.desk.file("access.log"), stage.desk.file("access.log.1")).expect("ours");
    stage.write(100);
    // The kill has freed what was not yet written.
    stage.free();
    stage.fill();
    let mut running = stage.desk.start();
    std::thread::sleep(Duration::from_secs(1));
    stage.free();
    // One that could not even start without room is started again by systemd.
    std::thread::sleep(Duration::from_secs(1));
    if running.0.try_wait().expect("ours").is_some() {
        running = stage.desk.start();
    }
    stage.end(running);
}

/// Ends when it is asked to, although there is no room, and nothing is lost.
fn ends_without_room(what: &'static str) {
    let Some(mut stage) = Stage::new(what, &policy()) else { return };
    let mut running = stage.desk.start();
    stage.write(50);
    stage.desk.wait_for(50);
    stage.fill();
    stage.write_until_it_waits();
    // A reload in between waits as well, and is in nobody's way.
    running.signal("-HUP");
    running.signal("-TERM");
    let since = Instant::now();
    let code = loop {
        match running.0.try_wait().expect("ours") {
            Some(status) => break status.code(),
            None => assert!(since.elapsed() < END, "it does not end"),
        }
        std::thread::sleep(Duration::from_millis(50));
    };
    assert_eq!(code, Some(1), "what could not be written is told");
    stage.write(100);
    stage.free();
    let running = stage.desk.start();
    stage.end(running);
}

macro_rules! for_each_place {
    ($($module:ident: $what:literal),*) => { $(
        mod $module {
            #[test]
            fn is_waited_for_and_told() {
                super::stands_and_goes_on($what);
            }

            #[test]
            fn survives_a_kill_and_a_start() {
                super::survives_a_kill($what);
            }

            #[test]
            fn does_not_keep_the_service_from_ending() {
                super::ends_without_room($what);
            }
        }
    )* };
}

for_each_place! {
    the_disk_of_the_output: "output",
    the_disk_of_the_state: "state",
    the_disk_of_the_counts: "counts",
    the_disk_of_the_quarantine: "quarantine"
}

/// Where the policy gives up lines that are to be sealed, they are counted, and the clean ones go on.
#[test]
fn lines_that_are_given_up_are_counted() {
    let policy = policy().replace("[counts]", "on_full = \"shed\"\n[counts]");
    let Some(mut stage) = Stage::new("quarantine", &policy) else { return };
    let running = stage.desk.start();
    stage.write(50);
    stage.desk.wait_for(50);
    stage.fill();
    let shed = |stage: &Stage| -> Option<u64> {
        let text = stage.desk.ask("/metrics")?;
        let row = text.lines().find_map(|line| line.strip_prefix("tamis_shed_lines_total "))?;
        row.parse().ok()
    };
    // A segment has room that was reserved before.
    for _ in 0..40 {
        stage.write(500);
        stage.desk.wait_for_each(stage.number);
        if shed(&stage).is_some_and(|lines| lines > 0) {
            break;
        }
    }
    assert!(shed(&stage).is_some_and(|lines| lines > 0), "nothing was given up");
    stage.desk.wait_for_each(stage.number);
    stage.free();
    stage.write(500);
    stage.desk.wait_for_each(stage.number);
    assert_eq!(running.stop(), Some(0));
    stage.desk.assert_each_once(stage.number);
    let told = stage.sealed.told("gap");
    let told: u64 = told.iter().filter_map(|gap| gap["lines"].as_u64()).sum();
    let opened = stage.sealed.opened().len() as u64;
    assert_eq!(told + opened, stage.number, "{told} given up, {opened} sealed");
}
