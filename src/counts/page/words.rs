//! What tables and their keys are called on a page, and the words in brackets that stand among keys.

use super::names;
use crate::counts::{calendar, report::Row};

/// A part of the page, with the tables that it shows in this order.
pub(super) struct Part {
    /// Its place in addresses.
    pub(super) id: &'static str,
    pub(super) title: &'static str,
    pub(super) subjects: &'static [Subject],
}

/// What the page says of a table.
pub(super) struct Subject {
    /// The name of the table.
    pub(super) table: &'static str,
    pub(super) title: &'static str,
    /// The head of the column of keys.
    pub(super) column: &'static str,
    /// What is said of the most frequent key, before and after its name.
    pub(super) first: (&'static str, &'static str),
    /// Whether bars are parts of all requests, as where a few rows make up the whole.
    pub(super) of_whole: bool,
}

const fn subject(
    table: &'static str,
    title: &'static str,
    column: &'static str,
    first: (&'static str, &'static str),
) -> Subject {
    Subject { table, title, column, first, of_whole: true }
}

const fn long(
    table: &'static str,
    title: &'static str,
    column: &'static str,
    first: (&'static str, &'static str),
) -> Subject {
    Subject { table, title, column, first, of_whole: false }
}

/// The parts of a page after that on time. Tables of a policy's own come after them.
pub(super) const PARTS: [Part; 4] = [
    Part {
        id: "pages",
        title: "What was asked for",
        subjects: &[
            long("path", "Pages", "Page", ("", " was asked for most")),
            long("site", "Sites", "Site", ("", " was the site asked for most")),
        ],
    },
    Part {
        id: "origins",
        title: "Where visitors came from",
        subjects: &[
            long(
                "referrer",
                "Referrers",
                "Referrer",
                ("Of other sites, ", " brought the most requests"),
            ),
            long("country", "Countries", "Country", ("The most requests came from ", "")),
            long("language", "Languages", "Language", ("The language preferred most was ", "")),
        ],
    },
    Part {
        id: "means",
        title: "What they used",
        subjects: &[
            subject("browser", "Browsers", "Browser", ("", " was the browser used most")),
            subject("os", "Systems", "System", ("", " was the system used most")),
            subject("device", "Devices", "Device", ("", " were used most")),
            subject("bot", "Bots", "Kind", ("", "")),
        ],
    },
    Part {
        id: "answers",
        title: "How it was answered",
        subjects: &[
            subject(
                "status_class",
                "Kinds of answers",
                "Kind",
                ("The most frequent kind was ", ""),
            ),
            subject("status", "Statuses", "Status", ("The status sent most was ", "")),
            subject("method", "Methods", "Method", ("", " was the method used most")),
            subject("protocol", "Protocols", "Protocol", ("", " was the protocol used most")),
        ],
    },
];

/// How a key reads: the name of what it stands for.
pub(super) fn label(table: &str, key: &str) -> String {
    let named = |name: Option<&str>| name.unwrap_or(key).to_owned();
    match (table, key) {
        (_, "(other)") => "(other)".to_owned(),
        (_, key) if key.trim().is_empty() => "(empty)".to_owned(),
        ("country", "ZZ") => "Unknown".to_owned(),
        ("country", code) => named(names::country(code)),
        ("language", "other") => "Other languages".to_owned(),
        ("language", code) => named(names::language(code)),
        ("status", code) => match names::status(code) {
            Some(phrase) => format!("{code} {phrase}"),
            None => code.to_owned(),
        },
        ("status_class", "1xx") => "1xx (interim)".to_owned(),
        ("status_class", "2xx") => "2xx (success)".to_owned(),
        ("status_class", "3xx") => "3xx (elsewhere)".to_owned(),
        ("status_class", "4xx") => "4xx (fault of the request)".to_owned(),
        ("status_class", "5xx") => "5xx (fault of the server)".to_owned(),
        ("bot", "true") => "Bots".to_owned(),
        ("bot", "false") => "Not bots".to_owned(),
        ("device", "desktop") => "Computers".to_owned(),
        ("device", "mobile") => "Telephones".to_owned(),
        ("device", "tablet") => "Tablets".to_owned(),
        ("device", "bot") => "Programs".to_owned(),
        ("device", "other") => "Others and unknown".to_owned(),
        ("protocol", "1.0" | "1.1" | "2" | "3") => format!("HTTP/{key}"),
        ("month", month) => calendar::month(month).unwrap_or_else(|| month.to_owned()),
        (table, key) => match (halves(table), key.split_once('\t')) {
            (Some((one, other)), Some((first, second))) => {
                format!("{} × {}", label(one, first), label(other, second))
            }
            _ => key.to_owned(),
        },
    }
}

/// The two tables that a two-way table is made of, by its name: of `path_country`, `path` and `country`.
fn halves(name: &str) -> Option<(&'static str, &'static str)> {
    let known = || {
        let subjects = PARTS.iter().flat_map(|part| part.subjects).map(|subject| subject.table);
        subjects.chain(["hour", "day", "week", "month"])
    };
    let rest = |one: &str| name.strip_prefix(one)?.strip_prefix('_');
    known().find_map(|one| Some((one, known().find(|other| rest(one) == Some(other))?)))
}

/// How a key reads within a sentence, where one that is too short would not be seen.
pub(super) fn in_sentence(table: &str, key: &str) -> String {
    match (table, key) {
        ("path", "/") => "the start page, /".to_owned(),
        _ => label(table, key),
    }
}

/// What a table is called on the page.
pub(super) fn title(table: &str) -> String {
    let known = PARTS.iter().flat_map(|part| part.subjects).find(|subject| subject.table == table);
    known.map_or_else(|| title_of_own(table), |subject| subject.title.to_owned())
}

/// The name of a table of a policy's own: `downloads_by_version` is `Downloads by version`.
pub(super) fn title_of_own(name: &str) -> String {
    if let Some((one, other)) = halves(name) {
        return format!("{} and {}", title(one), title(other).to_lowercase());
    }
    let mut title = name.replace(['_', '-', '.'], " ");
    if title.trim().is_empty() {
        return format!("Table {name}");
    }
    if let Some(first) = title.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    title
}

/// Whether the key names something: those in brackets say that there is nothing to name.
pub(super) fn is_name(key: &str) -> bool {
    !key.starts_with('(') && !matches!(key, "Other" | "other" | "OTHER" | "ZZ")
}

/// The words in brackets, where they stand, and what each means.
const BRACKETS: [(&str, &str, &str); 9] = [
    (
        "path",
        "(unknown)",
        "a path that the site did not confirm, so that it may be anything that was typed",
    ),
    (
        "path",
        "(invalid)",
        "what was no request of HTTP, such as the start of an encrypted connection",
    ),
    (
        "path",
        "{",
        "in place of a part of a path that had the shape of an identifier; it was replaced",
    ),
    ("referrer", "(none)", "no referring page was named"),
    ("referrer", "(internal)", "a link within the site"),
    ("referrer", "(external)", "a link from another site"),
    ("referrer", "(ip)", "an address in place of a name; it was left out"),
    ("site", "(other)", "a name that is none of the declared sites"),
    ("referrer", "(other)", "what is no site’s name"),
];

/// The words of [`BRACKETS`] that the rows of a table have.
pub(super) fn brackets(table: &str, rows: &[Row]) -> Vec<(&'static str, &'static str)> {
    let stands = |word: &str| {
        rows.iter().any(|row| if word == "{" { row.key.contains(word) } else { row.key == word })
    };
    let found = BRACKETS.iter().filter(|(at, word, _)| *at == table && stands(word));
    found.map(|(_, word, meaning)| (if *word == "{" { "{…}" } else { word }, *meaning)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::field::Table;

    #[test]
    fn keys_read_as_what_they_stand_for() {
        for (table, key, expect) in [
            ("country", "DE", "Germany"),
            ("country", "QX", "QX"),
            ("language", "de", "German"),
            ("status", "404", "404 Not Found"),
            ("status", "799", "799"),
            ("bot", "true", "Bots"),
            ("protocol", "1.1", "HTTP/1.1"),
            ("protocol", "(other)", "(other)"),
            ("month", "2026-11", "November 2026"),
            ("path", "/a", "/a"),
            ("path", " ", "(empty)"),
            ("path_country", "/a\tDE", "/a × Germany"),
            ("status_class_bot", "2xx\ttrue", "2xx (success) × Bots"),
            ("own", "a\tb", "a\tb"),
        ] {
            assert_eq!(label(table, key), expect, "{table} {key}");
        }
        assert_eq!(title_of_own("downloads_by-version"), "Downloads by version");
        assert_eq!(title_of_own("ä"), "ä");
        assert_eq!(title_of_own("path_country"), "Pages and countries");
        assert_eq!(title_of_own("day_status_class"), "Day and kinds of answers");
        assert_eq!(title_of_own("-.-"), "Table -.-");
    }

    #[test]
    fn every_table_has_its_place() {
        for table in Table::ALL {
            let subjects = PARTS.iter().flat_map(|part| part.subjects);
            let places = subjects.filter(|subject| subject.table == table.name()).count();
            let is_of_time = matches!(table, Table::Hour | Table::Day);
            assert_eq!(places, usize::from(!is_of_time), "{}", table.name());
        }
    }

    #[test]
    fn words_in_brackets_are_explained_where_they_stand() {
        let row = |key: &str| Row { key: key.to_owned(), ..Row::default() };
        let found = brackets("path", &[row("/users/{user}"), row("(invalid)")]);
        assert_eq!(found.iter().map(|(word, _)| *word).collect::<Vec<_>>(), ["(invalid)", "{…}"]);
        assert!(brackets("path", &[row("/a")]).is_empty());
        assert!(is_name("/a") && !is_name("(none)"));
    }
}
