//! The combined log format, for tools that read it: GoAccess, AWStats, Webalizer, Matomo.
//!
//! A line has the shape that those tools know, with clean values in it: the truncated network as a bare
//! address, `0.0.0.0` where there is none, the referrer as the URL of its domain, and an agent
//! made up from the vocabulary, which they resolve to the same browser and operating system.
//! There is no room for the site, the query or the device, which this form leaves out.

use super::{AgentMemo, Rendered};
use crate::{
    privacy::Record,
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
    middle: Vec<u8>,
    middle_time: Option<Timestamp>,
    agents: AgentMemo,
}

impl Combined {
    #[inline]
    pub(super) fn render(&mut self, record: &Record<'_>, out: &mut Rendered) {
        match record.client() {
            Some(client) => client.write_bare(out.buffer()),
            None => out.push(b"0.0.0.0"),
        }
        self.push_middle(record.time(), out);
        out.push(record.method().unwrap_or_default().name().as_bytes());
        out.push(b" ");
        out.push(record.path().map_or(&b"(unknown)"[..], |path| path.as_bytes()));
        out.push(protocol(record.protocol()));
        match record.status() {
            Some(status) => out.push_number(u64::from(status)),
            None => out.push(b"-"),
        }
        out.push(b" ");
        match record.bytes() {
            Some(bytes) => out.push_number(bytes),
            None => out.push(b"-"),
        }
        push_referrer(record, out);
        match told(record) {
            Some(agent) => out.push(self.agents.get(agent, |agent, text| {
                text.extend_from_slice(agent.synthetic().as_bytes());
            })),
            None => out.push(b"-"),
        }
        out.push(b"\"\n");
    }

    #[inline]
    fn push_middle(&mut self, time: Option<Timestamp>, out: &mut Rendered) {
        if self.middle.is_empty() || self.middle_time != time {
            self.middle.clear();
            self.middle.extend_from_slice(b" - - [");
            if let Some(time) = time {
                time.write_clf(&mut self.middle);
            }
            self.middle.extend_from_slice(b"] \"");
            self.middle_time = time;
        }
        out.push(&self.middle);
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

/// Domains become URLs; `(none)` becomes the dash that servers write; the other words stay words.
#[inline]
fn push_referrer(record: &Record<'_>, out: &mut Rendered) {
    match record.referrer().map(|referrer| referrer.as_bytes()) {
        None | Some(b"(none)") => out.push(b" \"-\" \""),
        Some(word @ [b'(', ..]) => {
            out.push(b" \"");
            out.push(word);
            out.push(b"\" \"");
        }
        Some(domain) => {
            out.push(b" \"http://");
            out.push(domain);
            out.push(b"/\" \"");
        }
    }
}
