//! JSON lines, by a map from keys to fields.
//!
//! A line is one object and nothing else. Its keys are looked up in a tree that each format has
//! (`json/names.rs`); what is unknown is skipped and never decoded. A field's span is the text of its value in
//! the line: a string without its quotes, a number as it is written. `null` is a field that is not there.
//!
//! What could be read in two ways is refused: a known key that comes twice in an object, a key that is written
//! with an escape, a value of a type that is none of its field. Strings must be JSON's to the last escape
//! and without control bytes, but need not be UTF-8: with `escape=json`, nginx passes on what visitors
//! send, and what reads a field copes with it.
//!
//! jiter reads the JSON. It searches strings for their end sixteen bytes at once, decodes none that it is
//! not asked for, allocates nothing, and refuses values that are nested deeper than some 200 levels.

mod names;
mod table;
#[cfg(test)]
mod tests;

use jiter::{Jiter, Peek};
use memchr::memchr;

pub(super) use self::{
    names::FORMATS,
    table::{Entry, Kind, Name, Node, Shape, Table, Value},
};
use crate::field::{Escaping, Field, LineMap, Reason, Span};

/// Which keys of an object are which fields.
#[derive(Debug)]
pub(super) struct Keys {
    table: Table,
    escaping: Escaping,
    /// Whether lines hold all headers of a request, so that one that is not there was not sent.
    has_all_headers: bool,
}

impl Keys {
    fn new(names: &[Name], escaping: Escaping) -> Self {
        Self { table: Table::new(names), escaping, has_all_headers: false }
    }

    fn with_all_headers(self) -> Self {
        Self { has_all_headers: true, ..self }
    }

    /// Notes in `map` where the fields of `line` sit.
    #[inline]
    pub(super) fn map(&self, line: &[u8], map: &mut LineMap) -> Result<(), Reason> {
        map.escaping = self.escaping;
        // Most lines have no escape at all, and one look at the whole saves forty at its parts.
        let has_escapes = memchr(b'\\', line).is_some();
        let json = Jiter::new(line);
        let mut reader = Reader { line, has_escapes, json, chosen: Chosen::new(map) };
        reader.line(&self.table).ok_or(Reason::NotThisFormat)?;
        if !reader.chosen.is_a_request() {
            return Err(Reason::NotThisFormat);
        }
        if self.has_all_headers {
            for field in [Field::Referrer, Field::Agent] {
                if !map.has(field) {
                    map.set(field, Span::default(), false);
                }
            }
        }
        if self.escaping == Escaping::Percent {
            return encoded(line, map).ok_or(Reason::NotThisFormat);
        }
        Ok(())
    }
}

/// Marks the fields that are percent-encoded before they are put into JSON. What is encoded has no byte left
/// that JSON escapes.
#[cold]
fn encoded(line: &[u8], map: &mut LineMap) -> Option<()> {
    for field in Field::ALL {
        if map.escaping_of(field).is_some() {
            return None;
        }
    }
    // Paths and queries are read with their own encoding.
    for field in [Field::Referrer, Field::Agent, Field::Cookie] {
        if let Some(span) = map.get(field) {
            map.set(field, span, memchr(b'%', span.of(line)).is_some());
        }
    }
    Some(())
}

struct Reader<'a, 'm> {
    line: &'a [u8],
    has_escapes: bool,
    json: Jiter<'a>,
    chosen: Chosen<'m>,
}

/// Nothing is returned where the line cannot be read.
impl Reader<'_, '_> {
    fn line(&mut self, table: &Table) -> Option<()> {
        self.object(table)?;
        self.json.finish().ok()
    }

    /// An object, down to whose depth the tree of names goes and no deeper.
    fn object(&mut self, table: &Table) -> Option<()> {
        let mut next = self.json.next_object_bytes().ok()?;
        while let Some(name) = next {
            let entry = table.find(name);
            if self.has_escapes && memchr(b'\\', name).is_some() {
                return None;
            }
            let peek = self.json.peek().ok()?;
            match entry {
                None => self.json.known_skip(peek).ok()?,
                Some(entry) => {
                    self.chosen.first_of(entry)?;
                    self.known(&entry.node, peek)?;
                }
            }
            next = self.json.next_key_bytes().ok()?;
        }
        Some(())
    }

    fn known(&mut self, node: &Node, peek: Peek) -> Option<()> {
        match (node, peek) {
            (_, Peek::Null) => self.json.known_null().ok(),
            (Node::Object(table), Peek::Object) => self.object(table),
            (Node::Object(_), _) => None,
            (Node::Value(value), Peek::String) => {
                let (span, escaped) = self.string(peek)?;
                self.chosen.take(self.line, *value, span, escaped);
                Some(())
            }
            (Node::Value(value), Peek::Array) => match value.kind {
                Kind::First | Kind::All => self.strings(*value),
                Kind::Loose => self.json.known_skip(peek).ok(),
                Kind::Plain | Kind::Request => None,
            },
            (Node::Value(value), Peek::Object) if value.kind == Kind::Loose => {
                self.json.known_skip(peek).ok()
            }
            (Node::Value(value), peek) if peek.is_num() => {
                let start = self.json.current_index();
                self.json.known_skip(peek).ok()?;
                let span = Span { start: start as u32, end: self.json.current_index() as u32 };
                self.chosen.take(self.line, *value, span, false);
                Some(())
            }
            (Node::Value(_), _) => None,
        }
    }

    /// Where the text of a string is, and whether it has escapes.
    #[inline]
    fn string(&mut self, peek: Peek) -> Option<(Span, bool)> {
        let start = self.json.current_index() + 1;
        self.json.known_skip(peek).ok()?;
        let end = self.json.current_index() - 1;
        let escaped = self.has_escapes && memchr(b'\\', &self.line[start..end]).is_some();
        Some((Span { start: start as u32, end: end as u32 }, escaped))
    }

    /// An array of strings; one without any is a field that is not there.
    fn strings(&mut self, value: Value) -> Option<()> {
        let Some(peek) = self.json.known_array().ok()? else { return Some(()) };
        let (mut span, mut escaped) = self.element(peek)?;
        while let Some(peek) = self.json.array_step().ok()? {
            let (next, next_escaped) = self.element(peek)?;
            if value.kind == Kind::All {
                span.end = next.end;
                escaped |= next_escaped;
            }
        }
        self.chosen.take(self.line, value, span, escaped);
        Some(())
    }

    fn element(&mut self, peek: Peek) -> Option<(Span, bool)> {
        if peek == Peek::String { self.string(peek) } else { None }
    }
}

/// The values that were chosen so far: of each field the one with the lowest rank, in whatever order they
/// come.
pub(super) struct Chosen<'m> {
    map: &'m mut LineMap,
    ranks: [u8; Field::COUNT],
    /// A bit for each name that came.
    seen: u128,
}

impl<'m> Chosen<'m> {
    /// No value yet; `map` is empty.
    pub(super) fn new(map: &'m mut LineMap) -> Self {
        Self { map, ranks: [u8::MAX; Field::COUNT], seen: 0 }
    }

    /// Nothing if the name came before.
    #[inline]
    pub(super) fn first_of(&mut self, entry: &Entry) -> Option<()> {
        let before = self.seen;
        self.seen |= 1 << entry.number;
        (before != self.seen).then_some(())
    }

    /// Notes a value, unless there is a better one.
    #[inline]
    pub(super) fn take(&mut self, line: &[u8], value: Value, span: Span, escaped: bool) {
        let mut field = value.field;
        let mut span = span;
        match (field, span.of(line)) {
            (Field::Request, [b'/', ..]) if value.kind == Kind::Request => field = Field::Target,
            // Apache's `%t` has brackets.
            (Field::Time, [b'[', .., b']']) => {
                span = Span { start: span.start + 1, end: span.end - 1 };
            }
            _ => {}
        }
        let rank = &mut self.ranks[field as usize];
        if value.rank < *rank {
            *rank = value.rank;
            self.map.set(field, span, escaped);
            if field == Field::Duration {
                self.map.duration_unit = value.unit;
            }
        }
    }

    /// Whether the line tells of a request. A date that belongs to another time than the chosen one goes.
    pub(super) fn is_a_request(&mut self) -> bool {
        if self.map.has(Field::Date) && self.ranks[Field::Time as usize] != 0 {
            self.map.unset(Field::Date);
        }
        let has = |field| self.map.has(field);
        has(Field::Time) && has(Field::Status) && (has(Field::Request) || has(Field::Target))
    }
}
