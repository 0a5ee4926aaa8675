//! Which lines a policy lets be sealed, and how.

use super::written::{OnFullWord, QuarantineSection, SealWord};

/// Which lines are sealed, and how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SealRule {
    /// Lines that could not become records.
    pub refused: bool,
    /// Lines that a security rule points out.
    pub rules: bool,
    /// Lines of visitors whose behaviour is conspicuous.
    pub behaviour: bool,
    /// Lines of open cases.
    pub cases: bool,
    /// Every line.
    pub all: bool,
    /// Whether secrets in them are masked.
    pub masks: bool,
    /// Whether lines are given up when there is no room, instead of waiting for it.
    pub sheds: bool,
}

impl SealRule {
    pub(super) fn of(section: &QuarantineSection) -> Self {
        let mut rule = Self {
            masks: section.mask_secrets,
            sheds: matches!(section.on_full, OnFullWord::Shed),
            ..Self::default()
        };
        for word in &section.seal {
            match word {
                SealWord::Refused => rule.refused = true,
                SealWord::Rules => rule.rules = true,
                SealWord::Behaviour => rule.behaviour = true,
                SealWord::Cases => rule.cases = true,
                SealWord::All => rule.all = true,
            }
        }
        rule
    }
}

#[cfg(test)]
mod tests {
    use crate::policy::{Plan, Policy};

    #[test]
    fn words_become_what_is_sealed() {
        let rule = |text: &str| {
            let policy = Policy::parse(text).expect("a policy");
            Plan::compile(&policy).expect("it can be carried out").seal
        };
        assert_eq!(rule("name = \"a\"\nversion = 1\n[record]"), None);
        let rule = rule(
            "name = \"a\"\nversion = 1\n[record]\n[quarantine]\nseal = [\"refused\", \"cases\"]\n\
             retention_days = 7\non_full = \"shed\"",
        );
        let rule = rule.expect("there is a quarantine");
        assert!(rule.refused && rule.cases && rule.masks && rule.sheds);
        assert!(!rule.rules && !rule.behaviour && !rule.all);
    }
}
