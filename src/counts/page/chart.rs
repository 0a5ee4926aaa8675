//! The pictures: bars in rows, columns along a time, a week by hours. SVG without a script, and without a size.
//!
//! Places across are parts of the width, and only heights are fixed. So one picture fits a telephone and a desk, and
//! its letters keep their size. Each picture is one image to a screen reader, with a title and a description; the
//! figures themselves stand in the table beside it. The titles of single bars are what a pointer shows.

use super::markup::Markup;
use crate::counts::numbers::{brief, grouped};

/// A bar with its label, in a picture of rows.
pub(super) struct Bar {
    pub(super) label: String,
    pub(super) value: u64,
    /// What stands at its end, such as a share.
    pub(super) note: String,
    /// How the value is said in words.
    pub(super) said: String,
    pub(super) tone: Tone,
}

/// The meaning of a colour; never the only sign of it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Tone {
    Plain,
    /// What was folded or names nothing.
    Faint,
    /// Redirections and the like.
    Calm,
    /// Answers that are the request's fault.
    Warm,
    /// Answers that are the server's fault.
    Alarm,
}

/// A column along a time. Without a value, nothing was told.
pub(super) struct Column {
    /// Under the axis.
    pub(super) short: String,
    /// In words, with its value.
    pub(super) said: String,
    pub(super) value: Option<u64>,
}

/// What a picture is called, and what it shows.
pub(super) struct Caption<'a> {
    /// Names its parts.
    pub(super) id: &'a str,
    pub(super) title: &'a str,
    pub(super) description: &'a str,
}

// All in CSS pixels.
const ROW: usize = 40;
const LABEL_LINE: usize = 15;
const BAR_TOP: usize = 22;
const PLOT_TOP: usize = 16;
const PLOT: usize = 150;
const AXIS: usize = 26;
const CELL: usize = 24;

/// How many characters a row has, for its label and its note: beside another chart, across the page, on a telephone
/// of 390 pixels. Measured with DejaVu Sans, which is wider than what most people have.
const ROWS: (usize, usize, usize) = (54, 120, 37);

/// What is left of a label at least, beside a long note.
const LABEL_MIN: usize = 8;

/// Fewer columns than this do not take the whole width, for a single one would be a wall.
const COLUMNS_MIN: usize = 8;

/// How many labels an axis has.
const LABELS_OF_AXIS: usize = 5;

/// Where the cells of a week begin, in percent: the days' names stand before them.
const CELLS_LEFT: f64 = 12.0;

/// Rows of bars, which are parts of `whole`.
pub(super) fn rows(
    out: &mut Markup,
    caption: &Caption<'_>,
    bars: &[Bar],
    whole: u64,
    is_wide: bool,
) {
    begin(out, "rows", caption, bars.len() * ROW);
    for (number, bar) in bars.iter().enumerate() {
        let top = number * ROW;
        out.tags("<g><title>").text(&bar.label).tags(": ").text(&bar.said).tags("</title>");
        let room = |row: usize| row.saturating_sub(bar.note.chars().count()).max(LABEL_MIN);
        let long = cut(&bar.label, room(if is_wide { ROWS.1 } else { ROWS.0 }));
        let short = cut(&bar.label, room(ROWS.2));
        if long == short {
            text(out, "<text class=\"label\" x=\"0\" y=\"", top + LABEL_LINE, &long);
        } else {
            text(out, "<text class=\"label long\" x=\"0\" y=\"", top + LABEL_LINE, &long);
            text(out, "<text class=\"label short\" x=\"0\" y=\"", top + LABEL_LINE, &short);
        }
        text(
            out,
            "<text class=\"value\" x=\"100%\" text-anchor=\"end\" y=\"",
            top + LABEL_LINE,
            &bar.note,
        );
        out.tags("<rect class=\"track\" x=\"0\" width=\"100%\" height=\"8\" rx=\"2\" y=\"");
        out.number(top + BAR_TOP).tags("\"/>");
        out.tags(match bar.tone {
            Tone::Plain => "<rect class=\"bar\"",
            Tone::Faint => "<rect class=\"bar faint\"",
            Tone::Calm => "<rect class=\"bar calm\"",
            Tone::Warm => "<rect class=\"bar warm\"",
            Tone::Alarm => "<rect class=\"bar alarm\"",
        });
        out.tags(" x=\"0\" height=\"8\" rx=\"2\" y=\"").number(top + BAR_TOP);
        out.tags("\" width=\"").decimal(percent(bar.value, whole)).tags("%\"/></g>");
    }
    out.tags("</svg>");
}

/// Columns along a time, with lines at round numbers.
pub(super) fn columns(out: &mut Markup, caption: &Caption<'_>, columns: &[Column]) {
    begin(out, "columns", caption, PLOT_TOP + PLOT + AXIS);
    let most = columns.iter().filter_map(|column| column.value).max().unwrap_or(0);
    let (step, top) = scale(most);
    let height = |value: u64| PLOT as f64 * value as f64 / top as f64;
    let bottom = (PLOT_TOP + PLOT) as f64;
    let lines = || (1..).map_while(|n: u64| step.checked_mul(n)).take_while(|line| *line <= top);
    for line in lines() {
        let y = bottom - height(line);
        out.tags("<line class=\"grid\" x1=\"0\" x2=\"100%\" y1=\"").decimal(y);
        out.tags("\" y2=\"").decimal(y).tags("\"/>");
    }
    let width = 100.0 / columns.len().max(COLUMNS_MIN) as f64;
    for (number, column) in columns.iter().enumerate() {
        let Some(value) = column.value else { continue };
        // What is there can be seen, and a column is never thinner than its gap.
        let tall = if value == 0 { 0.0 } else { height(value).max(1.5) };
        out.tags(if value == most {
            "<rect class=\"bar peak\" x=\""
        } else {
            "<rect class=\"bar\" x=\""
        });
        out.decimal(width * (number as f64 + 0.1)).tags("%\" width=\"").decimal(width * 0.8);
        out.tags("%\" y=\"").decimal(bottom - tall).tags("\" height=\"").decimal(tall);
        out.tags("\"><title>").text(&column.said).tags("</title></rect>");
    }
    // The style leaves them a margin.
    for line in lines() {
        out.tags("<text class=\"tick\" x=\"-8\" text-anchor=\"end\" y=\"");
        out.decimal(bottom - height(line) + 4.0);
        out.tags("\">").text(&brief(line)).tags("</text>");
    }
    out.tags("<line class=\"axis\" x1=\"0\" x2=\"100%\" y1=\"").decimal(bottom);
    out.tags("\" y2=\"").decimal(bottom).tags("\"/>");
    axis(out, columns, width);
    out.tags("</svg>");
}

/// Labels under the axis, as many as fit a telephone: at hours of a quarter of a day, or at whole weeks.
fn axis(out: &mut Markup, columns: &[Column], width: f64) {
    let steps: &[usize] = if columns.len().is_multiple_of(24) {
        &[1, 2, 3, 6, 12, 24, 48, 96, 168, 336, 744]
    } else {
        &[1, 2, 3, 7, 14, 28, 56, 91, 182, 365, 730]
    };
    // Where columns are few, so is their part of the width.
    let most = (LABELS_OF_AXIS * columns.len() / COLUMNS_MIN).clamp(1, LABELS_OF_AXIS);
    let fits = |step: &&usize| columns.len().div_ceil(**step) <= most;
    let step = steps.iter().find(fits).copied().unwrap_or(columns.len());
    for (number, column) in columns.iter().enumerate().step_by(step.max(1)) {
        let (anchor, place) = match number {
            0 => ("start\" x=\"", 0.1),
            _ if width * number as f64 > 90.0 => ("end\" x=\"", 0.9),
            _ => ("middle\" x=\"", 0.5),
        };
        out.tags("<text class=\"tick\" text-anchor=\"")
            .tags(anchor)
            .decimal(width * (number as f64 + place));
        text(out, "%\" y=\"", PLOT_TOP + PLOT + 18, &column.short);
    }
}

/// A week by hours: a cell for each, the darker the more. `rows` are names with 24 values each.
pub(super) fn week(out: &mut Markup, caption: &Caption<'_>, rows: &[(String, [u64; 24])]) {
    begin(out, "week", caption, rows.len() * CELL + AXIS);
    let most = rows.iter().flat_map(|(_, hours)| hours).copied().max().unwrap_or(0);
    let width = (100.0 - CELLS_LEFT) / 24.0;
    for (number, (name, hours)) in rows.iter().enumerate() {
        let top = number * CELL;
        text(
            out,
            "<text class=\"tick\" x=\"11%\" text-anchor=\"end\" y=\"",
            top + 16,
            name.get(..3).unwrap_or(name),
        );
        for (hour, value) in hours.iter().enumerate() {
            let strength = percent(*value, most) / 100.0;
            out.tags("<rect class=\"track\" x=\"").decimal(CELLS_LEFT + width * hour as f64);
            out.tags("%\" width=\"")
                .decimal(width * 0.92)
                .tags("%\" height=\"21\" rx=\"2\" y=\"")
                .number(top);
            out.tags("\"/><rect class=\"bar\" x=\"").decimal(CELLS_LEFT + width * hour as f64);
            out.tags("%\" width=\"")
                .decimal(width * 0.92)
                .tags("%\" height=\"21\" rx=\"2\" y=\"")
                .number(top);
            out.tags("\" fill-opacity=\"")
                .decimal(strength)
                .tags("\"><title>")
                .text(name)
                .tags(", ");
            out.number(hour).tags(":00: ").text(&grouped(*value)).tags("</title></rect>");
        }
    }
    for hour in [0, 6, 12, 18] {
        out.tags("<text class=\"tick\" x=\"")
            .decimal(CELLS_LEFT + width * f64::from(hour))
            .tags("%\" y=\"");
        out.number(rows.len() * CELL + 14).tags("\">").number(hour as usize).tags(":00</text>");
    }
    out.tags("</svg>");
}

/// The image with its title and its description.
fn begin(out: &mut Markup, class: &'static str, caption: &Caption<'_>, height: usize) {
    out.tags("<svg class=\"")
        .tags(class)
        .tags("\" role=\"img\" aria-labelledby=\"")
        .text(caption.id);
    out.tags("-title\" aria-describedby=\"")
        .text(caption.id)
        .tags("-desc\" width=\"100%\" height=\"");
    out.number(height)
        .tags("\"><title id=\"")
        .text(caption.id)
        .tags("-title\">")
        .text(caption.title);
    out.tags("</title><desc id=\"").text(caption.id).tags("-desc\">").text(caption.description);
    out.tags("</desc>");
}

/// A text whose tag is complete but for its last place.
fn text(out: &mut Markup, tag: &'static str, y: usize, words: &str) {
    out.tags(tag).number(y).tags("\">").text(words).tags("</text>");
}

fn percent(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { (part as f64 / whole as f64 * 100.0).min(100.0) }
}

/// The step between lines and the top of the scale: a round number, at most four lines.
fn scale(most: u64) -> (u64, u64) {
    let most = most.max(1);
    let mut step = 1_u64;
    for factor in [2, 5, 10].into_iter().cycle() {
        if most.div_ceil(step) <= 4 {
            break;
        }
        let tens = 10_u64.pow(step.ilog10());
        step = tens.saturating_mul(factor);
    }
    (step, most.div_ceil(step).saturating_mul(step))
}

/// The text, without its middle where it is too long.
fn cut(words: &str, longest: usize) -> String {
    let long = words.chars().count();
    if long <= longest {
        return words.to_owned();
    }
    let (start, end) = (longest / 2, (longest - 1) / 2);
    words.chars().take(start).chain(['…']).chain(words.chars().skip(long - end)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_stand_at_round_numbers() {
        for (most, expect) in [
            (0, (1, 1)),
            (1, (1, 1)),
            (4, (1, 4)),
            (5, (2, 6)),
            (9, (5, 10)),
            (17, (5, 20)),
            (21, (10, 30)),
            (3_210, (1_000, 4_000)),
            (7_001, (2_000, 8_000)),
        ] {
            assert_eq!(scale(most), expect, "{most}");
        }
        let (step, top) = scale(u64::MAX);
        assert!(step > 0 && top == u64::MAX, "{step} {top}");
    }

    #[test]
    fn labels_keep_both_ends() {
        assert_eq!(cut("/a/b.html", 9), "/a/b.html");
        assert_eq!(cut("/blog/2026/index.html", 10), "/blog…html");
        assert_eq!(cut("äöü", 2), "ä…");
    }

    #[test]
    fn pictures_are_images_with_a_title_and_a_description() {
        let caption = Caption { id: "t1", title: "Pages", description: "a <b>" };
        let mut out = Markup::default();
        let bar = Bar {
            label: "/<x>".to_owned(),
            value: 9,
            note: "9".to_owned(),
            said: "9 requests".to_owned(),
            tone: Tone::Warm,
        };
        rows(&mut out, &caption, &[bar], 0, false);
        let column = |value| Column { short: "1".to_owned(), said: "1: 2".to_owned(), value };
        columns(&mut out, &caption, &[column(Some(0)), column(None), column(Some(7))]);
        columns(&mut out, &caption, &[]);
        week(&mut out, &caption, &[("Monday".to_owned(), [0; 24])]);
        let html = out.into_string();
        assert_eq!(html.matches("role=\"img\" aria-labelledby=\"t1-title\"").count(), 4);
        assert_eq!(html.matches("<desc id=\"t1-desc\">a &lt;b&gt;</desc>").count(), 4);
        assert!(
            html.contains(
                "class=\"bar warm\" x=\"0\" height=\"8\" rx=\"2\" y=\"22\" width=\"0.00%\""
            )
        );
        assert_eq!(html.matches("class=\"bar peak\"").count(), 1);
        assert!(!html.contains("NaN") && !html.contains("inf"));
    }
}
