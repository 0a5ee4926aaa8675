//! The secret halves that somebody brings, and what they open: wrapped keys of segments, and seeds.
//!
//! They are read from files and never from the command line, and are kept no longer than the command runs.

use std::{
    fmt, fs,
    io::{self, Read as _},
    path::Path,
};

use age::{Decryptor, secrecy::ExposeSecret as _, x25519::Identity};
use zeroize::Zeroizing;

use super::{
    QuarantineError,
    layout::{Layout, SegmentId, Tree},
    recipients::{Recipients, Role},
};
use crate::privacy::SegmentKey;

/// How large a file with identities, a key file or a seed may be.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// The secret halves that somebody brought.
pub struct Identities(Vec<Identity>);

impl fmt::Debug for Identities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Identities({})", self.0.len())
    }
}

impl Identities {
    /// Those in files as age-keygen writes them.
    ///
    /// # Errors
    ///
    /// A file cannot be read, or a line of it is no identity; it is not said what it is.
    pub fn load<P: AsRef<Path>>(files: &[P]) -> Result<Self, QuarantineError> {
        let mut found = Vec::new();
        for file in files {
            let path = file.as_ref();
            let text = read(path)?;
            let strange = |why: &str| QuarantineError::strange(path, why);
            let text = str::from_utf8(&text).map_err(|_| strange("there is no identity"))?;
            let before = found.len();
            for (line, number) in text.lines().map(str::trim).zip(1..) {
                if line.is_empty() || line.starts_with('#') {
                    continue;
                }
                let why = || {
                    strange(&format!(
                        "line {number} is no identity AGE-SECRET-KEY-1... as age-keygen writes it"
                    ))
                };
                found.push(line.parse().map_err(|_| why())?);
            }
            if found.len() == before {
                return Err(strange("there is no identity"));
            }
        }
        Ok(Self(found))
    }

    /// The roles that they have in a quarantine.
    #[must_use]
    pub fn roles(&self, recipients: &Recipients) -> Vec<Role> {
        let has = |role: &Role| {
            let publics = self.0.iter().map(Identity::to_public);
            publics.into_iter().any(|public| recipients.of(*role).contains(&public))
        };
        [Role::Security, Role::Dpo, Role::Auditor].into_iter().filter(has).collect()
    }

    /// What is inside of an age file, if one of them opens it.
    #[must_use]
    pub fn open(&self, sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let decryptor = Decryptor::new_buffered(sealed).ok()?;
        let identities = self.0.iter().map(|identity| identity as &dyn age::Identity);
        let mut plain = Zeroizing::new(Vec::with_capacity(sealed.len()));
        decryptor.decrypt(identities).ok()?.take(FILE_BYTES_MAX).read_to_end(&mut plain).ok()?;
        Some(plain)
    }

    /// The key of a segment out of its key file, whose outer layer may have been taken off already.
    ///
    /// # Errors
    ///
    /// The file cannot be read, or they do not open it.
    pub fn unwrap(
        &self,
        layout: &Layout,
        approved: Option<&Layout>,
        id: SegmentId,
    ) -> Result<SegmentKey, QuarantineError> {
        let secret = self.unwrap_text(layout, approved, id)?;
        let path = layout.file(Tree::Keys, id);
        let text = str::from_utf8(&secret).ok();
        text.and_then(SegmentKey::parse)
            .ok_or_else(|| QuarantineError::strange(path, "there is no key of a segment"))
    }

    /// The same as the text that it is.
    ///
    /// # Errors
    ///
    /// The file cannot be read, or they do not open it.
    pub fn unwrap_text(
        &self,
        layout: &Layout,
        approved: Option<&Layout>,
        id: SegmentId,
    ) -> Result<Zeroizing<Vec<u8>>, QuarantineError> {
        let mut path = layout.file(Tree::Keys, id);
        if let Some(approved) = approved {
            let given = approved.file(Tree::Keys, id);
            // What was not approved still opens for whoever has both roles.
            if given.exists() {
                path = given;
            }
        }
        let outer = read(&path)?;
        let mut plain = self.open(&outer).ok_or_else(|| QuarantineError::Key(path.clone()))?;
        if is_sealed(&plain) {
            plain = self.open(&plain).ok_or(QuarantineError::Key(path))?;
        }
        Ok(plain)
    }

    /// Takes the outer layer off a key file, which must have two.
    ///
    /// # Errors
    ///
    /// The file cannot be read, has one layer only, or they do not open it.
    pub fn strip(
        &self,
        layout: &Layout,
        id: SegmentId,
    ) -> Result<Zeroizing<Vec<u8>>, QuarantineError> {
        let path = layout.file(Tree::Keys, id);
        let outer = read(&path)?;
        let plain = self.open(&outer).ok_or_else(|| QuarantineError::Key(path.clone()))?;
        if !is_sealed(&plain) {
            return Err(QuarantineError::strange(
                path,
                "the key needs one role only, and no approval",
            ));
        }
        Ok(plain)
    }

    /// The key that is in a wrapped one, whether one layer is around it or two.
    #[must_use]
    pub fn unwrap_bytes(&self, wrapped: &[u8]) -> Option<SegmentKey> {
        let mut plain = self.open(wrapped)?;
        if is_sealed(&plain) {
            plain = self.open(&plain)?;
        }
        SegmentKey::parse(str::from_utf8(&plain).ok()?)
    }

    /// A new key of a segment, its secret half as text and its public one.
    #[must_use]
    pub fn draw() -> (Zeroizing<String>, String) {
        let identity = Identity::generate();
        let secret = Zeroizing::new(format!("{}\n", identity.to_string().expose_secret()));
        (secret, identity.to_public().to_string())
    }
}

/// Whether something is an age file itself.
fn is_sealed(plain: &[u8]) -> bool {
    plain.starts_with(b"age-encryption.org/")
}

/// A file that is not large.
pub(super) fn read(path: &Path) -> Result<Zeroizing<Vec<u8>>, QuarantineError> {
    let read = || -> io::Result<Zeroizing<Vec<u8>>> {
        let file = fs::File::open(path)?;
        // Room for all of it, so that no part is left behind where a smaller room was.
        let length = file.metadata()?.len().min(FILE_BYTES_MAX);
        let mut bytes =
            Zeroizing::new(Vec::with_capacity(usize::try_from(length).unwrap_or(0) + 1));
        file.take(FILE_BYTES_MAX).read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    read().map_err(QuarantineError::io("cannot read", path))
}
