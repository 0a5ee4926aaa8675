//! The machine from outside: order and bytes do not depend on how it is run, memory is bounded, and
//! signals, closed pipes and full disks end a run as they should.
//!
//! Nothing here measures speed. Where time matters (a live line, a signal) the bound is generous and
//! what counts is the order of events: a line is out before its input has ended.

mod program;

use std::{
    fs::{self, File, OpenOptions},
    io::{BufRead as _, BufReader, Read as _, Write as _},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use program::{Dice, Done, Folder, TAMIS, done, finish, run};

/// How long anything that is to happen may take, on a machine that does much else.
const PATIENCE: Duration = Duration::from_secs(20);

/// Lines of the combined format that differ in everything, with refused ones between them: broken,
/// empty, longer than a limit of 2,000 bytes, longer than a block.
fn log(lines: usize, seed: u64) -> Vec<u8> {
    let mut dice = Dice(seed);
    let mut text = Vec::new();
    for number in 0..lines {
        match dice.below(40) {
            0 => text.extend_from_slice(b"\n"),
            1 => text.extend_from_slice(b"192.0.2.7 - alice [broken\n"),
            2 => {
                let length = 1_900 + dice.below(200);
                text.extend_from_slice(
                    line(number, &dice.text("ab/", length), &mut dice).as_bytes(),
                );
            }
            3 if dice.below(20) == 0 => {
                let length = 200_000 + dice.below(400_000);
                text.extend(vec![b'x'; length]);
                text.push(b'\n');
            }
            _ => text.extend_from_slice(line(number, "page", &mut dice).as_bytes()),
        }
    }
    text
}

fn line(number: usize, path: &str, dice: &mut Dice) -> String {
    let (host, minute) = (dice.below(256), number / 60 % 60);
    let (status, bytes) = (dice.pick(&[200, 200, 304, 404]), dice.below(100_000));
    let agent =
        dice.pick(&["curl/8.5.0", "Mozilla/5.0 (X11; Linux x86_64; rv:127.0) Firefox/127.0"]);
    format!(
        "198.51.{host}.7 - - [22/Nov/2026:14:{minute:02}:37 +0000] \"GET /{path}/{number} HTTP/1.1\" \
         {status} {bytes} \"https://example.com/\" \"{agent}\"\n"
    )
}

/// Runs to the end of `input`, fed in pieces of the lengths that `cut` gives.
fn run_in_pieces(args: &[&str], input: &[u8], mut cut: impl FnMut() -> usize + Send) -> Done {
    let mut child = start(args);
    let mut pipe = child.stdin.take().expect("piped");
    thread::scope(|scope| {
        scope.spawn(move || {
            let mut rest = input;
            while !rest.is_empty() {
                let (piece, after) = rest.split_at(cut().clamp(1, rest.len()));
                pipe.write_all(piece).expect("the program reads to the end");
                rest = after;
            }
        });
        done(child.wait_with_output().expect("the program ends"))
    })
}

fn start(args: &[&str]) -> Child {
    Command::new(TAMIS)
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts")
}

/// What a run says of itself without what is another each time.
fn facts(done: &Done) -> String {
    let mut summary = done.summary();
    summary["seconds"] = 0.into();
    format!("{summary} {}", done.status)
}

#[test]
fn threads_and_pieces_change_nothing() {
    let input = log(12_000, 1);
    assert!(input.len() > 8 * 256 * 1024, "several blocks");
    for (form, policy) in
        [("jsonl", "baseline"), ("combined", "baseline"), ("csv", "baseline"), ("jsonl", "strict")]
    {
        let args = |threads| {
            let fixed = ["--format", "combined", "--max-line", "2000", "--summary", "json"];
            [&fixed[..], &["--emit", form, "--policy", policy, "--threads", threads]].concat()
        };
        let serial = run(&args("1"), &input);
        assert!(serial.out().lines().count() > 10_000);
        for threads in ["1", "2", "8"] {
            for seed in 0..3 {
                let mut dice = Dice(seed);
                let found = match seed {
                    0 => run(&args(threads), &input),
                    _ => run_in_pieces(&args(threads), &input, || 1 + dice.below(300_000)),
                };
                assert!(found.stdout == serial.stdout, "{form}, {threads} threads, pieces {seed}");
                assert_eq!(facts(&found), facts(&serial), "{form}, {threads} threads");
            }
        }
    }
}

#[test]
fn single_bytes_change_nothing() {
    // Short enough that a write for each byte is bearable, with a limit that small lines pass.
    let input = log(400, 2);
    let input = &input[..input.len().min(60_000)];
    for (format, limit) in [("combined", "300"), ("auto", "300"), ("combined", "64KiB")] {
        let args = ["--format", format, "--max-line", limit, "--summary", "json", "--threads"];
        let serial = run(&[&args[..], &["1"]].concat(), input);
        assert!(serial.out().lines().count() > 100);
        for threads in ["1", "2", "8"] {
            let found = run_in_pieces(&[&args[..], &[threads]].concat(), input, || 1);
            assert!(found.stdout == serial.stdout, "{format}, {limit}, {threads} threads");
            assert_eq!(facts(&found), facts(&serial), "{format}, {limit}, {threads} threads");
        }
    }
}

/// Stretches of lines of several dialects, each under a header of its own, with lines between them that are
/// refused, directives, repeated headers, one that cannot be used, and one that is longer than a limit of 300.
fn headed_log(stretches: usize, seed: u64) -> String {
    let mut dice = Dice(seed);
    let mut text = "#Version: 1.0\n".to_owned();
    for number in 0..stretches {
        text += *dice.pick(&[
            "#Fields: date time c-ip cs-method cs-uri-stem sc-status\n",
            "#Fields: time date cs-uri-stem cs-method sc-status c-ip\r\n",
            "#Fields: date time c-ip cs-method cs-uri-stem sc-status x-edge-location\n",
            "#Fields: date c-ip\n",
            "\"time_micros\",\"c_ip\",\"cs_method\",\"cs_uri\",\"sc_status\"\n",
        ]);
        if dice.below(4) == 0 {
            text += &format!("#Fields: date time{}\n", " x".repeat(150));
        }
        for _ in 0..dice.below(12) {
            let (minute, status) = (dice.below(60), dice.pick(&[200, 404]));
            let host = dice.below(256);
            text += &match dice.below(8) {
                0 => "#Date: 2026-11-22\n#\n".to_owned(),
                1 => "\n".to_owned(),
                2 => {
                    format!("14:{minute:02}:37 2026-11-22 /{number} GET {status} 192.0.2.{host}\n")
                }
                3 => format!(
                    "2026-11-22\t14:{minute:02}:37\t192.0.2.{host}\tPUT\t/{number}\t{status}\tA\n"
                ),
                4 => format!(
                    "\"1795356337000000\",\"192.0.2.{host}\",\"GET\",\"/{number}\",\"{status}\"\n"
                ),
                5 => format!(
                    "2026-11-22 14:{minute:02}:37 192.0.2.7 GET /#{} 200\n",
                    "x".repeat(280)
                ),
                _ => format!(
                    "2026-11-22 14:{minute:02}:37 198.51.{host}.7 GET /{number} {status}\r\n"
                ),
            };
        }
    }
    text
}

#[test]
fn headers_in_mid_file_hold_for_the_lines_after_them() {
    let input = headed_log(3_000, 6);
    let short = &input[..input.len().min(40_000)];
    for format in ["auto", "w3c", "gcs"] {
        let args = ["--format", format, "--max-line", "300", "--summary", "json", "--threads"];
        let serial = run(&[&args[..], &["1"]].concat(), input.as_bytes());
        let serial_short = run(&[&args[..], &["1"]].concat(), short.as_bytes());
        assert_eq!((serial.status, serial_short.status), (0, 0));
        assert!(serial.out().lines().count() > 1_000, "{}", serial.err());
        assert!(serial_short.out().lines().count() > 50);
        for threads in ["1", "2", "8"] {
            let args = [&args[..], &[threads]].concat();
            let single = run_in_pieces(&args, short.as_bytes(), || 1);
            assert!(single.stdout == serial_short.stdout, "{format}, {threads} threads");
            assert_eq!(facts(&single), facts(&serial_short), "{format}, {threads} threads");
            let mut dice = Dice(8);
            let found = run_in_pieces(&args, input.as_bytes(), || 1 + dice.below(5_000));
            assert!(found.stdout == serial.stdout, "{format}, {threads} threads");
            assert_eq!(facts(&found), facts(&serial), "{format}, {threads} threads");
        }
    }
}

#[test]
fn a_header_at_the_end_of_a_block_holds_for_the_next() {
    let first = "#Fields: date time c-ip cs-method cs-uri-stem sc-status\n";
    let second = "#Fields: time date sc-status c-ip cs-method cs-uri-stem\n";
    let line = "2026-11-22 14:05:37 192.0.2.7 GET /a 200\n";
    let after = "14:05:37 2026-11-22 404 192.0.2.7 GET /b\n".repeat(50);
    let folder = Folder::new();
    let path = folder.file("a.log");
    let name = path.to_str().expect("a plain name");
    let block = 256 * 1024;
    let count = (block - first.len()) / line.len() - 2;
    let filled = first.len() + count * line.len();
    // The second header begins before, at and after the end of the first block, and ends there.
    for end in block - 3..block + second.len() + 3 {
        let padding = end - filled - second.len() - 1;
        let padding = format!("#{}:\n", "x".repeat(padding - 2));
        let input = [first, &line.repeat(count), &padding, second, &after].concat();
        assert_eq!(input.find(second), Some(end - second.len()));
        fs::write(&path, &input).expect("the folder is ours");
        let done = run(&["--summary", "json", "--threads", "2", name], b"");
        assert_eq!(done.summary()["clean"], count + 50, "{end}");
        assert_eq!(done.summary()["read"], count + 50, "{end}");
        assert_eq!(done.out().lines().last().map(|line| line.contains("404")), Some(true));
    }
}

#[test]
fn a_line_after_a_header_comes_out_while_the_input_stays_open() {
    for threads in ["1", "2"] {
        let mut live = Live::start(&["--threads", threads]);
        for names in ["cs-uri-stem sc-status", "sc-status cs-uri-stem", "cs-uri-stem sc-status"] {
            let values = if names.starts_with("sc") { "200 /a" } else { "/a 200" };
            let header = format!("#Fields: date time {names}\n");
            live.feed(&format!("{header}2026-11-22 14:05:37 {values}\n"));
            assert!(is_record(&live.expect_line()));
            // Two headers in one write: what follows each comes out without more input.
            live.feed(&format!("{header}2026-11-22 14:05:37 {values}\n#Fields: date\nno log\n"));
            assert!(is_record(&live.expect_line()));
        }
        drop(live.stdin.take());
        let (done, rest) = live.end();
        assert_eq!((done.status, rest.len(), done.err()), (0, 0, ""));
    }
}

#[test]
fn counts_do_not_depend_on_threads() {
    let folder = Folder::new();
    let input = log(6_000, 3);
    for policy in ["baseline", "strict"] {
        let counts = |threads: &str| {
            let path = folder.file(threads);
            let path = path.to_str().expect("a plain name");
            let args = ["--policy", policy, "--counts", path, "--format", "combined"];
            run(&[&args[..], &["--threads", threads]].concat(), &input);
            fs::read_to_string(path).expect("counts were written")
        };
        let serial = counts("1");
        assert!(serial.contains("\"requests\":"));
        assert_eq!(counts("2"), serial);
        assert_eq!(counts("8"), serial);
    }
}

/// A live run: lines go in one by one, and what comes out is collected by a thread.
struct Live {
    child: Child,
    stdin: Option<ChildStdin>,
    lines: mpsc::Receiver<String>,
}

impl Live {
    fn start(args: &[&str]) -> Self {
        let mut child = start(args);
        let stdout = child.stdout.take().expect("piped");
        Self { stdin: child.stdin.take(), lines: follow(stdout), child }
    }

    fn feed(&mut self, text: &str) {
        let stdin = self.stdin.as_mut().expect("not closed yet");
        stdin.write_all(text.as_bytes()).expect("the program reads");
    }

    fn expect_line(&self) -> String {
        self.lines.recv_timeout(PATIENCE).expect("a line comes out while the input is open")
    }

    fn signal(&self, name: &str) {
        signal(&self.child, name);
    }

    /// Waits for the end, and gives the lines not yet taken.
    fn end(mut self) -> (Done, Vec<String>) {
        let since = Instant::now();
        while self.child.try_wait().expect("it is ours").is_none() {
            assert!(since.elapsed() < PATIENCE, "the program ends");
            thread::sleep(Duration::from_millis(10));
        }
        let rest = self.lines.iter().collect();
        drop(self.stdin);
        (done(self.child.wait_with_output().expect("it has ended")), rest)
    }
}

fn follow(stdout: ChildStdout) -> mpsc::Receiver<String> {
    let (sender, lines) = mpsc::channel();
    thread::spawn(move || {
        let mut reader = BufReader::new(stdout);
        let mut line = String::new();
        while reader.read_line(&mut line).is_ok_and(|count| count > 0) {
            if sender.send(std::mem::take(&mut line)).is_err() {
                return;
            }
        }
    });
    lines
}

fn numbered(number: usize) -> String {
    line(number, "page", &mut Dice(7))
}

fn is_record(line: &str) -> bool {
    line.starts_with("{\"time\":") && line.ends_with("}\n")
}

#[test]
fn a_line_comes_out_while_the_input_stays_open() {
    for threads in ["1", "2", "8"] {
        for format in ["auto", "combined"] {
            let mut live = Live::start(&["--threads", threads, "--format", format]);
            for number in 0..3 {
                live.feed(&numbered(number));
                let since = Instant::now();
                assert!(is_record(&live.expect_line()));
                // Promised are 200 ms and, for the first line, the silence before a format is settled.
                assert!(since.elapsed() < Duration::from_secs(2), "{:?}", since.elapsed());
            }
            drop(live.stdin.take());
            let (done, rest) = live.end();
            assert_eq!((done.status, rest.len(), done.err()), (0, 0, ""));
        }
    }
}

#[test]
fn an_hour_is_released_while_the_input_stays_open_and_the_last_one_at_its_end() {
    for threads in ["1", "2"] {
        let mut live = Live::start(&["--policy", "strict", "--threads", threads]);
        let hour = |hour: usize| -> String {
            let line = |client| {
                format!(
                    "192.0.2.{client} - - [22/Nov/2026:{hour}:10:37 +0000] \"GET / HTTP/1.1\" 200 512 \
                     \"-\" \"curl/8.5.0\"\n"
                )
            };
            (0..12).map(line).collect()
        };
        live.feed(&hour(14));
        assert!(live.lines.recv_timeout(Duration::from_secs(1)).is_err(), "the hour is not over");
        live.feed(&hour(15));
        for _ in 0..12 {
            assert!(live.expect_line().starts_with("{\"time\":\"2026-11-22T14:00:00Z\""));
        }
        live.signal("INT");
        let (done, rest) = live.end();
        assert_eq!((done.status, done.err()), (0, ""));
        assert_eq!(rest.len(), 12);
        assert!(rest.iter().all(|line| line.starts_with("{\"time\":\"2026-11-22T15:00:00Z\"")));
    }
}

#[test]
fn a_closed_output_pipe_ends_quietly() {
    let mut child = start(&["--format", "combined"]);
    let mut stdout = child.stdout.take().expect("piped");
    let mut pipe = child.stdin.take().expect("piped");
    let writer = thread::spawn(move || {
        // The program ends before this is through.
        while pipe.write_all(numbered(1).as_bytes()).is_ok() {}
    });
    let mut some = [0; 100];
    stdout.read_exact(&mut some).expect("records come");
    drop(stdout);
    let done = done(child.wait_with_output().expect("it ends"));
    assert_eq!((done.status, done.err()), (0, ""));
    writer.join().expect("the pipe broke");
}

#[test]
fn a_termination_reads_to_the_end_of_the_input() {
    let mut live = Live::start(&["--format", "combined", "--summary", "json"]);
    live.feed(&numbered(0));
    live.expect_line();
    live.signal("TERM");
    thread::sleep(Duration::from_millis(300));
    live.feed(&numbered(1));
    drop(live.stdin.take());
    let (done, rest) = live.end();
    assert_eq!((done.status, rest.len()), (0, 1));
    assert_eq!(done.summary()["clean"], 2);
}

#[test]
fn a_termination_is_not_waited_for_without_end() {
    let mut live = Live::start(&["--format", "combined", "--summary", "json"]);
    live.feed(&numbered(0));
    live.expect_line();
    let since = Instant::now();
    live.signal("TERM");
    let (done, _) = live.end();
    assert_eq!((done.status, &done.summary()["clean"]), (0, &1.into()));
    assert!(since.elapsed() > Duration::from_secs(4), "five seconds of grace");
}

#[test]
fn an_interrupt_stops_at_once_and_leaves_whole_lines() {
    for second in ["INT", "TERM"] {
        let mut live = Live::start(&["--format", "combined", "--summary", "json"]);
        live.feed(&numbered(0));
        live.expect_line();
        live.feed(&numbered(1));
        // The beginning of a line, which alone reads as no line, and one that would.
        live.feed(numbered(2).trim_end());
        let since = Instant::now();
        if second == "TERM" {
            live.signal("TERM");
        }
        thread::sleep(Duration::from_millis(50));
        live.signal(second);
        let (done, rest) = live.end();
        assert!(since.elapsed() < Duration::from_secs(3), "{second}");
        assert_eq!(done.status, 0);
        assert!(rest.iter().all(|line| is_record(line)), "no partial line");
        assert_eq!(rest.len(), 1, "the part of a line is no line");
        assert_eq!(done.summary()["clean"], 2);
    }
}

#[test]
fn a_hangup_opens_the_output_anew() {
    for append in [false, true] {
        let folder = Folder::new();
        let (path, old) = (folder.file("out.jsonl"), folder.file("out.jsonl.1"));
        let mut args = vec!["--format", "combined", "-o", path.to_str().expect("a plain name")];
        args.extend(append.then_some("--append"));
        let mut live = Live::start(&args);
        let lines = |path| fs::read_to_string(path).unwrap_or_default().lines().count();
        let until = |there: &dyn Fn() -> bool| {
            let since = Instant::now();
            while !there() {
                assert!(since.elapsed() < PATIENCE);
                thread::sleep(Duration::from_millis(10));
            }
        };
        (0..3).for_each(|number| live.feed(&numbered(number)));
        until(&|| lines(&path) == 3);
        fs::rename(&path, &old).expect("the folder is ours");
        live.signal("HUP");
        until(&|| path.exists());
        (3..5).for_each(|number| live.feed(&numbered(number)));
        drop(live.stdin.take());
        let (done, _) = live.end();
        assert_eq!((done.status, done.err()), (0, ""));
        let read = |path| fs::read_to_string(path).expect("both files are there");
        let expect: String = (0..5).map(numbered).collect();
        let expect = run(&["--format", "combined"], expect.as_bytes());
        assert_eq!((lines(&old), lines(&path)), (3, 2));
        assert_eq!(read(&old) + &read(&path), expect.out());
    }
}

#[test]
fn a_hangup_without_a_file_changes_nothing() {
    let mut live = Live::start(&["--format", "combined"]);
    live.feed(&numbered(0));
    live.expect_line();
    live.signal("HUP");
    thread::sleep(Duration::from_millis(100));
    live.feed(&numbered(1));
    live.expect_line();
    drop(live.stdin.take());
    assert_eq!(live.end().0.status, 0);
}

#[test]
fn a_full_disk_fails_and_says_so() {
    let full = || OpenOptions::new().write(true).open("/dev/full").expect("Linux has it");
    let message = "tamis: cannot write to standard output: No space left on device (os error 28); \
                   free some space and run again\n";
    for threads in ["1", "2", "8"] {
        let args = ["--format", "combined", "--threads", threads];
        let mut child = Command::new(TAMIS)
            .args(args)
            .stdin(Stdio::piped())
            .stdout(full())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let mut pipe = child.stdin.take().expect("piped");
        // The run ends before it has read everything.
        let _ = pipe.write_all(&log(6_000, 4));
        drop(pipe);
        let done = done(child.wait_with_output().expect("it ends"));
        assert_eq!((done.status, done.err()), (1, message));
        let done = run(&[&args[..], &["-o", "/dev/full"]].concat(), numbered(0).as_bytes());
        assert_eq!(
            (done.status, done.err()),
            (1, &*message.replace("standard output", "/dev/full"))
        );
    }
}

#[test]
fn standard_output_that_is_the_input_is_refused() {
    let folder = Folder::new();
    let path = folder.file("a.log");
    fs::write(&path, numbered(0)).expect("the folder is ours");
    let out = OpenOptions::new().append(true).open(&path).expect("there");
    let mut command = Command::new(TAMIS);
    let output = command.arg(&path).stdout(out).output().expect("it starts");
    let done = done(output);
    assert_eq!((done.status, done.err().contains("and write to it at once")), (2, true));
    assert_eq!(fs::read_to_string(&path).expect("there"), numbered(0));
    // A link of another name is the same file.
    let link = folder.file("b.log");
    fs::hard_link(&path, &link).expect("the folder is ours");
    let done = finish(Command::new(TAMIS).arg(&path).arg("-o").arg(&link), b"");
    assert_eq!((done.status, fs::read_to_string(&path).expect("there")), (2, numbered(0)));
}

#[test]
fn a_line_without_end_is_counted_once_and_not_held() {
    const LENGTH: usize = 64 << 20;
    let mut live = Live::start(&["--format", "combined", "--summary", "json", "--threads", "2"]);
    live.feed(&numbered(0));
    let piece = "x".repeat(1 << 20);
    (0..LENGTH >> 20).for_each(|_| live.feed(&piece));
    live.expect_line();
    let status = fs::read_to_string(format!("/proc/{}/status", live.child.id())).expect("Linux");
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("Linux has it");
    let peak: usize = peak.trim().trim_end_matches(" kB").parse().expect("a number");
    live.feed("\n");
    live.feed(&numbered(1));
    drop(live.stdin.take());
    let (done, rest) = live.end();
    assert_eq!((done.status, rest.len()), (0, 1));
    let summary = done.summary();
    assert_eq!(summary["refused"], serde_json::json!({"too-long": 1}));
    assert_eq!(summary["read"], 3);
    assert!(peak < 64 << 10, "{peak} KiB at the peak");
}

#[test]
fn files_are_read_like_pipes() {
    let folder = Folder::new();
    let input = log(6_000, 5);
    let path = folder.file("a.log");
    fs::write(&path, &input).expect("the folder is ours");
    let name = path.to_str().expect("a plain name");
    let piped = run(&["--summary", "json"], &input);
    let read = run(&["--summary", "json", name], b"");
    let mut command = Command::new(TAMIS);
    let redirected = command.args(["--summary", "json"]).stdin(File::open(&path).expect("there"));
    let redirected = done(redirected.output().expect("it starts"));
    for other in [read, redirected] {
        assert!(other.stdout == piped.stdout);
        assert_eq!(facts(&other), facts(&piped));
    }
}

#[test]
fn what_is_detected_does_not_depend_on_how_much_is_read_at_once() {
    let combined: String = (0..200).map(numbered).collect();
    let common = format!(
        "192.0.2.7 - - [22/Nov/2026:14:05:37 +0000] \"GET /{} HTTP/1.1\" 200 1\n",
        "a/".repeat(4_500)
    );
    let mixed = common.repeat(8) + &combined;
    let long_first = "x".repeat(70_000) + "\n" + &combined;
    let long_thrice = ("y".repeat(90_000) + "\n").repeat(3) + &combined;
    let blank = "\n".repeat(70_000);
    let blank_first = "\n".repeat(300_000) + &combined;
    let folder = Folder::new();
    for (name, input) in [
        ("mixed", mixed),
        ("long first", long_first),
        ("long thrice", long_thrice),
        ("blank", blank),
        ("blank first", blank_first),
    ] {
        let path = folder.file("some.log");
        fs::write(&path, &input).expect("the folder is ours");
        let read = run(&["--summary", "json", path.to_str().expect("a plain name")], b"");
        let piped = run_in_pieces(&["--summary", "json"], input.as_bytes(), || 4_096);
        assert_eq!(facts(&read), facts(&piped), "{name}");
        assert!(read.stdout == piped.stdout, "{name}");
        assert_eq!(read.status, 0, "{name}");
    }
}

#[test]
fn stopping_before_the_format_is_known_says_what_was_read() {
    let mut live = Live::start(&["--summary", "json"]);
    live.feed("no log\n");
    thread::sleep(Duration::from_millis(400));
    live.signal("INT");
    let (done, _) = live.end();
    assert_eq!(done.status, 2);
    assert!(done.err().contains("cannot tell the log format"), "{}", done.err());
}

#[test]
fn a_named_pipe_without_a_writer_can_be_interrupted_and_waits_for_one() {
    let folder = Folder::new();
    let path = folder.file("access.fifo");
    let made = Command::new("mkfifo").arg(&path).status().expect("mkfifo is there");
    assert!(made.success());
    let name = path.to_str().expect("a plain name");
    let mut idle = start(&["--format", "combined", name]);
    thread::sleep(Duration::from_millis(300));
    signal(&idle, "INT");
    assert!(ends_in_time(&mut idle), "an interrupt ends the waiting");

    let late = start(&["--format", "combined", name]);
    thread::sleep(Duration::from_millis(300));
    fs::write(&path, numbered(1)).expect("somebody reads it");
    let done = done(late.wait_with_output().expect("it ends with its writer"));
    assert_eq!((done.status, done.out().lines().count()), (0, 1));
}

#[test]
fn signals_are_heard_while_nobody_reads_the_output() {
    let folder = Folder::new();
    let (log, counts) = (folder.file("a.log"), folder.file("counts.json"));
    let lines: String = (0..60_000).map(numbered).collect();
    fs::write(&log, lines).expect("the folder is ours");
    let (log, counts) = (log.to_str().expect("plain"), counts.to_str().expect("plain"));
    // More than a pipe holds, and nobody reads: the program waits in a write.
    let mut stuck = start(&["--counts", counts, "--counts-every", "100ms", log]);
    thread::sleep(Duration::from_millis(500));
    signal(&stuck, "HUP");
    thread::sleep(Duration::from_millis(300));
    signal(&stuck, "INT");
    thread::sleep(Duration::from_millis(300));
    signal(&stuck, "INT");
    assert!(ends_in_time(&mut stuck), "the second interrupt ends it");
}

#[test]
fn counts_never_take_the_place_of_an_input_or_of_the_records() {
    let folder = Folder::new();
    let log = folder.file("a.log");
    fs::write(&log, numbered(1)).expect("the folder is ours");
    let log = log.to_str().expect("plain");
    let out = folder.file("out.jsonl");
    let out = out.to_str().expect("plain");
    for args in [vec!["--counts", log, log], vec!["--counts", out, "-o", out, log]] {
        let done = run(&args, b"");
        assert_eq!(done.status, 2, "{args:?}");
        assert!(done.err().contains("name another file"), "{}", done.err());
    }
    assert_eq!(fs::read_to_string(log).expect("still there"), numbered(1));
    let done = run(&["--counts", "/dev/stdout", "-o", "/dev/null", log], b"");
    assert!(done.out().starts_with("{\"internal\":true"), "written straight: {}", done.out());
}

#[test]
fn appending_does_not_go_on_inside_a_line_that_was_cut() {
    let folder = Folder::new();
    let out = folder.file("out.jsonl");
    fs::write(&out, "{\"time\":\"2026").expect("the folder is ours");
    let args = ["--format", "combined", "--append", "-o", out.to_str().expect("plain")];
    for _ in 0..2 {
        assert_eq!(run(&args, numbered(1).as_bytes()).status, 0);
    }
    let text = fs::read_to_string(&out).expect("written");
    let lines: Vec<_> = text.split_inclusive('\n').collect();
    assert_eq!(lines.len(), 3);
    assert!(lines[0] == "{\"time\":\"2026\n" && is_record(lines[1]) && is_record(lines[2]));
}

fn signal(child: &Child, name: &str) {
    let status = Command::new("kill").args(["-s", name, &child.id().to_string()]).status();
    assert!(status.expect("there is a kill command").success());
}

fn ends_in_time(child: &mut Child) -> bool {
    let since = Instant::now();
    while since.elapsed() < PATIENCE {
        if child.try_wait().expect("it can be asked").is_some() {
            return true;
        }
        thread::sleep(Duration::from_millis(20));
    }
    child.kill().expect("it is still there");
    false
}
