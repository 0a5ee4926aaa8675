//! What is promised, at full size: short in `cargo test`, whole with TAMIS_PROOF=1, which `make proof` sets.
//!
//! Each test says in a line what it ran and what it found; `benches/runs` has these lines with their date.

#![expect(clippy::print_stdout, reason = "the numbers are for whoever runs it")]

#[path = "../release/checker.rs"]
#[allow(dead_code, reason = "a part of it is needed here")]
mod checker;
#[path = "../presets/corpus.rs"]
#[allow(dead_code, reason = "a part of it is needed here")]
mod corpus;
#[path = "../leaks/encodings.rs"]
mod encodings;
#[path = "../leaks/every.rs"]
mod every;
#[path = "../leaks/identifiers.rs"]
mod identifiers;
#[path = "../leaks/lines.rs"]
#[allow(dead_code, reason = "a part of it is needed here")]
mod lines;
#[path = "../program/mod.rs"]
mod program;
#[path = "../leaks/search.rs"]
#[allow(dead_code, reason = "a part of it is needed here")]
mod search;

mod linking;
mod malformed;
mod malice;
mod pairs;
mod risk;
mod town;

/// `short`, or `whole` where all of it is asked for.
fn size(short: usize, whole: usize) -> usize {
    if std::env::var_os("TAMIS_PROOF").is_some_and(|value| value == "1") { whole } else { short }
}

/// A number with its thousands apart.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[test]
fn numbers_are_grouped() {
    assert_eq!([1, 999, 1_000, 1_234_567].map(grouped), ["1", "999", "1,000", "1,234,567"]);
}
