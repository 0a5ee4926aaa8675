//! Ways of running: one file per subcommand, and what they share.

mod control;
mod explain;
mod filter;
mod formats;
mod keys;
mod own;
mod policies;
mod summary;

use std::{io::Write as _, panic, process::ExitCode};

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
        Some(Command::Formats { command }) => formats::run(command),
        Some(Command::Policy { command }) => policies::run(&command),
        Some(Command::Keys { command }) => keys::run(&command),
        Some(Command::Completions { shell }) => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "tamis", &mut script);
            print(&script)
        }
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
