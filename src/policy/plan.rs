//! A policy compiled: for every field of a line, what becomes of it.
//!
//! [`Plan::decision`] matches every [`Field`] without a catch-all, so a field that is added to the
//! vocabulary cannot be forgotten here; a policy that asks for what this version cannot do is
//! refused rather than carried out in part.

use std::{net::IpAddr, path::PathBuf};

use ipnet::IpNet;

use super::sealing::SealRule;
use super::written::{
    Basis, BytesWord, CLAUSE_WITHOUT_END, ClientWord, CookieRule, CookieWord, Days, DropSection,
    GrainWord, NetworkRule, NoEnd, PathRule, PathWord, Policy, PolicyError, Prefixes,
    RecordSection, ReferrerWord, RequireWord, VersionWord, WindowWord,
};
use super::{
    opening, sharing,
    special::{self, Cross, SpecialRule},
};
use crate::{
    field::{Field, Key, KeySet, Table, TableSet},
    transform::{
        address::Truncation,
        cookie,
        path::Route,
        query::{Param, Params, Pattern, Values},
        request::Method,
        time::Grain,
    },
};

/// The longest prefixes that a policy may keep without saying `allow_identifying = true`:
/// a /24 is at most 256 addresses, a /48 may already be one customer.
pub(super) const IPV4_PREFIXES: std::ops::RangeInclusive<u8> = 8..=24;
pub(super) const IPV6_PREFIXES: std::ops::RangeInclusive<u8> = 16..=48;

/// How many bits of an address may be told by a policy that does not say `allow_identifying`.
#[must_use]
pub const fn longest_prefix(address: IpAddr) -> u8 {
    match address {
        IpAddr::V4(_) => *IPV4_PREFIXES.end(),
        IpAddr::V6(_) => *IPV6_PREFIXES.end(),
    }
}

/// What becomes of a field, in words that `explain` prints.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// It does not exist in any output.
    Dropped,
    /// Its transformed value stands in records.
    Recorded,
    /// Its transformed value is used in counts only.
    Counted,
}

/// How the client is told.
#[derive(Clone, Debug)]
pub enum ClientRule {
    /// Not at all.
    Drop,
    /// As the network that it lies in.
    Truncate(Truncation),
    /// As a keyed token, which is made of the whole address.
    Token(Truncation),
    /// As the registrable domain of its host name; nothing where it logged an address.
    Domain,
}

/// How the site that linked here is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReferrerRule {
    /// By its registrable domain.
    Domain,
    /// By scheme and host.
    Origin,
    /// As one's own or another one.
    Category,
}

/// How records are held until enough visitors share them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReleaseRule {
    /// How many different visitors share each line that is written.
    pub k: usize,
    /// How long a period is whose records are released together, in seconds.
    pub period_seconds: i64,
}

/// An object that some keys of a record stand in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// The key under which it stands.
    pub name: String,
    /// The keys in it.
    pub keys: KeySet,
}

/// When a byte count is told exactly and not as the next power of two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BytesRule {
    /// Where the path is shown as it was.
    PlainPath,
    /// For every line.
    Always,
    /// Never.
    Bucket,
}

/// The statuses for which a path is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatusSet([u64; 10]);

impl StatusSet {
    /// Whether `status` is in the set.
    #[inline]
    #[must_use]
    pub const fn has(&self, status: u16) -> bool {
        let index = status as usize / 64;
        index < self.0.len() && self.0[index] & (1 << (status % 64)) != 0
    }

    pub(super) fn parse(words: &[String]) -> Result<Self, PolicyError> {
        let mut set = Self([0; 10]);
        for word in words {
            let (first, last) = status_range(word).ok_or_else(|| {
                PolicyError::new(format!(
                    "record.path.status: {word:?} is neither a status such as \"304\" nor a class such as \"2xx\""
                ))
            })?;
            for status in first..=last {
                set.0[usize::from(status) / 64] |= 1 << (status % 64);
            }
        }
        Ok(set)
    }
}

fn status_range(word: &str) -> Option<(u16, u16)> {
    match word.strip_suffix("xx") {
        Some(class) => {
            let class: u16 = class.parse().ok().filter(|class| (1..=5).contains(class))?;
            Some((class * 100, class * 100 + 99))
        }
        None => {
            let status: u16 = word.parse().ok().filter(|status| (100..=599).contains(status))?;
            Some((status, status))
        }
    }
}

/// Lines that are left out: those that fit all that is given.
#[derive(Clone, Debug)]
pub struct DropRule {
    /// The path, as a route.
    pub path: Option<Route>,
    /// The method.
    pub method: Option<Method>,
    /// The network of the client.
    pub network: Option<IpNet>,
}

/// What the anonymiser follows.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The policy's name.
    pub name: String,
    /// The policy's hash.
    pub hash: String,
    /// The keys that a record may have.
    pub record: KeySet,
    /// The tables that counts may have.
    pub tables: TableSet,
    /// Whether counts may speak of visitors.
    pub visitors: bool,
    /// Two-way tables.
    pub crosses: Vec<Cross>,
    /// Reports of the policy's own.
    pub specials: Vec<SpecialRule>,
    /// Whether a store keeps counts by hour; else by day.
    pub counts_by_hour: bool,
    /// Whether it may keep them by hour if somebody asks for that: where the policy does not say, and records tell the
    /// hour anyway.
    pub hours_on_request: bool,
    /// From how many networks on counts may be published, if they may.
    pub publish_k: Option<u32>,
    /// How counts may be published, if they may.
    pub publish: Option<PublishRule>,
    /// How fine times are told.
    pub grain: Grain,
    /// How the client is told.
    pub client: ClientRule,
    /// Whether a client that logged its host name is told by its registrable domain.
    pub client_domains: bool,
    /// The network that is told beside a token.
    pub network: Option<Truncation>,
    /// The name of the cookie whose value is told as a token.
    pub cookie: Option<String>,
    /// The file that says which country a network is in, if anything is to be told of countries.
    pub country_db: Option<PathBuf>,
    /// The file that says which organisation a network is registered for, if that is to be told.
    pub organisation_db: Option<PathBuf>,
    /// Whether a line without a client is refused.
    pub requires_client: bool,
    /// Whether a line without a request of HTTP is refused.
    pub requires_request: bool,
    /// How referrers are told.
    pub referrer: ReferrerRule,
    /// How records are held, if they are.
    pub release: Option<ReleaseRule>,
    /// The objects that keys stand in; without any, a record is flat.
    pub groups: Vec<Group>,
    /// The statuses for which a path that is no declared route is shown.
    pub path_status: StatusSet,
    /// Whether paths other than declared routes are shown at all.
    pub undeclared_paths: bool,
    /// When byte counts are exact.
    pub bytes: BytesRule,
    /// Declared routes.
    pub routes: Vec<Route>,
    /// Query parameters that are kept.
    pub params: Params,
    /// The host names that a record may name, in lower case.
    pub sites: Vec<String>,
    /// Lines that are left out.
    pub drops: Vec<DropRule>,
    /// Proxies whose word on the client is believed.
    pub trusted_proxies: Vec<IpNet>,
    /// The signals by which visitors opt out.
    pub opt_out: OptOut,
    /// Which lines are sealed, where there is a quarantine.
    pub seal: Option<SealRule>,
    /// A folder with rules of one's own that point out such lines.
    pub own_rules: Option<PathBuf>,
    /// The networks whose behaviour points out no line.
    pub seal_exempt: Vec<IpNet>,
}

/// The signals by which visitors opt out, where a format logs them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OptOut {
    /// The value of `DNT` that opts out.
    pub dnt: Option<String>,
    /// The value of `Sec-GPC` that opts out.
    pub gpc: Option<String>,
    /// The name of a cookie that opts out, whatever its value.
    pub cookie: Option<String>,
    /// The name of a query parameter that opts out, whatever its value.
    pub query: Option<String>,
}

impl OptOut {
    /// Whether a line with these headers opts out.
    #[must_use]
    pub fn is_some_in(
        &self,
        dnt: Option<&[u8]>,
        gpc: Option<&[u8]>,
        cookie: Option<&[u8]>,
    ) -> bool {
        // An array in JSON has quotes around each value, and a header that was sent twice has two.
        let says = |text: &[u8], wanted: &str| {
            let bytes = text.iter().filter(|byte| !matches!(byte, b' ' | b'\t' | b'"'));
            bytes.eq(wanted.as_bytes())
        };
        let is = |wanted: &Option<String>, found: Option<&[u8]>| {
            let (Some(wanted), Some(found)) = (wanted, found) else { return false };
            found.split(|byte| *byte == b',').any(|value| says(value, wanted))
        };
        is(&self.dnt, dnt)
            || is(&self.gpc, gpc)
            || self
                .cookie
                .as_ref()
                .zip(cookie)
                .is_some_and(|(name, found)| cookie::has(found, name))
    }
}

impl Plan {
    /// Compiles a policy.
    ///
    /// # Errors
    ///
    /// A value that cannot be, or one that this version does not carry out; the sentence names the key.
    pub fn compile(policy: &Policy) -> Result<Self, PolicyError> {
        check_retention(policy)?;
        sharing::check(policy)?;
        opening::check(policy)?;
        check_linking(&policy.record)?;
        let record = &policy.record;
        let keys = record_keys(policy)?;
        let (keys, groups) = groups(policy, keys)?;
        let tables = tables(policy)?;
        let path = path_rule(policy)?;
        let tells_country = keys.has(Key::Country) || tables.has(Table::Country);
        let requires = |word| record.require.contains(&word);
        let crosses = special::crosses(policy, tables)?;
        let publish = publish(policy, tables, &crosses)?;
        Ok(Self {
            name: policy.name.clone(),
            hash: policy.hash(),
            record: keys,
            tables,
            visitors: policy.counts.as_ref().is_some_and(|counts| counts.visitors),
            crosses,
            specials: special::specials(policy)?,
            counts_by_hour: policy
                .counts
                .as_ref()
                .is_some_and(|counts| counts.window == Some(WindowWord::Hour)),
            hours_on_request: policy.counts.as_ref().is_some_and(|counts| counts.window.is_none())
                && record.time.is_some_and(|rule| !matches!(rule.grain, GrainWord::Day)),
            publish_k: publish.as_ref().map(|rule| rule.k),
            publish,
            grain: match record.time.map(|rule| rule.grain) {
                Some(GrainWord::Hour) => Grain::Hour,
                Some(GrainWord::Day) => Grain::Day,
                Some(GrainWord::Minute) | None => Grain::Minute,
            },
            client: client_rule(policy)?,
            client_domains: match record.client {
                Some(ClientWord::Truncate(prefixes)) => prefixes.domain,
                Some(ClientWord::Domain) => true,
                _ => false,
            },
            network: network_rule(policy)?,
            cookie: cookie_name(policy)?.filter(|_| keys.has(Key::Cookie)),
            country_db: policy.network.country_db.clone().filter(|_| tells_country),
            organisation_db: (policy.network.organisation_db.clone())
                .filter(|_| keys.has(Key::Organisation)),
            requires_client: requires(RequireWord::Client),
            requires_request: requires(RequireWord::Request),
            referrer: match record.referrer {
                Some(ReferrerWord::Origin) => ReferrerRule::Origin,
                Some(ReferrerWord::Category) => ReferrerRule::Category,
                Some(ReferrerWord::Domain) | None => ReferrerRule::Domain,
            },
            release: release(policy, keys, tables)?,
            groups,
            path_status: path
                .map_or_else(|| StatusSet::parse(&[]), |rule| StatusSet::parse(&rule.status))?,
            undeclared_paths: path.is_some_and(|rule| rule.shape != PathWord::Declared),
            bytes: match record.bytes.map(|rule| rule.exact) {
                Some(BytesWord::Always) => BytesRule::Always,
                Some(BytesWord::PlainPath) => BytesRule::PlainPath,
                Some(BytesWord::Bucket) | None => BytesRule::Bucket,
            },
            routes: routes(policy)?,
            params: params(policy)?,
            sites: sites(policy)?,
            drops: drop_rules(policy)?,
            trusted_proxies: trusted_proxies(policy)?,
            opt_out: opt_out(policy)?,
            seal: policy.quarantine.as_ref().map(SealRule::of),
            own_rules: policy.quarantine.as_ref().and_then(|section| section.rules.clone()),
            seal_exempt: seal_exempt(policy)?,
        })
    }

    /// The network that is told of a client, in the place of its address or beside a token.
    #[must_use]
    pub const fn told_network(&self) -> Option<&Truncation> {
        match &self.client {
            ClientRule::Truncate(truncation) => Some(truncation),
            _ => self.network.as_ref(),
        }
    }

    /// Whether records have tokens, for which there must be keys.
    #[must_use]
    pub const fn mints_tokens(&self) -> bool {
        matches!(self.client, ClientRule::Token(_)) || self.cookie.is_some()
    }

    /// What becomes of `field`.
    #[must_use]
    pub fn decision(&self, field: Field) -> Decision {
        let either = |keys: &[Key], tables: &[Table]| {
            if keys.iter().any(|key| self.record.has(*key)) {
                Decision::Recorded
            } else if tables.iter().any(|table| self.tables.has(*table)) {
                Decision::Counted
            } else {
                Decision::Dropped
            }
        };
        match field {
            Field::Site => either(&[Key::Site], &[Table::Site]),
            Field::Client | Field::Forwarded => {
                let keys = [Key::Client, Key::Network, Key::Country, Key::Organisation];
                either(&keys, &[Table::Country])
            }
            Field::Time | Field::Date => {
                either(&[Key::Time], &[Table::Hour, Table::Day, Table::Week, Table::Month])
            }
            Field::Request => either(
                &[Key::Method, Key::Path, Key::Query, Key::Protocol],
                &[Table::Method, Table::Path, Table::Protocol],
            ),
            Field::Method => either(&[Key::Method], &[Table::Method]),
            Field::Target => either(&[Key::Path, Key::Query], &[Table::Path]),
            Field::Query => either(&[Key::Query], &[]),
            Field::Protocol => either(&[Key::Protocol], &[Table::Protocol]),
            Field::Status => either(&[Key::Status], &[Table::Status, Table::StatusClass]),
            // Every table sums them up.
            Field::Bytes => either(&[Key::Bytes], &Table::ALL),
            Field::Referrer => either(&[Key::Referrer], &[Table::Referrer]),
            Field::Agent => either(
                &[Key::Browser, Key::BrowserVersion, Key::Os, Key::Device, Key::Bot],
                &[Table::Browser, Table::Os, Table::Device, Table::Bot],
            ),
            Field::Duration => either(&[Key::DurationMs], &[]),
            Field::Language => either(&[Key::Language], &[Table::Language]),
            Field::Cookie => either(&[Key::Cookie], &[]),
            // They are only asked whether the visitor opts out.
            Field::Dnt | Field::Gpc => Decision::Dropped,
            Field::Level => either(&[Key::Level], &[]),
            Field::Module => either(&[Key::Module], &[]),
            Field::Message => either(&[Key::Error], &[]),
        }
    }
}

fn record_keys(policy: &Policy) -> Result<KeySet, PolicyError> {
    let record = &policy.record;
    let names_country = record.country || matches!(record.client, Some(ClientWord::Country));
    let major = record.browser.is_some_and(|rule| matches!(rule.version, VersionWord::Major));
    Ok(KeySet::default()
        .with(Key::Time, record.time.is_some())
        .with(Key::Site, record.site.is_some())
        .with(Key::Client, !matches!(record.client, None | Some(ClientWord::Country)))
        .with(Key::Network, record.network.is_some())
        // Without a file there is no country, and so no column for it.
        .with(Key::Country, names_country && policy.network.country_db.is_some())
        .with(Key::Method, record.method)
        .with(Key::Path, record.path.is_some())
        .with(Key::Query, !policy.queries.is_empty())
        .with(Key::Protocol, record.protocol)
        .with(Key::Status, record.status)
        .with(Key::Bytes, record.bytes.is_some())
        .with(Key::DurationMs, record.duration.is_some())
        .with(Key::Referrer, record.referrer.is_some())
        .with(Key::Browser, record.browser.is_some())
        .with(Key::BrowserVersion, major)
        .with(Key::Os, record.os)
        .with(Key::Device, record.device)
        .with(Key::Bot, record.bot)
        .with(Key::Language, record.language.is_some())
        .with(Key::Late, matches!(record.client, Some(ClientWord::Token)))
        .with(Key::Level, record.errors)
        .with(Key::Module, record.errors)
        .with(Key::Error, record.errors)
        .with(Key::Cookie, record.cookie.is_some())
        .with(Key::Organisation, record.organisation && policy.network.organisation_db.is_some()))
}

fn tables(policy: &Policy) -> Result<TableSet, PolicyError> {
    let mut set = TableSet::default();
    for name in policy.counts.iter().flat_map(|counts| &counts.tables) {
        let table = Table::ALL.into_iter().find(|table| table.name() == name).ok_or_else(|| {
            let known = Table::ALL.map(Table::name).join(", ");
            PolicyError::new(format!("counts.tables: {name:?} is no table; there are {known}"))
        })?;
        set = set.with(table);
    }
    Ok(set)
}

/// How paths are told: as records have it, or as counts have it where records have none.
fn path_rule(policy: &Policy) -> Result<Option<&PathRule>, PolicyError> {
    let counted = policy.counts.as_ref().and_then(|counts| counts.path.as_ref());
    if counted.is_some() && policy.record.path.is_some() {
        return Err(PolicyError::new(
            "counts.path: paths are counted as record.path tells them; leave one of the two out"
                .to_owned(),
        ));
    }
    let (rule, key) = match &policy.record.path {
        Some(rule) => (Some(rule), "record.path.shape"),
        None => (counted, "counts.path.shape"),
    };
    match rule {
        Some(rule) if rule.shape == PathWord::Learned && policy.release.is_none() => {
            Err(PolicyError::new(format!(
                "{key}: \"learned\" needs [release], for it is learned from records that are held"
            )))
        }
        rule => Ok(rule),
    }
}

/// How counts may be published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublishRule {
    /// How many networks stand behind each number.
    pub k: u32,
    /// The tables, by name.
    pub tables: Vec<String>,
    /// The number to whose multiples numbers are rounded.
    pub round: Option<u32>,
}

/// From how many networks on a number may be published, and how many may be asked for: as with records, up to as many
/// as are told apart.
const PUBLISH_K: std::ops::RangeInclusive<u32> = 5..=64;

/// What tells by which program somebody reads, and on what: one of these is published.
const READERS: [Table; 4] = [Table::Browser, Table::Os, Table::Device, Table::Bot];

/// How counts may be published. A table that is named must be counted.
fn publish(
    policy: &Policy,
    tables: TableSet,
    crosses: &[Cross],
) -> Result<Option<PublishRule>, PolicyError> {
    let refuse = |what: String| Err(PolicyError::new(format!("publish.{what}")));
    let Some(section) = policy.publish.as_ref().filter(|section| section.allowed) else {
        return Ok(None);
    };
    let (k, round) = (section.k, section.round);
    if !PUBLISH_K.contains(&k) {
        return refuse(format!(
            "k: {k} is outside of {} to {}",
            PUBLISH_K.start(),
            PUBLISH_K.end()
        ));
    }
    if let Some(base) = round.filter(|base| !(2..=k).contains(base)) {
        return refuse(format!("round: {base} is outside of 2 to k, which is {k}"));
    }
    // Weeks and months are periods that are published, and no tables of them.
    let is_period = |table: &Table| matches!(table, Table::Week | Table::Month);
    let counted = || Table::ALL.into_iter().filter(|table| tables.has(*table) && !is_period(table));
    let names = match &section.tables {
        Some(names) => {
            let is_known = |name: &&String| {
                counted().any(|table| table.name() == *name)
                    || crosses.iter().any(|cross| cross.name == **name)
            };
            if let Some(name) = names.iter().find(|name| !is_known(name)) {
                return refuse(format!(
                    "tables: {name:?} is none that is counted and can be published"
                ));
            }
            names.clone()
        }
        None => {
            let reader = READERS.into_iter().find(|table| tables.has(*table));
            let others =
                counted().filter(|table| !READERS.contains(table) || Some(*table) == reader);
            others.map(|table| table.name().to_owned()).collect()
        }
    };
    Ok(Some(PublishRule { k, tables: names, round }))
}

/// From how many visitors on a line may be written, and how many may be asked for. Below five, two friends and a
/// guess tell who the others were (the least that is usual for published tables).
const K: std::ops::RangeInclusive<u32> = 5..=1_000;

/// How records are held. What would tell visitors apart, or go past the holding, is refused.
fn release(
    policy: &Policy,
    keys: KeySet,
    tables: TableSet,
) -> Result<Option<ReleaseRule>, PolicyError> {
    let Some(section) = policy.release else { return Ok(None) };
    let record = &policy.record;
    let refuse = |what: &str| Err(PolicyError::new(format!("release: {what}")));
    if !K.contains(&section.k) {
        return Err(PolicyError::new(format!(
            "release.k: {} is outside of {} to {}",
            section.k,
            K.start(),
            K.end()
        )));
    }
    let period_seconds = match record.time.map(|rule| rule.grain) {
        Some(GrainWord::Hour) => 3_600,
        Some(GrainWord::Day) => 86_400,
        Some(GrainWord::Minute) | None => {
            return refuse(
                "records are held by the hour or the day; set record.time to one of these",
            );
        }
    };
    if !matches!(record.client, None | Some(ClientWord::Country)) {
        return refuse(
            "a client tells visitors apart, so that none would share a line; remove record.client",
        );
    }
    if record.cookie.is_some() {
        return refuse(
            "a cookie tells visitors apart, so that none would share a line; remove record.cookie",
        );
    }
    if record.organisation {
        return refuse("an organisation is not made to tell less; remove record.organisation");
    }
    if matches!(&record.path, Some(rule) if rule.shape == PathWord::Cleaned) {
        return refuse("record.path.shape is to be \"learned\" or \"declared\"");
    }
    if matches!(&record.bytes, Some(rule) if !matches!(rule.exact, BytesWord::Bucket)) {
        return refuse(
            "an exact number of bytes tells visits apart; record.bytes.exact is to be \"bucket\"",
        );
    }
    if record.errors {
        return refuse("messages of error logs are not held; remove record.errors");
    }
    if policy.counts.as_ref().is_some_and(|counts| counts.path.is_some() || counts.visitors) {
        return refuse(
            "counts are made of released records; remove counts.path and counts.visitors",
        );
    }
    // Without a file there is neither a key nor a row of countries.
    let keys = keys.with(Key::Country, record.country || record.client.is_some());
    let is_recorded = |table: &Table| {
        let fields = Field::ALL.into_iter().flat_map(super::keys_of);
        fields.into_iter().any(|key| keys.has(*key) && super::tables_of(*key).contains(table))
    };
    match Table::ALL.into_iter().find(|table| tables.has(*table) && !is_recorded(table)) {
        Some(table) => Err(PolicyError::new(format!(
            "release: counts are made of released records, which say nothing for the table {:?}",
            table.name()
        ))),
        None => Ok(Some(ReleaseRule { k: section.k as usize, period_seconds })),
    }
}

/// The groups, and the keys without those of groups that are not told. Each key is in exactly one.
fn groups(policy: &Policy, keys: KeySet) -> Result<(KeySet, Vec<Group>), PolicyError> {
    let (mut left, mut told, mut found) = (keys, keys, Vec::new());
    let mut seen = KeySet::EMPTY;
    for section in &policy.groups {
        let name = &section.name;
        let refuse = |what: String| PolicyError::new(format!("group {name:?}: {what}"));
        let mut letters = name.bytes();
        if name.is_empty() || !letters.all(|b| b.is_ascii_lowercase() || b == b'_') {
            return Err(refuse("a name has small letters and underscores only".to_owned()));
        }
        if found.iter().any(|group: &Group| group.name == *name) {
            return Err(refuse("the name stands twice".to_owned()));
        }
        let mut group = Group { name: name.clone(), keys: KeySet::EMPTY };
        for word in &section.keys {
            let key = Key::ALL.into_iter().find(|key| key.name() == word);
            let key = key.ok_or_else(|| refuse(format!("{word:?} is no key of a record")))?;
            if seen.has(key) {
                return Err(refuse(format!("{word:?} is in a group already")));
            }
            seen = seen.with(key, true);
            left = left.without(key);
            if section.kept {
                group.keys = group.keys.with(key, keys.has(key));
            } else {
                told = told.without(key);
            }
        }
        found.push(group);
    }
    match left.iter().next() {
        Some(key) if !found.is_empty() => Err(PolicyError::new(format!(
            "group: {:?} is in no group; where there are groups, each key of a record is in one",
            key.name()
        ))),
        _ => {
            found.retain(|group| group.keys != KeySet::EMPTY);
            Ok((told, found))
        }
    }
}

/// Days are at least one, and only the client's may be without an end, and only by that clause.
fn check_retention(policy: &Policy) -> Result<(), PolicyError> {
    let Some(retention) = policy.retention else { return Ok(()) };
    let by_clause = match &policy.basis {
        Basis::Clauses(clauses) => clauses.iter().any(|clause| clause == CLAUSE_WITHOUT_END),
        Basis::Word(_) => false,
    };
    for (key, days) in
        [("client", retention.client), ("records", retention.records), ("counts", retention.counts)]
    {
        let what = match days {
            Some(Days::Number(0)) => "a number of days is at least 1",
            Some(Days::Word(NoEnd::None)) if key != "client" || !by_clause => {
                "\"none\" is for retention.client of a policy whose basis has the clause SIT-8"
            }
            _ => continue,
        };
        return Err(PolicyError::new(format!("retention.{key}: {what}")));
    }
    Ok(())
}

fn client_rule(policy: &Policy) -> Result<ClientRule, PolicyError> {
    let record = &policy.record;
    let Prefixes { ipv4, ipv6, .. } = match record.client {
        None | Some(ClientWord::Country) => return Ok(ClientRule::Drop),
        Some(ClientWord::Token) => {
            return Ok(ClientRule::Token(Truncation::none(policy.network.exempt.clone())));
        }
        Some(ClientWord::Domain) => return Ok(ClientRule::Domain),
        Some(ClientWord::Truncate(prefixes)) => prefixes,
    };
    let keys = ["ipv4", "ipv6"].map(|key| format!("client.truncate.{key} (--{key}-prefix)"));
    check_prefixes(record, keys, [ipv4, ipv6])?;
    Ok(ClientRule::Truncate(Truncation::new(ipv4, ipv6, policy.network.exempt.clone())))
}

/// Prefixes are as long as the policy may have them.
fn check_prefixes(
    record: &RecordSection,
    keys: [String; 2],
    prefixes: [u8; 2],
) -> Result<(), PolicyError> {
    let bounds = [(IPV4_PREFIXES, 32), (IPV6_PREFIXES, 128)];
    for ((key, prefix), (usual, most)) in keys.into_iter().zip(prefixes).zip(bounds) {
        let allowed = *usual.start()..=if record.allow_identifying { most } else { *usual.end() };
        if !allowed.contains(&prefix) {
            return Err(PolicyError::new(format!(
                "record.{key}: /{prefix} is outside of /{} to /{}{}",
                allowed.start(),
                allowed.end(),
                if prefix > *usual.end() && prefix <= most {
                    "; a longer one identifies, and needs record.allow_identifying = true in a policy file"
                } else {
                    ""
                }
            )));
        }
    }
    Ok(())
}

/// A network beside a token, which the policy must accept in words.
fn check_linking(record: &RecordSection) -> Result<(), PolicyError> {
    let tells_network =
        record.network.is_some() || matches!(record.client, Some(ClientWord::Truncate(_)));
    let key = match (&record.network, &record.cookie) {
        _ if record.allow_linking || !tells_network => return Ok(()),
        (Some(_), _) => "network",
        (None, Some(_)) => "cookie",
        (None, None) => return Ok(()),
    };
    Err(PolicyError::new(format!(
        "record.{key}: a token beside a network lets whoever reads the records link more: the tokens of one visitor \
         from epoch to epoch, and in a small network a token and a person; leave one of them out, or accept that with \
         record.allow_linking = true"
    )))
}

/// The network that is told beside the client's token.
fn network_rule(policy: &Policy) -> Result<Option<Truncation>, PolicyError> {
    let record = &policy.record;
    let Some(NetworkRule { ipv4, ipv6 }) = record.network else { return Ok(None) };
    if !matches!(record.client, Some(ClientWord::Token)) {
        return Err(PolicyError::new(
            "record.network: it is told beside client = \"token\" only; without a token, write \
             client = { truncate = { ipv4 = 16, ipv6 = 32 } }"
                .to_owned(),
        ));
    }
    check_prefixes(record, ["network.ipv4", "network.ipv6"].map(str::to_owned), [ipv4, ipv6])?;
    Ok(Some(Truncation::new(ipv4, ipv6, Vec::new())))
}

fn cookie_name(policy: &Policy) -> Result<Option<String>, PolicyError> {
    let Some(CookieRule { name, told: CookieWord::Token }) = &policy.record.cookie else {
        return Ok(None);
    };
    match cookie::is_name(name) {
        true => Ok(Some(name.clone())),
        false => Err(PolicyError::new(format!(
            "record.cookie.name: {name:?} is no name of a cookie, which has letters, digits and signs such as \"_\""
        ))),
    }
}

fn routes(policy: &Policy) -> Result<Vec<Route>, PolicyError> {
    policy
        .routes
        .iter()
        .map(|route| {
            Route::parse(&route.pattern, &route.keep)
                .map_err(|error| PolicyError::new(format!("route {:?}: {error}", route.pattern)))
        })
        .collect()
}

fn params(policy: &Policy) -> Result<Params, PolicyError> {
    let params = policy
        .queries
        .iter()
        .map(|query| {
            let refuse = |what: &str| PolicyError::new(format!("query {:?}: {what}", query.name));
            let values = match &query.pattern {
                None if query.values.is_empty() => {
                    return Err(refuse("it needs values or a pattern"));
                }
                None => Values::Listed(query.values.clone()),
                Some(_) if !query.values.is_empty() => {
                    return Err(refuse("it has values and a pattern; one of them is enough"));
                }
                Some(pattern) => Values::Pattern(
                    Pattern::parse(pattern).map_err(|error| refuse(&error.to_string()))?,
                ),
            };
            Ok(Param { name: query.name.clone(), values })
        })
        .collect::<Result<_, _>>()?;
    Params::new(params).map_err(|error| PolicyError::new(format!("query: {error}")))
}

/// Declared sites in lower case. They are printed, so they must be host names.
fn sites(policy: &Policy) -> Result<Vec<String>, PolicyError> {
    policy
        .sites
        .declared
        .iter()
        .map(|site| {
            let site = site.to_ascii_lowercase();
            if is_host_name(&site) {
                Ok(site)
            } else {
                Err(PolicyError::new(format!("sites.declared: {site:?} is no host name")))
            }
        })
        .collect()
}

/// Letters, digits, hyphens and dots, at most 253 of them: what a site's name may be made of.
pub(crate) fn is_host_name(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= 253
        && name.split('.').all(|label| {
            (1..=63).contains(&label.len())
                && label
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
        })
}

/// A network that holds every address is no exemption.
fn seal_exempt(policy: &Policy) -> Result<Vec<IpNet>, PolicyError> {
    let exempt = policy.quarantine.as_ref().map(|section| section.exempt.clone());
    let exempt = exempt.unwrap_or_default();
    match exempt.iter().find(|network| network.prefix_len() == 0) {
        None => Ok(exempt),
        Some(network) => Err(PolicyError::new(format!(
            "quarantine.exempt: {network} is everybody; leave \"behaviour\" out of quarantine.seal instead"
        ))),
    }
}

/// A network that holds every address is no proxy: then anybody's word would be believed.
fn trusted_proxies(policy: &Policy) -> Result<Vec<IpNet>, PolicyError> {
    match policy.network.trusted_proxies.iter().find(|network| network.prefix_len() == 0) {
        None => Ok(policy.network.trusted_proxies.clone()),
        Some(network) => Err(PolicyError::new(format!(
            "network.trusted_proxies (--trusted-proxy): {network} is everybody; name the proxies' own networks"
        ))),
    }
}

fn opt_out(policy: &Policy) -> Result<OptOut, PolicyError> {
    let Some(section) = &policy.opt_out else { return Ok(OptOut::default()) };
    let mut found = OptOut {
        cookie: section.cookie.clone(),
        query: section.query.clone(),
        ..OptOut::default()
    };
    if section.query.as_ref().is_some_and(String::is_empty) {
        return Err(PolicyError::new("opt_out.query: a parameter has a name".to_owned()));
    }
    for (header, value) in &section.headers {
        match header.as_str() {
            "dnt" => found.dnt = Some(value.clone()),
            "sec_gpc" => found.gpc = Some(value.clone()),
            _ => {
                return Err(PolicyError::new(format!(
                    "opt_out.headers: {header:?} is no header that formats are asked for; there are dnt, sec_gpc"
                )));
            }
        }
    }
    Ok(if sharing::honours(section, policy.sharing.as_ref()) { found } else { OptOut::default() })
}

/// How many drop rules a policy may have: each is a bit beside every remembered request.
const DROP_RULES_MAX: usize = 16;

fn drop_rules(policy: &Policy) -> Result<Vec<DropRule>, PolicyError> {
    if policy.drops.len() > DROP_RULES_MAX {
        return Err(PolicyError::new(format!(
            "drop: {} rules are more than {DROP_RULES_MAX}; captures such as {{any}} may join some",
            policy.drops.len()
        )));
    }
    policy.drops.iter().map(drop_rule).collect()
}

fn drop_rule(section: &DropSection) -> Result<DropRule, PolicyError> {
    if section.path.is_none() && section.method.is_none() && section.network.is_none() {
        return Err(PolicyError::new(
            "drop: a rule without path, method or network would drop every line".to_owned(),
        ));
    }
    let path = section.path.as_ref().map(|path| {
        Route::parse(path, &[])
            .map_err(|error| PolicyError::new(format!("drop.path {path:?}: {error}")))
    });
    let method = section.method.as_ref().map(|word| match Method::of(word.as_bytes()) {
        Method::Other => {
            Err(PolicyError::new(format!("drop.method: {word:?} is no method that records name")))
        }
        method => Ok(method),
    });
    Ok(DropRule { path: path.transpose()?, method: method.transpose()?, network: section.network })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::{ClientChoice, Overrides, preset};

    fn baseline_with(change: &str) -> Result<Plan, String> {
        let text = format!("{}\n{change}", preset("baseline").expect("a preset"));
        let policy = Policy::parse(&text).map_err(|error| error.to_string())?;
        Plan::compile(&policy).map_err(|error| error.to_string())
    }

    fn refused(change: &str, words: &str) {
        let error = baseline_with(change).err().unwrap_or_else(|| panic!("accepted: {change}"));
        assert!(error.contains(words), "{error:?} does not say {words:?}");
    }

    #[test]
    fn the_baseline_decides_every_field() {
        let plan = baseline_with("").expect("the preset compiles");
        let never = [Field::Query, Field::Dnt, Field::Gpc, Field::Cookie];
        for field in Field::ALL {
            let expect =
                if never.contains(&field) { Decision::Dropped } else { Decision::Recorded };
            assert_eq!(plan.decision(field), expect, "{field:?}");
        }
        assert!(!plan.record.has(Key::Query) && !plan.record.has(Key::Country));
        for (status, shown) in [(200, true), (299, true), (304, true), (301, false), (404, false)] {
            assert_eq!(plan.path_status.has(status), shown, "{status}");
        }
    }

    #[test]
    fn what_a_policy_does_not_name_is_dropped() {
        let policy =
            Policy::parse("name = \"nothing\"\nversion = 1\n[record]\n").expect("a policy");
        let plan = Plan::compile(&policy).expect("compiles");
        for field in Field::ALL {
            assert_eq!(plan.decision(field), Decision::Dropped, "{field:?}");
        }
        assert_eq!(plan.record, KeySet::default());
    }

    #[test]
    fn signals_that_opt_out() {
        let text = "[opt_out]\nheaders = { dnt = \"1\", sec_gpc = \"1\" }\ncookie = \"optout\"";
        let text = format!("name = \"p\"\nversion = 1\n[record]\n{text}");
        let plan = Plan::compile(&Policy::parse(&text).expect("a policy")).expect("compiles");
        fn there(text: &str) -> Option<&[u8]> {
            (!text.is_empty()).then_some(text.as_bytes())
        }
        let is = |dnt, gpc, cookie| plan.opt_out.is_some_in(there(dnt), there(gpc), there(cookie));
        for (dnt, gpc, cookie) in [
            ("1", "", ""),
            ("", "1", ""),
            ("0", "1", "-"),
            (" 1", "", ""),
            ("\"1\"", "", ""),
            ("0\",\"1", "", ""),
            ("", "", "optout=1"),
            ("", "", "session=abc; optout"),
            ("", "", "a=b;optout =x"),
            ("", "", "a=b\", \"optout=x"),
        ] {
            assert!(is(dnt, gpc, cookie), "{dnt:?} {gpc:?} {cookie:?}");
        }
        for (dnt, gpc, cookie) in [
            ("", "", ""),
            ("-", "-", "-"),
            ("0", "0", "a=optout"),
            ("11", "true", "nooptout=1; optout2=1"),
            ("null", "1.0", "a=b; x=optout=1"),
        ] {
            assert!(!is(dnt, gpc, cookie), "{dnt:?} {gpc:?} {cookie:?}");
        }
        let none = OptOut::default();
        assert!(!none.is_some_in(Some(b"1"), Some(b"1"), Some(b"optout=1")));
    }

    #[test]
    fn only_headers_that_formats_have_opt_out() {
        let headers = "[opt_out]\nheaders = { x_no_track = \"1\" }";
        let text = format!("name = \"p\"\nversion = 1\n[record]\n{headers}");
        let error = Plan::compile(&Policy::parse(&text).expect("a policy")).expect_err("refused");
        assert!(error.to_string().contains("x_no_track"), "{error}");
    }

    #[test]
    fn bad_policies_are_refused_by_key() {
        refused("[nosuch]", "nosuch");
        refused("[sites]\ndeclaredd = []", "declaredd");
        refused("[[drop]]", "drop");
        refused("[[drop]]\nmethod = \"get\"", "drop.method");
        refused("[sites]\ndeclared = [\"a b\"]", "sites.declared");
        refused("[network]\nexempt = [\"10.0.0.0/33\"]", "line");
        refused("[[route]]\npattern = \"no slash\"", "route");
    }

    fn record_with(keys: &str) -> Result<Plan, String> {
        let policy = Policy::parse(&format!("name = \"p\"\nversion = 1\n[record]\n{keys}"))
            .map_err(|error| error.to_string())?;
        Plan::compile(&policy).map_err(|error| error.to_string())
    }

    #[test]
    fn query_values_are_listed_or_have_a_pattern() {
        let query = |keys: &str| baseline_with(&format!("[[query]]\nname = \"page\"\n{keys}"));
        assert!(query("values = [\"1\"]").is_ok() && query("pattern = \"{digits:1-3}\"").is_ok());
        for (keys, words) in [
            ("", "values or a pattern"),
            ("values = []", "values or a pattern"),
            ("values = [\"1\"]\npattern = \"{digits:1}\"", "one of them"),
            ("pattern = \".*\"", "a literal has"),
            ("pattern = \"{any:1-9}\"", "digits, lower"),
        ] {
            let error = query(keys).err().unwrap_or_else(|| panic!("accepted: {keys}"));
            assert!(error.contains(words) && error.contains("page"), "{error}");
        }
    }

    #[test]
    fn each_key_is_in_one_group() {
        let keys = "time = { grain = \"minute\" }\nos = true\n";
        let group =
            |name: &str, keys: &str| format!("[[group]]\nname = {name:?}\nkeys = [{keys}]\n");
        let groups = |text: &str| record_with(&format!("{keys}{text}"));
        let of = |keys: &[Key]| keys.iter().fold(KeySet::EMPTY, |set, key| set.with(*key, true));
        let plan = groups(&group("a", "\"os\", \"time\", \"bot\"")).expect("whole");
        assert_eq!(plan.groups, [Group { name: "a".to_owned(), keys: of(&[Key::Time, Key::Os]) }]);
        let two = group("a", "\"os\"") + "kept = false\n" + &group("b", "\"time\"");
        let plan = groups(&two).expect("whole");
        assert_eq!((plan.record, plan.groups.len()), (of(&[Key::Time]), 1));
        for (text, words) in [
            (group("a", "\"os\""), "\"time\" is in no group"),
            (group("a", "\"os\", \"os\", \"time\""), "in a group already"),
            (group("a", "\"shoes\""), "no key of a record"),
            (group("A b", "\"os\""), "small letters"),
            (two.replace("\"b\"", "\"a\""), "twice"),
        ] {
            let error = groups(&text).err().unwrap_or_else(|| panic!("accepted: {text}"));
            assert!(error.contains(words), "{error}");
        }
    }

    #[test]
    fn a_cookie_is_told_as_a_token_or_not_at_all() {
        let cookie =
            |name: &str, how: &str| format!("cookie = {{ name = {name:?}, as = {how:?} }}");
        let plan = record_with(&cookie("visitor", "token")).expect("compiles");
        assert_eq!(plan.record, KeySet::EMPTY.with(Key::Cookie, true));
        assert!(plan.mints_tokens() && plan.cookie.as_deref() == Some("visitor"));
        assert_eq!(plan.decision(Field::Cookie), Decision::Recorded);
        let group = "os = true\n[[group]]\nname = \"a\"\nkeys = [\"os\"]\n\
                     [[group]]\nname = \"b\"\nkeys = [\"cookie\"]\nkept = false";
        let plan = record_with(&format!("{}\n{group}", cookie("visitor", "token")));
        let plan = plan.expect("compiles");
        assert!(!plan.mints_tokens() && plan.cookie.is_none() && !plan.record.has(Key::Cookie));
        let truncate = "client = { truncate = { ipv4 = 16, ipv6 = 32 } }\n";
        let beside = truncate.to_owned() + &cookie("visitor", "token");
        assert!(record_with(&format!("{beside}\nallow_linking = true")).is_ok());
        assert!(record_with(&beside.replace(truncate, "client = \"token\"\n")).is_ok());
        for (text, words) in [
            (beside, "record.cookie: a token beside a network"),
            (cookie("visitor", "value"), "value"),
            (cookie("", "token"), "record.cookie.name"),
            (cookie("a=b", "token"), "record.cookie.name"),
            ("cookie = true".to_owned(), "line 4"),
            ("cookie = { name = \"a\" }".to_owned(), "as"),
        ] {
            let error = record_with(&text).err().unwrap_or_else(|| panic!("accepted: {text}"));
            assert!(error.contains(words), "{error:?} does not say {words:?}");
        }
    }

    #[test]
    fn there_is_no_country_without_a_file() {
        let file = "[network]\ncountry_db = \"c.mmdb\"";
        for keys in ["country = true", "client = \"country\""] {
            assert_eq!(record_with(keys).expect("compiles").record, KeySet::EMPTY);
            let plan = record_with(&format!("{keys}\n{file}")).expect("compiles");
            assert_eq!(plan.record, KeySet::EMPTY.with(Key::Country, true));
            assert_eq!(plan.decision(Field::Client), Decision::Recorded);
        }
        let unused = record_with(&format!("os = true\n{file}")).expect("compiles");
        assert_eq!(unused.country_db, None);
        let file = "[network]\norganisation_db = \"a.mmdb\"";
        assert_eq!(record_with("organisation = true").expect("compiles").record, KeySet::EMPTY);
        let plan = record_with(&format!("organisation = true\n{file}")).expect("compiles");
        assert_eq!(plan.record, KeySet::EMPTY.with(Key::Organisation, true));
        assert_eq!(plan.decision(Field::Client), Decision::Recorded);
        assert_eq!(record_with(file).expect("compiles").organisation_db, None);
    }

    #[test]
    fn paths_are_told_in_one_way() {
        let path = "path = { shape = \"cleaned\" }";
        let counted = format!("[counts]\ntables = [\"path\"]\n{path}");
        let plan = record_with(&counted).expect("compiles");
        assert!(plan.undeclared_paths && plan.path_status.has(200) && !plan.record.has(Key::Path));
        assert_eq!(plan.decision(Field::Target), Decision::Counted);
        let both = record_with(&format!("{path}\n{counted}")).expect_err("refused");
        assert!(both.contains("counts.path"), "{both}");
        let learned = record_with(&counted.replace("cleaned", "learned")).expect_err("refused");
        assert!(
            learned.contains("counts.path.shape") && learned.contains("[release]"),
            "{learned}"
        );
    }

    #[test]
    fn what_is_held_tells_no_client_and_nothing_exact() {
        let held = |keys: &str| record_with(&format!("time = {{ grain = \"hour\" }}\n{keys}"));
        let plan = held("path = { shape = \"learned\" }\n[release]").expect("compiles");
        assert_eq!(plan.release, Some(ReleaseRule { k: 10, period_seconds: 3_600 }));
        for (keys, words) in [
            ("[release]\nk = 4", "release.k"),
            ("[release]\nk = 1001", "release.k"),
            ("client = \"token\"\n[release]", "record.client"),
            ("client = { truncate = { ipv4 = 16, ipv6 = 32 } }\n[release]", "record.client"),
            ("cookie = { name = \"a\", as = \"token\" }\n[release]", "record.cookie"),
            ("organisation = true\n[release]", "record.organisation"),
            ("path = { shape = \"cleaned\" }\n[release]", "learned"),
            ("bytes = { exact = \"always\" }\n[release]", "bucket"),
            ("errors = true\n[release]", "record.errors"),
            ("[counts]\ntables = [\"hour\"]\nvisitors = true\n[release]", "counts.visitors"),
            ("[counts]\ntables = [\"os\"]\n[release]", "\"os\""),
        ] {
            let error = held(keys).err().unwrap_or_else(|| panic!("accepted: {keys}"));
            assert!(error.contains(words), "{error}");
        }
        for grain in ["", "time = { grain = \"minute\" }"] {
            let error = record_with(&format!("{grain}\n[release]")).expect_err("refused");
            assert!(error.contains("hour or the day"), "{error}");
        }
    }

    #[test]
    fn prefixes_that_identify_are_refused() {
        let plan = |ipv4: u8, ipv6: u8, allow: bool| {
            let text = format!(
                "name = \"p\"\nversion = 1\n[record]\nallow_identifying = {allow}\n\
                 client = {{ truncate = {{ ipv4 = {ipv4}, ipv6 = {ipv6} }} }}"
            );
            Plan::compile(&Policy::parse(&text).expect("a policy"))
                .map(|_| ())
                .map_err(|error| error.to_string())
        };
        for (ipv4, ipv6) in [(8, 16), (16, 32), (24, 48)] {
            assert_eq!(plan(ipv4, ipv6, false), Ok(()));
        }
        for (ipv4, ipv6, key) in [
            (7, 32, "ipv4"),
            (25, 32, "ipv4"),
            (33, 32, "ipv4"),
            (16, 15, "ipv6"),
            (16, 49, "ipv6"),
        ] {
            assert!(plan(ipv4, ipv6, false).expect_err("refused").contains(key));
        }
        assert_eq!(plan(32, 128, true), Ok(()));
        assert!(plan(33, 128, true).is_err());
    }

    #[test]
    fn a_network_beside_a_token_is_accepted_in_words() {
        let with = |client: &str, ipv4: u8, ipv6: u8, more: &str| {
            record_with(&format!(
                "client = {client}\nnetwork = {{ ipv4 = {ipv4}, ipv6 = {ipv6} }}\n{more}"
            ))
        };
        let accepted = "allow_linking = true";
        let plan = with("\"token\"", 16, 32, accepted).expect("compiles");
        assert!(plan.record.has(Key::Network) && plan.told_network().is_some());
        assert!(with("\"token\"", 24, 48, accepted).is_ok());
        let identifying = "allow_linking = true\nallow_identifying = true";
        assert!(with("\"token\"", 32, 128, identifying).is_ok());
        let truncate = "{ truncate = { ipv4 = 16, ipv6 = 32 } }";
        for (client, ipv4, ipv6, more, words) in [
            ("\"token\"", 16, 32, "", "link more"),
            ("\"token\"", 16, 32, "allow_identifying = true", "allow_linking"),
            ("\"token\"", 25, 32, accepted, "record.network.ipv4"),
            ("\"token\"", 16, 49, accepted, "record.network.ipv6"),
            ("\"token\"", 7, 32, accepted, "record.network.ipv4"),
            (truncate, 16, 32, accepted, "beside client"),
            ("\"country\"", 16, 32, accepted, "beside client"),
        ] {
            let error = with(client, ipv4, ipv6, more).expect_err("refused");
            assert!(error.contains(words), "{error}");
        }
        assert!(record_with("network = { ipv4 = 16, ipv6 = 32 }").is_err());
        assert!(record_with("client = \"token\"\nallow_linking = true").is_ok());
    }

    #[test]
    fn the_command_line_changes_the_client() {
        let change = |overrides: Overrides| {
            let mut policy = Policy::parse(preset("baseline").expect("a preset")).expect("reads");
            policy.apply(overrides).map(|()| (policy.hash(), Plan::compile(&policy)))
        };
        let (plain, _) = change(Overrides::default()).expect("nothing asked");
        let (longer, plan) =
            change(Overrides { ipv4_prefix: Some(24), ..Overrides::default() }).expect("allowed");
        assert!(plan.is_ok());
        assert_ne!(plain, longer);
        let (_, plan) =
            change(Overrides { client: Some(ClientChoice::Drop), ..Overrides::default() })
                .expect("allowed");
        assert!(!plan.expect("compiles").record.has(Key::Client));
        let text = "name = \"p\"\nversion = 1\n[record]\nclient = \"token\"\nallow_linking = true\n\
                    network = { ipv4 = 16, ipv6 = 32 }";
        for client in [ClientChoice::Truncate, ClientChoice::Country, ClientChoice::Drop] {
            let mut policy = Policy::parse(text).expect("reads");
            policy
                .apply(Overrides { client: Some(client), ..Overrides::default() })
                .expect("allowed");
            let plan = Plan::compile(&policy).expect("a network goes with the token");
            assert!(!plan.record.has(Key::Network), "{client:?}");
        }
        let both = Overrides {
            client: Some(ClientChoice::Drop),
            ipv4_prefix: Some(16),
            ..Overrides::default()
        };
        assert!(change(both).is_err());
    }
}
