//! Whether a quarantine is as it was written: every file, every line of every journal.
//!
//! Without a seed this says whether all of it fits together, and whoever could rewrite all of it is not found. With
//! the seed, which only the auditor opens, no line can have been changed since it was written. That lines are missing
//! at the end shows by the key that should follow them, or against a checkpoint that was kept elsewhere.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io,
    path::Path,
};

use super::{
    QuarantineError,
    audit::AuditFiles,
    chain::{Head, MacKey, Walk, key_line},
    identity::{Identities, read},
    inventory::{Inventory, State, hash_file, hash_of, names},
    layout::{Layout, PART, SegmentId, TORN, Tree},
};

/// What is not as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The file, from the quarantine's directory on.
    pub place: String,
    /// What is wrong with it.
    pub what: String,
}

/// A checkpoint that was kept elsewhere: of the manifest, or of an opener's journal.
pub type Checkpoint = (Option<u32>, Head);

/// What was found.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// All that is not as it was written.
    pub findings: Vec<Finding>,
    /// How many segments are there and whole.
    pub segments: usize,
    /// How many lines are in them.
    pub lines: u64,
    /// Where the manifest ends.
    pub head: Head,
    /// Where the journals of openers end.
    pub audits: Vec<(u32, Head)>,
    /// Whether MACs were checked.
    pub is_seeded: bool,
    /// What could not be looked at, because this user may not read it.
    pub unread: Vec<String>,
}

impl Report {
    fn add(&mut self, place: impl Into<String>, what: impl Into<String>) {
        self.findings.push(Finding { place: place.into(), what: what.into() });
    }

    fn relative(layout: &Layout, path: &Path) -> String {
        path.strip_prefix(layout.root()).unwrap_or(path).display().to_string()
    }
}

/// Looks at all of a quarantine.
///
/// # Errors
///
/// There is none, or a file cannot be read that this user may read.
pub fn verify(
    layout: &Layout,
    seeds: Option<&Identities>,
    checkpoints: &[Checkpoint],
) -> Result<Report, QuarantineError> {
    if !layout.manifest().exists() {
        return Err(QuarantineError::Missing(layout.root().to_owned()));
    }
    let mut report = Report { is_seeded: seeds.is_some(), ..Report::default() };
    // What is there first: a file that a running writer finishes meanwhile is in the manifest already.
    let there = list(layout, &mut report);
    let mut inventory = Inventory::default();
    let checkpoint =
        |whose| checkpoints.iter().find(|(uid, _)| *uid == whose).map(|(_, head)| *head);
    let journal = Walked {
        journal: &layout.manifest(),
        key: &layout.mac_key(),
        seed: &layout.seed(),
        checkpoint: checkpoint(None),
    };
    report.head = walk(layout, &journal, seeds, &mut report, |entry| inventory.take(&entry))?;
    check_recipients(layout, &inventory, &mut report);
    check_segments(layout, &inventory, there, &mut report)?;
    let openers = AuditFiles::openers(layout);
    for uid in &openers {
        let files = AuditFiles::of(layout, *uid);
        let journal = Walked {
            journal: &files.journal,
            key: &files.key,
            seed: &files.seed,
            checkpoint: checkpoint(Some(*uid)),
        };
        let head = walk(layout, &journal, seeds, &mut report, |_| Some(()))?;
        report.audits.push((*uid, head));
    }
    for (uid, _) in checkpoints {
        if let Some(uid) = uid.filter(|uid| !openers.contains(uid)) {
            report.add(format!("audit/{uid}.jsonl"), "is missing, and there is a checkpoint of it");
        }
    }
    Ok(report)
}

/// A journal and what belongs to it.
struct Walked<'a> {
    journal: &'a Path,
    key: &'a Path,
    seed: &'a Path,
    checkpoint: Option<Head>,
}

/// Walks along a journal and says where it breaks.
fn walk(
    layout: &Layout,
    files: &Walked<'_>,
    seeds: Option<&Identities>,
    report: &mut Report,
    mut each: impl FnMut(super::chain::Entry) -> Option<()>,
) -> Result<Head, QuarantineError> {
    let place = Report::relative(layout, files.journal);
    let text = match fs::read(files.journal) {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            report.unread.push(place);
            return Ok(Head::default());
        }
        read => read.map_err(QuarantineError::io("cannot read", files.journal))?,
    };
    let seed = match seeds {
        None => None,
        Some(identities) => {
            let seed = open_seed(identities, files.seed);
            if seed.is_none() {
                report.add(
                    Report::relative(layout, files.seed),
                    "is no seed that the given identity opens: its MACs were not checked",
                );
            }
            seed
        }
    };
    let has_seed = seed.is_some();
    let mut walk = Walk::new(seed);
    let mut is_whole = true;
    let mut passed = files.checkpoint.is_none_or(|head| head == Head::default());
    for line in text.split_inclusive(|byte| *byte == b'\n') {
        let number = walk.head().lines + 1;
        let Some(line) = line.strip_suffix(b"\n") else {
            report.add(&place, format!("line {number} is cut off"));
            is_whole = false;
            break;
        };
        match walk.take(line) {
            Ok(entry) => {
                if each(entry).is_none() {
                    report.add(&place, format!("line {number} does not say what its kind says"));
                }
            }
            Err(fault) => {
                report.add(&place, format!("line {number} {}", fault.words()));
                is_whole = false;
                break;
            }
        }
        if let Some(head) = files.checkpoint.filter(|head| head.lines == walk.head().lines) {
            passed = true;
            if head != walk.head() {
                report.add(
                    &place,
                    format!("line {number} is another one than that of the checkpoint"),
                );
            }
        }
    }
    if let Some(head) = files.checkpoint.filter(|_| !passed && is_whole) {
        let missing = head.lines - walk.head().lines;
        report.add(&place, format!("its last {missing} lines before the checkpoint are missing"));
    }
    if is_whole {
        check_key(layout, files.key, &walk, has_seed, report);
    }
    Ok(walk.head())
}

/// Whether the key of the next line is that of the next line.
fn check_key(layout: &Layout, path: &Path, walk: &Walk, has_seed: bool, report: &mut Report) {
    let place = Report::relative(layout, path);
    match fs::File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            report.unread.push(place);
            return;
        }
        Err(_) => {
            report.add(place, "is missing or cannot be read");
            return;
        }
        Ok(_) => {}
    }
    let lines = walk.head().lines;
    let is_its = match walk.has_key(path) {
        Some(is_its) if has_seed => is_its,
        // A crash may leave it one line behind, which the next line mends.
        _ => key_line(path).is_some_and(|line| line == lines || line + 1 == lines),
    };
    if !is_its {
        report.add(
            place,
            format!("is not the key that follows line {lines}: lines at the end may be missing"),
        );
    }
}

fn open_seed(identities: &Identities, path: &Path) -> Option<MacKey> {
    let sealed = read(path).ok()?;
    let text = identities.open(&sealed)?;
    MacKey::from_text(str::from_utf8(&text).ok()?)
}

fn check_recipients(layout: &Layout, inventory: &Inventory, report: &mut Report) {
    let path = layout.recipients();
    let place = Report::relative(layout, &path);
    match hash_file(&path) {
        Ok(hash) if hash == inventory.recipients => {}
        Ok(_) => report.add(
            place,
            "has others than the manifest says: what is sealed from now on may be theirs",
        ),
        Err(_) => report.add(place, "is missing or cannot be read"),
    }
}

/// The files of segments that are there, and what they end in.
type There = BTreeMap<SegmentId, BTreeSet<(&'static str, &'static str)>>;

/// What is in the directories. Everything that has no place there is said.
fn list(layout: &Layout, report: &mut Report) -> There {
    const ROOT: [&str; 10] = [
        "recipients.toml",
        "segments",
        "keys",
        "index",
        "MANIFEST.jsonl",
        "mac.key",
        "seed.age",
        "audit",
        "reserve",
        "lock",
    ];
    let mut there = There::new();
    for name in names(layout.root().to_owned()) {
        if !ROOT.contains(&name.as_str()) && !name.ends_with(".new") {
            report.add(name, "is no part of a quarantine");
        }
    }
    for name in names(layout.audit()) {
        let is_one = [".jsonl", ".key", ".seed.age", ".new"].iter().any(|end| name.ends_with(end));
        if !is_one {
            report.add(format!("audit/{name}"), "is no part of a quarantine");
        }
    }
    for tree in Tree::ALL {
        for day in names(layout.tree(tree)) {
            let place = format!("{}/{day}", tree.name());
            let Ok(parsed) = day.parse() else {
                report.add(place, "is no part of a quarantine");
                continue;
            };
            for name in names(layout.tree(tree).join(&day)) {
                match tree.read_name(parsed, &name) {
                    Some((id, state)) => {
                        there.entry(id).or_default().insert((tree.name(), state));
                    }
                    None => report.add(format!("{place}/{name}"), "is no part of a quarantine"),
                }
            }
        }
    }
    there
}

fn check_segments(
    layout: &Layout,
    inventory: &Inventory,
    mut there: There,
    report: &mut Report,
) -> Result<(), QuarantineError> {
    for (id, held) in &inventory.segments {
        let mut left = there.remove(id).unwrap_or_default();
        if held.state == State::Live {
            let before = report.findings.len();
            for tree in Tree::ALL {
                let ending = if held.is_torn && tree != Tree::Keys { TORN } else { "" };
                let is_there = left.remove(&(tree.name(), ending));
                let hash = hash_of(&held.entry.hashes, tree);
                check_file(layout, (tree, *id, ending), is_there, hash, report)?;
            }
            if report.findings.len() == before {
                report.segments += 1;
                report.lines += held.entry.lines;
            }
        }
        for (tree, state) in left {
            let name =
                Tree::ALL.into_iter().find(|it| it.name() == tree).map(|it| place(it, *id, state));
            let what = match held.state {
                State::Live => "is not what the manifest has of this segment",
                _ => {
                    "is left of a segment that was destroyed; tamis quarantine expire sweeps it away"
                }
            };
            report.add(name.unwrap_or_default(), what);
        }
    }
    // What a running writer has not finished is nobody's doing.
    let is_writing = match fs::File::open(layout.lock()) {
        Ok(lock) => matches!(lock.try_lock(), Err(fs::TryLockError::WouldBlock)),
        // This user cannot tell.
        Err(error) => error.kind() == io::ErrorKind::PermissionDenied,
    };
    let newest = inventory.segments.keys().map(|id| id.number()).max().unwrap_or(0);
    for (id, states) in there {
        if is_writing && id.number() > newest {
            continue;
        }
        for (tree, state) in states {
            let name =
                Tree::ALL.into_iter().find(|it| it.name() == tree).map(|it| place(it, id, state));
            let what = if state == PART {
                "was not finished; the next run with --quarantine sees to it"
            } else {
                "is not in the manifest"
            };
            report.add(name.unwrap_or_default(), what);
        }
    }
    Ok(())
}

fn place(tree: Tree, id: SegmentId, state: &str) -> String {
    format!("{}/{}/{:06}{}{state}", tree.name(), id.day(), id.number(), tree.ending())
}

fn check_file(
    layout: &Layout,
    (tree, id, ending): (Tree, SegmentId, &str),
    is_there: bool,
    hash: &str,
    report: &mut Report,
) -> Result<(), QuarantineError> {
    let place = place(tree, id, ending);
    match (is_there, hash.is_empty()) {
        (false, true) => return Ok(()),
        (false, false) => {
            report.add(place, "is missing");
            return Ok(());
        }
        (true, true) => {
            report.add(place, "is not what the manifest has of this segment");
            return Ok(());
        }
        (true, false) => {}
    }
    let path = layout.root().join(&place);
    match hash_file(&path) {
        Ok(found) if found == hash => Ok(()),
        Ok(_) => {
            report.add(place, "was changed: its hash is not that of the manifest");
            Ok(())
        }
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            report.unread.push(place);
            Ok(())
        }
        Err(error) => Err(QuarantineError::io("cannot read", path)(error)),
    }
}
