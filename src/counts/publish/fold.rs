//! The rule for one group of cells: which are printed, and which disappear in `(other)`.
//!
//! A group is a set of cells whose sum an attacker may know: those of a whole table, or those under one printed row
//! of a coarser table. What is hidden in it is known as a sum by subtraction, so the sum must stand for enough people
//! by itself, and for at least two cells, or else it would be one of them.

use super::{Cell, Crowd, OTHER};
use crate::transform::path::{INVALID, UNKNOWN};

/// What decides about cells.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rule {
    pub(super) k: u32,
    /// What a test has switched off, to see that it would be found.
    #[cfg(test)]
    pub(super) off: Option<Off>,
}

/// The parts of the rule that tests switch off.
#[cfg(test)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Off {
    /// Small cells are printed.
    Fold,
    /// A sum may hide one cell only.
    TwoMembers,
    /// A sum may stand for few people.
    CrowdOfOthers,
    /// What other tables tell is taken for a cell like others.
    Told,
    /// Tables know nothing of each other.
    Groups,
    /// Each table has its own total.
    OneTotal,
}

impl Rule {
    #[cfg(test)]
    pub(super) fn has(self, part: Off) -> bool {
        self.off != Some(part)
    }

    /// Whether a cell may be printed by itself.
    pub(super) fn carries(self, cell: &Cell) -> bool {
        #[cfg(test)]
        if !self.has(Off::Fold) {
            return true;
        }
        !is_told(&cell.key) && self.is_enough(cell.requests, &cell.crowd, cell.greatest)
    }

    fn is_enough(self, requests: u64, crowd: &Crowd, greatest: Option<u64>) -> bool {
        let is_dominated = greatest.is_some_and(|greatest| greatest > requests / 2);
        crowd.networks() >= self.k && requests >= u64::from(self.k) && !is_dominated
    }

    /// Whether a sum of hidden cells may be known.
    fn hides(self, hidden: &Hidden) -> bool {
        #[cfg(test)]
        if !self.has(Off::Fold) {
            return true;
        }
        let has_two = hidden.members >= 2;
        let is_crowd = self.is_enough(hidden.requests, &hidden.crowd, hidden.greatest);
        #[cfg(test)]
        let has_two = has_two || !self.has(Off::TwoMembers);
        #[cfg(test)]
        let is_crowd = is_crowd || !self.has(Off::CrowdOfOthers);
        has_two && is_crowd
    }

    /// Whether the cell hides others: it is somebody's, and its number is nowhere else to be found.
    fn is_member(self, cell: &Cell) -> bool {
        #[cfg(test)]
        if !self.has(Off::Told) {
            return cell.requests > 0;
        }
        cell.requests > 0 && cell.crowd.networks() > 0 && !is_told(&cell.key)
    }
}

/// Whether the number of a key may be told elsewhere, so that it hides nothing: paths that are not shown are those of
/// the statuses for which none are, what is no request has a method of its own, and what was folded while counting
/// is of nobody knows whom.
fn is_told(key: &[String]) -> bool {
    key.iter().any(|key| [UNKNOWN, INVALID, OTHER].contains(&key.as_str()))
}

/// The hidden cells of a group so far, as far as they hide each other.
#[derive(Default)]
struct Hidden {
    members: usize,
    requests: u64,
    crowd: Crowd,
    greatest: Option<u64>,
}

impl Hidden {
    fn add(&mut self, cell: &Cell) {
        self.members += 1;
        self.requests = self.requests.saturating_add(cell.requests);
        self.crowd.join(&cell.crowd);
        self.greatest = self.greatest.max(cell.greatest);
    }
}

/// A group of cells after the rule.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Folded {
    /// The numbers of the cells that are printed.
    pub(super) printed: Vec<usize>,
    /// The numbers of those that are not.
    pub(super) hidden: Vec<usize>,
    /// The requests of these, and of lines for which there is no cell.
    pub(super) rest: u64,
}

/// Folds the cells of those numbers, whose requests together with those of lines without a cell are `sum`. Nothing,
/// if the printed cells could not carry that sum.
pub(super) fn fold(cells: &[Cell], group: &[usize], sum: u64, rule: Rule) -> Option<Folded> {
    let within = |numbers: &[usize]| {
        numbers.iter().fold(0_u64, |sum, at| sum.saturating_add(cells[*at].requests))
    };
    let gap = sum.checked_sub(within(group))?;
    let (mut printed, mut folded): (Vec<usize>, Vec<usize>) =
        group.iter().partition(|at| rule.carries(&cells[**at]));
    // Whatever has no request is not there.
    folded.retain(|at| cells[*at].requests > 0);
    // The smallest last, of equal ones the last by name.
    printed.sort_by(|a, b| {
        let (a, b) = (&cells[*a], &cells[*b]);
        b.requests.cmp(&a.requests).then_with(|| a.key.cmp(&b.key))
    });
    let mut hidden = Hidden::default();
    folded.iter().filter(|at| rule.is_member(&cells[**at])).for_each(|at| hidden.add(&cells[*at]));
    if !folded.is_empty() || gap > 0 {
        while !rule.hides(&hidden) {
            let next = printed.pop()?;
            hidden.add(&cells[next]);
            folded.push(next);
        }
    }
    let rest = gap.saturating_add(within(&folded));
    Some(Folded { printed, hidden: folded, rest })
}

/// Hides all cells of a group, or nothing if that could not be done.
pub(super) fn hide(cells: &[Cell], group: &[usize], sum: u64, rule: Rule) -> Option<Folded> {
    let mut hidden = Hidden::default();
    let within = group.iter().fold(0_u64, |sum, at| sum.saturating_add(cells[*at].requests));
    group.iter().filter(|at| rule.is_member(&cells[**at])).for_each(|at| hidden.add(&cells[*at]));
    let is_good = sum >= within && (sum == 0 || rule.hides(&hidden));
    is_good.then(|| Folded { printed: Vec::new(), hidden: group.to_vec(), rest: sum })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cell(key: &str, requests: u64, networks: u32) -> Cell {
        Cell::new(&[key], requests, Crowd::at_least(networks))
    }

    /// Folds cells of which sets are known, one network an own number.
    fn apart(cells: &[(&str, u64, std::ops::Range<u64>)]) -> Vec<Cell> {
        let cell = |(key, requests, networks): &(&str, u64, std::ops::Range<u64>)| {
            let mut crowd = Crowd::default();
            networks.clone().for_each(|network| crowd.add(1, network));
            Cell::new(&[*key], *requests, crowd)
        };
        cells.iter().map(cell).collect()
    }

    #[track_caller]
    fn check(cells: &[Cell], gap: u64, expect: Option<(&[&str], u64)>) {
        let rule = Rule { k: 10, off: None };
        let sum = gap + cells.iter().map(|cell| cell.requests).sum::<u64>();
        let group: Vec<_> = (0..cells.len()).collect();
        let folded = fold(cells, &group, sum, rule);
        let names = |folded: Folded| -> (Vec<String>, u64) {
            (folded.printed.iter().map(|at| cells[*at].key[0].clone()).collect(), folded.rest)
        };
        let expect = expect
            .map(|(names, rest)| (names.iter().map(|name| (*name).to_owned()).collect(), rest));
        assert_eq!(folded.map(names), expect);
    }

    #[test]
    fn what_needs_no_folding_is_printed() {
        check(&[cell("a", 30, 10), cell("b", 10, 10)], 0, Some((&["a", "b"], 0)));
        check(&[cell("a", 10, 10)], 0, Some((&["a"], 0)));
        check(&[], 0, Some((&[], 0)));
        check(&[cell("a", 30, 10), cell("b", 0, 0)], 0, Some((&["a"], 0)));
    }

    #[test]
    fn one_hidden_cell_takes_the_next_smallest_along() {
        let cells = [cell("a", 90, 20), cell("b", 50, 20), cell("c", 70, 20), cell("d", 3, 1)];
        check(&cells, 0, Some((&["a", "c"], 53)));
    }

    #[test]
    fn hits_are_not_people() {
        let cells = [cell("a", 90, 20), cell("b", 5_000, 9), cell("c", 70, 20)];
        check(&cells, 0, Some((&["a"], 5_070)));
    }

    #[test]
    fn people_together_are_enough_where_it_is_known_that_they_are_others() {
        let few = [("a", 90, 0..20), ("b", 7, 20..26), ("c", 7, 26..32)];
        check(&apart(&few), 0, Some((&["a"], 14)));
        let same = [("a", 90, 0..20), ("b", 7, 20..26), ("c", 7, 21..26)];
        check(&apart(&same), 0, Some((&[], 104)));
    }

    #[test]
    fn what_cannot_be_hidden_is_withheld() {
        check(&[cell("a", 90, 20), cell("b", 3, 0)], 0, None);
        check(&[cell("a", 90, 20)], 1, None);
        check(&[cell("a", 9, 9), cell("b", 9, 9)], 0, None);
    }

    #[test]
    fn lines_without_a_cell_hide_nothing() {
        let cells = [cell("a", 90, 20), cell("b", 50, 20), cell("c", 70, 20)];
        check(&cells, 4, Some((&["a"], 124)));
    }

    #[test]
    fn what_others_tell_hides_nothing() {
        let mut cells =
            vec![cell("a", 90, 20), cell("b", 50, 20), cell("c", 70, 20), cell("d", 60, 20)];
        for told in [UNKNOWN, INVALID, OTHER] {
            cells.push(cell(told, 100, 20));
            check(&cells, 0, Some((&["a", "c"], 210)));
            cells.pop();
        }
        // Programs have no network.
        cells.push(cell("bot", 500, 0));
        check(&cells, 0, Some((&["a", "c"], 610)));
    }

    #[test]
    fn a_cell_that_one_network_dominates_is_hidden() {
        let mut one = cell("a", 100, 20);
        one.greatest = Some(51);
        check(
            &[one.clone(), cell("b", 40, 20), cell("c", 80, 20), cell("d", 90, 20)],
            0,
            Some((&["d", "c"], 140)),
        );
        one.greatest = Some(50);
        check(&[one, cell("b", 40, 20)], 0, Some((&["a", "b"], 0)));
    }

    #[test]
    fn more_than_the_sum_is_withheld() {
        let rule = Rule { k: 10, off: None };
        assert_eq!(fold(&[cell("a", 90, 20)], &[0], 89, rule), None);
    }

    #[test]
    fn a_whole_group_is_hidden_where_its_cells_hide_each_other() {
        let rule = Rule { k: 10, off: None };
        let cells = [cell("a", 20, 20), cell("b", 30, 20)];
        let hidden = |group: &[usize], rest: u64| {
            Some(Folded { printed: Vec::new(), hidden: group.to_vec(), rest })
        };
        assert_eq!(hide(&cells, &[0, 1], 50, rule), hidden(&[0, 1], 50));
        assert_eq!(hide(&cells, &[0, 1], 55, rule), hidden(&[0, 1], 55));
        assert_eq!(hide(&cells, &[0, 1], 49, rule), None);
        assert_eq!(hide(&cells, &[0], 20, rule), None);
        assert_eq!(hide(&cells, &[], 0, rule), hidden(&[], 0));
        assert_eq!(hide(&cells, &[], 1, rule), None);
    }
}
