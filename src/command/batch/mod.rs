//! `tamis batch`: folders of rotated, compressed and half-corrupt logs in, a tree of clean copies out.
//!
//! First all inputs are looked at (`scout.rs`): what they are, whether an earlier run has done them, whether two of
//! them have the same content. Then several are worked on at once (`work.rs`), each by the engine that the filter
//! has; what is done is written down (`manifest.rs`), so that a killed run goes on where it was. At the
//! end originals may be deleted (`originals.rs`).
//!
//! Nothing is written but beside its place first, so that no half file looks whole.

mod manifest;
mod originals;
mod scout;
mod totals;
mod work;

use std::{
    fmt::Write as _,
    fs::{self, File},
    io::{self, BufRead as _, IsTerminal as _, Write as _},
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
    time::{Instant, SystemTime, UNIX_EPOCH},
};

use anyhow::{Context as _, Result};

use self::{
    manifest::{Manifest, State},
    scout::{Job, Scouting},
    work::{Done, Work},
};
use super::{
    FAILED, Usage, complain, filter,
    keys::{self as key_command, RunKeys},
    own, print,
    summary::{Facts, Files},
};
use crate::{
    cli::{BatchArgs, Compress, Emit, FilterArgs, Originals},
    counts::numbers::size,
    keys,
    policy::Plan,
    privacy::ContentKey,
    sink::{Compression, make_folders},
    source::{Progress, found},
    transform::pseudonym::{RunKey, SketchKey},
};

/// What the names of files end with that are not whole yet.
const PART: &str = ".tamis-part";

/// What a run is asked for, settled.
struct Context<'a> {
    args: &'a BatchArgs,
    plan: Arc<Plan>,
    folder: PathBuf,
    content_key: ContentKey,
    /// What beside the policy decides what outputs look like.
    options: String,
    /// The quarantine, by its whole name.
    quarantine: Option<String>,
}

/// The keys of a run: those of tokens, and the one by which visitors are told apart.
#[derive(Default)]
struct RunSecrets {
    keys: Option<RunKeys>,
    visitors: Option<Arc<SketchKey>>,
}

/// Runs `tamis batch`.
pub(super) fn run(args: &BatchArgs) -> Result<ExitCode> {
    refuse_what_does_not_go_together(args)?;
    let plan = Arc::new(filter::plan(&args.filter)?);
    own::choice(&args.filter)?;
    if args.originals == Originals::Seal && !plan.seal.is_some_and(|rule| rule.all) {
        return Err(Usage(format!(
            "cannot seal originals: the policy {} does not seal everything; name one that has seal = [\"all\"] in \
             its [quarantine]",
            plan.name
        ))
        .into());
    }
    let findings = found::find(&args.filter.files, manifest::NAME);
    for failure in &findings.failures {
        complain(failure);
    }
    let mut code = if findings.failures.is_empty() { 0 } else { FAILED };
    let stream = args.single.clone().or_else(|| args.filter.output.clone());
    let stream = stream.filter(|path| args.single.is_some() || path.as_os_str() == "-");
    let folder = args.filter.output.clone().unwrap_or_default();
    let (content_key, key_id) = content_key(args)?;
    if args.filter.store.is_some() && key_id.is_none() && stream.is_none() {
        key_command::key_dir(args.filter.key_dir.as_deref())?;
    }
    let options = options(args);
    let quarantine = args.filter.quarantine.as_ref();
    let quarantine = quarantine
        .map(|path| path.canonicalize().unwrap_or_else(|_| path.clone()).display().to_string());
    let context = Context { args, plan, folder, content_key, options, quarantine };
    code = code.max(match stream {
        Some(place) => run_into_one(&context, &findings.files, &place)?,
        None => run_into_tree(&context, &findings.files, key_id)?,
    });
    Ok(ExitCode::from(code))
}

fn refuse_what_does_not_go_together(args: &BatchArgs) -> Result<()> {
    let filter = &args.filter;
    let said = |what: &str| Err(Usage(what.to_owned()).into());
    if filter.files.is_empty() {
        return said(
            "cannot begin: name files or folders, or - for a list of names on standard input",
        );
    }
    if filter.output.is_none() && args.single.is_none() {
        return said(
            "cannot begin: name a folder for the clean copies with -o, or one file with --single",
        );
    }
    if filter.append || filter.counts_every.is_some() {
        return said(
            "--append and --counts-every are for `tamis filter`: a run over archives goes on by itself",
        );
    }
    let is_stream =
        args.single.is_some() || filter.output.as_ref().is_some_and(|path| path.as_os_str() == "-");
    if is_stream && (args.compress.is_some() || args.originals != Originals::Keep || args.dry_run) {
        return said("--compress, --originals and --dry-run need a folder: name one with -o");
    }
    if filter.run.is_some() && !is_stream {
        return said("--run is for one stream: the counts of archives are known by their content");
    }
    if args.originals == Originals::Seal && filter.quarantine.is_none() {
        return said("cannot seal originals: name a quarantine with --quarantine");
    }
    let can_ask = io::stdin().is_terminal() && !filter.files.iter().any(|it| it.as_os_str() == "-");
    if args.originals != Originals::Keep && !args.yes && !args.dry_run && !can_ask {
        return said("cannot ask whether to delete originals: this is no terminal; add --yes");
    }
    Ok(())
}

/// The key under which contents have names, and its public name where it is kept. Without a key directory it
/// lives for this run only.
fn content_key(args: &BatchArgs) -> Result<(ContentKey, Option<String>)> {
    match key_command::key_dir(args.filter.key_dir.as_deref()) {
        Ok(path) => {
            let key = keys::content_key(&path).map_err(key_command::usage)?;
            let id = key.id();
            Ok((key, Some(id)))
        }
        Err(_) => {
            let secret = keys::random().map_err(key_command::usage)?;
            Ok((ContentKey::new(&secret), None))
        }
    }
}

/// What beside the policy decides what outputs look like, in words.
fn options(args: &BatchArgs) -> String {
    let FilterArgs { emit, format, site, max_line, .. } = &args.filter;
    let mut text = format!("emit={emit:?} format={format:?} max_line={max_line}");
    let own = [
        ("site", site),
        ("nginx_format", &args.filter.nginx_format),
        ("apache_format", &args.filter.apache_format),
        ("nginx_conf", &args.filter.nginx_conf),
        ("apache_conf", &args.filter.apache_conf),
    ];
    for (name, value) in own {
        if let Some(value) = value {
            write!(text, " {name}={value:?}").expect("a string takes all");
        }
    }
    if !args.filter.variables.is_empty() {
        write!(text, " variables={:?}", args.filter.variables).expect("a string takes all");
    }
    let zone = args.filter.timezone.name();
    if zone != "UTC" {
        write!(text, " timezone={zone}").expect("a string takes all");
    }
    if let Some(compress) = args.compress {
        write!(text, " compress={compress:?}").expect("a string takes all");
    }
    text
}

impl Context<'_> {
    /// How outputs are compressed.
    const fn compression(&self) -> Option<Compression> {
        match self.args.compress {
            None => None,
            Some(Compress::Zstd) => Some(Compression::Zstd),
            Some(Compress::Gzip) => Some(Compression::Gzip),
        }
    }

    /// The name of an output; of a damaged input it says so.
    fn output_name(&self, stem: &str, state: State) -> String {
        let form = match self.args.filter.emit {
            Emit::Jsonl => "jsonl",
            Emit::Combined => "log",
            Emit::Csv => "csv",
        };
        let partial = if state == State::Partial { ".partial" } else { "" };
        let packed = self.compression().map_or(String::new(), |it| format!(".{}", it.extension()));
        format!("{stem}{partial}.{form}{packed}")
    }

    /// Whether anything is counted.
    fn has_counts(&self) -> bool {
        self.args.filter.counts.is_some() || self.counts_by_window()
    }

    /// Whether it is counted by day or hour.
    fn counts_by_window(&self) -> bool {
        self.args.filter.store.is_some() || self.args.filter.partial.is_some()
    }
}

/// The inputs as one stream, in the order of their names, each content once.
fn run_into_one(context: &Context<'_>, files: &[found::Found], place: &Path) -> Result<u8> {
    let mut manifest = Manifest::default();
    let Scouting { jobs, .. } = scout::scout(context, files, &mut manifest)?;
    let mut inputs: Vec<_> = jobs.into_iter().map(|job| job.path).collect();
    inputs.sort();
    if inputs.is_empty() {
        complain("there is no file to read");
        return Ok(FAILED);
    }
    for (name, entry) in manifest.outputs.iter().filter(|(_, entry)| entry.state == State::Same) {
        let same = entry.same_as.as_deref().unwrap_or(name);
        complain(format!("{} has the same content as what becomes {same}; read once", entry.input));
    }
    let keys = run_keys_of_stream(context)?;
    let is_stdout = place.as_os_str() == "-";
    let aside = scout::aside(place);
    if !is_stdout {
        // What a killed run has left there, or a link that leads elsewhere.
        let _ = fs::remove_file(&aside);
    }
    let output = (!is_stdout).then(|| aside.clone());
    let args = FilterArgs { files: inputs, output, key_dir: None, ..context.args.filter.clone() };
    let code = filter::run_under(&args, &context.plan, keys)?;
    if !is_stdout && aside.exists() {
        crate::sink::settle(&aside, place, None)
            .with_context(|| format!("cannot move the output to {}", place.display()))?;
    }
    Ok(code.min(FAILED))
}

/// The keys of a run that nobody takes up again.
fn run_keys_of_stream(context: &Context<'_>) -> Result<Option<RunKeys>> {
    if !context.plan.mints_tokens() {
        return Ok(None);
    }
    let secret = keys::random().map_err(key_command::usage)?;
    Ok(Some(RunKeys::of_run(RunKey::new(secret))))
}

/// The inputs as a tree of clean copies.
fn run_into_tree(
    context: &Context<'_>,
    files: &[found::Found],
    key_id: Option<String>,
) -> Result<u8> {
    let started = Instant::now();
    let folder = &context.folder;
    if !context.args.dry_run {
        make_folders(folder, 0o777)
            .with_context(|| format!("cannot make the folder {}", folder.display()))?;
    }
    let _lock = lock(context)?;
    let mut manifest = Manifest::load(folder)?;
    if !context.args.dry_run {
        remove_parts(folder);
    }
    if manifest.content_key != key_id {
        // Names under another key cannot be compared.
        manifest.outputs.values_mut().for_each(|entry| (entry.head, entry.content) = (None, None));
        manifest.content_key = key_id;
    }
    let scouting = scout::scout(context, files, &mut manifest)?;
    if context.args.dry_run {
        return print(scouting.describe(context, &manifest).as_bytes()).map(|_| 0);
    }
    let store = totals::open_store(context)?;
    if manifest.is_complete {
        end_run(context, &mut manifest)?;
    }
    let secrets = run_keys_of_tree(context, &scouting.jobs, &mut manifest)?;
    manifest.save()?;
    let progress = Progress::default();
    let work = Work::new(context, secrets, manifest, progress.clone())?;
    let Done { mut manifest, tally, shed } = work.run(scouting.jobs)?;
    let names = scouting.names;
    manifest.save()?;
    let counts_failed = totals::write(context, &manifest, &names, store);
    let (deleted, some_stay) =
        originals::tend(context, &mut manifest, files, (counts_failed, shed))?;
    end_run(context, &mut manifest)?;
    let mut files = report(&manifest, &names);
    files.as_before = scouting.as_before;
    let facts = Facts {
        tally: &tally,
        shed,
        plan: &context.plan,
        bytes_in: progress.bytes(),
        elapsed: started.elapsed(),
        files: Some(files),
    };
    let messages = [filter::misfits(&tally), filter::scarce(&tally, &context.plan), deleted];
    messages.into_iter().flatten().for_each(complain);
    filter::summarise(&context.args.filter, &facts);
    Ok(if files.failed > 0 || counts_failed || some_stay { FAILED } else { 0 })
}

/// Removes what killed runs have left beside its place.
fn remove_parts(folder: &Path) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => remove_parts(&entry.path()),
            Ok(kind) if kind.is_file() && name.starts_with('.') && name.ends_with(PART) => {
                let _ = fs::remove_file(entry.path());
            }
            _ => {}
        }
    }
}

/// Keeps a second run away from the same folder.
fn lock(context: &Context<'_>) -> Result<Option<File>> {
    if context.args.dry_run {
        return Ok(None);
    }
    let folder = File::open(&context.folder)
        .with_context(|| format!("cannot open the folder {}", context.folder.display()))?;
    folder.try_lock().map_err(|_| {
        let name = context.folder.display();
        anyhow::anyhow!(
            "cannot use the folder {name}: another run is writing to it; wait for its end"
        )
    })?;
    Ok(Some(folder))
}

/// The keys of a run with tokens or visitors: those of the interrupted one that it goes on with, else new ones.
fn run_keys_of_tree(
    context: &Context<'_>,
    jobs: &[Job],
    manifest: &mut Manifest,
) -> Result<RunSecrets> {
    let plan = &context.plan;
    let (mints, counts) = (plan.mints_tokens(), plan.visitors && context.has_counts());
    let needs_keys = mints || counts || plan.release.is_some();
    if !needs_keys || (jobs.is_empty() && manifest.run.is_none()) {
        return Ok(RunSecrets::default());
    }
    let path = match key_command::key_dir(context.args.filter.key_dir.as_deref()) {
        Ok(path) => path,
        // Without a place for keys, visitors are told apart within this run only.
        Err(_) if !mints => {
            return Ok(RunSecrets { keys: None, visitors: Some(key_command::sketch_key()?) });
        }
        Err(error) => return Err(error),
    };
    let is_new = manifest.run.is_none() || context.args.force;
    if is_new {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        manifest.run = Some(format!("{:x}", now.as_nanos()));
    }
    let name = manifest.run.as_deref().unwrap_or_default();
    let key = keys::run_key(&path, name, is_new || !mints).map_err(key_command::usage)?;
    let Some(key) = key else {
        return Err(Usage(format!(
            "cannot go on with the interrupted run in {}: its key is no longer in {}, so that the same visitors would \
             get other tokens; begin anew with --force",
            context.folder.display(),
            path.display()
        ))
        .into());
    };
    let visitors = Some(Arc::new(key.visitors()));
    Ok(RunSecrets { keys: mints.then(|| RunKeys::of_run(key)), visitors })
}

/// Ends a run: its key is destroyed, and from then on nobody can undo its tokens. That it is about to be is written
/// down before, for a run that is killed here has nothing left to go on with.
fn end_run(context: &Context<'_>, manifest: &mut Manifest) -> Result<()> {
    if let Some(run) = manifest.run.clone() {
        let path = key_command::key_dir(context.args.filter.key_dir.as_deref())?;
        manifest.is_complete = true;
        manifest.save()?;
        keys::destroy_run_key(&path, &run).map_err(key_command::usage)?;
    }
    (manifest.run, manifest.is_complete) = (None, false);
    manifest.save()
}

/// Says what went wrong, and how many files became what.
fn report(manifest: &Manifest, names: &[String]) -> Files {
    let mut files = Files { all: names.len(), ..Files::default() };
    for name in names {
        let Some(entry) = manifest.outputs.get(name) else { continue };
        entry.problems.iter().for_each(complain);
        match entry.state {
            State::Whole => files.done += 1,
            State::Same => {
                files.done += 1;
                files.same += 1;
            }
            State::Partial | State::Failed => files.failed += 1,
        }
    }
    files
}

/// Asks on the terminal.
fn asks(question: &str) -> bool {
    let _ = write!(io::stderr(), "{question} [y/N] ");
    let mut answer = String::new();
    let read = io::stdin().lock().read_line(&mut answer);
    read.is_ok() && matches!(answer.trim(), "y" | "Y" | "yes")
}

impl Scouting {
    /// What would be done, a line a file.
    fn describe(&self, context: &Context<'_>, manifest: &Manifest) -> String {
        let mut text = String::new();
        let bytes: u64 = self.jobs.iter().map(|job| job.bytes).sum();
        let mut lines: Vec<_> = self
            .jobs
            .iter()
            .map(|job| {
                let format = job.format.unwrap_or("?");
                (
                    &job.input,
                    format!("{} {format}, {}", job.kind, size(job.bytes)),
                    job.output.clone(),
                )
            })
            .collect();
        for name in &self.names {
            if let Some(entry) = manifest.outputs.get(name)
                && !self.jobs.iter().any(|job| job.key == *name)
            {
                let what = match &entry.same_as {
                    Some(same) => format!("the same as {same}"),
                    None => "as before".to_owned(),
                };
                lines.push((&entry.input, what, name.clone()));
            }
        }
        lines.sort();
        for (input, what, output) in lines {
            writeln!(text, "{input}: {what} -> {output}").expect("a string takes all");
        }
        let Context { folder, .. } = context;
        writeln!(
            text,
            "{} of {} files to read, {}, into {}",
            self.jobs.len(),
            self.names.len(),
            size(bytes),
            folder.display()
        )
        .expect("a string takes all");
        text
    }
}
