//! What a visitor does over time: leaky buckets, which fill with what attackers do much of.
//!
//! Each thing that is counted has a bucket that leaks. An ordinary visitor fills none: somebody mistypes a password
//! three times, follows a dead link, loads a page with many pictures. Whoever makes one run over is marked. The
//! figures were found with logs of ordinary servers, of scans, and of attempts at passwords.
//!
//! Time is that of the log. A line that comes late fills a bucket and lets nothing leak.

use super::sentry::Sighting;

/// What a bucket holds, and how much leaks out of it in a second.
#[derive(Clone, Copy, Debug)]
struct Measure {
    capacity: f32,
    leak: f32,
}

/// Failed logins: the seventh in a row, for one is forgiven in twenty seconds.
const LOGINS: Measure = Measure { capacity: 6.0, leak: 1.0 / 20.0 };
/// Different paths that are not there or not allowed, other than pictures and the like.
const NOT_FOUND: Measure = Measure { capacity: 10.0, leak: 1.0 / 10.0 };
/// Requests, other than for pictures and the like, of which a page may have a hundred.
const RATE: Measure = Measure { capacity: 80.0, leak: 4.0 };
/// Different queries on one path.
const QUERIES: Measure = Measure { capacity: 40.0, leak: 5.0 };
/// Scores of rules that were not enough for a line.
const SCORES: Measure = Measure { capacity: 9.0, leak: 1.0 / 30.0 };
/// Different visitors and users that fail at one path.
const SPRAY: Measure = Measure { capacity: 14.0, leak: 1.0 / 20.0 };

/// The score of a line from which on it adds up.
const SCORE_MIN: u8 = 3;
/// The most that one line adds.
const SCORE_MAX: u8 = 5;
/// How many different paths of a visitor are told apart, the latest ones.
const PATHS: usize = 12;
/// The same for queries.
const QUERIES_KNOWN: usize = 8;
/// The same for visitors and users that failed at a path.
const PAIRS: usize = 24;

/// What made a bucket run over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Behaviour {
    /// Many failed logins.
    Logins,
    /// Many paths that are not there or not allowed.
    NotFound,
    /// Many requests.
    Rate,
    /// Many queries on one path.
    Queries,
    /// Many lines that are nearly attacks, or are.
    Score,
    /// Many visitors who fail at one path.
    Spray,
}

impl Behaviour {
    /// All of them, in the order of their numbers.
    pub const ALL: [Self; 6] =
        [Self::Logins, Self::NotFound, Self::Rate, Self::Queries, Self::Score, Self::Spray];

    /// The word that stands for it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Logins => "logins",
            Self::NotFound => "not-found",
            Self::Rate => "rate",
            Self::Queries => "queries",
            Self::Score => "score",
            Self::Spray => "spray",
        }
    }
}

/// How full a bucket is.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Bucket(f32);

impl Bucket {
    fn leak(&mut self, of: Measure, seconds: f32) {
        self.0 = (self.0 - of.leak * seconds).max(0.0);
    }

    /// Adds to it and says whether it runs over. It stays full then, so that what goes on is seen.
    fn add(&mut self, of: Measure, amount: f32) -> bool {
        self.0 += amount;
        let is_over = self.0 > of.capacity;
        self.0 = self.0.min(of.capacity);
        is_over
    }

    /// The part that is full.
    fn share(self, of: Measure) -> f32 {
        self.0 / of.capacity
    }
}

/// The latest different ones of something, as parts of hashes. Zero is none.
#[derive(Clone, Copy, Debug)]
struct Latest<const N: usize> {
    seen: [u32; N],
    next: u8,
}

impl<const N: usize> Default for Latest<N> {
    fn default() -> Self {
        Self { seen: [0; N], next: 0 }
    }
}

impl<const N: usize> Latest<N> {
    /// Whether it was not among the latest ones, among which it is then.
    fn is_new(&mut self, hash: u32) -> bool {
        let hash = hash.max(1);
        if self.seen.contains(&hash) {
            return false;
        }
        self.seen[usize::from(self.next)] = hash;
        self.next = (self.next + 1) % N as u8;
        true
    }
}

/// What one visitor did lately.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Conduct {
    latest: i64,
    logins: Bucket,
    not_found: Bucket,
    rate: Bucket,
    queries: Bucket,
    scores: Bucket,
    paths: Latest<PATHS>,
    queried: u32,
    queries_known: Latest<QUERIES_KNOWN>,
}

impl Conduct {
    /// Takes a line into account and says what ran over, if anything did.
    pub(super) fn note(&mut self, sighting: &Sighting) -> Option<Behaviour> {
        self.pass(sighting.second);
        let mut found = None;
        if sighting.counts_for_rate() && self.rate.add(RATE, 1.0) {
            found = Some(Behaviour::Rate);
        }
        if sighting.is_query() && self.query(sighting) {
            found = Some(Behaviour::Queries);
        }
        if sighting.is_missing()
            && self.paths.is_new(sighting.path)
            && self.not_found.add(NOT_FOUND, 1.0)
        {
            found = Some(Behaviour::NotFound);
        }
        if sighting.score >= SCORE_MIN {
            let amount = f32::from(sighting.score.min(SCORE_MAX));
            if self.scores.add(SCORES, amount) {
                found = Some(Behaviour::Score);
            }
        }
        // An answer that may be a refusal is taken for one after one that is.
        let is_failure =
            sighting.is_failed_login() || (sighting.may_be_failed_login() && self.logins.0 > 0.0);
        if is_failure && self.logins.add(LOGINS, 1.0) {
            found = Some(Behaviour::Logins);
        }
        found
    }

    /// Lets leak what has leaked since the latest line.
    fn pass(&mut self, second: i64) {
        if self.latest == 0 {
            self.latest = second;
        }
        let seconds = (second - self.latest).clamp(0, 86_400) as f32;
        if seconds > 0.0 {
            self.latest = second;
            self.logins.leak(LOGINS, seconds);
            self.not_found.leak(NOT_FOUND, seconds);
            self.rate.leak(RATE, seconds);
            self.queries.leak(QUERIES, seconds);
            self.scores.leak(SCORES, seconds);
        }
    }

    fn query(&mut self, sighting: &Sighting) -> bool {
        if self.queried != sighting.path {
            self.queried = sighting.path;
            self.queries = Bucket::default();
        }
        self.queries_known.is_new(sighting.target) && self.queries.add(QUERIES, 1.0)
    }

    /// How full the fullest bucket is at `second`: who has none but empty ones can be forgotten.
    pub(super) fn fullness(&self, second: i64) -> f32 {
        let mut now = *self;
        now.pass(second);
        [
            now.logins.share(LOGINS),
            now.not_found.share(NOT_FOUND),
            now.rate.share(RATE),
            now.queries.share(QUERIES),
            now.scores.share(SCORES),
        ]
        .into_iter()
        .fold(0.0, f32::max)
    }
}

/// Who failed at one path lately.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Target {
    latest: i64,
    bucket: Bucket,
    pairs: Latest<PAIRS>,
}

impl Target {
    /// Takes a failure into account and says whether there were too many.
    pub(super) fn note(&mut self, second: i64, pair: u32) -> bool {
        if self.latest == 0 {
            self.latest = second;
        }
        let seconds = (second - self.latest).clamp(0, 86_400) as f32;
        self.latest = self.latest.max(second);
        self.bucket.leak(SPRAY, seconds);
        self.pairs.is_new(pair) && self.bucket.add(SPRAY, 1.0)
    }

    pub(super) fn fullness(&self, second: i64) -> f32 {
        let mut bucket = self.bucket;
        bucket.leak(SPRAY, (second - self.latest).clamp(0, 86_400) as f32);
        bucket.share(SPRAY)
    }
}
