//! Which files there are: in folders, by patterns, and in lists on standard input.
//!
//! Each file has a name below what all of them have in common, so that names can be given to what is made of them.
//! Folders are walked without following links to other folders; hidden names are left out, and so is a folder
//! in which an earlier run has left its manifest.

use std::{
    collections::BTreeMap,
    ffi::OsStr,
    fmt, fs,
    io::{self, Read as _},
    os::unix::ffi::OsStrExt as _,
    path::{Path, PathBuf},
};

/// The largest list on standard input.
const LIST_BYTES_MAX: u64 = 64 << 20;

/// A file that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Where it is.
    pub path: PathBuf,
    /// Its place below what all have in common.
    pub below: PathBuf,
}

/// What was found, in the order of names, and what was not.
#[derive(Debug, Default)]
pub struct Findings {
    /// The files.
    pub files: Vec<Found>,
    /// What is not there or cannot be listed.
    pub failures: Vec<NotFound>,
}

/// What is not there, or cannot be listed.
#[derive(Debug)]
pub struct NotFound {
    path: PathBuf,
    error: io::Error,
}

impl fmt::Display for NotFound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot look at {}: {}", self.path.display(), self.error)
    }
}

/// Finds the files that `paths` mean: files, folders, patterns where no file has such a name, and `-` for a list on
/// standard input, in which names end with NUL if there is any, else with the line. `manifest` is the name
/// of what marks a folder that was made here.
#[must_use]
pub fn find(paths: &[PathBuf], manifest: &str) -> Findings {
    let mut search = Search { manifest, ..Search::default() };
    for path in paths {
        if path.as_os_str() == "-" {
            search.take_list();
        } else {
            search.take(path);
        }
    }
    let Search { files, bases, failures, .. } = search;
    let base = bases.into_iter().reduce(|a, b| common(&a, &b)).unwrap_or_default();
    let files = files.into_iter().map(|(whole, path)| {
        let below = whole.strip_prefix(&base).unwrap_or(&whole).to_owned();
        Found { path, below }
    });
    Findings { files: files.collect(), failures }
}

#[derive(Default)]
struct Search<'a> {
    manifest: &'a str,
    /// Files by their absolute paths, each once, as somebody named them.
    files: BTreeMap<PathBuf, PathBuf>,
    bases: Vec<PathBuf>,
    failures: Vec<NotFound>,
}

impl Search<'_> {
    fn fail(&mut self, path: &Path, error: io::Error) {
        self.failures.push(NotFound { path: path.to_owned(), error });
    }

    fn take_list(&mut self) {
        let mut list = Vec::new();
        if let Err(error) = io::stdin().lock().take(LIST_BYTES_MAX).read_to_end(&mut list) {
            return self.fail(Path::new("standard input"), error);
        }
        let end = if list.contains(&0) { 0 } else { b'\n' };
        for name in list.split(|byte| *byte == end).filter(|name| !name.is_empty()) {
            self.take(Path::new(OsStr::from_bytes(name)));
        }
    }

    fn take(&mut self, path: &Path) {
        match fs::metadata(path) {
            Ok(metadata) if metadata.is_dir() => {
                self.bases.extend(std::path::absolute(path));
                self.walk(path);
            }
            // A pipe would be waited for.
            Ok(metadata) if !metadata.is_file() => {
                self.fail(path, io::Error::new(io::ErrorKind::InvalidInput, "it is no file"));
            }
            Ok(_) => self.add(path),
            Err(error) => self.take_pattern(path, error),
        }
    }

    fn take_pattern(&mut self, path: &Path, error: io::Error) {
        let found = path.to_str().filter(|text| text.contains(['*', '?', '[']));
        let found: Vec<_> =
            found.and_then(|text| glob::glob(text).ok()).into_iter().flatten().flatten().collect();
        if found.is_empty() {
            return self.fail(path, error);
        }
        for path in found {
            if path.is_dir() {
                self.bases.extend(std::path::absolute(&path));
                self.walk(&path);
            } else if path.is_file() {
                self.add(&path);
            }
        }
    }

    /// Adds a file that somebody named.
    fn add(&mut self, path: &Path) {
        match std::path::absolute(path) {
            Ok(whole) => {
                self.bases.extend(whole.parent().map(Path::to_owned));
                self.files.insert(whole, path.to_owned());
            }
            Err(error) => self.fail(path, error),
        }
    }

    fn walk(&mut self, folder: &Path) {
        if folder.join(self.manifest).exists() {
            return;
        }
        let entries = match fs::read_dir(folder) {
            Ok(entries) => entries,
            Err(error) => return self.fail(folder, error),
        };
        for entry in entries.flatten() {
            let path = entry.path();
            if entry.file_name().as_bytes().starts_with(b".") {
                continue;
            }
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => self.walk(&path),
                // Links to files are followed; pipes and sockets are none.
                Ok(_) if !path.is_file() && path.exists() => {}
                _ => {
                    if let Ok(whole) = std::path::absolute(&path) {
                        self.files.insert(whole, path);
                    }
                }
            }
        }
    }
}

fn common(a: &Path, b: &Path) -> PathBuf {
    a.components().zip(b.components()).take_while(|(a, b)| a == b).map(|(a, _)| a).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_below_what_all_have_in_common() {
        let root = std::env::temp_dir().join(format!("tamis-found-{}", std::process::id()));
        for folder in ["a/b", "c", "made"] {
            fs::create_dir_all(root.join(folder)).expect("writable");
        }
        for file in ["a/1.log", "a/b/2.log", "c/1.log", "a/.hidden", "made/m", "made/3.log"] {
            fs::write(root.join(file), "").expect("writable");
        }
        let check = |paths: &[&str], expect: &[&str]| {
            let paths: Vec<_> = paths.iter().map(|path| root.join(path)).collect();
            let found = find(&paths, "m");
            assert!(found.failures.is_empty());
            let below: Vec<_> = found.files.iter().map(|file| file.below.to_str()).collect();
            assert_eq!(below, expect.iter().map(|path| Some(*path)).collect::<Vec<_>>());
        };
        check(&["a"], &["1.log", "b/2.log"]);
        check(&[""], &["a/1.log", "a/b/2.log", "c/1.log"]);
        check(&["a/1.log", "c/1.log", "a/1.log"], &["a/1.log", "c/1.log"]);
        check(&["*/1.log"], &["a/1.log", "c/1.log"]);
        assert_eq!(find(&[root.join("nosuch*")], "m").failures.len(), 1);
        fs::remove_dir_all(root).expect("removable");
    }
}
