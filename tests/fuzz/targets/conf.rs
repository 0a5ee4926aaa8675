//! Any text as a configuration of nginx and of Apache: what is told of it stands on a line that it has, and formats
//! that it defines compile or are refused.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tamis::format::{apache, conf, nginx};

fuzz_target!(|text: &str| {
    let lines = 1..=text.lines().count().max(1) + 1;
    for (found, is_nginx) in [(conf::nginx(text), true), (conf::apache(text), false)] {
        match found {
            Err(error) => assert!(lines.contains(&error.line), "line {}", error.line),
            Ok(conf) => {
                for format in &conf.formats {
                    assert!(lines.contains(&format.line), "line {}", format.line);
                    let _ = match is_nginx {
                        true => nginx::compile(&format.string, &Default::default()),
                        false => apache::compile(&format.string, &Default::default()),
                    };
                }
                assert!(conf.access_logs.iter().all(|log| lines.contains(&log.line)));
                assert!(conf.error_logs.iter().all(|log| lines.contains(&log.line)));
            }
        }
    }
});
