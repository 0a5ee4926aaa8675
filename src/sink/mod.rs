//! Where rendered output goes: standard output or a file. Nothing but [`Rendered`] is taken.
//!
//! A file is opened when the first output is there, so that a run that finds nothing to write (an
//! unknown format, a missing input) leaves what an earlier run wrote as it was.

mod pack;

use std::{
    fmt,
    fs::{self, File, Metadata, OpenOptions},
    io::{self, Read, Seek, SeekFrom, Write},
    os::{fd::AsFd, unix::fs::MetadataExt},
    path::{Path, PathBuf},
};

use rustix::{
    event::{PollFd, PollFlags, poll},
    io::Errno,
};

use pack::Packer;
pub use pack::{Compression, make_folders, settle, sync_folder, write_durably};

use crate::emit::Rendered;

/// The size that a pipe is asked to have.
const PIPE_BYTES: usize = 1024 * 1024;

/// Where output goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// Standard output.
    Stdout,
    /// A file, replaced by the first write.
    Replace(PathBuf),
    /// A file, extended.
    Append(PathBuf),
    /// A new file. What has its name is taken away by the first write, a link and not what it leads to.
    New(PathBuf),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stdout => f.write_str("standard output"),
            Self::Replace(path) | Self::Append(path) | Self::New(path) => {
                write!(f, "{}", path.display())
            }
        }
    }
}

impl Place {
    /// Whether this is the plain file that `input` describes: reading what is being written never ends.
    #[must_use]
    pub fn is(&self, input: &Metadata) -> bool {
        self.metadata().is_ok_and(|own| {
            own.is_file() && input.is_file() && (own.dev(), own.ino()) == (input.dev(), input.ino())
        })
    }

    /// What the system says of the place, if it is there.
    ///
    /// # Errors
    ///
    /// It is not there, or may not be asked about.
    pub fn metadata(&self) -> io::Result<Metadata> {
        match self {
            Self::Stdout => io::stdout()
                .as_fd()
                .try_clone_to_owned()
                .map(File::from)
                .and_then(|file| file.metadata()),
            Self::Replace(path) | Self::Append(path) | Self::New(path) => path.metadata(),
        }
    }
}

/// Takes rendered output.
#[derive(Debug)]
pub struct Sink {
    place: Place,
    file: Option<File>,
    packer: Option<Packer>,
}

/// Why output could not be written.
#[derive(Debug)]
#[non_exhaustive]
pub enum SinkError {
    /// The reader of a pipe has gone, which is a quiet end.
    Closed,
    /// The place could not be opened or written.
    Failed(Place, io::Error),
}

impl fmt::Display for SinkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed => f.write_str("the reader of the output has gone"),
            Self::Failed(place, error) if error.kind() == io::ErrorKind::StorageFull => {
                write!(f, "cannot write to {place}: {error}; free some space and run again")
            }
            Self::Failed(place, error) => write!(f, "cannot write to {place}: {error}"),
        }
    }
}

impl std::error::Error for SinkError {}

impl Sink {
    /// A sink at `place`, which is not touched yet.
    #[must_use]
    pub const fn new(place: Place) -> Self {
        Self { place, file: None, packer: None }
    }

    /// A sink that compresses.
    ///
    /// # Errors
    ///
    /// There is no memory for it.
    pub fn compressing(place: Place, compression: Option<Compression>) -> io::Result<Self> {
        let packer = compression.map(Packer::new).transpose()?;
        Ok(Self { packer, ..Self::new(place) })
    }

    /// Ends the output: what a compression holds back is written. The file is there afterwards, also an empty one.
    ///
    /// # Errors
    ///
    /// As with [`Self::write`].
    pub fn end(mut self) -> Result<(), SinkError> {
        let failed = |error| SinkError::Failed(self.place.clone(), error);
        let last = self.packer.take().map_or(Ok(Vec::new()), Packer::finish).map_err(failed)?;
        self.write_bytes(&last)
    }

    /// Writes all of `rendered`.
    ///
    /// # Errors
    ///
    /// [`SinkError::Closed`] when nobody reads any more, else what the system says.
    pub fn write(&mut self, rendered: &Rendered) -> Result<(), SinkError> {
        if rendered.as_bytes().is_empty() && self.place == Place::Stdout {
            return Ok(());
        }
        match &mut self.packer {
            None => self.write_bytes(rendered.as_bytes()),
            Some(packer) => {
                let packed = packer.pack(rendered.as_bytes());
                let packed =
                    packed.map_err(|error| SinkError::Failed(self.place.clone(), error))?;
                self.write_bytes(&packed)
            }
        }
    }

    fn write_bytes(&mut self, bytes: &[u8]) -> Result<(), SinkError> {
        let file = match &mut self.file {
            Some(file) => file,
            None => self.file.insert(open(&self.place, false)?),
        };
        write_patiently(file, bytes).map_err(|error| match error.kind() {
            io::ErrorKind::BrokenPipe => SinkError::Closed,
            _ => SinkError::Failed(self.place.clone(), error),
        })
    }

    /// Whether the place holds output that is being extended, by an earlier run or by this one.
    #[must_use]
    pub fn continues(&self) -> bool {
        let size = match (&self.file, &self.place) {
            (_, Place::Stdout) => return self.file.is_some(),
            (Some(file), _) => file.metadata(),
            (None, Place::Append(path)) => path.metadata(),
            (None, _) => return false,
        };
        size.is_ok_and(|metadata| metadata.len() > 0)
    }

    /// Opens the file of the same name anew, after a log rotation has moved the old one away.
    /// Standard output stays as it is, and so does a file that nothing was written to yet.
    ///
    /// # Errors
    ///
    /// The file cannot be opened; the old one stays in use.
    pub fn reopen(&mut self) -> Result<(), SinkError> {
        if self.file.is_some() && self.place != Place::Stdout {
            self.file = Some(open(&self.place, true)?);
        }
        Ok(())
    }
}

/// Writes all of `bytes`, also to an end that somebody else has made non-blocking.
fn write_patiently(file: &mut File, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match file.write(bytes) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(count) => bytes = &bytes[count..],
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                let waited = poll(&mut [PollFd::new(file, PollFlags::OUT)], None);
                if let Err(error) = waited
                    && error != Errno::INTR
                {
                    return Err(error.into());
                }
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Ends a line that an earlier run could not finish, so that no record begins inside it.
fn end_last_line(path: &Path, file: &mut File) -> io::Result<()> {
    let mut last = [b'\n'];
    // A file that may be written but not read is taken as it is.
    if let Ok(mut end) = File::open(path)
        && end.metadata()?.is_file()
        && end.seek(SeekFrom::End(-1)).is_ok()
    {
        end.read_exact(&mut last)?;
    }
    if last == *b"\n" { Ok(()) } else { file.write_all(b"\n") }
}

fn open(place: &Place, again: bool) -> Result<File, SinkError> {
    let opened = match place {
        Place::Stdout => {
            io::stdout().as_fd().try_clone_to_owned().map(File::from).inspect(|file| {
                // A batch then fits into a pipe at once. Refused for what is no pipe, and nothing is lost.
                let _ = rustix::pipe::fcntl_setpipe_size(file, PIPE_BYTES);
            })
        }
        Place::Replace(path) if !again => File::create(path),
        Place::New(path) if !again => match fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => File::create_new(path),
        },
        Place::Replace(path) | Place::Append(path) | Place::New(path) => {
            let opened = OpenOptions::new().append(true).create(true).open(path);
            opened.and_then(|mut file| end_last_line(path, &mut file).map(|()| file))
        }
    };
    opened.map_err(|error| SinkError::Failed(place.clone(), error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_says_what_to_do() {
        let error = SinkError::Failed(Place::Stdout, io::ErrorKind::StorageFull.into());
        assert!(error.to_string().contains("free some space"));
    }

    #[test]
    fn a_new_file_takes_the_place_of_a_link_and_not_of_what_it_leads_to() {
        let folder = std::env::temp_dir().join(format!("tamis-sink-new-{}", std::process::id()));
        fs::create_dir_all(&folder).expect("writable");
        let (kept, path) = (folder.join("kept"), folder.join("new"));
        fs::write(&kept, "earlier").expect("writable");
        std::os::unix::fs::symlink(&kept, &path).expect("writable");
        Sink::new(Place::New(path.clone())).end().expect("written");
        assert!(path.symlink_metadata().is_ok_and(|it| it.is_file() && it.len() == 0));
        assert_eq!(fs::read(&kept).expect("readable"), b"earlier");
        fs::remove_dir_all(&folder).expect("removable");
    }

    #[test]
    fn nothing_written_touches_nothing() {
        let path = std::env::temp_dir().join(format!("tamis-sink-{}", std::process::id()));
        std::fs::write(&path, "earlier").expect("writable");
        let mut sink = Sink::new(Place::Replace(path.clone()));
        sink.reopen().expect("nothing to reopen");
        assert_eq!(std::fs::read(&path).expect("readable"), b"earlier");
        sink.write(&Rendered::default()).expect("written");
        assert_eq!(std::fs::read(&path).expect("readable"), b"");
        std::fs::remove_file(&path).expect("removable");
    }
}
