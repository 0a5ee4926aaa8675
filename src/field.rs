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
    /// A line that too few visitors shared, under a policy that holds records until enough do.
    Suppressed,
}

impl Reason {
    /// All reasons, in the order in which summaries print them.
    pub const ALL: [Self; 11] = [
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
        Self::Suppressed,
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
            Self::Suppressed => "suppressed",
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
    /// The virtual host, with or without its port.
    Site,
    /// The client address or host name, with a port where the format has one.
    Client,
    /// What proxies say of the client: a list as in X-Forwarded-For, or RFC 7239's `Forwarded`.
    Forwarded,
    /// The time of the request, or its time of day where the date is a field of its own.
    Time,
    /// The date of the request, in formats that keep it apart from the time.
    Date,
    /// The request line: method, target, protocol.
    Request,
    /// The method, in formats that keep it apart.
    Method,
    /// The target or its path, in formats that keep it apart.
    Target,
    /// The query, in formats that keep it apart from the path.
    Query,
    /// The protocol, in formats that keep it apart.
    Protocol,
    /// The status of the response.
    Status,
    /// The bytes of the response.
    Bytes,
    /// How long the response took, in the unit that the map names.
    Duration,
    /// The page that linked here.
    Referrer,
    /// The user agent.
    Agent,
    /// The `Accept-Language` header.
    Language,
    /// The `DNT` header, by which visitors opt out.
    Dnt,
    /// The `Sec-GPC` header, by which visitors opt out.
    Gpc,
    /// The `Cookie` header: one cookie may opt out, and the value of one may become a token.
    Cookie,
    /// The level of a message in an error log.
    Level,
    /// The module of a server that wrote a message in an error log.
    Module,
    /// A message of an error log, of which nothing but its class is told.
    Message,
}

impl Field {
    /// How many fields there are.
    pub const COUNT: usize = 22;

    /// All fields, in the order of their numbers.
    pub const ALL: [Self; Self::COUNT] = [
        Self::Site,
        Self::Client,
        Self::Forwarded,
        Self::Time,
        Self::Date,
        Self::Request,
        Self::Method,
        Self::Target,
        Self::Query,
        Self::Protocol,
        Self::Status,
        Self::Bytes,
        Self::Duration,
        Self::Referrer,
        Self::Agent,
        Self::Language,
        Self::Dnt,
        Self::Gpc,
        Self::Cookie,
        Self::Level,
        Self::Module,
        Self::Message,
    ];

    /// The field's name for people.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Site => "site",
            Self::Client => "client",
            Self::Forwarded => "forwarded",
            Self::Time => "time",
            Self::Date => "date",
            Self::Request => "request",
            Self::Method => "method",
            Self::Target => "target",
            Self::Query => "query",
            Self::Protocol => "protocol",
            Self::Status => "status",
            Self::Bytes => "bytes",
            Self::Duration => "duration",
            Self::Referrer => "referrer",
            Self::Agent => "agent",
            Self::Language => "language",
            Self::Dnt => "dnt",
            Self::Gpc => "gpc",
            Self::Cookie => "cookie",
            Self::Level => "level",
            Self::Module => "module",
            Self::Message => "message",
        }
    }

    /// The field of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|field| field.name() == name)
    }
}

/// How a server writes bytes that its format has another use for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Escaping {
    /// A backslash before `xNN`, a quote, a backslash or a letter of C: nginx, Apache, lighttpd.
    #[default]
    Log,
    /// As in JSON strings (RFC 8259, section 7).
    Json,
    /// `#` before two hexadecimal digits: HAProxy.
    Hash,
    /// `+` for a space: W3C extended and IIS.
    Plus,
    /// `%` before two hexadecimal digits, once or twice over: CloudFront.
    Percent,
}

/// The unit that a format logs durations in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(u8)]
#[expect(missing_docs, reason = "each variant is the unit of its name")]
pub enum DurationUnit {
    #[default]
    Seconds,
    Milliseconds,
    Microseconds,
    Nanoseconds,
}

/// One element of a time as a server was told to write it, after the letters of strftime(3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimeItem {
    /// This byte.
    Literal(u8),
    /// Any amount of white space, also none: what a letter stands for that writes spaces.
    Space,
    /// A time in the Common Log Format with or without its brackets.
    Clf,
    /// The year with four digits.
    Year,
    /// The year's last two digits: 69 to 99 are of the 20th century (POSIX).
    YearOfCentury,
    /// The year's first two digits.
    Century,
    /// The month as a number.
    Month,
    /// The month's English name, short or long.
    MonthName,
    /// The day of the month, with a zero or a space before a single digit, or nothing.
    Day,
    /// The day of the year, 1 to 366.
    DayOfYear,
    /// The English name of the day of the week, short or long; it is not checked.
    WeekdayName,
    /// A number that is not needed, such as that of the week.
    Ignored,
    /// The hour, 0 to 23.
    Hour,
    /// The hour, 1 to 12.
    Hour12,
    /// `AM` or `PM`, in either case; an empty one is taken for the morning.
    Meridiem,
    /// The minute.
    Minute,
    /// The second, 0 to 60.
    Second,
    /// A fraction of a second in digits, which is cut off.
    Fraction,
    /// The offset from UTC: `+hhmm`, `+hh:mm` or `Z`.
    Offset,
    /// A zone's name: `UTC`, `GMT` and `Z` are read, others are taken for UTC.
    ZoneName,
    /// Seconds since 1970, with or without a fraction.
    UnixSeconds,
    /// Milliseconds since 1970.
    UnixMilliseconds,
    /// Microseconds since 1970.
    UnixMicroseconds,
}

/// A time as a server was told to write it.
pub type TimePattern = [TimeItem];

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

/// What a format found in a line: a span for each field that is there, whether it has escapes, and how
/// they and durations are to be read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LineMap {
    spans: [Span; Field::COUNT],
    present: u32,
    escaped: u32,
    /// How the escaped fields are escaped.
    pub escaping: Escaping,
    /// The unit of [`Field::Duration`].
    pub duration_unit: DurationUnit,
}

impl LineMap {
    /// Notes that `field` sits at `span`; `escaped` when it has escapes in it.
    #[inline(always)]
    pub fn set(&mut self, field: Field, span: Span, escaped: bool) {
        debug_assert!(span.start <= span.end, "a span ends after it starts");
        self.spans[field as usize] = span;
        self.present |= 1 << field as u32;
        self.escaped |= u32::from(escaped) << field as u32;
    }

    /// Takes `field` out again.
    pub fn unset(&mut self, field: Field) {
        self.spans[field as usize] = Span::default();
        self.present &= !(1 << field as u32);
        self.escaped &= !(1 << field as u32);
    }

    /// Where `field` sits, if the format has it.
    #[inline]
    #[must_use]
    pub const fn get(&self, field: Field) -> Option<Span> {
        if self.has(field) { Some(self.spans[field as usize]) } else { None }
    }

    /// Whether the format has `field`.
    #[inline]
    #[must_use]
    pub const fn has(&self, field: Field) -> bool {
        self.present & (1 << field as u32) != 0
    }

    /// The part of `line` where `field` sits, which has no byte if the format does not have it.
    #[inline(always)]
    #[must_use]
    pub fn part<'a>(&self, field: Field, line: &'a [u8]) -> &'a [u8] {
        self.spans[field as usize].of(line)
    }

    /// The part of `line` where `field` sits, if the format has it.
    #[inline]
    #[must_use]
    pub fn find<'a>(&self, field: Field, line: &'a [u8]) -> Option<&'a [u8]> {
        self.get(field).map(|span| span.of(line))
    }

    /// Whether the format has any of `fields`.
    #[inline(always)]
    #[must_use]
    pub fn has_any(&self, fields: &[Field]) -> bool {
        self.present & fields.iter().fold(0, |set, field| set | 1 << *field as u32) != 0
    }

    /// The escapes to undo in `field` before it is read, if it has any.
    #[inline]
    #[must_use]
    pub const fn escaping_of(&self, field: Field) -> Option<Escaping> {
        if self.escaped & (1 << field as u32) != 0 { Some(self.escaping) } else { None }
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
    Network,
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
    Level,
    Module,
    Error,
    Cookie,
    Organisation,
}

impl Key {
    /// All keys, in order.
    pub const ALL: [Self; 25] = [
        Self::Time,
        Self::Site,
        Self::Client,
        Self::Network,
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
        Self::Level,
        Self::Module,
        Self::Error,
        Self::Cookie,
        Self::Organisation,
    ];

    /// The key as it is written in JSON and CSV.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Time => "time",
            Self::Site => "site",
            Self::Client => "client",
            Self::Network => "network",
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
            Self::Level => "level",
            Self::Module => "module",
            Self::Error => "error",
            Self::Cookie => "cookie",
            Self::Organisation => "organisation",
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

    /// The set without `key`.
    #[must_use]
    pub const fn without(self, key: Key) -> Self {
        Self(self.0 & !(1 << key as u32))
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
    Week,
    Month,
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
    pub const ALL: [Self; 17] = [
        Self::Hour,
        Self::Day,
        Self::Week,
        Self::Month,
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
            Self::Week => "week",
            Self::Month => "month",
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
