//! Which words of a policy decide on what: the way back from a field of a line to the lines of the TOML.
//!
//! This only says where a decision stands. What it is, [`super::Plan::decision`] says, and a test holds the two
//! together.

use super::Policy;
use crate::field::{Field, Key, Table};

/// The keys of a record that are made of `field`.
#[must_use]
pub const fn keys_of(field: Field) -> &'static [Key] {
    match field {
        Field::Site => &[Key::Site],
        Field::Client | Field::Forwarded => {
            &[Key::Client, Key::Network, Key::Country, Key::Organisation]
        }
        Field::Time | Field::Date => &[Key::Time],
        Field::Request => &[Key::Method, Key::Path, Key::Query, Key::Protocol],
        Field::Method => &[Key::Method],
        Field::Target => &[Key::Path, Key::Query],
        Field::Query => &[Key::Query],
        Field::Protocol => &[Key::Protocol],
        Field::Status => &[Key::Status],
        Field::Bytes => &[Key::Bytes],
        Field::Referrer => &[Key::Referrer],
        Field::Agent => &[Key::Browser, Key::BrowserVersion, Key::Os, Key::Device, Key::Bot],
        Field::Duration => &[Key::DurationMs],
        Field::Language => &[Key::Language],
        Field::Cookie => &[Key::Cookie],
        Field::Dnt | Field::Gpc => &[],
        Field::Level => &[Key::Level],
        Field::Module => &[Key::Module],
        Field::Message => &[Key::Error],
    }
}

/// The tables of counts that are made of what a key is made of.
#[must_use]
pub const fn tables_of(key: Key) -> &'static [Table] {
    match key {
        Key::Time => &[Table::Hour, Table::Day, Table::Week, Table::Month],
        Key::Site => &[Table::Site],
        Key::Country => &[Table::Country],
        Key::Method => &[Table::Method],
        Key::Path => &[Table::Path],
        Key::Protocol => &[Table::Protocol],
        Key::Status => &[Table::Status, Table::StatusClass],
        // Every table sums them up.
        Key::Bytes => &Table::ALL,
        Key::Referrer => &[Table::Referrer],
        Key::Browser => &[Table::Browser],
        Key::Os => &[Table::Os],
        Key::Device => &[Table::Device],
        Key::Bot => &[Table::Bot],
        Key::Language => &[Table::Language],
        Key::Client
        | Key::Network
        | Key::Query
        | Key::DurationMs
        | Key::BrowserVersion
        | Key::Late
        | Key::Level
        | Key::Module
        | Key::Error
        | Key::Cookie
        | Key::Organisation => &[],
    }
}

/// The words of the policy that decide on `key`, as they stand in its TOML, or that there are none.
#[must_use]
pub fn rule_of(policy: &Policy, key: Key) -> String {
    let name = match key {
        Key::Query => {
            let names: Vec<_> = policy.queries.iter().map(|query| &*query.name).collect();
            return match names.is_empty() {
                true => "no [[query]]".to_owned(),
                false => format!("[[query]] {}", names.join(", ")),
            };
        }
        Key::DurationMs => "duration",
        Key::BrowserVersion => "browser",
        Key::Level | Key::Module | Key::Error => "errors",
        other => other.name(),
    };
    let record =
        toml::Table::try_from(&policy.record).expect("a policy that was read can be written");
    let mut rule = match record.get(name) {
        None | Some(toml::Value::Boolean(false)) => format!("no record.{name}"),
        Some(value) => format!("record.{name} = {value}"),
    };
    if key == Key::Path && !policy.routes.is_empty() {
        let patterns: Vec<_> = policy.routes.iter().map(|route| &*route.pattern).collect();
        rule += &format!(" and [[route]] {}", patterns.join(", "));
    }
    rule
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::policy::{Decision, Plan, preset, tests_any::any_policy};

    proptest! {
        #[test]
        fn keys_and_tables_are_those_that_decide(policy in any_policy()) {
            let plan = Plan::compile(&policy).expect("generated policies compile");
            for field in Field::ALL {
                let keys = keys_of(field);
                let is_kept = |key: &Key| plan.record.has(*key);
                let is_counted = |key: &Key| tables_of(*key).iter().any(|table| plan.tables.has(*table));
                let expect = if keys.iter().any(is_kept) {
                    Decision::Recorded
                } else if keys.iter().any(is_counted) {
                    Decision::Counted
                } else {
                    Decision::Dropped
                };
                prop_assert_eq!(plan.decision(field), expect, "{:?}", field);
            }
        }
    }

    #[test]
    fn rules_stand_as_they_are_written() {
        let policy = Policy::parse(preset("baseline").expect("a preset")).expect("reads");
        for (key, expect) in [
            (Key::Time, "record.time = { grain = \"minute\" }"),
            (Key::Client, "record.client = { truncate = { ipv4 = 16, ipv6 = 32 } }"),
            (Key::Method, "record.method = true"),
            (Key::Query, "no [[query]]"),
            (Key::Country, "record.country = true"),
            (Key::Error, "record.errors = true"),
            (Key::Cookie, "no record.cookie"),
            (Key::Organisation, "no record.organisation"),
        ] {
            assert_eq!(rule_of(&policy, key), expect);
        }
    }
}
