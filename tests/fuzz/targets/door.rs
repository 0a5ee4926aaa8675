//! Any lines through the whole of door 1, in every format: what comes out is printable ASCII, one line for each that
//! is clean in each form, and of the form that it says; the combined one has requests only.
#![no_main]

use std::{cell::RefCell, sync::Arc};

use libfuzzer_sys::fuzz_target;
use serde_json::Value;
use tamis::emit::{Emitter, Form, Rendered};
use tamis::field::LineMap;
use tamis::format::Format;
use tamis::policy::{Plan, Policy, preset};
use tamis::privacy::{Anonymiser, Outcome, RawBlock};
use tamis::transform::agent::Classifier;

const FORMS: [Form; 3] = [Form::Jsonl, Form::Csv, Form::Combined];

thread_local! {
    static DOOR: RefCell<(Anonymiser, [Emitter; 3])> = {
        let policy = Policy::parse(preset("baseline").expect("a preset")).expect("it reads");
        let plan = Arc::new(Plan::compile(&policy).expect("it compiles"));
        let emitters = FORMS.map(|form| Emitter::new(form, &plan));
        RefCell::new((Anonymiser::new(plan, Arc::new(Classifier::new()), None, 65_536, 1), emitters))
    };
}

/// The lines of an output, which is printable ASCII.
fn lines(out: &Rendered) -> impl Iterator<Item = &[u8]> {
    let bytes = out.as_bytes();
    assert!(bytes.iter().all(|byte| matches!(byte, b'\n' | b' '..=b'~')));
    bytes
        .split_inclusive(|byte| *byte == b'\n')
        .map(|line| line.strip_suffix(b"\n").expect("it ends"))
}

fuzz_target!(|text: &[u8]| {
    let mut block = RawBlock::with_capacity(1 << 16);
    let _ = block.read_from(&mut &text[..]);
    DOOR.with_borrow_mut(|(door, emitters)| {
        let mut outs = FORMS.map(|_| Rendered::default());
        let (mut clean, mut requests) = (0, 0);
        for line in block.lines() {
            for format in Format::all() {
                let outcome = door.anonymise(format, line, |record| {
                    requests += usize::from(record.measured().is_request());
                    emitters
                        .iter_mut()
                        .zip(&mut outs)
                        .for_each(|(emitter, out)| emitter.render(record, out));
                });
                clean += usize::from(outcome == Outcome::Clean);
            }
        }
        assert_eq!(outs.each_ref().map(|out| lines(out).count()), [clean, clean, requests]);
        let [json, _, combined] = &outs;
        assert!(lines(json).all(|line| serde_json::from_slice::<Value>(line).is_ok()));
        let combined = lines(combined)
            .all(|line| Format::combined().map(line, &mut LineMap::default()).is_ok());
        assert!(combined, "the combined form is that format");
    });
});
