//! Door 2: whole lines, sealed for an investigation, readable only with a key that this machine does not have.
//!
//! A [`Parcel`] has the lines of a block that are to be sealed; nothing outside of this directory can make one or
//! look into one. A [`Segment`] takes parcels and writes one age file, of which the plaintext is a zstd stream:
//!
//! ```compile_fail,E0451
//! use tamis::privacy::seal::Parcel;
//! fn forge(parcel: Parcel) -> Parcel {
//!     Parcel { content: b"192.0.2.77".to_vec(), ..parcel } // private fields
//! }
//! ```
//! ```compile_fail,E0277
//! fn print(parcel: tamis::privacy::seal::Parcel) {
//!     println!("{parcel}"); // no Display
//! }
//! ```
//!
//! Large parcels are compressed by the workers, each as a zstd frame of its own; frames one after the other are a
//! zstd stream. Small ones are gathered here until they are worth a frame. The stream is text:
//!
//! ```text
//! #@ {"source":"access.log","at":4711,"why":["refused:bad-time"]}
//! 192.0.2.77 - - [22/Nov/2026:14:05:37 ...
//! ```
//!
//! A line that begins with `#@` announces the lines of a run, up to the next one; a raw line that begins so has one
//! `@` more. Secrets are masked unless the policy says otherwise (`mask.rs`).

mod addresses;
mod index;
mod parcel;

use std::{
    collections::BTreeMap,
    fmt,
    io::{self, Write},
};

use age::{Encryptor, stream::StreamWriter, x25519::Recipient};
use zeroize::Zeroize as _;
use zstd::{bulk::Compressor, zstd_safe::CParameter};

pub(super) use index::Index;
use parcel::Content;
pub(super) use parcel::Packer;
pub use parcel::Parcel;

/// How hard zstd tries: like its first level, but it looks for longer matches, and for fewer. On an access log in
/// blocks of 256 KiB that took 776 MB a second and left a fifth, where the first level took 632 and left a sixth.
/// Larger steps (up to 870 MB) gave more to encrypt than they saved.
fn compressor() -> Compressor<'static> {
    let mut compressor = Compressor::new(1).expect("the level is one");
    for parameter in [CParameter::MinMatch(7), CParameter::HashLog(15), CParameter::TargetLength(2)]
    {
        compressor.set_parameter(parameter).expect("it is within its bounds");
    }
    compressor
}

/// How many bytes of small parcels are worth a frame.
const FRAME_BYTES: usize = 128 * 1024;

/// How many addresses a segment may have: more would take memory and not answer anything better.
const ADDRESSES_MAX: usize = 200_000;

/// A segment that is being written.
pub struct Segment<W: Write> {
    age: StreamWriter<W>,
    recipient: Recipient,
    compressor: Compressor<'static>,
    /// Small parcels that wait for a frame.
    gathered: Vec<u8>,
    frame: Vec<u8>,
    index: Index,
    bytes: u64,
}

/// What is told of a finished segment: numbers, and an index that is sealed with the same key.
#[derive(Clone, PartialEq, Eq)]
pub struct Sealed {
    /// How many lines it has.
    pub lines: u64,
    /// The earliest and the latest of their times, where one could be read.
    pub period: Option<(i64, i64)>,
    /// For which reasons how many of them were sealed.
    pub why: BTreeMap<String, u64>,
    /// What is in it, sealed.
    pub index: Vec<u8>,
}

impl fmt::Debug for Sealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sealed({} lines)", self.lines)
    }
}

impl<W: Write> Segment<W> {
    /// A segment for whoever has the identity of `recipient`.
    ///
    /// # Errors
    ///
    /// Those of `out`.
    pub fn begin(recipient: Recipient, out: W) -> io::Result<Self> {
        Ok(Self {
            age: encryptor(&recipient).wrap_output(out)?,
            recipient,
            compressor: compressor(),
            gathered: Vec::with_capacity(FRAME_BYTES),
            frame: Vec::new(),
            index: Index::default(),
            bytes: 0,
        })
    }

    /// Takes the lines of a parcel.
    ///
    /// # Errors
    ///
    /// Those of what it writes to. Then it cannot be finished any more.
    pub fn put(&mut self, mut parcel: Parcel) -> io::Result<()> {
        self.index.absorb(&mut parcel.index);
        match &parcel.content {
            Content::Frame(frame) => {
                self.end_frame()?;
                self.bytes += frame.len() as u64;
                self.age.write_all(frame)
            }
            Content::Plain(lines) => {
                self.gathered.extend_from_slice(lines);
                if self.gathered.len() >= FRAME_BYTES { self.end_frame() } else { Ok(()) }
            }
        }
    }

    /// Writes what was gathered as a frame.
    fn end_frame(&mut self) -> io::Result<()> {
        if self.gathered.is_empty() {
            return Ok(());
        }
        compress(&mut self.compressor, &self.gathered, &mut self.frame)?;
        self.gathered.zeroize();
        self.bytes += self.frame.len() as u64;
        self.age.write_all(&self.frame)
    }

    /// How many bytes were sealed, nearly.
    #[must_use]
    pub const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// How many lines it has so far.
    #[must_use]
    pub const fn lines(&self) -> u64 {
        self.index.lines()
    }

    /// How many bytes finishing it may still write, nearly.
    #[must_use]
    pub fn rest_bytes(&self) -> u64 {
        (self.gathered.len() + 2 * FRAME_BYTES) as u64 + self.index.bytes()
    }

    /// Whether what is known of its lines takes as much memory as it may.
    #[must_use]
    pub fn is_full(&mut self) -> bool {
        self.index.has_clients(ADDRESSES_MAX)
    }

    /// Ends the segment; nobody can append to it.
    ///
    /// # Errors
    ///
    /// Those of what it writes to.
    pub fn finish(mut self) -> io::Result<(W, Sealed)> {
        self.end_frame()?;
        let out = self.age.finish()?;
        let mut sealed = Vec::new();
        let mut writer = encryptor(&self.recipient).wrap_output(&mut sealed)?;
        let mut text = self.index.json();
        writer.write_all(text.as_bytes())?;
        writer.finish()?;
        text.zeroize();
        let told = Sealed {
            lines: self.index.lines(),
            period: self.index.period(),
            why: self.index.why(),
            index: sealed,
        };
        Ok((out, told))
    }
}

impl<W: Write> fmt::Debug for Segment<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Segment({} lines)", self.lines())
    }
}

fn encryptor(recipient: &Recipient) -> Encryptor {
    let whom = std::iter::once(recipient as &dyn age::Recipient);
    Encryptor::with_recipients(whom).expect("there is a recipient, and one only")
}

/// Makes a frame of `text` in place of what `frame` had.
fn compress(
    compressor: &mut Compressor<'static>,
    text: &[u8],
    frame: &mut Vec<u8>,
) -> io::Result<()> {
    frame.clear();
    frame.reserve(zstd::zstd_safe::compress_bound(text.len()));
    compressor.compress_to_buffer(text, frame).map(drop)
}

#[cfg(test)]
mod tests;
