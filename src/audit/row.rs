//! A record as numbers, and ways of saying less of it.

use std::hash::{BuildHasher as _, RandomState};

/// How many records are measured: they take 250 MiB, and sorting them 100 MiB more.
pub const ROWS_MAX: usize = 4_000_000;

/// What of a record may be known of somebody from elsewhere: the quasi-identifiers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
#[expect(missing_docs, reason = "each variant is the key of its name")]
pub enum Facet {
    Time,
    Client,
    Network,
    Country,
    Organisation,
    Path,
    Referrer,
    Browser,
    BrowserVersion,
    Os,
    Device,
    Language,
}

impl Facet {
    /// How many there are.
    pub const COUNT: usize = 12;

    /// All of them, in the order of a record's keys.
    pub const ALL: [Self; Self::COUNT] = [
        Self::Time,
        Self::Client,
        Self::Network,
        Self::Country,
        Self::Organisation,
        Self::Path,
        Self::Referrer,
        Self::Browser,
        Self::BrowserVersion,
        Self::Os,
        Self::Device,
        Self::Language,
    ];

    /// The key of a record.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Time => "time",
            Self::Client => "client",
            Self::Network => "network",
            Self::Country => "country",
            Self::Organisation => "organisation",
            Self::Path => "path",
            Self::Referrer => "referrer",
            Self::Browser => "browser",
            Self::BrowserVersion => "browser_version",
            Self::Os => "os",
            Self::Device => "device",
            Self::Language => "language",
        }
    }

    /// The facet of a record's key.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|facet| facet.name() == name)
    }
}

/// A record as numbers; zero where it has no value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Row {
    /// Seconds since 1970, and one.
    pub(super) time: u32,
    pub(super) client: u64,
    pub(super) path: u64,
    /// The first segment of the path.
    root: u32,
    /// The others, in the order of [`Facet::ALL`].
    others: [u32; 9],
}

/// Marks a client that is a network, by its version, with its bits below.
const V4: u64 = 4 << 60;
const V6: u64 = 6 << 60;
const FAMILY: u64 = 0xf << 60;

/// Makes rows under a key of the run.
#[derive(Debug, Default)]
pub(super) struct Rows(RandomState);

impl Rows {
    /// Sets what a record says.
    pub(super) fn set(&self, row: &mut Row, facet: Facet, text: &str) {
        match facet {
            Facet::Time => {
                let time = crate::transform::time::parse_any(text.as_bytes()).ok();
                row.time = time.map_or(0, |time| time.seconds() as u32 + 1);
            }
            Facet::Client => row.client = self.client(text),
            Facet::Path => {
                row.path = self.0.hash_one(text).max(1);
                let root = text.split('/').nth(1).unwrap_or_default();
                row.root = self.hash(root);
            }
            _ => row.others[other(facet)] = self.hash(text),
        }
    }

    fn hash(&self, text: &str) -> u32 {
        ((self.0.hash_one(text) >> 32) as u32).max(1)
    }

    fn client(&self, text: &str) -> u64 {
        let address = text.split('/').next().unwrap_or_default();
        if let Ok(v4) = address.parse::<std::net::Ipv4Addr>() {
            return V4 | u64::from(v4.to_bits());
        }
        if let Ok(v6) = address.parse::<std::net::Ipv6Addr>() {
            return V6 | (v6.to_bits() >> 72) as u64 & !FAMILY;
        }
        (self.0.hash_one(text) & !FAMILY).max(1)
    }
}

const fn other(facet: Facet) -> usize {
    match facet {
        Facet::Network => 0,
        Facet::Country => 1,
        Facet::Organisation => 2,
        Facet::Referrer => 3,
        Facet::Browser => 4,
        Facet::BrowserVersion => 5,
        Facet::Os => 6,
        Facet::Device => 7,
        _ => 8,
    }
}

/// How much of each facet is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct View([u8; Facet::COUNT]);

impl View {
    /// All that the records say.
    pub const ALL: Self = Self([u8::MAX; Facet::COUNT]);
    /// Nothing.
    pub const NONE: Self = Self([0; Facet::COUNT]);

    /// With so much of a facet: 0 is nothing, and [`u8::MAX`] all. Of a time, 1 is the day and 2 the hour; of a
    /// client, 1 is a wide network; of a path, 1 is its first segment.
    #[must_use]
    pub const fn with(mut self, facet: Facet, level: u8) -> Self {
        self.0[facet as usize] = level;
        self
    }

    /// How much of a facet is said.
    #[must_use]
    pub const fn level(&self, facet: Facet) -> u8 {
        self.0[facet as usize]
    }

    /// What of a row is said, as one number.
    #[inline]
    pub(super) fn of(&self, row: &Row) -> u64 {
        let mut hash = 0x9E37_79B9_7F4A_7C15;
        for facet in Facet::ALL {
            let value = row.value(facet, self.level(facet));
            hash = mix(hash ^ value);
        }
        hash
    }
}

/// Spreads the bits of a number over all of it (SplitMix64): no two numbers become one.
const fn mix(number: u64) -> u64 {
    let number = number.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let number = (number ^ number >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let number = (number ^ number >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
    number ^ number >> 31
}

impl Row {
    /// Whether there is a value.
    pub(super) fn has(&self, facet: Facet) -> bool {
        self.value(facet, u8::MAX) != 0
    }

    /// Whether the client is a network.
    pub(super) const fn has_network(&self) -> bool {
        matches!(self.client & FAMILY, V4 | V6)
    }

    /// The value as it is said at a level.
    #[inline]
    pub(super) fn value(&self, facet: Facet, level: u8) -> u64 {
        match (facet, level) {
            (_, 0) => 0,
            (Facet::Time, 1) => u64::from(self.time.saturating_sub(1) / 86_400) + 1,
            (Facet::Time, 2) => u64::from(self.time.saturating_sub(1) / 3_600) + 1,
            (Facet::Time, _) => u64::from(self.time),
            (Facet::Client, 1) => match self.client & FAMILY {
                V4 => self.client & (FAMILY | 0xff00_0000),
                V6 => self.client & (FAMILY | 0xffff << 40),
                _ => self.client,
            },
            (Facet::Client, _) => self.client,
            (Facet::Path, 1) => u64::from(self.root),
            (Facet::Path, _) => self.path,
            _ => u64::from(self.others[other(facet)]),
        }
    }
}
