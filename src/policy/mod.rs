//! What people decide: a policy as written, and the plan that it compiles to.
//!
//! A [`Policy`] is a TOML file whose unknown keys are refused. A [`Plan`] is what the anonymiser follows:
//! it has a decision for every field of a log line, and what a policy does not name is dropped.

mod diff;
mod notice;
mod opening;
mod plan;
mod rules;
mod sealing;
mod sharing;
mod special;
#[cfg(test)]
mod tests_any;
#[cfg(test)]
mod tests_plan;
mod written;

pub use diff::{Difference, Direction, diff};
pub use notice::notice;
pub use opening::{Asked, Opening, Refusal, is_reference};
pub(crate) use plan::is_host_name;
pub use plan::{
    BytesRule, ClientRule, Decision, DropRule, Group, Plan, PublishRule, ReferrerRule, ReleaseRule,
    StatusSet, longest_prefix,
};
pub use rules::{keys_of, rule_of, tables_of};
pub use sealing::SealRule;
pub use special::{Cross, SpecialKind, SpecialRule};
pub use written::{Basis, ClientChoice, ClientWord, Overrides, Policy, PolicyError};

/// The policies that are part of the program: their names and their text, the same bytes as in
/// `samples/policies`.
pub const PRESETS: [(&str, &str); 6] = [
    ("baseline", include_str!("../../samples/policies/baseline.toml")),
    ("strict", include_str!("../../samples/policies/strict.toml")),
    ("mozilla-2008", include_str!("../../samples/policies/mozilla-2008.toml")),
    ("wordpress-2011", include_str!("../../samples/policies/wordpress-2011.toml")),
    ("canonical-2012", include_str!("../../samples/policies/canonical-2012.toml")),
    ("sitecore-2012", include_str!("../../samples/policies/sitecore-2012.toml")),
];

/// The text of the preset of that name.
#[must_use]
pub fn preset(name: &str) -> Option<&'static str> {
    PRESETS.iter().find(|(preset, _)| *preset == name).map(|(_, text)| *text)
}
