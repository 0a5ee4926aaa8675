//! The notation in which formats with a name are written down: `$name` for a field, all else as it is.
//!
//! `$client $site $forwarded $time $clf $unix $request $method $target $path $query $protocol $status $bytes
//! $seconds $milliseconds $microseconds $referrer $agent $language` are fields; `$_` is a word that is
//! dropped, `$__` any text that is, `$list` a list of upstream values that is, and `$...` at the end stands for
//! columns that may follow. `$time` takes any notation of a time that has no space in it, `$long_time` one
//! that has, `$clf` that of the Common Log Format, `$american_time` is `11/22/26, 14:05:37`. `$port` is a number
//! that is dropped, `$pad` any number of spaces.

use super::{
    StringError,
    template::{Builder, Capture, Class, Template},
};
use crate::field::{DurationUnit, Escaping, Field, TimeItem};

/// `11/22/26, 14:05:37`.
const AMERICAN: [TimeItem; 12] = [
    TimeItem::Month,
    TimeItem::Literal(b'/'),
    TimeItem::Day,
    TimeItem::Literal(b'/'),
    TimeItem::YearOfCentury,
    TimeItem::Literal(b','),
    TimeItem::Space,
    TimeItem::Hour,
    TimeItem::Literal(b':'),
    TimeItem::Minute,
    TimeItem::Literal(b':'),
    TimeItem::Second,
];

/// The template that `string` stands for.
///
/// # Errors
///
/// A name that is none of those above, or two values with nothing between them.
pub(super) fn compile(string: &str, escaping: Option<Escaping>) -> Result<Template, StringError> {
    let mut builder = Builder::new(escaping);
    let mut rest = string;
    while let Some(at) = rest.find('$') {
        builder.literal(&rest.as_bytes()[..at]);
        let after = &rest[at + 1..];
        if after == "..." {
            return Ok(builder.finish(true));
        }
        let is_part = |c: char| c.is_ascii_lowercase() || c == '_';
        let length = after.find(|c| !is_part(c)).unwrap_or(after.len());
        let (name, next) = after.split_at(length);
        let capture = capture(name).ok_or_else(|| StringError::Unknown(name.to_owned()))?;
        builder.capture(name, capture)?;
        rest = next;
    }
    builder.literal(rest.as_bytes());
    Ok(builder.finish(false))
}

fn capture(name: &str) -> Option<Capture> {
    Some(match name {
        "client" => Capture::of(Field::Client, Class::Word),
        "site" => Capture::of(Field::Site, Class::Word),
        "forwarded" => Capture::of(Field::Forwarded, Class::Text),
        "time" => Capture::of(Field::Time, Class::Word),
        "long_time" => Capture::of(Field::Time, Class::Text),
        "clf" => Capture::of(Field::Time, Class::Clf),
        "unix" => Capture::of(Field::Time, Class::Number),
        "date" => Capture::of(Field::Date, Class::Word),
        "request" => Capture::of(Field::Request, Class::Text),
        "method" => Capture::of(Field::Method, Class::Word),
        "target" => Capture::of(Field::Target, Class::Text),
        "path" => Capture::of(Field::Target, Class::Word),
        "query" => Capture::of(Field::Query, Class::Word),
        "protocol" => Capture::of(Field::Protocol, Class::Protocol),
        "status" => Capture::of(Field::Status, Class::Word),
        "bytes" => Capture::of(Field::Bytes, Class::Word),
        "seconds" => Capture::duration(DurationUnit::Seconds, Class::Word),
        "milliseconds" => Capture::duration(DurationUnit::Milliseconds, Class::Word),
        "microseconds" => Capture::duration(DurationUnit::Microseconds, Class::Word),
        "referrer" => Capture::of(Field::Referrer, Class::Text),
        "agent" => Capture::of(Field::Agent, Class::Text),
        "language" => Capture::of(Field::Language, Class::Text),
        "american_time" => Capture::time(AMERICAN.to_vec()),
        "port" => Capture::dropped(Class::Number),
        "pad" => Capture::dropped(Class::Spaces),
        "_" => Capture::dropped(Class::Word),
        "__" => Capture::dropped(Class::Text),
        "list" => Capture::dropped(Class::List),
        _ => return None,
    })
}
