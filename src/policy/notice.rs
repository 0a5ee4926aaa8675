//! The privacy notice that a policy makes true, for the people whose requests are in the log.
//!
//! Every sentence follows from the policy and from what this version carries out, and from nothing else.
//! What the policy speaks of and no command does is said to be so. Who the operator is, on which legal
//! ground the log is kept and whom to write to is not in a policy, and the notice says that too.
//!
//! It tells what leaves tamis. The server's own log is another file with another life.

use std::fmt::Write as _;

use super::{
    BytesRule, Plan, ReferrerRule,
    plan::{IPV4_PREFIXES, IPV6_PREFIXES, StatusSet},
    sharing::{PartnerSection, Protection, honours},
    special::SpecialKind,
    written::{
        ClientWord, Days, DropSection, NetworkRule, NoEnd, OnFullWord, OptOutSection, PathWord,
        Policy, QuarantineSection, RetentionSection, SealWord, WideningWord,
    },
};
use crate::{
    field::{Field, Key, Table},
    transform::time::Grain,
};

/// The notice of a policy, as Markdown.
#[must_use]
pub fn notice(policy: &Policy, plan: &Plan) -> String {
    let mut text = String::new();
    introduction(policy, plan, &mut text);
    recorded(policy, plan, &mut text);
    counted(plan, &mut text);
    left_out(policy, plan, &mut text);
    shared(policy, &mut text);
    opting_out(policy, &mut text);
    sealed(policy, &mut text);
    published(policy, &mut text);
    changes(policy, &mut text);
    text
}

/// The line on a key that is kept. It begins with the key's title, which stands nowhere else.
fn key_line(policy: &Policy, plan: &Plan, key: Key) -> String {
    format!("* {} {}\n", title(key), sentence(policy, plan, key))
}

fn introduction(policy: &Policy, plan: &Plan, text: &mut String) {
    let name = &policy.name;
    *text += "# What this site's access log keeps\n\n";
    *text += "This notice is for everybody who visits the sites whose access logs are cleaned with tamis ";
    *text += &format!("under the policy `{name}`, version {}.\n", policy.version);
    if !policy.description.is_empty() {
        *text += &format!("The policy says of itself: {}\n", policy.description);
    }
    *text +=
        &format!("\n(`tamis policy notice` made it of the policy whose hash is `{}`.\n", plan.hash);
    *text += "It tells what tamis lets through. The log that the server itself writes, who operates it, on what \
              legal ground and whom to ask are not in a policy: the operator must add them.)\n";
}

fn recorded(policy: &Policy, plan: &Plan, text: &mut String) {
    *text += "\n## What is recorded about each request\n\n";
    if plan.record.iter().next().is_none() {
        *text += "Nothing.\n";
        *text += &with_files(policy);
        return;
    }
    *text += "As far as the server logs it:\n\n";
    for key in plan.record.iter() {
        *text += &key_line(policy, plan, key);
    }
    *text += &with_files(policy);
    *text += match identifies(policy) {
        true => {
            "\nSo many bits of an address may belong to a single connection: these records can point to a person, and \
             are to be guarded like names.\n"
        }
        false => {
            "\nThese records are made so as to name nobody, but they are not anonymous: together with other knowledge, \
             one of them may still point to a visit.\n"
        }
    };
}

/// What the policy lets records tell once the operator gives a file, which a run may name by itself.
fn with_files(policy: &Policy) -> String {
    let (record, network) = (&policy.record, &policy.network);
    let is_left_out = |key: Key| {
        let mut groups = policy.groups.iter().filter(|group| !group.kept);
        groups.any(|group| group.keys.iter().any(|name| name == key.name()))
    };
    let names_country = (record.country || matches!(record.client, Some(ClientWord::Country)))
        && !is_left_out(Key::Country);
    let names_organisation = record.organisation && !is_left_out(Key::Organisation);
    let told = [
        (names_country && network.country_db.is_none())
            .then_some("the country that your address is registered in"),
        (names_organisation && network.organisation_db.is_none())
            .then_some("the provider or company that its network is registered for"),
    ];
    let told: Vec<_> = told.into_iter().flatten().collect();
    match told.is_empty() {
        true => String::new(),
        false => format!(
            "\nIf the operator runs tamis with a file that knows it, also {}.\n",
            joined(&told, "")
        ),
    }
}

/// How many bits of an address are kept, of both kinds.
const fn bits(policy: &Policy) -> (u8, u8) {
    match (policy.record.client, policy.record.network) {
        (Some(ClientWord::Truncate(prefixes)), _) => (prefixes.ipv4, prefixes.ipv6),
        (_, Some(NetworkRule { ipv4, ipv6 })) => (ipv4, ipv6),
        _ => (0, 0),
    }
}

/// Whether so much of an address is kept that a policy must say `allow_identifying`.
const fn identifies(policy: &Policy) -> bool {
    let (ipv4, ipv6) = bits(policy);
    ipv4 > *IPV4_PREFIXES.end() || ipv6 > *IPV6_PREFIXES.end()
}

const fn title(key: Key) -> &'static str {
    match key {
        Key::Time => "**When:**",
        Key::Site => "**Which site:**",
        Key::Client => "**From where:**",
        Key::Network => "**Network:**",
        Key::Country => "**Country:**",
        Key::Method => "**Method:**",
        Key::Path => "**Page:**",
        Key::Query => "**Parameters:**",
        Key::Protocol => "**Protocol:**",
        Key::Status => "**Answer:**",
        Key::Bytes => "**Size:**",
        Key::DurationMs => "**Duration:**",
        Key::Referrer => "**Coming from:**",
        Key::Browser => "**Browser:**",
        Key::BrowserVersion => "**Browser's version:**",
        Key::Os => "**Operating system:**",
        Key::Device => "**Device:**",
        Key::Bot => "**Bot:**",
        Key::Language => "**Language:**",
        Key::Late => "**Late:**",
        Key::Level => "**Level of an error:**",
        Key::Module => "**Module of an error:**",
        Key::Error => "**Kind of an error:**",
        Key::Cookie => "**Cookie:**",
        Key::Organisation => "**Organisation:**",
    }
}

/// What becomes of a kept key, exactly.
fn sentence(policy: &Policy, plan: &Plan, key: Key) -> String {
    let fixed = match key {
        Key::Time => match plan.grain {
            Grain::Minute => "the minute of the request; its seconds are cut off.",
            Grain::Hour => "the hour of the request; its minutes and seconds are cut off.",
            Grain::Day => "the day of the request; its time of day is cut off.",
        },
        Key::Site => return site(policy),
        Key::Client => return client(policy),
        Key::Network => return network(policy),
        Key::Country => "the country that your address is registered in.",
        Key::Method => {
            "what your browser asked for, as one of the methods of HTTP (such as GET), or OTHER."
        }
        Key::Path => return path(policy, plan),
        Key::Query => return query(policy),
        Key::Protocol => "the version of HTTP.",
        Key::Status => {
            "the number of the server's answer, such as 200 for done or 404 for not found."
        }
        Key::Bytes => match plan.bytes {
            BytesRule::Always => "the exact number of bytes that the server sent.",
            BytesRule::PlainPath => {
                "the number of bytes that the server sent, exact where the page's address is shown as it was and it is \
                 below 10 GB, else rounded up to a power of two."
            }
            BytesRule::Bucket => {
                "the number of bytes that the server sent, rounded up to a power of two."
            }
        },
        Key::DurationMs => {
            "how long the answer took, rounded up to a step of 1, 2, 5, 10, 20 and so on milliseconds."
        }
        Key::Referrer => match plan.referrer {
            ReferrerRule::Domain => {
                "of the page that linked here, the registered domain only (such as example.com); never the page itself."
            }
            ReferrerRule::Origin => {
                "of the page that linked here, the registered domain (such as example.com), with `http` or `https` and \
                 a common name such as `www` before it; never the page itself."
            }
            ReferrerRule::Category => {
                "whether a page linked here, and whether it was one of the operator's own; never which."
            }
        },
        Key::Browser => {
            "its family out of a fixed list, such as Firefox; the text that your browser sends is not kept."
        }
        Key::BrowserVersion => "the number before its first dot.",
        Key::Os => "its family out of a fixed list, such as Windows.",
        Key::Device => "one of desktop, mobile, tablet, bot and other.",
        Key::Bot => "whether a program and no person seems to have asked.",
        Key::Language => {
            "the first language that your browser prefers, if it is a common one, else `other`."
        }
        Key::Late => "whether the line came after its period was closed.",
        Key::Level => "how grave a message of the server's error log is.",
        Key::Module => "which part of the server wrote it.",
        Key::Error => {
            "what kind of fault it tells, out of a fixed list; the text of the message is not kept."
        }
        Key::Cookie => return cookie(policy),
        Key::Organisation => {
            "the provider or company that the network is registered for, in which your address lies, as a public \
             register names it; none where the network is so small that it may be one customer's."
        }
    };
    fixed.to_owned()
}

fn site(policy: &Policy) -> String {
    match &*policy.sites.declared.join(", ") {
        "" => "that it was one of the operator's sites, without its name, unless the operator gave one for the whole \
               log."
            .to_owned(),
        sites => format!("one of {sites}; anything else as `(other)`."),
    }
}

fn client(policy: &Policy) -> String {
    let mut text = match policy.record.client {
        Some(ClientWord::Truncate(prefixes)) => {
            format!(
                "the network your address lies in (its first {} bits of IPv4, {} of IPv6); the rest of your address is \
             cut off.",
                prefixes.ipv4, prefixes.ipv6
            ) + match prefixes.domain {
                true => {
                    " Where the server logged the name of your host instead, its registered domain."
                }
                false => "",
            }
        }
        Some(ClientWord::Token) => format!(
            "a token that is computed with a key from your address; {SAME_TOKEN}, and it is not your address."
        ),
        Some(ClientWord::Country) => "the country that your address is registered in.".to_owned(),
        Some(ClientWord::Domain) => "the registered domain of your host name.".to_owned(),
        None => String::new(),
    };
    let list = |networks: &[ipnet::IpNet]| {
        networks.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
    };
    let network = &policy.network;
    let tells_addresses = !matches!(policy.record.client, Some(ClientWord::Domain));
    if !network.exempt.is_empty() && tells_addresses {
        let _ = write!(
            text,
            " Addresses of the operator's own networks stay whole: {}.",
            list(&network.exempt)
        );
    }
    if !network.trusted_proxies.is_empty() {
        let proxies = list(&network.trusted_proxies);
        let _ = write!(
            text,
            " Where a request came through a proxy of the operator ({proxies}), your address is the one that the \
             proxy names."
        );
    }
    text
}

fn network(policy: &Policy) -> String {
    let (ipv4, ipv6) = bits(policy);
    format!(
        "beside the token, the network your address lies in (its first {ipv4} bits of IPv4, {ipv6} of IPv6). The two \
         together let whoever reads the records link more than either alone."
    )
}

fn cookie(policy: &Policy) -> String {
    let name = policy.record.cookie.as_ref().map_or("", |rule| &rule.name);
    let beside = match bits(policy) {
        (0, 0) => "",
        _ => {
            " Beside the network of your address, it lets whoever reads the records link more than either alone."
        }
    };
    format!(
        "a token that is computed with a key from the value of the cookie named `{name}`; {SAME_TOKEN}, and it is not \
         the value.{beside}"
    )
}

/// What is said of every token.
const SAME_TOKEN: &str = "it is the same for all your requests to one site for as long as the key lives, which is \
                          for one day unless the operator chose another time";

fn path(policy: &Policy, plan: &Plan) -> String {
    let mut text = match policy.record.path.as_ref().map(|rule| rule.shape) {
        Some(PathWord::Cleaned) => format!(
            "the address of the page without what follows a question mark; parts of it that look like an identifier \
             (of a person, an account, an order, a link that was made for you) are replaced by a word such as \
             `{{user}}` or `{{id}}`. It is shown only where the server answered with {}; any other one becomes \
             `(unknown)`. A bare name in the address of a page cannot be told from any other word, and stays.",
            statuses(&plan.path_status)
        ),
        Some(PathWord::Learned) => {
            "the address of the page, as far as enough other people visited the like; any other one becomes \
             `(other)`."
                .to_owned()
        }
        Some(PathWord::Declared) | None => {
            "which of the operator's declared kinds of page it was; any other one becomes `(unknown)`.".to_owned()
        }
    };
    let routes: Vec<_> = policy.routes.iter().map(|route| format!("`{}`", route.pattern)).collect();
    if !routes.is_empty() {
        let _ = write!(
            text,
            " Declared kinds of page are {}, told whatever the answer was",
            routes.join(", ")
        );
        let kept: Vec<_> = policy
            .routes
            .iter()
            .flat_map(|route| &route.keep)
            .map(|it| format!("`{it}`"))
            .collect();
        let _ = match kept.is_empty() {
            true => write!(text, " and without what stands in the place of the braces."),
            false => write!(
                text,
                "; of what stands in the place of the braces, {} is told where it does not look like an identifier.",
                kept.join(", ")
            ),
        };
    }
    text
}

/// `2xx and 304`.
fn statuses(set: &StatusSet) -> String {
    let mut words = Vec::new();
    for class in 1..6 {
        let of_class: Vec<u16> =
            (class * 100..class * 100 + 100).filter(|it| set.has(*it)).collect();
        match of_class.len() {
            100 => words.push(format!("{class}xx")),
            _ => words.extend(of_class.iter().map(u16::to_string)),
        }
    }
    joined(&words, "no status at all")
}

/// `a, b and c`, or a word for none.
fn joined(words: &[impl AsRef<str>], none: &str) -> String {
    let words: Vec<_> = words.iter().map(AsRef::as_ref).collect();
    match &words[..] {
        [] => none.to_owned(),
        [only] => (*only).to_owned(),
        [most @ .., last] => format!("{} and {last}", most.join(", ")),
    }
}

fn query(policy: &Policy) -> String {
    let listed = policy.queries.iter().map(|query| {
        let pattern = query.pattern.iter().map(|pattern| format!("of the form `{pattern}`"));
        let values = query.values.iter().map(|value| format!("`{value}`"));
        let values: Vec<_> = values.chain(pattern).collect();
        format!("`{}` where it is {}", query.name, values.join(" or "))
    });
    let listed: Vec<_> = listed.collect();
    format!("of what follows a question mark, {}; nothing else of it.", listed.join("; "))
}

const fn table_words(table: Table) -> &'static str {
    match table {
        Table::Hour => "the hour",
        Table::Day => "the day",
        Table::Week => "the week",
        Table::Month => "the month",
        Table::Site => "the site",
        Table::Method => "the method",
        Table::Path => "the page, as above or by its declared kind",
        Table::Status => "the answer",
        Table::StatusClass => "the class of the answer",
        Table::Protocol => "the version of HTTP",
        Table::Referrer => "the domain of the page that linked here",
        Table::Browser => "the browser's family",
        Table::Os => "the operating system's family",
        Table::Device => "the kind of device",
        Table::Bot => "bots and people",
        Table::Language => "the language",
        Table::Country => "the country (where the operator gave a file that knows it)",
    }
}

/// The key of a record that a table is made of.
const fn key_of(table: Table) -> Key {
    match table {
        Table::Hour | Table::Day | Table::Week | Table::Month => Key::Time,
        Table::Site => Key::Site,
        Table::Method => Key::Method,
        Table::Path => Key::Path,
        Table::Status | Table::StatusClass => Key::Status,
        Table::Protocol => Key::Protocol,
        Table::Referrer => Key::Referrer,
        Table::Browser => Key::Browser,
        Table::Os => Key::Os,
        Table::Device => Key::Device,
        Table::Bot => Key::Bot,
        Table::Language => Key::Language,
        Table::Country => Key::Country,
    }
}

fn counted(plan: &Plan, text: &mut String) {
    *text += "\n## What is counted\n\n";
    let tables: Vec<_> = Table::ALL.into_iter().filter(|table| plan.tables.has(*table)).collect();
    if tables.is_empty() {
        *text += "Nothing beyond the records.\n";
    } else {
        let words = |only: bool| -> Vec<_> {
            let is_only = |table: &&Table| plan.record.has(key_of(**table)) != only;
            tables.iter().filter(is_only).map(|table| table_words(*table)).collect()
        };
        *text +=
            "Requests and bytes are summed up. A small sum may still stand for a single request.\n";
        let (also, only) = (words(false), words(true));
        if !also.is_empty() {
            let _ = writeln!(text, "Sums are kept by {}.", joined(&also, ""));
        }
        if !only.is_empty() {
            let _ = writeln!(text, "In sums only, and in no record, stand {}.", joined(&only, ""));
        }
    }
    for cross in &plan.crosses {
        let [first, second] = cross.tables.map(table_words);
        let _ = writeln!(text, "Sums are also kept by {first} together with {second}.");
    }
    for kind in SpecialKind::ALL {
        let rules: Vec<_> = plan.specials.iter().filter(|rule| rule.kind == kind).collect();
        if !rules.is_empty() {
            let paths: Vec<_> = rules.iter().map(|rule| format!("`{}`", rule.pattern)).collect();
            let (what, how) = special_words(kind);
            let _ = writeln!(text, "{what} ({}) are counted {how}.", paths.join(", "));
        }
    }
    if plan.visitors {
        *text += "How many different visitors there were is counted with numbers that are made of addresses with a \
                  key. The key is in memory only, and no address is kept.\n";
    }
}

const fn special_words(kind: SpecialKind) -> (&'static str, &'static str) {
    match kind {
        SpecialKind::Download => ("Downloads", "once for each visitor, file and day"),
        SpecialKind::Installation => (
            "Requests of installed software",
            "once for each installation, known by its address and agent",
        ),
        SpecialKind::Product => (
            "What products report of themselves",
            "on their own, and nothing of who sent them is kept or counted",
        ),
        SpecialKind::Beacon => ("Pictures that are there to be counted", "apart from pages"),
    }
}

fn left_out(policy: &Policy, plan: &Plan, text: &mut String) {
    *text += "\n## What is not kept\n\n";
    let mut never = Vec::new();
    // Fields of which nothing comes out, and what is cut off of those of which something does.
    match bits(policy) {
        _ if policy.record.client.is_none() => {
            never.push("your address, and what proxies say of it");
        }
        (32.., _) | (_, 128..) => {}
        (0, 0) => never.push("your address"),
        _ => never.push("your whole address"),
    }
    never.push("the name that you logged in with, where the server logs it");
    never.push(match plan.record.has(Key::Cookie) {
        true => "any other cookie, and the value of that one",
        false => "cookies",
    });
    if policy.queries.is_empty() {
        never.push("anything after a question mark in the address of a page, such as what you searched for");
    } else {
        never.push("any other parameter after a question mark");
    }
    for field in Field::ALL {
        if plan.decision(field) == super::Decision::Dropped {
            never.extend(dropped_words(field));
        }
    }
    never.push("the text by which your browser introduces itself");
    never.push("any header or column that is not named above");
    for what in never {
        let _ = writeln!(text, "* {what}");
    }
    *text += "\nLines that cannot be read are counted under a reason and not kept.\n";
    if !policy.drops.is_empty() {
        let drops: Vec<_> = policy.drops.iter().map(drop_words).collect();
        let _ = writeln!(text, "Not kept at all are requests {}.", drops.join("; and those "));
    }
}

/// What is said of a field of which nothing comes out, unless it is said anyway.
const fn dropped_words(field: Field) -> Option<&'static str> {
    match field {
        Field::Time => Some("when the request was made"),
        Field::Site => Some("which of the sites it was"),
        Field::Method => Some("the method of the request"),
        Field::Target => Some("which page it was"),
        Field::Protocol => Some("the version of HTTP"),
        Field::Status => Some("the server's answer"),
        Field::Bytes => Some("the size of the answer"),
        Field::Referrer => Some("the page that linked here"),
        Field::Agent => Some("the browser, the operating system and the device"),
        Field::Duration => Some("how long the answer took"),
        Field::Language => Some("the languages that you prefer"),
        Field::Message => Some("messages of the server's error log"),
        // Said above, or parts of what is said here.
        Field::Client
        | Field::Forwarded
        | Field::Date
        | Field::Request
        | Field::Query
        | Field::Dnt
        | Field::Gpc
        | Field::Cookie
        | Field::Level
        | Field::Module => None,
    }
}

fn drop_words(section: &DropSection) -> String {
    let parts = [
        section.path.as_ref().map(|path| format!("to `{path}`")),
        section.method.as_ref().map(|method| format!("with the method {method}")),
        section.network.map(|network| format!("from {network}")),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join(" ")
}

fn opting_out(policy: &Policy, text: &mut String) {
    *text += "\n## If you do not want to be in it\n\n";
    let Some(section) = policy.opt_out.as_ref().filter(|section| !signals(section).is_empty())
    else {
        *text += "No signal is honoured by which a browser could ask to be left out.\n";
        return;
    };
    let signals = signals(section).join(" or ");
    if !honours(section, policy.sharing.as_ref()) {
        let _ = writeln!(
            text,
            "The policy names signals ({signals}), but nobody opts out of what it is for today: such requests stand in \
             records and counts like any other. Once the operator adds a purpose, they are left out of both."
        );
        return;
    }
    let _ = writeln!(
        text,
        "A request that carries {signals} stands neither in records nor in counts; only how many such requests there \
         were is counted. This works where the server logs the signal: the operator must see to that."
    );
}

/// The signals that a policy names.
fn signals(section: &OptOutSection) -> Vec<String> {
    let headers =
        [("Sec-GPC", "sec_gpc"), ("DNT", "dnt")].into_iter().filter_map(|(name, word)| {
            section.headers.get(word).map(|value| format!("the header `{name}: {value}`"))
        });
    let cookie = section.cookie.iter().map(|name| format!("a cookie named `{name}`"));
    let query = section.query.iter().map(|name| format!("a parameter named `{name}`"));
    headers.chain(cookie).chain(query).collect()
}

/// What the policy says of readers, as the rule that it is.
fn shared(policy: &Policy, text: &mut String) {
    *text += "\n## What it is for, and who may read it\n\n";
    let Some(sharing) = &policy.sharing else {
        *text += "The policy does not say what records and counts are for and who may read them: the operator must \
                  say so.\n";
        return;
    };
    *text += "This is the operator's rule. tamis does not watch who reads what it wrote.\n\n";
    *text += "* Purposes: ";
    *text += &match &sharing.purposes {
        None => "the policy names none; the operator must say so.\n".to_owned(),
        Some(purposes) => {
            let purposes: Vec<_> = purposes.iter().map(|it| it.told()).collect();
            let purposes = joined(&purposes, "none");
            format!("{purposes}; no other. Policies have no word for sale, rent or advertising.\n")
        }
    };
    *text += "* Readers: ";
    *text += &match &sharing.audiences {
        None => "the policy names none; the operator must say so.\n".to_owned(),
        Some(audiences) => {
            let audiences: Vec<_> = audiences.iter().map(|it| it.told()).collect();
            format!("{}; nobody else.\n", joined(&audiences, "nobody"))
        }
    };
    if !sharing.conditions.is_empty() {
        let conditions: Vec<_> = sharing.conditions.iter().map(|it| it.told()).collect();
        let _ = writeln!(text, "* Each of them only if they {}.", joined(&conditions, ""));
    }
    for partner in &sharing.partners {
        let PartnerSection { name, agreement, purpose, region, protection } = partner;
        let bound = match protection {
            Some(Protection::Equivalent) => ", which binds it to the same level of protection",
            None => "",
        };
        let _ = writeln!(
            text,
            "* Partner: {name} (`{region}`), {}, under the agreement {agreement}{bound}.",
            purpose.told()
        );
    }
    if sharing.partners.is_empty() {
        *text += "* Partners: none.\n";
    }
}

fn sealed(policy: &Policy, text: &mut String) {
    *text += "\n## Whole lines for investigations\n\n";
    let Some(section) = &policy.quarantine else {
        *text += "The policy has no quarantine: no whole line is set aside.\n";
        return;
    };
    let what: Vec<_> = section.seal.iter().map(|word| seal_words(*word)).collect();
    let _ = write!(
        text,
        "The policy provides for a quarantine: {} may be sealed there whole, for {} days. ",
        joined(&what, "nothing"),
        section.retention_days
    );
    let bases: Vec<_> = section.bases.iter().map(|basis| format!("`{basis}`")).collect();
    let _ = writeln!(
        text,
        "{} open it{}.{}{} When it is full, {}.",
        if section.persons == 1 {
            "One person may".to_owned()
        } else {
            format!("{} persons together may", section.persons)
        },
        if bases.is_empty() {
            String::new()
        } else {
            format!(", on the grounds {}", bases.join(", "))
        },
        asked(section),
        if section.mask_secrets { " Passwords and keys in such lines are masked." } else { "" },
        match section.on_full {
            OnFullWord::Block => "the work stops",
            OnFullWord::Shed => "further lines are not sealed",
        }
    );
    *text += "Without a quarantine folder no whole line is set aside. Whoever opens one leaves an entry in a journal \
              first.\n";
}

/// What whoever opens it must say.
fn asked(section: &QuarantineSection) -> String {
    let said = [
        (section.case, "the case that it is for"),
        (section.need, "what they need to know"),
        (section.acknowledge, "that they disclose nothing of it"),
    ];
    let said: Vec<_> =
        said.iter().filter(|(is_asked, _)| *is_asked).map(|(_, what)| *what).collect();
    if said.is_empty() {
        return String::new();
    }
    format!(" Whoever opens it puts on record {}.", joined(&said, ""))
}

const fn seal_words(word: SealWord) -> &'static str {
    match word {
        SealWord::Refused => "lines that cannot be read",
        SealWord::Rules => "lines that a security rule points out",
        SealWord::Behaviour => "lines of conspicuous behaviour",
        SealWord::Cases => "lines that belong to an open case",
        SealWord::All => "all lines",
    }
}

fn published(policy: &Policy, text: &mut String) {
    *text += "\n## Publication\n\n";
    match policy.publish.as_ref().filter(|section| section.allowed) {
        None => *text += "The policy does not provide for publishing any of this.\n",
        Some(section) => {
            let _ = writeln!(
                text,
                "Counts may be published, each number only if it stands for at least {} different networks on one day. \
                 Records may not.",
                section.k
            );
        }
    }
    kept_for(policy, text);
}

/// How long what was kept may stay, as far as the policy says.
fn kept_for(policy: &Policy, text: &mut String) {
    let RetentionSection { client, records, counts } = policy.retention.unwrap_or_default();
    let parts = [("what tells of your address", client), ("records", records), ("counts", counts)];
    for (what, days) in parts {
        let _ = match days {
            None => continue,
            Some(Days::Number(days)) => {
                writeln!(text, "The policy lets {what} stay for {days} days.")
            }
            Some(Days::Word(NoEnd::None)) => {
                writeln!(text, "The policy lets {what} stay without an end.")
            }
        };
    }
    if parts.iter().all(|(_, days)| days.is_none()) {
        *text += "How long records and counts are kept is not in the policy: the operator must say so.\n";
        return;
    }
    if let Some(days) = policy.records_days() {
        let _ = writeln!(
            text,
            "Where records are written by `tamis serve`, it deletes the files that it rotated away after {days} days."
        );
    }
    *text += "tamis deletes nothing else of this: the operator must see to it, and say how long the rest stays.\n";
}

fn changes(policy: &Policy, text: &mut String) {
    *text += "\n## Changes\n\n";
    let Some(section) = policy.change else {
        *text += "The policy says nothing of later policies that keep more.\n";
        return;
    };
    *text += match section.widening {
        WideningWord::Block => {
            "A later policy that keeps more than this one must not take effect before the operator has said so \
             expressly.\n"
        }
        WideningWord::Warn => {
            "A later policy that keeps more than this one takes effect with a warning to the operator.\n"
        }
        WideningWord::Inform => {
            "A later policy that keeps more than this one takes effect, and the operator is told.\n"
        }
    };
    *text += "`tamis serve` sees to it, and `tamis policy diff` tells what a later policy keeps more or less; whoever \
              runs another command says with it which policy it is.\n";
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::policy::{PRESETS, plan::OptOut, tests_any::any_policy};

    fn of(policy: &Policy) -> (Plan, String) {
        let plan = Plan::compile(policy).expect("the policies here compile");
        let text = notice(policy, &plan);
        (plan, text)
    }

    /// Every kept key has its line, and no other key is spoken of in one.
    fn says_what_is_kept(policy: &Policy) -> Result<(), String> {
        let (plan, text) = of(policy);
        for key in Key::ALL {
            let line = key_line(policy, &plan, key);
            let lines = text.lines().filter(|line| line.contains(title(key))).count();
            let expect = usize::from(plan.record.has(key));
            if lines != expect || (expect == 1 && !text.contains(&line)) {
                return Err(format!("{key:?}: {lines} lines instead of {expect} in\n{text}"));
            }
        }
        for table in Table::ALL.into_iter().filter(|table| plan.tables.has(*table)) {
            if !text.contains(table_words(table)) {
                return Err(format!("{table:?} is counted in silence:\n{text}"));
            }
        }
        let is_honoured = plan.opt_out != OptOut::default();
        if text.contains("stands neither in records") != is_honoured {
            return Err(format!("opting out is not told as it is:\n{text}"));
        }
        let sharing = policy.sharing.clone().unwrap_or_default();
        let purposes = sharing.purposes.iter().flatten().map(|it| it.told());
        let readers = sharing.audiences.iter().flatten().map(|it| it.told());
        let partners = sharing.partners.iter().map(|it| &*it.name);
        match purposes.chain(readers).chain(partners).find(|words| !text.contains(words)) {
            Some(words) => Err(format!("{words:?} is missing in\n{text}")),
            None => Ok(()),
        }
    }

    #[test]
    fn presets_say_what_they_keep() {
        for (name, text) in PRESETS {
            let policy = Policy::parse(text).expect("a test reads every preset");
            says_what_is_kept(&policy).unwrap_or_else(|error| panic!("{name}: {error}"));
        }
    }

    #[test]
    fn what_a_file_would_add_is_said_until_the_policy_names_one() {
        let told = |rest: &str| {
            let text = format!("name = \"p\"\nversion = 1\n[record]\n{rest}");
            of(&Policy::parse(&text).expect("a policy")).1
        };
        let country = "also the country that your address is registered in";
        let organisation = "the provider or company that its network is registered for.";
        let both = told("country = true\norganisation = true");
        assert!(both.contains(&format!("{country} and {organisation}")), "{both}");
        assert!(told("client = \"country\"").contains(&format!("{country}.")));
        let text = told("organisation = true\n[network]\norganisation_db = \"o.mmdb\"");
        assert!(!text.contains("runs tamis with a file"), "{text}");
    }

    #[test]
    fn titles_differ() {
        for (index, key) in Key::ALL.into_iter().enumerate() {
            assert!(Key::ALL[..index].iter().all(|other| title(*other) != title(key)), "{key:?}");
        }
    }

    #[test]
    fn prefixes_statuses_and_lists_are_those_of_the_policy() {
        let text = "name = \"p\"\nversion = 3\n[record]\n\
            client = { truncate = { ipv4 = 12, ipv6 = 40 } }\n\
            path = { shape = \"cleaned\", status = [\"2xx\", \"304\", \"410\"] }\n\
            [[query]]\nname = \"lang\"\nvalues = [\"de\", \"fr\"]\n\
            [[route]]\npattern = \"/shop/{product}\"\nkeep = [\"product\"]\n\
            [network]\nexempt = [\"10.0.0.0/8\"]\n[[drop]]\npath = \"/health\"\nmethod = \"GET\"\n\
            [opt_out]\ncookie = \"no\"\n[publish]\nallowed = true\nk = 7\n";
        let (_, text) = of(&Policy::parse(text).expect("a policy"));
        for words in [
            "its first 12 bits of IPv4, 40 of IPv6",
            "stay whole: 10.0.0.0/8",
            "answered with 2xx, 304 and 410;",
            "`lang` where it is `de` or `fr`",
            "`/shop/{product}`",
            "`product` is told",
            "requests to `/health` with the method GET.",
            "a cookie named `no`",
            "at least 7 different networks",
            "version 3",
        ] {
            assert!(text.contains(words), "{words:?} is missing in\n{text}");
        }
        assert!(!text.contains("like names") && text.contains("* your whole address\n"), "{text}");
        let whole = "name = \"p\"\nversion = 1\n[record]\nallow_identifying = true\n\
            client = { truncate = { ipv4 = 32, ipv6 = 48 } }\n";
        let (_, text) = of(&Policy::parse(whole).expect("a policy"));
        assert!(text.contains("like names") && !text.contains("your whole address"), "{text}");
    }

    #[test]
    fn purposes_readers_and_partners_are_those_of_the_policy() {
        let out =
            "[opt_out]\nquery = \"no\"\nexcept = [\"usage-analysis\"]\n[retention]\nclient = 30\n";
        let sharing = "[sharing]\npurposes = [\"usage-analysis\"]\naudiences = [\"staff\", \"successor\"]\n\
            conditions = [\"need-to-know\", \"confidentiality\"]\n[[sharing.partner]]\nname = \"Example Ltd\"\n\
            agreement = \"contract 7\"\npurpose = \"usage-analysis\"\nregion = \"ch\"\nprotection = \"equivalent\"\n";
        let told = |rest: &str| {
            let text = format!("name = \"p\"\nversion = 1\n[record]\n{rest}");
            of(&Policy::parse(&text).expect("a policy")).1
        };
        let notice = told(&format!("{out}{sharing}"));
        for words in [
            "This is the operator's rule.",
            "* Purposes: to understand how the sites are used; no other.",
            "* Readers: the operator's staff and whoever the operator is sold to or merges with; nobody else.",
            "need to know it for that and have agreed not to disclose it to others.",
            "* Partner: Example Ltd (`ch`), to understand how the sites are used, under the agreement contract 7, \
             which binds it to the same level of protection.",
            "signals (a parameter named `no`), but nobody opts out of what it is for today",
            "what tells of your address stay for 30 days.\ntamis deletes nothing else of this",
        ] {
            assert!(notice.contains(words), "{words:?} is missing in\n{notice}");
        }
        let more = sharing.replacen("\"]", "\", \"site-improvement\"]", 1);
        let notice = told(&format!("{out}{more}"));
        assert!(notice.contains("carries a parameter named `no` stands neither"), "{notice}");
        let notice = told("client = \"token\"\n[retention]\nclient = 30\nrecords = 60\n");
        assert!(notice.contains("the files that it rotated away after 30 days."), "{notice}");
        let notice = told("");
        for words in [
            "does not say what records and counts are for",
            "How long records and counts are kept is not in the policy",
        ] {
            assert!(notice.contains(words), "{words:?} is missing in\n{notice}");
        }
    }

    #[test]
    fn nothing_kept_is_said() {
        let (_, text) =
            of(&Policy::parse("name = \"p\"\nversion = 1\n[record]\n").expect("a policy"));
        assert!(text.contains("recorded about each request\n\nNothing.\n\n##"), "{text}");
        assert!(text.contains("No signal is honoured"), "{text}");
    }

    proptest! {
        #[test]
        fn any_policy_says_what_it_keeps(policy in any_policy()) {
            prop_assert_eq!(says_what_is_kept(&policy), Ok(()));
        }
    }
}
