//! Every format with a name, with an identifier in each place that its lines have.
//!
//! The places are not written down: the example of a format is cut at everything that separates values, and
//! each piece is in turn replaced by an identifier, or has one after it. So columns that are dropped
//! are tried like those that are kept, and a new format is tried without a word about it here.

use tamis::format::Format;

use super::{encodings::ENCODINGS, identifiers::Identifier, lines::Planted, program::Dice};

/// What separates values in one format or another.
const SEPARATORS: &[u8] = b" \t\"[]{}(),|";

/// The encodings that take turns.
const TURNS: [&str; 4] = ["raw", "percent", "log escapes", "capitals"];

/// The lines of a format's example: a header, if it has one, and a line.
pub(crate) fn example(format: &Format) -> (Vec<u8>, &'static str) {
    let example = format.example();
    let (header, line) = example.rsplit_once('\n').unwrap_or(("", example));
    let header = if header.is_empty() { Vec::new() } else { [header.as_bytes(), b"\n"].concat() };
    (header, line)
}

/// Strings of servers' own, by the option that takes them, each with a line.
pub(crate) const OWN: [(&str, &str, &str); 3] = [
    (
        "--nginx-format",
        "$remote_addr [$remote_user] [$time_iso8601] \"$request\" $status $bytes_sent \"$http_referer\" \
         \"$http_user_agent\" \"$http_x_forwarded_for\" \"$http_cookie\" \"$http_authorization\" $upstream_addr \
         $request_id $ssl_protocol \"$http_accept_language\" \"$args\" \"$cookie_session\" $host",
        "192.0.2.7 [-] [2026-11-22T14:05:37+00:00] \"GET /index.html HTTP/1.1\" 200 5120 \"-\" \"curl/8.5.0\" \"-\" \
         \"a=b\" \"-\" 198.51.100.9:80 9b1d TLSv1.3 \"de\" \"-\" \"-\" www.example.com",
    ),
    (
        "--nginx-format",
        "escape=json {\"t\":\"$time_iso8601\",\"ip\":\"$remote_addr\",\"user\":\"$remote_user\",\
         \"uri\":\"$request_uri\",\
         \"st\":$status,\"m\":\"$request_method\",\"ua\":\"$http_user_agent\",\"c\":\"$http_cookie\"}",
        "{\"t\":\"2026-11-22T14:05:37+00:00\",\"ip\":\"192.0.2.7\",\"user\":\"a\",\"uri\":\"/index.html\",\
         \"st\":200,\"m\":\"GET\",\"ua\":\"curl/8.5.0\",\"c\":\"a=b\"}",
    ),
    (
        "--apache-format",
        "%a %l \"%u\" %{%Y-%m-%dT%H:%M:%S%z}t \"%m %U%q %H\" %>s %B %D \"%{Referer}i\" \"%{User-Agent}i\" \
         \"%{Cookie}i\" %{SSL_CLIENT_S_DN}x %{UNIQUE_ID}e \"%{X-Real-IP}i\" %v",
        "192.0.2.7 - \"a\" 2026-11-22T14:05:37+0000 \"GET /index.html HTTP/1.1\" 200 5120 1234 \"-\" \"curl/8.5.0\" \
         \"a=b\" - XyZ \"-\" www.example.com",
    ),
];

/// A line of a format with identifiers of each kind in each of its places.
pub(crate) fn planted_in(format: &str, line: &str, identifiers: &[Identifier]) -> Vec<Planted> {
    let mut dice = Dice(format.len() as u64);
    let mut lines = Vec::new();
    let mut start = 0;
    while start < identifiers.len() {
        let kind = identifiers[start].kind;
        let end = identifiers[start..].iter().take_while(|i| i.kind == kind).count() + start;
        let mut turn = dice.below(end - start);
        for (from, to) in pieces(line.as_bytes()) {
            for is_after in [false, true] {
                turn += 1;
                let index = start + turn % (end - start);
                let identifier = &identifiers[index];
                let name = TURNS[turn % TURNS.len()];
                let encoding = ENCODINGS.iter().find(|encoding| encoding.name == name);
                let encoding = encoding.expect("it is one of them");
                let text = (encoding.write)(identifier.writings[0].as_bytes());
                // A name in a confirmed path is beyond recognition, unless its place gives it away.
                let is_in_path = line[..from].ends_with('/') || line[from..to].contains("/");
                if identifier.is_word && is_in_path {
                    continue;
                }
                let before = &line.as_bytes()[..if is_after { to } else { from }];
                let after = &line.as_bytes()[to..];
                lines.push(Planted {
                    identifier: index,
                    line: [before, &text, after].concat(),
                    what: format!("{name} at byte {from} of {format}"),
                });
            }
        }
        start = end;
    }
    lines
}

/// Where the pieces between separators begin and end.
fn pieces(line: &[u8]) -> Vec<(usize, usize)> {
    let mut pieces = Vec::new();
    let mut from = 0;
    for (at, byte) in line.iter().chain(b" ").enumerate() {
        if SEPARATORS.contains(byte) {
            if at > from {
                pieces.push((from, at));
            }
            from = at + 1;
        }
    }
    pieces
}
