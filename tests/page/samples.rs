//! Reports of sites that do not exist, large and small, kind and hostile.

use tamis::counts::{Period, Publication, Report, Row, Totals};

const DAYS: u64 = 30;

/// A month of a site of some size, with everything that a report may have.
pub(crate) fn internal() -> Report {
    let mut report = month(true);
    report.note_missed("path", 37);
    report
}

/// The same month as it might be published: fewer tables, and no small figures.
pub(crate) fn public() -> Report {
    let publication = Publication {
        publisher: "Example Foundation".to_owned(),
        k: 10,
        reviewer: "Alice".to_owned(),
        released: "2026-12-01".to_owned(),
        rounded_to: Some(5),
        withheld: vec!["country".to_owned()],
        data: "november.json".to_owned(),
    };
    month(false).into_published(publication)
}

/// Nothing at all.
pub(crate) fn empty() -> Report {
    Report::new("baseline", "00ff", None, Totals::default())
}

/// What a file may hold that somebody else wrote.
pub(crate) fn hostile() -> Report {
    let period =
        Period { from: "2026-11-22T00:00:00Z".to_owned(), to: "2026-11-23T00:00:00Z".to_owned() };
    let totals = Totals { requests: u64::MAX, bytes: u64::MAX, visitors: Some(u64::MAX) };
    let mut report = Report::new("<b>\"p\"&amp;", "'onload='", Some(period), totals);
    let long = "/very-long".repeat(500);
    let keys = [
        "<script>alert(1)</script>",
        "\"><img src=x onerror=alert(1)>",
        "javascript:alert(1)",
        "\u{202e}gpj.exe\u{0}\u{1b}[2J",
        "</title></style></svg>",
        long.as_str(),
        "",
        "(other)",
    ];
    for table in ["hour", "day", "path", "status", "country", "x".repeat(64).as_str(), "-.-"] {
        report.push(table, keys.iter().map(|key| row(key, u64::MAX, u64::MAX, Some(0))).collect());
        report.note_missed(table, u64::MAX);
    }
    report
}

fn month(is_internal: bool) -> Report {
    let period =
        Period { from: "2026-11-01T00:00:00Z".to_owned(), to: "2026-12-01T00:00:00Z".to_owned() };
    let hours: Vec<_> =
        (0..DAYS * 24).map(|hour| (hour / 24 + 1, hour % 24, requests(hour))).collect();
    let all: u64 = hours.iter().map(|(.., requests)| requests).sum();
    // What is published is rounded, the sum of all as well.
    let all = if is_internal { all } else { all / 5 * 5 };
    let totals =
        Totals { requests: all, bytes: all * 23_457, visitors: is_internal.then_some(all / 31) };
    let mut report = Report::new("baseline", &"5b1e".repeat(16), Some(period), totals);
    if is_internal {
        let hour = |(day, hour, requests): &(u64, u64, u64)| {
            row(&format!("2026-11-{day:02}T{hour:02}:00:00Z"), *requests, requests * 23_457, None)
        };
        report.push("hour", hours.iter().map(hour).collect());
    }
    let days = (1..=DAYS).filter(|day| is_internal || *day != 8).map(|day| {
        let requests: u64 =
            hours.iter().filter(|(of, ..)| *of == day).map(|(.., requests)| requests).sum();
        let requests = if is_internal { requests } else { requests / 5 * 5 };
        row(
            &format!("2026-11-{day:02}"),
            requests,
            requests * 23_457,
            is_internal.then_some(requests / 9),
        )
    });
    report.push("day", days.collect());
    for (name, keys) in TABLES {
        if is_internal || !matches!(*name, "country" | "method" | "protocol" | "site" | "status") {
            report.push(name, shares(keys, all, is_internal));
        }
    }
    if is_internal {
        let more =
            (1..=140).map(|n| row(&format!("/archive/page-{n:03}.html"), 150 - n, 9_000, Some(1)));
        let mut paths = report.table("path").expect("pushed above").to_vec();
        paths.extend(more);
        let mut with_more =
            Report::new(report.policy(), report.policy_hash(), report.period().cloned(), totals);
        for (name, rows) in report.tables() {
            with_more.push(name, if name == "path" { paths.clone() } else { rows.to_vec() });
        }
        return with_more;
    }
    report
}

/// Few at night, more on weekdays, and one day when everybody came.
fn requests(hour: u64) -> u64 {
    let (day, hour) = (hour / 24, hour % 24);
    let by_day =
        [60, 100, 104, 98, 102, 90, 55][day as usize % 7] + if day == 17 { 140 } else { 0 };
    let by_hour =
        [4, 3, 2, 2, 2, 4, 9, 18, 32, 44, 48, 47, 40, 43, 47, 46, 42, 36, 30, 28, 26, 20, 12, 7]
            [hour as usize];
    by_day * by_hour / 40 + (day * 7 + hour * 13) % 11
}

/// Rows whose requests are those parts in a thousand.
fn shares(keys: &[(&str, u64)], all: u64, is_internal: bool) -> Vec<Row> {
    let rows = keys.iter().map(|(key, thousandths)| {
        let requests = (all * thousandths / 1_000).max(1);
        let requests = if is_internal { requests } else { requests / 5 * 5 };
        row(key, requests, requests * 23_457, is_internal.then_some(requests / 12 + 1))
    });
    rows.collect()
}

fn row(key: &str, requests: u64, bytes: u64, visitors: Option<u64>) -> Row {
    Row { key: key.to_owned(), requests, bytes, visitors }
}

type Shares = &'static [(&'static str, u64)];

const TABLES: &[(&str, Shares)] = &[
    ("site", &[("www.example.com", 880), ("shop.example.com", 95), ("(other)", 25)]),
    ("method", &[("GET", 921), ("POST", 48), ("HEAD", 27), ("OTHER", 4)]),
    (
        "path",
        &[
            ("/", 171),
            ("/blog/2026/how-we-count-readers-without-knowing-them.html", 88),
            ("(unknown)", 61),
            ("/docs/getting-started/", 57),
            ("/users/{user}/orders/{id}", 41),
            ("/downloads/", 39),
            ("/blog/", 36),
            ("/assets/stylesheets/application-with-a-rather-long-name.css", 33),
            ("/about.html", 29),
            ("/feed.xml", 27),
            ("/docs/reference/policies.html", 21),
            ("(invalid)", 6),
            ("(other)", 180),
        ],
    ),
    (
        "status",
        &[
            ("200", 802),
            ("304", 71),
            ("301", 33),
            ("404", 70),
            ("403", 9),
            ("206", 8),
            ("500", 4),
            ("502", 3),
        ],
    ),
    ("status_class", &[("2xx", 810), ("3xx", 104), ("4xx", 79), ("5xx", 7)]),
    ("protocol", &[("2", 640), ("1.1", 310), ("3", 42), ("1.0", 8)]),
    (
        "referrer",
        &[
            ("(none)", 520),
            ("(internal)", 270),
            ("example.org", 82),
            ("search.example.net", 61),
            ("social.example.com", 24),
            ("(ip)", 5),
            ("(other)", 38),
        ],
    ),
    (
        "browser",
        &[
            ("Chrome", 451),
            ("Safari", 182),
            ("Firefox", 121),
            ("Edge", 66),
            ("Googlebot", 51),
            ("bingbot", 32),
            ("Samsung Internet", 18),
            ("curl", 12),
            ("Opera", 9),
            ("Other", 58),
        ],
    ),
    (
        "os",
        &[
            ("Windows", 331),
            ("Android", 224),
            ("iOS", 161),
            ("macOS", 98),
            ("Linux", 51),
            ("Other", 135),
        ],
    ),
    ("device", &[("desktop", 481), ("mobile", 352), ("bot", 124), ("tablet", 31), ("other", 12)]),
    ("bot", &[("false", 876), ("true", 124)]),
    (
        "language",
        &[("en", 430), ("de", 211), ("fr", 88), ("es", 61), ("pt", 33), ("ja", 24), ("other", 19)],
    ),
    (
        "country",
        &[
            ("US", 281),
            ("DE", 204),
            ("FR", 91),
            ("GB", 77),
            ("BR", 40),
            ("JP", 31),
            ("ZZ", 22),
            ("(other)", 254),
        ],
    ),
    (
        "downloads",
        &[("tamis 1.2.0", 21), ("tamis 1.1.4", 7), ("tamis 1.1.3", 2), ("tamis 1.0.0", 1)],
    ),
];
