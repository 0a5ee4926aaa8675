//! A synthetic log: visits with all that a request tells, written in three formats.
//!
//! Only documentation addresses and names stand in it. The same number gives the same log.

use crate::program::Dice;

/// What a server could log of one request.
#[derive(Clone, Debug)]
pub(crate) struct Visit {
    pub(crate) client: String,
    pub(crate) user: String,
    pub(crate) minute: usize,
    pub(crate) path: String,
    pub(crate) query: String,
    pub(crate) status: u16,
    pub(crate) bytes: usize,
    pub(crate) referrer: String,
    pub(crate) agent: String,
    pub(crate) language: String,
    pub(crate) dnt: String,
    pub(crate) gpc: String,
    pub(crate) cookie: String,
}

pub(crate) const PATHS: [&str; 8] = [
    "/",
    "/index.html",
    "/blog/old-teapots",
    "/wordpress-3.3.1.zip",
    "/users/alice/orders",
    "/t.gif",
    "/a/49170",
    "/nosuch",
];
const REFERRERS: [&str; 7] = [
    "-",
    "https://www.google.co.uk/search?q=teapots",
    "http://forum.example.org/thread?id=77",
    "https://alice.github.io/links",
    "http://192.0.2.9/",
    "https://192-0-2-77.dsl.example.net/x",
    "https://shop.example.com/cart",
];
const AGENTS: [&str; 6] = [
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36",
    "Mozilla/5.0 (X11; Linux x86_64; rv:127.0) Gecko/20100101 Firefox/127.0",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) \
     Version/17.4 Safari/605.1.15",
    "curl/8.5.0",
    "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
    "WordPress/6.4; https://alice.example.org",
];
const LANGUAGES: [&str; 5] = ["en-GB,en;q=0.8", "de", "fr-CH, fr;q=0.9", "tlh", "-"];

/// A documentation address of either kind.
pub(crate) fn client(dice: &mut Dice) -> String {
    let host = dice.below(254) + 1;
    match dice.below(5) {
        0 => format!("192.0.2.{host}"),
        1 => format!("198.51.100.{host}"),
        2 => format!("203.0.113.{host}"),
        3 => format!("2001:db8:{:x}:{:x}::{host:x}", dice.below(65_536), dice.below(65_536)),
        _ => format!("host-{host}.dsl.example.net"),
    }
}

impl Visit {
    pub(crate) fn new(dice: &mut Dice) -> Self {
        let signal = |dice: &mut Dice| if dice.below(9) == 0 { "1" } else { "-" }.to_owned();
        Self {
            client: client(dice),
            user: (*dice.pick(&["-", "-", "alice"])).to_owned(),
            minute: dice.below(1_440),
            path: (*dice.pick(&PATHS)).to_owned(),
            query: if dice.below(2) == 0 {
                String::new()
            } else {
                format!("?sid={}", dice.text("0123456789abcdef", 12))
            },
            status: *dice.pick(&[200, 200, 200, 304, 404, 301]),
            bytes: dice.below(100_000),
            referrer: (*dice.pick(&REFERRERS)).to_owned(),
            agent: (*dice.pick(&AGENTS)).to_owned(),
            language: (*dice.pick(&LANGUAGES)).to_owned(),
            dnt: signal(dice),
            gpc: signal(dice),
            cookie: format!("session={}", dice.text("abcdefghijklmnop", 16)),
        }
    }

    /// As `nginx-json` has it, the only one of the three that has languages, signals and cookies.
    pub(crate) fn json(&self) -> String {
        format!(
            concat!(
                r#"{{"time_iso8601":"2026-11-22T{:02}:{:02}:37+00:00","remote_addr":"{}","remote_user":"{}","#,
                r#""request":"GET {}{} HTTP/1.1","status":"{}","body_bytes_sent":"{}","http_referer":"{}","#,
                r#""http_user_agent":"{}","http_accept_language":"{}","http_dnt":"{}","http_sec_gpc":"{}","#,
                r#""http_cookie":"{}"}}"#,
            ),
            self.minute / 60,
            self.minute % 60,
            self.client,
            self.user,
            self.path,
            self.query,
            self.status,
            self.bytes,
            self.referrer,
            self.agent,
            self.language,
            self.dnt,
            self.gpc,
            self.cookie,
        )
    }

    pub(crate) fn combined(&self) -> String {
        format!(
            "{} - {} [22/Nov/2026:{:02}:{:02}:37 +0000] \"GET {}{} HTTP/1.1\" {} {} \"{}\" \"{}\"",
            self.client,
            self.user,
            self.minute / 60,
            self.minute % 60,
            self.path,
            self.query,
            self.status,
            self.bytes,
            self.referrer,
            self.agent,
        )
    }

    pub(crate) fn vhost(&self) -> String {
        format!("www.example.com:443 {}", self.combined())
    }

    pub(crate) fn opts_out(&self) -> bool {
        self.dnt == "1"
            || self.gpc == "1"
            || self.cookie.contains("optout")
            || self.query.contains("optout")
    }
}

/// So many visits.
pub(crate) fn visits(seed: u64, count: usize) -> Vec<Visit> {
    let mut dice = Dice(seed);
    (0..count).map(|_| Visit::new(&mut dice)).collect()
}
