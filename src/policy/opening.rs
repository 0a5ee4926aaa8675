//! Who may open a quarantine: what a policy asks of whoever wants to, and whether what they say is enough.
//!
//! This judges words and numbers only. Who holds which key is decided by the keys: a policy cannot open what is
//! sealed, it can only refuse.

use std::fmt;

use super::{Policy, PolicyError};

/// What a policy asks of whoever opens a quarantine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opening {
    /// The policy's name.
    pub policy: String,
    /// The policy's hash.
    pub policy_hash: String,
    /// The grounds on which it may be opened.
    pub bases: Vec<String>,
    /// How many persons it takes.
    pub persons: u8,
    /// Whether a case must be named.
    pub case: bool,
    /// Whether it must be said what is to be known.
    pub need: bool,
    /// Whether it must be acknowledged that nothing is disclosed.
    pub acknowledge: bool,
    /// How long what is sealed may stay.
    pub retention_days: u32,
}

/// What somebody says who wants to open one.
#[derive(Clone, Copy, Debug, Default)]
#[expect(missing_docs, reason = "each field answers the one of the same name in the policy")]
pub struct Asked<'a> {
    pub basis: Option<&'a str>,
    pub has_reason: bool,
    pub case: Option<&'a str>,
    pub has_need: bool,
    pub acknowledges: bool,
    /// How many roles the quarantine was made for, each of which has to agree.
    pub roles: usize,
}

/// Why nobody may open it like this. Each has a word for the audit log and a sentence for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// No ground was named.
    NoBasis(Vec<String>),
    /// The policy does not know this one.
    Basis(Vec<String>),
    /// No reason was given.
    NoReason,
    /// No case was named.
    NoCase,
    /// The text is no reference to a case.
    CaseShape,
    /// It was not said what is to be known.
    NoNeed,
    /// It was not acknowledged that nothing is disclosed.
    NotAcknowledged,
    /// One person could open it alone.
    OnePerson,
}

impl Refusal {
    /// The word for the audit log.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Self::NoBasis(_) => "no-basis",
            Self::Basis(_) => "basis-not-allowed",
            Self::NoReason => "no-reason",
            Self::NoCase => "no-case",
            Self::CaseShape => "no-case-reference",
            Self::NoNeed => "no-need",
            Self::NotAcknowledged => "not-acknowledged",
            Self::OnePerson => "one-person",
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoBasis(bases) => {
                write!(f, "no basis was named; add --basis with one of {}", bases.join(", "))
            }
            Self::Basis(bases) => {
                write!(f, "the policy does not allow this basis; it knows {}", words(bases))
            }
            Self::NoReason => f.write_str(
                "no reason was given; write it into a file and name that with --reason-file, - for standard input",
            ),
            Self::NoCase => f.write_str("the policy asks for a case; name its reference with --case"),
            Self::CaseShape => f.write_str(
                "the case is no reference; give a ticket's number of at most 64 letters, digits, dots, dashes, \
                 underscores or slashes, and no address",
            ),
            Self::NoNeed => f.write_str(
                "the policy asks what you need to know; write it into a file and name that with --need-file",
            ),
            Self::NotAcknowledged => f.write_str(
                "the policy asks that nothing of it be disclosed; acknowledge that with --ack-confidential",
            ),
            Self::OnePerson => f.write_str(
                "the policy asks for two persons, and this quarantine was made for one role; make one with --dpo",
            ),
        }
    }
}

fn words(bases: &[String]) -> String {
    if bases.is_empty() { "none".to_owned() } else { bases.join(", ") }
}

impl Opening {
    /// What `policy` asks, if it provides for a quarantine.
    #[must_use]
    pub fn of(policy: &Policy) -> Option<Self> {
        let section = policy.quarantine.as_ref()?;
        Some(Self {
            policy: policy.name.clone(),
            policy_hash: policy.hash(),
            bases: section.bases.clone(),
            persons: section.persons,
            case: section.case,
            need: section.need,
            acknowledge: section.acknowledge,
            retention_days: section.retention_days,
        })
    }

    /// Whether what somebody says is enough.
    ///
    /// # Errors
    ///
    /// What is missing first.
    pub fn judge(&self, asked: &Asked<'_>) -> Result<(), Refusal> {
        let is_known = |basis: &str| self.bases.iter().any(|known| known == basis);
        match asked.basis {
            None => return Err(Refusal::NoBasis(self.bases.clone())),
            Some(basis) if !is_known(basis) => return Err(Refusal::Basis(self.bases.clone())),
            Some(_) => {}
        }
        match asked.case {
            None if self.case => return Err(Refusal::NoCase),
            Some(case) if !is_reference(case) => return Err(Refusal::CaseShape),
            _ => {}
        }
        for (is_missing, refusal) in [
            (!asked.has_reason, Refusal::NoReason),
            (self.need && !asked.has_need, Refusal::NoNeed),
            (self.acknowledge && !asked.acknowledges, Refusal::NotAcknowledged),
            (usize::from(self.persons) > asked.roles, Refusal::OnePerson),
        ] {
            if is_missing {
                return Err(refusal);
            }
        }
        Ok(())
    }
}

/// Whether a text may stand in the clear in logs: a ticket's number, and nothing that names a person or a machine.
#[must_use]
pub fn is_reference(text: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "._-/".contains(c);
    !text.is_empty()
        && text.len() <= 64
        && text.chars().all(allowed)
        && text.parse::<std::net::IpAddr>().is_err()
}

/// Checks what a policy says of opening.
pub(super) fn check(policy: &Policy) -> Result<(), PolicyError> {
    let Some(section) = &policy.quarantine else { return Ok(()) };
    if !(1..=2).contains(&section.persons) {
        return Err(PolicyError::new(
            "quarantine.persons: it is 1 or 2, the roles that a quarantine can be made for"
                .to_owned(),
        ));
    }
    if !(1..=3_660).contains(&section.retention_days) {
        return Err(PolicyError::new("quarantine.retention_days: it is from 1 to 3660".to_owned()));
    }
    let is_word = |word: &String| {
        !word.is_empty()
            && word.len() <= 64
            && word.chars().all(|c| c.is_ascii_lowercase() || c == '-')
    };
    match section.bases.iter().find(|word| !is_word(word)) {
        Some(word) => Err(PolicyError::new(format!(
            "quarantine.bases: {word:?} is no word of small letters and dashes such as \"protect-rights\""
        ))),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn opening(more: &str) -> Opening {
        let text = format!(
            "name = \"p\"\nversion = 1\n[record]\n[quarantine]\nseal = [\"refused\"]\nretention_days = 7\n\
             bases = [\"law\"]\n{more}"
        );
        Opening::of(&Policy::parse(&text).expect("it reads")).expect("it has a quarantine")
    }

    fn judge(more: &str, change: impl FnOnce(&mut Asked<'static>)) -> Option<&'static str> {
        let mut asked =
            Asked { basis: Some("law"), has_reason: true, roles: 1, ..Asked::default() };
        change(&mut asked);
        opening(more).judge(&asked).err().map(|refusal| refusal.word())
    }

    #[test]
    fn what_is_missing_is_said() {
        assert_eq!(judge("", |_| {}), None);
        assert_eq!(judge("", |it| it.basis = None), Some("no-basis"));
        assert_eq!(judge("", |it| it.basis = Some("laws")), Some("basis-not-allowed"));
        assert_eq!(judge("", |it| it.has_reason = false), Some("no-reason"));
        assert_eq!(judge("case = true", |_| {}), Some("no-case"));
        assert_eq!(judge("case = true", |it| it.case = Some("T-1")), None);
        assert_eq!(judge("", |it| it.case = Some("192.0.2.7")), Some("no-case-reference"));
        assert_eq!(judge("", |it| it.case = Some("alice@example.com")), Some("no-case-reference"));
        assert_eq!(judge("need = true", |_| {}), Some("no-need"));
        assert_eq!(judge("need = true", |it| it.has_need = true), None);
        assert_eq!(judge("acknowledge = true", |_| {}), Some("not-acknowledged"));
        assert_eq!(judge("acknowledge = true", |it| it.acknowledges = true), None);
        assert_eq!(judge("persons = 2", |_| {}), Some("one-person"));
        assert_eq!(judge("persons = 2", |it| it.roles = 2), None);
    }

    #[test]
    fn policies_that_cannot_be_are_refused() {
        for (text, key) in [
            ("retention_days = 7\npersons = 3", "persons"),
            ("retention_days = 7\npersons = 0", "persons"),
            ("retention_days = 0", "retention_days"),
            ("retention_days = 7\nbases = [\"The law\"]", "bases"),
        ] {
            let text = format!(
                "name = \"p\"\nversion = 1\n[record]\n[quarantine]\nseal = [\"refused\"]\n{text}\n"
            );
            let error = check(&Policy::parse(&text).expect("it reads")).expect_err("it cannot be");
            assert!(error.to_string().starts_with(&format!("quarantine.{key}:")), "{error}");
        }
    }
}
