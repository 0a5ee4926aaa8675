//! `tamis policy`: the policies, their text, and what they keep.

use std::{fmt::Write as _, fs, process::ExitCode};

use anyhow::Result;

use super::{GATE, Usage, complain, explain, print};
use crate::{
    cli::PolicyCommand,
    field::Field,
    policy::{
        Decision, Difference, Direction, Overrides, PRESETS, Plan, Policy, diff, notice, preset,
    },
};

/// Runs `tamis policy`.
pub(super) fn run(command: &PolicyCommand) -> Result<ExitCode> {
    match command {
        PolicyCommand::List => {
            let mut text = String::new();
            for (name, preset) in PRESETS {
                let policy = Policy::parse(preset).expect("a test reads every preset");
                writeln!(text, "{name:<16} {}", policy.description)?;
            }
            print(text.as_bytes())
        }
        PolicyCommand::Show { policy } => {
            // Only a policy is shown, and not whatever file was named by mistake.
            load_both(policy)?;
            print(text_of(policy)?.as_bytes())
        }
        PolicyCommand::Check { policy } => {
            let (policy, plan) = load_both(policy)?;
            warn(&policy);
            print(describe(&policy, &plan).as_bytes())
        }
        PolicyCommand::Explain(args) => explain::run(args),
        PolicyCommand::Notice { policy } => {
            let (policy, plan) = load_both(policy)?;
            print(notice(&policy, &plan).as_bytes())
        }
        PolicyCommand::Diff { from, to } => {
            let ((from, _), (to, _)) = (load_both(from)?, load_both(to)?);
            let found = diff(&from, &to);
            print(differences(&found).as_bytes())?;
            let is_wider = found.iter().any(|found| found.direction == Direction::Wider);
            Ok(if is_wider { ExitCode::from(GATE) } else { ExitCode::SUCCESS })
        }
    }
}

/// Says what the operator should know of a policy.
fn warn(policy: &Policy) {
    if let Some(what) = policy.warning() {
        complain(format!("policy {}: {what}", policy.name));
    }
}

/// What a plan keeps and what it does not, and what the policy says of readers.
fn describe(policy: &Policy, plan: &Plan) -> String {
    let keys: Vec<_> = plan.record.iter().map(|key| key.name()).collect();
    let mut text = format!("{}: good; records keep {}\n", plan.name, keys.join(", "));
    for (decision, what) in
        [(Decision::Counted, "used in counts only"), (Decision::Dropped, "dropped")]
    {
        let fields = Field::ALL.iter().filter(|field| plan.decision(**field) == decision);
        let fields: Vec<_> = fields.map(|field| field.name()).collect();
        if !fields.is_empty() {
            text += &format!("{what}: {}\n", fields.join(", "));
        }
    }
    if let Some(sharing) = &policy.sharing {
        text += &format!("by the operator's rule: {sharing}\n");
    }
    text
}

/// A line for each difference, and how many there are.
fn differences(found: &[Difference]) -> String {
    let mut text: String = found.iter().map(|found| format!("{found}\n")).collect();
    let count = |direction| found.iter().filter(|found| found.direction == direction).count();
    text += &match found.len() {
        0 => "no difference in what is kept\n".to_owned(),
        all => format!(
            "{all} {}: {} wider, {} narrower, {} changed\n",
            if all == 1 { "difference" } else { "differences" },
            count(Direction::Wider),
            count(Direction::Narrower),
            count(Direction::Changed)
        ),
    };
    text
}

/// The plan of a policy by name or file, with the command line's changes, for a run. What the operator should know
/// of it is said.
pub(super) fn load(name: &str, overrides: Overrides) -> Result<Plan> {
    let (policy, plan) = load_changed(name, overrides)?;
    warn(&policy);
    Ok(plan)
}

/// A policy by name or file and its plan.
pub(super) fn load_both(name: &str) -> Result<(Policy, Plan)> {
    load_changed(name, Overrides::default())
}

fn load_changed(name: &str, overrides: Overrides) -> Result<(Policy, Plan)> {
    let text = text_of(name)?;
    let refuse = |error| Usage(format!("cannot use the policy {name}: {error}"));
    let mut policy = Policy::parse(&text).map_err(refuse)?;
    policy.apply(overrides).map_err(refuse)?;
    let plan = Plan::compile(&policy).map_err(refuse)?;
    Ok((policy, plan))
}

/// The text of a policy by name or file.
pub(super) fn text(name: &str) -> Result<String> {
    text_of(name)
}

/// The text of a preset or of a file. What has a dot or a slash in it is a file.
fn text_of(name: &str) -> Result<String> {
    if let Some(text) = preset(name) {
        return Ok(text.to_owned());
    }
    let names = PRESETS.map(|(name, _)| name).join(", ");
    if !name.contains(['.', '/']) {
        return Err(Usage(format!(
            "there is no policy named {name:?}; there is {names}, or name a TOML file"
        ))
        .into());
    }
    fs::read_to_string(name)
        .map_err(|error| Usage(format!("cannot read the policy file {name}: {error}")).into())
}
