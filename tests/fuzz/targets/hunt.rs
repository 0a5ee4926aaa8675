//! Any raw log against any output, and against itself: what is found was looked for, and every address that is
//! looked for is found in the log that it comes from.
#![no_main]

use std::sync::Arc;

use libfuzzer_sys::fuzz_target;
use tamis::{
    format::Format,
    policy::{Plan, Policy, preset},
    privacy::{Hunt, NeedleKind, RawBlock, Trove},
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
    // Of other kinds some need not be found: what many had, or words of paths that anybody asked for.
    let (found, wanted) = (trove.found(), hunt.counts());
    let addresses = found.iter().filter(|found| found.kind == NeedleKind::Address).count();
    assert_eq!((addresses as u64, trove.more), (wanted[0], 0));
    assert!(found.len() as u64 <= wanted.iter().sum());
});
