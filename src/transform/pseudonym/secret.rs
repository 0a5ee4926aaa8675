//! Where keys lie: in pages that are locked into memory, each key overwritten when it is dropped.
//!
//! A page that is swapped out is on a disk, which keeps it beyond any destruction. So keys have pages of their
//! own, 128 to a page, which the kernel is asked to keep in memory. It refuses that to processes that may not
//! lock so much (`RLIMIT_MEMLOCK`); then the keys lie in ordinary memory, and [`all_are_locked`] says so.
//! The pages are never given back: a place that is free is overwritten and waits for the next key, and there are
//! never more places than there were keys at one time.
//!
//! A key that is used leaves traces below on the stack: the compiler puts values where it likes, and a hash
//! works on a copy of its key. [`overwrite_stack`] is for whoever is done with keys.
//!
//! Not here: swapping of anything else, hibernation, and registers.

use std::{
    hint::black_box,
    mem,
    sync::{Mutex, MutexGuard, PoisonError},
};

use zeroize::Zeroize as _;

/// How many bytes a key has.
pub const KEY_BYTES: usize = 32;

/// How many keys share a page: as many as fit into the smallest page that Linux has.
const KEYS_PER_PAGE: usize = 4_096 / KEY_BYTES;

/// Aligned so that nothing else shares its page. Where pages are larger, more is locked.
#[repr(align(4096))]
struct Page([[u8; KEY_BYTES]; KEYS_PER_PAGE]);

/// The places for keys.
struct Places {
    free: Vec<&'static mut [u8; KEY_BYTES]>,
    are_locked: bool,
}

static PLACES: Mutex<Places> = Mutex::new(Places { free: Vec::new(), are_locked: true });

impl Places {
    fn take(&mut self) -> &'static mut [u8; KEY_BYTES] {
        if self.free.is_empty() {
            let page = Box::leak(Box::new(Page([[0; KEY_BYTES]; KEYS_PER_PAGE])));
            // The lock holds for good, as does the page.
            let locked = region::lock(page.0.as_ptr(), size_of::<Page>()).map(mem::forget);
            self.are_locked &= locked.is_ok();
            self.free.extend(&mut page.0);
        }
        self.free.pop().expect("filled above")
    }
}

/// What lies behind this lock is whole even after a panic elsewhere.
fn places() -> MutexGuard<'static, Places> {
    PLACES.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whether all keys so far lie in memory that is not swapped out.
#[must_use]
pub fn all_are_locked() -> bool {
    places().are_locked
}

/// 32 secret bytes in a place of their own, overwritten when they are dropped.
pub struct Secret {
    /// Invariant: there until it is dropped.
    place: Option<&'static mut [u8; KEY_BYTES]>,
}

impl Secret {
    /// What `write` writes over 32 zeros, at the place where it stays.
    ///
    /// # Errors
    ///
    /// That of `write`.
    pub fn try_write<E>(
        write: impl FnOnce(&mut [u8; KEY_BYTES]) -> Result<(), E>,
    ) -> Result<Self, E> {
        let mut secret = Self { place: Some(places().take()) };
        let place = secret.place.as_mut().expect("taken above");
        write(place).map(|()| secret)
    }

    /// What `write` writes over 32 zeros, at the place where it stays.
    #[must_use]
    pub fn write(write: impl FnOnce(&mut [u8; KEY_BYTES])) -> Self {
        let mut secret = Self { place: Some(places().take()) };
        secret.rewrite(write);
        secret
    }

    /// A copy of bytes that lie elsewhere, where they should be overwritten.
    #[must_use]
    pub fn copy_of(bytes: &[u8; KEY_BYTES]) -> Self {
        Self::write(|place| place.copy_from_slice(bytes))
    }

    /// Writes over what was there, without a look at other places.
    pub(super) fn rewrite(&mut self, write: impl FnOnce(&mut [u8; KEY_BYTES])) {
        write(self.place.as_mut().expect("it is there until it is dropped"));
    }

    /// The bytes.
    #[inline]
    #[must_use]
    pub(super) fn bytes(&self) -> &[u8; KEY_BYTES] {
        self.place.as_deref().expect("it is there until it is dropped")
    }
}

impl Drop for Secret {
    fn drop(&mut self) {
        if let Some(place) = self.place.take() {
            place.zeroize();
            places().free.push(place);
        }
    }
}

/// Overwrites `8 * WORDS` bytes of the stack below whoever calls this, where the calls that returned before
/// had their variables.
#[inline(never)]
pub fn overwrite_stack<const WORDS: usize>() {
    let mut below = [0_u64; WORDS];
    below.zeroize();
    black_box(&below);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_zeros_before_and_after() {
        let secret = Secret::copy_of(&[7; KEY_BYTES]);
        assert_eq!(secret.bytes(), &[7; KEY_BYTES]);
        drop(secret);
        // Other tests take and free places meanwhile; whatever is free is overwritten.
        assert!(places().free.iter().all(|place| **place == [0; KEY_BYTES]));
        assert_eq!(Secret::write(|_| {}).bytes(), &[0; KEY_BYTES]);
        assert!(Secret::try_write(|_| Err(())).is_err());
    }

    #[test]
    fn many_keys_have_places_of_their_own() {
        let many: Vec<_> = (0..=255).map(|number| Secret::copy_of(&[number; KEY_BYTES])).collect();
        for (secret, number) in many.iter().zip(0..=255) {
            assert_eq!(secret.bytes(), &[number; KEY_BYTES]);
        }
    }
}
