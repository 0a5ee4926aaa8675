//! Any line in the formats of JSON lines.
#![no_main]

#[path = "shared.rs"]
mod shared;

use libfuzzer_sys::fuzz_target;

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

fuzz_target!(|line: &[u8]| {
    for format in shared::formats(|name| NAMES.contains(&name)) {
        shared::map(&format, line);
    }
});
