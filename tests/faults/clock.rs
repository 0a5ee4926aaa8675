//! Clocks that are set while a filter and a batch make tokens: nothing is lost, tokens of one visitor and day are one,
//! and no key goes early. `tests/service/day.rs` has the same of the service.
//!
//! Only a program that is built for tests reads the clock that is set here (`keys/clock.rs`).

use std::{
    collections::BTreeSet,
    fs,
    io::Write as _,
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use crate::{
    filter::{POLICY, line, numbers, tokens},
    program::{Folder, TAMIS, done, finish},
    stage::{Fault, calls, layer, put_under, restore, say, tree},
};

/// The time of all lines.
const UNIX: i64 = 1_795_356_337;
const EPOCH_KEY: &str = "epoch-20779.key";
/// An hour back, two days on, back to 1970.
const JUMPS: [(&str, i64); 3] =
    [("an hour back", -3_600), ("two days on", 172_800), ("back to 1970", 1_000 - UNIX)];
const LINES: u64 = 200;
const PATIENCE: Duration = Duration::from_secs(60);

/// Sets the clock that people can set; of the other one so many seconds have gone by.
fn set(folder: &Folder, by: i64, boot: i64) {
    let aside = folder.file("clock.new");
    fs::write(&aside, format!("{} {boot} 1\n", UNIX + by)).expect("ours");
    fs::rename(aside, folder.file("clock")).expect("ours");
}

/// Nothing where the program goes by the machine's clock.
fn folder() -> Option<Folder> {
    if cfg!(not(debug_assertions)) {
        say(
            "SKIPPED: a program that is built for use goes by the machine's clock; run it without --release",
        );
        return None;
    }
    let folder = Folder::new();
    fs::write(folder.file("policy.toml"), POLICY).expect("ours");
    set(&folder, 0, 1_000);
    Some(folder)
}

fn command(folder: &Folder, args: &[&str]) -> Command {
    let mut command = Command::new(TAMIS);
    command.args(args).current_dir(folder.path());
    command.env("TAMIS_TEST_CLOCK", folder.file("clock"));
    command
}

const FILTER: [&str; 11] = [
    "--policy",
    "policy.toml",
    "--client",
    "token",
    "--key-dir",
    "keys",
    "-o",
    "clean.jsonl",
    "--append",
    "--format",
    "combined",
];

fn start(folder: &Folder) -> Child {
    let mut command = command(folder, &FILTER);
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
    command.spawn().expect("the program starts")
}

fn feed(child: &mut Child, from: u64, to: u64) {
    let text: String = (from..=to).map(line).collect();
    child.stdin.as_mut().expect("piped").write_all(text.as_bytes()).expect("it reads");
}

fn wait_for(folder: &Folder, count: u64) {
    let since = Instant::now();
    while (numbers(&fs::read(folder.file("clean.jsonl")).unwrap_or_default()).len() as u64) < count
    {
        assert!(since.elapsed() < PATIENCE, "{count} records did not come");
        thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn a_filter_goes_on_when_its_clock_is_set() {
    for (what, by) in JUMPS {
        let Some(folder) = folder() else { return };
        let mut child = start(&folder);
        feed(&mut child, 1, LINES);
        wait_for(&folder, LINES);
        let key = fs::read(folder.file("keys").join(EPOCH_KEY)).expect("there is a key");
        set(&folder, by, 1_001);
        // Once without a key being needed in between, and once after it was looked after keys.
        feed(&mut child, LINES + 1, 2 * LINES);
        wait_for(&folder, 2 * LINES);
        thread::sleep(Duration::from_millis(1_500));
        feed(&mut child, 2 * LINES + 1, 3 * LINES);
        wait_for(&folder, 3 * LINES);
        drop(child.stdin.take());
        let ended = done(child.wait_with_output().expect("it ends"));
        let out = fs::read(folder.file("clean.jsonl")).expect("there is an output");
        let tokens: BTreeSet<_> = tokens(&out).into_iter().flatten().collect();
        let numbers = numbers(&out);
        say(&format!(
            "filter, clock {what}: {} of {} records, {} tokens, exit {}: {}",
            numbers.len(),
            3 * LINES,
            tokens.len(),
            ended.status,
            ended.err().lines().last().unwrap_or_default()
        ));
        assert_eq!(numbers.len() as u64, 3 * LINES, "{what}");
        assert!(numbers.values().all(|count| *count == 1), "{what}");
        assert_eq!(tokens.len(), 1, "{what}: {tokens:?}");
        assert!(tokens.iter().all(|token| token.starts_with("t1.20779.")), "{what}: {tokens:?}");
        assert!(ended.status <= 1, "{what}: {}", ended.err());
        let is_there =
            fs::read(folder.file("keys").join(EPOCH_KEY)).is_ok_and(|found| found == key);
        assert!(is_there, "{what}: the key of a day that is not over is gone");
        // When the clock is right again, tokens go on.
        set(&folder, 1, 1_002);
        let mut again = start(&folder);
        feed(&mut again, 3 * LINES + 1, 4 * LINES);
        drop(again.stdin.take());
        let ended = done(again.wait_with_output().expect("it ends"));
        assert_eq!(ended.status, 0, "{what}: {}", ended.err());
        let out = fs::read(folder.file("clean.jsonl")).expect("there is an output");
        let last = out.rsplitn(LINES as usize + 1, |byte| *byte == b'\n').nth(1).expect("a record");
        assert_eq!(self::tokens(last), tokens.into_iter().map(Some).collect(), "{what}");
    }
}

const BATCH: [&str; 13] = [
    "batch",
    "logs",
    "-o",
    "clean",
    "--policy",
    "policy.toml",
    "--client",
    "token",
    "--key-dir",
    "keys",
    "--counts",
    "counts.json",
    "--threads=1",
];

/// Killed in the middle by one clock, and gone on with by another.
#[test]
fn a_batch_goes_on_under_another_clock() {
    let Some(layer) = layer() else { return };
    for (what, by) in JUMPS {
        let Some(folder) = folder() else { return };
        fs::create_dir(folder.file("logs")).expect("ours");
        for part in 0..4 {
            let text: String = (part * LINES + 1..=(part + 1) * LINES).map(line).collect();
            fs::write(folder.file("logs").join(format!("{part}.log")), text).expect("ours");
        }
        let before = folder.path().with_extension("before");
        restore(folder.path(), &before);
        let mut whole = command(&folder, &BATCH);
        put_under(&mut whole, layer, folder.path(), Fault::Torn, 0);
        assert_eq!(finish(&mut whole, b"").status, 0);
        let count = calls(folder.path()).len() as u64;
        for at in [count / 4, count / 2, count * 3 / 4] {
            restore(&before, folder.path());
            let mut killed = command(&folder, &BATCH);
            put_under(&mut killed, layer, folder.path(), Fault::Torn, at);
            assert_eq!(finish(&mut killed, b"").status, 137, "{what}, call {at}");
            set(&folder, by, 1_001);
            let ended = finish(&mut command(&folder, &BATCH), b"");
            assert_eq!(ended.status, 0, "{what}, call {at}: {}", ended.err());
            check_tree(&folder.file("clean"), &format!("{what}, call {at}"));
        }
        say(&format!(
            "batch, clock {what}: killed at 3 of {count} calls, whole after the next run"
        ));
        let _ = fs::remove_dir_all(before);
        crate::stage::forget(folder.path());
    }
}

fn check_tree(clean: &Path, what: &str) {
    let (mut all, mut seen) = (Vec::new(), BTreeSet::new());
    for (path, bytes) in tree(clean) {
        if path.extension().is_some_and(|extension| extension == "jsonl") {
            seen.extend(tokens(&bytes));
            all.extend(numbers(&bytes));
        }
    }
    assert_eq!(all.len() as u64, 4 * LINES, "{what}");
    assert!(all.iter().all(|(_, count)| *count == 1), "{what}");
    assert!(seen.len() == 1 && !seen.contains(&None), "{what}: {seen:?}");
}
