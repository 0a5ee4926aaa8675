//! Any lines through door 2: each that is refused is in the parcel, once, whatever is masked in it.
#![no_main]

use std::{cell::RefCell, sync::Arc};

use libfuzzer_sys::fuzz_target;
use tamis::field::Reason;
use tamis::format::Format;
use tamis::policy::{Plan, Policy, preset};
use tamis::privacy::{Anonymiser, Outcome, RawBlock, Sightings};
use tamis::transform::agent::Classifier;

thread_local! {
    static DOOR: RefCell<Anonymiser> = {
        let policy = Policy::parse(preset("baseline").expect("a preset")).expect("it reads");
        let plan = Arc::new(Plan::compile(&policy).expect("it compiles"));
        let door = Anonymiser::new(plan, Arc::new(Classifier::new()), None, 65_536, 1);
        RefCell::new(door.with_watch())
    };
}

fuzz_target!(|text: &[u8]| {
    let mut block = RawBlock::with_capacity(1 << 16);
    block.begin_at(0);
    let _ = block.read_from(&mut &text[..]);
    DOOR.with_borrow_mut(|door| {
        let (format, mut refused) = (Format::combined(), 0);
        for line in block.lines() {
            let outcome = door.anonymise(&format, line, |_| {});
            let counts = matches!(outcome, Outcome::Refused(reason) if reason != Reason::Empty);
            refused += u64::from(counts);
            door.settle(&block, &format, line, outcome);
        }
        let parcel = door.pack(&block, &format, "access.log", Sightings::default());
        assert_eq!(parcel.map_or(0, |parcel| parcel.lines()), refused);
    });
});
