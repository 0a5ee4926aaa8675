//! Segments whose time is over are destroyed: the key first, then what it would open, then a line says so.
//!
//! Without its key a segment is noise, also in copies that somebody kept of it, as long as nobody kept a copy of the
//! key. What a crash left half-way is destroyed at the next run. A clock that went backwards or far ahead destroys
//! nothing: that may be somebody who wants it all gone.

use std::{
    fs::{self, Permissions},
    io::{self, Write as _},
    os::unix::fs::PermissionsExt as _,
    path::Path,
};

use serde_json::json;

use super::{
    QuarantineError,
    audit::Who,
    chain::Journal,
    disk::Disk,
    inventory::{Inventory, State, files},
    layout::{Layout, SegmentId, Tree, rfc3339},
    manifest,
};

/// How far the clock may be behind the manifest, in seconds: clocks of machines that share a disk differ.
const BEHIND_SECONDS: i64 = 60;

/// How far it may be ahead: a quarantine that nobody wrote to for longer needs somebody who says that this is so.
const AHEAD_SECONDS: i64 = 30 * 86_400;

/// The seconds of a day.
const DAY: i64 = 86_400;

/// Who says that the clock is right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Witness {
    /// Nobody. It may neither be behind the manifest nor far ahead of it.
    Nobody,
    /// A person. It may be far ahead.
    Operator,
    /// A service, which held it against one that nobody sets. The manifest's may have been wrong.
    Service,
}

/// What became of segments.
#[derive(Clone, Debug, Default)]
pub struct Expired {
    /// Those that were destroyed.
    pub destroyed: Vec<SegmentId>,
    /// Those whose time is over and that a hold keeps, with the hold.
    pub held: Vec<(SegmentId, String)>,
    /// Those of which a crash had left something.
    pub swept: Vec<SegmentId>,
}

/// Opens the manifest for more lines, with what it says so far.
///
/// # Errors
///
/// There is no quarantine, its manifest is not whole, or the disk refuses.
pub fn open_manifest(
    disk: &Disk,
    layout: &Layout,
) -> Result<(Journal, Inventory), QuarantineError> {
    // Says first what is not in the words of its kind.
    Inventory::load(layout)?;
    let mut inventory = Inventory::default();
    let journal = manifest::open(disk, layout, |entry| {
        let _ = inventory.take(&entry);
    })?;
    inventory.head = journal.head();
    Ok((journal, inventory))
}

/// Destroys the segments whose lines are all older than `days` days at the time `now`, which somebody may have said;
/// the manifest has what the clock says.
///
/// # Errors
///
/// The clock cannot be right, the manifest is not whole, or the disk refuses; what was destroyed before is gone.
pub fn expire(
    disk: &Disk,
    layout: &Layout,
    (now, clock): (i64, i64),
    days: u32,
    witness: Witness,
) -> Result<Expired, QuarantineError> {
    let (mut journal, inventory) = open_manifest(disk, layout)?;
    trust(&inventory, now, witness)?;
    let mut done = Expired::default();
    let there = files(layout);
    for (id, held) in &inventory.segments {
        if held.state != State::Live && there.iter().any(|(_, other, _)| other == id) {
            destroy(disk, layout, *id)?;
            done.swept.push(*id);
        }
    }
    for held in inventory.live() {
        let entry = &held.entry;
        // One line that is dated ahead does not keep the others, and lines without a time are as old as what is said
        // of them.
        let latest = entry.period.map_or(held.told, |(_, latest)| latest.min(held.told));
        if latest.saturating_add(i64::from(days) * DAY) >= now {
            continue;
        }
        if let Some(hold) = inventory.hold_of(entry, now) {
            done.held.push((entry.id, hold.id.clone()));
            continue;
        }
        destroy(disk, layout, entry.id)?;
        let [uid, loginuid] = Who::am_i().members();
        let (id, lines) = (json!(entry.id.to_string()), json!(entry.lines));
        let members =
            [("segment", id), ("lines", lines), ("as_of", json!(rfc3339(now))), uid, loginuid];
        journal.append(clock, "expired", &members)?;
        done.destroyed.push(entry.id);
    }
    Ok(done)
}

/// Says no where the clock cannot be right.
fn trust(inventory: &Inventory, now: i64, witness: Witness) -> Result<(), QuarantineError> {
    let last = inventory.time;
    if now.saturating_add(BEHIND_SECONDS) < last && witness != Witness::Service {
        return Err(QuarantineError::Clock(format!(
            "it says {}, and the last line of the manifest is of {}; nothing was destroyed, set it right first",
            rfc3339(now),
            rfc3339(last)
        )));
    }
    if now.saturating_sub(AHEAD_SECONDS) > last && witness == Witness::Nobody {
        return Err(QuarantineError::Clock(format!(
            "it says {}, 30 days and more after the last line of the manifest, {}; nothing was destroyed, add --yes if \
             the clock is right",
            rfc3339(now),
            rfc3339(last)
        )));
    }
    Ok(())
}

/// Destroys a segment: its key is overwritten and removed, and durably so, before anything else goes.
pub(super) fn destroy(disk: &Disk, layout: &Layout, id: SegmentId) -> Result<(), QuarantineError> {
    for path in
        [layout.file(Tree::Keys, id), layout.part(Tree::Keys, id), layout.torn(Tree::Keys, id)]
    {
        shred(disk, &path).map_err(QuarantineError::io("cannot destroy", &path))?;
    }
    for tree in [Tree::Segments, Tree::Index] {
        for path in [layout.file(tree, id), layout.part(tree, id), layout.torn(tree, id)] {
            if path.exists() {
                disk.remove(&path).map_err(QuarantineError::io("cannot remove", &path))?;
            }
        }
    }
    Ok(())
}

/// Overwrites a small file and removes it; nothing where there is none.
fn shred(disk: &Disk, path: &Path) -> io::Result<()> {
    let length = match fs::symlink_metadata(path) {
        Ok(found) => found.len(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    // Nobody was meant to write to it again.
    let _ = fs::set_permissions(path, Permissions::from_mode(0o600));
    let mut file = disk.overwrite(path.to_owned())?;
    let zeros = vec![0; usize::try_from(length.min(1 << 20)).unwrap_or(0)];
    file.write_all(&zeros)?;
    file.sync()?;
    disk.remove(path)
}
