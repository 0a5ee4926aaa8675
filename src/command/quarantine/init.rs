//! `tamis quarantine init`: makes a quarantine for those who may open it.

use std::{fmt::Write as _, path::Path, process::ExitCode};

use anyhow::Result;

use super::usage;
use crate::{
    command::{complain, print},
    keys,
    quarantine::{
        disk::Disk,
        recipients::{self, Recipients, Role},
    },
};

/// Runs `tamis quarantine init`.
pub(super) fn run(
    directory: &Path,
    security: &[String],
    dpo: &[String],
    auditor: &[String],
) -> Result<ExitCode> {
    let named = Recipients::name(security, dpo, auditor).map_err(usage)?;
    recipients::init(&Disk::default(), directory, &named, keys::now().unix).map_err(usage)?;
    for role in [Role::Security, Role::Dpo] {
        if named.of(role).len() == 1 {
            complain(format!(
                "--{0} has one recipient: if that key is lost, nobody opens what is sealed from now on; give a \
                 second one to somebody else, or keep a copy of its secret half apart",
                role.word()
            ));
        }
    }
    print(told(directory, &named).as_bytes())
}

fn told(directory: &Path, named: &Recipients) -> String {
    let mut text = format!("quarantine {} in {}\n", named.id, directory.display());
    for role in [Role::Security, Role::Dpo, Role::Auditor] {
        let count = named.of(role).len();
        if count > 0 {
            let plural = if count == 1 { "" } else { "s" };
            let _ = writeln!(text, "  {:<9} {count} recipient{plural}", role.word());
        }
    }
    text += if named.dpo.is_empty() {
        "one person of the role security opens it alone\n"
    } else {
        "one person of each role, security and dpo, are needed to open it\n"
    };
    text
}
