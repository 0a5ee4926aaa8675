//! Runs `tests/cases/*.toml`: one behaviour each, whose sentence is the file's name.
//!
//! A case says which arguments, input and files a run gets and what it must leave: standard output,
//! standard error, files and the status, byte for byte. Only what differs from run to run is masked: seconds,
//! the policy's hash, the version. Cases are data; what a right output is was written by hand
//! from the documentation of fields, not copied from a run.

mod program;

use std::{
    collections::BTreeMap, fmt::Write as _, fs, os::unix::fs::PermissionsExt as _, path::Path,
};

use program::{Done, Folder, run_in};
use serde::Deserialize;

/// A case as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    #[serde(default)]
    args: Vec<String>,
    /// Standard input.
    #[serde(default)]
    stdin: String,
    /// Whether `\xNN` in `stdin` and `files` stands for a byte; a backslash is then `\x5c`.
    #[serde(default)]
    bytes: bool,
    /// Files that are there before the run.
    #[serde(default)]
    files: BTreeMap<String, String>,
    /// What standard output must be, or parts that it must have.
    stdout: Option<String>,
    #[serde(default)]
    stdout_has: Vec<String>,
    /// What standard error must be, or parts that it must have.
    stderr: Option<String>,
    #[serde(default)]
    stderr_has: Vec<String>,
    #[serde(default)]
    status: i32,
    /// The files that there are after the run, all of them when any is named.
    #[serde(default)]
    leaves: BTreeMap<String, String>,
    /// The permissions of files after the run, as `600`.
    #[serde(default)]
    modes: BTreeMap<String, String>,
}

/// What a case found wrong.
type Complaints = String;

#[test]
fn cases() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases");
    let mut complaints = Complaints::new();
    let mut count = 0;
    let entries = fs::read_dir(folder).expect("the cases are part of the package");
    let mut paths: Vec<_> = entries.map(|entry| entry.expect("readable").path()).collect();
    paths.sort();
    for path in paths {
        let name = path.file_stem().expect("a file has a name").display().to_string();
        let text = fs::read_to_string(&path).expect("a case is text");
        let found = match toml::from_str(&text) {
            Ok(case) => check(&case),
            Err(error) => error.to_string(),
        };
        if !found.is_empty() {
            write!(complaints, "\n=== {}\n{found}", name.replace('-', " ")).expect("takes all");
        }
        count += 1;
    }
    assert!(count >= 60, "only {count} cases were found");
    assert!(complaints.is_empty(), "{complaints}");
}

/// Runs a case in a folder of its own.
fn check(case: &Case) -> Complaints {
    let folder = Folder::new();
    for (name, text) in &case.files {
        fs::write(folder.file(name), content(text, case.bytes)).expect("the folder is ours");
    }
    let args: Vec<_> = case.args.iter().map(String::as_str).collect();
    let done = run_in(folder.path(), &args, &content(&case.stdin, case.bytes));
    let mut complaints = Complaints::new();
    check_texts(case, &done, &mut complaints);
    if done.status != case.status {
        writeln!(complaints, "status {} instead of {}", done.status, case.status)
            .expect("takes all");
    }
    check_files(case, &folder, &mut complaints);
    complaints
}

fn check_texts(case: &Case, done: &Done, complaints: &mut Complaints) {
    for (name, found, whole, parts) in [
        ("standard output", done.out(), &case.stdout, &case.stdout_has),
        ("standard error", done.err(), &case.stderr, &case.stderr_has),
    ] {
        let found = masked(found);
        // A case that says nothing of an output says that there is none.
        if whole.is_some() || parts.is_empty() {
            compare(name, whole.as_deref().unwrap_or_default(), &found, complaints);
        }
        for part in parts.iter().filter(|part| !found.contains(part.as_str())) {
            writeln!(complaints, "{name} lacks {part:?}:\n{found}").expect("takes all");
        }
    }
}

fn check_files(case: &Case, folder: &Folder, complaints: &mut Complaints) {
    if !case.leaves.is_empty() {
        let found = folder.contents();
        let names: Vec<_> = found.iter().map(|(name, _)| name.as_str()).collect();
        let expect: Vec<_> = case.leaves.keys().map(String::as_str).collect();
        compare("the list of files", &expect.join("\n"), &names.join("\n"), complaints);
        for (name, content) in &found {
            let text = masked(str::from_utf8(content).expect("files that are left are text"));
            let expect = case.leaves.get(name).map(String::as_str).unwrap_or_default();
            compare(&format!("the file {name}"), expect, &text, complaints);
        }
    }
    for (name, mode) in &case.modes {
        let found = fs::metadata(folder.file(name)).map(|data| data.permissions().mode() & 0o777);
        let found = found.map_or_else(|error| error.to_string(), |mode| format!("{mode:o}"));
        compare(&format!("the mode of {name}"), mode, &found, complaints);
    }
}

/// Complains when two texts differ, with both.
fn compare(name: &str, expect: &str, found: &str, complaints: &mut Complaints) {
    if expect != found {
        writeln!(complaints, "--- {name} should be\n{expect}\n--- {name} is\n{found}\n---")
            .expect("a string takes all");
    }
}

/// The bytes that a text of a case stands for.
fn content(text: &str, bytes: bool) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find("\\x").filter(|_| bytes) {
        out.extend_from_slice(&rest.as_bytes()[..at]);
        let digits = rest.get(at + 2..at + 4).expect("two digits follow \\x in a case");
        out.push(u8::from_str_radix(digits, 16).expect("digits of a byte follow \\x in a case"));
        rest = &rest[at + 4..];
    }
    out.extend_from_slice(rest.as_bytes());
    out
}

/// The text with `_` for what is another in every run or version.
fn masked(text: &str) -> String {
    let mut text = text.to_owned();
    for key in ["\"seconds\":", "\"policy_hash\":", "\"version\":"] {
        let Some(at) = text.find(key).map(|at| at + key.len()) else { continue };
        let end = text[at..].find([',', '}']).map_or(text.len(), |end| at + end);
        text.replace_range(at..end, "_");
    }
    text
}
