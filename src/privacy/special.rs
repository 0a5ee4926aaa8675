//! What a line is in the reports of a policy's own: a download, an installation, a product's report, a beacon.
//!
//! The key under which it counts is what a route keeps of the path, or of the value of a parameter as if that were a
//! path of its own: cleaned like any other, so that what looks like an identifier becomes a word in braces. What counts
//! once is known by a keyed number, made of the visitor and the file or the agent, which nobody can undo without the
//! key.
//!
//! Only policies with such reports pay for this.

use super::{
    memo::{Memo, Seed},
    record::Text,
    visitors::{Visit, Visitor, Visitors},
};
use crate::{
    policy::{SpecialKind, SpecialRule},
    transform::{
        path::{Cleaner, Route},
        query,
        request::{self, Method},
    },
};

/// How many requests are remembered, and how long their key may be.
const REMEMBERED: usize = 1_024;
const KEY_BYTES_REMEMBERED: usize = 100;

/// What a key becomes that is too long to be one.
const OTHER: &[u8] = b"(other)";

/// A line in a report of the policy's own.
#[derive(Clone, Copy, Debug)]
pub struct Special<'a> {
    rule: u8,
    key: Text<'a>,
    unit: u64,
}

impl<'a> Special<'a> {
    /// The first rule of its table.
    #[must_use]
    pub const fn rule(&self) -> u8 {
        self.rule
    }

    /// What it counts under.
    #[must_use]
    pub const fn key(&self) -> Text<'a> {
        self.key
    }

    /// A number that is equal for what counts once, zero where nobody tells visitors apart.
    #[must_use]
    pub const fn unit(&self) -> u64 {
        self.unit
    }
}

/// What a request is: the rule that it fits, and one more; zero for none.
#[derive(Clone, Copy, Default)]
struct Known {
    rule: u8,
}

/// What was found out of a line before its record is made.
#[derive(Clone, Copy)]
pub(super) struct Found {
    table: u8,
    place: Option<usize>,
    unit: u64,
    pub(super) kind: SpecialKind,
    pub(super) visit: Visit,
}

/// The parts of a line that decide.
pub(super) struct Line<'a> {
    /// The request line, or the target where it is logged apart.
    pub(super) request: &'a [u8],
    pub(super) is_target: bool,
    pub(super) method: Method,
    pub(super) status: Option<u16>,
    pub(super) site: Option<&'a [u8]>,
    pub(super) agent: Option<&'a [u8]>,
    pub(super) is_bot: bool,
    pub(super) unix: i64,
    pub(super) visit: Visit,
}

/// One worker's rules.
pub(super) struct Specials {
    rules: Vec<(SpecialRule, Cleaner)>,
    value: Cleaner,
    seed: Seed,
    memo: Memo<Known, KEY_BYTES_REMEMBERED>,
    key: Vec<u8>,
    target: Vec<u8>,
}

impl Specials {
    /// The rules of a plan, if it has any.
    pub(super) fn new(rules: &[SpecialRule]) -> Option<Self> {
        let value = Route::parse("/{value}", &["value".to_owned()]).ok()?;
        let with_cleaner = |rule: &SpecialRule| {
            let cleaner = Cleaner::new(vec![rule.path.clone()]);
            (rule.clone(), cleaner)
        };
        (!rules.is_empty()).then(|| Self {
            rules: rules.iter().map(with_cleaner).collect(),
            value: Cleaner::new(vec![value]),
            seed: Seed::default(),
            memo: Memo::new(REMEMBERED),
            key: Vec::new(),
            target: Vec::new(),
        })
    }

    /// What a line is, if anything.
    pub(super) fn find(&mut self, line: &Line<'_>, visitors: Option<&Visitors>) -> Option<Found> {
        let (known, place) = self.request(line);
        let number = usize::from(known.rule.checked_sub(1)?);
        let rule = &self.rules[number].0;
        if !counts(rule, line) {
            return None;
        }
        let kind = rule.kind;
        let table = self.rules.iter().position(|(other, _)| other.name == rule.name);
        let key = visitors.and_then(|visitors| visitors.key(line.visit.epoch()));
        let who = line.visit.visitor();
        let unit = match (kind, key) {
            (SpecialKind::Download, Some(key)) => {
                key.unit(who, line.unix.div_euclid(86_400), file(line)).max(1)
            }
            (SpecialKind::Installation, Some(key)) => {
                key.with_agent(who, line.agent.unwrap_or_default()).max(1)
            }
            _ => 0,
        };
        let visit = match kind {
            SpecialKind::Product => Visit::NONE,
            SpecialKind::Installation => Visit { visitor: Visitor(unit), ..line.visit },
            SpecialKind::Download | SpecialKind::Beacon => line.visit,
        };
        Some(Found { table: table? as u8, place, unit, kind, visit })
    }

    /// The line's place in a record.
    pub(super) fn lend(&self, found: Found) -> Special<'_> {
        let key = match found.place {
            Some(place) => self.memo.at(place).text(),
            None => Text::new(OTHER),
        };
        Special { rule: found.table, key, unit: found.unit }
    }

    /// The rule that a request fits, and where its key is; without a place the key was too long.
    fn request(&mut self, line: &Line<'_>) -> (Known, Option<usize>) {
        let site =
            if self.rules.iter().any(|(rule, _)| rule.site.is_some()) { line.site } else { None };
        let hash = self.seed.hash_all(&[line.request, site.unwrap_or_default()], None);
        if let Some(place) = self.memo.find(hash) {
            return (self.memo.at(place).value, Some(place));
        }
        let known = Known { rule: self.fit(line) };
        (known, self.memo.insert(hash, known, &self.key))
    }

    /// The first rule that a request fits, plus one; its key is in the buffer then.
    fn fit(&mut self, line: &Line<'_>) -> u8 {
        self.key.clear();
        let target =
            if line.is_target { Some(line.request) } else { request::parse(line.request).target };
        let Some(target) = target else { return 0 };
        for (number, (rule, cleaner)) in self.rules.iter_mut().enumerate() {
            let is_of_site = rule.site.as_ref().is_none_or(|wanted| {
                line.site.is_some_and(|site| site.eq_ignore_ascii_case(wanted.as_bytes()))
            });
            if !is_of_site || !cleaner.capture(target, &mut self.key) {
                continue;
            }
            if let Some(name) = &rule.parameter {
                let Some(value) = query::raw_value(target, name) else { continue };
                self.target.clear();
                self.target.push(b'/');
                self.target.extend_from_slice(value);
                self.key.clear();
                if !self.value.capture(&self.target, &mut self.key) {
                    self.key.extend_from_slice(OTHER);
                }
            } else if self.key.is_empty() {
                self.key.extend_from_slice(printable(&rule.pattern).as_bytes());
            }
            return number as u8 + 1;
        }
        0
    }
}

/// The policy's own text of a pattern as clean text: without what would need an escape.
fn printable(pattern: &str) -> String {
    pattern.chars().filter(|c| matches!(c, '!'..='~') && !matches!(c, '"' | '\\')).collect()
}

/// Whether a request that fits a rule counts.
fn counts(rule: &SpecialRule, line: &Line<'_>) -> bool {
    match rule.kind {
        SpecialKind::Download => {
            line.method == Method::Get && matches!(line.status, Some(200 | 206)) && !line.is_bot
        }
        SpecialKind::Installation | SpecialKind::Product | SpecialKind::Beacon => {
            line.method != Method::Head && line.status.is_none_or(|status| status < 400)
        }
    }
}

/// The file that a request asks for: the target without its query.
fn file<'a>(line: &Line<'a>) -> &'a [u8] {
    let target = match line.request.iter().position(|byte| *byte == b' ') {
        Some(space) if !line.is_target => &line.request[space + 1..],
        _ => line.request,
    };
    let end = target.iter().position(|byte| matches!(byte, b'?' | b'#' | b' '));
    &target[..end.unwrap_or(target.len())]
}
