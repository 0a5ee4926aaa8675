//! What people say to a command: reasons and selectors, from a file, standard input, the command line or a prompt.
//!
//! What identifies somebody should not stand on a command line, which a shell keeps and other users of the machine see;
//! where it does all the same, it is taken.

use std::{
    fs,
    io::{self, BufRead as _, IsTerminal as _, Read as _, Write as _},
    path::{Path, PathBuf},
};

use anyhow::Result;
use zeroize::Zeroizing;

use crate::{
    cli::quarantine::{Access, Select, Why},
    command::Usage,
    privacy::{Selector, SelectorError},
};

/// How much is read of what somebody says.
const WORDS_BYTES_MAX: u64 = 1 << 16;

/// What somebody says: on the command line, in a file, or when they are asked on a terminal. Nothing if they do not.
pub(super) fn words(
    said: Option<&str>,
    file: Option<&Path>,
    asked: Option<&str>,
) -> Result<Option<Zeroizing<String>>> {
    if let Some(said) = said {
        return Ok(trimmed(said));
    }
    if let Some(path) = file {
        return read(path).map(|text| trimmed(&text));
    }
    match asked {
        Some(question) if io::stdin().is_terminal() => ask(question).map(|answer| trimmed(&answer)),
        _ => Ok(None),
    }
}

/// The reason for something.
pub(super) fn reason(why: &Why) -> Result<Option<Zeroizing<String>>> {
    words(why.reason.as_deref(), why.reason_file.as_deref(), Some("Reason: "))
}

fn trimmed(text: &str) -> Option<Zeroizing<String>> {
    let text = text.trim();
    (!text.is_empty()).then(|| Zeroizing::new(text.to_owned()))
}

fn read(path: &Path) -> Result<Zeroizing<String>> {
    let mut text = Zeroizing::new(String::new());
    let read = if path.as_os_str() == "-" {
        io::stdin().lock().take(WORDS_BYTES_MAX).read_to_string(&mut text)
    } else {
        fs::File::open(path).and_then(|file| file.take(WORDS_BYTES_MAX).read_to_string(&mut text))
    };
    match read {
        Ok(_) => Ok(text),
        Err(error) => {
            let path = path.display();
            Err(Usage(format!("cannot read {path}: {error}; name a file with text in it")).into())
        }
    }
}

fn ask(question: &str) -> Result<Zeroizing<String>> {
    let _ = write!(io::stderr(), "{question}");
    let mut answer = Zeroizing::new(String::new());
    io::stdin().lock().read_line(&mut answer)?;
    Ok(answer)
}

/// Whether somebody says yes on a terminal. Elsewhere it must have been said on the command line.
pub(super) fn is_sure(question: &str, what: &str) -> Result<bool> {
    if !io::stdin().is_terminal() {
        return Err(
            Usage(format!("cannot ask whether to {what}: this is no terminal; add --yes")).into()
        );
    }
    Ok(matches!(ask(&format!("{question} [y/N] "))?.trim(), "y" | "Y" | "yes"))
}

/// Refuses to read standard input twice.
pub(super) fn only_one_reads_stdin(files: &[Option<&PathBuf>]) -> Result<()> {
    let count = files.iter().flatten().filter(|path| path.as_os_str() == "-").count();
    if count > 1 {
        return Err(Usage(
            "cannot read standard input for several things at once; put all but one of them into files".to_owned(),
        )
        .into());
    }
    Ok(())
}

/// The same of what somebody says and looks for.
pub(super) fn only_one_of_these_reads_stdin(access: &Access, select: &Select) -> Result<()> {
    only_one_reads_stdin(&[
        access.why.reason_file.as_ref(),
        access.need_file.as_ref(),
        select.ip_file.as_ref(),
        select.path_file.as_ref(),
    ])
}

/// What somebody looks for. Where nothing is said and this is a terminal, they are asked for an address.
pub(super) fn selector(select: &Select, asks: bool) -> Result<Selector> {
    let mut selector = Selector::default();
    let mut networks: Vec<Zeroizing<String>> =
        select.ip.iter().map(|text| Zeroizing::new(text.clone())).collect();
    if let Some(path) = &select.ip_file {
        let text = read(path)?;
        let lines =
            text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
        networks.extend(lines.map(|line| Zeroizing::new(line.to_owned())));
    }
    let path = words(select.path.as_deref(), select.path_file.as_deref(), None)?;
    let nothing =
        networks.is_empty() && path.is_none() && select.from.is_none() && select.to.is_none();
    if asks && nothing && io::stdin().is_terminal() {
        networks.extend(trimmed(&ask("Address or network: ")?));
    }
    for (network, at) in networks.iter().zip(1..) {
        selector.add_network(network).map_err(|error| not(&format!("address {at}"), error))?;
    }
    if let Some(path) = path {
        selector.set_path(&path).map_err(|error| not("the path", error))?;
    }
    set_period(&mut selector, select.from.as_deref(), select.to.as_deref())?;
    Ok(selector)
}

/// A period as a selector.
pub(super) fn period(from: Option<&str>, to: Option<&str>) -> Result<Selector> {
    let mut selector = Selector::default();
    set_period(&mut selector, from, to)?;
    Ok(selector)
}

fn set_period(selector: &mut Selector, from: Option<&str>, to: Option<&str>) -> Result<()> {
    Ok(selector.set_period(from, to).map_err(|error| not("the period", error))?)
}

fn not(what: &str, error: SelectorError) -> Usage {
    Usage(format!("cannot use {what}: {error}"))
}
