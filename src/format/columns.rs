//! Columns that a header names: W3C extended (IIS, CloudFront) and quoted CSV (Google Cloud Storage).

use super::Named;
use crate::field::{LineMap, Reason};

pub(super) static FORMATS: [Named; 0] = [];

/// Which columns of a line are which fields.
#[derive(Debug)]
pub(super) struct Columns {}

impl Columns {
    /// Notes in `map` where the fields of `line` sit.
    pub(super) fn map(&self, _line: &[u8], _map: &mut LineMap) -> Result<(), Reason> {
        Err(Reason::NotThisFormat)
    }
}
