//! Door 1: a raw line and a plan in, a clean record or a reason out.
//!
//! Formats and transforms meet here and do not know each other: a format says where a field sits, this
//! file hands the bytes to the transform that the plan names. Everything that can refuse a line is
//! decided before the record exists, so nothing has to be taken back.
//!
//! Requests, referrers and agents repeat, and what became of them is remembered (`remembered.rs`). What a
//! line became is put together where nothing can refuse it any more (`parts.rs`). Which lines are to be
//! sealed is asked beside all that (`watched.rs`). Escapes are undone only where a backslash was seen, into
//! buffers that this worker owns and wipes.

mod parts;
mod remembered;
mod watched;

use std::sync::Arc;

use zeroize::{Zeroize, Zeroizing};

use self::{
    parts::Parts,
    remembered::{DropPaths, Memories, ReferrerValue, RequestValue, SiteValue},
};
use super::{
    ahead::{Ahead, Look, Looked, Sight},
    lookup::Lookup,
    memo::Asked,
    peel,
    raw::RawLine,
    recognise::fit,
    record::Record,
    release::Held,
    special::{self, Specials},
    tokens::{Keyring, Minter},
    visitors::{Visit, VisitorKeys, Visitors},
    watch::Watch,
};
use crate::{
    field::{Escaping, Field, LineMap, Reason},
    format::{
        Format,
        wrapper::{self, Peeled},
    },
    policy::{ClientRule, Plan, SpecialKind},
    transform::{
        address::{self, Client, Parsed},
        agent::{Agent, Classifier},
        country::Countries,
        escape, forwarded,
        organisation::Organisations,
        path::Cleaner,
        pseudonym::TokenField,
        referrer, request,
        time::{self, ClfMemo, Timestamp},
    },
};

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
    clock: ClfMemo,
    memories: Memories,
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
            clock: ClfMemo::default(),
            memories: Memories::new(workers),
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
            self.memories.call_tags(&looked.look);
        }
        for Looked { look, .. } in &mut *looked {
            self.memories.call(look);
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
                *asked = Asked::new(self.memories.seed.hash(text, map.escaping_of(field)));
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
    let mut decoded = Zeroizing::new(Vec::new());
    let inner = inner_of(line.expose_bytes(), &mut decoded);
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
