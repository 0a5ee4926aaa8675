//! A journal that nobody changes unseen: each line has the hash of the line before it, and a MAC whose key is
//! destroyed when the line is written.
//!
//! ```text
//! {"seq":3,"time":"2026-11-22T14:05:37Z","kind":"segment",...,"prev":"...","mac":"..."}
//! ```
//!
//! `prev` is the SHA-256 of the previous line without its newline, 64 zeros in the first, so that anybody can check
//! it with `sha256sum`. It says that the lines belong together, and whoever rewrites all of them is not found by it.
//! Hence the MAC, over the line up to `,"mac":`, with a key that is derived from that of the line before it and takes
//! its place: who takes over the machine later has no key of an earlier line. Whoever has the first key, the
//! seed, can check all of them. That the last lines are missing shows only against a [`Head`] that was kept elsewhere.

use std::{
    fs,
    io::{self, Read as _, Write as _},
    path::{Path, PathBuf},
};

use rustix::rand::{GetRandomFlags, getrandom};
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};
use zeroize::{Zeroize as _, Zeroizing};

use super::{
    disk::{Disk, DiskFile},
    error::QuarantineError,
    layout::{rfc3339, unix},
};

const CONTEXT_LINE: &str = "tamis 2026 quarantine mac line";
const CONTEXT_NEXT: &str = "tamis 2026 quarantine mac next";
const CONTEXT_DIGEST: &str = "tamis 2026 quarantine digest";

/// What a key file begins with.
const KEY_TITLE: &str = "tamis mac 1\n";

/// How large a line may be. The largest of ours have about a thousand bytes.
pub const LINE_BYTES_MAX: usize = 1 << 20;

/// The key of one line's MAC, from which those of all later lines follow.
pub struct MacKey([u8; 32]);

impl MacKey {
    /// A key out of the kernel's random numbers.
    ///
    /// # Errors
    ///
    /// The kernel gave none.
    pub fn draw() -> Result<Self, QuarantineError> {
        let mut bytes = [0; 32];
        match getrandom(&mut bytes, GetRandomFlags::empty()) {
            Ok(32) => Ok(Self(bytes)),
            _ => Err(QuarantineError::Random),
        }
    }

    /// The key as 64 digits and a newline behind a title, which is what a seed is.
    #[must_use]
    pub fn expose_text(&self) -> Zeroizing<String> {
        self.text(0)
    }

    /// The key out of the text of a seed.
    #[must_use]
    pub fn from_text(text: &str) -> Option<Self> {
        Self::parse(text).filter(|(seq, _)| *seq == 0).map(|(_, key)| key)
    }

    fn text(&self, seq: u64) -> Zeroizing<String> {
        // Room for all of it, so that no part is left behind where the text was moved.
        let mut text = Zeroizing::new(String::with_capacity(160));
        text.push_str(KEY_TITLE);
        text.push_str("line ");
        text.push_str(&seq.to_string());
        text.push_str("\nkey ");
        push_hex(&self.0, &mut text);
        text.push('\n');
        text
    }

    fn parse(text: &str) -> Option<(u64, Self)> {
        let rest = text.strip_prefix(KEY_TITLE)?.strip_prefix("line ")?;
        let (seq, rest) = rest.split_once("\nkey ")?;
        let digits = rest.strip_suffix('\n')?;
        let mut key = Self([0; 32]);
        unhex(digits, &mut key.0)?;
        let seq = seq.parse().ok()?;
        // In one form only: whatever else is there was not written here.
        (*key.text(seq) == *text).then_some((seq, key))
    }

    /// Becomes the key of the next line.
    fn step(&mut self) {
        let next = blake3::derive_key(CONTEXT_NEXT, &self.0);
        self.0.zeroize();
        self.0 = next;
    }

    /// A key for digests of what a line tells of: whoever has the seed can check them, and once the line is
    /// written nobody else can try what they may be of.
    fn digest_key(&self) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(blake3::derive_key(CONTEXT_DIGEST, &self.0))
    }

    fn mac(&self, line: &[u8]) -> blake3::Hash {
        let mut key = blake3::derive_key(CONTEXT_LINE, &self.0);
        let mac = blake3::keyed_hash(&key, line);
        key.zeroize();
        mac
    }
}

impl Drop for MacKey {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl std::fmt::Debug for MacKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("MacKey")
    }
}

/// Where a chain ends: how many lines it has, and the SHA-256 of the last one, zeros where there is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Head {
    /// How many lines there are, which is also the number of the next one.
    pub lines: u64,
    /// The hash of the last one.
    pub hash: [u8; 32],
}

impl std::fmt::Display for Head {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.lines, hex(&self.hash))
    }
}

impl std::str::FromStr for Head {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (lines, digits) = text.split_once(':').ok_or(())?;
        let mut hash = [0; 32];
        unhex(digits, &mut hash).ok_or(())?;
        Ok(Self { lines: lines.parse().map_err(drop)?, hash })
    }
}

/// A line of a chain.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// Its number, from 0.
    pub seq: u64,
    /// When it was written, in Unix seconds.
    pub time: i64,
    /// What it tells of.
    pub kind: String,
    /// All of its members, those of the chain too.
    pub members: Map<String, Value>,
}

impl Entry {
    /// A member that is a number.
    #[must_use]
    pub fn number(&self, name: &str) -> Option<u64> {
        self.members.get(name)?.as_u64()
    }

    /// A member that is a text.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        self.members.get(name)?.as_str()
    }
}

/// Why a line does not continue a chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Break {
    /// It is no line as the program writes them.
    Shape,
    /// It has another number than the next one.
    Number,
    /// It does not have the hash of the line before it.
    Hash,
    /// It is older than the line before it.
    Time,
    /// Its MAC is not made with the key of the line.
    Mac,
}

impl Break {
    /// What is said of it, after `line 3`.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Shape => "is no line as tamis writes them",
            Self::Number => "has another number than the next one",
            Self::Hash => "does not follow from the line before it",
            Self::Time => "is older than the line before it",
            Self::Mac => "has a MAC that was not made with its key",
        }
    }
}

/// Reads a chain line by line and says where it breaks.
#[derive(Debug)]
pub struct Walk {
    head: Head,
    time: i64,
    key: Option<MacKey>,
}

impl Walk {
    /// A walk from the first line, which checks MACs where the seed is given.
    #[must_use]
    pub const fn new(seed: Option<MacKey>) -> Self {
        Self { head: Head { lines: 0, hash: [0; 32] }, time: i64::MIN, key: seed }
    }

    /// Takes the next line, without its newline.
    ///
    /// # Errors
    ///
    /// It does not continue the chain. The walk stays where it was.
    pub fn take(&mut self, line: &[u8]) -> Result<Entry, Break> {
        let entry = read(line).ok_or(Break::Shape)?;
        if entry.seq != self.head.lines {
            return Err(Break::Number);
        }
        if entry.text("prev") != Some(&hex(&self.head.hash)) {
            return Err(Break::Hash);
        }
        if entry.time < self.time {
            return Err(Break::Time);
        }
        if let Some(key) = &mut self.key {
            check_mac(line, key).ok_or(Break::Mac)?;
            key.step();
        }
        self.time = entry.time;
        self.head = Head { lines: entry.seq + 1, hash: Sha256::digest(line).into() };
        Ok(entry)
    }

    /// Where the chain ends so far.
    #[must_use]
    pub const fn head(&self) -> Head {
        self.head
    }

    /// Whether the file with the key of the next line has that key: whoever cut off lines at the end has none.
    /// Nothing where the seed is not known.
    #[must_use]
    pub fn has_key(&self, key_path: &Path) -> Option<bool> {
        let key = self.key.as_ref()?;
        let same = |(seq, mut found): (u64, MacKey)| {
            // A crash may have left it one line behind.
            if seq + 1 == self.head.lines {
                found.step();
            } else if seq != self.head.lines {
                return false;
            }
            blake3::Hash::from_bytes(found.0) == blake3::Hash::from_bytes(key.0)
        };
        Some(read_key(key_path).is_ok_and(same))
    }

    /// The time of the last line, the smallest number where there is none.
    #[must_use]
    pub const fn time(&self) -> i64 {
        self.time
    }
}

/// What a line says, if it has the shape of one.
fn read(line: &[u8]) -> Option<Entry> {
    if line.len() > LINE_BYTES_MAX {
        return None;
    }
    let members: Map<String, Value> = serde_json::from_slice(line).ok()?;
    let text = |name: &str| members.get(name).and_then(Value::as_str);
    let entry = Entry {
        seq: members.get("seq")?.as_u64()?,
        time: unix(text("time")?)?,
        kind: text("kind")?.to_owned(),
        members: Map::new(),
    };
    let ends_well = line.ends_with(format!(",\"mac\":\"{}\"}}", text("mac")?).as_bytes());
    let begins_well = line.starts_with(beginning(entry.seq, entry.time, &entry.kind).as_bytes());
    // Digits have one form, so that nothing of a line can be changed and mean the same.
    let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    let mac_is_one = text("mac")?.len() == 64 && text("mac")?.bytes().all(is_digit);
    (ends_well && begins_well && mac_is_one).then_some(Entry { members, ..entry })
}

fn beginning(seq: u64, time: i64, kind: &str) -> String {
    format!("{{\"seq\":{seq},\"time\":\"{}\",\"kind\":{}", rfc3339(time), Value::from(kind))
}

/// Nothing if the MAC of the line is not made with this key.
fn check_mac(line: &[u8], key: &MacKey) -> Option<()> {
    // `,"mac":"` and 64 digits and `"}`
    let covered = line.len().checked_sub(8 + 64 + 2)?;
    let (covered, rest) = line.split_at(covered);
    let digits = rest.strip_prefix(b",\"mac\":\"")?.strip_suffix(b"\"}")?;
    let mut mac = [0; 32];
    unhex(str::from_utf8(digits).ok()?, &mut mac)?;
    // This comparison takes as long whatever differs.
    (key.mac(covered) == blake3::Hash::from_bytes(mac)).then_some(())
}

/// A chain in a file, open for more lines, with the key of its next line in a file beside it.
#[derive(Debug)]
pub struct Journal {
    disk: Disk,
    file: DiskFile,
    key_path: PathBuf,
    key: MacKey,
    head: Head,
    time: i64,
    /// How many bytes of the file are whole lines.
    length: u64,
    /// Whether the file of the key has that of the last line, because there was no room for a new one. The next line
    /// waits for it, so that the file is never two lines behind.
    key_is_behind: bool,
}

impl Journal {
    /// Begins a chain whose first key is `seed` in files that are not there yet.
    ///
    /// # Errors
    ///
    /// A file is there, or the disk refuses.
    pub fn create(
        disk: &Disk,
        path: &Path,
        key_path: &Path,
        seed: MacKey,
        mode: u32,
    ) -> Result<Self, QuarantineError> {
        let file =
            disk.create(path.to_owned(), mode).map_err(QuarantineError::io("cannot make", path))?;
        let journal = Self {
            disk: disk.clone(),
            file,
            key_path: key_path.to_owned(),
            key: seed,
            head: Head::default(),
            time: i64::MIN,
            length: 0,
            key_is_behind: false,
        };
        journal.keep_key()?;
        Ok(journal)
    }

    /// Opens a chain and hands each of its lines to `each`. The beginning of a line that a crash left at the
    /// end is cut off, and a key that is one line behind is taken on.
    ///
    /// # Errors
    ///
    /// The lines or the key are not as the program leaves them, or the disk refuses.
    pub fn open(
        disk: &Disk,
        path: &Path,
        key_path: &Path,
        each: impl FnMut(Entry),
    ) -> Result<Self, QuarantineError> {
        // Nobody else is half-way through a line while this looks at the last one.
        let _held = hold(path).map_err(QuarantineError::io("cannot lock", path))?;
        Self::open_held(disk, path, key_path, each)
    }

    fn open_held(
        disk: &Disk,
        path: &Path,
        key_path: &Path,
        mut each: impl FnMut(Entry),
    ) -> Result<Self, QuarantineError> {
        let text = fs::read(path).map_err(QuarantineError::io("cannot read", path))?;
        let length = memrchr(b'\n', &text).map_or(0, |at| at + 1);
        let mut walk = Walk::new(None);
        let mut last: &[u8] = b"";
        for line in text[..length].split_inclusive(|byte| *byte == b'\n') {
            let line = &line[..line.len() - 1];
            let number = walk.head().lines + 1;
            let entry = walk.take(line).map_err(|fault| {
                QuarantineError::strange(path, format!("line {number} {}", fault.words()))
            })?;
            each(entry);
            last = line;
        }
        let (seq, mut key) = read_key(key_path)?;
        let mut is_behind = false;
        if seq + 1 == walk.head().lines {
            let strange = || QuarantineError::strange(path, "the last line has another key");
            check_mac(last, &key).ok_or_else(strange)?;
            key.step();
            is_behind = true;
        } else if seq != walk.head().lines {
            let why = format!(
                "there are {} lines, and the key is that of line {}",
                walk.head().lines,
                seq + 1
            );
            return Err(QuarantineError::strange(path, why));
        }
        let file =
            disk.append(path.to_owned()).map_err(QuarantineError::io("cannot open", path))?;
        let journal = Self {
            disk: disk.clone(),
            file,
            key_path: key_path.to_owned(),
            key,
            head: walk.head(),
            time: walk.time(),
            length: length as u64,
            key_is_behind: false,
        };
        if text.len() > length {
            journal.cut_back()?;
        }
        if is_behind {
            journal.keep_key()?;
        }
        Ok(journal)
    }

    /// Appends a line and makes it durable. Its time is `now`, or that of the line before it where the clock was
    /// set back. A line that could not be written leaves no part of itself.
    ///
    /// # Errors
    ///
    /// The disk refuses. If it is full, the same line can be tried again.
    pub fn append(
        &mut self,
        now: i64,
        kind: &str,
        members: &[(&str, Value)],
    ) -> Result<Head, QuarantineError> {
        let _held = self.catch_up()?;
        if self.key_is_behind {
            self.keep_key()?;
            self.key_is_behind = false;
        }
        let time = now.max(self.time);
        let mut line = beginning(self.head.lines, time, kind);
        for (name, value) in members {
            line.push_str(&format!(",{}:{value}", Value::from(*name)));
        }
        line.push_str(",\"prev\":\"");
        push_hex(&self.head.hash, &mut line);
        line.push('"');
        let mac = self.key.mac(line.as_bytes());
        line.push_str(&format!(",\"mac\":\"{}\"}}", mac.to_hex()));
        let hash = Sha256::digest(line.as_bytes()).into();
        line.push('\n');
        if let Err(error) = self.file.write_all(line.as_bytes()) {
            self.cut_back()?;
            return Err(QuarantineError::io("cannot write to", self.file.path())(error));
        }
        let path = self.file.path();
        self.file.sync().map_err(QuarantineError::io("cannot make durable", path))?;
        self.length += line.len() as u64;
        self.head = Head { lines: self.head.lines + 1, hash };
        self.time = unix(&rfc3339(time)).unwrap_or(time);
        self.key.step();
        // The line is written, so it must not be tried again.
        match self.keep_key() {
            Err(error) if error.is_full() => self.key_is_behind = true,
            kept => kept?,
        }
        Ok(self.head)
    }

    /// Takes up what another process appended, such as a hold while a filter runs, and keeps others out until what
    /// is returned goes.
    fn catch_up(&mut self) -> Result<fs::File, QuarantineError> {
        let path = self.file.path().to_owned();
        let held = hold(&path).map_err(QuarantineError::io("cannot lock", &path))?;
        let length = self.file.length().map_err(QuarantineError::io("cannot look at", &path))?;
        if length != self.length {
            *self = Self::open_held(&self.disk, &path, &self.key_path, |_| {})?;
        }
        Ok(held)
    }

    /// A key for digests of what the next line tells of, which whoever has the seed can check. Once the line is
    /// written, nobody else can try what such a digest may be of.
    ///
    /// # Errors
    ///
    /// Another process appended lines, and they cannot be read.
    pub fn digest_key(&mut self) -> Result<Zeroizing<[u8; 32]>, QuarantineError> {
        self.catch_up()?;
        Ok(self.key.digest_key())
    }

    /// Where the chain ends.
    #[must_use]
    pub const fn head(&self) -> Head {
        self.head
    }

    /// The time of the last line, the smallest number where there is none.
    #[must_use]
    pub const fn time(&self) -> i64 {
        self.time
    }

    fn cut_back(&self) -> Result<(), QuarantineError> {
        let path = self.file.path();
        let cut = self.file.cut(self.length).and_then(|()| self.file.sync());
        cut.map_err(QuarantineError::io("cannot cut back", path))
    }

    /// Puts the key of the next line in place of that of the last one, which is overwritten.
    fn keep_key(&self) -> Result<(), QuarantineError> {
        let path = &self.key_path;
        let failed = |error| QuarantineError::io("cannot replace", path)(error);
        let old = match self.disk.overwrite(path.clone()) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            found => Some(found.map_err(failed)?),
        };
        let text = self.key.text(self.head.lines);
        self.disk.replace(path, text.as_bytes(), 0o600).map_err(failed)?;
        if let Some(mut old) = old {
            let length = old.length().map_err(failed)?;
            let zeros = vec![0; usize::try_from(length).unwrap_or(0).min(1_024)];
            old.write_all(&zeros).and_then(|()| old.sync()).map_err(failed)?;
        }
        Ok(())
    }
}

/// Keeps other processes from appending to a journal until what is returned goes.
fn hold(path: &Path) -> io::Result<fs::File> {
    let file = fs::File::open(path)?;
    file.lock()?;
    Ok(file)
}

/// Of which line a file has the key, if it has one.
#[must_use]
pub fn key_line(path: &Path) -> Option<u64> {
    read_key(path).ok().map(|(seq, _)| seq)
}

fn read_key(path: &Path) -> Result<(u64, MacKey), QuarantineError> {
    let mut text = Zeroizing::new(String::with_capacity(512));
    let mut file =
        fs::File::open(path).map_err(QuarantineError::io("cannot open", path))?.take(256);
    match file.read_to_string(&mut text) {
        Err(error) if error.kind() != io::ErrorKind::InvalidData => {
            return Err(QuarantineError::io("cannot read", path)(error));
        }
        _ => {}
    }
    MacKey::parse(&text).ok_or_else(|| QuarantineError::strange(path, "there is no key"))
}

fn memrchr(byte: u8, text: &[u8]) -> Option<usize> {
    text.iter().rposition(|found| *found == byte)
}

/// Bytes as digits.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(2 * bytes.len());
    push_hex(bytes, &mut text);
    text
}

fn push_hex(bytes: &[u8], text: &mut String) {
    const DIGITS: [char; 16] =
        ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f'];
    for byte in bytes {
        text.push(DIGITS[usize::from(byte >> 4)]);
        text.push(DIGITS[usize::from(byte & 15)]);
    }
}

fn unhex(digits: &str, out: &mut [u8; 32]) -> Option<()> {
    crate::transform::pseudonym::unhex(digits.as_bytes(), out)
}

#[cfg(test)]
mod tests;
