//! A machine that stops: of each file what was made durable is there, and nothing else.
//!
//! While the program runs, the layer keeps a copy of what each file has when it is synced, and of the names in a folder
//! when that is. Afterwards the folder is put back to these: either the contents alone, as file systems do that write
//! names in their order, or the names as well, which is all that POSIX promises.

use std::{
    collections::BTreeMap,
    fs::{self, OpenOptions},
    io::Write as _,
    os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
    time::UNIX_EPOCH,
};

/// Where copies are kept for a folder.
pub(crate) fn kept(root: &Path) -> PathBuf {
    root.with_extension("kept")
}

/// The name of a file that no later one has: numbers of files come again. The layer makes the same.
fn id(metadata: &fs::Metadata) -> String {
    let born = metadata.created().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    format!("{}-{}", metadata.ino(), born.map_or(0, |born| born.as_nanos()))
}

/// What a server writes, which is another's to keep.
fn is_anothers(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("access.log"))
}

/// Takes all that is there for durable.
pub(crate) fn begin(root: &Path) {
    let kept = kept(root);
    let _ = fs::remove_dir_all(&kept);
    fs::create_dir_all(&kept).expect("ours");
    let mut waiting = vec![root.to_owned()];
    while let Some(folder) = waiting.pop() {
        let mut names = String::new();
        for entry in fs::read_dir(&folder).expect("ours").flatten() {
            let metadata = entry.metadata().expect("ours");
            names += &format!("{}\t{}\n", id(&metadata), entry.file_name().display());
            if metadata.is_dir() {
                waiting.push(entry.path());
            } else if metadata.is_file() {
                fs::copy(entry.path(), kept.join(id(&metadata))).expect("ours");
            }
        }
        let metadata = fs::metadata(&folder).expect("ours");
        fs::write(kept.join(id(&metadata)), names).expect("ours");
    }
}

/// Puts the folder back to what was durable, contents alone or names as well.
pub(crate) fn stop(root: &Path, with_names: bool) {
    let kept = kept(root);
    if with_names {
        restore_names(root, &kept);
    }
    for (path, _) in super::stage::tree(root) {
        let metadata = fs::metadata(&path).expect("ours");
        if is_anothers(&path) || !metadata.is_file() {
            continue;
        }
        let bytes = fs::read(kept.join(id(&metadata))).unwrap_or_default();
        if fs::read(&path).expect("ours") != bytes {
            let mut file = OpenOptions::new().write(true).truncate(true).open(&path);
            file.as_mut().expect("ours").write_all(&bytes).expect("ours");
        }
    }
    let _ = fs::remove_dir_all(kept);
}

/// Gives folders the names that they had when they were synced; files stay the same files where they are still there.
fn restore_names(root: &Path, kept: &Path) {
    let hold = kept.join("hold");
    fs::create_dir_all(&hold).expect("ours");
    let mut folders = BTreeMap::new();
    let mut waiting = vec![root.to_owned()];
    while let Some(folder) = waiting.pop() {
        for entry in fs::read_dir(&folder).expect("ours").flatten() {
            let metadata = entry.metadata().expect("ours");
            if metadata.is_dir() {
                waiting.push(entry.path());
            } else if !is_anothers(&entry.path()) {
                fs::rename(entry.path(), hold.join(id(&metadata))).expect("on one disk");
            }
        }
        folders.insert(id(&fs::metadata(&folder).expect("ours")), folder);
    }
    let id_of_root = id(&fs::metadata(root).expect("ours"));
    let mut there = vec![(id_of_root, root.to_owned())];
    let mut stays = Vec::new();
    while let Some((of, folder)) = there.pop() {
        if !folder.exists() {
            fs::DirBuilder::new().mode(0o700).create(&folder).expect("ours");
        }
        stays.push(folder.clone());
        for line in fs::read_to_string(kept.join(&of)).unwrap_or_default().lines() {
            let (of, name) = line.split_once('\t').expect("a name and what it is of");
            let (path, held) = (folder.join(name), hold.join(of));
            if is_anothers(&path) {
                continue;
            }
            if folders.contains_key(of) {
                there.push((of.to_owned(), path));
            } else if held.exists() {
                fs::rename(held, path).expect("on one disk");
            } else if let Ok(bytes) = fs::read(kept.join(of)) {
                let mut options = OpenOptions::new();
                let file = options.write(true).create(true).truncate(true).mode(0o600).open(&path);
                file.expect("ours").write_all(&bytes).expect("ours");
                // It is another file now, with the same content.
                let metadata = fs::metadata(&path).expect("ours");
                fs::write(kept.join(id(&metadata)), bytes).expect("ours");
            }
        }
    }
    for folder in folders.values().rev().filter(|folder| !stays.contains(folder)) {
        if fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_none()) {
            let _ = fs::remove_dir(folder);
        }
    }
}
