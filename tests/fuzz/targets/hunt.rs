//! Any raw log against any output, and against itself: nothing panics, and what is found was looked for.
#![no_main]

use std::sync::Arc;

use libfuzzer_sys::fuzz_target;
use tamis::{
    format::Format,
    policy::{Plan, Policy, preset},
    privacy::{Hunt, RawBlock, Trove},
};

fuzz_target!(|files: (&[u8], &[u8])| {
    let policy = Policy::parse(preset("baseline").expect("a preset")).expect("reads");
    let mut hunt = Hunt::new(Arc::new(Plan::compile(&policy).expect("compiles")), &[]);
    let mut block = RawBlock::with_capacity(files.0.len() + 1);
    block.read_from(&mut &files.0[..]).expect("a slice reads");
    hunt.take(&block, 0, &Format::combined(), true);
    let mut trove = Trove::default();
    for (mut output, number) in [(files.0, 0), (files.1, 1)] {
        hunt.search(&mut output, number, &mut trove).expect("a slice reads");
    }
    assert!(trove.found().len() as u64 <= hunt.counts().iter().sum());
});
