//! What strict makes of the corpus that the other presets are tried on: its records are released together, so that
//! they cannot be compared line by line.

use std::collections::BTreeSet;

use super::{
    BASELINE, CANONICAL, MOZILLA, SITECORE, Visit, WORDPRESS, flat, golden, keys, lines, program,
    visit, visits,
};

const STRICT: &str = "strict";

/// The records of a log under strict.
fn released(format: &str, log: &str) -> Vec<String> {
    let done = program::run(&["--policy", STRICT, "--format", format], log.as_bytes());
    assert_eq!(done.status, 0, "{}", done.err());
    done.out().lines().map(str::to_owned).collect()
}

/// The golden visits, each by twelve visitors.
fn dozens() -> String {
    let by = |visit: &Visit, host: usize| Visit {
        client: format!("198.51.100.{host}"),
        ..visit.clone()
    };
    let of = |(visit, _): &(Visit, _)| {
        (1..=12).map(|host| by(visit, host).json() + "\n").collect::<String>()
    };
    golden().iter().map(of).collect()
}

#[test]
fn records_of_a_dozen_visits_by_a_dozen_visitors_are_these() {
    let found = released("nginx-json", &dozens());
    let mut once = found.clone();
    once.dedup();
    assert_eq!(once, RELEASED);
    // One of them opts out.
    assert_eq!(found.len(), 12 * (golden().len() - 1));
}

/// Each of these stands there for twelve visitors or more.
const RELEASED: [&str; 8] = [
    concat!(
        r#"{"time":"2026-11-22T14:00:00Z","method":"GET","path":"(other)","status":404,"bytes":8192,"#,
        r#""referrer":"google.co.uk","browser":"Chrome","browser_version":126,"os":"Windows","#,
        r#""device":"desktop","bot":false}"#
    ),
    concat!(
        r#"{"time":"2026-11-22T14:00:00Z","method":"GET","path":"/blog/old-teapots","status":200,"bytes":8192,"#,
        r#""referrer":"google.co.uk","browser":"Chrome","browser_version":126,"os":"Windows","#,
        r#""device":"desktop","bot":false}"#
    ),
    concat!(
        r#"{"time":"2026-11-22T14:00:00Z","method":"GET","path":"/users/{user}/orders","status":200,"bytes":8192,"#,
        r#""referrer":"(none)","browser":"Other","os":"Other","device":"other","bot":false}"#
    ),
    concat!(
        r#"{"time":"2026-11-22T14:00:00Z","method":"GET","path":"/users/{user}/orders","status":200,"bytes":8192,"#,
        r#""referrer":"*.github.io","browser":"Chrome","browser_version":126,"os":"Windows","#,
        r#""device":"desktop","bot":false}"#
    ),
    concat!(
        r#"{"time":"2026-11-22T14:00:00Z","method":"GET","path":"/users/{user}/orders","status":200,"bytes":8192,"#,
        r#""referrer":"google.co.uk","browser":"WordPress","browser_version":6,"os":"Other","device":"bot","bot":true}"#
    ),
    concat!(
        r#"{"time":"2026-11-22T14:00:00Z","method":"GET","path":"/users/{user}/orders","status":200,"bytes":8192,"#,
        r#""referrer":"google.co.uk","browser":"Chrome","browser_version":126,"os":"Windows","#,
        r#""device":"desktop","bot":false}"#
    ),
    concat!(
        r#"{"time":"2026-11-22T14:00:00Z","method":"GET","path":"/users/{user}/orders","status":200,"bytes":8192,"#,
        r#""referrer":"google.co.uk","browser":"Safari","browser_version":17,"os":"iOS","device":"mobile","bot":false}"#
    ),
    concat!(
        r#"{"time":"2026-11-22T14:00:00Z","method":"GET","path":"/wordpress-3.3.1.zip","status":206,"bytes":8192,"#,
        r#""referrer":"google.co.uk","browser":"Chrome","browser_version":126,"os":"Windows","#,
        r#""device":"desktop","bot":false}"#
    ),
];

#[test]
fn strict_differs_from_the_others_in_exactly_these_keys() {
    let keys_of =
        |record: &String| flat(record).into_iter().map(|(key, _)| key).collect::<Vec<_>>();
    let mut kept: BTreeSet<String> =
        released("nginx-json", &dozens()).iter().flat_map(keys_of).collect();
    for name in ["nginx-json", "combined", "vhost-combined"] {
        let log: String = lines(30_000)
            .iter()
            .filter(|(format, ..)| format.name() == name)
            .map(|(_, _, line)| format!("{line}\n"))
            .collect();
        kept.extend(released(name, &log).iter().flat_map(keys_of));
    }
    for (other, expect) in [
        (BASELINE, "-client -language -protocol"),
        // Mozilla's without its client, which needs keys.
        (MOZILLA, "+bot +bytes +device +method +os +path +site +status -language"),
        (WORDPRESS, "+bot +bytes +device +method +os +path +site +status -language"),
        (CANONICAL, "+bot +bytes +device +method +os +path +site +status"),
        (SITECORE, "+bot +bytes +device +method +site +status -client"),
    ] {
        let others = keys(other);
        let more = kept.difference(&others).map(|key| format!("+{key}"));
        let less = others.difference(&kept).map(|key| format!("-{key}"));
        let mut differing: Vec<_> = more.chain(less).collect();
        differing.sort();
        assert_eq!(differing.join(" "), expect, "{other}");
    }
}

/// Somebody else: another address for each, and the same one for the same.
fn renamed(client: &str) -> String {
    if client.contains("::") {
        // Bits behind the 64th are free.
        return format!("{client}77");
    }
    match client.rsplit_once('.').filter(|(_, host)| host.bytes().all(|byte| byte.is_ascii_digit()))
    {
        Some((network, host)) => format!("{network}.{}", 255 - host.parse::<u8>().expect("a byte")),
        None => client.replace("host-", "guest-"),
    }
}

#[test]
fn only_how_many_visitors_there_were_leaves_a_trace_and_neither_who_nor_in_which_order() {
    let all = visits(77, 6_000);
    // In the order of their hours, so that none is late.
    let log = |visits: &[Visit]| -> String {
        let mut lines: Vec<_> = visits.iter().map(|it| (it.minute / 60, it.json())).collect();
        lines.sort_by_key(|(hour, _)| *hour);
        lines.into_iter().map(|(_, line)| line + "\n").collect()
    };
    let plain = released("nginx-json", &log(&all));
    assert!(plain.len() > 1_000, "{}", plain.len());
    let backwards: Vec<_> = all.iter().rev().cloned().collect();
    assert!(released("nginx-json", &log(&backwards)) == plain);
    let mut others = all.clone();
    for visit in &mut others {
        visit.client = renamed(&visit.client);
        visit.user = "bob".to_owned();
        visit.cookie = "session=of-somebody-else".to_owned();
        visit.query = visit.query.replace("sid=", "sid=1");
        visit.agent = visit.agent.replace("126.0.0.0", "126.9.8.7");
    }
    assert!(all.iter().zip(&others).all(|(one, other)| one.client != other.client));
    assert!(released("nginx-json", &log(&others)) == plain);
    // One visitor less at a page of ten is seen.
    let log = |count: usize| -> String {
        (0..count).map(|host| visit_of(host + 1).json() + "\n").collect()
    };
    assert_eq!([9, 10].map(|count| released("nginx-json", &log(count)).len()), [0, 10]);
}

fn visit_of(host: usize) -> Visit {
    Visit { client: format!("192.0.2.{host}"), ..visit() }
}
