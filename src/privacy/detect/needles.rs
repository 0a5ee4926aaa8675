//! What a text must hold for a pattern to fit: literals of which one at least is in every match.
//!
//! They are derived from the pattern as the `regex` crate itself reads it, so that no rule can lose its hits to a
//! needle that somebody wrote by hand. All are in small letters, for they are searched for regardless of case.
//! A pattern of which nothing can be said has none, and is tried on every text.

use regex_syntax::hir::{Class, Hir, HirKind};

/// The most literals that stand for one pattern. With more of them, searching for fewer and shorter ones is cheaper.
const LITERALS_MAX: usize = 48;
/// The longest literal that is put together.
const BYTES_MAX: usize = 24;

/// Literals, and whether the text is one of them as a whole.
type Set = Vec<Vec<u8>>;

/// The literals of `hir`, or nothing.
pub(super) fn of(hir: &Hir) -> Option<Vec<Vec<u8>>> {
    let found = look(hir);
    let mut set = found.whole.filter(|set| worth(set) > 0).or(found.inside)?;
    set.sort();
    set.dedup();
    (worth(&set) > 0).then_some(set)
}

/// What is known of the texts that a part of a pattern fits.
struct Known {
    /// All of them, where they are few.
    whole: Option<Set>,
    /// One of these is in each.
    inside: Option<Set>,
}

fn look(hir: &Hir) -> Known {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => Known { whole: Some(vec![Vec::new()]), inside: None },
        HirKind::Literal(literal) => {
            Known { whole: Some(vec![literal.0.to_ascii_lowercase()]), inside: None }
        }
        HirKind::Class(class) => Known { whole: bytes_of(class), inside: None },
        HirKind::Capture(capture) => look(&capture.sub),
        HirKind::Repetition(repetition) => {
            let sub = look(&repetition.sub);
            match (repetition.min, repetition.max) {
                (1, Some(1)) => sub,
                (0, Some(1)) => {
                    let whole = sub.whole.map(|mut set| {
                        set.push(Vec::new());
                        set
                    });
                    Known { whole, inside: None }
                }
                (0, _) => Known { whole: None, inside: None },
                _ => Known { whole: None, inside: better(sub.whole, sub.inside) },
            }
        }
        HirKind::Concat(parts) => concat(parts),
        HirKind::Alternation(parts) => {
            let all: Vec<Known> = parts.iter().map(look).collect();
            let mut whole = Some(Set::new());
            let mut inside = Some(Set::new());
            for known in all {
                let best = better(known.whole.clone(), known.inside);
                extend(&mut whole, known.whole);
                extend(&mut inside, best);
            }
            Known { whole, inside }
        }
    }
}

/// One part after the other: what is known of neighbours is put together as long as it stays small.
fn concat(parts: &[Hir]) -> Known {
    let mut best: Option<Set> = None;
    let mut run: Set = vec![Vec::new()];
    let mut unbroken = true;
    for part in parts {
        let known = look(part);
        let joined = known.whole.as_ref().and_then(|whole| product(&run, whole));
        match joined {
            Some(joined) => run = joined,
            None => {
                unbroken = false;
                best = better(best, Some(std::mem::replace(&mut run, vec![Vec::new()])));
                // What did not fit behind the run may begin one of its own.
                match known.whole.filter(|whole| product(&run, whole).is_some()) {
                    Some(whole) => run = whole,
                    None => best = better(best, known.inside),
                }
            }
        }
    }
    let whole = unbroken.then(|| run.clone());
    Known { whole, inside: better(best, Some(run)) }
}

fn product(run: &Set, next: &Set) -> Option<Set> {
    if run.len() * next.len() > LITERALS_MAX {
        return None;
    }
    let mut all = Set::with_capacity(run.len() * next.len());
    for first in run {
        for second in next {
            if first.len() + second.len() > BYTES_MAX {
                return None;
            }
            all.push([first.as_slice(), second.as_slice()].concat());
        }
    }
    all.sort();
    all.dedup();
    Some(all)
}

fn extend(whole: &mut Option<Set>, more: Option<Set>) {
    *whole = match (whole.take(), more) {
        (Some(mut set), Some(more)) => {
            set.extend(more);
            set.sort();
            set.dedup();
            // An alternation may be long: each of its words is a needle.
            Some(set)
        }
        _ => None,
    };
}

/// The single bytes of a class, where they are few.
fn bytes_of(class: &Class) -> Option<Set> {
    let mut set = Set::new();
    let ranges: Vec<(u32, u32)> = match class {
        Class::Bytes(class) => {
            class.ranges().iter().map(|it| (u32::from(it.start()), u32::from(it.end()))).collect()
        }
        Class::Unicode(class) => {
            class.ranges().iter().map(|it| (it.start() as u32, it.end() as u32)).collect()
        }
    };
    for (start, end) in ranges {
        if end > 0x7f && matches!(class, Class::Unicode(_)) || end - start > 26 {
            return None;
        }
        set.extend(
            (start..=end)
                .filter_map(|byte| Some(vec![u8::try_from(byte).ok()?.to_ascii_lowercase()])),
        );
    }
    set.sort();
    set.dedup();
    (set.len() <= 8).then_some(set)
}

fn better(first: Option<Set>, second: Option<Set>) -> Option<Set> {
    match (first, second) {
        (Some(first), Some(second)) => {
            let is_first = (worth(&first), second.len()) >= (worth(&second), first.len());
            Some(if is_first { first } else { second })
        }
        (first, second) => first.or(second),
    }
}

/// How seldom ordinary texts hold one of the literals, roughly: that of the most frequent one counts.
fn worth(set: &Set) -> usize {
    let one = |literal: &Vec<u8>| literal.iter().copied().map(weight).sum::<usize>();
    set.iter().map(one).min().unwrap_or(0)
}

/// From 1 for what every target has to 8 for what hardly any has.
const fn weight(byte: u8) -> usize {
    match byte {
        b'/' | b'.' | b'=' | b'-' | b'_' | b' ' | b'a' | b'e' | b'i' | b'o' | b's' | b't'
        | b'n' | b'r' => 1,
        b'a'..=b'z' | b'0'..=b'9' | b':' | b'?' | b'+' | b',' => 2,
        b'&' => 3,
        _ => 8,
    }
}

#[cfg(test)]
mod tests {
    use regex_syntax::ParserBuilder;

    use super::*;

    #[track_caller]
    fn check(pattern: &str, expect: &[&str]) {
        let hir = ParserBuilder::new().unicode(false).utf8(false).case_insensitive(true).build();
        let hir = { hir }.parse(pattern).expect("a pattern");
        let found = of(&hir).unwrap_or_default();
        let found: Vec<String> =
            found.iter().map(|literal| literal.escape_ascii().to_string()).collect();
        assert_eq!(found, expect, "{pattern}");
    }

    #[test]
    fn literals_are_those_that_every_match_has() {
        check("Union", &["union"]);
        check(r"\bunion\b.{0,40}\bselect\b", &["select"]);
        check("a|b", &["a", "b"]);
        check("(?:cat|tac) +/etc", &["/etc"]);
        check("(?:cat|tac)[ \t]", &["cat\\t", "cat ", "tac\\t", "tac "]);
        check("x?union", &["union", "xunion"]);
        check("union(?:.*)", &["union"]);
        check("[<]script", &["<script"]);
        check("[0-9]+ingres", &["ingres"]);
    }

    #[test]
    fn what_may_be_anything_has_none() {
        for pattern in ["", ".*", "x*", "a?", "[a-z]+", "(?:union)?", "union|.*", r"\b"] {
            check(pattern, &[]);
        }
    }
}
