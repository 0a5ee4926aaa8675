//! Linear programs: how small and how large a sum of unknowns may be, given sums of unknowns that are known.
//!
//! The plain simplex method on a dense tableau, in two phases, after what follows at once is taken out and what does
//! not depend on each other is taken apart. Unknowns are numbers of requests: none is below zero. It is slow, small
//! and shares no code with what it checks.

#![allow(dead_code, reason = "each test uses its part of this")]

use std::collections::BTreeMap;

/// Numbers here are whole and below a million; what is nearer to zero than this is zero.
const EPSILON: f64 = 1e-6;

/// Sums of unknowns, each with what they make.
#[derive(Clone, Debug, Default)]
pub(crate) struct System {
    unknowns: usize,
    equations: Vec<(Vec<(usize, f64)>, f64)>,
}

impl System {
    /// One more unknown.
    pub(crate) fn unknown(&mut self) -> usize {
        self.unknowns += 1;
        self.unknowns - 1
    }

    /// These together make so much.
    pub(crate) fn sum(&mut self, unknowns: &[usize], value: u64) {
        let terms = unknowns.iter().map(|unknown| (*unknown, 1.0));
        self.add(terms, value as f64);
    }

    /// These together make as much as those.
    pub(crate) fn equal(&mut self, these: &[usize], those: &[usize]) {
        let these = these.iter().map(|unknown| (*unknown, 1.0));
        self.add(these.chain(those.iter().map(|unknown| (*unknown, -1.0))), 0.0);
    }

    fn add(&mut self, terms: impl Iterator<Item = (usize, f64)>, value: f64) {
        let mut sums: BTreeMap<usize, f64> = BTreeMap::new();
        terms.for_each(|(unknown, factor)| *sums.entry(unknown).or_default() += factor);
        sums.retain(|_, factor| factor.abs() > EPSILON);
        self.equations.push((sums.into_iter().collect(), value));
    }

    /// What each of `sums` lies between, or nothing if the equations contradict each other.
    pub(crate) fn bounds(&self, sums: &[Vec<usize>]) -> Option<Vec<(f64, f64)>> {
        let (known, equations) = self.reduced()?;
        let (component, parts) = components(self.unknowns, equations, &known);
        let parts: Vec<Part> = parts.into_iter().map(Part::new).collect::<Option<_>>()?;
        let bound = |sum: &Vec<usize>| {
            let (mut low, mut high) = (0.0, 0.0);
            let mut open: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
            for unknown in sum {
                match (known[*unknown], component[*unknown]) {
                    (Some(value), _) => (low, high) = (low + value, high + value),
                    (None, Some(part)) => open.entry(part).or_default().push(*unknown),
                    // Nothing is said of it.
                    (None, None) => high = f64::INFINITY,
                }
            }
            for (part, unknowns) in open {
                low -= parts[part].greatest(&unknowns, -1.0);
                high += parts[part].greatest(&unknowns, 1.0);
            }
            (low, high)
        };
        Some(sums.iter().map(bound).collect())
    }

    /// The unknowns that follow at once, and the equations without them.
    #[expect(clippy::type_complexity, reason = "a pair that is taken apart at once")]
    fn reduced(&self) -> Option<(Vec<Option<f64>>, Vec<(Vec<(usize, f64)>, f64)>)> {
        let mut known: Vec<Option<f64>> = vec![None; self.unknowns];
        let mut equations = self.equations.clone();
        loop {
            let before = known.iter().flatten().count();
            for (terms, value) in &mut equations {
                terms.retain(|(unknown, factor)| match known[*unknown] {
                    Some(found) => {
                        *value -= factor * found;
                        false
                    }
                    None => true,
                });
                let is_nothing = value.abs() < EPSILON
                    && (terms.iter().all(|term| term.1 > 0.0)
                        || terms.iter().all(|term| term.1 < 0.0));
                match terms.as_slice() {
                    [] if value.abs() > EPSILON => return None,
                    [(unknown, factor)] => known[*unknown] = Some(*value / factor),
                    terms if is_nothing => terms.iter().for_each(|term| known[term.0] = Some(0.0)),
                    _ => {}
                }
            }
            if known.iter().flatten().any(|value| *value < -EPSILON) {
                return None;
            }
            if known.iter().flatten().count() == before {
                equations.retain(|(terms, _)| !terms.is_empty());
                return Some((known, equations));
            }
        }
    }
}

type Equations = Vec<(Vec<(usize, f64)>, f64)>;

/// For each unknown the part that it is in, and the parts.
fn components(
    unknowns: usize,
    equations: Equations,
    known: &[Option<f64>],
) -> (Vec<Option<usize>>, Vec<Equations>) {
    let mut parent: Vec<usize> = (0..unknowns).collect();
    fn root(parent: &mut [usize], mut at: usize) -> usize {
        while parent[at] != at {
            parent[at] = parent[parent[at]];
            at = parent[at];
        }
        at
    }
    for (terms, _) in &equations {
        for pair in terms.windows(2) {
            let (a, b) = (root(&mut parent, pair[0].0), root(&mut parent, pair[1].0));
            parent[a] = b;
        }
    }
    let mut numbers: BTreeMap<usize, usize> = BTreeMap::new();
    let mut parts: Vec<Equations> = Vec::new();
    for equation in equations {
        let root = root(&mut parent, equation.0[0].0);
        let number = *numbers.entry(root).or_insert_with(|| {
            parts.push(Vec::new());
            parts.len() - 1
        });
        parts[number].push(equation);
    }
    let of = |unknown: usize, parent: &mut [usize]| {
        let root = root(parent, unknown);
        known[unknown].is_none().then(|| numbers.get(&root).copied()).flatten()
    };
    let component = (0..unknowns).map(|unknown| of(unknown, &mut parent)).collect();
    (component, parts)
}

/// A part of the system, with a place where all its equations hold.
struct Part {
    columns: BTreeMap<usize, usize>,
    /// A row for each equation that says something of its own: its factors, and what they make.
    rows: Vec<Vec<f64>>,
    /// The column that each row is solved for.
    basis: Vec<usize>,
}

impl Part {
    fn new(equations: Equations) -> Option<Self> {
        let mut columns = BTreeMap::new();
        for (unknown, _) in equations.iter().flat_map(|(terms, _)| terms) {
            let next = columns.len();
            columns.entry(*unknown).or_insert(next);
        }
        let (width, height) = (columns.len(), equations.len());
        // Beside the unknowns each row has one of its own, of which nothing must be left.
        let mut rows: Vec<Vec<f64>> = Vec::new();
        for (number, (terms, value)) in equations.iter().enumerate() {
            let sign = if *value < 0.0 { -1.0 } else { 1.0 };
            let mut row = vec![0.0; width + height + 1];
            terms.iter().for_each(|(unknown, factor)| row[columns[unknown]] = sign * factor);
            row[width + number] = 1.0;
            row[width + height] = sign * value;
            rows.push(row);
        }
        let mut part = Self { columns, rows, basis: (width..width + height).collect() };
        let mut goal = vec![0.0; width + height];
        goal[width..].fill(-1.0);
        if part.climb(&goal, width + height).abs() > EPSILON {
            return None;
        }
        part.let_go(width);
        Some(part)
    }

    /// Solves the rows for unknowns only, and lets go of those that say nothing new.
    fn let_go(&mut self, width: usize) {
        for at in (0..self.rows.len()).rev() {
            if self.basis[at] >= width {
                match (0..width).find(|column| self.rows[at][*column].abs() > EPSILON) {
                    Some(column) => self.pivot(at, column),
                    None => {
                        self.rows.remove(at);
                        self.basis.remove(at);
                    }
                }
            }
        }
        for row in &mut self.rows {
            let value = row.pop().expect("each row ends with what it makes");
            row.truncate(width);
            row.push(value);
        }
    }

    /// The greatest that `sign` times the sum of these may be.
    fn greatest(&self, unknowns: &[usize], sign: f64) -> f64 {
        let mut part =
            Self { columns: BTreeMap::new(), rows: self.rows.clone(), basis: self.basis.clone() };
        let mut goal = vec![0.0; self.columns.len()];
        unknowns.iter().for_each(|unknown| goal[self.columns[unknown]] = sign);
        part.climb(&goal, self.columns.len())
    }

    /// Goes from corner to corner until the goal gets no greater.
    fn climb(&mut self, goal: &[f64], width: usize) -> f64 {
        let mut gain = goal.to_vec();
        gain.push(0.0);
        for (row, basic) in self.rows.iter().zip(&self.basis) {
            let factor = goal[*basic];
            if factor != 0.0 {
                gain.iter_mut().zip(row).for_each(|(gain, value)| *gain -= factor * value);
            }
        }
        for step in 0.. {
            // The steepest edge first; the first one (Bland's rule), once it may go in circles.
            let edges = (0..width).filter(|column| gain[*column] > EPSILON);
            let edge = match step < 500 {
                true => edges.max_by(|a, b| gain[*a].total_cmp(&gain[*b])),
                false => edges.min(),
            };
            let Some(edge) = edge else { break };
            let last = self.rows.first().map_or(0, |row| row.len() - 1);
            let limit = (0..self.rows.len())
                .filter(|at| self.rows[*at][edge] > EPSILON)
                .map(|at| (self.rows[at][last] / self.rows[at][edge], self.basis[at], at))
                .min_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
            let Some((_, _, at)) = limit else { return f64::INFINITY };
            self.pivot(at, edge);
            let factor = gain[edge];
            gain.iter_mut().zip(&self.rows[at]).for_each(|(gain, value)| *gain -= factor * value);
            assert!(step < 100_000, "it goes in circles");
        }
        -gain.last().copied().unwrap_or_default()
    }

    fn pivot(&mut self, at: usize, column: usize) {
        let factor = self.rows[at][column];
        self.rows[at].iter_mut().for_each(|value| *value /= factor);
        let pivot = std::mem::take(&mut self.rows[at]);
        for row in self.rows.iter_mut().filter(|row| !row.is_empty()) {
            let factor = row[column];
            if factor.abs() > 1e-12 {
                row.iter_mut().zip(&pivot).for_each(|(value, of)| *value -= factor * of);
            }
        }
        self.rows[at] = pivot;
        self.basis[at] = column;
    }
}

#[test]
fn bounds_are_those_of_the_equations() {
    let mut system = System::default();
    let [a, b, c, d, e] = std::array::from_fn(|_| system.unknown());
    system.sum(&[a, b], 10);
    system.sum(&[b, c], 7);
    system.sum(&[a, b, c], 13);
    system.sum(&[d], 4);
    let found = system.bounds(&[vec![a], vec![b], vec![c], vec![d], vec![a, d], vec![e]]);
    let exact = |value: f64| (value, value);
    let expect =
        [exact(6.0), exact(4.0), exact(3.0), exact(4.0), exact(10.0), (0.0, f64::INFINITY)];
    close(&found.expect("they agree"), &expect);
}

#[test]
fn what_is_open_stays_open() {
    let mut system = System::default();
    let all: Vec<usize> = (0..6).map(|_| system.unknown()).collect();
    let [a, b, c, d, e, f] = all[..] else { unreachable!("there are six") };
    system.sum(&[a, b, c], 30);
    system.sum(&[d, e, f], 30);
    system.sum(&[a, d], 12);
    system.sum(&[b, e], 9);
    // This one says nothing new.
    system.sum(&[c, f], 39);
    system.equal(&[a], &[e]);
    let found = system.bounds(&all.iter().map(|it| vec![*it]).collect::<Vec<_>>());
    close(
        &found.expect("they agree"),
        &[(0.0, 9.0), (0.0, 9.0), (21.0, 21.0), (3.0, 12.0), (0.0, 9.0), (18.0, 18.0)],
    );
    system.sum(&[a, b, c, d, e, f], 61);
    assert!(system.bounds(&[]).is_none());
}

#[cfg(test)]
fn close(found: &[(f64, f64)], expect: &[(f64, f64)]) {
    let is_close = |a: f64, b: f64| a == b || (a - b).abs() < 1e-4;
    let all = found.iter().zip(expect).all(|(a, b)| is_close(a.0, b.0) && is_close(a.1, b.1));
    assert!(all && found.len() == expect.len(), "{found:?} is not {expect:?}");
}
