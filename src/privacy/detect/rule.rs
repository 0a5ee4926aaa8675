//! Rules as they are written, and as they are used.
//!
//! Ours and the operator's have the same form: a TOML file of `[[rule]]` tables. A pattern is one of the `regex`
//! crate, which takes time in proportion to the text whatever the pattern. It is tried on bytes, regardless of
//! case. All that a rule does is to add to the score of a line and to be counted by its id.

use std::{fmt, sync::OnceLock};

use regex::bytes::{Regex, RegexBuilder};
use regex_syntax::ParserBuilder;
use serde::Deserialize;

use super::needles;

/// The most rules that there may be, ours and the operator's.
pub(super) const RULES_MAX: usize = 2_000;
/// The longest pattern in bytes, also of all the words of a rule together.
const PATTERN_BYTES_MAX: usize = 8_192;
/// The highest score of a rule: twice what marks a line.
const SCORE_MAX: u8 = 10;
/// What a compiled pattern may take in bytes.
const REGEX_BYTES_MAX: usize = 4 << 20;

/// A file of rules, as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    #[serde(default)]
    rule: Vec<WrittenRule>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenRule {
    id: String,
    family: String,
    score: u8,
    #[serde(rename = "in")]
    views: Vec<View>,
    matches: Option<String>,
    contains: Option<Vec<String>>,
    #[serde(default)]
    words: bool,
    unless: Option<String>,
    #[serde(default)]
    status: Vec<String>,
    #[serde(default)]
    method: Vec<String>,
    #[serde(default)]
    probe: bool,
}

/// What part of a line a pattern is tried on, and how far it is decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
#[repr(u16)]
pub(super) enum View {
    /// The target as it was logged, without the log's own escapes.
    Raw = 1,
    /// The path, decoded.
    Path = 2,
    /// The name of a parameter, decoded.
    Name = 4,
    /// The value of a parameter, decoded; also one without SQL comments, and what base64 stands for.
    Value = 8,
    /// The same without the quoting of shells.
    Unquoted = 16,
    /// A parameter as `name=value`, decoded.
    Param = 256,
    /// The method.
    Method = 32,
    /// The referrer, decoded.
    Referrer = 64,
    /// The agent, decoded.
    Agent = 128,
}

/// What is wrong with a file of rules. It tells what the file says, which is configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleError {
    /// The file.
    pub file: String,
    /// The rule, where it is one rule that is wrong.
    pub rule: Option<String>,
    /// What was expected.
    pub what: String,
}

impl fmt::Display for RuleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.rule {
            Some(rule) => write!(f, "{}: rule {rule}: {}", self.file, self.what),
            None => write!(f, "{}: {}", self.file, self.what),
        }
    }
}

impl std::error::Error for RuleError {}

/// A rule as it is used.
#[derive(Debug)]
pub(super) struct Rule {
    pub(super) id: String,
    pub(super) family: String,
    pub(super) score: u8,
    /// The views that it is tried on, a bit each.
    pub(super) views: u16,
    /// A path that says little alone.
    pub(super) probe: bool,
    pattern: String,
    unless: Option<String>,
    compiled: OnceLock<Compiled>,
    /// Whether it counts for an answer of each class, a bit each; bit 0 is for lines without a status.
    classes: u8,
    methods: Vec<Vec<u8>>,
    /// One of these is in every text that fits; none where nothing is known.
    pub(super) needles: Vec<Vec<u8>>,
}

#[derive(Debug)]
struct Compiled {
    pattern: Regex,
    unless: Option<Regex>,
}

impl Rule {
    /// Whether the pattern fits.
    pub(super) fn fits(&self, text: &[u8]) -> bool {
        let compiled =
            self.compiled.get_or_init(|| self.compile().expect("was tried when it was read"));
        compiled.pattern.is_match(text)
            && !compiled.unless.as_ref().is_some_and(|unless| unless.is_match(text))
    }

    /// Whether it counts for requests with this method and an answer of this class, 0 where there is none.
    pub(super) fn counts(&self, method: &[u8], class: u8) -> bool {
        self.classes & (1 << class) != 0
            && (self.methods.is_empty() || self.methods.iter().any(|known| known == method))
    }

    fn compile(&self) -> Result<Compiled, regex::Error> {
        let unless = self.unless.as_deref().map(regex).transpose()?;
        Ok(Compiled { pattern: regex(&self.pattern)?, unless })
    }
}

fn regex(pattern: &str) -> Result<Regex, regex::Error> {
    RegexBuilder::new(pattern)
        .unicode(false)
        .case_insensitive(true)
        .dot_matches_new_line(true)
        .size_limit(REGEX_BYTES_MAX)
        .dfa_size_limit(REGEX_BYTES_MAX)
        .build()
}

/// Reads the rules of a file. Patterns are compiled now where `at_once`, else when they are first tried: ours
/// are known to compile.
pub(super) fn read(file: &str, text: &str, at_once: bool) -> Result<Vec<Rule>, RuleError> {
    let wrong = |what: String| RuleError { file: file.to_owned(), rule: None, what };
    let written: Written = toml::from_str(text).map_err(|error| {
        // Not as the error prints itself, which is with the line: that may be one of a log that lies here by mistake.
        let before = error.span().map_or(0, |span| span.start).min(text.len());
        let line = text.as_bytes()[..before].iter().filter(|byte| **byte == b'\n').count() + 1;
        wrong(format!("line {line}: {}", error.message().lines().collect::<Vec<_>>().join(" ")))
    })?;
    written.rule.into_iter().map(|rule| one(file, rule, at_once)).collect()
}

fn one(file: &str, written: WrittenRule, at_once: bool) -> Result<Rule, RuleError> {
    let id = written.id.clone();
    let wrong = |what: &str| RuleError {
        file: file.to_owned(),
        rule: Some(id.clone()),
        what: what.to_owned(),
    };
    if !is_name(&written.id) || !is_name(&written.family) {
        return Err(wrong("an id and a family are 1 to 40 of a-z, 0-9 and -"));
    }
    if !(1..=SCORE_MAX).contains(&written.score) {
        return Err(wrong("a score is a number from 1 to 10"));
    }
    if written.views.is_empty() {
        return Err(wrong("`in` names at least one view"));
    }
    let pattern = match (written.matches, written.contains) {
        (Some(pattern), None) => pattern,
        (None, Some(words)) if !words.is_empty() && words.iter().all(|word| !word.is_empty()) => {
            let words: Vec<String> = words.iter().map(|word| regex_syntax::escape(word)).collect();
            format!("(?:{})", words.join("|"))
        }
        _ => {
            return Err(wrong(
                "give either `matches` with a pattern or `contains` with a list of texts",
            ));
        }
    };
    let pattern = if written.words {
        format!(r"(?:^|[^0-9a-z_])(?:{pattern})(?:[^0-9a-z_]|$)")
    } else {
        pattern
    };
    let length = pattern.len() + written.unless.as_ref().map_or(0, String::len);
    if length > PATTERN_BYTES_MAX {
        return Err(wrong("a pattern has at most 8192 bytes"));
    }
    let hir = ParserBuilder::new()
        .unicode(false)
        .utf8(false)
        .case_insensitive(true)
        .dot_matches_new_line(true)
        .build()
        .parse(&pattern)
        .map_err(|error| wrong(&error.to_string()))?;
    let classes = classes(&written.status)
        .ok_or_else(|| wrong("a status is one of 2xx, 3xx, 4xx, 5xx, none"))?;
    let rule = Rule {
        id: written.id,
        family: written.family,
        score: written.score,
        views: written.views.iter().fold(0, |bits, view| bits | *view as u16),
        probe: written.probe,
        needles: needles::of(&hir).unwrap_or_default(),
        pattern,
        unless: written.unless,
        compiled: OnceLock::new(),
        classes,
        methods: written.method.into_iter().map(String::into_bytes).collect(),
    };
    if at_once {
        let compiled = rule.compile().map_err(|error| wrong(&error.to_string()))?;
        let _ = rule.compiled.set(compiled);
    }
    Ok(rule)
}

fn is_name(text: &str) -> bool {
    let is_of_it = |byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-');
    (1..=40).contains(&text.len()) && text.bytes().all(is_of_it)
}

fn classes(status: &[String]) -> Option<u8> {
    if status.is_empty() {
        return Some(u8::MAX);
    }
    status.iter().try_fold(0, |bits, word| {
        let class =
            ["none", "1xx", "2xx", "3xx", "4xx", "5xx"].iter().position(|known| known == word)?;
        Some(bits | 1 << class)
    })
}
