//! The figures as tables, for whoever wants them exactly, and for whoever does not see the pictures.

use super::markup::Markup;

/// A table with heads for its columns and its rows.
pub(super) struct Table<'a> {
    /// What the button says that opens it.
    pub(super) button: &'a str,
    pub(super) caption: &'a str,
    pub(super) heads: &'a [&'a str],
    /// The first cell of a row is its head.
    pub(super) rows: Vec<Vec<String>>,
    /// Whether it is wider than a page, so that it scrolls.
    pub(super) is_wide: bool,
}

impl Table<'_> {
    /// Writes the table, behind a button.
    pub(super) fn write(&self, out: &mut Markup) {
        out.tags("<details><summary>").text(self.button).tags("</summary>");
        out.tags("<div class=\"scroll\" tabindex=\"0\" role=\"group\" aria-label=\"")
            .text(self.caption);
        out.tags(if self.is_wide {
            "\"><table class=\"wide\"><caption>"
        } else {
            "\"><table><caption>"
        });
        out.text(self.caption).tags("</caption><thead><tr>");
        for head in self.heads {
            out.tags("<th scope=\"col\">").text(head).tags("</th>");
        }
        out.tags("</tr></thead><tbody>");
        for row in &self.rows {
            out.tags("<tr>");
            for (number, cell) in row.iter().enumerate() {
                match number {
                    0 => out.tags("<th scope=\"row\">").text(cell).tags("</th>"),
                    _ => out.tags("<td>").text(cell).tags("</td>"),
                };
            }
            out.tags("</tr>");
        }
        out.tags("</tbody></table></div></details>");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_and_columns_have_heads() {
        let table = Table {
            button: "Pages as a table",
            caption: "Pages",
            heads: &["Page", "Requests"],
            rows: vec![vec!["/<a>".to_owned(), "1".to_owned()]],
            is_wide: false,
        };
        let mut out = Markup::default();
        table.write(&mut out);
        let html = out.into_string();
        assert!(html.contains("<caption>Pages</caption><thead><tr><th scope=\"col\">Page</th>"));
        assert!(html.contains("<tr><th scope=\"row\">/&lt;a&gt;</th><td>1</td></tr>"), "{html}");
    }
}
