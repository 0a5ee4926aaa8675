//! The way back: sealed lines to the person who may open them.
//!
//! Door 2 seals lines for keys that the machine does not have. Here they come out again, for whoever brings the key of
//! a segment. It is never reached from what runs on logs: `tests/tidy.rs` lets nobody name it but the commands of the
//! quarantine, which write down who opens what before the first line is shown.
//!
//! A body is an age file of zstd frames of text. Lines stand there as they were, in runs; before each run one line,
//! `#@ ` and an object in JSON, says where they come from and why they were sealed. A body that a crash cut short
//! gives what is whole of it, and then says that it ends early.

mod index;
mod rewrite;

use std::{
    fmt,
    io::{self, BufRead, BufReader, Read},
};

use age::{DecryptError, Decryptor, stream::StreamReader, x25519::Identity};
use serde::Deserialize;
use zeroize::{Zeroize as _, Zeroizing};

use super::selector::{Facts, Selector};

pub use index::{Index, IndexMatch};
pub use rewrite::{Rewritten, rewrite_segment, test_body};

/// How long a line of a body may be. Longer ones are not written; a forged body might have one.
const LINE_BYTES_MAX: usize = 1 << 26;

/// What a line begins with that says of what follows it.
const MARK: &[u8] = b"#@ ";
/// What a line begins with whose own mark was escaped.
const ESCAPED: &[u8] = b"#@@";

/// The key of one segment.
pub struct SegmentKey(Identity);

impl SegmentKey {
    /// The key out of its text, as it stands in a key file.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        text.trim_end().parse().ok().map(Self)
    }

    /// Its public half, as text.
    #[must_use]
    pub fn recipient(&self) -> String {
        self.0.to_public().to_string()
    }

    fn decrypt<R: BufRead>(&self, sealed: R) -> Result<StreamReader<R>, UnsealError> {
        let decryptor = Decryptor::new_buffered(sealed)?;
        Ok(decryptor.decrypt(std::iter::once(&self.0 as &dyn age::Identity))?)
    }
}

impl fmt::Debug for SegmentKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SegmentKey")
    }
}

/// Why something sealed cannot be read on. It does not say what was there.
#[derive(Debug)]
#[non_exhaustive]
pub enum UnsealError {
    /// The key is not that of the file.
    Key,
    /// The file ends early, as after a crash.
    Torn,
    /// It was changed, or it is no such file.
    Damaged,
    /// It cannot be read or written.
    Io(io::ErrorKind),
}

impl fmt::Display for UnsealError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key => f.write_str("the key does not open it"),
            Self::Torn => f.write_str("it ends early"),
            Self::Damaged => f.write_str("it was changed, or was never sealed by tamis"),
            Self::Io(kind) => write!(f, "{kind}"),
        }
    }
}

impl std::error::Error for UnsealError {}

impl From<DecryptError> for UnsealError {
    fn from(error: DecryptError) -> Self {
        match error {
            DecryptError::NoMatchingKeys | DecryptError::KeyDecryptionFailed => Self::Key,
            DecryptError::Io(error) => error.into(),
            _ => Self::Damaged,
        }
    }
}

impl From<io::Error> for UnsealError {
    /// What age and zstd say of changed bytes is no more than that.
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::UnexpectedEof => Self::Torn,
            io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput | io::ErrorKind::Other => {
                Self::Damaged
            }
            kind => Self::Io(kind),
        }
    }
}

/// Where a run of lines comes from and why it was sealed.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Run {
    source: String,
    #[serde(default)]
    at: Option<u64>,
    #[serde(default)]
    why: Vec<String>,
    #[serde(default)]
    masked: bool,
    /// The number of its first line: not 0 where lines before it were erased.
    #[serde(default)]
    first: u64,
}

/// A line that was sealed. It identifies: it has no `Display`, and its `Debug` prints a length.
#[derive(Clone, Copy)]
pub struct OpenedLine<'a> {
    run: &'a Run,
    /// Which line of its run it is, from 0.
    pub ordinal: u64,
    /// Where it begins in its source, where that is known: where nothing before it in its run was masked.
    offset: Option<u64>,
    bytes: &'a [u8],
}

impl<'a> OpenedLine<'a> {
    /// The line as it was, without its end, for the person who opens it and for nobody else.
    #[must_use]
    pub const fn show_bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// Whether it meets a selector.
    #[must_use]
    pub fn meets(&self, selector: &Selector, facts: &mut Facts) -> bool {
        selector.is_empty() || facts.meets(selector, self.bytes)
    }

    /// The log that it comes from.
    #[must_use]
    pub fn source(&self) -> &'a str {
        &self.run.source
    }

    /// Where it is there: where it begins, or where its run begins and which line of that it is. Nothing where
    /// the source has no places.
    #[must_use]
    pub fn place(&self) -> Option<(u64, u64)> {
        self.offset.map(|offset| (offset, 0)).or(Some((self.run.at?, self.ordinal)))
    }

    /// Why it was sealed.
    #[must_use]
    pub fn why(&self) -> &'a [String] {
        &self.run.why
    }

    /// Whether secrets in it were masked.
    #[must_use]
    pub const fn is_masked(&self) -> bool {
        self.run.masked
    }
}

impl fmt::Debug for OpenedLine<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OpenedLine({} bytes)", self.bytes.len())
    }
}

type Body<R> = zstd::stream::read::Decoder<'static, BufReader<StreamReader<BufReader<R>>>>;

/// Reads the lines of a sealed body.
pub struct Unsealer<R: Read> {
    body: BufReader<Body<R>>,
    run: Option<Run>,
    ordinal: u64,
    /// Where the next line begins in its source.
    offset: Option<u64>,
    line: Zeroizing<Vec<u8>>,
    line_bytes_max: usize,
}

impl<R: Read> fmt::Debug for Unsealer<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Unsealer")
    }
}

impl<R: Read> Unsealer<R> {
    /// Opens a body with the key of its segment.
    ///
    /// # Errors
    ///
    /// The key is another one, or the body is none.
    pub fn new(sealed: R, key: &SegmentKey) -> Result<Self, UnsealError> {
        let plain = key.decrypt(BufReader::with_capacity(1 << 17, sealed))?;
        let body = zstd::stream::read::Decoder::new(plain)?;
        let body = BufReader::with_capacity(1 << 17, body);
        let line = Zeroizing::default();
        Ok(Self { body, run: None, ordinal: 0, offset: None, line, line_bytes_max: LINE_BYTES_MAX })
    }

    /// The next line.
    ///
    /// # Errors
    ///
    /// The body ends early or was changed; the lines before were whole.
    #[expect(clippy::should_implement_trait, reason = "it lends what it has")]
    pub fn next(&mut self) -> Result<Option<OpenedLine<'_>>, UnsealError> {
        loop {
            if !self.read_line()? {
                return Ok(None);
            }
            let Some(says) = self.line.strip_prefix(MARK) else { break };
            let run: Run = serde_json::from_slice(says).map_err(|_| UnsealError::Damaged)?;
            self.ordinal = run.first;
            // What was masked is as long as it is, and not as long as it was.
            self.offset = run.at.filter(|_| !run.masked);
            self.run = Some(run);
        }
        let ordinal = self.ordinal;
        self.ordinal += 1;
        let run = self.run.as_ref().ok_or(UnsealError::Damaged)?;
        if self.line.starts_with(ESCAPED) {
            // `#@@ x` was `#@ x`: one of the two is taken out.
            self.line.remove(2);
        }
        let offset = self.offset;
        self.offset = offset.and_then(|offset| offset.checked_add(self.line.len() as u64 + 1));
        Ok(Some(OpenedLine { run, ordinal, offset, bytes: &self.line }))
    }

    /// Reads up to the next line end; says no at the end. A line that a crash cut off is not whole and left out.
    fn read_line(&mut self) -> Result<bool, UnsealError> {
        self.line.zeroize();
        loop {
            let available = match self.body.fill_buf() {
                Ok(available) => available,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error.into()),
            };
            if available.is_empty() {
                return if self.line.is_empty() { Ok(false) } else { Err(UnsealError::Torn) };
            }
            let end = memchr::memchr(b'\n', available);
            let taken = end.unwrap_or(available.len());
            if self.line.len() + taken > self.line_bytes_max {
                return Err(UnsealError::Damaged);
            }
            grow(&mut self.line, &available[..taken]);
            self.body.consume(end.map_or(taken, |end| end + 1));
            if end.is_some() {
                return Ok(true);
            }
        }
    }
}

/// Appends bytes, and overwrites the room that was too small for them.
fn grow(line: &mut Zeroizing<Vec<u8>>, bytes: &[u8]) {
    if line.len() + bytes.len() > line.capacity() {
        let room = (line.len() + bytes.len()).next_power_of_two().max(4_096);
        let mut larger = Zeroizing::new(Vec::with_capacity(room));
        larger.extend_from_slice(line);
        // The smaller room goes with its content.
        *line = larger;
    }
    line.extend_from_slice(bytes);
}

#[cfg(test)]
pub(crate) mod tests;
