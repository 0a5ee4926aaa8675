//! What a line became that nothing can refuse any more, but by the rare fields.

use super::{Anonymiser, remembered::Place, undo};
use crate::{
    field::{Field, Key, LineMap, Reason},
    policy::{BytesRule, ReferrerRule},
    privacy::{
        record::{Incident, Rare, Record, Text},
        release::PathKind,
        special::Special,
        visitors::Visit,
    },
    transform::{
        address::Client,
        agent::Agent,
        cookie,
        country::Country,
        duration,
        fault::{Fault, Level, Module},
        language::Language,
        path, referrer, request,
        time::{Grain, Timestamp},
    },
};

const OTHER: &[u8] = b"(other)";
const INTERNAL: &[u8] = referrer::INTERNAL.as_bytes();
const NONE: &[u8] = referrer::NONE.as_bytes();
const EXTERNAL: &[u8] = referrer::EXTERNAL.as_bytes();

/// The parts of a line that cannot refuse it any more.
pub(super) struct Parts<'a> {
    pub(super) time: Timestamp,
    pub(super) client: Option<Client>,
    /// Whether the client's domain is in the scratch.
    pub(super) named: bool,
    pub(super) country: Option<Country>,
    pub(super) late: bool,
    pub(super) status: Option<u16>,
    pub(super) bytes: Option<u64>,
    pub(super) request: Place,
    pub(super) referrer: Option<Place>,
    pub(super) agent: Option<Agent>,
    pub(super) site: Option<Place>,
    /// Lent and not moved: few lines have it, and it is large.
    pub(super) rare: Option<&'a Rare>,
    pub(super) visit: Visit,
    pub(super) special: Option<&'a Special<'a>>,
}

impl Anonymiser {
    #[inline(always)]
    pub(super) fn record<'a>(&'a self, parts: &'a Parts<'a>) -> Record<'a> {
        let plan = &*self.plan;
        let request = self.request_at(parts.request);
        let found = self.request_text(parts.request);
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
                let is_a_size = parts.bytes.is_some_and(|bytes| bytes < request::EXACT_BYTES_END);
                request.is_http && shown && request.plain && plan.record.has(Key::Path) && is_a_size
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
    pub(super) fn rare(
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
        let (value, text) = self.referrer_at(place);
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
