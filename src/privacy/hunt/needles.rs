//! What is looked for, as keyed digests: which there are, where each came from, and where a text may begin with one.
//!
//! No text of a visitor is kept. A text of up to [`NEEDLE_BYTES_MAX`] bytes has a digest under a key that is drawn
//! for the run; longer ones are known by their beginning, which is long enough to be nobody else's. So that a text
//! can be found anywhere in another one, the digest of its first bytes (its *anchor*) leads to the lengths that
//! texts with this beginning have. A table of bits says of most places of an output that nothing begins there.
//!
//! Memory is bounded: when there are more than [`NEEDLES_MAX`], half of them wait for another pass over all
//! files, then three quarters, and so on.

use std::hash::{BuildHasher as _, Hasher as _, RandomState};

use hashbrown::HashMap;

/// The shortest text that is looked for, in bytes: shorter ones are found by chance.
pub(super) const NEEDLE_BYTES_MIN: usize = 6;
/// How much of a text is looked for.
pub(super) const NEEDLE_BYTES_MAX: usize = 48;
/// How many are looked for in one pass: 170 MiB of them, and 70 MiB of anchors.
const NEEDLES_MAX: usize = 3_500_000;
/// How many words of paths are known, in 70 MiB; those that come later are not known to be words.
const WORDS_MAX: usize = 3_500_000;
/// The table of bits has 4 MiB.
const FILTER_BITS: u32 = 25;
/// The bytes of an anchor in a word of 64 bits.
pub(super) const ANCHOR_MASK: u64 = (1 << (8 * NEEDLE_BYTES_MIN)) - 1;
/// From how many clients on a word is everybody's.
const CLIENTS_MANY: u8 = 3;

/// What kind of identifier it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum NeedleKind {
    /// An IP address, in any notation.
    Address,
    /// A host name in the place of a client's address.
    Host,
    /// A user.
    User,
    /// An e-mail address.
    Email,
    /// A text that looks drawn by lot: a session, a key, a signature, a UUID.
    Token,
    /// The value of a parameter.
    Query,
    /// The value of a cookie.
    Cookie,
    /// A part of the path of the page that linked here.
    Referrer,
    /// A whole user agent.
    Agent,
    /// A word of a column that records never have.
    Other,
}

impl NeedleKind {
    /// All kinds, in the order in which they are told.
    pub const ALL: [Self; 10] = [
        Self::Address,
        Self::Host,
        Self::User,
        Self::Email,
        Self::Token,
        Self::Query,
        Self::Cookie,
        Self::Referrer,
        Self::Agent,
        Self::Other,
    ];

    /// The word for it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Address => "address",
            Self::Host => "host",
            Self::User => "user",
            Self::Email => "email",
            Self::Token => "token",
            Self::Query => "query",
            Self::Cookie => "cookie",
            Self::Referrer => "referrer",
            Self::Agent => "agent",
            Self::Other => "column",
        }
    }

    /// What it is, for a sentence.
    #[must_use]
    pub const fn phrase(self) -> &'static str {
        match self {
            Self::Address => "an IP address",
            Self::Host => "a client's host name",
            Self::User => "a user",
            Self::Email => "an e-mail address",
            Self::Token => "a token",
            Self::Query => "the value of a parameter",
            Self::Cookie => "the value of a cookie",
            Self::Referrer => "a part of a referrer's path",
            Self::Agent => "a whole user agent",
            Self::Other => "a word of another column",
        }
    }

    /// Whether its form says nothing: it may be a word like any other.
    const fn is_wordy(self) -> bool {
        matches!(self, Self::Query | Self::Cookie | Self::Referrer | Self::Other)
    }
}

/// Where in the raw logs something stands first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RawPlace {
    /// The number of the file, from 0.
    pub file: u16,
    /// The offset of its line in the content of the file.
    pub offset: u64,
}

/// Something that is looked for.
#[derive(Clone, Copy)]
pub(super) struct Needle {
    pub(super) kind: NeedleKind,
    pub(super) place: RawPlace,
    /// The first two clients that have it, and how many there are up to three.
    clients: [u32; 2],
    count: u8,
}

/// A word that stands in paths.
#[derive(Clone, Copy)]
struct Word {
    client: u32,
    is_shared: bool,
}

/// What digests are of: the same bytes are something else elsewhere.
#[derive(Clone, Copy)]
pub(super) enum Sort {
    Text = 1,
    Address,
    Anchor,
    Word,
    Client,
    /// A word that was taken, and one that was looked at.
    Taken,
    Looked,
}

type Digests<T> = HashMap<u64, T, foldhash::fast::RandomState>;

/// All that is looked for in this pass, and the words that are none.
pub(super) struct Needles {
    key: RandomState,
    multiplier: u64,
    found: Digests<Needle>,
    anchors: Digests<u64>,
    filter: Vec<u64>,
    words: Digests<Word>,
    words_overflowed: bool,
    vocabulary: Digests<()>,
    pass: u64,
    passes: u64,
    limit: usize,
}

impl Needles {
    pub(super) fn new() -> Self {
        let key = RandomState::new();
        let multiplier = key.hash_one(0_u64) | 1;
        Self {
            key,
            multiplier,
            found: Digests::default(),
            anchors: Digests::default(),
            filter: vec![0; 1 << (FILTER_BITS - 6)],
            words: Digests::default(),
            words_overflowed: false,
            vocabulary: Digests::default(),
            pass: 0,
            passes: 1,
            limit: NEEDLES_MAX,
        }
    }

    /// Lets a pass hold less, to see that several find the same.
    #[cfg(test)]
    pub(super) const fn with_limit(mut self, limit: usize) -> Self {
        self.limit = limit;
        self
    }

    #[inline]
    pub(super) fn digest(&self, sort: Sort, text: &[u8]) -> u64 {
        let mut hasher = self.key.build_hasher();
        hasher.write_u8(sort as u8);
        hasher.write(text);
        hasher.finish()
    }

    /// Who a client is, as far as clients are told apart.
    pub(super) fn client(&self, text: &[u8]) -> u32 {
        (self.digest(Sort::Client, text) >> 32) as u32
    }

    /// Goes on to the next pass; whether there is one.
    pub(super) fn next_pass(&mut self) -> bool {
        self.pass += 1;
        self.found.clear();
        self.anchors.clear();
        self.filter.fill(0);
        self.pass < self.passes
    }

    /// Which pass it is and how many there are.
    pub(super) const fn passes(&self) -> (u64, u64) {
        (self.pass, self.passes)
    }

    /// How many of each kind are looked for in this pass.
    pub(super) fn counts(&self) -> [u64; NeedleKind::ALL.len()] {
        let mut counts = [0; NeedleKind::ALL.len()];
        self.found.values().for_each(|needle| counts[needle.kind as usize] += 1);
        counts
    }

    pub(super) const fn words_overflowed(&self) -> bool {
        self.words_overflowed
    }

    /// Adds a text of `client`, which is normalised.
    pub(super) fn add_text(&mut self, text: &[u8], kind: NeedleKind, place: RawPlace, client: u32) {
        let text = &text[..text.len().min(NEEDLE_BYTES_MAX)];
        let Some(first) = text.first_chunk::<NEEDLE_BYTES_MIN>() else { return };
        let digest = self.digest(Sort::Text, text);
        if self.add(digest, kind, place, client) {
            let window = first.iter().fold(0, |window, byte| window << 8 | u64::from(*byte));
            let (word, bit) = self.filter_place(window);
            self.filter[word] |= bit;
            let anchor = self.digest(Sort::Anchor, first);
            *self.anchors.entry(anchor).or_default() |= 1 << (text.len() - NEEDLE_BYTES_MIN);
        }
    }

    /// Adds an address by its bytes.
    pub(super) fn add_address(&mut self, bytes: &[u8], place: RawPlace, client: u32) {
        let digest = self.digest(Sort::Address, bytes);
        self.add(digest, NeedleKind::Address, place, client);
    }

    /// Whether it is of this pass.
    fn add(&mut self, digest: u64, kind: NeedleKind, place: RawPlace, client: u32) -> bool {
        if digest >> 32 & (self.passes - 1) != self.pass {
            return false;
        }
        let new = Needle { kind, place, clients: [client; 2], count: 1 };
        let needle = self.found.entry(digest).or_insert(new);
        // What its form gives away is known by that, wherever else it stands.
        needle.kind = needle.kind.min(kind);
        if needle.count < CLIENTS_MANY && !needle.clients.contains(&client) {
            needle.count += 1;
            needle.clients[1] = client;
        }
        if self.pass == 0 && self.found.len() > self.limit {
            self.passes *= 2;
            let passes = self.passes;
            self.found.retain(|digest, _| *digest >> 32 & (passes - 1) == 0);
        }
        true
    }

    /// Adds a word of a path that was found there, or of a name that may be told.
    pub(super) fn add_word(&mut self, word: &[u8], client: Option<u32>) {
        let digest = self.digest(Sort::Word, word);
        let new = Word { client: client.unwrap_or_default(), is_shared: client.is_none() };
        let has_room = self.words.len() < WORDS_MAX;
        match self.words.get_mut(&digest) {
            Some(known) => known.is_shared |= client.is_none_or(|client| client != known.client),
            None if has_room => _ = self.words.insert(digest, new),
            None => self.words_overflowed = true,
        }
    }

    /// Adds the words of a text that is the program's or the policy's own.
    pub(super) fn add_vocabulary(&mut self, text: &[u8]) {
        let words: Vec<_> = words_of(text)
            .map(|word| self.digest(Sort::Word, &word.to_ascii_lowercase()))
            .collect();
        self.vocabulary.extend(words.into_iter().map(|digest| (digest, ())));
    }

    fn filter_place(&self, window: u64) -> (usize, u64) {
        let hash = window.wrapping_mul(self.multiplier) >> (64 - FILTER_BITS);
        ((hash >> 6) as usize, 1 << (hash & 63))
    }

    /// Whether a text may begin with these bytes.
    #[inline(always)]
    pub(super) fn may_begin(&self, window: u64) -> bool {
        let (word, bit) = self.filter_place(window);
        self.filter[word] & bit != 0
    }

    /// Hands on each text that begins at `at` and is looked for, with its digest.
    pub(super) fn at(&self, text: &[u8], at: usize, mut receive: impl FnMut(u64, Needle)) {
        let anchor = text[at..].first_chunk::<NEEDLE_BYTES_MIN>();
        let anchor = anchor.map(|anchor| self.digest(Sort::Anchor, anchor));
        let Some(lengths) = anchor.and_then(|anchor| self.anchors.get(&anchor)) else { return };
        let mut lengths = *lengths;
        while lengths != 0 {
            let end = at + lengths.trailing_zeros() as usize + NEEDLE_BYTES_MIN;
            lengths &= lengths - 1;
            if end > text.len() || !is_alone(text, at, end) {
                continue;
            }
            let digest = self.digest(Sort::Text, &text[at..end]);
            if let Some(needle) = self.found.get(&digest)
                && !self.is_public(needle, &text[at..end])
            {
                receive(digest, *needle);
            }
        }
    }

    pub(super) fn address(&self, bytes: &[u8]) -> Option<(u64, Needle)> {
        let digest = self.digest(Sort::Address, bytes);
        self.found.get(&digest).map(|needle| (digest, *needle))
    }

    /// Whether somebody asked for a path with this word, or it may be told.
    pub(super) fn is_word(&self, word: &[u8]) -> bool {
        self.words.contains_key(&self.digest(Sort::Word, word))
    }

    /// Whether a text may be told although somebody had it.
    fn is_public(&self, needle: &Needle, text: &[u8]) -> bool {
        let kind = needle.kind;
        if matches!(kind, NeedleKind::Address | NeedleKind::Email | NeedleKind::Agent) {
            return false;
        }
        if kind.is_wordy() {
            return needle.count >= CLIENTS_MANY || self.all_words(text, |_| true);
        }
        self.all_words(text, |word| word.is_shared)
    }

    /// Whether all words of a text are the program's own, or words of paths of which `holds` is true.
    fn all_words(&self, text: &[u8], holds: impl Fn(&Word) -> bool) -> bool {
        // The last word of what was cut may be a part of one.
        let is_cut = text.len() == NEEDLE_BYTES_MAX;
        let cut = text.iter().rposition(|byte| is_cut && !is_in_word(*byte));
        let text = &text[..cut.unwrap_or(text.len())];
        words_of(text).all(|word| {
            let digest = self.digest(Sort::Word, word);
            word.len() < 3
                || self.vocabulary.contains_key(&digest)
                || self.words.get(&digest).is_some_and(&holds)
        })
    }
}

/// The stretches of letters and digits of a text.
pub(super) fn words_of(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split(|byte| !is_in_word(*byte)).filter(|word| !word.is_empty())
}

pub(super) const fn is_in_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte >= 0x80
}

/// Whether a part of a text is no part of a longer word. What is long and has digits cannot be there by chance, and
/// is found inside of words too; so is the beginning of what was cut.
fn is_alone(text: &[u8], start: usize, end: usize) -> bool {
    let part = &text[start..end];
    let is_rare = part.len() >= 12 && part.iter().any(u8::is_ascii_digit);
    // What is before the name of an e-mail address and cannot be in one is no part of it.
    let is_email = part.contains(&b'@');
    let goes_on = |byte: u8| if is_email { byte.is_ascii_alphanumeric() } else { is_in_word(byte) };
    let begins = start == 0 || !(goes_on(text[start - 1]) && is_in_word(part[0]));
    let last = part[part.len() - 1];
    let ends = text.get(end).is_none_or(|next| !(goes_on(*next) && is_in_word(last)));
    is_rare || (begins && (ends || part.len() == NEEDLE_BYTES_MAX))
}
