//! What a raw line has of people.
//!
//! Addresses, e-mail addresses and what looks drawn by lot count wherever they stand, also in lines that no format
//! fits. Where a format says which field is which, so do users, values of parameters and cookies, paths of referrers,
//! whole agents, and the words of columns that records never have.

use zeroize::Zeroizing;

use super::{
    Hunt,
    decode::{normalise, unescape},
    needles::{NEEDLE_BYTES_MIN, NeedleKind, RawPlace, Sort, words_of},
    shapes::{self, NUMBER_DIGITS_MIN, emails, is_date, is_token, tokens, usual_addresses},
};
use crate::{
    field::{Field, LineMap},
    format::{Format, wrapper},
    policy::ClientRule,
    privacy::{RawBlock, peel, recognise::fit, target::target_of},
    transform::{
        address::{Client, Parsed, parse},
        escape, referrer,
    },
};

/// How often escapes are undone.
const LAYERS_MAX: usize = 3;
/// The shortest agent that is looked for: shorter ones are names of programs.
const AGENT_BYTES_MIN: usize = 12;
/// Segments before the name of somebody. The list is its own: who verifies takes nobody's word, least the cleaner's.
const BEFORE_NAMES: [&[u8]; 13] = [
    b"user",
    b"users",
    b"u",
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
/// Keys of JSON lines that hold users.
const USER_KEYS: [&[u8]; 6] = [
    b"\"remote_user\":",
    b"\"user\":",
    b"\"username\":",
    b"\"user_id\":",
    b"\"ClientUsername\":",
    b"\"remoteUser\":",
];

/// Whose something is and where it stands.
#[derive(Clone, Copy)]
struct Whose {
    place: RawPlace,
    client: u32,
}

impl Hunt {
    /// Takes the lines of a block, which is of the file of this number; `is_detected` when they may be of another
    /// format than `format`.
    pub fn take(&mut self, block: &RawBlock, file: u16, format: &Format, is_detected: bool) {
        let mut decoded = Zeroizing::new(Vec::new());
        for line in block.lines() {
            self.lines += 1;
            let place = block.place_of(line).start;
            let place = RawPlace { file, offset: block.offset(place).unwrap_or_default() };
            let bytes = line.expose_bytes();
            let inner = match wrapper::peel(bytes) {
                Some(peeled) => peel::inner(bytes, peeled, &mut decoded).unwrap_or(bytes),
                None => bytes,
            };
            let mut map = LineMap::default();
            let mut is_mapped = format.map(inner, &mut map).is_ok();
            if !is_mapped && is_detected {
                let other = format.others().find(|other| fit(other, inner).is_ok());
                map = LineMap::default();
                is_mapped = other.is_some_and(|other| other.map(inner, &mut map).is_ok());
            }
            let client = map.find(Field::Client, inner).unwrap_or_default();
            let whose = Whose { place, client: self.needles.client(client) };
            self.take_shapes(bytes, whose);
            if is_mapped {
                self.take_fields(inner, &map, whose);
            }
        }
    }

    /// What its form gives away.
    fn take_shapes(&mut self, line: &[u8], whose: Whose) {
        for word in line.split(|byte| *byte <= b' ' || matches!(byte, b'"' | b',' | b'<' | b'>')) {
            if word.len() < NEEDLE_BYTES_MIN
                || self.seen.is_known(self.needles.digest(Sort::Taken, word))
            {
                continue;
            }
            self.take_shapes_of(word, whose);
            let mut text = std::mem::take(&mut self.scratch.text);
            let mut other = std::mem::take(&mut self.scratch.other);
            text.clear();
            text.extend_from_slice(word);
            for _ in 0..LAYERS_MAX {
                if !unescape(&text, &mut other) {
                    break;
                }
                std::mem::swap(&mut text, &mut other);
                self.take_shapes_of(&text, whose);
            }
            (self.scratch.text, self.scratch.other) = (text, other);
        }
    }

    fn take_shapes_of(&mut self, text: &[u8], Whose { place, client }: Whose) {
        let mut value = std::mem::take(&mut self.scratch.value);
        let (needles, plan) = (&mut self.needles, &self.plan);
        tokens(text, |token| {
            normalise(token, &mut value);
            needles.add_text(&value, NeedleKind::Token, place, client);
            if value.len() == 36 {
                value.retain(|byte| *byte != b'-');
                needles.add_text(&value, NeedleKind::Token, place, client);
            }
        });
        normalise(text, &mut value);
        emails(&value, |email| needles.add_text(email, NeedleKind::Email, place, client));
        usual_addresses(&value, |address| {
            let is_own = match (&plan.client, address) {
                (ClientRule::Truncate(rule) | ClientRule::Token(rule), address) => {
                    matches!(rule.apply(parsed(address)), Client::Exempt(_))
                }
                _ => false,
            };
            if !address.is_network() && !address.is_nobodys() && !is_own {
                needles.add_address(address.bytes(), place, client);
            }
        });
        self.scratch.value = value;
    }

    /// What its place gives away.
    fn take_fields(&mut self, line: &[u8], map: &LineMap, whose: Whose) {
        let mut target = std::mem::take(&mut self.scratch.target);
        if let Some(host) = map.find(Field::Client, line)
            && matches!(parse(host), Some(Parsed::Hostname))
        {
            self.consider(host, NeedleKind::Host, whose);
        }
        self.take_between(line, map, whose);
        if let Some(bytes) = map.find(Field::Bytes, line).filter(|bytes| bytes.len() > 7) {
            self.needles.add_word(bytes, None);
        }
        if let Some(site) = map.find(Field::Site, line) {
            words_of(site).for_each(|word| self.needles.add_word(&word.to_ascii_lowercase(), None));
        }
        target.clear();
        if target_of(line, map, &mut target).is_some() {
            let status = map.find(Field::Status, line);
            let is_found = status.is_none_or(|status| status.starts_with(b"2") || status == b"304");
            self.take_target(&target, is_found, whose);
        }
        for field in [Field::Referrer, Field::Agent, Field::Cookie] {
            target.clear();
            let Some(raw) = map.find(field, line).filter(|raw| raw.len() >= NEEDLE_BYTES_MIN)
            else {
                continue;
            };
            match map.escaping_of(field) {
                Some(escaping) => _ = escape::undo(raw, escaping, &mut target),
                None => target.extend_from_slice(raw),
            }
            match field {
                Field::Referrer => self.take_referrer(&target, whose),
                Field::Agent => self.take_agent(&target, whose),
                _ => self.take_cookies(&target, whose),
            }
        }
        self.scratch.target = target;
    }

    /// What stands between the fields that a format knows.
    fn take_between(&mut self, line: &[u8], map: &LineMap, whose: Whose) {
        for key in USER_KEYS.into_iter().filter(|_| line.starts_with(b"{")) {
            if let Some(at) = memchr::memmem::find(line, key) {
                let value = line[at + key.len()..].trim_ascii_start();
                let value = value.strip_prefix(b"\"").unwrap_or(value);
                let end = value.iter().position(|byte| matches!(byte, b'"' | b',' | b'}'));
                self.consider(&value[..end.unwrap_or(value.len())], NeedleKind::User, whose);
            }
        }
        let mut spans: Vec<_> = Field::ALL.into_iter().filter_map(|field| map.get(field)).collect();
        spans.sort_unstable_by_key(|span| span.start);
        let client = map.get(Field::Client).map(|span| span.end as usize);
        let time = map.get(Field::Time).or(map.get(Field::Date)).map(|span| span.start as usize);
        let mut from = 0;
        for (start, end) in spans
            .iter()
            .map(|span| (span.start as usize, span.end as usize))
            .chain([(line.len(), 0)])
        {
            if start > from {
                let is_user =
                    client == Some(from) && time == Some(start) && !line.starts_with(b"{");
                let kind = if is_user { NeedleKind::User } else { NeedleKind::Other };
                let is_end = |byte: &u8| *byte <= b' ' || b"\"[]{},=;".contains(byte);
                for word in line[from..start].split(is_end) {
                    self.consider(word, kind, whose);
                }
            }
            from = from.max(end);
        }
    }

    fn take_target(&mut self, target: &[u8], is_found: bool, whose: Whose) {
        let end = memchr::memchr(b'#', target).unwrap_or(target.len());
        let path = memchr::memchr(b'?', &target[..end]).unwrap_or(end);
        let (path, query) = (&target[..path], target.get(path + 1..end).unwrap_or_default());
        if is_found {
            let mut text = std::mem::take(&mut self.scratch.text);
            self.decoded(path, &mut text);
            for word in words_of(&text).filter(|word| word.len() >= 3) {
                self.needles.add_word(word, Some(whose.client));
            }
            self.scratch.text = text;
        }
        let mut before: &[u8] = b"";
        for segment in path.split(|byte| *byte == b'/') {
            let is_name = BEFORE_NAMES.iter().any(|name| before.eq_ignore_ascii_case(name));
            match segment.split_first() {
                Some((b'~' | b'@', name)) => self.consider(name, NeedleKind::User, whose),
                Some(_) if is_name => self.consider(segment, NeedleKind::User, whose),
                _ => {}
            }
            before = segment;
        }
        self.take_query(query, whose);
    }

    fn take_query(&mut self, query: &[u8], whose: Whose) {
        for pair in query.split(|byte| matches!(byte, b'&' | b';')) {
            let value = memchr::memchr(b'=', pair).map_or(pair, |at| &pair[at + 1..]);
            self.consider(value, NeedleKind::Query, whose);
        }
    }

    fn take_referrer(&mut self, text: &[u8], whose: Whose) {
        let digest = self.needles.digest(Sort::Taken, text) ^ u64::from(whose.client);
        if self.seen.is_known(digest) {
            return;
        }
        let Some(scheme) = memchr::memmem::find(text, b"://") else {
            return self.consider(text, NeedleKind::Referrer, whose);
        };
        let rest = &text[scheme + 3..];
        let end = rest.iter().position(|byte| b"/?#".contains(byte)).unwrap_or(rest.len());
        let (host, rest) = rest.split_at(end);
        let mut domain = Vec::new();
        if referrer::registrable(host, &mut domain) {
            words_of(&domain).for_each(|word| self.needles.add_word(word, None));
        }
        let path = memchr::memchr2(b'?', b'#', rest).unwrap_or(rest.len());
        for segment in rest[..path].split(|byte| *byte == b'/') {
            self.consider(segment, NeedleKind::Referrer, whose);
        }
        self.take_query(rest.get(path + 1..).unwrap_or_default(), whose);
    }

    fn take_agent(&mut self, text: &[u8], Whose { place, client }: Whose) {
        if text.len() < AGENT_BYTES_MIN
            || self.seen.is_known(self.needles.digest(Sort::Taken, text) ^ 1)
        {
            return;
        }
        // What stands for an agent in the combined form may be the beginning of a real one.
        let synthetic = self.classifier.classify(text).synthetic().to_ascii_lowercase();
        let mut value = std::mem::take(&mut self.scratch.value);
        normalise(text, &mut value);
        value.truncate(super::needles::NEEDLE_BYTES_MAX);
        if memchr::memmem::find(synthetic.replace('+', " ").as_bytes(), &value).is_none() {
            self.needles.add_text(&value, NeedleKind::Agent, place, client);
        }
        self.scratch.value = value;
    }

    fn take_cookies(&mut self, text: &[u8], whose: Whose) {
        for pair in text.split(|byte| *byte == b';') {
            let value = memchr::memchr(b'=', pair).map_or(pair, |at| &pair[at + 1..]);
            self.consider(value, NeedleKind::Cookie, whose);
        }
    }

    /// Takes a value, unless nobody could be known by it.
    fn consider(&mut self, raw: &[u8], kind: NeedleKind, Whose { place, client }: Whose) {
        if raw.len() < NEEDLE_BYTES_MIN {
            return;
        }
        let mut text = std::mem::take(&mut self.scratch.text);
        self.decoded(raw, &mut text);
        let value = text.trim_ascii();
        let value = &value[..value.len().min(super::needles::NEEDLE_BYTES_MAX)];
        let digits = value.iter().filter(|byte| byte.is_ascii_digit()).count();
        let has_letters = value.iter().any(|byte| byte.is_ascii_alphabetic() || *byte >= 0x80);
        let is_number = !has_letters && digits < NUMBER_DIGITS_MIN;
        let is_address = parse(value).is_some_and(|parsed| !matches!(parsed, Parsed::Hostname));
        if !is_number && !is_date(value) && !is_address && value.len() >= NEEDLE_BYTES_MIN {
            let is_email = {
                let mut is_email = false;
                emails(value, |_| is_email = true);
                is_email
            };
            let kind = match kind {
                _ if is_email => NeedleKind::Email,
                NeedleKind::Query | NeedleKind::Referrer | NeedleKind::Other if is_drawn(raw) => {
                    NeedleKind::Token
                }
                kind => kind,
            };
            self.needles.add_text(value, kind, place, client);
        }
        self.scratch.text = text;
    }

    /// The text without escapes, in small letters.
    fn decoded(&mut self, raw: &[u8], out: &mut Vec<u8>) {
        let mut other = std::mem::take(&mut self.scratch.other);
        out.clear();
        out.extend_from_slice(raw);
        for _ in 0..LAYERS_MAX {
            if !unescape(out, &mut other) {
                break;
            }
            std::mem::swap(out, &mut other);
        }
        normalise(out, &mut other);
        std::mem::swap(out, &mut other);
        self.scratch.other = other;
    }
}

/// Whether all of a value looks drawn by lot, and not only the escapes in it.
fn is_drawn(raw: &[u8]) -> bool {
    raw.iter().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(byte)) && is_token(raw)
}

fn parsed(address: shapes::Address) -> Parsed {
    match address {
        shapes::Address::V4(bytes) => Parsed::Ip(bytes.into()),
        shapes::Address::V6(bytes) => Parsed::Ip(bytes.into()),
    }
}
