//! Any file of rules: it is read or refused, and what was read can be used.
#![no_main]

use std::sync::Arc;

use libfuzzer_sys::fuzz_target;
use tamis::{
    format::Format,
    privacy::{Detector, RawBlock, Rules},
};

const LINE: &[u8] =
    br#"192.0.2.7 - - [22/Nov/2026:14:05:37 +0000] "GET /a?b=c%27 HTTP/1.1" 404 5 "-" "curl/8.5.0""#;

fuzz_target!(|text: &str| {
    if let Ok(rules) = Rules::only(&[("own.toml".to_owned(), text.to_owned())]) {
        let rules = Arc::new(rules);
        let mut block = RawBlock::with_capacity(1_024);
        block.read_from(&mut &LINE[..]).expect("it is in memory");
        let line = block.lines().next().expect("there is one");
        let look = |mut detector: Detector| detector.look_at(&Format::combined(), line);
        let (found, expect) =
            (look(Detector::new(Arc::clone(&rules))), look(Detector::new(rules).plain()));
        assert_eq!(found, expect);
    }
});
