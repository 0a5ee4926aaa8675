//! Any file in place of counts: it is refused, or what was read is shown and read again as the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tamis::counts::{Look, Report, page};

fuzz_target!(|json: &[u8]| {
    let Ok(report) = Report::from_json(json) else { return };
    assert_eq!(Report::from_json(report.to_json().as_bytes()).as_ref(), Ok(&report));
    let mut text = Vec::new();
    report.write_text(&Look::default(), &mut text).expect("a vector takes all");
    assert!(!text.contains(&b'\x1b') && !page::render(&report).contains("<script"));
});
