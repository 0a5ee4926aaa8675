//! Keys of runs over old logs, which no clock drives: they live until the run says that it is complete.
//!
//! A run that is killed goes on with the same tokens, so its key is in the directory meanwhile. Beside it lies the
//! key under which contents have names; it names no visitor, and stays.

use std::path::Path;

use super::{KeysError, directory::Directory, random};
use crate::{
    privacy::ContentKey,
    transform::pseudonym::{EpochKey, RunKey, Secret},
};

/// The key of the run of this name, which is drawn if it may be and is not there.
///
/// # Errors
///
/// The directory cannot be used.
pub fn run_key(path: &Path, run: &str, may_draw: bool) -> Result<Option<RunKey>, KeysError> {
    secret(path, &name(run), may_draw).map(|found| found.map(RunKey::new))
}

/// The key under which contents have names, which is drawn if it is not there.
///
/// # Errors
///
/// The directory cannot be used.
pub fn content_key(path: &Path) -> Result<ContentKey, KeysError> {
    let secret = secret(path, "content.key", true)?.expect("it is drawn when it is not there");
    Ok(ContentKey::new(&secret))
}

/// Destroys the key of a run.
///
/// # Errors
///
/// The directory cannot be used; then the key may be left.
pub fn destroy_run_key(path: &Path, run: &str) -> Result<(), KeysError> {
    let Some(directory) = Directory::open(path, false)? else { return Ok(()) };
    let locked = directory.lock()?;
    locked.destroy_secret(&name(run))
}

fn name(run: &str) -> String {
    format!("batch-{run}.key")
}

fn secret(path: &Path, name: &str, may_draw: bool) -> Result<Option<Secret>, KeysError> {
    let directory = Directory::open(path, true)?.expect("it is made when it is not there");
    let locked = directory.lock()?;
    let found = locked.secret(name)?;
    if found.is_some() || !may_draw {
        return Ok(found);
    }
    locked.put_secret(name, &EpochKey::new(random()?))?;
    locked.secret(name)
}
