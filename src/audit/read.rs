//! Clean records as tamis writes them: JSON lines, also in groups, and CSV.
//!
//! What is no record ends the reading with the number of its line. Nothing of it is told: it may be raw.

use std::{
    fmt,
    io::{self, BufRead},
};

use serde_json::{Map, Value};

use super::row::{Facet, ROWS_MAX, Row, Rows};
use crate::field::Key;

/// The longest line of a record.
const LINE_BYTES_MAX: u64 = 1 << 20;

/// Records that were read.
#[derive(Debug, Default)]
pub struct Records {
    rows: Rows,
    /// The first records.
    pub read: Vec<Row>,
    /// How many records there were.
    pub count: u64,
}

/// Why something is no file of clean records.
#[derive(Debug)]
#[non_exhaustive]
pub enum NotClean {
    /// It cannot be read.
    Io(io::Error),
    /// The line of this number is no record.
    Line(u64),
}

impl fmt::Display for NotClean {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => write!(f, "{error}"),
            Self::Line(number) => {
                write!(
                    f,
                    "line {number} is no record; name a file that tamis wrote as jsonl or csv"
                )
            }
        }
    }
}

impl std::error::Error for NotClean {}

impl Records {
    /// Reads one output.
    ///
    /// # Errors
    ///
    /// It cannot be read, or is none.
    pub fn add(&mut self, input: &mut dyn BufRead) -> Result<(), NotClean> {
        let (mut line, mut number) = (Vec::new(), 0);
        let mut columns: Option<Vec<Option<Facet>>> = None;
        loop {
            line.clear();
            let mut limited = io::Read::take(&mut *input, LINE_BYTES_MAX);
            if limited.read_until(b'\n', &mut line).map_err(NotClean::Io)? == 0 {
                return Ok(());
            }
            number += 1;
            let text = std::str::from_utf8(&line).map_err(|_| NotClean::Line(number))?;
            let text = text.trim_end_matches(['\n', '\r']);
            let mut row = Row::default();
            let is_record = match &columns {
                None if text.starts_with('{') => self.set_json(text, &mut row),
                None if number == 1 => {
                    columns = Some(header(text).ok_or(NotClean::Line(number))?);
                    continue;
                }
                None => None,
                Some(columns) => self.set_csv(text, columns, &mut row),
            };
            is_record.ok_or(NotClean::Line(number))?;
            self.count += 1;
            if self.read.len() < ROWS_MAX {
                self.read.push(row);
            }
        }
    }

    fn set_json(&self, text: &str, row: &mut Row) -> Option<()> {
        let keys: Map<String, Value> = serde_json::from_str(text).ok()?;
        for (name, value) in &keys {
            match value {
                // A group: the query, which is one too, is no facet.
                Value::Object(group) if key(name).is_none() => {
                    for (name, value) in group {
                        self.set(row, name, value)?;
                    }
                }
                _ => self.set(row, name, value)?,
            }
        }
        Some(())
    }

    fn set(&self, row: &mut Row, name: &str, value: &Value) -> Option<()> {
        key(name)?;
        if let Some(facet) = Facet::named(name) {
            match value {
                Value::String(text) => self.rows.set(row, facet, text),
                other => self.rows.set(row, facet, &other.to_string()),
            }
        }
        Some(())
    }

    fn set_csv(&self, text: &str, columns: &[Option<Facet>], row: &mut Row) -> Option<()> {
        let cells = cells(text)?;
        if cells.len() != columns.len() {
            return None;
        }
        for (facet, cell) in columns.iter().zip(&cells) {
            if let (Some(facet), false) = (facet, cell.is_empty()) {
                self.rows.set(row, *facet, cell);
            }
        }
        Some(())
    }
}

fn key(name: &str) -> Option<Key> {
    Key::ALL.into_iter().find(|key| key.name() == name)
}

/// What the columns of a header are.
fn header(text: &str) -> Option<Vec<Option<Facet>>> {
    let names = text.split(',').map(|name| name.rsplit('.').next().unwrap_or(name));
    names.map(|name| key(name).map(|_| Facet::named(name))).collect()
}

/// The cells of a line (RFC 4180).
fn cells(line: &str) -> Option<Vec<String>> {
    let (mut cells, mut cell, mut symbols) = (Vec::new(), String::new(), line.chars().peekable());
    let mut is_quoted = false;
    while let Some(symbol) = symbols.next() {
        match symbol {
            '"' if is_quoted && symbols.peek() == Some(&'"') => {
                symbols.next();
                cell.push('"');
            }
            '"' => is_quoted = !is_quoted,
            ',' if !is_quoted => cells.push(std::mem::take(&mut cell)),
            symbol => cell.push(symbol),
        }
    }
    cells.push(cell);
    (!is_quoted).then_some(cells)
}
