//! The `LogFormat` strings of Apache, and the formats that have a name there.

use super::{Declared, Format, Named, StringError};

pub(super) static FORMATS: [Named; 0] = [];

/// The format that a `LogFormat` string describes, as it is after the configuration's quotes are taken off.
///
/// # Errors
///
/// A directive that neither Apache nor `declared` knows, values with nothing between them, no time, no request.
pub fn compile(string: &str, declared: &Declared) -> Result<Format, StringError> {
    let _ = declared;
    Err(StringError::Unknown(string.to_owned()))
}
