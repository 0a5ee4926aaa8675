//! Looks for every identifier in every encoding with one automaton.

use std::collections::BTreeMap;

use aho_corasick::{AhoCorasick, MatchKind};

use super::{encodings::ENCODINGS, identifiers::Identifier, program::Done};

/// How much of an identifier that is written without escapes must not come out in one piece.
const PIECE_BYTES: usize = 11;

/// All identifiers with what finds them.
pub(crate) struct Search {
    pub(crate) identifiers: Vec<Identifier>,
    automaton: AhoCorasick,
    /// The identifier of each pattern.
    owners: Vec<usize>,
}

impl Search {
    /// The search for these, which takes a few seconds to make for thousands.
    pub(crate) fn new(identifiers: Vec<Identifier>) -> Self {
        let (mut patterns, mut owners) = (Vec::new(), Vec::new());
        let mut pieces = BTreeMap::new();
        for (index, identifier) in identifiers.iter().enumerate() {
            for pattern in patterns_of(identifier) {
                assert!(pattern.len() >= 7, "{pattern:?} is too short to prove anything");
                for piece in pieces_of(&pattern) {
                    let owner = pieces.entry(piece.to_ascii_lowercase()).or_insert(Some(index));
                    *owner = owner.filter(|owner| *owner == index);
                }
                patterns.push(pattern);
                owners.push(index);
            }
        }
        // A piece that two identifiers have in common tells nothing.
        for (piece, owner) in pieces {
            if let Some(owner) = owner {
                patterns.push(piece);
                owners.push(owner);
            }
        }
        let automaton = AhoCorasick::builder()
            .ascii_case_insensitive(true)
            .match_kind(MatchKind::Standard)
            .build(&patterns)
            .expect("a few million bytes of patterns");
        Self { identifiers, automaton, owners }
    }

    /// The identifiers in `text`, each as often as it is found.
    pub(crate) fn found<'a>(&'a self, text: &'a [u8]) -> impl Iterator<Item = (usize, usize)> + 'a {
        self.automaton
            .find_overlapping_iter(text)
            .map(|found| (self.owners[found.pattern().as_usize()], found.start()))
    }

    /// The identifiers in `text`, with the lines that they are in.
    pub(crate) fn leaks(&self, text: &[u8]) -> Vec<String> {
        self.found(text)
            .map(|(owner, at)| {
                let start = memchr_back(text, at);
                let end =
                    text[at..].iter().position(|b| *b == b'\n').map_or(text.len(), |n| at + n);
                let Identifier { kind, writings, .. } = &self.identifiers[owner];
                format!("{kind} {:?} in {}", writings[0], text[start..end].escape_ascii())
            })
            .collect()
    }

    /// Fails when an identifier is in `text`, and shows where.
    pub(crate) fn none_in(&self, place: &str, text: &[u8]) {
        let leaks = self.leaks(text);
        assert!(leaks.is_empty(), "{} leaks to {place}, such as\n{}", leaks.len(), some(&leaks));
    }

    pub(crate) fn none_in_run(&self, name: &str, done: &Done) {
        self.none_in(&format!("standard output of {name}"), &done.stdout);
        self.none_in(&format!("standard error of {name}"), &done.stderr);
    }
}

/// Where the line begins that `at` is in.
fn memchr_back(text: &[u8], at: usize) -> usize {
    text[..at].iter().rposition(|b| *b == b'\n').map_or(0, |n| n + 1)
}

/// A dozen of the leaks, from all over the list.
fn some(leaks: &[String]) -> String {
    leaks.iter().step_by(leaks.len().div_ceil(12)).cloned().collect::<Vec<_>>().join("\n")
}

/// The pieces of a pattern that must not come out even when the rest does not. Escapes are not cut: a
/// few of them are a few characters.
fn pieces_of(pattern: &[u8]) -> impl Iterator<Item = &[u8]> {
    let is_escaped = pattern.iter().any(|byte| matches!(byte, b'%' | b'\\' | b'&'));
    pattern.windows(PIECE_BYTES).filter(move |_| !is_escaped)
}

/// What gives an identifier away: each way of writing it in each encoding, and its telling parts as
/// they are.
fn patterns_of(identifier: &Identifier) -> Vec<Vec<u8>> {
    let mut patterns: Vec<Vec<u8>> =
        identifier.cores.iter().map(|core| core.as_bytes().to_vec()).collect();
    for (index, writing) in identifier.writings.iter().enumerate() {
        for encoding in ENCODINGS.iter().filter(|encoding| index == 0 || encoding.is_common) {
            patterns.extend((encoding.search)(writing.as_bytes()));
        }
    }
    patterns.sort();
    patterns.dedup();
    patterns
}
