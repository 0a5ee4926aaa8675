//! The configuration of the service: one TOML file, taken by its word.
//!
//! A key that is not known is refused, and so is a value that this version does not carry out. What is said of a
//! mistake names the key and the line and never what stands there: addresses and paths of an operator are nobody's.

mod values;

use std::{
    fmt,
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use serde::Deserialize;

use self::values::{bytes, duration, some_bytes, some_duration, words};
pub use self::values::{read_bytes, read_duration};

/// The longest time between two commits that may be asked for.
const COMMIT_MAX: Duration = Duration::from_secs(60);

/// The whole file.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// A policy by name or file.
    pub policy: String,
    /// The hash of a policy that keeps more than the one before, by which somebody says that this is meant.
    pub acknowledged: Option<String>,
    /// Where the service keeps how far it is.
    pub state_dir: PathBuf,
    /// Whose days and hours the counts use.
    #[serde(default = "utc")]
    pub timezone: String,
    /// Worker threads.
    pub threads: Option<u16>,
    /// How often what was done is made durable.
    #[serde(default = "a_second", deserialize_with = "duration")]
    pub commit: Duration,
    /// Whence lines come.
    #[serde(rename = "source")]
    pub sources: Vec<SourceSection>,
    /// Where records go.
    pub sink: SinkSection,
    /// Where counts go.
    pub counts: Option<CountsSection>,
    /// Where sealed lines go.
    pub quarantine: Option<QuarantineSection>,
    /// The keys of tokens.
    pub keys: Option<KeysSection>,
    /// Where it is told how the service is.
    pub metrics: Option<MetricsSection>,
}

/// `[[source]]`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SourceSection {
    /// What it is.
    pub kind: Kind,
    /// The file, a pattern for files, or the named pipe.
    pub path: Option<PathBuf>,
    /// The socket's path, its address, or `systemd:NAME`.
    pub listen: Option<String>,
    /// `auto`, or the name of a format.
    #[serde(default = "auto")]
    pub format: String,
    /// The server's own string, or where its configuration is.
    pub nginx_format: Option<String>,
    /// The same of Apache.
    pub apache_format: Option<String>,
    /// nginx's configuration, with `:NAME` where it has several formats.
    pub nginx_conf: Option<String>,
    /// Apache's.
    pub apache_conf: Option<String>,
    /// The site that lines belong to, where they do not say.
    pub site: Option<String>,
    /// Of the journal: what these units of systemd say.
    #[serde(default, deserialize_with = "words")]
    pub unit: Vec<String>,
    /// The same: what is said under these names (`SYSLOG_IDENTIFIER`).
    #[serde(default, deserialize_with = "words")]
    pub identifier: Vec<String>,
    /// Whether each line is answered with `OK` on standard output once it is durable.
    #[serde(default)]
    pub confirm: bool,
}

/// What a source is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "each variant is the word of its name")]
pub enum Kind {
    File,
    UnixDatagram,
    UnixStream,
    Udp,
    Tcp,
    Fifo,
    Stdin,
    Journald,
}

impl Kind {
    /// The word for it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::UnixDatagram => "unix-datagram",
            Self::UnixStream => "unix-stream",
            Self::Udp => "udp",
            Self::Tcp => "tcp",
            Self::Fifo => "fifo",
            Self::Stdin => "stdin",
            Self::Journald => "journald",
        }
    }
}

/// `[sink]`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SinkSection {
    /// What it is.
    pub kind: SinkKind,
    /// The file.
    pub path: Option<PathBuf>,
    /// Where somebody listens who takes records: a path, or an address of this machine.
    pub connect: Option<String>,
    /// The form of records.
    #[serde(default)]
    pub emit: EmitWord,
    /// When a new file is begun.
    pub rotate: Option<RotateSection>,
}

/// What a sink is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "each variant is the word of its name")]
pub enum SinkKind {
    File,
    Stdout,
    UnixStream,
    Tcp,
}

/// The form of records.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "each variant is the word of its name")]
pub enum EmitWord {
    #[default]
    Jsonl,
    Combined,
    Csv,
}

impl EmitWord {
    /// The word for it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Jsonl => "jsonl",
            Self::Combined => "combined",
            Self::Csv => "csv",
        }
    }
}

/// `rotate`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RotateSection {
    /// After so much time, counted from midnight UTC.
    #[serde(default, deserialize_with = "some_duration")]
    pub every: Option<Duration>,
    /// After so many bytes.
    #[serde(default, deserialize_with = "some_bytes")]
    pub bytes: Option<u64>,
    /// How many earlier files stay.
    pub keep: Option<usize>,
}

/// `[counts]`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CountsSection {
    /// The SQLite file.
    pub store: PathBuf,
    /// `1h` or `1d`, which must be the policy's own.
    pub window: Option<String>,
}

/// `[quarantine]`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QuarantineSection {
    /// The folder that `tamis quarantine init` made.
    pub dir: PathBuf,
    /// What is remembered of the latest lines from sockets, for a visitor who is marked later.
    pub look_back: Option<LookBackSection>,
    /// A folder with rules of one's own.
    pub rules: Option<PathBuf>,
    /// Where open cases are.
    pub case_dir: Option<PathBuf>,
}

/// `look_back`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LookBackSection {
    /// How old lines may be.
    pub minutes: u16,
    /// How much memory they may take, all of it locked.
    #[serde(deserialize_with = "bytes")]
    pub bytes: u64,
}

/// `[keys]`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeysSection {
    /// Where they are.
    pub dir: Option<PathBuf>,
    /// How long a key is kept after its epoch: two hours in this version.
    pub late: Option<String>,
}

/// `[metrics]`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MetricsSection {
    /// The path of a unix socket, an address of this machine alone, or `systemd:NAME`.
    pub listen: String,
}

/// Why a configuration cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    /// What is wrong, in our own words.
    pub what: String,
    /// The line.
    pub line: Option<usize>,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "line {line}: {}", self.what),
            None => f.write_str(&self.what),
        }
    }
}

impl std::error::Error for ConfigError {}

fn wrong(what: impl Into<String>) -> ConfigError {
    ConfigError { what: what.into(), line: None }
}

impl Config {
    /// Reads a configuration.
    ///
    /// # Errors
    ///
    /// A sentence that names the key and its line.
    pub fn parse(text: &str) -> Result<Self, ConfigError> {
        let config: Self = toml::from_str(text).map_err(|error| {
            let start = error.span().map(|span| span.start);
            ConfigError {
                what: in_own_words(error.message(), start.and_then(|start| key_at(text, start))),
                line: start.map(|start| text[..start].matches('\n').count() + 1),
            }
        })?;
        config.check()?;
        Ok(config)
    }

    fn check(&self) -> Result<(), ConfigError> {
        if self.sources.is_empty() {
            return Err(wrong("there is no [[source]]; add one"));
        }
        for source in &self.sources {
            check_source(source)?;
        }
        let stdins = self.sources.iter().filter(|source| source.kind == Kind::Stdin).count();
        if stdins > 1 {
            return Err(wrong("two sources read standard input; one can"));
        }
        self.sink.check(self.sources.iter().any(|source| source.confirm))?;
        if self.commit.is_zero() || self.commit > COMMIT_MAX {
            return Err(wrong("commit: a duration up to 60s is expected"));
        }
        if self.threads == Some(0) {
            return Err(wrong("threads: at least 1 is expected"));
        }
        if let Some(keys) = &self.keys
            && keys.late.as_deref().is_some_and(|late| !matches!(late, "2h" | "120m" | "7200s"))
        {
            return Err(wrong("keys.late: this version keeps keys for 2h, and no other time"));
        }
        if let Some(counts) = &self.counts
            && counts.window.as_deref().is_some_and(|window| !matches!(window, "1h" | "1d"))
        {
            return Err(wrong("counts.window: 1h or 1d is expected"));
        }
        if let Some(rotate) = self.sink.rotate {
            check_rotation(rotate)?;
        }
        match &self.metrics {
            Some(metrics) => place(&metrics.listen, "metrics.listen").and_then(|place| match place {
                Place::Address(address) if !address.ip().is_loopback() => Err(wrong(
                    "metrics.listen: this address may be reached from elsewhere; name one of this machine alone, \
                     such as 127.0.0.1:9127, or the path of a socket",
                )),
                _ => Ok(()),
            }),
            None => Ok(()),
        }
    }
}

impl SinkSection {
    /// `confirms` says whether somebody waits to hear that a record is durable.
    fn check(&self, confirms: bool) -> Result<(), ConfigError> {
        if self.kind == SinkKind::File {
            return match (&self.path, &self.connect) {
                (None, _) => Err(wrong("sink.path: a file needs one")),
                (_, Some(_)) => Err(wrong("sink.connect: a file has none")),
                _ => Ok(()),
            };
        }
        if self.path.is_some() {
            return Err(wrong("sink.path: only a file has one"));
        }
        if self.rotate.is_some() || confirms {
            return Err(wrong(
                "sink.kind: only a file can be rotated, and make records durable before they are answered for; \
                 write records to a file",
            ));
        }
        if self.kind == SinkKind::Stdout {
            return match self.connect {
                Some(_) => Err(wrong("sink.connect: standard output has none")),
                None => Ok(()),
            };
        }
        if self.emit == EmitWord::Csv {
            return Err(wrong(
                "sink.emit: csv begins with a header, and a socket has no beginning; use jsonl",
            ));
        }
        self.peer().map(drop)
    }

    /// Who takes records, where that is somebody at a socket.
    ///
    /// # Errors
    ///
    /// The place is not what is expected.
    pub fn peer(&self) -> Result<Option<Place>, ConfigError> {
        let is_tcp = match self.kind {
            SinkKind::File | SinkKind::Stdout => return Ok(None),
            SinkKind::UnixStream => false,
            SinkKind::Tcp => true,
        };
        let Some(connect) = &self.connect else {
            return Err(wrong("sink.connect: a socket needs one"));
        };
        match place(connect, "sink.connect")? {
            Place::Path(path) if !is_tcp => Ok(Some(Place::Path(path))),
            Place::Address(address) if is_tcp && address.ip().is_loopback() => {
                Ok(Some(Place::Address(address)))
            }
            Place::Address(_) if is_tcp => Err(wrong(
                "sink.connect: this address is on another machine, and records would travel in the clear; name a \
                 relay with TLS on this one, such as 127.0.0.1:6514",
            )),
            _ if is_tcp => Err(wrong("sink.connect: tcp needs an address such as 127.0.0.1:6514")),
            _ => Err(wrong("sink.connect: unix-stream needs the path of a socket")),
        }
    }
}

fn check_source(source: &SourceSection) -> Result<(), ConfigError> {
    let word = source.kind.word();
    let has = (source.path.is_some(), source.listen.is_some());
    let expected = match source.kind {
        Kind::File | Kind::Fifo => (true, false),
        Kind::Stdin | Kind::Journald => (false, false),
        _ => (false, true),
    };
    if has != expected {
        let needs = match expected {
            (true, _) => "needs path, and no listen",
            (_, true) => "needs listen, and no path",
            _ => "has neither path nor listen",
        };
        return Err(wrong(format!("source of kind {word}: it {needs}")));
    }
    check_journal(source)?;
    if source.confirm && source.kind != Kind::Stdin {
        return Err(wrong(
            "source.confirm: only standard input is answered, as omprog of rsyslog asks for",
        ));
    }
    let own =
        [&source.nginx_format, &source.apache_format, &source.nginx_conf, &source.apache_conf];
    let own = own.into_iter().flatten().count();
    if own > 1 || (own == 1 && source.format != "auto") {
        return Err(wrong(format!(
            "source of kind {word}: its format is told twice; tell it once"
        )));
    }
    let Some(listen) = &source.listen else { return Ok(()) };
    let is_address = matches!(source.kind, Kind::Udp | Kind::Tcp);
    match place(listen, "source.listen")? {
        Place::Path(_) if is_address => {
            Err(wrong(format!("source.listen: {word} needs an address such as 127.0.0.1:5514")))
        }
        Place::Address(_) if !is_address => {
            Err(wrong(format!("source.listen: {word} needs the path of a socket")))
        }
        _ => Ok(()),
    }
}

/// What is chosen of the journal. Words of systemd begin with none of the signs that `journalctl` takes for options.
fn check_journal(source: &SourceSection) -> Result<(), ConfigError> {
    let is_journal = source.kind == Kind::Journald;
    let mut words = source.unit.iter().chain(&source.identifier);
    let is_word = |word: &String| {
        let is_inside = |c: char| c.is_ascii_alphanumeric() || ":-_.@\\".contains(c);
        (1..=255).contains(&word.len()) && word.chars().all(is_inside)
    };
    match words.clone().next() {
        None if is_journal => Err(wrong(
            "source of kind journald: it needs unit or identifier, such as unit = \"nginx.service\"",
        )),
        Some(_) if !is_journal => {
            Err(wrong("source.unit and source.identifier: only journald has them"))
        }
        _ if !words.all(is_word) => Err(wrong(
            "source.unit and source.identifier: words such as nginx.service are expected",
        )),
        _ => Ok(()),
    }
}

fn check_rotation(rotate: RotateSection) -> Result<(), ConfigError> {
    if rotate.every.is_none() && rotate.bytes.is_none() {
        return Err(wrong("sink.rotate: every or bytes is expected"));
    }
    if rotate.every.is_some_and(|every| every < Duration::from_secs(1)) {
        return Err(wrong("sink.rotate.every: at least 1s is expected"));
    }
    Ok(())
}

/// Where somebody listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// The path of a socket.
    Path(PathBuf),
    /// An address.
    Address(SocketAddr),
    /// A socket that systemd opened, by its name.
    Systemd(String),
}

/// Reads where somebody listens.
///
/// # Errors
///
/// It is neither a path, an address, nor the name of a socket.
pub fn place(text: &str, key: &str) -> Result<Place, ConfigError> {
    if let Some(name) = text.strip_prefix("systemd:") {
        return match name.is_empty() {
            false => Ok(Place::Systemd(name.to_owned())),
            true => Err(wrong(format!(
                "{key}: systemd: needs the name of a socket (FileDescriptorName=)"
            ))),
        };
    }
    if text.starts_with('/') || text.starts_with("./") {
        return Ok(Place::Path(Path::new(text).to_owned()));
    }
    text.parse().map(Place::Address).map_err(|_| {
        wrong(format!(
            "{key}: a path that begins with /, an address such as 127.0.0.1:5514, or systemd:NAME is expected"
        ))
    })
}

/// What TOML's reader says, without what it quotes of the file. Keys are our own words and may be told.
fn in_own_words(message: &str, key: Option<&str>) -> String {
    let message = message.lines().next().unwrap_or_default();
    let named = |what: &str| match key {
        Some(key) => format!("{key}: {what}"),
        None => what.to_owned(),
    };
    if message.starts_with("unknown field") {
        return named("there is no such key here; see the README for those that there are");
    }
    if message.starts_with("missing field") {
        let name = message.split('`').nth(1).unwrap_or_default();
        return format!("{name} is missing");
    }
    if message.starts_with("unknown variant") {
        let expected = message.split_once("expected").map_or("", |(_, expected)| expected.trim());
        return named(&format!("there is no such word; expected is {expected}"));
    }
    if message.starts_with("invalid type") || message.starts_with("invalid value") {
        let expected =
            message.rsplit_once(", expected ").map_or("another kind of value", |it| it.1);
        return named(&format!("{expected} is expected"));
    }
    if message.starts_with("duplicate key") {
        return named("this key is here twice");
    }
    if message.starts_with(EXPECTED) {
        return named(message);
    }
    named("this is not TOML")
}

/// How our own complaints about values begin.
const EXPECTED: &str = "expected is ";

/// The key on the line of a place, if one stands there.
fn key_at(text: &str, at: usize) -> Option<&str> {
    let line = text[..at].rfind('\n').map_or(0, |end| end + 1);
    let line = text[line..].lines().next()?;
    let key = line.split('=').next()?.trim().trim_matches(['[', ']', ' ']);
    let is_key = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    (!key.is_empty() && key.len() <= 40 && key.chars().all(is_key)).then_some(key)
}

fn utc() -> String {
    "UTC".to_owned()
}

fn auto() -> String {
    "auto".to_owned()
}

const fn a_second() -> Duration {
    Duration::from_secs(1)
}

#[cfg(test)]
mod tests;
