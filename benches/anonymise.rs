//! How fast blocks go through door 1, and what rendering and counting add: `cargo bench --bench anonymise`.

mod sample;

use divan::{Bencher, counter::BytesCount};
use tamis::{
    counts::{Block, Counts, Setup},
    emit::{Emitter, Form, Rendered},
    format::Format,
};

fn main() {
    divan::main();
}

#[divan::bench]
fn door_1(bencher: Bencher<'_, '_>) {
    let text = sample::text();
    let (block, plan) = (sample::block(&text), sample::plan());
    let mut door = sample::anonymiser(&plan);
    bencher.counter(BytesCount::new(text.len())).bench_local(|| {
        let mut records = 0;
        for line in block.lines() {
            door.anonymise(&Format::combined(), line, |_| records += 1);
        }
        records
    });
}

#[divan::bench(args = [Form::Jsonl, Form::Combined, Form::Csv])]
fn rendered(bencher: Bencher<'_, '_>, form: Form) {
    let text = sample::text();
    let (block, plan) = (sample::block(&text), sample::plan());
    let (mut door, mut emitter) = (sample::anonymiser(&plan), Emitter::new(form, &plan));
    let mut out = Rendered::default();
    bencher.counter(BytesCount::new(text.len())).bench_local(|| {
        out.clear();
        for line in block.lines() {
            door.anonymise(&Format::combined(), line, |record| emitter.render(record, &mut out));
        }
        out.as_bytes().len()
    });
}

#[divan::bench]
fn counted(bencher: Bencher<'_, '_>) {
    let text = sample::text();
    let (block, plan) = (sample::block(&text), sample::plan());
    let mut door = sample::anonymiser(&plan);
    let (mut whole, mut part) = (Counts::new(&plan), Block::new(&plan, &Setup::default()));
    bencher.counter(BytesCount::new(text.len())).bench_local(|| {
        for line in block.lines() {
            door.anonymise(&Format::combined(), line, |record| part.add(record));
        }
        whole.absorb(&mut part);
        part.clear();
    });
}
