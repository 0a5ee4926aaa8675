//! HTML, written so that text cannot become markup.
//!
//! What is markup is a constant of ours; what is text comes in through [`Markup::text`] and is escaped, also within
//! the quotes of an attribute. There is no third way in.

use std::fmt::Write as _;

use crate::counts::text::shown;

/// A piece of HTML.
#[derive(Default)]
pub(super) struct Markup(String);

impl Markup {
    /// Adds markup of ours.
    pub(super) fn tags(&mut self, tags: &'static str) -> &mut Self {
        self.0.push_str(tags);
        self
    }

    /// Adds text: of an element, or of an attribute in double quotes.
    pub(super) fn text(&mut self, text: &str) -> &mut Self {
        for c in shown(text).chars() {
            match c {
                '&' => self.0.push_str("&amp;"),
                '<' => self.0.push_str("&lt;"),
                '>' => self.0.push_str("&gt;"),
                '"' => self.0.push_str("&quot;"),
                '\'' => self.0.push_str("&#39;"),
                c => self.0.push(c),
            }
        }
        self
    }

    /// Adds a whole number.
    pub(super) fn number(&mut self, number: usize) -> &mut Self {
        write!(self.0, "{number}").expect("a string takes all");
        self
    }

    /// Adds a number with two digits after the point, for places and lengths in pictures.
    pub(super) fn decimal(&mut self, number: f64) -> &mut Self {
        write!(self.0, "{number:.2}").expect("a string takes all");
        self
    }

    /// Adds what another writer wrote.
    pub(super) fn append(&mut self, other: &Self) -> &mut Self {
        self.0.push_str(&other.0);
        self
    }

    /// The HTML.
    pub(super) fn into_string(self) -> String {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_stays_text() {
        let mut markup = Markup::default();
        markup.tags("<p title=\"").text("\"><script>'&").tags("\">").text("a\u{0}\u{202e}b\r\n");
        markup.number(7).decimal(1.0 / 3.0);
        assert_eq!(
            markup.into_string(),
            "<p title=\"&quot;&gt;&lt;script&gt;&#39;&amp;\">a\u{fffd}\u{fffd}b\u{fffd}\u{fffd}70.33"
        );
    }
}
