//! How tables belong together: which one's rows are sums of another's, and which tell the same thing in other words.
//!
//! Whoever knows that every 404 is a 4xx subtracts one table from the other. So a finer table is folded under the
//! printed rows of the coarser one (`tables.rs`), and where tables belong together in a way that this cannot make
//! good, they are refused together.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use super::Sheet;

/// Tables whose rows are sums of another's. The coarsest stands first.
const FLOORS: [&[&str]; 2] = [&["day", "hour"], &["status_class", "status"]];

/// Tables that tell in other words on what somebody reads. Every iPhone is a telephone, every Edge is on Windows: what
/// one of them prints bounds what another hides, so that no more than one of them is released.
pub const ONE_OF: [&str; 4] = ["browser", "os", "device", "bot"];

/// The table whose rows are sums of rows of `table`.
pub(super) fn coarser(table: &str) -> Option<&'static str> {
    match table {
        "hour" => Some("day"),
        "status" => Some("status_class"),
        _ => None,
    }
}

/// The row of the coarser table to which a row of `table` belongs.
pub(super) fn row_of_coarser(table: &str, key: &str) -> String {
    match table {
        "hour" => key.split('T').next().unwrap_or_default().to_owned(),
        "status" => format!("{}xx", key.get(..1).unwrap_or_default()),
        _ => key.to_owned(),
    }
}

/// The other tables that tell of the same thing.
fn relatives(table: &str) -> impl Iterator<Item = &'static str> {
    let families = FLOORS.into_iter().chain([ONE_OF.as_slice()]);
    let family = families.into_iter().find(|family| family.contains(&table));
    let members = family.into_iter().flat_map(|family| family.iter().copied());
    members.filter(move |member| *member != table)
}

/// Tables that must not be released together, or a table that cannot be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RelationError {
    what: String,
}

impl fmt::Display for RelationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

impl std::error::Error for RelationError {}

/// Looks whether the tables may be released together.
///
/// In a table of two dimensions the first one's rows are whole; of the second one's only what is printed is known, and
/// so it must be told nowhere else.
pub(super) fn check(sheets: &[Sheet]) -> Result<(), RelationError> {
    let refuse = |what: String| Err(RelationError { what });
    let names: BTreeSet<&str> = sheets.iter().map(|sheet| sheet.name.as_str()).collect();
    if names.len() < sheets.len() {
        return refuse("a table stands twice".to_owned());
    }
    let crosses: Vec<&Sheet> = sheets.iter().filter(|sheet| sheet.dimensions.len() > 1).collect();
    let mut uses: BTreeMap<&str, u32> = BTreeMap::new();
    for dimension in crosses.iter().flat_map(|cross| &cross.dimensions) {
        *uses.entry(dimension.as_str()).or_default() += 1;
    }
    let told = |name: &&str| names.contains(name) || uses.contains_key(name);
    let readers: Vec<&str> = ONE_OF.into_iter().filter(told).collect();
    if readers.len() > 1 {
        return refuse(format!(
            "{} tell of each other what is hidden; release one of them",
            readers.join(" and ")
        ));
    }
    for cross in crosses {
        let [first, second] = cross.dimensions.as_slice() else {
            return refuse(format!("{}: has more than two dimensions", cross.name));
        };
        if first == second || relatives(second).any(|relative| relative == first) {
            return refuse(format!("{}: {first} and {second} tell the same thing", cross.name));
        }
        if uses[second.as_str()] > 1 {
            return refuse(format!(
                "{}: {second} stands in another table of two dimensions; of two such tables only the first dimension \
                 may be the same",
                cross.name
            ));
        }
        if let Some(relative) = relatives(second).find(told) {
            return refuse(format!(
                "{}: {relative} would tell what is hidden of {second}; leave one of them out",
                cross.name
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_names(tables: &[&[&str]], expect: &str) {
        let sheet = |dimensions: &&[&str]| Sheet {
            name: dimensions.join("+"),
            dimensions: dimensions.iter().map(|it| (*it).to_owned()).collect(),
            cells: Vec::new(),
        };
        let sheets: Vec<_> = tables.iter().map(sheet).collect();
        let found = check(&sheets).map_or_else(|error| error.to_string(), |()| String::new());
        assert!(found.contains(expect) && found.is_empty() == expect.is_empty(), "{found}");
    }

    #[test]
    fn tables_that_belong_together_in_a_line_are_good() {
        check_names(&[&["day"], &["hour"], &["status"], &["status_class"], &["browser"]], "");
        check_names(&[&["path"], &["country"], &["path", "country"], &["path", "browser"]], "");
        check_names(&[&["day"], &["hour"], &["day", "path"], &["hour", "country"]], "");
    }

    #[test]
    fn tables_that_tell_of_each_other_are_refused() {
        check_names(&[&["path"], &["path"]], "twice");
        check_names(&[&["path", "country", "os"]], "more than two");
        check_names(&[&["path", "path"]], "the same thing");
        check_names(&[&["day", "hour"]], "the same thing");
        check_names(&[&["path", "country"], &["browser", "country"]], "only the first");
        check_names(&[&["path", "country"], &["country", "os"]], "only the first");
        check_names(&[&["path", "status"], &["status_class"]], "status_class would tell");
        check_names(&[&["os"], &["device"]], "os and device");
        check_names(&[&["path", "os"], &["device"]], "os and device");
        check_names(&[&["path", "os"], &["browser", "language"]], "browser and os");
        check_names(&[&["browser"], &["bot"], &["path"]], "browser and bot");
    }

    #[test]
    fn finer_rows_find_their_place() {
        assert_eq!(row_of_coarser("hour", "2026-11-22T14:00:00Z"), "2026-11-22");
        assert_eq!(row_of_coarser("status", "404"), "4xx");
        assert_eq!((coarser("hour"), coarser("status")), (Some("day"), Some("status_class")));
        assert_eq!((coarser("day"), coarser("path")), (None, None));
    }
}
