//! HAProxy's `option httplog`, `option httpslog` and `option httplog clf`.
//!
//! Captured headers stand in braces before the request; which of them is the agent only the configuration says,
//! so that they are dropped. HAProxy writes a quote in them as `#22`: the first bare one begins the
//! request. A client's port stands after a colon also behind an IPv6 address, which has no brackets.
//!
//! Source: the "HAProxy Configuration Manual", section 8.2.

use super::{Grammar, Named};
use crate::field::Escaping;

pub(super) static FORMATS: [Named; 3] = [
    Named {
        name: "haproxy-http",
        example: concat!(
            r#"192.0.2.7:33317 [22/Nov/2026:14:05:37.655] http-in static/srv1 "#,
            r#"10/0/30/69/109 200 5120 - - ---- 1/1/1/1/0 0/0 "#,
            r#"{www.example.com} {} "GET /index.html HTTP/1.1""#,
        ),
        same_as: None,
        grammar: || {
            Grammar::notation(
                concat!(
                    r#"$client:$port [$time] $_ $_/$_ $_/$_/$_/$_/$milliseconds $status $bytes $_ "#,
                    r#"$_ $_ $_/$_/$_/$_/$_ $_/$_ $__"$request""#,
                ),
                Some(Escaping::Hash),
            )
        },
    },
    Named {
        name: "haproxy-https",
        example: concat!(
            r#"192.0.2.7:33317 [22/Nov/2026:14:05:37.655] https-in~ static/srv1 "#,
            r#"10/0/30/69/109 200 5120 - - ---- 1/1/1/1/0 0/0 "#,
            r#""GET /index.html HTTP/1.1" 0/0000000000000000/0/0/0 "#,
            r#"www.example.com/TLSv1.3/TLS_AES_256_GCM_SHA384"#,
        ),
        same_as: None,
        grammar: || {
            Grammar::notation(
                concat!(
                    r#"$client:$port [$time] $_ $_/$_ $_/$_/$_/$_/$milliseconds $status $bytes $_ "#,
                    r#"$_ $_ $_/$_/$_/$_/$_ $_/$_ $__"$request" "#,
                    r#"$_/$_/$_/$_/$_ $site/$_/$_"#,
                ),
                Some(Escaping::Hash),
            )
        },
    },
    Named {
        name: "haproxy-clf",
        example: concat!(
            r#"192.0.2.7 - - [22/Nov/2026:14:05:37 +0000] "GET /index.html HTTP/1.1" 200 "#,
            r#"5120 "" "" 33317 655 "http-in" "static" "srv1" "#,
            r#"10 0 30 69 109 "----" 1 1 1 1 0 0 0 "-" "-" "" """#,
        ),
        same_as: None,
        grammar: || {
            Grammar::notation(
                concat!(
                    r#"$client - - [$clf] "$request" $status $bytes "" "" $_ $_ "$_" "$_" "$_" $_ "#,
                    r#"$_ $_ $_ $milliseconds "$_"$..."#,
                ),
                Some(Escaping::Hash),
            )
        },
    },
];
