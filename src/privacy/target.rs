//! What was asked for, out of a line: for a survey of names and for the search for what leaked. It is raw, and stays in
//! memory that is overwritten.

use zeroize::Zeroizing;

use crate::{
    field::{Field, LineMap},
    transform::{escape, request},
};

/// Appends the target of a request, with the escapes of the log undone.
pub(super) fn target_of(line: &[u8], map: &LineMap, out: &mut Vec<u8>) -> Option<()> {
    let push = |field: Field, out: &mut Vec<u8>| {
        let text = map.find(field, line)?;
        match map.escaping_of(field) {
            None => out.extend_from_slice(text),
            Some(escaping) => escape::undo(text, escaping, out)?,
        }
        Some(())
    };
    if map.has(Field::Request) {
        let mut whole = Zeroizing::new(Vec::new());
        push(Field::Request, &mut whole)?;
        out.extend_from_slice(request::parse(&whole).target?);
        return Some(());
    }
    push(Field::Target, out)?;
    let query = map.find(Field::Query, line).filter(|query| !matches!(*query, b"" | b"-"));
    if let Some(query) = query
        && !out.contains(&b'?')
    {
        if query[0] != b'?' {
            out.push(b'?');
        }
        push(Field::Query, out)?;
    }
    Some(())
}
