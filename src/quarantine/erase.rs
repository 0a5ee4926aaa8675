//! A segment gives way to one that was written anew without somebody's lines.
//!
//! The order is the writer's: the new key, the new body, the new index, each durable under its name, and then one line
//! of the manifest that names the new one and says that the old one is gone. From that line on the old one is, and what
//! is left of it is destroyed, its key first; a crash leaves either the old one whole, or a rest that
//! `tamis quarantine expire` sweeps away.

use std::{
    collections::BTreeMap,
    fs,
    io::{self, Write},
};

use serde_json::{Value, json};

use super::{
    QuarantineError,
    audit::Who,
    chain::Journal,
    disk::{Disk, DiskFile},
    expire::{destroy, open_manifest},
    inventory::{Held, Inventory, hash_file},
    layout::{Layout, SegmentId, Tree},
    manifest::{Hashes, SegmentEntry},
    recipients::Recipients,
    store,
};

/// A quarantine in which segments are written anew. No other writer has it meanwhile.
#[derive(Debug)]
pub struct Eraser {
    disk: Disk,
    layout: Layout,
    journal: Journal,
    next: u32,
    /// Released when it is closed.
    _lock: fs::File,
}

/// A segment that is being written.
#[derive(Debug)]
pub struct Fresh {
    id: SegmentId,
    body: DiskFile,
    index: DiskFile,
}

impl Fresh {
    /// Where its sealed lines and its sealed index go.
    pub fn writers(&mut self) -> (impl Write + '_, impl Write + '_) {
        (io::BufWriter::with_capacity(1 << 17, &mut self.body), &mut self.index)
    }
}

impl Eraser {
    /// Takes the place of the writer.
    ///
    /// # Errors
    ///
    /// Another process writes, there is no quarantine, or its manifest is not whole.
    pub fn open(disk: &Disk, layout: &Layout) -> Result<(Self, Inventory), QuarantineError> {
        let lock = store::lock(layout)?;
        let (journal, inventory) = open_manifest(disk, layout)?;
        let next = inventory.next_number(layout);
        let eraser =
            Self { disk: disk.clone(), layout: layout.clone(), journal, next, _lock: lock };
        Ok((eraser, inventory))
    }

    /// Begins a segment that takes the place of `old`, with this secret for its key.
    ///
    /// # Errors
    ///
    /// The disk refuses.
    pub fn start(
        &mut self,
        old: SegmentId,
        recipients: &Recipients,
        secret: &str,
    ) -> Result<Fresh, QuarantineError> {
        let id = SegmentId::new(old.day(), self.next).ok_or_else(|| {
            QuarantineError::strange(
                self.layout.manifest(),
                "there is no number left for a segment",
            )
        })?;
        self.next += 1;
        let path = self.layout.file(Tree::Keys, id);
        let wrapped = recipients.wrap(secret);
        self.disk
            .replace(&path, &wrapped, 0o440)
            .map_err(QuarantineError::io("cannot write", &path))?;
        let open = |tree| {
            let path = self.layout.part(tree, id);
            let made = self.disk.create_over(path.clone(), 0o440);
            made.map_err(QuarantineError::io("cannot write", path))
        };
        Ok(Fresh { id, body: open(Tree::Segments)?, index: open(Tree::Index)? })
    }

    /// Removes what was begun: nothing was to be left out, or it went wrong.
    ///
    /// # Errors
    ///
    /// The disk refuses.
    pub fn abandon(&mut self, fresh: Fresh) -> Result<(), QuarantineError> {
        destroy(&self.disk, &self.layout, fresh.id)
    }

    /// Puts what was written in the place of `old`, which has gone when this is done.
    ///
    /// # Errors
    ///
    /// The disk refuses. Then either the old one is there, or it is swept away later.
    pub fn commit(
        &mut self,
        old: &Held,
        fresh: Fresh,
        (kept, removed, why): (u64, u64, &BTreeMap<String, u64>),
        now: i64,
    ) -> Result<Option<SegmentId>, QuarantineError> {
        let id = fresh.id;
        let mut members = vec![("old", json!(old.entry.id.to_string()))];
        let new = if kept == 0 {
            self.abandon(fresh)?;
            members.push(("new", Value::Null));
            None
        } else {
            let entry = self.finish(old, fresh, kept, why)?;
            let told = entry.members();
            members.extend(
                told.into_iter()
                    .map(|(name, value)| (if name == "segment" { "new" } else { name }, value)),
            );
            Some(id)
        };
        members.push(("removed", json!(removed)));
        members.extend(Who::am_i().members());
        self.journal.append(now, "erased", &members)?;
        destroy(&self.disk, &self.layout, old.entry.id)?;
        Ok(new)
    }

    /// Makes what was written durable under its name.
    fn finish(
        &self,
        old: &Held,
        fresh: Fresh,
        lines: u64,
        why: &BTreeMap<String, u64>,
    ) -> Result<SegmentEntry, QuarantineError> {
        let Fresh { id, body, index } = fresh;
        for (tree, file) in [(Tree::Segments, body), (Tree::Index, index)] {
            let path = self.layout.file(tree, id);
            file.sync().map_err(QuarantineError::io("cannot make durable", file.path()))?;
            self.disk
                .rename(file.path(), &path)
                .map_err(QuarantineError::io("cannot name", &path))?;
        }
        let hash = |tree| {
            let path = self.layout.file(tree, id);
            hash_file(&path).map_err(QuarantineError::io("cannot read", path))
        };
        let hashes = Hashes {
            body: hash(Tree::Segments)?,
            key: hash(Tree::Keys)?,
            index: hash(Tree::Index)?,
        };
        let body = self.layout.file(Tree::Segments, id);
        let bytes =
            fs::metadata(&body).map_err(QuarantineError::io("cannot look at", &body))?.len();
        // The period is that of the old one: what is left is kept no longer for it.
        Ok(SegmentEntry { id, lines, period: old.entry.period, bytes, hashes, why: why.clone() })
    }
}
