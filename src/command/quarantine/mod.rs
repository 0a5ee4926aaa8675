//! `tamis quarantine`: one file for each thing to do.

mod asking;
pub(super) mod cases;
mod desk;
mod drill;
mod export;
mod init;
mod keeping;
mod search;
mod show;
mod status;
mod subject;

use std::process::ExitCode;

use anyhow::Result;

use super::{GATE, Usage, complain};
use crate::{
    cli::{QuarantineCommand as Command, quarantine::SubjectCommand},
    quarantine::QuarantineError,
};

/// Runs `tamis quarantine`.
pub(super) fn run(command: &Command) -> Result<ExitCode> {
    let done = match command {
        Command::Init { directory, security, dpo, auditor } => {
            init::run(directory, security, dpo, auditor)
        }
        Command::Status(place) => status::status(&place.directory),
        Command::List(place) => status::list(&place.directory),
        Command::Search(args) => search::run(args),
        Command::Open(args) => show::run(args),
        Command::Case { command } => cases::run(command),
        Command::Hold(args) => keeping::hold(args),
        Command::Release { place, hold, why } => keeping::release(&place.directory, hold, why),
        Command::Export(args) => export::run(args),
        Command::Subject { command } => match command {
            SubjectCommand::Export { subject, output, recipient } => {
                subject::export(subject, output.as_deref(), recipient.as_deref())
            }
            SubjectCommand::Erase { subject, yes } => subject::erase(subject, *yes),
        },
        Command::Expire { place, policy, now, yes } => {
            keeping::expire(&place.directory, policy, now.as_deref(), *yes)
        }
        Command::Verify { place, seed, checkpoint } => {
            status::verify(&place.directory, seed.as_deref(), checkpoint)
        }
        Command::Approve(args) => export::approve(args),
        Command::Drill { place, identities } => drill::run(&place.directory, identities),
    };
    match done {
        Err(error) if error.downcast_ref().is_some_and(is_gate) => {
            complain(format!("{error:#}"));
            Ok(ExitCode::from(GATE))
        }
        Err(error) if !error.is::<Usage>() => {
            // What stands around an error says what was tried.
            Err(anyhow::anyhow!("{error:#}"))
        }
        done => done,
    }
}

/// Whether an error is a gate that says no.
const fn is_gate(error: &QuarantineError) -> bool {
    matches!(
        error,
        QuarantineError::Key(_) | QuarantineError::Held { .. } | QuarantineError::Clock(_)
    )
}

/// An error of a quarantine as one of what was asked for, where it is one.
pub(super) fn usage(error: QuarantineError) -> anyhow::Error {
    match error {
        QuarantineError::Exists(_)
        | QuarantineError::Missing(_)
        | QuarantineError::Recipient(_) => Usage(error.to_string()).into(),
        _ => error.into(),
    }
}
