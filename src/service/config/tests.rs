//! What is a configuration, what is none, and what is said of that.

use super::*;

const SAMPLE: &str = r#"
policy = "baseline"
state_dir = "/var/lib/tamis"

[[source]]
kind = "file"
path = "/var/log/nginx/access.log*"
site = "www.example.org"

[[source]]
kind = "unix-datagram"
listen = "systemd:nginx"

[sink]
kind = "file"
path = "/var/lib/tamis/clean/access.jsonl"
rotate = { every = "1d", bytes = "1GiB", keep = 30 }

[quarantine]
dir = "/var/lib/tamis/quarantine"
look_back = { minutes = 5, bytes = "64MiB" }

[keys]
late = "2h"

[metrics]
listen = "/run/tamis/metrics.sock"
"#;

#[test]
fn the_sample_is_read() {
    let config = Config::parse(SAMPLE).expect("it is a configuration");
    assert_eq!(config.sources.len(), 2);
    let rotate = config.sink.rotate.expect("it rotates");
    assert_eq!((rotate.every, rotate.bytes), (Some(Duration::from_secs(86_400)), Some(1 << 30)));
}

#[test]
fn the_configuration_that_is_installed_is_good() {
    Config::parse(include_str!("../../../samples/systemd/tamis.toml"))
        .expect("it is a configuration");
}

#[track_caller]
fn check(from: &str, to: &str, expect: &str) {
    assert!(SAMPLE.contains(from));
    let error =
        Config::parse(&SAMPLE.replacen(from, to, 1)).expect_err("it is refused").to_string();
    assert!(error.contains(expect), "{error}");
    assert!(!error.contains("secret"), "{error}");
}

#[test]
fn mistakes_are_told_by_key_and_line_without_what_stands_there() {
    check("late = \"2h\"", "lately = \"secret\"", "line 24: lately: there is no such key");
    check("late = \"2h\"", "late = \"secret\"", "keys.late: this version keeps keys for 2h");
    check(
        "kind = \"file\"\npath",
        "kind = \"secret\"\npath",
        "line 6: kind: there is no such word",
    );
    check("every = \"1d\"", "every = \"secret\"", "rotate: expected is a duration");
    check("keep = 30", "keep = \"secret\"", "line 17: rotate: usize is expected");
    check("policy = \"baseline\"", "policy = secret", "line 2: policy: this is not TOML");
    check("state_dir = \"/var/lib/tamis\"", "", "state_dir is missing");
    check("systemd:nginx", "secret", "source.listen: a path");
    check("/run/tamis/metrics.sock", "192.0.2.1:80", "metrics.listen: this address");
    check("kind = \"unix-datagram\"", "kind = \"stdin\"", "has neither path nor listen");
    check("kind = \"unix-datagram\"", "kind = \"udp\"\nconfirm = true", "source.confirm");
}

#[test]
fn the_journal_needs_a_choice_in_words() {
    let journal = |choice: &str| {
        let source = format!("kind = \"journald\"\n{choice}\n");
        Config::parse(
            &SAMPLE.replace("kind = \"unix-datagram\"\nlisten = \"systemd:nginx\"\n", &source),
        )
    };
    let config = journal("unit = \"nginx\"\nidentifier = [\"a\", \"b\"]").expect("it is right");
    assert_eq!((config.sources[1].unit.len(), config.sources[1].identifier.len()), (1, 2));
    for (choice, expect) in [
        ("", "needs unit or identifier"),
        ("unit = \"secret word\"", "words such as nginx.service"),
        ("unit = [\"\"]", "words such as nginx.service"),
        ("unit = 1", "expected is a word or a list of words"),
        ("unit = \"a\"\npath = \"/secret\"", "has neither path nor listen"),
    ] {
        let error = journal(choice).expect_err("it is refused").to_string();
        assert!(error.contains(expect) && !error.contains("secret"), "{error}");
    }
}

#[test]
fn records_go_to_sockets_of_this_machine_only() {
    let sink = |lines: &str| {
        let from = SAMPLE.find("[sink]").expect("it is there");
        let to = SAMPLE.find("[quarantine]").expect("it is there");
        Config::parse(&format!("{}[sink]\n{lines}\n{}", &SAMPLE[..from], &SAMPLE[to..]))
    };
    for good in [
        "kind = \"unix-stream\"\nconnect = \"/run/collector.sock\"",
        "kind = \"tcp\"\nconnect = \"127.0.0.1:6514\"\nemit = \"combined\"",
    ] {
        assert!(sink(good).is_ok(), "{good}");
    }
    for (lines, expect) in [
        ("kind = \"tcp\"\nconnect = \"192.0.2.1:6514\"", "on another machine"),
        ("kind = \"tcp\"\nconnect = \"/secret\"", "tcp needs an address"),
        ("kind = \"unix-stream\"\nconnect = \"127.0.0.1:1\"", "needs the path"),
        ("kind = \"unix-stream\"", "a socket needs one"),
        ("kind = \"unix-stream\"\nconnect = \"/secret\"\nemit = \"csv\"", "use jsonl"),
        ("kind = \"file\"\npath = \"/a\"\nconnect = \"/secret\"", "a file has none"),
        ("kind = \"tcp\"\npath = \"/secret\"", "only a file has one"),
    ] {
        let error = sink(lines).expect_err("it is refused").to_string();
        assert!(error.contains(expect) && !error.contains("secret"), "{error}");
    }
}
