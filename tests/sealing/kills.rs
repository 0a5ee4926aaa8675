//! A run that is killed at any point loses no line of a file and writes none in the clear.

use std::{
    collections::BTreeSet,
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use crate::{
    desk::{ALL, Desk, say_loudly},
    program::{Dice, TAMIS},
};

/// How many runs are killed: two hundred, or as many as TAMIS_KILLS says.
fn kills() -> usize {
    std::env::var("TAMIS_KILLS").ok().and_then(|kills| kills.parse().ok()).unwrap_or(200)
}

const LINES: usize = 12_000;

#[test]
fn no_line_is_lost_twice_or_in_the_clear_after_kills() {
    let desk = Desk::new();
    desk.write("all.toml", ALL);
    let mut dice = Dice(7);
    let letters = "abcdefghijklmnopqrstuvwxyz0123456789";
    let lines: Vec<String> = (0..LINES)
        .map(|number| {
            let path = dice.text(letters, 60);
            format!(
                "203.0.113.9 - canary [22/Nov/2026:14:05:37 +0000] \"GET /canary/{number}/{path} HTTP/1.1\" 200 512"
            )
        })
        .collect();
    desk.write("access.log", lines.join("\n") + "\n");
    let args = ["--policy", "all.toml", "--quarantine", "quarantine", "access.log"];
    let began = Instant::now();
    assert_eq!(desk.run(&args, b"").status, 0);
    let whole = began.elapsed();
    let kills = kills();
    for kill in 0..kills {
        let mut command = Command::new(TAMIS);
        command.args(args).current_dir(desk.folder.path()).stdout(Stdio::null());
        let mut child = command.spawn().expect("the program starts");
        // Spread over the run, and a little beyond its end.
        thread::sleep(whole.mul_f64(1.1 * kill as f64 / kills as f64).min(Duration::from_secs(2)));
        let _ = child.kill();
        child.wait().expect("it ended");
        desk.assert_without(&[b"canary", b"203.0.113.9"]);
    }
    assert_eq!(desk.run(&args, b"").status, 0, "what a kill leaves is put in order");
    let finished = desk.told("segment").len();
    let torn = desk.told("torn").len();
    assert!(finished >= 2, "the first run and the last one, and those that were killed too late");
    let opened = desk.opened();
    assert_eq!(opened.len(), finished * LINES, "a finished run has all lines");
    // Whoever opens all of it tells lines by their place, and then each is there once.
    let mut once = BTreeSet::new();
    for line in opened.into_iter().chain(desk.opened_torn()) {
        once.insert((line.at, line.ordinal, line.text));
    }
    let texts: Vec<_> = once.iter().map(|(.., text)| text.as_slice()).collect();
    let expect: Vec<_> = lines.iter().map(String::as_bytes).collect();
    assert!(texts == expect, "{} lines, {torn} torn segments", texts.len());
    desk.assert_without(&[b"canary", b"203.0.113.9"]);
    say_loudly(&format!(
        "B10: {kills} runs of {LINES} lines killed, {finished} segments finished and {torn} torn: 0 lines lost, 0 \
         twice by their places, 0 in the clear"
    ));
}
