//! The service: state, output, store and quarantine. It is started again after each fault, as systemd does.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::{self, OpenOptions},
    io::Write as _,
    os::unix::process::ExitStatusExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;

use crate::{
    filter::{POLICY, RAW, class, is_in, line, numbers, refused},
    program::TAMIS,
    sealed::Desk,
    stage::{self, Fault, calls, hit, layer, numbers_of, points, put_under, restore, say, tree},
    table::{Found, Table},
};

/// How long something may take that has to come: a loaded machine is slow, and nothing is measured here.
const PATIENCE: Duration = Duration::from_secs(60);
/// Lines at once.
const LINES: u64 = 120;

const CONFIGURATION: &str = r#"
policy = "{}/policy.toml"
state_dir = "{}/state"
commit = "20ms"
threads = 1
[[source]]
kind = "file"
path = "{}/access.log"
[sink]
kind = "file"
path = "{}/clean/access.jsonl"
rotate = { bytes = "6KiB" }
[counts]
store = "{}/counts.db"
[quarantine]
dir = "{}/quarantine"
"#;

/// A service that was never started before, or one that was.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Scene {
    First,
    Later,
}

impl Scene {
    const fn name(self) -> &'static str {
        match self {
            Self::First => "service, first start",
            Self::Later => "service, later start, log rotated",
        }
    }
}

pub(crate) struct Stage {
    pub(crate) desk: Desk,
    scene: Scene,
    before: PathBuf,
    /// How many lines there were before.
    earlier: u64,
}

/// A running service, killed in the end.
pub(crate) struct Running(pub(crate) Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Running {
    /// Asks it to end, if it has not, and says how it ended.
    pub(crate) fn stop(mut self) -> ExitStatus {
        if self.0.try_wait().expect("ours").is_none() {
            let pid = self.0.id().to_string();
            let _ = Command::new("kill").args(["-TERM", &pid]).stderr(Stdio::null()).status();
        }
        let since = Instant::now();
        while since.elapsed() < PATIENCE {
            if let Some(status) = self.0.try_wait().expect("ours") {
                return status;
            }
            thread::sleep(Duration::from_millis(5));
        }
        panic!("it does not end");
    }

    pub(crate) fn has_ended(&mut self) -> bool {
        self.0.try_wait().expect("ours").is_some()
    }
}

/// What a line that is refused is called, for it has no number that comes out.
fn text_of(number: u64) -> Vec<u8> {
    refused(number).trim_end().as_bytes().to_vec()
}

impl Stage {
    fn new(scene: Scene) -> Self {
        let mut stage = Self::bare(scene, "6KiB");
        if scene == Scene::Later {
            stage.append(1, 1);
            stage.earlier = 1;
            let mut running = stage.start(None);
            assert!(stage.wait_for(&mut running, 1), "{}", stage.said());
            assert_eq!(running.stop().code(), Some(0), "{}", stage.said());
        }
        restore(stage.desk.folder.path(), &stage.before);
        stage
    }

    fn bare(scene: Scene, rotate: &str) -> Self {
        let desk = Desk::new();
        let root = desk.folder.path().display().to_string();
        desk.write("tamis.toml", CONFIGURATION.replace("{}", &root).replace("6KiB", rotate));
        desk.write("policy.toml", POLICY);
        desk.write("access.log", "");
        let before = desk.folder.path().with_extension("before");
        Self { desk, scene, before, earlier: 0 }
    }

    /// One without faults, for other tests.
    pub(crate) fn plain(rotate: &str) -> Self {
        Self::bare(Scene::First, rotate)
    }

    fn err(&self) -> PathBuf {
        self.desk.folder.path().with_extension("err")
    }

    pub(crate) fn said(&self) -> String {
        fs::read_to_string(self.err()).unwrap_or_default()
    }

    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(TAMIS);
        command.args(["serve", "--config"]).arg(self.desk.folder.file("tamis.toml"));
        command.env_remove("NOTIFY_SOCKET").env_remove("JOURNAL_STREAM");
        command.env("RUNTIME_DIRECTORY", self.desk.folder.file("run"));
        let log = OpenOptions::new().create(true).append(true).open(self.err()).expect("ours");
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        command
    }

    /// Starts it, with a call that fails if one is named.
    fn start(&self, fault: Option<(&Path, Fault, u64)>) -> Running {
        let mut command = self.command();
        if let Some((layer, fault, at)) = fault {
            put_under(&mut command, layer, self.desk.folder.path(), fault, at);
        }
        Running(command.spawn().expect("the program starts"))
    }

    /// Appends lines with these numbers, and one that is refused, which has the first of them.
    pub(crate) fn append(&self, from: u64, to: u64) {
        let path = self.desk.folder.file("access.log");
        let mut file = OpenOptions::new().create(true).append(true).open(path).expect("ours");
        let text: String = (from..=to).map(line).collect();
        file.write_all((text + &refused(from)).as_bytes()).expect("ours");
    }

    fn rotate(&self) {
        let path = self.desk.folder.file("access.log");
        fs::rename(&path, path.with_extension("log.1")).expect("ours");
    }

    /// Records by their numbers, with how often each is there.
    pub(crate) fn numbers(&self) -> BTreeMap<u64, u64> {
        let mut all = BTreeMap::new();
        for (_, bytes) in tree(&self.desk.folder.file("clean")) {
            for (number, count) in numbers(&bytes) {
                *all.entry(number).or_default() += count;
            }
        }
        all
    }

    /// Waits until so many records are there; says whether they came before it ended.
    pub(crate) fn wait_for(&self, running: &mut Running, count: u64) -> bool {
        let since = Instant::now();
        loop {
            if self.numbers().len() as u64 >= count {
                return true;
            }
            if running.has_ended() {
                return false;
            }
            assert!(since.elapsed() < PATIENCE, "{count} records did not come: {}", self.said());
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// Waits until it says that it has started, and has cut back what was not committed.
    fn wait_for_start(&self, running: &mut Running) {
        let since = Instant::now();
        while !self.said().contains("started") && !running.has_ended() {
            assert!(since.elapsed() < PATIENCE, "it does not start: {}", self.said());
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// The number of the last line.
    const fn last(&self) -> u64 {
        self.earlier + 2 * LINES + 1
    }

    /// A life in which one call fails, if it comes; says how it ended.
    fn live(&self, fault: Option<(&Path, Fault, u64)>) -> ExitStatus {
        let (first, second) = (self.earlier + LINES, self.earlier + 2 * LINES);
        self.append(self.earlier + 1, first);
        let mut running = self.start(fault);
        // One that is killed right at its start is not asked to end.
        let is_alive = self.wait_for(&mut running, first);
        // What was rotated away before it was ever seen is nobody's.
        if is_alive || self.scene == Scene::Later {
            self.rotate();
        }
        self.append(first + 1, second);
        if is_alive {
            self.wait_for(&mut running, second);
        }
        running.stop()
    }

    fn check(&self, layer: &Path, fault: Fault, at: u64, table: &Table) {
        restore(&self.before, self.desk.folder.path());
        let _ = fs::remove_file(self.err());
        let status = self.live(Some((layer, fault, at)));
        let Some(call) = hit(self.desk.folder.path()) else { return };
        stage::after(self.desk.folder.path(), fault);
        let mut found = Found::default();
        self.judge_exit(status, fault, &call.file, &mut found);
        self.judge_left(&mut found);
        let _ = fs::remove_file(self.err());
        // Records may be there that are not committed yet, and lines that are to be sealed only: what comes last says
        // that all were read again.
        let last = self.last();
        self.append(last, last);
        let mut running = self.start(None);
        self.wait_for_start(&mut running);
        self.wait_for(&mut running, last);
        let status = running.stop();
        if status.code() != Some(0) {
            found.exit(format!("the next start ends with {status}: {}", self.said()));
        }
        self.judge_left(&mut found);
        self.judge_whole(&mut found);
        let what = format!("call {at} ({} {})", call.what, call.file);
        table.add(class(&call.file), fault, &what, found);
    }

    fn judge_exit(&self, status: ExitStatus, fault: Fault, file: &str, found: &mut Found) {
        let said = self.said();
        let name = match class(file) {
            "quarantine" | "manifest of the quarantine" => "quarantine",
            "store" => "counts.db",
            "state" => "state",
            "input" => "access.log",
            _ => "clean",
        };
        match (status.code(), status.signal(), fault) {
            (None, Some(9), _) if fault.kills() => {}
            (Some(0), ..) if !fault.kills() => {}
            // What a policy or a configuration says cannot be known then.
            (Some(2), _, Fault::Unread) if file.ends_with(".toml") && said.contains(file) => {}
            (Some(1), _, Fault::Gone) if said.contains("cannot") => {}
            // A folder that was made is named by what was to lie in it.
            (Some(1), ..) if file == "." && said.contains("cannot") => {}
            (Some(1), ..) if said.contains(name) => {}
            (Some(1), ..) => found.exit(format!("{name} is not named: {said}")),
            _ => found.exit(format!("it ends with {status}: {said}")),
        }
        if RAW.iter().any(|raw| said.contains(raw)) {
            found.plain("a message says what a line says");
        }
    }

    fn judge_left(&self, found: &mut Found) {
        for (path, bytes) in tree(self.desk.folder.path()) {
            let name = path.file_name().expect("a file has a name").display().to_string();
            if name.starts_with("access.log") {
                continue;
            }
            let text = [path.display().to_string().as_bytes(), &bytes].concat();
            if RAW.iter().any(|raw| is_in(raw.as_bytes(), &text)) {
                found.plain(format!("{} has a raw line", path.display()));
            }
            let is_whole = || serde_json::from_slice::<Value>(&bytes).is_ok();
            if name.ends_with(".json") && !is_whole() {
                found.half(format!("{} is not whole", path.display()));
            }
        }
    }

    pub(crate) fn judge_whole(&self, found: &mut Found) {
        let count = self.last();
        let all = self.numbers();
        let missing: Vec<_> = (1..=count).filter(|number| !all.contains_key(number)).collect();
        found.lost(missing.len() as u64, format!("records from {:?}", missing.first()));
        let twice: Vec<_> = all.iter().filter(|(_, count)| **count > 1).collect();
        found.twice(twice.len() as u64, format!("records from {:?}", twice.first()));
        for (path, bytes) in tree(&self.desk.folder.file("clean")) {
            if !bytes.is_empty() && !bytes.ends_with(b"\n") {
                found.half(format!("{} ends in a record", path.display()));
            }
        }
        self.judge_counted(count, found);
        let mut firsts = vec![self.earlier + 1, self.earlier + LINES + 1, self.last()];
        firsts.extend((self.earlier > 0).then_some(1));
        self.judge_sealed(&firsts, found);
    }

    /// The store has each of so many records once.
    pub(crate) fn judge_counted(&self, count: u64, found: &mut Found) {
        let args = ["report", "export", "--store", "counts.db", "--to", "json"];
        let done = self.desk.run(&args, b"");
        if done.status != 0 {
            return found.half(format!("the store cannot be read: {}", done.err()));
        }
        let report: Value = serde_json::from_slice(&done.stdout).expect("JSON");
        let of = |key: &str| report["totals"][key].as_u64().unwrap_or(0);
        found.lost(count.saturating_sub(of("requests")), "counted");
        found.twice(of("requests").saturating_sub(count), "counted");
        if of("requests") == count && of("bytes") != count * (count + 1) / 2 {
            found.half("counts of other records");
        }
    }

    /// These lines that are refused are sealed, and each at one place, however often.
    pub(crate) fn judge_sealed(&self, numbers: &[u64], found: &mut Found) {
        let mut places: BTreeMap<Vec<u8>, BTreeSet<_>> = BTreeMap::new();
        for line in self.desk.opened() {
            places.entry(line.text).or_default().insert((line.source, line.at, line.ordinal));
        }
        let lost = numbers.iter().filter(|number| !places.contains_key(&text_of(**number)));
        found.lost(lost.count() as u64, "sealed lines");
        let apart = places.values().filter(|places| places.len() > 1).count();
        found.twice(apart as u64, "sealed lines at two places");
        let done = self.desk.run(&["quarantine", "verify", "quarantine"], b"");
        if done.status != 0 {
            found.half(format!("the quarantine: {} {}", done.out(), done.err()));
        }
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.before);
        let _ = fs::remove_file(self.err());
        stage::forget(self.desk.folder.path());
    }
}

/// Where a disk is full from then on, the service waits for room: `tests/service/full.rs` has that.
const FAULTS: [Fault; 7] = [
    Fault::NoRoom,
    Fault::Broken,
    Fault::Gone,
    Fault::Short,
    Fault::Torn,
    Fault::Stop,
    Fault::StopNames,
];

fn check(scene: Scene, few: u64) {
    let Some(layer) = layer() else { return };
    let table = Table::new(scene.name());
    let stage = Stage::new(scene);
    let status = stage.live(Some((layer, Fault::NoRoom, 0)));
    assert_eq!(status.code(), Some(0), "{}", stage.said());
    let count = calls(stage.desk.folder.path()).len() as u64;
    say(&format!("{}: {count} calls", scene.name()));
    assert!(count > 30, "the layer sees {count} calls");
    for (seed, fault) in (0..).zip(FAULTS) {
        for at in points(count, few, seed) {
            stage.check(layer, fault, at, &table);
        }
    }
    restore(&stage.before, stage.desk.folder.path());
    stage.live(Some((layer, Fault::Unread, 0)));
    let count = calls(stage.desk.folder.path()).len() as u64;
    for at in points(count, few, 7) {
        stage.check(layer, Fault::Unread, at, &table);
    }
    table.close();
}

#[test]
fn a_service_that_starts_for_the_first_time_goes_on() {
    check(Scene::First, 6);
}

#[test]
fn a_service_goes_on_while_its_log_is_rotated() {
    check(Scene::Later, 6);
}

/// Runs a scene once as it is, and then with some of the calls on a file that fail in this way.
fn check_calls(scene: Scene, what: &str, file: &str, fault: Fault, some: usize) {
    let Some(layer) = layer() else { return };
    let table = Table::new(scene.name());
    let stage = Stage::new(scene);
    assert_eq!(stage.live(Some((layer, fault, 0))).code(), Some(0), "{}", stage.said());
    let numbers = numbers_of(stage.desk.folder.path(), what, file);
    assert!(numbers.len() >= some, "{} calls", numbers.len());
    for at in numbers.iter().step_by(numbers.len() / some).take(some) {
        stage.check(layer, fault, *at, &table);
    }
    table.assert_clean();
}

/// The key under which contents of logs have names was not durable, and without it no log is known again.
#[test]
fn logs_are_known_again_after_the_machine_stopped() {
    check_calls(Scene::First, "rename", "state/state.json", Fault::Stop, 3);
}

/// It was taken for another one and read from its beginning.
#[test]
fn a_log_that_cannot_be_read_at_the_start_is_not_taken_for_another() {
    check_calls(Scene::Later, "read", "access.log", Fault::Unread, 6);
}
