//! Which format a stream has, from its first lines.
//!
//! A line fits a format when its fields are where the format has them and client, time and status
//! read as such. Only numbers leave this file: how many lines there were and how many fit what.

use zeroize::Zeroizing;

use super::{peel, raw::RawBlock};
use crate::{
    field::{Field, LineMap, Reason},
    format::{Format, wrapper},
    transform::{address, request, time},
};

/// How many lines are looked at.
const LINES_MAX: usize = 100;
/// How many bytes of lines are looked at.
const BYTES_MAX: usize = 64 * 1024;

/// How the first lines of a stream fit the formats.
#[derive(Clone, Debug, Default)]
pub struct Recognition {
    /// Lines with at least one byte that were looked at.
    pub lines: usize,
    /// The bytes of these lines with their ends.
    pub bytes: usize,
    /// How many of them fit each format, in the order of [`Format::detected`].
    fits: Vec<usize>,
    /// How many of them at least have the shape of each format.
    shaped: Vec<usize>,
    /// Whether a line begins like a JSON object.
    has_objects: bool,
    /// What a header names that came after these lines.
    header: Option<Format>,
}

impl Recognition {
    /// Looks at the first lines of `block`: at most 100, and no more than 64 KiB of them, so that
    /// what is found does not depend on how much has been read. Empty lines and directives do not count, and
    /// nothing after a header does: it says by itself what follows it.
    #[must_use]
    pub fn of(block: &RawBlock) -> Self {
        let formats: Vec<&'static Format> = Format::detected().collect();
        let none = vec![0; formats.len()];
        let mut found = Self { fits: none.clone(), shaped: none, ..Self::default() };
        for line in block.lines().filter(|line| !line.expose_bytes().is_empty()) {
            if found.is_enough() {
                break;
            }
            match Format::from_header(line.expose_bytes()) {
                Some(header) if found.lines == 0 || header.is_usable() => {
                    found.header = Some(header);
                    break;
                }
                None if !Format::is_directive(line.expose_bytes()) => {}
                _ => continue,
            }
            found.lines += 1;
            found.bytes += line.expose_bytes().len() + 1;
            let mut decoded = Zeroizing::new(Vec::new());
            let mut inner = Ok(line.expose_bytes());
            if let Some(peeled) = wrapper::peel(line.expose_bytes()) {
                inner = peel::inner(line.expose_bytes(), peeled, &mut decoded);
            }
            let Ok(inner) = inner else { continue };
            found.has_objects |= inner.starts_with(b"{");
            for (index, format) in formats.iter().enumerate() {
                match fit(format, inner) {
                    Ok(()) => {
                        found.fits[index] += 1;
                        found.shaped[index] += 1;
                    }
                    Err(Reason::NotThisFormat) => {}
                    Err(_) => found.shaped[index] += 1,
                }
            }
        }
        found
    }

    /// Whether no further line would be looked at.
    #[must_use]
    pub const fn is_enough(&self) -> bool {
        self.lines >= LINES_MAX || self.bytes >= BYTES_MAX || self.header.is_some()
    }

    /// The format that most lines fit, if any does; without lines, what the header names. Where no line before
    /// a header fits anything, it is the header's format without columns: its lines are refused.
    #[must_use]
    pub fn best(&self) -> Option<Format> {
        match &self.header {
            Some(header) if self.lines == 0 => Some(header.clone()),
            Some(header) => most(&self.fits).cloned().or_else(|| Format::named(header.name())),
            None => most(&self.fits).cloned(),
        }
    }

    /// The only format that a line fits, as long as no other one does.
    #[must_use]
    pub fn sole(&self) -> Option<Format> {
        (self.fits.iter().filter(|fits| **fits > 0).count() == 1).then(|| self.best()).flatten()
    }

    /// The format whose shape most lines have although none fits it.
    #[must_use]
    pub fn nearest(&self) -> Option<&'static Format> {
        most(&self.shaped)
    }

    /// The names of the formats that come nearest where none fits: the one whose shape lines have, or the
    /// usual ones of lines that begin like these.
    #[must_use]
    pub fn nearest_names(&self) -> Vec<&'static str> {
        match self.nearest() {
            Some(format) => vec![format.name()],
            None if self.has_objects => vec!["nginx-json", "caddy"],
            None => vec!["combined", "common"],
        }
    }

    /// How many of the first lines of `block`, of which [`Self::of`] takes as many, fit each of `formats`.
    #[must_use]
    pub fn fits_of(block: &RawBlock, formats: &[Format]) -> Vec<usize> {
        let mut looked = Self { fits: vec![0; formats.len()], ..Self::default() };
        for line in block.lines().filter(|line| !line.expose_bytes().is_empty()) {
            if looked.is_enough() {
                break;
            }
            looked.lines += 1;
            looked.bytes += line.expose_bytes().len() + 1;
            for (format, fits) in formats.iter().zip(&mut looked.fits) {
                *fits += usize::from(fit(format, line.expose_bytes()).is_ok());
            }
        }
        looked.fits
    }
}

fn most(counts: &[usize]) -> Option<&'static Format> {
    let (index, count) = counts.iter().enumerate().rev().max_by_key(|(_, count)| **count)?;
    if *count > 0 { Format::detected().nth(index) } else { None }
}

/// Whether the fields of `line` are where `format` has them and read as what they are.
pub(super) fn fit(format: &Format, line: &[u8]) -> Result<(), Reason> {
    let mut map = LineMap::default();
    format.map(line, &mut map)?;
    let time_text = map.part(Field::Time, line);
    match (map.find(Field::Date, line), format.time_pattern()) {
        (Some(date), _) => time::parse_date_and_time(date, time_text)?,
        (None, Some(pattern)) => time::parse_pattern(pattern, time_text)?,
        (None, None) => time::parse_any(time_text)?,
    };
    if let Some(client) = map.find(Field::Client, line) {
        address::parse(client).ok_or(Reason::BadAddress)?;
    }
    if let Some(status) = map.find(Field::Status, line) {
        request::parse_status(status).ok_or(Reason::BadStatus)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::borrow::Borrow;

    use super::*;

    fn of(lines: &str) -> Recognition {
        let mut block = RawBlock::with_capacity(4096);
        block.read_from(&mut lines.as_bytes()).expect("a slice reads");
        Recognition::of(&block)
    }

    fn name(format: Option<impl Borrow<Format>>) -> Option<&'static str> {
        format.map(|format| format.borrow().name())
    }

    #[test]
    fn examples_are_recognised() {
        for format in Format::all() {
            let found = of(&format!("\n{}\n", format.example()));
            assert_eq!(found.lines, usize::from(!format.has_header()));
            assert_eq!(name(found.best()), Some(format.detected_name()));
        }
    }

    #[test]
    fn other_streams_are_not() {
        for text in
            ["", "\n\n", "hello\n", "{\"remote_addr\":\"192.0.2.1\"}\n", "\u{1f}\u{8b}\u{8}\n"]
        {
            let found = of(text);
            assert_eq!((name(found.best()), name(found.nearest())), (None, None), "{text:?}");
        }
        let odd = Format::combined().example().replace("192.0.2.7", "192.0.2.777");
        assert_eq!((name(of(&odd).best()), name(of(&odd).nearest())), (None, Some("combined")));
    }

    #[test]
    fn most_lines_decide() {
        let lines = format!(
            "{}\n{}\n{}\n",
            Format::common().example(),
            Format::combined().example(),
            Format::combined().example()
        );
        assert_eq!((name(of(&lines).sole()), name(of(&lines).best())), (None, Some("combined")));
    }

    #[test]
    fn headers_decide_unless_lines_came_before() {
        let combined = Format::combined().example();
        let header = "#Fields: date time cs-uri-stem sc-status x-edge-location\n";
        for (lines, best, count) in [
            (format!("#Version: 1.0\n\n{header}{combined}\n"), Some("cloudfront"), 0),
            (format!("#Version: 1.0\n{combined}\n{header}"), Some("combined"), 1),
            (format!("no log\n#Version: 1.0\n{header}"), Some("cloudfront"), 1),
            (format!("{combined}\n#Fields: date\n{combined}\n"), Some("combined"), 2),
            ("#Fields: date\nno log\n".to_owned(), Some("w3c"), 0),
            ("#Version: 1.0\n".to_owned(), None, 0),
        ] {
            let found = of(&lines);
            assert_eq!((name(found.best()), found.lines), (best, count), "{lines}");
        }
    }
}
