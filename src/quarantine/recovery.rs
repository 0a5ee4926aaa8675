//! What a crash left: segments that were not finished are called torn and listed as such.
//!
//! A torn segment is openable up to its last whole piece of 64 KiB. Its lines were not acknowledged, so whoever read
//! them reads them again, and they may be there twice: a line's place in its source tells.

use std::{
    collections::BTreeSet,
    fs::{self, File},
    io::{self, Read as _},
    path::Path,
};

use sha2::{Digest as _, Sha256};

use super::{
    chain::{Entry, Journal, hex},
    disk::Disk,
    error::QuarantineError,
    layout::{Day, Layout, SegmentId, TORN, Tree},
    manifest::{Hashes, TornEntry},
};

/// The segments that the manifest speaks of.
#[derive(Default)]
pub(super) struct Known {
    segments: BTreeSet<SegmentId>,
}

impl Known {
    /// Takes note of a line of the manifest. Whatever it says of a segment, the segment is known.
    pub(super) fn note(&mut self, entry: &Entry) {
        let texts = entry.members.values().flat_map(|value| match value {
            serde_json::Value::Array(values) => values.iter().collect::<Vec<_>>(),
            value => vec![value],
        });
        self.segments.extend(texts.filter_map(|text| text.as_str()?.parse::<SegmentId>().ok()));
    }
}

/// Lists as torn what is not known, and gives the number of the next segment.
pub(super) fn recover(
    disk: &Disk,
    layout: &Layout,
    journal: &mut Journal,
    known: &Known,
    now: i64,
) -> Result<u32, QuarantineError> {
    let found = segments(layout)?;
    for id in found.difference(&known.segments) {
        tear(disk, layout, journal, *id, now)?;
    }
    let last = found.iter().chain(&known.segments).map(|id| id.number()).max();
    Ok(last.unwrap_or(0) + 1)
}

/// The segments of which there is any file.
fn segments(layout: &Layout) -> Result<BTreeSet<SegmentId>, QuarantineError> {
    let mut found = BTreeSet::new();
    for tree in Tree::ALL {
        let path = layout.tree(tree);
        for day in names(&path)? {
            let Ok(day) = day.parse::<Day>() else { continue };
            let names = names(&path.join(day.to_string()))?;
            found.extend(
                names.iter().filter_map(|name| tree.read_name(day, name)).map(|(id, _)| id),
            );
        }
    }
    Ok(found)
}

fn names(path: &Path) -> Result<Vec<String>, QuarantineError> {
    let list = || -> io::Result<Vec<String>> {
        let entries = fs::read_dir(path)?.collect::<io::Result<Vec<_>>>()?;
        Ok(entries.iter().filter_map(|entry| entry.file_name().into_string().ok()).collect())
    };
    list().map_err(QuarantineError::io("cannot list", path))
}

/// Lists a segment as torn, or removes what has no line.
fn tear(
    disk: &Disk,
    layout: &Layout,
    journal: &mut Journal,
    id: SegmentId,
    now: i64,
) -> Result<(), QuarantineError> {
    for tree in [Tree::Segments, Tree::Index] {
        let torn = layout.torn(tree, id);
        for path in [layout.part(tree, id), layout.file(tree, id)] {
            if path.exists() {
                disk.rename(&path, &torn).map_err(QuarantineError::io("cannot rename", &path))?;
            }
        }
    }
    let body = layout.torn(Tree::Segments, id);
    let bytes = body.metadata().map_or(0, |metadata| metadata.len());
    if bytes == 0 {
        // A key that nothing was sealed with.
        for path in [layout.file(Tree::Keys, id), layout.torn(Tree::Index, id), body] {
            if path.exists() {
                disk.remove(&path).map_err(QuarantineError::io("cannot remove", &path))?;
            }
        }
        return Ok(());
    }
    let hashes = Hashes {
        body: hash(&body)?,
        key: hash(&layout.file(Tree::Keys, id))?,
        index: hash(&layout.torn(Tree::Index, id))?,
    };
    debug_assert!(body.to_string_lossy().ends_with(TORN), "renamed above");
    journal.append(now, "torn", &TornEntry { id, bytes, hashes }.members()).map(drop)
}

/// The SHA-256 of a file, as digits; nothing of one that is not there.
fn hash(path: &Path) -> Result<String, QuarantineError> {
    let read = || -> io::Result<String> {
        let (mut file, mut hash) = (File::open(path)?, Sha256::new());
        let mut buffer = vec![0; 1 << 16];
        loop {
            match file.read(&mut buffer)? {
                0 => return Ok(hex(&hash.finalize())),
                count => hash.update(&buffer[..count]),
            }
        }
    };
    match read() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(String::new()),
        done => done.map_err(QuarantineError::io("cannot read", path)),
    }
}
