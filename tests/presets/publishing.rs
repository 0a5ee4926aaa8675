//! What the policies say of publication: MOZ-5, MOZ-6, MOZ-13 and WP-2.

use std::{collections::BTreeMap, fs};

use super::{
    MOZILLA, WORDPRESS,
    program::{Done, Folder, run_in},
    text_of,
};

/// A day of the preset's counts of thirty visitors, in a folder.
fn counted(name: &str, agent: &str, path: &str) -> Folder {
    let folder = Folder::new();
    fs::write(folder.file("policy.toml"), text_of(name)).expect("the folder is ours");
    let line = |number: usize| {
        format!(
            "198.51.{number}.7 - alice@example.com [22/Nov/2020:14:05:37 +0000] \"GET {path} HTTP/1.1\" 200 5 \
             \"https://example.org/{path}\" \"{agent}\"\n"
        )
    };
    let lines: String = (0..30).map(line).collect();
    let args = ["--policy", "./policy.toml", "--store", "counts.db", "-o", "clean.jsonl"];
    assert_eq!(run_in(folder.path(), &args, lines.as_bytes()).status, 0);
    folder
}

fn publish(folder: &Folder) -> Done {
    let args = [
        "report",
        "publish",
        "public",
        "--store",
        "counts.db",
        "--policy",
        "./policy.toml",
        "--period",
        "2020-11-22",
        "--reviewer",
        "Alice",
    ];
    run_in(folder.path(), &args, b"")
}

fn published(folder: &Folder) -> BTreeMap<String, Vec<(String, u64)>> {
    let text = fs::read(folder.file("public/2020-11-22.json")).expect("it was published");
    let report: serde_json::Value = serde_json::from_slice(&text).expect("JSON");
    let tables = report["tables"].as_object().expect("tables");
    let row = |row: &serde_json::Value| {
        (row["key"].as_str().unwrap_or_default().to_owned(), row["requests"].as_u64().unwrap_or(0))
    };
    let rows = |rows: &serde_json::Value| rows.as_array().into_iter().flatten().map(row).collect();
    tables.iter().map(|(name, table)| (name.clone(), rows(table))).collect()
}

const FIREFOX: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:127.0) Gecko/20100101 Firefox/127.0";

#[test]
fn moz_05_reports_on_trends_are_of_days_browsers_languages_and_referring_sites() {
    let folder = counted(MOZILLA, FIREFOX, "/a.html");
    assert_eq!(publish(&folder).status, 0);
    let tables = published(&folder);
    let allowed = ["day", "browser", "language", "referrer"];
    assert!(tables.keys().all(|name| allowed.contains(&name.as_str())), "{:?}", tables.keys());
    assert_eq!(tables["browser"], [("Firefox".to_owned(), 30)]);
    assert_eq!(tables["referrer"], [("example.org".to_owned(), 30)]);
}

#[test]
fn moz_06_what_may_identify_is_not_published() {
    let secrets = ["alice@example.com", "198.51.100.7", "2001:db8::7", "t1.20414.Zm9vYmFyYmF6cXV4"];
    for secret in secrets {
        let folder = counted(MOZILLA, &format!("{FIREFOX} {secret}"), &format!("/{secret}"));
        let done = publish(&folder);
        assert!([0, 3].contains(&done.status), "{}", done.err());
        for entry in fs::read_dir(folder.file("public")).into_iter().flatten() {
            let path = entry.expect("the folder is ours").path();
            let text = fs::read_to_string(path).expect("it is text");
            for secret in secrets.into_iter().chain(["198.51."]) {
                assert!(!text.contains(secret), "{secret}");
            }
        }
    }
}

#[test]
fn moz_13_counts_of_others_with_a_column_of_addresses_are_refused() {
    let folder = Folder::new();
    let foreign = "{\"partial\":1,\"policy\":\"mozilla-2008\",\"tables\":{\"day\":[{\"key\":\"2020-11-22\",\
                   \"requests\":1,\"ip\":\"192.0.2.7\"}]}}\n";
    fs::write(folder.file("foreign.json"), foreign).expect("the folder is ours");
    let done =
        run_in(folder.path(), &["report", "merge", "foreign.json", "--store", "counts.db"], b"");
    assert!([1, 3].contains(&done.status) && !done.err().contains("192.0.2.7"), "{}", done.err());
    assert!(!folder.file("counts.db").exists());
}

#[test]
fn wp_02_trends_are_published_in_the_aggregate_only() {
    let folder = counted(WORDPRESS, FIREFOX, "/a.html");
    assert_eq!(publish(&folder).status, 0);
    assert!(published(&folder).keys().all(|name| name != "path"));
    // Records are no counts.
    let args = [
        "report",
        "publish",
        "public",
        "--store",
        "clean.jsonl",
        "--policy",
        "./policy.toml",
        "--period",
        "2020-11-23",
        "--reviewer",
        "Alice",
    ];
    assert_ne!(run_in(folder.path(), &args, b"").status, 0);
    assert!(!folder.file("public/2020-11-23.json").exists());
}
