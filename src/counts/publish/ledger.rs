//! The ledger of a publication directory: what was released, so that it is never released otherwise.
//!
//! A file of JSON lines in the directory itself, beside what it tells of: whoever moves or restores the publication
//! moves the ledger with it. Lines rather than a database, since there is one a period, a person should be able to read
//! it, and a line that is synchronised to the disk needs no recovery: one that was cut off by a crash has no end,
//! and what it would have told was not published yet, for files are put into place only afterwards. Each line has the
//! hash of the line before it, so that one which is changed or taken out is noticed; the last ones can be cut off.
//!
//! It holds what was printed and nothing of what was hidden.

use std::{
    fmt,
    fs::{self, File, OpenOptions},
    io::{self, Read as _, Seek as _, SeekFrom, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::{Content, Overlap, Period, sum_up};

/// The ledger's name in the directory. Web servers do not list what begins with a dot.
const NAME: &str = ".tamis-releases.jsonl";

/// One release.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// Of which period.
    pub period: Period,
    /// The policy's name.
    pub policy: String,
    /// And its hash.
    pub policy_hash: String,
    /// Who publishes it, if that is told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub publisher: Option<String>,
    /// Who looked at it.
    pub reviewer: String,
    /// What was told.
    pub content: Content,
}

/// A line of the ledger.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    entry: Entry,
    /// The hash of the line before.
    before: String,
}

/// What there is to release.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// It was released before, just so.
    Before(Entry),
    /// It was not.
    New(Content),
}

/// Why nothing is released, or why the ledger cannot be used.
#[derive(Debug)]
#[non_exhaustive]
pub enum LedgerError {
    /// It cannot be read or written.
    Io(io::Error),
    /// This line is not what was written.
    Damaged(usize),
    /// The period was released with something else: what.
    Otherwise(String),
    /// The period overlaps with one that was released.
    Overlaps(Period),
    /// Parts of the period were released, and these were not.
    Gaps(Vec<Period>),
    /// It was not released before, and there are no counts to make it of.
    Nothing,
}

impl LedgerError {
    /// Whether it is the rules that say no, and not the machine.
    #[must_use]
    pub const fn is_refusal(&self) -> bool {
        matches!(self, Self::Otherwise(_) | Self::Overlaps(_) | Self::Gaps(_))
    }
}

impl fmt::Display for LedgerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => write!(f, "{error}"),
            Self::Damaged(line) => write!(
                f,
                "line {line} of {NAME} is not what was written; bring the file back from a copy, since without it \
                 nobody knows what was released"
            ),
            Self::Otherwise(what) => write!(
                f,
                "it was released before with {what}, and the difference could tell what was hidden; it stays as it is"
            ),
            Self::Overlaps(period) => write!(
                f,
                "{period} was released as a whole, and a part of it could tell what was hidden; periods that were \
                 released each by itself must not overlap"
            ),
            Self::Gaps(days) => {
                let more = if days.len() > 1 {
                    format!(" and {} more days", days.len() - 1)
                } else {
                    String::new()
                };
                let first = days.first().map(Period::to_string).unwrap_or_default();
                write!(
                    f,
                    "parts of it were released, so that it is the sum of its parts, and {first}{more} were not; \
                     release these first"
                )
            }
            Self::Nothing => {
                f.write_str("it was not released before; say with --store where its counts are")
            }
        }
    }
}

impl std::error::Error for LedgerError {}

impl From<io::Error> for LedgerError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// The ledger of a directory, which nobody else can use until it is let go.
pub struct Ledger {
    file: File,
    directory: PathBuf,
    entries: Vec<Entry>,
    /// The hash of the last line, and where it ends.
    last: String,
    end: u64,
}

impl Ledger {
    /// Opens the ledger of a directory, waiting for whoever has it, and makes one where there is none.
    ///
    /// # Errors
    ///
    /// It cannot be opened, or a line is not what was written.
    pub fn open(directory: &Path) -> Result<Self, LedgerError> {
        let path = directory.join(NAME);
        let is_new = !path.exists();
        let mut options = OpenOptions::new();
        let mut file = options.read(true).append(true).create(true).mode(0o600).open(&path)?;
        file.lock()?;
        if is_new {
            File::open(directory)?.sync_all()?;
        }
        let mut text = Vec::new();
        file.read_to_end(&mut text)?;
        let mut ledger = Self {
            file,
            directory: directory.to_owned(),
            entries: Vec::new(),
            last: String::new(),
            end: 0,
        };
        // What has no end was cut off by a crash, before anything of it was published.
        let whole = text.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        for (number, line) in text[..whole].split_inclusive(|byte| *byte == b'\n').enumerate() {
            let read: Line =
                serde_json::from_slice(line).map_err(|_| LedgerError::Damaged(number + 1))?;
            let is_same = read.before == ledger.last && bytes(&read) == line;
            if !is_same {
                return Err(LedgerError::Damaged(number + 1));
            }
            ledger.last = hash(line);
            ledger.end += line.len() as u64;
            ledger.entries.push(read.entry);
        }
        Ok(ledger)
    }

    /// All releases, in order.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// What there is to release of a period, for which `counted` may be told. Where finer periods were released, it is
    /// their sum instead.
    ///
    /// # Errors
    ///
    /// It must not be released, or not so.
    pub fn settle(&self, period: Period, counted: Option<Content>) -> Result<Found, LedgerError> {
        if let Some(entry) = self.entries.iter().find(|entry| entry.period == period) {
            // A sum is what it was, for its parts are.
            let is_sum = entry.content.summed.is_some();
            return match counted
                .filter(|_| !is_sum)
                .and_then(|counted| difference(&entry.content, &counted))
            {
                Some(what) => Err(LedgerError::Otherwise(what)),
                None => Ok(Found::Before(entry.clone())),
            };
        }
        let single = self.entries.iter().filter(|entry| entry.content.summed.is_none());
        match period.among(single.clone().map(|entry| entry.period)) {
            Overlap::Beside => counted.map(Found::New).ok_or(LedgerError::Nothing),
            Overlap::MadeOf(parts) => {
                let parts: Vec<&Content> = single
                    .filter(|entry| parts.contains(&entry.period))
                    .map(|entry| &entry.content)
                    .collect();
                Ok(Found::New(sum_up(&parts)))
            }
            Overlap::Within(other) | Overlap::Across(other) => Err(LedgerError::Overlaps(other)),
            Overlap::Gaps(days) => Err(LedgerError::Gaps(days)),
        }
    }

    /// Writes a release down for good. Only then may it be told.
    ///
    /// # Errors
    ///
    /// It cannot be written; then it was not released.
    pub fn append(&mut self, entry: Entry) -> Result<(), LedgerError> {
        let line = Line { entry, before: self.last.clone() };
        let bytes = bytes(&line);
        // Behind the last whole line.
        self.file.set_len(self.end)?;
        self.file.seek(SeekFrom::End(0))?;
        self.file.write_all(&bytes)?;
        self.file.sync_all()?;
        self.last = hash(&bytes);
        self.end += bytes.len() as u64;
        self.entries.push(line.entry);
        Ok(())
    }

    /// Puts a public file into the directory, whole or not at all.
    ///
    /// # Errors
    ///
    /// It cannot be written; the next attempt writes it as it would have been.
    pub fn put(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let aside = self.directory.join(format!(".{name}.part"));
        // The lock makes whatever is there one of an earlier run.
        let _ = fs::remove_file(&aside);
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o644).open(&aside)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&aside, self.directory.join(name))?;
        File::open(&self.directory)?.sync_all()
    }
}

fn bytes(line: &Line) -> Vec<u8> {
    let mut bytes = serde_json::to_vec(line).expect("strings and numbers always become JSON");
    bytes.push(b'\n');
    bytes
}

fn hash(line: &[u8]) -> String {
    Sha256::digest(line).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// In what two contents differ, without a number of either.
fn difference(a: &Content, b: &Content) -> Option<String> {
    fn names(content: &Content) -> Vec<&String> {
        let mut names: Vec<_> = content.tables.keys().chain(&content.withheld).collect();
        names.sort();
        names
    }
    if a.k != b.k {
        return Some(format!("k = {}", a.k));
    }
    if a.blur != b.blur {
        return Some(format!("numbers that are {}", a.blur));
    }
    if names(a) != names(b) {
        return Some("other tables".to_owned());
    }
    if a.partial != b.partial {
        return Some("other tables of two dimensions".to_owned());
    }
    (a != b).then(|| "other numbers".to_owned())
}

#[cfg(test)]
#[path = "tests_ledger.rs"]
mod tests;
