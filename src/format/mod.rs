//! The formats: which there are, and how a stream's own is found from its first lines.
//!
//! A format is lent one line and returns a [`LineMap`]: where each field sits, never its bytes.
//! Adding one is a file here and a line in [`Format::ALL`] and its three matches.

mod combined;
mod primitive;

use crate::field::{LineMap, Reason};

/// A log format that tamis reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// The Common Log Format.
    Common,
    /// The combined format of Apache and nginx.
    Combined,
    /// The combined format with `host:port` before it, Debian's `vhost_combined`.
    VhostCombined,
}

impl Format {
    /// All formats, in the order in which they are listed.
    pub const ALL: [Self; 3] = [Self::Common, Self::Combined, Self::VhostCombined];

    /// The name that `--format` takes.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Common => "common",
            Self::Combined => "combined",
            Self::VhostCombined => "vhost-combined",
        }
    }

    /// A line of this format, with documentation addresses.
    #[must_use]
    pub const fn example(self) -> &'static str {
        match self {
            Self::Common => {
                r#"192.0.2.7 - - [22/Nov/2026:14:05:37 +0000] "GET /index.html HTTP/1.1" 200 5120"#
            }
            Self::Combined => {
                concat!(
                    r#"192.0.2.7 - - [22/Nov/2026:14:05:37 +0000] "GET /index.html HTTP/1.1" 200 5120"#,
                    r#" "https://example.com/" "curl/8.5.0""#
                )
            }
            Self::VhostCombined => {
                concat!(
                    r#"www.example.com:443 192.0.2.7 - - [22/Nov/2026:14:05:37 +0000] "#,
                    r#""GET /index.html HTTP/1.1" 200 5120 "https://example.com/" "curl/8.5.0""#
                )
            }
        }
    }

    /// The format of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.name() == name)
    }

    /// Notes in `map`, which must be empty, where the fields of `line` sit. The line has no line end.
    ///
    /// # Errors
    ///
    /// [`Reason::NotThisFormat`] when a byte is not where the format has it.
    #[inline]
    pub fn map(self, line: &[u8], map: &mut LineMap) -> Result<(), Reason> {
        match self {
            Self::Common => combined::map_common(line, map),
            Self::Combined => combined::map_combined(line, map),
            Self::VhostCombined => combined::map_vhost_combined(line, map),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_example_fits_its_own_format_only() {
        for format in Format::ALL {
            for other in Format::ALL {
                let mut map = LineMap::default();
                let fits = other.map(format.example().as_bytes(), &mut map).is_ok();
                assert_eq!(fits, format == other, "{} as {}", format.name(), other.name());
            }
        }
    }

    #[test]
    fn names_are_unique_and_found() {
        for format in Format::ALL {
            assert_eq!(Format::named(format.name()), Some(format));
        }
        assert_eq!(Format::named("nosuch"), None);
    }
}
