//! What a service says of itself, for a person.

use std::fmt::Write as _;

use serde_json::Value;

use crate::{
    counts::numbers::{grouped, size},
    keys,
    quarantine::layout::rfc3339,
};

/// The facts in a few lines.
pub(super) fn describe(facts: &Value) -> String {
    let number = |name: &str| facts[name].as_u64().unwrap_or(0);
    let word = |name: &str| facts[name].as_str().unwrap_or("-").to_owned();
    let mut text = String::new();
    let health = match (facts["healthy"].as_bool(), facts["waiting"].as_str()) {
        (Some(true), _) => "good".to_owned(),
        (_, Some(what)) => format!("WAITING for room: {what}"),
        _ if facts["keys_in_trouble"] == true => "TROUBLE with keys: lines get no token".to_owned(),
        _ if sources(facts).any(|source| source["failing"] == true) => {
            "TROUBLE with a source, which cannot be read".to_owned()
        }
        _ => "not good".to_owned(),
    };
    let since = rfc3339(facts["started"].as_i64().unwrap_or(0));
    let ago = keys::seconds().0.saturating_sub(facts["committed"].as_i64().unwrap_or(0));
    let _ = writeln!(text, "health    {health}");
    let _ = writeln!(text, "policy    {} ({:.12})", word("policy"), word("policy_hash"));
    let _ = writeln!(text, "running   since {since}, committed {} s ago", ago.max(0));
    if facts["store"].is_string() {
        let _ = writeln!(text, "counts    in {}", word("store"));
    }
    let lines = facts["lines"].as_object().cloned().unwrap_or_default();
    let read: u64 = lines.values().filter_map(Value::as_u64).sum();
    let _ = writeln!(text, "lines     {} read over all runs", grouped(read));
    for (outcome, lines) in &lines {
        let _ = writeln!(text, "  {outcome:<20} {:>15}", grouped(lines.as_u64().unwrap_or(0)));
    }
    let sealed = grouped(number("sealed"));
    let _ = writeln!(
        text,
        "sealed    {sealed} lines since the start, {} given up",
        grouped(number("shed"))
    );
    let (behind, files) = (size(number("behind_bytes")), number("files"));
    let _ = writeln!(text, "files     {files} followed, {behind} behind");
    for source in sources(facts) {
        let number = |name: &str| source[name].as_u64().unwrap_or(0);
        let kind = source["kind"].as_str().unwrap_or("-");
        let _ = write!(text, "source    {kind:<14} {} since the start", size(number("bytes")));
        for (name, what) in [
            ("dropped", "datagrams dropped by the kernel"),
            ("turned_away", "connections turned away"),
            ("files_lost", "files lost"),
        ] {
            if number(name) > 0 {
                let _ = write!(text, ", {} {what}", grouped(number(name)));
            }
        }
        if source["failing"] == true {
            text.push_str(", CANNOT be read");
        }
        text.push('\n');
    }
    if number("reloads_refused") > 0 {
        let _ = writeln!(text, "reloads   {} refused since the start", number("reloads_refused"));
    }
    text
}

fn sources(facts: &Value) -> impl Iterator<Item = &Value> {
    facts["sources"].as_array().into_iter().flatten()
}
