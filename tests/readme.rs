//! README.md, carried out: every command in it runs here, and says what it is said to say.
//!
//! A block marked `sh` is run by bash in a folder of its own, which holds `samples/logs` and a copy of
//! `access.log`, with the program on the path. It must end with 0. A block marked `text` right after it
//! is its output, standard error included; `...` stands for what differs from run to run. Blocks that
//! build (`cargo`, `make`) run in the project's folder and install into the folder of their own.
//!
//! A block cannot opt out. It may need a program that is not there, and is then skipped loudly; and
//! `tail -F`, which never ends, ends here after a second.

use std::{
    env, fs,
    io::{self, Write as _},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::Command,
};

const README: &str = include_str!("../README.md");

/// Programs that a block may need and a machine may lack.
const OPTIONAL: [&str; 2] = ["age-keygen", "goaccess"];

/// The languages that blocks may have: commands, their output, pieces of server configuration, and what root does to a
/// whole system, which tests/system does in one of its own.
const LANGUAGES: [&str; 6] = ["sh", "text", "apache", "nginx", "toml", "console"];

/// `tail -F` never ends; this one does.
const TAIL: &str = "\
#!/bin/sh
PATH=/usr/bin:/bin timeout 1 tail \"$@\"
code=$?
[ $code -eq 124 ] || exit $code
";

/// A fenced block.
struct Block<'a> {
    language: &'a str,
    text: String,
    /// The line of its opening fence.
    line: usize,
    /// Whether nothing but empty lines stands between it and the block before.
    follows: bool,
}

fn blocks(document: &str) -> Vec<Block<'_>> {
    let mut found = Vec::new();
    let mut open: Option<Block<'_>> = None;
    let mut follows = false;
    for (line, number) in document.lines().zip(1..) {
        match (&mut open, line.strip_prefix("```")) {
            (None, Some(language)) => {
                open = Some(Block { language, text: String::new(), line: number, follows });
            }
            (None, None) => follows &= line.trim().is_empty(),
            (Some(block), None) => {
                block.text.push_str(line);
                block.text.push('\n');
            }
            (Some(_), Some(_)) => {
                found.extend(open.take());
                follows = true;
            }
        }
    }
    assert!(open.is_none(), "README.md has a block without an end");
    found
}

/// Whether `text` is what `pattern` says, in which `...` stands for anything within a line.
fn fits(pattern: &str, text: &str) -> bool {
    let (patterns, lines) = (pattern.trim_end().lines(), text.trim_end().lines());
    patterns.clone().count() == lines.clone().count()
        && patterns.zip(lines).all(|(pattern, line)| line_fits(pattern, line))
}

fn line_fits(pattern: &str, line: &str) -> bool {
    let Some((start, rest)) = pattern.split_once("...") else { return pattern == line };
    let Some(line) = line.strip_prefix(start) else { return false };
    let ends = line.char_indices().map(|(at, _)| at).chain([line.len()]);
    ends.into_iter().any(|at| line_fits(rest, &line[at..]))
}

/// Past the test harness, which keeps what a passing test prints to itself.
fn say_loudly(what: &str) {
    let _ = writeln!(io::stderr(), "\n*** {what} ***");
}

fn is_there(program: &str) -> bool {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path).any(|directory| directory.join(program).is_file())
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A folder of its own for one block, removed at the end.
struct Scratch(PathBuf);

impl Scratch {
    fn new(line: usize) -> io::Result<Self> {
        let name = format!("readme-{}-{line}", std::process::id());
        let scratch = Self(Path::new(env!("CARGO_TARGET_TMPDIR")).join(name));
        let logs = scratch.0.join("work/samples/logs");
        fs::create_dir_all(&logs)?;
        for entry in fs::read_dir(root().join("samples/logs"))? {
            let entry = entry?;
            fs::copy(entry.path(), logs.join(entry.file_name()))?;
        }
        fs::copy(logs.join("access.log"), scratch.0.join("work/access.log"))?;
        let bin = scratch.0.join("bin");
        fs::create_dir_all(&bin)?;
        fs::write(bin.join("tail"), TAIL)?;
        fs::set_permissions(bin.join("tail"), fs::Permissions::from_mode(0o755))?;
        fs::copy(env!("CARGO_BIN_EXE_tamis"), bin.join("tamis"))?;
        Ok(scratch)
    }

    /// Runs a block: its output, and whether it ended with 0.
    fn run(&self, script: &str) -> io::Result<(String, bool)> {
        let builds =
            script.lines().any(|line| line.starts_with("cargo ") || line.starts_with("make "));
        let path = env::var("PATH").unwrap_or_default();
        // A block that hangs must not hang the tests.
        let output = Command::new("timeout")
            .args(["900", "bash", "-euo", "pipefail", "-c", &format!("exec 2>&1\n{script}")])
            .current_dir(if builds { root().to_owned() } else { self.0.join("work") })
            .env("PATH", format!("{}:{path}", self.0.join("bin").display()))
            .env("CARGO_INSTALL_ROOT", self.0.join("installed"))
            // What is built is not told; an error is.
            .env("CARGO_TERM_QUIET", "true")
            .env_remove("MAKEFLAGS")
            .env_remove("MAKELEVEL")
            .stdin(std::process::Stdio::null())
            .output()?;
        let text = str::from_utf8(&output.stdout).expect("commands in README.md print text");
        Ok((text.to_owned(), output.status.success()))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// The table of formats has all of them.
#[test]
fn every_format_is_named() {
    let readme =
        fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md")).expect("it is there");
    for format in tamis::format::Format::all() {
        assert!(readme.contains(&format!("`{}`", format.name())), "{}", format.name());
    }
}

#[test]
fn every_command_does_what_it_says() {
    let blocks = blocks(README);
    let mut complaints = Vec::new();
    let mut ran = 0;
    for (index, block) in blocks.iter().enumerate().filter(|(_, block)| block.language == "sh") {
        let lacking = OPTIONAL.iter().find(|name| block.text.contains(**name) && !is_there(name));
        if let Some(name) = lacking {
            say_loudly(&format!("README.md:{} is SKIPPED: {name} is not installed", block.line));
            continue;
        }
        let scratch = Scratch::new(block.line).expect("a folder to run in");
        let (output, is_good) = scratch.run(&block.text).expect("bash and timeout are there");
        ran += 1;
        if !is_good {
            complaints.push(format!("README.md:{}: failed with\n{output}", block.line));
            continue;
        }
        let expected = blocks.get(index + 1).filter(|next| next.language == "text" && next.follows);
        if let Some(expected) = expected.filter(|expected| !fits(&expected.text, &output)) {
            complaints.push(format!("README.md:{}: it printed\n{output}", expected.line));
        }
    }
    assert!(complaints.is_empty(), "\n{}", complaints.join("\n"));
    assert!(ran > 0, "README.md has commands");
}

#[test]
fn blocks_are_commands_their_output_or_server_configuration() {
    let blocks = blocks(README);
    for (index, block) in blocks.iter().enumerate() {
        let (line, language) = (block.line, block.language);
        assert!(LANGUAGES.contains(&language), "README.md:{line}: {language:?} is not run");
        let after_command = block.follows && index > 0 && blocks[index - 1].language == "sh";
        assert!(language != "text" || after_command, "README.md:{line}: no command prints this");
    }
}

#[test]
fn options_are_those_of_the_program() {
    let help = Command::new(env!("CARGO_BIN_EXE_tamis")).arg("--help").output().expect("runs");
    let help = str::from_utf8(&help.stdout).expect("text");
    let table: Vec<_> = README.lines().filter(|line| line.starts_with("| `-")).collect();
    let options = |text: &str| -> Vec<String> {
        let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '-');
        words.filter(|word| word.starts_with("--")).map(str::to_owned).collect()
    };
    let first_cells = table.iter().filter_map(|row| row.split('|').nth(1));
    let mut documented: Vec<_> = first_cells.flat_map(options).collect();
    let lines = help.lines().map(str::trim_start).filter(|line| line.starts_with('-'));
    let mut real: Vec<_> = lines.flat_map(|line| options(line).into_iter().next()).collect();
    documented.sort();
    real.sort();
    assert_eq!(documented, real);
}

#[test]
fn files_that_documents_name_are_there() {
    for document in
        ["README.md", "ARCHITECTURE.md", "SECURITY.md", "CONTRIBUTING.md", "CHANGELOG.md"]
    {
        let text = fs::read_to_string(root().join(document)).expect("a document of the project");
        for target in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let file = target.split('#').next().unwrap_or_default();
            let is_ours = !file.is_empty() && !file.contains("://");
            assert!(!is_ours || root().join(file).exists(), "{document}: there is no {file}");
        }
    }
}

#[test]
fn patterns_fit_within_lines() {
    for (pattern, text, expect) in [
        ("a\nb\n", "a\nb\n", true),
        ("a\n", "a\nb\n", false),
        ("a...c", "abbc", true),
        ("a...c...", "abcbcx", true),
        ("a...c", "a\nc", false),
        ("a...", "a", true),
        ("a", "ab", false),
    ] {
        assert_eq!(fits(pattern, text), expect, "{pattern:?} {text:?}");
    }
}
