//! All that a process has in its memory, and all that a folder has in its files.

use std::{
    fs::{self, File},
    io,
    os::unix::fs::FileExt as _,
    path::Path,
};

/// Some bytes that lay side by side.
pub(crate) struct Piece {
    pub(crate) bytes: Vec<u8>,
    /// Whether they lay in memory that is not swapped out.
    pub(crate) is_locked: bool,
}

/// Every mapping of a process that can be read: code, heap, stacks. `process` is a number or `self`. Mappings
/// that touch are one piece, unless one of them is locked and the other is not.
pub(crate) fn of_process(process: &str) -> io::Result<Vec<Piece>> {
    let memory = File::open(format!("/proc/{process}/mem"))?;
    let (mut pieces, mut end) = (Vec::<Piece>::new(), 0);
    for mapping in mappings(&fs::read_to_string(format!("/proc/{process}/smaps"))?) {
        let mut bytes = vec![0; mapping.end - mapping.start];
        // Of the kernel's own pages some cannot be read this way.
        let Ok(()) = memory.read_exact_at(&mut bytes, mapping.start as u64) else { continue };
        match pieces.last_mut() {
            Some(last) if end == mapping.start && last.is_locked == mapping.is_locked => {
                last.bytes.append(&mut bytes);
            }
            _ => pieces.push(Piece { bytes, is_locked: mapping.is_locked }),
        }
        end = mapping.end;
    }
    Ok(pieces)
}

struct Mapping {
    start: usize,
    end: usize,
    is_locked: bool,
}

/// The mappings that can be read, out of the text of `/proc/PID/smaps`.
fn mappings(text: &str) -> Vec<Mapping> {
    let (mut found, mut is_readable) = (Vec::<Mapping>::new(), false);
    for line in text.lines() {
        let (first, rest) = line.split_once(' ').unwrap_or((line, ""));
        if let Some((start, end)) = first.split_once('-') {
            is_readable = rest.starts_with('r');
            let number = |text| usize::from_str_radix(text, 16).expect("an address");
            if is_readable {
                found.push(Mapping { start: number(start), end: number(end), is_locked: false });
            }
        } else if let Some(last) = found.last_mut().filter(|_| is_readable && first == "VmFlags:") {
            last.is_locked = rest.split_whitespace().any(|flag| flag == "lo");
        }
    }
    found
}

/// The files of a folder.
pub(crate) fn of_folder(folder: &Path) -> Vec<Piece> {
    let entries = fs::read_dir(folder).expect("the folder is there");
    let paths = entries.map(|entry| entry.expect("the folder is there").path());
    let files = paths.filter(|path| path.is_file());
    files.map(|path| Piece { bytes: fs::read(path).expect("ours"), is_locked: false }).collect()
}
