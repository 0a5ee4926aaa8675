//! `[sharing]`: for what records and counts are, who may read them, and to whom else they go.
//!
//! These words are the operator's rule. They are checked, compared and told to visitors; who reads what tamis wrote
//! is decided by permissions and contracts, and nothing here claims to watch it. One thing follows from them: a
//! purpose that visitors may opt out of makes the signals of `[opt_out]` count ([`honours`]).
//!
//! The lists are closed. There is no word for sale, rent or advertising, so that no policy can name them.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::written::{OptOutSection, Policy, PolicyError};

/// `[sharing]`.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct SharingSection {
    /// For what records and counts are; not said at all is no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub purposes: Option<Vec<Purpose>>,
    /// Who may read them; not said at all is no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audiences: Option<Vec<Audience>>,
    /// What is asked of each who may.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<Condition>,
    /// To whom else they go.
    #[serde(default, rename = "partner", skip_serializing_if = "Vec::is_empty")]
    pub partners: Vec<PartnerSection>,
}

impl fmt::Display for SharingSection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let listed = |words: Option<Vec<&str>>| match words {
            None => "without a limit".to_owned(),
            Some(words) if words.is_empty() => "none".to_owned(),
            Some(words) => words.join(", "),
        };
        let purposes = self.purposes.as_ref().map(|all| all.iter().map(|it| it.word()).collect());
        let audiences = self.audiences.as_ref().map(|all| all.iter().map(|it| it.word()).collect());
        write!(f, "purposes {}; audiences {}", listed(purposes), listed(audiences))?;
        let conditions: Vec<_> = self.conditions.iter().map(|it| it.word()).collect();
        if !conditions.is_empty() {
            write!(f, "; conditions {}", conditions.join(", "))?;
        }
        let partners: Vec<_> = self.partners.iter().map(|it| &*it.name).collect();
        write!(
            f,
            "; partners {}",
            if partners.is_empty() { "none".to_owned() } else { partners.join(", ") }
        )
    }
}

/// For what records and counts are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Purpose {
    UsageAnalysis,
    SiteImprovement,
    ServiceProvision,
    SecurityInvestigation,
}

impl Purpose {
    /// The word in policies.
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::UsageAnalysis => "usage-analysis",
            Self::SiteImprovement => "site-improvement",
            Self::ServiceProvision => "service-provision",
            Self::SecurityInvestigation => "security-investigation",
        }
    }

    /// The same for visitors.
    pub(super) const fn told(self) -> &'static str {
        match self {
            Self::UsageAnalysis => "to understand how the sites are used",
            Self::SiteImprovement => "to improve the sites",
            Self::ServiceProvision => "to provide the services of the sites",
            Self::SecurityInvestigation => "to investigate attacks on the sites",
        }
    }
}

/// Who may read records and counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Audience {
    Staff,
    Contractor,
    Affiliate,
    /// Whoever takes the operator's place.
    Successor,
}

impl Audience {
    /// The word in policies.
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Staff => "staff",
            Self::Contractor => "contractor",
            Self::Affiliate => "affiliate",
            Self::Successor => "successor",
        }
    }

    /// The same for visitors.
    pub(super) const fn told(self) -> &'static str {
        match self {
            Self::Staff => "the operator's staff",
            Self::Contractor => "its contractors",
            Self::Affiliate => "affiliated organisations",
            Self::Successor => "whoever the operator is sold to or merges with",
        }
    }
}

/// What is asked of each who may read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Condition {
    NeedToKnow,
    Confidentiality,
}

impl Condition {
    /// The word in policies.
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::NeedToKnow => "need-to-know",
            Self::Confidentiality => "confidentiality",
        }
    }

    /// The same for visitors.
    pub(super) const fn told(self) -> &'static str {
        match self {
            Self::NeedToKnow => "need to know it for that",
            Self::Confidentiality => "have agreed not to disclose it to others",
        }
    }
}

/// `[[sharing.partner]]`: somebody to whom records or counts go.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct PartnerSection {
    /// Who it is.
    pub name: String,
    /// Where the agreement is that binds the partner to the purpose.
    pub agreement: String,
    /// For what.
    pub purpose: Purpose,
    /// `eea`, or the two small letters of a country (ISO 3166-1).
    pub region: String,
    /// To what the partner is bound outside of the EEA.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub protection: Option<Protection>,
}

/// To what a partner outside of the EEA is bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Protection {
    /// To the same level of protection.
    Equivalent,
}

/// The longest name of a partner or of an agreement, in bytes.
const TEXT_BYTES_MAX: usize = 200;

/// The region that all of [`EEA`] is.
const WHOLE_EEA: &str = "eea";

/// The countries of the European Economic Area: the Union's 27, Iceland, Liechtenstein and Norway.
const EEA: [&str; 30] = [
    "at", "be", "bg", "cy", "cz", "de", "dk", "ee", "es", "fi", "fr", "gr", "hr", "hu", "ie", "is",
    "it", "li", "lt", "lu", "lv", "mt", "nl", "no", "pl", "pt", "ro", "se", "si", "sk",
];

/// Refuses a partner to whom nothing may go.
pub(super) fn check(policy: &Policy) -> Result<(), PolicyError> {
    let Some(sharing) = &policy.sharing else { return Ok(()) };
    for (index, partner) in sharing.partners.iter().enumerate() {
        let others = &sharing.partners[..index];
        let what = if others.iter().any(|other| other.name == partner.name) {
            Some("the name stands twice".to_owned())
        } else {
            fault(partner, sharing.purposes.as_deref().unwrap_or_default())
        };
        if let Some(what) = what {
            let name = &partner.name;
            return Err(PolicyError::new(format!("sharing.partner {name:?}: {what}")));
        }
    }
    Ok(())
}

/// What is wrong with a partner of a policy with these purposes.
fn fault(partner: &PartnerSection, purposes: &[Purpose]) -> Option<String> {
    let PartnerSection { name, agreement, purpose, region, protection } = partner;
    let is_text = |text: &str| {
        !text.trim().is_empty()
            && text.len() <= TEXT_BYTES_MAX
            && !text.chars().any(char::is_control)
    };
    let is_country = region.len() == 2 && region.bytes().all(|byte| byte.is_ascii_lowercase());
    let is_inside = region == WHOLE_EEA || EEA.contains(&region.as_str());
    if !is_text(name) {
        Some(format!("a name is one line of 1 to {TEXT_BYTES_MAX} bytes"))
    } else if !is_text(agreement) {
        Some(
            "it needs an agreement, without which nothing may go to a partner: write where it is, in one line"
                .to_owned(),
        )
    } else if !purposes.contains(purpose) {
        Some(format!(
            "the purpose {:?} is none of sharing.purposes; name it there, or give another one here",
            purpose.word()
        ))
    } else if !is_country && !is_inside {
        Some(format!("the region {region:?} is neither \"eea\" nor a country such as \"ch\""))
    } else if !is_inside && *protection != Some(Protection::Equivalent) {
        Some(format!(
            "the region {region:?} is outside of the EEA, where the partner must be bound to the same level of \
             protection: write protection = \"equivalent\" if it is"
        ))
    } else {
        None
    }
}

/// Whether the signals of `[opt_out]` count: not where each purpose is one that the policy has nobody opt out of. A
/// policy that does not say its purposes may have any.
pub(super) fn honours(opt_out: &OptOutSection, sharing: Option<&SharingSection>) -> bool {
    let purposes = sharing.and_then(|sharing| sharing.purposes.as_deref()).unwrap_or_default();
    purposes.is_empty() || purposes.iter().any(|purpose| !opt_out.except.contains(purpose))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::Plan;

    /// A policy with these lines, or why there is none.
    fn policy(lines: &str) -> Result<Plan, String> {
        let policy = Policy::parse(&format!("name = \"p\"\nversion = 1\n[record]\n{lines}"));
        let policy = policy.map_err(|error| error.to_string())?;
        Plan::compile(&policy).map_err(|error| error.to_string())
    }

    /// A policy with one partner, after the lines of `[sharing]`.
    fn with_partner(lines: &str) -> Result<Plan, String> {
        policy(&format!(
            "[sharing]\npurposes = [\"usage-analysis\"]\n[[sharing.partner]]\n{lines}\n"
        ))
    }

    const GOOD: &str = "name = \"Example Ltd\"\nagreement = \"2026/7\"\npurpose = \"usage-analysis\"\nregion = \"eea\"";

    #[test]
    fn purposes_and_audiences_are_closed() {
        for word in
            ["usage-analysis", "site-improvement", "service-provision", "security-investigation"]
        {
            assert!(policy(&format!("[sharing]\npurposes = [{word:?}]")).is_ok(), "{word}");
        }
        for word in ["sale", "rent", "marketing", "advertising", "Usage-Analysis", ""] {
            let error = policy(&format!("[sharing]\npurposes = [{word:?}]")).err();
            assert!(error.is_some_and(|error| error.contains("usage-analysis")), "{word}");
        }
        for word in ["staff", "contractor", "affiliate", "successor"] {
            assert!(policy(&format!("[sharing]\naudiences = [{word:?}]")).is_ok(), "{word}");
        }
        assert!(policy("[sharing]\naudiences = [\"public\"]").is_err());
        assert!(policy("[sharing]\nconditions = [\"need-to-know\", \"confidentiality\"]").is_ok());
        assert!(policy("[sharing]\nprices = []").is_err());
    }

    #[test]
    fn nothing_goes_to_a_partner_without_agreement_purpose_and_protection() {
        assert!(with_partner(GOOD).is_ok());
        for region in ["de", "no", "eea"] {
            assert!(with_partner(&GOOD.replace("eea", region)).is_ok(), "{region}");
        }
        let bound = "protection = \"equivalent\"";
        for region in ["us", "gb", "ch", "xx"] {
            let text = GOOD.replace("eea", region);
            let error = with_partner(&text).expect_err("refused");
            assert!(
                error.contains("outside of the EEA") && error.contains("Example Ltd"),
                "{error}"
            );
            assert!(with_partner(&format!("{text}\n{bound}")).is_ok(), "{region}");
        }
        for (text, words) in [
            (GOOD.replace("2026/7", " "), "needs an agreement"),
            (GOOD.replace("agreement = \"2026/7\"\n", ""), "agreement"),
            (GOOD.replace("2026/7", "a\\nb"), "one line"),
            (GOOD.replace("Example Ltd", ""), "one line"),
            (GOOD.replace("usage-analysis", "site-improvement"), "none of sharing.purposes"),
            (GOOD.replace("usage-analysis", "sale"), "sale"),
            (GOOD.replace("\"eea\"", "\"Europe\""), "neither"),
            (GOOD.replace("\"eea\"", "\"US\"") + "\n" + bound, "neither"),
            (GOOD.to_owned() + "\nprotection = \"some\"", "some"),
            (format!("{GOOD}\n[[sharing.partner]]\n{GOOD}"), "twice"),
        ] {
            let error = with_partner(&text).err().unwrap_or_else(|| panic!("accepted: {text}"));
            assert!(error.contains(words), "{error:?} does not say {words:?}");
        }
        let error =
            policy(&format!("[sharing]\n[[sharing.partner]]\n{GOOD}")).expect_err("refused");
        assert!(error.contains("sharing.purposes"), "{error}");
    }

    #[test]
    fn signals_count_for_any_purpose_that_is_not_excepted() {
        let has_signals = |purposes: &str, except: &str| {
            let plan = policy(&format!(
                "[opt_out]\nheaders = {{ dnt = \"1\" }}\n{except}\n[sharing]\n{purposes}\n"
            ));
            plan.expect("compiles").opt_out.dnt.is_some()
        };
        let except = "except = [\"usage-analysis\", \"site-improvement\"]";
        assert!(!has_signals("purposes = [\"usage-analysis\"]", except));
        assert!(!has_signals("purposes = [\"site-improvement\", \"usage-analysis\"]", except));
        assert!(has_signals("purposes = [\"usage-analysis\", \"service-provision\"]", except));
        assert!(has_signals("purposes = [\"usage-analysis\"]", ""));
        // What is not said may be anything.
        assert!(has_signals("", except));
        assert!(has_signals("purposes = []", except));
        assert!(policy("[opt_out]\nexcept = [\"sale\"]").is_err());
    }
}
