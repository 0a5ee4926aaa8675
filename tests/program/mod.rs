//! Runs the program as a user does: arguments and standard input in, what it wrote and its status out.
//!
//! Every integration test that needs the binary goes through here, so that none of them forgets to feed
//! and to drain the pipes at the same time. Nothing here knows what right output is.

#![allow(dead_code, reason = "each test is a crate of its own and uses its part of this")]

use std::{
    env, fs,
    io::Write as _,
    os::unix::process::ExitStatusExt as _,
    path::{Path, PathBuf},
    process::{self, Command, Output, Stdio},
    sync::atomic::{AtomicUsize, Ordering},
    thread,
};

/// The binary under test.
pub(crate) const TAMIS: &str = env!("CARGO_BIN_EXE_tamis");

/// What a finished run left.
pub(crate) struct Done {
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: Vec<u8>,
    /// The exit code; 128 and the signal's number for a run that a signal ended.
    pub(crate) status: i32,
}

impl Done {
    /// Standard output, which is ASCII whatever the input was.
    pub(crate) fn out(&self) -> &str {
        str::from_utf8(&self.stdout).expect("clean output is ASCII")
    }

    /// Standard error.
    pub(crate) fn err(&self) -> &str {
        str::from_utf8(&self.stderr).expect("messages are text")
    }

    /// The closing summary of a run with `--summary json`, which is the last line.
    pub(crate) fn summary(&self) -> serde_json::Value {
        let last = self.err().lines().last().expect("a summary was asked for");
        serde_json::from_str(last).expect("the summary is JSON")
    }
}

/// Runs the program in `folder` to its end.
pub(crate) fn run_in(folder: &Path, args: &[&str], stdin: &[u8]) -> Done {
    let mut command = Command::new(TAMIS);
    command.args(args).current_dir(folder);
    finish(&mut command, stdin)
}

/// Runs the program to its end.
pub(crate) fn run(args: &[&str], stdin: &[u8]) -> Done {
    run_in(&env::temp_dir(), args, stdin)
}

/// Runs a prepared command to its end; its standard output is collected unless it was redirected before.
pub(crate) fn finish(command: &mut Command, stdin: &[u8]) -> Done {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    // A terminal's width would change how help is wrapped.
    command.env_remove("COLUMNS").env("NO_COLOR", "1");
    let mut child = command.spawn().expect("the program starts");
    let mut pipe = child.stdin.take().expect("piped above");
    thread::scope(|scope| {
        // A run may end before it has read everything; the broken pipe is then no concern of ours.
        scope.spawn(move || pipe.write_all(stdin));
        done(child.wait_with_output().expect("the program ends"))
    })
}

/// What an ended process left.
pub(crate) fn done(output: Output) -> Done {
    let Output { status, stdout, stderr } = output;
    let status = status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or_default());
    Done { stdout, stderr, status }
}

/// A folder of this test's own, removed when the test is through.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new() -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("tamis-{}-{}-{number}", env!("CARGO_CRATE_NAME"), process::id());
        let path = env::temp_dir().join(name);
        fs::create_dir_all(&path).expect("the temporary folder takes folders");
        Self(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// A file in the folder.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// The files in the folder with their content, in the order of names.
    pub(crate) fn contents(&self) -> Vec<(String, Vec<u8>)> {
        let entries = fs::read_dir(&self.0).expect("the folder is ours");
        let paths = entries.map(|entry| entry.expect("the folder is ours").path());
        let mut found: Vec<_> = paths
            .filter(|path| path.is_file())
            .map(|path| {
                let name = path.file_name().expect("an entry has a name").display().to_string();
                (name, fs::read(&path).expect("the file is ours"))
            })
            .collect();
        found.sort();
        found
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A generator of numbers that look random and are the same in every run (SplitMix64).
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ mixed >> 31
    }

    /// A number below `end`.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }

    /// One of `list`.
    pub(crate) fn pick<'a, T>(&mut self, list: &'a [T]) -> &'a T {
        &list[self.below(list.len())]
    }

    /// `length` characters of `alphabet`.
    pub(crate) fn text(&mut self, alphabet: &str, length: usize) -> String {
        (0..length).map(|_| char::from(*self.pick(alphabet.as_bytes()))).collect()
    }
}
