//! A quarantine for a test, whoever may open it, and a reader of what is in it that shares no code with the program
//! beyond age and zstd.

use std::{
    collections::BTreeMap,
    fs,
    io::{Read as _, Write as _},
    path::{Path, PathBuf},
};

use age::{Decryptor, secrecy::ExposeSecret as _, x25519::Identity};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::program::{Done, Folder, run_in};

/// A policy that seals all lines.
pub(crate) const ALL: &str = "name = \"all\"\nversion = 1\n[record]\ntime = { grain = \"minute\" }\nstatus = true\n\
                              [quarantine]\nseal = [\"all\"]\nretention_days = 7\n";

/// A quarantine in a folder of its own, and the key that opens it.
pub(crate) struct Desk {
    pub(crate) folder: Folder,
    pub(crate) security: Identity,
    root: PathBuf,
}

/// A line that was opened.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Line {
    pub(crate) source: String,
    pub(crate) at: Option<u64>,
    pub(crate) ordinal: usize,
    pub(crate) text: Vec<u8>,
    pub(crate) why: String,
}

impl Desk {
    /// A quarantine made by the program.
    pub(crate) fn new() -> Self {
        Self::at(|folder| folder.file("quarantine"))
    }

    /// The same in memory, where there is such a place: for a test that makes hundreds.
    pub(crate) fn in_memory() -> Self {
        Self::at(|folder| {
            let name = folder.path().file_name().expect("a folder has a name");
            let shared = Path::new("/dev/shm");
            if shared.is_dir() { shared.join(name) } else { folder.file("quarantine") }
        })
    }

    /// The same at another place.
    pub(crate) fn at(place: impl FnOnce(&Folder) -> PathBuf) -> Self {
        let folder = Folder::new();
        let root = place(&folder);
        let security = Identity::generate();
        let desk = Self { folder, security, root };
        let recipient = desk.security.to_public().to_string();
        // By a name alone where it lies in the folder, as people do.
        let name = desk.root.strip_prefix(desk.folder.path()).unwrap_or(&desk.root);
        let root = name.display().to_string();
        let done = desk.run(&["quarantine", "init", &root, "--security", &recipient], b"");
        assert_eq!(done.status, 0, "{}", done.err());
        desk
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// Runs the program in the folder.
    pub(crate) fn run(&self, args: &[&str], stdin: &[u8]) -> Done {
        run_in(self.folder.path(), args, stdin)
    }

    /// Writes a file into the folder.
    pub(crate) fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        fs::write(self.folder.file(name), text).expect("the folder is ours");
    }

    /// The lines of the manifest.
    pub(crate) fn manifest(&self) -> Vec<Value> {
        let text = fs::read_to_string(self.root.join("MANIFEST.jsonl")).expect("there is one");
        // The beginning of a line at the end is none: a machine that stopped left it, and the next run cuts it off.
        let lines = text.split_inclusive('\n').filter_map(|line| line.strip_suffix('\n'));
        lines.map(|line| serde_json::from_str(line).expect("JSON")).collect()
    }

    /// Those of a kind.
    pub(crate) fn told(&self, kind: &str) -> Vec<Value> {
        self.manifest().into_iter().filter(|line| line["kind"] == kind).collect()
    }

    /// The identity of a segment.
    pub(crate) fn identity(&self, id: &str) -> Identity {
        let sealed = fs::read(self.root.join(format!("keys/{id}.key.age"))).expect("it has a key");
        let text = open(&self.security, &sealed).expect("it is for security");
        let text = str::from_utf8(&text).expect("text");
        assert!(text.ends_with('\n') && text.lines().count() == 1);
        text.trim_end().parse().expect("an identity")
    }

    /// The lines of all finished segments, each of which is as the manifest has it.
    pub(crate) fn opened(&self) -> Vec<Line> {
        let mut lines = Vec::new();
        for entry in self.told("segment") {
            let id = entry["segment"].as_str().expect("a name");
            let body = fs::read(self.root.join(format!("segments/{id}.age"))).expect("it is there");
            let index =
                fs::read(self.root.join(format!("index/{id}.idx.age"))).expect("it is there");
            for (name, bytes) in [("body", &body), ("index", &index)] {
                let hash: String =
                    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
                assert_eq!(entry["sha256"][name], hash, "{id} {name}");
            }
            assert_eq!(entry["bytes"], body.len());
            let identity = self.identity(id);
            let text = open(&identity, &body).expect("it is whole");
            let text = zstd::stream::decode_all(&text[..]).expect("a zstd stream");
            let found = runs(&text);
            assert_eq!(entry["lines"], found.len(), "{id}");
            let index: Value =
                serde_json::from_slice(&open(&identity, &index).expect("whole")).expect("JSON");
            assert_eq!(index["lines"], found.len());
            lines.extend(found);
        }
        lines
    }

    /// What can be opened of the torn ones.
    pub(crate) fn opened_torn(&self) -> Vec<Line> {
        let mut lines = Vec::new();
        for entry in self.told("torn") {
            let id = entry["segment"].as_str().expect("a name");
            let body = fs::read(self.root.join(format!("segments/{id}.age.torn"))).expect("there");
            let text = open_torn(&self.identity(id), &body);
            let mut whole = Vec::new();
            let mut decoder = zstd::stream::read::Decoder::new(&text[..]).expect("a decoder");
            let mut buffer = vec![0; 1 << 16];
            while let Ok(count @ 1..) = decoder.read(&mut buffer) {
                whole.extend_from_slice(&buffer[..count]);
            }
            // The last line may be a part of one.
            let end = whole.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
            lines.extend(runs(&whole[..end]));
        }
        lines
    }

    /// Fails where a file of the quarantine has one of these texts in it, or in its name.
    pub(crate) fn assert_without(&self, texts: &[&[u8]]) {
        let mut waiting = vec![self.root.clone()];
        while let Some(path) = waiting.pop() {
            if path.is_dir() {
                waiting.extend(
                    fs::read_dir(&path).expect("ours").map(|entry| entry.expect("ours").path()),
                );
                continue;
            }
            let bytes = fs::read(&path).expect("ours");
            let name = path.display().to_string();
            for text in texts {
                let is_in = |bytes: &[u8]| bytes.windows(text.len()).any(|found| found == *text);
                assert!(!is_in(&bytes) && !is_in(name.as_bytes()), "{name}");
            }
        }
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.root);
    }
}

/// What an age file has, if it is whole and for this identity.
pub(crate) fn open(identity: &Identity, sealed: &[u8]) -> Option<Vec<u8>> {
    let decryptor = Decryptor::new_buffered(sealed).ok()?;
    let mut opened = Vec::new();
    let mut reader = decryptor.decrypt(std::iter::once(identity as _)).ok()?;
    reader.read_to_end(&mut opened).ok().map(|_| opened)
}

/// What can be read of one that ends too early.
pub(crate) fn open_torn(identity: &Identity, sealed: &[u8]) -> Vec<u8> {
    let Ok(decryptor) = Decryptor::new_buffered(sealed) else { return Vec::new() };
    let Ok(mut reader) = decryptor.decrypt(std::iter::once(identity as _)) else {
        return Vec::new();
    };
    let (mut opened, mut buffer) = (Vec::new(), vec![0; 1 << 16]);
    while let Ok(count @ 1..) = reader.read(&mut buffer) {
        opened.extend_from_slice(&buffer[..count]);
    }
    opened
}

/// The lines of a body.
fn runs(text: &[u8]) -> Vec<Line> {
    let (mut head, mut ordinal, mut lines) = (Value::Null, 0, Vec::new());
    for line in text.split_inclusive(|byte| *byte == b'\n') {
        let line = line.strip_suffix(b"\n").expect("each line has an end");
        if let Some(announcement) = line.strip_prefix(b"#@ ") {
            head = serde_json::from_slice(announcement).expect("JSON");
            ordinal = 0;
            continue;
        }
        let text = match line.strip_prefix(b"#@@") {
            Some(rest) => [b"#@", rest].concat(),
            None => line.to_owned(),
        };
        let why: BTreeMap<_, _> =
            head["why"].as_array().into_iter().flatten().enumerate().collect();
        let why: Vec<_> = why.values().filter_map(|word| word.as_str()).collect();
        lines.push(Line {
            source: head["source"].as_str().expect("a run has a source").to_owned(),
            at: head["at"].as_u64(),
            ordinal,
            text,
            why: why.join(" "),
        });
        ordinal += 1;
    }
    lines
}

/// The text of an identity, as in a file of age.
pub(crate) fn secret(identity: &Identity) -> String {
    identity.to_string().expose_secret().to_owned()
}

/// Tells what was left out, also where the test harness shows nothing of what passes.
pub(crate) fn say_loudly(what: &str) {
    let _ = writeln!(std::io::stderr(), "{what}");
}
