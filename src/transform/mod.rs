//! From bytes to harmless values, one file per way of making a field harmless.
//!
//! Everything here is a pure function over a borrowed slice. It knows neither formats nor policies
//! nor the line that the slice came from.

pub mod address;
pub mod agent;
pub mod cookie;
pub mod country;
pub mod duration;
pub mod escape;
pub mod fault;
pub mod forwarded;
pub mod language;
pub mod mmdb;
pub mod organisation;
pub mod path;
pub mod pseudonym;
pub mod query;
pub mod referrer;
pub mod request;
pub mod time;
