//! Rules that are right, what they find, and that nothing is lost on the way to them.

use std::{cell::RefCell, sync::LazyLock};

use proptest::prelude::*;

use super::*;

static SHIPPED_RULES: LazyLock<Arc<Rules>> = LazyLock::new(|| Arc::new(Rules::shipped()));

fn own(text: &str) -> Arc<Rules> {
    let files = [("own.toml".to_owned(), text.to_owned())];
    Arc::new(Rules::only(&files).unwrap_or_else(|error| panic!("{error}")))
}

fn line(request: &[u8], status: u16, referrer: &str, agent: &str) -> Vec<u8> {
    let head = b"192.0.2.7 - - [22/Nov/2026:14:05:37 +0000] \"";
    let tail = format!("\" {status} 5 \"{referrer}\" \"{agent}\"");
    [&head[..], request, tail.as_bytes()].concat()
}

fn look(detector: &mut Detector, line: &[u8]) -> Verdict {
    let mut map = LineMap::default();
    match Format::combined().map(line, &mut map) {
        Ok(()) => detector.look(line, &map),
        Err(_) => Verdict::default(),
    }
}

fn ids(rules: &Rules, verdict: &Verdict) -> Vec<String> {
    verdict.hits().iter().map(|hit| rules.id(*hit).to_owned()).collect()
}

/// What our rules say of a request with an answer of 200.
fn of(request: &str, status: u16) -> (u8, Vec<String>) {
    let mut detector = Detector::new(Arc::clone(&SHIPPED_RULES));
    let verdict = look(&mut detector, &line(request.as_bytes(), status, "-", "curl/8.5.0"));
    (verdict.score, ids(&SHIPPED_RULES, &verdict))
}

#[track_caller]
fn check(target: &str, expect: &str) {
    let (score, ids) = of(&format!("GET {target} HTTP/1.1"), 200);
    let families: Vec<_> = ids.iter().filter_map(|id| id.split('-').next()).collect();
    assert!(score >= THRESHOLD && families.contains(&expect), "{target}: {score} {ids:?}");
}

#[track_caller]
fn check_ordinary(target: &str) {
    let (score, ids) = of(&format!("GET {target} HTTP/1.1"), 200);
    assert!(score < THRESHOLD, "{target}: {score} {ids:?}");
}

#[test]
fn our_own_rules_are_right() {
    let files: Vec<(String, String)> =
        SHIPPED.iter().map(|(file, text)| ((*file).to_owned(), (*text).to_owned())).collect();
    match Rules::only(&files) {
        Ok(rules) => assert!(rules.len() > 100, "{}", rules.len()),
        Err(error) => panic!("{error}"),
    }
    let seldom = SHIPPED_RULES.always.iter().map(|rule| SHIPPED_RULES.id(*rule));
    let seldom: Vec<_> = seldom.collect();
    assert!(
        seldom.len() <= 4,
        "rules that no needle stands for are tried on every line: {seldom:?}"
    );
}

#[test]
fn attacks_of_each_kind_are_found() {
    for (target, family) in [
        ("/item?id=1%27%20or%201%3D1--%20", "sqli"),
        ("/item?id=1+union/**/select+1,2,3", "sqli"),
        ("/item?id=1%2527%2520union%2520select%25201", "sqli"),
        ("/search?q=%3Cscript%3Ealert(1)%3C/script%3E", "xss"),
        ("/search?q=%22%20onmouseover=%22alert(1)", "xss"),
        ("/page?file=../../../../etc/passwd", "files"),
        ("/page?file=..%252f..%252fetc%252fpasswd", "files"),
        ("/%c0%ae%c0%ae/%c0%ae%c0%ae/x", "files"),
        ("/page?file=L2V0Yy9wYXNzd2Q=", "files"),
        ("/ping?host=127.0.0.1;cat%20/etc/hosts", "shell"),
        ("/ping?host=x%7Cc''a$@t%20/etc/hosts", "shell"),
        ("/x?a=$(id)", "shell"),
        ("/x?a=%3C?php%20system('id');?%3E", "php"),
        ("/x?a=${jndi:ldap://203.0.113.9/a}", "java"),
        ("/x?a=%7B%7B7*7%7D%7D", "template"),
        ("/x?url=http://169.254.169.254/latest/meta-data/", "fetch"),
        ("/x?a=b%0d%0aSet-Cookie:%20c=d", "protocol"),
        ("/vendor/phpunit/phpunit/src/Util/PHP/eval-stdin.php", "probe"),
    ] {
        check(target, family);
    }
}

#[test]
fn what_people_type_is_left_alone() {
    for target in [
        "/",
        "/search?q=O%27Brien+and+sons",
        "/search?q=rock+%26+roll;+where+it+began",
        "/search?q=1+or+2+bedroom+flat+from+100+to+200",
        "/search?q=%22exact+phrase%22",
        "/oauth?redirect_uri=https%3A%2F%2Fclient.example.org%2Fcb&scope=openid%20email&state=af0ifjsldkj",
        "/graphql?query=%7B%20user(id%3A%201)%20%7B%20name%20%7D%20%7D",
        "/list?filter[price][gte]=10&sort[]=-created",
        "/share?u=https%253A%252F%252Fexample.com%252Fp",
        "/a/../b.html",
        "/login?next=/account/",
        "/t?d=eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0In0.abc",
        "/t?b=SGVsbG8gV29ybGQhIFRoaXMgaXMgdGV4dA==",
    ] {
        check_ordinary(target);
    }
}

#[test]
fn a_name_alone_never_marks_a_line_that_was_served() {
    for path in ["/.env", "/wp-config.php", "/phpmyadmin/", "/.git/HEAD", "/backup.sql"] {
        let request = format!("GET {path} HTTP/1.1");
        for status in [200, 302, 500] {
            assert!(of(&request, status).0 < THRESHOLD, "{path} {status}");
        }
        assert!(of(&request, 404).0 >= THRESHOLD, "{path}");
    }
    assert!(of("GET /admin/ HTTP/1.1", 404).0 < THRESHOLD);
}

#[test]
fn agents_have_rules_of_their_own_and_browsers_fit_none() {
    let mut detector = Detector::new(Arc::clone(&SHIPPED_RULES));
    let mut score =
        |agent: &str| look(&mut detector, &line(b"GET / HTTP/1.1", 200, "-", agent)).score;
    for agent in
        ["sqlmap/1.7 (https://sqlmap.org)", "Mozilla/5.0 (compatible; Nikto)", "() { :;}; id"]
    {
        assert!(score(agent) >= THRESHOLD, "{agent}");
    }
    for agent in [
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0 Safari/537.36",
        "Mozilla/5.0 (Linux; Android 13; VEGA IM-A850) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/99.0",
        "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
        "curl/8.5.0",
        "-",
        "",
    ] {
        assert!(score(agent) < THRESHOLD, "{agent}");
    }
}

#[test]
fn a_referrer_counts_one_less() {
    let rules = own(
        "[[rule]]\nid = \"a\"\nfamily = \"a\"\nscore = 5\nin = [\"value\", \"referrer\"]\ncontains = [\"bad\"]",
    );
    let mut detector = Detector::new(rules);
    let mut score = |target: &str, referrer: &str| {
        let request = format!("GET {target} HTTP/1.1");
        look(&mut detector, &line(request.as_bytes(), 200, referrer, "-")).score
    };
    assert_eq!(score("/?q=bad", "-"), 5);
    assert_eq!(score("/", "https://example.com/?q=bad"), 4);
    assert_eq!(score("/?q=bad", "https://example.com/?q=bad"), 9);
}

#[test]
fn rules_say_for_which_answers_methods_and_texts_they_are() {
    let rule = |more: &str| {
        let rules = own(&format!(
            "[[rule]]\nid = \"a\"\nfamily = \"a\"\nscore = 6\nin = [\"path\"]\ncontains = [\"/x.y\"]\n{more}"
        ));
        move |request: &str, status| {
            let mut detector = Detector::new(Arc::clone(&rules));
            look(&mut detector, &line(request.as_bytes(), status, "-", "-")).score
        }
    };
    assert_eq!(rule("")("GET /X.Y HTTP/1.1", 200), 6);
    assert_eq!(rule("")("GET /x-y HTTP/1.1", 200), 0);
    assert_eq!(rule("status = [\"4xx\"]")("GET /x.y HTTP/1.1", 200), 0);
    assert_eq!(rule("status = [\"4xx\"]")("GET /x.y HTTP/1.1", 404), 6);
    assert_eq!(rule("method = [\"POST\"]")("GET /x.y HTTP/1.1", 200), 0);
    assert_eq!(rule("method = [\"POST\"]")("POST /x.y HTTP/1.1", 200), 6);
    assert_eq!(rule("unless = 'safe'")("GET /x.y/safe HTTP/1.1", 200), 0);
    assert_eq!(rule("words = true")("GET /x.y HTTP/1.1", 200), 6);
    assert_eq!(rule("words = true")("GET /x.yz HTTP/1.1", 200), 0);
    assert_eq!(rule("probe = true")("GET /x.y HTTP/1.1", 200), 2);
    assert_eq!(rule("probe = true")("GET /x.y HTTP/1.1", 404), 8);
}

#[test]
fn what_is_wrong_with_rules_is_said() {
    let right =
        "[[rule]]\nid = \"a\"\nfamily = \"a\"\nscore = 5\nin = [\"path\"]\ncontains = [\"x\"]\n";
    for (from, to, expect) in [
        ("id = \"a\"", "id = \"A b\"", "an id and a family are"),
        ("score = 5", "score = 0", "a score is a number from 1 to 10"),
        ("in = [\"path\"]", "in = []", "at least one view"),
        ("contains = [\"x\"]", "contains = []", "either `matches` with a pattern or `contains`"),
        (
            "contains = [\"x\"]",
            "contains = [\"\"]",
            "either `matches` with a pattern or `contains`",
        ),
        ("contains = [\"x\"]", "contains = [\"x\"]\nmatches = 'x'", "either `matches`"),
        ("contains = [\"x\"]", "matches = '(?=x)'", "look-around"),
        ("contains = [\"x\"]", "matches = 'x{9999}{9999}'", "size limit"),
        ("contains = [\"x\"]", "contains = [\"x\"]\nstatus = [\"404\"]", "a status is one of"),
        ("contains = [\"x\"]", "contains = [\"x\"]\nunless = '['", "unclosed"),
        (right, "", ""),
        (right, &right.repeat(2), "already a rule of this id"),
    ] {
        let text = right.replace(from, to);
        let found =
            Rules::only(&[("own.toml".to_owned(), text)]).err().map(|error| error.to_string());
        match found {
            Some(found) => {
                assert!(found.starts_with("own.toml: ") && found.contains(expect), "{found}")
            }
            None => assert!(expect.is_empty(), "{to}"),
        }
    }
}

thread_local! {
    static BOTH: RefCell<[Detector; 2]> = RefCell::new([
        Detector::new(Arc::clone(&SHIPPED_RULES)),
        Detector::new(Arc::clone(&SHIPPED_RULES)).plain(),
    ]);
}

/// Pieces that mean something to one rule or another.
const PIECES: &[&str] = &[
    "/",
    "?",
    "&",
    "=",
    "'",
    "\"",
    " or ",
    "1=1",
    "union",
    " select ",
    "from ",
    "--",
    "/*",
    "*/",
    "<",
    "script",
    ">",
    "on",
    "error=",
    "alert(",
    ")",
    "..",
    "/etc/",
    "passwd",
    ";",
    "|",
    "cat ",
    "$(",
    "`",
    "{{",
    "}}",
    "${",
    "jndi:",
    "%27",
    "%2527",
    "%c0%ae",
    "%00",
    "%0d%0a",
    "+",
    "a",
    "7",
    ".php",
    "http://",
    "127.0.0.1",
    "\\u003c",
    "&#60;",
    "L2V0Yy9wYXNzd2Q=",
    "system(",
    "\\x22",
    "é",
    "id",
    "env",
    "sleep(5)",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]
    #[test]
    fn nothing_is_lost_by_needles_or_memories(
        pieces in prop::collection::vec(prop::sample::select(PIECES), 1..10),
        status in prop::sample::select(&[200_u16, 302, 404, 500][..]),
    ) {
        let text = pieces.concat().replace('"', "\\\"");
        let request = format!("GET /{text} HTTP/1.1");
        let line = line(request.as_bytes(), status, &text, &text);
        BOTH.with_borrow_mut(|[detector, plain]| {
            let expect = look(plain, &line);
            prop_assert_eq!(look(detector, &line), expect);
            prop_assert_eq!(look(detector, &line), expect);
            Ok(())
        })?;
    }

    #[test]
    fn any_line_has_a_verdict(target in prop::collection::vec(any::<u8>(), 0..80)) {
        let line = line(&[b"GET /", &target[..], b" HTTP/1.1"].concat(), 200, "-", "-");
        BOTH.with_borrow_mut(|[detector, plain]| {
            prop_assert_eq!(look(detector, &line), look(plain, &line));
            Ok(())
        })?;
    }
}

#[test]
fn a_log_that_lies_among_the_rules_is_not_quoted() {
    let line =
        "203.0.113.77 - alice [22/Nov/2026:14:05:37 +0000] \"GET /?token=abc HTTP/1.1\" 200 5";
    for text in [line.to_owned(), format!("[[rule]]\n{line}\n")] {
        let error = Rules::with_own(&[("access.toml".to_owned(), text)]).expect_err("a log");
        let told = error.to_string();
        assert!(told.starts_with("access.toml: line "), "{told}");
        for planted in ["203.0.113", "alice", "token"] {
            assert!(!told.contains(planted), "{told}");
        }
    }
}
