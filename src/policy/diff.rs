//! What a policy keeps more or less than another one.
//!
//! Policies are compared as they are written, key by key in the order in which records and reports have
//! them. Each rule knows what tells more: a set that has grown, a rank that has risen, a guard that is
//! gone. Where neither of two words tells more, the difference is only called changed. A key that is added to
//! policies must be given a rule here: the sections are taken apart without a rest.
//!
//! Names, versions, descriptions and bases are labels and not compared. What is wider is judged from the
//! words alone, not from any log: a wider policy may still keep the same of yours.

use std::{
    cmp::Ordering,
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use ipnet::IpNet;

use super::{
    plan::StatusSet,
    sharing::{Audience, PartnerSection, Protection, Purpose, SharingSection, honours},
    special::SpecialKind,
    written::{
        BytesWord, ChangeSection, ClientWord, CookieRule, CookieWord, CountsSection, Days,
        DropSection, GrainWord, GroupSection, NetworkRule, NetworkSection, OnFullWord,
        OptOutSection, PathRule, PathWord, Policy, Prefixes, PublishSection, QuarantineSection,
        RecordSection, ReferrerWord, ReleaseSection, RequireWord, RetentionSection, RouteSection,
        SealWord, SitesSection, SpecialSection, VersionWord, WideningWord, WindowWord,
    },
};
use crate::field::Table;

/// Which way a policy differs from another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Direction {
    /// It keeps more, or guards less.
    Wider,
    /// It keeps less, or guards more.
    Narrower,
    /// It keeps something else, and neither tells more.
    Changed,
}

impl Direction {
    /// The word for it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Wider => "wider",
            Self::Narrower => "narrower",
            Self::Changed => "changed",
        }
    }
}

/// One difference between two policies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The key of the policy.
    pub key: String,
    /// Which way it goes.
    pub direction: Direction,
    /// What is different, in plain words.
    pub what: String,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:<8}  {}: {}", self.direction.word(), self.key, self.what)
    }
}

/// How `to` differs from `from`.
#[must_use]
pub fn diff(from: &Policy, to: &Policy) -> Vec<Difference> {
    let mut found = Differences(Vec::new());
    let [a, b] = [Parts::of(from), Parts::of(to)];
    record(&mut found, &a, &b);
    counts(&mut found, &a, &b);
    network(&mut found, &a, &b);
    let signals = [&a, &b].map(signals);
    found.guards("opt_out", signals, "honours");
    found.told("opt_out.except", [&a, &b].map(except));
    sharing(&mut found, &a, &b);
    let drops = [&a, &b].map(|parts| parts.drops.iter().map(drop_words).collect());
    found.guards("drop", drops, "leaves out");
    found.rank("release", [&a, &b].map(|parts| release(parts.release)));
    groups(&mut found, &a, &b);
    retention(&mut found, a.retention, b.retention);
    quarantine(&mut found, a.quarantine, b.quarantine);
    publish(&mut found, &a, &b);
    found.rank("change.widening", [&a, &b].map(|parts| widening(parts.change)));
    found.0
}

/// A policy taken apart, without its labels.
struct Parts<'a> {
    record: &'a RecordSection,
    counts: Option<&'a CountsSection>,
    routes: &'a [RouteSection],
    queries: &'a [super::written::QuerySection],
    sites: &'a SitesSection,
    network: &'a NetworkSection,
    opt_out: Option<&'a OptOutSection>,
    drops: &'a [DropSection],
    sharing: Option<&'a SharingSection>,
    release: Option<ReleaseSection>,
    groups: &'a [GroupSection],
    retention: Option<RetentionSection>,
    quarantine: Option<&'a QuarantineSection>,
    publish: Option<&'a PublishSection>,
    change: Option<ChangeSection>,
}

impl<'a> Parts<'a> {
    fn of(policy: &'a Policy) -> Self {
        let Policy {
            name: _,
            version: _,
            description: _,
            basis: _,
            record,
            counts,
            routes,
            queries,
            sites,
            network,
            opt_out,
            drops,
            sharing,
            release,
            groups,
            retention,
            quarantine,
            publish,
            change,
        } = policy;
        Self {
            release: *release,
            groups,
            retention: *retention,
            record,
            counts: counts.as_ref(),
            routes,
            queries,
            sites,
            network,
            opt_out: opt_out.as_ref(),
            drops,
            sharing: sharing.as_ref(),
            quarantine: quarantine.as_ref(),
            publish: publish.as_ref(),
            change: *change,
        }
    }

    fn counts(&self, table: Table) -> bool {
        self.counts.is_some_and(|counts| counts.tables.iter().any(|name| name == table.name()))
    }

    fn tells_sites(&self) -> bool {
        self.record.site.is_some() || self.counts(Table::Site)
    }

    /// Whether paths other than those of declared routes are shown.
    fn shows_undeclared(&self) -> bool {
        self.record.path.as_ref().is_some_and(|rule| rule.shape != PathWord::Declared)
    }

    fn shows_routes(&self) -> bool {
        self.record.path.is_some() || self.counts(Table::Path)
    }

    fn counted_path(&self) -> Option<&'a PathRule> {
        self.counts.and_then(|counts| counts.path.as_ref())
    }

    /// Whether addresses of one's own networks are told, which stay whole.
    fn tells_exempt(&self) -> bool {
        matches!(self.record.client, Some(ClientWord::Truncate(_) | ClientWord::Token))
    }
}

/// The differences found so far, and the ways to compare.
struct Differences(Vec<Difference>);

/// A rank with the words for it; a higher one tells more.
type Rank = (u32, String);

impl Differences {
    fn push(&mut self, key: &str, direction: Direction, what: String) {
        self.0.push(Difference { key: key.to_owned(), direction, what });
    }

    /// Of two ranks the higher one tells more; of equal ranks with other words neither does.
    fn rank(&mut self, key: &str, [(from, was), (to, is)]: [Rank; 2]) {
        let direction = match to.cmp(&from) {
            Ordering::Greater => Direction::Wider,
            Ordering::Less => Direction::Narrower,
            Ordering::Equal if was != is => Direction::Changed,
            Ordering::Equal => return,
        };
        self.push(key, direction, format!("{is} instead of {was}"));
    }

    /// What is kept or not.
    fn kept(&mut self, key: &str, kept: [bool; 2]) {
        let words = ["not kept", "kept"];
        self.rank(key, kept.map(|kept| (u32::from(kept), words[usize::from(kept)].to_owned())));
    }

    /// Every element tells more.
    fn told(&mut self, key: &str, [from, to]: [BTreeSet<String>; 2]) {
        self.set(
            key,
            [&from, &to],
            ["also ", "no longer "],
            [Direction::Wider, Direction::Narrower],
        );
    }

    /// Every element tells less.
    fn guards(&mut self, key: &str, [from, to]: [BTreeSet<String>; 2], verb: &str) {
        let words = [format!("also {verb} "), format!("no longer {verb} ")];
        let words = [&*words[0], &*words[1]];
        self.set(key, [&from, &to], words, [Direction::Narrower, Direction::Wider]);
    }

    /// Every element tells more, and to say nothing of them tells more than any.
    fn limit(&mut self, key: &str, sides: [Option<BTreeSet<String>>; 2]) {
        match sides {
            [Some(from), Some(to)] => self.told(key, [from, to]),
            sides => self.rank(
                key,
                sides.map(|side| match side.map(|side| side.into_iter().collect::<Vec<_>>()) {
                    None => (1, "no limit is said".to_owned()),
                    Some(side) if side.is_empty() => (0, "none".to_owned()),
                    Some(side) => (0, format!("only {}", side.join(", "))),
                }),
            ),
        }
    }

    fn set(
        &mut self,
        key: &str,
        [from, to]: [&BTreeSet<String>; 2],
        words: [&str; 2],
        directions: [Direction; 2],
    ) {
        let sides = [to.difference(from), from.difference(to)];
        for ((side, words), direction) in sides.into_iter().zip(words).zip(directions) {
            let side: Vec<_> = side.map(String::as_str).collect();
            if !side.is_empty() {
                self.push(key, direction, format!("{words}{}", side.join(", ")));
            }
        }
    }

    /// Every network that the other side does not cover tells more.
    fn networks(&mut self, key: &str, [from, to]: [&[IpNet]; 2]) {
        let [from, to] = [from, to].map(|networks| IpNet::aggregate(&networks.to_vec()));
        let beyond = |these: &[IpNet], those: &[IpNet]| -> BTreeSet<String> {
            let covered = |network: &IpNet| those.iter().any(|those| those.contains(network));
            these.iter().filter(|network| !covered(network)).map(IpNet::to_string).collect()
        };
        self.told(key, [beyond(&from, &to), beyond(&to, &from)]);
    }
}

fn record(found: &mut Differences, a: &Parts<'_>, b: &Parts<'_>) {
    let [x, y] = [a.record, b.record];
    // Without a rest, so that a new key is a compile error here and not a difference that nobody sees.
    let RecordSection {
        time: _,
        site: _,
        client: _,
        network: _,
        country: _,
        require: _,
        method: _,
        path: _,
        protocol: _,
        status: _,
        bytes: _,
        duration: _,
        referrer: _,
        browser: _,
        os: _,
        device: _,
        bot: _,
        language: _,
        errors: _,
        organisation: _,
        cookie: _,
        allow_identifying: _,
        allow_linking: _,
    } = x;
    found.rank("record.time", [x, y].map(|it| grain(it.time.map(|rule| rule.grain))));
    found.kept("record.site", [x.site.is_some(), y.site.is_some()]);
    sites(found, a, b);
    client(found, a, b);
    beside_token(found, [x.network, y.network]);
    found.kept("record.country", [x.country, y.country]);
    let required = [x, y].map(|it| it.require.iter().map(|word| require(*word)).collect());
    found.guards("record.require", required, "refuses lines without");
    found.kept("record.method", [x.method, y.method]);
    path(found, a, b);
    query(found, a, b);
    found.kept("record.protocol", [x.protocol, y.protocol]);
    found.kept("record.status", [x.status, y.status]);
    found.rank("record.bytes", [x, y].map(|it| bytes(it.bytes.map(|rule| rule.exact))));
    found.kept("record.duration", [x.duration.is_some(), y.duration.is_some()]);
    found.rank("record.referrer", [x, y].map(|it| referrer(it.referrer)));
    found.kept("record.browser", [x.browser.is_some(), y.browser.is_some()]);
    let major = |it: &RecordSection| {
        it.browser.is_some_and(|rule| matches!(rule.version, VersionWord::Major))
    };
    found.kept("record.browser.version", [major(x), major(y)]);
    found.kept("record.os", [x.os, y.os]);
    found.kept("record.device", [x.device, y.device]);
    found.kept("record.bot", [x.bot, y.bot]);
    found.kept("record.language", [x.language.is_some(), y.language.is_some()]);
    found.kept("record.errors", [x.errors, y.errors]);
    found.kept("record.organisation", [x.organisation, y.organisation]);
    found.told("record.cookie", [x, y].map(|it| it.cookie.iter().map(cookie).collect()));
    let words = ["not allowed", "allowed"];
    for (key, what, allowed) in [
        ("identifying", "prefixes that identify are", [x, y].map(|it| it.allow_identifying)),
        ("linking", "a network beside a token is", [x, y].map(|it| it.allow_linking)),
    ] {
        let rank = |it: bool| (u32::from(it), format!("{what} {}", words[usize::from(it)]));
        found.rank(&format!("record.allow_{key}"), allowed.map(rank));
    }
}

/// The bits of an address that are told beside its token.
fn beside_token(found: &mut Differences, rules: [Option<NetworkRule>; 2]) {
    let bits = rules.map(|rule| rule.map_or([0, 0], |NetworkRule { ipv4, ipv6 }| [ipv4, ipv6]));
    for (index, (key, version)) in [("ipv4", "IPv4"), ("ipv6", "IPv6")].into_iter().enumerate() {
        let rank = |bits: [u8; 2]| match bits[index] {
            0 => (0, format!("nothing of an {version} address beside a token")),
            bits => (
                u32::from(bits),
                format!("the first {bits} bits of an {version} address beside a token"),
            ),
        };
        found.rank(&format!("record.network.{key}"), bits.map(rank));
    }
}

fn cookie(rule: &CookieRule) -> String {
    let CookieRule { name, told: CookieWord::Token } = rule;
    format!("a token that links the requests with one value of the cookie {name:?}")
}

fn require(word: RequireWord) -> String {
    match word {
        RequireWord::Client => "a client".to_owned(),
        RequireWord::Request => "a request".to_owned(),
    }
}

/// A group that is not kept leaves its keys out; otherwise groups only say where keys stand.
fn groups(found: &mut Differences, a: &Parts<'_>, b: &Parts<'_>) {
    let left_out = |parts: &Parts<'_>| -> BTreeSet<String> {
        let groups = parts.groups.iter().filter(|group| !group.kept);
        groups.flat_map(|group| group.keys.iter().cloned()).collect()
    };
    found.guards("group.kept", [left_out(a), left_out(b)], "leaves out");
    let layout = |parts: &Parts<'_>| -> Vec<(String, Vec<String>)> {
        let of = |group: &GroupSection| {
            let GroupSection { name, keys, kept: _ } = group;
            (name.clone(), keys.clone())
        };
        parts.groups.iter().map(of).collect()
    };
    if layout(a) != layout(b) {
        found.push("group", Direction::Changed, "keys stand in other groups".to_owned());
    }
}

/// The longer something may stay, the more is told of it.
fn retention(found: &mut Differences, a: Option<RetentionSection>, b: Option<RetentionSection>) {
    let [a, b] = [a, b].map(|section| section.unwrap_or_default());
    let RetentionSection { client: _, records: _, counts: _ } = a;
    let rank = |days: Option<Days>| match days {
        Some(Days::Number(days)) => (days, format!("{days} days")),
        Some(Days::Word(_)) => (u32::MAX, "without a limit".to_owned()),
        None => (u32::MAX, "no limit is said".to_owned()),
    };
    found.rank("retention.client", [rank(a.client), rank(b.client)]);
    found.rank("retention.records", [rank(a.records), rank(b.records)]);
    found.rank("retention.counts", [rank(a.counts), rank(b.counts)]);
}

fn grain(word: Option<GrainWord>) -> Rank {
    let (rank, words) = match word {
        None => (0, "nothing"),
        Some(GrainWord::Day) => (1, "the day"),
        Some(GrainWord::Hour) => (2, "the hour"),
        Some(GrainWord::Minute) => (3, "the minute"),
    };
    (rank, words.to_owned())
}

/// The declared sites are told where sites are; elsewhere they only say which referrers are one's own.
fn sites(found: &mut Differences, a: &Parts<'_>, b: &Parts<'_>) {
    let told = |parts: &Parts<'_>| -> BTreeSet<String> {
        parts.sites.declared.iter().map(|site| site.to_ascii_lowercase()).collect()
    };
    let (from, to) = (told(a), told(b));
    if a.tells_sites() || b.tells_sites() {
        let of =
            |parts: &Parts<'_>, sites| if parts.tells_sites() { sites } else { BTreeSet::new() };
        found.told("sites.declared", [of(a, from), of(b, to)]);
    } else if from != to {
        let what = "other referrers are one's own";
        found.push("sites.declared", Direction::Changed, what.to_owned());
    }
}

/// What is told of a client has several sides: bits of its address, and what else stands for it.
fn client(found: &mut Differences, a: &Parts<'_>, b: &Parts<'_>) {
    let bits = |parts: &Parts<'_>| match parts.record.client {
        Some(ClientWord::Truncate(Prefixes { ipv4, ipv6, domain: _ })) => [ipv4, ipv6],
        Some(ClientWord::Token | ClientWord::Country | ClientWord::Domain) | None => [0, 0],
    };
    for (index, (key, version)) in [("ipv4", "IPv4"), ("ipv6", "IPv6")].into_iter().enumerate() {
        let rank = |parts: &Parts<'_>| match bits(parts)[index] {
            0 => (0, format!("nothing of an {version} address")),
            bits => (u32::from(bits), format!("the first {bits} bits of an {version} address")),
        };
        found.rank(&format!("record.client.truncate.{key}"), [rank(a), rank(b)]);
    }
    let others = |parts: &Parts<'_>| -> BTreeSet<String> {
        let word = match parts.record.client {
            Some(ClientWord::Token) => "a token that links the requests of one client",
            Some(ClientWord::Country) => "the country of a client",
            Some(ClientWord::Domain | ClientWord::Truncate(Prefixes { domain: true, .. })) => {
                "the domain of a client's host name"
            }
            Some(ClientWord::Truncate(_)) | None => return BTreeSet::new(),
        };
        BTreeSet::from([word.to_owned()])
    };
    found.told("record.client", [others(a), others(b)]);
}

fn path(found: &mut Differences, a: &Parts<'_>, b: &Parts<'_>) {
    found.rank("record.path", [a, b].map(|parts| shape(parts.record.path.as_ref())));
    found.rank("counts.path", [a, b].map(|parts| shape(parts.counted_path())));
    if let (Some(from), Some(to)) = (a.counted_path(), b.counted_path()) {
        let [from, to] = [from, to].map(|rule| status_words(&statuses(Some(rule))));
        found.told("counts.path.status", [from, to]);
    }
    // Where one side shows no undeclared path, the line above says it all.
    if a.shows_undeclared() && b.shows_undeclared() {
        let [from, to] = [a, b].map(|parts| statuses(parts.record.path.as_ref()));
        let beyond = |these: &BTreeSet<u16>, those: &BTreeSet<u16>| status_words(&(these - those));
        found.told("record.path.status", [beyond(&from, &to), beyond(&to, &from)]);
    }
    routes(found, a, b);
}

fn shape(rule: Option<&PathRule>) -> Rank {
    let (rank, words) = match rule.map(|rule| rule.shape) {
        None => (0, "no path"),
        Some(PathWord::Declared) => (1, "declared routes only"),
        Some(PathWord::Learned) => (2, "templates that enough visitors were seen on"),
        Some(PathWord::Cleaned) => (3, "cleaned paths"),
    };
    (rank, words.to_owned())
}

fn statuses(rule: Option<&PathRule>) -> BTreeSet<u16> {
    let set = rule.and_then(|rule| StatusSet::parse(&rule.status).ok());
    set.map(|set| (100..600).filter(|status| set.has(*status)).collect()).unwrap_or_default()
}

/// `2xx` for a whole class, else each status.
fn status_words(statuses: &BTreeSet<u16>) -> BTreeSet<String> {
    let mut words = BTreeSet::new();
    for class in 1..6 {
        let of_class: Vec<_> = statuses.range(class * 100..class * 100 + 100).collect();
        if of_class.len() == 100 {
            words.insert(format!("{class}xx"));
        } else {
            words.extend(of_class.into_iter().map(u16::to_string));
        }
    }
    words
}

/// A declared route is told whatever the status. Where undeclared paths are shown too it also hides its
/// captures, so that neither having it nor not having it tells more; a capture that is kept does.
fn routes(found: &mut Differences, a: &Parts<'_>, b: &Parts<'_>) {
    let of = |parts: &Parts<'_>| -> BTreeMap<String, BTreeSet<String>> {
        let routes = if parts.shows_routes() { parts.routes } else { &[] };
        let keep = |route: &RouteSection| route.keep.iter().cloned().collect();
        routes.iter().map(|route| (route.pattern.clone(), keep(route))).collect()
    };
    let [from, to] = [of(a), of(b)];
    let patterns =
        |routes: &BTreeMap<_, _>| -> BTreeSet<String> { routes.keys().cloned().collect() };
    let directions = match a.shows_undeclared() && b.shows_undeclared() {
        true => [Direction::Changed; 2],
        false => [Direction::Wider, Direction::Narrower],
    };
    let words = ["also ", "no longer "];
    found.set("route", [&patterns(&from), &patterns(&to)], words, directions);
    let kept = |routes: BTreeMap<String, BTreeSet<String>>| -> BTreeSet<String> {
        let kept = |(pattern, keep): (String, BTreeSet<String>)| {
            keep.into_iter().map(move |capture| format!("{{{capture}}} of {pattern}"))
        };
        routes.into_iter().flat_map(kept).collect()
    };
    let order = |parts: &Parts<'_>| -> Vec<String> {
        parts.routes.iter().map(|route| route.pattern.clone()).collect()
    };
    let is_reordered = patterns(&from) == patterns(&to) && order(a) != order(b);
    found.told("route.keep", [kept(from), kept(to)]);
    if is_reordered && a.shows_routes() && b.shows_routes() {
        let what = "in another order, of which the first that fits wins";
        found.push("route", Direction::Changed, what.to_owned());
    }
}

fn query(found: &mut Differences, a: &Parts<'_>, b: &Parts<'_>) {
    let told = |parts: &Parts<'_>| -> BTreeSet<String> {
        let values = |query: &super::written::QuerySection| {
            let name = query.name.clone();
            let pattern = query.pattern.iter().map(|pattern| format!("any of {pattern}"));
            let values: Vec<_> = query.values.iter().cloned().chain(pattern).collect();
            values.into_iter().map(move |value| format!("{name}={value}"))
        };
        parts.queries.iter().flat_map(values).collect()
    };
    found.told("query", [told(a), told(b)]);
}

fn bytes(word: Option<BytesWord>) -> Rank {
    let (rank, words) = match word {
        None => (0, "nothing"),
        Some(BytesWord::Bucket) => (1, "powers of two"),
        Some(BytesWord::PlainPath) => (2, "exact where the path is shown as it was"),
        Some(BytesWord::Always) => (3, "always exact"),
    };
    (rank, words.to_owned())
}

fn referrer(word: Option<ReferrerWord>) -> Rank {
    let (rank, words) = match word {
        None => (0, "nothing"),
        Some(ReferrerWord::Category) => (1, "whether there is one and whether it is one's own"),
        Some(ReferrerWord::Domain) => (2, "the registrable domain"),
        Some(ReferrerWord::Origin) => {
            (3, "the scheme, the registrable domain and a common name before it")
        }
    };
    (rank, words.to_owned())
}

fn counts(found: &mut Differences, a: &Parts<'_>, b: &Parts<'_>) {
    for table in Table::ALL {
        let has = |parts: &Parts<'_>| parts.counts(table);
        found.kept(&format!("counts.{}", table.name()), [has(a), has(b)]);
    }
    let visitors = |parts: &Parts<'_>| {
        parts.counts.is_some_and(
            |CountsSection {
                 tables: _,
                 visitors,
                 path: _,
                 window: _,
                 cross: _,
                 downloads: _,
                 installations: _,
                 products: _,
                 beacons: _,
             }| *visitors,
        )
    };
    let pairs = |parts: &Parts<'_>| {
        let all = parts.counts.iter().flat_map(|counts| &counts.cross);
        all.map(|[first, second]| format!("{first} by {second}")).collect()
    };
    found.told("counts.cross", [a, b].map(pairs));
    let by_hour = |parts: &Parts<'_>| {
        parts.counts.is_some_and(|counts| counts.window == Some(WindowWord::Hour))
    };
    let word = |by_hour: bool| if by_hour { "hours" } else { "days" };
    found.rank(
        "counts.window",
        [a, b].map(|parts| (u32::from(by_hour(parts)), word(by_hour(parts)).to_owned())),
    );
    for kind in SpecialKind::ALL {
        let sections = |parts: &Parts<'_>| {
            let all = parts.counts.iter().flat_map(|counts| counts.specials(kind));
            all.map(special_words).collect()
        };
        found.told(kind.section(), [a, b].map(sections));
    }
    found.kept("counts.visitors", [visitors(a), visitors(b)]);
}

/// A report of a policy's own in words.
fn special_words(section: &SpecialSection) -> String {
    let SpecialSection { name, path, key, parameter, site } = section;
    let mut words = format!("{name} of {path}");
    if !key.is_empty() {
        words += &format!(" by {}", key.join(" and "));
    }
    if let Some(parameter) = parameter {
        words += &format!(" by the parameter {parameter}");
    }
    if let Some(site) = site {
        words += &format!(" on {site}");
    }
    words
}

fn network(found: &mut Differences, a: &Parts<'_>, b: &Parts<'_>) {
    let of = |parts: &Parts<'_>| {
        let NetworkSection { exempt, trusted_proxies, country_db: _, organisation_db: _ } =
            parts.network.clone();
        // Addresses are told whole only where they are told at all.
        (if parts.tells_exempt() { exempt } else { Vec::new() }, trusted_proxies)
    };
    let ((exempt_a, proxies_a), (exempt_b, proxies_b)) = (of(a), of(b));
    // Without a file there is no country and no organisation.
    let has_countries = [a, b].map(|parts| parts.network.country_db.is_some());
    found.kept("network.country_db", has_countries);
    let has_organisations = [a, b].map(|parts| parts.network.organisation_db.is_some());
    found.kept("network.organisation_db", has_organisations);
    found.networks("network.exempt", [&exempt_a, &exempt_b]);
    // Behind a proxy that is believed stands the visitor, behind one that is not stands the proxy.
    found.networks("network.trusted_proxies", [&proxies_a, &proxies_b]);
}

/// The signals that count, for the purposes that there are.
fn signals(parts: &Parts<'_>) -> BTreeSet<String> {
    let Some(section) = parts.opt_out.filter(|section| honours(section, parts.sharing)) else {
        return BTreeSet::new();
    };
    let OptOutSection { headers, cookie, query, except: _ } = section;
    let headers = headers.iter().map(|(header, value)| format!("the header {header} = {value:?}"));
    let cookies = cookie.iter().map(|name| format!("the cookie {name:?}"));
    let queries = query.iter().map(|name| format!("the parameter {name:?}"));
    headers.chain(cookies).chain(queries).collect()
}

fn except(parts: &Parts<'_>) -> BTreeSet<String> {
    let except = parts.opt_out.iter().flat_map(|section| &section.except);
    except.map(|purpose| format!("nobody opting out of {}", purpose.word())).collect()
}

/// Whoever and whatever is named more, tells more. What is not said at all has no limit.
fn sharing(found: &mut Differences, a: &Parts<'_>, b: &Parts<'_>) {
    let nothing = SharingSection::default();
    let [a, b] = [a, b].map(|parts| parts.sharing.unwrap_or(&nothing));
    let SharingSection { purposes: _, audiences: _, conditions: _, partners: _ } = a;
    let words = |purposes: &Vec<Purpose>| purposes.iter().map(|it| it.word().to_owned()).collect();
    found.limit("sharing.purposes", [a, b].map(|it| it.purposes.as_ref().map(words)));
    let words =
        |audiences: &Vec<Audience>| audiences.iter().map(|it| it.word().to_owned()).collect();
    found.limit("sharing.audiences", [a, b].map(|it| it.audiences.as_ref().map(words)));
    let conditions =
        |it: &SharingSection| it.conditions.iter().map(|it| it.word().to_owned()).collect();
    found.guards("sharing.conditions", [a, b].map(conditions), "asks for");
    found.told("sharing.partner", [a, b].map(|it| it.partners.iter().map(partner).collect()));
}

/// A partner in words, all of them, so that whatever changes is another partner.
fn partner(section: &PartnerSection) -> String {
    let PartnerSection { name, agreement, purpose, region, protection } = section;
    let bound = match protection {
        Some(Protection::Equivalent) => ", bound to equivalent protection",
        None => "",
    };
    format!("{name} in {region} for {} by {agreement:?}{bound}", purpose.word())
}

fn drop_words(section: &DropSection) -> String {
    let DropSection { path, method, network } = section;
    let parts = [
        method.as_ref().map(|method| format!("method {method}")),
        path.as_ref().map(|path| format!("path {path}")),
        network.map(|network| format!("network {network}")),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join(" with ")
}

fn quarantine(
    found: &mut Differences,
    a: Option<&QuarantineSection>,
    b: Option<&QuarantineSection>,
) {
    let sealed = [a, b].map(|section| section.map(sealed).unwrap_or_default());
    found.told("quarantine.seal", sealed);
    // Where one side seals nothing, the rest has no counterpart.
    let (Some(a), Some(b)) = (a, b) else { return };
    let QuarantineSection {
        seal: _,
        retention_days: _,
        bases: _,
        persons: _,
        case: _,
        need: _,
        acknowledge: _,
        on_full: _,
        mask_secrets: _,
        rules: _,
        exempt: _,
    } = a;
    let both = [a, b];
    found.rank(
        "quarantine.retention_days",
        both.map(|it| (it.retention_days, format!("{} days", it.retention_days))),
    );
    found.told("quarantine.bases", both.map(|it| it.bases.iter().cloned().collect()));
    found.rank(
        "quarantine.persons",
        both.map(|it| {
            (u32::from(u8::MAX - it.persons), format!("{} to open", persons(it.persons)))
        }),
    );
    for (key, asked) in [
        ("quarantine.case", both.map(|it| it.case)),
        ("quarantine.need", both.map(|it| it.need)),
        ("quarantine.acknowledge", both.map(|it| it.acknowledge)),
    ] {
        let words = |asked| {
            if asked { (0, "asked for".to_owned()) } else { (1, "not asked for".to_owned()) }
        };
        found.rank(key, asked.map(words));
    }
    let on_full = |it: &QuarantineSection| match it.on_full {
        OnFullWord::Block => (0, "blocking when full".to_owned()),
        OnFullWord::Shed => (0, "shedding when full".to_owned()),
    };
    found.rank("quarantine.on_full", both.map(on_full));
    let masks = |it: &QuarantineSection| match it.mask_secrets {
        true => (0, "secrets masked".to_owned()),
        false => (1, "secrets as they were".to_owned()),
    };
    found.rank("quarantine.mask_secrets", both.map(masks));
    let rules = |it: &QuarantineSection| match &it.rules {
        Some(folder) => (1, format!("rules of one's own in {}", folder.display())),
        None => (0, "no rules of one's own".to_owned()),
    };
    found.rank("quarantine.rules", both.map(rules));
    // Whoever is not exempt any more may be sealed.
    found.networks("quarantine.exempt", [&b.exempt, &a.exempt]);
}

fn persons(persons: u8) -> String {
    format!("{persons} {}", if persons == 1 { "person" } else { "persons" })
}

fn sealed(section: &QuarantineSection) -> BTreeSet<String> {
    let words = |word: SealWord| -> &'static [&'static str] {
        match word {
            SealWord::Refused => &["refused lines"],
            SealWord::Rules => &["lines that rules hit"],
            SealWord::Behaviour => &["lines of conspicuous behaviour"],
            SealWord::Cases => &["lines of open cases"],
            SealWord::All => &[
                "refused lines",
                "lines that rules hit",
                "lines of conspicuous behaviour",
                "lines of open cases",
                "all other lines",
            ],
        }
    };
    section.seal.iter().flat_map(|word| words(*word)).map(|word| (*word).to_owned()).collect()
}

/// The more visitors must share a line, the less it tells of one.
fn release(section: Option<ReleaseSection>) -> Rank {
    match section {
        Some(ReleaseSection { k }) => {
            (u32::MAX - k, format!("lines that at least {k} visitors share"))
        }
        None => (u32::MAX, "each line by itself".to_owned()),
    }
}

fn publish(found: &mut Differences, a: &Parts<'_>, b: &Parts<'_>) {
    let allowed = [a, b].map(|parts| parts.publish.filter(|section| section.allowed));
    let rank = |it: Option<&PublishSection>| match it {
        Some(_) => (1, "counts may be published".to_owned()),
        None => (0, "nothing may be published".to_owned()),
    };
    found.rank("publish.allowed", allowed.map(rank));
    let [Some(from), Some(to)] = allowed else { return };
    let both = [from, to];
    let PublishSection { allowed: _, k: _, tables: _, round: _ } = from;
    let rank =
        |it: &PublishSection| (u32::MAX - it.k, format!("cells of at least {} networks", it.k));
    found.rank("publish.k", both.map(rank));
    let rank = |it: &PublishSection| match it.round {
        Some(base) => (u32::MAX - base, format!("numbers rounded to multiples of {base}")),
        None => (u32::MAX, "exact numbers".to_owned()),
    };
    found.rank("publish.round", both.map(rank));
    let tables = both.map(|it| it.tables.clone().map(|tables| tables.into_iter().collect()));
    found.limit("publish.tables", tables);
}

fn widening(section: Option<ChangeSection>) -> Rank {
    let (rank, words) = match section.map(|section| section.widening) {
        Some(WideningWord::Block) => (0, "a wider policy is blocked"),
        Some(WideningWord::Warn) => (1, "a wider policy is warned of"),
        Some(WideningWord::Inform) => (2, "a wider policy is told"),
        None => (3, "nothing is said of a wider policy"),
    };
    (rank, words.to_owned())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::policy::{preset, tests_any::any_policy};

    fn policy(text: &str) -> Policy {
        let text = format!("name = \"p\"\nversion = 1\n{text}");
        let policy = Policy::parse(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
        crate::policy::Plan::compile(&policy).unwrap_or_else(|error| panic!("{error}: {text}"));
        policy
    }

    /// The directions and keys of the differences.
    fn found(from: &str, to: &str) -> Vec<String> {
        let differences = diff(&policy(from), &policy(to));
        differences.iter().map(|it| format!("{} {}", it.direction.word(), it.key)).collect()
    }

    /// `to` differs from `from` in these ways, and the other way about.
    #[track_caller]
    fn check(from: &str, to: &str, expect: &[&str]) {
        assert_eq!(found(from, to), expect, "{from} -> {to}");
        let mut back: Vec<_> = expect.iter().map(|it| turned(it)).collect();
        let mut found = found(to, from);
        back.sort();
        found.sort();
        assert_eq!(found, back, "{to} -> {from}");
    }

    fn turned(difference: &str) -> String {
        match difference.split_once(' ').expect("a word and a key") {
            ("wider", key) => format!("narrower {key}"),
            ("narrower", key) => format!("wider {key}"),
            (_, key) => format!("changed {key}"),
        }
    }

    /// A line of `[record]` against nothing or another line.
    #[track_caller]
    fn check_record(from: &str, to: &str, expect: &[&str]) {
        check(&format!("[record]\n{from}"), &format!("[record]\n{to}"), expect);
    }

    #[test]
    fn keys_of_records() {
        for (line, key) in [
            ("site = \"declared\"", "site"),
            ("method = true", "method"),
            ("protocol = true", "protocol"),
            ("status = true", "status"),
            ("duration = { bucket = \"1-2-5\" }", "duration"),
            ("browser = {}", "browser"),
            ("os = true", "os"),
            ("device = true", "device"),
            ("bot = true", "bot"),
            ("language = \"primary\"", "language"),
            ("errors = true", "errors"),
            ("country = true", "country"),
            ("organisation = true", "organisation"),
            ("allow_identifying = true", "allow_identifying"),
            ("referrer = \"domain\"", "referrer"),
        ] {
            check_record("", line, &[&format!("wider record.{key}")]);
        }
        check_record(
            "browser = {}",
            "browser = { version = \"major\" }",
            &["wider record.browser.version"],
        );
        let cookie = |name: &str| format!("cookie = {{ name = {name:?}, as = \"token\" }}");
        check_record("", &cookie("a"), &["wider record.cookie"]);
        check_record(
            &cookie("a"),
            &cookie("b"),
            &["wider record.cookie", "narrower record.cookie"],
        );
    }

    #[test]
    fn ranks() {
        let grains = [
            "",
            "time = { grain = \"day\" }",
            "time = { grain = \"hour\" }",
            "time = { grain = \"minute\" }",
        ];
        let bytes = [
            "",
            "bytes = { exact = \"bucket\" }",
            "bytes = { exact = \"plain-path\" }",
            "bytes = { exact = \"always\" }",
        ];
        let paths = ["", "path = { shape = \"declared\" }", "path = { shape = \"cleaned\" }"];
        for (ranks, key) in [(&grains[..], "time"), (&bytes[..], "bytes"), (&paths[..], "path")] {
            for pair in ranks.windows(2) {
                check_record(pair[0], pair[1], &[&format!("wider record.{key}")]);
            }
        }
        assert!(referrer(Some(ReferrerWord::Origin)) > referrer(Some(ReferrerWord::Domain)));
        assert!(referrer(Some(ReferrerWord::Domain)) > referrer(Some(ReferrerWord::Category)));
        assert!(referrer(Some(ReferrerWord::Category)) > referrer(None));
    }

    #[test]
    fn clients() {
        let truncate = |ipv4: u8, ipv6: u8| {
            format!("client = {{ truncate = {{ ipv4 = {ipv4}, ipv6 = {ipv6} }} }}")
        };
        let keys = ["wider record.client.truncate.ipv4", "wider record.client.truncate.ipv6"];
        check_record("", &truncate(16, 32), &keys);
        check_record(&truncate(16, 32), &truncate(17, 32), &keys[..1]);
        check_record(&truncate(16, 32), &truncate(16, 33), &keys[1..]);
        check_record(
            &truncate(16, 33),
            &truncate(17, 32),
            &[keys[0], "narrower record.client.truncate.ipv6"],
        );
        let network = |ipv4: u8| {
            let network = format!("network = {{ ipv4 = {ipv4}, ipv6 = 32 }}\n");
            format!("client = \"token\"\nallow_linking = true\n{network}")
        };
        check_record(&network(16), &network(17), &["wider record.network.ipv4"]);
        check_record(
            "client = \"token\"",
            &network(16),
            &[
                "wider record.network.ipv4",
                "wider record.network.ipv6",
                "wider record.allow_linking",
            ],
        );
        // A token tells nothing of the address and links requests: both are said.
        let mut token = policy("[record]");
        token.record.client = Some(ClientWord::Token);
        let truncated = policy(&format!("[record]\n{}", truncate(16, 32)));
        let directions: Vec<_> = diff(&truncated, &token).iter().map(|it| it.direction).collect();
        assert_eq!(directions, [Direction::Narrower, Direction::Narrower, Direction::Wider]);
    }

    #[test]
    fn statuses_of_paths() {
        let path =
            |statuses: &str| format!("path = {{ shape = \"cleaned\", status = [{statuses}] }}");
        let key = "record.path.status";
        check_record(&path("\"2xx\""), &path("\"2xx\", \"304\""), &[&format!("wider {key}")]);
        check_record(
            &path("\"200\""),
            &path("\"404\""),
            &[&format!("wider {key}"), &format!("narrower {key}")],
        );
        // The same set in other words.
        check_record(&path("\"2xx\", \"200\""), &path("\"2xx\""), &[]);
        let words = diff(
            &policy(&format!("[record]\n{}", path("\"200\""))),
            &policy(&format!("[record]\n{}", path("\"3xx\", \"200\", \"404\""))),
        );
        assert_eq!(words[0].to_string(), "wider     record.path.status: also 3xx, 404");
    }

    #[test]
    fn declared_routes() {
        let with = |shape: &str, routes: &str| {
            let path = if shape.is_empty() {
                String::new()
            } else {
                format!("path = {{ shape = \"{shape}\" }}\n")
            };
            format!("[record]\n{path}{routes}")
        };
        let plain = "[[route]]\npattern = \"/a/{b}\"\n";
        let keeps = "[[route]]\npattern = \"/a/{b}\"\nkeep = [\"b\"]\n";
        let other = "[[route]]\npattern = \"/c\"\n";
        check(&with("declared", ""), &with("declared", plain), &["wider route"]);
        check(&with("cleaned", ""), &with("cleaned", plain), &["changed route"]);
        check(&with("cleaned", plain), &with("cleaned", keeps), &["wider route.keep"]);
        check(
            &with("cleaned", ""),
            &with("cleaned", keeps),
            &["changed route", "wider route.keep"],
        );
        // Where no path is told, neither are routes.
        check(&with("", ""), &with("", keeps), &[]);
        let (one, two) = (format!("{plain}{other}"), format!("{other}{plain}"));
        check(&with("declared", &one), &with("declared", &two), &["changed route"]);
    }

    #[test]
    fn queries_sites_and_networks() {
        let query =
            |values: &str| format!("[record]\n[[query]]\nname = \"a\"\nvalues = [{values}]");
        check(&query("\"x\""), &query("\"x\", \"y\""), &["wider query"]);
        check(&query("\"x\""), &query("\"y\""), &["wider query", "narrower query"]);
        let sites =
            |told: &str, sites: &str| format!("[record]\n{told}\n[sites]\ndeclared = [{sites}]");
        let told = "site = \"declared\"";
        check(&sites(told, ""), &sites(told, "\"a.example.com\""), &["wider sites.declared"]);
        check(&sites("", ""), &sites("", "\"a.example.com\""), &["changed sites.declared"]);
        check(&sites(told, "\"A.example.com\""), &sites(told, "\"a.example.com\""), &[]);
        let client = "client = { truncate = { ipv4 = 16, ipv6 = 32 } }";
        let exempt =
            |client: &str, nets: &str| format!("[record]\n{client}\n[network]\nexempt = [{nets}]");
        check(&exempt(client, ""), &exempt(client, "\"10.0.0.0/8\""), &["wider network.exempt"]);
        check(
            &exempt(client, "\"10.1.0.0/16\""),
            &exempt(client, "\"10.0.0.0/8\""),
            &["wider network.exempt"],
        );
        check(
            &exempt(client, "\"10.0.0.0/9\", \"10.128.0.0/9\""),
            &exempt(client, "\"10.0.0.0/8\""),
            &[],
        );
        check(&exempt("", ""), &exempt("", "\"10.0.0.0/8\""), &[]);
        let token = "client = \"token\"";
        check(&exempt(token, ""), &exempt(token, "\"10.0.0.0/8\""), &["wider network.exempt"]);
        let file = "[record]\n[network]\norganisation_db = \"a.mmdb\"";
        check("[record]", file, &["wider network.organisation_db"]);
        let proxies = |nets: &str| format!("[record]\n[network]\ntrusted_proxies = [{nets}]");
        check(&proxies(""), &proxies("\"10.0.0.0/8\""), &["wider network.trusted_proxies"]);
    }

    #[test]
    fn counts_and_guards() {
        let counts = |rest: &str| format!("[record]\n[counts]\n{rest}");
        check(
            "[record]",
            &counts("tables = [\"path\", \"day\"]"),
            &["wider counts.day", "wider counts.path"],
        );
        check(
            &counts("tables = []"),
            &counts("tables = []\nvisitors = true"),
            &["wider counts.visitors"],
        );
        let opt_out = |rest: &str| format!("[record]\n[opt_out]\n{rest}");
        check("[record]", &opt_out("headers = { dnt = \"1\" }"), &["narrower opt_out"]);
        check(
            &opt_out("cookie = \"a\""),
            &opt_out("cookie = \"b\""),
            &["narrower opt_out", "wider opt_out"],
        );
        check(
            "[record]",
            "[record]\n[[drop]]\nmethod = \"GET\"\npath = \"/a\"",
            &["narrower drop"],
        );
        let change = |word: &str| format!("[record]\n[change]\nwidening = \"{word}\"");
        check(&change("block"), &change("warn"), &["wider change.widening"]);
        check(&change("warn"), &change("inform"), &["wider change.widening"]);
        check(&change("inform"), "[record]", &["wider change.widening"]);
    }

    #[test]
    fn who_may_read_it_and_for_what() {
        let sharing = |rest: &str| format!("[record]\n[sharing]\n{rest}");
        let (one, two) = ("[\"usage-analysis\"]", "[\"usage-analysis\", \"site-improvement\"]");
        let purposes = |list: &str| sharing(&format!("purposes = {list}"));
        check(&purposes(one), &purposes(two), &["wider sharing.purposes"]);
        check(&purposes(one), "[record]", &["wider sharing.purposes"]);
        check(&purposes("[]"), "[record]", &["wider sharing.purposes"]);
        check("[record]", &sharing(""), &[]);
        let audiences = |list: &str| sharing(&format!("audiences = [{list}]"));
        check(&audiences(""), &audiences("\"successor\""), &["wider sharing.audiences"]);
        let condition = sharing("conditions = [\"need-to-know\"]");
        check("[record]", &condition, &["narrower sharing.conditions"]);
        let partner = |region: &str| {
            let rest = "name = \"Alice\"\nagreement = \"7\"\npurpose = \"usage-analysis\"";
            let rest = format!("{rest}\nregion = {region:?}\nprotection = \"equivalent\"");
            format!("{}\n[[sharing.partner]]\n{rest}", purposes(one))
        };
        check(&purposes(one), &partner("eea"), &["wider sharing.partner"]);
        let moved = ["wider sharing.partner", "narrower sharing.partner"];
        check(&partner("eea"), &partner("us"), &moved);
        let words = diff(&policy(&purposes(one)), &policy("[record]"));
        assert_eq!(
            words[0].to_string(),
            "wider     sharing.purposes: no limit is said instead of only usage-analysis"
        );
        // Another purpose makes signals count that did not.
        let excepted =
            |list: &str| format!("{}\n[opt_out]\ncookie = \"a\"\nexcept = {one}", purposes(list));
        check(&excepted(one), &excepted(two), &["narrower opt_out", "wider sharing.purposes"]);
        check(
            &format!("{}\n[opt_out]\ncookie = \"a\"", purposes(one)),
            &excepted(one),
            &["wider opt_out", "wider opt_out.except"],
        );
    }

    #[test]
    fn quarantines_and_publication() {
        let seal = |rest: &str| format!("[record]\n[quarantine]\n{rest}");
        let one = "seal = [\"refused\"]\nretention_days = 7\n";
        check("[record]", &seal(one), &["wider quarantine.seal"]);
        for (from, to, key) in [
            (
                "seal = [\"refused\"]\nretention_days = 7",
                "seal = [\"all\"]\nretention_days = 7",
                "seal",
            ),
            (one, "seal = [\"refused\"]\nretention_days = 8", "retention_days"),
            (one, &format!("{one}bases = [\"law\"]"), "bases"),
            (&format!("{one}persons = 2"), one, "persons"),
            (&format!("{one}case = true"), one, "case"),
            (&format!("{one}need = true"), one, "need"),
            (&format!("{one}acknowledge = true"), one, "acknowledge"),
            (one, &format!("{one}mask_secrets = false"), "mask_secrets"),
        ] {
            check(&seal(from), &seal(to), &[&format!("wider quarantine.{key}")]);
        }
        check(
            &seal(one),
            &seal(&format!("{one}on_full = \"shed\"")),
            &["changed quarantine.on_full"],
        );
        let publish = |rest: &str| format!("[record]\n[publish]\n{rest}");
        check("[record]", &publish("allowed = false\nk = 2"), &[]);
        check(&publish("allowed = false"), &publish("allowed = true"), &["wider publish.allowed"]);
        check(
            &publish("allowed = true\nk = 10"),
            &publish("allowed = true\nk = 5"),
            &["wider publish.k"],
        );
    }

    #[test]
    fn labels_are_not_compared() {
        let baseline = Policy::parse(preset("baseline").expect("a preset")).expect("reads");
        let mut other = baseline.clone();
        other.name = "other".to_owned();
        other.version = 2;
        other.description = String::new();
        assert_eq!(diff(&baseline, &other), []);
    }

    proptest! {
        #[test]
        fn nothing_differs_from_itself(policy in any_policy()) {
            prop_assert_eq!(diff(&policy, &policy), []);
        }

        #[test]
        fn what_is_wider_one_way_is_narrower_the_other(a in any_policy(), b in any_policy()) {
            let words = |it: &Difference| format!("{} {}", it.direction.word(), it.key);
            let mut there: Vec<_> = diff(&a, &b).iter().map(|it| turned(&words(it))).collect();
            let mut back: Vec<_> = diff(&b, &a).iter().map(words).collect();
            there.sort();
            back.sort();
            prop_assert_eq!(there, back);
        }

        #[test]
        fn equal_in_effect_has_equal_keys(a in any_policy(), b in any_policy()) {
            // What no difference is found in has the same keys and tables.
            let compile = |policy| crate::policy::Plan::compile(policy).expect("generated policies compile");
            if diff(&a, &b).is_empty() {
                let (a, b) = (compile(&a), compile(&b));
                prop_assert_eq!((a.record, a.tables), (b.record, b.tables));
            }
        }
    }
}
