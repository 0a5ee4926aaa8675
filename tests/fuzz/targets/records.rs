//! Any file in place of clean records: it is refused by the number of a line, or measured.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tamis::audit::{Records, advise, measure};

fuzz_target!(|file: &[u8]| {
    let mut records = Records::default();
    if records.add(&mut &file[..]).is_ok() && records.read.len() < 200 {
        let risk = measure(&records.read);
        assert!(risk.classes <= risk.records && risk.under.is_sorted());
        assert_eq!(advise(&records.read, 2).before, risk.under[0]);
    }
});
