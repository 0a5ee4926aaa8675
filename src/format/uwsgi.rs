//! uWSGI's request log.
//!
//! Source: the uWSGI documentation, "Formatting uWSGI requests logs".

use super::{Grammar, Named};

pub(super) static FORMATS: [Named; 1] = [Named {
    name: "uwsgi",
    example: concat!(
        r#"[pid: 88185|app: 0|req: 1/1] 192.0.2.7 () {38 vars in 696 bytes} [Sun Nov "#,
        r#"22 14:05:37 2026] GET /index.html => "#,
        r#"generated 5120 bytes in 129 msecs (HTTP/1.1 200) 9 headers in 378 bytes (1 "#,
        r#"switches on core 3)"#,
    ),
    same_as: None,
    grammar: || {
        Grammar::notation(
            concat!(
                r#"[pid: $_|app: $_|req: $_] $client ($__) {$_ vars in $_ bytes} [$long_time] "#,
                r#"$method $target => "#,
                r#"generated $bytes bytes in $_ $_ ($protocol $status)$..."#,
            ),
            None,
        )
    },
}];
