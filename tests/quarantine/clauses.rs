//! What the published policies say of whole lines that are kept, clause by clause, with the numbers of the presets.

use std::{fs, os::unix::fs::PermissionsExt as _};

use serde_json::Value;

use crate::{
    made::{Made, line},
    program::run_in,
};

fn sealed(roles: &[&str]) -> Made {
    let mut made = Made::new(roles);
    made.seal(22, &[line("192.0.2.7", 22, "/a"), line("192.0.2.8", 22, "/b")]);
    made
}

/// Tries to open it as `said` under a policy: nothing, or the word by which it was refused.
fn refusal(made: &Made, policy: &str, said: &str) -> Option<String> {
    let keys = if made.path("dpo.key").exists() {
        "-i security.key -i dpo.key"
    } else {
        "-i security.key"
    };
    let done = made.run(&format!("open q {keys} --policy {policy} {said}"));
    if done.status == 0 {
        assert_eq!(done.out().lines().count(), 2, "{}", done.out());
        return None;
    }
    assert_eq!((done.status, done.out()), (3, ""), "{}", done.err());
    let last = made.audit().pop().expect("it was written down");
    assert_eq!(last["kind"], "refused");
    last["why"].as_str().map(str::to_owned)
}

fn word(text: &str) -> Option<String> {
    Some(text.to_owned())
}

/// Every basis that there is in any policy, and whether this one knows it.
fn bases(made: &Made, policy: &str, said: &str, known: &[&str]) {
    for basis in [
        "law",
        "subpoena",
        "crime-prevention",
        "agreement-violation",
        "protect-rights",
        "breach-investigation",
        "marketing",
    ] {
        let expect = if known.contains(&basis) { None } else { word("basis-not-allowed") };
        assert_eq!(
            refusal(made, policy, &format!("--basis {basis} {said}")),
            expect,
            "{policy}: {basis}"
        );
    }
}

#[test]
fn moz_15_who_opens_names_a_case_a_need_and_agrees_not_to_disclose() {
    let made = sealed(&["security"]);
    let try_with = |said: &str| {
        refusal(&made, "mozilla-2008", &format!("--basis law --reason-file why {said}"))
    };
    assert_eq!(try_with("--need-file why --ack-confidential"), word("no-case"));
    assert_eq!(try_with("--case T-1 --ack-confidential"), word("no-need"));
    assert_eq!(try_with("--case T-1 --need-file why"), word("not-acknowledged"));
    assert_eq!(try_with("--case T-1 --need-file why --ack-confidential"), None);
    let opened =
        made.audit().into_iter().find(|line| line["kind"] == "open").expect("it was opened");
    assert_eq!((&opened["acknowledged"], &opened["case"]), (&Value::Bool(true), &"T-1".into()));
    assert_eq!(opened["roles"], serde_json::json!(["security"]));
    assert!(opened["need"].is_string() && opened["uid"].is_u64());
}

#[test]
fn moz_16_it_is_opened_for_the_law_and_to_protect_rights() {
    let made = sealed(&["security"]);
    let said = "--reason-file why --case T-1 --need-file why --ack-confidential";
    bases(&made, "mozilla-2008", said, &["law", "protect-rights"]);
}

#[test]
fn moz_18_what_is_kept_is_protected_against_access_use_alteration_and_destruction() {
    let made = sealed(&["security", "auditor"]);
    // Access: no byte of it is in the clear, and nobody else may read the files.
    for path in everything(&made) {
        let bytes = fs::read(&path).expect("the file is ours");
        let found = ["192.0.2", "/a", "curl"].iter().find(|text| {
            bytes.windows(text.len()).any(|window| window == text.as_bytes()) && text.len() > 2
        });
        assert_eq!(found, None, "{}", path.display());
    }
    // Use: not without saying what for.
    assert_eq!(refusal(&made, "mozilla-2008", ""), word("no-basis"));
    // Alteration and destruction are found.
    assert_eq!(made.run("verify q --seed auditor.key").status, 0);
    fs::remove_file(made.path("q/segments/2026-11-22/000001.age")).expect("the file is ours");
    assert_eq!(made.run("verify q --seed auditor.key").status, 3);
}

#[test]
fn moz_19_somebody_gets_their_lines_and_has_them_erased() {
    let made = sealed(&["security"]);
    let said = "-i security.key --policy mozilla-2008 --basis law --reason-file why --case T-1 --need-file why \
                --ack-confidential --ip 192.0.2.7";
    let done = made.run(&format!("subject export q {said}"));
    assert_eq!(done.out(), format!("{}\n", line("192.0.2.7", 22, "/a")), "{}", done.err());
    let done = made.run(&format!("subject erase q {said} --yes"));
    assert_eq!(done.out(), "erased 1 lines from 1 segment\n", "{}", done.err());
    assert_eq!(made.run(&format!("subject export q {said}")).out(), "");
    let other = said.replace("192.0.2.7", "192.0.2.8");
    let done = made.run(&format!("subject export q {other}"));
    assert_eq!(done.out(), format!("{}\n", line("192.0.2.8", 22, "/b")));
}

#[test]
fn wp_09_it_is_opened_for_the_law_and_to_protect_rights() {
    let made = sealed(&["security"]);
    let said = "--reason-file why --need-file why --ack-confidential";
    bases(&made, "wordpress-2011", said, &["law", "protect-rights"]);
    // WP-7: who needs to know, and agrees not to disclose.
    let try_with = |said: &str| {
        refusal(&made, "wordpress-2011", &format!("--basis law --reason-file why {said}"))
    };
    assert_eq!(try_with("--ack-confidential"), word("no-need"));
    assert_eq!(try_with("--need-file why"), word("not-acknowledged"));
}

#[test]
fn wp_12_what_may_identify_is_protected_as_what_does() {
    let made = sealed(&["security"]);
    assert_eq!(
        refusal(
            &made,
            "wordpress-2011",
            "--basis law --reason-file why --need-file why --ack-confidential"
        ),
        None
    );
    // Keys of tokens beside the quarantine: whatever has a key is its owner's alone.
    let done = run_in(made.folder.path(), &["keys", "init", "--key-dir", "keys"], b"");
    assert_eq!(done.status, 0, "{}", done.err());
    let mut keys = 0;
    for path in everything(&made) {
        let mode = path.metadata().expect("the file is ours").permissions().mode();
        assert_eq!(mode & 0o002, 0, "{}", path.display());
        let name = path.display().to_string();
        let has_key =
            name.ends_with("mac.key") || name.contains("/audit/") && name.ends_with(".key");
        if has_key || name.contains("/keys/") && !name.ends_with(".age") {
            assert_eq!(mode & 0o077, 0, "{name}");
            keys += 1;
        }
    }
    assert!(keys >= 3, "{keys}");
}

#[test]
fn can_03_what_can_be_read_and_attacks_nobody_is_never_kept_and_the_rest_for_a_week() {
    let made = Made::new(&["security", "dpo"]);
    let log = format!("{}\nno line of a log\n", line("192.0.2.7", 22, "/a"));
    let args = ["--policy", "canonical-2012", "--quarantine", "q", "--format", "combined"];
    let done = run_in(made.folder.path(), &args, log.as_bytes());
    assert_eq!((done.status, done.out().lines().count()), (0, 1), "{}", done.err());
    let said = "-i security.key -i dpo.key --policy canonical-2012 --basis law --reason-file why";
    assert_eq!(made.run(&format!("open q {said}")).out(), "no line of a log\n");
    let begun =
        tamis::quarantine::layout::unix(made.manifest()[0]["time"].as_str().expect("a time"))
            .expect("a time");
    let day = |days: i64| tamis::quarantine::layout::rfc3339(begun + days * 86_400);
    let expire = |days| made.run(&format!("expire q --policy canonical-2012 --now {}", day(days)));
    assert!(expire(6).out().contains("0 segments destroyed after 7 days"));
    assert!(expire(9).out().contains("1 segment destroyed after 7 days"));
    assert_eq!(made.run(&format!("open q {said}")).out(), "");
}

#[test]
fn can_07_it_is_opened_for_what_the_policy_names() {
    let made = sealed(&["security", "dpo"]);
    let known = ["law", "subpoena", "crime-prevention", "agreement-violation", "protect-rights"];
    bases(&made, "canonical-2012", "--reason-file why", &known);
}

#[test]
fn can_08_nobody_opens_it_alone_nor_does_the_machine_that_writes_it() {
    let made = sealed(&["security", "dpo"]);
    let said = "--policy canonical-2012 --basis law --reason-file why";
    for key in ["security.key", "dpo.key", "other.key"] {
        let done = made.run(&format!("open q -i {key} {said}"));
        assert_eq!((done.status, done.out()), (3, ""), "{key}");
    }
    // A quarantine that one person opens is not enough for this policy.
    let one = sealed(&["security"]);
    assert_eq!(
        refusal(&one, "canonical-2012", "--basis law --reason-file why"),
        word("one-person")
    );
    // Nothing that the writer has is an identity.
    for path in everything(&made) {
        let bytes = fs::read(&path).expect("the file is ours");
        let secret = bytes.windows(15).any(|window| window == b"AGE-SECRET-KEY-");
        assert_eq!(
            secret,
            !path.starts_with(made.path("q")) && path.to_string_lossy().ends_with(".key")
        );
    }
}

#[test]
fn can_10_somebody_gets_a_copy_of_their_lines_and_of_no_others() {
    let made = sealed(&["security", "dpo"]);
    let said = "-i security.key -i dpo.key --policy canonical-2012 --basis law --reason-file why --ip 192.0.2.7";
    let done = made.run(&format!("subject export q {said} -o copy"));
    assert_eq!((done.status, done.out()), (0, ""));
    assert!(done.err().contains("1 lines of the subject in copy"), "{}", done.err());
    let copy = fs::read_to_string(made.path("copy")).expect("it was written");
    assert_eq!(copy, format!("{}\n", line("192.0.2.7", 22, "/a")));
    let mode = made.path("copy").metadata().expect("it is there").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let audit = made.audit();
    assert_eq!((&audit[0]["kind"], &audit[1]["lines"]), (&"subject-export".into(), &1.into()));
}

#[test]
fn sit_10_segments_are_handed_to_law_enforcement_with_the_chain_of_custody() {
    let made = sealed(&["security", "auditor"]);
    let agency = age::x25519::Identity::generate();
    let said = "-i security.key --policy sitecore-2012 --basis breach-investigation --case T-1 --reason-file why";
    let to = agency.to_public();
    let done =
        made.run(&format!("export q {said} --to b.tar --for law-enforcement --recipient {to}"));
    assert_eq!(done.status, 0, "{}", done.err());
    let check = || {
        let mut sh = std::process::Command::new("sh");
        sh.arg("verify.sh")
            .current_dir(made.path("b"))
            .output()
            .expect("there is a shell")
            .status
            .success()
    };
    let unpack = || {
        let _ = fs::remove_dir_all(made.path("b"));
        let file = fs::File::open(made.path("b.tar")).expect("it was written");
        tar::Archive::new(file).unpack(made.path("b")).expect("it is an archive");
    };
    unpack();
    assert!(check());
    let about = fs::read_to_string(made.path("b/ABOUT.txt")).expect("it is in it");
    for says in [
        "for          law-enforcement",
        "case         T-1",
        "basis        breach-investigation",
        "with         tamis ",
    ] {
        assert!(about.contains(says), "{about}");
    }
    assert!(
        fs::read_to_string(made.path("b/policy.toml"))
            .is_ok_and(|text| text.contains("sitecore-2012"))
    );
    // The agency opens what it was handed with its own key, and with any age.
    let key = fs::read(made.path("b/keys/2026-11-22/000001.key.age")).expect("it is in it");
    let secret = age::decrypt(&agency, &key).expect("it opens");
    let secret: age::x25519::Identity =
        str::from_utf8(&secret).expect("text").trim().parse().expect("a key");
    let body = fs::read(made.path("b/segments/2026-11-22/000001.age")).expect("it is in it");
    let text =
        zstd::decode_all(&age::decrypt(&secret, &body).expect("it opens")[..]).expect("it is zstd");
    assert!(str::from_utf8(&text).expect("text").contains(&line("192.0.2.7", 22, "/a")));
    // One byte of anything, one file more, one line less.
    for path in below(&made.path("b")) {
        let mut bytes = fs::read(&path).expect("it was unpacked");
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("it is ours");
        fs::write(&path, bytes).expect("it is ours");
        // A script that somebody changed may do anything; the sums tell of it.
        assert!(path.ends_with("verify.sh") || !check(), "{}", path.display());
        unpack();
    }
    fs::write(made.path("b/more"), "more").expect("it is ours");
    assert!(!check());
    unpack();
    fs::remove_file(made.path("b/segments/2026-11-22/000001.age")).expect("it is ours");
    assert!(!check());
}

#[test]
fn sit_11_it_is_opened_to_investigate_a_breach_and_for_nothing_else() {
    let made = sealed(&["security"]);
    bases(&made, "sitecore-2012", "--reason-file why --case T-1", &["breach-investigation"]);
    let no_case = refusal(&made, "sitecore-2012", "--reason-file why --basis breach-investigation");
    assert_eq!(no_case, word("no-case"));
}

/// Every file in the folder.
fn everything(made: &Made) -> Vec<std::path::PathBuf> {
    let without_reason =
        |path: &std::path::PathBuf| !path.ends_with("why") && !path.ends_with("copy");
    below(made.folder.path()).into_iter().filter(without_reason).collect()
}

fn below(root: &std::path::Path) -> Vec<std::path::PathBuf> {
    let (mut found, mut directories) = (Vec::new(), vec![root.to_owned()]);
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(directory).expect("the folder is ours") {
            let path = entry.expect("the folder is ours").path();
            if path.is_dir() { directories.push(path) } else { found.push(path) }
        }
    }
    found.sort();
    found
}
