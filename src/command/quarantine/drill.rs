//! `tamis quarantine drill`: whether the secret keys that people have open what is sealed, tried on a segment that is
//! made for it and has nothing of anybody.

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::Result;
use serde_json::json;

use super::usage;
use crate::{
    command::{FAILED, GATE, complain, print},
    keys,
    privacy::{SegmentKey, Unsealer, test_body},
    quarantine::{
        audit::{Audit, Intent, Who},
        disk::Disk,
        identity::Identities,
        inventory::Inventory,
        layout::{Layout, Tree},
        recipients::{Recipients, Role},
    },
};

/// The line of the test segment.
const LINE: &str = "tamis quarantine drill";

/// Runs `tamis quarantine drill`.
pub(super) fn run(directory: &Path, files: &[PathBuf]) -> Result<ExitCode> {
    let layout = Layout::new(directory);
    let recipients = Recipients::load(&layout).map_err(usage)?;
    let inventory = Inventory::load(&layout).map_err(usage)?;
    let identities = Identities::load(files).map_err(usage)?;
    let mut audit = Audit::open(&Disk::default(), &layout, &recipients, Who::am_i())?;
    let roles = identities.roles(&recipients);
    let intent = Intent { what: "drill", roles: roles.clone(), ..Intent::default() };
    let now = keys::now().unix;
    let begun = audit.begin(now, &intent)?;
    let (secret, public) = Identities::draw();
    let opened = identities.unwrap_bytes(&recipients.wrap(&secret));
    let reads = opened.is_some_and(|key| shows_line(&public, &key));
    // And the newest that was really sealed: its key only, none of its lines.
    let newest = inventory.live().last().map(|held| held.entry.id);
    let newest = newest.map(|id| (id, identities.unwrap(&layout, None, id).is_ok()));
    let is_good = reads && newest.is_none_or(|(_, opens)| opens);
    audit.end(now, &begun, &[("complete", json!(is_good))])?;
    if !reads {
        let needed: Vec<_> = [Role::Security, Role::Dpo]
            .into_iter()
            .filter(|role| !recipients.of(*role).is_empty() && !roles.contains(role))
            .map(Role::word)
            .collect();
        complain(format!(
            "the drill failed: these keys do not open what is sealed in {}; missing is a key of {}",
            directory.display(),
            needed.join(" and of ")
        ));
        return Ok(ExitCode::from(GATE));
    }
    match newest {
        Some((id, false)) => {
            let path = layout.file(Tree::Keys, id);
            complain(format!(
                "the drill failed: these keys open what is sealed from now on, and not {}; was it sealed for others?",
                path.display()
            ));
            Ok(ExitCode::from(FAILED))
        }
        Some((id, true)) => {
            print(format!("a test segment opens, and so does the key of {id}\n").as_bytes())
        }
        None => print(b"a test segment opens\n"),
    }
}

/// Whether the key opens a segment that is sealed for it.
fn shows_line(public: &str, key: &SegmentKey) -> bool {
    let Ok(body) = test_body(public, LINE) else { return false };
    let Ok(mut unsealer) = Unsealer::new(&body[..], key) else { return false };
    matches!(unsealer.next(), Ok(Some(line)) if line.show_bytes() == LINE.as_bytes())
}
