//! Where a line of the journal says which entry it is: the cursor, behind which `journalctl` goes on.
//!
//! The line inside is found by [`super::wrapper`], whoever brought it. This is for who reads the journal itself.

use jiter::{Jiter, Peek};

use crate::field::Span;

/// The cursor of an entry as `journalctl -o json` writes it, without its quotes. It stands first, so that little of
/// the line is looked at.
#[must_use]
pub fn cursor(line: &[u8]) -> Option<Span> {
    if line.first() != Some(&b'{') {
        return None;
    }
    let mut json = Jiter::new(line);
    let mut is_cursor = json.next_object().ok()?.map(|key| key == "__CURSOR");
    while is_cursor == Some(false) {
        json.next_skip().ok()?;
        is_cursor = json.next_key().ok()?.map(|key| key == "__CURSOR");
    }
    is_cursor?;
    let peek = json.peek().ok()?;
    let start = json.current_index();
    json.known_skip(peek).ok()?;
    let (start, end) = (start as u32 + 1, (json.current_index() as u32).checked_sub(1)?);
    (peek == Peek::String).then_some(Span { start, end })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(line: &str, expect: Option<&str>) {
        let found = cursor(line.as_bytes()).map(|span| span.of(line.as_bytes()));
        assert_eq!(found, expect.map(str::as_bytes), "{line}");
    }

    #[test]
    fn the_cursor_is_found_wherever_it_stands() {
        check(r#"{"__CURSOR":"s=1;i=2","MESSAGE":"a"}"#, Some("s=1;i=2"));
        check(r#"{"MESSAGE":"a \"__CURSOR\":\"x\"","__CURSOR" : "s=1"}"#, Some("s=1"));
        check(r#"{"__CURSOR":"","MESSAGE":"a"}"#, Some(""));
        check(r#"{"__CURSOR":"s=1;i=2","MESSA"#, Some("s=1;i=2"));
    }

    #[test]
    fn what_is_no_entry_has_none() {
        for line in
            ["", "{}", "{", "[]", r#"{"MESSAGE":"a"}"#, r#"{"__CURSOR":1}"#, r#"{"__CURSOR":"s"#]
        {
            check(line, None);
        }
    }
}
