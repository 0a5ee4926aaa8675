//! How many lines came and what became of them: `read = clean + refused + opted_out + filtered`, always.

use std::collections::BTreeMap;

use crate::{field::Reason, privacy::Released};

/// The tally of a block or of a whole run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Lines that became records.
    pub clean: u64,
    /// Lines refused, in the order of [`Reason::ALL`].
    pub refused: [u64; Reason::ALL.len()],
    /// Lines of visitors who opted out.
    pub opted_out: u64,
    /// Lines that the policy leaves out.
    pub filtered: u64,
    /// Lines handed to the quarantine, which go their other way all the same.
    pub sealed: u64,
    /// Lines that each rule hit, by the ids of the rules.
    pub rules: BTreeMap<String, u64>,
    /// Lines that rules or behaviour would have sealed, had there not been so many.
    pub over_budget: u64,
    /// Bytes written.
    pub bytes_out: u64,
}

impl Tally {
    /// Notes a refused line.
    #[inline]
    pub const fn refuse(&mut self, reason: Reason, lines: u64) {
        self.refused[reason as usize] += lines;
    }

    /// Notes lines that were held until now.
    pub const fn release(&mut self, released: Released) {
        let Released { clean, late, suppressed } = released;
        self.clean += clean;
        self.refuse(Reason::Late, late);
        self.refuse(Reason::Suppressed, suppressed);
    }

    /// The numbers of lines by name, for those who record them.
    #[must_use]
    pub fn lines(&self) -> Vec<(&'static str, u64)> {
        let named =
            [("clean", self.clean), ("opted_out", self.opted_out), ("filtered", self.filtered)];
        let refused = Reason::ALL.into_iter().map(Reason::word).zip(self.refused);
        named.into_iter().chain(refused).filter(|(_, lines)| *lines > 0).collect()
    }

    /// All lines refused.
    #[must_use]
    pub fn refused_total(&self) -> u64 {
        self.refused.iter().sum()
    }

    /// All lines read, but for those that are held: each went exactly one way.
    #[must_use]
    pub fn read(&self) -> u64 {
        self.clean + self.refused_total() + self.opted_out + self.filtered
    }

    /// Adds another tally.
    pub fn absorb(&mut self, other: &Self) {
        self.clean += other.clean;
        for (mine, theirs) in self.refused.iter_mut().zip(other.refused) {
            *mine += theirs;
        }
        self.opted_out += other.opted_out;
        self.filtered += other.filtered;
        self.sealed += other.sealed;
        for (id, lines) in &other.rules {
            match self.rules.get_mut(id) {
                Some(sum) => *sum += lines,
                None => {
                    self.rules.insert(id.clone(), *lines);
                }
            }
        }
        self.over_budget += other.over_budget;
        self.bytes_out += other.bytes_out;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_are_numbered_as_they_are_listed() {
        for (index, reason) in Reason::ALL.into_iter().enumerate() {
            assert_eq!(reason as usize, index);
        }
    }

    #[test]
    fn sums_hold() {
        let mut tally = Tally { clean: 3, opted_out: 1, filtered: 2, ..Tally::default() };
        tally.refuse(Reason::BadTime, 4);
        let mut whole = tally.clone();
        whole.absorb(&tally);
        assert_eq!((tally.read(), whole.read(), whole.refused_total()), (10, 20, 8));
    }
}
