//! What the index of a segment says, which is sealed as its lines are: whether something may be in it.

use std::{collections::BTreeMap, fmt, io::Read as _, net::IpAddr};

use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use zeroize::{Zeroize as _, Zeroizing};

use super::{SegmentKey, UnsealError};
use crate::privacy::selector::Selector;

/// How large an index may be when it is open.
const INDEX_BYTES_MAX: u64 = 1 << 28;

/// The index of a segment. It identifies: it has no `Display`, and its `Debug` prints numbers.
#[derive(Default, Deserialize, Serialize)]
pub struct Index {
    /// The earliest time of its lines, in Unix seconds.
    pub from: Option<i64>,
    /// The latest one.
    pub to: Option<i64>,
    /// How many lines there are.
    pub lines: u64,
    #[serde(default)]
    pub(super) addresses: Vec<String>,
    #[serde(default)]
    pub(super) paths: Vec<String>,
    #[serde(default)]
    pub(super) paths_whole: bool,
    /// How many lines have a client that could not be told.
    #[serde(default)]
    pub(super) unnamed: u64,
    /// How many lines each rule hit.
    #[serde(default)]
    pub rules: BTreeMap<String, u64>,
    /// For which reasons how many lines were sealed.
    #[serde(default)]
    pub why: BTreeMap<String, u64>,
    /// What later versions say.
    #[serde(flatten)]
    pub(super) more: BTreeMap<String, serde_json::Value>,
}

impl Drop for Index {
    fn drop(&mut self) {
        self.addresses.zeroize();
        self.paths.zeroize();
    }
}

impl fmt::Debug for Index {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Index({} lines)", self.lines)
    }
}

/// Whether a segment has what somebody looks for, as far as its index says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IndexMatch {
    /// It has not.
    No,
    /// It may have: some of its lines do not say whose they are, or not all of its paths are in the index.
    Maybe,
    /// It has: so many addresses that are looked for, if any are.
    Yes(usize),
}

impl Index {
    /// Opens an index with the key of its segment.
    ///
    /// # Errors
    ///
    /// The key is another one, or it is no index.
    pub fn open(sealed: &[u8], key: &SegmentKey) -> Result<Self, UnsealError> {
        let mut text = Zeroizing::new(Vec::with_capacity(sealed.len()));
        key.decrypt(sealed)?.take(INDEX_BYTES_MAX).read_to_end(&mut text)?;
        serde_json::from_slice(&text).map_err(|_| UnsealError::Damaged)
    }

    /// Whether lines that meet a selector are in the segment.
    #[must_use]
    pub fn find(&self, selector: &Selector) -> IndexMatch {
        if let (Some(from), Some(to)) = (self.from, self.to)
            && !selector.overlaps(from, to)
        {
            return IndexMatch::No;
        }
        let addresses = self.addresses.iter().filter_map(|text| text.parse::<IpAddr>().ok());
        let found = addresses.filter(|ip| selector.has_address(*ip)).count();
        // A line that could not be read may be somebody's all the same, and of any page.
        let is_read = self.unnamed == 0;
        if selector.has_networks() && found == 0 {
            return if is_read { IndexMatch::No } else { IndexMatch::Maybe };
        }
        let mut paths = self.paths.iter();
        if paths.any(|path| selector.may_have_path(path.as_bytes())) || self.paths.is_empty() {
            return IndexMatch::Yes(found);
        }
        match self.paths_whole && is_read {
            true => IndexMatch::No,
            false => IndexMatch::Maybe,
        }
    }

    /// Whether one of its clients is in one of these networks.
    pub(in crate::privacy) fn has_any_in(&self, networks: &[IpNet]) -> bool {
        let mut addresses = self.addresses.iter().filter_map(|text| text.parse::<IpAddr>().ok());
        addresses.any(|ip| networks.iter().any(|network| network.contains(&ip)))
    }

    /// The index as text, to be sealed again.
    pub(super) fn to_text(&self) -> Zeroizing<Vec<u8>> {
        Zeroizing::new(serde_json::to_vec(self).expect("an index that was read can be written"))
    }
}
