//! `tamis serve`: what the configuration means, who is told what, and what signals do. The work is in `service/`.

use std::{
    fs,
    io::{self, Write as _},
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    process::ExitCode,
    sync::{
        Arc, Mutex, OnceLock, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use anyhow::{Context as _, Result, anyhow};
use clap::Parser as _;
use signal_hook::{
    consts::{SIGHUP, SIGINT, SIGTERM},
    iterator::Signals,
};

use super::{
    FAILED, Usage, attacks, complain,
    filter::{self, setup, workers},
    keys::{self, RunKeys},
    own, policies, print,
};
use crate::{
    cli::{Cli, FilterArgs, ServeArgs, StatusArgs},
    counts::{Identity, Recorder, Run, Running, Store, StoreError, Window},
    policy::{Direction, Opening as Quarantined, Plan, Policy, diff},
    privacy::VisitorKeys,
    service::{
        Crew, Level, Opening, Rules, Say, Service, SourceWay, check_folder,
        config::{Config, MetricsSection, Place, SourceSection, place},
    },
};

/// How often it is looked whether the service is over.
const PATIENCE: Duration = Duration::from_millis(20);

/// What a configuration makes of lines.
struct Made {
    rules: Rules,
    crew: Crew,
    ways: Vec<SourceWay>,
    sheds: Option<bool>,
}

/// Runs `tamis serve`.
pub(super) fn run(args: &ServeArgs) -> Result<ExitCode> {
    if let Some(user) = &args.user {
        super::user::become_user(user)?;
    }
    // After that, for who becomes somebody else may be dumped again.
    keys::keep_to_oneself();
    let config = load(&args.config)?;
    if args.check {
        return check(&config);
    }
    let say = say();
    let mut signals =
        Signals::new([SIGTERM, SIGINT, SIGHUP]).context("cannot listen to signals")?;
    let run = keys::run_name()?;
    let opening = Opening::new(config.clone(), || run, Arc::clone(&say)).map_err(refused)?;
    let run = opening.run().to_owned();
    let settings = Settings::of(&config)?;
    may_change(&config, &settings, opening.earlier_policy(), &say).map_err(Usage)?;
    let run_keys = settings.keys(&config)?;
    let made = make(&config, &settings, run_keys.as_deref(), &run)?;
    tell_store(&config, made.rules.store.as_deref(), &say);
    let looked_after = run_keys.clone();
    let tend = Box::new(move || looked_after.as_ref().is_none_or(|keys| keys.is_well()));
    let starting = opening.starting();
    let handle = signals.handle();
    let sources = config.sources.len();
    let name = config.policy.clone();
    let present = Mutex::new((config, settings));
    let begun = OnceLock::new();
    thread::scope(|scope| {
        let (begun, present, say, run) = (&begun, &present, &say, &run);
        let reloading = AtomicUsize::new(0);
        let reloading = Arc::new(reloading);
        let run_keys = run_keys.as_deref();
        let reload = move |service| {
            // One at work and one that comes after it, which sees what is the latest then.
            if reloading.fetch_add(1, Ordering::SeqCst) < 2 {
                let reloading = Arc::clone(&reloading);
                // Where room is waited for, this waits too; signals do not.
                scope.spawn(move || {
                    Service::reopen(service);
                    reload(service, &args.config, present, run_keys, run, say);
                    reloading.fetch_sub(1, Ordering::SeqCst);
                });
            } else {
                reloading.fetch_sub(1, Ordering::SeqCst);
            }
        };
        scope.spawn(move || {
            let mut asked = 0;
            for signal in signals.forever() {
                match (begun.get(), signal) {
                    (Some(service), SIGHUP) => reload(service),
                    (Some(service), SIGTERM) if asked == 0 => {
                        asked = 1;
                        say(Level::Info, "asked to stop; finishing");
                        service.end();
                    }
                    (Some(service), _) => service.give_up(),
                    (None, SIGHUP) => {}
                    (None, _) => starting.give_up(),
                }
            }
        });
        let made = opening.start(made.rules, made.crew, made.ways, made.sheds, tend);
        let started = made.map(|service| begun.get_or_init(|| service));
        if let Ok(service) = &started {
            say(Level::Info, &format!("started; {sources} sources, policy {name}"));
            while !service.is_over() {
                thread::sleep(PATIENCE);
            }
        }
        handle.close();
        started.map(drop).map_err(refused)
    })?;
    let service = begun.into_inner().expect("it has started");
    match service.finish() {
        Ok(()) => {
            say(Level::Info, "stopped; all that was read is durable");
            Ok(ExitCode::SUCCESS)
        }
        Err(error) => {
            say(Level::Error, &error.to_string());
            Ok(ExitCode::from(FAILED))
        }
    }
}

/// Where the service speaks: standard error, with the level in front as journald reads it.
fn say() -> Say {
    let levels = std::env::var_os("JOURNAL_STREAM").is_some();
    Arc::new(move |level, what| {
        let mut line = if levels { format!("<{}>", level.number()) } else { "tamis: ".to_owned() };
        // One event is one line, whatever a path has in it.
        line.extend(what.chars().map(|c| if c.is_control() { ' ' } else { c }));
        line.push('\n');
        let _ = io::stderr().write_all(line.as_bytes());
    })
}

fn refused(error: crate::service::ServiceError) -> anyhow::Error {
    anyhow!("{error}")
}

/// Reads the configuration. What is wrong with it is told by key and line.
fn load(path: &Path) -> Result<Config> {
    let name = path.display();
    let text = fs::read_to_string(path).map_err(|error| {
        Usage(format!("cannot read the configuration {name}: {error}; name a file with --config"))
    })?;
    let config = Config::parse(&text)
        .map_err(|error| Usage(format!("cannot use the configuration {name}: {error}")))?;
    Ok(config)
}

/// Looks at everything that can be looked at before the start.
fn check(config: &Config) -> Result<ExitCode> {
    let settings = Settings::of(config)?;
    for source in &config.sources {
        settings.choice(source)?;
    }
    check_folder(&config.state_dir).map_err(|error| Usage(error.to_string()))?;
    if let Some(folder) = config.sink.path.as_deref().and_then(Path::parent) {
        check_folder(folder).map_err(|error| Usage(error.to_string()))?;
    }
    if let Some(quarantine) = &config.quarantine {
        attacks::lookout(&settings.plan, quarantine.rules.as_deref())?;
    }
    let text = format!(
        "good: {} sources, policy {} ({})\n",
        config.sources.len(),
        settings.policy.name,
        settings.plan.hash
    );
    print(text.as_bytes())
}

/// The configuration in the words of the filter, so that both mean the same by them.
struct Settings {
    policy: Policy,
    plan: Arc<Plan>,
    text: String,
    args: FilterArgs,
    /// The sites that sources name, each once.
    sites: Vec<Option<String>>,
}

impl Settings {
    fn of(config: &Config) -> Result<Self> {
        let mut words = vec![
            "tamis".to_owned(),
            format!("--policy={}", config.policy),
            format!("--emit={}", config.sink.emit.word()),
            format!("--timezone={}", config.timezone),
        ];
        let mut add = |option: &str, value: Option<String>| {
            words.extend(value.map(|value| format!("--{option}={value}")));
        };
        let path = |path: &Path| path.display().to_string();
        add("threads", config.threads.map(|threads| threads.to_string()));
        add("store", config.counts.as_ref().map(|counts| path(&counts.store)));
        if let Some(quarantine) = &config.quarantine {
            add("quarantine", Some(path(&quarantine.dir)));
            add("rules", quarantine.rules.as_deref().map(path));
            add("case-dir", quarantine.case_dir.as_deref().map(path));
        }
        let args = Cli::try_parse_from(words).map_err(|_| {
            Usage(
                "cannot use the configuration: timezone or threads is not what is expected; name a zone such as \
                 Europe/Berlin, and 1 to 256 threads"
                    .to_owned(),
            )
        })?;
        let args = args.filter;
        let mut plan = filter::plan(&args)?;
        let window = config.counts.as_ref().and_then(|counts| counts.window.as_deref());
        plan.counts_by_hour |= plan.hours_on_request && window == Some("1h");
        let plan = Arc::new(plan);
        let (policy, _) = policies::load_both(&config.policy)?;
        let text = policies::text(&config.policy)?;
        let mut sites: Vec<Option<String>> = Vec::new();
        for source in &config.sources {
            if !sites.contains(&source.site) {
                sites.push(source.site.clone());
            }
        }
        let settings = Self { policy, plan, text, args, sites };
        settings.check(config)?;
        Ok(settings)
    }

    fn check(&self, config: &Config) -> Result<()> {
        let name = &self.plan.name;
        if self.plan.release.is_some() {
            return Err(Usage(format!(
                "cannot serve under the policy {name}: it holds records until enough visitors share them, and a \
                 service that is stopped would lose what it holds; use tamis batch for it"
            ))
            .into());
        }
        if config.quarantine.is_some() && self.plan.seal.is_none() {
            return Err(Usage(format!(
                "cannot seal lines: the policy {name} has no quarantine; remove [quarantine] from the configuration, \
                 or name a policy that has it"
            ))
            .into());
        }
        let hours = self.plan.counts_by_hour;
        let window = config.counts.as_ref().and_then(|counts| counts.window.as_deref());
        if window.is_some_and(|window| (window == "1h") != hours) {
            let own = if hours { "1h" } else { "1d" };
            return Err(Usage(format!(
                "counts.window: the policy {name} counts by {own}; write that, or leave it out"
            ))
            .into());
        }
        Ok(())
    }

    /// The format of a source's lines.
    fn choice(&self, source: &SourceSection) -> Result<crate::source::FormatChoice> {
        let mut args = self.args.clone();
        args.format.clone_from(&source.format);
        args.nginx_format.clone_from(&source.nginx_format);
        args.apache_format.clone_from(&source.apache_format);
        args.nginx_conf.clone_from(&source.nginx_conf);
        args.apache_conf.clone_from(&source.apache_conf);
        own::choice(&args)
    }

    /// The keys that the policy asks for, and where they are.
    fn keys(&self, config: &Config) -> Result<Option<Arc<RunKeys>>> {
        let directory = config.keys.as_ref().and_then(|keys| keys.dir.as_deref());
        if !self.plan.mints_tokens() && directory.is_some() {
            let joins = self.plan.visitors && config.counts.is_some();
            return RunKeys::for_plan(&self.plan, directory.filter(|_| joins), joins)
                .map(|keys| keys.map(Arc::new));
        }
        RunKeys::for_plan(&self.plan, directory, false).map(|keys| keys.map(Arc::new))
    }
}

/// Makes workers and what goes with them.
fn make(config: &Config, settings: &Settings, keys: Option<&RunKeys>, run: &str) -> Result<Made> {
    let Settings { policy, plan, text, args, sites } = settings;
    let quarantine = config.quarantine.as_ref();
    let lookout = match quarantine {
        Some(quarantine) => attacks::lookout(plan, quarantine.rules.as_deref())?,
        None => None,
    };
    let (lookout, sentry) = lookout.unzip();
    let visitors = visitors(config, plan, keys)?;
    let (recorder, store) = recorder(config, settings, visitors.clone(), run)?.unzip();
    let mut by_thread: Vec<Vec<_>> = Vec::new();
    for site in sites {
        let args = FilterArgs { site: site.clone(), ..args.clone() };
        let made = workers(&args, plan, keys, lookout.as_ref(), visitors.clone())?;
        by_thread.resize_with(made.len(), Vec::new);
        for (thread, worker) in by_thread.iter_mut().zip(made) {
            thread.push(worker);
        }
    }
    let header = by_thread[0][0].header();
    let mut ways = Vec::new();
    for source in &config.sources {
        let site =
            sites.iter().position(|site| *site == source.site).expect("each site is in the list");
        ways.push(SourceWay { choice: settings.choice(source)?, site });
    }
    let seal = plan.seal.filter(|_| quarantine.is_some());
    let rules = Rules {
        header,
        sentry,
        running: recorder.as_ref().map(|_| Running::new(plan.tables)),
        recorder,
        store,
        masks: seal.is_some_and(|seal| seal.masks),
        policy_hash: plan.hash.clone(),
        policy: text.clone(),
        records_days: policy.records_days(),
        sealed_days: Quarantined::of(policy).filter(|_| seal.is_some()).map(|it| it.retention_days),
    };
    Ok(Made { rules, crew: by_thread, ways, sheds: seal.map(|seal| seal.sheds) })
}

/// With which keys visitors are told apart, if they are counted.
fn visitors(config: &Config, plan: &Plan, keys: Option<&RunKeys>) -> Result<Option<VisitorKeys>> {
    if config.counts.is_none() || !plan.visitors {
        return Ok(None);
    }
    Ok(Some(match keys {
        Some(keys) => {
            VisitorKeys::Epochs(Arc::clone(keys.keyring()), Arc::from(site(config).as_bytes()))
        }
        None => VisitorKeys::Run(keys::sketch_key()?),
    }))
}

/// The site that counts are of: the one that all sources name.
fn site(config: &Config) -> String {
    let first = config.sources[0].site.as_deref();
    let is_one = config.sources.iter().all(|source| source.site.as_deref() == first);
    first.filter(|_| is_one).map_or_else(|| "-".to_owned(), str::to_ascii_lowercase)
}

fn recorder(
    config: &Config,
    settings: &Settings,
    keys: Option<VisitorKeys>,
    run: &str,
) -> Result<Option<(Recorder, PathBuf)>> {
    let Some(counts) = &config.counts else { return Ok(None) };
    let plan = &settings.plan;
    let setup = setup(&settings.args, plan);
    let window = if plan.counts_by_hour { Window::Hour } else { Window::Day };
    let identity = Identity::of(plan, &setup.zone, setup.window.unwrap_or(window));
    let (store, path) = open_store(&counts.store, identity)?;
    let run = Run { name: run.to_owned(), site: site(config), keys };
    let recorder = Recorder::going_on(plan, &setup, run, store);
    Ok(Some((recorder.map_err(|error| anyhow!("{error}"))?, path)))
}

/// Opens the store. Where that holds counts of another policy, those of this one go to a store beside it, which has the
/// beginning of the policy's hash in its name; so each policy that is gone back to finds its own again.
fn open_store(path: &Path, identity: Identity) -> Result<(Store, PathBuf)> {
    let mut path = path.to_owned();
    let mut opened = Store::open(&path, identity.clone());
    if let Err(StoreError::Other(_, "policy")) = opened {
        path = beside(&path, &identity.policy_hash);
        opened = Store::open(&path, identity);
    }
    let store = opened.map_err(|error| match error {
        StoreError::Other(..) | StoreError::NotOne(_) | StoreError::Loose(_) => {
            anyhow::Error::new(Usage(error.to_string()))
        }
        error => anyhow!("{error}"),
    })?;
    Ok((store, path))
}

/// `counts.sqlite` becomes `counts-0123456789ab.sqlite`.
fn beside(path: &Path, hash: &str) -> PathBuf {
    let mut name = path.file_stem().unwrap_or_default().to_owned();
    name.push(format!("-{:.12}", hash.trim_start_matches(|c: char| !c.is_ascii_hexdigit())));
    if let Some(extension) = path.extension() {
        name.push(".");
        name.push(extension);
    }
    path.with_file_name(name)
}

/// Says where counts go, if that is not where the configuration says.
fn tell_store(config: &Config, store: Option<&Path>, say: &Say) {
    if let (Some(counts), Some(store)) = (&config.counts, store)
        && counts.store != store
    {
        let what = format!(
            "counts go to {}, since {} holds those of another policy",
            store.display(),
            counts.store.display()
        );
        say(Level::Notice, &what);
    }
}

/// Whether another policy may be taken into use: one that keeps more is taken as the earlier one says.
fn may_change(
    config: &Config,
    settings: &Settings,
    earlier: Option<&str>,
    say: &Say,
) -> Result<(), String> {
    let Some(earlier) = earlier.and_then(|text| Policy::parse(text).ok()) else { return Ok(()) };
    let found = diff(&earlier, &settings.policy);
    let wider: Vec<_> = found.iter().filter(|found| found.direction == Direction::Wider).collect();
    if wider.is_empty() {
        return Ok(());
    }
    let keys: Vec<_> = wider.iter().map(|found| found.key.as_str()).collect();
    let what = format!(
        "the policy {} keeps more than the one in use, by {}",
        settings.policy.name,
        keys.join(", ")
    );
    let hash = &settings.plan.hash;
    let is_acknowledged = config.acknowledged.as_deref() == Some(&**hash);
    if earlier.blocks_widening() && !is_acknowledged {
        return Err(format!(
            "{what}, and that one asks that somebody says so first: see tamis policy diff, and write \
             acknowledged = {hash:?} into the configuration"
        ));
    }
    let level = if earlier.warns_of_widening() { Level::Warning } else { Level::Notice };
    say(level, &what);
    Ok(())
}

/// Takes another policy into use, or says why not; then the present one stays.
fn reload(
    service: &Service,
    path: &Path,
    present: &Mutex<(Config, Settings)>,
    keys: Option<&RunKeys>,
    run: &str,
    say: &Say,
) {
    let mut present = present.lock().unwrap_or_else(PoisonError::into_inner);
    let reloaded = service.reload(|| {
        let done = prepare(path, &present, keys, run, say);
        done.inspect_err(|why| {
            say(Level::Error, &format!("reload refused, nothing changed: {why}"))
        })
    });
    if let Some((config, settings, made)) = reloaded {
        tell_store(&config, made.rules.store.as_deref(), say);
        service.change(config.policy.clone(), made.rules, made.crew);
        say(Level::Info, &format!("reloaded; policy {}", config.policy));
        *present = (config, settings);
    }
}

fn prepare(
    path: &Path,
    (config, settings): &(Config, Settings),
    keys: Option<&RunKeys>,
    run: &str,
    say: &Say,
) -> Result<(Config, Settings, Made), String> {
    let told = |error: anyhow::Error| format!("{error:#}");
    let next = load(path).map_err(told)?;
    let only_policy = Config {
        policy: next.policy.clone(),
        acknowledged: next.acknowledged.clone(),
        counts: next.counts.clone(),
        quarantine: config.quarantine.as_ref().map(|quarantine| {
            let rules = next.quarantine.as_ref().and_then(|next| next.rules.clone());
            crate::service::config::QuarantineSection { rules, ..quarantine.clone() }
        }),
        ..config.clone()
    };
    if only_policy != next {
        return Err(
            "more than policy, acknowledged, counts and quarantine.rules is different; restart the service for that"
                .to_owned(),
        );
    }
    let next_settings = Settings::of(&next).map_err(told)?;
    if next_settings.plan.mints_tokens() && keys.is_none() {
        return Err(
            "the policy makes tokens and the one in use does not; restart the service for that"
                .to_owned(),
        );
    }
    if next_settings.plan.seal.map(|seal| seal.sheds) != settings.plan.seal.map(|seal| seal.sheds)
        && next.quarantine.is_some()
    {
        return Err(
            "what happens when the quarantine is full is different; restart the service for that"
                .to_owned(),
        );
    }
    may_change(&next, &next_settings, Some(&settings.text), say)?;
    let made = make(&next, &next_settings, keys, run).map_err(told)?;
    Ok((next, next_settings, made))
}

/// Runs `tamis status`.
pub(super) fn status(args: &StatusArgs) -> Result<ExitCode> {
    let listen = match (&args.listen, &args.config) {
        (Some(listen), _) => listen.clone(),
        (None, config) => match load(config)?.metrics {
            Some(MetricsSection { listen }) => listen,
            None => {
                return Err(Usage(
                    "cannot ask the service how it is: its configuration has no [metrics]; add listen to it".to_owned(),
                )
                .into());
            }
        },
    };
    let text = match ask(&listen) {
        Ok(text) => text,
        Err(error) => {
            complain(format!(
                "cannot ask the service at {listen}: {error}; see whether it runs, with systemctl status tamis"
            ));
            return Ok(ExitCode::from(FAILED));
        }
    };
    let body = text.split_once("\r\n\r\n").map_or("", |(_, body)| body);
    if args.json {
        return print(body.as_bytes());
    }
    let facts: serde_json::Value = serde_json::from_str(body)
        .map_err(|_| anyhow!("cannot read what {listen} says: it is no tamis of this version"))?;
    print(super::status::describe(&facts).as_bytes())
}

fn ask(listen: &str) -> io::Result<String> {
    const ASK: &[u8] = b"GET /status HTTP/1.1\r\nHost: localhost\r\n\r\n";
    const PATIENCE: Option<Duration> = Some(Duration::from_secs(5));
    // A service says a few kilobytes; whoever else answers there may say more.
    const ANSWER_BYTES_MAX: u64 = 1 << 20;
    let mut text = String::new();
    match place(listen, "--listen").map_err(|error| io::Error::other(error.to_string()))? {
        Place::Address(address) => {
            let mut stream = std::net::TcpStream::connect(address)?;
            stream.set_read_timeout(PATIENCE)?;
            stream.write_all(ASK)?;
            io::Read::read_to_string(&mut io::Read::take(stream, ANSWER_BYTES_MAX), &mut text)?;
        }
        Place::Path(path) => {
            let mut stream = UnixStream::connect(path)?;
            stream.set_read_timeout(PATIENCE)?;
            stream.write_all(ASK)?;
            io::Read::read_to_string(&mut io::Read::take(stream, ANSWER_BYTES_MAX), &mut text)?;
        }
        Place::Systemd(_) => {
            return Err(io::Error::other("name the socket's path or address with --listen"));
        }
    }
    Ok(text)
}
