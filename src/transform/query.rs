//! The parameters of a query that an operator has listed, with the values that were listed.
//!
//! What comes out is a pair of numbers into the operator's own lists, so nothing that a visitor typed
//! can come out. A value that is not listed is not reported at all, not even that it was there; and
//! text that is encoded twice is not decoded twice.

use std::fmt;

use memchr::{memchr, memchr2};

/// A listed parameter and its listed values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Param {
    /// The name as it stands in a decoded query.
    pub name: String,
    /// The only values that are reported.
    pub values: Vec<String>,
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
            if param.values.len() > MAX {
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

    /// Appends the number of each listed parameter of `target` with the number of its listed value,
    /// in the order of the query. The first occurrence of a parameter wins, so that a later one
    /// cannot change what the first said.
    pub fn read(&self, target: &[u8], out: &mut Vec<(u8, u8)>) {
        if self.params.is_empty() {
            return;
        }
        let Some(mut query) = query_of(target) else { return };
        let mut taken = [false; u8::MAX as usize];
        while !query.is_empty() {
            let end = memchr2(b'&', b';', query).unwrap_or(query.len());
            let (name, value) = halves(&query[..end]);
            query = query.get(end + 1..).unwrap_or_default();
            let Some(p) = self.params.iter().position(|p| reads_as(name, p.name.as_bytes())) else {
                continue;
            };
            if std::mem::replace(&mut taken[p], true) {
                continue;
            }
            let values = &self.params[p].values;
            if let Some(v) = values.iter().position(|v| reads_as(value, v.as_bytes())) {
                out.push((p as u8, v as u8));
            }
        }
    }
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
        let (byte, used) = match rest {
            [b'%', high, low, ..] => match (digit(*high), digit(*low)) {
                (Some(high), Some(low)) => (high << 4 | low, 3),
                _ => (b'%', 1),
            },
            [b'+', ..] => (b' ', 1),
            [byte, ..] => (*byte, 1),
            [] => return false,
        };
        if byte != want {
            return false;
        }
        rest = &rest[used..];
    }
    rest.is_empty()
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
            values: values.iter().map(|&v| v.to_owned()).collect(),
        };
        let list = [param("lang", &["en", "pt br"]), param("flag", &[""]), param("é", &["100%"])];
        Params::new(list.to_vec()).unwrap()
    }

    #[track_caller]
    fn check(target: &str, expect: &[(u8, u8)]) {
        let mut out = Vec::new();
        params().read(target.as_bytes(), &mut out);
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

    #[test]
    fn long_lists_are_refused() {
        let param = |i: usize, n| Param {
            name: format!("p{i}"),
            values: (0..n).map(|v| v.to_string()).collect(),
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
            let params = params();
            params.read(&target, &mut out);
            for (p, v) in out {
                prop_assert!(usize::from(v) < params.params()[usize::from(p)].values.len());
            }
        }
    }
}
