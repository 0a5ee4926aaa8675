//! Names and what they are used for: the keys of a JSON object, the labels of LTSV.
//!
//! A line has twenty names and more, and most are of no use; so what takes its time is to see that a name
//! is not one of sixty. A table hashes a name's first and last eight bytes and its length, which is all
//! there is of most names, with a multiplier that was searched for so that no two of its names meet. Then
//! one look says whether a name can be known, and one comparison whether it is.

use crate::field::{DurationUnit, Field};

/// What a value is used for.
#[derive(Clone, Copy, Debug)]
pub(in crate::format) struct Value {
    pub(in crate::format) field: Field,
    /// Of several values of one field, that of the lowest rank is used.
    pub(in crate::format) rank: u8,
    /// The unit, if it is a duration.
    pub(in crate::format) unit: DurationUnit,
    pub(in crate::format) kind: Kind,
}

/// What a value may look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::format) enum Kind {
    /// A string or a number.
    Plain,
    /// The same; objects and arrays are something else of the same name and not looked at.
    Loose,
    /// A request line, or the target alone: no method begins with a slash.
    Request,
    /// The first string of an array, or a string.
    First,
    /// All strings of an array, from the first to the last with what is between them, or a string.
    All,
}

/// What stands under a name.
#[derive(Clone, Copy, Debug)]
pub(in crate::format) enum Shape {
    Value(Value),
    /// An object with these keys in it.
    Object(&'static [Name]),
    /// An object of headers, whose names are the same in upper and lower case.
    Headers(&'static [Name]),
}

/// A name and what stands under it.
pub(in crate::format) type Name = (&'static str, Shape);

impl Shape {
    /// A value of `field`.
    pub(in crate::format) const fn of(field: Field, rank: u8) -> Self {
        Self::kind(field, rank, Kind::Plain)
    }

    /// A value of `field` that looks like this.
    pub(in crate::format) const fn kind(field: Field, rank: u8, kind: Kind) -> Self {
        Self::Value(Value { field, rank, unit: DurationUnit::Seconds, kind })
    }

    /// A duration of that unit.
    pub(in crate::format) const fn duration(unit: DurationUnit, rank: u8) -> Self {
        Self::Value(Value { field: Field::Duration, rank, unit, kind: Kind::Plain })
    }
}

/// A name that a table knows.
#[derive(Debug)]
pub(in crate::format) struct Entry {
    name: &'static [u8],
    ends: Ends,
    /// Its number in the whole tree.
    pub(in crate::format) number: u32,
    pub(in crate::format) node: Node,
}

/// What stands under a name that a table knows.
#[derive(Debug)]
pub(in crate::format) enum Node {
    Value(Value),
    /// Elsewhere, so that all entries of a table lie close together.
    Object(Box<Table>),
}

/// Names that are found at once.
#[derive(Debug)]
pub(in crate::format) struct Table {
    entries: Box<[Entry]>,
    /// The place of an entry by its hash, or [`FREE`].
    slots: [u8; SLOTS],
    multiplier: u64,
    ignores_case: bool,
}

const SLOTS: usize = 1 << SLOT_BITS;
/// With 512 slots a multiplier that keeps eighty names apart is found after a few hundred; 256 slots take
/// too many.
const SLOT_BITS: u32 = 9;
const FREE: u8 = u8::MAX;

/// Multipliers to try, from Knuth's on.
const MULTIPLIER_FIRST: u64 = 0x9e37_79b9_7f4a_7c15;
const MULTIPLIERS_MAX: u64 = 1 << 20;

impl Table {
    /// A table of `names` and all that is below them, each with a number of its own.
    pub(in crate::format) fn new(names: &[Name]) -> Self {
        Self::numbered(names, false, &mut 0)
    }

    fn numbered(names: &[Name], ignores_case: bool, next: &mut u32) -> Self {
        let entry = |(name, shape): &Name| {
            let number = *next;
            *next += 1;
            let node = match *shape {
                Shape::Value(value) => Node::Value(value),
                Shape::Object(names) => Node::Object(Box::new(Self::numbered(names, false, next))),
                Shape::Headers(names) => Node::Object(Box::new(Self::numbered(names, true, next))),
            };
            let name = name.as_bytes();
            Entry { name, ends: Ends::of(name, ignores_case), number, node }
        };
        let entries: Box<[Entry]> = names.iter().map(entry).collect();
        assert!(entries.len() < usize::from(FREE) && *next <= u128::BITS, "names have numbers");
        let ends: Vec<Ends> = entries.iter().map(|entry| entry.ends).collect();
        let (multiplier, slots) = (0..MULTIPLIERS_MAX)
            .map(|step| MULTIPLIER_FIRST.wrapping_mul(2 * step + 1))
            .find_map(|multiplier| Some((multiplier, slots(&ends, multiplier)?)))
            .expect("a test builds every table");
        Self { entries, slots, multiplier, ignores_case }
    }

    /// What stands under `name`, if it is known.
    #[inline]
    pub(in crate::format) fn find(&self, name: &[u8]) -> Option<&Entry> {
        let ends = Ends::of(name, self.ignores_case);
        let slot = self.slots[ends.slot(self.multiplier)];
        let entry = self.entries.get(usize::from(slot))?;
        if entry.ends != ends {
            return None;
        }
        let is_it = if self.ignores_case {
            entry.name.eq_ignore_ascii_case(name)
        } else {
            // Up to 16 bytes, the ends are all there is.
            name.len() <= 16 || entry.name == name
        };
        is_it.then_some(entry)
    }
}

fn slots(ends: &[Ends], multiplier: u64) -> Option<[u8; SLOTS]> {
    let mut slots = [FREE; SLOTS];
    for (ends, place) in ends.iter().zip(0..) {
        let slot = &mut slots[ends.slot(multiplier)];
        if *slot != FREE {
            return None;
        }
        *slot = place;
    }
    Some(slots)
}

/// The first and the last eight bytes of a name, and its length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Ends {
    head: u64,
    tail: u64,
    length: usize,
}

impl Ends {
    #[inline(always)]
    fn of(name: &[u8], ignores_case: bool) -> Self {
        let (head, tail) = match (name.first_chunk(), name.last_chunk()) {
            (Some(head), Some(tail)) => (u64::from_le_bytes(*head), u64::from_le_bytes(*tail)),
            _ => match (name.first_chunk(), name.last_chunk()) {
                (Some(head), Some(tail)) => {
                    (u32::from_le_bytes(*head).into(), u32::from_le_bytes(*tail).into())
                }
                _ => (name.iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte)), 0),
            },
        };
        // Sets the bit of lower case, of letters and all else: the name itself is compared afterwards.
        let fold = if ignores_case { 0x2020_2020_2020_2020 } else { 0 };
        Self { head: head | fold, tail: tail | fold, length: name.len() }
    }

    #[inline(always)]
    fn slot(self, multiplier: u64) -> usize {
        let mixed = self.head ^ self.tail.rotate_left(23) ^ self.length as u64;
        (mixed.wrapping_mul(multiplier) >> (u64::BITS - SLOT_BITS)) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAMES: &[Name] = &[
        ("", Shape::of(Field::Time, 0)),
        ("a", Shape::of(Field::Time, 1)),
        ("abc", Shape::of(Field::Time, 2)),
        ("four", Shape::of(Field::Time, 3)),
        ("eight888", Shape::of(Field::Time, 4)),
        ("sixteen_16_bytes", Shape::of(Field::Time, 5)),
        ("more_than_sixteen_bytes", Shape::of(Field::Time, 6)),
        ("nested", Shape::Headers(&[("User-Agent", Shape::of(Field::Agent, 7))])),
    ];

    fn rank(table: &Table, name: &str) -> Option<u8> {
        match &table.find(name.as_bytes())?.node {
            Node::Value(value) => Some(value.rank),
            Node::Object(_) => Some(u8::MAX),
        }
    }

    #[test]
    fn names_are_found_and_others_are_not() {
        let table = Table::new(NAMES);
        for (name, rank_of) in NAMES.iter().zip(0..7) {
            assert_eq!(rank(&table, name.0), Some(rank_of), "{}", name.0);
        }
        assert_eq!(rank(&table, "nested"), Some(u8::MAX));
        for name in ["b", "ab", "A", "abC", "fouR", "four\0", "eight889", "more_than_SIXTEEN_bytes"]
        {
            assert_eq!(rank(&table, name), None, "{name}");
        }
    }

    #[test]
    fn headers_have_no_case_and_all_names_a_number_of_their_own() {
        let table = Table::new(NAMES);
        let Node::Object(headers) = &table.find(b"nested").unwrap().node else { panic!() };
        for name in ["User-Agent", "user-agent", "USER-AGENT"] {
            assert_eq!(rank(headers, name), Some(7), "{name}");
            assert_eq!(headers.find(name.as_bytes()).unwrap().number, 8);
        }
        // A carriage return is a hyphen but for the bit that tells the cases of a letter apart.
        assert_eq!(rank(headers, "User\rAgent"), None);
    }
}
