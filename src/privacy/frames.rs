//! Frames of syslog over TCP (RFC 6587): messages with their octets counted, or one a line, each told by how it begins.
//!
//! The bytes become lines where they lie. Nothing grows: a count has two bytes at least, and a line end has one.

/// The longest number before a counted frame, in digits: a line has at most 16 MiB.
const COUNT_DIGITS_MAX: usize = 8;

/// What a stream of syslog goes on with.
enum Frame {
    /// So many bytes after a number of `head` bytes.
    Counted { head: usize, length: usize },
    /// So many bytes with their line end.
    Line { length: usize },
    /// What cannot be told yet.
    Part,
}

/// Makes lines of the frames that begin at or after `from`. Says how many bytes there are then, and up to where they
/// are whole lines.
///
/// rsyslog counts a line end with the message, since its template `RSYSLOG_SyslogProtocol23Format` has one: that ends
/// the line and is none of it. Others within a counted frame become spaces, since it is one line.
pub(super) fn cut(bytes: &mut [u8], from: usize) -> (usize, usize) {
    let (mut at, mut to) = (from, from);
    while at < bytes.len() {
        match frame(&bytes[at..]) {
            Frame::Counted { head, length } if at + head + length <= bytes.len() => {
                let text = &mut bytes[at + head..at + head + length];
                let ends = text.iter().rev().take_while(|byte| matches!(byte, b'\n' | b'\r'));
                let whole = length - ends.count();
                let ends = text[..whole].iter_mut().filter(|byte| **byte == b'\n');
                ends.for_each(|byte| *byte = b' ');
                bytes.copy_within(at + head..at + head + whole, to);
                to += whole;
                bytes[to] = b'\n';
                to += 1;
                at += head + length;
            }
            Frame::Line { length } => {
                bytes.copy_within(at..at + length, to);
                to += length;
                at += length;
            }
            Frame::Counted { .. } | Frame::Part => break,
        }
    }
    bytes.copy_within(at.., to);
    (to + bytes.len() - at, to)
}

/// A number and a space before `<` begin a counted frame; addresses, with which plain lines begin, have a dot there.
fn frame(bytes: &[u8]) -> Frame {
    let digits = bytes.iter().take(COUNT_DIGITS_MAX).take_while(|byte| byte.is_ascii_digit());
    let digits = digits.count();
    let may_be_counted = digits > 0 && bytes[0] != b'0';
    match bytes.get(digits..).unwrap_or_default() {
        [b' ', b'<', ..] if may_be_counted => {
            let number = bytes[..digits].iter();
            let length = number.fold(0, |sum, digit| sum * 10 + usize::from(digit - b'0'));
            Frame::Counted { head: digits + 1, length }
        }
        [] | [b' '] if may_be_counted => Frame::Part,
        _ => match memchr::memchr(b'\n', bytes) {
            Some(at) => Frame::Line { length: at + 1 },
            None => Frame::Part,
        },
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn frames_become_lines_however_they_come_in() {
        for (text, lines, rest) in [
            ("5 <1>ab6 <1>abc", &["<1>ab", "<1>abc"][..], ""),
            ("5 <1>ab6 <1>ab", &["<1>ab"], "6 <1>ab"),
            ("<1>ab\n6 <1>a\nc1", &["<1>ab", "<1>a c"], "1"),
            // As rsyslog counts.
            ("6 <1>ab\n7 <1>ab\r\n5 <1>ab", &["<1>ab", "<1>ab", "<1>ab"], ""),
            ("5 <1>\n\n5 <1>ab", &["<1>", "<1>ab"], ""),
            ("192.0.2.1 - -\n19", &["192.0.2.1 - -"], "19"),
            ("0 <1>\n", &["0 <1>"], ""),
            ("99999999 <1>\n", &[], "99999999 <1>\n"),
        ] {
            for piece in 1..=text.len() {
                let (mut bytes, mut from) = (Vec::new(), 0);
                for part in text.as_bytes().chunks(piece) {
                    bytes.extend_from_slice(part);
                    let (end, whole) = cut(&mut bytes, from);
                    bytes.truncate(end);
                    from = whole;
                }
                let whole: Vec<_> =
                    lines.iter().flat_map(|line| [line.as_bytes(), b"\n"]).collect();
                assert_eq!(&bytes[..from], whole.concat(), "{text:?} in pieces of {piece}");
                assert_eq!(&bytes[from..], rest.as_bytes());
            }
        }
    }

    proptest! {
        #[test]
        fn pieces_make_no_difference_and_nothing_grows(text in "[1-9 <>a\n\r]{0,60}", piece in 1_usize..9) {
            let mut whole = text.clone().into_bytes();
            let (end, lines) = cut(&mut whole, 0);
            prop_assert!(lines <= end && end <= text.len());
            prop_assert!(lines == 0 || whole[lines - 1] == b'\n');
            let (mut bytes, mut from) = (Vec::new(), 0);
            for part in text.as_bytes().chunks(piece) {
                bytes.extend_from_slice(part);
                let (end, whole) = cut(&mut bytes, from);
                bytes.truncate(end);
                from = whole;
            }
            prop_assert_eq!((from, &bytes[..]), (lines, &whole[..end]));
        }
    }
}
