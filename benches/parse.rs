//! How fast lines are mapped, and the single transforms: `cargo bench --bench parse`.

mod sample;

use divan::{Bencher, black_box, counter::BytesCount};
use tamis::{
    field::LineMap,
    format::Format,
    transform::{
        address::Truncation,
        agent::Classifier,
        path::Cleaner,
        referrer,
        time::{ClfMemo, parse_clf},
    },
};

fn main() {
    divan::main();
}

#[divan::bench]
fn map_combined(bencher: Bencher<'_, '_>) {
    let text = sample::text();
    bencher.counter(BytesCount::new(text.len())).bench(|| {
        let mapped =
            |line: &&str| Format::combined().map(line.as_bytes(), &mut LineMap::default()).is_ok();
        text.lines().filter(mapped).count()
    });
}

#[divan::bench(args = ["203.0.113.77", "2001:db8:1:2::9", "dsl-192-0-2-77.example.com"])]
fn client(bencher: Bencher<'_, '_>, text: &str) {
    let truncation = Truncation::new(16, 32, Vec::new());
    bencher.bench(|| truncation.client(black_box(text.as_bytes())));
}

#[divan::bench]
fn time(bencher: Bencher<'_, '_>) {
    bencher.bench(|| parse_clf(black_box(b"22/Nov/2026:14:05:37 +0000")));
}

#[divan::bench]
fn time_of_the_same_minute(bencher: Bencher<'_, '_>) {
    let mut memo = ClfMemo::default();
    bencher.bench_local(|| memo.parse(black_box(b"22/Nov/2026:14:05:37 +0000")));
}

#[divan::bench(args = ["/blog/2026/hello-world.html", "/users/alice/orders/49170?token=abc", "/caf%C3%A9/men%C3%BC"])]
fn path(bencher: Bencher<'_, '_>, target: &str) {
    let (mut cleaner, mut out) = (Cleaner::new(Vec::new()), Vec::new());
    bencher.bench_local(|| {
        out.clear();
        cleaner.clean(black_box(target.as_bytes()), &mut out)
    });
}

#[divan::bench]
fn referrer(bencher: Bencher<'_, '_>) {
    let mut out = Vec::new();
    bencher.bench_local(|| {
        out.clear();
        referrer::clean(black_box(b"https://www.example.co.uk/search?q=alice"), &mut out)
    });
}

#[divan::bench]
fn agent(bencher: Bencher<'_, '_>) {
    let classifier = Classifier::new();
    let agent = concat!(
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) ",
        "Chrome/126.0.0.0 Safari/537.36"
    );
    bencher.bench(|| classifier.classify(black_box(agent.as_bytes())));
}

#[divan::bench]
fn agent_classifier_built() -> Classifier {
    Classifier::new()
}
