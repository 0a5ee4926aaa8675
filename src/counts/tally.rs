//! What is counted for one key: requests and bytes, and who made them.
//!
//! Sums stop at the largest number rather than begin again at zero. A sum that stops there is the
//! same in whatever order and grouping its parts are added, which batches rely on.

use super::sketch::{Numbers, PRECISION, Sketch};

/// Requests and bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    pub(super) requests: u64,
    pub(super) bytes: u64,
}

impl Tally {
    /// One line's.
    #[inline]
    pub(super) const fn of_line(bytes: u64) -> Self {
        Self { requests: 1, bytes }
    }

    /// Adds another.
    #[inline]
    pub(super) const fn add(&mut self, other: Self) {
        self.requests = self.requests.saturating_add(other.requests);
        self.bytes = self.bytes.saturating_add(other.bytes);
    }

    /// Takes out again what was added to a block, whose sums are far from the largest number.
    pub(super) const fn take(&mut self, other: Self) {
        self.requests -= other.requests;
        self.bytes -= other.bytes;
    }

    /// Whether a line was counted.
    pub(super) const fn is_counted(self) -> bool {
        self.requests > 0
    }
}

/// What of the people behind requests is counted at all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Wants {
    /// Whether visitors are.
    pub(super) visitors: bool,
    /// Whether their networks are, and up to how many.
    pub(super) networks: Option<usize>,
}

impl Wants {
    /// Whether anything is.
    pub(super) const fn anybody(self) -> bool {
        self.visitors || self.networks.is_some()
    }
}

/// Who made some requests: zero is nobody. There are as many networks as visitors, or none where they are not counted.
#[derive(Clone, Copy)]
pub(super) struct Group<'a> {
    pub(super) visitors: &'a [u64],
    pub(super) networks: &'a [u64],
}

/// The people behind the requests of a row.
#[derive(Clone, Debug, Default)]
pub(super) struct People {
    pub(super) visitors: Sketch,
    pub(super) networks: Networks,
}

impl People {
    /// Nobody.
    pub(super) const NOBODY: Self = Self { visitors: Sketch::EMPTY, networks: Networks(None) };

    /// Adds who made some requests, and says by how many bytes this grew.
    pub(super) fn add_all(&mut self, group: Group<'_>, wants: Wants, precision: u8) -> isize {
        let mut grown = 0;
        if wants.visitors {
            grown += self.visitors.add_all(group.visitors, precision);
        }
        if let Some(most) = wants.networks {
            for network in group.networks.iter().filter(|network| **network != 0) {
                grown += self.networks.add(*network, most);
            }
        }
        grown
    }

    /// Adds the people of another row.
    pub(super) fn merge(&mut self, other: &Self, wants: Wants, precision: u8) {
        self.visitors.merge(&other.visitors, precision);
        self.networks.merge(&other.networks, wants.networks.unwrap_or_default());
    }

    /// How many bytes this has beside itself.
    pub(super) fn bytes(&self) -> usize {
        self.visitors.bytes() + self.networks.bytes()
    }
}

/// The networks behind a row, until there are enough of them: from then on it is only known that there are.
#[derive(Clone, Default, Debug)]
pub(super) struct Networks(Option<KnownOrMany>);

#[derive(Clone)]
enum KnownOrMany {
    Known(Numbers),
    Many,
}

impl std::fmt::Debug for KnownOrMany {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("KnownOrMany")
    }
}

impl Networks {
    /// Adds a network; from `most` on they are many.
    #[inline]
    pub(super) fn add(&mut self, number: u64, most: usize) -> isize {
        match &mut self.0 {
            Some(KnownOrMany::Many) => 0,
            Some(KnownOrMany::Known(known)) => {
                let before = known.bytes();
                known.add(number);
                let after = known.bytes();
                if known.len() >= most {
                    self.0 = Some(KnownOrMany::Many);
                    return -(before as isize);
                }
                after as isize - before as isize
            }
            None => {
                self.0 = Some(KnownOrMany::Known(Numbers::default()));
                self.add(number, most)
            }
        }
    }

    /// Adds the networks of another row.
    pub(super) fn merge(&mut self, other: &Self, most: usize) {
        match &other.0 {
            None => {}
            Some(KnownOrMany::Many) => self.0 = Some(KnownOrMany::Many),
            Some(KnownOrMany::Known(known)) => known.iter().for_each(|number| {
                self.add(number, most);
            }),
        }
    }

    /// How many there are, or `most` where they are many.
    pub(super) fn count(&self, most: usize) -> usize {
        match &self.0 {
            None => 0,
            Some(KnownOrMany::Many) => most,
            Some(KnownOrMany::Known(known)) => known.len(),
        }
    }

    /// The numbers, as long as they are not many.
    pub(super) fn numbers(&self) -> Vec<u64> {
        match &self.0 {
            Some(KnownOrMany::Known(known)) => known.sorted(),
            _ => Vec::new(),
        }
    }

    fn bytes(&self) -> usize {
        match &self.0 {
            Some(KnownOrMany::Known(known)) => known.bytes(),
            _ => 0,
        }
    }

    /// The set for a file: that they are many, or their numbers in order.
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        match &self.0 {
            None => Vec::new(),
            Some(KnownOrMany::Many) => b"m".to_vec(),
            Some(KnownOrMany::Known(known)) => {
                let sorted = known.sorted();
                let bytes = sorted.iter().flat_map(|number| number.to_le_bytes());
                [b'n'].into_iter().chain(bytes).collect()
            }
        }
    }

    /// The set that a file has; nothing if it is none.
    pub(super) fn from_bytes(bytes: &[u8], most: usize) -> Option<Self> {
        match bytes.split_first() {
            None => Some(Self::default()),
            Some((b'm', [])) => Some(Self(Some(KnownOrMany::Many))),
            Some((b'n', rest)) => {
                let (numbers, rest) = rest.as_chunks::<8>();
                let mut networks = Self::default();
                for number in numbers {
                    networks.add(u64::from_le_bytes(*number), most);
                }
                let is_whole = rest.is_empty() && !numbers.contains(&[0; 8]);
                is_whole.then_some(networks)
            }
            Some(_) => None,
        }
    }
}

/// The sums of everything: requests, bytes and people.
#[derive(Clone, Debug, Default)]
pub(super) struct Sum {
    pub(super) tally: Tally,
    pub(super) people: People,
}

impl Sum {
    /// Adds another sum.
    pub(super) fn merge(&mut self, other: &Self, wants: Wants) {
        self.tally.add(other.tally);
        self.people.merge(&other.people, wants, PRECISION);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_stop_at_the_largest_number() {
        let mut tally = Tally { requests: u64::MAX - 1, bytes: u64::MAX - 10 };
        tally.add(Tally::of_line(9));
        assert_eq!(tally, Tally { requests: u64::MAX, bytes: u64::MAX - 1 });
        tally.add(Tally::of_line(9));
        assert_eq!(tally, Tally { requests: u64::MAX, bytes: u64::MAX });
    }

    #[test]
    fn networks_are_known_until_they_are_many() {
        let of = |numbers: &[u64]| {
            let mut networks = Networks::default();
            numbers.iter().for_each(|number| {
                networks.add(*number, 4);
            });
            networks
        };
        assert_eq!(of(&[]).count(4), 0);
        assert_eq!(of(&[7, 7, 8, 9]).count(4), 3);
        assert_eq!(of(&[7, 8, 9, 10, 11]).count(4), 4);
        assert_eq!(of(&[7, 8, 9, 10]).to_bytes(), b"m");
        let mut joined = of(&[7, 8]);
        joined.merge(&of(&[8, 9]), 4);
        assert_eq!(joined.count(4), 3);
        assert_eq!(joined.to_bytes(), of(&[9, 8, 7]).to_bytes());
        joined.merge(&of(&[1, 2, 3, 4]), 4);
        assert_eq!(joined.count(4), 4);
        for networks in [of(&[]), of(&[1, 2]), joined] {
            let read = Networks::from_bytes(&networks.to_bytes(), 4).expect("as it was written");
            assert_eq!(read.to_bytes(), networks.to_bytes());
        }
        for bytes in [&b"x"[..], b"m1", b"n1234567", b"n\0\0\0\0\0\0\0\0"] {
            assert!(Networks::from_bytes(bytes, 4).is_none());
        }
    }
}
