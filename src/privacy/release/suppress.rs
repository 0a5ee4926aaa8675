//! Local suppression: likenesses that too few visitors share are widened until enough do, or are left out.
//!
//! In each step every likeness with fewer than *k* visitors is widened in one thing, which may make it equal to
//! another one. What enough visitors share stays as it is, and can only gain. So in the end every likeness that
//! is left is shared by *k* visitors, all of whose lines are written alike.

use std::collections::HashMap;

use super::{
    likeness::{Likeness, Step, TextId},
    template::Crowd,
};

/// The lines that share a likeness, and whose they are.
#[derive(Clone, Default)]
pub(super) struct Group {
    pub(super) lines: u64,
    pub(super) crowd: Crowd,
}

impl Group {
    /// Adds another group.
    pub(super) fn join(&mut self, other: &Self, k: usize) {
        self.lines += other.lines;
        self.crowd.join(&other.crowd, k);
    }
}

/// Groups by likeness.
pub(super) type Groups = HashMap<Likeness, Group>;

/// Widens what too few visitors share, and gives how many lines were left out in the end.
pub(super) fn suppress(groups: &mut Groups, k: usize, other: TextId) -> u64 {
    for step in Step::ALL {
        let few: Vec<_> = groups.extract_if(|_, group| !group.crowd.is_enough(k)).collect();
        for (likeness, group) in few {
            groups.entry(likeness.widened(step, other)).or_default().join(&group, k);
        }
    }
    groups.extract_if(|_, group| !group.crowd.is_enough(k)).map(|(_, group)| group.lines).sum()
}
