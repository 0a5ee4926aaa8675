//! One cookie out of a `Cookie` header: whether it is there, and its value.
//!
//! A header is read as servers log it, with its escapes undone: `a=b; c=d` (RFC 6265, section 4.2.1), several
//! headers with commas between them, a value in quotes, an array of JSON without its brackets. A value is for a
//! token and for nothing else; no name and no value is ever told.

/// The longest value that is read, in bytes. Identifiers of visitors have some forty; a longer value is a store of
/// its own, of which a token would change with every request.
pub const VALUE_BYTES_MAX: usize = 256;

/// Whether the header has a cookie of that name, with a value or without.
#[must_use]
pub fn has(header: &[u8], name: &str) -> bool {
    pairs(header).any(|(found, _)| found == name.as_bytes())
}

/// The first value of the cookie of that name, as it stands there; none where there is none, where it is empty, or
/// where it is longer than [`VALUE_BYTES_MAX`].
///
/// ```
/// use tamis::transform::cookie::value;
///
/// assert_eq!(value(b"lang=de; visitor=abc123", "visitor"), Some(&b"abc123"[..]));
/// assert_eq!(value(b"lang=de; visitor=", "visitor"), None);
/// ```
#[must_use]
pub fn value<'a>(header: &'a [u8], name: &str) -> Option<&'a [u8]> {
    let values = pairs(header).filter(|(found, _)| *found == name.as_bytes());
    let value = values.map(|(_, value)| value).find(|value| !value.is_empty())?;
    (value.len() <= VALUE_BYTES_MAX).then_some(value)
}

/// Whether a cookie may have that name (RFC 6265: a token of RFC 2616, section 2.2).
#[must_use]
pub fn is_name(name: &str) -> bool {
    let is_fine = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    (1..=VALUE_BYTES_MAX).contains(&name.len()) && name.bytes().all(is_fine)
}

/// The names and values. A comma separates them as a semicolon does: neither may stand in a value.
fn pairs(header: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    header.split(|byte| matches!(byte, b';' | b',')).map(|pair| {
        let equals = memchr::memchr(b'=', pair).unwrap_or(pair.len());
        let (name, value) = pair.split_at(equals);
        (bare(name), bare(value.strip_prefix(b"=").unwrap_or(value)))
    })
}

/// The text without the spaces and quotes around it.
fn bare(text: &[u8]) -> &[u8] {
    let is_around = |byte: &u8| matches!(byte, b' ' | b'\t' | b'"');
    let start = text.iter().position(|byte| !is_around(byte)).unwrap_or(text.len());
    let end = text.iter().rposition(|byte| !is_around(byte)).map_or(start, |last| last + 1);
    &text[start..end]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(header: &str, has_it: bool, expect: Option<&str>) {
        let found = value(header.as_bytes(), "visitor");
        let found = found.map(|value| str::from_utf8(value).expect("the test's own text"));
        assert_eq!((has(header.as_bytes(), "visitor"), found), (has_it, expect), "{header}");
    }

    #[test]
    fn a_value_is_that_of_the_name() {
        for (header, expect) in [
            ("visitor=abc", "abc"),
            ("a=b; visitor=abc; c=d", "abc"),
            ("a=b;visitor = abc ", "abc"),
            ("visitor=\"abc\"; a=b", "abc"),
            ("visitor=a=b==", "a=b=="),
            ("visitor=a%20b+c|True", "a%20b+c|True"),
            ("a=b\",\"visitor=abc", "abc"),
            ("\"visitor=abc; a=b\", \"c=d\"", "abc"),
            ("visitor=; visitor=abc; visitor=def", "abc"),
        ] {
            check(header, true, Some(expect));
        }
        check("visitor", true, None);
        check("visitor=", true, None);
        check("visitor=\"\"; a=b", true, None);
        for header in
            ["", "-", "a=b", "xvisitor=a", "visitors=a", "VISITOR=a", "a=visitor", "=visitor"]
        {
            check(header, false, None);
        }
        let long = |length: usize| format!("a=b; visitor={}", "x".repeat(length));
        check(&long(VALUE_BYTES_MAX), true, Some(&"x".repeat(VALUE_BYTES_MAX)));
        check(&long(VALUE_BYTES_MAX + 1), true, None);
    }

    #[test]
    fn names_are_those_that_a_header_may_have() {
        for name in ["visitor", "SC_ANALYTICS_GLOBAL_COOKIE", "__Host-id", "a.b|c"] {
            assert!(is_name(name), "{name}");
        }
        for name in ["", "a b", "a=b", "a;b", "a,b", "\"a\"", "b\u{e4}r", "a\n"] {
            assert!(!is_name(name), "{name}");
        }
    }

    proptest! {
        #[test]
        fn any_header_is_read(header in any::<Vec<u8>>(), name in "[a-c=;\" ]{0,3}") {
            let found = value(&header, &name);
            prop_assert!(found.is_none() || has(&header, &name));
            prop_assert!(found.is_none_or(|value| (1..=VALUE_BYTES_MAX).contains(&value.len())));
        }

        #[test]
        fn a_value_that_was_sent_is_found(value in "[!-~&&[^\",;\\\\]]{1,256}", before in "[a-u]{0,5}=[0-9]{0,9}") {
            let header = format!("{before}; visitor={value}; z=1");
            prop_assert_eq!(super::value(header.as_bytes(), "visitor"), Some(value.as_bytes()));
        }
    }
}
