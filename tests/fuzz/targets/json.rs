//! Any line in the formats of JSON lines: no field lies across a quote, and none is a key of the object.
#![no_main]

#[path = "shared.rs"]
mod shared;

use std::ops::Range;

use libfuzzer_sys::fuzz_target;
use serde_json::Value;
use tamis::field::{Field, LineMap};

const NAMES: [&str; 8] = [
    "nginx-json",
    "apache-json",
    "caddy",
    "traefik-json",
    "gcp-lb",
    "cloudflare",
    "envoy-json",
    "cloudfront-json",
];

/// Where the strings of an object are, without their quotes, and whether each is a key.
fn strings(line: &[u8]) -> Vec<(Range<usize>, bool)> {
    let (mut found, mut start, mut at) = (Vec::new(), None, 0);
    while at < line.len() {
        match (line[at], start) {
            (b'\\', Some(_)) => at += 1,
            (b'"', Some(from)) => {
                let next = line[at + 1..].iter().find(|byte| !byte.is_ascii_whitespace());
                found.push((from..at, next == Some(&b':')));
                start = None;
            }
            (b'"', None) => start = Some(at + 1),
            _ => {}
        }
        at += 1;
    }
    found
}

fuzz_target!(|line: &[u8]| {
    let strings = serde_json::from_slice::<Value>(line).ok().map(|_| strings(line));
    for format in shared::formats(|name| NAMES.contains(&name)) {
        shared::map(&format, line);
        let (mut map, Some(strings)) = (LineMap::default(), &strings) else { continue };
        let is_mapped = format.map(line, &mut map).is_ok();
        for field in Field::ALL.into_iter().filter(|_| is_mapped) {
            let Some(span) = map.get(field).filter(|span| !span.is_empty()) else { continue };
            let span = span.start as usize..span.end as usize;
            let touches = |at: &Range<usize>| at.start < span.end && span.start < at.end;
            for (at, is_key) in strings.iter().filter(|(at, _)| touches(at)) {
                let is_within = at.start <= span.start && span.end <= at.end;
                assert!(is_within && !is_key, "{field:?} at {}", span.start);
            }
        }
    }
});
