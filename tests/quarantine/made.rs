//! A quarantine as the program leaves it, made by hand from its description: init by the program, segments by an age
//! and a zstd library. So what is opened here was sealed by nobody who shares code with the opener.

use std::{
    collections::BTreeMap,
    fs,
    io::Write as _,
    path::{Path, PathBuf},
};

use age::{Encryptor, secrecy::ExposeSecret as _, x25519::Identity};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tamis::quarantine::{disk::Disk, layout::Layout, manifest, recipients::Recipients};

use crate::program::{Done, Folder, run_in};

/// A folder with keys and a quarantine, `q`.
pub(crate) struct Made {
    pub(crate) folder: Folder,
    next: u32,
}

/// A line of the combined format.
pub(crate) fn line(client: &str, day: u32, path: &str) -> String {
    format!(
        "{client} - - [{day:02}/Nov/2026:14:05:37 +0000] \"GET {path} HTTP/1.1\" 200 512 \"-\" \"curl/8.5.0\""
    )
}

impl Made {
    /// A quarantine for these roles, each with one key in `ROLE.key`. `other.key` is nobody's.
    pub(crate) fn new(roles: &[&str]) -> Self {
        let folder = Folder::new();
        let mut args = vec!["quarantine".to_owned(), "init".to_owned(), "q".to_owned()];
        for role in roles.iter().chain(&["other"]) {
            let identity = Identity::generate();
            let text = format!("# a key\n{}\n", identity.to_string().expose_secret());
            fs::write(folder.file(&format!("{role}.key")), text).expect("the folder is ours");
            if *role != "other" {
                args.extend([format!("--{role}"), identity.to_public().to_string()]);
            }
        }
        let args: Vec<_> = args.iter().map(String::as_str).collect();
        let done = run_in(folder.path(), &args, b"");
        assert_eq!(done.status, 0, "{}", done.err());
        fs::write(folder.file("why"), "a reason that names Alice\n").expect("the folder is ours");
        Self { folder, next: 1 }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.file(name)
    }

    pub(crate) fn layout(&self) -> Layout {
        Layout::new(self.folder.file("q"))
    }

    /// Seals lines as the segment of a day in November 2026; returns what it is called.
    pub(crate) fn seal(&mut self, day: u32, lines: &[String]) -> String {
        self.seal_as(day, lines, "all")
    }

    /// The same for a reason.
    pub(crate) fn seal_as(&mut self, day: u32, lines: &[String], why: &str) -> String {
        let text = format!(
            "#@ {}\n{}\n",
            json!({ "source": "access.log", "at": self.next * 1_000_000, "why": [why] }),
            lines.join("\n")
        );
        let clients = lines.iter().filter_map(|line| line.split(' ').next());
        let mut addresses: Vec<_> = clients
            .filter(|text| text.parse::<std::net::IpAddr>().is_ok())
            .map(str::to_owned)
            .collect();
        addresses.sort();
        addresses.dedup();
        self.seal_text(day, &text, lines.len(), &addresses, why)
    }

    fn seal_text(
        &mut self,
        day: u32,
        text: &str,
        lines: usize,
        addresses: &[String],
        why: &str,
    ) -> String {
        let layout = self.layout();
        let recipients = Recipients::load(&layout).expect("it was begun");
        let (id, number) = (format!("2026-11-{day:02}/{:06}", self.next), self.next);
        self.next += 1;
        let identity = Identity::generate();
        let public = identity.to_public();
        let seal = |plain: &[u8]| {
            let whom = std::iter::once(&public as &dyn age::Recipient);
            let encryptor = Encryptor::with_recipients(whom).expect("there is one");
            let mut writer = encryptor.wrap_output(Vec::new()).expect("memory takes it");
            writer.write_all(plain).expect("memory takes it");
            writer.finish().expect("memory takes it")
        };
        let from = 1_793_491_200 + i64::from(day - 1) * 86_400;
        let index = json!({
            "from": from, "to": from + 86_399, "lines": lines, "addresses": addresses, "paths": [],
            "paths_whole": false, "rules": {}, "why": {why: lines},
            "unnamed": if why == "refused" { lines } else { 0 },
        });
        let secret = format!("{}\n", identity.to_string().expose_secret());
        let files = [
            ("keys", ".key.age", recipients.wrap(&secret)),
            (
                "segments",
                ".age",
                seal(&zstd::encode_all(text.as_bytes(), 1).expect("memory takes it")),
            ),
            ("index", ".idx.age", seal(index.to_string().as_bytes())),
        ];
        let mut hashes = BTreeMap::new();
        let mut bytes = 0;
        for (tree, ending, content) in files {
            let dir = self.folder.file("q").join(tree).join(format!("2026-11-{day:02}"));
            fs::create_dir_all(&dir).expect("the folder is ours");
            fs::write(dir.join(format!("{number:06}{ending}")), &content)
                .expect("the folder is ours");
            let name = if tree == "segments" { "body" } else { tree.trim_end_matches('s') };
            if tree == "segments" {
                bytes = content.len();
            }
            let hash: String =
                Sha256::digest(&content).iter().map(|byte| format!("{byte:02x}")).collect();
            hashes.insert(name, hash);
        }
        let rfc = tamis::quarantine::layout::rfc3339;
        let members: Vec<(&str, Value)> = vec![
            ("segment", json!(id)),
            ("lines", json!(lines)),
            ("from", json!(rfc(from))),
            ("to", json!(rfc(from + 86_399))),
            ("bytes", json!(bytes)),
            ("sha256", json!(hashes)),
            ("why", json!({why: lines})),
        ];
        let mut journal = manifest::open(&Disk::default(), &layout, |_| {}).expect("it opens");
        journal.append(0, "segment", &members).expect("the disk takes it");
        id
    }

    /// Runs `tamis quarantine` with a line of arguments, in the folder.
    pub(crate) fn run(&self, args: &str) -> Done {
        let args: Vec<_> = std::iter::once("quarantine").chain(args.split_whitespace()).collect();
        run_in(self.folder.path(), &args, b"")
    }

    /// The journal of this test's user.
    pub(crate) fn audit(&self) -> Vec<Value> {
        let uid = rustix::process::getuid().as_raw();
        journal(&self.path("q").join(format!("audit/{uid}.jsonl")))
    }

    pub(crate) fn manifest(&self) -> Vec<Value> {
        journal(&self.path("q/MANIFEST.jsonl"))
    }
}

fn journal(path: &Path) -> Vec<Value> {
    let text = fs::read_to_string(path).unwrap_or_default();
    text.lines().map(|line| serde_json::from_str(line).expect("lines are JSON")).collect()
}

/// What is said to open a quarantine under the baseline policy.
pub(crate) const SAID: &str = "-i security.key --basis law --case T-1 --reason-file why";
