//! The closing summary: how many lines came, and what became of each.

use std::{fmt::Write as _, time::Duration};

use serde_json::json;

use crate::{
    counts::numbers::{grouped, size},
    engine::Tally,
    field::Reason,
    policy::Plan,
};

/// What a summary tells.
pub(super) struct Facts<'a> {
    pub(super) tally: &'a Tally,
    pub(super) plan: &'a Plan,
    pub(super) bytes_in: u64,
    pub(super) elapsed: Duration,
}

impl Facts<'_> {
    /// One compact line.
    pub(super) fn to_json(&self) -> String {
        let refused = self.refused().map(|(reason, lines)| (reason.word(), lines.to_string()));
        let fields = [
            ("read", self.tally.read().to_string()),
            ("clean", self.tally.clean.to_string()),
            ("refused", object(refused)),
            ("opted_out", self.tally.opted_out.to_string()),
            ("filtered", self.tally.filtered.to_string()),
            ("sealed", "0".to_owned()),
            ("rules", "{}".to_owned()),
            ("bytes_in", self.bytes_in.to_string()),
            ("bytes_out", self.tally.bytes_out.to_string()),
            ("seconds", json!((self.elapsed.as_secs_f64() * 1e3).round() / 1e3).to_string()),
            ("policy", json!(self.plan.name).to_string()),
            ("policy_hash", json!(self.plan.hash).to_string()),
            ("version", json!(env!("CARGO_PKG_VERSION")).to_string()),
        ];
        object(fields) + "\n"
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
        for (name, lines) in
            [("opted out", self.tally.opted_out), ("filtered", self.tally.filtered)]
        {
            if lines > 0 {
                writeln!(text, "  {name:<9}{:>12}", grouped(lines)).expect("a string takes all");
            }
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
