//! Any line that a log shipper may have written around another.
#![no_main]

#[path = "shared.rs"]
mod shared;

use libfuzzer_sys::fuzz_target;

use tamis::format::wrapper::{Peeled, peel};

fuzz_target!(|line: &[u8]| {
    let end = match peel(line) {
        None => return,
        Some(Peeled::From(at)) => at,
        Some(Peeled::JsonString(span) | Peeled::JsonBytes(span)) => {
            assert!(span.start <= span.end, "a span ends after it starts");
            span.end as usize
        }
    };
    assert!(end <= line.len(), "what is peeled off is a part of the line");
    shared::map(&tamis::format::Format::combined(), &line[..end]);
});
