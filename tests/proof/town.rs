//! A simulated day of a site whose visitors are known: who has which device, and reads what, for how long.
//!
//! Nobody's log is behind it. Agents, pages and numbers of pages have the long tails that those of real sites have, and
//! each visitor prefers a section of the site, so that there is something to link visits by.

use super::program::Dice;

/// A request, and whose it is.
#[derive(Clone)]
pub(crate) struct Request {
    pub(crate) visitor: usize,
    pub(crate) second: usize,
    pub(crate) line: String,
}

struct Visitor {
    address: String,
    agent: String,
    section: usize,
    referrer: &'static str,
}

const SECTIONS: [&str; 6] = ["news", "docs", "shop", "help", "blog", "jobs"];
const REFERRERS: [&str; 6] = [
    "-",
    "-",
    "-",
    "https://www.google.com/",
    "https://duckduckgo.com/",
    "https://forum.example.org/thread",
];

/// A number below `end`, small ones more often: the first of two in three, and so on.
fn tail(dice: &mut Dice, end: usize) -> usize {
    let mut at = 0;
    while at + 1 < end && dice.below(100) < 78 {
        at += 1;
    }
    at
}

fn agent(dice: &mut Dice) -> String {
    let systems = [
        "Windows NT 10.0; Win64; x64",
        "Linux; Android 10; K",
        "iPhone; CPU iPhone OS 17_4 like Mac OS X",
        "Macintosh; Intel Mac OS X 10_15_7",
        "X11; Linux x86_64",
        "iPad; CPU OS 16_6 like Mac OS X",
    ];
    let system = systems[tail(dice, 6)];
    let version = 126 - tail(dice, 12);
    if system.contains("like Mac") {
        let version = 17 - tail(dice, 4);
        return format!(
            "Mozilla/5.0 ({system}) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/{version}.4 Mobile/15E148 \
             Safari/604.1"
        );
    }
    match dice.below(10) {
        0..6 => format!(
            "Mozilla/5.0 ({system}) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{version}.0.0.0 Safari/537.36"
        ),
        6..8 => format!(
            "Mozilla/5.0 ({system}) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{version}.0.0.0 Safari/537.36 \
             Edg/{version}.0.0.0"
        ),
        _ => format!("Mozilla/5.0 ({system}; rv:{version}.0) Gecko/20100101 Firefox/{version}.0"),
    }
}

/// How many seconds pass until the next page: forty on average, with a long tail.
fn pause(dice: &mut Dice) -> usize {
    let mut seconds = 3;
    while dice.below(40) != 0 {
        seconds += 1;
    }
    seconds
}

/// The requests of so many visitors within so many hours, in their order.
pub(crate) fn day(seed: u64, visitors: usize, hours: usize) -> Vec<Request> {
    let mut dice = Dice(seed);
    let mut requests = Vec::new();
    for visitor in 0..visitors {
        let who = Visitor {
            address: format!(
                "10.{}.{}.{}",
                visitor % 40,
                (visitor / 40) >> 8,
                (visitor / 40) & 255
            ),
            agent: agent(&mut dice),
            section: dice.below(SECTIONS.len()),
            referrer: REFERRERS[dice.below(REFERRERS.len())],
        };
        let mut second = dice.below(hours * 3_600);
        let mut is_first = true;
        loop {
            if second >= hours * 3_600 {
                break;
            }
            requests.push(request(&who, visitor, second, is_first, &mut dice));
            is_first = false;
            // Five pages on average.
            if dice.below(5) == 0 {
                break;
            }
            second += pause(&mut dice);
        }
    }
    requests.sort_by_key(|request| (request.second, request.visitor));
    requests
}

fn request(
    who: &Visitor,
    visitor: usize,
    second: usize,
    is_first: bool,
    dice: &mut Dice,
) -> Request {
    let section = if dice.below(10) < 7 { who.section } else { dice.below(SECTIONS.len()) };
    let page = tail(dice, 12);
    let path = match dice.below(8) {
        0 => "/".to_owned(),
        1 => format!("/{}/", SECTIONS[section]),
        _ => format!(
            "/{}/{}.html",
            SECTIONS[section],
            [
                "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten",
                "eleven", "twelve"
            ][page]
        ),
    };
    // A page has one size.
    let bytes = 900 * (1 + page) + 300 * section + path.len();
    let status = if dice.below(50) == 0 { 404 } else { 200 };
    let referrer = if is_first { who.referrer } else { "https://www.example.com/" };
    let (address, agent) = (&who.address, &who.agent);
    let line = format!(
        "{address} - - [22/Nov/2026:{:02}:{:02}:{:02} +0000] \"GET {path} HTTP/1.1\" {status} {bytes} \
         \"{referrer}\" \"{agent}\"\n",
        second / 3_600,
        second / 60 % 60,
        second % 60
    );
    Request { visitor, second, line }
}

/// The log of requests.
pub(crate) fn log(requests: &[Request]) -> String {
    requests.iter().map(|request| request.line.as_str()).collect()
}
