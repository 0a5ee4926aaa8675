//! Each operation on the disk fails in turn, once or for good, in each way to meet a full disk.

use std::{
    collections::BTreeMap,
    io,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use tamis::{
    format::Format,
    policy::{Plan, Policy},
    privacy::{Anonymiser, RawBlock, Sightings, seal::Parcel},
    quarantine::{
        QuarantineError,
        disk::{Disk, Faults, Operation},
        store::{Now, Totals, WhenFull, Writer},
    },
    transform::agent::Classifier,
};

use crate::desk::{ALL, Desk};

const UNIX: i64 = 1_795_356_337;
/// Parcels, and lines in each.
const PARCELS: u64 = 4;
const LINES: u64 = 40;

/// Fails one operation, or all from there on, as a machine does that stops.
struct FailAt {
    at: usize,
    is_for_good: bool,
    kind: io::ErrorKind,
    count: AtomicUsize,
}

impl Faults for FailAt {
    fn before(&self, _: Operation, _: &Path) -> Option<io::Error> {
        let count = self.count.fetch_add(1, Ordering::SeqCst);
        let fails = if self.is_for_good { count >= self.at } else { count == self.at };
        fails.then(|| self.kind.into())
    }
}

fn line(number: u64) -> String {
    format!(
        "203.0.113.9 - canary [22/Nov/2026:14:05:37 +0000] \"GET /canary/{number} HTTP/1.1\" 200 512"
    )
}

/// The parcels of a log, as a worker makes them.
fn parcels() -> Vec<Parcel> {
    let policy = Policy::parse(ALL).expect("a policy");
    let plan = Arc::new(Plan::compile(&policy).expect("it can be carried out"));
    let mut door = Anonymiser::new(plan, Arc::new(Classifier::new()), None, 65_536, 1).with_watch();
    let format = Format::common();
    let parcel = |number: u64| {
        let first = number * LINES;
        let text: String = (first..first + LINES).map(|number| line(number) + "\n").collect();
        let mut block = RawBlock::with_capacity(1 << 16);
        block.begin_at(first * 1_000);
        block.read_from(&mut text.as_bytes()).expect("a slice reads");
        for line in block.lines() {
            let outcome = door.anonymise(&format, line, |_| {});
            door.settle(&block, &format, line, outcome);
        }
        door.pack(&block, &format, "access.log", Sightings::default()).expect("all is sealed")
    };
    (0..PARCELS).map(parcel).collect()
}

/// Opens a quarantine. Another test may start the program just now, which for a moment has a copy of what is open
/// here, so that nobody else seems to be let in.
fn open(
    disk: &Disk,
    root: &Path,
    when_full: WhenFull,
    now: Now,
) -> Result<Writer, QuarantineError> {
    loop {
        match Writer::open(disk, root, when_full.clone(), now) {
            Err(QuarantineError::Busy(_)) => thread::sleep(Duration::from_millis(5)),
            opened => return opened,
        }
    }
}

/// Writes the parcels as a run does, in two segments, from a moment on.
fn write(
    disk: &Disk,
    root: &Path,
    when_full: WhenFull,
    from: i64,
) -> Result<Totals, QuarantineError> {
    let now = |seconds: i64| Now { unix: UNIX + from + seconds, steady: from + seconds };
    let mut writer = open(disk, root, when_full, now(0))?;
    for (parcel, seconds) in parcels().into_iter().zip([1, 2, 400, 401]) {
        writer.put(parcel, now(seconds))?;
    }
    writer.finish(now(402))
}

/// How often each line stands in finished segments.
fn counted(desk: &Desk) -> BTreeMap<Vec<u8>, usize> {
    let mut counts = BTreeMap::new();
    for line in desk.opened() {
        *counts.entry(line.text).or_default() += 1;
    }
    counts
}

/// Runs with a fault, and then without; says whether the fault was met.
fn check(at: usize, is_for_good: bool, kind: io::ErrorKind, when_full: WhenFull) -> bool {
    let what = format!("operation {at}, {kind:?}, for good: {is_for_good}");
    let desk = Desk::in_memory();
    let faults = Arc::new(FailAt { at, is_for_good, kind, count: 0.into() });
    let disk = Disk::with_faults(Arc::clone(&faults) as Arc<dyn Faults>);
    let sheds = matches!(when_full, WhenFull::Shed);
    let done = write(&disk, desk.root(), when_full, 0);
    let listed = desk.opened().len() as u64;
    match &done {
        Ok(totals) => {
            assert_eq!(totals.sealed, listed, "{what}");
            assert_eq!(totals.sealed + totals.shed, PARCELS * LINES, "{what}");
            assert!(sheds || totals.shed == 0, "{what}");
            let gaps = desk.told("gap");
            let told: u64 = gaps.iter().filter_map(|gap| gap["lines"].as_u64()).sum();
            // For good means that there was no room for the last word either.
            assert!(told == totals.shed || is_for_good, "{what}: {told} of {}", totals.shed);
        }
        Err(error) => assert!(!error.to_string().contains("canary"), "{what}"),
    }
    assert!(counted(&desk).values().all(|count| *count == 1), "{what}");
    desk.assert_without(&[b"canary", b"203.0.113.9"]);
    // The next run puts everything in order and seals all of it.
    let again = write(&Disk::default(), desk.root(), WhenFull::Shed, 1_000);
    let again = again.unwrap_or_else(|error| panic!("{what}: {error}"));
    assert_eq!(again, Totals { sealed: PARCELS * LINES, shed: 0, segments: 2 }, "{what}");
    let counts = counted(&desk);
    assert_eq!(counts.len() as u64, PARCELS * LINES, "{what}");
    assert_eq!(counts.values().sum::<usize>() as u64, listed + PARCELS * LINES, "{what}");
    let is_one = |text: &[u8]| counts.contains_key(text);
    assert!(desk.opened_torn().iter().all(|line| is_one(&line.text)), "{what}");
    faults.count.load(Ordering::SeqCst) > at
}

fn check_all(kind: io::ErrorKind, when_full: &WhenFull) {
    for is_for_good in [false, true] {
        let met = (0..).find(|at| !check(*at, is_for_good, kind, when_full.clone()));
        assert!(met.is_some_and(|operations| operations > 30), "{met:?} operations");
    }
}

#[test]
fn an_operation_that_fails_leaves_segments_whole_or_torn() {
    check_all(io::ErrorKind::Other, &WhenFull::Shed);
}

#[test]
fn a_full_disk_makes_a_patient_writer_give_up_when_it_is_told_to() {
    check_all(io::ErrorKind::StorageFull, &WhenFull::Block(Arc::new(|| false)));
}

#[test]
fn a_full_disk_makes_another_one_give_lines_up() {
    check_all(io::ErrorKind::StorageFull, &WhenFull::Shed);
}

/// With patience, what fails for want of room succeeds in the end, but for what could not be made durable.
#[test]
fn a_full_disk_is_waited_for() {
    for at in 0.. {
        let desk = Desk::in_memory();
        let kind = io::ErrorKind::StorageFull;
        let faults = Arc::new(FailAt { at, is_for_good: false, kind, count: 0.into() });
        let disk = Disk::with_faults(Arc::clone(&faults) as Arc<dyn Faults>);
        match write(&disk, desk.root(), WhenFull::Block(Arc::new(|| true)), 0) {
            Ok(totals) => {
                assert_eq!(totals.sealed, PARCELS * LINES);
                assert_eq!(counted(&desk).len() as u64, PARCELS * LINES, "operation {at}");
                assert!(desk.told("torn").is_empty());
            }
            Err(error) => {
                let text = error.to_string();
                let is_opening = at < 4;
                assert!(is_opening || text.contains("durable"), "operation {at}: {text}");
            }
        }
        if faults.count.load(Ordering::SeqCst) <= at {
            break;
        }
    }
}

/// Whatever the clock does, times in the manifest never go back, and segments end by the steady clock.
#[test]
fn the_clock_may_jump() {
    let desk = Desk::in_memory();
    let jumps: [(i64, i64); 6] =
        [(0, 0), (-90_000, 10), (500, 20), (-5, 400), (400_000, 410), (0, 800)];
    let disk = Disk::default();
    let now = |(unix, steady): (i64, i64)| Now { unix: UNIX + unix, steady };
    let mut writer =
        open(&disk, desk.root(), WhenFull::Shed, now(jumps[0])).expect("nobody writes");
    for (parcel, jump) in parcels().into_iter().zip(jumps) {
        writer.put(parcel, now(jump)).expect("there is room");
    }
    for jump in &jumps[4..] {
        writer.tick(now(*jump)).expect("there is room");
    }
    let totals = writer.finish(now((-1_000_000, 900))).expect("there is room");
    assert_eq!(totals, Totals { sealed: PARCELS * LINES, shed: 0, segments: 2 });
    let manifest = desk.manifest();
    let times: Vec<_> = manifest.iter().filter_map(|line| line["time"].as_str()).collect();
    assert!(times.is_sorted(), "{times:?}");
    assert_eq!(counted(&desk).len() as u64, PARCELS * LINES);
}

/// Torn segments are opened up to their last whole piece.
#[test]
fn of_a_torn_segment_all_but_the_last_piece_is_there() {
    let desk = Desk::in_memory();
    let policy = Policy::parse(ALL).expect("a policy");
    let plan = Arc::new(Plan::compile(&policy).expect("it can be carried out"));
    let mut door = Anonymiser::new(plan, Arc::new(Classifier::new()), None, 65_536, 1).with_watch();
    let now = |steady: i64| Now { unix: UNIX + steady, steady };
    let mut writer =
        open(&Disk::default(), desk.root(), WhenFull::Shed, now(0)).expect("nobody writes");
    let mut dice = crate::program::Dice(3);
    let format = Format::common();
    for number in 0..8_u64 {
        let letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        let text: String = (0..1_000).map(|_| dice.text(letters, 120) + "\n").collect();
        let mut block = RawBlock::with_capacity(1 << 18);
        block.begin_at(number << 20);
        block.read_from(&mut text.as_bytes()).expect("a slice reads");
        for line in block.lines() {
            let outcome = door.anonymise(&format, line, |_| {});
            door.settle(&block, &format, line, outcome);
        }
        let parcel =
            door.pack(&block, &format, "access.log", Sightings::default()).expect("all is sealed");
        writer.put(parcel, now(1)).expect("there is room");
    }
    // As if the machine had stopped.
    drop(writer);
    let writer = open(&Disk::default(), desk.root(), WhenFull::Shed, now(2));
    writer.expect("what was left is put in order").finish(now(3)).expect("nothing is left");
    let torn = desk.told("torn");
    assert_eq!((torn.len(), desk.opened().len()), (1, 0));
    let lines = desk.opened_torn().len();
    // About 90 KB of letters are 64 KiB: eight parcels are some eleven pieces, of which one is missing.
    assert!((6_000..8_000).contains(&lines), "{lines} of 8000 lines");
}
