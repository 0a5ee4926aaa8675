//! `tamis man`: manual pages out of the definition of the command line, one for each command.
//!
//! They say what `--help` says, and are written when a package is made. What there is to explain is in the README.

use std::{fs, path::Path, process::ExitCode};

use anyhow::{Context as _, Result};
use clap::CommandFactory as _;
use clap_mangen::Man;

use crate::cli::Cli;

/// Writes all pages.
pub(super) fn run(folder: &Path) -> Result<ExitCode> {
    fs::create_dir_all(folder)
        .with_context(|| format!("cannot make the folder {}", folder.display()))?;
    let mut program = Cli::command();
    // Gives each command its full name, and what all of them take.
    program.build();
    pages(&program, folder)?;
    Ok(ExitCode::SUCCESS)
}

/// The page of a command, and those of the commands in it. `help` would say of each once more what it is.
fn pages(command: &clap::Command, folder: &Path) -> Result<()> {
    let name = command.get_display_name().unwrap_or_else(|| command.get_name());
    let path = folder.join(format!("{name}.1"));
    // No date: the same program writes the same pages.
    let title = name.to_uppercase();
    let man = Man::new(command.clone()).title(title).section("1").manual("tamis").date("");
    let mut page = Vec::new();
    man.render(&mut page)
        .and_then(|()| fs::write(&path, page))
        .with_context(|| format!("cannot write the page {}", path.display()))?;
    let inner = command.get_subcommands();
    let inner = inner.filter(|inner| inner.get_name() != "help" && !inner.is_hide_set());
    inner.into_iter().try_for_each(|inner| pages(inner, folder))
}
