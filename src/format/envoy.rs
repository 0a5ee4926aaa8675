//! Envoy's default format, and Istio's, which has three columns more.
//!
//! Neither has the connecting address: there is a client only where the forwarded ones are believed. Envoy escapes
//! nothing.
//!
//! Sources: "Access logging" of the Envoy documentation, "Envoy Access Logs" of Istio's.

use super::{Grammar, Named};

pub(super) static FORMATS: [Named; 2] = [
    Named {
        name: "envoy",
        example: concat!(
            r#"[2026-11-22T14:05:37.310Z] "GET /index.html HTTP/1.1" 200 - 0 5120 25 24 "#,
            r#""192.0.2.7" "curl/8.5.0" "#,
            r#""9b1deb4d-3b7d-4bad-9bdd-2b0d7b3dcb6d" "www.example.com" "10.0.0.1:80""#,
        ),
        same_as: None,
        grammar: || {
            Grammar::notation(
                concat!(
                    r#"[$time] "$request" $status $_ $_ $bytes $milliseconds $_ "$forwarded" "#,
                    r#""$agent" "$_" "$site" "$_""#,
                ),
                None,
            )
        },
    },
    Named {
        name: "istio",
        example: concat!(
            r#"[2026-11-22T14:05:37.310Z] "GET /index.html HTTP/1.1" 200 - via_upstream - "#,
            r#""-" 0 5120 25 24 "192.0.2.7" "curl/8.5.0" "#,
            r#""9b1deb4d-3b7d-4bad-9bdd-2b0d7b3dcb6d" "www.example.com" "10.0.0.1:80" "#,
            r#"outbound|80||www.example.com 10.0.0.2:41854 "#,
            r#"10.0.0.3:80 10.0.0.2:41852 - default"#,
        ),
        same_as: None,
        grammar: || {
            Grammar::notation(
                concat!(
                    r#"[$time] "$request" $status $_ $_ $_ "$__" $_ $bytes $milliseconds $_ "#,
                    r#""$forwarded" "$agent" "$_" "$site" "$_"$..."#,
                ),
                None,
            )
        },
    },
];
