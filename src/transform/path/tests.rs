//! What the cleaner shows and what it replaces: single cases here, random identifiers in
//! `tests_random.rs`.

use proptest::prelude::*;

use super::*;

pub(super) fn cleaned(routes: &[Route], target: &[u8]) -> (String, Cleaned) {
    let mut out = Vec::new();
    let result = Cleaner::new(routes.to_vec()).clean(target, &mut out);
    (std::str::from_utf8(&out).unwrap().to_owned(), result)
}

#[track_caller]
fn check(target: &str, expect: &str) {
    let (found, result) = cleaned(&[], target.as_bytes());
    assert_eq!(found, expect, "for {target}");
    assert_eq!(
        result.plain,
        target == expect && !expect.starts_with('(') && !expect.contains('{'),
        "for {target}"
    );
    assert_eq!(cleaned(&[], expect.as_bytes()).0, expect, "again for {target}");
}

#[test]
fn ordinary_pages_stay() {
    for page in [
        "/",
        "//",
        "/a/../b/./c",
        "/blog/hello.html",
        "/wp-content/themes/twentytwenty/style.css",
        "/static/app.js",
        "/presentations/logstash-monitorama-2013/images/kibana-search.png",
        "/internationalization",
        "/caf%C3%A9",
        "/%D0%BF%D1%80%D0%B8%D0%B2%D0%B5%D1%82",
        "/jquery-3.7.1.min.js",
        "/phpmyadmin/",
        "/phpMyAdmin2/index.php",
        "/phpPgAdmin/",
        "/js/html5shiv.min.js",
        "/XMLHttpRequest",
        "/app-1.2.3.js",
        "/v1.2.3",
        "/v1.2.3-rc1",
        "/mp3-1.2-x64",
        "/favicon.ico",
        "/robots.txt",
        "/.well-known/security.txt",
        "/wp-login.php",
        "/index.php",
        "/api/v1/status",
        "/en-GB/docs/Web/JavaScript/Reference/Global_Objects/Array/",
        "/wiki/Special:Search",
        "/downloads/tool-2.1.0-x64.tar.gz",
        "/fonts/OpenSans-Regular.woff2",
        "/a,b/c+d/e!/(f)/$g&h*",
    ] {
        check(page, page);
    }
}

#[test]
fn forms_of_a_target() {
    check("*", "*");
    check("(unknown)", "(unknown)");
    check("(invalid)", "(invalid)");
    check("", "(unknown)");
    check("-", "(unknown)");
    check("example.com:443", "(unknown)");
    check("alice", "(unknown)");
    check("http://example.com", "/");
    check("HTTP://alice:secret@example.com:80/blog/", "/blog/");
    check("https://example.com?alice", "/");
    check("https://example.com#/alice", "/");
    check("https://example.com\\blog", "/blog");
    check("ftp://example.com/blog", "(unknown)");
}

#[test]
fn the_query_is_cut_in_every_encoding() {
    check("/users/alice/orders/49170?token=abc", "/users/{user}/orders/{id}");
    for cut in ["?", ";", "#", "%3F", "%3f", "%3B", "%23", "%253F", "%25253B", "%u003F", "%C0%BF"] {
        check(&format!("/blog/hello.html{cut}q=/bob/secret"), "/blog/hello.html");
        check(&format!("/blog/{cut}q=/bob/secret"), "/blog/");
    }
    check("/blog%252525252525253Fbob/secret", "/{token}");
}

#[test]
fn text_is_written_in_one_way() {
    check("/%62log", "/blog");
    check("/caf%c3%a9", "/caf%C3%A9");
    check("/a%20b", "/a%20b");
    check("/a b\"c'", "/a%20b%22c%27");
    check("/a%zz%", "/a%25zz%25");
    check("/100%", "/{id}");
    check("/a%2Fb", "/a/b");
    check("/a%252fusers%252falice", "/a/users/{user}");
    check("/a\\users\\alice", "/a/users/{user}");
    check("/a%C0%AFb", "/a/b");
    check("/caf%E9", "/{bytes}");
    check("/caf%25E9", "/{bytes}");
    check("/caf%E9%3Fq=/alice/x", "/{bytes}");
    check("/{name}", "/%7Bname%7D");
    check("/%7Bid%7D", "/%7Bid%7D");
    check("/a\u{1b}[0m", "/a%1B%5B0m");
    check("/a%2541", "/a%2541");
}

#[test]
fn users_follow_their_words() {
    check("/user/alice", "/user/{user}");
    check("/U/alice", "/U/{user}");
    check("/u//alice", "/u//{user}");
    check("/u/./alice", "/u/./{user}");
    check("/u/%20/alice", "/u/%20/{user}");
    check("/%75sers/alice", "/users/{user}");
    check("/members/alice/photos", "/members/{user}/photos");
    check("/profile/a@example.com", "/profile/{user}");
    check("/author/alice/", "/author/{user}/");
    check("/by/alice", "/by/{user}");
    check("/by/author/alice", "/by/{user}/{user}");
    check("/@/alice", "/@/{user}");
    check("/@alice", "/{user}");
    check("/~alice/cv.html", "/{user}/cv.html");
    check("/%7Ealice", "/{user}");
    check("/%257Ealice", "/{user}");
    check("/users/{id}", "/users/{user}");
    check("/%EF%BD%95/alice", "/%EF%BD%95/{user}");
    check("/people/caf%E9", "/people/{user}");
    check("/users", "/users");
    check("/users/", "/users/");
}

#[test]
fn shapes_are_replaced() {
    for (text, placeholder) in [
        ("alice@example.com", "{email}"),
        ("alice%40example.com", "{email}"),
        ("alice%2540example.com", "{email}"),
        ("alice%u0040example.com", "{email}"),
        (r"alice\u0040example.com", "{email}"),
        (r"\u0031\u0032\u0037\u0034\u0039\u0031", "{id}"),
        (r"%5Cu0031%5Cu0032%5Cu0037%5Cu0034%5Cu0039%5Cu0031", "{id}"),
        ("alice%C1%80example.com", "{bytes}"),
        ("alice%EF%BC%A0example.com", "{email}"),
        ("alice%00%40example.com", "{email}"),
        ("b%C3%B6b@ex%C3%A4mple.com", "{email}"),
        ("mailto:alice@example.com", "{email}"),
        ("alice(at)example.com", "{email}"),
        ("alice@", "{user}"),
        ("550e8400-e29b-41d4-a716-446655440000", "{uuid}"),
        ("%7B550E8400-E29B-41D4-A716-446655440000%7D", "{uuid}"),
        ("file-550e8400-e29b-41d4-a716-446655440000.pdf", "{uuid}"),
        ("550e8400-e29b", "{hex}"),
        ("e29b-41d4", "{hex}"),
        ("49170", "{id}"),
        ("7", "{id}"),
        ("2026", "{id}"),
        ("11", "{id}"),
        ("3-4", "{id}"),
        ("1a2b3c4d5e6", "{hex}"),
        ("order-12-34-56x", "{id}"),
        ("+44-20-7946-0958", "{id}"),
        ("(020)%207946%200958", "{id}"),
        ("4111-1111-1111-1111", "{id}"),
        ("GB33BUKB20201555555555", "{token}"),
        ("51.5007,-0.1246", "{id}"),
        ("%DB%B0%DB%B9%DB%B1%DB%B2%DB%B3%DB%B4", "{id}"),
        ("d41d8cd98f00b204e9800998ecf8427e", "{hex}"),
        ("style-3f2a9c1d.css", "{hex}"),
        ("deadbeef", "{hex}"),
        ("2026-11-22", "{date}"),
        ("20261122", "{date}"),
        ("22.11.2026", "{date}"),
        ("2026_1_2", "{date}"),
        ("192.0.2.77", "{address}"),
        ("192-0-2-77", "{address}"),
        ("192_0_2_77", "{address}"),
        ("ip1.2.3.4", "{address}"),
        ("9.9.9.9x", "{address}"),
        ("ip9-9-9-9", "{address}"),
        ("ip9-9-9-9.example", "{address}"),
        ("v8.8.4.4", "{address}"),
        ("x9.9.9.9.html", "{address}"),
        ("x9.9.9.9x", "{address}"),
        ("%C3%A99.9.9.9%C3%A9", "{address}"),
        ("ip192-0-2-77", "{address}"),
        ("jquery-1.2.3.4", "{address}"),
        ("192.0.2.77:8080", "{address}"),
        ("1.2.3.4", "{address}"),
        ("192%2E0%2e2.77", "{address}"),
        ("192[.]0[.]2[.]77", "{address}"),
        ("dsl-192-0-2-77.isp.example", "{address}"),
        ("77.2.0.192.in-addr.arpa", "{address}"),
        ("3221226061", "{id}"),
        ("0xC000024D", "{address}"),
        ("0xc0.0x0.0x2.0x4d", "{address}"),
        ("0300.0000.0002.0115", "{address}"),
        ("c0.00.02.4d", "{address}"),
        ("2001:db8::77", "{address}"),
        ("[2001:db8::77]", "{address}"),
        ("2001:DB8:0:0:0:0:0:77", "{address}"),
        ("2001-db8--77", "{address}"),
        ("::1", "{address}"),
        ("::ffff:192.0.2.77", "{address}"),
        ("00-00-5e-00-53-af", "{address}"),
        ("00:00:5e:00:53:af", "{address}"),
        ("alice:secret", "{token}"),
        ("name=alice", "{token}"),
        ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhbGljZSJ9.c2lnbmF0dXJl", "{token}"),
        ("xK9fQ2mZpL7v", "{token}"),
        ("qzxvkjwpgrth", "{token}"),
        ("my-very-nice-title-xKpdQwZtRbVn", "{token}"),
    ] {
        check(&format!("/a/{text}/b"), &format!("/a/{placeholder}/b"));
    }
}

fn route(pattern: &str, keep: &[&str]) -> Route {
    let keep: Vec<String> = keep.iter().map(|&k| k.to_owned()).collect();
    Route::parse(pattern, &keep).unwrap()
}

#[track_caller]
fn check_route(target: &str, expect: &str, declared: bool) {
    let routes = [
        route("/u/{name}", &[]),
        route("/blog/{year}/{slug}", &["year"]),
        route("/wordpress-{version}.{ext}", &["version", "ext"]),
        route("/x/{a}-{b}/z", &["a"]),
        route("/caf%C3%A9/{room}", &["room"]),
    ];
    let (found, result) = cleaned(&routes, target.as_bytes());
    assert_eq!((&*found, result.declared), (expect, declared), "for {target}");
    let again = cleaned(&routes, expect.as_bytes());
    assert_eq!((&*again.0, again.1.declared), (expect, declared), "again for {target}");
}

#[test]
fn routes_win() {
    check_route("/u/alice", "/u/{name}", true);
    check_route("/u/alice?x", "/u/{name}", true);
    check_route("/%75/alice@example.com", "/u/{name}", true);
    check_route("/u/", "/u/", false);
    check_route("/u/alice/x", "/u/{user}/x", false);
    check_route("/blog/2024/alice-writes", "/blog/2024/{slug}", true);
    check_route("/blog/2024-11-22/x", "/blog/{date}/{slug}", true);
    check_route("/blog/alice@example.com/x", "/blog/{email}/{slug}", true);
    check_route("/blog/alice%252540example.com/x", "/blog/{year}/{slug}", true);
    check_route("/blog/caf%E9/x", "/blog/{year}/{slug}", true);
    check_route("/wordpress-6.zip", "/wordpress-6.zip", true);
    check_route("/wordpress-6.4.zip", "/wordpress-6.4.zip", true);
    check_route("/wordpress-.zip", "/wordpress-.zip", false);
    check_route("/x/a-b/z", "/x/a-{b}/z", true);
    check_route("/x/a-b-c/z", "/x/a-{b}/z", true);
    check_route("/caf%c3%a9/caf%c3%a9", "/caf%C3%A9/caf%C3%A9", true);
}

#[test]
fn routes_that_are_refused() {
    for (pattern, keep) in [
        ("blog", ""),
        ("/{a}{b}", ""),
        ("/{a", ""),
        ("/a}", ""),
        ("/{A}", ""),
        ("/{}", ""),
        ("/{a}/{a}", ""),
        ("/a?b", ""),
        ("/a%3Fb", ""),
        ("/{a}", "b"),
    ] {
        let keep: Vec<String> = if keep.is_empty() { vec![] } else { vec![keep.to_owned()] };
        let error = Route::parse(pattern, &keep).unwrap_err().to_string();
        assert!(error.ends_with('.'), "{error}");
    }
}

/// What may stand in a cleaned path.
fn is_harmless(path: &str) -> bool {
    path.bytes().all(|b| b.is_ascii_graphic() && !matches!(b, b'"' | b'\\' | b'\'' | b'<' | b'>'))
}

proptest! {
    #[test]
    fn any_bytes_give_harmless_text_that_stays(target in prop::collection::vec(any::<u8>(), 0..80)) {
        let routes = [route("/{a}.{b}", &["a"]), route("/{a}/x{b}y", &["b"]), route("/{a}/{b}", &["b"])];
        for routes in [&[][..], &routes[..]] {
            let mut target = target.clone();
            target.insert(0, b'/');
            let (once, _) = cleaned(routes, &target);
            prop_assert!(is_harmless(&once), "{once}");
            prop_assert_eq!(&cleaned(routes, once.as_bytes()).0, &once);
        }
    }

    #[test]
    fn hostile_text_is_harmless_and_stays(target in "(/|%|%25|%2F|%3F|[{}@.:0-9a-fA-F~=-]|id|users|é|%C3%A9|%u0040){0,30}") {
        let routes = [route("/{a}.{b}", &["a"]), route("/{a}/d{b}e", &["b"]), route("/{a}/{b}", &["b"])];
        for routes in [&[][..], &routes[..]] {
            let (once, _) = cleaned(routes, format!("/{target}").as_bytes());
            prop_assert!(is_harmless(&once), "{once}");
            prop_assert_eq!(&cleaned(routes, once.as_bytes()).0, &once);
        }
    }

    #[test]
    fn planted_identifiers_do_not_survive(which in 0..PLANTED.len(), rounds in 0..3, upper: bool, before in "[a-z]{0,3}") {
        let plant = PLANTED[which];
        let mut text = plant.to_owned();
        for _ in 0..rounds {
            text = text.bytes().map(|b| if upper { format!("%{b:02X}") } else { format!("%{b:02x}") }).collect();
        }
        let (found, _) = cleaned(&[], format!("/{before}/{text}/x").as_bytes());
        let mut plain = Vec::new();
        decode(found.as_bytes(), &mut plain);
        prop_assert!(memchr::memmem::find(&plain, plant.as_bytes()).is_none(), "{found}");
        prop_assert!(!found.to_lowercase().contains(&text.to_lowercase()), "{found}");
    }
}

const PLANTED: [&str; 15] = [
    "alice@example.com",
    "550e8400-e29b-41d4-a716-446655440000",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJib2IifQ.c2lnbmF0dXJl",
    "xK9fQ2mZpL7vB3nR",
    "d41d8cd98f00b204e9800998ecf8427e",
    "192.0.2.77",
    "2001:db8::77",
    "dsl-198-51-100-7.example",
    "0xC6336407",
    "+44 20 7946 0958",
    "4111 1111 1111 1111",
    "GB33BUKB20201555555555",
    "51.5007,-0.1246",
    "~alice",
    "00:00:5e:00:53:af",
];
