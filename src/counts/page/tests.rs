//! Pages of any report, and the colours of all pages.

use proptest::prelude::*;

use super::*;
use crate::counts::{Period, Publication, Row, Totals};

const STYLE: &str = include_str!("style.css");

/// The colours of the light and of the dark, by name.
fn colours(of: &str) -> Vec<(String, [f64; 3])> {
    let declared = of.split(';').filter_map(|part| part.rsplit_once("--")?.1.split_once(": #"));
    let channel = |hex: &str, at: usize| {
        let value = u8::from_str_radix(&hex[at..at + 2], 16).expect("two digits");
        let value = f64::from(value) / 255.0;
        if value <= 0.040_45 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
    };
    let colour = |hex: &str| [0, 2, 4].map(|at| channel(hex, at));
    declared.map(|(name, hex)| (name.to_owned(), colour(hex))).collect()
}

/// The contrast of WCAG 2.2.
fn contrast(one: [f64; 3], other: [f64; 3]) -> f64 {
    let light = |[r, g, b]: [f64; 3]| 0.2126 * r + 0.7152 * g + 0.0722 * b + 0.05;
    let (one, other) = (light(one), light(other));
    one.max(other) / one.min(other)
}

#[test]
fn colours_can_be_told_apart_in_the_light_and_in_the_dark() {
    let (light, dark) = STYLE.split_once("prefers-color-scheme: dark").expect("there are both");
    let dark = dark.split_once("}\n}").expect("it ends").0;
    let texts = [
        ("ink", "paper"),
        ("ink", "card"),
        ("ink", "band"),
        ("soft", "paper"),
        ("soft", "card"),
        ("soft", "band"),
        ("link", "paper"),
        ("link", "card"),
        ("link", "band"),
        ("mark", "mark-paper"),
    ];
    let bars = ["bar", "peak", "calm", "warm", "alarm", "faint"].map(|bar| (bar, "card"));
    for (scheme, style) in [("light", light), ("dark", dark)] {
        let colours = colours(style);
        let of = |name: &str| {
            let found = colours.iter().find(|(known, _)| known == name);
            found.unwrap_or_else(|| panic!("{scheme} has no {name}")).1
        };
        // Level AA: 4.5 for text, 3 for pictures.
        for (pairs, least) in [(&texts[..], 4.5), (&bars[..], 3.0)] {
            for (one, other) in pairs {
                let found = contrast(of(one), of(other));
                assert!(found >= least, "{scheme}: {one} on {other} has {found:.2}");
            }
        }
        for bar in ["bar", "calm", "warm", "alarm", "faint"] {
            let found = contrast(of(bar), of("track"));
            assert!(found >= 3.0, "{scheme}: {bar} on its track has {found:.2}");
        }
    }
}

#[test]
fn a_report_of_one_day_says_so_in_its_title() {
    let day = |day: u8| format!("2026-11-{day}T00:00:00+01:00");
    let totals = Totals { requests: 1, bytes: 2_000, visitors: Some(1) };
    let period = Period { from: day(22), to: day(23) };
    let mut report = Report::new("p", "h", Some(period), totals);
    let row = |key: &str| Row { key: key.to_owned(), requests: 1, bytes: 2_000, visitors: Some(1) };
    report.push("path", vec![row("/")]);
    let html = render(&report);
    for part in [
        "<h1>Usage, 22 November 2026</h1>",
        "On 22 November 2026, about 1 visitor made 1 request, and 2.0 kB was sent in answer.",
        "The page asked for most was the start page, /.",
        "<dd>1 (UTC+01:00)</dd>",
        "The start page, / was asked for most: 1 request, 100% of all.",
    ] {
        assert!(html.contains(part), "{part}");
    }
}

prop_compose! {
    fn any_row()(key in any::<String>(), numbers in any::<(u64, u64, Option<u64>)>()) -> Row {
        let (requests, bytes, visitors) = numbers;
        Row { key, requests, bytes, visitors }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_report_is_a_page_whose_text_is_text(
        table in prop::sample::select(vec!["hour", "day", "week", "month", "path", "bot", "status", "own"]),
        rows in prop::collection::vec(any_row(), 0..30),
        days in prop::collection::vec("20[0-9]{2}-[01][0-9]-[0-3][0-9](T[0-2][0-9]:00:00Z)?", 0..9),
        published in any::<bool>(),
    ) {
        let mut report = Report::new("<p>", "\"h\"", None, Totals::default());
        let dated = days.into_iter().map(|key| Row { key, requests: 1, ..Row::default() });
        report.push(table, rows.into_iter().chain(dated).collect());
        if published {
            report = report.into_published(Publication::default());
        }
        let html = render(&report);
        let (_, body) = html.split_once("<main").expect("there is one");
        let names = ["main", "section", "h2", "div", "article", "h3", "h4", "p", "figure", "svg", "title", "desc",
            "g", "text", "rect", "line", "details", "summary", "table", "caption", "thead", "tbody", "tr", "th", "td",
            "b", "code", "dl", "dt", "dd", "footer", "strong", "body", "html"];
        for tag in body.split('<').skip(1) {
            let name = tag.trim_start_matches('/').split([' ', '>', '/']).next().unwrap_or_default();
            prop_assert!(names.contains(&name), "{}", name);
        }
    }
}
