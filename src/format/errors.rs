//! The error logs of nginx and Apache.

use super::Named;
use crate::field::{LineMap, Reason};

pub(super) static FORMATS: [Named; 0] = [];

/// Notes in `map` where the fields of a line of nginx's error log sit.
pub(super) fn map_nginx(_line: &[u8], _map: &mut LineMap) -> Result<(), Reason> {
    Err(Reason::NotThisFormat)
}

/// Notes in `map` where the fields of a line of Apache's error log sit.
pub(super) fn map_apache(_line: &[u8], _map: &mut LineMap) -> Result<(), Reason> {
    Err(Reason::NotThisFormat)
}
