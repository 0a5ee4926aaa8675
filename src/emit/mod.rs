//! From clean records to bytes that may be shown: JSON lines, the combined format, CSV.
//!
//! Output is rendered from a template and a record's values, never by editing a line, so a byte
//! that no transform made cannot be in it. What is rendered is a type of its own, [`Rendered`]: only this
//! directory can write one, and sinks take nothing else.
//!
//! ```compile_fail,E0616
//! let mut out = tamis::emit::Rendered::default();
//! out.bytes.extend_from_slice(b"192.0.2.77"); // a private field
//! ```
//! ```compile_fail,E0624
//! tamis::emit::Rendered::default().push(b"192.0.2.77"); // private to this directory
//! ```

mod combined;
mod csv;
mod jsonl;

use std::mem;

use crate::{
    policy::Plan,
    privacy::{Record, Text},
    transform::agent::Agent,
};

/// The forms that records are rendered in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// One JSON object a line.
    Jsonl,
    /// The combined log format, which log analysers read.
    Combined,
    /// Comma-separated values with a header (RFC 4180, but lines end with a line feed alone).
    Csv,
}

/// Rendered output: clean by construction.
///
/// The buffer is longer than what is rendered, so that short texts are copied in pieces of a fixed size,
/// which takes a few instructions instead of a call. What lies behind the end is left of such
/// copies: parts of clean texts and zeros.
#[derive(Debug, Default)]
pub struct Rendered {
    bytes: Vec<u8>,
    end: usize,
}

/// The room that the fixed parts of a record take at most, in any form, with the last copy's surplus.
const RECORD_BYTES_MAX: usize = 2_048;

/// The size of pieces in which clean text is copied, as long as it is not longer.
const TEXT_PIECE: usize = 64;

impl Rendered {
    /// What is to be written.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.end]
    }

    /// Forgets the content and keeps the room.
    pub const fn clear(&mut self) {
        self.end = 0;
    }

    /// Begins a line: room for the fixed parts of a record and `more` bytes of other text.
    #[inline]
    fn line(&mut self, more: usize) -> Line<'_> {
        let wanted = self.end + RECORD_BYTES_MAX + more;
        if self.bytes.len() < wanted {
            self.grow(wanted);
        }
        let Self { bytes, end } = self;
        let length = bytes.len();
        Line { room: &mut bytes[*end..], end, length }
    }

    #[cold]
    fn grow(&mut self, wanted: usize) {
        self.bytes.resize(wanted.next_power_of_two(), 0);
    }

    /// Takes out the byte at `at`, for the rare line that needs it.
    #[cold]
    fn remove(&mut self, at: usize) {
        self.bytes.copy_within(at + 1..self.end, at);
        self.end -= 1;
    }

    /// Writes any text, for what is written rarely.
    fn push(&mut self, text: &[u8]) {
        let mut line = self.line(text.len());
        line.put_slice(text);
        line.finish();
    }
}

/// A line being written. It counts only when it is finished.
struct Line<'a> {
    /// What is left of the buffer.
    room: &'a mut [u8],
    end: &'a mut usize,
    length: usize,
}

impl Line<'_> {
    /// Moves on by `length` bytes, which have been written.
    #[inline(always)]
    fn advance(&mut self, length: usize) {
        self.room = &mut mem::take(&mut self.room)[length..];
    }

    /// The next `N` bytes, for which room was made.
    #[inline(always)]
    fn next<const N: usize>(&mut self) -> &mut [u8; N] {
        self.room.first_chunk_mut().expect("room was made for the record")
    }

    /// Writes a text of fixed length.
    #[inline(always)]
    fn put<const N: usize>(&mut self, text: &[u8; N]) {
        *self.next() = *text;
        self.advance(N);
    }

    /// Writes the first `length` bytes of a text.
    #[inline(always)]
    fn put_start<const N: usize>(&mut self, text: &[u8; N], length: usize) {
        debug_assert!(length <= N, "a part of the text");
        *self.next() = *text;
        self.advance(length);
    }

    /// Writes a text of any length, for which room was made.
    #[inline]
    fn put_slice(&mut self, text: &[u8]) {
        self.room[..text.len()].copy_from_slice(text);
        self.advance(text.len());
    }

    /// Writes a clean text, for which room was made.
    #[inline(always)]
    fn put_text(&mut self, text: Text<'_>) {
        match text.with_surplus().first_chunk::<TEXT_PIECE>() {
            Some(piece) if text.len() <= TEXT_PIECE => self.put_start(piece, text.len()),
            _ => self.put_long(text.as_bytes()),
        }
    }

    /// The same as [`Self::put_slice`], out of the way: beside it, the copy of a fixed size became one of any size,
    /// which is a call.
    #[inline(never)]
    fn put_long(&mut self, text: &[u8]) {
        self.put_slice(text);
    }

    #[inline(always)]
    fn put_fragment<const N: usize>(&mut self, fragment: &Fragment<N>) {
        self.put_start(&fragment.text, fragment.length);
    }

    /// Lets `write` put up to `N` bytes; it returns how many of them count.
    #[inline(always)]
    fn put_with<const N: usize>(&mut self, write: impl FnOnce(&mut [u8; N]) -> usize) {
        let length = write(self.next());
        self.advance(length);
    }

    /// Writes a number of three digits.
    #[inline(always)]
    fn put_status(&mut self, status: u16) {
        let [tens, ones] = PAIRS[usize::from(status % 100)];
        self.put(&[b'0' + (status / 100 % 10) as u8, tens, ones]);
    }

    /// Writes a number in decimal.
    #[inline]
    fn put_number(&mut self, number: u64) {
        let length = number.checked_ilog10().unwrap_or(0) as usize + 1;
        let room = &mut self.room[..length];
        let (mut at, mut rest) = (length, number);
        while at >= 2 {
            at -= 2;
            room[at..at + 2].copy_from_slice(&PAIRS[(rest % 100) as usize]);
            rest /= 100;
        }
        if at == 1 {
            room[0] = b'0' + rest as u8;
        }
        self.advance(length);
    }

    /// The line is whole.
    #[inline(always)]
    fn finish(self) {
        *self.end = self.length - self.room.len();
    }
}

/// The numbers below a hundred as two digits.
const PAIRS: [[u8; 2]; 100] = {
    let mut pairs = [[0; 2]; 100];
    let mut number = 0;
    while number < 100 {
        pairs[number] = [b'0' + (number / 10) as u8, b'0' + (number % 10) as u8];
        number += 1;
    }
    pairs
};

/// A short text that was made once and is written often.
#[derive(Clone, Debug)]
struct Fragment<const N: usize> {
    text: [u8; N],
    length: usize,
}

impl<const N: usize> Default for Fragment<N> {
    fn default() -> Self {
        Self { text: [0; N], length: 0 }
    }
}

impl<const N: usize> Fragment<N> {
    /// # Panics
    ///
    /// When the text is longer than a fragment: tests try the longest of each kind.
    fn set(&mut self, text: &[u8]) {
        self.text[..text.len()].copy_from_slice(text);
        self.length = text.len();
    }

    const fn is_empty(&self) -> bool {
        self.length == 0
    }
}

/// Renders records in one form. It belongs to one worker.
#[derive(Debug)]
pub enum Emitter {
    /// See [`Form::Jsonl`].
    Jsonl(jsonl::Jsonl),
    /// See [`Form::Combined`].
    Combined(combined::Combined),
    /// See [`Form::Csv`].
    Csv(csv::Csv),
}

impl Emitter {
    /// An emitter of records that follow `plan`.
    #[must_use]
    pub fn new(form: Form, plan: &Plan) -> Self {
        match form {
            Form::Jsonl => Self::Jsonl(jsonl::Jsonl::new(plan)),
            Form::Combined => Self::Combined(combined::Combined::default()),
            Form::Csv => Self::Csv(csv::Csv::new(plan)),
        }
    }

    /// Writes what stands before all records.
    pub fn header(&self, out: &mut Rendered) {
        if let Self::Csv(csv) = self {
            csv.header(out);
        }
    }

    /// Writes one record as one line.
    #[inline(always)]
    pub fn render(&mut self, record: &Record<'_>, out: &mut Rendered) {
        match self {
            Self::Jsonl(jsonl) => jsonl.render(record, out),
            Self::Combined(combined) => combined.render(record, out),
            Self::Csv(csv) => csv.render(record, out),
        }
    }
}

/// How many rendered agents are remembered. A busy site sees a few hundred kinds.
const AGENTS_REMEMBERED: usize = 2_048;

/// The longest rendered agent.
const AGENT_BYTES_MAX: usize = 128;

/// A memory of rendered agents, two-way associative: the same agent is copied, not written again.
#[derive(Debug)]
struct AgentMemo {
    slots: Vec<(Agent, Fragment<AGENT_BYTES_MAX>)>,
}

impl Default for AgentMemo {
    fn default() -> Self {
        Self { slots: vec![(Agent::default(), Fragment::default()); AGENTS_REMEMBERED] }
    }
}

impl AgentMemo {
    /// The rendered form of `agent`, written by `render` when it is not remembered. It is never empty.
    #[inline(always)]
    fn get(
        &mut self,
        agent: Agent,
        render: impl FnOnce(Agent) -> String,
    ) -> &Fragment<AGENT_BYTES_MAX> {
        let slot = slot_of(agent);
        let found = [slot, slot ^ 1].into_iter().find(|slot| {
            let (kept, fragment) = &self.slots[*slot];
            *kept == agent && !fragment.is_empty()
        });
        match found {
            Some(slot) => &self.slots[slot].1,
            None => self.insert(slot, agent, &render(agent)),
        }
    }

    /// Puts a new agent into its own slot and the one that was there beside it.
    #[cold]
    fn insert(&mut self, slot: usize, agent: Agent, text: &str) -> &Fragment<AGENT_BYTES_MAX> {
        self.slots.swap(slot, slot ^ 1);
        let (kept, fragment) = &mut self.slots[slot];
        *kept = agent;
        fragment.set(text.as_bytes());
        fragment
    }
}

#[inline]
fn slot_of(agent: Agent) -> usize {
    let bits = agent.browser as usize
        | usize::from(agent.version) << 8
        | (agent.os as usize) << 20
        | (agent.device as usize) << 26
        | usize::from(agent.bot) << 30
        | usize::from(agent.huawei) << 31;
    bits.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 53 & (AGENTS_REMEMBERED - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_decimal() {
        for number in [0, 7, 10, 99, 100, 999, 12_345, 4_294_967_296, u64::MAX] {
            let mut out = Rendered::default();
            let mut line = out.line(0);
            line.put_number(number);
            line.finish();
            assert_eq!(out.as_bytes(), number.to_string().as_bytes());
        }
    }

    #[test]
    fn remembered_agents_are_those_asked_for() {
        let mut memo = AgentMemo::default();
        for round in 0..2 {
            for version in 0..2_000u16 {
                let agent = Agent { version, ..Agent::default() };
                let fragment = memo.get(agent, |agent| agent.version.to_string());
                let text = &fragment.text[..fragment.length];
                assert_eq!(text, version.to_string().as_bytes(), "round {round}");
            }
        }
    }
}
