//! Looks for what a raw log has of people in what was made of it: for `audit leaks`, which verifies the rest.
//!
//! A [`Hunt`] takes identifiers out of raw lines (`gather.rs`), keeps them as keyed digests (`needles.rs`), and
//! reads outputs for them, also behind other ways of writing the same (`shapes.rs`, `decode.rs`, `search.rs`). What
//! comes out are kinds, places and numbers. Of a value nothing is told, neither of one that is found nor of one
//! that is not.
//!
//! It shares the formats with the door, which say where fields sit, and none of its rules on what identifies.

mod decode;
mod gather;
mod needles;
mod search;
mod shapes;
#[cfg(test)]
mod tests;

use std::{fmt, sync::Arc};

use zeroize::Zeroize;

use self::needles::Needles;
pub use self::{
    decode::How,
    needles::{NeedleKind, RawPlace},
    search::{Found, LeakPlace, Trove},
};
use crate::{
    field::Key,
    policy::Plan,
    transform::agent::{Browser, Classifier, Os},
};

/// How many texts are remembered that need not be looked at again, of 8 bytes each.
const SEEN: usize = 1 << 17;

/// A search for what raw logs have of people.
pub struct Hunt {
    plan: Arc<Plan>,
    classifier: Classifier,
    needles: Needles,
    seen: Seen,
    /// Raw and decoded text, overwritten at the end.
    scratch: Scratch,
    lines: u64,
}

/// Buffers, overwritten with zeros when they are dropped.
#[derive(Default)]
struct Scratch {
    text: Vec<u8>,
    other: Vec<u8>,
    target: Vec<u8>,
    value: Vec<u8>,
    inner: Vec<u8>,
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let Self { text, other, target, value, inner } = self;
        [text, other, target, value, inner].into_iter().for_each(Zeroize::zeroize);
    }
}

impl fmt::Debug for Hunt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Hunt({} lines)", self.lines)
    }
}

impl Hunt {
    /// A search in outputs that `plan` decided on. What the plan and the program say by themselves is nobody's, and so
    /// are the words of `known`.
    #[must_use]
    pub fn new(plan: Arc<Plan>, known: &[&str]) -> Self {
        let mut needles = Needles::new();
        let browsers = Browser::ALL.iter().map(|browser| browser.name());
        let systems = Os::ALL.iter().map(|os| os.name());
        let keys = Key::ALL.iter().map(|key| key.name());
        let words = [
            "mozilla compatible applewebkit windows macintosh desktop mobile tablet other unknown invalid",
        ];
        let own = browsers.chain(systems).chain(keys).chain(words);
        own.chain(known.iter().copied()).for_each(|text| needles.add_vocabulary(text.as_bytes()));
        plan.sites.iter().for_each(|site| needles.add_vocabulary(site.as_bytes()));
        Self {
            plan,
            classifier: Classifier::new(),
            needles,
            seen: Seen::default(),
            scratch: Scratch::default(),
            lines: 0,
        }
    }

    /// How many identifiers of each kind are looked for in this pass, in the order of [`NeedleKind::ALL`].
    #[must_use]
    pub fn counts(&self) -> [u64; NeedleKind::ALL.len()] {
        self.needles.counts()
    }

    /// Which pass over all files it is, from 0, and how many there are, once the raw logs were read.
    #[must_use]
    pub const fn passes(&self) -> (u64, u64) {
        self.needles.passes()
    }

    /// How many raw lines were taken in this pass.
    #[must_use]
    pub const fn lines(&self) -> u64 {
        self.lines
    }

    /// Whether there were more words of paths than are known, so that more is found than there is.
    #[must_use]
    pub const fn is_short_of_words(&self) -> bool {
        self.needles.words_overflowed()
    }

    /// Goes on to the next pass, if there is one: raw logs and outputs are then to be read again.
    pub fn next_pass(&mut self) -> bool {
        self.lines = 0;
        self.seen.clear();
        self.needles.next_pass()
    }
}

/// The texts that were looked at last, by their digests.
struct Seen(Vec<u64>);

impl Default for Seen {
    fn default() -> Self {
        Self(vec![0; SEEN])
    }
}

impl Seen {
    /// Whether a text with this digest was looked at a short while ago; from now on it was.
    fn is_known(&mut self, digest: u64) -> bool {
        let place = &mut self.0[digest as usize % SEEN];
        let is_known = *place == digest;
        *place = digest;
        is_known
    }

    fn forget(&mut self, digest: u64) {
        self.0[digest as usize % SEEN] = 0;
    }

    fn clear(&mut self) {
        self.0.fill(0);
    }
}
