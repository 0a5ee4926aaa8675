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

#[cfg(test)]
mod tests {
    use super::*;

    fn value(index: &mut Index) -> Value {
        serde_json::from_str(&index.json()).expect("JSON")
    }

    #[test]
    fn what_several_blocks_know_is_added_up() {
        let mut all = Index::default();
        for (lines, undated, unnamed) in [(3, 1, 2), (10, 4, 0), (5, 0, 1)] {
            let mut part = Index::default();
            assert!(part.is_empty());
            part.add_lines(lines, undated, unnamed);
            assert!(!part.is_empty());
            part.add_rule("sql");
            part.add_rule("sql");
            part.add_rule(if undated == 0 { "scan" } else { "php" });
            all.absorb(&mut part);
            assert!(part.is_empty());
        }
        let told = value(&mut all);
        let counts = ["lines", "undated", "unnamed"].map(|name| told[name].as_u64());
        assert_eq!(counts, [Some(18), Some(5), Some(3)]);
        assert_eq!(told["rules"], json!({"php": 2, "scan": 1, "sql": 6}));
        assert_eq!(told["paths_whole"], true);
    }

    /// Whoever looks for a page must not be told that it is in no segment whose paths are not all known.
    #[test]
    fn an_index_says_when_it_lacks_paths() {
        let mut index = Index::default();
        for number in 0..PATHS_MAX {
            index.add_path(format!("/{number}").as_bytes());
        }
        index.add_path(b"/7?a");
        assert_eq!(value(&mut index)["paths_whole"], true);
        index.add_path(b"/one-more");
        let told = value(&mut index);
        assert_eq!(told["paths_whole"], false);
        assert_eq!(told["paths"].as_array().map(Vec::len), Some(PATHS_MAX));
        let (mut one, mut two) = (Index::default(), Index::default());
        two.lack_paths();
        one.absorb(&mut two);
        assert_eq!(value(&mut one)["paths_whole"], false);
    }

    #[test]
    fn a_client_that_is_not_kept_is_said_to_be_none() {
        let mut index = Index::default();
        for number in 0..NAMES_MAX {
            assert!(index.add_client(format!("host-{number}.example.com").as_bytes()));
        }
        assert!(!index.add_client(b"one-more.example.com"));
        assert!(index.add_client(b"192.0.2.7"));
        let told = value(&mut index);
        assert_eq!(told["addresses"].as_array().map(Vec::len), Some(NAMES_MAX + 1));
        assert!(!Index::default().add_client(b"-"));
    }
}
