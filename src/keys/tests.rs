//! The life of keys, with moments and directories of the tests' own.

use std::{
    env, fs,
    os::unix::fs::{PermissionsExt as _, symlink},
    path::{Path, PathBuf},
    process,
    sync::atomic::{AtomicUsize, Ordering},
    thread,
};

use super::*;
use crate::transform::pseudonym::Secret;

pub(super) const DAY: i64 = 86_400;
pub(super) const HOUR: i64 = 3_600;
/// The beginning of some epoch.
pub(super) const START: i64 = 20_779 * DAY;

/// A directory that is not there yet, in one that is removed at the end.
pub(super) struct Folder(PathBuf);

impl Folder {
    pub(super) fn new() -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = env::temp_dir().join(format!("tamis-keys-{}-{number}", process::id()));
        fs::create_dir_all(&path).expect("the temporary folder takes folders");
        Self(path)
    }

    pub(super) fn keys(&self) -> PathBuf {
        self.0.join("keys")
    }

    /// The names of the files that have keys.
    pub(super) fn files(&self) -> Vec<String> {
        let entries = fs::read_dir(self.keys()).expect("the directory was made");
        let names = entries.map(|entry| entry.expect("readable").file_name().display().to_string());
        let mut names: Vec<_> = names.filter(|name| name.ends_with(".key")).collect();
        names.sort();
        names
    }

    /// The public names of the keys by epoch.
    pub(super) fn ids(&self, now: Moment) -> Vec<(Epoch, KeyId)> {
        status(&self.keys(), now).expect("usable").map(|status| status.epochs).unwrap_or_default()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// The moment `seconds` after the epoch began, on a machine that was started a day before it.
pub(super) fn at(seconds: i64) -> Moment {
    Moment { unix: START + seconds, boot: DAY + seconds, session: 1 }
}

pub(super) fn open(folder: &Folder, now: Moment) -> Keeper {
    Keeper::open(&folder.keys(), now).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn a_key_is_there_from_an_hour_before_its_epoch_until_two_hours_after() {
    let folder = Folder::new();
    let mut keeper = open(&folder, at(3 * HOUR));
    for (seconds, expect) in [
        (3 * HOUR, &["epoch-20779.key"][..]),
        (DAY - HOUR - 1, &["epoch-20779.key"]),
        (DAY - HOUR, &["epoch-20779.key", "epoch-20780.key"]),
        (DAY + 2 * HOUR - 1, &["epoch-20779.key", "epoch-20780.key"]),
        (DAY + 2 * HOUR, &["epoch-20780.key"]),
        (2 * DAY + 3 * HOUR, &["epoch-20781.key"]),
    ] {
        assert_eq!(keeper.tick(at(seconds)).expect("usable"), Health::Good);
        assert_eq!(folder.files(), expect, "{seconds}");
    }
}

#[test]
fn a_restart_takes_up_the_same_keys_and_another_directory_has_others() {
    let (folder, other) = (Folder::new(), Folder::new());
    drop(open(&folder, at(5 * HOUR)));
    let before = folder.ids(at(5 * HOUR));
    drop(open(&folder, at(6 * HOUR)));
    assert_eq!(folder.ids(at(6 * HOUR)), before);
    drop(open(&other, at(6 * HOUR)));
    assert_ne!(other.ids(at(6 * HOUR)), before);
    assert_eq!(before.len(), 1);
}

#[test]
fn what_is_over_is_destroyed_by_whoever_looks() {
    let folder = Folder::new();
    drop(open(&folder, at(5 * HOUR)));
    assert_eq!(folder.ids(at(2 * DAY)), []);
    assert_eq!(folder.files(), Vec::<String>::new());
}

#[test]
fn what_others_may_read_is_refused() {
    let folder = Folder::new();
    drop(open(&folder, at(5 * HOUR)));
    let set = |path: &Path, mode| {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("it is ours");
    };
    let refused =
        || Keeper::open(&folder.keys(), at(5 * HOUR)).err().map(|error| error.to_string());
    assert_eq!(fs::metadata(folder.keys()).expect("made").permissions().mode() & 0o777, 0o700);
    for (path, usual) in [
        (folder.keys(), 0o700),
        (folder.keys().join("epoch-20779.key"), 0o600),
        (folder.keys().join("state"), 0o600),
    ] {
        for more in [0o040, 0o004, 0o020, 0o001] {
            set(&path, usual | more);
            assert!(
                refused().expect("too loose").contains("others may read"),
                "{}",
                path.display()
            );
        }
        set(&path, usual);
        assert_eq!(refused(), None);
    }
}

#[test]
fn links_and_strange_files_are_refused_and_not_touched() {
    let folder = Folder::new();
    let elsewhere = folder.0.join("elsewhere");
    fs::write(&elsewhere, [7; 32]).expect("the folder is ours");
    fs::set_permissions(&elsewhere, fs::Permissions::from_mode(0o600)).expect("it is ours");
    drop(open(&folder, at(5 * HOUR)));
    let key = folder.keys().join("epoch-20779.key");
    fs::remove_file(&key).expect("it is there");
    symlink(&elsewhere, &key).expect("the directory is ours");
    assert!(Keeper::open(&folder.keys(), at(5 * HOUR)).is_err());
    assert!(destroy(&folder.keys()).is_err());
    assert_eq!(fs::read(&elsewhere).expect("it is there"), [7; 32]);
    fs::remove_file(&key).expect("it is there");
    fs::write(folder.keys().join("state"), "something else").expect("the directory is ours");
    assert!(matches!(Keeper::open(&folder.keys(), at(5 * HOUR)), Err(KeysError::Strange(_))));
}

#[test]
fn a_key_that_was_not_written_to_its_end_is_drawn_anew() {
    let folder = Folder::new();
    drop(open(&folder, at(5 * HOUR)));
    fs::write(folder.keys().join("epoch-20779.key"), [1; 31]).expect("the directory is ours");
    drop(open(&folder, at(5 * HOUR)));
    assert_eq!(fs::read(folder.keys().join("epoch-20779.key")).expect("drawn").len(), 32);
}

#[test]
fn processes_that_begin_at_once_agree() {
    let folder = Folder::new();
    let keepers: Vec<_> = thread::scope(|scope| {
        let threads: Vec<_> =
            (0..8).map(|_| scope.spawn(|| open(&folder, at(DAY - HOUR)))).collect();
        threads.into_iter().map(|thread| thread.join().expect("it does not panic")).collect()
    });
    let ids = folder.ids(at(DAY - HOUR));
    assert_eq!(ids.len(), 2);
    for keeper in keepers {
        assert_eq!(in_ring(&keeper), ids);
    }
}

/// The public names of the keys that a run has.
fn in_ring(keeper: &Keeper) -> Vec<(Epoch, KeyId)> {
    keeper.keyring.alive()
}

#[test]
fn what_one_process_destroys_no_other_brings_back() {
    let folder = Folder::new();
    let (mut first, now) = (open(&folder, at(5 * HOUR)), at(5 * HOUR + 1));
    let old = folder.ids(now);
    assert!(destroy(&folder.keys()).expect("usable"));
    assert_eq!(folder.files(), Vec::<String>::new());
    first.tick(now).expect("usable");
    let new = folder.ids(now);
    assert_eq!(in_ring(&first), new);
    assert!(new.len() == 1 && new != old);
    assert!(!destroy(&folder.0.join("nowhere")).expect("nothing there"));
}

/// A clock that is set by less than an epoch is followed forwards, and not backwards.
#[test]
fn a_clock_that_is_set_by_more_than_an_epoch_makes_no_keys_until_it_is_confirmed() {
    let folder = Folder::new();
    let mut keeper = open(&folder, at(5 * HOUR));
    let set = |seconds, by| Moment { unix: START + seconds + by, ..at(seconds) };
    assert_eq!(keeper.tick(set(6 * HOUR, -4 * HOUR)).expect("usable"), Health::Good);
    assert_eq!(folder.files(), ["epoch-20779.key"]);
    for by in [DAY + 1, -DAY - 1, 400 * DAY] {
        assert_eq!(keeper.tick(set(6 * HOUR, by)).expect("usable"), Health::ClockJumped);
        assert_eq!(in_ring(&keeper), []);
        assert_eq!(folder.files(), ["epoch-20779.key"]);
    }
    // Time goes on by the clock that cannot be set.
    keeper.tick(set(DAY + 3 * HOUR, 400 * DAY)).expect("usable");
    assert_eq!(folder.files(), Vec::<String>::new());
    let later = set(DAY + 3 * HOUR, 400 * DAY);
    assert!(confirm_clock(&folder.keys(), later).expect("usable"));
    assert_eq!(keeper.tick(later).expect("usable"), Health::Good);
    assert_eq!(folder.files(), ["epoch-21180.key"]);
    assert_eq!(in_ring(&keeper).len(), 1);
}

#[test]
fn after_a_start_of_the_machine_its_clock_is_taken_as_it_is() {
    let folder = Folder::new();
    drop(open(&folder, at(5 * HOUR)));
    let started = Moment { unix: START + 10 * DAY + 5 * HOUR, boot: 60, session: 2 };
    assert_eq!(open(&folder, started).tick(started).expect("usable"), Health::Good);
    assert_eq!(folder.files(), ["epoch-20789.key"]);
}

#[test]
fn a_shared_chain_gives_every_machine_the_same_keys_and_forgets_where_it_came_from() {
    let (folder, other) = (Folder::new(), Folder::new());
    let length = EpochLength::default();
    init(&folder.keys(), Mode::Shared, length, at(5 * HOUR)).expect("nothing there");
    assert_eq!(folder.files(), ["chain-20780.key", "epoch-20779.key"]);
    assert!(matches!(
        init(&folder.keys(), Mode::Shared, length, at(5 * HOUR)),
        Err(KeysError::Exists(_))
    ));
    fs::create_dir(other.keys()).expect("the folder is ours");
    for entry in fs::read_dir(folder.keys()).expect("made") {
        let path = entry.expect("readable").path();
        fs::copy(&path, other.keys().join(path.file_name().expect("a name"))).expect("ours");
    }
    fs::set_permissions(other.keys(), fs::Permissions::from_mode(0o700)).expect("ours");
    // One goes on from day to day, the other one was away.
    let mut keeper = open(&folder, at(5 * HOUR));
    for day in 1..=4 {
        keeper.tick(at(day * DAY + 5 * HOUR)).expect("usable");
    }
    let now = at(4 * DAY + 5 * HOUR);
    drop(open(&other, now));
    assert_eq!(folder.files(), ["chain-20784.key", "epoch-20783.key"]);
    assert_eq!(other.files(), folder.files());
    assert_eq!(other.ids(now), folder.ids(now));
    // A chain that is gone is not replaced by keys of one's own.
    destroy(&folder.keys()).expect("usable");
    for _ in 0..2 {
        assert!(matches!(keeper.tick(now), Err(KeysError::Gone(_))));
        assert_eq!(in_ring(&keeper), []);
    }
    assert_eq!(folder.files(), Vec::<String>::new());
}

/// Every run of 32 bytes in the files of the directory, as a key.
fn candidates(folder: &Folder) -> Vec<EpochKey> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder.keys()).expect("made") {
        let content = fs::read(entry.expect("readable").path()).expect("ours");
        let windows = content.windows(32);
        found.extend(windows.map(|window| {
            EpochKey::new(Secret::copy_of(window.try_into().expect("it has 32 bytes")))
        }));
    }
    found
}

/// Tokens are undone by trying all addresses with every key that could be in the directory: all of them
/// while the key is there, which shows that the trial works, and none after that.
#[test]
fn once_keys_are_destroyed_no_token_can_be_undone() {
    use crate::transform::pseudonym::{Canonical, TokenField};
    let recovered = |folder: &Folder, tokens: &[[u8; 16]]| {
        let keys: Vec<_> = candidates(folder)
            .iter()
            .map(|key| key.field_key(b"www.example.com", TokenField::Visitor))
            .collect();
        let undone = |token: &&[u8; 16]| {
            let mut trials = keys.iter().flat_map(|key| {
                (0..256).map(|host| {
                    key.token_of(Epoch(0), &Canonical::v4(0xC000_0200 + host)).characters()
                })
            });
            trials.any(|trial| trial == **token)
        };
        tokens.iter().filter(undone).count()
    };
    let by_time = |folder: &Folder| drop(open(folder, at(2 * DAY)));
    let by_hand = |folder: &Folder| assert!(destroy(&folder.keys()).expect("usable"));
    let ends: [&dyn Fn(&Folder); 2] = [&by_time, &by_hand];
    for (mode, end) in [
        (Mode::Solo, ends[0]),
        (Mode::Solo, ends[1]),
        (Mode::Shared, ends[0]),
        (Mode::Shared, ends[1]),
    ] {
        let folder = Folder::new();
        init(&folder.keys(), mode, EpochLength::default(), at(5 * HOUR)).expect("nothing there");
        let key = fs::read(folder.keys().join("epoch-20779.key")).expect("there");
        let key = EpochKey::new(Secret::copy_of(&key.try_into().expect("it has 32 bytes")));
        let key = key.field_key(b"www.example.com", TokenField::Visitor);
        let tokens: Vec<_> = (0..256)
            .step_by(16)
            .map(|host| key.token_of(Epoch(0), &Canonical::v4(0xC000_0200 + host)).characters())
            .collect();
        assert_eq!(recovered(&folder, &tokens), tokens.len(), "the positive control");
        end(&folder);
        assert_eq!(recovered(&folder, &tokens), 0);
    }
}
