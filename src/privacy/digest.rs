//! Whether two files have the same content, told without keeping any of it.
//!
//! A log may lie there twice, as `access.log.1` and as `access.log.1.gz`. Its content has a name: a hash under a key,
//! for a hash without one says to everybody who has a guess whether it is right, and a log may be one line.

use std::fmt;

use crate::transform::pseudonym::Secret;

/// How much of the content the name of its beginning is made of.
const HEAD_BYTES: u64 = 64 * 1024;

/// The key of names. Names under different keys cannot be compared.
#[derive(Clone)]
pub struct ContentKey([u8; 32]);

impl ContentKey {
    /// A key.
    #[must_use]
    pub fn new(secret: &Secret) -> Self {
        Self(secret.keyed_names())
    }

    /// A public name of the key.
    #[must_use]
    pub fn id(&self) -> String {
        hex(&blake3::keyed_hash(&self.0, b"tamis content key id v1").as_bytes()[..6])
    }

    /// An empty content, to be added to.
    #[must_use]
    pub fn digest(&self) -> ContentDigest {
        ContentDigest { whole: blake3::Hasher::new_keyed(&self.0), bytes: 0, head: None }
    }
}

/// The name of a content that is being read.
#[derive(Clone)]
pub struct ContentDigest {
    whole: blake3::Hasher,
    bytes: u64,
    head: Option<blake3::Hash>,
}

impl ContentDigest {
    /// Adds what comes next.
    pub(super) fn update(&mut self, bytes: &[u8]) {
        let left = HEAD_BYTES.saturating_sub(self.bytes);
        let of_head = bytes.len().min(left as usize);
        self.whole.update(&bytes[..of_head]);
        self.bytes += bytes.len() as u64;
        if left > 0 && self.bytes >= HEAD_BYTES {
            self.head = Some(self.whole.finalize());
        }
        self.whole.update(&bytes[of_head..]);
    }

    /// How much was added.
    #[must_use]
    pub const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The name of the beginning, once enough was added.
    #[must_use]
    pub const fn has_head(&self) -> bool {
        self.head.is_some()
    }

    /// The name of the beginning, or of all where that is less.
    #[must_use]
    pub fn head(&self) -> String {
        hex(&self.head.unwrap_or_else(|| self.whole.finalize()).as_bytes()[..16])
    }

    /// The name of all.
    #[must_use]
    pub fn whole(&self) -> String {
        hex(self.whole.finalize().as_bytes())
    }
}

impl fmt::Debug for ContentDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ContentDigest({} bytes)", self.bytes)
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_do_not_depend_on_pieces_and_do_depend_on_the_key() {
        let key = |byte| ContentKey::new(&Secret::copy_of(&[byte; 32]));
        let content: Vec<u8> = (0..200_000_u32).map(|number| (number / 7) as u8).collect();
        let name = |key: &ContentKey, length: usize, piece: usize| {
            let mut digest = key.digest();
            content[..length].chunks(piece).for_each(|piece| digest.update(piece));
            (digest.head(), digest.whole(), digest.bytes())
        };
        for length in [0, 1, 65_535, 65_536, 65_537, 200_000] {
            let whole = name(&key(1), length, 1 << 20);
            assert_eq!(whole, name(&key(1), length, 1_000));
            assert_ne!(whole, name(&key(2), length, 1 << 20));
            assert_eq!(whole.0 == whole.1[..32], length <= 65_536);
        }
        assert_eq!(name(&key(1), 70_000, 9).0, name(&key(1), 80_000, 9).0);
        assert_ne!(key(1).id(), key(2).id());
    }
}
