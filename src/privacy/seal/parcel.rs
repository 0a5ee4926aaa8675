//! Parcels: lines of a block on their way to a segment, as text with an announcement before each run.

use std::{fmt, hint::black_box};

use serde_json::{Value, json};
use zeroize::Zeroize as _;
use zstd::bulk::Compressor;

use super::{FRAME_BYTES, Index, compress, compressor};
use crate::privacy::mask::Masker;

/// From how many bytes on a parcel is worth a frame of its own.
const OWN_FRAME_BYTES: usize = FRAME_BYTES / 2;

/// What announces a run.
const SIGN: &[u8] = b"#@ ";
/// What a line begins with that could be taken for it.
const ALIKE: &[u8] = b"#@";

/// The lines of a block that are to be sealed. Nobody looks into it.
pub struct Parcel {
    pub(super) content: Content,
    pub(super) index: Index,
}

pub(super) enum Content {
    /// A whole zstd frame.
    Frame(Vec<u8>),
    /// Lines with their announcements.
    Plain(Vec<u8>),
}

impl Parcel {
    /// How many lines it has.
    #[must_use]
    pub const fn lines(&self) -> u64 {
        self.index.lines()
    }

    /// How many bytes it takes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        match &self.content {
            Content::Frame(bytes) | Content::Plain(bytes) => bytes.len(),
        }
    }
}

impl Drop for Parcel {
    fn drop(&mut self) {
        // Not `zeroize`, which goes byte by byte.
        match &mut self.content {
            Content::Frame(bytes) | Content::Plain(bytes) => bytes.fill(0),
        }
        black_box(&self.content);
    }
}

impl fmt::Debug for Parcel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Parcel({} lines)", self.lines())
    }
}

/// Packs parcels: one for each worker.
pub(crate) struct Packer {
    masker: Option<Masker>,
    compressor: Compressor<'static>,
    plain: Vec<u8>,
    frame: Vec<u8>,
    /// A run with its line ends and signs as they are to be, before it is masked.
    run: Vec<u8>,
}

impl Packer {
    /// A packer that masks secrets where that is wanted.
    pub(crate) fn new(masks: bool) -> Self {
        Self {
            masker: masks.then(Masker::default),
            compressor: compressor(),
            plain: Vec::new(),
            frame: Vec::new(),
            run: Vec::new(),
        }
    }

    /// Appends a run of whole lines, of which the last one needs no end.
    pub(crate) fn push(&mut self, source: &str, at: Option<u64>, why: &[&str], lines: &[u8]) {
        let mut head = json!({ "source": source, "at": at, "why": why });
        // Written first as if nothing was masked, which is almost always so.
        let start = self.plain.len();
        announce(&head, &mut self.plain);
        let body = self.plain.len();
        let is_alike = lines.starts_with(ALIKE) || memchr::memmem::find(lines, b"\n#@").is_some();
        let text = if is_alike {
            escape(lines, &mut self.run);
            &self.run[..]
        } else {
            lines
        };
        let masked = match &self.masker {
            Some(masker) => masker.push(text, &mut self.plain),
            None => {
                self.plain.extend_from_slice(text);
                false
            }
        };
        if !self.plain.ends_with(b"\n") {
            self.plain.push(b'\n');
        }
        if masked {
            head["masked"] = Value::Bool(true);
            self.run.clear();
            announce(&head, &mut self.run);
            self.plain.splice(start..body, self.run.drain(..));
        }
        self.run.zeroize();
    }

    /// The parcel of what was pushed; nothing if that was nothing.
    pub(crate) fn pack(&mut self, index: Index) -> Option<Parcel> {
        if self.plain.is_empty() {
            debug_assert!(index.is_empty(), "lines that are known were pushed");
            return None;
        }
        let content = if self.plain.len() < OWN_FRAME_BYTES {
            Content::Plain(self.plain.clone())
        } else {
            compress(&mut self.compressor, &self.plain, &mut self.frame)
                .expect("there is room for the largest frame");
            Content::Frame(self.frame.clone())
        };
        // Overwritten as a block of lines is, and kept.
        self.plain.fill(0);
        self.plain.clear();
        Some(Parcel { content, index })
    }
}

impl Drop for Packer {
    fn drop(&mut self) {
        self.plain.zeroize();
        self.frame.zeroize();
        self.run.zeroize();
    }
}

fn announce(head: &Value, out: &mut Vec<u8>) {
    out.extend_from_slice(SIGN);
    out.extend_from_slice(head.to_string().as_bytes());
    out.push(b'\n');
}

/// The lines with one more `@` where a line begins like an announcement.
fn escape(lines: &[u8], out: &mut Vec<u8>) {
    out.clear();
    for line in lines.split_inclusive(|byte| *byte == b'\n') {
        if line.starts_with(ALIKE) {
            out.extend_from_slice(b"#@@");
            out.extend_from_slice(&line[ALIKE.len()..]);
        } else {
            out.extend_from_slice(line);
        }
    }
}
