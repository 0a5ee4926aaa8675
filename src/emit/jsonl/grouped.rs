//! Records of policies with groups: an object for each group, with its keys in the usual order.
//!
//! Written for few such policies and not for speed: each record is put together in a buffer of its own.

use super::query_of;
use crate::{
    emit::Rendered,
    field::Key,
    policy::Group,
    privacy::{Record, Text},
    transform::{
        address::{CLIENT_BYTES_MAX, Client},
        language::Language,
        pseudonym::TOKEN_TEXT_BYTES_MAX,
    },
};

pub(super) fn render(groups: &[Group], record: &Record<'_>, out: &mut Rendered) {
    let mut text = b"{".to_vec();
    for group in groups {
        let start = text.len();
        if start > 1 {
            text.push(b',');
        }
        text.extend_from_slice(format!("\"{}\":{{", group.name).as_bytes());
        let first = text.len();
        for key in group.keys.iter() {
            push_key(key, record, &mut text);
        }
        if text.len() == first {
            text.truncate(start);
            continue;
        }
        // Each key has a comma before it.
        text.remove(first);
        text.push(b'}');
    }
    text.extend_from_slice(b"}\n");
    out.push(&text);
}

fn text_of(client: Client) -> Vec<u8> {
    let mut room = [0; CLIENT_BYTES_MAX];
    let length = client.write(&mut room);
    room[..length].to_vec()
}

/// The key and its value with a comma before them, or nothing.
fn push_key(key: Key, record: &Record<'_>, out: &mut Vec<u8>) {
    let clean = |text: Option<Text<'_>>| text.map(|text| text.as_bytes().to_vec());
    let word = |word: Option<&'static str>| word.map(|word| word.as_bytes().to_vec());
    let number = |number: Option<u64>| number.map(|number| number.to_string().into_bytes());
    let (value, is_quoted) = match key {
        Key::Query => {
            if let Some(query) = record.query() {
                out.extend_from_slice(&query_of(query));
            }
            return;
        }
        Key::Time => {
            let time = record.time().map(|time| {
                let mut text = Vec::new();
                time.write_rfc3339(&mut text);
                text
            });
            (time, true)
        }
        Key::Client => (clean(record.client_name()).or(record.client().map(text_of)), true),
        Key::Network => (record.network().map(text_of), true),
        Key::Country => (record.country().map(|country| country.letters().to_vec()), true),
        Key::Site => (clean(record.site()), true),
        Key::Organisation => (clean(record.organisation()), true),
        Key::Path => (clean(record.path()), true),
        Key::Referrer => (clean(record.referrer()), true),
        Key::Method => (word(record.method().map(|method| method.name())), true),
        Key::Protocol => (word(record.protocol().map(|protocol| protocol.name())), true),
        Key::Browser => (word(record.browser().map(|agent| agent.browser.name())), true),
        Key::Os => (word(record.os().map(|agent| agent.os.name())), true),
        Key::Device => (word(record.device().map(|agent| agent.device.name())), true),
        Key::Language => (word(record.language().map(Language::name)), true),
        Key::Level => (word(record.level().map(|level| level.name())), true),
        Key::Module => (word(record.module().map(|module| module.name())), true),
        Key::Error => (word(record.fault().map(|fault| fault.name())), true),
        Key::Bot => (word(record.bot().map(|it| if it.bot { "true" } else { "false" })), false),
        Key::Status => (number(record.status().map(u64::from)), false),
        Key::Bytes => (number(record.bytes()), false),
        Key::DurationMs => (number(record.duration_ms()), false),
        Key::BrowserVersion => {
            let version = record.browser_version().map(|agent| u64::from(agent.version));
            (number(version.filter(|version| *version > 0)), false)
        }
        Key::Late => (word(record.late().map(|_| "true")), false),
        Key::Cookie => {
            let token = record.cookie().map(|token| {
                let mut room = [0; TOKEN_TEXT_BYTES_MAX];
                let length = token.write(&mut room);
                room[..length].to_vec()
            });
            (token, true)
        }
    };
    let Some(value) = value else { return };
    out.extend_from_slice(format!(",\"{}\":", key.name()).as_bytes());
    let quote: &[u8] = if is_quoted { b"\"" } else { b"" };
    out.extend_from_slice(quote);
    out.extend_from_slice(&value);
    out.extend_from_slice(quote);
}
