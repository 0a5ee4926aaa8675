//! `tamis filter`, which is also what `tamis` alone does: logs in, clean records and counts out.

use std::{
    fmt,
    fs::{self, File, Metadata},
    io::{self, IsTerminal, Write},
    os::fd::AsFd,
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
    thread,
    time::Instant,
};

use anyhow::{Context, Result};
use indicatif::{ProgressBar, ProgressStyle};

use super::{
    FAILED, Usage, attacks, complain,
    control::{Control, Duties, TendKeys, WriteCounts},
    formats::{code_of, origin},
    keys::{self, RunKeys},
    own, policies, replace_private,
    report::look,
    sealing,
    summary::Facts,
};
use crate::{
    cli::{Client, Emit, FilterArgs, Summary, When},
    counts::{Block, Counts, Identity, Recorder, Run, Setup, Store, StoreError, Window},
    emit::{Emitter, Form},
    engine::{Engine, EngineError, Finished, Releasing, Tally, Worker},
    field::Reason,
    policy::{ClientChoice, Overrides, Plan, is_host_name},
    privacy::{Anonymiser, Lookout, Release, VisitorKeys},
    sink::{Place, Sink, SinkError},
    source::{Origin, Reader, total_bytes},
    transform::{
        agent::Classifier, country::Countries, mmdb::NotMmdb, organisation::Organisations,
        time::Grain,
    },
};

/// Runs `tamis filter`.
pub(super) fn run(args: &FilterArgs) -> Result<ExitCode> {
    let plan = Arc::new(plan(args)?);
    let keys = RunKeys::for_plan(&plan, args.key_dir.as_deref(), joins_counts(args, &plan))?;
    run_under(args, &plan, keys).map(ExitCode::from)
}

/// The same with the keys of a run, and an exit code to look at.
pub(super) fn run_under(args: &FilterArgs, plan: &Arc<Plan>, keys: Option<RunKeys>) -> Result<u8> {
    let started = Instant::now();
    let visitor_keys = visitor_keys(args, plan, keys.as_ref())?;
    let origins = origins(args)?;
    let bar = progress_bar(args, &origins);
    let reader = Reader::new(origins, own::choice(args)?, args.max_line)
        .context("cannot make a pipe")?
        .with_beginnings(args.quarantine.is_some())
        .with_unpacked_max(args.max_decompressed);
    let progress = reader.progress();
    let sealing = args.quarantine.as_deref();
    let sealing = sealing.map(|path| sealing::start(path, plan, &progress)).transpose()?;
    let lookout = match args.quarantine {
        Some(_) => attacks::lookout(plan, args.rules.as_deref())?,
        None => None,
    };
    let (lookout, sentry) = lookout.unzip();
    let setup = setup(args, plan);
    let recorder = recorder(args, plan, &setup, visitor_keys.clone())?;
    let workers = workers(args, plan, keys.as_ref(), lookout.as_ref(), visitor_keys)?;
    let header = workers[0].header();
    let counts = args.counts.as_ref().map(|_| Counts::with(plan, &setup));
    let engine = Engine::new(reader, header, Sink::new(place(args)), counts)
        .with_releasing(releasing(args, plan))
        .with_sealing(sealing)
        .with_sentry(sentry)
        .with_recorder(recorder);
    let write_counts = |engine: &Engine| {
        let report = engine.with_counts(Counts::report);
        if let (Some(report), Some(path)) = (report, &args.counts)
            && let Err(error) = write_counts(path, &report)
        {
            complain(format!("{error:#}"));
        }
    };
    let tend = keys.as_ref().map(|keys| || keys.tend());
    thread::scope(|scope| {
        let duties = Duties {
            counts: args.counts_every.map(|every| (every, &write_counts as WriteCounts<'_>)),
            keys: tend.as_ref().map(|tend| tend as TendKeys<'_>),
            bar: bar.map(|bar| (bar, progress.clone())),
        };
        let control = Control::start(scope, &engine, duties)?;
        engine.run(workers);
        control.stop();
        anyhow::Ok(())
    })?;
    let mut finished = engine.finish();
    let mut code = exit_code(&finished);
    if let (Some(counts), Some(path)) = (&mut finished.counts, &args.counts)
        && let Err(error) = self::write_counts(path, &counts.report())
    {
        complain(format!("{error:#}"));
        code = code.max(FAILED);
    }
    if let Some(recorder) = finished.recorder.take()
        && let Err(error) = recorder.finish(&finished.tally.lines())
    {
        complain(error);
        code = code.max(FAILED);
    }
    let messages = [misfits(&finished.tally), scarce(&finished.tally, plan)];
    messages.into_iter().flatten().for_each(complain);
    if let Some(keys) = keys {
        code = code.max(keys.finish(finished.tally.clean));
    }
    let facts = Facts {
        tally: &finished.tally,
        shed: finished.sealed.shed,
        plan,
        bytes_in: progress.bytes(),
        elapsed: started.elapsed(),
        files: None,
    };
    summarise(args, &facts);
    Ok(code)
}

/// What holds records, where the policy asks for it.
pub(super) fn releasing(args: &FilterArgs, plan: &Arc<Plan>) -> Option<Releasing> {
    Release::new(Arc::clone(plan))
        .map(|release| Releasing::new(release, Emitter::new(form(args), plan)))
}

pub(super) fn plan(args: &FilterArgs) -> Result<Plan> {
    let overrides = Overrides {
        client: args.client.map(|client| match client {
            Client::Truncate => ClientChoice::Truncate,
            Client::Country => ClientChoice::Country,
            Client::Token => ClientChoice::Token,
            Client::Drop => ClientChoice::Drop,
        }),
        ipv4_prefix: args.ipv4_prefix,
        ipv6_prefix: args.ipv6_prefix,
        trusted_proxies: args.trusted_proxies.clone(),
        country_db: args.country_db.clone(),
        organisation_db: args.organisation_db.clone(),
    };
    let plan = policies::load(&args.policy, overrides)?;
    let lacks_time = !plan.record.has(crate::field::Key::Time);
    if args.emit == Emit::Combined && lacks_time {
        return Err(Usage(format!(
            "cannot emit the combined format: the policy {} keeps no time, which every line of it has; \
             use --emit jsonl or csv",
            plan.name
        ))
        .into());
    }
    if args.emit == Emit::Combined && !plan.groups.is_empty() {
        return Err(Usage(format!(
            "cannot emit the combined format: the policy {} keeps its records in groups, for which a line of it \
             has no place; use --emit jsonl or csv",
            plan.name
        ))
        .into());
    }
    Ok(plan)
}

/// A file that knows something of networks, if the plan has a use for one.
fn database<T>(
    path: Option<&PathBuf>,
    what: &str,
    such_as: &str,
    read: impl FnOnce(Vec<u8>) -> Result<T, NotMmdb>,
) -> Result<Option<Arc<T>>> {
    let Some(path) = path else { return Ok(None) };
    let failed = |error: &dyn fmt::Display| {
        Usage(format!(
            "cannot read the {what} in {}: {error}; name a file in the MMDB form, such as {such_as}",
            path.display()
        ))
    };
    let bytes = fs::read(path).map_err(|error| failed(&error))?;
    let found = read(bytes).map_err(|error| failed(&error))?;
    Ok(Some(Arc::new(found)))
}

/// What to read. Reading what is being written would never end.
fn origins(args: &FilterArgs) -> Result<Vec<Origin>> {
    let origins: Vec<_> = if args.files.is_empty() {
        vec![Origin::Stdin]
    } else {
        args.files.iter().cloned().map(origin).collect()
    };
    let place = place(args);
    for origin in &origins {
        if metadata(origin).is_ok_and(|metadata| place.is(&metadata)) {
            return Err(Usage(format!(
                "cannot read {origin} and write to it at once; name another output"
            ))
            .into());
        }
    }
    refuse_counts_in_place_of(&place, &origins, args)?;
    Ok(origins)
}

/// Counts replace what is at their place, which must be neither an input nor the records.
fn refuse_counts_in_place_of(place: &Place, origins: &[Origin], args: &FilterArgs) -> Result<()> {
    let Some(path) = args.counts.as_ref().filter(|path| path.as_os_str() != "-") else {
        return Ok(());
    };
    let counts = Place::Replace(path.clone());
    let is_input =
        origins.iter().any(|origin| metadata(origin).is_ok_and(|input| counts.is(&input)));
    let is_output = args.output.as_ref() == Some(path)
        || place.metadata().is_ok_and(|output| counts.is(&output));
    if is_input || is_output {
        let what = if is_input { "an input" } else { "the output of the records" };
        return Err(Usage(format!(
            "cannot write the counts to {}: it is {what}; name another file",
            path.display()
        ))
        .into());
    }
    Ok(())
}

fn metadata(origin: &Origin) -> io::Result<Metadata> {
    match origin {
        Origin::Stdin => File::from(io::stdin().as_fd().try_clone_to_owned()?).metadata(),
        Origin::File(path) | Origin::Member(path, _) => path.metadata(),
    }
}

fn place(args: &FilterArgs) -> Place {
    match &args.output {
        None => Place::Stdout,
        Some(path) if args.append => Place::Append(path.clone()),
        Some(path) => Place::Replace(path.clone()),
    }
}

/// Whether what is counted is to be joined with what others counted.
fn joins_counts(args: &FilterArgs, plan: &Plan) -> bool {
    plan.visitors && (args.store.is_some() || args.partial.is_some())
}

/// With which keys visitors are told apart, if they are: those of the key directory where one is named and counts are
/// to be joined with others, else one that is drawn for this run.
pub(super) fn visitor_keys(
    args: &FilterArgs,
    plan: &Plan,
    keys: Option<&RunKeys>,
) -> Result<Option<VisitorKeys>> {
    let counts = args.counts.is_some() || args.store.is_some() || args.partial.is_some();
    if !(plan.release.is_some() || (counts && plan.visitors)) {
        return Ok(None);
    }
    match keys.filter(|_| args.key_dir.is_some() && joins_counts(args, plan)) {
        Some(keys) => {
            let site: Arc<[u8]> = Arc::from(site_of(args).as_bytes());
            Ok(Some(VisitorKeys::Epochs(Arc::clone(keys.keyring()), site)))
        }
        None => Ok(Some(VisitorKeys::Run(keys::sketch_key()?))),
    }
}

/// The site that counts are of.
pub(super) fn site_of(args: &FilterArgs) -> String {
    args.site.as_deref().map_or_else(|| "-".to_owned(), str::to_ascii_lowercase)
}

/// How counts are made.
pub(super) fn setup(args: &FilterArgs, plan: &Plan) -> Setup {
    let by_window = args.store.is_some() || args.partial.is_some();
    let window = if plan.counts_by_hour { Window::Hour } else { Window::Day };
    Setup { zone: args.timezone.clone(), window: by_window.then_some(window) }
}

/// What keeps counts by window, if that is asked for.
fn recorder(
    args: &FilterArgs,
    plan: &Arc<Plan>,
    setup: &Setup,
    keys: Option<VisitorKeys>,
) -> Result<Option<Recorder>> {
    let name = match &args.run {
        Some(name) => name.clone(),
        None => keys::run_name()?,
    };
    let run = Run { name, site: site_of(args), keys };
    let identity = Identity::of(plan, &setup.zone, setup.window.unwrap_or_default());
    match (&args.store, &args.partial) {
        (Some(path), _) => {
            let store = open_store(path, identity)?;
            let recorder = Recorder::to_store(plan, setup, run, store);
            let recorder = recorder.map_err(|error| anyhow::anyhow!("{error}"))?;
            if recorder.known() > 0 {
                complain(format!(
                    "a run of this name has counted {} records already; they are not counted again",
                    recorder.known()
                ));
            }
            Ok(Some(recorder))
        }
        (None, Some(path)) => Ok(Some(Recorder::to_partial(plan, setup, run, path.clone()))),
        (None, None) => Ok(None),
    }
}

/// Opens a store for counts of one kind.
pub(super) fn open_store(path: &Path, identity: Identity) -> Result<Store> {
    Store::open(path, identity).map_err(|error| match error {
        StoreError::Other(..) | StoreError::NotOne(_) | StoreError::Loose(_) => {
            anyhow::Error::new(Usage(error.to_string()))
        }
        error => anyhow::anyhow!("{error}"),
    })
}

pub(super) fn workers(
    args: &FilterArgs,
    plan: &Arc<Plan>,
    keys: Option<&RunKeys>,
    lookout: Option<&Lookout>,
    visitors: Option<VisitorKeys>,
) -> Result<Vec<Worker>> {
    if let Some(site) = &args.site
        && !is_host_name(site)
    {
        return Err(
            Usage(format!("--site: {site:?} is no host name such as www.example.com")).into()
        );
    }
    let threads = match args.threads {
        Some(threads) => usize::from(threads),
        None => thread::available_parallelism().map_or(1, usize::from),
    };
    let classifier = Arc::new(Classifier::new());
    let countries =
        database(plan.country_db.as_ref(), "countries", "GeoLite2-Country.mmdb", Countries::new)?;
    let organisations = database(
        plan.organisation_db.as_ref(),
        "organisations",
        "GeoLite2-ASN.mmdb",
        Organisations::new,
    )?;
    let form = form(args);
    let cases = args.quarantine.as_ref().and_then(|_| sealing::cases(plan, args.case_dir.as_ref()));
    let setup = setup(args, plan);
    let counts = args.counts.is_some() || setup.window.is_some();
    let with_networks = setup.window.is_some() && plan.publish_k.is_some();
    Ok((0..threads)
        .map(|_| {
            let (plan, classifier) = (Arc::clone(plan), Arc::clone(&classifier));
            let emitter = Emitter::new(form, &plan);
            // Records that are held are counted when they are released.
            let counts = counts && plan.release.is_none();
            let counts = counts.then(|| Block::new(&plan, &setup));
            let site = args.site.as_deref();
            let mut anonymiser = Anonymiser::new(plan, classifier, site, args.max_line, threads)
                .with_countries(countries.clone())
                .with_organisations(organisations.clone())
                .with_visitors(visitors.clone(), with_networks);
            if let Some(keys) = keys {
                anonymiser = anonymiser.with_keyring(keys.keyring());
            }
            if args.quarantine.is_some() {
                anonymiser = anonymiser.with_watch();
            }
            if let Some(lookout) = lookout {
                anonymiser = anonymiser.with_lookout(lookout);
            }
            if let Some(cases) = &cases {
                anonymiser = anonymiser.with_cases(cases);
            }
            Worker::new(anonymiser, emitter, counts)
        })
        .collect())
}

const fn form(args: &FilterArgs) -> Form {
    match args.emit {
        Emit::Jsonl => Form::Jsonl,
        Emit::Combined => Form::Combined,
        Emit::Csv => Form::Csv,
    }
}

/// A bar, when it is wanted and the sizes of all inputs are known.
fn progress_bar(args: &FilterArgs, origins: &[Origin]) -> Option<ProgressBar> {
    let wanted = match args.progress {
        When::Never => false,
        When::Always => true,
        // Records on the same terminal would tear the bar apart.
        When::Auto => {
            io::stderr().is_terminal() && (args.output.is_some() || !io::stdout().is_terminal())
        }
    };
    if !wanted {
        return None;
    }
    let style = "{bar:30.cyan/blue} {percent:>3}% {binary_bytes} of {binary_total_bytes} \
                 {binary_bytes_per_sec} {eta} left";
    match total_bytes(origins) {
        Some(total) => {
            let bar = ProgressBar::new(total);
            bar.set_style(ProgressStyle::with_template(style).expect("a test reads the template"));
            Some(bar)
        }
        None if args.progress == When::Always => {
            let bar = ProgressBar::new_spinner();
            let style =
                ProgressStyle::with_template("{spinner} {binary_bytes} {binary_bytes_per_sec}");
            bar.set_style(style.expect("a test reads the template"));
            Some(bar)
        }
        None => None,
    }
}

/// Says what failed, and gives the exit code for it.
fn exit_code(finished: &Finished) -> u8 {
    let mut code = 0;
    for failure in finished.reader.failures() {
        complain(failure);
        code = code.max(code_of(failure));
    }
    if let Some(error) = &finished.not_reopened {
        complain(format!("could not open the output anew: {error}; the old file stayed in use"));
        code = code.max(FAILED);
    }
    match &finished.failure {
        None | Some(EngineError::Sink(SinkError::Closed)) => code,
        Some(error) => {
            complain(error);
            code.max(FAILED)
        }
    }
}

/// Writes a report to its place. Counts are internal: only their owner may read them.
pub(super) fn write_counts(path: &Path, report: &crate::counts::Report) -> Result<()> {
    if path.as_os_str() == "-" {
        return Ok(report.write_text(&look(&io::stderr()), &mut io::stderr().lock())?);
    }
    replace_private(path, report.to_json().as_bytes())
        .with_context(|| format!("cannot write the counts to {}", path.display()))
}

/// What is said when so many lines are not of the format that the log may have another one: at least ten, and
/// a tenth of all.
pub(super) fn misfits(tally: &Tally) -> Option<String> {
    let (misfits, read) = (tally.refused[Reason::NotThisFormat as usize], tally.read());
    (misfits >= 10 && misfits >= read / 10).then(|| {
        format!(
            "{misfits} of {read} lines were refused because they are not of the format; if that is most of a \
             log, name its format with --format, or give the server's own string with --nginx-format or \
             --apache-format"
        )
    })
}

/// What is said when more than half of what might have been released was not.
pub(super) fn scarce(tally: &Tally, plan: &Plan) -> Option<String> {
    let suppressed = tally.refused[Reason::Suppressed as usize];
    let rule = plan.release.filter(|_| suppressed > tally.clean)?;
    let longer = match plan.grain {
        Grain::Hour => {
            "; more of them are shared in a day: record.time = { grain = \"day\" } in a policy of one's own"
        }
        Grain::Minute | Grain::Day => "",
    };
    Some(format!(
        "{suppressed} of {} lines were left out because fewer than {} visitors shared what they say{longer}",
        suppressed + tally.clean,
        rule.k
    ))
}

pub(super) fn summarise(args: &FilterArgs, facts: &Facts<'_>) {
    let terminal = io::stderr().is_terminal();
    let form = args.summary.unwrap_or(if terminal { Summary::Text } else { Summary::None });
    let bold = terminal && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    let text = match form {
        Summary::Text => facts.to_text(bold),
        Summary::Json => facts.to_json(),
        Summary::None => return,
    };
    let _ = io::stderr().write_all(text.as_bytes());
}
