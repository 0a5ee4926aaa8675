//! What the service is told and what it says: systemd's words, reloads, checks.

use std::{
    fs::{self, OpenOptions},
    io::{ErrorKind, Read as _, Write as _},
    os::unix::net::UnixDatagram,
    process::Stdio,
    thread,
    time::{Duration, Instant},
};

use crate::{
    desk::{Desk, line},
    program::run_in,
};

const CONFIGURATION: &str = r#"
policy = "{}/policy.toml"
state_dir = "{}/state"
commit = "20ms"
[[source]]
kind = "file"
path = "{}/access.log"
[sink]
kind = "file"
path = "{}/clean/access.jsonl"
[metrics]
listen = "{}/metrics.sock"
"#;

const NARROW: &str = "name = \"own\"\nversion = 1\n[record]\ntime = { grain = \"hour\" }\nstatus = true\n\
                      bytes = { exact = \"always\" }\n[change]\nwidening = \"block\"\n";

fn desk() -> Desk {
    let desk = Desk::new(CONFIGURATION);
    fs::create_dir(desk.file("clean")).expect("ours");
    fs::write(desk.file("policy.toml"), NARROW).expect("ours");
    fs::write(desk.file("access.log"), line(1)).expect("ours");
    desk
}

fn add(desk: &Desk, number: u64) {
    let log = desk.file("access.log");
    let text = fs::read_to_string(&log).expect("ours") + &line(number);
    // In place, as a server does.
    let mut file = fs::OpenOptions::new().append(true).open(&log).expect("ours");
    file.write_all(&text.as_bytes()[text.len() - line(number).len()..]).expect("ours");
}

#[test]
fn systemd_hears_that_it_is_ready_alive_and_stopping() {
    let desk = desk();
    let socket = UnixDatagram::bind(desk.file("notify.sock")).expect("a socket");
    socket.set_read_timeout(Some(Duration::from_secs(30))).expect("settable");
    let mut command = desk.command();
    command.env("NOTIFY_SOCKET", desk.file("notify.sock")).env("WATCHDOG_USEC", "300000");
    let running = crate::desk::Running(command.spawn().expect("it starts"));
    let hear = |what: &str| {
        let mut buffer = [0; 4096];
        loop {
            match socket.recv(&mut buffer) {
                Ok(count) => {
                    let said = str::from_utf8(&buffer[..count]).expect("text");
                    if said.contains(what) {
                        return said.to_owned();
                    }
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => panic!("{what}: {error}"),
            }
        }
    };
    let said = hear("READY=1");
    assert!(said.contains("STATUS=policy "), "{said}");
    hear("WATCHDOG=1");
    hear("STATUS=policy ");
    let before = monotonic();
    running.signal("-HUP");
    let said = hear("RELOADING=1");
    let told = said.lines().find_map(|line| line.strip_prefix("MONOTONIC_USEC=")).expect("a time");
    let told: u64 = told.parse().expect("a number");
    assert!((before..=monotonic()).contains(&told), "{told} is not between");
    hear("READY=1");
    fs::write(desk.file("policy.toml"), "name = ").expect("ours");
    running.signal("-HUP");
    hear("RELOADING=1");
    let said = hear("READY=1");
    assert!(said.contains("STATUS=reload refused"), "{said}");
    running.signal("-TERM");
    hear("STOPPING=1");
    let mut running = running;
    assert_eq!(running.0.wait().expect("it ends").code(), Some(0));
}

/// What systemd compares the time of a reload with, in microseconds.
fn monotonic() -> u64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    u64::try_from(now.tv_sec * 1_000_000 + now.tv_nsec / 1_000).expect("after the start")
}

#[test]
fn the_watchdog_hears_nothing_while_the_service_is_stuck() {
    let sink = "kind = \"file\"\npath = \"{}/clean/access.jsonl\"";
    let desk = Desk::new(&CONFIGURATION.replace(sink, "kind = \"stdout\""));
    fs::write(desk.file("policy.toml"), NARROW).expect("ours");
    fs::write(desk.file("access.log"), line(1)).expect("ours");
    let socket = UnixDatagram::bind(desk.file("notify.sock")).expect("a socket");
    socket.set_read_timeout(Some(Duration::from_secs(30))).expect("settable");
    let mut command = desk.command();
    command.env("NOTIFY_SOCKET", desk.file("notify.sock")).env("WATCHDOG_USEC", "2000000");
    let mut running =
        crate::desk::Running(command.stdout(Stdio::piped()).spawn().expect("it starts"));
    let mut stdout = running.0.stdout.take().expect("piped");
    // Without anything to do it is well for as long as that lasts.
    let mut buffer = [0; 4096];
    let mut next = || loop {
        match socket.recv(&mut buffer) {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => panic!("nothing is said: {error}"),
            Ok(count) => break str::from_utf8(&buffer[..count]).expect("text").to_owned(),
        }
    };
    for _ in 0..5 {
        while next() != "WATCHDOG=1" {}
    }
    // A pipe takes 64 KiB, and nobody reads more of it.
    let lines: String = (2..=4_000).map(line).collect();
    let mut log = OpenOptions::new().append(true).open(desk.file("access.log")).expect("ours");
    log.write_all(lines.as_bytes()).expect("ours");
    let (mut heard, since) = (Instant::now(), Instant::now());
    while heard.elapsed() < Duration::from_secs(5) {
        // Other things are still said.
        if next() == "WATCHDOG=1" {
            heard = Instant::now();
        }
        assert!(since.elapsed() < Duration::from_secs(90), "it is stuck and says that it is alive");
    }
    let reader = thread::spawn(move || {
        let mut all = Vec::new();
        stdout.read_to_end(&mut all).expect("it writes");
        all
    });
    while next() != "WATCHDOG=1" {}
    assert_eq!(running.stop(), Some(0));
    let all = reader.join().expect("read");
    assert_eq!(all.iter().filter(|byte| **byte == b'\n').count(), 4_000);
}

#[test]
fn a_policy_that_keeps_more_is_refused_until_it_is_acknowledged() {
    let desk = desk();
    let running = desk.start();
    desk.wait_for(1);
    let refused = |count: u64| {
        let text = format!("tamis_reloads_refused_total {count}\n");
        desk.wait("a refusal", || {
            desk.ask("/metrics").is_some_and(|metrics| metrics.contains(&text))
        });
    };
    fs::write(desk.file("policy.toml"), "name = ").expect("ours");
    running.signal("-HUP");
    refused(1);
    let wider = NARROW.replace("status = true", "status = true\nmethod = true");
    fs::write(desk.file("policy.toml"), &wider).expect("ours");
    running.signal("-HUP");
    refused(2);
    add(&desk, 2);
    desk.wait_for(2);
    let clean = || fs::read_to_string(desk.file("clean/access.jsonl")).expect("ours");
    assert!(!clean().contains("method"), "the earlier policy is in use");
    let done = run_in(desk.folder.path(), &["serve", "--check", "--config", "tamis.toml"], b"");
    assert_eq!(done.status, 0, "{}", done.err());
    let text = str::from_utf8(&done.stdout).expect("text");
    let hash = text.split(['(', ')']).nth(1).expect("the hash is told");
    desk.configure(&format!("acknowledged = {hash:?}\n{CONFIGURATION}"));
    running.signal("-HUP");
    desk.wait("the reload", || {
        fs::read_to_string(desk.file("service.err")).expect("ours").contains("reloaded")
    });
    add(&desk, 3);
    desk.wait_for(3);
    assert!(clean().lines().last().expect("a line").contains("\"method\":\"GET\""));
    let status = run_in(desk.folder.path(), &["status", "--config", "tamis.toml"], b"");
    assert_eq!(status.status, 0, "{}", status.err());
    assert!(str::from_utf8(&status.stdout).expect("text").contains("health    good"));
    assert_eq!(running.stop(), Some(0));
    desk.assert_each_once(3);
}

#[test]
fn each_policy_has_a_store_of_its_own() {
    let desk = desk();
    desk.configure(&[CONFIGURATION, "[counts]\nstore = \"{}/counts.sqlite\"\n"].concat());
    let free = NARROW.replace("widening = \"block\"", "widening = \"inform\"");
    let day = free.replace("\"hour\"", "\"day\"");
    fs::write(desk.file("policy.toml"), &free).expect("ours");
    let running = desk.start();
    desk.wait_for(1);
    let reload = |policy: &str, times: usize| {
        fs::write(desk.file("policy.toml"), policy).expect("ours");
        running.signal("-HUP");
        desk.wait("the reload", || {
            let log = fs::read_to_string(desk.file("service.err")).expect("ours");
            log.matches("reloaded").count() >= times
        });
    };
    reload(&day, 1);
    add(&desk, 2);
    add(&desk, 3);
    desk.wait_for(3);
    reload(&free, 2);
    add(&desk, 4);
    // As soon as the counts are there all of it is true, whether the state says so yet or not.
    desk.wait("the counts", || desk.requests("counts.sqlite") == 2);
    // It is killed, and begins under another policy.
    running.kill();
    fs::write(desk.file("policy.toml"), &day).expect("ours");
    let running = desk.start();
    add(&desk, 5);
    desk.wait_for(5);
    assert_eq!(running.stop(), Some(0));
    desk.assert_each_once(5);
    let stores: Vec<_> = fs::read_dir(desk.folder.path())
        .expect("ours")
        .map(|entry| entry.expect("ours").file_name().to_string_lossy().into_owned())
        .filter(|name| name.starts_with("counts-") && name.ends_with(".sqlite"))
        .collect();
    assert_eq!(stores.len(), 1, "{stores:?}");
    assert_eq!((desk.requests("counts.sqlite"), desk.requests(&stores[0])), (2, 3));
    let log = fs::read_to_string(desk.file("service.err")).expect("ours");
    assert!(log.contains("holds those of another policy"), "{log}");
}

#[test]
fn the_folder_of_the_output_is_made_and_a_check_says_if_it_cannot_be() {
    let desk = desk();
    desk.configure(&CONFIGURATION.replace("{}/clean/", "{}/clean/of/nginx/"));
    let check = || run_in(desk.folder.path(), &["serve", "--check", "--config", "tamis.toml"], b"");
    assert_eq!(check().status, 0);
    let running = desk.start();
    desk.wait("the output", || desk.file("clean/of/nginx/access.jsonl").exists());
    assert_eq!(running.stop(), Some(0));
    desk.configure(&CONFIGURATION.replace("{}/clean/", "{}/access.log/"));
    let done = check();
    assert_eq!(done.status, 2);
    assert!(done.err().contains("cannot use the folder"), "{}", done.err());
}

#[test]
fn the_output_is_opened_anew_on_sighup() {
    let desk = desk();
    let running = desk.start();
    desk.wait_for(1);
    fs::rename(desk.file("clean/access.jsonl"), desk.file("clean/moved")).expect("ours");
    running.signal("-HUP");
    desk.wait("the file", || desk.file("clean/access.jsonl").exists());
    add(&desk, 2);
    desk.wait_for(2);
    assert_eq!(running.stop(), Some(0));
    desk.assert_each_once(2);
    assert_eq!(fs::read_to_string(desk.file("clean/moved")).expect("ours").lines().count(), 1);
}

#[test]
fn counts_by_the_hour_where_the_policy_leaves_that_open() {
    let desk = desk();
    let check = |policy: &str| {
        let counts = "\n[counts]\nstore = \"{}/counts.sqlite\"\nwindow = \"1h\"\n";
        desk.configure(&[CONFIGURATION, counts].concat());
        fs::write(desk.file("policy.toml"), policy).expect("ours");
        run_in(desk.folder.path(), &["serve", "--check", "--config", "tamis.toml"], b"").status
    };
    let counted = NARROW.replace("[change]", "[counts]\ntables = [\"hour\", \"status\"]\n[change]");
    assert_eq!(check(&counted), 0);
    assert_eq!(
        check(&counted.replace("[counts]", "[counts]\nwindow = \"day\"")),
        2,
        "it says days"
    );
    assert_eq!(check(&counted.replace("[counts]", "[counts]\nwindow = \"hour\"")), 0);
    let by_day = counted.replace("grain = \"hour\"", "grain = \"day\"").replace("\"hour\", ", "");
    assert_eq!(check(&by_day), 2, "records do not tell hours");
    desk.configure(
        &[CONFIGURATION, "[counts]\nstore = \"{}/counts.sqlite\"\nwindow = \"1h\"\n"].concat(),
    );
    fs::write(desk.file("policy.toml"), &counted).expect("ours");
    let running = desk.start();
    desk.wait_for(1);
    assert_eq!(running.stop(), Some(0));
    let show = ["report", "export", "--store", "counts.sqlite", "--to", "json"];
    let shown = run_in(desk.folder.path(), &show, b"");
    let report: serde_json::Value = serde_json::from_slice(&shown.stdout).expect("JSON");
    assert_eq!(report["period"]["from"], "2026-11-22T14:00:00Z");
    assert_eq!(report["period"]["to"], "2026-11-22T15:00:00Z");
}
