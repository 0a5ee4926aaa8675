//! Declared routes: the parts of a path that an operator names instead of leaving them to guesses.
//!
//! A pattern is literal text with captures, `/blog/{year}/{slug}`, and it matches a whole path. The
//! text of a capture never comes out unless the capture is listed as kept, and then only when it has
//! no identifier's shape. There are no wildcards over several segments and no regular expressions.

use std::fmt;

use super::percent::{decode, encode, fold};
use super::shape::{Shape, shape};

/// Captures in one pattern; more than this is a mistake in the policy, not a site.
const CAPTURES_MAX: usize = 32;

/// A declared route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    segments: Vec<Vec<Piece>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Literal(Vec<u8>),
    Capture {
        /// The name in braces, which is what is printed.
        name: String,
        keep: bool,
    },
}

/// Why a route is not one. Only the policy's own text is named.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RouteError {
    /// The pattern does not begin with `/`.
    NoSlash(String),
    /// A literal has a character that no cleaned path has.
    BadLiteral(String),
    /// A brace is not closed, or not opened.
    Brace(String),
    /// A capture's name is not `[a-z][a-z0-9_]*`.
    BadName(String),
    /// Two captures touch, so nothing says where the first ends.
    Touching(String),
    /// A name stands twice.
    Repeated(String),
    /// There are more than 32 captures.
    TooMany(String),
    /// A name is to be kept that the pattern does not have.
    NotCaptured(String),
}

impl fmt::Display for RouteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoSlash(p) => write!(f, "The route `{p}` must begin with `/`."),
            Self::BadLiteral(p) => write!(
                f,
                "The route `{p}` has one of `? ; # \\` or a control character, which no path keeps."
            ),
            Self::Brace(p) => write!(f, "The route `{p}` has a brace without its partner."),
            Self::BadName(n) => write!(
                f,
                "The capture `{n}` must be a small letter followed by small letters, digits or `_`."
            ),
            Self::Touching(p) => {
                write!(f, "The route `{p}` has two captures with no text between them.")
            }
            Self::Repeated(n) => write!(f, "The capture `{n}` stands twice in its route."),
            Self::TooMany(p) => {
                write!(f, "The route `{p}` has more than {CAPTURES_MAX} captures.")
            }
            Self::NotCaptured(n) => {
                write!(f, "The name `{n}` is to be kept, but its route does not capture it.")
            }
        }
    }
}

impl std::error::Error for RouteError {}

impl Route {
    /// Reads a pattern such as `/wordpress-{version}.{ext}`; the captures named in `keep` show their
    /// text where it has no identifier's shape.
    ///
    /// # Errors
    ///
    /// A sentence that says what is wrong with the pattern.
    pub fn parse(pattern: &str, keep: &[String]) -> Result<Self, RouteError> {
        let Some(path) = pattern.strip_prefix('/') else {
            return Err(RouteError::NoSlash(pattern.to_owned()));
        };
        let segments = path
            .split('/')
            .map(|segment| pieces(pattern, segment, keep))
            .collect::<Result<Vec<_>, _>>()?;
        let route = Self { segments };
        let names: Vec<&str> = route.names().collect();
        if names.len() > CAPTURES_MAX {
            return Err(RouteError::TooMany(pattern.to_owned()));
        }
        for (i, name) in names.iter().enumerate() {
            if names[..i].contains(name) {
                return Err(RouteError::Repeated((*name).to_owned()));
            }
        }
        for name in keep {
            if !names.iter().any(|n| &n[1..n.len() - 1] == name) {
                return Err(RouteError::NotCaptured(name.clone()));
            }
        }
        Ok(route)
    }

    /// The names of the captures, in braces.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.segments.iter().flatten().filter_map(|piece| match piece {
            Piece::Capture { name, .. } => Some(name.as_str()),
            Piece::Literal(_) => None,
        })
    }

    /// How many segments a path must have to match.
    pub(super) fn len(&self) -> usize {
        self.segments.len()
    }

    /// Whether the decoded text of segment `index` fits.
    pub(super) fn fits(&self, index: usize, text: &[u8], known: &[Vec<u8>]) -> bool {
        let braced = memchr::memchr(b'{', text).is_some();
        let mut end = 0;
        walk(&self.segments[index], text, |_, part| {
            end += part.len();
            !braced || !cuts_placeholder(text, end, known)
        })
    }

    /// Prints the captures of segment `index` that are kept, as [`Self::print`] does, each after a space where
    /// something stands before it.
    pub(super) fn print_kept(
        &self,
        index: usize,
        text: &[u8],
        doubtful: bool,
        known: &[Vec<u8>],
        folded: &mut Vec<u8>,
        out: (&mut Vec<u8>, usize),
    ) {
        let (out, start) = out;
        walk(&self.segments[index], text, |piece, part| {
            if let Piece::Capture { name, keep: true } = piece {
                if out.len() > start {
                    out.push(b' ');
                }
                match shape_of_kept(part, folded) {
                    _ if is_known(part, known) => out.extend_from_slice(part),
                    _ if doubtful => out.extend_from_slice(name.as_bytes()),
                    Some(found) => out.extend_from_slice(found.placeholder().as_bytes()),
                    None => encode(part, out),
                }
            }
            true
        });
    }

    /// Prints segment `index`, whose text [fits](Self::fits). Nothing is kept when `doubtful`.
    pub(super) fn print(
        &self,
        index: usize,
        text: &[u8],
        doubtful: bool,
        known: &[Vec<u8>],
        folded: &mut Vec<u8>,
        out: &mut Vec<u8>,
    ) {
        let pieces = &self.segments[index];
        let kept = pieces.iter().filter(|p| matches!(p, Piece::Capture { keep: true, .. })).count();
        // Two harmless halves may join to something that is not.
        let doubtful = doubtful || kept > 1 && shape_of(text, folded).is_some();
        walk(pieces, text, |piece, part| {
            match piece {
                Piece::Literal(_) => encode(part, out),
                Piece::Capture { keep: true, .. } if is_known(part, known) => {
                    out.extend_from_slice(part);
                }
                Piece::Capture { keep: true, .. } if !doubtful => {
                    match shape_of_kept(part, folded) {
                        Some(found) => out.extend_from_slice(found.placeholder().as_bytes()),
                        None => encode(part, out),
                    }
                }
                Piece::Capture { name, .. } => out.extend_from_slice(name.as_bytes()),
            }
            true
        });
    }
}

/// The literals and captures of one segment of a pattern.
fn pieces(pattern: &str, segment: &str, keep: &[String]) -> Result<Vec<Piece>, RouteError> {
    let mut found = Vec::new();
    let mut rest = segment;
    while !rest.is_empty() {
        if let Some(inside) = rest.strip_prefix('{') {
            let Some((name, after)) = inside.split_once('}') else {
                return Err(RouteError::Brace(pattern.to_owned()));
            };
            if !is_name(name) {
                return Err(RouteError::BadName(name.to_owned()));
            }
            if matches!(found.last(), Some(Piece::Capture { .. })) {
                return Err(RouteError::Touching(pattern.to_owned()));
            }
            let keep = keep.iter().any(|k| k == name);
            found.push(Piece::Capture { name: format!("{{{name}}}"), keep });
            rest = after;
        } else {
            let end = rest.find('{').unwrap_or(rest.len());
            found.push(Piece::Literal(literal(pattern, &rest[..end])?));
            rest = &rest[end..];
        }
    }
    Ok(found)
}

/// A literal's text as decoded segments have it.
fn literal(pattern: &str, text: &str) -> Result<Vec<u8>, RouteError> {
    let mut bytes = Vec::new();
    decode(text.as_bytes(), &mut bytes);
    if bytes.iter().any(|b| matches!(b, b'{' | b'}')) {
        return Err(RouteError::Brace(pattern.to_owned()));
    }
    if bytes.iter().any(|b| matches!(b, b'?' | b';' | b'#' | b'\\' | b'/') || b.is_ascii_control())
        || std::str::from_utf8(&bytes).is_err()
    {
        return Err(RouteError::BadLiteral(pattern.to_owned()));
    }
    Ok(bytes)
}

fn is_name(name: &str) -> bool {
    name.as_bytes().first().is_some_and(u8::is_ascii_lowercase)
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
}

/// Walks the pieces along `text`, each capture as short as it can be; stops when `visit` says no.
///
/// Taking the first place where the next literal stands is enough: if any division fits, this one
/// does, except that a last literal has to stand at the end.
fn walk<'p, 't>(
    pieces: &'p [Piece],
    text: &'t [u8],
    mut visit: impl FnMut(&'p Piece, &'t [u8]) -> bool,
) -> bool {
    let mut rest = text;
    for (i, piece) in pieces.iter().enumerate() {
        let length = match piece {
            Piece::Literal(literal) if rest.starts_with(literal) => Some(literal.len()),
            Piece::Literal(_) => None,
            Piece::Capture { .. } => match pieces.get(i + 1) {
                Some(Piece::Literal(next)) => capture(rest, next, i + 2 == pieces.len()),
                _ => Some(rest.len()),
            },
        };
        match length {
            Some(n)
                if (n > 0 || matches!(piece, Piece::Literal(_))) && visit(piece, &rest[..n]) =>
            {
                rest = &rest[n..];
            }
            _ => return false,
        }
    }
    rest.is_empty()
}

/// The length of a capture that the literal `next` follows; `last` when nothing follows that.
fn capture(rest: &[u8], next: &[u8], last: bool) -> Option<usize> {
    if last {
        return rest.ends_with(next).then(|| rest.len() - next.len());
    }
    let found = rest.get(1..)?.windows(next.len()).position(|w| w == next)?;
    Some(found + 1)
}

/// Whether `at` lies inside a placeholder of `text`. No capture may end there, so that a path that was
/// cleaned by one route cannot be torn apart by another.
fn cuts_placeholder(text: &[u8], at: usize, known: &[Vec<u8>]) -> bool {
    let Some(open) = memchr::memrchr(b'{', &text[..at]) else { return false };
    let Some(close) = memchr::memchr(b'}', &text[at..]) else { return false };
    is_known(&text[open..=at + close], known)
}

/// Whether `text` is one of the placeholders that this cleaner prints.
pub(super) fn is_known(text: &[u8], known: &[Vec<u8>]) -> bool {
    text.first() == Some(&b'{')
        && (Shape::ALL.iter().any(|s| s.placeholder().as_bytes() == text)
            || known.iter().any(|k| k == text))
}

fn shape_of(text: &[u8], folded: &mut Vec<u8>) -> Option<Shape> {
    folded.clear();
    if fold(text, folded) { shape(folded) } else { Some(Shape::Bytes) }
}

/// The shape of a kept capture. Digits alone are what years and page numbers are made of, and the
/// operator asked for them; six of them are not.
fn shape_of_kept(text: &[u8], folded: &mut Vec<u8>) -> Option<Shape> {
    let found = shape_of(text, folded)?;
    let digits = folded.iter().filter(|b| b.is_ascii_digit()).count();
    if found == Shape::Id && digits < 6 { None } else { Some(found) }
}
