//! Tests of [`super`].

use proptest::prelude::*;

use super::*;

#[track_caller]
fn check(text: &str, expect: &str) {
    let mut out = Vec::new();
    let masked = Masker::default().push(text.as_bytes(), &mut out);
    assert_eq!(
        out.escape_ascii().to_string(),
        expect.as_bytes().escape_ascii().to_string(),
        "{text}"
    );
    assert_eq!(masked, text != expect, "{text}");
}

#[test]
fn values_of_names_that_speak_of_secrets_go() {
    check("/login?user=alice&password=hunter2&x=1", "/login?user=alice&password=(masked)&x=1");
    check("/a?PassWord=a%20b HTTP/1.1", "/a?PassWord=(masked) HTTP/1.1");
    check("/a?pass%77ord=hunter2", "/a?pass%77ord=(masked)");
    check("/a;jsessionid=12AB?x=y", "/a;jsessionid=(masked)");
    check("/a;jsessionid=12AB;v=1", "/a;jsessionid=(masked);v=1");
    check("\"PHPSESSID=abc; theme=dark\"", "\"PHPSESSID=(masked); theme=dark\"");
    check(
        "/a?user[password]=x&user%5Bpassword%5D=y",
        "/a?user[password]=(masked)&user%5Bpassword%5D=(masked)",
    );
    check("/a?key=k&monkey=b&sid=1&inside=2", "/a?key=(masked)&monkey=b&sid=(masked)&inside=2");
    check("/a?access_token=1&id_token=2", "/a?access_token=(masked)&id_token=(masked)");
    check("/a?password=&b=c", "/a?password=&b=c");
    check("/a?password=b=c&d", "/a?password=(masked)&d");
}

#[test]
fn pairs_inside_of_encoded_addresses_go_too() {
    check(
        "/a?next=%2Flogin%3Fpassword%3Dhunter2%26b%3D1",
        "/a?next=%2Flogin%3Fpassword%3D(masked)%26b%3D1",
    );
    check("/a?n=%2Fl%3Fsid%3D12&c=3", "/a?n=%2Fl%3Fsid%3D(masked)&c=3");
    check("/a?n=%252Fl%253Ftoken%253D12%2526c", "/a?n=%252Fl%253Ftoken%253D(masked)%2526c");
}

#[test]
fn credentials_of_headers_and_addresses_go() {
    check("\"Basic YWxpY2U6aHVudGVyMg==\"", "\"Basic (masked)\"");
    check("\"bearer abc.def-ghi\"", "\"bearer (masked)\"");
    check("BASIC YWxpY2U6aHVudGVyMg", "BASIC (masked)");
    check("Basic%20YWxpY2U6aHVudGVyMg==", "Basic%20(masked)");
    check("{\"Authorization\":[\"Digest a, b\"]}", "{\"Authorization\":[\"Digest (masked)\"]}");
    check("/t/eyJhbGciOiJI.eyJzdWIiOiIx.sig_-x/b", "/t/(masked)/b");
    check("http://alice:hunter2@example.com/", "http://(masked)@example.com/");
    check("?u=https%3A%2F%2Falice%3Ax%40example.com", "?u=https%3A%2F%2F(masked)%40example.com");
    check("ftp://alice@example.com", "ftp://(masked)@example.com");
}

#[test]
fn what_is_no_secret_stays() {
    for text in [
        "203.0.113.9 - - [22/Nov/2026:14:05:37 +0000] \"GET /a?b=c%20d HTTP/1.1\" 200 5 \"-\" \"Mozilla/5.0\"",
        "/compass=1 /a@b https://medium.example/@alice",
        "Visual Basic for you, Basic HTML, Bearer of news",
        "Basic eye",
        "/eyJ /monkeyJ.a.b",
        "",
        "=",
        "@",
        "%",
        "%3D",
    ] {
        check(text, text);
    }
}

/// Looked at to its end wherever a secret may begin, each of these would take hours.
#[test]
fn a_line_of_nothing_but_beginnings_of_secrets_is_read_once() {
    let masked = |text: &str| {
        let mut out = Vec::new();
        Masker::default().push(text.as_bytes(), &mut out);
        str::from_utf8(&out).expect("whole characters").to_owned()
    };
    let mask = str::from_utf8(MASK).expect("whole characters");
    let many = |text: &str| text.repeat(1_000_000);
    assert_eq!(masked(&many("eyJ")), many("eyJ"));
    assert_eq!(masked(&many("eyJ.")), mask);
    assert_eq!(masked(&many("Bearer%20-")), format!("Bearer%20{mask}"));
    assert_eq!(masked(&many("Authorization: a ")), format!("Authorization: a {mask}"));
    assert_eq!(masked(&many("uthorization")), many("uthorization"));
    assert_eq!(masked(&many("password=")), format!("password={mask}"));
    assert_eq!(masked(&many("password%3Da%26")), many(&format!("password%3D{mask}%26")));
    assert_eq!(masked(&many("a@")), many("a@"));
}

/// The plain way: at each place, what lies there.
fn slowly(text: &[u8]) -> Vec<u8> {
    let (mut out, mut done) = (Vec::new(), 0);
    for at in 0..text.len() {
        let is_word = NEEDLES.iter().any(|needle| text[at..].starts_with(needle));
        let found = match text[at] {
            b'@' => user(text, at),
            b'=' | b'%' => value(text, at, 0),
            _ if is_word => credential(text, at, 0),
            _ => None,
        };
        if let Some((from, to)) = found.filter(|(from, to)| *from >= done && from < to) {
            out.extend_from_slice(&text[done..from]);
            out.extend_from_slice(MASK);
            done = to;
        }
    }
    out.extend_from_slice(&text[done..]);
    out
}

proptest! {
    #[test]
    fn any_bytes_are_masked_as_by_the_plain_way(
        parts in proptest::collection::vec(proptest::sample::select(vec![
            "password", "=", "%3D", "%253D", "&", "?", "sid", "token", " ", "\"", "a", "hunter2", "://", "@",
            "%40", "%2F%2F", "Basic ", "Bearer ", "Authorization", ":", "eyJ", ".", "%", "\n", "é", "%26", "-",
        ]), 0..40)
    ) {
        let text = parts.concat();
        let mut out = Vec::new();
        Masker::default().push(text.as_bytes(), &mut out);
        prop_assert_eq!(out, slowly(text.as_bytes()));
    }

    #[test]
    fn a_password_never_comes_through(name in "[a-z]{0,5}(password|token|session_id)", secret in "[A-Za-z0-9+/%.-]{8,20}q") {
        for text in [format!("GET /a?{name}={secret} HTTP"), format!("/a?b=c&{name}={secret}&d"), format!("{name}={secret}; e")] {
            let mut out = Vec::new();
            Masker::default().push(text.as_bytes(), &mut out);
            prop_assert!(!out.escape_ascii().to_string().contains(&secret));
        }
    }
}
