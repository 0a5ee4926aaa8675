//! A coarser period as the sum of what was printed for the finer ones.
//!
//! It tells nothing that was not told, whatever was counted. Where a finer period withheld a table, its total goes
//! into that table's `(other)`; where it had no total, nothing of it is in the sum, and that is said.

use std::collections::{BTreeMap, BTreeSet};

use super::{Content, Number, OTHER, Row, Summed, sort};

/// The sum of what was told of finer periods, of which there is at least one.
#[must_use]
pub fn sum_up(parts: &[&Content]) -> Content {
    let told: Vec<&Content> = parts.iter().copied().filter(|part| part.total.is_some()).collect();
    let requests = |part: &Content| part.total.map_or(0, |total| total.requests);
    let names: BTreeSet<&String> =
        parts.iter().flat_map(|part| part.tables.keys().chain(&part.withheld)).collect();
    let mut content = Content {
        k: parts.iter().map(|part| part.k).min().unwrap_or_default(),
        blur: parts
            .iter()
            .map(|part| part.blur)
            .find(|blur| *blur != super::Blur::None)
            .unwrap_or_default(),
        summed: Some(Summed { periods: count(parts.len()), told: count(told.len()) }),
        total: (!told.is_empty()).then(|| Number {
            requests: told.iter().map(|part| requests(part)).sum(),
            visitors: None,
        }),
        tables: BTreeMap::new(),
        partial: Vec::new(),
        withheld: Vec::new(),
    };
    for name in names {
        let Some(dimensions) =
            told.iter().find_map(|part| Some(part.tables.get(name)?.first()?.key.len()))
        else {
            content.withheld.push(name.clone());
            continue;
        };
        let mut sums: BTreeMap<Vec<String>, u64> = BTreeMap::new();
        for part in &told {
            match part.tables.get(name) {
                Some(rows) => rows.iter().for_each(|row| {
                    *sums.entry(row.key.clone()).or_default() += row.requests;
                }),
                None => {
                    let other = vec![OTHER.to_owned(); dimensions];
                    *sums.entry(other).or_default() += requests(part);
                }
            }
        }
        let row = |(key, requests)| Row { key, requests, visitors: None };
        let mut rows: Vec<Row> = sums.into_iter().map(row).collect();
        sort(&mut rows);
        content
            .partial
            .extend(told.iter().any(|part| part.partial.contains(name)).then(|| name.clone()));
        content.tables.insert(name.clone(), rows);
    }
    content
}

fn count(parts: usize) -> u32 {
    u32::try_from(parts).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::counts::publish::Blur;

    fn part(total: Option<u64>, tables: &[(&str, &[(&str, u64)])], withheld: &[&str]) -> Content {
        let row = |(key, requests): &(&str, u64)| Row {
            key: vec![(*key).to_owned()],
            requests: *requests,
            visitors: Some(7),
        };
        let table = |(name, rows): &(&str, &[(&str, u64)])| {
            ((*name).to_owned(), rows.iter().map(row).collect())
        };
        Content {
            k: 10,
            blur: Blur::None,
            summed: None,
            total: total.map(|requests| Number { requests, visitors: Some(9) }),
            tables: tables.iter().map(table).collect(),
            partial: Vec::new(),
            withheld: withheld.iter().map(|name| (*name).to_owned()).collect(),
        }
    }

    #[test]
    fn printed_cells_are_added_and_what_is_withheld_is_other() {
        let days = [
            part(Some(100), &[("os", &[("Linux", 60), ("(other)", 40)])], &["path"]),
            part(Some(50), &[], &["os", "path"]),
            part(None, &[], &["os", "path"]),
            part(Some(30), &[("os", &[("Windows", 20), ("Linux", 10)])], &["path"]),
        ];
        let sum = sum_up(&days.iter().collect::<Vec<_>>());
        assert_eq!(sum.total, Some(Number { requests: 180, visitors: None }));
        assert_eq!(sum.summed, Some(Summed { periods: 4, told: 3 }));
        assert_eq!(sum.withheld, ["path"]);
        let rows: Vec<_> =
            sum.tables["os"].iter().map(|row| (row.key[0].as_str(), row.requests)).collect();
        assert_eq!(rows, [("Linux", 70), ("Windows", 20), ("(other)", 90)]);
        assert!(sum.tables["os"].iter().all(|row| row.visitors.is_none()));
    }

    #[test]
    fn a_sum_of_nothing_has_no_total() {
        let days = [part(None, &[], &["os"]), part(None, &[], &["os"])];
        let sum = sum_up(&days.iter().collect::<Vec<_>>());
        assert_eq!((sum.total, sum.withheld), (None, vec!["os".to_owned()]));
    }
}
