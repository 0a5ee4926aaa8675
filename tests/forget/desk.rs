//! A run without the program: a key directory, and workers that stay where they are between two blocks.

use std::{
    path::PathBuf,
    sync::{
        Arc,
        mpsc::{Receiver, Sender, channel},
    },
    thread,
};

use tamis::{
    emit::{Emitter, Form, Rendered},
    format::Format,
    keys::{self, Keeper, Mode, Moment},
    policy::{ClientChoice, Overrides, Plan, Policy, preset},
    privacy::{Anonymiser, Outcome, RawBlock},
    transform::{agent::Classifier, pseudonym::EpochLength},
};

use super::{SITE, program::Folder};

/// A keeper of keys and two workers.
pub(crate) struct Desk {
    folder: Folder,
    keeper: Keeper,
    workers: Vec<(Sender<String>, Receiver<String>)>,
}

impl Desk {
    /// Begins keys in a folder of their own.
    pub(crate) fn open(mode: Mode, now: Moment) -> Self {
        let folder = Folder::new();
        let path = folder.file("keys");
        keys::init(&path, mode, EpochLength::default(), now).expect("nothing there");
        Self::resume(folder, now)
    }

    /// Takes up the keys that are in the folder.
    pub(crate) fn resume(folder: Folder, now: Moment) -> Self {
        let keeper = Keeper::open(&folder.file("keys"), now).expect("usable");
        let workers = (0..2).map(|_| worker(&keeper)).collect();
        Self { folder, keeper, workers }
    }

    pub(crate) fn keys(&self) -> PathBuf {
        self.folder.file("keys")
    }

    pub(crate) fn tick(&mut self, now: Moment) {
        // In shared mode, keys that are gone are an error.
        let _ = self.keeper.tick(now);
    }

    /// The records of a log, the first half of which one worker gets, and the other half the other.
    pub(crate) fn process(&mut self, log: &str) -> String {
        let middle = log[..log.len() / 2].rfind('\n').map_or(0, |at| at + 1);
        let halves = [&log[..middle], &log[middle..]];
        for ((blocks, _), half) in self.workers.iter().zip(halves) {
            blocks.send(half.to_owned()).expect("it waits for blocks");
        }
        self.workers.iter().map(|(_, batches)| batches.recv().expect("it answers")).collect()
    }
}

/// A thread that makes batches of blocks, and ends with the other end of its channel.
fn worker(keeper: &Keeper) -> (Sender<String>, Receiver<String>) {
    let (block_sender, blocks) = channel::<String>();
    let (batch_sender, batches) = channel();
    let mut policy = Policy::parse(preset("baseline").expect("a preset")).expect("it reads");
    let overrides = Overrides { client: Some(ClientChoice::Token), ..Overrides::default() };
    policy.apply(overrides).expect("an option of the command line");
    let plan = Arc::new(Plan::compile(&policy).expect("it compiles"));
    let keyring = Arc::clone(keeper.keyring());
    thread::spawn(move || {
        let mut emitter = Emitter::new(Form::Jsonl, &plan);
        let classifier = Arc::new(Classifier::new());
        let mut door =
            Anonymiser::new(plan, classifier, Some(SITE), 65_536, 1).with_keyring(&keyring);
        for text in blocks {
            let mut block = RawBlock::with_capacity(text.len() + 1);
            block.read_from(&mut text.as_bytes()).expect("a slice reads");
            let mut out = Rendered::default();
            door.open_block();
            for line in block.lines() {
                let outcome = door.anonymise(&Format::combined(), line, |record| {
                    emitter.render(record, &mut out)
                });
                assert_eq!(outcome, Outcome::Clean);
            }
            door.close_block();
            let batch = str::from_utf8(out.as_bytes()).expect("clean output is text").to_owned();
            batch_sender.send(batch).expect("somebody waits for it");
        }
    });
    (block_sender, batches)
}
