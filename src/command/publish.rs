//! `tamis report publish`: what of the counts of a period everybody may know, as files in a public folder.
//!
//! The order is the point. First the policy is asked, then the rules decide and the ledger, then the finished files are
//! searched for what must not be in them, then the ledger is written, and only then are they put into place. A run
//! that is killed in between is made good by the next one, which writes the same bytes.

use std::{fs, path::Path, process::ExitCode};

use anyhow::{Context as _, Result, anyhow};

use super::{GATE, Usage, complain, policies::load_both, print};
use crate::{
    cli::ReportPublishArgs,
    counts::{
        Span, Store, StoredCell, StoredTable,
        page::style_hash,
        publish::{
            Blur, Cell, Content, Counted, Crowd, Entry, Found, Ledger, LedgerError, Rules, Sheet,
            page, public_json, scan,
        },
    },
    policy::{Plan, PublishRule},
};

/// The longest name of a person or an organisation, in characters.
const NAME_MAX: usize = 100;

/// Why nothing is published.
enum Refused {
    Gate(String),
    Failed(anyhow::Error),
}

impl<E: Into<anyhow::Error>> From<E> for Refused {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

/// Runs `tamis report publish`.
pub(super) fn run(args: &ReportPublishArgs) -> Result<ExitCode> {
    match publish(args) {
        Ok(what) => print(what.as_bytes()),
        Err(Refused::Failed(error)) => Err(error),
        Err(Refused::Gate(why)) => {
            complain(format!("cannot publish {}: {why}", args.period));
            Ok(ExitCode::from(GATE))
        }
    }
}

fn publish(args: &ReportPublishArgs) -> Result<String, Refused> {
    let (_, plan) = load_both(&args.policy)?;
    let rule = provided(&plan)?;
    for name in [Some(&args.reviewer), args.publisher.as_ref()].into_iter().flatten() {
        check_name(name)?;
    }
    let counted = match &args.store {
        Some(path) => Some(counted(path, args, &plan, rule)?),
        None => None,
    };
    let directory = &args.directory;
    let failed = |what: &str| format!("cannot {what} the folder {}", directory.display());
    fs::create_dir_all(directory).with_context(|| failed("make"))?;
    let refused = |error: LedgerError| match error.is_refusal() {
        true => Refused::Gate(error.to_string()),
        false => anyhow!("{}: {error}", failed("publish into")).into(),
    };
    let mut ledger = Ledger::open(directory).map_err(refused)?;
    let found = ledger.settle(args.period, counted).map_err(refused)?;
    let (entry, is_new) = match found {
        Found::Before(entry) => (entry, false),
        Found::New(content) => (
            Entry {
                period: args.period,
                policy: plan.name.clone(),
                policy_hash: plan.hash.clone(),
                publisher: args.publisher.clone(),
                reviewer: args.reviewer.clone(),
                content,
            },
            true,
        ),
    };
    let data = format!("{}.json", args.period);
    let files = [
        (data.clone(), public_json(&entry)),
        (format!("{}.html", args.period), page(&entry, &data)),
    ];
    let style_hash = style_hash();
    for (name, text) in &files {
        if let Some(leak) = scan(text, &[&entry.policy_hash, &style_hash]) {
            return Err(Refused::Gate(format!(
                "{name} would have {leak}; look at the counts with tamis report show, and leave the table out with \
                 publish.tables or declare a route for what it is"
            )));
        }
    }
    if is_new {
        ledger.append(entry.clone()).map_err(refused)?;
    }
    for (name, text) in &files {
        ledger.put(name, text.as_bytes()).with_context(|| {
            format!("{}: {name} could not be written; run the same again", failed("publish into"))
        })?;
    }
    Ok(describe(&entry, is_new))
}

/// The policy's word on publication.
fn provided(plan: &Plan) -> Result<&PublishRule, Refused> {
    let name = &plan.name;
    let rule = plan.publish.as_ref().ok_or_else(|| {
        Refused::Gate(format!(
            "the policy {name} does not provide for it; counts stay internal, see tamis report show"
        ))
    })?;
    if !plan.visitors {
        return Err(Refused::Gate(format!(
            "the policy {name} tells nobody apart (counts.visitors), so that nobody knows how many stand behind a \
             number"
        )));
    }
    Ok(rule)
}

fn check_name(name: &str) -> Result<(), Usage> {
    let is_good = !name.trim().is_empty()
        && name.chars().count() <= NAME_MAX
        && !name.chars().any(char::is_control);
    is_good.then_some(()).ok_or_else(|| {
        Usage(format!("cannot publish in that name: it is to have 1 to {NAME_MAX} characters"))
    })
}

/// What may be told of what the store has of the period.
fn counted(
    path: &Path,
    args: &ReportPublishArgs,
    plan: &Plan,
    rule: &PublishRule,
) -> Result<Content, Refused> {
    let store = Store::open_existing(path).map_err(|error| anyhow!("{error}"))?;
    let identity = store.identity();
    if identity.policy_hash != plan.hash {
        return Err(Usage(format!(
            "cannot publish {}: {} was counted by another policy than {}; name that one with --policy",
            args.period,
            path.display(),
            plan.name
        ))
        .into());
    }
    if identity.zone != "UTC" {
        return Err(Usage(format!(
            "cannot publish {}: {} has the days of {}, and keys change with those of UTC; count with --timezone UTC",
            args.period,
            path.display(),
            identity.zone
        ))
        .into());
    }
    let seconds = args.period.seconds();
    let span = Span { from: Some(seconds.start), to: Some(seconds.end) };
    let (total, tables) =
        store.cells(span, args.site.as_deref()).map_err(|error| anyhow!("{error}"))?;
    let mut found: Vec<Sheet> = Vec::new();
    for name in &rule.tables {
        // A table that never got a value was not counted; it is released as what it is, nothing but `(other)`.
        let cells = tables.iter().find(|table| table.name == *name);
        found.push(sheet(name, plan, cells));
    }
    let blur = rule.round.map_or(Blur::None, |base| Blur::Round(base.into()));
    let counted = Counted { total: cell(total), tables: found };
    Rules::new(rule.k, blur).release(&counted).map_err(|error| {
        Usage(format!(
            "cannot publish {} by the policy {}: {error} (publish.tables)",
            args.period, plan.name
        ))
        .into()
    })
}

fn sheet(name: &str, plan: &Plan, table: Option<&StoredTable>) -> Sheet {
    let cross = plan.crosses.iter().find(|cross| cross.name == name);
    let dimensions = match cross {
        Some(cross) => cross.tables.iter().map(|table| table.name().to_owned()).collect(),
        None => vec![name.to_owned()],
    };
    let cells = table.map(|table| table.cells.iter().cloned().map(cell)).into_iter().flatten();
    // What was folded while counting has a key of one part.
    let width = dimensions.len();
    let whole = |mut cell: Cell| {
        let last = cell.key.last().cloned().unwrap_or_default();
        cell.key.resize(width, last);
        cell
    };
    Sheet { name: name.to_owned(), dimensions, cells: cells.map(whole).collect() }
}

fn cell(stored: StoredCell) -> Cell {
    let mut crowd = Crowd::default();
    for networks in &stored.networks {
        networks.numbers.iter().for_each(|number| crowd.add(networks.epoch, *number));
        crowd.join(&Crowd::at_least(networks.at_least));
    }
    let StoredCell { key, requests, visitors, .. } = stored;
    Cell { key, requests, visitors, crowd, greatest: None }
}

/// What was published, for whoever did it.
fn describe(entry: &Entry, is_new: bool) -> String {
    let Content { k, summed, total, tables, withheld, .. } = &entry.content;
    let verb = if is_new { "published" } else { "published before, and written again" };
    let mut text = format!("{verb}: {}", entry.period);
    text += &match total {
        Some(total) => format!(", {} requests, {} tables, k = {k}\n", total.requests, tables.len()),
        None => format!(", of which nothing can be told: fewer than {k} networks\n"),
    };
    if let Some(summed) = summed {
        text += &format!(
            "the sum of {} periods, of which {} told something\n",
            summed.periods, summed.told
        );
    }
    if !withheld.is_empty() {
        text += &format!("withheld, since too few stand behind them: {}\n", withheld.join(", "));
    }
    text
}
