//! Any lines through the whole of door 1, in every format: what comes out is printable ASCII.
#![no_main]

use std::{cell::RefCell, sync::Arc};

use libfuzzer_sys::fuzz_target;
use tamis::emit::{Emitter, Form, Rendered};
use tamis::format::Format;
use tamis::policy::{Plan, Policy, preset};
use tamis::privacy::{Anonymiser, RawBlock};
use tamis::transform::agent::Classifier;

thread_local! {
    static DOOR: RefCell<(Anonymiser, Emitter)> = {
        let policy = Policy::parse(preset("baseline").expect("a preset")).expect("it reads");
        let plan = Arc::new(Plan::compile(&policy).expect("it compiles"));
        let emitter = Emitter::new(Form::Jsonl, &plan);
        RefCell::new((Anonymiser::new(plan, Arc::new(Classifier::new()), None, 65_536, 1), emitter))
    };
}

fuzz_target!(|text: &[u8]| {
    let mut block = RawBlock::with_capacity(1 << 16);
    let _ = block.read_from(&mut &text[..]);
    DOOR.with_borrow_mut(|(door, emitter)| {
        let mut out = Rendered::default();
        for line in block.lines() {
            for format in Format::all() {
                door.anonymise(format, line, |record| emitter.render(record, &mut out));
            }
        }
        assert!(out.as_bytes().iter().all(|byte| matches!(byte, b'\n' | b' '..=b'~')));
    });
});
