//! The encodings in which identifiers are planted and searched for.
//!
//! They are written here once more, and not taken from the program, which must not judge itself.

/// A way of writing bytes as other bytes.
pub(crate) struct Encoding {
    pub(crate) name: &'static str,
    /// How it is planted.
    pub(crate) write: fn(&[u8]) -> Vec<u8>,
    /// How it is searched for.
    pub(crate) search: fn(&[u8]) -> Vec<Vec<u8>>,
    /// Also searched for in the less usual notations of an identifier.
    pub(crate) is_common: bool,
}

const fn rare(
    name: &'static str,
    write: fn(&[u8]) -> Vec<u8>,
    search: fn(&[u8]) -> Vec<Vec<u8>>,
) -> Encoding {
    Encoding { name, write, search, is_common: false }
}

const fn common(
    name: &'static str,
    write: fn(&[u8]) -> Vec<u8>,
    search: fn(&[u8]) -> Vec<Vec<u8>>,
) -> Encoding {
    Encoding { name, write, search, is_common: true }
}

/// All encodings. The search does not mind the case of letters.
pub(crate) const ENCODINGS: &[Encoding] = &[
    common("raw", <[u8]>::to_vec, |text| vec![text.to_vec()]),
    rare("capitals", <[u8]>::to_ascii_uppercase, |text| vec![text.to_vec()]),
    common("percent", |text| each(text, "%", "", upper), |text| vec![each(text, "%", "", upper)]),
    rare(
        "small percent",
        |text| each(text, "%", "", lower),
        |text| vec![each(text, "%", "", upper)],
    ),
    rare(
        "percent twice",
        |text| each(text, "%25", "", upper),
        |text| vec![each(text, "%25", "", upper)],
    ),
    common("form", form, |text| vec![form(text)]),
    common("base64", |text| base64(text, STANDARD, true), |text| aligned(text, STANDARD)),
    rare("base64url", |text| base64(text, URL, false), |text| aligned(text, URL)),
    rare(
        "base64 of a pair",
        |text| base64(&[b"u:", text].concat(), STANDARD, true),
        |text| aligned(text, STANDARD),
    ),
    common("hex", |text| each(text, "", "", lower), |text| vec![each(text, "", "", lower)]),
    rare("capital hex", |text| each(text, "", "", upper), |text| vec![each(text, "", "", lower)]),
    rare(
        "log escapes",
        |text| each(text, "\\x", "", upper),
        |text| vec![each(text, "\\x", "", upper)],
    ),
    rare("escaped quotes", |text| [b"\\\"", text, b"\\\""].concat(), |text| vec![text.to_vec()]),
    rare(
        "entities",
        |text| each(text, "&#x", ";", lower),
        |text| vec![each(text, "&#x", ";", lower)],
    ),
    rare("decimal entities", entities, |text| vec![entities(text)]),
    rare(
        "json escapes",
        |text| each(text, "\\u00", "", lower),
        |text| vec![each(text, "\\u00", "", lower)],
    ),
    rare(
        "escaped json escapes",
        |text| each(text, "\\\\u00", "", lower),
        // A backslash separates segments of a path for some servers, and may come out as a slash.
        |text| vec![each(text, "\\\\u00", "", lower), each(text, "u00", "/", lower)],
    ),
    rare(
        "percent u",
        |text| each(text, "%u00", "", lower),
        |text| vec![each(text, "%u00", "", lower)],
    ),
    rare("punycode", |text| [b"xn--", text, b"-kva"].concat(), |text| vec![text.to_vec()]),
    rare(
        "two-byte characters",
        |text| each(text, "%", "%00", upper),
        |text| vec![each(text, "%", "%00", upper)],
    ),
    rare("full width", wide, |text| vec![wide(text)]),
    rare("overlong", overlong, |text| vec![overlong(text)]),
];

fn upper(byte: u8) -> String {
    format!("{byte:02X}")
}

fn lower(byte: u8) -> String {
    format!("{byte:02x}")
}

/// Each byte as two digits between two texts.
fn each(text: &[u8], before: &str, after: &str, digits: fn(u8) -> String) -> Vec<u8> {
    let encoded = text.iter().map(|byte| format!("{before}{}{after}", digits(*byte)));
    let mut encoded = encoded.collect::<String>().into_bytes();
    if after == "/" {
        encoded.pop();
    }
    encoded
}

/// As a form sends it: `+` for a space, and escapes where there is need.
fn form(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    for byte in text {
        match byte {
            b' ' => out.push(b'+'),
            b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' | b'-' | b'.' | b'_' | b'~' => out.push(*byte),
            _ => out.extend(format!("%{byte:02X}").bytes()),
        }
    }
    out
}

fn entities(text: &[u8]) -> Vec<u8> {
    text.iter().map(|byte| format!("&#{byte};")).collect::<String>().into_bytes()
}

/// The full-width forms of ASCII, as UTF-8 in percent escapes.
fn wide(text: &[u8]) -> Vec<u8> {
    let mut out = String::new();
    for byte in text {
        let symbol = char::from_u32(u32::from(*byte) + 0xFEE0).expect("a full-width form");
        let symbol = if *byte == b' ' { '\u{3000}' } else { symbol };
        for byte in symbol.encode_utf8(&mut [0; 4]).bytes() {
            out += &format!("%{byte:02X}");
        }
    }
    out.into_bytes()
}

/// Each byte in two, which UTF-8 forbids and some servers read.
fn overlong(text: &[u8]) -> Vec<u8> {
    let pair = |byte: &u8| format!("%{:02X}%{:02X}", 0xC0 | byte >> 6, 0x80 | byte & 0x3F);
    text.iter().map(pair).collect::<String>().into_bytes()
}

const STANDARD: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const URL: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

pub(crate) fn base64_of(text: &str) -> String {
    base64(text.as_bytes(), STANDARD, true).into_iter().map(char::from).collect()
}

fn base64(text: &[u8], alphabet: &[u8; 64], padded: bool) -> Vec<u8> {
    let mut out = Vec::new();
    for chunk in text.chunks(3) {
        let byte = |index| u32::from(chunk.get(index).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for index in 0..=chunk.len() {
            out.push(alphabet[(bits >> (18 - 6 * index) & 63) as usize]);
        }
        out.extend(vec![b'='; if padded { 3 - chunk.len() } else { 0 }]);
    }
    out
}

/// What base64 makes of the text wherever it begins: the characters that no neighbour has a part in.
fn aligned(text: &[u8], alphabet: &[u8; 64]) -> Vec<Vec<u8>> {
    let mut forms = Vec::new();
    for before in 0..3 {
        let padded = [&b"\0\0"[..before], text].concat();
        let encoded = base64(&padded, alphabet, false);
        let start = [0, 2, 3][before];
        let whole = padded.len() * 8 / 6;
        forms.push(encoded[start..whole].to_vec());
    }
    forms
}
