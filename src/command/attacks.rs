//! What points attacks out among the lines of a run: our own rules, the operator's, and behaviour.

use std::{fs, path::Path, sync::Arc};

use anyhow::Result;

use super::{Usage, keys};
use crate::{
    policy::Plan,
    privacy::{Lookout, Rules, Sentry},
};

/// What to look out for, and what answers what was noticed; nothing where the policy seals no line for rules or
/// behaviour. `own` is the folder that the command line names.
pub(super) fn lookout(plan: &Plan, own: Option<&Path>) -> Result<Option<(Lookout, Sentry)>> {
    let Some(rule) = plan.seal else { return Ok(None) };
    if let Some(folder) = own.filter(|_| !rule.rules) {
        return Err(Usage(format!(
            "cannot use the rules in {}: the policy {} seals no lines for rules; add \"rules\" to its quarantine.seal",
            folder.display(),
            plan.name
        ))
        .into());
    }
    if !rule.rules && !rule.behaviour {
        return Ok(None);
    }
    let own = own.or(plan.own_rules.as_deref()).filter(|_| rule.rules);
    let files = own.map(read).transpose()?.unwrap_or_default();
    let rules = Rules::with_own(&files).map_err(|error| {
        let folder = own.unwrap_or(Path::new("")).display();
        Usage(format!(
            "cannot use the rules in {folder}: {error}; see \"Rules for attacks\" in the README"
        ))
    })?;
    let lookout = Lookout::new(Arc::new(rules), rule.behaviour, keys::sketch_key()?);
    Ok(sentry(plan).map(|sentry| (lookout, sentry)))
}

/// What answers what was noticed in one stream of lines.
pub(super) fn sentry(plan: &Plan) -> Option<Sentry> {
    let rule = plan.seal.filter(|rule| rule.rules || rule.behaviour)?;
    Some(Sentry::new(rule.rules, rule.behaviour))
}

/// The files of rules in a folder, by their names.
fn read(folder: &Path) -> Result<Vec<(String, String)>> {
    let failed = |path: &Path, error: &dyn std::fmt::Display| {
        Usage(format!(
            "cannot read rules from {}: {error}; name a folder with files such as own.toml",
            path.display()
        ))
    };
    let entries = fs::read_dir(folder).map_err(|error| failed(folder, &error))?;
    let mut files = Vec::new();
    for entry in entries {
        let path = entry.map_err(|error| failed(folder, &error))?.path();
        if path.extension().is_none_or(|extension| extension != "toml") {
            continue;
        }
        let text = fs::read_to_string(&path).map_err(|error| failed(&path, &error))?;
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        files.push((name, text));
    }
    if files.is_empty() {
        return Err(failed(folder, &"it has no *.toml").into());
    }
    files.sort();
    Ok(files)
}
