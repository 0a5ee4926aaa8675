//! The files that are to be looked through: all that there are, also hidden ones.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

/// The files of `paths`, of folders all below them in the order of names, with the names of those that cannot be
/// listed. Links to folders are not followed.
pub(super) fn files(paths: &[PathBuf]) -> (Vec<PathBuf>, Vec<(PathBuf, io::Error)>) {
    let (mut files, mut failures) = (Vec::new(), Vec::new());
    for path in paths {
        match fs::metadata(path) {
            Ok(metadata) if metadata.is_dir() => walk(path, &mut files, &mut failures),
            Ok(_) => {
                files.push(path.clone());
                // What a store has not yet taken over lies beside it.
                let mut log = path.clone().into_os_string();
                log.push("-wal");
                files.extend(Some(PathBuf::from(log)).filter(|log| log.is_file()));
            }
            Err(error) => failures.push((path.clone(), error)),
        }
    }
    (files, failures)
}

fn walk(folder: &Path, files: &mut Vec<PathBuf>, failures: &mut Vec<(PathBuf, io::Error)>) {
    let entries = fs::read_dir(folder).and_then(|entries| entries.collect::<Result<Vec<_>, _>>());
    let mut entries = match entries {
        Ok(entries) => entries,
        Err(error) => return failures.push((folder.to_owned(), error)),
    };
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => walk(&entry.path(), files, failures),
            Ok(kind) if kind.is_file() => files.push(entry.path()),
            // A link is followed if it leads to a file; sockets and pipes hold nothing.
            Ok(kind) if kind.is_symlink() && entry.path().is_file() => files.push(entry.path()),
            Ok(_) => {}
            Err(error) => failures.push((entry.path(), error)),
        }
    }
}
