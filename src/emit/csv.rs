//! Comma-separated values (RFC 4180): a header with the keys that the policy keeps, then a row a record.
//!
//! The columns depend on the policy alone, so that outputs of different logs can be joined; a value that
//! a log does not have is an empty cell. What only error logs have is no column: requests and messages in
//! one table would help nobody. Lines end with a line feed alone.

use super::{Line, Rendered, words};
use crate::{
    field::{Key, KeySet},
    policy::Plan,
    privacy::{Record, Text},
    transform::language::Language,
};

/// Renders rows.
#[derive(Debug)]
pub struct Csv {
    keys: KeySet,
}

impl Csv {
    pub(super) fn new(plan: &Plan) -> Self {
        let errors = [Key::Level, Key::Module, Key::Error];
        Self { keys: errors.into_iter().fold(plan.record, KeySet::without) }
    }

    pub(super) fn header(&self, out: &mut Rendered) {
        let names: Vec<_> = self.keys.iter().map(Key::name).collect();
        out.push(names.join(",").as_bytes());
        out.push(b"\n");
    }

    pub(super) fn render(&self, record: &Record<'_>, out: &mut Rendered) {
        let query = query_of(record);
        let texts = [record.site(), record.path(), record.referrer()];
        let length: usize = texts.into_iter().flatten().map(Text::len).sum();
        let mut line = out.line(length + query.len());
        for (index, key) in self.keys.iter().enumerate() {
            if index > 0 {
                line.put(b",");
            }
            put_cell(key, record, &query, &mut line);
        }
        line.put(b"\n");
        line.finish();
    }
}

fn put_cell(key: Key, record: &Record<'_>, query: &str, line: &mut Line<'_>) {
    let mut word = |text: Option<&str>| line.put_slice(text.unwrap_or_default().as_bytes());
    match key {
        Key::Method => word(record.method().map(|method| method.name())),
        Key::Protocol => word(record.protocol().map(|protocol| protocol.name())),
        Key::Browser => word(record.browser().map(|agent| agent.browser.name())),
        Key::Os => word(record.os().map(|agent| agent.os.name())),
        Key::Device => word(record.device().map(|agent| agent.device.name())),
        Key::Bot => word(record.bot().map(|agent| if agent.bot { "true" } else { "false" })),
        Key::Query => word(Some(query)),
        Key::Site => put_text(record.site(), line),
        Key::Path => put_text(record.path(), line),
        Key::Referrer => put_text(record.referrer(), line),
        Key::Time => {
            let mut text = Vec::new();
            record.time().into_iter().for_each(|time| time.write_rfc3339(&mut text));
            line.put_slice(&text);
        }
        Key::Client => {
            if let Some(client) = record.client() {
                line.put_with(|room| client.write(room));
            }
        }
        Key::Status => put_number(record.status().map(u64::from), line),
        Key::Bytes => put_number(record.bytes(), line),
        Key::BrowserVersion => {
            let version = record.browser_version().map(|agent| u64::from(agent.version));
            put_number(version.filter(|version| *version > 0), line);
        }
        Key::DurationMs => put_number(record.duration_ms(), line),
        Key::Language => word(record.language().map(Language::name)),
        Key::Late => word(record.late().map(|_| "true")),
        // Nothing finds these yet, or they have no column.
        Key::Country | Key::Level | Key::Module | Key::Error => {}
    }
}

fn put_number(number: Option<u64>, line: &mut Line<'_>) {
    if let Some(number) = number {
        line.put_number(number);
    }
}

/// Clean text has no quotes; only a comma makes it need them.
fn put_text(text: Option<Text<'_>>, line: &mut Line<'_>) {
    let Some(text) = text else { return };
    let needs_quotes = text.as_bytes().contains(&b',');
    if needs_quotes {
        line.put(b"\"");
    }
    line.put_slice(text.as_bytes());
    if needs_quotes {
        line.put(b"\"");
    }
}

/// The kept parameters as `name=value` joined with `&`, in quotes; they are the policy's own text.
fn query_of(record: &Record<'_>) -> String {
    let Some(query) = record.query() else { return String::new() };
    let pairs: Vec<_> = query
        .iter()
        .map(|pair| {
            let (name, value) = words(record.params(), *pair);
            format!("{name}={value}")
        })
        .collect();
    format!("\"{}\"", pairs.join("&").replace('"', "\"\""))
}
