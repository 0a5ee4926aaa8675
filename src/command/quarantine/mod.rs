//! `tamis quarantine`: one file for each thing to do.

mod init;

use std::process::ExitCode;

use anyhow::Result;

use super::Usage;
use crate::{cli::QuarantineCommand, quarantine::QuarantineError};

/// Runs `tamis quarantine`.
pub(super) fn run(command: &QuarantineCommand) -> Result<ExitCode> {
    match command {
        QuarantineCommand::Init { directory, security, dpo, auditor } => {
            init::run(directory, security, dpo, auditor)
        }
    }
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
