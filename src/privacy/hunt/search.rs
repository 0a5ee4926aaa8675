//! Reads an output for what is looked for.
//!
//! The bytes are looked through as they are, at every place, and with their escapes undone, a line at a time, since a
//! value may have what ends a word; words are decoded in every way that there is, each word once. So the time goes by
//! the size of an output and little by how much is looked for.

use std::{
    collections::BTreeMap,
    io::{self, Read},
};

use zeroize::Zeroizing;

use super::{
    Hunt, Seen,
    decode::{How, decode_stretches, may_have_escapes, normalise, place_before, unescape},
    needles::{ANCHOR_MASK, NEEDLE_BYTES_MIN, Needle, NeedleKind, Needles, RawPlace, Sort},
    shapes::any_addresses,
};

/// How much of an output is looked at together.
const CHUNK_BYTES: usize = 1 << 20;
/// How much of a chunk without a line end is looked at once more with the next one.
const OVERLAP_BYTES: usize = 4_096;
/// How many identifiers that were found are told apart; further ones are counted together.
const FOUND_MAX: usize = 100_000;
/// How many ways of writing may be laid over each other.
const LAYERS_MAX: usize = 4;

/// Where in an output something was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct LeakPlace {
    /// The number of the file, from 0.
    pub file: u32,
    /// The line, from 1.
    pub line: u64,
    /// The offset of its first byte in the content of the file.
    pub offset: u64,
}

/// An identifier that was found.
#[derive(Clone, Copy, Debug)]
pub struct Found {
    /// What kind it is.
    pub kind: NeedleKind,
    /// How it was written where it was found first.
    pub how: How,
    /// Where it was found first.
    pub place: LeakPlace,
    /// Where it comes from.
    pub raw: RawPlace,
    /// How often it was found.
    pub times: u64,
}

/// What was found in all outputs so far.
#[derive(Debug, Default)]
pub struct Trove {
    found: BTreeMap<u64, Found>,
    /// Findings of identifiers beyond those that are told apart.
    pub more: u64,
    /// How many bytes of outputs were looked at.
    pub bytes: u64,
}

impl Trove {
    /// What was found, in the order of places.
    #[must_use]
    pub fn found(&self) -> Vec<Found> {
        let mut found: Vec<_> = self.found.values().copied().collect();
        found.sort_unstable_by_key(|found| (found.place, found.kind, found.raw));
        found
    }
}

impl Hunt {
    /// Looks through an output, which is the file of this number.
    ///
    /// # Errors
    ///
    /// It cannot be read.
    pub fn search(
        &mut self,
        output: &mut dyn Read,
        file: u32,
        trove: &mut Trove,
    ) -> io::Result<()> {
        let mut chunk = Zeroizing::new(vec![0; CHUNK_BYTES]);
        let mut place = LeakPlace { file, line: 1, offset: 0 };
        let mut buffers = Buffers::default();
        let (mut length, mut is_end) = (0, false);
        while !is_end {
            while length < chunk.len() && !is_end {
                match output.read(&mut chunk[length..]) {
                    Ok(0) => is_end = true,
                    Ok(count) => length += count,
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    Err(error) => return Err(error),
                }
            }
            let cut = match memchr::memrchr(b'\n', &chunk[..length]) {
                _ if is_end => length,
                Some(at) => at + 1,
                None => length,
            };
            let mut search = Search {
                needles: &self.needles,
                seen: &mut self.seen,
                trove,
                place,
                chunk: &chunk[..cut],
                at: 0,
                hits: 0,
            };
            search.look_through(&mut buffers);
            // Without a line end, what lies across the cut must be seen as a whole.
            let is_torn = !is_end && chunk[cut - 1] != b'\n';
            let done = if is_torn { cut - OVERLAP_BYTES } else { cut };
            trove.bytes += done as u64;
            place.line += memchr::memchr_iter(b'\n', &chunk[..done]).count() as u64;
            place.offset += done as u64;
            chunk.copy_within(done..length, 0);
            length -= done;
        }
        Ok(())
    }

    /// Looks through the name of an output.
    pub fn search_name(&mut self, name: &[u8], file: u32, trove: &mut Trove) {
        let place = LeakPlace { file, line: 0, offset: 0 };
        let mut search = Search {
            needles: &self.needles,
            seen: &mut self.seen,
            trove,
            place,
            chunk: name,
            at: 0,
            hits: 0,
        };
        search.look_through(&mut Buffers::default());
    }
}

#[derive(Default)]
struct Buffers {
    normal: Vec<u8>,
    stripped: Vec<u8>,
    line: Vec<u8>,
    layers: [Layer; LAYERS_MAX],
}

/// Where in the chunk the places of a text are.
#[derive(Clone, Copy)]
enum Place<'a> {
    /// The text is the chunk.
    InChunk,
    /// The text is this line, which begins there, with its escapes undone.
    InLine { start: usize, line: &'a [u8] },
    /// What is found in the text stands where the word does.
    Known,
}

/// What one way of writing is decoded into.
#[derive(Default)]
struct Layer {
    text: Vec<u8>,
    normal: Vec<u8>,
}

struct Search<'a> {
    needles: &'a Needles,
    seen: &'a mut Seen,
    trove: &'a mut Trove,
    /// Where the chunk begins.
    place: LeakPlace,
    chunk: &'a [u8],
    /// What is being looked at begins here in the chunk.
    at: usize,
    /// How much was found in the chunk.
    hits: u64,
}

/// Whether words end here.
const fn ends_word(byte: u8) -> bool {
    byte <= b' ' || matches!(byte, b'"' | b',' | b'<' | b'>' | b'{' | b'}' | 0x7f)
}

impl Search<'_> {
    fn look_through(&mut self, buffers: &mut Buffers) {
        let chunk = self.chunk;
        self.windows(chunk, &mut buffers.normal, How::Plain, Place::InChunk);
        self.lines(chunk, buffers);
        self.words(chunk, &mut buffers.layers);
        if memchr::memchr(0, chunk).is_some() {
            let mut stripped = std::mem::take(&mut buffers.stripped);
            stripped.clear();
            stripped.extend(chunk.iter().filter(|byte| **byte != 0));
            self.at = 0;
            self.windows(&stripped, &mut buffers.normal, How::Utf16, Place::Known);
            buffers.stripped = stripped;
        }
    }

    /// Looks at each line with its escapes undone. What is behind further layers is found in its words.
    fn lines(&mut self, chunk: &[u8], buffers: &mut Buffers) {
        let mut start = 0;
        for line in chunk.split_inclusive(|byte| *byte == b'\n') {
            if may_have_escapes(line) && unescape(line, &mut buffers.line) {
                let place = Place::InLine { start, line };
                self.windows(&buffers.line, &mut buffers.normal, How::Escaped, place);
            }
            start += line.len();
        }
    }

    /// Looks at every place of a text.
    fn windows(&mut self, text: &[u8], normal: &mut Vec<u8>, how: How, place: Place<'_>) {
        normalise(text, normal);
        let mut window = 0_u64;
        for (last, byte) in normal.iter().enumerate() {
            window = (window << 8 | u64::from(*byte)) & ANCHOR_MASK;
            if last + 1 < NEEDLE_BYTES_MIN || !self.needles.may_begin(window) {
                continue;
            }
            let first = last + 1 - NEEDLE_BYTES_MIN;
            self.needles.at(normal, first, |digest, needle| {
                self.at = match place {
                    Place::InChunk => first,
                    Place::InLine { start, line } => {
                        start + place_before(line, first, &mut Vec::new())
                    }
                    Place::Known => self.at,
                };
                self.tell(digest, needle, how);
            });
        }
    }

    /// Looks at each word of the chunk that was not looked at before.
    fn words(&mut self, chunk: &[u8], layers: &mut [Layer]) {
        let mut start = 0;
        for end in 0..=chunk.len() {
            if end < chunk.len() && !ends_word(chunk[end]) {
                continue;
            }
            let word = &chunk[start..end];
            if word.len() >= NEEDLE_BYTES_MIN {
                let digest = self.needles.digest(Sort::Looked, word);
                if !self.seen.is_known(digest) {
                    self.at = start;
                    let hits = self.hits;
                    self.look_at(word, How::Plain, layers);
                    if self.hits > hits {
                        // It is looked at again wherever it stands.
                        self.seen.forget(digest);
                    }
                }
            }
            start = end + 1;
        }
    }

    /// Looks at what a word means in other ways of writing.
    fn look_at(&mut self, word: &[u8], how: How, layers: &mut [Layer]) {
        let Some((own, layers)) = layers.split_first_mut() else { return };
        let Layer { text, normal } = own;
        self.addresses(word, how, normal);
        if may_have_escapes(word) && unescape(word, text) {
            if how != How::Plain {
                self.windows(text, normal, How::Escaped, Place::Known);
            }
            self.look_at(text, How::Escaped, layers);
        }
        decode_stretches(word, text, |text, how| {
            self.windows(text, normal, how, Place::Known);
            self.look_at(text, how, layers);
        });
    }

    fn addresses(&mut self, word: &[u8], how: How, normal: &mut Vec<u8>) {
        normalise(word, normal);
        // A bare number of JSON is a count of something.
        let is_count = word.first() == Some(&b':') && word[1..].iter().all(u8::is_ascii_digit);
        any_addresses(normal, |address, notation, number| {
            if !number.is_empty() && (is_count || self.needles.is_word(number)) {
                return;
            }
            if let Some((digest, needle)) = self.needles.address(address.bytes()) {
                let how = if how == How::Plain { notation } else { how };
                self.tell(digest, needle, how);
            }
        });
    }

    fn tell(&mut self, digest: u64, needle: Needle, how: How) {
        self.hits += 1;
        if let Some(known) = self.trove.found.get_mut(&digest) {
            known.times += 1;
            return;
        }
        if self.trove.found.len() >= FOUND_MAX {
            self.trove.more += 1;
            return;
        }
        let before = &self.chunk[..self.at.min(self.chunk.len())];
        let place = LeakPlace {
            file: self.place.file,
            line: self.place.line + memchr::memchr_iter(b'\n', before).count() as u64,
            offset: self.place.offset + self.at as u64,
        };
        let found = Found { kind: needle.kind, how, place, raw: needle.place, times: 1 };
        self.trove.found.insert(digest, found);
    }
}
