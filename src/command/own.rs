//! Which format lines have when somebody says so: a name, a server's own string, or its configuration.

use std::{collections::BTreeSet, fs, path::Path};

use anyhow::Result;

use super::Usage;
use crate::{
    cli::FilterArgs,
    field::Field,
    format::{
        Declared, Format, StringError, apache,
        conf::{self, Conf, ConfError, Used},
        nginx,
    },
    source::FormatChoice,
};

/// The format that the options of `filter` ask for.
pub(super) fn choice(args: &FilterArgs) -> Result<FormatChoice> {
    let strings = [
        (Server::Nginx, "--nginx-format", &args.nginx_format),
        (Server::Apache, "--apache-format", &args.apache_format),
    ];
    let confs = [
        (Server::Nginx, "--nginx-conf", &args.nginx_conf),
        (Server::Apache, "--apache-conf", &args.apache_conf),
    ];
    // The options themselves see to it that there is no more than one of these.
    let given = strings.iter().chain(&confs).find(|(_, _, text)| text.is_some());
    if let Some((_, option, _)) = given.filter(|_| args.format != "auto") {
        return Err(usage(format!("--format and {option} exclude each other; give one of them")));
    }
    for (server, option, string) in strings {
        if let Some(string) = string {
            let format = server.compile(string, &declared(&args.variables));
            let format = format
                .map_err(|error| usage(format!("cannot use the string of {option}: {error}")))?;
            return Ok(FormatChoice::Fixed(format));
        }
    }
    for (server, option, text) in confs {
        if let Some(text) = text {
            let (path, name) = path_and_name(text);
            let configuration = Configuration::read(server, path, &args.variables)?;
            let used = match name {
                Some(name) => Used::Named(name.to_owned()),
                None => configuration.only_used(option)?,
            };
            return configuration.compile(&used).map(FormatChoice::Fixed);
        }
    }
    named(&args.format)
}

/// The format of that name, or `auto`.
pub(super) fn named(name: &str) -> Result<FormatChoice> {
    if name == "auto" {
        return Ok(FormatChoice::Auto);
    }
    Format::named(name).map(FormatChoice::Fixed).ok_or_else(|| {
        let names: Vec<_> = Format::all().iter().map(Format::name).collect();
        let names = names.join(", ");
        usage(format!("there is no format named {name:?}; there are auto, {names}"))
    })
}

fn usage(what: String) -> anyhow::Error {
    Usage(what).into()
}

/// The variables that `--variable` declares, of which a later one wins.
fn declared(variables: &[(String, Option<Field>)]) -> Declared {
    Declared(variables.iter().cloned().collect())
}

/// `FILE` or `FILE:NAME`. A file whose own name has a colon in it is taken as a whole if it is there.
fn path_and_name(text: &str) -> (&str, Option<&str>) {
    match text.rsplit_once(':') {
        Some((path, name)) if !Path::new(text).exists() && !name.is_empty() => (path, Some(name)),
        _ => (text, None),
    }
}

/// A server whose configuration we read.
#[derive(Clone, Copy, Debug)]
pub(super) enum Server {
    Nginx,
    Apache,
}

impl Server {
    fn read(self, text: &str) -> Result<Conf, ConfError> {
        match self {
            Self::Nginx => conf::nginx(text),
            Self::Apache => conf::apache(text),
        }
    }

    fn compile(self, string: &str, declared: &Declared) -> Result<Format, StringError> {
        match self {
            Self::Nginx => nginx::compile(string, declared),
            Self::Apache => apache::compile(string, declared),
        }
    }

    /// The format that the server knows without being told.
    pub(super) fn predefined(self) -> (&'static str, Format) {
        match self {
            Self::Nginx => ("combined", Format::combined()),
            Self::Apache => ("CLF", Format::common()),
        }
    }

    /// The directive that defines a format.
    const fn defines(self) -> &'static str {
        match self {
            Self::Nginx => "log_format",
            Self::Apache => "LogFormat",
        }
    }

    /// The directive that uses one.
    pub(super) const fn uses(self) -> &'static str {
        match self {
            Self::Nginx => "access_log",
            Self::Apache => "CustomLog",
        }
    }

    /// What its error log is called by `--format`.
    pub(super) const fn error_format(self) -> &'static str {
        match self {
            Self::Nginx => "nginx-error",
            Self::Apache => "apache-error",
        }
    }
}

/// A configuration as it was read.
#[derive(Debug)]
pub(super) struct Configuration {
    pub(super) server: Server,
    /// Its name as it was given.
    pub(super) path: String,
    pub(super) conf: Conf,
    declared: Declared,
}

impl Configuration {
    /// Reads the file at `path`.
    pub(super) fn read(
        server: Server,
        path: &str,
        variables: &[(String, Option<Field>)],
    ) -> Result<Self> {
        let text = fs::read_to_string(path)
            .map_err(|error| usage(format!("cannot read the configuration {path}: {error}")))?;
        let conf = server
            .read(&text)
            .map_err(|error| usage(format!("cannot read the configuration {path}: {error}")))?;
        let mut declared = declared(variables);
        // What the configuration sets itself is of no use to us, unless somebody says otherwise.
        for name in conf.variables.iter().filter(|name| nginx::tells(name).is_none()) {
            declared.0.entry(name.clone()).or_insert(None);
        }
        Ok(Self { server, path: path.to_owned(), conf, declared })
    }

    /// The formats that access logs use.
    pub(super) fn used(&self) -> BTreeSet<&Used> {
        self.conf.access_logs.iter().filter_map(|log| log.format.as_ref()).collect()
    }

    fn only_used(&self, option: &str) -> Result<Used> {
        let used = self.used();
        if let (Some(only), 1) = (used.first(), used.len()) {
            return Ok((*only).clone());
        }
        let uses = self.server.uses();
        let has = match used.len() {
            0 => format!("has no {uses}"),
            _ => format!("has several formats for {uses}"),
        };
        let names = self.names();
        let path = &self.path;
        Err(usage(format!(
            "cannot tell the format: {path} {has}; name one of {names}, such as {option} {path}:NAME"
        )))
    }

    /// The names of all formats, for messages.
    fn names(&self) -> String {
        let defined = self.conf.formats.iter().map(|format| &*format.name);
        let names: BTreeSet<_> = defined.chain([self.server.predefined().0]).collect();
        names.into_iter().collect::<Vec<_>>().join(", ")
    }

    /// The format that a log uses.
    pub(super) fn compile(&self, used: &Used) -> Result<Format> {
        let Self { server, path, conf, declared } = self;
        let defines = server.defines();
        let (what, string) = match used {
            Used::Given(string) => (format!("the string of a {} in {path}", server.uses()), string),
            Used::Named(name) => {
                // Where a name is given twice, the later one counts.
                match conf.formats.iter().rev().find(|format| format.name == *name) {
                    Some(format) => {
                        let line = format.line;
                        (format!("the {defines} {name} of {path}, line {line}"), &format.string)
                    }
                    None if *name == server.predefined().0 => return Ok(server.predefined().1),
                    None => {
                        return Err(usage(format!(
                            "{path} has no {defines} named {name:?}; there are {}",
                            self.names()
                        )));
                    }
                }
            }
        };
        let format = server.compile(string, declared);
        format.map_err(|error| usage(format!("cannot use {what}: {error}")))
    }
}
