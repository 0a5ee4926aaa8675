//! The recipes of samples/recipes with the real programs, on loopback: as many records as requests, each once, while
//! logs rotate. What differs from a sample is where its files and ports are.
//!
//! A server that is not there is skipped, loudly.

#[path = "../program/mod.rs"]
mod program;
mod stage;

use std::{fs, process::Command};

use program::{TAMIS, finish, run};
use rustix::process::Signal;
use stage::{Stage, free_port, is_there, recipe};

/// Everything of Debian's modules that the recipe and its answers need.
const APACHE_MODULES: [(&str, &str); 3] = [
    ("mpm_event", "mod_mpm_event.so"),
    ("authz_core", "mod_authz_core.so"),
    ("alias", "mod_alias.so"),
];

fn apache(stage: &mut Stage, logs: &str) {
    stage.write("index.html", "");
    let modules = APACHE_MODULES
        .map(|(name, file)| format!("LoadModule {name}_module /usr/lib/apache2/modules/{file}\n"))
        .concat();
    let config = format!(
        "ServerRoot \"{root}\"\nServerName 127.0.0.1\nPidFile \"{root}/apache.pid\"\nListen 127.0.0.1:{port}\n{modules}\
         User www-data\nGroup www-data\nErrorLog \"{root}/apache-errors.err\"\nMutex file:{root} default\n\
         LogFormat \"%h %l %u %t \\\"%r\\\" %>s %O \\\"%{{Referer}}i\\\" \\\"%{{User-Agent}}i\\\"\" combined\n{logs}\n\
         AliasMatch \"^/.*$\" \"{root}/index.html\"\n<Directory \"{root}\">\nRequire all granted\n</Directory>\n",
        root = stage.path(""),
        port = stage.port,
    );
    let config = stage.write("apache.conf", &config);
    stage.start("apache2", "apache2", &["-f", &config, "-DFOREGROUND"]);
    stage.answers();
}

fn nginx(stage: &mut Stage, logs: &str) {
    let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
    let temporary =
        temporary.map(|kind| format!("{kind}_temp_path {}; ", stage.path(kind))).concat();
    let config = format!(
        "daemon off; user root; worker_processes 2; pid {}; error_log {} info;\nevents {{ worker_connections 256; }}\n\
         http {{ {temporary}\n{logs}\nserver {{ listen 127.0.0.1:{}; location / {{ return 200; }} }} }}\n",
        stage.path("nginx.pid"),
        stage.path("nginx-errors.err"),
        stage.port,
    );
    let config = stage.write("nginx.conf", &config);
    stage.start("nginx", "nginx", &["-e", &stage.path("nginx-first.err"), "-c", &config]);
    stage.answers();
}

/// rsyslog with a recipe, and nginx which sends to it.
fn rsyslog(stage: &mut Stage, rules: &str) {
    let port = free_port();
    let config = format!(
        "global(workDirectory=\"{}\")\nmodule(load=\"imudp\")\n\
         input(type=\"imudp\" address=\"127.0.0.1\" port=\"{port}\" rcvbufSize=\"8m\")\n{rules}\n",
        stage.path(""),
    );
    let config = stage.write("rsyslog.conf", &config);
    let pid = stage.path("rsyslog.pid");
    stage.start("rsyslogd", "rsyslogd", &["-n", "-f", &config, "-i", &pid]);
    // It makes this file when it is ready to listen.
    stage::soon("rsyslog starts", || fs::exists(&pid).unwrap_or_default());
    nginx(
        stage,
        &format!(
            "access_log syslog:server=127.0.0.1:{port},nohostname,tag=nginx,severity=info combined;"
        ),
    );
    // What fits into its socket at the least, should the machine be busy with something else.
    stage.at_once = 50;
}

#[test]
fn apache_pipes_to_the_program() {
    if !is_there("apache2") {
        return;
    }
    let mut stage = Stage::new();
    let output = stage.path("clean.jsonl");
    let changes = [("/usr/bin/tamis", TAMIS), ("/var/log/apache2/clean.jsonl", &output)];
    apache(&mut stage, &recipe("apache-piped.conf", &changes));
    stage.try_out(|stage, turn| {
        stage.move_away("clean.jsonl", turn);
        // What `apachectl graceful` sends.
        stage.signal("apache2", Signal::USR1);
        // One that comes before it has begun anew is forgotten.
        stage::soon("Apache begins anew", || {
            let said = fs::read_to_string(stage.path("apache-errors.err")).unwrap_or_default();
            said.matches("resuming normal operations").count() > turn
        });
    });
}

#[test]
fn nginx_writes_a_file_that_is_followed() {
    if !is_there("nginx") {
        return;
    }
    let mut stage = Stage::new();
    let log = stage.path("access.log");
    stage.serve(&recipe("nginx-file.toml", &[("/var/log/nginx/access.log", &log)]));
    nginx(&mut stage, &recipe("nginx-file.conf", &[("/var/log/nginx/access.log", &log)]));
    stage.try_out(|stage, turn| {
        stage.move_away("access.log", turn);
        stage.signal("nginx", Signal::USR1);
        stage.rotate_clean(turn);
    });
}

#[test]
fn nginx_writes_into_a_named_pipe() {
    if !is_there("nginx") {
        return;
    }
    let mut stage = Stage::new();
    let pipe = stage.path("access.fifo");
    stage.serve(&recipe("nginx-fifo.toml", &[("/run/tamis-in/access.fifo", &pipe)]));
    nginx(&mut stage, &recipe("nginx-fifo.conf", &[("/run/tamis-in/access.fifo", &pipe)]));
    stage.try_out(|stage, turn| {
        stage.signal("nginx", Signal::USR1);
        stage.rotate_clean(turn);
    });
}

#[test]
fn nginx_hands_lines_to_a_socket() {
    if !is_there("nginx") {
        return;
    }
    let mut stage = Stage::new();
    let socket = stage.path("nginx.sock");
    stage.serve(&recipe("nginx-syslog.toml", &[("systemd:nginx", &socket)]));
    nginx(&mut stage, &recipe("nginx-syslog.conf", &[("/run/tamis-nginx.sock", &socket)]));
    // nginx does not wait where this many wait already.
    let fit = fs::read_to_string("/proc/sys/net/unix/max_dgram_qlen").unwrap_or_default();
    stage.at_once = fit.trim().parse().unwrap_or(10);
    stage.try_out(Stage::rotate_clean);
}

#[test]
fn haproxy_keeps_lines_in_a_ring_and_sends_them_over_tcp() {
    if !is_there("haproxy") {
        return;
    }
    let mut stage = Stage::new();
    let address = format!("127.0.0.1:{}", free_port());
    stage.serve(&recipe("haproxy.toml", &[("systemd:syslog", &address)]));
    let config = recipe("haproxy.cfg", &[("127.0.0.1:5514", &address)]);
    let config = format!(
        "{config}\nfrontend web\n    bind 127.0.0.1:{}\n    http-request return status 200\n",
        stage.port
    );
    let config = stage.write("haproxy.conf", &config);
    stage.start("haproxy", "haproxy", &["-db", "-f", &config]);
    stage.answers();
    stage.try_out(Stage::rotate_clean);
}

#[test]
fn caddy_writes_a_file_that_is_followed() {
    if !is_there("caddy") {
        return;
    }
    let mut stage = Stage::new();
    let folder = stage.path("");
    stage.serve(&recipe("caddy.toml", &[("/var/log/caddy/", &folder)]));
    let logs = recipe("Caddyfile", &[("/var/log/caddy/", &folder), ("64MiB", "1MiB")]);
    let config = format!(
        "{{\n\tadmin off\n\tauto_https off\n}}\nhttp://127.0.0.1:{} {{\n{logs}\n\trespond 200\n}}\n",
        stage.port
    );
    let config = stage.write("Caddyfile", &config);
    stage.start("caddy", "caddy", &["run", "--adapter", "caddyfile", "--config", &config]);
    stage.answers();
    stage.try_out(Stage::rotate_clean);
}

#[test]
fn rsyslog_forwards_over_tcp() {
    forwarded("traditional");
}

#[test]
fn rsyslog_forwards_over_tcp_with_octets_counted() {
    forwarded("octet-counted");
}

fn forwarded(framing: &str) {
    if !is_there("nginx") || !is_there("rsyslogd") {
        return;
    }
    let mut stage = Stage::new();
    let port = free_port();
    let address = format!("127.0.0.1:{port}");
    stage.serve(&recipe("rsyslog-omfwd.toml", &[("systemd:syslog", &address)]));
    let framing = format!("TCP_Framing=\"{framing}\"");
    let changes = [("5514", &*port.to_string()), ("TCP_Framing=\"traditional\"", &framing)];
    rsyslog(&mut stage, &recipe("rsyslog-omfwd.conf", &changes));
    stage.try_out(Stage::rotate_clean);
}

#[test]
fn rsyslog_hands_lines_to_a_program_and_waits_for_its_word() {
    if !is_there("nginx") || !is_there("rsyslogd") {
        return;
    }
    let mut stage = Stage::new();
    let config = stage.config(&recipe("rsyslog-omprog.toml", &[]));
    let changes = [("/usr/bin/tamis", TAMIS), ("/etc/tamis/omprog.toml", &config)];
    rsyslog(&mut stage, &recipe("rsyslog-omprog.conf", &changes));
    stage.try_out(|_, _| {});
}

/// Container runtimes are no programs that a test starts: this writes what they write.
#[test]
fn container_logs_are_followed() {
    let mut stage = Stage::new();
    for folder in ["docker/0a", "pods/web_nginx-0_1/nginx"] {
        fs::create_dir_all(stage.path(folder)).expect("the folder is ours");
    }
    let (docker, pods) = (stage.path("docker"), stage.path("pods"));
    let changes = [("/var/lib/docker/containers", &*docker), ("/var/log/pods", &pods)];
    stage.serve(&recipe("containers.toml", &changes));
    let line = |path: &str| {
        format!(
            "192.0.2.7 - - [22/Nov/2026:14:05:37 +0000] \"GET {path} HTTP/1.1\" 200 5 \"-\" \"curl/8.5.0\""
        )
    };
    let inside = serde_json::to_string(&(line("/docker") + "\n")).expect("a text is JSON");
    let outside =
        format!("{{\"log\":{inside},\"stream\":\"stdout\",\"time\":\"2026-11-22T14:05:37Z\"}}\n");
    stage.write("docker/0a/0a-json.log", &outside);
    let outside = format!("2026-11-22T14:05:37.123456789Z stdout F {}\n", line("/pod"));
    stage.write("pods/web_nginx-0_1/nginx/0.log", &outside);
    stage::soon("both are read", || stage.paths().len() == 2);
    assert_eq!(stage.paths(), [("/docker".to_owned(), 1), ("/pod".to_owned(), 1)].into());
}

#[test]
fn fail2ban_finds_the_addresses_of_failed_requests_only() {
    if !is_there("nginx") {
        return;
    }
    let mut stage = Stage::new();
    let log = stage.path("ban.log");
    let logs = recipe("nginx-fail2ban.conf", &[("/run/nginx-ban/access.log", &log)]);
    let more = format!("{logs}\nserver {{ listen 127.0.0.1:{}; return 404; }}", stage.other);
    nginx(&mut stage, &more);
    assert!(stage.answer(stage.port, "/fine").starts_with("HTTP/1.1 200 "));
    assert!(stage.answer(stage.other, "/secret").starts_with("HTTP/1.1 404 "));
    stage::soon("the failed request is noted", || {
        fs::read(&log).is_ok_and(|log| log.ends_with(b"\n"))
    });
    let text = fs::read_to_string(&log).expect("it is there");
    assert!(text.starts_with("127.0.0.1 [") && text.ends_with("] 404\n"), "{text}");
    assert_eq!(text.lines().count(), 1, "{text}");
}

#[test]
fn logrotate_takes_its_recipe() {
    if !is_there("logrotate") {
        return;
    }
    let stage = Stage::new();
    let logs = stage.path("*.log");
    let config = stage
        .write("logrotate.conf", &recipe("logrotate.conf", &[("/var/log/nginx/*.log", &logs)]));
    let mut program = Command::new("/usr/sbin/logrotate");
    let done = finish(program.args(["--debug", "--state", &stage.path("state"), &config]), b"");
    assert_eq!(done.status, 0, "{}", done.err());
    assert!(
        done.err().contains("after 1 days") || done.err().contains("2 rotations"),
        "{}",
        done.err()
    );
}

/// Journald is no program that a test starts; the boot of a real systemd tries it.
#[test]
fn the_journal_is_a_source_that_the_program_takes() {
    let stage = Stage::new();
    let config = stage.config(&recipe("journald.toml", &[]));
    let done = run(&["serve", "--config", &config, "--check"], b"");
    assert_eq!(done.status, 0, "{}", done.err());
}

/// What the package installs is a configuration that the program takes.
#[test]
fn the_installed_configuration_is_right() {
    let config = concat!(env!("CARGO_MANIFEST_DIR"), "/samples/systemd/tamis.toml");
    let done = run(&["serve", "--config", config, "--check"], b"");
    assert_eq!(done.status, 0, "{}", done.err());
}
