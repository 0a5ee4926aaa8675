//! Runs that are killed again and again while they write to a store: what was recorded is whole, is all from the first
//! record on, and is never counted twice.

use std::{
    io::Write as _,
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use crate::{
    TABLES, Visit, json, log, ok, oracle,
    program::{Dice, Folder, TAMIS, done},
    requests, table_of, visits,
};

/// How many runs are killed.
const KILLS: usize = 60;

/// How many runs at most in one store.
const RUNS_OF_STORE_MAX: usize = 5;

/// Windows of an hour, so that there is something to be recorded after every block.
fn policy(folder: &Folder) {
    let policy = "name = \"hours\"\nversion = 1\n[record]\n[counts]\nvisitors = true\nwindow = \"hour\"\n\
                  tables = [\"status\", \"status_class\", \"path\", \"hour\", \"day\"]\n\
                  path = { shape = \"cleaned\", status = [\"2xx\", \"304\"] }\n";
    std::fs::write(folder.file("hours.toml"), policy).expect("the folder is ours");
}

const ARGS: [&str; 10] = [
    "--policy",
    "./hours.toml",
    "--threads",
    "2",
    "--store",
    "counts.db",
    "--run",
    "night",
    "-o",
    "/dev/null",
];

/// Starts a run that cannot end, for its input stays open, and kills it after a while.
fn kill_one(folder: &Folder, log: &str, after: Duration) {
    let mut command = Command::new(TAMIS);
    command.args(ARGS).current_dir(folder.path()).env("NO_COLOR", "1");
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = command.spawn().expect("the program starts");
    let mut pipe = child.stdin.take().expect("piped");
    thread::scope(|scope| {
        // The pipe breaks when the run is killed.
        let pipe = scope.spawn(move || {
            let _ = pipe.write_all(log.as_bytes());
            pipe
        });
        thread::sleep(after);
        child.kill().expect("it can be killed");
        let ended = done(child.wait_with_output().expect("it ended"));
        assert_eq!(ended.status, 128 + 9, "nothing else ended it");
        drop(pipe.join());
    });
}

/// What stands in the store is what the first records are, in every table; their number.
fn check_first(folder: &Folder, visits: &[Visit]) -> usize {
    if !folder.file("counts.db").exists() || requests(folder) == 0 {
        return 0;
    }
    let report = json(folder, &["--store", "counts.db"]);
    let count = report["totals"]["requests"].as_u64().expect("a number") as usize;
    let first = &visits[..count];
    assert_eq!(report["totals"]["bytes"], first.iter().map(|visit| visit.bytes).sum::<u64>());
    for table in TABLES {
        let found = table_of(&report, table).into_iter().map(|(key, row)| (key, row.0, row.1));
        let expect = oracle(first, table).into_iter().map(|(key, row)| (key, row.0, row.1));
        assert!(found.eq(expect), "{table} of the first {count}");
    }
    count
}

#[test]
fn runs_killed_at_random_lose_nothing_and_count_nothing_twice() {
    let visits = visits(11, 16_000, 300, 40);
    let log = log(&visits);
    let mut dice = Dice(50);
    let time = {
        let folder = Folder::new();
        policy(&folder);
        let started = Instant::now();
        ok(&folder, &ARGS, &log);
        started.elapsed()
    };
    let (mut kills, mut cut) = (0, 0);
    while kills < KILLS {
        let folder = Folder::new();
        policy(&folder);
        let mut least = 0;
        for _ in 0..RUNS_OF_STORE_MAX {
            // From before there is a store to when all is recorded, as far as that can be foreseen.
            kill_one(&folder, &log, time * dice.below(1_000) as u32 / 1_000);
            kills += 1;
            let count = check_first(&folder, &visits);
            assert!(count >= least, "{count} of {least} are left");
            cut += usize::from(count > least && count < visits.len());
            least = count;
        }
        ok(&folder, &ARGS, &log);
        assert_eq!(check_first(&folder, &visits), visits.len(), "all are there, once");
    }
    // How far a run came when it was killed depends on the machine; that is said and not asked for.
    let _ = writeln!(
        std::io::stderr(),
        "{kills} runs were killed, {cut} of them with a part of the log recorded"
    );
}
