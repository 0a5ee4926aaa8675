//! `tamis report`: usage counts, shown to people.
//!
//! What is shown is internal unless it was published before; nothing here makes anything public.

use std::{
    fs::File,
    io::{self, IsTerminal, Read as _},
    os::fd::AsFd,
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Result, anyhow};
use rustix::termios::tcgetwinsize;

use super::{Usage, joining, print, publish, replace_private};
use crate::{
    cli::{CountsSource, ReportCommand, ReportHtmlArgs, ReportShowArgs},
    counts::{Look, Partial, Report, page},
    sink::Place,
};

/// The longest file of counts that is read: fifteen full tables of long keys take half of it.
const COUNTS_BYTES_MAX: u64 = 256 << 20;

/// Runs `tamis report`.
pub(super) fn run(command: &ReportCommand) -> Result<ExitCode> {
    match command {
        ReportCommand::Show(args) => show(args),
        ReportCommand::Html(args) => html(args),
        ReportCommand::Merge(args) => joining::merge(args),
        ReportCommand::Export(args) => joining::export(args),
        ReportCommand::Publish(args) => publish::run(args),
    }
}

fn show(args: &ReportShowArgs) -> Result<ExitCode> {
    let report = read(&args.source, (&args.span.from, &args.span.to))?;
    if args.json {
        return print(report.to_json().as_bytes());
    }
    for wanted in &args.tables {
        if report.table(wanted).is_none() {
            let names: Vec<_> = report.tables().map(|(name, _)| name).collect();
            return Err(Usage(format!(
                "cannot show the table {wanted}: these counts have none of that name; they have {}",
                if names.is_empty() { "no table".to_owned() } else { names.join(", ") }
            ))
            .into());
        }
    }
    let mut look = look(&io::stdout());
    look.rows = args.rows.unwrap_or(look.rows);
    look.tables.clone_from(&args.tables);
    let mut text = Vec::new();
    report.write_text(&look, &mut text)?;
    print(&text)
}

fn html(args: &ReportHtmlArgs) -> Result<ExitCode> {
    let report = read(&args.source, (&args.span.from, &args.span.to))?;
    if report.publication().is_some() {
        return Err(Usage(
            "cannot make an internal page of counts that were published; their page lies where they were published"
                .to_owned(),
        )
        .into());
    }
    let html = page::render(&report);
    let Some(path) = args.output.as_ref().filter(|path| path.as_os_str() != "-") else {
        return print(html.as_bytes());
    };
    let from = args.source.counts.as_ref().or(args.source.store.as_ref());
    let is_source =
        |from: &PathBuf| from.metadata().is_ok_and(|from| Place::Replace(path.clone()).is(&from));
    if from.is_some_and(is_source) {
        return Err(Usage(format!(
            "cannot write the page to {}: it holds the counts; name another file",
            path.display()
        ))
        .into());
    }
    replace_private(path, html.as_bytes())
        .map_err(|error| anyhow!("cannot write the page to {}: {error}", path.display()))?;
    Ok(ExitCode::SUCCESS)
}

/// The report that a command line names.
pub(super) fn read(
    source: &CountsSource,
    span: (&Option<String>, &Option<String>),
) -> Result<Report> {
    let Some(path) = &source.counts else { return joining::from_store(source, span) };
    let name = if path.as_os_str() == "-" {
        "standard input".to_owned()
    } else {
        path.display().to_string()
    };
    let hint = "name a file that --counts wrote";
    let bytes = bytes_of(path)
        .map_err(|error| anyhow!("cannot read the counts in {name}: {error}; {hint}"))?;
    if Partial::is_one(&bytes) {
        return joining::from_partial(&bytes, &name);
    }
    Report::from_json(&bytes)
        .map_err(|error| anyhow!("cannot read the counts in {name}: {error}; {hint}"))
}

fn bytes_of(path: &Path) -> io::Result<Vec<u8>> {
    let input: &mut dyn io::Read =
        if path.as_os_str() == "-" { &mut io::stdin().lock() } else { &mut File::open(path)? };
    let mut bytes = Vec::new();
    input.take(COUNTS_BYTES_MAX + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > COUNTS_BYTES_MAX {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, "it is longer than 256 MiB"));
    }
    Ok(bytes)
}

/// How counts are shown on `stream`: as wide as a terminal is, and in colours if it is one and nobody objects.
pub(super) fn look(stream: &(impl IsTerminal + AsFd)) -> Look {
    let plain = Look::default();
    if !stream.is_terminal() {
        return plain;
    }
    let width = tcgetwinsize(stream).map_or(0, |size| usize::from(size.ws_col));
    Look {
        width: if width == 0 { plain.width } else { width },
        colour: std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()),
        ..plain
    }
}
