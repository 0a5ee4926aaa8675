//! `tamis keys`, and the keys of a run that makes tokens: where they are, and who looks after them.

use std::{
    env,
    fmt::Write as _,
    fs,
    io::{self, BufRead as _, IsTerminal as _, Read as _, Write as _},
    path::{Path, PathBuf},
    process::ExitCode,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use anyhow::{Context as _, Result};
use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};

use super::{FAILED, GATE, Usage, complain, print, replace_private};
use crate::{
    cli::{KeyPlace, KeysCommand},
    keys::{self, Health, Keeper, KeysError, LATE_SECONDS, Mode, Status},
    policy::Plan,
    privacy::Keyring,
    transform::{
        pseudonym::{KeyId, RunKey, SketchKey, TokenField, all_are_locked},
        time::Timestamp,
    },
};

/// Runs `tamis keys`.
pub(super) fn run(command: &KeysCommand) -> Result<ExitCode> {
    keep_to_oneself();
    match command {
        KeysCommand::Init { place, confirm_clock: true, .. } => confirm_clock(&path(place)?),
        KeysCommand::Init { place, shared, epoch, .. } => {
            let mode = if *shared { Mode::Shared } else { Mode::Solo };
            let path = path(place)?;
            keys::init(&path, mode, *epoch, keys::now()).map_err(usage)?;
            status(&path)
        }
        KeysCommand::Status { place } => status(&path(place)?),
        KeysCommand::Export { place, to, output } => export(&path(place)?, to, output.as_deref()),
        KeysCommand::Import { place, request: Some(file), .. } => request(&path(place)?, file),
        KeysCommand::Import { place, answer: Some(answer), expect: Some(expect), .. } => {
            import(&path(place)?, answer, *expect)
        }
        // The command line asks for one or the other.
        KeysCommand::Import { .. } => {
            Err(Usage("cannot import: name an answer and --expect, or --request".to_owned()).into())
        }
        KeysCommand::Destroy { place, yes } => destroy(&path(place)?, *yes),
    }
}

pub(super) fn usage(error: KeysError) -> anyhow::Error {
    match error {
        KeysError::Random => error.into(),
        error if error.is_of_the_disk() => error.into(),
        error => Usage(error.to_string()).into(),
    }
}

fn path(place: &KeyPlace) -> Result<PathBuf> {
    key_dir(place.key_dir.as_deref())
}

/// Where keys are: as somebody said, or where things are that end with the machine.
pub(super) fn key_dir(named: Option<&Path>) -> Result<PathBuf> {
    let variable = |name| env::var_os(name).filter(|value| !value.is_empty());
    if let Some(path) = named {
        return Ok(path.to_owned());
    }
    // systemd gives several directories with colons between them; the first one is the service's own.
    if let Some(path) = variable("RUNTIME_DIRECTORY").and_then(|all| env::split_paths(&all).next())
    {
        return Ok(path);
    }
    match variable("XDG_RUNTIME_DIR") {
        Some(path) => Ok(PathBuf::from(path).join("tamis")),
        None => Err(Usage(
            "cannot tell where keys may be kept: neither RUNTIME_DIRECTORY nor XDG_RUNTIME_DIR is set; name a \
             directory in memory with --key-dir, such as /run/tamis, or use RuntimeDirectory=tamis in a \
             systemd service"
                .to_owned(),
        )
        .into()),
    }
}

fn confirm_clock(path: &Path) -> Result<ExitCode> {
    if keys::confirm_clock(path, keys::now()).map_err(usage)? {
        return status(path);
    }
    Err(Usage(format!("cannot confirm the clock: there are no keys in {}", path.display())).into())
}

fn status(path: &Path) -> Result<ExitCode> {
    match keys::status(path, keys::now()).map_err(usage)? {
        Some(status) => print(describe(&status).as_bytes()),
        None if keys::has_open_request(path).map_err(usage)? => print(
            format!("no keys in {} yet: a request waits for its answer\n", path.display())
                .as_bytes(),
        ),
        None => print(format!("no keys in {}\n", path.display()).as_bytes()),
    }
}

/// What there is, in words that hold no secret.
fn describe(status: &Status) -> String {
    let Status { path, in_memory, mode, length, health, epochs, next } = status;
    let kind = match (*in_memory, swaps()) {
        (true, false) => "in memory",
        (true, true) => {
            "in memory, which may be swapped to a disk that keeps it: encrypt swap or use none"
        }
        (false, _) => ON_DISK,
    };
    let mut text = format!("keys      {} ({kind})\n", path.display());
    text += &format!(
        "mode      {}; an epoch has {} s, and its key is kept {LATE_SECONDS} s longer\n",
        mode.name(),
        length.seconds()
    );
    if *health == Health::ClockJumped {
        text += &format!("clock     {CLOCK_JUMPED}\n");
    }
    for (epoch, id) in epochs {
        let [start, end, gone] =
            [length.start(*epoch), length.end(*epoch), length.end(*epoch) + LATE_SECONDS].map(time);
        let _ = writeln!(
            text,
            "key {id}  epoch {} from {start} to {end}, destroyed at {gone}",
            epoch.0
        );
    }
    if let Some((epoch, id)) = next {
        let [start, end] = [length.start(*epoch), length.end(*epoch)].map(time);
        let _ = writeln!(text, "next {id} epoch {} from {start} to {end}", epoch.0);
    }
    text
}

/// How much is read of a request or an answer, which have less than a kilobyte.
const EXCHANGE_BYTES_MAX: u64 = 65_536;

const ON_DISK: &str = "on a disk, which may keep keys that were destroyed: wear levelling, copies on write, \
                       snapshots, backups";
const CLOCK_JUMPED: &str = "it was set by more than an epoch; no token is made until somebody runs \
                            tamis keys init --confirm-clock";

fn time(unix: i64) -> String {
    let mut text = Vec::new();
    match Timestamp::from_unix(unix) {
        Ok(time) => time.write_rfc3339(&mut text),
        Err(_) => return format!("second {unix}"),
    }
    str::from_utf8(&text).expect("a time is ASCII").to_owned()
}

/// Whether there is a disk that memory may be written to.
fn swaps() -> bool {
    fs::read_to_string("/proc/swaps").is_ok_and(|text| text.lines().count() > 1)
}

/// Asks for a chain.
fn request(path: &Path, file: &Path) -> Result<ExitCode> {
    let request = keys::request(path).map_err(usage)?;
    let recipient = request.recipient + "\n";
    if file.as_os_str() == "-" {
        print(recipient.as_bytes())?;
    } else {
        let failed = || format!("cannot write the request to {}; ask again", file.display());
        fs::write(file, recipient).with_context(failed)?;
    }
    let replaced = if request.replaced { ", in place of an earlier one" } else { "" };
    complain(format!(
        "a request is open in {}{replaced}; bring it to the machine that leads the chain, run there\n  \
         tamis keys export --to REQUEST -o ANSWER\n\
         and bring back the answer, and by another way the key id that is said there",
        path.display()
    ));
    Ok(ExitCode::SUCCESS)
}

/// Answers a request, given its recipient or the file with it.
fn export(path: &Path, to: &str, output: Option<&Path>) -> Result<ExitCode> {
    let recipient = if to.starts_with("age1") { to.to_owned() } else { recipient_in(to)? };
    let answer = keys::export(path, &recipient, keys::now()).map_err(usage)?;
    let output = output.filter(|file| file.as_os_str() != "-");
    match output {
        None => drop(print(answer.sealed.as_bytes())?),
        Some(file) => replace_private(file, answer.sealed.as_bytes())
            .with_context(|| format!("cannot write the answer to {}", file.display()))?,
    }
    let file = output.map_or_else(|| "ANSWER".to_owned(), |file| file.display().to_string());
    complain(format!(
        "the answer gives keys from epoch {} on, which begins at {}; run on the other machine\n  \
         tamis keys import {file} --expect {}",
        answer.epoch.0,
        time(answer.length.start(answer.epoch)),
        answer.id
    ));
    Ok(ExitCode::SUCCESS)
}

/// The first line of a file that is no comment.
fn recipient_in(file: &str) -> Result<String> {
    let read = || -> io::Result<String> {
        let mut text = String::new();
        fs::File::open(file)?.take(EXCHANGE_BYTES_MAX).read_to_string(&mut text)?;
        Ok(text)
    };
    let text = read().map_err(|error| {
        Usage(format!(
            "cannot read for whom to export in {file}: {error}; name the file of the request"
        ))
    })?;
    let mut lines = text.lines().map(str::trim);
    let line = lines.find(|line| !line.is_empty() && !line.starts_with('#'));
    Ok(line.unwrap_or_default().to_owned())
}

/// Begins with the keys of an answer.
fn import(path: &Path, answer: &Path, expect: KeyId) -> Result<ExitCode> {
    let read = || -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let limit = EXCHANGE_BYTES_MAX;
        if answer.as_os_str() == "-" {
            io::stdin().lock().take(limit).read_to_end(&mut bytes)?;
        } else {
            fs::File::open(answer)?.take(limit).read_to_end(&mut bytes)?;
        }
        Ok(bytes)
    };
    let bytes = read().map_err(|error| {
        Usage(format!("cannot read the answer in {}: {error}; name its file", answer.display()))
    })?;
    match keys::import(path, &bytes, expect, keys::now()) {
        Err(error @ KeysError::OtherKey) => {
            complain(error);
            Ok(ExitCode::from(GATE))
        }
        done => {
            done.map_err(usage)?;
            status(path)
        }
    }
}

fn destroy(path: &Path, yes: bool) -> Result<ExitCode> {
    if !yes {
        if !io::stdin().is_terminal() {
            return Err(Usage(format!(
                "cannot ask whether to destroy the keys in {}: this is no terminal; add --yes",
                path.display()
            ))
            .into());
        }
        let _ = write!(io::stderr(), "Destroy all keys in {}? [y/N] ", path.display());
        let mut answer = String::new();
        io::stdin().lock().read_line(&mut answer)?;
        if !matches!(answer.trim(), "y" | "Y" | "yes") {
            return print(b"nothing was destroyed\n");
        }
    }
    let text = if keys::destroy(path).map_err(usage)? {
        format!("destroyed all keys in {}\n", path.display())
    } else {
        format!("no keys in {}\n", path.display())
    };
    print(text.as_bytes())
}

/// A key by which the visitors of a run are told apart, which is kept nowhere.
pub(super) fn sketch_key() -> Result<Arc<SketchKey>> {
    Ok(Arc::new(SketchKey::new(keys::random()?)))
}

/// A name for a run that nobody named.
pub(super) fn run_name() -> Result<String> {
    Ok(SketchKey::new(keys::random()?).id().to_string())
}

/// Lets nobody but root read the memory of this process, neither while it runs nor as a core dump.
pub(super) fn keep_to_oneself() {
    let none = Rlimit { current: Some(0), maximum: Some(0) };
    let _ = setrlimit(Resource::Core, none);
    let _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
}

/// The keys of a run.
pub(super) struct RunKeys {
    /// Who looks after them, where the clock drives them.
    keeper: Option<Mutex<Keeper>>,
    keyring: Arc<Keyring>,
    /// Whether the last look at the keys found that no token can be made.
    is_in_trouble: AtomicBool,
    had_trouble: AtomicBool,
    /// Whether it was said that keys may be swapped out.
    has_warned: AtomicBool,
}

impl RunKeys {
    /// The keys that a plan needs, or that visitors are counted with where counts are to be joined with others.
    pub(super) fn for_plan(
        plan: &Plan,
        key_dir: Option<&Path>,
        counts_are_joined: bool,
    ) -> Result<Option<Self>> {
        let joins = counts_are_joined && key_dir.is_some();
        if !plan.mints_tokens() && !joins {
            return match key_dir {
                None => Ok(None),
                Some(_) => Err(Usage(
                    "--key-dir is for --client token, for a policy with tokens: client = \"token\", or a cookie, and \
                     for visitors in --store or --partial"
                        .to_owned(),
                )
                .into()),
            };
        }
        let path = self::key_dir(key_dir)?;
        keep_to_oneself();
        let keeper = Keeper::open(&path, keys::now()).map_err(usage)?;
        if !keeper.is_in_memory() {
            complain(format!(
                "the keys in {} are {ON_DISK}; name a directory in memory with --key-dir",
                path.display()
            ));
        }
        let keyring = Arc::clone(keeper.keyring());
        let keeper = Some(Mutex::new(keeper));
        let run = Self {
            keeper,
            keyring,
            is_in_trouble: false.into(),
            had_trouble: false.into(),
            has_warned: false.into(),
        };
        run.tend();
        Ok(Some(run))
    }

    /// The keys of a run over old logs.
    pub(super) fn of_run(key: RunKey) -> Self {
        keep_to_oneself();
        let run = Self {
            keeper: None,
            keyring: Arc::new(Keyring::of_run(key)),
            is_in_trouble: false.into(),
            had_trouble: false.into(),
            has_warned: false.into(),
        };
        run.warn_of_swapping();
        run
    }

    pub(super) const fn keyring(&self) -> &Arc<Keyring> {
        &self.keyring
    }

    /// Looks after the keys. Trouble is said once until it is over.
    pub(super) fn tend(&self) {
        let Some(keeper) = &self.keeper else { return };
        let found = keeper.lock().unwrap_or_else(PoisonError::into_inner).tick(keys::now());
        let trouble = match found {
            Ok(Health::Good) => None,
            Ok(Health::ClockJumped) => Some(format!("cannot trust the clock: {CLOCK_JUMPED}")),
            Err(error) => Some(format!("{error}; lines get no token until this is mended")),
        };
        let was_in_trouble = self.is_in_trouble.swap(trouble.is_some(), Ordering::SeqCst);
        if let Some(trouble) = trouble.filter(|_| !was_in_trouble) {
            self.had_trouble.store(true, Ordering::SeqCst);
            complain(trouble);
        }
        self.warn_of_swapping();
    }

    /// Looks after the keys and says whether all is well with them.
    pub(super) fn is_well(&self) -> bool {
        self.tend();
        !self.is_in_trouble.load(Ordering::SeqCst)
    }

    /// Says once that keys may come onto a disk, where that is so.
    fn warn_of_swapping(&self) {
        if !all_are_locked() && swaps() && !self.has_warned.swap(true, Ordering::SeqCst) {
            complain(
                "the keys in memory may be swapped to a disk that keeps them: this process may not lock memory; \
                 raise the limit (ulimit -l, or LimitMEMLOCK= in a systemd service), or encrypt swap or use none",
            );
        }
    }

    /// Says what lines without a key there were, and gives the exit code for trouble with keys.
    pub(super) fn finish(self, clean: u64) -> u8 {
        for (field, what) in
            [(TokenField::Visitor, "client"), (TokenField::Cookie, "token of their cookie")]
        {
            let late = self.keyring.late(field);
            if late > 0 {
                complain(format!(
                    "{late} of {clean} clean lines have no {what}: a key lives for its epoch and two hours more, and \
                     none was there for the time of these lines"
                ));
            }
        }
        if self.had_trouble.load(Ordering::SeqCst) { FAILED } else { 0 }
    }
}
