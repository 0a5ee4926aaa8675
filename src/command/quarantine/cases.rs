//! `tamis quarantine case`: what a running filter seals from now on, because somebody opened a case.

use std::{env, fmt::Write as _, io, path::PathBuf, process::ExitCode};

use anyhow::{Context as _, Result};

use super::asking;
use crate::{
    cli::quarantine::{CaseCommand, CaseOpenArgs, CasePlace, Select},
    command::{GATE, Usage, complain, policies, print},
    keys,
    policy::{Asked, Opening, is_reference},
    privacy::{Case, close_case, list_cases, open_case},
    quarantine::layout::rfc3339,
};

/// Runs `tamis quarantine case`.
pub(super) fn run(command: &CaseCommand) -> Result<ExitCode> {
    match command {
        CaseCommand::Open(args) => {
            let CaseOpenArgs { place, why, case, cidr, cidr_file, path, from, to, policy, basis } =
                &**args;
            asking::only_one_reads_stdin(&[why.reason_file.as_ref(), cidr_file.as_ref()])?;
            let select = Select {
                ip: cidr.clone(),
                ip_file: cidr_file.clone(),
                path: path.clone(),
                from: from.clone(),
                to: to.clone(),
                ..Select::default()
            };
            let selector = asking::selector(&select, true)?;
            if selector.is_empty() {
                return Err(Usage(
                    "cannot open a case of nothing: name a network with --cidr-file, a path, or a period".to_owned(),
                )
                .into());
            }
            let id = match case {
                Some(case) => case.clone(),
                None => format!("case-{}", rfc3339(keys::now().unix).replace(':', "")),
            };
            let reason = asking::reason(why)?;
            let (policy, _) = policies::load_both(policy)?;
            let asked = Asked {
                basis: basis.as_deref(),
                has_reason: reason.is_some(),
                case: Some(&id),
                // Nothing is opened by this.
                has_need: true,
                acknowledges: true,
                roles: 2,
            };
            let judged = Opening::of(&policy).map(|opening| opening.judge(&asked));
            if let Some(Err(refusal)) = judged {
                complain(format!("refused to open a case: {refusal}"));
                return Ok(ExitCode::from(GATE));
            }
            let (Some(basis), Some(reason)) = (basis.clone(), reason) else {
                return Err(Usage(format!(
                    "cannot open a case: the policy {} provides for no quarantine; name another one with --policy",
                    policy.name
                ))
                .into());
            };
            let opened = keys::now().unix;
            open(place, &Case { id, basis, reason, opened, selector })
        }
        CaseCommand::List { place } => list(place),
        CaseCommand::Close { place, case } => close(place, case),
    }
}

fn open(place: &CasePlace, case: &Case) -> Result<ExitCode> {
    let dir = directory(place)?;
    match open_case(&dir, case) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(Usage(format!(
            "cannot open the case {}: it is open; close it first, or name another one with --case",
            case.id
        ))
        .into()),
        done => {
            done.with_context(|| format!("cannot open the case in {}", dir.display()))?;
            print(format!("the case {} is open\n", case.id).as_bytes())
        }
    }
}

fn list(place: &CasePlace) -> Result<ExitCode> {
    let dir = directory(place)?;
    let (cases, strange) =
        list_cases(&dir).with_context(|| format!("cannot read the cases in {}", dir.display()))?;
    let mut text = String::new();
    for case in &cases {
        let (from, until) = case.selector.period();
        let told = |time: Option<i64>| time.map_or_else(|| "any time".to_owned(), rfc3339);
        let _ = writeln!(
            text,
            "{}  opened {}  basis {}  lines from {} to {}",
            case.id,
            rfc3339(case.opened),
            case.basis,
            told(from),
            told(until)
        );
    }
    if strange > 0 {
        complain(format!("{strange} files in {} are no cases; look at them", dir.display()));
    }
    if text.is_empty() {
        text = "no open cases\n".to_owned();
    }
    print(text.as_bytes())
}

fn close(place: &CasePlace, id: &str) -> Result<ExitCode> {
    let dir = directory(place)?;
    let there_is_none =
        || Usage(format!("cannot close the case {id:?}: there is none in {}", dir.display()));
    if !is_reference(id) {
        return Err(there_is_none().into());
    }
    match close_case(&dir, id) {
        Ok(true) => print(format!("the case {id} is closed\n").as_bytes()),
        Ok(false) => Err(there_is_none().into()),
        Err(error) => {
            Err(error).with_context(|| format!("cannot close the case {id} in {}", dir.display()))
        }
    }
}

/// Where cases are: as somebody said, or where things are that end with the machine.
fn directory(place: &CasePlace) -> Result<PathBuf> {
    place.case_dir.clone().or_else(runtime_cases).ok_or_else(|| {
        Usage(
            "cannot tell where cases are: neither RUNTIME_DIRECTORY nor XDG_RUNTIME_DIR is set; name a directory \
             with --case-dir, such as /run/tamis/cases"
                .to_owned(),
        )
        .into()
    })
}

/// The directory of cases that a filter looks at when nobody says another one.
pub(in crate::command) fn runtime_cases() -> Option<PathBuf> {
    let variable = |name| env::var_os(name).filter(|value| !value.is_empty());
    let own = variable("RUNTIME_DIRECTORY").and_then(|all| env::split_paths(&all).next());
    let shared = || variable("XDG_RUNTIME_DIR").map(|path| PathBuf::from(path).join("tamis"));
    own.or_else(shared).map(|path| path.join("cases"))
}
