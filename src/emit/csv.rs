//! Comma-separated values (RFC 4180): a header with the keys that the policy keeps, then a row a record.
//!
//! The columns depend on the policy alone, so that outputs of different logs can be joined; a value that
//! a log does not have is an empty cell.

use super::{Rendered, words};
use crate::{
    field::{Key, KeySet},
    policy::Plan,
    privacy::Record,
};

/// Renders rows.
#[derive(Debug)]
pub struct Csv {
    keys: KeySet,
}

impl Csv {
    pub(super) fn new(plan: &Plan) -> Self {
        Self { keys: plan.record }
    }

    pub(super) fn header(&self, out: &mut Rendered) {
        for (index, key) in self.keys.iter().enumerate() {
            if index > 0 {
                out.push(b",");
            }
            out.push(key.name().as_bytes());
        }
        out.push(b"\n");
    }

    pub(super) fn render(&self, record: &Record<'_>, out: &mut Rendered) {
        for (index, key) in self.keys.iter().enumerate() {
            if index > 0 {
                out.push(b",");
            }
            push_cell(key, record, out);
        }
        out.push(b"\n");
    }
}

fn push_cell(key: Key, record: &Record<'_>, out: &mut Rendered) {
    let mut word = |text: Option<&str>| out.push(text.unwrap_or_default().as_bytes());
    match key {
        Key::Method => word(record.method().map(|method| method.name())),
        Key::Protocol => word(record.protocol().map(|protocol| protocol.name())),
        Key::Browser => word(record.browser().map(|agent| agent.browser.name())),
        Key::Os => word(record.os().map(|agent| agent.os.name())),
        Key::Device => word(record.device().map(|agent| agent.device.name())),
        Key::Bot => word(record.bot().map(|agent| if agent.bot { "true" } else { "false" })),
        Key::Site => push_text(record.site().map(|site| site.as_bytes()), out),
        Key::Path => push_text(record.path().map(|path| path.as_bytes()), out),
        Key::Referrer => push_text(record.referrer().map(|referrer| referrer.as_bytes()), out),
        Key::Query => push_query(record, out),
        Key::Time => record.time().into_iter().for_each(|time| time.write_rfc3339(out.buffer())),
        Key::Client => record.client().into_iter().for_each(|client| client.write(out.buffer())),
        Key::Status => push_number(record.status().map(u64::from), out),
        Key::Bytes => push_number(record.bytes(), out),
        Key::BrowserVersion => {
            let version = record.browser_version().map(|agent| u64::from(agent.version));
            push_number(version.filter(|version| *version > 0), out);
        }
        // No format that is read yet logs these.
        Key::Country | Key::DurationMs | Key::Language | Key::Late => {}
    }
}

fn push_number(number: Option<u64>, out: &mut Rendered) {
    if let Some(number) = number {
        out.push_number(number);
    }
}

/// Clean text has no quotes; only a comma makes it need them.
fn push_text(text: Option<&[u8]>, out: &mut Rendered) {
    let text = text.unwrap_or_default();
    if text.contains(&b',') {
        out.push(b"\"");
        out.push(text);
        out.push(b"\"");
    } else {
        out.push(text);
    }
}

/// The kept parameters as `name=value` joined with `&`, in quotes; they are the policy's own text.
fn push_query(record: &Record<'_>, out: &mut Rendered) {
    let Some(query) = record.query() else { return };
    let pairs: Vec<_> = query
        .iter()
        .map(|pair| {
            let (name, value) = words(record.params(), *pair);
            format!("{name}={value}")
        })
        .collect();
    out.push(b"\"");
    out.push(pairs.join("&").replace('"', "\"\"").as_bytes());
    out.push(b"\"");
}
