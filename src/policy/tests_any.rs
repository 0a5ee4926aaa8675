//! Policies of any kind, for tests of properties that hold for all of them.

use proptest::{collection::vec, prelude::*, sample::select};

use super::{Plan, Policy};

/// What each section may say; nothing where a key is not written.
const RECORD: &[&[&str]] = &[
    &[
        "",
        "time = { grain = \"minute\" }",
        "time = { grain = \"hour\" }",
        "time = { grain = \"day\" }",
    ],
    &["", "site = \"declared\""],
    &[
        "",
        "client = { truncate = { ipv4 = 16, ipv6 = 32 } }",
        "client = { truncate = { ipv4 = 8, ipv6 = 48 } }",
        "client = \"token\"",
        "client = \"token\"\nnetwork = { ipv4 = 16, ipv6 = 32 }",
        "client = \"token\"\nnetwork = { ipv4 = 24, ipv6 = 16 }",
    ],
    &["", "method = true"],
    &[
        "",
        "path = { shape = \"cleaned\" }",
        "path = { shape = \"declared\" }",
        "path = { shape = \"cleaned\", status = [\"2xx\", \"404\"] }",
    ],
    &["", "protocol = true"],
    &["", "status = true"],
    &[
        "",
        "bytes = { exact = \"plain-path\" }",
        "bytes = { exact = \"always\" }",
        "bytes = { exact = \"bucket\" }",
    ],
    &["", "duration = { bucket = \"1-2-5\" }"],
    &["", "referrer = \"domain\""],
    &["", "browser = {}", "browser = { version = \"major\" }"],
    &["", "os = true"],
    &["", "device = true"],
    &["", "bot = true"],
    &["", "language = \"primary\""],
    &["", "errors = true"],
    &["", "country = true"],
    &["", "organisation = true"],
    &[
        "",
        "cookie = { name = \"visitor\", as = \"token\" }",
        "cookie = { name = \"other\", as = \"token\" }",
    ],
    &["", "allow_identifying = true"],
    &["", LINKING],
];

/// What is needed where a token stands beside a network.
const LINKING: &str = "allow_linking = true";

const REST: &[&[&str]] = &[
    &[
        "",
        "[counts]\ntables = [\"hour\", \"path\"]",
        "[counts]\ntables = [\"site\", \"browser\"]\nvisitors = true",
    ],
    &[
        "",
        "[sites]\ndeclared = [\"www.example.com\"]",
        "[sites]\ndeclared = [\"shop.example.com\"]",
    ],
    &[
        "",
        "[network]\nexempt = [\"10.0.0.0/8\"]\ntrusted_proxies = [\"192.0.2.0/24\"]",
        "[network]\nexempt = [\"10.1.0.0/16\", \"2001:db8::/32\"]",
        "[network]\ncountry_db = \"c.mmdb\"\norganisation_db = \"o.mmdb\"",
    ],
    &[
        "",
        "[opt_out]\nheaders = { dnt = \"1\" }",
        "[opt_out]\nheaders = { sec_gpc = \"1\" }\ncookie = \"optout\"",
        "[opt_out]\nquery = \"optout\"\nexcept = [\"usage-analysis\"]",
    ],
    &[
        "",
        "[sharing]\npurposes = [\"usage-analysis\"]\naudiences = [\"staff\"]",
        "[sharing]\naudiences = [\"staff\", \"affiliate\"]\nconditions = [\"need-to-know\"]",
        "[sharing]\npurposes = [\"usage-analysis\", \"site-improvement\"]\n[[sharing.partner]]\n\
         name = \"Alice\"\nagreement = \"7\"\npurpose = \"usage-analysis\"\nregion = \"de\"",
    ],
    &[
        "",
        "[quarantine]\nseal = [\"refused\"]\nretention_days = 7",
        "[quarantine]\nseal = [\"all\"]\nretention_days = 90\nbases = [\"law\"]\npersons = 2\non_full = \"shed\"",
    ],
    &[
        "",
        "[publish]\nallowed = false",
        "[publish]\nallowed = true",
        "[publish]\nallowed = true\nk = 5",
        "[publish]\nallowed = true\nround = 5",
    ],
    &[
        "",
        "[change]\nwidening = \"block\"",
        "[change]\nwidening = \"warn\"",
        "[change]\nwidening = \"inform\"",
    ],
    &[
        "",
        "[[route]]\npattern = \"/shop/{product}\"",
        "[[route]]\npattern = \"/shop/{product}\"\nkeep = [\"product\"]",
    ],
    &[
        "",
        "[[query]]\nname = \"lang\"\nvalues = [\"de\"]",
        "[[query]]\nname = \"lang\"\nvalues = [\"de\", \"fr\"]",
    ],
    &[
        "",
        "[[drop]]\npath = \"/health\"",
        "[[drop]]\nmethod = \"OPTIONS\"\nnetwork = \"10.0.0.0/8\"",
    ],
];

/// Any policy that compiles.
pub(super) fn any_policy() -> impl Strategy<Value = Policy> {
    let lines = |sections: &'static [&'static [&'static str]]| -> Vec<_> {
        sections.iter().map(|lines| select(*lines)).collect()
    };
    // Policies that are alike in most keys are the interesting pairs, so most keys are of a few kinds.
    let record = prop_oneof![lines(RECORD), lines(RECORD), vec(Just(""), RECORD.len())];
    (record, lines(REST)).prop_map(|(mut record, rest)| {
        let has = |part: &str| record.iter().any(|line| line.contains(part));
        if has("ipv4") && has("\"token\"") && !has(LINKING) {
            record.push(LINKING);
        }
        let text = format!(
            "name = \"any\"\nversion = 1\n[record]\n{}\n{}\n",
            record.join("\n"),
            rest.join("\n")
        );
        let policy = Policy::parse(&text).expect("the lines above are good");
        Plan::compile(&policy).expect("the lines above compile");
        policy
    })
}
