//! A report as one page of HTML that stands alone: figures, pictures, tables, and what is to be known of them.
//!
//! The page loads nothing, runs nothing and says so to the browser. It is made for print, telephones, screen readers
//! and the dark as for a desk. Of an internal report it says on every screen that it is internal; of a published one
//! it says who published it, and by which rule. Nothing on it depends on the clock, so the same report is the same
//! page.
//!
//! Here the parts are put in order. `chart.rs` draws, `table.rs` has the figures, `time.rs` reckons with days and
//! hours, `words.rs` names things, and `markup.rs` keeps text from becoming markup.

mod chart;
mod frame;
mod markup;
mod names;
mod subject;
mod table;
mod time;
mod words;

pub use frame::style_hash;

use self::{
    chart::{Caption, Column},
    markup::Markup,
    subject::bracket_notes,
    table::Table,
    time::{Counted, Series},
    words::PARTS,
};
use super::{
    calendar::{self, WEEKDAY_NAMES},
    numbers::{count, grouped, size},
    report::Report,
};

/// The page of a report: an internal one, or the public one of a report that was published.
#[must_use]
pub fn render(report: &Report) -> String {
    let mut out = Markup::default();
    frame::begin(&mut out, report);
    let mut contents = Vec::new();
    let mut main = Markup::default();
    if over_time(&mut main, report) {
        contents.push(("time", "Over time"));
    }
    for part in &PARTS {
        let subjects = part
            .subjects
            .iter()
            .filter_map(|subject| report.table(subject.table).map(|rows| (subject.of(), rows)));
        if subject::part(&mut main, report, part.id, part.title, subjects) {
            contents.push((part.id, part.title));
        }
    }
    let own = report.tables().filter(|(name, _)| is_own(name));
    let own = own.map(|(name, rows)| (subject::Shown::of_own(name), rows));
    if subject::part(&mut main, report, "own", "Further counts", own) {
        contents.push(("own", "Further counts"));
    }
    about(&mut main, report);
    contents.push(("about", "About these figures"));
    frame::contents(&mut out, &contents);
    out.tags("<main id=\"content\">").append(&main).tags("</main>");
    frame::end(&mut out, report);
    out.into_string()
}

/// Whether a table is none of those that the page has a place for.
fn is_own(name: &str) -> bool {
    let known = PARTS.iter().flat_map(|part| part.subjects).any(|subject| subject.table == name);
    !known && !matches!(name, "hour" | "day" | "week" | "month")
}

/// The part on time; whether there is one.
fn over_time(out: &mut Markup, report: &Report) -> bool {
    let all = time::series(report);
    if all.is_empty() && report.table("hour").is_none() {
        return false;
    }
    frame::begin_part(out, "time", "Over time");
    for series in &all {
        one_series(out, report, series);
    }
    if report.table("hour").is_some() && all.iter().all(|series| series.table != "hour") {
        note(out, "Hours stand in the JSON of these counts only: there are too many to be drawn.");
    }
    if let Some(week) = time::week(report) {
        week_by_hours(out, &week);
    }
    out.tags("</div></section>");
    true
}

fn one_series(out: &mut Markup, report: &Report, series: &Series) {
    out.tags("<article class=\"card wide\"><h3>").text(series.title).tags("</h3>");
    out.tags("<p class=\"finding\">").text(&finding(series)).tags("</p>");
    let id = format!("c-{}", series.id);
    figure(out, series, (&id, series.title), Measure::Requests);
    let has_visitors =
        series.points.iter().any(|point| point.counted.is_some_and(|it| it.visitors.is_some()));
    if has_visitors {
        let title = series.title.replace("Requests", "Visitors");
        out.tags("<h4>").text(&title).tags("</h4>");
        figure(out, series, (&format!("{id}-visitors"), &title), Measure::Visitors);
    }
    series_table(out, series, has_visitors, report.publication().is_none());
    if series.others > 0 {
        let others = count(series.others, "request was", "requests were");
        let why = match report.publication() {
            None => "for which the table had no room",
            Some(_) => "of which too little may be told",
        };
        note(out, &format!("{others} at other times, {why}."));
    }
    subject::notes(out, report, series.table, &[]);
    out.tags("</article>");
}

/// What a figure along a time is of.
#[derive(Clone, Copy)]
enum Measure {
    Requests,
    Visitors,
}

impl Measure {
    fn value(self, counted: Counted) -> Option<u64> {
        match self {
            Self::Requests => Some(counted.requests),
            Self::Visitors => counted.visitors,
        }
    }

    fn said(self, value: u64) -> String {
        match self {
            Self::Requests => count(value, "request", "requests"),
            Self::Visitors => count(value, "visitor", "visitors"),
        }
    }
}

fn figure(out: &mut Markup, series: &Series, (id, title): (&str, &str), of: Measure) {
    let columns = series.points.iter().map(|point| {
        let value = point.counted.and_then(|counted| of.value(counted));
        let said = value.map_or_else(|| "not told".to_owned(), |value| of.said(value));
        Column { short: point.short.clone(), said: format!("{}: {said}", point.long), value }
    });
    let columns: Vec<_> = columns.collect();
    let most = columns.iter().rev().max_by_key(|column| column.value);
    let most = most.map_or_else(String::new, |most| format!(" The highest is {}.", most.said));
    let description = format!("{}.{most}", count(columns.len() as u64, "column", "columns"));
    out.tags("<figure>");
    chart::columns(out, &Caption { id, title, description: &description }, &columns);
    out.tags("</figure>");
}

fn series_table(out: &mut Markup, series: &Series, has_visitors: bool, has_data: bool) {
    let mut heads = vec![series.column, "Requests"];
    heads.extend(has_visitors.then_some("Visitors"));
    heads.extend(has_data.then_some("Data"));
    let row = |point: &time::Point| {
        let cell = |value: &dyn Fn(Counted) -> String| {
            point.counted.map_or_else(|| "not told".to_owned(), value)
        };
        let mut cells = vec![point.long.clone(), cell(&|counted| grouped(counted.requests))];
        let visitors = |counted: Counted| counted.visitors.map_or_else(|| "–".to_owned(), grouped);
        cells.extend(has_visitors.then(|| cell(&visitors)));
        cells.extend(has_data.then(|| cell(&|counted| size(counted.bytes))));
        cells
    };
    let rows = series.points.iter().map(row).collect();
    let button = format!("{} as a table", series.title);
    Table { button: &button, caption: series.title, heads: &heads, rows, is_wide: false }
        .write(out);
}

/// What a series comes to, in a sentence.
fn finding(series: &Series) -> String {
    let told = series.points.iter().filter_map(|point| Some((point, point.counted?.requests)));
    // The first of equals.
    let most = told.clone().rev().max_by_key(|(_, requests)| *requests);
    let Some((point, requests)) = most.filter(|(_, requests)| *requests > 0) else {
        return "There were no requests.".to_owned();
    };
    let requests = count(requests, "request", "requests");
    let what = series.column.to_lowercase();
    let silent = series.points.iter().filter(|point| point.counted.is_none()).count() as u64;
    let mut text = match series.points.len() {
        1 => format!("{}: {requests}.", point.long),
        _ => format!("The busiest {what} was {}, with {requests}.", point.long),
    };
    if silent > 0 {
        text += &format!(" For {} nothing is told.", count(silent, &what, &format!("{what}s")));
    }
    text
}

fn week_by_hours(out: &mut Markup, week: &time::Week) {
    let title = "The week by hours";
    let all = week.rows.iter().enumerate().flat_map(|(day, (_, hours))| {
        hours.iter().enumerate().map(move |(hour, requests)| (*requests, day, hour))
    });
    let (requests, day, hour) =
        all.rev().max_by_key(|(requests, ..)| *requests).unwrap_or_default();
    let finding = format!(
        "{}s from {hour}:00 to {}:00 were the busiest hours, with {}.",
        WEEKDAY_NAMES[day],
        hour + 1,
        count(requests, "request", "requests")
    );
    out.tags("<article class=\"card wide\"><h3>")
        .text(title)
        .tags("</h3><p class=\"finding\">")
        .text(&finding);
    out.tags("</p><figure>");
    let description = format!("Seven rows of 24 cells, the stronger the more requests. {finding}");
    chart::week(out, &Caption { id: "c-week-hours", title, description: &description }, &week.rows);
    out.tags("</figure>");
    let hours: Vec<_> = (0..24).map(|hour| format!("{hour}:00")).collect();
    let heads: Vec<_> = ["Day"].into_iter().chain(hours.iter().map(String::as_str)).collect();
    let row = |(name, hours): &(String, [u64; 24])| {
        [name.clone()].into_iter().chain(hours.iter().copied().map(grouped)).collect()
    };
    let rows = week.rows.iter().map(row).collect();
    let button = format!("{title} as a table");
    Table { button: &button, caption: title, heads: &heads, rows, is_wide: true }.write(out);
    if !week.of_whole_weeks {
        note(
            out,
            "The period is not of whole weeks, so that some weekdays count once more than others.",
        );
    }
    out.tags("</article>");
}

/// What is to be known of the figures, and how they came to be.
fn about(out: &mut Markup, report: &Report) {
    out.tags(
        "<section id=\"about\" class=\"about\" aria-labelledby=\"about-h\"><h2 id=\"about-h\">",
    );
    out.tags("About these figures</h2>");
    match report.publication() {
        None => internal(out, report),
        Some(public) => published(out, report, public),
    }
    let brackets = bracket_notes(report);
    if !brackets.is_empty() {
        out.tags("<h3>Words in brackets</h3><dl class=\"words\">");
        for (word, meaning) in brackets {
            out.tags("<div><dt>").text(word).tags("</dt><dd>").text(&meaning).tags("</dd></div>");
        }
        out.tags("</dl>");
    }
    out.tags("</section>");
}

fn internal(out: &mut Markup, report: &Report) {
    out.tags("<p>This page is internal. Small counts stand on it as they are, and a count of one is one person’s; ");
    out.tags("it says more of people than what may be published. ");
    out.tags("<code>tamis report publish</code> makes a page for the public.</p>");
    how_they_came_to_be(out, report);
}

fn published(out: &mut Markup, report: &Report, public: &super::Publication) {
    let k = grouped(public.k.into());
    out.tags(
        "<p>These figures say how sites are used and nothing of who uses them. Each of them is of ",
    )
    .text(&k);
    out.tags(" networks or more, counted within one day: what fewer had in common is added up as ");
    out.tags("<b>(other)</b>, together with as ");
    out.tags("much else as it takes that no difference of figures brings it out again. ");
    out.tags("Robots do not count as networks. ");
    out.tags("What is not here was too little to be told or is not counted at all.</p>");
    if let Some(step) = public.rounded_to {
        out.tags("<p>Figures are rounded to multiples of ")
            .text(&grouped(step.into()))
            .tags(".</p>");
    }
    if !public.withheld.is_empty() {
        let titles: Vec<_> = public.withheld.iter().map(|name| words::title(name)).collect();
        out.tags("<p>Withheld as a whole, because too little of them could be told: ")
            .text(&titles.join(", "));
        out.tags(".</p>");
    }
    how_they_came_to_be(out, report);
    if !public.reviewer.is_empty() {
        out.tags("<p>Looked at before the release by ").text(&public.reviewer);
        if !public.released.is_empty() {
            let day = calendar::Day::parse(&public.released).map(calendar::Day::date);
            out.tags("; released on ").text(day.as_deref().unwrap_or(&public.released));
        }
        out.tags(".</p>");
    }
    if !public.data.is_empty() {
        out.tags("<p><a href=\"")
            .text(&frame::file_name(&public.data))
            .tags("\">All figures as JSON</a></p>");
    }
}

fn how_they_came_to_be(out: &mut Markup, report: &Report) {
    out.tags("<p>The figures are sums over access logs, which tamis cleaned before anything was ");
    out.tags("counted, under the policy <b>").text(report.policy());
    out.tags("</b> with the hash <code class=\"hash\">")
        .text(report.policy_hash())
        .tags("</code>. ");
    if report.totals().visitors.is_some() {
        out.tags("Visitors are estimates, within two percent as a rule; ");
        out.tags("those of several days or rows do not add up. ");
    }
    out.tags("Shares are parts of all requests.</p>");
}

fn note(out: &mut Markup, what: &str) {
    out.tags("<p class=\"note\">").text(what).tags("</p>");
}

#[cfg(test)]
mod tests;
