//! `tamis audit`: whether what came out keeps what was promised.

mod leaks;
mod risk;
mod walk;

use std::process::ExitCode;

use anyhow::Result;

use crate::cli::AuditCommand;

/// Runs `tamis audit`.
pub(super) fn run(command: &AuditCommand) -> Result<ExitCode> {
    match command {
        AuditCommand::Leaks(args) => leaks::run(args),
        AuditCommand::Risk(args) => risk::run(args),
    }
}
