//! Which paths may be told, learned from who asked for what.
//!
//! A path is told segment by segment. A segment is told as it is where at least *k* different visitors were seen
//! with it behind the same beginning. Where fewer were, it is told as `{other}`, together with all such segments
//! behind that beginning, if at least *k* visitors were seen with any of them; else the whole path is not told.
//! So `/blog/` with many posts of few readers each becomes `/blog/{other}`, and the text that a single visitor
//! brought never comes out, whatever it looks like.

use std::collections::HashMap;

use crate::privacy::visitors::Visitor;

/// What a segment is told as that too few visitors were seen with.
const OTHER_SEGMENT: &[u8] = b"{other}";

/// How many segments a path may have and still be told.
const SEGMENTS_MAX: usize = 64;

/// A few different visitors: as many as there are, until there are enough.
#[derive(Clone, Default)]
pub(super) struct Crowd(Vec<Visitor>);

impl Crowd {
    /// Adds a visitor, unless `enough` are there already.
    pub(super) fn add(&mut self, visitor: Visitor, enough: usize) {
        if !self.is_enough(enough) && !self.0.contains(&visitor) {
            self.0.push(visitor);
        }
    }

    /// Adds all visitors of another crowd.
    pub(super) fn join(&mut self, other: &Self, enough: usize) {
        other.0.iter().for_each(|visitor| self.add(*visitor, enough));
    }

    /// Whether there are `enough`.
    pub(super) const fn is_enough(&self, enough: usize) -> bool {
        self.0.len() >= enough
    }
}

/// A path on its way from segment to segment.
struct Walk<'a> {
    /// Which path it is.
    index: usize,
    /// What it was told as so far, as a number and as text.
    beginning: usize,
    told: Vec<u8>,
    /// What is left of it.
    rest: &'a [u8],
}

impl<'a> Walk<'a> {
    /// The next segment, and what is behind the slash at its end.
    fn next(&self) -> (&'a [u8], Option<&'a [u8]>) {
        match memchr::memchr(b'/', self.rest) {
            Some(end) => (&self.rest[..end], Some(&self.rest[end + 1..])),
            None => (self.rest, None),
        }
    }
}

/// What each path is told as; nothing where it is not told. With each path, which begins with a slash, come the
/// visitors whom the site answered, up to `k` of them.
pub(super) fn learn(paths: &[(&[u8], &Crowd)], k: usize) -> Vec<Option<Vec<u8>>> {
    let mut learned = vec![None; paths.len()];
    let begin = |(index, (path, _)): (usize, &(&'_ [u8], _))| {
        let rest = paths[index].0.strip_prefix(b"/")?;
        Some(Walk { index, beginning: 0, told: Vec::with_capacity(path.len()), rest })
    };
    let mut walks: Vec<_> = paths.iter().enumerate().filter_map(begin).collect();
    for _ in 0..SEGMENTS_MAX {
        walks = step(walks, paths, k, &mut learned);
    }
    learned
}

/// Takes each path one segment further. Those that are through are learned, and those that are not told end here.
fn step<'a>(
    walks: Vec<Walk<'a>>,
    paths: &[(&[u8], &Crowd)],
    k: usize,
    learned: &mut [Option<Vec<u8>>],
) -> Vec<Walk<'a>> {
    let mut crowds: HashMap<(usize, &[u8]), Crowd> = HashMap::new();
    for walk in &walks {
        let crowd = crowds.entry((walk.beginning, walk.next().0)).or_default();
        crowd.join(paths[walk.index].1, k);
    }
    let mut others: HashMap<usize, Crowd> = HashMap::new();
    for ((beginning, _), crowd) in crowds.iter().filter(|(_, crowd)| !crowd.is_enough(k)) {
        others.entry(*beginning).or_default().join(crowd, k);
    }
    let (mut numbers, mut left) = (HashMap::new(), Vec::new());
    for mut walk in walks {
        let (segment, rest) = walk.next();
        let is_told = crowds[&(walk.beginning, segment)].is_enough(k);
        if !is_told && !others[&walk.beginning].is_enough(k) {
            continue;
        }
        walk.told.push(b'/');
        walk.told.extend_from_slice(if is_told { segment } else { OTHER_SEGMENT });
        let Some(rest) = rest else {
            learned[walk.index] = Some(walk.told);
            continue;
        };
        // Segments that are not told go on together.
        let next = numbers.len();
        let key = (walk.beginning, is_told.then_some(segment));
        walk.beginning = *numbers.entry(key).or_insert(next);
        walk.rest = rest;
        left.push(walk);
    }
    left
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What becomes of each path for k = 3, given the visitors that each had.
    fn check(paths: &[(&str, &[u64], Option<&str>)]) {
        let crowds: Vec<_> = paths.iter().map(|(_, visitors, _)| crowd(visitors)).collect();
        let given: Vec<_> =
            paths.iter().zip(&crowds).map(|((path, ..), crowd)| (path.as_bytes(), crowd)).collect();
        let learned = learn(&given, 3);
        for ((path, visitors, expect), found) in paths.iter().zip(&learned) {
            let found = found.as_deref().map(|it| str::from_utf8(it).expect("ASCII"));
            assert_eq!(found, *expect, "{path} {visitors:?}");
        }
    }

    fn crowd(visitors: &[u64]) -> Crowd {
        let mut crowd = Crowd::default();
        visitors.iter().for_each(|visitor| crowd.add(Visitor(*visitor), 3));
        crowd
    }

    #[test]
    fn a_path_is_told_where_enough_visitors_were() {
        check(&[
            ("/", &[1, 2, 3], Some("/")),
            ("/a", &[1, 2, 3, 4], Some("/a")),
            ("/b", &[1, 2], None),
        ]);
        // One visitor who comes often is one.
        check(&[("/a", &[1, 1, 1, 2, 2], None)]);
        check(&[]);
    }

    #[test]
    fn rare_segments_are_told_together() {
        check(&[
            ("/blog/one", &[1], Some("/blog/{other}")),
            ("/blog/two", &[2], Some("/blog/{other}")),
            ("/blog/three", &[3, 1], Some("/blog/{other}")),
            ("/blog/known", &[1, 2, 3], Some("/blog/known")),
        ]);
        // The same visitor under several names is still one.
        check(&[("/blog/one", &[1], None), ("/blog/two", &[1], None), ("/blog/a", &[2], None)]);
    }

    #[test]
    fn what_follows_rare_segments_is_learned_together_too() {
        check(&[
            ("/u/x/settings", &[1], Some("/u/{other}/settings")),
            ("/u/y/settings", &[2], Some("/u/{other}/settings")),
            ("/u/z/settings", &[3], Some("/u/{other}/settings")),
            ("/u/z/secret", &[3], None),
        ]);
        check(&[
            ("/u/x", &[1], Some("/{other}/{other}")),
            ("/v/y", &[2], Some("/{other}/{other}")),
            ("/w/z", &[3], Some("/{other}/{other}")),
        ]);
    }

    #[test]
    fn empty_segments_are_segments() {
        check(&[
            ("/a/", &[1, 2, 3], Some("/a/")),
            ("/a", &[4], Some("/a")),
            ("//", &[1, 2, 3], Some("//")),
            ("/a//b", &[1, 2], None),
        ]);
    }

    #[test]
    fn very_deep_paths_are_not_told() {
        let deep = |segments| "/a".repeat(segments);
        let (most, more) = (deep(SEGMENTS_MAX), deep(SEGMENTS_MAX + 1));
        check(&[(&most, &[1, 2, 3], Some(&most)), (&more, &[1, 2, 3], None)]);
    }
}
