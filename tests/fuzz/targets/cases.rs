//! Files of cases, which anybody may have written: read, they say again what they said.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tamis::privacy::{Case, Selector};

fuzz_target!(|data: &[u8]| {
    if let Some(case) = Case::parse(data) {
        let _ = case.selector.meets(None, Some(data), None);
    }
    if let Ok(text) = str::from_utf8(data) {
        let mut selector = Selector::default();
        let _ = (selector.add_network(text), selector.set_path(text), selector.set_period(Some(text), Some(text)));
        let _ = selector.meets(None, Some(data), Some(0));
    }
});
