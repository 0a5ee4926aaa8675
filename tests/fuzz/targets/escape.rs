//! Any text in every way of escaping.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tamis::field::Escaping;
use tamis::transform::escape::undo;

fuzz_target!(|text: &[u8]| {
    for escaping in
        [Escaping::Log, Escaping::Json, Escaping::Hash, Escaping::Plus, Escaping::Percent]
    {
        let mut out = Vec::new();
        let _ = undo(text, escaping, &mut out);
        assert!(out.len() <= text.len(), "escapes are longer than what they stand for");
    }
});
