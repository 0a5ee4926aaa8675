//! One JSON object a line, keys always in the same order, a key absent when there is no value.
//!
//! Clean text needs no JSON escape (see [`crate::privacy::Text`]), so values are copied between
//! prepared pieces. Each field is written with a comma before it; a policy without a time, which comes
//! first, has one too many, which is taken out again. Where the policy has groups, each is an object of its
//! own, which is absent when nothing is in it; such records take the slower way of `grouped.rs`.

mod grouped;

use super::{AgentMemo, Fragment, Line, Rendered};
use crate::{
    policy::{Group, Plan},
    privacy::{AGENT_KEYS, Query, Record, Text},
    transform::{agent::Agent, pseudonym::TOKEN_TEXT_BYTES_MAX, time::Timestamp},
};

/// Renders JSON lines.
#[derive(Debug)]
pub struct Jsonl {
    /// Which keys of an agent the policy tells.
    told: [bool; 5],
    /// The beginning of a line of the last time seen.
    start: Fragment<48>,
    start_time: Option<Timestamp>,
    agents: AgentMemo,
    groups: Vec<Group>,
}

impl Jsonl {
    pub(super) fn new(plan: &Plan) -> Self {
        Self {
            told: AGENT_KEYS.map(|key| plan.record.has(key)),
            start: Fragment::default(),
            start_time: None,
            agents: AgentMemo::default(),
            groups: plan.groups.clone(),
        }
    }

    #[inline(always)]
    pub(super) fn render(&mut self, record: &Record<'_>, out: &mut Rendered) {
        if !self.groups.is_empty() {
            return grouped::render(&self.groups, record, out);
        }
        let (site, path, referrer) = (record.site(), record.path(), record.referrer());
        let name = record.client_name();
        let length = |text: Option<Text<'_>>| text.map_or(0, Text::len);
        let query = record.query().map_or_else(Vec::new, query_of);
        let first = out.as_bytes().len() + 1;
        let texts = length(site) + length(name) + length(path) + length(referrer);
        let mut line = out.line(texts + query.len());
        self.put_start(record.time(), &mut line);
        if let Some(site) = site {
            put_text(&mut line, b",\"site\":\"", site);
        }
        if let Some(name) = name {
            put_text(&mut line, b",\"client\":\"", name);
        } else if let Some(client) = record.client() {
            line.put(b",\"client\":\"");
            line.put_with(|room| client.write(room));
            line.put(b"\"");
        }
        if let Some(network) = record.network() {
            line.put(b",\"network\":\"");
            line.put_with(|room| network.write(room));
            line.put(b"\"");
        }
        if let Some(country) = record.country() {
            line.put(b",\"country\":\"");
            line.put(&country.letters());
            line.put(b"\"");
        }
        if let Some(method) = record.method() {
            let (text, length) = method.padded();
            line.put(b",\"method\":\"");
            line.put_start(&text, length);
            line.put(b"\"");
        }
        if let Some(path) = path {
            put_text(&mut line, b",\"path\":\"", path);
        }
        if !query.is_empty() {
            line.put_slice(&query);
        }
        if let Some(protocol) = record.protocol() {
            let (text, length) = protocol.padded();
            line.put(b",\"protocol\":\"");
            line.put_start(&text, length);
            line.put(b"\"");
        }
        if let Some(status) = record.status() {
            line.put(b",\"status\":");
            line.put_status(status);
        }
        if let Some(bytes) = record.bytes() {
            line.put(b",\"bytes\":");
            line.put_number(bytes);
        }
        if let Some(duration) = record.duration_ms() {
            line.put(b",\"duration_ms\":");
            line.put_number(duration);
        }
        if let Some(referrer) = referrer {
            put_text(&mut line, b",\"referrer\":\"", referrer);
        }
        if let Some(agent) = record.agent() {
            let told = self.told;
            line.put_fragment(self.agents.get(agent, |agent| agent_keys(agent, told)));
        }
        if record.has_more() {
            put_more(record, &mut line);
        }
        line.put(b"}\n");
        line.finish();
        if self.start_time.is_none() && out.as_bytes().get(first) == Some(&b',') {
            out.remove(first);
        }
    }

    #[inline(always)]
    fn put_start(&mut self, time: Option<Timestamp>, line: &mut Line<'_>) {
        if self.start.is_empty() || self.start_time != time {
            self.start.set(&start(time));
            self.start_time = time;
        }
        line.put_fragment(&self.start);
    }
}

/// The opening brace, and the time if the policy tells it.
#[cold]
fn start(time: Option<Timestamp>) -> Vec<u8> {
    let mut text = b"{".to_vec();
    if let Some(time) = time {
        text.extend_from_slice(b"\"time\":\"");
        time.write_rfc3339(&mut text);
        text.push(b'"');
    }
    text
}

#[cold]
fn agent_keys(agent: Agent, told: [bool; 5]) -> String {
    let [browser, version, os, device, bot] = told;
    let mut text = String::new();
    if browser {
        text += &format!(",\"browser\":\"{}\"", agent.browser.name());
    }
    if version && agent.version > 0 {
        text += &format!(",\"browser_version\":{}", agent.version);
    }
    if os {
        text += &format!(",\"os\":\"{}\"", agent.os.name());
    }
    if device {
        text += &format!(",\"device\":\"{}\"", agent.device.name());
    }
    if bot {
        text += &format!(",\"bot\":{}", agent.bot);
    }
    text
}

#[inline(always)]
fn put_text<const N: usize>(line: &mut Line<'_>, key: &[u8; N], text: Text<'_>) {
    line.put(key);
    line.put_text(text);
    line.put(b"\"");
}

/// What follows the agent, in the few formats that have it.
fn put_more(record: &Record<'_>, line: &mut Line<'_>) {
    if let Some(language) = record.language() {
        put_word(line, b",\"language\":\"", language.name());
    }
    if record.late().is_some() {
        line.put(b",\"late\":true");
    }
    if let Some(level) = record.level() {
        put_word(line, b",\"level\":\"", level.name());
    }
    if let Some(module) = record.module() {
        put_word(line, b",\"module\":\"", module.name());
    }
    if let Some(fault) = record.fault() {
        put_word(line, b",\"error\":\"", fault.name());
    }
    if let Some(token) = record.cookie() {
        line.put(b",\"cookie\":\"");
        line.put_with(|room: &mut [u8; TOKEN_TEXT_BYTES_MAX]| token.write(room));
        line.put(b"\"");
    }
    if let Some(organisation) = record.organisation() {
        put_text(line, b",\"organisation\":\"", organisation);
    }
}

fn put_word<const N: usize>(line: &mut Line<'_>, key: &[u8; N], word: &str) {
    line.put(key);
    line.put_slice(word.as_bytes());
    line.put(b"\"");
}

/// The kept parameters. Names and most values are the policy's own text, so these are escaped.
#[cold]
fn query_of(query: Query<'_>) -> Vec<u8> {
    let mut text = b",\"query\":{".to_vec();
    for (index, (name, value)) in query.iter().enumerate() {
        if index > 0 {
            text.push(b',');
        }
        push_escaped(&mut text, name.as_bytes());
        text.push(b':');
        push_escaped(&mut text, value);
    }
    text.push(b'}');
    text
}

fn push_escaped(out: &mut Vec<u8>, text: &[u8]) {
    out.push(b'"');
    for &byte in text {
        match byte {
            b'"' | b'\\' => out.extend_from_slice(&[b'\\', byte]),
            0..=0x1f => out.extend_from_slice(format!("\\u{byte:04x}").as_bytes()),
            _ => out.push(byte),
        }
    }
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transform::agent::{Browser, Classifier, Device, Os};

    #[test]
    fn the_longest_agent_fits_into_a_fragment() {
        for browser in Browser::ALL {
            for os in Os::ALL {
                let agent = Agent {
                    browser: *browser,
                    version: 999,
                    os: *os,
                    device: Device::Desktop,
                    bot: false,
                    huawei: true,
                };
                assert!(agent_keys(agent, [true; 5]).len() <= super::super::AGENT_BYTES_MAX);
                assert!(agent.synthetic().len() <= super::super::AGENT_BYTES_MAX);
            }
        }
        assert!(!agent_keys(Classifier::new().classify(b"-"), [true; 5]).is_empty());
    }
}
