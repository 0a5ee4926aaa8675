//! Ways of running: one file per subcommand, and what they share.

mod attacks;
mod audit;
mod batch;
mod control;
mod explain;
mod filter;
mod formats;
mod joining;
mod keys;
mod man;
mod own;
mod policies;
mod publish;
mod quarantine;
mod report;
mod sealing;
mod serve;
mod status;
mod summary;
mod user;

use std::{
    fs,
    io::{self, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    panic,
    path::Path,
    process::{self, ExitCode},
};

use anyhow::Result;
use clap::CommandFactory;

use crate::cli::{Cli, Command};

/// An input, output or quarantine failed.
const FAILED: u8 = 1;
/// Usage or settings.
const USAGE: u8 = 2;
/// A gate said no.
const GATE: u8 = 3;

/// An error in what was asked for, as opposed to in what was met.
#[derive(Debug)]
struct Usage(String);

impl std::fmt::Display for Usage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Usage {}

/// Runs what the command line asks for.
///
/// # Errors
///
/// What [`report`] prints.
pub fn run(cli: Cli) -> Result<ExitCode> {
    match cli.command {
        None => filter::run(&cli.filter),
        Some(Command::Filter(args)) => filter::run(&args),
        Some(Command::Batch(args)) => batch::run(&args),
        Some(Command::Serve(args)) => serve::run(&args),
        Some(Command::Status(args)) => serve::status(&args),
        Some(Command::Formats { command }) => formats::run(command),
        Some(Command::Policy { command }) => policies::run(&command),
        Some(Command::Keys { command }) => keys::run(&command),
        Some(Command::Quarantine { command }) => quarantine::run(&command),
        Some(Command::Report { command }) => report::run(&command),
        Some(Command::Audit { command }) => audit::run(&command),
        Some(Command::Completions { shell }) => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "tamis", &mut script);
            print(&script)
        }
        Some(Command::Man { folder }) => man::run(&folder),
    }
}

/// Prints an error and gives the exit code for it.
#[must_use]
pub fn report(error: &anyhow::Error) -> ExitCode {
    complain(error);
    ExitCode::from(if error.is::<Usage>() { USAGE } else { FAILED })
}

/// Makes panics print the place in the source and nothing that was being worked on.
pub fn quiet_panics() {
    panic::set_hook(Box::new(|panic| {
        let place = panic
            .location()
            .map_or_else(String::new, |at| format!(" at {}:{}", at.file(), at.line()));
        complain(format!("stopped because of a mistake in tamis{place}; please report it"));
    }));
}

/// Says something on standard error. Nobody listening is no reason to stop.
fn complain(what: impl std::fmt::Display) {
    let _ = writeln!(std::io::stderr(), "tamis: {what}");
}

/// Prints a text of our own. A closed pipe is a quiet end.
fn print(text: &[u8]) -> Result<ExitCode> {
    match std::io::stdout().write_all(text).and_then(|()| std::io::stdout().flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(anyhow::Error::new(error).context("cannot write to standard output"))
        }
        _ => Ok(ExitCode::SUCCESS),
    }
}

/// Writes a file that only its owner may read: beside its place first, and then moved there, so that a reader never
/// sees half of one.
fn replace_private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    // Through links, to what they point at; and straight into what is no file, such as a pipe.
    let path = &path.canonicalize().unwrap_or_else(|_| path.to_owned());
    if path.metadata().is_ok_and(|metadata| !metadata.is_file()) {
        return fs::write(path, bytes);
    }
    let mut name = path.file_name().ok_or(io::ErrorKind::InvalidFilename)?.to_owned();
    name.push(format!(".{}.part", process::id()));
    let aside = path.with_file_name(name);
    // A part that an earlier run of the same number left behind is in the way; anything else there is
    // not ours to write to.
    let _ = fs::remove_file(&aside);
    let written = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&aside)
        // A machine that stops right after would else leave the name, and nothing in the file.
        .and_then(|mut file| file.write_all(bytes).and_then(|()| file.sync_all()))
        .and_then(|()| fs::rename(&aside, path));
    if written.is_err() {
        let _ = fs::remove_file(&aside);
    }
    written
}
