//! Every line of other parsers' test suites is read as they read it, or it is said here why not.
//!
//! The cases lie beside the repository and are no part of it: without them this prints why and tests nothing.
//! Each ends in one of four classes: it agrees; it differs, which fails the test; the peer is wrong or takes what
//! is no line of a server, and a table says why; it is of no format that is read, and a rule says
//! which. What a peer calls a field is looked up in a table too, and a name that is in none fails the test: so
//! nothing is left out by chance.

mod rules;
#[path = "../truth/mod.rs"]
mod truth;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    io::{self, Write as _},
    net::IpAddr,
    sync::Arc,
};

use rules::{What, Written};
use serde_json::Value;
use tamis::{
    field::{Escaping, Field, LineMap},
    format::{
        Declared, Format, StringError, apache, nginx,
        wrapper::{self, Peeled},
    },
    policy::{Plan, Policy, preset},
    privacy::{Anonymiser, Outcome, RawBlock, Recognition},
    transform::{address, agent::Classifier, escape, forwarded, time},
};

/// A case of a peer.
struct Case {
    number: usize,
    /// Repository and file.
    source: String,
    format: String,
    /// The line; several, with a header, of formats that have one.
    text: String,
    /// What the peer reads: nested names are joined by a dot.
    expected: BTreeMap<String, Value>,
}

impl Case {
    fn of(number: usize, value: &Value) -> Self {
        let text = |key: &str| value[key].as_str().unwrap_or_default().to_owned();
        let mut expected = BTreeMap::new();
        flatten("", &value["expected"], &mut expected);
        let header = rules::header(number);
        // Blanks before a header are none of a server's lines, and detection would take them for such.
        let whole = format!("{header}{}", text("line"));
        let lines = whole.lines().filter(|line| !line.trim().is_empty());
        let text_of_lines = lines.collect::<Vec<_>>().join("\n");
        Self {
            number,
            source: text("source"),
            format: text("format"),
            text: text_of_lines,
            expected,
        }
    }

    fn must_fail(&self) -> bool {
        self.expected.get("_error") == Some(&Value::Bool(true))
    }

    /// What is to be written before each line.
    fn before(&self) -> Result<&'static str, String> {
        if self.source.starts_with("jwodder/") { Ok(completed(&self.format)?.1) } else { Ok("") }
    }

    /// The lines that are records.
    fn lines(&self) -> Vec<&str> {
        self.text.lines().filter(|line| !line.starts_with('#')).collect()
    }
}

fn flatten(name: &str, value: &Value, into: &mut BTreeMap<String, Value>) {
    let Value::Object(object) = value else {
        into.insert(name.to_owned(), value.clone());
        return;
    };
    for (key, value) in object {
        let name = if name.is_empty() { key.clone() } else { format!("{name}.{key}") };
        flatten(&name, value, into);
    }
}

/// How a case ended.
enum End {
    /// With so many fields compared.
    Agrees(usize),
    Differs(String),
    PeerWrong(&'static str),
    OutOfScope(&'static str),
}

/// A line as it was read.
struct Seen {
    /// Without what a shipper wrote around it.
    line: Vec<u8>,
    map: LineMap,
    time: i64,
}

impl Seen {
    /// What `format` makes of `line`, or why it is refused; what is asked is the door, not the format alone.
    fn of(format: &Format, line: &[u8]) -> Result<Self, String> {
        let mut block = RawBlock::with_capacity(line.len() + 1);
        block.read_from(&mut &line[..]).expect("a slice reads");
        let policy = Policy::parse(preset("baseline").expect("a preset")).expect("it reads");
        let plan = Arc::new(Plan::compile(&policy).expect("it compiles"));
        let mut door = Anonymiser::new(plan, Arc::new(Classifier::new()), None, 65_536, 1);
        let raw = block.lines().next().ok_or("there is no line")?;
        match door.anonymise(format, raw, |_| {}) {
            Outcome::Refused(reason) => return Err(format!("{}: {reason}", format.name())),
            Outcome::Clean | Outcome::Held | Outcome::Filtered | Outcome::OptedOut => {}
        }
        let line = peeled(line);
        let mut map = LineMap::default();
        format.map(&line, &mut map).map_err(|reason| format!("map: {reason}"))?;
        let text = map.part(Field::Time, &line);
        let time = match (map.find(Field::Date, &line), format.time_pattern()) {
            (Some(date), _) => time::parse_date_and_time(date, text),
            (None, Some(pattern)) => time::parse_pattern(pattern, text),
            (None, None) => time::parse_any(text),
        };
        let time = time.map_err(|reason| format!("time: {reason}"))?.seconds();
        Ok(Self { line, map, time })
    }

    /// A field as it stands in the line, with its escapes undone, and these taken for characters of Latin-1.
    fn field(&self, field: Field) -> Option<[String; 3]> {
        let raw = self.map.find(field, &self.line)?;
        let mut undone = raw.to_vec();
        if let Some(escaping) = self.map.escaping_of(field) {
            undone.clear();
            escape::undo(raw, escaping, &mut undone).expect("the door undid it too");
        }
        Some([text(raw), text(&undone), undone.into_iter().map(char::from).collect()])
    }

    /// The request line as method, target and version; the whole as target if it has no such parts.
    fn request(&self) -> Vec<[String; 3]> {
        let Some(lines) = self.field(Field::Request) else {
            let part = |field| self.field(field).unwrap_or_default();
            let (method, target, protocol) =
                (part(Field::Method), part(Field::Target), part(Field::Protocol));
            let query = part(Field::Query);
            let whole = |at: usize| match &*query[at] {
                "" | "-" => target[at].clone(),
                query => format!("{}?{}", target[at], query.trim_start_matches('?')),
            };
            return (0..3)
                .map(|at| [method[at].clone(), whole(at), protocol[at].clone()])
                .collect();
        };
        lines.into_iter().map(|line| parts(&line)).collect()
    }
}

/// Method, target and protocol of a request line.
fn parts(line: &str) -> [String; 3] {
    let whole = || ["-".to_owned(), line.to_owned(), "-".to_owned()];
    let Some((method, rest)) = line.split_once(' ') else { return whole() };
    if !method.bytes().all(|byte| byte.is_ascii_uppercase()) || method.is_empty() {
        return whole();
    }
    match rest.rsplit_once(' ') {
        Some((target, protocol)) if protocol.starts_with("HTTP/") => {
            [method.to_owned(), target.to_owned(), protocol.to_owned()]
        }
        _ => [method.to_owned(), rest.to_owned(), "-".to_owned()],
    }
}

/// Bytes as text, one character each where they are no UTF-8.
fn text(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => bytes.iter().copied().map(char::from).collect(),
    }
}

/// A line without what a shipper wrote around it.
fn peeled(line: &[u8]) -> Vec<u8> {
    match wrapper::peel(line) {
        None | Some(Peeled::JsonBytes(_)) => line.to_vec(),
        Some(Peeled::From(at)) => line[at..].to_vec(),
        Some(Peeled::JsonString(span)) => {
            let mut undone = Vec::new();
            escape::undo(span.of(line), Escaping::Json, &mut undone).expect("the door undid it");
            undone
        }
    }
}

/// The format that detection names for a text, with the columns of its header.
fn detected(text: &str) -> Option<Format> {
    let mut block = RawBlock::with_capacity(text.len() + 1);
    block.read_from(&mut text.as_bytes()).expect("a slice reads");
    Recognition::of(&block).best()
}

/// The format of an Apache string, and what is to be written before each line of it.
///
/// Many of these strings have no time or no request, which every record needs: both are written before them, so
/// that what they do have is read all the same.
fn completed(string: &str) -> Result<(Format, &'static str), String> {
    const BEFORE: [(&str, &str); 4] = [
        ("", ""),
        ("%{sec}t ", "1511642826 "),
        ("\"%r\" ", "\"GET / HTTP/1.1\" "),
        ("%{sec}t \"%r\" ", "1511642826 \"GET / HTTP/1.1\" "),
    ];
    let mut why = String::new();
    for (directives, text) in BEFORE {
        match apache::compile(&format!("{directives}{string}"), &Declared::default()) {
            Ok(format) => return Ok((format, text)),
            Err(StringError::NoTime | StringError::NoRequest) => {}
            Err(error) => why = error.to_string(),
        }
    }
    Err(format!("{string}: {why}"))
}

/// How a case can be read: by a server's string, by detection, by name; the first that reads its first line.
fn format_of(case: &Case) -> Result<Format, String> {
    let mut formats = Vec::new();
    for written in rules::strings(&case.source) {
        formats.push(compile(written)?);
    }
    if case.source.starts_with("jwodder/") {
        formats.push(completed(&case.format)?.0);
    }
    formats.extend(detected(&case.text));
    formats.extend(rules::name(&case.format).and_then(Format::named));
    let before = case.before()?;
    let lines = case.lines();
    let first = format!("{before}{}", lines.first().ok_or("there is no line")?);
    let fits = |format: &&Format| Seen::of(format, first.as_bytes()).is_ok();
    if let Some(format) = formats.iter().find(fits) {
        return Ok(format.clone());
    }
    let why = formats.iter().filter_map(|format| Seen::of(format, first.as_bytes()).err());
    Err(format!("refused: {:?}", why.collect::<Vec<_>>()))
}

fn compile(written: &Written) -> Result<Format, String> {
    match written {
        Written::Nginx(string) => {
            let own = ["server"].map(|name| (name.to_owned(), None));
            nginx::compile(string, &Declared(BTreeMap::from(own)))
        }
        Written::Apache(string) => apache::compile(string, &Declared::default()),
    }
    .map_err(|error| format!("{error}"))
}

/// What comes of a case, before the tables are asked.
fn compare(case: &Case) -> Result<usize, String> {
    if case.must_fail() {
        // What the peer was asked for, and not what the line may be beside that.
        let format = rules::name(&case.format).and_then(Format::named).ok_or("no such format")?;
        return match Seen::of(&format, case.text.as_bytes()) {
            Ok(_) => Err("must be refused".to_owned()),
            Err(_) => Ok(1),
        };
    }
    let format = format_of(case)?;
    if let Some(kinds) = rules::kinds(&case.source, &case.format)
        && !kinds.contains(&format.name())
    {
        return Err(format!("read as {}", format.name()));
    }
    let mut seen = Vec::new();
    let before = case.before()?;
    for line in case.lines() {
        seen.push(Seen::of(&format, format!("{before}{line}").as_bytes()));
    }
    let mut complaints = Vec::new();
    let mut compared = 1;
    for (key, value) in &case.expected {
        let (record, name) = record_and_name(key);
        // Of several statuses, the last is the one that the visitor saw.
        if name == "status" && case.expected.contains_key("final_status") {
            continue;
        }
        let what =
            rules::what(&case.source, name).map_err(|()| format!("{name} is in no table"))?;
        let Some(what) = what else { continue };
        let seen =
            seen.get(record).ok_or("fewer lines than records")?.as_ref().map_err(Clone::clone)?;
        compared += 1;
        if let Err(found) = agrees(seen, what, value) {
            complaints.push(format!("{name} is {found:?} and should be {value}"));
        }
    }
    if complaints.is_empty() {
        return Ok(compared);
    }
    Err(format!("{}: {}", format.name(), complaints.join("; ")))
}

/// `1.status` is the status of the second record.
fn record_and_name(key: &str) -> (usize, &str) {
    match key.split_once('.') {
        Some((number, name)) => number.parse().map_or((0, key), |number| (number, name)),
        None => (0, key),
    }
}

/// Whether a text says that there is nothing.
fn is_nothing(text: &str) -> bool {
    matches!(text, "" | "-" | "None" | "null" | "\"\"")
}

/// Whether a field is what a peer expects; if not, what it is.
fn agrees(seen: &Seen, what: What, expected: &Value) -> Result<(), Vec<String>> {
    let expected = match expected {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let field = |field: Field| seen.field(field).map_or(Vec::new(), |texts| texts.to_vec());
    let part = |at: usize| seen.request().into_iter().map(|parts| parts[at].clone()).collect();
    let found: Vec<String> = match what {
        What::Client => return client(seen, &expected),
        What::Time => {
            let is_same = is_nothing(&expected) || seconds(&expected) == Some(seen.time);
            return if is_same { Ok(()) } else { Err(vec![seen.time.to_string()]) };
        }
        What::Method => part(0),
        What::Target => {
            let targets: Vec<String> = part(1);
            let bare = targets.iter().map(|target| without_authority(target).to_owned());
            targets.iter().cloned().chain(bare).collect()
        }
        What::Path => {
            let targets: Vec<String> = part(1);
            let path = |target: &String| {
                let target = without_authority(target);
                target.split('?').next().unwrap_or_default().to_owned()
            };
            targets.iter().map(path).collect()
        }
        What::Query => {
            let targets: Vec<String> = part(1);
            let query = |target: &String| target.split_once('?').unwrap_or_default().1.to_owned();
            targets.iter().map(query).collect()
        }
        What::Version => {
            let bare = |text: String| text.trim_start_matches("HTTP/").to_owned();
            part(2).into_iter().map(bare).collect()
        }
        What::Request => field(Field::Request),
        What::Status => field(Field::Status),
        What::Bytes => field(Field::Bytes),
        What::Referrer => field(Field::Referrer),
        What::Agent => field(Field::Agent),
        What::Forwarded => field(Field::Forwarded),
        What::Site => field(Field::Site),
        What::Level => field(Field::Level),
        What::Module => field(Field::Module),
    };
    let expected = match what {
        What::Version => expected.trim_start_matches("HTTP/"),
        // A pattern of Logstash leaves the quotes on.
        What::Referrer | What::Agent => expected.trim_matches('"'),
        What::Query => expected.trim_start_matches('?'),
        _ => &expected,
    };
    let none = found.iter().all(|text| is_nothing(text));
    let unmasked = |text: &String| text == expected || without_port(text) == expected;
    let is_same = match what {
        _ if is_nothing(expected) => none,
        What::Site => found.iter().any(unmasked),
        _ => found.iter().any(|text| text == expected),
    };
    if is_same { Ok(()) } else { Err(found) }
}

/// `http://host:80/path` without the host.
fn without_authority(target: &str) -> &str {
    let Some((_, rest)) = target.split_once("://") else { return target };
    rest.find('/').map_or("", |slash| &rest[slash..])
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
        _ => host,
    }
}

/// The client as the program takes it: behind the proxies of these logs where the format logs only the list.
fn client(seen: &Seen, expected: &str) -> Result<(), Vec<String>> {
    let connecting = seen.map.find(Field::Client, &seen.line);
    let text = match (connecting, seen.map.find(Field::Forwarded, &seen.line)) {
        (None, Some(list)) => {
            let proxies = rules::PROXIES.map(|proxy| proxy.parse().expect("a network"));
            forwarded::client(None, list, &proxies)
        }
        (Some(_), Some(list)) => {
            let proxies = rules::CONNECTING.map(|proxy| proxy.parse().expect("a network"));
            forwarded::client(connecting, list, &proxies)
        }
        _ => connecting,
    };
    let found = text.and_then(address::parse);
    let is_same = match (found, expected.parse::<IpAddr>()) {
        (Some(address::Parsed::Ip(found)), Ok(expected)) => found == expected.to_canonical(),
        (None, _) => is_nothing(expected),
        _ => false,
    };
    let raw = || text.map_or_else(String::new, |text| text.escape_ascii().to_string());
    if is_same { Ok(()) } else { Err(vec![raw()]) }
}

/// Seconds since 1970 of a time in any of the peers' notations; those without a zone are taken for UTC.
///
/// Nothing is shared with the program: what is a number, a word or a sign is all that counts here.
fn seconds(text: &str) -> Option<i64> {
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let python = text.strip_prefix("datetime.datetime(");
    let text = python.unwrap_or(text).replace("0o", "0");
    let (text, offset) = offset(&text, python.is_some());
    let words: Vec<&str> =
        text.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty()).collect();
    let month_at = words.iter().position(|word| MONTHS.contains(word));
    let mut numbers = Vec::new();
    for word in words.iter().flat_map(|word| word.split('T')) {
        if let Ok(number) = word.trim_end_matches('Z').parse::<i64>() {
            numbers.push(number);
        }
    }
    let month = month_at.map(|at| {
        let name = MONTHS.iter().position(|name| *name == words[at]);
        name.map_or(0, |at| at as i64 + 1)
    });
    let at = |index: usize| numbers.get(index).copied();
    let (year, month, day, clock) = match (month, month_at) {
        // 10/Oct/2000:13:55:36
        (Some(month), Some(1)) if at(1)? > 1_900 => (at(1)?, month, at(0)?, 2),
        // Mon Aug 31 09:30:48.958285 2015
        (Some(month), _) => (numbers.last().copied()?, month, at(0)?, 1),
        // 2021/12/01 13:53:33
        (None, _) => (at(0)?, at(1)?, at(2)?, 3),
    };
    let (hour, minute, second) = (at(clock)?, at(clock + 1)?, at(clock + 2).unwrap_or(0));
    let second = if python.is_some() && numbers.len() < 6 { 0 } else { second };
    Some(days(year, month, day) * 86_400 + hour * 3_600 + minute * 60 + second - offset)
}

/// A time without its offset at the end, and the offset in seconds.
fn offset(text: &str, none: bool) -> (String, i64) {
    let text = text.trim();
    let Some(at) = text.rfind(['+', '-']).filter(|at| !none && *at >= 19) else {
        return (text.to_owned(), 0);
    };
    let digits: String = text[at + 1..].chars().filter(char::is_ascii_digit).collect();
    if digits.len() != 4 {
        return (text.to_owned(), 0);
    }
    let number: i64 = digits.parse().expect("digits");
    let seconds = (number / 100 * 60 + number % 100) * 60;
    let sign = if text[at..].starts_with('-') { -1 } else { 1 };
    (text[..at].to_owned(), sign * seconds)
}

/// The days from 1970 to a date, counted year by year.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let is_leap = |year: i64| year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let years: i64 = (1970..year).map(|year| 365 + i64::from(is_leap(year))).sum();
    let february = 28 + i64::from(is_leap(year));
    let lengths = [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    years + lengths.iter().take(month as usize - 1).sum::<i64>() + day - 1
}

/// How a case ends.
fn end(case: &Case) -> End {
    if let Some(reason) = rules::out_of_scope(case.number, &case.source, &case.text) {
        // A line that is none of ours must not pass for one.
        return match detected(&case.text) {
            None => End::OutOfScope(reason),
            Some(format) => End::Differs(format!("{reason}; and yet read as {}", format.name())),
        };
    }
    let wrong = rules::wrong(case.number);
    match (compare(case), wrong) {
        (Ok(compared), None) => End::Agrees(compared),
        (Ok(_), Some(reason)) => End::Differs(format!("it agrees, although: {reason}")),
        (Err(why), None) => End::Differs(why),
        (Err(_), Some(reason)) => match repaired(case) {
            Some(Err(why)) => End::Differs(format!("{reason}; and when that is put right: {why}")),
            _ => End::PeerWrong(reason),
        },
    }
}

/// What comes of a case whose line nobody writes, as a server would have written it.
fn repaired(case: &Case) -> Option<Result<usize, String>> {
    let text = rules::repaired(case.number, &case.text)?;
    let (source, format) = (case.source.clone(), case.format.clone());
    let repaired = Case { number: 0, source, format, text, expected: case.expected.clone() };
    Some(compare(&repaired))
}

#[test]
fn other_parsers_cases_are_read_as_they_are_read_there() {
    let Some(data) = truth::data() else { return };
    let cases = fs::read_to_string(data.join("peer-cases.jsonl")).expect("the cases are there");
    let cases: Vec<_> = cases
        .lines()
        .enumerate()
        .map(|(at, line)| Case::of(at + 1, &serde_json::from_str(line).expect("JSON")))
        .collect();
    let mut complaints = Vec::new();
    let mut report: BTreeMap<String, [usize; 3]> = BTreeMap::new();
    let mut reasons: BTreeMap<(&str, &str), BTreeSet<usize>> = BTreeMap::new();
    let (mut totals, mut fields) = ([0; 3], 0);
    for case in &cases {
        let (class, reason) = match end(case) {
            End::Agrees(compared) => {
                fields += compared;
                (0, None)
            }
            End::PeerWrong(reason) => (1, Some(("peer wrong", reason))),
            End::OutOfScope(reason) => (2, Some(("out of scope", reason))),
            End::Differs(why) => {
                complaints.push(format!("{} {}: {why}", case.number, case.source));
                continue;
            }
        };
        totals[class] += 1;
        report.entry(case.source.clone()).or_default()[class] += 1;
        if let Some(reason) = reason {
            reasons.entry(reason).or_default().insert(case.number);
        }
    }
    let mut out = io::stderr().lock();
    let _ = writeln!(out, "{:>6} {:>6} {:>6}  source", "agree", "wrong", "out");
    for (source, [agree, wrong, outside]) in &report {
        let _ = writeln!(out, "{agree:>6} {wrong:>6} {outside:>6}  {source}");
    }
    for ((class, reason), numbers) in &reasons {
        let _ = writeln!(out, "{class}, {}: {reason} {numbers:?}", numbers.len());
    }
    let _ = writeln!(out, "{totals:?} of {}; {fields} fields were compared", cases.len());
    assert!(complaints.is_empty(), "{} differ\n{}", complaints.len(), complaints.join("\n"));
    assert_eq!(totals, rules::TOTALS);
}

#[test]
fn times_are_seconds() {
    for (text, expect) in [
        ("10/Oct/2000:13:55:36 -0700", 971_211_336),
        ("2000-10-10T20:55:36Z", 971_211_336),
        ("2000/10/10 20:55:36", 971_211_336),
        ("Tue Oct 10 20:55:36.958285 2000", 971_211_336),
        ("10/Oct/2000:20:55:36.123", 971_211_336),
        ("2000-10-10T22:55:36.123+02:00", 971_211_336),
        ("datetime.datetime(2000, 10, 10, 20, 55, 0o6)", 971_211_306),
    ] {
        assert_eq!(seconds(text), Some(expect), "{text}");
    }
}
