//! What the benchmarks read: the sample log, repeated until it is large enough to measure.

use std::{fs, sync::Arc};

use tamis::{
    policy::{Plan, Policy, preset},
    privacy::{Anonymiser, RawBlock},
    transform::agent::Classifier,
};

/// How much is read in one pass, about as much as the engine hands to a worker.
pub(crate) const BYTES: usize = 256 * 1024;

/// The sample log, so many whole lines of it as fit into `BYTES`.
pub(crate) fn text() -> String {
    let log = concat!(env!("CARGO_MANIFEST_DIR"), "/samples/logs/access.log");
    let bytes = fs::read(log).expect("the sample log is part of the project");
    let lines: Vec<_> =
        bytes.split(|byte| *byte == b'\n').filter_map(|line| str::from_utf8(line).ok()).collect();
    let mut text = String::new();
    for line in lines.iter().cycle() {
        if text.len() + line.len() + 1 > BYTES {
            break;
        }
        text.push_str(line);
        text.push('\n');
    }
    text
}

/// A block that holds `text`.
#[allow(dead_code, reason = "not every benchmark needs it")]
pub(crate) fn block(text: &str) -> RawBlock {
    let mut block = RawBlock::with_capacity(BYTES);
    block.read_from(&mut text.as_bytes()).expect("a slice reads");
    block
}

/// The baseline plan.
#[allow(dead_code, reason = "not every benchmark needs it")]
pub(crate) fn plan() -> Arc<Plan> {
    let policy = Policy::parse(preset("baseline").expect("a preset")).expect("it reads");
    Arc::new(Plan::compile(&policy).expect("it compiles"))
}

/// A worker's way through door 1.
#[allow(dead_code, reason = "not every benchmark needs it")]
pub(crate) fn anonymiser(plan: &Arc<Plan>) -> Anonymiser {
    Anonymiser::new(Arc::clone(plan), Arc::new(Classifier::new()), None, 1 << 16, 1)
}
