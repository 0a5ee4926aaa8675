//! What is counted for one key: requests and bytes.
//!
//! Both stop at the largest number rather than begin again at zero. A sum that stops there is the
//! same in whatever order and grouping its parts are added, which batches rely on. Visitors are not
//! counted here.

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

    /// Whether a line was counted.
    pub(super) const fn is_counted(self) -> bool {
        self.requests > 0
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
}
