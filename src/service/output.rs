//! What records go to. A file is cut back to what was committed, rotated, opened anew; standard output and whoever
//! listens at a socket ([`super::peer`]) take what comes.
//!
//! Records are written as they come and made durable when the service commits. What stands behind the committed length
//! after a crash is cut off at the next start, for its lines will be read again. A file that is full or whose time is
//! over gets a name with the time; that happens right after a commit and is followed by one, so that there is never a
//! moment at which it is not known which file is cut and where.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Seek as _, SeekFrom, Write as _},
    os::unix::fs::{MetadataExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use super::{
    config::{RotateSection, SinkKind, SinkSection},
    error::ServiceError,
    peer::Peer,
    state::OutputPoint,
};
use crate::{
    quarantine::layout::{rfc3339, unix},
    sink::{make_folders, sync_folder},
};

/// The seconds of a day.
const DAY_SECONDS: i64 = 86_400;

/// What takes bytes.
enum Target {
    File(File),
    Peer(Box<Peer>),
}

/// Where records go.
pub(super) struct Output {
    path: Option<PathBuf>,
    target: Target,
    rotate: Option<RotateSection>,
    /// How many bytes of the file are whole.
    bytes: u64,
    /// When the file was begun.
    begun: i64,
    dev: u64,
    ino: u64,
}

impl Output {
    /// Opens the output and cuts it back to what was committed.
    pub(super) fn open(
        sink: &SinkSection,
        point: Option<&OutputPoint>,
        now: i64,
    ) -> Result<Self, ServiceError> {
        let (SinkKind::File, Some(path)) = (sink.kind, &sink.path) else {
            let target = Self::stream(sink)?;
            let begun = now;
            return Ok(Self { path: None, target, rotate: None, bytes: 0, begun, dev: 0, ino: 0 });
        };
        make_folder(path)?;
        if let Some(point) = point {
            cut_back(path, point).map_err(ServiceError::io("cut back the output", path))?;
        }
        let opened = Self::open_file(path, sink.rotate, now);
        let mut output = opened.map_err(ServiceError::io("open the output", path))?;
        if let Some(point) =
            point.filter(|point| (point.dev, point.ino) == (output.dev, output.ino))
        {
            output.begun = point.begun;
        }
        Ok(output)
    }

    /// What is no file.
    fn stream(sink: &SinkSection) -> Result<Target, ServiceError> {
        if let Some(place) = sink.peer().expect("the configuration was checked") {
            return Ok(Target::Peer(Box::new(Peer::new(place))));
        }
        let stdout = std::os::fd::AsFd::as_fd(&io::stdout()).try_clone_to_owned();
        let stdout = stdout.map_err(ServiceError::io("write to", "standard output"))?;
        Ok(Target::File(File::from(stdout)))
    }

    fn open_file(path: &Path, rotate: Option<RotateSection>, now: i64) -> io::Result<Self> {
        let mut options = OpenOptions::new();
        let mut file = options.read(true).append(true).create(true).mode(0o640).open(path)?;
        let metadata = file.metadata()?;
        let mut bytes = metadata.len();
        if metadata.is_file() && bytes > 0 {
            // Somebody else's half of a line, or that of an earlier program.
            file.seek(SeekFrom::End(-1))?;
            let mut last = [0];
            io::Read::read_exact(&mut file, &mut last)?;
            if last != *b"\n" {
                file.write_all(b"\n")?;
                bytes += 1;
            }
        }
        sync_folder(path)?;
        let (dev, ino) = (metadata.dev(), metadata.ino());
        let (path, target) = (Some(path.to_owned()), Target::File(file));
        Ok(Self { path, target, rotate, bytes, begun: now, dev, ino })
    }

    /// What is to be committed of it.
    pub(super) fn point(&self) -> Option<OutputPoint> {
        let Self { bytes, begun, dev, ino, .. } = *self;
        self.path.as_ref().map(|_| OutputPoint { dev, ino, bytes, begun })
    }

    /// Where it is, for messages.
    pub(super) fn place(&self) -> PathBuf {
        match (&self.path, &self.target) {
            (Some(path), _) => path.clone(),
            (None, Target::Peer(peer)) => PathBuf::from(peer.name()),
            (None, Target::File(_)) => PathBuf::from("standard output"),
        }
    }

    /// Whether nothing was written to the file yet, so that a header is due.
    pub(super) const fn is_fresh(&self) -> bool {
        self.bytes == 0
    }

    pub(super) const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Writes all or nothing: where the disk is full, what was written of it is taken back.
    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        let written = match &mut self.target {
            Target::Peer(peer) => peer.write(bytes),
            Target::File(file) => {
                let written = write_all(file, bytes);
                if written.is_err() && self.path.is_some() {
                    file.set_len(self.bytes)?;
                }
                written
            }
        };
        if written.is_ok() {
            self.bytes += bytes.len() as u64;
        }
        written
    }

    /// Makes what was written durable.
    pub(super) fn sync(&self) -> io::Result<()> {
        match (&self.path, &self.target) {
            (Some(_), Target::File(file)) => file.sync_data(),
            _ => Ok(()),
        }
    }

    /// Whether the file is full or its time is over.
    pub(super) fn is_due(&self, now: i64) -> bool {
        let Some(rotate) = self.rotate.filter(|_| self.bytes > 0) else { return false };
        let period = |unix: i64| rotate.every.map(|every| unix.div_euclid(every.as_secs() as i64));
        // One that was begun by a clock that was far ahead would otherwise stand until that time comes.
        let was_ahead = rotate.every.is_some_and(|every| self.begun - now > every.as_secs() as i64);
        rotate.bytes.is_some_and(|bytes| self.bytes >= bytes)
            || period(now) > period(self.begun)
            || was_ahead
    }

    /// Gives the file a name with the time, and begins another one; where there is no room for that, it may be tried
    /// again. The caller commits before and after.
    pub(super) fn rotate(&mut self, now: i64) -> io::Result<()> {
        let Some(path) = self.path.clone() else { return Ok(()) };
        let is_there = path
            .symlink_metadata()
            .is_ok_and(|found| (found.dev(), found.ino()) == (self.dev, self.ino));
        if is_there {
            fs::rename(&path, free_name(&path, now))?;
        }
        self.reopen(now)
    }

    /// Opens the file of the same name anew, after somebody has moved the old one away. The caller commits before and
    /// after.
    pub(super) fn reopen(&mut self, now: i64) -> io::Result<()> {
        if let Some(path) = &self.path {
            let begun = self.begun;
            let opened = Self::open_file(path, self.rotate, now)?;
            let is_same = (opened.dev, opened.ino) == (self.dev, self.ino);
            *self = opened;
            if is_same {
                self.begun = begun;
            }
        }
        Ok(())
    }

    /// Removes files that were rotated away: those that are too many, and those that are too old. Says how many, and
    /// how many bear a time that is still to come.
    pub(super) fn expire(&self, now: i64, days: Option<u32>) -> io::Result<(usize, usize)> {
        let (Some(path), Some(rotate)) = (&self.path, self.rotate) else { return Ok((0, 0)) };
        let is_ahead = |name: &str| time_of(name).is_some_and(|time| time - DAY_SECONDS > now);
        let mut files = rotated(path)?;
        // The oldest first. Those of a time that is still to come were named by a clock that was wrong: lest they stay
        // and the new ones go, they are the oldest of all.
        files.sort_by_cached_key(|(name, _)| (!is_ahead(name), name.clone()));
        let too_many = rotate.keep.map_or(0, |keep| files.len().saturating_sub(keep));
        let (mut removed, mut ahead) = (0, 0);
        for (index, (name, file)) in files.iter().enumerate() {
            // By the time in its name, which was that of its latest record: who copies files may change the other.
            let is_old = days.zip(time_of(name)).is_some_and(|(days, time)| {
                time.saturating_add(i64::from(days) * DAY_SECONDS) < now
            });
            if index < too_many || is_old {
                fs::remove_file(file)?;
                removed += 1;
            } else {
                ahead += usize::from(is_ahead(name));
            }
        }
        if removed > 0 {
            sync_folder(path)?;
        }
        Ok((removed, ahead))
    }
}

/// Makes the folder of the output where there is none: for its group to read, and nobody else.
fn make_folder(path: &Path) -> Result<(), ServiceError> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let Some(folder) = folder else { return Ok(()) };
    make_folders(folder, 0o750).map_err(ServiceError::io("make the folder", folder))
}

/// Cuts the file of a point back to its length, wherever in its folder it is now.
fn cut_back(path: &Path, point: &OutputPoint) -> io::Result<()> {
    let is_it = |path: &Path| {
        path.symlink_metadata()
            .is_ok_and(|found| (found.dev(), found.ino()) == (point.dev, point.ino))
    };
    let folder =
        path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut found = is_it(path).then(|| path.to_owned());
    if found.is_none() {
        let entries = fs::read_dir(folder)?.flatten().map(|entry| entry.path());
        found = entries.into_iter().find(|path| is_it(path));
    }
    let Some(found) = found else { return Ok(()) };
    let file = OpenOptions::new().write(true).open(found)?;
    if file.metadata()?.len() > point.bytes {
        file.set_len(point.bytes)?;
        file.sync_all()?;
    }
    Ok(())
}

/// A name with the time that no file has yet.
fn free_name(path: &Path, now: i64) -> PathBuf {
    let time: String = rfc3339(now).chars().filter(|c| !matches!(c, '-' | ':')).collect();
    let named = |rest: String| {
        let mut name = path.file_name().unwrap_or_default().to_owned();
        name.push(format!(".{time}-{rest}"));
        path.with_file_name(name)
    };
    let mut names = (0_u32..).map(|number| named(format!("{number:04}")));
    names.find(|name| !name.exists()).expect("there are more numbers than files")
}

/// The files that were rotated away, by their names, which are in the order of time.
fn rotated(path: &Path) -> io::Result<Vec<(String, PathBuf)>> {
    let folder =
        path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let stem = format!("{}.", path.file_name().unwrap_or_default().display());
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().display().to_string();
        let is_ours = name.strip_prefix(&stem).is_some_and(|rest| {
            rest.len() == "20261122T140500Z-0000".len()
                && rest
                    .bytes()
                    .all(|byte| byte.is_ascii_digit() || matches!(byte, b'T' | b'Z' | b'-'))
        });
        if is_ours {
            found.push((name, path));
        }
    }
    Ok(found)
}

/// When a file was rotated away, by its name.
fn time_of(name: &str) -> Option<i64> {
    let (digits, _) =
        name.get(name.len().checked_sub("20261122T140500Z-0000".len())?..)?.split_once('Z')?;
    let part = |from, to| digits.get(from..to);
    let (year, month, day) = (part(0, 4)?, part(4, 6)?, part(6, 8)?);
    let (hour, minute, second) = (part(9, 11)?, part(11, 13)?, part(13, 15)?);
    unix(&format!("{year}-{month}-{day}T{hour}:{minute}:{second}Z"))
}

fn write_all(file: &mut File, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match file.write(bytes) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(count) => bytes = &bytes[count..],
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::service::config::EmitWord;

    fn sink(path: &Path) -> SinkSection {
        let rotate = RotateSection {
            every: Some(Duration::from_secs(3_600)),
            bytes: Some(10),
            keep: Some(2),
        };
        SinkSection {
            kind: SinkKind::File,
            path: Some(path.to_owned()),
            connect: None,
            emit: EmitWord::Jsonl,
            rotate: Some(rotate),
        }
    }

    #[test]
    fn what_was_not_committed_is_cut_off_also_after_a_rotation() {
        let folder = std::env::temp_dir().join(format!("tamis-output-{}", std::process::id()));
        // Its folder is made with it.
        let path = folder.join("clean").join("clean.jsonl");
        let mut output = Output::open(&sink(&path), None, 0).expect("opened");
        output.write(b"one\n").expect("written");
        let point = output.point().expect("a file");
        output.write(b"two\n").expect("written");
        drop(output);
        let mut output = Output::open(&sink(&path), Some(&point), 0).expect("opened");
        assert_eq!(fs::read(&path).expect("readable"), b"one\n");
        assert!(!output.is_due(3_599) && output.is_due(3_600));
        output.write(b"of ten\n").expect("written");
        assert!(output.is_due(0));
        let point = output.point().expect("a file");
        for now in 0..4 {
            output.rotate(now).expect("rotated");
            output.write(b"x\n").expect("written");
        }
        assert_eq!(output.expire(631_152_000, None).expect("removed"), (2, 0));
        assert_eq!(rotated(&path).expect("listed").len(), 2);
        // Of a clock that goes back a little nothing is made; one that was more than a period ahead was wrong.
        assert!(!output.is_due(-3_590) && output.is_due(-3_600));
        // A file that bears a time to come goes before those that were written later.
        let name = |time: &str| path.with_file_name(format!("clean.jsonl.{time}-0000"));
        let (wrong, right) = (name("20361122T140500Z"), name("20261122T140500Z"));
        for path in [&wrong, &right] {
            fs::write(path, "x").expect("writable");
        }
        assert_eq!(output.expire(1_795_356_300, None).expect("removed"), (2, 0));
        assert!(right.exists() && !wrong.exists());
        // The file of the point is gone by now: there is nothing to cut, and the present one stays.
        Output::open(&sink(&path), Some(&point), 0).expect("opened");
        assert_eq!(fs::read(&path).expect("readable"), b"x\n");
        fs::remove_dir_all(folder).expect("removable");
    }
}
