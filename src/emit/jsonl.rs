//! One JSON object a line, keys always in the same order, a key absent when there is no value.
//!
//! Clean text needs no JSON escape (see [`crate::privacy::Text`]), so values are copied between
//! prepared pieces. Each field is written with a comma after it; the last one becomes the brace.

use std::io::Write as _;

use super::{AgentMemo, Rendered, words};
use crate::{
    privacy::Record,
    transform::{agent::Agent, query::Params, time::Timestamp},
};

/// Renders JSON lines.
#[derive(Debug, Default)]
pub struct Jsonl {
    /// The beginning of a line of the last time seen.
    start: Vec<u8>,
    start_time: Option<Timestamp>,
    agents: AgentMemo,
}

impl Jsonl {
    #[inline]
    pub(super) fn render(&mut self, record: &Record<'_>, out: &mut Rendered) {
        self.push_start(record.time(), out);
        if let Some(site) = record.site() {
            push_text(out, b"\"site\":\"", site.as_bytes());
        }
        if let Some(client) = record.client() {
            out.push(b"\"client\":\"");
            client.write(out.buffer());
            out.push(b"\",");
        }
        if let Some(method) = record.method() {
            push_text(out, b"\"method\":\"", method.name().as_bytes());
        }
        if let Some(path) = record.path() {
            push_text(out, b"\"path\":\"", path.as_bytes());
        }
        if let Some(query) = record.query() {
            push_query(out, record.params(), query);
        }
        if let Some(protocol) = record.protocol() {
            push_text(out, b"\"protocol\":\"", protocol.name().as_bytes());
        }
        if let Some(status) = record.status() {
            push_number(out, b"\"status\":", u64::from(status));
        }
        if let Some(bytes) = record.bytes() {
            push_number(out, b"\"bytes\":", bytes);
        }
        if let Some(referrer) = record.referrer() {
            push_text(out, b"\"referrer\":\"", referrer.as_bytes());
        }
        self.push_agent(record, out);
        close(out);
    }

    #[inline]
    fn push_start(&mut self, time: Option<Timestamp>, out: &mut Rendered) {
        if self.start.is_empty() || self.start_time != time {
            self.start.clear();
            self.start.push(b'{');
            if let Some(time) = time {
                self.start.extend_from_slice(b"\"time\":\"");
                time.write_rfc3339(&mut self.start);
                self.start.extend_from_slice(b"\",");
            }
            self.start_time = time;
        }
        out.push(&self.start);
    }

    /// The keys of an agent. Which of them a policy tells is the same for all records of an emitter.
    #[inline]
    fn push_agent(&mut self, record: &Record<'_>, out: &mut Rendered) {
        let told = [
            record.browser(),
            record.browser_version(),
            record.os(),
            record.device(),
            record.bot(),
        ];
        let Some(agent) = told.into_iter().flatten().next() else { return };
        let told = told.map(|part| part.is_some());
        out.push(self.agents.get(agent, |agent, text| write_agent(agent, told, text)));
    }
}

fn write_agent(agent: Agent, told: [bool; 5], out: &mut Vec<u8>) {
    let [browser, version, os, device, bot] = told;
    let mut text = String::new();
    if browser {
        text += &format!("\"browser\":\"{}\",", agent.browser.name());
    }
    if version && agent.version > 0 {
        text += &format!("\"browser_version\":{},", agent.version);
    }
    if os {
        text += &format!("\"os\":\"{}\",", agent.os.name());
    }
    if device {
        text += &format!("\"device\":\"{}\",", agent.device.name());
    }
    if bot {
        text += &format!("\"bot\":{},", agent.bot);
    }
    out.write_all(text.as_bytes()).expect("a vector takes all");
}

#[inline]
fn push_text(out: &mut Rendered, key: &[u8], text: &[u8]) {
    out.push(key);
    out.push(text);
    out.push(b"\",");
}

#[inline]
fn push_number(out: &mut Rendered, key: &[u8], number: u64) {
    out.push(key);
    out.push_number(number);
    out.push(b",");
}

/// The kept parameters. Names and values are the policy's own text, so these are escaped.
#[cold]
fn push_query(out: &mut Rendered, params: &Params, query: &[(u8, u8)]) {
    out.push(b"\"query\":{");
    for (index, pair) in query.iter().enumerate() {
        let (name, value) = words(params, *pair);
        if index > 0 {
            out.push(b",");
        }
        push_escaped(out, name);
        out.push(b":");
        push_escaped(out, value);
    }
    out.push(b"},");
}

fn push_escaped(out: &mut Rendered, text: &str) {
    out.push(b"\"");
    for byte in text.bytes() {
        match byte {
            b'"' | b'\\' => out.push(&[b'\\', byte]),
            0..=0x1f => out.push(format!("\\u{byte:04x}").as_bytes()),
            _ => out.push(&[byte]),
        }
    }
    out.push(b"\"");
}

/// Ends the object: the comma after the last field becomes the brace.
#[inline]
fn close(out: &mut Rendered) {
    let buffer = out.buffer();
    if buffer.last() == Some(&b',') {
        buffer.pop();
    }
    buffer.extend_from_slice(b"}\n");
}
