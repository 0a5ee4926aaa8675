//! The keys that are alive, and how each worker makes tokens with them.
//!
//! A [`Keyring`] holds the keys of epochs. Somebody else draws them, watches the clock and takes away the keys
//! whose time is over ([`Keyring::publish`]); what comes in here is values. A [`Minter`] belongs to one worker and
//! remembers what it derived: keys of sites, and tokens by a hash of their address, so that visitors, who come
//! in bursts, cost one hash each.
//!
//! When a key goes, everything derived from it goes with it, also while a worker waits for input: between
//! two blocks what a worker derived lies on its desk, where the keyring finds and overwrites it. Within a
//! block no lock is taken, but for the place of a further key.

use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError,
    atomic::{AtomicI64, AtomicU64, Ordering},
};

use zeroize::Zeroize;

use super::memo::Seed;
use crate::transform::{
    address::Client,
    pseudonym::{
        Epoch, EpochKey, EpochLabel, EpochLength, FieldKey, KeyId, RunKey, TOKEN_CHARACTERS, Token,
        TokenField, overwrite_stack,
    },
};

/// How far ahead of the clock a line may be dated and still get a token: clocks differ by less.
pub const AHEAD_SECONDS: i64 = 3_600;

/// How many tokens each worker remembers; what comes after that takes the place of others. Visitors come in
/// bursts, and a table that stays close to the processor costs little where they do not: one of eight times
/// the size took longer than the hashes that it saved.
const TOKENS_REMEMBERED: usize = 1_024;
/// How many keys of sites each worker remembers, for the same reason. One more costs two hashes.
const SITES_REMEMBERED: usize = 256;

/// Where the key for lines that do not say their site lies: behind the others, for nothing else.
const SITE_OF_OTHERS: usize = SITES_REMEMBERED;

/// How much of the stack may have been used within a block, in words. Copies of keys were found up to 1 KiB below; the
/// rest is for compilers with other habits. It takes a microsecond.
pub(super) const BLOCK_WORDS: usize = 4_096;

/// The site of a line that does not say it, in a run that does not say it either.
const SITE_UNSAID: &[u8] = b"-";

/// Some keys of epochs.
#[derive(Default)]
pub struct Keys {
    /// How long each lives.
    pub length: EpochLength,
    /// The keys, in any order.
    pub keys: Vec<(Epoch, EpochKey)>,
}

/// The keys that are alive, shared by all workers of a run.
#[derive(Default)]
pub struct Keyring {
    keys: Mutex<Arc<Keys>>,
    /// Moves on when keys come or go.
    generation: AtomicU64,
    now: AtomicI64,
    /// How many lines got no token of each field.
    late: [AtomicU64; 2],
    desks: Mutex<Vec<Arc<Desk>>>,
    /// Where keys come from that are not among those of the clock.
    run: Option<Arc<RunKey>>,
}

/// Where a worker leaves what it derived while it does not need it.
type Desk = Mutex<Option<Box<Derived>>>;

impl Keyring {
    /// The keys of a run over old logs, for lines of any time, which the clock neither draws nor destroys.
    #[must_use]
    pub fn of_run(key: RunKey) -> Self {
        let now = AtomicI64::new(i64::MAX - AHEAD_SECONDS);
        Self { now, run: Some(Arc::new(key)), ..Self::default() }
    }

    /// Replaces the keys. Those that are not among the new ones, and all that was derived from the old ones,
    /// are overwritten: at once where no worker is in the middle of a block, else at that block's end.
    pub fn publish(&self, keys: Keys) {
        *lock(&self.keys) = Arc::new(keys);
        self.generation.fetch_add(1, Ordering::SeqCst);
        for desk in &*lock(&self.desks) {
            if let Some(derived) = &mut *lock(desk) {
                derived.forget();
            }
        }
    }

    /// Says what time it is, in seconds since 1970.
    pub fn set_now(&self, unix: i64) {
        self.now.store(unix, Ordering::Relaxed);
    }

    /// How many lines got no token of this field, because their key is gone or they are dated ahead of the clock.
    #[must_use]
    pub fn late(&self, field: TokenField) -> u64 {
        self.late[field as usize].load(Ordering::Relaxed)
    }

    /// The keys that are alive now. Whoever holds them lets go of them at the end of a block.
    pub(super) fn current(&self) -> Arc<Keys> {
        Arc::clone(&lock(&self.keys))
    }

    /// The public names of the keys that are alive, by epoch.
    #[must_use]
    pub fn alive(&self) -> Vec<(Epoch, KeyId)> {
        lock(&self.keys).keys.iter().map(|(epoch, key)| (*epoch, key.id())).collect()
    }

    /// A minter of tokens of one field for one worker; `site` names the site of lines that do not say.
    #[must_use]
    pub fn minter(self: &Arc<Self>, field: TokenField, site: Option<&[u8]>) -> Minter {
        let mut derived = Derived::new(field, site);
        derived.run.clone_from(&self.run);
        let desk = Arc::new(Mutex::new(Some(Box::new(derived))));
        lock(&self.desks).push(Arc::clone(&desk));
        Minter { keyring: Arc::clone(self), desk, derived: None }
    }
}

/// One worker's way to make tokens of one field.
pub struct Minter {
    keyring: Arc<Keyring>,
    desk: Arc<Desk>,
    derived: Option<Box<Derived>>,
}

impl Minter {
    /// Takes up what lies on the desk, before a block.
    pub(super) fn open(&mut self) {
        self.derived = lock(&self.desk).take();
        if let Some(derived) = &mut self.derived {
            let generation = self.keyring.generation.load(Ordering::SeqCst);
            if derived.generation != generation {
                derived.forget();
                derived.keys = Arc::clone(&lock(&self.keyring.keys));
                derived.generation = generation;
            }
            derived.latest = self.keyring.now.load(Ordering::Relaxed) + AHEAD_SECONDS;
        }
    }

    /// Puts it back, after a block. What is out of date by now is overwritten first, and so is the stack, on
    /// which each token left a copy of its key.
    pub(super) fn close(&mut self) {
        overwrite_stack::<BLOCK_WORDS>();
        let mut desk = lock(&self.desk);
        if let Some(mut derived) = self.derived.take() {
            if derived.generation != self.keyring.generation.load(Ordering::SeqCst) {
                derived.forget();
            }
            let late = &self.keyring.late[derived.field as usize];
            late.fetch_add(std::mem::take(&mut derived.late), Ordering::Relaxed);
            *desk = Some(derived);
        }
    }

    /// The client of a line as a token, given as it was read and kept whole, or nothing where there is no key
    /// for the line. What is no address, or one's own, stays what it is. `host` is the line's own site.
    #[inline]
    pub(super) fn mint(&mut self, whole: Client, unix: i64, host: Option<&[u8]>) -> Option<Client> {
        let Some(canonical) = whole.canonical() else { return Some(whole) };
        let (bits, is_v6) = canonical.parts();
        let hash = |seed: &Seed, site: u64| seed.hash_address(bits, site << 1 | u64::from(is_v6));
        self.derived.as_mut()?.token(canonical.as_bytes(), hash, unix, host).map(Client::Token)
    }

    /// The token of a cookie's value, or nothing where there is no key for the line.
    pub(super) fn mint_value(
        &mut self,
        value: &[u8],
        unix: i64,
        host: Option<&[u8]>,
    ) -> Option<Token> {
        let hash = |seed: &Seed, site: u64| seed.hash_all(&[value, &site.to_le_bytes()], None);
        self.derived.as_mut()?.token(value, hash, unix, host)
    }
}

/// What a worker made of the keys, and the keys.
struct Derived {
    field: TokenField,
    keys: Arc<Keys>,
    run: Option<Arc<RunKey>>,
    generation: u64,
    /// Lines that are dated after this get no token.
    latest: i64,
    late: u64,
    /// The epoch of the last line, from its first second to the one after its last, if there is a key for it.
    current: Option<Current>,
    /// The site of lines that do not say.
    site: Vec<u8>,
    sites: Box<[Option<Site>]>,
    /// A name of its own for each site that was met.
    next_site: u64,
    seed: Seed,
    tokens: Box<[(u64, [u8; TOKEN_CHARACTERS]); TOKENS_REMEMBERED]>,
}

#[derive(Clone, Copy)]
struct Current {
    start: i64,
    end: i64,
    epoch: Epoch,
    label: EpochLabel,
    /// The number of the site of lines that do not say.
    number: u64,
}

/// A site's key in one epoch.
struct Site {
    hash: u64,
    epoch: Epoch,
    number: u64,
    key: FieldKey,
}

impl Derived {
    fn new(field: TokenField, site: Option<&[u8]>) -> Self {
        Self {
            field,
            keys: Arc::default(),
            run: None,
            generation: 0,
            latest: i64::MIN,
            late: 0,
            current: None,
            site: site.map_or_else(|| SITE_UNSAID.to_vec(), canonical_site),
            sites: (0..SITES_REMEMBERED + 1).map(|_| None).collect(),
            next_site: 0,
            seed: Seed::default(),
            tokens: Box::new([(0, [0; TOKEN_CHARACTERS]); TOKENS_REMEMBERED]),
        }
    }

    /// Overwrites the keys, as far as nobody else has them, and everything that was made with them.
    fn forget(&mut self) {
        self.keys = Arc::default();
        self.current = None;
        // A key of a site overwrites itself.
        self.sites.fill_with(|| None);
        for (hash, characters) in &mut *self.tokens {
            hash.zeroize();
            characters.zeroize();
        }
    }

    /// The token of a value in its one form. `hash` finds it where it was made before, given the site's number.
    #[inline]
    fn token(
        &mut self,
        canonical: &[u8],
        hash: impl Fn(&Seed, u64) -> u64,
        unix: i64,
        host: Option<&[u8]>,
    ) -> Option<Token> {
        let token = self.find_or_make(canonical, hash, unix, host);
        self.late += u64::from(token.is_none());
        token
    }

    #[inline]
    fn find_or_make(
        &mut self,
        canonical: &[u8],
        hash: impl Fn(&Seed, u64) -> u64,
        unix: i64,
        host: Option<&[u8]>,
    ) -> Option<Token> {
        if unix > self.latest {
            return None;
        }
        let current = match self.current {
            Some(current) if (current.start..current.end).contains(&unix) => current,
            _ => self.enter(unix)?,
        };
        let (place, number) = match host {
            Some(host) if !matches!(host, b"" | b"-") => self.site(current.epoch, host)?,
            _ => (SITE_OF_OTHERS, current.number),
        };
        let hash = hash(&self.seed, number);
        let at = (hash >> 32) as usize % TOKENS_REMEMBERED;
        if self.tokens[at].0 != hash {
            let key = &self.sites[place].as_ref()?.key;
            self.tokens[at] = (hash, key.token(current.epoch, canonical).characters());
        }
        Some(Token::remembered(current.label, self.tokens[at].1))
    }

    /// Turns to the epoch of a line, if there is a key for it.
    #[cold]
    fn enter(&mut self, unix: i64) -> Option<Current> {
        let length = self.keys.length;
        let epoch = length.epoch(unix);
        let site = std::mem::take(&mut self.site);
        let hash = self.seed.hash(&site, None);
        let made = self.derive(epoch, hash, &site, SITE_OF_OTHERS);
        self.site = site;
        let (_, number) = made?;
        let (start, end, label) = (length.start(epoch), length.end(epoch), EpochLabel::new(epoch));
        let current = Current { start, end, epoch, label, number };
        self.current = Some(current);
        Some(current)
    }

    /// Where the key of the site of a line lies, and its number.
    #[inline]
    fn site(&mut self, epoch: Epoch, host: &[u8]) -> Option<(usize, u64)> {
        let hash = self.seed.hash(host, None);
        let place = (hash >> 32) as usize & (SITES_REMEMBERED - 1);
        match &self.sites[place] {
            Some(site) if site.hash == hash && site.epoch == epoch => Some((place, site.number)),
            _ => self.derive(epoch, hash, &canonical_site(host), place),
        }
    }

    /// Derives the key of a site and puts it into its place.
    #[cold]
    fn derive(
        &mut self,
        epoch: Epoch,
        hash: u64,
        site: &[u8],
        place: usize,
    ) -> Option<(usize, u64)> {
        let of_run;
        let key = match self.keys.keys.iter().find(|(known, _)| *known == epoch) {
            Some((_, key)) => key,
            None => {
                of_run = self.run.as_ref()?.epoch_key(self.keys.length, epoch);
                &of_run
            }
        };
        let key = match self.sites[place].take() {
            Some(old) => key.field_key_in_place_of(old.key, site, self.field),
            None => key.field_key(site, self.field),
        };
        self.next_site += 1;
        self.sites[place] = Some(Site { hash, epoch, number: self.next_site, key });
        Some((place, self.next_site))
    }
}

impl Drop for Derived {
    fn drop(&mut self) {
        self.forget();
    }
}

/// One form for the names of one site: lower case, without a port and without a final dot.
fn canonical_site(host: &[u8]) -> Vec<u8> {
    let name = super::anonymise::host_name(host);
    name.strip_suffix(b".").unwrap_or(name).to_ascii_lowercase()
}

/// What lies behind these locks is whole even after a panic elsewhere.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transform::{address::Truncation, pseudonym::Secret};

    const DAY: i64 = 86_400;

    fn keys(epochs: &[u32]) -> Keys {
        let key =
            |epoch: &u32| (Epoch(*epoch), EpochKey::new(Secret::copy_of(&[*epoch as u8; 32])));
        Keys { length: EpochLength::default(), keys: epochs.iter().map(key).collect() }
    }

    fn keyring(epochs: &[u32], now: i64) -> Arc<Keyring> {
        let keyring = Arc::new(Keyring::default());
        keyring.publish(keys(epochs));
        keyring.set_now(now);
        keyring
    }

    fn client(address: &str) -> Client {
        Truncation::none(Vec::new()).client(address.as_bytes()).expect("a client")
    }

    /// The token of a line in a block of its own.
    fn mint(minter: &mut Minter, address: &str, unix: i64, host: Option<&str>) -> Option<Client> {
        minter.open();
        let minted = minter.mint(client(address), unix, host.map(str::as_bytes));
        minter.close();
        minted
    }

    #[test]
    fn a_line_has_a_token_if_its_key_is_there_and_it_is_not_far_ahead() {
        let keyring = keyring(&[10, 11], 10 * DAY + DAY / 2);
        let mut minter = keyring.minter(TokenField::Visitor, None);
        let mut has = |unix| mint(&mut minter, "192.0.2.7", unix, None).is_some();
        assert!(has(10 * DAY));
        assert!(!has(10 * DAY - 1));
        assert!(has(10 * DAY + DAY / 2 + 3_600));
        assert!(!has(10 * DAY + DAY / 2 + 3_601));
        assert!(!has(11 * DAY));
        keyring.set_now(11 * DAY - 3_600);
        assert!(has(11 * DAY));
        assert!(!has(11 * DAY + 1));
        assert_eq!(keyring.late(TokenField::Visitor), 4);
    }

    #[test]
    fn sites_and_epochs_are_told_apart_and_notations_are_not() {
        let keyring = keyring(&[10, 11], 11 * DAY);
        let mut minter = keyring.minter(TokenField::Visitor, None);
        let mut other = keyring.minter(TokenField::Visitor, Some(b"www.example.com"));
        let mut get = |unix, host| mint(&mut minter, "192.0.2.7", unix, host);
        let first = get(11 * DAY, Some("www.example.com"));
        assert!(first.is_some());
        for same in ["WWW.example.com", "www.example.com:443", "www.example.com."] {
            assert_eq!(get(11 * DAY + 5, Some(same)), first, "{same}");
        }
        assert_eq!(mint(&mut other, "::ffff:192.0.2.7", 11 * DAY, None), first);
        assert_eq!(mint(&mut other, "192.0.2.7", 11 * DAY, Some("-")), first);
        assert_ne!(get(11 * DAY, Some("shop.example.com")), first);
        assert_ne!(get(11 * DAY, None), first);
        assert_eq!(get(11 * DAY, None), get(11 * DAY, Some("")));
        assert_ne!(get(10 * DAY, Some("www.example.com")), first);
    }

    #[test]
    fn remembered_tokens_are_those_that_are_made_anew() {
        let keyring = keyring(&[10], 10 * DAY);
        let mut minter = keyring.minter(TokenField::Visitor, None);
        let key = EpochKey::new(Secret::copy_of(&[10; 32]));
        let key = key.field_key(SITE_UNSAID, TokenField::Visitor);
        minter.open();
        for round in 0..3 {
            for number in 0..3 * TOKENS_REMEMBERED as u32 {
                let whole = Client::V4 { network: number.wrapping_mul(77_777), prefix: 32 };
                let canonical = whole.canonical().expect("an address");
                let expect = Client::Token(key.token_of(Epoch(10), &canonical));
                assert_eq!(minter.mint(whole, 10 * DAY, None), Some(expect), "round {round}");
            }
        }
    }

    #[test]
    fn cookies_have_tokens_of_their_own_and_are_counted_apart() {
        let keyring = keyring(&[10, 11], 11 * DAY);
        let mut minter = keyring.minter(TokenField::Cookie, None);
        let mut mint = |value: &str, unix, host: Option<&str>| {
            minter.open();
            let token = minter.mint_value(value.as_bytes(), unix, host.map(str::as_bytes));
            minter.close();
            token
        };
        let key =
            EpochKey::new(Secret::copy_of(&[11; 32])).field_key(SITE_UNSAID, TokenField::Cookie);
        let expect = Some(key.token(Epoch(11), b"abc123"));
        assert_eq!(mint("abc123", 11 * DAY, None), expect);
        assert_eq!(mint("abc123", 11 * DAY + 9, None), expect);
        for other in [
            mint("abc124", 11 * DAY, None),
            mint("abc123", 10 * DAY, None),
            mint("abc123", 11 * DAY, Some("www.example.com")),
        ] {
            assert!(other.is_some() && other != expect);
        }
        assert_eq!(mint("abc123", 9 * DAY, None), None);
        let late = [TokenField::Visitor, TokenField::Cookie].map(|field| keyring.late(field));
        assert_eq!(late, [0, 1]);
    }

    #[test]
    fn more_sites_than_are_remembered_have_their_own_tokens() {
        let keyring = keyring(&[10], 10 * DAY);
        let mut minter = keyring.minter(TokenField::Visitor, None);
        let mut found = [(); 2].map(|()| {
            let hosts = (0..2 * SITES_REMEMBERED).map(|number| format!("w{number}.example.com"));
            let mint = |host: String| mint(&mut minter, "192.0.2.7", 10 * DAY, Some(&host));
            hosts.map(mint).map(characters).collect::<Vec<_>>()
        });
        assert_eq!(found[0], found[1]);
        found[0].sort();
        found[0].dedup();
        assert_eq!(found[0].len(), 2 * SITES_REMEMBERED);
    }

    fn characters(client: Option<Client>) -> [u8; TOKEN_CHARACTERS] {
        match client {
            Some(Client::Token(token)) => token.characters(),
            _ => panic!("no token"),
        }
    }

    #[test]
    fn a_key_that_goes_takes_with_it_what_was_derived() {
        let keyring = keyring(&[10, 11], 11 * DAY);
        let mut minter = keyring.minter(TokenField::Visitor, None);
        assert!(mint(&mut minter, "192.0.2.7", 10 * DAY, Some("example.com")).is_some());
        keyring.publish(keys(&[11]));
        // The worker did nothing since; what it had on its desk is gone all the same.
        {
            let desk = lock(&minter.desk);
            let derived = desk.as_ref().expect("put back after the block");
            assert!(derived.keys.keys.is_empty() && derived.current.is_none());
            assert!(derived.sites.iter().all(Option::is_none));
            assert!(derived.tokens.iter().all(|(hash, token)| *hash == 0 && *token == [0; 16]));
        }
        assert_eq!(mint(&mut minter, "192.0.2.7", 10 * DAY, Some("example.com")), None);
        assert!(mint(&mut minter, "192.0.2.7", 11 * DAY, Some("example.com")).is_some());
        // A key that goes while a worker is at work is forgotten when its block is through.
        minter.open();
        keyring.publish(keys(&[]));
        minter.close();
        assert!(lock(&minter.desk).as_ref().expect("put back").keys.keys.is_empty());
    }

    #[test]
    fn what_is_no_address_stays_what_it_is() {
        let keyring = keyring(&[], 0);
        let mut minter = keyring.minter(TokenField::Visitor, None);
        assert_eq!(mint(&mut minter, "www.example.com", 0, None), Some(Client::Hostname));
        assert_eq!(mint(&mut minter, "2001:0:c000:201::1", 0, None), Some(Client::Teredo));
        assert_eq!(mint(&mut minter, "192.0.2.7", 0, None), None);
    }
}
