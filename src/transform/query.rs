//! The parameters of a query that an operator has listed, with the values that were listed.
//!
//! What comes out is a pair of numbers into the operator's own lists, so nothing that a visitor typed
//! can come out. A value that is not listed is not reported at all, not even that it was there; and
//! text that is encoded twice is not decoded twice.
//!
//! Instead of a list a parameter may have a [`Pattern`]: a short form of small classes without repetition
//! or choice, which the whole value must have, and no identifier's shape besides. Only then does text of a
//! visitor come out, letters, digits and `_ . -` in it, and at most 32 of them.

mod pattern;

use std::fmt;

use memchr::{memchr, memchr2};

pub use pattern::{Pattern, PatternError, VALUE_BYTES_MAX};

use super::path::{Shape, shape};

/// How many kept parameters a record shows at most; more in one request is nobody's ordinary use.
pub const QUERY_MAX: usize = 4;

/// The number of a value that is text because it has the parameter's pattern.
const TEXT: u8 = u8::MAX;

/// A listed parameter and its listed values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Param {
    /// The name as it stands in a decoded query.
    pub name: String,
    /// The only values that are reported.
    pub values: Values,
}

/// The values of a parameter that are reported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Values {
    /// These.
    Listed(Vec<String>),
    /// Those that have this pattern and no identifier's shape.
    Pattern(Pattern),
}

/// The listed parameters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Params {
    /// At most 255, each with at most 255 values, so that a number fits in a byte.
    params: Vec<Param>,
}

/// A list that is too long.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ParamsError {
    /// More than 255 parameters.
    TooManyParams,
    /// More than 255 values of the parameter that is named.
    TooManyValues(String),
    /// The parameter that is named stands twice.
    Repeated(String),
}

impl fmt::Display for ParamsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooManyParams => write!(f, "There are more than 255 listed parameters."),
            Self::TooManyValues(name) => {
                write!(f, "The parameter `{name}` has more than 255 listed values.")
            }
            Self::Repeated(name) => write!(f, "The parameter `{name}` is listed twice."),
        }
    }
}

impl std::error::Error for ParamsError {}

impl Params {
    /// Takes the listed parameters.
    ///
    /// # Errors
    ///
    /// When a list is longer than 255, or a name stands twice.
    pub fn new(params: Vec<Param>) -> Result<Self, ParamsError> {
        const MAX: usize = u8::MAX as usize;
        if params.len() > MAX {
            return Err(ParamsError::TooManyParams);
        }
        for (i, param) in params.iter().enumerate() {
            if matches!(&param.values, Values::Listed(values) if values.len() > MAX) {
                return Err(ParamsError::TooManyValues(param.name.clone()));
            }
            if params[..i].iter().any(|p| p.name == param.name) {
                return Err(ParamsError::Repeated(param.name.clone()));
            }
        }
        Ok(Self { params })
    }

    /// The listed parameters, in the order of their numbers.
    #[must_use]
    pub fn params(&self) -> &[Param] {
        &self.params
    }

    /// The name of a parameter that [`Self::read`] reported, and its value: that of the list, or the next of
    /// `texts`.
    #[must_use]
    pub fn words<'a>(
        &'a self,
        (name, value): (u8, u8),
        texts: &mut impl Iterator<Item = &'a [u8]>,
    ) -> (&'a str, &'a [u8]) {
        let param = &self.params[usize::from(name)];
        let value = match &param.values {
            Values::Listed(values) => values[usize::from(value)].as_bytes(),
            Values::Pattern(_) => texts.next().unwrap_or_default(),
        };
        (&param.name, value)
    }

    /// Appends the number of each listed parameter of `target` with the number of its listed value,
    /// in the order of the query and up to [`QUERY_MAX`] of them; and to `texts`, each after a space, the
    /// values that have a pattern. The first occurrence of a parameter wins, so that a later one
    /// cannot change what the first said.
    pub fn read(&self, target: &[u8], out: &mut Vec<(u8, u8)>, texts: &mut Vec<u8>) {
        if self.params.is_empty() {
            return;
        }
        let Some(mut query) = query_of(target) else { return };
        let mut taken = [false; u8::MAX as usize];
        while !query.is_empty() && out.len() < QUERY_MAX {
            let end = memchr2(b'&', b';', query).unwrap_or(query.len());
            let (name, value) = halves(&query[..end]);
            query = query.get(end + 1..).unwrap_or_default();
            let Some(p) = self.params.iter().position(|p| reads_as(name, p.name.as_bytes())) else {
                continue;
            };
            if std::mem::replace(&mut taken[p], true) {
                continue;
            }
            match &self.params[p].values {
                Values::Listed(values) => {
                    if let Some(v) = values.iter().position(|v| reads_as(value, v.as_bytes())) {
                        out.push((p as u8, v as u8));
                    }
                }
                Values::Pattern(pattern) => {
                    let mut room = [0; VALUE_BYTES_MAX];
                    if let Some(value) = plain(value, &mut room)
                        && pattern.fits(value)
                        && !is_identifying(value)
                    {
                        out.push((p as u8, TEXT));
                        texts.push(b' ');
                        texts.extend_from_slice(value);
                    }
                }
            }
        }
    }
}

/// Whether the query of `target` has a parameter of this name, whatever its value.
#[must_use]
pub fn has(target: &[u8], name: &str) -> bool {
    let params = query_of(target).into_iter().flat_map(|q| q.split(|b| matches!(b, b'&' | b';')));
    params.into_iter().any(|param| reads_as(halves(param).0, name.as_bytes()))
}

/// The value of the first parameter of this name in the query of `target`, as it is written there.
#[must_use]
pub fn raw_value<'a>(target: &'a [u8], name: &str) -> Option<&'a [u8]> {
    let params = query_of(target).into_iter().flat_map(|q| q.split(|b| matches!(b, b'&' | b';')));
    let mut halves = params.map(halves);
    halves.find(|(found, _)| reads_as(found, name.as_bytes())).map(|(_, value)| value)
}

/// Whether a value has an identifier's shape. Digits alone are what pages and years are made of, and the
/// operator asked for them; six of them are not.
fn is_identifying(value: &[u8]) -> bool {
    let digits = value.iter().filter(|b| b.is_ascii_digit()).count();
    match shape(value) {
        Some(Shape::Id) => digits >= 6,
        found => found.is_some(),
    }
}

/// The value decoded once, in `room`; nothing where it is longer than that.
fn plain<'a>(raw: &[u8], room: &'a mut [u8; VALUE_BYTES_MAX]) -> Option<&'a [u8]> {
    let (mut rest, mut length) = (raw, 0);
    while !rest.is_empty() {
        let (byte, used) = decoded(rest);
        *room.get_mut(length)? = byte;
        length += 1;
        rest = &rest[used..];
    }
    Some(&room[..length])
}

/// What stands between the first `?` and the fragment.
fn query_of(target: &[u8]) -> Option<&[u8]> {
    let fragment = memchr(b'#', target).unwrap_or(target.len());
    let target = &target[..fragment];
    let mark = memchr(b'?', target)?;
    Some(&target[mark + 1..])
}

/// The name and the value of a parameter; without `=` the value is empty.
fn halves(param: &[u8]) -> (&[u8], &[u8]) {
    match memchr(b'=', param) {
        Some(n) => (&param[..n], &param[n + 1..]),
        None => (param, b""),
    }
}

/// Whether `raw` decodes to `plain`. Nothing is written down: a value that is not listed is compared
/// and forgotten.
fn reads_as(raw: &[u8], plain: &[u8]) -> bool {
    if memchr2(b'%', b'+', raw).is_none() {
        return raw == plain;
    }
    let mut rest = raw;
    for &want in plain {
        if rest.is_empty() {
            return false;
        }
        let (byte, used) = decoded(rest);
        if byte != want {
            return false;
        }
        rest = &rest[used..];
    }
    rest.is_empty()
}

/// The first decoded byte of `text`, which is not empty, and how many bytes it took.
fn decoded(text: &[u8]) -> (u8, usize) {
    match text {
        [b'%', high, low, ..] => match (digit(*high), digit(*low)) {
            (Some(high), Some(low)) => (high << 4 | low, 3),
            _ => (b'%', 1),
        },
        [b'+', ..] => (b' ', 1),
        _ => (text[0], 1),
    }
}

fn digit(b: u8) -> Option<u8> {
    char::from(b).to_digit(16).map(|d| d as u8)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn params() -> Params {
        let param = |name: &str, values: &[&str]| Param {
            name: name.to_owned(),
            values: Values::Listed(values.iter().map(|&v| v.to_owned()).collect()),
        };
        let list = [param("lang", &["en", "pt br"]), param("flag", &[""]), param("é", &["100%"])];
        Params::new(list.to_vec()).unwrap()
    }

    #[track_caller]
    fn check(target: &str, expect: &[(u8, u8)]) {
        let mut out = Vec::new();
        params().read(target.as_bytes(), &mut out, &mut Vec::new());
        assert_eq!(out, expect, "for {target}");
    }

    #[test]
    fn listed_values_are_reported() {
        check("/?lang=en", &[(0, 0)]);
        check("/?lang=pt+br&flag", &[(0, 1), (1, 0)]);
        check("/?lang=pt%20br;flag=", &[(0, 1), (1, 0)]);
        check("/?l%61ng=%65n#x", &[(0, 0)]);
        check("/?%C3%A9=100%", &[(2, 0)]);
        check("/?%c3%a9=100%25", &[(2, 0)]);
        check("https://example.com?a=b&lang=en", &[(0, 0)]);
    }

    #[test]
    fn nothing_else_is() {
        for target in [
            "",
            "/lang=en",
            "/?lang=de",
            "/?lang=EN",
            "/?Lang=en",
            "/?lang=en%00",
            "/?lang=%2565n",
            "/?lang",
            "/#?lang=en",
            "/?q=lang=en",
            "/?lang=alice&lang=en",
            "/?a?lang=en",
            "/?flag=x",
        ] {
            check(target, &[]);
        }
        check("/?lang=en&lang=pt+br", &[(0, 0)]);
    }

    fn with_patterns() -> Params {
        let param = |name: &str, pattern| Param {
            name: name.to_owned(),
            values: Values::Pattern(Pattern::parse(pattern).unwrap()),
        };
        let list = [
            param("page", "{digits:1-8}"),
            param("v", "{digits:1-2}.{digits:1-2}"),
            param("w", "{alnum:2-32}"),
        ];
        Params::new(list.to_vec()).unwrap()
    }

    #[track_caller]
    fn check_text(target: &str, expect: &str) {
        let (mut out, mut texts, params) = (Vec::new(), Vec::new(), with_patterns());
        params.read(target.as_bytes(), &mut out, &mut texts);
        let mut values = texts.split(|b| *b == b' ').skip(1);
        let pairs: Vec<_> = out
            .iter()
            .map(|pair| {
                let (name, value) = params.words(*pair, &mut values);
                format!("{name}={}", value.escape_ascii())
            })
            .collect();
        assert_eq!(pairs.join("&"), expect, "for {target}");
    }

    #[test]
    fn values_that_have_a_pattern_are_reported() {
        check_text("/?page=12&v=6.4", "page=12&v=6.4");
        check_text("/?v=6.4&x=1&page=7&page=8", "v=6.4&page=7");
        check_text("/?page=%31%32&w=Teapot", "page=12&w=Teapot");
        check_text("/?page=12345", "page=12345");
    }

    #[test]
    fn values_of_another_pattern_or_an_identifiers_shape_are_not() {
        for target in [
            "/?page=",
            "/?page=12a",
            "/?page= 12",
            "/?page=%2531",
            "/?page=123456",
            "/?page=12345678",
            "/?page=123456789",
            "/?v=6",
            "/?v=6.4.1",
            "/?w=d41d8cd98f00b204e9800998ecf8427e",
            "/?w=192x0x2x77",
            "/?w=alice%40example.com",
            "/?w=a+b",
            "/?w=%C3%A9%C3%A9",
        ] {
            check_text(target, "");
        }
    }

    #[test]
    fn a_parameter_is_there_whatever_its_value() {
        for target in ["/?optout", "/?a=b&optout=1", "/?a;optout=0#x", "/?opt%6Fut"] {
            assert!(has(target.as_bytes(), "optout"), "{target}");
        }
        for target in ["/optout", "/?a=optout", "/?optout2", "/#?optout", "/?", ""] {
            assert!(!has(target.as_bytes(), "optout"), "{target}");
        }
    }

    #[test]
    fn long_lists_are_refused() {
        let param = |i: usize, n| Param {
            name: format!("p{i}"),
            values: Values::Listed((0..n).map(|v: i32| v.to_string()).collect()),
        };
        assert!(Params::new((0..255).map(|i| param(i, 1)).collect()).is_ok());
        assert_eq!(
            Params::new((0..256).map(|i| param(i, 1)).collect()),
            Err(ParamsError::TooManyParams)
        );
        assert!(Params::new(vec![param(0, 255)]).is_ok());
        assert!(Params::new(vec![param(0, 256)]).is_err());
        assert!(Params::new(vec![param(0, 1), param(0, 1)]).is_err());
    }

    proptest! {
        #[test]
        fn numbers_are_in_range(target in prop::collection::vec(any::<u8>(), 0..60)) {
            let mut out = Vec::new();
            let (params, mut texts) = (params(), Vec::new());
            params.read(&target, &mut out, &mut texts);
            prop_assert!(texts.is_empty());
            for (p, v) in out {
                let Values::Listed(values) = &params.params()[usize::from(p)].values else { continue };
                prop_assert!(usize::from(v) < values.len());
            }
        }
    }
}
