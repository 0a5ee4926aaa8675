//! What the targets share: a map must lie in its line.

use tamis::field::{Field, LineMap};
use tamis::format::Format;

/// Maps `line` and holds that every span lies in it.
pub fn map(format: &Format, line: &[u8]) {
    let mut map = LineMap::default();
    if format.map(line, &mut map).is_ok() {
        for field in Field::ALL {
            if let Some(span) = map.get(field) {
                assert!(span.start <= span.end && span.end as usize <= line.len(), "{field:?}");
            }
        }
    }
}

/// The formats whose names `is_wanted` accepts.
#[allow(dead_code, reason = "not every target chooses by name")]
pub fn formats(is_wanted: fn(&str) -> bool) -> Vec<Format> {
    Format::all().iter().filter(|format| is_wanted(format.name())).cloned().collect()
}
