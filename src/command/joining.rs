//! `tamis report merge` and `export`: counts of several runs together, and for other programs.

use std::{path::Path, process::ExitCode};

use anyhow::{Context, Result, anyhow};

use super::{GATE, Usage, complain, print, replace_private, report::read};
use crate::{
    cli::{CountsSource, ExportForm, ReportExportArgs, ReportMergeArgs},
    counts::{Partial, PartialError, Report, Span, Store, StoreError, Zone, csv, prometheus},
};

/// Runs `tamis report merge`.
pub(super) fn merge(args: &ReportMergeArgs) -> Result<ExitCode> {
    match merged(args) {
        Err(Refused::Gate(why)) => {
            complain(why);
            Ok(ExitCode::from(GATE))
        }
        Err(Refused::Failed(error)) => Err(error),
        Ok(()) => Ok(ExitCode::SUCCESS),
    }
}

enum Refused {
    Gate(String),
    Failed(anyhow::Error),
}

impl From<PartialError> for Refused {
    fn from(error: PartialError) -> Self {
        match error.is_refusal() {
            true => Self::Gate(error.to_string()),
            false => Self::Failed(anyhow!(error.to_string())),
        }
    }
}

impl From<StoreError> for Refused {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Other(..) => Self::Gate(error.to_string()),
            _ => Self::Failed(anyhow!(error.to_string())),
        }
    }
}

fn merged(args: &ReportMergeArgs) -> Result<(), Refused> {
    let mut all: Option<Partial> = None;
    let mut each = Vec::new();
    for path in &args.files {
        let partial = Partial::read(path)?;
        if args.store.is_some() {
            each.push(partial.clone());
        }
        match &mut all {
            None => all = Some(partial),
            Some(all) => all.join(partial, path)?,
        }
    }
    let Some(all) = all else { return Ok(()) };
    if let Some(path) = &args.store {
        let mut store = Store::open(path, all.identity().clone())?;
        for partial in &each {
            store.add(partial)?;
        }
    }
    if let Some(path) = &args.output {
        all.write(path)?;
    }
    Ok(())
}

/// Runs `tamis report export`.
pub(super) fn export(args: &ReportExportArgs) -> Result<ExitCode> {
    let report = read(&args.source, (&args.from, &args.until))?;
    let text = match args.form {
        ExportForm::Json => report.to_json(),
        ExportForm::Csv => csv(&report),
        ExportForm::Prometheus => {
            let lines = match &args.source.store {
                Some(path) => open(path)?.lines().map_err(|error| anyhow!("{error}"))?,
                None => Default::default(),
            };
            prometheus(&report, lines.iter().map(|(outcome, lines)| (&**outcome, *lines)))
        }
    };
    match args.output.as_ref().filter(|path| path.as_os_str() != "-") {
        None => print(text.as_bytes()),
        Some(path) => {
            replace_private(path, text.as_bytes())
                .with_context(|| format!("cannot write the counts to {}", path.display()))?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

fn open(path: &Path) -> Result<Store> {
    Store::open_existing(path).map_err(|error| anyhow!("{error}"))
}

/// The report of a span of a store.
pub(super) fn from_store(
    source: &CountsSource,
    (from, to): (&Option<String>, &Option<String>),
) -> Result<Report> {
    let path = source.store.as_ref().expect("one of the two is required");
    let store = open(path)?;
    let zone: Zone = store.identity().zone.parse().unwrap_or_default();
    let moment = |flag: &str, text: &Option<String>| {
        let Some(text) = text else { return Ok(None) };
        zone.moment(text).map(Some).map_err(|_| {
            Usage(format!("{flag}: {text:?} is neither a day such as 2026-11-22 nor a time as RFC 3339 writes it"))
        })
    };
    let span = Span { from: moment("--from", from)?, to: moment("the end", to)? };
    store.report(span, source.site.as_deref()).map_err(|error| anyhow!("{error}"))
}

/// The report of a file of partial counts.
pub(super) fn from_partial(text: &[u8], name: &str) -> Result<Report> {
    let partial = Partial::parse(text).map_err(|_| {
        anyhow!("cannot read the counts in {name}: they begin as partial counts do, and go on differently or were \
                 changed; write them again with --partial")
    })?;
    Ok(partial.report())
}
