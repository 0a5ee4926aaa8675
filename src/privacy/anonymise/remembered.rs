//! Requests, referrers, agents and hosts of one's own: what became of them, and where that is remembered.

use super::{Anonymiser, host_name, undo};
use crate::{
    field::{Escaping, Field, LineMap, Reason},
    policy::{Plan, ReferrerRule},
    privacy::{
        ahead::Look,
        memo::{Asked, Memo, Seed, Slot},
        record::Text,
    },
    transform::{
        agent::Agent,
        escape,
        path::Cleaner,
        query::{self, QUERY_MAX},
        referrer,
        request::{self, Method, Protocol, Request},
    },
};

/// How many requests with a short path are remembered, by all workers together.
const REQUESTS_REMEMBERED: usize = 16_384;
/// How many with a longer one are. They are kept apart: with places of one size, the short ones lay so far
/// from each other that waiting for them took a twelfth of the whole time.
const LONG_REQUESTS_REMEMBERED: usize = 2_048;
/// A short path, with the texts of its query: a place then has 128 bytes.
const PATH_BYTES_SHORT: usize = 98;
/// The longest cleaned path that is remembered: a place then has 512 bytes.
const PATH_BYTES_LONG: usize = 482;
/// How many referrers are remembered by each worker.
const REFERRERS_REMEMBERED: usize = 2_048;
/// The longest registrable domain that is remembered.
const DOMAIN_BYTES_REMEMBERED: usize = 112;
/// How many agents are remembered by each worker.
const AGENTS_REMEMBERED: usize = 8_192;
/// How many hosts of one's own are remembered by each worker.
const SITES_REMEMBERED: usize = 256;

// Places are whole lines of the cache: a place across one more is one more to wait for.
const _: () = assert!(size_of::<Slot<RequestValue, PATH_BYTES_SHORT>>() == 128);
const _: () = assert!(size_of::<Slot<RequestValue, PATH_BYTES_LONG>>() == 512);
const _: () = assert!(size_of::<Slot<ReferrerValue, DOMAIN_BYTES_REMEMBERED>>() == 128);
const _: () = assert!(size_of::<Slot<SiteValue, DOMAIN_BYTES_REMEMBERED>>() == 128);

/// What a worker remembers of the lines before.
pub(super) struct Memories {
    pub(super) seed: Seed,
    requests: Memo<RequestValue, PATH_BYTES_SHORT>,
    long_requests: Memo<RequestValue, PATH_BYTES_LONG>,
    referrers: Memo<ReferrerValue, DOMAIN_BYTES_REMEMBERED>,
    sites: Memo<SiteValue, DOMAIN_BYTES_REMEMBERED>,
    agents: Memo<Agent, 0>,
}

impl Memories {
    /// The memories of one of so many workers, empty.
    pub(super) fn new(workers: usize) -> Self {
        let share = |all: usize| (all / workers.max(1)).next_power_of_two().clamp(256, all / 2);
        Self {
            seed: Seed::default(),
            requests: Memo::new(share(REQUESTS_REMEMBERED)),
            long_requests: Memo::new(share(LONG_REQUESTS_REMEMBERED)),
            referrers: Memo::new(REFERRERS_REMEMBERED),
            sites: Memo::new(SITES_REMEMBERED),
            agents: Memo::new(AGENTS_REMEMBERED),
        }
    }

    /// Has that brought near by which it is found whether a line's texts are remembered.
    #[inline(always)]
    pub(super) fn call_tags(&self, look: &Look) {
        self.requests.call_tags(look.request);
        self.referrers.call_tags(look.referrer);
        self.agents.call_tags(look.agent);
    }

    /// Has what is remembered of a line's texts brought near.
    #[inline(always)]
    pub(super) fn call(&self, look: &mut Look) {
        self.requests.call(&mut look.request);
        self.referrers.call(&mut look.referrer);
        self.agents.call(&mut look.agent);
    }
}

/// What a request line became, beside its cleaned path.
#[derive(Clone, Copy, Default)]
pub(super) struct RequestValue {
    /// Whether the line has a request at all; messages of error logs need not.
    pub(super) is_there: bool,
    pub(super) method: Method,
    pub(super) protocol: Option<Protocol>,
    pub(super) is_http: bool,
    pub(super) plain: bool,
    pub(super) declared: bool,
    /// Which of the policy's drop rules the path fits.
    pub(super) drops: u16,
    pub(super) query_length: u8,
    pub(super) query: [(u8, u8); QUERY_MAX],
    /// How many bytes behind the path are texts of the query.
    pub(super) query_text: u8,
    /// Whether the query says that the visitor opts out.
    pub(super) opts_out: bool,
}

/// A host of one's own: its place among the declared sites.
#[derive(Clone, Copy, Default)]
pub(super) struct SiteValue {
    pub(super) declared: Option<u16>,
}

/// Where the registrable domain begins in what is told of a referrer.
#[derive(Clone, Copy, Default)]
pub(super) struct ReferrerValue {
    pub(super) domain: u16,
}

/// Where a worker found what it needs: in a memory, or in its scratch because it could not be remembered.
#[derive(Clone, Copy)]
pub(super) enum Place {
    Remembered(usize),
    /// In the memory of long requests.
    RememberedLong(usize),
    Scratch,
}

/// The paths of the policy's drop rules, each as a cleaner that has it for its only route.
pub(super) struct DropPaths {
    cleaners: Vec<(usize, Cleaner)>,
    unused: Vec<u8>,
}

impl DropPaths {
    pub(super) fn new(plan: &Plan) -> Self {
        let cleaners = plan
            .drops
            .iter()
            .enumerate()
            .filter_map(|(index, rule)| Some((index, Cleaner::new(vec![rule.path.clone()?]))))
            .collect();
        Self { cleaners, unused: Vec::new() }
    }

    /// For which rules the path of `target` fits, a bit each.
    fn fit(&mut self, target: &[u8]) -> u16 {
        let Self { cleaners, unused } = self;
        cleaners.iter_mut().fold(0, |found, (index, cleaner)| {
            unused.clear();
            found | u16::from(cleaner.clean(target, unused).declared) << *index
        })
    }
}

impl Anonymiser {
    #[inline(always)]
    pub(super) fn request(
        &mut self,
        raw: &[u8],
        map: &LineMap,
        asked: Asked,
    ) -> Result<Place, Reason> {
        if let Some(place) = self.memories.requests.find_asked(asked) {
            return Ok(Place::Remembered(place));
        }
        if let Some(place) = self.memories.long_requests.find(asked.hash) {
            return Ok(Place::RememberedLong(place));
        }
        self.new_request(raw, map.escaping_of(Field::Request), asked.hash)
    }

    #[inline(never)]
    fn new_request(
        &mut self,
        raw: &[u8],
        escaping: Option<Escaping>,
        hash: u64,
    ) -> Result<Place, Reason> {
        let mut scratch = std::mem::take(&mut self.scratch.unescaped);
        let done = undo(raw, escaping, &mut scratch)
            .map(|text| self.remember_request(request::parse(text), hash));
        self.scratch.unescaped = scratch;
        done
    }

    /// Where the request is that a format logs in parts; a value that is not there where it has none.
    pub(super) fn split_request(&mut self, line: &[u8], map: &LineMap) -> Result<Place, Reason> {
        let Some(target) = map.find(Field::Target, line) else {
            self.scratch.path.clear();
            self.scratch.request = RequestValue::default();
            return Ok(Place::Scratch);
        };
        let method = map.part(Field::Method, line);
        let protocol = map.find(Field::Protocol, line);
        let query = map
            .find(Field::Query, line)
            .filter(|query| !matches!(*query, b"" | b"-") && !target.contains(&b'?'));
        let hash = self.memories.seed.hash_all(
            &[target, method, protocol.unwrap_or_default(), query.unwrap_or_default()],
            map.escaping_of(Field::Target),
        );
        if let Some(place) = self.memories.requests.find(hash) {
            return Ok(Place::Remembered(place));
        }
        if let Some(place) = self.memories.long_requests.find(hash) {
            return Ok(Place::RememberedLong(place));
        }
        let mut whole = std::mem::take(&mut self.scratch.unescaped);
        whole.clear();
        let mut push = |field: Field, text: &[u8]| match map.escaping_of(field) {
            None => {
                whole.extend_from_slice(text);
                Ok(())
            }
            Some(escaping) => escape::undo(text, escaping, &mut whole).ok_or(Reason::BadEscape),
        };
        let mut done = push(Field::Target, target);
        if let Some(query) = query {
            done = done
                .and_then(|()| if query[0] == b'?' { Ok(()) } else { push(Field::Request, b"?") })
                .and_then(|()| push(Field::Query, query));
        }
        let found =
            done.map(|()| self.remember_request(request::assemble(method, &whole, protocol), hash));
        self.scratch.unescaped = whole;
        found
    }

    fn remember_request(&mut self, request: Request<'_>, hash: u64) -> Place {
        let Request { method, target, protocol } = request;
        let mut value =
            RequestValue { is_there: true, method, protocol, ..RequestValue::default() };
        self.scratch.path.clear();
        self.scratch.query.clear();
        if let Some(target) = target {
            let cleaned = self.cleaner.clean(target, &mut self.scratch.path);
            let before = self.scratch.path.len();
            self.plan.params.read(target, &mut self.scratch.query, &mut self.scratch.path);
            value.query_text = (self.scratch.path.len() - before) as u8;
            value.opts_out =
                self.plan.opt_out.query.as_ref().is_some_and(|name| query::has(target, name));
            value.is_http = true;
            value.plain = cleaned.plain;
            value.declared = cleaned.declared;
            value.drops = self.drop_paths.fit(target);
        }
        value.query_length = self.scratch.query.len().min(QUERY_MAX) as u8;
        for (kept, found) in value.query.iter_mut().zip(&self.scratch.query) {
            *kept = *found;
        }
        let path = &self.scratch.path;
        let place = match self.memories.requests.insert(hash, value, path) {
            Some(place) => Place::Remembered(place),
            None => match self.memories.long_requests.insert(hash, value, path) {
                Some(place) => Place::RememberedLong(place),
                None => Place::Scratch,
            },
        };
        self.scratch.request = value;
        place
    }

    /// What the request at `place` became.
    #[inline(always)]
    pub(super) fn request_at(&self, place: Place) -> &RequestValue {
        match place {
            Place::Remembered(at) => &self.memories.requests.at(at).value,
            Place::RememberedLong(at) => &self.memories.long_requests.at(at).value,
            Place::Scratch => &self.scratch.request,
        }
    }

    /// The cleaned path of the request at `place`, and behind it the texts of its query.
    #[inline(always)]
    pub(super) fn request_text(&self, place: Place) -> Text<'_> {
        match place {
            Place::Remembered(at) => self.memories.requests.at(at).text(),
            Place::RememberedLong(at) => self.memories.long_requests.at(at).text(),
            Place::Scratch => Text::new(&self.scratch.path),
        }
    }

    #[inline(always)]
    pub(super) fn referrer(
        &mut self,
        raw: &[u8],
        map: &LineMap,
        asked: Asked,
    ) -> Result<Place, Reason> {
        if let Some(place) = self.memories.referrers.find_asked(asked) {
            return Ok(Place::Remembered(place));
        }
        self.new_referrer(raw, map.escaping_of(Field::Referrer), asked.hash)
    }

    #[inline(never)]
    fn new_referrer(
        &mut self,
        raw: &[u8],
        escaping: Option<Escaping>,
        hash: u64,
    ) -> Result<Place, Reason> {
        let text = undo(raw, escaping, &mut self.scratch.unescaped)?;
        let shown = &mut self.scratch.referrer;
        shown.clear();
        let domain = match self.plan.referrer {
            ReferrerRule::Origin => referrer::origin(text, shown).1,
            ReferrerRule::Domain | ReferrerRule::Category => {
                referrer::clean(text, shown);
                0
            }
        };
        let value = ReferrerValue { domain: domain as u16 };
        self.scratch.referrer_value = value;
        let place = self.memories.referrers.insert(hash, value, shown);
        Ok(place.map_or(Place::Scratch, Place::Remembered))
    }

    #[inline(always)]
    pub(super) fn agent(
        &mut self,
        raw: &[u8],
        map: &LineMap,
        asked: Asked,
    ) -> Result<Agent, Reason> {
        if let Some(place) = self.memories.agents.find_asked(asked) {
            return Ok(self.memories.agents.at(place).value);
        }
        self.new_agent(raw, map.escaping_of(Field::Agent), asked.hash)
    }

    #[inline(never)]
    fn new_agent(
        &mut self,
        raw: &[u8],
        escaping: Option<Escaping>,
        hash: u64,
    ) -> Result<Agent, Reason> {
        let text = undo(raw, escaping, &mut self.scratch.unescaped)?;
        let agent = self.classifier.classify(text);
        self.memories.agents.insert(hash, agent, b"");
        Ok(agent)
    }

    pub(super) fn site(&mut self, host: &[u8]) -> Place {
        let host = host_name(host);
        let hash = self.memories.seed.hash(host, None);
        if let Some(place) = self.memories.sites.find(hash) {
            return Place::Remembered(place);
        }
        let declared = self
            .plan
            .sites
            .iter()
            .position(|site| site.as_bytes().eq_ignore_ascii_case(host))
            .map(|index| index as u16);
        self.scratch.domain.clear();
        referrer::registrable(host, &mut self.scratch.domain);
        self.scratch.site = SiteValue { declared };
        let place = self.memories.sites.insert(hash, self.scratch.site, &self.scratch.domain);
        place.map_or(Place::Scratch, Place::Remembered)
    }

    /// What the host at `place` is among the declared sites, and its registrable domain.
    #[inline]
    pub(super) fn site_at(&self, place: Place) -> (SiteValue, Text<'_>) {
        match place {
            Place::Remembered(at) => {
                let slot = self.memories.sites.at(at);
                (slot.value, slot.text())
            }
            _ => (self.scratch.site, Text::new(&self.scratch.domain)),
        }
    }

    /// What is told of the referrer at `place`, and where its registrable domain begins.
    #[inline]
    pub(super) fn referrer_at(&self, place: Place) -> (ReferrerValue, Text<'_>) {
        match place {
            Place::Remembered(at) => {
                let slot = self.memories.referrers.at(at);
                (slot.value, slot.text())
            }
            _ => (self.scratch.referrer_value, Text::new(&self.scratch.referrer)),
        }
    }
}
