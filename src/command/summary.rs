//! The closing summary: how many lines came, and what became of each.

use std::{fmt::Write as _, time::Duration};

use serde_json::json;

use crate::{
    counts::numbers::{grouped, size},
    engine::Tally,
    field::Reason,
    policy::Plan,
};

/// How many rules are told of to people, those with the most lines.
const RULES_SHOWN: usize = 5;

/// What a summary tells.
pub(super) struct Facts<'a> {
    pub(super) tally: &'a Tally,
    /// Lines that were to be sealed and were given up because there was no room.
    pub(super) shed: u64,
    pub(super) plan: &'a Plan,
    pub(super) bytes_in: u64,
    pub(super) elapsed: Duration,
    /// Of a run over archives.
    pub(super) files: Option<Files>,
}

/// What became of the files of a run over archives.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Files {
    pub(super) all: usize,
    /// There is a whole clean copy, of this run or an earlier one, or of another file with the same content.
    pub(super) done: usize,
    /// Done by an earlier run.
    pub(super) as_before: usize,
    /// The same as another file.
    pub(super) same: usize,
    /// Not read, or not to the end.
    pub(super) failed: usize,
}

impl Facts<'_> {
    /// One compact line.
    pub(super) fn to_json(&self) -> String {
        let refused = self.refused().map(|(reason, lines)| (reason.word(), lines.to_string()));
        let mut fields = vec![
            ("read", self.tally.read().to_string()),
            ("clean", self.tally.clean.to_string()),
            ("refused", object(refused)),
            ("opted_out", self.tally.opted_out.to_string()),
            ("filtered", self.tally.filtered.to_string()),
            ("sealed", self.sealed().to_string()),
            (
                "rules",
                object(self.tally.rules.iter().map(|(id, lines)| (id.as_str(), lines.to_string()))),
            ),
            ("over_budget", self.tally.over_budget.to_string()),
            ("bytes_in", self.bytes_in.to_string()),
            ("bytes_out", self.tally.bytes_out.to_string()),
            ("seconds", json!((self.elapsed.as_secs_f64() * 1e3).round() / 1e3).to_string()),
            ("policy", json!(self.plan.name).to_string()),
            ("policy_hash", json!(self.plan.hash).to_string()),
            ("version", json!(env!("CARGO_PKG_VERSION")).to_string()),
        ];
        if let Some(files) = self.files {
            fields.extend([
                ("files", files.all.to_string()),
                ("files_done", files.done.to_string()),
                ("files_failed", files.failed.to_string()),
            ]);
        }
        // Told of where there is something to tell.
        let is_told = |name: &str| name != "over_budget" || self.tally.over_budget > 0;
        object(fields.into_iter().filter(|(name, _)| is_told(name))) + "\n"
    }

    /// A few lines for people; `bold` switches a terminal's colours on.
    pub(super) fn to_text(&self, bold: bool) -> String {
        let (on, dim, alarm, off) = if bold {
            ("\u{1b}[1m", "\u{1b}[2m", "\u{1b}[33m", "\u{1b}[0m")
        } else {
            ("", "", "", "")
        };
        let seconds = self.elapsed.as_secs_f64().max(1e-9);
        let mut text = format!(
            "{on}tamis{off} {dim}policy {} {}{off}\n  read     {:>13} lines, {}\n  clean    {on}{:>13}{off}\n",
            self.plan.name,
            &self.plan.hash[..12],
            grouped(self.tally.read()),
            size(self.bytes_in),
            grouped(self.tally.clean),
        );
        let refused: Vec<_> =
            self.refused().map(|(reason, lines)| format!("{reason} {}", grouped(lines))).collect();
        let colour = if refused.is_empty() { "" } else { alarm };
        let total = grouped(self.tally.refused_total());
        writeln!(text, "  refused  {colour}{total:>13}{off}  {}", refused.join(", "))
            .expect("a string takes all");
        for (name, lines) in [
            ("opted out", self.tally.opted_out),
            ("filtered", self.tally.filtered),
            ("sealed", self.sealed()),
            ("shed", self.shed),
            ("unsealed", self.tally.over_budget),
        ] {
            if lines > 0 {
                writeln!(text, "  {name:<9}{:>12}", grouped(lines)).expect("a string takes all");
            }
        }
        if !self.tally.rules.is_empty() {
            let mut rules: Vec<_> = self.tally.rules.iter().collect();
            rules.sort_by_key(|(id, lines)| (std::cmp::Reverse(**lines), *id));
            let shown: Vec<_> = rules
                .iter()
                .take(RULES_SHOWN)
                .map(|(id, lines)| format!("{id} {}", grouped(**lines)))
                .collect();
            let more = match rules.len().saturating_sub(RULES_SHOWN) {
                0 => String::new(),
                more => format!(", {more} more"),
            };
            writeln!(text, "  rules    {}{more}", shown.join(", ")).expect("a string takes all");
        }
        if let Some(files) = self.files {
            let Files { all, done, as_before, same, failed } = files;
            writeln!(
                text,
                "  files    {:>13}  done {done} (as before {as_before}, same as another {same}), failed {failed}",
                grouped(all as u64)
            )
            .expect("a string takes all");
        }
        let rate = size((self.bytes_in as f64 / seconds) as u64);
        writeln!(
            text,
            "  {dim}{seconds:.2} s, {rate}/s, {} written{off}",
            size(self.tally.bytes_out)
        )
        .expect("a string takes all");
        text.replace("  \n", "\n")
    }

    /// Lines in the quarantine.
    const fn sealed(&self) -> u64 {
        self.tally.sealed.saturating_sub(self.shed)
    }

    fn refused(&self) -> impl Iterator<Item = (Reason, u64)> + '_ {
        Reason::ALL.into_iter().zip(self.tally.refused).filter(|(_, lines)| *lines > 0)
    }
}

/// A JSON object with its members in this order, that of the contract, which a map would not keep.
/// Keys are words of ours and values are JSON.
fn object<'a>(members: impl IntoIterator<Item = (&'a str, String)>) -> String {
    let members: Vec<_> =
        members.into_iter().map(|(key, value)| format!("\"{key}\":{value}")).collect();
    format!("{{{}}}", members.join(","))
}
