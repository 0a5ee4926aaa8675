//! The quarantine of a run: opened before it, waited for when it is full, finished with it.

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use anyhow::Result;

use super::{
    Usage, complain,
    quarantine::{cases::runtime_cases, usage},
};
use crate::{
    engine::Sealing,
    keys,
    policy::Plan,
    privacy::LiveCases,
    quarantine::{
        disk::Disk,
        store::{Now, WhenFull, Writer},
    },
    source::Progress,
};

/// How long to wait for room before it is looked again.
const PATIENCE: Duration = Duration::from_secs(1);

/// Opens the quarantine in `path` for the lines that `plan` lets be sealed.
pub(super) fn start(path: &Path, plan: &Plan, progress: &Progress) -> Result<Sealing> {
    let Some(rule) = plan.seal else {
        return Err(Usage(format!(
            "cannot seal lines in {}: the policy {} has no quarantine; name one that has [quarantine] with --policy",
            path.display(),
            plan.name
        ))
        .into());
    };
    let when_full = if rule.sheds { WhenFull::Shed } else { patient(path, progress) };
    let writer = Writer::open(&Disk::default(), path, when_full, clock()).map_err(usage)?;
    Ok(Sealing::start(writer, clock)?)
}

/// The cases that somebody opened, if the policy lets their lines be sealed.
pub(super) fn cases(plan: &Plan, directory: Option<&PathBuf>) -> Option<Arc<LiveCases>> {
    let directory = || directory.cloned().or_else(runtime_cases);
    plan.seal.filter(|rule| rule.cases).and_then(|_| directory()).map(LiveCases::new)
}

/// Waits for room, says so once, and gives up when the run is stopped.
fn patient(path: &Path, progress: &Progress) -> WhenFull {
    let (path, progress) = (path.to_owned(), progress.clone());
    let was_said = AtomicBool::new(false);
    WhenFull::Block(Arc::new(move || {
        if !was_said.swap(true, Ordering::SeqCst) {
            complain(format!(
                "there is no room for the quarantine {}: waiting until there is; make room, or stop with Ctrl-C",
                path.display()
            ));
        }
        // In steps, so that a stop is not waited for long.
        for _ in 0..10 {
            if progress.is_stopped() {
                return false;
            }
            thread::sleep(PATIENCE / 10);
        }
        true
    }))
}

fn clock() -> Now {
    let (unix, steady) = keys::seconds();
    Now { unix, steady }
}
