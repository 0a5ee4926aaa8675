//! What a recipe is tried with: a folder, real servers on loopback, requests that can be told apart afterwards, and
//! the records that came of them.

use std::{
    collections::BTreeMap,
    env, fs,
    io::{self, Read as _, Seek as _, SeekFrom, Write as _},
    net::{TcpListener, TcpStream},
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread::{scope, sleep},
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::program::{Folder, TAMIS};

/// How long something that must become true may take, on a machine that is busy with something else.
const PATIENCE: Duration = Duration::from_secs(60);
/// Words that no policy takes for identifiers.
const WORDS: [&str; 8] = ["red", "blue", "green", "black", "white", "brown", "pink", "grey"];
/// How often logs rotate while requests come.
const ROTATIONS: usize = 3;

/// How many requests each recipe gets. `make slow` asks for 20,000.
pub(crate) fn requests() -> usize {
    env::var("TAMIS_REQUESTS").ok().and_then(|count| count.parse().ok()).unwrap_or(300)
}

/// The path by which a request is known in its record.
fn path_of(mut id: usize) -> String {
    let mut path = String::new();
    for _ in 0..5 {
        path.push('/');
        path.push_str(WORDS[id % WORDS.len()]);
        id /= WORDS.len();
    }
    path
}

/// A sample as it stands in the project, with what is different here.
pub(crate) fn recipe(name: &str, changes: &[(&str, &str)]) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("samples/recipes").join(name);
    let mut text = fs::read_to_string(path).expect("the recipe is part of the package");
    for (from, to) in changes {
        assert!(text.contains(from), "{name}: {from} is to be changed and not there");
        text = text.replace(from, to);
    }
    text
}

/// Whether a program of Debian's is there; if not, says so past the test harness.
pub(crate) fn is_there(program: &str) -> bool {
    let path = env::var_os("PATH").unwrap_or_default();
    let is_there = env::split_paths(&path)
        .chain([PathBuf::from("/usr/sbin")])
        .any(|folder| folder.join(program).is_file());
    if !is_there {
        let _ =
            writeln!(io::stderr(), "\n*** {program} is not there: its recipes are not tried ***");
    }
    is_there
}

/// Waits until something is true.
pub(crate) fn soon(what: &str, is_true: impl Fn() -> bool) {
    let begun = Instant::now();
    while !is_true() {
        assert!(begun.elapsed() < PATIENCE, "{what}: not after {PATIENCE:?}");
        sleep(Duration::from_millis(5));
    }
}

/// A folder with servers in it, which end with it.
pub(crate) struct Stage {
    folder: Folder,
    children: Vec<(String, Child)>,
    /// Where requests go.
    pub(crate) port: u16,
    /// Another one.
    pub(crate) other: u16,
    /// How many requests are sent before their records are waited for.
    pub(crate) at_once: usize,
    /// Of each file of records by its number, how much of it was counted, and how many records that were.
    counted: Mutex<BTreeMap<u64, (u64, usize)>>,
}

impl Stage {
    pub(crate) fn new() -> Self {
        let (folder, children) = (Folder::new(), Vec::new());
        let (port, other, counted) = (free_port(), free_port(), Mutex::default());
        Self { folder, children, port, other, at_once: usize::MAX, counted }
    }

    /// A path in the folder, as text.
    pub(crate) fn path(&self, name: &str) -> String {
        self.folder.file(name).display().to_string()
    }

    /// Writes a file.
    pub(crate) fn write(&self, name: &str, text: &str) -> String {
        fs::write(self.folder.file(name), text).expect("the folder is ours");
        self.path(name)
    }

    /// Starts a program, whose messages go to a file.
    pub(crate) fn start(&mut self, name: &str, program: &str, args: &[&str]) {
        let log =
            fs::File::create(self.folder.file(&format!("{name}.err"))).expect("the folder is ours");
        let path = format!("{}:/usr/sbin", env::var("PATH").unwrap_or_default());
        let child = Command::new(program)
            .args(args)
            .current_dir(self.folder.path())
            .env("PATH", path)
            .env("HOME", self.folder.path())
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a file can be shared"))
            .stderr(log)
            .spawn();
        self.children.push((name.to_owned(), child.expect("the program is there")));
    }

    /// Starts the service with a recipe's sources.
    pub(crate) fn serve(&mut self, sources: &str) {
        let config = self.config(sources);
        self.start("tamis", TAMIS, &["serve", "--config", &config]);
        let socket = self.folder.file("metrics.sock");
        soon("the service starts", || socket.exists());
    }

    /// Writes the service's configuration.
    pub(crate) fn config(&self, sources: &str) -> String {
        let text = format!(
            "policy = \"baseline\"\nstate_dir = \"{}\"\ncommit = \"20ms\"\n{sources}\n\
             [sink]\nkind = \"file\"\npath = \"{}\"\n[metrics]\nlisten = \"{}\"\n",
            self.path("state"),
            self.path("clean.jsonl"),
            self.path("metrics.sock"),
        );
        self.write("tamis.toml", &text)
    }

    /// Waits until the server answers.
    pub(crate) fn answers(&self) {
        soon("the server starts", || TcpStream::connect(("127.0.0.1", self.port)).is_ok());
    }

    /// Sends a signal to a program.
    pub(crate) fn signal(&self, name: &str, signal: Signal) {
        let (_, child) = self.children.iter().find(|(its, _)| its == name).expect("it was started");
        kill_process(Pid::from_child(child), signal).expect("it runs");
    }

    /// Moves a file away, as logrotate does.
    pub(crate) fn move_away(&self, name: &str, turn: usize) {
        let (from, to) = (self.folder.file(name), self.folder.file(&format!("{name}.{turn}")));
        // Who has nothing to write makes no file.
        if from.exists() {
            fs::rename(from, to).expect("it was there");
        }
    }

    /// Moves the clean log away and has the service open a new one.
    pub(crate) fn rotate_clean(&self, turn: usize) {
        self.move_away("clean.jsonl", turn);
        self.signal("tamis", Signal::HUP);
    }

    /// Sends all requests while logs rotate, and compares: each has its record, and there is no other.
    pub(crate) fn try_out(&mut self, rotate: impl Fn(&Self, usize)) {
        let (count, sent) = (requests(), AtomicUsize::new(0));
        let stage = &*self;
        scope(|scope| {
            let sender = scope.spawn(|| {
                for id in 0..count {
                    stage.ask(id);
                    sent.store(id + 1, Ordering::SeqCst);
                    if (id + 1) % stage.at_once == 0 {
                        soon("records of what was sent", || stage.records() > id);
                    }
                }
            });
            for turn in 1..=ROTATIONS {
                let due = count * turn / (ROTATIONS + 1);
                while sent.load(Ordering::SeqCst) < due && !sender.is_finished() {
                    sleep(Duration::from_millis(1));
                }
                rotate(stage, turn);
            }
        });
        let begun = Instant::now();
        while self.records() < count && begun.elapsed() < PATIENCE {
            sleep(Duration::from_millis(20));
        }
        self.end();
        let found = self.paths();
        let expected: BTreeMap<_, _> = (0..count).map(|id| (path_of(id), 1)).collect();
        let missing = expected.keys().filter(|path| !found.contains_key(*path)).count();
        let twice = found.values().filter(|times| **times > 1).count();
        assert!(
            found == expected,
            "of {count} requests {missing} are missing and {twice} are there twice; {} records\n{}",
            found.values().sum::<usize>(),
            self.messages()
        );
    }

    /// One request on a connection of its own.
    fn ask(&self, id: usize) {
        let answer = self.answer(self.port, &path_of(id));
        assert!(answer.starts_with("HTTP/1.1 200 "), "{:?}", answer.lines().next());
    }

    /// What a server says.
    pub(crate) fn answer(&self, port: u16, path: &str) -> String {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("the server listens");
        let host = format!("127.0.0.1:{port}");
        let agent = "User-Agent: curl/8.5.0\r\nConnection: close";
        // In one piece: a second small one would wait for the first to be acknowledged.
        let request = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n{agent}\r\n\r\n");
        stream.write_all(request.as_bytes()).expect("the server reads");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("the server answers");
        answer
    }

    fn clean(&self) -> Vec<u8> {
        let files =
            self.folder.contents().into_iter().filter(|(name, _)| name.starts_with("clean.jsonl"));
        files.flat_map(|(_, content)| content).collect()
    }

    /// How many records there are. Of each file only what is new is read: this is asked for often.
    fn records(&self) -> usize {
        let mut counted = self.counted.lock().expect("nobody panics with it");
        for entry in fs::read_dir(self.folder.path()).expect("the folder is ours").flatten() {
            if !entry.file_name().as_encoded_bytes().starts_with(b"clean.jsonl") {
                continue;
            }
            let Ok(mut file) = fs::File::open(entry.path()) else { continue };
            let inode = file.metadata().expect("it is open").ino();
            let (length, lines) = counted.entry(inode).or_default();
            let mut new = Vec::new();
            file.seek(SeekFrom::Start(*length)).expect("a file has places");
            file.read_to_end(&mut new).expect("it can be read");
            *length += new.len() as u64;
            *lines += new.iter().filter(|byte| **byte == b'\n').count();
        }
        counted.values().map(|(_, lines)| lines).sum()
    }

    /// How often each path is told.
    pub(crate) fn paths(&self) -> BTreeMap<String, usize> {
        let mut found = BTreeMap::new();
        for line in self.clean().split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            let record: Value = serde_json::from_slice(line).expect("a record is JSON");
            *found.entry(record["path"].as_str().unwrap_or_default().to_owned()).or_default() += 1;
        }
        found
    }

    fn messages(&self) -> String {
        let contents = self.folder.contents().into_iter();
        let messages = contents.filter(|(name, _)| name.ends_with(".err"));
        messages
            .map(|(name, text)| format!("{name}: {}\n", str::from_utf8(&text).unwrap_or("no text")))
            .collect()
    }

    /// Ends what was started, the last first, and waits for it.
    fn end(&mut self) {
        for (_, mut child) in self.children.drain(..).rev() {
            let _ = kill_process(Pid::from_child(&child), Signal::TERM);
            let begun = Instant::now();
            while matches!(child.try_wait(), Ok(None)) && begun.elapsed() < PATIENCE {
                sleep(Duration::from_millis(10));
            }
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        self.end();
    }
}

/// A port that nobody has at this moment.
pub(crate) fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("loopback has a free port");
    listener.local_addr().expect("it was bound").port()
}
