//! A report for a terminal: aligned tables with small bars.
//!
//! Days stand in their order, hours as one strip a day, all else with the most frequent first. What a view leaves
//! out, it says. Keys may come from a file that anybody wrote, so nothing in them reaches the terminal as a command.
//! Colours and the width are the caller's to choose; the text is for people and may change.

use std::{
    collections::BTreeMap,
    io::{self, Write},
};

use super::{
    OTHER,
    calendar::{self, Day},
    numbers::{count, grouped, share, size, sum},
    report::{Report, Row},
};

/// The narrowest and the widest that lines are made for, whatever the terminal says.
const WIDTHS: (usize, usize) = (40, 120);

/// The widest column of keys, as a part of the line: half.
const KEY_PART: usize = 2;

/// The shortest bar that is worth its place, and the longest.
const BARS: (usize, usize) = (6, 32);

/// How many days are shown at least, each in a row of its own: a month.
const DAYS_SHOWN: usize = 31;

/// How many strips of hours are shown, each of a day: two weeks.
const STRIPS_SHOWN: usize = 14;

/// How a report is shown.
#[derive(Clone, Debug)]
pub struct Look {
    /// The columns of the terminal.
    pub width: usize,
    /// Whether it knows colours.
    pub colour: bool,
    /// How many rows of each table are shown.
    pub rows: usize,
    /// The tables that are shown; none means all.
    pub tables: Vec<String>,
}

impl Default for Look {
    /// That of what is no terminal.
    fn default() -> Self {
        Self { width: 80, colour: false, rows: 10, tables: Vec::new() }
    }
}

impl Report {
    /// Writes the report as tables for people.
    ///
    /// # Errors
    ///
    /// Those of `out`.
    pub fn write_text(&self, look: &Look, out: &mut impl Write) -> io::Result<()> {
        let mut view = View { report: self, look, out };
        view.head()?;
        for (name, rows) in self.tables() {
            if look.tables.is_empty() || look.tables.iter().any(|wanted| wanted == name) {
                view.table(name, rows)?;
            }
        }
        Ok(())
    }
}

/// The report on its way to the terminal.
struct View<'a, W> {
    report: &'a Report,
    look: &'a Look,
    out: &'a mut W,
}

/// What a piece of text is, for terminals with colours.
#[derive(Clone, Copy)]
enum Tone {
    Head,
    Bar,
    Dim,
}

impl<W: Write> View<'_, W> {
    fn head(&mut self) -> io::Result<()> {
        let title = match self.report.publication() {
            None => "Usage counts for internal use".to_owned(),
            Some(public) => format!(
                "Usage counts that {} published; each figure is of {} networks or more",
                shown(&public.publisher),
                public.k
            ),
        };
        let title = self.painted(Tone::Head, &title);
        let policy = format!("policy {}", shown(self.report.policy()));
        let policy = self.painted(Tone::Dim, &policy);
        writeln!(self.out, "{title}  {policy}")?;
        let totals = self.report.totals();
        let Some(period) = self.report.period() else {
            return writeln!(self.out, "no records");
        };
        let (zone, period) = (calendar::zone(period), calendar::period(period));
        let mut line = format!("{}, {}", shown(&period), shown(&zone));
        line += &format!(": {}", count(totals.requests, "request", "requests"));
        if let Some(visitors) = totals.visitors {
            line += &format!(", {}", count(visitors, "visitor", "visitors"));
        }
        writeln!(self.out, "{line}, {}", size(totals.bytes))
    }

    fn table(&mut self, name: &str, rows: &[Row]) -> io::Result<()> {
        writeln!(self.out)?;
        match name {
            "hour" => self.hours(name, rows)?,
            "day" | "week" | "month" => {
                let mut rows = rows.to_vec();
                rows.sort_by(|a, b| a.key.cmp(&b.key));
                let shown = rows.len().min(self.look.rows.max(DAYS_SHOWN));
                let (earlier, shown) = rows.split_at(rows.len() - shown);
                self.rows(name, shown)?;
                self.left_out(earlier, "earlier")?;
            }
            _ => {
                let rows = super::report::others_last(rows);
                let (first, more) = rows.split_at(rows.len().min(self.look.rows));
                let first: Vec<_> = first.iter().map(|row| (*row).clone()).collect();
                self.rows(name, &first)?;
                self.left_out(more.iter().copied(), "more")?;
            }
        }
        if let Some(requests) = self.report.missed(name) {
            let most = count(requests, "request", "requests");
            self.note(&format!("any row may be too low, by {most} at most"))?;
        }
        Ok(())
    }

    /// Rows with bars, in the order that they have.
    fn rows(&mut self, name: &str, rows: &[Row]) -> io::Result<()> {
        let numbers = Numbers::of(rows, self.report.totals().requests);
        let (key_width, bar_width) = self.split(name, rows, numbers.width());
        let mut line = self.painted(Tone::Head, &fitted(name, key_width));
        line += &" ".repeat(if bar_width == 0 { 0 } else { bar_width + 2 });
        line += &self.painted(Tone::Dim, &numbers.line(&numbers.heads, 0));
        writeln!(self.out, "{line}")?;
        let most = rows.iter().map(|row| row.requests).max().unwrap_or(0);
        for (row, cells) in rows.iter().zip(&numbers.cells) {
            let mut line = fitted(&row.key, key_width);
            if bar_width > 0 {
                let bar = bar(row.requests, most, bar_width);
                let tone = if row.key == OTHER { Tone::Dim } else { Tone::Bar };
                let space = " ".repeat(bar_width - length(&bar));
                line += &format!("  {}{space}", self.painted(tone, &bar));
            }
            let (requests, others) = cells.split_at(1);
            line += &numbers.line(requests, 0);
            line += &self.painted(Tone::Dim, &numbers.line(others, 1));
            writeln!(self.out, "{line}")?;
        }
        Ok(())
    }

    /// How wide the keys and the bars are beside numbers of that width. A line without place for a bar has none.
    fn split(&self, name: &str, rows: &[Row], numbers: usize) -> (usize, usize) {
        let width = self.look.width.clamp(WIDTHS.0, WIDTHS.1);
        let longest = rows.iter().map(|row| length(&shown(&row.key))).max().unwrap_or(0);
        let longest = longest.max(name.len());
        let rest = width.saturating_sub(numbers);
        let key = longest.min((width / KEY_PART).min(rest).max(8));
        match rest.saturating_sub(key + 2) {
            bar if bar < BARS.0 => (longest.min(rest.max(8)), 0),
            bar => (key, bar.min(BARS.1)),
        }
    }

    /// A strip for each day, with a block for each hour.
    fn hours(&mut self, name: &str, rows: &[Row]) -> io::Result<()> {
        let mut days: BTreeMap<Day, [u64; 24]> = BTreeMap::new();
        let mut others = 0_u64;
        for row in rows {
            match calendar::day_and_hour(&row.key) {
                Some((day, hour)) => {
                    let hours = days.entry(day).or_default();
                    hours[usize::from(hour)] =
                        hours[usize::from(hour)].saturating_add(row.requests);
                }
                None => others = others.saturating_add(row.requests),
            }
        }
        let most = days.values().flatten().copied().max().unwrap_or(0);
        let head = self.painted(Tone::Head, &format!("{name:<12}"));
        let scale = self.painted(Tone::Dim, "0     6     12    18      requests");
        writeln!(self.out, "{head}{scale}")?;
        let earlier = days.len().saturating_sub(STRIPS_SHOWN);
        for (day, hours) in days.iter().skip(earlier) {
            let strip: String = hours.iter().map(|requests| block(*requests, most)).collect();
            let strip = self.painted(Tone::Bar, &strip);
            let all = grouped(sum(hours.iter().copied()));
            writeln!(self.out, "{:<12}{strip}{all:>10}", day.iso())?;
        }
        if earlier > 0 {
            self.note(&count(earlier as u64, "earlier day", "earlier days"))?;
        }
        if others > 0 {
            self.note(&format!("other hours: {}", count(others, "request", "requests")))?;
        }
        Ok(())
    }

    fn left_out<'r>(
        &mut self,
        rows: impl IntoIterator<Item = &'r Row>,
        which: &str,
    ) -> io::Result<()> {
        let requests: Vec<_> = rows.into_iter().map(|row| row.requests).collect();
        if requests.is_empty() {
            return Ok(());
        }
        let (rows, all) = (grouped(requests.len() as u64), sum(requests.into_iter()));
        self.note(&format!("{rows} {which}, {}", count(all, "request", "requests")))
    }

    fn note(&mut self, what: &str) -> io::Result<()> {
        let note = self.painted(Tone::Dim, &format!("({what})"));
        writeln!(self.out, "{note}")
    }

    fn painted(&self, tone: Tone, text: &str) -> String {
        let code = match tone {
            _ if !self.look.colour => return text.to_owned(),
            Tone::Head => "1",
            Tone::Bar => "36",
            Tone::Dim => "2",
        };
        format!("\u{1b}[{code}m{text}\u{1b}[0m")
    }
}

/// The numbers of rows, in columns.
struct Numbers {
    heads: Vec<String>,
    cells: Vec<Vec<String>>,
    widths: Vec<usize>,
}

impl Numbers {
    fn of(rows: &[Row], total: u64) -> Self {
        let has_visitors = rows.iter().any(|row| row.visitors.is_some());
        let mut heads = vec!["requests".to_owned(), "share".to_owned()];
        heads.extend(has_visitors.then(|| "visitors".to_owned()));
        heads.push("bytes".to_owned());
        let numbers = |row: &Row| {
            let mut cells = vec![grouped(row.requests), share(row.requests, total)];
            let visitors = || row.visitors.map_or_else(|| "–".to_owned(), grouped);
            cells.extend(has_visitors.then(visitors));
            cells.push(size(row.bytes));
            cells
        };
        let cells: Vec<_> = rows.iter().map(numbers).collect();
        let width = |(column, head): (usize, &String)| {
            let longest = cells.iter().map(|cells| length(&cells[column])).max();
            longest.unwrap_or(0).max(head.len())
        };
        let widths = heads.iter().enumerate().map(width).collect();
        Self { heads, cells, widths }
    }

    /// The width of all columns, each with two spaces before it.
    fn width(&self) -> usize {
        self.widths.iter().map(|width| width + 2).sum()
    }

    /// Cells from that column on, in their places.
    fn line(&self, cells: &[String], column: usize) -> String {
        let places = cells.iter().zip(&self.widths[column..]);
        places.map(|(cell, width)| format!("  {cell:>width$}")).collect()
    }
}

/// A bar in eighths of a character. What is there has one eighth at least.
fn bar(value: u64, most: u64, width: usize) -> String {
    let eighths = match most {
        0 => 0,
        most => (u128::from(value) * width as u128 * 8).div_ceil(u128::from(most)) as usize,
    };
    let mut text = "█".repeat(eighths / 8);
    text.extend(['▏', '▎', '▍', '▌', '▋', '▊', '▉'].get((eighths % 8).wrapping_sub(1)));
    text
}

/// One of nine heights.
fn block(value: u64, most: u64) -> char {
    let eighths = match most {
        0 => 0,
        most => (u128::from(value) * 8).div_ceil(u128::from(most)) as usize,
    };
    [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'][eighths.min(8)]
}

/// How many columns a text takes. Clean text is ASCII; for what else a file may hold this is close.
fn length(text: &str) -> usize {
    text.chars().count()
}

/// The text with nothing in it that a terminal would obey, or that would turn it around. A tab stands between the two
/// words of a key of a two-way table.
pub(super) fn shown(text: &str) -> String {
    let is_command = |c: char| {
        c.is_control()
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    let text = text.replace('\t', " × ");
    text.chars().map(|c| if is_command(c) { '\u{fffd}' } else { c }).collect()
}

/// The text in exactly so many columns. A long one loses its middle: both ends of a path tell more.
fn fitted(text: &str, width: usize) -> String {
    let text = shown(text);
    let long = length(&text);
    if long <= width {
        return format!("{text:<width$}");
    }
    let (start, end) = ((width - 1).div_ceil(2), (width - 1) / 2);
    text.chars().take(start).chain(['…']).chain(text.chars().skip(long - end)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::counts::{Period, Publication, Totals};

    fn row(key: &str, requests: u64) -> Row {
        Row { key: key.to_owned(), requests, bytes: requests * 1_000, visitors: None }
    }

    fn report(tables: &[(&str, Vec<Row>)]) -> Report {
        let day = |day: u8| format!("2026-11-{day}T00:00:00Z");
        let period = Period { from: day(22), to: day(24) };
        let totals = Totals { requests: 10, bytes: 12_345, visitors: None };
        let mut report = Report::new("baseline", "00ff", Some(period), totals);
        for (name, rows) in tables {
            report.push(name, rows.clone());
        }
        report
    }

    #[track_caller]
    fn check(report: &Report, look: &Look, expect: &str) {
        let mut text = Vec::new();
        report.write_text(look, &mut text).expect("a vector takes all");
        assert_eq!(std::str::from_utf8(&text).expect("text"), expect);
    }

    #[test]
    fn rows_are_aligned_and_have_bars() {
        let report = report(&[("status", vec![row("404", 1), row("200", 9)])]);
        check(
            &report,
            &Look::default(),
            "\
Usage counts for internal use  policy baseline
22 to 23 November 2026, UTC: 10 requests, 12.3 kB

status                                    requests  share   bytes
200     ████████████████████████████████         9  90.0%  9.0 kB
404     ███▋                                     1  10.0%  1.0 kB
",
        );
        let look = Look { width: 40, ..Look::default() };
        check(
            &report,
            &look,
            "\
Usage counts for internal use  policy baseline
22 to 23 November 2026, UTC: 10 requests, 12.3 kB

status           requests  share   bytes
200     ███████         9  90.0%  9.0 kB
404     ▉               1  10.0%  1.0 kB
",
        );
    }

    #[test]
    fn nothing_is_said_to_be_nothing() {
        check(
            &Report::new("p", "h", None, Totals::default()),
            &Look::default(),
            "Usage counts for internal use  policy p\nno records\n",
        );
    }

    #[test]
    fn what_is_left_out_is_said() {
        let rows = vec![row("(other)", 50), row("a", 4), row("b", 3), row("c", 2)];
        let mut report = report(&[("path", rows)]);
        report.note_missed("path", 7);
        let look = Look { width: 20, rows: 2, ..Look::default() };
        check(
            &report,
            &look,
            "\
Usage counts for internal use  policy baseline
22 to 23 November 2026, UTC: 10 requests, 12.3 kB

path             requests  share   bytes
a     █████████         4  40.0%  4.0 kB
b     ██████▊           3  30.0%  3.0 kB
(2 more, 52 requests)
(any row may be too low, by 7 requests at most)
",
        );
    }

    #[test]
    fn hours_are_strips_and_days_stand_in_their_order() {
        let hours = vec![
            row("2026-11-22T00:00:00Z", 8),
            row("2026-11-22T23:00:00Z", 4),
            row("2026-11-23T12:00:00Z", 1),
            row("(other)", 3),
        ];
        let days = vec![row("2026-11-22", 2), row("2026-11-23", 3)];
        let report = report(&[("hour", hours), ("day", days)]);
        let look = Look { width: 60, ..Look::default() };
        check(
            &report,
            &look,
            "\
Usage counts for internal use  policy baseline
22 to 23 November 2026, UTC: 10 requests, 12.3 kB

hour        0     6     12    18      requests
2026-11-22  █                      ▄        12
2026-11-23              ▁                    1
(other hours: 3 requests)

day                                  requests  share   bytes
2026-11-22  ███████████████▍                2  20.0%  2.0 kB
2026-11-23  ███████████████████████         3  30.0%  3.0 kB
",
        );
        let look = Look { tables: vec!["nosuch".to_owned()], ..look };
        let head = "Usage counts for internal use  policy baseline\n\
                    22 to 23 November 2026, UTC: 10 requests, 12.3 kB\n";
        check(&report, &look, head);
    }

    #[test]
    fn a_published_report_says_whose_it_is() {
        let publication =
            Publication { publisher: "Ex\u{1b}[2Jample".to_owned(), k: 10, ..Default::default() };
        check(
            &Report::new("p", "h", None, Totals::default()).into_published(publication),
            &Look::default(),
            "Usage counts that Ex\u{fffd}[2Jample published; each figure is of 10 networks or more  \
             policy p\nno records\n",
        );
    }

    #[test]
    fn colours_are_for_terminals() {
        let mut text = Vec::new();
        let look = Look { colour: true, ..Look::default() };
        let report = report(&[("status", vec![row("200", 9)])]);
        report.write_text(&look, &mut text).expect("a vector takes all");
        let text = std::str::from_utf8(&text).expect("text");
        assert!(text.starts_with("\u{1b}[1mUsage counts for internal use\u{1b}[0m"));
        assert!(text.contains("\u{1b}[36m█"));
    }

    #[test]
    fn texts_fit_and_are_harmless() {
        for (text, width, expect) in [
            ("abc", 5, "abc  "),
            ("abcdef", 6, "abcdef"),
            ("/a\tDE", 8, "/a × DE "),
            ("/blog/2026/index.html", 11, "/blog….html"),
            ("/blog/2026/index.html", 10, "/blog….htm"),
            ("a\u{1b}[31m\r\n\u{202e}z", 9, "a\u{fffd}[3…\u{fffd}\u{fffd}\u{fffd}z"),
        ] {
            let found = fitted(text, width);
            assert_eq!(length(&found), width.max(1), "{text:?}");
            if width != 10 {
                assert_eq!(found, expect, "{text:?}");
            }
        }
    }

    #[test]
    fn bars_have_their_ends() {
        for (value, most, expect) in
            [(0, 0, ""), (0, 9, ""), (1, 1_000, "▏"), (9, 9, "████"), (u64::MAX, u64::MAX, "████")]
        {
            assert_eq!(bar(value, most, 4), expect);
        }
        assert_eq!([0, 1, 4, 8].map(|value| block(value, 8)), [' ', '▁', '▄', '█']);
    }
}
