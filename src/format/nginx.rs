//! The `log_format` strings of nginx, and its formats that have a name.

use super::{Declared, Format, Named, StringError};

pub(super) static FORMATS: [Named; 0] = [];

/// The format that a `log_format` string describes: the string alone, with `escape=json` or `escape=none` before
/// it, or the whole directive.
///
/// # Errors
///
/// A variable that neither nginx nor `declared` knows, values with nothing between them, no time, no request.
pub fn compile(string: &str, declared: &Declared) -> Result<Format, StringError> {
    let _ = declared;
    Err(StringError::Unknown(string.to_owned()))
}
