//! Unit tests of the ledger.

use std::{
    env,
    io::Write as _,
    os::unix::fs::PermissionsExt as _,
    process,
    sync::atomic::{AtomicUsize, Ordering},
};

use super::*;
use crate::counts::publish::{Blur, Number, Row};

struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = env::temp_dir().join(format!("tamis-ledger-{}-{number}", process::id()));
        fs::create_dir_all(&path).expect("the temporary folder takes folders");
        Self(path)
    }

    fn open(&self) -> Result<Ledger, LedgerError> {
        Ledger::open(&self.0)
    }

    fn file(&self) -> PathBuf {
        self.0.join(NAME)
    }

    fn text(&self) -> String {
        fs::read_to_string(self.file()).expect("it is there")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn content(requests: u64) -> Content {
    let row = Row { key: vec!["Linux".to_owned()], requests, visitors: None };
    Content {
        k: 10,
        blur: Blur::None,
        summed: None,
        total: Some(Number { requests, visitors: None }),
        tables: [("os".to_owned(), vec![row])].into(),
        partial: Vec::new(),
        withheld: vec!["path".to_owned()],
    }
}

fn entry(period: &str, content: Content) -> Entry {
    Entry {
        period: period.parse().expect("a period"),
        policy: "baseline".to_owned(),
        policy_hash: "00ff".to_owned(),
        publisher: None,
        reviewer: "Alice".to_owned(),
        content,
    }
}

fn settle(ledger: &Ledger, period: &str, counted: Option<Content>) -> String {
    match ledger.settle(period.parse().expect("a period"), counted) {
        Ok(Found::New(content)) => {
            format!("new {}", content.total.map_or(0, |total| total.requests))
        }
        Ok(Found::Before(entry)) => format!("before, by {}", entry.reviewer),
        Err(error) => error.to_string().split([',', ';']).next().unwrap_or_default().to_owned(),
    }
}

#[test]
fn a_period_is_released_once() {
    let folder = Folder::new();
    let mut ledger = folder.open().expect("a new one");
    assert_eq!(settle(&ledger, "2026-11", Some(content(50))), "new 50");
    assert!(settle(&ledger, "2026-11", None).contains("was not released before"));
    ledger.append(entry("2026-11", content(50))).expect("it is written");
    let mode = fs::metadata(folder.file()).expect("it is there").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    drop(ledger);
    let ledger = folder.open().expect("an old one");
    assert_eq!(ledger.entries(), [entry("2026-11", content(50))]);
    assert_eq!(settle(&ledger, "2026-11", Some(content(50))), "before, by Alice");
    assert_eq!(settle(&ledger, "2026-11", None), "before, by Alice");
    let otherwise = |change: &dyn Fn(&mut Content)| {
        let mut content = content(50);
        change(&mut content);
        settle(&ledger, "2026-11", Some(content))
    };
    let before = "it was released before with";
    assert_eq!(otherwise(&|it| it.k = 5), format!("{before} k = 10"));
    assert_eq!(
        otherwise(&|it| it.blur = Blur::Round(5)),
        format!("{before} numbers that are exact")
    );
    assert_eq!(otherwise(&|it| it.withheld.clear()), format!("{before} other tables"));
    assert_eq!(
        otherwise(&|it| it.partial.push("os".to_owned())),
        format!("{before} other tables of two dimensions")
    );
    assert_eq!(otherwise(&|it| it.total = None), format!("{before} other numbers"));
}

#[test]
fn what_is_released_never_overlaps_but_in_sums() {
    let folder = Folder::new();
    let mut ledger = folder.open().expect("a new one");
    for day in ["2026-11-16", "2026-11-17", "2026-11-18", "2026-11-19", "2026-11-20", "2026-11-21"]
    {
        ledger.append(entry(day, content(20))).expect("it is written");
    }
    let sunday = "parts of it were released";
    assert_eq!(settle(&ledger, "2026-W47", Some(content(999))), sunday);
    ledger.append(entry("2026-11-22", content(30))).expect("it is written");
    // Whatever was counted, the week is what was told of its days.
    assert_eq!(settle(&ledger, "2026-W47", Some(content(999))), "new 150");
    let Ok(Found::New(sum)) = ledger.settle("2026-W47".parse().expect("a week"), None) else {
        panic!("the days make the week")
    };
    ledger.append(entry("2026-W47", sum)).expect("it is written");
    assert_eq!(settle(&ledger, "2026-W47", Some(content(999))), "before, by Alice");
    assert_eq!(settle(&ledger, "2026-11", Some(content(999))), sunday);
    ledger.append(entry("2026-10", content(300))).expect("it is written");
    assert_eq!(settle(&ledger, "2026-10-05", Some(content(9))), "2026-10 was released as a whole");
    assert_eq!(settle(&ledger, "2026-W40", Some(content(9))), "2026-10 was released as a whole");
    assert_eq!(settle(&ledger, "2026-09", Some(content(90))), "new 90");
}

#[test]
fn a_line_that_was_cut_off_was_never_released() {
    let folder = Folder::new();
    let mut ledger = folder.open().expect("a new one");
    ledger.append(entry("2026-10", content(50))).expect("it is written");
    let whole = folder.text();
    ledger.append(entry("2026-11", content(60))).expect("it is written");
    drop(ledger);
    let both = folder.text();
    for end in whole.len()..both.len() {
        fs::write(folder.file(), &both[..end]).expect("it is ours");
        let mut ledger = folder.open().expect("a torn end is no damage");
        assert_eq!(ledger.entries().len(), 1, "{end}");
        ledger.append(entry("2026-11", content(60))).expect("it is written");
        drop(ledger);
        assert_eq!(folder.text(), both, "{end}");
    }
}

#[test]
fn any_changed_byte_is_noticed_but_in_the_end_that_was_cut_off() {
    let folder = Folder::new();
    let mut ledger = folder.open().expect("a new one");
    for period in ["2026-09", "2026-10", "2026-11"] {
        ledger.append(entry(period, content(50))).expect("it is written");
    }
    drop(ledger);
    let whole = folder.text().into_bytes();
    let lines: Vec<usize> =
        whole.iter().enumerate().filter(|(_, byte)| **byte == b'\n').map(|(at, _)| at).collect();
    let last = lines[1] + 1;
    for at in 0..last {
        let mut changed = whole.clone();
        changed[at] ^= 1;
        fs::write(folder.file(), &changed).expect("it is ours");
        assert!(matches!(folder.open(), Err(LedgerError::Damaged(_))), "byte {at}");
    }
    // A line that was taken out.
    let without: Vec<u8> = [&whole[..lines[0] + 1], &whole[last..]].concat();
    fs::write(folder.file(), without).expect("it is ours");
    assert!(matches!(folder.open(), Err(LedgerError::Damaged(2))));
    fs::write(folder.file(), "{}\n").expect("it is ours");
    assert!(matches!(folder.open(), Err(LedgerError::Damaged(1))));
}

#[test]
fn files_are_put_whole() {
    let folder = Folder::new();
    let ledger = folder.open().expect("a new one");
    let part = folder.0.join(".2026-11.json.part");
    File::create(&part).and_then(|mut file| file.write_all(b"half")).expect("it is ours");
    ledger.put("2026-11.json", b"{}\n").expect("it is written");
    ledger.put("2026-11.json", b"{}\n").expect("it is written again");
    assert!(!part.exists());
    let file = folder.0.join("2026-11.json");
    assert_eq!(fs::read(&file).expect("it is there"), b"{}\n");
    assert_eq!(fs::metadata(&file).expect("it is there").permissions().mode() & 0o777, 0o644);
}
