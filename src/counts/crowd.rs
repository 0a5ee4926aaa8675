//! Who was behind the latest lines, until they are added to the sets of all rows together.
//!
//! A set of visitors is 16 KiB to be hit anywhere, and each line belongs to a dozen of them. Line by line that is a
//! dozen waits for memory. So the lines of some blocks wait here, each table keeps the row of every line
//! ([`Queue`]), and when enough wait each set is taken up once and gets all of its visitors in turn. That takes a
//! third of the time.
//!
//! What comes of it is the same, for a set does not depend on the order in which visitors came. Only a table that is
//! about to fold rows must not be behind: it settles first.

use super::{
    part::Visits,
    tally::{Group, Wants},
};

/// How many lines wait at most, with up to 16 bytes each here and 4 in each table's queue.
const LINES_MAX: usize = 1 << 15;

/// In a queue: a line that is in no row.
pub(super) const NOWHERE: u32 = u32::MAX;

/// The visitors and networks of the lines that wait.
#[derive(Default)]
pub(super) struct Crowd {
    visitors: Vec<u64>,
    /// Nothing where networks are not counted.
    networks: Vec<u64>,
    starts: Vec<u32>,
    sorted: (Vec<u64>, Vec<u64>),
}

/// For each line that waits, from some line on, its place in one table.
#[derive(Default)]
pub(super) struct Queue {
    first: usize,
    places: Vec<u32>,
}

impl Queue {
    /// Notes the places of the lines that came to a crowd last.
    pub(super) fn push_all(&mut self, crowd: &Crowd, places: impl ExactSizeIterator<Item = u32>) {
        if self.places.is_empty() {
            self.first = crowd.len() - places.len();
        }
        self.places.extend(places);
        debug_assert_eq!(self.first + self.places.len(), crowd.len(), "a line has one place");
    }

    pub(super) fn clear(&mut self) {
        self.places.clear();
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.places.is_empty()
    }
}

impl Crowd {
    /// Whether so many more lines are too many.
    pub(super) const fn is_full(&self, more: usize) -> bool {
        self.visitors.len() + more > LINES_MAX && !self.visitors.is_empty()
    }

    /// Adds who was behind the lines of a block.
    pub(super) fn push_all(&mut self, visits: &Visits, wants: Wants) {
        self.visitors.extend_from_slice(visits.visitors());
        if wants.networks.is_some() {
            self.networks.extend_from_slice(visits.networks());
        }
    }

    /// How many lines wait.
    pub(super) const fn len(&self) -> usize {
        self.visitors.len()
    }

    /// All of them.
    pub(super) fn all(&self) -> Group<'_> {
        Group { visitors: &self.visitors, networks: &self.networks }
    }

    pub(super) fn clear(&mut self) {
        self.visitors.clear();
        self.networks.clear();
    }

    /// Hands over the lines of each place, of which there are `count`, as one group or as several.
    pub(super) fn each(
        &mut self,
        queue: &Queue,
        count: usize,
        mut take: impl FnMut(usize, Group<'_>),
    ) {
        let Queue { first, places } = queue;
        // Lines of one hour come together as they are.
        let runs = places.windows(2).filter(|pair| pair[0] != pair[1]).count() + 1;
        if runs * 8 <= places.len() {
            let mut at = *first;
            for run in places.chunk_by(|one, next| one == next) {
                if run[0] != NOWHERE {
                    take(run[0] as usize, self.group(at, at + run.len()));
                }
                at += run.len();
            }
            return;
        }
        self.sort(*first, places, count);
        for (place, ends) in self.starts.windows(2).enumerate() {
            let (start, end) = (ends[0] as usize, ends[1] as usize);
            if start < end {
                let networks = self.sorted.1.get(start..end).unwrap_or_default();
                take(place, Group { visitors: &self.sorted.0[start..end], networks });
            }
        }
    }

    /// One of them.
    pub(super) fn line(&self, line: usize) -> Group<'_> {
        self.group(line, line + 1)
    }

    fn group(&self, start: usize, end: usize) -> Group<'_> {
        let networks = self.networks.get(start..end).unwrap_or_default();
        Group { visitors: &self.visitors[start..end], networks }
    }

    /// Sorts lines by their place, by counting.
    fn sort(&mut self, first: usize, places: &[u32], count: usize) {
        let Self { visitors, networks, starts, sorted } = self;
        // Two more than places: the counts are found one further on, so that in the end each stands where it starts.
        starts.clear();
        starts.resize(count + 2, 0);
        for place in places.iter().filter(|place| **place != NOWHERE) {
            starts[*place as usize + 2] += 1;
        }
        let mut sum = 0;
        for start in &mut *starts {
            sum += *start;
            *start = sum;
        }
        sorted.0.resize(sum as usize, 0);
        sorted.1.resize(if networks.is_empty() { 0 } else { sum as usize }, 0);
        for (line, place) in places.iter().enumerate().filter(|(_, place)| **place != NOWHERE) {
            let start = &mut starts[*place as usize + 1];
            sorted.0[*start as usize] = visitors[first + line];
            if let Some(network) = networks.get(first + line) {
                sorted.1[*start as usize] = *network;
            }
            *start += 1;
        }
        starts.truncate(count + 1);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn crowd(lines: u64, with_networks: bool) -> Crowd {
        let visitors: Vec<_> = (1..=lines).collect();
        let networks =
            if with_networks { visitors.iter().map(|it| it * 10).collect() } else { vec![] };
        Crowd { visitors, networks, ..Crowd::default() }
    }

    proptest! {
        #[test]
        fn every_line_goes_to_its_place_in_order(
            places in prop::collection::vec(prop_oneof![0_u32..5, Just(2), Just(NOWHERE)], 1..200),
            repeat in prop_oneof![Just(1), Just(20)],
            skipped in 0_usize..3,
            with_networks: bool,
        ) {
            let places: Vec<_> = places.iter().flat_map(|place| vec![*place; repeat]).collect();
            let mut crowd = crowd((skipped + places.len()) as u64, with_networks);
            let mut queue = Queue::default();
            queue.push_all(&crowd, places.iter().copied());
            let mut found = vec![Vec::new(); 5];
            crowd.each(&queue, 5, |place, group| {
                let networks: Vec<_> = group.visitors.iter().map(|visitor| visitor * 10).collect();
                assert_eq!(group.networks, if with_networks { &networks[..] } else { &[] });
                found[place].extend_from_slice(group.visitors);
            });
            for (place, found) in found.iter().enumerate() {
                let of_place = places.iter().enumerate().filter(|(_, it)| **it as usize == place);
                let expect: Vec<_> = of_place.map(|(line, _)| (skipped + line + 1) as u64).collect();
                prop_assert_eq!(found, &expect);
            }
        }
    }

    #[test]
    fn few_lines_are_never_too_many() {
        assert!(!Crowd::default().is_full(LINES_MAX + 1));
        assert!(!crowd(1, false).is_full(LINES_MAX - 1));
        assert!(crowd(1, false).is_full(LINES_MAX));
    }
}
