//! `tamis formats`: which there are, and which one a log has.

use std::{fmt::Write as _, path::PathBuf, process::ExitCode};

use anyhow::{Result, anyhow};

use super::{FAILED, USAGE, complain, print};
use crate::{
    cli::FormatsCommand,
    format::Format,
    source::{FormatChoice, Origin, Reader, SourceError},
};

/// Runs `tamis formats`.
pub(super) fn run(command: Option<FormatsCommand>) -> Result<ExitCode> {
    match command {
        None | Some(FormatsCommand::List) => list(),
        Some(FormatsCommand::Detect { file }) => detect(file),
    }
}

fn list() -> Result<ExitCode> {
    let mut text = String::new();
    for format in Format::all() {
        writeln!(text, "{}", format.name())?;
        for line in format.example().lines() {
            writeln!(text, "    {line}")?;
        }
    }
    print(text.as_bytes())
}

fn detect(file: PathBuf) -> Result<ExitCode> {
    let mut reader = Reader::new(vec![origin(file)], FormatChoice::Auto, 1 << 16)?;
    let mut block = reader.new_block();
    while reader.next(&mut block).is_some() && reader.format().is_none() {}
    match (reader.format(), reader.failures().first()) {
        (_, Some(failure)) => {
            complain(failure);
            Ok(ExitCode::from(code_of(failure)))
        }
        (Some(format), None) => print(format!("{}\n", format.name()).as_bytes()),
        (None, None) => Err(anyhow!("there is no line to tell the format from")),
    }
}

/// `-` is standard input.
pub(super) fn origin(file: PathBuf) -> Origin {
    if file.as_os_str() == "-" { Origin::Stdin } else { Origin::File(file) }
}

/// The exit code that a failed input asks for.
pub(super) const fn code_of(failure: &SourceError) -> u8 {
    match failure {
        SourceError::UnknownFormat(..) => USAGE,
        _ => FAILED,
    }
}
