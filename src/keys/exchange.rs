//! A chain on its way from the machine that leads it to another one.
//!
//! The other machine opens a request: it makes an identity for this one answer and tells its public half, the
//! recipient. The leader answers with the value of the chain for the next epoch, sealed so that only that identity
//! opens it. Whoever imports the answer must say by its public name which key to expect, for anybody could
//! seal something to a recipient. Then the identity is destroyed, so that an answer that somebody kept opens for
//! nobody any more.
//!
//! An answer is an armored age file; the stock `age` reads it too. It holds
//!
//! ```text
//! tamis chain 1
//! epoch 20780 of 86400 seconds
//! chain 0123...
//! ```
//!
//! and never the root of the chain, nor a key or value of an epoch that has begun: lines of these epochs have no
//! token on the other machine.

use std::{
    fmt::Write as _,
    hint::black_box,
    io::{Read as _, Write as _},
    iter,
    path::Path,
};

use age::{
    Decryptor, Encryptor,
    armor::{ArmoredReader, ArmoredWriter, Format},
    secrecy::ExposeSecret as _,
    x25519::{Identity, Recipient},
};
use zeroize::{Zeroize as _, Zeroizing};

use super::{
    Health, Mode, Moment, State, begun, chain, directory::Directory, error::KeysError, judge,
    renew, window,
};
use crate::transform::pseudonym::{
    ChainKey, Epoch, EpochLength, KeyId, Secret, overwrite_stack, unhex,
};

/// How many bytes the text of a bundle has at most; it has 110 or so.
const BUNDLE_BYTES_MAX: usize = 256;

/// How much of the stack sealing and opening may have used, in words: there are keys and values of the chain on it.
const SEALING_WORDS: usize = 8_192;

/// How large age's buffer for what is sealed is. It has the bundle in it when it is given back.
const AGE_CHUNK_BYTES: usize = 65_536;

/// A request that is open.
#[derive(Debug)]
pub struct Request {
    /// Who may open the answer, as text.
    pub recipient: String,
    /// Whether it took the place of a request that was open.
    pub replaced: bool,
}

/// An answer to a request.
pub struct Answer {
    /// The text for the other machine.
    pub sealed: String,
    /// The first epoch for which that has a key.
    pub epoch: Epoch,
    /// How long epochs are.
    pub length: EpochLength,
    /// The public name of the key of that epoch.
    pub id: KeyId,
}

/// Opens a request in a directory without keys, which is made where there is none.
///
/// # Errors
///
/// There are keys, or the directory cannot be used.
pub fn request(path: &Path) -> Result<Request, KeysError> {
    let directory = Directory::open(path, true)?.expect("it is made when it is not there");
    let locked = directory.lock()?;
    if begun(&locked)?.is_some() {
        return Err(KeysError::Exists(path.to_owned()));
    }
    let replaced = locked.has_request()?;
    let identity = Identity::generate();
    locked.put_identity(identity.to_string().expose_secret())?;
    Ok(Request { recipient: identity.to_public().to_string(), replaced })
}

/// Answers a request of another machine, given its recipient, with the chain in a directory.
///
/// # Errors
///
/// There is no chain, or the directory cannot be used.
pub fn export(path: &Path, recipient: &str, now: Moment) -> Result<Answer, KeysError> {
    let recipient: Recipient = recipient.parse().map_err(|_| KeysError::Recipient)?;
    let no_keys = || KeysError::NoKeys(path.to_owned());
    let directory = Directory::open(path, false)?.ok_or_else(no_keys)?;
    let locked = directory.lock()?;
    let state = begun(&locked)?.ok_or_else(no_keys)?;
    if state.mode == Mode::Solo {
        return Err(KeysError::Solo(path.to_owned()));
    }
    let state = super::trust_new_session(&locked, state, now)?;
    let (health, trusted) = judge(state, now);
    if health == Health::ClockJumped {
        return Err(KeysError::ClockJumped(path.to_owned()));
    }
    // The keys that are due first, so that the next one is the chain's next one.
    let (first, last) = window(state.length, trusted);
    renew(&locked, state, first, last, health)?;
    let (epoch, chain) = chain(&locked)?.ok_or_else(no_keys)?;
    let id = chain.epoch_key().id();
    let bundle = Bundle { epoch, length: state.length, chain };
    Ok(Answer { sealed: bundle.seal(&recipient), epoch, length: state.length, id })
}

/// Begins keys with the answer to the request that is open, if its key has the public name that is expected.
///
/// # Errors
///
/// No request is open, the answer is none to it or has another key, or the directory cannot be used. Then the
/// request stays open.
pub fn import(path: &Path, answer: &[u8], expect: KeyId, now: Moment) -> Result<(), KeysError> {
    let no_request = || KeysError::NoRequest(path.to_owned());
    let directory = Directory::open(path, false)?.ok_or_else(no_request)?;
    let locked = directory.lock()?;
    if begun(&locked)?.is_some() {
        return Err(KeysError::Exists(path.to_owned()));
    }
    let identity = locked.identity()?.ok_or_else(no_request)?;
    let Bundle { epoch, length, chain } =
        Bundle::open(&identity, answer).ok_or(KeysError::Answer)?;
    if chain.epoch_key().id() != expect {
        return Err(KeysError::OtherKey);
    }
    // Whoever is killed before the state is there leaves a request that is open; after it, keys.
    locked.destroy_keys()?;
    locked.put_chain(epoch, &chain)?;
    let (started, session) = (now.started(), now.session);
    let state = State { mode: Mode::Shared, length, started, session };
    locked.set_state(state)?;
    locked.destroy_identity()?;
    let (first, last) = window(length, now.unix);
    renew(&locked, state, first, last, Health::Good).map(drop)
}

/// What an answer holds.
struct Bundle {
    epoch: Epoch,
    length: EpochLength,
    chain: ChainKey,
}

impl Bundle {
    fn to_text(&self) -> Zeroizing<String> {
        // Room for all of it, so that no part is left behind where the text was moved.
        let mut text = Zeroizing::new(String::with_capacity(BUNDLE_BYTES_MAX));
        let (epoch, seconds) = (self.epoch.0, self.length.seconds());
        let _ = write!(text, "tamis chain 1\nepoch {epoch} of {seconds} seconds\nchain ");
        for byte in self.chain.expose_key() {
            let _ = write!(text, "{byte:02x}");
        }
        text.push('\n');
        text
    }

    fn parse(text: &[u8]) -> Option<Self> {
        let rest = str::from_utf8(text).ok()?.strip_prefix("tamis chain 1\nepoch ")?;
        let (epoch, rest) = rest.split_once(" of ")?;
        let (seconds, rest) = rest.split_once(" seconds\nchain ")?;
        let digits = rest.strip_suffix('\n')?.as_bytes();
        let chain = Secret::try_write(|place| unhex(digits, place).ok_or(())).ok()?;
        Some(Self {
            epoch: Epoch(epoch.parse().ok()?),
            length: EpochLength::new(seconds.parse().ok()?)?,
            chain: ChainKey::new(chain),
        })
    }

    /// The bundle as an answer that only the recipient can open.
    fn seal(&self, recipient: &Recipient) -> String {
        let sealed = self.seal_on_the_stack(recipient);
        overwrite_stack::<SEALING_WORDS>();
        // Age gives its buffer back as it is, and an allocator has that at hand for whoever wants as much next.
        let mut buffer = vec![0_u8; AGE_CHUNK_BYTES];
        buffer.zeroize();
        black_box(&buffer);
        sealed
    }

    #[inline(never)]
    fn seal_on_the_stack(&self, recipient: &Recipient) -> String {
        let whom = iter::once(recipient as &dyn age::Recipient);
        let encryptor =
            Encryptor::with_recipients(whom).expect("there is a recipient, and one only");
        let mut sealed = Vec::new();
        let written = ArmoredWriter::wrap_output(&mut sealed, Format::AsciiArmor)
            .and_then(|armor| encryptor.wrap_output(armor))
            .and_then(|mut writer| {
                writer.write_all(self.to_text().as_bytes())?;
                writer.finish()?.finish()
            });
        written.expect("a vector takes what is written");
        str::from_utf8(&sealed).expect("armor is ASCII").to_owned()
    }

    /// The bundle of an answer, if this identity opens it.
    fn open(identity: &str, answer: &[u8]) -> Option<Self> {
        let bundle = Self::open_on_the_stack(identity, answer);
        overwrite_stack::<SEALING_WORDS>();
        bundle
    }

    #[inline(never)]
    fn open_on_the_stack(identity: &str, answer: &[u8]) -> Option<Self> {
        let identity: Identity = identity.trim().parse().ok()?;
        let decryptor = Decryptor::new_buffered(ArmoredReader::new(answer)).ok()?;
        let reader = decryptor.decrypt(iter::once(&identity as &dyn age::Identity)).ok()?;
        let mut text = Zeroizing::new(Vec::with_capacity(2 * BUNDLE_BYTES_MAX));
        reader.take(BUNDLE_BYTES_MAX as u64).read_to_end(&mut text).ok()?;
        Self::parse(&text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bundle() -> Bundle {
        let chain = ChainKey::new(Secret::copy_of(&[0xA7; 32]));
        Bundle { epoch: Epoch(20_780), length: EpochLength::default(), chain }
    }

    fn identity() -> (String, Recipient) {
        let identity = Identity::generate();
        (identity.to_string().expose_secret().to_owned(), identity.to_public())
    }

    #[test]
    fn what_is_sealed_is_opened_by_the_recipient_and_by_nobody_else() {
        let ((identity, recipient), (other, _)) = (identity(), self::identity());
        let sealed = bundle().seal(&recipient);
        assert!(sealed.starts_with("-----BEGIN AGE ENCRYPTED FILE-----\n"));
        let opened = Bundle::open(&identity, sealed.as_bytes()).expect("it is the recipient");
        assert_eq!((opened.epoch, opened.length), (Epoch(20_780), EpochLength::default()));
        assert_eq!(opened.chain.expose_key(), &[0xA7; 32]);
        assert!(Bundle::open(&other, sealed.as_bytes()).is_none());
        assert!(Bundle::open("", sealed.as_bytes()).is_none());
    }

    #[test]
    fn a_damaged_answer_is_none() {
        let (identity, recipient) = identity();
        let sealed = bundle().seal(&recipient).into_bytes();
        for at in 0..sealed.len() {
            let mut other = sealed.clone();
            other[at] ^= 1;
            // The last line end is no part of it, and one may end in another way.
            let is_opened = Bundle::open(&identity, &other).is_some();
            assert!(!is_opened || sealed[at] == b'\n', "at {at}");
        }
        for length in 0..sealed.len() - 1 {
            assert!(Bundle::open(&identity, &sealed[..length]).is_none(), "of {length} bytes");
        }
    }

    #[test]
    fn only_the_text_of_a_bundle_is_one() {
        let text = bundle().to_text();
        assert_eq!(text.lines().count(), 3);
        assert!(text.capacity() == BUNDLE_BYTES_MAX && text.len() < BUNDLE_BYTES_MAX);
        assert!(Bundle::parse(text.as_bytes()).is_some());
        for (from, to) in [
            ("chain 1", "chain 2"),
            ("20780", "4294967296"),
            ("86400", "604801"),
            ("a7a7", "a7"),
            ("a7\n", "a7"),
            ("a7\n", "a7\n\n"),
            ("a7\n", "g7\n"),
        ] {
            assert!(Bundle::parse(text.replacen(from, to, 1).as_bytes()).is_none(), "{to}");
        }
    }
}
