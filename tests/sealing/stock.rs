//! The stock `age` and `zstd` open what the program sealed: nobody needs the program for it.

use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
};

use age::x25519::Identity;

use crate::{
    desk::{Desk, secret},
    program::{Folder, run_in},
};

const BAD: &[u8] = b"198.51.100.7 is no line\n192.0.2.7 neither\n";

/// Whether these commands are there; says so where they are not.
fn have(commands: &[&str]) -> bool {
    let missing: Vec<_> = commands
        .iter()
        .filter(|command| {
            let mut run = Command::new(command);
            run.arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status().is_err()
        })
        .collect();
    for command in &missing {
        crate::desk::say_loudly(&format!("SKIPPED: {command} is not installed"));
    }
    missing.is_empty()
}

#[track_caller]
fn age(folder: &Path, identity: &str, from: &str, to: &str) -> bool {
    let done = Command::new("age")
        .args(["-d", "-i", identity, "-o", to, from])
        .current_dir(folder)
        .stderr(Stdio::null())
        .status();
    done.expect("it is there").success()
}

fn body(folder: &Path, from: &str) -> Vec<u8> {
    let done = Command::new("zstd").args(["-dc", from]).current_dir(folder).output();
    done.expect("it is there").stdout
}

#[test]
fn age_and_zstd_open_a_segment_for_one_person() {
    if !have(&["age", "zstd"]) {
        return;
    }
    let desk = Desk::new();
    let done = desk.run(&["--format", "combined", "--quarantine", "quarantine"], BAD);
    assert_eq!(done.status, 0, "{}", done.err());
    desk.write("sec.key", secret(&desk.security));
    let told = desk.told("segment");
    let id = told[0]["segment"].as_str().expect("a name");
    let folder = desk.folder.path();
    assert!(age(folder, "sec.key", &format!("quarantine/keys/{id}.key.age"), "s.key"));
    assert!(age(folder, "s.key", &format!("quarantine/segments/{id}.age"), "body.zst"));
    let text = body(folder, "body.zst");
    let head: &[u8] = b"#@ {\"at\":0,\"source\":\"stdin\",\"why\":[\"refused:not-this-format\"]}\n";
    assert_eq!(text, [head, BAD].concat());
    // The key of a segment opens no other, and that of security no segment.
    assert!(!age(folder, "sec.key", &format!("quarantine/segments/{id}.age"), "none"));
}

#[test]
fn two_roles_open_it_together_and_neither_alone() {
    if !have(&["age", "zstd"]) {
        return;
    }
    let folder = Folder::new();
    let (security, dpo) = (Identity::generate(), Identity::generate());
    fs::write(folder.file("sec.key"), secret(&security)).expect("ours");
    fs::write(folder.file("dpo.key"), secret(&dpo)).expect("ours");
    let (security, dpo) = (security.to_public().to_string(), dpo.to_public().to_string());
    let args = ["quarantine", "init", "q", "--security", &security, "--dpo", &dpo];
    assert_eq!(run_in(folder.path(), &args, b"").status, 0);
    let args = ["--format", "combined", "--quarantine", "q"];
    assert_eq!(run_in(folder.path(), &args, BAD).status, 0);
    let keys = fs::read_dir(folder.file("q/keys")).expect("ours").next().expect("a day");
    let day = keys.expect("ours").file_name().display().to_string();
    let key = format!("q/keys/{day}/000001.key.age");
    assert!(!age(folder.path(), "sec.key", &key, "none"));
    assert!(age(folder.path(), "dpo.key", &key, "inner.age"));
    assert!(!age(folder.path(), "dpo.key", "inner.age", "none"));
    assert!(age(folder.path(), "sec.key", "inner.age", "s.key"));
    assert!(age(folder.path(), "s.key", &format!("q/segments/{day}/000001.age"), "body.zst"));
    assert!(body(folder.path(), "body.zst").ends_with(BAD));
}
