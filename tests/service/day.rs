//! Days of the service, on a clock that this test sets: keys come and go with their epochs, counts go to their hours,
//! outputs and sealed lines go when their time is over, over restarts and kills, and while the clock is set.
//!
//! Only a program that is built for tests reads that clock (`keys/clock.rs`). In others these tests are skipped, and it
//! is tested that they do not.

use std::{
    cell::Cell,
    collections::{BTreeMap, BTreeSet},
    fs::{self, OpenOptions},
    io::{ErrorKind, Read as _, Write as _},
    os::unix::net::{UnixDatagram, UnixStream},
    path::PathBuf,
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;
use tamis::transform::time::Timestamp;

use crate::{
    desk::Running,
    program::{Done, TAMIS, finish},
    sealed,
};

const HOUR: i64 = 3_600;
const DAY: i64 = 24 * HOUR;
/// The midnight at which days begin here.
const START: i64 = 1_795_305_600;
/// How long something may take that is asserted.
const PATIENCE: Duration = Duration::from_secs(60);

const CONFIGURATION: &str = r#"
policy = "{}/policy.toml"
state_dir = "{}/state"
commit = "10ms"
[[source]]
kind = "file"
path = "{}/access.log"
format = "combined"
[sink]
kind = "file"
path = "{}/clean/access.jsonl"
rotate = { every = "6h", keep = KEEP }
[counts]
store = "{}/counts.db"
[quarantine]
dir = "{}/quarantine"
[keys]
dir = "{}/run"
[metrics]
listen = "{}/metrics.sock"
"#;

const POLICY: &str = r#"
name = "day"
version = 1
[record]
time = { grain = "minute" }
client = "token"
status = true
bytes = { exact = "always" }
[counts]
tables = ["hour", "status"]
visitors = true
window = "hour"
[retention]
records = 1
[quarantine]
seal = ["refused"]
retention_days = 1
"#;

/// What stands in the clock's file.
#[derive(Clone, Copy)]
struct Clocks {
    unix: i64,
    boot: i64,
    session: i64,
}

/// A service, and the clock that it goes by.
struct Day {
    desk: sealed::Desk,
    clocks: Cell<Clocks>,
    notify: UnixDatagram,
    running: Option<Running>,
    number: u64,
    /// The records that were seen, by their numbers, also of files that are gone.
    records: BTreeMap<u64, Value>,
}

impl Day {
    /// A service that was not started, at midnight.
    fn new(keep: usize, policy: &str) -> Option<Self> {
        if cfg!(not(debug_assertions)) {
            let _ = writeln!(
                std::io::stderr(),
                "SKIPPED: a program that is built for use goes by the machine's clock; run it without --release"
            );
            return None;
        }
        let desk = sealed::Desk::new();
        let root = desk.folder.path().display().to_string();
        desk.write(
            "tamis.toml",
            CONFIGURATION.replace("{}", &root).replace("KEEP", &keep.to_string()),
        );
        desk.write("policy.toml", policy);
        desk.write("access.log", "");
        fs::create_dir(desk.folder.file("clean")).expect("ours");
        let notify = UnixDatagram::bind(desk.folder.file("notify.sock")).expect("a socket");
        let clocks = Clocks { unix: START, boot: 1_000, session: 1 };
        let day = Self {
            desk,
            clocks: Cell::new(clocks),
            notify,
            running: None,
            number: 0,
            records: BTreeMap::new(),
        };
        day.write_clock();
        // The quarantine was begun by the clock of the machine.
        fs::remove_dir_all(day.desk.root()).expect("ours");
        let recipient = day.desk.security.to_public().to_string();
        let done = day.ask(&["quarantine", "init", "quarantine", "--security", &recipient]);
        assert_eq!(done.status, 0, "{}", done.err());
        Some(day)
    }

    fn file(&self, name: &str) -> PathBuf {
        self.desk.folder.file(name)
    }

    fn now(&self) -> i64 {
        self.clocks.get().unix
    }

    fn write_clock(&self) {
        let Clocks { unix, boot, session } = self.clocks.get();
        let aside = self.file("clock.new");
        fs::write(&aside, format!("{unix} {boot} {session}\n")).expect("ours");
        fs::rename(aside, self.file("clock")).expect("ours");
    }

    /// Runs the program by the same clock.
    fn ask(&self, args: &[&str]) -> Done {
        let mut command = Command::new(TAMIS);
        command.args(args).current_dir(self.desk.folder.path());
        finish(command.env("TAMIS_TEST_CLOCK", self.file("clock")), b"")
    }

    fn start(&mut self) {
        let log = OpenOptions::new().create(true).append(true).open(self.file("err"));
        let mut command = Command::new(TAMIS);
        command.args(["serve", "--config"]).arg(self.file("tamis.toml"));
        command.env("TAMIS_TEST_CLOCK", self.file("clock"));
        command.env("NOTIFY_SOCKET", self.file("notify.sock")).env_remove("JOURNAL_STREAM");
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log.expect("ours"));
        self.drain();
        self.running = Some(Running(command.spawn().expect("the program starts")));
        // In either order: it is ready, and it has looked after everything once.
        let mut is_ready = false;
        let mut has_looked = false;
        while !(is_ready && has_looked) {
            let said = self.hear();
            is_ready |= said.contains("READY=1");
            has_looked |= said.starts_with("STATUS=");
        }
    }

    fn kill(&mut self) {
        self.running.take().expect("it runs").kill();
    }

    fn stop(&mut self) {
        assert_eq!(self.running.take().expect("it runs").stop(), Some(0), "{}", self.said());
    }

    fn said(&self) -> String {
        fs::read_to_string(self.file("err")).unwrap_or_default()
    }

    fn drain(&self) {
        self.notify.set_nonblocking(true).expect("settable");
        while self.notify.recv(&mut [0; 4096]).is_ok() {}
        self.notify.set_nonblocking(false).expect("settable");
        self.notify.set_read_timeout(Some(PATIENCE)).expect("settable");
    }

    /// The next word to the service manager.
    fn hear(&self) -> String {
        let mut buffer = [0; 4096];
        loop {
            match self.notify.recv(&mut buffer) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => panic!("nothing is said: {error}\n{}", self.said()),
                Ok(count) => return str::from_utf8(&buffer[..count]).expect("text").to_owned(),
            }
        }
    }

    /// Lets time go by, which the machine may have slept through, and waits until the service has seen it.
    fn advance(&self, seconds: i64) {
        let Clocks { unix, boot, session } = self.clocks.get();
        self.clocks.set(Clocks { unix: unix + seconds, boot: boot + seconds, session });
        self.see();
    }

    /// Sets the clock that people can set; a second goes by.
    fn set(&self, by: i64) {
        let Clocks { unix, boot, session } = self.clocks.get();
        self.clocks.set(Clocks { unix: unix + by + 1, boot: boot + 1, session });
        self.see();
    }

    fn see(&self) {
        self.drain();
        self.write_clock();
        if self.running.is_some() {
            // That is said once for each second of the clock, after everything was looked after.
            while !self.hear().starts_with("STATUS=") {}
        }
    }

    /// A start of the machine: what lies in memory is gone.
    fn reboot(&self, off: i64) {
        let Clocks { unix, session, .. } = self.clocks.get();
        self.clocks.set(Clocks { unix: unix + off, boot: 5, session: session + 1 });
        self.write_clock();
        let _ = fs::remove_dir_all(self.file("run"));
    }

    fn append(&self, text: &str) {
        let mut file = OpenOptions::new().append(true).open(self.file("access.log")).expect("ours");
        file.write_all(text.as_bytes()).expect("ours");
    }

    /// A request of the one visitor at a time; gives the number of its record.
    fn visit(&mut self, unix: i64) -> u64 {
        self.number += 1;
        self.append(&format!(
            "203.0.113.77 - - [{}] \"GET / HTTP/1.1\" 200 {} \"-\" \"Mozilla/5.0\"\n",
            clf(unix),
            self.number
        ));
        self.number
    }

    /// A line that is sealed.
    fn attack(&self, what: &str) {
        self.append(&format!("203.0.113.66 - - [{}] {what}\n", clf(self.now())));
    }

    /// Waits until the records up to this number came out, and reads them.
    fn come(&mut self) {
        let since = Instant::now();
        loop {
            self.gather();
            if self.records.len() as u64 == self.number {
                return;
            }
            assert!(
                since.elapsed() < PATIENCE,
                "{} of {} records\n{}",
                self.records.len(),
                self.number,
                self.said()
            );
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// Reads all records that are there. One is never there twice, but where a file was renamed while they were read.
    fn gather(&mut self) {
        let since = Instant::now();
        while let Err(twice) = self.try_gather() {
            assert!(since.elapsed() < PATIENCE, "{twice} is there twice");
        }
    }

    fn try_gather(&mut self) -> Result<(), u64> {
        let mut present = BTreeSet::new();
        for entry in fs::read_dir(self.file("clean")).expect("ours").flatten() {
            let text = fs::read_to_string(entry.path()).unwrap_or_default();
            for line in text.split_inclusive('\n').filter(|line| line.ends_with('\n')) {
                let record: Value = serde_json::from_str(line).expect("JSON");
                let number = record["bytes"].as_u64().expect("a number");
                if !present.insert(number) {
                    return Err(number);
                }
                self.records.insert(number, record);
            }
        }
        Ok(())
    }

    /// The token of a record, if it has one.
    fn token(&self, number: u64) -> Option<String> {
        let record = &self.records[&number];
        let client = record["client"].as_str().map(str::to_owned);
        assert_eq!(record["late"] == true, client.is_none(), "who has no token is late: {record}");
        client
    }

    /// The epochs that have a key in the directory.
    fn keys(&self) -> Vec<i64> {
        let entries = fs::read_dir(self.file("run")).into_iter().flatten().flatten();
        let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
        let mut epochs: Vec<_> = names
            .filter_map(|name| name.strip_prefix("epoch-")?.strip_suffix(".key")?.parse().ok())
            .collect();
        epochs.sort_unstable();
        epochs
    }

    fn key(&self, epoch: i64) -> Vec<u8> {
        fs::read(self.file(&format!("run/epoch-{epoch}.key"))).expect("the key is there")
    }

    /// The files of the folder in which a text is.
    fn files_with(&self, text: &[u8]) -> Vec<PathBuf> {
        let mut found = Vec::new();
        let mut folders = vec![self.desk.folder.path().to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).expect("ours").flatten() {
                let path = entry.path();
                match path.metadata() {
                    Ok(metadata) if metadata.is_dir() => folders.push(path),
                    Ok(metadata) if metadata.is_file() => {
                        let bytes = fs::read(&path).unwrap_or_default();
                        found
                            .extend(bytes.windows(text.len()).any(|it| it == text).then_some(path));
                    }
                    _ => {}
                }
            }
        }
        found
    }

    /// The names of files that were rotated away.
    fn rotated(&self) -> Vec<String> {
        let entries = fs::read_dir(self.file("clean")).expect("ours").flatten();
        let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
        let mut names: Vec<_> = names.filter(|name| name != "access.jsonl").collect();
        names.sort();
        names
    }

    /// What the service says of itself.
    fn status(&self) -> Value {
        let mut stream = UnixStream::connect(self.file("metrics.sock")).expect("it listens");
        stream.write_all(b"GET /status HTTP/1.1\r\n\r\n").expect("it reads");
        let mut text = String::new();
        stream.read_to_string(&mut text).expect("it answers");
        serde_json::from_str(text.split_once("\r\n\r\n").expect("a body").1).expect("JSON")
    }

    /// Waits for what the service does once it is at it.
    fn wait(&self, what: &str, is_it: impl Fn() -> bool) {
        let since = Instant::now();
        while !is_it() {
            assert!(since.elapsed() < PATIENCE, "{what} did not come\n{}", self.said());
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// Segments that were finished and not destroyed, each of which has its three files; the others have none.
    fn live(&self) -> Vec<Value> {
        let divided = || -> (Vec<Value>, Vec<Value>) {
            let name = |entry: &Value| entry["segment"].as_str().expect("a name").to_owned();
            let gone: BTreeSet<_> = self.desk.told("expired").iter().map(name).collect();
            self.desk.told("segment").into_iter().partition(|it| gone.contains(&name(it)))
        };
        let files = |entry: &Value| {
            let id = entry["segment"].as_str().expect("a name");
            let names = [
                format!("keys/{id}.key.age"),
                format!("segments/{id}.age"),
                format!("index/{id}.idx.age"),
            ];
            names.map(|name| self.desk.root().join(name).exists())
        };
        self.wait("a manifest that agrees with the files", || {
            let (gone, live) = divided();
            gone.iter().all(|it| files(it) == [false; 3])
                && live.iter().all(|it| files(it) == [true; 3])
        });
        divided().1
    }

    /// Files and segments that are far from the end of their time.
    fn young(&self) -> (Vec<String>, Vec<Value>) {
        let from = rfc3339(self.now() - 20 * HOUR);
        let mut segments = self.live();
        segments.retain(|segment| segment["time"].as_str() > Some(&*from));
        let digits: String = from.chars().filter(|c| c.is_ascii_digit()).collect();
        let mut files = self.rotated();
        files.retain(|name| {
            let own: String = name.chars().filter(char::is_ascii_digit).collect();
            own[..digits.len()] > *digits
        });
        assert!(!files.is_empty() && !segments.is_empty());
        (files, segments)
    }

    #[track_caller]
    fn assert_there(&self, (files, segments): &(Vec<String>, Vec<Value>)) {
        let there = (self.rotated(), self.live());
        assert!(files.iter().all(|name| there.0.contains(name)), "{}", self.said());
        assert!(segments.iter().all(|segment| there.1.contains(segment)), "{}", self.said());
    }

    /// The requests and visitors of each hour that has any, as the store has them.
    fn hours(&self) -> BTreeMap<String, (u64, u64)> {
        let done = self.ask(&["report", "show", "--store", "counts.db", "--json"]);
        assert_eq!(done.status, 0, "{}", done.err());
        let report: Value = serde_json::from_str(done.out()).expect("JSON");
        let rows = report["tables"]["hour"].as_array().expect("a table").iter();
        rows.map(|row| {
            let number = |name: &str| row[name].as_u64().unwrap_or_default();
            (
                row["key"].as_str().expect("text").to_owned(),
                (number("requests"), number("visitors")),
            )
        })
        .collect()
    }
}

/// A time as the combined format has it.
fn clf(unix: i64) -> String {
    let text = rfc3339(unix);
    let months =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let month = months[text[5..7].parse::<usize>().expect("a month") - 1];
    format!("{}/{month}/{}:{} +0000", &text[8..10], &text[..4], &text[11..19])
}

fn rfc3339(unix: i64) -> String {
    let mut text = Vec::new();
    Timestamp::from_unix(unix).expect("a time").write_rfc3339(&mut text);
    str::from_utf8(&text).expect("ASCII").to_owned()
}

/// The epochs that have a key at a time: from two hours after the end of one to an hour before the next.
fn epochs_alive(unix: i64) -> Vec<i64> {
    ((unix - 2 * HOUR).div_euclid(DAY)..=(unix + HOUR).div_euclid(DAY)).collect()
}

#[test]
fn two_days_pass_and_every_promise_about_time_is_kept() {
    let Some(mut day) = Day::new(3, POLICY) else { return };
    day.start();
    let mut by_hour: BTreeMap<String, u64> = BTreeMap::new();
    let mut tokens: BTreeMap<i64, BTreeSet<String>> = BTreeMap::new();
    let first_key = day.key(START / DAY);
    assert_eq!(day.files_with(&first_key).len(), 1, "the search finds a key where it is");
    for hour in 0..52 {
        let now = day.now();
        assert_eq!(now, START + hour * HOUR);
        // At night nobody comes, and keys are looked after all the same.
        let is_night = (2..6).contains(&(hour % 24));
        // Of this time, an hour and a half late, and a little ahead of the clock.
        for time in [now + 60, now - 90 * 60, now + 50 * 60].into_iter().filter(|_| !is_night) {
            let number = day.visit(time);
            day.come();
            let token = day.token(number).expect("within the time of its key");
            let epoch = time.div_euclid(DAY);
            assert!(token.starts_with(&format!("t1.{epoch}.")), "{token} at {}", rfc3339(time));
            tokens
                .entry(epoch)
                .or_default()
                .insert(token[token.rfind('.').expect("two")..].to_owned());
            *by_hour.entry(rfc3339(time)[..13].to_owned()).or_default() += 1;
        }
        if !is_night {
            // Too late for a key, and too far ahead: a record and a request, and no visitor.
            for time in [now - 27 * HOUR, now + 3 * HOUR].into_iter().filter(|time| *time > START) {
                let number = day.visit(time);
                day.come();
                assert_eq!(day.token(number), None, "{} at {}", rfc3339(time), rfc3339(now));
                *by_hour.entry(rfc3339(time)[..13].to_owned()).or_default() += 1;
            }
            day.attack("no request");
        }
        assert_eq!(day.keys(), epochs_alive(now), "at {}", rfc3339(now));
        match hour % 5 {
            1 => {
                day.kill();
                day.start();
            }
            3 => {
                day.stop();
                day.start();
            }
            _ => {}
        }
        assert_eq!(day.keys(), epochs_alive(now), "after a restart at {}", rfc3339(now));
        day.advance(HOUR);
        // Sealed lines and rotated files go within the hour after their time, once the clock was seen for a day.
        let too_old = rfc3339(day.now() - DAY - HOUR);
        day.wait("the end of what was sealed long ago", || {
            day.live().iter().all(|segment| segment["time"].as_str() >= Some(&*too_old))
        });
        day.gather();
        day.wait("the end of a fourth file", || day.rotated().len() <= 3);
        if hour == 25 {
            // The first day and two hours are over.
            assert_eq!(day.now(), START + DAY + 2 * HOUR);
            assert_eq!(day.keys(), epochs_alive(day.now()));
            assert_eq!(day.files_with(&first_key), Vec::<PathBuf>::new());
        }
    }
    day.stop();
    for (epoch, tokens) in &tokens {
        assert_eq!(
            tokens.len(),
            1,
            "one visitor has one token in epoch {epoch}, also over restarts"
        );
    }
    let all: BTreeSet<_> = tokens.values().flatten().collect();
    assert_eq!(all.len(), tokens.len(), "and another one in each epoch");
    assert!(!day.desk.told("expired").is_empty(), "sealed lines are destroyed at their time");
    assert!(!day.live().is_empty());
    let hours = day.hours();
    let requests: BTreeMap<_, _> =
        hours.iter().map(|(hour, (requests, _))| (hour[..13].to_owned(), *requests)).collect();
    assert_eq!(requests, by_hour, "each line is counted in its own hour, however late it comes");
    assert!(hours.values().all(|(_, visitors)| *visitors <= 1), "{hours:?}");
    // A stop that was too long: what is over is destroyed at the start.
    let (before, live) = (day.keys(), day.live().len());
    assert!(live > 0);
    day.advance(3 * DAY);
    day.start();
    assert_eq!(day.keys(), epochs_alive(day.now()));
    assert!(day.keys().iter().all(|epoch| !before.contains(epoch)));
    day.wait("the end of all that was sealed", || day.live().is_empty());
    // What was written last got its name at the start.
    let (name, now) = ("access.jsonl.", rfc3339(day.now()).replace(['-', ':'], ""));
    day.wait("the end of earlier files", || {
        day.rotated()
            .iter()
            .all(|file| file.strip_prefix(name).is_some_and(|rest| rest.starts_with(&now)))
    });
    day.stop();
}

#[test]
fn a_segment_is_finished_when_it_is_five_minutes_old_or_the_day_is_over() {
    let Some(mut day) = Day::new(3, POLICY) else { return };
    day.start();
    let finished = |day: &Day| day.desk.told("segment").len();
    day.attack("one");
    day.wait("the line", || day.status()["sealed"] == 1);
    day.advance(299);
    assert_eq!(finished(&day), 0);
    day.advance(1);
    day.wait("the segment", || finished(&day) == 1);
    day.advance(DAY - 300 - 10);
    day.attack("two");
    day.wait("the line", || day.status()["sealed"] == 2);
    day.advance(9);
    assert_eq!(finished(&day), 1);
    day.advance(1);
    day.wait("the segment of the day", || finished(&day) == 2);
    day.stop();
    assert_eq!(day.desk.opened().len(), 2);
}

#[test]
fn with_lines_that_nobody_sends_again_a_segment_is_finished_after_ten_seconds() {
    let Some(mut day) = Day::new(4, POLICY) else { return };
    let config = fs::read_to_string(day.file("tamis.toml")).expect("ours");
    let fifo = day.file("in.fifo").display().to_string();
    let more = format!("\n[[source]]\nkind = \"fifo\"\npath = \"{fifo}\"\n");
    fs::write(day.file("tamis.toml"), config + &more).expect("ours");
    day.start();
    day.attack("one");
    day.wait("the line", || day.status()["sealed"] == 1);
    day.advance(9);
    assert_eq!(day.desk.told("segment").len(), 0);
    day.advance(1);
    day.wait("the segment", || day.desk.told("segment").len() == 1);
    day.stop();
    assert_eq!(day.desk.opened().len(), 1);
}

#[test]
fn a_clock_that_is_set_back_and_forth_does_no_harm() {
    let Some(mut day) = Day::new(99, POLICY) else { return };
    day.start();
    for _ in 0..36 {
        let now = day.now();
        day.visit(now);
        day.attack("no request");
        day.come();
        day.advance(HOUR);
    }
    let visit = |day: &mut Day| {
        let now = day.now();
        let number = day.visit(now);
        day.come();
        day.token(number)
    };
    let token = visit(&mut day).expect("a token");
    // An hour back, as a clock that went by summer time does, and on again: nobody sees anything of it.
    let (keys, kept) = (day.keys(), day.young());
    let newest = day.rotated().pop();
    day.set(-HOUR);
    assert_eq!(visit(&mut day).as_ref(), Some(&token));
    day.set(HOUR);
    assert_eq!(visit(&mut day).as_ref(), Some(&token));
    assert_eq!((day.keys(), day.rotated().pop()), (keys.clone(), newest));
    day.assert_there(&kept);
    assert!(!day.said().contains("the clock was set"), "{}", day.said());
    // Three days ahead: no tokens are made, no key goes before its time, and nothing is destroyed.
    let kept = day.young();
    day.set(3 * DAY);
    assert_eq!(visit(&mut day), None);
    assert_eq!(day.keys(), keys);
    assert_eq!(day.status()["keys_in_trouble"], true);
    day.wait("a warning", || day.said().contains("the clock was set by 259200 seconds"));
    day.advance(2 * HOUR);
    day.stop();
    day.start();
    day.assert_there(&kept);
    // Keys go when their own time is over all the same, two hours after their day by the clock that nobody sets, and
    // no other is drawn.
    let to_come = START + 2 * DAY + 2 * HOUR - (day.now() - 3 * DAY);
    day.advance(to_come);
    assert_eq!(day.keys(), Vec::<i64>::new(), "{}", day.said());
    // And back again: all is as if it had not been.
    day.set(-3 * DAY);
    assert_eq!(day.status()["keys_in_trouble"], false, "{}", day.said());
    let number = day.visit(START + DAY + 20 * HOUR);
    day.come();
    assert_eq!(day.token(number), None, "the key of that day is gone");
    let next = visit(&mut day).expect("a token");
    assert_ne!(next, token);
    day.assert_there(&kept);
    let files = day.rotated().len();
    day.advance(6 * HOUR);
    assert_eq!(visit(&mut day).as_ref(), Some(&next));
    day.advance(6 * HOUR);
    day.wait("a rotation as before", || day.rotated().len() > files);
    // A day later the clock is believed again.
    for _ in 0..14 {
        day.advance(HOUR);
    }
    day.attack("no request");
    day.advance(HOUR);
    day.wait("the end of what is old", || {
        let there = (day.rotated(), day.live());
        kept.0.iter().all(|name| !there.0.contains(name))
            && kept.1.iter().all(|it| !there.1.contains(it))
    });
    day.wait("a word on the files of the time to come", || day.said().contains("still to come"));
    day.stop();
}

#[test]
fn a_start_of_the_machine_draws_keys_anew_and_an_empty_battery_destroys_nothing() {
    let Some(mut day) = Day::new(99, POLICY) else { return };
    day.start();
    for _ in 0..26 {
        let now = day.now();
        day.visit(now);
        day.attack("no request");
        day.come();
        day.advance(HOUR);
    }
    let visit = |day: &mut Day| {
        let now = day.now();
        let number = day.visit(now);
        day.come();
        day.token(number)
    };
    let token = visit(&mut day).expect("a token");
    day.stop();
    day.reboot(60);
    day.start();
    let other = visit(&mut day).expect("a token");
    assert_eq!(token[..token.len() - 16], other[..other.len() - 16], "of the same epoch");
    assert_ne!(token, other, "under another key");
    day.kill();
    let kept = day.young();
    assert!(!kept.0.is_empty() && !kept.1.is_empty());
    day.reboot(-3_000 * DAY);
    day.start();
    visit(&mut day);
    day.advance(2 * HOUR);
    day.set(3_000 * DAY);
    assert_eq!(visit(&mut day), None, "set by more than an epoch");
    day.advance(2 * HOUR);
    day.assert_there(&kept);
    let done = day.ask(&["keys", "init", "--confirm-clock", "--key-dir", "run"]);
    assert_eq!(done.status, 0, "{}", done.err());
    day.advance(1);
    assert!(visit(&mut day).is_some(), "{}", day.said());
    assert_eq!(day.keys(), epochs_alive(day.now()));
    day.stop();
}

#[test]
fn what_was_sealed_long_ago_is_destroyed_also_when_nothing_was_sealed_since() {
    let policy = POLICY.replace("retention_days = 1", "retention_days = 45");
    let Some(mut day) = Day::new(3, &policy) else { return };
    day.start();
    day.attack("no request");
    day.wait("the line", || day.status()["sealed"] == 1);
    day.advance(300);
    day.wait("the segment", || day.live().len() == 1);
    for _ in 0..45 {
        day.advance(DAY);
    }
    assert_eq!(day.live().len(), 1);
    day.advance(HOUR);
    day.wait("the end of the segment", || day.live().is_empty());
    day.stop();
}

/// What is built for use has no such clock.
#[cfg(not(debug_assertions))]
#[test]
fn a_program_that_is_built_for_use_goes_by_the_clock_of_the_machine() {
    let mut command = Command::new(TAMIS);
    command.args(["keys", "status", "--key-dir", "nowhere"]);
    let done = finish(command.env("TAMIS_TEST_CLOCK", "/nonexistent"), b"");
    assert!(!done.err().contains("panicked"), "{}", done.err());
    let program = fs::read(TAMIS).expect("it is there");
    let name = b"TAMIS_TEST_CLOCK";
    assert!(!program.windows(name.len()).any(|found| found == name));
}
