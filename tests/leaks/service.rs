//! A service that is fed identifiers by every kind of sender, in lines good and bad, and meets trouble of every kind:
//! none of them is in anything that it says or leaves, and when it crashes nothing of it is left.

use std::{
    fs::{self, OpenOptions},
    io::{self, Read as _, Write as _},
    net::{TcpStream, UdpSocket},
    os::unix::{
        net::{UnixDatagram, UnixStream},
        process::ExitStatusExt as _,
    },
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Command, Stdio},
    sync::{Arc, Mutex},
    thread,
    time::{Duration, Instant},
};

use super::{
    SEARCH, Search, control,
    identifiers::Identifier,
    lines::{Planted, planted},
    log,
    program::{Folder, TAMIS, finish, run_in},
};

/// How long something may take that is asserted.
const PATIENCE: Duration = Duration::from_secs(120);
/// From the documentation of age: nobody needs to open what is sealed here.
const RECIPIENT: &str = "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p";

const CONFIGURATION: &str = r#"
policy = "{}/policy.toml"
state_dir = "{}/state"
commit = "20ms"
[[source]]
kind = "file"
path = "{}/in/access.log"
format = "combined"
[[source]]
kind = "file"
path = "{}/in/other-*.log"
[[source]]
kind = "unix-datagram"
listen = "{}/datagrams.sock"
[[source]]
kind = "unix-stream"
listen = "{}/stream.sock"
format = "combined"
[[source]]
kind = "udp"
listen = "127.0.0.1:PORT"
[[source]]
kind = "tcp"
listen = "127.0.0.1:PORT"
[[source]]
kind = "fifo"
path = "{}/fifo"
[[source]]
kind = "stdin"
[sink]
kind = "file"
path = "{}/clean/access.jsonl"
rotate = { bytes = "1MiB" }
[counts]
store = "{}/counts.db"
[quarantine]
dir = "{}/quarantine"
[metrics]
listen = "{}/metrics.sock"
"#;

/// A service in a folder of its own.
struct Served {
    folder: Folder,
    child: Child,
    stdin: Option<ChildStdin>,
    /// What the service manager was told so far.
    told: Arc<Mutex<Vec<u8>>>,
    port: u16,
}

impl Served {
    fn start() -> Self {
        let folder = Folder::new();
        for name in ["in", "clean"] {
            fs::create_dir(folder.file(name)).expect("the folder is ours");
        }
        let policy = run_in(folder.path(), &["policy", "show", "baseline"], b"");
        fs::write(folder.file("policy.toml"), &policy.stdout).expect("the folder is ours");
        let done = run_in(
            folder.path(),
            &["quarantine", "init", "quarantine", "--security", RECIPIENT],
            b"",
        );
        assert_eq!(done.status, 0, "{}", done.err());
        let port = free_port();
        let notify = UnixDatagram::bind(folder.file("notify.sock")).expect("a socket");
        let told = Arc::new(Mutex::new(Vec::new()));
        let all = Arc::clone(&told);
        // Ends with the test.
        thread::spawn(move || {
            let mut buffer = [0; 8192];
            while let Ok(count) = notify.recv(&mut buffer) {
                all.lock().expect("nobody panics with it").extend_from_slice(&buffer[..count]);
            }
        });
        configure(&folder, port);
        let (child, stdin) = spawn(&folder);
        let served = Self { folder, child, stdin: Some(stdin), told, port };
        served.wait("the service", || served.ask("/health").contains("200 OK"));
        served
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.file(name)
    }

    /// What it says of itself; nothing while it does not listen.
    fn ask(&self, path: &str) -> String {
        let mut text = String::new();
        if let Ok(mut stream) = UnixStream::connect(self.file("metrics.sock")) {
            let _ = write!(stream, "GET {path} HTTP/1.1\r\n\r\n");
            let _ = stream.read_to_string(&mut text);
        }
        text
    }

    fn said(&self) -> String {
        fs::read_to_string(self.file("err")).unwrap_or_default()
    }

    #[track_caller]
    fn wait(&self, what: &str, is_it: impl Fn() -> bool) {
        let since = Instant::now();
        while !is_it() {
            assert!(since.elapsed() < PATIENCE, "{what} did not come\n{}", self.said());
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// How many bytes it has read of each source, and how many lines came through.
    fn read(&self) -> (Vec<u64>, u64) {
        let status = self.ask("/status");
        let body = status.split_once("\r\n\r\n").map_or("{}", |(_, body)| body);
        let status: serde_json::Value = serde_json::from_str(body).expect("JSON");
        let number = |value: &serde_json::Value| value.as_u64().expect("a number");
        let sources = status["sources"].as_array().expect("a list").iter();
        let lines = status["lines"].as_object().into_iter().flatten();
        (sources.map(|it| number(&it["bytes"])).collect(), lines.map(|(_, it)| number(it)).sum())
    }

    fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args([name, &pid]).status().expect("it is there").success());
    }

    /// Asks for a reload, which is refused.
    fn reload_in_vain(&self) {
        let refused = |text: &str| text.matches("reload refused").count();
        let before = refused(&self.said());
        self.signal("-HUP");
        self.wait("a refusal", || refused(&self.said()) > before);
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A port that nobody has.
fn free_port() -> u16 {
    let socket = std::net::TcpListener::bind("127.0.0.1:0").expect("there is a port");
    socket.local_addr().expect("bound").port()
}

fn configure(folder: &Folder, port: u16) {
    let root = folder.path().display().to_string();
    let text = CONFIGURATION.replace("{}", &root).replace("PORT", &port.to_string());
    fs::write(folder.file("tamis.toml"), text).expect("the folder is ours");
}

/// Starts it where a crash may leave as much as it wants.
fn spawn(folder: &Folder) -> (Child, ChildStdin) {
    let open = |name: &str| {
        let file = OpenOptions::new().create(true).append(true).open(folder.file(name));
        file.expect("the folder is ours")
    };
    let mut command = Command::new("sh");
    command.args(["-c", "ulimit -c unlimited; exec \"$0\" serve --config tamis.toml", TAMIS]);
    command.current_dir(folder.path()).env("NOTIFY_SOCKET", folder.file("notify.sock"));
    command.env("JOURNAL_STREAM", "0:0").env("WATCHDOG_USEC", "1000000");
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(open("out"))
        .stderr(open("err"))
        .spawn()
        .expect("it starts");
    let stdin = child.stdin.take().expect("piped");
    (child, stdin)
}

/// Lines that nobody can read, each with an identifier: too long, binary, cut short, of no text.
fn broken(identifiers: &[Identifier]) -> Vec<Vec<u8>> {
    let mut lines = Vec::new();
    for (index, identifier) in identifiers.iter().enumerate().step_by(37) {
        let text = identifier.writings[0].as_bytes();
        lines.push(match index % 5 {
            0 => [text, &b" ".repeat(70_000), text].concat(),
            1 => [b"\0\x01\x02", text, b"\0\xff\xfe"].concat(),
            2 => [b"192.0.2.7 - \xc3", text, b"\xc3 [22/Nov/2026:14:05:37 +0000] \"GET / HT"]
                .concat(),
            3 => [b"{\"ip\":\"", text, b"\", \"unfinished"].concat(),
            _ => [b"\x16\x03\x01\x02", text].concat(),
        });
    }
    lines
}

/// Sends lines by every way; says how many bytes of them cannot get lost, by the number of the source.
fn send(served: &mut Served, lines: &[Planted]) -> Vec<u64> {
    let mut sure = vec![0; 8];
    let part =
        |offset: usize| lines.iter().skip(offset).step_by(6).map(|planted| &planted.line[..]);
    let framed = |line: &[u8]| [b"<190>Nov 22 00:19:16 vm nginx: ", line].concat();
    let datagrams = UnixDatagram::unbound().expect("a socket");
    datagrams.connect(served.file("datagrams.sock")).expect("it listens");
    for line in part(0).map(framed) {
        datagrams.send(&line).expect("it takes lines");
        sure[2] += line.len() as u64;
    }
    let udp = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    udp.connect(("127.0.0.1", served.port)).expect("it listens");
    for line in part(1).map(framed) {
        // Some may get lost.
        let _ = udp.send(&line);
        sure[4] = 1;
    }
    let mut counted = TcpStream::connect(("127.0.0.1", served.port)).expect("it listens");
    for line in part(2).map(framed) {
        let frame = [format!("{} ", line.len()).as_bytes(), &line].concat();
        counted.write_all(&frame).expect("it reads");
        sure[5] += frame.len() as u64;
    }
    let mut stream = UnixStream::connect(served.file("stream.sock")).expect("it listens");
    let mut fifo = OpenOptions::new().write(true).open(served.file("fifo")).expect("it reads");
    let stdin = served.stdin.as_mut().expect("it reads");
    let ways = [(3, &mut stream as &mut dyn io::Write), (6, &mut fifo), (7, stdin)];
    for (offset, (source, way)) in ways.into_iter().enumerate() {
        for line in part(3 + offset) {
            way.write_all(&[line, b"\n"].concat()).expect("it reads");
            sure[source] += line.len() as u64 + 1;
        }
    }
    sure
}

/// Every file below a folder but what was put in, with its name.
fn left(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let (mut found, mut folders) = (Vec::new(), vec![folder.to_owned()]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("ours").flatten() {
            let path = entry.path();
            let is_input =
                ["in", "policy.toml", "tamis.toml"].iter().any(|name| path.ends_with(name));
            match path.symlink_metadata() {
                _ if is_input => {}
                Ok(metadata) if metadata.is_dir() => folders.push(path),
                Ok(metadata) if metadata.is_file() => {
                    // One that is gone by now was there under its name.
                    let bytes = fs::read(&path).unwrap_or_default();
                    found.push((path.display().to_string(), bytes));
                }
                // A socket or a pipe has a name.
                _ => found.push((path.display().to_string(), Vec::new())),
            }
        }
    }
    found
}

fn search_all(search: &Search, folder: &Folder) -> usize {
    let found = left(folder.path());
    for (name, bytes) in &found {
        search.none_in("a name of a file", name.as_bytes());
        search.none_in(name, bytes);
    }
    found.len()
}

#[test]
fn a_service_says_and_leaves_nothing() {
    let search = &*SEARCH;
    let lines = planted("combined", &search.identifiers);
    control(search, &lines);
    let mut served = Served::start();
    fs::write(served.file("in/access.log"), log(&lines)).expect("the folder is ours");
    let mut broken = broken(&search.identifiers);
    assert!(broken.iter().all(|line| search.found(line).next().is_some()));
    broken.push(Vec::new());
    let broken = broken.join(&b'\n');
    fs::write(served.file("in/other-1.log"), &broken).expect("the folder is ours");
    let mut sure = send(&mut served, &lines);
    (sure[0], sure[1]) = (log(&lines).len() as u64, broken.len() as u64);
    served.wait("all bytes", || served.read().0.iter().zip(&sure).all(|(read, sure)| read >= sure));
    served.wait("all lines", || served.read().1 >= lines.len() as u64 * 3 / 2);
    let metrics = served.ask("/metrics");
    for reason in ["clean", "too-long", "not-this-format", "bad-address"] {
        assert!(metrics.contains(&format!("{{outcome=\"{reason}\"}}")), "{metrics}");
    }
    // A log in the place of a policy, and of the configuration.
    let policy = fs::read(served.file("policy.toml")).expect("ours");
    for planted in lines.iter().step_by(lines.len() / 12) {
        fs::write(served.file("policy.toml"), &planted.line).expect("ours");
        served.reload_in_vain();
        fs::write(served.file("policy.toml"), &policy).expect("ours");
        fs::write(served.file("tamis.toml"), &planted.line).expect("ours");
        served.reload_in_vain();
        configure(&served.folder, served.port);
    }
    // Logs that go away and come back as something else.
    fs::rename(served.file("in/access.log"), served.file("in/access.log.1")).expect("ours");
    fs::create_dir(served.file("in/access.log")).expect("ours");
    fs::write(served.file("in/other-1.log"), &lines[0].line).expect("ours");
    for path in ["/metrics", "/status", "/health", "/nothing"] {
        search.none_in(path, served.ask(path).as_bytes());
    }
    for args in
        [&["status", "--config", "tamis.toml"][..], &["status", "--config", "tamis.toml", "--json"]]
    {
        let done = run_in(served.folder.path(), args, b"");
        assert_eq!(done.status, 0, "{}", done.err());
        search.none_in_run("tamis status", &done);
    }
    let told = served.told.lock().expect("nobody panics with it").clone();
    assert!(told.len() > 100);
    search.none_in("what the service manager was told", &told);
    let files = search_all(search, &served.folder);
    assert!(files > 10, "{files} files");
    // The same search finds what somebody leaves there.
    fs::write(served.file("state/left"), &lines[0].line).expect("ours");
    let found = left(served.folder.path());
    let named =
        |name: &str| found.iter().find(|(path, _)| path.ends_with(name)).map(|(_, bytes)| bytes);
    assert!(search.found(named("state/left").expect("it is looked at")).next().is_some());
    for name in
        ["state/state.json", "counts.db", "clean/access.jsonl", "err", "quarantine/MANIFEST.jsonl"]
    {
        assert!(!named(name).unwrap_or_else(|| panic!("{name} is looked at")).is_empty(), "{name}");
    }
    fs::remove_file(served.file("state/left")).expect("ours");
    crash(search, &mut served, &lines);
    trouble(search, &served, &lines);
}

/// Ended by a signal that leaves a core where it may; what lies in memory then lies nowhere afterwards.
fn crash(search: &Search, served: &mut Served, lines: &[Planted]) {
    let limits =
        fs::read_to_string(format!("/proc/{}/limits", served.child.id())).expect("it runs");
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).expect("a limit");
    assert_eq!(core.split_whitespace().skip(4).take(2).collect::<Vec<_>>(), ["0", "0"]);
    for signal in ["-ABRT", "-SEGV"] {
        let mut stream = UnixStream::connect(served.file("stream.sock")).expect("it listens");
        for planted in lines.iter().take(2_000) {
            stream.write_all(&[&planted.line[..], b"\n"].concat()).expect("it reads");
        }
        // Rust's own handler lets one of the second pass that no access to memory was the reason of.
        let mut status = None;
        served.wait("the end", || {
            served.signal(signal);
            !Path::new(&format!("/proc/{}/exe", served.child.id())).exists()
        });
        while status.is_none() {
            status = served.child.try_wait().expect("it ends");
        }
        let status = status.expect("it ended");
        assert!(status.signal().is_some() && !status.core_dumped(), "{status}");
        search_all(search, &served.folder);
        let (child, stdin) = spawn(&served.folder);
        (served.child, served.stdin) = (child, Some(stdin));
        served.wait("the service", || served.ask("/health").contains("200 OK"));
    }
    let control = Command::new("sh")
        .args(["-c", "ulimit -c unlimited; kill -ABRT $$"])
        .current_dir(served.file("in"))
        .status()
        .expect("it starts");
    if !control.core_dumped() {
        let _ =
            writeln!(io::stderr(), "SKIPPED: this machine keeps no core of anybody; see core(5)");
    }
    served.stdin = None;
    served.signal("-TERM");
    let status = served.child.wait().expect("it ends");
    assert_eq!(status.code(), Some(0), "{}", served.said());
}

/// Starts that fail because a file of the service is a log.
fn trouble(search: &Search, served: &Served, lines: &[Planted]) {
    let text = log(&lines[..50]);
    for name in ["state/state.json", "counts.db", "quarantine/MANIFEST.jsonl", "tamis.toml"] {
        let kept = fs::read(served.file(name)).expect("ours");
        fs::write(served.file(name), &text).expect("ours");
        let mut command = Command::new("timeout");
        command.args(["60", TAMIS, "serve", "--config", "tamis.toml"]);
        let done = finish(command.current_dir(served.folder.path()), b"");
        assert!(matches!(done.status, 1 | 2), "{name}: {}, {}", done.status, done.err());
        assert!(!done.err().is_empty(), "{name}");
        search.none_in_run(&format!("a start with a log for {name}"), &done);
        fs::write(served.file(name), kept).expect("ours");
    }
    search_all(search, &served.folder);
}
