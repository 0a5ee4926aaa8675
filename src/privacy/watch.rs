//! Which lines of a block are to be sealed, and why.
//!
//! A watch goes along with a worker's [`super::Anonymiser`], which shows it each line that it could read
//! ([`Watch::see`]) and then tells what became of the line ([`Watch::settle`]). It may pick a line and count why; it
//! changes nothing of what comes out clean. At the end of a block what was picked becomes a [`Parcel`].
//!
//! When everything is sealed a block is one run, copied as it is. Else lines that follow each other and were picked
//! for the same reasons make a run.

use std::{ops::Range, sync::Arc};

use super::{
    behaviour::Behaviour,
    cases::CaseView,
    raw::RawBlock,
    scout::{Lookout, Scout},
    seal::{Index, Packer, Parcel},
    sentry::{Answer, Sightings},
};
use crate::{
    field::{Field, LineMap, Reason},
    policy::{Plan, SealRule},
    transform::address,
};

/// Why a line was picked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Why {
    /// It could not become a record.
    Refused(Reason),
    /// A rule says so.
    Rule(String),
    /// Its visitor is marked.
    Behaviour(Behaviour),
    /// It belongs to an open case.
    Case(String),
}

impl Why {
    /// The class by which it is counted.
    const fn class(&self) -> &'static str {
        match self {
            Self::Refused(_) => "refused",
            Self::Rule(_) => "rules",
            Self::Behaviour(_) => "behaviour",
            Self::Case(_) => "cases",
        }
    }

    /// What is written before the line.
    fn word(&self) -> String {
        match self {
            Self::Refused(reason) => format!("refused:{reason}"),
            Self::Rule(id) => format!("rule:{id}"),
            Self::Behaviour(behaviour) => format!("behaviour:{}", behaviour.word()),
            Self::Case(id) => format!("case:{id}"),
        }
    }
}

/// What is known of a line that was picked.
#[derive(Default)]
pub(super) struct Known<'a> {
    pub(super) time: Option<i64>,
    pub(super) client: Option<&'a [u8]>,
    pub(super) target: Option<&'a [u8]>,
}

/// A line that is to be sealed.
pub(super) struct Pick {
    /// Where it lies in the block, with its end.
    pub(super) place: Range<usize>,
    why: Vec<Why>,
}

/// What watches the lines of one worker.
pub(super) struct Watch {
    rule: SealRule,
    /// What notices attacks, if anything does.
    scout: Option<Scout>,
    /// The cases that are open, if any can be.
    cases: Option<CaseView>,
    /// The case that the line belongs to which is being looked at.
    case: Option<String>,
    packer: Packer,
    index: Index,
    /// Of this block: lines so far, and those of them that have no time or client.
    lines: u64,
    undated: u64,
    unnamed: u64,
    picks: Vec<Pick>,
}

impl Watch {
    pub(super) fn new(rule: SealRule) -> Self {
        Self {
            rule,
            scout: None,
            cases: None,
            case: None,
            packer: Packer::new(rule.masks),
            index: Index::default(),
            lines: 0,
            undated: 0,
            unnamed: 0,
            picks: Vec::new(),
        }
    }

    /// The watch with what notices attacks.
    pub(super) fn with_lookout(mut self, lookout: &Lookout, plan: Arc<Plan>) -> Self {
        self.scout = Some(Scout::new(lookout, plan));
        self
    }

    /// The watch that asks for the cases that are open.
    pub(super) fn with_cases(mut self, cases: CaseView) -> Self {
        self.cases = Some(cases);
        self
    }

    /// Before the lines of a block: takes up which cases are open.
    pub(super) fn open_block(&mut self) {
        if let Some(cases) = &mut self.cases {
            cases.refresh();
        }
    }

    /// Whether a case is open.
    fn has_cases(&self) -> bool {
        self.cases.as_ref().is_some_and(|cases| !cases.is_empty())
    }

    /// The open case that a line belongs to.
    #[inline(never)]
    fn case_of(&self, known: &Known<'_>) -> Option<String> {
        let client = match known.client.and_then(address::parse) {
            Some(address::Parsed::Ip(ip)) => Some(ip),
            _ => None,
        };
        let found = self.cases.as_ref()?.find(client, known.target, known.time);
        found.map(str::to_owned)
    }

    /// Takes note of a line whose time and client could be read.
    #[inline]
    pub(super) fn see(&mut self, time: i64, client: Option<&[u8]>, line: &[u8], map: &LineMap) {
        if let Some(scout) = &mut self.scout {
            scout.look(time, client, line, map);
        }
        if self.has_cases() {
            let known = Known { time: Some(time), client, target: target(line, map) };
            self.case = self.case_of(&known);
        }
        if self.rule.all {
            self.index.add_time(time);
            // A client that is none refuses the line, which is then told of once more.
            let is_named = client.is_some_and(|client| self.index.add_client(client));
            self.unnamed += u64::from(!is_named);
        }
    }

    /// Whether it must be said what is known of a line with this outcome.
    #[inline]
    pub(super) fn settle(
        &mut self,
        refused: Option<Reason>,
        place: impl FnOnce() -> Range<usize>,
    ) -> bool {
        self.lines += 1;
        if let Some(scout) = &mut self.scout {
            scout.settle(place);
        }
        match refused {
            Some(Reason::Empty) => false,
            Some(_) => self.rule.all || self.rule.refused || self.has_cases(),
            None => self.case.is_some(),
        }
    }

    /// Picks a line that was refused or belongs to a case; it lies in this place of the block.
    #[inline(never)]
    pub(super) fn take(
        &mut self,
        refused: Option<Reason>,
        place: Range<usize>,
        known: &Known<'_>,
        text: &[u8],
    ) {
        let mut why = Vec::new();
        why.extend(refused.filter(|_| self.rule.refused || self.rule.all).map(Why::Refused));
        // A line that was refused may not have been looked at before.
        let case = self.case.take().or_else(|| refused.and_then(|_| self.case_of(known)));
        why.extend(case.map(Why::Case));
        for why in &why {
            self.index.add_why(why.class(), 1);
        }
        if why.is_empty() {
            return;
        }
        if refused.is_some() || !self.rule.all {
            self.know(known, text);
        }
        if !self.rule.all {
            self.pick(place, why);
        }
    }

    fn pick(&mut self, place: Range<usize>, why: Vec<Why>) {
        self.index.add_lines(1, 0, 0);
        self.picks.push(Pick { place, why });
    }

    /// What was noticed of the lines of this block, for the sentry to answer.
    pub(super) fn take_sightings(&mut self) -> Sightings {
        self.scout.as_mut().map(Scout::take_sightings).unwrap_or_default()
    }

    /// How many lines each rule hit since this was asked last.
    pub(super) fn take_hits(&mut self) -> impl Iterator<Item = (&str, u64)> {
        self.scout.iter_mut().flat_map(Scout::take_hits)
    }

    /// The lines that the sentry says are to be sealed.
    pub(super) fn kept(&mut self, block: &RawBlock, sightings: Sightings) -> Vec<Pick> {
        let mut picks = Vec::new();
        if let Some(scout) = &mut self.scout {
            scout.keep(block, sightings, |place, answer, rules| {
                let mut why = Vec::new();
                if self.rule.rules {
                    why.extend(rules.map(|id| Why::Rule(id.to_owned())));
                }
                if let Answer::Behaviour(behaviour) = answer {
                    why.push(Why::Behaviour(behaviour));
                }
                if !why.is_empty() {
                    picks.push(Pick { place, why });
                }
            });
        }
        picks
    }

    /// Picks a line that is to be sealed for rules or behaviour. It may have been picked already, for another reason.
    pub(super) fn keep(&mut self, pick: Pick, known: &Known<'_>, text: &[u8]) {
        for class in ["rules", "behaviour"] {
            if pick.why.iter().any(|why| why.class() == class) {
                self.index.add_why(class, 1);
            }
        }
        for why in &pick.why {
            if let Why::Rule(id) = why {
                self.index.add_rule(id);
            }
        }
        if self.rule.all {
            return;
        }
        match self.picks.iter_mut().find(|other| other.place == pick.place) {
            Some(other) => other.why.extend(pick.why),
            None => {
                self.know(known, text);
                self.pick(pick.place, pick.why);
            }
        }
    }

    /// Notes whose line it is, and when. Of a line of which nobody could say, every address in it is noted: then
    /// a search for one of them finds it.
    fn know(&mut self, known: &Known<'_>, text: &[u8]) {
        match known.time {
            Some(time) => self.index.add_time(time),
            None => self.undated += 1,
        }
        let named = known.client.is_some_and(|client| self.index.add_client(client));
        if !named {
            let addresses = words(text).filter(|word| is_address(word));
            let mut found = 0;
            for word in addresses.take(64) {
                found += usize::from(self.index.add_client(word));
            }
            self.unnamed += u64::from(found == 0 && !self.rule.all);
        }
        match known.target {
            Some(target) if !self.rule.all => self.index.add_path(target),
            _ => self.index.lack_paths(),
        }
    }

    /// The parcel of what was picked in `block`, whose lines come from `source`.
    pub(super) fn pack(&mut self, block: &RawBlock, source: &str) -> Option<Parcel> {
        let lines = std::mem::take(&mut self.lines);
        let (undated, unnamed) =
            (std::mem::take(&mut self.undated), std::mem::take(&mut self.unnamed));
        let mut index = std::mem::take(&mut self.index);
        if self.rule.all {
            let bytes = block.expose_bytes();
            if bytes.is_empty() {
                return None;
            }
            self.packer.push(source, block.offset(0), &["all"], bytes);
            index.add_lines(lines, undated, unnamed);
            index.add_why("all", lines);
            index.lack_paths();
        } else {
            index.add_lines(0, undated, unnamed);
            self.push_picks(block, source);
        }
        self.packer.pack(index)
    }

    fn push_picks(&mut self, block: &RawBlock, source: &str) {
        let mut picks = std::mem::take(&mut self.picks);
        picks.sort_by_key(|pick| pick.place.start);
        let mut rest = &picks[..];
        while let [first, ..] = rest {
            let follows = |pair: &[Pick]| {
                pair[0].place.end == pair[1].place.start && pair[0].why == pair[1].why
            };
            let length = 1 + rest.windows(2).take_while(|pair| follows(pair)).count();
            let (run, after) = rest.split_at(length);
            let place = first.place.start..run[length - 1].place.end;
            let words: Vec<_> = first.why.iter().map(Why::word).collect();
            let words: Vec<_> = words.iter().map(String::as_str).collect();
            let at = block.offset(place.start);
            self.packer.push(source, at, &words, &block.expose_bytes()[place]);
            rest = after;
        }
        self.picks = picks;
        self.picks.clear();
    }
}

/// What a line asks for: its target, or the second word of its request.
pub(super) fn target<'a>(line: &'a [u8], map: &LineMap) -> Option<&'a [u8]> {
    map.find(Field::Target, line).or_else(|| {
        let request = map.find(Field::Request, line)?;
        request.split(|byte| *byte == b' ').nth(1)
    })
}

/// The parts of a line in which an address may stand alone.
fn words(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    let is_of_word = |byte: &u8| byte.is_ascii_hexdigit() || matches!(*byte, b'.' | b':');
    text.split(move |byte| !is_of_word(byte)).filter(|word| word.len() >= 2)
}

/// Whether a word is an address and not a number with dots.
fn is_address(word: &[u8]) -> bool {
    matches!(address::parse(word), Some(address::Parsed::Ip(_)))
}
