//! The clean record: what came through door 1.
//!
//! A record is lent by the [`super::Anonymiser`] that made it, and nothing else can make one:
//!
//! ```compile_fail,E0451
//! use tamis::privacy::Text;
//! let forged = Text { bytes: b"192.0.2.77", length: 10, note: None }; // private fields
//! ```
//! ```compile_fail,E0451
//! fn forge<'a>(record: tamis::privacy::Record<'a>) -> tamis::privacy::Record<'a> {
//!     tamis::privacy::Record { path: None, ..record } // private fields
//! }
//! ```
//!
//! It has two faces. Emitters see what the policy lets a record say; [`Record::measured`] is what
//! usage counts may use, which can be more: a policy may count pages without recording them.

use std::{
    fmt,
    sync::atomic::{AtomicU64, Ordering},
};

use super::{
    lookup::{Lookup, OrganisationPlace},
    release::PathKind,
    special::Special,
    visitors::Visit,
};
use crate::{
    field::{Key, KeySet, Table},
    policy::Plan,
    transform::{
        address::Client,
        agent::Agent,
        country::Country,
        fault::{Fault, Level, Module},
        language::Language,
        pseudonym::Token,
        query::Params,
        request::{Method, Protocol},
        time::Timestamp,
    },
};

/// A place beside a remembered clean text, where whoever counts texts may note which number it gave this one, to find
/// it again without a look at the text. It is empty again once another text is remembered there.
#[derive(Default)]
pub struct Note(AtomicU64);

impl Note {
    /// What was noted, or zero.
    #[inline]
    #[must_use]
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    /// Notes a number.
    #[inline]
    pub fn set(&self, number: u64) {
        self.0.store(number, Ordering::Relaxed);
    }
}

impl Clone for Note {
    fn clone(&self) -> Self {
        Self(AtomicU64::new(self.get()))
    }
}

/// A clean text: ASCII without control bytes, quotes or backslashes, made by a transform.
///
/// It lies in a buffer of clean texts and may know what follows it there, so that it can be copied in
/// pieces of a fixed size.
#[derive(Clone, Copy)]
pub struct Text<'a> {
    bytes: &'a [u8],
    length: usize,
    note: Option<&'a Note>,
}

impl<'a> Text<'a> {
    #[inline]
    pub(in crate::privacy) fn new(bytes: &'a [u8]) -> Self {
        Self::within(bytes, bytes.len())
    }

    /// The first `length` bytes of a buffer that holds nothing but clean texts.
    #[inline]
    pub(in crate::privacy) fn within(bytes: &'a [u8], length: usize) -> Self {
        debug_assert!(
            bytes[..length]
                .iter()
                .all(|byte| matches!(byte, b' '..=b'~') && !matches!(byte, b'"' | b'\\')),
            "clean text needs no escaping"
        );
        Self { bytes, length, note: None }
    }

    /// The same with a place for a note. All texts that have it must be equal until it is emptied.
    #[inline]
    pub(in crate::privacy) const fn noted(self, note: &'a Note) -> Self {
        Self { note: Some(note), ..self }
    }

    /// A place for a note on this text, if it has one.
    #[inline]
    #[must_use]
    pub const fn note(self) -> Option<&'a Note> {
        self.note
    }

    /// The bytes, for rendering.
    #[inline]
    #[must_use]
    pub fn as_bytes(self) -> &'a [u8] {
        &self.bytes[..self.length]
    }

    /// The bytes and what follows them in their buffer.
    #[inline]
    #[must_use]
    pub const fn with_surplus(self) -> &'a [u8] {
        self.bytes
    }

    /// How many bytes the text has.
    #[inline]
    #[must_use]
    pub const fn len(self) -> usize {
        self.length
    }

    /// The text without its last `length` bytes, and these.
    #[inline]
    pub(in crate::privacy) fn split(self, length: usize) -> (Self, Self) {
        let at = self.length - length;
        (Self { length: at, ..self }, Self::within(&self.bytes[at..], length))
    }

    /// Whether the text has no byte.
    #[inline]
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.length == 0
    }
}

impl fmt::Debug for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Text({})", self.as_bytes().escape_ascii())
    }
}

/// The keys that tell something of an agent, in order.
pub const AGENT_KEYS: [Key; 5] =
    [Key::Browser, Key::BrowserVersion, Key::Os, Key::Device, Key::Bot];

/// A line after door 1.
#[derive(Clone, Copy, Debug)]
pub struct Record<'a> {
    pub(in crate::privacy) plan: &'a Plan,
    pub(in crate::privacy) lookup: &'a Lookup,
    pub(in crate::privacy) time: Timestamp,
    pub(in crate::privacy) minute: Timestamp,
    pub(in crate::privacy) site: Option<Text<'a>>,
    pub(in crate::privacy) client: Option<Client>,
    pub(in crate::privacy) client_name: Option<Text<'a>>,
    pub(in crate::privacy) country: Option<Country>,
    pub(in crate::privacy) late: bool,
    pub(in crate::privacy) has_request: bool,
    pub(in crate::privacy) method: Method,
    pub(in crate::privacy) path: Text<'a>,
    /// What records that are held need to know of the path.
    pub(in crate::privacy) path_kind: PathKind,
    pub(in crate::privacy) query: &'a [(u8, u8)],
    pub(in crate::privacy) query_text: Text<'a>,
    pub(in crate::privacy) protocol: Option<Protocol>,
    pub(in crate::privacy) status: Option<u16>,
    pub(in crate::privacy) bytes: Option<u64>,
    pub(in crate::privacy) bytes_exact: u64,
    pub(in crate::privacy) referrer: Option<Text<'a>>,
    pub(in crate::privacy) agent: Option<Agent>,
    pub(in crate::privacy) rare: Option<&'a Rare>,
    /// Whose line it is, where somebody counts visitors.
    pub(in crate::privacy) visit: Visit,
    /// What it is in the reports of the policy's own.
    pub(in crate::privacy) special: Option<&'a Special<'a>>,
}

/// What became of the fields that few formats have, and what few policies tell.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::privacy) struct Rare {
    pub(in crate::privacy) duration: Option<u64>,
    pub(in crate::privacy) language: Option<Language>,
    pub(in crate::privacy) incident: Option<Incident>,
    pub(in crate::privacy) cookie: Option<Token>,
    pub(in crate::privacy) network: Option<Client>,
    pub(in crate::privacy) organisation: Option<OrganisationPlace>,
}

/// The allow-listed parameters of a query.
#[derive(Clone, Copy, Debug)]
pub struct Query<'a> {
    params: &'a Params,
    pairs: &'a [(u8, u8)],
    texts: Text<'a>,
}

impl<'a> Query<'a> {
    /// Names and values, in the order of the query. A name and a listed value are the policy's own text, a
    /// value that has a pattern is clean text.
    pub fn iter(&self) -> impl Iterator<Item = (&'a str, &'a [u8])> + use<'a> {
        let params = self.params;
        let mut texts = self.texts.as_bytes().split(|byte| *byte == b' ').skip(1);
        self.pairs.iter().map(move |pair| params.words(*pair, &mut texts))
    }
}

/// What a message of an error log tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Incident {
    /// Its level.
    pub level: Option<Level>,
    /// The module that wrote it.
    pub module: Option<Module>,
    /// The kind of fault.
    pub fault: Option<Fault>,
}

/// Getters that give what the policy records: nothing where it does not, or where the log has nothing.
macro_rules! recorded {
    ($($(#[$doc:meta])* $name:ident: $kind:ty, $key:ident, $value:expr;)*) => {
        impl<'a> Record<'a> {
            $(
                $(#[$doc])*
                #[inline]
                #[must_use]
                pub fn $name(&self) -> Option<$kind> {
                    let value: fn(&Record<'a>) -> Option<$kind> = $value;
                    if self.plan.record.has(Key::$key) { value(self) } else { None }
                }
            )*
        }
    };
}

recorded! {
    /// The time, as fine as the policy tells it.
    time: Timestamp, Time, |record| Some(record.time);
    /// The site.
    site: Text<'a>, Site, |record| record.site;
    /// The client, made harmless.
    client: Client, Client, |record| record.client;
    /// The client's registrable domain, which then stands in place of the client.
    client_name: Text<'a>, Client, |record| record.client_name;
    /// The network that the client lies in, beside its token.
    network: Client, Network, |record| record.rare.and_then(|rare| rare.network);
    /// The client's country.
    country: Country, Country, |record| record.country;
    /// The method.
    method: Method, Method, |record| record.has_request.then_some(record.method);
    /// The cleaned path.
    path: Text<'a>, Path, |record| record.has_request.then_some(record.path);
    /// The allow-listed query parameters.
    query: Query<'a>, Query, |record| (!record.query.is_empty()).then_some(Query {
        params: &record.plan.params,
        pairs: record.query,
        texts: record.query_text,
    });
    /// The protocol.
    protocol: Protocol, Protocol, |record| record.protocol;
    /// The status.
    status: u16, Status, |record| record.status;
    /// The byte count, exact or as a power of two.
    bytes: u64, Bytes, |record| record.bytes;
    /// The referrer.
    referrer: Text<'a>, Referrer, |record| record.referrer;
    /// The agent, when the policy tells its browser.
    browser: Agent, Browser, |record| record.agent;
    /// The agent, when the policy tells its version.
    browser_version: Agent, BrowserVersion, |record| record.agent;
    /// The agent, when the policy tells its operating system.
    os: Agent, Os, |record| record.agent;
    /// The agent, when the policy tells its device.
    device: Agent, Device, |record| record.agent;
    /// The agent, when the policy tells bots from people.
    bot: Agent, Bot, |record| record.agent;
    /// How long the response took, in milliseconds of the series 1, 2, 5.
    duration_ms: u64, DurationMs, |record| record.rare.and_then(|rare| rare.duration);
    /// The language that the visitor prefers.
    language: Language, Language, |record| record.rare.and_then(|rare| rare.language);
    /// That the client would be a token and its key is not there.
    late: bool, Late, |record| record.late.then_some(true);
    /// The level of a message of an error log.
    level: Level, Level, |record| record.incident().and_then(|incident| incident.level);
    /// The module that wrote it.
    module: Module, Module, |record| record.incident().and_then(|incident| incident.module);
    /// The kind of fault that it tells.
    fault: Fault, Error, |record| record.incident().and_then(|incident| incident.fault);
    /// The token of the cookie that the policy names.
    cookie: Token, Cookie, |record| record.rare.and_then(|rare| rare.cookie);
    /// The organisation that the client's network is registered for.
    organisation: Text<'a>, Organisation, |record| {
        record.lookup.text(record.rare.and_then(|rare| rare.organisation)?)
    };
}

impl<'a> Record<'a> {
    fn incident(&self) -> Option<Incident> {
        self.rare.and_then(|rare| rare.incident)
    }

    /// Whether there may be a duration, a language, lateness, a cookie, an organisation, or what error logs have.
    #[inline]
    #[must_use]
    pub const fn has_more(&self) -> bool {
        self.rare.is_some() || self.late
    }

    /// The agent, when the policy tells any of [`AGENT_KEYS`].
    #[inline]
    #[must_use]
    pub fn agent(&self) -> Option<Agent> {
        const TOLD: KeySet = {
            let (mut set, mut index) = (KeySet::EMPTY, 0);
            while index < AGENT_KEYS.len() {
                set = set.with(AGENT_KEYS[index], true);
                index += 1;
            }
            set
        };
        if self.plan.record.meets(TOLD) { self.agent } else { None }
    }

    /// What usage counts may use.
    #[inline]
    #[must_use]
    pub const fn measured(&self) -> Measured<'_, 'a> {
        Measured { record: self }
    }
}

/// The face of a record that usage counts see.
#[derive(Clone, Copy, Debug)]
pub struct Measured<'r, 'a> {
    record: &'r Record<'a>,
}

impl<'a> Measured<'_, 'a> {
    /// The minute of the request.
    #[inline]
    #[must_use]
    pub const fn minute(&self) -> Timestamp {
        self.record.minute
    }

    /// Whose request it is, where somebody counts visitors.
    #[inline]
    #[must_use]
    pub const fn visit(&self) -> Visit {
        self.record.visit
    }

    /// What the line is in the reports of the policy's own, if anything.
    #[inline]
    #[must_use]
    pub const fn special(&self) -> Option<&'a Special<'a>> {
        self.record.special
    }

    /// The exact bytes, zero where the log says none.
    #[inline]
    #[must_use]
    pub const fn bytes(&self) -> u64 {
        self.record.bytes_exact
    }

    /// Whether the line tells of a request; messages of error logs do not count as one.
    #[inline]
    #[must_use]
    pub fn is_request(&self) -> bool {
        self.record.rare.is_none_or(|rare| rare.incident.is_none())
    }

    /// The status.
    #[inline]
    #[must_use]
    pub const fn status(&self) -> Option<u16> {
        self.record.status
    }

    /// The method.
    #[inline]
    #[must_use]
    pub const fn method(&self) -> Method {
        self.record.method
    }

    /// The protocol.
    #[inline]
    #[must_use]
    pub const fn protocol(&self) -> Option<Protocol> {
        self.record.protocol
    }

    /// The site, where the policy counts sites.
    #[inline]
    #[must_use]
    pub fn site(&self) -> Option<Text<'a>> {
        if self.record.plan.tables.has(Table::Site) { self.record.site } else { None }
    }

    /// The cleaned path, where the policy counts paths.
    #[inline]
    #[must_use]
    pub fn path(&self) -> Option<Text<'a>> {
        self.record.plan.tables.has(Table::Path).then_some(self.record.path)
    }

    /// The referrer, where the policy counts referrers.
    #[inline]
    #[must_use]
    pub fn referrer(&self) -> Option<Text<'a>> {
        if self.record.plan.tables.has(Table::Referrer) { self.record.referrer } else { None }
    }

    /// The agent.
    #[inline]
    #[must_use]
    pub const fn agent(&self) -> Option<Agent> {
        self.record.agent
    }

    /// The country, where the policy counts countries.
    #[inline]
    #[must_use]
    pub const fn country(&self) -> Option<Country> {
        if self.record.plan.tables.has(Table::Country) { self.record.country } else { None }
    }

    /// The language, where the policy counts languages.
    #[inline]
    #[must_use]
    pub fn language(&self) -> Option<Language> {
        if self.record.plan.tables.has(Table::Language) {
            self.record.rare.and_then(|rare| rare.language)
        } else {
            None
        }
    }
}
