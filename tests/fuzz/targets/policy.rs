//! Any text as a policy: it is read or refused, and what was read compiles or is refused. What differs from itself is
//! nothing.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tamis::policy::{Plan, Policy, diff};

fuzz_target!(|text: &str| {
    if let Ok(policy) = Policy::parse(text) {
        let _ = Plan::compile(&policy);
        assert!(diff(&policy, &policy).is_empty());
    }
});
