//! The words of a log line: which fields there are, where they sit, why a line is refused, and which
//! keys and tables may come of it.
//!
//! Nothing here holds a byte of a line. A [`Span`] is a pair of offsets and a [`Reason`] is one of a
//! closed list of words, so both may travel anywhere: into an error, a summary, a metric.

use std::fmt;

/// Why a line was refused: the closed list that summaries and metrics use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Reason {
    /// A line without a byte.
    Empty,
    /// A line longer than `--max-line`; what was over the limit was skipped.
    TooLong,
    /// A line that is not of the format: a missing quote, an extra column, another format.
    NotThisFormat,
    /// A client that is neither an address nor a host name in the accepted notation.
    BadAddress,
    /// A time that is not a time.
    BadTime,
    /// A request whose parts contradict each other.
    BadRequest,
    /// A status that is not a number from 100 to 599.
    BadStatus,
    /// An escape that no server writes, or one cut short.
    BadEscape,
    /// A time before 1990 or after 2100.
    TimeOutOfRange,
    /// A line that came after its period was closed.
    Late,
}

impl Reason {
    /// All reasons, in the order in which summaries print them.
    pub const ALL: [Self; 10] = [
        Self::Empty,
        Self::TooLong,
        Self::NotThisFormat,
        Self::BadAddress,
        Self::BadTime,
        Self::BadRequest,
        Self::BadStatus,
        Self::BadEscape,
        Self::TimeOutOfRange,
        Self::Late,
    ];

    /// The word that stands for this reason in every output.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::TooLong => "too-long",
            Self::NotThisFormat => "not-this-format",
            Self::BadAddress => "bad-address",
            Self::BadTime => "bad-time",
            Self::BadRequest => "bad-request",
            Self::BadStatus => "bad-status",
            Self::BadEscape => "bad-escape",
            Self::TimeOutOfRange => "time-out-of-range",
            Self::Late => "late",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// A field that a log line may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Field {
    /// The virtual host, without its port.
    Site,
    /// The client address or host name, with a port where the format has one.
    Client,
    /// The time of the request.
    Time,
    /// The request line: method, target, protocol.
    Request,
    /// The status of the response.
    Status,
    /// The bytes of the response.
    Bytes,
    /// The page that linked here.
    Referrer,
    /// The user agent.
    Agent,
}

impl Field {
    /// How many fields there are.
    pub const COUNT: usize = 8;

    /// All fields, in the order of their numbers.
    pub const ALL: [Self; Self::COUNT] = [
        Self::Site,
        Self::Client,
        Self::Time,
        Self::Request,
        Self::Status,
        Self::Bytes,
        Self::Referrer,
        Self::Agent,
    ];

    /// The field's name for people.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Site => "site",
            Self::Client => "client",
            Self::Time => "time",
            Self::Request => "request",
            Self::Status => "status",
            Self::Bytes => "bytes",
            Self::Referrer => "referrer",
            Self::Agent => "agent",
        }
    }
}

/// Where a field sits in its line: a half-open range of byte offsets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Span {
    /// The offset of the first byte.
    pub start: u32,
    /// The offset after the last byte.
    pub end: u32,
}

impl Span {
    /// The part of `line` that the span covers.
    ///
    /// # Panics
    ///
    /// When the span was not made from this line. The message has numbers only.
    #[inline]
    #[must_use]
    pub fn of(self, line: &[u8]) -> &[u8] {
        &line[self.start as usize..self.end as usize]
    }

    /// Whether the field is there but has no byte.
    #[inline]
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.start == self.end
    }
}

/// What a format found in a line: a span for each field that is there, and whether it has escapes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LineMap {
    spans: [Span; Field::COUNT],
    present: u16,
    escaped: u16,
}

impl LineMap {
    /// Notes that `field` sits at `span`; `escaped` when a backslash stands inside.
    #[inline(always)]
    pub fn set(&mut self, field: Field, span: Span, escaped: bool) {
        debug_assert!(span.start <= span.end, "a span ends after it starts");
        self.spans[field as usize] = span;
        self.present |= 1 << field as u16;
        self.escaped |= u16::from(escaped) << field as u16;
    }

    /// Where `field` sits, if the format has it.
    #[inline]
    #[must_use]
    pub const fn get(&self, field: Field) -> Option<Span> {
        if self.present & (1 << field as u16) != 0 {
            Some(self.spans[field as usize])
        } else {
            None
        }
    }

    /// The part of `line` where `field` sits, which has no byte if the format does not have it.
    #[inline(always)]
    #[must_use]
    pub fn part<'a>(&self, field: Field, line: &'a [u8]) -> &'a [u8] {
        self.spans[field as usize].of(line)
    }

    /// Whether `field` has escapes to undo before it is read.
    #[inline]
    #[must_use]
    pub const fn is_escaped(&self, field: Field) -> bool {
        self.escaped & (1 << field as u16) != 0
    }
}

/// A key that a clean record may have, in the order in which every output prints them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
#[expect(missing_docs, reason = "each variant is the key of its name")]
pub enum Key {
    Time,
    Site,
    Client,
    Country,
    Method,
    Path,
    Query,
    Protocol,
    Status,
    Bytes,
    DurationMs,
    Referrer,
    Browser,
    BrowserVersion,
    Os,
    Device,
    Bot,
    Language,
    Late,
}

impl Key {
    /// All keys, in order.
    pub const ALL: [Self; 19] = [
        Self::Time,
        Self::Site,
        Self::Client,
        Self::Country,
        Self::Method,
        Self::Path,
        Self::Query,
        Self::Protocol,
        Self::Status,
        Self::Bytes,
        Self::DurationMs,
        Self::Referrer,
        Self::Browser,
        Self::BrowserVersion,
        Self::Os,
        Self::Device,
        Self::Bot,
        Self::Language,
        Self::Late,
    ];

    /// The key as it is written in JSON and CSV.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Time => "time",
            Self::Site => "site",
            Self::Client => "client",
            Self::Country => "country",
            Self::Method => "method",
            Self::Path => "path",
            Self::Query => "query",
            Self::Protocol => "protocol",
            Self::Status => "status",
            Self::Bytes => "bytes",
            Self::DurationMs => "duration_ms",
            Self::Referrer => "referrer",
            Self::Browser => "browser",
            Self::BrowserVersion => "browser_version",
            Self::Os => "os",
            Self::Device => "device",
            Self::Bot => "bot",
            Self::Language => "language",
            Self::Late => "late",
        }
    }
}

/// A set of keys.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KeySet(u32);

impl KeySet {
    /// The set without a key.
    pub const EMPTY: Self = Self(0);

    /// The set with `key` added when `wanted`.
    #[must_use]
    pub const fn with(self, key: Key, wanted: bool) -> Self {
        Self(self.0 | (wanted as u32) << key as u32)
    }

    /// Whether `key` is in the set.
    #[inline]
    #[must_use]
    pub const fn has(self, key: Key) -> bool {
        self.0 & (1 << key as u32) != 0
    }

    /// Whether any key is in both sets.
    #[inline]
    #[must_use]
    pub const fn meets(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// The keys, in order.
    pub fn iter(self) -> impl Iterator<Item = Key> {
        Key::ALL.into_iter().filter(move |key| self.has(*key))
    }
}

/// A table of usage counts, in the order in which reports print them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
#[expect(missing_docs, reason = "each variant is the table of its name")]
pub enum Table {
    Hour,
    Day,
    Site,
    Method,
    Path,
    Status,
    StatusClass,
    Protocol,
    Referrer,
    Browser,
    Os,
    Device,
    Bot,
    Language,
    Country,
}

impl Table {
    /// All tables, in order.
    pub const ALL: [Self; 15] = [
        Self::Hour,
        Self::Day,
        Self::Site,
        Self::Method,
        Self::Path,
        Self::Status,
        Self::StatusClass,
        Self::Protocol,
        Self::Referrer,
        Self::Browser,
        Self::Os,
        Self::Device,
        Self::Bot,
        Self::Language,
        Self::Country,
    ];

    /// The name in policies and reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Hour => "hour",
            Self::Day => "day",
            Self::Site => "site",
            Self::Method => "method",
            Self::Path => "path",
            Self::Status => "status",
            Self::StatusClass => "status_class",
            Self::Protocol => "protocol",
            Self::Referrer => "referrer",
            Self::Browser => "browser",
            Self::Os => "os",
            Self::Device => "device",
            Self::Bot => "bot",
            Self::Language => "language",
            Self::Country => "country",
        }
    }
}

/// A set of tables.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TableSet(u32);

impl TableSet {
    /// The set with `table` added.
    #[must_use]
    pub const fn with(self, table: Table) -> Self {
        Self(self.0 | 1 << table as u32)
    }

    /// Whether `table` is in the set.
    #[inline]
    #[must_use]
    pub const fn has(self, table: Table) -> bool {
        self.0 & (1 << table as u32) != 0
    }
}
