//! A chain that goes to another machine, with moments and directories of the tests' own.

use std::{
    fs,
    os::unix::fs::{PermissionsExt as _, symlink},
    thread,
};

use super::{
    tests::{DAY, Folder, HOUR, START, at, open},
    *,
};

/// A leader that began its chain at a moment, and a machine that has nothing yet.
fn machines(now: Moment) -> (Folder, Folder) {
    let (leader, node) = (Folder::new(), Folder::new());
    init(&leader.keys(), Mode::Shared, EpochLength::default(), now).expect("nothing there");
    (leader, node)
}

/// A request of the node, and its answer.
fn exchange(leader: &Folder, node: &Folder, now: Moment) -> Answer {
    let request = request(&node.keys()).expect("no keys there");
    export(&leader.keys(), &request.recipient, now).unwrap_or_else(|error| panic!("{error}"))
}

fn import_at(node: &Folder, answer: &Answer, now: Moment) -> Result<(), KeysError> {
    import(&node.keys(), answer.sealed.as_bytes(), answer.id, now)
}

/// Everything that is in a directory.
fn content(folder: &Folder) -> Vec<(String, Vec<u8>)> {
    let entries = fs::read_dir(folder.keys()).expect("made");
    let paths = entries.map(|entry| entry.expect("readable").path());
    let mut found: Vec<_> =
        paths.map(|path| (path.display().to_string(), fs::read(&path).expect("ours"))).collect();
    found.sort();
    found
}

fn key(folder: &Folder, name: &str) -> Vec<u8> {
    fs::read(folder.keys().join(name)).expect("it is there")
}

#[test]
fn two_machines_have_the_same_keys_from_the_next_epoch_on() {
    let (leader, node) = machines(at(5 * HOUR));
    let answer = exchange(&leader, &node, at(6 * HOUR));
    assert_eq!((answer.epoch, answer.length), (Epoch(20_780), EpochLength::default()));
    assert!(has_open_request(&node.keys()).expect("usable"));
    import_at(&node, &answer, at(7 * HOUR)).expect("the answer to the open request");
    assert!(!has_open_request(&node.keys()).expect("usable"));
    // Nothing of what has begun is there, and what comes next has the same name on both.
    assert_eq!(node.files(), ["chain-20780.key"]);
    let next = |folder: &Folder, now| {
        status(&folder.keys(), now).expect("usable").expect("begun").next.expect("a chain")
    };
    assert_eq!(next(&node, at(7 * HOUR)), (answer.epoch, answer.id));
    assert_eq!(next(&leader, at(7 * HOUR)), (answer.epoch, answer.id));
    let (mut first, mut second) = (open(&leader, at(8 * HOUR)), open(&node, at(8 * HOUR)));
    assert_eq!(node.ids(at(8 * HOUR)), []);
    for day in 1..=3 {
        let now = at(day * DAY + 5 * HOUR);
        first.tick(now).expect("usable");
        second.tick(now).expect("usable");
        assert_eq!(node.files(), leader.files());
        let name = format!("epoch-{}.key", 20_779 + day);
        assert_eq!(key(&node, &name), key(&leader, &name));
        assert_eq!(second.keyring.alive(), first.keyring.alive());
    }
}

/// The epoch that is handed on is the first one whose key the leader itself does not have.
#[test]
fn what_is_handed_on_has_not_begun_for_anybody() {
    for (now, expect) in [
        (at(5 * HOUR), 20_780),
        (at(DAY - HOUR - 1), 20_780),
        (at(DAY - HOUR), 20_781),
        // Nobody looked after the chain for days.
        (at(3 * DAY), 20_783),
    ] {
        let (leader, node) = machines(at(5 * HOUR));
        let answer = exchange(&leader, &node, now);
        assert_eq!(answer.epoch, Epoch(expect));
        assert_eq!(leader.ids(now).last().map(|(epoch, _)| epoch.0), Some(expect - 1));
        import_at(&node, &answer, now).expect("the answer to the open request");
        assert_eq!(node.files(), [format!("chain-{expect}.key")]);
    }
}

#[test]
fn an_old_answer_is_stepped_up_to_now() {
    let (leader, node) = machines(at(5 * HOUR));
    let answer = exchange(&leader, &node, at(6 * HOUR));
    let now = at(4 * DAY + 5 * HOUR);
    import_at(&node, &answer, now).expect("the answer to the open request");
    drop(open(&leader, now));
    assert_eq!(node.files(), ["chain-20784.key", "epoch-20783.key"]);
    assert_eq!(key(&node, "epoch-20783.key"), key(&leader, "epoch-20783.key"));
    assert_eq!(key(&node, "chain-20784.key"), key(&leader, "chain-20784.key"));
}

#[test]
fn what_is_no_answer_changes_nothing() {
    let (leader, node) = machines(at(5 * HOUR));
    let (forger, other) = machines(at(5 * HOUR));
    let early = exchange(&leader, &node, at(6 * HOUR));
    assert!(request(&node.keys()).expect("no keys there").replaced);
    let for_another = exchange(&leader, &other, at(6 * HOUR));
    let recipient = request(&node.keys()).expect("no keys there").recipient;
    let answer = export(&leader.keys(), &recipient, at(6 * HOUR)).expect("a chain");
    let forged = export(&forger.keys(), &recipient, at(6 * HOUR)).expect("a chain");
    let before = content(&node);
    let import = |sealed: &str| import(&node.keys(), sealed.as_bytes(), answer.id, at(6 * HOUR));
    for sealed in ["", "something else", &early.sealed, &for_another.sealed, &answer.sealed[..300]]
    {
        assert!(matches!(import(sealed), Err(KeysError::Answer)));
    }
    assert!(matches!(import(&forged.sealed), Err(KeysError::OtherKey)));
    assert_eq!(content(&node), before);
    import(&answer.sealed).expect("the answer to the open request");
    // Once it is imported, neither it nor any other is.
    for sealed in [&answer.sealed, &early.sealed] {
        assert!(matches!(import(sealed), Err(KeysError::Exists(_))));
    }
    // What opened it is gone, also from whatever is in the files.
    let names: Vec<_> = content(&node).into_iter().map(|(name, _)| name).collect();
    assert!(names.iter().all(|name| !name.contains("request")), "{names:?}");
    assert!(content(&node).iter().all(|(_, bytes)| !bytes.starts_with(b"AGE-SECRET-KEY-")));
}

#[test]
fn without_a_chain_or_a_recipient_nothing_is_handed_on() {
    let (leader, node) = machines(at(5 * HOUR));
    let recipient = request(&node.keys()).expect("no keys there").recipient;
    for wrong in ["", "age1", "alice", "age1qqqq", &recipient[..recipient.len() - 1]] {
        let done = export(&leader.keys(), wrong, at(6 * HOUR));
        assert!(matches!(done, Err(KeysError::Recipient)), "{wrong}");
    }
    let solo = Folder::new();
    let done = export(&solo.keys(), &recipient, at(6 * HOUR));
    assert!(matches!(done, Err(KeysError::NoKeys(_))));
    drop(open(&solo, at(5 * HOUR)));
    let done = export(&solo.keys(), &recipient, at(6 * HOUR));
    assert!(matches!(done, Err(KeysError::Solo(_))));
    let set = Moment { unix: START + 3 * DAY, ..at(6 * HOUR) };
    let done = export(&leader.keys(), &recipient, set);
    assert!(matches!(done, Err(KeysError::ClockJumped(_))));
    assert!(matches!(request(&leader.keys()), Err(KeysError::Exists(_))));
    assert!(matches!(request(&solo.keys()), Err(KeysError::Exists(_))));
}

/// Who asked for the keys of a chain wants no others meanwhile, also in a run that had keys of its own.
#[test]
fn while_a_request_is_open_no_other_keys_begin() {
    let (leader, node) = machines(at(5 * HOUR));
    let mut run = open(&node, at(5 * HOUR));
    assert!(destroy(&node.keys()).expect("usable"));
    let answer = exchange(&leader, &node, at(5 * HOUR));
    let before = content(&node);
    assert!(matches!(run.tick(at(5 * HOUR)), Err(KeysError::RequestOpen(_))));
    let opened = Keeper::open(&node.keys(), at(5 * HOUR));
    assert!(matches!(opened.err(), Some(KeysError::RequestOpen(_))));
    let begun = init(&node.keys(), Mode::Solo, EpochLength::default(), at(5 * HOUR));
    assert!(matches!(begun, Err(KeysError::RequestOpen(_))));
    assert!(status(&node.keys(), at(5 * HOUR)).expect("usable").is_none());
    assert_eq!(content(&node), before);
    import_at(&node, &answer, at(5 * HOUR)).expect("the answer to the open request");
    // A run never changes from keys of its own to those of a chain.
    assert!(matches!(run.tick(at(5 * HOUR)), Err(KeysError::Gone(_))));
    assert_eq!(open(&node, at(5 * HOUR)).keyring.alive(), []);
}

#[test]
fn a_request_can_be_given_up() {
    let (leader, node) = machines(at(5 * HOUR));
    let answer = exchange(&leader, &node, at(6 * HOUR));
    assert!(destroy(&node.keys()).expect("usable"));
    assert!(!destroy(&node.keys()).expect("usable"));
    assert!(matches!(import_at(&node, &answer, at(6 * HOUR)), Err(KeysError::NoRequest(_))));
    init(&node.keys(), Mode::Solo, EpochLength::default(), at(6 * HOUR)).expect("nothing there");
}

/// Whoever imports may be killed between two steps: what is left is an open request or keys.
#[test]
fn an_import_that_was_cut_short_is_done_or_not_begun() {
    let (leader, node) = machines(at(5 * HOUR));
    let answer = exchange(&leader, &node, at(6 * HOUR));
    // After the value of the chain was written, and only half of it.
    for bytes in [&[7; 31][..], &[7; 32]] {
        let path = node.keys().join("chain-20785.key");
        fs::write(&path, bytes).expect("the directory is ours");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("it is ours");
        assert!(status(&node.keys(), at(6 * HOUR)).expect("usable").is_none());
        assert!(has_open_request(&node.keys()).expect("usable"));
    }
    let identity = key(&node, "request.identity");
    import_at(&node, &answer, at(6 * HOUR)).expect("the request is still open");
    assert_eq!(node.files(), ["chain-20780.key"]);
    // After the state was written: the request is over, and whoever looks first destroys what opened the answer.
    let path = node.keys().join("request.identity");
    let looks: [&dyn Fn() -> bool; 4] = [
        &|| !has_open_request(&node.keys()).expect("usable"),
        &|| status(&node.keys(), at(6 * HOUR)).expect("usable").is_some(),
        &|| open(&node, at(6 * HOUR)).keyring.alive().is_empty(),
        &|| import_at(&node, &answer, at(6 * HOUR)).is_err(),
    ];
    for look in looks {
        fs::write(&path, &identity).expect("the directory is ours");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("it is ours");
        assert!(look() && !path.exists());
    }
}

#[test]
fn an_identity_that_others_may_read_is_refused() {
    let (leader, node) = machines(at(5 * HOUR));
    let answer = exchange(&leader, &node, at(6 * HOUR));
    let path = node.keys().join("request.identity");
    let set = |mode| fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("ours");
    assert_eq!(fs::metadata(&path).expect("made").permissions().mode() & 0o777, 0o600);
    for mode in [0o640, 0o604, 0o620] {
        set(mode);
        let done = import_at(&node, &answer, at(6 * HOUR));
        assert!(matches!(done, Err(KeysError::Loose { .. })), "{mode:o}");
    }
    set(0o600);
    let elsewhere = node.keys().with_file_name("elsewhere");
    fs::rename(&path, &elsewhere).expect("ours");
    symlink(&elsewhere, &path).expect("ours");
    assert!(import_at(&node, &answer, at(6 * HOUR)).is_err());
    fs::remove_file(&path).expect("ours");
    fs::rename(&elsewhere, &path).expect("ours");
    import_at(&node, &answer, at(6 * HOUR)).expect("as it was");
}

#[test]
fn of_processes_that_import_at_once_one_does() {
    let (leader, node) = machines(at(5 * HOUR));
    let answer = exchange(&leader, &node, at(6 * HOUR));
    let done: Vec<_> = thread::scope(|scope| {
        let threads: Vec<_> =
            (0..8).map(|_| scope.spawn(|| import_at(&node, &answer, at(6 * HOUR)))).collect();
        threads.into_iter().map(|thread| thread.join().expect("it does not panic")).collect()
    });
    assert_eq!(done.iter().filter(|done| done.is_ok()).count(), 1);
    assert!(done.iter().all(|done| matches!(done, Ok(()) | Err(KeysError::Exists(_)))));
    assert_eq!(node.files(), ["chain-20780.key"]);
}
