//! The decoders, and how they are put upon each other until there are lines.
//!
//! What is in a file may be compressed again, and what is in an archive may be compressed: what comes out of a
//! decoder is looked at in the same way as the file was.

use std::{
    io::{self, BufRead, BufReader, Read},
    sync::Arc,
};

use bzip2::bufread::MultiBzDecoder;
use flate2::bufread::{DeflateDecoder, GzDecoder};
use liblzma::{bufread::XzDecoder, stream::Stream};
use lz4_flex::frame::FrameDecoder;

use super::{
    Failing,
    damage::Damage,
    kind::{HEAD_BYTES, Kind},
    meter::{Meter, Metered},
};

/// Bytes from anywhere.
pub(in crate::source) type Bytes = Box<dyn Read + Send>;

/// How much is read at once. More was not faster.
const BUFFER_BYTES: usize = 64 * 1024;

/// How often something may be compressed. Twice happens, where a rotation compresses what was compressed.
const LAYERS_MAX: usize = 3;

/// The memory that a decoder of xz may take: its highest preset asks for 65 MiB.
const XZ_BYTES_MAX: u64 = 160 << 20;

/// Of xz, from its header: go on after the end of a stream with the next.
const XZ_CONCATENATED: u32 = 0x08;

/// What was found under all compression.
pub(super) enum Found {
    /// Lines.
    Content(Bytes),
    /// A tar archive.
    Tar(Bytes),
}

/// Takes off all compression.
pub(super) fn peel(mut source: Bytes, meter: &Arc<Meter>) -> io::Result<Found> {
    // Nothing may be lost of what was read while the kind is not known.
    meter.set_patient(true);
    let mut is_patient = false;
    for _ in 0..=LAYERS_MAX {
        let mut head = Vec::with_capacity(HEAD_BYTES);
        if let Err(error) = (&mut source).take(HEAD_BYTES as u64).read_to_end(&mut head) {
            if head.is_empty() {
                return Err(error);
            }
            // What came before is good, and the error comes behind it.
            source = Box::new(Failing(Some(error)));
        }
        let kind = Kind::of(&head, true).unwrap_or(Kind::Plain);
        source = Box::new(Headed { head, at: 0, rest: source });
        match kind {
            Kind::Plain => {
                meter.set_patient(is_patient);
                return Ok(Found::Content(source));
            }
            Kind::Tar => return Ok(Found::Tar(source)),
            Kind::Zip => return Err(Damage::NotSeekable.into()),
            Kind::Foreign(name) => return Err(Damage::Foreign(name).into()),
            kind => {
                is_patient |= matches!(kind, Kind::Lz4 | Kind::Lz4Legacy);
                source = decompress(kind, source, meter)?;
            }
        }
    }
    Err(Damage::Nested.into())
}

/// What a compression hides.
fn decompress(kind: Kind, source: Bytes, meter: &Arc<Meter>) -> io::Result<Bytes> {
    let source = BufReader::with_capacity(BUFFER_BYTES, source);
    let meter = Arc::clone(meter);
    Ok(match kind {
        Kind::Gzip => Box::new(Metered::new(Gzip(Some(GzDecoder::new(source))), meter)),
        Kind::Zstd => {
            Box::new(Metered::new(zstd::stream::read::Decoder::with_buffer(source)?, meter))
        }
        Kind::Xz => {
            let stream = Stream::new_stream_decoder(XZ_BYTES_MAX, XZ_CONCATENATED)?;
            Box::new(Metered::new(XzDecoder::new_stream(source, stream), meter))
        }
        Kind::Bzip2 => Box::new(Metered::new(MultiBzDecoder::new(source), meter)),
        Kind::Lz4 | Kind::Lz4Legacy => {
            let is_legacy = kind == Kind::Lz4Legacy;
            let frames = FrameDecoder::new(Ending { reader: source, has_ended: false });
            Box::new(Metered::new(Lz4 { frames, is_legacy, is_over: false }, meter))
        }
        Kind::Plain | Kind::Tar | Kind::Zip | Kind::Foreign(_) => Box::new(source),
    })
}

/// What a member of a zip archive hides, by the number of its method (APPNOTE.TXT, 4.4.5).
pub(super) fn inflate(method: u16, source: Bytes, meter: &Arc<Meter>) -> io::Result<Bytes> {
    match method {
        0 => Ok(source),
        8 => {
            let decoder = DeflateDecoder::new(BufReader::with_capacity(BUFFER_BYTES, source));
            Ok(Box::new(Metered::new(decoder, Arc::clone(meter))))
        }
        12 => decompress(Kind::Bzip2, source, meter),
        93 => decompress(Kind::Zstd, source, meter),
        95 => decompress(Kind::Xz, source, meter),
        _ => Err(Damage::Foreign("a rare method of zip").into()),
    }
}

/// What was looked at, and the rest. The part that was looked at is overwritten once it is through.
pub(in crate::source) struct Headed<R> {
    pub(in crate::source) head: Vec<u8>,
    pub(in crate::source) at: usize,
    pub(in crate::source) rest: R,
}

impl<R: Read> Read for Headed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.head.is_empty() {
            return self.rest.read(buffer);
        }
        let left = &self.head[self.at..];
        let count = left.len().min(buffer.len());
        buffer[..count].copy_from_slice(&left[..count]);
        self.at += count;
        if self.at == self.head.len() {
            self.head.fill(0);
            self.head = Vec::new();
        }
        Ok(count)
    }
}

/// One member of gzip after the other, with zeros behind them, with which tapes are filled up.
struct Gzip<R>(Option<GzDecoder<R>>);

impl<R: BufRead> Read for Gzip<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while let Some(member) = &mut self.0 {
            let count = member.read(buffer)?;
            if count > 0 || buffer.is_empty() || !is_another_next(member.get_mut())? {
                return Ok(count);
            }
            self.0 = self.0.take().map(|member| GzDecoder::new(member.into_inner()));
        }
        Ok(0)
    }
}

/// Whether a member of gzip follows. Asking again after an error asks the same.
fn is_another_next(reader: &mut impl BufRead) -> io::Result<bool> {
    loop {
        let bytes = reader.fill_buf()?;
        let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
        match bytes.get(zeros..) {
            None | Some([]) if zeros == 0 => return Ok(false),
            None | Some([]) => reader.consume(zeros),
            Some([0x1f] | [0x1f, 0x8b, ..]) => {
                reader.consume(zeros);
                return Ok(true);
            }
            Some(_) => return Err(Damage::Trailing.into()),
        }
    }
}

/// Frames of LZ4 one after the other. The library takes an end in the middle for a good one, so whether the file
/// had ended by then is looked at here.
struct Lz4<R: Read> {
    frames: FrameDecoder<Ending<R>>,
    is_legacy: bool,
    /// Asked again after the end, the library asks the file again.
    is_over: bool,
}

impl<R: BufRead> Read for Lz4<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while !self.is_over {
            let count = self.frames.read(buffer)?;
            if count > 0 || buffer.is_empty() {
                return Ok(count);
            }
            let below = self.frames.get_mut();
            if below.has_ended {
                // The old form has no mark at its end.
                self.is_over = true;
                return if self.is_legacy { Ok(0) } else { Err(Damage::Truncated.into()) };
            }
            self.is_over = below.reader.fill_buf()?.is_empty();
        }
        Ok(0)
    }
}

/// A reader that remembers whether it was read to its end.
struct Ending<R> {
    reader: R,
    has_ended: bool,
}

impl<R: Read> Read for Ending<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.reader.read(buffer)?;
        self.has_ended |= count == 0 && !buffer.is_empty();
        Ok(count)
    }
}
