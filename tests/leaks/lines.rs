//! Log lines with an identifier in each place that a line has.

use super::{encodings::ENCODINGS, identifiers::Identifier, program::Dice};

/// A line with an identifier in it.
pub(crate) struct Planted {
    pub(crate) identifier: usize,
    pub(crate) line: Vec<u8>,
    /// The place and the encoding, for complaints.
    pub(crate) what: String,
}

/// Where a text stands in a line, as a template of one of the line's parts.
#[derive(Clone, Copy)]
enum Place {
    Site,
    Client,
    Ident,
    User,
    Time,
    Request,
    /// In the part of a target that is a path and may be shown.
    Path,
    /// In a path at a place where a name is expected.
    NamePath,
    Status,
    Bytes,
    Referrer,
    /// As the name that somebody registered.
    Registered,
    Agent,
    /// After the last column.
    After,
    /// Instead of the line.
    Line,
}

use Place::*;

/// Every place: `@` stands for the text. What is not a part of the template is as usual.
const PLACES: &[(Place, &str)] = &[
    (Site, "@:443"),
    (Site, "www.@:443"),
    (Site, "@"),
    (Client, "@"),
    (Client, "@:51234"),
    (Client, "[@]:51234"),
    (Client, "@%eth0"),
    (Client, "198.51.100.1,@"),
    (Client, "@ 198.51.100.1"),
    (Ident, "@"),
    (User, "@"),
    (User, "- @ ["),
    (User, "@] [@"),
    (Time, "@"),
    (Time, "22/Nov/2026:14:05:37 @"),
    (Request, "@"),
    (Request, "@ /index.html HTTP/1.1"),
    (Request, "GET /index.html?q=@ HTTP/1.1"),
    (Request, "GET /index.html?@=1 HTTP/1.1"),
    (Request, "GET /index.html?token=@&next=/u/@ HTTP/1.1"),
    (Request, "GET /index.html%3Fq=@ HTTP/1.1"),
    (Request, "GET /index.html#@ HTTP/1.1"),
    (Request, "GET /index.html;jsessionid=@ HTTP/1.1"),
    (Request, "GET http://@:secret@www.example.com/index.html HTTP/1.1"),
    (Request, "GET http://@/index.html HTTP/1.1"),
    (Request, "GET http://@.example.com:80/index.html HTTP/1.1"),
    (Request, "CONNECT @:443 HTTP/1.1"),
    (Request, "@ @ @"),
    (Request, "MGLNDD_@_80"),
    (Path, "GET /@ HTTP/1.1"),
    (Path, "GET /@"),
    (Path, "GET /index.html @"),
    (Path, "GET /index.html HTTP/@"),
    (Path, "GET /index.html @/1.1"),
    (Path, "GET /reset/@/confirm HTTP/1.1"),
    (Path, "GET /files/@.html HTTP/1.1"),
    (Path, "GET /files/report-@.pdf HTTP/1.1"),
    (Path, "GET /a//@/ HTTP/2.0"),
    (Path, "GET /id=@ HTTP/1.1"),
    (Path, "GET http://www.example.com/x/@?y HTTP/1.1"),
    (NamePath, "GET /users/@ HTTP/1.1"),
    (NamePath, "GET /api/v1/user/@/orders HTTP/1.1"),
    (NamePath, "GET /u/@?tab=1 HTTP/1.1"),
    (NamePath, "GET /~@/index.html HTTP/1.1"),
    (NamePath, "GET /@@ HTTP/1.1"),
    (NamePath, "GET /members/@ HTTP/1.1"),
    (NamePath, "GET /profile/@ HTTP/1.1"),
    (NamePath, "GET /Accounts/@ HTTP/1.1"),
    (NamePath, "GET /people/@ HTTP/1.1"),
    (NamePath, "GET /author/@ HTTP/1.1"),
    (NamePath, "GET /by/@ HTTP/1.1"),
    (Status, "@"),
    (Bytes, "x@"),
    (Bytes, "@ 5120"),
    (Referrer, "@"),
    (Referrer, "http://@/"),
    (Referrer, "https://@:secret@www.example.com/"),
    (Referrer, "https://@.example.com/"),
    (Referrer, "https://www.example.com:@/"),
    (Referrer, "https://www.example.com/users/@"),
    (Referrer, "https://www.example.com/search?q=@"),
    (Referrer, "https://www.example.com/#@"),
    (Referrer, "https://www.example.com\\\\@/"),
    (Referrer, "mailto:@"),
    (Referrer, "android-app://@/"),
    (Referrer, "@://www.example.com/"),
    (Referrer, "https://@.github.io/"),
    (Registered, "https://@.com/"),
    (Registered, "https://www.@.co.uk/"),
    (Agent, "@"),
    (Agent, "@/1.0"),
    (Agent, "Mozilla/5.0 (Windows NT 10.0; @) Chrome/126.0.0.0"),
    (Agent, "Mozilla/5.0 (Linux; Android 13; @ Build/X) Mobile"),
    (Agent, "Mozilla/5.0 (compatible; @bot/1.0; +http://www.example.com/@)"),
    (Agent, "Mozilla/5.0 (Windows NT @) Chrome/@"),
    (Agent, "WordPress/6.5; https://@.example.com"),
    (Agent, "curl/@"),
    (Agent, "192.0.2.99 - @ [x] \\\"GET /@\\\""),
    (After, " @"),
    (After, " \"@\""),
    (After, " \"-\" @ rt=0.1"),
    (Line, "@"),
    (Line, "{\"remote_addr\":\"@\",\"request\":\"GET /\"}"),
    (Line, "#Fields: @"),
    (Line, "192.0.2.99 - @ [22/Nov/2026:14:05:37 +0000] \"GET / HTTP/1.1 200 5"),
    (Line, "<13>Nov 22 14:05:37 @ nginx: 192.0.2.99 - - []"),
];

/// Statuses whose paths are the visitor's own text and never shown.
const UNCONFIRMED: [&str; 10] =
    ["301", "302", "307", "400", "401", "403", "404", "410", "500", "503"];

/// Every place with every kind of identifier in every encoding and notation, for one format.
pub(crate) fn planted(format: &str, identifiers: &[Identifier]) -> Vec<Planted> {
    let mut dice = Dice(format.len() as u64);
    let mut lines = Vec::new();
    let mut start = 0;
    while start < identifiers.len() {
        let kind = identifiers[start].kind;
        let end = identifiers[start..].iter().take_while(|i| i.kind == kind).count() + start;
        // All identifiers of the kind take turns.
        let mut turn = dice.below(end - start);
        for (place, template) in PLACES {
            for (encoding_number, encoding) in ENCODINGS.iter().enumerate() {
                let notations = identifiers[start].writings.len();
                let notations = if encoding_number == 0 { notations } else { 1 };
                for notation in 0..notations {
                    turn += 1;
                    let index = start + turn % (end - start);
                    let identifier = &identifiers[index];
                    if identifier.is_word && matches!(place, Registered) {
                        continue;
                    }
                    let text = (encoding.write)(identifier.writings[notation].as_bytes());
                    let part = fill(template, &text);
                    let unconfirmed = identifier.is_word && matches!(place, Path);
                    lines.push(Planted {
                        identifier: index,
                        line: line(format, *place, &part, unconfirmed, &mut dice),
                        what: format!("{} in {template:?}", encoding.name),
                    });
                }
            }
        }
        start = end;
    }
    lines
}

/// The template with `text` for each `@`; a doubled one is an `@` and the text.
fn fill(template: &str, text: &[u8]) -> Vec<u8> {
    let mut part = Vec::new();
    let mut rest = template.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        match (first, after) {
            (b'@', [b'@', ..]) | (b'@', [b'w', b'w', b'w', ..]) => part.push(b'@'),
            (b'@', _) => part.extend_from_slice(text),
            _ => part.push(*first),
        }
    }
    part
}

/// A line with `part` at `place`; every seventeenth is longer than the limit, every seventh ends in CR.
fn line(format: &str, place: Place, part: &[u8], unconfirmed: bool, dice: &mut Dice) -> Vec<u8> {
    if matches!(place, Line) {
        return part.to_vec();
    }
    let at = |here: bool, usual: &'static str| if here { part } else { usual.as_bytes() };
    let confirmed = dice.pick(&["200", "200", "206", "304"]);
    let status = if unconfirmed { dice.pick(&UNCONFIRMED) } else { confirmed };
    let is_request = matches!(place, Request | Path | NamePath);
    let is_referrer = matches!(place, Referrer | Registered);
    let agent = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) Chrome/126.0.0.0 Safari/537.36";
    let mut line = Vec::new();
    let mut push = |parts: &[&[u8]]| parts.iter().for_each(|part| line.extend_from_slice(part));
    if format == "vhost-combined" || matches!(place, Site) {
        push(&[at(matches!(place, Site), "www.example.com:443"), b" "]);
    }
    push(&[at(matches!(place, Client), "198.51.100.9"), b" "]);
    push(&[at(matches!(place, Ident), "-"), b" ", at(matches!(place, User), "-")]);
    push(&[b" [", at(matches!(place, Time), "22/Nov/2026:14:05:37 +0000"), b"] \""]);
    push(&[at(is_request, "GET /index.html HTTP/1.1"), b"\" "]);
    push(&[at(matches!(place, Status), status), b" ", at(matches!(place, Bytes), "5120")]);
    if format != "common" || is_referrer || matches!(place, Agent) {
        push(&[b" \"", at(is_referrer, "https://www.example.com/"), b"\""]);
        push(&[b" \"", at(matches!(place, Agent), agent), b"\""]);
    }
    if matches!(place, After) {
        push(&[part]);
    }
    if dice.below(17) == 0 {
        push(&[&[b'x'; 4_200]]);
    } else if dice.below(7) == 0 {
        push(&[b"\r"]);
    }
    line
}
