//! Who is marked: visitors whose behaviour runs over, and how much of them is kept.
//!
//! Workers see lines in parallel and out of order; behaviour has an order. So a worker only writes down what it saw
//! ([`Sightings`]), and the sentry goes through it in the order of the input, one block after the other. Its answers
//! do not depend on how many workers there are.
//!
//! A visitor is a number that means nothing outside of this run ([`super::visitors`]), and the table of them is
//! bounded: whoever has the emptiest buckets makes room. A marked visitor's lines are kept for half an hour of the
//! log's time. Nothing of this changes what comes out clean.

use std::fmt;

use zeroize::Zeroize;

use super::{
    behaviour::{Behaviour, Conduct, Target},
    detect::THRESHOLD,
    visitors::Visitor,
};

/// How long a marked visitor's lines are kept.
const MARKED_SECONDS: i64 = 30 * 60;
/// How many lines of one visitor are kept in an hour of the log.
const VISITOR_LINES_MAX: u32 = 1_000;
/// How many lines of all visitors are kept in an hour of the log.
const RUN_LINES_MAX: u64 = 1_000_000;
/// How many visitors are known: about 15 MiB. Who has the emptiest buckets is forgotten first.
const VISITORS_MAX: usize = 65_536;
/// How many paths are known at which somebody failed.
const TARGETS_MAX: usize = 1_024;
/// Among how many places one is chosen to be given up.
const WAYS: usize = 8;

/// What a worker saw of a line: numbers, of which those that stand for text are hashes under a key of the run.
#[derive(Clone, Copy, Default)]
pub(super) struct Sighting {
    pub(super) visitor: Visitor,
    pub(super) second: i64,
    /// Where the line lies in its block, with its end.
    pub(super) place: (u32, u32),
    pub(super) path: u32,
    pub(super) target: u32,
    /// The name that somebody logged in with, or tried to.
    pub(super) user: u32,
    pub(super) score: u8,
    pub(super) flags: u8,
    pub(super) answer: Answer,
}

/// The answer was a 4xx to something other than a picture and the like.
pub(super) const MISSING: u8 = 1;
/// A login that failed.
pub(super) const FAILED_LOGIN: u8 = 2;
/// A login that may have failed: some applications answer with a 200 and say so on the page.
pub(super) const LOGIN: u8 = 4;
/// A request with a query.
pub(super) const QUERY: u8 = 8;
/// A request for a picture and the like.
pub(super) const STATIC: u8 = 16;
/// The visitor's network is exempt: its behaviour is not looked at.
pub(super) const EXEMPT: u8 = 32;

impl Sighting {
    pub(super) const fn is_missing(&self) -> bool {
        self.flags & MISSING != 0
    }

    pub(super) const fn is_failed_login(&self) -> bool {
        self.flags & FAILED_LOGIN != 0
    }

    pub(super) const fn may_be_failed_login(&self) -> bool {
        self.flags & LOGIN != 0
    }

    pub(super) const fn is_query(&self) -> bool {
        self.flags & QUERY != 0
    }

    pub(super) const fn counts_for_rate(&self) -> bool {
        self.flags & STATIC == 0
    }

    /// Whether the rules alone say that it is to be kept.
    pub(super) const fn is_hit(&self) -> bool {
        self.score >= THRESHOLD
    }
}

/// What becomes of a line that was seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Answer {
    /// Nothing.
    #[default]
    Pass,
    /// It is kept for what rules say.
    Keep,
    /// It is kept for its visitor's behaviour, whatever rules say.
    Behaviour(Behaviour),
}

/// What a worker saw of a block, for the sentry to answer. Nobody else looks into it.
#[derive(Default)]
pub struct Sightings {
    pub(super) seen: Vec<Sighting>,
}

impl Sightings {
    /// Whether there is nothing to answer.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.seen.is_empty()
    }

    /// Forgets all.
    pub(super) fn clear(&mut self) {
        self.seen.clear();
    }
}

impl fmt::Debug for Sightings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sightings({})", self.seen.len())
    }
}

/// What is known of a visitor.
#[derive(Clone, Copy, Default)]
struct Known {
    visitor: Visitor,
    conduct: Conduct,
    marked_until: i64,
    why: Option<Behaviour>,
    hour: i64,
    lines: u32,
}

/// What goes through sightings in order.
pub struct Sentry {
    visitors: Table<Known>,
    targets: Table<(u32, Target)>,
    /// Whether lines are kept for what rules say of them alone.
    keeps_hits: bool,
    looks_at_behaviour: bool,
    hour: i64,
    lines: u64,
    over_budget: u64,
    marked: u64,
    visitor_lines_max: u32,
    run_lines_max: u64,
}

impl fmt::Debug for Sentry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sentry({} marked)", self.marked)
    }
}

impl Drop for Sentry {
    fn drop(&mut self) {
        self.visitors.places.iter_mut().for_each(|known| known.visitor.zeroize());
    }
}

impl Sentry {
    /// A sentry that lets lines be kept for rules, for behaviour, or for both.
    #[must_use]
    pub fn new(keeps_hits: bool, looks_at_behaviour: bool) -> Self {
        Self {
            visitors: Table::new(VISITORS_MAX),
            targets: Table::new(if looks_at_behaviour { TARGETS_MAX } else { WAYS }),
            keeps_hits,
            looks_at_behaviour,
            hour: 0,
            lines: 0,
            over_budget: 0,
            marked: 0,
            visitor_lines_max: VISITOR_LINES_MAX,
            run_lines_max: RUN_LINES_MAX,
        }
    }

    /// How many lines were not kept because their visitor, or all together, had enough of them.
    #[must_use]
    pub const fn over_budget(&self) -> u64 {
        self.over_budget
    }

    /// How often a visitor was marked.
    #[must_use]
    pub const fn marked(&self) -> u64 {
        self.marked
    }

    /// Answers the sightings of the next block.
    pub fn judge(&mut self, sightings: &mut Sightings) {
        for sighting in &mut sightings.seen {
            sighting.answer = self.answer(sighting);
        }
    }

    fn answer(&mut self, sighting: &Sighting) -> Answer {
        let second = sighting.second;
        let sprayed = self.is_sprayed(sighting);
        let looks = self.looks_at_behaviour
            && sighting.flags & EXEMPT == 0
            && sighting.visitor != Visitor::NOBODY;
        let is_hit = sighting.is_hit() && self.keeps_hits;
        if !looks && !is_hit {
            return Answer::Pass;
        }
        let known = self.visitors.place(
            u64::from(sighting.visitor.0 as u32) ^ sighting.visitor.0 >> 32,
            |known| known.visitor == sighting.visitor,
            |known| match known.marked_until > second {
                true => 2.0 + known.conduct.fullness(second),
                false => known.conduct.fullness(second),
            },
        );
        if known.visitor != sighting.visitor {
            *known = Known { visitor: sighting.visitor, ..Known::default() };
        }
        if looks {
            let found = known.conduct.note(sighting).or(sprayed.then_some(Behaviour::Spray));
            if let Some(found) = found {
                self.marked += u64::from(known.marked_until <= second);
                known.marked_until = second + MARKED_SECONDS;
                known.why = Some(found);
            }
        }
        let why = known.why.filter(|_| known.marked_until > second && looks);
        let answer = match why {
            Some(why) => Answer::Behaviour(why),
            None if is_hit => Answer::Keep,
            None => return Answer::Pass,
        };
        let hour = second.div_euclid(3_600);
        if known.hour != hour {
            (known.hour, known.lines) = (hour, 0);
        }
        if hour > self.hour {
            (self.hour, self.lines) = (hour, 0);
        }
        if known.lines >= self.visitor_lines_max || self.lines >= self.run_lines_max {
            self.over_budget += 1;
            return Answer::Pass;
        }
        known.lines += 1;
        self.lines += 1;
        answer
    }

    /// Whether too many different visitors and users failed where this one did.
    fn is_sprayed(&mut self, sighting: &Sighting) -> bool {
        let fails = sighting.is_failed_login() && self.looks_at_behaviour;
        if !fails || sighting.flags & EXEMPT != 0 {
            return false;
        }
        let (path, second) = (sighting.path.max(1), sighting.second);
        let target = self.targets.place(
            u64::from(path),
            |(known, _)| *known == path,
            |(_, target)| target.fullness(second),
        );
        if target.0 != path {
            *target = (path, Target::default());
        }
        let pair = (sighting.visitor.0 as u32).rotate_left(7) ^ sighting.user;
        target.1.note(second, pair)
    }
}

/// A table with a place for each of so many: where all that could be is taken, the least of them is given up.
struct Table<T> {
    places: Box<[T]>,
}

impl<T: Copy + Default> Table<T> {
    fn new(places: usize) -> Self {
        Self { places: vec![T::default(); places].into_boxed_slice() }
    }

    /// The place that is the one looked for, or may be taken.
    fn place(
        &mut self,
        hash: u64,
        is_it: impl Fn(&T) -> bool,
        worth: impl Fn(&T) -> f32,
    ) -> &mut T {
        let set = hash as usize % (self.places.len() / WAYS);
        let set = &mut self.places[set * WAYS..(set + 1) * WAYS];
        let found = set.iter().position(&is_it).unwrap_or_else(|| {
            let mut least = (0, f32::MAX);
            for (index, place) in set.iter().enumerate() {
                let worth = worth(place);
                if worth < least.1 {
                    least = (index, worth);
                }
            }
            least.0
        });
        &mut set[found]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(visitor: u64, second: i64, flags: u8) -> Sighting {
        Sighting { visitor: Visitor(visitor), second, flags, ..Sighting::default() }
    }

    fn judge(sentry: &mut Sentry, sightings: impl IntoIterator<Item = Sighting>) -> Vec<Answer> {
        let mut all = Sightings { seen: sightings.into_iter().collect() };
        sentry.judge(&mut all);
        all.seen.iter().map(|sighting| sighting.answer).collect()
    }

    fn first(answers: &[Answer]) -> Option<(usize, Answer)> {
        let at = answers.iter().position(|answer| *answer != Answer::Pass)?;
        Some((at + 1, answers[at]))
    }

    #[track_caller]
    fn check(sightings: impl IntoIterator<Item = Sighting>, expect: Option<(usize, Behaviour)>) {
        let found = first(&judge(&mut Sentry::new(true, true), sightings));
        let expect = expect.map(|(at, why)| (at, Answer::Behaviour(why)));
        assert_eq!(found, expect);
    }

    #[test]
    fn the_seventh_failed_login_in_a_row_is_one_too_many() {
        check((0..20).map(|n| seen(7, 100 + n, FAILED_LOGIN)), Some((7, Behaviour::Logins)));
        check((0..6).map(|n| seen(7, 100 + n, FAILED_LOGIN)), None);
        check((0..50).map(|n| seen(7, 100 + 20 * n, FAILED_LOGIN)), None);
        let mixed = |n: i64| seen(7, 100 + n, if n % 2 == 0 { FAILED_LOGIN } else { LOGIN });
        check((0..20).map(mixed), Some((7, Behaviour::Logins)));
        check((0..50).map(|n| seen(7, 100 + n, LOGIN)), None);
    }

    #[test]
    fn different_paths_that_are_not_there_add_up_and_the_same_one_does_not() {
        let missing = |path: u32, second| Sighting { path, ..seen(7, second, MISSING) };
        check((1..20).map(|n| missing(n, 100)), Some((11, Behaviour::NotFound)));
        check((0..70).map(|n| missing(n % 3, 100)), None);
        check((0..70).map(|n| missing(n, 100 + 10 * i64::from(n))), None);
    }

    #[test]
    fn requests_and_queries_may_come_at_a_person_s_pace() {
        check((0..400).map(|n| seen(7, 100 + n / 40, 0)), Some((89, Behaviour::Rate)));
        check((0..400).map(|n| seen(7, 100 + n / 4, 0)), None);
        check((0..400).map(|n| seen(7, 100 + n / 40, STATIC)), None);
        let query =
            |target: u32, path: u32, second| Sighting { target, path, ..seen(7, second, QUERY) };
        check((1..80).map(|n| query(n, 5, 100)), Some((41, Behaviour::Queries)));
        check((0..80).map(|n| query(n, n, 100)), None);
    }

    #[test]
    fn scores_that_are_not_enough_add_up() {
        let score = |score, second| Sighting { score, ..seen(7, second, 0) };
        check((0..9).map(|n| score(3, 100 + n)), Some((4, Behaviour::Score)));
        check((0..9).map(|n| score(3, 100 + 100 * n)), None);
        check((0..70).map(|_| score(2, 100)), None);
    }

    #[test]
    fn many_who_fail_at_one_path_are_a_spray() {
        let fail = |visitor, second| Sighting { path: 9, ..seen(visitor, second, FAILED_LOGIN) };
        check((1..30).map(|n| fail(n, 100 + n as i64)), Some((15, Behaviour::Spray)));
        check((1..30).map(|n| fail(n, 100 + 25 * n as i64)), None);
        check((1..30).map(|n| fail(n % 2 + 1, 100 + 20 * n as i64)), None);
    }

    #[test]
    fn a_marked_visitor_is_kept_for_half_an_hour_and_others_are_not() {
        let mut sentry = Sentry::new(true, true);
        judge(&mut sentry, (0..8).map(|n| seen(7, 100 + n, FAILED_LOGIN)));
        assert_eq!(sentry.marked(), 1);
        let after =
            [seen(7, 200, 0), seen(8, 200, 0), seen(7, 107 + 1_799, 0), seen(7, 107 + 1_800, 0)];
        let kept = Answer::Behaviour(Behaviour::Logins);
        assert_eq!(judge(&mut sentry, after), [kept, Answer::Pass, kept, Answer::Pass]);
    }

    #[test]
    fn rules_need_no_behaviour_and_exempt_networks_have_none() {
        let hit = |flags| Sighting { score: THRESHOLD, ..seen(7, 100, flags) };
        for behaviour in [false, true] {
            assert_eq!(judge(&mut Sentry::new(true, behaviour), [hit(0)]), [Answer::Keep]);
        }
        check((0..20).map(|n| seen(7, 100 + n, FAILED_LOGIN | EXEMPT)), None);
        assert_eq!(judge(&mut Sentry::new(true, true), vec![hit(EXEMPT); 5]), [Answer::Keep; 5]);
        check((0..20).map(|n| seen(0, 100 + n, FAILED_LOGIN)), None);
    }

    #[test]
    fn budgets_are_kept_to_and_what_is_over_is_counted() {
        let hit = |visitor, second| Sighting { score: THRESHOLD, ..seen(visitor, second, EXEMPT) };
        let mut sentry = Sentry::new(true, true);
        let answers = judge(&mut sentry, (0..1_200).map(|_| hit(7, 3_600)));
        assert_eq!(answers.iter().filter(|answer| **answer == Answer::Keep).count(), 1_000);
        assert_eq!(sentry.over_budget(), 200);
        assert_eq!(
            judge(&mut sentry, [hit(7, 7_199), hit(8, 7_199), hit(7, 7_200)]),
            [Answer::Pass, Answer::Keep, Answer::Keep]
        );
        sentry.run_lines_max = 3;
        assert_eq!(
            judge(&mut sentry, [hit(8, 7_200), hit(9, 7_200), hit(10, 7_200)]),
            [Answer::Keep, Answer::Keep, Answer::Pass]
        );
        assert_eq!(sentry.over_budget(), 202);
    }

    #[test]
    fn whoever_has_full_buckets_is_not_forgotten_for_others() {
        let mut sentry = Sentry::new(true, true);
        judge(&mut sentry, (0..6).map(|n| seen(7, 100 + n, FAILED_LOGIN)));
        let crowd =
            (0..400_000_u64).map(|n| seen(n.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1, 106, 0));
        assert_eq!(first(&judge(&mut sentry, crowd)), None);
        let again = judge(&mut sentry, [seen(7, 107, FAILED_LOGIN)]);
        assert_eq!(again, [Answer::Behaviour(Behaviour::Logins)]);
    }
}
