//! Door 1: a raw line and a plan in, a clean record or a reason out.
//!
//! Formats and transforms meet here and do not know each other: a format says where a field sits, this
//! file hands the bytes to the transform that the plan names. Everything that can refuse a line is
//! decided before the record exists, so nothing has to be taken back.
//!
//! Requests, referrers and agents repeat, and what became of them is remembered ([`super::memo`]).
//! Escapes are undone only where a backslash was seen, into buffers that this worker owns and wipes.

use std::sync::Arc;

use zeroize::{Zeroize, Zeroizing};

use super::{
    ahead::{Ahead, Look, Looked, Sight},
    cases::LiveCases,
    lookup::Lookup,
    memo::{Asked, Memo, Seed, Slot},
    peel,
    raw::{RawBlock, RawLine},
    recognise::fit,
    record::{Incident, Rare, Record, Text},
    release::{Held, PathKind},
    scout::Lookout,
    seal::Parcel,
    sentry::Sightings,
    special::{self, Special, Specials},
    tokens::{Keyring, Minter},
    visitors::{Visit, VisitorKeys, Visitors},
    watch::{Known, Watch, target},
};
use crate::{
    field::{Escaping, Field, Key, LineMap, Reason},
    format::{
        Format,
        wrapper::{self, Peeled},
    },
    policy::{BytesRule, ClientRule, Plan, ReferrerRule, SpecialKind},
    transform::{
        address::{self, Client, Parsed},
        agent::{Agent, Classifier},
        cookie,
        country::{Countries, Country},
        duration, escape,
        fault::{Fault, Level, Module},
        forwarded,
        language::Language,
        organisation::Organisations,
        path::{self, Cleaner},
        pseudonym::TokenField,
        query::{self, QUERY_MAX},
        referrer,
        request::{self, Method, Protocol, Request},
        time::{self, ClfMemo, Grain, Timestamp},
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

// Places are whole lines of the cache: a place across one more is one more to wait for.
const _: () = assert!(size_of::<Slot<RequestValue, PATH_BYTES_SHORT>>() == 128);
const _: () = assert!(size_of::<Slot<RequestValue, PATH_BYTES_LONG>>() == 512);
const _: () = assert!(size_of::<Slot<ReferrerValue, DOMAIN_BYTES_REMEMBERED>>() == 128);
const _: () = assert!(size_of::<Slot<SiteValue, DOMAIN_BYTES_REMEMBERED>>() == 128);

/// How many agents are remembered by each worker.
const AGENTS_REMEMBERED: usize = 8_192;
/// How many hosts of one's own are remembered by each worker.
const SITES_REMEMBERED: usize = 256;

const OTHER: &[u8] = b"(other)";
const INTERNAL: &[u8] = referrer::INTERNAL.as_bytes();
const NONE: &[u8] = referrer::NONE.as_bytes();
const EXTERNAL: &[u8] = referrer::EXTERNAL.as_bytes();

/// What became of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It came through, and its record was handed over.
    Clean,
    /// It came through, and its record waits for others like it.
    Held,
    /// It did not, and why.
    Refused(Reason),
    /// The policy leaves such lines out.
    Filtered,
    /// The visitor opted out.
    OptedOut,
}

/// What a request line became, beside its cleaned path.
#[derive(Clone, Copy, Default)]
struct RequestValue {
    /// Whether the line has a request at all; messages of error logs need not.
    is_there: bool,
    method: Method,
    protocol: Option<Protocol>,
    is_http: bool,
    plain: bool,
    declared: bool,
    /// Which of the policy's drop rules the path fits.
    drops: u16,
    query_length: u8,
    query: [(u8, u8); QUERY_MAX],
    /// How many bytes behind the path are texts of the query.
    query_text: u8,
    /// Whether the query says that the visitor opts out.
    opts_out: bool,
}

/// A host of one's own: its place among the declared sites.
#[derive(Clone, Copy, Default)]
struct SiteValue {
    declared: Option<u16>,
}

/// Where the registrable domain begins in what is told of a referrer.
#[derive(Clone, Copy, Default)]
struct ReferrerValue {
    domain: u16,
}

/// Where a worker found what it needs: in a memory, or in its scratch because it could not be remembered.
#[derive(Clone, Copy)]
enum Place {
    Remembered(usize),
    /// In the memory of long requests.
    RememberedLong(usize),
    Scratch,
}

/// One worker's way through door 1.
pub struct Anonymiser {
    plan: Arc<Plan>,
    classifier: Arc<Classifier>,
    cleaner: Cleaner,
    drop_paths: DropPaths,
    /// The site that all lines belong to when they do not say, and its registrable domain.
    site: Option<Vec<u8>>,
    own_domains: Vec<Vec<u8>>,
    /// What the operator's files say of networks.
    lookup: Lookup,
    /// Whether a network or an organisation may be told of a line, whatever its format.
    tells_more: bool,
    line_bytes_max: usize,
    seed: Seed,
    clock: ClfMemo,
    requests: Memo<RequestValue, PATH_BYTES_SHORT>,
    long_requests: Memo<RequestValue, PATH_BYTES_LONG>,
    referrers: Memo<ReferrerValue, DOMAIN_BYTES_REMEMBERED>,
    sites: Memo<SiteValue, DOMAIN_BYTES_REMEMBERED>,
    agents: Memo<Agent, 0>,
    /// What makes tokens of clients, if the plan asks for them and somebody gave keys.
    minter: Option<Minter>,
    /// The same for the cookie that the plan names.
    cookie_minter: Option<Minter>,
    /// What tells visitors apart, if anything is to be known of their number.
    visitors: Option<Visitors>,
    /// What picks lines to be sealed, if any are.
    watch: Option<Watch>,
    /// What knows the reports of the policy's own, if it has any.
    specials: Option<Specials>,
    scratch: Scratch,
}

/// Buffers of one worker, overwritten with zeros when it ends.
#[derive(Default)]
struct Scratch {
    unescaped: Vec<u8>,
    /// A line that was taken out of what a log shipper wrote around it.
    inner: Vec<u8>,
    path: Vec<u8>,
    request: RequestValue,
    referrer: Vec<u8>,
    referrer_value: ReferrerValue,
    /// The domain of a client that logged its host name.
    client: Vec<u8>,
    domain: Vec<u8>,
    query: Vec<(u8, u8)>,
    site: SiteValue,
}

/// The paths of the policy's drop rules, each as a cleaner that has it for its only route.
struct DropPaths {
    cleaners: Vec<(usize, Cleaner)>,
    unused: Vec<u8>,
}

impl DropPaths {
    fn new(plan: &Plan) -> Self {
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

impl Drop for Scratch {
    fn drop(&mut self) {
        self.unescaped.zeroize();
        self.inner.zeroize();
    }
}

impl Anonymiser {
    /// A worker for `plan`, one of `workers`; `site` names the site of lines that do not say.
    #[must_use]
    pub fn new(
        plan: Arc<Plan>,
        classifier: Arc<Classifier>,
        site: Option<&str>,
        line_bytes_max: usize,
        workers: usize,
    ) -> Self {
        let own_domains =
            plan.sites.iter().map(String::as_str).chain(site).filter_map(registrable).collect();
        let specials = Specials::new(&plan.specials);
        let share = |all: usize| (all / workers.max(1)).next_power_of_two().clamp(256, all / 2);
        Self {
            cleaner: Cleaner::new(plan.routes.clone()),
            drop_paths: DropPaths::new(&plan),
            tells_more: plan.network.is_some(),
            plan,
            classifier,
            site: site.map(|site| site.as_bytes().to_ascii_lowercase()),
            own_domains,
            lookup: Lookup::default(),
            line_bytes_max,
            seed: Seed::default(),
            clock: ClfMemo::default(),
            requests: Memo::new(share(REQUESTS_REMEMBERED)),
            long_requests: Memo::new(share(LONG_REQUESTS_REMEMBERED)),
            referrers: Memo::new(REFERRERS_REMEMBERED),
            sites: Memo::new(SITES_REMEMBERED),
            agents: Memo::new(AGENTS_REMEMBERED),
            minter: None,
            cookie_minter: None,
            visitors: None,
            watch: None,
            specials,
            scratch: Scratch::default(),
        }
    }

    /// The worker with a file that knows countries; without one, records have none.
    #[must_use]
    pub fn with_countries(mut self, countries: Option<Arc<Countries>>) -> Self {
        self.lookup.set_countries(countries);
        self
    }

    /// The worker with a file that knows organisations; without one, records have none.
    #[must_use]
    pub fn with_organisations(mut self, organisations: Option<Arc<Organisations>>) -> Self {
        self.tells_more |= organisations.is_some();
        self.lookup.set_organisations(organisations);
        self
    }

    /// Lets the tokens that the plan asks for be made with the keys of `keyring`. Without one, no line has a key.
    #[must_use]
    pub fn with_keyring(mut self, keyring: &Arc<Keyring>) -> Self {
        let minter = |field| keyring.minter(field, self.site.as_deref());
        let tells_clients = matches!(self.plan.client, ClientRule::Token(_));
        self.minter = tells_clients.then(|| minter(TokenField::Visitor));
        self.cookie_minter = self.plan.cookie.as_ref().map(|_| minter(TokenField::Cookie));
        self
    }

    /// Lets visitors be told apart, and with `with_networks` their networks too. Without keys, all lines are of the
    /// same visitor.
    #[must_use]
    pub fn with_visitors(mut self, keys: Option<VisitorKeys>, with_networks: bool) -> Self {
        self.visitors = keys.map(|keys| Visitors::new(keys, with_networks));
        self
    }

    /// The worker with what picks lines to be sealed, as the plan says. Without it, none are.
    #[must_use]
    pub fn with_watch(mut self) -> Self {
        self.watch = self.plan.seal.map(Watch::new);
        self
    }

    /// The worker with what notices attacks among the lines, if any are picked to be sealed.
    #[must_use]
    pub fn with_lookout(mut self, lookout: &Lookout) -> Self {
        let plan = &self.plan;
        self.watch = self.watch.map(|watch| watch.with_lookout(lookout, Arc::clone(plan)));
        self
    }

    /// The worker that also picks the lines of open cases.
    #[must_use]
    pub fn with_cases(mut self, cases: &Arc<LiveCases>) -> Self {
        self.watch = self.watch.map(|watch| watch.with_cases(cases.view()));
        self
    }

    /// Whether lines are picked to be sealed.
    #[inline]
    #[must_use]
    pub const fn seals(&self) -> bool {
        self.watch.is_some()
    }

    /// Picks the line to be sealed if that is to be, now that it is known what became of it.
    #[inline]
    pub fn settle(
        &mut self,
        block: &RawBlock,
        format: &Format,
        line: RawLine<'_>,
        outcome: Outcome,
    ) {
        let refused = match outcome {
            Outcome::Refused(reason) => Some(reason),
            _ => None,
        };
        if let Some(watch) = &mut self.watch
            && watch.settle(refused, || block.place_of(line))
        {
            self.pick(block, format, line, refused);
        }
    }

    #[cold]
    #[inline(never)]
    fn pick(
        &mut self,
        block: &RawBlock,
        format: &Format,
        line: RawLine<'_>,
        refused: Option<Reason>,
    ) {
        let place = block.place_of(line);
        let text = line.expose_bytes();
        let mut decoded = Zeroizing::new(Vec::new());
        let inner = inner_of(text, &mut decoded);
        let known = self.known(format, inner);
        if let Some(watch) = &mut self.watch {
            watch.take(refused, place, &known, text);
        }
    }

    /// What can be read of a line that is to be sealed.
    fn known<'a>(&mut self, format: &Format, line: &'a [u8]) -> Known<'a> {
        let mut map = LineMap::default();
        let mut found = format.map(line, &mut map).is_ok().then_some(format);
        if found.is_none() {
            found = format.others().find(|other| {
                map = LineMap::default();
                other.map(line, &mut map).is_ok()
            });
        }
        let Some(format) = found else { return Known::default() };
        Known {
            time: self.time(format, line, &map).ok().map(Timestamp::seconds),
            client: self.host(line, &map),
            target: target(line, &map),
        }
    }

    /// What was noticed of the lines of the block, for a [`super::Sentry`] to answer.
    pub fn take_sightings(&mut self) -> Sightings {
        self.watch.as_mut().map(Watch::take_sightings).unwrap_or_default()
    }

    /// How many lines each rule hit since this was asked last, by the ids of the rules.
    pub fn take_hits(&mut self) -> impl Iterator<Item = (&str, u64)> {
        self.watch.iter_mut().flat_map(Watch::take_hits)
    }

    /// The parcel of the lines of `block` that are to be sealed; `source` is what the input is called, and
    /// `sightings` are those of this block with their answers.
    pub fn pack(
        &mut self,
        block: &RawBlock,
        format: &Format,
        source: &str,
        sightings: Sightings,
    ) -> Option<Parcel> {
        let kept = self.watch.as_mut()?.kept(block, sightings);
        for pick in kept {
            let text = &block.expose_bytes()[pick.place.clone()];
            let text = text.strip_suffix(b"\n").unwrap_or(text);
            let text = text.strip_suffix(b"\r").unwrap_or(text);
            let mut decoded = Zeroizing::new(Vec::new());
            let inner = inner_of(text, &mut decoded);
            let known = self.known(format, inner);
            if let Some(watch) = &mut self.watch {
                watch.keep(pick, &known, text);
            }
        }
        self.watch.as_mut()?.pack(block, source)
    }

    /// Whether the plan holds records, so that [`Self::hold`] is the way through.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.plan.release.is_some()
    }

    /// Before the lines of a block: tokens are made with the keys that are alive now.
    pub fn open_block(&mut self) {
        if let Some(watch) = &mut self.watch {
            watch.open_block();
        }
        self.minter.iter_mut().chain(&mut self.cookie_minter).for_each(Minter::open);
        self.visitors.iter_mut().for_each(Visitors::open);
    }

    /// After the lines of a block: keys whose time is over can be overwritten from here on.
    pub fn close_block(&mut self) {
        self.minter.iter_mut().chain(&mut self.cookie_minter).for_each(Minter::close);
        self.visitors.iter_mut().for_each(Visitors::close);
    }

    /// Takes one line through the door and hands its record to `receive`, if it becomes one.
    ///
    /// The record is lent and not returned: moving it cost about a hundred instructions a line.
    ///
    /// Under a policy that holds records none is handed over here, whatever it says: see [`Self::hold`].
    #[inline(always)]
    pub fn anonymise(
        &mut self,
        format: &Format,
        line: RawLine<'_>,
        receive: impl FnOnce(&Record<'_>),
    ) -> Outcome {
        if self.holds() { Outcome::Held } else { self.take(format, line, receive) }
    }

    /// The same for a line that [`Self::look_ahead`] looked at.
    #[inline(always)]
    pub fn anonymise_looked(
        &mut self,
        looked: &Looked<'_>,
        receive: impl FnOnce(&Record<'_>),
    ) -> Outcome {
        if self.holds() { Outcome::Held } else { self.take_looked(looked, receive) }
    }

    /// Looks at the next lines of a block, and has what is remembered of them brought near. Says whether there are
    /// any.
    #[inline(always)]
    pub fn look_ahead(&self, ahead: &mut Ahead<'_>) -> bool {
        let looked = ahead.turn();
        for looked in &mut *looked {
            self.look_at(looked);
            let Look { request, referrer, agent, .. } = looked.look;
            self.requests.call_tags(request);
            self.referrers.call_tags(referrer);
            self.agents.call_tags(agent);
        }
        for Looked { look, .. } in &mut *looked {
            self.requests.call(&mut look.request);
            self.referrers.call(&mut look.referrer);
            self.agents.call(&mut look.agent);
        }
        !looked.is_empty()
    }

    /// Finds out where the fields of a line sit.
    #[inline(always)]
    fn look_at(&self, looked: &mut Looked<'_>) {
        let line = looked.line.expose_bytes();
        looked.sight = if line.is_empty() {
            Sight::Refused(Reason::Empty)
        } else if line.len() > self.line_bytes_max {
            Sight::Refused(Reason::TooLong)
        } else if let Some(peeled) = wrapper::peel(line) {
            Sight::Wrapped(peeled)
        } else {
            match self.map(looked.format, line, &mut looked.look) {
                Ok(()) => Sight::Mapped,
                Err(reason) => Sight::Refused(reason),
            }
        };
    }

    #[inline(always)]
    fn map(&self, format: &Format, line: &[u8], look: &mut Look) -> Result<(), Reason> {
        format.map(line, &mut look.map)?;
        let Look { map, request, referrer, agent } = look;
        for (asked, field) in
            [(request, Field::Request), (referrer, Field::Referrer), (agent, Field::Agent)]
        {
            if let Some(text) = map.find(field, line) {
                *asked = Asked::new(self.seed.hash(text, map.escaping_of(field)));
            }
        }
        Ok(())
    }

    /// Takes one line through the door and leaves its record in `held`, if it becomes one.
    #[inline(never)]
    pub fn hold(&mut self, format: &Format, line: RawLine<'_>, held: &mut Held) -> Outcome {
        match self.take(format, line, |record| held.add(record)) {
            Outcome::Clean => Outcome::Held,
            other => other,
        }
    }

    /// Takes one line through the door, whether records are held or not.
    #[inline(always)]
    pub(super) fn take(
        &mut self,
        format: &Format,
        line: RawLine<'_>,
        receive: impl FnOnce(&Record<'_>),
    ) -> Outcome {
        let mut looked = Looked::new(format, line);
        self.look_at(&mut looked);
        self.take_looked(&looked, receive)
    }

    #[inline(always)]
    fn take_looked(&mut self, looked: &Looked<'_>, receive: impl FnOnce(&Record<'_>)) -> Outcome {
        let (format, line) = (looked.format, looked.line.expose_bytes());
        match looked.sight {
            Sight::Mapped => self
                .try_anonymise(format, line, &looked.look, receive)
                .unwrap_or_else(Outcome::Refused),
            Sight::Refused(reason) => Outcome::Refused(reason),
            Sight::Wrapped(peeled) => self.anonymise_inner(format, line, peeled, receive),
        }
    }

    /// Takes the line through the door that a shipper wrote something around.
    #[cold]
    #[inline(never)]
    fn anonymise_inner(
        &mut self,
        format: &Format,
        line: &[u8],
        peeled: Peeled,
        receive: impl FnOnce(&Record<'_>),
    ) -> Outcome {
        let mut decoded = std::mem::take(&mut self.scratch.inner);
        let mut look = Look::default();
        let done = peel::inner(line, peeled, &mut decoded).and_then(|line| {
            self.map(format, line, &mut look)?;
            self.try_anonymise(format, line, &look, receive)
        });
        self.scratch.inner = decoded;
        done.unwrap_or_else(Outcome::Refused)
    }

    /// Takes a line through the door that is not of `format`, if it is of another one that detection knows:
    /// a log goes on in another format after a change of the configuration, or mixes those of several
    /// servers. Each line decides for itself, so that nothing depends on what came before it.
    #[cold]
    pub fn anonymise_other(
        &mut self,
        format: &Format,
        line: RawLine<'_>,
        receive: &mut dyn FnMut(&Record<'_>),
    ) -> Outcome {
        match other_format(format, line) {
            Some(other) => self.anonymise(other, line, receive),
            None => Outcome::Refused(Reason::NotThisFormat),
        }
    }

    /// The same for records that are held.
    #[cold]
    pub fn hold_other(&mut self, format: &Format, line: RawLine<'_>, held: &mut Held) -> Outcome {
        match other_format(format, line) {
            Some(other) => self.hold(other, line, held),
            None => Outcome::Refused(Reason::NotThisFormat),
        }
    }

    #[inline(always)]
    fn try_anonymise(
        &mut self,
        format: &Format,
        line: &[u8],
        look: &Look,
        receive: impl FnOnce(&Record<'_>),
    ) -> Result<Outcome, Reason> {
        let map = &look.map;

        let time = self.time(format, line, map)?;
        let host = self.host(line, map);
        if let Some(watch) = &mut self.watch {
            watch.see(time.seconds(), host, line, map);
        }
        // A line whose client cannot be read is refused also where the client is dropped: which lines are clean must
        // not depend on how much of them is kept.
        let who = match host {
            Some(host) => Some((host, address::parse(host).ok_or(Reason::BadAddress)?)),
            None => None,
        };
        let (client, late) = match who {
            Some((_, parsed)) => self.client(parsed, time, line, map),
            None => (None, false),
        };
        let mut status = None;
        if let Some(text) = map.find(Field::Status, line) {
            status = Some(request::parse_status(text).ok_or(Reason::BadStatus)?);
        }
        let mut bytes = None;
        if let Some(text) = map.find(Field::Bytes, line) {
            bytes = request::parse_bytes(text).ok_or(Reason::NotThisFormat)?;
        }
        let request = match map.find(Field::Request, line) {
            Some(request) => self.request(request, map, look.request)?,
            None => self.split_request(line, map)?,
        };
        if self.plan.requires_client && host.is_none() {
            return Err(Reason::BadAddress);
        }
        if self.plan.requires_request && !self.request_at(request).is_http {
            return Err(Reason::BadRequest);
        }
        let named = self.plan.client_domains && self.name_client(client, host);
        let visit = match &mut self.visitors {
            Some(visitors) => visitors.of(who, time.seconds()),
            None => Visit::NONE,
        };
        let country = self.lookup.country(&self.plan, host);
        let (mut referrer, mut agent, mut site) = (None, None, None);
        if let Some(span) = map.get(Field::Referrer) {
            referrer = Some(self.referrer(span.of(line), map, look.referrer)?);
        }
        if let Some(span) = map.get(Field::Agent) {
            agent = Some(self.agent(span.of(line), map, look.agent)?);
        }
        if let Some(span) = map.get(Field::Site) {
            site = Some(self.site(span.of(line)));
        }
        let mut rare = None;
        if map.has_any(&RARE) || self.tells_more {
            rare = self.rare(line, map, time, host)?;
            if rare.is_none() {
                return Ok(Outcome::OptedOut);
            }
        }
        if self.request_at(request).opts_out {
            return Ok(Outcome::OptedOut);
        }
        if !self.plan.drops.is_empty() && self.is_left_out(self.request_at(request), host) {
            return Ok(Outcome::Filtered);
        }
        let (mut client, mut visit, mut late) = (client, visit, late);
        let mut found = None;
        if self.specials.is_some() {
            found =
                self.special(line, map, *self.request_at(request), (status, agent, time, visit));
            if let Some(found) = found {
                visit = found.visit;
                if found.kind == SpecialKind::Product {
                    // Nothing that such a report says may be joined with anything else of its sender.
                    client = client.filter(|client| !matches!(client, Client::Token(_)));
                    late = false;
                    rare.iter_mut().for_each(|rare| rare.cookie = None);
                }
            }
        }
        let special =
            found.and_then(|found| self.specials.as_ref().map(|specials| specials.lend(found)));
        let parts = Parts {
            special: special.as_ref(),
            time,
            client,
            late,
            named,
            country,
            status,
            bytes,
            request,
            referrer,
            agent,
            site,
            rare: rare.as_ref(),
            visit,
        };
        receive(&self.record(&parts));
        Ok(Outcome::Clean)
    }

    #[inline(always)]
    fn time(&mut self, format: &Format, line: &[u8], map: &LineMap) -> Result<Timestamp, Reason> {
        let text = map.part(Field::Time, line);
        if let Some(date) = map.find(Field::Date, line) {
            return self.clock.parse_date_and_time(date, text);
        }
        match format.time_pattern() {
            Some(pattern) => time::parse_pattern(pattern, text),
            None => self.clock.parse_any(text),
        }
    }

    /// The text of the client, which is not the connecting address where that is of a trusted proxy.
    #[inline(always)]
    pub(super) fn host<'a>(&self, line: &'a [u8], map: &LineMap) -> Option<&'a [u8]> {
        let connecting = map.find(Field::Client, line);
        match map.find(Field::Forwarded, line) {
            Some(list) if !self.plan.trusted_proxies.is_empty() => {
                forwarded::client(connecting, list, &self.plan.trusted_proxies)
            }
            _ => connecting,
        }
    }

    #[inline(always)]
    fn client(
        &mut self,
        client: Parsed,
        time: Timestamp,
        line: &[u8],
        map: &LineMap,
    ) -> (Option<Client>, bool) {
        match &self.plan.client {
            ClientRule::Truncate(truncation) => (Some(truncation.apply(client)), false),
            ClientRule::Token(whole) => {
                let whole = whole.apply(client);
                self.token(whole, time, map.find(Field::Site, line))
            }
            ClientRule::Domain => {
                (matches!(client, Parsed::Hostname).then_some(Client::Hostname), false)
            }
            ClientRule::Drop => (None, false),
        }
    }

    /// What the line is in the reports of the policy's own.
    #[cold]
    fn special(
        &mut self,
        line: &[u8],
        map: &LineMap,
        request: RequestValue,
        (status, agent, time, visit): (Option<u16>, Option<Agent>, Timestamp, Visit),
    ) -> Option<special::Found> {
        let whole = map.find(Field::Request, line);
        let field = if whole.is_some() { Field::Request } else { Field::Target };
        let raw = map.find(field, line)?;
        // An escape that cannot be undone has refused the line by now.
        let text = undo(raw, map.escaping_of(field), &mut self.scratch.unescaped).ok()?;
        let site = map.find(Field::Site, line).map(host_name).or(self.site.as_deref());
        let line = special::Line {
            request: text,
            is_target: whole.is_none(),
            method: request.method,
            status,
            site,
            agent: map.find(Field::Agent, line),
            is_bot: agent.is_some_and(|agent| agent.bot),
            unix: time.seconds(),
            visit,
        };
        self.specials.as_mut()?.find(&line, self.visitors.as_ref())
    }

    /// Finds the domain of a client that logged its host name, if there is one to be told.
    #[cold]
    fn name_client(&mut self, client: Option<Client>, host: Option<&[u8]>) -> bool {
        self.scratch.client.clear();
        client == Some(Client::Hostname)
            && host
                .is_some_and(|name| referrer::registrable_of_client(name, &mut self.scratch.client))
    }

    /// The network that is told beside a token, where the client is an address.
    fn network(&self, host: Option<&[u8]>) -> Option<Client> {
        let told = self.plan.network.as_ref()?;
        told.client(host?).filter(|client| matches!(client, Client::V4 { .. } | Client::V6 { .. }))
    }

    /// The token of a client that was read whole; none, and late, where no key is there for it.
    #[inline(never)]
    fn token(
        &mut self,
        whole: Client,
        time: Timestamp,
        host: Option<&[u8]>,
    ) -> (Option<Client>, bool) {
        let minted = match &mut self.minter {
            Some(minter) => minter.mint(whole, time.seconds(), host),
            None => whole.canonical().is_none().then_some(whole),
        };
        (minted, minted.is_none())
    }

    #[inline(always)]
    fn request(&mut self, raw: &[u8], map: &LineMap, asked: Asked) -> Result<Place, Reason> {
        if let Some(place) = self.requests.find_asked(asked) {
            return Ok(Place::Remembered(place));
        }
        if let Some(place) = self.long_requests.find(asked.hash) {
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
    fn split_request(&mut self, line: &[u8], map: &LineMap) -> Result<Place, Reason> {
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
        let hash = self.seed.hash_all(
            &[target, method, protocol.unwrap_or_default(), query.unwrap_or_default()],
            map.escaping_of(Field::Target),
        );
        if let Some(place) = self.requests.find(hash) {
            return Ok(Place::Remembered(place));
        }
        if let Some(place) = self.long_requests.find(hash) {
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
        let place = match self.requests.insert(hash, value, path) {
            Some(place) => Place::Remembered(place),
            None => match self.long_requests.insert(hash, value, path) {
                Some(place) => Place::RememberedLong(place),
                None => Place::Scratch,
            },
        };
        self.scratch.request = value;
        place
    }

    /// What the request at `place` became.
    #[inline(always)]
    fn request_at(&self, place: Place) -> &RequestValue {
        match place {
            Place::Remembered(at) => &self.requests.at(at).value,
            Place::RememberedLong(at) => &self.long_requests.at(at).value,
            Place::Scratch => &self.scratch.request,
        }
    }

    #[inline(always)]
    fn referrer(&mut self, raw: &[u8], map: &LineMap, asked: Asked) -> Result<Place, Reason> {
        if let Some(place) = self.referrers.find_asked(asked) {
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
        let place = self.referrers.insert(hash, value, shown);
        Ok(place.map_or(Place::Scratch, Place::Remembered))
    }

    #[inline(always)]
    fn agent(&mut self, raw: &[u8], map: &LineMap, asked: Asked) -> Result<Agent, Reason> {
        if let Some(place) = self.agents.find_asked(asked) {
            return Ok(self.agents.at(place).value);
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
        self.agents.insert(hash, agent, b"");
        Ok(agent)
    }

    fn site(&mut self, host: &[u8]) -> Place {
        let host = host_name(host);
        let hash = self.seed.hash(host, None);
        if let Some(place) = self.sites.find(hash) {
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
        let place = self.sites.insert(hash, self.scratch.site, &self.scratch.domain);
        place.map_or(Place::Scratch, Place::Remembered)
    }

    /// Whether one of the policy's drop rules fits. Networks are asked about the whole address.
    #[cold]
    fn is_left_out(&self, value: &RequestValue, client: Option<&[u8]>) -> bool {
        let address = client.and_then(address::parse);
        self.plan.drops.iter().enumerate().any(|(index, rule)| {
            let path_fits = rule.path.is_none() || value.drops & (1 << index) != 0;
            path_fits
                && rule.method.is_none_or(|method| method == value.method)
                && rule.network.is_none_or(
                    |network| matches!(address, Some(Parsed::Ip(ip)) if network.contains(&ip)),
                )
        })
    }

    #[inline(always)]
    fn record<'a>(&'a self, parts: &'a Parts<'a>) -> Record<'a> {
        let plan = &*self.plan;
        let request = self.request_at(parts.request);
        let found = match parts.request {
            Place::Remembered(at) => self.requests.at(at).text(),
            Place::RememberedLong(at) => self.long_requests.at(at).text(),
            Place::Scratch => Text::new(&self.scratch.path),
        };
        let (cleaned, query_text) = found.split(usize::from(request.query_text));
        let is_confirmed = match parts.status {
            Some(status) => plan.path_status.has(status),
            None => parts.rare.is_some_and(|rare| {
                rare.incident.and_then(|it| it.fault).is_some_and(Fault::path_is_confirmed)
            }),
        };
        let is_held = plan.release.is_some();
        let shown = request.declared || (plan.undeclared_paths && (is_confirmed || is_held));
        let path_kind = match (request.declared, is_confirmed) {
            (true, _) => PathKind::Told,
            (false, true) => PathKind::Confirmed,
            (false, false) => PathKind::Unconfirmed,
        };
        let path = match (request.is_http, shown) {
            (false, _) => Text::new(path::INVALID.as_bytes()),
            (true, false) => Text::new(path::UNKNOWN.as_bytes()),
            (true, true) => cleaned,
        };
        let exact = match plan.bytes {
            BytesRule::Always => true,
            BytesRule::PlainPath => {
                request.is_http && shown && request.plain && plan.record.has(Key::Path)
            }
            BytesRule::Bucket => false,
        };
        let told = |bytes| if exact { bytes } else { request::bucket_bytes(bytes) };
        Record {
            plan,
            lookup: &self.lookup,
            time: parts.time.floor(plan.grain),
            minute: parts.time.floor(Grain::Minute),
            site: self.site_text(parts.site),
            client: parts.client,
            client_name: parts.named.then(|| Text::new(&self.scratch.client)),
            country: parts.country,
            late: parts.late,
            has_request: request.is_there,
            method: request.method,
            path,
            path_kind,
            query: &request.query[..usize::from(request.query_length)],
            query_text,
            protocol: request.protocol,
            status: parts.status,
            bytes: parts.bytes.map(told),
            bytes_exact: parts.bytes.unwrap_or(0),
            referrer: parts.referrer.map(|place| self.referrer_text(place, parts.site)),
            agent: parts.agent,
            rare: parts.rare,
            visit: parts.visit,
            special: parts.special,
        }
    }

    /// The fields that few formats have, and what few policies tell; nothing if a field says that the visitor opted
    /// out.
    #[inline(never)]
    fn rare(
        &mut self,
        line: &[u8],
        map: &LineMap,
        time: Timestamp,
        host: Option<&[u8]>,
    ) -> Result<Option<Rare>, Reason> {
        let mut rare = Rare { network: self.network(host), ..Rare::default() };
        rare.organisation = self.lookup.organisation(&self.plan, host);
        if let Some(text) = map.find(Field::Duration, line) {
            let milliseconds = duration::milliseconds(text, map.duration_unit);
            rare.duration = milliseconds.map(duration::bucket);
        }
        if let Some(text) = map.find(Field::Language, line) {
            let escaping = map.escaping_of(Field::Language);
            rare.language = Language::of(undo(text, escaping, &mut self.scratch.unescaped)?);
        }
        // A cookie that cannot be unescaped is read as it stands: nothing but the cookie may depend on it.
        let asks = self.plan.opt_out.cookie.is_some() || self.plan.cookie.is_some();
        let cookies = map.find(Field::Cookie, line).filter(|_| asks).map(|raw| {
            let escaping = map.escaping_of(Field::Cookie);
            undo(raw, escaping, &mut self.scratch.unescaped).unwrap_or(raw)
        });
        let opt_out = &self.plan.opt_out;
        if opt_out.is_some_in(map.find(Field::Dnt, line), map.find(Field::Gpc, line), cookies) {
            return Ok(None);
        }
        if let (Some(name), Some(minter)) = (&self.plan.cookie, &mut self.cookie_minter) {
            let value = cookies.and_then(|cookies| cookie::value(cookies, name));
            let site = map.find(Field::Site, line);
            rare.cookie = value.and_then(|value| minter.mint_value(value, time.seconds(), site));
        }
        let level = map.find(Field::Level, line).map(Level::of);
        let module = map.find(Field::Module, line).map(Module::of);
        let fault = map.find(Field::Message, line).map(Fault::of);
        if level.is_some() || fault.is_some() {
            rare.incident = Some(Incident { level, module, fault });
        }
        Ok(Some(rare))
    }

    #[inline]
    fn site_at(&self, place: Place) -> (SiteValue, Text<'_>) {
        match place {
            Place::Remembered(at) => (self.sites.at(at).value, self.sites.at(at).text()),
            _ => (self.scratch.site, Text::new(&self.scratch.domain)),
        }
    }

    #[inline]
    fn site_text(&self, place: Option<Place>) -> Option<Text<'_>> {
        let Some(place) = place else { return self.site.as_deref().map(Text::new) };
        let name = match self.site_at(place).0.declared {
            Some(index) => self.plan.sites[usize::from(index)].as_bytes(),
            None => OTHER,
        };
        Some(Text::new(name))
    }

    /// The referrer, or `(internal)` when it is of the registrable domain that the line belongs to.
    #[inline]
    fn referrer_text(&self, place: Place, site: Option<Place>) -> Text<'_> {
        let (value, text) = match place {
            Place::Remembered(at) => (self.referrers.at(at).value, self.referrers.at(at).text()),
            _ => (self.scratch.referrer_value, Text::new(&self.scratch.referrer)),
        };
        let name = &text.as_bytes()[usize::from(value.domain)..];
        let is_own = match site.map(|site| self.site_at(site).1) {
            Some(domain) => !domain.is_empty() && domain.as_bytes() == name,
            None => self.own_domains.iter().any(|domain| domain == name),
        };
        if is_own {
            Text::new(INTERNAL)
        } else if self.plan.referrer == ReferrerRule::Category {
            Text::new(if matches!(name, NONE | INTERNAL) { name } else { EXTERNAL })
        } else {
            text
        }
    }
}

/// The parts of a line that cannot refuse it any more.
struct Parts<'a> {
    time: Timestamp,
    client: Option<Client>,
    /// Whether the client's domain is in the scratch.
    named: bool,
    country: Option<Country>,
    late: bool,
    status: Option<u16>,
    bytes: Option<u64>,
    request: Place,
    referrer: Option<Place>,
    agent: Option<Agent>,
    site: Option<Place>,
    /// Lent and not moved: few lines have it, and it is large.
    rare: Option<&'a Rare>,
    visit: Visit,
    special: Option<&'a Special<'a>>,
}

/// The fields that few formats have.
const RARE: [Field; 8] = [
    Field::Duration,
    Field::Language,
    Field::Dnt,
    Field::Gpc,
    Field::Cookie,
    Field::Level,
    Field::Module,
    Field::Message,
];

/// The line that a shipper wrote something around, or the line itself.
fn inner_of<'a>(text: &'a [u8], decoded: &'a mut Vec<u8>) -> &'a [u8] {
    match wrapper::peel(text) {
        Some(peeled) => peel::inner(text, peeled, decoded).unwrap_or(text),
        None => text,
    }
}

/// The format that a line has which is not of `format`, if detection knows it.
fn other_format<'a>(format: &'a Format, line: RawLine<'_>) -> Option<&'a Format> {
    let (bytes, mut decoded) = (line.expose_bytes(), Zeroizing::new(Vec::new()));
    let inner = match wrapper::peel(bytes) {
        Some(peeled) => peel::inner(bytes, peeled, &mut decoded).unwrap_or(bytes),
        None => bytes,
    };
    format.others().find(|other| fit(other, inner).is_ok())
}

/// The name in `name`, `name:port` or `[address]:port`.
pub(super) fn host_name(host: &[u8]) -> &[u8] {
    match memchr::memrchr(b':', host) {
        Some(colon) if host[colon + 1..].iter().all(u8::is_ascii_digit) => &host[..colon],
        _ => host,
    }
}

fn registrable(host: &str) -> Option<Vec<u8>> {
    let mut domain = Vec::new();
    referrer::registrable(host.as_bytes(), &mut domain).then_some(domain)
}

/// The text without its log escapes: itself when it has none, else in `scratch`.
#[inline]
fn undo<'a>(
    raw: &'a [u8],
    escaping: Option<Escaping>,
    scratch: &'a mut Vec<u8>,
) -> Result<&'a [u8], Reason> {
    let Some(escaping) = escaping else { return Ok(raw) };
    scratch.clear();
    escape::undo(raw, escaping, scratch).ok_or(Reason::BadEscape)?;
    Ok(scratch)
}
