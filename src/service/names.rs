//! Names of logs: which files lie beside one, and what rotation makes of a name.
//!
//! `access.log` becomes `access.log.1`, `access.log-20261122`, `access-20261122.log`, with `.gz` behind it or not. What
//! is called so was moved away from its home, or is a copy of it. Nothing here looks into a file.

use std::{
    cmp::Ordering,
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
};

/// What compression puts behind a name.
const PACKED: [&str; 6] = [".gz", ".xz", ".zst", ".bz2", ".lz4", ".Z"];
/// So many digits of a name before its ending are a date, and not the number of a site.
const DATE_DIGITS_MIN: usize = 6;

/// The files that a path or pattern names.
pub(super) fn paths(pattern: &Path) -> Vec<PathBuf> {
    let text = pattern.display().to_string();
    if !text.contains(['*', '?', '[']) || pattern.exists() {
        return vec![pattern.to_owned()];
    }
    glob::glob(&text).map(|found| found.flatten().collect()).unwrap_or_default()
}

/// Files beside a file whose names begin as its own: that is how rotated logs are called.
pub(super) fn neighbours(path: &Path) -> Vec<PathBuf> {
    let folder =
        path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let name = path.file_name().unwrap_or(OsStr::new("")).as_encoded_bytes();
    // `access.log.1` becomes `access.log.2.gz`, `access.log` also `access-20261122.log`: up to the first dot or dash.
    let stem = name.split(|byte| matches!(byte, b'.' | b'-')).next().unwrap_or(name);
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut found: Vec<_> = entries
        .flatten()
        .filter(|entry| entry.file_name().as_encoded_bytes().starts_with(stem))
        .map(|entry| entry.path())
        .filter(|found| found != path && found.is_file())
        .collect();
    found.sort();
    found
}

/// Where a log was written before it was rotated to `path`: what its source names, or what its name tells.
pub(super) fn home(pattern: &Path, path: &Path) -> PathBuf {
    if path == pattern || is_made_of(path, pattern) {
        return pattern.to_owned();
    }
    let name = name(path);
    let plain = unpacked(&name);
    let cut = plain.char_indices().filter(|(_, c)| matches!(c, '.' | '-'));
    let cut = cut.filter(|(at, _)| *at > 0 && is_slot(&plain[at + 1..])).map(|(at, _)| at).next();
    if let Some(cut) = cut {
        return path.with_file_name(&plain[..cut]);
    }
    let dated = plain.rsplit_once('.').and_then(|(stem, ending)| {
        let (at, _) = stem
            .char_indices()
            .find(|(at, c)| *at > 0 && matches!(c, '.' | '-' | '_') && is_date(&stem[at + 1..]))?;
        Some(format!("{}.{ending}", &stem[..at]))
    });
    dated.map_or_else(|| path.to_owned(), |name| path.with_file_name(name))
}

/// Whether a file's name was made of another one's, as a rotated log or a copy is called.
pub(super) fn is_made_of(path: &Path, other: &Path) -> bool {
    path.parent() == other.parent() && rest(&name(path), &name(other)).is_some()
}

/// Which of the earlier logs of `home` a file is by its name, if it is one: a number or a time.
pub(super) fn slot(path: &Path, home: &Path) -> Option<String> {
    let name = name(path);
    let rest = rest(&name, &self::name(home)).filter(|_| path.parent() == home.parent())?;
    let rest = unpacked(rest);
    is_slot(rest).then(|| rest.to_owned())
}

/// Which of two slots was rotated away earlier: that of the greater number, or of the earlier time.
pub(super) fn by_age(one: &str, other: &str) -> Ordering {
    match (one.parse::<u32>(), other.parse::<u32>()) {
        (Ok(one), Ok(other)) if one.max(other) < 100_000 => other.cmp(&one),
        _ => one.cmp(other),
    }
}

fn name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// What a name has more than another one that it was made of.
fn rest<'a>(name: &'a str, other: &str) -> Option<&'a str> {
    let behind = name.strip_prefix(other).and_then(|rest| {
        let rest = rest.strip_prefix(['.', '-', '~', '_']);
        rest.or_else(|| name.strip_suffix('~').map(|_| ""))
    });
    behind.or_else(|| {
        let (stem, ending) = other.rsplit_once('.')?;
        let plain = unpacked(name).strip_suffix(ending)?.strip_suffix('.')?;
        let date = plain.strip_prefix(stem)?.strip_prefix(['.', '-', '_'])?;
        is_date(date).then_some(date)
    })
}

fn unpacked(name: &str) -> &str {
    PACKED.iter().find_map(|ending| name.strip_suffix(ending)).unwrap_or(name)
}

fn is_slot(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_digit())
        && text
            .chars()
            .all(|c| c.is_ascii_digit() || matches!(c, '-' | '.' | '_' | ':' | 'T' | 'Z'))
}

fn is_date(text: &str) -> bool {
    is_slot(text) && text.chars().filter(char::is_ascii_digit).count() >= DATE_DIGITS_MIN
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rotated_log_names_its_home_and_its_slot() {
        for (path, expect, slot_of) in [
            ("/l/access.log", "/l/access.log", None),
            ("/l/access.log.1", "/l/access.log", Some("1")),
            ("/l/access.log.2.gz", "/l/access.log", Some("2")),
            ("/l/access.log-20261122", "/l/access.log", Some("20261122")),
            ("/l/access.log-20261122-14.zst", "/l/access.log", Some("20261122-14")),
            ("/l/access-20261122.log", "/l/access.log", Some("20261122")),
            (
                "/l/access-2026-11-22T14-05-37.000.log.gz",
                "/l/access.log",
                Some("2026-11-22T14-05-37.000"),
            ),
            ("/l/shop-2.log", "/l/shop-2.log", None),
            ("/l/access.log.bak", "/l/access.log.bak", None),
        ] {
            let (path, expect) = (Path::new(path), Path::new(expect));
            assert_eq!(home(Path::new("/l/*"), path), expect, "{}", path.display());
            assert_eq!(slot(path, expect).as_deref(), slot_of, "{}", path.display());
        }
    }

    #[test]
    fn copies_are_called_after_their_originals() {
        let is = |path: &str, other: &str| is_made_of(Path::new(path), Path::new(other));
        assert!(is("/l/a.log.bak", "/l/a.log") && is("/l/a.log~", "/l/a.log"));
        assert!(!is("/l/a.log", "/l/a.log") && !is("/m/a.log.1", "/l/a.log"));
        assert!(!is("/l/a.log.10", "/l/a.log.1") && !is("/l/b.log", "/l/a.log"));
        assert!(!is("/l/shop-2.log", "/l/shop.log"));
    }

    #[test]
    fn greater_numbers_and_earlier_times_are_older() {
        assert_eq!(by_age("10", "9"), Ordering::Less);
        assert_eq!(by_age("20261121", "20261122"), Ordering::Less);
        assert_eq!(by_age("2026-11-22T14", "2026-11-22T13"), Ordering::Greater);
        assert_eq!(by_age("1", "1"), Ordering::Equal);
    }
}
