//! Tests of [`super`].

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::json;

use super::*;
use crate::quarantine::disk::{Faults, Operation};

const NOW: i64 = 1_795_356_337;

fn seed() -> MacKey {
    MacKey([7; 32])
}

/// A directory of a test's own.
fn directory(name: &str) -> PathBuf {
    let path = std::env::temp_dir().join(format!("tamis-chain-{}-{name}", std::process::id()));
    let _ = fs::remove_dir_all(&path);
    fs::create_dir_all(&path).expect("a directory for the test");
    path
}

fn open(disk: &Disk, directory: &Path) -> Result<(Journal, usize), QuarantineError> {
    let mut entries = 0;
    let (path, key) = (directory.join("j"), directory.join("k"));
    Journal::open(disk, &path, &key, |_| entries += 1).map(|journal| (journal, entries))
}

fn create(directory: &Path) -> Journal {
    let (path, key) = (directory.join("j"), directory.join("k"));
    Journal::create(&Disk::default(), &path, &key, seed(), 0o640).expect("nothing is there")
}

/// Walks over what is in the file, and says where the chain breaks.
fn walk(directory: &Path, seed: Option<MacKey>) -> Result<Walk, (u64, Break)> {
    let text = fs::read(directory.join("j")).expect("it is there");
    let mut walk = Walk::new(seed);
    for line in text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        let at = walk.head().lines;
        walk.take(line).map_err(|fault| (at, fault))?;
    }
    Ok(walk)
}

#[test]
fn lines_are_chained_and_go_on_where_they_ended() {
    let directory = directory("goes-on");
    let mut journal = create(&directory);
    journal.append(NOW, "init", &[("a", json!("b\"c"))]).expect("appended");
    journal.append(NOW + 1, "gap", &[("lines", json!(3))]).expect("appended");
    drop(journal);
    let (mut journal, entries) = open(&Disk::default(), &directory).expect("it is whole");
    assert_eq!(entries, 2);
    // The clock was set back; the time of the journal is not.
    let head = journal.append(NOW - 900, "gap", &[]).expect("appended");
    assert_eq!((head.lines, journal.time()), (3, NOW + 1));
    let walk = walk(&directory, Some(seed())).expect("it is whole");
    assert_eq!(walk.head(), head);
    assert_eq!(head.to_string().parse(), Ok(head));
    fs::remove_dir_all(directory).expect("it was made above");
}

#[test]
fn any_change_of_a_byte_is_found_with_the_seed() {
    let directory = directory("flips");
    let mut journal = create(&directory);
    for number in 0..3 {
        journal.append(NOW, "gap", &[("lines", json!(number))]).expect("appended");
    }
    let path = directory.join("j");
    let text = fs::read(&path).expect("it is there");
    for at in 0..text.len() - 1 {
        for bit in 0..8 {
            let mut other = text.clone();
            other[at] ^= 1 << bit;
            fs::write(&path, &other).expect("written");
            assert!(walk(&directory, Some(seed())).is_err(), "byte {at} bit {bit}");
        }
    }
    let lines: Vec<_> = text.split_inclusive(|byte| *byte == b'\n').collect();
    for order in [[0, 2, 1], [1, 0, 2], [0, 0, 1], [2, 1, 0]] {
        fs::write(&path, order.map(|at| lines[at]).concat()).expect("written");
        assert!(walk(&directory, None).is_err(), "{order:?}");
    }
    fs::write(&path, [lines[0], lines[2]].concat()).expect("written");
    assert_eq!(walk(&directory, None).err(), Some((1, Break::Number)));
    // A chain that somebody made anew is consistent, and not made with the seed.
    fs::remove_file(&path).expect("it is there");
    let mut forged =
        Journal::create(&Disk::default(), &path, &directory.join("k2"), MacKey([8; 32]), 0o640)
            .expect("made");
    forged.append(NOW, "gap", &[("lines", json!(0))]).expect("appended");
    assert!(walk(&directory, None).is_ok());
    assert_eq!(walk(&directory, Some(seed())).err(), Some((0, Break::Mac)));
    fs::remove_dir_all(directory).expect("it was made above");
}

#[test]
fn lines_that_are_missing_at_the_end_are_found_by_the_key() {
    let directory = directory("cut");
    let mut journal = create(&directory);
    for _ in 0..3 {
        journal.append(NOW, "gap", &[]).expect("appended");
    }
    let path = directory.join("j");
    let text = fs::read(&path).expect("it is there");
    let first = text.iter().position(|byte| *byte == b'\n').expect("there are lines") + 1;
    fs::write(&path, &text[..first]).expect("written");
    assert!(matches!(open(&Disk::default(), &directory), Err(QuarantineError::Strange { .. })));
    fs::remove_dir_all(directory).expect("it was made above");
}

/// Fails one operation, or all from there on, as after a crash.
struct FailAt {
    at: usize,
    dies: bool,
    count: AtomicUsize,
}

impl Faults for FailAt {
    fn before(&self, _: Operation, _: &Path) -> Option<io::Error> {
        let count = self.count.fetch_add(1, Ordering::SeqCst);
        let fails = if self.dies { count >= self.at } else { count == self.at };
        fails.then(|| io::ErrorKind::StorageFull.into())
    }
}

/// Whatever fails and wherever the machine stops: what was acknowledged is there, and the journal goes on.
#[test]
fn a_journal_survives_every_fault() {
    let directory = directory("faults");
    for dies in [false, true] {
        for at in 0.. {
            let _ = fs::remove_file(directory.join("j"));
            let _ = fs::remove_file(directory.join("k"));
            let mut journal = create(&directory);
            journal.append(NOW, "init", &[]).expect("appended");
            drop(journal);
            let faults = Arc::new(FailAt { at, dies, count: 0.into() });
            let disk = Disk::with_faults(Arc::clone(&faults) as Arc<dyn Faults>);
            let mut acknowledged = 1;
            if let Ok((mut journal, _)) = open(&disk, &directory) {
                for number in 0..3_u64 {
                    match journal.append(NOW, "gap", &[("lines", json!(number))]) {
                        Ok(head) => acknowledged = head.lines,
                        // Whoever meets an error ends.
                        Err(_) => break,
                    }
                }
            }
            let (mut journal, entries) = open(&Disk::default(), &directory).expect("it recovers");
            let entries = entries as u64;
            assert!(entries == acknowledged || entries == acknowledged + 1, "at {at}");
            journal.append(NOW, "gap", &[]).expect("it goes on");
            assert!(walk(&directory, Some(seed())).is_ok(), "at {at}");
            if faults.count.load(Ordering::SeqCst) <= at {
                assert!(at > 10);
                break;
            }
        }
    }
    fs::remove_dir_all(directory).expect("it was made above");
}

#[test]
fn keys_have_one_form_and_are_not_shown() {
    let text = seed().expose_text();
    assert!(MacKey::from_text(&text).is_some_and(|key| key.0 == [7; 32]));
    for strange in [text.trim_end(), &text.replace("line 0", "line 1"), "", "tamis mac 1\n"] {
        assert!(MacKey::from_text(strange).is_none(), "{strange}");
    }
    assert_eq!(format!("{:?}", seed()), "MacKey");
}
