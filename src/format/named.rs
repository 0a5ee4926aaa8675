//! Formats with a name that a string in our own notation describes.

use super::Named;

pub(super) static FORMATS: [Named; 0] = [];
