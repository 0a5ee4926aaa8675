//! Segments for somebody elsewhere, with the chain of custody: one tar archive that can be checked offline.
//!
//! ```text
//! ABOUT.txt                       what this is, who handed it over, when, what for, and how to open it
//! segments/D/N.age index/D/N.idx.age keys/D/N.key.age
//! MANIFEST.jsonl                  the lines of the manifest from the first of these segments to the last
//! AUDIT.jsonl                     the lines of the opener's journal that lead to this
//! policy.toml                     the policy under which it was handed over
//! SHA256SUMS verify.sh            how to check it with sha256sum alone
//! ```
//!
//! Nothing is opened for this. Keys may be wrapped anew for a recipient, so that whoever is handed these segments opens
//! these and no others.

use std::{
    collections::BTreeSet,
    fs,
    io::{self, Write},
    path::Path,
};

use sha2::{Digest as _, Sha256};
use tar::{Builder, EntryType, Header};

use super::{
    QuarantineError,
    chain::hex,
    inventory::{Held, hash_file, hash_of},
    layout::{Layout, SegmentId, TORN, Tree},
    manifest::whole_lines,
};

/// The script that checks a bundle.
const VERIFY: &str = include_str!("verify.sh");

/// What goes into a bundle besides what is sealed.
#[derive(Clone, Copy, Debug)]
pub struct About<'a> {
    /// What it is, for people.
    pub text: &'a str,
    /// The policy under which it is handed over.
    pub policy: &'a str,
    /// The opener's journal.
    pub audit: &'a Path,
    /// When, in Unix seconds.
    pub now: i64,
}

/// Writes a bundle. `key` gives the key file of a segment as it is to be in it.
///
/// # Errors
///
/// A file is not what the manifest says, or cannot be read; or the bundle cannot be written.
pub fn write(
    out: &mut impl Write,
    layout: &Layout,
    segments: &[&Held],
    about: &About<'_>,
    mut key: impl FnMut(SegmentId) -> Result<Vec<u8>, QuarantineError>,
) -> Result<(), QuarantineError> {
    let mut bundle = Bundle { tar: Builder::new(out), sums: String::new(), now: about.now };
    bundle.add("ABOUT.txt", about.text.as_bytes(), 0o444)?;
    bundle.add("policy.toml", about.policy.as_bytes(), 0o444)?;
    let ids: BTreeSet<_> = segments.iter().map(|held| held.entry.id.to_string()).collect();
    let read = |path: &Path| fs::read(path).map_err(QuarantineError::io("cannot read", path));
    bundle.add("MANIFEST.jsonl", &slice(&read(&layout.manifest())?, &ids, false), 0o444)?;
    bundle.add("AUDIT.jsonl", &slice(&read(about.audit)?, &ids, true), 0o444)?;
    for held in segments {
        let id = held.entry.id;
        let name = |tree: Tree| {
            format!("{}/{}/{:06}{}", tree.name(), id.day(), id.number(), tree.ending())
        };
        bundle.add(&name(Tree::Keys), &key(id)?, 0o400)?;
        for tree in [Tree::Segments, Tree::Index] {
            let hash = hash_of(&held.entry.hashes, tree);
            if hash.is_empty() {
                continue;
            }
            // What a crash left of an index helps nobody.
            if held.is_torn && tree == Tree::Index {
                continue;
            }
            let (path, ending) = match held.is_torn {
                true => (layout.torn(tree, id), TORN),
                false => (layout.file(tree, id), ""),
            };
            bundle.add_file(&format!("{}{ending}", name(tree)), &path, hash)?;
        }
    }
    bundle.add("verify.sh", VERIFY.as_bytes(), 0o555)?;
    let sums = std::mem::take(&mut bundle.sums);
    bundle.add("SHA256SUMS", sums.as_bytes(), 0o444)?;
    bundle.tar.into_inner().and_then(|out| out.flush()).map_err(failed)
}

/// The lines of a journal from the first that names one of the segments: to the last, or to the end of the journal.
fn slice(text: &[u8], ids: &BTreeSet<String>, to_end: bool) -> Vec<u8> {
    let lines: Vec<&[u8]> = whole_lines(text).collect();
    let names = |line: &&[u8]| {
        let has = |text: &[u8]| line.windows(text.len()).any(|part| part == text);
        ids.iter().any(|id| has(format!("\"{id}\"").as_bytes()))
    };
    let Some(first) = lines.iter().position(names) else { return Vec::new() };
    let last =
        if to_end { lines.len() - 1 } else { lines.iter().rposition(names).unwrap_or(first) };
    let mut out = lines[first..=last].join(&b'\n');
    out.push(b'\n');
    out
}

struct Bundle<W: Write> {
    tar: Builder<W>,
    sums: String,
    now: i64,
}

impl<W: Write> Bundle<W> {
    fn header(&self, name: &str, bytes: u64, mode: u32) -> Result<Header, QuarantineError> {
        let mut header = Header::new_ustar();
        header.set_entry_type(EntryType::Regular);
        header.set_path(name).map_err(failed)?;
        header.set_size(bytes);
        header.set_mode(mode);
        header.set_mtime(u64::try_from(self.now).unwrap_or(0));
        header.set_cksum();
        Ok(header)
    }

    fn sum(&mut self, hash: &str, name: &str) {
        self.sums.push_str(&format!("{hash}  {name}\n"));
    }

    fn add(&mut self, name: &str, bytes: &[u8], mode: u32) -> Result<(), QuarantineError> {
        let header = self.header(name, bytes.len() as u64, mode)?;
        self.tar.append(&header, bytes).map_err(failed)?;
        self.sum(&hex(&Sha256::digest(bytes)), name);
        Ok(())
    }

    /// A sealed file, if it is the one that the manifest has.
    fn add_file(&mut self, name: &str, path: &Path, hash: &str) -> Result<(), QuarantineError> {
        let found = hash_file(path).map_err(QuarantineError::io("cannot read", path))?;
        if found != hash {
            return Err(QuarantineError::strange(path, "the hash is not that of the manifest"));
        }
        let file = fs::File::open(path).map_err(QuarantineError::io("cannot read", path))?;
        let bytes = file.metadata().map_err(QuarantineError::io("cannot look at", path))?.len();
        let header = self.header(name, bytes, 0o444)?;
        self.tar.append(&header, file).map_err(failed)?;
        self.sum(hash, name);
        Ok(())
    }
}

fn failed(error: io::Error) -> QuarantineError {
    QuarantineError::io("cannot write the bundle to", "its file")(error)
}
