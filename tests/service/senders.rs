//! Every kind of sender, in the very framing that was seen of it.

use std::{
    fs,
    io::{BufRead as _, BufReader, Write as _},
    net::{TcpStream, UdpSocket},
    os::unix::net::{UnixDatagram, UnixStream},
    process::Stdio,
    thread,
    time::{Duration, Instant},
};

use crate::desk::{Desk, line};

const CONFIGURATION: &str = r#"
policy = "baseline"
state_dir = "{}/state"
commit = "50ms"
[[source]]
kind = "unix-datagram"
listen = "{}/log.sock"
[[source]]
kind = "unix-stream"
listen = "{}/stream.sock"
[[source]]
kind = "udp"
listen = "127.0.0.1:UDP"
[[source]]
kind = "tcp"
listen = "127.0.0.1:TCP"
[[source]]
kind = "fifo"
path = "{}/fifo"
[sink]
kind = "file"
path = "{}/clean/access.jsonl"
[metrics]
listen = "{}/metrics.sock"
"#;

/// A port that nobody has.
pub(crate) fn port() -> u16 {
    let socket = std::net::TcpListener::bind("127.0.0.1:0").expect("there is a port");
    socket.local_addr().expect("bound").port()
}

fn bare(number: u64) -> String {
    line(number).trim_end().to_owned()
}

#[test]
fn lines_of_all_senders_come_out_once() {
    let (udp, tcp) = (port(), port());
    let configuration =
        CONFIGURATION.replace("UDP", &udp.to_string()).replace("TCP", &tcp.to_string());
    let desk = Desk::new(&configuration);
    fs::create_dir(desk.file("clean")).expect("ours");
    let running = desk.start();
    desk.wait("the socket", || desk.ask("/health").is_some_and(|text| text.contains("200 OK")));
    let datagram = UnixDatagram::unbound().expect("a socket");
    datagram.connect(desk.file("log.sock")).expect("it listens");
    // nginx, with and without a host; HAProxy and its newline.
    for head in ["<190>Nov 22 00:19:16 vm nginx: ", "<190>Nov 22 00:19:16 nginx: ", ""] {
        let number = ["<190>Nov 22 00:19:16 vm nginx: ", "<190>Nov 22 00:19:16 nginx: ", ""]
            .iter()
            .position(|known| *known == head)
            .expect("it is one of them") as u64;
        let end = if head.is_empty() { "\n" } else { "" };
        datagram.send(format!("{head}{}{end}", bare(number + 1)).as_bytes()).expect("sent");
    }
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    socket.connect(("127.0.0.1", udp)).expect("it listens");
    let rfc5424 =
        |number| format!("<190>1 2026-11-22T00:19:16+00:00 vm nginx - - -  {}", bare(number));
    socket.send(rfc5424(4).as_bytes()).expect("sent");
    let mut stream = TcpStream::connect(("127.0.0.1", tcp)).expect("it listens");
    for (number, end) in [(5, ""), (6, "\n"), (7, "\r\n")] {
        // What rsyslog counts may have an end.
        let frame = rfc5424(number) + end;
        // Octets counted, in two pieces.
        let text = format!("{} {frame}", frame.len());
        stream.write_all(&text.as_bytes()[..2]).expect("sent");
        stream.flush().expect("sent");
        stream.write_all(&text.as_bytes()[2..]).expect("sent");
    }
    drop(stream);
    let mut stream = TcpStream::connect(("127.0.0.1", tcp)).expect("it listens");
    writeln!(stream, "{}", rfc5424(8)).expect("sent");
    let mut unix = UnixStream::connect(desk.file("stream.sock")).expect("it listens");
    unix.write_all(bare(9).as_bytes()).expect("sent");
    drop(unix);
    fs::OpenOptions::new()
        .write(true)
        .open(desk.file("fifo"))
        .and_then(|mut fifo| fifo.write_all(line(10).as_bytes()))
        .expect("it reads");
    desk.wait_for(10);
    let metrics = desk.ask("/metrics").expect("it answers");
    assert!(metrics.contains("tamis_source_bytes_total{source=\"5\",kind=\"fifo\"}"), "{metrics}");
    let status = desk.ask("/status").expect("it answers");
    let state = fs::read_to_string(desk.file("state/state.json")).expect("it is there");
    assert_eq!(running.stop(), Some(0));
    desk.assert_each_once(10);
    let log = fs::read_to_string(desk.file("service.err")).expect("it is there");
    for (what, text) in [("metrics", metrics), ("status", status), ("state", state), ("log", log)] {
        for canary in ["203.0.113.77", "alice", "canary"] {
            assert!(!text.contains(canary), "{what}");
        }
    }
}

const STDIN: &str = r#"
policy = "baseline"
state_dir = "{}/state"
commit = "1s"
[[source]]
kind = "stdin"
confirm = true
[sink]
kind = "file"
path = "{}/clean/access.jsonl"
"#;

#[test]
fn omprog_hears_ok_for_each_line_once_it_is_durable() {
    let desk = Desk::new(STDIN);
    fs::create_dir(desk.file("clean")).expect("ours");
    let mut command = desk.command();
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("it starts");
    let mut stdin = child.stdin.take().expect("piped");
    let mut answers = BufReader::new(child.stdout.take().expect("piped")).lines();
    assert_eq!(answers.next().expect("an answer").expect("text"), "OK");
    for number in 1..=20 {
        stdin.write_all(line(number).as_bytes()).expect("it reads");
        assert_eq!(answers.next().expect("an answer").expect("text"), "OK");
        assert_eq!(desk.numbers().len() as u64, number);
    }
    let _ = child.kill();
    let _ = child.wait();
    desk.assert_each_once(20);
}

#[test]
fn omprog_loses_no_line_that_was_answered_when_the_program_is_killed() {
    let desk = Desk::new(&STDIN.replace("\"1s\"", "\"10ms\""));
    let mut dice = crate::program::Dice(7);
    let (mut next, mut answered) = (1, 0);
    for _ in 0..12 {
        let mut command = desk.command();
        let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let mut running = crate::desk::Running(child.expect("it starts"));
        let mut stdin = running.0.stdin.take().expect("piped");
        let mut answers = BufReader::new(running.0.stdout.take().expect("piped")).lines();
        assert_eq!(answers.next().expect("an answer").expect("text"), "OK");
        // Several at once, as omprog does in a transaction; what is not answered is sent again to the next one.
        for _ in 0..1 + dice.below(4) {
            let many = 1 + dice.below(9) as u64;
            let text: String = (next..next + many).map(line).collect();
            stdin.write_all(text.as_bytes()).expect("it reads");
            let heard = if dice.below(3) == 0 { dice.below(many as usize) as u64 } else { many };
            for _ in 0..heard {
                assert_eq!(answers.next().expect("an answer").expect("text"), "OK");
            }
            next += heard;
            answered = next - 1;
            if heard < many {
                break;
            }
        }
        running.kill();
        let there = desk.numbers();
        let lost: Vec<_> = (1..=answered).filter(|number| !there.contains_key(number)).collect();
        assert!(lost.is_empty(), "answered and not there: {lost:?}");
    }
    assert!(answered > 20, "{answered}");
}

const UDP: &str = r#"
policy = "baseline"
state_dir = "{}/state"
[[source]]
kind = "udp"
listen = "127.0.0.1:PORT"
[sink]
kind = "file"
path = "{}/clean/access.jsonl"
[metrics]
listen = "{}/metrics.sock"
"#;

#[test]
fn datagrams_that_the_kernel_dropped_are_counted() {
    const SENT: u64 = 60_000;
    let port = port();
    let desk = Desk::new(&UDP.replace("PORT", &port.to_string()));
    let running = desk.start();
    desk.wait("the socket", || desk.ask("/health").is_some_and(|text| text.contains("200 OK")));
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    socket.connect(("127.0.0.1", port)).expect("it listens");
    // Nobody takes them, so that they cannot all fit.
    running.signal("-STOP");
    for number in 1..SENT {
        socket.send(line(number).as_bytes()).expect("sent");
    }
    running.signal("-CONT");
    desk.wait_for(1);
    let number = |name: &str| {
        let metrics = desk.ask("/metrics").unwrap_or_default();
        let found = metrics.lines().find_map(|line| line.strip_prefix(name));
        found.and_then(|number| number.trim().parse::<u64>().ok()).unwrap_or_default()
    };
    let clean = || number("tamis_lines_total{outcome=\"clean\"}");
    let dropped = || number("tamis_source_dropped_total{source=\"1\",kind=\"udp\"}");
    // The kernel tells of it with a datagram that comes after those that it dropped; and may drop that one too.
    let mut sent = SENT - 1;
    for _ in 0..60 {
        sent += 1;
        socket.send(line(sent).as_bytes()).expect("sent");
        let since = Instant::now();
        while clean() + dropped() != sent && since.elapsed() < Duration::from_secs(2) {
            thread::sleep(Duration::from_millis(20));
        }
        if clean() + dropped() == sent {
            break;
        }
    }
    assert_eq!(clean() + dropped(), sent);
    assert!(dropped() > 0, "all of them fitted");
    assert_eq!(running.stop(), Some(0));
    let numbers = desk.numbers();
    assert!(numbers.contains_key(&sent) && numbers.values().all(|times| *times == 1));
}

#[test]
fn asked_to_stop_it_reads_standard_input_to_its_end() {
    let desk = Desk::new(&STDIN.replace("confirm = true\n", ""));
    fs::create_dir(desk.file("clean")).expect("ours");
    let mut command = desk.command();
    let mut child = command.stdin(Stdio::piped()).spawn().expect("it starts");
    let mut stdin = child.stdin.take().expect("piped");
    stdin.write_all(line(1).as_bytes()).expect("it reads");
    desk.wait_for(1);
    let running = crate::desk::Running(child);
    running.signal("-TERM");
    stdin.write_all(line(2).as_bytes()).expect("it reads on");
    stdin.write_all(line(3).trim_end().as_bytes()).expect("it reads on");
    drop(stdin);
    let mut running = running;
    assert_eq!(running.0.wait().expect("it ends").code(), Some(0));
    desk.assert_each_once(3);
}
