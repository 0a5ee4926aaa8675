//! Nothing of a sealed line, of whom somebody looked for or of why, is in the clear anywhere but on the output that was
//! asked for: not in messages, journals, names of files, bundles or approvals, whether a command succeeds or fails.

use std::{fs, path::Path};

use crate::made::{Made, line};

/// What was planted: in lines, as selectors, as reasons.
const PLANTED: [&str; 6] = [
    "192.0.2.77",
    "2001:db8::77",
    "/secret-page-of-alice",
    "Bob-of-example",
    "198.51.100.77",
    "/planted-path",
];

/// All planted texts as they may be found.
fn forms() -> Vec<Vec<u8>> {
    use std::fmt::Write as _;
    let mut forms = Vec::new();
    for text in PLANTED {
        forms.push(text.as_bytes().to_vec());
        let mut hex = String::new();
        text.bytes().for_each(|byte| write!(hex, "{byte:02x}").expect("a string takes it"));
        forms.push(hex.into_bytes());
        // Three beginnings, without what depends on the neighbours.
        for skip in 0..3 {
            let coded = base64(&text.as_bytes()[skip.min(text.len())..]);
            let end = coded.len().saturating_sub(4).max(8).min(coded.len());
            forms.push(coded[..end].to_vec());
        }
        forms.push(text.replace('/', "%2F").into_bytes());
    }
    forms.retain(|form| form.len() >= 8);
    forms
}

fn base64(bytes: &[u8]) -> Vec<u8> {
    use ::base64::Engine as _;
    ::base64::engine::general_purpose::STANDARD_NO_PAD.encode(bytes).into_bytes()
}

#[track_caller]
fn has_none(what: &str, bytes: &[u8]) {
    for form in forms() {
        let found = bytes.windows(form.len()).any(|window| window == form);
        assert!(!found, "{what} has {}", form.escape_ascii());
    }
}

fn files(root: &Path, found: &mut Vec<std::path::PathBuf>) {
    for entry in fs::read_dir(root).expect("the folder is ours") {
        let path = entry.expect("the folder is ours").path();
        if path.is_dir() { files(&path, found) } else { found.push(path) }
    }
}

#[test]
fn what_is_sealed_and_said_stays_sealed() {
    let mut made = Made::new(&["security", "dpo", "auditor"]);
    let lines = [
        line("192.0.2.77", 22, "/secret-page-of-alice"),
        line("2001:db8::77", 22, "/secret-page-of-alice?u=Bob-of-example"),
        line("203.0.113.5", 22, "/"),
    ];
    let id = made.seal(22, &lines);
    let odd = made.seal_as(23, &["192.0.2.77 Bob-of-example".to_owned()], "refused");
    fs::write(made.path("why"), "because of Bob-of-example and 198.51.100.77\n")
        .expect("the folder is ours");
    fs::write(made.path("whom"), "198.51.100.77\n192.0.2.77\n").expect("the folder is ours");
    fs::write(made.path("one"), "192.0.2.77\n").expect("the folder is ours");
    let two = "-i security.key -i dpo.key --basis law --case T-1 --reason-file why";
    let open = "case open --case-dir cases --case T-2 --cidr-file whom --path /planted-path --basis law \
                --reason-file why";
    // Each with whether its standard output is what was asked for.
    let commands = [
        ("status q".to_owned(), false),
        ("list q".to_owned(), false),
        (format!("search q {two} --ip-file whom"), false),
        (format!("search q {two} --path /planted-path"), false),
        (format!("open q {two} --ip-file whom"), true),
        (format!("open q {two} --json"), true),
        (format!("open q {two} --segment 198.51.100.77"), false),
        (
            "open q -i other.key --basis law --case T-1 --reason-file why --ip-file whom"
                .to_owned(),
            false,
        ),
        (format!("open q {two} --ip 192.0.2.77/99"), false),
        (format!("open q {two} --from /planted-path"), false),
        (format!("open q -i why {two}"), false),
        (
            "open q -i security.key --basis Bob-of-example --case 192.0.2.77 --reason-file why"
                .to_owned(),
            false,
        ),
        (
            "open q -i security.key --basis law --case 192.0.2.77 --reason-file why".to_owned(),
            false,
        ),
        (format!("subject export q {two} --ip-file one"), true),
        (format!("subject export q {two} --ip-file whom"), false),
        (
            "approve q -i dpo.key --basis law --case T-1 --reason-file why -o approved".to_owned(),
            false,
        ),
        (format!("export q {two} --to b.tar"), false),
        (format!("export q {two} --to b.tar"), false),
        (open.to_owned(), false),
        ("case list --case-dir cases".to_owned(), false),
        ("hold q --case T-3 --until 2090-01-01 --reason-file why".to_owned(), false),
        (format!("subject erase q {two} --ip-file one --yes"), false),
        ("release q hold-3 --reason-file why".to_owned(), false),
        (format!("subject erase q {two} --ip-file one"), false),
        (format!("subject erase q {two} --ip-file one --yes"), false),
        ("drill q -i security.key -i dpo.key".to_owned(), false),
        ("verify q --seed auditor.key".to_owned(), false),
        ("verify q --seed why".to_owned(), false),
        ("expire q --yes --now 2088-01-01".to_owned(), false),
    ];
    let mut shown = 0;
    for (args, is_asked_for) in &commands {
        let done = made.run(args);
        // What was typed on the command line may be there: `--ip` and such are for those who accept that.
        let mut message = done.err().to_owned();
        if args.contains("--segment 198.51.100.77") {
            message = message.replace("\"198.51.100.77\"", "");
        }
        has_none(&format!("the message of {args}"), message.as_bytes());
        if *is_asked_for {
            assert_eq!(done.status, 0, "{args}: {}", done.err());
            shown += done.out().lines().count();
        } else {
            has_none(&format!("what {args} printed"), &done.stdout);
        }
    }
    assert_eq!(
        shown,
        2 + 4 + 2,
        "the control: what was planted does come out where it is asked for"
    );
    assert!(!id.is_empty() && !odd.is_empty());
    let mut all = Vec::new();
    files(made.folder.path(), &mut all);
    let mut looked = 0;
    for path in all {
        let name =
            path.strip_prefix(made.folder.path()).expect("it lies there").display().to_string();
        has_none("a name", name.as_bytes());
        // What the test wrote itself, and a case, which is its owner's until it is closed.
        if ["why", "whom", "one", "cases/T-2.case"].contains(&name.as_str()) {
            continue;
        }
        has_none(&name, &fs::read(&path).expect("the folder is ours"));
        looked += 1;
    }
    assert!(looked > 15, "{looked}");
    let kinds: Vec<_> = made.audit().iter().map(|line| line["kind"].clone()).collect();
    for kind in [
        "open",
        "search",
        "subject-export",
        "subject-erase",
        "approve",
        "export",
        "refused",
        "drill",
        "end",
    ] {
        assert!(kinds.contains(&kind.into()), "{kind} in {kinds:?}");
    }
}
