//! Any text as a policy: it is read or refused, and what was read compiles or is refused. What differs from itself is
//! nothing, and a notice is made of all that compiles.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tamis::policy::{Plan, Policy, diff, notice};

fuzz_target!(|text: &str| {
    let Ok(policy) = Policy::parse(text) else { return };
    assert!(diff(&policy, &policy).is_empty());
    assert_eq!(policy.hash(), Policy::parse(text).expect("it did before").hash());
    if let Ok(plan) = Plan::compile(&policy) {
        assert!(notice(&policy, &plan).contains(&*plan.hash));
    }
});
