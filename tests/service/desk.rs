//! A service for a test, in a folder of its own.

use std::{
    collections::BTreeMap,
    fs,
    os::unix::net::UnixStream,
    path::PathBuf,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use crate::program::{Folder, TAMIS, run_in};

/// How long something may take that is asserted: a loaded machine is slow, and nothing is measured here.
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) struct Desk {
    pub(crate) folder: Folder,
}

impl Desk {
    /// A folder with a configuration, whose paths stand in it as `{}`.
    pub(crate) fn new(configuration: &str) -> Self {
        let desk = Self { folder: Folder::new() };
        desk.configure(configuration);
        desk
    }

    pub(crate) fn configure(&self, configuration: &str) {
        let root = self.folder.path().display().to_string();
        fs::write(self.file("tamis.toml"), configuration.replace("{}", &root)).expect("ours");
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.folder.file(name)
    }

    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(TAMIS);
        command.args(["serve", "--config"]).arg(self.file("tamis.toml"));
        command.env_remove("NOTIFY_SOCKET").env_remove("JOURNAL_STREAM").stdin(Stdio::null());
        command.env("RUNTIME_DIRECTORY", self.file("run"));
        command
    }

    pub(crate) fn start(&self) -> Running {
        let log = fs::OpenOptions::new().create(true).append(true).open(self.file("service.err"));
        let mut command = self.command();
        let child = command.stdout(Stdio::null()).stderr(log.expect("ours")).spawn();
        Running(child.expect("the program starts"))
    }

    /// The paths of all clean records, in which tests have their numbers, with how often each is there.
    pub(crate) fn numbers(&self) -> BTreeMap<u64, usize> {
        let mut numbers = BTreeMap::new();
        for entry in fs::read_dir(self.file("clean")).into_iter().flatten().flatten() {
            let text = fs::read_to_string(entry.path()).unwrap_or_default();
            for line in text.lines() {
                if let Ok(record) = serde_json::from_str::<serde_json::Value>(line)
                    && let Some(number) = record["bytes"].as_u64()
                {
                    *numbers.entry(number).or_default() += 1;
                }
            }
        }
        numbers
    }

    /// Waits until there are so many records.
    pub(crate) fn wait_for(&self, count: usize) {
        if !self.come_along(count) {
            let log = fs::read_to_string(self.file("service.err")).unwrap_or_default();
            panic!("{} records of {count}, and no more come\n{log}", self.numbers().len());
        }
    }

    /// Waits until there are so many records, as long as more of them come now and then: how long that takes says
    /// something of the machine. Looks no longer than it waits, for the service needs the machine too.
    fn come_along(&self, count: usize) -> bool {
        let (mut most, mut since) = (0, Instant::now());
        while since.elapsed() < PATIENCE {
            let begun = Instant::now();
            let found = self.numbers().len();
            if found >= count {
                return true;
            }
            if found > most {
                (most, since) = (found, Instant::now());
            }
            thread::sleep(begun.elapsed().max(Duration::from_millis(20)));
        }
        false
    }

    /// Waits until all numbers up to `count` are there, or says which are not.
    #[track_caller]
    pub(crate) fn wait_for_each(&self, count: u64) {
        if !self.come_along(count as usize) {
            self.assert_each_once(count);
        }
    }

    /// What is said from now on is what [`Self::wait_for_start`] looks at.
    pub(crate) fn forget_what_was_said(&self) {
        let _ = fs::rename(self.file("service.err"), self.file("service.err.before"));
    }

    /// Waits until the service says that it has started.
    pub(crate) fn wait_for_start(&self) {
        self.wait("the start", || {
            fs::read_to_string(self.file("service.err")).is_ok_and(|said| said.contains("started"))
        });
    }

    pub(crate) fn wait(&self, what: &str, is_it: impl Fn() -> bool) {
        let since = Instant::now();
        while !is_it() {
            let log = fs::read_to_string(self.file("service.err")).unwrap_or_default();
            assert!(
                since.elapsed() < PATIENCE,
                "{what} did not come; {} records\n{log}",
                self.numbers().len()
            );
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// Fails unless each of the numbers up to `count` is there exactly once.
    #[track_caller]
    pub(crate) fn assert_each_once(&self, count: u64) {
        let numbers = self.numbers();
        let lost: Vec<_> =
            (1..=count).filter(|number| !numbers.contains_key(number)).take(9).collect();
        let twice: Vec<_> = numbers.iter().filter(|(_, count)| **count > 1).take(9).collect();
        let log = fs::read_to_string(self.file("service.err")).unwrap_or_default();
        assert!(lost.is_empty() && twice.is_empty(), "lost {lost:?}, twice {twice:?}\n{log}");
        assert_eq!(numbers.len() as u64, count);
    }

    /// How many requests a store has counted.
    pub(crate) fn requests(&self, store: &str) -> u64 {
        let args = ["report", "export", "--store", store, "--to", "json"];
        let done = run_in(self.folder.path(), &args, b"");
        assert_eq!(done.status, 0, "{}", done.err());
        let report: serde_json::Value = serde_json::from_slice(&done.stdout).expect("JSON");
        report["totals"]["requests"].as_u64().expect("a number")
    }

    /// What the service says of itself under `path`.
    pub(crate) fn ask(&self, path: &str) -> Option<String> {
        use std::io::{Read as _, Write as _};
        let mut stream = UnixStream::connect(self.file("metrics.sock")).ok()?;
        write!(stream, "GET {path} HTTP/1.1\r\n\r\n").ok()?;
        let mut text = String::new();
        stream.read_to_string(&mut text).ok()?;
        Some(text)
    }
}

/// A line of a log with a number in it, from an address that must not come out.
pub(crate) fn line(number: u64) -> String {
    format!(
        "203.0.113.77 - alice [22/Nov/2026:14:05:37 +0000] \"GET / HTTP/1.1\" 200 {number} \
         \"https://example.com/canary?mail=alice%40example.com\" \"Mozilla/5.0\"\n"
    )
}

pub(crate) struct Running(pub(crate) Child);

impl Running {
    pub(crate) fn kill(mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }

    pub(crate) fn signal(&self, name: &str) {
        let pid = self.0.id().to_string();
        let done = Command::new("kill").args([name, &pid]).status().expect("kill is there");
        assert!(done.success());
    }

    /// Asks it to stop, and gives its exit code.
    pub(crate) fn stop(mut self) -> Option<i32> {
        self.signal("-TERM");
        self.0.wait().expect("it ends").code()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
