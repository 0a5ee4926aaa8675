//! What a worker notices of a line beside its record: what rules say of it, and what the sentry must know.
//!
//! It runs where the anonymiser has read a line's fields, so that nothing is parsed twice. What it notes are numbers
//! and hashes under keys of the run; the verdict of the rules is kept until the sentry has answered.

use std::sync::Arc;

use super::{
    detect::{Detector, Rules, Verdict},
    memo::Seed,
    raw::RawBlock,
    sentry::{Answer, EXEMPT, FAILED_LOGIN, LOGIN, MISSING, QUERY, STATIC, Sighting, Sightings},
    visitors::{self, Visitor, VisitorKeys, Visitors},
};
use crate::{
    field::{Field, LineMap},
    policy::Plan,
    transform::{
        address::{self, Parsed},
        pseudonym::SketchKey,
    },
};

/// What comes of rules and behaviour, for all workers of a run.
#[derive(Clone)]
pub struct Lookout {
    /// The rules that lines are tried on.
    pub rules: Arc<Rules>,
    /// Whether behaviour is looked at.
    pub behaviour: bool,
    /// The key under which visitors are told apart. It is drawn for the run and kept nowhere.
    pub key: Arc<SketchKey>,
    /// The seed of the hashes that stand for paths. All workers have the same one.
    seed: Seed,
}

impl Lookout {
    /// What to look out for.
    #[must_use]
    pub fn new(rules: Arc<Rules>, behaviour: bool, key: Arc<SketchKey>) -> Self {
        Self { rules, behaviour, key, seed: Seed::default() }
    }
}

impl std::fmt::Debug for Lookout {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Lookout({:?})", self.rules)
    }
}

/// One worker's way to notice.
pub(super) struct Scout {
    detector: Detector,
    visitors: Visitors,
    behaviour: bool,
    plan: Arc<Plan>,
    seed: Seed,
    /// The line that is being looked at.
    current: Option<(Sighting, Verdict)>,
    sightings: Sightings,
    /// What the rules say of those lines of the block that they hit, by the place of the sighting.
    verdicts: Vec<(usize, Verdict)>,
    /// How many lines each rule hit.
    hits: Vec<u64>,
}

impl Scout {
    pub(super) fn new(lookout: &Lookout, plan: Arc<Plan>) -> Self {
        Self {
            detector: Detector::new(Arc::clone(&lookout.rules)),
            visitors: Visitors::new(VisitorKeys::Run(Arc::clone(&lookout.key)), false),
            behaviour: lookout.behaviour,
            plan,
            seed: lookout.seed.clone(),
            current: None,
            sightings: Sightings::default(),
            verdicts: Vec::new(),
            hits: vec![0; lookout.rules.len()],
        }
    }

    /// Looks at a line whose time and client could be read.
    #[inline]
    pub(super) fn look(&mut self, second: i64, client: Option<&[u8]>, line: &[u8], map: &LineMap) {
        let verdict = self.detector.look(line, map);
        if !self.behaviour && !verdict.is_hit() {
            return;
        }
        let mut sighting = Sighting {
            visitor: self.visitors.of(visitors::read(client), second).visitor,
            second,
            score: verdict.score,
            ..Sighting::default()
        };
        if self.behaviour && sighting.visitor != Visitor::NOBODY {
            self.note_conduct(&mut sighting, line, map);
            if self.is_exempt(client) {
                sighting.flags |= EXEMPT;
            }
        }
        self.current = Some((sighting, verdict));
    }

    /// Whether the client's behaviour is not looked at.
    fn is_exempt(&self, client: Option<&[u8]>) -> bool {
        if self.plan.seal_exempt.is_empty() {
            return false;
        }
        match client.and_then(address::parse) {
            Some(Parsed::Ip(ip)) => {
                self.plan.seal_exempt.iter().any(|network| network.contains(&ip))
            }
            _ => false,
        }
    }

    /// Notes what the buckets of a visitor need.
    fn note_conduct(&mut self, sighting: &mut Sighting, line: &[u8], map: &LineMap) {
        let status = map.part(Field::Status, line);
        let (method, target) = method_and_target(line, map);
        let query = map.find(Field::Query, line).filter(|query| query.len() > 1);
        let path_end = memchr::memchr(b'?', target).unwrap_or(target.len());
        let path = &target[..path_end];
        let is_error = status.first() == Some(&b'4');
        let is_static = is_static(path);
        if is_static {
            sighting.flags |= STATIC;
        } else if is_error {
            sighting.flags |= MISSING;
        }
        let has_query = path_end < target.len() || query.is_some();
        if has_query {
            sighting.flags |= QUERY;
            let texts = [target, query.unwrap_or_default()];
            sighting.target = self.seed.hash_all(&texts, None) as u32;
        }
        let user = user(line, map);
        sighting.user = user.map_or(0, |user| self.seed.hash(user, None) as u32);
        sighting.flags |= login(method, path, status, user.is_some());
        if is_error || has_query || sighting.flags & (FAILED_LOGIN | LOGIN) != 0 {
            sighting.path = self.seed.hash(path, None) as u32;
        }
    }

    /// The line is through; it lies in this place of the block.
    #[inline]
    pub(super) fn settle(&mut self, place: impl FnOnce() -> std::ops::Range<usize>) {
        let Some((mut sighting, verdict)) = self.current.take() else { return };
        let place = place();
        sighting.place = (place.start as u32, place.end as u32);
        if verdict.is_hit() {
            self.verdicts.push((self.sightings.seen.len(), verdict));
            for hit in verdict.hits() {
                self.hits[usize::from(*hit)] += 1;
            }
        }
        self.sightings.seen.push(sighting);
    }

    /// What was seen of the block.
    pub(super) fn take_sightings(&mut self) -> Sightings {
        std::mem::take(&mut self.sightings)
    }

    /// How many lines each rule hit since this was asked last.
    pub(super) fn take_hits(&mut self) -> impl Iterator<Item = (&str, u64)> {
        let rules = self.detector.rules();
        let hits = self.hits.iter_mut().enumerate().filter(|(_, hits)| **hits > 0);
        hits.map(|(index, hits)| (rules.id(index as u16), std::mem::take(hits)))
    }

    /// Hands over the lines that are to be kept: their places, the sentry's answer, and the ids of rules that hit.
    /// The room is taken back.
    pub(super) fn keep(
        &mut self,
        block: &RawBlock,
        mut sightings: Sightings,
        mut receive: impl FnMut(std::ops::Range<usize>, Answer, &mut dyn Iterator<Item = &str>),
    ) {
        let rules = self.detector.rules();
        let mut verdicts = self.verdicts.iter().peekable();
        for (index, sighting) in sightings.seen.iter().enumerate() {
            let verdict = verdicts.next_if(|(at, _)| *at == index).map(|(_, verdict)| verdict);
            if sighting.answer == Answer::Pass {
                continue;
            }
            let place = sighting.place.0 as usize..sighting.place.1 as usize;
            debug_assert!(place.end <= block.len(), "a line of this block");
            let hits = verdict.map(Verdict::hits).unwrap_or_default();
            receive(place, sighting.answer, &mut hits.iter().map(|hit| rules.id(*hit)));
        }
        self.verdicts.clear();
        sightings.clear();
        self.sightings = sightings;
    }
}

/// The method and the target as they were logged.
fn method_and_target<'a>(line: &'a [u8], map: &LineMap) -> (&'a [u8], &'a [u8]) {
    let Some(request) = map.find(Field::Request, line) else {
        return (map.part(Field::Method, line), map.part(Field::Target, line));
    };
    let mut words = request.splitn(2, |byte| *byte == b' ');
    let method = words.next().unwrap_or_default();
    let rest = words.next().unwrap_or_default();
    let end = memchr::memrchr(b' ', rest).unwrap_or(rest.len());
    (method, &rest[..end])
}

/// Whether the path is of a picture and the like, which pages load by the dozen, or of what every browser asks for.
fn is_static(path: &[u8]) -> bool {
    const ENDS: [&[u8]; 22] = [
        b"png", b"jpg", b"jpeg", b"gif", b"css", b"js", b"ico", b"svg", b"webp", b"avif", b"woff",
        b"woff2", b"ttf", b"eot", b"map", b"mjs", b"mp3", b"mp4", b"webm", b"xbm", b"m4s", b"ts",
    ];
    let tail = &path[path.len().saturating_sub(6)..];
    if let Some(dot) = memchr::memrchr(b'.', tail)
        && ENDS.iter().any(|end| tail[dot + 1..].eq_ignore_ascii_case(end))
    {
        return true;
    }
    matches!(path, b"/robots.txt" | b"/ads.txt" | b"/sitemap.xml" | b"/manifest.json")
        || path.starts_with(b"/apple-touch-icon")
        || path.starts_with(b"/.well-known/")
}

/// The user that a line names: somebody who logs in by the protocol, and not on a page.
fn user<'a>(line: &'a [u8], map: &LineMap) -> Option<&'a [u8]> {
    // No record tells of users, so no format says where they are: in the common format and those that are like it,
    // they stand between the client and the time.
    let (from, to) = (map.get(Field::Client)?.end as usize, map.get(Field::Time)?.start as usize);
    let between = line.get(from..to)?.trim_ascii_end();
    let between = between.strip_suffix(b"[").unwrap_or(between).trim_ascii();
    let user = between.strip_prefix(b"- ")?.trim_ascii();
    (!matches!(user, b"" | b"-")).then_some(user)
}

/// Whether a line tells of a login that failed, or that may have failed.
fn login(method: &[u8], path: &[u8], status: &[u8], has_user: bool) -> u8 {
    let refused = matches!(status, b"401" | b"403");
    if status == b"401" && has_user {
        return FAILED_LOGIN;
    }
    if method != b"POST" || !(refused || status == b"200" || status == b"422" || status == b"400") {
        return 0;
    }
    let path = path.to_ascii_lowercase();
    const WORDPRESS: [&[u8]; 2] = [b"wp-login.php", b"xmlrpc.php"];
    const WORDS: [&[u8]; 12] = [
        b"login",
        b"signin",
        b"sign-in",
        b"sign_in",
        b"logon",
        b"authenticat",
        b"/auth",
        b"/session",
        b"/token",
        b"/oauth",
        b"passwd",
        b"/j_security_check",
    ];
    let has = |word: &&[u8]| memchr::memmem::find(&path, word).is_some();
    match () {
        // WordPress answers with a redirection when the password was right.
        () if WORDPRESS.iter().any(has) && status == b"200" => FAILED_LOGIN,
        () if !WORDPRESS.iter().chain(&WORDS).any(has) => 0,
        () if refused || status == b"422" => FAILED_LOGIN,
        () => LOGIN,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logins_that_failed_are_told_from_others() {
        for (method, path, status, has_user, expect) in [
            ("POST", "/login", "401", false, FAILED_LOGIN),
            ("POST", "/api/auth/SignIn", "403", false, FAILED_LOGIN),
            ("POST", "/login", "200", false, LOGIN),
            ("POST", "/login", "302", false, 0),
            ("POST", "/wp-login.php", "200", false, FAILED_LOGIN),
            ("POST", "/wp-login.php", "302", false, 0),
            ("GET", "/login", "401", false, 0),
            ("GET", "/private/", "401", true, FAILED_LOGIN),
            ("GET", "/private/", "401", false, 0),
            ("POST", "/cart", "403", false, 0),
            ("POST", "/cart", "200", true, 0),
        ] {
            let found = login(method.as_bytes(), path.as_bytes(), status.as_bytes(), has_user);
            assert_eq!(found, expect, "{method} {path} {status}");
        }
    }

    #[test]
    fn pictures_are_told_from_pages() {
        for path in ["/a.png", "/b/c.JPEG", "/x.min.js", "/robots.txt", "/apple-touch-icon.png"] {
            assert!(is_static(path.as_bytes()), "{path}");
        }
        for path in ["/", "", "/a", "/a.php", "/png", "/a.png/b", "/js.html"] {
            assert!(!is_static(path.as_bytes()), "{path}");
        }
    }

    #[test]
    fn users_stand_between_the_client_and_the_time() {
        use crate::format::Format;
        for (between, expect) in [("- -", false), ("- alice", true), ("- bob smith", true)] {
            let line = format!(
                "192.0.2.7 {between} [22/Nov/2026:14:05:37 +0000] \"GET / HTTP/1.1\" 401 5 \"-\" \"-\""
            );
            let mut map = LineMap::default();
            Format::combined().map(line.as_bytes(), &mut map).expect("a line");
            assert_eq!(user(line.as_bytes(), &map).is_some(), expect, "{between}");
        }
    }
}
