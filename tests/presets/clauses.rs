//! Every clause of a published policy stands in its preset exactly where it belongs: beside what carries it out, with
//! a test of its name here, or in the closing list of those that the file does not carry out, with what would have to.

use std::collections::{BTreeMap, BTreeSet};

use super::{CANONICAL, MOZILLA, Policy, SITECORE, WORDPRESS, preset};

/// The published policies, how their clauses are named, and how many there are.
const POLICIES: [(&str, &str, u32); 4] =
    [(MOZILLA, "MOZ", 20), (WORDPRESS, "WP", 13), (CANONICAL, "CAN", 14), (SITECORE, "SIT", 14)];

/// The line of a preset from which on clauses wait.
const WAITING: &str = "# Nothing in this file carries these clauses out.";

/// What would have to carry clauses out.
const REASONS: [&str; 5] =
    ["The quarantine", "Publishing", "Counts", "The service", "Not about logs"];

/// The tests, as text.
const TESTS: [&str; 7] = [
    include_str!("main.rs"),
    include_str!("publishing.rs"),
    include_str!("reports.rs"),
    include_str!("sharing.rs"),
    include_str!("sitecore.rs"),
    include_str!("../quarantine/clauses.rs"),
    include_str!("../service/clauses.rs"),
];

/// The numbers of the clauses that stand in `text`.
fn clauses(text: &str, prefix: &str) -> BTreeSet<u32> {
    let beginning = format!("{prefix}-");
    let places = text.match_indices(&beginning).map(|(at, found)| at + found.len());
    let digits = places.map(|at| {
        let end = text[at..].find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len() - at);
        &text[at..at + end]
    });
    digits.filter_map(|digits| digits.parse().ok()).collect()
}

/// The comments of a preset: those beside what carries clauses out, and the closing list, if there is one.
fn comments(name: &str) -> (String, String) {
    let text = preset(name).expect("a preset");
    // A preset of which nothing waits has no list.
    let (before, after) = text.split_once(WAITING).unwrap_or((text, ""));
    let of = |text: &str| {
        let lines = text.lines().filter_map(|line| line.strip_prefix("# "));
        lines.collect::<Vec<_>>().join(" ")
    };
    let list = after.split("\n\n").next().expect("there is a first part");
    assert!(clauses_anywhere(&after[list.len()..]).is_empty(), "{name}: a clause behind the list");
    (of(before), of(list))
}

fn clauses_anywhere(text: &str) -> BTreeSet<u32> {
    POLICIES.iter().flat_map(|(_, prefix, _)| clauses(text, prefix)).collect()
}

#[test]
fn every_clause_is_carried_out_or_waits_and_none_does_both() {
    for (name, prefix, count) in POLICIES {
        let (beside, list) = comments(name);
        let (carried, waiting) = (clauses(&beside, prefix), clauses(&list, prefix));
        assert_eq!(carried.intersection(&waiting).collect::<Vec<_>>(), [] as [&u32; 0], "{name}");
        let all: BTreeSet<_> = carried.union(&waiting).copied().collect();
        assert_eq!(all, (1..=count).collect(), "{name}");
        let policy = Policy::parse(preset(name).expect("a preset")).expect("it reads");
        let tamis::policy::Basis::Clauses(basis) = policy.basis else {
            panic!("{name} has no clauses for its basis");
        };
        assert_eq!(clauses(&basis.join(" "), prefix), carried, "{name}: basis and comments");
    }
}

#[test]
fn every_clause_that_is_carried_out_has_a_test_of_its_name_and_no_other_has() {
    for (name, prefix, count) in POLICIES {
        let carried = clauses(&comments(name).0, prefix);
        for number in 1..=count {
            let test = format!("\nfn {}_{number:02}_", prefix.to_lowercase());
            let is_tested = TESTS.iter().any(|text| text.contains(&format!("#[test]{test}")));
            assert_eq!(is_tested, carried.contains(&number), "{prefix}-{number}");
        }
    }
}

#[test]
fn every_clause_that_waits_says_for_what() {
    for (name, prefix, _) in POLICIES {
        let (_, list) = comments(name);
        // Each reason begins a sentence, and each clause says in brackets what it is about.
        let mut found: BTreeMap<&str, BTreeSet<u32>> = BTreeMap::new();
        let sentences = list.split(". ").map(|sentence| sentence.trim_end_matches('.'));
        for sentence in sentences.filter(|sentence| !sentence.is_empty()) {
            let (reason, rest) = sentence.split_once(": ").unwrap_or_else(|| {
                panic!("{name}: {sentence:?} does not say for what its clauses wait")
            });
            assert!(REASONS.contains(&reason), "{name}: {reason}");
            let here = clauses(rest, prefix);
            assert_eq!(rest.matches('(').count(), here.len(), "{name}: {rest}");
            assert!(found.insert(reason, here).is_none(), "{name}: {reason} stands twice");
        }
        let all: BTreeSet<u32> = found.into_values().flatten().collect();
        assert_eq!(all, clauses(&list, prefix), "{name}");
    }
}
