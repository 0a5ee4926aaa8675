//! Lines through door 1, for what no single transform shows: shippers, proxies, and the fields of few formats.

use std::sync::Arc;

use super::*;
use crate::{
    field::Reason,
    format::{Declared, Format, nginx},
    policy::{Plan, Policy, preset},
    transform::{
        address::{CLIENT_BYTES_MAX, Client},
        agent::Classifier,
        language::Language,
        pseudonym::{Epoch, EpochKey, EpochLength, Secret, Token, TokenField},
    },
};

/// What became of a line, and the parts of its record that these tests look at.
#[derive(Debug, PartialEq)]
pub(super) struct Seen {
    pub(super) outcome: Outcome,
    pub(super) record: Option<String>,
}

/// One worker for the baseline with `change` behind it.
pub(super) struct Door(pub(super) Anonymiser);

impl Door {
    fn new(change: &str) -> Self {
        let text = format!("{}\n{change}", preset("baseline").expect("a preset"));
        let policy = Policy::parse(&text).expect("a policy");
        let plan = Arc::new(Plan::compile(&policy).expect("compiles"));
        Self(Anonymiser::new(plan, Arc::new(Classifier::new()), None, 1 << 16, 16))
    }

    /// Sends `line` through and tells of its record what `tell` says.
    pub(super) fn see(
        &mut self,
        format: &Format,
        line: &str,
        tell: impl Fn(&Record<'_>) -> String,
    ) -> Seen {
        let mut block = RawBlock::with_capacity(line.len() + 1);
        block.read_from(&mut line.as_bytes()).expect("a slice reads");
        let mut record = None;
        let raw = block.lines().next().expect("a line");
        self.0.open_block();
        let outcome = self.0.anonymise(format, raw, |clean| record = Some(tell(clean)));
        self.0.close_block();
        Seen { outcome, record }
    }
}

pub(super) fn clean(record: &str) -> Seen {
    Seen { outcome: Outcome::Clean, record: Some(record.to_owned()) }
}

pub(super) fn refused(reason: Reason) -> Seen {
    Seen { outcome: Outcome::Refused(reason), record: None }
}

/// Memories of few places forget much between the first look at a line and the work on it.
#[test]
fn lines_that_were_looked_at_ahead_become_what_they_become_alone() {
    let format = Format::combined();
    let example = format.example();
    let mut text = String::new();
    for number in 0..6_000_u32 {
        // Scattered, so that each comes again after some others and after many.
        let at = number.wrapping_mul(2_654_435_761) >> 20;
        let path = match number % 5 {
            0 => format!("/{}/page-{}", "long-part/".repeat(12), at % 97),
            _ => format!("/page-{}", at % 1_499),
        };
        let line = example.replace("/index.html", &path).replace("curl/8", &format!("curl/{at}"));
        text += &match number % 11 {
            0 => String::new(),
            1 => format!("<190>Nov 22 14:05:37 web1 nginx: {line}"),
            2 => line[..line.len() / 2].to_owned(),
            3 => line.replace("192.0.2.7", "192.0.2.700"),
            4 => line.replacen(&path, &"a".repeat(1 << 12), 1),
            _ => line,
        };
        text += "\n";
    }
    let mut block = RawBlock::with_capacity(text.len());
    block.read_from(&mut text.as_bytes()).expect("a slice reads");
    let tell = |record: &Record<'_>| {
        let told = (record.client(), record.path(), record.status(), record.browser_version());
        format!("{told:?} {:?} {:?}", record.method(), record.referrer())
    };
    let worker = || {
        let policy = Policy::parse(preset("baseline").expect("a preset")).expect("a policy");
        let plan = Arc::new(Plan::compile(&policy).expect("compiles"));
        Anonymiser::new(plan, Arc::new(Classifier::new()), None, 1 << 12, 1 << 10)
    };
    let (mut alone, mut together) = (Vec::new(), Vec::new());
    let mut door = worker();
    for line in block.lines() {
        let mut record = None;
        let outcome = door.anonymise(&format, line, |clean| record = Some(tell(clean)));
        alone.push(Seen { outcome, record });
    }
    let mut door = worker();
    let mut ahead = Ahead::new(&format, block.lines());
    while door.look_ahead(&mut ahead) {
        for looked in ahead.looked() {
            let mut record = None;
            let outcome = door.anonymise_looked(looked, |it| record = Some(tell(it)));
            together.push(Seen { outcome, record });
        }
    }
    assert_eq!(alone.len(), 6_000);
    assert!(alone.iter().filter(|seen| seen.outcome == Outcome::Clean).count() > 3_000);
    assert_eq!(alone, together);
}

#[test]
fn a_wrapped_line_is_what_it_is_bare() {
    let tell = |record: &Record<'_>| {
        let told =
            (record.time(), record.client(), record.path(), record.status(), record.browser());
        format!("{told:?} {:?} {:?}", record.bytes(), record.referrer())
    };
    let format = Format::combined();
    let line = format.example();
    let mut door = Door::new("");
    let bare = door.see(&format, line, tell);
    assert_eq!(bare.outcome, Outcome::Clean);
    let json = serde_json::to_string(line).expect("JSON");
    let docker = format!(r#"{{"log":{json},"stream":"stdout","time":"2026-11-22T14:05:37Z"}}"#);
    for wrapped in [
        format!("<190>Nov 22 14:05:37 web1 nginx: {line}"),
        format!("12 <190>1 - - - - - -  {line}"),
        format!("<190>Nov 22 14:05:37 web1 docker: {docker}"),
        format!(r#"{{"MESSAGE":{:?},"_PID":"7"}}"#, line.as_bytes()),
        docker,
        line.to_owned(),
    ] {
        assert_eq!(door.see(&format, &wrapped, tell), bare, "{wrapped}");
    }
    let whole = |_: &Record<'_>| String::new();
    let empty = "<190>Nov 22 14:05:37 web1 nginx: ";
    assert_eq!(door.see(&format, empty, whole), refused(Reason::Empty));
    let broken = r#"{"MESSAGE":[49,256],"_PID":"7"}"#;
    assert_eq!(door.see(&format, broken, whole), refused(Reason::BadEscape));
    let part = format!("2026-11-22T14:05:37Z stdout P {line}");
    assert_eq!(door.see(&format, &part, whole), refused(Reason::BadAddress));
    let thrice = format!("{empty}{empty}{empty}{line}");
    assert_eq!(door.see(&format, &thrice, whole), refused(Reason::BadAddress));
}

/// The line of the formats below.
fn line(client: &str, end: &str) -> String {
    format!(r#"{client} [22/Nov/2026:14:05:37 +0000] "GET / HTTP/1.1" 200 {end}"#)
}

#[test]
fn the_client_is_whom_trusted_proxies_name() {
    let format = Format::of_notation(r#"$client [$clf] "$request" $status "$forwarded""#);
    let tell = |record: &Record<'_>| format!("{:?}", record.client().expect("kept"));
    let mut trusting = Door::new("[network]\ntrusted_proxies = [\"10.0.0.0/8\"]");
    let mut plain = Door::new("");
    let told = |network: u32| {
        let network = network << 16;
        clean(&format!("{:?}", crate::transform::address::Client::V4 { network, prefix: 16 }))
    };
    for (client, list, believed, else_told) in [
        ("10.0.0.1", "203.0.113.7", 0xcb00, 0x0a00),
        ("10.0.0.1", "198.51.100.9, 203.0.113.7, 10.0.0.2", 0xcb00, 0x0a00),
        ("10.0.0.1", r"for=\x22203.0.113.7:80\x22;proto=http, for=10.0.0.2", 0xcb00, 0x0a00),
        ("10.0.0.1:443", "::ffff:203.0.113.7", 0xcb00, 0x0a00),
        ("10.0.0.1", "unknown", 0x0a00, 0x0a00),
        ("10.0.0.1", "-", 0x0a00, 0x0a00),
        ("198.51.100.9", "203.0.113.7", 0xc633, 0xc633),
    ] {
        let line = line(client, &format!("\"{list}\""));
        assert_eq!(trusting.see(&format, &line, tell), told(believed), "{line}");
        assert_eq!(plain.see(&format, &line, tell), told(else_told), "{line}");
    }
    let nobody = line("-", "\"203.0.113.7\"");
    assert_eq!(trusting.see(&format, &nobody, tell), refused(Reason::BadAddress));
}

#[test]
fn durations_and_languages_are_told_roughly() {
    let format = Format::of_notation(r#"$client [$clf] "$request" $status $seconds "$language""#);
    let tell = |record: &Record<'_>| {
        let language = record.language().map(Language::name);
        format!("{:?} {language:?}", record.duration_ms())
    };
    let mut door = Door::new("");
    for (end, expect) in [
        (r#"0.005 "de-CH,de;q=0.9""#, r#"Some(5) Some("de")"#),
        (r#"1.234 "tlh""#, r#"Some(2000) Some("other")"#),
        (r#"12ms "-""#, "Some(20) None"),
        (r#"- """#, "None None"),
        (r#"0.000 "alice@example.com""#, r#"Some(0) Some("other")"#),
    ] {
        assert_eq!(door.see(&format, &line("192.0.2.7", end), tell), clean(expect), "{end}");
    }
}

/// A worker for a policy with these keys in its record, and whatever follows them.
pub(super) fn door_of(record: &str) -> Door {
    let text = format!("name = \"p\"\nversion = 1\n[record]\n{record}");
    let plan = Plan::compile(&Policy::parse(&text).expect("a policy")).expect("compiles");
    Door(Anonymiser::new(Arc::new(plan), Arc::new(Classifier::new()), None, 1 << 16, 16))
}

/// What `rule` tells of a referrer, the first time and when it is remembered.
#[track_caller]
fn check_referrer(rule: &str, referrer: &str, expect: &str) {
    let sites = "[sites]\ndeclared = [\"www.example.com\"]";
    let mut door = door_of(&format!("referrer = \"{rule}\"\n{sites}"));
    let line = format!(
        "192.0.2.7 - - [22/Nov/2026:14:05:37 +0000] \"GET / HTTP/1.1\" 200 5 \"{referrer}\" \"-\""
    );
    for _ in 0..2 {
        let seen =
            door.see(&Format::combined(), &line, |record| format!("{:?}", record.referrer()));
        assert_eq!(seen, clean(&format!("Some(Text({expect}))")), "{rule} {referrer}");
    }
}

#[test]
fn referrers_are_none_internal_or_external() {
    check_referrer("category", "-", "(none)");
    check_referrer("category", "https://shop.example.com/cart", "(internal)");
    check_referrer("category", "(internal)", "(internal)");
    check_referrer("category", "https://www.example.org/alice", "(external)");
    check_referrer("category", "http://192.0.2.77/", "(external)");
    check_referrer("category", "alice", "(external)");
}

#[test]
fn an_origin_of_ones_own_is_internal() {
    check_referrer("origin", "https://shop.example.com/cart", "(internal)");
    check_referrer("origin", "https://www.example.org/alice", "https://www.example.org");
    check_referrer("origin", "https://notexample.com/", "https://notexample.com");
    let long = ["www"; 30].join(".");
    check_referrer("origin", &format!("https://{long}.example.com/"), "(internal)");
    check_referrer(
        "origin",
        &format!("http://{long}.example.org/"),
        &format!("http://{long}.example.org"),
    );
}

#[test]
fn query_values_lie_beside_the_path_and_not_in_it() {
    let mut door = door_of(
        "path = { shape = \"cleaned\" }\n[[query]]\nname = \"page\"\npattern = \"{digits:1-3}\"\n\
         [[query]]\nname = \"tab\"\nvalues = [\"a\"]\n[[query]]\nname = \"lang\"\npattern = \"{lower:2}\"\n\
         [opt_out]\nquery = \"optout\"",
    );
    let tell = |record: &Record<'_>| {
        let pair = |(name, value): (&str, &[u8])| format!("{name}={}", value.escape_ascii());
        let pairs =
            record.query().map(|query| query.iter().map(pair).collect::<Vec<_>>().join("&"));
        let path = record.path().expect("a request");
        format!("{} {}", path.as_bytes().escape_ascii(), pairs.unwrap_or_default())
    };
    let line = |path: &str, query: &str| {
        format!("192.0.2.7 - - [22/Nov/2026:14:05:37 +0000] \"GET {path}{query} HTTP/1.1\" 200 5")
    };
    // Short, long, and too long to be remembered.
    for path in ["/b", &"/a".repeat(100), &"/a".repeat(300)] {
        for (query, expect) in [
            ("", ""),
            ("?page=7", "page=7"),
            ("?lang=de&tab=a&page=12&x=1", "lang=de&tab=a&page=12"),
            ("?page=alice", ""),
        ] {
            for _ in 0..2 {
                let seen = door.see(&Format::common(), &line(path, query), tell);
                assert_eq!(seen, clean(&format!("{path} {expect}")));
            }
        }
        for _ in 0..2 {
            let seen = door.see(&Format::common(), &line(path, "?optout"), tell);
            assert_eq!(seen.outcome, Outcome::OptedOut);
        }
    }
}

#[test]
fn a_cookie_opts_out_however_the_server_wrote_it() {
    let mut door = door_of("status = true\n[opt_out]\ncookie = \"optout\"");
    let mut check = |first: &str, cookie: &str, expect: Outcome| {
        let header = format!("#Fields: {first} date time c-ip cs-uri-stem sc-status cs(Cookie)");
        let separator = if first.starts_with('x') { "\t" } else { " " };
        let line = ["FRA2", "2026-11-22", "14:05:37", "192.0.2.7", "/a", "200", cookie];
        let format = Format::from_header(header.as_bytes()).expect("a header");
        let seen = door.see(&format, &line.join(separator), |_| String::new());
        assert_eq!(seen.outcome, expect, "{first} {cookie}");
    };
    let (iis, cloudfront) = ("s-sitename", "x-edge-location");
    check(iis, "a=b;+optout=1", Outcome::OptedOut);
    check(iis, "a=b;+c=optout", Outcome::Clean);
    check(cloudfront, "a=b;%20optout=1", Outcome::OptedOut);
    check(cloudfront, "a=b;%2520optout=1", Outcome::OptedOut);
    check(cloudfront, "a=b;%20c=optout", Outcome::Clean);
}

/// A keyring with the key of the day of these lines, and that day's number.
fn keyring() -> (Arc<Keyring>, Epoch) {
    let (keyring, epoch) = (Arc::new(Keyring::default()), Epoch(20_779));
    let key = EpochKey::new(Secret::copy_of(&[7; 32]));
    keyring.publish(Keys { length: EpochLength::default(), keys: vec![(epoch, key)] });
    keyring.set_now(20_779 * 86_400 + 50_000);
    (keyring, epoch)
}

/// The format of lines that end with their cookies.
fn cookies_of_nginx() -> Format {
    let string = r#"$remote_addr [$time_local] "$request" $status "$http_cookie""#;
    nginx::compile(string, &Declared::default()).expect("nginx documents these")
}

#[test]
fn a_cookie_has_one_token_however_the_server_wrote_it() {
    let (keyring, epoch) = keyring();
    let door = door_of("cookie = { name = \"visitor\", as = \"token\" }");
    let mut door = Door(door.0.with_keyring(&keyring));
    let key = EpochKey::new(Secret::copy_of(&[7; 32])).field_key(b"-", TokenField::Cookie);
    let told = |token: Option<Token>| format!("{:?}", token.map(|token| token.characters()));
    let mut check = |format: &Format, line: &str, value: Option<&str>| {
        let expect = value.map(|value| key.token(epoch, value.as_bytes()));
        let seen = door.see(format, line, |record| told(record.cookie()));
        assert_eq!(seen, clean(&told(expect)), "{line}");
    };
    let quoted = cookies_of_nginx();
    for (cookie, value) in [
        ("visitor=abc123", Some("abc123")),
        ("a=b; visitor=abc123; c=d", Some("abc123")),
        (r"a=b; visitor=\x22abc123\x22", Some("abc123")),
        (r"visitor=a\x5cb", Some("a\\b")),
        // What no server writes is read as it stands, and refuses no line.
        (r"visitor=a\qb", Some(r"a\qb")),
        ("visitor=; a=visitor", None),
        ("-", None),
    ] {
        check(&quoted, &line("192.0.2.7", &format!("\"{cookie}\"")), value);
    }
    let json = |name: &str, line: &str| (Format::named(name).expect("a format"), line.to_owned());
    let columns = |names: &str, values: &str| {
        let header = format!("#Fields: date time c-ip cs-uri-stem sc-status cs(Cookie) {names}");
        let line = format!("2026-11-22 14:05:37 192.0.2.7 /a 200 {values}");
        (Format::from_header(header.as_bytes()).expect("a header"), line)
    };
    for (format, line) in [
        json(
            "nginx-json",
            r#"{"time_iso8601":"2026-11-22T14:05:37+00:00","remote_addr":"192.0.2.7","request":"GET / HTTP/1.1",
               "status":200,"http_cookie":"a=b; visitor=\"abc123\""}"#,
        ),
        json(
            "caddy",
            r#"{"ts":1795356337.123,"request":{"client_ip":"192.0.2.7","proto":"HTTP/2.0","method":"GET","uri":"/",
               "headers":{"Cookie":["a=b","visitor=abc123; c=d"]}},"status":200}"#,
        ),
        columns("s-sitename", "a=b;+visitor=abc123;+c=d W3SVC1"),
        columns("x-edge-location", "a=b;%20visitor=abc123;%20c=d FRA2"),
    ] {
        check(&format, &line.replace('\n', ""), Some("abc123"));
    }
}

#[test]
fn without_keys_there_is_no_cookie_and_nothing_is_late() {
    let mut door = door_of("cookie = { name = \"visitor\", as = \"token\" }");
    let format = cookies_of_nginx();
    let tell = |record: &Record<'_>| format!("{:?} {:?}", record.cookie(), record.late());
    let line = line("192.0.2.7", "\"visitor=abc123\"");
    assert_eq!(door.see(&format, &line, tell), clean("None None"));
    let (keyring, _) = keyring();
    keyring.publish(Keys::default());
    let mut door = Door(door.0.with_keyring(&keyring));
    assert_eq!(door.see(&format, &line, tell), clean("None None"));
}

#[test]
fn a_network_beside_a_token_is_told_also_where_the_token_is_late() {
    let (keyring, _) = keyring();
    let linking = "client = \"token\"\nallow_linking = true\nnetwork = { ipv4 = 16, ipv6 = 32 }";
    let door = door_of(&format!("{linking}\n[network]\nexempt = [\"10.0.0.0/8\"]"));
    let mut door = Door(door.0.with_keyring(&keyring));
    let tell = |record: &Record<'_>| {
        let mut text = [0; CLIENT_BYTES_MAX];
        let mut text = |client: Option<Client>| {
            let length = client.map_or(0, |client| client.write(&mut text));
            text[..length].escape_ascii().to_string()
        };
        let (client, network) = (text(record.client()), text(record.network()));
        format!("{} {network} {}", &client[..client.len().min(3)], record.late().is_some())
    };
    let format = Format::of_notation(r#"$client [$clf] "$request" $status $_"#);
    for (client, expect) in [
        ("192.0.2.77", "t1. 192.0.0.0/16 false"),
        ("::ffff:192.0.2.77", "t1. 192.0.0.0/16 false"),
        ("2001:db8:1:2::9", "t1. 2001:db8::/32 false"),
        ("www.example.com", "hos  false"),
        ("2001:0:c000:201::1", "ter  false"),
        ("10.1.2.3", "10. 10.1.0.0/16 false"),
    ] {
        assert_eq!(door.see(&format, &line(client, "-"), tell), clean(expect), "{client}");
    }
    let early = line("192.0.2.77", "-").replace("/2026:", "/2025:");
    assert_eq!(door.see(&format, &early, tell), clean(" 192.0.0.0/16 true"));
}

/// Nothing that a product reports of itself may be joined with anything else that its sender does.
#[test]
fn a_report_of_a_product_has_no_token_and_is_not_late() {
    let (keyring, _) = keyring();
    let door = door_of(
        "client = \"token\"\nallow_linking = true\ncookie = { name = \"visitor\", as = \"token\" }\n\
         [counts]\ntables = []\n[[counts.product]]\nname = \"reports\"\npath = \"/submit/{product}/{version}\"\n\
         key = [\"product\", \"version\"]",
    );
    let mut door = Door(door.0.with_keyring(&keyring));
    let tell = |record: &Record<'_>| {
        let (client, cookie) = (record.client().is_some(), record.cookie().is_some());
        format!("{client} {cookie} {}", record.late().is_some())
    };
    let format = cookies_of_nginx();
    let page = line("192.0.2.7", "\"visitor=abc123\"");
    let report = page.replace("GET /", "POST /submit/reader/3");
    assert!(report.contains("/submit/reader/3"));
    let early = |line: &str| line.replace("/2026:", "/2025:");
    // The first time, and when it is remembered.
    for _ in 0..2 {
        assert_eq!(door.see(&format, &page, tell), clean("true true false"));
        assert_eq!(door.see(&format, &report, tell), clean("false false false"));
        assert_eq!(door.see(&format, &early(&page), tell), clean("false false true"));
        assert_eq!(door.see(&format, &early(&report), tell), clean("false false false"));
    }
}
