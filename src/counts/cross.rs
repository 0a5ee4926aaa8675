//! Two-way tables: what is counted for each pair of two things, such as pages and countries.
//!
//! Only the pairs that the policy declares are counted, for each is a way to look closer at few people.
//! A key has both words, a tab between them; no clean text has one.

use super::{
    keyed::Keyed,
    tally::Tally,
    times::{Hour, date},
};
use crate::{field::Table, policy::Cross, privacy::Measured};

/// What stands between the two words of a key.
pub(super) const BETWEEN: u8 = b'\t';

/// Counts one line in all tables where it has both things.
pub(super) fn add(
    tables: &mut [Keyed],
    crosses: &[Cross],
    line: &Measured<'_, '_>,
    hour: Hour,
    tally: Tally,
) {
    let mut key = Vec::with_capacity(128);
    for (table, cross) in tables.iter_mut().zip(crosses) {
        key.clear();
        let has_first = write(cross.tables[0], line, hour, &mut key);
        key.push(BETWEEN);
        if has_first && write(cross.tables[1], line, hour, &mut key) {
            table.add(&key, tally);
        } else {
            table.skip();
        }
    }
}

/// Writes what a line counts under in a table, if it does.
fn write(table: Table, line: &Measured<'_, '_>, hour: Hour, out: &mut Vec<u8>) -> bool {
    let agent = line.agent();
    let text = match table {
        Table::Hour => Some(hour.written()),
        Table::Day => Some(date(hour.day())),
        Table::Week => Some(super::times::week(hour.day())),
        Table::Month => Some(super::times::month(hour.day())),
        Table::Site => return push(out, line.site().map(|text| text.as_bytes())),
        Table::Path => return push(out, line.path().map(|text| text.as_bytes())),
        Table::Referrer => return push(out, line.referrer().map(|text| text.as_bytes())),
        Table::Method => return push(out, Some(line.method().name().as_bytes())),
        Table::Status => line.status().map(|status| status.to_string()),
        Table::StatusClass => line.status().map(|status| format!("{}xx", status / 100)),
        Table::Protocol => return push(out, line.protocol().map(|it| it.name().as_bytes())),
        Table::Browser => return push(out, agent.map(|agent| agent.browser.name().as_bytes())),
        Table::Os => return push(out, agent.map(|agent| agent.os.name().as_bytes())),
        Table::Device => return push(out, agent.map(|agent| agent.device.name().as_bytes())),
        Table::Bot => agent.map(|agent| agent.bot.to_string()),
        Table::Language => return push(out, line.language().map(|it| it.name().as_bytes())),
        Table::Country => line.country().map(|country| country.to_string()),
    };
    push(out, text.as_deref().map(str::as_bytes))
}

fn push(out: &mut Vec<u8>, text: Option<&[u8]>) -> bool {
    out.extend_from_slice(text.unwrap_or_default());
    text.is_some()
}
