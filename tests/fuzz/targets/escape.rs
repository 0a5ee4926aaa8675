//! Any text in every way of escaping: it does not grow, and one without escapes stays as it is.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tamis::field::Escaping;
use tamis::transform::escape::undo;

fuzz_target!(|text: &[u8]| {
    for (escaping, mark) in [
        (Escaping::Log, b'\\'),
        (Escaping::Json, b'\\'),
        (Escaping::Hash, b'#'),
        (Escaping::Plus, b'+'),
        (Escaping::Percent, b'%'),
    ] {
        let mut out = b"before".to_vec();
        let is_done = undo(text, escaping, &mut out).is_some();
        let out = out.strip_prefix(b"before").expect("what was there stays");
        assert!(out.len() <= text.len(), "escapes are longer than what they stand for");
        assert!(text.contains(&mark) || (is_done && out == text), "{escaping:?}");
    }
});
