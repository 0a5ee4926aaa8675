//! `tamis quarantine hold`, `release` and `expire`: how long segments stay.

use std::{fmt::Write as _, path::Path, process::ExitCode};

use anyhow::Result;
use serde_json::json;

use super::{asking, desk::choose, show::counted, usage};
use crate::{
    cli::quarantine::{HoldArgs, Why},
    command::{GATE, Usage, complain, policies, print},
    keys,
    policy::{Opening, Refusal, is_reference},
    quarantine::{
        audit::{Who, sealed_text},
        disk::Disk,
        expire::{self, Witness, open_manifest},
        inventory::Hold,
        layout::Layout,
        recipients::Recipients,
    },
};

/// Runs `tamis quarantine hold`.
pub(super) fn hold(args: &HoldArgs) -> Result<ExitCode> {
    let layout = Layout::new(&args.place.directory);
    let recipients = Recipients::load(&layout).map_err(usage)?;
    let case = args.case.clone().filter(|case| is_reference(case));
    let Some(case) = case else {
        return Err(Usage(format!("cannot hold: {}", Refusal::CaseShape)).into());
    };
    let period = asking::period(args.period.from.as_deref(), args.period.to.as_deref())?;
    let until = asking::period(None, args.until.as_deref())?.period().1;
    let now = keys::now().unix;
    if until.is_some_and(|until| until <= now) {
        return Err(
            Usage("cannot hold until then: --until is over; name a later time".to_owned()).into()
        );
    }
    let Some(reason) = asking::reason(&args.why)? else { return Ok(no_reason("hold")) };
    let (mut journal, inventory) = open_manifest(&Disk::default(), &layout).map_err(usage)?;
    let segments = match args.segments.segments.is_empty() {
        true => Vec::new(),
        false => choose(&inventory, &args.segments.segments, &period)?,
    };
    let hold = Hold {
        id: format!("hold-{}", journal.head().lines),
        case: Some(case),
        until,
        period: period.period(),
        segments: segments.iter().map(|held| held.entry.id).collect(),
        is_released: false,
    };
    let mut members = hold.members();
    members.extend(Who::am_i().members());
    members.push(("reason", json!(sealed_text(&recipients, &reason))));
    journal.append(now, "hold", &members)?;
    let kept = inventory.live().filter(|held| hold.keeps(&held.entry)).count();
    print(
        format!("{} keeps {} and what follows of its kind\n", hold.id, counted(kept, "segment"))
            .as_bytes(),
    )
}

/// Runs `tamis quarantine release`.
pub(super) fn release(directory: &Path, id: &str, why: &Why) -> Result<ExitCode> {
    let layout = Layout::new(directory);
    let recipients = Recipients::load(&layout).map_err(usage)?;
    let (mut journal, inventory) = open_manifest(&Disk::default(), &layout).map_err(usage)?;
    let hold = inventory.holds.iter().find(|hold| hold.id == id && !hold.is_released);
    let Some(hold) = hold else {
        return Err(Usage(format!(
            "cannot release {id:?}: there is no such hold; see tamis quarantine status"
        ))
        .into());
    };
    let Some(reason) = asking::reason(why)? else { return Ok(no_reason("release")) };
    let mut members = vec![("hold", json!(hold.id)), ("case", json!(hold.case))];
    members.extend(Who::am_i().members());
    members.push(("reason", json!(sealed_text(&recipients, &reason))));
    journal.append(keys::now().unix, "release", &members)?;
    print(format!("{id} keeps nothing any more\n").as_bytes())
}

fn no_reason(what: &str) -> ExitCode {
    complain(format!("refused to {what}: {}", Refusal::NoReason));
    ExitCode::from(GATE)
}

/// Runs `tamis quarantine expire`.
pub(super) fn expire(
    directory: &Path,
    policy: &str,
    now: Option<&str>,
    is_sure: bool,
) -> Result<ExitCode> {
    let (policy, _) = policies::load_both(policy)?;
    let Some(opening) = Opening::of(&policy) else {
        return Err(Usage(format!(
            "cannot expire: the policy {} does not say how long what is sealed may stay; name another one \
             with --policy",
            policy.name
        ))
        .into());
    };
    let clock = keys::now().unix;
    let now = match now {
        None => clock,
        Some(text) => asking::period(Some(text), None)?.period().0.expect("it was given"),
    };
    let layout = Layout::new(directory);
    let witness = if is_sure { Witness::Operator } else { Witness::Nobody };
    let done =
        expire::expire(&Disk::default(), &layout, (now, clock), opening.retention_days, witness)
            .map_err(usage)?;
    let mut text = String::new();
    for id in &done.swept {
        let _ = writeln!(text, "{id} was destroyed before, and what was left of it is gone");
    }
    for id in &done.destroyed {
        let _ = writeln!(text, "{id} is destroyed");
    }
    for (id, hold) in &done.held {
        let _ = writeln!(text, "{id} is kept by {hold}");
    }
    let _ = writeln!(
        text,
        "{} destroyed after {} days, {} kept by holds",
        counted(done.destroyed.len(), "segment"),
        opening.retention_days,
        done.held.len()
    );
    print(text.as_bytes())
}
