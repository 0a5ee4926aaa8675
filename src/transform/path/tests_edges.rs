//! What single identifiers do not show: buffers that are used again, captures, text beside tokens, and the edges of
//! routes.

use super::{percent::fold, tests::cleaned, *};

fn route(pattern: &str, keep: &[&str]) -> Route {
    let keep: Vec<String> = keep.iter().map(|&name| name.to_owned()).collect();
    Route::parse(pattern, &keep).expect("a route")
}

/// What becomes of a target under these routes, and whether one of them fits.
#[track_caller]
fn check(routes: &[Route], target: &str, expect: &str, declared: bool) {
    let (found, result) = cleaned(routes, target.as_bytes());
    assert_eq!((&*found, result.declared), (expect, declared), "for {target}");
    let again = cleaned(routes, expect.as_bytes());
    assert_eq!((&*again.0, again.1.declared), (expect, declared), "again for {target}");
}

#[test]
fn a_cleaner_that_is_used_again_remembers_nothing() {
    let targets: [&[u8]; 9] = [
        b"/users/alice/orders/49170",
        b"/a",
        b"/caf%C3%A9/b/c/d",
        b"/a%2Fb",
        b"/u/alice",
        b"/blog/%61/x",
        b"/\xff/x",
        b"/",
        b"/%75sers/alice/x/y/z",
    ];
    for routes in [vec![], vec![route("/u/{name}", &[]), route("/blog/{a}/{b}", &["a"])]] {
        let mut cleaner = Cleaner::new(routes.clone());
        for first in targets {
            for second in targets {
                for target in [first, second] {
                    let mut out = b"before".to_vec();
                    let found = cleaner.clean(target, &mut out);
                    let (text, expect) = cleaned(&routes, target);
                    let expect = (format!("before{text}"), expect.plain, expect.declared);
                    let out = std::str::from_utf8(&out).expect("ASCII").to_owned();
                    assert_eq!(
                        (out, found.plain, found.declared),
                        expect,
                        "{}",
                        target.escape_ascii()
                    );
                }
            }
        }
        cleaner.wipe();
        let Scratch { segments, shown, folded, once, deep, spare } = &cleaner.scratch;
        assert!(segments.is_empty());
        assert!([shown, folded, once, deep, spare].iter().all(|buffer| buffer.is_empty()));
        let expect = format!("Cleaner {{ routes: {}, .. }}", routes.len());
        assert_eq!(format!("{cleaner:?}"), expect);
    }
}

#[test]
fn captures_are_told_without_anything_else_of_the_target() {
    let routes = vec![
        route("/dl/{tool}-{version}.zip", &["tool", "version"]),
        route("/dl/{tool}", &[]),
        route("/get/{what}/{who}", &["what"]),
        route("/both/{a}/{b}", &["a", "b"]),
    ];
    let mut cleaner = Cleaner::new(routes);
    for (target, expect) in [
        ("/dl/sieve-1.2.zip", Some("sieve 1.2")),
        ("/dl/sieve-1.2.zip?user=alice", Some("sieve 1.2")),
        ("https://example.com/dl/sieve-1.2.zip", Some("sieve 1.2")),
        ("/dl/alice", Some("")),
        ("/get/tool/alice", Some("tool")),
        ("/get/alice@example.com/x", Some("{email}")),
        ("/get/alice%252540example.com/x", Some("{what}")),
        ("/get/49170/x", Some("49170")),
        ("/get/491700/x", Some("{id}")),
        ("/get/{id}/x", Some("{id}")),
        ("/get/{what}/x", Some("{what}")),
        ("/get/caf%C3%A9/x", Some("caf%C3%A9")),
        ("/get/caf%E9/x", Some("{what}")),
        ("/both/x/y", Some("x y")),
        ("/get/tool", None),
        ("/get/tool/alice/x", None),
        ("/other/x", None),
        ("alice", None),
        ("", None),
    ] {
        // Once, and behind something that stands there already.
        for before in ["", "before"] {
            let mut out = before.as_bytes().to_vec();
            assert_eq!(cleaner.capture(target.as_bytes(), &mut out), expect.is_some(), "{target}");
            let found = std::str::from_utf8(&out).expect("ASCII");
            assert_eq!(found, format!("{before}{}", expect.unwrap_or_default()), "{target}");
        }
    }
}

#[test]
fn what_stands_beside_a_token_may_be_a_part_of_it() {
    let token = "xK9fQ2mZpL7v";
    for piece in ["aB", "1B", "1b", "b1", "a+b", "cDe1"] {
        check(&[], &format!("/{token}/{piece}/a"), "/{token}/{token}/a", false);
        check(&[], &format!("/a/{piece}/{token}"), "/a/{token}/{token}", false);
        check(&[], &format!("/{piece}/aB/{token}/aB/{piece}"), &"/{token}".repeat(5), false);
        check(&[], &format!("/a/{piece}/b"), &format!("/a/{piece}/b"), false);
    }
    for word in ["ab", "Ab", "AB", "a-B", "aB.c", "Hello", "caf%C3%A9"] {
        check(&[], &format!("/{token}/{word}"), &format!("/{{token}}/{word}"), false);
        check(&[], &format!("/{word}/{token}"), &format!("/{word}/{{token}}"), false);
    }
    // Only a token has parts.
    check(&[], "/49170/aB", "/{id}/aB", false);
}

#[test]
fn each_word_for_users_announces_one() {
    for word in [
        "u", "user", "users", "member", "members", "profile", "profiles", "account", "accounts",
        "people", "author", "authors", "by",
    ] {
        for word in [word.to_owned(), word.to_ascii_uppercase()] {
            check(&[], &format!("/{word}/alice/x"), &format!("/{word}/{{user}}/x"), false);
        }
    }
    for word in ["a", "m", "page", "useful", "accounting", "byte", "peoples"] {
        check(&[], &format!("/{word}/alice"), &format!("/{word}/alice"), false);
    }
}

#[test]
fn a_kept_number_has_five_digits_at_most() {
    let routes = [route("/d/{a}", &["a"])];
    check(&routes, "/d/49170", "/d/49170", true);
    check(&routes, "/d/491701", "/d/{id}", true);
}

#[test]
fn harmless_halves_of_what_is_not_harmless_are_not_kept() {
    let routes = [route("/m/{a}.{b}", &["a", "b"]), route("/n/{a}.{b}", &["a"])];
    check(&routes, "/m/tool.zip", "/m/tool.zip", true);
    check(&routes, "/m/192.0.2.77", "/m/{a}.{b}", true);
    check(&routes, "/n/tool.zip", "/n/tool.{b}", true);
    check(&routes, "/n/192.0.2.77", "/n/192.{b}", true);
}

#[test]
fn a_last_literal_stands_at_the_end() {
    let routes = [route("/w/{v}.zip", &["v"]), route("/v/{a}-x-{b}.zip", &["a", "b"])];
    check(&routes, "/w/6.zip", "/w/6.zip", true);
    check(&routes, "/w/6.zip.zip", "/w/6.zip.zip", true);
    check(&routes, "/w/6.zip.gz", "/w/6.zip.gz", false);
    check(&routes, "/w/.zip", "/w/.zip", false);
    check(&routes, "/v/a-x-b.zip.zip", "/v/a-x-b.zip.zip", true);
    check(&routes, "/v/-x-b.zip", "/v/-x-b.zip", false);
}

#[test]
fn no_route_tears_a_placeholder_apart() {
    let routes = [route("/p/{a}d{b}", &["a", "b"]), route("/q/{c}x{d}", &["c"])];
    check(&routes, "/p/{id}", "/p/{id}", false);
    check(&routes, "/p/sidle", "/p/sidle", true);
    check(&routes, "/q/{hex}", "/q/{hex}", false);
    check(&routes, "/q/axb", "/q/ax{d}", true);
    // What only looks like one is text.
    check(&[route("/r/{a}-{b}", &[])], "/r/{no-thing}", "/r/{a}-{b}", true);
}

#[test]
fn names_of_captures_are_words_and_not_too_many() {
    for name in ["a", "a1", "a_b", "z9_"] {
        assert!(Route::parse(&format!("/{{{name}}}"), &[]).is_ok(), "{name}");
    }
    for name in ["", "1a", "_a", "aB", "a-b", "a b", "\u{e9}"] {
        assert!(Route::parse(&format!("/{{{name}}}"), &[]).is_err(), "{name}");
    }
    let many = |count: usize| (0..count).map(|at| format!("/{{a{at}}}")).collect::<String>();
    let most = (1..200).take_while(|count| Route::parse(&many(*count), &[]).is_ok()).count();
    assert_eq!(most, 32);
    assert!(Route::parse(&many(most + 2), &[]).is_err());
}

#[test]
fn a_text_that_stands_alone_has_its_shape_behind_every_sign() {
    for (text, expect) in [
        ("hello", None),
        ("hello+world", None),
        ("alice%40example.com", Some(Shape::Email)),
        ("alice%2540example.com", Some(Shape::Email)),
        ("%2B44+20+7946+0958", Some(Shape::Id)),
        ("caf%E9", Some(Shape::Bytes)),
        ("caf%C3%A9", None),
        ("%252525252525253F", Some(Shape::Token)),
    ] {
        // What lies in the buffers is of the text before.
        let mut buffers = [(); 3].map(|()| b"alice@example.com".to_vec());
        let [deep, spare, folded] = &mut buffers;
        assert_eq!(shape_behind(text.as_bytes(), [deep, spare, folded]), expect, "{text}");
    }
}

#[test]
fn other_scripts_and_signs_are_folded_to_what_they_stand_for() {
    let folded = |text: &str| {
        let mut out = Vec::new();
        assert!(fold(text.as_bytes(), &mut out));
        out
    };
    // Letters, also of scripts that have no range of their own here.
    for letter in [
        "\u{f6}", "\u{3b1}", "\u{431}", "\u{64a}", "\u{671}", "\u{4e2d}", "\u{ac00}", "\u{e01}",
        "\u{2184}",
    ] {
        assert_eq!(folded(letter), [0x80], "{letter:?}");
    }
    for digit in ["\u{6f0}", "\u{96f}", "\u{bd}", "\u{2163}"] {
        assert_eq!(folded(digit), b"1", "{digit:?}");
    }
    for symbol in ["\u{2192}", "\u{20ac}", "\u{d7}"] {
        assert_eq!(folded(symbol), [0x81], "{symbol:?}");
    }
    for unseen in [
        "\u{7f}", "\u{1}", "\u{ad}", "\u{180e}", "\u{feff}", "\u{200b}", "\u{202e}", "\u{2060}",
        "\u{fe0f}", "\u{301}",
    ] {
        assert_eq!(folded(&format!("a{unseen}b")), b"ab", "{unseen:?}");
    }
    for (signs, sign) in [
        ("\u{ff20}\u{fe6b}", b'@'),
        ("\u{ff1a}\u{fe55}", b':'),
        ("\u{3002}\u{ff61}\u{fe52}\u{2024}", b'.'),
        ("\u{2010}\u{2015}\u{2212}\u{fe63}\u{ff0d}", b'-'),
        ("\u{a0}\u{2000}\u{200a}\u{202f}\u{3000}", b' '),
        ("\u{ff21}", b'A'),
    ] {
        assert!(folded(signs).iter().all(|found| *found == sign), "{signs:?}");
    }
}

/// Each stands at a boundary that was measured, and says which: another number there tells more or keeps less.
#[test]
fn what_each_measure_of_words_is_for() {
    let token = Some(Shape::Token);
    for (text, expect, what) in [
        ("JKaIOc46", token, "eight bytes of both cases with digits are long enough to be judged"),
        (
            "adminkpp71",
            None,
            "two digits behind small letters number a word, which is not mixed then",
        ),
        ("network010", token, "three digits number no word"),
        ("91download", token, "nor do digits before it"),
        ("fa,K4hPx9", None, "six bytes with three changes are too short for either measure"),
        ("1ck7w2", token, "four changes between digits and letters in six bytes are one"),
        ("AbBxYAsFe", None, "letters of both cases alone are not mixed"),
        (
            "LYA-foma-uxiwzu-d77",
            token,
            "short parts are judged together where both cases are there",
        ),
        ("0-b-NCBCP", token, "a strange part counts where both cases are there"),
        ("3xqn-J", None, "what is shorter than a token with joints is judged part by part"),
        ("nuwuhinetetu", token, "twelve letters are no short word"),
        ("21ALYLIFOG", token, "capitals behind digits are a code from ten bytes on"),
        ("ADMIN22224", None, "a word in capitals with a number behind it is none"),
        ("androidlibrarysecuritysecuritypagetheuse", token, "no word has forty letters"),
        ("eyJABLMs", token, "from eight bytes on, what begins so is a web token"),
        ("i.313..v", None, "groups of fewer than four digits are no long ones"),
        ("3:e7d4:1dd1", Some(Shape::Hex), "what has a shape already is not asked for a password"),
        ("the%street:", None, "a colon with nothing behind it gives no password"),
        ("x1326.3.0.8", Some(Shape::Id), "four digits are no number of an address"),
        (
            "0229b4c-0927-efe8-f2e7-b8df6fc3c12f",
            Some(Shape::Hex),
            "a group of seven digits begins no UUID",
        ),
    ] {
        assert_eq!(shape(text.as_bytes()), expect, "{text}: {what}");
    }
}
