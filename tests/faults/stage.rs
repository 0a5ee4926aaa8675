//! The layer under a program, and which of its calls is to fail.

use std::{
    env, fs,
    io::Write as _,
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

use crate::power;

/// In which way a call fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Fault {
    /// There is no room, for this once.
    NoRoom,
    /// The disk is full from then on.
    Full,
    /// The disk reports an error, for this once.
    Broken,
    /// The disk is broken from then on.
    Gone,
    /// Half is written, and then there is no room.
    Short,
    /// Half is written, and the process is killed.
    Torn,
    /// The machine stops: what was not made durable is gone.
    Stop,
    /// The same with names that were not.
    StopNames,
    /// A read fails.
    Unread,
}

impl Fault {
    /// The word that the layer knows it by.
    const fn word(self) -> &'static str {
        match self {
            Self::NoRoom => "enospc",
            Self::Full => "full",
            Self::Broken => "eio",
            Self::Gone => "broken",
            Self::Short => "short",
            Self::Torn => "torn",
            Self::Stop | Self::StopNames => "stop",
            Self::Unread => "unread",
        }
    }

    /// Whether the process is killed by it.
    pub(crate) const fn kills(self) -> bool {
        matches!(self, Self::Torn | Self::Stop | Self::StopNames)
    }

    /// What it is called in the table.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::NoRoom => "ENOSPC once",
            Self::Full => "ENOSPC from then on",
            Self::Broken => "EIO once",
            Self::Gone => "EIO from then on",
            Self::Short => "half, then ENOSPC",
            Self::Torn => "half, then SIGKILL",
            Self::Stop => "the machine stops",
            Self::StopNames => "it stops, names go",
            Self::Unread => "EIO on a read",
        }
    }
}

/// A call that the layer saw.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    /// What was done: `write`, `sync`, `open`, ...
    pub(crate) what: String,
    /// The file, below the folder that is watched.
    pub(crate) file: String,
    /// Whether this is the one that failed.
    pub(crate) is_it: bool,
}

/// Whether more is tried than in passing: all calls, or so many for each fault.
pub(crate) fn is_whole() -> bool {
    env::var_os("TAMIS_FAULTS").is_some()
}

/// Of `count` calls those that are tried: all, or so many that are spread over them.
pub(crate) fn points(count: u64, few: u64, seed: u64) -> Vec<u64> {
    let few = match env::var("TAMIS_FAULTS").as_deref() {
        Ok("all") => count,
        Ok(number) => number.parse().expect("TAMIS_FAULTS is all, or how many for each fault"),
        Err(_) => few,
    };
    if count <= few {
        return (1..=count).collect();
    }
    // Other ones for each kind of fault.
    let step = count / few;
    (0..few).map(|index| 1 + (index * count / few + seed * 7 % step) % count).collect()
}

/// The layer, built once; nothing where there is no compiler, and then that is said.
pub(crate) fn layer() -> Option<&'static Path> {
    static BUILT: OnceLock<Option<PathBuf>> = OnceLock::new();
    BUILT.get_or_init(build).as_deref()
}

fn build() -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO")).with_file_name("rustc");
    let compiler = env::var_os("RUSTC").map_or(beside, PathBuf::from);
    let compiler = if compiler.exists() { compiler } else { PathBuf::from("rustc") };
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/faults/layer.rs");
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("faults");
    fs::create_dir_all(&folder).expect("the target folder is ours");
    let place = folder.join(format!("layer-{}.so", std::process::id()));
    let mut command = Command::new(compiler);
    command.args(["--edition", "2024", "--crate-type", "cdylib", "-C", "panic=abort", "-O"]);
    let built = command.arg(source).arg("-o").arg(&place).output();
    match built {
        Ok(done) if done.status.success() => Some(place),
        Ok(done) => {
            let said = str::from_utf8(&done.stderr).expect("the compiler speaks UTF-8");
            panic!("the layer does not build: {said}")
        }
        Err(_) => {
            say("SKIPPED: there is no rustc, with which the layer that makes calls fail is built");
            None
        }
    }
}

/// Puts the layer under a command: of its calls on files below `root`, the one of this number fails, 0 for none.
pub(crate) fn put_under(command: &mut Command, layer: &Path, root: &Path, fault: Fault, at: u64) {
    let log = log_of(root);
    let _ = fs::remove_file(&log);
    command.env("LD_PRELOAD", layer).env("FAULTS_ROOT", root).env("FAULTS_LOG", log);
    command.env("FAULTS_HOW", fault.word()).env("FAULTS_AT", at.to_string());
    if matches!(fault, Fault::Stop | Fault::StopNames) {
        power::begin(root);
        command.env("FAULTS_KEPT", power::kept(root));
    }
}

/// What a fault does to a folder after the process has ended.
pub(crate) fn after(root: &Path, fault: Fault) {
    if matches!(fault, Fault::Stop | Fault::StopNames) {
        power::stop(root, fault == Fault::StopNames);
    }
}

/// The calls of the last command under which the layer was.
pub(crate) fn calls(root: &Path) -> Vec<Call> {
    let text = fs::read_to_string(log_of(root)).unwrap_or_default();
    let parts = text.lines().map(|line| line.split('\t').collect::<Vec<_>>());
    parts
        .filter(|parts| parts.len() >= 3)
        .map(|parts| Call {
            what: parts[1].to_owned(),
            file: parts[2].to_owned(),
            is_it: parts.get(3) == Some(&"here"),
        })
        .collect()
}

/// The numbers of the calls of the last command that did this with a file.
pub(crate) fn numbers_of(root: &Path, what: &str, file: &str) -> Vec<u64> {
    let of =
        |(number, call): (u64, Call)| (call.what == what && call.file == file).then_some(number);
    (1..).zip(calls(root)).filter_map(of).collect()
}

/// The one that failed.
pub(crate) fn hit(root: &Path) -> Option<Call> {
    calls(root).into_iter().find(|call| call.is_it)
}

fn log_of(root: &Path) -> PathBuf {
    let mut name = root.file_name().expect("a folder has a name").to_owned();
    name.push(".calls");
    root.with_file_name(name)
}

/// Removes the log of a folder.
pub(crate) fn forget(root: &Path) {
    let _ = fs::remove_file(log_of(root));
    let _ = fs::remove_dir_all(power::kept(root));
}

/// Tells what was left out or found, also where the test harness shows nothing of what passes.
pub(crate) fn say(what: &str) {
    let _ = writeln!(std::io::stderr(), "{what}");
}

/// Puts a copy of a folder in the place of another.
pub(crate) fn restore(from: &Path, to: &Path) {
    let _ = fs::remove_dir_all(to);
    let done = Command::new("cp").arg("-a").args([from, to]).status().expect("cp is there");
    assert!(done.success());
}

/// All files below a folder with their content.
pub(crate) fn tree(root: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let (mut found, mut waiting) = (Vec::new(), vec![root.to_owned()]);
    while let Some(path) = waiting.pop() {
        if path.is_dir() {
            let entries = fs::read_dir(&path).expect("ours").flatten();
            waiting.extend(entries.map(|entry| entry.path()));
        } else if let Ok(bytes) = fs::read(&path) {
            found.push((path, bytes));
        }
    }
    found.sort();
    found
}
