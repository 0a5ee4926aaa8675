//! What stands around the figures: the head of the document, the title, what is summed up first, the contents and
//! the end.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use sha2::{Digest as _, Sha256};

use super::{markup::Markup, words};
use crate::counts::{
    calendar,
    numbers::{brief, count, share, size},
    report::{Publication, Report},
};

/// How everything looks. The browser is told its hash and uses no other style.
const STYLE: &str = include_str!("style.css");

/// The hash of the style, in base64, as it stands in each page.
#[must_use]
pub fn style_hash() -> String {
    BASE64_STANDARD.encode(Sha256::digest(STYLE))
}

/// Begins the document, up to and with the title and the sums.
pub(super) fn begin(out: &mut Markup, report: &Report) {
    out.tags("<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n");
    // Nothing may be loaded, run or sent, by whoever might get something into the page.
    out.tags("<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; img-src data:; ");
    out.tags("base-uri 'none'; form-action 'none'; style-src 'sha256-");
    out.text(&style_hash()).tags("'\">\n");
    out.tags("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n");
    out.tags("<meta name=\"color-scheme\" content=\"light dark\">\n");
    out.tags("<meta name=\"referrer\" content=\"no-referrer\">\n");
    out.tags("<meta name=\"generator\" content=\"tamis\">\n");
    match report.publication() {
        None => out.tags("<meta name=\"robots\" content=\"noindex\">\n<title>Internal: "),
        Some(public) => out.tags("<title>").text(&public.publisher).tags(": "),
    };
    out.text(&title(report)).tags("</title>\n<link rel=\"icon\" href=\"");
    out.tags("data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'%3E");
    out.tags("%3Cpath d='M1 4h14v4a7 5 0 0 1-14 0z' fill='%23276b62'/%3E%3C/svg%3E\">\n<style>");
    out.tags(STYLE).tags("</style>\n</head>\n");
    out.tags(if report.publication().is_some() {
        "<body class=\"public\">"
    } else {
        "<body class=\"internal\">"
    });
    out.tags(
        "<a class=\"skip\" href=\"#content\">Skip to the figures</a><header><div class=\"inner\">",
    );
    match report.publication() {
        None => out.tags("<p class=\"mark\"><strong>Internal</strong> Not for publication</p>"),
        Some(public) => out.tags("<p class=\"eyebrow\">").text(&public.publisher).tags("</p>"),
    };
    out.tags("<h1>")
        .text(&title(report))
        .tags("</h1><p class=\"lede\">")
        .text(&lede(report))
        .tags("</p>");
    sums(out, report);
    out.tags("</div></header>");
}

/// The list of parts.
pub(super) fn contents(out: &mut Markup, parts: &[(&'static str, &'static str)]) {
    out.tags("<nav aria-label=\"Contents\"><ul>");
    for (id, title) in parts {
        out.tags("<li><a href=\"#").tags(id).tags("\">").tags(title).tags("</a></li>");
    }
    out.tags("</ul></nav>");
}

/// Begins a part; its cards, a `</div>` and a `</section>` follow.
pub(super) fn begin_part(out: &mut Markup, id: &'static str, title: &'static str) {
    out.tags("<section id=\"")
        .tags(id)
        .tags("\" aria-labelledby=\"")
        .tags(id)
        .tags("-h\"><h2 id=\"");
    out.tags(id).tags("-h\">").tags(title).tags("</h2><div class=\"cards\">");
}

/// Ends the document.
pub(super) fn end(out: &mut Markup, report: &Report) {
    out.tags("<footer><div class=\"inner\"><p>");
    match report.publication() {
        None => out.tags("<strong>Internal.</strong> Not for publication. "),
        Some(Publication { publisher, .. }) => {
            out.text(publisher).tags(", ").text(&title(report)).tags(". ")
        }
    };
    out.tags("This page loads nothing and keeps nothing.</p></div></footer></body>\n</html>\n");
}

/// The last part of a path, so that a link stays beside the page.
pub(super) fn file_name(path: &str) -> String {
    let name = path.rsplit(['/', '\\']).next().unwrap_or_default();
    format!("./{}", name.replace(['?', '#', '%'], "_"))
}

fn title(report: &Report) -> String {
    match (report.period(), report.publication()) {
        (Some(period), Some(_)) => format!("How our sites were used, {}", calendar::period(period)),
        (Some(period), None) => format!("Usage, {}", calendar::period(period)),
        (None, _) => "Usage".to_owned(),
    }
}

/// What it all comes to, in sentences.
fn lede(report: &Report) -> String {
    let totals = report.totals();
    let Some(period) = report.period() else {
        return "Nothing was counted: there were no records.".to_owned();
    };
    let mut text = String::new();
    if let Some(public) = report.publication() {
        let publisher = &public.publisher;
        text =
            format!("{publisher} publishes how its sites are used, and nothing of who uses them. ");
    }
    let requests = count(totals.requests, "request", "requests");
    let during = capital(&calendar::during(period));
    let sent = match report.publication() {
        None => format!(", and {} was sent in answer", size(totals.bytes)),
        Some(_) => String::new(),
    };
    text += &match totals.visitors {
        Some(visitors) => {
            let visitors = count(visitors, "visitor", "visitors");
            format!("{during}, about {visitors} made {requests}{sent}.")
        }
        None => format!("{during}, {requests} came in{sent}."),
    };
    let part = |table: &str, key: &str| {
        let row = report.table(table)?.iter().find(|row| row.key == key)?;
        Some(share(row.requests, totals.requests))
    };
    if let Some(success) = part("status_class", "2xx") {
        text += &format!(" Of all requests, {success} were answered with success.");
    }
    if let Some(bots) = part("bot", "true") {
        text += &format!(" Bots that say so sent {bots}.");
    }
    let page =
        report.table("path").and_then(|rows| rows.iter().find(|row| words::is_name(&row.key)));
    if let Some(page) = page {
        text += &format!(" The page asked for most was {}.", words::in_sentence("path", &page.key));
    }
    text
}

/// The text as the beginning of a sentence.
pub(super) fn capital(text: &str) -> String {
    let mut text = text.to_owned();
    if let Some(first) = text.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    text
}

/// The sums over everything, large.
fn sums(out: &mut Markup, report: &Report) {
    let totals = report.totals();
    let mut sums = vec![("Requests", brief(totals.requests))];
    sums.extend(totals.visitors.map(|visitors| ("Visitors, about", brief(visitors))));
    if report.publication().is_none() {
        sums.push(("Data sent", size(totals.bytes)));
    }
    if let Some(period) = report.period()
        && let Some((first, last)) = calendar::days_of(period)
    {
        sums.push(("Days", format!("{} ({})", last.since(first) + 1, calendar::zone(period))));
    }
    out.tags("<dl class=\"sums\">");
    for (name, value) in sums {
        out.tags("<div><dt>").tags(name).tags("</dt><dd>").text(&value).tags("</dd></div>");
    }
    out.tags("</dl>");
}
