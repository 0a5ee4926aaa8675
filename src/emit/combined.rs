//! The combined log format, for tools that read it: GoAccess, AWStats, Webalizer, Matomo.
//!
//! A line has the shape that those tools know, with clean values in it: the truncated network as a bare
//! address, `0.0.0.0` where there is none, the referrer as the URL of its domain, and an agent
//! made up from the vocabulary, which they resolve to the same browser and operating system.
//! There is no room for the site, the query or the device, which this form leaves out.
//!
//! Messages of error logs are left out too: they have no status and often no request, and an analyser would
//! count them as hits or call the line broken. They count as clean all the same.

use super::{AgentMemo, Fragment, Line, Rendered};
use crate::{
    privacy::{Record, Text},
    transform::{
        agent::{Agent, Device, Os},
        request::Protocol,
        time::Timestamp,
    },
};

/// Renders lines of the combined format.
#[derive(Debug, Default)]
pub struct Combined {
    /// ` - - [time] "` of the last time seen.
    middle: Fragment<48>,
    middle_time: Option<Timestamp>,
    agents: AgentMemo,
}

impl Combined {
    #[inline]
    pub(super) fn render(&mut self, record: &Record<'_>, out: &mut Rendered) {
        if !record.measured().is_request() {
            return;
        }
        let (path, referrer) = (record.path(), record.referrer());
        let name = record.client_name();
        let length = |text: Option<Text<'_>>| text.map_or(0, Text::len);
        let mut line = out.line(length(path) + length(referrer) + length(name));
        match (name, record.client()) {
            (Some(name), _) => line.put_text(name),
            (None, Some(client)) => line.put_with(|room| client.write_bare(room)),
            (None, None) => line.put(b"0.0.0.0"),
        }
        self.put_middle(record.time(), &mut line);
        let (method, length) = record.method().unwrap_or_default().padded();
        line.put_start(&method, length);
        line.put(b" ");
        match path {
            Some(path) => line.put_text(path),
            None => line.put(b"(unknown)"),
        }
        line.put_slice(protocol(record.protocol()));
        match record.status() {
            Some(status) => line.put_status(status),
            None => line.put(b"-"),
        }
        line.put(b" ");
        match record.bytes() {
            Some(bytes) => line.put_number(bytes),
            None => line.put(b"-"),
        }
        put_referrer(referrer, &mut line);
        match told(record) {
            Some(agent) => line.put_fragment(self.agents.get(agent, Agent::synthetic)),
            None => line.put(b"-"),
        }
        line.put(b"\"\n");
        line.finish();
    }

    #[inline]
    fn put_middle(&mut self, time: Option<Timestamp>, line: &mut Line<'_>) {
        if self.middle.is_empty() || self.middle_time != time {
            let mut text = b" - - [".to_vec();
            if let Some(time) = time {
                time.write_clf(&mut text);
            }
            text.extend_from_slice(b"] \"");
            self.middle.set(&text);
            self.middle_time = time;
        }
        line.put_fragment(&self.middle);
    }
}

/// The agent without what the policy does not tell. That a telephone is Huawei's, which log analysers
/// count apart, goes with the device.
#[inline]
fn told(record: &Record<'_>) -> Option<Agent> {
    let mut agent = record.browser()?;
    if record.browser_version().is_none() {
        agent.version = 0;
    }
    if record.os().is_none() {
        agent.os = Os::Other;
    }
    if record.device().is_none() {
        agent.device = Device::Other;
        agent.huawei = false;
    }
    Some(agent)
}

/// The end of the request. A request without a protocol stays without one.
#[inline]
const fn protocol(protocol: Option<Protocol>) -> &'static [u8] {
    match protocol {
        Some(Protocol::V1_1) => b" HTTP/1.1\" ",
        Some(Protocol::V1_0) => b" HTTP/1.0\" ",
        Some(Protocol::V2) => b" HTTP/2.0\" ",
        Some(Protocol::V3) => b" HTTP/3.0\" ",
        Some(Protocol::Other) => b" HTTP/other\" ",
        None => b"\" ",
    }
}

/// Domains and origins become URLs; `(none)` becomes the dash that servers write; the other words stay words.
#[inline]
fn put_referrer(referrer: Option<Text<'_>>, line: &mut Line<'_>) {
    match referrer.map(|referrer| (referrer, referrer.as_bytes())) {
        None | Some((_, b"(none)")) => line.put(b" \"-\" \""),
        Some((word, [b'(', ..])) => {
            line.put(b" \"");
            line.put_text(word);
            line.put(b"\" \"");
        }
        Some((origin, text)) if text.contains(&b':') => {
            line.put(b" \"");
            line.put_text(origin);
            line.put(b"/\" \"");
        }
        Some((domain, _)) => {
            line.put(b" \"http://");
            line.put_text(domain);
            line.put(b"/\" \"");
        }
    }
}
