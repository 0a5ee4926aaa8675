//! What a block of lines left with a worker whose policy holds records: rows in the order of the input.

use zeroize::Zeroize;

use super::likeness::{Likeness, TextId};
use crate::privacy::{record::Record, visitors::Visitor};

/// The records of a block, held.
#[derive(Default)]
pub struct Held {
    pub(super) rows: Vec<Row>,
    pub(super) texts: Texts,
}

/// One held record. Its texts are numbered within their block.
#[derive(Clone, Copy)]
pub(super) struct Row {
    /// The second of the line.
    pub(super) unix: i64,
    pub(super) visitor: Visitor,
    pub(super) likeness: Likeness,
}

impl Held {
    /// Forgets the rows and keeps their room.
    pub fn clear(&mut self) {
        self.rows.iter_mut().for_each(|row| row.visitor.zeroize());
        self.rows.clear();
        self.texts.clear();
    }

    /// Holds a record.
    pub(in crate::privacy) fn add(&mut self, record: &Record<'_>) {
        let texts = &mut self.texts;
        let likeness = Likeness::of(record, |text| texts.push(text));
        let (unix, visitor) = (record.minute.seconds(), record.visit.visitor);
        self.rows.push(Row { unix, visitor, likeness });
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.clear();
    }
}

/// Clean texts, one behind the other.
#[derive(Default)]
pub(super) struct Texts {
    bytes: Vec<u8>,
    /// Where each ends.
    ends: Vec<usize>,
}

impl Texts {
    /// Adds a text.
    pub(super) fn push(&mut self, text: &[u8]) -> TextId {
        self.bytes.extend_from_slice(text);
        self.ends.push(self.bytes.len());
        TextId::at(self.ends.len() - 1)
    }

    /// A text, which has no byte where there is none.
    pub(super) fn get(&self, id: TextId) -> &[u8] {
        let Some(index) = id.index() else { return b"" };
        let start = index.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.bytes[start..self.ends[index]]
    }

    /// How many texts there are.
    pub(super) const fn len(&self) -> usize {
        self.ends.len()
    }

    /// How many bytes they have together.
    pub(super) const fn bytes(&self) -> usize {
        self.bytes.len()
    }

    fn clear(&mut self) {
        self.bytes.clear();
        self.ends.clear();
    }
}
