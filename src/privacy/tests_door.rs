//! Lines at the edges of door 1: what is left out, what refuses a line, and what is told beside what.

use std::sync::Arc;

use super::{
    tests::{Door, Seen, clean, door_of, refused},
    *,
};
use crate::{
    field::Reason,
    format::Format,
    policy::{Plan, Policy},
    transform::agent::Classifier,
};

/// A line of the common log.
fn request(client: &str, method: &str, target: &str, status: u16) -> String {
    format!(
        "{client} - - [22/Nov/2026:14:05:37 +0000] \"{method} {target} HTTP/1.1\" {status} 3000"
    )
}

fn nothing(_: &Record<'_>) -> String {
    String::new()
}

fn outcome(door: &mut Door, line: &str) -> Outcome {
    door.see(&Format::common(), line, nothing).outcome
}

#[test]
fn a_line_is_left_out_where_all_of_one_rule_fits() {
    let mut door = door_of(
        "path = { shape = \"cleaned\" }\n\
         [[drop]]\npath = \"/health\"\n\
         [[drop]]\npath = \"/live/{any}\"\nmethod = \"HEAD\"\n\
         [[drop]]\nnetwork = \"192.0.2.0/24\"\nmethod = \"POST\"\n\
         [[drop]]\npath = \"/own\"\nnetwork = \"2001:db8::/32\"\n\
         [[drop]]\npath = \"/last\"",
    );
    for (client, method, target, is_left_out) in [
        ("203.0.113.7", "GET", "/health", true),
        ("203.0.113.7", "POST", "/health?a=b", true),
        ("203.0.113.7", "GET", "/healthy", false),
        ("203.0.113.7", "HEAD", "/live/a", true),
        ("203.0.113.7", "GET", "/live/a", false),
        ("203.0.113.7", "HEAD", "/", false),
        ("192.0.2.7", "POST", "/", true),
        ("192.0.2.7", "GET", "/", false),
        ("203.0.113.7", "POST", "/", false),
        ("client.example.com", "POST", "/", false),
        ("2001:db8::7", "GET", "/own", true),
        ("fd00::7", "GET", "/own", false),
        ("2001:db8::7", "GET", "/", false),
        ("203.0.113.7", "GET", "/last", true),
        // The path that two of the rules before know is not that of this one.
        ("192.0.2.7", "GET", "/own", false),
    ] {
        let expect = if is_left_out { Outcome::Filtered } else { Outcome::Clean };
        // The first time, and when it is remembered.
        for _ in 0..2 {
            let found = outcome(&mut door, &request(client, method, target, 200));
            assert_eq!(found, expect, "{client} {method} {target}");
        }
    }
    let mut plain = door_of("path = { shape = \"cleaned\" }");
    assert_eq!(outcome(&mut plain, &request("192.0.2.7", "POST", "/health", 200)), Outcome::Clean);
}

#[test]
fn a_line_as_long_as_may_be_comes_through_and_a_longer_one_does_not() {
    let line = request("192.0.2.7", "GET", "/", 200);
    let padded = line.replace("GET /", &format!("GET /{}", "a".repeat((1 << 16) - line.len())));
    let mut door = door_of("method = true");
    assert_eq!(padded.len(), 1 << 16);
    assert_eq!(outcome(&mut door, &padded), Outcome::Clean);
    let longer = padded.replace("GET /", "GET /a");
    assert_eq!(outcome(&mut door, &longer), Outcome::Refused(Reason::TooLong));
}

#[test]
fn what_a_policy_requires_refuses_lines_without_it_and_no_others() {
    let whole = request("192.0.2.7", "GET", "/", 200);
    let garbage = whole.replace("GET / HTTP/1.1", "\\x16\\x03\\x01");
    // A format that logs no client at all.
    let without = Format::of_notation(r#"[$clf] "$request" $status"#);
    let nobody = "[22/Nov/2026:14:05:37 +0000] \"GET / HTTP/1.1\" 200";
    for (required, of_nobody, of_garbage) in [
        ("require = []", Outcome::Clean, Outcome::Clean),
        ("require = [\"client\"]", Outcome::Refused(Reason::BadAddress), Outcome::Clean),
        ("require = [\"request\"]", Outcome::Clean, Outcome::Refused(Reason::BadRequest)),
    ] {
        let mut door = door_of(required);
        assert_eq!(outcome(&mut door, &whole), Outcome::Clean, "{required}");
        assert_eq!(door.see(&without, nobody, nothing).outcome, of_nobody, "{required}");
        assert_eq!(outcome(&mut door, &garbage), of_garbage, "{required}");
    }
}

#[test]
fn nobody_is_believed_about_the_client_where_no_proxy_is_trusted() {
    let format = Format::of_notation(r#"[$clf] "$request" $status "$forwarded""#);
    let line = "[22/Nov/2026:14:05:37 +0000] \"GET / HTTP/1.1\" 200 \"203.0.113.7\"";
    let mut door = door_of("client = { truncate = { ipv4 = 16, ipv6 = 32 } }");
    let seen = door.see(&format, line, |record| format!("{:?}", record.client()));
    assert_eq!(seen, clean("None"));
}

/// What is told of the path and the bytes of a line.
fn path_and_bytes(record: &Record<'_>) -> String {
    let path = record.path().map(|path| path.as_bytes().escape_ascii().to_string());
    format!("{} {:?}", path.unwrap_or_default(), record.bytes())
}

#[test]
fn a_path_is_shown_where_the_site_confirmed_it_or_the_policy_declares_it() {
    let path = |shape: &str| format!("path = {{ shape = {shape:?}, status = [\"2xx\"] }}\n");
    let bytes = "bytes = { exact = \"plain-path\" }\n[[route]]\npattern = \"/docs/{page}\"\nkeep = [\"page\"]";
    let check = |shape: &str, target: &str, status: u16, expect: &str| {
        let mut door = door_of(&format!("{}{bytes}", path(shape)));
        let line = request("192.0.2.7", "GET", target, status);
        for _ in 0..2 {
            let seen = door.see(&Format::common(), &line, path_and_bytes);
            assert_eq!(seen, clean(expect), "{shape} {target} {status}");
        }
    };
    check("cleaned", "/about", 200, "/about Some(3000)");
    check("cleaned", "/about", 404, "(unknown) Some(4096)");
    check("cleaned", "/orders/49170", 200, "/orders/{id} Some(4096)");
    check("declared", "/about", 200, "(unknown) Some(4096)");
    check("declared", "/about", 404, "(unknown) Some(4096)");
    for (shape, status) in [("cleaned", 404), ("declared", 200), ("declared", 404)] {
        check(shape, "/docs/start", status, "/docs/start Some(3000)");
    }
    // Where no path is told, nothing says that it is a plain one.
    let mut door = door_of("bytes = { exact = \"plain-path\" }");
    let seen =
        door.see(&Format::common(), &request("192.0.2.7", "GET", "/about", 200), path_and_bytes);
    assert_eq!(seen, clean(" Some(4096)"));
    let garbage = request("192.0.2.7", "GET", "/", 200).replace("GET / HTTP/1.1", "\\x16\\x03");
    let mut door = door_of(&format!("{}{bytes}", path("cleaned")));
    assert_eq!(
        door.see(&Format::common(), &garbage, path_and_bytes),
        clean("(invalid) Some(4096)")
    );
}

#[test]
fn sites_and_what_is_internal_to_them_follow_each_line() {
    let mut door = door_of(
        "site = \"declared\"\nreferrer = \"domain\"\n\
         [sites]\ndeclared = [\"www.example.com\", \"shop.example.org\"]",
    );
    let format = Format::of_notation(r#"$site $client [$clf] "$request" $status "$referrer""#);
    let tell = |record: &Record<'_>| {
        let text = |text: Option<Text<'_>>| {
            text.map(|text| text.as_bytes().escape_ascii().to_string()).unwrap_or_default()
        };
        format!("{} {}", text(record.site()), text(record.referrer()))
    };
    let long = format!("{}.example.com", ["www"; 40].join("."));
    // One after the other, twice, so that what is remembered of one is not told of another.
    for _ in 0..2 {
        for (site, referrer, expect) in [
            ("www.example.com", "https://www.example.com/a", "www.example.com (internal)"),
            ("WWW.example.com:443", "https://a.example.com/", "www.example.com (internal)"),
            ("shop.example.org:80", "https://www.example.com/a", "shop.example.org example.com"),
            ("shop.example.org", "https://example.org/", "shop.example.org (internal)"),
            ("alice.example.net", "https://example.net/", "(other) (internal)"),
            ("alice.example.net", "https://example.org/", "(other) example.org"),
            ("www.example.com:a", "https://example.org/", "(other) example.org"),
            ("192.0.2.1:80", "-", "(other) (none)"),
            (&*long, "https://www.example.com/", "(other) (internal)"),
            ("www.example.com", "https://example.net/", "www.example.com example.net"),
        ] {
            let line = format!(
                "{site} 192.0.2.7 [22/Nov/2026:14:05:37 +0000] \"GET / HTTP/1.1\" 200 \"{referrer}\""
            );
            assert_eq!(door.see(&format, &line, tell), clean(expect), "{site} {referrer}");
        }
    }
}

#[test]
fn an_agent_is_told_the_first_time_and_when_it_is_remembered() {
    let mut door = door_of("browser = { version = \"major\" }\nos = true");
    let tell = |record: &Record<'_>| {
        let name = record.browser().map(|agent| agent.browser.name());
        format!("{name:?} {:?}", record.browser_version().map(|agent| agent.version))
    };
    let line = |agent: &str| format!("{} \"-\" \"{agent}\"", request("192.0.2.7", "GET", "/", 200));
    let firefox = "Mozilla/5.0 (X11; Linux x86_64; rv:127.0) Gecko/20100101 Firefox/127.0";
    for _ in 0..2 {
        for (agent, expect) in
            [(firefox, "Some(\"Firefox\") Some(127)"), ("curl/8.5.0", "Some(\"curl\") Some(8)")]
        {
            assert_eq!(door.see(&Format::combined(), &line(agent), tell), clean(expect), "{agent}");
        }
    }
}

#[test]
fn a_client_that_logged_its_name_is_told_by_its_domain_where_the_policy_says_so() {
    let tell = |record: &Record<'_>| format!("{:?} {:?}", record.client(), record.client_name());
    let line = |client: &str| request(client, "GET", "/", 200);
    let mut domain = door_of("client = \"domain\"");
    let mut plain = door_of("client = { truncate = { ipv4 = 16, ipv6 = 32 } }");
    let mut both = door_of("client = { truncate = { ipv4 = 16, ipv6 = 32, domain = true } }");
    let name = "alice-pc.example.com";
    let named = "Some(Hostname) Some(Text(example.com))";
    assert_eq!(domain.see(&Format::common(), &line(name), tell), clean(named));
    assert_eq!(both.see(&Format::common(), &line(name), tell), clean(named));
    assert_eq!(plain.see(&Format::common(), &line(name), tell), clean("Some(Hostname) None"));
    // A name of one label has no domain that could be told, and an address has none at all.
    assert_eq!(
        domain.see(&Format::common(), &line("localhost"), tell),
        clean("Some(Hostname) None")
    );
    assert_eq!(domain.see(&Format::common(), &line("192.0.2.7"), tell), clean("None None"));
    let network = "Some(V4 { network: 3221225472, prefix: 16 }) None";
    assert_eq!(both.see(&Format::common(), &line("192.0.2.7"), tell), clean(network));
}

#[test]
fn a_query_that_is_logged_apart_belongs_to_the_target_that_has_none() {
    let keys =
        "path = { shape = \"cleaned\" }\n[[query]]\nname = \"page\"\nvalues = [\"1\", \"2\"]";
    let mut door = door_of(keys);
    let tell = |record: &Record<'_>| {
        let pair = |(name, value): (&str, &[u8])| format!("{name}={}", value.escape_ascii());
        let pairs =
            record.query().map(|query| query.iter().map(pair).collect::<Vec<_>>().join("&"));
        let path = record.path().map(|path| path.as_bytes().escape_ascii().to_string());
        format!("{} {}", path.unwrap_or_default(), pairs.unwrap_or_default())
    };
    let format =
        Format::of_notation(r#"$client [$clf] $method $target "$query" $protocol $status"#);
    for (target, query, expect) in [
        ("/a", "page=1", "/a page=1"),
        ("/a", "?page=2", "/a page=2"),
        ("/a", "-", "/a "),
        ("/a", "", "/a "),
        ("/a?page=1", "page=2", "/a page=1"),
        ("/a?x", "page=2", "/a "),
    ] {
        let line =
            format!("192.0.2.7 [22/Nov/2026:14:05:37 +0000] GET {target} \"{query}\" HTTP/1.1 200");
        for _ in 0..2 {
            assert_eq!(door.see(&format, &line, tell), clean(expect), "{target} {query}");
        }
    }
}

#[test]
fn a_line_of_another_format_comes_through_by_the_other_way_only() {
    let mut door = door_of("status = true");
    let other = Format::named("nginx-json").expect("a format");
    for wrapped in [false, true] {
        let line = if wrapped {
            format!("<190>Nov 22 14:05:37 web1 nginx: {}", other.example())
        } else {
            other.example().to_owned()
        };
        let mut block = RawBlock::with_capacity(line.len() + 1);
        block.read_from(&mut line.as_bytes()).expect("a slice reads");
        let raw = block.lines().next().expect("a line");
        let format = Format::combined();
        let seen = door.see(&format, &line, nothing);
        assert_eq!(seen, refused(Reason::NotThisFormat));
        let mut status = None;
        let outcome = door.0.anonymise_other(&format, raw, &mut |record| status = record.status());
        assert_eq!((outcome, status), (Outcome::Clean, Some(200)), "{wrapped}");
    }
    let seen = Seen { outcome: Outcome::Refused(Reason::NotThisFormat), record: None };
    let mut block = RawBlock::with_capacity(9);
    block.read_from(&mut &b"no format"[..]).expect("a slice reads");
    let raw = block.lines().next().expect("a line");
    let outcome = door.0.anonymise_other(&Format::combined(), raw, &mut |_| panic!());
    assert_eq!(Seen { outcome, record: None }, seen);
}

#[test]
fn a_size_of_ten_gigabytes_is_told_roughly() {
    let mut door = door_of("path = { shape = \"cleaned\" }\nbytes = { exact = \"plain-path\" }");
    for (bytes, told) in [(9_999_999_999_u64, 9_999_999_999), (10_000_000_000, 1_u64 << 34)] {
        let line = request("192.0.2.7", "GET", "/about", 200).replace("3000", &bytes.to_string());
        let seen = door.see(&Format::common(), &line, path_and_bytes);
        assert_eq!(seen, clean(&format!("/about Some({told})")));
    }
}

/// What the index of the parcel says that a door for `words` makes of these lines, and the lines themselves.
fn sealed(words: &str, text: &str) -> (serde_json::Value, Vec<String>) {
    let policy = format!(
        "name = \"p\"\nversion = 1\n[record]\nmethod = true\n[quarantine]\nseal = [{words}]\nretention_days = 7"
    );
    let plan = Plan::compile(&Policy::parse(&policy).expect("a policy")).expect("compiles");
    let mut door = Anonymiser::new(Arc::new(plan), Arc::new(Classifier::new()), None, 1 << 16, 16);
    assert!(!door.seals(), "nobody asked for it");
    door = door.with_watch();
    assert!(door.seals());
    let mut block = RawBlock::with_capacity(text.len());
    block.begin_at(4_711);
    block.read_from(&mut text.as_bytes()).expect("a slice reads");
    let format = Format::combined();
    door.open_block();
    for line in block.lines() {
        let outcome = door.anonymise(&format, line, |_| {});
        door.settle(&block, &format, line, outcome);
    }
    let sightings = door.take_sightings();
    let parcel = door.pack(&block, &format, "access.log", sightings).expect("there is something");
    door.close_block();
    let (key, recipient) = unseal::tests::key();
    let mut segment = seal::Segment::begin(recipient, Vec::new()).expect("a vector");
    segment.put(parcel).expect("a vector takes all");
    let (body, told) = segment.finish().expect("a vector takes all");
    let index = unseal::Index::open(&told.index, &key).expect("opens");
    let mut unsealer = unseal::Unsealer::new(&body[..], &key).expect("opens");
    let mut lines = Vec::new();
    while let Some(line) = unsealer.next().expect("it is whole") {
        let text = str::from_utf8(line.show_bytes()).expect("text");
        lines.push(format!("{:?} {} {text}", line.place(), line.why().join(",")));
    }
    (serde_json::to_value(&index).expect("JSON"), lines)
}

/// A refused line is found again by whose it is and what it asked for, also inside of what a shipper wrote around it
/// and in another format of lines.
#[test]
fn what_is_refused_is_sealed_with_what_can_be_known_of_it() {
    let good = Format::combined().example();
    let bad = |client: &str, path: &str| {
        good.replace("192.0.2.7", client).replace("/index.html", path).replace("/Nov/", "/Foo/")
    };
    let wrapped = format!("<190>Nov 22 14:05:37 web1 nginx: {}", bad("2001:db8::9", "/wrapped"));
    let nobody = good.replace("192.0.2.7", "192.0.2.700").replace("/index.html", "/nobody");
    let text = format!("{good}\n{}\n{wrapped}\n{nobody}\n", bad("192.0.2.8", "/bare"));
    let (index, lines) = sealed("\"refused\"", &text);
    let second = 4_711 + good.len() + 1;
    let third = second + bad("192.0.2.8", "/bare").len() + 1;
    let fourth = third + wrapped.len() + 1;
    assert_eq!(
        lines,
        [
            format!("Some(({second}, 0)) refused:bad-time {}", bad("192.0.2.8", "/bare")),
            format!("Some(({third}, 0)) refused:bad-time {wrapped}"),
            format!("Some(({fourth}, 0)) refused:bad-address {nobody}"),
        ]
    );
    assert_eq!(index["addresses"], serde_json::json!(["192.0.2.8", "2001:db8::9"]));
    assert_eq!(index["paths"], serde_json::json!(["/bare", "/nobody", "/wrapped"]));
    assert_eq!(index["paths_whole"], true);
    assert_eq!([&index["lines"], &index["undated"], &index["unnamed"]], [3, 2, 1]);
    assert!(index["from"].is_i64() && index["from"] == index["to"]);
    assert_eq!(index["why"], serde_json::json!({"refused": 3}));
}

#[test]
fn where_all_is_sealed_it_is_known_of_each_line_whose_it_is() {
    let good = Format::combined().example();
    let text = format!("{good}\n{}\n", good.replace("192.0.2.7", "198.51.100.9"));
    let (index, lines) = sealed("\"all\"", &text);
    assert_eq!(lines.len(), 2);
    assert!(lines[1].contains(" all 198.51.100.9 "));
    assert_eq!(index["addresses"], serde_json::json!(["192.0.2.7", "198.51.100.9"]));
    assert_eq!([&index["lines"], &index["unnamed"]], [2, 0]);
    assert_eq!(index["paths_whole"], false);
}
