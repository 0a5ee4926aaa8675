//! Whose lines, of which pages and of which time: what somebody looks for among sealed lines, or wants sealed.
//!
//! A selector identifies, as the lines do: it has no `Display`, and its `Debug` prints nothing of it. It is met by
//! raw lines ([`Facts`]) and by what is known of them, and it can say of neither what it is.
//!
//! What a line says of its client, its page and its time is read as at door 1. A line that no format reads is
//! somebody's all the same: the first address in it is taken for its client. A line without a time that can be read
//! is taken to be of the period of its segment. So nothing is missed, and nothing of anybody else comes along.

use std::{fmt, net::IpAddr};

use ipnet::IpNet;
use zeroize::{Zeroize as _, Zeroizing};

use super::{peel, recognise::fit, unseal::Index};
use crate::{
    field::{Escaping, Field, LineMap},
    format::{Format, wrapper},
    transform::{
        address::{self, Parsed},
        escape, forwarded, request, time,
    },
};

/// How many networks a selector may have.
const NETWORKS_MAX: usize = 1_024;

/// Whose lines, of which pages and of which time.
#[derive(Clone, Default)]
pub struct Selector {
    networks: Vec<IpNet>,
    /// The beginning of a path, decoded, and as it was written.
    path: Option<(Vec<u8>, String)>,
    from: Option<i64>,
    /// Up to and without it.
    until: Option<i64>,
}

/// Why a text is no part of a selector. It does not say what the text was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SelectorError {
    /// It is no address and no network.
    Network,
    /// There are too many networks.
    Networks,
    /// It is no path.
    Path,
    /// It is no time.
    Time,
    /// The period ends before it begins.
    Period,
}

impl fmt::Display for SelectorError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Network => "it is neither an address nor a network such as 192.0.2.0/24",
            Self::Networks => "there are more than 1024 networks",
            Self::Path => "a path begins with a slash",
            Self::Time => "it is no time such as 2026-11-22 or 2026-11-22T14:05:00Z",
            Self::Period => "the period ends before it begins",
        })
    }
}

impl std::error::Error for SelectorError {}

impl Selector {
    /// Asks for an address or a network besides those before.
    ///
    /// # Errors
    ///
    /// It is neither.
    pub fn add_network(&mut self, text: &str) -> Result<(), SelectorError> {
        let network = match address::parse(text.as_bytes()) {
            Some(Parsed::Ip(ip)) => IpNet::from(ip),
            _ => text.parse::<IpNet>().map_err(|_| SelectorError::Network)?.trunc(),
        };
        if self.networks.len() >= NETWORKS_MAX {
            return Err(SelectorError::Networks);
        }
        self.networks.push(network);
        Ok(())
    }

    /// Asks for paths that begin like this.
    ///
    /// # Errors
    ///
    /// It is no path.
    pub fn set_path(&mut self, text: &str) -> Result<(), SelectorError> {
        if !text.starts_with('/') {
            return Err(SelectorError::Path);
        }
        self.path = Some((decoded(text.as_bytes()), text.to_owned()));
        Ok(())
    }

    /// Asks for a period. A day alone is its beginning where a period begins, and its end where it ends.
    ///
    /// # Errors
    ///
    /// One of the two is no time, or the end is before the beginning.
    pub fn set_period(
        &mut self,
        from: Option<&str>,
        to: Option<&str>,
    ) -> Result<(), SelectorError> {
        let read = |text: Option<&str>, is_end| text.map(|text| moment(text, is_end)).transpose();
        (self.from, self.until) = (read(from, false)?, read(to, true)?);
        match (self.from, self.until) {
            (Some(from), Some(until)) if until <= from => Err(SelectorError::Period),
            _ => Ok(()),
        }
    }

    /// Whether it asks for nothing, so that everything meets it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.networks.is_empty() && self.path.is_none() && self.has_no_period()
    }

    /// Whether it asks for one address and nothing else but a period, as a subject does.
    #[must_use]
    pub fn is_one_address(&self) -> bool {
        let is_one = |network: &IpNet| network.prefix_len() == network.max_prefix_len();
        matches!(&self.networks[..], [only] if is_one(only)) && self.path.is_none()
    }

    /// Whether it asks for no period.
    #[must_use]
    pub const fn has_no_period(&self) -> bool {
        self.from.is_none() && self.until.is_none()
    }

    /// Whether it asks for networks.
    #[must_use]
    pub fn has_networks(&self) -> bool {
        !self.networks.is_empty()
    }

    /// Whether something between two moments could meet it.
    #[must_use]
    pub fn overlaps(&self, from: i64, to: i64) -> bool {
        self.from.is_none_or(|begin| begin <= to) && self.until.is_none_or(|end| from < end)
    }

    /// Its period: the beginning, and the end up to and without which it goes.
    #[must_use]
    pub const fn period(&self) -> (Option<i64>, Option<i64>) {
        (self.from, self.until)
    }

    /// Its members as texts, for a case file that only its owner reads and for what is sealed to an auditor.
    #[must_use]
    pub fn expose(&self) -> Zeroizing<String> {
        let networks: Vec<_> = self.networks.iter().map(ToString::to_string).collect();
        let path = self.path.as_ref().map(|(_, written)| written);
        let members = serde_json::json!({
            "networks": networks, "path": path, "from": self.from, "until": self.until,
        });
        Zeroizing::new(members.to_string())
    }

    /// The selector that [`Self::expose`] wrote.
    pub(super) fn read(members: &serde_json::Value) -> Option<Self> {
        let mut selector = Self::default();
        for network in members.get("networks")?.as_array()? {
            selector.add_network(network.as_str()?).ok()?;
        }
        if let Some(path) = members.get("path").filter(|path| !path.is_null()) {
            selector.set_path(path.as_str()?).ok()?;
        }
        let time = |name: &str| members.get(name).and_then(serde_json::Value::as_i64);
        (selector.from, selector.until) = (time("from"), time("until"));
        Some(selector)
    }

    /// Whether what is known of an event meets it. What is asked for and not known does not, but for a time.
    #[must_use]
    pub fn meets(&self, client: Option<IpAddr>, target: Option<&[u8]>, unix: Option<i64>) -> bool {
        self.meets_time(unix)
            && (self.networks.is_empty() || client.is_some_and(|ip| self.has_address(ip)))
            && (self.path.is_none() || target.is_some_and(|target| self.has_target(target)))
    }

    pub(super) fn has_address(&self, ip: IpAddr) -> bool {
        self.networks.iter().any(|network| network.contains(&ip))
    }

    fn meets_time(&self, unix: Option<i64>) -> bool {
        let Some(unix) = unix else { return true };
        self.from.is_none_or(|from| from <= unix) && self.until.is_none_or(|until| unix < until)
    }

    /// Whether the path of a target begins as it is asked for.
    pub(super) fn has_target(&self, target: &[u8]) -> bool {
        let Some((wanted, _)) = &self.path else { return true };
        let path = path_of(target);
        // Nearly all paths have nothing to decode.
        if !path.contains(&b'%') {
            return path.starts_with(wanted);
        }
        decoded(path).starts_with(wanted)
    }

    /// Whether paths with this beginning may be among those that are asked for.
    pub(super) fn may_have_path(&self, beginning: &[u8]) -> bool {
        let Some((wanted, _)) = &self.path else { return true };
        let beginning = decoded(beginning);
        beginning.starts_with(wanted) || wanted.starts_with(&beginning)
    }
}

impl fmt::Debug for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Selector")
    }
}

impl Drop for Selector {
    fn drop(&mut self) {
        if let Some((decoded, written)) = &mut self.path {
            decoded.zeroize();
            written.zeroize();
        }
    }
}

/// A day or a moment in Unix seconds.
fn moment(text: &str, is_end: bool) -> Result<i64, SelectorError> {
    let text = text.trim();
    let is_day = text.len() == 10;
    let found = if is_day {
        time::parse_date_and_time(text.as_bytes(), b"00:00:00")
    } else {
        time::parse_any(text.as_bytes())
    };
    let unix = found.map_err(|_| SelectorError::Time)?.seconds();
    Ok(if is_day && is_end { unix + 86_400 } else { unix })
}

/// The path of a target, without a host before it and a query behind it.
fn path_of(target: &[u8]) -> &[u8] {
    let end = target.iter().position(|byte| matches!(byte, b'?' | b'#')).unwrap_or(target.len());
    let target = &target[..end];
    if target.starts_with(b"/") {
        return target;
    }
    let Some(host) = memchr::memmem::find(target, b"://") else { return target };
    match memchr::memchr(b'/', &target[host + 3..]) {
        Some(slash) => &target[host + 3 + slash..],
        None => b"/",
    }
}

/// A path with its percent escapes undone once.
fn decoded(path: &[u8]) -> Vec<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16).map(|digit| digit as u8);
    let (mut out, mut rest) = (Vec::with_capacity(path.len()), path);
    while let Some((&byte, after)) = rest.split_first() {
        let pair = (byte == b'%').then(|| after.first_chunk::<2>()).flatten();
        match pair.and_then(|[high, low]| Some(digit(*high)? << 4 | digit(*low)?)) {
            Some(value) => {
                out.push(value);
                rest = &after[2..];
            }
            None => {
                out.push(byte);
                rest = after;
            }
        }
    }
    out
}

/// What raw lines say of their client, page and time, whatever their format.
pub struct Facts {
    /// The format that the last line had: lines of one log follow each other.
    format: Format,
    trusted: Vec<IpNet>,
    /// The line without what a shipper wrote around it.
    inner: Vec<u8>,
    target: Vec<u8>,
}

/// What is known of a line.
pub(super) struct Known<'a> {
    pub(super) client: Option<IpAddr>,
    pub(super) target: Option<&'a [u8]>,
    pub(super) unix: Option<i64>,
}

impl Facts {
    /// Reads lines whose connections may have come through these proxies. A format is tried before all others.
    #[must_use]
    pub fn new(format: Option<Format>, trusted: Vec<IpNet>) -> Self {
        let format = format.unwrap_or_else(Format::combined);
        Self { format, trusted, inner: Vec::new(), target: Vec::new() }
    }

    /// Whether an index has a client for whom a proxy may have forwarded something.
    #[must_use]
    pub fn trusts_any_of(&self, index: &Index) -> bool {
        !self.trusted.is_empty() && index.has_any_in(&self.trusted)
    }

    /// What is known of a line.
    pub(super) fn of<'a>(&'a mut self, line: &'a [u8]) -> Known<'a> {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let Self { format, trusted, inner, target } = self;
        inner.zeroize();
        let line = match wrapper::peel(line) {
            Some(peeled) => peel::inner(line, peeled, inner).unwrap_or(line),
            None => line,
        };
        if fit(format, line).is_err() {
            match Format::detected().find(|other| fit(other, line).is_ok()) {
                Some(other) => *format = other.clone(),
                None => return rough(format, line),
            }
        }
        let mut map = LineMap::default();
        if format.map(line, &mut map).is_err() {
            return rough(format, line);
        }
        let connecting = map.find(Field::Client, line);
        let client = match map.find(Field::Forwarded, line) {
            Some(list) if !trusted.is_empty() => forwarded::client(connecting, list, trusted),
            _ => connecting,
        };
        Known {
            client: client.and_then(|text| match address::parse(text) {
                Some(Parsed::Ip(ip)) => Some(ip),
                _ => None,
            }),
            unix: unix(format, line, &map),
            target: target_of(line, &map, target),
        }
    }

    /// Whether a line meets a selector.
    pub(super) fn meets(&mut self, selector: &Selector, line: &[u8]) -> bool {
        let known = self.of(line);
        selector.meets(known.client, known.target, known.unix)
    }
}

impl fmt::Debug for Facts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Facts({})", self.format.name())
    }
}

impl Drop for Facts {
    fn drop(&mut self) {
        self.inner.zeroize();
        self.target.zeroize();
    }
}

fn unix(format: &Format, line: &[u8], map: &LineMap) -> Option<i64> {
    let text = map.part(Field::Time, line);
    let found = match (map.find(Field::Date, line), format.time_pattern()) {
        (Some(date), _) => time::parse_date_and_time(date, text),
        (None, Some(pattern)) => time::parse_pattern(pattern, text),
        (None, None) => time::parse_any(text),
    };
    found.ok().map(time::Timestamp::seconds)
}

/// The target of a request, its log escapes undone.
fn target_of<'a>(line: &'a [u8], map: &LineMap, scratch: &'a mut Vec<u8>) -> Option<&'a [u8]> {
    let plain = |field: Field, scratch: &'a mut Vec<u8>| -> Option<&'a [u8]> {
        let raw = map.find(field, line)?;
        let escaping: Option<Escaping> = map.escaping_of(field);
        scratch.zeroize();
        match escaping {
            None => Some(raw),
            Some(escaping) => escape::undo(raw, escaping, scratch).map(|()| &scratch[..]),
        }
    };
    if map.get(Field::Request).is_some() {
        return plain(Field::Request, scratch).and_then(|text| request::parse(text).target);
    }
    plain(Field::Target, scratch)
}

/// What is known of a line that is of no format: the first address in it, its path if it is where `format` has it.
fn rough<'a>(format: &Format, line: &'a [u8]) -> Known<'a> {
    let in_address = |byte: u8| byte.is_ascii_hexdigit() || byte == b':' || byte == b'.';
    let mut words = line.split(|byte| !in_address(*byte)).filter(|word| word.len() >= 2);
    let client = words.find_map(|word| {
        let word = word.strip_suffix(b".").unwrap_or(word);
        match address::parse(word) {
            Some(Parsed::Ip(ip)) => Some(ip),
            _ => None,
        }
    });
    let mut map = LineMap::default();
    let is_mapped = format.map(line, &mut map).is_ok();
    let unix = is_mapped.then(|| unix(format, line, &map)).flatten();
    // Between two spaces, and beginning with a slash: nearly everything that wants to be a request has it there.
    let mut parts = line.split(|byte| matches!(byte, b' ' | b'"'));
    Known { client, unix, target: parts.find(|part| part.starts_with(b"/")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn selector(networks: &[&str], path: Option<&str>, period: [Option<&str>; 2]) -> Selector {
        let mut selector = Selector::default();
        for network in networks {
            selector.add_network(network).expect("a network");
        }
        if let Some(path) = path {
            selector.set_path(path).expect("a path");
        }
        selector.set_period(period[0], period[1]).expect("a period");
        selector
    }

    fn line(client: &str, target: &str) -> String {
        format!(
            "{client} - - [22/Nov/2026:14:05:37 +0000] \"GET {target} HTTP/1.1\" 200 5 \"-\" \"a/1\""
        )
    }

    #[track_caller]
    fn check(selector: &Selector, line: &str, expect: bool) {
        let mut facts = Facts::new(None, Vec::new());
        assert_eq!(facts.meets(selector, line.as_bytes()), expect, "{line}");
        // What was asked for is what a case file says.
        let read = serde_json::from_str(&selector.expose()).expect("it is JSON");
        let again = Selector::read(&read).expect("it reads");
        assert_eq!(facts.meets(&again, line.as_bytes()), expect, "{line}");
    }

    #[test]
    fn addresses_are_compared_and_not_texts() {
        let one = selector(&["192.0.2.7"], None, [None; 2]);
        assert!(one.is_one_address());
        check(&one, &line("192.0.2.7", "/"), true);
        check(&one, &line("::ffff:192.0.2.7", "/"), true);
        check(&one, &line("192.0.2.70", "/"), false);
        check(&one, &line("203.0.113.5", "/192.0.2.7?192.0.2.7"), false);
        check(&one, &line("host.example.com", "/"), false);
        let six = selector(&["2001:DB8::1"], None, [None; 2]);
        check(&six, &line("2001:db8:0:0::1", "/"), true);
        check(&six, &line("2001:db8::11", "/"), false);
        let some = selector(&["192.0.2.0/25", "2001:db8::/32"], None, [None; 2]);
        assert!(!some.is_one_address());
        check(&some, &line("192.0.2.127", "/"), true);
        check(&some, &line("192.0.2.128", "/"), false);
        check(&some, &line("2001:db8:1::1", "/"), true);
    }

    #[test]
    fn lines_of_no_format_are_of_the_first_address_in_them() {
        let one = selector(&["192.0.2.7"], None, [None; 2]);
        check(&one, "192.0.2.7 - - [no time] \"GET / HTTP/1.1\" 200 5", true);
        check(&one, "<190>Nov 22 14:05:37 web nginx: 192.0.2.7 - - [no time] \"GET /", true);
        check(&one, "203.0.113.5 asks for 192.0.2.7", false);
        check(&one, "nobody at all", false);
        let path = selector(&[], Some("/admin"), [None; 2]);
        check(&path, "192.0.2.7 - - [no time] \"GET /admin/a HTTP/1.1\" 200 5", true);
        check(&path, "192.0.2.7 - - [no time] \"GET /a/admin HTTP/1.1\" 200 5", false);
    }

    #[test]
    fn paths_are_compared_decoded_and_from_their_beginning() {
        let path = selector(&[], Some("/admin/"), [None; 2]);
        check(&path, &line("192.0.2.7", "/admin/users?x=1"), true);
        check(&path, &line("192.0.2.7", "/%61dmin/users"), true);
        check(&path, &line("192.0.2.7", "http://example.com/admin/"), true);
        check(&path, &line("192.0.2.7", "/admin"), false);
        check(&path, &line("192.0.2.7", "/?/admin/"), false);
    }

    #[test]
    fn periods_begin_with_their_first_second_and_end_before_their_last() {
        let at = |from, to| selector(&[], None, [from, to]);
        let line = line("192.0.2.7", "/");
        for (from, to, expect) in [
            (Some("2026-11-22"), None, true),
            (Some("2026-11-22"), Some("2026-11-22"), true),
            (Some("2026-11-22T14:05:37Z"), Some("2026-11-22T14:05:38Z"), true),
            (Some("2026-11-22T14:05:38Z"), None, false),
            (None, Some("2026-11-22T14:05:37Z"), false),
            (None, Some("2026-11-21"), false),
        ] {
            check(&at(from, to), &line, expect);
        }
        // Nobody knows when this was.
        check(&at(Some("2026-11-23"), None), "192.0.2.7 - - [no time]", true);
    }

    #[test]
    fn what_is_no_selector_is_refused_and_not_shown() {
        let mut selector = Selector::default();
        for text in ["", "alice", "192.0.2.256", "192.0.2.0/33", "/"] {
            assert_eq!(selector.add_network(text), Err(SelectorError::Network), "{text}");
        }
        assert_eq!(selector.set_path("admin"), Err(SelectorError::Path));
        assert_eq!(selector.set_period(Some("yesterday"), None), Err(SelectorError::Time));
        let reversed = selector.set_period(Some("2026-11-22"), Some("2026-11-21"));
        assert_eq!(reversed, Err(SelectorError::Period));
        selector.add_network("192.0.2.7").expect("an address");
        assert_eq!(format!("{selector:?}"), "Selector");
    }
}
