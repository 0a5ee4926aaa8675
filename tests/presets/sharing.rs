//! What the presets say of purposes, readers and partners, clause by clause. No sink watches who reads: what can be
//! held to account is which policies are refused, what their notice says, and what a later policy is said to widen.

use tamis::policy::{Difference, Direction, Policy, diff, notice};

use super::{
    CANONICAL, Door, Form, MOZILLA, Outcome, Plan, SITECORE, Visit, WORDPRESS, plan_of, text_of,
    visit,
};

/// A partner, after the text of a preset.
const PARTNER: &str = "\n[[sharing.partner]]\nname = \"Example Analytics\"\nagreement = \"contract 7\"\n\
                       purpose = \"usage-analysis\"\nregion = \"eea\"\n";

fn notice_of(text: &str) -> String {
    notice(&Policy::parse(text).expect("it reads"), &plan_of(text))
}

/// Why a policy is refused.
fn refusal(text: &str) -> String {
    let policy = Policy::parse(text).map_err(|error| error.to_string());
    let plan = policy.and_then(|policy| Plan::compile(&policy).map_err(|error| error.to_string()));
    plan.map(|_| ()).expect_err("it is to be refused")
}

/// The keys in which a changed preset is wider, which are all its differences.
fn widened(name: &str, changed: &str) -> Vec<String> {
    let [from, to] = [&*text_of(name), changed].map(|text| Policy::parse(text).expect("it reads"));
    let found: Vec<Difference> = diff(&from, &to);
    let all = found.len();
    let wider = found.into_iter().filter(|it| it.direction == Direction::Wider);
    let wider: Vec<_> = wider.map(|it| it.key).collect();
    assert_eq!(wider.len(), all, "{wider:?}");
    wider
}

/// Lists of a preset's text with one more word.
fn with_word(name: &str, list: &str, word: &str) -> String {
    let text = text_of(name);
    let start = text.find(&format!("\n{list} = [")).expect("it has the list");
    let end = start + text[start..].find(']').expect("it ends");
    format!("{}, \"{word}\"{}", &text[..end], &text[end..])
}

#[test]
fn moz_03_the_purpose_is_said_and_another_one_is_wider() {
    let text = notice_of(&text_of(MOZILLA));
    assert!(text.contains("* Purposes: to understand how the sites are used; no other."), "{text}");
    let more = with_word(MOZILLA, "purposes", "service-provision");
    assert_eq!(widened(MOZILLA, &more), ["sharing.purposes"]);
    assert!(refusal(&with_word(MOZILLA, "purposes", "marketing")).contains("marketing"));
}

#[test]
fn moz_04_staff_contractors_and_affiliates_may_read() {
    let text = notice_of(&text_of(MOZILLA));
    let readers = "* Readers: the operator's staff, its contractors and affiliated organisations; nobody else.";
    assert!(text.contains(readers), "{text}");
    let more = with_word(MOZILLA, "audiences", "successor");
    assert_eq!(widened(MOZILLA, &more), ["sharing.audiences"]);
    assert!(refusal(&with_word(MOZILLA, "audiences", "public")).contains("public"));
}

#[test]
fn moz_12_a_partner_has_an_agreement() {
    assert!(notice_of(&text_of(MOZILLA)).contains("* Partners: none."));
    let text = text_of(MOZILLA) + PARTNER;
    let told = "* Partner: Example Analytics (`eea`), to understand how the sites are used, under the agreement \
                contract 7.";
    assert!(notice_of(&text).contains(told), "{}", notice_of(&text));
    assert_eq!(widened(MOZILLA, &text), ["sharing.partner"]);
    assert!(refusal(&text.replace("agreement = \"contract 7\"\n", "")).contains("agreement"));
    assert!(refusal(&text.replace("contract 7", "")).contains("needs an agreement"));
}

/// No word of a policy sells anything.
fn check_no_sale(name: &str) {
    for word in ["sale", "rent", "advertising"] {
        assert!(refusal(&with_word(name, "purposes", word)).contains(word), "{name}");
        let partner = PARTNER.replace("usage-analysis", word);
        assert!(refusal(&(text_of(name) + &partner)).contains(word), "{name}");
    }
    let text = notice_of(&text_of(name));
    assert!(text.contains("no word for sale, rent or advertising"), "{text}");
}

#[test]
fn moz_17_nothing_is_sold_or_rented() {
    check_no_sale(MOZILLA);
}

#[test]
fn moz_20_a_later_policy_that_keeps_more_is_said_to() {
    let text = text_of(MOZILLA).replace("referrer = \"domain\"", "referrer = \"origin\"");
    assert_eq!(widened(MOZILLA, &text), ["record.referrer"]);
    let hash = |text: &str| plan_of(text).hash;
    assert_ne!(hash(&text), hash(&text_of(MOZILLA)));
    let folder = super::Folder::new();
    std::fs::write(folder.file("later.toml"), text).expect("the folder is ours");
    let differ = |to: &str| super::run_in(folder.path(), &["policy", "diff", MOZILLA, to], b"");
    let done = differ("later.toml");
    assert_eq!(done.status, 3, "{}", done.out());
    assert!(done.out().contains("wider     record.referrer"), "{}", done.out());
    assert_eq!(differ(MOZILLA).status, 0);
}

#[test]
fn wp_07_readers_need_to_know_and_keep_it_to_themselves() {
    let text = notice_of(&text_of(WORDPRESS));
    for words in [
        "* Readers: the operator's staff, its contractors and affiliated organisations; nobody else.",
        "* Each of them only if they need to know it for that and have agreed not to disclose it to others.",
    ] {
        assert!(text.contains(words), "{text}");
    }
    let less =
        text_of(WORDPRESS).replace("[\"need-to-know\", \"confidentiality\"]", "[\"need-to-know\"]");
    assert_eq!(widened(WORDPRESS, &less), ["sharing.conditions"]);
}

#[test]
fn wp_08_nothing_is_sold_or_rented() {
    check_no_sale(WORDPRESS);
}

#[test]
fn can_05_a_partner_elsewhere_gives_the_same_protection() {
    let within = |region: &str, more: &str| {
        text_of(CANONICAL) + &PARTNER.replace("\"eea\"", &format!("{region:?}")) + more
    };
    let bound = "protection = \"equivalent\"\n";
    assert_eq!(widened(CANONICAL, &within("eea", "")), ["sharing.partner"]);
    assert_eq!(widened(CANONICAL, &within("de", "")), ["sharing.partner"]);
    assert!(refusal(&within("us", "")).contains("outside of the EEA"));
    let text = notice_of(&within("us", bound));
    assert!(text.contains("which binds it to the same level of protection."), "{text}");
}

#[test]
fn can_14_there_is_no_successor_until_one_is_named() {
    assert!(!notice_of(&text_of(CANONICAL)).contains("sold"));
    let more = with_word(CANONICAL, "audiences", "successor");
    assert!(notice_of(&more).contains("whoever the operator is sold to or merges with"));
    assert_eq!(widened(CANONICAL, &more), ["sharing.audiences"]);
}

#[test]
fn sit_13_who_opts_out_is_left_out_of_any_purpose_that_is_not_listed() {
    let signals = [
        Visit { dnt: "1".to_owned(), ..visit() },
        Visit { gpc: "1".to_owned(), ..visit() },
        Visit { cookie: "a=b; optout=1".to_owned(), ..visit() },
    ];
    let listed = text_of(SITECORE);
    let more = with_word(SITECORE, "purposes", "service-provision");
    let unsaid = listed.replace("\npurposes = [\"usage-analysis\", \"site-improvement\"]", "");
    for (text, expect) in
        [(&listed, Outcome::Clean), (&more, Outcome::OptedOut), (&unsaid, Outcome::OptedOut)]
    {
        let mut door = Door::of(text, Form::Jsonl);
        for visit in &signals {
            assert_eq!(door.json(visit), expect, "{visit:?}");
        }
        assert_eq!(door.json(&visit()), Outcome::Clean);
    }
    assert!(notice_of(&listed).contains("nobody opts out of what it is for today"));
    assert!(notice_of(&more).contains("stands neither in records nor in counts"));
}
