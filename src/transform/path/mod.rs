//! The path of a request, with every segment that could identify somebody replaced.
//!
//! The path is the most dangerous field that is kept, because its text is the visitor's or the
//! application's. It is taken apart into segments, each segment is read in every encoding in which a
//! server might read it, and what looks like an identifier becomes a word in braces. Declared routes
//! win over looks. A query never comes out. This file does not know which responses may show a path
//! at all, nor what a policy says; and it cannot see that `/alice` is a person.

mod gibberish;
mod percent;
mod route;
mod shape;

use wide::u8x16;
use zeroize::Zeroize;

pub use route::{Route, RouteError};
pub use shape::{Shape, shape};

use percent::{bare_length, decode, decode_deep, encode, fold};
use route::is_known;
use shape::is_restless;

/// What stands for a path that is not shown.
pub const UNKNOWN: &str = "(unknown)";

/// What stands for the path of a request that is not one.
pub const INVALID: &str = "(invalid)";

/// What became of a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cleaned {
    /// The whole target is shown exactly as it was, and no placeholder stands in it.
    pub plain: bool,
    /// The path is one of the declared routes.
    pub declared: bool,
}

/// Cleans request targets, with the buffers that this takes.
///
/// ```
/// use tamis::transform::path::Cleaner;
///
/// let mut out = Vec::new();
/// let cleaned = Cleaner::new(Vec::new()).clean(b"/users/alice/orders/49170?token=abc", &mut out);
/// assert_eq!(out, b"/users/{user}/orders/{id}");
/// assert!(!cleaned.plain);
/// ```
pub struct Cleaner {
    routes: Vec<Route>,
    /// The placeholders that routes print, which stay as they are when they come back.
    known: Vec<Vec<u8>>,
    scratch: Scratch,
}

/// Buffers that hold decoded text while one path is cleaned.
#[derive(Default)]
struct Scratch {
    segments: Vec<Segment>,
    shown: Vec<u8>,
    folded: Vec<u8>,
    once: Vec<u8>,
    deep: Vec<u8>,
    spare: Vec<u8>,
}

/// A segment: offsets into the text to show and the text to judge.
#[derive(Clone, Copy)]
struct Segment {
    shown: (usize, usize),
    folded: (usize, usize),
    verdict: Verdict,
    /// The two texts differ: a server that decodes further reads something else than is shown.
    veiled: bool,
}

/// What is known of a segment before its text is judged.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Verdict {
    /// Nothing.
    Open,
    /// It has a shape whatever its text.
    Fixed(Shape),
    /// It is a placeholder of our own.
    Placeholder,
}

impl Cleaner {
    /// A cleaner for these declared routes; the first that matches wins.
    #[must_use]
    pub fn new(routes: Vec<Route>) -> Self {
        let known = routes.iter().flat_map(Route::names).map(|n| n.as_bytes().to_vec()).collect();
        Self { routes, known, scratch: Scratch::default() }
    }

    /// Appends the cleaned path of `target`, a request target without log escapes.
    ///
    /// What is appended is ASCII without spaces, quotes, backslashes and control characters.
    pub fn clean(&mut self, target: &[u8], out: &mut Vec<u8>) -> Cleaned {
        let start = out.len();
        let Some(path) = path_of(target) else {
            out.extend_from_slice(word_for(target));
            return Cleaned { plain: target == b"*", declared: false };
        };
        let (path, bare) = cut(path);
        if !(bare && self.routes.is_empty()) {
            self.scratch.prepare(path.len());
        }
        let declared = if bare {
            self.scratch.split_bare(path);
            print(&self.routes, &self.known, &mut self.scratch, Some(path), out)
        } else {
            self.scratch.split(path, &self.known);
            print(&self.routes, &self.known, &mut self.scratch, None, out)
        };
        let shown = &out[start..];
        let plain = shown == target && memchr::memchr(b'{', shown).is_none();
        Cleaned { plain, declared }
    }

    /// Appends what is kept of a target that one of the declared routes fits, and nothing else of it, with spaces
    /// between the captures. False where none fits; then nothing is appended.
    pub fn capture(&mut self, target: &[u8], out: &mut Vec<u8>) -> bool {
        let Some(path) = path_of(target) else { return false };
        let (path, _) = cut(path);
        self.scratch.prepare(path.len());
        self.scratch.split(path, &self.known);
        let Self { routes, known, scratch } = self;
        let Scratch { segments, shown, once, .. } = scratch;
        let text = |segment: &Segment| &shown[segment.shown.0..segment.shown.1];
        let fits = |route: &&Route| {
            let mut parts = segments.iter().enumerate();
            route.len() == segments.len() && parts.all(|(i, s)| route.fits(i, text(s), known))
        };
        let Some(route) = routes.iter().find(fits) else { return false };
        let start = out.len();
        for (i, segment) in segments.iter().enumerate() {
            let doubtful = segment.veiled || matches!(segment.verdict, Verdict::Fixed(_));
            route.print_kept(i, text(segment), doubtful, known, once, (out, start));
        }
        true
    }

    /// Overwrites what the last path left in the buffers.
    pub fn wipe(&mut self) {
        self.scratch.wipe();
    }
}

impl Drop for Cleaner {
    fn drop(&mut self) {
        self.wipe();
    }
}

/// Prints the length of the route list only: the buffers hold a visitor's text.
impl std::fmt::Debug for Cleaner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Cleaner").field("routes", &self.routes.len()).finish_non_exhaustive()
    }
}

/// The part of a target that begins where its path begins; `None` when it has none.
/// The shape of a text that stands alone, such as the value of a parameter: of what is behind its percent
/// signs, where `+` is a space. The buffers are scratch, and hold parts of the text afterwards.
pub fn shape_behind(text: &[u8], [deep, spare, folded]: [&mut Vec<u8>; 3]) -> Option<Shape> {
    if !decode_deep(text, deep, spare) {
        return Some(Shape::Token);
    }
    deep.iter_mut().filter(|byte| **byte == b'+').for_each(|byte| *byte = b' ');
    folded.clear();
    if fold(deep, folded) { shape(folded) } else { Some(Shape::Bytes) }
}

fn path_of(target: &[u8]) -> Option<&[u8]> {
    if target.first() == Some(&b'/') {
        return Some(target);
    }
    let rest = strip_scheme(target)?;
    let end = rest.iter().position(|b| matches!(b, b'/' | b'\\' | b'?' | b'#' | b';'));
    let path = end.map_or(&b""[..], |n| &rest[n..]);
    match path.first() {
        Some(b'/' | b'\\') => Some(path),
        _ => Some(b"/"),
    }
}

/// The path up to its query, and whether every byte of it is shown as it is.
#[inline]
fn cut(path: &[u8]) -> (&[u8], bool) {
    let ends = |b: &u8| matches!(b, b'?' | b';' | b'#');
    let bare = bare_length(path);
    match path.get(bare) {
        None => (path, true),
        Some(b) if ends(b) => (&path[..bare], true),
        Some(_) => {
            let rest = path[bare..].iter().position(ends);
            (rest.map_or(path, |n| &path[..bare + n]), false)
        }
    }
}

/// What follows `http://` or `https://`.
pub(in crate::transform) fn strip_scheme(text: &[u8]) -> Option<&[u8]> {
    for scheme in [&b"http://"[..], b"https://"] {
        if let Some(head) = text.get(..scheme.len())
            && head.eq_ignore_ascii_case(scheme)
        {
            return Some(&text[scheme.len()..]);
        }
    }
    None
}

/// The closed word for a target without a path.
fn word_for(target: &[u8]) -> &'static [u8] {
    match target {
        b"*" => b"*",
        b"(invalid)" => INVALID.as_bytes(),
        _ => UNKNOWN.as_bytes(),
    }
}

impl Scratch {
    fn wipe(&mut self) {
        self.segments.clear();
        let Self { shown, folded, once, deep, spare, segments: _ } = self;
        for buffer in [shown, folded, once, deep, spare] {
            buffer.zeroize();
        }
    }

    /// Makes room for a path of `length` bytes, so that no buffer grows, and leaves a copy behind,
    /// while it holds text. Decoding and folding never lengthen a text, and at most two readings of a
    /// segment are held at once.
    fn prepare(&mut self, length: usize) {
        let Self { shown, folded, once, deep, spare, segments } = self;
        segments.clear();
        for buffer in [shown, folded, once, deep, spare] {
            if buffer.capacity() < 2 * length {
                buffer.zeroize();
                buffer.reserve((2 * length).max(1024));
            }
            buffer.clear();
        }
    }

    /// Splits a path in which every byte is shown as it is: nothing needs to be copied.
    fn split_bare(&mut self, path: &[u8]) {
        self.segments.clear();
        let mut start = 1;
        let mut close = |end: usize| {
            let range = (start, end);
            self.segments.push(Segment {
                shown: range,
                folded: range,
                verdict: Verdict::Open,
                veiled: false,
            });
            start = end + 1;
        };
        // Segments are short: looking at sixteen bytes at once is faster than a search for each.
        let rest = path.get(1..).unwrap_or_default();
        let (chunks, tail) = rest.as_chunks::<16>();
        for (number, chunk) in chunks.iter().enumerate() {
            let mut slashes = u8x16::new(*chunk).simd_eq(u8x16::splat(b'/')).to_bitmask();
            while slashes != 0 {
                close(1 + 16 * number + slashes.trailing_zeros() as usize);
                slashes &= slashes - 1;
            }
        }
        for (at, &byte) in tail.iter().enumerate() {
            if byte == b'/' {
                close(1 + 16 * chunks.len() + at);
            }
        }
        close(path.len());
    }

    /// Splits any other path, decoding as it goes.
    fn split(&mut self, path: &[u8], known: &[Vec<u8>]) {
        for raw in path[1..].split(|&b| b == b'/') {
            let more = if is_known(raw, known) {
                self.push(raw, b"", Verdict::Placeholder);
                true
            } else if bare_length(raw) == raw.len() {
                self.push_bare(raw);
                true
            } else {
                self.split_segment(raw)
            };
            if !more {
                return;
            }
        }
    }

    /// Takes one raw segment; false when the path ends inside it.
    fn split_segment(&mut self, raw: &[u8]) -> bool {
        let (mut once, mut deep) = (std::mem::take(&mut self.once), std::mem::take(&mut self.deep));
        once.clear();
        decode(raw, &mut once);
        let settled = decode_deep(&once, &mut deep, &mut self.spare);
        let more = if !settled {
            // Nobody knows what further rounds would bring out, not even where the path ends.
            self.push(b"", b"", Verdict::Fixed(Shape::Token));
            false
        } else if deep.iter().any(|b| matches!(b, b'/' | b'\\' | b'?' | b';' | b'#')) {
            self.split_deep(&deep)
        } else {
            self.push_judged(&once, &deep);
            true
        };
        (self.once, self.deep) = (once, deep);
        more
    }

    /// Takes decoded text that has separators in it; false when one of them ends the path.
    ///
    /// An encoded slash may also be a character of a token in standard base64, so the whole is judged
    /// with the slashes as joints before its parts are.
    fn split_deep(&mut self, deep: &[u8]) -> bool {
        let cut = deep.iter().position(|b| matches!(b, b'?' | b';' | b'#'));
        let path = &deep[..cut.unwrap_or(deep.len())];
        self.spare.clear();
        self.spare.extend(path.iter().map(|&b| if b == b'/' { b'_' } else { b }));
        let token = shape(&self.spare) == Some(Shape::Token);
        let verdict = if token { Verdict::Fixed(Shape::Token) } else { Verdict::Open };
        for part in path.split(|b| matches!(b, b'/' | b'\\')) {
            self.push(part, part, if part.is_empty() { Verdict::Open } else { verdict });
        }
        cut.is_none()
    }

    /// Takes a segment that shows as `shown` and reads as `deep` to a server that decodes further.
    fn push_judged(&mut self, shown: &[u8], deep: &[u8]) {
        let mut verdict = Verdict::Open;
        if shown != deep {
            let start = self.folded.len();
            let text = fold(shown, &mut self.folded);
            let found = if text { shape(&self.folded[start..]) } else { Some(Shape::Bytes) };
            verdict = found.map_or(Verdict::Open, Verdict::Fixed);
            self.folded.truncate(start);
        }
        self.push(shown, deep, verdict);
    }

    /// Takes a segment that reads the same however it is decoded.
    fn push_bare(&mut self, raw: &[u8]) {
        let starts = (self.shown.len(), self.folded.len());
        self.shown.extend_from_slice(raw);
        self.folded.extend_from_slice(raw);
        self.segments.push(Segment {
            shown: (starts.0, self.shown.len()),
            folded: (starts.1, self.folded.len()),
            verdict: Verdict::Open,
            veiled: false,
        });
    }

    fn push(&mut self, shown: &[u8], deep: &[u8], mut verdict: Verdict) {
        let starts = (self.shown.len(), self.folded.len());
        self.shown.extend_from_slice(shown);
        if !fold(deep, &mut self.folded) {
            verdict = Verdict::Fixed(Shape::Bytes);
        }
        self.segments.push(Segment {
            shown: (starts.0, self.shown.len()),
            folded: (starts.1, self.folded.len()),
            verdict,
            veiled: shown != deep,
        });
    }
}

/// Prints the segments; true when they are a declared route. `bare` is the path when the segments
/// point into that, else they point into the buffers.
fn print(
    routes: &[Route],
    known: &[Vec<u8>],
    scratch: &mut Scratch,
    bare: Option<&[u8]>,
    out: &mut Vec<u8>,
) -> bool {
    let Scratch { segments, shown, folded, once, .. } = scratch;
    let shown = bare.unwrap_or(shown);
    let text = |s: &Segment| &shown[s.shown.0..s.shown.1];
    for route in routes.iter().filter(|r| r.len() == segments.len()) {
        if segments.iter().enumerate().all(|(i, s)| route.fits(i, text(s), known)) {
            for (i, segment) in segments.iter().enumerate() {
                let doubtful = segment.veiled || matches!(segment.verdict, Verdict::Fixed(_));
                out.push(b'/');
                route.print(i, text(segment), doubtful, known, once, out);
            }
            return true;
        }
    }
    let folded = bare.unwrap_or(folded);
    judge(segments, folded);
    print_guessed(segments, shown, folded, bare.is_some(), out);
    false
}

/// Gives every segment its verdict, and takes the pieces around a token for parts of it: a token in
/// standard base64 has slashes in it.
fn judge(segments: &mut [Segment], folded: &[u8]) {
    let mut token = false;
    for segment in segments.iter_mut().filter(|s| s.verdict == Verdict::Open) {
        if let Some(found) = shape(&folded[segment.folded.0..segment.folded.1]) {
            segment.verdict = Verdict::Fixed(found);
            token |= found == Shape::Token;
        }
    }
    if !token {
        return;
    }
    let is_token = |s: &Segment| s.verdict == Verdict::Fixed(Shape::Token);
    let is_piece =
        |s: &Segment| s.verdict == Verdict::Open && is_restless(&folded[s.folded.0..s.folded.1]);
    for i in 1..segments.len() {
        if is_token(&segments[i - 1]) && is_piece(&segments[i]) {
            segments[i].verdict = Verdict::Fixed(Shape::Token);
        }
    }
    for i in (1..segments.len()).rev() {
        if is_token(&segments[i]) && is_piece(&segments[i - 1]) {
            segments[i - 1].verdict = Verdict::Fixed(Shape::Token);
        }
    }
}

/// Prints segments by their looks and by what stands before them.
///
/// In a `bare` path the segments lie side by side, so what is shown is copied in long stretches.
fn print_guessed(segments: &[Segment], shown: &[u8], folded: &[u8], bare: bool, out: &mut Vec<u8>) {
    let mut after_user = false;
    let mut copied = 0;
    for segment in segments {
        let folded = &folded[segment.folded.0..segment.folded.1];
        let name = trim(folded);
        let filler = name.is_empty() && segment.verdict == Verdict::Open && folded != b"@";
        let found = match segment.verdict {
            _ if after_user && !filler && folded != b"@" => Some(Shape::User),
            Verdict::Fixed(found) => Some(found),
            Verdict::Open | Verdict::Placeholder => None,
        };
        let text = &shown[segment.shown.0..segment.shown.1];
        match found {
            Some(found) if bare => {
                out.extend_from_slice(&shown[copied..segment.shown.0]);
                out.extend_from_slice(found.placeholder().as_bytes());
                copied = segment.shown.1;
            }
            None if bare => {}
            _ => {
                out.push(b'/');
                match found {
                    Some(found) => out.extend_from_slice(found.placeholder().as_bytes()),
                    None if segment.verdict == Verdict::Placeholder => out.extend_from_slice(text),
                    None => encode(text, out),
                }
            }
        }
        // An empty or dotted segment does not come between `users` and the name.
        if !filler {
            after_user = announces_user(name) || folded == b"@";
        }
    }
    if bare {
        out.extend_from_slice(&shown[copied..]);
    }
}

/// The text without what stands around its words.
fn trim(folded: &[u8]) -> &[u8] {
    let inside = |b: &u8| b.is_ascii_alphanumeric() || *b >= 0x80;
    let Some(start) = folded.iter().position(inside) else { return b"" };
    let end = folded.iter().rposition(inside).map_or(start, |n| n + 1);
    &folded[start..end]
}

/// Whether the segment after `name` names a user.
#[inline]
fn announces_user(name: &[u8]) -> bool {
    const WORDS: [&[u8]; 13] = [
        b"u",
        b"user",
        b"users",
        b"member",
        b"members",
        b"profile",
        b"profiles",
        b"account",
        b"accounts",
        b"people",
        b"author",
        b"authors",
        b"by",
    ];
    const LONGEST: usize = 8;
    let begins = matches!(name.first().map(|b| b | 32), Some(b'u' | b'm' | b'p' | b'a' | b'b'));
    if !begins || name.len() > LONGEST {
        return false;
    }
    WORDS.iter().any(|word| word.eq_ignore_ascii_case(name))
}

#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests_edges;
#[cfg(test)]
mod tests_random;
