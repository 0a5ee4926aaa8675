//! What is told of the service, as Prometheus reads it: names and words of our own, and numbers.

use std::{
    fmt::Write as _,
    sync::atomic::{AtomicU64, Ordering},
};

use super::board::{Board, Facts, ROOMS, SourceFacts};

/// Families of numbers, one after the other.
#[derive(Default)]
struct Families(String);

impl Families {
    fn add(&mut self, name: &str, kind: &str, help: &str, rows: impl IntoIterator<Item = Row>) {
        let _ = writeln!(self.0, "# HELP tamis_{name} {help}\n# TYPE tamis_{name} {kind}");
        for (labels, number) in rows {
            let _ = writeln!(self.0, "tamis_{name}{labels} {number}");
        }
    }

    /// A number without labels that only grows.
    fn counter(&mut self, name: &str, help: &str, number: u64) {
        self.add(name, "counter", help, [(String::new(), number)]);
    }

    /// A number without labels.
    fn gauge(&mut self, name: &str, help: &str, number: u64) {
        self.add(name, "gauge", help, [(String::new(), number)]);
    }
}

/// What of a source is told.
type Of = fn(&SourceFacts) -> &AtomicU64;

/// Labels and a number.
type Row = (String, u64);

impl Board {
    /// The facts as Prometheus reads them. Every label is a word of ours.
    pub(super) fn prometheus(&self) -> String {
        let facts = self.facts().clone();
        let mut families = Families::default();
        lines(&facts, &mut families);
        places(&facts, &mut families);
        self.of_sources(&mut families);
        families.0 + &facts.counts
    }

    fn of_sources(&self, families: &mut Families) {
        let rows = |of: &dyn Fn(&SourceFacts) -> u64| {
            let row = |(number, source): (usize, &std::sync::Arc<SourceFacts>)| {
                (format!("{{source=\"{number}\",kind=\"{}\"}}", source.kind), of(source))
            };
            (1..).zip(&self.sources).map(row).collect::<Vec<_>>()
        };
        let counters: [(&str, &str, Of); 4] = [
            ("source_bytes_total", "Bytes read.", |source| &source.bytes),
            (
                "source_dropped_total",
                "Datagrams that the kernel dropped because nobody took them.",
                |source| &source.dropped,
            ),
            ("source_turned_away_total", "Connections turned away, being too many.", |source| {
                &source.turned_away
            }),
            (
                "source_files_lost_total",
                "Files that were gone before all of them was read.",
                |source| &source.lost,
            ),
        ];
        for (name, help, of) in counters {
            families.add(name, "counter", help, rows(&|source| of(source).load(Ordering::Relaxed)));
        }
        let failing = rows(&|source| source.is_failing.load(Ordering::Relaxed).into());
        families.add("source_failing", "gauge", "Whether it cannot be read.", failing);
    }
}

/// What became of lines.
fn lines(facts: &Facts, families: &mut Families) {
    let lines = facts.lines.iter().map(|(name, lines)| (format!("{{outcome=\"{name}\"}}"), *lines));
    let help = "Lines by what became of them, over all runs.";
    families.add("lines_total", "counter", help, lines);
    let rules = facts.tally.rules.iter().map(|(id, lines)| (format!("{{rule={id:?}}}"), *lines));
    families.add("rule_hits_total", "counter", "Lines that a rule hit since the start.", rules);
    families.counter("sealed_lines_total", "Lines handed to the quarantine.", facts.tally.sealed);
    families.counter("shed_lines_total", "Lines to be sealed that were given up.", facts.shed);
    let over_budget = facts.tally.over_budget;
    families.counter("over_budget_total", "Lines not sealed, being too many.", over_budget);
    families.counter("segments_total", "Segments finished since the start.", facts.segments);
    families.counter("commits_total", "Commits since the start.", facts.commits);
}

/// Where the service is, and what it waits for.
fn places(facts: &Facts, families: &mut Families) {
    let seconds = |unix: i64| u64::try_from(unix).unwrap_or(0);
    let committed = seconds(facts.committed_unix);
    families.gauge("committed_seconds", "When was committed last.", committed);
    let started = seconds(facts.started_unix);
    families.gauge("started_seconds", "When the service was started.", started);
    families.gauge("output_bytes", "The size of the output.", facts.output_bytes);
    families.gauge("files", "Files that are followed.", facts.files as u64);
    let help = "What followed files have more than was read.";
    families.gauge("behind_bytes", help, facts.behind_bytes);
    let waits =
        |word: &&str| (format!("{{room=\"{word}\"}}"), u64::from(facts.waiting == Some(*word)));
    let help = "Whether room is waited for, and where.";
    families.add("waiting", "gauge", help, ROOMS.iter().map(waits));
    let in_trouble = facts.keys_in_trouble.into();
    families.gauge("keys_in_trouble", "Whether tokens cannot be made.", in_trouble);
    let refused = facts.reloads_refused;
    families.counter("reloads_refused_total", "Reloads that were refused.", refused);
}
