//! The house rules that a machine can check: who may import whom, where each dependency lives,
//! which word stays behind the boundary, and how files look.
//!
//! Every rule is a pure function from text to complaints; it is tried below on small examples, and
//! then run over the tree. Files are searched and not parsed: comments are left out, and the rest
//! is looked at as text. What does not exist yet is skipped. Nothing here judges what needs taste.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::net::IpAddr;
use std::path::Path;

use tamis::transform::address::{Parsed, parse};

/// The modules of the crate in layers, the lowest first.
///
/// A file imports from its own module and from lower layers, never from its neighbours in a layer.
/// Only the last layer is one: the ways of running the program know each other. `lib.rs` has no
/// layer, for it shows everything.
const LAYERS: [&[&str]; 8] = [
    &["field"],
    &["format", "transform"],
    &["policy"],
    &["privacy"],
    &["source", "emit", "sink", "counts", "keys", "quarantine", "audit"],
    &["engine"],
    &["service"],
    &["command", "cli", "main"],
];

/// The one pair of ends that knows each other: a sink takes what an emitter rendered and nothing else,
/// so it must know that type.
const NEIGHBOURS: [(&str, &str); 1] = [("sink", "emit")];

/// Each dependency and its homes, files or directories under `src`. No home: tests only.
const HOMES: &[(&str, &[&str])] = &[
    ("age", &["keys/exchange", "privacy", "quarantine", "command/quarantine"]),
    ("aho-corasick", &["privacy"]),
    ("anyhow", &["command"]),
    ("base64", &["privacy/detect", "quarantine", "counts/page"]),
    ("blake3", &["policy", "privacy/digest", "transform/pseudonym", "quarantine"]),
    ("bzip2", &["source/unpack"]),
    ("clap", &["main", "cli", "command"]),
    ("clap_complete", &["cli", "command"]),
    ("clap_mangen", &["command/man"]),
    ("crossbeam-channel", &["command"]),
    ("divan", &[]),
    ("flate2", &["source/unpack", "sink"]),
    ("foldhash", &["privacy", "counts"]),
    ("glob", &["source/found", "service/names"]),
    ("hashbrown", &["privacy", "counts"]),
    ("indicatif", &["command"]),
    ("jiter", &["format/journal", "format/json", "format/wrapper"]),
    (
        "ipnet",
        &[
            "transform/address",
            "transform/forwarded",
            "policy",
            "privacy/selector",
            "privacy/unseal",
        ],
    ),
    ("jiff", &["counts/zone"]),
    ("liblzma", &["source/unpack"]),
    ("listenfd", &["service/sockets"]),
    ("lz4_flex", &["source/unpack"]),
    ("maxminddb", &["transform/mmdb"]),
    ("memchr", &["format", "transform", "privacy"]),
    ("nix", &["service/listen", "service/peer", "command/user"]),
    ("nom", &["format"]),
    ("proptest", &[]),
    ("psl", &["transform/referrer"]),
    ("rayon", &["engine"]),
    ("regex", &["privacy/detect"]),
    ("regex-syntax", &["privacy/detect"]),
    ("region", &["transform/pseudonym", "privacy/ring"]),
    ("rusqlite", &["counts/store"]),
    ("rustix", &["source", "sink", "command", "keys", "quarantine", "service"]),
    ("safe_arch", &["privacy/memo"]),
    ("serde", &["policy", "counts", "quarantine", "privacy", "command/batch", "service"]),
    ("serde_json", &["counts", "command", "quarantine", "privacy", "service", "audit"]),
    ("sha2", &["quarantine", "counts"]),
    ("signal-hook", &["command"]),
    ("tar", &["quarantine", "source/unpack"]),
    ("tokio", &["service"]),
    ("toml", &["policy", "privacy/detect", "quarantine", "service"]),
    ("wide", &["format/primitive", "transform/address", "transform/path"]),
    ("zeroize", &["privacy", "transform", "keys", "quarantine", "command/quarantine"]),
    ("zip", &["source/unpack"]),
    ("zstd", &["privacy", "source/unpack", "sink"]),
];

/// The accessor of raw bytes. Its visibility keeps it in; this keeps the visibility honest.
const RAW_ACCESSOR: &str = "expose_bytes";

/// What gives raw text, or numbers of raw text, back to the person who gave it, and the one command that may.
const THIRD_DOOR: ([&str; 2], &str) = (["ThirdDoor", "Survey"], "command/explain");

/// What looks for raw text in what came out and tells where it is, and the one command that may.
const HUNT: (&str, &str) = ("Hunt", "command/audit/leaks");

/// What gives sealed lines back to whoever may open them, and the commands that may, each of which writes down first
/// who that is.
const UNSEALING: ([&str; 3], &str) =
    (["Unsealer", "OpenedLine", "rewrite_segment"], "command/quarantine");

/// The longest line of a source file, in characters.
const COLUMNS_MAX: usize = 120;

/// The directories of the top level. Hidden and ignored ones are nobody's business.
const TOP_LEVEL: [&str; 4] = ["src", "benches", "samples", "tests"];

/// A source file: its path under its root, without `.rs` and a final `/mod`, and its text.
struct Source {
    path: String,
    text: String,
}

impl Source {
    fn new(path: &str, text: &str) -> Self {
        let path = path.strip_suffix(".rs").unwrap_or(path);
        let path = path.strip_suffix("/mod").unwrap_or(path);
        Self { path: path.to_owned(), text: text.to_owned() }
    }

    /// The module of the crate that the file is or belongs to.
    fn module(&self) -> &str {
        self.path.split('/').next().unwrap_or_default()
    }

    /// Whether the file is `home` or lies in it.
    fn lives_in(&self, home: &str) -> bool {
        self.path.strip_prefix(home).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }

    /// Whether the file holds nothing but unit tests.
    fn is_tests(&self) -> bool {
        self.path.rsplit('/').next().is_some_and(|name| name.starts_with("tests"))
    }

    /// The text without comments.
    fn code(&self) -> String {
        code(&self.text)
    }

    /// The text without comments up to the unit tests, which by our conventions come last.
    fn code_before_tests(&self) -> String {
        if self.is_tests() {
            return String::new();
        }
        // What is declared above, `mod tests;`, lies in a file of its own and ends nothing here.
        let begins_tests = |(at, found): &(usize, &str)| {
            let line = self.text[at + found.len()..].lines().next();
            line.is_some_and(|line| line.ends_with('{'))
        };
        let found = self.text.match_indices("#[cfg(test)]\nmod ").find(begins_tests);
        code(&self.text[..found.map_or(self.text.len(), |(at, _)| at)])
    }
}

/// The text without comments. A `//` inside a string counts as a comment if a space precedes it.
fn code(text: &str) -> String {
    let lines = text.lines().filter(|line| !line.trim_start().starts_with("//"));
    lines.flat_map(|line| [line.split(" // ").next().unwrap_or(line), "\n"]).collect()
}

/// The places where `word` stands in `code` as a word of its own, as what follows it.
fn after_word<'a>(code: &'a str, word: &'a str) -> impl Iterator<Item = (&'a str, &'a str)> {
    let in_word = |c: char| c.is_alphanumeric() || c == '_';
    code.match_indices(word).filter_map(move |(at, _)| {
        let (before, after) = (&code[..at], &code[at + word.len()..]);
        (!before.ends_with(in_word) && !after.starts_with(in_word)).then_some((before, after))
    })
}

/// The modules of this crate that `code` names by their full path.
fn imports(code: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for (_, after) in ["crate", "tamis"].iter().flat_map(|root| after_word(code, root)) {
        let Some(path) = after.strip_prefix("::") else { continue };
        match path.strip_prefix('{') {
            Some(group) => found.extend(heads_of_group(group)),
            None => found.extend(head(path)),
        }
    }
    found
}

/// The name that a path begins with.
fn head(path: &str) -> Option<String> {
    let end = path.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(path.len());
    (end > 0).then(|| path[..end].to_owned())
}

/// The names that the members of `{a::b, c::{d, e}}` begin with, given what follows the brace.
fn heads_of_group(group: &str) -> Vec<String> {
    let (mut depth, mut start, mut heads) = (0, 0, Vec::new());
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth > 0 => depth -= 1,
            ',' | '}' if depth == 0 => {
                heads.extend(head(group[start..at].trim()));
                start = at + 1;
                if c == '}' {
                    break;
                }
            }
            _ => {}
        }
    }
    heads
}

fn layer(module: &str) -> Option<usize> {
    LAYERS.iter().position(|modules| modules.contains(&module))
}

/// Import directions.
fn check_imports(source: &Source) -> Vec<String> {
    let module = source.module();
    if module == "lib" {
        return Vec::new();
    }
    let Some(own) = layer(module) else {
        return vec![format!("{}: has no layer in tests/tidy.rs", source.path)];
    };
    let rim = own == LAYERS.len() - 1;
    let mut complaints = Vec::new();
    for name in imports(&source.code()) {
        match layer(&name) {
            _ if name == module || NEIGHBOURS.contains(&(module, &name)) => {}
            Some(other) if other < own || (rim && other == own) => {}
            Some(_) => complaints.push(format!("{}: must not import {name}", source.path)),
            None => complaints.push(format!("{}: {name} is no module of a layer", source.path)),
        }
    }
    if source.code_before_tests().contains("super::super::") {
        complaints.push(format!("{}: write crate:: instead of super::super::", source.path));
    }
    complaints
}

/// Whether `code` uses the outside crate `name`.
fn uses(code: &str, name: &str) -> bool {
    let name = name.replace('-', "_");
    after_word(code, &name).any(|(before, after)| {
        let imported = before.ends_with("use ") || before.ends_with("extern crate ");
        let root = !before.ends_with("::") || before.ends_with(" ::");
        root && (after.starts_with("::") || imported)
    })
}

/// One dependency, one home. Unit tests may use what they like of the dependencies that there are.
fn check_homes(source: &Source) -> Vec<String> {
    let code = source.code_before_tests();
    let at_home = |homes: &[&str]| homes.iter().any(|home| source.lives_in(home));
    let strays = HOMES.iter().filter(|(name, homes)| uses(&code, name) && !at_home(homes));
    strays.map(|(name, _)| format!("{}: is no home of {name}", source.path)).collect()
}

/// The dependencies of a manifest.
fn dependencies(manifest: &str) -> BTreeSet<String> {
    let (mut found, mut inside) = (BTreeSet::new(), false);
    for line in manifest.lines().map(str::trim) {
        if let Some(header) = line.strip_prefix('[') {
            let header = header.trim_end_matches(']');
            inside = header.ends_with("dependencies");
            if let Some((_, name)) = header.rsplit_once("dependencies.") {
                found.insert(name.to_owned());
            }
        } else if inside && !line.starts_with('#') {
            let name = line.split(['=', '.', ' ']).next().unwrap_or_default();
            found.extend((!name.is_empty()).then(|| name.to_owned()));
        }
    }
    found
}

/// The table of homes names each dependency and no other, and each is used.
///
/// Use is not asked for while one of the homes is still to be written, that is, has no code.
fn check_manifest(manifest: &str, sources: &[Source]) -> Vec<String> {
    let declared = dependencies(manifest);
    let listed: BTreeSet<String> = HOMES.iter().map(|(name, _)| (*name).to_owned()).collect();
    let mut complaints = Vec::new();
    for name in declared.difference(&listed) {
        complaints.push(format!("Cargo.toml: {name} has no home in tests/tidy.rs"));
    }
    for name in listed.difference(&declared) {
        complaints.push(format!("tests/tidy.rs: {name} is no dependency"));
    }
    let written = |home: &&str| {
        let mut files = sources.iter().filter(|source| source.lives_in(home));
        files.any(|source| !source.code().trim().is_empty())
    };
    for (name, homes) in HOMES {
        let used = sources.iter().any(|source| uses(&source.code(), name));
        if !used && homes.iter().all(written) {
            complaints.push(format!("Cargo.toml: {name} is not used"));
        }
    }
    complaints
}

/// The table of ARCHITECTURE.md says the same homes.
fn check_table(document: &str) -> Vec<String> {
    let mut rows = BTreeMap::new();
    let table = document.lines().skip_while(|line| !line.starts_with("| crate | home |"));
    for line in table.skip(2).take_while(|line| line.starts_with('|')) {
        let mut cells = line.split(" | ").map(|cell| cell.trim_matches(['|', ' ', '`']));
        if let (Some(name), Some(homes)) = (cells.next(), cells.next()) {
            let homes = homes.split(", ").map(|home| home.trim_matches('`'));
            rows.insert(name, homes.collect::<BTreeSet<_>>());
        }
    }
    let mut complaints = Vec::new();
    for (name, homes) in HOMES.iter().filter(|(_, homes)| !homes.is_empty()) {
        let homes = homes.iter().copied().collect();
        if rows.get(name) != Some(&homes) {
            complaints.push(format!("ARCHITECTURE.md: the homes of {name} are {homes:?}"));
        }
    }
    complaints
}

/// Words that some places do not say.
fn check_words(source: &Source) -> Vec<String> {
    let code = source.code();
    let says = |word: &str| after_word(&code, word).next().is_some();
    let mut complaints = Vec::new();
    if source.module() != "privacy" && says(RAW_ACCESSOR) {
        complaints.push(format!("{}: only src/privacy reads raw bytes", source.path));
    }
    let (doors, user) = THIRD_DOOR;
    if source.module() != "privacy" && source.path != user && doors.into_iter().any(says) {
        complaints.push(format!("{}: only {user} uses the third door", source.path));
    }
    let (hunt, user) = HUNT;
    if source.module() != "privacy" && source.path != user && says(hunt) {
        complaints.push(format!("{}: only {user} looks for raw text", source.path));
    }
    let (ways, users) = UNSEALING;
    if source.module() != "privacy" && !source.lives_in(users) && ways.into_iter().any(says) {
        complaints.push(format!("{}: only {users} opens what is sealed", source.path));
    }
    for word in ["todo", "unimplemented", "dbg"] {
        if after_word(&code, word).any(|(_, after)| after.starts_with("!(")) {
            complaints.push(format!("{}: {word}! is for drafts", source.path));
        }
    }
    let speaks = ["println", "print", "eprintln", "eprint"]
        .iter()
        .any(|word| after_word(&code, word).any(|(_, after)| after.starts_with("!(")));
    if speaks && !["main", "command"].contains(&source.module()) {
        complaints.push(format!("{}: only main and command speak to the terminal", source.path));
    }
    complaints
}

/// Types that are overwritten when they go, and would print what they hold.
fn check_debug(source: &Source) -> Vec<String> {
    let code = source.code_before_tests();
    let mut complaints = Vec::new();
    for item in code.split("#[derive(").skip(1) {
        let Some((derived, rest)) = item.split_once(")]") else { continue };
        // The item up to its end, which stands alone in a line, or to the semicolon of a tuple.
        let body = rest.split("\n}").next().unwrap_or(rest);
        let body = if body.contains('{') { body } else { rest.split(';').next().unwrap_or(rest) };
        if derived.contains("Debug") && body.contains("Zeroizing<") {
            let name = body.split(['{', '(', ';']).next().unwrap_or_default().trim();
            complaints.push(format!("{}: derives Debug for {name}, which is secret", source.path));
        }
    }
    complaints
}

/// How a file looks.
fn check_shape(source: &Source) -> Vec<String> {
    let mut complaints = Vec::new();
    if !source.text.starts_with("//!") {
        complaints.push(format!("{}: does not say in //! what it is for", source.path));
    }
    if !source.text.ends_with('\n') || source.text.ends_with("\n\n") {
        complaints.push(format!("{}: does not end with one newline", source.path));
    }
    for (line, number) in source.text.lines().zip(1..) {
        // Files of unit tests hold log lines, which are as long as they are.
        if line.chars().count() > COLUMNS_MAX && !source.is_tests() {
            complaints.push(format!("{}:{number}: over {COLUMNS_MAX} columns", source.path));
        }
        if line.ends_with([' ', '\t', '\r']) {
            complaints.push(format!("{}:{number}: trailing space", source.path));
        }
    }
    complaints
}

/// The directories of the top level that are neither ours, nor hidden, nor ignored.
fn check_top_level(directories: &[String], ignored: &str) -> Vec<String> {
    let is_ignored = |name: &str| ignored.lines().any(|line| line.trim_matches('/') == name);
    let known = |name: &str| TOP_LEVEL.contains(&name) || name.starts_with('.') || is_ignored(name);
    let strays = directories.iter().filter(|name| !known(name));
    strays.map(|name| format!("{name}/: is no directory of the top level")).collect()
}

/// Addresses in a sample that may belong to somebody.
fn check_sample(path: &str, text: &str) -> Vec<String> {
    let in_address = |c: char| c.is_ascii_alphanumeric() || ":._".contains(c);
    let mut complaints = Vec::new();
    for (line, number) in text.lines().zip(1..) {
        for word in line.split(|c: char| !in_address(c)).filter(|word| !is_version(line, word)) {
            let word = word.trim_end_matches('.');
            let either = [word, word.trim_matches(':')];
            let strange = either.iter().any(|word| match parse(word.as_bytes()) {
                Some(Parsed::Ip(address)) => !is_nobodys(address),
                Some(Parsed::Teredo) => true,
                Some(Parsed::Hostname) | None => false,
            });
            if strange {
                complaints.push(format!("{path}:{number}: is no documentation address"));
            }
        }
    }
    complaints
}

/// Whether `word`, a part of `line`, is the version of a product, as in `Chrome/126.0.0.0`.
fn is_version(line: &str, word: &str) -> bool {
    let before = &line[..word.as_ptr().addr() - line.as_ptr().addr()];
    before.strip_suffix('/').is_some_and(|product| product.ends_with(|c: char| c.is_alphabetic()))
}

/// Whether the address identifies nobody: one for documentation, what the baseline leaves of these,
/// or one that is not on the internet.
fn is_nobodys(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => {
            let truncated =
                [[192, 0, 0, 0], [198, 51, 0, 0], [203, 0, 0, 0]].contains(&v4.octets());
            let local = v4.is_private() || v4.is_loopback() || v4.is_unspecified();
            v4.is_documentation() || truncated || local || v4.is_link_local()
        }
        IpAddr::V6(v6) => {
            let documentation = v6.segments()[..2] == [0x2001, 0xdb8];
            let local = v6.is_unique_local() || v6.is_loopback() || v6.is_unspecified();
            documentation || local || v6.is_unicast_link_local()
        }
    }
}

/// The text of every file below `root`, with its path from there, in the order of paths. Bytes that
/// are no text (a compressed sample) leave the file out.
fn files(root: &Path) -> Vec<(String, String)> {
    let (mut found, mut directories) = (Vec::new(), vec![root.to_owned()]);
    while let Some(directory) = directories.pop() {
        let Ok(entries) = fs::read_dir(&directory) else { continue };
        for entry in entries {
            let path = entry.expect("the directory was opened above").path();
            if path.is_dir() {
                // What cargo-fuzz builds and finds is ignored by the repository too.
                let name = path.file_name().unwrap_or_default();
                if !["target", "artifacts", "coverage"].iter().any(|built| name == *built) {
                    directories.push(path);
                }
            } else if let Ok(text) = fs::read_to_string(&path) {
                let name = path.strip_prefix(root).expect("the walk began at the root");
                found.push((name.display().to_string().replace('\\', "/"), text));
            }
        }
    }
    found.sort();
    found
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The source files of a directory of the top level.
fn sources(directory: &str) -> Vec<Source> {
    let files = files(&root().join(directory));
    let rust = files.iter().filter(|(path, _)| path.ends_with(".rs"));
    rust.map(|(path, text)| Source::new(path, text)).collect()
}

/// Fails with all complaints at once, so that one run shows what there is to do.
#[track_caller]
fn none(complaints: Vec<String>) {
    assert!(complaints.is_empty(), "\n{}", complaints.join("\n"));
}

#[test]
fn imports_point_down() {
    none(sources("src").iter().flat_map(check_imports).collect());
}

#[test]
fn each_dependency_stays_at_home() {
    let own = sources("src");
    let manifest = fs::read_to_string(root().join("Cargo.toml")).expect("a package has a manifest");
    let strays: Vec<_> = own.iter().flat_map(check_homes).collect();
    let users = ["benches", "tests"].into_iter().flat_map(sources);
    let all: Vec<_> = own.into_iter().chain(users).collect();
    let document = fs::read_to_string(root().join("ARCHITECTURE.md")).expect("it is there");
    let told = check_table(&document);
    none(strays.into_iter().chain(check_manifest(&manifest, &all)).chain(told).collect());
}

#[test]
fn words_stay_in_their_places() {
    none(sources("src").iter().flat_map(check_words).collect());
}

#[test]
fn secrets_do_not_print_themselves() {
    none(sources("src").iter().flat_map(check_debug).collect());
}

#[test]
fn files_look_alike() {
    let all = ["src", "tests", "benches"].iter().flat_map(|directory| sources(directory));
    none(all.flat_map(|source| check_shape(&source)).collect());
}

/// The example of CONTRIBUTING.md is the file itself.
#[test]
fn the_format_that_is_shown_is_the_one_that_is_there() {
    let file = fs::read_to_string(root().join("src/format/uwsgi.rs")).expect("the file is there");
    let shown = fs::read_to_string(root().join("CONTRIBUTING.md")).expect("the document is there");
    assert!(shown.contains(&format!("```rust\n{file}```")), "copy src/format/uwsgi.rs over");
}

#[test]
fn the_top_level_is_short() {
    let entries = fs::read_dir(root()).expect("the package is somewhere");
    let entries = entries.filter_map(Result::ok).filter(|entry| entry.path().is_dir());
    let names: Vec<_> = entries.map(|entry| entry.file_name().display().to_string()).collect();
    let ignored = fs::read_to_string(root().join(".gitignore")).unwrap_or_default();
    none(check_top_level(&names, &ignored));
}

#[test]
fn samples_name_nobody() {
    let files = files(&root().join("samples"));
    none(files.iter().flat_map(|(path, text)| check_sample(path, text)).collect());
}

mod examples {
    //! The rules themselves, each with what it lets pass and what it does not.

    use super::*;

    type Rule = fn(&Source) -> Vec<String>;

    /// How many complaints `rule` has about a file.
    #[track_caller]
    fn check(rule: Rule, path: &str, text: &str, expect: usize) {
        let complaints = rule(&Source::new(path, text));
        assert_eq!(complaints.len(), expect, "{path}: {text}: {complaints:?}");
    }

    #[test]
    fn directions() {
        check(check_imports, "transform/time.rs", "use crate::field::Reason;", 0);
        check(check_imports, "transform/time.rs", "use crate::transform::address;", 0);
        check(check_imports, "transform/time.rs", "use crate::format::json;", 1);
        check(check_imports, "transform/mod.rs", "fn f() { crate::policy::g() }", 1);
        check(
            check_imports,
            "format/mod.rs",
            "use crate::{field::{Field, Span}, transform::path};",
            1,
        );
        check(check_imports, "format/mod.rs", "use crate::{\n    field::Span,\n    engine,\n};", 1);
        check(
            check_imports,
            "privacy/raw.rs",
            "use crate::policy::Plan; use crate::format::Format;",
            0,
        );
        check(check_imports, "policy.rs", "use crate::privacy::RawLine;", 1);
        check(check_imports, "sink/mod.rs", "use crate::emit::Emit; use crate::counts::Counts;", 1);
        check(check_imports, "field.rs", "use crate::transform::time;", 1);
        check(check_imports, "engine/worker.rs", "use crate::{emit, sink, counts, privacy};", 0);
        check(check_imports, "engine/worker.rs", "use crate::command::filter;", 1);
        check(check_imports, "command/filter.rs", "use crate::{cli::Cli, engine};", 0);
        check(check_imports, "main.rs", "use tamis::cli; fn main() { tamis::command::run() }", 0);
        check(check_imports, "transform/time.rs", "pub(in crate::privacy) fn f() {}", 1);
        check(check_imports, "transform/time.rs", "// crate::policy\n/// [`crate::policy`]\n", 0);
        check(
            check_imports,
            "transform/time.rs",
            "use mycrate::policy; let x = crates::policy;",
            0,
        );
        check(check_imports, "transform/time.rs", "use crate::Reason;", 1);
        check(check_imports, "transform/a.rs", "use super::super::policy;", 1);
        check(check_imports, "lib.rs", "pub use crate::engine::Engine;", 0);
        check(check_imports, "utils.rs", "", 1);
    }

    #[test]
    fn homes() {
        check(check_homes, "format/json.rs", "use nom::Parser;", 0);
        check(check_homes, "format.rs", "use nom::Parser;", 0);
        check(check_homes, "formatter.rs", "use nom::Parser;", 1);
        check(check_homes, "transform/path.rs", "fn f() { nom::bytes::tag(b) }", 1);
        check(check_homes, "transform/address.rs", "use ipnet::IpNet;", 0);
        check(check_homes, "transform/time.rs", "use ipnet::IpNet;", 1);
        check(check_homes, "transform/referrer.rs", "use psl::Psl;", 0);
        check(check_homes, "engine/worker.rs", "use anyhow as a; use ::clap::Parser;", 2);
        check(
            check_homes,
            "engine/worker.rs",
            "crate::toml::f(); serde_jsonl::g(); let rayon = 1;",
            0,
        );
        check(
            check_homes,
            "emit/jsonl.rs",
            "#[cfg(test)]\nmod tests {\n    use proptest::prelude::*;\n}",
            0,
        );
        check(check_homes, "emit/jsonl.rs", "use proptest::prelude::*;", 1);
        check(check_homes, "engine/worker.rs", "f(); // not serde::Serialize", 0);
    }

    #[test]
    fn secrets() {
        let key = "struct A {\n    key: Zeroizing<[u8; 32]>,\n}\n";
        check(check_debug, "keys/a.rs", key, 0);
        check(check_debug, "keys/a.rs", &format!("#[derive(Debug)]\n{key}"), 1);
        check(check_debug, "keys/a.rs", &format!("#[derive(Clone)]\n{key}"), 0);
        let other = "#[derive(Debug)]\nstruct B {\n    seq: u64,\n}\n";
        check(check_debug, "keys/a.rs", &format!("{other}{key}"), 0);
        check(check_debug, "keys/a.rs", "#[derive(Debug)]\nstruct C(Zeroizing<String>);\n", 1);
    }

    #[test]
    fn manifests() {
        let names = |text: &str| dependencies(text).into_iter().collect::<Vec<_>>().join(" ");
        assert_eq!(
            names("[package]\nname = \"a\"\n[dependencies]\n# b\nc = \"1\"\nd.version = \"2\"\n"),
            "c d"
        );
        assert_eq!(names("[dev-dependencies]\ne = {}\n\n[lints.rust]\nf = \"x\"\n"), "e");
        assert_eq!(
            names(
                "[dependencies.g]\nversion = \"1\"\n[target.'cfg(unix)'.dependencies]\nh = \"1\""
            ),
            "g h"
        );
        let all: String = HOMES.iter().map(|(name, _)| format!("{name} = \"1\"\n")).collect();
        let manifest = format!("[dependencies]\n{all}");
        let proptest = || {
            Source::new(
                "field.rs",
                "use proptest::prelude::*; use divan::Bencher; use aho_corasick::AhoCorasick;",
            )
        };
        let complaints = |more: &str, source: Source| {
            check_manifest(&format!("{manifest}{more}"), &[source, proptest()]).join(" ")
        };
        assert_eq!(complaints("", Source::new("format/mod.rs", "//! To be written.")), "");
        assert_eq!(complaints("", Source::new("format/mod.rs", "use nom::Parser;")), "");
        assert!(
            complaints("", Source::new("format/mod.rs", "fn f() {}")).contains("nom is not used")
        );
        assert!(complaints("rand = \"1\"\n", Source::new("a.rs", "")).contains("rand has no home"));
        assert!(
            check_manifest("", &[]).contains(&"tests/tidy.rs: nom is no dependency".to_owned())
        );
    }

    #[test]
    fn words() {
        check(check_words, "privacy/raw.rs", "fn expose_bytes() {}", 0);
        check(check_words, "emit/jsonl.rs", "line.expose_bytes()", 1);
        check(check_words, "emit/jsonl.rs", "// expose_bytes is not for us\nexpose_bytes_not()", 0);
        check(check_words, "command/explain.rs", "ThirdDoor::new()", 0);
        check(check_words, "command/filter.rs", "ThirdDoor::new()", 1);
        check(check_words, "engine/worker.rs", "use crate::privacy::Survey;", 1);
        check(check_words, "command/quarantine/show.rs", "use crate::privacy::Unsealer;", 0);
        check(check_words, "command/sealing.rs", "use crate::privacy::Unsealer;", 1);
        check(check_words, "quarantine/store.rs", "use crate::privacy::OpenedLine;", 1);
        // What the check is there to find, as the text of a draft.
        check(check_words, "emit/jsonl.rs", "todo!()", 1);
        check(check_words, "emit/jsonl.rs", "println!(\"a\"); eprint!(\"b\")", 1);
        check(check_words, "command/filter.rs", "println!(\"a\")", 0);
        check(check_words, "main.rs", "eprintln!(\"a\")", 0);
        check(check_words, "emit/jsonl.rs", "writeln!(out)", 0);
    }

    #[test]
    fn shapes() {
        check(check_shape, "a.rs", "//! For a.\n", 0);
        check(check_shape, "a.rs", "fn a() {}\n", 1);
        check(check_shape, "a.rs", "//! For a.", 1);
        check(check_shape, "a.rs", "//! For a.\n\n", 1);
        check(check_shape, "a.rs", "//! For a. \n", 1);
        check(check_shape, "a.rs", &format!("//!{}\n", "é".repeat(117)), 0);
        check(check_shape, "a.rs", &format!("//!{}\n", "é".repeat(118)), 1);
    }

    #[test]
    fn top_levels() {
        let check = |name: &str| check_top_level(&[name.to_owned()], "/target\n/.cache\n").len();
        assert_eq!(["src", "target", ".git", "tests"].map(check), [0; 4]);
        assert_eq!(["docs", "scripts", "targets"].map(check), [1; 3]);
    }

    #[test]
    fn samples() {
        let check = |line: &str| check_sample("a.log", line).len();
        assert_eq!(
            check("203.0.113.77 - - [22/Nov/2026:14:05:37 +0000] \"GET / HTTP/1.1\" 200 5"),
            0
        );
        assert_eq!(
            check("192.0.2.1:443 [2001:db8::1]:80, for=198.51.100.7; 203.0.0.0/16 10.0.0.0/8"),
            0
        );
        assert_eq!(check("\"Mozilla/5.0 Chrome/126.0.0.0 YaBrowser/24.6.0.0\" 127.0.0.1 ::1"), 0);
        assert_eq!(check("::ffff:203.0.113.77 2002:cb00:714d::1 64:ff9b::c000:201"), 0);
        for stranger in [
            "203.0.114.1",
            "8.8.8.8:53",
            "for=8.8.8.8;",
            "http://8.8.8.8/",
            "It was 8.8.8.8.",
            "8.8.8.8: down",
            "2001:4860::8888",
            "[2001:4860::8888]:53",
            "::ffff:8.8.8.8",
            "2002:808:808::1",
            "64:ff9b::808:808",
            "2001:0:808:808::1",
        ] {
            assert_eq!(check(stranger), 1, "{stranger}");
        }
    }
}
