//! What becomes of originals: they stay, or they are deleted once nothing can be lost by it.
//!
//! That is: the clean copy and its counts are durable; the copy was read again and has what was written; the original
//! is still what was read; and no more than 1% of its lines were refused. The manifest says so before the
//! original goes, so that its clean copy is never replaced by that of a later file of the same name.
//!
//! They may be sealed as well: then every line of theirs is in the quarantine, which was looked at byte by byte,
//! before they go.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use anyhow::Result;

use super::{
    Context, asks,
    manifest::{Entry, Manifest, State},
    work::is_unchanged,
};
use crate::{
    cli::Originals,
    command::{complain, quarantine},
    field::Reason,
    format::Format,
    quarantine::{layout::Layout, verify::verify},
    sink::sync_folder,
    source::{FormatChoice, Origin, Reader, found::Found},
};

/// What was done, in words, and whether an original could not be deleted.
pub(super) type Tended = (Option<String>, bool);

/// Tends to the originals, and says what was done.
pub(super) fn tend(
    context: &Context<'_>,
    manifest: &mut Manifest,
    files: &[Found],
    (counts_failed, shed): (bool, u64),
) -> Result<Tended> {
    if context.args.originals == Originals::Keep {
        return Ok((None, false));
    }
    let none = |why: String| Ok((Some(format!("no original was deleted, because {why}")), false));
    if counts_failed {
        return none("the counts are not whole".to_owned());
    }
    if shed > 0 {
        return none(format!("{shed} lines were not sealed: there was no room for them"));
    }
    let paths: BTreeMap<String, &Path> =
        files.iter().map(|file| (file.below.display().to_string(), file.path.as_path())).collect();
    let mut doomed = Vec::new();
    let mut kept = 0;
    for (name, entry) in &manifest.outputs {
        let Some(path) = paths.get(&entry.input).filter(|path| is_unchanged(path, entry)) else {
            continue;
        };
        if may_go(context, manifest, name, entry) {
            doomed.push((name.clone(), path.to_path_buf()));
        } else {
            kept += 1;
        }
    }
    if let Some(why) = quarantine_fault(context, manifest, &doomed)? {
        return none(why);
    }
    let question = format!("Delete {} originals, whose clean copies are verified?", doomed.len());
    if doomed.is_empty() || (!context.args.yes && !asks(&question)) {
        let what = format!("no original was deleted, {} stay", kept + doomed.len());
        return Ok((Some(what), false));
    }
    for (name, _) in &doomed {
        let same = manifest.outputs.get(name).and_then(|entry| entry.same_as.clone());
        for name in [Some(name.clone()), same].into_iter().flatten() {
            if let Some(entry) = manifest.outputs.get_mut(&name) {
                entry.deleted = true;
            }
        }
    }
    manifest.save()?;
    let (mut deleted, mut failed) = (0, 0);
    for (name, path) in &doomed {
        match fs::remove_file(path).and_then(|()| sync_folder(path)) {
            Ok(()) => deleted += 1,
            Err(error) => {
                complain(format!("cannot delete {}: {error}; run it again", path.display()));
                failed += 1;
                // The next run tries again. That it is about to go stays true where it is gone already.
                if let Some(entry) = manifest.outputs.get_mut(name) {
                    entry.deleted = !path.exists();
                }
            }
        }
    }
    let what = format!("{deleted} originals were deleted, {} stay", kept + failed);
    Ok((Some(what), failed > 0))
}

/// Whether nothing is lost with an original.
fn may_go(context: &Context<'_>, manifest: &Manifest, name: &str, entry: &Entry) -> bool {
    match entry.state {
        State::Whole => {
            let refused: u64 = entry.refused.values().sum();
            refused.saturating_mul(100) <= entry.read
                && is_sealed(context, entry)
                && is_verified(context, name, entry)
        }
        State::Same => entry.same_as.as_ref().is_some_and(|same| {
            manifest.outputs.get(same).is_some_and(|other| {
                other.state == State::Whole && may_go(context, manifest, same, other)
            })
        }),
        State::Partial | State::Failed => false,
    }
}

/// Whether every line is in the quarantine, where that is asked for.
fn is_sealed(context: &Context<'_>, entry: &Entry) -> bool {
    // Of a line that is too long, only the beginning is sealed.
    let is_whole = !entry.refused.contains_key(Reason::TooLong.word());
    context.args.originals != Originals::Seal
        || (is_whole && entry.sealed_in == context.quarantine && entry.sealed == entry.read)
}

/// What is wrong with the quarantine in which the lines of the doomed are, if something is.
fn quarantine_fault(
    context: &Context<'_>,
    manifest: &Manifest,
    doomed: &[(String, PathBuf)],
) -> Result<Option<String>> {
    let Some(path) = context.args.filter.quarantine.as_ref().filter(|_| !doomed.is_empty()) else {
        return Ok(None);
    };
    let report = verify(&Layout::new(path), None, &[]).map_err(quarantine::usage)?;
    if !report.findings.is_empty() || !report.unread.is_empty() {
        return Ok(Some(format!(
            "the quarantine {0} is not as it was written; see tamis quarantine verify {0}",
            path.display()
        )));
    }
    let entries = doomed.iter().filter_map(|(name, _)| manifest.outputs.get(name));
    let sealed: u64 = entries.map(|entry| entry.sealed).sum();
    Ok((report.lines < sealed).then(|| {
        format!(
            "the quarantine {} has {} lines of {sealed} that were sealed",
            path.display(),
            report.lines
        )
    }))
}

/// Whether the clean copy has as many bytes as were rendered, read again from where it lies.
fn is_verified(context: &Context<'_>, name: &str, entry: &Entry) -> bool {
    let origins = vec![Origin::File(context.folder.join(name))];
    let choice = FormatChoice::Fixed(Format::combined());
    let Ok(reader) = Reader::new(origins, choice, 1 << 20) else { return false };
    let mut reader = reader.with_unpacked_max(Some(u64::MAX));
    let mut block = reader.new_block();
    while reader.next(&mut block).is_some() {}
    reader.failures().is_empty() && reader.progress().bytes() == entry.rendered_bytes
}
