//! What a server's configuration says of its logs: which formats it defines, which logs use them.
//!
//! This reads as much of the languages of nginx and Apache as that takes: words, quotes, comments, blocks.
//! It does not follow `include`, does not evaluate `if` or `<IfModule>`, and does not judge directives that
//! have nothing to do with logs. An error names a line and nothing that stands there: somebody may have
//! named a log in place of a configuration.
//!
//! Sources: nginx's `ngx_conf_file.c` and `ngx_http_log_module.c`, Apache's `ap_getword_conf` and
//! `mod_log_config.c`.

use std::{collections::BTreeSet, fmt};

/// What a configuration says of logs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Conf {
    /// The formats with a name, in order.
    pub formats: Vec<Definition>,
    /// The access logs, in order.
    pub access_logs: Vec<AccessLog>,
    /// The error logs, in order.
    pub error_logs: Vec<ErrorLog>,
    /// The formats of error logs, in order.
    pub error_formats: Vec<Definition>,
    /// The names of variables that the configuration itself gives a value to.
    pub variables: BTreeSet<String>,
}

/// A format as it is defined.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Definition {
    /// Its name; of Apache's formats for error logs, which of these it is, or nothing.
    pub name: String,
    /// What `compile` takes: of nginx with `escape=` before it and its escapes as they are, of Apache
    /// without its quotes.
    pub string: String,
    /// Its line, from 1.
    pub line: usize,
}

/// The format of an access log.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Used {
    /// One with a name.
    Named(String),
    /// A string that stands where the name would.
    Given(String),
}

/// An access log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessLog {
    /// Where it is written to: a file, `syslog:` and a server, or a pipe.
    pub path: String,
    /// Its format; nothing where the log is turned off.
    pub format: Option<Used>,
    /// Its line, from 1.
    pub line: usize,
}

/// An error log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ErrorLog {
    /// Where it is written to.
    pub path: String,
    /// The least level that is written, if it says so.
    pub level: Option<String>,
    /// Its line, from 1.
    pub line: usize,
}

impl ErrorLog {
    /// Whether something of it is kept. `error_log off` is a file named `off`.
    #[must_use]
    pub fn is_kept(&self) -> bool {
        self.path != "/dev/null" && self.level.as_deref() != Some("off")
    }
}

/// Why a configuration cannot be read: where, and what was expected there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConfError {
    /// The line, from 1.
    pub line: usize,
    expected: &'static str,
}

impl fmt::Display for ConfError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.expected)
    }
}

impl std::error::Error for ConfError {}

/// Reads a configuration of nginx.
///
/// # Errors
///
/// A quote or a block that does not end, a block that does not begin, a directive without `;`.
pub fn nginx(text: &str) -> Result<Conf, ConfError> {
    let unended = |line| ConfError { line, expected: "a directive ends with ; or {" };
    let mut tokens = Tokens { text, at: 0, line: 1 };
    let mut conf = Conf::default();
    let mut blocks: Vec<String> = Vec::new();
    let mut words: Vec<String> = Vec::new();
    let mut line = 1;
    loop {
        tokens.skip_space();
        if words.is_empty() {
            line = tokens.line;
        }
        match tokens.next()? {
            Some(Token::Word(word)) => words.push(word),
            Some(Token::End) => {
                conf.take_nginx(&words, &blocks, line)?;
                words.clear();
            }
            Some(Token::Open) => {
                conf.take_nginx(&words, &blocks, line)?;
                let name = words.first().cloned().unwrap_or_default();
                words.clear();
                if name.ends_with("_by_lua_block") {
                    tokens.skip_lua()?;
                } else {
                    blocks.push(name);
                }
            }
            Some(Token::Close) if !words.is_empty() => return Err(unended(line)),
            Some(Token::Close) => {
                blocks.pop().ok_or_else(|| tokens.error("a } has a { before it"))?;
            }
            None if !words.is_empty() => return Err(unended(line)),
            None if !blocks.is_empty() => return Err(tokens.error("each { has a }")),
            None => return Ok(conf),
        }
    }
}

/// What nginx makes of the escapes in a word of its configuration.
#[must_use]
pub fn nginx_unescaped(word: &str) -> String {
    let mut out = String::with_capacity(word.len());
    let mut rest = word.chars();
    while let Some(c) = rest.next() {
        let escaped = match (c, rest.clone().next()) {
            ('\\', Some(quote @ ('"' | '\'' | '\\'))) => Some(quote),
            ('\\', Some('t')) => Some('\t'),
            ('\\', Some('r')) => Some('\r'),
            ('\\', Some('n')) => Some('\n'),
            _ => None,
        };
        if escaped.is_some() {
            rest.next();
        }
        out.push(escaped.unwrap_or(c));
    }
    out
}

enum Token {
    /// A word without its quotes, its escapes as they are.
    Word(String),
    End,
    Open,
    Close,
}

/// The tokens of nginx's language.
struct Tokens<'a> {
    text: &'a str,
    at: usize,
    /// The line of `at`.
    line: usize,
}

impl Tokens<'_> {
    const fn error(&self, expected: &'static str) -> ConfError {
        ConfError { line: self.line, expected }
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn step(&mut self) {
        if self.peek() == Some(b'\n') {
            self.line += 1;
        }
        self.at += 1;
    }

    /// Moves over white space and comments.
    fn skip_space(&mut self) {
        while let Some(byte) = self.peek() {
            if byte == b'#' {
                while self.peek().is_some_and(|byte| byte != b'\n') {
                    self.step();
                }
            } else if byte.is_ascii_whitespace() {
                self.step();
            } else {
                break;
            }
        }
    }

    fn next(&mut self) -> Result<Option<Token>, ConfError> {
        self.skip_space();
        let Some(byte) = self.peek() else { return Ok(None) };
        let token = match byte {
            b';' => Token::End,
            b'{' => Token::Open,
            b'}' => Token::Close,
            b'"' | b'\'' => return self.quoted(byte).map(|word| Some(Token::Word(word))),
            _ => return Ok(Some(Token::Word(self.bare()))),
        };
        self.step();
        Ok(Some(token))
    }

    fn quoted(&mut self, quote: u8) -> Result<String, ConfError> {
        let unended = self.error("a quoted string ends with its quote");
        self.step();
        let start = self.at;
        loop {
            match self.peek().ok_or(unended)? {
                b'\\' => {
                    self.step();
                    self.peek().ok_or(unended)?;
                }
                byte if byte == quote => break,
                _ => {}
            }
            self.step();
        }
        let word = self.text[start..self.at].to_owned();
        self.step();
        Ok(word)
    }

    /// A word without quotes. The brace in `${` does not end it.
    fn bare(&mut self) -> String {
        let start = self.at;
        let mut before = 0;
        while let Some(byte) = self.peek() {
            let is_over =
                byte.is_ascii_whitespace() || byte == b';' || (byte == b'{' && before != b'$');
            if is_over {
                break;
            }
            self.step();
            if byte == b'\\' && self.peek().is_some() {
                self.step();
            }
            before = byte;
        }
        // A backslash may have taken the first byte of a character along.
        while !self.text.is_char_boundary(self.at) {
            self.step();
        }
        self.text[start..self.at].to_owned()
    }

    /// Moves behind the brace that ends a block of Lua.
    fn skip_lua(&mut self) -> Result<(), ConfError> {
        let unended = self.error("a block of Lua ends with }");
        let mut depth = 1;
        while depth > 0 {
            let rest = &self.text.as_bytes()[self.at..];
            let comment = rest.starts_with(b"--");
            let long = if comment { &rest[2..] } else { rest };
            match rest.first().ok_or(unended)? {
                _ if long.starts_with(b"[[") => {
                    while !self.text.as_bytes()[self.at..].starts_with(b"]]") {
                        self.peek().ok_or(unended)?;
                        self.step();
                    }
                    self.step();
                }
                _ if comment => {
                    while self.peek().is_some_and(|byte| byte != b'\n') {
                        self.step();
                    }
                    continue;
                }
                quote @ (b'"' | b'\'') => {
                    self.quoted(*quote)?;
                    continue;
                }
                b'{' => depth += 1,
                b'}' => depth -= 1,
                _ => {}
            }
            self.step();
        }
        Ok(())
    }
}

impl Conf {
    /// Takes a directive of nginx. What stands before `{` is one too.
    fn take_nginx(
        &mut self,
        words: &[String],
        blocks: &[String],
        line: usize,
    ) -> Result<(), ConfError> {
        let Some((name, rest)) = words.split_first() else { return Ok(()) };
        self.declare(name, rest);
        // Of a stream or of mail there is no request, and its formats are apart from those of HTTP.
        let is_http = !blocks.first().is_some_and(|name| matches!(&**name, "stream" | "mail"));
        match (&**name, rest) {
            ("log_format", [name, pieces @ ..]) if is_http => {
                let (escape, pieces) = match pieces {
                    [first, pieces @ ..] if first.starts_with("escape=") => {
                        (format!("{first} "), pieces)
                    }
                    _ => (String::new(), pieces),
                };
                if pieces.is_empty() {
                    return Err(ConfError { line, expected: "log_format has a name and a string" });
                }
                let string = escape + &pieces.concat();
                self.formats.push(Definition { name: nginx_unescaped(name), string, line });
            }
            ("log_format", _) if is_http => {
                return Err(ConfError { line, expected: "log_format has a name and a string" });
            }
            ("access_log", [path, rest @ ..]) if is_http => {
                let named = rest.first().filter(|word| !word.contains('='));
                let named = named.map_or("combined", String::as_str);
                let format = (path != "off").then(|| Used::Named(nginx_unescaped(named)));
                self.access_logs.push(AccessLog { path: nginx_unescaped(path), format, line });
            }
            ("error_log", [path, rest @ ..]) => {
                let level = rest.first().cloned();
                self.error_logs.push(ErrorLog { path: nginx_unescaped(path), level, line });
            }
            _ => {}
        }
        Ok(())
    }

    /// Notes the variables that a directive of nginx gives a value to.
    fn declare(&mut self, name: &str, rest: &[String]) {
        let is_setter =
            name == "set" || name.starts_with("set_") || name.ends_with("_set") || name == "js_var";
        let declared = match name {
            "map" | "num_map" => rest.get(1),
            "geo" | "split_clients" | "keyval" => {
                rest.iter().rev().find(|word| word.starts_with('$'))
            }
            _ if is_setter => rest.first(),
            _ => None,
        };
        let declared = declared.map(String::as_str).into_iter().chain([name]);
        let declared = declared.filter_map(|word| word.strip_prefix('$'));
        // What a map compares with stands where the names of directives do.
        let captures = rest.iter().map(String::as_str).chain([name]).flat_map(captures);
        self.variables.extend(declared.chain(captures).map(str::to_owned));
    }
}

/// The names of groups in a regular expression: `(?<name>`, `(?P<name>`, `(?'name'`.
fn captures(word: &str) -> impl Iterator<Item = &str> {
    word.split("(?").skip(1).filter_map(|group| {
        let group = group.strip_prefix('P').unwrap_or(group);
        let name = group.strip_prefix(['<', '\''])?;
        let end = name.find(|c: char| !c.is_ascii_alphanumeric() && c != '_')?;
        (end > 0).then(|| &name[..end])
    })
}

/// Reads a configuration of Apache.
///
/// # Errors
///
/// A quote that does not end, a directive for logs without a word after it.
pub fn apache(text: &str) -> Result<Conf, ConfError> {
    let mut conf = Conf::default();
    // What logs without a format of their own have: the Common Log Format until a LogFormat says otherwise.
    let mut default = Used::Named("CLF".to_owned());
    let mut lines = text.lines().zip(1..);
    while let Some((first, line)) = lines.next() {
        let mut directive = first.to_owned();
        while directive.ends_with('\\') {
            directive.pop();
            let Some((next, _)) = lines.next() else { break };
            directive += next;
        }
        let directive = directive.trim();
        if !directive.starts_with(['#', '<']) {
            conf.take_apache(directive, &mut default, line)?;
        }
    }
    Ok(conf)
}

impl Conf {
    fn take_apache(
        &mut self,
        directive: &str,
        default: &mut Used,
        line: usize,
    ) -> Result<(), ConfError> {
        let error = |expected| ConfError { line, expected };
        let (name, rest) =
            directive.split_once(|c: char| c.is_ascii_whitespace()).unwrap_or((directive, ""));
        let name = name.to_ascii_lowercase();
        let is_ours = ["logformat", "customlog", "globallog", "transferlog", "errorlog"];
        if !is_ours.contains(&&*name) && name != "errorlogformat" {
            return Ok(());
        }
        let words = apache_words(rest).ok_or(error("a quoted string ends with its quote"))?;
        let used = |word: &String| match word.contains('%') {
            true => Used::Given(word.clone()),
            false => Used::Named(word.clone()),
        };
        match (&*name, &*words) {
            ("logformat", [string, name, ..]) => {
                let (name, string) = (name.clone(), string.clone());
                self.formats.push(Definition { name, string, line });
            }
            ("logformat", [string]) => *default = used(string),
            ("errorlogformat", [string]) => {
                let (name, string) = (String::new(), string.clone());
                self.error_formats.push(Definition { name, string, line });
            }
            ("errorlogformat", [which, string, ..]) => {
                let (name, string) = (which.clone(), string.clone());
                self.error_formats.push(Definition { name, string, line });
            }
            ("errorlog", [path, ..]) => {
                self.error_logs.push(ErrorLog { path: path.clone(), level: None, line });
            }
            ("customlog" | "globallog", [path, format, ..]) => {
                let format = Some(used(format));
                self.access_logs.push(AccessLog { path: path.clone(), format, line });
            }
            ("transferlog", [path, ..]) => {
                let format = Some(default.clone());
                self.access_logs.push(AccessLog { path: path.clone(), format, line });
            }
            _ => return Err(error("a directive for logs has a path or a format")),
        }
        Ok(())
    }
}

/// The words of an Apache directive, without their quotes. A backslash stands before a quote or a backslash.
fn apache_words(text: &str) -> Option<Vec<String>> {
    let mut words = Vec::new();
    let mut rest = text.trim();
    while let Some(first) = rest.chars().next() {
        let quote = Some(first).filter(|c| matches!(c, '"' | '\''));
        let mut chars = rest[quote.map_or(0, char::len_utf8)..].chars();
        let mut word = String::new();
        loop {
            match (chars.next(), quote) {
                (Some('\\'), _) => {
                    let next = chars.clone().next();
                    let is_escape = next == Some('\\') || (quote.is_some() && next == quote);
                    if is_escape {
                        chars.next();
                    }
                    word.push(next.filter(|_| is_escape).unwrap_or('\\'));
                }
                (Some(c), Some(quote)) if c == quote => break,
                (Some(c), None) if c.is_ascii_whitespace() => break,
                (Some(c), _) => word.push(c),
                (None, None) => break,
                (None, Some(_)) => return None,
            }
        }
        words.push(word);
        rest = chars.as_str().trim_start();
    }
    Some(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn used(conf: &Conf) -> Vec<(&str, &str)> {
        let format = |log: &AccessLog| match &log.format {
            Some(Used::Named(name) | Used::Given(name)) => name.clone().leak() as &str,
            None => "(none)",
        };
        conf.access_logs.iter().map(|log| (&*log.path, format(log))).collect()
    }

    #[test]
    fn nginx_formats_are_put_together() {
        let conf = nginx(concat!(
            "user www; # log_format no 'x';\n",
            "http {\n",
            "  log_format main '$remote_addr - '\n",
            "                  \"[$time_local] \\\"$request\\\"\" $status;\n",
            "  log_format j escape=json '{\"a\":\"${request}\"}';\n",
            "  server { access_log /var/log/a.log main buffer=32k if=$loggable; location / {\n",
            "    access_log off; } access_log '/var/log/b c.log'; }\n",
            "}\n",
            "stream { log_format main '$protocol'; server { access_log /s.log main; } }\n",
        ))
        .expect("good");
        let main = "$remote_addr - [$time_local] \\\"$request\\\"$status";
        let found: Vec<_> =
            conf.formats.iter().map(|found| (&*found.name, &*found.string, found.line)).collect();
        assert_eq!(
            found,
            [("main", main, 3), ("j", "escape=json {\"a\":\"${request}\"}", 5)],
            "without those of streams"
        );
        assert_eq!(
            used(&conf),
            [("/var/log/a.log", "main"), ("off", "(none)"), ("/var/log/b c.log", "combined")]
        );
        assert_eq!(nginx_unescaped(r#"a\"b\'c\\d\te\x"#), "a\"b'c\\d\te\\x");
    }

    #[test]
    fn nginx_error_logs_are_found_everywhere() {
        let conf = nginx(
            "error_log /var/log/e.log warn;\nhttp { error_log /dev/null; }\nmail{error_log off;}",
        )
        .expect("good");
        let found: Vec<_> =
            conf.error_logs.iter().map(|log| (&*log.path, log.is_kept(), log.line)).collect();
        assert_eq!(found, [("/var/log/e.log", true, 1), ("/dev/null", false, 2), ("off", true, 3)]);
    }

    #[test]
    fn variables_of_nginx_configurations_are_known() {
        let conf = nginx(concat!(
            "map $http_x $mapped { default 0; \"~^(?<in_map>a+){2}\" 1; }\n",
            "geo $near { default 0; 192.0.2.0/24 1; } geo $realip_remote_addr $far { default 0; }\n",
            "split_clients \"${remote_addr}AAA\" $variant { 50% a; * b; }\n",
            "geoip2 /g.mmdb { $country source=$remote_addr country iso_code; }\n",
            "auth_request_set $user $upstream_http_x_user; perl_set $p 'sub { return \"}\"; }';\n",
            "js_set $j main.f; js_var $v; userid_name uid; proxy_set_header Host $host;\n",
            "server { server_name ~^(?P<sub>.+)\\.example\\.com$; set $s \"a;b\";\n",
            "  set_by_lua_block $lua { -- don't }\n    local t = { a = \"}\", b = '{' } return [[ } ]] }\n",
            "  location ~ \"^/u/(?<who>\\w+)/x{2}$\" { return 200 '{\"ok\":true}'; } }\n",
        ))
        .expect("good");
        let found: Vec<_> = conf.variables.iter().map(String::as_str).collect();
        let expect = [
            "country", "far", "in_map", "j", "lua", "mapped", "near", "p", "s", "sub", "user", "v",
            "variant", "who",
        ];
        assert_eq!(found, expect);
    }

    #[test]
    fn errors_have_a_line() {
        let check = |text: &str, line: usize| {
            assert_eq!(nginx(text).map_err(|error| error.line), Err(line), "{text}");
        };
        check("a;\nb 'c;\n", 2);
        check("a;\nb c\n", 2);
        check("a;\nb { c; \n\n", 4);
        check("a;\n\n}\n", 3);
        check("a { b }\n", 1);
        check("x_by_lua_block { ' \n", 1);
        check("x_by_lua_block { [[ \n", 1);
        check("log_format a;\n", 1);
        check("a \\", 1);
        let error = nginx("a;\n192.0.2.7 - alice\n").expect_err("a log is no configuration");
        assert_eq!(error.to_string(), "line 2: a directive ends with ; or {");
        assert_eq!(apache("\nLogFormat \"%h\n").map_err(|error| error.line), Err(2));
        assert_eq!(apache("customlog\n").map_err(|error| error.line), Err(1));
    }

    #[test]
    fn apache_directives_are_read() {
        let conf = apache(concat!(
            "# LogFormat \"%h\" no\n",
            "LogFormat \"%h %l %u %t \\\"%r\\\" %>s %b\" common\r\n",
            "logformat \"%h \\\n  %t\" split\n",
            "<VirtualHost *:80>\n",
            "  CUSTOMLOG ${APACHE_LOG_DIR}/a.log common env=!dontlog\n",
            "  CustomLog \"|/usr/bin/rotatelogs -l '/b c.log' 86400\" \"%t %r\"\n",
            "  TransferLog /c.log\n",
            "  LogFormat split\n",
            "  TransferLog /d.log\n",
            "  ErrorLog syslog:local1\n",
            "  ErrorLogFormat \"[%t] %M\"\n",
            "  ErrorLogFormat request \"[%t] %L\"\n",
            "</VirtualHost>\n",
            "Redirect \"unended\n",
        ))
        .expect("good");
        let found: Vec<_> =
            conf.formats.iter().map(|found| (&*found.name, &*found.string, found.line)).collect();
        assert_eq!(found, [("common", "%h %l %u %t \"%r\" %>s %b", 2), ("split", "%h   %t", 3)]);
        assert_eq!(
            used(&conf),
            [
                ("${APACHE_LOG_DIR}/a.log", "common"),
                ("|/usr/bin/rotatelogs -l '/b c.log' 86400", "%t %r"),
                ("/c.log", "CLF"),
                ("/d.log", "split"),
            ]
        );
        assert_eq!(conf.error_logs.len(), 1);
        let formats: Vec<_> = conf.error_formats.iter().map(|found| &*found.name).collect();
        assert_eq!(formats, ["", "request"]);
    }
}
