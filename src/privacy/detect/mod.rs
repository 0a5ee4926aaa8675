//! Which lines look like attacks: rules as data, a score for each line, and the ids of the rules that hit.
//!
//! A rule is tried on views of a field ([`views`]), that is on its text decoded in the ways that attackers count on.
//! Its score is added up over the fields; from [`THRESHOLD`] on the line is one to keep. Rules may only route: what
//! leaves this directory of a line is a number and the ids of rules, which the operator wrote.
//!
//! All rules are looked for at once, by an automaton over the literals that their patterns need ([`needles`]), and
//! the few patterns that may fit are then tried. Fields repeat, and what was found in one is remembered by a hash
//! under a random seed: neither the text nor anything made of it.
//!
//! What it does not see: bodies, cookies and headers that are not logged. Attacks that look like ordinary requests
//! one by one are found by what a visitor does over time ([`super::sentry`]).

mod decode;
mod needles;
mod rule;
#[cfg(test)]
mod tests;
mod views;

use std::{fmt, sync::Arc};

use aho_corasick::{AhoCorasick, AhoCorasickBuilder, AhoCorasickKind};
use zeroize::Zeroize;

pub use rule::RuleError;

use self::{
    rule::{RULES_MAX, Rule},
    views::Views,
};
use super::{
    memo::{Memo, Seed},
    raw::RawLine,
};
use crate::{
    field::{Escaping, Field, LineMap},
    format::Format,
    transform::escape,
};

/// The score from which on a line is one to keep.
pub const THRESHOLD: u8 = 5;
/// What a path or a file name can give at most where the answer was not a 4xx: not enough to add up either.
const PROBE_MAX: u8 = 2;
/// What it gives more where the answer was one, but for paths that any site may have.
const PROBE_REFUSED: u8 = 2;
/// How many rules are told of a line.
const HITS_MAX: usize = 6;
/// How many requests are remembered by each worker, and as many agents and referrers.
const REMEMBERED: usize = 8_192;

/// Our own rules, by the names of their files.
const SHIPPED: &[(&str, &str)] = &[
    ("sqli.toml", include_str!("rules/sqli.toml")),
    ("xss.toml", include_str!("rules/xss.toml")),
    ("files.toml", include_str!("rules/files.toml")),
    ("shell.toml", include_str!("rules/shell.toml")),
    ("code.toml", include_str!("rules/code.toml")),
    ("fetch.toml", include_str!("rules/fetch.toml")),
    ("protocol.toml", include_str!("rules/protocol.toml")),
    ("probes.toml", include_str!("rules/probes.toml")),
    ("agents.toml", include_str!("rules/agents.toml")),
];

/// A set of rules, compiled once and shared by all workers.
pub struct Rules {
    rules: Vec<Rule>,
    needles: Option<AhoCorasick>,
    /// The rule of each needle.
    owners: Vec<u16>,
    /// The rules that no needle stands for.
    always: Vec<u16>,
}

impl Rules {
    /// No rules: nothing hits.
    #[must_use]
    pub fn none() -> Self {
        Self { rules: Vec::new(), needles: None, owners: Vec::new(), always: Vec::new() }
    }

    /// Our own rules.
    ///
    /// # Panics
    ///
    /// Never: a test reads them.
    #[must_use]
    pub fn shipped() -> Self {
        Self::with_own(&[]).expect("our own rules are right, which a test tries")
    }

    /// Our own rules and the operator's, given as names and texts of files.
    ///
    /// # Errors
    ///
    /// What is wrong with the first file that has something wrong.
    pub fn with_own(own: &[(String, String)]) -> Result<Self, RuleError> {
        let mut rules = Vec::new();
        for (file, text) in SHIPPED {
            rules.extend(rule::read(file, text, false)?);
        }
        for (file, text) in own {
            rules.extend(rule::read(file, text, true)?);
            check_all(file, &rules)?;
        }
        Self::compile(rules)
    }

    /// These rules and no others.
    ///
    /// # Errors
    ///
    /// As for [`Self::with_own`].
    pub fn only(files: &[(String, String)]) -> Result<Self, RuleError> {
        let mut rules = Vec::new();
        for (file, text) in files {
            rules.extend(rule::read(file, text, true)?);
            check_all(file, &rules)?;
        }
        Self::compile(rules)
    }

    fn compile(rules: Vec<Rule>) -> Result<Self, RuleError> {
        let (mut needles, mut owners, mut always) = (Vec::new(), Vec::new(), Vec::new());
        for (index, rule) in rules.iter().enumerate() {
            if rule.needles.is_empty() {
                always.push(index as u16);
            }
            owners.extend(rule.needles.iter().map(|_| index as u16));
            needles.extend(&rule.needles);
        }
        let built = AhoCorasickBuilder::new()
            .ascii_case_insensitive(true)
            .kind(Some(AhoCorasickKind::DFA))
            .build(&needles);
        let needles = built.map_err(|_| RuleError {
            file: "the rules".to_owned(),
            rule: None,
            what: "together they are too large; use fewer or shorter patterns".to_owned(),
        })?;
        Ok(Self { rules, needles: Some(needles), owners, always })
    }

    /// How many rules there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rules.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// The id of a rule.
    #[must_use]
    pub fn id(&self, rule: u16) -> &str {
        self.rules.get(usize::from(rule)).map_or("", |rule| &rule.id)
    }

    /// The family of a rule.
    #[must_use]
    pub fn family(&self, rule: u16) -> &str {
        self.rules.get(usize::from(rule)).map_or("", |rule| &rule.family)
    }
}

impl fmt::Debug for Rules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Rules({})", self.rules.len())
    }
}

/// Each id is there once, and there are not too many.
fn check_all(file: &str, rules: &[Rule]) -> Result<(), RuleError> {
    let wrong = |rule: Option<&Rule>, what: &str| RuleError {
        file: file.to_owned(),
        rule: rule.map(|rule| rule.id.clone()),
        what: what.to_owned(),
    };
    if rules.len() > RULES_MAX {
        return Err(wrong(None, "there are more than 2000 rules"));
    }
    let mut ids: Vec<&Rule> = rules.iter().collect();
    ids.sort_by(|a, b| a.id.cmp(&b.id));
    match ids.windows(2).find(|pair| pair[0].id == pair[1].id) {
        Some(pair) => Err(wrong(Some(pair[0]), "there is already a rule of this id")),
        None => Ok(()),
    }
}

/// What the rules say of a line: numbers, and numbers of rules.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// The sum of the scores.
    pub score: u8,
    hits: [u16; HITS_MAX],
    count: u8,
}

impl Verdict {
    /// Whether the line is one to keep.
    #[must_use]
    pub const fn is_hit(&self) -> bool {
        self.score >= THRESHOLD
    }

    /// The rules that hit, those with the highest scores first; not all where they are many.
    #[must_use]
    pub fn hits(&self) -> &[u16] {
        &self.hits[..usize::from(self.count)]
    }
}

/// What was found in one field.
#[derive(Clone, Copy, Default)]
struct Found {
    score: u8,
    /// The score of the best probe.
    probe: u8,
    count: u8,
    hits: [u16; HITS_MAX],
}

impl Found {
    fn add(&mut self, index: u16, rule: &Rule, score: u8) {
        if rule.probe {
            self.probe = self.probe.max(score);
        } else {
            self.score = self.score.saturating_add(score);
        }
        if usize::from(self.count) < HITS_MAX {
            self.hits[usize::from(self.count)] = index;
            self.count += 1;
        }
    }
}

/// Tries rules on lines, one for each worker.
pub struct Detector {
    rules: Arc<Rules>,
    seed: Seed,
    requests: Memo<Found, 0>,
    agents: Memo<Found, 0>,
    referrers: Memo<Found, 0>,
    views: Views,
    candidates: Vec<u64>,
    unescaped: Vec<u8>,
    spare: Vec<u8>,
    has_prefilter: bool,
    has_memory: bool,
}

impl Drop for Detector {
    fn drop(&mut self) {
        self.unescaped.zeroize();
        self.spare.zeroize();
    }
}

impl fmt::Debug for Detector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Detector({:?})", self.rules)
    }
}

impl Detector {
    /// A detector for `rules`.
    #[must_use]
    pub fn new(rules: Arc<Rules>) -> Self {
        let candidates = vec![0; rules.len().div_ceil(64)];
        Self {
            rules,
            seed: Seed::default(),
            requests: Memo::new(REMEMBERED),
            agents: Memo::new(REMEMBERED),
            referrers: Memo::new(REMEMBERED),
            views: Views::default(),
            candidates,
            unescaped: Vec::new(),
            spare: Vec::new(),
            has_prefilter: true,
            has_memory: true,
        }
    }

    /// The plain version, which tries every rule on every text: what the other one is tested against.
    #[must_use]
    pub fn plain(mut self) -> Self {
        self.has_prefilter = false;
        self.has_memory = false;
        self
    }

    /// The rules.
    #[must_use]
    pub const fn rules(&self) -> &Arc<Rules> {
        &self.rules
    }

    /// What the rules say of a line of `format`; nothing where it is no line of it.
    pub fn look_at(&mut self, format: &Format, line: RawLine<'_>) -> Option<Verdict> {
        let line = line.expose_bytes();
        let mut map = LineMap::default();
        format.map(line, &mut map).ok()?;
        Some(self.look(line, &map))
    }

    /// What the rules say of a line whose fields sit where `map` says.
    #[inline]
    pub(in crate::privacy) fn look(&mut self, line: &[u8], map: &LineMap) -> Verdict {
        if self.rules.is_empty() {
            return Verdict::default();
        }
        let class = class_of(map.part(Field::Status, line));
        let mut verdict = Sum::default();
        let request = match map.find(Field::Request, line) {
            Some(text) => self.request(text, map, class),
            None => self.parts_of_request(line, map, class),
        };
        verdict.add(&request);
        if let Some(text) = map.find(Field::Agent, line) {
            verdict.add(&self.agent(text, map.escaping_of(Field::Agent), class));
        }
        if let Some(text) = map.find(Field::Referrer, line)
            && text.len() > 1
        {
            verdict.add(&self.referrer(text, map.escaping_of(Field::Referrer), class));
        }
        verdict.finish(class, &self.rules)
    }

    fn request(&mut self, text: &[u8], map: &LineMap, class: u8) -> Found {
        let escaping = map.escaping_of(Field::Request);
        let hash = key(self.seed.hash(text, escaping), class);
        if let Some(place) = self.requests.find(hash)
            && self.has_memory
        {
            return self.requests.at(place).value;
        }
        let undone = self.undo(text, escaping);
        let (method, target) = split(&undone);
        self.views.of_request(method, target);
        let found = self.try_rules(method, class, false);
        self.unescaped = undone;
        self.requests.insert(hash, found, b"");
        found
    }

    fn parts_of_request(&mut self, line: &[u8], map: &LineMap, class: u8) -> Found {
        let Some(target) = map.find(Field::Target, line) else { return Found::default() };
        let method = map.part(Field::Method, line);
        let query = map.find(Field::Query, line);
        let query = query.filter(|query| !matches!(*query, b"" | b"-") && !target.contains(&b'?'));
        let query = query.unwrap_or_default();
        let hash = self.seed.hash_all(&[target, method, query], map.escaping_of(Field::Target));
        let hash = key(hash, class);
        if let Some(place) = self.requests.find(hash)
            && self.has_memory
        {
            return self.requests.at(place).value;
        }
        let mut whole = self.undo(target, map.escaping_of(Field::Target));
        if !query.is_empty() {
            if query[0] != b'?' {
                whole.push(b'?');
            }
            match map.escaping_of(Field::Query) {
                Some(escaping) if escape::undo(query, escaping, &mut whole).is_some() => {}
                _ => whole.extend_from_slice(query),
            }
        }
        self.views.of_request(method, &whole);
        let found = self.try_rules(method, class, false);
        self.unescaped = whole;
        self.requests.insert(hash, found, b"");
        found
    }

    fn agent(&mut self, text: &[u8], escaping: Option<Escaping>, class: u8) -> Found {
        let hash = key(self.seed.hash(text, escaping), class);
        if let Some(place) = self.agents.find(hash)
            && self.has_memory
        {
            return self.agents.at(place).value;
        }
        let undone = self.undo(text, escaping);
        self.views.of_agent(&undone);
        self.unescaped = undone;
        let found = self.try_rules(b"", class, false);
        self.agents.insert(hash, found, b"");
        found
    }

    fn referrer(&mut self, text: &[u8], escaping: Option<Escaping>, class: u8) -> Found {
        let hash = key(self.seed.hash(text, escaping), class);
        if let Some(place) = self.referrers.find(hash)
            && self.has_memory
        {
            return self.referrers.at(place).value;
        }
        let undone = self.undo(text, escaping);
        self.views.of_referrer(&undone);
        self.unescaped = undone;
        let found = self.try_rules(b"", class, true);
        self.referrers.insert(hash, found, b"");
        found
    }

    /// The text without the log's own escapes, as far as they can be undone, in a buffer to give back.
    fn undo(&mut self, text: &[u8], escaping: Option<Escaping>) -> Vec<u8> {
        let mut undone = std::mem::take(&mut self.unescaped);
        undone.clear();
        let is_done = match escaping {
            Some(escaping) => escape::undo(text, escaping, &mut undone).is_some(),
            None => false,
        };
        if !is_done {
            undone.clear();
            undone.extend_from_slice(text);
        }
        undone
    }

    /// Tries the rules on the views of a field. What a referrer has counts one less: people search for such texts.
    fn try_rules(&mut self, method: &[u8], class: u8, is_referrer: bool) -> Found {
        let mut found = Found::default();
        let rules = Arc::clone(&self.rules);
        if self.has_prefilter {
            self.candidates.fill(0);
            for index in &rules.always {
                self.candidates[usize::from(*index) / 64] |= 1 << (index % 64);
            }
            if let Some(needles) = &rules.needles {
                for hit in needles.find_overlapping_iter(self.views.all()) {
                    let index = rules.owners[hit.pattern().as_usize()];
                    self.candidates[usize::from(index) / 64] |= 1 << (index % 64);
                }
            }
        } else {
            self.candidates.fill(u64::MAX);
        }
        for word in 0..self.candidates.len() {
            let mut bits = self.candidates[word];
            while bits != 0 {
                let index = word * 64 + bits.trailing_zeros() as usize;
                bits &= bits - 1;
                let Some(rule) = rules.rules.get(index) else { break };
                let fits = |(views, text)| rule.views & views != 0 && rule.fits(text);
                if rule.counts(method, class) && self.views.texts().any(fits) {
                    found.add(index as u16, rule, rule.score - u8::from(is_referrer));
                }
            }
        }
        found
    }
}

/// What was found in the fields of a line together.
#[derive(Default)]
struct Sum {
    score: u8,
    probe: u8,
    hits: Vec<u16>,
}

impl Sum {
    #[inline]
    fn add(&mut self, found: &Found) {
        if found.count > 0 {
            self.score = self.score.saturating_add(found.score);
            self.probe = self.probe.max(found.probe);
            self.hits.extend_from_slice(&found.hits[..usize::from(found.count)]);
        }
    }

    #[inline]
    fn finish(mut self, class: u8, rules: &Rules) -> Verdict {
        if self.hits.is_empty() {
            return Verdict::default();
        }
        let probe = match class {
            _ if self.probe == 0 => 0,
            4 if self.probe > 1 => self.probe.saturating_add(PROBE_REFUSED),
            _ => self.probe.min(PROBE_MAX),
        };
        self.hits.sort_by_key(|index| {
            (std::cmp::Reverse(rules.rules[usize::from(*index)].score), *index)
        });
        self.hits.dedup();
        let mut verdict = Verdict { score: self.score.saturating_add(probe), ..Verdict::default() };
        for (place, hit) in verdict.hits.iter_mut().zip(&self.hits) {
            *place = *hit;
            verdict.count += 1;
        }
        verdict
    }
}

/// The same text is another one with an answer of another class. Never zero, which marks a free place.
fn key(hash: u64, class: u8) -> u64 {
    (hash ^ u64::from(class) << 56).max(1)
}

/// The method and the target of a request, whatever they are: what is no request is all target.
fn split(request: &[u8]) -> (&[u8], &[u8]) {
    let Some(space) = memchr::memchr(b' ', request) else { return (b"", request) };
    let (method, rest) = (&request[..space], &request[space + 1..]);
    match memchr::memrchr(b' ', rest) {
        Some(last) if rest[last + 1..].starts_with(b"HTTP") => (method, &rest[..last]),
        _ => (method, rest),
    }
}

/// The class of a status, 0 where there is none.
const fn class_of(status: &[u8]) -> u8 {
    match status {
        [class @ b'1'..=b'5', _, _] => *class - b'0',
        _ => 0,
    }
}
