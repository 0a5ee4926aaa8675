//! What a policy counts beside the usual tables: pairs of things, and reports of its own.
//!
//! A report of its own is a table of requests for some paths: downloads by version, installations by plugin, what a
//! product reports of itself, beacons. What a row stands for is a capture of the path or the value of a parameter, and
//! like everything that is kept of a path it is replaced where it looks like an identifier.

use super::{
    plan::is_host_name,
    written::{CountsSection, Policy, PolicyError, SpecialSection},
};
use crate::{
    field::{Table, TableSet},
    transform::path::Route,
};

/// How many reports of its own a policy may have.
const SPECIALS_MAX: usize = 64;
/// How many two-way tables.
const CROSSES_MAX: usize = 16;

/// A two-way table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cross {
    /// Its name, such as `path_country`.
    pub name: String,
    /// What it is made of.
    pub tables: [Table; 2],
}

/// What the requests of a report are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SpecialKind {
    /// Downloads: once for each visitor, file and day; neither bots nor what was not sent.
    Download,
    /// What installed software asks for again and again: once for each address and agent.
    Installation,
    /// What a product reports of itself. No visitor is known of it.
    Product,
    /// A picture that is there to be counted, and no page.
    Beacon,
}

impl SpecialKind {
    /// All kinds.
    pub const ALL: [Self; 4] = [Self::Download, Self::Installation, Self::Product, Self::Beacon];

    /// Whether such a request is also counted like any other.
    #[must_use]
    pub const fn is_a_page(self) -> bool {
        matches!(self, Self::Download | Self::Installation)
    }

    /// Whether the visitors behind such requests may be counted.
    #[must_use]
    pub const fn knows_visitors(self) -> bool {
        !matches!(self, Self::Product)
    }

    /// Whether equal requests count once.
    #[must_use]
    pub const fn counts_once(self) -> bool {
        self.is_a_page()
    }

    /// The section of a policy that asks for it.
    #[must_use]
    pub const fn section(self) -> &'static str {
        match self {
            Self::Download => "counts.download",
            Self::Installation => "counts.installation",
            Self::Product => "counts.product",
            Self::Beacon => "counts.beacon",
        }
    }
}

/// Which requests a report counts, and under what.
#[derive(Clone, Debug)]
pub struct SpecialRule {
    /// The table.
    pub name: String,
    /// What the requests are.
    pub kind: SpecialKind,
    /// Their paths; what is kept of them is counted under.
    pub path: Route,
    /// What is counted under where nothing of the path is.
    pub pattern: String,
    /// The query parameter whose value is counted under, if it is.
    pub parameter: Option<String>,
    /// The site that requests must be for.
    pub site: Option<String>,
}

/// The sections of a policy with their kinds.
pub(super) fn sections(policy: &Policy) -> impl Iterator<Item = (SpecialKind, &SpecialSection)> {
    policy.counts.iter().flat_map(|counts| {
        let of = move |kind| counts.specials(kind).iter().map(move |section| (kind, section));
        SpecialKind::ALL.into_iter().flat_map(of)
    })
}

impl CountsSection {
    /// The sections of one kind.
    pub(super) fn specials(&self, kind: SpecialKind) -> &[SpecialSection] {
        match kind {
            SpecialKind::Download => &self.downloads,
            SpecialKind::Installation => &self.installations,
            SpecialKind::Product => &self.products,
            SpecialKind::Beacon => &self.beacons,
        }
    }
}

/// The reports of a policy.
pub(super) fn specials(policy: &Policy) -> Result<Vec<SpecialRule>, PolicyError> {
    let mut rules: Vec<SpecialRule> = Vec::new();
    for (kind, section) in sections(policy) {
        let rule = special(kind, section)?;
        let clash = rules.iter().find(|other| other.name == rule.name && other.kind != kind);
        if let Some(other) = clash {
            return Err(PolicyError::new(format!(
                "{}: the name {:?} is that of a table of {}",
                kind.section(),
                rule.name,
                other.kind.section()
            )));
        }
        rules.push(rule);
    }
    if rules.len() > SPECIALS_MAX {
        return Err(PolicyError::new(format!(
            "counts: {} reports are more than {SPECIALS_MAX}",
            rules.len()
        )));
    }
    if policy.release.is_some() && !rules.is_empty() {
        return Err(PolicyError::new(
            "release: counts are made of released records, which have no path for reports of their own".to_owned(),
        ));
    }
    Ok(rules)
}

fn special(kind: SpecialKind, section: &SpecialSection) -> Result<SpecialRule, PolicyError> {
    let SpecialSection { name, path, key, parameter, site } = section;
    let refuse = |what: String| PolicyError::new(format!("{} {name:?}: {what}", kind.section()));
    let mut letters = name.bytes();
    if name.is_empty()
        || !letters.all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
    {
        return Err(refuse("a name has small letters, digits and underscores only".to_owned()));
    }
    if Table::ALL.iter().any(|table| table.name() == name) {
        return Err(refuse("there is a table of that name".to_owned()));
    }
    if parameter.is_some() && !key.is_empty() {
        return Err(refuse("it has a key and a parameter; one of them is enough".to_owned()));
    }
    if parameter.as_ref().is_some_and(String::is_empty) {
        return Err(refuse("a parameter has a name".to_owned()));
    }
    let site = site.as_ref().map(|site| site.to_ascii_lowercase());
    if site.as_ref().is_some_and(|site| !is_host_name(site)) {
        return Err(refuse("the site is no host name".to_owned()));
    }
    let route = Route::parse(path, key).map_err(|error| refuse(error.to_string()))?;
    Ok(SpecialRule {
        name: name.clone(),
        kind,
        path: route,
        pattern: path.clone(),
        parameter: parameter.clone(),
        site,
    })
}

/// The two-way tables of a policy, each of two tables that it has.
pub(super) fn crosses(policy: &Policy, tables: TableSet) -> Result<Vec<Cross>, PolicyError> {
    let mut found: Vec<Cross> = Vec::new();
    for names in policy.counts.iter().flat_map(|counts| &counts.cross) {
        let refuse = |what: &str| PolicyError::new(format!("counts.cross {names:?}: {what}"));
        let of = |name: &String| {
            let table = Table::ALL.into_iter().find(|table| table.name() == name);
            table
                .filter(|table| tables.has(*table))
                .ok_or_else(|| refuse("each of the two is to be one of counts.tables"))
        };
        let tables = [of(&names[0])?, of(&names[1])?];
        if tables[0] == tables[1] {
            return Err(refuse("it has one table twice"));
        }
        let name = format!("{}_{}", names[0], names[1]);
        if found.iter().any(|cross| cross.name == name) {
            return Err(refuse("it stands twice"));
        }
        found.push(Cross { name, tables });
    }
    if found.len() > CROSSES_MAX {
        return Err(PolicyError::new(format!(
            "counts.cross: {} tables are more than {CROSSES_MAX}",
            found.len()
        )));
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use crate::policy::{Plan, Policy};

    fn plan(counts: &str) -> Result<Plan, String> {
        let text = format!(
            "name = \"p\"\nversion = 1\n[record]\n[counts]\ntables = [\"path\", \"country\"]\n{counts}"
        );
        let policy = Policy::parse(&text).map_err(|error| error.to_string())?;
        Plan::compile(&policy).map_err(|error| error.to_string())
    }

    #[test]
    fn reports_and_pairs_are_read() {
        let found = plan(
            "cross = [[\"path\", \"country\"]]\n[[counts.download]]\nname = \"downloads\"\n\
             path = \"/tamis-{version}.{ext}\"\nkey = [\"version\"]\n\
             [[counts.beacon]]\nname = \"beacons\"\npath = \"/t.gif\"",
        )
        .expect("compiles");
        assert_eq!(found.crosses[0].name, "path_country");
        assert_eq!((found.specials.len(), &*found.specials[1].pattern), (2, "/t.gif"));
    }

    #[test]
    fn bad_ones_are_refused_by_name() {
        let download = |rest: &str| format!("[[counts.download]]\n{rest}");
        for (text, words) in [
            ("cross = [[\"path\", \"browser\"]]".to_owned(), "one of counts.tables"),
            ("cross = [[\"path\", \"path\"]]".to_owned(), "twice"),
            (download("name = \"path\"\npath = \"/a\""), "a table of that name"),
            (download("name = \"A b\"\npath = \"/a\""), "small letters"),
            (download("name = \"a\"\npath = \"a\""), "begin with"),
            (download("name = \"a\"\npath = \"/a\"\nkey = [\"b\"]"), "capture"),
            (
                download("name = \"a\"\npath = \"/{b}\"\nkey = [\"b\"]\nparameter = \"c\""),
                "one of them",
            ),
            (download("name = \"a\"\npath = \"/a\"\nsite = \"a b\""), "host name"),
            (
                download(
                    "name = \"a\"\npath = \"/a\"\n[[counts.beacon]]\nname = \"a\"\npath = \"/b\"",
                ),
                "counts.download",
            ),
            (download("name = \"a\"\npath = \"/a\"\nkeys = []"), "keys"),
        ] {
            let error = plan(&text).err().unwrap_or_else(|| panic!("accepted: {text}"));
            assert!(error.contains(words), "{error:?} does not say {words:?}");
        }
    }
}
