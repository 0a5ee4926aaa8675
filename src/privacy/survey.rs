//! What a log carries, in names and shares: which parameters, path segments and columns hold identifiers.
//!
//! A survey looks at raw lines and keeps numbers of them. The one thing of visitors that can come out is the
//! name of a query parameter, which may itself be a secret (`?alice@example.com`, or a token without a value):
//! it is told only if at least [`LINES_MIN`] different lines from at least [`CLIENTS_MIN`] different networks
//! have it, if it has the letters of a name, and if it has no identifier's shape. All others are told together.
//! Values never come out, only what shape they have.
//!
//! Lines of visitors who opted out are counted and not looked at. Memory is bounded: of the names
//! the first [`NAMES_MAX`] are followed, and those that come later are told with the rare ones.

use std::{collections::BTreeMap, fmt, sync::Arc};

use zeroize::{Zeroize, Zeroizing};

use super::{
    Anonymiser, Outcome, memo::Seed, peel, raw::RawLine, recognise::fit, release::PathKind,
    target::target_of,
};
use crate::{
    field::{Field, LineMap, Reason},
    format::{Format, wrapper},
    policy::Plan,
    transform::{
        address::{Client, Truncation},
        agent::Classifier,
        path::{Cleaner, INVALID, Shape, UNKNOWN, shape, shape_behind},
    },
};

/// In how many different lines a name must stand to be told.
pub const LINES_MIN: usize = 10;
/// From how many different networks such lines must come.
pub const CLIENTS_MIN: usize = 3;
/// How many names are followed.
pub const NAMES_MAX: usize = 1_024;
/// The longest name that is told, in bytes.
const NAME_BYTES_MAX: usize = 32;
/// How many segments of a path are told apart; deeper ones are told together.
pub const DEPTH_MAX: usize = 8;

/// What a value or a segment looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
#[expect(missing_docs, reason = "each variant is the word of its name")]
pub enum Kind {
    Email,
    Uuid,
    Id,
    Hex,
    Token,
    Address,
    Date,
    User,
    Bytes,
    /// Up to four digits, too few for an identifier by themselves.
    Number,
    /// Text without an identifier's shape. It may still be a name.
    Word,
    /// Nothing.
    Empty,
}

impl Kind {
    /// All kinds, those that identify first.
    pub const ALL: [Self; 12] = [
        Self::Email,
        Self::Uuid,
        Self::Id,
        Self::Hex,
        Self::Token,
        Self::Address,
        Self::Date,
        Self::User,
        Self::Bytes,
        Self::Number,
        Self::Word,
        Self::Empty,
    ];

    /// The word for it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::Uuid => "uuid",
            Self::Id => "id",
            Self::Hex => "hex",
            Self::Token => "token",
            Self::Address => "address",
            Self::Date => "date",
            Self::User => "user",
            Self::Bytes => "bytes",
            Self::Number => "number",
            Self::Word => "word",
            Self::Empty => "empty",
        }
    }

    const fn of(shape: Shape) -> Self {
        match shape {
            Shape::Email => Self::Email,
            Shape::Uuid => Self::Uuid,
            Shape::Id => Self::Id,
            Shape::Hex => Self::Hex,
            Shape::Token => Self::Token,
            Shape::Date => Self::Date,
            Shape::Address => Self::Address,
            Shape::User => Self::User,
            Shape::Bytes => Self::Bytes,
        }
    }
}

/// How often each kind was seen, in the order of [`Kind::ALL`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Kinds([u64; Kind::ALL.len()]);

impl Kinds {
    const fn add(&mut self, kind: Kind) {
        self.0[kind as usize] += 1;
    }

    fn add_all(&mut self, other: &Self) {
        for (count, more) in self.0.iter_mut().zip(other.0) {
            *count += more;
        }
    }

    /// How many values there were.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.0.iter().sum()
    }

    /// The kinds that were seen with how often, the most frequent first.
    #[must_use]
    pub fn seen(&self) -> Vec<(Kind, u64)> {
        let mut seen: Vec<_> =
            Kind::ALL.into_iter().zip(self.0).filter(|(_, count)| *count > 0).collect();
        seen.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        seen
    }
}

/// A parameter, or all that are told together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ParamShare {
    /// Its name; nothing for rare names.
    pub name: Option<String>,
    /// How many lines have it. Of rare names: how often one of them stands in a line.
    pub lines: u64,
    /// What its values look like.
    pub kinds: Kinds,
}

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Findings {
    /// The formats of the lines.
    pub formats: Vec<&'static str>,
    /// Lines that came in.
    pub read: u64,
    /// Lines that would come out.
    pub clean: u64,
    /// Lines that the policy leaves out.
    pub filtered: u64,
    /// Lines of visitors who opted out.
    pub opted_out: u64,
    /// Lines that are refused, by reason.
    pub refused: Vec<(Reason, u64)>,
    /// In how many of the lines that were looked at each field has a value, for those that any has.
    pub fields: Vec<(Field, u64)>,
    /// The parameters by how many lines have them, and the rare ones last if there are any.
    pub params: Vec<ParamShare>,
    /// Whether there were more names than are followed.
    pub names_overflowed: bool,
    /// Kinds of the segments of paths, the first of each path first; deeper ones are together in the last.
    pub segments: Vec<Kinds>,
    /// Lines whose record shows a path, and those that show `(unknown)` and `(invalid)` in its place.
    pub paths: [u64; 3],
}

impl Findings {
    /// How many lines were looked at.
    #[must_use]
    pub const fn looked_at(&self) -> u64 {
        self.clean + self.filtered
    }
}

/// What is known of a name.
#[derive(Default)]
struct Name {
    /// Hashes of different lines, as many as are asked for.
    lines: [u64; LINES_MIN],
    /// Networks of different clients, as many as are asked for.
    clients: [Option<Client>; CLIENTS_MIN],
    count: u64,
    last_line: u64,
    kinds: Kinds,
}

impl Name {
    fn note(&mut self, number: u64, line: u64, client: Option<Client>) {
        if let Some(free) = self.lines.iter().position(|seen| *seen == 0)
            && !self.lines.contains(&line)
        {
            self.lines[free] = line;
        }
        if let Some(free) = self.clients.iter().position(Option::is_none)
            && client.is_some()
            && !self.clients.contains(&client)
        {
            self.clients[free] = client;
        }
        if self.last_line != number {
            (self.count, self.last_line) = (self.count + 1, number);
        }
    }

    fn is_common(&self) -> bool {
        self.lines.iter().all(|seen| *seen != 0) && self.clients.iter().all(Option::is_some)
    }
}

/// A survey of a log.
pub struct Survey {
    anonymiser: Anonymiser,
    /// Without routes: what it replaces has the shape of an identifier.
    cleaner: Cleaner,
    /// Who counts as another client: another network of this size, for one person has many addresses.
    networks: Truncation,
    seed: Seed,
    names: BTreeMap<Vec<u8>, Name>,
    listed: Vec<String>,
    rare: ParamShare,
    present: [u64; Field::COUNT],
    refused: [u64; Reason::ALL.len()],
    findings: Findings,
    /// Decoded text, wiped at the end.
    scratch: [Vec<u8>; 5],
}

impl fmt::Debug for Survey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Survey({} lines)", self.findings.read)
    }
}

impl Drop for Survey {
    fn drop(&mut self) {
        for (mut name, _) in std::mem::take(&mut self.names) {
            name.zeroize();
        }
        self.scratch.iter_mut().for_each(Zeroize::zeroize);
    }
}

impl Survey {
    /// A survey of lines of at most `line_bytes_max` bytes as `plan` would treat them.
    #[must_use]
    pub fn new(plan: Arc<Plan>, line_bytes_max: usize) -> Self {
        Self {
            listed: plan.params.params().iter().map(|param| param.name.clone()).collect(),
            anonymiser: Anonymiser::new(plan, Arc::new(Classifier::new()), None, line_bytes_max, 1),
            cleaner: Cleaner::new(Vec::new()),
            networks: Truncation::new(24, 48, Vec::new()),
            seed: Seed::default(),
            names: BTreeMap::new(),
            rare: ParamShare::default(),
            present: [0; Field::COUNT],
            refused: [0; Reason::ALL.len()],
            findings: Findings::default(),
            scratch: Default::default(),
        }
    }

    /// Counts lines that were too long to be read.
    pub fn refuse_long_lines(&mut self, count: u64) {
        self.findings.read += count;
        self.refused[Reason::TooLong as usize] += count;
    }

    /// Looks at a line; `is_detected` when it may be of another format than `format`.
    pub fn add(&mut self, format: &Format, is_detected: bool, line: RawLine<'_>) {
        self.findings.read += 1;
        let (bytes, mut decoded) = (line.expose_bytes(), Zeroizing::new(Vec::new()));
        let inner = match wrapper::peel(bytes) {
            Some(peeled) => peel::inner(bytes, peeled, &mut decoded).unwrap_or(bytes),
            None => bytes,
        };
        let mut format = format;
        if is_detected && format.map(inner, &mut LineMap::default()).is_err() {
            format = format.others().find(|other| fit(other, inner).is_ok()).unwrap_or(format);
        }
        let paths = &mut self.findings.paths;
        let outcome = self.anonymiser.take(format, line, |record| {
            if let Some(path) = record.path() {
                let index = match path.as_bytes() {
                    text if text == UNKNOWN.as_bytes() => 1,
                    text if text == INVALID.as_bytes() => 2,
                    _ if record.path_kind == PathKind::Unconfirmed => 1,
                    _ => 0,
                };
                paths[index] += 1;
            }
        });
        match outcome {
            Outcome::Clean | Outcome::Held => self.findings.clean += 1,
            Outcome::Filtered => self.findings.filtered += 1,
            Outcome::OptedOut => self.findings.opted_out += 1,
            Outcome::Refused(reason) => self.refused[reason as usize] += 1,
        }
        if matches!(outcome, Outcome::Clean | Outcome::Filtered) {
            if !self.findings.formats.contains(&format.name()) {
                self.findings.formats.push(format.name());
            }
            self.look_at(format, inner);
        }
    }

    fn look_at(&mut self, format: &Format, line: &[u8]) {
        let mut map = LineMap::default();
        if format.map(line, &mut map).is_err() {
            return;
        }
        for field in Field::ALL {
            let is_there = map.find(field, line).is_some_and(|text| !matches!(text, b"" | b"-"));
            self.present[field as usize] += u64::from(is_there);
        }
        let client = self.anonymiser.host(line, &map).and_then(|host| self.networks.client(host));
        let hash = self.seed.hash(line, None);
        let mut target = std::mem::take(&mut self.scratch[0]);
        target.clear();
        if target_of(line, &map, &mut target).is_some() {
            let end = memchr::memchr(b'#', &target).unwrap_or(target.len());
            let path = memchr::memchr(b'?', &target[..end]).unwrap_or(end);
            self.look_at_path(&target[..path]);
            if path < end {
                self.look_at_query(&target[path + 1..end], hash, client);
            }
        }
        self.scratch[0] = target;
    }

    fn look_at_path(&mut self, path: &[u8]) {
        let mut cleaned = std::mem::take(&mut self.scratch[1]);
        cleaned.clear();
        self.cleaner.clean(path, &mut cleaned);
        // What is no path became a word in parentheses.
        if let Some(shown) = cleaned.strip_prefix(b"/") {
            let raw: Vec<_> =
                path.get(1..).unwrap_or_default().split(|byte| *byte == b'/').collect();
            let is_bare = raw.len() == shown.split(|byte| *byte == b'/').count();
            for (depth, segment) in shown.split(|byte| *byte == b'/').enumerate() {
                let placeholder =
                    Shape::ALL.into_iter().find(|it| it.placeholder().as_bytes() == segment);
                let kind = match placeholder.map(Kind::of) {
                    Some(Kind::Id) if is_bare && is_short_number(raw[depth]) => Kind::Number,
                    Some(kind) => kind,
                    None if segment.is_empty() => Kind::Empty,
                    None => Kind::Word,
                };
                let depth = depth.min(DEPTH_MAX);
                let segments = &mut self.findings.segments;
                if segments.len() <= depth {
                    segments.resize(depth + 1, Kinds::default());
                }
                segments[depth].add(kind);
            }
        }
        self.scratch[1] = cleaned;
    }

    fn look_at_query(&mut self, query: &[u8], line: u64, client: Option<Client>) {
        for param in
            query.split(|byte| matches!(byte, b'&' | b';')).filter(|param| !param.is_empty())
        {
            let equals = memchr::memchr(b'=', param);
            let (name, value) = match equals {
                Some(at) => (&param[..at], &param[at + 1..]),
                None => (param, &b""[..]),
            };
            let [_, _, deep, spare, folded] = &mut self.scratch;
            let kind = match shape_behind(value, [deep, spare, folded]) {
                _ if value.is_empty() => Kind::Empty,
                Some(Shape::Id) if is_short_number(value) => Kind::Number,
                Some(shape) => Kind::of(shape),
                None => Kind::Word,
            };
            let number = self.findings.read;
            let is_followed =
                is_plain_name(name) || self.listed.iter().any(|it| it.as_bytes() == name);
            let has_room = self.names.len() < NAMES_MAX;
            if is_followed && has_room && !self.names.contains_key(name) {
                self.names.insert(name.to_vec(), Name::default());
            }
            if let Some(found) = self.names.get_mut(name) {
                found.note(number, line, client);
                found.kinds.add(kind);
            } else {
                self.names_overflow(is_followed);
                self.rare.kinds.add(kind);
            }
        }
    }

    /// Counts a name that is not followed.
    const fn names_overflow(&mut self, is_plain: bool) {
        self.findings.names_overflowed |= is_plain;
        self.rare.lines += 1;
    }

    /// What was found so far.
    #[must_use]
    pub fn findings(&self) -> Findings {
        let mut findings = self.findings.clone();
        let there = |(_, count): &(_, u64)| *count > 0;
        findings.fields = Field::ALL.into_iter().zip(self.present).filter(there).collect();
        findings.refused =
            Reason::ALL.into_iter().zip(self.refused).filter(|(_, count)| *count > 0).collect();
        let mut rare = self.rare.clone();
        for (name, found) in &self.names {
            let listed = self.listed.iter().find(|it| it.as_bytes() == name);
            let common =
                || std::str::from_utf8(name).ok().filter(|_| found.is_common()).map(str::to_owned);
            match listed.cloned().or_else(common) {
                Some(name) => findings.params.push(ParamShare {
                    name: Some(name),
                    lines: found.count,
                    kinds: found.kinds,
                }),
                None => {
                    rare.lines += found.count;
                    rare.kinds.add_all(&found.kinds);
                }
            }
        }
        findings.params.sort_by_key(|param| std::cmp::Reverse(param.lines));
        if rare.lines > 0 {
            findings.params.push(rare);
        }
        findings
    }
}

/// Up to four digits.
fn is_short_number(text: &[u8]) -> bool {
    (1..=4).contains(&text.len()) && text.iter().all(u8::is_ascii_digit)
}

/// What may be told as a name at all. A name that needs escapes is none that a site gave its parameters.
fn is_plain_name(name: &[u8]) -> bool {
    (1..=NAME_BYTES_MAX).contains(&name.len())
        && name
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.'))
        && name.iter().any(u8::is_ascii_alphabetic)
        && shape(name).is_none()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        policy::{Policy, preset},
        privacy::RawBlock,
    };

    fn survey(lines: &[String]) -> Findings {
        let text = format!(
            "{}\n[[query]]\nname = \"listed\"\nvalues = [\"a\"]\n",
            preset("baseline").expect("a preset")
        );
        let plan = Plan::compile(&Policy::parse(&text).expect("a policy")).expect("compiles");
        let mut survey = Survey::new(Arc::new(plan), 4096);
        let text = lines.join("\n");
        let mut block = RawBlock::with_capacity(text.len() + 1);
        block.read_from(&mut text.as_bytes()).expect("a slice reads");
        for line in block.lines() {
            survey.add(&Format::common(), false, line);
        }
        survey.findings()
    }

    /// `count` lines with `target`, in which `#` stands for the line's number, from `clients` networks.
    fn lines(target: &str, count: usize, clients: usize) -> Vec<String> {
        let line = |number: usize| {
            let client = ["192.0.2.7", "198.51.100.9", "203.0.113.77"][number % clients];
            let target = target.replace('#', &number.to_string());
            format!("{client} - - [22/Nov/2026:14:05:37 +0000] \"GET {target} HTTP/1.1\" 200 512")
        };
        (0..count).map(line).collect()
    }

    fn names(lines: &[String]) -> Vec<(Option<String>, u64)> {
        survey(lines).params.into_iter().map(|param| (param.name, param.lines)).collect()
    }

    #[test]
    fn names_need_lines_and_clients() {
        let told = vec![(Some("page".to_owned()), 10)];
        assert_eq!(names(&lines("/?page=#", 10, 3)), told);
        assert_eq!(names(&lines("/?page=#", 9, 3)), [(None, 9)]);
        assert_eq!(names(&lines("/?page=#", 10, 2)), [(None, 10)]);
        // The same few lines again and again are not more lines.
        assert_eq!(names(&lines("/?page=1", 30, 3)), [(None, 30)]);
        // What the policy lists is the operator's own word.
        assert_eq!(names(&lines("/?listed=1", 1, 1)), [(Some("listed".to_owned()), 1)]);
    }

    #[test]
    fn names_that_identify_are_never_told() {
        for name in [
            "alice@example.com",
            "alice%40example.com",
            "4917012345",
            "d41d8cd98f00b204",
            "192.0.2.7",
            "a%62",
            "a b",
        ] {
            let found = names(&lines(&format!("/?{name}=#"), 12, 3));
            assert!(found.iter().all(|(name, _)| name.is_none()), "{name}: {found:?}");
        }
    }

    #[test]
    fn shapes_of_values_and_segments() {
        let all = [
            lines("/users/alice/orders/4917012?to=alice%40example.com&n=7&q=shoes&e=", 1, 1),
            lines("/blog/7", 1, 1),
        ];
        let found = survey(&all.concat());
        let kinds = |kinds: &Kinds| {
            kinds.seen().iter().map(|(kind, _)| kind.word()).collect::<Vec<_>>().join(" ")
        };
        let segments: Vec<_> = found.segments.iter().map(kinds).collect();
        assert_eq!(segments, ["word", "user number", "word", "id"]);
        assert_eq!(kinds(&found.params[0].kinds), "email number word empty");
        assert_eq!((found.read, found.clean, found.paths), (2, 2, [2, 0, 0]));
    }

    #[test]
    fn names_beyond_the_limit_are_rare() {
        let target: Vec<_> =
            (0..NAMES_MAX + 5).map(|number| format!("n{}=1", letters(number))).collect();
        let text: String = lines(&format!("/?{}", target.join("&")), 1, 1).concat();
        let policy = Policy::parse(preset("baseline").expect("a preset")).expect("reads");
        let plan = Arc::new(Plan::compile(&policy).expect("compiles"));
        let mut survey = Survey::new(plan, 1 << 20);
        let mut block = RawBlock::with_capacity(text.len() + 1);
        block.read_from(&mut text.as_bytes()).expect("a slice reads");
        block.lines().for_each(|line| survey.add(&Format::common(), false, line));
        assert_eq!(survey.names.len(), NAMES_MAX);
        assert!(survey.findings().names_overflowed);
        assert_eq!(format!("{survey:?}"), "Survey(1 lines)");
    }

    fn letters(number: usize) -> String {
        [number / 676, number / 26 % 26, number % 26]
            .map(|it| char::from(b'a' + it as u8))
            .iter()
            .collect()
    }
}
