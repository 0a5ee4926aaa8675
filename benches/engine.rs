//! How fast the whole machine runs from a file to nowhere: `cargo bench --bench engine`.

mod sample;

use std::{env, fs, path::PathBuf};

use divan::{Bencher, counter::BytesCount};
use tamis::{
    emit::{Emitter, Form, Rendered},
    engine::{Engine, Worker},
    format::Format,
    sink::{Place, Sink},
    source::{FormatChoice, Origin, Reader},
};

/// The size of the file, large enough that starting threads does not count.
const FILE_BYTES: usize = 64 << 20;

fn main() {
    divan::main();
}

fn log() -> PathBuf {
    let path = env::temp_dir().join(format!("tamis-bench-{}.log", std::process::id()));
    if !path.exists() {
        let text = sample::text();
        fs::write(&path, text.repeat(FILE_BYTES / text.len())).expect("there is room for the log");
    }
    path
}

#[divan::bench(args = [1, 2], sample_count = 10, sample_size = 1)]
fn threads(bencher: Bencher<'_, '_>, threads: usize) {
    let (path, plan) = (log(), sample::plan());
    let size = fs::metadata(&path).expect("just written").len() as usize;
    bencher.counter(BytesCount::new(size)).bench_local(|| {
        let format = FormatChoice::Fixed(Format::combined());
        let reader =
            Reader::new(vec![Origin::File(path.clone())], format, 1 << 16).expect("a pipe");
        let workers = (0..threads).map(|_| {
            Worker::new(sample::anonymiser(&plan), Emitter::new(Form::Jsonl, &plan), None)
        });
        let sink = Sink::new(Place::Append("/dev/null".into()));
        let engine = Engine::new(reader, Rendered::default(), sink, None);
        engine.run(workers.collect());
        engine.finish().tally.clean
    });
    let _ = fs::remove_file(&path);
}
