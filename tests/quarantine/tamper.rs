//! Whatever is changed, taken away, added or exchanged in a quarantine is found, and where it is.

use std::{
    fs,
    path::{Path, PathBuf},
};

use tamis::quarantine::{
    chain::Head,
    identity::Identities,
    layout::Layout,
    verify::{Report, verify},
};

use crate::{
    is_proof,
    made::{Made, SAID, line},
};

/// A quarantine with a little of everything: two segments, one of them written anew, a hold, and what was opened.
fn small() -> Made {
    let mut made = Made::new(&["security", "auditor"]);
    made.seal(22, &[line("192.0.2.7", 22, "/a"), line("192.0.2.8", 22, "/b")]);
    made.seal(23, &[line("203.0.113.5", 23, "/c")]);
    for args in [
        format!("open q {SAID}"),
        format!("subject erase q {SAID} --ip 192.0.2.7 --yes"),
        "hold q --case T-1 --until 2090-01-01 --reason-file why".to_owned(),
    ] {
        let done = made.run(&args);
        assert_eq!(done.status, 0, "{args}: {}", done.err());
    }
    made
}

fn look(made: &Made, seed: bool, checkpoint: Option<Head>) -> Report {
    let layout = Layout::new(made.path("q"));
    let seeds = seed.then(|| Identities::load(&[made.path("auditor.key")]).expect("it reads"));
    let checkpoints: Vec<_> = checkpoint.map(|head| (None, head)).into_iter().collect();
    verify(&layout, seeds.as_ref(), &checkpoints).expect("it can be looked at")
}

/// All files below a directory, but those that say nothing.
fn files(root: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut directories = vec![root.to_owned()];
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(directory).expect("the folder is ours") {
            let path = entry.expect("the folder is ours").path();
            if path.is_dir() {
                directories.push(path);
            } else if !path.ends_with("lock") && !path.ends_with("reserve") {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

fn writable(path: &Path) {
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).expect("the file is ours");
}

#[test]
fn every_byte_counts() {
    let made = small();
    let clean = look(&made, true, None);
    assert!(clean.findings.is_empty(), "{:?}", clean.findings);
    assert_eq!((clean.segments, clean.lines, clean.is_seeded), (2, 2, true));
    let (mut tried, mut bytes) = (0, 0);
    for path in files(&made.path("q")) {
        writable(&path);
        let whole = fs::read(&path).expect("the file is ours");
        bytes += whole.len();
        // One bit of each byte, or all of them where all is asked for.
        let bits = (0..8 * whole.len()).filter(|bit| is_proof() || bit % 8 == bit / 8 % 8);
        for (at, bit) in bits.map(|bit| (bit / 8, bit % 8)) {
            let mut other = whole.clone();
            other[at] ^= 1 << bit;
            fs::write(&path, &other).expect("the file is ours");
            let report = look(&made, true, None);
            let name =
                path.strip_prefix(made.path("q")).expect("it lies there").display().to_string();
            // A seed that does not open is said, and so is a key that does not follow: by the name of either file.
            assert!(!report.findings.is_empty(), "{name}, byte {at}");
            let stem = name.split('.').next().unwrap_or_default();
            assert!(
                report.findings.iter().any(|found| found.place.starts_with(stem)),
                "{name}, byte {at}: {:?}",
                report.findings
            );
            tried += 1;
        }
        fs::write(&path, whole).expect("the file is ours");
    }
    println!(
        "B11: {tried} bits of the {bytes} bytes of a quarantine turned, one at a time: all found"
    );
    assert!(tried > 3_000, "{tried}");
    assert!(look(&made, true, None).findings.is_empty());
}

#[test]
fn files_that_are_missing_added_or_exchanged_are_found() {
    let made = small();
    let all = files(&made.path("q"));
    for path in &all {
        if path.ends_with("MANIFEST.jsonl") || path.to_string_lossy().ends_with("0.jsonl") {
            continue;
        }
        let whole = fs::read(path).expect("the file is ours");
        fs::remove_file(path).expect("the file is ours");
        assert!(!look(&made, true, None).findings.is_empty(), "{}", path.display());
        fs::write(path, &whole).expect("the folder is ours");
        // Beside it, and half of it.
        let beside = path.with_file_name("stranger");
        fs::write(&beside, &whole).expect("the folder is ours");
        assert!(!look(&made, true, None).findings.is_empty(), "{}", beside.display());
        fs::remove_file(&beside).expect("it was made above");
        fs::write(path, &whole[..whole.len() / 2]).expect("the folder is ours");
        assert!(!look(&made, true, None).findings.is_empty(), "half of {}", path.display());
        fs::write(path, &whole).expect("the folder is ours");
    }
    let bodies: Vec<_> =
        all.iter().filter(|path| path.to_string_lossy().contains("/segments/")).collect();
    let [one, two] = [bodies[0], bodies[1]].map(|path| fs::read(path).expect("the file is ours"));
    fs::write(bodies[0], two).expect("the file is ours");
    fs::write(bodies[1], one).expect("the file is ours");
    assert_eq!(look(&made, false, None).findings.len(), 2);
}

/// The lines of a journal in another order, without one, or with one twice.
#[test]
fn lines_cannot_be_taken_out_moved_or_put_in() {
    let made = small();
    let uid = rustix::process::getuid().as_raw();
    for name in ["MANIFEST.jsonl".to_owned(), format!("audit/{uid}.jsonl")] {
        let path = made.path("q").join(&name);
        let whole = fs::read_to_string(&path).expect("the file is ours");
        let lines: Vec<&str> = whole.split_inclusive('\n').collect();
        let check = |changed: Vec<&str>, what: &str| {
            fs::write(&path, changed.concat()).expect("the file is ours");
            for seed in [false, true] {
                let report = look(&made, seed, None);
                assert!(!report.findings.is_empty(), "{name}: {what}, with the seed: {seed}");
            }
        };
        for at in 0..lines.len() {
            let mut without = lines.clone();
            without.remove(at);
            check(without, "without one");
            let mut twice = lines.clone();
            twice.insert(at, lines[at]);
            check(twice, "one twice");
            if at > 0 {
                let mut moved = lines.clone();
                moved.swap(at, at - 1);
                check(moved, "two exchanged");
                // The key of the next line tells also without a seed.
                check(lines[..at].to_vec(), "cut off");
            }
        }
        fs::write(&path, &whole).expect("the file is ours");
    }
    assert!(look(&made, true, None).findings.is_empty());
}

/// Whoever takes over the machine can put the key file right, and then only what was kept elsewhere tells.
#[test]
fn an_end_that_was_cut_off_with_care_is_found_against_a_checkpoint() {
    let made = small();
    let before = look(&made, false, None).head;
    let path = made.path("q/MANIFEST.jsonl");
    let whole = fs::read_to_string(&path).expect("the file is ours");
    let lines: Vec<&str> = whole.split_inclusive('\n').collect();
    fs::write(&path, lines[..lines.len() - 1].concat()).expect("the file is ours");
    let key = made.path("q/mac.key");
    let text = fs::read_to_string(&key).expect("the file is ours");
    let (old, new) = (format!("line {}\n", before.lines), format!("line {}\n", before.lines - 1));
    fs::write(&key, text.replace(&old, &new)).expect("the file is ours");
    assert!(look(&made, false, None).findings.is_empty());
    let found = look(&made, false, Some(before)).findings;
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(
        found[0].what.contains("its last 1 lines before the checkpoint are missing"),
        "{found:?}"
    );
    // And with the seed, for the key is not that of the line.
    assert!(!look(&made, true, None).findings.is_empty());
    // Another quarantine is not this one.
    let other = small();
    assert!(!look(&other, false, Some(before)).findings.is_empty());
}

#[test]
fn the_command_says_what_and_where_and_ends_with_3() {
    let made = small();
    let good = made.run("verify q --seed auditor.key");
    assert_eq!(good.status, 0, "{}", good.err());
    assert!(good.out().contains("2 whole segments, 2 lines"), "{}", good.out());
    assert!(good.out().contains("all is as it was written"), "{}", good.out());
    let weak = made.run("verify q");
    assert!(weak.out().contains("consistent, not tamper-evident"), "{}", weak.out());
    let checkpoints: String =
        (good.out().lines().skip_while(|line| !line.starts_with("keep")).skip(1))
            .map(|line| format!(" --checkpoint {}", line.trim()))
            .collect();
    assert_eq!(made.run(&format!("verify q{checkpoints}")).status, 0);
    let body = files(&made.path("q"))
        .into_iter()
        .find(|path| path.to_string_lossy().contains("/segments/"));
    let body = body.expect("there is one");
    writable(&body);
    let mut bytes = fs::read(&body).expect("the file is ours");
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    fs::write(&body, bytes).expect("the file is ours");
    let bad = made.run("verify q");
    assert_eq!(bad.status, 3);
    assert!(
        bad.err().contains("was changed: its hash is not that of the manifest"),
        "{}",
        bad.err()
    );
    assert!(bad.out().contains("NOT as it was written: 1 finding"), "{}", bad.out());
    // What is damaged is not shown further than it is whole, and the end says so.
    let shown = made.run(&format!("open q {SAID}"));
    assert_eq!(shown.status, 1, "{}", shown.err());
    let nonsense = made.run("verify q --checkpoint nonsense");
    assert_eq!(nonsense.status, 2);
}
