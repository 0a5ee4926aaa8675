//! Labelled tab-separated values: `label:value` joined with tabs (ltsv.org).

use super::Named;
use crate::field::{LineMap, Reason};

pub(super) static FORMATS: [Named; 0] = [];

/// Notes in `map` where the fields of `line` sit.
pub(super) fn map(_line: &[u8], _map: &mut LineMap) -> Result<(), Reason> {
    Err(Reason::NotThisFormat)
}
