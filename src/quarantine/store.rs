//! What writes segments: one writer at a time, in an order that a crash at any point leaves whole.

use super::{disk::Disk, error::QuarantineError, layout::Layout};

/// How much room is kept for the last words when the disk is full.
const RESERVE_BYTES: u64 = 1 << 20;

/// Keeps room that can be given up when the disk is full, so that the manifest can say so.
pub(super) fn keep_reserve(disk: &Disk, layout: &Layout) -> Result<(), QuarantineError> {
    let path = layout.reserve();
    let failed = QuarantineError::io("cannot keep room in", &path);
    disk.create_over(path.clone(), 0o600)
        .and_then(|file| file.reserve(0, RESERVE_BYTES).and_then(|()| file.sync()))
        .map_err(failed)
}
