//! The Microsoft IIS log file format, the one with commas; IIS writes W3C extended files by default.
//!
//! Times are those of the server's place, which the line does not name: they are read as UTC.
//!
//! Source: "IIS Log File Format" of the Microsoft documentation.

use super::{Grammar, Named};

pub(super) static FORMATS: [Named; 1] = [Named {
    name: "iis-commas",
    example: concat!(
        r#"192.0.2.7, -, 11/22/26, 14:05:37, W3SVC2, SERVER, 198.51.100.9, 4502, 163, "#,
        r#"5120, 200, 0, GET, /index.html, -,"#,
    ),
    same_as: None,
    grammar: || {
        Grammar::notation(
            concat!(
                r#"$client, $__, $american_time, $_, $_, $_, $milliseconds, $_, $bytes, "#,
                r#"$status, $_, $method, $target, $query,"#,
            ),
            None,
        )
    },
}];
