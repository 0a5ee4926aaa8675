//! Door 3: a line back to the person who gave it, field by field, beside what would become of it.
//!
//! This is the one place where raw text comes out, and it does so for one command, `tamis policy explain`, which
//! shows people what a policy makes of a line that they typed or piped in themselves. It is never reached from
//! `filter` or whatever else runs on logs: `tests/tidy.rs` lets nobody name it but that command. What is said of
//! whole logs goes another way and shows no value ([`super::Survey`]).

use std::{fmt, fmt::Write as _, sync::Arc};

use zeroize::Zeroizing;

use super::{Anonymiser, Outcome, peel, raw::RawLine, record::Record};
use crate::{
    field::{Field, LineMap},
    format::{Format, wrapper},
    policy::Plan,
    transform::agent::Classifier,
};

/// The way through door 3.
pub struct ThirdDoor {
    anonymiser: Anonymiser,
}

/// A field of a line with its text. It identifies: it has no `Display`, and its `Debug` prints a length.
pub struct OpenedField {
    /// Which field it is.
    pub field: Field,
    /// Its text; bytes that a terminal might obey are written as `\xNN`.
    pub raw: Zeroizing<String>,
}

impl fmt::Debug for OpenedField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OpenedField({:?}, {} bytes)", self.field, self.raw.len())
    }
}

impl ThirdDoor {
    /// A door for lines of at most `line_bytes_max` bytes under `plan`.
    #[must_use]
    pub fn new(plan: Arc<Plan>, line_bytes_max: usize) -> Self {
        Self {
            anonymiser: Anonymiser::new(plan, Arc::new(Classifier::new()), None, line_bytes_max, 1),
        }
    }

    /// The fields of a line in the order in which they stand there, none if it is not of `format`; and what
    /// becomes of the line. A record goes to `receive`, as at door 1, and here also one that would be held.
    ///
    /// This use is right for a line that the person gave who reads the answer, and for no other.
    pub fn open(
        &mut self,
        format: &Format,
        line: RawLine<'_>,
        receive: impl FnOnce(&Record<'_>),
    ) -> (Vec<OpenedField>, Outcome) {
        let outcome = self.anonymiser.take(format, line, receive);
        let (bytes, mut decoded) = (line.expose_bytes(), Zeroizing::new(Vec::new()));
        let inner = match wrapper::peel(bytes) {
            Some(peeled) => peel::inner(bytes, peeled, &mut decoded).unwrap_or(bytes),
            None => bytes,
        };
        let mut map = LineMap::default();
        if format.map(inner, &mut map).is_err() {
            return (Vec::new(), outcome);
        }
        let mut spans: Vec<_> =
            Field::ALL.into_iter().filter_map(|field| Some((map.get(field)?, field))).collect();
        spans.sort_by_key(|(span, _)| (span.start, span.end));
        let opened = |(span, field): (crate::field::Span, Field)| OpenedField {
            field,
            raw: printable(span.of(inner)),
        };
        (spans.into_iter().map(opened).collect(), outcome)
    }
}

/// Text as it stands in the line, but for what a terminal might obey and what is no ASCII.
fn printable(text: &[u8]) -> Zeroizing<String> {
    // Room for the longest form of each byte, so that no part is left behind where a buffer was before.
    let mut out = Zeroizing::new(String::with_capacity(4 * text.len()));
    for &byte in text {
        match byte {
            b' '..=b'~' => out.push(char::from(byte)),
            _ => write!(out, "\\x{byte:02x}").expect("a string takes all"),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        policy::{Policy, preset},
        privacy::RawBlock,
    };

    #[test]
    fn fields_come_out_as_they_stand() {
        let policy = Policy::parse(preset("baseline").expect("a preset")).expect("reads");
        let plan = Arc::new(Plan::compile(&policy).expect("compiles"));
        let mut door = ThirdDoor::new(plan, 4096);
        let format = Format::combined();
        let text = format.example().replace("/index.html", "/users/al\x1bice");
        let mut block = RawBlock::with_capacity(4096);
        block.read_from(&mut text.as_bytes()).expect("a slice reads");
        let line = block.lines().next().expect("a line");
        let mut records = 0;
        let (fields, outcome) = door.open(&format, line, |_| records += 1);
        assert_eq!((outcome, records), (Outcome::Clean, 1));
        let find = |field| fields.iter().find(|it| it.field == field).map(|it| it.raw.as_str());
        assert_eq!(find(Field::Client), Some("192.0.2.7"));
        assert!(find(Field::Request).is_some_and(|it| it.contains("/users/al\\x1bice")));
        assert!(!format!("{fields:?}").contains("192.0.2.7"));
        let (fields, outcome) = door.open(&Format::named("caddy").expect("a format"), line, |_| {});
        assert!(fields.is_empty() && matches!(outcome, Outcome::Refused(_)));
    }
}
