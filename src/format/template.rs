//! Formats that are strings with variables in them, compiled to a parser of a line.
//!
//! A template is a row of pieces: a literal, then a value. A value ends where the literal after it
//! stands, and its class says which of several such places is meant. There is no other
//! backtracking: the first place that fits is taken, and a line that does not go on as the template does is
//! refused. Bytes that a server escapes cannot stand bare in a value: that is what keeps a visitor's
//! text from passing for the next column.
//!
//! The strings themselves are read elsewhere: `nginx.rs`, `apache.rs`, and `notation.rs` for the formats that
//! have a name. They build a template with a [`Builder`].

use memchr::{memchr, memchr_iter, memmem};

use super::{
    StringError, pattern,
    primitive::{closing_quote, skip_spaces},
};
use crate::field::{DurationUnit, Escaping, Field, LineMap, Reason, Span, TimeItem, TimePattern};

/// From how many bytes on what may follow a place is taken for no number any more. Without an end, a line of
/// nothing but dots would be read as often as it has dots.
const NUMBER_BYTES_END: usize = 64;

/// How a value looks, and so where it ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    /// Text without white space.
    Word,
    /// Digits, dots and minus signs.
    Number,
    /// A time in the Common Log Format without its brackets, 26 bytes.
    Clf,
    /// A date and a time of day as ISO 8601 has them, which need no pattern to be read.
    Iso,
    /// A time of a pattern.
    Pattern,
    /// `HTTP/` and a version, or a dash.
    Protocol,
    /// Words with `, ` or ` : ` between them: what upstream servers took.
    List,
    /// Any number of spaces, also none.
    Spaces,
    /// Text in quotes, with them, or a dash without.
    Quoted,
    /// Any text.
    Text,
}

/// A value and what it is used for.
#[derive(Clone, Debug)]
pub(super) struct Capture {
    /// What it is; nothing when it is dropped.
    pub(super) field: Option<Field>,
    /// Of several values of one field, that of the lowest rank is used.
    pub(super) rank: u8,
    pub(super) class: Class,
    /// Whether a dash may stand there instead.
    pub(super) may_be_dash: bool,
    /// The unit, if it is a duration.
    pub(super) unit: DurationUnit,
    /// The pattern, if it is a time that a pattern describes.
    pub(super) pattern: Vec<TimeItem>,
}

impl Capture {
    /// A value that is dropped.
    pub(super) const fn dropped(class: Class) -> Self {
        Self {
            field: None,
            rank: 0,
            class,
            may_be_dash: false,
            unit: DurationUnit::Seconds,
            pattern: Vec::new(),
        }
    }

    /// A value that is a field.
    pub(super) fn of(field: Field, class: Class) -> Self {
        Self { field: Some(field), ..Self::dropped(class) }
    }

    /// The same with another rank.
    pub(super) fn ranked(self, rank: u8) -> Self {
        Self { rank, ..self }
    }

    /// A duration of that unit.
    pub(super) fn duration(unit: DurationUnit, class: Class) -> Self {
        Self { unit, ..Self::of(Field::Duration, class) }
    }

    /// A time that `items` describe.
    pub(super) fn time(items: Vec<TimeItem>) -> Self {
        Self { pattern: items, ..Self::of(Field::Time, Class::Pattern) }
    }
}

#[derive(Debug)]
struct Piece {
    /// What stands before the value.
    literal: Box<[u8]>,
    capture: Capture,
}

/// A compiled format.
#[derive(Debug)]
pub(super) struct Template {
    pieces: Box<[Piece]>,
    /// What stands after the last value.
    end: Box<[u8]>,
    /// Whether anything may follow after white space.
    is_open: bool,
    /// How the server escapes; nothing if it does not.
    escaping: Option<Escaping>,
    time: Box<TimePattern>,
    unit: DurationUnit,
}

impl Template {
    /// The pattern of the time, if one describes it.
    pub(super) fn time_pattern(&self) -> Option<&TimePattern> {
        (!self.time.is_empty()).then_some(&*self.time)
    }

    /// Whether the format has `field`.
    pub(super) fn has(&self, field: Field) -> bool {
        self.pieces.iter().any(|piece| piece.capture.field == Some(field))
    }

    /// Notes in `map` where the fields of `line` sit.
    pub(super) fn map(&self, line: &[u8], map: &mut LineMap) -> Result<(), Reason> {
        map.escaping = self.escaping.unwrap_or_default();
        map.duration_unit = self.unit;
        let mut at = skip_spaces(line);
        for (index, piece) in self.pieces.iter().enumerate() {
            at = after_literal(line, at, &piece.literal).ok_or(Reason::NotThisFormat)?;
            let end = at + self.length(index, &line[at..]).ok_or(Reason::NotThisFormat)?;
            if let Some(field) = piece.capture.field {
                let mut value = &line[at..end];
                if piece.capture.class == Class::Protocol {
                    value = value.trim_ascii_end();
                }
                let span = Span { start: at as u32, end: (at + value.len()) as u32 };
                map.set(field, span, self.is_escaped(value));
            }
            at = end;
        }
        let at = after_literal(line, at, &self.end).ok_or(Reason::NotThisFormat)?;
        let is_over = match line.get(at) {
            None => true,
            Some(byte) => self.is_open && matches!(byte, b' ' | b'\t'),
        };
        if is_over { Ok(()) } else { Err(Reason::NotThisFormat) }
    }

    fn is_escaped(&self, value: &[u8]) -> bool {
        match self.escaping {
            None => false,
            Some(Escaping::Log | Escaping::Json) => memchr(b'\\', value).is_some(),
            Some(Escaping::Hash) => memchr(b'#', value).is_some(),
            Some(Escaping::Plus) => memchr(b'+', value).is_some(),
            Some(Escaping::Percent) => memchr(b'%', value).is_some(),
        }
    }

    /// Whether a backslash keeps the quote after it from ending a value.
    fn has_backslashes(&self) -> bool {
        matches!(self.escaping, Some(Escaping::Log | Escaping::Json))
    }

    /// Whether a path follows the value of that index without anything between them.
    fn is_before_path(&self, index: usize) -> bool {
        self.pieces.get(index + 1).is_some_and(|next| next.literal.is_empty())
    }

    /// What stands after the value of that index.
    fn literal_after(&self, index: usize) -> &[u8] {
        self.pieces.get(index + 1).map_or(&self.end, |piece| &piece.literal)
    }

    /// How long the value of that index is, which `text` begins with.
    fn length(&self, index: usize, text: &[u8]) -> Option<usize> {
        let literal = self.literal_after(index);
        let capture = &self.pieces[index].capture;
        if capture.may_be_dash && text.first() == Some(&b'-') && text[1..].starts_with(literal) {
            return Some(1);
        }
        match capture.class {
            Class::Clf => is_clf(text).then_some(26),
            Class::Number => {
                let length = number(text);
                // Only a server that escapes in the manner of logs writes a dash for what is not there.
                (length > 0 || self.escaping != Some(Escaping::Log)).then_some(length)
            }
            Class::Word | Class::Text if self.is_before_path(index) => Some(host(text)),
            Class::Word => self.word(index, literal, text),
            Class::Protocol => self.protocol(index, literal, text),
            Class::List => list(literal, text),
            Class::Spaces => Some(skip_spaces(text)),
            Class::Iso => iso(text),
            Class::Pattern => pattern::length(&capture.pattern, text),
            Class::Quoted => match text {
                [b'"', rest @ ..] => closing_quote(rest).map(|(length, _)| length + 2),
                _ => text.starts_with(b"-").then_some(1),
            },
            Class::Text => self.text(index, literal, text),
        }
    }

    fn word(&self, index: usize, literal: &[u8], text: &[u8]) -> Option<usize> {
        match literal.first() {
            Some(b':') if self.class(index + 1) == Some(Class::Number) => {
                self.before_port(index, literal, &text[..word_end(text)])
            }
            None => Some(word_end(text)),
            Some(b' ') => memchr(b' ', text).filter(|length| *length > 0),
            Some(b'\t') => memchr(b'\t', text),
            Some(_) => {
                let end = word_end(text);
                self.first_fitting(index, literal, text).filter(|length| *length <= end)
            }
        }
    }

    /// The length of an address or name before its port: addresses have colons too, so that it is the
    /// last one that stands before a number and what follows that.
    fn before_port(&self, index: usize, literal: &[u8], word: &[u8]) -> Option<usize> {
        let next = self.literal_after(index + 1);
        let next = &next[..word_end(next)];
        memmem::rfind_iter(word, literal).find(|at| {
            let port = &word[at + literal.len()..];
            let digits = port.iter().take_while(|byte| byte.is_ascii_digit()).count();
            let after = &port[digits..];
            digits > 0 && if next.is_empty() { after.is_empty() } else { after.starts_with(next) }
        })
    }

    fn class(&self, index: usize) -> Option<Class> {
        self.pieces.get(index).map(|piece| piece.capture.class)
    }

    /// nginx has nothing for a protocol where a request was none, and takes the spaces along that
    /// stood at the end of the request.
    fn protocol(&self, index: usize, literal: &[u8], text: &[u8]) -> Option<usize> {
        if literal.is_empty() {
            return Some(word_end(text));
        }
        let length = self.first_fitting(index, literal, text)?;
        (text[..length].trim_ascii_end().len() <= word_end(text)).then_some(length)
    }

    fn text(&self, index: usize, literal: &[u8], text: &[u8]) -> Option<usize> {
        if index + 1 == self.pieces.len() && !self.is_open {
            let length = text.len().checked_sub(literal.len())?;
            return self.may_be(&text[..length], literal).then_some(length);
        }
        if self.has_backslashes() && literal.first() == Some(&b'"') {
            return closing_quote(text).map(|(length, _)| length);
        }
        // Proxies are listed with a space after each comma.
        let is_list = self.pieces[index].capture.field == Some(Field::Forwarded);
        let listed = is_list.then(|| list(literal, text)).flatten();
        let listed = listed.filter(|length| text[*length..].starts_with(literal));
        let length = listed.or_else(|| self.first_fitting(index, literal, text))?;
        self.may_be(&text[..length], literal).then_some(length)
    }

    /// Whether a value before `literal` may look like this: a quote in it must be escaped where the server
    /// escapes, and must not look like the end of the value where it does not. `""` is what Apache writes
    /// for an empty user.
    fn may_be(&self, value: &[u8], literal: &[u8]) -> bool {
        if self.escaping.is_none() {
            // Squid ends what it cuts off at the end of its buffer with a NUL and no line feed, so that the next
            // line follows in the same one.
            let is_cut = memchr(0, value).is_some();
            return !is_cut
                && (!literal.starts_with(b"\"") || memmem::find(value, b"\" ").is_none());
        }
        if self.has_backslashes() {
            match closing_quote(value) {
                None => !ends_in_backslash(value) || literal.first() != Some(&b'"'),
                Some(_) => value == b"\"\"",
            }
        } else {
            memchr(b'"', value).is_none()
        }
    }

    /// Where `literal` stands for the first time so that the next value may follow.
    fn first_fitting(&self, index: usize, literal: &[u8], text: &[u8]) -> Option<usize> {
        if literal.is_empty() {
            return Some(text.len());
        }
        let Some(next) = self.pieces.get(index + 1) else {
            // What ends the line ends it at its end.
            if !self.is_open {
                return text.strip_suffix(literal).map(<[u8]>::len);
            }
            return memmem::find(text, literal);
        };
        memchr_iter(literal[0], text).find(|at| {
            starts_with(&text[*at..], literal)
                && self.may_begin(index + 1, &next.capture, &text[at + literal.len()..])
        })
    }

    /// Whether the value of that index may begin here.
    fn may_begin(&self, index: usize, capture: &Capture, text: &[u8]) -> bool {
        let goes_on = |length: usize| starts_with(&text[length..], self.literal_after(index));
        if capture.may_be_dash && text.first() == Some(&b'-') && goes_on(1) {
            return true;
        }
        match capture.class {
            // The whole number is looked at: an IPv6 address has many colons before its port's.
            Class::Number => {
                let length = number(&text[..text.len().min(NUMBER_BYTES_END)]);
                (1..NUMBER_BYTES_END).contains(&length) && goes_on(length)
            }
            // What a visitor wrote may look like a time, but hardly like what the server puts behind it.
            Class::Clf => is_clf(text) && goes_on(26),
            Class::Iso => iso(text).is_some_and(goes_on),
            Class::Pattern => pattern::length(&capture.pattern, text).is_some_and(goes_on),
            Class::Quoted => matches!(text.first(), Some(b'"' | b'-')),
            Class::Protocol => {
                let literal = self.literal_after(index);
                let is_empty = !literal.is_empty() && text.starts_with(literal);
                text.starts_with(b"HTTP") || is_empty || is_dash(text, literal)
            }
            Class::Word | Class::List | Class::Spaces | Class::Text => true,
        }
    }
}

fn after_literal(line: &[u8], at: usize, literal: &[u8]) -> Option<usize> {
    starts_with(&line[at..], literal).then_some(at + literal.len())
}

/// Whether `text` starts with `literal`, which mostly has a byte or two: a call for each of them took a tenth of
/// the time of a line.
#[inline(always)]
fn starts_with(text: &[u8], literal: &[u8]) -> bool {
    match literal {
        [] => true,
        [first] => text.first() == Some(first),
        [first, second] => text.first_chunk() == Some(&[*first, *second]),
        [first, second, third] => text.first_chunk() == Some(&[*first, *second, *third]),
        _ => text.starts_with(literal),
    }
}

/// The times of [`Class::Iso`], as patterns: a date and a time of day with a `T` or a space between them, and
/// perhaps a fraction and an offset.
fn is_iso(items: &[TimeItem]) -> bool {
    const DATE: [TimeItem; 5] = [
        TimeItem::Year,
        TimeItem::Literal(b'-'),
        TimeItem::Month,
        TimeItem::Literal(b'-'),
        TimeItem::Day,
    ];
    const CLOCK: [TimeItem; 5] = [
        TimeItem::Hour,
        TimeItem::Literal(b':'),
        TimeItem::Minute,
        TimeItem::Literal(b':'),
        TimeItem::Second,
    ];
    let rest = items.strip_prefix(&DATE[..]).and_then(|rest| match rest {
        [TimeItem::Literal(b'T' | b' '), rest @ ..] => rest.strip_prefix(&CLOCK[..]),
        _ => None,
    });
    let Some(rest) = rest else { return false };
    let rest = match rest {
        [TimeItem::Literal(b'.'), TimeItem::Fraction, rest @ ..] => rest,
        _ => rest,
    };
    matches!(rest, [] | [TimeItem::Offset])
}

/// How long such a time is.
fn iso(text: &[u8]) -> Option<usize> {
    let head = text.first_chunk::<19>()?;
    let is_one =
        [(4, b'-'), (7, b'-'), (13, b':'), (16, b':')].iter().all(|(at, byte)| head[*at] == *byte);
    if !is_one {
        return None;
    }
    let mut at = head.len();
    let digits = |text: &[u8]| text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    if text.get(at) == Some(&b'.') {
        at += 1 + digits(&text[at + 1..]);
    }
    match text.get(at) {
        Some(b'Z') => at += 1,
        Some(b'+' | b'-') => {
            at += 1 + digits(&text[at + 1..]);
            if text.get(at) == Some(&b':') {
                at += 1 + digits(&text[at + 1..]);
            }
        }
        _ => {}
    }
    Some(at)
}

fn word_end(text: &[u8]) -> usize {
    text.iter().position(|byte| matches!(byte, b' ' | b'\t')).unwrap_or(text.len())
}

fn is_clf(text: &[u8]) -> bool {
    text.len() >= 26 && text[2] == b'/' && text[6] == b'/' && text[11] == b':' && text[20] == b' '
}

/// Whether the value ends in a backslash that takes the byte after it along.
fn ends_in_backslash(value: &[u8]) -> bool {
    value.iter().rev().take_while(|byte| **byte == b'\\').count() % 2 == 1
}

/// Whether a dash is the first word of `text`, or all of it before `literal`. It asks for no more bytes than that, for
/// it is asked wherever a value might end, and a visitor may write thousands of such places into one line.
fn is_dash(text: &[u8], literal: &[u8]) -> bool {
    let Some(rest) = text.strip_prefix(b"-") else { return false };
    let is_word = matches!(rest.first(), None | Some(b' ' | b'\t'));
    is_word || word_end(literal) == literal.len() && rest.starts_with(literal)
}

/// How many digits, dots and minus signs `text` begins with.
fn number(text: &[u8]) -> usize {
    let is_part = |byte: &u8| byte.is_ascii_digit() || matches!(byte, b'.' | b'-');
    text.iter().take_while(|byte| is_part(byte)).count()
}

/// Where the path begins that follows a host without anything between them.
fn host(text: &[u8]) -> usize {
    let is_end = |byte: &u8| matches!(byte, b'/' | b'*' | b'?' | b'"' | b' ' | b'\t');
    text.iter().position(is_end).unwrap_or(text.len())
}

/// Words with `, ` or ` : ` between them, up to `literal`.
fn list(literal: &[u8], text: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        let rest = &text[at..];
        if at > 0 && text[at - 1] == b',' && rest.first() == Some(&b' ') {
            at += 1;
        } else if at > 0 && rest.starts_with(b" : ") && !literal.starts_with(b" : ") {
            at += 3;
        } else if !literal.is_empty() && rest.starts_with(literal) {
            return Some(at);
        } else {
            match rest.first() {
                None | Some(b' ' | b'\t') => return literal.is_empty().then_some(at),
                Some(_) => at += 1,
            }
        }
    }
}

/// Puts a template together.
#[derive(Debug)]
pub(super) struct Builder {
    pieces: Vec<Piece>,
    /// The names of the values, for messages.
    names: Vec<String>,
    literal: Vec<u8>,
    escaping: Option<Escaping>,
}

impl Builder {
    /// A template of a server that escapes like this, or not at all.
    pub(super) const fn new(escaping: Option<Escaping>) -> Self {
        Self { pieces: Vec::new(), names: Vec::new(), literal: Vec::new(), escaping }
    }

    /// Adds a literal.
    pub(super) fn literal(&mut self, text: &[u8]) {
        self.literal.extend_from_slice(text);
    }

    /// Adds a value. What is called `name` in messages is the variable as it was written.
    ///
    /// # Errors
    ///
    /// Nothing stands between it and the value before it, so that nobody can tell where that one ends.
    pub(super) fn capture(&mut self, name: &str, capture: Capture) -> Result<(), StringError> {
        let has_literal = !self.literal.is_empty();
        if let Some(last) = self.pieces.last_mut() {
            let both_are_times = !last.capture.pattern.is_empty() && !capture.pattern.is_empty();
            if both_are_times && last.capture.rank == capture.rank {
                let items = &mut last.capture.pattern;
                items.extend(self.literal.drain(..).map(TimeItem::Literal));
                items.extend(capture.pattern);
                last.capture.may_be_dash |= capture.may_be_dash;
                return Ok(());
            }
            // A query follows its path without anything between them, and that its host and port.
            let is_path = matches!(last.capture.field, Some(Field::Target | Field::Query));
            if !has_literal && is_path && capture.field == Some(Field::Query) {
                return Ok(());
            }
            let is_path = capture.field == Some(Field::Target);
            let ends_before_path =
                last.capture.field == Some(Field::Site) || last.capture.class == Class::Number;
            let ends_by_itself = matches!(last.capture.class, Class::Clf | Class::Spaces)
                || is_path && ends_before_path;
            if !has_literal && !ends_by_itself {
                let first = self.names.last().cloned().unwrap_or_default();
                return Err(StringError::NothingBetween(first, name.to_owned()));
            }
        }
        self.names.push(name.to_owned());
        let literal = std::mem::take(&mut self.literal).into_boxed_slice();
        self.pieces.push(Piece { literal, capture });
        Ok(())
    }

    /// The template. With `is_open`, anything may follow after white space.
    pub(super) fn finish(mut self, is_open: bool) -> Template {
        for field in Field::ALL {
            let of_field = |piece: &Piece| piece.capture.field == Some(field);
            let best = self
                .pieces
                .iter()
                .enumerate()
                .filter(|(_, piece)| of_field(piece))
                .min_by_key(|(_, piece)| piece.capture.rank)
                .map(|(index, _)| index);
            for (index, piece) in self.pieces.iter_mut().enumerate() {
                if of_field(piece) && Some(index) != best {
                    piece.capture.field = None;
                }
            }
        }
        for piece in &mut self.pieces {
            if is_iso(&piece.capture.pattern) {
                piece.capture.class = Class::Iso;
                piece.capture.pattern = Vec::new();
            }
        }
        // A literal before the first value must not begin with the spaces that are skipped.
        if let Some(first) = self.pieces.first_mut() {
            let skipped = first.literal.iter().take_while(|byte| **byte == b' ').count();
            first.literal = first.literal[skipped..].into();
        }
        let of = |field: Field| self.pieces.iter().find(|piece| piece.capture.field == Some(field));
        let time = of(Field::Time).map(|piece| piece.capture.pattern.clone().into_boxed_slice());
        let unit = of(Field::Duration).map(|piece| piece.capture.unit);
        Template {
            time: time.unwrap_or_default(),
            unit: unit.unwrap_or_default(),
            pieces: self.pieces.into_boxed_slice(),
            end: self.literal.into_boxed_slice(),
            is_open,
            escaping: self.escaping,
        }
    }
}
