//! The texts that rules are tried on: parts of a line, decoded as whoever they were meant for would.
//!
//! Parameters are parted before they are decoded, so that a decoded `&` stays inside its value. Decoding goes on
//! for three rounds, for applications decode what proxies decoded before. A text is a place in one buffer: where
//! there is nothing to decode, the parts of a target lie in the target itself.

use std::ops::Range;

use base64::{
    Engine as _, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use zeroize::Zeroize;

use super::{decode, rule::View};

/// What is looked at of a field; what comes after is not.
pub(super) const FIELD_BYTES_MAX: usize = 16_384;
/// The shortest text that may be base64.
const BASE64_BYTES_MIN: usize = 12;

const ANY_PADDING: GeneralPurposeConfig =
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
const STANDARD: GeneralPurpose =
    GeneralPurpose::new(&alphabet::STANDARD, ANY_PADDING.with_decode_allow_trailing_bits(true));
const URL_SAFE: GeneralPurpose =
    GeneralPurpose::new(&alphabet::URL_SAFE, ANY_PADDING.with_decode_allow_trailing_bits(true));

const VALUE: u16 = View::Value as u16 | View::Unquoted as u16;

/// The texts of one field.
#[derive(Default)]
pub(super) struct Views {
    buffer: Vec<u8>,
    texts: Vec<(u16, Range<usize>)>,
    scratch: Vec<u8>,
    decoded: Vec<u8>,
}

impl Drop for Views {
    fn drop(&mut self) {
        self.buffer.zeroize();
        self.scratch.zeroize();
        self.decoded.zeroize();
    }
}

impl Views {
    /// Everything in one: what is in any text is in it, but for bytes where two of them meet.
    pub(super) fn all(&self) -> &[u8] {
        &self.buffer
    }

    /// The texts and the views that they are.
    pub(super) fn texts(&self) -> impl Iterator<Item = (u16, &[u8])> {
        self.texts.iter().map(|(views, range)| (*views, &self.buffer[range.clone()]))
    }

    /// Takes the place of what was there with what a method and a target say.
    pub(super) fn of_request(&mut self, method: &[u8], target: &[u8]) {
        self.begin();
        let target = &target[..target.len().min(FIELD_BYTES_MAX)];
        self.buffer.extend_from_slice(target);
        self.texts.push((View::Raw as u16, 0..target.len()));
        let end = memchr::memchr(b'?', target).unwrap_or(target.len());
        self.path(0..end);
        if end < target.len() {
            self.query(end + 1..target.len(), false);
        }
        self.buffer.push(b'\n');
        let start = self.buffer.len();
        self.buffer.extend_from_slice(&method[..method.len().min(64)]);
        self.texts.push((View::Method as u16, start..self.buffer.len()));
    }

    /// The same with a referrer.
    pub(super) fn of_referrer(&mut self, referrer: &[u8]) {
        self.begin();
        let referrer = &referrer[..referrer.len().min(FIELD_BYTES_MAX)];
        self.buffer.extend_from_slice(referrer);
        let whole = self.decode(0..referrer.len(), false);
        self.push(View::Referrer as u16, whole);
        if let Some(start) = memchr::memchr(b'?', referrer) {
            self.query(start + 1..referrer.len(), false);
        }
    }

    /// The same with an agent.
    pub(super) fn of_agent(&mut self, agent: &[u8]) {
        self.begin();
        self.buffer.extend_from_slice(&agent[..agent.len().min(FIELD_BYTES_MAX)]);
        let whole = self.decode(0..self.buffer.len(), false);
        self.push(View::Agent as u16, whole);
    }

    fn begin(&mut self) {
        self.buffer.clear();
        self.texts.clear();
    }

    fn push(&mut self, views: u16, range: Range<usize>) {
        self.texts.push((views, range));
    }

    /// The path; where a question mark comes out of it, what follows is a query.
    fn path(&mut self, range: Range<usize>) {
        let raw = range.clone();
        let decoded = self.decode(range, false);
        if decoded != raw
            && let Some(at) = memchr::memchr(b'?', &self.buffer[decoded.clone()])
        {
            self.push(View::Path as u16, decoded.start..decoded.start + at);
            self.query(decoded.start + at + 1..decoded.end, true);
            return;
        }
        self.push(View::Path as u16, decoded);
    }

    /// The parameters of a query.
    fn query(&mut self, range: Range<usize>, is_decoded: bool) {
        let mut start = range.start;
        while start < range.end {
            let length = memchr::memchr(b'&', &self.buffer[start..range.end]);
            let end = length.map_or(range.end, |length| start + length);
            self.parameter(start..end, is_decoded);
            start = end + 1;
        }
    }

    fn parameter(&mut self, range: Range<usize>, is_decoded: bool) {
        let equals = memchr::memchr(b'=', &self.buffer[range.clone()]);
        let name_end = equals.map_or(range.end, |length| range.start + length);
        let mut decode = |range| if is_decoded { range } else { self.decode(range, true) };
        let name = decode(range.start..name_end);
        let value = equals.map(|_| decode(name_end + 1..range.end));
        match &value {
            Some(value) if name.end + 1 == value.start => {
                self.push(View::Param as u16, name.start..value.end);
            }
            Some(value) => self.joined(name.clone(), value.clone()),
            None => {}
        }
        let is_plain = self.buffer[name.clone()]
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || b"_-.".contains(byte));
        if is_plain && equals.is_some() {
            self.push(View::Name as u16, name);
        } else {
            self.value(View::Name as u16, name);
        }
        if let Some(value) = value {
            self.value(0, value);
        }
    }

    /// A value, and what else it may be read as.
    fn value(&mut self, also: u16, range: Range<usize>) {
        if range.is_empty() {
            return;
        }
        let text = &self.buffer[range.clone()];
        let has_comment = memchr::memmem::find(text, b"/*").is_some();
        let is_quoted = text.iter().any(|byte| b"'\"\\^$`".contains(byte));
        let may_be_base64 = text.len() >= BASE64_BYTES_MIN && is_base64(text);
        // Where nothing is quoted, the text without quoting is the text.
        let views = if is_quoted { VALUE & !(View::Unquoted as u16) } else { VALUE };
        self.push(also | views, range.clone());
        if has_comment {
            self.derived(View::Value as u16, range.clone(), |text, out| {
                decode::uncomment(text, b" ", out)
            });
            self.derived(View::Value as u16, range.clone(), |text, out| {
                decode::uncomment(text, b"", out)
            });
        }
        if is_quoted {
            self.derived(View::Unquoted as u16, range.clone(), decode::unquote);
        }
        if may_be_base64 {
            self.base64(range);
        }
    }

    /// A name and a value side by side, as they were before they were decoded.
    fn joined(&mut self, name: Range<usize>, value: Range<usize>) {
        self.buffer.push(b'\n');
        let start = self.buffer.len();
        self.buffer.extend_from_within(name);
        self.buffer.push(b'=');
        self.buffer.extend_from_within(value);
        self.push(View::Param as u16, start..self.buffer.len());
    }

    fn derived(&mut self, views: u16, range: Range<usize>, make: impl Fn(&[u8], &mut Vec<u8>)) {
        self.scratch.clear();
        make(&self.buffer[range], &mut self.scratch);
        self.buffer.push(b'\n');
        let start = self.buffer.len();
        self.buffer.extend_from_slice(&self.scratch);
        self.push(views, start..self.buffer.len());
    }

    /// What base64 stands for, if that is text.
    fn base64(&mut self, range: Range<usize>) {
        let text = &self.buffer[range];
        let engine = if text.iter().any(|byte| b"-_".contains(byte)) { URL_SAFE } else { STANDARD };
        self.decoded.clear();
        let is_done = engine.decode_vec(text, &mut self.decoded).is_ok();
        let is_text = |byte: &u8| matches!(byte, b'\t' | b'\n' | b'\r' | b' '..=b'~');
        if !is_done || !self.decoded.iter().all(is_text) {
            return;
        }
        self.buffer.push(b'\n');
        let start = self.buffer.len();
        self.buffer.extend_from_slice(&self.decoded);
        let decoded = self.decode(start..self.buffer.len(), false);
        self.push(VALUE, decoded);
    }

    /// Where the decoded text lies: where it was, if there is nothing to decode.
    fn decode(&mut self, range: Range<usize>, is_query: bool) -> Range<usize> {
        if !decode::is_needed(&self.buffer[range.clone()], is_query) {
            return range;
        }
        self.decoded.clear();
        decode::all(&self.buffer[range], is_query, &mut self.decoded, &mut self.scratch);
        self.buffer.push(b'\n');
        let start = self.buffer.len();
        self.buffer.extend_from_slice(&self.decoded);
        start..self.buffer.len()
    }
}

fn is_base64(text: &[u8]) -> bool {
    text.iter().all(|byte| byte.is_ascii_alphanumeric() || b"+/=-_ ".contains(byte))
}
