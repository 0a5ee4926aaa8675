//! Files of cases, which anybody may have written: read, they say again what they said.
#![no_main]

use libfuzzer_sys::fuzz_target;
use serde_json::{Value, json};
use tamis::privacy::{Case, Selector};

/// What a selector says of itself, as a file of a case.
fn file(selector: &Selector) -> Vec<u8> {
    let selector: Value = serde_json::from_str(&selector.expose()).expect("it is JSON");
    let case =
        json!({"case": "C-1", "basis": "legal", "reason": "a", "opened": 0, "selector": selector});
    case.to_string().into_bytes()
}

fn assert_again(selector: &Selector) {
    let again = Case::parse(&file(selector)).expect("what was said is read").selector;
    assert_eq!(*again.expose(), *selector.expose());
}

fuzz_target!(|data: &[u8]| {
    if let Some(case) = Case::parse(data) {
        let _ = case.selector.meets(None, Some(data), None);
        assert_again(&case.selector);
    }
    if let Ok(text) = str::from_utf8(data) {
        let mut selector = Selector::default();
        let _ = (
            selector.add_network(text),
            selector.set_path(text),
            selector.set_period(Some(text), Some(text)),
        );
        let _ = selector.meets(None, Some(data), Some(0));
        assert_again(&selector);
    }
});
