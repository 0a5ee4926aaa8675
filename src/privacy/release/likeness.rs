//! What a record tells, in numbers, and how it is made to tell less.
//!
//! Two records of one period with equal likenesses are written as the same line. Suppression works on these
//! alone: while too few visitors share a likeness, it is widened step by step in one fixed order.

use crate::{
    privacy::record::{Rare, Record},
    transform::{
        agent::{Agent, Browser, Os},
        country::Country,
        language::Language,
        query::QUERY_MAX,
        request::{Method, Protocol},
    },
};

/// A text by its number in a table of texts, or that there is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct TextId(u32);

impl TextId {
    /// No text.
    pub(super) const NONE: Self = Self(u32::MAX);

    /// The text of that number.
    ///
    /// # Panics
    ///
    /// When there are more texts than any table takes.
    pub(super) fn at(index: usize) -> Self {
        Self(u32::try_from(index).expect("tables of texts are smaller"))
    }

    /// The number, if there is a text.
    pub(super) fn index(self) -> Option<usize> {
        (self != Self::NONE).then_some(self.0 as usize)
    }
}

/// Which paths may be told as they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(in crate::privacy) enum PathKind {
    /// A declared route, a word of ours, or a template that was learned.
    Told,
    /// A cleaned path that the site confirmed: a template may be learned from it.
    Confirmed,
    /// A cleaned path that it did not.
    Unconfirmed,
}

/// What a record tells. The order of the fields is that in which released records are sorted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Likeness {
    pub(super) site: TextId,
    pub(super) country: Option<Country>,
    /// Nothing where the line has no request, or where the policy tells no method.
    pub(super) method: Option<Method>,
    pub(super) path: TextId,
    pub(super) path_kind: PathKind,
    pub(super) query: [(u8, u8); QUERY_MAX],
    pub(super) query_length: u8,
    pub(super) query_text: TextId,
    pub(super) protocol: Option<Protocol>,
    pub(super) status: Option<u16>,
    pub(super) bytes: Option<u64>,
    pub(super) duration: Option<u64>,
    pub(super) referrer: TextId,
    pub(super) agent: Option<Agent>,
    pub(super) language: Option<Language>,
}

/// What is told less of, one after the other: first what tells visits apart and statistics can spare, then the
/// order of the quasi-identifiers, from where somebody came to what they looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Query,
    Bytes,
    Duration,
    Language,
    Referrer,
    Country,
    Os,
    BrowserVersion,
    Browser,
    Protocol,
    Method,
    Status,
    Path,
}

impl Step {
    /// The steps in their order.
    pub(super) const ALL: [Self; 13] = [
        Self::Query,
        Self::Bytes,
        Self::Duration,
        Self::Language,
        Self::Referrer,
        Self::Country,
        Self::Os,
        Self::BrowserVersion,
        Self::Browser,
        Self::Protocol,
        Self::Method,
        Self::Status,
        Self::Path,
    ];
}

impl Likeness {
    /// That of a record, as far as the policy tells it. `text` gives each text its number.
    pub(super) fn of(record: &Record<'_>, mut text: impl FnMut(&[u8]) -> TextId) -> Self {
        let mut id = |found: Option<&[u8]>| found.map_or(TextId::NONE, &mut text);
        let mut agent = record.agent();
        if let Some(agent) = &mut agent {
            // Keys that are not told must not keep records apart.
            agent.browser = record.browser().map_or(Browser::Other, |it| it.browser);
            agent.version = record.browser_version().map_or(0, |it| it.version);
            agent.os = record.os().map_or(Os::Other, |it| it.os);
            agent.device = record.device().map_or_else(Default::default, |it| it.device);
            agent.bot = record.bot().is_some_and(|it| it.bot);
            agent.huawei = false;
        }
        // What begins with a slash is the site's; the rest are words of ours.
        let path = record.path().map(|path| path.as_bytes());
        let is_word = path.is_none_or(|path| !path.starts_with(b"/"));
        let has_query = record.query().is_some();
        let mut query = [(0, 0); QUERY_MAX];
        let pairs = if has_query { record.query } else { &[] };
        query[..pairs.len()].copy_from_slice(pairs);
        Self {
            site: id(record.site().map(|site| site.as_bytes())),
            country: record.country(),
            method: record.method(),
            path: id(path),
            path_kind: if is_word { PathKind::Told } else { record.path_kind },
            query,
            query_length: pairs.len() as u8,
            query_text: id(has_query.then(|| record.query_text.as_bytes())),
            protocol: record.protocol(),
            status: record.status(),
            bytes: record.bytes(),
            duration: record.duration_ms(),
            referrer: id(record.referrer().map(|referrer| referrer.as_bytes())),
            agent,
            language: record.language(),
        }
    }

    /// The likeness with one thing told less. `other` is the text that stands for others.
    pub(super) fn widened(mut self, step: Step, other: TextId) -> Self {
        let widen_text = |id: &mut TextId| {
            if *id != TextId::NONE {
                *id = other;
            }
        };
        match step {
            Step::Query => {
                (self.query, self.query_length) = ([(0, 0); QUERY_MAX], 0);
                self.query_text = TextId::NONE;
            }
            Step::Bytes => self.bytes = None,
            Step::Duration => self.duration = None,
            Step::Language => self.language = self.language.map(|_| Language::OTHER),
            Step::Referrer => widen_text(&mut self.referrer),
            Step::Country => self.country = self.country.map(|_| Country::UNKNOWN),
            Step::Os => self.agent = self.agent.map(|agent| Agent { os: Os::Other, ..agent }),
            Step::BrowserVersion => {
                self.agent = self.agent.map(|agent| Agent { version: 0, ..agent });
            }
            Step::Browser => {
                self.agent = self.agent.map(|agent| Agent { browser: Browser::Other, ..agent });
            }
            Step::Protocol => self.protocol = self.protocol.map(|_| Protocol::Other),
            Step::Method => self.method = self.method.map(|_| Method::Other),
            Step::Status => self.status = None,
            Step::Path => {
                widen_text(&mut self.path);
                self.path_kind = PathKind::Told;
            }
        }
        self
    }

    /// The likeness of which nothing less can be told.
    pub(super) fn widest(self, other: TextId) -> Self {
        Step::ALL.into_iter().fold(self, |likeness, step| likeness.widened(step, other))
    }

    /// The likeness with its texts numbered anew.
    pub(super) fn renumbered(mut self, mut number: impl FnMut(TextId) -> TextId) -> Self {
        let texts = [&mut self.site, &mut self.path, &mut self.query_text, &mut self.referrer];
        for id in texts {
            if *id != TextId::NONE {
                *id = number(*id);
            }
        }
        self
    }

    /// What few records have.
    pub(super) fn rare(&self) -> Option<Rare> {
        (self.duration.is_some() || self.language.is_some()).then_some(Rare {
            duration: self.duration,
            language: self.language,
            ..Rare::default()
        })
    }
}
