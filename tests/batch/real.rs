//! The same over real logs, of which there are a few that lie beside the repository: whatever they are packed in, what
//! comes out is what the filter makes of each of them, and the manifest says so.

use std::{collections::BTreeMap, fs, path::Path};

use serde_json::Value;

use crate::{
    PACKS, batch, gzip, key_dir, manifest,
    program::{Dice, Folder, run},
    tar, zip,
};

#[path = "../truth/mod.rs"]
mod truth;

/// How many files there are.
const FILES: usize = 500;
/// The longest part of a log that is taken.
const PIECE_BYTES: usize = 60_000;

/// What the filter makes of a content, and whether it complains.
type Expected = (Vec<u8>, bool);

/// All logs below a folder.
fn logs(folder: &Path, found: &mut Vec<Vec<u8>>) {
    let mut entries: Vec<_> = fs::read_dir(folder)
        .expect("readable")
        .map(|entry| entry.expect("readable").path())
        .collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            logs(&path, found);
        } else if path.extension().is_some_and(|ending| ending == "log") {
            let mut content = fs::read(path).expect("readable");
            let end = PIECE_BYTES.min(content.len());
            let end =
                content[..end].iter().rposition(|byte| *byte == b'\n').map_or(end, |at| at + 1);
            content.truncate(end);
            found.push(content);
        }
    }
}

/// What is in a file, and how it may be wrong.
enum Kind {
    Whole(Vec<Vec<u8>>),
    Damaged,
}

#[test]
fn five_hundred_files_of_real_logs_come_out_as_the_filter_makes_them() {
    let Some(data) = truth::data() else { return };
    let mut contents = Vec::new();
    logs(&data, &mut contents);
    let folder = Folder::new();
    let kinds = make(&folder, &contents, &mut Dice(23));
    let keys = key_dir(&folder);
    let done = batch(folder.path(), &["-o", "clean", "--key-dir", &keys]);
    assert_eq!(done.status, 1, "{}", done.err());
    let clean = folder.file("clean");
    let manifest = manifest(&clean);
    let entries: BTreeMap<&str, (&String, &Value)> = manifest["outputs"]
        .as_object()
        .expect("an object")
        .iter()
        .map(|entry| (entry.1["input"].as_str().expect("text"), entry))
        .collect();
    let mut expected: BTreeMap<&[Vec<u8>], Expected> = BTreeMap::new();
    let (mut whole, mut same, mut damaged) = (0, 0, 0);
    for (name, kind) in &kinds {
        let (output, entry) =
            entries.get(&**name).unwrap_or_else(|| panic!("{name} is not told of"));
        let state = entry["state"].as_str().expect("text");
        let Kind::Whole(parts) = kind else {
            damaged += usize::from(state == "partial" || state == "failed");
            assert_eq!(clean.join(output).exists(), state == "whole", "{name} {state}");
            continue;
        };
        let (records, fails) = expected.entry(parts).or_insert_with(|| expect(&folder, parts));
        if *fails {
            assert!(state == "failed" || state == "partial", "{name} {state}");
            continue;
        }
        whole += usize::from(state == "whole");
        same += usize::from(state == "same");
        let output = entry["same_as"].as_str().unwrap_or(output);
        let found = fs::read(clean.join(output)).unwrap_or_else(|_| panic!("{name}: {entry}"));
        assert!(found == *records, "{name} differs: {entry}");
        let lines = records.iter().filter(|byte| **byte == b'\n').count();
        assert!(state == "same" || entry["clean"] == lines, "{name}: {entry}");
    }
    assert!(kinds.len() >= FILES && damaged > 30, "{damaged} of {}", kinds.len());
    assert!(whole > 200 && same > 20, "{whole} whole, {same} the same");
}

/// What the filter makes of a file after the other.
fn expect(folder: &Folder, parts: &[Vec<u8>]) -> Expected {
    let names: Vec<_> =
        (0..parts.len()).map(|number| folder.file(&format!("part{number}"))).collect();
    for (name, part) in names.iter().zip(parts) {
        fs::write(name, part).expect("ours");
    }
    let names: Vec<_> = names.iter().map(|name| name.to_str().expect("text")).collect();
    let done = run(&names, b"");
    (done.stdout, done.status != 0)
}

/// Writes files of all kinds into `logs`.
fn make(folder: &Folder, contents: &[Vec<u8>], dice: &mut Dice) -> BTreeMap<String, Kind> {
    let mut kinds = BTreeMap::new();
    let mut write = |name: String, bytes: &[u8], kind: Kind| {
        let path = folder.file("logs").join(&name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("ours");
        fs::write(path, bytes).expect("ours");
        kinds.insert(name, kind);
    };
    for number in 0..FILES {
        let mut content = dice.pick(contents).clone();
        // Of each log there are many, of which each goes on a little further.
        let end = content.len() - dice.below(content.len());
        content.truncate(
            content[end..]
                .iter()
                .position(|byte| *byte == b'\n')
                .map_or(content.len(), |at| end + at + 1),
        );
        let (ending, pack) = *dice.pick(&PACKS);
        let packed = pack(&content);
        let name = format!("server{}/{}log{number}", number % 7, ["", "deep/er/"][number % 2]);
        let one = || Kind::Whole(vec![content.clone()]);
        let two = || Kind::Whole(vec![content.clone(), content.clone()]);
        match dice.below(16) {
            0 => write(name + ".tar", &tar(&[&content, &packed]), two()),
            1 => write(name + ".tgz", &gzip(&tar(&[&packed, &content])), two()),
            2 => write(name + ".zip", &zip(&[&packed, &content]), two()),
            3 if !ending.is_empty() => {
                write(name + ending, &packed[..packed.len() * 2 / 3], Kind::Damaged);
            }
            4 if !ending.is_empty() => {
                let (mut packed, at) = (packed, 20 + dice.below(content.len() / 20 + 1));
                let at = at.min(packed.len().saturating_sub(9));
                packed[at..at + 8].iter_mut().for_each(|byte| *byte ^= 0x55);
                write(name + ending, &packed, Kind::Damaged);
            }
            5 => {
                write(format!("{name}.1"), &content, one());
                write(format!("{name}.1.gz"), &gzip(&content), one());
            }
            _ => write(name + ending, &packed, one()),
        }
    }
    kinds
}
