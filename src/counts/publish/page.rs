//! What is put into the directory: the release as JSON for programs and as a page for people.
//!
//! Both are made of the ledger's entry and of nothing else, so that they come out the same whenever they are made.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{Blur, Content, Entry, Number, Row, Summed};
use crate::counts::{self, Report, Totals};

/// What stands between the two values of a key of two dimensions.
const BETWEEN: &str = " | ";

/// Who publishes where nobody said it.
const SOMEBODY: &str = "Whoever runs these sites";

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

/// The release as a page that needs nothing else. `data` is the name of the JSON beside it.
#[must_use]
pub fn page(entry: &Entry, data: &str) -> String {
    let Content { k, blur, total, tables, withheld, .. } = &entry.content;
    let (from, to) = entry.period.bounds();
    let visitors = total.and_then(|total| total.visitors);
    let requests = total.map_or(0, |total| total.requests);
    // Bytes are not published, and the page of a publication leaves them out.
    let totals = Totals { requests, bytes: 0, visitors };
    let period = counts::Period { from, to };
    let mut report = Report::new(&entry.policy, &entry.policy_hash, Some(period), totals);
    for (name, rows) in tables {
        let row = |Row { key, requests, visitors }: &Row| counts::Row {
            key: key.join(BETWEEN),
            requests: *requests,
            bytes: 0,
            visitors: *visitors,
        };
        report.push(name, rows.iter().map(row).collect());
    }
    let publication = counts::Publication {
        publisher: entry.publisher.clone().unwrap_or_else(|| SOMEBODY.to_owned()),
        k: *k,
        reviewer: entry.reviewer.clone(),
        released: String::new(),
        rounded_to: rounded_to(*blur).and_then(|base| u32::try_from(base).ok()),
        withheld: withheld.clone(),
        data: data.to_owned(),
    };
    counts::page::render(&report.into_published(publication))
}
