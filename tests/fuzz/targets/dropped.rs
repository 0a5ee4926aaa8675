//! What is never told changes nothing: a line with any user, query, path of a referrer and last bytes of an address
//! becomes the record that it becomes without them.
#![no_main]

use std::{cell::RefCell, sync::Arc};

use libfuzzer_sys::fuzz_target;
use tamis::emit::{Emitter, Form, Rendered};
use tamis::format::Format;
use tamis::policy::{Plan, Policy, preset};
use tamis::privacy::{Anonymiser, Outcome, RawBlock};
use tamis::transform::agent::Classifier;

thread_local! {
    static DOOR: RefCell<(Anonymiser, Emitter)> = {
        let policy = Policy::parse(preset("baseline").expect("a preset")).expect("it reads");
        let plan = Arc::new(Plan::compile(&policy).expect("it compiles"));
        let emitter = Emitter::new(Form::Jsonl, &plan);
        RefCell::new((Anonymiser::new(plan, Arc::new(Classifier::new()), None, 65_536, 1), emitter))
    };
}

/// The record of a line, and what became of the line.
fn record(line: &[u8]) -> (Outcome, Vec<u8>) {
    let mut block = RawBlock::with_capacity(line.len());
    let _ = block.read_from(&mut &line[..]);
    DOOR.with_borrow_mut(|(door, emitter)| {
        let mut out = Rendered::default();
        let line = block.lines().next().expect("there is one");
        let outcome =
            door.anonymise(&Format::combined(), line, |record| emitter.render(record, &mut out));
        (outcome, out.as_bytes().to_vec())
    })
}

/// What a server may write within a field: no byte that ends it, and no escape.
fn within(text: &[u8], ends: &[u8]) -> Vec<u8> {
    let is_within =
        |byte: &&u8| **byte > b' ' && **byte < 0x7f && **byte != b'\\' && !ends.contains(byte);
    text.iter().filter(is_within).copied().collect()
}

fn line([c, d]: [u8; 2], user: &[u8], path: &[u8], query: &[u8], rest: &[u8]) -> Vec<u8> {
    let head = format!("192.0.{c}.{d} - ");
    let time = b" [22/Nov/2026:14:05:37 +0000] \"GET /";
    let parts = [
        head.as_bytes(),
        user,
        time,
        path,
        query,
        b" HTTP/1.1\" 200 512 \"https://www.example.com/",
        rest,
        b"\" \"curl/8.5.0\"",
    ];
    parts.concat()
}

fuzz_target!(|input: ([u8; 2], &[u8], &[u8], &[u8], &[u8])| {
    let (address, user, path, query, rest) = input;
    let (mut user, path) = (within(user, b"\"[]"), within(path, b"\"?#"));
    let (mut query, rest) = (within(query, b"\""), within(rest, b"\""));
    user.insert(0, b'u');
    query.insert(0, b'?');
    let plain = record(&line([2, 1], b"-", &path, b"", b""));
    assert_eq!(record(&line(address, &user, &path, &query, &rest)), plain);
});
