//! What somebody does who has the output, the key directory and all of the memory: every 32 bytes of it, and every
//! 64 hexadecimal digits, are tried as a value of the chain, as the key of an epoch and as the key of a field.
//!
//! The construction is written down here a second time, from its description and with the hash alone, so that
//! a mistake in the program's own does not blind the search.

use std::{
    collections::HashSet,
    hash::{DefaultHasher, Hasher as _},
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use blake3::{
    Hasher,
    hazmat::{HasherExt as _, hash_derive_key_context},
};

use super::memory::Piece;

pub(crate) const KEY_BYTES: usize = 32;
/// What is handed to a thread at a time, and is tried once where it repeats.
const PAGE: usize = 4_096;

/// A token without its epoch, as its 10 bytes.
pub(crate) type Bits = [u8; 10];

/// As what 32 bytes were of use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    Chain,
    Epoch,
    Field,
}

/// 32 bytes that gave addresses back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Hit {
    pub(crate) role: Role,
    /// Which of the runs, by number.
    pub(crate) run: usize,
    /// How many of its addresses came back.
    pub(crate) recovered: usize,
    pub(crate) is_locked: bool,
}

/// An attack on the tokens that runs made of the same IPv4 addresses on one site.
pub(crate) struct Attack {
    chain_to_epoch: Hasher,
    epoch_to_field: Hasher,
    site: [u8; KEY_BYTES],
    addresses: Vec<u32>,
    /// The tokens of these addresses, for each run.
    runs: Vec<Vec<Bits>>,
    /// What was tried already, and gave nothing: it would not later.
    in_vain: Mutex<HashSet<u64>>,
}

impl Attack {
    pub(crate) fn new(site: &str, addresses: Vec<u32>, runs: Vec<Vec<Bits>>) -> Self {
        assert!(runs.iter().all(|tokens| tokens.len() == addresses.len()));
        let context = |text| Hasher::new_from_context_key(&hash_derive_key_context(text));
        Self {
            chain_to_epoch: context("tamis 2026-11-22 epoch key v1"),
            epoch_to_field: context("tamis 2026-11-22 field visitor v1"),
            site: *blake3::hash(site.as_bytes()).as_bytes(),
            addresses,
            runs,
            in_vain: Mutex::default(),
        }
    }

    /// Tries every 32 bytes of all pieces, those of equal pages once.
    pub(crate) fn search(&self, pieces: &[Piece]) -> Vec<Hit> {
        let pages = self.pages(pieces);
        let (next, hits) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
        let work = || {
            while let Some(page) = pages.get(next.fetch_add(1, Ordering::Relaxed)) {
                let found = self.search_page(page);
                if found.is_empty() {
                    self.in_vain.lock().expect("nobody panics").insert(page.hash);
                } else {
                    hits.lock().expect("nobody panics").extend(found);
                }
            }
        };
        thread::scope(|scope| {
            for _ in 0..thread::available_parallelism().map_or(1, usize::from) {
                scope.spawn(work);
            }
        });
        hits.into_inner().expect("nobody panicked")
    }

    /// The pages that differ, and were not tried in vain before.
    fn pages<'a>(&self, pieces: &'a [Piece]) -> Vec<Page<'a>> {
        let mut seen = self.in_vain.lock().expect("nobody panics").clone();
        let mut pages = Vec::new();
        for Piece { bytes, is_locked } in pieces {
            for start in (0..bytes.len()).step_by(PAGE) {
                let bytes = &bytes[start..bytes.len().min(start + PAGE + 2 * KEY_BYTES - 1)];
                let mut hasher = DefaultHasher::new();
                hasher.write(bytes);
                let hash = hasher.finish();
                if seen.insert(hash) {
                    pages.push(Page { bytes, hash, is_locked: *is_locked });
                }
            }
        }
        pages
    }

    fn search_page(&self, page: &Page<'_>) -> Vec<Hit> {
        let (mut before, mut hits): (&[u8], _) = (&[], Vec::new());
        // What begins behind the page is tried with the next one.
        for window in page.bytes.windows(KEY_BYTES).take(PAGE) {
            // A run of equal bytes is tried once.
            if window != before {
                let key = window.try_into().expect("a window has 32 bytes");
                hits.extend(self.try_as_all(key, page.is_locked));
            }
            before = window;
        }
        let digits = page.bytes.windows(2 * KEY_BYTES).take(PAGE);
        let keys = digits.filter(|digits| digits[0].is_ascii_hexdigit()).filter_map(unhex);
        hits.extend(keys.filter_map(|key| self.try_as_all(&key, page.is_locked)));
        hits
    }

    /// What 32 bytes give back, if anything.
    fn try_as_all(&self, window: &[u8; KEY_BYTES], is_locked: bool) -> Option<Hit> {
        let epoch_key = self.epoch_key(window);
        [
            (Role::Field, *window),
            (Role::Epoch, self.field_key(window)),
            (Role::Chain, self.field_key(&epoch_key)),
        ]
        .into_iter()
        .find_map(|(role, key)| {
            let first = self.token(&key, self.addresses[0]);
            let run = self.runs.iter().position(|tokens| tokens[0] == first)?;
            let pairs = self.addresses.iter().zip(&self.runs[run]);
            let recovered = pairs.filter(|(at, token)| self.token(&key, **at) == **token).count();
            Some(Hit { role, run, recovered, is_locked })
        })
    }

    /// The tokens that a value of the chain leads to.
    pub(crate) fn tokens_of_chain(&self, chain: &[u8; KEY_BYTES]) -> Vec<Bits> {
        let key = self.field_key(&self.epoch_key(chain));
        self.addresses.iter().map(|address| self.token(&key, *address)).collect()
    }

    /// Takes another run into the attack.
    pub(crate) fn add(&mut self, tokens: Vec<Bits>) {
        assert_eq!(tokens.len(), self.addresses.len());
        self.runs.push(tokens);
        self.in_vain = Mutex::default();
    }

    fn epoch_key(&self, chain: &[u8; KEY_BYTES]) -> [u8; KEY_BYTES] {
        *self.chain_to_epoch.clone().update(chain).finalize().as_bytes()
    }

    fn field_key(&self, epoch_key: &[u8; KEY_BYTES]) -> [u8; KEY_BYTES] {
        *self.epoch_to_field.clone().update(epoch_key).update(&self.site).finalize().as_bytes()
    }

    fn token(&self, field_key: &[u8; KEY_BYTES], address: u32) -> Bits {
        let [a, b, c, d] = address.to_be_bytes();
        let hash = blake3::keyed_hash(field_key, &[4, a, b, c, d]);
        hash.as_bytes()[..10].try_into().expect("a hash has more")
    }
}

/// Some bytes of a piece, and the 63 after them.
struct Page<'a> {
    bytes: &'a [u8],
    hash: u64,
    is_locked: bool,
}

/// The key that 64 digits stand for.
fn unhex(digits: &[u8]) -> Option<[u8; KEY_BYTES]> {
    let mut key = [0; KEY_BYTES];
    for (pair, byte) in digits.chunks_exact(2).zip(&mut key) {
        let digit = |at: usize| char::from(pair[at]).to_digit(16);
        *byte = (digit(0)? << 4 | digit(1)?) as u8;
    }
    Some(key)
}

/// The bytes of a token's text, `t1.EPOCH.CHARACTERS`.
pub(crate) fn bits(token: &str) -> Bits {
    let characters = token.rsplit('.').next().expect("a token has parts");
    let digits = "0123456789abcdefghjkmnpqrstvwxyz";
    let number = characters.chars().fold(0_u128, |sum, character| {
        sum << 5 | digits.find(character).expect("a digit of base 32") as u128
    });
    number.to_be_bytes()[6..].try_into().expect("80 bits are 10 bytes")
}
