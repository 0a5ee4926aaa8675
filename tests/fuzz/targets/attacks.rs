//! Any line: our rules say of it what they say when each is tried, the second time too.
#![no_main]

use std::{
    cell::RefCell,
    sync::{Arc, LazyLock},
};

use libfuzzer_sys::fuzz_target;
use tamis::{
    format::Format,
    privacy::{Detector, RawBlock, Rules},
};

static RULES: LazyLock<Arc<Rules>> = LazyLock::new(|| Arc::new(Rules::shipped()));

thread_local! {
    static BOTH: RefCell<[Detector; 2]> = RefCell::new([
        Detector::new(Arc::clone(&RULES)),
        Detector::new(Arc::clone(&RULES)).plain(),
    ]);
}

fuzz_target!(|target: &[u8]| {
    let head = b"192.0.2.7 - - [22/Nov/2026:14:05:37 +0000] \"GET ";
    let tail = b" HTTP/1.1\" 404 5 \"-\" \"curl/8.5.0\"";
    let text = [&head[..], target, tail].concat();
    let mut block = RawBlock::with_capacity(text.len());
    block.read_from(&mut &text[..]).expect("it is in memory");
    for line in block.lines() {
        BOTH.with_borrow_mut(|[detector, plain]| {
            let expect = plain.look_at(&Format::combined(), line);
            assert_eq!(detector.look_at(&Format::combined(), line), expect);
            assert_eq!(detector.look_at(&Format::combined(), line), expect);
        });
    }
});
