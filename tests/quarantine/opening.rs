//! A quarantine of a test, and what is in it, read by code that shares nothing with the program but age and zstd.

#![allow(dead_code, reason = "each test is a crate of its own and uses its part of this")]

use std::{fs, io::Read as _, path::Path};

use age::{Decryptor, x25519::Identity};
use serde_json::Value;

use crate::program::{Done, Folder, run_in};

/// A quarantine in a folder of its own, with a policy beside it.
pub(crate) struct Opened {
    pub(crate) folder: Folder,
    identity: Identity,
}

/// A line that was sealed, and why.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Sealed {
    pub(crate) text: String,
    pub(crate) why: Vec<String>,
}

impl Opened {
    /// A quarantine for the lines that `seal` names; `more` are further keys of its section.
    pub(crate) fn new(seal: &[&str], more: &str) -> Self {
        let (folder, identity) = (Folder::new(), Identity::generate());
        let recipient = identity.to_public().to_string();
        let done =
            run_in(folder.path(), &["quarantine", "init", "q", "--security", &recipient], b"");
        assert_eq!(done.status, 0, "{}", done.err());
        let policy = format!(
            "name = \"t\"\nversion = 1\n[record]\ntime = {{ grain = \"minute\" }}\nstatus = true\n\
             [quarantine]\nseal = {seal:?}\nretention_days = 7\n{more}"
        );
        fs::write(folder.file("policy.toml"), policy).expect("the folder is ours");
        Self { folder, identity }
    }

    /// Runs the filter over `log` with these options more.
    pub(crate) fn filter(&self, log: &[u8], more: &[&str]) -> Done {
        let all = ["--policy", "policy.toml", "--quarantine", "q", "--summary", "json"];
        let args: Vec<_> = all.iter().chain(more).copied().collect();
        run_in(self.folder.path(), &args, log)
    }

    /// All lines that were sealed so far, in order.
    pub(crate) fn sealed(&self) -> Vec<Sealed> {
        let root = self.folder.file("q");
        let manifest = fs::read_to_string(root.join("MANIFEST.jsonl")).expect("there is one");
        let mut lines = Vec::new();
        for entry in manifest.lines() {
            let entry: Value = serde_json::from_str(entry).expect("JSON");
            if entry["kind"] == "segment" {
                let id = entry["segment"].as_str().expect("a name");
                lines.extend(runs(&self.body(&root, id)));
            }
        }
        lines
    }

    fn body(&self, root: &Path, id: &str) -> String {
        let key = fs::read(root.join(format!("keys/{id}.key.age"))).expect("it has a key");
        let key = open(&self.identity, &key);
        let key = str::from_utf8(&key).expect("text");
        let own: Identity = key.trim_end().parse().expect("an identity");
        let body = fs::read(root.join(format!("segments/{id}.age"))).expect("it is there");
        let text = zstd::stream::decode_all(&open(&own, &body)[..]).expect("a zstd stream");
        lenient(&text)
    }
}

/// The text, or one character for each byte where it is none.
pub(crate) fn lenient(bytes: &[u8]) -> String {
    match str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => bytes.iter().copied().map(char::from).collect(),
    }
}

fn open(identity: &Identity, sealed: &[u8]) -> Vec<u8> {
    let decryptor = Decryptor::new(sealed).expect("an age file");
    let mut text = Vec::new();
    let identity: &dyn age::Identity = identity;
    let mut stream = decryptor.decrypt(std::iter::once(identity)).expect("it is for this key");
    stream.read_to_end(&mut text).expect("it is whole");
    text
}

fn runs(text: &str) -> Vec<Sealed> {
    let (mut lines, mut why) = (Vec::new(), Vec::new());
    for line in text.lines() {
        match line.strip_prefix("#@ ") {
            Some(head) => {
                let head: Value = serde_json::from_str(head).expect("JSON");
                let words = head["why"].as_array().expect("a list");
                why = words.iter().map(|word| word.as_str().expect("a word").to_owned()).collect();
            }
            None => lines.push(Sealed { text: line.to_owned(), why: why.clone() }),
        }
    }
    lines
}
