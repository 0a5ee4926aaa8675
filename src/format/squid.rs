//! Squid's native format, and its `common` and `combined` ones, which end in how the cache answered.
//!
//! Source: the `logformat` directive of the Squid configuration guide.

use super::{Grammar, Named};

pub(super) static FORMATS: [Named; 3] = [
    Named {
        name: "squid",
        example: concat!(
            r#"1795356337.899    123 192.0.2.7 TCP_MISS/200 5120 GET "#,
            r#"http://www.example.com/index.html - HIER_DIRECT/198.51.100.9 text/html"#,
        ),
        same_as: None,
        grammar: || {
            Grammar::notation(
                concat!(
                    r#"$unix $pad$milliseconds $client $_/$status $bytes $method $target $_ $_/$_ "#,
                    r#"$_$..."#,
                ),
                None,
            )
        },
    },
    Named {
        name: "squid-common",
        example: concat!(
            r#"192.0.2.7 - - [22/Nov/2026:14:05:37 +0000] "GET "#,
            r#"http://www.example.com/index.html HTTP/1.1" 200 5120 TCP_MISS:HIER_DIRECT"#,
        ),
        same_as: None,
        grammar: || {
            Grammar::notation(r#"$client $_ $__ [$clf] "$request" $status $bytes $_:$_"#, None)
        },
    },
    Named {
        name: "squid-combined",
        example: concat!(
            r#"192.0.2.7 - - [22/Nov/2026:14:05:37 +0000] "GET "#,
            r#"http://www.example.com/index.html HTTP/1.1" 200 5120 "#,
            r#""https://example.com/" "curl/8.5.0" TCP_MISS:HIER_DIRECT"#,
        ),
        same_as: None,
        grammar: || {
            Grammar::notation(
                r#"$client $_ $__ [$clf] "$request" $status $bytes "$referrer" "$agent" $_:$_"#,
                None,
            )
        },
    },
];
