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

use crate::{
    policy::Plan,
    privacy::Record,
    transform::{agent::Agent, query::Params},
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
#[derive(Debug, Default)]
pub struct Rendered {
    bytes: Vec<u8>,
}

impl Rendered {
    /// What is to be written.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Forgets the content and keeps the room.
    pub fn clear(&mut self) {
        self.bytes.clear();
    }

    #[inline]
    pub(in crate::emit) fn push(&mut self, text: &[u8]) {
        self.bytes.extend_from_slice(text);
    }

    #[inline]
    pub(in crate::emit) const fn buffer(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }

    /// Writes a number in decimal.
    #[inline]
    pub(in crate::emit) fn push_number(&mut self, number: u64) {
        let mut digits = [0u8; 20];
        let mut at = digits.len();
        let mut rest = number;
        loop {
            at -= 1;
            digits[at] = b'0' + (rest % 10) as u8;
            rest /= 10;
            if rest == 0 {
                break;
            }
        }
        self.bytes.extend_from_slice(&digits[at..]);
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
            Form::Jsonl => Self::Jsonl(jsonl::Jsonl::default()),
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
    #[inline]
    pub fn render(&mut self, record: &Record<'_>, out: &mut Rendered) {
        match self {
            Self::Jsonl(jsonl) => jsonl.render(record, out),
            Self::Combined(combined) => combined.render(record, out),
            Self::Csv(csv) => csv.render(record, out),
        }
    }
}

/// The name and the value of a kept parameter. Both are the policy's own text.
fn words(params: &Params, (name, value): (u8, u8)) -> (&str, &str) {
    let param = &params.params()[usize::from(name)];
    (&param.name, &param.values[usize::from(value)])
}

/// How many rendered agents are remembered. A busy site sees a few hundred kinds.
const AGENTS_REMEMBERED: usize = 1_024;

/// A memory of rendered agents, direct mapped: the same agent is copied, not written again.
#[derive(Debug)]
struct AgentMemo {
    slots: Vec<(Agent, Vec<u8>)>,
}

impl Default for AgentMemo {
    fn default() -> Self {
        Self { slots: vec![(Agent::default(), Vec::new()); AGENTS_REMEMBERED] }
    }
}

impl AgentMemo {
    /// The rendered form of `agent`, written by `render` when it is not remembered. It is never empty.
    #[inline]
    fn get(&mut self, agent: Agent, render: impl FnOnce(Agent, &mut Vec<u8>)) -> &[u8] {
        let (kept, text) = &mut self.slots[slot_of(agent)];
        if *kept != agent || text.is_empty() {
            *kept = agent;
            text.clear();
            render(agent, text);
        }
        text
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
    bits.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 54 & (AGENTS_REMEMBERED - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_decimal() {
        for number in [0, 7, 10, 12_345, u64::MAX] {
            let mut out = Rendered::default();
            out.push_number(number);
            assert_eq!(out.as_bytes(), number.to_string().as_bytes());
        }
    }

    #[test]
    fn remembered_agents_are_those_asked_for() {
        let mut memo = AgentMemo::default();
        for round in 0..2 {
            for version in 0..2_000u16 {
                let agent = Agent { version, ..Agent::default() };
                let text = memo.get(agent, |agent, out| {
                    out.extend_from_slice(agent.version.to_string().as_bytes());
                });
                assert_eq!(text, version.to_string().as_bytes(), "round {round}");
            }
        }
    }
}
