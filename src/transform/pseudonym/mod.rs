//! Keys and tokens: an address and the key of an epoch in, a pseudonym out.
//!
//! An address has 32 bits that matter, so a hash of it without a key, or with one that is kept, is undone by
//! trying all addresses, which takes minutes. Only the destruction of the key ends that. So every token comes
//! from a key that lives for one epoch, and there is no way here to make one from a password, a setting or
//! nothing.
//!
//! ```text
//! chain[first]  = derive(GENESIS, root, seconds of an epoch, first)
//! chain[e + 1]  = derive(STEP, chain[e])
//! epoch key[e]  = derive(EPOCH, chain[e]), or 32 random bytes
//! field key     = derive(of the field, epoch key, BLAKE3(site))
//! token         = keyed_hash(field key, address)[0..10]
//! ```
//!
//! `derive` is BLAKE3's key derivation, whose contexts are constants of the program; what users choose goes in
//! as key material. Key types are overwritten when they are dropped and cannot be printed:
//!
//! ```compile_fail,E0277
//! use tamis::transform::pseudonym::{EpochKey, Secret};
//! let key = EpochKey::new(Secret::copy_of(&[7; 32]));
//! println!("{key:?}"); // no Debug
//! ```
//! ```compile_fail,E0277
//! use tamis::transform::pseudonym::{EpochKey, Secret};
//! let key = EpochKey::new(Secret::copy_of(&[7; 32]));
//! println!("{key}"); // no Display
//! ```
//!
//! This file draws no random numbers, reads no clock and keeps no key: see `keys`.

mod secret;
mod sip;

use std::{fmt, str::FromStr};

use zeroize::Zeroize as _;

pub use secret::{KEY_BYTES, Secret, all_are_locked, overwrite_stack};

const GENESIS: &str = "tamis 2026-11-22 chain genesis v1";
const STEP: &str = "tamis 2026-11-22 chain step v1";
const EPOCH: &str = "tamis 2026-11-22 epoch key v1";
const KID: &str = "tamis 2026-11-22 key id v1";
const VISITOR: &str = "tamis 2026-11-22 field visitor v1";
const COOKIE: &str = "tamis 2026-11-22 field cookie v1";
const CONTENT: &str = "tamis 2026-11-29 names of contents v1";
const SKETCH: &str = "tamis 2026-11-22 field sketch v1";

/// How many bytes of a hash a token keeps: two of 10⁸ visitors share one with a probability of 10⁻⁸, and 80
/// bits are 16 characters without padding.
const TOKEN_BYTES: usize = 10;

/// How many characters these are.
pub const TOKEN_CHARACTERS: usize = 16;

/// Which life of a key a moment lies in: the seconds since 1970, divided by the length of an epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Epoch(pub u32);

/// How long a key lives.
///
/// Invariant: from [`EpochLength::MIN`] to [`EpochLength::MAX`] seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EpochLength(u32);

impl Default for EpochLength {
    fn default() -> Self {
        Self(86_400)
    }
}

impl EpochLength {
    /// The shortest: below ten minutes hardly anything can be told apart.
    pub const MIN: u32 = 600;
    /// The longest: a week. A longer one would be a lasting identifier.
    pub const MAX: u32 = 604_800;

    /// An epoch of `seconds`, if one may be so long.
    #[must_use]
    pub fn new(seconds: u32) -> Option<Self> {
        (Self::MIN..=Self::MAX).contains(&seconds).then_some(Self(seconds))
    }

    /// The seconds of an epoch.
    #[must_use]
    pub const fn seconds(self) -> u32 {
        self.0
    }

    /// The epoch that a moment lies in, given in seconds since 1970. Before that, and after the year 83000,
    /// it is the first and the last one.
    #[must_use]
    pub fn epoch(self, unix: i64) -> Epoch {
        let number = unix.max(0) / i64::from(self.0);
        Epoch(u32::try_from(number).unwrap_or(u32::MAX))
    }

    /// The first second of an epoch.
    #[must_use]
    pub const fn start(self, epoch: Epoch) -> i64 {
        epoch.0 as i64 * self.0 as i64
    }

    /// The second after an epoch's last one.
    #[must_use]
    pub const fn end(self, epoch: Epoch) -> i64 {
        (epoch.0 as i64 + 1) * self.0 as i64
    }
}

/// How much of the stack a derivation may have used, in words: up to 4 KiB without optimisation, as `tests/forget`
/// finds out.
const DERIVATION_WORDS: usize = 1_024;

/// The secret that follows from `material`. No trace of either is left on the stack.
fn derive(context: &'static str, material: &[&[u8]]) -> Secret {
    Secret::write(|place| derive_into(context, material, place))
}

/// Derives a secret at its place.
#[cold]
fn derive_into(context: &'static str, material: &[&[u8]], place: &mut [u8; KEY_BYTES]) {
    derive_below(context, material, place);
    overwrite_stack::<DERIVATION_WORDS>();
}

/// The work of [`derive_into`], in a call of its own so that it works below what is overwritten.
#[inline(never)]
fn derive_below(context: &'static str, material: &[&[u8]], place: &mut [u8; KEY_BYTES]) {
    let mut hasher = blake3::Hasher::new_derive_key(context);
    for part in material {
        hasher.update(part);
    }
    let mut output = hasher.finalize_xof();
    output.fill(place);
    output.zeroize();
    hasher.zeroize();
}

/// The value of a shared chain at an epoch: it opens this epoch and all later ones, and none before.
pub struct ChainKey(Secret);

impl ChainKey {
    /// The first value of a chain. The root is overwritten.
    #[must_use]
    pub fn genesis(root: Secret, length: EpochLength, first: Epoch) -> Self {
        let numbers = [length.0, first.0].map(|number| u64::from(number).to_le_bytes());
        let key = derive(GENESIS, &[root.bytes(), &numbers[0], &numbers[1]]);
        drop(root);
        Self(key)
    }

    /// A value that was kept.
    #[must_use]
    pub const fn new(secret: Secret) -> Self {
        Self(secret)
    }

    /// The value for the next epoch; this one is overwritten.
    #[must_use]
    pub fn step(self) -> Self {
        Self(derive(STEP, &[self.0.bytes()]))
    }

    /// The key of this epoch.
    #[must_use]
    pub fn epoch_key(&self) -> EpochKey {
        EpochKey(derive(EPOCH, &[self.0.bytes()]))
    }

    /// The bytes, for a key directory and nothing else.
    #[must_use]
    pub fn expose_key(&self) -> &[u8; KEY_BYTES] {
        self.0.bytes()
    }
}

impl Secret {
    /// A key for the names of contents, which says nothing of the secret and is no secret of visitors.
    pub(crate) fn keyed_names(&self) -> [u8; KEY_BYTES] {
        *derive(CONTENT, &[self.bytes()]).bytes()
    }
}

/// What the keys of a run over old logs come from, whatever epochs their lines are of. While it exists, whoever has
/// it can undo all tokens of the run.
pub struct RunKey(Secret);

impl RunKey {
    /// The key of a run.
    #[must_use]
    pub const fn new(secret: Secret) -> Self {
        Self(secret)
    }

    /// The key of an epoch: that of a chain which begins there, so that none follows from another.
    #[must_use]
    pub fn epoch_key(&self, length: EpochLength, epoch: Epoch) -> EpochKey {
        let numbers = [length.0, epoch.0].map(|number| u64::from(number).to_le_bytes());
        ChainKey(derive(GENESIS, &[self.0.bytes(), &numbers[0], &numbers[1]])).epoch_key()
    }

    /// The key by which the visitors of the run are told apart, whatever the time of their lines.
    #[must_use]
    pub fn visitors(&self) -> SketchKey {
        SketchKey(derive(SKETCH, &[self.0.bytes(), b"run"]))
    }
}

/// The key of an epoch. While it exists, whoever has it can undo the tokens of the epoch.
pub struct EpochKey(Secret);

impl EpochKey {
    /// A key that was drawn or kept.
    #[must_use]
    pub const fn new(secret: Secret) -> Self {
        Self(secret)
    }

    /// The key of one field on one site.
    #[must_use]
    pub fn field_key(&self, site: &[u8], field: TokenField) -> FieldKey {
        let site = blake3::hash(site);
        FieldKey(derive(field.context(), &[self.0.bytes(), site.as_bytes()]))
    }

    /// The key of one field on another site, at the place of a key that is not needed any more.
    #[must_use]
    pub(crate) fn field_key_in_place_of(
        &self,
        mut old: FieldKey,
        site: &[u8],
        field: TokenField,
    ) -> FieldKey {
        let site = blake3::hash(site);
        let material = [&self.0.bytes()[..], site.as_bytes()];
        old.0.rewrite(|place| derive_into(field.context(), &material, place));
        old
    }

    /// A public name of the key, by which machines compare theirs.
    #[must_use]
    pub fn id(&self) -> KeyId {
        key_id(&self.0)
    }

    /// The bytes, for a key directory and nothing else.
    #[must_use]
    pub fn expose_key(&self) -> &[u8; KEY_BYTES] {
        self.0.bytes()
    }
}

/// The public name of a key.
fn key_id(key: &Secret) -> KeyId {
    let whole = derive(KID, &[key.bytes()]);
    let mut id = [0; 6];
    id.copy_from_slice(&whole.bytes()[..6]);
    KeyId(id)
}

/// A public name of an epoch key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct KeyId([u8; 6]);

impl FromStr for KeyId {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut id = [0; 6];
        unhex(text.as_bytes(), &mut id)
            .map(|()| Self(id))
            .ok_or("12 hexadecimal digits are expected")
    }
}

/// Writes what hexadecimal digits stand for over `out`, if there are as many as fit.
pub(crate) fn unhex(digits: &[u8], out: &mut [u8]) -> Option<()> {
    if digits.len() != 2 * out.len() {
        return None;
    }
    for (pair, byte) in digits.chunks_exact(2).zip(out) {
        let digit = |at: usize| char::from(pair[at]).to_digit(16);
        *byte = (digit(0)? << 4 | digit(1)?) as u8;
    }
    Some(())
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// The fields that may become a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenField {
    /// The visitor, by address.
    Visitor,
    /// The visitor, by cookie.
    Cookie,
}

impl TokenField {
    const fn context(self) -> &'static str {
        match self {
            Self::Visitor => VISITOR,
            Self::Cookie => COOKIE,
        }
    }
}

/// The key of one field on one site in one epoch.
pub struct FieldKey(Secret);

impl FieldKey {
    /// The token of a value, for which somebody else settled one form.
    #[must_use]
    pub fn token(&self, epoch: Epoch, canonical: &[u8]) -> Token {
        let hash = blake3::keyed_hash(self.0.bytes(), canonical);
        let mut characters = [0; TOKEN_CHARACTERS];
        let halves = hash.as_bytes()[..TOKEN_BYTES].chunks_exact(5);
        for (half, characters) in halves.zip(characters.chunks_exact_mut(8)) {
            let bits = half.iter().fold(0, |bits, byte| bits << 8 | u64::from(*byte));
            for (place, character) in characters.iter_mut().enumerate() {
                *character = ALPHABET[(bits >> (35 - 5 * place)) as usize & 31];
            }
        }
        Token { label: EpochLabel::new(epoch), characters }
    }

    /// The token of an address.
    #[inline]
    #[must_use]
    pub fn token_of(&self, epoch: Epoch, address: &Canonical) -> Token {
        self.token(epoch, address.as_bytes())
    }
}

/// A key by which visitors are told apart, of one run or of one epoch. What it makes are numbers for counting and no
/// tokens: the two have nothing in common.
pub struct SketchKey(Secret);

/// What a number is made of, so that numbers of different things have nothing in common.
#[derive(Clone, Copy)]
enum Numbered {
    Name = 0,
    Network = 1,
    Agent = 2,
    Unit = 3,
}

impl SketchKey {
    /// The key of a run, from 32 random bytes, which are overwritten.
    #[must_use]
    pub fn new(root: Secret) -> Self {
        Self(derive(SKETCH, &[root.bytes()]))
    }

    /// The key of an epoch and a site, which machines that share the epoch's key share too.
    #[must_use]
    pub fn of_epoch(epoch: &EpochKey, site: &[u8]) -> Self {
        Self(derive(SKETCH, &[epoch.0.bytes(), blake3::hash(site).as_bytes()]))
    }

    /// A public name of the key, from which it cannot be found.
    #[must_use]
    pub fn id(&self) -> KeyId {
        key_id(&self.0)
    }

    /// The number of an address.
    #[inline]
    #[must_use]
    pub fn address(&self, address: &Canonical) -> u64 {
        let [first @ .., last] = address.bytes;
        let first = u64::from_le_bytes(first);
        if address.length == 9 {
            sip::hash_words(self.words(), [first].into_iter(), last.into(), 9)
        } else {
            sip::hash_words(self.words(), [].into_iter(), first, address.length.into())
        }
    }

    /// The number of the network that an address lies in: of 24 bits, or of 48 in IPv6.
    #[inline]
    #[must_use]
    pub fn network(&self, address: &Canonical) -> u64 {
        let length = if address.parts().1 { 7 } else { 4 };
        let mut text = [Numbered::Network as u8, 0, 0, 0, 0, 0, 0, 0];
        text[1..=length].copy_from_slice(&address.as_bytes()[..length]);
        self.number(&text[..=length])
    }

    /// The number of a host name, for which somebody else settled one form.
    #[must_use]
    pub fn name(&self, name: &[u8]) -> u64 {
        self.number_of(Numbered::Name, &[name])
    }

    /// The number of a visitor with an agent.
    #[must_use]
    pub fn with_agent(&self, visitor: u64, agent: &[u8]) -> u64 {
        self.number_of(Numbered::Agent, &[&visitor.to_le_bytes(), agent])
    }

    /// The number of what a visitor took on a day.
    #[must_use]
    pub fn unit(&self, visitor: u64, day: i64, what: &[u8]) -> u64 {
        self.number_of(Numbered::Unit, &[&visitor.to_le_bytes(), &day.to_le_bytes(), what])
    }

    /// Canonical addresses begin with 4 or 6, which is no [`Numbered`].
    fn number_of(&self, kind: Numbered, parts: &[&[u8]]) -> u64 {
        let mut text = vec![kind as u8];
        parts.iter().for_each(|part| text.extend_from_slice(part));
        let number = self.number(&text);
        text.zeroize();
        number
    }

    #[inline]
    fn number(&self, text: &[u8]) -> u64 {
        sip::hash(self.words(), text)
    }

    #[inline]
    fn words(&self) -> [u64; 2] {
        let (words, _) = self.0.bytes().as_chunks::<8>();
        [u64::from_le_bytes(words[0]), u64::from_le_bytes(words[1])]
    }
}

/// An address in the one form that is hashed: all of an IPv4 address, of an IPv6 address the network of 64
/// bits, inside of which privacy addresses change. It still identifies: it has no `Debug`.
#[derive(Clone, Copy)]
pub struct Canonical {
    bytes: [u8; 9],
    length: u8,
}

impl Canonical {
    /// An IPv4 address, or one that was decoded out of an IPv6 address.
    #[inline]
    #[must_use]
    pub const fn v4(bits: u32) -> Self {
        let [a, b, c, d] = bits.to_be_bytes();
        Self { bytes: [4, a, b, c, d, 0, 0, 0, 0], length: 5 }
    }

    /// An IPv6 address that carries no IPv4 address.
    #[inline]
    #[must_use]
    pub const fn v6(bits: u128) -> Self {
        let [a, b, c, d, e, f, g, h] = ((bits >> 64) as u64).to_be_bytes();
        Self { bytes: [6, a, b, c, d, e, f, g, h], length: 9 }
    }

    /// The bytes behind the first one as a number, and whether the address is an IPv6 one: these tell all
    /// addresses apart.
    #[inline]
    #[must_use]
    pub const fn parts(&self) -> (u64, bool) {
        let [kind, a, b, c, d, e, f, g, h] = self.bytes;
        (u64::from_be_bytes([a, b, c, d, e, f, g, h]), kind == 6)
    }

    /// The bytes that are hashed.
    #[inline]
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.length)]
    }
}

/// How long the text of a token is at most: `t1.`, ten digits, a dot and 16 characters.
pub const TOKEN_TEXT_BYTES_MAX: usize = 30;

/// The number of an epoch as text, which is made once and written often.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct EpochLabel {
    digits: [u8; 10],
    length: u8,
}

impl EpochLabel {
    /// The text of an epoch's number.
    #[must_use]
    pub fn new(epoch: Epoch) -> Self {
        let length = epoch.0.checked_ilog10().unwrap_or(0) as usize + 1;
        let (mut digits, mut rest) = ([0; 10], epoch.0);
        for place in digits[..length].iter_mut().rev() {
            *place = b'0' + (rest % 10) as u8;
            rest /= 10;
        }
        Self { digits, length: length as u8 }
    }
}

/// A pseudonym: equal for one visitor of one site within one epoch, and nothing else is told by it once the
/// key is gone. Until then it identifies whoever the address does.
///
/// It is kept as text: writing it from its bits anew for each line took longer than finding it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Token {
    label: EpochLabel,
    characters: [u8; TOKEN_CHARACTERS],
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token")
    }
}

/// Douglas Crockford's base 32 in lower case: no character that looks like another one.
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

impl Token {
    /// A token that was made before and remembered as its characters.
    #[inline]
    #[must_use]
    pub(crate) const fn remembered(label: EpochLabel, characters: [u8; TOKEN_CHARACTERS]) -> Self {
        Self { label, characters }
    }

    /// Its characters, without the epoch.
    #[inline]
    #[must_use]
    pub const fn characters(&self) -> [u8; TOKEN_CHARACTERS] {
        self.characters
    }

    /// Writes `t1.EPOCH.CHARACTERS` to the beginning of `out` and returns the length; what follows it may have
    /// been overwritten.
    #[inline]
    pub fn write<const N: usize>(&self, out: &mut [u8; N]) -> usize {
        const { assert!(N >= TOKEN_TEXT_BYTES_MAX, "room for the longest token") };
        out[..3].copy_from_slice(b"t1.");
        out[3..13].copy_from_slice(&self.label.digits);
        let at = 3 + usize::from(self.label.length.min(10));
        out[at] = b'.';
        out[at + 1..at + 1 + TOKEN_CHARACTERS].copy_from_slice(&self.characters);
        at + 1 + TOKEN_CHARACTERS
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;
    use crate::transform::address::{Client, Truncation};

    /// The text of the token that `address` gets.
    fn text(key: &EpochKey, epoch: u32, site: &str, address: &str) -> String {
        let key = key.field_key(site.as_bytes(), TokenField::Visitor);
        let client = Truncation::none(Vec::new()).client(address.as_bytes()).expect("an address");
        let token = key.token_of(Epoch(epoch), &client.canonical().expect("an address"));
        text_of(token)
    }

    fn text_of(token: Token) -> String {
        let mut text = [0; TOKEN_TEXT_BYTES_MAX];
        let length = token.write(&mut text);
        str::from_utf8(&text[..length]).expect("a token is ASCII").to_owned()
    }

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// The chain whose root is 32 times `0x42`, at the epoch 20779.
    fn chain() -> ChainKey {
        ChainKey::genesis(Secret::copy_of(&[0x42; 32]), EpochLength::default(), Epoch(20_779))
    }

    /// A few vectors of an implementation that shares no code with this one.
    #[test]
    fn keys_and_tokens_are_those_of_the_vectors() {
        let chain = chain();
        let first = chain.epoch_key();
        assert_eq!(
            hex(chain.expose_key()),
            "99a6700d7215b1f4f2b19a24d1de9542597f962ac969d2eb1b1a07ae8f277e2b"
        );
        assert_eq!(
            hex(first.expose_key()),
            "4a61c2e79dd19818db432f7eb90651d089ade49a157270f4d1ea20b187b5a66c"
        );
        assert_eq!(first.id().to_string(), "57c58803bc00");
        for (site, address, expect) in [
            ("www.example.org", "192.0.2.77", "8ad8a5jg0vw4jenk"),
            ("www.example.org", "::ffff:192.0.2.77", "8ad8a5jg0vw4jenk"),
            ("www.example.org", "2002:c000:024d::1", "8ad8a5jg0vw4jenk"),
            ("www.example.org", "64:ff9b::c000:24d", "8ad8a5jg0vw4jenk"),
            ("www.example.org", "198.51.100.1", "2adwhrn1h8h6pqf0"),
            ("www.example.org", "2001:db8:1:2::1", "r0rchm8xqhhf227v"),
            ("www.example.org", "2001:db8:1:2:ffff::9", "r0rchm8xqhhf227v"),
            ("www.example.org", "2001:db8:1:3::1", "35zjjhgr57nws7cs"),
            ("shop.example.org", "192.0.2.77", "yzwxxx0pa976jmta"),
            ("shop.example.org", "2001:db8:1:3::1", "154s2yf4h1yqy1cy"),
        ] {
            let expect = format!("t1.20779.{expect}");
            assert_eq!(text(&first, 20_779, site, address), expect, "{site} {address}");
        }
        let cookie = first.field_key(b"www.example.org", TokenField::Cookie);
        assert_eq!(text_of(cookie.token(Epoch(20_779), b"abc123")), "t1.20779.atz3f5z7v09p31r0");
        let next = chain.step();
        assert_eq!(next.epoch_key().id().to_string(), "c7afe16408f9");
        let token = text(&next.epoch_key(), 20_780, "www.example.org", "192.0.2.77");
        assert_eq!(token, "t1.20780.svmwz7mdrm222pmw");
    }

    #[test]
    fn epochs_begin_and_end_where_they_should() {
        let day = EpochLength::default();
        assert_eq!(day.epoch(20_779 * 86_400), Epoch(20_779));
        assert_eq!(day.epoch(20_779 * 86_400 - 1), Epoch(20_778));
        assert_eq!((day.start(Epoch(1)), day.end(Epoch(1))), (86_400, 172_800));
        assert_eq!((day.epoch(-1), day.epoch(i64::MAX)), (Epoch(0), Epoch(u32::MAX)));
        for (seconds, expect) in [(599, false), (600, true), (604_800, true), (604_801, false)] {
            assert_eq!(EpochLength::new(seconds).is_some(), expect, "{seconds}");
        }
    }

    #[test]
    fn the_longest_token_fits_and_the_shortest_is_right() {
        let token = |epoch| text_of(Token::remembered(EpochLabel::new(Epoch(epoch)), [b'z'; 16]));
        assert_eq!(token(u32::MAX), "t1.4294967295.zzzzzzzzzzzzzzzz");
        assert_eq!(token(20_779), "t1.20779.zzzzzzzzzzzzzzzz");
        assert_eq!(token(0), "t1.0.zzzzzzzzzzzzzzzz");
    }

    /// The tokens of a million addresses in two epochs, on two sites and in two fields, 80 bits each, sorted; made
    /// on all cores.
    fn eight_million_tokens() -> Vec<u128> {
        const ADDRESSES: u32 = 1_000_000;
        let keys = [chain().epoch_key(), chain().step().epoch_key()];
        let sites = [&b"www.example.org"[..], b"shop.example.org"];
        let tokens_of = |key: &EpochKey, site, field| {
            let key = key.field_key(site, field);
            let token = |number: u32| {
                // Scattered, so that the sample is not one network.
                let address = Canonical::v4(number.wrapping_mul(0x9E37_79B1));
                bits(&key.token_of(Epoch(0), &address))
            };
            let mut tokens: Vec<_> = (0..ADDRESSES).map(token).collect();
            tokens.sort_unstable();
            tokens
        };
        let mut all = Vec::with_capacity(8 * ADDRESSES as usize);
        thread::scope(|scope| {
            let mut threads = Vec::new();
            for key in &keys {
                for site in sites {
                    for field in [TokenField::Visitor, TokenField::Cookie] {
                        threads.push(scope.spawn(move || tokens_of(key, site, field)));
                    }
                }
            }
            for thread in threads {
                all.append(&mut thread.join().expect("it does not panic"));
            }
        });
        // What is sorted in runs is merged.
        all.sort();
        all
    }

    /// The 80 bits of a token.
    fn bits(token: &Token) -> u128 {
        let digit = |character: &u8| ALPHABET.iter().position(|digit| digit == character);
        token.characters.iter().fold(0, |sum, character| {
            sum << 5 | digit(character).expect("a digit of base 32") as u128
        })
    }

    #[test]
    fn no_token_of_a_million_addresses_repeats_across_epochs_sites_and_fields() {
        let tokens = eight_million_tokens();
        assert_eq!(tokens.len(), 8_000_000);
        assert!(tokens.windows(2).all(|pair| pair[0] < pair[1]));
    }

    /// Whoever has nothing but tokens cannot tell them from random numbers, nor what makes the tokens of the same
    /// addresses on another site or in another epoch differ: each character at each place is as frequent as any
    /// other, and so is each pair of neighbours.
    #[test]
    fn tokens_are_uniform() {
        const COUNT: u32 = 200_000;
        let tokens_of = |key: EpochKey, site: &[u8]| -> Vec<u128> {
            let key = key.field_key(site, TokenField::Visitor);
            // Addresses that differ in little, as those of one network do.
            let tokens = (0..COUNT).map(|number| key.token_of(Epoch(0), &Canonical::v4(number)));
            tokens.map(|token| bits(&token)).collect()
        };
        let tokens = tokens_of(chain().epoch_key(), b"www.example.org");
        check_uniform(&tokens);
        for others in [
            tokens_of(chain().epoch_key(), b"shop.example.org"),
            tokens_of(chain().step().epoch_key(), b"www.example.org"),
        ] {
            let differences = tokens.iter().zip(others).map(|(token, other)| token ^ other);
            check_uniform(&differences.collect::<Vec<_>>());
        }
    }

    fn check_uniform(numbers: &[u128]) {
        // The sums of squares beyond which one in a hundred thousand falls, for 31 and 1,023 degrees of freedom.
        for (width, last, limit) in [(5, 75, 77.0), (10, 70, 1_228.0)] {
            for shift in (0..=last).step_by(5) {
                let mut counts = vec![0_u32; 1 << width];
                for number in numbers {
                    counts[(number >> shift) as usize & ((1 << width) - 1)] += 1;
                }
                let expected = numbers.len() as f64 / counts.len() as f64;
                let square = |count: u32| (f64::from(count) - expected).powi(2) / expected;
                let sum: f64 = counts.into_iter().map(square).sum();
                assert!(sum < limit, "{sum} at {shift} of {width} bits");
            }
        }
    }

    #[test]
    fn what_is_no_address_has_no_canonical_form() {
        let read = Truncation::none(Vec::new());
        for word in ["www.example.com", "2001:0:c000:201::1"] {
            let client = read.client(word.as_bytes()).expect("a client");
            assert!(client.canonical().is_none(), "{word}");
        }
        let own = Truncation::none(vec!["192.0.2.0/24".parse().expect("a network")]);
        let client = own.client(b"192.0.2.7").expect("an address");
        assert!(matches!(client, Client::Exempt(_)) && client.canonical().is_none());
    }
}
