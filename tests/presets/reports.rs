//! Reports of a policy's own: downloads, installations, products and beacons, on lines whose answer is known.

use std::collections::BTreeMap;

use super::{
    MOZILLA, WORDPRESS,
    program::{Folder, run_in},
};
use serde_json::Value;

const BROWSER: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:126.0) Gecko/20100101 Firefox/126.0";
const BOT: &str = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)";

fn line(client: &str, day: u32, request: &str, status: u16, agent: &str) -> String {
    format!(
        "{client} - - [{day:02}/Nov/2026:14:05:37 +0000] \"{request} HTTP/1.1\" {status} 1000 \"-\" \"{agent}\"\n"
    )
}

/// The counts and the records of a log.
fn counted(policy: &str, log: &str) -> (Value, String) {
    let folder = Folder::new();
    let args = ["--policy", policy, "--counts", "c.json", "--key-dir", "keys"];
    let args = if policy == MOZILLA { &args[..] } else { &args[..4] };
    let done = run_in(folder.path(), args, log.as_bytes());
    assert_eq!(done.status, 0, "{}", done.err());
    let text = std::fs::read(folder.file("c.json")).expect("written");
    (serde_json::from_slice(&text).expect("JSON"), done.out().to_owned())
}

/// Requests and visitors by key.
fn table(report: &Value, name: &str) -> BTreeMap<String, (u64, Option<u64>)> {
    let rows = report["tables"][name].as_array().into_iter().flatten();
    rows.map(|row| {
        let key = row["key"].as_str().expect("a key").to_owned();
        (key, (row["requests"].as_u64().expect("a number"), row["visitors"].as_u64()))
    })
    .collect()
}

fn expected(rows: &[(&str, u64, Option<u64>)]) -> BTreeMap<String, (u64, Option<u64>)> {
    rows.iter().map(|(key, requests, who)| ((*key).to_owned(), (*requests, *who))).collect()
}

#[test]
fn wp_04_downloads_are_counted_by_version_once_for_each_visitor_file_and_day() {
    let zip = "GET /wordpress-3.3.zip";
    let log = [
        line("192.0.2.1", 22, zip, 200, BROWSER),
        // In parts, and once more the same day.
        line("192.0.2.2", 22, zip, 206, BROWSER),
        line("192.0.2.2", 22, "GET /wordpress-3.3.zip?from=news", 206, BROWSER),
        line("192.0.2.2", 22, zip, 200, BROWSER),
        // Another file of that version, another day, another version.
        line("192.0.2.2", 22, "GET /wordpress-3.3.tar.gz", 200, BROWSER),
        line("192.0.2.2", 23, zip, 200, BROWSER),
        line("192.0.2.3", 23, "GET /wordpress-3.2.1.zip", 200, BROWSER),
        // No download at all.
        line("192.0.2.4", 22, "HEAD /wordpress-3.3.zip", 200, BROWSER),
        line("192.0.2.4", 22, zip, 304, BROWSER),
        line("192.0.2.4", 22, zip, 404, BROWSER),
        line("192.0.2.4", 22, zip, 200, BOT),
        line("192.0.2.4", 22, "GET /wordpress-3.3.zip/x", 200, BROWSER),
        line("192.0.2.4", 22, "GET /other-3.3.zip", 200, BROWSER),
    ];
    let (report, _) = counted(WORDPRESS, &log.concat());
    let expect = expected(&[("3.3", 4, Some(2)), ("3.2.1", 1, Some(1))]);
    assert_eq!(table(&report, "downloads_by_version"), expect);
    assert_eq!(report["totals"]["requests"], 13, "all are requests too");
}

#[test]
fn wp_05_plugins_are_counted_by_installation_however_often_it_asks() {
    let check = |client: &str, slug: &str, site: &str| {
        let request = format!("GET /plugins/update-check/1.1/?slug={slug}&v=2");
        line(client, 22, &request, 200, &format!("WordPress/6.4; https://{site}.example.org"))
    };
    let mut log = String::new();
    for _ in 0..48 {
        log += &check("192.0.2.1", "akismet", "alice");
    }
    // Two installations at one address, and one with another plugin too.
    log += &check("192.0.2.1", "akismet", "bob");
    log += &check("192.0.2.2", "akismet", "alice");
    log += &check("192.0.2.2", "hello-dolly", "alice");
    log += &line(
        "192.0.2.3",
        22,
        "GET /plugins/info/1.0/akismet.json",
        200,
        "WordPress/6.4; https://x.example.org",
    );
    let (report, records) = counted(WORDPRESS, &log);
    let expect = expected(&[("akismet", 4, Some(4)), ("hello-dolly", 1, Some(1))]);
    assert_eq!(table(&report, "plugin_popularity"), expect);
    let all = report.to_string() + &records;
    assert!(!all.contains("alice") && !all.contains("example.org"), "no site of an installation");
}

#[test]
fn wp_05_ten_thousand_installations_have_the_order_of_a_slow_count() {
    let slugs = ["akismet", "jetpack", "hello-dolly", "wordpress-seo", "woocommerce"];
    let (mut log, mut slow) = (String::new(), BTreeMap::<&str, u64>::new());
    for number in 0..10_000_usize {
        let slug = slugs[[0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 3, 3, 4][number % 15]];
        *slow.entry(slug).or_default() += 1;
        let client = format!("2001:db8:{number:x}::1");
        let request = format!("GET /plugins/update-check/1.1/?slug={slug}");
        for _ in 0..2 {
            log += &line(&client, 22, &request, 200, "WordPress/6.4; https://www.example.org");
        }
    }
    let (report, _) = counted(WORDPRESS, &log);
    let found = table(&report, "plugin_popularity");
    for (slug, expect) in &slow {
        let found = found[*slug].0;
        assert!(found.abs_diff(*expect) * 50 <= *expect, "{slug}: {found} of {expect}");
    }
    let order = |counts: BTreeMap<&str, u64>| {
        let mut names: Vec<_> = counts.into_iter().collect();
        names.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        names.into_iter().map(|(name, _)| name.to_owned()).collect::<Vec<_>>()
    };
    let found: BTreeMap<&str, u64> = found.iter().map(|(key, row)| (&**key, row.0)).collect();
    assert_eq!(order(found), order(slow));
}

#[test]
fn moz_08_reports_of_products_are_counted_and_nobody_is_known_of_them() {
    let log = [
        line("192.0.2.1", 22, "POST /submit/firefox/3.0/linux", 200, BROWSER),
        line("192.0.2.1", 22, "POST /submit/firefox/3.0/linux", 200, BROWSER),
        line("192.0.2.2", 22, "POST /submit/thunderbird/2.0/mac", 200, BROWSER),
        line("192.0.2.2", 22, "POST /submit/firefox", 200, BROWSER),
        line("192.0.2.2", 22, "GET /index.html", 200, BROWSER),
    ];
    let (report, records) = counted(MOZILLA, &log.concat());
    let expect = expected(&[("firefox 3.0 linux", 2, None), ("thunderbird 2.0 mac", 1, None)]);
    assert_eq!(table(&report, "product_reports"), expect);
    assert_eq!(report["totals"]["requests"], 2, "they are counted on their own");
    for record in records.lines().take(3) {
        let record: Value = serde_json::from_str(record).expect("JSON");
        assert!(record.get("client").is_none() && record.get("late").is_none(), "no token, ever");
    }
}

#[test]
fn moz_10_beacons_are_no_pages() {
    let log = [
        line("192.0.2.1", 22, "GET /t.gif?x=alice", 200, BROWSER),
        line("192.0.2.2", 22, "GET /t.gif", 200, BROWSER),
        line("192.0.2.2", 22, "GET /index.html", 200, BROWSER),
    ];
    let (report, records) = counted(MOZILLA, &log.concat());
    assert_eq!(table(&report, "beacons"), expected(&[("/t.gif", 2, Some(2))]));
    assert_eq!(table(&report, "path"), expected(&[("/index.html", 1, Some(1))]));
    assert_eq!(report["totals"]["requests"].as_u64().expect("a number") + 2, 3, "hits conserve");
    assert!(!records.contains("alice"));
}
