//! What is told of the service: numbers by names of our own, and never content.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    path::PathBuf,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use serde_json::json;

use crate::engine::Tally;

/// How much something matters, as syslog counts it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// The service or a part of it cannot go on.
    Error,
    /// Somebody should look.
    Warning,
    /// Something that is not seen every day.
    Notice,
    /// What is usual.
    Info,
}

impl Level {
    /// Its number.
    #[must_use]
    pub const fn number(self) -> u8 {
        match self {
            Self::Error => 3,
            Self::Warning => 4,
            Self::Notice => 5,
            Self::Info => 6,
        }
    }
}

/// Says something to whoever keeps the service.
pub type Say = Arc<dyn Fn(Level, &str) + Send + Sync>;

/// What is told of one source.
#[derive(Debug, Default)]
pub(super) struct SourceFacts {
    pub(super) kind: &'static str,
    pub(super) bytes: AtomicU64,
    /// Datagrams that the kernel dropped because nobody took them, as far as it tells.
    pub(super) dropped: AtomicU64,
    /// Connections that were not taken because there were too many.
    pub(super) turned_away: AtomicU64,
    /// Files that are gone and of which not all was read.
    pub(super) lost: AtomicU64,
    /// Whether it cannot be read, again and again.
    pub(super) is_failing: AtomicBool,
}

/// Where room may be waited for.
pub(super) const ROOMS: [&str; 4] = ["output", "state", "counts", "quarantine"];

/// What is told of the rest.
#[derive(Clone, Debug, Default)]
pub(super) struct Facts {
    pub(super) lines: Vec<(&'static str, u64)>,
    /// Requests and bytes by words of closed sets, in the form of Prometheus.
    pub(super) counts: String,
    pub(super) tally: Tally,
    pub(super) shed: u64,
    pub(super) segments: u64,
    pub(super) output_bytes: u64,
    pub(super) files: usize,
    pub(super) behind_bytes: u64,
    pub(super) commits: u64,
    pub(super) committed_unix: i64,
    pub(super) started_unix: i64,
    pub(super) policy: String,
    pub(super) policy_hash: String,
    /// Where counts go, which may be beside the store that is configured.
    pub(super) store: Option<PathBuf>,
    pub(super) keys_in_trouble: bool,
    pub(super) reloads_refused: u64,
    /// What is waited for, if anything is.
    pub(super) waiting: Option<&'static str>,
}

/// Where it stands.
#[derive(Debug, Default)]
pub(super) struct Board {
    facts: Mutex<Facts>,
    pub(super) sources: Vec<Arc<SourceFacts>>,
}

impl Board {
    pub(super) fn new(kinds: &[&'static str]) -> Arc<Self> {
        let source = |kind: &&'static str| Arc::new(SourceFacts { kind, ..SourceFacts::default() });
        Arc::new(Self { facts: Mutex::default(), sources: kinds.iter().map(source).collect() })
    }

    pub(super) fn facts(&self) -> MutexGuard<'_, Facts> {
        self.facts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn tell(&self, change: impl FnOnce(&mut Facts)) {
        change(&mut self.facts());
    }

    pub(super) fn wait(&self, what: &'static str) {
        self.facts().waiting = Some(what);
    }

    pub(super) fn go_on(&self) {
        self.facts().waiting = None;
    }

    /// Whether room is waited for.
    pub(super) fn is_waiting(&self) -> bool {
        self.facts().waiting.is_some()
    }

    /// Whether all is well.
    pub(super) fn is_healthy(&self) -> bool {
        let facts = self.facts();
        facts.waiting.is_none() && !facts.keys_in_trouble && self.failing().next().is_none()
    }

    /// The sources that cannot be read, by their numbers.
    fn failing(&self) -> impl Iterator<Item = usize> {
        let sources = self.sources.iter().zip(1..);
        sources.filter(|(source, _)| source.is_failing.load(Ordering::Relaxed)).map(|it| it.1)
    }

    /// A line for `systemctl status`.
    pub(super) fn status(&self) -> String {
        let facts = self.facts().clone();
        let read: u64 = facts.lines.iter().map(|(_, lines)| lines).sum();
        let clean = named(&facts.lines, "clean");
        let mut text = format!(
            "policy {}, {read} lines read, {clean} clean, {} sealed, {} bytes behind",
            facts.policy, facts.tally.sealed, facts.behind_bytes
        );
        if let Some(waiting) = facts.waiting {
            let _ = write!(text, "; WAITING for room: {waiting}");
        }
        for number in self.failing() {
            let kind = self.sources[number - 1].kind;
            let _ = write!(text, "; source {number} ({kind}) CANNOT be read");
        }
        text
    }

    /// The facts as JSON.
    pub(super) fn json(&self) -> String {
        let facts = self.facts().clone();
        let lines: BTreeMap<_, _> = facts.lines.iter().copied().collect();
        let source = |source: &Arc<SourceFacts>| {
            json!({
                "kind": source.kind,
                "bytes": source.bytes.load(Ordering::Relaxed),
                "dropped": source.dropped.load(Ordering::Relaxed),
                "turned_away": source.turned_away.load(Ordering::Relaxed),
                "files_lost": source.lost.load(Ordering::Relaxed),
                "failing": source.is_failing.load(Ordering::Relaxed),
            })
        };
        let all = json!({
            "healthy": self.is_healthy(),
            "waiting": facts.waiting,
            "policy": facts.policy,
            "policy_hash": facts.policy_hash,
            "store": facts.store.map(|store| store.display().to_string()),
            "started": facts.started_unix,
            "committed": facts.committed_unix,
            "lines": lines,
            "sealed": facts.tally.sealed,
            "shed": facts.shed,
            "over_budget": facts.tally.over_budget,
            "files": facts.files,
            "behind_bytes": facts.behind_bytes,
            "output_bytes": facts.output_bytes,
            "keys_in_trouble": facts.keys_in_trouble,
            "reloads_refused": facts.reloads_refused,
            "sources": self.sources.iter().map(source).collect::<Vec<_>>(),
        });
        all.to_string() + "\n"
    }
}

fn named(lines: &[(&'static str, u64)], name: &str) -> u64 {
    lines.iter().find(|(found, _)| *found == name).map_or(0, |(_, lines)| *lines)
}
