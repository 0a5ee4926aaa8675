//! What there is to do: each input is looked at before any is worked on.
//!
//! Whether two inputs have the same content is known beforehand, so that it does not depend on which is done first:
//! those whose first 64 KiB agree are read to their ends, and of equal ones the first by name is worked on.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::{self, Metadata},
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use anyhow::Result;

use super::{
    Context, PART,
    manifest::{Counted, Entry, Manifest, State},
};
use crate::{
    command::own,
    format::Format,
    privacy::ContentDigest,
    source::{FormatChoice, Origin, Reader, found::Found, kind_of},
};

/// A file to work on.
#[derive(Clone, Debug)]
pub(super) struct Job {
    pub(super) path: PathBuf,
    /// Its name below what all have in common.
    pub(super) input: String,
    /// What its output is called where it is whole, which is also what its entry is called.
    pub(super) key: String,
    /// The same without what tells of the form.
    pub(super) stem: String,
    pub(super) output: String,
    pub(super) kind: &'static str,
    /// The number of the input.
    pub(super) number: usize,
    pub(super) bytes: u64,
    pub(super) modified: String,
    pub(super) format: Option<&'static str>,
    head: Option<String>,
    content: Option<String>,
}

/// What there is to do.
pub(super) struct Scouting {
    /// What is to be worked on, the largest first.
    pub(super) jobs: Vec<Job>,
    /// The entries of all inputs.
    pub(super) names: Vec<String>,
    /// How many of them were done before.
    pub(super) as_before: usize,
}

/// Looks at all inputs.
pub(super) fn scout(
    context: &Context<'_>,
    files: &[Found],
    manifest: &mut Manifest,
) -> Result<Scouting> {
    let mut scouting = Scouting { jobs: Vec::new(), names: Vec::new(), as_before: 0 };
    let mut jobs = Vec::new();
    for (number, file) in files.iter().enumerate() {
        let stem = stem(&file.below);
        let metadata = fs::metadata(&file.path);
        let (bytes, modified) = metadata.as_ref().map_or((0, String::new()), identity);
        if let Some(key) = done_before(context, manifest, &stem, bytes, &modified) {
            scouting.as_before += 1;
            scouting.names.push(key);
            continue;
        }
        let (key, stem_of_output) = free_name(context, manifest, &stem);
        jobs.push(Job {
            path: file.path.clone(),
            input: stem,
            output: key.clone(),
            key: key.clone(),
            stem: stem_of_output,
            kind: "plain",
            number: number + 1,
            bytes,
            modified,
            format: None,
            head: None,
            content: None,
        });
        scouting.names.push(key);
    }
    let choice = own::choice(&context.args.filter)?;
    in_parallel(&mut jobs, |job| probe(context, job, &choice));
    find_equals(context, &mut jobs, manifest);
    jobs.sort_by(|a, b| b.bytes.cmp(&a.bytes).then_with(|| a.input.cmp(&b.input)));
    scouting.jobs = jobs;
    Ok(scouting)
}

/// By what a file is known again: its size and the time of its last change.
pub(super) fn identity(metadata: &Metadata) -> (u64, String) {
    (metadata.len(), format!("{}.{:09}", metadata.mtime(), metadata.mtime_nsec()))
}

/// The name of a file in outputs. What is no text there is told as numbers.
fn stem(below: &Path) -> String {
    match below.to_str() {
        Some(text) => text.to_owned(),
        None => below.as_os_str().as_encoded_bytes().escape_ascii().to_string(),
    }
}

/// The entry of an input that an earlier run has done under the same settings, if its output is still there.
fn done_before(
    context: &Context<'_>,
    manifest: &Manifest,
    input: &str,
    bytes: u64,
    modified: &str,
) -> Option<String> {
    if context.args.force {
        return None;
    }
    let is_there = |name: &str, entry: &Entry| {
        let metadata = fs::metadata(context.folder.join(name));
        has_counts(context, name, entry)
            && metadata.is_ok_and(|metadata| metadata.len() == entry.output_bytes)
    };
    let found = manifest.of(input).find(|(name, entry)| {
        let is_same = entry.bytes == bytes && entry.modified == modified;
        let has_output = match entry.state {
            State::Whole => is_there(name, entry),
            State::Same => entry.same_as.as_ref().is_some_and(|same| {
                let other = manifest.outputs.get(same);
                other.is_some_and(|other| other.state == State::Whole && is_there(same, other))
            }),
            State::Partial | State::Failed => false,
        };
        is_same && has_output && is_of(context, entry)
    });
    found.map(|(name, _)| name.clone())
}

/// Whether what this run is to count of an output is there.
fn has_counts(context: &Context<'_>, name: &str, entry: &Entry) -> bool {
    let is_there = |name: &Path| context.folder.join(name).exists();
    let is_kept = match (context.has_counts(), context.counts_by_window()) {
        (false, _) => true,
        (true, false) => entry.counted.is_some() && is_there(&joined_name(context, name)),
        (true, true) => {
            entry.counted == Some(Counted::Windows) && is_there(&joined_name(context, name))
        }
    };
    is_kept
        && (context.args.filter.counts.is_none() || is_there(counts_name(context, name).as_ref()))
}

/// Whether an entry was made under the settings of this run. What is to be sealed must be in this quarantine.
fn is_of(context: &Context<'_>, entry: &Entry) -> bool {
    let is_sealed = context.quarantine.is_none() || entry.sealed_in == context.quarantine;
    is_sealed && entry.policy_hash == context.plan.hash && entry.options == context.options
}

/// A name for an output that does not replace the clean copy of an original that is gone: names come again when logs
/// are rotated.
fn free_name(context: &Context<'_>, manifest: &Manifest, stem: &str) -> (String, String) {
    let mut stem_of_output = stem.to_owned();
    let mut number = 1;
    loop {
        let key = context.output_name(&stem_of_output, State::Whole);
        if manifest.outputs.get(&key).is_none_or(|entry| !entry.deleted) {
            return (key, stem_of_output);
        }
        number += 1;
        stem_of_output = format!("{stem}~{number}");
    }
}

/// Where the counts of an output are.
pub(super) fn counts_name(context: &Context<'_>, output: &str) -> String {
    let ending = context.output_name("", State::Whole);
    format!("{}.counts.json", output.strip_suffix(&ending).unwrap_or(output))
}

/// Where that which is joined with the counts of others lies, beside its output.
pub(super) fn joined_name(context: &Context<'_>, output: &str) -> PathBuf {
    let path = PathBuf::from(counts_name(context, output));
    let name = path.file_name().unwrap_or_default().display().to_string();
    path.with_file_name(format!(".{}", name.replace(".counts.json", ".tamis-counts")))
}

/// Where an output is written first.
pub(super) fn aside(place: &Path) -> PathBuf {
    let name = place.file_name().unwrap_or_default().display().to_string();
    place.with_file_name(format!(".{name}{PART}"))
}

/// What a file is, which format it has, and how its content begins.
fn probe(context: &Context<'_>, job: &mut Job, choice: &FormatChoice) {
    job.kind = kind_of(&job.path).map_or("?", |kind| kind.name());
    let Some(mut reader) = reader(context, &job.path, choice.clone()) else { return };
    let mut block = reader.new_block();
    while !reader.digest().is_some_and(ContentDigest::has_head) && reader.next(&mut block).is_some()
    {
        job.format = job.format.or_else(|| reader.format().map(Format::name));
        block.wipe();
    }
    let digest = reader.digest().filter(|digest| digest.bytes() > 0);
    job.head = digest.filter(|_| reader.failures().is_empty()).map(ContentDigest::head);
}

fn reader(context: &Context<'_>, path: &Path, choice: FormatChoice) -> Option<Reader> {
    let args = &context.args.filter;
    let reader = Reader::new(vec![Origin::File(path.to_owned())], choice, args.max_line).ok()?;
    let reader = reader.with_unpacked_max(args.max_decompressed);
    Some(reader.with_digest(context.content_key.digest()))
}

/// The name of the whole content of a file, if it can be read to its end.
fn content_of(context: &Context<'_>, path: &Path) -> Option<String> {
    let choice = FormatChoice::Fixed(Format::combined());
    let mut reader = reader(context, path, choice)?;
    let mut block = reader.new_block();
    while reader.next(&mut block).is_some() {
        block.wipe();
    }
    let digest = reader.digest().filter(|_| reader.failures().is_empty());
    digest.map(ContentDigest::whole)
}

/// Takes out the jobs whose content is that of another input or of an output that stays.
fn find_equals(context: &Context<'_>, jobs: &mut Vec<Job>, manifest: &mut Manifest) {
    let replaced: BTreeSet<_> = jobs.iter().map(|job| job.key.clone()).collect();
    let stays = |name: &String, entry: &Entry| {
        entry.state == State::Whole && is_of(context, entry) && !replaced.contains(name)
    };
    let mut heads: BTreeMap<&str, usize> = BTreeMap::new();
    for (_, entry) in manifest.outputs.iter().filter(|(name, entry)| stays(name, entry)) {
        entry.head.iter().for_each(|head| *heads.entry(head).or_default() += 1);
    }
    for job in &*jobs {
        job.head.iter().for_each(|head| *heads.entry(head).or_default() += 1);
    }
    let shared: BTreeSet<String> = heads
        .into_iter()
        .filter(|(_, count)| *count > 1)
        .map(|(head, _)| head.to_owned())
        .collect();
    in_parallel(jobs, |job| {
        if job.head.as_ref().is_some_and(|head| shared.contains(head)) {
            job.content = content_of(context, &job.path);
        }
    });
    let mut first: BTreeMap<String, String> = manifest
        .outputs
        .iter()
        .filter(|(name, entry)| stays(name, entry))
        .filter_map(|(name, entry)| Some((entry.content.clone()?, name.clone())))
        .collect();
    jobs.sort_by(|a, b| a.input.cmp(&b.input));
    jobs.retain(|job| {
        let Some(content) = &job.content else { return true };
        let Some(same) = first.get(content) else {
            first.insert(content.clone(), job.key.clone());
            return true;
        };
        let entry = Entry {
            state: State::Same,
            same_as: Some(same.clone()),
            head: manifest.content_key.as_ref().and(job.head.clone()),
            content: manifest.content_key.as_ref().and(job.content.clone()),
            ..job.entry(context)
        };
        manifest.outputs.insert(job.key.clone(), entry);
        false
    });
}

impl Job {
    /// The entry of this job before anything is known.
    pub(super) fn entry(&self, context: &Context<'_>) -> Entry {
        Entry {
            input: self.input.clone(),
            kind: self.kind.to_owned(),
            bytes: self.bytes,
            modified: self.modified.clone(),
            policy_hash: context.plan.hash.clone(),
            options: context.options.clone(),
            sealed_in: context.quarantine.clone(),
            ..Entry::default()
        }
    }
}

/// Does something with all of `items` on all cores.
fn in_parallel<T: Send>(items: &mut [T], work: impl Fn(&mut T) + Sync) {
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let items: Vec<_> = items.iter_mut().map(|item| Mutex::new(Some(item))).collect();
    let next = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while let Some(item) = items.get(next.fetch_add(1, Ordering::Relaxed)) {
                    if let Some(item) = item.lock().unwrap_or_else(PoisonError::into_inner).take() {
                        work(item);
                    }
                }
            });
        }
    });
}
