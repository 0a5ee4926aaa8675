//! Amazon's load balancers and S3.
//!
//! Their columns only ever grew at the end, so that later ones may follow. A client's port stands after a colon
//! also behind an IPv6 address, which has no brackets.
//!
//! Sources: "Access log entries" of the Elastic Load Balancing guides, "Amazon S3 server access log format".

use super::{Grammar, Named};
use crate::field::Escaping;

pub(super) static FORMATS: [Named; 3] = [
    Named {
        name: "aws-elb",
        example: concat!(
            r#"2026-11-22T14:05:37.945958Z my-loadbalancer 192.0.2.7:2817 10.0.0.1:80 "#,
            r#"0.000086 0.001048 0.001337 200 200 0 5120 "#,
            r#""GET https://www.example.com:443/index.html HTTP/1.1" "curl/8.5.0" "#,
            r#"ECDHE-RSA-AES128-GCM-SHA256 TLSv1.2"#,
        ),
        same_as: None,
        grammar: || {
            Grammar::notation(
                concat!(
                    r#"$time $_ $client:$port $_ $_ $_ $_ $status $_ $_ $bytes "$request" "#,
                    r#""$agent"$..."#,
                ),
                Some(Escaping::Log),
            )
        },
    },
    Named {
        name: "aws-alb",
        example: concat!(
            r#"https 2026-11-22T14:05:37.186641Z app/my-loadbalancer/50dc6c495c0c9188 "#,
            r#"192.0.2.7:2817 10.0.0.1:80 0.086 0.048 0.037 "#,
            r#"200 200 0 5120 "GET https://www.example.com:443/index.html HTTP/1.1" "#,
            r#""curl/8.5.0" ECDHE-RSA-AES128-GCM-SHA256 "#,
            r#"TLSv1.2 "#,
            r#"arn:aws:elasticloadbalancing:us-east-2:123456789012:targetgroup/my-targets/73e2d6bc24d8a067 "#,
            r#""#,
            r#""Root=1-58337281-1d84f3d73c47ec4e58577259" "www.example.com" "-" 1 "#,
            r#"2026-11-22T14:05:37.138000Z "forward" "-" "-" "#,
            r#""10.0.0.1:80" "200" "-" "-""#,
        ),
        same_as: None,
        grammar: || {
            Grammar::notation(
                concat!(
                    r#"$_ $time $_ $client:$port $_ $_ $_ $_ $status $_ $_ $bytes "$request" "#,
                    r#""$agent" $_ $_$..."#,
                ),
                Some(Escaping::Log),
            )
        },
    },
    Named {
        name: "aws-s3",
        example: concat!(
            r#"79a59df900b949e55d96a1e698fbacedfd6e09d98eacf8f8d5218e7cd47ef2be "#,
            r#"example-bucket [22/Nov/2026:14:05:37 +0000] 192.0.2.7 - "#,
            r#"3E57427F3EXAMPLE WEBSITE.GET.OBJECT index.html "GET /index.html HTTP/1.1" "#,
            r#"200 - 5120 5120 10 9 "https://example.com/" "#,
            r#""curl/8.5.0" - "#,
            r#"s9lzHYrFp76ZVxRcpX9+5cjAnEH2ROuNkd2BHfIa6UkFVdtjf5mKR3/eTPFvsiP/XV/VLi31234= "#,
            r#"- "#,
            r#"ECDHE-RSA-AES128-GCM-SHA256 - example-bucket.s3.us-west-1.amazonaws.com "#,
            r#"TLSv1.2 - -"#,
        ),
        same_as: None,
        grammar: || {
            Grammar::notation(
                concat!(
                    r#"$_ $_ [$clf] $client $_ $_ $_ $_ "$request" $status $_ $bytes $_ "#,
                    r#"$milliseconds $_ "$referrer" "$agent"$..."#,
                ),
                None,
            )
        },
    },
];
