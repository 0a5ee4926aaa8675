//! What was done: a file in the output folder, from which the next run goes on.
//!
//! It has names, sizes, counts, and names of contents under a key that is not in it. It has no times of runs, so that
//! doing the same again leaves the same bytes. It is replaced as a whole, after the outputs that it tells of are
//! durable: what a killed run has not written down is done again.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, anyhow};
use serde::{Deserialize, Serialize};

use crate::sink::write_durably;

/// Its name.
pub(super) const NAME: &str = ".tamis-manifest.json";

/// How often it is written while a run goes on.
pub(super) const INTERVAL: Duration = Duration::from_secs(1);

/// What there is of an input.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum State {
    /// All of it.
    Whole,
    /// What came before it was damaged.
    Partial,
    /// Nothing.
    #[default]
    Failed,
    /// Another input has the same content.
    Same,
}

/// How what was counted of an input is kept, to be joined with the counts of others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Counted {
    /// As a whole.
    File,
    /// By day or hour.
    Windows,
}

/// What was done with an input.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Entry {
    /// Its name below what all inputs have in common.
    pub(super) input: String,
    pub(super) state: State,
    /// What it is: plain, gzip and so on.
    pub(super) kind: String,
    /// Its size and the time of its last change, by which it is known again.
    pub(super) bytes: u64,
    pub(super) modified: String,
    /// The names of the beginning of its content and of all of it, where there is a key for such names.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) head: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) content: Option<String>,
    /// The output of the input that has the same content.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) same_as: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) format: Option<String>,
    pub(super) policy_hash: String,
    pub(super) options: String,
    pub(super) read: u64,
    pub(super) clean: u64,
    pub(super) refused: BTreeMap<String, u64>,
    pub(super) opted_out: u64,
    pub(super) filtered: u64,
    /// How many lines were sealed, and in which quarantine.
    #[serde(skip_serializing_if = "is_zero", default)]
    pub(super) sealed: u64,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(super) sealed_in: Option<String>,
    /// How what was counted lies beside the output, if it does.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(super) counted: Option<Counted>,
    /// The size of the output, before and after compression.
    pub(super) rendered_bytes: u64,
    pub(super) output_bytes: u64,
    /// What went wrong.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub(super) problems: Vec<String>,
    /// The original was deleted, or is about to be.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub(super) deleted: bool,
}

/// What was done with all inputs, by their outputs.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Manifest {
    version: u32,
    /// The key under which contents have names.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) content_key: Option<String>,
    /// While a run with tokens is not complete: the name of its key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) run: Option<String>,
    /// The run with that key is complete, and the key about to be destroyed.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub(super) is_complete: bool,
    pub(super) outputs: BTreeMap<String, Entry>,
    #[serde(skip)]
    path: PathBuf,
    #[serde(skip)]
    written: Option<Instant>,
}

impl Manifest {
    /// The manifest of an output folder, which is new where there is none.
    pub(super) fn load(folder: &Path) -> Result<Self> {
        let path = folder.join(NAME);
        let manifest = match fs::read(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Self::default(),
            Err(error) => {
                return Err(error).with_context(|| format!("cannot read {}", path.display()));
            }
            // Of the error, which may quote, only the place is told.
            Ok(text) => serde_json::from_slice::<Self>(&text).map_err(|error| {
                anyhow!(
                    "cannot read {}: it is no manifest at line {}; move it away to begin anew",
                    path.display(),
                    error.line()
                )
            })?,
        };
        Ok(Self { version: 1, path, ..manifest })
    }

    /// Writes it, so that it is there after a crash.
    pub(super) fn save(&mut self) -> Result<()> {
        let mut text = serde_json::to_vec_pretty(self).context("cannot write the manifest")?;
        text.push(b'\n');
        write_durably(&self.path, &text)
            .with_context(|| format!("cannot write {}", self.path.display()))?;
        self.written = Some(Instant::now());
        Ok(())
    }

    /// Whether it was not written for so long.
    pub(super) fn is_due(&self, interval: Duration) -> bool {
        self.written.is_none_or(|written| written.elapsed() >= interval)
    }

    /// The entries of an input, with their outputs.
    pub(super) fn of<'a>(
        &'a self,
        input: &'a str,
    ) -> impl Iterator<Item = (&'a String, &'a Entry)> {
        self.outputs.iter().filter(move |(_, entry)| entry.input == input)
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
const fn is_zero(number: &u64) -> bool {
    *number == 0
}
