//! Any text as a configuration of nginx and of Apache.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tamis::format::conf;

fuzz_target!(|text: &str| {
    let _ = conf::nginx(text);
    let _ = conf::apache(text);
});
