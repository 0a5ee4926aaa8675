//! Records that go to sockets: whoever takes them may go away and come back.

use std::{
    collections::BTreeSet,
    fs::{self, OpenOptions},
    io::{BufRead as _, BufReader, Read, Write as _},
    net::TcpListener,
    os::unix::net::UnixListener,
};

use crate::desk::{Desk, line};

const CONFIGURATION: &str = r#"
policy = "baseline"
state_dir = "{}/state"
commit = "20ms"
[[source]]
kind = "file"
path = "{}/access.log"
[sink]
SINK
[metrics]
listen = "{}/metrics.sock"
"#;

fn add(desk: &Desk, numbers: std::ops::RangeInclusive<u64>) {
    let log = OpenOptions::new().create(true).append(true).open(desk.file("access.log"));
    let text: String = numbers.map(line).collect();
    log.expect("ours").write_all(text.as_bytes()).expect("ours");
}

/// Reads records until that with a number was there.
fn read_to(stream: impl Read, last: u64, found: &mut BTreeSet<u64>) -> usize {
    let mut count = 0;
    for record in BufReader::new(stream).lines() {
        let record: serde_json::Value =
            serde_json::from_str(&record.expect("text")).expect("a whole record");
        let number = record["bytes"].as_u64().expect("it has a number");
        found.insert(number);
        count += 1;
        if number == last {
            break;
        }
    }
    count
}

#[test]
fn no_record_is_lost_when_a_peer_at_a_unix_socket_comes_back() {
    let sink = "kind = \"unix-stream\"\nconnect = \"{}/peer.sock\"";
    let desk = Desk::new(&CONFIGURATION.replace("SINK", sink));
    add(&desk, 1..=5_000);
    let running = desk.start();
    // Nobody is there: it waits, and says so.
    desk.wait("the waiting", || {
        desk.ask("/health").is_some_and(|text| text.contains("WAITING for room: output"))
    });
    let mut found = BTreeSet::new();
    let mut taken = 0;
    for (part, last) in [(1_u64, 700), (2, 3_000), (3, 9_000)] {
        let path = desk.file("peer.sock");
        let _ = fs::remove_file(&path);
        let listener = UnixListener::bind(path).expect("a socket");
        let (stream, _) = listener.accept().expect("it connects");
        if part == 3 {
            add(&desk, 5_001..=9_000);
        }
        // It goes away in the middle, with much unread.
        taken += read_to(stream, last, &mut found);
    }
    assert_eq!(running.stop(), Some(0));
    assert_eq!(found, (1..=9_000).collect(), "each is there at least once");
    assert!(taken < 9_000 + 2 * 3_000, "{taken}: little is there twice");
}

#[test]
fn records_go_to_an_address_of_this_machine() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("bound");
    let sink = format!("kind = \"tcp\"\nconnect = \"{address}\"\nemit = \"jsonl\"");
    let desk = Desk::new(&CONFIGURATION.replace("SINK", &sink));
    add(&desk, 1..=100);
    let running = desk.start();
    let (stream, _) = listener.accept().expect("it connects");
    let mut found = BTreeSet::new();
    read_to(stream.try_clone().expect("shared"), 100, &mut found);
    // What was committed does not come again.
    desk.wait("the commit", || {
        fs::read_to_string(desk.file("state/state.json"))
            .is_ok_and(|state| state.contains("\"clean\":100"))
    });
    running.kill();
    drop(stream);
    let running = desk.start();
    add(&desk, 101..=200);
    let (stream, _) = listener.accept().expect("it connects");
    assert_eq!(read_to(stream, 200, &mut found), 100);
    assert_eq!(running.stop(), Some(0));
    assert_eq!(found, (1..=200).collect());
}

#[test]
fn what_nobody_took_when_it_was_stopped_is_read_again() {
    let sink = "kind = \"unix-stream\"\nconnect = \"{}/peer.sock\"";
    let desk = Desk::new(&CONFIGURATION.replace("SINK", sink));
    add(&desk, 1..=10);
    let running = desk.start();
    desk.wait("the waiting", || {
        desk.ask("/health").is_some_and(|text| text.contains("WAITING for room: output"))
    });
    assert_eq!(running.stop(), Some(1), "it gives up after a while");
    let listener = UnixListener::bind(desk.file("peer.sock")).expect("a socket");
    let running = desk.start();
    let (stream, _) = listener.accept().expect("it connects");
    let mut found = BTreeSet::new();
    assert_eq!(read_to(stream, 10, &mut found), 10);
    assert_eq!(running.stop(), Some(0));
    let log = fs::read_to_string(desk.file("service.err")).expect("it is there");
    assert!(log.contains("sources wait until somebody takes them"), "{log}");
}
