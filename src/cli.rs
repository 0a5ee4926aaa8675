//! The command line: flags and subcommands, nothing else. What they mean is settled in `command/`.

mod audit;
pub mod quarantine;
mod report;

use std::{path::PathBuf, time::Duration};

use clap::{
    Args, Parser, Subcommand, ValueEnum,
    builder::styling::{AnsiColor, Styles},
};

pub use audit::{AuditCommand, LeaksArgs, RiskArgs};
pub use report::{
    CountsSource, CountsSpan, ExportForm, ReportCommand, ReportExportArgs, ReportHtmlArgs,
    ReportMergeArgs, ReportPublishArgs, ReportShowArgs,
};

use crate::{
    counts::Zone,
    field::Field,
    service::config::{read_bytes, read_duration},
    source::LINE_BYTES_MAX,
    transform::pseudonym::{EpochLength, KeyId},
};

const STYLES: Styles = Styles::styled()
    .header(AnsiColor::Green.on_default().bold())
    .usage(AnsiColor::Green.on_default().bold())
    .literal(AnsiColor::Cyan.on_default().bold())
    .placeholder(AnsiColor::Cyan.on_default());

/// How often something may be done at most, and at least.
const INTERVAL_MIN: Duration = Duration::from_millis(100);
const INTERVAL_MAX: Duration = Duration::from_secs(366 * 86_400);

const AFTER_HELP: &str = "\
Examples:
  tamis < access.log > clean.jsonl
  tail -F access.log | tamis
  tamis --emit combined access.log | goaccess - --log-format=COMBINED
  tamis --counts counts.json -o clean.jsonl access.log access.log.1

Lines that do not parse are counted and dropped, never passed on.
Exit status: 0 done, 1 an input or output failed, 2 usage or settings, 3 a gate said no.";

/// A fine sieve for web server access logs: keeps the usage, forgets the people.
///
/// Reads access logs from files or standard input, keeps the fields that name nobody, and writes
/// clean records to standard output. This is the same as `tamis filter`.
#[derive(Debug, Parser)]
#[command(version, styles = STYLES, after_help = AFTER_HELP, args_conflicts_with_subcommands = true)]
pub struct Cli {
    /// What to do; nothing means `filter`.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// The options of `filter`.
    #[command(flatten)]
    pub filter: FilterArgs,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Clean logs from files or standard input (the default)
    Filter(Box<FilterArgs>),
    /// Clean folders of rotated and compressed logs into a tree of clean copies, in parallel and resumable
    Batch(Box<BatchArgs>),
    /// Run beside a server for years: follow files, listen on sockets, lose nothing
    Serve(ServeArgs),
    /// Say how a running service is
    Status(StatusArgs),
    /// The log formats that are read
    Formats {
        /// What to do; nothing means `list`.
        #[command(subcommand)]
        command: Option<FormatsCommand>,
    },
    /// The policies that decide what is kept
    Policy {
        /// What to do.
        #[command(subcommand)]
        command: PolicyCommand,
    },
    /// The keys of tokens
    Keys {
        /// What to do.
        #[command(subcommand)]
        command: KeysCommand,
    },
    /// The quarantine: whole lines, sealed for an investigation
    Quarantine {
        /// What to do.
        #[command(subcommand)]
        command: QuarantineCommand,
    },
    /// Usage counts, shown to people
    Report {
        /// What to do.
        #[command(subcommand)]
        command: ReportCommand,
    },
    /// Verify what came out: whether anybody is in it, and how many records stand alone
    Audit {
        /// What to do.
        #[command(subcommand)]
        command: AuditCommand,
    },
    /// Print a completion script for a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Write manual pages, one for each command
    Man {
        /// The folder, which is made
        folder: PathBuf,
    },
}

/// The options of `serve`.
#[derive(Args, Debug)]
pub struct ServeArgs {
    /// The configuration, a TOML file
    #[arg(long, value_name = "FILE")]
    pub config: PathBuf,

    /// Only say whether the configuration can be used
    #[arg(long)]
    pub check: bool,

    /// Become this user first, where a server starts the service as root
    #[arg(long, value_name = "NAME")]
    pub user: Option<String>,
}

/// The options of `status`.
#[derive(Args, Debug)]
pub struct StatusArgs {
    /// The service's configuration
    #[arg(long, value_name = "FILE", default_value = "/etc/tamis/tamis.toml")]
    pub config: PathBuf,

    /// Where the service tells how it is, instead of what the configuration says
    #[arg(long, value_name = "ADDRESS")]
    pub listen: Option<String>,

    /// Print JSON instead of text
    #[arg(long)]
    pub json: bool,
}

/// What to do with formats.
#[derive(Debug, Subcommand)]
pub enum FormatsCommand {
    /// List the formats with an example of each
    List,
    /// Say which format a log has
    Detect {
        /// The log, or - for standard input
        file: PathBuf,

        /// Also say which format of an nginx configuration it has
        #[arg(long, value_name = "FILE")]
        nginx_conf: Option<String>,

        /// Also say which format of an Apache configuration it has
        #[arg(long, value_name = "FILE")]
        apache_conf: Option<String>,
    },
}

/// What to do with policies.
#[derive(Debug, Subcommand)]
pub enum PolicyCommand {
    /// List the policies that are part of the program
    List,
    /// Print a policy
    Show {
        /// The policy's name, or a TOML file
        policy: String,
    },
    /// Check a policy file and say what it keeps
    Check {
        /// The TOML file, or a policy's name
        policy: String,
    },
    /// Say what becomes of a line field by field and why, or survey what a log carries
    Explain(ExplainArgs),
    /// Say what a policy keeps more or less than another; ends with 3 when it is wider
    Diff {
        /// The policy as it was: a name or a TOML file
        from: String,
        /// The policy as it is to be: a name or a TOML file
        to: String,
    },
    /// Write the privacy notice that a policy makes true, as Markdown
    Notice {
        /// The policy's name, or a TOML file
        policy: String,
    },
}

/// The options of `policy explain`.
#[derive(Args, Debug)]
pub struct ExplainArgs {
    /// The policy's name, or a TOML file
    #[arg(default_value = "baseline")]
    pub policy: String,

    /// A line of your own, - for standard input; it is shown to you [default: the format's example]
    #[arg(long, value_name = "LINE", conflicts_with = "log")]
    pub line: Option<String>,

    /// A log of your own, - for standard input: what it carries, in names and shares and never in values
    #[arg(long, value_name = "FILE")]
    pub log: Option<PathBuf>,

    /// The format: auto, or a name from `tamis formats list`
    #[arg(long, value_name = "NAME", default_value = "auto")]
    pub format: String,

    /// Print JSON instead of text
    #[arg(long)]
    pub json: bool,
}

/// What to do with keys.
#[derive(Debug, Subcommand)]
pub enum KeysCommand {
    /// Begin keys, which the first use of `--client token` also does, in solo mode
    Init {
        /// Where the keys are.
        #[command(flatten)]
        place: KeyPlace,

        /// Derive keys from a chain that other machines may follow, instead of drawing each one
        #[arg(long)]
        shared: bool,

        /// How long a key lives, from 10m to 7d
        #[arg(long, value_name = "DURATION", default_value = "1d", value_parser = parse_epoch)]
        epoch: EpochLength,

        /// Only say that the clock is right although it was set by more than an epoch
        #[arg(long, conflicts_with_all = ["shared", "epoch"])]
        confirm_clock: bool,
    },
    /// Say which keys there are, by their public names
    Status {
        /// Where the keys are.
        #[command(flatten)]
        place: KeyPlace,
    },
    /// Hand the chain of keys on to another machine, which asked for it with import --request
    Export {
        /// Where the keys are.
        #[command(flatten)]
        place: KeyPlace,

        /// Who may open it: the text age1... that the request wrote, or the file with it
        #[arg(long, value_name = "RECIPIENT|FILE")]
        to: String,

        /// Write the answer to a file, - for standard output, which is also the default
        #[arg(short, long, value_name = "FILE")]
        output: Option<PathBuf>,
    },
    /// Begin with the keys of a chain that another machine leads: first ask for it, then import the answer
    Import {
        /// Where the keys are.
        #[command(flatten)]
        place: KeyPlace,

        /// The answer, - for standard input
        #[arg(required_unless_present = "request", requires = "expect")]
        answer: Option<PathBuf>,

        /// The key id that the leading machine said when it answered
        #[arg(long, value_name = "KID", requires = "answer")]
        expect: Option<KeyId>,

        /// Ask: write who may open the answer to a file, - for standard output
        #[arg(long, value_name = "FILE", conflicts_with_all = ["answer", "expect"])]
        request: Option<PathBuf>,
    },
    /// Destroy all keys, so that no token can be undone any more
    Destroy {
        /// Where the keys are.
        #[command(flatten)]
        place: KeyPlace,

        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
}

/// What to do with a quarantine.
#[derive(Debug, Subcommand)]
pub enum QuarantineCommand {
    /// Make a quarantine for those who may open it
    Init {
        /// Where: a directory that is not there, or is empty
        #[arg(value_name = "DIR")]
        directory: PathBuf,

        /// Who opens segments: a recipient age1..., or a file of them; repeatable
        #[arg(long, value_name = "RECIPIENT|FILE", required = true, num_args = 1..)]
        security: Vec<String>,

        /// Who must open them too, so that two persons are needed; repeatable
        #[arg(long, value_name = "RECIPIENT|FILE", num_args = 1..)]
        dpo: Vec<String>,

        /// Who has the seed by which the manifest is checked [default: security]
        #[arg(long, value_name = "RECIPIENT|FILE", num_args = 1..)]
        auditor: Vec<String>,
    },
    /// Say what there is, and since when, and who opened it last
    Status(quarantine::Place),
    /// List the segments
    List(quarantine::Place),
    /// Say which segments have lines of somebody, by their indexes and without opening the lines
    Search(Box<quarantine::SearchArgs>),
    /// Show lines
    Open(Box<quarantine::OpenArgs>),
    /// Have the lines of a case sealed from now on
    Case {
        /// What to do.
        #[command(subcommand)]
        command: quarantine::CaseCommand,
    },
    /// Keep segments from being destroyed
    Hold(Box<quarantine::HoldArgs>),
    /// Let go of a hold
    Release {
        /// Which quarantine.
        #[command(flatten)]
        place: quarantine::Place,

        /// The hold
        #[arg(value_name = "HOLD")]
        hold: String,

        /// Why.
        #[command(flatten)]
        why: quarantine::Why,
    },
    /// Hand segments on to somebody elsewhere, with the chain of custody
    Export(Box<quarantine::ExportArgs>),
    /// The lines of one person
    Subject {
        /// What to do.
        #[command(subcommand)]
        command: quarantine::SubjectCommand,
    },
    /// Destroy segments whose time is over
    Expire {
        /// Which quarantine.
        #[command(flatten)]
        place: quarantine::Place,

        /// The policy that says how long: a name or a TOML file
        #[arg(long, value_name = "NAME|FILE", default_value = "baseline")]
        policy: String,

        /// The time that it is [default: the clock's]
        #[arg(long, value_name = "TIME")]
        now: Option<String>,

        /// The clock is right although it is far ahead of the last line of the manifest
        #[arg(long)]
        yes: bool,
    },
    /// Say whether all is as it was written; ends with 3 when something is not
    Verify {
        /// Which quarantine.
        #[command(flatten)]
        place: quarantine::Place,

        /// The file with the auditor's secret key, without which nobody can tell whether all was rewritten
        #[arg(long, value_name = "FILE")]
        seed: Option<PathBuf>,

        /// What an earlier run printed at its end, kept elsewhere; repeatable
        #[arg(long, value_name = "[audit/UID=]LINES:HASH")]
        checkpoint: Vec<String>,
    },
    /// Agree, as the second role, to the opening of segments by somebody on another machine
    Approve(Box<quarantine::ApproveArgs>),
    /// Try whether the secret keys open what is sealed, with a test segment
    Drill {
        /// Which quarantine.
        #[command(flatten)]
        place: quarantine::Place,

        /// A file with secret keys; one of each role where two are needed
        #[arg(short, long = "identity", value_name = "FILE", required = true)]
        identities: Vec<PathBuf>,
    },
}

/// Where keys are.
#[derive(Args, Debug)]
pub struct KeyPlace {
    /// The key directory [default: $RUNTIME_DIRECTORY, else $XDG_RUNTIME_DIR/tamis]
    #[arg(long, value_name = "DIR")]
    pub key_dir: Option<PathBuf>,
}

/// The options of `batch`: its own, and those of `filter`, whose FILE may also be a folder or a pattern here, and -
/// a list of names on standard input, and whose output is a folder.
#[derive(Args, Debug)]
pub struct BatchArgs {
    /// The options of `filter`.
    #[command(flatten)]
    pub filter: FilterArgs,

    /// Write one file instead of a tree; -o - writes one stream to standard output
    #[arg(long, value_name = "FILE", conflicts_with = "output", help_heading = "Output")]
    pub single: Option<PathBuf>,

    /// Compress the clean copies
    #[arg(long, value_name = "HOW", conflicts_with = "single", help_heading = "Output")]
    pub compress: Option<Compress>,

    /// What becomes of the originals once their clean copies are durable and verified
    #[arg(long, value_name = "WHAT", default_value = "keep", help_heading = "Originals")]
    pub originals: Originals,

    /// Do not ask before originals are deleted
    #[arg(long, help_heading = "Originals")]
    pub yes: bool,

    /// Do everything anew, also what an earlier run has done
    #[arg(long)]
    pub force: bool,

    /// Only say what would be done
    #[arg(long, conflicts_with = "single")]
    pub dry_run: bool,
}

/// How clean copies are compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Compress {
    /// With Zstandard
    Zstd,
    /// With gzip
    Gzip,
}

/// What becomes of originals.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Originals {
    /// They stay
    Keep,
    /// They are deleted, but for those of which more than 1% was refused
    Delete,
    /// They are deleted once all of their lines are in the quarantine, with a policy that seals everything
    Seal,
}

/// The options of `filter`.
#[derive(Args, Clone, Debug)]
pub struct FilterArgs {
    /// Logs to read one after the other, also compressed; - for standard input [default: standard input]
    #[arg(value_name = "FILE")]
    pub files: Vec<PathBuf>,

    /// The log's format: auto, or a name from `tamis formats list`
    #[arg(long, value_name = "NAME", default_value = "auto", help_heading = "Input")]
    pub format: String,

    /// The log's format as a log_format string of nginx, or the whole directive
    #[arg(long, value_name = "STRING", group = "own", help_heading = "Input")]
    pub nginx_format: Option<String>,

    /// The log's format as a LogFormat string of Apache
    #[arg(long, value_name = "STRING", group = "own", help_heading = "Input")]
    pub apache_format: Option<String>,

    /// The log's format from an nginx configuration; NAME where its access logs have several
    #[arg(long, value_name = "FILE[:NAME]", group = "own", help_heading = "Input")]
    pub nginx_conf: Option<String>,

    /// The log's format from an Apache configuration; NAME where its access logs have several
    #[arg(long, value_name = "FILE[:NAME]", group = "own", help_heading = "Input")]
    pub apache_conf: Option<String>,

    /// What a variable of one's own in such a format holds: drop, or a field such as client
    #[arg(long = "variable", value_name = "NAME=FIELD", requires = "own")]
    #[arg(value_parser = parse_variable, help_heading = "Input")]
    pub variables: Vec<(String, Option<Field>)>,

    /// The site that the log belongs to, when its lines do not say
    #[arg(long, value_name = "NAME", help_heading = "Input")]
    pub site: Option<String>,

    /// Refuse longer lines; their rest is skipped (up to 16MiB)
    #[arg(long, value_name = "BYTES", default_value = "64KiB", value_parser = parse_line_bytes, help_heading = "Input")]
    pub max_line: usize,

    /// How large the content of one compressed input may be [default: 500 times its size, at least 256MiB]
    #[arg(long, value_name = "BYTES", value_parser = parse_bytes, help_heading = "Input")]
    pub max_decompressed: Option<u64>,

    /// What is kept: a policy's name or a TOML file
    #[arg(long, value_name = "NAME|FILE", default_value = "baseline", help_heading = "Privacy")]
    pub policy: String,

    /// How the client is told, instead of the policy's way
    #[arg(long, value_name = "HOW", help_heading = "Privacy")]
    pub client: Option<Client>,

    /// Bits of an IPv4 address that are kept, 8 to 24
    #[arg(long, value_name = "N", help_heading = "Privacy")]
    pub ipv4_prefix: Option<u8>,

    /// Bits of an IPv6 address that are kept, 16 to 48
    #[arg(long, value_name = "N", help_heading = "Privacy")]
    pub ipv6_prefix: Option<u8>,

    /// Where the keys of tokens are [default: $RUNTIME_DIRECTORY, else $XDG_RUNTIME_DIR/tamis]
    #[arg(long, value_name = "DIR", help_heading = "Privacy")]
    pub key_dir: Option<PathBuf>,

    /// A proxy whose X-Forwarded-For or Forwarded is believed, as an address or a network
    #[arg(long = "trusted-proxy", value_name = "CIDR", help_heading = "Privacy")]
    pub trusted_proxies: Vec<String>,

    /// A file in the MMDB form that says in which country a network is; without it there is no country
    #[arg(long, value_name = "FILE", help_heading = "Privacy")]
    pub country_db: Option<PathBuf>,

    /// A file in the MMDB form that says which organisation a network is registered for
    #[arg(long, value_name = "FILE", help_heading = "Privacy")]
    pub organisation_db: Option<PathBuf>,

    /// Seal lines there that the policy names, such as those that are refused; see tamis quarantine init
    #[arg(long, value_name = "DIR", help_heading = "Privacy")]
    pub quarantine: Option<PathBuf>,

    /// Where the open cases are, whose lines are sealed too [default: where tamis quarantine case opens them]
    #[arg(long, value_name = "DIR", requires = "quarantine", help_heading = "Privacy")]
    pub case_dir: Option<PathBuf>,

    /// A folder with rules for attacks of one's own, *.toml, beside those of tamis
    #[arg(long, value_name = "DIR", requires = "quarantine", help_heading = "Privacy")]
    pub rules: Option<PathBuf>,

    /// The form of the records
    #[arg(long, value_name = "FORM", default_value = "jsonl", help_heading = "Output")]
    pub emit: Emit,

    /// Write records to a file instead of standard output; SIGHUP opens it anew
    #[arg(short, long, value_name = "FILE", help_heading = "Output")]
    pub output: Option<PathBuf>,

    /// Extend the output file instead of replacing it
    #[arg(long, requires = "output", help_heading = "Output")]
    pub append: bool,

    /// Write usage counts as JSON at the end, - for a table on standard error
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    pub counts: Option<PathBuf>,

    /// Add usage counts by window to a store, an SQLite file, also while running
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    pub store: Option<PathBuf>,

    /// Write usage counts by window at the end, to be joined with those of other runs by `report merge`
    #[arg(long, value_name = "FILE", conflicts_with = "store", help_heading = "Output")]
    pub partial: Option<PathBuf>,

    /// The name of this run in the store: begun again after it was killed, over the same input, it counts nothing
    /// twice
    #[arg(long, value_name = "NAME", requires = "store", help_heading = "Output")]
    pub run: Option<String>,

    /// Whose days and hours the counts use, such as Europe/Berlin
    #[arg(long, value_name = "ZONE", default_value = "UTC", help_heading = "Output")]
    pub timezone: Zone,

    /// Write the counts also while running, such as every 60s
    #[arg(long, value_name = "DURATION", requires = "counts", value_parser = parse_duration, help_heading = "Output")]
    pub counts_every: Option<Duration>,

    /// The closing summary on standard error [default: text on a terminal, else none]
    #[arg(long, value_name = "FORM", help_heading = "Output")]
    pub summary: Option<Summary>,

    /// A progress bar on standard error
    #[arg(long, value_name = "WHEN", default_value = "auto", help_heading = "Output")]
    pub progress: When,

    /// Worker threads [default: one for each core]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256), help_heading = "Speed")]
    pub threads: Option<u16>,
}

/// How the client is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Client {
    /// As the network that its address lies in
    Truncate,
    /// As its country only, where a file that knows countries is given
    Country,
    /// As a pseudonym that a visitor keeps for a day
    Token,
    /// Not at all
    Drop,
}

/// The form of the records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Emit {
    /// One JSON object a line
    Jsonl,
    /// The combined log format, for GoAccess, AWStats, Webalizer and Matomo
    Combined,
    /// Comma-separated values with a header
    Csv,
}

/// The form of the closing summary.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Summary {
    /// For people
    Text,
    /// One line of JSON
    Json,
    /// No summary
    None,
}

/// When to show something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum When {
    /// On a terminal
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

/// A limit of a line.
fn parse_line_bytes(text: &str) -> Result<usize, String> {
    usize::try_from(parse_bytes(text)?)
        .ok()
        .filter(|bytes| (1..=LINE_BYTES_MAX).contains(bytes))
        .ok_or_else(|| "a number of bytes from 1 to 16MiB is expected".to_owned())
}

fn parse_bytes(text: &str) -> Result<u64, String> {
    read_bytes(text)
        .ok_or_else(|| "a number of bytes such as 65536, 64KiB or 1MiB is expected".to_owned())
}

/// `NAME=drop` or `NAME=FIELD`, with or without the dollar that nginx writes before the name.
fn parse_variable(text: &str) -> Result<(String, Option<Field>), String> {
    let of_error_logs = [Field::Level, Field::Module, Field::Message];
    let fields = Field::ALL.into_iter().filter(|field| !of_error_logs.contains(field));
    let (name, word) = text.rsplit_once('=').unwrap_or((text, ""));
    let name = name.strip_prefix('$').unwrap_or(name);
    match fields.clone().find(|field| field.name() == word) {
        Some(field) if !name.is_empty() => Ok((name.to_owned(), Some(field))),
        None if !name.is_empty() && word == "drop" => Ok((name.to_owned(), None)),
        _ => {
            let words: Vec<_> = fields.map(Field::name).collect();
            Err(format!("NAME=drop or NAME=FIELD is expected; fields are {}", words.join(", ")))
        }
    }
}

/// A duration of whole seconds that a key may live.
fn parse_epoch(text: &str) -> Result<EpochLength, String> {
    parse_duration(text)
        .ok()
        .filter(|duration| duration.subsec_nanos() == 0)
        .and_then(|duration| u32::try_from(duration.as_secs()).ok())
        .and_then(EpochLength::new)
        .ok_or_else(|| "a duration from 10m to 7d is expected".to_owned())
}

fn parse_duration(text: &str) -> Result<Duration, String> {
    read_duration(text)
        .filter(|duration| (INTERVAL_MIN..=INTERVAL_MAX).contains(duration))
        .ok_or_else(|| {
            "a duration from 100ms to 366d is expected, such as 60s, 5m or 1h".to_owned()
        })
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_definitions_agree_with_each_other() {
        Cli::command().debug_assert();
    }

    #[test]
    fn sizes_variables_and_durations() {
        for (text, expect) in [
            ("65536", Some(65_536)),
            ("64KiB", Some(65_536)),
            ("64K", Some(65_536)),
            ("1MiB", Some(1 << 20)),
            ("16MiB", Some(16 << 20)),
            ("17MiB", None),
            ("0", None),
            ("", None),
            ("x", None),
            ("1G", None),
            ("99999999999999999999", None),
        ] {
            assert_eq!(parse_line_bytes(text).ok(), expect, "{text}");
        }
        for (text, expect) in [
            ("a=drop", Some(("a", None))),
            ("$a=client", Some(("a", Some(Field::Client)))),
            ("a=", None),
            ("a", None),
            ("=drop", None),
            ("$=drop", None),
            ("a=nosuch", None),
            ("a=message", None),
        ] {
            let found = parse_variable(text).ok();
            assert_eq!(found, expect.map(|(name, field)| (name.to_owned(), field)), "{text}");
        }
        for (text, expect) in
            [("60s", Some(60)), ("5m", Some(300)), ("1h", Some(3600)), ("60", None), ("0s", None)]
        {
            assert_eq!(parse_duration(text).ok(), expect.map(Duration::from_secs), "{text}");
        }
    }
}
