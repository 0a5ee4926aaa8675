//! The formats: which there are, and where the fields of a line sit in each.
//!
//! A format is lent one line and returns a [`LineMap`]: where each field sits, never its bytes.
//! Adding one with a name is a file here and a line in its `REGISTRY`; CONTRIBUTING shows it.
//!
//! A format is one of a few grammars: the fast lane of the Common Log Format's family (`combined.rs`), a
//! template compiled from a string (`template.rs`), JSON by a key map (`json.rs`), columns that a header names
//! (`columns.rs`), labelled columns (`ltsv.rs`), and error logs (`errors.rs`). What a log shipper wrote
//! around a line is peeled off before (`wrapper.rs`).

pub mod apache;
mod aws;
mod columns;
mod combined;
pub mod conf;
mod envoy;
mod errors;
mod haproxy;
mod iis;
pub mod journal;
mod json;
mod ltsv;
pub mod nginx;
mod notation;
mod pattern;
mod primitive;
mod squid;
mod tells;
mod template;
mod uwsgi;
pub mod wrapper;

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, LazyLock},
};

use self::template::Template;
use crate::field::{Escaping, Field, LineMap, Reason, TimePattern};

/// A format with a name.
struct Named {
    /// What `--format` takes.
    name: &'static str,
    /// A line of it, with documentation addresses; of formats with a header, that and a line.
    example: &'static str,
    /// The name of the format with the same grammar that detection names instead.
    same_as: Option<&'static str>,
    grammar: fn() -> Grammar,
}

/// All formats with a name, in the order in which they are listed. Where a line fits two of them, detection
/// takes the one that more lines fit, then the one that stands first here.
static REGISTRY: &[&[Named]] = &[
    &combined::FORMATS,
    &nginx::FORMATS,
    &apache::FORMATS,
    &haproxy::FORMATS,
    &aws::FORMATS,
    &envoy::FORMATS,
    &squid::FORMATS,
    &uwsgi::FORMATS,
    &iis::FORMATS,
    &json::FORMATS,
    &columns::FORMATS,
    &ltsv::FORMATS,
    &errors::FORMATS,
];

/// How a format finds fields.
#[derive(Clone, Debug)]
enum Grammar {
    Common,
    Combined,
    VhostCombined,
    Template(Arc<Template>),
    Json(&'static json::Keys),
    Columns(Arc<columns::Columns>),
    Ltsv,
    NginxError,
    ApacheError,
}

impl Grammar {
    /// The grammar that a string in our own notation describes.
    fn notation(string: &str, escaping: Option<Escaping>) -> Self {
        let template = notation::compile(string, escaping);
        Self::Template(Arc::new(template.expect("a test compiles every format")))
    }
}

/// A log format that tamis reads.
#[derive(Clone)]
pub struct Format {
    named: &'static Named,
    grammar: Grammar,
}

static ALL: LazyLock<Vec<Format>> = LazyLock::new(|| {
    let named = REGISTRY.iter().flat_map(|family| family.iter());
    named.map(|named| Format { named, grammar: (named.grammar)() }).collect()
});

impl Format {
    /// All formats with a name, in the order in which they are listed.
    #[must_use]
    pub fn all() -> &'static [Self] {
        &ALL
    }

    /// Those that detection chooses from.
    pub fn detected() -> impl Iterator<Item = &'static Self> {
        Self::all().iter().filter(|format| format.named.same_as.is_none())
    }

    /// Those that a line may have which is not of this format although the lines before it were.
    ///
    /// The shortest ones of the family that end in a byte count are none of them in logs of that family: a line of
    /// a longer format that was cut off within its count would pass for one of theirs, with a wrong count.
    pub fn others(&self) -> impl Iterator<Item = &'static Self> {
        let is_line = !matches!(
            self.grammar,
            Grammar::Json(_)
                | Grammar::Columns(_)
                | Grammar::Ltsv
                | Grammar::NginxError
                | Grammar::ApacheError
        );
        Self::detected().filter(move |other| {
            let ends_in_count = matches!(other.name(), "common" | "vhost-common");
            other.name() != self.name() && !(is_line && ends_in_count)
        })
    }

    /// The format of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        // The fast lane's own need no other format to be compiled.
        let named = REGISTRY.iter().flat_map(|family| family.iter());
        let named = named.into_iter().find(|named| named.name == name)?;
        Some(Self { named, grammar: (named.grammar)() })
    }

    /// The Common Log Format.
    #[must_use]
    pub const fn common() -> Self {
        Self { named: &combined::FORMATS[0], grammar: Grammar::Common }
    }

    /// The combined format of Apache and nginx.
    #[must_use]
    pub const fn combined() -> Self {
        Self { named: &combined::FORMATS[1], grammar: Grammar::Combined }
    }

    /// The combined format with `host:port` before it, Debian's `vhost_combined`.
    #[must_use]
    pub const fn vhost_combined() -> Self {
        Self { named: &combined::FORMATS[2], grammar: Grammar::VhostCombined }
    }

    /// The format of the lines after `line`, if that is a header that names columns. One that lacks a column
    /// that every record needs is a header all the same: the lines after it are refused.
    #[must_use]
    pub fn from_header(line: &[u8]) -> Option<Self> {
        let columns = columns::header(line)?;
        Some(Self { named: columns.named(), grammar: Grammar::Columns(Arc::new(columns)) })
    }

    /// Whether `line` is a directive of a file with a header: it tells of the log and is no line of it.
    #[must_use]
    pub fn is_directive(line: &[u8]) -> bool {
        columns::is_directive(line)
    }

    /// Whether its columns are those that a header names.
    #[must_use]
    pub const fn has_header(&self) -> bool {
        matches!(self.grammar, Grammar::Columns(_))
    }

    /// Whether lines after a header that names `other` have a format other than this.
    ///
    /// A header that cannot be used takes nothing away from a format that needs none.
    #[must_use]
    pub fn gives_way_to(&self, other: &Self) -> bool {
        match (&self.grammar, &other.grammar) {
            (Grammar::Columns(own), Grammar::Columns(columns)) => own != columns,
            _ => other.has_header() && other.is_usable(),
        }
    }

    /// Whether any line can be of it: none can before a header, or after one that lacks a column.
    #[must_use]
    pub fn is_usable(&self) -> bool {
        match &self.grammar {
            Grammar::Columns(columns) => columns.is_usable(),
            _ => true,
        }
    }

    /// What a line begins with that is the header of a CSV.
    #[must_use]
    pub const fn csv_header() -> &'static [u8] {
        columns::CSV_HEADER
    }

    /// The name that `--format` takes.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.named.name
    }

    /// A line of this format, with documentation addresses.
    #[must_use]
    pub const fn example(&self) -> &'static str {
        self.named.example
    }

    /// The name under which detection knows this format.
    #[must_use]
    pub fn detected_name(&self) -> &'static str {
        self.named.same_as.unwrap_or(self.named.name)
    }

    /// How its time is written, if a pattern says so.
    #[inline]
    #[must_use]
    pub fn time_pattern(&self) -> Option<&TimePattern> {
        match &self.grammar {
            Grammar::Template(template) => template.time_pattern(),
            Grammar::Columns(columns) => columns.time_pattern(),
            _ => None,
        }
    }

    /// Whether all of its lines have `field`; formats whose lines differ say yes.
    #[must_use]
    pub fn may_have(&self, field: Field) -> bool {
        match &self.grammar {
            Grammar::Template(template) => template.has(field),
            _ => true,
        }
    }

    /// Notes in `map`, which must be empty, where the fields of `line` sit. The line has no line end.
    ///
    /// # Errors
    ///
    /// [`Reason::NotThisFormat`] when a byte is not where the format has it.
    #[inline(always)]
    pub fn map(&self, line: &[u8], map: &mut LineMap) -> Result<(), Reason> {
        match &self.grammar {
            Grammar::Combined => combined::map_combined(line, map),
            Grammar::Common => combined::map_common(line, map),
            Grammar::VhostCombined => combined::map_vhost_combined(line, map),
            Grammar::Template(template) => template.map(line, map),
            Grammar::Json(keys) => keys.map(line, map),
            Grammar::Columns(columns) => columns.map(line, map),
            Grammar::Ltsv => ltsv::map(line, map),
            Grammar::NginxError => errors::map_nginx(line, map),
            Grammar::ApacheError => errors::map_apache(line, map),
        }
    }
}

#[cfg(test)]
impl Format {
    /// The format that a string in our own notation describes, escaped as nginx and Apache do.
    pub(crate) fn of_notation(string: &str) -> Self {
        Self { named: &OWN_NGINX, grammar: Grammar::notation(string, Some(Escaping::Log)) }
    }
}

impl fmt::Debug for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Format({})", self.name())
    }
}

/// What variables of one's own hold, by their names: a field, or nothing that is used.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Declared(pub BTreeMap<String, Option<Field>>);

/// The names of formats that are given as a string.
static OWN_NGINX: Named =
    Named { name: "nginx-format", example: "", same_as: None, grammar: || Grammar::Combined };
static OWN_APACHE: Named =
    Named { name: "apache-format", example: "", same_as: None, grammar: || Grammar::Combined };

/// Why a server's own format string cannot be used. It quotes the string, which is configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StringError {
    /// A variable that is in no table.
    Unknown(String),
    /// Two values with nothing between them.
    NothingBetween(String, String),
    /// A directive that is cut short or not understood, and where it begins.
    Syntax(usize),
    /// The format has no time of the request.
    NoTime,
    /// The format has no request, or only a part of one that is of no use.
    NoRequest,
}

impl fmt::Display for StringError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown(name) => write!(
                f,
                "{name} is no variable that the server documents; if it is your own, say what it holds with \
                 --variable {name}=drop, or {name}=FIELD"
            ),
            Self::NothingBetween(first, second) => write!(
                f,
                "nothing stands between {first} and {second}, so that nobody can tell where one ends; \
                 put a space or a quote there"
            ),
            Self::Syntax(at) => {
                write!(f, "the directive at byte {at} is not understood; see the server's manual")
            }
            Self::NoTime => f.write_str("it has no time; every record needs one"),
            Self::NoRequest => {
                f.write_str("it has no request and no path; there is nothing to count")
            }
        }
    }
}

impl std::error::Error for StringError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_example_fits_its_own_format() {
        for format in Format::all() {
            let line = format.example().lines().last().expect("an example has a line");
            let headed = Format::from_header(format.example().lines().next().unwrap().as_bytes());
            assert_eq!(headed.is_some(), format.has_header(), "{}", format.name());
            let format = headed.as_ref().unwrap_or(format);
            let mut map = LineMap::default();
            assert_eq!(format.map(line.as_bytes(), &mut map), Ok(()), "{}", format.name());
            assert!(map.has(Field::Time), "{}", format.name());
        }
    }

    #[test]
    fn names_are_unique_and_found() {
        for (index, format) in Format::all().iter().enumerate() {
            let found = Format::all().iter().position(|other| other.name() == format.name());
            assert_eq!(found, Some(index));
            assert_eq!(Format::named(format.name()).map(|found| found.name()), Some(format.name()));
            assert!(Format::detected().any(|other| other.name() == format.detected_name()));
        }
        assert!(Format::named("nosuch").is_none());
    }
}
