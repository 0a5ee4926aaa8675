//! The counts of all files of a run, joined from what lies beside the clean copies.
//!
//! So they are the same whether a run was killed in between or not. Whoever is in two files of one run is one visitor,
//! for one key told them apart. What an earlier run has counted has another key, which is gone: such numbers are
//! summed. So are those of originals that were deleted, which no run finds again.
//!
//! In a store each file has a name, which is that of its content. So nothing is added twice, whatever a file is called
//! when it comes again.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use anyhow::{Result, anyhow};

use super::{
    Context,
    manifest::{Entry, Manifest, State},
    scout::joined_name,
};
use crate::{
    cli::FilterArgs,
    command::{complain, filter},
    counts::{Identity, Joined, Partial, Store},
};

/// The name under which the counts of a content are known: that of its beginning, and its own.
pub(super) fn run_name(head: &str, content: &str) -> String {
    format!("{}{content}", beginning(head))
}

fn beginning(head: &str) -> String {
    format!("batch-{head}-")
}

/// Opens the store, if one is asked for, before anything is done.
pub(super) fn open_store(context: &Context<'_>) -> Result<Option<Store>> {
    let FilterArgs { store, timezone, .. } = &context.args.filter;
    let Some(path) = store else { return Ok(None) };
    let window = filter::setup(&context.args.filter, &context.plan).window.unwrap_or_default();
    let identity = Identity::of(&context.plan, timezone, window);
    filter::open_store(path, identity).map(Some)
}

/// Writes what is asked for of the counts of all files; says whether that failed.
pub(super) fn write(
    context: &Context<'_>,
    manifest: &Manifest,
    names: &[String],
    store: Option<Store>,
) -> bool {
    if !context.has_counts() {
        return false;
    }
    let FilterArgs { counts, partial, .. } = &context.args.filter;
    let mut all = All { joined: Joined::default(), partial: None, store, failed: false };
    let present = counted(manifest, names.iter().map(String::as_str));
    for name in &present {
        let Some(entry) = manifest.outputs.get(*name) else { continue };
        let path = context.folder.join(joined_name(context, name));
        if let Err(error) = all.add(&path, entry, context) {
            complain(format!("{error:#}"));
            all.failed = true;
        }
    }
    if counts.is_some() {
        for path in counts_of_deleted(context, manifest, &present) {
            if let Err(error) = all.add_earlier(&path) {
                complain(format!("{error:#}"));
                all.failed = true;
            }
        }
    }
    if let Some(place) = partial {
        let written = match &all.partial {
            Some(partial) if partial.windows() > Partial::WINDOWS_MAX => Err(anyhow!(
                "cannot write the partial counts to {}: there are more than {} windows; keep them in a store with \
                 --store",
                place.display(),
                Partial::WINDOWS_MAX
            )),
            Some(partial) => partial.write(place).map_err(|error| anyhow!("{error}")),
            None => Err(anyhow!(
                "cannot write the partial counts to {}: nothing was counted; name files with records",
                place.display()
            )),
        };
        if let Err(error) = written {
            complain(format!("{error:#}"));
            all.failed = true;
        }
    }
    if let Some(place) = counts
        && let Err(error) = filter::write_counts(place, &all.joined.report(&context.plan))
    {
        complain(format!("{error:#}"));
        all.failed = true;
    }
    all.failed
}

/// The outputs whose counts are summed, each once. Of a content that is there twice, the other output has them.
fn counted<'a>(manifest: &'a Manifest, names: impl Iterator<Item = &'a str>) -> BTreeSet<&'a str> {
    let of = |name: &'a str| {
        let entry = manifest.outputs.get(name)?;
        match entry.state {
            State::Whole | State::Partial => Some(name),
            State::Same => entry.same_as.as_deref(),
            State::Failed => None,
        }
    };
    names.filter_map(of).collect()
}

/// Where the counts lie of what had its original deleted: a run that goes on, or a later one, does not find the input
/// any more, and the counts of all are still those of all. What somebody took away since, or what was made under other
/// settings, is not among them. A store has them by now, and partial counts of another run have another key.
fn counts_of_deleted(
    context: &Context<'_>,
    manifest: &Manifest,
    present: &BTreeSet<&str>,
) -> Vec<PathBuf> {
    let deleted = manifest.outputs.iter().filter(|(_, entry)| {
        entry.deleted && entry.policy_hash == context.plan.hash && entry.options == context.options
    });
    let names = counted(manifest, deleted.map(|(name, _)| name.as_str()));
    let paths =
        names.difference(present).map(|name| context.folder.join(joined_name(context, name)));
    paths.filter(|path| path.exists()).collect()
}

/// What is joined so far.
struct All {
    joined: Joined,
    partial: Option<Partial>,
    store: Option<Store>,
    failed: bool,
}

impl All {
    fn add(&mut self, path: &Path, entry: &Entry, context: &Context<'_>) -> Result<()> {
        let FilterArgs { counts, partial: wanted, .. } = &context.args.filter;
        let read = Partial::read(path)
            .map_err(|error| anyhow!("{error}; or run again with --force, which counts anew"))?;
        if read.windows() == 0 {
            return Ok(());
        }
        if let Some(store) = &mut self.store {
            add_to_store(store, &read, entry)?;
        }
        if wanted.is_some() {
            match &mut self.partial {
                None => self.partial = Some(read.clone()),
                Some(all) => all.join(read.clone(), path).map_err(|error| {
                    anyhow!("{error}; or run again with --force, which counts all under one key")
                })?,
            }
        }
        if counts.is_some() {
            self.joined.add(read);
        }
        Ok(())
    }

    /// Adds the counts of a file whose original was deleted to those of all.
    fn add_earlier(&mut self, path: &Path) -> Result<()> {
        let read = Partial::read(path).map_err(|error| anyhow!("{error}"))?;
        if read.windows() > 0 {
            self.joined.add(read);
        }
        Ok(())
    }
}

/// Adds what was counted of a file, unless it is there, or the beginning of the file is.
fn add_to_store(store: &mut Store, partial: &Partial, entry: &Entry) -> Result<()> {
    let failed = |error| anyhow!("{error}");
    if let (Some(head), Some(content)) = (&entry.head, &entry.content)
        && store.knows_other(&beginning(head), &run_name(head, content)).map_err(failed)?
    {
        return Err(anyhow!(
            "cannot add the counts of {} to the store: it has grown since its beginning was added, which would be \
             there twice; leave out logs that still grow, or begin a new store",
            entry.input
        ));
    }
    store.add(partial).map_err(failed)
}
