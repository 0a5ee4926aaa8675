//! `tamis formats`: which there are, and which one a log has.

use std::{collections::BTreeSet, fmt::Write as _, path::PathBuf, process::ExitCode};

use anyhow::{Result, anyhow};

use super::{
    FAILED, USAGE, Usage, complain,
    own::{Configuration, Server},
    print,
};
use crate::{
    cli::FormatsCommand,
    format::{Format, conf::Used},
    privacy::{RawBlock, Recognition},
    source::{FormatChoice, Origin, Reader, SourceError},
};

/// Runs `tamis formats`.
pub(super) fn run(command: Option<FormatsCommand>) -> Result<ExitCode> {
    match command {
        None | Some(FormatsCommand::List) => list(),
        Some(FormatsCommand::Detect { file, nginx_conf, apache_conf }) => {
            detect(file, &[(Server::Nginx, nginx_conf), (Server::Apache, apache_conf)])
        }
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

fn detect(file: PathBuf, confs: &[(Server, Option<String>)]) -> Result<ExitCode> {
    let mut configurations = Vec::new();
    for (server, path) in confs {
        if let Some(path) = path {
            configurations.push(Configuration::read(*server, path, &[])?);
        }
    }
    let origin = origin(file);
    if origin == Origin::Stdin && !configurations.is_empty() {
        let what = "cannot compare standard input with a configuration; name a file";
        return Err(Usage(what.to_owned()).into());
    }
    let mut text = String::new();
    for configuration in &configurations {
        if let Some(block) = first_block(&origin)?
            && let Some(name) = fitting(configuration, &origin, &block)
        {
            writeln!(text, "{}: {name}", configuration.path)?;
        }
        warn_of_error_logs(configuration);
    }
    let mut reader = Reader::new(vec![origin], FormatChoice::Auto, 1 << 16)?;
    let mut block = reader.new_block();
    while reader.next(&mut block).is_some() && reader.format().is_none() {}
    match (reader.format(), reader.failures().first()) {
        // What one's own configuration describes needs no other name.
        (_, Some(SourceError::UnknownFormat(..))) if !text.is_empty() => print(text.as_bytes()),
        (_, Some(failure)) => {
            complain(failure);
            Ok(ExitCode::from(code_of(failure)))
        }
        (Some(format), None) => print(format!("{}\n{text}", format.name()).as_bytes()),
        (None, None) => Err(anyhow!("there is no line to tell the format from")),
    }
}

/// The first lines of a file, if it can be read and has any.
fn first_block(origin: &Origin) -> Result<Option<RawBlock>> {
    let choice = FormatChoice::Fixed(Format::combined());
    let mut reader = Reader::new(vec![origin.clone()], choice, 1 << 16)?;
    let mut block = reader.new_block();
    Ok(reader.next(&mut block).map(|_| block))
}

/// The name of the format of `configuration` that most lines of `block` fit, or the names of several that as many
/// fit; of these, those that are used.
/// Says when that is none that an access log uses.
fn fitting(configuration: &Configuration, origin: &Origin, block: &RawBlock) -> Option<String> {
    let Configuration { server, path, conf, .. } = configuration;
    let used = configuration.used();
    let defined = conf.formats.iter().map(|format| Used::Named(format.name.clone()));
    let predefined = Used::Named(server.predefined().0.to_owned());
    let all: BTreeSet<_> =
        used.iter().copied().cloned().chain(defined).chain([predefined]).collect();
    let mut compiled = Vec::new();
    for format in all {
        match configuration.compile(&format) {
            Ok(found) => compiled.push((format, found)),
            // What no log is written in is no concern here.
            Err(error) if used.contains(&format) => complain(error),
            Err(_) => {}
        }
    }
    let (all, formats): (Vec<_>, Vec<_>) = compiled.into_iter().unzip();
    let fits = Recognition::fits_of(block, &formats);
    let fitting = || all.iter().zip(&fits).filter(|(_, fits)| **fits > 0);
    let rank = |(format, fits): &(&Used, &usize)| (**fits, used.contains(*format));
    let most = fitting().map(|found| rank(&found)).max();
    let best: Vec<_> = fitting().filter(|found| Some(rank(found)) == most).collect();
    if most.is_none_or(|(_, is_used)| !is_used) {
        let uses = server.uses();
        let places: Vec<_> = conf
            .access_logs
            .iter()
            .filter_map(|log| Some((log.format.as_ref()?, log.line)))
            .map(|(format, line)| format!("{} (line {line})", name_of(format)))
            .collect();
        let said = if places.is_empty() {
            "has none; what it includes is not read".to_owned()
        } else {
            format!("uses {}", places.join(", "))
        };
        complain(format!("{origin} has no format that an {uses} of {path} uses: {path} {said}"));
    }
    let names: Vec<_> = best.into_iter().map(|(format, _)| name_of(format)).collect();
    (!names.is_empty()).then(|| names.join(", "))
}

fn name_of(format: &Used) -> &str {
    match format {
        Used::Named(name) => name,
        Used::Given(_) => "a string",
    }
}

/// Error logs hold whole addresses too, and are easily forgotten beside a clean access log.
fn warn_of_error_logs(configuration: &Configuration) {
    let Configuration { server, path, conf, .. } = configuration;
    let mut named = BTreeSet::new();
    for log in conf.error_logs.iter().filter(|log| log.is_kept()) {
        if named.insert(&log.path) {
            complain(format!(
                "{path} also writes the error log {} (line {}), which holds whole client addresses; \
                 clean it too: tamis --format {}",
                log.path,
                log.line,
                server.error_format()
            ));
        }
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
