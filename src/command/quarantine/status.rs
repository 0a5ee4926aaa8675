//! `tamis quarantine status`, `list` and `verify`: what needs no key and shows nothing that is sealed.

use std::{fmt::Write as _, path::Path, process::ExitCode};

use anyhow::Result;

use super::{show::counted, usage};
use crate::{
    command::{GATE, Usage, complain, print},
    keys,
    quarantine::{
        audit,
        chain::Head,
        identity::Identities,
        inventory::{Inventory, State},
        layout::{Layout, rfc3339},
        manifest::SegmentEntry,
        recipients::{Recipients, Role},
        verify::{self, Checkpoint},
    },
};

/// The period of a segment, for people.
pub(super) fn times(segment: &SegmentEntry) -> String {
    match segment.period {
        Some((from, to)) => format!("{} to {}", rfc3339(from), rfc3339(to)),
        None => format!("{:<44}", "no time in its lines"),
    }
}

/// Runs `tamis quarantine status`.
pub(super) fn status(directory: &Path) -> Result<ExitCode> {
    let layout = Layout::new(directory);
    let recipients = Recipients::load(&layout).map_err(usage)?;
    let inventory = Inventory::load(&layout).map_err(usage)?;
    let now = keys::now().unix;
    let mut text = format!("quarantine  {} in {}\n", inventory.id, directory.display());
    for role in [Role::Security, Role::Dpo, Role::Auditor] {
        let count = recipients.of(role).len();
        if count > 0 {
            let alone = if count == 1 && role != Role::Auditor {
                "; if its key is lost, nobody opens anything"
            } else {
                ""
            };
            let _ = writeln!(text, "{:<11} {}{alone}", role.word(), counted(count, "recipient"));
        }
    }
    let live: Vec<_> = inventory.live().collect();
    let lines: u64 = live.iter().map(|held| held.entry.lines).sum();
    let bytes: u64 = live.iter().map(|held| held.entry.bytes).sum();
    let torn = live.iter().filter(|held| held.is_torn).count();
    let _ = writeln!(text, "segments    {}, {lines} lines, {bytes} bytes", live.len());
    if torn > 0 {
        let _ =
            writeln!(text, "torn        {torn}: cut short by a crash; what is whole of them opens");
    }
    let from = live.iter().filter_map(|held| held.entry.period).map(|(from, _)| from).min();
    let to = live.iter().filter_map(|held| held.entry.period).map(|(_, to)| to).max();
    if let Some((from, to)) = from.zip(to) {
        let _ = writeln!(text, "lines of    {} to {}", rfc3339(from), rfc3339(to));
    }
    let gone = |state: fn(&State) -> bool| {
        inventory.segments.values().filter(|held| state(&held.state)).count()
    };
    let expired = gone(|state| *state == State::Expired);
    let erased = gone(|state| matches!(state, State::Erased(_)));
    let _ = writeln!(
        text,
        "destroyed   {expired} whose time was over, {erased} written anew without lines"
    );
    if inventory.shed > 0 {
        let _ = writeln!(
            text,
            "shed        {} lines were not sealed: there was no room",
            inventory.shed
        );
    }
    for hold in inventory.holds.iter().filter(|hold| hold.is_active(now)) {
        let until = hold.until.map_or_else(|| "somebody lets go".to_owned(), rfc3339);
        let kept = live.iter().filter(|held| hold.keeps(&held.entry)).count();
        let case = hold.case.as_deref().unwrap_or("no case");
        let _ = writeln!(
            text,
            "hold        {} for {case} until {until}, {}",
            hold.id,
            counted(kept, "segment")
        );
    }
    let (opened, drilled) = audit::last_opened(&layout);
    let _ = match opened.max(drilled) {
        None => writeln!(text, "opened      never; try it with tamis quarantine drill"),
        Some(_) => {
            let told = |time: Option<i64>| time.map_or_else(|| "never".to_owned(), rfc3339);
            writeln!(text, "opened      {}; drill: {}", told(opened), told(drilled))
        }
    };
    let _ = writeln!(text, "checkpoint  {}", inventory.head);
    print(text.as_bytes())
}

/// Runs `tamis quarantine list`.
pub(super) fn list(directory: &Path) -> Result<ExitCode> {
    let inventory = Inventory::load(&Layout::new(directory)).map_err(usage)?;
    let now = keys::now().unix;
    let mut text = String::new();
    for held in inventory.segments.values() {
        let entry = &held.entry;
        let why: Vec<_> = entry.why.iter().map(|(why, lines)| format!("{why} {lines}")).collect();
        let mut words = match held.state {
            State::Live if held.is_torn => "torn".to_owned(),
            State::Live => why.join(", "),
            State::Expired => "destroyed: its time was over".to_owned(),
            State::Erased(None) => "destroyed: all of its lines were erased".to_owned(),
            State::Erased(Some(new)) => format!("destroyed: written anew as {new}"),
        };
        if let Some(hold) = inventory.hold_of(entry, now).filter(|_| held.state == State::Live) {
            let _ = write!(words, "; kept by {}", hold.id);
        }
        let _ = writeln!(text, "{}  {:>8} lines  {}  {words}", entry.id, entry.lines, times(entry));
    }
    if text.is_empty() {
        text = "no segments\n".to_owned();
    }
    print(text.as_bytes())
}

/// Runs `tamis quarantine verify`.
pub(super) fn verify(
    directory: &Path,
    seed: Option<&Path>,
    checkpoints: &[String],
) -> Result<ExitCode> {
    let checkpoints: Vec<_> =
        checkpoints.iter().map(|text| checkpoint(text)).collect::<Result<_>>()?;
    let identities = seed.map(|path| Identities::load(&[path])).transpose().map_err(usage)?;
    let layout = Layout::new(directory);
    let report = verify::verify(&layout, identities.as_ref(), &checkpoints).map_err(usage)?;
    for finding in &report.findings {
        complain(format!("{}/{} {}", directory.display(), finding.place, finding.what));
    }
    for place in &report.unread {
        complain(format!(
            "{}/{place} may not be read by this user: it was not checked",
            directory.display()
        ));
    }
    let mut text = format!(
        "{}, {} lines; {} of the manifest\n",
        counted(report.segments, "whole segment"),
        report.lines,
        counted(usize::try_from(report.head.lines).unwrap_or(usize::MAX), "line")
    );
    let code = if report.findings.is_empty() {
        text += if report.is_seeded {
            "all is as it was written\n"
        } else {
            "consistent, not tamper-evident: without --seed nobody can tell whether all of it was rewritten\n"
        };
        0
    } else {
        let _ = writeln!(
            text,
            "NOT as it was written: {}; keep all as it is until it is known who did that",
            counted(report.findings.len(), "finding")
        );
        GATE
    };
    text += "keep elsewhere, for --checkpoint next time:\n";
    let _ = writeln!(text, "  {}", report.head);
    for (uid, head) in &report.audits {
        let _ = writeln!(text, "  audit/{uid}={head}");
    }
    print(text.as_bytes())?;
    Ok(ExitCode::from(code))
}

fn checkpoint(text: &str) -> Result<Checkpoint> {
    let (whose, head) = match text.split_once('=') {
        None => (Some(None), text),
        Some((whose, head)) => {
            (whose.strip_prefix("audit/").and_then(|uid| uid.parse().ok()).map(Some), head)
        }
    };
    match (whose, head.parse::<Head>()) {
        (Some(whose), Ok(head)) => Ok((whose, head)),
        _ => Err(Usage(format!(
            "--checkpoint: {text:?} is none; give what verify printed at its end, LINES:HASH or audit/UID=LINES:HASH"
        ))
        .into()),
    }
}
