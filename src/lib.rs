//! tamis: a fine sieve for web server access logs.
#![forbid(unsafe_code)]
#![deny(missing_docs)]

pub mod field;
pub mod transform;
