//! Any text as a configuration of the service: it is read, or refused in words of our own.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tamis::service::config::Config;

fuzz_target!(|text: &str| {
    if let Err(error) = Config::parse(text) {
        assert!(error.line.is_none_or(|line| line >= 1 && line <= text.lines().count().max(1) + 1));
    }
});
