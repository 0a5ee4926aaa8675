//! Tokens: those of an implementation that shares no code with this one, and those of the whole program.
//!
//! What happens when depends on moments, and is tested with made-up ones beside the code. Here the program runs
//! by the clock of the machine, so lines are dated from it. The vectors lie beside the repository: without
//! them that test prints why and tests nothing.

mod program;

use std::{
    fs,
    io::{self, Read as _, Write as _},
    os::unix::fs::{MetadataExt as _, PermissionsExt as _},
    path::Path,
    process::{Command, Stdio},
    thread,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use program::{Done, Folder, TAMIS, run_in};
use serde_json::Value;
use tamis::transform::{
    address::Truncation,
    pseudonym::{ChainKey, Epoch, EpochLength, Secret, TOKEN_TEXT_BYTES_MAX, Token, TokenField},
    time::Timestamp,
};

#[test]
fn tokens_are_those_of_the_vectors() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/key-vectors.json");
    let Ok(text) = fs::read_to_string(&path) else {
        let _ = writeln!(
            io::stderr(),
            "SKIPPED: the vectors are not there; put them into {}",
            path.display()
        );
        return;
    };
    let all: Value = serde_json::from_str(&text).expect("the vectors are JSON");
    let number =
        |value: &Value| u32::try_from(value.as_u64().expect("a number")).expect("a small one");
    let length = EpochLength::new(number(&all["epoch_seconds"])).expect("an epoch may be so long");
    let root = unhex(all["root_hex"].as_str().expect("text"));
    let root = Secret::copy_of(&root.try_into().expect("a root has 32 bytes"));
    let mut at = number(&all["first_epoch"]);
    let mut chain = ChainKey::genesis(root, length, Epoch(at));
    let mut count = 0;
    for epoch in all["epochs"].as_array().expect("a list") {
        while at < number(&epoch["epoch"]) {
            chain = chain.step();
            at += 1;
        }
        let key = chain.epoch_key();
        assert_eq!(chain.expose_key()[..], unhex(epoch["chain_key_hex"].as_str().expect("text")));
        assert_eq!(key.expose_key()[..], unhex(epoch["epoch_key_hex"].as_str().expect("text")));
        assert_eq!(key.id().to_string(), epoch["kid"].as_str().expect("text"));
        for vector in epoch["tokens"].as_array().expect("a list") {
            let word = |name: &str| vector[name].as_str().expect("text");
            let (field, canonical) = match word("field") {
                "visitor" => {
                    let whole = Truncation::none(Vec::new()).client(word("value").as_bytes());
                    let canonical =
                        whole.and_then(|client| client.canonical()).expect("an address");
                    (TokenField::Visitor, canonical.as_bytes().to_vec())
                }
                _ => (TokenField::Cookie, word("value").as_bytes().to_vec()),
            };
            assert_eq!(canonical, unhex(word("canonical_hex")), "{}", word("value"));
            let token = key.field_key(word("site").as_bytes(), field).token(Epoch(at), &canonical);
            assert_eq!(text_of(token), format!("t1.{at}.{}", word("token")));
            count += 1;
        }
    }
    assert!(count >= 18, "only {count} vectors were found");
}

fn text_of(token: Token) -> String {
    let mut text = [0; TOKEN_TEXT_BYTES_MAX];
    let length = token.write(&mut text);
    str::from_utf8(&text[..length]).expect("a token is text").to_owned()
}

fn unhex(text: &str) -> Vec<u8> {
    let pairs = text.as_bytes().chunks(2).map(|pair| str::from_utf8(pair).expect("ASCII"));
    pairs.map(|pair| u8::from_str_radix(pair, 16).expect("hexadecimal digits")).collect()
}

fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("later than 1970");
    i64::try_from(since.as_secs()).expect("not so late")
}

/// A line of this client at this second.
fn line(client: &str, unix: i64) -> String {
    let mut time = Vec::new();
    Timestamp::from_unix(unix).expect("the clock is fine").write_clf(&mut time);
    let time = str::from_utf8(&time).expect("ASCII");
    format!("{client} - - [{time}] \"GET /a.html HTTP/1.1\" 200 512 \"-\" \"curl/8.5.0\"\n")
}

/// What becomes of a log with the keys in the folder `keys`.
fn tokens(folder: &Folder, log: &str, more: &[&str]) -> Done {
    let args = [&["--client", "token", "--key-dir", "keys"], more].concat();
    run_in(folder.path(), &args, log.as_bytes())
}

/// The clients of the records, empty where there is none.
fn clients(done: &Done) -> Vec<String> {
    let records = done.out().lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
    records
        .map(|record| {
            let client = record["client"].as_str().unwrap_or_default().to_owned();
            assert_eq!(record["late"].as_bool(), client.is_empty().then_some(true));
            client
        })
        .collect()
}

#[test]
fn a_visitor_has_one_token_for_a_day_on_a_site_whatever_the_notation() {
    let (folder, other, now) = (Folder::new(), Folder::new(), now());
    let same = [
        "192.0.2.7",
        "::ffff:192.0.2.7",
        "2002:c000:207::1",
        "64:ff9b::192.0.2.7",
        "192.0.2.7:443",
    ];
    let others = ["192.0.2.8", "2001:db8:1:2::1", "2001:db8:1:3::1"];
    let log: String = same.iter().chain(&others).map(|client| line(client, now)).collect();
    let found = clients(&tokens(&folder, &log, &["--format", "combined"]));
    assert!(found[0].starts_with("t1.") && found[0].len() == 25, "{}", found[0]);
    assert!(found[..same.len()].iter().all(|token| *token == found[0]), "{found:?}");
    let mut distinct = found[same.len() - 1..].to_vec();
    distinct.sort();
    distinct.dedup();
    assert_eq!(distinct.len(), 1 + others.len());
    // Another run, more threads and another form tell the same; another site and other keys do not.
    assert_eq!(clients(&tokens(&folder, &log, &["--format", "combined", "--threads", "7"])), found);
    let csv = tokens(&folder, &log, &["--emit", "csv"]);
    assert!(csv.out().lines().nth(1).is_some_and(|row| row.contains(&found[0])));
    let combined = tokens(&folder, &log, &["--emit", "combined"]);
    assert!(combined.out().starts_with(&format!("{} - - [", found[0])));
    let site = clients(&tokens(&folder, &log, &["--site", "www.example.com"]));
    assert!(site.iter().all(|token| !found.contains(token)));
    let others = clients(&tokens(&other, &log, &[]));
    assert!(others.iter().all(|token| !token.is_empty() && !found.contains(token)));
    assert_eq!(
        fs::metadata(folder.file("keys")).expect("made").permissions().mode() & 0o777,
        0o700
    );
}

#[test]
fn lines_of_a_virtual_host_have_tokens_of_their_own() {
    let (folder, now) = (Folder::new(), now());
    let log: String = ["www.example.com:443", "WWW.EXAMPLE.COM:80", "shop.example.com:443"]
        .map(|host| format!("{host} {}", line("192.0.2.7", now)))
        .concat();
    let found = clients(&tokens(&folder, &log, &["--format", "vhost-combined"]));
    assert_eq!(found[0], found[1]);
    assert_ne!(found[0], found[2]);
    // A log that does not say its site belongs to the one that the option names.
    let named = tokens(&folder, &line("192.0.2.7", now), &["--site", "www.example.com"]);
    assert_eq!(clients(&named)[0], found[0]);
}

/// Whoever could choose the address of their own request could look up the token of anybody.
#[test]
fn a_forged_address_has_no_token() {
    let (folder, now) = (Folder::new(), now());
    let forwarded =
        |client: &str, text: &str| format!("{} \"{text}\"\n", line(client, now).trim_end());
    let log: String = [
        line("198.51.100.9", now),
        line("192.0.2.7", now),
        line("203.0.113.8", now),
        // Through a proxy, as it should be, and with what a visitor put before it.
        forwarded("198.51.100.9", "192.0.2.7"),
        forwarded("198.51.100.9", "203.0.113.8, 192.0.2.7"),
        forwarded("198.51.100.9", "203.0.113.8, 192.0.2.7, 198.51.100.10"),
        // Past the proxy.
        forwarded("192.0.2.7", "203.0.113.8"),
        forwarded("192.0.2.7", "203.0.113.8, 198.51.100.9"),
    ]
    .concat();
    let trusting = clients(&tokens(&folder, &log, &["--trusted-proxy", "198.51.100.0/24"]));
    let [proxy, own, victim] = &trusting[..3] else { panic!("three lines") };
    assert!(trusting[3..].iter().all(|token| token == own && token != victim), "{trusting:?}");
    let wary = clients(&tokens(&folder, &log, &[]));
    assert_eq!(wary[..3], trusting[..3]);
    assert_eq!(wary[3..], [proxy, proxy, proxy, own, own].map(String::clone));
}

#[test]
fn lines_without_a_key_are_late_and_that_is_said() {
    let (folder, now) = (Folder::new(), now());
    let times = [now, now + 1_800, now + 2 * 3_600, now - 3 * 86_400, now + 40 * 86_400];
    let log: String = times.iter().map(|time| line("192.0.2.7", *time)).collect();
    let done = tokens(&folder, &log, &[]);
    let has: Vec<_> = clients(&done).iter().map(|token| !token.is_empty()).collect();
    assert_eq!(has, [true, true, false, false, false]);
    assert!(done.err().contains("3 of 5 clean lines have no client"), "{}", done.err());
    assert_eq!(done.status, 0);
    let csv = tokens(&folder, &log, &["--emit", "csv"]);
    assert_eq!(csv.out().lines().filter(|row| row.ends_with(",true")).count(), 3);
}

#[test]
fn processes_that_run_at_once_agree() {
    let (folder, now) = (Folder::new(), now());
    let log = line("192.0.2.7", now);
    let found: Vec<_> = thread::scope(|scope| {
        let runs: Vec<_> =
            (0..4).map(|_| scope.spawn(|| clients(&tokens(&folder, &log, &[])))).collect();
        runs.into_iter().map(|run| run.join().expect("it does not panic")).collect()
    });
    assert!(found.iter().all(|tokens| *tokens == found[0] && !tokens[0].is_empty()), "{found:?}");
}

#[test]
fn destroyed_keys_do_not_come_back_in_a_process_that_knew_them() {
    let (folder, now) = (Folder::new(), now());
    let mut child = Command::new(TAMIS)
        .args(["--client", "token", "--key-dir", "keys", "--format", "combined", "-o", "clean"])
        .current_dir(folder.path())
        .stdin(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("the program starts");
    let mut pipe = child.stdin.take().expect("piped above");
    let mut send = || pipe.write_all(line("192.0.2.7", now).as_bytes()).expect("it reads");
    let wait_for = |count: usize| {
        let lines = || fs::read_to_string(folder.file("clean")).unwrap_or_default();
        while lines().lines().count() < count {
            thread::sleep(Duration::from_millis(20));
        }
    };
    send();
    wait_for(1);
    let destroyed = run_in(folder.path(), &["keys", "destroy", "--yes", "--key-dir", "keys"], b"");
    assert_eq!((destroyed.out(), destroyed.status), ("destroyed all keys in keys\n", 0));
    // The other process notices at its next look, when it draws a new key.
    let has_keys = || {
        let status = run_in(folder.path(), &["keys", "status", "--key-dir", "keys"], b"");
        status.out().contains("\nkey ")
    };
    while !has_keys() {
        thread::sleep(Duration::from_millis(100));
    }
    thread::sleep(Duration::from_millis(100));
    send();
    drop(pipe);
    assert!(child.wait().expect("it ends").success());
    let clean = fs::read_to_string(folder.file("clean")).expect("written");
    let clients: Vec<_> = clean.lines().map(|line| line.split("client").nth(1)).collect();
    assert_eq!(clients.len(), 2);
    assert!(clients[0] != clients[1] && clients[1].is_some(), "{clean}");
}

#[test]
fn status_tells_no_secret() {
    let folder = Folder::new();
    let done = run_in(
        folder.path(),
        &["keys", "init", "--shared", "--epoch", "12h", "--key-dir", "keys"],
        b"",
    );
    assert!(done.out().contains("mode      shared; an epoch has 43200 s"), "{}", done.out());
    let mut count = 0;
    for entry in fs::read_dir(folder.file("keys")).expect("made") {
        let path = entry.expect("readable").path();
        if path.extension().is_some_and(|extension| extension == "key") {
            let key = fs::read(&path).expect("ours");
            let hex: String = key.iter().map(|byte| format!("{byte:02x}")).collect();
            let told = |part: &str| done.out().contains(part);
            assert!(!(0..=56).any(|at| told(&hex[at..at + 8])), "{}", path.display());
            count += 1;
        }
    }
    assert!(count >= 2);
    let again = run_in(folder.path(), &["keys", "init", "--key-dir", "keys"], b"");
    assert_eq!(again.status, 2);
}

#[test]
fn without_a_directory_nothing_is_read() {
    let folder = Folder::new();
    let mut command = Command::new(TAMIS);
    command.args(["--client", "token"]).current_dir(folder.path());
    command.env_remove("RUNTIME_DIRECTORY").env_remove("XDG_RUNTIME_DIR");
    let done = program::finish(&mut command, line("192.0.2.7", now()).as_bytes());
    assert_eq!((done.out(), done.status), ("", 2));
    assert!(done.err().contains("--key-dir"));
    // The first of several directories of a service comes before that of the user.
    let (own, more) = (folder.file("own"), folder.file("more"));
    let mut command = Command::new(TAMIS);
    command.args(["keys", "status"]).env("XDG_RUNTIME_DIR", folder.path());
    command.env("RUNTIME_DIRECTORY", format!("{}:{}", own.display(), more.display()));
    let done = program::finish(&mut command, b"");
    assert_eq!(done.out(), format!("no keys in {}\n", own.display()));
}

/// What runs a command as somebody who is not root and may lock no memory, in a folder that is prepared for it
/// with a copy of the program; nothing, and a line that says so, where these tools are not there.
fn as_nobody(folder: &Folder) -> Option<Command> {
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o777)).expect("ours");
    fs::copy(TAMIS, folder.file("tamis")).expect("the binary is a file");
    let user = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"];
    let is_root = fs::metadata("/proc/self").expect("Linux").uid() == 0;
    let words = [if is_root { &user[..] } else { &[] }, &["prlimit", "--memlock=0:0"]].concat();
    let is_there = Command::new(words[0]).arg("--version").stdout(Stdio::null()).status().is_ok();
    if !is_there {
        let _ = writeln!(io::stderr(), "SKIPPED: {} is not there", words[0]);
        return None;
    }
    let mut command = Command::new(words[0]);
    command.args(&words[1..]).current_dir(folder.path());
    Some(command)
}

/// The files of descriptors belong to root in a process that lets nobody read its memory; its own user may open
/// them all the same. And where no memory may be locked, keys lie in ordinary memory.
#[test]
fn whoever_may_lock_no_memory_and_is_not_root_has_tokens_in_every_way_to_read_and_write() {
    let (folder, log) = (Folder::new(), line("192.0.2.7", now()));
    fs::write(folder.file("log"), log).expect("the folder is ours");
    let Some(mut command) = as_nobody(&folder) else { return };
    let script = "
        options='--client token --key-dir keys --format combined'
        ./tamis $options log
        ./tamis $options -o /dev/stdout log | cat
        ./tamis $options -o /dev/stdout log > out; cat out
        ./tamis $options /dev/stdin < log
        ./tamis $options <(cat log)
        ./tamis $options /dev/fd/7 7< log";
    let done = program::finish(command.args(["bash", "-euo", "pipefail", "-c", script]), b"");
    assert_eq!(done.status, 0, "{}", done.err());
    let found = clients(&done);
    assert_eq!(found.len(), 6, "{}", done.err());
    assert!(found.iter().all(|token| *token == found[0] && !token.is_empty()), "{found:?}");
}

/// The memory of a process with keys is a file of root's, and there is no core dump.
#[test]
fn nobody_reads_the_memory_of_a_process_with_keys() {
    let folder = Folder::new();
    let Some(mut command) = as_nobody(&folder) else { return };
    command.args(["./tamis", "--client", "token", "--key-dir", "keys", "--format", "combined"]);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().expect("it is there");
    let mut stdin = child.stdin.take().expect("piped above");
    stdin.write_all(line("192.0.2.7", now()).as_bytes()).expect("it reads");
    let mut record = [0];
    child.stdout.take().expect("piped above").read_exact(&mut record).expect("a record");
    let process = Path::new("/proc").join(child.id().to_string());
    assert_eq!(fs::metadata(process.join("mem")).expect("it runs").uid(), 0);
    let limits = fs::read_to_string(process.join("limits")).expect("it runs");
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).expect("a limit");
    assert_eq!(core.split_whitespace().collect::<Vec<_>>()[4..6], ["0", "0"]);
    drop(stdin);
    assert!(child.wait().is_ok());
}

/// Runs `tamis keys` in a folder, with the key directory that the last argument names.
fn keys(folder: &Folder, args: &[&str], directory: &str) -> Done {
    run_in(folder.path(), &[&["keys"], args, &["--key-dir", directory]].concat(), b"")
}

/// The public name of the next key, as `tamis keys status` tells it.
fn next_id(folder: &Folder, directory: &str) -> String {
    let status = keys(folder, &["status"], directory);
    let line = status.out().lines().find(|line| line.starts_with("next ")).expect("a chain");
    line.split(' ').nth(1).expect("a name").to_owned()
}

fn mode(folder: &Folder, name: &str) -> u32 {
    fs::metadata(folder.file(name)).expect("it is there").permissions().mode() & 0o777
}

#[test]
fn a_chain_is_asked_for_handed_on_and_imported() {
    let folder = Folder::new();
    assert_eq!(keys(&folder, &["init", "--shared"], "leader").status, 0);
    let asked = keys(&folder, &["import", "--request", "request"], "node");
    assert_eq!((asked.out(), asked.status), ("", 0));
    assert!(asked.err().contains("a request is open in node;"), "{}", asked.err());
    assert!(asked.err().contains("tamis keys export --to REQUEST -o ANSWER"), "{}", asked.err());
    assert_eq!(mode(&folder, "node"), 0o700);
    assert_eq!(mode(&folder, "node/request.identity"), 0o600);
    // Asked again, with the recipient on standard output.
    let again = keys(&folder, &["import", "--request", "-"], "node");
    assert!(again.out().starts_with("age1") && again.out().lines().count() == 1);
    assert!(again.err().contains("in place of an earlier one"), "{}", again.err());
    let waiting = keys(&folder, &["status"], "node");
    assert_eq!(waiting.out(), "no keys in node yet: a request waits for its answer\n");

    let exported = keys(&folder, &["export", "--to", again.out().trim()], "leader");
    let id = next_id(&folder, "leader");
    let command = format!("tamis keys import ANSWER --expect {id}");
    assert!(exported.err().contains(&command), "{}", exported.err());
    assert!(exported.out().starts_with("-----BEGIN AGE ENCRYPTED FILE-----\n"));
    fs::write(folder.file("request"), format!("# of the node\n\n{}", again.out())).expect("ours");
    let exported = keys(&folder, &["export", "--to", "request", "-o", "answer"], "leader");
    assert_eq!((exported.out(), exported.status), ("", 0));
    assert_eq!(mode(&folder, "answer"), 0o600);

    let imported = keys(&folder, &["import", "answer", "--expect", &id], "node");
    assert_eq!(imported.status, 0, "{}", imported.err());
    assert!(imported.out().contains("mode      shared; an epoch has 86400 s"));
    assert_eq!(next_id(&folder, "node"), id);
    assert!(!folder.file("node/request.identity").exists());
    let both = ["leader", "node"].map(|name| folder.file(name));
    let [first, second] = both.map(|path| chain_in(&path));
    assert_eq!(first, second);
    // Lines of the epoch that is now have no key there, unless the next one has all but begun.
    let run = run_in(
        folder.path(),
        &["--client", "token", "--key-dir", "node"],
        line("192.0.2.7", now() - 3 * 3_600).as_bytes(),
    );
    assert_eq!((clients(&run), run.status), (vec![String::new()], 0));
}

/// The name and content of the file with the value of the chain.
fn chain_in(directory: &Path) -> (String, Vec<u8>) {
    let entries = fs::read_dir(directory).expect("made");
    let mut paths = entries.map(|entry| entry.expect("readable").path());
    let path = paths.find(|path| path.display().to_string().contains("chain-")).expect("one");
    (path.file_name().expect("it has one").display().to_string(), fs::read(&path).expect("ours"))
}

#[test]
fn an_answer_that_is_none_is_refused_and_the_request_stays_open() {
    let folder = Folder::new();
    for leader in ["leader", "forger"] {
        assert_eq!(keys(&folder, &["init", "--shared"], leader).status, 0);
    }
    assert_eq!(keys(&folder, &["import", "--request", "request"], "node").status, 0);
    for (leader, file) in [("leader", "answer"), ("forger", "forged")] {
        let exported = keys(&folder, &["export", "--to", "request", "-o", file], leader);
        assert_eq!(exported.status, 0, "{}", exported.err());
    }
    let id = next_id(&folder, "leader");
    fs::write(folder.file("half"), &fs::read(folder.file("answer")).expect("ours")[..200])
        .expect("the folder is ours");
    let identity = fs::read(folder.file("node/request.identity")).expect("ours");
    for (file, expect, status, says) in [
        ("forged", &*id, 3, "refused the answer: its key is not the one that --expect names"),
        ("answer", "000000000000", 3, "refused the answer"),
        ("half", &id, 2, "cannot read the answer: it is damaged, or to another request"),
        ("request", &id, 2, "cannot read the answer: it is damaged"),
        ("nowhere", &id, 2, "cannot read the answer in nowhere"),
        ("answer", &id[1..], 2, "12 hexadecimal digits are expected"),
    ] {
        let done = keys(&folder, &["import", file, "--expect", expect], "node");
        assert_eq!((done.out(), done.status), ("", status), "{}", done.err());
        assert!(done.err().contains(says), "{}", done.err());
        assert_eq!(fs::read(folder.file("node/request.identity")).expect("ours"), identity);
        assert_eq!(fs::read_dir(folder.file("node")).expect("made").count(), 2, "and the lock");
    }
    let elsewhere = keys(&folder, &["import", "answer", "--expect", &id], "elsewhere");
    assert!(elsewhere.status == 2 && elsewhere.err().contains("no request is open in elsewhere"));
    assert_eq!(keys(&folder, &["import", "answer"], "node").status, 2);
    assert_eq!(keys(&folder, &["import"], "node").status, 2);
    let run = run_in(folder.path(), &["--client", "token", "--key-dir", "node"], b"");
    assert!(run.status == 2 && run.err().contains("a request for a chain is open"));
    let mut command = Command::new(TAMIS);
    command.args(["keys", "import", "-", "--expect", &id, "--key-dir", "node"]);
    let answer = fs::read(folder.file("answer")).expect("ours");
    let done = program::finish(command.current_dir(folder.path()), &answer);
    assert_eq!(done.status, 0, "{}", done.err());
    let solo = keys(&folder, &["init"], "solo");
    assert_eq!(solo.status, 0);
    let export = keys(&folder, &["export", "--to", "request"], "solo");
    assert!(export.status == 2 && export.err().contains("drawn for this machine alone (solo)"));
    let request = keys(&folder, &["import", "--request", "-"], "solo");
    assert!(request.out().is_empty() && request.status == 2);
}

/// Wherever an import is killed, the request is open, or the keys are there and work.
#[test]
fn a_killed_import_is_done_or_not_begun() {
    let folder = Folder::new();
    assert_eq!(keys(&folder, &["init", "--shared"], "leader").status, 0);
    assert_eq!(keys(&folder, &["import", "--request", "request"], "node").status, 0);
    let export = ["export", "--to", "request", "-o", "answer"];
    assert_eq!(keys(&folder, &export, "leader").status, 0);
    let id = next_id(&folder, "leader");
    let identity = fs::read(folder.file("node/request.identity")).expect("ours");
    let import = ["import", "answer", "--expect", &id];
    let (mut turn, mut done) = (0, 0);
    // Later and later, until some are through.
    while done < 10 {
        turn += 1;
        let _ = fs::remove_dir_all(folder.file("node"));
        assert_eq!(keys(&folder, &["import", "--request", "-"], "node").status, 0);
        fs::write(folder.file("node/request.identity"), &identity).expect("ours");
        let mut child = Command::new(TAMIS)
            .args(["keys"])
            .args(import)
            .args(["--key-dir", "node"])
            .current_dir(folder.path())
            .stdout(Stdio::null())
            .spawn()
            .expect("the program starts");
        thread::sleep(Duration::from_micros(turn * 150));
        let _ = child.kill();
        assert!(child.wait().is_ok());
        let status = keys(&folder, &["status"], "node");
        let is_done = status.out().contains("mode      shared");
        done += u32::from(is_done);
        assert!(is_done || status.out().contains("a request waits"), "{}", status.out());
        assert_eq!(folder.file("node/request.identity").exists(), !is_done);
        // Once more: it is done now, or was already.
        let expect = if is_done { 2 } else { 0 };
        assert_eq!(keys(&folder, &import, "node").status, expect);
        assert_eq!(next_id(&folder, "node"), id);
    }
}
