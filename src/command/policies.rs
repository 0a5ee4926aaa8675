//! `tamis policy`: the policies, their text, and what they keep.

use std::{fmt::Write as _, fs, process::ExitCode};

use anyhow::Result;

use super::{Usage, print};
use crate::{
    cli::PolicyCommand,
    field::Field,
    policy::{Decision, Overrides, PRESETS, Plan, Policy, preset},
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
            load(policy, Overrides::default())?;
            print(text_of(policy)?.as_bytes())
        }
        PolicyCommand::Check { policy } => {
            print(describe(&load(policy, Overrides::default())?).as_bytes())
        }
    }
}

/// What a plan keeps and what it does not.
fn describe(plan: &Plan) -> String {
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
    text
}

/// The plan of a policy by name or file, with the command line's changes.
pub(super) fn load(name: &str, overrides: Overrides) -> Result<Plan> {
    let text = text_of(name)?;
    let refuse = |error| Usage(format!("cannot use the policy {name}: {error}"));
    let mut policy = Policy::parse(&text).map_err(refuse)?;
    policy.apply(overrides).map_err(refuse)?;
    Ok(Plan::compile(&policy).map_err(refuse)?)
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
