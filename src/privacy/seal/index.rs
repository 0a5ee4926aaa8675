//! What is known of the lines of a segment without opening them: whose, when, where and why. It is sealed too.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use zeroize::Zeroize as _;

use super::addresses::Addresses;
use crate::transform::address::{self, Parsed};

/// How many beginnings of paths are kept; with more, the index says that it has not all.
const PATHS_MAX: usize = 1_000;
/// How long they are.
const PATH_BYTES_MAX: usize = 64;
/// How many clients that are no addresses, but names, are kept.
const NAMES_MAX: usize = 10_000;
/// How long these are.
const NAME_BYTES_MAX: usize = 255;

/// What is known of some lines.
#[derive(Default)]
pub(crate) struct Index {
    lines: u64,
    period: Option<(i64, i64)>,
    /// How many lines have a time that could not be read.
    undated: u64,
    addresses: Addresses,
    /// Host names in place of addresses.
    names: BTreeSet<String>,
    /// How many lines have a client that could not be told.
    unnamed: u64,
    paths: BTreeSet<String>,
    /// Whether there are lines of which the path is not kept.
    lacks_paths: bool,
    /// By the word for a reason, how many lines.
    why: BTreeMap<&'static str, u64>,
    /// By the id of a rule, how many lines.
    rules: BTreeMap<String, u64>,
}

impl Index {
    pub(super) const fn lines(&self) -> u64 {
        self.lines
    }

    pub(super) const fn period(&self) -> Option<(i64, i64)> {
        self.period
    }

    pub(super) fn why(&self) -> BTreeMap<String, u64> {
        self.why.iter().map(|(word, lines)| ((*word).to_owned(), *lines)).collect()
    }

    /// Whether there are so many different clients.
    pub(super) fn has_clients(&mut self, count: usize) -> bool {
        self.addresses.reach(count)
    }

    /// How many bytes it will take, nearly.
    pub(super) fn bytes(&self) -> u64 {
        let texts = (self.names.len() + self.paths.len()) * 72;
        (self.addresses.count_max() * 42 + texts + 4_096) as u64
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.lines == 0
    }

    /// Notes how many lines there are, of which so many have no time or no client that could be read.
    pub(crate) const fn add_lines(&mut self, lines: u64, undated: u64, unnamed: u64) {
        self.lines += lines;
        self.undated += undated;
        self.unnamed += unnamed;
    }

    #[inline]
    pub(crate) fn add_time(&mut self, unix: i64) {
        let (from, to) = self.period.unwrap_or((unix, unix));
        self.period = Some((from.min(unix), to.max(unix)));
    }

    /// Notes a client as it stands in a line; false if it is none.
    #[inline]
    pub(crate) fn add_client(&mut self, text: &[u8]) -> bool {
        match address::parse(text) {
            Some(Parsed::Ip(address)) => {
                self.addresses.insert(address);
                true
            }
            Some(Parsed::Hostname | Parsed::Teredo) => self.add_name(text),
            None => false,
        }
    }

    #[inline(never)]
    fn add_name(&mut self, text: &[u8]) -> bool {
        let name = str::from_utf8(text).ok().filter(|name| name.len() <= NAME_BYTES_MAX);
        let fits = name.filter(|_| self.names.len() < NAMES_MAX);
        if let Some(name) = fits {
            self.names.insert(name.to_ascii_lowercase());
        }
        fits.is_some()
    }

    /// Notes the path of a target.
    pub(crate) fn add_path(&mut self, target: &[u8]) {
        let end = target.iter().position(|byte| matches!(byte, b'?' | b'#' | b';'));
        let path = &target[..end.unwrap_or(target.len()).min(PATH_BYTES_MAX)];
        let path = str::from_utf8(path).unwrap_or_else(|error| {
            str::from_utf8(&path[..error.valid_up_to()]).unwrap_or_default()
        });
        if self.paths.len() >= PATHS_MAX && !self.paths.contains(path) {
            self.lacks_paths = true;
        } else if !self.paths.contains(path) {
            self.paths.insert(path.to_owned());
        }
    }

    /// Notes that there are lines of which the path is not kept.
    pub(crate) const fn lack_paths(&mut self) {
        self.lacks_paths = true;
    }

    pub(crate) fn add_why(&mut self, word: &'static str, lines: u64) {
        *self.why.entry(word).or_default() += lines;
    }

    pub(crate) fn add_rule(&mut self, id: &str) {
        match self.rules.get_mut(id) {
            Some(lines) => *lines += 1,
            None => {
                self.rules.insert(id.to_owned(), 1);
            }
        }
    }

    /// Takes over what another one knows, which is empty then.
    pub(super) fn absorb(&mut self, other: &mut Self) {
        let other = std::mem::take(other);
        self.add_lines(other.lines, other.undated, other.unnamed);
        for unix in other.period.iter().flat_map(|(from, to)| [*from, *to]) {
            self.add_time(unix);
        }
        self.addresses.absorb(&other.addresses);
        self.names.extend(other.names.iter().cloned());
        for path in &other.paths {
            self.add_path(path.as_bytes());
        }
        self.lacks_paths |= other.lacks_paths;
        for (word, lines) in &other.why {
            self.add_why(word, *lines);
        }
        for (id, lines) in &other.rules {
            *self.rules.entry(id.clone()).or_default() += lines;
        }
    }

    /// The index as it is sealed. Addresses are in the order of numbers, names behind them.
    pub(super) fn json(&mut self) -> String {
        let rest = json!({
            "from": self.period.map(|(from, _)| from),
            "to": self.period.map(|(_, to)| to),
            "lines": self.lines,
            "undated": self.undated,
            "unnamed": self.unnamed,
            "paths": self.paths,
            "paths_whole": !self.lacks_paths,
            "rules": self.rules,
            "why": self.why,
        })
        .to_string();
        let mut text = String::with_capacity(rest.len() + self.bytes() as usize);
        text += "{\"addresses\":[";
        self.addresses.write(&mut text);
        for name in &self.names {
            text += &Value::from(name.as_str()).to_string();
            text.push(',');
        }
        if text.ends_with(',') {
            text.pop();
        }
        text += "],";
        text += rest.strip_prefix('{').expect("an object");
        text
    }
}

impl Drop for Index {
    fn drop(&mut self) {
        for text in
            std::mem::take(&mut self.names).into_iter().chain(std::mem::take(&mut self.paths))
        {
            let mut text = text;
            text.zeroize();
        }
    }
}
