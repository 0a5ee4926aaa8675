//! Any raw log against any output, and against itself: what is found was looked for, and all that is looked for is
//! found in the log that it comes from.
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
    let (found, wanted) = (trove.found().len() as u64, hunt.counts().iter().sum());
    assert!(found <= wanted && trove.more == 0);
    // Other bytes may belong to the word before an e-mail address, which is then no word of its own.
    assert!(!files.0.is_ascii() || found == wanted, "{found} of {wanted}");
});
