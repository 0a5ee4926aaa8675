//! What a compiled policy decides, at both sides of every edge: a plan that is wrong by one keeps what it should not.

use super::{
    Decision, Plan, Policy, PublishRule,
    plan::{OptOut, is_host_name, longest_prefix},
};
use crate::field::{Field, Key};

fn compile(text: &str) -> Result<Plan, String> {
    let policy = Policy::parse(&format!("name = \"p\"\nversion = 1\n{text}"));
    let policy = policy.map_err(|error| error.to_string())?;
    Plan::compile(&policy).map_err(|error| error.to_string())
}

#[track_caller]
fn plan(text: &str) -> Plan {
    compile(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

#[track_caller]
fn refused(text: &str, words: &str) {
    let error = compile(text).err().unwrap_or_else(|| panic!("accepted: {text}"));
    assert!(error.contains(words), "{error:?} does not say {words:?}");
}

#[test]
fn a_class_of_statuses_is_its_hundred() {
    for (word, first, last) in
        [("1xx", 100, 199), ("2xx", 200, 299), ("5xx", 500, 599), ("304", 304, 304)]
    {
        let plan =
            plan(&format!("[record]\npath = {{ shape = \"cleaned\", status = [{word:?}] }}"));
        for status in (0..=1_000).chain([u16::MAX]) {
            assert_eq!(
                plan.path_status.has(status),
                (first..=last).contains(&status),
                "{word}: {status}"
            );
        }
    }
    for word in ["0xx", "6xx", "99", "600", "xx", "2x"] {
        refused(
            &format!("[record]\npath = {{ shape = \"cleaned\", status = [{word:?}] }}"),
            "record.path.status",
        );
    }
}

#[test]
fn prefixes_of_both_kinds_have_their_own_bound() {
    assert_eq!(longest_prefix("192.0.2.1".parse().expect("an address")), 24);
    assert_eq!(longest_prefix("2001:db8::1".parse().expect("an address")), 48);
}

#[test]
fn a_file_of_countries_is_asked_where_records_or_counts_tell_them() {
    let file = "[network]\ncountry_db = \"c.mmdb\"";
    let asked = |text: &str| plan(&format!("[record]\n{text}\n{file}")).country_db.is_some();
    assert!(asked("country = true"));
    assert!(asked("[counts]\ntables = [\"country\"]"));
    assert!(!asked("[counts]\ntables = [\"hour\"]"));
}

#[test]
fn hours_are_counted_where_the_policy_says_so_or_records_tell_them() {
    let of = |text: &str| {
        let plan = plan(&format!("[record]\n{text}"));
        (plan.counts_by_hour, plan.hours_on_request)
    };
    let hour = "time = { grain = \"hour\" }\n";
    assert_eq!(of(""), (false, false));
    assert_eq!(of(hour), (false, false));
    assert_eq!(of("[counts]\ntables = [\"hour\"]"), (false, false));
    assert_eq!(of(&format!("{hour}[counts]\ntables = [\"hour\"]")), (false, true));
    assert_eq!(of("time = { grain = \"minute\" }\n[counts]\ntables = [\"hour\"]"), (false, true));
    assert_eq!(of("time = { grain = \"day\" }\n[counts]\ntables = [\"hour\"]"), (false, false));
    assert_eq!(
        of(&format!("{hour}[counts]\ntables = [\"hour\"]\nwindow = \"hour\"")),
        (true, false)
    );
    assert_eq!(
        of(&format!("{hour}[counts]\ntables = [\"hour\"]\nwindow = \"day\"")),
        (false, false)
    );
}

#[test]
fn the_client_rule_says_which_network_and_which_domain_is_told() {
    let truncate = |more: &str| {
        format!("[record]\nclient = {{ truncate = {{ ipv4 = 16, ipv6 = 32{more} }} }}")
    };
    for (text, network, domains, tokens) in [
        (truncate(""), true, false, false),
        (truncate(", domain = true"), true, true, false),
        ("[record]\nclient = \"domain\"".to_owned(), false, true, false),
        ("[record]\nclient = \"token\"".to_owned(), false, false, true),
        ("[record]\nclient = \"country\"".to_owned(), false, false, false),
        ("[record]".to_owned(), false, false, false),
    ] {
        let plan = plan(&text);
        let found = (plan.told_network().is_some(), plan.client_domains, plan.mints_tokens());
        assert_eq!(found, (network, domains, tokens), "{text}");
    }
}

#[test]
fn each_part_of_a_request_is_decided_by_what_is_made_of_it() {
    let records = |field: Field, keys: &str| {
        plan(&format!("[record]\n{keys}")).decision(field) == Decision::Recorded
    };
    for (keys, fields) in [
        ("method = true", vec![Field::Request, Field::Method]),
        ("protocol = true", vec![Field::Request, Field::Protocol]),
        ("path = { shape = \"cleaned\" }", vec![Field::Request, Field::Target]),
        ("duration = { bucket = \"1-2-5\" }", vec![Field::Duration]),
        ("os = true", vec![Field::Agent]),
    ] {
        for field in Field::ALL {
            assert_eq!(records(field, keys), fields.contains(&field), "{keys} {field:?}");
        }
    }
}

const COUNTED: &str = "[record]\n[counts]\n\
    tables = [\"hour\", \"day\", \"week\", \"month\", \"status\", \"browser\", \"os\", \"bot\"]\n";

#[test]
fn what_may_be_published_is_counted_and_no_period_of_it() {
    let of = |text: &str| plan(&format!("{COUNTED}[publish]\n{text}")).publish;
    let rule = |k: u32, tables: &[&str], round: Option<u32>| {
        Some(PublishRule {
            k,
            tables: tables.iter().map(|name| (*name).to_owned()).collect(),
            round,
        })
    };
    // Of the tables that tell by what somebody reads, the first.
    let all = ["hour", "day", "status", "browser"];
    assert_eq!(of("allowed = false"), None);
    assert_eq!(of("allowed = true"), rule(10, &all, None));
    assert_eq!(plan(COUNTED).publish, None);
    assert_eq!(plan(&format!("{COUNTED}[publish]\nallowed = true\nk = 7")).publish_k, Some(7));
    assert_eq!(of("allowed = true\nk = 5\nround = 5"), rule(5, &all, Some(5)));
    assert_eq!(of("allowed = true\nk = 64\nround = 2"), rule(64, &all, Some(2)));
    assert_eq!(of("allowed = true\ntables = [\"os\", \"bot\"]"), rule(10, &["os", "bot"], None));
    // A table of two is one of them, under its own name only.
    let crossed = format!("{COUNTED}cross = [[\"status\", \"os\"]]\n[publish]\nallowed = true\n");
    let found = plan(&format!("{crossed}tables = [\"status_os\"]")).publish;
    assert_eq!(found, rule(10, &["status_os"], None));
    refused(&format!("{crossed}tables = [\"os_status\"]"), "publish.tables: \"os_status\"");
    for (text, words) in [
        ("k = 4", "publish.k"),
        ("k = 65", "publish.k"),
        ("round = 1", "publish.round"),
        ("k = 5\nround = 6", "publish.round"),
        ("tables = [\"status\", \"device\"]", "publish.tables: \"device\""),
        ("tables = [\"week\"]", "publish.tables: \"week\""),
        ("tables = [\"shoes\"]", "publish.tables: \"shoes\""),
    ] {
        refused(&format!("{COUNTED}[publish]\nallowed = true\n{text}"), words);
    }
}

#[test]
fn either_of_what_counts_would_add_is_refused_where_records_are_held() {
    let held = "[record]\ntime = { grain = \"hour\" }\n[release]\n[counts]\ntables = [\"hour\"]\n";
    assert!(compile(held).is_ok());
    for told in ["client = \"country\"", "country = true"] {
        let countries = held.replace("[release]", &format!("{told}\n[release]"));
        assert!(compile(&countries.replace("\"hour\"]", "\"country\"]")).is_ok(), "{told}");
    }
    refused(&format!("{held}visitors = true"), "counts.visitors");
    refused(&format!("{held}path = {{ shape = \"declared\" }}"), "counts.path");
}

#[test]
fn what_stays_has_an_end_but_for_the_one_clause() {
    let with = |basis: &str, key: &str, days: &str| {
        compile(&format!("basis = {basis}\n[record]\n[retention]\n{key} = {days}")).map(|_| ())
    };
    let clause = "[\"SIT-8\", \"SIT-1\"]";
    for key in ["client", "records", "counts"] {
        for basis in ["\"own\"", "[\"SIT-1\"]", "[]", clause] {
            assert_eq!(with(basis, key, "1"), Ok(()), "{key} {basis}");
            let error = with(basis, key, "0").expect_err("no days");
            assert!(
                error.contains(&format!("retention.{key}")) && error.contains("at least 1"),
                "{error}"
            );
            let endless = with(basis, key, "\"none\"");
            if key == "client" && basis == clause {
                assert_eq!(endless, Ok(()));
            } else {
                let error = endless.expect_err("without an end");
                assert!(
                    error.contains(&format!("retention.{key}")) && error.contains("SIT-8"),
                    "{error}"
                );
            }
        }
    }
}

#[test]
fn a_network_of_everybody_is_neither_a_proxy_nor_an_exemption() {
    let networks = "[\"10.0.0.0/8\", \"192.0.2.0/24\"]";
    let given =
        || ["10.0.0.0/8", "192.0.2.0/24"].map(|text| text.parse().expect("a network")).to_vec();
    let proxies = plan(&format!("[record]\n[network]\ntrusted_proxies = {networks}"));
    assert_eq!(proxies.trusted_proxies, given());
    let quarantine = |exempt: &str| {
        format!(
            "[record]\n[quarantine]\nseal = [\"behaviour\"]\nretention_days = 30\nexempt = {exempt}"
        )
    };
    assert_eq!(plan(&quarantine(networks)).seal_exempt, given());
    assert_eq!(plan("[record]").seal_exempt, []);
    for everybody in ["[\"10.0.0.0/8\", \"0.0.0.0/0\"]", "[\"::/0\"]"] {
        refused(&quarantine(everybody), "quarantine.exempt");
        refused(
            &format!("[record]\n[network]\ntrusted_proxies = {everybody}"),
            "network.trusted_proxies",
        );
    }
}

#[test]
fn sixteen_drop_rules_are_the_most_and_each_names_something() {
    let rules =
        |count: usize| format!("[record]\n{}", "[[drop]]\nmethod = \"GET\"\n".repeat(count));
    for count in [0, 1, 15, 16] {
        assert_eq!(plan(&rules(count)).drops.len(), count);
    }
    for count in [17, 18, 40] {
        refused(&rules(count), &format!("{count} rules"));
    }
    for one in ["path = \"/health\"", "method = \"GET\"", "network = \"192.0.2.0/24\""] {
        assert_eq!(plan(&format!("[record]\n[[drop]]\n{one}")).drops.len(), 1, "{one}");
    }
    refused("[record]\n[[drop]]", "every line");
}

#[test]
fn sites_are_host_names() {
    let label = "a".repeat(63);
    let long = format!("{label}.{label}.{label}.{}", "a".repeat(61));
    for name in ["a", "www.example.com", "my_host.example", "a-b.example", &label, &long] {
        assert!(is_host_name(name), "{name}");
    }
    for name in [
        "",
        ".",
        "a..b",
        "a b",
        "a/b",
        "b\u{fc}cher.example",
        &format!("{label}a"),
        &format!("{long}a"),
    ] {
        assert!(!is_host_name(name), "{name}");
    }
    let plan = plan("[record]\nsite = \"declared\"\n[sites]\ndeclared = [\"WWW.Example.COM\"]");
    assert_eq!(
        (plan.sites, plan.record.has(Key::Site)),
        (vec!["www.example.com".to_owned()], true)
    );
}

#[test]
fn each_way_to_opt_out_is_compiled() {
    let all = "[record]\n[opt_out]\nheaders = { dnt = \"1\", sec_gpc = \"1\" }\ncookie = \"c\"\nquery = \"q\"";
    let of = |text: &str| Some(text.to_owned());
    let expect = OptOut { dnt: of("1"), gpc: of("1"), cookie: of("c"), query: of("q") };
    assert_eq!(plan(all).opt_out, expect);
    assert_eq!(plan("[record]").opt_out, OptOut::default());
    refused("[record]\n[opt_out]\nquery = \"\"", "opt_out.query");
}
