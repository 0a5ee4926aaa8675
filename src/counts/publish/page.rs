//! What is put into the directory: the release as JSON for programs and as a page for people.
//!
//! Both are made of the ledger's entry and of nothing else, so that they come out the same whenever they are made.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{Blur, Content, Entry, Number, Row, Summed};

/// What stands between the two values of a key of two dimensions.
const BETWEEN: &str = " / ";

#[derive(Serialize)]
struct Public<'a> {
    internal: bool,
    policy: &'a str,
    policy_hash: &'a str,
    period: Bounds,
    publication: Publication<'a>,
    totals: Option<Number>,
    tables: BTreeMap<&'a str, Vec<PublicRow>>,
}

#[derive(Serialize)]
struct Bounds {
    from: String,
    to: String,
}

#[derive(Serialize)]
struct Publication<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    publisher: Option<&'a str>,
    reviewer: &'a str,
    k: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    rounded_to: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    summed: Option<Summed>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    partial: &'a [String],
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    withheld: &'a [String],
}

#[derive(Serialize)]
struct PublicRow {
    key: String,
    requests: u64,
    visitors: Option<u64>,
}

/// The release as one line of JSON, in the form of a report.
#[must_use]
pub fn public_json(entry: &Entry) -> String {
    let Content { k, blur, summed, total, tables, partial, withheld } = &entry.content;
    let (from, to) = entry.period.bounds();
    let row = |Row { key, requests, visitors }: &Row| PublicRow {
        key: key.join(BETWEEN),
        requests: *requests,
        visitors: *visitors,
    };
    let public = Public {
        internal: false,
        policy: &entry.policy,
        policy_hash: &entry.policy_hash,
        period: Bounds { from, to },
        publication: Publication {
            publisher: entry.publisher.as_deref(),
            reviewer: &entry.reviewer,
            k: *k,
            rounded_to: rounded_to(*blur),
            summed: *summed,
            partial,
            withheld,
        },
        totals: *total,
        tables: tables
            .iter()
            .map(|(name, rows)| (name.as_str(), rows.iter().map(row).collect()))
            .collect(),
    };
    let mut json = serde_json::to_string(&public).expect("strings and numbers always become JSON");
    json.push('\n');
    json
}

const fn rounded_to(blur: Blur) -> Option<u64> {
    match blur {
        Blur::None => None,
        Blur::Round(base) => Some(base),
    }
}

/// The release as a page that needs nothing else.
#[must_use]
pub fn page(entry: &Entry) -> String {
    let content = &entry.content;
    let mut html = String::from(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n",
    );
    let title = format!("Usage in {}", entry.period);
    html += &format!(
        "<title>{title}</title>\n<style>body{{font-family:sans-serif}}</style>\n<h1>{title}</h1>\n"
    );
    if let Some(publisher) = &entry.publisher {
        html += &format!("<p>{}</p>\n", escaped(publisher));
    }
    html += &match content.total {
        Some(total) => format!("<p>{} requests</p>\n", total.requests),
        None => "<p>Too few to be told.</p>\n".to_owned(),
    };
    for (name, rows) in &content.tables {
        html += &format!(
            "<table>\n<caption>{}</caption>\n<tr><th scope=\"col\">{0}</th><th scope=\"col\">requests</th></tr>\n",
            escaped(name)
        );
        for row in rows {
            html += &format!(
                "<tr><th scope=\"row\">{}</th><td>{}</td></tr>\n",
                escaped(&row.key.join(BETWEEN)),
                row.requests
            );
        }
        html += "</table>\n";
    }
    html += &format!(
        "<p>Each row stands for at least {} different networks. Looked at by {}.</p>\n</html>\n",
        content.k,
        escaped(&entry.reviewer)
    );
    html
}

fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '<' => out += "&lt;",
            '>' => out += "&gt;",
            '&' => out += "&amp;",
            '"' => out += "&quot;",
            '\'' => out += "&#39;",
            c => out.push(c),
        }
    }
    out
}
