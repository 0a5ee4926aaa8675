//! A table of the report on the page: a sentence, a picture, the figures, and what is to be known of them.

use super::{
    chart::{self, Bar, Caption, Tone},
    frame,
    markup::Markup,
    note,
    table::Table,
    words::{self, Subject},
};
use crate::counts::{
    OTHER,
    numbers::{brief, count, grouped, share, size, sum},
    report::{Report, Row, others_last},
};

/// How many rows are drawn, and how many stand in a table. The JSON has all.
const DRAWN: usize = 10;
const LISTED: usize = 100;

/// What the page says of a table, one that it knows or one of a policy's own.
pub(super) struct Shown {
    table: String,
    title: String,
    column: &'static str,
    first: (&'static str, &'static str),
    of_whole: bool,
}

impl Subject {
    pub(super) fn of(&self) -> Shown {
        let Self { table, title, column, first, of_whole } = *self;
        Shown { table: table.to_owned(), title: title.to_owned(), column, first, of_whole }
    }
}

impl Shown {
    /// A table of a policy's own, of which nothing is known but its name.
    pub(super) fn of_own(name: &str) -> Self {
        let title = words::title_of_own(name);
        Self {
            table: name.to_owned(),
            title,
            column: "Key",
            first: ("", " comes first"),
            of_whole: false,
        }
    }
}

/// Writes a part with its tables; whether there is any.
pub(super) fn part<'a>(
    out: &mut Markup,
    report: &Report,
    id: &'static str,
    title: &'static str,
    subjects: impl Iterator<Item = (Shown, &'a [Row])>,
) -> bool {
    let mut subjects = subjects.peekable();
    if subjects.peek().is_none() {
        return false;
    }
    frame::begin_part(out, id, title);
    let subjects: Vec<_> = subjects.collect();
    // Cards stand in pairs, and what has no other beside it goes across.
    let long = subjects.iter().filter(|(shown, _)| shown.table == "path").count();
    let alone = (subjects.len() - long) % 2 == 1;
    for (number, (shown, rows)) in subjects.iter().enumerate() {
        let is_wide = shown.table == "path" || (alone && number + 1 == subjects.len());
        card(out, report, (&format!("c-{id}-{number}"), is_wide), shown, rows);
    }
    out.tags("</div></section>");
    true
}

fn card(
    out: &mut Markup,
    report: &Report,
    (id, is_wide): (&str, bool),
    shown: &Shown,
    rows: &[Row],
) {
    out.tags(if is_wide {
        "<article class=\"card wide\"><h3>"
    } else {
        "<article class=\"card\"><h3>"
    });
    out.text(&shown.title).tags("</h3>");
    let rows = others_last(rows);
    let finding = finding(report, shown, &rows);
    out.tags("<p class=\"finding\">").text(&finding).tags("</p><figure>");
    let total = report.totals().requests;
    let drawn = drawn(&rows);
    let bars: Vec<_> = drawn.iter().map(|row| bar(shown, row, total)).collect();
    let most = drawn.iter().map(|row| row.requests).max().unwrap_or(0);
    let whole = if shown.of_whole { total.max(most) } else { most };
    let of = match rows.len() - drawn.len() {
        0 => String::new(),
        _ => format!(" of {}", grouped(rows.len() as u64)),
    };
    let description = format!("{} bars{of}, the longest first. {finding}", drawn.len());
    let title = format!("{} by requests", shown.title);
    chart::rows(
        out,
        &Caption { id, title: &title, description: &description },
        &bars,
        whole,
        is_wide,
    );
    out.tags("</figure>");
    table(out, report, shown, &rows);
    notes(out, report, &shown.table, &rows);
    out.tags("</article>");
}

/// The rows that are drawn: the first ones, and what was folded.
fn drawn<'a>(rows: &[&'a Row]) -> Vec<&'a Row> {
    let (others, named): (Vec<_>, Vec<_>) = rows.iter().copied().partition(|row| row.key == OTHER);
    named.into_iter().take(DRAWN).chain(others).collect()
}

fn bar(shown: &Shown, row: &Row, total: u64) -> Bar {
    let tone = match (shown.table.as_str(), row.key.as_bytes()) {
        ("status" | "status_class", [b'1' | b'3', ..]) => Tone::Calm,
        ("status" | "status_class", [b'4', ..]) => Tone::Warm,
        ("status" | "status_class", [b'5', ..]) => Tone::Alarm,
        ("status" | "status_class", _) => Tone::Plain,
        (_, key) if key.starts_with(b"(") => Tone::Faint,
        _ => Tone::Plain,
    };
    let requests = count(row.requests, "request", "requests");
    let share = share(row.requests, total);
    Bar {
        label: words::label(&shown.table, &row.key),
        value: row.requests,
        note: format!("{} · {share}", brief(row.requests)),
        said: format!("{requests}, {share} of all"),
        tone,
    }
}

/// What comes first, in a sentence.
fn finding(report: &Report, shown: &Shown, rows: &[&Row]) -> String {
    let total = report.totals().requests;
    if shown.table == "bot" {
        let bots = rows.iter().find(|row| row.key == "true").map_or(0, |row| row.requests);
        return match bots {
            0 => "No bot is known to have been here.".to_owned(),
            bots => format!("Bots that say so sent {} of all requests.", share(bots, total)),
        };
    }
    let Some(first) = rows.iter().find(|row| words::is_name(&row.key)) else {
        return "No row of it has a name.".to_owned();
    };
    let label = words::in_sentence(&shown.table, &first.key);
    let label = if shown.first.0.is_empty() && label.starts_with("the ") {
        frame::capital(&label)
    } else {
        label
    };
    let (before, after) = shown.first;
    let requests = count(first.requests, "request", "requests");
    format!("{before}{label}{after}: {requests}, {} of all.", share(first.requests, total))
}

fn table(out: &mut Markup, report: &Report, shown: &Shown, rows: &[&Row]) {
    let has_visitors = rows.iter().any(|row| row.visitors.is_some());
    let mut heads = vec![shown.column, "Requests", "Share"];
    heads.extend(has_visitors.then_some("Visitors"));
    // Bytes are not published: one large download makes most of what a row has.
    let has_data = report.publication().is_none();
    heads.extend(has_data.then_some("Data"));
    let total = report.totals().requests;
    let cells = |row: &&Row| {
        let label = words::label(&shown.table, &row.key);
        let mut cells = vec![label, grouped(row.requests), share(row.requests, total)];
        let visitors = || row.visitors.map_or_else(|| "–".to_owned(), grouped);
        cells.extend(has_visitors.then(visitors));
        cells.extend(has_data.then(|| size(row.bytes)));
        cells
    };
    let (listed, more) = rows.split_at(rows.len().min(LISTED));
    let caption = match more.len() {
        0 => format!("{}: {}", shown.title, count(rows.len() as u64, "row", "rows")),
        _ => format!("{}: the first {LISTED} of {} rows", shown.title, grouped(rows.len() as u64)),
    };
    let button = format!("{} as a table", shown.title);
    let rows = listed.iter().map(cells).collect();
    Table { button: &button, caption: &caption, heads: &heads, rows, is_wide: false }.write(out);
    if !more.is_empty() {
        let requests = count(sum(more.iter().map(|row| row.requests)), "request", "requests");
        let more = count(more.len() as u64, "further row", "further rows");
        note(
            out,
            &format!("{more} with {requests} in all stand in the JSON of these counts only."),
        );
    }
}

/// What was folded and what was missed.
pub(super) fn notes(out: &mut Markup, report: &Report, table: &str, rows: &[&Row]) {
    let folded = rows.iter().find(|row| row.key == OTHER);
    if let Some(public) = report.publication().filter(|_| folded.is_some()) {
        let k = grouped(public.k.into());
        note(
            out,
            &format!(
                "(other) adds up what fewer than {k} networks had in common, and as much besides as hides it."
            ),
        );
    } else if let Some(row) = folded.filter(|_| !matches!(table, "site" | "referrer")) {
        let requests = count(row.requests, "request", "requests");
        note(out, &format!("(other) is {requests} for whose keys the table had no room."));
    }
    if let Some(missed) = report.missed(table).filter(|missed| *missed > 0) {
        let most = count(missed, "request", "requests");
        note(
            out,
            &format!("The table ran over its size: any row may be too low, by {most} at most."),
        );
    }
}

/// The words in brackets that the report has, each once, and what they mean.
pub(super) fn bracket_notes(report: &Report) -> Vec<(&'static str, String)> {
    let all = report.tables().flat_map(|(name, rows)| {
        let words = words::brackets(name, rows);
        words.into_iter().map(move |(word, meaning)| {
            (word, format!("among {}: {meaning}", words::title(name).to_lowercase()))
        })
    });
    // A public report says of what was folded beside it.
    let is_public = report.publication().is_some();
    all.filter(|(word, _)| !(is_public && *word == OTHER)).collect()
}
