//! Who opened what: a journal for each opener, `audit/UID.jsonl`, chained and MACed as the manifest is.
//!
//! A line is there and durable before the first byte of what it tells of is shown, and another one says at the end how
//! much that was. Words of people (reasons, whom or what they looked for) are sealed for the auditor. Digests are keyed
//! with what follows from the seed, which only the auditor has: a plain hash of a line would give its address to
//! whoever tries all of them.
//!
//! Whoever opens a segment with the stock `age` leaves no line here.

use std::{
    collections::{BTreeMap, HashSet},
    fs, io,
    path::PathBuf,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::{
    QuarantineError,
    chain::{Journal, MacKey, Walk},
    disk::Disk,
    layout::{Layout, SegmentId},
    manifest::whole_lines,
    recipients::{Recipients, Role},
};

/// Who the system says that somebody is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Who {
    /// The user of the process.
    pub uid: u32,
    /// The user who logged in, whoever they became since; nothing where the system does not know.
    pub loginuid: Option<u32>,
}

impl Who {
    /// Who this process is.
    #[must_use]
    pub fn am_i() -> Self {
        let uid = rustix::process::getuid().as_raw();
        let text = fs::read_to_string("/proc/self/loginuid").unwrap_or_default();
        let loginuid = text.trim().parse().ok().filter(|uid| *uid != u32::MAX);
        Self { uid, loginuid }
    }

    /// What a journal says of it.
    #[must_use]
    pub fn members(self) -> [(&'static str, Value); 2] {
        [("uid", json!(self.uid)), ("loginuid", json!(self.loginuid))]
    }
}

/// The files of an opener's journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditFiles {
    /// The journal.
    pub journal: PathBuf,
    /// The key of its next line.
    pub key: PathBuf,
    /// The key of its first line, sealed.
    pub seed: PathBuf,
}

impl AuditFiles {
    /// Those of an opener.
    #[must_use]
    pub fn of(layout: &Layout, uid: u32) -> Self {
        let file = |ending: &str| layout.audit().join(format!("{uid}.{ending}"));
        Self { journal: file("jsonl"), key: file("key"), seed: file("seed.age") }
    }

    /// The openers that have a journal.
    #[must_use]
    pub fn openers(layout: &Layout) -> Vec<u32> {
        let names = super::inventory::names(layout.audit());
        let mut found: Vec<u32> =
            names.iter().filter_map(|name| name.strip_suffix(".jsonl")?.parse().ok()).collect();
        found.sort_unstable();
        found
    }
}

/// What somebody is about to do, as the journal says it.
#[derive(Clone, Default)]
pub struct Intent<'a> {
    /// What it is, such as `open`.
    pub what: &'a str,
    /// The roles whose keys they brought.
    pub roles: Vec<Role>,
    /// The case.
    pub case: Option<&'a str>,
    /// The ground.
    pub basis: Option<&'a str>,
    /// Why, in their words.
    pub reason: Option<&'a str>,
    /// What they need to know, in their words.
    pub need: Option<&'a str>,
    /// Whether they acknowledged that they disclose nothing.
    pub acknowledged: bool,
    /// The policy that was asked, and its hash.
    pub policy: (&'a str, &'a str),
    /// The segments that they may be shown something of.
    pub segments: Vec<SegmentId>,
    /// Whom or what they look for.
    pub selector: Option<Zeroizing<String>>,
    /// Further members, which identify nobody.
    pub more: Vec<(&'static str, Value)>,
}

impl std::fmt::Debug for Intent<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Whom they look for and why is sealed in the journal.
        write!(f, "Intent({})", self.what)
    }
}

/// An opener's journal, open for more lines.
#[derive(Debug)]
pub struct Audit {
    journal: Journal,
    recipients: Recipients,
    who: Who,
}

/// A line that was written of something that is not over.
pub struct Begun {
    seq: u64,
    /// The key of digests of what is shown.
    key: Zeroizing<[u8; 32]>,
}

impl std::fmt::Debug for Begun {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Begun({})", self.seq)
    }
}

impl Begun {
    /// What makes the digest of all that is shown.
    #[must_use]
    pub fn digest(&self) -> Digest {
        Digest(Box::new(blake3::Hasher::new_keyed(&self.key)))
    }

    /// What tells lines apart that are shown.
    #[must_use]
    pub fn seen(&self) -> Seen {
        Seen { key: self.key.clone(), lines: HashSet::new() }
    }

    /// Which line of the journal says that it was begun, from 1.
    #[must_use]
    pub const fn line(&self) -> u64 {
        self.seq + 1
    }
}

/// Which lines were shown already: a crash may have left the same lines in two segments.
pub struct Seen {
    key: Zeroizing<[u8; 32]>,
    lines: HashSet<[u8; 16]>,
}

impl std::fmt::Debug for Seen {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Seen({})", self.lines.len())
    }
}

impl Seen {
    /// Whether this is the first line of that place with these bytes.
    pub fn is_new(&mut self, source: &str, (at, ordinal): (u64, u64), bytes: &[u8]) -> bool {
        let mut hasher = blake3::Hasher::new_keyed(&self.key);
        hasher.update(&at.to_le_bytes()).update(&ordinal.to_le_bytes());
        hasher.update(&(source.len() as u64).to_le_bytes()).update(source.as_bytes());
        hasher.update(bytes);
        let [half, _] = *hasher.finalize().as_bytes().as_chunks::<16>().0 else { return true };
        self.lines.insert(half)
    }
}

/// A keyed digest of what is shown.
pub struct Digest(Box<blake3::Hasher>);

impl Digest {
    /// Takes up what is shown.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The digest, as digits.
    #[must_use]
    pub fn finish(self) -> String {
        self.0.finalize().to_hex().to_string()
    }
}

impl std::fmt::Debug for Digest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Digest")
    }
}

impl Audit {
    /// Opens the journal of this opener, or begins it.
    ///
    /// # Errors
    ///
    /// It is not as it was left, or the disk refuses.
    pub fn open(
        disk: &Disk,
        layout: &Layout,
        recipients: &Recipients,
        who: Who,
    ) -> Result<Self, QuarantineError> {
        let files = AuditFiles::of(layout, who.uid);
        let journal = match fs::metadata(&files.journal) {
            // A crash before the first key was there left nothing that anybody could have said.
            Ok(found) if found.len() == 0 && !files.key.exists() => {
                disk.remove(&files.journal)
                    .map_err(QuarantineError::io("cannot remove", &files.journal))?;
                begin(disk, layout, &files, recipients)?
            }
            Ok(_) => Journal::open(disk, &files.journal, &files.key, |_| {})?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                begin(disk, layout, &files, recipients)?
            }
            Err(error) => return Err(QuarantineError::io("cannot look at", &files.journal)(error)),
        };
        Ok(Self { journal, recipients: recipients.clone(), who })
    }

    /// Writes what somebody is about to do. Nothing may be shown before this is done.
    ///
    /// # Errors
    ///
    /// The line is not durable.
    pub fn begin(&mut self, now: i64, intent: &Intent<'_>) -> Result<Begun, QuarantineError> {
        let key = self.journal.digest_key()?;
        let seq = self.write(now, intent.what, intent, &[])?;
        Ok(Begun { seq, key })
    }

    /// Writes what somebody wanted and was refused, and by which word.
    ///
    /// # Errors
    ///
    /// The line is not durable.
    pub fn refuse(
        &mut self,
        now: i64,
        intent: &Intent<'_>,
        why: &str,
    ) -> Result<(), QuarantineError> {
        let more = [("what", json!(intent.what)), ("why", json!(why))];
        self.write(now, "refused", intent, &more).map(drop)
    }

    /// Writes how something ended that was begun: how much was shown of it, and whether that was all.
    ///
    /// # Errors
    ///
    /// The line is not durable.
    pub fn end(
        &mut self,
        now: i64,
        begun: &Begun,
        members: &[(&str, Value)],
    ) -> Result<(), QuarantineError> {
        let mut all = vec![("of", json!(begun.seq))];
        all.extend_from_slice(members);
        self.journal.append(now, "end", &all).map(drop)
    }

    fn write(
        &mut self,
        now: i64,
        kind: &str,
        intent: &Intent<'_>,
        more: &[(&'static str, Value)],
    ) -> Result<u64, QuarantineError> {
        let sealed = |text: Option<&str>| text.map(|text| sealed_text(&self.recipients, text));
        let roles: Vec<_> = intent.roles.iter().map(|role| role.word()).collect();
        let segments: Vec<_> = intent.segments.iter().map(ToString::to_string).collect();
        let mut members = more.to_vec();
        members.extend(self.who.members());
        members.extend([
            ("quarantine", json!(self.recipients.id)),
            ("roles", json!(roles)),
            ("case", json!(intent.case)),
            ("basis", json!(intent.basis)),
            ("reason", json!(sealed(intent.reason))),
            ("need", json!(sealed(intent.need))),
            ("acknowledged", json!(intent.acknowledged)),
            ("policy", json!(intent.policy.0)),
            ("policy_hash", json!(intent.policy.1)),
            ("segments", json!(segments)),
            ("selector", json!(sealed(intent.selector.as_deref().map(String::as_str)))),
        ]);
        members.extend(intent.more.iter().cloned());
        members.retain(|(_, value)| !value.is_null());
        self.journal.append(now, kind, &members).map(|head| head.lines - 1)
    }
}

/// A text that only the auditor reads (security where there is no auditor), so that it can stand in a journal.
#[must_use]
pub fn sealed_text(recipients: &Recipients, text: &str) -> String {
    STANDARD.encode(recipients.seal_to_auditor(text.as_bytes()))
}

/// When something sealed was opened last, and when it was tried last whether it opens: what the journals say that this
/// user may read.
#[must_use]
pub fn last_opened(layout: &Layout) -> (Option<i64>, Option<i64>) {
    let (mut opened, mut drilled) = (None, None);
    for uid in AuditFiles::openers(layout) {
        let Ok(text) = fs::read(AuditFiles::of(layout, uid).journal) else { continue };
        let mut walk = Walk::new(None);
        let mut begun = BTreeMap::new();
        for line in whole_lines(&text) {
            let Ok(entry) = walk.take(line) else { break };
            if entry.kind != "end" {
                begun.insert(entry.seq, entry.kind);
                continue;
            }
            let is_complete = entry.members.get("complete").and_then(Value::as_bool) == Some(true);
            let kind = entry.number("of").and_then(|seq| begun.remove(&seq));
            match kind.as_deref() {
                Some("open" | "subject-export" | "subject-erase") if is_complete => {
                    opened = opened.max(Some(entry.time));
                }
                Some("drill") if is_complete => drilled = drilled.max(Some(entry.time)),
                _ => {}
            }
        }
    }
    (opened, drilled)
}

fn begin(
    disk: &Disk,
    layout: &Layout,
    files: &AuditFiles,
    recipients: &Recipients,
) -> Result<Journal, QuarantineError> {
    let audit = layout.audit();
    disk.make_directory(&audit, 0o1770).map_err(QuarantineError::io("cannot make", &audit))?;
    let seed = MacKey::draw()?;
    let sealed = recipients.seal_to_auditor(seed.expose_text().as_bytes());
    disk.replace(&files.seed, &sealed, 0o640)
        .map_err(QuarantineError::io("cannot write", &files.seed))?;
    Journal::create(disk, &files.journal, &files.key, seed, 0o640)
}
