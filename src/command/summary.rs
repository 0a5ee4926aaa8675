//! The closing summary: how many lines came, and what became of each.

use std::{fmt::Write as _, time::Duration};

use serde_json::json;

use crate::{engine::Tally, field::Reason, policy::Plan};

/// What a summary tells.
pub(super) struct Facts<'a> {
    pub(super) tally: &'a Tally,
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
            ("sealed", "0".to_owned()),
            ("rules", "{}".to_owned()),
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

/// `1,234,567`.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `12.3 MB`.
pub(super) fn size(bytes: u64) -> String {
    let mut value = bytes as f64;
    for unit in ["B", "kB", "MB", "GB"] {
        if value < 1000.0 {
            return if unit == "B" { format!("{bytes} B") } else { format!("{value:.1} {unit}") };
        }
        value /= 1000.0;
    }
    format!("{value:.1} TB")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_for_people() {
        for (number, expect) in [(0, "0"), (999, "999"), (1_000, "1,000"), (1_234_567, "1,234,567")]
        {
            assert_eq!(grouped(number), expect);
        }
        for (bytes, expect) in
            [(0, "0 B"), (999, "999 B"), (1_500, "1.5 kB"), (2_000_000_000_000, "2.0 TB")]
        {
            assert_eq!(size(bytes), expect);
        }
    }
}
