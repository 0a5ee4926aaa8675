//! A policy as people write it: the keys and words of the TOML form, checked but not yet compiled.
//!
//! Unknown keys are refused by name, so that a misspelt one never means "keep". Sections for work that
//! other commands do (`quarantine`, `publish`, `change`) are read and checked here too: a
//! policy is one document, whichever part of it a command carries out.

use std::{collections::BTreeMap, fmt, net::IpAddr, path::PathBuf};

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use super::sharing::{Purpose, SharingSection};

/// A policy file.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Policy {
    /// What summaries and reports call it.
    pub name: String,
    /// The version of its text.
    pub version: u32,
    /// One sentence for people.
    #[serde(default)]
    pub description: String,
    /// `own`, or the clauses of the published policy that it carries out.
    #[serde(default)]
    pub basis: Basis,
    /// What a record may say.
    pub record: RecordSection,
    /// What usage counts may use beyond the record.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub counts: Option<CountsSection>,
    /// Declared routes, which win over cleaning.
    #[serde(default, rename = "route", skip_serializing_if = "Vec::is_empty")]
    pub routes: Vec<RouteSection>,
    /// Query parameters that are kept.
    #[serde(default, rename = "query", skip_serializing_if = "Vec::is_empty")]
    pub queries: Vec<QuerySection>,
    /// Sites that may be named.
    #[serde(default)]
    pub sites: SitesSection,
    /// Networks that are treated apart.
    #[serde(default)]
    pub network: NetworkSection,
    /// Signals by which visitors opt out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub opt_out: Option<OptOutSection>,
    /// For what records and counts are, and who may read them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sharing: Option<SharingSection>,
    /// Records are held until enough visitors share them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub release: Option<ReleaseSection>,
    /// Objects that the keys of a record stand in.
    #[serde(default, rename = "group", skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<GroupSection>,
    /// Lines that are left out.
    #[serde(default, rename = "drop", skip_serializing_if = "Vec::is_empty")]
    pub drops: Vec<DropSection>,
    /// What is sealed, and who may open it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quarantine: Option<QuarantineSection>,
    /// How long what was kept may stay.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retention: Option<RetentionSection>,
    /// Whether counts may be published.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub publish: Option<PublishSection>,
    /// What happens when a later policy keeps more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub change: Option<ChangeSection>,
}

/// `own`, or a list of clauses.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(untagged)]
pub enum Basis {
    /// A word such as `own`.
    Word(String),
    /// Clause ids.
    Clauses(Vec<String>),
}

impl Default for Basis {
    fn default() -> Self {
        Self::Word("own".to_owned())
    }
}

/// `[record]`: a field that is absent here does not exist in the output.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct RecordSection {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time: Option<TimeRule>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub site: Option<SiteWord>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client: Option<ClientWord>,
    /// The network that the client lies in, beside its token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network: Option<NetworkRule>,
    /// The country that the operator's file has for the client, where one is given.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub country: bool,
    #[serde(default)]
    pub method: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<PathRule>,
    #[serde(default)]
    pub protocol: bool,
    #[serde(default)]
    pub status: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes: Option<BytesSection>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration: Option<DurationRule>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub referrer: Option<ReferrerWord>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub browser: Option<BrowserRule>,
    #[serde(default)]
    pub os: bool,
    #[serde(default)]
    pub device: bool,
    #[serde(default)]
    pub bot: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<LanguageWord>,
    /// The level, the module and the kind of fault of messages in error logs.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub errors: bool,
    /// The organisation that the operator's file has for the client's network, where one is given.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub organisation: bool,
    /// What is told of one cookie.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cookie: Option<CookieRule>,
    /// What a line must have, or else it is refused.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub require: Vec<RequireWord>,
    /// An exact client, or a prefix longer than /24 or /48, is accepted.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub allow_identifying: bool,
    /// A network beside a token is accepted.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub allow_linking: bool,
}

/// What a line must have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum RequireWord {
    /// An address or a host name of the client.
    Client,
    /// A request of HTTP.
    Request,
}

/// `time = { grain = "minute" }`.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct TimeRule {
    /// The finest part that is told.
    pub grain: GrainWord,
}

/// How fine a time is told.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum GrainWord {
    Minute,
    Hour,
    Day,
}

/// `site = "declared"`.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum SiteWord {
    /// The declared sites by name, all others as `(other)`.
    Declared,
}

/// `client = { truncate = { .. } }` or a word.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ClientWord {
    /// The network that the address lies in.
    Truncate(Prefixes),
    /// A keyed token.
    Token,
    /// The country only.
    Country,
    /// The registrable domain of a host name.
    Domain,
}

/// How many bits of an address are kept.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Prefixes {
    /// Bits of an IPv4 address.
    pub ipv4: u8,
    /// Bits of an IPv6 address.
    pub ipv6: u8,
    /// Whether a client that logged its host name is told by its registrable domain.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub domain: bool,
}

/// `network = { ipv4 = 16, ipv6 = 32 }`: how many bits of an address are told beside its token.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct NetworkRule {
    /// Bits of an IPv4 address.
    pub ipv4: u8,
    /// Bits of an IPv6 address.
    pub ipv6: u8,
}

/// `path = { shape = "cleaned", status = ["2xx", "304"] }`.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct PathRule {
    /// How a path is told.
    pub shape: PathWord,
    /// For which statuses a path that is no declared route is shown.
    #[serde(default = "confirmed")]
    pub status: Vec<String>,
}

fn confirmed() -> Vec<String> {
    vec!["2xx".to_owned(), "304".to_owned()]
}

/// How a path is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum PathWord {
    /// Segments that look like identifiers are replaced.
    Cleaned,
    /// Declared routes only.
    Declared,
    /// Templates that enough visitors were seen on.
    Learned,
}

/// `bytes = { exact = "plain-path" }`.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct BytesSection {
    /// When a byte count is told exactly and not as the next power of two.
    pub exact: BytesWord,
}

/// When a byte count is told exactly.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum BytesWord {
    /// Where the path is shown as it was.
    PlainPath,
    /// For every line.
    Always,
    /// Never.
    Bucket,
}

/// `duration = { bucket = "1-2-5" }`.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct DurationRule {
    /// The series that durations are rounded up to.
    pub bucket: SeriesWord,
}

/// A series of preferred numbers.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
pub enum SeriesWord {
    /// 1, 2, 5, 10, 20 and so on.
    #[serde(rename = "1-2-5")]
    OneTwoFive,
}

/// `referrer = "domain"`.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ReferrerWord {
    /// The registrable domain.
    Domain,
    /// Scheme and host.
    Origin,
    /// Whether there is one, and whether it is one's own.
    Category,
}

/// `browser = { version = "major" }`.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct BrowserRule {
    /// How much of the version is told.
    #[serde(default)]
    pub version: VersionWord,
}

/// How much of a browser's version is told.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum VersionWord {
    /// Nothing.
    #[default]
    None,
    /// The number before the first dot.
    Major,
}

/// `language = "primary"`.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum LanguageWord {
    /// The first subtag of a common language, else `other`.
    Primary,
}

/// `cookie = { name = "visitor", as = "token" }`: of all others nothing is told.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct CookieRule {
    /// The cookie's name.
    pub name: String,
    /// How its value is told.
    #[serde(rename = "as")]
    pub told: CookieWord,
}

/// How the value of a cookie is told.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum CookieWord {
    /// As a keyed token.
    Token,
}

/// `[counts]`.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct CountsSection {
    /// The tables by name.
    pub tables: Vec<String>,
    /// Whether distinct visitors are counted.
    #[serde(default)]
    pub visitors: bool,
    /// How paths are counted where records tell none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<PathRule>,
    /// The windows that a store keeps counts by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window: Option<WindowWord>,
    /// Two-way tables, each as the names of two tables.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cross: Vec<[String; 2]>,
    /// Downloads, once for each visitor, file and day.
    #[serde(default, rename = "download", skip_serializing_if = "Vec::is_empty")]
    pub downloads: Vec<SpecialSection>,
    /// Installations of software that asks for something again and again, each once.
    #[serde(default, rename = "installation", skip_serializing_if = "Vec::is_empty")]
    pub installations: Vec<SpecialSection>,
    /// Reports that a product sends of itself, of which no visitor is known.
    #[serde(default, rename = "product", skip_serializing_if = "Vec::is_empty")]
    pub products: Vec<SpecialSection>,
    /// Beacons, which are no page views.
    #[serde(default, rename = "beacon", skip_serializing_if = "Vec::is_empty")]
    pub beacons: Vec<SpecialSection>,
}

/// A window that a store keeps counts by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum WindowWord {
    Hour,
    Day,
}

/// `[[counts.download]]` and its like: a table of requests for some paths.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct SpecialSection {
    /// The name of the table; several sections of a kind may share one.
    pub name: String,
    /// A route pattern such as `/wordpress-{version}.{ext}`.
    pub path: String,
    /// The captures that are counted under; without any, the pattern itself is.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub key: Vec<String>,
    /// Instead of a capture: the query parameter whose value is counted under.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parameter: Option<String>,
    /// The site that the request must be for, where lines say it or the run does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub site: Option<String>,
}

/// `[[route]]`.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct RouteSection {
    /// Segments with `{captures}`.
    pub pattern: String,
    /// Captures whose text is told.
    #[serde(default)]
    pub keep: Vec<String>,
}

/// `[[query]]`.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct QuerySection {
    /// The parameter's name.
    pub name: String,
    /// The values that may be told.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub values: Vec<String>,
    /// Instead of values: the pattern of those that may be told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pattern: Option<String>,
}

/// `[[group]]`.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct GroupSection {
    /// The key under which the group stands.
    pub name: String,
    /// The keys that stand in it.
    pub keys: Vec<String>,
    /// Whether the group is told at all.
    #[serde(default = "yes")]
    pub kept: bool,
}

/// `[retention]`: how long what was kept may stay, in days.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct RetentionSection {
    /// What tells of the client.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client: Option<Days>,
    /// Records.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub records: Option<Days>,
    /// Counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub counts: Option<Days>,
}

/// A number of days, or `none`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(untagged)]
pub enum Days {
    /// So many.
    Number(u32),
    /// Without an end.
    Word(NoEnd),
}

/// The word for no end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum NoEnd {
    None,
}

/// `[sites]`.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct SitesSection {
    /// Host names that a record may name.
    #[serde(default)]
    pub declared: Vec<String>,
}

/// `[network]`.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct NetworkSection {
    /// Networks whose addresses stay readable: health checks, internal clients.
    #[serde(default)]
    pub exempt: Vec<IpNet>,
    /// Proxies whose word on the client is believed.
    #[serde(default)]
    pub trusted_proxies: Vec<IpNet>,
    /// A file in the MMDB form that says in which country a network is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub country_db: Option<PathBuf>,
    /// A file in the MMDB form that says which organisation a network is registered for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub organisation_db: Option<PathBuf>,
}

/// `[opt_out]`: where a format logs the signal, the line leaves records and counts.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct OptOutSection {
    /// Header names with `_` for `-`, and the value that opts out.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// The name of a cookie that opts out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cookie: Option<String>,
    /// The name of a query parameter that opts out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub query: Option<String>,
    /// Purposes that nobody opts out of: the signals count once the policy has any other.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub except: Vec<Purpose>,
}

/// `[[drop]]`: a line that fits every key given is left out.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct DropSection {
    /// A route pattern.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// A method.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// A network that the client lies in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network: Option<IpNet>,
}

/// `[quarantine]`.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct QuarantineSection {
    pub seal: Vec<SealWord>,
    pub retention_days: u32,
    #[serde(default)]
    pub bases: Vec<String>,
    #[serde(default = "one")]
    pub persons: u8,
    /// Whoever opens it names a case.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub case: bool,
    /// Whoever opens it says what they need to know.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub need: bool,
    /// Whoever opens it acknowledges that they disclose nothing of it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub acknowledge: bool,
    #[serde(default)]
    pub on_full: OnFullWord,
    #[serde(default = "yes")]
    pub mask_secrets: bool,
    /// A folder with rules of one's own, for `rules`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rules: Option<PathBuf>,
    /// Networks whose behaviour is not looked at: monitors, one's own scanners.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub exempt: Vec<IpNet>,
}

const fn one() -> u8 {
    1
}

const fn yes() -> bool {
    true
}

/// What is sealed.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum SealWord {
    Refused,
    Rules,
    Behaviour,
    Cases,
    All,
}

/// What happens when the quarantine cannot take more.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum OnFullWord {
    #[default]
    Block,
    Shed,
}

/// `[release]`: records are held for their hour or day, and told as far as enough visitors share them.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct ReleaseSection {
    /// How many different visitors share each line that is written.
    #[serde(default = "ten")]
    pub k: u32,
}

/// `[publish]`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct PublishSection {
    /// Whether the policy provides for publication at all.
    pub allowed: bool,
    /// How many distinct networks a published cell has at least.
    #[serde(default = "ten")]
    pub k: u32,
    /// The tables that are published, of those that are counted; nothing means all that can be together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tables: Option<Vec<String>>,
    /// The number to whose multiples published numbers are rounded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub round: Option<u32>,
}

const fn ten() -> u32 {
    10
}

/// `[change]`.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct ChangeSection {
    /// What a running service does with a policy that keeps more.
    pub widening: WideningWord,
}

/// What happens when a later policy keeps more.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum WideningWord {
    Inform,
    Warn,
    Block,
}

/// The usual changes to a policy without writing one.
#[derive(Clone, Debug, Default)]
pub struct Overrides {
    /// `--client`.
    pub client: Option<ClientChoice>,
    /// `--ipv4-prefix`.
    pub ipv4_prefix: Option<u8>,
    /// `--ipv6-prefix`.
    pub ipv6_prefix: Option<u8>,
    /// Each `--trusted-proxy`, as it was written.
    pub trusted_proxies: Vec<String>,
    /// `--country-db`.
    pub country_db: Option<PathBuf>,
    /// `--organisation-db`.
    pub organisation_db: Option<PathBuf>,
}

/// What `--client` may ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "each variant is the word of its name")]
pub enum ClientChoice {
    Truncate,
    Country,
    Token,
    Drop,
}

/// The clause by which a published policy may keep what tells of the client without an end.
pub(super) const CLAUSE_WITHOUT_END: &str = "SIT-8";

/// CNIL's advice for what audience measurement collects: 25 months.
const RETENTION_DAYS_ADVISED: u32 = 760;

impl Policy {
    /// Reads a policy from TOML text.
    ///
    /// # Errors
    ///
    /// A sentence that names the key and its place, never the text around it.
    pub fn parse(text: &str) -> Result<Self, PolicyError> {
        toml::from_str(text).map_err(|error| {
            let line = error.span().map(|span| line_of(text, span.start));
            PolicyError { what: first_line(error.message()), line }
        })
    }

    /// Applies what was asked on the command line.
    ///
    /// # Errors
    ///
    /// A prefix is asked for where the policy does not truncate, or a proxy is no address and no network.
    pub fn apply(&mut self, overrides: Overrides) -> Result<(), PolicyError> {
        for text in &overrides.trusted_proxies {
            self.network.trusted_proxies.push(network(text)?);
        }
        if overrides.country_db.is_some() {
            self.network.country_db = overrides.country_db;
        }
        if overrides.organisation_db.is_some() {
            self.network.organisation_db = overrides.organisation_db;
        }
        // A network stands beside a token and beside nothing else.
        if overrides.client.is_some_and(|client| client != ClientChoice::Token) {
            self.record.network = None;
        }
        match overrides.client {
            Some(ClientChoice::Drop) => self.record.client = None,
            Some(ClientChoice::Country) => self.record.client = Some(ClientWord::Country),
            Some(ClientChoice::Token) => self.record.client = Some(ClientWord::Token),
            Some(ClientChoice::Truncate) if !self.truncates() => {
                self.record.client =
                    Some(ClientWord::Truncate(Prefixes { ipv4: 16, ipv6: 32, domain: false }));
            }
            _ => {}
        }
        let asked =
            [("--ipv4-prefix", overrides.ipv4_prefix), ("--ipv6-prefix", overrides.ipv6_prefix)];
        match &mut self.record.client {
            Some(ClientWord::Truncate(prefixes)) => {
                prefixes.ipv4 = overrides.ipv4_prefix.unwrap_or(prefixes.ipv4);
                prefixes.ipv6 = overrides.ipv6_prefix.unwrap_or(prefixes.ipv6);
                Ok(())
            }
            _ => match asked.iter().find(|(_, prefix)| prefix.is_some()) {
                Some((flag, _)) if matches!(self.record.client, Some(ClientWord::Token)) => {
                    Err(PolicyError::new(format!(
                        "{flag} and a client as token exclude each other; give one of them, or add --client truncate"
                    )))
                }
                Some((flag, _)) => Err(PolicyError::new(format!(
                    "{flag} needs a truncated client, which this policy does not have: add --client truncate"
                ))),
                None => Ok(()),
            },
        }
    }

    const fn truncates(&self) -> bool {
        matches!(self.record.client, Some(ClientWord::Truncate(_)))
    }

    /// What the operator should know of a policy that can be used all the same, and what to do about it.
    #[must_use]
    pub fn warning(&self) -> Option<String> {
        let days = self.retention.and_then(|retention| retention.client)?;
        (days == Days::Word(NoEnd::None)).then(|| {
            format!(
                "retention.client = \"none\" lets what tells of the client stay without an end, which the clause \
                 {CLAUSE_WITHOUT_END} of the policy allows and the limit on storage of Article 5(1)(e) GDPR does not; \
                 write retention.client = {RETENTION_DAYS_ADVISED}, the 25 months that CNIL advises for statistics, \
                 or fewer"
            )
        })
    }

    /// How many days records may stay, if that has an end: also those after which nothing may tell of a client, where
    /// records do.
    #[must_use]
    pub fn records_days(&self) -> Option<u32> {
        let RetentionSection { client, records, .. } = self.retention?;
        let client = client.filter(|_| self.record.client.is_some());
        let number = |days: Days| match days {
            Days::Number(days) => Some(days),
            Days::Word(NoEnd::None) => None,
        };
        [client, records].into_iter().flatten().filter_map(number).min()
    }

    /// Whether a policy that keeps more may take the place of this one only when somebody says that this is meant.
    #[must_use]
    pub fn blocks_widening(&self) -> bool {
        self.change.is_some_and(|change| matches!(change.widening, WideningWord::Block))
    }

    /// Whether somebody is to be warned of a policy that keeps more.
    #[must_use]
    pub fn warns_of_widening(&self) -> bool {
        self.change.is_some_and(|change| !matches!(change.widening, WideningWord::Inform))
    }

    /// A name for exactly this policy: the BLAKE3 hash of its canonical form, in hexadecimal.
    #[must_use]
    pub fn hash(&self) -> String {
        let canonical = toml::to_string(self).expect("a policy that was read can be written");
        blake3::hash(canonical.as_bytes()).to_hex().to_string()
    }
}

/// Why a policy cannot be used. It may quote the policy's own words, never a log's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyError {
    what: String,
    line: Option<usize>,
}

impl PolicyError {
    pub(super) const fn new(what: String) -> Self {
        Self { what, line: None }
    }
}

impl fmt::Display for PolicyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "line {line}: {}", self.what),
            None => f.write_str(&self.what),
        }
    }
}

impl std::error::Error for PolicyError {}

/// A network, or an address for itself.
fn network(text: &str) -> Result<IpNet, PolicyError> {
    let address = || text.parse::<IpAddr>().ok().map(IpNet::from);
    text.parse().ok().or_else(address).ok_or_else(|| {
        PolicyError::new(format!(
            "--trusted-proxy: {text:?} is neither an address nor a network such as 192.0.2.0/24"
        ))
    })
}

fn line_of(text: &str, offset: usize) -> usize {
    text.bytes().take(offset).filter(|byte| *byte == b'\n').count() + 1
}

fn first_line(message: &str) -> String {
    message.lines().collect::<Vec<_>>().join(" ")
}
