//! How many clean records stand alone, and what of a policy to change so that fewer do: for `audit risk`.
//!
//! What is measured here is a property of the records and not of the people: two records of one visitor are two. Where
//! every record has k others like it, so has every visitor at most; where few have, a token or a network says whose
//! they are.
//!
//! A record is held as numbers that hashes under a key of the run give for its values ([`Row`]), some 60 bytes. The
//! first [`ROWS_MAX`] records are measured and the others counted. Fewer records have fewer others like them, so
//! what is said of a part is never better than the whole.

mod advice;
mod measure;
mod read;
mod row;
#[cfg(test)]
mod tests;

pub use advice::{Advice, Step, advise};
pub use measure::{Chains, FieldRisk, KS, Risk, Singled, measure};
pub use read::{NotClean, Records};
pub use row::{Facet, ROWS_MAX, Row, View};
