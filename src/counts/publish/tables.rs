//! From the counted tables of a period to those that may be told: which are folded under which, and in what order.
//!
//! Every table carries the one total of the release. A table whose rows are sums of another's rows is folded first, and
//! the finer one under each of its printed rows, so that the difference of the two is a sum that may be known. The
//! rows of a table of two dimensions are folded under those of its first dimension in the same way; the table of its
//! second dimension is what the printed cells add up to.
//!
//! What a group cannot carry, the table cannot: it is withheld whole, and never printed with a gap that subtraction
//! fills.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    Blur, Cell, Content, Counted, Number, OTHER, Row, Sheet,
    fold::{Folded, Rule, fold, hide},
    relations::{coarser, row_of_coarser},
    round, sort,
};

/// What of `counted` may be told.
pub(super) fn release(counted: &Counted, rule: Rule, blur: Blur) -> Content {
    let mut releasing = Releasing::new(counted, rule, blur);
    let total = rule.carries(&counted.total);
    if total {
        releasing.fold_all();
    }
    let Releasing { done, tables: _, .. } = releasing;
    let mut content = Content {
        k: rule.k,
        blur,
        summed: None,
        total: total.then(|| Number {
            requests: blurred(blur, counted.total.requests),
            visitors: counted.total.visitors.map(|visitors| blurred(blur, visitors)),
        }),
        tables: BTreeMap::new(),
        partial: Vec::new(),
        withheld: Vec::new(),
    };
    for name in counted.tables.iter().map(|sheet| &sheet.name) {
        match done.get(name) {
            Some(told) if total => {
                content.tables.insert(name.clone(), told.rows.clone());
                content.partial.extend(told.is_partial.then(|| name.clone()));
            }
            _ => content.withheld.push(name.clone()),
        }
    }
    content.partial.sort();
    content.withheld.sort();
    content
}

fn blurred(blur: Blur, value: u64) -> u64 {
    match blur {
        Blur::None => value,
        Blur::Round(base) => round::nearest(value, base),
    }
}

/// A table that is told.
#[derive(Default)]
struct Told {
    rows: Vec<Row>,
    /// The printed rows of one dimension: what was counted and what is told of each.
    printed: BTreeMap<String, (u64, u64)>,
    is_partial: bool,
}

/// Cells whose sum is known, and what is told of that sum.
struct Group {
    /// The row of the coarser table, or none for what has no such row.
    row: Option<String>,
    cells: Vec<usize>,
    sum: u64,
    told: u64,
}

struct Releasing {
    tables: BTreeMap<String, Sheet>,
    /// The tables that are told of.
    done: BTreeMap<String, Told>,
    total: u64,
    rule: Rule,
    blur: Blur,
}

impl Releasing {
    fn new(counted: &Counted, rule: Rule, blur: Blur) -> Self {
        let mut tables: BTreeMap<String, Sheet> =
            counted.tables.iter().map(|sheet| (sheet.name.clone(), sheet.clone())).collect();
        for cross in counted.tables.iter().filter(|sheet| is_cross(sheet)) {
            let first = &cross.dimensions[0];
            tables.entry(first.clone()).or_insert_with(|| Sheet::new(first, rows_of(cross)));
        }
        Self { tables, done: BTreeMap::new(), total: counted.total.requests, rule, blur }
    }

    /// Folds coarse tables before fine ones.
    fn fold_all(&mut self) {
        let crosses: Vec<Sheet> =
            self.tables.values().filter(|sheet| is_cross(sheet)).cloned().collect();
        let seconds: BTreeSet<&str> =
            crosses.iter().map(|cross| cross.dimensions[1].as_str()).collect();
        let single: Vec<String> = self
            .tables
            .values()
            .filter(|sheet| !is_cross(sheet) && !seconds.contains(sheet.name.as_str()))
            .map(|sheet| sheet.name.clone())
            .collect();
        let (fine, coarse): (Vec<String>, Vec<String>) = single.into_iter().partition(|name| {
            coarser(name).is_some_and(|coarser| self.tables.contains_key(coarser))
        });
        coarse.iter().for_each(|name| self.fold_root(name));
        fine.iter().for_each(|name| self.fold_fine(name));
        for cross in &crosses {
            self.fold_cross(cross);
            let second = &cross.dimensions[1];
            if self.tables.contains_key(second) {
                match self.done.get(&cross.name) {
                    Some(told) => {
                        let sums = self.sums_of_second(told);
                        self.done.insert(second.clone(), sums);
                    }
                    None => self.fold_root(second),
                }
            }
        }
    }

    /// What a table's cells and the lines without one make together.
    fn sum(&self, cells: &[Cell]) -> u64 {
        #[cfg(test)]
        if !self.rule.has(super::fold::Off::OneTotal) {
            return cells.iter().map(|cell| cell.requests).sum();
        }
        let _ = cells;
        self.total
    }

    /// Folds a table that belongs to no other.
    fn fold_root(&mut self, name: &str) {
        let cells = &self.tables[name].cells;
        let (sum, all) = (self.sum(cells), (0..cells.len()).collect::<Vec<_>>());
        if let Some(folded) = fold(cells, &all, sum, self.rule) {
            let told = self.tell(name, vec![(None, folded, blurred(self.blur, sum))]);
            self.done.insert(name.to_owned(), told);
        }
    }

    /// Folds a table under the printed rows of the coarser one, or by itself where that is withheld.
    fn fold_fine(&mut self, name: &str) {
        let coarser = coarser(name).and_then(|coarser| self.done.get(coarser));
        #[cfg(test)]
        let coarser = coarser.filter(|_| self.rule.has(super::fold::Off::Groups));
        let Some(coarser) = coarser else { return self.fold_root(name) };
        let cells = &self.tables[name].cells;
        let groups = self.groups(cells, coarser, |key| row_of_coarser(name, &key[0]));
        let folded = groups.into_iter().map(|group| {
            let folded = fold(cells, &group.cells, group.sum, self.rule)?;
            // A group without a cell is one that is carried by its row alone.
            Some((None, folded, group.told))
        });
        if let Some(folded) = folded.collect::<Option<Vec<_>>>() {
            let told = self.tell(name, folded);
            self.done.insert(name.to_owned(), told);
        }
    }

    /// Folds a table of two dimensions under the printed rows of the first. Under what is hidden there, all is hidden.
    fn fold_cross(&mut self, cross: &Sheet) {
        let Some(first) = self.done.get(&cross.dimensions[0]) else { return };
        let cells = &cross.cells;
        let groups = self.groups(cells, first, |key| key[0].clone());
        let folded = groups.into_iter().map(|group| {
            let folded = match &group.row {
                Some(_) => fold(cells, &group.cells, group.sum, self.rule)?,
                None => hide(cells, &group.cells, group.sum, self.rule)?,
            };
            Some((group.row, folded, group.told))
        });
        if let Some(folded) = folded.collect::<Option<Vec<_>>>() {
            let told = self.tell(&cross.name, folded);
            self.done.insert(cross.name.clone(), told);
        }
    }

    /// The cells under each printed row of a coarser table, and under none.
    fn groups(
        &self,
        cells: &[Cell],
        coarser: &Told,
        row: impl Fn(&[String]) -> String,
    ) -> Vec<Group> {
        let mut groups: BTreeMap<&str, Group> = BTreeMap::new();
        for (key, (sum, told)) in &coarser.printed {
            let (row, sum, told) = (Some(key.clone()), *sum, *told);
            groups.insert(key, Group { row, cells: Vec::new(), sum, told });
        }
        let printed = coarser.printed.values();
        let (sum, told) = printed.fold((0, 0), |all, row| (all.0 + row.0, all.1 + row.1));
        let mut rest = Group {
            row: None,
            cells: Vec::new(),
            sum: self.total.saturating_sub(sum),
            told: blurred(self.blur, self.total).saturating_sub(told),
        };
        for (at, cell) in cells.iter().enumerate() {
            let group = groups.get_mut(row(&cell.key).as_str()).unwrap_or(&mut rest);
            group.cells.push(at);
        }
        groups.into_values().chain([rest]).collect()
    }

    /// The rows of folded groups: of each the row of the first dimension, if it has one, and what is told of its sum.
    fn tell(&self, name: &str, groups: Vec<(Option<String>, Folded, u64)>) -> Told {
        let sheet = &self.tables[name];
        let mut told = Told::default();
        let mut rest = 0;
        for (row, folded, sum) in groups {
            let mut values: Vec<u64> =
                folded.printed.iter().map(|at| sheet.cells[*at].requests).collect();
            values.push(folded.rest);
            let values = match self.blur {
                Blur::None => values,
                Blur::Round(base) => round::parts(&values, sum, base),
            };
            for (at, requests) in folded.printed.iter().zip(&values) {
                let cell = &sheet.cells[*at];
                let visitors = cell.visitors.map(|visitors| blurred(self.blur, visitors));
                told.printed.insert(cell.key[0].clone(), (cell.requests, *requests));
                told.rows.push(Row { key: cell.key.clone(), requests: *requests, visitors });
            }
            let hidden = values.last().copied().unwrap_or_default();
            match row {
                Some(row) if hidden > 0 => {
                    told.rows.push(other(vec![row, OTHER.to_owned()], hidden))
                }
                _ => rest += hidden,
            }
        }
        if rest > 0 {
            told.rows.push(other(vec![OTHER.to_owned(); sheet.dimensions.len()], rest));
        }
        sort(&mut told.rows);
        told
    }

    /// The second dimension of a told table: what its printed cells add up to.
    fn sums_of_second(&self, cross: &Told) -> Told {
        let mut sums: BTreeMap<&str, u64> = BTreeMap::new();
        for row in &cross.rows {
            *sums.entry(row.key[1].as_str()).or_default() += row.requests;
        }
        let row = |(key, requests): (&str, u64)| other(vec![key.to_owned()], requests);
        let mut rows: Vec<Row> = sums.into_iter().map(row).collect();
        sort(&mut rows);
        Told { rows, printed: BTreeMap::new(), is_partial: true }
    }
}

/// A row that is a sum.
fn other(key: Vec<String>, requests: u64) -> Row {
    Row { key, requests, visitors: None }
}

fn is_cross(sheet: &Sheet) -> bool {
    sheet.dimensions.len() > 1
}

/// The rows of the first dimension, out of the cells of both.
fn rows_of(cross: &Sheet) -> Vec<Cell> {
    let mut rows: BTreeMap<&str, Cell> = BTreeMap::new();
    for cell in &cross.cells {
        let key = cell.key[0].as_str();
        let row = rows.entry(key).or_insert_with(|| Cell::new(&[key], 0, super::Crowd::default()));
        row.requests = row.requests.saturating_add(cell.requests);
        row.crowd.join(&cell.crowd);
        row.greatest = match (row.greatest, cell.greatest) {
            (Some(a), Some(b)) => Some(a.saturating_add(b)),
            (a, b) => a.or(b),
        };
    }
    rows.into_values().collect()
}
