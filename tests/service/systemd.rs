//! What systemd and servers that run as root give: sockets by name, credentials, and another user to become.

use std::{
    collections::BTreeMap,
    fs::{self, OpenOptions},
    io::Write as _,
    net::TcpStream,
    os::unix::{
        fs::{MetadataExt as _, PermissionsExt as _, chown},
        net::{UnixDatagram, UnixStream},
    },
    process::{Command, Stdio},
    thread::sleep,
    time::Duration,
};

use crate::{
    desk::{Desk, Running, line},
    program::TAMIS,
    sealed::{self, ALL, say_loudly},
};

const CONFIGURATION: &str = r#"
policy = "baseline"
state_dir = "{}/state"
commit = "20ms"
[[source]]
kind = "KIND"
listen = "systemd:in"
[sink]
kind = "file"
path = "{}/clean/access.jsonl"
"#;

const ACTIVATE: &str = "systemd-socket-activate";

/// Starts the service through `systemd-socket-activate`, which waits for the first who says something.
fn activated(kind: &str, place: &str, options: &[&str]) -> Option<(Desk, Running)> {
    if Command::new(ACTIVATE).arg("--version").stdout(Stdio::null()).status().is_err() {
        say_loudly("there is no systemd-socket-activate");
        return None;
    }
    let desk = Desk::new(&CONFIGURATION.replace("KIND", kind));
    let place = place.replace("{}", &desk.folder.path().display().to_string());
    let log = OpenOptions::new().create(true).append(true).open(desk.file("service.err"));
    let mut command = Command::new(ACTIVATE);
    command.args(["--listen", &place, "--fdname=in"]).args(options);
    command.arg(format!("--setenv=RUNTIME_DIRECTORY={}", desk.file("run").display()));
    command.args([TAMIS, "serve", "--config"]).arg(desk.file("tamis.toml"));
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log.expect("ours"));
    Some((desk, Running(command.spawn().expect("it starts"))))
}

#[test]
fn a_stream_of_systemd_is_known_by_its_name() {
    let Some((desk, running)) = activated("unix-stream", "{}/in.sock", &[]) else { return };
    desk.wait("the socket", || UnixStream::connect(desk.file("in.sock")).is_ok());
    for number in 1..=3 {
        let mut stream = UnixStream::connect(desk.file("in.sock")).expect("it listens");
        stream.write_all(line(number).as_bytes()).expect("sent");
    }
    desk.wait_for_each(3);
    assert_eq!(running.stop(), Some(0));
    desk.assert_each_once(3);
}

#[test]
fn datagrams_of_systemd_are_known_by_its_name() {
    let Some((desk, running)) = activated("unix-datagram", "{}/in.sock", &["--datagram"]) else {
        return;
    };
    let socket = UnixDatagram::unbound().expect("a socket");
    desk.wait("the socket", || socket.connect(desk.file("in.sock")).is_ok());
    for number in 1..=3 {
        socket.send(line(number).as_bytes()).expect("sent");
    }
    desk.wait_for_each(3);
    assert_eq!(running.stop(), Some(0));
    desk.assert_each_once(3);
}

#[test]
fn tcp_of_systemd_is_known_by_its_name_and_nothing_else_is() {
    let address = format!("127.0.0.1:{}", crate::senders::port());
    let Some((desk, running)) = activated("tcp", &address, &[]) else { return };
    desk.wait("the socket", || TcpStream::connect(&address).is_ok());
    let mut stream = TcpStream::connect(&address).expect("it listens");
    stream.write_all((line(1) + &line(2)).as_bytes()).expect("sent");
    desk.wait_for_each(2);
    drop(stream);
    assert_eq!(running.stop(), Some(0));
    desk.assert_each_once(2);
    // Without systemd there is no such socket.
    let done = crate::program::finish(&mut desk.command(), b"");
    assert_eq!(done.status, 1);
    assert!(done.err().contains("systemd gave no socket named \"in\""), "{}", done.err());
}

const PIPED: &str = r#"
policy = "baseline"
state_dir = "{}/state"
commit = "20ms"
[[source]]
kind = "stdin"
[sink]
kind = "file"
path = "{}/clean/access.jsonl"
"#;

/// Whom Apache's logger becomes.
const USER: &str = "nobody";

#[test]
fn started_as_root_it_becomes_somebody_else_for_good() {
    let own = fs::metadata("/proc/self").expect("it is there").uid();
    let passwd = fs::read_to_string("/etc/passwd").unwrap_or_default();
    let ids = passwd.lines().find_map(|entry| {
        let mut fields = entry.strip_prefix(USER)?.strip_prefix(':')?.split(':').skip(1);
        Some((fields.next()?.parse::<u32>().ok()?, fields.next()?.parse::<u32>().ok()?))
    });
    let Some((user, group)) = ids.filter(|_| own == 0) else {
        say_loudly("only root can become somebody else");
        return;
    };
    let desk = Desk::new(PIPED);
    chown(desk.folder.path(), Some(user), Some(group)).expect("root may");
    let mut command = desk.command();
    let mut child =
        command.args(["--user", USER]).stdin(Stdio::piped()).spawn().expect("it starts");
    let mut stdin = child.stdin.take().expect("piped");
    let running = Running(child);
    stdin.write_all(line(1).as_bytes()).expect("it reads");
    desk.wait_for(1);
    let status = fs::read_to_string(format!("/proc/{}/status", running.0.id())).expect("it runs");
    let fields: BTreeMap<_, _> = status.lines().filter_map(|line| line.split_once(":\t")).collect();
    // Real, effective, saved and for files: none is root's, so there is no way back; and nothing of root's groups.
    assert_eq!(fields["Uid"], [user; 4].map(|id| id.to_string()).join("\t"));
    assert_eq!(fields["Gid"], [group; 4].map(|id| id.to_string()).join("\t"));
    assert!(!fields["Groups"].split(' ').any(|id| id == "0"), "{}", fields["Groups"]);
    for set in ["CapPrm", "CapEff", "CapInh"] {
        assert_eq!(u64::from_str_radix(fields[set], 16), Ok(0), "{set}");
    }
    let clean = fs::metadata(desk.file("clean")).expect("it was made");
    assert_eq!((clean.uid(), clean.mode() & 0o777), (user, 0o750));
    // Asked to stop as Apache does, it reads to the end of the pipe.
    running.signal("-TERM");
    sleep(Duration::from_millis(50));
    stdin.write_all(line(2).as_bytes()).expect("it reads on");
    drop(stdin);
    let mut running = running;
    assert_eq!(running.0.wait().expect("it ends").code(), Some(0));
    desk.assert_each_once(2);
}

#[test]
fn nobody_else_can_become_somebody() {
    let desk = Desk::new(PIPED);
    let mut command = desk.command();
    let done = crate::program::finish(command.args(["--user", "no-such-user"]), b"");
    assert_eq!(done.status, 2);
    assert!(done.err().contains("there is no such user"), "{}", done.err());
}

const SEALING: &str = r#"
policy = "{}/all.toml"
state_dir = "{}/state"
[[source]]
kind = "stdin"
[sink]
kind = "file"
path = "{}/clean/access.jsonl"
[quarantine]
dir = "QUARANTINE"
"#;

#[test]
fn recipients_that_are_not_those_of_the_credential_get_nothing() {
    let (desk, other) = (sealed::Desk::new(), sealed::Desk::new());
    let root = desk.folder.path().display().to_string();
    let configuration = SEALING.replace("QUARANTINE", &desk.root().display().to_string());
    desk.write("tamis.toml", configuration.replace("{}", &root));
    desk.write("all.toml", ALL);
    let credentials = desk.folder.file("credentials");
    fs::create_dir(&credentials).expect("ours");
    let recipients = |of: &sealed::Desk| of.root().join("recipients.toml");
    let run = || {
        let mut command = Command::new(TAMIS);
        command.args(["serve", "--config"]).arg(desk.folder.file("tamis.toml"));
        command.env("CREDENTIALS_DIRECTORY", &credentials).env_remove("NOTIFY_SOCKET");
        crate::program::finish(&mut command, line(1).as_bytes())
    };
    fs::copy(recipients(&desk), credentials.join("recipients")).expect("ours");
    let done = run();
    assert_eq!(done.status, 0, "{}", done.err());
    let credential = credentials.join("recipients");
    fs::set_permissions(&credential, fs::Permissions::from_mode(0o600)).expect("ours");
    fs::copy(recipients(&other), &credential).expect("ours");
    let done = run();
    assert_eq!(done.status, 1);
    assert!(done.err().contains("are not those of the credential"), "{}", done.err());
    assert_eq!(desk.opened().len(), 1, "what came first is sealed, and nothing after it");
}
