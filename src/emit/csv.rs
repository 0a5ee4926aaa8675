//! Comma-separated values (RFC 4180): a header with the keys that the policy keeps, then a row a record.
//!
//! The columns depend on the policy alone, so that outputs of different logs can be joined; a value that
//! a log does not have is an empty cell. What only error logs have is no column: requests and messages in
//! one table would help nobody. Where the policy has groups, a column's name has its group's before it, with
//! a dot between. Lines end with a line feed alone.

use super::{Line, Rendered};
use crate::{
    field::Key,
    policy::Plan,
    privacy::{Record, Text},
    transform::{language::Language, pseudonym::TOKEN_TEXT_BYTES_MAX},
};

/// Renders rows.
#[derive(Debug)]
pub struct Csv {
    columns: Vec<Key>,
    names: Vec<String>,
}

impl Csv {
    pub(super) fn new(plan: &Plan) -> Self {
        let is_column = |key: &Key| !matches!(key, Key::Level | Key::Module | Key::Error);
        let mut csv = Self { columns: Vec::new(), names: Vec::new() };
        for key in plan.record.iter().filter(|_| plan.groups.is_empty()).filter(is_column) {
            csv.columns.push(key);
            csv.names.push(key.name().to_owned());
        }
        for group in &plan.groups {
            for key in group.keys.iter().filter(is_column) {
                csv.columns.push(key);
                csv.names.push(format!("{}.{}", group.name, key.name()));
            }
        }
        csv
    }

    pub(super) fn header(&self, out: &mut Rendered) {
        out.push(self.names.join(",").as_bytes());
        out.push(b"\n");
    }

    pub(super) fn render(&self, record: &Record<'_>, out: &mut Rendered) {
        let query = query_of(record);
        let texts = [record.site(), record.client_name(), record.path(), record.referrer()];
        let length: usize = texts.into_iter().flatten().map(Text::len).sum();
        let mut line = out.line(length + query.len());
        for (index, key) in self.columns.iter().enumerate() {
            if index > 0 {
                line.put(b",");
            }
            put_cell(*key, record, &query, &mut line);
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
        Key::Organisation => put_text(record.organisation(), line),
        Key::Path => put_text(record.path(), line),
        Key::Referrer => put_text(record.referrer(), line),
        Key::Time => {
            let mut text = Vec::new();
            record.time().into_iter().for_each(|time| time.write_rfc3339(&mut text));
            line.put_slice(&text);
        }
        Key::Client => {
            if let Some(name) = record.client_name() {
                put_text(Some(name), line);
            } else if let Some(client) = record.client() {
                line.put_with(|room| client.write(room));
            }
        }
        Key::Network => {
            if let Some(network) = record.network() {
                line.put_with(|room| network.write(room));
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
        Key::Country => {
            if let Some(country) = record.country() {
                line.put(&country.letters());
            }
        }
        Key::Cookie => {
            if let Some(token) = record.cookie() {
                line.put_with(|room: &mut [u8; TOKEN_TEXT_BYTES_MAX]| token.write(room));
            }
        }
        // They have no column.
        Key::Level | Key::Module | Key::Error => {}
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

/// The kept parameters as `name=value` joined with `&`, in quotes. What is not the policy's own text needs
/// none.
fn query_of(record: &Record<'_>) -> String {
    let Some(query) = record.query() else { return String::new() };
    let pairs: Vec<_> = query
        .iter()
        .map(|(name, value)| format!("{name}={}", str::from_utf8(value).unwrap_or_default()))
        .collect();
    format!("\"{}\"", pairs.join("&").replace('"', "\"\""))
}
